/* SPDX-License-Identifier: Apache-2.0 */
/* Beyond the suite, for tests/e2e: one actor that does to its clients what an actor can do to them. Who comes with the parameter
 * `refuse` is refused so. */
#include <stdio.h>
#include <string.h>

#include "kit.h"

#define GATHERED_MAX 16

struct door { int64_t ran; struct troupe_call *gathered[GATHERED_MAX]; int64_t count; };

struct word { const char *text; };
static const struct troupe_record word = TROUPE_RECORD(word,
	TROUPE_FIELD(word, text, "text"));

struct ending { int64_t code; const char *reason; };
static const struct troupe_record ending = TROUPE_RECORD(ending,
	TROUPE_FIELD(ending, code, "code"),
	TROUPE_FIELD(ending, reason, "reason"));

/* ------------------------------------------------------------------ coming and going */

static int refuse_in_words(struct troupe_actor *a, const char *code)
{
	struct pack p;

	pack_begin(&p);
	msgpack_pack_map(&p.out, 1);
	pack_text(&p, "until");
	pack_text(&p, "morning");
	troupe_refuse_as(a, "door", code, "The door is closed.", pack_value(&p));
	pack_end(&p);
	return TROUPE_EUSER;
}

static int door_admit(struct troupe_actor *a, struct troupe_peer *p)
{
	const char *how = troupe_peer_param(p, "refuse");
	char code[201];

	if (!how)
		return 0;
	if (strcmp(how, "internal") == 0)
		return troupe_refuse(a, TROUPE_EINTERNAL, "the database password is wrong");
	if (strcmp(how, "forbidden") == 0)
		return TROUPE_EFORBIDDEN;
	memset(code, 'x', sizeof code - 1);
	code[sizeof code - 1] = 0;
	return refuse_in_words(a, strcmp(how, "long") == 0 ? code : "closed");
}

static int door_join(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)a;
	return troupe_send(p, "welcome", &word, &(struct word){ troupe_peer_id(p) });
}

static void door_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	struct ending e = { 0 };

	e.code = troupe_socket_closed(p, &e.reason);
	troupe_broadcast(a, "left", &ending, &e);
}

static int door_subscribe(struct troupe_actor *a, struct troupe_peer *p, const char *name)
{
	(void)a;
	(void)p;
	return strcmp(name, "secret") == 0 ? TROUPE_EFORBIDDEN : 0;
}

/* ------------------------------------------------------------------ what can be asked of it */

static int door_greet(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text(call, "hello");
}

static int door_params(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return troupe_reply_value(call, troupe_peer_params(troupe_caller(call)));
}

static int door_tell_others(struct troupe_actor *a, struct troupe_call *call)
{
	struct troupe_peer *p = NULL;

	while ((p = troupe_peer_next(a, p))) {
		if (p != troupe_caller(call))
			troupe_send(p, "told", &word, troupe_args(call));
	}
	return 0;
}

static int door_leave_me(struct troupe_actor *a, struct troupe_call *call)
{
	const struct word *in = troupe_args(call);

	(void)a;
	troupe_disconnect(troupe_caller(call), in->text);
	return 0;
}

/* The last that was asked is answered first. */
static int door_gather(struct troupe_actor *a, struct troupe_call *call)
{
	struct door *self = troupe_self(a);

	self->gathered[self->count++] = call;
	if (self->count < GATHERED_MAX)
		return TROUPE_LATER;
	while (self->count > 0) {
		self->count--;
		troupe_reply_int(self->gathered[self->count], self->count);
	}
	return TROUPE_LATER;
}

static int reply_big(struct troupe_call *call)
{
	static char text[2 * 1024 * 1024];

	memset(text, 'x', sizeof text - 1);
	return reply_text(call, text);
}

static int door_fail(struct troupe_actor *a, struct troupe_call *call)
{
	const struct word *in = troupe_args(call);
	struct door *self = troupe_self(a);

	self->ran++; /* not kept: a failed turn does not undo it */
	if (strcmp(in->text, "internal") == 0)
		return troupe_fail(call, TROUPE_EINTERNAL, "the database password is wrong");
	if (strcmp(in->text, "late") == 0)
		return TROUPE_LATER; /* and never again */
	if (strcmp(in->text, "big") == 0)
		return reply_big(call);
	return troupe_fail_user(call, in->text, "As you wish.", (struct troupe_value){ 0 });
}

static int door_hang(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	(void)call;
	return TROUPE_LATER; /* and never again */
}

static int door_ran(struct troupe_actor *a, struct troupe_call *call)
{
	struct door *self = troupe_self(a);
	int64_t ran = self->ran;

	self->ran = 0;
	return troupe_reply_int(call, ran);
}

static int door_destroy(struct troupe_actor *a, struct troupe_call *call)
{
	(void)call;
	troupe_destroy(a);
	return 0;
}

static const struct troupe_action door_actions[] = {
	{ .name = "odd/name %20 é?&=.", .run = door_greet },
	{ .name = "params",     .run = door_params },
	{ .name = "tellOthers", .run = door_tell_others, .takes = &word, .positional = true },
	{ .name = "leaveMe",    .run = door_leave_me,    .takes = &word, .positional = true },
	{ .name = "gather",     .run = door_gather },
	{ .name = "failWith",   .run = door_fail,        .takes = &word, .positional = true, .timeout_ms = 50 },
	{ .name = "hang",       .run = door_hang, .slow = true },
	{ .name = "ran",        .run = door_ran },
	{ .name = "destroy",    .run = door_destroy },
	{ 0 }
};

/* ------------------------------------------------------------------ plain WebSockets */

static int door_socket(struct troupe_actor *a, struct troupe_peer *p, const char *path)
{
	if (strcmp(path, "/websocket/closed") == 0)
		return troupe_refuse(a, TROUPE_EFORBIDDEN, "closed");
	return troupe_socket_send(p, path, strlen(path), true);
}

static void door_message(struct troupe_actor *a, struct troupe_peer *p, const void *data, size_t size, bool text)
{
	(void)a;
	if (size == 3 && memcmp(data, "bye", 3) == 0)
		troupe_socket_close(p, 4001, "as you wish");
	else
		troupe_socket_send(p, data, size, text);
}

const struct troupe_kind door_kind = {
	.name      = "doorActor",
	.size      = sizeof(struct door),
	.admit     = door_admit,
	.join      = door_join,
	.leave     = door_leave,
	.subscribe = door_subscribe,
	.actions   = door_actions,
	.socket    = door_socket,
	.message   = door_message,
};
