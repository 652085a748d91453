/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP as it goes wrong: a request reaches the server or not, its answer comes, late, or is lost on the
 * way back; streams bring what there is, in pieces, stall, and break. No callback comes from inside start,
 * cancel or leave. */
#include "tests/sim/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "tests/kit/world.h"

enum stage { LEAVES, HEARD, ANSWERED, STREAMS };

struct request {
	struct tr_http_request base;
	struct request  *next;
	struct tr_http_options o;     /* its texts are not to be used */
	char            *method, *path, *body;
	uint64_t         last_id;
	enum stage       stage;
	bool             orphan;      /* nobody is told, and nobody knows it: its process is gone */
	int64_t          deadline, heartbeat; /* 0: none */
	int              status;      /* of the answer */
	char            *answer;
	unsigned         instance;    /* of a held POST, of a stream */
	char             raw_id[80];
	uint64_t         at;          /* of a stream: the newest line that was brought */
	uint64_t         snapshot;    /* the newest that the ring gave it */
	bool             opened, stalled, ends;
};

static struct request *requests;
static struct tr_timer *beat; /* wakes the clock for deadlines and heartbeats */

/* ------------------------------------------------------------------ the list */

static void free_request(struct request *r)
{
	struct request **at = &requests;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	free(r->method);
	free(r->path);
	free(r->body);
	free(r->answer);
	free(r);
}

static void ends(struct request *r, enum tr_http_end end, const char *why)
{
	struct tr_http_answer answer = { .end = end, .why = why };
	void (*on_end)(void *arg, const struct tr_http_answer *answer) = r->orphan ? NULL : r->o.on_end;
	void *arg = r->o.arg;
	char *body = r->answer;

	if (end == TR_HTTP_DONE) {
		answer.status = r->stage == STREAMS ? 200 : r->status;
		answer.body = (struct troupe_text){ body ? body : "", body ? strlen(body) : 0 };
	}
	sim_note("    %s %s ends: %s %d", r->method, r->path, why, answer.status);
	r->answer = NULL;
	free_request(r);
	if (on_end)
		on_end(arg, &answer);
	free(body);
}

static void set_beat(void)
{
	int64_t next = INT64_MAX;
	struct tr_clock clock = tr_world_clock(&sim.world);

	for (struct request *r = requests; r; r = r->next) {
		if (r->deadline && r->deadline < next)
			next = r->deadline;
		if (r->heartbeat && r->heartbeat < next)
			next = r->heartbeat;
	}
	if (beat)
		clock.ops->timer_set(beat, next == INT64_MAX ? -1 : next > sim.world.now_ms
		                     ? next - sim.world.now_ms : 0);
}

static void on_beat(void *arg)
{
	int64_t now = sim.world.now_ms;

	(void)arg;
	for (struct request *r = requests; r; r = r->next) {
		if (r->heartbeat && r->heartbeat <= now) {
			r->heartbeat = now + 15000;
			if (!r->stalled && r->opened && !r->orphan) {
				r->o.on_data(r->o.arg, ": heartbeat\n\n", 13);
				break; /* it may have ended any of them */
			}
		}
		if (r->deadline && r->deadline <= now) {
			if (r->stage == LEAVES && (sim_once_in(2) || strcmp(r->method, "DELETE") == 0))
				server_hears(r); /* a DELETE that hangs counts as heard, as it hangs on living agents */
			if (r->stage == ANSWERED)
				ends(r, TR_HTTP_DONE, "answered in time");
			else
				ends(r, TR_HTTP_TIMED_OUT, "timed out");
			break;
		}
	}
	set_beat();
}

/* ------------------------------------------------------------------ the port */

static struct tr_http_request *start(void *ctx, const struct tr_http_options *o)
{
	struct request *r = tr_alloc(sizeof *r), **at = &requests;
	const char *path = strstr(o->url, "/v1/");

