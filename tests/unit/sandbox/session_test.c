/* SPDX-License-Identifier: Apache-2.0 */
/* A session while all is well: its first events, prompts in their queue, what is told and when. */
#include "tests/unit/sandbox/session_kit.h"

#include "runtime/base/limits.h"

TEST(the_first_prompt_makes_the_session_and_is_answered)
{
	struct troupe_call *call;

	kit_start();
	kit_open();
	call = kit_prompt("p1", "hello");
	UNTIL(in.prompt_id[0]);
	in_say("hi there");
	in_finish("end_turn");
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	assert_string_equal(call->text, "promptId=p1 stopReason=end_turn");
	assert_int_equal(events(""), 5);
	assert_int_equal(events("initialize"), 0);
	assert_non_null(strstr(newest("session.event"), "\"eventIndex\":5,\"sessionId\":\"default\","
		"\"createdAt\":1795303334935"));
	assert_true(place("session.event", "session/new") < place("session.event", "\"result\":{\"sessionId\":"));
	assert_true(place("session.event", "session/prompt") < place("session.event", "hi there"));
	assert_true(place("chat.user", "hello") < place("session.event", "session/prompt"));
	assert_int_equal(told("turn.state", "queued"), 1);
	assert_int_equal(told("turn.state", "running"), 1);
	assert_string_equal(newest("turn.state"), "{\"promptId\":\"p1\",\"state\":\"done\",\"userId\":\"ann\",\"position\":0,"
		"\"stopReason\":\"end_turn\",\"sessionId\":\"default\"}");
	assert_events_whole();
	kit_end();
}

/* [S17] */
TEST(who_sent_an_envelope_is_told)
{
	kit_start_ready();
	kit_run("p1", "hello");
	assert_non_null(strstr(newest("session.event"), "\"sender\":\"client\",\"payload\":{\"jsonrpc\":\"2.0\","
		"\"id\":"));
	in_say("x");
	UNTIL(events("\"text\":\"x\"") == 1);
	assert_non_null(strstr(newest("session.event"), "\"sender\":\"agent\",\"payload\":{\"jsonrpc\":\"2.0\","
		"\"method\":"));
	kit_end();
}

TEST(payloads_keep_their_bytes)
{
	static const char odd[] = "{\"jsonrpc\":\"2.0\",\"method\":\"x/y\",\"params\":{\"a\":"
		"18446744073709551615,\"b\":-0.0,\"c\":1000.0,"
	                          "\"d\":\"\\u0000\\ud83d\\ude00\"}}";

	kit_start_ready();
	in_emit(odd);
	UNTIL(events("x/y") == 1);
	assert_int_equal(events(odd), 1);
	kit_end();
}

TEST(nothing_leaves_before_it_is_committed)
{
	int posts;

	kit_start_ready();
	posts = in.posts;
	kit.holds_commits = true;
	kit_prompt("p1", "hello");
	kit_settle();
	assert_int_equal(in.posts, posts);
	assert_int_equal(told("chat.user", ""), 0);
	kit.holds_commits = false;
	UNTIL(in.prompt_id[0]);
	assert_int_equal(in.posts, posts + 1);
	kit_end();
}

TEST(prompts_run_one_after_the_other)
{
	struct troupe_call *first, *second, *third;

	kit_start_ready();
	first = kit_run("p1", "one");
	second = kit_prompt("p2", "two");
	third = kit_prompt("p3", "three");
	kit_settle();
	assert_int_equal(events("session/prompt"), 1);
	assert_int_equal(told("turn.state", "queued"), 2);
	in_finish("end_turn");
	UNTIL(first->answered && in.prompt_id[0]);
	assert_non_null(strstr(in.last_post, "two"));
	assert_false(second->answered);
	in_finish("max_tokens");
	UNTIL(second->answered && in.prompt_id[0]);
	assert_string_equal(second->text, "promptId=p2 stopReason=max_tokens");
	assert_non_null(strstr(in.last_post, "three"));
	in_finish("cancelled");
	UNTIL(third->answered);
	assert_string_equal(newest("turn.state"), "{\"promptId\":\"p3\",\"state\":\"cancelled\",\"userId\":\"ann\",\"position\":0,"
		"\"stopReason\":\"cancelled\",\"sessionId\":\"default\"}");
	kit_end();
}

