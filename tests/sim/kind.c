/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks. `plain` has few, `dorm` sleeps under its connections,
 * `odd` refuses, fails and ends itself. */
#include "tests/sim/kind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const sim_kind_names[SIM_KINDS] = { "plain", "dorm", "odd" };

static const struct troupe_record subject_state = { .name = "subject", .size = sizeof(struct subject),
	.count = 1,
	.fields = (const struct troupe_field[]){ TROUPE_FIELD(subject, count, "count") } };
const struct troupe_record sim_wish = TROUPE_RECORD(wish,
	TROUPE_FIELD(wish, op, "op"),
	TROUPE_DEFAULT(wish, n, "n", 0));
const struct troupe_record sim_told = TROUPE_RECORD(told, TROUPE_FIELD(told, op, "op"));
const struct troupe_record sim_answer = TROUPE_RECORD(answer, TROUPE_FIELD(answer, seq, "seq"));

int64_t subject_tells(struct troupe_actor *a, enum sim_name name, int64_t op)
{
	struct subject *s = troupe_self(a);
	int64_t seq = troupe_publish(a, model_names[name], &sim_told, &(struct told){ op });

	s->count++;
	sim_expect(seq == s->count, "%s publishes seq %" PRId64 " with a count of %" PRId64, troupe_id(a), seq,
	           s->count);
	return seq;
}

void subject_forgets(struct troupe_actor *a)
{
	struct subject *s = troupe_self(a);

	s->kept_count = 0;
	s->stream = NULL;
}

/* ------------------------------------------------------------------ life */

static int created(struct troupe_actor *a)
{
	const struct subject *s = troupe_self(a);

	sim_expect(s->count == 0 && troupe_seq(a) == 0, "a new actor begins with a count of %" PRId64, s->count);
	if (!sim.settling && sim_once_in(6))
		return troupe_refuse(a, TROUPE_EFORBIDDEN, "not today");
	if (sim_once_in(2))
		subject_tells(a, HOOK, 0);
	return 0;
}

static void nothing(void *arg, int rc)
{
	(void)arg;
	(void)rc;
}

/* It finds what is on disk, no more, no less. */
static int woke(struct troupe_actor *a)
{
	struct subject *s = troupe_self(a);
	const struct model_actor *m = model_by_id(troupe_id(a));
	int64_t count = m ? m->count : 0;

	sim_note("  %s/%s wakes", m ? sim_kind_names[m->kind] : "new", troupe_key(a, 0));
	if (m)
		sim_expect(s->count == count, "%s wakes with a count of %" PRId64 ", on disk is %" PRId64,
		           troupe_id(a), s->count, count);
	if (m)
		memcpy(s->items, m->items, sizeof s->items);
	tr_actor_after(a, nothing, NULL);
	if (sim_once_in(4))
		subject_tells(a, HOOK, 0);
	return 0;
}

static int woke_oddly(struct troupe_actor *a)
{
	woke(a);
	return !sim.settling && sim_once_in(6) ? troupe_refuse(a, TROUPE_EFORBIDDEN, "not now") : 0;
}

static void slept(struct troupe_actor *a)
{
	sim_note("  %s sleeps", troupe_id(a));
	if (sim_once_in(3))
		subject_tells(a, HOOK, 0);
	subject_forgets(a);
}

static void destroyed(struct troupe_actor *a)
{
	sim_note("  %s is destroyed", troupe_id(a));
	subject_tells(a, HOOK, 0);
	subject_forgets(a);
}

static void changed(struct troupe_actor *a)
{
	if (sim_once_in(3))
		troupe_broadcast(a, "changed", &sim_answer,
		                 &(struct answer){ ((struct subject *)troupe_self(a))->count });
}

/* ------------------------------------------------------------------ people */

static int admitted(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)p;
	return !sim.settling && sim_once_in(10) ? troupe_refuse(a, TROUPE_EFORBIDDEN, "not you") : 0;
}

static int joined(struct troupe_actor *a, struct troupe_peer *p)
{
	struct guest *g = troupe_peer_self(p);

	if (g)
		g->joined = 4711;
	if (sim_once_in(3))
		subject_tells(a, HOOK, 0);
	troupe_send(p, "welcome", &sim_answer, &(struct answer){ ((struct subject *)troupe_self(a))->count });
	return !sim.settling && sim_once_in(12) ? troupe_refuse(a, TROUPE_EFORBIDDEN, "not you either") : 0;
}

static void left(struct troupe_actor *a, struct troupe_peer *p)
{
	const struct guest *g = troupe_peer_self(p);

	if (g)
		sim_expect(g->joined == 4711, "somebody leaves %s who never came", troupe_id(a));
	if (sim_once_in(2))
		subject_tells(a, HOOK, 0);
}

static void left_oddly(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)p;
	if (sim.settling)
		return; /* so that it finishes what it was asked for */
	if (sim_once_in(8))
		troupe_destroy(a);
	else if (sim_once_in(2))
		troupe_sleep(a);
}

static int subscribed(struct troupe_actor *a, struct troupe_peer *p, const char *name)
{
	(void)p;
	(void)name;
	return !sim.settling && sim_once_in(20) ? troupe_refuse(a, TROUPE_EFORBIDDEN, "not this") : 0;
}

/* A plain socket: "say OP" is said, and told back with its seq. */
static int opened(struct troupe_actor *a, struct troupe_peer *p, const char *path)
{
	struct guest *g = troupe_peer_self(p);

	(void)a;
	(void)path;
	if (g)
		g->joined = 4711;
	return 0;
}

static void heard(struct troupe_actor *a, struct troupe_peer *p, const void *data, size_t size, bool text)
{
	char message[64], *end;
	uint64_t op;
	int64_t seq;

	snprintf(message, sizeof message, "%.*s", (int)size, (const char *)data);
	sim_expect(text && strncmp(message, "say ", 4) == 0, "a socket's message comes as \"%s\"", message);
	op = strtoull(message + 4, &end, 10);
	seq = subject_tells(a, SAID, (int64_t)op);
	snprintf(message, sizeof message, "%" PRIu64 " %" PRId64, op, seq);
	troupe_socket_send(p, message, strlen(message), true);
	if (sim_once_in(10) && !sim.settling)
		troupe_socket_close(p, 4000, "enough");
}

/* ------------------------------------------------------------------ the kinds */

#define SUBJECT .size = sizeof(struct subject), .state = &subject_state, .actions = sim_actions, \
	.queues = sim_queues, .queue_messages = 200, .request = subject_requested, .stream = subject_streams, \
	.sleep = slept, .destroy = destroyed, .socket = opened, .message = heard

static const struct troupe_kind plain = { .name = "plain", SUBJECT, .wake = woke, .idle_ms = 500 };
static const struct troupe_kind dorm = { .name = "dorm", SUBJECT, .peer_size = sizeof(struct guest),
	.create = created,
	.wake = woke, .join = joined, .leave = left, .changed = changed, .hibernate = true, .keep_sockets = true,
	.idle_ms = 300 };
static const struct troupe_kind odd = { .name = "odd", SUBJECT, .create = created, .wake = woke_oddly,
	.admit = admitted, .join = joined, .leave = left_oddly, .subscribe = subscribed, .visitors = true,
	.idle_ms = -1 };

const struct troupe_kind *const sim_kinds[] = { &plain, &dorm, &odd, NULL };
