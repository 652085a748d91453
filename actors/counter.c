/* SPDX-License-Identifier: Apache-2.0 */
/* A counter: the smallest useful actor. One number that outlives everything, a few actions, one event. */
#include <troupe.h>

struct counter { int64_t count; };
static const struct troupe_record counter = TROUPE_RECORD(counter,
	TROUPE_FIELD(counter, count, "count"));

/* ------------------------------------------------------------------ the count */

struct step { int64_t by; };
static const struct troupe_record step = TROUPE_RECORD(step,
	TROUPE_DEFAULT(step, by, "n", 1));

static int counter_increment(struct troupe_actor *a, struct troupe_call *call)
{
	struct counter *self = troupe_self(a);
	const struct step *in = troupe_args(call);

	if (__builtin_add_overflow(self->count, in->by, &self->count) ||
	    self->count > (INT64_C(1) << 53) || self->count < -(INT64_C(1) << 53))
		return troupe_fail(call, TROUPE_EINVAL, "n: the count would pass 2^53, the largest exact number in JavaScript");
	troupe_broadcast_value(a, "newCount", troupe_int(a, self->count));
	return troupe_reply_int(call, self->count);
}

static int counter_get_count(struct troupe_actor *a, struct troupe_call *call)
{
	struct counter *self = troupe_self(a);

	return troupe_reply_int(call, self->count);
}

/* ------------------------------------------------------------------ what tests and benches talk to */

struct any { struct troupe_value value; };
static const struct troupe_record any = TROUPE_RECORD(any,
	TROUPE_OPTION(any, value, "value"));

static int counter_echo(struct troupe_actor *a, struct troupe_call *call)
{
	const struct any *in = troupe_args(call);

	(void)a;
	return troupe_reply_value(call, in->value);
}

static int counter_append(struct troupe_actor *a, struct troupe_call *call)
{
	const struct any *in = troupe_args(call);
	int64_t seq = troupe_publish_value(a, "appended", in->value);

	return seq < 0 ? (int)seq : troupe_reply_int(call, seq);
}

struct tick { int64_t i; struct troupe_value payload; };
static const struct troupe_record tick = TROUPE_RECORD(tick,
	TROUPE_FIELD(tick, i, "i"),
	TROUPE_OPTION(tick, payload, "payload"));

struct blast { int32_t count; struct troupe_value payload; };
static const struct troupe_record blast = TROUPE_RECORD(blast,
	TROUPE_FIELD(blast, count, "n"),
	TROUPE_OPTION(blast, payload, "payload"));

#define BLAST_MAX 1000 /* fits a listener's outbox of 1,024 frames */

static int counter_blast(struct troupe_actor *a, struct troupe_call *call)
{
	const struct blast *in = troupe_args(call);

	if (in->count < 0 || in->count > BLAST_MAX)
		return troupe_fail(call, TROUPE_EINVAL, "n: must be 0 to %d, is %d", BLAST_MAX, (int)in->count);
	for (int32_t i = 0; i < in->count; i++)
		troupe_broadcast(a, "tick", &tick, &(struct tick){ .i = i, .payload = in->payload });
	return troupe_reply_int(call, in->count);
}

struct failure { const char *code, *message; struct troupe_value metadata; };
static const struct troupe_record failure = TROUPE_RECORD(failure,
	TROUPE_FIELD(failure, code, "code"),
	TROUPE_FIELD(failure, message, "message"),
	TROUPE_OPTION(failure, metadata, "metadata"));

static int counter_fail(struct troupe_actor *a, struct troupe_call *call)
{
	const struct failure *in = troupe_args(call);

	(void)a;
	return troupe_fail_user(call, in->code, in->message, in->metadata);
}

struct page { int64_t offset; uint32_t limit; };
static const struct troupe_record page = TROUPE_RECORD(page,
	TROUPE_DEFAULT(page, offset, "offset", 0),
	TROUPE_DEFAULT(page, limit, "limit", 100));

static int counter_get_events(struct troupe_actor *a, struct troupe_call *call)
{
	const struct page *in = troupe_args(call);

	(void)a;
	if (in->offset < 0)
		return troupe_fail(call, TROUPE_EINVAL, "offset: must not be negative");
	return troupe_reply_events(call, (uint64_t)in->offset, in->limit);
}

/* ------------------------------------------------------------------ the form */

static const struct troupe_action counter_actions[] = {
	{ .name = "increment", .run = counter_increment,  .takes = &step,    .positional = true },
	{ .name = "getCount",  .run = counter_get_count, .reads = true },
	{ .name = "echo",      .run = counter_echo,       .takes = &any,     .positional = true, .reads = true },
	{ .name = "append",    .run = counter_append,     .takes = &any,     .positional = true },
	{ .name = "blast",     .run = counter_blast,      .takes = &blast,   .positional = true },
	{ .name = "fail",      .run = counter_fail,       .takes = &failure, .positional = true },
	{ .name = "getEvents", .run = counter_get_events, .takes = &page, .reads = true },
	{ 0 }
};

const struct troupe_kind counter_kind = {
	.name    = "counter",
	.size    = sizeof(struct counter),
	.state   = &counter,
	.actions = counter_actions,
};
