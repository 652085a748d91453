/* SPDX-License-Identifier: Apache-2.0 */
/* The scripts that a sandbox is told to run, on real processes: this program is the server, its children are agents. */
#include "tests/kit/patience.h"
#include "tests/kit/test.h"

#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/sandbox/wire/sweep_script.h"

/* ------------------------------------------------------------------ agents */

struct agent {
	pid_t pid, below; /* below: what it has started */
	char  key[48], below_key[48];
	int   in;         /* our end of what it reads from; -1: closed */
};

/* What /proc tells behind the name; "": it is no more. */
static void stat_of(pid_t pid, char into[512])
{
	char path[32], whole[512] = "", *behind;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, whole, sizeof whole - 1) < 0)
		whole[0] = '\0';
	if (fd >= 0)
		close(fd);
	behind = strrchr(whole, ')');
	snprintf(into, 512, "%s", behind ? behind + 2 : "");
}

/* PID:START */
static void key_of(pid_t pid, char into[48])
{
	char stat[512], *at = stat;

	stat_of(pid, stat);
	for (int i = 0; i < 19; i++)
		at = strchr(at, ' ') + 1;
	snprintf(into, 48, "%d:%lld", (int)pid, strtoll(at, NULL, 10));
}

static void be_agent(int in, int told, const char *name, bool apart)
{
	pid_t below;

	alarm(120);
	dup2(in, 0);
	prctl(PR_SET_NAME, name);
	below = fork();
	if (below == 0) {
		alarm(120);
		if (apart)
			setsid();
		prctl(PR_SET_NAME, name);
	} else if (write(told, &below, sizeof below) < 0) {
		_exit(1);
	}
	close(told);
	for (;;)
		pause();
}

static struct agent agent(const char *name, bool apart)
{
	struct agent a;
	int in[2], told[2];

	assert_int_equal(pipe(in) | pipe(told), 0);
	a.pid = fork();
	if (a.pid == 0)
		be_agent(in[0], told[1], name, apart);
	close(in[0]);
	close(told[1]);
	assert_int_equal(read(told[0], &a.below, sizeof a.below), sizeof a.below);
	close(told[0]);
	key_of(a.pid, a.key);
	key_of(a.below, a.below_key);
	a.in = in[1];
	return a;
}

static void let_go(struct agent *a)
{
	close(a->in);
	a->in = -1;
}

static bool is_alive(pid_t pid)
{
	char stat[512];

	stat_of(pid, stat);
	return *stat && *stat != 'Z';
}

static void assert_ends(pid_t pid)
{
	struct timespec moment = { 0, 10 * 1000 * 1000 };

	for (int i = 0; i < HANGS_AFTER_S * 100 && is_alive(pid); i++)
		nanosleep(&moment, NULL);
	assert_false(is_alive(pid));
}

static void end(struct agent *a)
{
	if (a->in >= 0)
		close(a->in);
	kill(a->pid, SIGKILL);
	kill(a->below, SIGKILL);
	waitpid(a->pid, NULL, 0);
}

/* ------------------------------------------------------------------ running */

