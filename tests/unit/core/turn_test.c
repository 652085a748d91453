/* SPDX-License-Identifier: Apache-2.0 */
/* Turns: what is heard when, and what is not. */
#include "tests/kit/test.h"
#include "tests/kit/world.h"
#include "tests/unit/core/kinds.h"

static struct tr_world w;

static void joined(struct tr_someone *p, const char *params)
{
	tr_someone_joins(p, &w, "probe", "a", params);
	tr_world_turn(&w);
	assert_non_null(tr_someone_hears_tag(p, "Init"));
}

/* A world with one person in it. */
static void begin(struct tr_someone *ann)
{
	tr_world_open(&w, probe_kinds, NULL);
	joined(ann, NULL);
}

/* She is the last to leave. */
static void end(struct tr_someone *ann)
{
	tr_someone_leaves(ann);
	tr_world_close(&w);
}

static void is_error(const char *val, const char *what)
{
	assert_non_null(val);
	if (!strstr(val, what))
		fail_msg("%s is not in %s", what, val);
}

TEST(a_reply_waits_for_the_commit)
{
	struct tr_someone ann;

	begin(&ann);
	w.hold_commits = true;
	tr_someone_calls(&ann, "add", "[]");
	tr_world_turn(&w);
	assert_null(tr_someone_hears(&ann));
	tr_world_commit(&w);
	assert_string_equal(tr_someone_hears_tag(&ann, "ActionResponse"), "{\"id\":[\"$BigInt\",\"0\"],\"output\":1}");
	end(&ann);
}

TEST(what_changes_nothing_commits_nothing)
{
	struct tr_someone ann;
	unsigned commits;

	begin(&ann);
	commits = w.commits;
	tr_someone_calls(&ann, "read", "[]");
	tr_world_turn(&w);
	assert_non_null(tr_someone_hears_tag(&ann, "ActionResponse"));
	assert_int_equal(w.commits, commits);
	end(&ann);
}

TEST(a_burst_shares_one_commit)
{
	struct tr_someone ann;
	unsigned commits;

	begin(&ann);
	commits = w.commits;
	for (int i = 0; i < 64; i++)
		tr_someone_calls(&ann, "say", "[{\"text\":\"x\"}]");
	tr_world_turn(&w);
	assert_int_equal(w.commits, commits + 1);
	for (int i = 0; i < 64; i++)
		assert_non_null(tr_someone_hears_tag(&ann, "ActionResponse"));
	end(&ann);
}

TEST(events_of_an_action_come_before_its_answer)
{
	struct tr_someone ann;

	begin(&ann);
	tr_someone_subscribes(&ann, "said", true);
	tr_someone_calls(&ann, "say", "[{\"text\":\"hi\"}]");
	tr_world_turn(&w);
	assert_string_equal(tr_someone_hears(&ann),
		"{\"body\":{\"tag\":\"Event\",\"val\":{\"args\":[{\"text\":\"hi\",\"seq\":1}],\"name\":\"said\"}}}");
	assert_string_equal(tr_someone_hears_tag(&ann, "ActionResponse"), "{\"id\":[\"$BigInt\",\"0\"],\"output\":1}");
	end(&ann);
}

TEST(a_failed_action_leaves_no_trace)
{
	struct tr_someone ann;

	begin(&ann);
	tr_someone_subscribes(&ann, "said", true);
	tr_someone_subscribes(&ann, "whispered", true);
	tr_someone_calls(&ann, "note", "[{\"text\":\"before\"}]");
	tr_someone_calls(&ann, "add", "[]");
	tr_world_turn(&w);
	tr_someone_hears_tag(&ann, "ActionResponse");
	tr_someone_hears_tag(&ann, "ActionResponse");
	tr_someone_calls(&ann, "spoil", "[]");
	tr_someone_calls(&ann, "read", "[]");
	tr_someone_calls(&ann, "say", "[{\"text\":\"after\"}]");
	tr_world_turn(&w);
	is_error(strstr(tr_someone_hears(&ann), "\"Error\""), "\"code\":\"forbidden\"");
	is_error(tr_someone_hears(&ann), "{\"count\":1,\"note\":\"before\"}");
	is_error(tr_someone_hears(&ann), "{\"text\":\"after\",\"seq\":1}");
	end(&ann);
}

