/* SPDX-License-Identifier: Apache-2.0 */
/* The local sandbox against real processes: a stand-in for `sandbox-agent server`, which is this program again, and the
 * real one where it is installed. The stand-in listens, tells in a file how it was started, and starts "agents". */
#include "tests/kit/patience.h"
#include "tests/kit/test.h"
#include "tests/kit/tmpdir.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "proto/troupe_errors.h"
#include "runtime/main/clock.h"
#include "runtime/sandbox/provider/local.h"
#include "runtime/sandbox/provider/local_disk.h"

/* ---------------------------------------------------------------- the stand-in */

/* An agent: stays when its server goes, and does not obey SIGTERM; or has a session of its own. */
static void be_agent(bool wanders)
{
	int file;
	char pid[16];

	alarm(120);
	signal(SIGTERM, wanders ? SIG_DFL : SIG_IGN);
	if (wanders)
		setsid();
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	file = open(getenv("STAND_IN_AGENTS"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (write(file, pid, strlen(pid)) < 0)
		_exit(1);
	for (;;)
		pause();
}

static void tell(int argc, char **argv)
{
	char path[PATH_MAX], fresh[PATH_MAX + 8];
	FILE *file;

	snprintf(path, sizeof(path), "%s/told", getenv("XDG_DATA_HOME"));
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	mkdir(getenv("XDG_DATA_HOME"), 0700);
	file = fopen(fresh, "we");
	fprintf(file, "pid=%d session=%d group=%d descriptors=%d ", (int)getpid(), (int)getsid(0), (int)getpgrp(),
		tr_test_descriptors());
	fprintf(file, "secrets=%d%d%d args=", !!getenv("TROUPE_TOKEN"), !!getenv("LISTEN_FDS"), !!getenv("XDG_DATA_HOME"));
	for (int i = 1; i < argc; i++)
		fprintf(file, "%s ", argv[i]);
	fputc('\n', file);
	fclose(file);
	rename(fresh, path);
}

static int be_server(int argc, char **argv)
{
	const char *agent = getenv("STAND_IN_AGENT");
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[6])) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	alarm(120); /* a test that fails leaves it behind */
	puts("a line for the log");
	fflush(stdout);
	if (getenv("STAND_IN_DIES"))
		_exit(1);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 16))
		_exit(1);
	if (agent && !fork())
		be_agent(!strcmp(agent, "wanders"));
	tell(argc, argv);
	for (;;)
		close(accept(fd, NULL, NULL));
}

/* ---------------------------------------------------------------- the play */

static struct {
	char              *dir, *data, *told, *log, *agents;
	int                stderr_before;
	struct event_base *base;
	bool               stopped;
} play;