TEST(the_same_prompt_id_is_the_same_prompt)
{
	struct troupe_call *first, *again, *late;

	kit_start_ready();
	first = kit_run("p1", "one");
	again = kit_prompt("p1", "something else");
	in_finish("end_turn");
	UNTIL(first->answered && again->answered);
	late = kit_prompt("p1", "one");
	UNTIL(late->answered);
	assert_string_equal(late->text, first->text);
	assert_int_equal(told("chat.user", ""), 1);
	assert_int_equal(events("session/prompt"), 1);
	kit_end();
}

TEST(a_prompt_id_is_known_before_its_end_is_committed)
{
	struct troupe_call *again;

	kit_start_ready();
	kit_run("p1", "one");
	kit.holds_commits = true;
	in_finish("end_turn");
	UNTIL(fake.told_count > fake.told_committed);
	again = kit_prompt("p1", "one");
	assert_true(again->answered);
	assert_int_equal(again->error, 0);
	kit.holds_commits = false;
	kit_settle();
	assert_int_equal(told("chat.user", ""), 1);
	kit_end();
}

TEST(prompts_without_an_id_get_one_each)
{
	kit_start_ready();
	kit_run(NULL, "one");
	kit_prompt(NULL, "two");
	kit_prompt("", "three");
	assert_int_equal(told("chat.user", ""), 3);
	kit_end();
}

/* [S34, F26] */
TEST(prompts_that_cannot_be_sent_are_refused)
{
	char *large = malloc(2 * 1024 * 1024), long_id[200];

	memset(large, 'x', 2 * 1024 * 1024);
	large[2 * 1024 * 1024 - 1] = '\0';
	memset(long_id, 'i', sizeof long_id);
	long_id[129] = '\0';
	kit_start_ready();
	assert_int_equal(kit_prompt("p1", "")->error, TROUPE_EINVAL);
	assert_int_equal(kit_prompt(long_id, "x")->error, TROUPE_EINVAL);
	assert_int_equal(kit_prompt("p2", large)->error, TROUPE_EPROMPTSIZE);
	large[2 * 1024 * 1024 - 8192] = '\0';
	kit_run("p3", large);
	assert_int_equal(told("turn.state", "running"), 1);
	memset(large, '"', 1100000);
	large[1100000] = '\0';
	assert_int_equal(kit_prompt("p4", large)->error, TROUPE_EPROMPTSIZE);
	free(large);
	kit_end();
}

TEST(too_many_waiting_prompts_are_refused)
{
	struct troupe_call *call;
	char id[16];

	kit_start_ready();
	kit_run("p", "runs");
	for (int i = 0; i < 256; i++) {
		snprintf(id, sizeof id, "q%d", i);
		kit.call_count = 1;
		assert_int_equal(kit_prompt(id, "waits")->error, 0);
	}
	call = kit_prompt("one more", "waits");
	assert_int_equal(call->error, TROUPE_EOVERLOADED);
	kit_end();
}

/* [S57] */
TEST(the_actor_is_held_awake_while_prompts_wait_or_run)
{
	kit_start_ready();
	assert_int_equal(fake.holds, 0);
	kit_run("p1", "one");
	assert_int_equal(fake.holds, 1);
	kit_prompt("p2", "two");
	assert_int_equal(fake.holds, 1);
	in_finish("end_turn");
	UNTIL(in.prompt_id[0]);
	assert_int_equal(fake.holds, 1);
	in_finish("end_turn");
	UNTIL(fake.holds == 0);
	kit_end();
}

TEST(a_response_that_comes_on_the_post_first_is_one_event_in_stream_order)
{
	struct troupe_call *call;
	char json[256];

	kit_start_ready();
	call = kit_run("p1", "one");
	snprintf(json, sizeof json, "{\"id\":%s,\"jsonrpc\":\"2.0\",\"result\":{\"stopReason\":"
		"\"end_turn\"}}", in.prompt_id);
	for (int n = 0; n < IN_CONNS; n++) {
		if (in.conns[n].held)
			in_answer(&in.conns[n], "200 OK", "application/json", json);
	}
	kit_settle();
	assert_false(call->answered);
	in_say("before the end");
	in_emit(json);
	UNTIL(call->answered);
	assert_int_equal(events("stopReason"), 1);
	assert_true(place("session.event", "before the end") < place("session.event", "stopReason"));
	kit_end();
}

