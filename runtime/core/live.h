/* SPDX-License-Identifier: Apache-2.0 */
/* The core's own objects: the core, a live actor, a connection, a call. Only runtime/core includes this.
 *
 *	core ──< actor ──< conn ──< sub >── topic
 *	            └────< call
 *
 * Lifetimes. An actor is in the roster from when it wakes until its GONE is released, its commit has
 * failed, or the hook that wakes it has refused. Then tr_actor_close gives back all that it has: its parts
 * (part.h), its author's struct. Its memory is counted: the roster has a reference, and so has each item
 * of a ledger that names it, since what was said may be told after its speaker has gone. Of an actor that
 * has gone, who it was (row, label, kind) is all that is left. A connection is counted: its socket, each
 * call that it made and each held message has a reference. A call lives until its answer is released, and
 * its actor's GONE is behind that; its actor may answer only once.
 *
 * Callers. Who called is a row of functions (struct tr_caller_ops) of the file that makes the call, with
 * what they need:
 *
 *	a connection  conn_call.c  a frame in its encoding; it is its call's visitor also when the time-out was the answer
 *	HTTP          http.c       an action, a message, or a plain request, whose answer may come in pieces
 *	an alarm      alarm.c      hears nothing; in the turn that runs it, it is taken off
 *
 * A call ends with them once: `tell`, after the commit or at the time-out. From then on its caller is the
 * row's `told`: a caller that takes any answer and hears none, so nobody has to ask whether there still is
 * one. */
#ifndef TR_CORE_LIVE_H
#define TR_CORE_LIVE_H

#include "runtime/base/list.h"
#include "runtime/core/actor.h"
#include "runtime/core/arena.h"
#include "runtime/core/fault.h"
#include "runtime/core/ledger.h"

struct tr_part;
struct tr_stored;

struct tr_core {
	struct tr_core_options o;
	const struct tr_part *const *parts; /* of an actor (part.h) */
	struct tr_ledger ledger;   /* being gathered */
	struct tr_ledger flight;   /* being committed */
	uint64_t         batch;    /* the number of what is gathered; what is committed has the one before */
	struct tr_written nobody[2]; /* items of TR_NOBODY */
	struct tr_writer own;      /* who writes them when it is no actor; doomed while a failure is told, no longer */
	struct tr_list   reads;    /* of items, under way */
	void            *spare_read; /* of items.c */
	struct tr_ledger early;    /* being released before that */
	uint64_t         ended;    /* the number of the newest that was committed, well or not */
	bool             committing, draining;
	bool             releasing; /* the flight is told of its commit */
	bool             cleaning, clean_again; /* the store is at it; and then once more */
	struct troupe_actor *turning;     /* whose turn it is */
	const struct troupe_call *running; /* whose action it is */
	int64_t          now_ms;          /* of this turn */
	uint64_t         next_message;    /* of a queue: numbers grow, over all restarts */
	struct tr_pool   turn_pool;
	struct tr_bytes  scratch;         /* for encoding; nobody keeps anything here */
	struct tr_bytes  inbox;           /* one decoded message */
	void *kinds, *by_num, *by_id, *by_key, *dorms; /* tsearch trees */
	struct tr_list   actors, conns;
	struct tr_list   seeks;           /* under way */
	size_t           actor_count, conn_count, call_count;
	size_t           gone_count;      /* actors whose memory waits for a reference */
	size_t           read_count;      /* asked of the store and not answered: a drain waits */
	struct tr_list   deadlines;       /* kept calls of actions that are not slow, oldest first */
	struct tr_timer *deadline_timer, *clean_timer, *alarm_timer, *resume_timer;
	int64_t          alarm_at_ms;     /* for when alarm_timer is set, by the system's clock; INT64_MAX: it is not */
	int64_t          alarm_retry_ms;  /* as of mono_ms: then what could not be run is tried again; INT64_MAX: nothing */
	struct tr_alarm_place alarm_tried; /* those up to here had their chance */
	bool             alarm_looking;   /* the store is asked what is due */
	bool             alarm_again;     /* and is to be asked once more */
	int64_t          alarm_missed_ms; /* the earliest that got another chance meanwhile; INT64_MAX: none */
	int64_t          last_alarm;      /* the largest id that was seen */
	void (*on_drained)(void *arg);
	void *drained_arg;
};

