/* SPDX-License-Identifier: Apache-2.0 */
/* Those who come without a connection: single calls, messages for queues, plain HTTP, control. Each is
 * answered once, unless it goes before. */
#include "tests/sim/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/text.h"
#include "tests/sim/people.h"

#define CALLERS 24

enum caller_kind { ACTION, SEND, RAW, CONTROL };

struct caller {
	bool                 busy;
	enum caller_kind     kind;
	unsigned             index;
	uint64_t             op;
	struct tr_http_call *call;
	bool                 shows_seq;  /* the answer has it */
	bool                 waits;      /* for a message to be completed */
	bool                 destroys, listing;
	bool                 streams;    /* its head has come */
	int64_t              piece;      /* the newest */
	size_t               backlog;
};

static struct caller callers[CALLERS];

static struct caller *caller_new(enum caller_kind kind, uint64_t op)
{
	for (unsigned i = 0; i < CALLERS; i++) {
		if (callers[i].busy)
			continue;
		callers[i] = (struct caller){ .busy = true, .kind = kind, .index = i, .op = op };
		return &callers[i];
	}
	return NULL;
}

static void over(struct caller *c)
{
	sim_expect(c->busy, "a caller is answered twice");
	c->busy = false;
}

static const char *code_of(const struct tr_failure *f)
{
	static char code[128];

	snprintf(code, sizeof code, "%.*s.%.*s", (int)f->group.size, f->group.data, (int)f->code.size,
	         f->code.data);
	return code;
}

/* Who was reached is lent for the call. */
static void sees(const struct tr_client_actor *actor)
{
	size_t size = 0;

	if (!actor)
		return;
	while (size < actor->id.size && actor->id.data[size] >= '0' && actor->id.data[size] <= 'z')
		size++;
	sim_expect(size == 30 && actor->key.size == 1, "an answer comes from nobody");
}

static struct tr_address at(unsigned kind, unsigned key, bool create)
{
	static const char *const keys[SIM_KEYS] = { "a", "b", "c" };

	return (struct tr_address){ .name = tr_text_from(sim_kind_names[kind]), .key = tr_text_from(keys[key]),
		.create = create };
}

/* ------------------------------------------------------------------ calls and messages */

static int64_t seq_in(struct troupe_value v)
{
	struct troupe_value found;
	int64_t seq = 0;

	if (v.size > 0 && tr_value_member(v, "seq", &found))
		tr_value_integer(found, &seq);
	return seq;
}

static void on_answer(void *arg, const struct tr_failure *failure, struct troupe_value output,
                      const struct tr_client_actor *actor)
{
	struct caller *c = arg;
	const char *code = failure ? code_of(failure) : "";

	sees(actor);
	sim_note("  caller %u is answered: op %" PRIu64 " %s", c->index, c->op, failure ? code : "well");
	over(c);
	model_told(c->op, !failure, code, c->shows_seq ? (uint64_t)seq_in(output) : 0);
}

static void on_sent(void *arg, const struct tr_failure *failure, bool completed, struct troupe_value response,
                    const struct tr_client_actor *actor)
{
	struct caller *c = arg;
	const struct op *o = model_see(c->op);
	const char *code = failure ? code_of(failure) : "";
	int64_t n;

	sees(actor);
	sim_note("  caller %u is answered: op %" PRIu64 " %s", c->index, c->op, failure ? code : completed ?
	         "completed" : "timed out");
	over(c);
	if (failure && c->waits && o->stored) { /* it is there, only the wait has ended */
		model_lost(c->op);
		return;
	}
	if (!failure && completed && c->waits && o->what == OP_SEND)
		sim_expect(o->seq > 0, "op %" PRIu64 " is told as completed, and has had no effect", c->op);
	if (response.size > 0)
		sim_expect(tr_value_integer(response, &n) && (uint64_t)n == c->op,
		           "op %" PRIu64 " gets another one's response", c->op);
	model_told(c->op, !failure, code, 0);
}

