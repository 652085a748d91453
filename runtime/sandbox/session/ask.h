/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the agent: its POST, and its response on the stream. */
#ifndef TR_SESSION_ASK_H
#define TR_SESSION_ASK_H

#include "proto/acp.h"
#include "proto/bytes.h"
#include "runtime/base/limits.h"
#include "runtime/sandbox/session/stream.h"
#include "runtime/sandbox/wire/problem.h"

struct tr_ask {
	struct tr_stream_user   stream;
	struct troupe_session  *session;
	char                    id[TR_REQUEST_ID_MAX]; /* "": nothing is asked */
	struct tr_http_request *post;
	struct tr_bytes         copy;     /* the POST's answer, while the stream has not brought it; size 0: none */
	struct tr_bytes         body;     /* kept until the agent is known to have got it */
	unsigned                sent;     /* how often */
	bool                    unsent;   /* it did not get there: to be sent once more when we are connected */
	bool                    unsure;   /* the POST is gone, and whether the agent got it is unknown */
	bool                    proved;   /* it did get it */
	bool                    reread;   /* the stream was read again for it */
	struct tr_timer *timer;    /* while there is a POST, TR_KEPT_MS; later settle_ms */
	/* In a turn, once: the response. From the POST only when the stream did not bring it. */
	void (*on_response)(struct troupe_session *s, struct troupe_text json, const struct tr_acp *e);
	/* From the loop: the POST ended otherwise. unsent is set when it may be sent once more; when the
	 * stream opens, it is. */
	void (*on_trouble)(struct troupe_session *s, const struct tr_problem *p);
	/* From the loop, after TR_KEPT_MS: the sandbox has the whole POST and keeps it. NULL: nobody wants to
	 * know. */
	void (*on_kept)(struct troupe_session *s);
	/* From the loop: unsure, and a healthy stream brings nothing. */
	void (*on_missing)(struct troupe_session *s);
	char                    answered[TR_ANSWERED_MAX][TR_REQUEST_ID_MAX]; /* whose responses were taken from their POSTs */
	unsigned                answered_next;
};

void tr_ask_init(struct tr_ask *ask, struct troupe_session *s);
void tr_ask_fini(struct tr_ask *ask);

/* A request with this id is to be asked; body is taken over (NULL: it was sent in another life, perhaps). */
void tr_ask_set(struct tr_ask *ask, const char *id, struct tr_bytes *body);
/* From the loop: POSTs it. first: it makes the instance, of our agent. */
void tr_ask_send(struct tr_ask *ask, bool first);
bool tr_ask_never_sent(const struct tr_ask *ask); /* the agent cannot have seen it */
bool tr_ask_unsent_yet(const struct tr_ask *ask); /* it waits for its commit */
void tr_ask_proved(struct tr_ask *ask);    /* the agent has got it */
void tr_ask_take_copy(struct tr_ask *ask); /* in a turn: its copy is the response; the stream will not bring it */
bool tr_ask_took(struct tr_ask *ask, const struct tr_acp *e); /* once: it is a response whose copy was taken */
void tr_ask_forget_copies(struct tr_ask *ask); /* no stream will bring them */
void tr_ask_end(struct tr_ask *ask);       /* answered: the POST may end by itself, for a moment */
void tr_ask_drop(struct tr_ask *ask);      /* given up */

#endif