TEST(a_response_that_the_stream_does_not_bring_is_taken_from_the_post_once)
{
	struct troupe_call *call;
	char json[256];

	kit_start_ready();
	kit.times.settle_ms = 50;
	call = kit_run("p1", "one");
	snprintf(json, sizeof json, "{\"id\":%s,\"jsonrpc\":\"2.0\",\"result\":{\"stopReason\":"
		"\"end_turn\"}}", in.prompt_id);
	for (int n = 0; n < IN_CONNS; n++) {
		if (in.conns[n].held)
			in_answer(&in.conns[n], "200 OK", "application/json", json);
	}
	UNTIL(call->answered);
	in_emit(json);
	in_say("after");
	UNTIL(events("after") == 1);
	assert_int_equal(events("stopReason"), 1);
	kit_end();
}

TEST(a_turn_ends_by_the_stream_alone)
{
	struct troupe_call *call;

	kit_start_ready();
	in.silent_posts = true;
	call = kit_run("p1", "one");
	in_finish("end_turn");
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	kit_end();
}

TEST(updates_without_a_turn_are_logged)
{
	struct troupe_call *call;

	kit_start_ready();
	call = kit_run("p1", "one");
	in_finish("end_turn");
	in_say("late");
	UNTIL(call->answered && events("late") == 1);
	assert_true(place("session.event", "stopReason") < place("session.event", "late"));
	kit_end();
}

TEST(a_late_update_does_not_pass_for_a_prompt_that_was_not_sent_yet)
{
	int posts;

	kit_start_ready();
	posts = in.posts;
	kit.holds_commits = true;
	kit_prompt("p1", "one");
	in_say("late");
	UNTIL(fake.told_count > 0 && strstr(fake.told[fake.told_count - 1].json, "late"));
	kit.holds_commits = false;
	UNTIL(in.prompt_id[0]);
	assert_int_equal(in.posts, posts + 1);
	kit_end();
}

TEST(an_agents_error_ends_the_turn_with_its_words)
{
	struct troupe_call *call;

	kit_start_ready();
	call = kit_run("p1", "one");
	in_respond(in_newest(), in.prompt_id, "\"error\":{\"code\":-32603,\"message\":\"model overloaded\"}");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_EAGENT);
	assert_string_equal(call->text, "model overloaded");
	assert_string_equal(call->metadata, "{\"code\":-32603}");
	assert_string_equal(newest("turn.state"), "{\"promptId\":\"p1\",\"state\":\"failed\",\"userId\":\"ann\",\"position\":0,"
		"\"error\":{\"group\":\"agent\","
	                    "\"code\":\"failed\",\"message\":\"model overloaded\",\"metadata\":{\"code\":-32603}},"
		"\"sessionId\":\"default\"}");
	in.prompt_id[0] = '\0';
	call = kit_run("p2", "two");
	in_respond(in_newest(), in.prompt_id, "\"error\":{\"code\":-32000,\"message\":\"Login\",\"data\":{"
		"\"authMethods\":[{\"id\":\"a\"}]}}");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_EAUTH);
	assert_string_equal(call->text, "Login: a");
	assert_string_equal(call->metadata, "{\"code\":-32000,\"data\":{\"authMethods\":[{\"id\":\"a\"}]}}");
	kit_end();
}

/* The metadata of a prompt that the agent fails with this error; the same for who asks for it again. */
static void fails_with(const char *id, const char *error, const char *metadata)
{
	struct tr_bytes answer = { 0 };
	struct troupe_call *call, *again;

	in.prompt_id[0] = '\0';
	call = kit_run(id, "one");
	tr_bytes_printf(&answer, "\"error\":%s", error);
	in_respond(in_newest(), in.prompt_id, tr_bytes_text(&answer));
	tr_bytes_free(&answer);
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_EAGENT);
	assert_string_equal(call->metadata, metadata);
	again = kit_prompt(id, "one");
	UNTIL(again->answered);
	assert_int_equal(again->error, TROUPE_EAGENT);
	assert_string_equal(again->text, call->text);
	assert_string_equal(again->metadata, metadata);
}

