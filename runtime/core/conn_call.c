/* SPDX-License-Identifier: Apache-2.0 */
/* A connection as a caller: its action calls, and how each hears its answer. Each of its calls has a
 * reference to it, since it may go before it is answered. */
#include "runtime/base/mem.h"
#include "runtime/core/live.h"

static struct troupe_peer *visitor(const struct troupe_call *c)
{
	struct troupe_peer *peer = &c->caller.at.conn->peer;

	return peer->actor ? peer : NULL;
}

/* ------------------------------------------------------------------ the answer */

static void frame_fault(struct troupe_call *c)
{
	tr_frame_unref(c->caller.at.frame);
	c->caller.at.frame = tr_fault_frame(&c->fault, c->caller.at.conn->encoding, &c->caller.at.id, &c->actor->label);
}

static void frame_output(struct troupe_call *c, struct troupe_value v)
{
	struct tr_bytes *out = &c->actor->core->scratch;
	enum tr_encoding encoding = c->caller.at.conn->encoding;
	int rc;

	tr_bytes_clear(out);
	rc = tr_client_encode_response(encoding, out, c->caller.at.id, v);
	if (rc == 0 && out->size <= TR_MESSAGE_OUT_BYTES_MAX) {
		tr_frame_unref(c->caller.at.frame);
		c->caller.at.frame = tr_frame_new(out->data, out->size, encoding == TR_ENC_JSON);
		return;
	}
	tr_fault_set(&c->fault, rc < 0 ? TROUPE_EINTERNAL : TROUPE_EBIGOUT, NULL);
	frame_fault(c);
}

static void tell(struct troupe_call *c)
{
	tr_conn_send(c->caller.at.conn, c->caller.at.frame);
	c->caller.at.frame = tr_frame_unref(c->caller.at.frame);
}

static void leave(struct troupe_call *c)
{
	tr_conn_unref(c->caller.at.conn);
}

/* Its time was up. Its actor still works for it, and may ask for whom. */
static const struct tr_caller_ops told_caller = { .visitor = visitor, .leave = leave };

static const struct tr_caller_ops caller = {
	.visitor = visitor,
	.output = frame_output,
	.fault = frame_fault,
	.tell = tell,
	.told = &told_caller,
};

/* ------------------------------------------------------------------ the call */

static void refuse(struct tr_conn *c, uint64_t id, int error)
{
	struct tr_fault fault = { .error = error };

	tr_conn_hold_frame(c, tr_fault_frame(&fault, c->encoding, &id, &c->peer.actor->label));
}

void tr_conn_call(struct tr_conn *c, const struct tr_client_message *m)
{
	struct troupe_actor *a = c->peer.actor;
	const struct troupe_action *action = tr_kind_open_action(a->kind, m->name);

	tr_replay_start(c);
	if (!c->peer.actor) /* its log could not be read: its Close is on the way */
		return;
	if (!action || a->call_count - a->stream_count >= TR_MAILBOX_MAX) {
		refuse(c, m->id, action ? TROUPE_EOVERLOADED : TROUPE_EACTION);
		return;
	}
	tr_call_run(tr_call_new(a, action, m->args, (struct tr_caller){ &caller, .at = { tr_conn_ref(c), m->id, NULL } }));
}
