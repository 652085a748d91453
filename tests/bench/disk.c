/* SPDX-License-Identifier: Apache-2.0 */
/* What a slow disk costs those who have nothing to write: echoes of one actor, alone and while another one's
 * commit waits for a sync of 20 ms (tests/slow_disk.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/client.h"
#include "tests/bench/figures.h"
#include "tests/bench/table.h"

enum {
	ROUNDS  = 15,
	COMMITS = 10, /* of a round */
	ECHOES  = 20, /* while one is under way: were they to wait, it would be one in twenty, and in p99 */
};

/* The server's fdatasync, not ours: what is preloaded is for programs that begin from here on. */
static void troupe_on_a_slow_disk(const struct bench *b, struct bench_server *s)
{
	const char *slash = strrchr(b->troupe, '/');
	char shim[512];

	snprintf(shim, sizeof shim, "%.*s/slow_disk.so", slash ? (int)(slash - b->troupe) : 1,
	         slash ? b->troupe : ".");
	setenv("LD_PRELOAD", shim, 1);
	setenv("SLOW_DISK_MS", "20", 1);
	bench_troupe(b, s, "slow");
	unsetenv("LD_PRELOAD");
	unsetenv("SLOW_DISK_MS");
}

static void echo_while_it_commits(struct bench_crowd *writer, struct bench_crowd *other,
                                  struct bench_samples *trips)
{
	uint64_t answers = writer->answers;

	bench_call(&writer->clients[0], "append", "[\"x\"]");
	bench_pipeline(other, "echo", "[1]", ECHOES, 1, trips);
	bench_crowd_wait(writer, &writer->answers, answers + 1);
}

static void add_round(struct bench_crowd *writer, struct bench_crowd *other, struct bench_pairs *p50,
                      struct bench_pairs *p99)
{
	struct bench_samples quiet = { 0 }, beside = { 0 };

	bench_pipeline(other, "echo", "[1]", COMMITS * ECHOES, 1, &quiet);
	for (int i = 0; i < COMMITS; i++)
		echo_while_it_commits(writer, other, &beside);
	bench_pair(p50, bench_quantile(&beside, 0.5), bench_quantile(&quiet, 0.5));
	bench_pair(p99, bench_quantile(&beside, 0.99), bench_quantile(&quiet, 0.99));
	bench_samples_free(&quiet);
	bench_samples_free(&beside);
}

void bench_disk(const struct bench *b)
{
	struct bench_pairs p50 = { 0 }, p99 = { 0 };
	struct bench_crowd writer, other;
	struct bench_server server;

	troupe_on_a_slow_disk(b, &server);
	bench_crowd_open(&writer, server.port, 1, "writer", false);
	bench_crowd_open(&other, server.port, 1, "other", false);
	for (int round = 0; round < ROUNDS; round++) {
		bench_progress("echo beside a slow disk, round %d of %d", round + 1, ROUNDS);
		add_round(&writer, &other, &p50, &p99);
	}
	bench_heading("Echo of one actor while another commits to a disk whose fdatasync takes 20 ms");
	bench_print_pairs((struct bench_row){ .what = "round trip, p50", .beside = "quiet" }, &p50);
	bench_print_pairs((struct bench_row){ .what = "round trip, p99", .beside = "quiet",
	                                      .goal = BENCH_RATIO_MAX, .limit = 2 }, &p99);
	bench_crowd_close(&writer);
	bench_crowd_close(&other);
	bench_server_stop(&server);
}