static void clear_environment(void)
{
	static const char *const ours[] = { "STAND_IN_AGENT", "STAND_IN_DIES", "SANDBOX_AGENT_BIN", "TROUPE_SANDBOX_HOME",
		"TROUPE_DEMO_AGENT", "TROUPE_TOKEN", "LISTEN_FDS", "SANDBOX_AGENT_LOG_STDOUT", "RUST_LOG" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		unsetenv(ours[i]);
}

static void begin(void)
{
	int log;

	clear_environment();
	play.dir = tr_tmpdir_new();
	play.data = tr_tmpdir_path(play.dir, "data");
	play.told = tr_tmpdir_path(play.data, "sandbox-home/told");
	play.agents = tr_tmpdir_path(play.dir, "agents");
	play.log = tr_tmpdir_path(play.dir, "log");
	play.base = event_base_new();
	play.stopped = false;
	setenv("STAND_IN_AGENTS", play.agents, 1);
	play.stderr_before = fcntl(2, F_DUPFD_CLOEXEC, 3);
	log = open(play.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(log, 2);
	close(log);
}

static void end(void)
{
	event_base_free(play.base);
	dup2(play.stderr_before, 2);
	close(play.stderr_before);
	free(play.data);
	free(play.told);
	free(play.agents);
	free(play.log);
	play.dir = tr_tmpdir_free(play.dir);
}

static const char *text_of(const char *path)
{
	static char text[65536];
	FILE *file = fopen(path, "re");

	text[file ? fread(text, 1, sizeof(text) - 1, file) : 0] = '\0';
	if (file)
		fclose(file);
	return text;
}

static bool logged(const char *words)
{
	return strstr(text_of(play.log), words);
}

static void turn(void)
{
	event_base_loop(play.base, EVLOOP_NONBLOCK);
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

#define UNTIL(condition) \
	do { \
		for (int i_ = 0; !(condition); i_++) { \
			if (i_ > 10000) \
				fail_msg("in vain: " #condition "\n%s", text_of(play.log)); \
			turn(); \
		} \
	} while (0)

static int open_local(struct tr_local **ret)
{
	return tr_local_new(ret, &(struct tr_local_options){
		.base = play.base, .clock = tr_event_clock(play.base),
		.data_dir = play.data, .binary = "/proc/self/exe" });
}

static struct tr_local *local(void)
{
	struct tr_local *l = NULL;

	assert_int_equal(open_local(&l), 0);
	return l;
}

/* What the stand-in said of itself, or -1 when it did not speak. */
static int told(const char *name)
{
	const char *at = strstr(text_of(play.told), name);

	return at ? atoi(at + strlen(name)) : -1;
}

static pid_t server(void)
{
	UNTIL(told("pid=") > 0);
	return told("pid=");
}

/* The next one to speak. */
static pid_t server_after(pid_t old)
{
	UNTIL(told("pid=") > 0 && told("pid=") != old);
	return told("pid=");
}

static bool is_gone(pid_t pid)
{
	uint64_t start_time;

	return !tr_local_start_time(pid, &start_time);
}

static void on_stopped(void *arg)
{
	(void)arg;
	play.stopped = true;
}

static void stop(struct tr_local *l, bool keep)
{
	play.stopped = false;
	tr_local_stop(l, keep, on_stopped, NULL);
	assert_false(play.stopped); /* from the loop, not from within the call */
	UNTIL(play.stopped);
	assert_null(tr_local_free(l));
}

static struct tr_local_note note(void)
{
	struct tr_local_note note = { 0 };
	char *path = tr_tmpdir_path(play.data, "sandbox.json");

	assert_true(tr_local_note_read(path, &note));
	free(path);
	return note;
}

static void put_note(const struct tr_local_note *note)
{
	char *path = tr_tmpdir_path(play.data, "sandbox.json");

	assert_true(tr_local_note_write(path, note));
	free(path);
}

/* ---------------------------------------------------------------- starting */

TEST(the_server_starts_alone_with_port_token_and_a_home)
{
	struct tr_local *l;
	char words[256];
	pid_t pid;

	begin();
	setenv("TROUPE_TOKEN", "hush", 1);
	setenv("LISTEN_FDS", "1", 1);
	l = local();
	pid = server();
	assert_int_equal(told("session="), pid);
	assert_int_equal(told("group="), pid);
	assert_int_equal(told("descriptors="), 3 + 2 + 3); /* its own socket and file; what counting takes */
	assert_non_null(strstr(text_of(play.told), "secrets=001"));
	snprintf(words, sizeof(words), "args=server --no-telemetry --host 127.0.0.1 --port %d --token %s \n",
		 note().port, tr_local_token(l));
	assert_non_null(strstr(text_of(play.told), words));
	snprintf(words, sizeof(words), "http://127.0.0.1:%d", note().port);
	assert_string_equal(tr_local_url(l), words);
	snprintf(words, sizeof(words), "local/127.0.0.1:%d", note().port);
	assert_string_equal(tr_local_sandbox_id(l), words);
	assert_int_equal(strlen(tr_local_token(l)), 48);
	stop(l, false);
	assert_true(is_gone(pid));
	end();
}

TEST(the_note_is_for_the_owner_and_the_token_for_nobody)
{
	struct tr_local *l;
	struct stat at;
	char *path;

	begin();
	l = local();
	path = tr_tmpdir_path(play.data, "sandbox.json");
	assert_int_equal(stat(path, &at), 0);
	assert_int_equal(at.st_mode & 0777, 0600);
	assert_int_equal(note().pid, server());
	assert_string_equal(note().token, tr_local_token(l));
	assert_true(logged("sandbox.start pid="));
	kill(server(), SIGKILL);
	UNTIL(logged("sandbox.exit"));
	assert_false(logged(tr_local_token(l)));
	free(path);
	stop(l, false);
	end();
}

TEST(what_it_prints_is_kept_and_bounded)
{
	struct tr_local *l;
	char *log, *old;
	struct stat at;
	int fd;

	begin();
	mkdir(play.data, 0700);
	log = tr_tmpdir_path(play.data, "sandbox.log");
	old = tr_tmpdir_path(play.data, "sandbox.log.1");
	fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 8 * 1024 * 1024 + 1), 0);
	close(fd);
	l = local();
	server();
	assert_string_equal(text_of(log), "a line for the log\n");
	assert_int_equal(stat(old, &at), 0);
	assert_int_equal(at.st_size, 8 * 1024 * 1024 + 1);
	stop(l, false);
	free(log);
	free(old);
	end();
}

TEST(a_home_of_the_users_own_is_used_when_named)
{
	struct tr_local *l;
	char *home;

	begin();
	home = tr_tmpdir_path(play.dir, "mine");
	setenv("TROUPE_SANDBOX_HOME", home, 1);
	free(play.told);
	play.told = tr_tmpdir_path(home, "told");
	l = local();
	assert_true(server() > 0);
	stop(l, false);
	free(home);
	end();
}

TEST(without_a_program_nothing_is_started)
{
	struct tr_local *l = NULL;
	int outcome;

	begin();
	outcome = tr_local_new(&l, &(struct tr_local_options){
		.base = play.base, .clock = tr_event_clock(play.base),
		.data_dir = play.data, .binary = "/no/such/program" });
	assert_int_equal(outcome, TROUPE_ENOAGENT);
	assert_null(l);
	assert_true(logged("sandbox.no_binary"));
	assert_true(logged("/no/such/program: there is no such file"));
	end();
}

TEST(a_data_directory_that_cannot_be_is_an_error)
{
	struct tr_local *l = NULL;

	begin();
	free(play.data);
	play.data = strdup("/dev/null/data");
	assert_int_equal(open_local(&l), TROUPE_ESTORE);
	assert_true(logged("sandbox.data_failed"));
	end();
}

/* ---------------------------------------------------------------- dying */

TEST(a_server_that_dies_is_started_again_on_its_port)
{
	struct tr_local_note before;
	struct tr_local *l;
	pid_t first, second;

	begin();
	l = local();
	first = server();
	before = note();
	kill(first, SIGKILL);
	second = server_after(first);
	assert_true(logged("signal=9 again_ms=250"));
	assert_int_equal(note().port, before.port);
	assert_string_equal(note().token, before.token);
	assert_int_equal(note().pid, second);
	kill(second, SIGTERM);
	server_after(second);
	assert_true(logged("signal=15 again_ms=500")); /* it lived for less than 10 s */
	stop(l, false);
	end();
}

TEST(stopping_while_it_waits_to_start_again_works)
{
	struct tr_local *l;

	begin();
	setenv("STAND_IN_DIES", "1", 1);
	l = local();
	UNTIL(logged("code=1 again_ms=500"));
	stop(l, false);
	assert_int_equal(note().pid, 0);
	end();
}

TEST(agents_go_with_the_server_that_died)
{
	struct tr_local *l;
	pid_t agent, second;

	for (int i = 0; i < 2; i++) {
		begin();
		setenv("STAND_IN_AGENT", i ? "wanders" : "ignores", 1);
		l = local();
		UNTIL(atoi(text_of(play.agents)) > 0);
		agent = atoi(text_of(play.agents));
		second = server();
		unsetenv("STAND_IN_AGENT");
		kill(second, SIGKILL);
		server_after(second);
		assert_true(is_gone(agent));
		stop(l, false);
		end();
	}
}

/* ---------------------------------------------------------------- stopping */

TEST(stopping_ends_the_group_and_what_wandered_off)
{
	struct tr_local *l;
	pid_t agent;

	begin();
	setenv("STAND_IN_AGENT", "wanders", 1);
	l = local();
	UNTIL(atoi(text_of(play.agents)) > 0);
	agent = atoi(text_of(play.agents));
	stop(l, false);
	assert_true(is_gone(agent));
	end();
}

TEST(an_agent_that_ignores_the_end_is_killed_after_five_seconds)
{
	struct timespec before, after;
	struct tr_local *l;
	pid_t agent;

	begin();
	setenv("STAND_IN_AGENT", "ignores", 1);
	l = local();
	UNTIL(atoi(text_of(play.agents)) > 0);
	agent = atoi(text_of(play.agents));
	clock_gettime(CLOCK_MONOTONIC, &before);
	stop(l, false);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(is_gone(agent));
	assert_true(after.tv_sec - before.tv_sec >= 4);
	assert_true(logged("sandbox.kill group="));
	end();
}

TEST(port_and_token_are_kept_for_the_next_start)
{
	struct tr_local_note before;
	struct tr_local *l;
	pid_t first;

	begin();
	l = local();
	first = server();
	before = note();
	stop(l, false);
	assert_int_equal(note().pid, 0);
	l = local();
	server_after(first);
	assert_int_equal(note().port, before.port);
	assert_string_equal(tr_local_token(l), before.token);
	stop(l, false);
	end();
}

/* [S63] */
TEST(a_port_that_somebody_took_meanwhile_is_given_up)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct tr_local_note before;
	struct tr_local *l;
	pid_t first;
	int taker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	begin();
	l = local();
	first = server();
	before = note();
	stop(l, false);
	at.sin_port = htons((uint16_t)before.port);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(taker, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(taker, (struct sockaddr *)&at, sizeof(at)) | listen(taker, 1), 0);
	l = local();
	server_after(first);
	assert_int_not_equal(note().port, before.port);
	stop(l, false);
	close(taker);
	end();
}

/* ---------------------------------------------------------------- adopting */

TEST(the_next_process_adopts_what_runs)
{
	struct tr_local *l;
	pid_t first, second;
	char *url;

	begin();
	l = local();
	first = server();
	url = strdup(tr_local_url(l));
	tr_local_free(l); /* as after our death: nothing was stopped */
	l = local();
	assert_true(logged("sandbox.adopt pid="));
	assert_string_equal(tr_local_url(l), url);
	assert_int_equal(note().pid, first);
	assert_false(is_gone(first));
	kill(first, SIGKILL);
	waitpid(first, NULL, 0); /* as init would */
	second = server_after(first);
	assert_int_equal(note().pid, second);
	stop(l, true);
	assert_false(is_gone(second));
	l = local();
	assert_int_equal(note().pid, second);
	tr_local_stop(l, false, on_stopped, NULL);
	play.stopped = false;
	waitpid(second, NULL, 0);
	UNTIL(play.stopped);
	tr_local_free(l);
	free(url);
	end();
}

TEST(one_that_was_started_but_not_noted_is_found_by_its_token)
{
	struct tr_local_note half;
	struct tr_local *l;
	pid_t first;

	begin();
	l = local();
	first = server();
	tr_local_free(l);
	half = note();
	half.pid = 0;
	half.start_time = 0;
	put_note(&half);
	l = local();
	assert_true(logged("sandbox.adopt pid="));
	assert_int_equal(note().pid, first);
	assert_true(note().start_time > 0);
	kill(first, SIGKILL);
	waitpid(first, NULL, 0);
	server_after(first);
	stop(l, false);
	end();
}

TEST(a_process_that_only_has_the_same_pid_is_left_alone)
{
	struct tr_local_note other;
	struct tr_local *l;
	pid_t bystander;

	begin();
	l = local();
	server();
	stop(l, false);
	bystander = fork();
	if (!bystander) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setsid();
		for (;;)
			pause();
	}
	other = note();
	other.pid = bystander;
	UNTIL(tr_local_start_time(bystander, &other.start_time));
	put_note(&other);
	l = local();
	assert_false(logged("sandbox.adopt"));
	stop(l, false);
	assert_false(is_gone(bystander));
	kill(bystander, SIGKILL);
	waitpid(bystander, NULL, 0);
	end();
}

