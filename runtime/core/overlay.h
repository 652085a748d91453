/* SPDX-License-Identifier: Apache-2.0 */
/* Items that are written and not committed yet, laid over what the store has: whoever reads, reads what it
 * wrote.
 *
 *	store ◂── committed since the read was asked ◂── being committed ◂── being gathered
 *
 * Each put and delete is linked to the one before it of the same owner in the same batch, so a read looks
 * at its owner's few, however large the batch is; an owner that wrote nothing costs two comparisons. A
 * read may be answered as of any time since it was asked, so what is committed meanwhile is kept for it.
 * Only this file knows how. */
#ifndef TR_CORE_OVERLAY_H
#define TR_CORE_OVERLAY_H

#include "runtime/base/list.h"
#include "runtime/core/ports.h"

struct tr_core;

/* What an owner wrote newest in a batch: of two batches, by their numbers' last bit. */
struct tr_written { uint64_t batch; size_t newest; /* among the batch's; 0: nothing */ };
struct tr_item_write { struct tr_written *owner; size_t op, older; };

struct tr_item_change;
typedef void tr_on_read(void *arg, int rc, struct troupe_text key, struct troupe_value value);

/* One read under way. */
struct tr_read {
	struct tr_core          *core;
	struct tr_list           all;     /* in core->reads */
	const struct tr_written *written; /* its owner's two; NULL: it has gone */
	uint64_t                 owner;
	struct troupe_text       prefix;  /* lent until it ends; or the key */
	struct troupe_text       after;   /* lent until it ends */
	bool                     single;
	unsigned                 limit, asked, came, given;
	char                    *last;    /* key that the store had */
	size_t                   last_size;
	struct tr_item_change   *since;   /* committed since it was asked, newest first */
	struct tr_item_change   *pending; /* not committed when it began to be answered, newest first */
	struct tr_item_change  **over;    /* of both, what is laid over, in order of keys */
	size_t                   over_count, over_at;
	bool                     ready;   /* over is filled in */
	tr_on_read              *on_read;
	void                    *arg;
};

/* The ledger's newest write was an item of this owner. */
void tr_overlay_wrote(struct tr_core *core, struct tr_written *owner);
/* A turn has failed that began when the ledger had so many. */
void tr_overlay_undo(struct tr_core *core, size_t count);
/* The ledger is about to lose what this actor wrote. */
void tr_overlay_purge(struct tr_core *core, uint64_t writer);
/* The flight is on disk. */
void tr_overlay_committed(struct tr_core *core);

/* As the store's get and scan, for an owner: its two, and its number. get calls once, with the key; scan
 * ends with key.data NULL or an error. The memory of r is the caller's again when that comes. */
void tr_read_get(struct tr_core *core, struct tr_read *r, const struct tr_written *owner, uint64_t num);
void tr_read_scan(struct tr_core *core, struct tr_read *r, const struct tr_written *owner, uint64_t num);
/* Its owner goes: what comes is what the store has. */
void tr_read_forget(struct tr_read *r);

#endif
