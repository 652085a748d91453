/* SPDX-License-Identifier: Apache-2.0 */
/* What the bench says: a row is a figure of Troupe's, the one it is held against, and the goal.
 *
 * A ratio is taken within each round, in which both sides were measured one after the other, and what is printed is the median
 * of all rounds' ratios: a machine or a disk that is slow for a second is slow for both. So it is not always the quotient of
 * the two medians beside it. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdint.h>

#include "tests/bench/meter.h"

enum bench_unit { BENCH_US, BENCH_MS, BENCH_KB, BENCH_PER_S }; /* figures are given in us, us, bytes, 1/s */

enum bench_goal {
	BENCH_NO_GOAL,
	BENCH_RATIO_MAX, /* the ratio is at most limit */
	BENCH_RATIO_MIN, /* ... at least */
	BENCH_OURS_MAX,  /* our figure is at most limit, in the unit that is printed */
	BENCH_OURS_MIN,  /* ... at least */
};

struct bench_row {
	const char     *what;
	enum bench_unit unit;
	double          ours;
	const char     *beside;  /* what the other figure is of; NULL: there is none, and no ratio */
	double          other;
	double          ratio;   /* 0: ours / other */
	enum bench_goal goal;
	double          limit;
};

/* Rounds of one figure. {0} is empty. */
struct bench_pairs { struct bench_samples ours, other, ratios; };

void bench_pair(struct bench_pairs *p, double ours, double other);
/* Fills in ours, other and ratio. */
void bench_print_pairs(struct bench_row row, struct bench_pairs *p);

/* Must be called before the first fork: all processes count goals together. */
void bench_table_open(void);
__attribute__((format(printf, 1, 2))) void bench_heading(const char *format, ...);
/* 1,000,000; good until the fourth next call. */
const char *bench_thousands(uint64_t number);
void bench_print(const struct bench_row *row);
void bench_goals(int *held, int *missed);

#endif
