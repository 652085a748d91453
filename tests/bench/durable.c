/* SPDX-License-Identifier: Apache-2.0 */
/* What durability costs: appends against the disk they end on, and against the length of the history before them.
 *
 * A disk's speed may change from one second to the next, so the two that are compared take turns every few operations. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "tests/bench/client.h"
#include "tests/bench/figures.h"
#include "tests/bench/http.h"
#include "tests/bench/table.h"

enum {
	EVENT_BYTES   = 200,
	SYNC_BYTES    = 4096,  /* one block of the file system */
	TURNS         = 80,
	OPS_A_TURN    = 10,
	PIPE_ROUNDS   = 9,
	PIPE_APPENDS  = 4000,
	WINDOW        = 64,
	FILL_WINDOW   = 512,
	FILL_STEP     = 10000,
	SHORT_HISTORY = 1000,
	WAKES         = 15,
};

/* Of one turn, in us; an operation's. */
struct reading { double p50, cpu; };

static const char *append_args(void)
{
	static char args[EVENT_BYTES + 8];

	snprintf(args, sizeof args, "[\"%0*d\"]", EVENT_BYTES, 0);
	return args;
}

/* Appends one at a time. The round trips go to `all` too. */
static struct reading append_some(struct bench_crowd *crowd, const struct bench_server *s, struct bench_samples *all)
{
	struct bench_samples trips = { 0 };
	uint64_t cpu = bench_cpu_ns(s->pid);
	struct reading r;

	bench_pipeline(crowd, "append", append_args(), OPS_A_TURN, 1, &trips);
	r.cpu = (double)(bench_cpu_ns(s->pid) - cpu) / 1e3 / OPS_A_TURN;
	r.p50 = bench_median(&trips);
	for (size_t i = 0; i < trips.count; i++)
		bench_sample(all, trips.values[i]);
	bench_samples_free(&trips);
	return r;
}

/* ------------------------------------------------------------------ against the disk */

struct disk { int fd; off_t end; };

static void disk_open(struct disk *d, const struct bench *b)
{
	char path[512];
	struct statfs fs;

	if (statfs(b->dir, &fs) == 0 && fs.f_type == TMPFS_MAGIC)
		bench_fail("%s is in memory (tmpfs), where nothing lasts: build on a disk", b->dir);
	snprintf(path, sizeof path, "%s/synced", b->dir);
	*d = (struct disk){ .fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) };
	if (d->fd < 0)
		bench_fail("%s: %m", path);
}

/* The least that a durable append can be: a block at the end of a file, and fdatasync. */
static struct reading sync_some(struct disk *d, struct bench_samples *all)
{
	static char block[SYNC_BYTES];
	struct bench_samples times = { 0 };
	uint64_t cpu = bench_cpu_ns(getpid());
	struct reading r;

	for (int i = 0; i < OPS_A_TURN; i++) {
		uint64_t since = bench_now_ns();

		if (pwrite(d->fd, block, sizeof block, d->end) != sizeof block || fdatasync(d->fd) < 0)
			bench_fail("a file cannot be written: %m");
		d->end += sizeof block;
		bench_sample(&times, (double)(bench_now_ns() - since) / 1e3);
	}
	r.cpu = (double)(bench_cpu_ns(getpid()) - cpu) / 1e3 / OPS_A_TURN;
	r.p50 = bench_median(&times);
	for (size_t i = 0; i < times.count; i++)
		bench_sample(all, times.values[i]);
	bench_samples_free(&times);
	return r;
}

