/* SPDX-License-Identifier: Apache-2.0 */
/* Stateless actions, messages for queues and plain requests: each is a visitor of its own, admitted, run, answered, gone
 * (spec/rivetkit-client.md 5, 5.1 and 11.1). */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/core/live.h"

typedef void on_answer(void *arg, const struct tr_failure *failure, struct troupe_value output,
                       const struct tr_client_actor *actor);

typedef void on_sent(void *arg, const struct tr_failure *failure, bool completed, struct troupe_value response,
                     const struct tr_client_actor *actor);

struct tr_http_call {
	struct tr_core       *core;
	struct tr_pool        pool;
	struct troupe_text    name;       /* of the action, or the queue */
	struct troupe_value   args;       /* or the message */
	struct troupe_request request;    /* lends from the visitor's; method NULL: an action */
	struct troupe_peer    visitor;
	on_answer            *on_answer;  /* one of these; all NULL: the requester has gone */
	on_sent              *on_sent;
	const struct tr_response_ops *ops;
	void                 *arg;
	struct troupe_call   *call;       /* while it is open */
	bool                  joined;     /* the visitor did; it is to leave */
	bool                  is_message, waits, late; /* late: its time was up */
	int64_t               timeout_ms;
	struct tr_fault       fault;      /* told from the ledger, when there is no call to tell it */
	struct troupe_actor  *reached;    /* whose it is, lent by what the ledger holds; NULL: none was */
};

static void http_free(struct tr_http_call *h)
{
	tr_fault_clear(&h->fault);
	tr_peer_free(&h->visitor);
	tr_pool_free(&h->pool);
	free(h);
}

static void fail(struct tr_http_call *h, const struct tr_fault *fault, const struct tr_client_actor *actor)
{
	struct tr_failure f = tr_fault_failure(fault, actor);

	if (h->on_answer)
		h->on_answer(h->arg, &f, (struct troupe_value){ 0 }, actor);
	if (h->on_sent)
		h->on_sent(h->arg, &f, false, (struct troupe_value){ 0 }, actor);
	if (h->ops)
		h->ops->on_response(h->arg, &f, NULL, actor);
}

static int leave_turn(struct troupe_actor *a, void *arg)
{
	a->kind->leave(a, arg);
	return 0;
}

static void leave(struct tr_http_call *h, struct troupe_actor *a)
{
	if (h->joined && a->kind->leave && a->life == TR_AWAKE && !a->writer.doomed)
		tr_actor_turn(a, leave_turn, &h->visitor);
	h->joined = false;
}

/* ------------------------------------------------------------------ as a caller */

static struct troupe_peer *visitor(const struct troupe_call *c)
{
	return &c->caller.http->visitor;
}

static void put_output(struct troupe_call *c, struct troupe_value v)
{
	tr_bytes_put(&c->output, v.data, v.size);
}

/* A handler that answered without troupe_respond has nothing to say: 204. */
static void respond(struct tr_http_call *h, const struct troupe_call *c)
{
	struct tr_raw_response r = c->response;

	if (r.status == 0)
		r.status = 204;
	else
		r.body = c->output.data, r.body_size = c->output.size;
	h->ops->on_response(h->arg, NULL, &r, &c->actor->label);
}

static void end(struct tr_http_call *h, bool whole)
{
	if (h->ops)
		h->ops->on_end(h->arg, whole);
}

static void tell(struct troupe_call *c)
{
	struct tr_http_call *h = c->caller.http;

	if (c->streaming)
		end(h, !c->fault.error);
	else if (c->fault.error)
		fail(h, &c->fault, &c->actor->label);
	else if (h->ops)
		respond(h, c);
	else if (h->on_answer)
		h->on_answer(h->arg, NULL, tr_bytes_value(&c->output), &c->actor->label);
	else if (h->on_sent)
		h->on_sent(h->arg, NULL, !h->late, tr_bytes_value(&c->output), &c->actor->label);
	leave(h, c->actor);
	c->caller.http = NULL;
	http_free(h);
}

static const struct troupe_request *request(const struct troupe_call *c)
{
	return &c->caller.http->request;
}

static bool listens(const struct troupe_call *c)
{
	return c->caller.http->ops;
}

static void head(struct troupe_call *c)
{
	const struct tr_http_call *h = c->caller.http;

	if (h->ops)
		h->ops->on_response(h->arg, NULL, &c->response, &c->actor->label);
}

static void piece(struct troupe_call *c, const void *data, size_t size)
{
	const struct tr_http_call *h = c->caller.http;

	if (h->ops)
		h->ops->on_piece(h->arg, data, size);
}