static void calls(void)
{
	struct tr_bytes args = { 0 };
	struct shape shape = shape_any();
	char json[96];
	struct caller *c = caller_new(ACTION, shape.op);
	unsigned kind = (unsigned)sim_below(SIM_KINDS), key = (unsigned)sim_below(SIM_KEYS);

	if (!c) {
		model_lost(shape.op);
		return;
	}
	c->shows_seq = shape.shows_seq;
	snprintf(json, sizeof json, "[%s]", shape.args);
	tr_json_decode(&args, tr_text_from(json), TR_JSON_PLAIN, 16, NULL);
	sim_note("caller %u calls %s/%c %s %s", c->index, sim_kind_names[kind], 'a' + key, shape.action,
	         shape.args);
	c->call = tr_core_action(sim.world.core, &(struct tr_action_request){
		.to = at(kind, key,
		         true), .action = tr_text_from(shape.action), .args = tr_bytes_value(&args) }, on_answer, c);
	tr_bytes_free(&args);
}

void callers_do(unsigned kind, unsigned key, const char *action, uint64_t op)
{
	struct tr_bytes args = { 0 };
	struct caller *c = caller_new(ACTION, op);
	char json[64];

	sim_expect(c, "all callers wait");
	c->shows_seq = true;
	snprintf(json, sizeof json, "[{\"op\":%" PRIu64 "}]", op);
	tr_json_decode(&args, tr_text_from(json), TR_JSON_PLAIN, 16, NULL);
	sim_note("caller %u calls %s/%c %s %" PRIu64, c->index, sim_kind_names[kind], 'a' + key, action, op);
	c->call = tr_core_action(sim.world.core, &(struct tr_action_request){
		.to = at(kind, key,
		         true), .action = tr_text_from(action), .args = tr_bytes_value(&args) }, on_answer, c);
	tr_bytes_free(&args);
}

static void sends(void)
{
	static const char *const queues[] = { "jobs", "box", "jots", "none" };
	static const int64_t times[] = { -1, 100, 2000 };
	const char *queue = queues[sim_below(4)];
	uint64_t op = model_op(strcmp(queue, "none") == 0 ? OP_LOOK : OP_SEND);
	struct caller *c = caller_new(SEND, op);
	struct tr_bytes body = { 0 };

	if (!c) {
		model_lost(op);
		return;
	}
	c->waits = sim_once_in(2);
	tr_put_int(&body, (int64_t)op);
	sim_note("caller %u sends %" PRIu64 " to %s%s", c->index, op, queue, c->waits ? ", and waits" : "");
	c->call = tr_core_send(sim.world.core, &(struct tr_send_request){
		.to = at((unsigned)sim_below(SIM_KINDS), (unsigned)sim_below(SIM_KEYS),
		         true), .queue = tr_text_from(queue),
		.body = tr_bytes_value(&body), .wait = c->waits, .timeout_ms = times[sim_below(3)] }, on_sent, c);
	tr_bytes_free(&body);
}

/* ------------------------------------------------------------------ plain HTTP */

static void on_response(void *arg, const struct tr_failure *failure, const struct tr_raw_response *response,
                        const struct tr_client_actor *actor)
{
	struct caller *c = arg;
	char body[32] = "";

	sees(actor);
	if (!failure && response->pieces) {
		sim_note("  caller %u gets the head of its stream", c->index);
		c->streams = true;
		return;
	}
	sim_note("  caller %u is answered: op %" PRIu64 " %s", c->index, c->op, failure ? code_of(failure) :
	         "well");
	over(c);
	if (response && response->body_size > 0)
		snprintf(body, sizeof body, "%.*s", (int)response->body_size, (const char *)response->body);
	model_told(c->op, !failure, failure ? code_of(failure) : "", strtoull(body, NULL, 10));
}

/* Each piece is the seq of what was published with it, in order; all of it is on disk. */
static void on_piece(void *arg, const void *data, size_t size)
{
	struct caller *c = arg;
	char piece[32];
	int64_t seq;

	snprintf(piece, sizeof piece, "%.*s", (int)size, (const char *)data);
	seq = strtoll(piece, NULL, 10);
	sim_expect(c->busy && c->streams, "a piece comes without a head, or behind the end");
	sim_expect(seq > c->piece, "a stream's piece %" PRId64 " follows %" PRId64, seq, c->piece);
	c->piece = seq;
}

static void on_end(void *arg, bool whole)
{
	struct caller *c = arg;

	sim_note("  caller %u's stream ends%s", c->index, whole ? "" : ", broken");
	over(c);
	model_told(c->op, whole, "stream.broken", 0);
}

static size_t backlog(void *arg)
{
	return ((struct caller *)arg)->backlog;
}

static const struct tr_response_ops response_ops = {
	.on_response = on_response, .on_piece = on_piece, .on_end = on_end, .backlog = backlog };

