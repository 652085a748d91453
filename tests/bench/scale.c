/* SPDX-License-Identifier: Apache-2.0 */
/* Many at once: the memory of idle connections and actors, and the start of a server that has many actors stored. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/bench/client.h"
#include "tests/bench/figures.h"
#include "tests/bench/http.h"
#include "tests/bench/table.h"

enum {
	DESCRIPTORS_BESIDE = 200,  /* files, pipes, databases: more than anyone needs */
	STARTS             = 15,
	MAKERS             = 128,  /* connections that create actors at the same time */
};

/* ------------------------------------------------------------------ memory */

static void need_descriptors(uint64_t clients)
{
	struct rlimit files;
	rlim_t needed = clients + DESCRIPTORS_BESIDE;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		bench_fail("the limit of open files cannot be read: %m");
	if (files.rlim_cur < needed)
		bench_fail("%llu connections need %llu open files, and the hard limit is %llu. Raise it (ulimit -Hn %llu, or\n"
		           "  LimitNOFILE, or /etc/security/limits.conf), or measure fewer with BENCH_CLIENTS=%llu",
		           (unsigned long long)clients, (unsigned long long)needed, (unsigned long long)files.rlim_cur,
		           (unsigned long long)needed, (unsigned long long)(files.rlim_cur - DESCRIPTORS_BESIDE));
}

/* How much a server grows by each connection, in bytes. One client has come and gone before, so that what is set up once
 * has been. */
static double growth(struct bench_server *s, uint64_t clients, bool each)
{
	struct bench_crowd crowd;
	size_t before, after;

	bench_crowd_open(&crowd, s->port, 1, "first", false);
	bench_call(&crowd.clients[0], "echo", "[1]");
	bench_crowd_wait(&crowd, &crowd.answers, 1);
	bench_crowd_close(&crowd);
	before = bench_resident(s->pid);
	bench_crowd_open(&crowd, s->port, clients, "idle", each);
	after = bench_resident(s->pid);
	bench_crowd_close(&crowd);
	return ((double)after - (double)before) / (double)clients;
}

static double growth_of_new(const struct bench *b, const char *name, bool each)
{
	struct bench_server server;
	double grown;

	bench_progress("%s idle connections to %s", bench_thousands(b->clients), each ? "an actor each" : "one actor");
	bench_troupe(b, &server, name);
	grown = growth(&server, b->clients, each);
	bench_server_stop(&server);
	return grown;
}

void bench_memory(const struct bench *b)
{
	double together, apart;

	need_descriptors(b->clients);
	together = growth_of_new(b, "together", false);
	apart = growth_of_new(b, "apart", true);
	bench_heading("Resident memory, from %s idle connections", bench_thousands(b->clients));
	bench_print(&(struct bench_row){ .what = "a WebSocket", .unit = BENCH_KB, .ours = together, .goal = BENCH_OURS_MAX,
	                                 .limit = 6 });
	bench_print(&(struct bench_row){ .what = "an awake actor (the difference)", .unit = BENCH_KB, .ours = apart - together,
	                                 .goal = BENCH_OURS_MAX, .limit = 2 });
	bench_print(&(struct bench_row){ .what = "a WebSocket and its own actor", .unit = BENCH_KB, .ours = apart,
	                                 .goal = BENCH_OURS_MAX, .limit = 8 });
}

/* ------------------------------------------------------------------ start */

/* The first actor is number 0. */
static void make_actors(const struct bench *b, const char *name, uint64_t count)
{
	struct bench_http makers[MAKERS];
	struct bench_server server;
	char key[32];

	bench_troupe(b, &server, name);
	for (int i = 0; i < MAKERS; i++)
		bench_http_open(&makers[i], server.port);
	for (uint64_t made = 0; made < count;) {
		uint64_t batch = count - made < MAKERS ? count - made : MAKERS;

		if (made / MAKERS % 20 == 0)
			bench_progress("creating %s actors, %s done", bench_thousands(count), bench_thousands(made));
		for (uint64_t i = 0; i < batch; i++) {
			snprintf(key, sizeof key, "%llu", (unsigned long long)(made + i));
			bench_http_send_create(&makers[i], key);
		}
		for (uint64_t i = 0; i < batch; i++)
			bench_http_receive(&makers[i]);
		made += batch;
	}
	for (int i = 0; i < MAKERS; i++)
		bench_http_close(&makers[i]);
	bench_progress("ending the server with %s actors", bench_thousands(count));
	bench_server_stop(&server);
}

/* us from the making of the process until a stored actor has answered. */
static double start(const struct bench *b, const char *name)
{
	struct bench_server server;
	struct bench_http http;
	uint64_t took;

	bench_troupe(b, &server, name);
	bench_http_open(&http, server.port);
	bench_http_send_get_count(&http, "0");
	bench_http_receive(&http);
	took = bench_now_ns() - server.started_ns;
	bench_http_close(&http);
	bench_server_stop(&server);
	return (double)took / 1e3;
}

void bench_start(const struct bench *b)
{
	struct bench_pairs times = { 0 };

	make_actors(b, "many", b->actors);
	make_actors(b, "one", 1);
	for (int round = 0; round < STARTS; round++) {
		double many, one;

		bench_progress("starting, round %d of %d", round + 1, STARTS);
		many = start(b, "many");
		one = start(b, "one");
		bench_pair(&times, many, one);
	}
	bench_heading("Start with %s stored actors, against one%s", bench_thousands(b->actors),
	              b->actors < 1000000 ? " (goal: 1,000,000, BENCH_ACTORS=1000000)" : "");
	bench_print_pairs((struct bench_row){ .what = "an actor has answered, p50", .unit = BENCH_MS, .beside = "one",
	                                      .goal = BENCH_OURS_MAX, .limit = 100 }, &times);
	bench_print(&(struct bench_row){ .what = "an actor has answered, worst", .unit = BENCH_MS,
		.ours = bench_quantile(&times.ours, 1), .beside = "one", .other = bench_quantile(&times.other, 1) });
}
