/* SPDX-License-Identifier: Apache-2.0 */
/* One live connection: from the open socket to its actor, message by message, until either goes
 * (spec/rivetkit-client.md 6). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/core/live.h"

/* ------------------------------------------------------------------ lifetime */

struct tr_conn *tr_conn_ref(struct tr_conn *c)
{
	c->refs++;
	return c;
}

void tr_conn_unref(struct tr_conn *c)
{
	assert(c->refs > 0);
	if (--c->refs > 0)
		return;
	assert(!c->gate && !c->peer.actor && !c->dorm && !c->waiting && !c->subs && !c->pump);
	tr_peer_free(&c->peer);
	tr_pool_free(&c->pool);
	free(c);
}

static struct tr_conn *conn_new(struct tr_core *core, enum tr_encoding e, const struct tr_peer_ops *ops, void *peer)
{
	struct tr_conn *c = tr_alloc(sizeof *c);

	c->core = core;
	c->ops = ops;
	c->gate = peer;
	c->refs = 1;
	c->encoding = e;
	c->live = true;
	c->peer.conn = c;
	tr_list_init(&c->peer.link);
	tr_list_push(&core->conns, &c->link);
	core->conn_count++;
	return c;
}

/* ------------------------------------------------------------------ to the client */

void tr_conn_send(struct tr_conn *c, struct tr_frame *f)
{
	if (c->gate && c->state == TR_CONN_OPEN)
		c->ops->send(c->gate, f);
}

static void drop_frame(const struct tr_release *r)
{
	tr_frame_unref(r->send.frame);
	tr_conn_unref(r->send.conn);
}

static void release_frame(const struct tr_release *r)
{
	tr_conn_send(r->send.conn, r->send.frame);
	drop_frame(r);
}

static const struct tr_release_kind frame_item = { .release = release_frame, .drop = drop_frame };

void tr_conn_hold_frame(struct tr_conn *c, struct tr_frame *f)
{
	struct tr_release *r = tr_ledger_hold(&c->core->ledger, &frame_item, &c->peer.actor->writer);

	r->send.conn = tr_conn_ref(c);
	r->send.frame = f;
}

void tr_conn_close_now(struct tr_conn *c, int code, const char *reason, int delay_ms)
{
	if (!c->gate || c->state == TR_CONN_CLOSING)
		return;
	c->state = TR_CONN_CLOSING;
	c->ops->close(c->gate, code, reason, delay_ms);
}

static void drop_close(const struct tr_release *r)
{
	free(r->close.reason);
	tr_conn_unref(r->close.conn);
}

static void release_close(const struct tr_release *r)
{
	tr_conn_close_now(r->close.conn, r->close.code, r->close.reason, r->close.delay_ms);
	drop_close(r);
}

/* It waits for what was said before it, and for nobody's writes. */
static const struct tr_release_kind close_item = { .release = release_close, .drop = drop_close };

static void hold_close(struct tr_conn *c, int code, const char *reason, int delay_ms)
{
	struct tr_release *r = tr_ledger_hold(&c->core->ledger, &close_item, NULL);

	r->close.conn = tr_conn_ref(c);
	r->close.code = code;
	r->close.reason = tr_strdup(reason);
	r->close.delay_ms = delay_ms;
}

static int leave_turn(struct troupe_actor *a, void *arg)
{
	if (a->kind->leave)
		a->kind->leave(a, arg);
	return 0;
}

/* Its actor does not count it any more; its calls go on, to nobody. */
void tr_conn_detach(struct tr_conn *c)
{
	struct troupe_actor *a = c->peer.actor;

	if (c->dorm)
		tr_dorm_forget(c);
	if (!a)
		return;
	tr_replay_stop(c);
	tr_conn_unsubscribe_all(c);
	tr_list_remove(&c->peer.link);
	a->peer_count -= !c->plain;
	a->socket_count -= c->plain;
	if (a->life == TR_AWAKE && !a->writer.doomed)
		tr_actor_turn(a, leave_turn, &c->peer);
	c->peer.actor = NULL;
	tr_actor_touch(a);
}

void tr_conn_shut(struct tr_conn *c, int code, const char *reason, int delay_ms)
{
	if (tr_conn_sleeps(c))
		tr_conn_part(c);
	else
		tr_conn_detach(c);
	hold_close(c, code, reason, delay_ms);
}

