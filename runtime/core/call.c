/* SPDX-License-Identifier: Apache-2.0 */
/* One action call: made, run, answered exactly once (now or from a later turn), told when what it wrote is durable. */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "proto/record.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/core/live.h"

const struct tr_caller_ops tr_caller_nobody = { 0 };

struct troupe_call *tr_call_new(struct troupe_actor *a, const struct troupe_action *action, struct troupe_value args,
                                struct tr_caller caller)
{
	struct troupe_call *c = tr_alloc(sizeof *c);

	c->actor = a;
	c->caller = caller;
	c->action = action;
	c->args = tr_pool_value(&c->pool, args);
	tr_list_init(&c->deadline_link);
	tr_reader_init(&c->reader);
	tr_list_push(&a->calls, &c->link);
	a->call_count++;
	a->core->call_count++;
	return c;
}

static void call_free(struct troupe_call *c)
{
	struct troupe_actor *a = c->actor;

	assert(c->waiting == 0);
	if (c->page)
		c->page->call = NULL;
	tr_reader_forget(&c->reader);
	tr_list_remove(&c->link);
	tr_list_remove(&c->deadline_link);
	a->call_count--;
	a->stream_count -= c->streaming;
	a->core->call_count--;
	tr_fault_clear(&c->fault);
	tr_bytes_free(&c->output);
	tr_pool_free(&c->pool);
	if (c->caller.ops->leave)
		c->caller.ops->leave(c);
	free(c);
	tr_actor_touch(a);
	tr_actor_settle(a);
}

/* ------------------------------------------------------------------ the answer */

static void put_fault(struct troupe_call *c)
{
	if (c->caller.ops->fault)
		c->caller.ops->fault(c);
}

void tr_call_fail(struct troupe_call *c, struct tr_fault *fault)
{
	tr_fault_clear(&c->fault);
	c->fault = *fault;
	*fault = (struct tr_fault){ 0 };
	put_fault(c);
	tr_call_hold_answer(c);
}

int troupe_reply_value(struct troupe_call *c, struct troupe_value v)
{
	if (!c->streaming && c->caller.ops->output) /* else the pieces are the answer, and this is their end */
		c->caller.ops->output(c, v);
	tr_call_hold_answer(c);
	return 0;
}

int troupe_reply(struct troupe_call *c, const struct troupe_record *r, const void *from)
{
	struct tr_bytes packed = { 0 };

	tr_record_encode(r, from, 0, &packed);
	troupe_reply_value(c, tr_bytes_value(&packed));
	tr_bytes_free(&packed);
	return 0;
}

int troupe_reply_int(struct troupe_call *c, int64_t v)
{
	uint8_t memory[16];
	struct tr_bytes packed = { .data = memory, .room = sizeof memory, .max = sizeof memory };

	tr_put_int(&packed, v);
	return troupe_reply_value(c, tr_bytes_value(&packed));
}

int troupe_fail(struct troupe_call *c, int error, const char *format, ...)
{
	struct tr_fault fault = { 0 };
	va_list args;

	va_start(args, format);
	tr_fault_vset(&fault, error, format, args);
	va_end(args);
	tr_author_mask(c->actor, &fault);
	tr_call_fail(c, &fault);
	return error;
}

int troupe_fail_with(struct troupe_call *c, int error, const char *message, struct troupe_value metadata)
{
	struct tr_fault fault = { 0 };

	tr_fault_set(&fault, error, message ? "%s" : NULL, message);
	tr_bytes_put(&fault.metadata, metadata.data, metadata.size);
	tr_author_mask(c->actor, &fault);
	tr_call_fail(c, &fault);
	return error;
}

int troupe_fail_user(struct troupe_call *c, const char *code, const char *message, struct troupe_value metadata)
{
	struct tr_fault fault = { 0 };

	tr_fault_set(&fault, TROUPE_EUSER, "%s", message);
	fault.user_code = tr_strdup(code);
	tr_bytes_put(&fault.metadata, metadata.data, metadata.size);
	tr_call_fail(c, &fault);
	return TROUPE_EUSER;
}

static void take_back(struct troupe_call *c)
{
	c->answered = false;
	c->response.status = 0;
	tr_bytes_clear(&c->output);
}

void tr_call_spoil(struct troupe_call *c, int rc)
{
	tr_bytes_clear(&c->output);
	tr_fault_set(&c->fault, rc, NULL);
	put_fault(c);
}

static void tell(struct troupe_call *c)
{
	const struct tr_caller_ops *ops = c->caller.ops;

	ops->tell(c);
	c->caller.ops = ops->told;
	c->told = true;
}

void tr_call_release(struct troupe_call *c)
{
	if (!c->told)
		tell(c);
	call_free(c);
}

