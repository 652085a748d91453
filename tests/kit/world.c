/* SPDX-License-Identifier: Apache-2.0 */
/* The store is arrays, the clock is a number, a peer is a list of texts. */
#include "proto/text.h"
#include "tests/kit/world.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/key.h"
#include "runtime/base/limits.h"
#include "runtime/base/mem.h"

struct bytes { void *data; size_t size; };
struct item { char *key; size_t key_size; struct bytes value; };
struct alarm { uint64_t id; int64_t at_ms; struct bytes value; };

struct tr_world_row {
	struct tr_actor_row row;
	bool          destroyed, busy;
	struct bytes  state, *log;
	size_t        log_count;
	struct item  *items;
	size_t        item_count;
	struct alarm *alarms;       /* in order of id */
	size_t        alarm_count;
};

/* ------------------------------------------------------------------ store */

static struct bytes bytes_copy(const void *data, size_t size)
{
	struct bytes b = { tr_alloc(size), size };

	if (size > 0)
		memcpy(b.data, data, size);
	return b;
}

static struct troupe_value lend(const struct bytes *b)
{
	return (struct troupe_value){ b->data, b->size };
}

static struct tr_world_row *row_by_num(struct tr_world *w, uint64_t num)
{
	if (num == TR_NOBODY) {
		w->nobody = w->nobody ? w->nobody : tr_alloc(sizeof *w->nobody);
		return w->nobody;
	}
	for (size_t i = 0; i < w->row_count; i++) {
		if (w->rows[i].row.num == num && !w->rows[i].destroyed)
			return &w->rows[i];
	}
	return NULL;
}

static bool is_at(const struct tr_actor_row *row, const char *namespace, const char *name, const char *key)
{
	return strcmp(row->namespace, namespace) == 0 && strcmp(row->name, name) == 0 && strcmp(row->key, key) == 0;
}

static void store_find(void *ctx, const char *id, const char *namespace, const char *name, const char *key,
                       void (*on_found)(void *arg, int rc, const struct tr_actor_row *row, struct troupe_value state, uint64_t seq),
                       void *arg)
{
	struct tr_world *w = ctx;
	int rc = w->next_find;

	w->next_find = 0;
	for (size_t i = 0; rc == 0 && i < w->row_count; i++) {
		struct tr_world_row *r = &w->rows[i];

		if (r->destroyed)
			continue;
		if (id ? strcmp(r->row.id, id) == 0 : is_at(&r->row, namespace, name, key)) {
			on_found(arg, 0, &r->row, lend(&r->state), r->log_count);
			return;
		}
	}
	on_found(arg, rc ? rc : TROUPE_ENOTFOUND, NULL, (struct troupe_value){ 0 }, 0);
}

static void store_list(void *ctx, const char *namespace, const char *name, uint64_t after, unsigned limit,
                       void (*on_row)(void *arg, int rc, const struct tr_actor_row *row), void *arg)
{
	struct tr_world *w = ctx;

	for (size_t i = 0; i < w->row_count && limit > 0; i++) {
		struct tr_world_row *r = &w->rows[i];

		if (r->destroyed || r->row.num <= after || strcmp(namespace, r->row.namespace) != 0 ||
		    (name && strcmp(name, r->row.name) != 0))
			continue;
		on_row(arg, 0, &r->row);
		limit--;
	}
	on_row(arg, 0, NULL);
}

static void store_read_log(void *ctx, uint64_t actor, uint64_t after, unsigned max_events, size_t max_bytes,
                           void (*on_page)(void *arg, int rc, const struct tr_log_entry *entries, size_t count, bool more),
                           void *arg)
{
	struct tr_world *w = ctx;
	struct tr_world_row *r = row_by_num(w, actor);
	struct tr_log_entry entries[TR_GETEVENTS_MAX];
	size_t count = 0, bytes = 0, at = (size_t)after;

	w->log_reads++;
	for (; r && at < r->log_count && count < max_events; at++) {
		if (count > 0 && bytes + r->log[at].size > max_bytes)
			break;
		bytes += r->log[at].size;
		entries[count++] = (struct tr_log_entry){ at + 1, lend(&r->log[at]) };
	}
	on_page(arg, 0, entries, count, r && at < r->log_count);
}

