/* SPDX-License-Identifier: Apache-2.0 */
/* Deletes what destroyed actors left in log, items and alarms, a bounded piece at a time: so many entries, so many
 * milliseconds, one commit. The list of the gone is durable, so a crash only means that the rest is deleted later. */
#include <assert.h>

#include "runtime/store/lmdb_inner.h"

#include "runtime/base/limits.h"


struct piece { unsigned left; int64_t until_ns; bool more; };

static bool piece_over(struct piece *p)
{
	if (!p->left)
		return true;
	p->left--;
	return p->left % 16 == 0 && tr_lmdb_mono_ns() >= p->until_ns;
}

/* An alarm stands in the order of time as well. */
static int delete_time(struct tr_lmdb *db, MDB_txn *txn, const MDB_val *key, const MDB_val *value)
{
	struct tr_alarm_place place;
	struct tr_lmdb_key k;
	MDB_val time;
	int rc;

	if (!tr_alarm_read(&place, key, value))
		return MDB_CORRUPTED;
	tr_key_place(&k, &place);
	time = tr_key_val(&k);
	rc = mdb_del(txn, db->dbi[TR_TABLE_TIMES], &time, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Deletes the actor's keys in this table until none is left (MDB_NOTFOUND) or the piece is over (0). The cursor is
 * placed anew for each, so nothing depends on where deleting leaves it. */
static int delete_some(struct tr_lmdb *db, MDB_txn *txn, enum tr_table table, uint64_t num, struct piece *p)
{
	struct tr_lmdb_key first;
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = mdb_cursor_open(txn, db->dbi[table], &cursor);

	if (rc)
		return rc;
	tr_key_num(&first, num);
	while (!rc && !piece_over(p)) {
		key = tr_key_val(&first);
		rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
		if (!rc && !tr_val_of(&key, num))
			rc = MDB_NOTFOUND;
		if (!rc && table == TR_TABLE_ALARMS)
			rc = delete_time(db, txn, &key, &value);
		if (!rc)
			rc = mdb_cursor_del(cursor, 0);
	}
	mdb_cursor_close(cursor);
	return rc;
}

static int first_gone(struct tr_lmdb *db, MDB_txn *txn, uint64_t *ret)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = mdb_cursor_open(txn, db->dbi[TR_TABLE_GONE], &cursor);

	if (rc)
		return rc;
	rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
	if (!rc && !tr_val_u64(&key, ret))
		rc = MDB_CORRUPTED;
	mdb_cursor_close(cursor);
	return rc;
}

static int apply_clean(struct tr_lmdb *db, MDB_txn *txn, void *arg)
{
	struct piece *p = arg;
	struct tr_lmdb_key k;
	uint64_t num;
	MDB_val key;
	int rc;

	*p = (struct piece){ .left = TR_CLEAN_ENTRIES_MAX, .until_ns = tr_lmdb_mono_ns() + TR_CLEAN_NS };
	while (!(rc = first_gone(db, txn, &num))) {
		rc = delete_some(db, txn, TR_TABLE_LOG, num, p);
		if (rc == MDB_NOTFOUND)
			rc = delete_some(db, txn, TR_TABLE_ITEMS, num, p);
		if (rc == MDB_NOTFOUND)
			rc = delete_some(db, txn, TR_TABLE_ALARMS, num, p);
		if (rc != MDB_NOTFOUND) {
			p->more = !rc;
			return rc;
		}
		tr_key_num(&k, num);
		key = tr_key_val(&k);
		rc = mdb_del(txn, db->dbi[TR_TABLE_GONE], &key, NULL);
		if (rc)
			return rc;
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static void work(struct tr_job *job)
{
	struct tr_lmdb_clean_job *j = (struct tr_lmdb_clean_job *)job;
	struct piece p = { 0 };

	j->rc = tr_lmdb_write(j->db, apply_clean, &p);
	j->more = p.more;
}

/* After a failure there is no point in trying again at once. */
static void done(struct tr_job *job)
{
	struct tr_lmdb_clean_job *j = (struct tr_lmdb_clean_job *)job;
	int rc = tr_lmdb_written(j->db, "clean", j->rc);

	j->asked = false;
	j->on_done(j->arg, !rc && j->more);
}

void tr_lmdb_clean(void *ctx, void (*on_done)(void *arg, bool more), void *arg)
{
	struct tr_lmdb *db = ctx;

	assert(!db->clean.asked);
	db->clean = (struct tr_lmdb_clean_job){
		.job = { .work = work, .done = done }, .db = db, .on_done = on_done, .arg = arg, .asked = true,
	};
	tr_committer_give(db->committer, &db->clean.job);
}