void tr_call_forget(struct troupe_call *c)
{
	struct troupe_actor *a = c->actor;

	c->answered = true; /* a turn in which its visitor leaves must not answer it */
	tr_call_release(c);
	tr_actor_settle(a);
}

static void release_answer(const struct tr_release *r)
{
	tr_call_release(r->call);
}

static void doom_answer(const struct tr_release *r, int rc)
{
	tr_call_spoil(r->call, rc);
	tr_call_release(r->call);
}

/* Of the call that runs, the answer is merely taken back: it will be told what its turn failed with. Another
 * must not be lost; that it failed, if it did, is as true as before. */
static bool undo_answer(struct tr_release *r, int rc)
{
	struct troupe_call *c = r->call;

	(void)rc;
	if (c == c->actor->core->running) {
		take_back(c);
		return false;
	}
	if (!c->fault.error)
		tr_call_spoil(c, TROUPE_EINTERNAL);
	return true;
}

static const struct tr_release_kind answer_item = { release_answer, doom_answer, undo_answer, NULL };

void tr_call_hold_answer(struct troupe_call *c)
{
	assert(!c->answered); /* a call is answered exactly once */
	c->answered = true;
	tr_reader_forget(&c->reader);
	tr_ledger_hold(&c->actor->core->ledger, &answer_item, &c->actor->writer)->call = c;
}

/* ------------------------------------------------------------------ running it */

static int read_args(struct troupe_actor *a, const struct troupe_action *action, struct troupe_value args, struct tr_pool *pool,
                     void **record)
{
	const struct troupe_record *r = action->takes;
	struct tr_arena arena = tr_pool_arena(pool);
	struct troupe_value object = { "\x80", 1 }; /* {} */
	char why[256] = "";
	int rc;

	if (!r)
		return 0;
	*record = tr_pool_alloc(pool, r->size);
	tr_value_element(args, 0, &object);
	if (action->positional)
		rc = tr_record_decode_list(r, *record, args, &arena, why, sizeof why);
	else
		rc = tr_record_decode(r, *record, object, &arena, why, sizeof why);
	return rc == TROUPE_EINVAL ? troupe_refuse(a, TROUPE_EARGS, "%s", why) : rc;
}

int tr_call_check(struct troupe_actor *a, const struct troupe_action *action, struct troupe_value args)
{
	void *record;

	return read_args(a, action, args, &a->core->turn_pool, &record);
}

static int run_turn(struct troupe_actor *a, void *arg)
{
	struct troupe_call *c = arg;
	const struct troupe_peer *visitor = troupe_caller(c);
	int rc;

	if (c->caller.ops->begin)
		c->caller.ops->begin(c);
	if (!c->action->reads && visitor && troupe_peer_observes(visitor))
		return troupe_refuse(a, TROUPE_EFORBIDDEN, "An observer may only watch.");
	rc = read_args(a, c->action, c->args, &c->pool, &c->record);
	return rc < 0 ? rc : c->action->run(a, c);
}

/* The list is in order of deadlines: most are the same time away, so a new one goes to the end. */
static void enlist(struct tr_core *core, struct troupe_call *c)
{
	struct tr_list *at = core->deadlines.prev;

	while (at != &core->deadlines && tr_container(at, struct troupe_call, deadline_link)->deadline_ms > c->deadline_ms)
		at = at->prev;
	tr_list_push(at->next, &c->deadline_link); /* in front of the next one */
}

static void keep(struct troupe_call *c)
{
	struct tr_core *core = c->actor->core;
	const struct tr_clock *clock = &core->o.clock;
	int64_t time_ms = c->action->timeout_ms ? c->action->timeout_ms : TR_ACTION_TIME_MS;

	if (c->action->slow || c->streaming)
		return;
	c->deadline_ms = clock->ops->mono_ms(clock->ctx) + time_ms;
	enlist(core, c);
	if (core->deadlines.next == &c->deadline_link)
		clock->ops->timer_set(core->deadline_timer, time_ms);
}

/* What its turn left to do. */
static void conclude(struct troupe_call *c, int rc)
{
	struct tr_fault said = { 0 };

	if (rc < 0) {
		if (c->fault.error == rc) { /* troupe_fail's sentence; its answer was undone with the turn */
			said = c->fault;
			c->fault = (struct tr_fault){ 0 };
		} else {
			tr_actor_take_fault(c->actor, rc, &said);
		}
		tr_call_fail(c, &said);
	} else if (c->answered) {
		return;
	} else if (rc == 0) {
		troupe_reply_value(c, (struct troupe_value){ 0 });
	} else {
		keep(c);
	}
}

