/* SPDX-License-Identifier: Apache-2.0 */
/* What goes in and out: the suite's large-payloads.ts, action-inputs.ts and stateless.ts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

/* ------------------------------------------------------------------ largePayloadActor, largePayloadConnActor */

struct given { struct troupe_value items; };
static const struct troupe_record given = TROUPE_RECORD(given,
	TROUPE_FIELD(given, items, "items"));

struct last { int64_t size; };

static int large_request(struct troupe_actor *a, struct troupe_call *call)
{
	const struct given *in = troupe_args(call);
	struct troupe_peer *peer = troupe_caller(call);
	msgpack_unpacked got;
	const msgpack_object_array *items;
	struct pack p;
	size_t at = 0;

	(void)a;
	msgpack_unpacked_init(&got);
	if (msgpack_unpack_next(&got, in->items.data, in->items.size, &at) != MSGPACK_UNPACK_SUCCESS ||
	    got.data.type != MSGPACK_OBJECT_ARRAY || got.data.via.array.size == 0) {
		msgpack_unpacked_destroy(&got);
		return troupe_fail(call, TROUPE_EINVAL, "items: must be a list that holds something");
	}
	items = &got.data.via.array;
	if (peer && troupe_peer_self(peer))
		((struct last *)troupe_peer_self(peer))->size = items->size;
	pack_begin(&p);
	msgpack_pack_map(&p.out, 3);
	pack_text(&p, "itemCount");
	msgpack_pack_uint32(&p.out, items->size);
	pack_text(&p, "firstItem");
	msgpack_pack_object(&p.out, items->ptr[0]);
	pack_text(&p, "lastItem");
	msgpack_pack_object(&p.out, items->ptr[items->size - 1]);
	msgpack_unpacked_destroy(&got);
	return pack_reply(&p, call);
}

struct wanted { uint32_t count; };
static const struct troupe_record wanted = TROUPE_RECORD(wanted,
	TROUPE_FIELD(wanted, count, "itemCount"));

static int large_response(struct troupe_actor *a, struct troupe_call *call)
{
	const struct wanted *in = troupe_args(call);
	struct pack p;
	char item[80];

	(void)a;
	if (in->count > 100000)
		return troupe_fail(call, TROUPE_EINVAL, "itemCount: at most 100000");
	pack_begin(&p);
	msgpack_pack_map(&p.out, 1);
	pack_text(&p, "items");
	msgpack_pack_array(&p.out, in->count);
	for (uint32_t i = 0; i < in->count; i++) {
		snprintf(item, sizeof item, "Item %u with some additional text to increase size", i);
		pack_text(&p, item);
	}
	return pack_reply(&p, call);
}

struct any { struct troupe_value value; };
static const struct troupe_record any = TROUPE_RECORD(any,
	TROUPE_OPTION(any, value, "value"));

static int echo(struct troupe_actor *a, struct troupe_call *call)
{
	const struct any *in = troupe_args(call);

	(void)a;
	return troupe_reply_value(call, in->value);
}

static int large_last_size(struct troupe_actor *a, struct troupe_call *call)
{
	struct troupe_peer *peer = troupe_caller(call);

	(void)a;
	return peer ? troupe_reply_int(call, ((struct last *)troupe_peer_self(peer))->size) : 0;
}

static const struct troupe_action large_payload_actions[] = {
	{ .name = "processLargeRequest", .run = large_request,  .takes = &given },
	{ .name = "getLargeResponse",    .run = large_response, .takes = &wanted, .positional = true },
	{ .name = "echo",                .run = echo,           .takes = &any,    .positional = true },
	{ 0 }
};

static const struct troupe_action large_payload_conn_actions[] = {
	{ .name = "processLargeRequest", .run = large_request,   .takes = &given },
	{ .name = "getLargeResponse",    .run = large_response,  .takes = &wanted, .positional = true },
	{ .name = "echo",                .run = echo,            .takes = &any,    .positional = true },
	{ .name = "getLastRequestSize",  .run = large_last_size },
	{ 0 }
};

const struct troupe_kind large_payload_kind = {
	.name    = "largePayloadActor",
	.actions = large_payload_actions,
};

const struct troupe_kind large_payload_conn_kind = {
	.name      = "largePayloadConnActor",
	.peer_size = sizeof(struct last),
	.actions   = large_payload_conn_actions,
};

/* ------------------------------------------------------------------ inputActor: what its creator gave it */

struct inputs { struct troupe_value initial, on_create; };
static const struct troupe_record inputs = TROUPE_RECORD(inputs,
	TROUPE_OPTION(inputs, initial, "initialInput"),
	TROUPE_OPTION(inputs, on_create, "onCreateInput"));

static int input_create(struct troupe_actor *a)
{
	struct inputs *self = troupe_self(a);
	int rc = troupe_set_value(a, &self->initial, troupe_input(a));

	return rc < 0 ? rc : troupe_set_value(a, &self->on_create, troupe_input(a));
}

static int input_get(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply(call, &inputs, troupe_self(a));
}

const struct troupe_kind input_kind = {
	.name    = "inputActor",
	.size    = sizeof(struct inputs),
	.state   = &inputs,
	.create  = input_create,
	.actions = (const struct troupe_action[]){
		{ .name = "getInputs", .run = input_get },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ statelessActor
 * In C neither can be tried: a kind without a struct has no state, and there is no database. */

static int stateless_ping(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text(call, "pong");
}

static int stateless_actor_id(struct troupe_actor *a, struct troupe_call *call)
{
	return reply_text(call, troupe_id(a));
}

struct attempt { bool success; const char *error; };
static const struct troupe_record attempt = TROUPE_RECORD(attempt,
	TROUPE_FIELD(attempt, success, "success"),
	TROUPE_OPTION(attempt, error, "error"));

static int stateless_try_state(struct troupe_actor *a, struct troupe_call *call)
{
	struct attempt result = { .success = troupe_self(a) != NULL };

	if (!result.success)
		result.error = "this kind has no state";
	return troupe_reply(call, &attempt, &result);
}

static int stateless_try_db(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return troupe_reply(call, &attempt, &(struct attempt){ .error = "this kind has no database" });
}

const struct troupe_kind stateless_kind = {
	.name    = "statelessActor",
	.actions = (const struct troupe_action[]){
		{ .name = "ping",        .run = stateless_ping },
		{ .name = "echo",        .run = echo, .takes = &any, .positional = true },
		{ .name = "getActorId",  .run = stateless_actor_id },
		{ .name = "tryGetState", .run = stateless_try_state },
		{ .name = "tryGetDb",    .run = stateless_try_db },
		{ 0 }
	},
};
