/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle of sessions. Agents number all that they say, so the log can be held against it; prompts have
 * numbers, so can what ran, and what people were told. */
#include "tests/sim/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "runtime/base/mem.h"

struct promptly prompts[PROMPTS_MAX];
struct permission permissions[PERMISSIONS_MAX];
unsigned prompt_count, permission_count, oracle_lives_count;

static struct { uint64_t num; char id[31]; bool gone; } actors[200];
static unsigned actor_count;

void oracle_begin(void)
{
	memset(prompts, 0, sizeof prompts);
	memset(permissions, 0, sizeof permissions);
	prompt_count = permission_count = actor_count = 0;
}

bool oracle_lives(const char *actor)
{
	for (unsigned i = 0; i < actor_count; i++) {
		if (strcmp(actors[i].id, actor) == 0)
			return !actors[i].gone;
	}
	return false;
}

static unsigned number_after(const char *json, const char *words)
{
	const char *at = strstr(json, words);

	return at ? (unsigned)strtoul(at + strlen(words), NULL, 10) : 0;
}

unsigned prompt_in(const char *json)
{
	const char *at = json, *last = NULL;

	while ((at = strstr(at, "run p")))
		last = at += 5;
	return last ? (unsigned)strtoul(last, NULL, 10) : 0;
}

static struct life *life_of(const char *actor, unsigned n)
{
	struct promptly *p;

	sim_expect(n > 0 && n < PROMPTS_MAX, "there is no p%u", n);
	p = &prompts[n];
	for (unsigned i = 0; i < p->count; i++) {
		if (strcmp(p->lives[i].actor, actor) == 0)
			return &p->lives[i];
	}
	sim_expect(p->count < 8, "p%u is in too many actors", n);
	snprintf(p->lives[p->count].actor, sizeof p->lives[0].actor, "%s", actor);
	return &p->lives[p->count++];
}

/* ------------------------------------------------------------------ what the log says */

static void on_turn(const char *actor, const char *json)
{
	unsigned n = number_after(json, "\"promptId\":\"p");
	struct life *l = life_of(actor, n);
	const char *at = strstr(json, "\"state\":\"");
	enum end end;
	char state[24];

	snprintf(state, sizeof state, "%.*s", (int)strcspn(at + 9, "\""), at + 9);
	sim_note("  p%u is %s, on disk", n, state);
	end = strcmp(state, "done") == 0 ? DONE_WELL : strcmp(state, "failed") == 0 ? HAS_FAILED
	      : strcmp(state, "cancelled") == 0 ? WAS_CANCELLED : OPEN;
	sim_expect(l->end == OPEN, "p%u is %s behind its end", n, state);
	l->end = end;
	l->queued = true;
	l->running = l->running || strcmp(state, "running") == 0;
	l->cancelling = l->cancelling || strcmp(state, "cancelling") == 0;
	sim_expect(end != DONE_WELL || l->runs == 1, "p%u is done, and no agent ran it", n);
}

static void on_gap(const char *json)
{
	const char *server = strstr(json, "\"serverId\":\"") + 12;
	uint64_t from = number_after(json, "\"from\":"), to = number_after(json, "\"to\":");
	struct instance *i = NULL;

	for (unsigned n = 0; n < instance_count && !i; n++) {
		if (strncmp(server, instances[n]->id, strlen(instances[n]->id)) == 0)
			i = instances[n];
	}
	sim_expect(i, "a gap is of no instance: %s", json);
	sim_note("  a gap is on disk, %llu to %llu", (unsigned long long)from, (unsigned long long)to);
	if (to == 0) { /* the rest, however much it is */
		i->cut_off = true;
		return;
	}
	sim_expect(from > i->last_logged && from <= to && to < i->count,
	           "a gap from %llu to %llu, of %llu lines",
	           (unsigned long long)from, (unsigned long long)to, (unsigned long long)i->count);
	for (uint64_t sid = from; sid <= to; sid++) {
		struct line *l = line_at(i->lines[sid - 1]);

		sim_expect(!l->logged || l->response, "line %llu is in the log, which says that it is gone",
		           (unsigned long long)sid);
		sim_expect(sid + server_ring <= i->count,
		           "line %llu of %llu is told as gone, and the ring has it",
		           (unsigned long long)sid, (unsigned long long)i->count);
		l->gap = true;
	}
}

