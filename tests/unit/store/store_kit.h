/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's tests share: batches written like sentences, and the port's calls as plain functions (LMDB
 * answers reads before they return, which each of these insists on; for a commit they wait).
 *
 *	struct tr_batch b = { 0 };
 *	add_create(&b, 1, "id1", "room", "42");
 *	add_append(&b, 1, 1, "hello");
 *	assert_int_equal(0, commit(&store, &b));   empties the batch */
#ifndef TR_TESTS_STORE_KIT_H
#define TR_TESTS_STORE_KIT_H

#include "tests/kit/test.h"
#include "tests/kit/tmpdir.h"

#include "proto/text.h"
#include "runtime/base/mem.h"
#include "runtime/store/lmdb_inner.h"

/* ---- batches */

static inline struct tr_op *add_op(struct tr_batch *b, enum tr_op_kind kind, uint64_t actor)
{
	if (b->count == b->room) {
		b->room = b->room ? b->room * 2 : 16;
		b->ops = tr_realloc(b->ops, b->room * sizeof(*b->ops));
	}
	b->ops[b->count] = (struct tr_op){ .kind = kind, .actor = actor };
	return &b->ops[b->count++];
}

static inline void set_key(struct tr_batch *b, struct tr_op *op, const void *data, size_t size)
{
	op->key_at = b->bytes.size;
	op->key_size = size;
	tr_bytes_put(&b->bytes, data, size);
}

static inline void set_value(struct tr_batch *b, struct tr_op *op, const void *data, size_t size)
{
	op->value_at = b->bytes.size;
	op->value_size = size;
	tr_bytes_put(&b->bytes, data, size);
}

static inline void add_create_in(struct tr_batch *b, uint64_t num, const char *id, const char *namespace, const char *name,
                                 const char *key)
{
	struct tr_op *op = add_op(b, TR_OP_CREATE, num);

	op->seq = 1000 + num; /* created_ms */
	op->key_at = b->bytes.size;
	op->key_size = strlen(id) + strlen(name) + strlen(key) + strlen(namespace) + 4;
	tr_bytes_put(&b->bytes, id, strlen(id) + 1);
	tr_bytes_put(&b->bytes, name, strlen(name) + 1);
	tr_bytes_put(&b->bytes, key, strlen(key) + 1);
	tr_bytes_put(&b->bytes, namespace, strlen(namespace) + 1);
}

static inline void add_create(struct tr_batch *b, uint64_t num, const char *id, const char *name, const char *key)
{
	add_create_in(b, num, id, "default", name, key);
}

static inline void add_state(struct tr_batch *b, uint64_t num, const char *value)
{
	set_value(b, add_op(b, TR_OP_STATE, num), value, strlen(value));
}

static inline void add_append(struct tr_batch *b, uint64_t num, uint64_t seq, const char *value)
{
	struct tr_op *op = add_op(b, TR_OP_APPEND, num);

	op->seq = seq;
	set_value(b, op, value, strlen(value));
}

static inline void add_put(struct tr_batch *b, uint64_t num, const char *key, const char *value)
{
	struct tr_op *op = add_op(b, TR_OP_PUT, num);

	set_key(b, op, key, strlen(key));
	set_value(b, op, value, strlen(value));
}

static inline void add_delete(struct tr_batch *b, uint64_t num, const char *key)
{
	set_key(b, add_op(b, TR_OP_DELETE, num), key, strlen(key));
}

static inline void batch_clear(struct tr_batch *b)
{
	free(b->ops);
	tr_bytes_free(&b->bytes);
	*b = (struct tr_batch){ 0 };
}

/* ---- the port, synchronously */

#define KIT_UNANSWERED 12345

static inline void kit_on_done(void *arg, int rc) { *(int *)arg = rc; }

/* Commits and keeps the batch. */
static inline int commit_kept(const struct tr_store *s, const struct tr_batch *b)
{
	int rc = KIT_UNANSWERED;

	s->ops->commit(s->ctx, b, kit_on_done, &rc);
	tr_lmdb_wait(s->ctx);
	assert_int_not_equal(KIT_UNANSWERED, rc);
	return rc;
}

static inline int commit(const struct tr_store *s, struct tr_batch *b)
{
	int rc = commit_kept(s, b);

	batch_clear(b);
	return rc;
}

