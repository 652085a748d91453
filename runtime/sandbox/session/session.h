/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of one session, shared by the files of this folder and nobody else.
 *
 *	session.c    the port: open, close, info; turns and what they save; events and changes told
 *	store.c      the durable items
 *	load.c       reading them back
 *	place.c      which sandbox, and where: what its provider says (../place.c)
 *	link.c       is the sandbox there, is our instance in it: health, list, waiting, giving up
 *	boot.c       a new instance: initialize, log in, resume or load or new
 *	stream.c     the event stream and its reading rule
 *	take.c       what an envelope means
 *	turn.c       prompts: queue, running, settled
 *	cancel.c     prompts that are stopped, agents that do not react, the queue to look at
 *	ask.c        one request to the agent: its POST, and its response on the stream
 *	say.c        small messages to the agent that have no response
 *	permission.c requests that people answer
 *	life.c       made, opened again, destroyed, taken up once more
 *	settings.c   modes, models and the like: set, and set again in a new instance
 *	clean.c      instances that we left behind
 *	sweep.c      agent processes that were left behind
 *	list.c       pages of what has been: an actor's sessions, a session's events
 *	config.c     what an agent lets people choose, as last known
 *	history.c    what a new agent session is told of the old one
 *
 * Two kinds of function. Those marked "in a turn" run inside a turn of the actor: they may write items, log events and tell
 * changes, all of which one commit makes true. The others come from the loop (an answer, a timer) and use
 * tr_session_turn for what they have to write. What must leave only after the commit waits with tr_session_after. */
#ifndef TR_SANDBOX_SESSION_H
#define TR_SANDBOX_SESSION_H

#include <event2/event.h>

#include "proto/acp.h"
#include "runtime/base/limits.h"
#include "runtime/base/list.h"
#include "runtime/core/actor.h"
#include "runtime/sandbox/session/config.h"
#include "runtime/sandbox/session/history.h"
#include "runtime/sandbox/wire/http.h"
#include "runtime/sandbox/place.h"
#include "runtime/sandbox/wire/problem.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/sandbox/wire/sse.h"

#define TR_HEALTH_MS          5000   /* one health request, one list */
#define TR_HEALTH_TRIES       3      /* failed in a row: the sandbox is unreachable, and who waits is told */
#define TR_HEALTH_WAIT_MAX_MS 15000
#define TR_LOST_AFTER_MS      120000 /* unreachable for so long in mid-turn: the turn is given up */
#define TR_OPEN_MS            10000  /* for the stream's head */
#define TR_OPENS_MAX          8      /* that failed, of a new instance's stream: the way there is broken */
#define TR_REREAD_MS          100    /* before a broken stream is read again; doubles ... */
#define TR_REREAD_MAX_MS      5000   /* ... up to this */
#define TR_KEPT_MS            1000   /* a POST that the sandbox has had so long has reached the agent */
#define TR_LATE_MS            1000   /* after a response, what comes may still belong to it: it proves nothing of the next prompt */
#define TR_LINGER_MS          1000   /* for a POST whose response was seen on the stream */
#define TR_INSTALL_MS         900000 /* for initialize: the sandbox may install the agent first */
#define TR_BOOT_STEP_MS       180000 /* for session/new, load, resume */
#define TR_SAY_MS             10000  /* for a reply or notification to be taken: the agent reads no more */
#define TR_CRASHES_MAX        3      /* instances that ended within ... */
#define TR_CRASHES_MS         60000  /* ... without finishing a turn: stop */
#define TR_DESTROY_MS         2000   /* for the turn of a session that is destroyed to end by itself */
#define TR_SETTING_MS         60000  /* for the agent's answer to one; then it has failed */
#define TR_PERMISSIONS_MAX    256    /* open at once */
#define TR_SAYS_MAX           1024   /* waiting to be sent */
#define TR_HELD_MAX           1024   /* envelopes, and ... */
#define TR_HELD_BYTES_MAX     (8 * 1024 * 1024) /* ... bytes that came before the session was bound */
#define TR_OPTIONS_BYTES_MAX  (64 * 1024) /* of a permission request */
#define TR_REQUEST_ID_MAX     64
#define TR_SERVER_ID_MAX      129

extern int tr_silence_ms; /* 45000: three heartbeats that did not come. Tests shorten it */
extern int tr_flood_ms;   /* TR_FLOOD_MS. Tests lengthen it */
extern int tr_settle_ms; /* 5000, of a healthy stream, before what it does not bring is held to be missing. Tests shorten it */
extern int tr_cancel_ms; /* TR_CANCEL_MS; so do they here */
extern int tr_late_ms; /* TR_LATE_MS. Tests make it longer */