static void one_at_a_time(struct bench_crowd *crowd, const struct bench_server *server, struct disk *disk)
{
	struct bench_samples appends = { 0 }, syncs = { 0 };
	struct bench_pairs p50 = { 0 }, cpu = { 0 };

	for (int turn = 0; turn < TURNS; turn++) {
		struct reading ours, sync;

		bench_progress("durable append, turn %d of %d", turn + 1, TURNS);
		ours = append_some(crowd, server, &appends);
		sync = sync_some(disk, &syncs);
		bench_pair(&p50, ours.p50, sync.p50);
		bench_pair(&cpu, ours.cpu, sync.cpu);
	}
	bench_heading("Durable append of a %d-byte event, against a write of %s bytes and fdatasync", EVENT_BYTES,
	              bench_thousands(SYNC_BYTES));
	bench_print_pairs((struct bench_row){ .what = "one at a time, p50", .beside = "fdatasync", .goal = BENCH_RATIO_MAX,
	                                      .limit = 2.5 }, &p50);
	bench_print(&(struct bench_row){ .what = "one at a time, p99", .ours = bench_quantile(&appends, 0.99), .beside = "fdatasync",
	                                 .other = bench_quantile(&syncs, 0.99) });
	bench_print_pairs((struct bench_row){ .what = "server CPU an append", .beside = "fdatasync" }, &cpu);
}

/* 20,000 a second on a disk whose fdatasync takes 0.41 ms, as the goal was set, are 8.2 times its fdatasyncs a second. A
 * slower disk is asked for no more than that. */
static void many_in_flight(struct bench_crowd *crowd, struct disk *disk)
{
	struct bench_row row = { .what = "64 in flight, appends a second", .unit = BENCH_PER_S, .beside = "fdatasync" };
	struct bench_samples syncs = { 0 };
	struct bench_pairs rates = { 0 };

	for (int round = 0; round < PIPE_ROUNDS; round++) {
		uint64_t since = bench_now_ns(), took;

		bench_progress("durable appends in a pipeline, round %d of %d", round + 1, PIPE_ROUNDS);
		bench_pipeline(crowd, "append", append_args(), PIPE_APPENDS, WINDOW, NULL);
		took = bench_now_ns() - since;
		bench_pair(&rates, PIPE_APPENDS * 1e9 / (double)took, 1e6 / sync_some(disk, &syncs).p50);
	}
	row.goal = bench_median(&rates.ours) >= 20000 ? BENCH_OURS_MIN : BENCH_RATIO_MIN;
	row.limit = row.goal == BENCH_OURS_MIN ? 20000 : 8.2;
	bench_print_pairs(row, &rates);
}

void bench_append(const struct bench *b)
{
	struct bench_server server;
	struct bench_crowd crowd;
	struct disk disk;

	disk_open(&disk, b);
	bench_troupe(b, &server, "append");
	bench_crowd_open(&crowd, server.port, 1, "bench", false);
	one_at_a_time(&crowd, &server, &disk);
	many_in_flight(&crowd, &disk);
	bench_crowd_close(&crowd);
	bench_server_stop(&server);
	close(disk.fd);
}

/* ------------------------------------------------------------------ against a short history */

/* Two servers, each with one actor; the one's history is long, the other's short. */
enum { LONG, SHORT };

struct past {
	const char         *name;   /* of the data directory */
	uint64_t            events;
	struct bench_server server;
	struct bench_crowd  crowd;
};

static void past_fill(const struct bench *b, struct past *p)
{
	bench_troupe(b, &p->server, p->name);
	bench_crowd_open(&p->crowd, p->server.port, 1, "bench", false);
	for (uint64_t done = 0; done < p->events;) {
		uint64_t step = p->events - done < FILL_STEP ? p->events - done : FILL_STEP;

		bench_progress("logging %s events, %s done", bench_thousands(p->events), bench_thousands(done));
		bench_pipeline(&p->crowd, "append", append_args(), step, FILL_WINDOW, NULL);
		done += step;
	}
}

static void past_close(struct past *p)
{
	bench_crowd_close(&p->crowd);
	bench_server_stop(&p->server);
}

