/* SPDX-License-Identifier: Apache-2.0 */
/* Actors that do something of their own accord: the suite's run.ts. Its `run` is a coroutine beside the actor; here timers stand
 * for it, which keep an actor awake just the same, and a run that throws is one that sets no timer any more. */
#include "kit.h"

#define IDLE_MS 1000 /* the suite's RUN_SLEEP_TIMEOUT */
#define TICK_MS 50
#define RUN_MS  200  /* until a run that ends has ended */

struct course {
	int64_t tick_count, last_tick, run_count, wake_count, sleep_count, destroy_count;
	bool run_started, run_exited, destroy_called, destroy_requested;
	const char *marker;
};
static const struct troupe_record course = TROUPE_RECORD(course,
	TROUPE_FIELD(course, tick_count, "tickCount"),
	TROUPE_FIELD(course, last_tick, "lastTickAt"),
	TROUPE_FIELD(course, run_count, "runCount"),
	TROUPE_FIELD(course, wake_count, "wakeCount"),
	TROUPE_FIELD(course, sleep_count, "sleepCount"),
	TROUPE_FIELD(course, destroy_count, "destroyCount"),
	TROUPE_FIELD(course, run_started, "runStarted"),
	TROUPE_FIELD(course, run_exited, "runExited"),
	TROUPE_FIELD(course, destroy_called, "destroyCalled"),
	TROUPE_FIELD(course, destroy_requested, "destroyRequested"),
	TROUPE_OPTION(course, marker, "marker"));

static int get_state(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply(call, &course, troupe_self(a));
}

static int end(struct troupe_actor *a, struct troupe_call *call)
{
	(void)call;
	troupe_destroy(a);
	return 0;
}

static const struct troupe_action course_actions[] = {
	{ .name = "getState", .run = get_state },
	{ .name = "destroy",  .run = end },
	{ 0 }
};

static int count_wake(struct troupe_actor *a)
{
	((struct course *)troupe_self(a))->wake_count++;
	return 0;
}

static void count_sleep(struct troupe_actor *a)
{
	((struct course *)troupe_self(a))->sleep_count++;
}

/* Begins what the suite's run does. */
static void run_after(struct troupe_actor *a, void (*run)(struct troupe_actor *a, void *arg), int64_t delay_ms)
{
	troupe_timer_set(troupe_timer_new(a, run, NULL), delay_ms);
}

/* ------------------------------------------------------------------ runWithTicks */

static void tick(struct troupe_actor *a, void *arg)
{
	struct course *self = troupe_self(a);

	(void)arg;
	self->run_started = true;
	self->tick_count++;
	self->last_tick = troupe_now_ms(a);
	run_after(a, tick, TICK_MS);
}

static int ticks_wake(struct troupe_actor *a)
{
	tick(a, NULL);
	return 0;
}

const struct troupe_kind run_ticks_kind = {
	.name    = "runWithTicks",
	.size    = sizeof(struct course),
	.state   = &course,
	.idle_ms = IDLE_MS,
	.wake    = ticks_wake,
	.actions = course_actions,
};

/* ------------------------------------------------------------------ runWithEarlyExit, runWithError, runWithoutHandler */

static void exit_early(struct troupe_actor *a, void *arg)
{
	(void)arg;
	((struct course *)troupe_self(a))->run_exited = true;
}

static int early_wake(struct troupe_actor *a)
{
	((struct course *)troupe_self(a))->run_started = true;
	run_after(a, exit_early, RUN_MS);
	return count_wake(a);
}

static void early_sleep(struct troupe_actor *a)
{
	count_sleep(a);
	observe(a, "sleep");
}

static void early_destroy(struct troupe_actor *a)
{
	((struct course *)troupe_self(a))->destroy_called = true;
	observe(a, "destroy");
}

const struct troupe_kind run_early_exit_kind = {
	.name    = "runWithEarlyExit",
	.size    = sizeof(struct course),
	.state   = &course,
	.idle_ms = IDLE_MS,
	.wake    = early_wake,
	.sleep   = early_sleep,
	.destroy = early_destroy,
	.actions = course_actions,
};

const struct troupe_kind run_error_kind = {
	.name    = "runWithError",
	.size    = sizeof(struct course),
	.state   = &course,
	.idle_ms = IDLE_MS,
	.wake    = early_wake,
	.sleep   = count_sleep,
	.destroy = early_destroy,
	.actions = course_actions,
};

const struct troupe_kind run_without_kind = {
	.name    = "runWithoutHandler",
	.size    = sizeof(struct course),
	.state   = &course,
	.idle_ms = IDLE_MS,
	.wake    = count_wake,
	.actions = course_actions,
};

/* ------------------------------------------------------------------ runSelfInitiatedSleep, runSelfInitiatedDestroy */

static void sleep_once(struct troupe_actor *a, void *arg)
{
	struct course *self = troupe_self(a);

	(void)arg;
	if (self->run_count++ > 0)
		return;
	troupe_set_text(a, &self->marker, "sleep-requested");
	troupe_sleep(a);
}

static int self_sleep_wake(struct troupe_actor *a)
{
	run_after(a, sleep_once, 0);
	return count_wake(a);
}

static void self_sleep_sleep(struct troupe_actor *a)
{
	count_sleep(a);
	troupe_set_text(a, &((struct course *)troupe_self(a))->marker, "slept");
}

const struct troupe_kind run_self_sleep_kind = {
	.name    = "runSelfInitiatedSleep",
	.size    = sizeof(struct course),
	.state   = &course,
	.initial = &(const struct course){ .marker = "new" },
	.idle_ms = IDLE_MS,
	.wake    = self_sleep_wake,
	.sleep   = self_sleep_sleep,
	.actions = course_actions,
};

static void destroy_once(struct troupe_actor *a, void *arg)
{
	struct course *self = troupe_self(a);

	(void)arg;
	self->run_count++;
	if (self->destroy_requested)
		return;
	self->destroy_requested = true;
	troupe_destroy(a);
}

static int self_destroy_wake(struct troupe_actor *a)
{
	run_after(a, destroy_once, 0);
	return 0;
}

static void self_destroy_destroy(struct troupe_actor *a)
{
	observe(a, "destroy");
}

const struct troupe_kind run_self_destroy_kind = {
	.name    = "runSelfInitiatedDestroy",
	.size    = sizeof(struct course),
	.state   = &course,
	.wake    = self_destroy_wake,
	.destroy = self_destroy_destroy,
	.actions = course_actions,
};

/* ------------------------------------------------------------------ runIgnoresAbortStopTimeout: there is nothing to abort */

const struct troupe_kind run_ignores_abort_kind = {
	.name    = "runIgnoresAbortStopTimeout",
	.size    = sizeof(struct course),
	.state   = &course,
	.idle_ms = 50,
	.wake    = count_wake,
	.actions = course_actions,
};
