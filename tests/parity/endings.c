/* SPDX-License-Identifier: Apache-2.0 */
/* Actors that end, and those who watch: the suite's destroy.ts and start-stop-race.ts. There, an actor
 * calls its observer; here an actor cannot call another, so what is to be observed travels through this program's memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

/* ------------------------------------------------------------------ notices */

struct notice { const char *key, *event; int64_t timestamp; char *namespace; };
static const struct troupe_record notice = TROUPE_RECORD(notice,
	TROUPE_FIELD(notice, key, "actorKey"),
	TROUPE_FIELD(notice, event, "event"),
	TROUPE_FIELD(notice, timestamp, "timestamp"));

struct board { struct notice *notices; size_t count; };
static struct board destroyed, lifecycle;

/* Each namespace has its own: a server may have many tests. */
static void board_add(struct board *b, const struct troupe_actor *a, const char *key, const char *event)
{
	struct notice *more = realloc(b->notices, (b->count + 1) * sizeof *more);

	if (!more)
		abort();
	b->notices = more;
	b->notices[b->count++] = (struct notice){ strdup(key), event, troupe_now_ms(a), strdup(troupe_namespace(a)) };
}

/* Those of this actor's namespace come first from then on; how many they are. */
static size_t board_sort(struct board *b, const struct troupe_actor *a)
{
	size_t count = 0;

	for (size_t i = 0; i < b->count; i++) {
		struct notice n = b->notices[i];

		if (strcmp(n.namespace, troupe_namespace(a)) != 0)
			continue;
		memmove(&b->notices[count + 1], &b->notices[count], (i - count) * sizeof n);
		b->notices[count++] = n;
	}
	return count;
}

static void board_clear(struct board *b, const struct troupe_actor *a)
{
	size_t count = board_sort(b, a);

	for (size_t i = 0; i < count; i++) {
		free((void *)b->notices[i].key);
		free(b->notices[i].namespace);
	}
	if (count > 0)
		memmove(b->notices, b->notices + count, (b->count - count) * sizeof *b->notices);
	b->count -= count;
}

void observe(const struct troupe_actor *a, const char *event)
{
	board_add(&lifecycle, a, troupe_id(a), event);
}

/* The parts of its key with "/" between, in memory of the caller. */
static char *joined_key(const struct troupe_actor *a)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	for (size_t i = 0; i < troupe_key_count(a); i++)
		fprintf(out, "%s%s", i ? "/" : "", troupe_key(a, i));
	fclose(out);
	return text;
}

static void tell(struct troupe_actor *a, struct board *b, const char *event)
{
	char *key = joined_key(a);

	board_add(b, a, key, event);
	free(key);
}

static int end(struct troupe_actor *a, struct troupe_call *call)
{
	(void)call;
	troupe_destroy(a);
	return 0;
}

/* ------------------------------------------------------------------ destroyObserver */

struct word { const char *text; };
static const struct troupe_record word = TROUPE_RECORD(word,
	TROUPE_FIELD(word, text, "text"));

static int observer_was_destroyed(struct troupe_actor *a, struct troupe_call *call)
{
	const struct word *in = troupe_args(call);
	size_t count = board_sort(&destroyed, a);
	bool found = false;
	struct pack p;

	for (size_t i = 0; i < count; i++)
		found = found || strcmp(destroyed.notices[i].key, in->text) == 0;
	pack_begin(&p);
	if (found)
		msgpack_pack_true(&p.out);
	else
		msgpack_pack_false(&p.out);
	return pack_reply(&p, call);
}

static int observer_reset(struct troupe_actor *a, struct troupe_call *call)
{
	(void)call;
	board_clear(&destroyed, a);
	return 0;
}

