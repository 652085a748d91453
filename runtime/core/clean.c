/* SPDX-License-Identifier: Apache-2.0 */
/* What destroyed actors left is deleted a piece at a time; in the pauses everybody else has the store. */
#include "runtime/base/limits.h"
#include "runtime/core/live.h"

void tr_clean_soon(struct tr_core *core)
{
	core->o.clock.ops->timer_set(core->clean_timer, TR_CLEAN_PAUSE_MS);
}

static void on_cleaned(void *arg, bool more)
{
	struct tr_core *core = arg;

	core->cleaning = false;
	if (more || core->clean_again)
		tr_clean_soon(core);
}

void tr_clean(void *arg)
{
	struct tr_core *core = arg;

	core->clean_again = core->cleaning;
	if (core->cleaning)
		return;
	core->cleaning = true;
	core->o.store.ops->clean(core->o.store.ctx, on_cleaned, core);
}
