/* SPDX-License-Identifier: Apache-2.0 */
/* Live connections, Troupe and the bare server in turns: round trips, calls in a pipeline, bursts to many. */
#include <stdio.h>

#include "tests/bench/client.h"
#include "tests/bench/figures.h"
#include "tests/bench/table.h"

enum {
	ROUNDS        = 15,
	CALLS         = 2000,  /* of a round, one at a time */
	CALLS_IN_PIPE = 20000,
	WINDOW        = 64,
	BURSTS        = 15,
	BURST_EVENTS  = 200,
	BURST_PAYLOAD = 200,
};

enum { OURS, BARE };

struct side {
	struct bench_server server;
	struct bench_crowd  crowd;
};

/* Of one side in one round: round trips, and CPU and time of the whole divided by what was done, all in us. */
struct reading { double p50, p99, cpu, time; };
struct rounds  { struct bench_pairs p50, p99, cpu, time; };

static void sides_open(const struct bench *b, struct side *sides, size_t clients)
{
	bench_troupe(b, &sides[OURS].server, "live");
	bench_bare(b, &sides[BARE].server);
	for (int i = OURS; i <= BARE; i++)
		bench_crowd_open(&sides[i].crowd, sides[i].server.port, clients, "bench", false);
}

static void sides_close(struct side *sides)
{
	for (int i = OURS; i <= BARE; i++) {
		bench_crowd_close(&sides[i].crowd);
		bench_server_stop(&sides[i].server);
	}
}

static void add_round(struct rounds *r, const struct reading *ours, const struct reading *bare)
{
	bench_pair(&r->p50, ours->p50, bare->p50);
	bench_pair(&r->p99, ours->p99, bare->p99);
	bench_pair(&r->cpu, ours->cpu, bare->cpu);
	bench_pair(&r->time, ours->time, bare->time);
}

static void compare(const char *what, struct bench_pairs *pairs, enum bench_goal goal, double limit)
{
	bench_print_pairs((struct bench_row){ .what = what, .unit = BENCH_US, .beside = "bare", .goal = goal, .limit = limit }, pairs);
}

/* ------------------------------------------------------------------ echo */

static struct reading echo(struct side *s, uint64_t calls, uint64_t in_flight)
{
	struct bench_samples trips = { 0 };
	uint64_t cpu = bench_cpu_ns(s->server.pid), since = bench_now_ns();
	struct reading r;

	bench_pipeline(&s->crowd, "echo", "[1]", calls, in_flight, &trips);
	r = (struct reading){
		.time = (double)(bench_now_ns() - since) / 1e3 / (double)calls,
		.cpu  = (double)(bench_cpu_ns(s->server.pid) - cpu) / 1e3 / (double)calls,
		.p50  = bench_quantile(&trips, 0.5),
		.p99  = bench_quantile(&trips, 0.99),
	};
	bench_samples_free(&trips);
	return r;
}

static void echo_round(struct side *sides, struct rounds *rounds, uint64_t calls, uint64_t in_flight)
{
	struct reading ours = echo(&sides[OURS], calls, in_flight), bare = echo(&sides[BARE], calls, in_flight);

	add_round(rounds, &ours, &bare);
}

static void echo_rounds(struct side *sides, struct rounds *rounds, uint64_t calls, uint64_t in_flight)
{
	for (int round = 0; round < ROUNDS; round++) {
		bench_progress("echo, %llu in flight, round %d of %d", (unsigned long long)in_flight, round + 1, ROUNDS);
		echo_round(sides, rounds, calls, in_flight);
	}
}

static void print_echo(struct rounds *r, enum bench_goal goal)
{
	compare("round trip, p50", &r->p50, goal, 1.6);
	compare("round trip, p99", &r->p99, BENCH_NO_GOAL, 0);
	compare("server CPU a call", &r->cpu, BENCH_NO_GOAL, 0);
}

