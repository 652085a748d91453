/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle. It sees each batch as it reaches the disk, and is told what everybody was told.
 *
 * Whatever is done on behalf of somebody has a number of its own, an *op*. Its effect is one event in the
 * log of its actor that bears the number, so it can be counted: not before it is on disk may anybody hear
 * of it, who was told that it was done must find it there, once, and who was told that it failed must not. */
#ifndef TR_TESTS_SIM_MODEL_H
#define TR_TESTS_SIM_MODEL_H

#include "tests/sim/sim.h"

#define MODEL_ITEMS 4

enum op_what {
	OP_SAY,   /* its effect is had in its own turn */
	OP_KEEP,  /* its effect is had when it is answered, perhaps after its caller was told of a time-out */
	OP_SEND,  /* a message for a queue: it is stored, and has its effect in the turn that takes it away */
	OP_SET,   /* a schedule: the same */
	OP_NEVER, /* it fails, and leaves no trace */
	OP_LOOK   /* has none */
};

enum op_told { UNTOLD, DONE, FAILED, UNSURE };

struct op {
	enum op_what what;
	enum op_told told;
	uint64_t     actor;    /* whose disk shows it; 0: none does */
	uint64_t     seq;      /* of its effect; 0: it has had none */
	bool         stored;   /* a message, a schedule: is or was there */
	bool         away;     /* was taken away */
	bool         unwanted; /* its effect failed for good, as actors may: it is had by nobody */
	bool         slow;     /* it has its effect at once, and is answered later */
	int64_t      not_before_ms;
	uint64_t     voice, place; /* what one connection says is done in this order; 0: in any */
};

struct entry { enum sim_name name; uint64_t op; };
struct waiting { uint64_t number, op; bool runs; };

struct model_actor {
	uint64_t       num;
	char           id[31];
	unsigned       kind, key;
	bool           destroyed;
	int64_t        count;           /* kept fields */
	struct entry  *log;             /* by seq - 1 */
	size_t         log_count;
	int64_t        items[MODEL_ITEMS];
	struct waiting mail[256], alarms[256];
	size_t         mail_count, alarm_count;
	struct model_actor *next;
};

void model_begin(void);
void model_end(void);

uint64_t model_op(enum op_what what);          /* a new one */
struct op *model_see(uint64_t op);             /* fails when there is none */
/* Its caller was told. code: of the error; seq 0: was not said. */
void model_told(uint64_t op, bool well, const char *code, uint64_t seq);
void model_lost(uint64_t op);                  /* its caller will never know */

void model_commit(const struct tr_batch *batch); /* this is on disk from now on */
struct model_actor *model_by_id(const char *id); /* also one that was destroyed; NULL: there never was one */
struct model_actor *model_by_num(uint64_t num);  /* the same */
struct model_actor *model_at(unsigned kind, unsigned key); /* who exists there; NULL: nobody */
struct model_actor *model_first(void);

extern const char *const model_names[SIM_NAMES];
int model_name(const char *name, size_t size); /* negative: it is none */

/* An event was heard: it must be there. */
void model_heard(const struct model_actor *m, const char *who, enum sim_name name, uint64_t op, uint64_t seq);
/* Is there an event of this name between these (both excluded)? Its seq; 0: none. */
uint64_t model_between(const struct model_actor *m, enum sim_name name, uint64_t after, uint64_t before);
void model_settled(void); /* all that was promised is there */

#endif
