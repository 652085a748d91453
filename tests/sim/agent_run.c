/* SPDX-License-Identifier: Apache-2.0 */
/* One run of the world of sessions. */
#include "tests/sim/agent.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/sandbox/sandbox.h"

static struct tr_sandbox *sandbox;
static struct grave { struct grave *next; struct tr_sandbox *sandbox;
                     } *graves; /* of processes that were killed */

static void boot(void)
{
	struct tr_sandbox_options o = { .clock = tr_world_clock(&sim.world), .http = port(), .agent = "mock",
		.base_url = "http://sandbox:2468", .cwd = "/w", .private_ok = true };
	int rc = tr_sandbox_new(&sandbox, &o);

	sim_expect(rc == 0, "no sandbox can be made");
	port_begin();
	tr_world_boot(&sim.world, house_kinds, tr_sandbox_sessions(sandbox));
}

/* ------------------------------------------------------------------ what may happen */

static void crash(void)
{
	struct grave *g = tr_alloc(sizeof *g);
	bool reached = sim_once_in(2);

	sim_note("---- the process is killed%s", reached ? ", its last commit is on disk" : "");
	sim.crashes++;
	*g = (struct grave){ graves, sandbox };
	graves = g;
	tr_world_kill(&sim.world, reached);
	crowd_crash();
	port_crash();
	sim.world.hold_commits = false;
	sim.world.next_commit = sim.world.next_find = sim.world.next_read = 0;
	boot();
}

static void turn(void)
{
	tr_core_turn_end(sim.world.core);
}

static void network(void)
{
	for (uint64_t n = 1 + sim_below(8); n > 0; n--) {
		port_step();
		if (sim_once_in(2))
			turn();
	}
}

static void agents(void)
{
	for (uint64_t n = 1 + sim_below(4); n > 0; n--)
		agent_step();
}

static void meanwhile(void)
{
	if (sim_once_in(8))
		return;
	agents();
	network();
}

static void server_trouble(void)
{
	if (sim_once_in(3)) {
		server_restarts();
	} else {
		sim_note("---- connections break");
		port_cut(sim_once_in(2));
	}
}

/* Reads do not fail here: a session whose items cannot be read is refused until its actor has slept. */
static void commit_fails(void)
{
	sim.world.next_commit = sim_once_in(2) ? TROUPE_ESTORE : TROUPE_EFULL;
	sim_note("the next commit fails");
}

static const struct { void (*happens)(void); unsigned weight; } happenings[] = {
	{ crowd_step, 30 }, { turn, 20 }, { sim_disk_answers, 50 }, { sim_time_passes, 12 }, { network, 70 },
	{ agents, 40 }, { sim_disk_turns, 2 }, { commit_fails, 1 }, { server_trouble, 1 }, { crash, 1 },
};

static void step(void)
{
	unsigned all = 0;
	uint64_t at;
	size_t i = 0;

	for (size_t k = 0; k < sizeof happenings / sizeof *happenings; k++)
		all += happenings[k].weight;
	for (at = sim_below(all); at >= happenings[i].weight; at -= happenings[i++].weight)
		;
	happenings[i].happens();
}

/* ------------------------------------------------------------------ faults stop */

static void rest(void)
{
	struct tr_world *w = &sim.world;
	bool more;

	do {
		more = false;
		if (w->pending)
			tr_world_commit(w);
		turn();
		if (w->pending || tr_world_answer(w))
			more = true;
		else if (port_flow() || agent_flow())
			more = true;
	} while (more);
}

static void pass(int64_t ms)
{
	int64_t until = sim.world.now_ms + ms;

	rest();
	while (tr_world_tick(&sim.world, until - sim.world.now_ms))
		rest();
}

static void settle(void)
{
	struct tr_world *w = &sim.world;

	sim_note("---- faults stop");
	sim.settling = true;
	w->hold_commits = false;
	w->next_commit = w->next_find = w->next_read = 0;
	w->skew_ms += 100000;
	for (int i = 0; i < 6; i++) {
		crowd_settle();
		pass(60000);
	}
	crowd_prompts_all(); /* an instance that was left is cleaned up on the way to the next */
	pass(1300000); /* debts are tried again after ten minutes */
	crowd_settled();
	oracle_settled();
}

static void on_drained(void *arg)
{
	*(bool *)arg = true;
}

static void drain(void)
{
	bool drained = false, stopped = false;

	sim_note("---- the server drains");
	tr_core_drain(sim.world.core, on_drained, &drained);
	for (unsigned i = 0; !drained; i++) {
		sim_expect(i < 2000, "the server drains for ever");
		rest();
		tr_world_tick(&sim.world, 1000);
	}
	crowd_settled();
	tr_sandbox_stop(sandbox, true, on_drained, &stopped);
	pass(10000);
	sim_expect(stopped, "the sandbox does not stop");
	sim.world.core = tr_core_free(sim.world.core);
	sandbox = tr_sandbox_free(sandbox);
	port_end();
	sim_expect(!sim.world.timers, "a core that was freed has left a timer");
	sim_expect(!sim.world.asked && !sim.world.pending, "a core that was freed waits for the disk");
}

void agents_run(uint64_t seed, unsigned steps, bool (*keep)(unsigned step))
{
	sim_begin(seed);
	server_begin();
	oracle_begin();
	crowd_begin();
	people_begin();
	sim.world = (struct tr_world){ .late = sim.late, .slow = true, .as_asked = sim_once_in(2),
		.on_commit = oracle_commit };
	sim.meanwhile = meanwhile;
	boot();
	for (sim.step = 1; sim.step <= steps; sim.step++) {
		if (keep && !keep(sim.step))
			continue;
		sim_sow(sim.step);
		step();
	}
	sim_sow(sim.step);
	settle();
	drain();
	tr_world_forget(&sim.world);
	server_end();
}
