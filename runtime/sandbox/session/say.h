/* SPDX-License-Identifier: Apache-2.0 */
/* Small messages to the agent that have no response. */
#ifndef TR_SESSION_SAY_H
#define TR_SESSION_SAY_H

#include "proto/bytes.h"
#include "runtime/base/list.h"
#include "runtime/sandbox/session/stream.h"
#include "runtime/sandbox/wire/http.h"
#include "runtime/troupe.h"

struct tr_say {
	struct tr_list  link;
	uint64_t        number;
	struct tr_bytes body;
	char            permission_id[37]; /* whose answer it is; "": none */
	bool            cancels;           /* the running turn */
};

struct tr_says {
	struct tr_stream_user   stream;
	struct tr_list          line;      /* tr_say */
	size_t                  count;
	uint64_t                number, committed;
	bool                    overrun;   /* more is to be said than TR_SAYS_MAX */
	struct tr_http_request *post;      /* the first one's */
	/* In a turn: the sandbox took it, and it mattered (an answer, a cancel). */
	void                  (*said)(struct troupe_session *s, const struct tr_say *say);
};

void tr_say_init(struct troupe_session *s, void (*said)(struct troupe_session *s, const struct tr_say *say));
void tr_say_fini(struct troupe_session *s);

/* In a turn: sent after the commit, in order. permission_id: whose answer it is; NULL: none. Empties body. */
void tr_say(struct troupe_session *s, struct tr_bytes *body, const char *permission_id);
bool tr_say_waits(const struct troupe_session *s, const char *permission_id); /* is its answer still to be sent? */
/* In a turn: session/cancel of the running turn. It must not reach the agent after the next prompt. */
void tr_say_cancel(struct troupe_session *s, struct tr_bytes *body);
bool tr_say_cancels(const struct troupe_session *s); /* is one on its way, or to be sent? */
void tr_say_forget_cancel(struct troupe_session *s); /* that turn is over: not to be sent, if that can still be */
void tr_say_drop(struct troupe_session *s);
/* Was there more to say than fits? Once. */
bool tr_say_overran(struct troupe_session *s);

#endif
