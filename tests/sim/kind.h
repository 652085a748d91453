/* SPDX-License-Identifier: Apache-2.0 */
/* The actors under test: three kinds with the same actions (kind_actions.c, kind_queues.c, kind_http.c)
 * and different hooks (kind.c). Every event that one publishes raises the kept `count` by one, so at any
 * time that is its newest seq. */
#ifndef TR_TESTS_SIM_KIND_H
#define TR_TESTS_SIM_KIND_H

#include "runtime/core/actor.h"
#include "tests/sim/model.h"

#define KEPT_MAX 4

struct subject {
	int64_t count;
	int64_t items[MODEL_ITEMS]; /* as last put */
	struct { struct troupe_call *call; uint64_t op; } kept[KEPT_MAX];
	unsigned kept_count;
	const struct troupe_message *mail[8]; /* taken, to be completed */
	unsigned mail_count;
	const struct troupe_message *job;     /* kept by run */
	struct troupe_timer *timer, *job_timer;
	struct troupe_call *stream;
	unsigned pieces;
};
struct guest { int64_t joined; }; /* of each connection */

/* What an action is asked for. */
struct wish { int64_t op, n; };
struct told { int64_t op; };
struct answer { int64_t seq; };
extern const struct troupe_record sim_wish, sim_told, sim_answer;
extern const struct troupe_action sim_actions[];
extern const struct troupe_queue sim_queues[];

/* Publishes, on behalf of an op (0: of nobody). Gives the seq. */
int64_t subject_tells(struct troupe_actor *a, enum sim_name name, int64_t op);
bool subject_lets_go(struct troupe_actor *a); /* of a kept call, if there is one */
int subject_queue(struct troupe_actor *a, struct troupe_call *c);
int subject_take(struct troupe_actor *a, struct troupe_call *c);
int subject_finish(struct troupe_actor *a, struct troupe_call *c);
int subject_give_back(struct troupe_actor *a, struct troupe_call *c);
int subject_clear(struct troupe_actor *a, struct troupe_call *c);
int subject_replies(struct troupe_call *c, int64_t seq);
int subject_requested(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq);
void subject_streams(struct troupe_actor *a, struct troupe_call *c, bool open);
void subject_forgets(struct troupe_actor *a); /* it goes: what it kept is answered by others */

#endif
