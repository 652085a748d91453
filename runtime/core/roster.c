/* SPDX-License-Identifier: Apache-2.0 */
/* The roster: from an address to a live actor. It wakes on demand, puts the idle to sleep, and is the only place that makes
 * and forgets actors.
 *
 * At most one live actor for each key. An actor that sleeps or is destroyed stays in the roster until that is committed:
 * whoever asks for it meanwhile waits, and then looks again. */
#include "proto/text.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/core/live.h"
#include "runtime/core/part.h"

#define ID_CHARACTERS 30

/* ------------------------------------------------------------------ three ways to find it */

static int by_num(const void *a, const void *b)
{
	uint64_t x = ((const struct troupe_actor *)a)->row.num, y = ((const struct troupe_actor *)b)->row.num;

	return (x > y) - (x < y);
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct troupe_actor *)a)->row.id, ((const struct troupe_actor *)b)->row.id);
}

static int by_key(const void *a, const void *b)
{
	const struct tr_actor_row *x = &((const struct troupe_actor *)a)->row, *y = &((const struct troupe_actor *)b)->row;
	int order = strcmp(x->key, y->key);

	if (!order)
		order = strcmp(x->name, y->name);
	return order ? order : strcmp(x->namespace, y->namespace);
}

static struct troupe_actor *look_up(const struct tr_actor_row *row, void **tree, int (*order)(const void *, const void *))
{
	struct troupe_actor wanted = { .row = *row };
	struct troupe_actor **found = tfind(&wanted, tree, order);

	return found ? *found : NULL;
}

struct troupe_actor *tr_roster_by_num(struct tr_core *core, uint64_t num)
{
	return look_up(&(struct tr_actor_row){ .num = num }, &core->by_num, by_num);
}

static void enter(struct troupe_actor *a)
{
	tsearch(a, &a->core->by_num, by_num);
	tsearch(a, &a->core->by_id, by_id);
	tsearch(a, &a->core->by_key, by_key);
}

static void leave(struct troupe_actor *a)
{
	tdelete(a, &a->core->by_num, by_num);
	tdelete(a, &a->core->by_id, by_id);
	tdelete(a, &a->core->by_key, by_key);
}

/* ------------------------------------------------------------------ seeking */

struct seek {
	struct tr_core   *core;
	struct tr_list    all;      /* in core->seeks */
	struct tr_list    link;     /* in the waiters of an actor that leaves */
	struct tr_pool    pool;
	struct tr_address to;       /* copied */
	struct { struct tr_actor_row row; struct troupe_value state; uint64_t seq; } found; /* who is to wake; copied */
	struct tr_list    alarms;   /* its */
	struct tr_bytes   mail;     /* keys of what waits in its queues */
	const char       *id, *namespace, *name, *key; /* NULL: not given */
	enum tr_seek_mode mode;
	bool              stale;    /* the actor has gone since the store was asked: what it says may be older */
	bool              read;     /* found is filled in */
	tr_on_seek       *on_seek;
	void             *arg;
};

static void seek_go(struct seek *s);

static void seek_end(struct seek *s, struct tr_fault *fault, const struct tr_actor_row *row, struct troupe_actor *a, bool created)
{
	s->on_seek(s->arg, fault, row, a, created);
	tr_list_remove(&s->all);
	if (fault)
		tr_fault_clear(fault);
	tr_bytes_free(&s->mail);
	tr_pool_free(&s->pool);
	free(s);
}

static void seek_fail(struct seek *s, int error)
{
	struct tr_fault fault = { 0 };

	tr_fault_set(&fault, error, NULL);
	seek_end(s, &fault, NULL, NULL, false);
}

/* Metadata as the official server gives it (spec/rivetkit-client.md 3.6). */
static void seek_taken(struct seek *s, const struct tr_actor_row *row)
{
	struct tr_fault fault = { 0 };

	tr_fault_set(&fault, TROUPE_EDUPLICATE, NULL);
	tr_put_map(&fault.metadata, 2);
	tr_put_text(&fault.metadata, "existing_actor_id");
	tr_put_text(&fault.metadata, row->id);
	tr_put_text(&fault.metadata, "key");
	tr_put_text(&fault.metadata, row->key);
	seek_end(s, &fault, NULL, NULL, false);
}

/* Found by id, an actor may still be another one's. */
static bool is_sought(const struct seek *s, const struct tr_actor_row *row)
{
	return (!s->name || strcmp(s->name, row->name) == 0) && (!s->namespace || strcmp(s->namespace, row->namespace) == 0);
}