/* A load that was told by its POST alone: the history that the stream brings behind it is taken for news. */
static bool told_before(const struct line *l)
{
	const struct instance *i = instances[l->instance];
	const struct line *next = l->sid < i->count ? line_at(i->lines[l->sid]) : NULL;

	return !l->response && next && next->response && next->logged;
}

/* Once, in order, without a hole. A response may come sooner: its POST brings it as well. */
static void on_line(const char *json)
{
	const char *mark = strstr(json, MARK);
	struct line *l = line_at(mark ? strtoull(mark + strlen(MARK), NULL, 10) : 0);
	struct instance *i;

	sim_expect(l, "the log has what no agent said: %s", json);
	i = instances[l->instance];
	sim_expect(strstr(json, l->json), "the log has line %llu in other words: %s",
	           (unsigned long long)l->sid, json);
	if (l->logged && l->response && l->life != oracle_lives_count)
		return; /* taken from its POST; whoever died meanwhile does not know it any more */
	sim_expect(!l->logged, "line %llu of instance %u is in the log twice", (unsigned long long)l->sid,
	           l->instance);
	sim_expect(!l->unlogged || told_before(l), "line %llu of instance %u is not for the log",
	           (unsigned long long)l->sid,
	           l->instance);
	l->logged = true;
	l->life = oracle_lives_count;
	if (l->sid <= i->last_logged || l->response) {
		sim_expect(l->response, "line %llu of instance %u stands behind line %llu",
		           (unsigned long long)l->sid, l->instance, (unsigned long long)i->last_logged);
		return;
	}
	for (uint64_t sid = i->last_logged + 1; sid < l->sid; sid++) {
		const struct line *before = line_at(i->lines[sid - 1]);

		sim_expect(before->logged || before->gap || before->unlogged,
		           "line %llu of instance %u is missing in front of line %llu", (unsigned long long)sid,
		           l->instance, (unsigned long long)l->sid);
	}
	i->last_logged = l->sid;
}

static void on_request(const char *actor, const char *json)
{
	unsigned n = number_after(json, "\"toolCallId\":\"tool");
	const char *id = strstr(json, "\"permissionId\":\"") + 16;
	struct permission *p = &permissions[n];

	sim_expect(n > 0 && n < PERMISSIONS_MAX && !p->made, "permission %u is asked for twice", n);
	p->made = true;
	snprintf(p->id, sizeof p->id, "%.36s", id);
	snprintf(p->actor, sizeof p->actor, "%s", actor);
}

static void on_resolved(const char *json)
{
	const char *id = strstr(json, "\"permissionId\":\"") + 16, *reply = strstr(json, "\"reply\":\"") + 9;

	for (unsigned n = 1; n <= permission_count; n++) {
		struct permission *p = &permissions[n];

		if (!p->made || strncmp(p->id, id, 36) != 0)
			continue;
		sim_expect(!*p->reply, "permission %u is resolved twice: %s", n, p->reply);
		snprintf(p->reply, sizeof p->reply, "%.*s", (int)strcspn(reply, "\""), reply);
		sim_note("  permission %u is %s, on disk", n, p->reply);
		return;
	}
	sim_fail("what nobody asked for is resolved: %s", json);
}

static void on_append(const char *actor, struct troupe_value value)
{
	struct tr_bytes text = { 0 };
	const char *json;
	int rc = tr_json_encode(&text, value, TR_JSON_PLAIN);

	sim_expect(rc == 0, "the log has what is no value");
	json = tr_bytes_text(&text);
	if (strstr(json, "\"turn.state\""))
		on_turn(actor, json);
	else if (strstr(json, "\"permission.request\""))
		on_request(actor, json);
	else if (strstr(json, "\"permission.resolved\""))
		on_resolved(json);
	else if (strstr(json, "_troupe/gap"))
		on_gap(json);
	else if (strstr(json, "\"session.event\"") && strstr(json, "\"sender\":\"agent\"") &&
	         !strstr(json, "\"synthetic\""))
		on_line(json);
	tr_bytes_free(&text);
}

static void on_destroy(const char *actor)
{
	for (unsigned n = 1; n < PROMPTS_MAX; n++) {
		for (unsigned i = 0; i < prompts[n].count; i++) {
			if (strcmp(prompts[n].lives[i].actor, actor) == 0)
				prompts[n].lives[i].gone = true;
		}
	}
}

