/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: an action runs at its time, once, whatever happens until then. */
#include <stdlib.h>

#include "tests/kit/random.h"
#include "tests/kit/test.h"
#include "tests/kit/world.h"

#include "runtime/base/limits.h"
#include "runtime/core/actor.h"

struct clock { const char *heard; int64_t set; };
static const struct troupe_record clock_state = TROUPE_RECORD(clock,
	TROUPE_OPTION(clock, heard, "heard"),
	TROUPE_FIELD(clock, set, "set"));

struct ring { int64_t ms; const char *text; };
static const struct troupe_record ring = TROUPE_RECORD(ring,
	TROUPE_FIELD(ring, ms, "ms"),
	TROUPE_FIELD(ring, text, "text"));

static struct tr_world w;
static struct tr_someone ann;
static char woken[256]; /* what the wake hooks found waiting */
static bool refuses_to_wake;

/* Schedules `action`, whose arguments are what this one was called with. */
static int set(struct troupe_actor *a, struct troupe_call *c, const char *action)
{
	const struct ring *in = troupe_args(c);
	struct clock *self = troupe_self(a);
	int64_t id;
	int rc = troupe_schedule(a, troupe_now_ms(a) + in->ms, action, troupe_list(a, &ring, in, 1), &id);

	if (rc < 0)
		return rc;
	self->set++;
	return troupe_reply_int(c, id);
}

static int clock_set(struct troupe_actor *a, struct troupe_call *c)
{
	return set(a, c, "ring");
}

static int clock_set_bad(struct troupe_actor *a, struct troupe_call *c)
{
	return set(a, c, "ringBadly");
}

static int clock_set_nap(struct troupe_actor *a, struct troupe_call *c)
{
	return set(a, c, "nap");
}

static int clock_set_later(struct troupe_actor *a, struct troupe_call *c)
{
	return set(a, c, "ringLater");
}

static int clock_set_again(struct troupe_actor *a, struct troupe_call *c)
{
	return set(a, c, "ringAgain");
}

static int clock_set_unknown(struct troupe_actor *a, struct troupe_call *c)
{
	return set(a, c, "nothing");
}

/* What it answers is the first refusal's name. */
static int clock_set_wrong(struct troupe_actor *a, struct troupe_call *c)
{
	static char large[TR_ALARM_ARGS_BYTES_MAX + 1];

	(void)c;
	assert_int_equal(troupe_schedule(a, 0, "ring", (struct troupe_value){ large, sizeof large }, NULL), TROUPE_EINVAL);
	assert_int_equal(troupe_schedule(a, 0, "ring", (struct troupe_value){ "\xc0", 1 }, NULL), TROUPE_EINVAL);
	return troupe_schedule(a, 0, "ring", (struct troupe_value){ 0 }, NULL);
}

/* As many as there may be, then one. */
static int clock_fill(struct troupe_actor *a, struct troupe_call *c)
{
	struct ring in = { 0, "x" };
	int rc = 0;

	for (int i = 0; i < TR_ALARMS_MAX && rc == 0; i++)
		rc = troupe_schedule(a, troupe_now_ms(a) + 1000000, "ring", troupe_list(a, &ring, &in, 1), NULL);
	assert_int_equal(rc, 0);
	rc = troupe_schedule(a, troupe_now_ms(a), "ring", troupe_list(a, &ring, &in, 1), NULL);
	assert_int_equal(rc, TROUPE_EOVERLOADED);
	assert_true(troupe_unschedule(a, troupe_alarm_next(a, NULL)->id));
	assert_int_equal(troupe_schedule(a, troupe_now_ms(a), "ring", troupe_list(a, &ring, &in, 1), NULL), 0);
	return troupe_reply_int(c, 1);
}

static int clock_spoil(struct troupe_actor *a, struct troupe_call *c)
{
	const struct ring *in = troupe_args(c);

	for (const struct troupe_alarm *al; (al = troupe_alarm_next(a, NULL)); )
		assert_true(troupe_unschedule(a, al->id));
	troupe_schedule(a, troupe_now_ms(a), "ring", troupe_list(a, &ring, in, 1), NULL);
	return TROUPE_EFORBIDDEN;
}

struct one { int64_t id; };
static const struct troupe_record one = TROUPE_RECORD(one, TROUPE_FIELD(one, id, "id"));

