/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, CPU and memory of other processes, quantiles, and how a figure gives up. */
#include "tests/bench/meter.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/server.h"

/* ------------------------------------------------------------------ the system's figures */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		bench_fail("a clock cannot be read: %m");
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t bench_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t bench_cpu_ns(pid_t pid)
{
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0)
		bench_fail("the CPU clock of process %d cannot be read", (int)pid);
	return clock_ns(clock);
}

bool bench_pin(pid_t pid, int core)
{
	static cpu_set_t allowed; /* as it was at first */
	cpu_set_t one;
	int at = CPU_SETSIZE;

	if (CPU_COUNT(&allowed) == 0 && sched_getaffinity(0, sizeof allowed, &allowed) < 0)
		bench_fail("the cores to run on are not known: %m");
	if (core >= CPU_COUNT(&allowed))
		return false;
	for (int passed = -1; passed < core;)
		passed += CPU_ISSET(--at, &allowed) != 0;
	CPU_ZERO(&one);
	CPU_SET(at, &one);
	if (sched_setaffinity(pid, sizeof one, &one) < 0)
		bench_fail("process %d cannot be put on a core: %m", (int)pid);
	return true;
}

static size_t resident_now(pid_t pid)
{
	char path[64];
	size_t pages = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%*u %zu", &pages) != 1)
		bench_fail("%s cannot be read", path);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

size_t bench_resident(pid_t pid)
{
	size_t before = 0, now = resident_now(pid);

	for (int tries = 0; now != before && tries < 20; tries++) {
		before = now;
		usleep(100 * 1000);
		now = resident_now(pid);
	}
	return now;
}

/* ------------------------------------------------------------------ readings */

void *bench_resize(void *memory, size_t size)
{
	void *resized = realloc(memory, size);

	if (!resized)
		bench_fail("no memory for %zu bytes", size);
	return resized;
}

void bench_sample(struct bench_samples *s, double value)
{
	if (s->count == s->room) {
		s->room = s->room ? s->room * 2 : 256;
		s->values = bench_resize(s->values, s->room * sizeof *s->values);
	}
	s->values[s->count++] = value;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_quantile(struct bench_samples *s, double q)
{
	if (s->count == 0)
		bench_fail("there is no reading to take a quantile of");
	qsort(s->values, s->count, sizeof *s->values, ascending);
	return s->values[(size_t)(q * (double)(s->count - 1))];
}

double bench_median(struct bench_samples *s)
{
	return bench_quantile(s, 0.5);
}

void bench_samples_free(struct bench_samples *s)
{
	free(s->values);
	*s = (struct bench_samples){ 0 };
}

/* ------------------------------------------------------------------ what is said meanwhile */

#define CLEAR_LINE "\r\033[K"

void bench_progress(const char *format, ...)
{
	va_list args;

	if (!isatty(STDERR_FILENO))
		return;
	va_start(args, format);
	fputs(CLEAR_LINE "  ... ", stderr);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
}

void bench_progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fputs(CLEAR_LINE, stderr);
}

void bench_fail(const char *format, ...)
{
	int error = errno; /* for a %m in what the caller says */
	va_list args;

	bench_progress_end();
	fflush(stdout);
	va_start(args, format);
	fputs("  could not be measured: ", stderr);
	errno = error;
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	bench_server_logs(stderr);
	exit(1);
}
