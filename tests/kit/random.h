/* SPDX-License-Identifier: Apache-2.0 */
/* Chance that can be repeated: a test sows, which prints its seed; SEED=n in the environment repeats a run. */
#ifndef TR_TESTS_KIT_RANDOM_H
#define TR_TESTS_KIT_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t tr_seed;

static inline uint64_t random_below(uint64_t n)
{
	tr_seed ^= tr_seed << 13; /* xorshift */
	tr_seed ^= tr_seed >> 7;
	tr_seed ^= tr_seed << 17;
	return (tr_seed >> 11) % n;
}

static inline void sow(void)
{
	const char *given = getenv("SEED");

	tr_seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();
	fprintf(stderr, "SEED=%llu\n", (unsigned long long)tr_seed);
	tr_seed |= 1;
}

#endif
