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

/* A sync that does not return until it may: it says that it has begun, and waits for a word. */
static struct { int begun[2], may[2]; bool on; } stuck;

static void wait_in_sync(void)
{
	char word = 0;

	if (!stuck.on)
		return;
	assert_int_equal(1, write(stuck.begun[1], &word, 1));
	assert_int_equal(1, read(stuck.may[0], &word, 1));
}

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
	wait_in_sync();
	disk.syncs++;
	disk.unsynced = false;
	return take(&disk.sync_fails) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

/* TSan must know of each map, but for its own, the first of which it makes before it is ready for anything.
 * */
#ifdef __SANITIZE_THREAD__
void *__interceptor_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset);
#define map_file __interceptor_mmap
#else
#define map_file(...) (void *)syscall(SYS_mmap, __VA_ARGS__)
#endif

__attribute__((no_sanitize_thread))
void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	if (fd < 0)
		return (void *)syscall(SYS_mmap, at, size, prot, flags, fd, offset);
	if (disk.map_fails && prot == PROT_READ && flags == MAP_SHARED) {
		disk.map_fails = false;
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return map_file(at, size, prot, flags, fd, offset);
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
	assert_false(clean(&k.store));
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
	tr_lmdb_wait(k.db);
	assert_true(durable);
	batch_clear(&b);
	kit_close(&k);
}

/* ---- while the disk takes its time */

static void stick(void)
{
	assert_int_equal(0, pipe(stuck.begun));
	assert_int_equal(0, pipe(stuck.may));
	stuck.on = true;
}

static void wait_until_stuck(void)
{
	char word;

	assert_int_equal(1, read(stuck.begun[0], &word, 1));
}

static void let_go(void)
{
	char word = 0;

	stuck.on = false; /* the pipe's word is behind it */
	assert_int_equal(1, write(stuck.may[1], &word, 1));
}

static void unstick(void)
{
	for (int i = 0; i < 2; i++) {
		close(stuck.begun[i]);
		close(stuck.may[i]);
	}
}

TEST(reads_are_answered_while_the_disk_syncs_and_the_commit_is_not)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	struct kit_heard h;
	int rc = KIT_UNANSWERED;

	open_with_actor(&k);
	stick();
	add_append(&b, 1, 2, "second");
	k.store.ops->commit(k.store.ctx, &b, kit_on_done, &rc);
	wait_until_stuck();
	for (int i = 0; i < 3; i++) {
		h = read_log(&k.store, 1, 0, 10, 1000);
		assert_true(heard_is(&h, "1:first ."));
		assert_int_equal(1, find_id(&k.store, "id1").seq);
		tr_lmdb_answer(k.db);
		assert_int_equal(KIT_UNANSWERED, rc);
	}
	let_go();
	tr_lmdb_wait(k.db);
	assert_int_equal(0, rc);
	assert_int_equal(2, find_id(&k.store, "id1").seq);
	unstick();
	batch_clear(&b);
	kit_close(&k);
}

TEST(a_commit_waits_for_the_piece_of_cleaning_before_it_and_closing_for_both)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	int more = KIT_UNANSWERED, rc = KIT_UNANSWERED;

	open_with_actor(&k);
	create(&k, 2, "id2", "room", "b");
	add_op(&b, TR_OP_DESTROY, 2);
	assert_int_equal(0, commit(&k.store, &b));
	stick();
	k.store.ops->clean(k.store.ctx, kit_on_cleaned, &more);
	wait_until_stuck();
	add_append(&b, 1, 2, "second");
	b.alone = true; /* but not with the disk */
	k.store.ops->commit(k.store.ctx, &b, kit_on_done, &rc);
	tr_lmdb_answer(k.db);
	assert_int_equal(KIT_UNANSWERED, more);
	assert_int_equal(KIT_UNANSWERED, rc);
	let_go();
	kit_reopen(&k);
	assert_int_equal(KIT_UNANSWERED, rc); /* nobody is told any more */
	assert_int_equal(2, find_id(&k.store, "id1").seq);
	unstick();
	batch_clear(&b);
	kit_close(&k);
}

/* Reads until what was asked is answered. */
static void read_beside(struct kit *k, const int *rc)
{
	do {
		struct kit_heard h = read_log(&k->store, 1, 0, 1, 1000);

		assert_int_equal(0, h.rc);
		assert_memory_equal("1:first ", tr_bytes_text(&h.text), 8);
		tr_bytes_free(&h.text);
		tr_lmdb_answer(k->db);
	} while (*rc == KIT_UNANSWERED);
}

TEST(reads_go_on_beside_commits_that_move_the_map_or_break_the_environment)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	char *text = tr_alloc(300001);

	memset(text, 'x', 300000);
	open_with_actor(&k);
	for (uint64_t seq = 2, round = 0; round < 40; round++) {
		int rc = KIT_UNANSWERED;

		disk.synced_write_fails = round % 3 == 1 ? EIO : 0;
		add_append(&b, 1, seq, text);
		k.store.ops->commit(k.store.ctx, &b, kit_on_done, &rc);
		read_beside(&k, &rc);
		assert_int_equal(round % 3 == 1 ? TROUPE_ESTORE : 0, rc);
		seq += rc == 0;
		batch_clear(&b);
	}
	free(text);
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
	assert_false(clean(&k.store));
	assert_true(clean(&k.store));
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
	RUN(reads_are_answered_while_the_disk_syncs_and_the_commit_is_not),
	RUN(a_commit_waits_for_the_piece_of_cleaning_before_it_and_closing_for_both),
	RUN(reads_go_on_beside_commits_that_move_the_map_or_break_the_environment),
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
