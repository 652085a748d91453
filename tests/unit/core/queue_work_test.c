/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets the messages: queues with run, and those who take. */
#include "tests/unit/core/shop.h"

#include <stdlib.h>

#include "runtime/core/actor.h"

/* ------------------------------------------------------------------ queues with run */

TEST(run_gets_each_message_in_its_order)
{
	shop_open();
	shop_send("jobs", "1");
	shop_send("more", "2");
	shop_send("jobs", "{\"n\":[3]}");
	tr_world_pass(&w, 0);
	assert_log("run jobs 1;run more 2;run jobs {\"n\":[3]};");
	assert_waiting(0);
	tr_world_close(&w);
}

TEST(what_run_does_and_that_it_did_it_are_one_commit)
{
	shop_open();
	shop_send("jobs", "1");
	w.next_commit = TROUPE_ESTORE;
	tr_world_pass(&w, 0); /* the message is on disk; that it was run is not */
	assert_log("run jobs 1;");
	assert_waiting(1);
	tr_world_pass(&w, 0);
	assert_log("run jobs 1;"); /* for the first time, as far as the actor knows */
	tr_world_restart(&w, shop_kinds, NULL);
	shop_log[0] = 0;
	assert_waiting(0);
	tr_world_close(&w);
}

static int fails(struct troupe_actor *a, const struct troupe_message *m)
{
	return m->attempt < 9 && strcmp(shop_json(m->body), "13") == 0 ? troupe_refuse(a, TROUPE_EINVAL, "unlucky") : 0;
}

static int64_t sold(void)
{
	static struct sent s;

	s = (struct sent){ .came = false };
	tr_core_action(w.core, &(struct tr_action_request){ .to = shop_at("x"), .action = { "sold", 4 }, .args = { "\x90", 1 } },
	               shop_on_answer, &s);
	tr_world_turn(&w);
	return atoi(s.text + strlen("completed "));
}

TEST(a_run_that_fails_is_tried_again_and_those_behind_it_wait)
{
	shop_open();
	shop_run = fails;
	shop_send("jobs", "13");
	shop_send("jobs", "2");
	shop_send("more", "3");
	tr_world_pass(&w, 0);
	assert_log("run jobs 13;run more 3;");
	assert_int_equal(sold(), 1);
	tr_world_pass(&w, TR_QUEUE_RETRY_MS - 1);
	assert_log("");
	tr_world_pass(&w, 1);
	assert_log("run jobs 13 again 2;");
	tr_world_pass(&w, 2 * TR_QUEUE_RETRY_MS);
	assert_log("run jobs 13 again 3;");
	for (int pause_ms = 4 * TR_QUEUE_RETRY_MS; pause_ms < TR_QUEUE_RETRY_MAX_MS; pause_ms *= 2)
		tr_world_pass(&w, pause_ms);
	tr_world_pass(&w, TR_QUEUE_RETRY_MAX_MS);
	shop_log[0] = 0;
	assert_waiting(2);
	tr_world_pass(&w, TR_QUEUE_RETRY_MAX_MS - 1);
	assert_log("");
	tr_world_pass(&w, 1);
	assert_log("run jobs 13 again 9;run jobs 2;");
	assert_int_equal(sold(), 3);
	tr_world_close(&w);
}

static int completes(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	return troupe_message_complete(a, shop_kept, (struct troupe_value){ 0 });
}

static int releases(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	troupe_message_release(a, shop_kept);
	return 0;
}

TEST(run_may_keep_a_message_until_it_is_done)
{
	shop_open();
	shop_run = shop_keeps;
	shop_send("jobs", "1");
	shop_send("jobs", "2");
	tr_world_pass(&w, TR_IDLE_MS); /* it does not sleep */
	assert_log("run jobs 1;");
	shop_does(completes);
	tr_world_pass(&w, 0);
	assert_log("run jobs 2;");
	shop_does(releases);
	tr_world_pass(&w, 0);
	assert_log("");
	tr_world_pass(&w, TR_QUEUE_RETRY_MS);
	assert_log("run jobs 2 again 2;");
	tr_world_restart(&w, shop_kinds, NULL);
	shop_log[0] = 0;
	shop_run = NULL;
	tr_world_pass(&w, 0); /* nobody asked for the actor */
	assert_log("run jobs 2;");
	tr_world_pass(&w, TR_IDLE_MS);
	assert_log("sleep;");
	tr_world_restart(&w, shop_kinds, NULL);
	tr_world_pass(&w, TR_IDLE_MS);
	assert_log(""); /* nor has it anything to do */
	tr_world_close(&w);
}

