/* SPDX-License-Identifier: Apache-2.0 */
/* The data directory as a place on disk. The one idea: look before touching anything, lock, then look again, since
 * whoever held the lock before us may have filled the directory meanwhile. */
#include "runtime/store/datadir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/troupe_errors.h"
#include "runtime/base/mem.h"

#define DATA_FILE  "troupe.mdb"
#define LOCK_FILE  "troupe.lock"
#define FRESH_FILE "troupe.new"

int tr_why_say(const struct tr_why *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (why->size)
		vsnprintf(why->text, why->size, format, args);
	va_end(args);
	return TROUPE_ESTORE;
}

static int say_errno(const struct tr_why *why, const char *path, int error)
{
	switch (error) {
	case ENOENT:
		return tr_why_say(why, "%s cannot be made: the directory above it does not exist", path);
	case ENOTDIR:
		return tr_why_say(why, "%s is not a directory", path);
	case EACCES: case EPERM: case EROFS:
		return tr_why_say(why, "%s is not writable for this user (%s)", path, strerror(error));
	default:
		return tr_why_say(why, "%s cannot be used: %s", path, strerror(error));
	}
}

static char *join(const char *directory, const char *name)
{
	size_t size = strlen(directory) + strlen(name) + 2;
	char *path = tr_alloc(size);

	snprintf(path, size, "%s/%s", directory, name);
	return path;
}

/* Makes it when it is missing, and opens it. */
static int enter(struct tr_datadir *d, const char *directory)
{
	bool made = mkdir(directory, 0700) == 0;
	int above;

	if (!made && errno != EEXIST)
		return errno;
	d->dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir_fd < 0)
		return errno;
	d->path = realpath(directory, NULL);
	if (!d->path)
		return errno;
	d->file = join(d->path, DATA_FILE);
	d->fresh = join(d->path, FRESH_FILE);
	if (!made)
		return 0;
	above = openat(d->dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above >= 0) {
		fsync(above); /* else a power cut could take the new directory away, with all that is in it */
		close(above);
	}
	return 0;
}

/* Names that an empty data directory may hold: a mount point's own, and what a first start that died leaves behind. */
static bool is_harmless(const char *name)
{
	static const char *const harmless[] = {
		".", "..", "lost+found", LOCK_FILE, FRESH_FILE, DATA_FILE "-lock"
	};

	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (!strcmp(name, harmless[i]))
			return true;
	return false;
}

/* Ours, empty, or somebody else's? */
static int look(struct tr_datadir *d, const struct tr_why *why)
{
	int fd = openat(d->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	char stranger[256] = "";

	if (!dir) {
		rc = say_errno(why, d->path, errno);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	d->empty = true;
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, DATA_FILE))
			d->empty = false;
		else if (!*stranger && !is_harmless(entry->d_name))
			snprintf(stranger, sizeof(stranger), "%s", entry->d_name);
	}
	closedir(dir);
	if (d->empty && *stranger)
		return tr_why_say(why, "%s holds other files (%s, for one) and no data of Troupe:"
		                  " choose an empty directory", d->path, stranger);
	return rc;
}

static int say_in_use(const struct tr_datadir *d, const struct tr_why *why)
{
	char text[32] = "";
	ssize_t size = pread(d->lock_fd, text, sizeof(text) - 1, 0);
	long pid = size > 0 ? strtol(text, NULL, 10) : 0;
	char who[32] = "";

	if (pid > 0)
		snprintf(who, sizeof(who), " (%ld)", pid);
	return tr_why_say(why, "%s is in use by another process%s: stop that one first, or choose another directory",
	                  d->path, who);
}

static int lock(struct tr_datadir *d, const struct tr_why *why)
{
	d->lock_fd = openat(d->dir_fd, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (d->lock_fd < 0)
		return say_errno(why, d->path, errno);
	if (flock(d->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? say_in_use(d, why) : say_errno(why, d->path, errno);
	/* The number is a courtesy to whoever comes second: a full disk may refuse it. */
	if (ftruncate(d->lock_fd, 0) == 0)
		dprintf(d->lock_fd, "%ld\n", (long)getpid());
	return 0;
}

int tr_datadir_open(struct tr_datadir *ret, const char *directory, const struct tr_why *why)
{
	struct tr_datadir d = { .dir_fd = -1, .lock_fd = -1 };
	int rc = enter(&d, directory);

	if (rc)
		rc = say_errno(why, directory, rc);
	if (!rc)
		rc = look(&d, why);
	if (!rc)
		rc = lock(&d, why);
	if (!rc)
		rc = look(&d, why);
	if (rc)
		tr_datadir_close(&d);
	else
		*ret = d;
	return rc;
}

void tr_datadir_close(struct tr_datadir *d)
{
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	if (d->dir_fd >= 0)
		close(d->dir_fd);
	free(d->path);
	free(d->file);
	free(d->fresh);
	*d = (struct tr_datadir){ .dir_fd = -1, .lock_fd = -1 };
}

int tr_datadir_adopt_fresh(struct tr_datadir *d)
{
	if (renameat(d->dir_fd, FRESH_FILE, d->dir_fd, DATA_FILE) < 0 || fsync(d->dir_fd) < 0)
		return errno;
	d->empty = false;
	return 0;
}
