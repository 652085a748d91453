/* SPDX-License-Identifier: Apache-2.0 */
/* The first alarms in time of all actors. Copied under a read transaction, told after it, like all reads here
 * (lmdb_inner.h). */
#include <errno.h>

#include "runtime/base/limits.h"
#include "runtime/store/lmdb_inner.h"

struct due {
	struct tr_alarm_place places[TR_ALARMS_AT_ONCE];
	size_t                ends[TR_ALARMS_AT_ONCE]; /* of their actors' rows, one behind the other */
	unsigned              count;
	struct tr_bytes       rows;
};

/* Alarms of the destroyed are passed over; they are on their way out. */
static int add_due(struct tr_lmdb *db, MDB_txn *txn, struct due *d, const MDB_val *key)
{
	struct tr_alarm_place place;
	MDB_val row;
	int rc;

	if (key->mv_size != 24)
		return MDB_CORRUPTED;
	place = (struct tr_alarm_place){
		(int64_t)tr_get_be64(key->mv_data), tr_get_be64((const char *)key->mv_data + 8),
		tr_get_be64((const char *)key->mv_data + 16),
	};
	rc = tr_lmdb_row(db, txn, place.actor, &row);
	if (rc)
		return rc == MDB_NOTFOUND ? 0 : rc;
	tr_bytes_put(&d->rows, row.mv_data, row.mv_size);
	d->places[d->count] = place;
	d->ends[d->count++] = d->rows.size;
	return 0;
}

static int read_due(struct tr_lmdb *db, MDB_txn *txn, const struct tr_alarm_place *after, unsigned limit, struct due *d)
{
	struct tr_lmdb_key first;
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = mdb_cursor_open(txn, db->dbi[TR_TABLE_TIMES], &cursor);

	if (rc)
		return rc;
	tr_key_place(&first, after);
	first.bytes[first.size++] = 0; /* behind it */
	key = tr_key_val(&first);
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	while (!rc && d->count < limit) {
		rc = add_due(db, txn, d, &key);
		if (!rc)
			rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

void tr_lmdb_due(void *ctx, const struct tr_alarm_place *after, unsigned limit,
                 void (*on_due)(void *arg, int rc, const struct tr_alarm_place *place, const struct tr_actor_row *row),
                 void *arg)
{
	struct tr_lmdb *db = ctx;
	struct due d = { .rows = tr_lmdb_spare_take(&db->loop) };
	struct tr_actor_row row;
	MDB_txn *txn;
	int rc = tr_lmdb_read_begin(db, &txn);

	if (!rc)
		rc = read_due(db, txn, after, limit < TR_ALARMS_AT_ONCE ? limit : TR_ALARMS_AT_ONCE, &d);
	tr_lmdb_read_end(db);
	if (!rc && d.rows.failed)
		rc = ENOMEM;
	for (unsigned i = 0; !rc && i < d.count; i++) {
		size_t at = i ? d.ends[i - 1] : 0;

		if (tr_row_read(&row, d.places[i].actor, d.rows.data + at, d.ends[i] - at))
			on_due(arg, 0, &d.places[i], &row);
		else
			rc = MDB_CORRUPTED;
	}
	on_due(arg, tr_lmdb_outcome(db, "due", rc), NULL, NULL);
	tr_lmdb_spare_give(&db->loop, &d.rows);
}
