/* SPDX-License-Identifier: Apache-2.0 */
/* The port's reads of many: actors of a kind, busy actors, items of an actor. Each walks a range of one table, a chunk
 * at a time: copies a chunk under a read transaction, ends it, calls back for each thing in it, goes on behind it.
 *
 * So a walk is not one snapshot: what a callback commits far enough ahead is seen, what it commits within the chunk at
 * hand is not. Each thing is told once at most, in order. */
#include <errno.h>

#include "runtime/store/lmdb_inner.h"

#include "runtime/base/limits.h"


struct walk {
	const char        *what;
	enum tr_table      table;
	uint64_t           actor; /* items and alarms: whose */
	const char        *namespace; /* rows: of this one only; NULL: the keys say it already, or of any */
	bool               keys;  /* items: no values */
	uint64_t           left;  /* how many more are wanted */
	size_t             prefix;/* this many bytes of `next` begin every key of the walk */
	struct tr_lmdb_key next;  /* where it goes on */
};

/* A row: num, and `size` bytes. An item: key_size bytes of its key, then `size` of its value. */
struct slot { uint64_t num; size_t at, key_size, size; };

struct chunk {
	struct tr_bytes bytes;
	struct slot     slots[TR_WALK_ITEMS_MAX];
	unsigned        count;
	bool            last;
};

/* An actor's own things, of which each is told with its key. */
static bool is_of_items(const struct walk *w)
{
	return w->table == TR_TABLE_ITEMS || w->table == TR_TABLE_ALARMS;
}

static int add_item(struct walk *w, struct chunk *c, const MDB_val *key, const MDB_val *value)
{
	w->left--;
	c->slots[c->count++] = (struct slot){ 0, c->bytes.size, key->mv_size - 8, value->mv_size };
	tr_bytes_put(&c->bytes, (const char *)key->mv_data + 8, key->mv_size - 8);
	tr_bytes_put(&c->bytes, value->mv_data, value->mv_size);
	return 0;
}

static bool is_elsewhere(const struct walk *w, uint64_t num, const MDB_val *stored)
{
	struct tr_actor_row row;

	return w->namespace && tr_row_read(&row, num, stored->mv_data, stored->mv_size) &&
	       strcmp(row.namespace, w->namespace) != 0;
}

/* Keys of the tables that name actors end in the actor's number. */
static int add_row(struct tr_lmdb *db, MDB_txn *txn, struct walk *w, struct chunk *c, const MDB_val *key)
{
	uint64_t num;
	MDB_val row;
	int rc;

	if (key->mv_size < 8)
		return MDB_CORRUPTED;
	num = tr_get_be64((const char *)key->mv_data + key->mv_size - 8);
	rc = tr_lmdb_row(db, txn, num, &row);
	if (rc)
		return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
	if (is_elsewhere(w, num, &row))
		return 0;
	w->left--;
	c->slots[c->count++] = (struct slot){ num, c->bytes.size, 0, row.mv_size };
	tr_bytes_put(&c->bytes, row.mv_data, row.mv_size);
	return 0;
}

static bool is_full(const struct chunk *c, size_t size)
{
	return c->count == TR_WALK_ITEMS_MAX || (c->count && c->bytes.size + size > TR_WALK_BYTES);
}

/* MDB_NOTFOUND: this was all. */
static int gather(struct tr_lmdb *db, MDB_txn *txn, MDB_cursor *cursor, struct walk *w, struct chunk *c)
{
	MDB_val key = tr_key_val(&w->next), value;
	int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);

	while (!rc) {
		if (!w->left || key.mv_size < w->prefix || memcmp(key.mv_data, w->next.bytes, w->prefix) != 0)
			return MDB_NOTFOUND;
		if (w->keys)
			value.mv_size = 0; /* not looked at, and so not read from the disk */
		if (is_full(c, value.mv_size))
			return 0;
		rc = is_of_items(w) ? add_item(w, c, &key, &value) : add_row(db, txn, w, c, &key);
		tr_key_after(&w->next, &key);
		if (!rc)
			rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	return rc;
}

static int next_chunk(struct tr_lmdb *db, struct walk *w, struct chunk *c)
{
	MDB_cursor *cursor;
	MDB_txn *txn;
	int rc;

	c->count = 0;
	tr_bytes_clear(&c->bytes);
	rc = tr_lmdb_read_begin(db, &txn);
	if (!rc && is_of_items(w))
		rc = tr_lmdb_owner(db, txn, w->actor);
	if (!rc && !(rc = mdb_cursor_open(txn, db->dbi[w->table], &cursor))) {
		rc = gather(db, txn, cursor, w, c);
		mdb_cursor_close(cursor);
	}
	tr_lmdb_read_end(db);
	c->last = rc == MDB_NOTFOUND;
	if (c->last)
		rc = 0;
	if (!rc && c->bytes.failed)
		rc = ENOMEM;
	return tr_lmdb_outcome(db, w->what, rc);
}

/* ---- actors */

typedef void on_row_fn(void *arg, int rc, const struct tr_actor_row *row);

static int tell_rows(struct tr_lmdb *db, const struct walk *w, const struct chunk *c, on_row_fn *on_row, void *arg)
{
	struct tr_actor_row row;

	for (unsigned i = 0; i < c->count; i++) {
		const struct slot *s = &c->slots[i];

		if (!tr_row_read(&row, s->num, c->bytes.data + s->at, s->size))
			return tr_lmdb_outcome(db, w->what, MDB_CORRUPTED);
		on_row(arg, 0, &row);
	}
	return 0;
}