/* Where the events of a session lie in the actor's log: seqs, in blocks of so many. One item a block, written when it is full;
 * until then its seqs are part of open/at. */
#define TR_INDEX_BLOCK 64
#define TR_SEQ_NONE    0    /* was not published */
#define TR_SEQ_UNKNOWN (-1) /* logged before there was an index */

enum tr_sender { TR_CLIENT, TR_AGENT, TR_SYNTHETIC };

/* ------------------------------------------------------------------ an instance of the agent */

struct tr_instance {
	char     server_id[TR_SERVER_ID_MAX]; /* "": there has been none */
	char     connection_id[37];
	char     agent_session[TR_ACP_SHORT_MAX]; /* of the newest bound instance; outlives it, to resume or load */
	int64_t  created_ms;  /* createdAtMs: with server_id and the stream's id this is a place that never means another */
	uint64_t epoch;
	bool     bound;       /* it is ours and alive as far as we know: go on with it */
	bool     replay_due;  /* its agent session knows nothing of the earlier one yet */
	bool     closes;      /* its agent wants to hear session/close before it is ended */
};

/* ------------------------------------------------------------------ one request to the agent */

struct tr_ask {
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
	struct event           *timer;    /* while there is a POST, TR_KEPT_MS; later tr_settle_ms */
	/* In a turn, once: the response. From the POST only when the stream did not bring it. */
	void (*on_response)(struct troupe_session *s, struct troupe_text json, const struct tr_acp *e);
	/* From the loop: the POST ended otherwise. unsent is set when it may be sent once more; tr_ask_stream_opened does. */
	void (*on_trouble)(struct troupe_session *s, const struct tr_problem *p);
	/* From the loop, after TR_KEPT_MS: the sandbox has the whole POST and keeps it. NULL: nobody wants to know. */
	void (*on_kept)(struct troupe_session *s);
	/* From the loop: unsure, and a healthy stream brings nothing. */
	void (*on_missing)(struct troupe_session *s);
	char                    answered[TR_REQUEST_ID_MAX]; /* whose response was taken from the POST; the stream may bring it yet */
};

/* ------------------------------------------------------------------ the stream */

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

struct tr_stream {
	struct tr_reading readings[2];
	struct tr_reading *now;  /* what is taken comes from here */
	struct tr_reading *next; /* takes its place as soon as it has something; mostly there is none */
	struct tr_flood flood;
	bool           jumped;   /* `now` is to bring what was missing when ids had jumped */
	bool           tried_after; /* booting: once since initialize was answered */
	uint64_t       last;     /* the id of the newest event taken */
	unsigned       attempt;  /* since an event was taken */
	bool           ending;   /* a POST was told that the agent is dead: the stream has its last words */
	unsigned       reads;    /* GETs so far: tells whether one was replaced */
	int64_t        heard_ms;
	struct event  *timer;    /* the next attempt; while there is a GET, its silence */
};

/* ------------------------------------------------------------------ prompts */

enum tr_prompt_state { TR_QUEUED, TR_RUNNING, TR_DONE, TR_FAILED, TR_CANCELLED };

enum tr_cancel {
	TR_CANCEL_NONE,
	TR_CANCEL_ASKED,   /* the agent is told, as soon as it is known to have the prompt */
	TR_CANCEL_IGNORED  /* it was told, and TR_CANCEL_MS have gone by */
};

struct tr_prompt {
	struct tr_list       link;
	uint64_t             order;      /* of acceptance */
	char                *prompt_id, *user_id, *text; /* user_id may be NULL */
	enum tr_prompt_state state;
	char                 request_id[TR_REQUEST_ID_MAX];
	int64_t              created_ms, since_ms; /* accepted; running since, 0: not yet */
	struct tr_bytes      content;    /* blocks in front of the text, packed; empty: none */
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
	struct troupe_session *session;
	struct troupe_call    *call;
	char                  *prompt_id, *user_id, *text;
	struct tr_bytes        content;
};

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

/* ------------------------------------------------------------------ settings */

enum tr_setting_kind { TR_SET_MODE, TR_SET_CATEGORY, TR_SET_OPTION };

/* One thing to be set. */
struct tr_setting {
	struct tr_list       link;
	enum tr_setting_kind kind;
	char                *name;   /* the category, or the option's id; NULL: a mode */
	struct tr_bytes      value;  /* packed: a text or a boolean */
	bool                 first;  /* of a new session: if it cannot be set there is to be no session */
	struct troupe_call  *call;   /* NULL: nobody waits */
};

/* ------------------------------------------------------------------ the session */

