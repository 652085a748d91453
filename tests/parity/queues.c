/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: the suite's queue.ts. There an actor's loop takes its messages; here that is a queue with run. What there is forgotten
 * when an action ends, a message that it took and did not complete, is here given back by it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

/* ------------------------------------------------------------------ answers */

static void pack_raw(struct pack *p, struct troupe_value v)
{
	msgpack_sbuffer_write(&p->bytes, v.data, v.size);
}

static void pack_message(struct pack *p, const struct troupe_message *m)
{
	msgpack_pack_map(&p->out, 2);
	pack_text(p, "name");
	pack_text(p, m->queue);
	pack_text(p, "body");
	pack_raw(p, m->body);
}

static int reply_message(struct troupe_call *c, const struct troupe_message *m)
{
	struct pack p;

	pack_begin(&p);
	pack_message(&p, m);
	return pack_reply(&p, c);
}

static int reply_nil(struct troupe_call *c)
{
	struct pack p;

	pack_begin(&p);
	msgpack_pack_nil(&p.out);
	return pack_reply(&p, c);
}

static int reply_true(struct troupe_call *c)
{
	struct pack p;

	pack_begin(&p);
	msgpack_pack_true(&p.out);
	return pack_reply(&p, c);
}

/* { name: true } */
static struct troupe_value flag(struct pack *p, const char *name)
{
	pack_begin(p);
	msgpack_pack_map(&p->out, 1);
	pack_text(p, name);
	msgpack_pack_true(&p->out);
	return pack_value(p);
}

static int reply_flag(struct troupe_call *c, const char *name)
{
	struct pack p;

	flag(&p, name);
	return pack_reply(&p, c);
}

/* { group, code } of what went wrong. */
static int reply_error(struct troupe_call *c, int rc)
{
	const struct troupe_error_info *info = troupe_error_info(rc);
	struct pack p;

	pack_begin(&p);
	msgpack_pack_map(&p.out, 2);
	pack_text(&p, "group");
	pack_text(&p, info->group);
	pack_text(&p, "code");
	pack_text(&p, info->code);
	return pack_reply(&p, c);
}

/* ------------------------------------------------------------------ taking: the call waits for the messages */

typedef int on_messages(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count);

static int on_one(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	(void)a;
	if (rc < 0)
		return troupe_fail(arg, rc, "Actor aborted");
	return count > 0 ? reply_message(arg, m[0]) : reply_nil(arg);
}

static int on_many(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	struct pack p;

	(void)a;
	if (rc < 0)
		return troupe_fail(arg, rc, "Actor aborted");
	pack_begin(&p);
	msgpack_pack_array(&p.out, count);
	for (size_t i = 0; i < count; i++)
		pack_message(&p, m[i]);
	return pack_reply(&p, arg);
}

struct options { int64_t count, timeout; struct troupe_value names; };
static const struct troupe_record options = TROUPE_RECORD(options,
	TROUPE_DEFAULT(options, count, "count", 1),
	TROUPE_DEFAULT(options, timeout, "timeout", -1),
	TROUPE_OPTION(options, names, "names"));

static int take(struct troupe_actor *a, struct troupe_call *call, const char *const *names, const struct options *o,
                on_messages *then, bool completable)
{
	int rc = troupe_queue_take(NULL, a, &(struct troupe_take_options){
		.queues = names, .count = (unsigned)o->count, .timeout_ms = o->timeout, .completable = completable,
		.on_messages = then, .arg = call });

	return rc < 0 ? rc : TROUPE_LATER;
}

#define NAMES_MAX 16

/* names: a packed list of texts, or nothing. */
static int take_list(struct troupe_actor *a, struct troupe_call *call, struct troupe_value names, const struct options *o)
{
	char *list[NAMES_MAX + 1] = { NULL };
	msgpack_unpacked list_of;
	int rc;

	msgpack_unpacked_init(&list_of);
	if (names.size && msgpack_unpack_next(&list_of, names.data, names.size, NULL) == MSGPACK_UNPACK_SUCCESS &&
	    list_of.data.type == MSGPACK_OBJECT_ARRAY) {
		for (size_t i = 0; i < list_of.data.via.array.size && i < NAMES_MAX; i++) {
			const msgpack_object_str *text = &list_of.data.via.array.ptr[i].via.str;

			list[i] = strndup(text->ptr, text->size);
		}
	}
	msgpack_unpacked_destroy(&list_of);
	rc = take(a, call, (const char *const *)list, o, on_many, false);
	for (size_t i = 0; i < NAMES_MAX; i++)
		free(list[i]);
	return rc;
}