static void walk_rows(struct tr_lmdb *db, struct walk *w, on_row_fn *on_row, void *arg)
{
	struct chunk c = { .bytes = tr_lmdb_spare_take(&db->loop) };
	int rc;

	do {
		rc = next_chunk(db, w, &c);
		if (!rc)
			rc = tell_rows(db, w, &c, on_row, arg);
	} while (!rc && !c.last);
	on_row(arg, rc, NULL);
	tr_lmdb_spare_give(&db->loop, &c.bytes);
}

/* All kinds of the default namespace have no keys of their own, as they had none when there was no other: they are found
 * among all. */
void tr_lmdb_list(void *ctx, const char *namespace, const char *name, uint64_t after, unsigned limit,
                  void (*on_row)(void *arg, int rc, const struct tr_actor_row *row), void *arg)
{
	bool all = !name && tr_is_default(namespace);
	struct walk w = { .what = "list", .table = all ? TR_TABLE_ROWS : TR_TABLE_NAMES, .left = limit };

	if (all) {
		w.namespace = namespace;
		tr_key_num(&w.next, after + 1);
	} else if (tr_key_name(&w.next, namespace, name ? name : "", after + 1)) {
		w.prefix = w.next.size - 8;
	} else {
		w.left = 0;
	}
	if (after == UINT64_MAX)
		w.left = 0;
	walk_rows(ctx, &w, on_row, arg);
}

void tr_lmdb_busy(void *ctx, void (*on_row)(void *arg, int rc, const struct tr_actor_row *row), void *arg)
{
	struct walk w = { .what = "busy", .table = TR_TABLE_BUSY, .left = UINT64_MAX };

	tr_key_num(&w.next, 0);
	walk_rows(ctx, &w, on_row, arg);
}

/* ---- items */

typedef void on_item_fn(void *arg, int rc, struct troupe_text key, struct troupe_value value);

static void walk_items(struct tr_lmdb *db, struct walk *w, struct troupe_text prefix, struct troupe_text after,
                       on_item_fn *on_item, void *arg)
{
	struct tr_lmdb_key from;
	MDB_val last;
	struct chunk c = { .bytes = tr_lmdb_spare_take(&db->loop) };
	int rc;

	if (!tr_key_item(&w->next, w->actor, prefix.data, prefix.size)) {
		tr_key_num(&w->next, w->actor);
		w->left = 0;
	}
	w->prefix = w->next.size;
	if (after.size > prefix.size && tr_key_item(&from, w->actor, after.data, after.size)) {
		last = tr_key_val(&from);
		tr_key_after(&w->next, &last);
	}
	do {
		rc = next_chunk(db, w, &c);
		for (unsigned i = 0; !rc && i < c.count; i++) {
			const struct slot *s = &c.slots[i];
			const char *key = tr_bytes_text(&c.bytes) + s->at;

			on_item(arg, 0, (struct troupe_text){ key, s->key_size },
			        (struct troupe_value){ key + s->key_size, s->size });
		}
	} while (!rc && !c.last);
	on_item(arg, rc, (struct troupe_text){ 0 }, (struct troupe_value){ 0 });
	tr_lmdb_spare_give(&db->loop, &c.bytes);
}

void tr_lmdb_scan(void *ctx, uint64_t actor, struct troupe_text prefix, struct troupe_text after, unsigned limit,
                  on_item_fn *on_item, void *arg)
{
	struct walk w = { .what = "scan", .table = TR_TABLE_ITEMS, .actor = actor, .left = limit ? limit : UINT64_MAX };

	walk_items(ctx, &w, prefix, after, on_item, arg);
}

struct on_key { void (*on_key)(void *arg, int rc, struct troupe_text key); void *arg; };

static void tell_key(void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	const struct on_key *to = arg;

	(void)value;
	to->on_key(to->arg, rc, key);
}

void tr_lmdb_keys(void *ctx, uint64_t actor, struct troupe_text prefix,
                  void (*on_key)(void *arg, int rc, struct troupe_text key), void *arg)
{
	struct walk w = { .what = "keys", .table = TR_TABLE_ITEMS, .actor = actor, .keys = true, .left = UINT64_MAX };

	walk_items(ctx, &w, prefix, (struct troupe_text){ 0 }, tell_key, &(struct on_key){ on_key, arg });
}

/* ---- alarms of an actor */

struct told {
	struct tr_lmdb *db;
	void          (*on_alarm)(void *arg, int rc, uint64_t id, int64_t at_ms, struct troupe_value value);
	void           *arg;
	bool            damaged;
};

/* The table's key without its number, and what is behind the time in its value. */
static void on_stored_alarm(void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	struct told *a = arg;

	if (a->damaged)
		return;
	if (!key.data) {
		a->on_alarm(a->arg, rc, 0, 0, (struct troupe_value){ 0 });
		return;
	}
	if (key.size != 8 || value.size < 8) {
		a->damaged = true;
		a->on_alarm(a->arg, tr_lmdb_outcome(a->db, "alarms", MDB_CORRUPTED), 0, 0, (struct troupe_value){ 0 });
		return;
	}
	a->on_alarm(a->arg, 0, tr_get_be64(key.data), (int64_t)tr_get_be64(value.data),
	            (struct troupe_value){ (const char *)value.data + 8, value.size - 8 });
}

void tr_lmdb_alarms(void *ctx, uint64_t actor,
                    void (*on_alarm)(void *arg, int rc, uint64_t id, int64_t at_ms, struct troupe_value value), void *arg)
{
	struct walk w = { .what = "alarms", .table = TR_TABLE_ALARMS, .actor = actor, .left = UINT64_MAX };
	struct told a = { .db = ctx, .on_alarm = on_alarm, .arg = arg };

	walk_items(ctx, &w, (struct troupe_text){ 0 }, (struct troupe_text){ 0 }, on_stored_alarm, &a);
}