/* One of both is wanted. */
struct tr_world_read {
	uint64_t     actor;
	struct bytes key;
	void       (*on_value)(void *arg, int rc, struct troupe_value value);
	void       (*on_key)(void *arg, int rc, struct troupe_text key);
	void        *arg;
};

static void hold_read(struct tr_world *w, const struct tr_world_read *read, struct troupe_text key)
{
	w->reads = tr_realloc(w->reads, (w->read_count + 1) * sizeof *w->reads);
	w->reads[w->read_count] = *read;
	w->reads[w->read_count++].key = bytes_copy(key.data, key.size);
}

static void read_item(struct tr_world *w, uint64_t actor, struct troupe_text key,
                      void (*on_value)(void *arg, int rc, struct troupe_value value), void *arg)
{
	struct tr_world_row *r = row_by_num(w, actor);

	for (size_t i = 0; r && i < r->item_count; i++) {
		if (r->items[i].key_size == key.size && memcmp(r->items[i].key, key.data, key.size) == 0) {
			w->item_reads++;
			on_value(arg, 0, lend(&r->items[i].value));
			return;
		}
	}
	on_value(arg, TROUPE_ENOTFOUND, (struct troupe_value){ 0 });
}

static void store_get(void *ctx, uint64_t actor, struct troupe_text key,
                      void (*on_value)(void *arg, int rc, struct troupe_value value), void *arg)
{
	struct tr_world *w = ctx;

	if (w->hold_reads)
		hold_read(w, &(struct tr_world_read){ .actor = actor, .on_value = on_value, .arg = arg }, key);
	else
		read_item(w, actor, key, on_value, arg);
}

static void read_keys(struct tr_world *w, uint64_t actor, struct troupe_text prefix,
                      void (*on_key)(void *arg, int rc, struct troupe_text key), void *arg)
{
	struct tr_world_row *r = row_by_num(w, actor);

	for (size_t i = 0; r && i < r->item_count; i++) {
		struct item *it = &r->items[i];

		if (it->key_size >= prefix.size && memcmp(it->key, prefix.data, prefix.size) == 0)
			on_key(arg, 0, (struct troupe_text){ it->key, it->key_size });
	}
	on_key(arg, 0, (struct troupe_text){ 0 });
}

static void store_keys(void *ctx, uint64_t actor, struct troupe_text prefix,
                       void (*on_key)(void *arg, int rc, struct troupe_text key), void *arg)
{
	struct tr_world *w = ctx;

	if (w->hold_reads)
		hold_read(w, &(struct tr_world_read){ .actor = actor, .on_key = on_key, .arg = arg }, prefix);
	else
		read_keys(w, actor, prefix, on_key, arg);
}

void tr_world_read(struct tr_world *w)
{
	struct tr_world_read *reads = w->reads;
	size_t count = w->read_count;

	w->reads = NULL;
	w->read_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct troupe_text key = { reads[i].key.data, reads[i].key.size };

		if (reads[i].on_value)
			read_item(w, reads[i].actor, key, reads[i].on_value, reads[i].arg);
		else
			read_keys(w, reads[i].actor, key, reads[i].on_key, reads[i].arg);
		free(reads[i].key.data);
	}
	free(reads);
}

static bool is_after(const struct item *it, struct troupe_text after)
{
	size_t size = it->key_size < after.size ? it->key_size : after.size;
	int order = size > 0 ? memcmp(it->key, after.data, size) : 0;

	return order > 0 || (order == 0 && (it->key_size > after.size || after.size == 0));
}

