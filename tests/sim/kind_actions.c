/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked of an actor under test. */
#include "tests/sim/kind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"
#include "proto/value.h"

int subject_replies(struct troupe_call *c, int64_t seq)
{
	return troupe_reply(c, &sim_answer, &(struct answer){ seq });
}

static int say(struct troupe_actor *a, struct troupe_call *c)
{
	const struct wish *w = troupe_args(c);

	return subject_replies(c, subject_tells(a, w->n % 2 ? OTHER : SAID, w->op));
}

/* Nothing of it may be left. */
static int spoil(struct troupe_actor *a, struct troupe_call *c)
{
	const struct wish *w = troupe_args(c);

	subject_tells(a, SAID, w->op);
	troupe_queue_send(a, "jobs", troupe_int(a, w->op));
	troupe_schedule(a, troupe_now_ms(a), "ring", (struct troupe_value){ 0 }, NULL);
	if (w->n % 3 == 0)
		troupe_destroy(a);
	if (w->n % 3 == 1)
		subject_replies(c, 1);
	return TROUPE_EFORBIDDEN;
}

static int look(struct troupe_actor *a, struct troupe_call *c)
{
	return subject_replies(c, ((struct subject *)troupe_self(a))->count);
}

static int events(struct troupe_actor *a, struct troupe_call *c)
{
	const struct wish *w = troupe_args(c);

	(void)a;
	return troupe_reply_events(c, (uint64_t)w->n, 1 + (uint32_t)(w->op % 5));
}

/* ------------------------------------------------------------------ items */

static struct troupe_text item_key(char key[8], int64_t n)
{
	return (struct troupe_text){ key, (size_t)snprintf(key, 8, "item/%d", (int)(n % MODEL_ITEMS)) };
}

static int64_t put_item(struct troupe_actor *a, const struct wish *w)
{
	struct subject *s = troupe_self(a);
	int64_t seq = subject_tells(a, SAID, w->op);
	struct troupe_value v = troupe_int(a, seq);
	char key[8];

	tr_actor_put(a, item_key(key, w->n), v.data, v.size);
	s->items[w->n % MODEL_ITEMS] = seq;
	return seq;
}

static int put(struct troupe_actor *a, struct troupe_call *c)
{
	return subject_replies(c, put_item(a, troupe_args(c)));
}

/* What is read is at least what its actor had written when it asked. */
struct reading { struct troupe_call *call; int64_t item, floor, seq; bool seen; };

static void on_value(struct troupe_actor *a, void *arg, int rc, struct troupe_value value)
{
	struct reading *r = arg;
	int64_t v = 0;

	if (rc == 0)
		sim_expect(tr_value_integer(value, &v), "an item is no number");
	sim_expect(rc == 0 || rc == TROUPE_ENOTFOUND || rc == TROUPE_ESTORE, "an item is read with %d", rc);
	if (rc == 0 || rc == TROUPE_ENOTFOUND)
		sim_expect(v >= r->floor, "%s reads %" PRId64 " from item/%d, and had put %" PRId64, troupe_id(a), v,
		           (int)r->item, r->floor);
	if (r->seq)
		subject_replies(r->call, r->seq);
	else
		troupe_reply_value(r->call, (struct troupe_value){ 0 });
}

static struct reading *reading(struct troupe_actor *a, struct troupe_call *c, int64_t seq)
{
	const struct wish *w = troupe_args(c);
	struct reading *r = tr_call_alloc(c, sizeof *r);

	*r = (struct reading){ c, w->n % MODEL_ITEMS,
		((struct subject *)troupe_self(a))->items[w->n % MODEL_ITEMS], seq, false };
	return r;
}

static int get_item(struct troupe_actor *a, struct troupe_call *c, int64_t seq)
{
	const struct wish *w = troupe_args(c);
	char key[8];

	tr_actor_get(a, NULL, item_key(key, w->n), on_value, reading(a, c, seq));
	return TROUPE_LATER;
}

static int get(struct troupe_actor *a, struct troupe_call *c)
{
	return get_item(a, c, 0);
}

static int put_and_get(struct troupe_actor *a, struct troupe_call *c)
{
	return get_item(a, c, put_item(a, troupe_args(c)));
}

static void on_scanned(struct troupe_actor *a, void *arg, int rc, struct troupe_text key,
                       struct troupe_value value)
{
	struct reading *r = arg;

	if (key.data) {
		r->seen |= key.data[5] - '0' == r->item;
		if (key.data[5] - '0' == r->item)
			sim_expect(rc == 0 && value.size > 0, "a scan gives no value");
		return;
	}
	if (rc == 0)
		sim_expect(r->seen || r->floor == 0,
		           "%s scans its items, and one that it had put is not there", troupe_id(a));
	if (r->seq)
		subject_replies(r->call, r->seq);
	else
		troupe_reply_value(r->call, (struct troupe_value){ 0 });
}

static int scan(struct troupe_actor *a, struct troupe_call *c)
{
	const struct wish *w = troupe_args(c);
	int64_t seq = w->op % 2 ? put_item(a, w) : 0;

	tr_actor_scan(a, NULL, tr_text_from("item/"), on_scanned, reading(a, c, seq));
	return TROUPE_LATER;
}

/* ------------------------------------------------------------------ calls that are kept */

static int keep(struct troupe_actor *a, struct troupe_call *c)
{
	struct subject *s = troupe_self(a);
	const struct wish *w = troupe_args(c);

	if (s->kept_count == KEPT_MAX)
		return troupe_fail(c, TROUPE_EOVERLOADED, "enough");
	s->kept[s->kept_count].op = (uint64_t)w->op;
	s->kept[s->kept_count++].call = c;
	return TROUPE_LATER;
}

