/* SPDX-License-Identifier: Apache-2.0 */
/* Gather, and release in order. The commit between them is commit.c's. */
#include "runtime/core/ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"

struct tr_writer *tr_writer_ref(struct tr_writer *w)
{
	if (w)
		w->refs++;
	return w;
}

void tr_writer_unref(struct tr_writer *w)
{
	if (!w)
		return;
	assert(w->refs > w->held);
	if (--w->refs == 0)
		w->free(w);
}

/* ------------------------------------------------------------------ gathering */

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

void tr_ledger_written_by(struct tr_ledger *l, const struct tr_writer *w)
{
	l->batch.ops[l->batch.count - 1].writer = w->num;
}

/* A place for one more. */
static struct tr_release *item_new(struct tr_ledger *l)
{
	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->items = tr_realloc(l->items, l->room * sizeof *l->items);
	}
	return &l->items[l->count++];
}

struct tr_release *tr_ledger_hold(struct tr_ledger *l, const struct tr_release_kind *kind,
                                  struct tr_writer *w)
{
	struct tr_release *r = item_new(l);

	*r = (struct tr_release){ .kind = kind, .writer = tr_writer_ref(w) };
	if (w)
		w->held++;
	return r;
}

static void after_release(const struct tr_release *r)
{
	r->after.then(r->after.arg, r->after.rc);
}

static void after_doom(const struct tr_release *r, int rc)
{
	r->after.then(r->after.arg, r->after.rc ? r->after.rc : rc);
}

static bool after_undo(struct tr_release *r, int rc)
{
	r->after.rc = rc;
	return true;
}

void tr_ledger_after(struct tr_ledger *l, struct tr_writer *w, void (*then)(void *arg, int rc), void *arg)
{
	static const struct tr_release_kind after_item = { after_release, after_doom, after_undo, NULL };
	struct tr_release *r = tr_ledger_hold(l, &after_item, w);

	r->after.then = then;
	r->after.arg = arg;
}

struct tr_mark tr_ledger_mark(const struct tr_ledger *l)
{
	return (struct tr_mark){ l->batch.count, l->batch.bytes.size, l->count, l->write_count };
}

/* ------------------------------------------------------------------ what becomes of it */

static void item_end(const struct tr_release *r)
{
	if (!r->writer)
		return;
	r->writer->held--;
	tr_writer_unref(r->writer);
}

static void item_drop(const struct tr_release *r)
{
	r->kind->drop(r);
	item_end(r);
}

static void item_release(const struct tr_release *r)
{
	r->kind->release(r);
	item_end(r);
}

static void item_doom(const struct tr_release *r, int rc)
{
	if (r->kind->doom)
		r->kind->doom(r, rc);
	else
		r->kind->drop(r);
	item_end(r);
}

void tr_ledger_undo(struct tr_ledger *l, struct tr_mark mark, int rc)
{
	size_t kept = mark.items;

	l->batch.count = mark.ops;
	l->batch.bytes.size = mark.bytes;
	for (size_t i = mark.items; i < l->count; i++) {
		struct tr_release *r = &l->items[i];

		if (!r->kind->undo)
			item_drop(r);
		else if (r->kind->undo(r, rc))
			l->items[kept++] = *r;
		else
			item_end(r);
	}
	l->count = kept;
}

void tr_ledger_purge(struct tr_ledger *l, const struct tr_writer *w, int rc)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->batch.count; i++) {
		if (l->batch.ops[i].writer != w->num)
			l->batch.ops[kept++] = l->batch.ops[i];
	}
	l->batch.count = kept;
	kept = 0;
	for (size_t i = 0; i < l->count; i++) {
		struct tr_release r = l->items[i]; /* who is told may say more, and what is held may move */

		if (r.writer == w)
			item_doom(&r, rc);
		else
			l->items[kept++] = r;
	}
	l->count = kept;
	l->seen = l->marked = 0;
}

static void ledger_clear(struct tr_ledger *l)
{
	l->count = l->seen = 0;
	l->batch.count = l->marked = 0;
	l->write_count = 0;
	if (l->batch.bytes.room > TR_LEDGER_KEPT_BYTES_MAX ||
	    l->room * sizeof *l->items > TR_LEDGER_KEPT_BYTES_MAX)
		tr_ledger_free(l);
	else
		tr_bytes_clear(&l->batch.bytes);
}

void tr_ledger_sift(struct tr_ledger *l, uint64_t ended, struct tr_ledger *to)
{
	size_t kept = l->seen;

	for (size_t i = l->seen; i < l->count; i++) {
		const struct tr_release *r = &l->items[i];

		if (r->writer && r->writer->commit <= ended)
			*item_new(to) = *r;
		else
			l->items[kept++] = *r;
	}
	l->count = l->seen = kept;
}

void tr_ledger_release(struct tr_ledger *l, int rc)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct tr_release *r = &l->items[i];

		if (rc < 0 && r->writer && r->writer->doomed)
			item_doom(r, rc);
		else
			item_release(r);
	}
	ledger_clear(l);
}

void tr_ledger_free(struct tr_ledger *l)
{
	free(l->items);
	free(l->writes);
	free(l->batch.ops);
	tr_bytes_free(&l->batch.bytes);
	*l = (struct tr_ledger){ 0 };
}
