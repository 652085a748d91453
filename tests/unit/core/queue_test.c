/* SPDX-License-Identifier: Apache-2.0 */
/* Messages come, wait, and are done with: what their senders are told, and what is on disk. */
#include "tests/unit/core/shop.h"

/* ------------------------------------------------------------------ sending */

TEST(a_send_is_answered_when_the_message_is_on_disk)
{
	struct sent s;

	shop_open();
	w.hold_commits = true;
	shop_sends(&s, &(struct sending){ .queue = "a", .body = "1" });
	tr_world_turn(&w);
	assert_false(s.came);
	tr_world_commit(&w);
	assert_string_equal(s.text, "completed ");
	w.hold_commits = false;
	assert_waiting(1);
	tr_world_close(&w);
}

TEST(a_queue_that_is_not_there_is_passed_over)
{
	struct sent s;

	shop_open();
	shop_sends(&s, &(struct sending){ .queue = "nowhere", .body = "1", .wait = true });
	tr_world_turn(&w);
	assert_string_equal(s.text, "completed ");
	assert_waiting(0);
	tr_world_close(&w);
}

TEST(what_a_queue_does_not_take_is_refused_in_the_official_words)
{
	char large[128];
	struct sent s;

	shop_open();
	memset(large, 'x', sizeof large);
	large[0] = large[110] = '"';
	large[111] = 0;
	shop_sends(&s, &(struct sending){ .queue = "a", .body = large });
	tr_world_turn(&w);
	assert_string_equal(s.text, "queue.message_too_large {\"size\":111,\"limit\":100}");
	shop_sends(&s, &(struct sending){ .queue = "orders", .body = "{\"amount\":\"much\"}" });
	tr_world_turn(&w);
	assert_string_equal(s.text, "actor.validation_error ");
	shop_send("orders", "{\"amount\":7}");
	for (int i = 0; i < 4; i++)
		shop_send("a", "1");
	shop_sends(&s, &(struct sending){ .queue = "b", .body = "1" });
	tr_world_turn(&w);
	assert_string_equal(s.text, "queue.full {\"limit\":5}");
	assert_waiting(5);
	tr_world_close(&w);
}

TEST(a_kind_may_refuse_a_sender)
{
	struct sent s;

	shop_open();
	shop_sends(&s, &(struct sending){ .queue = "a", .body = "1", .params = "{\"who\":\"thief\"}", .wait = true });
	tr_world_turn(&w);
	assert_string_equal(s.text, "auth.forbidden ");
	assert_waiting(0);
	tr_world_close(&w);
}

static int sends_then_fails(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	assert_int_equal(troupe_queue_send(a, "jobs", (struct troupe_value){ "\1", 1 }), 0);
	assert_int_equal(troupe_queue_count(a), 1);
	return TROUPE_EFORBIDDEN;
}

static int sends_nowhere(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	return troupe_queue_send(a, "nowhere", (struct troupe_value){ "\1", 1 });
}

static int sends_nothing(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	return troupe_queue_send(a, "jobs", (struct troupe_value){ 0 });
}

TEST(a_turn_that_fails_has_sent_nothing)
{
	shop_open();
	assert_string_equal(shop_does(sends_then_fails), "auth.forbidden ");
	assert_string_equal(shop_does(sends_nowhere), "request.invalid ");
	tr_world_pass(&w, 0);
	assert_waiting(0);
	assert_log("");
	assert_string_equal(shop_does(sends_nothing), "completed ");
	tr_world_pass(&w, 0);
	assert_log("run jobs [\"$Undefined\",0];");
	tr_world_pass(&w, TR_IDLE_MS); /* the hold was undone with the turn */
	assert_log("sleep;");
	tr_world_close(&w);
}

