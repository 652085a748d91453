/* SPDX-License-Identifier: Apache-2.0 */
/* Actors that are asked to sleep, and the connections that stay with them. */
#include <ctype.h>
#include <stdlib.h>

#include "tests/kit/random.h"
#include "tests/kit/test.h"
#include "tests/kit/world.h"
#include "tests/unit/core/kinds.h"

#include "runtime/base/limits.h"

static struct tr_world w;
static struct troupe_kind kind; /* a probe that a test may change */
static const struct troupe_kind *const kinds[] = { &kind, NULL };
static struct tr_someone ann, bob;

static void begin_with(struct troupe_kind k)
{
	kind = k;
	probe_life[0] = 0;
	tr_world_open(&w, kinds, NULL);
}

static void joins(struct tr_someone *p)
{
	tr_someone_joins(p, &w, "probe", "a", NULL);
	tr_world_turn(&w);
	assert_non_null(tr_someone_hears_tag(p, "Init"));
}

static void begin(void)
{
	begin_with(probe_kind);
	joins(&ann);
}

static void end(void)
{
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

/* The value of an answer that came, or nothing. */
static const char *calls(struct tr_someone *p, const char *action)
{
	const char *answer, *output;

	tr_someone_calls(p, action, "[]");
	tr_world_turn(&w);
	answer = tr_someone_hears_tag(p, "ActionResponse");
	output = answer ? strstr(answer, "\"output\":") : NULL;
	return output ? output + strlen("\"output\":") : "nothing";
}

static size_t actors(void)
{
	struct tr_core_counts counts;

	tr_core_count(w.core, &counts);
	return counts.actors;
}

static void dozes(void)
{
	calls(&ann, "doze");
	assert_int_equal(actors(), 0);
}

static void on_slept(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	(void)row;
	(void)created;
	*(int *)arg = failure ? failure->error : 1;
}

/* Ann's actor, from outside. */
static int put_to_sleep(void)
{
	static int slept; /* the answer may come later */
	char id[31];

	slept = 0;
	snprintf(id, sizeof id, "%s", strstr(ann.heard[0], "\"actorId\":\"") + strlen("\"actorId\":\""));
	tr_core_sleep(w.core, &(struct tr_address){ .id = { id, 30 } }, on_slept, &slept);
	tr_world_turn(&w);
	return slept;
}

/* ------------------------------------------------------------------ going to sleep */

TEST(asked_to_it_sleeps_after_its_answer_and_wakes_with_what_it_kept)
{
	begin();
	calls(&ann, "add");
	assert_string_equal(calls(&ann, "doze"), "1}");
	assert_int_equal(actors(), 0);
	assert_string_equal(calls(&ann, "add"), "2}");
	assert_string_equal(probe_life, "create;wake;join;sleep;wake;");
	assert_false(ann.closed);
	end();
}

TEST(a_turn_that_fails_asked_for_nothing)
{
	begin();
	tr_someone_calls(&ann, "dozeBadly", "[]");
	tr_world_turn(&w);
	assert_int_equal(actors(), 1);
	end();
}

TEST(an_unanswered_call_comes_before_sleep)
{
	begin();
	calls(&ann, "keepSlow");
	calls(&ann, "doze");
	assert_int_equal(actors(), 1);
	calls(&ann, "letGo");
	assert_int_equal(actors(), 0);
	end();
}

TEST(a_call_that_timed_out_is_waited_for_no_longer)
{
	begin();
	calls(&ann, "keepBriefly");
	calls(&ann, "doze");
	assert_int_equal(actors(), 1);
	tr_world_pass(&w, 500);
	assert_int_equal(actors(), 0);
	end();
}

TEST(a_hold_comes_before_sleep)
{
	begin();
	calls(&ann, "hold");
	calls(&ann, "doze");
	assert_int_equal(actors(), 1);
	calls(&ann, "release");
	assert_int_equal(actors(), 0);
	end();
}

TEST(a_timer_ends_with_it)
{
	begin();
	calls(&ann, "alarm");
	dozes();
	tr_world_pass(&w, 200000);
	assert_int_equal(actors(), 0);
	end();
}

static int wakes_tired(struct troupe_actor *a)
{
	troupe_sleep(a);
	return 0;
}

TEST(who_would_sleep_while_waking_stays_awake)
{
	struct troupe_kind tired = probe_kind;

	tired.wake = wakes_tired;
	begin_with(tired);
	joins(&ann);
	assert_int_equal(actors(), 1);
	end();
}

static int wakes_to_end(struct troupe_actor *a)
{
	troupe_destroy(a);
	return 0;
}

TEST(who_ends_while_waking_is_not_there)
{
	struct troupe_kind mortal = probe_kind;

	mortal.wake = wakes_to_end;
	begin_with(mortal);
	tr_someone_joins(&ann, &w, "probe", "a", NULL);
	tr_world_turn(&w);
	assert_string_equal(ann.close_reason, "actor.not_found");
	assert_int_equal(actors(), 0);
	end();
}

static void leave_and_end(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)p;
	troupe_destroy(a);
}

