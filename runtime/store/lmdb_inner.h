/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share, and what lies where in LMDB.
 *
 * One environment, these tables (num and seq are 8 bytes, big endian, so that byte order is number order):
 *
 *	meta   magic, format, epoch, boots, next
 *	rows   num                     created_ms, "id\0name\0key\0", and "namespace\0" where it is not the default one
 *	ids    id                      num
 *	keys   SHA-256("name\0key")    num           LMDB's keys end at 511 bytes, ours do not; the row is compared
 *	names  name \0 num             nothing       for listing one kind
 *	state  num                     the kept fields
 *	log    num seq                 one entry     an actor's newest is found from above, the others are never touched
 *	items  num key                 one item; num 0: the server's own
 *	busy   num                     nothing
 *	alarms num id                  at_ms, and what is to be done
 *	times  at_ms num id            nothing       the alarms of all in order of time
 *	gone   num                     nothing       destroyed: what it left in log, items, alarms and times is deleted piece by piece
 *
 * In a namespace that is not the default one, "namespace\0name\0key" is digested, and `names` has two keys: \0 namespace \0 name
 * \0 num, and \0 namespace \0 \0 num for listing all kinds. None of these can be one of the default namespace, since no text here
 * holds a NUL and no kind's name is empty.
 *
 * An actor exists exactly as long as its row does: every read and write looks there first, so a destroyed actor is
 * gone at once, whatever of its log is still waiting to be deleted.
 *
 * The rule that keeps reads simple: what a callback is lent is a copy, and no transaction is open while a callback
 * runs. So a callback may call the store again, and no reader ever keeps freed pages from being used again.
 * The copies cost a few microseconds a page of log.
 *
 * Two threads: the loop, which reads and calls back, and the committer (committer.h), which writes and waits
 * for the disk. A write transaction is one thread's from its begin to its end, as LMDB wants it. Two locks
 * keep them apart, taken in this order:
 *
 *	writing   whoever writes, from the begin of the transaction to the end of its sync
 *	map       the loop, for a read transaction: microseconds. The writer, for as long as it moves the map (LMDB
 *	          forbids that under a live transaction) or opens the environment anew: nobody has a pointer into it then
 *
 * So a read never waits for the disk, but where the environment has just broken: then for the end of the
 * write that broke it. What belongs to one thread alone is marked so below, and what is marked with neither
 * is written only under both locks. */
#ifndef TR_STORE_LMDB_INNER_H
#define TR_STORE_LMDB_INNER_H

#include <lmdb.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#include "runtime/base/limits.h"
#include "runtime/store/committer.h"
#include "runtime/store/datadir.h"
#include "runtime/store/lmdb_store.h"

#define TR_LMDB_FORMAT 1

#define TR_TABLE_MAP(X) \
	X(META, "meta") X(ROWS, "rows") X(IDS, "ids") X(KEYS, "keys") X(NAMES, "names") \
	X(STATE, "state") X(LOG, "log") X(ITEMS, "items") X(BUSY, "busy") X(GONE, "gone") \
	X(ALARMS, "alarms") X(TIMES, "times")

enum tr_table {
#define TR_TABLE_ENUM(name, text) TR_TABLE_##name,
	TR_TABLE_MAP(TR_TABLE_ENUM)
#undef TR_TABLE_ENUM
	TR_TABLE_COUNT
};

struct tr_lmdb_sizes { size_t map_start, map_max; };

/* What a thread works with. */
struct tr_lmdb_tools { EVP_MD_CTX *digest; struct tr_bytes spare; /* for copies */ };

/* The port's commit and clean, as jobs. One of each at a time. */
struct tr_lmdb_commit_job {
	struct tr_job          job;
	struct tr_lmdb        *db;
	const struct tr_batch *batch;
	void                 (*on_done)(void *arg, int rc);
	void                  *arg;
	int                    rc;   /* LMDB's, as the thread leaves it */
	int64_t                took_ns; /* likewise */
	uint64_t               next; /* likewise: the first number of an actor that was never used */
	bool                   asked;
};
struct tr_lmdb_clean_job {
	struct tr_job   job;
	struct tr_lmdb *db;
	void          (*on_done)(void *arg, bool more);
	void           *arg;
	int             rc;
	bool            more, asked;
};

