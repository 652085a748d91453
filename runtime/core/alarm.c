/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: actions of an actor that run at a time, durably (troupe.h).
 *
 * The store has the alarms of all actors in order of time, and only the first of them are ever read: one timer of the core
 * is set for the earliest. When it fires, the actors that are due are woken, like by any request. An awake actor has all of its own
 * in memory, and that list is the truth about it: so one that was just taken away, or has run but is not committed yet,
 * does not run however the store looks. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/core/live.h"
#include "runtime/core/part.h"

#define NONE INT64_MAX

static struct tr_alarm *alarm_of(struct tr_list *link)
{
	return tr_container(link, struct tr_alarm, link);
}

/* ------------------------------------------------------------------ an actor's list */

/* Owns its texts, which lie behind it. */
static struct tr_alarm *alarm_new(int64_t id, int64_t at_ms, struct troupe_text action, struct troupe_value args)
{
	struct tr_alarm *al = tr_alloc(sizeof *al + args.size + action.size + 1);
	char *texts = (char *)(al + 1);

	memcpy(texts, args.data, args.size);
	memcpy(texts + args.size, action.data, action.size);
	al->is = (struct troupe_alarm){ id, at_ms, texts + args.size, { texts, args.size } };
	return al;
}

static void alarm_free(struct tr_alarm *al)
{
	tr_list_remove(&al->link);
	free(al);
}

/* Most are later than those before: from the end. */
static void enlist(struct tr_list *alarms, struct tr_alarm *al)
{
	struct tr_list *at = alarms->prev;

	while (at != alarms && (alarm_of(at)->is.at_ms > al->is.at_ms ||
	                        (alarm_of(at)->is.at_ms == al->is.at_ms && alarm_of(at)->is.id > al->is.id)))
		at = at->prev;
	tr_list_push(at->next, &al->link); /* in front of the next one */
}

/* Stored is a packed array: the action's name, its arguments. */
bool tr_alarm_load(struct tr_list *alarms, uint64_t id, int64_t at_ms, struct troupe_value stored)
{
	struct troupe_value name, args;
	struct troupe_text text;

	if (!tr_value_element(stored, 0, &name) || !tr_value_text(name, &text) || !tr_value_element(stored, 1, &args))
		return false;
	enlist(alarms, alarm_new((int64_t)id, at_ms, text, args));
	return true;
}

void tr_alarms_free(struct tr_list *alarms)
{
	while (!tr_list_empty(alarms))
		alarm_free(alarm_of(alarms->next));
}

static struct tr_alarm *find(struct troupe_actor *a, int64_t id)
{
	for (struct tr_list *at = a->alarms.next; at != &a->alarms; at = at->next) {
		if (alarm_of(at)->is.id == id && !alarm_of(at)->off)
			return alarm_of(at);
	}
	return NULL;
}

static void write_alarm(struct troupe_actor *a, enum tr_op_kind kind, const struct troupe_alarm *al, struct troupe_value value)
{
	uint8_t id[8];

	for (int i = 0; i < 8; i++)
		id[i] = (uint8_t)((uint64_t)al->id >> (56 - 8 * i));
	tr_ledger_write(&a->core->ledger, kind, a->row.num, (uint64_t)al->at_ms, id, sizeof id, value.data, value.size);
}

void tr_alarm_take(struct troupe_actor *a, int64_t id)
{
	struct tr_alarm *al = find(a, id);

	assert(a->core->turning == a && al);
	al->off = true;
	a->alarm_count--;
	a->alarms_changed = true;
	write_alarm(a, TR_OP_DISARM, &al->is, (struct troupe_value){ 0 });
}

/* ------------------------------------------------------------------ the timer */

static int64_t now_ms(const struct tr_core *core)
{
	return core->o.clock.ops->now_ms(core->o.clock.ctx);
}

static int64_t mono_ms(const struct tr_core *core)
{
	return core->o.clock.ops->mono_ms(core->o.clock.ctx);
}