static void seek_found(struct seek *s, struct troupe_actor *a)
{
	if (a->life == TR_LEAVING)
		tr_list_push(&a->waiters, &s->link);
	else if (!is_sought(s, &a->row))
		seek_fail(s, TROUPE_ENOTFOUND);
	else if (s->mode == TR_SEEK_NEW)
		seek_taken(s, &a->row);
	else
		seek_end(s, NULL, &a->row, a, false);
}

static struct troupe_actor *seek_live(struct seek *s)
{
	struct tr_actor_row row = { .id = s->id, .name = s->name, .key = s->key, .namespace = s->namespace };

	if (s->id)
		return look_up(&row, &s->core->by_id, by_id);
	return look_up(&row, &s->core->by_key, by_key);
}

/* ------------------------------------------------------------------ coming to life */

static void wake_parts(struct troupe_actor *a)
{
	for (const struct tr_part *const *p = a->core->parts; *p; p++) {
		if ((*p)->woke)
			(*p)->woke(a);
	}
}

static int create_turn(struct troupe_actor *a, void *arg)
{
	struct tr_bytes who = { 0 };
	int rc = 0;

	(void)arg;
	tr_bytes_put(&who, a->row.id, strlen(a->row.id) + 1);
	tr_bytes_put(&who, a->row.name, strlen(a->row.name) + 1);
	tr_bytes_put(&who, a->row.key, strlen(a->row.key) + 1);
	tr_bytes_put(&who, a->row.namespace, strlen(a->row.namespace) + 1);
	tr_ledger_write(&a->core->ledger, TR_OP_CREATE, a->row.num, (uint64_t)a->row.created_ms, who.data, who.size, NULL, 0);
	tr_bytes_free(&who);
	wake_parts(a);
	if (a->kind->create)
		rc = a->kind->create(a);
	if (rc >= 0 && a->kind->wake)
		rc = a->kind->wake(a);
	return rc;
}

static int wake_turn(struct troupe_actor *a, void *arg)
{
	(void)arg;
	wake_parts(a);
	return a->kind->wake ? a->kind->wake(a) : 0;
}

/* A hook refused: the actor never was, or sleeps on. */
static void stillborn(struct seek *s, struct troupe_actor *a, int rc)
{
	struct tr_fault fault = { 0 };

	tr_actor_take_fault(a, rc, &fault);
	tr_info("actor.refused", "kind=%s key=%s failed=%s", a->row.name, a->row.key, troupe_error_info(rc)->name);
	a->life = TR_LEAVING;
	leave(a);
	tr_dorm_enter(a);
	tr_actor_close(a);
	seek_end(s, &fault, NULL, NULL, false);
}

static void bring_up(struct seek *s, struct troupe_actor *a, struct troupe_value state, bool created)
{
	const struct tr_stored stored = { state, &s->alarms, &s->mail };
	int rc = tr_actor_open(a, &stored);

	enter(a);
	tr_dorm_leave(a);
	if (rc == 0 && created)
		a->input = s->to.input;
	if (rc == 0)
		rc = tr_actor_turn(a, created ? create_turn : wake_turn, NULL);
	a->input = (struct troupe_value){ 0 };
	if (rc < 0) {
		stillborn(s, a, rc);
		return;
	}
	tr_debug(created ? "actor.create" : "actor.wake", "namespace=%s kind=%s key=%s id=%s seq=%llu", a->row.namespace,
	         a->row.name, a->row.key, a->row.id, (unsigned long long)a->seq);
	a->risen = true;
	tr_actor_settle(a);
	if (a->life == TR_AWAKE)
		seek_end(s, NULL, &a->row, a, created);
	else
		seek_fail(s, TROUPE_ENOTFOUND); /* its first wish was to end */
}

static void seek_create(struct seek *s, const struct troupe_kind *kind)
{
	struct tr_core *core = s->core;
	struct tr_store *store = &core->o.store;
	char id[ID_CHARACTERS + 1];
	struct tr_actor_row row = {
		.num = store->ops->new_actor(store->ctx), .id = id, .name = kind->name, .key = s->key,
		.namespace = s->namespace, .created_ms = core->o.clock.ops->now_ms(core->o.clock.ctx),
	};

	tr_random_id(id, ID_CHARACTERS);
	bring_up(s, tr_actor_new(core, kind, &row, 0), (struct troupe_value){ 0 }, true);
}

