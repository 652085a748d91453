/* SPDX-License-Identifier: Apache-2.0 */
/* Kept fields of every type: set, undone, saved, and there again after sleep and restart. */
#include "tests/kit/test.h"
#include "tests/kit/world.h"

#include <stdlib.h>

#include "runtime/base/limits.h"
#include "runtime/core/live.h"

struct keeper { bool yes; int64_t count; const char *text; struct troupe_value value, other; };
static const struct troupe_record keeper = TROUPE_RECORD(keeper,
	TROUPE_FIELD(keeper, yes, "yes"),
	TROUPE_FIELD(keeper, count, "count"),
	TROUPE_OPTION(keeper, text, "text"),
	TROUPE_OPTION(keeper, value, "value"),
	TROUPE_OPTION(keeper, other, "other"));

static int keeper_create(struct troupe_actor *a)
{
	return troupe_set_value(a, &((struct keeper *)troupe_self(a))->other, troupe_input(a));
}

/* The first argument. */
static struct troupe_value first_of(struct troupe_call *c)
{
	struct troupe_value v = { 0 };

	tr_value_element(troupe_args_value(c), 0, &v);
	return v;
}

static int keeper_set(struct troupe_actor *a, struct troupe_call *c)
{
	struct keeper *self = troupe_self(a);

	self->count++;
	return troupe_set_value(a, &self->value, first_of(c));
}

static int keeper_spoil(struct troupe_actor *a, struct troupe_call *c)
{
	struct keeper *self = troupe_self(a);

	self->yes = true;
	troupe_set_text(a, &self->text, "spoilt");
	troupe_set_value(a, &self->value, first_of(c));
	troupe_set_value(a, &self->other, (struct troupe_value){ 0 });
	return TROUPE_EFORBIDDEN;
}

static int keeper_copy(struct troupe_actor *a, struct troupe_call *c)
{
	struct keeper *self = troupe_self(a);

	(void)c;
	troupe_set_value(a, &self->value, self->value); /* its own memory */
	return troupe_set_value(a, &self->other, self->value);
}

static int keeper_get(struct troupe_actor *a, struct troupe_call *c)
{
	return troupe_reply(c, &keeper, troupe_self(a));
}

static const struct troupe_kind kind = {
	.name = "keeper", .size = sizeof(struct keeper), .state = &keeper, .create = keeper_create,
	.initial = &(const struct keeper){ .text = "first", .value = { "\x93\x01\x02\x03", 4 } },
	.actions = (const struct troupe_action[]){
		{ .name = "set", .run = keeper_set }, { .name = "spoil", .run = keeper_spoil },
		{ .name = "copy", .run = keeper_copy }, { .name = "get", .run = keeper_get }, { 0 }
	},
};
static const struct troupe_kind *const kinds[] = { &kind, NULL };

static struct tr_world w;
static struct tr_someone ann;

static void begin(void)
{
	tr_world_open(&w, kinds, NULL);
	tr_someone_joins(&ann, &w, "keeper", "a", NULL);
	tr_world_turn(&w);
}

static void end(void)
{
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

/* The answer, or the error. */
static const char *calls(const char *action, const char *args)
{
	tr_someone_calls(&ann, action, args);
	tr_world_turn(&w);
	return tr_someone_hears(&ann);
}

static void keeps(const char *what)
{
	const char *heard;

	while (tr_someone_hears(&ann))
		;
	heard = calls("get", "[]");
	assert_non_null(heard);
	if (!strstr(heard, what))
		fail_msg("%s is not in %s", what, heard);
}

TEST(a_value_of_any_kind_is_kept_through_sleep_and_restart)
{
	static const char *const values[] = {
		"{\"a\":[1,{\"b\":null}],\"c\":\"\\u0000\"}", "[\"$Uint8Array\",\"AAEC\"]", "\"text\"", "null", "1.5", "[]",
	};
	char args[100], expected[100];

	begin();
	keeps("\"count\":0,\"text\":\"first\",\"value\":[1,2,3]}");
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		snprintf(args, sizeof args, "[%s]", values[i]);
		snprintf(expected, sizeof expected, "\"value\":%s}", values[i]);
		calls("set", args);
		keeps(expected);
		tr_someone_leaves(&ann);
		if (i % 2)
			tr_world_pass(&w, 30000);
		else
			tr_world_restart(&w, kinds, NULL);
		tr_someone_joins(&ann, &w, "keeper", "a", NULL);
		tr_world_turn(&w);
		keeps(expected);
	}
	end();
}