static void store_scan(void *ctx, uint64_t actor, struct troupe_text prefix, struct troupe_text after, unsigned limit,
                       void (*on_item)(void *arg, int rc, struct troupe_text key, struct troupe_value value), void *arg)
{
	struct tr_world_row *r = row_by_num(ctx, actor);

	for (size_t i = 0; r && i < r->item_count; i++) {
		struct item *it = &r->items[i];

		if (it->key_size < prefix.size || memcmp(it->key, prefix.data, prefix.size) != 0 || !is_after(it, after))
			continue;
		((struct tr_world *)ctx)->item_reads++;
		on_item(arg, 0, (struct troupe_text){ it->key, it->key_size }, lend(&it->value));
		if (limit > 0 && --limit == 0)
			break;
	}
	on_item(arg, 0, (struct troupe_text){ 0 }, (struct troupe_value){ 0 });
}

static void store_busy(void *ctx, void (*on_row)(void *arg, int rc, const struct tr_actor_row *row), void *arg)
{
	struct tr_world *w = ctx;

	for (size_t i = 0; i < w->row_count; i++) {
		if (w->rows[i].busy && !w->rows[i].destroyed)
			on_row(arg, 0, &w->rows[i].row);
	}
	on_row(arg, 0, NULL);
}

/* By the bytes of their keys, a shorter one first. */
static int key_order(const struct item *it, const char *key, size_t size)
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

static void put_item(struct tr_world_row *r, const char *key, size_t key_size, struct bytes value)
{
	size_t at = item_at(r, key, key_size);

	if (at < r->item_count && key_order(&r->items[at], key, key_size) == 0) {
		free(r->items[at].value.data);
		r->items[at].value = value;
		return;
	}
	r->items = tr_realloc(r->items, (r->item_count + 1) * sizeof *r->items);
	memmove(&r->items[at + 1], &r->items[at], (r->item_count++ - at) * sizeof *r->items);
	r->items[at] = (struct item){ bytes_copy(key, key_size).data, key_size, value };
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
		const struct item *it = &r->items[i];
		char key[401];
		int size;

		if (it->key_size < skip || memcmp(it->key, TR_OWED, skip) != 0)
			continue;
		size = snprintf(key, sizeof key, TR_OWED "%020llu/%.*s", (unsigned long long)r->row.num,
		                (int)(it->key_size - skip), it->key + skip);
		put_item(row_by_num(w, TR_NOBODY), key, (size_t)size, bytes_copy(it->value.data, it->value.size));
	}
}

static void store_alarms(void *ctx, uint64_t actor,
                         void (*on_alarm)(void *arg, int rc, uint64_t id, int64_t at_ms, struct troupe_value value), void *arg)
{
	struct tr_world_row *r = row_by_num(ctx, actor);

	for (size_t i = 0; r && i < r->alarm_count; i++)
		on_alarm(arg, 0, r->alarms[i].id, r->alarms[i].at_ms, lend(&r->alarms[i].value));
	on_alarm(arg, 0, 0, 0, (struct troupe_value){ 0 });
}

static bool is_before(const struct tr_alarm_place *a, const struct tr_alarm_place *b)
{
	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms;
	return a->actor != b->actor ? a->actor < b->actor : a->id < b->id;
}

/* The first alarm behind a place; NULL: none. */
static const struct tr_world_row *next_due(struct tr_world *w, const struct tr_alarm_place *after, struct tr_alarm_place *ret)
{
	const struct tr_world_row *first = NULL;

	for (size_t i = 0; i < w->row_count; i++) {
		const struct tr_world_row *r = &w->rows[i];

		for (size_t k = 0; !r->destroyed && k < r->alarm_count; k++) {
			struct tr_alarm_place place = { r->alarms[k].at_ms, r->row.num, r->alarms[k].id };

			if (!is_before(after, &place) || (first && is_before(ret, &place)))
				continue;
			first = r;
			*ret = place;
		}
	}
	return first;
}

