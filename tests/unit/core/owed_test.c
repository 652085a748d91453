/* SPDX-License-Identifier: Apache-2.0 */
/* What actors owe others outlives them, and whoever pays it is told. */
#include "tests/kit/test.h"
#include "tests/kit/world.h"

#include "proto/text.h"
#include "runtime/core/actor.h"

static struct tr_world w;
static struct {
	struct tr_core *core;
	uint64_t destroyed;
	int count;
	char items[512]; /* of nobody's: "key " each */
} payer;

static void payer_start(void *ctx, struct tr_core *core)
{
	(void)ctx;
	payer.core = core;
}

static void payer_owed(void *ctx, uint64_t actor)
{
	(void)ctx;
	payer.destroyed = actor;
	payer.count++;
}

static const struct tr_session_ops payer_ops = { .start = payer_start, .owed = payer_owed };
static const struct tr_sessions payers = { .ops = &payer_ops };

static int debtor_owe(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	tr_actor_put(a, (struct troupe_text){ "owed/x", 6 }, "\xc3", 1);
	tr_actor_put(a, (struct troupe_text){ "mine", 4 }, "\xc3", 1);
	return 0;
}

static int debtor_end(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	troupe_destroy(a);
	return 0;
}

static int debtor_hand_over(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	tr_actor_hand_over(a, tr_text_from("owed/1/b"), "\xc3", 1);
	return 0;
}

static const struct troupe_action debtor_actions[] = {
	{ .name = "handOver", .run = debtor_hand_over },
	{ .name = "owe", .run = debtor_owe }, { .name = "end", .run = debtor_end }, { 0 }
};
static const struct troupe_kind debtor_kind = { .name = "debtor", .actions = debtor_actions };
static const struct troupe_kind *const kinds[] = { &debtor_kind, NULL };

static void on_item(void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	(void)arg, (void)value;
	assert_int_equal(rc, 0);
	if (key.data)
		snprintf(payer.items + strlen(payer.items), sizeof payer.items - strlen(payer.items), "%.*s ", (int)key.size, key.data);
}

static const char *items(void)
{
	payer.items[0] = '\0';
	tr_core_scan(payer.core, tr_text_from(TR_OWED), on_item, NULL);
	while (tr_world_answer(&w))
		;
	return payer.items;
}

TEST(who_sleeps_owes_nothing_to_others_yet_and_who_is_destroyed_does)
{
	struct tr_someone ann;

	memset(&payer, 0, sizeof payer);
	tr_world_open(&w, kinds, &payers);
	assert_ptr_equal(payer.core, w.core);
	tr_someone_joins(&ann, &w, "debtor", "a", NULL);
	tr_someone_calls(&ann, "owe", "[]");
	tr_someone_leaves(&ann);
	tr_world_pass(&w, 60000);
	assert_int_equal(payer.count, 0);
	assert_string_equal(items(), "");
	tr_someone_joins(&ann, &w, "debtor", "a", NULL);
	w.hold_commits = true;
	tr_someone_calls(&ann, "end", "[]");
	tr_world_turn(&w);
	assert_int_equal(payer.count, 0); /* not before it is true */
	w.hold_commits = false;
	tr_world_commit(&w);
	assert_int_equal(payer.count, 1);
	assert_int_equal(payer.destroyed, 1);
	assert_string_equal(items(), "owed/00000000000000000001/x ");
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TEST(the_servers_own_items_are_put_and_deleted_with_a_commit)
{
	memset(&payer, 0, sizeof payer);
	tr_world_open(&w, kinds, &payers);
	tr_core_put(w.core, (struct troupe_text){ "owed/1/a", 8 }, "\xc3", 1);
	tr_core_put(w.core, (struct troupe_text){ "owed/1/b", 8 }, "\xc3", 1);
	assert_string_equal(items(), "owed/1/a owed/1/b "); /* whoever wrote it sees it */
	tr_world_turn(&w);
	assert_string_equal(items(), "owed/1/a owed/1/b ");
	tr_core_delete(w.core, (struct troupe_text){ "owed/1/a", 8 });
	tr_world_turn(&w);
	assert_string_equal(items(), "owed/1/b ");
	w.next_commit = TROUPE_EFULL;
	tr_core_delete(w.core, (struct troupe_text){ "owed/1/b", 8 });
	tr_world_turn(&w);
	assert_string_equal(items(), "owed/1/b ");
	tr_world_close(&w);
}

static struct { int rc; unsigned count; } told;

static void on_durable(void *arg, int rc)
{
	(void)arg;
	told.rc = rc;
	told.count++;
}

TEST(whoever_wrote_an_item_of_the_servers_own_is_told_when_it_is_on_disk)
{
	memset(&payer, 0, sizeof payer);
	memset(&told, 0, sizeof told);
	tr_world_open(&w, kinds, &payers);
	w.hold_commits = true;
	tr_core_put(w.core, tr_text_from("owed/1/a"), "\xc3", 1);
	tr_core_after(w.core, on_durable, NULL);
	assert_false(tr_core_quiet(w.core));
	tr_world_turn(&w);
	assert_false(tr_core_quiet(w.core));
	assert_int_equal(told.count, 0);
	w.hold_commits = false;
	tr_world_commit(&w);
	tr_world_turn(&w);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.rc, 0);
	assert_true(tr_core_quiet(w.core));
	tr_world_close(&w);
}

