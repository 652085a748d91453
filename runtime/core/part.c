/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of an actor, in the order in which they are opened and hear of the end of a turn; freed they are
 * from the last to the first. */
#include "runtime/core/part.h"

#include <stddef.h>

const struct tr_part *const tr_parts[] = {
	/* First: saving it runs the `changed` hook, which is still the turn. What that sends or schedules, the
	 * parts below settle. And it is freed when nobody is left who reads a kept field. */
	&tr_state_part,
	/* Before those who read from the store: they stop before their reads are forgotten. */
	&tr_items_part,
	&tr_timers_part,
	/* After the kept fields in the ledger, too: who waits for a message to be stored hears of it behind them. */
	&tr_queues_part,
	&tr_alarms_part,
	/* Freed first: a session whose actor is dropped closes while all that it may use is there. */
	&tr_sessions_part,
	NULL,
};