/* What the system keeps of the data in memory, it may forget. */
static void forget_cached(const struct bench *b, const struct past *p)
{
	char path[512];
	int fd;

	snprintf(path, sizeof path, "%s/%s/troupe.mdb", b->dir, p->name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fdatasync(fd) < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		bench_fail("%s: %m", path);
	close(fd);
}

/* A server that has just started has not one actor awake. Another actor is asked first, so that what is measured is a waking,
 * and not a new process's first steps; but not in the cold, where it would bring data into memory. */
static double past_wake(const struct bench *b, struct past *p, bool cold)
{
	struct bench_http http;
	uint64_t since, took;

	if (cold)
		forget_cached(b, p);
	bench_troupe(b, &p->server, p->name);
	bench_http_open(&http, p->server.port);
	if (cold)
		bench_http_send_health(&http);
	else
		bench_http_send_get_count(&http, "other");
	bench_http_receive(&http);
	since = bench_now_ns();
	bench_http_send_get_count(&http, "bench");
	bench_http_receive(&http);
	took = bench_now_ns() - since;
	bench_http_close(&http);
	bench_server_stop(&p->server);
	return (double)took / 1e3;
}

static void append_to_both(struct past *pasts, struct bench_pairs *p50, struct bench_pairs *cpu)
{
	struct bench_samples all = { 0 };
	struct reading r[2];

	for (int turn = 0; turn < TURNS; turn++) {
		bench_progress("appending to a long and a short history, turn %d of %d", turn + 1, TURNS);
		for (int i = 0; i < 2; i++) {
			int which = (turn + i) % 2;

			r[which] = append_some(&pasts[which].crowd, &pasts[which].server, &all);
		}
		bench_pair(p50, r[LONG].p50, r[SHORT].p50);
		bench_pair(cpu, r[LONG].cpu, r[SHORT].cpu);
	}
	bench_samples_free(&all);
}

static void wake_both(const struct bench *b, struct past *pasts, bool cold, struct bench_pairs *times)
{
	for (int wake = 0; wake < WAKES; wake++) {
		double took[2];

		bench_progress("waking%s, %d of %d", cold ? " from the disk" : "", wake + 1, WAKES);
		for (int i = 0; i < 2; i++)
			took[i] = past_wake(b, &pasts[i], cold);
		bench_pair(times, took[LONG], took[SHORT]);
	}
}

void bench_history(const struct bench *b)
{
	struct past pasts[] = {
		[LONG]  = { .name = "long",  .events = b->events },
		[SHORT] = { .name = "short", .events = SHORT_HISTORY },
	};
	struct bench_pairs p50 = { 0 }, cpu = { 0 }, wakes = { 0 }, cold_wakes = { 0 };

	past_fill(b, &pasts[LONG]);
	past_fill(b, &pasts[SHORT]);
	append_to_both(pasts, &p50, &cpu);
	past_close(&pasts[LONG]);
	past_close(&pasts[SHORT]);
	wake_both(b, pasts, false, &wakes);
	wake_both(b, pasts, true, &cold_wakes);
	bench_heading("An actor with %s logged events, against one with %s%s", bench_thousands(b->events),
	              bench_thousands(SHORT_HISTORY), b->events < 1000000 ? " (goals: 1,000,000, BENCH_EVENTS=1000000)" : "");
	bench_print_pairs((struct bench_row){ .what = "durable append, p50", .beside = "short", .goal = BENCH_RATIO_MAX, .limit = 1.1 },
	                  &p50);
	bench_print_pairs((struct bench_row){ .what = "server CPU an append", .beside = "short" }, &cpu);
	bench_print_pairs((struct bench_row){ .what = "wake, p50", .unit = BENCH_MS, .beside = "short", .goal = BENCH_OURS_MAX,
	                                      .limit = 5 }, &wakes);
	bench_print_pairs((struct bench_row){ .what = "wake, data only on disk, p50", .unit = BENCH_MS, .beside = "short",
	                                      .goal = BENCH_OURS_MAX, .limit = 5 }, &cold_wakes);
}