static void look_by(struct tr_core *core, int64_t at_ms)
{
	int64_t delay = at_ms - now_ms(core);

	if (at_ms >= core->alarm_at_ms)
		return;
	core->alarm_at_ms = at_ms;
	core->o.clock.ops->timer_set(core->alarm_timer, delay < 0 ? 0 : delay < TR_ALARM_LOOK_MS ? delay : TR_ALARM_LOOK_MS);
}

/* Those from at_ms on get another chance. */
static void look_again(struct tr_core *core, int64_t at_ms)
{
	if (at_ms <= core->alarm_tried.at_ms)
		core->alarm_tried = (struct tr_alarm_place){ at_ms, 0, 0 };
	if (core->alarm_looking && at_ms < core->alarm_missed_ms)
		core->alarm_missed_ms = at_ms;
	look_by(core, at_ms);
}

void tr_alarms_retry(struct tr_core *core)
{
	if (core->alarm_retry_ms == NONE)
		core->alarm_retry_ms = mono_ms(core) + TR_ALARM_RETRY_MS;
	look_by(core, now_ms(core) + TR_ALARM_RETRY_MS);
}

/* ------------------------------------------------------------------ running them */

/* In the commit of what it does: so it runs once. */
static void begin(struct troupe_call *c)
{
	tr_alarm_take(c->actor, c->caller.alarm);
}

static void tell(struct troupe_call *c)
{
	if (c->fault.error)
		tr_warn("alarm.failed", "kind=%s key=%s action=%s failed=%s", c->actor->row.name, c->actor->row.key,
		        c->action->name, troupe_error_info(c->fault.error)->name);
}

static const struct tr_caller_ops caller = { .begin = begin, .tell = tell, .told = &tr_caller_nobody, .whole = true };

static int drop_turn(struct troupe_actor *a, void *arg)
{
	tr_alarm_take(a, *(const int64_t *)arg);
	return 0;
}

static void run(struct troupe_actor *a, const struct troupe_alarm *al)
{
	const struct troupe_action *action = tr_kind_action(a->kind, tr_text_from(al->action));
	int64_t id = al->id;

	if (action)
		tr_call_run(tr_call_new(a, action, al->args, (struct tr_caller){ &caller, .alarm = id }));
	else
		tr_error("alarm.unknown", "kind=%s key=%s action=%s", a->row.name, a->row.key, al->action);
	if (find(a, id)) /* its turn failed */
		tr_actor_turn(a, drop_turn, &id);
}

/* What is set meanwhile comes after a turn of the loop: an action that is always due again must not keep the others waiting. */
static void run_due(struct troupe_actor *a)
{
	struct tr_core *core = a->core;
	int64_t now = now_ms(core), newest = core->last_alarm;
	struct tr_list *first;

	while ((first = tr_list_first(&a->alarms))) {
		const struct troupe_alarm *al = &alarm_of(first)->is;

		if (al->at_ms > now) { /* perhaps it was due, and the clock was set back since */
			look_again(core, al->at_ms);
			return;
		}
		if (al->id > newest)
			return;
		if (a->writer.doomed || a->call_count - a->stream_count >= TR_MAILBOX_MAX) {
			tr_alarms_retry(core);
			return;
		}
		if (a->life != TR_AWAKE) { /* one of them put it to sleep */
			look_again(core, al->at_ms);
			return;
		}
		run(a, al);
	}
}

static void on_awake(void *arg, struct tr_fault *fault, const struct tr_actor_row *row, struct troupe_actor *a, bool created)
{
	struct tr_core *core = arg;

	(void)row;
	(void)created;
	if (!fault) {
		run_due(a);
	} else if (fault->error != TROUPE_ENOTFOUND) { /* that is: destroyed by now */
		tr_warn("alarm.wake", "failed=%s", troupe_error_info(fault->error)->name);
		tr_alarms_retry(core);
	}
}

/* Alarms come while the store reads; waking writes. So their actors are gathered first. */
struct look {
	struct tr_core       *core;
	int64_t               now, next; /* next: of the first that is not due */
	struct tr_alarm_place last;      /* that is due */
	unsigned              seen, count;
	char                  ids[TR_ALARMS_AT_ONCE][31];
};

