/* SPDX-License-Identifier: Apache-2.0 */
/* What is on disk, op by op, and who was told what of it. */
#include "tests/sim/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/value.h"
#include "runtime/base/mem.h"

const char *const model_names[SIM_NAMES] = { "said", "other", "ran", "took", "rang", "unset", "hook" };

static struct op *ops;
static uint64_t op_count, op_room;
static struct model_actor *actors;
/* Of each voice the place of what was last done for it. */
static uint64_t *voices;
static uint64_t voice_room;

void model_begin(void)
{
	op_count = 1; /* there is no op 0 */
	if (voices)
		memset(voices, 0, voice_room * sizeof *voices);
}

void model_end(void)
{
	while (actors) {
		struct model_actor *m = actors;

		actors = m->next;
		free(m->log);
		free(m);
	}
	op_count = 0;
}

/* ------------------------------------------------------------------ ops */

uint64_t model_op(enum op_what what)
{
	if (op_count + 1 >= op_room) {
		op_room = op_room ? op_room * 2 : 256;
		ops = tr_realloc(ops, op_room * sizeof *ops);
	}
	ops[op_count] = (struct op){ .what = what };
	return op_count++;
}

struct op *model_see(uint64_t op)
{
	sim_expect(op > 0 && op < op_count, "op %" PRIu64 " was never asked for", op);
	return &ops[op];
}

/* May its effect be had, or come, although its caller was told of a failure? It was not waited for any
 * more. */
static bool is_open_end(const struct op *o, const char *code)
{
	return o->slow || (o->what == OP_KEEP && strcmp(code, "actor.action_timed_out") == 0);
}

void model_told(uint64_t op, bool well, const char *code, uint64_t seq)
{
	struct op *o = model_see(op);

	sim_expect(o->told == UNTOLD || o->told == UNSURE, "op %" PRIu64 " is answered twice", op);
	o->told = well ? DONE : is_open_end(o, code) ? UNSURE : FAILED;
	if (o->told == FAILED) {
		sim_expect(o->seq == 0 && !o->stored,
		           "op %" PRIu64 " failed with %s, and is on disk (seq %" PRIu64 ")", op, code, o->seq);
	} else if (well && (o->what == OP_SAY || o->what == OP_KEEP)) {
		sim_expect(o->seq > 0, "op %" PRIu64 " was acknowledged, and is not on disk", op);
		sim_expect(seq == 0 || seq == o->seq,
		           "op %" PRIu64 " was acknowledged as seq %" PRIu64 ", and is %" PRIu64, op, seq, o->seq);
	} else if (well && (o->what == OP_SEND || o->what == OP_SET)) {
		sim_expect(o->stored, "op %" PRIu64 " was acknowledged, and is not stored", op);
	} else if (well) {
		sim_expect(o->what == OP_LOOK, "op %" PRIu64 " must fail, and was acknowledged", op);
	}
}

void model_lost(uint64_t op)
{
	if (model_see(op)->told == UNTOLD)
		ops[op].told = UNSURE;
}

/* ------------------------------------------------------------------ actors */

struct model_actor *model_first(void)
{
	return actors;
}

struct model_actor *model_by_num(uint64_t num)
{
	struct model_actor *m = actors;

	while (m && m->num != num)
		m = m->next;
	return m;
}

struct model_actor *model_by_id(const char *id)
{
	struct model_actor *m = actors;

	while (m && strcmp(m->id, id) != 0)
		m = m->next;
	return m;
}

struct model_actor *model_at(unsigned kind, unsigned key)
{
	struct model_actor *m = actors;

	while (m && (m->destroyed || m->kind != kind || m->key != key))
		m = m->next;
	return m;
}

int model_name(const char *name, size_t size)
{
	for (int i = 0; i < SIM_NAMES; i++) {
		if (strlen(model_names[i]) == size && memcmp(model_names[i], name, size) == 0)
			return i;
	}
	return -1;
}

uint64_t model_between(const struct model_actor *m, enum sim_name name, uint64_t after, uint64_t before)
{
	for (uint64_t seq = after + 1; seq < before && seq <= m->log_count; seq++) {
		if (m->log[seq - 1].name == name)
			return seq;
	}
	return 0;
}

void model_heard(const struct model_actor *m, const char *who, enum sim_name name, uint64_t op, uint64_t seq)
{
	const struct entry *e;

	sim_expect(seq > 0 && seq <= m->log_count,
	           "%s heard seq %" PRIu64 " of %s, whose log on disk ends with %zu", who, seq, m->id,
	           m->log_count);
	e = &m->log[seq - 1];
	sim_expect(e->name == name && e->op == op,
	           "%s heard %s %" PRIu64 " as seq %" PRIu64 ", on disk that is %s %" PRIu64, who,
	           model_names[name], op, seq, model_names[e->name], e->op);
}

