/* SPDX-License-Identifier: Apache-2.0 */
/* People with connections: they come, with `since` or without, subscribe, call, read slowly, and go. */
#include "tests/sim/people.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct person people[PEOPLE];
static uint64_t voices;

void people_begin(void)
{
	memset(people, 0, sizeof people);
	voices = 0;
	for (unsigned i = 0; i < PEOPLE; i++)
		people[i].index = i;
}

/* ------------------------------------------------------------------ what is asked */

static const struct {
	const char *name;
	enum op_what what;
	unsigned weight;
	bool shows_seq, looks, pages;
} actions[] = {
	{ "say", OP_SAY, 20, true, false, false }, { "spoil", OP_NEVER, 3, false, false, false },
	{ "look", OP_LOOK, 6, true, true, false }, { "events", OP_LOOK, 4, false, false, true },
	{ "put", OP_SAY, 5, true, false, false }, { "get", OP_LOOK, 3, false, false, false },
	{ "putget", OP_SAY, 4, true, false, false }, { "scan", OP_LOOK, 3, false, false, false },
	{ "keep", OP_KEEP, 3, true, false, false }, { "keepBriefly", OP_KEEP, 3, true, false, false },
	{ "keepSlow", OP_KEEP, 2, true, false, false }, { "letGo", OP_SAY, 5, true, false, false },
	{ "letGoBadly", OP_NEVER, 1, false, false, false }, { "tick", OP_SAY, 2, true, false, false },
	{ "doze", OP_SAY, 4, true, false, false }, { "end", OP_SAY, 1, true, false, false },
	{ "kick", OP_SAY, 1, true, false, false }, { "set", OP_SET, 5, false, false, false },
	{ "unset", OP_SAY, 2, true, false, false }, { "queue", OP_SEND, 6, false, false, false },
	{ "take", OP_LOOK, 5, false, false, false }, { "finish", OP_SAY, 3, true, false, false },
	{ "giveBack", OP_SAY, 1, true, false, false }, { "ring", OP_NEVER, 1, false, false, false },
	{ "nothing", OP_NEVER, 1, false, false, false },
};

struct shape shape_any(void)
{
	struct shape s = { 0 };
	unsigned all = 0;
	uint64_t at;
	size_t i = 0;

	for (size_t k = 0; k < sizeof actions / sizeof *actions; k++)
		all += actions[k].weight;
	for (at = sim_below(all); at >= actions[i].weight; at -= actions[i++].weight)
		;
	s.action = actions[i].name;
	s.op = model_op(actions[i].what);
	s.shows_seq = actions[i].shows_seq;
	s.looks = actions[i].looks;
	s.pages = actions[i].pages;
	if (strcmp(s.action, "scan") == 0 && s.op % 2) { /* this one writes as well */
		model_see(s.op)->what = OP_SAY;
		s.shows_seq = true;
	}
	model_see(s.op)->slow = strcmp(s.action, "putget") == 0 || strcmp(s.action, "scan") == 0;
	if (strcmp(s.action, "set") == 0) {
		snprintf(s.args, sizeof s.args, "{\"op\":%" PRIu64 ",\"n\":%" PRIu64 "}", s.op,
		         sim_below(3) * sim_below(2000));
	} else if (sim_once_in(50)) { /* not what it takes */
		model_see(s.op)->what = OP_NEVER;
		snprintf(s.args, sizeof s.args, "{\"op\":\"%" PRIu64 "\"}", s.op);
	} else {
		snprintf(s.args, sizeof s.args, "{\"op\":%" PRIu64 ",\"n\":%" PRIu64 "}", s.op, sim_below(12));
	}
	return s;
}

/* ------------------------------------------------------------------ coming and going */

