/* SPDX-License-Identifier: Apache-2.0 */
/* What the store does when the disk fails or is full, and what it asks of the disk when all is well.
 *
 * This program has its own pwrite, writev, fdatasync and mmap, which LMDB then calls: they count, and fail when told
 * to. The full disk is a real one: a tmpfs of 2 MiB where we may mount one, else RLIMIT_FSIZE. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "tests/unit/store/store_kit.h"

/* ---- the disk, as LMDB sees it */

static struct disk {
	unsigned syncs, synced_writes, writes;
	bool     unsynced;     /* something was written since the last sync */
	/* once each: */
	int      sync_fails, synced_write_fails, write_fails;
	bool     write_is_short, map_fails;
} disk;

static int take(int *error)
{
	int e = *error;

	*error = 0;
	if (e)
		errno = e;
	return e;
}

static bool is_synced(int fd)
{
	return (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	if (is_synced(fd)) {
		disk.synced_writes++;
		return take(&disk.synced_write_fails) ? -1 : syscall(SYS_pwrite64, fd, data, size, at);
	}
	disk.writes++;
	disk.unsynced = true;
	if (take(&disk.write_fails))
		return -1;
	if (disk.write_is_short) {
		disk.write_is_short = false;
		size /= 2;
	}
	return syscall(SYS_pwrite64, fd, data, size, at);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
	disk.writes++;
	disk.unsynced = true;
	return take(&disk.write_fails) ? -1 : syscall(SYS_writev, fd, pieces, count);
}

int fdatasync(int fd)
{
	disk.syncs++;
	disk.unsynced = false;
	return take(&disk.sync_fails) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	if (disk.map_fails && fd >= 0 && prot == PROT_READ && flags == MAP_SHARED) {
		disk.map_fails = false;
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mmap, at, size, prot, flags, fd, offset);
}

/* ---- */

static void open_with_actor(struct kit *k)
{
	struct tr_batch b = { 0 };

	kit_open(k);
	add_create(&b, 1, "id1", "room", "a");
	add_append(&b, 1, 1, "first");
	assert_int_equal(0, commit(&k->store, &b));
	disk = (struct disk){ 0 };
}

static int append(struct kit *k, uint64_t seq, size_t size)
{
	struct tr_batch b = { 0 };
	char *text = tr_alloc(size + 1);

	memset(text, 'x', size);
	add_append(&b, 1, seq, text);
	free(text);
	return commit(&k->store, &b);
}

/* A commit fails so; reads work, nothing of what failed is there, and the next commit succeeds. */
static void assert_fails_unharmed(struct kit *k, int error)
{
	struct kit_heard h;

	assert_int_equal(error, append(k, 2, 5));
	h = read_log(&k->store, 1, 0, 10, 1000);
	assert_true(heard_is(&h, "1:first ."));
	assert_int_equal(1, find_id(&k->store, "id1").seq);
	assert_int_equal(0, append(k, 2, 5));
	assert_int_equal(0, append(k, 3, 5));
	h = read_log(&k->store, 1, 0, 10, 1000);
	assert_true(heard_is(&h, "1:first 2:xxxxx 3:xxxxx ."));
	kit_reopen(k);
	h = read_log(&k->store, 1, 1, 10, 1000);
	assert_true(heard_is(&h, "2:xxxxx 3:xxxxx ."));
	kit_close(k);
}

/* ---- when all is well */

TEST(a_commit_costs_one_sync_and_one_synced_write)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	open_with_actor(&k);
	assert_int_equal(0, append(&k, 2, 100));
	assert_int_equal(1, disk.syncs);
	assert_int_equal(1, disk.synced_writes);
	disk = (struct disk){ 0 };
	for (uint64_t seq = 3; seq < 67; seq++)
		add_append(&b, 1, seq, "one of sixty-four");
	assert_int_equal(0, commit(&k.store, &b));
	assert_int_equal(1, disk.syncs);
	assert_int_equal(1, disk.synced_writes);
	kit_close(&k);
}

