/* SPDX-License-Identifier: Apache-2.0 */
/* The data directory: made, locked, recognised, or refused with a sentence that helps. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/store/store_kit.h"

struct place { char *dir; char why[512]; struct tr_lmdb *db; };

static int open_at(struct place *p, const char *directory)
{
	*p->why = 0;
	p->db = NULL;
	return tr_lmdb_open(&p->db, directory, p->why, sizeof(p->why));
}

#define assert_says(p, text) \
	do { \
		if (!strstr((p)->why, text)) \
			fail_msg("\"%s\" does not say \"%s\"", (p)->why, text); \
	} while (0)

static void write_file(const char *dir, const char *name, const void *data, size_t size)
{
	char *path = tr_tmpdir_path(dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(size, fwrite(data, 1, size, f));
	fclose(f);
	free(path);
}

static bool exists(const char *dir, const char *name)
{
	char *path = tr_tmpdir_path(dir, name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

static mode_t mode_of(const char *dir, const char *name)
{
	char *path = tr_tmpdir_path(dir, name);
	struct stat st;

	assert_int_equal(0, stat(path, &st));
	free(path);
	return st.st_mode & 07777;
}

TEST(a_missing_directory_is_made_for_its_owner_alone)
{
	struct place p = { .dir = tr_tmpdir_new() };
	char *inner = tr_tmpdir_path(p.dir, "data");
	mode_t mask = umask(0);

	assert_int_equal(0, open_at(&p, inner));
	umask(mask);
	assert_int_equal(0700, mode_of(p.dir, "data"));
	assert_int_equal(0600, mode_of(inner, "troupe.mdb"));
	assert_int_equal(0600, mode_of(inner, "troupe.mdb-lock"));
	assert_int_equal(0600, mode_of(inner, "troupe.lock"));
	assert_false(exists(inner, "troupe.new"));
	tr_lmdb_close(p.db);
	free(inner);
	tr_tmpdir_free(p.dir);
}

TEST(a_directory_in_a_missing_directory_is_refused)
{
	struct place p = { .dir = tr_tmpdir_new() };
	char *inner = tr_tmpdir_path(p.dir, "no/data");

	assert_int_equal(TROUPE_ESTORE, open_at(&p, inner));
	assert_null(p.db);
	assert_says(&p, inner);
	assert_says(&p, "the directory above it does not exist");
	free(inner);
	tr_tmpdir_free(p.dir);
}

TEST(a_file_is_not_a_directory)
{
	struct place p = { .dir = tr_tmpdir_new() };
	char *file = tr_tmpdir_path(p.dir, "file");

	write_file(p.dir, "file", "x", 1);
	assert_int_equal(TROUPE_ESTORE, open_at(&p, file));
	assert_says(&p, "is not a directory");
	free(file);
	tr_tmpdir_free(p.dir);
}

TEST(a_directory_that_may_not_be_written_is_refused)
{
	struct place p = { .dir = tr_tmpdir_new() };
	pid_t child;
	int status;

	assert_int_equal(0, chmod(p.dir, 0555));
	child = fork();
	if (child == 0) { /* root may write anywhere */
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(2);
		_exit(open_at(&p, p.dir) == TROUPE_ESTORE && strstr(p.why, "not writable") ? 0 : 1);
	}
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_int_equal(0, status);
	tr_tmpdir_free(p.dir);
}

TEST(a_directory_with_other_files_is_refused_and_left_alone)
{
	struct place p = { .dir = tr_tmpdir_new() };

	write_file(p.dir, "thesis.doc", "x", 1);
	assert_int_equal(TROUPE_ESTORE, open_at(&p, p.dir));
	assert_says(&p, "thesis.doc");
	assert_says(&p, "choose an empty directory");
	assert_false(exists(p.dir, "troupe.lock"));
	assert_false(exists(p.dir, "troupe.mdb"));
	tr_tmpdir_free(p.dir);
}

TEST(other_files_beside_our_data_are_fine)
{
	struct place p = { .dir = tr_tmpdir_new() };

	assert_int_equal(0, open_at(&p, p.dir));
	tr_lmdb_close(p.db);
	write_file(p.dir, "notes.txt", "x", 1);
	assert_int_equal(0, open_at(&p, p.dir));
	tr_lmdb_close(p.db);
	tr_tmpdir_free(p.dir);
}

