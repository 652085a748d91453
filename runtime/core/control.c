/* SPDX-License-Identifier: Apache-2.0 */
/* The control requests (spec/rivetkit-client.md 3): actors are found, made, put to sleep, destroyed, listed.
 * What a request changed is answered once that is on disk, and as a failure when it is not. */
#include "proto/text.h"

#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/core/live.h"

struct request { struct tr_core *core; tr_on_row *on_row; void *arg; bool destroy; };

static struct request *request_new(struct tr_core *core, tr_on_row *on_row, void *arg)
{
	struct request *r = tr_alloc(sizeof *r);

	r->core = core;
	r->on_row = on_row;
	r->arg = arg;
	return r;
}

/* Rows of actors that are new are true once they are committed: the answer is held until then. */
struct row_answer { struct request *request; struct tr_pool pool; struct tr_actor_row row; bool created; };

static void on_row_committed(void *arg, int rc)
{
	struct row_answer *w = arg;
	struct request *r = w->request;
	struct tr_fault fault = { 0 };

	if (rc < 0) {
		struct tr_failure f;

		tr_fault_set(&fault, rc, NULL);
		f = tr_fault_failure(&fault, NULL);
		r->on_row(r->arg, &f, NULL, false);
	} else {
		r->on_row(r->arg, NULL, &w->row, w->created);
	}
	tr_pool_free(&w->pool);
	free(w);
	free(r);
}

static void fail_request(struct request *r, struct tr_fault *fault)
{
	struct tr_failure f = tr_fault_failure(fault, NULL);

	r->on_row(r->arg, &f, NULL, false);
	free(r);
}

/* a: whose writes the answer waits for; NULL: it sleeps, and all that is said is on disk. */
static void answer_request(struct request *r, const struct tr_actor_row *row, struct troupe_actor *a, bool created)
{
	struct row_answer *w = tr_alloc(sizeof *w);

	w->request = r;
	w->created = created;
	w->row = *row;
	w->row.id = tr_pool_text(&w->pool, tr_text_from(row->id));
	w->row.name = tr_pool_text(&w->pool, tr_text_from(row->name));
	w->row.key = tr_pool_text(&w->pool, tr_text_from(row->key));
	w->row.namespace = tr_pool_text(&w->pool, tr_text_from(row->namespace));
	tr_ledger_after(&r->core->ledger, a ? &a->writer : NULL, on_row_committed, w);
}

static void on_sought(void *arg, struct tr_fault *fault, const struct tr_actor_row *row, struct troupe_actor *a, bool created)
{
	struct request *r = arg;

	if (fault) {
		fail_request(r, fault);
		return;
	}
	if (r->destroy)
		tr_roster_retire(a, true);
	answer_request(r, row, a, created);
}

void tr_core_resolve(struct tr_core *core, const struct tr_address *to, tr_on_row *on_row, void *arg)
{
	tr_roster_seek(core, to, TR_SEEK_ROW, on_sought, request_new(core, on_row, arg));
}

void tr_core_create(struct tr_core *core, const struct tr_address *to, tr_on_row *on_row, void *arg)
{
	tr_roster_seek(core, to, TR_SEEK_NEW, on_sought, request_new(core, on_row, arg));
}

void tr_core_destroy(struct tr_core *core, const struct tr_address *to, tr_on_row *on_row, void *arg)
{
	struct request *r = request_new(core, on_row, arg);

	r->destroy = true;
	tr_roster_seek(core, to, TR_SEEK_WAKE, on_sought, r);
}

static void on_to_sleep(void *arg, struct tr_fault *fault, const struct tr_actor_row *row, struct troupe_actor *a, bool created)
{
	if (fault) {
		fail_request(arg, fault);
		return;
	}
	answer_request(arg, row, a, created);
	if (!a)
		return;
	a->sleeping = true;
	tr_actor_settle(a);
}

void tr_core_sleep(struct tr_core *core, const struct tr_address *to, tr_on_row *on_row, void *arg)
{
	tr_roster_seek(core, to, TR_SEEK_ROW, on_to_sleep, request_new(core, on_row, arg));
}

static void on_listed(void *arg, int rc, const struct tr_actor_row *row)
{
	struct request *r = arg;
	struct tr_fault fault = { 0 };
	struct tr_failure f;

	if (rc < 0) {
		tr_fault_set(&fault, rc, NULL);
		f = tr_fault_failure(&fault, NULL);
		r->on_row(r->arg, &f, NULL, false);
		tr_fault_clear(&fault);
	} else {
		r->on_row(r->arg, NULL, row, false);
	}
	if (rc < 0 || !row) {
		r->core->read_count--;
		free(r);
	}
}

void tr_core_list(struct tr_core *core, struct troupe_text namespace, struct troupe_text name, uint64_t after, unsigned limit,
                  tr_on_row *on_row, void *arg)
{
	struct request *r = request_new(core, on_row, arg);
	struct tr_fault fault = { 0 };
	struct tr_pool pool = { 0 };
	const char *where = namespace.size > 0 ? tr_pool_text(&pool, namespace) : TR_NAMESPACE_DEFAULT;
	const char *kind = name.size > 0 ? tr_pool_text(&pool, name) : NULL;

	if (core->draining) {
		tr_fault_set(&fault, TROUPE_EDRAINING, NULL);
		fail_request(r, &fault);
	} else {
		core->read_count++;
		core->o.store.ops->list(core->o.store.ctx, where, kind, after, limit, on_listed, r);
	}
	tr_pool_free(&pool);
}