static int clock_cancel(struct troupe_actor *a, struct troupe_call *c)
{
	const struct one *in = troupe_args(c);

	return troupe_reply_int(c, troupe_unschedule(a, in->id));
}

static int clock_count(struct troupe_actor *a, struct troupe_call *c)
{
	int64_t count = 0, last = 0;

	for (const struct troupe_alarm *al = NULL; (al = troupe_alarm_next(a, al)); count++) {
		assert_true(al->at_ms >= last);
		last = al->at_ms;
	}
	return troupe_reply_int(c, count);
}

static int clock_heard(struct troupe_actor *a, struct troupe_call *c)
{
	return troupe_reply(c, &clock_state, troupe_self(a));
}

static int clock_doze(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	troupe_sleep(a);
	return 0;
}

static int clock_end(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	troupe_destroy(a);
	return 0;
}

static int clock_ring(struct troupe_actor *a, struct troupe_call *c)
{
	struct clock *self = troupe_self(a);
	const struct ring *in = troupe_args(c);
	char text[256]; /* if it is longer, nobody looks at it */

	assert_null(troupe_caller(c));
	assert_int_equal(troupe_respond(c, 200, NULL, 0, NULL, 0), TROUPE_EINVAL);
	assert_int_equal(troupe_respond_begin(c, 200, NULL, 0), TROUPE_EINVAL);
	assert_int_equal(troupe_respond_event(c, 1), TROUPE_EINVAL);
	snprintf(text, sizeof text, "%s%s;", self->heard ? self->heard : "", in->text);
	troupe_set_text(a, &self->heard, text);
	troupe_publish(a, "rang", &ring, in);
	return troupe_reply_int(c, 1);
}

static int clock_ring_badly(struct troupe_actor *a, struct troupe_call *c)
{
	clock_ring(a, c);
	return TROUPE_EFORBIDDEN;
}

static int clock_nap(struct troupe_actor *a, struct troupe_call *c)
{
	troupe_sleep(a);
	return clock_ring(a, c);
}

static int clock_ring_later(struct troupe_actor *a, struct troupe_call *c)
{
	(void)a;
	(void)c;
	return TROUPE_LATER;
}

static int clock_ring_again(struct troupe_actor *a, struct troupe_call *c)
{
	struct clock *self = troupe_self(a);

	if (self->set++ < 10)
		troupe_schedule(a, 0, "ringAgain", troupe_list(a, &ring, troupe_args(c), 1), NULL);
	return clock_ring(a, c);
}

static int clock_wake(struct troupe_actor *a)
{
	for (const struct troupe_alarm *al = NULL; (al = troupe_alarm_next(a, al)); )
		strncat(woken, al->action, sizeof woken - strlen(woken) - 1);
	strncat(woken, ";", sizeof woken - strlen(woken) - 1);
	return refuses_to_wake ? TROUPE_EFORBIDDEN : 0;
}

static const struct troupe_kind clock_kind = {
	.name = "clock", .size = sizeof(struct clock), .state = &clock_state, .wake = clock_wake,
	.actions = (const struct troupe_action[]){
		{ .name = "set", .run = clock_set, .takes = &ring },
		{ .name = "setBad", .run = clock_set_bad, .takes = &ring },
		{ .name = "setNap", .run = clock_set_nap, .takes = &ring },
		{ .name = "setLater", .run = clock_set_later, .takes = &ring },
		{ .name = "setAgain", .run = clock_set_again, .takes = &ring },
		{ .name = "setUnknown", .run = clock_set_unknown, .takes = &ring },
		{ .name = "setWrong", .run = clock_set_wrong },
		{ .name = "fill", .run = clock_fill },
		{ .name = "spoil", .run = clock_spoil, .takes = &ring },
		{ .name = "cancel", .run = clock_cancel, .takes = &one },
		{ .name = "count", .run = clock_count },
		{ .name = "heard", .run = clock_heard },
		{ .name = "doze", .run = clock_doze },
		{ .name = "end", .run = clock_end },
		{ .name = "ring", .run = clock_ring, .takes = &ring, .hidden = true },
		{ .name = "ringBadly", .run = clock_ring_badly, .takes = &ring, .hidden = true },
		{ .name = "nap", .run = clock_nap, .takes = &ring, .hidden = true },
		{ .name = "ringLater", .run = clock_ring_later, .takes = &ring, .timeout_ms = 1000 },
		{ .name = "ringAgain", .run = clock_ring_again, .takes = &ring, .hidden = true },
		{ 0 }
	},
};
static const struct troupe_kind *const kinds[] = { &clock_kind, NULL };
/* As a later version of the kind might be. */
static const struct troupe_kind bare_kind = {
	.name = "clock", .size = sizeof(struct clock), .state = &clock_state,
	.actions = (const struct troupe_action[]){
		{ .name = "heard", .run = clock_heard }, { .name = "count", .run = clock_count }, { 0 }
	},
};
static const struct troupe_kind *const bare_kinds[] = { &bare_kind, NULL };
static const struct troupe_kind *const no_kinds[] = { NULL };