static int read_options(struct troupe_actor *a, struct troupe_value v, struct options *o)
{
	*o = (struct options){ .count = 1, .timeout = -1 };
	return v.size ? troupe_read(a, &options, o, v) : 0;
}

struct want { const char *name; struct troupe_value options; };
static const struct troupe_record want = TROUPE_RECORD(want,
	TROUPE_FIELD(want, name, "name"),
	TROUPE_OPTION(want, options, "options"));

struct wants { struct troupe_value names, options; };
static const struct troupe_record wants = TROUPE_RECORD(wants,
	TROUPE_FIELD(wants, names, "names"),
	TROUPE_OPTION(wants, options, "options"));

static int receive(struct troupe_actor *a, struct troupe_call *call, on_messages *then, bool completable)
{
	const struct want *in = troupe_args(call);
	struct options o;
	int rc = read_options(a, in->options, &o);

	return rc < 0 ? rc : take(a, call, (const char *const[]){ in->name, NULL }, &o, then, completable);
}

static int receive_one(struct troupe_actor *a, struct troupe_call *call)
{
	return receive(a, call, on_one, false);
}

static int receive_any(struct troupe_actor *a, struct troupe_call *call)
{
	return take(a, call, NULL, &(struct options){ .count = 1, .timeout = -1 }, on_one, false);
}

static int receive_many(struct troupe_actor *a, struct troupe_call *call)
{
	const struct wants *in = troupe_args(call);
	struct options o;
	int rc = read_options(a, in->options, &o);

	return rc < 0 ? rc : take_list(a, call, in->names, &o);
}

static int receive_request(struct troupe_actor *a, struct troupe_call *call)
{
	const struct options *o = troupe_args(call);

	return take_list(a, call, o->names, o);
}

static int try_receive_many(struct troupe_actor *a, struct troupe_call *call)
{
	struct options o = *(const struct options *)troupe_args(call);

	o.timeout = 0;
	return take_list(a, call, o.names, &o);
}

static int send_to_self(struct troupe_actor *a, struct troupe_call *call)
{
	const struct want *in = troupe_args(call);
	int rc = troupe_queue_send(a, in->name, in->options);

	return rc < 0 ? rc : reply_true(call);
}

/* ------------------------------------------------------------------ completing */

static int on_complete(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	struct pack echo;

	if (rc < 0 || count == 0)
		return rc < 0 ? troupe_fail(arg, rc, "Actor aborted") : reply_nil(arg);
	pack_begin(&echo);
	msgpack_pack_map(&echo.out, 1);
	pack_text(&echo, "echo");
	pack_raw(&echo, m[0]->body);
	rc = troupe_message_complete(a, m[0], pack_value(&echo));
	pack_end(&echo);
	return rc < 0 ? rc : reply_message(arg, m[0]);
}

static int receive_and_complete(struct troupe_actor *a, struct troupe_call *call)
{
	return receive(a, call, on_complete, true);
}

static int on_leave(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	on_one(a, arg, rc, m, count);
	if (count > 0)
		troupe_message_release(a, m[0]);
	return rc;
}

static int receive_without_complete(struct troupe_actor *a, struct troupe_call *call)
{
	return receive(a, call, on_leave, true);
}

static int on_method(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	if (rc < 0 || count == 0)
		return rc < 0 ? troupe_fail(arg, rc, "Actor aborted") : reply_nil(arg);
	troupe_message_release(a, m[0]); /* here every message that was taken so can be completed */
	return reply_flag(arg, "hasComplete");
}

static int receive_without_complete_method(struct troupe_actor *a, struct troupe_call *call)
{
	return receive(a, call, on_method, true);
}

static int on_next(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	(void)m;
	if (rc == 0 && count > 0)
		rc = troupe_queue_take(NULL, a, &(struct troupe_take_options){ .on_messages = on_one, .arg = arg });
	troupe_destroy(a);
	reply_error(arg, rc);
	return 0;
}

static int receive_then_next(struct troupe_actor *a, struct troupe_call *call)
{
	return receive(a, call, on_next, true);
}

