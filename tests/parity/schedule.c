/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that run later: the suite's scheduled.ts. A timer is not durable, so a task waits only while the actor is awake. */
#include <stdlib.h>
#include <string.h>

#include "kit.h"

struct agenda { int64_t last_run, count; const char *history; struct task *tasks; };
static const struct troupe_record agenda = TROUPE_RECORD(agenda,
	TROUPE_FIELD(agenda, last_run, "lastRun"),
	TROUPE_FIELD(agenda, count, "scheduledCount"),
	TROUPE_OPTION(agenda, history, "taskHistory"));

struct task { struct task *next; struct troupe_timer *timer; char *id; };

struct ran { const char *id; int64_t time, count; };
static const struct troupe_record ran = TROUPE_RECORD(ran,
	TROUPE_OPTION(ran, id, "taskId"),
	TROUPE_FIELD(ran, time, "time"),
	TROUPE_FIELD(ran, count, "count"));

static void task_free(struct agenda *self, struct task *t)
{
	struct task **at = &self->tasks;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	troupe_timer_free(t->timer);
	free(t->id);
	free(t);
}

static void agenda_sleep(struct troupe_actor *a)
{
	struct agenda *self = troupe_self(a);

	while (self->tasks)
		task_free(self, self->tasks);
}

static void task_run(struct troupe_actor *a, void *arg)
{
	struct agenda *self = troupe_self(a);
	struct task *t = arg;

	self->last_run = troupe_now_ms(a);
	self->count++;
	if (t->id)
		list_push(a, &self->history, t->id);
	troupe_broadcast(a, t->id ? "scheduledWithId" : "scheduled", &ran, &(struct ran){
		.id    = t->id,
		.time  = self->last_run,
		.count = self->count,
	});
	task_free(self, t);
}

static void task_set(struct troupe_actor *a, int64_t delay_ms, const char *id)
{
	struct agenda *self = troupe_self(a);
	struct task *t = calloc(1, sizeof *t);

	if (!t)
		abort();
	t->id = id ? strdup(id) : NULL;
	t->next = self->tasks;
	self->tasks = t;
	t->timer = troupe_timer_new(a, task_run, t);
	troupe_timer_set(t->timer, delay_ms > 0 ? delay_ms : 0);
}

struct when { int64_t ms; };
static const struct troupe_record when = TROUPE_RECORD(when,
	TROUPE_FIELD(when, ms, "ms"));

static int schedule_at(struct troupe_actor *a, struct troupe_call *call)
{
	const struct when *in = troupe_args(call);

	task_set(a, in->ms - troupe_now_ms(a), NULL);
	return troupe_reply_int(call, in->ms);
}

static int schedule_after(struct troupe_actor *a, struct troupe_call *call)
{
	const struct when *in = troupe_args(call);

	task_set(a, in->ms, NULL);
	return troupe_reply_int(call, troupe_now_ms(a) + in->ms);
}

struct named { const char *id; int64_t ms; };
static const struct troupe_record named = TROUPE_RECORD(named,
	TROUPE_FIELD(named, id, "taskId"),
	TROUPE_FIELD(named, ms, "scheduledFor"));

static int schedule_after_with_id(struct troupe_actor *a, struct troupe_call *call)
{
	const struct named *in = troupe_args(call);

	task_set(a, in->ms, in->id);
	return troupe_reply(call, &named, &(struct named){ in->id, troupe_now_ms(a) + in->ms });
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
	struct pack p;

	pack_begin(&p);
	pack_texts(&p, ((struct agenda *)troupe_self(a))->history, ROW);
	return pack_reply(&p, call);
}

static int schedule_clear(struct troupe_actor *a, struct troupe_call *call)
{
	struct agenda *self = troupe_self(a);
	struct pack p;

	troupe_set_text(a, &self->history, NULL);
	self->count = self->last_run = 0;
	pack_begin(&p);
	msgpack_pack_true(&p.out);
	return pack_reply(&p, call);
}

static const struct troupe_action scheduled_actions[] = {
	{ .name = "scheduleTaskAt",          .run = schedule_at,            .takes = &when,  .positional = true },
	{ .name = "scheduleTaskAfter",       .run = schedule_after,         .takes = &when,  .positional = true },
	{ .name = "scheduleTaskAfterWithId", .run = schedule_after_with_id, .takes = &named, .positional = true },
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
	.sleep   = agenda_sleep,
	.destroy = agenda_sleep,
	.actions = scheduled_actions,
};
