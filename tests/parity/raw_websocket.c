/* SPDX-License-Identifier: Apache-2.0 */
/* Plain WebSockets: the suite's raw-websocket.ts. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

/* Takes over what it says. */
/* ------------------------------------------------------------------ rawWebSocketActor
 * Its messages have an index, as a hibernating WebSocket's have on Rivet: here it is their number on this connection. */

struct hall { int64_t connections, messages; json_t *order; };
static const struct troupe_record hall = TROUPE_RECORD(hall,
	TROUPE_FIELD(hall, connections, "connectionCount"),
	TROUPE_FIELD(hall, messages, "messageCount"));

struct visitor { char *path; int64_t index; };

static int hall_wake(struct troupe_actor *a)
{
	((struct hall *)troupe_self(a))->order = json_array();
	return 0;
}

static void hall_sleep(struct troupe_actor *a)
{
	json_decref(((struct hall *)troupe_self(a))->order);
}

static int hall_socket(struct troupe_actor *a, struct troupe_peer *p, const char *path)
{
	struct hall *self = troupe_self(a);
	struct visitor *v = troupe_peer_self(p);

	v->path = strdup(path);
	self->connections++;
	socket_say(p, json_pack("{s:s,s:I}", "type", "welcome", "connectionCount", (json_int_t)self->connections));
	return 0;
}

static void hall_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	struct visitor *v = troupe_peer_self(p);

	free(v->path);
	((struct hall *)troupe_self(a))->connections--;
}

static void indexed(struct troupe_actor *a, struct troupe_peer *p, const char *type, json_t *message)
{
	struct hall *self = troupe_self(a);
	json_int_t index = ((struct visitor *)troupe_peer_self(p))->index;
	json_t *payload = json_object_get(message, "payload");

	json_array_append_new(self->order, json_integer(index));
	if (strcmp(type, "indexedEcho") == 0)
		socket_say(p, json_pack("{s:s,s:O?,s:I}", "type", type, "payload", payload, "rivetMessageIndex", index));
	else
		socket_say(p, json_pack("{s:s,s:I,s:I}", "type", type, "rivetMessageIndex", index,
		                 "payloadSize", (json_int_t)json_string_length(payload)));
}

/* False: not one of those that mean something here. */
static bool answer(struct troupe_actor *a, struct troupe_peer *p, const char *type, json_t *message)
{
	struct hall *self = troupe_self(a);
	struct visitor *v = troupe_peer_self(p);

	if (strcmp(type, "ping") == 0)
		socket_say(p, json_pack("{s:s,s:I}", "type", "pong", "timestamp", (json_int_t)troupe_now_ms(a)));
	else if (strcmp(type, "getStats") == 0)
		socket_say(p, json_pack("{s:s,s:I,s:I}", "type", "stats", "connectionCount", (json_int_t)self->connections,
		                 "messageCount", (json_int_t)self->messages));
	else if (strcmp(type, "getRequestInfo") == 0)
		socket_say(p, json_pack("{s:s,s:o,s:s%,s:s}", "type", "requestInfo", "url", json_sprintf("ws://actor/websocket%s", v->path),
		                 "pathname", v->path, strcspn(v->path, "?"), "search", v->path + strcspn(v->path, "?")));
	else if (strcmp(type, "indexedEcho") == 0 || strcmp(type, "indexedAckProbe") == 0)
		indexed(a, p, type, message);
	else if (strcmp(type, "getIndexedMessageOrder") == 0)
		socket_say(p, json_pack("{s:s,s:O}", "type", "indexedMessageOrder", "order", self->order));
	else
		return false;
	return true;
}

static void hall_message(struct troupe_actor *a, struct troupe_peer *p, const void *data, size_t size, bool text)
{
	json_t *message = text ? json_loadb(data, size, 0, NULL) : NULL;
	const char *type = json_string_value(json_object_get(message, "type"));

	((struct hall *)troupe_self(a))->messages++;
	((struct visitor *)troupe_peer_self(p))->index++;
	if (!type || !answer(a, p, type, message))
		troupe_socket_send(p, data, size, text);
	json_decref(message);
}

static int hall_get_stats(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply(call, &hall, troupe_self(a));
}

const struct troupe_kind raw_websocket_kind = {
	.name      = "rawWebSocketActor",
	.size      = sizeof(struct hall),
	.state     = &hall,
	.peer_size = sizeof(struct visitor),
	.wake      = hall_wake,
	.sleep     = hall_sleep,
	.destroy   = hall_sleep,
	.socket    = hall_socket,
	.message   = hall_message,
	.leave     = hall_leave,
	.actions   = (const struct troupe_action[]){
		{ .name = "getStats", .run = hall_get_stats },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ rawWebSocketBinaryActor: gives bytes back reversed */

static int open_socket(struct troupe_actor *a, struct troupe_peer *p, const char *path)
{
	(void)a;
	(void)p;
	(void)path;
	return 0;
}

static void binary_message(struct troupe_actor *a, struct troupe_peer *p, const void *data, size_t size, bool text)
{
	const unsigned char *from = data;
	unsigned char *reversed = malloc(size + 1);

	(void)a;
	if (!reversed)
		abort();
	for (size_t i = 0; i < size; i++)
		reversed[i] = from[size - 1 - i];
	if (!text)
		troupe_socket_send(p, reversed, size, false);
	free(reversed);
}

const struct troupe_kind raw_websocket_binary_kind = {
	.name    = "rawWebSocketBinaryActor",
	.socket  = open_socket,
	.message = binary_message,
};

/* ------------------------------------------------------------------ rawWebSocketAsyncOpenActor: says hello after a while */

struct opened { int64_t count; };
static const struct troupe_record opened = TROUPE_RECORD(opened,
	TROUPE_FIELD(opened, count, "openCount"));

struct greeting { struct troupe_timer *timer; };

static void greet(struct troupe_actor *a, void *arg)
{
	struct opened *self = troupe_self(a);

	socket_say(arg, json_pack("{s:s,s:I}", "type", "async-open", "openCount", (json_int_t)self->count));
}

static int async_open(struct troupe_actor *a, struct troupe_peer *p, const char *path)
{
	struct greeting *g = troupe_peer_self(p);

	(void)path;
	((struct opened *)troupe_self(a))->count++;
	g->timer = troupe_timer_new(a, greet, p);
	troupe_timer_set(g->timer, 10);
	return 0;
}

static void async_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	struct greeting *g = troupe_peer_self(p);

	(void)a;
	g->timer = troupe_timer_free(g->timer);
}

static int async_get_open_count(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply_int(call, ((struct opened *)troupe_self(a))->count);
}

const struct troupe_kind raw_websocket_async_kind = {
	.name      = "rawWebSocketAsyncOpenActor",
	.size      = sizeof(struct opened),
	.state     = &opened,
	.peer_size = sizeof(struct greeting),
	.socket    = async_open,
	.leave     = async_leave,
	.actions   = (const struct troupe_action[]){
		{ .name = "getOpenCount", .run = async_get_open_count },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ rawWebSocketConnContextActor: says who its client is */

static int context_socket(struct troupe_actor *a, struct troupe_peer *p, const char *path)
{
	const char *id = troupe_peer_id(p);

	(void)a;
	(void)path;
	socket_say(p, json_pack("{s:s,s:s,s:{s:b,s:s}}", "type", "conn-context", "connId", id, "state", "opened", 1, "connId", id));
	return 0;
}

const struct troupe_kind raw_websocket_context_kind = {
	.name   = "rawWebSocketConnContextActor",
	.socket = context_socket,
};