static int open_socket(struct troupe_actor *a, struct troupe_peer *p, const char *path)
{
	(void)a;
	(void)path;
	return troupe_socket_send(p, "open", 4, true);
}

TEST(a_leave_hook_may_want_more_than_sleep)
{
	struct troupe_kind mortal = probe_kind;

	mortal.socket = open_socket;
	mortal.leave = leave_and_end;
	begin_with(mortal);
	joins(&ann);
	tr_someone_opens(&bob, &w, "probe", "a", "/websocket/");
	tr_world_turn(&w);
	calls(&ann, "doze");
	assert_int_equal(actors(), 0);
	assert_true(ann.closed && bob.closed);
	assert_string_equal(probe_life, "create;wake;join;destroy;");
	tr_someone_leaves(&bob);
	end();
}

TEST(it_can_be_put_to_sleep_from_outside)
{
	int slept = 0;

	begin();
	assert_int_equal(put_to_sleep(), 1);
	assert_int_equal(actors(), 0);
	assert_int_equal(put_to_sleep(), 1); /* it sleeps on */
	assert_string_equal(probe_life, "create;wake;join;sleep;");
	tr_core_sleep(w.core, &(struct tr_address){ .id = { "nobody", 6 } }, on_slept, &slept);
	tr_world_turn(&w);
	assert_int_equal(slept, TROUPE_ENOTFOUND);
	end();
}

TEST(a_kind_says_when_it_is_idle_and_whether_at_all)
{
	struct troupe_kind brief = probe_kind, never = probe_kind;

	brief.idle_ms = 100;
	begin_with(brief);
	joins(&ann);
	tr_someone_leaves(&ann);
	tr_world_pass(&w, 99);
	assert_int_equal(actors(), 1);
	tr_world_pass(&w, 1);
	assert_int_equal(actors(), 0);
	tr_world_close(&w);

	never.idle_ms = -1;
	begin_with(never);
	joins(&ann);
	tr_someone_leaves(&ann);
	tr_world_pass(&w, 1000000);
	assert_int_equal(actors(), 1);
	tr_world_close(&w);
}

TEST(who_hibernates_sleeps_under_idle_connections)
{
	struct troupe_kind hibernating = probe_kind;

	hibernating.hibernate = true;
	begin_with(hibernating);
	joins(&ann);
	tr_world_pass(&w, 30000);
	assert_int_equal(actors(), 0);
	assert_string_equal(calls(&ann, "add"), "1}");
	assert_string_equal(probe_life, "create;wake;join;sleep;wake;");
	end();
}

/* ------------------------------------------------------------------ the connections */

TEST(connections_keep_their_structs_and_subscriptions)
{
	begin();
	joins(&bob);
	tr_someone_subscribes(&bob, "said", true);
	assert_string_equal(calls(&ann, "mine"), "1}");
	dozes();
	assert_string_equal(calls(&ann, "mine"), "2}");
	tr_someone_calls(&ann, "say", "[{\"text\":\"morning\"}]");
	tr_world_turn(&w);
	assert_non_null(strstr(tr_someone_hears_tag(&bob, "Event"), "morning"));
	dozes();
	tr_someone_subscribes(&bob, "said", false); /* wakes it, too */
	tr_world_turn(&w);
	assert_int_equal(actors(), 1);
	tr_someone_calls(&ann, "say", "[{\"text\":\"again\"}]");
	tr_world_turn(&w);
	assert_null(tr_someone_hears_tag(&bob, "Event"));
	tr_someone_leaves(&bob);
	end();
}

static void farewell(struct troupe_actor *a)
{
	probe_did(troupe_peer_count(a) == 1 ? "sleep with someone" : "sleep alone");
	troupe_publish(a, "said", &probe_text, &(struct probe_text){ "good night" });
}

static int counts_those_who_stayed(struct troupe_actor *a)
{
	probe_did(troupe_peer_next(a, NULL) ? "wake with someone" : "wake alone");
	return 0;
}

