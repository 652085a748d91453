/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that run later: the suite's scheduled.ts. */
#include "kit.h"

struct agenda { int64_t last_run, count; struct troupe_value history; };
static const struct troupe_record agenda = TROUPE_RECORD(agenda,
	TROUPE_FIELD(agenda, last_run, "lastRun"),
	TROUPE_FIELD(agenda, count, "scheduledCount"),
	TROUPE_OPTION(agenda, history, "taskHistory"));

struct ran { const char *id; int64_t time, count; };
static const struct troupe_record ran = TROUPE_RECORD(ran,
	TROUPE_OPTION(ran, id, "taskId"),
	TROUPE_FIELD(ran, time, "time"),
	TROUPE_FIELD(ran, count, "count"));

static int ran_now(struct troupe_actor *a, const char *event, const char *id)
{
	struct agenda *self = troupe_self(a);

	self->last_run = troupe_now_ms(a);
	self->count++;
	return troupe_broadcast(a, event, &ran, &(struct ran){ .id = id, .time = self->last_run, .count = self->count });
}

static int on_task(struct troupe_actor *a, struct troupe_call *call)
{
	(void)call;
	return ran_now(a, "scheduled", NULL);
}

struct task { const char *id; };
static const struct troupe_record task = TROUPE_RECORD(task,
	TROUPE_FIELD(task, id, "taskId"));

static int on_task_with_id(struct troupe_actor *a, struct troupe_call *call)
{
	const struct task *in = troupe_args(call);

	list_push_text(a, &((struct agenda *)troupe_self(a))->history, in->id);
	return ran_now(a, "scheduledWithId", in->id);
}

struct when { int64_t ms; };
static const struct troupe_record when = TROUPE_RECORD(when,
	TROUPE_FIELD(when, ms, "ms"));

static int schedule(struct troupe_actor *a, struct troupe_call *call, int64_t at_ms)
{
	int rc = troupe_schedule(a, at_ms, "onScheduledTask", (struct troupe_value){ 0 }, NULL);

	return rc < 0 ? rc : troupe_reply_int(call, at_ms);
}

static int schedule_at(struct troupe_actor *a, struct troupe_call *call)
{
	return schedule(a, call, ((const struct when *)troupe_args(call))->ms);
}

static int schedule_after(struct troupe_actor *a, struct troupe_call *call)
{
	return schedule(a, call, troupe_now_ms(a) + ((const struct when *)troupe_args(call))->ms);
}

struct named { const char *id; int64_t ms; };
static const struct troupe_record named = TROUPE_RECORD(named,
	TROUPE_FIELD(named, id, "taskId"),
	TROUPE_FIELD(named, ms, "scheduledFor"));

static int schedule_after_with_id(struct troupe_actor *a, struct troupe_call *call)
{
	const struct named *in = troupe_args(call);
	int64_t at_ms = troupe_now_ms(a) + in->ms;
	int rc = troupe_schedule(a, at_ms, "onScheduledTaskWithId", troupe_list(a, &task, &(struct task){ in->id }, 1), NULL);

	return rc < 0 ? rc : troupe_reply(call, &named, &(struct named){ in->id, at_ms });
}

static int schedule_last_run(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply_int(call, ((struct agenda *)troupe_self(a))->last_run);
}

static int schedule_count(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply_int(call, ((struct agenda *)troupe_self(a))->count);
}

static int schedule_history(struct troupe_actor *a, struct troupe_call *call)
{
	return reply_list(call, ((struct agenda *)troupe_self(a))->history);
}

static int schedule_clear(struct troupe_actor *a, struct troupe_call *call)
{
	struct agenda *self = troupe_self(a);
	struct pack p;

	troupe_set_value(a, &self->history, (struct troupe_value){ 0 });
	self->count = self->last_run = 0;
	pack_begin(&p);
	msgpack_pack_true(&p.out);
	return pack_reply(&p, call);
}

static const struct troupe_action scheduled_actions[] = {
	{ .name = "scheduleTaskAt",          .run = schedule_at,            .takes = &when,  .positional = true },
	{ .name = "scheduleTaskAfter",       .run = schedule_after,         .takes = &when,  .positional = true },
	{ .name = "scheduleTaskAfterWithId", .run = schedule_after_with_id, .takes = &named, .positional = true },
	{ .name = "scheduleTask",            .run = schedule_after,         .takes = &when,  .positional = true },
	{ .name = "onScheduledTask",         .run = on_task },
	{ .name = "onScheduledTaskWithId",   .run = on_task_with_id,        .takes = &task },
	{ .name = "getLastRun",              .run = schedule_last_run },
	{ .name = "getScheduledCount",       .run = schedule_count },
	{ .name = "getTaskHistory",          .run = schedule_history },
	{ .name = "clearHistory",            .run = schedule_clear },
	{ 0 }
};

const struct troupe_kind scheduled_kind = {
	.name    = "scheduled",
	.size    = sizeof(struct agenda),
	.state   = &agenda,
	.actions = scheduled_actions,
};
