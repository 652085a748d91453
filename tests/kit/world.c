/* SPDX-License-Identifier: Apache-2.0 */
/* The clock is a number, a peer is a list of texts, and a core is between them. */
#include "tests/kit/world.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/key.h"
#include "proto/text.h"
#include "runtime/base/limits.h"
#include "runtime/base/mem.h"
#include "tests/kit/world_store.h"

/* ------------------------------------------------------------------ clock */

struct tr_timer {
	struct tr_timer *next;
	struct tr_world *world;
	void (*fire)(void *arg);
	void *arg;
	int64_t at; /* negative: off */
};

static int64_t clock_now(void *ctx)
{
	struct tr_world *w = ctx;

	return TR_WORLD_BEGINS_MS + w->now_ms + w->skew_ms;
}

static int64_t clock_mono(void *ctx)
{
	return ((struct tr_world *)ctx)->now_ms;
}

static struct tr_timer *timer_new(void *ctx, void (*fire)(void *arg), void *arg)
{
	struct tr_world *w = ctx;
	struct tr_timer *t = tr_alloc(sizeof *t);

	*t = (struct tr_timer){ w->timers, w, fire, arg, -1 };
	w->timers = t;
	return t;
}

static void timer_set(struct tr_timer *t, int64_t delay_ms)
{
	t->at = delay_ms < 0 ? -1 : t->world->now_ms + delay_ms;
}

static struct tr_timer *timer_free(struct tr_timer *t)
{
	struct tr_timer **at;

	if (!t)
		return NULL;
	for (at = &t->world->timers; *at != t; at = &(*at)->next)
		;
	*at = t->next;
	free(t);
	return NULL;
}

static const struct tr_clock_ops clock_ops = {
	.now_ms = clock_now, .mono_ms = clock_mono,
	.timer_new = timer_new, .timer_set = timer_set, .timer_free = timer_free,
};

struct tr_clock tr_world_clock(struct tr_world *w)
{
	return (struct tr_clock){ &clock_ops, w };
}

static struct tr_timer *next_timer(struct tr_world *w, int64_t until)
{
	struct tr_timer *first = NULL;

	for (struct tr_timer *t = w->timers; t; t = t->next) {
		if (t->at >= 0 && t->at <= until && (!first || t->at < first->at))
			first = t;
	}
	return first;
}

bool tr_world_tick(struct tr_world *w, int64_t ms)
{
	struct tr_timer *t = next_timer(w, w->now_ms + ms);

	if (!t) {
		w->now_ms += ms;
		return false;
	}
	if (t->at > w->now_ms)
		w->now_ms = t->at;
	t->at = -1;
	t->fire(t->arg);
	return true;
}

void tr_world_pass(struct tr_world *w, int64_t ms)
{
	int64_t until = w->now_ms + ms;

	tr_world_turn(w);
	while (tr_world_tick(w, until - w->now_ms))
		tr_world_turn(w);
}

/* ------------------------------------------------------------------ the world */

bool tr_world_late;

void tr_world_boot(struct tr_world *w, const struct troupe_kind *const *kinds,
                   const struct tr_sessions *sessions)
{
	struct tr_core_options o = {
		.store = {
			.ops = w->late ? &tr_world_late_ops : &tr_world_store_ops, .ctx = w,
			.boots = ++w->boots, .epoch = "0123456789abcdef",
		},
		.clock = { .ops = &clock_ops, .ctx = w },
		.sessions = sessions,
		.checks = true,
	};
	int rc = tr_core_new(&w->core, &o);

	for (; rc == 0 && *kinds; kinds++)
		rc = tr_core_register(w->core, *kinds);
	assert(rc == 0);
	tr_core_start(w->core);
}

void tr_world_open(struct tr_world *w, const struct troupe_kind *const *kinds, const struct tr_sessions *sessions)
{
	*w = (struct tr_world){ .late = tr_world_late };
	tr_world_boot(w, kinds, sessions);
}

static void on_drained(void *arg)
{
	((struct tr_world *)arg)->drained = true;
}

static void close_core(struct tr_world *w)
{
	w->hold_commits = false;
	if (w->pending)
		tr_world_commit(w);
	tr_world_read(w); /* and nobody reads any more */
	tr_core_drain(w->core, on_drained, w);
	tr_world_turn(w);
	tr_world_turn(w);
	assert(w->drained && !w->asked); /* everyone must have left by then */
	w->core = tr_core_free(w->core);
	assert(!w->timers);
}

struct tr_world_dead {
	struct tr_world_dead *next;
	struct tr_core       *core;
	struct tr_timer      *timers;
	struct tr_world_late *asked;
};

void tr_world_kill(struct tr_world *w, bool reached)
{
	struct tr_world_dead *d = tr_alloc(sizeof *d);
	const struct tr_batch *batch = w->pending ? w->pending : tr_world_late_batch(w);

	if (batch && !w->reached && reached) {
		w->pending = batch;
		tr_world_reach(w);
	}
	*d = (struct tr_world_dead){ w->dead, w->core, w->timers, w->asked };
	w->dead = d; /* so that whoever looks for leaks sees that all of it is known */
	w->core = NULL;
	w->timers = NULL;
	w->asked = NULL;
	w->pending = NULL;
	w->reached = false;
}

void tr_world_forget(struct tr_world *w)
{
	static struct tr_world_dead *dead; /* for ever, so that none of it counts as lost */

	while (w->dead) {
		struct tr_world_dead *d = w->dead;

		w->dead = d->next;
		d->next = dead;
		dead = d;
	}
	tr_world_rows_free(w);
}

