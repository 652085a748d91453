/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions, and what they need of the environment: that it is there, that it is large enough, that it is
 * opened anew after a failure. lmdb_inner.h says which thread may do what.
 *
 * Two failures leave an environment that LMDB will not use again: a write of its meta page that failed
 * (MDB_PANIC from then on), and a map that could not be moved. Whoever meets that next closes it and opens
 * the file anew, at its last commit. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/store/lmdb_inner.h"

/* With both locks. */
static int open_anew(struct tr_lmdb *db)
{
	int rc;

	tr_lmdb_env_close(db);
	rc = tr_lmdb_env_open(db);
	if (!rc)
		rc = tr_lmdb_tables_open(db);
	if (rc)
		tr_lmdb_env_close(db);
	else
		tr_info("store.reopened", "path=%s", db->dir.file);
	return rc;
}

/* ---- reading */

/* MDB_PANIC: the environment is of no use. */
static int begin_reading(struct tr_lmdb *db)
{
	if (!db->env)
		return MDB_PANIC;
	return db->reader ? mdb_txn_renew(db->reader) : mdb_txn_begin(db->env, NULL, MDB_RDONLY, &db->reader);
}

/* Whoever writes is about to notice the same, or has noticed and failed: it is waited for, and may have put
 * it right. */
static int begin_reading_anew(struct tr_lmdb *db)
{
	int rc;

	pthread_mutex_unlock(&db->map);
	pthread_mutex_lock(&db->writing);
	pthread_mutex_lock(&db->map);
	rc = begin_reading(db);
	if (rc == MDB_PANIC) {
		rc = open_anew(db);
		if (!rc)
			rc = begin_reading(db);
	}
	pthread_mutex_unlock(&db->writing);
	return rc;
}

int tr_lmdb_read_begin(struct tr_lmdb *db, MDB_txn **ret)
{
	int rc;

	assert(!db->reading);
	pthread_mutex_lock(&db->map);
	rc = begin_reading(db);
	if (rc == MDB_PANIC)
		rc = begin_reading_anew(db);
	if (rc)
		pthread_mutex_unlock(&db->map);
	else
		*ret = db->reader;
	db->reading = !rc;
	return rc;
}

void tr_lmdb_read_end(struct tr_lmdb *db)
{
	if (!db->reading)
		return;
	mdb_txn_reset(db->reader);
	db->reading = false;
	pthread_mutex_unlock(&db->map);
}

/* ---- writing */

static int begin_writing(struct tr_lmdb *db, MDB_txn **ret)
{
	int rc = db->env ? mdb_txn_begin(db->env, NULL, 0, ret) : MDB_PANIC;

	if (rc != MDB_PANIC)
		return rc;
	pthread_mutex_lock(&db->map);
	rc = open_anew(db);
	pthread_mutex_unlock(&db->map);
	return rc ? rc : mdb_txn_begin(db->env, NULL, 0, ret);
}

/* LMDB says EIO for a write that the kernel cut short, which is how most file systems begin to be full. After
 * that there is no room for this either. If there is, the data will use it next: the file may be longer than
 * it. */
static bool no_room(struct tr_lmdb *db)
{
	struct statvfs vfs;
	struct stat st;
	int fd;

	if (mdb_env_get_fd(db->env, &fd) || fstat(fd, &st) < 0)
		return false;
	if (fallocate(fd, 0, st.st_size, TR_DISK_PROBE_BYTES) == 0)
		return false;
	if (errno != EOPNOTSUPP)
		return errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
	return fstatvfs(fd, &vfs) == 0 && vfs.f_bavail * vfs.f_frsize < TR_DISK_PROBE_BYTES;
}

static int try_write(struct tr_lmdb *db, int (*apply)(struct tr_lmdb *db, MDB_txn *txn, void *arg), void *arg)
{
	MDB_txn *txn;
	int rc = begin_writing(db, &txn);

	if (rc)
		return rc;
	rc = apply(db, txn, arg);
	if (rc)
		mdb_txn_abort(txn);
	else
		rc = mdb_txn_commit(txn);
	return rc == EIO && no_room(db) ? ENOSPC : rc;
}

/* MDB_MAP_FULL when it may not grow any more. The map moves: nobody may read meanwhile. */
static int grow(struct tr_lmdb *db)
{
	MDB_envinfo info;
	size_t size;
	int rc = mdb_env_info(db->env, &info);

	if (rc || info.me_mapsize >= db->sizes.map_max)
		return rc ? rc : MDB_MAP_FULL;
	tr_lmdb_check_readers(db);
	size = info.me_mapsize <= db->sizes.map_max / 2 ? info.me_mapsize * 2 : db->sizes.map_max;
	pthread_mutex_lock(&db->map);
	rc = mdb_env_set_mapsize(db->env, size);
	if (rc)
		tr_lmdb_env_close(db); /* the old map is gone, and there is no new one */
	pthread_mutex_unlock(&db->map);
	if (!rc)
		tr_info("store.grown", "map_bytes=%zu", size);
	return rc;
}

int tr_lmdb_write(struct tr_lmdb *db, int (*apply)(struct tr_lmdb *db, MDB_txn *txn, void *arg), void *arg)
{
	int rc;

	pthread_mutex_lock(&db->writing);
	do {
		rc = try_write(db, apply, arg);
	} while (rc == MDB_MAP_FULL && (rc = grow(db)) == 0);
	pthread_mutex_unlock(&db->writing);
	return rc;
}

int64_t tr_lmdb_mono_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- what became of it */

int tr_lmdb_outcome(struct tr_lmdb *db, const char *what, int rc)
{
	switch (rc) {
	case 0: case TROUPE_ESTORE:
		return rc;
	case MDB_NOTFOUND:
		return TROUPE_ENOTFOUND;
	}
	if (rc != db->told)
		tr_error("store.failed", "what=%s path=%s reason=\"%s\"", what, db->dir.file, mdb_strerror(rc));
	db->told = rc;
	switch (rc) {
	case ENOSPC: case EDQUOT: case EFBIG: case MDB_MAP_FULL:
		return TROUPE_EFULL;
	default:
		return TROUPE_ESTORE;
	}
}

int tr_lmdb_written(struct tr_lmdb *db, const char *what, int rc)
{
	if (!rc && db->told) {
		tr_info("store.works_again", "path=%s", db->dir.file);
		db->told = 0;
	}
	return tr_lmdb_outcome(db, what, rc);
}
