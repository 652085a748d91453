/* SPDX-License-Identifier: Apache-2.0 */
/* The heart, as the gate and main see it: kinds are registered, requests and connections come in, and once
 * for each turn of the loop everything that was written is committed and everything that was held back is
 * released.
 *
 * One thread. Nothing here blocks but a store's commit that was told that it may (ports.h). */
#ifndef TR_CORE_CORE_H
#define TR_CORE_CORE_H

#include "proto/client.h"
#include "runtime/core/ports.h"

struct tr_core;
struct tr_conn; /* one live connection, from tr_conn_open until tr_conn_closed */

struct tr_core_options {
	struct tr_store           store;
	struct tr_clock           clock;
	const struct tr_sessions *sessions; /* lent for the core's life; NULL: no agents here */
	size_t                    message_size; /* of one from a client, at most; 0: TR_MESSAGE_IN_BYTES_MAX */
	bool                      checks;       /* what live.h promises is asserted after each turn: for tests. Always on where
	                                           TR_CHECKS is defined, which is so in builds with sanitizers */
	bool                      show_internal; /* clients are told what TROUPE_EINTERNAL came with, instead of the log */
};

/* 0 or TROUPE_ENOMEM. */
int tr_core_new(struct tr_core **ret, const struct tr_core_options *o);
/* Everything must be closed by then (see tr_core_drain). Takes NULL, returns NULL. */
struct tr_core *tr_core_free(struct tr_core *core);

/* How large a message from a client may be, by whichever way it comes: a larger one is TROUPE_EBIGIN. */
size_t tr_core_message_size(const struct tr_core *core);

/* Registers a kind, checking its form: TROUPE_EINVAL with the reason in the log when it is not filled in
 * right. The kind is lent for the core's life. Before the first request. */
int tr_core_register(struct tr_core *core, const struct troupe_kind *kind);

/* Wakes the actors that have work to do without clients; alarms are looked at from the loop. Once, after
 * registration. */
void tr_core_start(struct tr_core *core);

/* The end of a turn of the loop: commits what was written since the last, releases what was held back.
 * Call it after each round of events; costs nothing when nothing happened. */
void tr_core_turn_end(struct tr_core *core);

/* Closes every connection (1001 ws.going_away), puts every actor to sleep, commits; on_done comes from the
 * loop when all is durable and every connection has gone. New requests are answered TROUPE_EDRAINING from
 * then on. */
void tr_core_drain(struct tr_core *core, void (*on_done)(void *arg), void *arg);

/* Nothing is gathered, and the store has been asked nothing that it has not answered: a core that is
 * drained can be freed. The server's own items may be written until then. */
bool tr_core_quiet(const struct tr_core *core);

/* The server's own items, under TR_NOBODY: what is still to be done for actors that are gone; their keys:
 * spaces.h. From the loop, outside of turns; written with the next commit. If that fails the item is as it
 * was. */
void tr_core_put(struct tr_core *core, struct troupe_text key, const void *value, size_t size);
void tr_core_delete(struct tr_core *core, struct troupe_text key);
/* From the loop, once what was put and deleted since the last turn's end is on disk (rc 0), or is not: what
 * cannot be taken back waits for it. Never from inside; comes before the core is freed, if turns go on until
 * it is quiet. arg must live until then. */
void tr_core_after(struct tr_core *core, void (*then)(void *arg, int rc), void *arg);
/* As the store's scan, with what was put and deleted and is not committed yet; but what an actor hands
 * over (actor.h) is seen when it is on disk: until then it may still be the actor's. The callback may put
 * and delete. When the drain is over: TROUPE_EDRAINING. */
void tr_core_scan(struct tr_core *core, struct troupe_text prefix,
                  void (*on_item)(void *arg, int rc, struct troupe_text key, struct troupe_value value), void *arg);

/* For /health and the log. */
struct tr_core_counts { size_t actors, conns, calls; };
void tr_core_count(const struct tr_core *core, struct tr_core_counts *ret);

/* ------------------------------------------------------------------ requests */

/* Which actor: by id (then nothing else counts but namespace and name, where given: another one's is
 * ENOTFOUND), or by namespace, name and canonical key. Lent for the call. */
struct tr_address {
	struct troupe_text  id;     /* size 0: by key */
	struct troupe_text  namespace; /* checked (tr_name_plain). size 0: with an id any, else the default one */
	struct troupe_text  name;
	struct troupe_text  key;    /* canonical: proto/key.h */
	bool                create; /* getOrCreate; else a missing actor is ENOTFOUND */
	struct troupe_value input;  /* for create; size 0: none */
	bool                observes; /* whoever asks may only watch */
};

/* An error on its way to a client. Texts are lent for the callback. Internal errors are already masked. */
struct tr_failure {
	int                 error;
	struct troupe_text  group, code, message;
	struct troupe_value metadata;
	int                 status;   /* HTTP */
	const struct tr_client_actor *actor; /* NULL: no actor was reached */
};

/* Control routes: spec/rivetkit-client.md 3. failure NULL: it worked. */
typedef void tr_on_row(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created);
void tr_core_resolve(struct tr_core *core, const struct tr_address *to, tr_on_row *on_row, void *arg); /* get, getOrCreate */
void tr_core_create(struct tr_core *core, const struct tr_address *to, tr_on_row *on_row, void *arg);  /* EDUPLICATE: metadata
                                                                  { existing_actor_id, key } */
