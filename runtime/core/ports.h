/* SPDX-License-Identifier: Apache-2.0 */
/* What the heart needs of the world: four small structs of functions. store and clock are given once, to tr_core_new;
 * a peer comes with each connection; session is given once and may be NULL (then troupe_session_open fails).
 *
 * The store's form is asynchronous: what is asked is answered by callback, on the loop's thread, before
 * the call returns or from any later turn of the loop. So:
 *
 * - Arguments (texts, keys, places) are lent for the call only: a store that answers later copies them.
 *   The one exception is a commit's batch, which is lent until its on_done. What a callback is given is
 *   lent for its duration.
 * - Every request is answered, once; a list by its rows and an end, one right behind the other, all
 *   from one state of the data. Reads may be asked from inside of any callback, a commit may not.
 * - Any number of reads may be under way, beside one commit and one clean. Reads are answered in the
 *   order in which they were asked. Between a read and a commit there is no order: either may be
 *   answered first.
 * - A read finds all that was committed, and told by on_done, before it was asked. Whatever is
 *   committed from then until it is answered it finds whole or not at all. Nothing that is not durable
 *   by the time of its answer.
 *
 * For what a read may not have found yet the core sees itself: an actor that is awake is the truth
 * about itself (roster.c, alarm.c), items are laid over what is read (overlay.h), a page of the log
 * that is older than what was sent is not the last (replay.c), and a search is repeated when its actor
 * has gone meanwhile (roster.c). */
#ifndef TR_CORE_PORTS_H
#define TR_CORE_PORTS_H

#include "proto/value.h"
#include "runtime/base/limits.h"
#include "runtime/core/spaces.h"
#include "runtime/troupe.h"

/* ------------------------------------------------------------------ store */

/* An actor that nobody puts elsewhere is here. */
#define TR_NAMESPACE_DEFAULT "default"

/* Who an actor is; never changes. Name and key are its own within its namespace. num is the store's short name for it, never
 * used twice. */
struct tr_actor_row {
	uint64_t    num;
	const char *id;         /* 30 characters [0-9a-z] */
	const char *name;       /* of its kind */
	const char *key;        /* canonical (proto/key.h) */
	const char *namespace;
	int64_t     created_ms;
};

enum tr_op_kind {
	TR_OP_CREATE,  /* the actor: key holds "id\0name\0key\0namespace\0", seq its created_ms */
	TR_OP_DESTROY, /* the actor, its state, log, items, alarms and busy mark. May take effect on the bulk of it later, but is
	                  never seen again, also after a crash. Items whose key begins with TR_OWED are kept: they become
	                  items of TR_NOBODY, with the actor's number (20 digits) and a '/' behind the prefix */
	TR_OP_STATE,   /* value: its kept fields, replacing the former */
	TR_OP_APPEND,  /* value: one log entry, at seq; seqs of an actor come without holes */
	TR_OP_PUT,     /* an item of the actor's own: key, value */
	TR_OP_DELETE,  /* the item `key`; it may be missing */
	TR_OP_BUSY,    /* this actor has work that goes on without clients: wake it at the next start */
	TR_OP_IDLE,    /* no longer */
	TR_OP_ALARM,   /* something to be done at a time: seq is that time (ms since 1970), key its id (8 bytes, big endian), which
	                  is new to the actor; value says what */
	TR_OP_DISARM   /* the alarm `key` is no more; it may be missing */
};

/* Where an alarm stands among those of all actors: in this order. */
struct tr_alarm_place { int64_t at_ms; uint64_t actor, id; };

/* The number of no actor. Items may be put and deleted under it, got and scanned, as if it existed; nothing else. They are
 * the server's own: what has to be done for actors that are gone. */
#define TR_NOBODY 0

/* key and value lie in the batch's bytes, at these places. */
struct tr_op {
	enum tr_op_kind kind;
	uint64_t        actor;
	uint64_t        writer;               /* whose turn it was; nothing that a store has to know */
	uint64_t        seq;
	size_t          key_at, key_size;     /* items: at most TR_ITEM_KEY_MAX */
	size_t          value_at, value_size;
};

struct tr_batch {
	struct tr_op   *ops;
	size_t          count, room;
	struct tr_bytes bytes;
	bool            alone; /* nobody would be kept waiting: commit may take its time before it returns */
};

struct tr_log_entry { uint64_t seq; struct troupe_value value; };