static void seek_missing(struct seek *s)
{
	const struct troupe_kind *kind = s->id ? NULL : tr_kind_find(s->core, s->name);

	if (!s->id && !kind)
		seek_fail(s, TROUPE_EKIND);
	else if (s->id || (!s->to.create && s->mode != TR_SEEK_NEW))
		seek_fail(s, TROUPE_ENOTFOUND);
	else
		seek_create(s, kind);
}

static const char *copy_text(struct seek *s, const char *text)
{
	return tr_pool_text(&s->pool, (struct troupe_text){ text, strlen(text) });
}

static void found_copy(struct seek *s, const struct tr_actor_row *row, struct troupe_value state, uint64_t seq)
{
	s->found.row = *row;
	s->found.row.id = copy_text(s, row->id);
	s->found.row.name = copy_text(s, row->name);
	s->found.row.key = copy_text(s, row->key);
	s->found.row.namespace = copy_text(s, row->namespace);
	s->found.state = tr_pool_value(&s->pool, state);
	s->found.seq = seq;
	s->read = true;
}

static void seek_wake(struct seek *s)
{
	const struct troupe_kind *kind = tr_kind_find(s->core, s->found.row.name);

	bring_up(s, tr_actor_new(s->core, kind, &s->found.row, s->found.seq), s->found.state, false);
}

/* All of it was read, or something could not be. Another seek may have been faster. */
static void seek_read(struct seek *s, int rc)
{
	struct troupe_actor *live = tr_roster_by_num(s->core, s->found.row.num);

	if (!live && !s->stale && !s->core->draining && rc == 0) {
		seek_wake(s);
		return;
	}
	tr_alarms_free(&s->alarms);
	if (live)
		seek_found(s, live);
	else if (s->stale)
		seek_go(s);
	else
		seek_fail(s, rc < 0 ? rc : TROUPE_EDRAINING);
}

/* Who does not know what waits for it does not wake. */
static void on_mail(void *arg, int rc, struct troupe_text key)
{
	struct seek *s = arg;

	if (rc == 0 && key.data) {
		tr_queue_note(&s->mail, key);
		return;
	}
	if (rc == 0 && s->mail.failed)
		rc = TROUPE_ENOMEM;
	if (rc < 0)
		tr_error("queue.load", "actor=%s failed=%s", s->found.row.id, troupe_error_info(rc)->name);
	seek_read(s, rc);
}

static void on_alarm(void *arg, int rc, uint64_t id, int64_t at_ms, struct troupe_value value)
{
	struct seek *s = arg;
	struct tr_store *store = &s->core->o.store;

	if (rc == 0 && value.data) {
		if (!tr_alarm_load(&s->alarms, id, at_ms, value))
			tr_error("alarm.damaged", "id=%s alarm=%llu", s->found.row.id, (unsigned long long)id);
		return;
	}
	if (rc == 0 && !s->stale && tr_kind_find(s->core, s->found.row.name)->queues)
		store->ops->keys(store->ctx, s->found.row.num, tr_text_from(TR_SPACE_QUEUE), on_mail, s);
	else
		seek_read(s, rc);
}

static void seek_stored(struct seek *s, const struct tr_actor_row *row, struct troupe_value state, uint64_t seq)
{
	const struct troupe_kind *kind = tr_kind_find(s->core, row->name);
	struct tr_store *store = &s->core->o.store;

	if (!is_sought(s, row)) {
		seek_fail(s, TROUPE_ENOTFOUND);
	} else if (s->mode == TR_SEEK_NEW) {
		seek_taken(s, row);
	} else if (s->mode == TR_SEEK_ROW) {
		seek_end(s, NULL, row, NULL, false);
	} else if (!kind) {
		seek_fail(s, TROUPE_EKIND);
	} else {
		found_copy(s, row, state, seq);
		store->ops->alarms(store->ctx, row->num, on_alarm, s);
	}
}

static void on_found(void *arg, int rc, const struct tr_actor_row *row, struct troupe_value state, uint64_t seq)
{
	struct seek *s = arg;
	struct troupe_actor *live = seek_live(s); /* another seek may have been faster */

	if (!live && rc == 0)
		live = tr_roster_by_num(s->core, row->num);
	if (live)
		seek_found(s, live);
	else if (s->stale)
		seek_go(s);
	else if (s->core->draining)
		seek_fail(s, TROUPE_EDRAINING);
	else if (rc == 0)
		seek_stored(s, row, state, seq);
	else if (rc == TROUPE_ENOTFOUND)
		seek_missing(s);
	else
		seek_fail(s, rc);
}

