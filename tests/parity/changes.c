/* SPDX-License-Identifier: Apache-2.0 */
/* A hook for changes of kept fields: parts of the suite's lifecycle-hooks.ts. Its onStateChange runs at each assignment, this
 * one at the end of a turn that changed something. */
#include "kit.h"

/* value and derived are kept; what the hook derives is not. */
struct watched { int64_t value, kept_derived, derived, calls; };
static const struct troupe_record watched = TROUPE_RECORD(watched,
	TROUPE_FIELD(watched, value, "value"),
	TROUPE_FIELD(watched, kept_derived, "derivedValue"));

struct shown { int64_t value, derived, calls; };
static const struct troupe_record shown = TROUPE_RECORD(shown,
	TROUPE_FIELD(shown, value, "value"),
	TROUPE_FIELD(shown, derived, "derivedValue"),
	TROUPE_FIELD(shown, calls, "callCount"));

struct number { int64_t value; };
static const struct troupe_record number = TROUPE_RECORD(number,
	TROUPE_FIELD(number, value, "value"));

static int set_value(struct troupe_actor *a, struct troupe_call *call)
{
	struct watched *self = troupe_self(a);

	self->value = ((const struct number *)troupe_args(call))->value;
	return troupe_reply_int(call, self->value);
}

static int get_derived(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply_int(call, ((struct watched *)troupe_self(a))->derived);
}

static int get_calls(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply_int(call, ((struct watched *)troupe_self(a))->calls);
}

static int get_all(struct troupe_actor *a, struct troupe_call *call)
{
	const struct watched *self = troupe_self(a);

	return troupe_reply(call, &shown, &(struct shown){ self->value, self->derived, self->calls });
}

/* ------------------------------------------------------------------ stateChangeRecursionActor */

static void derive(struct troupe_actor *a)
{
	struct watched *self = troupe_self(a);

	self->derived = self->value * 2;
	self->calls++;
}

const struct troupe_kind state_change_kind = {
	.name    = "stateChangeRecursionActor",
	.size    = sizeof(struct watched),
	.state   = &watched,
	.changed = derive,
	.actions = (const struct troupe_action[]){
		{ .name = "setValue",                  .run = set_value, .takes = &number, .positional = true },
		{ .name = "getDerivedValue",           .run = get_derived },
		{ .name = "getOnStateChangeCallCount", .run = get_calls },
		{ .name = "getAll",                    .run = get_all },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ stateChangeReentrantMutationActor
 * What its hook writes is put back. */

static void derive_what_is_kept(struct troupe_actor *a)
{
	struct watched *self = troupe_self(a);

	self->calls++;
	self->kept_derived = self->value * 2;
}

static int get_result(struct troupe_actor *a, struct troupe_call *call)
{
	const struct watched *self = troupe_self(a);

	return troupe_reply(call, &shown, &(struct shown){ self->value, self->kept_derived, self->calls });
}

const struct troupe_kind state_change_reentrant_kind = {
	.name    = "stateChangeReentrantMutationActor",
	.size    = sizeof(struct watched),
	.state   = &watched,
	.changed = derive_what_is_kept,
	.actions = (const struct troupe_action[]){
		{ .name = "setValue",  .run = set_value, .takes = &number, .positional = true },
		{ .name = "getResult", .run = get_result },
		{ 0 }
	},
};