enum tr_life {
	TR_AWAKE,
	TR_LEAVING, /* slept or was destroyed; until that is committed, whoever asks for it waits */
	TR_GONE     /* in no roster; its memory waits for the last reference */
};

/* Actors of one kind without anything to do, longest first. */
struct tr_idlers { struct tr_list actors; struct tr_timer *timer; int64_t after_ms; /* negative: they stay awake */ };

struct troupe_actor {
	struct tr_core           *core;
	struct tr_writer          writer;    /* the roster has a reference */
	const struct troupe_kind *kind;
	struct tr_idlers         *idlers;    /* of its kind */
	struct tr_actor_row       row;       /* texts are owned */
	struct tr_client_actor    label;     /* for error messages; lends from row */
	char                      epoch[40]; /* names its log: the store's epoch and its num */
	enum tr_life              life;
	bool                      destroying; /* troupe_destroy was called */
	bool                      destroyed; /* it was retired for good */
	bool                      sleeping;  /* it is to sleep as soon as it may */
	bool                      risen;     /* create and wake have ended well */
	bool                      resting;   /* it goes to sleep while its server goes on */
	bool                      spent;     /* its last turn has been: what it wrote is all that it will */
	bool                      busy;      /* marked so in the store */
	bool                      resumed;   /* the start found that mark: a sleep without a hold takes it away */
	unsigned                  holds;
	uint64_t                  seq;       /* of the newest event, committed or not */
	uint64_t                  released;  /* of the newest event that was sent to who is live */
	void                     *self;
	struct troupe_value       input;     /* during create */
	struct tr_bytes           saved;     /* kept fields as last written */
	struct tr_list            owned;     /* what its texts and values point to */
	struct tr_fault           refusal;   /* why a hook fails */
	struct tr_list            peers;     /* joined connections, by troupe_peer.link */
	size_t                    peer_count;
	struct tr_list            sockets;   /* plain ones, by troupe_peer.link */
	size_t                    socket_count;
	struct tr_list            calls;     /* unanswered, by troupe_call.link */
	size_t                    call_count;
	size_t                    stream_count; /* of them, whose answers come in pieces */
	struct tr_list            reads;     /* from the store, under way */
	struct tr_written         written[2]; /* its items */
	struct tr_list            waiters;   /* seeks that wait for it to be gone */
	void                     *topics;    /* tsearch tree */
	struct tr_list            timers;    /* struct troupe_timer */
	size_t                    timers_set; /* of them, that will fire */
	struct tr_queues         *queues;    /* NULL: its kind has none */
	struct tr_list            alarms;    /* in order of time, by tr_alarm.link */
	size_t                    alarm_count;
	bool                      alarms_changed; /* in this turn */
	struct troupe_session   **sessions;
	size_t                    session_count;
	struct tr_list            link;      /* in core->actors */
	struct tr_list            idle_link;
	int64_t                   idle_since_ms;
	struct { uint64_t seq; unsigned holds; bool busy, destroying, sleeping; struct tr_mark mark; } before; /* the present turn */
};

struct troupe_peer {
	struct troupe_actor *actor;   /* NULL: it left, or was never let in */
	struct tr_conn      *conn;    /* NULL: an HTTP call */
	void                *self;    /* of kind->peer_size; NULL: none yet */
	char                 id[37];
	struct troupe_value  params;
	bool                 observes; /* by its token, whatever it says itself */
	const struct troupe_request *request; /* until it has been let in */
	int64_t              since_ms;
	struct tr_list       link;
};

struct tr_topic { char *name; struct tr_list subs; };

struct tr_sub {
	struct tr_conn  *conn;
	struct tr_topic *topic;
	struct tr_list   in_topic;
	struct tr_sub   *sibling; /* of the same connection */
	uint64_t         next;    /* the first seq that this connection has not had of this name */
	bool             active;
};