/* As the server does: its child, with nothing to read. What it prints, until the next call. */
static const char *run(struct tr_bytes *body)
{
	static char printed[16384];
	json_t *root = json_loads(tr_bytes_text(body), 0, NULL), *args = json_object_get(root, "args");
	const char *argv[64] = { json_string_value(json_object_get(root, "command")) };
	size_t size = 0;
	ssize_t got;
	int out[2];
	pid_t pid;

	assert_true(json_array_size(args) < 62);
	for (size_t i = 0; i < json_array_size(args); i++)
		argv[i + 1] = json_string_value(json_array_get(args, i));
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(out[1], 1);
		close(out[0]);
		close(out[1]);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(out[1]);
	while ((got = read(out[0], printed + size, sizeof printed - 1 - size)) > 0)
		size += (size_t)got;
	printed[size] = '\0';
	close(out[0]);
	waitpid(pid, NULL, 0);
	json_decref(root);
	tr_bytes_free(body);
	return printed;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const char *family(int64_t created_ms, const char *noted)
{
	struct tr_bytes body = { 0 };

	tr_sweep_family(&body, created_ms, noted);
	return run(&body);
}

static const char *sweep(const char *signal, const char *noted)
{
	struct tr_bytes body = { 0 };

	tr_sweep_left(&body, signal, noted);
	return run(&body);
}

/* Is there a line of this one, with a pipe behind it or without? */
static bool has(const char *lines, const char *key, bool pipe)
{
	char line[64];
	const char *at;

	snprintf(line, sizeof line, "%s%s", key, pipe ? ":" : "\n");
	at = strstr(lines, line);
	return at && (at == lines || at[-1] == '\n');
}

/* ------------------------------------------------------------------ claims */

TEST(a_family_is_the_server_first_then_its_agents_and_what_is_below_them)
{
	struct agent a = agent("agent", false), b = agent("agent", true);
	const char *lines = family(now_ms(), "");
	char me[48];

	key_of(getpid(), me);
	assert_true(strncmp(lines, me, strlen(me)) == 0);
	assert_true(has(lines, a.key, true) && has(lines, a.below_key, true));
	assert_true(has(lines, b.key, true) && has(lines, b.below_key, true));
	end(&a);
	end(&b);
}

TEST(an_agent_of_another_age_is_not_ours_unless_it_was_noted)
{
	struct agent a = agent("agent", false);
	char noted[128], me[48];
	const char *lines = family(now_ms() - 3600 * 1000, "");

	assert_true(has(lines, a.key, false));
	assert_false(has(lines, a.below_key, true) || has(lines, a.below_key, false));
	key_of(getpid(), me);
	snprintf(noted, sizeof noted, "%s\n%s:77\n", me, a.key);
	lines = family(0, noted);
	assert_true(has(lines, a.key, true) && has(lines, a.below_key, true));
	end(&a);
}

TEST(a_family_of_another_server_is_left_as_it_was_noted)
{
	assert_string_equal(family(now_ms(), "1:1\n2:2\n"), "");
}

TEST(what_works_is_never_swept)
{
	struct agent a = agent("agent", false);
	char noted[4096];

	snprintf(noted, sizeof noted, "%s", family(now_ms(), ""));
	assert_string_equal(sweep("KILL", noted), "");
	assert_string_equal(sweep("KILL", ""), "");
	assert_true(is_alive(a.pid) && is_alive(a.below));
	end(&a);
}

TEST(an_agent_that_nobody_writes_to_is_swept_with_all_that_is_below_it)
{
	struct agent gone = agent("agent", false), apart = agent("agent", true), stays = agent("agent", false);
	const char *lines;

	let_go(&gone);
	let_go(&apart);
	lines = sweep("TERM", "");
	assert_true(has(lines, gone.key, true) && has(lines, gone.below_key, true) && has(lines, apart.below_key, true));
	assert_false(has(lines, stays.key, true) || has(lines, stays.below_key, true));
	assert_ends(gone.pid);
	assert_ends(gone.below);
	assert_ends(apart.below);
	assert_true(is_alive(stays.pid) && is_alive(stays.below));
	end(&gone);
	end(&apart);
	end(&stays);
}

TEST(what_an_agent_left_behind_is_swept_when_its_instance_is_deleted_and_not_before)
{
	struct agent gone = agent("agent", false), stays = agent("agent", false);
	char noted[4096];

	snprintf(noted, sizeof noted, "%s", family(now_ms(), ""));
	kill(gone.pid, SIGKILL);
	kill(stays.pid, SIGKILL); /* it died, and who looks after it does not know yet */
	waitpid(gone.pid, NULL, 0);
	waitpid(stays.pid, NULL, 0);
	assert_string_equal(sweep("TERM", noted), "");
	let_go(&gone);
	assert_true(has(sweep("TERM", noted), gone.below_key, true));
	assert_ends(gone.below);
	assert_true(is_alive(stays.below));
	end(&gone);
	end(&stays);
}

/* Who was signalled and lives on is known for the next time. */
TEST(what_was_signalled_is_of_the_family)
{
	struct agent a = agent("agent", false);
	struct tr_bytes noted = { 0 }, lines = { 0 };

	kill(a.below, SIGSTOP);
	let_go(&a);
	tr_bytes_put_text(&lines, sweep("TERM", ""));
	assert_ends(a.pid);
	waitpid(a.pid, NULL, 0);
	tr_sweep_add(&noted, &lines);
	assert_true(is_alive(a.below));
	assert_true(has(sweep("KILL", tr_bytes_text(&noted)), a.below_key, true));
	assert_ends(a.below);
	tr_bytes_free(&noted);
	tr_bytes_free(&lines);
	end(&a);
}

TEST(orphans_of_another_server_are_swept_if_they_are_still_the_same)
{
	struct agent a = agent("agent", false), b = agent("agent", false);
	char noted[256];

	snprintf(noted, sizeof noted, "1:1\n%s\n%d:1\n", a.key, (int)b.pid);
	assert_true(has(sweep("TERM", noted), a.key, true));
	assert_ends(a.pid);
	assert_true(is_alive(b.pid) && is_alive(b.below));
	end(&a);
	end(&b);
}

TEST(a_family_as_it_was_noted_before_there_were_pipes_harms_nobody_whose_server_lives)
{
	struct agent a = agent("agent", false);
	char noted[128], me[48];

	key_of(getpid(), me);
	snprintf(noted, sizeof noted, "%s\n%s\n", me, a.key);
	assert_string_equal(sweep("TERM", noted), "");
	assert_true(is_alive(a.pid));
	end(&a);
}

TEST(a_name_hides_nobody_and_points_at_nobody)
{
	struct agent a = agent("a) S\n1 1 1 1 1", false), b = agent("b) R 1 1 (", false);
	const char *lines = family(now_ms(), "");

	assert_true(has(lines, a.below_key, true) && has(lines, b.below_key, true));
	let_go(&a);
	lines = sweep("TERM", "");
	assert_true(has(lines, a.key, true) && has(lines, a.below_key, true));
	assert_false(has(lines, b.key, true) || has(lines, b.below_key, true));
	assert_ends(a.below);
	end(&a);
	end(&b);
}

/* What act says, done as process 1 of a world of its own; MAY_NOT where that is not allowed. */
#define MAY_NOT 77
static int as_process_1(int (*act)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS) < 0)
			_exit(MAY_NOT);
		pid = fork();
		if (pid == 0)
			_exit(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("proc", "/proc", "proc", 0, NULL) < 0
			      ? MAY_NOT : act());
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int sweep_beside_an_orphan(void)
{
	struct agent gone = agent("agent", false), other;
	char noted[4096];

	snprintf(noted, sizeof noted, "%s", family(now_ms(), ""));
	other = agent("agent", false);
	kill(other.pid, SIGKILL);
	waitpid(other.pid, NULL, 0);
	let_go(&other); /* what it had started is our child now, and nobody writes to it */
	if (*sweep("TERM", noted) || *sweep("TERM", ""))
		return 2;
	let_go(&gone);
	if (!has(sweep("TERM", noted), gone.below_key, true))
		return 3;
	return is_alive(other.below) ? 0 : 4;
}

