/* SPDX-License-Identifier: Apache-2.0 */
/* How a session begins and ends for people. */
#ifndef TR_SESSION_LIFE_H
#define TR_SESSION_LIFE_H

#include "runtime/core/ports.h"

struct tr_life {
	enum troupe_session_how how;
	bool                    agent_given; /* by whoever opened it */
	struct troupe_call    **waiting;     /* until it is ready */
	size_t                  waiting_count;
	bool                    ending;      /* destroyed; its turn has a moment to end, ... */
	int64_t                 end_ms;      /* ... until then, monotonic */
	struct tr_timer        *timer;
};

void tr_life_init(struct troupe_session *s, const struct troupe_session_options *o);
void tr_life_fini(struct troupe_session *s);
void tr_life_silence(struct troupe_session *s);

int  tr_life_await(struct troupe_session *s, struct troupe_call *call, const char *agent);
int  tr_life_destroy(struct troupe_session *s, struct troupe_call *call);

/* In a turn, all of these. */
void tr_life_loaded(struct troupe_session *s); /* the items are read. It may be over by now: refusal is set */
void tr_life_settle(struct troupe_session *s); /* is it ready for those who wait, is its last turn over? settle.c */
void tr_life_failed(struct troupe_session *s, int error, const char *message); /* it cannot be made ready now */
/* It was made, and cannot be as it was wanted: it is destroyed, or its making is to be tried again. */
void tr_life_unmade(struct troupe_session *s, int error, const char *message);
void tr_life_slept(struct troupe_session *s);  /* it is about to be closed */

#endif