TEST(sleep_can_send_to_them_and_wake_finds_them)
{
	struct troupe_kind polite = probe_kind;

	polite.sleep = farewell;
	polite.wake = counts_those_who_stayed;
	begin_with(polite);
	joins(&ann);
	tr_someone_subscribes(&ann, "said", true);
	calls(&ann, "doze");
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "Event"), "good night"));
	calls(&ann, "add");
	assert_string_equal(probe_life, "create;wake alone;join;sleep with someone;wake with someone;");
	end();
}

TEST(who_goes_while_it_sleeps_gets_its_leave_from_the_next_life)
{
	begin();
	joins(&bob);
	dozes();
	tr_someone_leaves(&bob);
	tr_world_turn(&w);
	assert_string_equal(probe_life, "create;wake;join;join;sleep;wake;leave;");
	assert_int_equal(actors(), 1);
	end();
}

TEST(for_a_kind_without_leave_nobody_is_woken)
{
	struct troupe_kind shy = probe_kind;

	shy.leave = NULL;
	begin_with(shy);
	joins(&ann);
	joins(&bob);
	dozes();
	tr_someone_leaves(&bob);
	tr_world_turn(&w);
	assert_int_equal(actors(), 0);
	assert_string_equal(calls(&ann, "add"), "1}");
	end();
}

static void says_good_night(struct troupe_actor *a)
{
	troupe_publish(a, "said", &probe_text, &(struct probe_text){ "good night" });
}

/* Its last turn is over, and the commit of it is under way. */
static void begin_to_sleep(void)
{
	kind.sleep = says_good_night;
	w.hold_commits = true;
	put_to_sleep();
	assert_int_equal(actors(), 1);
}

static void fall_asleep(void)
{
	w.hold_commits = false;
	tr_world_commit(&w);
	tr_world_turn(&w);
}

TEST(what_comes_before_its_last_commit_waits_and_is_heard_in_order)
{
	begin();
	joins(&bob);
	begin_to_sleep();
	tr_someone_calls(&bob, "add", "[]");
	tr_someone_calls(&ann, "add", "[]");
	tr_someone_calls(&ann, "doze", "[]");
	tr_someone_calls(&ann, "add", "[]");
	assert_null(tr_someone_hears(&ann));
	tr_someone_leaves(&bob);
	fall_asleep();
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "ActionResponse"), "\"output\":2"));
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "ActionResponse"), "\"output\":2"));
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "ActionResponse"), "\"output\":3"));
	assert_string_equal(probe_life, "create;wake;join;join;wake;leave;");
	assert_int_equal(actors(), 0);
	end();
}

TEST(who_says_too_much_meanwhile_is_closed)
{
	static char large[60 * 1024], huge[70 * 1024];

	begin();
	joins(&bob);
	begin_to_sleep();
	memset(large, 'x', sizeof large - 1);
	memset(huge, 'x', sizeof huge - 1);
	for (int i = 0; i < 5; i++)
		tr_someone_says(&ann, large);
	tr_someone_says(&bob, huge);
	fall_asleep();
	assert_string_equal(ann.close_reason, "actor.overloaded");
	assert_string_equal(bob.close_reason, "message.incoming_too_long");
	tr_someone_leaves(&bob);
	tr_world_turn(&w);
	assert_string_equal(probe_life, "create;wake;join;join;wake;leave;leave;");
	end();
}

TEST(a_last_commit_that_fails_closes_so_that_they_come_back)
{
	begin();
	begin_to_sleep();
	tr_someone_calls(&ann, "add", "[]");
	w.next_commit = TROUPE_EFULL;
	fall_asleep();
	assert_string_equal(ann.close_reason, "actor.restarting");
	tr_someone_leaves(&ann);
	joins(&ann);
	assert_string_equal(calls(&ann, "add"), "1}");
	end();
}

static int wakes_badly(struct troupe_actor *a)
{
	return troupe_refuse(a, TROUPE_EFORBIDDEN, "not today");
}

TEST(an_actor_that_cannot_wake_tells_those_who_want_it)
{
	begin();
	joins(&bob);
	dozes();
	kind.wake = wakes_badly;
	tr_someone_calls(&ann, "add", "[]");
	tr_world_turn(&w);
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "Error"), "not today"));
	assert_string_equal(ann.close_reason, "auth.forbidden");
	assert_false(bob.closed);
	tr_someone_leaves(&ann);
	kind.wake = NULL;
	assert_string_equal(calls(&bob, "mine"), "1}");
	tr_someone_leaves(&bob);
	end();
}

