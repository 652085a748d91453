/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts that are stopped, and agents that do not react: what people may rely on when they have had enough of a turn. */
#include "tests/unit/sandbox/session_kit.h"

/* A prompt that runs, and of which something was heard. */
static struct troupe_call *run_heard(const char *id)
{
	struct troupe_call *call = kit_run(id, "work");

	in_say("working");
	UNTIL(events("\"working\"") > 0);
	return call;
}

/* ------------------------------------------------------------------ the queue */

TEST(the_queue_shows_what_runs_and_what_waits)
{
	char expected[512];

	kit_start_ready();
	assert_string_equal(kit_queue(), "{\"running\":null,\"queued\":[]}");
	kit_run("p1", "one");
	kit_prompt("p2", "two");
	kit_prompt("p3", "three");
	snprintf(expected, sizeof expected, "{\"running\":{\"promptId\":\"p1\",\"userId\":\"ann\",\"text\":\"one\",\"createdAt\":%lld,"
	         "\"since\":%lld,\"state\":\"running\",\"stalled\":false},\"queued\":[{\"promptId\":\"p2\",\"userId\":\"ann\","
	         "\"text\":\"two\",\"createdAt\":%lld},{\"promptId\":\"p3\",\"userId\":\"ann\",\"text\":\"three\","
	         "\"createdAt\":%lld}]}",
	         1795303334935LL, 1795303334935LL, 1795303334935LL, 1795303334935LL);
	assert_string_equal(kit_queue(), expected);
	kit_crash();
	kit_open();
	assert_string_equal(kit_queue(), expected);
	kit_end();
}

TEST(who_waits_is_told_the_place)
{
	kit_start_ready();
	kit_run("p1", "one");
	kit_prompt("p2", "two");
	kit_prompt("p3", "three");
	assert_int_equal(told("turn.state", "\"promptId\":\"p1\",\"state\":\"running\",\"userId\":\"ann\",\"position\":0"), 1);
	assert_int_equal(told("turn.state", "\"promptId\":\"p2\",\"state\":\"queued\",\"userId\":\"ann\",\"position\":1"), 1);
	assert_int_equal(told("turn.state", "\"promptId\":\"p3\",\"state\":\"queued\",\"userId\":\"ann\",\"position\":2"), 1);
	kit_end();
}

TEST(long_texts_of_the_queue_are_cut_between_characters)
{
	size_t size = 128 * 1024;
	char *text = malloc(size + 4);

	for (size_t i = 0; i < size; i += 2)
		memcpy(text + i, "\xc3\xa9", 2); /* two bytes each, behind one of one byte */
	text[0] = text[1] = 'x';
	text[size] = '\0';
	kit_start_ready();
	kit_run("p1", "short");
	kit_prompt("p2", text);
	assert_non_null(strstr(kit_queue(), "\"text\":\"short\",\"createdAt\""));
	assert_non_null(strstr(kit_queue(), "\xc3\xa9\",\"truncated\":true,\"createdAt\""));
	assert_in_range(strlen(kit_queue()), 64 * 1024, 65 * 1024);
	free(text);
	kit_end();
}

/* ------------------------------------------------------------------ stopping what waits */

TEST(a_queued_prompt_is_taken_out_and_its_callers_hear_so)
{
	struct troupe_call *first, *second, *third, *cancel;

	kit_start_ready();
	first = kit_run("p1", "one");
	second = kit_prompt("p2", "two");
	third = kit_prompt("p3", "three");
	cancel = kit_cancel("p2");
	assert_string_equal(cancel->text, "promptId=p2 state=cancelled");
	assert_int_equal(second->error, TROUPE_ECANCELLED);
	assert_string_equal(newest("turn.state"), "{\"promptId\":\"p2\",\"state\":\"cancelled\",\"userId\":\"ann\",\"position\":0,"
	                    "\"by\":\"cy\",\"sessionId\":\"default\"}");
	assert_int_equal(in.cancels, 0);
	in_finish("end_turn");
	UNTIL(first->answered && in.prompt_id[0]);
	in_finish("end_turn");
	UNTIL(third->answered);
	assert_int_equal(events("session/prompt"), 2);
	assert_int_equal(fake.holds, 0);
	kit_end();
}