static size_t backlog(const struct troupe_call *c)
{
	const struct tr_http_call *h = c->caller.http;

	return h->ops->backlog(h->arg);
}

/* Its time was up: what its actor answers, in whatever form, is taken, and nobody hears it. */
static const struct tr_caller_ops told_caller = { .plain = true };

static const struct tr_caller_ops action_caller = {
	.visitor = visitor,
	.output = put_output,
	.tell = tell,
	.told = &told_caller,
	.whole = true,
};

static const struct tr_caller_ops request_caller = {
	.visitor = visitor,
	.output = put_output,
	.tell = tell,
	.told = &told_caller,
	.whole = true,
	.plain = true,
	.request = request,
	.listens = listens,
	.head = head,
	.piece = piece,
	.backlog = backlog,
};

/* ------------------------------------------------------------------ the call */

static void tell_fault(void *arg, int rc)
{
	struct tr_http_call *h = arg;

	(void)rc;
	fail(h, &h->fault, h->reached ? &h->reached->label : NULL);
	http_free(h);
}

/* Never from inside tr_core_action: its caller does not have the handle yet. a: who refuses, or NULL. */
static void fail_later(struct tr_http_call *h, struct tr_fault *fault, struct troupe_actor *a)
{
	h->reached = a;
	h->fault = *fault;
	*fault = (struct tr_fault){ 0 };
	tr_ledger_after(&h->core->ledger, a ? &a->writer : NULL, tell_fault, h);
}

static int admit_turn(struct troupe_actor *a, void *arg)
{
	struct tr_http_call *h = arg;
	int rc = a->kind->admit ? a->kind->admit(a, &h->visitor) : 0;

	if (rc >= 0 && a->kind->visitors && a->kind->join)
		rc = a->kind->join(a, &h->visitor);
	h->joined = rc >= 0 && a->kind->visitors;
	return rc;
}

static int run_request(struct troupe_actor *a, struct troupe_call *c)
{
	if (!a->kind->request)
		return troupe_respond(c, 404, NULL, 0, NULL, 0); /* spec 11.1 */
	return a->kind->request(a, c, &c->caller.http->request);
}

/* The message is stored: whoever sent it learns no more than that its time is up when the actor goes to sleep first. */
static int on_done(struct troupe_actor *a, void *arg, int rc, struct troupe_value response)
{
	struct troupe_call *c = arg;
	struct tr_http_call *h = c->caller.http;

	(void)a;
	h->late = rc == TROUPE_ETIMEDOUT || rc == TROUPE_EDRAINING;
	if (rc < 0 && !h->late)
		troupe_fail(c, rc, "The actor was destroyed.");
	else
		troupe_reply_value(c, response);
	return 0;
}

static int run_send(struct troupe_actor *a, struct troupe_call *c)
{
	struct tr_http_call *h = c->caller.http;
	const struct troupe_queue *queue = tr_kind_queue(a->kind, h->name);
	int rc = 0;

	if (!queue)
		return 0;
	if (a->kind->submit)
		rc = a->kind->submit(a, &h->visitor, queue->name, h->args);
	if (rc >= 0)
		rc = tr_queue_send(a, queue, h->args, h->timeout_ms, h->waits ? on_done : NULL, c);
	return rc < 0 ? rc : h->waits ? TROUPE_LATER : 0;
}

static const struct troupe_action *action_of(const struct tr_http_call *h, const struct troupe_actor *a)
{
	static const struct troupe_action request = { .name = "request", .run = run_request, .reads = true };
	static const struct troupe_action send = { .name = "queue", .run = run_send, .slow = true };

	if (h->is_message)
		return &send;
	return h->request.method ? &request : tr_kind_open_action(a->kind, h->name);
}

/* As the official server says it, so that its client sends the message again. */
static void overloaded(struct tr_http_call *h, struct tr_fault *fault)
{
	tr_fault_set(fault, TROUPE_EOVERLOADED, NULL);
	if (!h->is_message)
		return;
	tr_put_map(&fault->metadata, 2);
	tr_put_text(&fault->metadata, "channel");
	tr_put_text(&fault->metadata, "dispatch_inbox");
	tr_put_text(&fault->metadata, "operation");
	tr_put_text(&fault->metadata, "dispatch_queue_send");
}

