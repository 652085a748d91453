/* SPDX-License-Identifier: Apache-2.0 */
/* Starts and stops servers, by their pid. */
#include "tests/bench/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/meter.h"

enum {
	HANDED_DOWN = 3,        /* where a server looks for its socket */
	BACKLOG     = 4096,
	STOP_MS     = 30000,
	LOG_TAIL    = 2000,     /* bytes of a log that are shown */
};

static struct bench_server *running;

/* ------------------------------------------------------------------ starting */

static int listen_anywhere(int *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &size) < 0)
		bench_fail("no socket to listen on: %m");
	*port = ntohs(at.sin_port);
	return fd;
}

/* Options that the environment would give would change what is measured. */
static void forget_options(void)
{
	extern char **environ;
	char name[128];

	for (char **at = environ; *at;) {
		size_t size = strcspn(*at, "=");

		if (strncmp(*at, "TROUPE_", 7) == 0 && size < sizeof name) {
			snprintf(name, sizeof name, "%.*s", (int)size, *at);
			unsetenv(name); /* the rest moves up */
		} else {
			at++;
		}
	}
}

/* In the new process; does not come back. */
static void become(const char *const *argv, int listen_fd, const char *log, pid_t parent)
{
	char pid[16];
	int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || log_fd < 0)
		_exit(127);
	forget_options();
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", pid, 1);
	dup2(log_fd, STDOUT_FILENO);
	dup2(log_fd, STDERR_FILENO);
	if (listen_fd == HANDED_DOWN)
		fcntl(listen_fd, F_SETFD, 0);
	else
		dup2(listen_fd, HANDED_DOWN);
	close_range(HANDED_DOWN + 1, ~0U, 0);
	execv(argv[0], (char *const *)argv);
	dprintf(STDERR_FILENO, "%s: cannot be started: %s\n", argv[0], strerror(errno));
	_exit(127);
}

void bench_server_start(struct bench_server *s, const char *const *argv, const char *log)
{
	pid_t parent = getpid();
	int fd = listen_anywhere(&s->port);

	snprintf(s->log, sizeof s->log, "%s", log);
	s->started_ns = bench_now_ns();
	s->pid = fork();
	if (s->pid == 0)
		become(argv, fd, log, parent);
	if (s->pid < 0)
		bench_fail("no process for %s: %m", argv[0]);
	close(fd); /* a client is refused when the server is dead, rather than left waiting */
	s->next = running;
	running = s;
}

/* ------------------------------------------------------------------ stopping */

void bench_server_stop(struct bench_server *s)
{
	struct bench_server **at = &running;
	int waited_ms = 0, status;

	kill(s->pid, SIGTERM);
	while (waitpid(s->pid, &status, WNOHANG) == 0) {
		if (waited_ms++ == STOP_MS) {
			kill(s->pid, SIGKILL);
			bench_fail("process %d did not end on SIGTERM", (int)s->pid);
		}
		usleep(1000);
	}
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	s->pid = 0;
}

static void show_tail(FILE *to, const char *path)
{
	char tail[LOG_TAIL + 1], *line = tail;
	FILE *log = fopen(path, "r");
	size_t size;

	if (!log)
		return;
	if (fseek(log, -LOG_TAIL, SEEK_END) == 0)
		line = NULL; /* it begins in the middle of a line */
	size = fread(tail, 1, LOG_TAIL, log);
	tail[size] = '\0';
	fclose(log);
	if (!line)
		line = strchr(tail, '\n') ? strchr(tail, '\n') + 1 : tail;
	if (*line)
		fprintf(to, "  the server's log:\n%s", line);
}

void bench_server_logs(FILE *to)
{
	for (struct bench_server *s = running; s; s = s->next)
		show_tail(to, s->log);
}
