/* SPDX-License-Identifier: Apache-2.0 */
/* Actors come to life, sleep, and end. */
#include "tests/kit/test.h"
#include "tests/kit/world.h"
#include "tests/unit/core/kinds.h"

static struct tr_world w;

static void begin(void)
{
	probe_life[0] = 0;
	tr_world_open(&w, probe_kinds, NULL);
}

static void joins(struct tr_someone *p, const char *key)
{
	tr_someone_joins(p, &w, "probe", key, NULL);
	tr_world_turn(&w);
}

static size_t actors(void)
{
	struct tr_core_counts counts;

	tr_core_count(w.core, &counts);
	return counts.actors;
}

TEST(an_actor_is_created_once_and_woken_each_time)
{
	struct tr_someone ann;

	begin();
	joins(&ann, "a");
	tr_someone_calls(&ann, "add", "[]");
	tr_world_turn(&w);
	tr_someone_leaves(&ann);
	tr_world_pass(&w, 30000);
	assert_int_equal(actors(), 0);
	joins(&ann, "a");
	tr_someone_calls(&ann, "add", "[]");
	tr_world_turn(&w);
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "ActionResponse"), "\"output\":2"));
	assert_string_equal(probe_life, "create;wake;join;leave;sleep;wake;join;");
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TEST(waking_reads_nothing_of_the_log)
{
	struct tr_someone ann;
	unsigned reads;

	begin();
	joins(&ann, "a");
	for (int i = 0; i < 100; i++)
		tr_someone_calls(&ann, "say", "[{\"text\":\"x\"}]");
	tr_someone_leaves(&ann);
	tr_world_pass(&w, 30000);
	reads = w.log_reads;
	joins(&ann, "a");
	tr_someone_calls(&ann, "say", "[{\"text\":\"x\"}]");
	tr_world_turn(&w);
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "ActionResponse"), "\"output\":101"));
	assert_int_equal(w.log_reads, reads);
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TEST(a_connection_an_open_call_or_a_hold_keeps_it_awake)
{
	struct tr_someone ann;

	begin();
	joins(&ann, "a");
	tr_world_pass(&w, 100000);
	assert_int_equal(actors(), 1);
	tr_someone_calls(&ann, "keepSlow", "[]");
	tr_someone_calls(&ann, "hold", "[]");
	tr_world_turn(&w);
	tr_someone_leaves(&ann);
	tr_world_pass(&w, 100000);
	assert_int_equal(actors(), 1);
	joins(&ann, "a");
	tr_someone_calls(&ann, "letGo", "[]");
	tr_world_turn(&w);
	tr_someone_leaves(&ann);
	tr_world_pass(&w, 100000);
	assert_int_equal(actors(), 1);
	joins(&ann, "a");
	tr_someone_calls(&ann, "release", "[]");
	tr_world_turn(&w);
	tr_someone_leaves(&ann);
	tr_world_pass(&w, 100000);
	assert_int_equal(actors(), 0);
	tr_world_close(&w);
}

TEST(who_holds_is_woken_by_the_next_start)
{
	struct tr_someone ann;

	begin();
	joins(&ann, "a");
	tr_someone_calls(&ann, "hold", "[]");
	tr_world_turn(&w);
	tr_someone_leaves(&ann);
	tr_world_restart(&w, probe_kinds, NULL);
	tr_world_turn(&w);
	assert_int_equal(actors(), 1);
	/* nothing holds it any more: it may sleep, and is not woken again */
	tr_world_pass(&w, 30000);
	assert_int_equal(actors(), 0);
	tr_world_restart(&w, probe_kinds, NULL);
	assert_int_equal(actors(), 0);
	tr_world_close(&w);
}

