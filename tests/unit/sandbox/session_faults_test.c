/* SPDX-License-Identifier: Apache-2.0 */
/* A session when things break: the sandbox, the way to it, the stream, the agent, the disk. Each fault has one clear end. */
#include "tests/unit/sandbox/session_kit.h"

/* ------------------------------------------------------------------ the stream */

/* [S7, F10] */
TEST(messages_that_the_open_stream_missed_are_read_again)
{
	kit_start_ready();
	kit_run("p1", "one");
	in_say("a");
	in_skip("{\"jsonrpc\":\"2.0\",\"method\":\"missed/one\"}");
	in_skip("{\"jsonrpc\":\"2.0\",\"method\":\"missed/two\"}");
	in_say("b");
	UNTIL(events("\"b\"") == 1);
	assert_string_equal(in.last_event_id, "3");
	assert_true(place("session.event", "\"a\"") < place("session.event", "missed/one"));
	assert_true(place("session.event", "missed/two") < place("session.event", "\"b\""));
	assert_int_equal(events("missed/"), 2);
	assert_int_equal(events("_troupe/gap"), 0);
	assert_events_whole();
	kit_end();
}

/* [S8, F11] */
TEST(messages_that_are_gone_leave_one_gap_with_exact_numbers)
{
	struct troupe_call *call;

	kit_start_ready();
	call = kit_run("p1", "one");
	in_say("a");
	UNTIL(events("\"a\"") == 1);
	for (int i = 0; i < 7; i++)
		in_skip("{\"jsonrpc\":\"2.0\",\"method\":\"lost\"}");
	in_newest()->forgotten = in_newest()->count;
	in_say("b");
	in_finish("end_turn");
	UNTIL(call->answered);
	assert_int_equal(events("_troupe/gap"), 1);
	assert_int_equal(events("\"createdAtMs\":1795303334001,\"from\":4,\"to\":10,\"lost\":7}"), 1);
	assert_true(place("session.event", "_troupe/gap") < place("session.event", "\"b\""));
	assert_int_equal(events("lost\"}"), 0);
	assert_events_whole();
	kit_end();
}

TEST(duplicates_are_dropped)
{
	struct in_instance *i;

	kit_start_ready();
	kit_run("p1", "one");
	in_say("a");
	i = in_newest();
	for (int n = 0; n < IN_CONNS; n++) {
		if (in.conns[n].stream) {
			in_send_event(&in.conns[n], i, i->count - 1);
			in_send_event(&in.conns[n], i, 0);
		}
	}
	in_say("b");
	UNTIL(events("\"b\"") == 1);
	assert_int_equal(events("\"a\""), 1);
	assert_int_equal(in.gets, 1);
	kit_end();
}

TEST(a_broken_stream_is_read_on_and_the_turn_does_not_notice)
{
	struct troupe_call *call;

	kit_start_ready();
	call = kit_run("p1", "one");
	in_say("a");
	UNTIL(events("\"a\"") == 1);
	in_cut();
	in_say("b");
	UNTIL(events("\"b\"") == 1);
	assert_string_equal(in.last_event_id, "3");
	in_finish("end_turn");
	UNTIL(call->answered);
	assert_int_equal(told("sandbox.state", ""), 2);
	assert_int_equal(events("_troupe/"), 0);
	kit_end();
}

TEST(a_cut_in_the_middle_of_an_event_loses_nothing)
{
	kit_start_ready();
	kit_run("p1", "one");
	for (int n = 0; n < IN_CONNS; n++) {
		if (in.conns[n].stream)
			in_raw(&in.conns[n], "event: message\nid: 3\ndata: {\"jsonrpc\":");
	}
	in_skip("{\"jsonrpc\":\"2.0\",\"method\":\"whole\"}");
	kit_settle();
	in_cut();
	UNTIL(events("whole") == 1);
	assert_int_equal(events("_troupe/odd"), 0);
	kit_end();
}