enum tr_link {
	TR_LINK_DOWN,   /* nothing is under way; a prompt makes us connect */
	TR_LINK_PLACE,  /* its provider is finding, starting or making the sandbox */
	TR_LINK_HEALTH, /* asking whether the sandbox is there, or waiting to ask again */
	TR_LINK_LIST,   /* asking which instances it has */
	TR_LINK_CLEAN,  /* ending instances that we left behind */
	TR_LINK_BOOT,   /* making a new instance */
	TR_LINK_UP      /* bound; the stream is open, or being opened again */
};

enum tr_boot_step { TR_BOOT_INITIALIZE, TR_BOOT_LIST, TR_BOOT_LOGIN, TR_BOOT_RESUME, TR_BOOT_LOAD, TR_BOOT_NEW };

struct tr_held { struct tr_list link; enum tr_sender sender; struct tr_bytes json; };
struct tr_say { struct tr_list link; uint64_t number; struct tr_bytes body; char permission_id[37]; bool cancels; };

enum tr_left_step { TR_LEFT_CLOSE, TR_LEFT_LOOK, TR_LEFT_DELETE, TR_LEFT_SWEEP };

/* close: its agent session, to be closed first; "": none. hung: its DELETE was not answered. item: as read back. */
struct tr_left {
	struct tr_list    link;
	char              server_id[TR_SERVER_ID_MAX], close[TR_ACP_SHORT_MAX];
	int64_t           created_ms;
	enum tr_left_step step; /* the next */
	bool              hung;
	struct tr_bytes   item;
};

struct troupe_session {
	struct tr_session_base base;   /* the core's */
	struct tr_sandbox   *sandbox;
	struct troupe_actor *actor;    /* NULL: closed; memory waits for the last callback */
	unsigned             refs;
	bool                 stopped;  /* the core failed us: nothing is read or sent until it closes us */
	bool                 loaded;
	int                  refusal;  /* this session cannot work, ever: what prompts are told. 0: it can */

	char *id, *agent;
	struct tr_place_user place;
	char                *url, *token;    /* of its sandbox as last found; url NULL: not yet in this life */
	char                *where;          /* the sandbox's identity when we were last there; NULL: nowhere yet */
	bool                 asked_token;    /* the provider, since the sandbox refused ours */
	struct troupe_session_hooks hooks;

	/* durable */
	struct tr_instance instance;
	int64_t            created_at;   /* of the session */
	int64_t            destroyed_at; /* 0: it was not */
	char              *cwd;          /* of its agent; NULL: the provider's, or the server's */
	uint64_t           event_index;  /* of the newest event */
	int64_t            seqs[TR_INDEX_BLOCK]; /* of the events of the block that is not full yet */
	uint64_t           next_request, next_order;
	struct tr_history  history;
	struct tr_config   config;       /* as the agent last had it */
	struct tr_list     settings;     /* still to be set, in order: tr_setting */
	bool               dirty_main, dirty_at, dirty_history, dirty_config;
	bool               recorded;     /* it is among the sessions that listSessions tells */

	/* the link */
	enum tr_link            link;
	struct tr_http_request *link_request;
	struct event           *link_timer;
	void                  (*link_then)(struct troupe_session *s);
	unsigned                tries;         /* failed, in a row */
	int64_t                 failing_ms;    /* since when; 0: not */
	int64_t                 crashes[TR_CRASHES_MAX];
	unsigned                crash_count;
	char                    told_state[16]; /* sandbox.state as last told, perhaps before we slept; "": nothing yet */
	bool                    reattaching;   /* to be told when the stream is open */
	struct tr_list          left;          /* instances to clean up: tr_left */
	void                  (*clean_then)(struct troupe_session *s);
	unsigned                sweep;         /* how often so far */
	bool                    must_sweep;
	void                  (*swept_then)(struct troupe_session *s);
	struct tr_left         *looking_at;
	uint64_t                looks;         /* how many so far */
	void                  (*looked_then)(struct troupe_session *s);
	struct tr_bytes         family;        /* of the server (sweep_script.h); empty: not known */
	struct tr_bytes         swept;         /* the same, with whom this sweep has signalled */
	struct tr_http_request *family_request;
	struct tr_stream        stream;

	/* booting */
	enum tr_boot_step   step;
	struct tr_ask       boot;
	struct tr_acp_agent caps;
	struct tr_bytes     initialized;  /* initialize's result */
	unsigned            login;        /* methods tried */
	struct event       *boot_timer;
	struct tr_list      held;         /* came before the session was bound: tr_held */
	size_t              held_count, held_bytes;
	unsigned            replayed;     /* updates that a load repeated */