static int on_twice(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	struct pack ok;

	if (rc < 0 || count == 0)
		return rc < 0 ? troupe_fail(arg, rc, "Actor aborted") : reply_nil(arg);
	rc = troupe_message_complete(a, m[0], flag(&ok, "ok"));
	if (rc == 0)
		rc = troupe_message_complete(a, m[0], pack_value(&ok));
	pack_end(&ok);
	return reply_error(arg, rc);
}

static int receive_and_complete_twice(struct troupe_actor *a, struct troupe_call *call)
{
	return receive(a, call, on_twice, true);
}

/* ------------------------------------------------------------------ giving up */

static const char *const abort_queue[] = { "abort", NULL };
static const struct options ten_seconds = { .count = 1, .timeout = 10000 };

static int on_abort(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	(void)a;
	(void)m;
	return rc < 0 && count == 0 ? reply_error(arg, rc) : reply_nil(arg);
}

static int on_iteration(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	(void)a;
	(void)m;
	return rc == TROUPE_EABORTED && count == 0 ? reply_flag(arg, "ok") : reply_nil(arg);
}

static void end(struct troupe_actor *a, void *arg)
{
	(void)arg;
	troupe_destroy(a);
}

static int end_soon(struct troupe_actor *a, struct troupe_call *call, on_messages *then)
{
	troupe_timer_set(troupe_timer_new(a, end, NULL), 10);
	return take(a, call, abort_queue, &ten_seconds, then, false);
}

static int wait_for_abort(struct troupe_actor *a, struct troupe_call *call)
{
	return end_soon(a, call, on_one);
}

static int wait_for_actor_abort(struct troupe_actor *a, struct troupe_call *call)
{
	return end_soon(a, call, on_abort);
}

static int cancelled(struct troupe_actor *a, struct troupe_call *call, on_messages *then)
{
	struct troupe_take *t;
	int rc = troupe_queue_take(&t, a, &(struct troupe_take_options){
		.queues = abort_queue, .timeout_ms = 10000, .on_messages = then, .arg = call });

	if (rc < 0)
		return rc;
	troupe_take_cancel(t);
	return TROUPE_LATER;
}

static int wait_for_signal_abort(struct troupe_actor *a, struct troupe_call *call)
{
	return cancelled(a, call, on_abort);
}

static int iter_with_signal_abort(struct troupe_actor *a, struct troupe_call *call)
{
	return cancelled(a, call, on_iteration);
}

const struct troupe_kind queue_kind = {
	.name    = "queueActor",
	.queues  = (const struct troupe_queue[]){
		{ .name = "greeting" }, { .name = "self" }, { .name = "a" }, { .name = "b" }, { .name = "c" }, { .name = "one" },
		{ .name = "two" }, { .name = "missing" }, { .name = "abort" }, { .name = "tasks" }, { .name = "timeout" },
		{ .name = "nowait" }, { .name = "twice" }, { 0 }
	},
	.actions = (const struct troupe_action[]){
		{ .name = "receiveOne",                   .run = receive_one,                     .takes = &want,    .positional = true },
		{ .name = "receiveMany",                  .run = receive_many,                    .takes = &wants,   .positional = true },
		{ .name = "receiveRequest",               .run = receive_request,                 .takes = &options },
		{ .name = "tryReceiveMany",               .run = try_receive_many,                .takes = &options },
		{ .name = "receiveWithIterator",          .run = receive_one,                     .takes = &want,    .positional = true },
		{ .name = "receiveWithAsyncIterator",     .run = receive_any },
		{ .name = "sendToSelf",                   .run = send_to_self,                    .takes = &want,    .positional = true },
		{ .name = "waitForAbort",                 .run = wait_for_abort },
		{ .name = "waitForSignalAbort",           .run = wait_for_signal_abort },
		{ .name = "waitForActorAbortWithSignal",  .run = wait_for_actor_abort },
		{ .name = "iterWithSignalAbort",          .run = iter_with_signal_abort },
		{ .name = "receiveAndComplete",           .run = receive_and_complete,            .takes = &want,    .positional = true },
		{ .name = "receiveWithoutComplete",       .run = receive_without_complete,        .takes = &want,    .positional = true },
		{ .name = "receiveManualThenNextWithoutComplete", .run = receive_then_next,       .takes = &want,    .positional = true },
		{ .name = "receiveAndCompleteTwice",      .run = receive_and_complete_twice,      .takes = &want,    .positional = true },
		{ .name = "receiveWithoutCompleteMethod", .run = receive_without_complete_method, .takes = &want,    .positional = true },
		{ 0 }
	},
};

