/* SPDX-License-Identifier: Apache-2.0 */
/* The store port on LMDB: one environment per data directory, one process at a time. */
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
struct tr_lmdb *tr_lmdb_close(struct tr_lmdb *db);

/* The port; lent until close. */
struct tr_store tr_lmdb_store(struct tr_lmdb *db);

#endif