/* The response is known from its POST, and the stream seems well. */
TEST(a_stream_that_stalls_is_read_again_before_its_silence_is_believed)
{
	struct troupe_call *call;

	kit_start_ready();
	kit.times.settle_ms = 50;
	call = kit_run("p1", "one");
	in_skip("{\"jsonrpc\":\"2.0\",\"method\":\"stalled\"}");
	in_finish_aside("end_turn");
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	assert_int_equal(in.gets, 2);
	assert_int_equal(events("stopReason"), 1);
	assert_true(place("session.event", "stalled") < place("session.event", "stopReason"));
	assert_int_equal(events("_troupe/"), 0);
	kit_end();
}

static void heartbeat(void)
{
	for (int n = 0; n < IN_CONNS; n++) {
		if (in.conns[n].stream)
			in_raw(&in.conns[n], ": heartbeat\n\n");
	}
}

/* [S6] */
TEST(heartbeats_are_life_and_silence_is_not)
{
	kit_start();
	kit.times.silence_ms = 1500;
	kit_open_ready();
	for (int beats = 0; beats < 100; beats++) {
		heartbeat();
		kit_settle();
	}
	assert_int_equal(in.gets, 1);
	UNTIL(in.gets == 2);
	in_say("on");
	UNTIL(events("\"on\"") == 1);
	kit_end();
}

TEST(a_stream_that_cannot_be_opened_is_an_unreachable_sandbox)
{
	struct troupe_call *call;

	kit_start_ready();
	in.stream = "HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>";
	in_cut();
	kit_settle();
	call = kit_prompt("p1", "one");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_ESANDBOX);
	assert_int_equal(told("sandbox.state", "unreachable"), 1);
	in.stream = NULL;
	kit_run("p2", "two");
	assert_int_equal(in.instance_count, 1);
	kit_end();
}

/* ------------------------------------------------------------------ the sandbox */

TEST(an_unreachable_sandbox_is_told_once_and_fails_who_waits)
{
	struct troupe_call *call;

	kit_start();
	in_stop_listening();
	kit_open();
	call = kit_prompt("p1", "one");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_ESANDBOX);
	assert_int_equal(told("sandbox.state", "unhealthy"), 1);
	assert_int_equal(told("turn.state", "\"code\":\"unreachable\""), 1);
	assert_int_equal(fake.holds, 0);
	in_listen();
	call = kit_prompt("p2", "two");
	UNTIL(in.prompt_id[0]);
	assert_int_equal(told("sandbox.state", "unhealthy"), 1);
	assert_int_equal(events("session/prompt"), 1);
	kit_end();
}

TEST(a_wrong_token_is_final_until_somebody_asks_again)
{
	struct troupe_call *call;

	kit_start();
	in.health = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
	kit_open();
	call = kit_prompt("p1", "one");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_ETOKEN);
	kit_settle();
	assert_int_equal(in.healths, 1);
	in.health = NULL;
	kit_run("p2", "two");
	kit_end();
}

TEST(the_page_of_a_proxy_is_not_the_server)
{
	struct troupe_call *call;

	kit_start();
	in.health = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\n\r\n<html>ok</html>";
	kit_open();
	call = kit_prompt("p1", "one");
	UNTIL(in.healths == 2);
	assert_false(call->answered);
	in.health = NULL;
	UNTIL(in.prompt_id[0]);
	kit_end();
}

TEST(redirects_are_not_followed)
{
	struct troupe_call *call;

	kit_start();
	in.health = "HTTP/1.1 302 Found\r\nlocation: /v1/acp\r\ncontent-length: 0\r\n\r\n";
	kit_open();
	call = kit_prompt("p1", "one");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_ESANDBOX);
	kit_end();
}

TEST(an_agent_that_the_sandbox_does_not_have_fails_who_waits)
{
	struct troupe_call *call;

	kit_start();
	in.first_post = "unsupported_agent";
	kit_open();
	call = kit_prompt("p1", "one");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_ENOAGENT);
	assert_string_equal(call->text, "unsupported_agent");
	assert_int_equal(events(""), 0);
	kit_end();
}

