/* SPDX-License-Identifier: Apache-2.0 */
/* Counters: the suite's counter.ts, counter-conn.ts, conn-params.ts and lifecycle.ts. */
#include "kit.h"

struct number { int64_t x; };
static const struct troupe_record number = TROUPE_RECORD(number,
	TROUPE_FIELD(number, x, "x"));

/* ------------------------------------------------------------------ counter */

struct counter { int64_t count; };
static const struct troupe_record counter = TROUPE_RECORD(counter,
	TROUPE_FIELD(counter, count, "count"));

static int counter_tell(struct troupe_actor *a, struct troupe_call *call)
{
	struct counter *self = troupe_self(a);

	troupe_broadcast_value(a, "newCount", troupe_int(a, self->count));
	return troupe_reply_int(call, self->count);
}

static int counter_increment(struct troupe_actor *a, struct troupe_call *call)
{
	const struct number *in = troupe_args(call);

	((struct counter *)troupe_self(a))->count += in->x;
	return counter_tell(a, call);
}

static int counter_set_count(struct troupe_actor *a, struct troupe_call *call)
{
	const struct number *in = troupe_args(call);

	((struct counter *)troupe_self(a))->count = in->x;
	return counter_tell(a, call);
}

static int counter_get_count(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply_int(call, ((struct counter *)troupe_self(a))->count);
}

static int counter_get_key(struct troupe_actor *a, struct troupe_call *call)
{
	struct pack p;

	pack_begin(&p);
	msgpack_pack_array(&p.out, troupe_key_count(a));
	for (size_t i = 0; i < troupe_key_count(a); i++)
		pack_text(&p, troupe_key(a, i));
	return pack_reply(&p, call);
}

static const struct troupe_action counter_actions[] = {
	{ .name = "increment", .run = counter_increment, .takes = &number, .positional = true },
	{ .name = "setCount",  .run = counter_set_count, .takes = &number, .positional = true },
	{ .name = "getCount",  .run = counter_get_count },
	{ .name = "getKey",    .run = counter_get_key },
	{ 0 }
};

const struct troupe_kind counter_kind = {
	.name    = "counter",
	.size    = sizeof(struct counter),
	.state   = &counter,
	.actions = counter_actions,
};

/* ------------------------------------------------------------------ counterConn: a count for each connection */

struct counter_conn { int64_t connections; };
static const struct troupe_record counter_conn = TROUPE_RECORD(counter_conn,
	TROUPE_FIELD(counter_conn, connections, "connectionCount"));

static int counter_conn_join(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)p;
	((struct counter_conn *)troupe_self(a))->connections++;
	return 0;
}

static void counter_conn_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	if (troupe_peer_connected(p))
		((struct counter_conn *)troupe_self(a))->connections--;
}

static struct counter *own_count(struct troupe_call *call)
{
	struct troupe_peer *p = troupe_caller(call);

	return p ? troupe_peer_self(p) : NULL;
}

static int counter_conn_increment(struct troupe_actor *a, struct troupe_call *call)
{
	const struct number *in = troupe_args(call);
	struct counter *own = own_count(call);

	if (!own)
		return 0;
	own->count += in->x;
	troupe_broadcast_value(a, "newCount", troupe_int(a, own->count));
	return 0;
}

static int counter_conn_set_count(struct troupe_actor *a, struct troupe_call *call)
{
	const struct number *in = troupe_args(call);
	struct counter *own = own_count(call);

	if (!own)
		return 0;
	own->count = in->x;
	troupe_broadcast_value(a, "newCount", troupe_int(a, own->count));
	return 0;
}

static int counter_conn_get_count(struct troupe_actor *a, struct troupe_call *call)
{
	struct counter *own = own_count(call);

	(void)a;
	return own ? troupe_reply_int(call, own->count) : 0;
}

static int counter_conn_get_connection_count(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply_int(call, ((struct counter_conn *)troupe_self(a))->connections);
}

static const struct troupe_action counter_conn_actions[] = {
	{ .name = "increment",          .run = counter_conn_increment, .takes = &number, .positional = true },
	{ .name = "setCount",           .run = counter_conn_set_count, .takes = &number, .positional = true },
	{ .name = "getCount",           .run = counter_conn_get_count },
	{ .name = "getConnectionCount", .run = counter_conn_get_connection_count },
	{ 0 }
};

const struct troupe_kind counter_conn_kind = {
	.name      = "counterConn",
	.size      = sizeof(struct counter_conn),
	.state     = &counter_conn,
	.peer_size = sizeof(struct counter),
	.join      = counter_conn_join,
	.leave     = counter_conn_leave,
	.actions   = counter_conn_actions,
};

