/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of at most 100 columns, and a count of goals that the figures' processes share. */
#include "tests/bench/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>

static struct goals { int held, missed; } *goals;

static const struct { const char *name; double size; } units[] = {
	[BENCH_US]    = { " us", 1 },
	[BENCH_MS]    = { " ms", 1000 },
	[BENCH_KB]    = { " kB", 1000 },
	[BENCH_PER_S] = { "/s",  1 },
};

void bench_table_open(void)
{
	goals = mmap(NULL, sizeof *goals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (goals == MAP_FAILED)
		bench_fail("no memory to share: %m");
}

void bench_goals(int *held, int *missed)
{
	*held = goals->held;
	*missed = goals->missed;
}

void bench_heading(const char *format, ...)
{
	va_list args;

	bench_progress_end();
	va_start(args, format);
	putchar('\n');
	vprintf(format, args);
	putchar('\n');
	va_end(args);
	fflush(stdout);
}

const char *bench_thousands(uint64_t number)
{
	static char texts[4][32];
	static unsigned turn;
	char *text = texts[turn++ % 4], *at = text + sizeof texts[0] - 1;

	*at = '\0';
	for (int digits = 0; number > 0 || digits == 0; digits++, number /= 10) {
		if (digits > 0 && digits % 3 == 0)
			*--at = ',';
		*--at = (char)('0' + number % 10);
	}
	return at;
}

/* Three digits tell enough. */
static const char *digits(char *into, size_t size, double value)
{
	if (value >= 999.5)
		snprintf(into, size, "%s", bench_thousands((uint64_t)(value + 0.5)));
	else
		snprintf(into, size, "%.*f", value >= 99.95 ? 0 : value >= 9.995 ? 1 : value >= 0.9995 ? 2 : 3, value);
	return into;
}

static bool holds(const struct bench_row *r, double ratio, double ours)
{
	switch (r->goal) {
	case BENCH_RATIO_MAX: return ratio <= r->limit;
	case BENCH_RATIO_MIN: return ratio >= r->limit;
	case BENCH_OURS_MAX:  return ours <= r->limit;
	case BENCH_OURS_MIN:  return ours >= r->limit;
	case BENCH_NO_GOAL:   break;
	}
	return true;
}

static void print_goal(const struct bench_row *r, double ratio)
{
	bool held = holds(r, ratio, r->ours / units[r->unit].size);
	bool of_ratio = r->goal == BENCH_RATIO_MAX || r->goal == BENCH_RATIO_MIN;
	bool at_most = r->goal == BENCH_RATIO_MAX || r->goal == BENCH_OURS_MAX;
	char limit[32], goal[48];

	if (r->limit < 1000)
		snprintf(limit, sizeof limit, "%g", r->limit);
	else
		digits(limit, sizeof limit, r->limit);
	snprintf(goal, sizeof goal, "%s %s%s", at_most ? "<=" : ">=", limit, of_ratio ? " x" : units[r->unit].name);
	printf(" %-12s %s", goal, held ? "held" : "MISSED");
	goals->held += held;
	goals->missed += !held;
}

void bench_print(const struct bench_row *r)
{
	char ours[32], other[32], figures[80], ratio_text[16] = "";
	const char *unit = units[r->unit].name;
	double ratio = r->ratio > 0 || !r->beside ? r->ratio : r->ours / r->other;

	digits(ours, sizeof ours, r->ours / units[r->unit].size);
	if (r->beside) {
		snprintf(figures, sizeof figures, "(%s%s, %s %s%s)", ours, unit, r->beside,
		         digits(other, sizeof other, r->other / units[r->unit].size), unit);
		snprintf(ratio_text, sizeof ratio_text, "%.2f x", ratio);
	} else {
		snprintf(figures, sizeof figures, "(%s%s)", ours, unit);
	}
	bench_progress_end();
	printf("  %-31s %8s  %-*s", r->what, ratio_text, r->goal == BENCH_NO_GOAL ? 0 : 34, figures);
	if (r->goal != BENCH_NO_GOAL)
		print_goal(r, ratio);
	putchar('\n');
	fflush(stdout);
}

/* ------------------------------------------------------------------ rounds */

void bench_pair(struct bench_pairs *p, double ours, double other)
{
	bench_sample(&p->ours, ours);
	bench_sample(&p->other, other);
	bench_sample(&p->ratios, ours / other);
}

void bench_print_pairs(struct bench_row row, struct bench_pairs *p)
{
	row.ours = bench_median(&p->ours);
	row.other = bench_median(&p->other);
	row.ratio = bench_median(&p->ratios);
	bench_print(&row);
}