static void gather(struct look *l, const struct tr_alarm_place *place, const struct tr_actor_row *row)
{
	l->seen++;
	if (place->at_ms > l->now) {
		if (l->next == NONE)
			l->next = place->at_ms;
		return;
	}
	l->last = *place;
	if (l->count == 0 || strcmp(l->ids[l->count - 1], row->id) != 0)
		snprintf(l->ids[l->count++], sizeof *l->ids, "%s", row->id);
}

/* What it has found had its chance, but for what was set while the store read. */
static void look_end(struct look *l)
{
	struct tr_core *core = l->core;

	core->read_count--;
	core->alarm_looking = false;
	if (l->count > 0)
		core->alarm_tried = l->last;
	if (core->alarm_missed_ms <= core->alarm_tried.at_ms)
		core->alarm_tried = (struct tr_alarm_place){ core->alarm_missed_ms, 0, 0 };
	core->alarm_missed_ms = NONE;
	if (core->alarm_again)
		look_by(core, l->now);
	core->alarm_again = false;
}

static void on_due(void *arg, int rc, const struct tr_alarm_place *place, const struct tr_actor_row *row)
{
	struct look *l = arg;
	struct tr_core *core = l->core;

	if (rc == 0 && row) {
		gather(l, place, row);
		return;
	}
	look_end(l);
	for (unsigned i = 0; i < l->count && !core->draining; i++) {
		struct tr_address to = { .id = { l->ids[i], strlen(l->ids[i]) } };

		tr_roster_seek(core, &to, TR_SEEK_WAKE, on_awake, core);
	}
	if (rc < 0)
		tr_alarms_retry(core);
	else if (l->next != NONE)
		look_by(core, l->next);
	else if (l->seen == TR_ALARMS_AT_ONCE)
		look_by(core, l->now);
	free(l);
}

void tr_alarms_look(void *arg)
{
	struct tr_core *core = arg;
	struct tr_store *store = &core->o.store;
	struct look *l;

	core->alarm_at_ms = NONE;
	if (core->draining)
		return;
	if (core->alarm_looking) {
		core->alarm_again = true;
		return;
	}
	if (core->alarm_retry_ms <= mono_ms(core)) {
		core->alarm_retry_ms = NONE;
		core->alarm_tried = (struct tr_alarm_place){ 0 };
	} else if (core->alarm_retry_ms != NONE) {
		look_by(core, now_ms(core) + core->alarm_retry_ms - mono_ms(core));
	}
	l = tr_alloc(sizeof *l);
	l->core = core;
	l->now = now_ms(core);
	l->next = NONE;
	core->alarm_looking = true;
	core->read_count++;
	store->ops->due(store->ctx, &core->alarm_tried, TR_ALARMS_AT_ONCE, on_due, l);
}

/* ------------------------------------------------------------------ what an author asks */

/* The timer is set for it once it is committed: earlier, the store would not have it. */
struct set { struct tr_core *core; int64_t at_ms; };

static void on_set(void *arg, int rc)
{
	struct set *s = arg;

	if (rc == 0)
		look_again(s->core, s->at_ms);
	free(s);
}

static int refuse(struct troupe_actor *a, const struct troupe_action *action, const char *name, struct troupe_value args)
{
	struct tr_cursor c = tr_cursor(args);
	struct tr_item item;

	if (!action)
		return troupe_refuse(a, TROUPE_EINVAL, "there is no action %.64s to schedule", name);
	if (args.size > TR_ALARM_ARGS_BYTES_MAX || tr_next(&c, &item) < 0 || item.kind != TR_ARRAY)
		return troupe_refuse(a, TROUPE_EINVAL, "scheduled arguments are an array of at most %d bytes", TR_ALARM_ARGS_BYTES_MAX);
	if (a->alarm_count >= TR_ALARMS_MAX)
		return troupe_refuse(a, TROUPE_EOVERLOADED, "%d actions wait already", TR_ALARMS_MAX);
	return tr_call_check(a, action, args);
}

