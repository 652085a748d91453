/* SPDX-License-Identifier: Apache-2.0 */
/* The LMDB environment's life: made, opened, closed. Whoever calls these has both locks, or is alone
 * (lmdb_inner.h). */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

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

int tr_lmdb_tables_in(struct tr_lmdb *db, MDB_txn *txn, unsigned flags)
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
	rc = tr_lmdb_tables_in(db, txn, MDB_CREATE);
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
void tr_lmdb_check_readers(struct tr_lmdb *db)
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
		tr_lmdb_check_readers(db);
	return rc;
}

int tr_lmdb_tables_open(struct tr_lmdb *db)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);

	if (rc)
		return rc;
	rc = tr_lmdb_tables_in(db, txn, 0);
	if (!rc)
		return mdb_txn_commit(txn); /* an abort would close them again */
	mdb_txn_abort(txn);
	return rc;
}

void tr_lmdb_env_close(struct tr_lmdb *db)
{
	mdb_txn_abort(db->reader);
	db->reader = NULL;
	if (db->env)
		mdb_env_close(db->env);
	db->env = NULL;
}