TEST(a_failed_turn_does_not_lose_another_callers_call)
{
	struct tr_someone ann, bob;

	begin(&ann);
	joined(&bob, NULL);
	tr_someone_calls(&ann, "keep", "[]");
	tr_someone_calls(&bob, "letGoBadly", "[]");
	tr_world_turn(&w);
	is_error(tr_someone_hears_tag(&ann, "Error"), "\"code\":\"internal_error\"");
	is_error(tr_someone_hears_tag(&bob, "Error"), "\"code\":\"forbidden\"");
	tr_someone_leaves(&ann);
	tr_someone_leaves(&bob);
	tr_world_close(&w);
}

TEST(a_failed_commit_is_heard_by_its_callers_only_as_an_error)
{
	struct tr_someone ann, bob, eve;

	begin(&ann);
	joined(&bob, NULL);
	tr_someone_joins(&eve, &w, "probe", "elsewhere", NULL);
	tr_world_turn(&w);
	tr_someone_hears_tag(&eve, "Init");
	tr_someone_subscribes(&bob, "said", true);
	tr_someone_calls(&ann, "add", "[]");
	tr_world_turn(&w);
	tr_someone_hears_tag(&ann, "ActionResponse");

	w.next_commit = TROUPE_EFULL;
	tr_someone_calls(&ann, "say", "[{\"text\":\"lost\"}]");
	tr_someone_calls(&ann, "add", "[]");
	tr_someone_calls(&eve, "read", "[]");
	tr_world_turn(&w);
	is_error(tr_someone_hears_tag(&ann, "Error"), "\"group\":\"storage\"");
	is_error(tr_someone_hears_tag(&ann, "Error"), "\"code\":\"full\"");
	assert_null(tr_someone_hears_tag(&bob, "Event"));
	assert_true(ann.closed && bob.closed);
	assert_string_equal(bob.close_reason, "actor.restarting");
	/* who wrote nothing noticed nothing */
	assert_non_null(tr_someone_hears_tag(&eve, "ActionResponse"));
	assert_false(eve.closed);
	tr_someone_leaves(&ann);
	tr_someone_leaves(&bob);
	/* and what was committed before is there */
	joined(&ann, NULL);
	tr_someone_calls(&ann, "read", "[]");
	tr_someone_calls(&ann, "say", "[{\"text\":\"again\"}]");
	tr_world_turn(&w);
	is_error(tr_someone_hears(&ann), "{\"count\":1}");
	is_error(tr_someone_hears(&ann), "\"output\":1");
	tr_someone_leaves(&ann);
	tr_someone_leaves(&eve);
	tr_world_close(&w);
}

TEST(turns_go_on_while_a_commit_is_under_way)
{
	struct tr_someone ann;

	begin(&ann);
	w.hold_commits = true;
	tr_someone_calls(&ann, "add", "[]");
	tr_world_turn(&w);
	tr_someone_calls(&ann, "add", "[]");
	tr_world_turn(&w);
	assert_null(tr_someone_hears(&ann));
	tr_world_commit(&w);
	is_error(tr_someone_hears(&ann), "\"output\":1");
	assert_null(tr_someone_hears(&ann));
	tr_world_turn(&w);
	tr_world_commit(&w);
	is_error(tr_someone_hears(&ann), "\"output\":2");
	end(&ann);
}

/* Ann has an actor, and bob another one. */
static void begin_two(struct tr_someone *ann, struct tr_someone *bob)
{
	begin(ann);
	tr_someone_joins(bob, &w, "probe", "b", NULL);
	tr_world_turn(&w);
	assert_non_null(tr_someone_hears_tag(bob, "Init"));
	w.hold_commits = true;
}

static void end_two(struct tr_someone *ann, struct tr_someone *bob)
{
	w.hold_commits = false;
	tr_world_turn(&w);
	tr_someone_leaves(bob);
	end(ann);
}

