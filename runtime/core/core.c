/* SPDX-License-Identifier: Apache-2.0 */
/* The heart's life, from its start to its drain. Its control requests are in control.c. */
#include "proto/text.h"
#include "runtime/core/core.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/core/live.h"
#include "runtime/core/part.h"

#define MESSAGE_BITS   40 /* of a message's number, counted since the start; above them, which start that was */

/* It lies in the core. */
static void own_free(struct tr_writer *w)
{
	(void)w;
}

/* ------------------------------------------------------------------ start */

/* Rows come while the store reads; waking writes. So they are gathered first. */
struct woken { struct tr_core *core; char (*ids)[31]; size_t count; };

/* The disk did not say who is to be woken, or could not wake somebody: all of it once more. Who is awake by
 * then stays so. */
static void resume_later(struct tr_core *core)
{
	core->o.clock.ops->timer_set(core->resume_timer, TR_RESUME_RETRY_MS);
}

static void on_busy_actor(void *arg, struct tr_fault *fault, const struct tr_actor_row *row, struct troupe_actor *a, bool created)
{
	struct tr_core *core = arg;

	(void)created;
	if (fault)
		tr_warn("actor.wake", "failed=%s", troupe_error_info(fault->error)->name);
	else
		tr_info("actor.resume", "kind=%s key=%s", row->name, row->key);
	if (fault && (fault->error == TROUPE_ESTORE || fault->error == TROUPE_ENOMEM))
		resume_later(core);
	if (a)
		a->resumed = true;
}

static void on_busy_row(void *arg, int rc, const struct tr_actor_row *row)
{
	struct woken *w = arg;
	struct troupe_actor *live = row ? tr_roster_by_num(w->core, row->num) : NULL;

	if (rc == 0 && row) {
		if (live && live->life == TR_AWAKE) {
			live->resumed = true;
			return;
		}
		w->ids = tr_realloc(w->ids, (w->count + 1) * sizeof *w->ids);
		snprintf(w->ids[w->count++], sizeof *w->ids, "%s", row->id);
		return;
	}
	w->core->read_count--;
	if (rc < 0) {
		tr_error("store.busy", "failed=%s", troupe_error_info(rc)->name);
		resume_later(w->core);
	}
	for (size_t i = 0; i < w->count && !w->core->draining; i++) {
		struct tr_address to = { .id = { w->ids[i], strlen(w->ids[i]) } };

		tr_roster_seek(w->core, &to, TR_SEEK_WAKE, on_busy_actor, w->core);
	}
	free(w->ids);
	free(w);
}

/* Wakes those who had work when the server ended. */
static void resume(void *arg)
{
	struct tr_core *core = arg;
	struct woken *w;

	if (core->draining)
		return;
	w = tr_alloc(sizeof *w);
	w->core = core;
	core->read_count++;
	core->o.store.ops->busy(core->o.store.ctx, on_busy_row, w);
}

void tr_core_start(struct tr_core *core)
{
	const struct tr_sessions *sessions = core->o.sessions;

	if (sessions && sessions->ops->start)
		sessions->ops->start(sessions->ctx, core);
	resume(core);
	tr_clean_soon(core);
	core->o.clock.ops->timer_set(core->alarm_timer, 0);
}

/* ------------------------------------------------------------------ made and freed */

int tr_core_new(struct tr_core **ret, const struct tr_core_options *o)
{
	struct tr_core *core = tr_alloc(sizeof *core);
	const struct tr_clock *clock = &o->clock;

	core->o = *o;
	core->own = (struct tr_writer){ .num = TR_NOBODY, .refs = 1, .free = own_free };
	core->parts = tr_parts;
#ifdef TR_CHECKS
	core->o.checks = true;
#endif
	if (core->o.message_size == 0)
		core->o.message_size = TR_MESSAGE_IN_BYTES_MAX;
	core->next_message = (o->store.boots << MESSAGE_BITS) + 1;
	tr_list_init(&core->actors);
	tr_list_init(&core->conns);
	tr_list_init(&core->seeks);
	tr_list_init(&core->reads);
	core->batch = 1;
	tr_list_init(&core->deadlines);
	core->deadline_timer = clock->ops->timer_new(clock->ctx, tr_calls_expire, core);
	core->clean_timer = clock->ops->timer_new(clock->ctx, tr_clean, core);
	core->alarm_timer = clock->ops->timer_new(clock->ctx, tr_alarms_look, core);
	core->resume_timer = clock->ops->timer_new(clock->ctx, resume, core);
	core->alarm_at_ms = core->alarm_retry_ms = core->alarm_missed_ms = INT64_MAX;
	*ret = core;
	return 0;
}

size_t tr_core_message_size(const struct tr_core *core)
{
	return core->o.message_size;
}

