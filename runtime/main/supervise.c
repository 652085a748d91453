/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor: a loop around one signalfd. All its signals stay blocked, so nothing happens between two
 * looks at the world. What can happen to the server:
 *
 *	it dies                 the next one starts at once, or after a back-off when it keeps dying young
 *	SIGHUP to us            it is asked to drain; when it is gone, the next one starts at once
 *	SIGTERM, SIGINT to us   it is asked to end; when it is gone, so are we, with its code
 *	it exits with 2 or 78   it will not have these options, nor will its successor: we end with that code */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/main/supervise.h"

enum {
	INHERITED_FD = 3,  /* systemd's SD_LISTEN_FDS_START */
	EXIT_USAGE   = 2,
	EXIT_CONFIG  = 78, /* sysexits.h */
};

/* ---------------------------------------------------------------- the socket */

static int complain(const char *host, const char *port)
{
	const char *open = strchr(host, ':') ? "[" : "", *close = *open ? "]" : "";
	int error = errno;

	fprintf(stderr, "troupe: cannot listen on %s%s%s:%s: ", open, host, close, port);
	if (error == EADDRINUSE)
		fprintf(stderr, "port %s is taken by another program, perhaps another troupe. End that"
			" one (`ss -ltnp` tells which), or choose another port with --listen.\n", port);
	else if (error == EACCES)
		fprintf(stderr, "port %s is reserved. Choose one above 1023.\n", port);
	else if (error == EADDRNOTAVAIL)
		fprintf(stderr, "this machine does not have that address; `ip addr` lists its own.\n");
	else
		fprintf(stderr, "%s\n", strerror(error));
	return -1;
}

static int bind_and_listen(const struct addrinfo *at)
{
	int on = 1, off = 0, fd, error;

	fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (at->ai_family == AF_INET6) /* [::] is every address, whatever the system's setting */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (!bind(fd, at->ai_addr, at->ai_addrlen) && !listen(fd, TR_LISTEN_BACKLOG_MAX))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* How many sockets LISTEN_FDS has for us. The variables are taken out: our children get their own. */
static long count_inherited(void)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	long count = fds ? strtol(fds, NULL, 10) : 0;

	if (pid && strtol(pid, NULL, 10) != getpid())
		count = 0;
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	return count;
}

static int take_inherited(long count)
{
	int listening = 0, flags = fcntl(INHERITED_FD, F_GETFL);
	socklen_t size = sizeof(listening);

	if (count != 1) {
		fprintf(stderr, "troupe: LISTEN_FDS=%ld: one socket is enough."
			" Give exactly one, or unset LISTEN_FDS and use --listen.\n", count);
		return -1;
	}
	if (getsockopt(INHERITED_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) || !listening) {
		fprintf(stderr, "troupe: LISTEN_FDS=1, but descriptor 3 is no listening socket."
			" Give one, or unset LISTEN_FDS and use --listen.\n");
		return -1;
	}
	if (fcntl(INHERITED_FD, F_SETFD, FD_CLOEXEC) ||
	    fcntl(INHERITED_FD, F_SETFL, flags | O_NONBLOCK)) {
		fprintf(stderr, "troupe: LISTEN_FDS=1: descriptor 3: %s\n", strerror(errno));
		return -1;
	}
	return INHERITED_FD;
}

int tr_listen_socket(const char *host, const char *port)
{
	struct addrinfo hints = {
		.ai_flags    = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	}, *found;
	long inherited = count_inherited();
	int fd, outcome;

	if (inherited)
		return take_inherited(inherited);
	outcome = getaddrinfo(host, port, &hints, &found);
	if (outcome) {
		fprintf(stderr, "troupe: cannot listen on %s: %s\n", host, gai_strerror(outcome));
		return -1;
	}
	fd = bind_and_listen(found);
	freeaddrinfo(found);
	return fd < 0 ? complain(host, port) : fd;
}