TEST(who_writes_nothing_does_not_wait_for_the_commit_of_others)
{
	struct tr_someone ann, bob;

	begin_two(&ann, &bob);
	tr_someone_calls(&ann, "add", "[]");
	tr_someone_calls(&bob, "read", "[]"); /* in the same turn of the loop */
	tr_world_turn(&w);
	assert_non_null(tr_someone_hears_tag(&bob, "ActionResponse"));
	tr_someone_calls(&bob, "read", "[]"); /* while it is under way */
	tr_world_turn(&w);
	assert_non_null(tr_someone_hears_tag(&bob, "ActionResponse"));
	assert_null(tr_someone_hears(&ann));
	tr_world_commit(&w);
	is_error(tr_someone_hears(&ann), "\"output\":1");
	end_two(&ann, &bob);
}

TEST(who_has_written_waits_for_it_with_all_that_comes_after)
{
	struct tr_someone ann, bob;

	begin_two(&ann, &bob);
	tr_someone_calls(&ann, "add", "[]");
	tr_world_turn(&w);
	tr_someone_calls(&bob, "add", "[]");
	tr_someone_calls(&bob, "read", "[]");
	tr_someone_calls(&ann, "read", "[]");
	tr_world_turn(&w);
	assert_null(tr_someone_hears(&ann));
	assert_null(tr_someone_hears(&bob));
	tr_world_commit(&w); /* ann's */
	is_error(tr_someone_hears(&ann), "\"output\":1");
	tr_world_turn(&w); /* bob's begins; she waits for nothing any more */
	is_error(tr_someone_hears(&ann), "\"count\":1");
	assert_null(tr_someone_hears(&bob));
	tr_world_commit(&w);
	is_error(tr_someone_hears(&bob), "\"output\":1");
	is_error(tr_someone_hears(&bob), "\"count\":1");
	end_two(&ann, &bob);
}

TEST(a_turn_that_was_undone_makes_nobody_wait)
{
	struct tr_someone ann, bob;

	begin_two(&ann, &bob);
	tr_someone_calls(&ann, "add", "[]");
	tr_world_turn(&w);
	tr_someone_calls(&bob, "spoil", "[]");
	tr_someone_calls(&bob, "read", "[]");
	tr_world_turn(&w);
	assert_non_null(tr_someone_hears_tag(&bob, "Error"));
	assert_non_null(tr_someone_hears_tag(&bob, "ActionResponse"));
	assert_null(tr_someone_hears(&ann));
	tr_world_commit(&w);
	end_two(&ann, &bob);
}

TEST(when_a_commit_fails_what_was_built_on_it_fails_too)
{
	struct tr_someone ann;

	begin(&ann);
	w.hold_commits = true;
	tr_someone_calls(&ann, "say", "[{\"text\":\"1\"}]");
	tr_world_turn(&w);
	tr_someone_calls(&ann, "say", "[{\"text\":\"2\"}]");
	w.next_commit = TROUPE_ESTORE;
	tr_world_commit(&w);
	is_error(tr_someone_hears_tag(&ann, "Error"), "\"$BigInt\",\"0\"");
	is_error(tr_someone_hears_tag(&ann, "Error"), "\"$BigInt\",\"1\"");
	w.hold_commits = false;
	tr_world_turn(&w);
	assert_true(ann.closed);
	end(&ann);
}

TEST(a_kept_call_is_answered_from_another_turn)
{
	struct tr_someone ann, bob;

	begin(&ann);
	joined(&bob, NULL);
	tr_someone_calls(&ann, "keep", "[]");
	tr_world_turn(&w);
	assert_null(tr_someone_hears(&ann));
	tr_someone_calls(&bob, "letGo", "[]");
	tr_world_turn(&w);
	is_error(tr_someone_hears(&ann), "\"output\":42");
	tr_someone_leaves(&ann);
	tr_someone_leaves(&bob);
	tr_world_close(&w);
}

TEST(a_kept_call_times_out_unless_it_is_slow_and_is_told_once)
{
	struct tr_someone ann;

	begin(&ann);
	tr_someone_calls(&ann, "keepSlow", "[]");
	tr_someone_calls(&ann, "keep", "[]");
	tr_world_pass(&w, 60000);
	is_error(tr_someone_hears(&ann), "\"code\":\"action_timed_out\"");
	assert_null(tr_someone_hears(&ann));
	tr_someone_calls(&ann, "letGo", "[]"); /* answers the one that was told already */
	tr_someone_calls(&ann, "letGo", "[]");
	tr_world_turn(&w);
	is_error(tr_someone_hears(&ann), "\"$BigInt\",\"2\"],\"output\":1");
	is_error(tr_someone_hears(&ann), "\"$BigInt\",\"0\"],\"output\":42");
	is_error(tr_someone_hears(&ann), "\"$BigInt\",\"3\"],\"output\":0");
	assert_null(tr_someone_hears(&ann));
	end(&ann);
}

