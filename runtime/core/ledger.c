/* SPDX-License-Identifier: Apache-2.0 */
/* Gather, commit once, release in order. */
#include "runtime/core/ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/core/live.h"


void tr_ledger_write(struct tr_ledger *l, enum tr_op_kind kind, uint64_t actor, uint64_t seq,
                     const void *key, size_t key_size, const void *value, size_t value_size)
{
	struct tr_batch *b = &l->batch;
	struct tr_op *op;

	if (b->count == b->room) {
		b->room = b->room ? b->room * 2 : 64;
		b->ops = tr_realloc(b->ops, b->room * sizeof *b->ops);
	}
	op = &b->ops[b->count++];
	*op = (struct tr_op){ .kind = kind, .actor = actor, .writer = actor, .seq = seq };
	op->key_at = b->bytes.size;
	op->key_size = key_size;
	tr_bytes_put(&b->bytes, key, key_size);
	op->value_at = b->bytes.size;
	op->value_size = value_size;
	tr_bytes_put(&b->bytes, value, value_size);
	if (b->bytes.failed) {
		tr_error("memory.exhausted", "bytes=%zu", b->bytes.size + value_size);
		abort();
	}
}

void tr_ledger_writer(struct tr_ledger *l, const struct troupe_actor *a)
{
	l->batch.ops[l->batch.count - 1].writer = a->row.num;
}

struct tr_release *tr_ledger_hold(struct tr_ledger *l, enum tr_release_kind kind, struct troupe_actor *actor)
{
	struct tr_release *r;

	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->items = tr_realloc(l->items, l->room * sizeof *l->items);
	}
	r = &l->items[l->count++];
	*r = (struct tr_release){ .kind = kind, .actor = tr_actor_ref(actor) };
	if (actor)
		actor->held++;
	return r;
}

struct tr_mark tr_ledger_mark(const struct tr_ledger *l)
{
	return (struct tr_mark){ l->batch.count, l->batch.bytes.size, l->count };
}

/* It has been released, doomed or dropped. */
static void item_end(const struct tr_release *r)
{
	if (!r->actor)
		return;
	assert(r->actor->held > 0);
	r->actor->held--;
	tr_actor_unref(r->actor);
}

/* Gives back what an item owns, without doing what it says. */
static void item_drop(const struct tr_release *r)
{
	switch (r->kind) {
	case TR_RELEASE_EVENT:
		tr_event_unref(r->event);
		break;
	case TR_RELEASE_FRAME:
		tr_frame_unref(r->send.frame);
		tr_conn_unref(r->send.conn);
		break;
	case TR_RELEASE_CLOSE:
		free(r->close.reason);
		tr_conn_unref(r->close.conn);
		break;
	case TR_RELEASE_PIECE:
		tr_piece_take_back(r->piece.call, r->piece.data, r->piece.size);
		break;
	case TR_RELEASE_ANSWER:
	case TR_RELEASE_AFTER:
	case TR_RELEASE_GONE:
		break;
	}
	item_end(r);
}

void tr_ledger_undo(struct tr_ledger *l, struct tr_mark mark, int rc, const struct troupe_call *running)
{
	size_t kept = mark.items;

	l->batch.count = mark.ops;
	l->batch.bytes.size = mark.bytes;
	for (size_t i = mark.items; i < l->count; i++) {
		struct tr_release *r = &l->items[i];

		if (r->kind == TR_RELEASE_AFTER) {
			r->rc = rc;
			l->items[kept++] = *r;
		} else if (r->kind == TR_RELEASE_ANSWER && r->call == running) {
			tr_call_take_back(r->call);
			item_end(r);
		} else if (r->kind == TR_RELEASE_ANSWER) {
			if (!r->call->fault.error) /* that it failed is as true as before */
				tr_call_spoil(r->call, TROUPE_EINTERNAL);
			l->items[kept++] = *r;
		} else {
			item_drop(r);
		}
	}
	l->count = kept;
}