	(void)ctx;
	sim_expect(path && strncmp(o->url, "http://sandbox:2468/", 20) == 0, "a request goes to %s", o->url);
	r->o = *o;
	r->method = tr_strdup(o->method);
	r->path = tr_strdup(path);
	r->body = o->body ? tr_strndup((const char *)o->body->data, o->body->size) : tr_strdup("");
	if (o->body)
		tr_bytes_free(o->body);
	r->last_id = o->last_event_id ? strtoull(o->last_event_id, NULL, 10) : 0;
	r->deadline = o->time_ms > 0 ? sim.world.now_ms + o->time_ms : 0;
	while (*at)
		at = &(*at)->next;
	*at = r;
	sim_note("    %s %s %.60s", r->method, r->path, r->body);
	if (strncmp(path, "/v1/acp/troupe-", 15) == 0 && strcmp(r->method, "POST") == 0) {
		char actor[31];

		snprintf(actor, sizeof actor, "%.30s", path + 15);
		oracle_sends(actor, r->body);
	}
	set_beat();
	return &r->base;
}

static bool sent(const struct tr_http_request *base)
{
	return ((const struct request *)base)->stage != LEAVES;
}

static void cancel(struct tr_http_request *base)
{
	struct request *r = (struct request *)base;

	if (r->stage == LEAVES && !r->orphan && sim_once_in(2))
		server_hears(r); /* it was on its way, and gets there all the same */
	free_request(r);
}

static void leave(struct tr_http_request *base, int time_ms,
                  void (*on_end)(void *arg, const struct tr_http_answer *answer))
{
	struct request *r = (struct request *)base;

	r->o.on_end = on_end;
	r->o.arg = NULL;
	r->orphan = !on_end;
	r->deadline = sim.world.now_ms + time_ms;
	set_beat();
}

struct tr_http_port port(void)
{
	static const struct tr_http_ops ops = { start, sent, cancel, leave };

	return (struct tr_http_port){ &ops, NULL };
}

/* A core begins: its clock as well. */
void port_begin(void)
{
	struct tr_clock clock = tr_world_clock(&sim.world);

	beat = clock.ops->timer_new(clock.ctx, on_beat, NULL);
}

void port_end(void)
{
	for (struct request *r = requests, *next; r; r = next) {
		next = r->next;
		sim_expect(r->orphan || !r->o.arg, "a sandbox that was freed waits for %s %s", r->method,
		           r->path);
		free_request(r);
	}
	tr_world_clock(&sim.world).ops->timer_free(beat);
	beat = NULL;
}

/* What was on its way may have arrived; nobody hears the answer. */
void port_crash(void)
{
	for (struct request *r = requests, *next; r; r = next) {
		next = r->next;
		if (r->stage == LEAVES && sim_once_in(2))
			server_hears(r);
		free_request(r);
	}
}

/* ------------------------------------------------------------------ for the server */

const char *request_method(const struct request *r) { return r->method; }
const char *request_path(const struct request *r) { return r->path; }
const char *request_body(const struct request *r) { return r->body; }
uint64_t request_last_id(const struct request *r) { return r->last_id; }

void request_answer(struct request *r, int status, const char *body)
{
	r->stage = ANSWERED;
	r->status = status;
	r->answer = tr_strdup(body);
}

void request_hold(struct request *r, unsigned instance, const char *raw_id)
{
	r->stage = HEARD;
	r->instance = instance;
	snprintf(r->raw_id, sizeof r->raw_id, "%s", raw_id);
}

void request_stream(struct request *r, unsigned instance)
{
	const struct instance *i = instances[instance];
	uint64_t first = i->count > server_ring ? i->count - server_ring : 0;

	r->stage = STREAMS;
	r->instance = instance;
	r->at = r->last_id > first ? r->last_id : first;
	r->snapshot = i->count;
}

void port_answer_held(unsigned instance, const char *raw_id, const char *json)
{
	for (struct request *r = requests; r; r = r->next) {
		if (r->stage == HEARD && r->instance == instance && strcmp(r->raw_id, raw_id) == 0)
			request_answer(r, 200, json);
	}
}

