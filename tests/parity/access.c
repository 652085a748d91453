/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: the suite's access-control.ts. */
#include <stdio.h>
#include <string.h>

#include "kit.h"

struct gate { const char *publisher, *subscriber; };
static const struct troupe_record gate = TROUPE_RECORD(gate,
	TROUPE_OPTION(gate, publisher, "lastCanPublishConnId"),
	TROUPE_OPTION(gate, subscriber, "lastCanSubscribeConnId"));

/* Both are allowed to who says nothing. */
struct ticket { bool request, websocket; };
static const struct troupe_record ticket = TROUPE_RECORD(ticket,
	TROUPE_DEFAULT(ticket, request, "allowRequest", 1),
	TROUPE_DEFAULT(ticket, websocket, "allowWebSocket", 1));

static int gate_admit(struct troupe_actor *a, struct troupe_peer *p)
{
	struct troupe_value params = troupe_peer_params(p);
	struct ticket in = { true, true };

	if (params.size && troupe_read(a, &ticket, &in, params) < 0)
		in = (struct ticket){ true, true };
	return in.request && in.websocket ? 0 : TROUPE_EFORBIDDEN;
}

static int gate_subscribe(struct troupe_actor *a, struct troupe_peer *p, const char *name)
{
	bool known = strcmp(name, "allowedEvent") == 0 || strcmp(name, "blockedEvent") == 0;

	if (known)
		troupe_set_text(a, &((struct gate *)troupe_self(a))->subscriber, troupe_peer_id(p));
	return strcmp(name, "blockedEvent") == 0 ? TROUPE_EFORBIDDEN : 0;
}

static int gate_request(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq)
{
	static const struct troupe_header json = { "content-type", "application/json" };

	(void)a;
	if (strcmp(rq->path, "/status") == 0)
		return troupe_respond(c, 200, &json, 1, "{\"ok\":true}", strlen("{\"ok\":true}"));
	return troupe_respond(c, 404, NULL, 0, "Not Found", strlen("Not Found"));
}

static int gate_socket(struct troupe_actor *a, struct troupe_peer *p, const char *path)
{
	static const char welcome[] = "{\"type\":\"welcome\"}";

	(void)a;
	(void)path;
	return troupe_socket_send(p, welcome, strlen(welcome), true);
}

static int gate_submit(struct troupe_actor *a, struct troupe_peer *p, const char *queue, struct troupe_value body)
{
	(void)body;
	troupe_set_text(a, &((struct gate *)troupe_self(a))->publisher, troupe_peer_id(p));
	return strcmp(queue, "blockedQueue") == 0 ? TROUPE_EFORBIDDEN : 0;
}

struct value { const char *value; };
static const struct troupe_record value = TROUPE_RECORD(value,
	TROUPE_FIELD(value, value, "value"));

static int gate_action(struct troupe_actor *a, struct troupe_call *call)
{
	const struct value *in = troupe_args(call);
	char text[256];

	(void)a;
	snprintf(text, sizeof text, "allowed:%s", in->value);
	return reply_text(call, text);
}

static int gate_get_publisher(struct troupe_actor *a, struct troupe_call *call)
{
	const char *id = ((struct gate *)troupe_self(a))->publisher;

	return reply_text(call, id ? id : "");
}

static int gate_get_subscriber(struct troupe_actor *a, struct troupe_call *call)
{
	const char *id = ((struct gate *)troupe_self(a))->subscriber;

	return reply_text(call, id ? id : "");
}

static int gate_broadcast_allowed(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_broadcast(a, "allowedEvent", &value, troupe_args(call));
}

static int gate_broadcast_blocked(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_broadcast(a, "blockedEvent", &value, troupe_args(call));
}

static int gate_broadcast_undefined(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_broadcast(a, "undefinedEvent", &value, troupe_args(call));
}

static int on_message(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	(void)a;
	if (rc < 0)
		return troupe_fail(arg, rc, NULL);
	return count > 0 ? troupe_reply_value(arg, m[0]->body) : reply_text(arg, NULL);
}

static int try_take(struct troupe_actor *a, struct troupe_call *call, const char *const *queues)
{
	int rc = troupe_queue_take(NULL, a, &(struct troupe_take_options){
		.queues = queues, .on_messages = on_message, .arg = call });

	return rc < 0 ? rc : TROUPE_LATER;
}

static int gate_receive(struct troupe_actor *a, struct troupe_call *call)
{
	return try_take(a, call, (const char *const[]){ "allowedQueue", NULL });
}

static int gate_receive_any(struct troupe_actor *a, struct troupe_call *call)
{
	return try_take(a, call, NULL);
}

static const struct troupe_action gate_actions[] = {
	{ .name = "allowedAction",                    .run = gate_action,              .takes = &value, .positional = true },
	{ .name = "allowedGetLastCanPublishConnId",   .run = gate_get_publisher },
	{ .name = "allowedGetLastCanSubscribeConnId", .run = gate_get_subscriber },
	{ .name = "allowedReceiveQueue",              .run = gate_receive },
	{ .name = "allowedReceiveAnyQueue",           .run = gate_receive_any },
	{ .name = "allowedBroadcastAllowedEvent",     .run = gate_broadcast_allowed,   .takes = &value, .positional = true },
	{ .name = "allowedBroadcastBlockedEvent",     .run = gate_broadcast_blocked,   .takes = &value, .positional = true },
	{ .name = "allowedBroadcastUndefinedEvent",   .run = gate_broadcast_undefined, .takes = &value, .positional = true },
	{ 0 }
};

const struct troupe_kind access_control_kind = {
	.name      = "accessControlActor",
	.size      = sizeof(struct gate),
	.state     = &gate,
	.admit     = gate_admit,
	.subscribe = gate_subscribe,
	.request   = gate_request,
	.socket    = gate_socket,
	.actions   = gate_actions,
	.queues    = (const struct troupe_queue[]){ { .name = "allowedQueue" }, { .name = "blockedQueue" }, { 0 } },
	.submit    = gate_submit,
};

/* What is sent to a queue that is not there is passed over, so there is nothing to read. */
static int read_any_queue(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text(call, NULL);
}

const struct troupe_kind access_control_no_queues_kind = {
	.name    = "accessControlNoQueuesActor",
	.actions = (const struct troupe_action[]){ { .name = "readAnyQueue", .run = read_any_queue }, { 0 } },
};