static void item_release(const struct tr_release *r)
{
	switch (r->kind) {
	case TR_RELEASE_EVENT:
		tr_event_release(r->actor, r->event);
		tr_event_unref(r->event);
		break;
	case TR_RELEASE_FRAME:
		tr_conn_send(r->send.conn, r->send.frame);
		tr_frame_unref(r->send.frame);
		tr_conn_unref(r->send.conn);
		break;
	case TR_RELEASE_CLOSE:
		tr_conn_close_now(r->close.conn, r->close.code, r->close.reason, r->close.delay_ms);
		free(r->close.reason);
		tr_conn_unref(r->close.conn);
		break;
	case TR_RELEASE_ANSWER:
		tr_call_release(r->call);
		break;
	case TR_RELEASE_PIECE:
		tr_piece_release(r->piece.call, r->piece.data, r->piece.size);
		break;
	case TR_RELEASE_AFTER:
		r->after.then(r->after.arg, r->rc);
		break;
	case TR_RELEASE_GONE:
		tr_roster_gone(r->actor);
		break;
	}
	item_end(r);
}

/* The actor's writes are not on disk: nobody may hear what depends on them. */
static void item_doom(const struct tr_release *r, int rc)
{
	switch (r->kind) {
	case TR_RELEASE_ANSWER:
		tr_call_spoil(r->call, rc);
		tr_call_release(r->call);
		item_end(r);
		break;
	case TR_RELEASE_AFTER:
		r->after.then(r->after.arg, r->rc ? r->rc : rc);
		item_end(r);
		break;
	case TR_RELEASE_CLOSE: /* closing is always true */
		item_release(r);
		break;
	case TR_RELEASE_EVENT:
	case TR_RELEASE_FRAME:
	case TR_RELEASE_PIECE:
	case TR_RELEASE_GONE:
		item_drop(r);
		break;
	}
}

void tr_ledger_purge(struct tr_ledger *l, struct troupe_actor *a, int rc)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->batch.count; i++) {
		if (l->batch.ops[i].writer != a->row.num)
			l->batch.ops[kept++] = l->batch.ops[i];
	}
	l->batch.count = kept;
	kept = 0;
	for (size_t i = 0; i < l->count; i++) {
		struct tr_release r = l->items[i]; /* who is told may say more, and what is held may move */

		if (r.actor == a)
			item_doom(&r, rc);
		else
			l->items[kept++] = r;
	}
	l->count = kept;
}

static void ledger_clear(struct tr_ledger *l)
{
	l->count = 0;
	l->batch.count = 0;
	if (l->batch.bytes.room > TR_LEDGER_KEPT_BYTES_MAX ||
	    l->room * sizeof *l->items > TR_LEDGER_KEPT_BYTES_MAX)
		tr_ledger_free(l);
	else
		tr_bytes_clear(&l->batch.bytes);
}

static void ledger_fail(struct tr_core *core, struct tr_ledger *l, int rc)
{
	tr_error("store.commit", "failed=%s writes=%zu", troupe_error_info(rc)->name, l->batch.count);
	for (size_t i = 0; i < l->batch.count; i++)
		tr_roster_doom(core, l->batch.ops[i].writer);
	for (size_t i = 0; i < l->count; i++) {
		if (l->items[i].actor && l->items[i].actor->doomed)
			item_doom(&l->items[i], rc);
		else
			item_release(&l->items[i]);
	}
	for (struct tr_list *at = core->actors.next, *next; at != &core->actors; at = next) {
		struct troupe_actor *a = tr_container(at, struct troupe_actor, link);

		next = at->next;
		if (a->doomed)
			tr_roster_drop(a, rc);
	}
	ledger_clear(l);
}

static void on_committed(void *arg, int rc)
{
	struct tr_core *core = arg;

	core->committing = false;
	if (rc == 0) {
		for (size_t i = 0; i < core->flight.count; i++)
			item_release(&core->flight.items[i]);
		ledger_clear(&core->flight);
		return;
	}
	ledger_fail(core, &core->flight, rc);
}

void tr_ledger_settle(struct tr_core *core)
{
	assert(!core->turning);
	while (!core->committing && (core->ledger.count > 0 || core->ledger.batch.count > 0)) {
		struct tr_ledger empty = core->flight;

		core->flight = core->ledger;
		core->ledger = empty;
		core->flight.batch.alone = core->actor_count <= 1;
		core->committing = true;
		if (core->flight.batch.count == 0)
			on_committed(core, 0);
		else
			core->o.store.ops->commit(core->o.store.ctx, &core->flight.batch, on_committed, core);
	}
}

void tr_ledger_free(struct tr_ledger *l)
{
	free(l->items);
	free(l->batch.ops);
	tr_bytes_free(&l->batch.bytes);
	*l = (struct tr_ledger){ 0 };
}