/* ------------------------------------------------------------------ a batch reaches the disk */

static int64_t member(struct troupe_value v, const char *name)
{
	struct troupe_value found;
	int64_t integer;

	sim_expect(tr_value_member(v, name, &found) && tr_value_integer(found, &integer),
	           "something without %s was stored", name);
	return integer;
}

static struct troupe_value element(struct troupe_value v, uint32_t index)
{
	struct troupe_value found;

	sim_expect(tr_value_element(v, index, &found), "something without element %u was stored", index);
	return found;
}

static int64_t integer(struct troupe_value v)
{
	int64_t n;

	sim_expect(tr_value_integer(v, &n), "something that is no number was stored");
	return n;
}

static void on_create(const struct tr_op *op, const char *key)
{
	struct model_actor *m = tr_alloc(sizeof *m);
	const char *name = key + strlen(key) + 1, *last = name + strlen(name) + 1;

	sim_expect(!model_by_num(op->actor), "the number %" PRIu64 " is given to a second actor", op->actor);
	snprintf(m->id, sizeof m->id, "%s", key);
	m->num = op->actor;
	while (m->kind < SIM_KINDS && strcmp(sim_kind_names[m->kind], name) != 0)
		m->kind++;
	m->key = (unsigned)(last[0] - 'a');
	sim_expect(!model_at(m->kind, m->key), "%s/%s is made, and exists already", name, last);
	m->next = actors;
	actors = m;
}

static void had(struct model_actor *m, uint64_t op, enum sim_name name)
{
	struct op *o;

	if (op == 0)
		return;
	o = model_see(op);
	sim_expect(o->seq == 0, "op %" PRIu64 " has its effect twice: seq %" PRIu64 " and %zu", op, o->seq,
	           m->log_count);
	sim_expect(o->what != OP_NEVER, "op %" PRIu64 " failed, and left seq %zu", op, m->log_count);
	sim_expect(o->told != FAILED, "op %" PRIu64 " was told as failed, and reaches the disk", op);
	o->actor = m->num;
	o->seq = m->log_count;
	if ((o->what == OP_SEND || o->what == OP_SET) && name != UNSET)
		sim_expect(o->stored, "op %" PRIu64 " has its effect and was never stored", op);
	if (o->what == OP_SET && name == RANG)
		sim_expect(sim_latest() >= o->not_before_ms, "op %" PRIu64 " rang early", op);
	if (o->what != OP_SAY || o->voice == 0)
		return;
	if (o->voice >= voice_room) {
		voices = tr_realloc(voices, (o->voice + 64) * sizeof *voices);
		memset(voices + voice_room, 0, (o->voice + 64 - voice_room) * sizeof *voices);
		voice_room = o->voice + 64;
	}
	sim_expect(voices[o->voice] < o->place, "op %" PRIu64 " overtook what the same connection said before",
	           op);
	voices[o->voice] = o->place;
}

static void on_append(struct model_actor *m, const struct tr_op *op, struct troupe_value value)
{
	struct troupe_text name = { 0 };
	struct troupe_value data = element(value, 2);
	int found;

	tr_value_text(element(value, 0), &name);
	found = model_name(name.data, name.size);
	sim_expect(found >= 0, "an event %.*s was logged", (int)name.size, name.data);
	sim_expect(op->seq == m->log_count + 1, "seq %" PRIu64 " follows %zu in the log of %s", op->seq,
	           m->log_count, m->id);
	sim_expect(member(data, "seq") == (int64_t)op->seq, "an event bears the wrong seq");
	if ((m->log_count & (m->log_count - 1)) == 0)
		m->log = tr_realloc(m->log, (m->log_count ? m->log_count * 2 : 1) * sizeof *m->log);
	m->log[m->log_count++] = (struct entry){ (enum sim_name)found, (uint64_t)member(data, "op") };
	had(m, m->log[m->log_count - 1].op, (enum sim_name)found);
}

static uint64_t number_at(const char *key)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | (uint8_t)key[i];
	return n;
}

static void comes(struct model_actor *m, struct waiting *list, size_t *count, uint64_t number, uint64_t op,
                  bool runs)
{
	struct op *o = model_see(op);

	sim_expect(*count < 256, "too much waits in %s for this model", m->id);
	sim_expect(!o->stored, "op %" PRIu64 " is stored twice", op);
	sim_expect(o->told != FAILED, "op %" PRIu64 " was told as failed, and is stored", op);
	o->stored = true;
	o->actor = m->num;
	list[(*count)++] = (struct waiting){ number, op, runs };
}

