/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing the store, and the data's identity: what the meta table says, and whether that is ours.
 *
 * A new data file is filled under another name and renamed when it is whole, so a troupe.mdb either knows its format
 * or is not ours. */
#include "runtime/store/lmdb_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/store/lmdb_inner.h"

#define MAGIC "troupe"

static int put_text(struct tr_lmdb *db, MDB_txn *txn, const char *name, const char *text)
{
	MDB_val key = tr_val(name, strlen(name)), value = tr_val(text, strlen(text));

	return mdb_put(txn, db->dbi[TR_TABLE_META], &key, &value, 0);
}

static int put_number(struct tr_lmdb *db, MDB_txn *txn, const char *name, uint64_t n)
{
	uint8_t bytes[8];
	MDB_val key = tr_val(name, strlen(name)), value = tr_val(bytes, sizeof(bytes));

	tr_put_be64(bytes, n);
	return mdb_put(txn, db->dbi[TR_TABLE_META], &key, &value, 0);
}

static int get_number(struct tr_lmdb *db, MDB_txn *txn, const char *name, uint64_t *ret)
{
	MDB_val key = tr_val(name, strlen(name)), value;
	int rc = mdb_get(txn, db->dbi[TR_TABLE_META], &key, &value);

	if (!rc && !tr_val_u64(&value, ret))
		rc = MDB_CORRUPTED;
	return rc;
}

static int fill_new(struct tr_lmdb *db, MDB_txn *txn)
{
	char epoch[17];
	int rc = put_text(db, txn, "magic", MAGIC);

	tr_random_id(epoch, 16);
	if (!rc)
		rc = put_number(db, txn, "format", TR_LMDB_FORMAT);
	if (!rc)
		rc = put_text(db, txn, "epoch", epoch);
	if (!rc)
		rc = put_number(db, txn, "boots", 0);
	if (!rc)
		rc = put_number(db, txn, "next", 1);
	return rc;
}

/* Fails when this is not our data; else its format. Whatever the format is, these two entries are where they are. */
static int read_format(struct tr_lmdb *db, MDB_txn *txn, uint64_t *ret)
{
	MDB_val key = tr_val("magic", 5), value;
	int rc = mdb_dbi_open(txn, "meta", 0, &db->dbi[TR_TABLE_META]);

	if (!rc)
		rc = mdb_get(txn, db->dbi[TR_TABLE_META], &key, &value);
	if (!rc && (value.mv_size != strlen(MAGIC) || memcmp(value.mv_data, MAGIC, strlen(MAGIC)) != 0))
		rc = MDB_INVALID;
	if (!rc)
		rc = get_number(db, txn, "format", ret);
	return rc;
}

static int check_format(struct tr_lmdb *db, const struct tr_why *why)
{
	const char *file = db->dir.file;
	uint64_t format = 0;
	MDB_txn *txn;
	int rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);

	if (rc)
		return tr_why_say(why, "%s cannot be read: %s", file, mdb_strerror(rc));
	rc = read_format(db, txn, &format);
	mdb_txn_abort(txn);
	if (rc)
		return tr_why_say(why, "%s is an LMDB file, but of another program: choose another directory", file);
	if (format != TR_LMDB_FORMAT)
		return tr_why_say(why, "%s is of format %llu, and this troupe knows format %d: use the version that wrote it,"
		                  " or a newer one", file, (unsigned long long)format, TR_LMDB_FORMAT);
	return 0;
}

static int say_open_failed(struct tr_lmdb *db, const struct tr_why *why, int rc)
{
	const char *file = db->dir.file;

	switch (rc) {
	case MDB_INVALID:
		return tr_why_say(why, "%s is damaged, or not an LMDB file: restore it from a backup,"
		                  " or choose another directory", file);
	case MDB_VERSION_MISMATCH:
		return tr_why_say(why, "%s was written by another version of LMDB: use the troupe that wrote it", file);
	case EACCES: case EPERM: case EROFS:
		return tr_why_say(why, "%s is not writable for this user (%s)", file, strerror(rc));
	case ENOSPC: case EDQUOT: case EFBIG: case MDB_MAP_FULL:
		tr_why_say(why, "there is no room for %s: %s", file, mdb_strerror(rc));
		return TROUPE_EFULL;
	default:
		return tr_why_say(why, "%s cannot be opened: %s", file, mdb_strerror(rc));
	}
}

/* LMDB would make an empty file its own; ours is never empty, so somebody lost something. */
static bool is_empty_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_size == 0;
}

static int make_tables(struct tr_lmdb *db, MDB_txn *txn, void *arg)
{
	(void)arg;
	return tr_lmdb_tables_in(db, txn, MDB_CREATE);
}

