/* SPDX-License-Identifier: Apache-2.0 */
/* The port's single reads: an actor, a page of its log, an item. Each is the same three steps: copy under a read
 * transaction, end it, call back (lmdb_inner.h says why). */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/limits.h"
#include "runtime/base/mem.h"
#include "runtime/store/lmdb_inner.h"


struct tr_bytes tr_lmdb_spare_take(struct tr_lmdb_tools *tools)
{
	struct tr_bytes bytes = tools->spare;

	tools->spare = (struct tr_bytes){ 0 };
	tr_bytes_clear(&bytes);
	return bytes;
}

void tr_lmdb_spare_give(struct tr_lmdb_tools *tools, struct tr_bytes *bytes)
{
	if (tools->spare.data || bytes->room > TR_SPARE_BYTES_MAX)
		tr_bytes_free(bytes);
	else
		tools->spare = *bytes;
}

int tr_lmdb_at(struct tr_lmdb *db, MDB_txn *txn, enum tr_table table, const struct tr_lmdb_key *k, MDB_val *ret)
{
	MDB_val key = tr_key_val(k);

	return mdb_get(txn, db->dbi[table], &key, ret);
}

int tr_lmdb_row(struct tr_lmdb *db, MDB_txn *txn, uint64_t num, MDB_val *ret)
{
	struct tr_lmdb_key key;
	MDB_val row;

	tr_key_num(&key, num);
	return tr_lmdb_at(db, txn, TR_TABLE_ROWS, &key, ret ? ret : &row);
}

int tr_lmdb_owner(struct tr_lmdb *db, MDB_txn *txn, uint64_t num)
{
	return num == TR_NOBODY ? 0 : tr_lmdb_row(db, txn, num, NULL);
}

/* ---- find */

/* Where the copies lie in the bytes: the row first, then the state. */
struct found { uint64_t num, seq; size_t row_size, state_size; };

static int find_num(struct tr_lmdb *db, MDB_txn *txn, const char *id, const char *namespace, const char *name,
                    const char *key, uint64_t *ret)
{
	struct tr_lmdb_key k;
	MDB_val num;
	int rc;

	if (id)
		rc = tr_key_id(&k, id) ? 0 : MDB_NOTFOUND;
	else
		rc = tr_key_digest(db->loop.digest, &k, namespace, name, key);
	if (!rc)
		rc = tr_lmdb_at(db, txn, id ? TR_TABLE_IDS : TR_TABLE_KEYS, &k, &num);
	if (!rc && !tr_val_u64(&num, ret))
		rc = MDB_CORRUPTED;
	return rc;
}