/* The error by which a client comes back, where it should; else 0. It does so for a few only, none of which speaks of a disk or
 * of memory (spec 9.2); what there was too little of is in the log. */
static int error_to_return(int error)
{
	switch (error) {
	case TROUPE_EDRAINING: case TROUPE_ENOTFOUND: case TROUPE_ERESTARTING:
		return error;
	case TROUPE_ESTORE: case TROUPE_EFULL: case TROUPE_ENOMEM:
		return TROUPE_ERESTARTING;
	default:
		return 0;
	}
}

/* A refusal: Error frame, then Close with the same words. The ones by which a client comes back are plain closes, since an
 * Error frame would reject the calls that it keeps for then (spec 9.2). */
void tr_conn_refuse_with(struct tr_conn *c, const struct tr_fault *fault)
{
	const struct tr_fault returns = { .error = error_to_return(fault->error) };
	char reason[124];
	struct tr_frame *frame;

	if (!c->gate || c->state == TR_CONN_CLOSING)
		return;
	tr_fault_reason(returns.error ? &returns : fault, reason);
	tr_debug("conn.refused", "error=%s reason=%s", troupe_error_info(fault->error)->name, reason);
	if (returns.error) {
		tr_conn_close_now(c, returns.error == TROUPE_EDRAINING ? 1001 : 1011, reason, TR_REFUSAL_DELAY_MS);
		return;
	}
	if (!c->plain) {
		frame = tr_fault_frame(fault, c->encoding, NULL, NULL);
		c->ops->send(c->gate, frame);
		tr_frame_unref(frame);
	}
	tr_conn_close_now(c, 1011, reason, TR_REFUSAL_DELAY_MS);
}

void tr_conn_refuse(struct tr_core *core, enum tr_encoding e, int error, const char *message,
                    const struct tr_peer_ops *ops, void *peer)
{
	struct tr_conn c = { .core = core, .ops = ops, .gate = peer, .encoding = e };
	struct tr_fault fault = { 0 };

	tr_fault_set(&fault, error, message ? "%s" : NULL, message);
	tr_conn_refuse_with(&c, &fault);
	tr_fault_clear(&fault);
}

/* ------------------------------------------------------------------ joining */

static void hold_init(struct tr_conn *c)
{
	struct tr_bytes *out = &c->core->scratch;

	tr_bytes_clear(out);
	tr_client_encode_init(c->encoding, out, c->peer.actor->label.id,
	                      (struct troupe_text){ c->peer.id, strlen(c->peer.id) });
	tr_conn_hold_frame(c, tr_frame_new(out->data, out->size, c->encoding == TR_ENC_JSON));
}

/* Init is held first: what the hooks send comes after it, and nothing is sent if they refuse. */
static int join_turn(struct troupe_actor *a, void *arg)
{
	struct tr_conn *c = arg;
	int rc = 0;

	if (!c->plain) {
		hold_init(c);
		tr_replay_begin(c);
	}
	if (a->kind->admit)
		rc = a->kind->admit(a, &c->peer);
	if (rc < 0 || c->plain)
		return rc < 0 ? rc : tr_plain_open(a, c);
	tr_list_push(&a->peers, &c->peer.link);
	a->peer_count++;
	if (a->kind->join)
		rc = a->kind->join(a, &c->peer);
	if (rc >= 0)
		return 0;
	tr_list_remove(&c->peer.link);
	a->peer_count--;
	return rc;
}

/* It was let in, perhaps after it has gone, for the sake of what it said. */
static int enter(struct tr_conn *c, struct troupe_actor *a)
{
	int rc;

	tr_peer_enter(&c->peer, a);
	c->peer.since_ms = c->core->o.clock.ops->now_ms(c->core->o.clock.ctx);
	c->state = TR_CONN_OPEN;
	tr_fault_clear(&a->refusal);
	rc = tr_actor_turn(a, join_turn, c);
	tr_peer_forget(&c->peer);
	if (rc < 0) {
		c->peer.actor = NULL;
		c->state = TR_CONN_SEEKING;
	}
	return rc;
}