void port_end_streams(unsigned instance)
{
	for (struct request *r = requests; r; r = r->next) {
		if (r->stage == STREAMS && r->instance == instance)
			r->ends = true;
	}
}

/* ------------------------------------------------------------------ what happens */

/* Brings up to so many lines. False: there was nothing to do. */
static bool bring(struct request *r, unsigned most)
{
	const struct instance *i = instances[r->instance];
	struct tr_bytes data = { 0 };

	if (!r->opened) {
		r->opened = true;
		r->heartbeat = sim.world.now_ms + 15000;
		set_beat();
		r->o.on_open(r->o.arg);
		return true;
	}
	if (r->at >= r->snapshot
	    && i->count > r->at + server_ring / 2) /* a slow reader: the server drops the oldest */
		r->at = i->count - server_ring / 2;
	if (r->at >= i->count && r->ends) {
		ends(r, TR_HTTP_DONE, "the stream ends");
		return true;
	}
	if (r->at >= i->count)
		return false;
	while (r->at < i->count && most-- > 0) {
		tr_bytes_printf(&data, "event: message\nid: %llu\ndata: %s\n\n",
		                (unsigned long long)r->at + 1,
		                line_at(i->lines[r->at])->json);
		r->at++;
	}
	sim_note("    lines up to %llu of instance %u are brought", (unsigned long long)r->at, r->instance);
	r->heartbeat = sim.world.now_ms + 15000;
	r->o.on_data(r->o.arg, data.data, data.size);
	tr_bytes_free(&data);
	return true;
}

/* It goes on by one step. False: it waits for the server. */
static bool go_on(struct request *r, bool faults)
{
	if (r->orphan && r->stage != LEAVES) {
		free_request(r);
		return true;
	}
	switch (r->stage) {
	case LEAVES:
		if (faults && sim_once_in(25)) {
			ends(r, TR_HTTP_NOT_SENT, "not sent");
		} else if (faults && sim_once_in(40)) {
			if (sim_once_in(2))
				server_hears(r);
			ends(r, TR_HTTP_BROKEN, "broken");
		} else {
			server_hears(r);
		}
		return true;
	case HEARD:
		if (!faults || !sim_once_in(60))
			return false;
		ends(r, TR_HTTP_BROKEN, "broken");
		return true;
	case ANSWERED:
		if (faults && sim_once_in(40))
			ends(r, TR_HTTP_BROKEN, "broken on the way back");
		else
			ends(r, TR_HTTP_DONE, "answered");
		return true;
	case STREAMS:
		if (r->stalled && !faults)
			r->stalled = false;
		if (faults && sim_once_in(60)) {
			ends(r, TR_HTTP_BROKEN, "the stream breaks");
			return true;
		}
		if (faults && sim_once_in(100))
			r->stalled = true;
		return !r->stalled && bring(r, faults ? 1 + (unsigned)sim_below(4) : 1000);
	}
	return false;
}

void port_step(void)
{
	unsigned count = 0;
	uint64_t pick;
	struct request *r = requests;

	for (struct request *at = requests; at; at = at->next)
		count++;
	if (count == 0)
		return;
	for (pick = sim_below(count); pick > 0; pick--)
		r = r->next;
	go_on(r, !sim.settling);
	set_beat();
}

bool port_flow(void)
{
	for (struct request *r = requests; r; r = r->next) {
		if (go_on(r, false)) {
			set_beat();
			return true;
		}
	}
	return false;
}

void port_cut(bool streams_only)
{
	struct request *r = requests;

	while (r) {
		bool cut = streams_only ? r->stage == STREAMS : r->stage != LEAVES;

		if (cut) {
			if (r->orphan)
				free_request(r);
			else
				ends(r, TR_HTTP_BROKEN, "cut");
			r = requests; /* it may have ended any of them */
		} else {
			r = r->next;
		}
	}
	set_beat();
}
