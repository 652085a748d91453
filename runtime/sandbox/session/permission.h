/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the agent that people answer. */
#ifndef TR_SESSION_PERMISSION_H
#define TR_SESSION_PERMISSION_H

#include "proto/acp.h"
#include "proto/bytes.h"
#include "runtime/base/list.h"
#include "runtime/core/ports.h"

struct tr_permission {
	struct tr_list  link;
	char            id[37];
	struct tr_bytes request_id; /* raw */
	struct tr_bytes options;    /* raw; empty once answered */
	struct tr_bytes tool_call;  /* raw, shortened; the same */
	int64_t         created_ms;
	int64_t         deadline_ms; /* 0: there is none */
	struct tr_bytes answer;     /* our reply's envelope; empty: open */
};

struct tr_permissions {
	struct tr_list list;          /* tr_permission */
	size_t         count;
	int64_t        time_ms;       /* for an answer of people; 0: for ever */
	char          *auto_approve;  /* NULL: nothing */
	struct tr_timer *timer;         /* the next deadline */
};

/* time_ms, auto_approve (NULL: nothing): as of troupe_session_options. */
void tr_permissions_init(struct troupe_session *s, int64_t time_ms, const char *auto_approve);
void tr_permissions_fini(struct troupe_session *s);
void tr_permissions_silence(struct troupe_session *s);
void tr_permissions_restored(struct troupe_session *s); /* the items are read */

/* What the running turn is to whoever asks in it: is it being cancelled, and by whom (NULL: nobody in
 * particular)? */
struct tr_permission_turn { bool cancelling; const char *by; };

/* In a turn; the event is logged. */
void tr_permission_asked(struct troupe_session *s, const struct tr_acp *e, struct tr_permission_turn turn);
void tr_permission_refuse(struct troupe_session *s, const struct tr_acp *e, int code, const char *message); /* in a turn */
int  tr_permission_respond(struct troupe_session *s, struct troupe_call *call, const char *permission_id,
                           const char *reply, const char *user_id);
void tr_permissions_list(const struct troupe_session *s, struct tr_bytes *out);
bool tr_permissions_open(const struct troupe_session *s); /* does some request wait for an answer? */
void tr_permissions_overdue(struct troupe_session *s); /* in a turn: those whose time is over are rejected */
void tr_permissions_expire(struct troupe_session *s); /* in a turn: the instance is gone */
void tr_permissions_cancel(struct troupe_session *s, const char *reason, const char *user_id); /* in a turn: answers all */
void tr_permissions_say_again(struct troupe_session *s); /* in a turn: answers that may not have been sent */
void tr_permission_said(struct troupe_session *s, const char *permission_id); /* in a turn: the sandbox took it */

#endif