TEST(a_commit_that_fails_loses_the_message_and_says_so)
{
	struct sent s, waiter;

	shop_open();
	shop_send("a", "1");
	w.next_commit = TROUPE_EFULL;
	shop_sends(&s, &(struct sending){ .queue = "a", .body = "2" });
	shop_sends(&waiter, &(struct sending){ .queue = "jobs", .body = "3", .wait = true });
	tr_world_turn(&w);
	assert_string_equal(s.text, "storage.full ");
	assert_string_equal(waiter.text, "storage.full ");
	tr_world_pass(&w, 0);
	assert_log("");
	assert_waiting(1);
	tr_world_close(&w);
}

TEST(too_many_who_wait_are_told_so_that_the_official_client_sends_again)
{
	static struct sent all[TR_MAILBOX_MAX], one_more;

	shop_open();
	shop_does(shop_count);
	for (size_t i = 0; i < TR_MAILBOX_MAX; i++)
		shop_sends(&all[i], &(struct sending){ .queue = "nowhere", .wait = true }); /* answered with the next turn */
	shop_sends(&one_more, &(struct sending){ .queue = "a", .body = "1" });
	tr_world_turn(&w);
	assert_string_equal(one_more.text,
	                    "actor.overloaded {\"channel\":\"dispatch_inbox\",\"operation\":\"dispatch_queue_send\"}");
	assert_waiting(0);
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ waiting for completion */

static int completes_kept(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	return troupe_message_complete(a, shop_kept, (struct troupe_value){ "\x81\xa1z\x05", 4 });
}

static int completes_kept_badly(struct troupe_actor *a, struct troupe_call *c)
{
	completes_kept(a, c);
	assert_int_equal(troupe_message_complete(a, shop_kept, (struct troupe_value){ 0 }), TROUPE_ECOMPLETED);
	return TROUPE_EFORBIDDEN;
}

TEST(who_waits_gets_the_response_when_it_is_on_disk)
{
	struct sent s;

	shop_open();
	shop_run = shop_keeps;
	shop_sends(&s, &(struct sending){ .queue = "jobs", .body = "1", .wait = true });
	tr_world_pass(&w, 0);
	assert_log("run jobs 1;");
	assert_string_equal(shop_does(completes_kept_badly), "auth.forbidden ");
	tr_world_pass(&w, 0);
	assert_false(s.came); /* that was undone */
	assert_waiting(1);
	shop_act = completes_kept;
	shop_does(completes_kept);
	tr_world_pass(&w, 0);
	assert_string_equal(s.text, "completed {\"z\":5}");
	assert_waiting(0);
	tr_world_close(&w);
}

TEST(run_that_just_returns_completes_without_a_response)
{
	struct sent s;

	shop_open();
	shop_sends(&s, &(struct sending){ .queue = "jobs", .body = "1", .wait = true, .timeout_ms = 5 });
	tr_world_pass(&w, 0);
	assert_string_equal(s.text, "completed ");
	tr_world_pass(&w, 10); /* its time-out is no more */
	tr_world_close(&w);
}

TEST(a_time_that_is_up_is_told_and_the_message_stays)
{
	struct sent s, endless;

	shop_open();
	shop_sends(&s, &(struct sending){ .queue = "a", .body = "1", .wait = true, .timeout_ms = 50 });
	shop_sends(&endless, &(struct sending){ .queue = "a", .body = "2", .wait = true });
	tr_world_pass(&w, 49);
	assert_false(s.came);
	tr_world_pass(&w, 1);
	tr_world_pass(&w, 0);
	assert_string_equal(s.text, "timedOut ");
	assert_waiting(2);
	tr_world_pass(&w, TR_QUEUE_WAIT_MAX_MS);
	assert_string_equal(endless.text, "timedOut ");
	tr_world_close(&w);
}

TEST(who_leaves_changes_nothing_and_keeps_nobody_awake)
{
	struct tr_http_call *call;
	struct sent s;

	shop_open();
	call = shop_sends(&s, &(struct sending){ .queue = "a", .body = "1", .wait = true });
	tr_core_abandon(call); /* before it is on disk */
	call = shop_sends(&s, &(struct sending){ .queue = "a", .body = "2", .wait = true });
	tr_world_pass(&w, 0);
	tr_core_abandon(call);
	tr_world_pass(&w, TR_IDLE_MS);
	assert_log("sleep;");
	assert_false(s.came);
	assert_waiting(2);
	tr_world_close(&w);
}

TEST(who_leaves_may_be_the_actors_end)
{
	struct tr_http_call *call;
	struct sent s;

	shop_open();
	call = shop_sends(&s, &(struct sending){ .queue = "a", .body = "1", .params = "{\"who\":\"last\"}", .wait = true });
	tr_world_pass(&w, 0);
	tr_core_abandon(call); /* its leave destroys the actor */
	tr_world_pass(&w, 0);
	assert_false(s.came);
	assert_waiting(0);
	tr_world_close(&w);
}

TEST(the_end_of_the_server_is_an_early_time_out_that_of_the_actor_an_abortion)
{
	struct sent s, doomed;

	shop_open();
	shop_sends(&doomed, &(struct sending){ .queue = "a", .body = "1", .wait = true });
	tr_world_pass(&w, 0);
	shop_does(shop_destroys);
	assert_string_equal(doomed.text, "actor.aborted ");
	shop_sends(&s, &(struct sending){ .queue = "a", .body = "1", .wait = true });
	tr_world_pass(&w, 0);
	tr_world_close(&w);
	assert_string_equal(s.text, "timedOut ");
}

static int on_done(struct troupe_actor *a, void *arg, int rc, struct troupe_value response)
{
	(void)a;
	shop_note("done %d %s;", rc, shop_json(response));
	return troupe_reply_int(arg, rc);
}

static int sends_and_waits(struct troupe_actor *a, struct troupe_call *c)
{
	int rc = troupe_queue_send_wait(a, "a", (struct troupe_value){ "\1", 1 }, 70, on_done, c);

	return rc < 0 ? rc : TROUPE_LATER;
}

static int sends_and_waits_badly(struct troupe_actor *a, struct troupe_call *c)
{
	sends_and_waits(a, c);
	return TROUPE_EFORBIDDEN;
}

TEST(an_actor_may_wait_for_its_own_messages)
{
	struct sent s;

	shop_open();
	assert_string_equal(shop_does(sends_and_waits_badly), "auth.forbidden ");
	shop_acts(&s, sends_and_waits);
	tr_world_pass(&w, 70);
	tr_world_pass(&w, 0);
	assert_log("done -42 ;");
	assert_string_equal(s.text, "completed -42");
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ through restarts */

static uint64_t newest; /* number that was taken in this test */

static int on_all(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m, size_t count)
{
	(void)a;
	assert_int_equal(rc, 0);
	for (size_t i = 0; i < count; i++) {
		assert_true(m[i]->sent_ms >= 1700000000000 && m[i]->attempt == 1);
		assert_true(i == 0 || m[i]->number > m[i - 1]->number);
		shop_note("%s %s;", m[i]->queue, shop_json(m[i]->body));
	}
	if (count > 0) {
		assert_true(m[0]->number > newest);
		newest = m[count - 1]->number;
	}
	return troupe_reply_int(arg, (int64_t)count);
}

static int takes_all(struct troupe_actor *a, struct troupe_call *c)
{
	int rc = troupe_queue_take(NULL, a, &(struct troupe_take_options){ .count = 10, .on_messages = on_all, .arg = c });

	return rc < 0 ? rc : TROUPE_LATER;
}

TEST(messages_outlive_the_process_in_their_order_and_waking_reads_no_body)
{
	struct sent s;

	shop_open();
	newest = 0;
	shop_send("a", "1");
	shop_send("b", "2");
	shop_send("a", "3");
	tr_world_restart(&w, shop_kinds, NULL);
	shop_log[0] = 0;
	assert_waiting(3);
	assert_int_equal(w.item_reads, 0);
	shop_send("a", "4");
	shop_acts(&s, takes_all);
	tr_world_pass(&w, 0);
	assert_string_equal(s.text, "completed 4");
	assert_log("a 1;b 2;a 3;a 4;");
	tr_world_restart(&w, shop_kinds, NULL);
	shop_log[0] = 0;
	assert_waiting(0);
	shop_send("a", "5");
	shop_acts(&s, takes_all); /* with a number that was never used */
	tr_world_pass(&w, 0);
	assert_log("a 5;");
	tr_world_close(&w);
}

TEST(what_is_sent_in_sleep_waits_for_the_next_wake)
{
	shop_open();
	shop_last_word = "jobs";
	assert_waiting(0);
	tr_world_pass(&w, TR_IDLE_MS);
	shop_last_word = NULL;
	assert_log("sleep;");
	tr_world_restart(&w, shop_kinds, NULL);
	tr_world_pass(&w, 0);
	assert_log("run jobs 9;"); /* the start of the server woke it */
	tr_world_close(&w);
}

static const struct troupe_kind bare_shop = { .name = "shop", .size = sizeof(struct shop), .state = &shop_state,
	.queues = (const struct troupe_queue[]){ { .name = "b" }, { 0 } } };

TEST(a_queue_that_the_kind_has_no_more_keeps_its_messages)
{
	const struct troupe_kind *const bare[] = { &bare_shop, NULL };
	struct sent s;

	shop_open();
	newest = 0;
	shop_send("a", "1");
	tr_world_restart(&w, bare, NULL);
	shop_sends(&s, &(struct sending){ .queue = "b", .body = "2" });
	tr_world_turn(&w);
	tr_world_restart(&w, shop_kinds, NULL);
	shop_log[0] = 0;
	shop_acts(&s, takes_all);
	tr_world_pass(&w, 0);
	assert_log("a 1;b 2;");
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ forms */

static void refused(const struct troupe_kind *kind)
{
	const struct troupe_kind *const none[] = { NULL };

	tr_world_open(&w, none, NULL);
	assert_int_equal(tr_core_register(w.core, kind), TROUPE_EINVAL);
	tr_world_close(&w);
}

TEST(forms_of_queues_that_make_no_sense_are_refused)
{
	const struct troupe_queue twice[] = { { .name = "a" }, { .name = "a" }, { 0 } }, nameless[] = { { .name = "" }, { 0 } };
	const struct troupe_queue one[] = { { .name = "a" }, { 0 } };

	refused(&(struct troupe_kind){ .name = "k", .queues = twice });
	refused(&(struct troupe_kind){ .name = "k", .queues = nameless });
	refused(&(struct troupe_kind){ .name = "k", .queues = one, .queue_messages = TR_QUEUE_MESSAGES_LIMIT + 1 });
	refused(&(struct troupe_kind){ .name = "k", .queues = one, .queue_bytes = TR_QUEUE_BYTES_LIMIT + 1 });
}

TESTS(
	RUN(a_send_is_answered_when_the_message_is_on_disk),
	RUN(a_queue_that_is_not_there_is_passed_over),
	RUN(what_a_queue_does_not_take_is_refused_in_the_official_words),
	RUN(a_kind_may_refuse_a_sender),
	RUN(a_turn_that_fails_has_sent_nothing),
	RUN(a_commit_that_fails_loses_the_message_and_says_so),
	RUN(too_many_who_wait_are_told_so_that_the_official_client_sends_again),
	RUN(who_waits_gets_the_response_when_it_is_on_disk),
	RUN(run_that_just_returns_completes_without_a_response),
	RUN(a_time_that_is_up_is_told_and_the_message_stays),
	RUN(who_leaves_changes_nothing_and_keeps_nobody_awake),
	RUN(who_leaves_may_be_the_actors_end),
	RUN(the_end_of_the_server_is_an_early_time_out_that_of_the_actor_an_abortion),
	RUN(an_actor_may_wait_for_its_own_messages),
	RUN(messages_outlive_the_process_in_their_order_and_waking_reads_no_body),
	RUN(what_is_sent_in_sleep_waits_for_the_next_wake),
	RUN(a_queue_that_the_kind_has_no_more_keeps_its_messages),
	RUN(forms_of_queues_that_make_no_sense_are_refused))