TEST(a_note_is_read_strictly)
{
	static const char token[] = "0123456789abcdef0123456789abcdef0123456789abcdef";
	static const char *const bad[] = {
		"", "{}", "{\"pid\":1,\"startTime\":2,\"port\":0,\"token\":\"%s\"}",
		"{\"pid\":1,\"startTime\":2,\"port\":65536,\"token\":\"%s\"}",
		"{\"pid\":-1,\"startTime\":2,\"port\":1,\"token\":\"%s\"}",
		"{\"pid\":1,\"startTime\":2,\"port\":1,\"token\":\"%.47s\"}",
		"{\"pid\":1,\"startTime\":2,\"port\":1,\"token\":\"%.47sX\"}",
		"{\"pid\":1,\"startTime\":2,\"port\":1,\"token\":\"%s0\"}",
		"{\"pid\":1,\"startTime\":2,\"port\":1,\"token\":\"%s\"",
	};
	struct tr_local_note note;
	char *path;

	begin();
	path = tr_tmpdir_path(play.dir, "note");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FILE *file = fopen(path, "we");

		fprintf(file, bad[i], token);
		fclose(file);
		assert_false(tr_local_note_read(path, &note));
	}
	note = (struct tr_local_note){ .pid = 4194304, .start_time = UINT64_MAX, .port = 65535 };
	strcpy(note.token, token);
	assert_true(tr_local_note_write(path, &note));
	memset(&note, 0, sizeof(note));
	assert_true(tr_local_note_read(path, &note));
	assert_true(note.pid == 4194304 && note.start_time == UINT64_MAX && note.port == 65535);
	assert_string_equal(note.token, token);
	free(path);
	end();
}

