/* SPDX-License-Identifier: Apache-2.0 */
/* What a batch does to the world's store. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "tests/kit/world_store.h"

/* By the bytes of their keys, a shorter one first. */
static int key_order(const struct tr_world_item *it, const char *key, size_t size)
{
	int order = memcmp(it->key, key, it->key_size < size ? it->key_size : size);

	return order ? order : (it->key_size > size) - (it->key_size < size);
}

/* Where it is, or would be. */
static size_t item_at(const struct tr_world_row *r, const char *key, size_t key_size)
{
	size_t at = 0;

	while (at < r->item_count && key_order(&r->items[at], key, key_size) < 0)
		at++;
	return at;
}

static void put_item(struct tr_world_row *r, const char *key, size_t key_size, struct tr_world_bytes value)
{
	size_t at = item_at(r, key, key_size);

	if (at < r->item_count && key_order(&r->items[at], key, key_size) == 0) {
		free(r->items[at].value.data);
		r->items[at].value = value;
		return;
	}
	r->items = tr_realloc(r->items, (r->item_count + 1) * sizeof *r->items);
	memmove(&r->items[at + 1], &r->items[at], (r->item_count++ - at) * sizeof *r->items);
	r->items[at] = (struct tr_world_item){ tr_world_copy(key, key_size).data, key_size, value };
}

static void delete_item(struct tr_world_row *r, const char *key, size_t key_size)
{
	size_t at = item_at(r, key, key_size);

	if (at == r->item_count || key_order(&r->items[at], key, key_size) != 0)
		return;
	free(r->items[at].key);
	free(r->items[at].value.data);
	memmove(&r->items[at], &r->items[at + 1], (--r->item_count - at) * sizeof *r->items);
}

/* What a destroyed actor owes becomes the server's. */
static void hand_over_owed(struct tr_world *w, const struct tr_world_row *r)
{
	const size_t skip = strlen(TR_OWED);

	for (size_t i = 0; i < r->item_count; i++) {
		const struct tr_world_item *it = &r->items[i];
		char key[401];
		int size;

		if (it->key_size < skip || memcmp(it->key, TR_OWED, skip) != 0)
			continue;
		size = snprintf(key, sizeof key, TR_OWED "%020llu/%.*s", (unsigned long long)r->row.num,
		                (int)(it->key_size - skip), it->key + skip);
		put_item(tr_world_row(w, TR_NOBODY), key, (size_t)size, tr_world_copy(it->value.data, it->value.size));
	}
}

static void add_alarm(struct tr_world_row *r, uint64_t id, int64_t at_ms, struct tr_world_bytes value)
{
	assert(r->alarm_count == 0 || r->alarms[r->alarm_count - 1].id < id);
	r->alarms = tr_realloc(r->alarms, (r->alarm_count + 1) * sizeof *r->alarms);
	r->alarms[r->alarm_count++] = (struct tr_world_alarm){ id, at_ms, value };
}

static void delete_alarm(struct tr_world_row *r, uint64_t id)
{
	for (size_t i = 0; i < r->alarm_count; i++) {
		if (r->alarms[i].id != id)
			continue;
		free(r->alarms[i].value.data);
		memmove(&r->alarms[i], &r->alarms[i + 1], (--r->alarm_count - i) * sizeof *r->alarms);
		return;
	}
}

/* As ports.h has them: 8 bytes, big endian. */
static uint64_t alarm_id(const char *key)
{
	uint64_t id = 0;

	for (int i = 0; i < 8; i++)
		id = id << 8 | (uint8_t)key[i];
	return id;
}

static void create_row(struct tr_world *w, const struct tr_op *op, const char *key)
{
	struct tr_world_row *r;

	w->rows = tr_realloc(w->rows, (w->row_count + 1) * sizeof *w->rows);
	r = &w->rows[w->row_count++];
	*r = (struct tr_world_row){ .row = { .num = op->actor, .created_ms = (int64_t)op->seq } };
	r->row.id = tr_strdup(key);
	key += strlen(key) + 1;
	r->row.name = tr_strdup(key);
	key += strlen(key) + 1;
	r->row.key = tr_strdup(key);
	key += strlen(key) + 1;
	r->row.namespace = tr_strdup(key);
}

