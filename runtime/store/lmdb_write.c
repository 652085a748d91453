/* SPDX-License-Identifier: Apache-2.0 */
/* The port's commit: a batch is applied in one transaction, op by op in its order, and stands or falls as a whole.
 * What destroyed actors leave is deleted by lmdb_clean.c. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "runtime/base/log.h"
#include "runtime/store/lmdb_inner.h"

struct writer {
	const struct tr_batch *batch;
	struct tr_lmdb        *db;
	MDB_txn               *txn;
	MDB_cursor            *log;   /* opened by the first append; ends with the transaction */
	uint64_t               next;  /* actor number: the first that was never used */
	uint64_t               alive; /* the last actor that was found to exist; 0: none */
};

static MDB_val key_of(const struct writer *w, const struct tr_op *op)
{
	assert(op->key_at <= w->batch->bytes.size && op->key_size <= w->batch->bytes.size - op->key_at);
	return tr_val(op->key_size ? w->batch->bytes.data + op->key_at : NULL, op->key_size);
}

static MDB_val value_of(const struct writer *w, const struct tr_op *op)
{
	assert(op->value_at <= w->batch->bytes.size && op->value_size <= w->batch->bytes.size - op->value_at);
	return tr_val(op->value_size ? w->batch->bytes.data + op->value_at : NULL, op->value_size);
}

/* A batch that cannot be right, whoever made it: better nothing of it than a log with a hole. */
static int refuse(const struct tr_op *op, const char *reason)
{
	tr_error("store.bad_batch", "op=%d actor=%llu seq=%llu reason=\"%s\"", (int)op->kind,
	         (unsigned long long)op->actor, (unsigned long long)op->seq, reason);
	return TROUPE_ESTORE;
}

static int put(struct writer *w, enum tr_table table, const struct tr_lmdb_key *k, MDB_val value, unsigned flags)
{
	MDB_val key = tr_key_val(k);

	return mdb_put(w->txn, w->db->dbi[table], &key, &value, flags);
}