/* ---------------------------------------------------------------- finding programs */

static void put_file(const char *path, const char *text, mode_t mode)
{
	char folder[PATH_MAX], command[PATH_MAX + 16];
	FILE *file;

	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	snprintf(command, sizeof(command), "mkdir -p \"%s\"", folder);
	assert_int_equal(system(command), 0);
	file = fopen(path, "we");
	fputs(text, file);
	fclose(file);
	chmod(path, mode);
}

#if defined(__aarch64__)
#define PLATFORM "cli-linux-arm64"
#else
#define PLATFORM "cli-linux-x64"
#endif

TEST(the_program_is_taken_and_not_the_script_around_it)
{
	char *script, *program, *tool, found[PATH_MAX + 256];

	begin();
	script = tr_tmpdir_path(play.dir, "node_modules/@sandbox-agent/cli/bin/sandbox-agent");
	program = tr_tmpdir_path(play.dir, "node_modules/@sandbox-agent/" PLATFORM "/bin/sandbox-agent");
	tool = tr_tmpdir_path(play.dir, "bin/sandbox-agent");
	put_file(script, "#!/usr/bin/env node\n", 0755);
	put_file(tool, "", 0755);
	unlink(tool);
	assert_int_equal(symlink(script, tool), 0); /* as npm lays it into a folder of PATH */
	assert_false(tr_local_find_binary(tool, found, sizeof(found)));
	assert_non_null(strstr(found, "script whose program is missing"));
	put_file(program, "\177ELF", 0755);
	assert_true(tr_local_find_binary(tool, found, sizeof(found)));
	assert_string_equal(found, program);
	setenv("SANDBOX_AGENT_BIN", tool, 1);
	assert_true(tr_local_find_binary(NULL, found, sizeof(found)));
	assert_string_equal(found, program);
	free(script);
	free(program);
	free(tool);
	end();
}

