/* SPDX-License-Identifier: Apache-2.0 */
/* One session, from inside: the ground that all its parts stand on.
 *
 *	port.c        the session port (runtime/core/ports.h): open, close, and what people ask for
 *	settle.c      what follows from its state, at the end of each turn; its states, asserted
 *	life.c        made, opened again, destroyed, taken up once more; the end of its agent when it sleeps
 *	link.c        is the sandbox there, is our instance in it: health, list, waiting, giving up
 *	take.c        what an envelope means
 *	load.c        the durable items, read back into all the parts
 *	cancel.c      prompts that are stopped, agents that do not react, the queue to look at
 *	boot.c        a new instance: initialize, log in, resume or load or new
 *	settings.c    modes, models and the like: set, and set again in a new instance
 *	turn.c        prompts: queue, running, settled; answers that come late
 *	permission.c  requests that people answer
 *	place.c       which sandbox, and where: what its provider says (../place.c)
 *	clean.c       instances that we left behind
 *	list.c        pages of what has been: an actor's sessions, a session's events
 *	ask.c         one request to the agent: its POST, and its response on the stream
 *	say.c         small messages to the agent that have no response
 *	sweep.c       agent processes that were left behind
 *	stream.c      the event stream and its reading rule
 *	tell.c        events and changes
 *	read.c        single items, read back
 *	store.c       the durable items
 *	request.c     requests to the sandbox, and what a failed one means for the way there
 *	session.c     turns, and what is noted in them
 *	config.c      what an agent lets people choose, as last known. Pure
 *	history.c     what a new agent session is told of the old one. Pure
 *
 * Who calls whom: each only what stands to the right of it, so there is no circle, and `make check` proves
 * it.
 *
 *	port > settle > life > link > take load > cancel boot > settings > turn > permission place clean list
 *	     > ask say sweep > stream > tell > read store request > session > config history
 *
 * What has to go the other way goes by a function that the upper part has left with the lower one
 * (on_response, then, said, take, settle), or by a verdict.
 *
 * Two kinds of function. Those marked "in a turn" run inside a turn of the actor: they may write items,
 * log events and tell changes, all of which one commit makes true. The others come from the loop (an
 * answer, a timer) and use tr_session_turn for what they have to write. What must leave only after the
 * commit waits with tr_session_after.
 *
 * A part has its struct, with init and fini, in a header of its name; the others reach it through its
 * functions. Only store.c and load.c, which know what all of it looks like on disk, read and fill every
 * part.
 *
 * Nothing here knows a library: time is tr_sandbox_options.clock, the way to the sandbox its http, what
 * tests shorten its times. So a test that hands in a clock that it turns itself, and an http that answers
 * what it likes, plays a session without a loop and without a socket: it calls the functions of
 * tr_sandbox_sessions(...)->ops inside a turn of its actor, and then by turns fires timers, calls the
 * callbacks of requests (never from inside start, cancel or leave), and tells commits. */
#ifndef TR_SANDBOX_SESSION_H
#define TR_SANDBOX_SESSION_H

#include "proto/acp.h"
#include "runtime/base/limits.h"
#include "runtime/core/actor.h"
#include "runtime/sandbox/session/boot.h"
#include "runtime/sandbox/session/cancel.h"
#include "runtime/sandbox/session/clean.h"
#include "runtime/sandbox/session/history.h"
#include "runtime/sandbox/session/life.h"
#include "runtime/sandbox/session/link.h"
#include "runtime/sandbox/session/permission.h"
#include "runtime/sandbox/session/place.h"
#include "runtime/sandbox/session/say.h"
#include "runtime/sandbox/session/settings.h"
#include "runtime/sandbox/session/store.h"
#include "runtime/sandbox/session/stream.h"
#include "runtime/sandbox/session/sweep.h"
#include "runtime/sandbox/session/tell.h"
#include "runtime/sandbox/session/turn.h"
#include "runtime/sandbox/worker.h"

/* An instance of the agent. */
struct tr_instance {
	char     server_id[TR_SERVER_ID_MAX]; /* "": there has been none */
	char     connection_id[37];
	char     agent_session[TR_ACP_SHORT_MAX]; /* of the newest bound instance; outlives it, to resume or load */
	int64_t  created_ms;  /* createdAtMs: with server_id and the stream's id this is a place that never means another */
	uint64_t epoch;
	uint64_t next_request;
	bool     bound;       /* it is ours and alive as far as we know: go on with it */
	bool     replay_due;  /* its agent session knows nothing of the earlier one yet */
	bool     closes;      /* its agent wants to hear session/close before it is ended */
};

/* What a part has found out, and what is not for it to carry out: settle.c does, when the turn is at its
 * end. */
enum tr_verdict_kind {
	TR_NO_VERDICT,
	TR_LAST_WORDS, /* the agent is dead, it is said: the stream tells how it ended */
	TR_TROUBLE,    /* the way to the sandbox is broken: look again */
	TR_LEAVE,      /* the instance may be in any state: no more of it */
	TR_GONE,       /* the instance is no more, or is not to be any more */
	TR_RESTART,    /* the same, because somebody wants another */
	TR_GIVE_UP,    /* it cannot be reached, or not be made */
	TR_UNMADE      /* a new session cannot be as it was wanted */
};