static void comes(struct person *p)
{
	char params[128], key[2];
	unsigned index = p->index;

	p->kind = (unsigned)sim_below(SIM_KINDS);
	p->key = (unsigned)sim_below(SIM_KEYS);
	p->here = true;
	p->init = p->resumes = p->mumbled = p->late_sub = false;
	p->plain = sim_once_in(5);
	p->actor = NULL;
	p->voice = ++voices;
	p->place = p->newest = p->since = p->epoch = p->sub_step = 0;
	p->ask_count = 0;
	memset(p->subs, 0, sizeof p->subs);
	snprintf(params, sizeof params, "{\"who\":\"p%u\"}", index);
	if (sim_below(4) != 0) {
		p->resumes = true;
		p->since = p->memory[p->kind][p->key].seq;
		p->epoch = sim_once_in(8) ? 0 : p->memory[p->kind][p->key].num;
		snprintf(params, sizeof params, p->epoch ?
		         "{\"since\":%" PRIu64 ",\"epoch\":\"" EPOCH "%" PRIu64 "\"}" :
		         "{\"since\":%" PRIu64 "}", p->since, p->epoch);
	}
	snprintf(key, sizeof key, "%c", 'a' + p->key);
	sim_note("p%u comes to %s/%s%s %s", index, sim_kind_names[p->kind], key, p->plain ? ", plainly" : "",
	         p->plain ? "" : params);
	if (p->plain)
		tr_someone_opens(&p->ws, &sim.world, sim_kind_names[p->kind], key, "/websocket/");
	else
		tr_someone_joins(&p->ws, &sim.world, sim_kind_names[p->kind], key, params);
}

/* What a client remembers: all up to here was heard. */
static void remembers(struct person *p)
{
	uint64_t seq = p->newest;

	if (!p->resumes || !p->actor)
		return;
	for (int i = 0; i < SIM_NAMES && p->late_sub; i++) {
		const struct sub *s = &p->subs[i];

		if (s->on && (s->begun ? s->had : p->since) < seq)
			seq = s->begun ? s->had : p->since;
	}
	p->memory[p->kind][p->key].num = p->actor->num;
	p->memory[p->kind][p->key].seq = seq > p->since ? seq : p->since;
}

static void forget_asks(struct person *p)
{
	for (unsigned i = 0; i < p->ask_count; i++)
		model_lost(p->asks[i].op);
	p->ask_count = 0;
}

static void leaves(struct person *p)
{
	sim_note("p%u goes", p->index);
	if (p->ws.conn && sim_once_in(4))
		tr_conn_closing(p->ws.conn, 1000, (struct troupe_text){ "bye", 3 });
	remembers(p);
	forget_asks(p);
	p->here = false;
	tr_someone_leaves(&p->ws);
}

void people_crash(void)
{
	for (struct person *p = people; p < people + PEOPLE; p++) {
		p->ws.conn = NULL;
		if (p->here)
			leaves(p);
	}
}

void people_leave(bool closed_only)
{
	for (struct person *p = people; p < people + PEOPLE; p++) {
		if (p->here && (p->ws.closed || !closed_only))
			leaves(p);
	}
}

/* ------------------------------------------------------------------ saying something */

static struct ask *ask_new(struct person *p, uint64_t op)
{
	struct op *o = model_see(op);
	struct ask *a = &p->asks[p->ask_count++];

	*a = (struct ask){ .op = op, .floor = p->actor ? p->actor->log_count : 0 };
	o->voice = o->what == OP_SAY ? p->voice : 0;
	o->place = ++p->place;
	return a;
}

static void calls(struct person *p)
{
	struct shape s = shape_any();
	struct ask *a = ask_new(p, s.op);
	char args[96];

	a->shows_seq = s.shows_seq;
	a->looks = s.looks;
	a->pages = s.pages;
	a->id = p->ws.calls;
	sim_note("p%u calls %s %s", p->index, s.action, s.args);
	snprintf(args, sizeof args, "[%s]", s.args);
	tr_someone_calls(&p->ws, s.action, args);
}

static void says(struct person *p)
{
	uint64_t op = model_op(OP_SAY);
	char message[32];

	ask_new(p, op);
	snprintf(message, sizeof message, "say %" PRIu64, op);
	sim_note("p%u says %" PRIu64, p->index, op);
	tr_someone_says(&p->ws, message);
}

static void notes_sub(struct person *p)
{
	p->late_sub |= p->sub_step > 0 && p->sub_step != sim.step;
	p->sub_step = sim.step;
}

