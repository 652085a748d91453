/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of a test's own, empty, gone with all that is in it when the test says so.
 *
 *	char *dir = tr_tmpdir_new();   under $TMPDIR, or /tmp
 *	...
 *	dir = tr_tmpdir_free(dir); */
#ifndef TR_TESTS_KIT_TMPDIR_H
#define TR_TESTS_KIT_TMPDIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Ends the test program when there is no room for a directory. */
static inline char *tr_tmpdir_new(void)
{
	const char *above = getenv("TMPDIR");
	char *path = NULL;

	if (asprintf(&path, "%s/troupe-test-XXXXXX", above && *above ? above : "/tmp") < 0 || !mkdtemp(path)) {
		perror("mkdtemp");
		abort();
	}
	return path;
}

static inline int tr_tmpdir_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* Takes NULL, returns NULL. */
static inline char *tr_tmpdir_free(char *path)
{
	if (path)
		nftw(path, tr_tmpdir_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(path);
	return NULL;
}

/* A path in it; yours to free. */
static inline char *tr_tmpdir_path(const char *dir, const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		abort();
	return path;
}

#endif
