/* SPDX-License-Identifier: Apache-2.0 */
/* A kind with queues, and who sends to it: for the tests of queues. What its turns do, a test says. */
#ifndef TR_TESTS_UNIT_CORE_SHOP_H
#define TR_TESTS_UNIT_CORE_SHOP_H

#include "tests/kit/test.h"
#include "tests/kit/world.h"

#include "proto/json.h"
#include "proto/text.h"
#include "runtime/base/limits.h"

static struct tr_world w;

/* What happened, oldest first: "run jobs 1;took a 2;" */
static char shop_log[8192];

static inline void shop_note(const char *format, ...)
{
	size_t size = strlen(shop_log);
	va_list args;

	va_start(args, format);
	vsnprintf(shop_log + size, sizeof shop_log - size, format, args);
	va_end(args);
}

#define assert_log(expected) do { assert_string_equal(shop_log, expected); shop_log[0] = 0; } while (0)

static inline char *shop_json(struct troupe_value v)
{
	static char text[256];
	struct tr_bytes json = { 0 };

	if (v.size > 0)
		assert_int_equal(tr_json_encode(&json, v, TR_JSON_COMPAT), 0);
	snprintf(text, sizeof text, "%s", tr_bytes_text(&json));
	tr_bytes_free(&json);
	return text;
}

static inline struct troupe_value shop_value(struct tr_bytes *packed, const char *json)
{
	tr_bytes_clear(packed);
	if (json)
		assert_int_equal(tr_json_decode(packed, tr_text_from(json), TR_JSON_COMPAT, 8, NULL), 0);
	return tr_bytes_value(packed);
}

/* ------------------------------------------------------------------ the kind */

struct shop { int64_t sold; };
static const struct troupe_record shop_state = { .name = "shop", .size = sizeof(struct shop), .count = 1,
	.fields = (const struct troupe_field[]){ TROUPE_FIELD(shop, sold, "sold") } };
struct order { int64_t amount; };
static const struct troupe_record shop_order = { .name = "order", .size = sizeof(struct order), .count = 1,
	.fields = (const struct troupe_field[]){ TROUPE_FIELD(order, amount, "amount") } };

static int (*shop_act)(struct troupe_actor *a, struct troupe_call *c); /* what the action `act` does */
static int (*shop_run)(struct troupe_actor *a, const struct troupe_message *m); /* what run does, having noted it */
static const struct troupe_message *shop_kept; /* by run, that returned TROUPE_LATER */

static int shop_do(struct troupe_actor *a, struct troupe_call *c)
{
	return shop_act(a, c);
}

static int shop_sold(struct troupe_actor *a, struct troupe_call *c)
{
	return troupe_reply_int(c, ((struct shop *)troupe_self(a))->sold);
}

static int shop_runs(struct troupe_actor *a, const struct troupe_message *m)
{
	shop_note("run %s %s", m->queue, shop_json(m->body));
	if (m->attempt > 1)
		shop_note(" again %u", m->attempt);
	shop_note(";");
	((struct shop *)troupe_self(a))->sold++;
	return shop_run ? shop_run(a, m) : 0;
}

static int shop_submit(struct troupe_actor *a, struct troupe_peer *p, const char *queue, struct troupe_value body)
{
	const char *who = troupe_peer_param(p, "who");

	(void)body;
	return who && strcmp(who, "thief") == 0 ? troupe_refuse(a, TROUPE_EFORBIDDEN, "not to %s", queue) : 0;
}

/* For shop_run. */
static inline int shop_keeps(struct troupe_actor *a, const struct troupe_message *m)
{
	(void)a;
	shop_kept = m;
	return TROUPE_LATER;
}

static const char *shop_last_word; /* sent to this queue in sleep; NULL: none is */

static void shop_slept(struct troupe_actor *a)
{
	shop_note("sleep;");
	if (shop_last_word)
		assert_int_equal(troupe_queue_send(a, shop_last_word, (struct troupe_value){ "\x09", 1 }), 0);
}

static void shop_left(struct troupe_actor *a, struct troupe_peer *p)
{
	const char *who = troupe_peer_param(p, "who");

	if (who && strcmp(who, "last") == 0)
		troupe_destroy(a);
}

