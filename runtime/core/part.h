/* SPDX-License-Identifier: Apache-2.0 */
/* What an actor consists of, beside itself and whoever speaks with it: its parts. Each has a file, and
 * there a row of what it does when something befalls its actor; part.c has the rows in their order. Who
 * runs through them: actor.c (open, turn_end, idle, free), roster.c (woke, leave, close), check.c.
 *
 *	open ──▶ woke ──▶ (turn_end, idle, check)* ──▶ leave ──▶ close ──▶ free
 *
 * A function that a part has not is NULL. After open, free alone is certain to come: an actor may refuse to
 * wake, and one whose commit failed goes without a word. */
#ifndef TR_CORE_PART_H
#define TR_CORE_PART_H

#include "runtime/core/live.h"

/* What was read of an actor before it is made; of a new one, nothing. */
struct tr_stored {
	struct troupe_value    state;   /* size 0: none */
	struct tr_list        *alarms;  /* struct tr_alarm; to be taken */
	const struct tr_bytes *mail;    /* as tr_queue_note noted it */
};

struct tr_part {
	/* Before the actor is in the roster and has a turn; in their order, all of them, also when one fails.
	 * Negative: the actor cannot live. */
	int  (*open)(struct troupe_actor *a, const struct tr_stored *stored);
	/* In the turn that creates or wakes it, before the hook of its kind. */
	void (*woke)(struct troupe_actor *a);
	/* Still in the turn, as its last: well, or undone in the ledger already. */
	void (*turn_end)(struct troupe_actor *a, bool well);
	/* May the actor be put to sleep, for all that this part has to do? */
	bool (*idle)(const struct troupe_actor *a);
	/* It is to sleep or to be destroyed; it is awake, and in no turn. */
	void (*leave)(struct troupe_actor *a, bool destroy);
	/* In its last turn, after the hook of its kind. */
	void (*close)(struct troupe_actor *a);
	/* Gives back what the part has; in no turn, in the order's reverse. Nothing may be written. */
	void (*free)(struct troupe_actor *a);
	/* Asserts what the part promises between two turns. */
	void (*check)(const struct troupe_actor *a);
};

extern const struct tr_part *const tr_parts[]; /* ends with NULL */

/* Each in the file of its name. */
extern const struct tr_part tr_state_part, tr_items_part, tr_timers_part;  /* state.c items.c timer.c */
extern const struct tr_part tr_queues_part, tr_alarms_part, tr_sessions_part; /* queue.c alarm.c session.c */

#endif
