/* SPDX-License-Identifier: Apache-2.0 */
/* The LMDB environment's life: made, opened, grown, and put right after a failure.
 *
 * Two failures leave an environment that LMDB will not use again: a write of its meta page that failed, and a map
 * that could not be moved. Both end with db->env NULL, and the next use opens the file anew, at its last commit. That
 * is safe at any time, because between two calls of the store no transaction is open (lmdb_inner.h says why). */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/store/lmdb_inner.h"


static const char *const table_names[] = {
#define TABLE_NAME(name, text) text,
	TR_TABLE_MAP(TABLE_NAME)
#undef TABLE_NAME
};

static int new_env(MDB_env **ret)
{
	int rc = mdb_env_create(ret);

	if (!rc)
		rc = mdb_env_set_maxdbs(*ret, TR_TABLE_COUNT);
	return rc;
}

static int open_tables(struct tr_lmdb *db, MDB_txn *txn, unsigned flags)
{
	int rc = 0;

	for (int i = 0; !rc && i < TR_TABLE_COUNT; i++)
		rc = mdb_dbi_open(txn, table_names[i], flags, &db->dbi[i]);
	return rc;
}

/* Nobody else can have it: no locks, so that LMDB leaves no second file behind. */
static int create_and_fill(struct tr_lmdb *db, MDB_env *env, int (*fill)(struct tr_lmdb *db, MDB_txn *txn))
{
	MDB_txn *txn;
	int rc = mdb_env_set_mapsize(env, db->sizes.map_start);

	if (!rc)
		rc = mdb_env_open(env, db->dir.fresh, MDB_NOSUBDIR | MDB_NOLOCK, 0600);
	if (!rc)
		rc = mdb_txn_begin(env, NULL, 0, &txn);
	if (rc)
		return rc;
	rc = open_tables(db, txn, MDB_CREATE);
	if (!rc)
		rc = fill(db, txn);
	if (!rc)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

int tr_lmdb_env_create(struct tr_lmdb *db, int (*fill)(struct tr_lmdb *db, MDB_txn *txn))
{
	MDB_env *env;
	int rc;

	if (unlink(db->dir.fresh) < 0 && errno != ENOENT)
		return errno;
	rc = new_env(&env);
	if (rc)
		return rc;
	rc = create_and_fill(db, env, fill);
	mdb_env_close(env);
	return rc ? rc : tr_datadir_adopt_fresh(&db->dir);
}

/* LMDB opens its data file without O_CLOEXEC: every agent that we start would inherit it, writable. */
static int close_on_exec(MDB_env *env)
{
	int fd, rc = mdb_env_get_fd(env, &fd);

	if (!rc && fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		rc = errno;
	return rc;
}

static int at_least_start_size(struct tr_lmdb *db)
{
	MDB_envinfo info;
	int rc = mdb_env_info(db->env, &info);

	if (!rc && info.me_mapsize < db->sizes.map_start)
		rc = mdb_env_set_mapsize(db->env, db->sizes.map_start);
	return rc;
}

/* A backup tool that died while it read would keep freed pages from being used again for ever. */
static void check_readers(struct tr_lmdb *db)
{
	int dead = 0;

	if (mdb_reader_check(db->env, &dead) == 0 && dead)
		tr_info("store.readers", "dead=%d", dead);
}

int tr_lmdb_env_open(struct tr_lmdb *db)
{
	int rc = new_env(&db->env);

	/* Reads jump about in a file that may be larger than memory: read-ahead would fetch what nobody asked for. */
	if (!rc)
		rc = mdb_env_open(db->env, db->dir.file, MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD, 0600);
	if (!rc)
		rc = close_on_exec(db->env);
	if (!rc)
		rc = at_least_start_size(db);
	if (rc)
		tr_lmdb_env_close(db);
	else
		check_readers(db);
	return rc;
}

int tr_lmdb_tables_open(struct tr_lmdb *db)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);

	if (rc)
		return rc;
	rc = open_tables(db, txn, 0);
	if (!rc)
		return mdb_txn_commit(txn); /* an abort would close them again */
	mdb_txn_abort(txn);
	return rc;
}