static void joins(void)
{
	tr_someone_joins(&ann, &w, "clock", "a", NULL);
	tr_world_turn(&w);
	assert_non_null(tr_someone_hears_tag(&ann, "Init"));
}

static void begin(void)
{
	woken[0] = 0;
	refuses_to_wake = false;
	tr_world_open(&w, kinds, NULL);
	tr_world_pass(&w, 0);
	joins();
}

static void end(void)
{
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

static const char *says(const char *action, const char *args)
{
	const char *answer, *output;

	tr_someone_calls(&ann, action, args);
	tr_world_turn(&w);
	answer = tr_someone_hears_tag(&ann, "ActionResponse");
	output = answer ? strstr(answer, "\"output\":") : NULL;
	return output ? output + strlen("\"output\":") : "nothing";
}

static int64_t sets(const char *action, int ms, const char *text)
{
	char args[100];

	snprintf(args, sizeof args, "[{\"ms\":%d,\"text\":\"%s\"}]", ms, text);
	return strtoll(says(action, args), NULL, 10);
}

static bool heard(const char *expected)
{
	char all[300];

	snprintf(all, sizeof all, "{\"heard\":%s%s%s,", expected ? "\"" : "null", expected ? expected : "", expected ? "\"" : "");
	return strstr(says("heard", "[]"), expected ? all : "{\"set\"") != NULL;
}

/* The process dies, and so do connections; someone comes back. */
static void dies(const struct troupe_kind *const *with)
{
	tr_someone_leaves(&ann);
	tr_world_restart(&w, with, NULL);
}

static size_t actors(void)
{
	struct tr_core_counts counts;

	tr_core_count(w.core, &counts);
	return counts.actors;
}

/* ------------------------------------------------------------------ at its time, once */

TEST(an_action_runs_at_its_time_and_is_heard)
{
	begin();
	tr_someone_subscribes(&ann, "rang", true);
	sets("set", 1000, "one");
	tr_world_pass(&w, 999);
	assert_true(heard(NULL));
	tr_world_pass(&w, 1);
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "Event"), "\"text\":\"one\",\"seq\":1"));
	assert_true(heard("one;"));
	assert_string_equal(says("count", "[]"), "0}");
	tr_world_pass(&w, 1000000);
	assert_true(heard("one;"));
	end();
}

TEST(in_order_of_time_then_of_setting)
{
	begin();
	sets("set", 3000, "d");
	sets("set", 2000, "b");
	sets("set", 2000, "c");
	sets("set", 1000, "a");
	sets("set", -5, "now");
	assert_string_equal(says("count", "[]"), "5}");
	tr_world_pass(&w, 5000);
	assert_true(heard("now;a;b;c;d;"));
	end();
}

TEST(it_wakes_who_sleeps_and_finds_its_connections)
{
	begin();
	tr_someone_subscribes(&ann, "rang", true);
	sets("set", 100000, "morning");
	says("doze", "[]");
	assert_int_equal(actors(), 0);
	tr_world_pass(&w, 99999);
	assert_int_equal(actors(), 0);
	tr_world_pass(&w, 1);
	assert_int_equal(actors(), 1);
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "Event"), "morning"));
	assert_string_equal(woken, ";ring;");
	end();
}

TEST(it_outlives_the_process)
{
	begin();
	sets("set", 5000, "late");
	sets("set", 1000, "missed");
	dies(kinds);
	w.now_ms += 2000; /* nobody serves */
	tr_world_pass(&w, 0);
	joins();
	assert_true(heard("missed;"));
	dies(kinds);
	tr_world_pass(&w, 3000);
	joins();
	assert_true(heard("missed;late;"));
	end();
}

