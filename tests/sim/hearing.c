/* SPDX-License-Identifier: Apache-2.0 */
/* What a person hears, judged by what is on disk. */
#include "tests/sim/people.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t number_behind(const char *text, const char *label)
{
	const char *at = strstr(text, label);

	return at ? strtoull(at + strlen(label), NULL, 10) : 0;
}

static void text_behind(const char *text, const char *label, char *into, size_t size)
{
	const char *at = strstr(text, label);

	snprintf(into, size, "%.*s", at ? (int)strcspn(at + strlen(label), "\"") : 0, at ? at + strlen(label) :
	         "");
}

static void on_init(struct person *p, const char *text)
{
	char id[64];

	text_behind(text, "\"actorId\":\"", id, sizeof id);
	sim_expect(!p->init, "p%u hears Init twice", p->index);
	p->init = true;
	p->actor = model_by_id(id);
	sim_note("  p%u is let in by %s", p->index, id);
	sim_expect(p->actor, "p%u is let in by %s, which is not on disk", p->index, id);
}

/* Is the log another one than it meant? */
static void on_log(struct person *p, const char *text, bool reset)
{
	uint64_t num = number_behind(text, EPOCH), seq = number_behind(text, "\"seq\":");
	bool foreign = (p->epoch && p->epoch != p->actor->num) || p->since > seq;

	sim_note("  p%u hears %s", p->index, reset ? "that it is another log" : "which log it is");
	sim_expect(num == p->actor->num, "p%u hears the epoch of another actor", p->index);
	sim_expect(seq <= p->actor->log_count, "p%u hears of seq %" PRIu64 ", which is not on disk", p->index,
	           seq);
	sim_expect(reset == foreign, "p%u (since %" PRIu64 ") is told %s", p->index, p->since, reset ?
	           "to forget" : "to go on");
	if (reset)
		p->since = 0;
}

static void on_published(struct person *p, enum sim_name name, const char *text)
{
	uint64_t seq = number_behind(text, "\"seq\":"), op = number_behind(text, "\"op\":"), missed;
	struct sub *s = &p->subs[name];
	char who[8];

	snprintf(who, sizeof who, "p%u", p->index);
	sim_expect(p->actor, "%s hears before Init", who);
	sim_note("  %s hears %s %" PRIu64 ", seq %" PRIu64, who, model_names[name], op, seq);
	model_heard(p->actor, who, name, op, seq);
	sim_expect(s->asked, "%s hears %s without having asked", who, model_names[name]);
	if (!s->begun)
		s->had = p->resumes ? p->since : seq - 1;
	s->begun = true;
	sim_expect(seq > s->had, "%s hears %s seq %" PRIu64 " again, or was there before (%" PRIu64 ")", who,
	           model_names[name], seq,
	           s->had);
	missed = model_between(p->actor, name, s->had, seq);
	sim_expect(missed == 0, "%s missed seq %" PRIu64 ", before %" PRIu64, who, missed, seq);
	sim_expect(p->late_sub || seq > p->newest, "%s hears seq %" PRIu64 " behind %" PRIu64, who, seq,
	           p->newest);
	s->had = seq;
	if (seq > p->newest)
		p->newest = seq;
	sim.heard++;
}

static void on_event(struct person *p, const char *text)
{
	char name[32];
	int known;

	text_behind(text, "\"name\":\"", name, sizeof name);
	known = model_name(name, strlen(name));
	if (known >= 0)
		on_published(p, (enum sim_name)known, text);
	else if (strcmp(name, "log.reset") == 0 || strcmp(name, "log.epoch") == 0)
		on_log(p, text, name[4] == 'r');
	else
		sim_expect(number_behind(text, "\"seq\":") <= p->actor->log_count,
		           "p%u hears %s of what is not on disk", p->index, name);
}

static struct ask take_ask(struct person *p, unsigned index)
{
	struct ask a = p->asks[index];

	memmove(&p->asks[index], &p->asks[index + 1], (--p->ask_count - index) * sizeof a);
	return a;
}

static struct ask find_ask(struct person *p, uint64_t id)
{
	for (unsigned i = 0; i < p->ask_count; i++) {
		if (p->asks[i].id == id)
			return take_ask(p, i);
	}
	sim_fail("p%u is answered a second time, or without having asked (id %" PRIu64 ")", p->index, id);
}