static int make_tables(struct tr_lmdb *db, MDB_txn *txn, void *arg)
{
	(void)arg;
	return open_tables(db, txn, MDB_CREATE);
}

int tr_lmdb_tables_make(struct tr_lmdb *db)
{
	return tr_lmdb_write(db, make_tables, NULL);
}

void tr_lmdb_env_close(struct tr_lmdb *db)
{
	mdb_txn_abort(db->reader);
	db->reader = NULL;
	if (db->env)
		mdb_env_close(db->env);
	db->env = NULL;
}

static int revive(struct tr_lmdb *db)
{
	int rc;

	if (db->env)
		return 0;
	rc = tr_lmdb_env_open(db);
	if (!rc)
		rc = tr_lmdb_tables_open(db);
	if (rc)
		tr_lmdb_env_close(db);
	else
		tr_info("store.reopened", "path=%s", db->dir.file);
	return rc;
}

static int begin(struct tr_lmdb *db, bool write, MDB_txn **ret)
{
	int rc;

	if (write)
		return mdb_txn_begin(db->env, NULL, 0, ret);
	rc = db->reader ? mdb_txn_renew(db->reader) : mdb_txn_begin(db->env, NULL, MDB_RDONLY, &db->reader);
	if (!rc)
		*ret = db->reader;
	return rc;
}

static int begin_alive(struct tr_lmdb *db, bool write, MDB_txn **ret)
{
	int rc = revive(db);

	assert(!db->reading);
	if (!rc)
		rc = begin(db, write, ret);
	if (rc != MDB_PANIC)
		return rc;
	tr_lmdb_env_close(db);
	rc = revive(db);
	return rc ? rc : begin(db, write, ret);
}

int tr_lmdb_read_begin(struct tr_lmdb *db, MDB_txn **ret)
{
	int rc = begin_alive(db, false, ret);

	db->reading = !rc;
	return rc;
}

void tr_lmdb_read_end(struct tr_lmdb *db)
{
	if (db->reading)
		mdb_txn_reset(db->reader);
	db->reading = false;
}

/* LMDB says EIO for a write that the kernel cut short, which is how most file systems begin to be full. After that
 * there is no room for this either. If there is, the data will use it next: the file may be longer than it. */
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
	int rc = begin_alive(db, true, &txn);

	if (rc)
		return rc;
	rc = apply(db, txn, arg);
	if (rc)
		mdb_txn_abort(txn);
	else
		rc = mdb_txn_commit(txn);
	return rc == EIO && no_room(db) ? ENOSPC : rc;
}

/* MDB_MAP_FULL when it may not grow any more. */
static int grow(struct tr_lmdb *db)
{
	MDB_envinfo info;
	size_t size;
	int rc = mdb_env_info(db->env, &info);

	if (rc || info.me_mapsize >= db->sizes.map_max)
		return rc ? rc : MDB_MAP_FULL;
	check_readers(db);
	size = info.me_mapsize <= db->sizes.map_max / 2 ? info.me_mapsize * 2 : db->sizes.map_max;
	rc = mdb_env_set_mapsize(db->env, size);
	if (rc)
		tr_lmdb_env_close(db); /* the old map is gone, and there is no new one */
	else
		tr_info("store.grown", "map_bytes=%zu", size);
	return rc;
}

int tr_lmdb_write(struct tr_lmdb *db, int (*apply)(struct tr_lmdb *db, MDB_txn *txn, void *arg), void *arg)
{
	int rc;

	do {
		rc = try_write(db, apply, arg);
	} while (rc == MDB_MAP_FULL && (rc = grow(db)) == 0);
	if (!rc && db->told) {
		tr_info("store.works_again", "path=%s", db->dir.file);
		db->told = 0;
	}
	return rc;
}

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