TEST(two_who_come_at_once_meet_in_one_actor)
{
	struct tr_someone ann, bob;

	begin();
	tr_someone_joins(&ann, &w, "probe", "a", NULL);
	tr_someone_joins(&bob, &w, "probe", "a", NULL);
	tr_world_turn(&w);
	assert_int_equal(actors(), 1);
	assert_string_equal(probe_life, "create;wake;join;join;");
	tr_someone_leaves(&ann);
	tr_someone_leaves(&bob);
	tr_world_close(&w);
}

TEST(who_asks_for_an_actor_that_falls_asleep_waits_for_its_last_commit)
{
	struct tr_someone ann, bob;

	begin();
	joins(&ann, "a");
	tr_someone_calls(&ann, "add", "[]");
	tr_world_turn(&w);
	tr_someone_leaves(&ann);
	joins(&ann, "a");
	tr_someone_calls(&ann, "hold", "[]");
	tr_someone_calls(&ann, "end", "[]"); /* writes, so it has something to commit */
	w.hold_commits = true;
	tr_world_turn(&w);
	tr_someone_joins(&bob, &w, "probe", "a", NULL);
	assert_null(tr_someone_hears(&bob));
	w.hold_commits = false;
	tr_world_commit(&w);
	tr_world_turn(&w);
	assert_non_null(tr_someone_hears_tag(&bob, "Init"));
	tr_someone_calls(&bob, "add", "[]");
	tr_world_turn(&w);
	assert_non_null(strstr(tr_someone_hears_tag(&bob, "ActionResponse"), "\"output\":1")); /* a new one */
	tr_someone_leaves(&ann);
	tr_someone_leaves(&bob);
	tr_world_close(&w);
}

TEST(destroying_answers_its_caller_closes_and_forgets)
{
	struct tr_someone ann, bob;

	begin();
	joins(&ann, "a");
	joins(&bob, "a");
	tr_someone_calls(&bob, "keepSlow", "[]");
	tr_someone_calls(&ann, "end", "[]");
	tr_world_turn(&w);
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "ActionResponse"), "\"output\":1"));
	assert_non_null(tr_someone_hears_tag(&bob, "Error"));
	assert_true(ann.closed && bob.closed);
	assert_int_equal(ann.close_code, 1000);
	assert_string_equal(ann.close_reason, "");
	assert_int_equal(actors(), 0);
	assert_string_equal(probe_life, "create;wake;join;join;leave;leave;destroy;");
	tr_someone_leaves(&ann);
	tr_someone_leaves(&bob);
	tr_world_close(&w);
}

TEST(an_actor_whose_create_refuses_never_was)
{
	struct tr_someone ann;

	begin();
	joins(&ann, "stillborn");
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "Error"), "not this one"));
	assert_string_equal(ann.close_reason, "request.invalid");
	assert_int_equal(actors(), 0);
	assert_int_equal(w.row_count, 0);
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TEST(a_refused_connection_hears_why_and_is_closed_late)
{
	struct tr_someone ann, bob;

	begin();
	tr_someone_joins(&ann, &w, "probe", "a", "{\"who\":\"stranger\"}");
	tr_someone_joins(&bob, &w, "nothing", "a", NULL);
	tr_world_turn(&w);
	assert_non_null(strstr(tr_someone_hears(&ann), "\"message\":\"no strangers\""));
	assert_string_equal(ann.close_reason, "auth.forbidden");
	assert_true(ann.close_delay_ms > 0);
	assert_non_null(strstr(tr_someone_hears(&bob), "\"code\":\"not_registered\""));
	tr_someone_leaves(&ann);
	tr_someone_leaves(&bob);
	tr_world_close(&w);
}