static int64_t next_id(struct tr_core *core)
{
	int64_t id = core->now_ms * 1000; /* of a time that no earlier life of this server gave ids for */

	core->last_alarm = id > core->last_alarm ? id : core->last_alarm + 1;
	return core->last_alarm;
}

int troupe_schedule(struct troupe_actor *a, int64_t at_ms, const char *action, struct troupe_value args, int64_t *id)
{
	struct tr_core *core = a->core;
	struct troupe_text name = tr_text_from(action);
	struct tr_bytes stored = { 0 };
	struct tr_alarm *al;
	struct set *s;
	int rc;

	assert(core->turning == a);
	if (args.size == 0)
		args = (struct troupe_value){ "\x90", 1 };
	rc = refuse(a, tr_kind_action(a->kind, name), action, args);
	if (rc < 0)
		return rc;
	al = alarm_new(next_id(core), at_ms > core->now_ms ? at_ms : core->now_ms, name, args);
	al->fresh = a->alarms_changed = true;
	a->alarm_count++;
	enlist(&a->alarms, al);
	tr_put_array(&stored, 2);
	tr_put_str(&stored, name.data, name.size);
	tr_put_value(&stored, args);
	write_alarm(a, TR_OP_ALARM, &al->is, tr_bytes_value(&stored));
	tr_bytes_free(&stored);
	s = tr_alloc(sizeof *s);
	*s = (struct set){ core, al->is.at_ms };
	tr_actor_after(a, on_set, s);
	if (id)
		*id = al->is.id;
	return 0;
}

bool troupe_unschedule(struct troupe_actor *a, int64_t id)
{
	bool waits = find(a, id);

	if (waits)
		tr_alarm_take(a, id);
	return waits;
}

const struct troupe_alarm *troupe_alarm_next(struct troupe_actor *a, const struct troupe_alarm *alarm)
{
	struct tr_list *at = alarm ? tr_container(alarm, struct tr_alarm, is)->link.next : a->alarms.next;

	while (at != &a->alarms && alarm_of(at)->off)
		at = at->next;
	return at == &a->alarms ? NULL : &alarm_of(at)->is;
}

/* ------------------------------------------------------------------ as a part of the actor */

static int alarms_open(struct troupe_actor *a, const struct tr_stored *stored)
{
	struct tr_list *alarms = stored->alarms;

	tr_list_init(&a->alarms);
	while (!tr_list_empty(alarms)) {
		struct tr_alarm *al = alarm_of(alarms->next);

		tr_list_remove(&al->link);
		tr_list_push(&a->alarms, &al->link);
		a->alarm_count++;
		if (al->is.id > a->core->last_alarm)
			a->core->last_alarm = al->is.id;
	}
	return 0;
}

static void alarms_turn_end(struct troupe_actor *a, bool well)
{
	if (!a->alarms_changed)
		return;
	a->alarms_changed = false;
	a->alarm_count = 0;
	for (struct tr_list *at = a->alarms.next, *next; at != &a->alarms; at = next) {
		struct tr_alarm *al = alarm_of(at);

		next = at->next;
		if (well ? al->off : al->fresh) {
			alarm_free(al);
			continue;
		}
		al->fresh = al->off = false;
		a->alarm_count++;
	}
}

static void alarms_free(struct troupe_actor *a)
{
	tr_alarms_free(&a->alarms);
}

static void alarms_check(const struct troupe_actor *a)
{
	const struct tr_alarm *last = NULL;

	assert(!a->alarms_changed && tr_check_list(&a->alarms) == a->alarm_count);
	for (const struct tr_list *at = a->alarms.next; at != &a->alarms; at = at->next) {
		const struct tr_alarm *al = tr_container(at, struct tr_alarm, link);

		assert(!al->fresh && !al->off && (!last || last->is.at_ms <= al->is.at_ms));
		last = al;
	}
}

const struct tr_part tr_alarms_part = {
	.open = alarms_open, .turn_end = alarms_turn_end, .free = alarms_free, .check = alarms_check,
};