static void goes(struct waiting *list, size_t *count, uint64_t number)
{
	for (size_t i = 0; i < *count; i++) {
		if (list[i].number != number)
			continue;
		model_see(list[i].op)->away = true;
		memmove(&list[i], &list[i + 1], (--*count - i) * sizeof *list);
		return;
	}
}

#define QUEUE "queue/"
#define ITEM  "item/"

static void on_item(struct model_actor *m, struct troupe_text key, struct troupe_value value, bool put)
{
	const size_t at = strlen(QUEUE);

	if (key.size > at + 8 && memcmp(key.data, QUEUE, at) == 0) {
		if (put)
			comes(m, m->mail, &m->mail_count, number_at(key.data + at), (uint64_t)integer(element(value, 1)),
			      key.data[at + 8] != 'b');
		else
			goes(m->mail, &m->mail_count, number_at(key.data + at));
	} else if (key.size == strlen(ITEM) + 1 && memcmp(key.data, ITEM, strlen(ITEM)) == 0) {
		int64_t *item = &m->items[key.data[strlen(ITEM)] - '0'];
		int64_t v = put ? integer(value) : 0;

		sim_expect(!put || v > *item, "an item goes back from %" PRId64 " to %" PRId64, *item, v);
		*item = v;
	} else {
		sim_fail("an item nobody knows: %.*s", (int)key.size, key.data);
	}
}

static void on_op(const struct tr_batch *b, const struct tr_op *op)
{
	struct troupe_text key = { (const char *)b->bytes.data + op->key_at, op->key_size };
	struct troupe_value value = { b->bytes.data + op->value_at, op->value_size };
	struct model_actor *m = op->kind == TR_OP_CREATE ? NULL : model_by_num(op->actor);

	if (op->kind == TR_OP_CREATE) {
		on_create(op, key.data);
		return;
	}
	sim_expect(m && !m->destroyed, "something is written to actor %" PRIu64 ", which is not there",
	           op->actor);
	switch (op->kind) {
	case TR_OP_DESTROY:
		m->destroyed = true;
		break;
	case TR_OP_STATE:
		m->count = member(value, "count");
		break;
	case TR_OP_APPEND:
		on_append(m, op, value);
		break;
	case TR_OP_PUT:
	case TR_OP_DELETE:
		on_item(m, key, value, op->kind == TR_OP_PUT);
		break;
	case TR_OP_ALARM:
		comes(m, m->alarms, &m->alarm_count, number_at(key.data), (uint64_t)member(element(element(value, 1),
		        0), "op"), true);
		break;
	case TR_OP_DISARM:
		goes(m->alarms, &m->alarm_count, number_at(key.data));
		break;
	case TR_OP_CREATE: case TR_OP_BUSY: case TR_OP_IDLE:
		break;
	}
}

/* What a turn writes reaches the disk whole: kept fields and log agree. */
static void check(const struct model_actor *m)
{
	sim_expect(m->destroyed || m->count == (int64_t)m->log_count,
	           "%s keeps the count %" PRId64 ", and its log has %zu", m->id,
	           m->count, m->log_count);
}

void model_commit(const struct tr_batch *batch)
{
	sim.commits++;
	for (size_t i = 0; i < batch->count; i++)
		on_op(batch, &batch->ops[i]);
	for (const struct model_actor *m = actors; m; m = m->next)
		check(m);
	for (uint64_t i = 1; i < op_count; i++) {
		const struct op *o = &ops[i];

		if (o->away && o->seq == 0)
			sim_expect(o->unwanted, "op %" PRIu64 " was taken away, and has had no effect", i);
		if (o->stored && o->seq > 0)
			sim_expect(o->away || model_by_num(o->actor)->destroyed,
			           "op %" PRIu64 " has had its effect, and waits still", i);
	}
}

/* ------------------------------------------------------------------ the end */

void model_settled(void)
{
	for (const struct model_actor *m = actors; m; m = m->next) {
		if (m->destroyed)
			continue;
		sim_expect(m->mail_count == 0, "op %" PRIu64 " waits for ever in a queue of %s", m->mail[0].op,
		           m->id);
		sim_expect(m->alarm_count == 0, "op %" PRIu64 " never rings in %s", m->alarms[0].op, m->id);
	}
	for (uint64_t i = 1; i < op_count; i++) {
		const struct op *o = &ops[i];
		bool gone = o->actor && model_by_num(o->actor)->destroyed;

		sim_expect(o->told != UNTOLD, "op %" PRIu64 " was never answered", i);
		if (o->told == DONE && o->what != OP_LOOK && !gone && !o->unwanted)
			sim_expect(o->seq > 0, "op %" PRIu64 " was acknowledged, and never had its effect", i);
	}
}