static int destroys(struct troupe_actor *a, const struct troupe_message *m)
{
	(void)m;
	troupe_destroy(a);
	return 0;
}

TEST(run_may_end_its_actor)
{
	shop_open();
	shop_run = destroys;
	shop_send("jobs", "1");
	shop_send("jobs", "2");
	tr_world_pass(&w, 0);
	assert_log("run jobs 1;");
	assert_waiting(0); /* of its successor */
	tr_world_close(&w);
}

static int sends_more(struct troupe_actor *a, const struct troupe_message *m)
{
	return troupe_queue_count(a) < 3 && w.commits < 50 ? troupe_queue_send(a, "more", m->body) : 0;
}

TEST(run_may_send)
{
	shop_open();
	shop_run = sends_more;
	shop_send("jobs", "1");
	tr_world_pass(&w, 0);
	shop_log[0] = 0;
	assert_waiting(0);
	assert_true(w.commits >= 50);
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ taking */

static struct troupe_take_options wish;
static struct troupe_take *taken;
static int on_messages_gives;
static const struct troupe_message *lent[8];
static size_t lent_count;

static int on_messages(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	(void)a;
	(void)arg;
	shop_note("took");
	if (rc)
		shop_note(" %s", troupe_error_info(rc)->name);
	for (size_t i = 0; i < count; i++) {
		shop_note(" %s%s", m[i]->queue, shop_json(m[i]->body));
		lent[i] = m[i];
	}
	lent_count = count;
	shop_note(";");
	return on_messages_gives;
}

static int takes(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	wish.on_messages = on_messages;
	on_messages_gives = 0;
	return troupe_queue_take(&taken, a, &wish);
}

static const char *const only_a[] = { "a", NULL }, *const only_b[] = { "b", NULL }, *const with_run[] = { "jobs", NULL },
                  *const nowhere[] = { "nowhere", NULL };

TEST(a_take_gets_the_oldest_of_what_it_wants)
{
	shop_open();
	shop_send("b", "1");
	shop_send("a", "2");
	shop_send("b", "3");
	shop_send("a", "4");
	wish = (struct troupe_take_options){ .queues = only_a };
	shop_does(takes);
	tr_world_pass(&w, 0);
	assert_log("took a2;");
	wish = (struct troupe_take_options){ .count = 2 };
	shop_does(takes);
	tr_world_pass(&w, 0);
	assert_log("took b1 b3;");
	wish = (struct troupe_take_options){ .queues = only_b };
	shop_does(takes);
	tr_world_pass(&w, 0);
	assert_log("took;");
	assert_waiting(1);
	tr_world_restart(&w, shop_kinds, NULL);
	shop_log[0] = 0;
	wish = (struct troupe_take_options){ .count = 1000 };
	shop_does(takes);
	tr_world_pass(&w, 0);
	assert_log("took a4;");
	tr_world_close(&w);
}

TEST(takes_wait_and_each_message_is_given_once)
{
	shop_open();
	wish = (struct troupe_take_options){ .queues = only_b, .timeout_ms = -1 };
	shop_does(takes);
	wish = (struct troupe_take_options){ .timeout_ms = 50 };
	shop_does(takes);
	shop_does(takes);
	tr_world_pass(&w, 0);
	assert_log("");
	shop_send("a", "1");
	tr_world_pass(&w, 0);
	assert_log("took a1;");
	tr_world_pass(&w, 50);
	assert_log("took;");
	shop_send("b", "2");
	tr_world_pass(&w, 0);
	assert_log("took b2;");
	tr_world_close(&w);
}

static int takes_badly(struct troupe_actor *a, struct troupe_call *c)
{
	takes(a, c);
	return TROUPE_EFORBIDDEN;
}

static int cancels(struct troupe_actor *a, struct troupe_call *c)
{
	(void)a;
	(void)c;
	troupe_take_cancel(taken);
	return 0;
}

TEST(a_take_may_be_cancelled_and_is_undone_with_its_turn)
{
	shop_open();
	wish = (struct troupe_take_options){ .timeout_ms = -1 };
	shop_does(takes_badly);
	shop_send("a", "1");
	tr_world_pass(&w, 0);
	assert_log("");
	wish = (struct troupe_take_options){ .queues = only_b, .timeout_ms = -1 };
	shop_does(takes);
	shop_does(cancels);
	tr_world_pass(&w, 0);
	assert_log("took EABORTED;");
	assert_waiting(1);
	tr_world_close(&w);
}

TEST(a_turn_that_fails_has_taken_nothing)
{
	shop_open();
	shop_send("a", "1");
	shop_send("a", "2");
	for (int completable = 0; completable < 2; completable++) {
		wish = (struct troupe_take_options){ .count = 2, .completable = completable };
		shop_does(takes);
		on_messages_gives = TROUPE_EINTERNAL;
		tr_world_pass(&w, 0);
		assert_log("took a1 a2;");
		assert_waiting(2);
	}
	wish = (struct troupe_take_options){ .count = 2 };
	shop_does(takes);
	tr_world_pass(&w, 0);
	assert_log("took a1 a2;");
	assert_waiting(0);
	tr_world_close(&w);
}

TEST(takes_that_make_no_sense_are_refused)
{
	shop_open();
	wish = (struct troupe_take_options){ .queues = with_run };
	assert_string_equal(shop_does(takes), "request.invalid ");
	wish = (struct troupe_take_options){ .queues = nowhere };
	assert_string_equal(shop_does(takes), "request.invalid ");
	wish = (struct troupe_take_options){ .queues = only_b, .timeout_ms = -1 };
	for (int i = 0; i < TR_QUEUE_TAKES_MAX; i++)
		assert_string_equal(shop_does(takes), "completed ");
	assert_string_equal(shop_does(takes), "actor.overloaded ");
	tr_world_close(&w);
}

static int complete_first(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	return troupe_message_complete(a, lent[0], (struct troupe_value){ "\7", 1 });
}

static int complete_badly(struct troupe_actor *a, struct troupe_call *c)
{
	complete_first(a, c);
	return TROUPE_EFORBIDDEN;
}

static int release_second(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	troupe_message_release(a, lent[1]);
	return 0;
}

TEST(what_was_taken_to_be_completed_stays_until_it_is)
{
	struct sent s;

	shop_open();
	shop_sends(&s, &(struct sending){ .queue = "a", .body = "1", .wait = true });
	shop_send("a", "2");
	wish = (struct troupe_take_options){ .count = 2, .completable = true };
	shop_does(takes);
	tr_world_pass(&w, TR_IDLE_MS); /* it does not sleep */
	assert_log("took a1 a2;");
	assert_waiting(2);
	assert_string_equal(shop_does(takes), "queue.previous_message_not_completed ");
	assert_string_equal(shop_does(complete_badly), "auth.forbidden ");
	assert_string_equal(shop_does(takes), "queue.previous_message_not_completed ");
	shop_does(complete_first);
	tr_world_pass(&w, 0);
	assert_string_equal(s.text, "completed 7");
	assert_string_equal(shop_does(takes), "queue.previous_message_not_completed ");
	shop_does(release_second);
	shop_does(takes);
	tr_world_pass(&w, 0);
	assert_log("took a2;");
	assert_int_equal(lent[0]->attempt, 2);
	tr_world_restart(&w, shop_kinds, NULL);
	shop_log[0] = 0;
	shop_does(takes);
	tr_world_pass(&w, 0);
	assert_log("took a2;");
	tr_world_close(&w);
}

static int takes_twice(struct troupe_actor *a, struct troupe_call *c)
{
	int rc = takes(a, c);

	return rc ? rc : takes(a, c);
}

TEST(takes_wait_for_what_was_taken_before_them)
{
	shop_open();
	wish = (struct troupe_take_options){ .completable = true, .timeout_ms = -1 };
	shop_does(takes_twice);
	shop_send("a", "1");
	shop_send("a", "2");
	tr_world_pass(&w, 0);
	assert_log("took a1;");
	shop_does(complete_first);
	tr_world_pass(&w, 0);
	assert_log("took a2;");
	shop_does(complete_first);
	tr_world_close(&w);
}

TEST(who_waits_is_answered_when_the_message_is_just_taken)
{
	struct sent s;

	shop_open();
	shop_sends(&s, &(struct sending){ .queue = "a", .body = "1", .wait = true });
	wish = (struct troupe_take_options){ .timeout_ms = -1 };
	shop_does(takes);
	tr_world_pass(&w, 0);
	assert_string_equal(s.text, "completed ");
	tr_world_close(&w);
}

TEST(a_message_completed_in_the_moment_in_which_its_time_is_up_is_answered_once)
{
	struct sent s;

	shop_open();
	shop_sends(&s, &(struct sending){ .queue = "a", .body = "1", .wait = true, .timeout_ms = 50 });
	tr_world_turn(&w);
	wish = (struct troupe_take_options){ .completable = true };
	shop_does(takes);
	tr_world_pass(&w, 0);
	assert_log("took a1;");
	w.now_ms += 50; /* both are due now */
	shop_does(complete_first);
	tr_world_pass(&w, 0);
	assert_true(s.came);
	assert_string_equal(s.text, "completed 7");
	assert_waiting(0);
	tr_world_close(&w);
}

TEST(an_actor_that_only_waits_for_messages_sleeps)
{
	shop_open();
	wish = (struct troupe_take_options){ .timeout_ms = -1 };
	shop_does(takes);
	tr_world_pass(&w, TR_IDLE_MS);
	assert_log("took EABORTED;sleep;");
	shop_does(takes);
	shop_does(shop_destroys);
	assert_log("took EABORTED;");
	tr_world_close(&w);
}

static int takes_again(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	(void)m;
	shop_note("%s %zu, then %d;", troupe_error_info(rc)->name, count, troupe_queue_take(NULL, a, arg));
	return 0;
}

static int takes_for_ever(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	wish.on_messages = takes_again;
	return troupe_queue_take(NULL, a, &wish);
}

TEST(an_actor_that_goes_takes_no_more)
{
	shop_open();
	wish = (struct troupe_take_options){ .timeout_ms = -1, .arg = &wish };
	shop_does(takes_for_ever);
	tr_world_close(&w);
	assert_log("EABORTED 0, then -94;sleep;");
}

/* ------------------------------------------------------------------ what comes at once */

static const struct troupe_kind warehouse = { .name = "shop", .size = sizeof(struct shop), .state = &shop_state,
	.actions = (const struct troupe_action[]){ { .name = "act", .run = shop_do, .slow = true }, { 0 } },
	.queues = (const struct troupe_queue[]){ { .name = "a" }, { 0 } }, .queue_messages = 1000 };

static int sends_large(struct troupe_actor *a, struct troupe_call *c)
{
	static char large[64 * 1024];

	(void)c;
	memcpy(large, "\xda\xff\xf0", 3); /* a text of 65,520 bytes */
	memset(large + 3, 'x', 0xfff0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(troupe_queue_send(a, "a", (struct troupe_value){ large, 3 + 0xfff0 }), 0);
	return 0;
}

static int on_large(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	(void)a;
	(void)arg;
	(void)m;
	shop_note("%d %zu;", rc, count);
	return 0;
}

static int takes_large(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	return troupe_queue_take(NULL, a, &(struct troupe_take_options){ .count = 100, .on_messages = on_large });
}

TEST(no_more_is_read_than_is_given)
{
	const struct troupe_kind *const kinds[] = { &warehouse, NULL };

	shop_open();
	tr_world_close(&w);
	shop_log[0] = 0;
	tr_world_open(&w, kinds, NULL);
	shop_does(sends_large);
	shop_does(takes_large);
	tr_world_pass(&w, 0);
	assert_log("0 13;"); /* the last of which makes it enough */
	assert_int_equal(w.item_reads, 13);
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ a store that takes its time, and one that fails */

TEST(bodies_may_come_late)
{
	shop_open();
	w.hold_reads = true;
	shop_send("jobs", "1");
	shop_send("a", "2");
	wish = (struct troupe_take_options){ .timeout_ms = 50 };
	shop_does(takes);
	tr_world_pass(&w, 60); /* its time is up, but it has something */
	assert_log("");
	tr_world_read(&w);
	tr_world_pass(&w, 0);
	assert_log("took a2;run jobs 1;");
	shop_send("a", "3");
	wish = (struct troupe_take_options){ .timeout_ms = -1 };
	shop_does(takes);
	tr_world_pass(&w, 0);
	shop_does(cancels);
	tr_world_pass(&w, 0);
	tr_world_read(&w);
	tr_world_pass(&w, 0);
	assert_log("took EABORTED;");
	assert_waiting(1);
	shop_does(takes);
	shop_send("jobs", "4");
	tr_world_pass(&w, 0);
	shop_does(shop_destroys); /* the bodies find nobody */
	assert_log("took EABORTED;");
	tr_world_read(&w);
	tr_world_pass(&w, 0);
	assert_log("");
	tr_world_close(&w);
}

TEST(what_waits_is_known_before_the_first_turn)
{
	struct sent s;

	shop_open();
	shop_send("a", "1");
	shop_run = shop_keeps;
	shop_send("jobs", "2");
	tr_world_pass(&w, 0);
	assert_log("run jobs 2;");
	w.hold_reads = true;
	tr_world_restart(&w, shop_kinds, NULL);
	shop_log[0] = 0;
	shop_acts(&s, shop_count);
	tr_world_turn(&w);
	assert_false(s.came); /* it is still asleep */
	tr_world_read(&w);    /* the keys */
	tr_world_turn(&w);
	assert_string_equal(s.text, "completed 2");
	w.hold_reads = false;
	tr_world_read(&w);
	tr_world_pass(&w, TR_IDLE_MS);
	assert_log("run jobs 2;"); /* and it holds the actor */
	tr_world_close(&w);
}

/* The next read of keys, by whoever wakes x. */
static void keys_fail(void)
{
	if (w.late) { /* x's row and its alarms are read before */
		tr_world_answer(&w);
		tr_world_answer(&w);
	}
	w.next_read = TROUPE_ESTORE;
}

TEST(an_actor_whose_queues_cannot_be_read_does_not_wake_and_is_tried_again)
{
	struct sent s;

	shop_open();
	shop_send("a", "1");
	tr_world_restart(&w, shop_kinds, NULL);
	shop_log[0] = 0;
	tr_world_turn(&w);
	if (!w.late)
		keys_fail();
	shop_acts(&s, shop_count);
	if (w.late)
		keys_fail();
	tr_world_turn(&w);
	assert_int_equal(w.next_read, 0);
	assert_string_equal(s.text, "storage.failed "); /* it would not know what waits */
	assert_waiting(1);
	wish = (struct troupe_take_options){ .count = 1 };
	shop_does(takes);
	tr_world_pass(&w, 0);
	assert_log("took a1;");
	tr_world_close(&w);
}

/* Was run before the process died, and is to be run again. */
static void dies_with_a_job(void)
{
	shop_open();
	shop_run = shop_keeps;
	shop_send("jobs", "1");
	tr_world_pass(&w, 0);
	assert_log("run jobs 1;");
	shop_run = NULL;
}

TEST(who_was_busy_is_woken_also_when_that_could_not_be_read_at_first)
{
	dies_with_a_job();
	w.next_read = TROUPE_ESTORE;
	tr_world_restart(&w, shop_kinds, NULL);
	shop_log[0] = 0;
	tr_world_pass(&w, TR_RESUME_RETRY_MS - 1);
	assert_int_equal(w.next_read, 0);
	assert_log("");
	tr_world_pass(&w, 1);
	tr_world_pass(&w, 0);
	assert_log("run jobs 1;");
	tr_world_close(&w);
}

TEST(who_was_busy_is_woken_also_when_it_could_not_be_read_at_first)
{
	dies_with_a_job();
	w.next_find = TROUPE_ESTORE;
	tr_world_restart(&w, shop_kinds, NULL);
	shop_log[0] = 0;
	tr_world_pass(&w, TR_RESUME_RETRY_MS - 1);
	assert_int_equal(w.next_find, 0);
	assert_log("");
	tr_world_pass(&w, 1);
	tr_world_pass(&w, 0);
	assert_log("run jobs 1;");
	tr_world_close(&w);
}

TEST(who_could_not_be_read_at_the_start_is_nobodys_when_the_server_drains)
{
	dies_with_a_job();
	w.next_read = TROUPE_ESTORE;
	tr_world_restart(&w, shop_kinds, NULL);
	shop_log[0] = 0;
	tr_world_turn(&w);
	tr_world_close(&w); /* which sees that it drains */
	assert_log("");
}

/* Behind the queues' back. */
static int spoils(struct troupe_actor *a, struct troupe_call *c)
{
	char key[] = "queue/" "01234567" "a";

	(void)c;
	for (int i = 0; i < 8; i++)
		key[6 + i] = (char)(lent[0]->number >> (56 - 8 * i));
	tr_actor_delete(a, (struct troupe_text){ key, sizeof key - 1 });
	troupe_message_release(a, lent[0]);
	return 0;
}

TEST(a_body_that_cannot_be_read_is_told_to_who_wanted_it)
{
	shop_open();
	shop_send("a", "1");
	wish = (struct troupe_take_options){ .completable = true };
	shop_does(takes);
	tr_world_pass(&w, 0);
	shop_does(spoils);
	shop_does(takes);
	tr_world_pass(&w, 0);
	assert_log("took a1;took ENOTFOUND;");
	tr_world_close(&w);
}

TESTS(
	RUN(run_gets_each_message_in_its_order),
	RUN(what_run_does_and_that_it_did_it_are_one_commit),
	RUN(a_run_that_fails_is_tried_again_and_those_behind_it_wait),
	RUN(run_may_keep_a_message_until_it_is_done),
	RUN(run_may_end_its_actor),
	RUN(run_may_send),
	RUN(a_take_gets_the_oldest_of_what_it_wants),
	RUN(takes_wait_and_each_message_is_given_once),
	RUN(a_take_may_be_cancelled_and_is_undone_with_its_turn),
	RUN(a_turn_that_fails_has_taken_nothing),
	RUN(takes_that_make_no_sense_are_refused),
	RUN(what_was_taken_to_be_completed_stays_until_it_is),
	RUN(takes_wait_for_what_was_taken_before_them),
	RUN(who_waits_is_answered_when_the_message_is_just_taken),
	RUN(a_message_completed_in_the_moment_in_which_its_time_is_up_is_answered_once),
	RUN(an_actor_that_only_waits_for_messages_sleeps),
	RUN(an_actor_that_goes_takes_no_more),
	RUN(no_more_is_read_than_is_given),
	RUN(bodies_may_come_late),
	RUN(what_waits_is_known_before_the_first_turn),
	RUN(an_actor_whose_queues_cannot_be_read_does_not_wake_and_is_tried_again),
	RUN(who_was_busy_is_woken_also_when_that_could_not_be_read_at_first),
	RUN(who_was_busy_is_woken_also_when_it_could_not_be_read_at_first),
	RUN(who_could_not_be_read_at_the_start_is_nobodys_when_the_server_drains),
	RUN(a_body_that_cannot_be_read_is_told_to_who_wanted_it))