TEST(a_commit_that_fails_has_run_nothing)
{
	begin();
	sets("set", 1000, "one");
	w.next_commit = TROUPE_EFULL;
	tr_world_pass(&w, 1000);
	assert_string_equal(ann.close_reason, "actor.restarting");
	tr_someone_leaves(&ann);
	joins();
	assert_true(heard(NULL));
	assert_string_equal(says("count", "[]"), "1}");
	tr_world_pass(&w, TR_ALARM_RETRY_MS);
	assert_true(heard("one;"));
	end();
}

TEST(what_has_run_does_not_run_again_before_its_commit)
{
	begin();
	sets("set", 1000, "one");
	sets("set", 2000, "two");
	w.hold_commits = true;
	tr_world_pass(&w, 1000); /* runs; the commit is under way */
	tr_world_pass(&w, 1000);
	tr_world_commit(&w);
	w.hold_commits = false;
	tr_world_turn(&w);
	if (w.pending)
		tr_world_commit(&w);
	tr_world_pass(&w, 0);
	assert_true(heard("one;two;"));
	end();
}

TEST(what_fails_is_undone_and_not_repeated)
{
	begin();
	sets("setBad", 1000, "bad");
	sets("set", 1000, "good");
	tr_world_pass(&w, 1000);
	assert_true(heard("good;"));
	assert_string_equal(says("count", "[]"), "0}");
	tr_world_pass(&w, 100000);
	assert_true(heard("good;"));
	end();
}

TEST(it_may_keep_its_call)
{
	begin();
	sets("setLater", 1000, "x");
	tr_world_pass(&w, 1000);
	assert_string_equal(says("count", "[]"), "0}");
	tr_world_pass(&w, 1000); /* too long; nobody is told but the log */
	tr_someone_leaves(&ann);
	tr_world_pass(&w, 100000);
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ setting and taking away */

TEST(it_can_be_taken_away)
{
	int64_t id;
	char args[64];

	begin();
	id = sets("set", 1000, "never");
	snprintf(args, sizeof args, "[{\"id\":%lld}]", (long long)id);
	assert_string_equal(says("cancel", args), "1}");
	assert_string_equal(says("cancel", args), "0}");
	assert_string_equal(says("count", "[]"), "0}");
	tr_world_pass(&w, 2000);
	assert_true(heard(NULL));
	assert_true(sets("set", 1000, "then") > id);
	dies(kinds);
	joins();
	assert_string_equal(says("count", "[]"), "1}");
	end();
}

TEST(even_between_its_time_and_the_look_at_it)
{
	char args[64];

	begin();
	snprintf(args, sizeof args, "[{\"id\":%lld}]", (long long)sets("set", 1000, "never"));
	w.now_ms += 1000;
	w.hold_commits = true;
	tr_someone_calls(&ann, "cancel", args);
	tr_world_pass(&w, 0); /* the timer fires, and the store has it still */
	w.hold_commits = false;
	tr_world_commit(&w);
	tr_world_turn(&w);
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "ActionResponse"), "\"output\":1"));
	assert_true(heard(NULL));
	end();
}

TEST(a_turn_that_fails_has_set_and_taken_nothing)
{
	begin();
	sets("set", 1000, "one");
	sets("spoil", 0, "never");
	assert_string_equal(says("count", "[]"), "1}");
	tr_world_pass(&w, 1000);
	assert_true(heard("one;"));
	end();
}

TEST(what_cannot_be_scheduled_is_refused)
{
	begin();
	sets("setUnknown", 0, "x");
	ann.next = ann.count - 1;
	assert_non_null(strstr(tr_someone_hears(&ann), "there is no action nothing to schedule"));
	says("setWrong", "[]");
	ann.next = ann.count - 1;
	assert_non_null(strstr(tr_someone_hears(&ann), "\"code\":\"validation_error\""));
	assert_string_equal(says("fill", "[]"), "1}");
	end();
}

TEST(clients_cannot_call_what_is_hidden)
{
	begin();
	tr_someone_calls(&ann, "ring", "[{\"ms\":1,\"text\":\"x\"}]");
	tr_world_turn(&w);
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "Error"), "\"code\":\"action_not_found\""));
	end();
}

