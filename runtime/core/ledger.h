/* SPDX-License-Identifier: Apache-2.0 */
/* What a turn of the loop gathers: the writes that will be committed together, and everything that is held back until
 * they are: replies, events, closes, the session's prompts. One list, in the order in which things were said; released
 * after the commit, or, for the actors whose writes failed, answered with an error instead. */
#ifndef TR_CORE_LEDGER_H
#define TR_CORE_LEDGER_H

#include "runtime/core/core.h"

struct tr_event;

enum tr_release_kind {
	TR_RELEASE_EVENT,  /* fan out to the actor's subscribers */
	TR_RELEASE_FRAME,  /* one frame to one connection */
	TR_RELEASE_CLOSE,  /* close one connection */
	TR_RELEASE_ANSWER, /* a call's answer, which lies in the call */
	TR_RELEASE_PIECE,  /* of an answer in pieces */
	TR_RELEASE_AFTER,  /* somebody waits for the commit */
	TR_RELEASE_GONE    /* the actor's last word: forget it */
};

struct tr_release {
	enum tr_release_kind kind;
	int                  rc;    /* AFTER: what to tell; 0 unless its turn was undone */
	struct troupe_actor *actor; /* whose writes this waits for; owns a reference */
	union {
		struct tr_event *event;                                       /* owns a reference */
		struct { struct tr_conn *conn; struct tr_frame *frame; } send; /* own references */
		struct { struct tr_conn *conn; char *reason; int code, delay_ms; } close;
		struct troupe_call *call;
		struct { struct troupe_call *call; void *data; size_t size; } piece; /* owns data; NULL: the head */
		struct { void (*then)(void *arg, int rc); void *arg; } after;
	};
};

struct tr_ledger {
	struct tr_batch    batch;
	struct tr_release *items;
	size_t             count, room;
};

/* A place to go back to. */
struct tr_mark { size_t ops, bytes, items; };

void tr_ledger_write(struct tr_ledger *l, enum tr_op_kind kind, uint64_t actor, uint64_t seq,
                     const void *key, size_t key_size, const void *value, size_t value_size);
/* The last write is not its own actor's, but of a turn of this one: it stands or falls with what else this one wrote. */
void tr_ledger_writer(struct tr_ledger *l, const struct troupe_actor *a);
/* The caller fills it in. */
struct tr_release *tr_ledger_hold(struct tr_ledger *l, enum tr_release_kind kind, struct troupe_actor *actor);
struct tr_mark tr_ledger_mark(const struct tr_ledger *l);
/* Forgets everything since the mark. Answers and waiters among it are not lost: their calls are failed with
 * TROUPE_EINTERNAL, unless they were failed already (but for `running`, whose answer is merely taken back), waiters are told
 * `rc`. */
void tr_ledger_undo(struct tr_ledger *l, struct tr_mark mark, int rc, const struct troupe_call *running);

/* Takes everything of one actor out, as if its commit had failed with rc: the actor is about to be dropped. */
void tr_ledger_purge(struct tr_ledger *l, struct troupe_actor *a, int rc);

/* Commits what core's ledger holds and releases it, until nothing is left to do or a commit is under way. */
void tr_ledger_settle(struct tr_core *core);
void tr_ledger_free(struct tr_ledger *l);

#endif
