/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor against a real server process, which is this program again: it answers each client with one line about
 * itself, or does what the client says. Clients connect while it is away and must be served by the next. */
#include "tests/kit/patience.h"
#include "tests/kit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/main/supervise.h"

/* ---------------------------------------------------------------- the server process */

static volatile sig_atomic_t told; /* the signal that came */

static void on_signal(int number)
{
	told = number;
}

static int number_in(const char *variable)
{
	const char *text = getenv(variable);

	return text ? atoi(text) : 0;
}

/* One character for each start, in a file: its size tells which start this is. */
static long count_start(void)
{
	int fd = open(getenv("TEST_STARTS"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	long size;

	if (fd < 0 || write(fd, ".", 1) != 1)
		_exit(99);
	size = lseek(fd, 0, SEEK_END);
	close(fd);
	return size;
}

static void answer(int client, int descriptors, const char *mark)
{
	char command[16] = "", line[256];

	if (read(client, command, sizeof(command) - 1) <= 0)
		return;
	if (*command == 'x')
		_exit(atoi(command + 1));
	snprintf(line, sizeof(line), "pid=%d group=%d parent=%d listen_pid=%s listen_fds=%s supervised=%s descriptors=%d mark=%s\n",
		 getpid(), getpgrp(), getppid(), getenv("LISTEN_PID"), getenv("LISTEN_FDS"),
		 getenv("TROUPE_SUPERVISED"), descriptors, mark);
	if (write(client, line, strlen(line)) < 0)
		_exit(98);
}

static int be_server(const char *mark)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct pollfd listening = { .fd = 3, .events = POLLIN };
	int descriptors = tr_test_descriptors();
	sigset_t all, none;

	if (count_start() <= number_in("TEST_DIES"))
		_exit(1);
	if (getenv("TEST_CODE"))
		_exit(number_in("TEST_CODE"));
	sigemptyset(&none);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	while (!told) {
		int client;

		ppoll(&listening, 1, NULL, &none);
		client = told ? -1 : accept4(3, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0)
			continue;
		answer(client, descriptors, mark);
		close(client);
	}
	_exit(told == SIGHUP ? 0 : number_in("TEST_TERM_CODE"));
}

/* ---------------------------------------------------------------- the play */

struct play {
	char  folder[64], program[96], starts[96], log[96];
	pid_t supervisor;
	int   port;
};

static void copy_self(const char *to)
{
	char command[256];

	snprintf(command, sizeof(command), "cp /proc/%d/exe %s", (int)getpid(), to);
	assert_int_equal(system(command), 0);
}

static void begin(struct play *p)
{
	static const char *const ours[] = { "TEST_DIES", "TEST_CODE", "TEST_TERM_CODE" };

	strcpy(p->folder, "/tmp/troupe-supervise-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->program, sizeof(p->program), "%s/server", p->folder);
	snprintf(p->starts, sizeof(p->starts), "%s/starts", p->folder);
	snprintf(p->log, sizeof(p->log), "%s/log", p->folder);
	copy_self(p->program);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		unsetenv(ours[i]);
	setenv("TEST_STARTS", p->starts, 1);
}

static int listening_port(int fd)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	return ntohs(address.sin_port);
}

/* In the child: becomes the supervisor of a server that says `old`. A terminal makes it a session of its own there. */
static void be_supervisor(const struct play *p, int listening, const char *terminal)
{
	int log = open(p->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	char number[12];

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
	if (terminal && (setsid() < 0 || ioctl(open(terminal, O_RDWR | O_CLOEXEC), TIOCSCTTY, 0)))
		_exit(97);
	dup2(log, 2);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC); /* whatever came from the test's own parents */
	fcntl(listening, F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", listening);
	execl(p->program, "server", "supervise", number, (char *)NULL);
	_exit(96);
}

static void supervise_on(struct play *p, const char *terminal)
{
	int fd = tr_listen_socket("127.0.0.1", "0");

	assert_true(fd >= 0);
	p->port = listening_port(fd);
	p->supervisor = fork();
	if (!p->supervisor)
		be_supervisor(p, fd, terminal);
	close(fd); /* from here on the supervisor alone has it */
}

static void supervise(struct play *p)
{
	supervise_on(p, NULL);
}

static int connect_to(const struct play *p)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)p->port) };
	struct timeval patience = { .tv_sec = HANGS_AFTER_S };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		fail_msg("refused: %s", strerror(errno));
	return fd;
}

static char line[512];

static void hear(int fd)
{
	ssize_t size = read(fd, line, sizeof(line) - 1);

	line[size > 0 ? size : 0] = '\0';
	close(fd);
}

static int number_of(const char *name)
{
	const char *at = strstr(line, name);

	if (!at)
		fail_msg("no %s in `%s`", name, line);
	return atoi(at + strlen(name));
}

