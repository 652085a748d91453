/* SPDX-License-Identifier: Apache-2.0 */
/* What a turn of the loop gathers: the writes that will be committed together, and everything that is held back until
 * they are: replies, events, closes, the session's prompts. One list, in the order in which things were said; released
 * after the commit, or, for the writers whose writes failed, answered with an error instead.
 *
 * The ledger knows nobody who uses it. What an item comes to is in a row that its user has (struct
 * tr_release_kind), and of whoever writes it knows a struct tr_writer. */
#ifndef TR_CORE_LEDGER_H
#define TR_CORE_LEDGER_H

#include "runtime/core/core.h"
#include "runtime/core/overlay.h"

struct tr_event;
struct tr_release;

/* Whose writes they are, and who says it: a part of an actor, or of the core. Its memory is counted, since what was said may
 * be told after its speaker has gone: each item of a ledger that names it has a reference. */
struct tr_writer {
	uint64_t num;    /* as of struct tr_op */
	unsigned refs;
	unsigned held;   /* items that name it: of the refs, these */
	bool     doomed; /* its commit failed */
	uint64_t commit; /* the number of the one that its newest write is in; 0: it has not written */
	void   (*free)(struct tr_writer *w); /* at the last reference */
};

struct tr_writer *tr_writer_ref(struct tr_writer *w); /* takes NULL, and gives it back */
void tr_writer_unref(struct tr_writer *w);            /* takes NULL */

/* The ends that an item can come to, side by side. Each gives back what the item owns; release and doom may
 * say more. */
struct tr_release_kind {
	/* What its writer wrote is on disk: it is said. */
	void (*release)(const struct tr_release *r);
	/* It is not on disk, and nobody may hear what depends on it. NULL: it is dropped. */
	void (*doom)(const struct tr_release *r, int rc);
	/* The turn that said it has failed. True: it stays, to say that it failed. NULL: it is dropped. */
	bool (*undo)(struct tr_release *r, int rc);
	/* It is not said. NULL: there are no others. */
	void (*drop)(const struct tr_release *r);
};

struct tr_release {
	const struct tr_release_kind *kind;
	struct tr_writer    *writer; /* whose writes this waits for; owns a reference; NULL: no writes */
	union {
		struct tr_event *event;                                       /* owned */
		struct { struct tr_conn *conn; struct tr_frame *frame; } send; /* own references */
		struct { struct tr_conn *conn; char *reason; int code, delay_ms; } close;
		struct troupe_call *call;
		struct { struct troupe_call *call; void *data; size_t size; } piece; /* owns data; NULL: the head */
		struct { void (*then)(void *arg, int rc); void *arg; int rc; } after;
	};
};

struct tr_ledger {
	struct tr_batch    batch;
	struct tr_release *items;
	size_t             count, room;
	struct tr_item_write *writes; /* of items, by their owners (overlay.h) */
	size_t             write_count, write_room;
	size_t             marked; /* so many of the batch's writers know their commit's number */
	size_t             seen;   /* so many of the items, from the first, are known to wait for a commit */
};

/* A place to go back to. */
struct tr_mark { size_t ops, bytes, items, writes; };

/* ---- gathering */

void tr_ledger_write(struct tr_ledger *l, enum tr_op_kind kind, uint64_t actor, uint64_t seq,
                     const void *key, size_t key_size, const void *value, size_t value_size);
/* The last write is not its own actor's, but of a turn of this one: it stands or falls with what else this one wrote. */
void tr_ledger_written_by(struct tr_ledger *l, const struct tr_writer *w);
/* The caller fills it in, at once. */
struct tr_release *tr_ledger_hold(struct tr_ledger *l, const struct tr_release_kind *kind,
                                  struct tr_writer *w);
/* then comes when this is on disk (rc 0), or is not, or its turn has failed; never from inside. */
void tr_ledger_after(struct tr_ledger *l, struct tr_writer *w, void (*then)(void *arg, int rc), void *arg);
struct tr_mark tr_ledger_mark(const struct tr_ledger *l);

/* ---- what becomes of it */

/* Forgets everything since the mark, but for what stays to say that it failed with rc. */
void tr_ledger_undo(struct tr_ledger *l, struct tr_mark mark, int rc);
/* Takes everything of one writer out, as if its commit had failed with rc: it is about to be dropped. */
void tr_ledger_purge(struct tr_ledger *l, const struct tr_writer *w, int rc);
/* Moves to `to`, in their order, the items whose writers' writes are all on disk: they wait for nothing. ended:
 * the number of the newest commit that has ended. */
void tr_ledger_sift(struct tr_ledger *l, uint64_t ended, struct tr_ledger *to);
/* Its commit has ended, well (rc 0) or not: then what the doomed said is not heard, and all else is. Empties
 * it. */
void tr_ledger_release(struct tr_ledger *l, int rc);
void tr_ledger_free(struct tr_ledger *l);

#endif