static void store_due(void *ctx, const struct tr_alarm_place *after, unsigned limit,
                      void (*on_due)(void *arg, int rc, const struct tr_alarm_place *place, const struct tr_actor_row *row),
                      void *arg)
{
	struct tr_world *w = ctx;
	struct tr_alarm_place at = *after, next;
	const struct tr_world_row *r;

	w->due_reads++;
	for (; limit > 0 && (r = next_due(w, &at, &next)); limit--) {
		at = next;
		on_due(arg, 0, &at, &r->row);
	}
	on_due(arg, 0, NULL, NULL);
}

static void add_alarm(struct tr_world_row *r, uint64_t id, int64_t at_ms, struct bytes value)
{
	assert(r->alarm_count == 0 || r->alarms[r->alarm_count - 1].id < id);
	r->alarms = tr_realloc(r->alarms, (r->alarm_count + 1) * sizeof *r->alarms);
	r->alarms[r->alarm_count++] = (struct alarm){ id, at_ms, value };
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
	struct tr_world_row *r = op->kind == TR_OP_CREATE ? NULL : row_by_num(w, op->actor);

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
		r->state = bytes_copy(value, op->value_size);
		break;
	case TR_OP_APPEND:
		assert(op->seq == r->log_count + 1); /* a log has no holes */
		r->log = tr_realloc(r->log, (r->log_count + 1) * sizeof *r->log);
		r->log[r->log_count++] = bytes_copy(value, op->value_size);
		break;
	case TR_OP_PUT:
		put_item(r, key, op->key_size, bytes_copy(value, op->value_size));
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
		add_alarm(r, alarm_id(key), (int64_t)op->seq, bytes_copy(value, op->value_size));
		break;
	case TR_OP_DISARM:
		assert(op->key_size == 8);
		delete_alarm(r, alarm_id(key));
		break;
	}
}

void tr_world_commit(struct tr_world *w)
{
	const struct tr_batch *batch = w->pending;
	int rc = w->next_commit;

	assert(batch);
	w->pending = NULL;
	w->next_commit = 0;
	for (size_t i = 0; rc == 0 && i < batch->count; i++)
		apply(w, batch, &batch->ops[i]);
	w->commits += rc == 0;
	w->pending_done(w->pending_arg, rc);
}

static void store_commit(void *ctx, const struct tr_batch *batch, void (*on_done)(void *arg, int rc), void *arg)
{
	struct tr_world *w = ctx;

	assert(!w->pending); /* one commit at a time */
	w->pending = batch;
	w->pending_done = on_done;
	w->pending_arg = arg;
	if (!w->hold_commits)
		tr_world_commit(w);
}

static bool store_clean(void *ctx)
{
	(void)ctx;
	return false;
}

static const struct tr_store_ops store_ops = {
	.find = store_find, .list = store_list, .read_log = store_read_log, .get = store_get, .scan = store_scan,
	.keys = store_keys, .busy = store_busy, .alarms = store_alarms, .due = store_due, .commit = store_commit,
	.clean = store_clean,
};

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

static void rows_free(struct tr_world *w)
{
	for (size_t i = 0; i < w->row_count; i++)
		row_free(&w->rows[i]);
	if (w->nobody)
		row_free(w->nobody);
	free(w->nobody);
	free(w->rows);
}

/* ------------------------------------------------------------------ clock */

struct tr_timer {
	struct tr_timer *next;
	struct tr_world *world;
	void (*fire)(void *arg);
	void *arg;
	int64_t at; /* negative: off */
};

static int64_t clock_now(void *ctx)
{
	struct tr_world *w = ctx;

	return 1700000000000 + w->now_ms + w->skew_ms;
}

static int64_t clock_mono(void *ctx)
{
	return ((struct tr_world *)ctx)->now_ms;
}

static struct tr_timer *timer_new(void *ctx, void (*fire)(void *arg), void *arg)
{
	struct tr_world *w = ctx;
	struct tr_timer *t = tr_alloc(sizeof *t);

	*t = (struct tr_timer){ w->timers, w, fire, arg, -1 };
	w->timers = t;
	return t;
}

static void timer_set(struct tr_timer *t, int64_t delay_ms)
{
	t->at = delay_ms < 0 ? -1 : t->world->now_ms + delay_ms;
}

