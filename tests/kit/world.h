/* SPDX-License-Identifier: Apache-2.0 */
/* A world for the core: a store in memory whose commits can be held back or fail, a clock that stands still until it is
 * told to go on, and peers that remember what they heard. All JSON, so that a test reads like what a browser sees.
 *
 * The store answers before a call returns; or, when the world is late, from a later turn of the loop: one answer after each
 * tr_core_turn_end, in the order in which the core asked. Every program of tests that links this runs all of
 * its tests in both modes (tests/kit/test.h). */
#ifndef TR_TESTS_KIT_WORLD_H
#define TR_TESTS_KIT_WORLD_H

#include "runtime/core/core.h"

#define TR_WORLD_BEGINS_MS 1700000000000 /* since 1970: when now_ms is 0, and nobody has set the clock */

struct tr_world {
	struct tr_core *core;
	/* store */
	bool                   late;          /* answers wait for tr_world_answer. As tr_world_late was when it was opened */
	bool                   as_asked;      /* reads of items find what there was when they were asked */
	struct tr_world_late  *asked;         /* what the core asked and was not answered yet, oldest first */
	bool                   slow;          /* nor do tr_world_turn and tr_world_pass give them */
	bool                   dying;         /* no commit ends well any more */
	struct tr_world_row   *rows;
	size_t                 row_count;
	uint64_t               boots, last_actor;
	struct tr_world_row   *nobody;        /* the server's own items; made by the first look */
	bool                   hold_commits;  /* commits wait for tr_world_commit */
	int                    next_commit;   /* what the next commit ends with, once; 0: well */
	int                    next_find;     /* what the next search for an actor ends with, once; 0: well */
	int                    next_read;     /* what the next other read ends with, once; when the world is not
	                                         late, the next of keys, or of who is busy */
	unsigned               commits;       /* that ended well */
	unsigned               log_reads;     /* pages asked for */
	unsigned               item_reads;    /* items whose values were read */
	bool                   hold_reads;    /* single items, and keys, come with tr_world_read */
	struct tr_world_read  *reads;
	size_t                 read_count;
	unsigned               due_reads;     /* looks at the alarms of all */
	const struct tr_batch *pending;
	void (*pending_done)(void *arg, int rc);
	void                  *pending_arg;
	bool                   reached;       /* what is pending is on disk, and the core does not know it */
	void (*on_commit)(const struct tr_batch *batch); /* it is on disk; NULL: nobody wants to know */
	struct tr_world_dead  *dead;          /* processes that were killed: their memory is not looked at */
	/* clock */
	int64_t                now_ms;
	int64_t                skew_ms;       /* by which somebody set the system's clock */
	struct tr_timer       *timers;
	bool                   drained;
};

/* A core with these kinds (the list ends with NULL). sessions may be NULL. */
void tr_world_open(struct tr_world *w, const struct troupe_kind *const *kinds, const struct tr_sessions *sessions);
/* The process dies and starts again: connections and everything uncommitted are gone, what was committed is there. */
void tr_world_restart(struct tr_world *w, const struct troupe_kind *const *kinds, const struct tr_sessions *sessions);
/* Drains, checks that nothing is left, and frees everything. */
void tr_world_close(struct tr_world *w);

/* The end of a turn of the loop; when the store is late, with as many turns more as it has answers. */
void tr_world_turn(struct tr_world *w);
void tr_world_commit(struct tr_world *w);            /* the held commit ends */
void tr_world_read(struct tr_world *w);              /* the held reads end */
void tr_world_pass(struct tr_world *w, int64_t ms);  /* time goes by, timers fire, turns end */

/* ---- the store that answers later */

extern bool tr_world_late; /* so the worlds that are opened from here on are late */

size_t tr_world_waiting(const struct tr_world *w); /* how much was asked and is not answered */
/* The oldest is answered; nothing else happens. A commit that is held (hold_commits) is then pending, and those behind it go
 * on. False: nothing waits. */
bool tr_world_answer(struct tr_world *w);
/* For other orders that a store may have: reads are answered in the order in which they were asked, a commit at any time
 * among them. The oldest read; the commit. */
bool tr_world_answer_read(struct tr_world *w);
bool tr_world_answer_commit(struct tr_world *w);

/* ---- for whoever does each step alone (tests/sim) */

/* A core on what is on disk. */
void tr_world_boot(struct tr_world *w, const struct troupe_kind *const *kinds,
                   const struct tr_sessions *sessions);
/* kill -9: no code of the core's runs any more, and its memory is left as it is. reached: a commit that is under
 * way is on disk all the same. Sockets are for their owners to forget (conn = NULL). */
void tr_world_kill(struct tr_world *w, bool reached);
/* The clock of its core, for others that live in the same process. */
struct tr_clock tr_world_clock(struct tr_world *w);
/* After tr_core_free, by whoever did it: what is on disk, and what was killed is no more known. */
void tr_world_forget(struct tr_world *w);
/* The commit that is pending is on disk from now on, for reads as well; tr_world_commit tells the core. */
void tr_world_reach(struct tr_world *w);
/* The next timer that is due within so many ms fires, at its time. False: none is; the time has passed. */
bool tr_world_tick(struct tr_world *w, int64_t ms);

/* ---- someone with a browser */

struct tr_someone {
	struct tr_world *world;
	struct tr_conn  *conn;          /* NULL: gone */
	char           **heard;         /* every message, oldest first, as JSON text */
	size_t           count, next;
	size_t           backlog;       /* what the core is told about the outbox; a test sets it */
	bool             closed;
	int              close_code, close_delay_ms;
	char             close_reason[124];
	uint64_t         calls;         /* ids given out */
};

/* Connects to name/key (key: one part; NULL: none) with parameters (JSON; NULL: none). */
void tr_someone_joins(struct tr_someone *p, struct tr_world *w, const char *name, const char *key, const char *params);
/* Opens a plain WebSocket there. */
void tr_someone_opens(struct tr_someone *p, struct tr_world *w, const char *name, const char *key, const char *path);
void tr_someone_leaves(struct tr_someone *p);  /* the socket has gone; forgets what it heard */
void tr_someone_subscribes(struct tr_someone *p, const char *event, bool on);
uint64_t tr_someone_calls(struct tr_someone *p, const char *action, const char *args); /* args: JSON array. Gives the id */
void tr_someone_says(struct tr_someone *p, const char *message); /* any bytes */

/* The next message that was not looked at yet; NULL: none. Lent until it leaves. */
const char *tr_someone_hears(struct tr_someone *p);
/* Skips to the next message of a tag ("Event", "ActionResponse", "Error", "Init") and gives its val as JSON; NULL: none. */
const char *tr_someone_hears_tag(struct tr_someone *p, const char *tag);

#endif
