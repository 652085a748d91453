/* SPDX-License-Identifier: Apache-2.0 */
/* Timers are libevent's, times are the kernel's. */
#include "runtime/main/clock.h"

#include <stdlib.h>
#include <time.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"

struct tr_timer {
	struct event *event;
	void (*fire)(void *arg);
	void *arg;
};

static int64_t read_ms(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t now_ms(void *ctx)
{
	(void)ctx;
	return read_ms(CLOCK_REALTIME);
}

static int64_t mono_ms(void *ctx)
{
	(void)ctx;
	return read_ms(CLOCK_MONOTONIC);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct tr_timer *t = arg;

	(void)fd;
	(void)what;
	t->fire(t->arg);
}

static struct tr_timer *timer_new(void *ctx, void (*fire)(void *arg), void *arg)
{
	struct tr_timer *t = tr_alloc(sizeof *t);

	t->fire = fire;
	t->arg = arg;
	t->event = event_new(ctx, -1, 0, on_timeout, t);
	if (!t->event) {
		tr_error("memory.exhausted", "event_new");
		abort();
	}
	return t;
}

static void timer_set(struct tr_timer *t, int64_t delay_ms)
{
	struct timeval delay = { .tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000 };

	if (delay_ms < 0)
		event_del(t->event);
	else
		event_add(t->event, &delay);
}

static struct tr_timer *timer_free(struct tr_timer *t)
{
	if (!t)
		return NULL;
	event_free(t->event);
	free(t);
	return NULL;
}

struct tr_clock tr_event_clock(struct event_base *base)
{
	static const struct tr_clock_ops ops = {
		.now_ms = now_ms, .mono_ms = mono_ms,
		.timer_new = timer_new, .timer_set = timer_set, .timer_free = timer_free,
	};

	return (struct tr_clock){ .ops = &ops, .ctx = base };
}