/* { events: [{ seq, name, data: { op, seq } }], nextOffset, more }: as on disk. */
static void on_page(struct person *p, const char *text)
{
	uint64_t last = 0;

	for (const char *at = text; (at = strstr(at, "{\"seq\":")); at++) {
		uint64_t seq = strtoull(at + 7, NULL, 10);
		char name[32];
		int known;

		text_behind(at, "\"name\":\"", name, sizeof name);
		known = model_name(name, strlen(name));
		sim_expect(known >= 0 && (last == 0 || seq == last + 1), "p%u gets a page with a hole", p->index);
		model_heard(p->actor, "a page", (enum sim_name)known, number_behind(at, "\"op\":"), seq);
		last = seq;
	}
}

static void on_response(struct person *p, const char *text)
{
	struct ask a = find_ask(p, number_behind(text, "\"$BigInt\",\""));
	uint64_t seq = number_behind(text, "\"seq\":");

	sim_note("  p%u is answered: op %" PRIu64, p->index, a.op);
	sim_expect(p->actor, "p%u is answered before Init", p->index);
	if (a.pages)
		on_page(p, text);
	if (a.looks)
		sim_expect(seq >= a.floor && seq <= p->actor->log_count,
		           "p%u sees a count of %" PRIu64 ", it was %" PRIu64
		           ", on disk is %zu", p->index, seq, a.floor, p->actor->log_count);
	model_told(a.op, true, "", a.shows_seq && !a.looks ? seq : 0);
}

static void on_error(struct person *p, const char *text)
{
	char code[48], group[48], both[100];

	text_behind(text, "\"code\":\"", code, sizeof code);
	text_behind(text, "\"group\":\"", group, sizeof group);
	snprintf(both, sizeof both, "%s.%s", group, code);
	if (strstr(text, "\"actionId\":null")) {
		sim_note("  p%u is refused: %s", p->index, both);
		return;
	}
	struct ask a = find_ask(p, number_behind(text, "\"actionId\":[\"$BigInt\",\""));

	sim_note("  p%u is answered: op %" PRIu64 " %s", p->index, a.op, both);
	model_told(a.op, false, both, 0);
}

/* "OP SEQ", in the order in which it spoke. */
static void on_socket(struct person *p, const char *text)
{
	char *rest;
	uint64_t op = strtoull(text, &rest, 10), seq = strtoull(rest, NULL, 10);

	sim_note("  p%u is told back: op %" PRIu64 ", seq %" PRIu64, p->index, op, seq);
	sim_expect(p->ask_count > 0 && p->asks[0].op == op, "p%u is told back %" PRIu64 " out of turn", p->index,
	           op);
	take_ask(p, 0);
	model_told(op, true, "", seq);
}

static bool is_tag(const char *text, const char *tag)
{
	static const char begin[] = "{\"body\":{\"tag\":\"";
	size_t size = sizeof begin - 1;

	return strncmp(text, begin, size) == 0 && strncmp(text + size, tag,
	                                                  strlen(tag)) == 0 && text[size + strlen(tag)] == '"';
}

void person_hears(struct person *p, const char *text)
{
	if (p->plain)
		on_socket(p, text);
	else if (is_tag(text, "Init"))
		on_init(p, text);
	else if (is_tag(text, "Event"))
		on_event(p, text);
	else if (is_tag(text, "ActionResponse"))
		on_response(p, text);
	else if (is_tag(text, "Error"))
		on_error(p, text);
	else
		sim_fail("p%u hears something nobody says: %s", p->index, text);
}

/* Codes and reasons with which a connection may be closed. */
void person_is_closed(const struct person *p)
{
	static const char *const reasons[] = { "", "enough", "ws.going_away", "actor.restarting",
		"auth.forbidden", "actor.not_found",
		"storage.failed", "actor.overloaded" };
	const char *reason = p->ws.close_reason;
	size_t i = 0;

	while (i < sizeof reasons / sizeof *reasons && strncmp(reason, reasons[i], strcspn(reason, "#")) != 0)
		i++;
	sim_expect(i < sizeof reasons / sizeof *reasons || p->mumbled, "p%u is closed: %d %s", p->index,
	           p->ws.close_code,
	           reason);
}
