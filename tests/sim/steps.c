/* SPDX-License-Identifier: Apache-2.0 */
/* What may happen next: people and callers do something, the loop turns, the disk answers or does not,
 * time passes, the process dies. */
#include "tests/sim/sim.h"

#include "tests/sim/model.h"

static void turn(void)
{
	tr_core_turn_end(sim.world.core);
}

/* ------------------------------------------------------------------ the disk */

/* One answer. Reads keep their order; a commit may come anywhere among them, and is on disk before it is
 * told. */
static bool answer(void)
{
	struct tr_world *w = &sim.world;

	if (w->pending && !w->reached && w->next_commit == 0 && sim_once_in(2)) {
		sim_note("the commit is on disk, untold");
		tr_world_reach(w);
		return true;
	}
	if (w->pending && sim_once_in(2)) {
		sim_note("the commit is told");
		tr_world_commit(w);
		return true;
	}
	return sim_once_in(3) ? tr_world_answer_commit(w) : tr_world_answer_read(w);
}

void sim_disk_answers(void)
{
	uint64_t count = sim_once_in(3) ? 100 : 1 + sim_below(3);

	while (count-- > 0 && answer()) {
		if (sim_once_in(2))
			turn();
		people_listen();
	}
}

void sim_disk_turns(void)
{
	struct tr_world *w = &sim.world;

	w->hold_commits = !w->hold_commits;
	sim_note("commits are %s", w->hold_commits ? "held" : "not held");
	if (!w->hold_commits && w->pending)
		tr_world_commit(w);
}

void sim_disk_fails(void)
{
	static const int errors[] = { TROUPE_ESTORE, TROUPE_EFULL };

	if (sim_once_in(5)) {
		sim.world.next_read = TROUPE_ESTORE;
		sim_note("the next read fails");
	} else if (sim_once_in(5)) {
		sim.world.next_find = TROUPE_ESTORE;
		sim_note("the next search fails");
	} else {
		sim.world.next_commit = errors[sim_below(2)];
		sim_note("the next commit fails");
	}
}

/* ------------------------------------------------------------------ time */

void sim_time_passes(void)
{
	static const int64_t times[] = { 0, 1, 10, 50, 300, 600, 1000, 11000, 70000 };
	int64_t until = sim.world.now_ms + times[sim_below(sizeof times / sizeof *times)];

	sim_note("time passes until %lld", (long long)until);
	do {
		turn();
		people_listen();
		if (sim.meanwhile)
			sim.meanwhile();
		if (sim.late && !sim_once_in(3))
			answer();
	} while (tr_world_tick(&sim.world, until - sim.world.now_ms));
	turn();
}

static void clock_is_set(void)
{
	sim_latest();
	sim.world.skew_ms += (int64_t)sim_below(20000) - 10000;
	sim_note("the clock is set, by %lld in all", (long long)sim.world.skew_ms);
}

/* ------------------------------------------------------------------ the process */

void sim_crash(void)
{
	bool reached = sim_once_in(2);

	sim_note("---- the process is killed%s", reached ? ", its last commit is on disk" : "");
	sim.crashes++;
	people_listen();
	tr_world_kill(&sim.world, reached);
	people_crash();
	callers_crash();
	sim.world.hold_commits = false;
	sim.world.next_commit = sim.world.next_find = sim.world.next_read = 0;
	tr_world_boot(&sim.world, sim_kinds, NULL);
}

static void restart(void)
{
	sim_note("---- the server is replaced");
	sim_drain();
	tr_world_boot(&sim.world, sim_kinds, NULL);
}

/* ------------------------------------------------------------------ all of it */

static const struct { void (*happens)(void); unsigned weight; } steps[] = {
	{ people_step, 60 }, { callers_step, 25 }, { turn, 40 }, { sim_disk_answers,
	                                                          40 }, { sim_time_passes, 12 },
	{ sim_disk_turns, 3 }, { sim_disk_fails, 3 }, { clock_is_set, 2 }, { sim_crash, 1 }, { restart, 1 },
};

void sim_step(void)
{
	unsigned all = 0;
	uint64_t at;
	size_t i = 0;

	for (size_t k = 0; k < sizeof steps / sizeof *steps; k++)
		all += steps[k].weight;
	for (at = sim_below(all); at >= steps[i].weight; at -= steps[i++].weight)
		;
	steps[i].happens();
	people_listen();
}
