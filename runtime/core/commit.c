/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a turn of the loop: what the ledger holds is committed once, then released; or, when that fails,
 * those whose writes were in it are dropped.
 *
 * What waits for a commit is what its own actor says, from the write on until that is on disk. What an
 * actor says that has nothing to write is told at once, whoever else waits: so one that writes all the
 * time slows down nobody but itself. For that commits have numbers, and each writer knows that of its
 * newest. */
#include <assert.h>

#include "runtime/base/log.h"
#include "runtime/core/live.h"

/* NULL: it has gone, and whoever goes has no writes left. */
static struct tr_writer *writer_of(struct tr_core *core, const struct tr_op *op)
{
	struct troupe_actor *a;

	if (op->writer == core->own.num)
		return &core->own;
	a = tr_roster_by_num(core, op->writer);
	return a ? &a->writer : NULL;
}

static void drop_the_doomed(struct tr_core *core, int rc)
{
	for (struct tr_list *at = core->actors.next, *next; at != &core->actors; at = next) {
		struct troupe_actor *a = tr_container(at, struct troupe_actor, link);

		next = at->next;
		if (a->writer.doomed)
			tr_roster_drop(a, rc);
	}
}

/* Whose writes are in it: what they said is not heard. */
static void doom(struct tr_core *core, const struct tr_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->ops[i].writer == core->own.num)
			core->own.doomed = true;
		else
			tr_roster_doom(core, batch->ops[i].writer);
	}
}

static void on_committed(void *arg, int rc)
{
	struct tr_core *core = arg;
	const struct tr_batch *batch = &core->flight.batch;

	if (rc == 0)
		tr_overlay_committed(core);
	core->committing = false;
	core->ended = core->batch - 1;
	core->ledger.seen = 0; /* some of them have waited for this one only */
	core->releasing = true;
	if (rc < 0) {
		tr_error("store.commit", "failed=%s writes=%zu", troupe_error_info(rc)->name, batch->count);
		doom(core, batch);
	}
	tr_ledger_release(&core->flight, rc);
	core->own.doomed = false; /* the server goes on */
	if (rc < 0)
		drop_the_doomed(core, rc);
	core->releasing = false;
}

static void mark_writers(struct tr_core *core, struct tr_ledger *l, uint64_t commit)
{
	for (; l->marked < l->batch.count; l->marked++) {
		const struct tr_op *op = &l->batch.ops[l->marked];
		struct tr_writer *w;

		if (l->marked > 0 && op[-1].writer == op->writer)
			continue;
		w = writer_of(core, op);
		if (w)
			w->commit = commit;
	}
}

/* Whoever is told may say more. */
static void release_what_waits_for_nothing(struct tr_core *core)
{
	do {
		mark_writers(core, &core->ledger, core->batch);
		tr_ledger_sift(&core->ledger, core->ended, &core->early);
		if (core->early.count == 0)
			return;
		tr_ledger_release(&core->early, 0);
	} while (core->ledger.seen < core->ledger.count);
}

void tr_commit(struct tr_core *core)
{
	assert(!core->turning && !core->releasing); /* what is told must not be swapped away below its teller */
	while (!core->committing && (core->ledger.count > 0 || core->ledger.batch.count > 0)) {
		bool alone = core->actor_count <= 1;
		struct tr_ledger empty;

		if (!alone && core->ledger.batch.count > 0)
			release_what_waits_for_nothing(core);
		empty = core->flight;
		core->flight = core->ledger;
		core->ledger = empty;
		core->batch++;
		core->flight.batch.alone = alone;
		core->committing = true;
		if (core->flight.batch.count == 0)
			on_committed(core, 0);
		else
			core->o.store.ops->commit(core->o.store.ctx, &core->flight.batch, on_committed, core);
	}
	if (core->committing) {
		mark_writers(core, &core->flight, core->batch - 1);
		release_what_waits_for_nothing(core);
	}
}
