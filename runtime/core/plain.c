/* SPDX-License-Identifier: Apache-2.0 */
/* Plain WebSockets (spec/rivetkit-client.md 11.2): the actor's own protocol. They are connections without Init, actions and
 * subscriptions; what they send still waits for the commit like everything else. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/core/live.h"

int tr_plain_open(struct troupe_actor *a, struct tr_conn *c)
{
	int rc;

	if (!a->kind->socket)
		return troupe_refuse(a, TROUPE_EROUTE, "This kind of actor takes no plain WebSockets.");
	tr_list_push(&a->sockets, &c->peer.link);
	a->socket_count++;
	rc = a->kind->socket(a, &c->peer, c->peer.request->path);
	if (rc >= 0)
		return 0;
	tr_list_remove(&c->peer.link);
	a->socket_count--;
	return rc;
}

struct incoming { struct tr_conn *conn; const void *data; size_t size; bool text; };

static int message_turn(struct troupe_actor *a, void *arg)
{
	const struct incoming *in = arg;

	if (a->kind->message)
		a->kind->message(a, &in->conn->peer, in->data, in->size, in->text);
	return 0;
}

void tr_plain_message(struct tr_conn *c, const void *data, size_t size, bool text)
{
	struct incoming in = { c, data, size, text };

	if (size > TR_SOCKET_BYTES_MAX)
		tr_conn_shut(c, 1011, "message.incoming_too_long", 0);
	else
		tr_actor_turn(c->peer.actor, message_turn, &in);
}

int troupe_socket_send(struct troupe_peer *p, const void *data, size_t size, bool text)
{
	if (!p->actor || !p->conn || !p->conn->plain)
		return TROUPE_EINVAL;
	if (size > TR_SOCKET_BYTES_MAX)
		return TROUPE_EBIGOUT;
	tr_conn_hold_frame(p->conn, tr_frame_new(data, size, text));
	return 0;
}

int troupe_socket_closed(const struct troupe_peer *p, const char **reason)
{
	const struct tr_conn *c = p->conn;

	*reason = c && c->closed_reason ? c->closed_reason : "";
	return c && c->closed_code ? c->closed_code : 1006;
}