/* Where the connections of an actor are while it sleeps. */
struct tr_dorm {
	uint64_t                  num;
	char                     *id;
	const struct troupe_kind *kind;
	struct tr_list            peers, sockets; /* as of the actor; theirs is NULL meanwhile */
	void                     *topics;
	uint64_t                  released; /* as of the actor */
};

/* What a client said while its actor was sought, or slept. */
struct tr_waiting { struct tr_waiting *next; size_t size; bool text; uint8_t data[]; };

enum tr_conn_state { TR_CONN_SEEKING, TR_CONN_OPEN, TR_CONN_CLOSING };

struct tr_conn {
	struct tr_core           *core;
	struct troupe_peer        peer;
	struct tr_pool            pool;
	const struct tr_peer_ops *ops;
	void                     *gate;     /* NULL: the socket has gone */
	unsigned                  refs;
	enum tr_encoding          encoding;
	enum tr_conn_state        state;
	struct tr_sub            *subs;
	unsigned                  sub_count;
	struct tr_list            link;
	bool                      plain;
	int                       closed_code; /* the client's Close frame; 0: none came */
	char                     *closed_reason; /* in the pool */
	/* while its actor is sought, or sleeps (waiting.c, dorm.c) */
	struct tr_dorm           *dorm;     /* NULL: its actor is awake, or on its way to sleep */
	struct tr_waiting        *waiting;  /* oldest first */
	size_t                    waiting_bytes;
	bool                      waking;   /* the actor is sought, for it */
	bool                      parts;    /* it has gone, and its actor does not know yet */
	/* resuming (replay.c) */
	bool                      resumes;  /* came with `since` */
	bool                      live;     /* has had everything: events are sent as they are released */
	bool                      settling; /* waits for more subscriptions before it reads */
	bool                      reading;  /* a page is on its way */
	uint64_t                  since;
	uint64_t                  cursor;   /* the next seq to read from the log */
	uint64_t                  page_from; /* the cursor when the page was asked for */
	struct tr_timer          *pump;
};

struct tr_http_call;

/* A page of the log on its way to a call. */
struct tr_page { struct tr_core *core; struct troupe_call *call; uint64_t offset; bool bare; };

/* What a call has of whoever made it. NULL: there is nothing to do. */
struct tr_caller_ops {
	/* In the turn that runs its action, before that. */
	void (*begin)(struct troupe_call *c);
	/* Who it is for the author. NULL: nobody. */
	struct troupe_peer *(*visitor)(const struct troupe_call *c);
	/* The answer as it will be told: of a value; or of the fault that lies in the call, in place of what was there. */
	void (*output)(struct troupe_call *c, struct troupe_value v);
	void (*fault)(struct troupe_call *c);
	/* The answer, now; or the end of it, when it came in pieces. Once; NULL: it was. */
	void (*tell)(struct troupe_call *c);
	const struct tr_caller_ops *told; /* its caller from then on */
	/* The call goes, and has told: gives back what is still kept for its caller. */
	void (*leave)(struct troupe_call *c);

	bool whole; /* it takes events that are larger than a frame can carry */
	bool plain; /* it asked plainly: troupe_respond is its answer, and for that are the following */
	/* As it was asked. NULL: it was answered. */
	const struct troupe_request *(*request)(const struct troupe_call *c);
	/* Does it still listen? NULL: no, and then nothing comes in pieces. */
	bool (*listens)(const struct troupe_call *c);
	void (*head)(struct troupe_call *c);
	void (*piece)(struct troupe_call *c, const void *data, size_t size);
	size_t (*backlog)(const struct troupe_call *c); /* of pieces that it has not taken; while it listens */
};

struct tr_caller {
	const struct tr_caller_ops *ops;
	union {
		/* id: the client's, of this call; frame: the answer, or the error. Owns references */
		struct { struct tr_conn *conn; uint64_t id; struct tr_frame *frame; } at;
		struct tr_http_call *http;
		int64_t alarm; /* its id */
	};
};