TEST(a_cancelled_prompt_stays_cancelled_after_a_restart)
{
	struct troupe_call *again;

	kit_start_ready();
	kit_run("p1", "one");
	kit_prompt("p2", "two");
	kit_cancel("p2");
	kit_crash();
	kit_open();
	again = kit_prompt("p2", "two");
	assert_int_equal(again->error, TROUPE_ECANCELLED);
	in_finish("end_turn");
	UNTIL(told("turn.state", "done") == 1);
	kit_settle();
	assert_int_equal(events("session/prompt"), 1);
	kit_end();
}

TEST(what_is_over_or_was_never_there_cannot_be_cancelled)
{
	struct troupe_call *call;
	char long_id[200];

	memset(long_id, 'i', sizeof long_id);
	long_id[199] = '\0';
	kit_start_ready();
	assert_int_equal(kit_cancel(NULL)->error, TROUPE_ENOPROMPT);
	assert_int_equal(kit_cancel("p1")->error, TROUPE_ENOPROMPT);
	assert_int_equal(kit_cancel(long_id)->error, TROUPE_ENOPROMPT);
	call = kit_run("p1", "one");
	in_finish("end_turn");
	UNTIL(call->answered);
	assert_int_equal(kit_cancel("p1")->error, TROUPE_EOVER);
	kit_run("p2", "two");
	kit_prompt("p3", "three");
	kit.holds_commits = true;
	kit_cancel("p3");
	assert_int_equal(kit_cancel("p3")->error, TROUPE_EOVER);
	kit_end();
}

TEST(a_person_has_a_name_of_some_length_at_most)
{
	struct troupe_call *calls[3] = { kit.calls, kit.calls + 1, kit.calls + 2 };
	char name[300];

	memset(name, 'n', sizeof name);
	name[257] = '\0';
	kit_start_ready();
	kit.ops->cancel(kit.session, calls[0], NULL, name);
	kit.ops->restart(kit.session, calls[1], name);
	kit.ops->prompt(kit.session, calls[2], &(struct troupe_prompt){ .prompt_id = "p", .user_id = name, .text = "x" });
	for (int i = 0; i < 3; i++)
		assert_int_equal(calls[i]->error, TROUPE_EINVAL);
	kit_end();
}

/* ------------------------------------------------------------------ stopping what runs */

TEST(the_running_turn_is_cancelled_by_the_agent_and_passes_the_queue)
{
	struct troupe_call *first, *second, *cancel;

	kit_start_ready();
	first = run_heard("p1");
	second = kit_prompt("p2", "two");
	cancel = kit_cancel(NULL);
	assert_string_equal(cancel->text, "promptId=p1 state=cancelling");
	assert_string_equal(newest("turn.state"), "{\"promptId\":\"p1\",\"state\":\"cancelling\",\"userId\":\"ann\",\"position\":0,"
	                    "\"stalled\":false,\"by\":\"cy\",\"sessionId\":\"default\"}");
	assert_non_null(strstr(kit_queue(), "\"state\":\"cancelling\""));
	UNTIL(in.cancels == 1);
	assert_string_equal(in.last_post, "{\"jsonrpc\":\"2.0\",\"method\":\"session/cancel\",\"params\":{\"sessionId\":"
		"\"agent-session-1795303334001\"}}");
	assert_int_equal(events(in.last_post), 1);
	assert_false(first->answered);
	in_finish("cancelled");
	UNTIL(first->answered && in.prompt_id[0]);
	assert_string_equal(first->text, "promptId=p1 stopReason=cancelled");
	in_finish("end_turn");
	UNTIL(second->answered);
	assert_int_equal(second->error, 0);
	assert_int_equal(in.cancels, 1);
	assert_events_whole();
	kit_end();
}

TEST(cancelling_twice_says_so_once)
{
	struct troupe_call *cancel;

	kit_start_ready();
	run_heard("p1");
	kit_cancel("p1");
	cancel = kit_cancel("p1");
	assert_string_equal(cancel->text, "promptId=p1 state=cancelling");
	UNTIL(in.cancels == 1);
	kit_settle();
	assert_int_equal(in.cancels, 1);
	assert_int_equal(told("turn.state", "cancelling"), 1);
	assert_int_equal(events("session/cancel"), 1);
	kit_end();
}

TEST(nothing_is_said_to_the_agent_before_it_is_committed)
{
	kit_start_ready();
	run_heard("p1");
	kit.holds_commits = true;
	kit_cancel(NULL);
	kit_settle();
	assert_int_equal(in.cancels, 0);
	kit.holds_commits = false;
	UNTIL(in.cancels == 1);
	kit_end();
}

