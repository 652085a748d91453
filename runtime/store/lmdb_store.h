/* SPDX-License-Identifier: Apache-2.0 */
/* The store port on LMDB: one environment per data directory, one process at a time.
 *
 * All of it is called on one thread, the loop's, which never waits for the disk: a thread of the store's own
 * commits. So reads are answered before the call returns, and commit and clean later, by tr_lmdb_answer. */
#ifndef TR_STORE_LMDB_STORE_H
#define TR_STORE_LMDB_STORE_H

#include "runtime/core/ports.h"

struct tr_lmdb;

/* Opens the data directory, making it when it is missing (the one above it must exist). Failure writes a sentence for
 * people to `why`, which says what to do: not a directory, not writable, in use by another process, of a newer or
 * foreign format (all TROUPE_ESTORE), no room on the disk (TROUPE_EFULL).
 *
 * A new directory must be empty: open the store before anything else is put there. SIGXFSZ must be ignored, or a file
 * size limit kills the process where it could answer TROUPE_EFULL. */
int tr_lmdb_open(struct tr_lmdb **ret, const char *directory, char *why, size_t why_size);
/* What was asked and not answered is done to its end, and not answered any more. Takes NULL, returns NULL. */
struct tr_lmdb *tr_lmdb_close(struct tr_lmdb *db);

/* Readable when there is something to answer; the loop watches it, and calls tr_lmdb_answer then. Lent until
 * close. */
int tr_lmdb_fd(const struct tr_lmdb *db);
/* Calls back for the commit and the piece of cleaning that are done. Never blocks. */
void tr_lmdb_answer(struct tr_lmdb *db);
/* For who has no loop: waits until all that was asked is answered. */
void tr_lmdb_wait(struct tr_lmdb *db);

/* The port; lent until close. */
struct tr_store tr_lmdb_store(struct tr_lmdb *db);

#endif