void bench_echo(const struct bench *b)
{
	struct rounds alone = { 0 }, piped = { 0 }, apart = { 0 };
	struct side sides[2] = { 0 };

	sides_open(b, sides, 1);
	echo_rounds(sides, &alone, CALLS, 1);
	bench_heading("Echo over a WebSocket, one call at a time");
	print_echo(&alone, BENCH_RATIO_MAX);
	echo_rounds(sides, &piped, CALLS_IN_PIPE, WINDOW);
	bench_heading("Echo over a WebSocket, %d calls in flight", WINDOW);
	print_echo(&piped, BENCH_NO_GOAL);
	compare("time a call", &piped.time, BENCH_NO_GOAL, 0);
	if (bench_pin(sides[OURS].server.pid, 1) && bench_pin(sides[BARE].server.pid, 1)) {
		echo_rounds(sides, &apart, CALLS, 1);
		bench_heading("Echo over a WebSocket, one call at a time, server and client on two cores");
		print_echo(&apart, BENCH_RATIO_MAX);
	}
	sides_close(sides);
}

/* ------------------------------------------------------------------ fan-out */

/* Everybody listens: whoever has been answered after subscribing has subscribed. */
static void listen_all(struct bench_crowd *crowd)
{
	uint64_t before = crowd->answers;

	for (size_t i = 0; i < crowd->count; i++) {
		bench_subscribe(&crowd->clients[i], "tick");
		bench_call(&crowd->clients[i], "echo", "[0]");
	}
	bench_crowd_wait(crowd, &crowd->answers, before + crowd->count);
}

static struct reading burst(struct side *s, const char *args)
{
	struct bench_crowd *crowd = &s->crowd;
	uint64_t deliveries = BURST_EVENTS * crowd->count, before = crowd->events, answers = crowd->answers;
	uint64_t cpu = bench_cpu_ns(s->server.pid), since = bench_now_ns();

	crowd->heard_mark += BURST_EVENTS;
	crowd->heard_from_ns = since;
	crowd->heard.count = 0;
	bench_call(&crowd->clients[0], "blast", args);
	bench_crowd_wait(crowd, &crowd->events, before + deliveries);
	bench_crowd_wait(crowd, &crowd->answers, answers + 1);
	return (struct reading){
		.time = (double)(bench_now_ns() - since) / 1e3 / (double)deliveries,
		.cpu  = (double)(bench_cpu_ns(s->server.pid) - cpu) / 1e3 / (double)deliveries,
		.p50  = bench_quantile(&crowd->heard, 0.5),
		.p99  = bench_quantile(&crowd->heard, 0.99),
	};
}

static void fanout_to(const struct bench *b, size_t clients, enum bench_goal goal)
{
	struct rounds rounds = { 0 };
	struct side sides[2] = { 0 };
	char args[BURST_PAYLOAD + 32];

	snprintf(args, sizeof args, "[%d,\"%0*d\"]", BURST_EVENTS, BURST_PAYLOAD, 0);
	bench_progress("connecting %s clients", bench_thousands(clients));
	sides_open(b, sides, clients);
	for (int i = OURS; i <= BARE; i++)
		listen_all(&sides[i].crowd);
	for (int round = 0; round < BURSTS; round++) {
		struct reading ours, bare;

		bench_progress("fan-out to %s clients, round %d of %d", bench_thousands(clients), round + 1, BURSTS);
		ours = burst(&sides[OURS], args);
		bare = burst(&sides[BARE], args);
		add_round(&rounds, &ours, &bare);
	}
	sides_close(sides);
	bench_heading("Fan-out of %d events of %d bytes, in a burst, to %s clients", BURST_EVENTS, BURST_PAYLOAD,
	              bench_thousands(clients));
	compare("a client has heard all, p50", &rounds.p50, BENCH_NO_GOAL, 0);
	compare("a client has heard all, p99", &rounds.p99, BENCH_NO_GOAL, 0);
	compare("time a delivery", &rounds.time, BENCH_NO_GOAL, 0);
	compare("server CPU a delivery", &rounds.cpu, goal, 2.5);
}

void bench_fanout(const struct bench *b)
{
	fanout_to(b, 100, BENCH_NO_GOAL);
	fanout_to(b, 1000, BENCH_OURS_MAX);
}