struct tr_lmdb {
	struct tr_datadir    dir;    /* fixed, as are sizes, boots and epoch */
	struct tr_lmdb_sizes sizes;
	uint64_t             boots;
	char                 epoch[17];
	pthread_mutex_t      writing, map;
	MDB_env             *env;    /* NULL: it broke, and is opened again by the next use */
	MDB_dbi              dbi[TR_TABLE_COUNT];
	MDB_txn             *reader; /* kept between reads; NULL: none yet */
	/* the loop's */
	bool                 reading;
	struct tr_lmdb_tools loop;
	uint64_t             next_actor; /* the number of the next that is asked for */
	int                  told;   /* the last failure that was logged; 0 once a write worked again */
	struct tr_committer *committer;
	struct tr_lmdb_commit_job commit;
	struct tr_lmdb_clean_job  clean;
	/* the writer's */
	struct tr_lmdb_tools writer;
	uint64_t             stored_next; /* the first number of an actor that was never used, as stored */
};

/* Like tr_lmdb_open, with the size of the map at first and at most. */
int tr_lmdb_open_sized(struct tr_lmdb **ret, const char *directory, const struct tr_lmdb_sizes *sizes,
                       char *why, size_t why_size);

/* ---- lmdb_keys.c: how keys and rows are laid out */

struct tr_lmdb_key { size_t size; uint8_t bytes[TR_LMDB_KEY_MAX + 1]; };

static inline MDB_val tr_val(const void *data, size_t size)
{
	return (MDB_val){ size, (void *)(uintptr_t)(data ? data : "") };
}

static inline MDB_val tr_key_val(const struct tr_lmdb_key *k)
{
	return tr_val(k->bytes, k->size);
}

void tr_put_be64(uint8_t *into, uint64_t n);
uint64_t tr_get_be64(const void *from);
bool tr_val_u64(const MDB_val *v, uint64_t *ret); /* false: it is not 8 bytes */

void tr_key_num(struct tr_lmdb_key *k, uint64_t num);
void tr_key_pair(struct tr_lmdb_key *k, uint64_t num, uint64_t seq);
void tr_key_place(struct tr_lmdb_key *k, const struct tr_alarm_place *place);
/* Of an alarm as it is stored, from its key and value. False: it is damaged. */
bool tr_alarm_read(struct tr_alarm_place *ret, const MDB_val *key, const MDB_val *value);
/* False when the parts make no key that we store. */
bool tr_key_item(struct tr_lmdb_key *k, uint64_t num, const void *key, size_t size);
bool tr_key_id(struct tr_lmdb_key *k, const char *id);
/* name "": of all kinds; not in the default namespace. */
bool tr_key_name(struct tr_lmdb_key *k, const char *namespace, const char *name, uint64_t num);
/* The digest of namespace, name and key. 0 or ENOMEM. */
int tr_key_digest(EVP_MD_CTX *digest, struct tr_lmdb_key *k, const char *namespace, const char *name,
                  const char *key);
/* The least key that is greater. */
void tr_key_after(struct tr_lmdb_key *k, const MDB_val *v);
/* Is v the key of something of this actor? */
bool tr_val_of(const MDB_val *v, uint64_t num);

bool tr_is_default(const char *namespace);
/* Reads "id\0name\0key\0namespace\0", lending the texts; num and created_ms are 0. False: it is malformed. The last text may
 * be missing: the default namespace. */
bool tr_row_texts(struct tr_actor_row *ret, const void *data, size_t size);
/* Reads a row as it is stored, lending its texts. False: it is damaged. */
bool tr_row_read(struct tr_actor_row *ret, uint64_t num, const void *data, size_t size);

/* ---- lmdb_env.c: the environment's life. LMDB's own codes (and errno's) throughout */

/* Makes troupe.new with all tables, has them filled, and renames it to troupe.mdb. */
int tr_lmdb_env_create(struct tr_lmdb *db, int (*fill)(struct tr_lmdb *db, MDB_txn *txn));
/* Opens troupe.mdb, and its tables in a second step: what if it is not ours? A file of an older version has no tables for
 * what that did not know: MDB_NOTFOUND, and they can be made. */
int tr_lmdb_env_open(struct tr_lmdb *db);
int tr_lmdb_tables_open(struct tr_lmdb *db);
/* flags MDB_CREATE: makes what is missing. */
int tr_lmdb_tables_in(struct tr_lmdb *db, MDB_txn *txn, unsigned flags);
void tr_lmdb_env_close(struct tr_lmdb *db);
void tr_lmdb_check_readers(struct tr_lmdb *db); /* forgets those that died */

/* ---- lmdb_txn.c: transactions. LMDB's own codes (and errno's) throughout */