/* ---------------------------------------------------------------- the server process */

struct supervisor {
	int       listen_fd, signal_fd;
	char    **argv;
	char      program[PATH_MAX]; /* where a new binary will lie */
	sigset_t  signals_before;
	bool      had_terminal;

	pid_t     server;       /* 0: there is none */
	int64_t   started_ms;
	int64_t   start_at_ms;  /* without a server: when the next one is due */
	int       short_lives;  /* in a row */
	int       ended_how;    /* waitpid's status of the last one */
	bool      restart;      /* not the first */

	bool      replacing;    /* SIGHUP: the server was asked to drain */
	bool      ending;       /* SIGTERM, SIGINT */
	int64_t   kill_at_ms;   /* while replacing or ending */
	bool      over;
	int       exit_code;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool terminal_is_there(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* In the child. It gets a process group of its own, so that Ctrl-C comes to us alone and it is told once. */
static void become_server(const struct supervisor *s, pid_t parent)
{
	char pid[24];

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent) /* it died before we could ask to be told */
		_exit(1);
	if (s->listen_fd == INHERITED_FD)
		fcntl(INHERITED_FD, F_SETFD, 0);
	else if (dup2(s->listen_fd, INHERITED_FD) < 0)
		_exit(1);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", pid, 1);
	setenv("TROUPE_SUPERVISED", "1", 1);
	sigprocmask(SIG_SETMASK, &s->signals_before, NULL);
	execv(s->program, s->argv);
	/* The file may be missing or half written just now: better the old program than none. */
	tr_warn("supervisor.exec_failed", "path=%s reason=\"%s\"", s->program, strerror(errno));
	execv("/proc/self/exe", s->argv);
	_exit(1);
}

static int after_early_death(struct supervisor *s)
{
	int wait_ms = TR_RESTART_MS;

	if (++s->short_lives <= 1)
		return 0;
	for (int i = 2; i < s->short_lives && wait_ms < TR_RESTART_MAX_MS; i++)
		wait_ms *= 2;
	return wait_ms < TR_RESTART_MAX_MS ? wait_ms : TR_RESTART_MAX_MS;
}

static const char *how(const struct supervisor *s, char into[32])
{
	if (WIFSIGNALED(s->ended_how))
		snprintf(into, 32, "signal=%d", WTERMSIG(s->ended_how));
	else
		snprintf(into, 32, "code=%d", WEXITSTATUS(s->ended_how));
	return into;
}

static void start(struct supervisor *s)
{
	char text[32];
	pid_t parent = getpid(), child = fork();

	if (!child)
		become_server(s, parent);
	s->started_ms = now_ms();
	if (child < 0) {
		s->start_at_ms = s->started_ms + after_early_death(s) + TR_RESTART_MS;
		tr_error("supervisor.fork_failed", "reason=\"%s\"", strerror(errno));
		return;
	}
	s->server = child;
	if (s->restart)
		tr_info("supervisor.restart", "pid=%d %s", (int)child, how(s, text));
	else
		tr_info("supervisor.start", "pid=%d", (int)child);
	s->restart = true;
}

/* The server is gone, its status is in s->ended_how: what now? */
static void after_death(struct supervisor *s)
{
	int code = WIFEXITED(s->ended_how) ? WEXITSTATUS(s->ended_how)
					   : 128 + WTERMSIG(s->ended_how);
	bool early = now_ms() - s->started_ms < TR_RESTART_YOUNG_MS;
	char text[32];
	int wait_ms = 0;

	if (s->ending || code == EXIT_USAGE || code == EXIT_CONFIG) {
		/* Our own SIGTERM may have met it before it could do more than die of it. */
		s->exit_code = s->ending && code == 128 + SIGTERM ? 0 : code;
		s->over = true;
		return;
	}
	if (s->replacing || !early)
		s->short_lives = 0;
	else
		wait_ms = after_early_death(s);
	if (!s->replacing)
		tr_warn("supervisor.died", "%s lived_ms=%lld wait_ms=%d", how(s, text),
			(long long)(now_ms() - s->started_ms), wait_ms);
	s->replacing = false;
	s->start_at_ms = now_ms() + wait_ms;
}

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != s->server)
			continue;
		s->server = 0;
		s->ended_how = status;
		after_death(s);
	}
}