/* An Error frame, or another reason, and the official client never tries again (spec 9.2). */
TEST(who_comes_while_the_store_fails_is_told_to_come_back)
{
	const int failures[] = { TROUPE_ESTORE, TROUPE_EFULL, TROUPE_ENOMEM };
	struct tr_someone ann;

	begin();
	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
		w.next_find = failures[i];
		joins(&ann, "a");
		assert_null(tr_someone_hears(&ann));
		assert_int_equal(ann.close_code, 1011);
		assert_string_equal(ann.close_reason, "actor.restarting");
		assert_true(ann.close_delay_ms > 0);
		tr_someone_leaves(&ann);
	}
	joins(&ann, "a");
	assert_non_null(tr_someone_hears_tag(&ann, "Init"));
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TEST(a_refusal_may_have_words_of_its_own)
{
	struct tr_someone ann;

	begin();
	tr_someone_joins(&ann, &w, "probe", "a", "{\"who\":\"friend\"}");
	tr_world_turn(&w);
	assert_string_equal(tr_someone_hears_tag(&ann, "Error"),
		"{\"actionId\":null,\"code\":\"later\",\"group\":\"door\",\"message\":\"come back at nine\",\"metadata\":9}");
	assert_string_equal(ann.close_reason, "door.later");
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TEST(a_disconnected_client_hears_the_reason_after_its_answer)
{
	struct tr_someone ann;

	begin();
	joins(&ann, "a");
	tr_someone_calls(&ann, "kick", "[]");
	tr_world_turn(&w);
	tr_world_turn(&w);
	assert_non_null(tr_someone_hears_tag(&ann, "ActionResponse"));
	assert_int_equal(ann.close_code, 1000);
	assert_string_equal(ann.close_reason, "enough");
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TEST(draining_says_so_and_keeps_what_was_done)
{
	struct tr_someone ann;

	begin();
	joins(&ann, "a");
	tr_someone_calls(&ann, "keepSlow", "[]");
	tr_someone_calls(&ann, "add", "[]");
	tr_core_drain(w.core, (void (*)(void *))(void *)tr_world_turn, &w);
	tr_world_turn(&w);
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "ActionResponse"), "\"output\":1"));
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "Error"), "\"code\":\"going_away\""));
	assert_int_equal(ann.close_code, 1001);
	assert_string_equal(ann.close_reason, "ws.going_away");
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TEST(only_committed_events_are_in_a_page)
{
	struct tr_someone ann;
	const char *answer;

	begin();
	joins(&ann, "a");
	tr_someone_calls(&ann, "say", "[{\"text\":\"one\"}]");
	tr_world_turn(&w);
	tr_someone_calls(&ann, "say", "[{\"text\":\"two\"}]");
	tr_someone_calls(&ann, "events", "[]");
	tr_world_turn(&w);
	tr_someone_hears_tag(&ann, "ActionResponse");
	tr_someone_hears_tag(&ann, "ActionResponse");
	answer = tr_someone_hears_tag(&ann, "ActionResponse");
	assert_string_equal(strstr(answer, "\"output\""),
		"\"output\":{\"events\":[{\"seq\":1,\"name\":\"said\",\"data\":{\"text\":\"one\",\"seq\":1}}],"
		"\"nextOffset\":1,\"more\":false}}");
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TESTS(RUN(an_actor_is_created_once_and_woken_each_time),
      RUN(waking_reads_nothing_of_the_log),
      RUN(a_connection_an_open_call_or_a_hold_keeps_it_awake),
      RUN(who_holds_is_woken_by_the_next_start),
      RUN(two_who_come_at_once_meet_in_one_actor),
      RUN(who_asks_for_an_actor_that_falls_asleep_waits_for_its_last_commit),
      RUN(destroying_answers_its_caller_closes_and_forgets),
      RUN(an_actor_whose_create_refuses_never_was),
      RUN(a_refused_connection_hears_why_and_is_closed_late),
      RUN(who_comes_while_the_store_fails_is_told_to_come_back),
      RUN(a_refusal_may_have_words_of_its_own),
      RUN(a_disconnected_client_hears_the_reason_after_its_answer),
      RUN(draining_says_so_and_keeps_what_was_done),
      RUN(only_committed_events_are_in_a_page))