static void seek_go(struct seek *s)
{
	struct tr_store *store = &s->core->o.store;
	struct troupe_actor *a = seek_live(s);

	s->stale = s->read = false;
	tr_bytes_clear(&s->mail);
	if (a)
		seek_found(s, a);
	else if (s->core->draining)
		seek_fail(s, TROUPE_EDRAINING);
	else
		store->ops->find(store->ctx, s->id, s->namespace, s->name, s->key, on_found, s);
}

void tr_roster_seek(struct tr_core *core, const struct tr_address *to, enum tr_seek_mode mode, tr_on_seek *on_seek, void *arg)
{
	struct seek *s = tr_alloc(sizeof *s);

	s->core = core;
	s->mode = mode;
	s->on_seek = on_seek;
	s->arg = arg;
	s->to = *to;
	s->to.input = tr_pool_value(&s->pool, to->input);
	if (to->id.size > 0)
		s->id = tr_pool_text(&s->pool, to->id);
	if (to->name.size > 0)
		s->name = tr_pool_text(&s->pool, to->name);
	if (to->namespace.size > 0)
		s->namespace = tr_pool_text(&s->pool, to->namespace);
	else if (!s->id)
		s->namespace = TR_NAMESPACE_DEFAULT;
	s->key = tr_pool_text(&s->pool, to->key);
	tr_list_init(&s->link);
	tr_list_init(&s->alarms);
	tr_list_push(&core->seeks, &s->all);
	if (!s->id && !s->name)
		seek_fail(s, TROUPE_EKIND);
	else
		seek_go(s);
}

/* ------------------------------------------------------------------ going */

static void leave_parts(struct troupe_actor *a, bool destroy)
{
	for (const struct tr_part *const *p = a->core->parts; *p; p++) {
		if ((*p)->leave)
			(*p)->leave(a, destroy);
	}
}

static void close_parts(struct troupe_actor *a)
{
	for (const struct tr_part *const *p = a->core->parts; *p; p++) {
		if ((*p)->close)
			(*p)->close(a);
	}
}

static int sleep_turn(struct troupe_actor *a, void *arg)
{
	(void)arg;
	if (a->kind->sleep)
		a->kind->sleep(a);
	if ((a->busy || a->resumed) && a->holds == 0) {
		a->busy = a->resumed = false;
		tr_ledger_write(&a->core->ledger, TR_OP_IDLE, a->row.num, 0, NULL, 0, NULL, 0);
	}
	close_parts(a);
	return 0;
}

static int destroy_turn(struct troupe_actor *a, void *arg)
{
	(void)arg;
	if (a->kind->destroy)
		a->kind->destroy(a);
	close_parts(a);
	return 0;
}

static void answer_calls(struct troupe_actor *a, int error, const char *sentence)
{
	for (struct tr_list *at = a->calls.next; at != &a->calls; at = at->next) {
		struct troupe_call *c = tr_container(at, struct troupe_call, link);
		struct tr_fault fault = { 0 };

		if (c->answered)
			continue;
		tr_fault_set(&fault, error, "%s", sentence);
		tr_call_fail(c, &fault);
	}
}

static void shut_all(struct tr_list *peers, int code, const char *reason)
{
	while (!tr_list_empty(peers))
		tr_conn_shut(tr_container(peers->next, struct troupe_peer, link)->conn, code, reason, 0);
}

static void shut_peers(struct troupe_actor *a, int code, const char *reason)
{
	shut_all(&a->peers, code, reason);
	shut_all(&a->sockets, code, reason);
}

static bool is_of(const struct seek *s, const struct tr_actor_row *row)
{
	if (s->read)
		return s->found.row.num == row->num;
	if (s->id)
		return strcmp(s->id, row->id) == 0;
	return is_sought(s, row) && strcmp(s->key, row->key) == 0;
}

/* A search that has not come back may have looked before its last commit: such an answer would wake an actor
 * as it was. */
static void outdate(const struct troupe_actor *a)
{
	for (struct tr_list *at = a->core->seeks.next; at != &a->core->seeks; at = at->next) {
		struct seek *s = tr_container(at, struct seek, all);

		s->stale |= is_of(s, &a->row);
	}
}

