/* SPDX-License-Identifier: Apache-2.0 */
/* A store that answers later: whoever asked may have gone by then. Sanitizers see what is freed too early. */
#include "tests/unit/sandbox/session_kit.h"

static void answer_all(void)
{
	while (fake_answer())
		fake_commit();
}

/* The call of a turn that failed: it had its answer, and is no more. */
static void gone(struct troupe_call *call)
{
	call->answered = true;
	fake_call_end(call);
}

static struct troupe_call *list_events(void)
{
	struct troupe_call *call = kit_new_call();

	fake.depth++;
	kit.ops->list_events(call, "default", 0, 100);
	fake.depth--;
	return call;
}

static struct troupe_call *list_sessions(void)
{
	struct troupe_call *call = kit_new_call();

	fake.depth++;
	kit.ops->list_sessions(call, NULL, 100);
	fake.depth--;
	return call;
}

static struct troupe_call *missing(void)
{
	struct troupe_call *call = kit_new_call();

	fake.depth++;
	kit.ops->missing(call, "another");
	fake.depth--;
	return call;
}

/* ------------------------------------------------------------------ it comes, and all is well */

TEST(a_session_loads_and_prompts_with_answers_that_come_later)
{
	struct troupe_call *call;

	kit_start();
	fake.late = true;
	kit_open();
	assert_int_equal(told("sandbox.state", ""), 0);
	assert_true(fake_answer());
	assert_true(fake_answer());
	assert_false(fake_answer());
	UNTIL(told("sandbox.state", "ready") == 1);
	call = kit_prompt("p1", "hello");
	assert_int_equal(told("chat.user", "hello"), 0);
	answer_all();
	assert_int_equal(told("chat.user", "hello"), 1);
	UNTIL(in.prompt_id[0]);
	in_finish("end_turn");
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	kit_end();
}

TEST(a_page_comes_whole_though_its_session_is_destroyed_meanwhile)
{
	struct troupe_call *page, *destroyed;

	kit_start_ready();
	fake.late = true;
	page = list_events();
	destroyed = kit_destroy();
	answer_all();
	assert_true(page->answered);
	assert_int_equal(page->error, 0);
	UNTIL(destroyed->answered);
	answer_all();
	kit_end();
}

/* ------------------------------------------------------------------ the session is closed */

TEST(closed_before_its_items_came)
{
	kit_start_ready();
	kit_close();
	fake.late = true;
	kit_open();
	kit_close();
	answer_all();
	kit_end();
}

TEST(closed_with_half_of_its_items)
{
	kit_start_ready();
	kit_close();
	fake.late = true;
	kit_open();
	assert_true(fake_answer());
	kit_close();
	answer_all();
	kit_end();
}

TEST(closed_while_a_prompt_is_looked_up)
{
	struct troupe_call *call;

	kit_start_ready();
	fake.late = true;
	call = kit_prompt("p1", "hello");
	kit_prompt("p1", "hello");
	kit_close();
	answer_all();
	assert_false(call->answered);
	assert_int_equal(told("chat.user", ""), 0);
	kit_end();
}

TEST(closed_while_what_is_to_be_cancelled_is_looked_up)
{
	kit_start_ready();
	fake.late = true;
	kit_cancel("p1");
	kit_close();
	answer_all();
	kit_end();
}

TEST(opened_again_before_the_answers_to_the_first_came)
{
	struct troupe_call *call;

	kit_start_ready();
	fake.late = true;
	kit_prompt("p1", "first");
	kit_close();
	kit_open();
	call = kit_prompt("p2", "second");
	answer_all();
	assert_int_equal(told("chat.user", "first"), 0);
	assert_int_equal(told("chat.user", "second"), 1);
	UNTIL(in.prompt_id[0]);
	in_finish("end_turn");
	UNTIL(call->answered);
	kit_end();
}

/* ------------------------------------------------------------------ the call is gone */

TEST(what_a_failed_turn_asked_for_is_not_done)
{
	kit_start_ready();
	fake.late = true;
	gone(kit_prompt("p1", "undone"));
	answer_all();
	kit_prompt("p2", "done");
	answer_all();
	assert_int_equal(told("chat.user", "undone"), 0);
	assert_int_equal(told("chat.user", "done"), 1);
	kit_end();
}

TEST(calls_go_while_their_pages_are_read)
{
	struct troupe_call *calls[4];

	kit_start_ready();
	fake.late = true;
	for (size_t answers = 0; answers < 3; answers++) {
		calls[0] = list_events();
		calls[1] = list_sessions();
		calls[2] = missing();
		calls[3] = kit_respond("none", "once");
		for (size_t i = 0; i < answers; i++)
			assert_true(fake_answer());
		for (size_t i = 0; i < 4; i++)
			gone(calls[i]);
		answer_all();
	}
	kit_end();
}

/* ------------------------------------------------------------------ the actor is gone */

TEST(dropped_while_all_is_read)
{
	struct troupe_call *calls[5];

	kit_start_ready();
	fake.late = true;
	calls[0] = kit_prompt("p1", "hello");
	calls[1] = kit_cancel("p2");
	calls[2] = list_events();
	calls[3] = list_sessions();
	calls[4] = kit_respond("none", "once");
	kit.session = fake_drop(kit.ops, kit.session);
	for (size_t i = 0; i < 5; i++) {
		assert_false(calls[i]->answered);
		gone(calls[i]);
	}
	answer_all();
	kit_end();
}

TEST(dropped_while_it_loads)
{
	kit_start_ready();
	kit_close();
	fake.late = true;
	kit_open();
	kit.session = fake_drop(kit.ops, kit.session);
	answer_all();
	kit_end();
}

TESTS(
	RUN(a_session_loads_and_prompts_with_answers_that_come_later),
	RUN(a_page_comes_whole_though_its_session_is_destroyed_meanwhile),
	RUN(closed_before_its_items_came), RUN(closed_with_half_of_its_items),
	RUN(closed_while_a_prompt_is_looked_up), RUN(closed_while_what_is_to_be_cancelled_is_looked_up),
	RUN(opened_again_before_the_answers_to_the_first_came),
	RUN(what_a_failed_turn_asked_for_is_not_done), RUN(calls_go_while_their_pages_are_read),
	RUN(dropped_while_all_is_read), RUN(dropped_while_it_loads))
