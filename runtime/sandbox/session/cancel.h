/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts that are stopped, agents that do not react, the queue to look at. */
#ifndef TR_SESSION_CANCEL_H
#define TR_SESSION_CANCEL_H

#include "proto/bytes.h"
#include "runtime/core/ports.h"

/* The running turn, as it is watched. */
struct tr_watch {
	int64_t        stall_ms;
	int64_t        cancel_ms, heard_ms; /* cancelled, last word of the agent: both monotonic */
	bool           cancel_said;         /* the sandbox took its cancel */
	struct tr_timer *timer;               /* the next of both that is overdue */
};

void tr_cancel_init(struct troupe_session *s, int64_t stall_ms);
void tr_cancel_fini(struct troupe_session *s);
void tr_cancel_silence(struct troupe_session *s);

int  tr_turn_cancel(struct troupe_session *s, struct troupe_call *call, const char *prompt_id, const char *user_id);
void tr_turn_stop(struct troupe_session *s); /* in a turn: cancels the running one */
/* 0: it is when the turn settles, and the call is to be answered then. */
int  tr_turn_restart(struct troupe_session *s, struct troupe_call *call, const char *user_id);
void tr_turn_queue(const struct troupe_session *s, struct tr_bytes *out);

/* In a turn: what is due of the running one's cancel: it never left, or the agent is to be told, or it has
 * not reacted for too long. settle.c. */
void tr_cancel_settle(struct troupe_session *s);
void tr_cancel_said(struct troupe_session *s);     /* in a turn: the sandbox took it */
void tr_watch_begin(struct troupe_session *s);     /* a turn began, or goes on after we were away */
void tr_watch_heard(struct troupe_session *s);     /* in a turn: the agent said something */

#endif