	/* prompts */
	struct tr_list    asked;    /* tr_asked */
	struct tr_list    queue;    /* waiting, in order: tr_prompt */
	size_t            queued;
	struct tr_prompt *turn;     /* the running one */
	struct tr_ask     ask;      /* its request */
	int64_t           ended_ms; /* when the last response came, monotonic; 0: none yet */
	struct tr_list    settled;  /* ended, not committed yet: tr_prompt */
	bool              held_awake;
	bool              cancel_said; /* the sandbox took the running turn's cancel */
	int64_t           cancel_ms, heard_ms; /* cancelled, last word of the agent: both of the running turn, monotonic */
	int64_t           stall_ms;
	struct event     *watch;    /* the next of both that is overdue */

	/* its life */
	enum troupe_session_how how;
	bool                    agent_given; /* by whoever opened it */
	struct troupe_call    **waiting;     /* until it is ready */
	size_t                  waiting_count;
	bool                    ending;      /* destroyed; its turn has a moment to end */
	struct event           *end_timer;

	/* settings */
	char                   *first_mode, *first_model, *first_thought; /* what a new session begins with; NULL: the agent's own */
	size_t                  settings_count;
	struct tr_ask           setting;     /* the first one's request */
	struct event           *setting_timer;
	struct tr_http_request *listing;     /* of what the agent offers: it did not say so itself */
	bool                    listed;      /* that was asked, of this instance */
	uint64_t                config_told; /* a digest of it, as last told */

	/* small messages */
	struct tr_list          says;      /* tr_say */
	size_t                  say_count;
	uint64_t                say_number, say_committed;
	bool                    overrun;   /* more is to be said than TR_SAYS_MAX */
	struct tr_http_request *saying;
	struct tr_list          permissions;
	size_t                  permission_count;
	int64_t                 permission_ms; /* for an answer of people; 0: for ever */
	char                   *auto_approve;  /* NULL: nothing */
	struct event           *patience;      /* the next deadline */
};

/* ---- session.c */

extern const struct tr_session_ops tr_session_ops;

int64_t tr_mono_ms(void);

/* From the loop: runs as a turn of the actor. False: the session is closed or stopped, touch it no more. */
bool tr_session_turn(struct troupe_session *s, void (*run)(struct troupe_session *s, void *arg), void *arg);
/* In a turn: `then` comes from the loop when what this turn wrote is durable; not if the session is closed or stopped. */
void tr_session_after(struct troupe_session *s, void (*then)(struct troupe_session *s, uint64_t arg), uint64_t arg);
/* In a turn, at its end: writes what has changed. tr_session_turn does it by itself. */
void tr_session_save(struct troupe_session *s);

/* Where its agent works. */
const char *tr_session_cwd(const struct troupe_session *s);

void tr_session_loaded(struct troupe_session *s, int rc);

/* In a turn: one envelope becomes a SessionEvent. json has passed tr_json_check. */
void tr_session_event(struct troupe_session *s, enum tr_sender sender, struct troupe_text json);
/* In a turn: the same, of what was just built; frees it. */
void tr_session_note(struct troupe_session *s, enum tr_sender sender, struct tr_bytes *json);
/* In a turn: tells a change; value is a packed map. */
void tr_session_change(struct troupe_session *s, const char *name, struct tr_bytes *value);
/* In a turn: sandbox.state, when it is another than told last. error 0: none. */
void tr_session_state(struct troupe_session *s, const char *state, int error, const char *message);
/* The next request id, never used before on this instance; in a turn. */
void tr_session_request_id(struct troupe_session *s, char into[TR_REQUEST_ID_MAX]);
/* Fails the call, when there is one. Returns the error. */
int tr_session_fail(struct troupe_call *call, int error, const char *message);
/* 0; or why this cannot be a person, the call failed with it. NULL can. */
int tr_session_check_user(struct troupe_call *call, const char *user_id);
/* What an agent's own error is to people, its words, and to programs: appends { code, data }, of both what there is. */
int tr_session_read_error(struct troupe_text error, char words[TR_PROBLEM_WORDS], struct tr_bytes *metadata);
/* Appends "error": { group, code, message, metadata }; metadata size 0: left out. */
void tr_session_put_error(struct tr_bytes *out, int error, const char *message, struct troupe_value metadata);

/* ---- store.c */