struct tr_store_ops {
	/* By id when id is not NULL, else by namespace, name and canonical key. rc: 0, TROUPE_ENOTFOUND, TROUPE_ESTORE. seq: of its
	 * newest log entry, 0 for none; state.size 0: none was stored. */
	void (*find)(void *ctx, const char *id, const char *namespace, const char *name, const char *key,
	             void (*on_found)(void *arg, int rc, const struct tr_actor_row *row, struct troupe_value state, uint64_t seq),
	             void *arg);
	/* Rows of a namespace in order of num, > after, at most limit; name NULL: of every kind. on_row once for each, then once
	 * with row NULL. */
	void (*list)(void *ctx, const char *namespace, const char *name, uint64_t after, unsigned limit,
	             void (*on_row)(void *arg, int rc, const struct tr_actor_row *row), void *arg);
	/* Log entries with seq > after, oldest first; stops before max_events or max_bytes is passed, but gives one at least when
	 * there is one. more: there are others behind these. */
	void (*read_log)(void *ctx, uint64_t actor, uint64_t after, unsigned max_events, size_t max_bytes,
	                 void (*on_page)(void *arg, int rc, const struct tr_log_entry *entries, size_t count, bool more), void *arg);
	/* Items of an actor: one (rc TROUPE_ENOTFOUND), or those whose key begins with prefix and is > after (size 0: all; else it
	 * begins with prefix, too), at most limit (0: no limit), in byte order, then once with key.data NULL. */
	void (*get)(void *ctx, uint64_t actor, struct troupe_text key,
	            void (*on_value)(void *arg, int rc, struct troupe_value value), void *arg);
	void (*scan)(void *ctx, uint64_t actor, struct troupe_text prefix, struct troupe_text after, unsigned limit,
	             void (*on_item)(void *arg, int rc, struct troupe_text key, struct troupe_value value), void *arg);
	/* As scan, but the keys only: no value is read. */
	void (*keys)(void *ctx, uint64_t actor, struct troupe_text prefix,
	             void (*on_key)(void *arg, int rc, struct troupe_text key), void *arg);
	/* Actors marked busy; as list. */
	void (*busy)(void *ctx, void (*on_row)(void *arg, int rc, const struct tr_actor_row *row), void *arg);
	/* The alarms of an actor, in order of id: on_alarm for each, then once with value.data NULL. */
	void (*alarms)(void *ctx, uint64_t actor,
	               void (*on_alarm)(void *arg, int rc, uint64_t id, int64_t at_ms, struct troupe_value value), void *arg);
	/* The alarms of all actors behind this place, in order, at most limit (up to TR_ALARMS_AT_ONCE): on_due for each, then
	 * once with row NULL. What it costs does not depend on how many there are. */
	void (*due)(void *ctx, const struct tr_alarm_place *after, unsigned limit,
	            void (*on_due)(void *arg, int rc, const struct tr_alarm_place *place, const struct tr_actor_row *row), void *arg);
	/* All of the batch or nothing, durable before on_done: rc 0, TROUPE_EFULL, TROUPE_ESTORE. The batch is lent until
	 * on_done, and does not change. One commit at a time. */
	void (*commit)(void *ctx, const struct tr_batch *batch, void (*on_done)(void *arg, int rc), void *arg);
	/* A number for an actor that is to be made: never one that was given since the data was opened, or that
	 * any writer's commit has used. At once: a writer is the only one, or has a range of its own. */
	uint64_t (*new_actor)(void *ctx);
	/* Does a bounded piece (a few ms) of what destroyed actors left to delete. more: it is worth asking
	 * again. One at a time, beside commits. */
	void (*clean)(void *ctx, void (*on_done)(void *arg, bool more), void *arg);
};

struct tr_store {
	const struct tr_store_ops *ops;
	void       *ctx;
	uint64_t    boots;      /* how often this data was opened, 1 the first time: the actors' generation */
	const char *epoch;      /* names this data directory for ever: [0-9a-z]{16} */
};

/* ------------------------------------------------------------------ clock */

struct tr_timer;

struct tr_clock_ops {
	int64_t (*now_ms)(void *ctx);  /* since 1970 */
	int64_t (*mono_ms)(void *ctx); /* only ever grows */
	/* fire is called from the loop, never from inside these. A timer fires once for each set. */
	struct tr_timer *(*timer_new)(void *ctx, void (*fire)(void *arg), void *arg);
	void (*timer_set)(struct tr_timer *t, int64_t delay_ms); /* again: replaces; negative: off */
	struct tr_timer *(*timer_free)(struct tr_timer *t);      /* takes NULL, returns NULL */
};