static int say(const struct play *p, const char *command)
{
	int fd = connect_to(p);

	assert_int_equal(write(fd, command, strlen(command)), (ssize_t)strlen(command));
	return fd;
}

/* The pid of the server that answers; the whole of its answer is in `line`. */
static pid_t ask(const struct play *p)
{
	hear(say(p, "p"));
	return number_of("pid=");
}

static int supervisors_code(struct play *p)
{
	int status;

	assert_int_equal(waitpid(p->supervisor, &status, 0), p->supervisor);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int end(struct play *p, int signal)
{
	kill(p->supervisor, signal);
	return supervisors_code(p);
}

static void clean(struct play *p)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", p->folder);
	assert_int_equal(system(command), 0);
}

static long starts(const struct play *p)
{
	struct stat at;

	return stat(p->starts, &at) ? 0 : (long)at.st_size;
}

/* How often the supervisor's log has the words. */
static int logged(const struct play *p, const char *words)
{
	static char text[65536];
	FILE *file = fopen(p->log, "re");
	int count = 0;

	text[file ? fread(text, 1, sizeof(text) - 1, file) : 0] = '\0';
	if (file)
		fclose(file);
	for (const char *at = text; (at = strstr(at, words)); at++)
		count++;
	return count;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_gone(pid_t pid)
{
	for (int i = 0; i < HANGS_AFTER_S * 100; i++) {
		if (kill(pid, 0))
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return false;
}

static int descriptors_of(pid_t pid)
{
	char path[64];
	DIR *folder;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static int children_of(pid_t pid)
{
	char path[64];
	FILE *file;
	int count = 0, child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fscanf(file, "%d", &child) == 1)
		count++;
	fclose(file);
	return count;
}

/* ---------------------------------------------------------------- claims on the supervisor */

TEST(the_server_gets_the_socket_and_is_told_so)
{
	struct play p;
	pid_t server;

	begin(&p);
	supervise(&p);
	server = ask(&p);
	assert_int_equal(number_of("listen_pid="), server);
	assert_int_equal(number_of("listen_fds="), 1);
	assert_int_equal(number_of("supervised="), 1);
	assert_int_equal(number_of("parent="), p.supervisor);
	assert_int_equal(number_of("group="), server); /* Ctrl-C is not for it */
	assert_int_equal(number_of("descriptors="), 4 + 3);    /* 0 to 3, and what counting them takes: `.`, `..`, the folder */
	assert_int_equal(end(&p, SIGTERM), 0);
	assert_true(is_gone(server));
	assert_int_equal(logged(&p, "supervisor.start pid="), 1);
	assert_int_equal(logged(&p, "supervisor.stop pid="), 1);
	clean(&p);
}

TEST(a_killed_server_is_replaced_and_nobody_is_refused)
{
	struct play p;
	pid_t first, second;
	int waiting[8];

	begin(&p);
	supervise(&p);
	first = ask(&p);
	kill(first, SIGKILL);
	for (int i = 0; i < 8; i++)
		waiting[i] = say(&p, "p");
	for (int i = 0; i < 8; i++)
		hear(waiting[i]);
	second = number_of("pid=");
	assert_int_not_equal(first, second);
	assert_int_equal(logged(&p, "supervisor.died signal=9"), 1);
	assert_int_equal(logged(&p, "supervisor.restart pid="), 1);
	assert_int_equal(end(&p, SIGTERM), 0);
	clean(&p);
}

TEST(deaths_leave_neither_zombies_nor_descriptors)
{
	struct play p;
	int descriptors;

	begin(&p);
	supervise(&p);
	ask(&p);
	descriptors = descriptors_of(p.supervisor);
	for (int i = 0; i < 3; i++)
		kill(ask(&p), SIGKILL);
	ask(&p);
	assert_int_equal(descriptors_of(p.supervisor), descriptors);
	assert_int_equal(children_of(p.supervisor), 1);
	assert_int_equal(end(&p, SIGTERM), 0);
	clean(&p);
}

TEST(a_server_that_keeps_dying_young_has_to_wait_longer_and_longer)
{
	int64_t before;
	struct play p;

	begin(&p);
	setenv("TEST_DIES", "5", 1);
	before = now_ms();
	supervise(&p);
	ask(&p); /* is heard by the sixth */
	assert_true(now_ms() - before >= 100 + 200 + 400 + 800);
	assert_int_equal(starts(&p), 6);
	assert_int_equal(logged(&p, "wait_ms=0"), 1);
	assert_int_equal(logged(&p, "wait_ms=100"), 1);
	assert_int_equal(logged(&p, "wait_ms=200"), 1);
	assert_int_equal(logged(&p, "wait_ms=400"), 1);
	assert_int_equal(logged(&p, "wait_ms=800"), 1);
	assert_int_equal(end(&p, SIGTERM), 0);
	clean(&p);
}

TEST(told_to_end_while_waiting_it_ends)
{
	struct play p;

	begin(&p);
	setenv("TEST_DIES", "1000", 1);
	supervise(&p);
	while (!logged(&p, "wait_ms=400"))
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	assert_int_equal(end(&p, SIGTERM), 0);
	clean(&p);
}

TEST(told_to_replace_while_waiting_it_starts_at_once)
{
	int64_t before;
	struct play p;

	begin(&p);
	setenv("TEST_DIES", "6", 1);
	supervise(&p);
	while (!logged(&p, "wait_ms=1600"))
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	before = now_ms();
	kill(p.supervisor, SIGHUP);
	ask(&p);
	assert_true(now_ms() - before < 1500);
	assert_int_equal(starts(&p), 7);
	assert_int_equal(end(&p, SIGTERM), 0);
	clean(&p);
}

TEST(the_code_of_a_server_that_was_told_to_end_is_passed_on)
{
	struct play p;

	begin(&p);
	setenv("TEST_TERM_CODE", "7", 1);
	supervise(&p);
	ask(&p);
	assert_int_equal(end(&p, SIGINT), 7);
	assert_int_equal(starts(&p), 1);
	clean(&p);
}

TEST(a_server_that_refuses_its_options_is_not_started_again)
{
	struct play p;

	for (int i = 0; i < 2; i++) {
		begin(&p);
		setenv("TEST_CODE", i ? "2" : "78", 1);
		supervise(&p);
		assert_int_equal(supervisors_code(&p), i ? 2 : 78);
		assert_int_equal(starts(&p), 1);
		clean(&p);
	}
}

TEST(a_server_that_ends_by_itself_is_started_again)
{
	struct play p;
	pid_t first;

	begin(&p);
	supervise(&p);
	first = ask(&p);
	kill(first, SIGTERM); /* somebody else's: exit code 0 */
	assert_true(is_gone(first));
	assert_int_not_equal(ask(&p), first);
	close(say(&p, "x5"));
	ask(&p);
	assert_int_equal(logged(&p, "supervisor.died code=0"), 1);
	assert_int_equal(logged(&p, "supervisor.died code=5"), 1);
	assert_int_equal(end(&p, SIGTERM), 0);
	clean(&p);
}

TEST(hangup_hands_over_to_the_program_that_lies_there_now)
{
	struct play p;
	char script[160], other[128];
	pid_t old;
	FILE *file;

	begin(&p);
	snprintf(other, sizeof(other), "%s/other", p.folder);
	snprintf(script, sizeof(script), "%s/script", p.folder);
	copy_self(other);
	supervise(&p);
	old = ask(&p);
	assert_non_null(strstr(line, "mark=old"));
	file = fopen(script, "we");
	fprintf(file, "#!/bin/sh\nexec %s server new\n", other);
	fclose(file);
	assert_int_equal(chmod(script, 0755), 0);
	assert_int_equal(rename(script, p.program), 0);
	kill(p.supervisor, SIGHUP);
	assert_true(is_gone(old));
	ask(&p);
	assert_non_null(strstr(line, "mark=new"));
	assert_int_equal(logged(&p, "supervisor.replace pid="), 1);
	assert_int_equal(logged(&p, "supervisor.died"), 0); /* it did as it was told */
	assert_int_equal(end(&p, SIGTERM), 0);
	clean(&p);
}

TEST(a_broken_new_program_leaves_the_old_one_serving)
{
	struct play p;
	pid_t old;

	begin(&p);
	supervise(&p);
	old = ask(&p);
	assert_int_equal(unlink(p.program), 0);
	kill(p.supervisor, SIGHUP);
	assert_true(is_gone(old));
	assert_int_not_equal(ask(&p), old);
	assert_non_null(strstr(line, "mark=old"));
	assert_int_equal(logged(&p, "supervisor.exec_failed path="), 1);
	assert_int_equal(end(&p, SIGTERM), 0);
	clean(&p);
}

TEST(the_server_goes_when_the_supervisor_is_killed)
{
	struct play p;
	pid_t server;

	begin(&p);
	supervise(&p);
	server = ask(&p);
	assert_int_equal(end(&p, SIGKILL), 1000 + SIGKILL);
	assert_true(is_gone(server));
	clean(&p);
}

TEST(it_ends_with_the_terminal_that_it_was_started_from)
{
	struct play p;
	pid_t server;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(master >= 0);
	assert_int_equal(grantpt(master) | unlockpt(master), 0);
	begin(&p);
	supervise_on(&p, ptsname(master));
	server = ask(&p);
	kill(p.supervisor, SIGHUP); /* a wish: the terminal is still there */
	assert_true(is_gone(server));
	server = ask(&p);
	close(master);
	assert_int_equal(supervisors_code(&p), 0);
	assert_true(is_gone(server));
	clean(&p);
}

/* ---------------------------------------------------------------- claims on the socket */

static char complaint[1024];

static int listen_quietly(const char *host, const char *port)
{
	FILE *err = tmpfile();
	int kept = dup(2), fd;

	dup2(fileno(err), 2);
	fd = tr_listen_socket(host, port);
	dup2(kept, 2);
	close(kept);
	rewind(err);
	complaint[fread(complaint, 1, sizeof(complaint) - 1, err)] = '\0';
	fclose(err);
	return fd;
}

TEST(a_taken_port_is_named_with_what_to_do)
{
	int fd = tr_listen_socket("127.0.0.1", "0");
	char port[8], words[64];

	snprintf(port, sizeof(port), "%d", listening_port(fd));
	assert_true(listen_quietly("127.0.0.1", port) < 0);
	snprintf(words, sizeof(words), "cannot listen on 127.0.0.1:%s: port %s is taken", port, port);
	assert_non_null(strstr(complaint, words));
	assert_non_null(strstr(complaint, "--listen"));
	close(fd);
}

TEST(an_address_of_another_machine_is_refused)
{
	assert_true(listen_quietly("192.0.2.1", "0") < 0);
	assert_non_null(strstr(complaint, "does not have that address"));
}

TEST(a_made_socket_closes_on_exec_and_does_not_block)
{
	int fd = tr_listen_socket("127.0.0.1", "0");

	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
}

TEST(all_addresses_of_both_families_are_served_by_one_socket)
{
	struct play p;
	struct sockaddr_in6 address;
	socklen_t size = sizeof(address);
	int fd = listen_quietly("::", "0"), client;

	if (fd < 0)
		skip(); /* no IPv6 here */
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	p.port = ntohs(address.sin6_port);
	client = connect_to(&p);
	close(client);
	close(fd);
}

/* Runs in a child, so that descriptor 3 and the environment are its own. */
static int inherit(const char *count, const char *pid, bool listening)
{
	int status;
	pid_t child = fork();

	if (!child) {
		char own[12];
		int fd, given = listening ? tr_listen_socket("127.0.0.1", "0") : open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (given != 3 && dup2(given, 3) < 0)
			_exit(99);
		snprintf(own, sizeof(own), "%d", (int)getpid());
		setenv("LISTEN_FDS", count, 1);
		if (pid)
			setenv("LISTEN_PID", *pid ? pid : own, 1);
		fd = listen_quietly("127.0.0.1", "0");
		if (getenv("LISTEN_FDS") || getenv("LISTEN_PID"))
			_exit(98);
		_exit(fd < 0 ? 50 : fd == 3 && fcntl(3, F_GETFD) & FD_CLOEXEC ? 3 : 4);
	}
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

TEST(a_socket_is_inherited_when_it_is_for_us)
{
	assert_int_equal(inherit("1", "", true), 3);
	assert_int_equal(inherit("1", NULL, true), 3);
	assert_int_equal(inherit("1", "1", true), 4);   /* for process 1: a socket of our own is made */
	assert_int_equal(inherit("2", "", true), 50);
	assert_int_equal(inherit("1", "", false), 50);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		RUN(the_server_gets_the_socket_and_is_told_so),
		RUN(a_killed_server_is_replaced_and_nobody_is_refused),
		RUN(deaths_leave_neither_zombies_nor_descriptors),
		RUN(a_server_that_keeps_dying_young_has_to_wait_longer_and_longer),
		RUN(told_to_end_while_waiting_it_ends),
		RUN(told_to_replace_while_waiting_it_starts_at_once),
		RUN(the_code_of_a_server_that_was_told_to_end_is_passed_on),
		RUN(a_server_that_refuses_its_options_is_not_started_again),
		RUN(a_server_that_ends_by_itself_is_started_again),
		RUN(hangup_hands_over_to_the_program_that_lies_there_now),
		RUN(a_broken_new_program_leaves_the_old_one_serving),
		RUN(the_server_goes_when_the_supervisor_is_killed),
		RUN(it_ends_with_the_terminal_that_it_was_started_from),
		RUN(a_taken_port_is_named_with_what_to_do),
		RUN(an_address_of_another_machine_is_refused),
		RUN(a_made_socket_closes_on_exec_and_does_not_block),
		RUN(all_addresses_of_both_families_are_served_by_one_socket),
		RUN(a_socket_is_inherited_when_it_is_for_us),
	};

	if (argc > 2 && !strcmp(argv[1], "server"))
		return be_server(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "supervise")) {
		fcntl(atoi(argv[2]), F_SETFD, FD_CLOEXEC); /* as tr_listen_socket leaves it */
		return tr_supervise(atoi(argv[2]), (char *[]){ "server", "server", "old", NULL });
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
