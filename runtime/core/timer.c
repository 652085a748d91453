/* SPDX-License-Identifier: Apache-2.0 */
/* An author's timers: each firing is a turn. */
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/core/live.h"
#include "runtime/core/part.h"

struct troupe_timer {
	struct tr_list       link;
	struct troupe_actor *actor;
	struct tr_timer     *timer;
	bool                 set;
	void               (*fire)(struct troupe_actor *a, void *arg);
	void                *arg;
};

static void count(struct troupe_timer *t, bool set)
{
	t->actor->timers_set += set;
	t->actor->timers_set -= t->set;
	t->set = set;
}

static int fire_turn(struct troupe_actor *a, void *arg)
{
	struct troupe_timer *t = arg;

	t->fire(a, t->arg);
	return 0;
}

static void on_fire(void *arg)
{
	struct troupe_timer *t = arg;
	struct troupe_actor *a = t->actor;

	count(t, false);
	if (a->life == TR_AWAKE)
		tr_actor_turn(a, fire_turn, t); /* which may free the timer */
}

struct troupe_timer *troupe_timer_new(struct troupe_actor *a, void (*fire)(struct troupe_actor *a, void *arg), void *arg)
{
	const struct tr_clock *clock = &a->core->o.clock;
	struct troupe_timer *t = tr_alloc(sizeof *t);

	t->actor = a;
	t->fire = fire;
	t->arg = arg;
	t->timer = clock->ops->timer_new(clock->ctx, on_fire, t);
	tr_list_push(&a->timers, &t->link);
	return t;
}

void troupe_timer_set(struct troupe_timer *t, int64_t delay_ms)
{
	count(t, delay_ms >= 0);
	t->actor->core->o.clock.ops->timer_set(t->timer, delay_ms);
}

struct troupe_timer *troupe_timer_free(struct troupe_timer *t)
{
	if (!t)
		return NULL;
	count(t, false);
	t->actor->core->o.clock.ops->timer_free(t->timer);
	tr_list_remove(&t->link);
	free(t);
	return NULL;
}

/* ------------------------------------------------------------------ as a part of the actor */

static int timers_open(struct troupe_actor *a, const struct tr_stored *stored)
{
	(void)stored;
	tr_list_init(&a->timers);
	return 0;
}

static bool timers_idle(const struct troupe_actor *a)
{
	return a->timers_set == 0;
}

static void timers_free(struct troupe_actor *a)
{
	while (!tr_list_empty(&a->timers))
		troupe_timer_free(tr_container(a->timers.next, struct troupe_timer, link));
}

const struct tr_part tr_timers_part = { .open = timers_open, .idle = timers_idle, .free = timers_free };