struct tr_clock { const struct tr_clock_ops *ops; void *ctx; };

/* ------------------------------------------------------------------ peer */

/* One encoded message, shared by reference among the outboxes of all who get it. In front of data there are
 * TR_FRAME_ROOM bytes that the gate may overwrite (a WebSocket header: server frames are not masked, so it is the
 * same for all). One thread only. */
#define TR_FRAME_ROOM 16
struct tr_frame {
	unsigned refs;
	bool     text;  /* a text message, else binary */
	size_t   size;
	uint8_t  bytes[]; /* TR_FRAME_ROOM, then the payload */
};
static inline uint8_t *tr_frame_payload(struct tr_frame *f) { return f->bytes + TR_FRAME_ROOM; }
struct tr_frame *tr_frame_new(const void *payload, size_t size, bool text); /* refs 1 */
struct tr_frame *tr_frame_ref(struct tr_frame *f);
struct tr_frame *tr_frame_unref(struct tr_frame *f); /* takes NULL, returns NULL */

struct tr_peer_ops {
	/* Puts it into the peer's outbox, which takes a reference. When the outbox is full the peer closes itself with
	 * message.backlog_full (tr_conn_closed follows from the loop, not from inside). */
	void (*send)(void *peer, struct tr_frame *f);
	/* Bytes that wait in the outbox. When it falls below half of TR_OUTBOX_BYTES_MAX after having been above, or empties,
	 * the gate calls tr_conn_drained. */
	size_t (*backlog)(void *peer);
	/* After what was sent: a Close frame, then the end; delay_ms before it (spec 9.4). tr_conn_closed follows. The
	 * reason is at most 123 bytes. Once; nothing is sent after it. */
	void (*close)(void *peer, int code, const char *reason, int delay_ms);
};

/* ------------------------------------------------------------------ session */

/* troupe_session_open and its kin go here; each as troupe.h says. The session does its durable work through
 * runtime/core/actor.h. */
struct tr_core;
struct tr_sessions;
struct tr_session_base { struct troupe_actor *actor; const struct tr_sessions *port; };

/* A port's own struct troupe_session begins with a struct tr_session_base, which the core fills in before open
 * returns to the kind. close may come outside a turn (the actor is dropped): it writes nothing. */
struct tr_session_ops {
	/* Once, when the core begins; it may be used from then on (core.h: the server's own items). */
	void (*start)(void *ctx, struct tr_core *core);
	/* An actor was destroyed, which is committed; if it owed something, that is TR_NOBODY's now. */
	void (*owed)(void *ctx, uint64_t actor);
	int (*open)(void *ctx, struct troupe_session **ret, struct troupe_actor *a, const struct troupe_session_options *o);
	struct troupe_session *(*close)(struct troupe_session *s);
	int (*prompt)(struct troupe_session *s, struct troupe_call *call, const struct troupe_prompt *p);
	int (*respond)(struct troupe_session *s, struct troupe_call *call, const char *permission_id, const char *reply,
	               const char *user_id);
	int (*set)(struct troupe_session *s, struct troupe_call *call, enum troupe_setting what, const char *config_id,
	           struct troupe_value value);
	int (*cancel)(struct troupe_session *s, struct troupe_call *call, const char *prompt_id, const char *user_id);
	int (*restart)(struct troupe_session *s, struct troupe_call *call, const char *user_id);
	void (*queue)(const struct troupe_session *s, struct tr_bytes *out);
	void (*permissions)(const struct troupe_session *s, struct tr_bytes *out);
	void (*info)(const struct troupe_session *s, struct troupe_session_info *ret);
	int (*renew)(struct troupe_session *s);
	bool (*offers)(void *ctx, const char *provider);
	int (*await)(struct troupe_session *s, struct troupe_call *call, const char *agent);
	int (*destroy)(struct troupe_session *s, struct troupe_call *call);
	int (*missing)(struct troupe_call *call, const char *session_id);
	/* Of the call's actor, whether its sessions are open or not. */
	int (*list_sessions)(struct troupe_call *call, const char *cursor, uint32_t limit);
	int (*list_events)(struct troupe_call *call, const char *session_id, uint64_t after, uint32_t limit);
	int (*transcript)(struct troupe_call *call, const char *session_id);
	/* Where the envelope of a SessionEvent lies that was too large for it: the key of an item. 0: it has its own, or is none. */
	size_t (*envelope_key)(struct troupe_value event, char into[TR_ITEM_KEY_MAX]);
};

struct tr_sessions { const struct tr_session_ops *ops; void *ctx; };

#endif
