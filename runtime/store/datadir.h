/* SPDX-License-Identifier: Apache-2.0 */
/* The data directory as a place on disk: who may use it, and whether it is ours. Knows nothing of LMDB.
 *
 *	troupe.mdb        everything (with LMDB's own troupe.mdb-lock beside it)
 *	troupe.lock       held by the one process that uses the directory; its process id is in it
 *	troupe.new        a troupe.mdb being made for the first time; becomes troupe.mdb when it is whole */
#ifndef TR_STORE_DATADIR_H
#define TR_STORE_DATADIR_H

#include <stdbool.h>
#include <stddef.h>

/* Where a sentence for people goes. */
struct tr_why { char *text; size_t size; };

/* Writes the sentence and returns TROUPE_ESTORE, for the caller to return. */
int tr_why_say(const struct tr_why *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct tr_datadir {
	int   dir_fd, lock_fd;
	char *path;  /* absolute, without symbolic links */
	char *file;  /* path/troupe.mdb */
	char *fresh; /* path/troupe.new */
	bool  empty; /* there is no troupe.mdb yet */
};

/* Makes the directory (0700) when it is missing, refuses one that holds other files and no troupe.mdb (leaving
 * nothing behind in it), and locks it: the lock goes when the process does, however it dies. 0 or TROUPE_ESTORE. */
int tr_datadir_open(struct tr_datadir *ret, const char *directory, const struct tr_why *why);
void tr_datadir_close(struct tr_datadir *d);

/* Turns troupe.new, complete and synced, into troupe.mdb, durably. 0 or an errno. */
int tr_datadir_adopt_fresh(struct tr_datadir *d);

#endif