struct tr_core *tr_core_free(struct tr_core *core)
{
	if (!core)
		return NULL;
	assert(core->actor_count == 0 && core->gone_count == 0 && core->conn_count == 0 && core->ledger.count == 0 && !core->dorms);
	assert(core->own.held == 0);
	assert(core->read_count == 0 && tr_list_empty(&core->seeks) && !core->committing);
	core->o.clock.ops->timer_free(core->deadline_timer);
	core->o.clock.ops->timer_free(core->clean_timer);
	core->o.clock.ops->timer_free(core->alarm_timer);
	core->o.clock.ops->timer_free(core->resume_timer);
	tr_ledger_free(&core->ledger);
	tr_ledger_free(&core->flight);
	free(core->spare_read);
	tr_ledger_free(&core->early);
	tr_pool_free(&core->turn_pool);
	tr_bytes_free(&core->scratch);
	tr_bytes_free(&core->inbox);
	tr_kinds_free(core);
	free(core);
	return NULL;
}

int tr_core_register(struct tr_core *core, const struct troupe_kind *kind)
{
	return tr_kind_add(core, kind);
}

/* ------------------------------------------------------------------ turns of the loop, and the last of them */

static void drained_if_empty(struct tr_core *core)
{
	if (!core->on_drained || core->conn_count > 0 || core->actor_count > 0 || core->committing ||
	    core->cleaning)
		return;
	if (core->read_count > 0 || !tr_list_empty(&core->seeks)) /* their ends are still to be told */
		return;
	core->on_drained(core->drained_arg);
	core->on_drained = NULL;
}

void tr_core_turn_end(struct tr_core *core)
{
	tr_commit(core);
	if (core->o.checks)
		tr_core_check(core);
	if (core->draining)
		drained_if_empty(core);
}

bool tr_core_quiet(const struct tr_core *core)
{
	return core->ledger.count == 0 && core->ledger.batch.count == 0 && !core->committing &&
	       core->read_count == 0 && !core->cleaning;
}

void tr_core_drain(struct tr_core *core, void (*on_done)(void *arg), void *arg)
{
	core->draining = true;
	core->on_drained = on_done;
	core->drained_arg = arg;
	for (struct tr_list *at = core->actors.next, *next; at != &core->actors; at = next) {
		struct troupe_actor *a = tr_container(at, struct troupe_actor, link);

		next = at->next;
		if (a->life == TR_AWAKE)
			tr_roster_retire(a, false);
	}
	for (struct tr_list *at = core->conns.next; at != &core->conns; at = at->next) {
		struct tr_conn *c = tr_container(at, struct tr_conn, link);

		if (c->state == TR_CONN_SEEKING || c->dorm)
			tr_conn_close_now(c, 1001, "ws.going_away", 0);
	}
}

/* ------------------------------------------------------------------ the server's own items */

void tr_core_put(struct tr_core *core, struct troupe_text key, const void *value, size_t size)
{
	assert(!core->turning);
	tr_ledger_write(&core->ledger, TR_OP_PUT, TR_NOBODY, 0, key.data, key.size, value, size);
	tr_overlay_wrote(core, core->nobody);
}

void tr_core_delete(struct tr_core *core, struct troupe_text key)
{
	assert(!core->turning);
	tr_ledger_write(&core->ledger, TR_OP_DELETE, TR_NOBODY, 0, key.data, key.size, NULL, 0);
	tr_overlay_wrote(core, core->nobody);
}

void tr_core_after(struct tr_core *core, void (*then)(void *arg, int rc), void *arg)
{
	assert(!core->turning);
	tr_ledger_after(&core->ledger, &core->own, then, arg);
}

struct scan {
	struct tr_read read;
	void         (*on_item)(void *arg, int rc, struct troupe_text key, struct troupe_value value);
	void          *arg;
	char           prefix[];
};

static void on_scanned(void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	struct scan *s = arg;

	s->on_item(s->arg, rc, key, value);
	if (rc < 0 || !key.data)
		free(s);
}

void tr_core_scan(struct tr_core *core, struct troupe_text prefix,
                  void (*on_item)(void *arg, int rc, struct troupe_text key, struct troupe_value value), void *arg)
{
	struct scan *s;

	if (core->draining && !core->on_drained) { /* nobody waits for it any more */
		on_item(arg, TROUPE_EDRAINING, (struct troupe_text){ 0 }, (struct troupe_value){ 0 });
		return;
	}
	s = tr_alloc(sizeof *s + prefix.size);
	s->on_item = on_item;
	s->arg = arg;
	s->read.prefix = (struct troupe_text){ memcpy(s->prefix, prefix.data, prefix.size), prefix.size };
	s->read.on_read = on_scanned;
	s->read.arg = s;
	tr_read_scan(core, &s->read, core->nobody, TR_NOBODY);
}

void tr_core_count(const struct tr_core *core, struct tr_core_counts *ret)
{
	*ret = (struct tr_core_counts){ core->actor_count, core->conn_count, core->call_count };
}
