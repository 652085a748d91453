/* SPDX-License-Identifier: Apache-2.0 */
/* Faults have stopped: everything that was promised is kept, everybody who waits is answered, and the core
 * can end with nothing left. */
#include "tests/sim/sim.h"

#include <inttypes.h>

#include "tests/sim/model.h"

#define DRAIN_TURNS 2000

/* Until the disk has nothing left to say. */
static void rest(void)
{
	struct tr_world *w = &sim.world;

	w->hold_commits = false;
	do {
		if (w->pending)
			tr_world_commit(w);
		tr_core_turn_end(w->core);
		people_listen();
	} while (w->pending || tr_world_answer(w));
}

static void pass(int64_t ms)
{
	int64_t until = sim.world.now_ms + ms;

	rest();
	while (tr_world_tick(&sim.world, until - sim.world.now_ms)) {
		rest();
		people_leave(true);
	}
}

/* Each actor is asked for what it keeps. */
static void clear_all(void)
{
	for (const struct model_actor *m = model_first(); m; m = m->next) {
		if (!m->destroyed)
			callers_do(m->kind, m->key, "clear", model_op(OP_SAY));
	}
	pass(1000);
}

void sim_settle(void)
{
	sim.settling = true;
	sim.world.next_commit = sim.world.next_find = sim.world.next_read = 0;
	sim.world.skew_ms += 100000; /* so that what a clock that was set back has put off is due as well */
	sim_note("---- faults stop");
	people_calm();
	callers_leave();
	pass(200000); /* whatever is tried again is tried again by then */
	for (int i = 0; i < 4; i++)
		clear_all();
	pass(3700000); /* nobody waits longer for a queue */
	clear_all();
	people_leave(true);
	people_settled();
	callers_settled();
}

static void on_drained(void *arg)
{
	*(bool *)arg = true;
}

void sim_drain(void)
{
	struct tr_world *w = &sim.world;
	bool drained = false;

	sim_note("---- the server drains");
	w->hold_commits = w->hold_commits && !sim.settling;
	tr_core_drain(w->core, on_drained, &drained);
	for (unsigned i = 0; !drained; i++) {
		sim_expect(i < DRAIN_TURNS, "the server drains for ever");
		if (sim_once_in(2))
			people_leave(true);
		if (sim_once_in(8))
			callers_leave();
		if (sim_once_in(8) && !sim.settling)
			people_step(); /* who comes now is told to come again */
		if (sim_once_in(8) && !sim.settling)
			callers_step();
		if (w->pending && sim_once_in(2))
			tr_world_commit(w);
		else
			tr_world_answer(w);
		tr_core_turn_end(w->core);
		people_listen();
	}
	people_leave(false);
	w->hold_commits = false;
	callers_settled();
	w->core = tr_core_free(w->core);
	sim_expect(!w->timers, "a core that was freed has left a timer");
	sim_expect(!w->asked && !w->pending, "a core that was freed waits for the disk");
}