/* Those who waited for it look again; the list is theirs, the actor is not there any more. */
static void forget(struct troupe_actor *a)
{
	struct tr_list waiters;

	tr_list_init(&waiters);
	while (!tr_list_empty(&a->waiters)) {
		struct tr_list *at = a->waiters.next;

		tr_list_remove(at);
		tr_list_push(&waiters, at);
	}
	outdate(a);
	leave(a);
	tr_actor_close(a);
	while (!tr_list_empty(&waiters)) {
		struct seek *s = tr_container(waiters.next, struct seek, link);

		tr_list_remove(&s->link);
		seek_go(s);
	}
}

/* That it goes is on disk. */
static void release_gone(const struct tr_release *r)
{
	struct troupe_actor *a = tr_container(r->writer, struct troupe_actor, writer);
	const struct tr_sessions *sessions = a->core->o.sessions;

	if (a->core->draining)
		shut_peers(a, 1001, "ws.going_away");
	tr_dorm_enter(a);
	forget(a);
	if (a->destroyed && sessions && sessions->ops->owed) /* the item has a reference */
		sessions->ops->owed(sessions->ctx, a->row.num);
}

/* It is not, and the actor is about to be dropped. */
static void drop_gone(const struct tr_release *r)
{
	(void)r;
}

static const struct tr_release_kind gone_item = { .release = release_gone, .drop = drop_gone };

void tr_roster_retire(struct troupe_actor *a, bool destroy)
{
	bool draining = a->core->draining;

	a->destroying = a->sleeping = a->risen = false; /* it is being done: the turns below must not begin it again */
	leave_parts(a, destroy);
	answer_calls(a, TROUPE_EDRAINING, destroy ? "The actor was destroyed." : "The server is restarting.");
	if (destroy || draining)
		shut_peers(a, draining ? 1001 : 1000, draining ? "ws.going_away" : "");
	else if (!a->kind->keep_sockets)
		shut_all(&a->sockets, 1000, "");
	if (a->destroying && !destroy) { /* a leave hook wants more than sleep */
		tr_roster_retire(a, true);
		return;
	}
	a->life = TR_LEAVING;
	a->resting = !destroy && !draining;
	tr_list_remove(&a->idle_link);
	tr_actor_turn(a, destroy ? destroy_turn : sleep_turn, NULL);
	a->spent = true;
	if (destroy)
		tr_ledger_write(&a->core->ledger, TR_OP_DESTROY, a->row.num, 0, NULL, 0, NULL, 0);
	tr_ledger_hold(&a->core->ledger, &gone_item, &a->writer);
	a->destroyed = destroy;
	if (destroy)
		tr_clean_soon(a->core);
	tr_debug(destroy ? "actor.destroy" : "actor.sleep", "kind=%s key=%s", a->row.name, a->row.key);
}

/* To be dropped, once everybody has heard so; whoever asks for it meanwhile waits for its next life. */
void tr_roster_doom(struct tr_core *core, uint64_t num)
{
	struct troupe_actor *a = tr_roster_by_num(core, num);

	if (!a)
		return;
	a->writer.doomed = true;
	a->life = TR_LEAVING;
}

/* Nothing that it wrote since its last commit is true: it is forgotten as it is, without hooks, and read again when it is
 * next asked for. Its clients come back by themselves and find what was committed. */
void tr_roster_drop(struct troupe_actor *a, int rc)
{
	tr_warn("actor.drop", "kind=%s key=%s failed=%s", a->row.name, a->row.key, troupe_error_info(rc)->name);
	a->writer.doomed = true;
	a->life = TR_LEAVING;
	tr_alarms_retry(a->core); /* it may have run some, which is undone now */
	tr_overlay_purge(a->core, a->row.num);
	tr_ledger_purge(&a->core->ledger, &a->writer, rc);
	shut_peers(a, 1011, "actor.restarting");
	while (!tr_list_empty(&a->calls)) {
		struct troupe_call *c = tr_container(a->calls.next, struct troupe_call, link);

		if (!c->told)
			tr_call_spoil(c, rc);
		tr_call_release(c);
	}
	forget(a);
}

void tr_roster_expire(void *arg)
{
	struct tr_idlers *idlers = arg;

	while (!tr_list_empty(&idlers->actors)) {
		struct troupe_actor *a = tr_container(idlers->actors.next, struct troupe_actor, idle_link);
		const struct tr_clock *clock = &a->core->o.clock;
		int64_t left = a->idle_since_ms + idlers->after_ms - clock->ops->mono_ms(clock->ctx);

		if (left > 0) {
			clock->ops->timer_set(idlers->timer, left);
			return;
		}
		tr_roster_retire(a, false);
	}
}
