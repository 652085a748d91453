/* SPDX-License-Identifier: Apache-2.0 */
/* Troupe: write an actor in C, serve it to browsers.
 *
 * A *kind* is a form to fill in: a name, the fields that outlive a restart, hooks, actions. The runtime makes one
 * actor for each key that somebody asks for, one at a time, and calls:
 *
 *   your code                     the runtime
 *   create    <------------------ this key is asked for, for the first time ever
 *   wake      <------------------ kept fields are loaded, someone is waiting
 *   admit     <------------------ may this connection or HTTP call come in?
 *   join      <------------------ a client connected             leave: it went
 *   an action <------------------ one at a time: a kind needs no locks
 *             ------------------> reply, fail, or keep the call and answer it later
 *   a queue   <------------------ a message waits, and is on disk
 *   sleep     <------------------ idle, asked to, or shutting down      kept fields are saved after it
 *   destroy   <------------------ the key is gone for good
 *
 * Each of these calls is one *turn*. What a turn writes (kept fields, published events) is committed once, and only
 * then does anybody hear of it: replies, events and prompts leave after the commit, in the order in which you made
 * them. A turn that fails (a hook or action that returns a negative TROUPE_E... code) leaves no trace: kept fields,
 * publications and broadcasts are undone; fields of your struct that are not kept are yours to put right.
 *
 * No hook may block. Everything here is called from the actor's own thread, inside a turn, unless it says otherwise.
 * "Turn-lived" memory is lent until the present turn ends. */
#ifndef TROUPE_H
#define TROUPE_H

#include "troupe_errors.h"
#include "troupe_record.h"

#define TROUPE_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

struct troupe_actor;   /* one live actor; yours from create or wake until sleep or destroy returns */
struct troupe_peer;    /* one client connection; from admit until leave returns */
struct troupe_call;    /* one action call; until you have answered it */
struct troupe_session; /* one coding agent; from open until close */

/* ------------------------------------------------------------------ the form */

/* Returned by an action that keeps its call, to answer it later from another turn of the same actor. */
#define TROUPE_LATER 1

struct troupe_action {
	const char *name;                   /* on the wire */
	int (*run)(struct troupe_actor *a, struct troupe_call *call);
	                                    /* 0: answered, or there is nothing to say (the caller gets undefined);
	                                       TROUPE_LATER; negative: the call fails with that error */
	const struct troupe_record *takes;  /* checked before run is called; NULL: look at troupe_args_value */
	bool positional;                    /* takes' fields are the arguments, in order. Else: one argument, an object
	                                       (none at all counts as {}) */
	uint32_t timeout_ms;                /* how long it may keep its call; 0: 60 s (TR_ACTION_TIME_MS) */
	bool slow;                          /* may keep it for ever */
	bool hidden;                        /* not for clients, who hear that there is no such action: for troupe_schedule */
	bool reads;                         /* changes nothing: observers may call it, too (troupe_peer_observes) */
};

/* A message in a queue: a text, a value. Numbers grow, also over restarts, and none is used twice. */
struct troupe_message {
	uint64_t            number;
	const char         *queue;
	struct troupe_value body;     /* packed; what was left out is undefined */
	int64_t             sent_ms;  /* since 1970 */
	unsigned            attempt;  /* 1: it is yours for the first time since the actor woke */
};

struct troupe_queue {
	const char *name;                   /* on the wire */
	const struct troupe_record *takes;  /* checked when a message is sent; NULL: any value */
	/* Set: the queue is worked off by itself, each message a turn, one after the other in the order in which they came.
	 * While one waits the actor is kept awake, and the next start of the server wakes it. 0: done with, the message goes
	 * with this turn's commit, so it has its effect once. TROUPE_LATER: it is kept until troupe_message_complete or _release,
	 * and those behind it wait. Negative: undone, logged, and tried again after a while that doubles from 1 s to 60 s
	 * (TR_QUEUE_RETRY_MS), those behind it waiting: give up by completing it, as m->attempt tells.
	 * Unset: messages wait until troupe_queue_take */
	int (*run)(struct troupe_actor *a, const struct troupe_message *m);
};

struct troupe_request;