static void requests(void)
{
	bool stream = sim_once_in(2);
	uint64_t op = model_op(stream ? OP_LOOK : OP_SAY);
	struct caller *c = caller_new(RAW, op);
	char path[64];

	if (!c) {
		model_lost(op);
		return;
	}
	snprintf(path, sizeof path, "/%s/%" PRIu64, stream ? "stream" : "say", op);
	sim_note("caller %u asks for %s", c->index, path);
	c->call = tr_core_request(sim.world.core, &(struct tr_raw_request){
		.to = at((unsigned)sim_below(SIM_KINDS), (unsigned)sim_below(SIM_KEYS), true),
		.request = &(struct troupe_request){ .method = "GET", .path = path, .url = "http://sim/",
			.address = "192.0.2.1" },
	}, &response_ops, c);
}

/* ------------------------------------------------------------------ control */

static void on_row(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	struct caller *c = arg;
	const struct model_actor *m = row ? model_by_id(row->id) : NULL;

	(void)created;
	sim_expect(c->busy, "a request for control is answered twice");
	if (row)
		sim_expect(m, "%s is told, and is not on disk", row->id);
	if (row && c->destroys)
		sim_expect(m->destroyed, "%s is told as destroyed, and is there", row->id);
	if (row && c->listing)
		return;
	sim_note("  caller %u is answered: op %" PRIu64 " %s", c->index, c->op, failure ? code_of(failure) :
	         "well");
	over(c);
	model_told(c->op, !failure, failure ? code_of(failure) : "", 0);
}

static void controls(void)
{
	static const char *const names[] = { "looks for", "makes", "puts to sleep", "destroys", "lists" };
	unsigned what = (unsigned)sim_below(12);
	unsigned kind = (unsigned)sim_below(SIM_KINDS), key = (unsigned)sim_below(SIM_KEYS);
	uint64_t op = model_op(OP_LOOK);
	struct caller *c = caller_new(CONTROL, op);
	struct tr_address to = at(kind, key, sim_once_in(2));
	struct tr_core *core = sim.world.core;

	what = what < 4 ? 0 : what < 6 ? 1 : what < 9 ? 2 : what < 10 ? 3 : 4;
	if (!c) {
		model_lost(op);
		return;
	}
	c->destroys = what == 3;
	c->listing = what == 4;
	sim_note("caller %u %s %s/%c: op %" PRIu64, c->index, names[what], sim_kind_names[kind], 'a' + key, op);
	switch (what) {
	case 0: tr_core_resolve(core, &to, on_row, c); break;
	case 1: tr_core_create(core, &to, on_row, c); break;
	case 2: tr_core_sleep(core, &to, on_row, c); break;
	case 3: tr_core_destroy(core, &to, on_row, c); break;
	default: tr_core_list(core, (struct troupe_text){ 0 }, to.name, 0, 10, on_row, c); break;
	}
}

/* ------------------------------------------------------------------ going */

static void goes(struct caller *c)
{
	sim_note("caller %u goes", c->index);
	c->busy = false;
	tr_core_abandon(c->call);
	model_lost(c->op);
}

/* Somebody goes, or a stream's reader stops, or goes on. */
static void tires(void)
{
	struct caller *c = &callers[sim_below(CALLERS)];

	for (struct caller *s = callers; s < callers + CALLERS; s++) {
		if (s->busy && s->streams && sim_once_in(2))
			c = s;
	}
	if (!c->busy || c->kind == CONTROL)
		return;
	if (!c->streams || sim_once_in(2)) {
		goes(c);
	} else if (c->backlog == 0) {
		c->backlog = 2 * 1024 * 1024;
	} else {
		c->backlog = 0;
		tr_core_flowing(c->call);
	}
}

void callers_step(void)
{
	static void (*const ways[])(void) = {
		calls, calls, calls, sends, sends, requests, requests, controls, controls, tires, tires };

	ways[sim_below(sizeof ways / sizeof *ways)]();
}

void callers_crash(void)
{
	for (struct caller *c = callers; c < callers + CALLERS; c++) {
		if (c->busy)
			model_lost(c->op);
		c->busy = false;
	}
}

void callers_leave(void)
{
	for (struct caller *c = callers; c < callers + CALLERS; c++) {
		if (c->busy && c->streams && c->backlog > 0)
			goes(c);
	}
}

void callers_settled(void)
{
	for (struct caller *c = callers; c < callers + CALLERS; c++)
		sim_expect(!c->busy, "caller %u waits for ever (op %" PRIu64 ")", c->index, c->op);
}
