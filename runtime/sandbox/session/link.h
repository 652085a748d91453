/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the sandbox, and to our instance in it. Functions that carry out a verdict are settle.c's to
 * call; they say with which error those who wait for the session to be ready are to be failed, 0: they go
 * on waiting. */
#ifndef TR_SESSION_LINK_H
#define TR_SESSION_LINK_H

#include "runtime/base/limits.h"
#include "runtime/core/ports.h"
#include "runtime/sandbox/wire/http.h"

enum tr_link_state {
	TR_LINK_DOWN,   /* nothing is under way; a prompt makes us connect */
	TR_LINK_PLACE,  /* its provider is finding, starting or making the sandbox */
	TR_LINK_HEALTH, /* asking whether the sandbox is there, or waiting to ask again */
	TR_LINK_LIST,   /* asking which instances it has */
	TR_LINK_CLEAN,  /* ending instances that we left behind */
	TR_LINK_BOOT,   /* making a new instance */
	TR_LINK_UP      /* bound; the stream is open, or being opened again */
};

struct tr_link {
	enum tr_link_state      state;
	struct tr_http_request *request;       /* one at a time */
	struct tr_timer        *timer;         /* until it goes on with `then` */
	void                  (*then)(struct troupe_session *s);
	unsigned                tries;         /* failed, in a row */
	int64_t                 failing_ms;    /* since when; 0: not */
	int64_t                 crashes[TR_CRASHES_MAX]; /* when instances ended */
	unsigned                crash_count;
	uint64_t                finished;      /* turns, when the last of them was counted */
};

void tr_link_init(struct troupe_session *s);
void tr_link_fini(struct troupe_session *s);
void tr_link_close(struct troupe_session *s);

/* Starts to connect unless that is under way. From anywhere: goes on from the loop. */
void tr_link_connect(struct troupe_session *s);
/* All of the way is good, its stream too: failures are counted anew. */
void tr_link_well(struct troupe_session *s);
bool tr_link_is_up(const struct troupe_session *s);
bool tr_link_is_down(const struct troupe_session *s); /* nothing is under way, or it fails again and again */

/* ---- verdicts, carried out in a turn */

/* The way is broken: looks again, after a moment that grows. */
int tr_link_trouble(struct troupe_session *s, const char *why);
/* We stop trying. Who waits fails with the error. */
int tr_link_give_up(struct troupe_session *s, int error, const char *message);
/* The instance is gone, or we are done with it. The running prompt fails with the error, permissions
 * expire; what waits goes on with a new instance. reason: as in the log (spec 4.4). ret: of those who wait
 * for it to be ready. */
int tr_link_gone(struct troupe_session *s, int error, const char *reason, const char *message);
/* The same because of a doubt about one request; it is no crash. */
int tr_link_leave(struct troupe_session *s, int error, const char *reason, const char *message);
/* The same because somebody wants it: it says nothing about the agent, and the next one is made at once. */
int tr_link_restart(struct troupe_session *s, int error, const char *reason, const char *message);

/* In a turn: the instance is given up, without a word on what comes then. */
void tr_link_end_instance(struct troupe_session *s, int error, const char *reason, const char *message);
/* In a turn: its sandbox is given up. As troupe_session_renew. */
int tr_session_renew(struct troupe_session *s);

#endif