struct troupe_call {
	struct troupe_actor        *actor;
	struct tr_caller            caller;
	const struct troupe_action *action;
	struct troupe_value         args;
	void                       *record;
	struct tr_pool              pool;
	struct tr_list              link, deadline_link;
	int64_t                     deadline_ms;
	bool                        answered; /* its actor has spoken; the answer may still be held back */
	bool                        told;     /* the client has had its answer (a time-out came first) */
	struct tr_raw_response      response; /* the answer of a plain request; in the pool. status 0: none */
	bool                        streaming; /* it comes in pieces, and has begun */
	bool                        full;     /* a piece was not taken: its actor wants to know when there is room */
	size_t                      waiting;  /* bytes of pieces that are held back */
	struct tr_fault             fault;    /* the answer: an error */
	struct tr_page             *page;     /* that it waits for */
	struct tr_reader            reader;   /* of all else that it waits for */
	struct tr_bytes             output;   /* the answer for HTTP; empty: undefined */
};

/* ---- actor.c */
struct troupe_actor *tr_actor_new(struct tr_core *core, const struct troupe_kind *kind, const struct tr_actor_row *row,
                                  uint64_t seq);
/* Its parts, from what is stored of it; once, before its first turn. Negative: it cannot live, but is to
 * be closed. */
int tr_actor_open(struct troupe_actor *a, const struct tr_stored *stored);
/* It has left the roster, with its connections and calls: gives back all that it has, and the roster's
 * reference. */
void tr_actor_close(struct troupe_actor *a);
/* A turn in which a call runs; then tr_actor_settle, once the call has its answer. */
int  tr_actor_turn_for(struct troupe_actor *a, const struct troupe_call *running,
                       int (*run)(struct troupe_actor *a, void *arg), void *arg);
void tr_actor_settle(struct troupe_actor *a); /* does what troupe_destroy or troupe_sleep asked for, if it is time */
void tr_actor_touch(struct troupe_actor *a); /* after anything that may have made it idle, or not */
/* What a failed turn has to say: the refusal that its hook gave, or the list's sentence. Moves it to f. */
void tr_actor_take_fault(struct troupe_actor *a, int rc, struct tr_fault *f);

/* ---- call.c */
/* Takes any answer, and hears none: whoever it was has had one. */
extern const struct tr_caller_ops tr_caller_nobody;
/* Takes what the caller owns. */
struct troupe_call *tr_call_new(struct troupe_actor *a, const struct troupe_action *action, struct troupe_value args,
                                struct tr_caller caller);
/* Would the action take these? 0, or TROUPE_EARGS with a sentence. In a turn. */
int tr_call_check(struct troupe_actor *a, const struct troupe_action *action, struct troupe_value args);
/* Runs its action as a turn, and answers what can be answered now. */
void tr_call_run(struct troupe_call *c);
void tr_call_fail(struct troupe_call *c, struct tr_fault *fault); /* takes the fault; the answer is held in the ledger */
void tr_call_release(struct troupe_call *c); /* the commit is through: tell, and forget the call */
void tr_call_forget(struct troupe_call *c); /* its caller has gone, and nobody is going to answer it */
void tr_call_spoil(struct troupe_call *c, int rc); /* its answer must not be told: it becomes this error */
void tr_calls_expire(void *core);
void tr_call_hold_answer(struct troupe_call *c); /* which lies in the call */

/* ---- respond.c */
/* Its reader has taken all, or has gone: its actor hears so, if it wants to. */
void tr_stream_turn(struct troupe_call *c, bool open);

/* ---- asked.c */
/* All in one piece, to be freed as such; the path is that of `from` with `before` in front. NULL gives
 * NULL. */
struct troupe_request *tr_request_copy(const struct troupe_request *from, const char *before);

/* ---- event.c */
/* A log entry is a packed array: name, when (ms), data. This is the only place that knows. */
struct tr_logged { struct troupe_text name; int64_t at_ms; struct troupe_value data; };
struct tr_logged tr_event_read(const struct tr_log_entry *entry);
/* The frame of an event for one encoding; args: a packed array of one. Too large for a client: shortened. */
struct tr_frame *tr_event_frame(struct tr_core *core, enum tr_encoding e, struct troupe_text name, struct troupe_value data);
/* Appends data with every large member replaced by { truncated: true, bytes }: what a frame can carry of it
 * (spec/sandbox-agent.md F38). */