static char *error_with_data(size_t size)
{
	struct tr_bytes error = { 0 };
	char *made;

	tr_bytes_put_text(&error, "{\"code\":-7,\"message\":\"m\",\"data\":\"");
	for (size_t i = 2; i < size; i++) /* the quotes are two */
		tr_bytes_put(&error, "x", 1);
	tr_bytes_put_text(&error, "\"}");
	made = tr_strdup(tr_bytes_text(&error));
	tr_bytes_free(&error);
	return made;
}

TEST(what_an_agents_error_holds_beside_its_words_is_its_metadata)
{
	kit_start_ready();
	fails_with("p1", "{\"code\":1,\"message\":\"m\",\"data\":{\"n\":9007199254740993}}",
	           "{\"code\":1,\"data\":{\"n\":9007199254740993}}");
	fails_with("p2", "{\"code\":2,\"message\":\"m\",\"data\":\"why\"}", "{\"code\":2,\"data\":\"why\"}");
	fails_with("p3", "{\"code\":3,\"message\":\"m\",\"data\":null}", "{\"code\":3,\"data\":null}");
	fails_with("p4", "{\"code\":\"odd\",\"message\":\"m\"}", "");
	fails_with("p5", "\"odd\"", "");
	fails_with("p6", "{\"data\":[]}", "{\"data\":[]}");
	kit_end();
}

TEST(too_much_beside_an_agents_words_is_in_the_log_only)
{
	char *large = error_with_data(TR_AGENT_ERROR_DATA_MAX + 1), *fits = error_with_data(TR_AGENT_ERROR_DATA_MAX);
	char begins[sizeof ((struct troupe_call *)0)->metadata];

	kit_start_ready();
	fails_with("p1", large, "{\"code\":-7}");
	assert_int_equal(events("xxxx"), 1);
	assert_int_equal(told("turn.state", "xxxx"), 0);
	snprintf(begins, sizeof begins, "{\"code\":-7,%s", strstr(fits, "\"data\""));
	fails_with("p2", fits, begins);
	assert_int_equal(told("turn.state", "xxxx"), 1);
	free(large);
	free(fits);
	kit_end();
}

TEST(what_the_agent_asks_and_we_do_not_do_is_refused)
{
	kit_start_ready();
	kit_run("p1", "one");
	in_emit("{\"id\":\"u-1\",\"jsonrpc\":\"2.0\",\"method\":\"fs/read_text_file\",\"params\":{}}");
	UNTIL(strstr(in.last_post, "-32601") != NULL);
	assert_string_equal(in.last_post, "{\"jsonrpc\":\"2.0\",\"id\":\"u-1\",\"error\":{\"code\":-32601,"
		"\"message\":\"Method not found\"}}");
	assert_true(place("session.event", "fs/read") < place("session.event", "-32601"));
	kit_end();
}

TEST(what_is_no_envelope_is_logged_all_the_same)
{
	kit_start_ready();
	in_emit("[1,2,3]");
	in_emit("\"text\"");
	in_emit("{\"hello\":1}");
	in_emit("not json at all");
	in_emit("{\"jsonrpc\":\"2.0\",\"id\":\"nobody\",\"result\":{}}");
	UNTIL(events("nobody") == 1);
	assert_int_equal(events("\"synthetic\":true,\"payload\":{\"jsonrpc\":\"2.0\",\"method\":\"_troupe/odd\","
		"\"params\":{\"value\":[1,2,3]}}"), 1);
	assert_int_equal(events("\"params\":{\"value\":\"text\"}"), 1);
	assert_int_equal(events("\"payload\":{\"hello\":1}"), 1);
	assert_int_equal(events("\"params\":{\"value\":\"not json at all\"}"), 1);
	assert_events_whole();
	kit_end();
}

