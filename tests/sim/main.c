/* SPDX-License-Identifier: Apache-2.0 */
/* sim [SEEDS]: runs so many seeds in each of two worlds, that of the core (sim.h) and that of sessions
 * (agent.h), each seed in a process that others do not depend on. In the environment: WORLD=core,
 * WORLD=sessions, that one alone; SEED=n, that one alone; V=1, its trace as it grows; LOG=1, what is logged
 * as well; STEPS=n, how many; FIRST=n, where to begin; STOP=1, one that fails is enough; SHRINK=0, nothing
 * is made shorter. Else a run that fails is: steps are left out for as long as it still fails as it did. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "tests/sim/agent.h"

#define SEEDS_DEFAULT 1000
#define STEPS_DEFAULT 400
#define BATCH         25   /* seeds of one process */
#define STEPS_MAX     100000
#define SHOWN_MAX     5    /* failures that are told in full */
#define HANGS_S       60   /* a run that takes longer goes round in circles */

/* What a process and those that it starts both see. */
struct shared { bool sessions; uint64_t seed; unsigned done; uint64_t crashes, commits,
	heard; char what[200]; bool left_out[STEPS_MAX + 1]; };
static struct shared *shared;
static unsigned steps = STEPS_DEFAULT;

static uint64_t given(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static bool kept(unsigned step)
{
	return !shared->left_out[step];
}

/* ------------------------------------------------------------------ in a process of its own */

static void on_signal(int number)
{
	static const char *const names[NSIG] = { [SIGABRT] = "an assertion failed",
		[SIGALRM] = "it goes round in circles",
		[SIGSEGV] = "a stray pointer" };

	signal(number, SIG_DFL);
	sim_show_trace(names[number] ? names[number] : "a signal");
	_exit(1);
}

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
	return "abort_on_error=1:print_stacktrace=1";
}

static void on_death(void)
{
	sim_show_trace("a sanitizer has ended it");
}

static void on_failure(const char *what)
{
	snprintf(shared->what, sizeof shared->what, "step %u: %s", sim.step, what);
}

static void watch(void)
{
	sim_on_failure = on_failure;
	signal(SIGALRM, on_signal);
	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(on_death);
		signal(SIGABRT, on_signal);
		return;
	}
	signal(SIGABRT, on_signal);
	signal(SIGSEGV, on_signal);
}

static void run_one(uint64_t seed)
{
	shared->seed = seed;
	alarm(HANGS_S);
	shared->sessions ? agents_run(seed, steps, kept) : sim_run(seed, steps, kept);
	alarm(0);
	shared->done++;
	shared->crashes += sim.crashes;
	shared->commits += sim.commits;
	shared->heard += sim.heard;
}

/* Runs these; true: all were well. shared->seed is the last that was begun. */
static bool in_child(uint64_t first, uint64_t count, bool quiet)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0) {
		perror("fork");
		exit(2);
	}
	if (child == 0) {
		if (quiet && !freopen("/dev/null", "w", stderr))
			_exit(2);
		watch();
		for (uint64_t i = 0; i < count; i++)
			run_one(first + i);
		exit(0); /* not _exit: whoever looks for leaks does it now */
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ------------------------------------------------------------------ a seed that fails, made shorter */

/* The same fault, seen on the way to it or by another: words that have a digit may differ. */
static bool same_fault(const char *a, const char *b)
{
	while (*a && *b) {
		size_t m = strcspn(a, " "), n = strcspn(b, " ");
		bool number = strcspn(a, "0123456789") < m && strcspn(b, "0123456789") < n;

		if (!number && (m != n || memcmp(a, b, m) != 0))
			return false;
		a += m + (a[m] == ' ');
		b += n + (b[n] == ' ');
	}
	return *a == *b;
}

/* Leaves out as many of the steps from `first` on as may be, in pieces of this size. */
static unsigned leave_out(uint64_t seed, unsigned size, const char *what)
{
	unsigned out = 0;

	for (unsigned first = 1; first <= steps; first += size) {
		unsigned last = first + size - 1 < steps ? first + size - 1 : steps;
		unsigned held = 0;

		for (unsigned i = first; i <= last; i++)
			held += kept(i);
		if (held == 0)
			continue;
		bool before[STEPS_MAX + 1];
		memcpy(before, shared->left_out, sizeof before);
		memset(&shared->left_out[first], 1, last - first + 1);
		if (in_child(seed, 1, true) || !same_fault(shared->what, what))
			memcpy(shared->left_out, before, sizeof before);
		else
			out += held;
	}
	return out;
}

static void shorten(uint64_t seed)
{
	unsigned count = steps, begin = steps;
	char what[sizeof shared->what];

	memcpy(what, shared->what, sizeof what);
	for (unsigned size = steps / 2; size > 0; size /= 2)
		count -= leave_out(seed, size, what);
	printf("---- seed %" PRIu64 " again, with %u of its %u steps:\n", seed, count, begin);
	in_child(seed, 1, false);
	memset(shared->left_out, 0, sizeof shared->left_out);
}

/* ------------------------------------------------------------------ all of them */

static void show_progress(uint64_t done, uint64_t all, uint64_t failed)
{
	if (isatty(STDOUT_FILENO))
		printf("\r  %" PRIu64 " of %" PRIu64 " seeds, %" PRIu64 " failed%s", done, all, failed,
		       done == all ?
		       "\n" : "");
	fflush(stdout);
}

/* All seeds in one of the worlds. How many fail. */
static uint64_t run_all(uint64_t first, uint64_t seeds)
{
	uint64_t end = first + seeds, failed = 0;

	for (uint64_t at = first; at < end; at = shared->seed + 1) {
		uint64_t count = end - at < BATCH ? end - at : BATCH;

		if (!in_child(at, count, seeds > 1 && failed >= SHOWN_MAX)) {
			printf("%s%sseed %" PRIu64 " fails, %s\n", isatty(STDOUT_FILENO) ? "\r" : "",
			       shared->sessions ? "sessions: " : "", shared->seed, shared->what);
			if (failed++ < SHOWN_MAX && given("SHRINK", 1) > 0)
				shorten(shared->seed);
		}
		show_progress(shared->seed + 1 - first, seeds, failed);
		if (failed > 0 && given("STOP", 0) > 0)
			break;
	}
	return failed;
}

int main(int argc, char **argv)
{
	uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : SEEDS_DEFAULT, one = given("SEED", 0);
	const char *world = getenv("WORLD");
	uint64_t failed = 0, ran = 0;

	steps = (unsigned)given("STEPS", STEPS_DEFAULT);
	if (steps > STEPS_MAX)
		steps = STEPS_MAX;
	sim.loud = given("V", 0) > 0;
	tr_log_setup(given("LOG", 0) > 0 ? TR_LOG_DEBUG : TR_LOG_ERROR, false);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	if (one > 0)
		seeds = 1;
	for (int sessions = 0; sessions < 2; sessions++) {
		if (world && *world && (strcmp(world, "sessions") == 0) != sessions)
			continue;
		shared->sessions = sessions;
		failed += run_all(one > 0 ? one : given("FIRST", 1), seeds);
		ran += seeds;
		if (failed > 0 && given("STOP", 0) > 0)
			break;
	}
	printf("%" PRIu64 " commits, %" PRIu64 " crashes, %" PRIu64 " events heard\n", shared->commits,
	       shared->crashes, shared->heard);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", ran - failed, failed);
	return failed > 0;
}