void tr_store_main(struct troupe_session *s);
void tr_store_at(struct troupe_session *s);
void tr_store_history(struct troupe_session *s);
void tr_store_config(struct troupe_session *s);
void tr_store_record(struct troupe_session *s);                 /* as listSessions tells it */
void tr_store_put_record(const struct troupe_session *s, struct tr_bytes *out);
void tr_store_forget(struct troupe_session *s);                 /* it was never made: its items go */
void tr_store_left(struct troupe_session *s, struct tr_left *left); /* with what is known of it now */
void tr_store_hand_over(struct troupe_session *s, const struct tr_left *left); /* the server ends it */
void tr_store_hand_over_item(struct troupe_session *s, const char *server_id, struct troupe_value item); /* the same */
void tr_left_free(struct tr_left *left);
struct troupe_text tr_store_main_key(const char *session_id, char into[TR_ITEM_KEY_MAX]);
void tr_store_forget_record(struct troupe_session *s);          /* it was never made */
void tr_store_block(struct troupe_session *s);                  /* of the index: it is full */
void tr_store_prompt(struct troupe_session *s, const struct tr_prompt *p); /* open: whole; ended: what it came to */
void tr_store_permission(struct troupe_session *s, const struct tr_permission *p);
void tr_store_resolved(struct troupe_session *s, const struct tr_permission *p, const char *reply, const char *user_id);
void tr_store_forget_permission(struct troupe_session *s, const char *permission_id);
void tr_store_instance(struct troupe_session *s);               /* it is, or is about to be: somebody must end it one day */
void tr_store_cleaned(struct troupe_session *s, const char *server_id);
void tr_store_family(struct troupe_session *s);
void tr_store_big(struct troupe_session *s, uint64_t event_index, struct troupe_text json);
/* Of all that is read when the actor wakes. */
struct troupe_text tr_store_open_prefix(const struct troupe_session *s, char into[TR_ITEM_KEY_MAX]);
/* Keys of items that are looked up one by one. */
struct troupe_text tr_store_done_key(const struct troupe_session *s, char into[TR_ITEM_KEY_MAX], const char *prompt_id);
struct troupe_text tr_store_resolved_key(const struct troupe_session *s, char into[TR_ITEM_KEY_MAX], const char *permission_id);
/* Keys of sessions that are not open, perhaps: of a block of the index, of where it is. */
struct troupe_text tr_store_block_key(const char *session_id, char into[TR_ITEM_KEY_MAX], uint64_t block);
struct troupe_text tr_store_at_key(const char *session_id, char into[TR_ITEM_KEY_MAX]);
struct troupe_text tr_store_big_key(const char *session_id, char into[TR_ITEM_KEY_MAX], uint64_t event_index);

/* ---- load.c */

/* Reads the items back; tr_session_loaded comes in a turn, perhaps at once. rc: 0 or TROUPE_ESTORE. */
void tr_session_load(struct troupe_session *s);
/* Reads where it is: the newest event's index, and the seqs of its block that is not full. */
uint64_t tr_store_read_at(struct troupe_value v, int64_t seqs[TR_INDEX_BLOCK]);
/* Reads a full block; what is missing in front is unknown. */
void tr_store_read_seqs(struct troupe_value list, size_t count, int64_t seqs[TR_INDEX_BLOCK]);
/* An ended permission request: did its agent go away? */
bool tr_store_read_expired(struct troupe_value v);
/* What an ended prompt came to: fills state, error, message, metadata, stop_reason. False: it has not ended. */
bool tr_store_read_done(struct troupe_value v, struct tr_prompt *ret);

/* ---- list.c */

int tr_list_sessions(struct troupe_call *call, const char *cursor, uint32_t limit);
int tr_list_events(struct troupe_call *call, const char *session_id, uint64_t after, uint32_t limit);
int tr_list_missing(struct troupe_call *call, const char *session_id);
int tr_list_transcript(struct troupe_call *call, const char *session_id);
size_t tr_list_envelope_key(struct troupe_value event, char into[TR_ITEM_KEY_MAX]);

/* ---- link.c */

/* Starts to connect unless that is under way. From anywhere: goes on from the loop. */
void tr_link_connect(struct troupe_session *s);
void tr_link_found(struct troupe_session *s); /* from the loop: url and token are good */
/* From the loop: the way to the sandbox is broken; look again. */
void tr_link_trouble(struct troupe_session *s, const char *why);
/* From the loop: what came of a request to the agent means something for the way there, or for the instance, and is dealt with.
 * unsent: it is to be sent once more. False: it concerns the request alone. */
bool tr_link_problem(struct troupe_session *s, const struct tr_problem *p, bool unsent);
/* In a turn: we stop trying. Who waits fails with the error. */
void tr_link_give_up(struct troupe_session *s, int error, const char *message);
/* In a turn: the instance is gone, or we are done with it. The running prompt fails with the error, permissions expire; what waits
 * goes on with a new instance. reason: as in the log (spec 4.4). */