/* ------------------------------------------------------------------ counterWithParams: who came, by name */

struct counter_params { int64_t count; struct troupe_value initializers; };
static const struct troupe_record counter_params = TROUPE_RECORD(counter_params,
	TROUPE_FIELD(counter_params, count, "count"),
	TROUPE_OPTION(counter_params, initializers, "initializers"));

static const char *name_of(const struct troupe_peer *p)
{
	const char *name = troupe_peer_param(p, "name");

	return name && *name ? name : "anonymous";
}

static int counter_params_join(struct troupe_actor *a, struct troupe_peer *p)
{
	list_push_text(a, &((struct counter_params *)troupe_self(a))->initializers, name_of(p));
	return 0;
}

struct new_count { int64_t count; const char *by; };
static const struct troupe_record new_count = TROUPE_RECORD(new_count,
	TROUPE_FIELD(new_count, count, "count"),
	TROUPE_FIELD(new_count, by, "by"));

static int counter_params_increment(struct troupe_actor *a, struct troupe_call *call)
{
	struct counter_params *self = troupe_self(a);
	const struct number *in = troupe_args(call);
	struct troupe_peer *p = troupe_caller(call);

	self->count += in->x;
	troupe_broadcast(a, "newCount", &new_count, &(struct new_count){
		.count = self->count,
		.by    = p ? name_of(p) : "anonymous",
	});
	return troupe_reply_int(call, self->count);
}

static int counter_params_get_initializers(struct troupe_actor *a, struct troupe_call *call)
{
	return reply_list(call, ((struct counter_params *)troupe_self(a))->initializers);
}

static const struct troupe_action counter_params_actions[] = {
	{ .name = "increment",       .run = counter_params_increment, .takes = &number, .positional = true },
	{ .name = "getInitializers", .run = counter_params_get_initializers },
	{ 0 }
};

const struct troupe_kind counter_params_kind = {
	.name    = "counterWithParams",
	.size    = sizeof(struct counter_params),
	.state   = &counter_params,
	.join    = counter_params_join,
	.actions = counter_params_actions,
};

/* ------------------------------------------------------------------ counterWithLifecycle: which hooks ran */

struct lifecycle { int64_t count; struct troupe_value events; };
static const struct troupe_record lifecycle = TROUPE_RECORD(lifecycle,
	TROUPE_FIELD(lifecycle, count, "count"),
	TROUPE_OPTION(lifecycle, events, "events"));

struct lifecycle_params { bool track; };
static const struct troupe_record lifecycle_params = TROUPE_RECORD(lifecycle_params,
	TROUPE_OPTION(lifecycle_params, track, "trackLifecycle"));

static void note(struct troupe_actor *a, const struct troupe_peer *p, const char *event)
{
	struct lifecycle *self = troupe_self(a);
	struct lifecycle_params params;

	read_params(a, p, &lifecycle_params, &params);
	if (params.track)
		list_push_text(a, &self->events, event);
}

static int lifecycle_wake(struct troupe_actor *a)
{
	list_push_text(a, &((struct lifecycle *)troupe_self(a))->events, "onWake");
	return 0;
}

static int lifecycle_admit(struct troupe_actor *a, struct troupe_peer *p)
{
	note(a, p, "onBeforeConnect");
	return 0;
}

static int lifecycle_join(struct troupe_actor *a, struct troupe_peer *p)
{
	note(a, p, "onConnect");
	return 0;
}

static void lifecycle_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	note(a, p, "onDisconnect");
}

static int lifecycle_increment(struct troupe_actor *a, struct troupe_call *call)
{
	struct lifecycle *self = troupe_self(a);
	const struct number *in = troupe_args(call);

	self->count += in->x;
	return troupe_reply_int(call, self->count);
}

static int lifecycle_get_events(struct troupe_actor *a, struct troupe_call *call)
{
	return reply_list(call, ((struct lifecycle *)troupe_self(a))->events);
}

static const struct troupe_action lifecycle_actions[] = {
	{ .name = "increment", .run = lifecycle_increment, .takes = &number, .positional = true },
	{ .name = "getEvents", .run = lifecycle_get_events },
	{ 0 }
};

const struct troupe_kind lifecycle_kind = {
	.name    = "counterWithLifecycle",
	.size    = sizeof(struct lifecycle),
	.state   = &lifecycle,
	.wake    = lifecycle_wake,
	.admit   = lifecycle_admit,
	.join    = lifecycle_join,
	.leave   = lifecycle_leave,
	.visitors = true, /* where the suite's client calls by HTTP, Rivet makes a connection for the length of the call */
	.actions = lifecycle_actions,
};