TEST(path_is_searched_and_other_scripts_are_fine)
{
	char *first, *second, *tool, found[PATH_MAX + 256], path[2 * PATH_MAX], *before = strdup(getenv("PATH"));

	begin();
	first = tr_tmpdir_path(play.dir, "first/sandbox-agent");
	second = tr_tmpdir_path(play.dir, "second");
	tool = tr_tmpdir_path(second, "sandbox-agent");
	put_file(first, "not executable", 0644);
	put_file(tool, "#!/bin/sh\nexec docker exec box sandbox-agent \"$@\"\n", 0755);
	snprintf(path, sizeof(path), "/no/such/folder::%s/first:%s", play.dir, second);
	setenv("PATH", path, 1);
	assert_true(tr_local_find_binary(NULL, found, sizeof(found)));
	assert_string_equal(found, tool);
	setenv("PATH", before, 1);
	free(first);
	free(second);
	free(tool);
	free(before);
	end();
}

/* [S63] */
TEST(a_named_program_that_is_none_is_refused_by_name)
{
	char *file, found[PATH_MAX + 256];

	begin();
	file = tr_tmpdir_path(play.dir, "file");
	put_file(file, "text", 0644);
	assert_false(tr_local_find_binary(file, found, sizeof(found)));
	assert_non_null(strstr(found, "it cannot be executed"));
	assert_false(tr_local_find_binary("/tmp", found, sizeof(found)));
	assert_non_null(strstr(found, "--sandbox-agent /tmp: there is no such file"));
	setenv("SANDBOX_AGENT_BIN", "/no", 1);
	assert_false(tr_local_find_binary(NULL, found, sizeof(found)));
	assert_non_null(strstr(found, "SANDBOX_AGENT_BIN /no"));
	free(file);
	end();
}