static const struct troupe_kind shop_kind = {
	.name = "shop", .size = sizeof(struct shop), .state = &shop_state, .sleep = shop_slept, .submit = shop_submit,
	.visitors = true, .leave = shop_left,
	.actions = (const struct troupe_action[]){
		{ .name = "act", .run = shop_do, .slow = true },
		{ .name = "sold", .run = shop_sold },
		{ 0 }
	},
	.queues = (const struct troupe_queue[]){
		{ .name = "jobs", .run = shop_runs }, { .name = "more", .run = shop_runs }, { .name = "a" }, { .name = "b" },
		{ .name = "orders", .takes = &shop_order }, { 0 }
	},
	.queue_messages = 5, .queue_bytes = 100,
};
static const struct troupe_kind *const shop_kinds[] = { &shop_kind, NULL };

static inline void shop_open(void)
{
	shop_log[0] = 0;
	shop_act = NULL;
	shop_run = NULL;
	shop_kept = NULL;
	shop_last_word = NULL;
	tr_world_open(&w, shop_kinds, NULL);
}

/* ------------------------------------------------------------------ who sends, who acts */

struct sent { bool came; char text[256]; }; /* "completed {...}", "timedOut", "queue.full" */

static inline void shop_on_sent(void *arg, const struct tr_failure *failure, bool completed, struct troupe_value response,
                                const struct tr_client_actor *actor)
{
	struct sent *s = arg;

	(void)actor;
	assert_false(s->came);
	s->came = true;
	if (failure)
		snprintf(s->text, sizeof s->text, "%.*s.%.*s %s", (int)failure->group.size, failure->group.data,
		         (int)failure->code.size, failure->code.data, shop_json(failure->metadata));
	else
		snprintf(s->text, sizeof s->text, "%s %s", completed ? "completed" : "timedOut", shop_json(response));
}

static inline struct tr_address shop_at(const char *key)
{
	return (struct tr_address){ .name = { "shop", 4 }, .key = { key, strlen(key) }, .create = true };
}

struct sending { const char *queue, *body, *params; bool wait; int64_t timeout_ms; };

static inline struct tr_http_call *shop_sends(struct sent *s, const struct sending *o)
{
	struct tr_bytes body = { 0 }, params = { 0 };
	struct tr_http_call *call;

	*s = (struct sent){ .came = false };
	call = tr_core_send(w.core, &(struct tr_send_request){
		.to = shop_at("x"), .queue = { o->queue, strlen(o->queue) }, .body = shop_value(&body, o->body),
		.params = shop_value(&params, o->params), .wait = o->wait, .timeout_ms = o->timeout_ms ? o->timeout_ms : -1,
	}, shop_on_sent, s);
	tr_bytes_free(&body);
	tr_bytes_free(&params);
	assert_false(s->came); /* never from inside */
	return call;
}

/* Sends, without waiting for more than the disk. */
static inline void shop_send(const char *queue, const char *body)
{
	struct sent s;

	shop_sends(&s, &(struct sending){ .queue = queue, .body = body });
	tr_world_turn(&w);
	assert_string_equal(s.text, "completed ");
}

static inline void shop_on_answer(void *arg, const struct tr_failure *failure, struct troupe_value output,
                                  const struct tr_client_actor *actor)
{
	struct sent *s = arg;

	shop_on_sent(s, failure, true, output, actor);
}

/* The action `act`, doing this. */
static inline void shop_acts(struct sent *s, int (*act)(struct troupe_actor *, struct troupe_call *))
{
	shop_act = act;
	*s = (struct sent){ .came = false };
	tr_core_action(w.core, &(struct tr_action_request){ .to = shop_at("x"), .action = { "act", 3 }, .args = { "\x90", 1 } },
	               shop_on_answer, s);
}

static inline char *shop_does(int (*act)(struct troupe_actor *, struct troupe_call *))
{
	static struct sent s;

	shop_acts(&s, act);
	tr_world_turn(&w);
	assert_true(s.came);
	return s.text;
}

static inline int shop_count(struct troupe_actor *a, struct troupe_call *c)
{
	return troupe_reply_int(c, (int64_t)troupe_queue_count(a));
}

static inline int shop_destroys(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	troupe_destroy(a);
	return 0;
}

#define assert_waiting(count) assert_string_equal(shop_does(shop_count), "completed " #count)

#endif