struct tr_verdict {
	enum tr_verdict_kind kind;
	int                  error;
	const char          *reason;  /* static; as in the log (spec 4.4); NULL: none */
	char                *message; /* for people; NULL: the error's sentence */
};

struct troupe_session {
	struct tr_session_base base;   /* the core's */
	struct tr_sandbox   *sandbox;
	struct tr_clock      clock;    /* lent of it, like times */
	const struct tr_sandbox_times *times;
	struct troupe_actor *actor;    /* NULL: closed; memory waits for the last callback */
	struct tr_reader     reader;   /* of its items, while they are loaded */
	unsigned             refs;
	unsigned             depth;    /* of turns within turns */
	bool                 stopped;  /* the core failed us: nothing is read or sent until it closes us */
	bool                 loaded;
	void               (*load_then)(struct troupe_session *s, int rc);
	int                  refusal;  /* this session cannot work, ever: what prompts are told. 0: it can */
	bool                 wanted;   /* somebody waits for it to be connected: to be seen to at this turn's end */
	struct tr_verdict    verdict;
	void               (*settle)(struct troupe_session *s); /* at the end of each turn */
	void               (*silence)(struct troupe_session *s); /* nothing may call back any more */
	void               (*free)(struct troupe_session *s);    /* the last who referred to it has gone */
	struct troupe_session_hooks hooks;

	/* who it is, durably */
	char              *id, *agent;
	char              *cwd;          /* of its agent; NULL: the provider's, or the server's */
	int64_t            created_at;   /* 0: it was not made yet */
	int64_t            destroyed_at; /* 0: it was not */
	bool               recorded;     /* it is among the sessions that listSessions tells */
	struct tr_instance instance;
	struct tr_history  history;
	struct tr_dirty    dirty;

	struct tr_tell        tell;
	struct tr_place_use   place;
	struct tr_link        link;
	struct tr_cleaning    clean;
	struct tr_sweep       sweep;
	struct tr_boot        boot;
	struct tr_stream      stream;
	struct tr_turns       turns;
	struct tr_watch       watch;
	struct tr_permissions permissions;
	struct tr_settings    settings;
	struct tr_says        says;
	struct tr_life        life;
};

/* ------------------------------------------------------------------ turns */

void tr_session_unref(struct troupe_session *s);

/* From the loop: runs as a turn of the actor; run NULL: only what follows from the state is done. False:
 * the session is closed or stopped, touch it no more. */
bool tr_session_turn(struct troupe_session *s, void (*run)(struct troupe_session *s, void *arg), void *arg);
/* Around what the core has begun a turn for: a call, an item that was read. Leaving the outermost turn
 * settles the session, and writes what has changed. It may be gone then. */
void tr_session_enter(struct troupe_session *s);
void tr_session_leave(struct troupe_session *s);
/* The same, of a turn that will be undone: nothing was changed in it, and nothing follows. */
void tr_session_leave_undone(struct troupe_session *s);
/* In a turn: `then` comes from the loop when what this turn wrote is durable; not if the session is closed
 * or stopped. */
void tr_session_after(struct troupe_session *s, void (*then)(struct troupe_session *s, uint64_t arg), uint64_t arg);
/* From anywhere: notes it for the end of this turn; outside of any, of one of its own. The first of a turn
 * counts, though last words give way to anything else. message is copied. False: as of tr_session_turn. */
bool tr_session_verdict(struct troupe_session *s, enum tr_verdict_kind kind, int error, const char *reason, const char *message);
bool tr_session_doomed(const struct troupe_session *s); /* in a turn: is there one, by which the instance ends? */
/* In a turn: somebody waits for it to be connected. */
void tr_session_want(struct troupe_session *s);

/* ------------------------------------------------------------------ time */

int64_t tr_session_mono(const struct troupe_session *s);
/* fire comes from the loop. */
struct tr_timer *tr_session_timer(struct troupe_session *s, void (*fire)(void *arg), void *arg);
void tr_session_timer_set(const struct troupe_session *s, struct tr_timer *t, int64_t ms); /* negative: off */
struct tr_timer *tr_session_timer_free(const struct troupe_session *s, struct tr_timer *t); /* takes NULL, returns NULL */

/* ------------------------------------------------------------------ small things */

/* Where its agent works. */
const char *tr_session_cwd(const struct troupe_session *s);
/* Fails the call, when there is one. Returns the error. */
int tr_session_fail(struct troupe_call *call, int error, const char *message);
/* The same, with the error's own sentence. */
int tr_session_refuse(struct troupe_call *call, int error);
/* 0; or why this cannot be a person, the call failed with it. NULL can. */
int tr_session_check_user(struct troupe_call *call, const char *user_id);

#endif
