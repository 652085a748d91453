/* SPDX-License-Identifier: Apache-2.0 */
/* Stateless actions: each is a visitor of its own, admitted, run, answered, gone (spec/rivetkit-client.md 5). */
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/core/live.h"

typedef void on_answer(void *arg, const struct tr_failure *failure, struct troupe_value output,
                       const struct tr_client_actor *actor);

struct tr_http_call {
	struct tr_core     *core;
	struct tr_pool      pool;
	struct troupe_text  action;
	struct troupe_value args;
	struct troupe_peer  visitor;
	on_answer          *on_answer; /* NULL: the requester has gone */
	void               *arg;
	struct tr_fault     fault;     /* told from the ledger, when there is no call to tell it */
};

void tr_http_answer(struct tr_http_call *h, const struct tr_failure *failure, struct troupe_value output,
                    const struct tr_client_actor *actor)
{
	if (h->on_answer)
		h->on_answer(h->arg, failure, output, actor);
	tr_fault_clear(&h->fault);
	tr_peer_free(&h->visitor);
	tr_pool_free(&h->pool);
	free(h);
}

struct troupe_peer *tr_http_visitor(struct tr_http_call *h)
{
	return &h->visitor;
}

static void tell_fault(void *arg, int rc)
{
	struct tr_http_call *h = arg;
	struct tr_failure f = tr_fault_failure(&h->fault, NULL);

	(void)rc;
	tr_http_answer(h, &f, (struct troupe_value){ 0 }, NULL);
}

/* Never from inside tr_core_action: its caller does not have the handle yet. */
static void fail_later(struct tr_http_call *h, struct tr_fault *fault)
{
	struct tr_release *r = tr_ledger_hold(&h->core->ledger, TR_RELEASE_AFTER, NULL);

	h->fault = *fault;
	*fault = (struct tr_fault){ 0 };
	r->after.then = tell_fault;
	r->after.arg = h;
}

static int admit_turn(struct troupe_actor *a, void *arg)
{
	return a->kind->admit ? a->kind->admit(a, arg) : 0;
}

static void run(struct tr_http_call *h, struct troupe_actor *a)
{
	const struct troupe_action *action = tr_kind_action(a->kind, h->action);
	struct tr_fault fault = { 0 };
	struct troupe_call *call;
	int rc;

	tr_fault_clear(&a->refusal);
	tr_peer_enter(&h->visitor, a);
	rc = tr_actor_turn(a, admit_turn, &h->visitor);
	if (rc < 0)
		tr_actor_take_fault(a, rc, &fault);
	else if (!action || a->call_count >= TR_MAILBOX_MAX)
		tr_fault_set(&fault, action ? TROUPE_EOVERLOADED : TROUPE_EACTION, NULL);
	if (fault.error) {
		fail_later(h, &fault);
		return;
	}
	call = tr_call_new(a, action, h->args);
	call->http = h;
	tr_call_run(call);
}

static void on_actor(void *arg, struct tr_fault *fault, const struct tr_actor_row *row, struct troupe_actor *a, bool created)
{
	struct tr_http_call *h = arg;

	(void)row;
	(void)created;
	if (fault)
		fail_later(h, fault);
	else
		run(h, a);
}

struct tr_http_call *tr_core_action(struct tr_core *core, const struct tr_action_request *rq,
	void (*answer)(void *arg, const struct tr_failure *failure, struct troupe_value output,
	               const struct tr_client_actor *actor), void *arg)
{
	struct tr_http_call *h = tr_alloc(sizeof *h);

	h->core = core;
	h->on_answer = answer;
	h->arg = arg;
	h->action = (struct troupe_text){ tr_pool_text(&h->pool, rq->action), rq->action.size };
	h->args = tr_pool_value(&h->pool, rq->args);
	h->visitor.params = tr_pool_value(&h->pool, rq->params);
	h->visitor.since_ms = core->o.clock.ops->now_ms(core->o.clock.ctx);
	tr_random_uuid(h->visitor.id);
	tr_roster_seek(core, &rq->to, TR_SEEK_WAKE, on_actor, h);
	return h;
}

void tr_core_abandon(struct tr_http_call *call)
{
	call->on_answer = NULL;
}
