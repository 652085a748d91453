/* SPDX-License-Identifier: Apache-2.0 */
/* One live actor and its turns.
 *
 * A turn is begun, one function of the kind (or of its session) runs, and it is ended: well, and the kept fields that
 * changed go to the ledger with everything else; or badly, and the ledger, the log's number and the kept fields are what they
 * were before. Nothing that a turn says leaves before the ledger is committed. */
#include "runtime/core/actor.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/core/live.h"
#include "runtime/core/part.h"

/* ------------------------------------------------------------------ life */

static void actor_free(struct tr_writer *w)
{
	struct troupe_actor *a = tr_container(w, struct troupe_actor, writer);

	assert(a->life == TR_GONE && w->held == 0); /* nobody is going to speak of it */
	a->core->gone_count--;
	free((char *)(uintptr_t)a->row.id);
	free((char *)(uintptr_t)a->row.key);
	free((char *)(uintptr_t)a->row.namespace);
	free(a);
}

struct troupe_actor *tr_actor_new(struct tr_core *core, const struct troupe_kind *kind, const struct tr_actor_row *row,
                                  uint64_t seq)
{
	struct troupe_actor *a = tr_alloc(sizeof *a);

	a->core = core;
	a->writer = (struct tr_writer){ .num = row->num, .refs = 1, .free = actor_free };
	a->kind = kind;
	a->idlers = tr_kind_idlers(core, kind);
	a->seq = seq;
	a->released = seq;
	a->row = *row;
	a->row.id = tr_strdup(row->id);
	a->row.name = kind->name;
	a->row.key = tr_strdup(row->key);
	a->row.namespace = tr_strdup(row->namespace);
	a->label = (struct tr_client_actor){
		.id = { a->row.id, strlen(a->row.id) }, .generation = core->o.store.boots,
		.key = { a->row.key, strlen(a->row.key) },
	};
	snprintf(a->epoch, sizeof a->epoch, "%s-%llu", core->o.store.epoch, (unsigned long long)row->num);
	if (kind->size > 0)
		a->self = tr_alloc(kind->size);
	tr_list_init(&a->peers);
	tr_list_init(&a->sockets);
	tr_list_init(&a->calls);
	tr_list_init(&a->waiters);
	tr_list_init(&a->idle_link);
	tr_list_push(&core->actors, &a->link);
	core->actor_count++;
	return a;
}

int tr_actor_open(struct troupe_actor *a, const struct tr_stored *stored)
{
	int rc = 0, opened;

	for (const struct tr_part *const *p = a->core->parts; *p; p++) {
		opened = (*p)->open ? (*p)->open(a, stored) : 0;
		rc = rc < 0 ? rc : opened;
	}
	return rc;
}

static void free_parts(struct troupe_actor *a)
{
	const struct tr_part *const *p = a->core->parts;

	while (*p)
		p++;
	while (p != a->core->parts) {
		p--;
		if ((*p)->free)
			(*p)->free(a);
	}
}

void tr_actor_close(struct troupe_actor *a)
{
	assert(a->life != TR_GONE && a->core->turning != a);
	assert(tr_list_empty(&a->peers) && tr_list_empty(&a->sockets) && tr_list_empty(&a->calls) && !a->topics);
	assert(tr_list_empty(&a->waiters));
	free_parts(a);
	tr_list_remove(&a->idle_link);
	tr_list_remove(&a->link);
	a->core->actor_count--;
	a->core->gone_count++;
	tr_fault_clear(&a->refusal);
	free(a->self);
	a->self = NULL;
	a->life = TR_GONE;
	tr_writer_unref(&a->writer);
}

static bool is_idle(const struct troupe_actor *a)
{
	const struct troupe_kind *kind = a->kind;

	if (a->life != TR_AWAKE || (a->peer_count > 0 && !kind->hibernate) ||
	    (a->socket_count > 0 && !(kind->hibernate && kind->keep_sockets)) ||
	    a->call_count > 0 || a->holds > 0)
		return false;
	for (const struct tr_part *const *p = a->core->parts; *p; p++) {
		if ((*p)->idle && !(*p)->idle(a))
			return false;
	}
	return true;
}

void tr_actor_touch(struct troupe_actor *a)
{
	const struct tr_clock *clock = &a->core->o.clock;
	struct tr_idlers *idlers = a->idlers;
	bool first = tr_list_empty(&idlers->actors);

	tr_list_remove(&a->idle_link);
	if (idlers->after_ms < 0 || !is_idle(a))
		return;
	a->idle_since_ms = clock->ops->mono_ms(clock->ctx);
	tr_list_push(&idlers->actors, &a->idle_link);
	if (first)
		clock->ops->timer_set(idlers->timer, idlers->after_ms);
}