TEST(history_is_told_to_the_end_though_its_actor_sleeps)
{
	begin();
	for (int i = 0; i < 300; i++) {
		tr_someone_calls(&ann, "say", "[{\"text\":\"x\"}]");
		tr_world_turn(&w);
	}
	tr_someone_joins(&bob, &w, "probe", "a", "{\"since\":0}");
	tr_someone_subscribes(&bob, "said", true);
	calls(&ann, "doze");
	assert_int_equal(actors(), 0);
	tr_world_pass(&w, 1000);
	assert_non_null(strstr(tr_someone_hears_tag(&bob, "Event"), "log.epoch"));
	for (int i = 0; i < 300; i++)
		assert_non_null(tr_someone_hears_tag(&bob, "Event"));
	tr_someone_calls(&ann, "say", "[{\"text\":\"live\"}]");
	tr_world_turn(&w);
	assert_non_null(strstr(tr_someone_hears_tag(&bob, "Event"), "live"));
	assert_null(tr_someone_hears_tag(&bob, "Event"));
	tr_someone_leaves(&bob);
	end();
}

TEST(a_server_that_ends_ends_them_too)
{
	begin();
	dozes();
	joins(&bob); /* wakes it */
	begin_to_sleep();
	tr_core_drain(w.core, (void (*)(void *))(void *)tr_world_turn, &w);
	fall_asleep();
	assert_string_equal(ann.close_reason, "ws.going_away");
	assert_string_equal(bob.close_reason, "ws.going_away");
	tr_someone_leaves(&bob);
	end();
}

TEST(and_those_of_an_actor_that_slept_already)
{
	begin();
	dozes();
	tr_core_drain(w.core, (void (*)(void *))(void *)tr_world_turn, &w);
	tr_world_turn(&w);
	assert_int_equal(ann.close_code, 1001);
	assert_string_equal(ann.close_reason, "ws.going_away");
	end();
	assert_string_equal(probe_life, "create;wake;join;sleep;");
}

/* ------------------------------------------------------------------ plain WebSockets */

static void echo(struct troupe_actor *a, struct troupe_peer *p, const void *data, size_t size, bool text)
{
	assert_ptr_equal(troupe_socket_next(a, NULL), p);
	assert_null(troupe_socket_next(a, p));
	troupe_socket_send(p, data, size, text);
}

TEST(plain_sockets_are_closed_first)
{
	struct troupe_kind plain = probe_kind;

	plain.socket = open_socket;
	begin_with(plain);
	joins(&ann);
	tr_someone_opens(&bob, &w, "probe", "a", "/websocket/");
	dozes();
	assert_true(bob.closed && !ann.closed);
	assert_string_equal(probe_life, "create;wake;join;leave;sleep;");
	tr_someone_leaves(&bob);
	end();
}

