/* SPDX-License-Identifier: Apache-2.0 */
/* The bench's program: load TROUPE BARE DIR [FIGURE]   (make bench; README.md here says what is measured and how)
 *
 * Each figure runs in a process of its own: one that cannot be measured says so and ends, with its servers; the others are
 * still measured. A missed goal is a result, not a failure. Exit code 1: something could not be measured. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/figures.h"
#include "tests/bench/meter.h"
#include "tests/bench/table.h"

static const struct figure {
	const char *name;
	void      (*measure)(const struct bench *b);
} figures[] = {
	{ "echo",    bench_echo },
	{ "fanout",  bench_fanout },
	{ "append",  bench_append },
	{ "disk",    bench_disk },
	{ "history", bench_history },
	{ "memory",  bench_memory },
	{ "start",   bench_start },
};
#define FIGURES (sizeof figures / sizeof *figures)

/* ------------------------------------------------------------------ servers */

void bench_troupe(const struct bench *b, struct bench_server *s, const char *name)
{
	char data[512], log[600];

	snprintf(data, sizeof data, "%s/%s", b->dir, name);
	snprintf(log, sizeof log, "%s.log", data);
	if (mkdir(data, 0700) < 0 && errno != EEXIST)
		bench_fail("%s: %m", data);
	bench_server_start(s, (const char *const[]){ b->troupe, "serve", "--no-supervise", "--sandbox", "none", "--data", data, NULL },
	                   log);
}

void bench_bare(const struct bench *b, struct bench_server *s)
{
	char log[600];

	snprintf(log, sizeof log, "%s/bare.log", b->dir);
	bench_server_start(s, (const char *const[]){ b->bare, NULL }, log);
}

/* ------------------------------------------------------------------ what to measure */

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	char *end;
	unsigned long long number;

	if (!text || !*text)
		return otherwise;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || *end || *text == '-' || number < 1000 || number > 100000000) {
		fprintf(stderr, "bench: %s=%s: a number from 1000 to 100000000 would do\n", name, text);
		exit(2);
	}
	return number;
}

static void must_be_known(const char *wanted)
{
	for (size_t i = 0; i < FIGURES; i++)
		if (strcmp(wanted, figures[i].name) == 0)
			return;
	fprintf(stderr, "bench: there is no figure \"%s\"; these are known:", wanted);
	for (size_t i = 0; i < FIGURES; i++)
		fprintf(stderr, " %s", figures[i].name);
	fputc('\n', stderr);
	exit(2);
}

static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

/* ------------------------------------------------------------------ measuring */

static bool measured(const struct figure *f, const struct bench *b)
{
	pid_t parent = getpid(), pid = fork();
	int status;

	if (pid < 0)
		bench_fail("no process: %m");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		f->measure(b);
		exit(0);
	}
	if (waitpid(pid, &status, 0) < 0)
		bench_fail("a process was lost: %m");
	if (status == 0)
		return true;
	bench_progress_end();
	fprintf(stderr, "  %s: NOT MEASURED%s\n", f->name, WIFSIGNALED(status) ? ", killed by a signal" : "");
	return false;
}

static void introduce(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct utsname u;
	double busy;

	uname(&u);
	printf("Troupe beside the bare epoll server, in turns, on one core with their clients.\n"
	       "The ratios are what counts; in brackets, this machine's: %ld cores, Linux %s.\n", cores, u.release);
	if (getloadavg(&busy, 1) == 1 && busy > (double)cores / 4)
		printf("Others use this machine too (load average %.1f): expect noise, most of all in p99.\n", busy);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *wanted = argc == 5 ? argv[4] : "";
	uint64_t since = bench_now_ns();
	int held, missed, failed = 0;
	struct bench b;

	if (argc < 4 || argc > 5) {
		fprintf(stderr, "usage: load TROUPE BARE DIR [FIGURE]\n");
		return 2;
	}
	b = (struct bench){ .troupe = argv[1], .bare = argv[2], .dir = argv[3], .events = number_from("BENCH_EVENTS", 200000),
	                    .actors = number_from("BENCH_ACTORS", 50000), .clients = number_from("BENCH_CLIENTS", 5000) };
	if (*wanted)
		must_be_known(wanted);
	raise_limits();
	bench_pin(0, 0);
	bench_table_open();
	introduce();
	for (size_t i = 0; i < FIGURES; i++)
		if (!*wanted || strcmp(wanted, figures[i].name) == 0)
			failed += !measured(&figures[i], &b);
	bench_goals(&held, &missed);
	printf("\n%d goals held, %d missed, %d figures not measured; %.0f s\n", held, missed, failed,
	       (double)(bench_now_ns() - since) / 1e9);
	return failed ? 1 : 0;
}