static inline uint64_t new_actor(const struct tr_store *s)
{
	return s->ops->new_actor(s->ctx);
}

static inline void kit_on_cleaned(void *arg, bool more) { *(int *)arg = more; }

/* Is there more? */
static inline bool clean(const struct tr_store *s)
{
	int more = KIT_UNANSWERED;

	s->ops->clean(s->ctx, kit_on_cleaned, &more);
	tr_lmdb_wait(s->ctx);
	assert_int_not_equal(KIT_UNANSWERED, more);
	return more;
}

struct kit_found {
	int      rc;
	uint64_t num, seq;
	int64_t  created_ms;
	size_t   state_size;
	char     id[64], namespace[200], name[64], key[1100], state[1024];
};

static inline void kit_on_found(void *arg, int rc, const struct tr_actor_row *row, struct troupe_value state,
                                uint64_t seq)
{
	struct kit_found *f = arg;

	f->rc = rc;
	f->seq = seq;
	f->state_size = state.size;
	assert_int_equal(rc == 0, row != NULL);
	if (!row)
		return;
	f->num = row->num;
	f->created_ms = row->created_ms;
	snprintf(f->id, sizeof(f->id), "%s", row->id);
	snprintf(f->namespace, sizeof(f->namespace), "%s", row->namespace);
	snprintf(f->name, sizeof(f->name), "%s", row->name);
	snprintf(f->key, sizeof(f->key), "%s", row->key);
	snprintf(f->state, sizeof(f->state), "%.*s", (int)state.size, (const char *)state.data);
}

static inline struct kit_found find_id(const struct tr_store *s, const char *id)
{
	struct kit_found f = { .rc = KIT_UNANSWERED };

	s->ops->find(s->ctx, id, NULL, NULL, NULL, kit_on_found, &f);
	assert_int_not_equal(KIT_UNANSWERED, f.rc);
	return f;
}

static inline struct kit_found find_key_in(const struct tr_store *s, const char *namespace, const char *name, const char *key)
{
	struct kit_found f = { .rc = KIT_UNANSWERED };

	s->ops->find(s->ctx, NULL, namespace, name, key, kit_on_found, &f);
	assert_int_not_equal(KIT_UNANSWERED, f.rc);
	return f;
}

static inline struct kit_found find_key(const struct tr_store *s, const char *name, const char *key)
{
	return find_key_in(s, "default", name, key);
}

/* What came, as text: "1:hello 2:there " for logs, "a=1 b=2 " for items, "1/room/key " for actors; then "." for the
 * end, or "+" where there is more. */
struct kit_heard { int rc; bool ended; size_t count; struct tr_bytes text; };

static inline bool heard_is(struct kit_heard *h, const char *expected)
{
	const char *text = tr_bytes_text(&h->text);
	bool same = h->rc == 0 && !strcmp(text, expected);

	if (!same)
		fprintf(stderr, "heard \"%s\", rc %d, and not \"%s\"\n", text, h->rc, expected);
	tr_bytes_free(&h->text);
	return same;
}

static inline void kit_on_page(void *arg, int rc, const struct tr_log_entry *entries, size_t count, bool more)
{
	struct kit_heard *h = arg;

	assert_false(h->ended);
	h->ended = true;
	h->rc = rc;
	h->count = count;
	for (size_t i = 0; i < count; i++)
		tr_bytes_printf(&h->text, "%llu:%.*s ", (unsigned long long)entries[i].seq,
		                (int)entries[i].value.size, (const char *)entries[i].value.data);
	tr_bytes_put_text(&h->text, more ? "+" : ".");
}

static inline struct kit_heard read_log(const struct tr_store *s, uint64_t num, uint64_t after, unsigned events,
                                        size_t bytes)
{
	struct kit_heard h = { .rc = KIT_UNANSWERED };

	s->ops->read_log(s->ctx, num, after, events, bytes, kit_on_page, &h);
	assert_true(h.ended);
	return h;
}

static inline void kit_on_row(void *arg, int rc, const struct tr_actor_row *row)
{
	struct kit_heard *h = arg;

	assert_false(h->ended);
	h->rc = rc;
	h->ended = !row;
	h->count += row != NULL;
	if (row)
		tr_bytes_printf(&h->text, "%llu/%s/%s ", (unsigned long long)row->num, row->name, row->key);
	else
		tr_bytes_put_text(&h->text, ".");
}