/* ---------------------------------------------------------------- the demonstration agent */

static const char *run(const char *command)
{
	static char line[4096];
	FILE *pipe = popen(command, "re");

	line[fread(line, 1, sizeof(line) - 1, pipe)] = '\0';
	pclose(pipe);
	return line;
}

TEST(the_mock_agent_is_installed_and_kept_up_to_date)
{
	char *agent, *node, *launcher, command[3 * PATH_MAX], expected[3 * PATH_MAX];
	struct stat before, after;

	begin();
	agent = tr_tmpdir_path(play.dir, "it's here/$HOME agent.mjs");
	node = tr_tmpdir_path(play.dir, "node");
	launcher = tr_tmpdir_path(play.dir, "sandbox-agent/bin/agent_processes/mock-acp");
	put_file(agent, "", 0644);
	put_file(node, "#!/bin/sh\necho \"$1|$2|$TROUPE_DEMO_STORE\"\n", 0755);
	assert_true(tr_local_install_demo(play.dir, agent));
	snprintf(command, sizeof(command), "PATH=%s:$PATH %s 'a b'", play.dir, launcher);
	snprintf(expected, sizeof(expected), "%s|a b|%s/troupe-demo\n", agent, play.dir);
	assert_string_equal(run(command), expected);
	assert_int_equal(stat(launcher, &before), 0);
	assert_true(tr_local_install_demo(play.dir, agent));
	assert_int_equal(stat(launcher, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino); /* nothing to do */
	put_file(launcher, "#!/bin/sh\nexit 1\n", 0644);
	assert_true(tr_local_install_demo(play.dir, agent));
	assert_string_equal(run(command), expected);
	free(agent);
	free(node);
	free(launcher);
	end();
}

TEST(the_mock_agent_is_found_beside_the_server)
{
	char *program, *agent, found[PATH_MAX];

	begin();
	program = tr_tmpdir_path(play.dir, "node_modules/@sandbox-agent/" PLATFORM "/bin/sandbox-agent");
	agent = tr_tmpdir_path(play.dir, "agent.mjs");
	put_file(agent, "", 0644);
	assert_true(tr_local_find_demo(program, found, sizeof(found)));
	assert_string_equal(found, agent);
	setenv("TROUPE_DEMO_AGENT", "/no/such/agent", 1);
	assert_false(tr_local_find_demo(program, found, sizeof(found)));
	free(program);
	free(agent);
	end();
}

/* ---------------------------------------------------------------- the real server */

/* One request, one connection; the whole answer. */
static const char *request(struct tr_local *l, const char *head, const char *body)
{
	static char answer[65536];
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)note().port) };
	struct timeval patience = { .tv_sec = HANGS_AFTER_S };
	char text[2048];
	size_t have = 0;
	ssize_t got = -1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
		 "Authorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s", head, tr_local_token(l), strlen(body), body);
	if (!connect(fd, (struct sockaddr *)&at, sizeof(at)) && write(fd, text, strlen(text)) > 0)
		while (have < sizeof(answer) - 1 && (got = read(fd, answer + have, sizeof(answer) - 1 - have)) > 0)
			have += (size_t)got;
	close(fd);
	answer[have] = '\0';
	return answer;
}