TEST(a_cancel_does_not_overtake_its_prompt)
{
	kit_start_ready();
	kit_run("p1", "one");
	kit_cancel(NULL);
	kit_settle();
	assert_int_equal(in.cancels, 0);
	in_say("I got it");
	UNTIL(in.cancels == 1);
	kit_end();
}

TEST(a_silent_agent_is_told_once_the_sandbox_has_had_the_prompt_for_a_while)
{
	kit_start_ready();
	kit_run("p1", "one");
	kit_cancel(NULL);
	UNTIL(in.cancels == 1);
	kit_end();
}

TEST(the_next_prompt_waits_until_the_cancel_is_out_of_its_way)
{
	struct troupe_call *first;

	kit_start_ready();
	first = run_heard("p1");
	kit_prompt("p2", "two");
	in.hold_cancels = true;
	kit_cancel("p1");
	UNTIL(in.cancels == 1);
	in_finish("end_turn");
	UNTIL(first->answered);
	kit_settle();
	assert_int_equal(told("turn.state", "\"promptId\":\"p2\",\"state\":\"running\""), 0);
	for (int n = 0; n < IN_CONNS; n++) {
		if (in.conns[n].held && strcmp(in.conns[n].id, "cancel") == 0)
			in_raw(&in.conns[n], "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
	}
	UNTIL(in.prompt_id[0]);
	kit_end();
}

TEST(a_cancel_that_was_not_sent_when_its_turn_ended_is_never_sent)
{
	struct troupe_call *first;

	kit_start_ready();
	first = run_heard("p1");
	kit_prompt("p2", "two");
	kit.holds_commits = true;
	kit_cancel("p1");
	in_finish("end_turn");
	UNTIL(first->answered);
	kit.holds_commits = false;
	UNTIL(in.prompt_id[0]);
	assert_int_equal(in.cancels, 0);
	kit_end();
}

TEST(a_prompt_that_was_not_sent_is_cancelled_without_the_agent)
{
	struct troupe_call *first, *cancel;

	kit_start_ready();
	kit.holds_commits = true;
	first = kit_prompt("p1", "one");
	kit_prompt("p2", "two");
	cancel = kit_cancel("p1");
	assert_string_equal(cancel->text, "promptId=p1 state=cancelled");
	kit.holds_commits = false;
	fake_commit();
	assert_int_equal(first->error, TROUPE_ECANCELLED);
	assert_int_equal(events("\"data\":{\"reason\":\"cancelled\"}"), 1);
	UNTIL(in.prompt_id[0]);
	assert_non_null(strstr(in.last_post, "two"));
	assert_int_equal(in.cancels, 0);
	kit_end();
}

TEST(a_cancel_that_the_sandbox_did_not_take_is_said_again)
{
	kit_start_ready();
	run_heard("p1");
	in.refuse_cancel = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
	kit_cancel("p1");
	UNTIL(in.cancels == 2);
	assert_int_equal(events("session/cancel"), 1);
	kit_end();
}

TEST(an_acknowledged_cancel_has_its_effect_after_a_restart)
{
	struct troupe_call *cancel;

	kit_start_ready();
	run_heard("p1");
	in.hold_cancels = true;
	cancel = kit_cancel("p1");
	assert_true(cancel->answered);
	kit_crash();
	in.hold_cancels = false;
	in.cancels = 0;
	kit_open();
	assert_non_null(strstr(kit_queue(), "\"state\":\"cancelling\""));
	UNTIL(in.cancels == 1);
	in_finish("cancelled");
	UNTIL(told("turn.state", "\"state\":\"cancelled\"") == 1);
	assert_int_equal(events("session/cancel"), 1);
	assert_int_equal(told("turn.state", "\"by\":\"cy\",\"stopReason\":\"cancelled\""), 1);
	assert_events_whole();
	kit_end();
}

TEST(open_permissions_are_cancelled_behind_the_cancel_and_later_ones_at_once)
{
	static const char question[] = "{\"id\":%d,\"method\":\"session/request_permission\",\"params\":{\"options\":["
		"{\"optionId\":\"A\",\"kind\":\"allow_once\"}]}}";
	char json[256];

	kit_start_ready();
	run_heard("p1");
	for (int i = 7; i < 9; i++) {
		snprintf(json, sizeof json, question, i);
		in_emit(json);
	}
	UNTIL(told("permission.request", "") == 2);
	kit_cancel(NULL);
	assert_int_equal(told("permission.resolved", "\"reply\":\"cancelled\""), 2);
	assert_true(place("session.event", "session/cancel") < place("session.event", "\"id\":7,\"result\""));
	UNTIL(strstr(in.last_post, "\"id\":8,\"result\":{\"outcome\":{\"outcome\":\"cancelled\"}}") != NULL);
	snprintf(json, sizeof json, question, 9);
	in_emit(json);
	UNTIL(strstr(in.last_post, "\"id\":9,\"result\":{\"outcome\":{\"outcome\":\"cancelled\"}}") != NULL);
	assert_int_equal(told("permission.resolved", "\"reply\":\"cancelled\""), 3);
	kit_end();
}

/* ------------------------------------------------------------------ agents that do not react */

TEST(an_agent_that_ignores_a_cancel_is_told_of_and_may_still_end)
{
	struct troupe_call *call, *again;

	kit_start_ready();
	kit.times.cancel_ms = 50;
	call = run_heard("p1");
	kit_cancel(NULL);
	UNTIL(told("turn.state", "agent_unresponsive") == 1);
	again = kit_cancel(NULL);
	assert_string_equal(again->text, "promptId=p1 state=agent_unresponsive");
	in_finish("cancelled");
	UNTIL(call->answered);
	assert_string_equal(call->text, "promptId=p1 stopReason=cancelled");
	kit_end();
}

TEST(an_unresponsive_agent_is_known_as_such_after_a_restart)
{
	kit_start_ready();
	kit.times.cancel_ms = 50;
	run_heard("p1");
	kit_cancel(NULL);
	UNTIL(told("turn.state", "agent_unresponsive") == 1);
	kit_crash();
	kit_open();
	UNTIL(events("reattach") == 1);
	assert_non_null(strstr(kit_queue(), "agent_unresponsive"));
	assert_int_equal(told("turn.state", "agent_unresponsive"), 1);
	kit_end();
}

TEST(a_restart_ends_the_turn_and_the_queue_goes_on_with_another_agent)
{
	struct troupe_call *first, *second, *restart;

	kit_start_ready();
	kit.times.cancel_ms = 50;
	first = run_heard("p1");
	second = kit_prompt("p2", "two");
	kit_cancel(NULL);
	UNTIL(told("turn.state", "agent_unresponsive") == 1);
	in.prompt_id[0] = '\0';
	in.delete_hangs = true;
	in.swept = "4711\\n";
	restart = kit_restart_agent();
	assert_int_equal(restart->error, 0);
	assert_int_equal(first->error, TROUPE_EUNRESPONSIVE);
	assert_string_equal(first->text, "cy restarted the agent.");
	assert_int_equal(events("\"data\":{\"reason\":\"agent_unresponsive\"}"), 1);
	UNTIL(in.prompt_id[0]);
	assert_int_equal(in.deletes, 1);
	assert_int_equal(in.sweeps, 2);
	assert_int_equal(events("\"how\":\"replay\""), 1);
	in_finish("end_turn");
	UNTIL(second->answered);
	assert_int_equal(second->error, 0);
	assert_events_whole();
	kit_end();
}

TEST(a_restart_between_turns_makes_a_new_instance_and_is_no_crash)
{
	kit_start_ready();
	for (int i = 0; i < 4; i++) {
		assert_int_equal(kit_restart_agent()->error, 0);
		UNTIL(told("sandbox.state", "ready") == i + 2);
	}
	assert_int_equal(in.instance_count, 5);
	assert_int_equal(told("turn.state", ""), 0);
	kit_run("p1", "one");
	kit_end();
}

TEST(an_agent_hears_of_its_end_before_another_is_made_if_it_listens)
{
	kit_start();
	in.capabilities = "{\"sessionCapabilities\":{\"close\":{}}}";
	kit_open_ready();
	kit_restart_agent();
	UNTIL(in.closes == 1);
	assert_int_equal(in.instance_count, 1);
	UNTIL(told("sandbox.state", "ready") == 2);
	kit.times.cancel_ms = 50;
	run_heard("p1");
	kit_cancel(NULL);
	UNTIL(told("turn.state", "agent_unresponsive") == 1);
	kit_restart_agent();
	UNTIL(told("sandbox.state", "ready") == 3);
	assert_int_equal(in.closes, 1);
	assert_int_equal(in.deletes, 2);
	kit_end();
}

TEST(an_acknowledged_restart_has_its_effect_after_a_restart_of_ours)
{
	struct troupe_call *call;

	kit_start_ready();
	call = run_heard("p1");
	kit_restart_agent();
	assert_int_equal(call->error, TROUPE_ERESTARTED);
	kit_crash();
	kit_open();
	UNTIL(told("sandbox.state", "ready") == 2);
	assert_int_equal(in.instance_count, 2);
	assert_int_equal(in.deletes, 1);
	kit_end();
}

TEST(permissions_expire_when_the_agent_is_restarted)
{
	kit_start_ready();
	run_heard("p1");
	in_emit("{\"id\":7,\"method\":\"session/request_permission\",\"params\":{\"options\":[{\"optionId\":\"A\",\"kind\":"
		"\"allow_once\"}]}}");
	UNTIL(told("permission.request", "") == 1);
	kit_restart_agent();
	assert_int_equal(told("permission.resolved", "\"reply\":\"expired\""), 1);
	kit_end();
}

TEST(a_turn_without_a_word_is_told_as_stalled_until_there_is_one)
{
	kit_start();
	kit.stall_ms = 50;
	kit_open_ready();
	run_heard("p1");
	UNTIL(told("turn.state", "\"state\":\"running\",\"userId\":\"ann\",\"position\":0,\"stalled\":true") == 1);
	assert_non_null(strstr(kit_queue(), "\"stalled\":true"));
	kit_crash();
	kit.stall_ms = 60000;
	kit_open();
	assert_non_null(strstr(kit_queue(), "\"stalled\":true"));
	in_say("sorry");
	UNTIL(events("sorry") == 1);
	assert_string_equal(newest("turn.state"), "{\"promptId\":\"p1\",\"state\":\"running\",\"userId\":\"ann\",\"position\":0,"
	                    "\"stalled\":false,\"sessionId\":\"default\"}");
	kit_end();
}

TEST(an_agent_that_waits_for_people_is_not_stalled)
{
	kit_start();
	kit.stall_ms = 20;
	kit_open_ready();
	kit_run("p1", "one");
	in_emit("{\"id\":7,\"method\":\"session/request_permission\",\"params\":{\"options\":[{\"optionId\":\"A\",\"kind\":"
		"\"allow_once\"}]}}");
	UNTIL(told("permission.request", "") == 1);
	for (int i = 0; i < 5; i++)
		kit_settle();
	assert_int_equal(told("turn.state", "\"stalled\":true"), 0);
	kit_end();
}

TESTS(
	RUN(the_queue_shows_what_runs_and_what_waits),
	RUN(who_waits_is_told_the_place),
	RUN(long_texts_of_the_queue_are_cut_between_characters),
	RUN(a_queued_prompt_is_taken_out_and_its_callers_hear_so),
	RUN(a_cancelled_prompt_stays_cancelled_after_a_restart),
	RUN(what_is_over_or_was_never_there_cannot_be_cancelled),
	RUN(a_person_has_a_name_of_some_length_at_most),
	RUN(the_running_turn_is_cancelled_by_the_agent_and_passes_the_queue),
	RUN(cancelling_twice_says_so_once),
	RUN(nothing_is_said_to_the_agent_before_it_is_committed),
	RUN(a_cancel_does_not_overtake_its_prompt),
	RUN(a_silent_agent_is_told_once_the_sandbox_has_had_the_prompt_for_a_while),
	RUN(the_next_prompt_waits_until_the_cancel_is_out_of_its_way),
	RUN(a_cancel_that_was_not_sent_when_its_turn_ended_is_never_sent),
	RUN(a_prompt_that_was_not_sent_is_cancelled_without_the_agent),
	RUN(a_cancel_that_the_sandbox_did_not_take_is_said_again),
	RUN(an_acknowledged_cancel_has_its_effect_after_a_restart),
	RUN(open_permissions_are_cancelled_behind_the_cancel_and_later_ones_at_once),
	RUN(an_agent_that_ignores_a_cancel_is_told_of_and_may_still_end),
	RUN(an_unresponsive_agent_is_known_as_such_after_a_restart),
	RUN(a_restart_ends_the_turn_and_the_queue_goes_on_with_another_agent),
	RUN(a_restart_between_turns_makes_a_new_instance_and_is_no_crash),
	RUN(an_agent_hears_of_its_end_before_another_is_made_if_it_listens),
	RUN(an_acknowledged_restart_has_its_effect_after_a_restart_of_ours),
	RUN(permissions_expire_when_the_agent_is_restarted),
	RUN(a_turn_without_a_word_is_told_as_stalled_until_there_is_one),
	RUN(an_agent_that_waits_for_people_is_not_stalled))