void tr_core_destroy(struct tr_core *core, const struct tr_address *to, tr_on_row *on_row, void *arg); /* ENOTFOUND */
/* As troupe_sleep; done as soon as it may be. An actor that sleeps goes on sleeping. ENOTFOUND */
void tr_core_sleep(struct tr_core *core, const struct tr_address *to, tr_on_row *on_row, void *arg);
/* Rows of a namespace and a kind (name.size 0: of all kinds) with num > after; on_row for each, then once
 * with row NULL. */
void tr_core_list(struct tr_core *core, struct troupe_text namespace, struct troupe_text name, uint64_t after, unsigned limit,
                  tr_on_row *on_row, void *arg);

/* A stateless action: admit, run, answer. output is a packed value (size 0: undefined). on_answer comes
 * exactly once, from tr_core_turn_end or later, unless the request is abandoned. */
struct tr_action_request {
	struct tr_address   to;
	struct troupe_text  action;
	struct troupe_value args;   /* a packed array */
	struct troupe_value params; /* size 0: none */
	const struct troupe_request *request; /* for admit and join: troupe_peer_request. Copied; NULL: none */
};
/* Plain HTTP for the actor's own handler (spec 11.1). */
struct tr_raw_request {
	struct tr_address             to;
	const struct troupe_request  *request; /* copied; its path is what is behind /request */
	struct troupe_value           params;
};

/* A handler's answer; lent for the callback. */
struct tr_raw_response {
	int         status;
	const struct troupe_header *headers;
	size_t      header_count;
	bool        pieces; /* this is the head: on_piece and on_end follow */
	const void *body;
	size_t      body_size;
};

struct tr_http_call;
struct tr_response_ops {
	/* As tr_core_action's; response NULL with a failure. An actor without a handler gives an empty 404. */
	void (*on_response)(void *arg, const struct tr_failure *failure, const struct tr_raw_response *response,
	                    const struct tr_client_actor *actor);
	void (*on_piece)(void *arg, const void *data, size_t size); /* lent */
	void (*on_end)(void *arg, bool whole); /* whole false: it breaks off */
	size_t (*backlog)(void *arg);          /* bytes of pieces that the requester has not taken */
};
/* ops are lent until on_response (of a whole answer), on_end or tr_core_abandon. */
struct tr_http_call *tr_core_request(struct tr_core *core, const struct tr_raw_request *rq, const struct tr_response_ops *ops,
                                     void *arg);
/* Between its head and its end: the backlog is empty. From the loop. */
void tr_core_flowing(struct tr_http_call *call);
struct tr_http_call *tr_core_action(struct tr_core *core, const struct tr_action_request *rq,
	void (*on_answer)(void *arg, const struct tr_failure *failure, struct troupe_value output,
	                  const struct tr_client_actor *actor), void *arg);
/* A message for a queue: admit, submit, store, answer; or answer when it was completed, or its time is up
 * (completed false). A queue that the kind has not: completed, and nothing happens (spec 5.1). Else as
 * tr_core_action. EOVERLOADED comes with the metadata that makes the official client send again (8.3). */
struct tr_send_request {
	struct tr_address   to;
	struct troupe_text  queue;
	struct troupe_value body;       /* size 0: undefined */
	struct troupe_value params;     /* size 0: none */
	const struct troupe_request *request; /* as of an action */
	bool                wait;
	int64_t             timeout_ms; /* negative: none was given */
};
struct tr_http_call *tr_core_send(struct tr_core *core, const struct tr_send_request *rq,
	void (*on_sent)(void *arg, const struct tr_failure *failure, bool completed, struct troupe_value response,
	                const struct tr_client_actor *actor), void *arg);
/* The requester has gone: nothing more is called. What runs goes on; an actor that answers in pieces hears
 * of it. */
void tr_core_abandon(struct tr_http_call *call);

/* ------------------------------------------------------------------ live connections */

struct tr_conn_request {
	struct tr_address   to;
	enum tr_encoding    encoding;
	struct troupe_value params; /* size 0: none. `since` (a number) in it resumes, `epoch` says what log
	                               it counts (proto/README.md, Resuming) */
	bool                plain;  /* a plain WebSocket (spec 11.2): no Init, messages pass as they are */
	const struct troupe_request *request; /* for admit, join and socket: troupe_peer_request. NULL: none; not if it is plain */
};

/* The WebSocket is open (101 is out). Never fails: a refusal is an Error frame and a close through ops.
 * The request is copied; peer and ops are lent until tr_conn_closed. ops may be called from inside. */
struct tr_conn *tr_conn_open(struct tr_core *core, const struct tr_conn_request *rq, const struct tr_peer_ops *ops, void *peer);
/* A connection that is refused before it has an actor: the gate found the request bad. Error frame, then
 * close. */
void tr_conn_refuse(struct tr_core *core, enum tr_encoding e, int error, const char *message,
                    const struct tr_peer_ops *ops, void *peer);
/* One whole message. Bytes are lent. */
void tr_conn_message(struct tr_conn *c, const void *data, size_t size, bool text);
/* There is room in the outbox again. */
void tr_conn_drained(struct tr_conn *c);
/* The client sent a Close frame, with this code (1005: none) and reason; tr_conn_closed follows. */
void tr_conn_closing(struct tr_conn *c, int code, struct troupe_text reason);
/* The socket has gone: no call of ops for this peer from here on. Takes the connection away. */
void tr_conn_closed(struct tr_conn *c);

#endif