TEST(a_server_that_restarted_has_lost_the_turn_and_gets_a_new_instance)
{
	struct troupe_call *first, *second;

	kit_start_ready();
	first = kit_run("p1", "one");
	second = kit_prompt("p2", "two");
	in.prompt_id[0] = '\0';
	in_restart();
	UNTIL(first->answered);
	assert_int_equal(first->error, TROUPE_ELOST);
	assert_int_equal(events("\"data\":{\"reason\":\"instance_lost\"}"), 1);
	assert_int_equal(events("\"from\":3,\"to\":null,\"lost\":null}"), 1);
	assert_true(place("session.event", "_troupe/gap") < place("session.event", "instance_lost"));
	UNTIL(in.prompt_id[0]);
	in_finish("end_turn");
	UNTIL(second->answered);
	assert_int_equal(second->error, 0);
	assert_int_equal(told("sandbox.state", "lost"), 1);
	assert_int_equal(told("sandbox.state", "ready"), 2);
	assert_int_equal(events("\"how\":\"replay\""), 1);
	assert_events_whole();
	kit_end();
}

TEST(a_response_that_we_have_is_not_lost_with_the_server)
{
	struct troupe_call *call;

	kit_start_ready();
	call = kit_run("p1", "one");
	in_skip("{\"jsonrpc\":\"2.0\",\"method\":\"never/seen\"}");
	in_finish_aside("end_turn");
	kit_settle();
	assert_false(call->answered);
	in_restart();
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	assert_int_equal(events("stopReason"), 1);
	assert_true(place("session.event", "\"lost\":null") < place("session.event", "stopReason"));
	assert_int_equal(events("instance_lost"), 0);
	in.prompt_id[0] = '\0';
	kit_run("p2", "two");
	kit_end();
}

/* [F8] */
TEST(a_server_that_knows_our_name_as_another_agents_gets_another_name)
{
	kit_start();
	in.first_post = "conflict";
	kit_open();
	kit_prompt("p1", "one");
	UNTIL(in.deletes == 1);
	in.first_post = NULL;
	UNTIL(in.prompt_id[0]);
	assert_non_null(strstr(in_newest()->id, "-default-2-"));
	kit_end();
}

/* ------------------------------------------------------------------ the agent */

TEST(an_agent_that_ends_in_mid_turn_ends_the_turn_and_nothing_else)
{
	struct troupe_call *call;
	int posts;

	kit_start_ready();
	call = kit_run("p1", "one");
	in_agent_exits(3);
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_EEXITED);
	assert_string_equal(call->text, "The agent's process ended with code 3.");
	assert_true(place("session.event", "_adapter/agent_exited") < place("session.event", "\"reason\":"
		"\"agent_exited\""));
	assert_int_equal(events("\"synthetic\":true"), 1);
	posts = in.posts;
	kit_settle();
	assert_int_equal(in.posts, posts);
	in.prompt_id[0] = '\0';
	call = kit_run("p2", "two");
	assert_int_equal(in.deletes, 1);
	in_finish("end_turn");
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	kit_end();
}

TEST(a_new_instance_is_told_what_was_said)
{
	struct troupe_call *call;

	kit_start_ready();
	call = kit_run("p1", "my name is Ann");
	in_say("Hello, ");
	in_say("Ann.");
	in_finish("end_turn");
	UNTIL(call->answered);
	in_agent_exits(0);
	UNTIL(events("_adapter/agent_exited") == 1);
	kit_run("p2", "what is my name?");
	assert_non_null(strstr(in.last_post, "\"prompt\":[{\"type\":\"text\",\"_meta\":{\"troupe\":\"replay\"},"
		"\"text\":\"This continues"));
	assert_non_null(strstr(in.last_post, "User ann: my name is Ann\\n\\nAgent: Hello, Ann.\\n\\nThat was"));
	assert_non_null(strstr(in.last_post, "},{\"type\":\"text\",\"text\":\"what is my name?\"}]"));
	in_finish("end_turn");
	UNTIL(told("turn.state", "done") == 2);
	kit_run("p3", "and now?");
	assert_null(strstr(in.last_post, "_meta"));
	kit_end();
}

TEST(what_waits_goes_on_with_a_new_instance_at_once)
{
	struct troupe_call *second;

	kit_start_ready();
	kit_run("p1", "one");
	second = kit_prompt("p2", "two");
	in.prompt_id[0] = '\0';
	in_agent_exits(1);
	UNTIL(in.prompt_id[0]);
	in_finish("end_turn");
	UNTIL(second->answered);
	assert_int_equal(second->error, 0);
	kit_end();
}