static struct tr_timer *timer_free(struct tr_timer *t)
{
	struct tr_timer **at;

	if (!t)
		return NULL;
	for (at = &t->world->timers; *at != t; at = &(*at)->next)
		;
	*at = t->next;
	free(t);
	return NULL;
}

static const struct tr_clock_ops clock_ops = {
	.now_ms = clock_now, .mono_ms = clock_mono,
	.timer_new = timer_new, .timer_set = timer_set, .timer_free = timer_free,
};

static struct tr_timer *next_timer(struct tr_world *w, int64_t until)
{
	struct tr_timer *first = NULL;

	for (struct tr_timer *t = w->timers; t; t = t->next) {
		if (t->at >= 0 && t->at <= until && (!first || t->at < first->at))
			first = t;
	}
	return first;
}

void tr_world_pass(struct tr_world *w, int64_t ms)
{
	int64_t until = w->now_ms + ms;

	tr_world_turn(w);
	for (struct tr_timer *t; (t = next_timer(w, until)); ) {
		if (t->at > w->now_ms)
			w->now_ms = t->at;
		t->at = -1;
		t->fire(t->arg);
		tr_world_turn(w);
	}
	w->now_ms = until;
}

/* ------------------------------------------------------------------ the world */

static void open_core(struct tr_world *w, const struct troupe_kind *const *kinds, const struct tr_sessions *sessions)
{
	struct tr_core_options o = {
		.store = { .ops = &store_ops, .ctx = w, .next_actor = w->row_count + 1, .boots = ++w->boots, .epoch = "0123456789abcdef" },
		.clock = { .ops = &clock_ops, .ctx = w },
		.sessions = sessions,
	};
	int rc = tr_core_new(&w->core, &o);

	for (; rc == 0 && *kinds; kinds++)
		rc = tr_core_register(w->core, *kinds);
	assert(rc == 0);
	tr_core_start(w->core);
}

void tr_world_open(struct tr_world *w, const struct troupe_kind *const *kinds, const struct tr_sessions *sessions)
{
	*w = (struct tr_world){ 0 };
	open_core(w, kinds, sessions);
}

static void on_drained(void *arg)
{
	((struct tr_world *)arg)->drained = true;
}

static void close_core(struct tr_world *w)
{
	w->hold_commits = false;
	if (w->pending)
		tr_world_commit(w);
	tr_world_read(w); /* and nobody reads any more */
	tr_core_drain(w->core, on_drained, w);
	tr_world_turn(w);
	tr_world_turn(w);
	assert(w->drained); /* everyone must have left by then */
	w->core = tr_core_free(w->core);
	assert(!w->timers);
}

/* A process that dies drains nothing; here its memory must be freed all the same, so its last commit is made to fail. */
void tr_world_restart(struct tr_world *w, const struct troupe_kind *const *kinds, const struct tr_sessions *sessions)
{
	w->next_commit = TROUPE_ESTORE;
	close_core(w);
	w->next_commit = 0;
	w->drained = false;
	open_core(w, kinds, sessions);
}

void tr_world_close(struct tr_world *w)
{
	close_core(w);
	rows_free(w);
}

void tr_world_turn(struct tr_world *w)
{
	tr_core_turn_end(w->core);
}

/* ------------------------------------------------------------------ someone */

static void peer_send(void *peer, struct tr_frame *f)
{
	struct tr_someone *p = peer;

	assert(!p->closed); /* nothing is sent after the Close */
	p->heard = tr_realloc(p->heard, (p->count + 1) * sizeof *p->heard);
	p->heard[p->count++] = tr_strndup((const char *)tr_frame_payload(f), f->size);
}

static size_t peer_backlog(void *peer)
{
	return ((struct tr_someone *)peer)->backlog;
}

static void peer_close(void *peer, int code, const char *reason, int delay_ms)
{
	struct tr_someone *p = peer;

	assert(!p->closed && strlen(reason) < sizeof p->close_reason);
	p->closed = true;
	p->close_code = code;
	p->close_delay_ms = delay_ms;
	strcpy(p->close_reason, reason);
}