TEST(a_shorter_time_limit_ends_first)
{
	struct tr_someone ann;

	begin(&ann);
	tr_someone_calls(&ann, "keep", "[]");
	tr_someone_calls(&ann, "keepBriefly", "[]");
	tr_world_pass(&w, 500);
	is_error(tr_someone_hears(&ann), "\"actionId\":[\"$BigInt\",\"1\"]");
	assert_null(tr_someone_hears(&ann));
	tr_world_pass(&w, 59500);
	is_error(tr_someone_hears(&ann), "\"actionId\":[\"$BigInt\",\"0\"]");
	end(&ann);
}

TEST(each_connection_has_a_struct_of_its_own)
{
	struct tr_someone ann, bob;

	begin(&ann);
	joined(&bob, NULL);
	tr_someone_calls(&ann, "mine", "[]");
	tr_someone_calls(&ann, "mine", "[]");
	tr_someone_calls(&bob, "mine", "[]");
	tr_world_turn(&w);
	is_error(tr_someone_hears(&ann), "\"output\":1}");
	is_error(tr_someone_hears(&ann), "\"output\":2}");
	is_error(tr_someone_hears(&bob), "\"output\":1}");
	tr_someone_leaves(&ann);
	tr_someone_leaves(&bob);
	tr_world_close(&w);
}

TEST(a_timer_keeps_its_actor_awake_and_fires_as_a_turn)
{
	struct tr_someone ann, bob;
	struct tr_core_counts counts;

	begin(&ann);
	tr_someone_calls(&ann, "alarm", "[]");
	tr_world_turn(&w);
	tr_someone_leaves(&ann);
	tr_world_pass(&w, 99000);
	tr_core_count(w.core, &counts);
	assert_int_equal(counts.actors, 1);
	tr_world_pass(&w, 1000);
	tr_world_pass(&w, 30000);
	tr_core_count(w.core, &counts);
	assert_int_equal(counts.actors, 0);
	joined(&bob, "{\"since\":0}");
	tr_someone_subscribes(&bob, "said", true);
	tr_world_pass(&w, 100);
	assert_non_null(strstr(tr_someone_hears(&bob), "log.epoch"));
	is_error(tr_someone_hears(&bob), "\"text\":\"tick\",\"seq\":1");
	tr_someone_leaves(&bob);
	tr_world_close(&w);
}

TEST(an_event_may_be_refused_to_a_connection)
{
	struct tr_someone ann;

	begin(&ann);
	tr_someone_subscribes(&ann, "secret", true);
	tr_world_turn(&w);
	assert_string_equal(ann.close_reason, "auth.forbidden");
	end(&ann);
}

TEST(the_caller_may_go_before_the_answer)
{
	struct tr_someone ann, bob;

	begin(&ann);
	joined(&bob, NULL);
	tr_someone_calls(&ann, "keep", "[]");
	tr_world_turn(&w);
	tr_someone_leaves(&ann);
	tr_someone_calls(&bob, "letGo", "[]");
	tr_world_turn(&w);
	is_error(tr_someone_hears(&bob), "\"output\":0");
	tr_someone_leaves(&bob);
	tr_world_close(&w);
}

TEST(too_many_open_calls_are_refused_one_by_one)
{
	struct tr_someone ann;

	begin(&ann);
	for (int i = 0; i < 4; i++)
		tr_someone_calls(&ann, "keepSlow", "[]");
	for (int i = 0; i < 1024 - 4; i++)
		tr_someone_calls(&ann, "add", "[]"); /* unanswered until the commit */
	tr_someone_calls(&ann, "add", "[]");
	tr_world_turn(&w);
	is_error(tr_someone_hears_tag(&ann, "Error"), "\"code\":\"overloaded\"");
	assert_false(ann.closed);
	end(&ann);
}