/* It may be missing. */
static int del(struct writer *w, enum tr_table table, const struct tr_lmdb_key *k)
{
	MDB_val key = tr_key_val(k);
	int rc = mdb_del(w->txn, w->db->dbi[table], &key, NULL);

	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Where it is listed: by its kind and, but in the default namespace, among all kinds. */
static int name_it(struct writer *w, const struct tr_actor_row *row, int (*change)(struct writer *w, const struct tr_lmdb_key *k))
{
	struct tr_lmdb_key k;
	int rc = tr_key_name(&k, row->namespace, row->name, row->num) ? change(w, &k) : MDB_BAD_VALSIZE;

	if (rc || tr_is_default(row->namespace))
		return rc;
	return tr_key_name(&k, row->namespace, "", row->num) ? change(w, &k) : MDB_BAD_VALSIZE;
}

static int add_name(struct writer *w, const struct tr_lmdb_key *k)
{
	return put(w, TR_TABLE_NAMES, k, tr_val(NULL, 0), 0);
}

static int del_name(struct writer *w, const struct tr_lmdb_key *k)
{
	return del(w, TR_TABLE_NAMES, k);
}

static int create_indexes(struct writer *w, const struct tr_actor_row *row)
{
	struct tr_lmdb_key k;
	uint8_t num[8];
	MDB_val value = tr_val(num, sizeof(num));
	int rc = MDB_BAD_VALSIZE;

	tr_put_be64(num, row->num);
	if (tr_key_id(&k, row->id))
		rc = put(w, TR_TABLE_IDS, &k, value, MDB_NOOVERWRITE);
	if (!rc)
		rc = tr_key_digest(w->db->writer.digest, &k, row->namespace, row->name, row->key);
	if (!rc)
		rc = put(w, TR_TABLE_KEYS, &k, value, MDB_NOOVERWRITE);
	return rc ? rc : name_it(w, row, add_name);
}

static int create_row(struct writer *w, const struct tr_op *op, const MDB_val *texts)
{
	struct tr_lmdb_key k;
	MDB_val key, value;
	int rc;

	tr_key_num(&k, op->actor);
	key = tr_key_val(&k);
	if (tr_lmdb_at(w->db, w->txn, TR_TABLE_GONE, &k, &value) == 0)
		return MDB_KEYEXIST;
	value = (MDB_val){ 8 + texts->mv_size, NULL };
	rc = mdb_put(w->txn, w->db->dbi[TR_TABLE_ROWS], &key, &value, MDB_NOOVERWRITE | MDB_RESERVE);
	if (rc)
		return rc;
	tr_put_be64(value.mv_data, op->seq);
	memcpy((char *)value.mv_data + 8, texts->mv_data, texts->mv_size);
	return 0;
}

/* Numbers may come out of order, but each once. */
static int op_create(struct writer *w, const struct tr_op *op)
{
	MDB_val texts = key_of(w, op);
	struct tr_actor_row row;
	int rc;

	if (!tr_row_texts(&row, texts.mv_data, texts.mv_size))
		return refuse(op, "the row is malformed");
	row.num = op->actor;
	if (tr_is_default(row.namespace)) /* goes without saying, as in the rows of older versions */
		texts.mv_size = (size_t)(row.key + strlen(row.key) + 1 - (const char *)texts.mv_data);
	rc = create_row(w, op, &texts);
	if (!rc)
		rc = create_indexes(w, &row);
	if (rc == MDB_KEYEXIST)
		return refuse(op, "an actor with this number, id or key exists");
	if (!rc && op->actor >= w->next)
		w->next = op->actor + 1;
	return rc;
}

/* The row as it was, copied: deleting moves pages about. */
static int delete_indexes(struct writer *w, uint64_t num, const MDB_val *stored)
{
	struct tr_bytes copy = tr_lmdb_spare_take(&w->db->writer);
	struct tr_actor_row row;
	struct tr_lmdb_key k;
	int rc = 0;

	tr_bytes_put(&copy, stored->mv_data, stored->mv_size);
	if (copy.failed || !tr_row_read(&row, num, copy.data, copy.size))
		rc = MDB_CORRUPTED;
	if (!rc && tr_key_id(&k, row.id))
		rc = del(w, TR_TABLE_IDS, &k);
	if (!rc)
		rc = tr_key_digest(w->db->writer.digest, &k, row.namespace, row.name, row.key);
	if (!rc)
		rc = del(w, TR_TABLE_KEYS, &k);
	if (!rc)
		rc = name_it(w, &row, del_name);
	tr_lmdb_spare_give(&w->db->writer, &copy);
	return rc;
}

/* Is this the key of something that the actor owes? What follows the prefix in it then. */
static bool owed_name(const MDB_val *key, uint64_t num, struct troupe_text *ret)
{
	const size_t skip = 8 + strlen(TR_OWED);

	if (!tr_val_of(key, num) || key->mv_size < skip || memcmp((char *)key->mv_data + 8, TR_OWED, strlen(TR_OWED)) != 0)
		return false;
	*ret = (struct troupe_text){ (char *)key->mv_data + skip, key->mv_size - skip };
	return true;
}

/* Copies what lies under the cursor to TR_NOBODY; a put may move pages, so by way of a copy. */
static int hand_over(struct writer *w, uint64_t num, struct troupe_text name, const MDB_val *value, struct tr_bytes *copy)
{
	struct tr_lmdb_key k;
	char key[TR_ITEM_KEY_MAX + 1];
	int size = snprintf(key, sizeof key, TR_OWED "%020llu/%.*s", (unsigned long long)num, (int)name.size, name.data);

	tr_bytes_clear(copy);
	tr_bytes_put(copy, value->mv_data, value->mv_size);
	if (copy->failed || size > TR_ITEM_KEY_MAX || !tr_key_item(&k, TR_NOBODY, key, (size_t)size))
		return copy->failed ? ENOMEM : MDB_BAD_VALSIZE;
	return put(w, TR_TABLE_ITEMS, &k, tr_val(copy->data, copy->size), 0);
}

/* What the actor owes others becomes the server's own. */
static int hand_over_owed(struct writer *w, uint64_t num)
{
	struct tr_bytes copy = tr_lmdb_spare_take(&w->db->writer);
	struct troupe_text name;
	struct tr_lmdb_key next;
	MDB_cursor *cursor = NULL;
	MDB_val key, value;
	int rc = mdb_cursor_open(w->txn, w->db->dbi[TR_TABLE_ITEMS], &cursor);

	tr_key_item(&next, num, TR_OWED, strlen(TR_OWED));
	while (!rc) {
		key = tr_key_val(&next);
		rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
		if (!rc && !owed_name(&key, num, &name))
			rc = MDB_NOTFOUND;
		if (rc)
			break;
		tr_key_after(&next, &key);
		rc = hand_over(w, num, name, &value, &copy);
	}
	if (cursor)
		mdb_cursor_close(cursor);
	tr_lmdb_spare_give(&w->db->writer, &copy);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int op_destroy(struct writer *w, const struct tr_op *op)
{
	struct tr_lmdb_key k;
	MDB_val row;
	int rc = tr_lmdb_row(w->db, w->txn, op->actor, &row);

	w->alive = 0;
	if (!rc)
		rc = delete_indexes(w, op->actor, &row);
	if (!rc)
		rc = hand_over_owed(w, op->actor);
	tr_key_num(&k, op->actor);
	if (!rc)
		rc = del(w, TR_TABLE_ROWS, &k);
	if (!rc)
		rc = del(w, TR_TABLE_STATE, &k);
	if (!rc)
		rc = del(w, TR_TABLE_BUSY, &k);
	if (!rc)
		rc = put(w, TR_TABLE_GONE, &k, tr_val(NULL, 0), 0);
	return rc;
}

static int op_state(struct writer *w, const struct tr_op *op)
{
	struct tr_lmdb_key k;

	tr_key_num(&k, op->actor);
	return op->value_size ? put(w, TR_TABLE_STATE, &k, value_of(w, op), 0) : del(w, TR_TABLE_STATE, &k);
}

/* Is what lies before the cursor this actor's seq - 1, or for seq 1 nothing of this actor's? */
static bool follows(MDB_cursor *log, uint64_t actor, uint64_t seq)
{
	MDB_val key, value;
	bool same = mdb_cursor_get(log, &key, &value, MDB_PREV) == 0 && tr_val_of(&key, actor);

	return seq == 1 ? !same : same && tr_get_be64((const char *)key.mv_data + 8) == seq - 1;
}

static int op_append(struct writer *w, const struct tr_op *op)
{
	MDB_val key, value = value_of(w, op);
	struct tr_lmdb_key k;
	int rc = w->log ? 0 : mdb_cursor_open(w->txn, w->db->dbi[TR_TABLE_LOG], &w->log);

	if (rc)
		return rc;
	tr_key_pair(&k, op->actor, op->seq);
	key = tr_key_val(&k);
	rc = mdb_cursor_put(w->log, &key, &value, MDB_NOOVERWRITE);
	if (rc == MDB_KEYEXIST)
		return refuse(op, "the log has this entry already");
	if (!rc && !follows(w->log, op->actor, op->seq))
		return refuse(op, "the log would have a hole");
	return rc;
}

static int op_put(struct writer *w, const struct tr_op *op)
{
	MDB_val key = key_of(w, op);
	struct tr_lmdb_key k;

	if (!tr_key_item(&k, op->actor, key.mv_data, key.mv_size))
		return refuse(op, "the item's key is too long");
	return put(w, TR_TABLE_ITEMS, &k, value_of(w, op), 0);
}

static int op_delete(struct writer *w, const struct tr_op *op)
{
	MDB_val key = key_of(w, op);
	struct tr_lmdb_key k;

	return tr_key_item(&k, op->actor, key.mv_data, key.mv_size) ? del(w, TR_TABLE_ITEMS, &k) : 0;
}

static int op_busy(struct writer *w, const struct tr_op *op)
{
	struct tr_lmdb_key k;

	tr_key_num(&k, op->actor);
	return op->kind == TR_OP_BUSY ? put(w, TR_TABLE_BUSY, &k, tr_val(NULL, 0), 0) : del(w, TR_TABLE_BUSY, &k);
}

static int op_alarm(struct writer *w, const struct tr_op *op)
{
	MDB_val id = key_of(w, op), what = value_of(w, op), key, value = { 8 + what.mv_size, NULL };
	struct tr_lmdb_key k;
	int rc;

	if (id.mv_size != 8)
		return refuse(op, "an alarm's id has 8 bytes");
	tr_key_pair(&k, op->actor, tr_get_be64(id.mv_data));
	key = tr_key_val(&k);
	rc = mdb_put(w->txn, w->db->dbi[TR_TABLE_ALARMS], &key, &value, MDB_NOOVERWRITE | MDB_RESERVE);
	if (rc == MDB_KEYEXIST)
		return refuse(op, "the actor has this alarm already");
	if (rc)
		return rc;
	tr_put_be64(value.mv_data, op->seq);
	memcpy((char *)value.mv_data + 8, what.mv_data, what.mv_size);
	tr_key_place(&k, &(struct tr_alarm_place){ (int64_t)op->seq, op->actor, tr_get_be64(id.mv_data) });
	return put(w, TR_TABLE_TIMES, &k, tr_val(NULL, 0), 0);
}

static int op_disarm(struct writer *w, const struct tr_op *op)
{
	MDB_val id = key_of(w, op), key, value;
	struct tr_lmdb_key k, time;
	struct tr_alarm_place place;
	int rc;

	if (id.mv_size != 8)
		return refuse(op, "an alarm's id has 8 bytes");
	tr_key_pair(&k, op->actor, tr_get_be64(id.mv_data));
	rc = tr_lmdb_at(w->db, w->txn, TR_TABLE_ALARMS, &k, &value);
	if (rc)
		return rc == MDB_NOTFOUND ? 0 : rc;
	key = tr_key_val(&k);
	if (!tr_alarm_read(&place, &key, &value))
		return MDB_CORRUPTED;
	tr_key_place(&time, &place);
	rc = del(w, TR_TABLE_TIMES, &time);
	return rc ? rc : del(w, TR_TABLE_ALARMS, &k);
}

/* MDB_NOTFOUND: it was destroyed. */
static int check_alive(struct writer *w, const struct tr_op *op)
{
	int rc;

	if (op->actor == TR_NOBODY)
		return op->kind == TR_OP_PUT || op->kind == TR_OP_DELETE ? 0 : refuse(op, "nobody has items only");
	if (op->actor == w->alive)
		return 0;
	if (op->actor >= w->next)
		return refuse(op, "this actor was never created");
	rc = tr_lmdb_row(w->db, w->txn, op->actor, NULL);
	if (!rc)
		w->alive = op->actor;
	return rc;
}

static int apply_op(struct writer *w, const struct tr_op *op)
{
	static int (*const apply[])(struct writer *w, const struct tr_op *op) = {
		[TR_OP_CREATE]  = op_create,
		[TR_OP_DESTROY] = op_destroy,
		[TR_OP_STATE]   = op_state,
		[TR_OP_APPEND]  = op_append,
		[TR_OP_PUT]     = op_put,
		[TR_OP_DELETE]  = op_delete,
		[TR_OP_BUSY]    = op_busy,
		[TR_OP_IDLE]    = op_busy,
		[TR_OP_ALARM]   = op_alarm,
		[TR_OP_DISARM]  = op_disarm,
	};
	int rc;

	assert((size_t)op->kind < sizeof(apply) / sizeof(*apply));
	rc = op->kind == TR_OP_CREATE ? 0 : check_alive(w, op);
	if (rc == MDB_NOTFOUND)
		return 0; /* what is said of the destroyed goes unheard */
	return rc ? rc : apply[op->kind](w, op);
}

static int put_next(struct writer *w)
{
	struct tr_lmdb_key k = { .size = 4, .bytes = "next" };
	uint8_t bytes[8];

	tr_put_be64(bytes, w->next);
	return put(w, TR_TABLE_META, &k, tr_val(bytes, sizeof(bytes)), 0);
}

/* ---- on the committer's thread, or on the loop's when there is nobody whom that could delay */

static int apply_batch(struct tr_lmdb *db, MDB_txn *txn, void *arg)
{
	struct tr_lmdb_commit_job *j = arg;
	struct writer w = { .batch = j->batch, .db = db, .txn = txn, .next = db->stored_next };
	int rc = 0;

	for (size_t i = 0; !rc && i < j->batch->count; i++)
		rc = apply_op(&w, &j->batch->ops[i]);
	if (!rc && w.next != db->stored_next)
		rc = put_next(&w);
	j->next = w.next;
	return rc;
}

static void work(struct tr_job *job)
{
	struct tr_lmdb_commit_job *j = (struct tr_lmdb_commit_job *)job;
	int64_t since = tr_lmdb_mono_ns();

	j->rc = tr_lmdb_write(j->db, apply_batch, j);
	if (!j->rc)
		j->db->stored_next = j->next;
	j->took_ns = tr_lmdb_mono_ns() - since;
}

/* ---- on the loop's */

static void done(struct tr_job *job)
{
	struct tr_lmdb_commit_job *j = (struct tr_lmdb_commit_job *)job;

	j->asked = false;
	if (!j->rc && j->next > j->db->next_actor)
		j->db->next_actor = j->next;
	j->on_done(j->arg, tr_lmdb_written(j->db, "commit", j->rc));
}

/* Handing over costs a commit that nobody else waits behind two wakings, and what comes in meanwhile a commit
 * of its own (runtime/README.md has the figures). */
void tr_lmdb_commit(void *ctx, const struct tr_batch *batch, void (*on_done)(void *arg, int rc), void *arg)
{
	struct tr_lmdb *db = ctx;
	struct tr_lmdb_commit_job *j = &db->commit;
	bool here = batch->alone && j->took_ns < TR_COMMIT_HERE_NS && tr_committer_idle(db->committer);

	assert(!j->asked);
	*j = (struct tr_lmdb_commit_job){
		.job = { .work = work, .done = done }, .db = db, .batch = batch, .on_done = on_done, .arg = arg,
		.asked = true,
	};
	if (!here) {
		tr_committer_give(db->committer, &j->job);
		return;
	}
	j->job.work(&j->job);
	j->job.done(&j->job);
}