static int open_data(struct tr_lmdb *db, const struct tr_why *why)
{
	int rc = db->dir.empty ? tr_lmdb_env_create(db, fill_new) : 0;

	if (!rc && is_empty_file(db->dir.file))
		rc = MDB_INVALID;
	if (!rc)
		rc = tr_lmdb_env_open(db);
	if (rc)
		return say_open_failed(db, why, rc);
	rc = check_format(db, why);
	if (rc)
		return rc;
	rc = tr_lmdb_tables_open(db);
	if (rc == MDB_NOTFOUND)
		rc = tr_lmdb_write(db, make_tables, NULL);
	return rc ? say_open_failed(db, why, rc) : 0;
}

/* Reads who the data is, and counts this opening. */
static int boot(struct tr_lmdb *db, MDB_txn *txn, void *arg)
{
	MDB_val key = tr_val("epoch", 5), value;
	int rc = mdb_get(txn, db->dbi[TR_TABLE_META], &key, &value);

	(void)arg;
	if (!rc && value.mv_size != sizeof(db->epoch) - 1)
		rc = MDB_CORRUPTED;
	if (!rc)
		rc = get_number(db, txn, "next", &db->stored_next);
	if (!rc)
		rc = get_number(db, txn, "boots", &db->boots);
	if (rc)
		return rc;
	memcpy(db->epoch, value.mv_data, value.mv_size);
	return put_number(db, txn, "boots", ++db->boots);
}

static int begin(struct tr_lmdb *db, const struct tr_why *why)
{
	int rc = tr_lmdb_write(db, boot, NULL);

	if (rc)
		return say_open_failed(db, why, rc);
	db->next_actor = db->stored_next;
	rc = tr_committer_new(&db->committer);
	return rc ? tr_why_say(why, "a thread cannot be made: %s", strerror(rc)) : 0;
}

int tr_lmdb_open_sized(struct tr_lmdb **ret, const char *directory, const struct tr_lmdb_sizes *sizes,
                       char *why_text, size_t why_size)
{
	struct tr_why why = { why_text, why_size };
	struct tr_lmdb *db = tr_alloc(sizeof(*db));
	int rc;

	db->sizes = *sizes;
	db->dir.dir_fd = db->dir.lock_fd = -1;
	pthread_mutex_init(&db->writing, NULL);
	pthread_mutex_init(&db->map, NULL);
	db->loop.digest = EVP_MD_CTX_new();
	db->writer.digest = EVP_MD_CTX_new();
	if (db->loop.digest && db->writer.digest)
		rc = tr_datadir_open(&db->dir, directory, &why);
	else
		rc = tr_why_say(&why, "out of memory");
	if (!rc)
		rc = open_data(db, &why);
	if (!rc)
		rc = begin(db, &why);
	if (rc) {
		tr_lmdb_close(db);
		return rc;
	}
	tr_info("store.open", "path=%s epoch=%s boots=%llu", db->dir.path, db->epoch, (unsigned long long)db->boots);
	*ret = db;
	return 0;
}

int tr_lmdb_open(struct tr_lmdb **ret, const char *directory, char *why, size_t why_size)
{
	static const struct tr_lmdb_sizes sizes = { TR_MAP_BYTES_START, TR_MAP_BYTES_MAX };

	return tr_lmdb_open_sized(ret, directory, &sizes, why, why_size);
}

static void tools_fini(struct tr_lmdb_tools *tools)
{
	EVP_MD_CTX_free(tools->digest);
	tr_bytes_free(&tools->spare);
}

struct tr_lmdb *tr_lmdb_close(struct tr_lmdb *db)
{
	if (!db)
		return NULL;
	tr_committer_free(db->committer);
	tr_lmdb_env_close(db);
	tr_datadir_close(&db->dir);
	tools_fini(&db->loop);
	tools_fini(&db->writer);
	pthread_mutex_destroy(&db->writing);
	pthread_mutex_destroy(&db->map);
	free(db);
	return NULL;
}

int tr_lmdb_fd(const struct tr_lmdb *db)
{
	return tr_committer_fd(db->committer);
}

void tr_lmdb_answer(struct tr_lmdb *db)
{
	tr_committer_answer(db->committer);
}

void tr_lmdb_wait(struct tr_lmdb *db)
{
	tr_committer_wait(db->committer);
}

/* There is one writer. What is given and not used is given again after the next opening: nobody saw it. */
static uint64_t new_actor(void *ctx)
{
	struct tr_lmdb *db = ctx;

	return db->next_actor++;
}

struct tr_store tr_lmdb_store(struct tr_lmdb *db)
{
	static const struct tr_store_ops ops = {
		.find     = tr_lmdb_find,
		.list     = tr_lmdb_list,
		.read_log = tr_lmdb_read_log,
		.get      = tr_lmdb_get,
		.scan     = tr_lmdb_scan,
		.keys     = tr_lmdb_keys,
		.busy     = tr_lmdb_busy,
		.alarms   = tr_lmdb_alarms,
		.due      = tr_lmdb_due,
		.commit   = tr_lmdb_commit,
		.clean    = tr_lmdb_clean,
		.new_actor = new_actor,
	};

	return (struct tr_store){
		.ops = &ops, .ctx = db, .boots = db->boots, .epoch = db->epoch,
	};
}