void tr_link_gone(struct troupe_session *s, int error, const char *reason, const char *message);
/* In a turn: the same because somebody wants it: it says nothing about the agent, and the next one is made at once. */
void tr_link_restart(struct troupe_session *s, int error, const char *reason, const char *message);
/* The instance is bound, or found again: read its stream. */
void tr_link_up(struct troupe_session *s);
/* All of the way is good, its stream too: failures are counted anew. */
void tr_link_well(struct troupe_session *s);
/* In a turn: the instance is given up, without a word on what comes then. */
void tr_link_end_instance(struct troupe_session *s, int error, const char *reason, const char *message);
/* One timer, one request at a time for all that the link does. ms negative: off. */
void tr_link_timer(struct troupe_session *s, int ms, void (*then)(struct troupe_session *s));
void tr_link_init(struct troupe_session *s);
void tr_link_close(struct troupe_session *s);
/* METHOD url+path; path begins with "/v1". */
struct tr_http_request *tr_session_http(struct troupe_session *s, struct tr_http_options *o, const char *path);
/* "/v1/acp/SERVER" into `into`. */
const char *tr_session_path(const struct troupe_session *s, char into[TR_SERVER_ID_MAX + 16]);

/* ---- place.c */

/* In wake: which sandbox these options mean. 0, or why not, refused with a sentence. */
int  tr_session_place(struct troupe_session *s, const struct troupe_session_options *o);
/* From the loop: finds it, then tr_link_found. mend: it was found, and does not answer. */
void tr_link_place(struct troupe_session *s, bool mend);
/* In a turn: gives it up. As troupe_session_renew. */
int  tr_session_renew(struct troupe_session *s);

/* ---- boot.c */

void tr_boot_init(struct troupe_session *s);
void tr_boot_start(struct troupe_session *s);      /* from the loop */
void tr_boot_stop(struct troupe_session *s);       /* whatever it was doing; frees what it held */
/* In a turn: an envelope of an instance that is not bound yet. */
void tr_boot_take(struct troupe_session *s, struct troupe_text json, const struct tr_acp *e);

/* ---- stream.c */

void tr_stream_init(struct troupe_session *s);
void tr_stream_fini(struct troupe_session *s);
void tr_stream_open(struct troupe_session *s);     /* from the loop: reads on from `last` */
void tr_stream_close(struct troupe_session *s);
void tr_stream_again(struct troupe_session *s);    /* from the loop: is all well? Reads on after a moment, longer each time */
bool tr_stream_asked(const struct troupe_session *s);   /* there is a GET, which may not have been answered yet */
bool tr_stream_healthy(const struct troupe_session *s); /* and it was */
/* From the loop: the agent is dead, it is said. What it said before is in the server's ring, its exit too: the stream is read
 * again, and when it does not tell of an exit either, the instance is gone all the same. */
void tr_stream_last_words(struct troupe_session *s);
/* In a turn: the instance is gone, and what the stream has not brought of its turn will never be known. */
void tr_stream_note_end(struct troupe_session *s);

/* ---- take.c */

/* In a turn: one event of the stream. */
void tr_take(struct troupe_session *s, const struct tr_sse_event *event);

/* ---- ask.c */

/* A request with this id is to be asked; body is taken over (NULL: it was sent in another life, perhaps). */
void tr_ask_set(struct tr_ask *ask, const char *id, struct tr_bytes *body);
/* From the loop: POSTs it. first: it makes the instance, of our agent. */
void tr_ask_send(struct tr_ask *ask, bool first);
void tr_ask_proved(struct tr_ask *ask);    /* the agent has got it */
void tr_ask_stream_opened(struct tr_ask *ask); /* the stream is healthy (again) */
void tr_ask_stream_closed(struct tr_ask *ask);
void tr_ask_take_copy(struct tr_ask *ask); /* in a turn: its copy is the response; the stream will not bring it */
void tr_ask_end(struct tr_ask *ask);       /* answered: the POST may end by itself, for a moment */
void tr_ask_drop(struct tr_ask *ask);      /* given up */
void tr_ask_init(struct tr_ask *ask, struct troupe_session *s);
void tr_ask_fini(struct tr_ask *ask);

/* ---- turn.c */

