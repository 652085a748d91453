/* SPDX-License-Identifier: Apache-2.0 */
/* The event stream of a session's instance: read event by event, without a hole, again whenever it breaks. */
#ifndef TR_SESSION_STREAM_H
#define TR_SESSION_STREAM_H

#include "runtime/base/list.h"
#include "runtime/core/ports.h"
#include "runtime/sandbox/wire/http.h"
#include "runtime/sandbox/wire/sse.h"
#include "runtime/troupe.h"

/* One GET of it. */
struct tr_reading {
	struct troupe_session  *session;
	struct tr_http_request *get;
	struct tr_sse  sse;
	bool           open;     /* the head has come: what follows is events */
	bool           fresh;    /* nothing came from it yet */
	int64_t        asked_ms;
};

struct tr_flood {
	int64_t        since_ms; /* what follows was counted from here on */
	unsigned       events;   /* of this stream */
	uint64_t       all;      /* events of all sessions, before */
	bool           on;       /* it was read again for that */
};

/* Embedded in whoever has to know: each opening and each closing is told to all of them, in the order in
 * which they joined. */
struct tr_stream_user {
	struct tr_list link;
	void         (*opened)(struct tr_stream_user *u); /* from the loop: it is healthy (again) */
	void         (*closed)(struct tr_stream_user *u);
};

/* An instance's stream may be asked for before there is one. */
enum tr_unborn { TR_BORN, TR_IN_MAKING, TR_MADE }; /* made: that was answered a moment ago */

struct tr_stream {
	struct tr_reading readings[2];
	struct tr_reading *now;  /* what is taken comes from here */
	struct tr_reading *next; /* takes its place as soon as it has something; mostly there is none */
	struct tr_list users;    /* tr_stream_user */
	struct tr_flood flood;
	bool           jumped;   /* `now` is to bring what was missing when ids had jumped */
	bool           tried_after; /* booting: once since initialize was answered */
	bool           reattaching; /* its next opening is told: this process took the instance over from another */
	bool           opened;   /* it was, and what follows from that has not been done yet (settle.c) */
	uint64_t       last;     /* the id of the newest event taken */
	unsigned       attempt;  /* since an event was taken */
	bool           ending;   /* a POST was told that the agent is dead: the stream has its last words */
	unsigned       reads;    /* GETs so far: tells whether one was replaced */
	int64_t        heard_ms;
	struct tr_timer *timer;    /* the next attempt; while there is a GET, its silence */
	/* In a turn: one event. */
	void         (*take)(struct troupe_session *s, const struct tr_sse_event *event);
	enum tr_unborn (*unborn)(const struct troupe_session *s); /* NULL: born */
};

void tr_stream_init(struct troupe_session *s, void (*take)(struct troupe_session *s, const struct tr_sse_event *event));
void tr_stream_fini(struct troupe_session *s);
void tr_stream_join(struct troupe_session *s, struct tr_stream_user *u);

void tr_stream_begin(struct troupe_session *s);    /* there is a new instance, of which nothing was read */
void tr_stream_open(struct troupe_session *s);     /* from the loop: reads on from `last` */
void tr_stream_close(struct troupe_session *s);
void tr_stream_end(struct troupe_session *s);      /* its instance is gone */
void tr_stream_again(struct troupe_session *s);    /* from the loop: is all well? Reads on after a moment, longer each time */
bool tr_stream_asked(const struct troupe_session *s);   /* there is a GET, which may not have been answered yet */
bool tr_stream_healthy(const struct troupe_session *s); /* and it was */
int64_t tr_stream_silent_ms(const struct troupe_session *s); /* since something came */
/* In a turn: the agent is dead, it is said. What it said before is in the server's ring, its exit too: the
 * stream is to be read again, and when it does not tell of an exit either, the instance is gone all the
 * same. False: that is known. */
bool tr_stream_last_words(struct troupe_session *s);
bool tr_stream_take_opened(struct troupe_session *s); /* in a turn: was it, since this was asked last? */
/* In a turn: the instance is gone, and what the stream has not brought of its turn will never be known. */
void tr_stream_note_end(struct troupe_session *s);

#endif
