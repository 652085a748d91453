/* SPDX-License-Identifier: Apache-2.0 */
/* Resuming with `since`: everything after it, once, in order, then live. */
#include "tests/kit/test.h"
#include "tests/kit/world.h"
#include "tests/unit/core/kinds.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/core/live.h"

static struct tr_world w;
static struct tr_someone ann, bob;

static void joins(struct tr_someone *p, const char *params)
{
	tr_someone_joins(p, &w, "probe", "a", params);
	tr_world_turn(&w);
	assert_non_null(tr_someone_hears_tag(p, "Init"));
}

/* Ann is there first, and says what the others hear. */
static void start(const char *params)
{
	tr_world_open(&w, probe_kinds, NULL);
	joins(&ann, params);
}

static void end(void)
{
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

static void say(struct tr_someone *p, const char *action, int count)
{
	for (int i = 0; i < count; i++)
		tr_someone_calls(p, action, "[{\"text\":\"x\"}]");
	tr_world_turn(p->world);
}

/* The seq of the next event of the log; 0: there is none. */
static int next_seq(struct tr_someone *p)
{
	const char *event, *seq;

	do
		event = tr_someone_hears_tag(p, "Event");
	while (event && strstr(event, "\"name\":\"log."));
	seq = event ? strstr(event, "\"seq\":") : NULL;
	return seq ? atoi(seq + 6) : 0;
}

static void hears_exactly(struct tr_someone *p, int first, int last)
{
	for (int i = first; i <= last; i++)
		assert_int_equal(next_seq(p), i);
	assert_int_equal(next_seq(p), 0);
}

TEST(without_since_only_what_comes_later_is_heard)
{
	start(NULL);
	say(&ann, "say", 3);
	joins(&bob, NULL);
	tr_someone_subscribes(&bob, "said", true);
	tr_world_pass(&w, 1000);
	say(&ann, "say", 2);
	hears_exactly(&bob, 4, 5);
	tr_someone_leaves(&bob);
	end();
}

TEST(since_gives_the_rest_across_names_in_order)
{
	start(NULL);
	for (int i = 0; i < 3; i++) {
		say(&ann, "say", 2);
		say(&ann, "other", 1);
	}
	joins(&bob, "{\"since\":4}");
	tr_someone_subscribes(&bob, "said", true);
	tr_someone_subscribes(&bob, "other", true);
	tr_world_pass(&w, 100);
	hears_exactly(&bob, 5, 9);
	say(&ann, "other", 1);
	hears_exactly(&bob, 10, 10);
	tr_someone_leaves(&bob);
	end();
}

TEST(only_subscribed_names_are_replayed)
{
	start(NULL);
	say(&ann, "say", 2);
	say(&ann, "other", 2);
	joins(&bob, "{\"since\":0}");
	tr_someone_subscribes(&bob, "other", true);
	tr_world_pass(&w, 100);
	hears_exactly(&bob, 3, 4);
	/* a name that is subscribed later begins where the client was, too, and the others are not repeated */
	tr_someone_subscribes(&bob, "said", true);
	tr_world_pass(&w, 100);
	hears_exactly(&bob, 1, 2);
	say(&ann, "other", 1);
	say(&ann, "say", 1);
	hears_exactly(&bob, 5, 6);
	tr_someone_leaves(&bob);
	end();
}

TEST(what_is_published_during_a_replay_comes_after_it_once)
{
	start(NULL);
	say(&ann, "say", 700); /* three pages */
	joins(&bob, "{\"since\":0}");
	tr_someone_subscribes(&bob, "said", true);
	tr_someone_calls(&bob, "read", "[]"); /* the first call starts it */
	say(&ann, "say", 5);
	tr_world_pass(&w, 1000);
	say(&ann, "say", 5);
	hears_exactly(&bob, 1, 710);
	tr_someone_leaves(&bob);
	end();
}

TEST(a_replay_waits_for_a_slow_reader)
{
	size_t heard;

	start(NULL);
	say(&ann, "say", 1000);
	joins(&bob, "{\"since\":0}");
	tr_someone_subscribes(&bob, "said", true);
	bob.backlog = 1 << 20;
	tr_world_pass(&w, 1000);
	heard = bob.count;
	assert_true(heard < 300); /* one page at most */
	say(&ann, "say", 1);
	tr_world_pass(&w, 1000);
	assert_int_equal(bob.count, heard);
	bob.backlog = 0;
	tr_conn_drained(bob.conn);
	tr_world_pass(&w, 1000);
	hears_exactly(&bob, 1, 1001);
	tr_someone_leaves(&bob);
	end();
}

TEST(subscribing_again_neither_loses_nor_repeats)
{
	start(NULL);
	say(&ann, "say", 3);
	joins(&bob, "{\"since\":1}");
	tr_someone_subscribes(&bob, "said", true); /* React's way */
	tr_someone_subscribes(&bob, "said", false);
	tr_someone_subscribes(&bob, "said", true);
	tr_world_pass(&w, 100);
	hears_exactly(&bob, 2, 3);
	tr_someone_subscribes(&bob, "said", false);
	say(&ann, "say", 2);
	hears_exactly(&bob, 1, 0);
	tr_someone_subscribes(&bob, "said", true);
	tr_world_pass(&w, 100);
	hears_exactly(&bob, 4, 5);
	tr_someone_leaves(&bob);
	end();
}

TEST(an_event_that_waits_for_its_commit_is_not_lost_on_who_subscribes_again)
{
	start(NULL);
	joins(&bob, "{\"since\":0}");
	tr_someone_subscribes(&bob, "said", true);
	tr_world_pass(&w, 100);
	tr_someone_calls(&ann, "say", "[{\"text\":\"x\"}]");
	tr_someone_subscribes(&bob, "said", false);
	tr_someone_subscribes(&bob, "said", true);
	tr_world_pass(&w, 100);
	hears_exactly(&bob, 1, 1);
	tr_someone_leaves(&bob);
	end();
}

/* ------------------------------------------------------------------ which log is meant */

#define THIS "0123456789abcdef-1" /* the world's epoch, and its first actor */

/* A commit is on disk before the core knows it, and may be read by then. */
static void reads_ahead(void)
{
	start(NULL);
	joins(&bob, "{\"since\":0}");
	w.hold_commits = true;
	say(&ann, "say", 1);
	tr_world_reach(&w);
	tr_someone_subscribes(&bob, "said", true);
	tr_world_pass(&w, 100);
	hears_exactly(&bob, 1, 1);
}

static void reads_no_more(void)
{
	tr_world_pass(&w, 100);
	w.hold_commits = false;
	tr_world_commit(&w);
	tr_world_pass(&w, 100);
	hears_exactly(&bob, 1, 0);
	tr_someone_leaves(&bob);
	end();
}

TEST(what_was_read_before_its_commit_was_told_is_not_read_again_with_another_name)
{
	reads_ahead();
	tr_someone_subscribes(&bob, "other", true);
	reads_no_more();
}

TEST(what_was_read_before_its_commit_was_told_is_not_read_again_by_who_subscribes_again)
{
	reads_ahead();
	tr_someone_subscribes(&bob, "said", false);
	tr_someone_subscribes(&bob, "said", true);
	reads_no_more();
}

/* What a connection with these parameters hears behind Init, when the log has two events, and which of them it is told. */
struct epochs { const char *params, *told; int first, last; };

static void hears_epoch(const struct epochs *e)
{
	char expected[100];
	const char *heard;

	start(NULL);
	say(&ann, "say", 2);
	joins(&bob, e->params);
	heard = tr_someone_hears(&bob);
	snprintf(expected, sizeof expected, "{\"args\":[{\"epoch\":\"" THIS "\",\"seq\":2}],\"name\":\"%s\"}", e->told);
	if (!e->told != !heard || (heard && !strstr(heard, expected)))
		fail_msg("%s hears %s", e->params, heard ? heard : "nothing");
	tr_someone_subscribes(&bob, "said", true);
	tr_world_pass(&w, 100);
	say(&ann, "say", 1);
	hears_exactly(&bob, e->first, e->last);
	tr_someone_leaves(&bob);
	end();
}

TEST(who_means_another_log_is_told_so_and_then_everything)
{
	static const struct epochs cases[] = {
		{ "{\"since\":999}", "log.reset", 1, 3 },
		{ "{\"since\":3,\"epoch\":\"" THIS "\"}", "log.reset", 1, 3 },
		{ "{\"since\":1,\"epoch\":\"another\"}", "log.reset", 1, 3 },
		{ "{\"since\":0,\"epoch\":\"0123456789abcdef-2\"}", "log.reset", 1, 3 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		hears_epoch(&cases[i]);
}

TEST(who_does_not_say_which_log_is_told_which_it_is)
{
	static const struct epochs cases[] = {
		{ "{\"since\":1}", "log.epoch", 2, 3 },
		{ "{\"since\":2,\"epoch\":\"\"}", "log.epoch", 3, 3 },
		{ "{\"since\":0,\"epoch\":7}", "log.epoch", 1, 3 },
		{ "{\"epoch\":\"\"}", "log.epoch", 3, 3 },
		{ "{\"epoch\":\"another\"}", "log.epoch", 3, 3 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		hears_epoch(&cases[i]);
}

TEST(who_knows_or_does_not_care_is_told_nothing)
{
	static const struct epochs cases[] = {
		{ "{\"since\":1,\"epoch\":\"" THIS "\"}", NULL, 2, 3 },
		{ "{\"epoch\":\"" THIS "\"}", NULL, 3, 3 },
		{ "{\"since\":-1}", NULL, 3, 3 },
		{ "{\"since\":\"1\"}", NULL, 3, 3 },
		{ "[]", NULL, 3, 3 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		hears_epoch(&cases[i]);
}

static int publishes_reset(struct troupe_actor *a, void *arg)
{
	(void)arg;
	assert_int_equal(troupe_publish(a, "log.reset", &probe_text, &(struct probe_text){ "x" }), TROUPE_EINVAL);
	assert_int_equal(troupe_broadcast(a, "log.epoch", &probe_text, &(struct probe_text){ "x" }), TROUPE_EINVAL);
	return 0;
}

/* A client that listens subscribes: there is nothing to subscribe to. */
TEST(these_names_are_the_servers_own)
{
	start("{\"since\":0}");
	tr_someone_subscribes(&ann, "log.reset", true);
	tr_someone_subscribes(&ann, "log.epoch", true);
	tr_someone_subscribes(&ann, "log.epoch", false);
	tr_actor_turn(ann.conn->peer.actor, publishes_reset, NULL);
	assert_null(ann.conn->subs);
	assert_false(ann.closed);
	end();
}

TEST(an_event_too_large_for_a_frame_is_told_shortened_and_the_log_has_it)
{
	start("{\"since\":0}");
	tr_someone_subscribes(&ann, "said", true);
	tr_someone_calls(&ann, "big", "[]");
	tr_world_pass(&w, 100);
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "Event"), "log.epoch"));
	assert_string_equal(tr_someone_hears_tag(&ann, "Event"),
		"{\"args\":[{\"text\":{\"truncated\":true,\"bytes\":2097156},\"seq\":1}],\"name\":\"said\"}");
	end();
}

/* Whoever comes, goes, subscribes or lags, whenever commits end: each hears the log in order, without a hole. */
struct listener { struct tr_someone p; bool here, subscribed; int last; };

static void listener_steps(struct listener *l, unsigned roll)
{
	char params[32];

	if (!l->here) {
		snprintf(params, sizeof params, "{\"since\":%d}", l->last);
		tr_someone_joins(&l->p, &w, "probe", "a", params);
		l->here = true;
		l->subscribed = false;
		return;
	}
	for (int seq; (seq = next_seq(&l->p)) > 0; l->last = seq)
		assert_int_equal(seq, l->last + 1);
	if (l->p.closed || roll % 8 == 0) {
		tr_someone_leaves(&l->p);
		l->here = false;
	} else if (l->p.next > 0 && roll % 8 < 4) {
		tr_someone_subscribes(&l->p, "said", !l->subscribed);
		l->subscribed = !l->subscribed;
	} else if (l->p.next > 0) {
		l->p.backlog = roll % 2 ? 1 << 20 : 0;
		if (!l->p.backlog)
			tr_conn_drained(l->p.conn);
	}
}

static void one_run(unsigned seed)
{
	struct listener all[4] = { { .here = false } };
	unsigned total = 0;

	start(NULL);
	for (int step = 0; step < 400; step++) {
		unsigned roll = (unsigned)rand_r(&seed);

		if (roll % 3 == 0)
			listener_steps(&all[roll / 3 % 4], roll / 12);
		else if (roll % 3 == 1)
			tr_someone_calls(&ann, "say", "[{\"text\":\"x\"}]"), total++;
		else if (w.pending && roll / 3 % 2)
			tr_world_commit(&w);
		else
			tr_world_pass(&w, roll / 3 % 30);
		w.hold_commits = roll / 7 % 3 > 0;
	}
	w.hold_commits = false;
	if (w.pending)
		tr_world_commit(&w);
	for (int i = 0; i < 4; i++) {
		struct listener *l = &all[i];

		if (!l->here)
			listener_steps(l, 0);
		l->p.backlog = 0;
		tr_world_turn(&w);
		tr_conn_drained(l->p.conn);
		if (!l->subscribed)
			tr_someone_subscribes(&l->p, "said", true);
		tr_world_pass(&w, 1000);
		for (int seq; (seq = next_seq(&l->p)) > 0; l->last = seq)
			assert_int_equal(seq, l->last + 1);
		assert_int_equal(l->last, total);
		tr_someone_leaves(&l->p);
	}
	end();
}

TEST(everyone_hears_the_log_once_in_order_whatever_happens)
{
	const char *given = getenv("SEED");
	unsigned from = given ? (unsigned)atoi(given) : 1, runs = given ? 1 : 300;

	for (unsigned seed = from; seed < from + runs; seed++) {
		print_message("seed %u\n", seed);
		one_run(seed);
	}
}

TESTS(RUN(without_since_only_what_comes_later_is_heard),
      RUN(since_gives_the_rest_across_names_in_order),
      RUN(only_subscribed_names_are_replayed),
      RUN(what_is_published_during_a_replay_comes_after_it_once),
      RUN(a_replay_waits_for_a_slow_reader),
      RUN(subscribing_again_neither_loses_nor_repeats),
      RUN(an_event_that_waits_for_its_commit_is_not_lost_on_who_subscribes_again),
      RUN(what_was_read_before_its_commit_was_told_is_not_read_again_with_another_name),
      RUN(what_was_read_before_its_commit_was_told_is_not_read_again_by_who_subscribes_again),
      RUN(who_means_another_log_is_told_so_and_then_everything),
      RUN(who_does_not_say_which_log_is_told_which_it_is),
      RUN(who_knows_or_does_not_care_is_told_nothing),
      RUN(these_names_are_the_servers_own),
      RUN(an_event_too_large_for_a_frame_is_told_shortened_and_the_log_has_it),
      RUN(everyone_hears_the_log_once_in_order_whatever_happens))