static inline struct kit_heard list_in(const struct tr_store *s, const char *namespace, const char *name, uint64_t after,
                                       unsigned limit)
{
	struct kit_heard h = { .rc = KIT_UNANSWERED };

	s->ops->list(s->ctx, namespace, name, after, limit, kit_on_row, &h);
	assert_true(h.ended);
	return h;
}

static inline struct kit_heard list(const struct tr_store *s, const char *name, uint64_t after, unsigned limit)
{
	return list_in(s, "default", name, after, limit);
}

static inline struct kit_heard list_busy(const struct tr_store *s)
{
	struct kit_heard h = { .rc = KIT_UNANSWERED };

	s->ops->busy(s->ctx, kit_on_row, &h);
	assert_true(h.ended);
	return h;
}

static inline void kit_on_item(void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	struct kit_heard *h = arg;

	assert_false(h->ended);
	h->rc = rc;
	h->ended = !key.data;
	h->count += key.data != NULL;
	if (key.data)
		tr_bytes_printf(&h->text, "%.*s=%.*s ", (int)key.size, key.data, (int)value.size, (const char *)value.data);
	else
		tr_bytes_put_text(&h->text, ".");
}

static inline struct kit_heard scan_after(const struct tr_store *s, uint64_t num, const char *prefix, const char *after,
                                          unsigned limit)
{
	struct kit_heard h = { .rc = KIT_UNANSWERED };

	s->ops->scan(s->ctx, num, tr_text_from(prefix), tr_text_from(after), limit,
	             kit_on_item, &h);
	assert_true(h.ended);
	return h;
}

static inline struct kit_heard scan(const struct tr_store *s, uint64_t num, const char *prefix)
{
	return scan_after(s, num, prefix, "", 0);
}

static inline void kit_on_key(void *arg, int rc, struct troupe_text key)
{
	kit_on_item(arg, rc, key, (struct troupe_value){ "", 0 });
}

static inline struct kit_heard keys(const struct tr_store *s, uint64_t num, const char *prefix)
{
	struct kit_heard h = { .rc = KIT_UNANSWERED };

	s->ops->keys(s->ctx, num, tr_text_from(prefix), kit_on_key, &h);
	assert_true(h.ended);
	return h;
}

static inline void kit_on_value(void *arg, int rc, struct troupe_value value)
{
	struct kit_heard *h = arg;

	assert_false(h->ended);
	h->ended = true;
	h->rc = rc;
	tr_bytes_put(&h->text, value.data, value.size);
}

static inline struct kit_heard get(const struct tr_store *s, uint64_t num, const char *key)
{
	struct kit_heard h = { .rc = KIT_UNANSWERED };

	s->ops->get(s->ctx, num, tr_text_from(key), kit_on_value, &h);
	assert_true(h.ended);
	return h;
}

/* ---- a store in a directory of its own */

struct kit { char *dir; struct tr_lmdb *db; struct tr_store store; };

/* The map begins small, so that growing is what every test does. */
static inline void kit_open(struct kit *k)
{
	const struct tr_lmdb_sizes sizes = { 128 * 1024, (size_t)1 << 34 };
	char why[512] = "";

	if (!k->dir)
		k->dir = tr_tmpdir_new();
	if (tr_lmdb_open_sized(&k->db, k->dir, &sizes, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	k->store = tr_lmdb_store(k->db);
}

static inline void kit_reopen(struct kit *k)
{
	k->db = tr_lmdb_close(k->db);
	kit_open(k);
}

static inline void kit_close(struct kit *k)
{
	k->db = tr_lmdb_close(k->db);
	k->dir = tr_tmpdir_free(k->dir);
}

static inline void create(struct kit *k, uint64_t num, const char *id, const char *name, const char *key)
{
	struct tr_batch b = { 0 };

	add_create(&b, num, id, name, key);
	assert_int_equal(0, commit(&k->store, &b));
}

static inline void create_many(struct kit *k, unsigned count)
{
	struct tr_batch b = { 0 };
	char id[16];

	for (unsigned i = 1; i <= count; i++) {
		snprintf(id, sizeof(id), "id%u", i);
		add_create(&b, i, id, i % 2 ? "odd" : "even", id);
		if (i % 10 == 0)
			add_op(&b, TR_OP_BUSY, i);
	}
	assert_int_equal(0, commit(&k->store, &b));
}

#endif