const struct troupe_kind queue_limited_kind = {
	.name           = "queueLimitedActor",
	.queues         = (const struct troupe_queue[]){ { .name = "message" }, { .name = "oversize" }, { 0 } },
	.queue_messages = 1,
	.queue_bytes    = 64,
};

/* ------------------------------------------------------------------ manyQueueChildActor */

struct child { const char *label; struct troupe_value processed; bool started; };
static const struct troupe_record child = TROUPE_RECORD(child,
	TROUPE_OPTION(child, label, "label"),
	TROUPE_OPTION(child, processed, "processed"),
	TROUPE_FIELD(child, started, "started"));

struct command { int64_t index; };
static const struct troupe_record command = TROUPE_RECORD(command,
	TROUPE_FIELD(command, index, "index"));

static int child_wake(struct troupe_actor *a)
{
	((struct child *)troupe_self(a))->started = true;
	return 0;
}

static int child_run(struct troupe_actor *a, const struct troupe_message *m)
{
	struct child *self = troupe_self(a);
	struct command in;
	struct pack p;
	int rc = troupe_read(a, &command, &in, m->body);

	if (rc < 0)
		return rc;
	list_push_text(a, &self->processed, m->queue);
	pack_begin(&p);
	msgpack_pack_map(&p.out, 2);
	pack_text(&p, "ok");
	msgpack_pack_true(&p.out);
	pack_text(&p, "index");
	msgpack_pack_int64(&p.out, in.index);
	rc = troupe_message_complete(a, m, pack_value(&p));
	pack_end(&p);
	return rc;
}

static int child_ping(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_flag(call, "pong");
}

static int child_get_snapshot(struct troupe_actor *a, struct troupe_call *call)
{
	const struct child *self = troupe_self(a);
	struct pack p;

	pack_begin(&p);
	msgpack_pack_map(&p.out, 2);
	pack_text(&p, "started");
	if (self->started)
		msgpack_pack_true(&p.out);
	else
		msgpack_pack_false(&p.out);
	pack_text(&p, "processed");
	pack_list(&p, self->processed);
	return pack_reply(&p, call);
}

#define COMMAND(n) { .name = "cmd." #n, .takes = &command, .run = child_run },
const struct troupe_kind many_queue_child_kind = {
	.name    = "manyQueueChildActor",
	.size    = sizeof(struct child),
	.state   = &child,
	.wake    = child_wake,
	.actions = (const struct troupe_action[]){
		{ .name = "ping",        .run = child_ping },
		{ .name = "getSnapshot", .run = child_get_snapshot },
		{ 0 }
	},
	.queues  = (const struct troupe_queue[]){
		COMMAND(0) COMMAND(1) COMMAND(2) COMMAND(3) COMMAND(4) COMMAND(5) COMMAND(6) COMMAND(7)
		COMMAND(8) COMMAND(9) COMMAND(10) COMMAND(11) COMMAND(12) COMMAND(13) COMMAND(14) COMMAND(15)
		COMMAND(16) COMMAND(17) COMMAND(18) COMMAND(19) COMMAND(20) COMMAND(21) COMMAND(22) COMMAND(23)
		COMMAND(24) COMMAND(25) COMMAND(26) COMMAND(27) COMMAND(28) COMMAND(29) COMMAND(30) COMMAND(31)
		{ 0 }
	},
};

/* ------------------------------------------------------------------ its parents: they only make a handle for it */

struct parent { struct troupe_value spawned; };
static const struct troupe_record parent = TROUPE_RECORD(parent,
	TROUPE_OPTION(parent, spawned, "spawned"));

struct spawn { const char *key; };
static const struct troupe_record spawn = TROUPE_RECORD(spawn,
	TROUPE_FIELD(spawn, key, "key"));

static int parent_get_spawned(struct troupe_actor *a, struct troupe_call *call)
{
	return reply_list(call, ((struct parent *)troupe_self(a))->spawned);
}

static int parent_spawn_child(struct troupe_actor *a, struct troupe_call *call)
{
	const struct spawn *in = troupe_args(call);

	list_push_text(a, &((struct parent *)troupe_self(a))->spawned, in->key);
	return troupe_reply(call, &spawn, in);
}