/* From above: the first key behind the actor's range, then one back. */
static int newest_seq(struct tr_lmdb *db, MDB_txn *txn, uint64_t num, uint64_t *ret)
{
	struct tr_lmdb_key after;
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = mdb_cursor_open(txn, db->dbi[TR_TABLE_LOG], &cursor);

	if (rc)
		return rc;
	tr_key_pair(&after, num + 1, 0);
	key = tr_key_val(&after);
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	if (!rc || rc == MDB_NOTFOUND)
		rc = mdb_cursor_get(cursor, &key, &value, rc ? MDB_LAST : MDB_PREV);
	*ret = 0;
	if (!rc && tr_val_of(&key, num) && key.mv_size == 16)
		*ret = tr_get_be64((const char *)key.mv_data + 8);
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int copy_found(struct tr_lmdb *db, MDB_txn *txn, struct found *f, struct tr_bytes *copy)
{
	struct tr_lmdb_key key;
	MDB_val row, state;
	int rc = tr_lmdb_row(db, txn, f->num, &row);

	if (rc)
		return rc;
	tr_bytes_put(copy, row.mv_data, row.mv_size);
	f->row_size = row.mv_size;
	tr_key_num(&key, f->num);
	rc = tr_lmdb_at(db, txn, TR_TABLE_STATE, &key, &state);
	if (!rc) {
		tr_bytes_put(copy, state.mv_data, state.mv_size);
		f->state_size = state.mv_size;
	}
	return rc && rc != MDB_NOTFOUND ? rc : newest_seq(db, txn, f->num, &f->seq);
}

void tr_lmdb_find(void *ctx, const char *id, const char *namespace, const char *name, const char *key,
                  void (*on_found)(void *arg, int rc, const struct tr_actor_row *row, struct troupe_value state,
                                   uint64_t seq), void *arg)
{
	struct tr_lmdb *db = ctx;
	struct tr_bytes copy = tr_lmdb_spare_take(&db->loop);
	struct tr_actor_row row = { 0 };
	struct found f = { 0 };
	MDB_txn *txn;
	int rc = tr_lmdb_read_begin(db, &txn);

	if (!rc)
		rc = find_num(db, txn, id, namespace, name, key, &f.num);
	if (!rc)
		rc = copy_found(db, txn, &f, &copy);
	tr_lmdb_read_end(db);
	if (!rc && copy.failed)
		rc = ENOMEM;
	if (!rc && !tr_row_read(&row, f.num, copy.data, f.row_size))
		rc = MDB_CORRUPTED;
	/* The digest stands for namespace, name and key; the row has them in full. */
	if (!rc && !id && (strcmp(row.namespace, namespace) != 0 || strcmp(row.name, name) != 0 || strcmp(row.key, key) != 0))
		rc = MDB_NOTFOUND;
	rc = tr_lmdb_outcome(db, "find", rc);
	if (rc)
		on_found(arg, rc, NULL, (struct troupe_value){ 0 }, 0);
	else
		on_found(arg, 0, &row, (struct troupe_value){ copy.data + f.row_size, f.state_size }, f.seq);
	tr_lmdb_spare_give(&db->loop, &copy);
}

/* ---- read_log */

struct page {
	uint64_t             actor;
	unsigned             max_events;
	size_t               max_bytes;
	struct tr_bytes      bytes;   /* the values, one behind the other */
	struct tr_log_entry *entries; /* their data is filled in when the bytes no longer move */
	size_t               count, room;
	bool                 more;
};

static void page_add(struct page *p, uint64_t seq, const MDB_val *value)
{
	if (p->count == p->room) {
		p->room = p->room ? p->room * 2 : 16;
		p->entries = tr_realloc(p->entries, p->room * sizeof(*p->entries));
	}
	p->entries[p->count++] = (struct tr_log_entry){ seq, { NULL, value->mv_size } };
	tr_bytes_put(&p->bytes, value->mv_data, value->mv_size);
}

static bool page_is_full(const struct page *p, size_t size)
{
	if (!p->count)
		return false;
	return p->count >= p->max_events || p->bytes.size >= p->max_bytes || size > p->max_bytes - p->bytes.size;
}

static int page_fill(struct page *p, MDB_cursor *cursor, uint64_t after)
{
	struct tr_lmdb_key first;
	MDB_val key, value;
	int rc;

	tr_key_pair(&first, p->actor, after + 1);
	key = tr_key_val(&first);
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	while (!rc && tr_val_of(&key, p->actor)) {
		if (key.mv_size != 16)
			return MDB_CORRUPTED;
		p->more = page_is_full(p, value.mv_size);
		if (p->more)
			return 0;
		page_add(p, tr_get_be64((const char *)key.mv_data + 8), &value);
		rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int page_read(struct tr_lmdb *db, struct page *p, uint64_t after)
{
	MDB_cursor *cursor;
	MDB_txn *txn;
	int rc = tr_lmdb_read_begin(db, &txn);

	if (!rc)
		rc = tr_lmdb_row(db, txn, p->actor, NULL);
	if (!rc && after < UINT64_MAX && !(rc = mdb_cursor_open(txn, db->dbi[TR_TABLE_LOG], &cursor))) {
		rc = page_fill(p, cursor, after);
		mdb_cursor_close(cursor);
	}
	tr_lmdb_read_end(db);
	if (!rc && p->bytes.failed)
		rc = ENOMEM;
	return rc == MDB_NOTFOUND ? 0 : rc; /* who does not exist has said nothing */
}

void tr_lmdb_read_log(void *ctx, uint64_t actor, uint64_t after, unsigned max_events, size_t max_bytes,
                      void (*on_page)(void *arg, int rc, const struct tr_log_entry *entries, size_t count, bool more),
                      void *arg)
{
	struct tr_lmdb *db = ctx;
	struct page p = {
		.actor = actor, .max_events = max_events, .max_bytes = max_bytes,
		.bytes = tr_lmdb_spare_take(&db->loop),
	};
	int rc = tr_lmdb_outcome(db, "read_log", page_read(db, &p, after));
	const char *at = tr_bytes_text(&p.bytes);

	for (size_t i = 0; !rc && i < p.count; i++) {
		p.entries[i].value.data = at;
		at += p.entries[i].value.size;
	}
	if (rc)
		on_page(arg, rc, NULL, 0, false);
	else
		on_page(arg, 0, p.entries, p.count, p.more);
	free(p.entries);
	tr_lmdb_spare_give(&db->loop, &p.bytes);
}

/* ---- get */

void tr_lmdb_get(void *ctx, uint64_t actor, struct troupe_text key,
                 void (*on_value)(void *arg, int rc, struct troupe_value value), void *arg)
{
	struct tr_lmdb *db = ctx;
	struct tr_bytes copy = tr_lmdb_spare_take(&db->loop);
	struct tr_lmdb_key k;
	MDB_val value;
	MDB_txn *txn;
	int rc = tr_lmdb_read_begin(db, &txn);

	if (!rc)
		rc = tr_lmdb_owner(db, txn, actor);
	if (!rc && !tr_key_item(&k, actor, key.data, key.size))
		rc = MDB_NOTFOUND;
	if (!rc)
		rc = tr_lmdb_at(db, txn, TR_TABLE_ITEMS, &k, &value);
	if (!rc)
		tr_bytes_put(&copy, value.mv_data, value.mv_size);
	tr_lmdb_read_end(db);
	if (!rc && copy.failed)
		rc = ENOMEM;
	rc = tr_lmdb_outcome(db, "get", rc);
	if (rc)
		on_value(arg, rc, (struct troupe_value){ 0 });
	else
		on_value(arg, 0, (struct troupe_value){ tr_bytes_text(&copy), copy.size });
	tr_lmdb_spare_give(&db->loop, &copy);
}