int  tr_turn_prompt(struct troupe_session *s, struct troupe_call *call, const struct troupe_prompt *p);
void tr_turn_restored(struct troupe_session *s);   /* the items are read: what was open goes on */
void tr_turn_pump(struct troupe_session *s);       /* in a turn: starts the next prompt if it can start */
void tr_turn_seen(struct troupe_session *s);       /* in a turn: something of the running turn came */
/* In a turn. The running prompt ends without a response / everything that waits fails / the first that waits does. */
void tr_turn_lost(struct troupe_session *s, int error, const char *reason, const char *message);
void tr_turn_fail_waiting(struct troupe_session *s, int error, const char *message);
void tr_turn_fail_first(struct troupe_session *s, int error, const char *message);
/* In a turn: it ended, and was taken out of the queue or is no turn any more. Freed once that is durable. */
void tr_turn_settle(struct troupe_session *s, struct tr_prompt *p);
struct tr_prompt *tr_turn_take(struct troupe_session *s); /* in a turn: the running one runs no more */
void tr_turn_tell(struct troupe_session *s, const struct tr_prompt *p); /* in a turn: turn.state */
struct tr_prompt *tr_turn_find(struct troupe_session *s, const char *prompt_id); /* that is not durably over */
const char *tr_turn_state(const struct tr_prompt *p);
void tr_prompt_free(struct tr_prompt *p);
void tr_asked_free(struct tr_asked *asked);

/* ---- life.c */

void tr_life_init(struct troupe_session *s);
void tr_life_silence(struct troupe_session *s);
void tr_life_loaded(struct troupe_session *s); /* in a turn: the items are read. It may be over by now: refusal is set */
void tr_life_made(struct troupe_session *s);   /* in a turn: it was bound for the first time */
void tr_life_ready(struct troupe_session *s);  /* in a turn: if it is, who waits for it is answered */
void tr_life_failed(struct troupe_session *s, int error, const char *message); /* in a turn: it cannot be made ready now */
/* In a turn: it was made, and cannot be as it was wanted: it is destroyed. False: its making is to be tried again. */
bool tr_life_unmade(struct troupe_session *s, int error, const char *message);
void tr_life_slept(struct troupe_session *s);  /* in a turn: it is about to be closed */
void tr_life_turn_over(struct troupe_session *s); /* in a turn: perhaps that was waited for */
int  tr_life_await(struct troupe_session *s, struct troupe_call *call, const char *agent);
int  tr_life_destroy(struct troupe_session *s, struct troupe_call *call);

/* ---- settings.c */

int  tr_settings_set(struct troupe_session *s, struct troupe_call *call, enum troupe_setting what, const char *config_id,
                     struct troupe_value value);
void tr_settings_init(struct troupe_session *s);
void tr_settings_read(struct troupe_session *s, enum tr_setting_kind kind, char *name, struct troupe_value value, bool first);
void tr_settings_restored(struct troupe_session *s); /* the items are read */
/* In a turn: the session is bound to a new instance, which gave this result; what the record has is to be set again. first: it
 * was made just now, and is to be as the options want it. */
void tr_settings_bound(struct troupe_session *s, struct troupe_text result, bool first);
void tr_settings_seen(struct troupe_session *s, struct troupe_text update, const char *kind); /* in a turn: it was changed */
void tr_settings_pump(struct troupe_session *s);     /* in a turn: sets the next, if it can be */
bool tr_settings_waiting(const struct troupe_session *s); /* a prompt would not run as it was meant */
/* In a turn: the instance is gone. Those that somebody waits for fail; the others are set in the next one. */
void tr_settings_lost(struct troupe_session *s, int error, const char *message);
void tr_settings_unheard(struct troupe_session *s);  /* nobody waits for them any more */
void tr_settings_silence(struct troupe_session *s);  /* nothing may call back any more */
void tr_settings_free(struct troupe_session *s);

/* ---- cancel.c */

int  tr_turn_cancel(struct troupe_session *s, struct troupe_call *call, const char *prompt_id, const char *user_id);
void tr_turn_stop(struct troupe_session *s); /* in a turn: cancels the running one */
int  tr_turn_restart(struct troupe_session *s, struct troupe_call *call, const char *user_id);
void tr_turn_queue(const struct troupe_session *s, struct tr_bytes *out);
void tr_cancel_init(struct troupe_session *s);
void tr_cancel_say(struct troupe_session *s);      /* in a turn: if the running turn's cancel is still to be said */
/* In a turn: the running prompt was cancelled before the agent can have seen it. */
void tr_cancel_unsent(struct troupe_session *s);
void tr_watch_begin(struct troupe_session *s);     /* a turn began, or goes on after we were away */
void tr_watch_turn(struct troupe_session *s);      /* there is another time to be watched */
void tr_watch_heard(struct troupe_session *s);     /* in a turn: the agent said something */

/* ---- say.c */

/* In a turn: sent after the commit, in order. permission_id: whose answer it is; NULL: none. Empties body. */
void tr_say(struct troupe_session *s, struct tr_bytes *body, const char *permission_id);
bool tr_say_waits(const struct troupe_session *s, const char *permission_id); /* is its answer still to be sent? */
/* In a turn: session/cancel of the running turn. It must not reach the agent after the next prompt. */
void tr_say_cancel(struct troupe_session *s, struct tr_bytes *body);
bool tr_say_cancels(const struct troupe_session *s); /* is one on its way, or to be sent? */
void tr_say_forget_cancel(struct troupe_session *s); /* that turn is over: not to be sent, if that can still be */
void tr_say_drop(struct troupe_session *s);