TEST(agents_that_end_three_times_in_a_minute_are_given_a_rest)
{
	struct troupe_call *calls[4];
	char id[8];

	kit_start_ready();
	for (int i = 0; i < 4; i++) {
		snprintf(id, sizeof id, "p%d", i);
		calls[i] = kit_prompt(id, "crash");
	}
	for (int i = 0; i < 3; i++) {
		UNTIL(in.prompt_id[0]);
		in.prompt_id[0] = '\0';
		in_agent_exits(1);
		UNTIL(calls[i]->answered);
		assert_int_equal(calls[i]->error, TROUPE_EEXITED);
	}
	UNTIL(calls[3]->answered);
	assert_int_equal(calls[3]->error, TROUPE_ECRASHLOOP);
	kit_run("again", "please");
	kit_end();
}

TEST(turns_that_finish_are_no_crash_loop)
{
	struct troupe_call *call;

	kit_start_ready();
	for (int i = 0; i < 4; i++) {
		call = kit_run(NULL, "work");
		in_finish("end_turn");
		UNTIL(call->answered);
		in_agent_exits(1);
		UNTIL(events("_adapter/agent_exited") == i + 1);
	}
	call = kit_run(NULL, "work");
	in_finish("end_turn");
	UNTIL(call->answered);
	assert_int_equal(told("sandbox.state", "crash_loop"), 0);
	kit_end();
}

TEST(open_permissions_expire_with_their_instance)
{
	char id[40];

	kit_start_ready();
	kit_run("p1", "one");
	in_emit("{\"id\":7,\"method\":\"session/request_permission\",\"params\":{\"options\":[{\"optionId\":"
		"\"A\",\"kind\":\"allow_once\"}]}}");
	UNTIL(told("permission.request", "") == 1);
	sscanf(strstr(newest("permission.request"), "permissionId\":\"") + 15, "%36s", id);
	in_agent_exits(1);
	UNTIL(told("permission.resolved", "\"reply\":\"expired\"") == 1);
	assert_int_equal(events("_troupe/permission_expired\",\"params\":{\"permissionId\":"), 1);
	assert_int_equal(events("\"requestId\":7"), 1);
	assert_int_equal(kit_respond(id, "once")->error, TROUPE_EEXPIRED);
	kit_end();
}

TEST(a_dead_agent_that_nobody_noticed_ends_the_turn)
{
	struct troupe_call *call;

	kit_start_ready();
	kit.times.settle_ms = 50;
	in_newest()->dead = true;
	call = kit_prompt("p1", "one");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_EEXITED);
	kit_run("p2", "two");
	kit_end();
}

TEST(a_dead_agents_last_words_are_read_before_it_is_left)
{
	struct troupe_call *call;

	kit_start_ready();
	in_skip("{\"jsonrpc\":\"2.0\",\"method\":\"last/words\"}");
	in_skip(IN_EXITED(4));
	in_newest()->dead = true;
	call = kit_prompt("p1", "one");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_EEXITED);
	assert_string_equal(call->text, "The agent's process ended with code 4.");
	assert_int_equal(events("last/words"), 1);
	assert_int_equal(events("_troupe/gap"), 0);
	kit_end();
}

TEST(a_prompt_that_may_have_been_lost_is_never_sent_twice)
{
	struct troupe_call *call;

	kit_start_ready();
	kit.times.settle_ms = 50;
	in.mute_prompts = true;
	call = kit_prompt("p1", "one");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_EUNDELIVERED);
	assert_int_equal(events("delivery_unknown"), 1);
	assert_int_equal(events("session/prompt"), 1);
	in.mute_prompts = false;
	kit_run("p2", "two");
	assert_int_equal(in.deletes, 1); /* half of it may lie in that agent's input */
	assert_int_equal(in.instance_count, 2);
	kit_end();
}

TEST(a_late_update_is_no_proof_that_the_next_prompt_got_there)
{
	struct troupe_call *first, *second;

	kit_start_ready();
	kit.times.settle_ms = kit.times.late_ms = 3600 * 1000;
	first = kit_run("p1", "one");
	in_finish("end_turn");
	UNTIL(first->answered);
	in.mute_prompts = true;
	second = kit_prompt("p2", "two");
	UNTIL(strstr(in.last_post, "\"two\""));
	in_say("still of the first");
	UNTIL(events("still of the first") == 1);
	kit.times.settle_ms = 50;
	in_cut(); /* from its next opening on */
	UNTIL(second->answered);
	assert_int_equal(second->error, TROUPE_EUNDELIVERED);
	kit_end();
}