TEST(a_failed_turn_leaves_the_values_as_they_were)
{
	begin();
	calls("set", "[{\"good\":true}]");
	calls("copy", "[]");
	keeps("\"value\":{\"good\":true},\"other\":{\"good\":true}}");
	assert_non_null(strstr(calls("spoil", "[{\"bad\":true}]"), "forbidden"));
	keeps("\"yes\":false,\"count\":1,\"text\":\"first\",\"value\":{\"good\":true},\"other\":{\"good\":true}}");
	end();
}

TEST(what_did_not_change_is_not_stored_again)
{
	unsigned commits;

	begin();
	calls("copy", "[]");
	commits = w.commits;
	calls("copy", "[]");
	calls("get", "[]");
	assert_int_equal(w.commits, commits);
	end();
}

TEST(nothing_clears_a_value)
{
	begin();
	calls("set", "[]");
	keeps("\"text\":\"first\"}");
	end();
}

static int refused;

static int tries(struct troupe_actor *a, void *arg)
{
	struct keeper *self = troupe_self(a);
	struct troupe_value before = self->value;

	refused = troupe_set_value(a, &self->value, *(struct troupe_value *)arg);
	assert_ptr_equal(self->value.data, before.data);
	return 0;
}

static void on_row(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	(void)failure;
	(void)created;
	*(uint64_t *)arg = row->num;
}

TEST(what_is_no_value_or_too_large_is_refused)
{
	static char large[TR_KEPT_VALUE_BYTES_MAX + 1], deep[TR_DEPTH_MAX + 2];
	struct troupe_value bad[] = { { large, sizeof large }, { deep, sizeof deep }, { "\x92\x01", 2 }, { "\xc1", 1 } };
	const int errors[] = { TROUPE_EBIGSTATE, TROUPE_EBADVALUE, TROUPE_EBADVALUE, TROUPE_EBADVALUE };

	memset(deep, 0x91, sizeof deep - 1); /* [[[... 0 ...]]] */
	begin();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint64_t num = 0;

		tr_core_resolve(w.core, &(struct tr_address){ .name = { "keeper", 6 }, .key = { "a", 1 } }, on_row, &num);
		tr_world_turn(&w);
		tr_actor_turn(tr_roster_by_num(w.core, num), tries, &bad[i]);
		assert_int_equal(refused, errors[i]);
	}
	end();
}

TEST(a_kept_field_can_be_told_from_one_that_cannot)
{
	const struct troupe_record text = { .name = "t", .size = sizeof(struct troupe_text), .count = 1,
		.fields = &(const struct troupe_field){ .name = "t", .type = TROUPE_TEXT, .optional = true } };
	const struct troupe_record needed = { .name = "v", .size = sizeof(struct troupe_value), .count = 1,
		.fields = &(const struct troupe_field){ .name = "v", .type = TROUPE_VALUE } };
	const struct troupe_kind bad[] = {
		{ .name = "t", .size = text.size, .state = &text }, { .name = "v", .size = needed.size, .state = &needed } };

	begin();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(tr_core_register(w.core, &bad[i]), TROUPE_EINVAL);
	end();
}

TESTS(RUN(a_value_of_any_kind_is_kept_through_sleep_and_restart),
      RUN(a_failed_turn_leaves_the_values_as_they_were),
      RUN(what_did_not_change_is_not_stored_again),
      RUN(nothing_clears_a_value),
      RUN(what_is_no_value_or_too_large_is_refused),
      RUN(a_kept_field_can_be_told_from_one_that_cannot))
