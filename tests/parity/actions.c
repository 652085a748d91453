/* SPDX-License-Identifier: Apache-2.0 */
/* Actions that answer at once, later, or too late: the suite's action-types.ts and action-timeout.ts. */
#include <stdlib.h>
#include <stdio.h>

#include "kit.h"

struct amount { int64_t amount; };
static const struct troupe_record amount = TROUPE_RECORD(amount,
	TROUPE_DEFAULT(amount, amount, "amount", 1));

struct total { int64_t value; };
static const struct troupe_record total = TROUPE_RECORD(total,
	TROUPE_FIELD(total, value, "value"));

static int total_add(struct troupe_actor *a, struct troupe_call *call)
{
	struct total *self = troupe_self(a);
	const struct amount *in = troupe_args(call);

	self->value += in->amount;
	return troupe_reply_int(call, self->value);
}

static int total_read(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply_int(call, ((struct total *)troupe_self(a))->value);
}

/* ------------------------------------------------------------------ syncActionActor */

struct info { int64_t value, timestamp; };
static const struct troupe_record info = TROUPE_RECORD(info,
	TROUPE_FIELD(info, value, "currentValue"),
	TROUPE_FIELD(info, timestamp, "timestamp"));

static int sync_get_info(struct troupe_actor *a, struct troupe_call *call)
{
	struct total *self = troupe_self(a);

	return troupe_reply(call, &info, &(struct info){ .value = self->value, .timestamp = troupe_now_ms(a) });
}

static int sync_reset(struct troupe_actor *a, struct troupe_call *call)
{
	(void)call;
	((struct total *)troupe_self(a))->value = 0;
	return 0;
}

static const struct troupe_action sync_actions[] = {
	{ .name = "increment", .run = total_add, .takes = &amount, .positional = true },
	{ .name = "getInfo",   .run = sync_get_info },
	{ .name = "reset",     .run = sync_reset },
	{ 0 }
};

const struct troupe_kind sync_action_kind = {
	.name    = "syncActionActor",
	.size    = sizeof(struct total),
	.state   = &total,
	.actions = sync_actions,
};

/* ------------------------------------------------------------------ asyncActionActor */

struct fetched { const char *id; int64_t timestamp; };
static const struct troupe_record fetched = TROUPE_RECORD(fetched,
	TROUPE_FIELD(fetched, id, "id"),
	TROUPE_OPTION(fetched, timestamp, "timestamp"));

static int async_fetch_data(struct troupe_actor *a, struct troupe_call *call)
{
	const struct fetched *in = troupe_args(call);

	return troupe_reply(call, &fetched, &(struct fetched){ .id = in->id, .timestamp = troupe_now_ms(a) });
}

struct wish { bool fail; };
static const struct troupe_record wish = TROUPE_RECORD(wish,
	TROUPE_OPTION(wish, fail, "shouldError"));

static int async_with_error(struct troupe_actor *a, struct troupe_call *call)
{
	const struct wish *in = troupe_args(call);

	(void)a;
	if (in->fail)
		return troupe_fail_user(call, "user_error", "Intentional error", (struct troupe_value){ 0 });
	return reply_text(call, "Success");
}

static const struct troupe_action async_actions[] = {
	{ .name = "delayedIncrement", .run = total_add,        .takes = &amount,  .positional = true },
	{ .name = "fetchData",        .run = async_fetch_data, .takes = &fetched, .positional = true },
	{ .name = "asyncWithError",   .run = async_with_error, .takes = &wish,    .positional = true },
	{ 0 }
};

const struct troupe_kind async_action_kind = {
	.name    = "asyncActionActor",
	.size    = sizeof(struct total),
	.state   = &total,
	.actions = async_actions,
};

/* ------------------------------------------------------------------ concurrentActionActor */

struct course { struct troupe_value events; };
static const struct troupe_record course = TROUPE_RECORD(course,
	TROUPE_OPTION(course, events, "events"));

struct lap { const char *label; int64_t delay_ms; };
static const struct troupe_record lap = TROUPE_RECORD(lap,
	TROUPE_FIELD(lap, label, "label"),
	TROUPE_FIELD(lap, delay_ms, "delayMs"));

static void course_note(struct troupe_actor *a, const char *what, const char *label)
{
	char *event;

	if (asprintf(&event, "%s:%s", what, label) < 0)
		abort();
	list_push_text(a, &((struct course *)troupe_self(a))->events, event);
	free(event);
}