void tr_call_run(struct troupe_call *c)
{
	struct troupe_actor *a = c->actor;

	tr_fault_clear(&a->refusal);
	conclude(c, tr_actor_turn_for(a, c, run_turn, c));
	tr_actor_settle(a);
}

/* Calls whose actor keeps them too long: the client is told, the actor may still answer, to nobody. */
void tr_calls_expire(void *arg)
{
	struct tr_core *core = arg;
	const struct tr_clock *clock = &core->o.clock;
	int64_t now = clock->ops->mono_ms(clock->ctx);

	while (!tr_list_empty(&core->deadlines)) {
		struct troupe_call *c = tr_container(core->deadlines.next, struct troupe_call, deadline_link);

		if (c->deadline_ms > now) {
			clock->ops->timer_set(core->deadline_timer, c->deadline_ms - now);
			return;
		}
		tr_list_remove(&c->deadline_link);
		if (c->answered || c->streaming)
			continue;
		tr_warn("action.timeout", "actor=%s action=%s", c->actor->row.id, c->action->name);
		tr_fault_set(&c->fault, TROUPE_ETIMEDOUT, NULL);
		put_fault(c);
		tell(c);
		tr_actor_settle(c->actor);
	}
}

/* ------------------------------------------------------------------ what an author asks of it */

const void *troupe_args(const struct troupe_call *c)
{
	return c->record;
}

struct troupe_value troupe_args_value(const struct troupe_call *c)
{
	return c->args;
}

struct troupe_peer *troupe_caller(struct troupe_call *c)
{
	return c->caller.ops->visitor ? c->caller.ops->visitor(c) : NULL;
}

struct troupe_actor *troupe_call_actor(const struct troupe_call *c)
{
	return c->actor;
}

/* ------------------------------------------------------------------ pages of the log */

/* An event larger than a frame can carry is whole over HTTP only. */
static void put_entry(struct tr_bytes *out, const struct tr_log_entry *e, bool whole, bool bare)
{
	struct tr_logged logged = tr_event_read(e);

	if (!bare) {
		tr_put_map(out, 3);
		tr_put_text(out, "seq");
		tr_put_int(out, (int64_t)e->seq);
		tr_put_text(out, "name");
		tr_put_str(out, logged.name.data, logged.name.size);
		tr_put_text(out, "data");
	}
	if (whole || logged.data.size <= TR_EVENT_CLIENT_BYTES_MAX)
		tr_put_value(out, logged.data);
	else
		tr_event_shorten(out, logged.data);
}

static void reply_entries(struct tr_page *p, const struct tr_log_entry *entries, size_t count, bool more)
{
	struct tr_bytes out = { 0 };

	tr_put_map(&out, 3);
	tr_put_text(&out, "events");
	tr_put_array(&out, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		put_entry(&out, &entries[i], p->call->caller.ops->whole, p->bare);
	tr_put_text(&out, "nextOffset");
	tr_put_int(&out, (int64_t)(count > 0 ? entries[count - 1].seq : p->offset));
	tr_put_text(&out, "more");
	tr_put_bool(&out, more);
	troupe_reply_value(p->call, tr_bytes_value(&out));
	tr_bytes_free(&out);
}

/* By then its call may be gone, or may have been answered: its actor went meanwhile. */
static void on_page(void *arg, int rc, const struct tr_log_entry *entries, size_t count, bool more)
{
	struct tr_page *p = arg;
	struct troupe_call *c = p->call;

	p->core->read_count--;
	if (c)
		c->page = NULL;
	if (c && !c->answered && rc < 0)
		troupe_fail(c, rc, "The log could not be read.");
	else if (c && !c->answered)
		reply_entries(p, entries, count, more);
	free(p);
}

static int reply_page(struct troupe_call *c, uint64_t offset, uint32_t limit, bool bare)
{
	struct tr_store *store = &c->actor->core->o.store;
	struct tr_page *p;

	if (limit < 1 || limit > TR_GETEVENTS_MAX)
		return troupe_fail(c, TROUPE_EINVAL, "limit: must be 1 to %d, is %u", TR_GETEVENTS_MAX, limit);
	p = tr_alloc(sizeof *p);
	p->core = c->actor->core;
	p->call = c;
	p->offset = offset;
	p->bare = bare;
	c->page = p;
	p->core->read_count++;
	store->ops->read_log(store->ctx, c->actor->row.num, offset, limit, TR_GETEVENTS_BYTES, on_page, p);
	return TROUPE_LATER;
}

int troupe_reply_events(struct troupe_call *c, uint64_t offset, uint32_t limit)
{
	return reply_page(c, offset, limit, false);
}

int troupe_reply_event_data(struct troupe_call *c, uint64_t offset, uint32_t limit)
{
	return reply_page(c, offset, limit, true);
}