/* ------------------------------------------------------------------ turns */

static void turn_begin(struct troupe_actor *a, const struct troupe_call *running)
{
	struct tr_core *core = a->core;

	assert(!core->turning && !a->spent);
	core->turning = a;
	core->running = running;
	core->now_ms = core->o.clock.ops->now_ms(core->o.clock.ctx);
	a->before.seq = a->seq;
	a->before.holds = a->holds;
	a->before.busy = a->busy;
	a->before.destroying = a->destroying;
	a->before.sleeping = a->sleeping;
	a->before.mark = tr_ledger_mark(&core->ledger);
}

static void turn_undo(struct troupe_actor *a, int rc)
{
	tr_ledger_undo(&a->core->ledger, a->before.mark, rc);
	tr_overlay_undo(a->core, a->before.mark.writes);
	a->seq = a->before.seq;
	a->holds = a->before.holds;
	a->busy = a->before.busy;
	a->destroying = a->before.destroying;
	a->sleeping = a->before.sleeping;
}

static void turn_end(struct troupe_actor *a, int rc)
{
	struct tr_core *core = a->core;

	if (rc < 0)
		turn_undo(a, rc);
	for (const struct tr_part *const *p = core->parts; *p; p++) {
		if ((*p)->turn_end)
			(*p)->turn_end(a, rc >= 0);
	}
	core->turning = NULL;
	core->running = NULL;
	tr_pool_reset(&core->turn_pool);
	tr_actor_touch(a);
	if (core->o.checks)
		tr_actor_check(a);
}

int tr_actor_turn_for(struct troupe_actor *a, const struct troupe_call *running,
                      int (*run)(struct troupe_actor *a, void *arg), void *arg)
{
	int rc;

	turn_begin(a, running);
	rc = run(a, arg);
	turn_end(a, rc);
	return rc;
}

int tr_actor_turn(struct troupe_actor *a, int (*run)(struct troupe_actor *a, void *arg), void *arg)
{
	int rc;

	if (a->core->turning == a)
		return run(a, arg);
	rc = tr_actor_turn_for(a, NULL, run, arg);
	tr_actor_settle(a);
	return rc;
}

/* Work that nobody else would do, and whoever still waits for an answer, come first. */
static bool may_sleep(const struct troupe_actor *a)
{
	for (const struct tr_list *at = a->calls.next; at != &a->calls; at = at->next) {
		if (!tr_container(at, struct troupe_call, link)->told)
			return false;
	}
	return a->holds == 0;
}

void tr_actor_settle(struct troupe_actor *a)
{
	if (a->life != TR_AWAKE || !a->risen)
		return;
	if (a->destroying)
		tr_roster_retire(a, true);
	else if (a->sleeping && may_sleep(a))
		tr_roster_retire(a, false);
}

void tr_actor_take_fault(struct troupe_actor *a, int rc, struct tr_fault *f)
{
	if (a->refusal.error == rc) {
		*f = a->refusal;
		a->refusal = (struct tr_fault){ 0 };
		return;
	}
	tr_fault_clear(&a->refusal);
	tr_fault_set(f, rc, NULL);
}

/* ------------------------------------------------------------------ the commit, and staying awake */

void tr_actor_after(struct troupe_actor *a, void (*then)(void *arg, int rc), void *arg)
{
	assert(a->core->turning == a);
	tr_ledger_after(&a->core->ledger, &a->writer, then, arg);
}

void tr_actor_hold(struct troupe_actor *a)
{
	assert(a->core->turning == a);
	a->holds++;
	if (a->busy)
		return;
	a->busy = true;
	tr_ledger_write(&a->core->ledger, TR_OP_BUSY, a->row.num, 0, NULL, 0, NULL, 0);
}

void tr_actor_release(struct troupe_actor *a)
{
	assert(a->core->turning == a && a->holds > 0);
	if (--a->holds > 0)
		return;
	a->busy = false;
	tr_ledger_write(&a->core->ledger, TR_OP_IDLE, a->row.num, 0, NULL, 0, NULL, 0);
}

bool tr_actor_turning(const struct troupe_actor *a)
{
	return a->core->turning == a;
}

bool tr_actor_leaving(const struct troupe_actor *a)
{
	return a->life != TR_AWAKE;
}

bool tr_actor_resting(const struct troupe_actor *a)
{
	return a->resting;
}

uint64_t tr_actor_num(const struct troupe_actor *a)
{
	return a->row.num;
}