bool subject_lets_go(struct troupe_actor *a)
{
	struct subject *s = troupe_self(a);

	if (s->kept_count == 0)
		return false;
	s->kept_count--;
	subject_replies(s->kept[s->kept_count].call, subject_tells(a, SAID, (int64_t)s->kept[s->kept_count].op));
	return true;
}

static int let_go(struct troupe_actor *a, struct troupe_call *c)
{
	const struct wish *w = troupe_args(c);

	subject_lets_go(a);
	return subject_replies(c, subject_tells(a, OTHER, w->op));
}

/* The kept call is not lost with the turn. */
static int let_go_badly(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	subject_lets_go(a);
	return TROUPE_EFORBIDDEN;
}

static void fire(struct troupe_actor *a, void *arg)
{
	struct subject *s = troupe_self(a);

	(void)arg;
	s->timer = troupe_timer_free(s->timer);
	if (!subject_lets_go(a))
		subject_tells(a, HOOK, 0);
}

static int tick(struct troupe_actor *a, struct troupe_call *c)
{
	struct subject *s = troupe_self(a);
	const struct wish *w = troupe_args(c);

	if (!s->timer)
		s->timer = troupe_timer_new(a, fire, NULL);
	troupe_timer_set(s->timer, w->n * 7 % 1000);
	return subject_replies(c, subject_tells(a, SAID, w->op));
}

/* ------------------------------------------------------------------ ends */

static int doze(struct troupe_actor *a, struct troupe_call *c)
{
	const struct wish *w = troupe_args(c);

	troupe_sleep(a);
	return subject_replies(c, subject_tells(a, SAID, w->op));
}

static int end(struct troupe_actor *a, struct troupe_call *c)
{
	const struct wish *w = troupe_args(c);

	troupe_destroy(a);
	return subject_replies(c, subject_tells(a, SAID, w->op));
}

static int kick(struct troupe_actor *a, struct troupe_call *c)
{
	const struct wish *w = troupe_args(c);
	struct troupe_peer *first = troupe_peer_next(a, NULL);

	if (first)
		troupe_disconnect(first, "enough");
	return subject_replies(c, subject_tells(a, SAID, w->op));
}

/* ------------------------------------------------------------------ schedules */

static int set(struct troupe_actor *a, struct troupe_call *c)
{
	const struct wish *w = troupe_args(c);
	struct wish later = { w->op, 0 };
	int64_t at_ms = troupe_now_ms(a) + w->n;
	int rc = troupe_schedule(a, at_ms, "ring", troupe_list(a, &sim_wish, &later, 1), NULL);

	model_see((uint64_t)w->op)->not_before_ms = at_ms;
	return rc < 0 ? rc : troupe_reply_value(c, (struct troupe_value){ 0 });
}

static int ring(struct troupe_actor *a, struct troupe_call *c)
{
	const struct wish *w = troupe_args(c);

	subject_tells(a, RANG, w->op);
	if (sim_below(8) != 0)
		return 0;
	model_see((uint64_t)w->op)->unwanted = true; /* if this turn is the one that counts */
	return TROUPE_EFORBIDDEN;
}

/* Takes the first that waits away, on whose behalf it is. */
static int unset(struct troupe_actor *a, struct troupe_call *c)
{
	const struct wish *w = troupe_args(c);
	const struct troupe_alarm *al = troupe_alarm_next(a, NULL);
	struct troupe_value first, v;
	int64_t op = 0;

	if (al && tr_value_element(al->args, 0, &first) && tr_value_member(first, "op", &v) &&
	    tr_value_integer(v, &op)) {
		sim_expect(troupe_unschedule(a, al->id), "what waits cannot be taken away");
		subject_tells(a, UNSET, op);
	}
	return subject_replies(c, subject_tells(a, SAID, w->op));
}

/* ------------------------------------------------------------------ all of them */

#define TAKES .takes = &sim_wish
const struct troupe_action sim_actions[] = {
	{ .name = "say", .run = say, TAKES },
	{ .name = "spoil", .run = spoil, TAKES },
	{ .name = "look", .run = look, TAKES, .reads = true },
	{ .name = "events", .run = events, TAKES, .reads = true },
	{ .name = "put", .run = put, TAKES },
	{ .name = "get", .run = get, TAKES, .reads = true },
	{ .name = "putget", .run = put_and_get, TAKES },
	{ .name = "scan", .run = scan, TAKES },
	{ .name = "keep", .run = keep, TAKES },
	{ .name = "keepBriefly", .run = keep, TAKES, .timeout_ms = 700 },
	{ .name = "keepSlow", .run = keep, TAKES, .slow = true },
	{ .name = "letGo", .run = let_go, TAKES },
	{ .name = "letGoBadly", .run = let_go_badly, TAKES },
	{ .name = "tick", .run = tick, TAKES },
	{ .name = "doze", .run = doze, TAKES },
	{ .name = "end", .run = end, TAKES },
	{ .name = "kick", .run = kick, TAKES },
	{ .name = "set", .run = set, TAKES },
	{ .name = "ring", .run = ring, TAKES, .hidden = true },
	{ .name = "unset", .run = unset, TAKES },
	{ .name = "queue", .run = subject_queue, TAKES },
	{ .name = "take", .run = subject_take, TAKES },
	{ .name = "finish", .run = subject_finish, TAKES },
	{ .name = "giveBack", .run = subject_give_back, TAKES },
	{ .name = "clear", .run = subject_clear, TAKES },
	{ 0 }
};