/* It waits for its own, not for the one before it. */
TEST(whoever_wrote_an_item_of_the_servers_own_while_another_commit_is_under_way_waits_for_the_next)
{
	memset(&payer, 0, sizeof payer);
	memset(&told, 0, sizeof told);
	tr_world_open(&w, kinds, &payers);
	w.hold_commits = true;
	tr_core_put(w.core, tr_text_from("owed/1/a"), "\xc3", 1);
	tr_world_turn(&w);
	tr_core_put(w.core, tr_text_from("owed/1/b"), "\xc3", 1);
	tr_core_after(w.core, on_durable, NULL);
	tr_world_turn(&w);
	assert_int_equal(told.count, 0);
	w.hold_commits = false;
	tr_world_commit(&w);
	tr_world_turn(&w);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.rc, 0);
	tr_world_close(&w);
}

TEST(whoever_wrote_an_item_of_the_servers_own_is_told_that_its_commit_failed)
{
	memset(&payer, 0, sizeof payer);
	memset(&told, 0, sizeof told);
	tr_world_open(&w, kinds, &payers);
	tr_core_put(w.core, tr_text_from("owed/1/a"), "\xc3", 1);
	tr_core_after(w.core, on_durable, NULL);
	w.next_commit = TROUPE_EFULL;
	tr_world_turn(&w);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.rc, TROUPE_EFULL);
	tr_core_put(w.core, tr_text_from("owed/1/a"), "\xc3", 1); /* and the next time it goes well */
	tr_core_after(w.core, on_durable, NULL);
	tr_world_turn(&w);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.rc, 0);
	assert_string_equal(items(), "owed/1/a ");
	tr_world_close(&w);
}

/* The commit of others that fails has nothing to do with it. */
TEST(whoever_has_written_nothing_is_not_told_of_others_failures)
{
	struct tr_someone ann;

	memset(&payer, 0, sizeof payer);
	memset(&told, 0, sizeof told);
	tr_world_open(&w, kinds, &payers);
	tr_someone_joins(&ann, &w, "debtor", "a", NULL);
	tr_world_turn(&w);
	w.next_commit = TROUPE_EFULL;
	tr_someone_calls(&ann, "owe", "[]");
	tr_core_after(w.core, on_durable, NULL);
	tr_world_turn(&w);
	assert_int_equal(told.count, 1);
	assert_int_equal(told.rc, 0);
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

/* If its commit fails the actor still has it. */
TEST(what_an_actor_hands_over_is_seen_when_it_is_on_disk)
{
	struct tr_someone ann;

	memset(&payer, 0, sizeof payer);
	tr_world_open(&w, kinds, &payers);
	tr_someone_joins(&ann, &w, "debtor", "a", NULL);
	tr_world_turn(&w);
	tr_core_put(w.core, tr_text_from("owed/1/a"), "\xc3", 1);
	w.hold_commits = true;
	tr_someone_calls(&ann, "handOver", "[]");
	assert_string_equal(items(), "owed/1/a "); /* gathered */
	tr_world_turn(&w);
	assert_string_equal(items(), "owed/1/a "); /* on its way */
	w.hold_commits = false;
	tr_world_commit(&w);
	tr_world_turn(&w);
	assert_string_equal(items(), "owed/1/a owed/1/b ");
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TESTS(
	RUN(who_sleeps_owes_nothing_to_others_yet_and_who_is_destroyed_does),
	RUN(the_servers_own_items_are_put_and_deleted_with_a_commit),
	RUN(whoever_wrote_an_item_of_the_servers_own_is_told_when_it_is_on_disk),
	RUN(whoever_wrote_an_item_of_the_servers_own_while_another_commit_is_under_way_waits_for_the_next),
	RUN(whoever_wrote_an_item_of_the_servers_own_is_told_that_its_commit_failed),
	RUN(whoever_has_written_nothing_is_not_told_of_others_failures),
	RUN(what_an_actor_hands_over_is_seen_when_it_is_on_disk)
)