TEST(a_post_that_breaks_after_its_turn_was_seen_changes_nothing)
{
	struct troupe_call *call;

	kit_start_ready();
	kit.times.settle_ms = 50;
	call = kit_run("p1", "one");
	in_say("working");
	UNTIL(events("working") == 1);
	for (int n = 0; n < IN_CONNS; n++) {
		if (in.conns[n].held)
			in_close(&in.conns[n]);
	}
	for (int i = 0; i < 10; i++) /* longer than a healthy stream has to bring what is missing */
		kit_settle();
	assert_false(call->answered);
	in_finish("end_turn");
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	kit_end();
}

TEST(an_instance_that_hangs_when_deleted_is_swept_before_the_next_is_made)
{
	kit_start_ready();
	kit_run("p1", "one");
	in_agent_exits(1);
	in.delete_hangs = true;
	in.swept = "4711\\n";
	UNTIL(told("turn.state", "exited") == 1);
	in.prompt_id[0] = '\0';
	kit_prompt("p2", "two");
	UNTIL(in.sweeps == 1);
	assert_non_null(fake_find(&fake, "session/default/open/main"));
	assert_int_equal(in.instance_count, 1);
	UNTIL(in.prompt_id[0]);
	assert_int_equal(in.deletes, 1);
	assert_int_equal(in.sweeps, 2); /* and once more, to see that it is gone */
	kit_end();
}

TEST(orphans_of_a_server_that_died_are_ended_before_the_next_instance_is_made)
{
	kit_start();
	in.family = "100:7\\n101:8\\n102:9\\n";
	kit_open();
	UNTIL(fake_find(&fake, "session/default/open/family") != NULL);
	in.family = "";
	in.swept = "101\\n";
	in_restart();
	UNTIL(in.sweeps == 1);
	assert_non_null(strstr(in.last_sweep, ",\"sh\",\"TERM\",\"100:7\",\"101:8\",\"102:9\"],"));
	assert_int_equal(in.instance_count, 1);
	UNTIL(told("sandbox.state", "ready") == 2);
	assert_int_equal(in.sweeps, 2);
	assert_null(fake_find(&fake, "session/default/open/family"));
	kit_end();
}

TEST(what_is_below_an_agent_is_noted_durably_before_it_is_deleted_and_swept_then)
{
	kit_start();
	in.family = "100:7\\n101:8:55\\n";
	kit_open();
	UNTIL(fake_find(&fake, "session/default/open/family") != NULL);
	in.family = "100:7\\n101:8:55\\n102:9:55\\n";
	in.delete_hangs = true;
	kit_restart_agent();
	UNTIL(in.looks == 2);
	assert_non_null(strstr(in.last_look, "\"1795303334001\",\"100:7\",\"101:8:55\"]"));
	assert_int_equal(in.deletes, 0);
	UNTIL(in.deletes == 1);
	kit_crash(); /* its DELETE was sent: nobody could look any more, and the next is answered at once */
	in.family = "100:7\\n102:9:55\\n";
	in.delete_hangs = false;
	in.swept = "101:8:0\\n102:9:0\\n";
	kit_open();
	UNTIL(in.sweeps == 1);
	assert_non_null(strstr(in.last_look, "\"100:7\",\"101:8:55\",\"102:9:55\"]"));
	assert_non_null(strstr(in.last_sweep, "\"TERM\",\"100:7\",\"102:9:55\"]"));
	UNTIL(told("sandbox.state", "ready") == 2);
	assert_int_equal(in.deletes, 2);
	assert_int_equal(in.sweeps, 2); /* and once more, to see that all are gone */
	assert_non_null(strstr(in.last_sweep, "\"102:9:55\",\"101:8:0\",\"102:9:0\"]"));
	kit_end();
}