static void run(struct tr_http_call *h, struct troupe_actor *a)
{
	const struct troupe_action *action = action_of(h, a);
	struct tr_fault fault = { 0 };
	int rc;

	tr_fault_clear(&a->refusal);
	tr_peer_enter(&h->visitor, a);
	rc = tr_actor_turn_for(a, NULL, admit_turn, h); /* if it wants to end, this one is still answered */
	if (!h->request.method)
		tr_peer_forget(&h->visitor);
	if (rc < 0)
		tr_actor_take_fault(a, rc, &fault);
	else if (!action)
		tr_fault_set(&fault, TROUPE_EACTION, NULL);
	else if (a->call_count - a->stream_count >= TR_MAILBOX_MAX)
		overloaded(h, &fault);
	if (fault.error) {
		leave(h, a);
		fail_later(h, &fault, a);
		tr_actor_settle(a);
		return;
	}
	h->call = tr_call_new(a, action, h->args,
	                      (struct tr_caller){ h->request.method ? &request_caller : &action_caller, .http = h });
	tr_call_run(h->call);
}

static void on_actor(void *arg, struct tr_fault *fault, const struct tr_actor_row *row, struct troupe_actor *a, bool created)
{
	struct tr_http_call *h = arg;

	(void)row;
	(void)created;
	if (fault)
		fail_later(h, fault, NULL);
	else
		run(h, a);
}

static struct tr_http_call *http_new(struct tr_core *core, const struct tr_address *to, struct troupe_value params, void *arg)
{
	struct tr_http_call *h = tr_alloc(sizeof *h);

	h->core = core;
	h->arg = arg;
	h->visitor.params = tr_pool_value(&h->pool, params);
	h->visitor.observes = to->observes;
	h->visitor.since_ms = core->o.clock.ops->now_ms(core->o.clock.ctx);
	tr_random_uuid(h->visitor.id);
	return h;
}

struct tr_http_call *tr_core_action(struct tr_core *core, const struct tr_action_request *rq,
	void (*answer)(void *arg, const struct tr_failure *failure, struct troupe_value output,
	               const struct tr_client_actor *actor), void *arg)
{
	struct tr_http_call *h = http_new(core, &rq->to, rq->params, arg);

	h->on_answer = answer;
	h->visitor.request = tr_request_copy(rq->request, "");
	h->name = (struct troupe_text){ tr_pool_text(&h->pool, rq->action), rq->action.size };
	h->args = tr_pool_value(&h->pool, rq->args);
	tr_roster_seek(core, &rq->to, TR_SEEK_WAKE, on_actor, h);
	return h;
}

struct tr_http_call *tr_core_send(struct tr_core *core, const struct tr_send_request *rq,
	void (*sent)(void *arg, const struct tr_failure *failure, bool completed, struct troupe_value response,
	             const struct tr_client_actor *actor), void *arg)
{
	struct tr_http_call *h = http_new(core, &rq->to, rq->params, arg);

	h->is_message = true;
	h->visitor.request = tr_request_copy(rq->request, "");
	h->on_sent = sent;
	h->name = (struct troupe_text){ tr_pool_text(&h->pool, rq->queue), rq->queue.size };
	h->args = rq->body.size > 0 ? tr_pool_value(&h->pool, rq->body) : TR_UNDEFINED_PACKED;
	h->waits = rq->wait;
	h->timeout_ms = rq->timeout_ms;
	tr_roster_seek(core, &rq->to, TR_SEEK_WAKE, on_actor, h);
	return h;
}

struct tr_http_call *tr_core_request(struct tr_core *core, const struct tr_raw_request *rq, const struct tr_response_ops *ops,
                                     void *arg)
{
	struct tr_http_call *h = http_new(core, &rq->to, rq->params, arg);

	h->ops = ops;
	h->visitor.request = tr_request_copy(rq->request, "/request");
	h->request = *h->visitor.request;
	h->request.path += strlen("/request");
	tr_roster_seek(core, &rq->to, TR_SEEK_WAKE, on_actor, h);
	return h;
}

void tr_core_flowing(struct tr_http_call *h)
{
	if (h->call->full && h->call->waiting == 0)
		tr_stream_turn(h->call, true);
}

void tr_core_abandon(struct tr_http_call *h)
{
	struct troupe_call *c = h->call;

	h->on_answer = NULL;
	h->on_sent = NULL;
	h->ops = NULL;
	h->waits = h->waits && c; /* before it was sent: it goes there, and nobody waits for it */
	if (c && c->streaming) {
		tr_stream_turn(c, false);
	} else if (c && h->is_message && !c->answered) {
		tr_queue_forget(c->actor, c);
		tr_call_forget(c); /* the message stays, nobody waits for it */
	}
}