struct troupe_kind {
	const char *name;                       /* the first half of an address: workspace/42. [A-Za-z0-9._-], <= 128 */
	size_t size;                            /* of your struct, which comes zeroed; 0: no struct */
	size_t peer_size;                       /* of a struct for each connection (troupe_peer_self), zeroed; 0: none */
	const struct troupe_record *state;      /* the fields that outlive sleep, stored by wire name; NULL: none. Numbers,
	                                           bool, const char * and (as an option) struct troupe_value. One added later
	                                           must be an option or have a default */
	const void *initial;                    /* what a new actor's struct starts from; NULL: zeroes */
	int  (*create)(struct troupe_actor *a); /* once ever; fill kept fields; troupe_input() is here. wake follows */
	int  (*wake)(struct troupe_actor *a);   /* each time it comes to life; those who stayed connected are there already */
	void (*sleep)(struct troupe_actor *a);  /* close what wake opened. Not called when the process dies */
	void (*destroy)(struct troupe_actor *a);/* instead of sleep, once; what it publishes nobody hears */
	int  (*admit)(struct troupe_actor *a, struct troupe_peer *p); /* negative: refused with that error */
	int  (*join)(struct troupe_actor *a, struct troupe_peer *p);  /* negative: refused as well */
	void (*leave)(struct troupe_actor *a, struct troupe_peer *p); /* p is gone: it can be read, not sent to */
	bool visitors;                          /* join and leave are called for the visitor of an HTTP call, too */
	/* At the end of a turn that changed kept fields, within that turn: what it publishes is the turn's. Not after create, sleep
	 * and destroy, nor after a turn that failed. Kept fields are to be read here; what it writes to them is put back */
	void (*changed)(struct troupe_actor *a);
	int  idle_ms;                           /* without connection, call, turn, hold or timer for so long, it sleeps;
	                                           0: 30 s (TR_IDLE_MS), negative: only when asked to */
	bool hibernate;                         /* connections that say nothing do not keep it awake: it sleeps under them */
	bool keep_sockets;                      /* plain WebSockets stay open while it sleeps, as connections do */
	int  (*subscribe)(struct troupe_actor *a, struct troupe_peer *p, const char *name);
	                                        /* negative: it may not hear this event, and is told so */
	/* Plain HTTP below /request, any method but OPTIONS: an action in all but name. Answer it with troupe_respond or in
	 * pieces, now or (TROUPE_LATER) later, or with troupe_fail. The request is lent for the call's life. Unset: 404 */
	int  (*request)(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq);
	/* Of an answer in pieces that has not been ended. open: all has left, and there is room again where a write found
	 * none. Not open: its client has gone; the call is still yours to end */
	void (*stream)(struct troupe_actor *a, struct troupe_call *c, bool open);
	/* A plain WebSocket below /websocket. admit first, then this instead of join; then its messages, one turn each; leave at
	 * the end. path: as of a request. Unset: refused */
	int  (*socket)(struct troupe_actor *a, struct troupe_peer *p, const char *path);
	void (*message)(struct troupe_actor *a, struct troupe_peer *p, const void *data, size_t size, bool text);
	const struct troupe_action *actions;    /* ends with { 0 } */
	const struct troupe_queue *queues;      /* ends with { 0 }; what a client sends to another name is passed over */
	uint32_t queue_messages;                /* that may wait in all of them together; 0: 1,000 (TR_QUEUE_MESSAGES_MAX) */
	uint32_t queue_bytes;                   /* of a body, packed; 0: 64 KiB (TR_QUEUE_BYTES_MAX) */
	int  (*submit)(struct troupe_actor *a, struct troupe_peer *p, const char *queue, struct troupe_value body);
	                                        /* negative: p may not send this, and is told so */
};

/* ------------------------------------------------------------------ the actor */

void       *troupe_self(struct troupe_actor *a);   /* your struct */
const char *troupe_id(const struct troupe_actor *a);
const char *troupe_namespace(const struct troupe_actor *a); /* "default", unless the client asked for another: a key is unique
                                                                within its namespace and kind */
size_t      troupe_key_count(const struct troupe_actor *a);
const char *troupe_key(const struct troupe_actor *a, size_t index); /* one part of the key; NULL: there is none */
int64_t     troupe_now_ms(const struct troupe_actor *a);  /* since 1970; the same all through a turn */
uint64_t    troupe_seq(const struct troupe_actor *a);     /* of the newest published event; 0: none yet */
const char *troupe_epoch(const struct troupe_actor *a);   /* names its log: seqs of another epoch mean nothing. A client that
                                                             says both learns it (proto/README.md, Resuming) */
const char *troupe_uuid(struct troupe_actor *a);          /* a new random UUID; turn-lived */

/* What the creator passed as `input`; size 0: nothing. In create only. */
struct troupe_value troupe_input(const struct troupe_actor *a);

/* Fills `into` from a packed object, or from an agent's envelope. Texts and values in it are turn-lived. TROUPE_EINVAL with a
 * sentence that names the field: return it as it is. */
int troupe_read(struct troupe_actor *a, const struct troupe_record *r, void *into, struct troupe_value object);

/* Sets a text field of your struct (kept or not) to a copy that the actor owns, and frees the copy that the field held.
 * NULL clears it. Never assign such a field another way; a text from `initial` or from the store counts as owned. */
void troupe_set_text(struct troupe_actor *a, const char **field, const char *text);

/* The same for a value of any kind (an object, a list, bytes); size 0 clears it. What is kept is stored again by each turn that
 * changed something. Returns 0; TROUPE_EBIGSTATE (larger than TR_KEPT_VALUE_BYTES_MAX, 4 MiB) or EBADVALUE (no packed value, or
 * nested deeper than 64): the field is what it was. */
int troupe_set_value(struct troupe_actor *a, struct troupe_value *field, struct troupe_value value);

/* A packed array of `count` structs, for a troupe_value field; turn-lived. */
struct troupe_value troupe_list(struct troupe_actor *a, const struct troupe_record *r, const void *items, size_t count);

