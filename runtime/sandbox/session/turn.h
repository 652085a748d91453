/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts: asked, queued, running, settled. */
#ifndef TR_SESSION_TURN_H
#define TR_SESSION_TURN_H

#include "runtime/core/actor.h"
#include "runtime/sandbox/session/ask.h"

enum tr_prompt_state { TR_QUEUED, TR_RUNNING, TR_DONE, TR_FAILED, TR_CANCELLED };

enum tr_cancel {
	TR_CANCEL_NONE,
	TR_CANCEL_ASKED,   /* the agent is told, as soon as it is known to have the prompt */
	TR_CANCEL_IGNORED  /* it was told, and cancel_ms have gone by */
};

struct tr_prompt {
	struct tr_list       link;
	uint64_t             order;      /* of acceptance */
	char                *prompt_id, *user_id, *text; /* user_id may be NULL */
	enum tr_prompt_state state;
	char                 request_id[TR_REQUEST_ID_MAX];
	int64_t              created_ms, since_ms; /* accepted; running since, 0: not yet */
	struct tr_bytes      content;    /* blocks in front of the text, packed; empty: none */
	bool                 untold;     /* that it waits; in the turn that accepted it only */
	bool                 delivered;  /* something of this turn was seen */
	bool                 stalled;    /* and nothing for long */
	enum tr_cancel       cancel;     /* while it runs */
	char                *cancelled_by; /* NULL: nobody in particular */
	int                  error;      /* failed, or cancelled before it was sent */
	char                *message;    /* of that; NULL: the list's sentence */
	struct tr_bytes      metadata;   /* as well: { code, data } of the agent's, packed; empty: none */
	char                 stop_reason[32];
	struct troupe_call **waiters;
	size_t               waiter_count;
};

/* A prompt that is being looked up: is its id known? text NULL: to be cancelled, by user_id. */
struct tr_asked {
	struct tr_list         link;
	struct tr_reader       reader;  /* goes with its call */
	struct troupe_session *session;
	struct troupe_call    *call;    /* gone when the reader has nothing under way; NULL: nobody asked */
	char                  *prompt_id, *user_id, *text;
	struct tr_bytes        content;
};

struct tr_turns {
	struct tr_list    asked;    /* tr_asked */
	struct tr_list    queue;    /* waiting, in order: tr_prompt */
	size_t            queued;
	struct tr_prompt *running;  /* NULL: none */
	struct tr_ask     ask;      /* its request */
	struct tr_list    settled;  /* ended, not committed yet: tr_prompt */
	uint64_t          next_order;
	uint64_t          finished; /* that an agent has answered, in this process */
	int64_t           ended_ms; /* when the last response came, monotonic; 0: none yet */
	bool              held_awake;
};

void tr_turns_init(struct troupe_session *s);
void tr_turns_fini(struct troupe_session *s);
void tr_turns_silence(struct troupe_session *s);
void tr_turns_restored(struct troupe_session *s);  /* in a turn: the items are read, what was open goes on */
void tr_turns_forget(struct troupe_session *s);    /* it is closed: nobody waits any more */

int  tr_turn_prompt(struct troupe_session *s, struct troupe_call *call, const struct troupe_prompt *p);
void tr_turn_start(struct troupe_session *s);      /* in a turn: the first that waits; settle.c knows when */
void tr_turn_seen(struct troupe_session *s);       /* in a turn: something of the running turn came */
/* In a turn: the agent is gone. If its response is known by then it is taken, else its turn is lost. */
void tr_turn_agent_gone(struct troupe_session *s, int error, const char *reason, const char *message);
/* In a turn. The running prompt ends without a response / everything that waits fails / the first that
 * waits does. */
void tr_turn_lost(struct troupe_session *s, int error, const char *reason, const char *message);
void tr_turn_fail_waiting(struct troupe_session *s, int error, const char *message);
void tr_turn_fail_first(struct troupe_session *s, int error, const char *message);
void tr_turn_tell_waiting(struct troupe_session *s); /* in a turn: of those that were just accepted, and did not start */
/* In a turn: it ended, and was taken out of the queue or is no turn any more. Freed once that is durable. */
void tr_turn_settle(struct troupe_session *s, struct tr_prompt *p);
struct tr_prompt *tr_turn_take(struct troupe_session *s); /* in a turn: the running one runs no more */
void tr_turn_tell(struct troupe_session *s, const struct tr_prompt *p); /* in a turn: turn.state */
struct tr_prompt *tr_turn_find(struct troupe_session *s, const char *prompt_id); /* that is not durably over */
const char *tr_turn_state(const struct tr_prompt *p);
void tr_prompt_free(struct tr_prompt *p);
/* Looks for its done item; found comes as a turn of the actor, takes it out of its list and frees it. Not if its
 * session is closed by then, or its call has gone: then it is freed here. */
void tr_asked_find(struct troupe_session *s, struct tr_asked *asked,
                   void (*found)(struct troupe_actor *a, void *arg, int rc, struct troupe_value value));
void tr_asked_free(struct tr_asked *asked);

#endif