TEST(what_process_1_has_been_left_is_no_agent_because_of_that)
{
	int outcome = as_process_1(sweep_beside_an_orphan);

	if (outcome == MAY_NOT)
		skip();
	assert_int_equal(outcome, 0);
}

TEST(nothing_but_numbers_is_a_family)
{
	static const char *const no[] = { "", "1:2\n3:4; rm -rf /\n", "pid\n", "1:2\n3:4:-5\n" };
	struct tr_bytes lines = { 0 };

	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		tr_bytes_put_text(&lines, no[i]);
		assert_false(tr_sweep_is_family(&lines));
		tr_bytes_free(&lines);
	}
	tr_bytes_put_text(&lines, "1:2\n3:4\n5:6:7\n");
	assert_true(tr_sweep_is_family(&lines));
	while (lines.size <= 64 * 1024)
		tr_bytes_put_text(&lines, "8:9\n");
	assert_false(tr_sweep_is_family(&lines));
	tr_bytes_free(&lines);
}

TESTS(
	RUN(a_family_is_the_server_first_then_its_agents_and_what_is_below_them),
	RUN(an_agent_of_another_age_is_not_ours_unless_it_was_noted),
	RUN(a_family_of_another_server_is_left_as_it_was_noted),
	RUN(what_works_is_never_swept),
	RUN(an_agent_that_nobody_writes_to_is_swept_with_all_that_is_below_it),
	RUN(what_an_agent_left_behind_is_swept_when_its_instance_is_deleted_and_not_before),
	RUN(what_was_signalled_is_of_the_family),
	RUN(orphans_of_another_server_are_swept_if_they_are_still_the_same),
	RUN(a_family_as_it_was_noted_before_there_were_pipes_harms_nobody_whose_server_lives),
	RUN(a_name_hides_nobody_and_points_at_nobody),
	RUN(what_process_1_has_been_left_is_no_agent_because_of_that),
	RUN(nothing_but_numbers_is_a_family)
)