void tr_event_shorten(struct tr_bytes *out, struct troupe_value data);

/* ---- queue.c */
#define TR_UNDEFINED_PACKED ((struct troupe_value){ "\xc7\0\1", 3 })
typedef int tr_on_done(struct troupe_actor *a, void *arg, int rc, struct troupe_value response);
/* What waits there is read before the actor is made: keys, noted one by one. */
void tr_queue_note(struct tr_bytes *keys, struct troupe_text key);
/* In a turn. Puts a message there; body.size 0: undefined. on_done not NULL: as troupe_queue_send_wait. */
int  tr_queue_send(struct troupe_actor *a, const struct troupe_queue *queue, struct troupe_value body, int64_t timeout_ms,
                   tr_on_done *on_done, void *arg);

/* ---- queue_work.c */
/* Whoever waits with this arg does not any more; on_done will not come. */
void tr_queue_forget(struct troupe_actor *a, const void *arg);

/* ---- alarm.c */
/* One that waits. What this turn sets or takes away is marked until its end. */
struct tr_alarm { struct troupe_alarm is; struct tr_list link; bool fresh, off; };

/* From what is stored; a place in `alarms`. False: it is damaged. */
bool tr_alarm_load(struct tr_list *alarms, uint64_t id, int64_t at_ms, struct troupe_value stored);
void tr_alarms_free(struct tr_list *alarms);
void tr_alarm_take(struct troupe_actor *a, int64_t id); /* in a turn: it is not to be run any more */
void tr_alarms_look(void *core);            /* runs what is due; sets the timer for what comes next */
void tr_alarms_retry(struct tr_core *core); /* in a while: something that is due could not be run */

/* ---- conn.c */
/* Gives it the struct that its kind wants; before admit. */
void tr_peer_enter(struct troupe_peer *p, struct troupe_actor *a);
void tr_peer_free(struct troupe_peer *p); /* the struct, and what tr_peer_forget takes */
void tr_peer_forget(struct troupe_peer *p); /* how it asked: it was let in, or not */
struct tr_conn *tr_conn_ref(struct tr_conn *c);
void tr_conn_unref(struct tr_conn *c);
void tr_conn_send(struct tr_conn *c, struct tr_frame *f); /* now; nothing when it is closing */
void tr_conn_hold_frame(struct tr_conn *c, struct tr_frame *f); /* with the ledger; takes the reference */
/* Leaves its actor (leave is called) and closes after what is held back. */
void tr_conn_shut(struct tr_conn *c, int code, const char *reason, int delay_ms);
void tr_conn_close_now(struct tr_conn *c, int code, const char *reason, int delay_ms);
void tr_conn_refuse_with(struct tr_conn *c, const struct tr_fault *fault); /* says why, and closes */
void tr_conn_detach(struct tr_conn *c); /* it is nobody's any more; leave is called if its actor is awake */

/* ---- conn_call.c */
void tr_conn_call(struct tr_conn *c, const struct tr_client_message *m); /* its client calls an action */

/* ---- dorm.c */
void tr_dorm_enter(struct troupe_actor *a); /* it sleeps: its connections stay, without it */
void tr_dorm_leave(struct troupe_actor *a); /* it wakes: they are its own again */
bool tr_conn_sleeps(const struct tr_conn *c); /* its actor sleeps, or has begun to */
void tr_conn_wait(struct tr_conn *c, const void *data, size_t size, bool text); /* its message wakes the actor, and comes then */
/* What waited, to its actor that is awake now; and that it has gone since. */
void tr_conn_deliver(struct tr_conn *c);
void tr_conn_part(struct tr_conn *c); /* it goes while its actor sleeps */
void tr_dorm_forget(struct tr_conn *c); /* out of the dorm, without a word */

/* ---- waiting.c */
/* A message for later. NULL; or the reason for which the connection is to be closed: it is too large, or too
 * much waits. */