void oracle_commit(const struct tr_batch *batch)
{
	sim.commits++;
	for (size_t i = 0; i < batch->count; i++) {
		const struct tr_op *op = &batch->ops[i];
		unsigned at = 0;

		if (op->kind == TR_OP_CREATE) {
			sim_expect(actor_count < 200, "too many actors are made");
			actors[actor_count].num = op->actor;
			actors[actor_count].gone = false;
			snprintf(actors[actor_count++].id, 31, "%s",
			         (const char *)batch->bytes.data + op->key_at);
			continue;
		}
		while (at < actor_count && actors[at].num != op->actor)
			at++;
		if (op->kind == TR_OP_DESTROY) {
			actors[at].gone = true;
			on_destroy(actors[at].id);
		} else if (op->kind == TR_OP_APPEND) {
			on_append(actors[at].id, (struct troupe_value){ batch->bytes.data + op->value_at,
			                                               op->value_size });
		}
	}
}

/* ------------------------------------------------------------------ what agents hear */

void oracle_sends(const char *actor, const char *body)
{
	if (strstr(body, "\"method\":\"session/prompt\"")) {
		const struct life *l = life_of(actor, prompt_in(body));

		sim_expect(l->running, "p%u is sent, and no disk says that it runs", prompt_in(body));
		sim_expect(l->end == OPEN || l->gone, "p%u is sent behind its end", prompt_in(body));
	}
}

void oracle_runs(const char *actor, unsigned n)
{
	struct life *l = life_of(actor, n);

	sim_expect(l->runs++ == 0, "p%u runs twice", n);
}

void oracle_cancels(const char *actor, unsigned n)
{
	sim_expect(life_of(actor, n)->cancelling || life_of(actor, n)->gone,
	           "p%u is cancelled, and nobody wanted it", n);
}

void oracle_permits(unsigned n, const char *reply)
{
	struct permission *p = &permissions[n];

	sim_expect(p->made, "permission %u is answered before it is on disk", n);
	sim_expect(strcmp(p->reply, reply) == 0, "an agent hears %s to permission %u, on disk is %s", reply,
	           n,
	           *p->reply ? p->reply : "nothing");
	p->answered = true;
}

/* ------------------------------------------------------------------ what people hear */

void oracle_told(unsigned n, bool well, const char *code)
{
	const struct promptly *p = &prompts[n];
	bool ended = false, well_ended = false;

	for (unsigned i = 0; i < p->count; i++) {
		ended = ended || p->lives[i].end != OPEN;
		well_ended = well_ended || p->lives[i].end == DONE_WELL || p->lives[i].end == WAS_CANCELLED;
	}
	if (well)
		sim_expect(well_ended, "who waits for p%u hears that it is over, and no disk says so", n);
	else
		sim_expect(ended || p->count == 0 || strncmp(code, "agent.", 6) != 0 ||
		           strcmp(code, "agent.restarting") == 0,
		           "who waits for p%u hears %s, and no disk says that it is over", n, code);
}

void oracle_settled(void)
{
	unsigned held[200] = { 0 };

	for (unsigned n = 1; n < PROMPTS_MAX; n++) {
		for (unsigned k = 0; k < prompts[n].count; k++) {
			const struct life *l = &prompts[n].lives[k];

			sim_expect(l->end != OPEN || l->gone || !l->queued, "p%u waits for ever", n);
		}
	}
	for (unsigned n = 0; n < instance_count; n++) {
		const struct instance *i = instances[n];
		unsigned at = 0;

		if (i->removed)
			continue;
		while (at < actor_count && strcmp(actors[at].id, i->actor) != 0)
			at++;
		sim_expect(at < actor_count && !actors[at].gone,
		           "instance %u was left to itself: its actor is no more", n);
		sim_expect(held[at]++ == 0, "an instance was left to itself: there is %s as well", i->id);
		for (uint64_t sid = 1; sid <= i->count && !i->cut_off; sid++) {
			const struct line *l = line_at(i->lines[sid - 1]);

			sim_expect(l->logged || l->gap || l->unlogged,
			           "line %llu of instance %u is in no log",
			           (unsigned long long)sid, n);
		}
	}
}
