/* SPDX-License-Identifier: Apache-2.0 */
/* A clock that stands still until a test moves it: hand.now += ms, and what is due fires in the next step.
 * Nothing in a test that uses it depends on how fast the machine is. */
#ifndef TR_TESTS_HAND_CLOCK_H
#define TR_TESTS_HAND_CLOCK_H

#include <stdbool.h>
#include <stdlib.h>

#include "runtime/core/ports.h"

struct tr_timer {
	struct tr_timer *next;
	void           (*fire)(void *arg);
	void            *arg;
	int64_t          at_ms; /* negative: off */
};

static struct { int64_t now; struct tr_timer *timers; } hand;

static inline int64_t hand_now(void *ctx)
{
	(void)ctx;
	return hand.now;
}

static inline struct tr_timer *hand_timer_new(void *ctx, void (*fire)(void *arg), void *arg)
{
	struct tr_timer *t = calloc(1, sizeof *t);

	(void)ctx;
	*t = (struct tr_timer){ hand.timers, fire, arg, -1 };
	hand.timers = t;
	return t;
}

static inline void hand_timer_set(struct tr_timer *t, int64_t delay_ms)
{
	t->at_ms = delay_ms < 0 ? -1 : hand.now + delay_ms;
}

static inline struct tr_timer *hand_timer_free(struct tr_timer *t)
{
	for (struct tr_timer **at = &hand.timers; t && *at; at = &(*at)->next) {
		if (*at == t) {
			*at = t->next;
			break;
		}
	}
	free(t);
	return NULL;
}

/* Fires the first that is due. False: none is. */
static inline bool hand_fire(void)
{
	struct tr_timer *first = NULL;

	for (struct tr_timer *t = hand.timers; t; t = t->next) {
		if (t->at_ms >= 0 && t->at_ms <= hand.now && (!first || t->at_ms < first->at_ms))
			first = t;
	}
	if (!first)
		return false;
	first->at_ms = -1;
	first->fire(first->arg);
	return true;
}

static inline struct tr_clock hand_clock(void)
{
	static const struct tr_clock_ops ops = {
		.now_ms = hand_now, .mono_ms = hand_now,
		.timer_new = hand_timer_new, .timer_set = hand_timer_set, .timer_free = hand_timer_free,
	};

	hand.now = 1000000;
	return (struct tr_clock){ .ops = &ops };
}

#endif