/* ---------------------------------------------------------------- signals */

static void on_end(struct supervisor *s)
{
	if (!s->server) {
		s->over = true;
		return;
	}
	kill(s->server, SIGTERM);
	if (!s->ending)
		s->kill_at_ms = now_ms() + TR_DRAIN_MS;
	s->ending = true;
	tr_info("supervisor.stop", "pid=%d", (int)s->server);
}

static void on_replace(struct supervisor *s)
{
	if (s->ending || s->replacing)
		return;
	s->short_lives = 0;
	s->start_at_ms = now_ms();
	if (!s->server)
		return;
	kill(s->server, SIGHUP);
	s->replacing = true;
	s->kill_at_ms = now_ms() + TR_DRAIN_MS;
	tr_info("supervisor.replace", "pid=%d", (int)s->server);
}

static void read_signals(struct supervisor *s)
{
	struct signalfd_siginfo signal;

	while (read(s->signal_fd, &signal, sizeof(signal)) == sizeof(signal)) {
		switch (signal.ssi_signo) {
		case SIGHUP:
			/* Somebody's wish, or the end of the terminal that we were started from? */
			if (!s->had_terminal || terminal_is_there())
				on_replace(s);
			else
				on_end(s);
			break;
		case SIGTERM:
		case SIGINT:
			on_end(s);
			break;
		case SIGCHLD:
			reap(s);
			break;
		}
	}
}

static bool waits_for_end(const struct supervisor *s)
{
	return s->server && (s->ending || s->replacing);
}

/* How long nothing is due: -1 for ever. */
static int time_left(const struct supervisor *s)
{
	int64_t left;

	if (s->server && !waits_for_end(s))
		return -1;
	left = (s->server ? s->kill_at_ms : s->start_at_ms) - now_ms();
	return left > 0 ? (int)left : 0;
}

static void do_what_is_due(struct supervisor *s)
{
	if (s->over || time_left(s))
		return;
	if (!s->server) {
		start(s);
		return;
	}
	tr_warn("supervisor.kill", "pid=%d after_ms=%d", (int)s->server, TR_DRAIN_MS);
	kill(s->server, SIGKILL);
	s->kill_at_ms = now_ms() + TR_DRAIN_MS;
}

static bool prepare(struct supervisor *s)
{
	static const int mine[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	ssize_t size = readlink("/proc/self/exe", s->program, sizeof(s->program) - 1);
	sigset_t set;

	if (size < 0)
		return false;
	s->program[size] = '\0';
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++)
		sigaddset(&set, mine[i]);
	signal(SIGCHLD, SIG_DFL); /* ignored, it would take the children's statuses away */
	if (sigprocmask(SIG_BLOCK, &set, &s->signals_before))
		return false;
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->had_terminal = terminal_is_there();
	return s->signal_fd >= 0;
}

int tr_supervise(int listen_fd, char **argv)
{
	struct supervisor s = { .listen_fd = listen_fd, .argv = argv };

	if (!prepare(&s)) {
		tr_error("supervisor.failed", "reason=\"%s\"", strerror(errno));
		return 1;
	}
	for (;;) {
		struct pollfd signals = { .fd = s.signal_fd, .events = POLLIN };

		do_what_is_due(&s);
		if (s.over)
			break;
		poll(&signals, 1, time_left(&s));
		read_signals(&s);
	}
	/* The signals stay blocked: one that comes now must not spoil the exit code. */
	close(s.signal_fd);
	return s.exit_code;
}