static const struct tr_peer_ops peer_ops = { .send = peer_send, .backlog = peer_backlog, .close = peer_close };

static void comes(struct tr_someone *p, struct tr_world *w, const char *name, const char *key, const char *params,
                  const char *path)
{
	struct tr_bytes packed = { 0 }, canonical = { 0 };
	struct tr_key_limits limits = { TR_KEY_PART_BYTES_MAX, TR_KEY_BYTES_MAX };
	struct tr_conn_request rq = { .to = { .name = { name, strlen(name) }, .create = true }, .encoding = TR_ENC_JSON };

	static const struct troupe_header own = { "x-own", "yes" };
	struct troupe_request upgrade = { .method = "GET", .path = path ? path : "/connect", .url = "http://world/",
	                                  .headers = &own, .header_count = 1, .address = "192.0.2.7" };

	*p = (struct tr_someone){ .world = w };
	rq.plain = path;
	rq.request = &upgrade;
	tr_key_from_query(&canonical, (struct troupe_text){ key, key ? strlen(key) : 0 }, &limits);
	rq.to.key = (struct troupe_text){ tr_bytes_text(&canonical), canonical.size };
	if (params) {
		int rc = tr_json_decode(&packed, tr_text_from(params), TR_JSON_PLAIN, 16, NULL);

		assert(rc == 0);
		rq.params = tr_bytes_value(&packed);
	}
	p->conn = tr_conn_open(w->core, &rq, &peer_ops, p);
	tr_bytes_free(&packed);
	tr_bytes_free(&canonical);
}

void tr_someone_joins(struct tr_someone *p, struct tr_world *w, const char *name, const char *key, const char *params)
{
	comes(p, w, name, key, params, NULL);
}

void tr_someone_opens(struct tr_someone *p, struct tr_world *w, const char *name, const char *key, const char *path)
{
	comes(p, w, name, key, NULL, path);
}

void tr_someone_leaves(struct tr_someone *p)
{
	if (p->conn)
		tr_conn_closed(p->conn);
	p->conn = NULL;
	for (size_t i = 0; i < p->count; i++)
		free(p->heard[i]);
	free(p->heard);
	p->heard = NULL;
	p->count = p->next = 0;
}

void tr_someone_says(struct tr_someone *p, const char *message)
{
	tr_conn_message(p->conn, message, strlen(message), true);
}

void tr_someone_subscribes(struct tr_someone *p, const char *event, bool on)
{
	char message[512];

	snprintf(message, sizeof message,
	         "{\"body\":{\"tag\":\"SubscriptionRequest\",\"val\":{\"eventName\":\"%s\",\"subscribe\":%s}}}",
	         event, on ? "true" : "false");
	tr_someone_says(p, message);
}

uint64_t tr_someone_calls(struct tr_someone *p, const char *action, const char *args)
{
	struct tr_bytes message = { 0 };

	tr_bytes_printf(&message,
	                "{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"%" PRIu64 "\"],"
	                "\"name\":\"%s\",\"args\":%s}}}",
	                p->calls, action, args);
	tr_someone_says(p, tr_bytes_text(&message));
	tr_bytes_free(&message);
	return p->calls++;
}

const char *tr_someone_hears(struct tr_someone *p)
{
	return p->next < p->count ? p->heard[p->next++] : NULL;
}

const char *tr_someone_hears_tag(struct tr_someone *p, const char *tag)
{
	char begin[64];
	const char *message;

	snprintf(begin, sizeof begin, "{\"body\":{\"tag\":\"%s\",\"val\":", tag);
	while ((message = tr_someone_hears(p))) {
		if (strncmp(message, begin, strlen(begin)) == 0) {
			char *val = p->heard[p->next - 1] + strlen(begin);

			val[strlen(val) - 2] = 0; /* the two braces around */
			return val;
		}
	}
	return NULL;
}