/* A packed array of `count` texts; turn-lived. */
struct troupe_value troupe_texts(struct troupe_actor *a, const char *const *texts, size_t count);

/* A number as a value; turn-lived. */
struct troupe_value troupe_int(struct troupe_actor *a, int64_t v);

/* From create, wake, admit or join: fail with a sentence of your own, shown as of troupe_fail. Returns `error`, for the hook
 * to return. */
int troupe_refuse(struct troupe_actor *a, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with words of the application's own; metadata size 0: none. Returns TROUPE_EUSER. Mind which pairs make a client
 * repeat or give up (proto/README.md). */
int troupe_refuse_as(struct troupe_actor *a, const char *group, const char *code, const char *message,
                     struct troupe_value metadata);

/* Puts the actor to its final end after this turn: destroy runs, connections are closed, state and log are deleted. Not from
 * sleep. */
void troupe_destroy(struct troupe_actor *a);

/* Puts the actor to sleep after this turn, or as soon after it as no call is unanswered (one that has timed out counts as
 * answered) and no agent's prompt runs or waits; until then all goes on as ever. Timers end. Not from create or wake: there,
 * somebody waits for it, and nothing happens. POST /actors/{id}/sleep does the same from outside.
 *
 * Connections do not notice. They stay open: sleep may still send to them, leave is not called, and when the actor
 * wakes they are there again before its wake hook runs, without admit and join, with their subscriptions, their
 * parameters and their own structs (troupe_peer_self; what in there pointed to a timer, a call or into your struct is
 * stale). A message of theirs wakes the actor, as any call does. One that goes while the actor sleeps gets its leave from
 * the actor's next life: if the kind has that hook, the actor is woken for it. Plain WebSockets do the same if the kind
 * says keep_sockets; else they get their leave before sleep and are closed. All this is memory of the server's: when the
 * server ends, every socket does. */
void troupe_sleep(struct troupe_actor *a);

/* ------------------------------------------------------------------ events */

/* Publish: appended to the log under the next seq, then sent to every connection that subscribed to `name`; one that was
 * away gets it when it resumes. The event is one object: the record's fields, and `seq`. Returns the seq, or a negative
 * error: EBIGOUT (larger than TR_MESSAGE_OUT_BYTES_MAX in an encoding may still happen later: such a client gets
 * nothing of it and is closed), EINVAL (name too long, or log.epoch or log.reset, which the server says itself).
 * _value: an object gets `seq` added; anything else becomes { value, seq }. */
int64_t troupe_publish(struct troupe_actor *a, const char *name, const struct troupe_record *r, const void *from);
int64_t troupe_publish_value(struct troupe_actor *a, const char *name, struct troupe_value v);

/* Broadcast: sent to every connection that subscribed, not logged. */
int troupe_broadcast(struct troupe_actor *a, const char *name, const struct troupe_record *r, const void *from);
int troupe_broadcast_value(struct troupe_actor *a, const char *name, struct troupe_value v);

/* Sent to one connection, subscribed or not, not logged. */
int troupe_send(struct troupe_peer *p, const char *name, const struct troupe_record *r, const void *from);

/* ------------------------------------------------------------------ calls */

/* The arguments: the struct that `takes` describes (it lives as long as the call); or as they came, a packed array. */
const void         *troupe_args(const struct troupe_call *c);
struct troupe_value troupe_args_value(const struct troupe_call *c);
struct troupe_peer *troupe_caller(struct troupe_call *c); /* NULL: the connection has gone. An HTTP call's is a visitor
                                                             of its own, for as long as the call */
struct troupe_actor *troupe_call_actor(const struct troupe_call *c);

/* Answer a call; each call exactly once, after which it is gone. Return 0, so an action may return them. */
int troupe_reply(struct troupe_call *c, const struct troupe_record *r, const void *from);
int troupe_reply_int(struct troupe_call *c, int64_t v);      /* beyond 2^53: as a double */
int troupe_reply_value(struct troupe_call *c, struct troupe_value v); /* size 0: undefined */

/* Answers with a page of the log: { events: [{ seq, name, data }], nextOffset, more }, events with seq > offset, at
 * most `limit` (1 to TR_GETEVENTS_MAX). Only committed events are in it. Returns TROUPE_LATER. */
int troupe_reply_events(struct troupe_call *c, uint64_t offset, uint32_t limit);
/* The same with events as they were heard: { events: [data], nextOffset, more }. */
int troupe_reply_event_data(struct troupe_call *c, uint64_t offset, uint32_t limit);

/* Fail a call. In its action, `return troupe_fail(...)` fails the turn as well; called later, it just answers.
 * The sentence is shown to the client; TROUPE_EINTERNAL's goes to the log alone, unless --show-errors. Returns `error`. */
int troupe_fail(struct troupe_call *c, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same with something for programs beside the sentence: metadata, a packed value; size 0: none. It is copied. One that is
 * no packed value, or makes the error larger than TR_MESSAGE_OUT_BYTES_MAX, is left out. message NULL: the list's sentence. */
int troupe_fail_with(struct troupe_call *c, int error, const char *message, struct troupe_value metadata);
/* The application's own error: group `user`, any code; metadata size 0: none. Returns TROUPE_EUSER. */
int troupe_fail_user(struct troupe_call *c, const char *code, const char *message, struct troupe_value metadata);

/* ------------------------------------------------------------------ queues */

/* A client's `send` is answered when its message is on disk; with { wait: true }, when the message was completed, with the
 * response, or when its time is up. From then on a message is lost by nothing but the actor's end: it stays where it is until
 * it is completed or taken for good, and the turn that does so commits both. */

/* From the actor's own code: puts a message into one of its queues, where it is from this turn's commit on; what is sent in
 * sleep waits until somebody or the next start of the server wakes the actor. TROUPE_EQUEUEFULL, EQUEUESIZE, EARGS (not what
 * the queue takes), EINVAL (there is no such queue), each with its sentence: return it. */
int troupe_queue_send(struct troupe_actor *a, const char *queue, struct troupe_value body);

/* The same, and on_done comes once, as a turn of its own, unless the present one fails: rc 0, the message was completed
 * (response: lent, size 0 is none); ETIMEDOUT; EDRAINING, the actor sleeps, the message stays; EABORTED, the actor is destroyed.
 * timeout_ms < 0: TR_QUEUE_WAIT_MAX_MS, which is also the most. EOVERLOADED: TR_MAILBOX_MAX wait already. */
int troupe_queue_send_wait(struct troupe_actor *a, const char *queue, struct troupe_value body, int64_t timeout_ms,
                           int (*on_done)(struct troupe_actor *a, void *arg, int rc, struct troupe_value response), void *arg);

/* How many wait in all queues, those that are taken and not completed among them. */
size_t troupe_queue_count(const struct troupe_actor *a);

struct troupe_take; /* somebody who wants messages; until on_messages is called */
struct troupe_take_options {
	const char *const *queues; /* of these, a list that ends with NULL; NULL: of all without run. Copied */
	unsigned    count;         /* at most, oldest first; 0: 1. Never more than 100 (TR_QUEUE_TAKE_MAX), and no more behind
	                              the one that makes them 768 KiB (TR_QUEUE_TAKE_BYTES): so they fit an answer */
	int64_t     timeout_ms;    /* 0: only what is there; negative: as long as it takes */
	bool        completable;   /* they stay until troupe_message_complete. Else they are gone with on_messages' turn */
	/* Once, as a turn of its own, unless the turn that took fails. rc 0: here they are; count 0: time is up. EABORTED: it
	 * was cancelled, or the actor sleeps or is destroyed. Else the store's error. Negative: that turn is undone, and all
	 * of them wait again. m is lent until it returns, its elements as completable says. Not when the actor is dropped */
	int       (*on_messages)(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count);
	void       *arg;
};

/* Takes messages as soon as there are some. An actor that merely waits for messages may sleep. EUNCOMPLETED: what was taken
 * before must be completed or released first (others who wait then wait for that). EINVAL: no such queue, or it has run.
 * EOVERLOADED: TR_QUEUE_TAKES_MAX wait. EABORTED: the actor goes. ret may be NULL. */
int troupe_queue_take(struct troupe_take **ret, struct troupe_actor *a, const struct troupe_take_options *o);
/* on_messages comes with EABORTED. Not undone with a failed turn. */
void troupe_take_cancel(struct troupe_take *t);

/* Of a message that was taken to be completed, or is or was kept by run: it is done with, as of this turn, and who waits for it
 * gets the response (size 0: none). m is yours until the turn ends. ECOMPLETED: it was before, in this turn. EBIGOUT: the
 * response is larger than 1 MiB. */
int troupe_message_complete(struct troupe_actor *a, const struct troupe_message *m, struct troupe_value response);
/* It is not done: it waits again, where it was (for run: as if run had failed). m is not yours any more. Sleep does this, and
 * the death of the process. Not undone with a failed turn. */
void troupe_message_release(struct troupe_actor *a, const struct troupe_message *m);

/* ------------------------------------------------------------------ plain HTTP */

struct troupe_header { const char *name, *value; };

struct troupe_request {
	const char *method;  /* "GET" */
	const char *path;    /* with its query; to `request`, what is behind /request: "/", "/users/7?full=1". Else all of it:
	                        "/connect", "/action/add", "/request/users/7?full=1", "/websocket/chat" */
	const char *url;     /* whole, as the caller wrote it where that is known */
	const struct troupe_header *headers; /* names as they came; what is between hops, or ours, is left out */
	size_t      header_count;
	const void *body;    /* whole: the handler is called when all of it is there. An action's is not here */
	size_t      body_size;
	const char *address; /* who sent it, "192.0.2.7" or "2001:db8::7". Behind a proxy: the proxy, unless --trust-proxy */
};

/* The value of the first header of this name, compared without case; NULL: there is none. */
const char *troupe_request_header(const struct troupe_request *rq, const char *name);

/* Answers a request, once, with a whole body. status 200 to 599; headers and body are copied; Content-Length is ours.
 * Returns 0; TROUPE_EINVAL (the call is still open) when the status or a header is none. */
int troupe_respond(struct troupe_call *c, int status, const struct troupe_header *headers, size_t header_count,
                   const void *body, size_t body_size);

/* Answers a request in pieces, as a stream of server-sent events does: the head, pieces in this turn and in later ones (the
 * handler returns TROUPE_LATER), the end. Each leaves after the commit of its turn; those of a turn that fails never do. From
 * begin to end there is no time-out, and the actor stays awake. To HTTP/1.1 it goes out chunked; to HEAD only the head does.
 *
 * begin: TROUPE_EINVAL as of troupe_respond; EGONE: the client did not wait; EOVERLOADED: the actor has TR_STREAMS_MAX of them
 * open. The call is still open then: fail it, or return the error.
 * write: copies. TROUPE_EBACKLOG: nothing was taken, since more than TR_STREAM_BYTES_MAX would wait for a client that reads
 * slowly: drop the piece, or write it again when the hook `stream` says that there is room. (Who reads nothing for
 * TR_HTTP_BODY_TIME_MS is gone.) EGONE: the client has gone. EBIGOUT: one piece is larger than TR_STREAM_BYTES_MAX.
 * EINVAL: not between begin and end. size 0 writes nothing.
 * end: the call is over, also when its client has gone. EINVAL as of write.
 * troupe_fail instead of an end: the client sees the answer break off. So it does when the server drains and when the actor is
 * destroyed: then the call is over by the time that sleep or destroy is called. */
int troupe_respond_begin(struct troupe_call *c, int status, const struct troupe_header *headers, size_t header_count);
int troupe_respond_write(struct troupe_call *c, const void *data, size_t size);
int troupe_respond_end(struct troupe_call *c);

/* Answers a request with one event of the log, whole, however large: { seq, name, data } as JSON, or the part of it that a Range
 * header asks for ("bytes=A-B", at most 20 MiB at once). 404: there is none. Returns TROUPE_LATER; EINVAL as
 * troupe_respond. */
int troupe_respond_event(struct troupe_call *c, uint64_t seq);

/* ------------------------------------------------------------------ connections */

const char         *troupe_peer_id(const struct troupe_peer *p);     /* a UUID, new for each connection */
void               *troupe_peer_self(struct troupe_peer *p);         /* its struct (peer_size), from admit to leave */
bool                troupe_peer_connected(const struct troupe_peer *p); /* false: the visitor of an HTTP call, or gone */
struct troupe_value troupe_peer_params(const struct troupe_peer *p); /* size 0: none */
const char         *troupe_peer_param(const struct troupe_peer *p, const char *name); /* a text parameter, or NULL; turn-lived */
/* How it asked to be let in: the WebSocket's upgrade, the HTTP request of its call. Lent in admit, join and socket; NULL
 * after that (to a visitor of plain HTTP the request itself is given). Tokens and rvt-... are left out of it. */
const struct troupe_request *troupe_peer_request(const struct troupe_peer *p);
/* May it only watch? It showed the server's --observer-token, or asked for that itself with the parameter role: "observer". Actions
 * that are not marked `reads`, and queues, refuse observers by themselves (EFORBIDDEN); plain HTTP and WebSockets are yours. */
bool                troupe_peer_observes(const struct troupe_peer *p);
int64_t             troupe_peer_since_ms(const struct troupe_peer *p); /* when it joined */
/* To a plain WebSocket: one message. Leaves with the turn's commit. EBIGOUT: larger than TR_SOCKET_BYTES_MAX (32 MiB, also what
 * comes in); EINVAL: it is none, or has gone. Who reads too slowly is closed with message.backlog_full. */
int                 troupe_socket_send(struct troupe_peer *p, const void *data, size_t size, bool text);
/* Closes one, with this code and reason (at most 123 bytes), after what was sent. leave will be called. */
void                troupe_socket_close(struct troupe_peer *p, int code, const char *reason);
/* How the client closed it, in leave: the code (1005: none was given, 1006: it just went) and the reason, lent. */
int                 troupe_socket_closed(const struct troupe_peer *p, const char **reason);
/* Walks the joined connections (plain WebSockets are none): NULL gives the first, NULL comes after the last. Do not publish
 * or close while walking. */
struct troupe_peer *troupe_peer_next(struct troupe_actor *a, const struct troupe_peer *p);
struct troupe_peer *troupe_socket_next(struct troupe_actor *a, const struct troupe_peer *p); /* walks the plain WebSockets */
size_t              troupe_peer_count(const struct troupe_actor *a);
/* Closes it after what was sent to it; `reason` is free text, at most 123 bytes. leave will be called. */
void                troupe_disconnect(struct troupe_peer *p, const char *reason);

/* ------------------------------------------------------------------ timers */

struct troupe_timer;

/* fire runs as a turn of the actor. While a timer is set the actor does not sleep by itself; what is not freed by then ends with
 * its sleep. Not durable: set it again in wake. Setting and freeing are not undone with a failed turn. */
struct troupe_timer *troupe_timer_new(struct troupe_actor *a, void (*fire)(struct troupe_actor *a, void *arg), void *arg);
void troupe_timer_set(struct troupe_timer *t, int64_t delay_ms);   /* again: replaces; negative: off */
struct troupe_timer *troupe_timer_free(struct troupe_timer *t);    /* takes NULL, returns NULL */

/* ------------------------------------------------------------------ schedules */

/* One of this actor's own actions, to be run at a time. Lent until the turn ends. */
struct troupe_alarm {
	int64_t             id;     /* never given twice; < 2^53 */
	int64_t             at_ms;  /* since 1970 */
	const char         *action;
	struct troupe_value args;   /* a packed array */
};

/* Has an action of this actor run at `at_ms` (what is past: at once) with these arguments (a packed array, as troupe_list makes
 * one; size 0: none), as if it had been called: troupe_caller is NULL, and nobody hears the answer. `hidden` keeps clients
 * from it.
 *
 * Durable with this turn's commit, through sleep and kill -9. When it is due it wakes the actor; what became due while no
 * server ran runs when one does. Exactly once: the turn that runs it takes it away, in one commit with all that the turn
 * does. If the action fails, that is logged and its effects are undone as ever, but it is not run again. Those of one actor
 * run in order of time, and in the order in which they were set where that is the same. Time is the system's clock: if that
 * is set, what waits runs by the new time, noticed within a minute (TR_ALARM_LOOK_MS). An alarm that waits does not keep an
 * actor awake.
 *
 * *id: its number (NULL: not wanted). TROUPE_EINVAL (no such action; arguments larger than TR_ALARM_ARGS_BYTES_MAX),
 * TROUPE_EARGS (it does not take these), TROUPE_EOVERLOADED (TR_ALARMS_MAX wait), each with a sentence for a hook to return. */
int troupe_schedule(struct troupe_actor *a, int64_t at_ms, const char *action, struct troupe_value args, int64_t *id);
/* Takes it away; undone with a failed turn, like setting it. False: it has run, or was taken away. */
bool troupe_unschedule(struct troupe_actor *a, int64_t id);
/* Walks what waits, in order of time: NULL gives the first, NULL comes after the last. Do not set or take away while walking. */
const struct troupe_alarm *troupe_alarm_next(struct troupe_actor *a, const struct troupe_alarm *alarm);

/* ------------------------------------------------------------------ the agent */

/* What of a session others may want to see. Lent until the session's next turn. */
struct troupe_session_info {
	const char *agent;
	const char *sandbox_id;    /* as given, or what the server's own sandbox is called */
	const char *session_id;    /* ours: options.id */
	const char *agent_session_id; /* the agent's; NULL: it has made none yet */
	const char *status;        /* "connecting", "ready", "running", "down", "destroyed" */
	uint32_t    queued;        /* prompts waiting behind the running one */
	struct troupe_value modes, config_options; /* what may be chosen, and what is, as the agent gave it: { currentModeId,
	                              availableModes }, [ { id, category, currentValue, options ... } ]. size 0: not known */
};

struct troupe_prompt {
	const char *prompt_id, *user_id, *text;
	struct troupe_value content; /* content blocks of the Agent Client Protocol that go in front of the text, unchanged: a list of
	                                objects like { type: "image", data, mimeType }; size 0: none */
};

/* A change to be told, an object with the sessionId and:
 *
 *	turn.state            { promptId, userId, state, position, ... }. state: "queued", "running", "cancelling",
 *	                      "agent_unresponsive" (the cancel has no effect: troupe_session_restart helps), and once
 *	                      "done", "failed" or "cancelled". position: 1 is the next of those that wait, 0 does not wait; it
 *	                      falls by one with each that leaves before it. With it, where they apply: stalled (the agent has not
 *	                      said anything for stall_ms, which is no error), by (who cancelled), stopReason, error
 *	sandbox.state         { state, sandboxId, error? }. state: "connecting", "ready", "unreachable", "lost"
 *	permission.request    { permissionId, toolCall, options, availableReplies, createdAt, expiresAt? }
 *	permission.resolved   { permissionId, reply, by, reason? }. reply: "once", "always", "reject", "cancelled", "expired" (the
 *	                      agent is gone). by: who said so, null without a name. reason, when it was nobody's answer: "policy",
 *	                      "timeout", "cancel" (by whom), "turn_over", "agent_gone"
 *	session.config        { modes, configOptions }
 *	session.state         { state, agent }. state: "created", "destroyed", "resumed" */
struct troupe_session_hooks {
	/* A prompt was accepted as new: nothing of it is logged yet. Publish here what people should see of it. */
	void (*on_prompt)(struct troupe_actor *a, struct troupe_session *s, const struct troupe_prompt *p);
	/* One envelope, in stream order, exactly once (spec/sandbox-agent.md 4.2: a SessionEvent). Publish it: it is stored
	 * in the same commit that notes it as received. What is published first here is what listing gives back. */
	void (*on_event)(struct troupe_actor *a, struct troupe_session *s, struct troupe_value event);
	void (*on_change)(struct troupe_actor *a, struct troupe_session *s, const char *name, struct troupe_value value);
	/* It is over, and there is nothing left to be done for it: close it. error 0: it was destroyed; else why it could not be
	 * made or opened as `how` says. Who waited was told. */
	void (*on_end)(struct troupe_actor *a, struct troupe_session *s, int error);
};

/* What is expected of a session that is opened. */
enum troupe_session_how {
	TROUPE_SESSION_ANY,    /* one that exists, else it is made. Making it is tried again with each prompt */
	TROUPE_SESSION_NEW,    /* must not exist (EEXISTS). If it cannot be made it is over */
	TROUPE_SESSION_OLD,    /* must exist (ENOSESSION) */
	TROUPE_SESSION_RESUME  /* as well; if it was destroyed, it is one of the living again */
};

struct troupe_session_options {
	const char *id;            /* "default"; at most 64 of [A-Za-z0-9._-] */
	enum troupe_session_how how;
	const char *agent;         /* "claude", "codex", "mock" ...; NULL: the one it has, for a new one the server's --agent. Another
	                              than it has is EMISMATCH */
	const char *cwd;           /* where a new one's agent works, absolute; NULL: as the provider or the server has it */
	/* Which sandbox: a server that runs somewhere (base_url); one that a provider makes for this actor alone, once, and
	 * destroys with it (provider); else the server's first --provider, or without one its --sandbox, which is shared. */
	const char *base_url;      /* of a sandbox-agent server, http or https. A private address needs the server's
	                              --allow-private-sandboxes */
	const char *token;         /* bearer token for base_url; NULL: none */
	/* What a new session begins with, set in this order; NULL: as the agent has it. If one cannot be set there is no session:
	 * its prompts fail and say why. A session that exists keeps what was last chosen, through every restart. */
	const char *mode, *model, *thought_level;
	int64_t     permission_ms; /* an answer of people may take so long, then it is "reject" (or "cancelled", if the agent does
	                              not offer that); counted on while the server is down. 0: the server's --permission-time */
	const char *auto_approve;  /* kinds of tools, "read,search", "*" for all, that are answered "once" without asking people.
	                              The agent says itself of what kind a tool is. NULL: the server's --auto-approve */
	int64_t     stall_ms;      /* of a turn without a word of the agent, then it is told as stalled; 0: ten minutes */
	const char *provider;      /* "local": a process of its own on this machine; "daytona", "e2b" ...: README.md. Never pass
	                              on what a client says without troupe_provider_offered */
	struct troupe_value provider_options; /* an object, instead of what the server's --provider-options has; size 0: that.
	                              Kept until the sandbox is destroyed: secrets belong into the server's environment */
	const char *sandbox_id;    /* with base_url: what getSessionInfo shows. With a provider: one that exists already,
	                              PROVIDER/RAW, which is used and not destroyed */
	bool        alone;         /* where it would be a shared one on this machine, "local" is taken instead */
	bool        ask_when_lost; /* when its provider says that it is no more, wait for troupe_session_renew; else another is
	                              made at once */
	struct troupe_session_hooks hooks;
};

/* In wake. Connects in the background: returns at once; the options are copied. EINVAL when they make no sense.
 * What was open when the actor slept or the process died goes on: the stream from its last stored position, the running
 * turn, the queue. */
int troupe_session_open(struct troupe_session **ret, struct troupe_actor *a, const struct troupe_session_options *o);
/* In sleep or destroy; what is open after them is closed. Takes NULL, returns NULL. The agent goes on working; open
 * calls were answered or are dropped. */
struct troupe_session *troupe_session_close(struct troupe_session *s);

/* Takes over the call: answered with the session's record (spec/sandbox-agent.md 4.1) when it is ready, or with why it is not:
 * EEXISTS, ENOSESSION, EMISMATCH (also when it has another agent than `agent`; NULL: any), ECHOICE, what the sandbox says. */
int troupe_session_await(struct troupe_session *s, struct troupe_call *call, const char *agent);

/* Destroys it: prompts that wait fail with EDESTROYED, the running one is cancelled and given two seconds to end, the agent is
 * ended. What was logged stays. From when the call is answered (with the record) prompts are refused, until it is opened
 * with TROUPE_SESSION_RESUME. on_end follows. */
int troupe_session_destroy(struct troupe_session *s, struct troupe_call *call);

/* Fails a call that means a session which is not open: EDESTROYED, or ENOSESSION if there never was one. Returns
 * TROUPE_LATER. */
int troupe_fail_session(struct troupe_call *call, const char *session_id);

/* Takes over the call: it is answered with { promptId, stopReason } when the turn ends, or with an error. The same
 * prompt_id again is the same prompt: the call waits for it or gets its result, and on_prompt is not called. Texts are
 * copied. Returns TROUPE_LATER or an error, for the action to return. The action must be marked slow.
 * EAGENT and EAUTH, when the agent answered with a JSON-RPC error, have its { code, data } as metadata: code if it is a whole
 * number, data if there is any and it is no larger than TR_AGENT_ERROR_DATA_MAX (16 KiB). */
int troupe_session_prompt(struct troupe_session *s, struct troupe_call *call, const struct troupe_prompt *p);

/* Answers an open permission request: reply is "once", "always" or "reject". Takes over the call (answered with
 * undefined once it is stored). The first answer counts. "once" chooses what the agent offers for this one time, never more.
 * EPERMISSION, ERESOLVED, EEXPIRED, EREPLY (the request stays open), EINVAL. */
int troupe_session_respond(struct troupe_session *s, struct troupe_call *call, const char *permission_id,
                           const char *reply, const char *user_id);

/* What people choose. TROUPE_OPTION_BY_ID names an option by its config_id, the others go by what they are. */
enum troupe_setting { TROUPE_MODE, TROUPE_MODEL, TROUPE_THOUGHT_LEVEL, TROUPE_OPTION_BY_ID };

/* Sets one: value is a text, or for some options a boolean. Takes over the call (answered with undefined when the agent has
 * taken it). Waits until the agent is there; prompts that are accepted later run after it. Set again by itself in each
 * new life of the agent. ECHOICE (the sentence names what may be chosen), EAGENT, EINVAL, EOVERLOADED. Returns as
 * troupe_session_prompt. */
int troupe_session_set(struct troupe_session *s, struct troupe_call *call, enum troupe_setting what, const char *config_id,
                       struct troupe_value value);

/* Stops a prompt. One that waits leaves the queue, and who waits for it hears ECANCELLED. The running one (prompt_id NULL, or its
 * id) is told to the agent, whatever waits, and its open permission requests are answered "cancelled"; its turn ends
 * when the agent says so, most often with stopReason "cancelled". An agent that says nothing for ten seconds (TR_CANCEL_MS) is
 * told as "agent_unresponsive"; it may still end the turn later. Takes over the call, answered once it is stored, from when
 * on it has its effect whatever happens to this process: { promptId, state }, state "cancelled" (it is over),
 * "cancelling" or "agent_unresponsive" (again, for one that is being cancelled). EOVER, ENOPROMPT. user_id: who wants it;
 * may be NULL. */
int troupe_session_cancel(struct troupe_session *s, struct troupe_call *call, const char *prompt_id, const char *user_id);

/* Ends the agent's process and makes a new one, that is given the conversation as its agent can take it. The running prompt fails
 * with ERESTARTED, or EUNRESPONSIVE if the agent was; its permission requests expire; the queue goes on. Takes over the call,
 * answered with undefined once it is stored. */
int troupe_session_restart(struct troupe_session *s, struct troupe_call *call, const char *user_id);

/* What runs and what waits, oldest first; turn-lived: { running: null or { promptId, userId, text, createdAt, since, state,
 * stalled }, queued: [{ promptId, userId, text, createdAt }] }, times in ms, states as of turn.state. Long texts are cut to
 * their share of TR_QUEUE_TEXT_BYTES and marked truncated: true. Size 0: not known yet, in the moment after open. */
struct troupe_value troupe_session_queue(struct troupe_session *s);
/* Gives the actor's sandbox up, which is destroyed, and makes another; what runs in it ends with sandbox.lost, the history goes on.
 * For one that was lost as well. 0; EINVAL: it was not made for this actor; EOVERLOADED: it is being made just now. */
int troupe_session_renew(struct troupe_session *s);

/* May people choose this provider? Those that the server's --provider names. NULL: is there any? */
bool troupe_provider_offered(const struct troupe_actor *a, const char *name);

/* The requests that wait for an answer, oldest first; turn-lived: { permissions: [as permission.request tells them], more }. more:
 * there are others, which did not fit. Size 0: as above. */
struct troupe_value troupe_session_permissions(struct troupe_session *s);

/* Pages of what has been, whether a session is open or not; limit 1 to TR_GETEVENTS_MAX. Each page costs its own size, at any
 * length of the history. cursor NULL: from the beginning; one that is none counts as none. Only what is committed is told,
 * and nextCursor is left out at the end. They return TROUPE_LATER.
 *
 * { items: [SessionRecord], nextCursor? }, by createdAt, then id (spec/sandbox-agent.md 4.1). */
int troupe_reply_sessions(struct troupe_call *call, const char *cursor, uint32_t limit);
/* { items: [SessionEvent], nextCursor? }, by eventIndex: what on_event published first of each. A cursor is the last eventIndex
 * that was had, in decimal digits. ENOSESSION. */
int troupe_reply_session_events(struct troupe_call *call, const char *session_id, const char *cursor, uint32_t limit);
/* [SessionEvent], all of them; EBIGOUT when that is more than one answer holds (768 KiB): then page. */
int troupe_reply_transcript(struct troupe_call *call, const char *session_id);

void troupe_session_info(const struct troupe_session *s, struct troupe_session_info *ret);

/* ------------------------------------------------------------------ serving */

/* The whole program: options, supervisor, server, with these kinds (a list that ends with NULL). Returns the exit code.
 * `troupe serve --help` tells the options. Called once, from main. */
int troupe_main(int argc, char **argv, const struct troupe_kind *const *kinds);

#ifdef __cplusplus
}
#endif

#endif