const struct troupe_kind destroy_observer_kind = {
	.name    = "destroyObserver",
	.actions = (const struct troupe_action[]){
		{ .name = "wasDestroyed", .run = observer_was_destroyed, .takes = &word, .positional = true },
		{ .name = "reset",        .run = observer_reset },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ destroyActor */

struct mortal { int64_t value; const char *key, *ephemeral; };
static const struct troupe_record mortal = TROUPE_RECORD(mortal,
	TROUPE_FIELD(mortal, value, "value"),
	TROUPE_OPTION(mortal, key, "key"));

static int mortal_wake(struct troupe_actor *a)
{
	struct mortal *self = troupe_self(a);
	char *key = joined_key(a);

	troupe_set_text(a, &self->key, key);
	troupe_set_text(a, &self->ephemeral, "fresh");
	free(key);
	return 0;
}

static void mortal_destroy(struct troupe_actor *a)
{
	tell(a, &destroyed, "destroy");
}

/* What it is, as JSON, in memory of the caller. */
static char *mortal_json(struct troupe_actor *a, const char *type)
{
	struct mortal *self = troupe_self(a);
	json_t *object = json_pack("{s:s*,s:s,s:I}", "type", type, "key", self->key, "value", (json_int_t)self->value);
	char *text = json_dumps(object, JSON_COMPACT);

	json_decref(object);
	if (!text)
		abort();
	return text;
}

static int mortal_request(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq)
{
	static const struct troupe_header json = { "content-type", "application/json" };
	char *text;
	int rc;

	if (strcmp(rq->path, "/state") != 0)
		return troupe_respond(c, 404, NULL, 0, "Not Found", strlen("Not Found"));
	text = mortal_json(a, NULL);
	rc = troupe_respond(c, 200, &json, 1, text, strlen(text));
	free(text);
	return rc;
}

static int mortal_socket(struct troupe_actor *a, struct troupe_peer *p, const char *path)
{
	char *text = mortal_json(a, "welcome");
	int rc = troupe_socket_send(p, text, strlen(text), true);

	(void)path;
	free(text);
	return rc;
}

struct number { int64_t value; };
static const struct troupe_record number = TROUPE_RECORD(number,
	TROUPE_FIELD(number, value, "value"));

static int mortal_get_value(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply_int(call, ((struct mortal *)troupe_self(a))->value);
}

static int mortal_set_value(struct troupe_actor *a, struct troupe_call *call)
{
	const struct number *in = troupe_args(call);

	((struct mortal *)troupe_self(a))->value = in->value;
	return mortal_get_value(a, call);
}

static int mortal_get_ephemeral(struct troupe_actor *a, struct troupe_call *call)
{
	return reply_text(call, ((struct mortal *)troupe_self(a))->ephemeral);
}

static int mortal_set_ephemeral(struct troupe_actor *a, struct troupe_call *call)
{
	const struct word *in = troupe_args(call);

	troupe_set_text(a, &((struct mortal *)troupe_self(a))->ephemeral, in->text);
	return mortal_get_ephemeral(a, call);
}

static int on_value(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	(void)a;
	if (rc < 0)
		return troupe_fail(arg, rc, NULL);
	return count > 0 ? troupe_reply_value(arg, m[0]->body) : reply_text(arg, NULL);
}

static int mortal_receive_value(struct troupe_actor *a, struct troupe_call *call)
{
	int rc = troupe_queue_take(NULL, a, &(struct troupe_take_options){ .on_messages = on_value, .arg = call });

	return rc < 0 ? rc : TROUPE_LATER;
}

static const struct troupe_action mortal_actions[] = {
	{ .name = "setValue",     .run = mortal_set_value,     .takes = &number, .positional = true },
	{ .name = "getValue",     .run = mortal_get_value },
	{ .name = "setEphemeral", .run = mortal_set_ephemeral, .takes = &word,   .positional = true },
	{ .name = "getEphemeral", .run = mortal_get_ephemeral },
	{ .name = "receiveValue", .run = mortal_receive_value },
	{ .name = "destroy",      .run = end },
	{ 0 }
};

const struct troupe_kind destroy_kind = {
	.name    = "destroyActor",
	.size    = sizeof(struct mortal),
	.state   = &mortal,
	.wake    = mortal_wake,
	.destroy = mortal_destroy,
	.request = mortal_request,
	.socket  = mortal_socket,
	.queues  = (const struct troupe_queue[]){ { .name = "values" }, { 0 } },
	.actions = mortal_actions,
};

/* ------------------------------------------------------------------ lifecycleObserver */

static int lifecycle_get(struct troupe_actor *a, struct troupe_call *call)
{
	size_t count = board_sort(&lifecycle, a);

	return troupe_reply_value(call, troupe_list(a, &notice, lifecycle.notices, count));
}

static int lifecycle_clear(struct troupe_actor *a, struct troupe_call *call)
{
	(void)call;
	board_clear(&lifecycle, a);
	return 0;
}

const struct troupe_kind lifecycle_observer_kind = {
	.name    = "lifecycleObserver",
	.actions = (const struct troupe_action[]){
		{ .name = "getEvents",   .run = lifecycle_get },
		{ .name = "clearEvents", .run = lifecycle_clear },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ startStopRaceActor: nothing here wakes slowly */

struct race { bool initialized, start_completed, destroy_called; int64_t start_time; };
static const struct troupe_record race = TROUPE_RECORD(race,
	TROUPE_FIELD(race, initialized, "initialized"),
	TROUPE_FIELD(race, start_time, "startTime"),
	TROUPE_FIELD(race, destroy_called, "destroyCalled"),
	TROUPE_FIELD(race, start_completed, "startCompleted"));

static int race_wake(struct troupe_actor *a)
{
	struct race *self = troupe_self(a);

	self->start_time = troupe_now_ms(a);
	self->initialized = self->start_completed = true;
	tell(a, &lifecycle, "started");
	return 0;
}

static void race_destroy(struct troupe_actor *a)
{
	((struct race *)troupe_self(a))->destroy_called = true;
	tell(a, &lifecycle, "destroy");
}

static int race_get_state(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply(call, &race, troupe_self(a));
}

static int race_ping(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text(call, "pong");
}

const struct troupe_kind start_stop_race_kind = {
	.name    = "startStopRaceActor",
	.size    = sizeof(struct race),
	.state   = &race,
	.wake    = race_wake,
	.destroy = race_destroy,
	.actions = (const struct troupe_action[]){
		{ .name = "getState", .run = race_get_state },
		{ .name = "ping",     .run = race_ping },
		{ .name = "destroy",  .run = end },
		{ 0 }
	},
};