/* ------------------------------------------------------------------ whatever happens */

TEST(one_that_puts_its_actor_to_sleep_does_not_keep_the_others_from_running)
{
	begin();
	sets("setNap", 1000, "a");
	sets("setNap", 1000, "b");
	sets("set", 1000, "c");
	tr_world_pass(&w, 1000);
	assert_int_equal(actors(), 0);
	assert_true(heard("a;b;c;"));
	end();
}

TEST(one_that_is_always_due_again_lets_the_loop_go_on)
{
	begin();
	sets("setAgain", 0, "x");
	tr_world_pass(&w, 0);
	assert_true(heard("x;x;x;x;x;x;x;x;x;x;"));
	end();
}

TEST(the_destroyed_have_none)
{
	begin();
	sets("set", 1000, "never");
	says("end", "[]");
	tr_world_pass(&w, 2000);
	assert_int_equal(actors(), 0);
	end();
}

TEST(an_actor_that_will_not_wake_is_tried_again_and_keeps_nobody_waiting)
{
	struct tr_someone bob;

	begin();
	sets("set", 1000, "one");
	says("doze", "[]");
	refuses_to_wake = true;
	tr_world_pass(&w, 1000);
	assert_int_equal(actors(), 0);
	refuses_to_wake = false;
	tr_someone_joins(&bob, &w, "clock", "b", NULL);
	tr_someone_calls(&bob, "set", "[{\"ms\":100,\"text\":\"two\"}]");
	tr_world_pass(&w, 100);
	tr_someone_calls(&bob, "heard", "[]");
	tr_world_turn(&w);
	tr_someone_hears_tag(&bob, "ActionResponse");
	assert_non_null(strstr(tr_someone_hears_tag(&bob, "ActionResponse"), "two;"));
	tr_world_pass(&w, TR_ALARM_RETRY_MS);
	assert_true(heard("one;"));
	tr_someone_leaves(&bob);
	end();
}

TEST(without_its_kind_it_waits_and_without_its_action_it_ends)
{
	begin();
	sets("set", 1000, "one");
	dies(no_kinds);
	tr_world_pass(&w, 5000);
	tr_world_restart(&w, kinds, NULL);
	tr_world_pass(&w, 0);
	joins();
	assert_true(heard("one;"));
	sets("set", 1000, "two");
	dies(bare_kinds);
	tr_world_pass(&w, 1000);
	joins();
	assert_string_equal(says("count", "[]"), "0}");
	end();
}

TEST(a_clock_that_is_set_is_noticed)
{
	begin();
	sets("set", 3600000, "in an hour");
	w.skew_ms += 3600000;
	tr_world_pass(&w, TR_ALARM_LOOK_MS);
	assert_true(heard("in an hour;"));
	sets("set", 1000, "soon");
	w.skew_ms -= 7200000;
	tr_world_pass(&w, 1000);
	assert_true(heard("in an hour;"));
	sets("set", 1000, "sooner");
	tr_world_pass(&w, 1000);
	assert_true(heard("in an hour;sooner;"));
	tr_world_pass(&w, 7200000 + TR_ALARM_LOOK_MS);
	assert_true(heard("in an hour;sooner;soon;"));
	end();
}

/* When the store was asked what is due, it was; its actor is found a moment later. */
TEST(a_clock_that_is_set_back_while_it_wakes_its_actor_keeps_it_for_its_time)
{
	bool late = tr_world_late;

	tr_world_late = true;
	begin();
	tr_world_late = late;
	sets("set", 100, "one");
	says("doze", "[]");
	tr_world_pass(&w, 99);
	w.slow = true;
	assert_true(tr_world_tick(&w, 1));
	assert_true(tr_world_answer(&w));
	w.skew_ms -= 50;
	w.slow = false;
	tr_world_pass(&w, 0);
	assert_int_equal(actors(), 1);
	assert_true(heard(NULL));
	tr_world_pass(&w, 50);
	assert_true(heard("one;"));
	end();
}