const struct troupe_kind many_queue_action_parent_kind = {
	.name    = "manyQueueActionParentActor",
	.size    = sizeof(struct parent),
	.state   = &parent,
	.actions = (const struct troupe_action[]){
		{ .name = "spawnChild", .run = parent_spawn_child, .takes = &spawn, .positional = true },
		{ .name = "getSpawned", .run = parent_get_spawned },
		{ 0 }
	},
};

static int parent_run(struct troupe_actor *a, const struct troupe_message *m)
{
	struct spawn in;
	struct pack ok;
	int rc = troupe_read(a, &spawn, &in, m->body);

	if (rc < 0)
		return rc;
	list_push_text(a, &((struct parent *)troupe_self(a))->spawned, in.key);
	rc = troupe_message_complete(a, m, flag(&ok, "ok"));
	pack_end(&ok);
	return rc;
}

static int on_spawned(struct troupe_actor *a, void *arg, int rc, struct troupe_value response)
{
	(void)a;
	(void)response;
	return rc < 0 ? troupe_fail(arg, rc, "The child was not made.") : reply_flag(arg, "queued");
}

static int parent_queue_spawn(struct troupe_actor *a, struct troupe_call *call)
{
	struct pack p;
	int rc;

	pack_begin(&p);
	msgpack_pack_map(&p.out, 1);
	pack_text(&p, "key");
	pack_text(&p, ((const struct spawn *)troupe_args(call))->key);
	rc = troupe_queue_send_wait(a, "spawn", pack_value(&p), 10000, on_spawned, call);
	pack_end(&p);
	return rc < 0 ? rc : TROUPE_LATER;
}

const struct troupe_kind many_queue_run_parent_kind = {
	.name    = "manyQueueRunParentActor",
	.size    = sizeof(struct parent),
	.state   = &parent,
	.queues  = (const struct troupe_queue[]){ { .name = "spawn", .takes = &spawn, .run = parent_run }, { 0 } },
	.actions = (const struct troupe_action[]){
		{ .name = "queueSpawn", .run = parent_queue_spawn, .takes = &spawn, .positional = true },
		{ .name = "getSpawned", .run = parent_get_spawned },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ runWithQueueConsumer, of the suite's run.ts */

struct consumer { struct troupe_value received; int64_t wake_count; bool run_started; };
static const struct troupe_record consumer = TROUPE_RECORD(consumer,
	TROUPE_OPTION(consumer, received, "received"),
	TROUPE_FIELD(consumer, wake_count, "wakeCount"),
	TROUPE_FIELD(consumer, run_started, "runStarted"));

static int consumer_wake(struct troupe_actor *a)
{
	struct consumer *self = troupe_self(a);

	self->wake_count++;
	self->run_started = true;
	return 0;
}

static int consumer_run(struct troupe_actor *a, const struct troupe_message *m)
{
	struct pack p;

	pack_begin(&p);
	pack_message(&p, m);
	list_push(a, &((struct consumer *)troupe_self(a))->received, pack_value(&p));
	pack_end(&p);
	return 0;
}

static int consumer_get_state(struct troupe_actor *a, struct troupe_call *call)
{
	const struct consumer *self = troupe_self(a);
	struct pack p;

	pack_begin(&p);
	msgpack_pack_map(&p.out, 3);
	pack_text(&p, "runStarted");
	msgpack_pack_true(&p.out);
	pack_text(&p, "wakeCount");
	msgpack_pack_int64(&p.out, self->wake_count);
	pack_text(&p, "messagesReceived");
	pack_list(&p, self->received);
	return pack_reply(&p, call);
}

struct body { struct troupe_value body; };
static const struct troupe_record body = TROUPE_RECORD(body,
	TROUPE_FIELD(body, body, "body"));

static int consumer_send_message(struct troupe_actor *a, struct troupe_call *call)
{
	int rc = troupe_queue_send(a, "messages", ((const struct body *)troupe_args(call))->body);

	return rc < 0 ? rc : reply_true(call);
}

const struct troupe_kind run_queue_consumer_kind = {
	.name    = "runWithQueueConsumer",
	.size    = sizeof(struct consumer),
	.state   = &consumer,
	.idle_ms = 1000,
	.wake    = consumer_wake,
	.queues  = (const struct troupe_queue[]){ { .name = "messages", .run = consumer_run }, { 0 } },
	.actions = (const struct troupe_action[]){
		{ .name = "getState",    .run = consumer_get_state },
		{ .name = "sendMessage", .run = consumer_send_message, .takes = &body, .positional = true },
		{ 0 }
	},
};