TEST(an_envelope_too_large_for_clients_is_kept_and_told_of)
{
	char *json = malloc(1200000);

	kit_start_ready();
	strcpy(json, "{\"jsonrpc\":\"2.0\",\"method\":\"x/big\",\"params\":\"");
	memset(json + strlen(json), 'x', 1000001);
	strcpy(json + 1000040, "\"}");
	in_emit(json);
	UNTIL(events("x/big") == 1);
	assert_non_null(strstr(newest("session.event"), "\"payload\":{\"method\":\"x/big\",\"truncated\":true,"
		"\"bytes\":1000042}"));
	assert_int_equal(fake_find(&fake, "session/default/big/00000000000000000003")->value.size, 1000042 + 6);
	free(json);
	kit_end();
}

/* ------------------------------------------------------------------ options */

TEST(options_that_make_no_sense_are_refused)
{
	static const struct troupe_session_options bad[] = {
		{ .base_url = "ftp://127.0.0.1:1" }, { .base_url = "http://user@127.0.0.1:"
			"1" }, { .base_url = "http://127.0.0.1:1/?x=1" },
		{ .base_url = "127.0.0.1:1" }, { .base_url = "http:// /" }, { .base_url = "" }, { .base_url = "http://a/#b" },
		{ .id = "a b" }, { .id = "" }, { .agent = "../mock" }, { .agent = "" },
		{ .base_url = "http://127.0.0.1:1", .token = "x\r\nHost: y" },
	};
	struct troupe_session *session;

	kit_start_ready();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(kit.ops->open(tr_sandbox_sessions(kit.sandbox)->ctx, &session, &fake, &bad[i]), TROUPE_EINVAL);
	kit_end();
}

/* [S2] */
TEST(the_token_is_sent_with_every_request)
{
	kit_start();
	kit.token = "sesame";
	kit_open();
	UNTIL(in.healths == 1);
	assert_string_equal(in.token, "Bearer sesame");
	in.token[0] = '\0';
	UNTIL(told("sandbox.state", "ready") == 1);
	assert_string_equal(in.token, "Bearer sesame");
	kit_end();
}

TEST(what_a_session_tells_of_itself)
{
	struct troupe_session_info info;

	kit_start();
	kit_open();
	kit.ops->info(kit.session, &info);
	assert_string_equal(info.status, "connecting");
	assert_string_equal(info.agent, "mock");
	assert_string_equal(info.session_id, "default");
	UNTIL(told("sandbox.state", "ready") == 1);
	kit.ops->info(kit.session, &info);
	assert_string_equal(info.status, "ready");
	kit_run("p1", "one");
	kit_prompt("p2", "two");
	kit.ops->info(kit.session, &info);
	assert_string_equal(info.status, "running");
	assert_int_equal(info.queued, 1);
	kit_end();
}

TESTS(
	RUN(the_first_prompt_makes_the_session_and_is_answered),
	RUN(who_sent_an_envelope_is_told),
	RUN(payloads_keep_their_bytes),
	RUN(nothing_leaves_before_it_is_committed),
	RUN(prompts_run_one_after_the_other),
	RUN(the_same_prompt_id_is_the_same_prompt),
	RUN(a_prompt_id_is_known_before_its_end_is_committed),
	RUN(prompts_without_an_id_get_one_each),
	RUN(prompts_that_cannot_be_sent_are_refused),
	RUN(too_many_waiting_prompts_are_refused),
	RUN(the_actor_is_held_awake_while_prompts_wait_or_run),
	RUN(a_response_that_comes_on_the_post_first_is_one_event_in_stream_order),
	RUN(a_response_that_the_stream_does_not_bring_is_taken_from_the_post_once),
	RUN(a_turn_ends_by_the_stream_alone),
	RUN(updates_without_a_turn_are_logged),
	RUN(a_late_update_does_not_pass_for_a_prompt_that_was_not_sent_yet),
	RUN(an_agents_error_ends_the_turn_with_its_words),
	RUN(what_an_agents_error_holds_beside_its_words_is_its_metadata),
	RUN(too_much_beside_an_agents_words_is_in_the_log_only),
	RUN(what_the_agent_asks_and_we_do_not_do_is_refused),
	RUN(what_is_no_envelope_is_logged_all_the_same),
	RUN(an_envelope_too_large_for_clients_is_kept_and_told_of),
	RUN(options_that_make_no_sense_are_refused),
	RUN(the_token_is_sent_with_every_request),
	RUN(what_a_session_tells_of_itself))
