/* SPDX-License-Identifier: Apache-2.0 */
/* Orders that only a store has that answers later: a search that is overtaken by what it looks for. */
#include <stdlib.h>

#include "tests/kit/test.h"
#include "tests/kit/world.h"
#include "tests/unit/core/kinds.h"

static struct tr_world w;
static const struct tr_address to = { .name = { "probe", 5 }, .key = { "x", 1 }, .create = true };

struct told { int count, error; int64_t value; bool created; };

static void on_answer(void *arg, const struct tr_failure *f, struct troupe_value output,
                      const struct tr_client_actor *actor)
{
	struct told *t = arg;

	(void)actor;
	t->count++;
	t->error = f ? f->error : 0;
	if (!f)
		tr_value_integer(output, &t->value);
}

static void on_row(void *arg, const struct tr_failure *f, const struct tr_actor_row *row, bool created)
{
	struct told *t = arg;

	(void)row;
	t->count++;
	t->error = f ? f->error : 0;
	t->created = created;
}

static void calls(struct told *t, const char *action)
{
	struct tr_action_request rq = { .to = to, .action = { action, strlen(action) }, .args = { "\x90", 1 } };

	*t = (struct told){ 0 };
	tr_core_action(w.core, &rq, on_answer, t);
}

/* x has counted to one, and sleeps. */
static void begin(void)
{
	struct told t;

	probe_life[0] = 0;
	tr_world_late = true;
	tr_world_open(&w, probe_kinds, NULL);
	calls(&t, "add");
	tr_world_turn(&w);
	tr_core_sleep(w.core, &to, on_row, &t);
	tr_world_turn(&w);
	assert_int_equal(t.error, 0);
}

/* Both search; the first finds, does `what`, and has gone again before the second has read all that it needs. */
static void overtaken(struct told *first, struct told *second, const char *what)
{
	struct told t;

	calls(first, what);
	calls(second, "add");
	for (int i = 0; i < 3; i++) /* two rows, and the first one's alarms */
		assert_true(tr_world_answer_read(&w));
	if (strcmp(what, "end") != 0)
		tr_core_sleep(w.core, &to, on_row, &t);
	tr_core_turn_end(w.core);
	assert_true(tr_world_answer_commit(&w));
	tr_core_turn_end(w.core);
	if (tr_world_answer_commit(&w))
		tr_core_turn_end(w.core);
	assert_int_equal(first->count, 1);
	assert_int_equal(second->count, 0);
	tr_world_turn(&w);
	assert_int_equal(second->count, 1);
	assert_int_equal(second->error, 0);
}

TEST(who_was_overtaken_by_a_sleep_finds_what_was_kept_in_it)
{
	struct told first, second;

	begin();
	overtaken(&first, &second, "add");
	assert_int_equal(first.value, 2);
	assert_int_equal(second.value, 3);
	tr_world_close(&w);
}

TEST(who_was_overtaken_by_a_destruction_makes_another)
{
	struct told first, second;

	begin();
	overtaken(&first, &second, "end");
	assert_int_equal(second.value, 1);
	tr_world_close(&w);
}

TEST(of_two_that_make_the_same_one_does)
{
	struct told first = { 0 }, second = { 0 }, third = { 0 };
	struct tr_address other = { .name = to.name, .key = { "y", 1 } };

	begin();
	tr_core_create(w.core, &other, on_row, &first);
	tr_core_create(w.core, &other, on_row, &second);
	other.create = true;
	tr_core_resolve(w.core, &other, on_row, &third);
	tr_world_turn(&w);
	assert_true(first.created && first.error == 0);
	assert_int_equal(second.error, TROUPE_EDUPLICATE);
	assert_true(third.error == 0 && !third.created);
	tr_world_close(&w);
}

TEST(who_has_gone_without_a_word_is_not_let_in)
{
	struct tr_someone ann;

	begin();
	probe_life[0] = 0;
	tr_someone_joins(&ann, &w, "probe", "x", NULL);
	tr_someone_leaves(&ann);
	tr_world_turn(&w);
	assert_string_equal(probe_life, "wake;");
	tr_world_close(&w);
}

TEST(who_says_too_much_before_its_actor_was_found_is_closed)
{
	static char large[60 * 1024];
	struct tr_someone ann;

	begin();
	memset(large, 'x', sizeof large - 1);
	tr_someone_joins(&ann, &w, "probe", "x", NULL);
	for (int i = 0; i < 5; i++)
		tr_someone_says(&ann, large);
	assert_string_equal(ann.close_reason, "actor.overloaded");
	tr_world_turn(&w);
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

/* Its own main: there is one mode. */
int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(who_was_overtaken_by_a_sleep_finds_what_was_kept_in_it),
		RUN(who_was_overtaken_by_a_destruction_makes_another),
		RUN(of_two_that_make_the_same_one_does),
		RUN(who_has_gone_without_a_word_is_not_let_in),
		RUN(who_says_too_much_before_its_actor_was_found_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