TEST(the_real_server_runs_the_real_mock_agent)
{
	static const char initialize[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\","
		"\"params\":{\"protocolVersion\":1,\"clientCapabilities\":{}}}";
	struct tr_local *l = NULL;
	const char *answer;

	begin();
	if (tr_local_new(&l, &(struct tr_local_options){
			.base = play.base, .clock = tr_event_clock(play.base), .data_dir = play.data }) ||
	    logged("sandbox.no_demo")) {
		if (l)
			stop(l, false);
		end();
		print_message("skipped: `make deps` installs what this needs\n");
		return;
	}
	UNTIL(strstr(request(l, "GET /v1/health", ""), "{\"status\":\"ok\"}"));
	answer = request(l, "POST /v1/acp/test?agent=mock", initialize);
	if (!strstr(answer, "troupe-demo"))
		fail_msg("the agent says: %s", answer);
	stop(l, false);
	end();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		RUN(the_server_starts_alone_with_port_token_and_a_home),
		RUN(the_note_is_for_the_owner_and_the_token_for_nobody),
		RUN(what_it_prints_is_kept_and_bounded),
		RUN(a_home_of_the_users_own_is_used_when_named),
		RUN(without_a_program_nothing_is_started),
		RUN(a_data_directory_that_cannot_be_is_an_error),
		RUN(a_server_that_dies_is_started_again_on_its_port),
		RUN(stopping_while_it_waits_to_start_again_works),
		RUN(agents_go_with_the_server_that_died),
		RUN(stopping_ends_the_group_and_what_wandered_off),
		RUN(an_agent_that_ignores_the_end_is_killed_after_five_seconds),
		RUN(port_and_token_are_kept_for_the_next_start),
		RUN(a_port_that_somebody_took_meanwhile_is_given_up),
		RUN(the_next_process_adopts_what_runs),
		RUN(one_that_was_started_but_not_noted_is_found_by_its_token),
		RUN(a_process_that_only_has_the_same_pid_is_left_alone),
		RUN(a_note_is_read_strictly),
		RUN(the_program_is_taken_and_not_the_script_around_it),
		RUN(path_is_searched_and_other_scripts_are_fine),
		RUN(a_named_program_that_is_none_is_refused_by_name),
		RUN(the_mock_agent_is_installed_and_kept_up_to_date),
		RUN(the_mock_agent_is_found_beside_the_server),
		RUN(the_real_server_runs_the_real_mock_agent),
	};

	if (argc > 8 && !strcmp(argv[1], "server"))
		return be_server(argc, argv);
	stderr = fdopen(fcntl(2, F_DUPFD_CLOEXEC, 3), "w"); /* what cmocka says; descriptor 2 is for the log */
	setvbuf(stderr, NULL, _IONBF, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
