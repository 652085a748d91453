/* SPDX-License-Identifier: Apache-2.0 */
/* The figures: each measures one thing, prints its rows and returns; or gives up with bench_fail. Each runs in a process of
 * its own, in an empty directory. */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <stdint.h>

#include "tests/bench/server.h"

struct bench {
	const char *troupe, *bare; /* the programs */
	const char *dir;           /* for data; where the disk is that is measured */
	uint64_t    events;        /* of a long history */
	uint64_t    actors;        /* stored, when a server starts */
	uint64_t    clients;       /* idle ones, whose memory is measured */
};

void bench_echo(const struct bench *b);
void bench_fanout(const struct bench *b);
void bench_append(const struct bench *b);
void bench_disk(const struct bench *b);
void bench_history(const struct bench *b);
void bench_memory(const struct bench *b);
void bench_start(const struct bench *b);

/* Troupe on the data directory DIR/NAME, made if need be; the bare server. */
void bench_troupe(const struct bench *b, struct bench_server *s, const char *name);
void bench_bare(const struct bench *b, struct bench_server *s);

#endif