/* It stays outside. */
static void turn_away(struct tr_conn *c, const struct tr_fault *fault)
{
	tr_waiting_forget(c);
	c->parts = false;
	if (fault)
		tr_conn_refuse_with(c, fault);
	if (!c->gate)
		c->state = TR_CONN_CLOSING;
}

static void on_actor(void *arg, struct tr_fault *fault, const struct tr_actor_row *row,
                     struct troupe_actor *a, bool created)
{
	struct tr_conn *c = arg;
	struct tr_fault refusal = { 0 };
	int rc;

	(void)row;
	(void)created;
	if (fault || c->state != TR_CONN_SEEKING) { /* the client did not wait, or for no good */
		turn_away(c, fault);
	} else if ((rc = enter(c, a)) < 0) {
		tr_actor_take_fault(a, rc, &refusal);
		turn_away(c, &refusal);
		tr_fault_clear(&refusal);
	} else {
		tr_conn_deliver(c);
	}
	tr_conn_unref(c);
}

struct tr_conn *tr_conn_open(struct tr_core *core, const struct tr_conn_request *rq, const struct tr_peer_ops *ops, void *peer)
{
	struct tr_conn *c = conn_new(core, rq->encoding, ops, peer);
	struct tr_fault fault = { 0 };

	tr_random_uuid(c->peer.id);
	c->peer.params = tr_pool_value(&c->pool, rq->params);
	c->peer.observes = rq->to.observes;
	c->plain = rq->plain;
	c->peer.request = tr_request_copy(rq->request, "");
	if (core->draining) {
		tr_fault_set(&fault, TROUPE_EDRAINING, NULL);
		tr_conn_refuse_with(c, &fault);
		tr_fault_clear(&fault);
		return c;
	}
	tr_roster_seek(core, &rq->to, TR_SEEK_WAKE, on_actor, tr_conn_ref(c));
	return c;
}

/* ------------------------------------------------------------------ from the client */

/* A refused subscription closes, as the official server does (spec 6.5); the client subscribes again when it is back, so it
 * is held for a while (9.4). */
static void on_subscription(struct tr_conn *c, const struct tr_client_message *m)
{
	int rc = tr_conn_subscribe(c, m->name, m->subscribe);
	struct tr_fault fault = { .error = rc == TROUPE_EINVAL ? TROUPE_EMESSAGE : rc };
	char reason[124];

	if (rc >= 0)
		return;
	tr_fault_reason(&fault, reason);
	tr_conn_shut(c, 1011, reason, TR_REFUSAL_DELAY_MS);
}

/* Nothing is held back for it yet, so nothing has to be sent before its Close. */
static void wait_for_actor(struct tr_conn *c, const void *data, size_t size, bool text)
{
	const char *why = tr_waiting_add(c, data, size, text);

	if (why)
		tr_conn_close_now(c, 1011, why, 0);
}

void tr_conn_message(struct tr_conn *c, const void *data, size_t size, bool text)
{
	struct tr_client_message m;
	const char *why = "";
	int rc;

	/* json comes as text or binary, the others as binary; what decodes is what counts (spec 6.3) */
	if (c->state == TR_CONN_CLOSING || (c->state == TR_CONN_OPEN && !c->peer.actor && !c->dorm) || c->parts)
		return; /* its Close frame is on the way */
	if (c->state == TR_CONN_SEEKING) {
		wait_for_actor(c, data, size, text);
		return;
	}
	if (c->waking || tr_conn_sleeps(c)) {
		tr_conn_wait(c, data, size, text);
		return;
	}
	if (c->plain) {
		tr_plain_message(c, data, size, text);
		return;
	}
	tr_bytes_clear(&c->core->inbox);
	rc = size > c->core->o.message_size ? TROUPE_EBIGIN
	     : tr_client_decode(c->encoding, data, size, TR_DEPTH_MAX, &c->core->inbox, &m, &why);
	if (rc < 0) {
		tr_debug("conn.message", "connection=%s refused=\"%s\"", c->peer.id, why);
		tr_conn_shut(c, 1011, rc == TROUPE_EBIGIN ? "message.incoming_too_long" : "actor.invalid_request", 0);
		return;
	}
	if (m.kind == TR_CLIENT_ACTION)
		tr_conn_call(c, &m);
	else
		on_subscription(c, &m);
}

void tr_conn_closing(struct tr_conn *c, int code, struct troupe_text reason)
{
	c->closed_code = code;
	c->closed_reason = tr_pool_text(&c->pool, reason);
}