TEST(what_a_first_start_that_died_left_behind_is_no_obstacle)
{
	struct place p = { .dir = tr_tmpdir_new() };
	char *mount_points_own = tr_tmpdir_path(p.dir, "lost+found");

	write_file(p.dir, "troupe.lock", "99999\n", 6);
	write_file(p.dir, "troupe.new", "half", 4);
	assert_int_equal(0, mkdir(mount_points_own, 0700));
	free(mount_points_own);
	assert_int_equal(0, open_at(&p, p.dir));
	assert_int_equal(1, tr_lmdb_store(p.db).boots);
	tr_lmdb_close(p.db);
	tr_tmpdir_free(p.dir);
}

/* ---- the lock */

/* Opens the directory in a process of its own, says so, and stays. */
static pid_t hold(const char *dir, int *said)
{
	int pipes[2];
	char byte = 0;
	pid_t child;

	assert_int_equal(0, pipe(pipes));
	child = fork();
	if (child == 0) {
		struct place p = { 0 };

		close(pipes[0]);
		byte = open_at(&p, dir) == 0 ? 'y' : 'n';
		if (write(pipes[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipes[1]);
	assert_int_equal(1, read(pipes[0], &byte, 1));
	close(pipes[0]);
	*said = byte;
	return child;
}

TEST(a_second_process_is_refused_until_the_first_is_killed)
{
	struct place p = { .dir = tr_tmpdir_new() };
	char number[32];
	int said;
	pid_t child = hold(p.dir, &said);

	assert_int_equal('y', said);
	assert_int_equal(TROUPE_ESTORE, open_at(&p, p.dir));
	snprintf(number, sizeof(number), "another process (%d)", (int)child);
	assert_says(&p, number);
	assert_says(&p, p.dir);
	kill(child, SIGKILL);
	assert_int_equal(child, waitpid(child, NULL, 0));
	assert_int_equal(0, open_at(&p, p.dir));
	assert_int_equal(2, tr_lmdb_store(p.db).boots);
	tr_lmdb_close(p.db);
	tr_tmpdir_free(p.dir);
}

TEST(one_process_opens_a_directory_once)
{
	struct place p = { .dir = tr_tmpdir_new() }, second = { 0 };

	assert_int_equal(0, open_at(&p, p.dir));
	assert_int_equal(TROUPE_ESTORE, open_at(&second, p.dir));
	tr_lmdb_close(p.db);
	assert_int_equal(0, open_at(&second, p.dir));
	tr_lmdb_close(second.db);
	tr_tmpdir_free(p.dir);
}

/* An agent must not come by a descriptor of the data. */
TEST(no_descriptor_survives_exec)
{
	struct place p = { .dir = tr_tmpdir_new() };
	unsigned looked_at = 0;

	assert_int_equal(0, open_at(&p, p.dir));
	for (int fd = 3; fd < 256; fd++) {
		char name[64], path[512];
		ssize_t size;

		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		size = readlink(name, path, sizeof(path) - 1);
		if (size < 0 || strncmp(path, p.dir, strlen(p.dir)) != 0)
			continue;
		looked_at++;
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	assert_true(looked_at >= 4);
	tr_lmdb_close(p.db);
	tr_tmpdir_free(p.dir);
}

/* ---- whose data? */

static void change_meta(const char *dir, const char *name, const void *data, size_t size)
{
	char *file = tr_tmpdir_path(dir, "troupe.mdb");
	MDB_val key = tr_val(name, strlen(name)), value = tr_val(data, size);
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	assert_int_equal(0, mdb_env_create(&env));
	assert_int_equal(0, mdb_env_set_maxdbs(env, 4));
	assert_int_equal(0, mdb_env_open(env, file, MDB_NOSUBDIR, 0600));
	assert_int_equal(0, mdb_txn_begin(env, NULL, 0, &txn));
	assert_int_equal(0, mdb_dbi_open(txn, "meta", MDB_CREATE, &dbi));
	assert_int_equal(0, mdb_put(txn, dbi, &key, &value, 0));
	assert_int_equal(0, mdb_txn_commit(txn));
	mdb_env_close(env);
	free(file);
}

TEST(a_newer_format_is_refused_by_its_number)
{
	struct place p = { .dir = tr_tmpdir_new() };
	uint8_t format[8] = { 0, 0, 0, 0, 0, 0, 0, 42 };

	assert_int_equal(0, open_at(&p, p.dir));
	tr_lmdb_close(p.db);
	change_meta(p.dir, "format", format, 8);
	assert_int_equal(TROUPE_ESTORE, open_at(&p, p.dir));
	assert_says(&p, "format 42");
	assert_says(&p, "knows format 1");
	tr_tmpdir_free(p.dir);
}

TEST(an_lmdb_file_of_another_program_is_refused)
{
	struct place p = { .dir = tr_tmpdir_new() };

	change_meta(p.dir, "who", "somebody else", 13);
	assert_int_equal(TROUPE_ESTORE, open_at(&p, p.dir));
	assert_says(&p, "of another program");
	change_meta(p.dir, "magic", "trouper", 7);
	assert_int_equal(TROUPE_ESTORE, open_at(&p, p.dir));
	assert_says(&p, "of another program");
	tr_tmpdir_free(p.dir);
}

TEST(a_data_file_that_is_no_lmdb_file_is_refused_and_left_alone)
{
	static const char text[] = "SQLite format 3";
	struct place p = { .dir = tr_tmpdir_new() };
	char back[32] = "", *file = tr_tmpdir_path(p.dir, "troupe.mdb");
	FILE *f;

	write_file(p.dir, "troupe.mdb", text, sizeof(text));
	assert_int_equal(TROUPE_ESTORE, open_at(&p, p.dir));
	assert_says(&p, "not an LMDB file");
	f = fopen(file, "r");
	assert_non_null(f);
	assert_int_equal(sizeof(text), fread(back, 1, sizeof(back), f));
	fclose(f);
	assert_string_equal(text, back);
	write_file(p.dir, "troupe.mdb", "", 0);
	assert_int_equal(TROUPE_ESTORE, open_at(&p, p.dir));
	assert_says(&p, "restore it from a backup");
	free(file);
	tr_tmpdir_free(p.dir);
}

TEST(a_short_sentence_buffer_is_enough)
{
	struct tr_lmdb *db = NULL;
	char why[8] = "";

	assert_int_equal(TROUPE_ESTORE, tr_lmdb_open(&db, "/proc/version", why, sizeof(why)));
	assert_int_equal(7, strlen(why));
	assert_int_equal(TROUPE_ESTORE, tr_lmdb_open(&db, "/proc/version", NULL, 0));
}

TEST(the_store_survives_a_change_of_working_directory)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	char *here = getcwd(NULL, 0), why[256];

	k.dir = tr_tmpdir_new();
	assert_int_equal(0, chdir(k.dir));
	assert_int_equal(0, tr_lmdb_open(&k.db, "data", why, sizeof(why)));
	k.store = tr_lmdb_store(k.db);
	assert_int_equal(0, chdir(here));
	tr_lmdb_env_close(k.db); /* as after a failure: it is opened again */
	add_create(&b, 1, "id1", "room", "a");
	assert_int_equal(0, commit(&k.store, &b));
	free(here);
	kit_close(&k);
}

TESTS(
	RUN(a_missing_directory_is_made_for_its_owner_alone),
	RUN(a_directory_in_a_missing_directory_is_refused),
	RUN(a_file_is_not_a_directory),
	RUN(a_directory_that_may_not_be_written_is_refused),
	RUN(a_directory_with_other_files_is_refused_and_left_alone),
	RUN(other_files_beside_our_data_are_fine),
	RUN(what_a_first_start_that_died_left_behind_is_no_obstacle),
	RUN(a_second_process_is_refused_until_the_first_is_killed),
	RUN(one_process_opens_a_directory_once),
	RUN(no_descriptor_survives_exec),
	RUN(a_newer_format_is_refused_by_its_number),
	RUN(an_lmdb_file_of_another_program_is_refused),
	RUN(a_data_file_that_is_no_lmdb_file_is_refused_and_left_alone),
	RUN(a_short_sentence_buffer_is_enough),
	RUN(the_store_survives_a_change_of_working_directory)
)
