/* SPDX-License-Identifier: Apache-2.0 */
/* One live actor, as the rest of the core and the session port see it: turns, its own durable items, and being kept
 * awake. Everything else an actor can do is in troupe.h. */
#ifndef TR_CORE_ACTOR_H
#define TR_CORE_ACTOR_H

#include "runtime/base/list.h"
#include "runtime/core/ports.h"

/* Runs `run` as one turn of the actor, from the loop (a stream's data, a timer). Inside a turn of the same actor it just
 * calls run. Returns what run returned; negative: everything that run wrote, published and sent is undone. */
int tr_actor_turn(struct troupe_actor *a, int (*run)(struct troupe_actor *a, void *arg), void *arg);

/* Is this a turn of it? */
bool tr_actor_turning(const struct troupe_actor *a);

/* The actor's own durable items (at most TR_ITEM_KEY_MAX bytes of key), in a space of spaces.h. In a turn;
 * written with its commit. */
void tr_actor_put(struct troupe_actor *a, struct troupe_text key, const void *value, size_t size);
void tr_actor_delete(struct troupe_actor *a, struct troupe_text key);

/* The same for an item of the server's own (core.h), whose key begins with TR_OWED. */
void tr_actor_hand_over(struct troupe_actor *a, struct troupe_text key, const void *value, size_t size);

/* For whom something is read. Whatever may go before its actor has one, and names it with each read: once it is forgotten,
 * nothing that was read for it comes any more, not even the rest of a scan whose callback forgets it. So the memory of a
 * reader, and of the args, may go right after. */
struct tr_reader { struct tr_list reads /* under way */, parts, part; };
void tr_reader_init(struct tr_reader *r);
void tr_reader_join(struct tr_reader *r, struct tr_reader *whole); /* it is forgotten with that as well */
void tr_reader_forget(struct tr_reader *r); /* it may be used again */
/* Of what a call will be answered with: forgotten when it has its answer, or goes without. */
struct tr_reader *tr_call_reader(struct troupe_call *c);

/* Reading its items, as it wrote them: also in this turn, also what is not committed yet. The callback comes
 * as a turn of the actor; not at all if the actor has gone by then, or the reader has (reader NULL: what
 * waits lives as long as the actor). Reads are answered in the order in which they were asked, but for
 * parts of scans, which may come later. */
void tr_actor_get(struct troupe_actor *a, struct tr_reader *reader, struct troupe_text key,
                  void (*on_value)(struct troupe_actor *a, void *arg, int rc, struct troupe_value value), void *arg);
void tr_actor_scan(struct troupe_actor *a, struct tr_reader *reader, struct troupe_text prefix,
                   void (*on_item)(struct troupe_actor *a, void *arg, int rc, struct troupe_text key,
                                   struct troupe_value value), void *arg);

/* A part of a scan: keys > after (which begins with prefix; size 0: from the first), at most limit (0: all). */
void tr_actor_scan_after(struct troupe_actor *a, struct tr_reader *reader, struct troupe_text prefix,
                         struct troupe_text after, unsigned limit,
                         void (*on_item)(struct troupe_actor *a, void *arg, int rc, struct troupe_text key,
                                         struct troupe_value value), void *arg);

/* A page of what is committed of its log, as of the store's read_log; lent for the callback. */
struct tr_actor_event { uint64_t seq; struct troupe_text name; int64_t at_ms; struct troupe_value data; };
void tr_actor_read_log(struct troupe_actor *a, struct tr_reader *reader, uint64_t after, unsigned max_events,
                       size_t max_bytes,
                       void (*on_page)(struct troupe_actor *a, void *arg, int rc, const struct tr_actor_event *events,
                                       size_t count, bool more), void *arg);

/* Zeroed memory that lives as long as the call, aligned for anything: what a read that answers a call needs. */
void *tr_call_alloc(struct troupe_call *c, size_t size);

/* In a turn: `then` is called from the loop once what this turn wrote is durable (rc 0), in its place among the messages
 * that the turn sends. If the commit fails, or the turn is undone, it is called with rc negative; the actor is then
 * dropped (its session closed) right after. Also called when the actor has gone: arg must outlive it. */
void tr_actor_after(struct troupe_actor *a, void (*then)(void *arg, int rc), void *arg);

/* Work that must go on without clients (a running turn, queued prompts): while held, the actor does not sleep, and it is
 * woken again at the next start of the server. Durable with the turn's commit. In a turn. */
void tr_actor_hold(struct troupe_actor *a);
void tr_actor_release(struct troupe_actor *a);

uint64_t tr_actor_num(const struct troupe_actor *a);

/* Is it going: to sleep, with its server, or for ever? What keeps it awake then is for its next life. */
bool tr_actor_leaving(const struct troupe_actor *a);
/* Is it going to sleep, and its server goes on? Not when it is destroyed, nor when its server ends. */
bool tr_actor_resting(const struct troupe_actor *a);

#endif
