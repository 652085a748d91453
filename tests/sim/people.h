/* SPDX-License-Identifier: Apache-2.0 */
/* People and what they may ask of an actor: for people.c, what they do, and hearing.c, what they may hear. */
#ifndef TR_TESTS_SIM_PEOPLE_H
#define TR_TESTS_SIM_PEOPLE_H

#include "tests/sim/model.h"

#define PEOPLE   6
#define ASKS_MAX 40
#define EPOCH    "0123456789abcdef-" /* of the world's store; behind it, the actor's number */

struct ask { uint64_t id, op, floor; bool shows_seq, looks, pages; };
struct sub { bool asked, on, begun; uint64_t had; };

struct person {
	struct tr_someone ws;
	unsigned index, kind, key;
	bool     here, plain, init;
	bool     resumes, mumbled;
	uint64_t epoch, since;     /* what it said; since: 0 once it was told to forget */
	struct model_actor *actor; /* from Init on */
	uint64_t voice, place;
	struct sub subs[SIM_NAMES];
	unsigned sub_step;         /* when it subscribed first; 0: it has not */
	bool     late_sub;         /* it did so again: order is by name only */
	uint64_t newest;           /* seq that was heard */
	struct ask asks[ASKS_MAX]; /* unanswered; of a plain socket: in order */
	unsigned ask_count;
	struct { uint64_t num, seq; } memory[SIM_KINDS][SIM_KEYS]; /* between connections */
};

/* An action, and what its answer has to be like. */
struct shape {
	const char *action;
	char        args[64];   /* JSON: one object */
	uint64_t    op;         /* new, of the right kind */
	bool        shows_seq;  /* a good answer is { seq } */
	bool        looks;      /* and that is the actor's newest */
	bool        pages;      /* it is a page of the log */
};
struct shape shape_any(void);

/* ---- hearing.c */
void person_hears(struct person *p, const char *text); /* judges one message */
void person_is_closed(const struct person *p);         /* may it be, with this reason? */

#endif