/* A process that dies drains nothing; here its memory must be freed all the same, so its commits are made to fail. */
void tr_world_restart(struct tr_world *w, const struct troupe_kind *const *kinds, const struct tr_sessions *sessions)
{
	w->dying = true;
	close_core(w);
	w->dying = false;
	w->next_commit = 0;
	w->drained = false;
	tr_world_boot(w, kinds, sessions);
}

void tr_world_close(struct tr_world *w)
{
	close_core(w);
	tr_world_rows_free(w);
}

void tr_world_turn(struct tr_world *w)
{
	tr_core_turn_end(w->core);
	while (w->late && !w->slow && tr_world_answer(w))
		tr_core_turn_end(w->core);
}

/* ------------------------------------------------------------------ someone */

static void peer_send(void *peer, struct tr_frame *f)
{
	struct tr_someone *p = peer;

	assert(!p->closed); /* nothing is sent after the Close */
	p->heard = tr_realloc(p->heard, (p->count + 1) * sizeof *p->heard);
	p->heard[p->count++] = tr_strndup((const char *)tr_frame_payload(f), f->size);
}

static size_t peer_backlog(void *peer)
{
	return ((struct tr_someone *)peer)->backlog;
}

static void peer_close(void *peer, int code, const char *reason, int delay_ms)
{
	struct tr_someone *p = peer;

	assert(!p->closed && strlen(reason) < sizeof p->close_reason);
	p->closed = true;
	p->close_code = code;
	p->close_delay_ms = delay_ms;
	strcpy(p->close_reason, reason);
}

static const struct tr_peer_ops peer_ops = { .send = peer_send, .backlog = peer_backlog, .close = peer_close };

static void comes(struct tr_someone *p, struct tr_world *w, const char *name, const char *key, const char *params,
                  const char *path)
{
	struct tr_bytes packed = { 0 }, canonical = { 0 };
	struct tr_key_limits limits = { TR_KEY_PART_BYTES_MAX, TR_KEY_BYTES_MAX };
	struct tr_conn_request rq = { .to = { .name = { name, strlen(name) }, .create = true }, .encoding = TR_ENC_JSON };

	static const struct troupe_header own = { "x-own", "yes" };
	struct troupe_request upgrade = { .method = "GET", .path = path ? path : "/connect", .url = "http://world/",
	                                  .headers = &own, .header_count = 1, .address = "192.0.2.7" };

	*p = (struct tr_someone){ .world = w };
	rq.plain = path;
	rq.request = &upgrade;
	tr_key_from_query(&canonical, (struct troupe_text){ key, key ? strlen(key) : 0 }, &limits);
	rq.to.key = (struct troupe_text){ tr_bytes_text(&canonical), canonical.size };
	if (params) {
		int rc = tr_json_decode(&packed, tr_text_from(params), TR_JSON_PLAIN, 16, NULL);

		assert(rc == 0);
		rq.params = tr_bytes_value(&packed);
	}
	p->conn = tr_conn_open(w->core, &rq, &peer_ops, p);
	tr_bytes_free(&packed);
	tr_bytes_free(&canonical);
}

void tr_someone_joins(struct tr_someone *p, struct tr_world *w, const char *name, const char *key, const char *params)
{
	comes(p, w, name, key, params, NULL);
}

void tr_someone_opens(struct tr_someone *p, struct tr_world *w, const char *name, const char *key, const char *path)
{
	comes(p, w, name, key, NULL, path);
}

void tr_someone_leaves(struct tr_someone *p)
{
	if (p->conn)
		tr_conn_closed(p->conn);
	p->conn = NULL;
	for (size_t i = 0; i < p->count; i++)
		free(p->heard[i]);
	free(p->heard);
	p->heard = NULL;
	p->count = p->next = 0;
}

void tr_someone_says(struct tr_someone *p, const char *message)
{
	tr_conn_message(p->conn, message, strlen(message), true);
}

void tr_someone_subscribes(struct tr_someone *p, const char *event, bool on)
{
	char message[512];

	snprintf(message, sizeof message,
	         "{\"body\":{\"tag\":\"SubscriptionRequest\",\"val\":{\"eventName\":\"%s\",\"subscribe\":%s}}}",
	         event, on ? "true" : "false");
	tr_someone_says(p, message);
}

uint64_t tr_someone_calls(struct tr_someone *p, const char *action, const char *args)
{
	struct tr_bytes message = { 0 };

	tr_bytes_printf(&message,
	                "{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"%" PRIu64 "\"],"
	                "\"name\":\"%s\",\"args\":%s}}}",
	                p->calls, action, args);
	tr_someone_says(p, tr_bytes_text(&message));
	tr_bytes_free(&message);
	return p->calls++;
}

const char *tr_someone_hears(struct tr_someone *p)
{
	return p->next < p->count ? p->heard[p->next++] : NULL;
}

const char *tr_someone_hears_tag(struct tr_someone *p, const char *tag)
{
	char begin[64];
	const char *message;

	snprintf(begin, sizeof begin, "{\"body\":{\"tag\":\"%s\",\"val\":", tag);
	while ((message = tr_someone_hears(p))) {
		if (strncmp(message, begin, strlen(begin)) == 0) {
			char *val = p->heard[p->next - 1] + strlen(begin);

			val[strlen(val) - 2] = 0; /* the two braces around */
			return val;
		}
	}
	return NULL;
}