const char *tr_waiting_add(struct tr_conn *c, const void *data, size_t size, bool text);
struct tr_waiting *tr_waiting_next(struct tr_conn *c); /* the oldest, which there is: to be freed */
void tr_waiting_forget(struct tr_conn *c);

/* ---- subscription.c */
/* 0; TROUPE_EINVAL, TROUPE_EOVERLOADED; or what the kind's subscribe hook says, its sentence in the
 * actor's refusal. */
int  tr_conn_subscribe(struct tr_conn *c, struct troupe_text name, bool on);
void tr_conn_unsubscribe_all(struct tr_conn *c);
struct tr_topic *tr_topic_find(struct troupe_actor *a, const char *name);

/* ---- plain.c */
int  tr_plain_open(struct troupe_actor *a, struct tr_conn *c);
void tr_plain_message(struct tr_conn *c, const void *data, size_t size, bool text);

/* ---- replay.c */
/* In its first turn, behind Init: does it resume, from where, and is its log this one? */
void tr_replay_begin(struct tr_conn *c);
bool tr_replay_says(const char *name); /* an event's name that is the server's own */
void tr_replay_subscribed(struct tr_conn *c, struct tr_sub *s); /* a resuming connection subscribed */
void tr_replay_start(struct tr_conn *c); /* its subscriptions are complete */
void tr_replay_more(struct tr_conn *c);  /* there is room again */
void tr_replay_stop(struct tr_conn *c);  /* it goes */

/* ---- roster.c */
enum tr_seek_mode {
	TR_SEEK_WAKE, /* an awake actor; made when missing and to->create */
	TR_SEEK_ROW,  /* only who it is; made when missing and to->create */
	TR_SEEK_NEW   /* must be missing */
};
/* row and, but for SEEK_ROW of a sleeping actor, a; or why not. Lent for the call. */
typedef void tr_on_seek(void *arg, struct tr_fault *fault, const struct tr_actor_row *row, struct troupe_actor *a, bool created);
void tr_roster_seek(struct tr_core *core, const struct tr_address *to, enum tr_seek_mode mode, tr_on_seek *on_seek, void *arg);
struct troupe_actor *tr_roster_by_num(struct tr_core *core, uint64_t num);
void tr_roster_retire(struct troupe_actor *a, bool destroy); /* sleep or destroy hook, then GONE is held */
void tr_roster_doom(struct tr_core *core, uint64_t num);     /* its commit failed: it is to be dropped */
void tr_roster_drop(struct troupe_actor *a, int rc);         /* its commit failed, and everybody has heard so */
void tr_roster_expire(void *idlers);                         /* puts the idle of a kind to sleep */

/* ---- check.c */
void tr_actor_check(const struct troupe_actor *a); /* between two turns of it */
void tr_conn_check(const struct tr_conn *c);
void tr_core_check(const struct tr_core *core);    /* all of them; between two turns of the loop */
size_t tr_check_list(const struct tr_list *list);  /* it is well linked; how long it is */

/* ---- commit.c */
/* Commits what core's ledger holds and releases it, until nothing is left to do or a commit is under way. */
void tr_commit(struct tr_core *core);

/* ---- author.c */
/* What is wrong inside is for the log, not for clients. */
void tr_author_mask(const struct troupe_actor *a, struct tr_fault *fault);

/* ---- clean.c */
void tr_clean_soon(struct tr_core *core); /* the store has something to delete */
void tr_clean(void *core);                /* does a piece of it */

/* ---- kind.c */
int tr_kind_add(struct tr_core *core, const struct troupe_kind *kind);
const struct troupe_kind *tr_kind_find(struct tr_core *core, const char *name);
struct tr_idlers *tr_kind_idlers(struct tr_core *core, const struct troupe_kind *kind);
const struct troupe_action *tr_kind_action(const struct troupe_kind *kind, struct troupe_text name);
const struct troupe_queue *tr_kind_queue(const struct troupe_kind *kind, struct troupe_text name);
const struct troupe_action *tr_kind_open_action(const struct troupe_kind *kind, struct troupe_text name); /* not hidden */
void tr_kinds_free(struct tr_core *core);

#endif