void tr_conn_drained(struct tr_conn *c)
{
	if (c->state == TR_CONN_OPEN && (c->peer.actor || c->dorm))
		tr_replay_more(c);
}

void tr_conn_closed(struct tr_conn *c)
{
	struct tr_core *core = c->core;

	c->gate = NULL;
	if (tr_conn_sleeps(c))
		tr_conn_part(c);
	else if (c->waiting && !core->draining) /* a seek is under way that delivers it */
		c->parts = true;
	else
		tr_conn_detach(c);
	if (!c->parts) { /* else what it said before it went is still to be heard */
		c->state = TR_CONN_CLOSING;
		tr_waiting_forget(c);
	}
	tr_list_remove(&c->link);
	core->conn_count--;
	tr_conn_unref(c);
}

/* ------------------------------------------------------------------ what an author asks of it */

void tr_peer_enter(struct troupe_peer *p, struct troupe_actor *a)
{
	p->actor = a;
	if (a->kind->peer_size > 0)
		p->self = tr_alloc(a->kind->peer_size);
}

void tr_peer_free(struct troupe_peer *p)
{
	tr_peer_forget(p);
	free(p->self);
	p->self = NULL;
}

void tr_peer_forget(struct troupe_peer *p)
{
	free((void *)(uintptr_t)p->request);
	p->request = NULL;
}

void *troupe_peer_self(struct troupe_peer *p)
{
	return p->self;
}

bool troupe_peer_connected(const struct troupe_peer *p)
{
	return p->actor && p->conn;
}

const char *troupe_peer_id(const struct troupe_peer *p)
{
	return p->id;
}

struct troupe_value troupe_peer_params(const struct troupe_peer *p)
{
	return p->params;
}

const char *troupe_peer_param(const struct troupe_peer *p, const char *name)
{
	struct troupe_value v;
	struct troupe_text text;

	if (!tr_value_member(p->params, name, &v) || !tr_value_text(v, &text) || memchr(text.data, 0, text.size))
		return NULL;
	return tr_pool_text(&p->actor->core->turn_pool, text);
}

bool troupe_peer_observes(const struct troupe_peer *p)
{
	struct troupe_value v;
	struct troupe_text role;

	return p->observes || (tr_value_member(p->params, "role", &v) && tr_value_text(v, &role) && role.size == 8
	                       && memcmp(role.data, "observer", 8) == 0);
}

int64_t troupe_peer_since_ms(const struct troupe_peer *p)
{
	return p->since_ms;
}

static struct troupe_peer *next_in(const struct tr_list *list, const struct troupe_peer *p)
{
	struct tr_list *at = p ? p->link.next : list->next;

	return at == list ? NULL : tr_container(at, struct troupe_peer, link);
}

struct troupe_peer *troupe_peer_next(struct troupe_actor *a, const struct troupe_peer *p)
{
	return next_in(&a->peers, p);
}

struct troupe_peer *troupe_socket_next(struct troupe_actor *a, const struct troupe_peer *p)
{
	return next_in(&a->sockets, p);
}

size_t troupe_peer_count(const struct troupe_actor *a)
{
	return a->peer_count;
}

/* Waits for its turn's commit: an undone turn disconnects nobody. */
struct disconnect { struct tr_conn *conn; int code; char reason[124]; };

static void on_disconnect(void *arg, int rc)
{
	struct disconnect *d = arg;

	if (rc == 0)
		tr_conn_shut(d->conn, d->code, d->reason, 0);
	tr_conn_unref(d->conn);
	free(d);
}

static void disconnect(struct troupe_peer *p, int code, const char *reason)
{
	struct disconnect *d;

	if (!p->actor || !p->conn)
		return;
	d = tr_alloc(sizeof *d);
	d->conn = tr_conn_ref(p->conn);
	d->code = code;
	strncpy(d->reason, reason ? reason : "", sizeof d->reason - 1);
	tr_actor_after(p->actor, on_disconnect, d);
}

void troupe_disconnect(struct troupe_peer *p, const char *reason)
{
	disconnect(p, 1000, reason);
}

void troupe_socket_close(struct troupe_peer *p, int code, const char *reason)
{
	disconnect(p, code, reason);
}