TEST(reading_and_cleaning_nothing_write_nothing)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	struct kit_heard h;

	open_with_actor(&k);
	h = read_log(&k.store, 1, 0, 10, 1000);
	assert_true(heard_is(&h, "1:first ."));
	assert_false(k.store.ops->clean(k.store.ctx));
	assert_int_equal(0, commit(&k.store, &b));
	assert_int_equal(0, disk.syncs + disk.synced_writes + disk.writes);
	kit_close(&k);
}

static void on_done_look(void *arg, int rc)
{
	assert_int_equal(0, rc);
	*(bool *)arg = !disk.unsynced && disk.synced_writes == 1;
}

TEST(a_commit_is_durable_before_it_is_told)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	bool durable = false;

	open_with_actor(&k);
	add_append(&b, 1, 2, "x");
	k.store.ops->commit(k.store.ctx, &b, on_done_look, &durable);
	assert_true(durable);
	batch_clear(&b);
	kit_close(&k);
}

/* ---- when the disk fails */

TEST(a_sync_that_fails_changes_nothing)
{
	struct kit k = { 0 };

	open_with_actor(&k);
	disk.sync_fails = EIO;
	assert_fails_unharmed(&k, TROUPE_ESTORE);
}

TEST(a_write_that_fails_changes_nothing)
{
	struct kit k = { 0 };

	open_with_actor(&k);
	disk.write_fails = EIO;
	assert_fails_unharmed(&k, TROUPE_ESTORE);
}

TEST(a_short_write_with_room_left_is_a_failure_of_the_disk)
{
	struct kit k = { 0 };

	open_with_actor(&k);
	disk.write_is_short = true;
	assert_fails_unharmed(&k, TROUPE_ESTORE);
}

/* LMDB gives up the environment then: ours is opened anew. */
TEST(a_meta_write_that_fails_changes_nothing_for_reading)
{
	struct kit k = { 0 };

	open_with_actor(&k);
	disk.synced_write_fails = EIO;
	assert_fails_unharmed(&k, TROUPE_ESTORE);
}

TEST(a_meta_write_that_fails_changes_nothing_for_writing)
{
	struct kit k = { 0 };

	open_with_actor(&k);
	for (int i = 0; i < 3; i++) {
		disk.synced_write_fails = EIO;
		assert_int_equal(TROUPE_ESTORE, append(&k, 2, 5));
	}
	assert_int_equal(0, append(&k, 2, 5));
	assert_int_equal(2, find_id(&k.store, "id1").seq);
	kit_close(&k);
}

TEST(no_room_at_the_sync_is_a_full_disk)
{
	static const int errors[] = { ENOSPC, EDQUOT, EFBIG };

	for (int i = 0; i < 3; i++) {
		struct kit k = { 0 };

		open_with_actor(&k);
		disk.sync_fails = errors[i];
		assert_fails_unharmed(&k, TROUPE_EFULL);
	}
}

TEST(a_map_that_cannot_grow_changes_nothing)
{
	struct kit k = { 0 };

	open_with_actor(&k);
	disk.map_fails = true;
	assert_int_equal(TROUPE_ESTORE, append(&k, 2, 5000000));
	assert_false(disk.map_fails);
	assert_int_equal(1, find_id(&k.store, "id1").seq);
	assert_int_equal(0, append(&k, 2, 5000000));
	assert_int_equal(2, find_id(&k.store, "id1").seq);
	kit_close(&k);
}

TEST(cleaning_stops_for_now_when_the_disk_fails)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	open_with_actor(&k);
	for (uint64_t seq = 2; seq < 2000; seq++)
		add_append(&b, 1, seq, "x");
	add_op(&b, TR_OP_DESTROY, 1);
	assert_int_equal(0, commit(&k.store, &b));
	disk.sync_fails = EIO;
	assert_false(k.store.ops->clean(k.store.ctx));
	assert_true(k.store.ops->clean(k.store.ctx));
	kit_close(&k);
}

/* ---- when it is full */

static void set_file_limit(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &limit));
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &limit));
}

/* Takes the disk's room, all but about 1 MiB, and gives it back. */
struct room { bool mounted; char *dir, *ballast; };