/* A read transaction, the loop's; between these two nothing else of the store may be called. */
int tr_lmdb_read_begin(struct tr_lmdb *db, MDB_txn **ret);
void tr_lmdb_read_end(struct tr_lmdb *db);

/* Runs `apply` in a write transaction and commits it, durably: waits for the disk. When the map is too small
 * it grows and apply is called again, in a new transaction: it must start anew. */
int tr_lmdb_write(struct tr_lmdb *db, int (*apply)(struct tr_lmdb *db, MDB_txn *txn, void *arg), void *arg);

int64_t tr_lmdb_mono_ns(void);

/* The port's word for a code of LMDB's: 0, TROUPE_ENOTFOUND, TROUPE_EFULL, TROUPE_ESTORE. A failure is logged here,
 * once for as long as it stays the same. TROUPE_ESTORE itself has been logged already and is passed on. The
 * loop's. */
int tr_lmdb_outcome(struct tr_lmdb *db, const char *what, int rc);
/* The same of a write: one that worked ends a failure. */
int tr_lmdb_written(struct tr_lmdb *db, const char *what, int rc);

/* ---- lmdb_read.c: what the port's functions share */

/* An empty buffer for copies, to be given back after the last callback. Calls may nest. */
struct tr_bytes tr_lmdb_spare_take(struct tr_lmdb_tools *tools);
void tr_lmdb_spare_give(struct tr_lmdb_tools *tools, struct tr_bytes *bytes);
/* The value at a key; MDB_NOTFOUND. */
int tr_lmdb_at(struct tr_lmdb *db, MDB_txn *txn, enum tr_table table, const struct tr_lmdb_key *k, MDB_val *ret);
/* The row of an actor, that is: does it exist? MDB_NOTFOUND. ret may be NULL. */
int tr_lmdb_row(struct tr_lmdb *db, MDB_txn *txn, uint64_t num, MDB_val *ret);
/* May items lie under this number: is it an actor that exists, or TR_NOBODY? MDB_NOTFOUND. */
int tr_lmdb_owner(struct tr_lmdb *db, MDB_txn *txn, uint64_t num);

/* ---- lmdb_read.c, lmdb_walk.c, lmdb_alarms.c, lmdb_write.c and lmdb_clean.c: the port's functions, as ports.h says */

void tr_lmdb_find(void *ctx, const char *id, const char *namespace, const char *name, const char *key,
                  void (*on_found)(void *arg, int rc, const struct tr_actor_row *row, struct troupe_value state,
                                   uint64_t seq), void *arg);
void tr_lmdb_read_log(void *ctx, uint64_t actor, uint64_t after, unsigned max_events, size_t max_bytes,
                      void (*on_page)(void *arg, int rc, const struct tr_log_entry *entries, size_t count, bool more),
                      void *arg);
void tr_lmdb_get(void *ctx, uint64_t actor, struct troupe_text key,
                 void (*on_value)(void *arg, int rc, struct troupe_value value), void *arg);
void tr_lmdb_list(void *ctx, const char *namespace, const char *name, uint64_t after, unsigned limit,
                  void (*on_row)(void *arg, int rc, const struct tr_actor_row *row), void *arg);
void tr_lmdb_scan(void *ctx, uint64_t actor, struct troupe_text prefix, struct troupe_text after, unsigned limit,
                  void (*on_item)(void *arg, int rc, struct troupe_text key, struct troupe_value value), void *arg);
void tr_lmdb_keys(void *ctx, uint64_t actor, struct troupe_text prefix,
                  void (*on_key)(void *arg, int rc, struct troupe_text key), void *arg);
void tr_lmdb_busy(void *ctx, void (*on_row)(void *arg, int rc, const struct tr_actor_row *row), void *arg);
void tr_lmdb_alarms(void *ctx, uint64_t actor,
                    void (*on_alarm)(void *arg, int rc, uint64_t id, int64_t at_ms, struct troupe_value value), void *arg);
void tr_lmdb_due(void *ctx, const struct tr_alarm_place *after, unsigned limit,
                 void (*on_due)(void *arg, int rc, const struct tr_alarm_place *place, const struct tr_actor_row *row),
                 void *arg);
void tr_lmdb_commit(void *ctx, const struct tr_batch *batch, void (*on_done)(void *arg, int rc), void *arg);
void tr_lmdb_clean(void *ctx, void (*on_done)(void *arg, bool more), void *arg);

#endif