static void subscribes(struct person *p)
{
	enum sim_name name = (enum sim_name)sim_below(SIM_NAMES);
	struct sub *s = &p->subs[name];

	if (sim_once_in(6)) {
		tr_someone_subscribes(&p->ws, "changed", true);
		return;
	}
	if (s->on && !sim_once_in(6))
		return;
	s->on = !s->on;
	s->asked = true;
	s->begun = s->begun && p->resumes;
	notes_sub(p);
	sim_note("p%u %s %s", p->index, s->on ? "subscribes to" : "does not want", model_names[name]);
	tr_someone_subscribes(&p->ws, model_names[name], s->on);
}

static void subscribes_to_all(struct person *p)
{
	sim_note("p%u subscribes", p->index);
	for (int i = 0; i < SIM_NAMES; i++) {
		if (p->subs[i].on || (p->index + (unsigned)i) % 3 == 0)
			continue;
		p->subs[i].on = p->subs[i].asked = true;
		notes_sub(p);
		tr_someone_subscribes(&p->ws, model_names[i], true);
	}
}

static void reads(struct person *p)
{
	p->ws.backlog = p->ws.backlog ? 0 : 900 * 1024;
	sim_note("p%u %s", p->index, p->ws.backlog ? "reads slowly" : "reads again");
	if (p->ws.backlog == 0)
		tr_conn_drained(p->ws.conn);
}

/* What it says cannot be understood, and it is closed. */
static void mumbles(struct person *p)
{
	sim_note("p%u mumbles", p->index);
	p->mumbled = true;
	tr_someone_says(&p->ws, sim_once_in(2) ? "{\"body\":{\"tag\":\"Nothing\",\"val\":{}}}" : "{");
}

void people_step(void)
{
	struct person *p = &people[sim_below(PEOPLE)];
	uint64_t luck = sim_below(20);

	if (!p->here) {
		comes(p);
	} else if (p->ws.closed || luck == 0) {
		leaves(p);
	} else if (!p->init && !p->plain && luck < 15) {
		tr_core_turn_end(sim.world.core); /* it waits; the others speak early */
	} else if (luck == 1 && sim_once_in(10) && !p->plain) {
		mumbles(p);
	} else if (luck == 1) {
		reads(p);
	} else if (p->plain && p->ask_count < ASKS_MAX) {
		says(p);
	} else if (!p->plain && luck < 4) {
		subscribes_to_all(p);
	} else if (!p->plain && luck < 7) {
		subscribes(p);
	} else if (p->ask_count < ASKS_MAX) {
		calls(p);
	}
}

/* ------------------------------------------------------------------ hearing */

void people_listen(void)
{
	for (struct person *p = people; p < people + PEOPLE; p++) {
		const char *text;
		bool closed = p->ws.closed;

		while (p->here && (text = tr_someone_hears(&p->ws)))
			person_hears(p, text);
		if (p->here && closed)
			person_is_closed(p);
	}
}

/* ------------------------------------------------------------------ the end */

void people_calm(void)
{
	for (struct person *p = people; p < people + PEOPLE; p++) {
		if (p->here && !p->ws.closed && p->ws.backlog > 0)
			reads(p);
	}
	people_leave(true);
}

/* Whoever is connected has had everything, and is owed no answer. */
void people_settled(void)
{
	for (struct person *p = people; p < people + PEOPLE; p++) {
		if (!p->here)
			continue;
		sim_expect(p->plain || p->init, "p%u waits for ever to be let in", p->index);
		sim_expect(p->ask_count == 0, "p%u waits for ever for op %" PRIu64, p->index, p->asks[0].op);
		for (int i = 0; i < SIM_NAMES && !p->plain; i++) {
			const struct sub *s = &p->subs[i];
			uint64_t from = s->begun ? s->had : p->since, missed;

			if (!s->on || (!s->begun && !p->resumes))
				continue;
			missed = model_between(p->actor, (enum sim_name)i, from, p->actor->log_count + 1);
			sim_expect(missed == 0, "p%u never hears %s seq %" PRIu64, p->index, model_names[i], missed);
		}
	}
}