TEST(errors_name_what_was_wrong)
{
	struct tr_someone ann;

	begin(&ann);
	tr_someone_calls(&ann, "nothing", "[]");
	tr_someone_calls(&ann, "say", "[{\"text\":7}]");
	tr_someone_calls(&ann, "say", "[]");
	tr_someone_calls(&ann, "big", "[]");
	tr_world_turn(&w);
	is_error(tr_someone_hears_tag(&ann, "Error"), "\"code\":\"action_not_found\"");
	is_error(tr_someone_hears_tag(&ann, "Error"), "text");
	is_error(tr_someone_hears_tag(&ann, "Error"), "text");
	is_error(tr_someone_hears_tag(&ann, "Error"), "\"code\":\"outgoing_too_long\"");
	tr_someone_says(&ann, "rubbish");
	tr_world_turn(&w);
	assert_string_equal(ann.close_reason, "actor.invalid_request");
	end(&ann);
}

static int changes;

static void on_changed(struct troupe_actor *a)
{
	struct probe *p = troupe_self(a);

	changes++;
	troupe_publish(a, "said", &probe_text, &(struct probe_text){ "changed" });
	p->count += 1000; /* not here */
	troupe_set_text(a, &p->note, "nor this");
}

static struct troupe_kind watched;
static const struct troupe_kind *const watched_kinds[] = { &watched, NULL };

TEST(a_turn_that_changes_kept_fields_says_so_once_and_in_the_same_turn)
{
	struct tr_someone ann;

	watched = probe_kind;
	watched.changed = on_changed;
	changes = 0;
	tr_world_open(&w, watched_kinds, NULL);
	joined(&ann, NULL);
	assert_int_equal(changes, 0); /* to be created is no change */
	tr_someone_subscribes(&ann, "said", true);
	tr_someone_calls(&ann, "add", "[]");
	tr_someone_calls(&ann, "add", "[]");
	tr_someone_calls(&ann, "read", "[]");
	tr_someone_calls(&ann, "spoil", "[]");
	tr_world_turn(&w);
	assert_int_equal(changes, 2);
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "Event"), "\"text\":\"changed\",\"seq\":1"));
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "Event"), "\"seq\":2"));
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "ActionResponse"), "\"count\":2"));
	tr_someone_calls(&ann, "doze", "[]");
	tr_world_turn(&w);
	tr_someone_calls(&ann, "read", "[]");
	tr_world_turn(&w);
	tr_someone_hears_tag(&ann, "ActionResponse");
	assert_string_equal(strstr(tr_someone_hears_tag(&ann, "ActionResponse"), "\"output\""), "\"output\":{\"count\":2}}");
	assert_int_equal(changes, 2);
	end(&ann);
}

TESTS(RUN(a_reply_waits_for_the_commit),
      RUN(what_changes_nothing_commits_nothing),
      RUN(a_burst_shares_one_commit),
      RUN(events_of_an_action_come_before_its_answer),
      RUN(a_failed_action_leaves_no_trace),
      RUN(a_failed_turn_does_not_lose_another_callers_call),
      RUN(a_failed_commit_is_heard_by_its_callers_only_as_an_error),
      RUN(turns_go_on_while_a_commit_is_under_way),
      RUN(who_writes_nothing_does_not_wait_for_the_commit_of_others),
      RUN(who_has_written_waits_for_it_with_all_that_comes_after),
      RUN(a_turn_that_was_undone_makes_nobody_wait),
      RUN(when_a_commit_fails_what_was_built_on_it_fails_too),
      RUN(a_kept_call_is_answered_from_another_turn),
      RUN(a_kept_call_times_out_unless_it_is_slow_and_is_told_once),
      RUN(a_shorter_time_limit_ends_first),
      RUN(each_connection_has_a_struct_of_its_own),
      RUN(a_timer_keeps_its_actor_awake_and_fires_as_a_turn),
      RUN(an_event_may_be_refused_to_a_connection),
      RUN(the_caller_may_go_before_the_answer),
      RUN(too_many_open_calls_are_refused_one_by_one),
      RUN(errors_name_what_was_wrong),
      RUN(a_turn_that_changes_kept_fields_says_so_once_and_in_the_same_turn))