TEST(a_sandbox_that_runs_no_scripts_gets_a_new_instance_all_the_same_unless_the_old_one_hangs)
{
	kit_start_ready();
	kit_settle();
	kit.times.sweep_run_ms = 50;
	in.mute_runs = true;
	in_agent_exits(1);
	UNTIL(events("_adapter/agent_exited") == 1);
	kit_run("p1", "one");
	assert_int_equal(in.instance_count, 2);
	in.delete_hangs = true;
	in.prompt_id[0] = '\0';
	kit_restart_agent();
	UNTIL(in.deletes == 2);
	UNTIL(in.healths > 3); /* it is tried again, and again */
	assert_int_equal(in.instance_count, 2);
	in.mute_runs = false;
	kit.times.sweep_run_ms = 15000;
	UNTIL(told("sandbox.state", "ready") == 3);
	kit_end();
}

TEST(a_family_that_is_none_is_not_believed)
{
	kit_start();
	in.family = "100:7\\n101:8; rm -rf /\\n";
	kit_open_ready();
	kit_settle();
	assert_null(fake_find(&fake, "session/default/open/family"));
	kit_end();
}

/* ------------------------------------------------------------------ the disk */

TEST(when_a_commit_fails_nothing_more_is_read_or_sent)
{
	struct troupe_call *call;
	int posts;

	kit_start_ready();
	fake.commit_fails = TROUPE_EFULL;
	posts = in.posts;
	call = kit_prompt("p1", "one");
	kit_settle();
	assert_int_equal(in.posts, posts);
	in_say("x");
	kit_settle();
	assert_int_equal(events("\"x\""), 0);
	assert_int_equal(kit_prompt("p2", "two")->error, TROUPE_ERESTARTING);
	(void)call;
	kit_end();
}

TESTS(
	RUN(messages_that_the_open_stream_missed_are_read_again),
	RUN(messages_that_are_gone_leave_one_gap_with_exact_numbers),
	RUN(duplicates_are_dropped),
	RUN(a_broken_stream_is_read_on_and_the_turn_does_not_notice),
	RUN(a_cut_in_the_middle_of_an_event_loses_nothing),
	RUN(a_stream_that_stalls_is_read_again_before_its_silence_is_believed),
	RUN(heartbeats_are_life_and_silence_is_not),
	RUN(a_stream_that_cannot_be_opened_is_an_unreachable_sandbox),
	RUN(an_unreachable_sandbox_is_told_once_and_fails_who_waits),
	RUN(a_wrong_token_is_final_until_somebody_asks_again),
	RUN(the_page_of_a_proxy_is_not_the_server),
	RUN(redirects_are_not_followed),
	RUN(an_agent_that_the_sandbox_does_not_have_fails_who_waits),
	RUN(a_server_that_restarted_has_lost_the_turn_and_gets_a_new_instance),
	RUN(a_response_that_we_have_is_not_lost_with_the_server),
	RUN(a_server_that_knows_our_name_as_another_agents_gets_another_name),
	RUN(an_agent_that_ends_in_mid_turn_ends_the_turn_and_nothing_else),
	RUN(a_new_instance_is_told_what_was_said),
	RUN(what_waits_goes_on_with_a_new_instance_at_once),
	RUN(agents_that_end_three_times_in_a_minute_are_given_a_rest),
	RUN(turns_that_finish_are_no_crash_loop),
	RUN(open_permissions_expire_with_their_instance),
	RUN(a_dead_agent_that_nobody_noticed_ends_the_turn),
	RUN(a_dead_agents_last_words_are_read_before_it_is_left),
	RUN(a_prompt_that_may_have_been_lost_is_never_sent_twice),
	RUN(a_late_update_is_no_proof_that_the_next_prompt_got_there),
	RUN(a_post_that_breaks_after_its_turn_was_seen_changes_nothing),
	RUN(an_instance_that_hangs_when_deleted_is_swept_before_the_next_is_made),
	RUN(orphans_of_a_server_that_died_are_ended_before_the_next_instance_is_made),
	RUN(what_is_below_an_agent_is_noted_durably_before_it_is_deleted_and_swept_then),
	RUN(a_sandbox_that_runs_no_scripts_gets_a_new_instance_all_the_same_unless_the_old_one_hangs),
	RUN(a_family_that_is_none_is_not_believed),
	RUN(when_a_commit_fails_nothing_more_is_read_or_sent))