/* Of thousands that sleep, only the first in time are looked at. */
TEST(many_that_are_due_run_piece_by_piece)
{
	struct tr_someone someone;
	char key[16];
	unsigned reads;

	begin();
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof key, "k%d", i);
		tr_someone_joins(&someone, &w, "clock", key, NULL);
		tr_someone_calls(&someone, "set", "[{\"ms\":100000,\"text\":\"x\"}]");
		tr_world_turn(&w);
		tr_someone_leaves(&someone);
	}
	tr_world_pass(&w, 60000);
	assert_int_equal(actors(), 1);
	reads = w.due_reads;
	tr_world_pass(&w, 40000);
	assert_int_equal(actors(), 201);
	assert_in_range(w.due_reads - reads, 4, 6);
	tr_world_pass(&w, 60000);
	assert_int_equal(actors(), 1);
	end();
}

/* ------------------------------------------------------------------ at random */

#define STEPS 1500

static int64_t ids[STEPS];  /* of those that were acknowledged; 0: it was not, or has been taken away */
static unsigned rang[STEPS]; /* as the log tells */

static void comes_back(void)
{
	if (ann.conn && !ann.closed)
		return;
	tr_someone_leaves(&ann);
	joins();
}

static void one_step(int step)
{
	unsigned what = (unsigned)random_below(100), other = (unsigned)random_below((unsigned)step + 1);
	char text[64];

	comes_back();
	if (random_below(20) == 0)
		w.next_commit = TROUPE_EFULL;
	if (what < 50) {
		snprintf(text, sizeof text, "%d", step);
		ids[step] = sets(random_below(10) ? "set" : "setNap", (int)random_below(5000), text);
	} else if (what < 60 && ids[other]) {
		snprintf(text, sizeof text, "[{\"id\":%lld}]", (long long)ids[other]);
		if (strcmp(says("cancel", text), "1}") == 0)
			ids[other] = 0;
	} else if (what < 70) {
		says("doze", "[]");
	} else if (what < 75) {
		dies(kinds);
	} else {
		tr_world_pass(&w, random_below(1000));
	}
}

/* Whatever dies, fails or sleeps: what was acknowledged runs once, what was taken away or never acknowledged does not. */
TEST(at_random_each_runs_once)
{
	const char *event;

	sow();
	begin();
	memset(ids, 0, sizeof ids);
	memset(rang, 0, sizeof rang);
	for (int i = 0; i < STEPS; i++)
		one_step(i);
	w.next_commit = 0;
	tr_world_pass(&w, 100000);
	tr_someone_leaves(&ann);
	tr_someone_joins(&ann, &w, "clock", "a", "{\"since\":0}");
	tr_someone_subscribes(&ann, "rang", true);
	tr_world_pass(&w, 1000);
	while ((event = tr_someone_hears_tag(&ann, "Event"))) {
		const char *text = strstr(event, "\"text\":\"");

		if (text) /* else it tells of the log itself */
			rang[strtoul(text + strlen("\"text\":\""), NULL, 10)]++;
	}
	for (int i = 0; i < STEPS; i++)
		assert_int_equal(rang[i], ids[i] != 0);
	assert_string_equal(says("count", "[]"), "0}");
	end();
}

TESTS(RUN(an_action_runs_at_its_time_and_is_heard),
      RUN(in_order_of_time_then_of_setting),
      RUN(it_wakes_who_sleeps_and_finds_its_connections),
      RUN(it_outlives_the_process),
      RUN(a_commit_that_fails_has_run_nothing),
      RUN(what_has_run_does_not_run_again_before_its_commit),
      RUN(what_fails_is_undone_and_not_repeated),
      RUN(it_may_keep_its_call),
      RUN(it_can_be_taken_away),
      RUN(even_between_its_time_and_the_look_at_it),
      RUN(a_turn_that_fails_has_set_and_taken_nothing),
      RUN(what_cannot_be_scheduled_is_refused),
      RUN(clients_cannot_call_what_is_hidden),
      RUN(one_that_puts_its_actor_to_sleep_does_not_keep_the_others_from_running),
      RUN(one_that_is_always_due_again_lets_the_loop_go_on),
      RUN(the_destroyed_have_none),
      RUN(an_actor_that_will_not_wake_is_tried_again_and_keeps_nobody_waiting),
      RUN(without_its_kind_it_waits_and_without_its_action_it_ends),
      RUN(a_clock_that_is_set_is_noticed),
      RUN(a_clock_that_is_set_back_while_it_wakes_its_actor_keeps_it_for_its_time),
      RUN(many_that_are_due_run_piece_by_piece),
      RUN(at_random_each_runs_once))
