/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a turn of the loop: what the ledger holds is committed once, then released; or, when that fails,
 * those whose writes were in it are dropped. */
#include <assert.h>

#include "runtime/base/log.h"
#include "runtime/core/live.h"

static void drop_the_doomed(struct tr_core *core, int rc)
{
	for (struct tr_list *at = core->actors.next, *next; at != &core->actors; at = next) {
		struct troupe_actor *a = tr_container(at, struct troupe_actor, link);

		next = at->next;
		if (a->writer.doomed)
			tr_roster_drop(a, rc);
	}
}

static void on_committed(void *arg, int rc)
{
	struct tr_core *core = arg;
	const struct tr_batch *batch = &core->flight.batch;

	if (rc == 0)
		tr_overlay_committed(core);
	core->committing = false;
	if (rc < 0) {
		tr_error("store.commit", "failed=%s writes=%zu", troupe_error_info(rc)->name, batch->count);
		for (size_t i = 0; i < batch->count; i++)
			tr_roster_doom(core, batch->ops[i].writer);
	}
	tr_ledger_release(&core->flight, rc);
	if (rc < 0)
		drop_the_doomed(core, rc);
}

void tr_commit(struct tr_core *core)
{
	assert(!core->turning);
	while (!core->committing && (core->ledger.count > 0 || core->ledger.batch.count > 0)) {
		struct tr_ledger empty = core->flight;

		core->flight = core->ledger;
		core->ledger = empty;
		core->batch++;
		core->flight.batch.alone = core->actor_count <= 1;
		core->committing = true;
		if (core->flight.batch.count == 0)
			on_committed(core, 0);
		else
			core->o.store.ops->commit(core->o.store.ctx, &core->flight.batch, on_committed, core);
	}
}