/* ---- permission.c */

void tr_permission_asked(struct troupe_session *s, const struct tr_acp *e); /* in a turn; the event is logged */
void tr_permission_refuse(struct troupe_session *s, const struct tr_acp *e, int code, const char *message); /* in a turn */
int  tr_permission_respond(struct troupe_session *s, struct troupe_call *call, const char *permission_id,
                           const char *reply, const char *user_id);
void tr_permissions_list(const struct troupe_session *s, struct tr_bytes *out);
void tr_permissions_init(struct troupe_session *s);
void tr_permissions_watch(struct troupe_session *s); /* in a turn: there are deadlines, perhaps */
bool tr_permissions_open(const struct troupe_session *s); /* does some request wait for an answer? */
void tr_permissions_expire(struct troupe_session *s); /* in a turn: the instance is gone */
void tr_permissions_cancel(struct troupe_session *s, const char *reason, const char *user_id); /* in a turn: answers all */
void tr_permissions_say_again(struct troupe_session *s); /* in a turn: answers that may not have been sent */
void tr_permission_said(struct troupe_session *s, const char *permission_id); /* in a turn: the sandbox took it */
void tr_permission_free(struct troupe_session *s, struct tr_permission *p);

/* ---- clean.c */

/* From the loop: ends what we left behind, then `then`. */
void tr_clean_start(struct troupe_session *s, void (*then)(struct troupe_session *s));

/* ---- sweep.c */

/* From the loop: ends such processes, then `then`. Uses the link's timer and request. some_hang: they get a moment to end by
 * themselves, and must not stay; else a sandbox that does not run the script is left alone with what there may be. */
void tr_sweep(struct troupe_session *s, bool some_hang, void (*then)(struct troupe_session *s));
/* From the loop: what is below this one's agent is noted durably, then `then`. Uses the link's request. */
void tr_family_look(struct troupe_session *s, struct tr_left *left, void (*then)(struct troupe_session *s));
/* Asks for the server's family, in the background. */
void tr_family_note(struct troupe_session *s);
void tr_family_note_missing(struct troupe_session *s); /* the same, unless it is known or asked for */
void tr_family_drop(struct troupe_session *s);
void tr_family_forget(struct troupe_session *s); /* in a turn */

/* ---- sandbox.c */

const struct tr_http_port *tr_sandbox_http(const struct tr_sandbox *sandbox);
struct tr_clock tr_sandbox_clock(const struct tr_sandbox *sandbox);
const struct tr_sandbox_times *tr_sandbox_times(const struct tr_sandbox *sandbox);
struct event_base *tr_sandbox_base(struct tr_sandbox *sandbox);
struct tr_places *tr_sandbox_places(struct tr_sandbox *sandbox);
struct tr_debts *tr_sandbox_debts(struct tr_sandbox *sandbox);
/* One more event was taken, of any session: how many were before. */
uint64_t tr_sandbox_took(struct tr_sandbox *sandbox);
/* provider_cwd: what the sandbox's provider suggests; NULL: nothing. */
const char *tr_sandbox_cwd(const struct tr_sandbox *sandbox, const char *provider_cwd);
/* The server's own sandbox: where, without a slash at its end, and what it is called. False: there is none. Lends. */
bool tr_sandbox_own(struct tr_sandbox *sandbox, const char **url, const char **name);
bool tr_sandbox_own_is_local(const struct tr_sandbox *sandbox);
/* NULL: there is none of this name. options: JSON, for it alone; NULL: the server's. */
struct tr_provider *tr_sandbox_provider(struct tr_sandbox *sandbox, const char *name, const char *options);
void tr_sandbox_add_provider(struct tr_sandbox *sandbox, struct tr_provider *p); /* it is the sandbox's from here on */
const char *tr_sandbox_offers(const struct tr_sandbox *sandbox, size_t index); /* NULL: no more */
const char *tr_sandbox_agent(const struct tr_sandbox *sandbox);
int64_t tr_sandbox_permission_ms(const struct tr_sandbox *sandbox);
bool tr_sandbox_disposes(const struct tr_sandbox *sandbox); /* of agents whose actors sleep */
bool tr_sandbox_pauses(const struct tr_sandbox *sandbox);   /* while their actors sleep */
const char *tr_sandbox_auto_approve(const struct tr_sandbox *sandbox);

#endif