static void course_finish(struct troupe_actor *a, struct troupe_call *call)
{
	const struct lap *in = troupe_args(call);

	course_note(a, "finish", in->label);
	reply_text(call, in->label);
}

static int course_run(struct troupe_actor *a, struct troupe_call *call)
{
	const struct lap *in = troupe_args(call);

	course_note(a, "start", in->label);
	return answer_after(call, in->delay_ms, course_finish);
}

static int course_get_events(struct troupe_actor *a, struct troupe_call *call)
{
	return reply_list(call, ((struct course *)troupe_self(a))->events);
}

static const struct troupe_action course_actions[] = {
	{ .name = "runWithDelay", .run = course_run, .takes = &lap, .positional = true },
	{ .name = "getEvents",    .run = course_get_events },
	{ 0 }
};

const struct troupe_kind concurrent_action_kind = {
	.name    = "concurrentActionActor",
	.size    = sizeof(struct course),
	.state   = &course,
	.sleep   = forget_answers,
	.destroy = forget_answers,
	.actions = course_actions,
};

/* ------------------------------------------------------------------ nestedActionActor: a name with a dot is a name */

static const struct troupe_action nested_actions[] = {
	{ .name = "calculator.add",  .run = total_add, .takes = &amount, .positional = true },
	{ .name = "calculator.read", .run = total_read },
	{ 0 }
};

const struct troupe_kind nested_action_kind = {
	.name    = "nestedActionActor",
	.size    = sizeof(struct total),
	.state   = &total,
	.actions = nested_actions,
};

/* ------------------------------------------------------------------ promiseActor */

struct results { struct troupe_value results; };
static const struct troupe_record results = TROUPE_RECORD(results,
	TROUPE_OPTION(results, results, "results"));

static int promise_resolved(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text(call, "resolved value");
}

static int promise_delayed(struct troupe_actor *a, struct troupe_call *call)
{
	list_push_text(a, &((struct results *)troupe_self(a))->results, "delayed");
	return reply_text(call, "delayed value");
}

static int promise_rejected(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return troupe_fail_user(call, "user_error", "promised rejection", (struct troupe_value){ 0 });
}

static int promise_get_results(struct troupe_actor *a, struct troupe_call *call)
{
	return reply_list(call, ((struct results *)troupe_self(a))->results);
}

static const struct troupe_action promise_actions[] = {
	{ .name = "resolvedPromise", .run = promise_resolved },
	{ .name = "delayedPromise",  .run = promise_delayed },
	{ .name = "rejectedPromise", .run = promise_rejected },
	{ .name = "getResults",      .run = promise_get_results },
	{ 0 }
};

const struct troupe_kind promise_kind = {
	.name    = "promiseActor",
	.size    = sizeof(struct results),
	.state   = &results,
	.actions = promise_actions,
};

/* ------------------------------------------------------------------ time limits */

static int short_quick(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text(call, "quick response");
}

static int short_slow(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text_after(call, 100, "slow response");
}

static int long_delayed(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text_after(call, 100, "delayed response");
}

static int default_normal(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text_after(call, 50, "normal response");
}

static int sync_timeout_sync(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text(call, "sync response");
}

const struct troupe_kind short_timeout_kind = {
	.name    = "shortTimeoutActor",
	.sleep   = forget_answers,
	.destroy = forget_answers,
	.actions = (const struct troupe_action[]){
		{ .name = "quickAction", .run = short_quick, .timeout_ms = 50 },
		{ .name = "slowAction",  .run = short_slow,  .timeout_ms = 50 },
		{ 0 }
	},
};

const struct troupe_kind long_timeout_kind = {
	.name    = "longTimeoutActor",
	.sleep   = forget_answers,
	.destroy = forget_answers,
	.actions = (const struct troupe_action[]){
		{ .name = "delayedAction", .run = long_delayed, .timeout_ms = 200 },
		{ 0 }
	},
};

const struct troupe_kind default_timeout_kind = {
	.name    = "defaultTimeoutActor",
	.sleep   = forget_answers,
	.destroy = forget_answers,
	.actions = (const struct troupe_action[]){
		{ .name = "normalAction", .run = default_normal },
		{ 0 }
	},
};

const struct troupe_kind sync_timeout_kind = {
	.name    = "syncTimeoutActor",
	.actions = (const struct troupe_action[]){
		{ .name = "syncAction", .run = sync_timeout_sync, .timeout_ms = 50 },
		{ 0 }
	},
};