TEST(or_stay_open_if_the_kind_says_so)
{
	static char large[TR_WAITING_BYTES_MAX + 2];
	struct troupe_kind plain = probe_kind;

	plain.socket = open_socket;
	plain.message = echo;
	plain.keep_sockets = plain.hibernate = true;
	begin_with(plain);
	tr_someone_opens(&bob, &w, "probe", "a", "/websocket/");
	tr_world_pass(&w, 30000);
	assert_int_equal(actors(), 0);
	assert_string_equal(tr_someone_hears(&bob), "open");
	tr_someone_says(&bob, "still there?");
	tr_world_turn(&w);
	assert_string_equal(tr_someone_hears(&bob), "still there?");
	tr_world_pass(&w, 30000);
	memset(large, 'x', sizeof large - 1);
	tr_someone_says(&bob, large); /* alone, it may be more than what waits otherwise */
	tr_world_turn(&w);
	assert_string_equal(tr_someone_hears(&bob), large);
	tr_world_pass(&w, 30000);
	assert_int_equal(actors(), 0);
	tr_someone_leaves(&bob);
	tr_world_turn(&w);
	assert_string_equal(probe_life, "create;wake;sleep;wake;sleep;wake;sleep;wake;leave;");
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ whatever happens */

#define PEOPLE 6
#define STEPS  4000

static void settle(void)
{
	w.hold_commits = false;
	if (w.pending)
		tr_world_commit(&w);
	tr_world_turn(&w);
}

static bool told[STEPS + 1]; /* a sum, to somebody */
static int64_t newest;

/* The sums that this person was told since the last look: growing, and nobody was told one of them before. */
static void listens(struct tr_someone *p)
{
	const char *answer;
	int64_t last = 0;

	while ((answer = tr_someone_hears_tag(p, "ActionResponse"))) {
		const char *output = strstr(answer, "\"output\":") + strlen("\"output\":");
		int64_t sum = strtoll(output, NULL, 10);

		if (!isdigit((unsigned char)*output))
			continue; /* sleep has nothing to say */
		assert_in_range(sum, last + 1, STEPS);
		assert_false(told[sum]);
		told[sum] = true;
		last = sum;
		newest = sum > newest ? sum : newest;
	}
}

static void one_step(struct tr_someone *people)
{
	struct tr_someone *p = &people[random_below(PEOPLE)];
	unsigned what = (unsigned)random_below(100);

	if (!p->conn) {
		tr_someone_joins(p, &w, "probe", "a", random_below(2) ? "{\"since\":0}" : NULL);
	} else if (what < 40 && !p->closed) {
		tr_someone_calls(p, "add", "[]");
	} else if (what < 50 && !p->closed) {
		tr_someone_calls(p, "slumber", "[]");
	} else if (what < 55 && !p->closed) {
		tr_someone_subscribes(p, "said", random_below(2));
	} else if (what < 60 && !p->closed) {
		tr_someone_calls(p, "greet", "[]");
	} else if (what < 70 || p->closed) {
		listens(p);
		tr_someone_leaves(p);
	} else if (what < 75) {
		w.hold_commits = !w.pending;
	} else if (what < 77) {
		w.next_commit = TROUPE_EFULL;
	} else if (what < 85) {
		settle();
	} else {
		tr_world_pass(&w, random_below(3) ? 10 : 40000);
	}
	if (!w.pending)
		tr_world_turn(&w);
}

/* Asleep or awake, going or coming, with commits that wait or fail: no sum is told twice, and what was told is kept. */
TEST(whatever_happens_who_was_answered_was_heard_once)
{
	struct tr_someone people[PEOPLE] = { 0 };
	struct troupe_kind restless = probe_kind;

	sow();
	newest = 0;
	memset(told, 0, sizeof told);
	restless.hibernate = random_below(2);
	restless.sleep = random_below(2) ? says_good_night : NULL;
	restless.leave = random_below(2) ? probe_leave : NULL;
	begin_with(restless);
	for (int i = 0; i < STEPS; i++) {
		one_step(people);
		for (int k = 0; k < PEOPLE; k++)
			listens(&people[k]);
	}
	settle();
	w.next_commit = 0;
	for (int k = 0; k < PEOPLE; k++) {
		listens(&people[k]);
		tr_someone_leaves(&people[k]);
	}
	joins(&ann);
	assert_true(strtoll(calls(&ann, "add"), NULL, 10) > newest);
	assert_true(newest > 100);
	end();
}

TESTS(RUN(asked_to_it_sleeps_after_its_answer_and_wakes_with_what_it_kept),
      RUN(a_turn_that_fails_asked_for_nothing),
      RUN(an_unanswered_call_comes_before_sleep),
      RUN(a_call_that_timed_out_is_waited_for_no_longer),
      RUN(a_hold_comes_before_sleep),
      RUN(a_timer_ends_with_it),
      RUN(who_would_sleep_while_waking_stays_awake),
      RUN(who_ends_while_waking_is_not_there),
      RUN(a_leave_hook_may_want_more_than_sleep),
      RUN(it_can_be_put_to_sleep_from_outside),
      RUN(a_kind_says_when_it_is_idle_and_whether_at_all),
      RUN(who_hibernates_sleeps_under_idle_connections),
      RUN(connections_keep_their_structs_and_subscriptions),
      RUN(sleep_can_send_to_them_and_wake_finds_them),
      RUN(who_goes_while_it_sleeps_gets_its_leave_from_the_next_life),
      RUN(for_a_kind_without_leave_nobody_is_woken),
      RUN(what_comes_before_its_last_commit_waits_and_is_heard_in_order),
      RUN(who_says_too_much_meanwhile_is_closed),
      RUN(a_last_commit_that_fails_closes_so_that_they_come_back),
      RUN(an_actor_that_cannot_wake_tells_those_who_want_it),
      RUN(history_is_told_to_the_end_though_its_actor_sleeps),
      RUN(a_server_that_ends_ends_them_too),
      RUN(and_those_of_an_actor_that_slept_already),
      RUN(plain_sockets_are_closed_first),
      RUN(or_stay_open_if_the_kind_says_so),
      RUN(whatever_happens_who_was_answered_was_heard_once))