static void apply(struct tr_world *w, const struct tr_batch *b, const struct tr_op *op)
{
	const char *key = (const char *)b->bytes.data + op->key_at;
	const void *value = b->bytes.data + op->value_at;
	struct tr_world_row *r = op->kind == TR_OP_CREATE ? NULL : tr_world_row(w, op->actor);

	if (op->kind == TR_OP_CREATE) {
		create_row(w, op, key);
		return;
	}
	assert(r); /* nothing is written to an actor that does not exist */
	switch (op->kind) {
	case TR_OP_CREATE:
		break;
	case TR_OP_DESTROY:
		assert(op->actor != TR_NOBODY);
		hand_over_owed(w, r);
		r->destroyed = true;
		break;
	case TR_OP_STATE:
		free(r->state.data);
		r->state = tr_world_copy(value, op->value_size);
		break;
	case TR_OP_APPEND:
		assert(op->seq == r->log_count + 1); /* a log has no holes */
		r->log = tr_realloc(r->log, (r->log_count + 1) * sizeof *r->log);
		r->log[r->log_count++] = tr_world_copy(value, op->value_size);
		break;
	case TR_OP_PUT:
		put_item(r, key, op->key_size, tr_world_copy(value, op->value_size));
		break;
	case TR_OP_DELETE:
		delete_item(r, key, op->key_size);
		break;
	case TR_OP_BUSY:
		r->busy = true;
		break;
	case TR_OP_IDLE:
		r->busy = false;
		break;
	case TR_OP_ALARM:
		assert(op->key_size == 8);
		add_alarm(r, alarm_id(key), (int64_t)op->seq, tr_world_copy(value, op->value_size));
		break;
	case TR_OP_DISARM:
		assert(op->key_size == 8);
		delete_alarm(r, alarm_id(key));
		break;
	}
}

void tr_world_reach(struct tr_world *w)
{
	assert(w->pending && !w->reached);
	w->reached = true;
	for (size_t i = 0; i < w->pending->count; i++)
		apply(w, w->pending, &w->pending->ops[i]);
	if (w->on_commit)
		w->on_commit(w->pending);
}

void tr_world_commit(struct tr_world *w)
{
	int rc = w->dying ? TROUPE_ESTORE : w->next_commit;

	assert(w->pending);
	if (w->reached)
		rc = 0;
	else if (rc == 0)
		tr_world_reach(w);
	w->reached = false;
	w->pending = NULL;
	w->next_commit = 0;
	w->commits += rc == 0;
	w->pending_done(w->pending_arg, rc);
}

void tr_world_store_commit(void *ctx, const struct tr_batch *batch, void (*on_done)(void *arg, int rc), void *arg)
{
	struct tr_world *w = ctx;

	assert(!w->pending); /* one commit at a time */
	w->pending = batch;
	w->pending_done = on_done;
	w->pending_arg = arg;
	if (!w->hold_commits)
		tr_world_commit(w);
}

static void row_free(struct tr_world_row *r)
{
	for (size_t k = 0; k < r->log_count; k++)
		free(r->log[k].data);
	for (size_t k = 0; k < r->item_count; k++) {
		free(r->items[k].key);
		free(r->items[k].value.data);
	}
	for (size_t k = 0; k < r->alarm_count; k++)
		free(r->alarms[k].value.data);
	free(r->alarms);
	free(r->log);
	free(r->items);
	free(r->state.data);
	free((void *)(uintptr_t)r->row.id);
	free((void *)(uintptr_t)r->row.name);
	free((void *)(uintptr_t)r->row.key);
	free((void *)(uintptr_t)r->row.namespace);
}

void tr_world_rows_free(struct tr_world *w)
{
	for (size_t i = 0; i < w->row_count; i++)
		row_free(&w->rows[i]);
	if (w->nobody)
		row_free(w->nobody);
	free(w->nobody);
	free(w->rows);
}