/* In a mount namespace of our own, so that nothing stays mounted whatever happens. */
static bool may_mount(void)
{
	static bool alone;

	alone = alone || (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	return alone;
}

static void room_little(struct room *r, char *dir)
{
	*r = (struct room){ .dir = dir };
	r->mounted = may_mount() && mount("tmpfs", dir, "tmpfs", 0, "size=2m,mode=0700") == 0;
	fprintf(stderr, "the full disk is %s\n", r->mounted ? "a tmpfs" : "RLIMIT_FSIZE");
}

static void room_take(struct room *r)
{
	int fd;

	if (!r->mounted) {
		signal(SIGXFSZ, SIG_IGN);
		set_file_limit(1024 * 1024 + 1000);
		return;
	}
	r->ballast = tr_tmpdir_path(r->dir, "ballast");
	fd = open(r->ballast, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(0, fallocate(fd, 0, 0, 1024 * 1024 + 1000));
	close(fd);
}

static void room_give(struct room *r)
{
	if (r->mounted)
		unlink(r->ballast);
	else
		set_file_limit(RLIM_INFINITY);
	free(r->ballast);
}

/* The store writes about `size` bytes at a time until the disk is full. Returns the newest seq it has. */
static uint64_t fill_up(struct kit *k, uint64_t newest, size_t size)
{
	int rc;

	while ((rc = append(k, newest + 1, size)) == 0)
		assert_in_range(++newest, 1, 3000);
	assert_int_equal(TROUPE_EFULL, rc);
	return newest;
}

static void full_disk(size_t size)
{
	struct kit k = { .dir = tr_tmpdir_new() };
	struct kit_found f;
	struct room r;
	uint64_t newest;

	room_little(&r, k.dir);
	open_with_actor(&k);
	room_take(&r);
	newest = fill_up(&k, 1, size);
	for (int i = 0; i < 3; i++)
		assert_int_equal(TROUPE_EFULL, append(&k, newest + 1, 500000));
	f = find_id(&k.store, "id1");
	assert_int_equal(0, f.rc);
	assert_int_equal(newest, f.seq);
	room_give(&r);
	assert_int_equal(0, append(&k, newest + 1, size));
	kit_reopen(&k);
	assert_int_equal(newest + 1, find_id(&k.store, "id1").seq);
	assert_int_equal(0, append(&k, newest + 2, 100000));
	k.db = tr_lmdb_close(k.db);
	if (r.mounted)
		assert_int_equal(0, umount(k.dir));
	kit_close(&k);
}

TEST(a_full_disk_refuses_small_commits_until_there_is_room) { full_disk(3000); }
TEST(a_full_disk_refuses_large_commits_until_there_is_room) { full_disk(150000); } /* cut short by the kernel */

TEST(a_full_disk_can_be_opened_and_read)
{
	struct kit k = { .dir = tr_tmpdir_new() };
	struct room r;
	uint64_t newest;

	room_little(&r, k.dir);
	open_with_actor(&k);
	room_take(&r);
	newest = fill_up(&k, 1, 150000);
	newest = fill_up(&k, newest, 20000);
	for (int i = 0; i < 5; i++) {
		kit_reopen(&k); /* the few pages of this commit are those that earlier ones set free */
		assert_int_equal(newest, find_id(&k.store, "id1").seq);
	}
	k.db = tr_lmdb_close(k.db);
	room_give(&r);
	if (r.mounted)
		assert_int_equal(0, umount(k.dir));
	kit_close(&k);
}

TESTS(
	RUN(a_commit_costs_one_sync_and_one_synced_write),
	RUN(reading_and_cleaning_nothing_write_nothing),
	RUN(a_commit_is_durable_before_it_is_told),
	RUN(a_sync_that_fails_changes_nothing),
	RUN(a_write_that_fails_changes_nothing),
	RUN(a_short_write_with_room_left_is_a_failure_of_the_disk),
	RUN(a_meta_write_that_fails_changes_nothing_for_reading),
	RUN(a_meta_write_that_fails_changes_nothing_for_writing),
	RUN(no_room_at_the_sync_is_a_full_disk),
	RUN(a_map_that_cannot_grow_changes_nothing),
	RUN(cleaning_stops_for_now_when_the_disk_fails),
	RUN(a_full_disk_refuses_small_commits_until_there_is_room),
	RUN(a_full_disk_refuses_large_commits_until_there_is_room),
	RUN(a_full_disk_can_be_opened_and_read)
)
