/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent wants to be allowed: told, listed, answered by whoever is first, by the policy, or by the clock. */
#include "tests/unit/sandbox/session_kit.h"

static const char question[] = "{\"id\":%s,\"jsonrpc\":\"2.0\",\"method\":\"session/request_permission\","
	"\"params\":{\"sessionId\":\"s\","
	"\"toolCall\":{\"toolCallId\":\"t\",\"title\":\"Run\"},\"options\":[{\"optionId\":\"A\",\"kind\":"
		"\"allow_always\"},"
	"{\"optionId\":\"O\",\"kind\":\"allow_once\"},{\"optionId\":\"R\",\"kind\":\"reject_once\"}]}}";

/* The agent asks; the permission's id. */
static const char *ask(const char *raw_id)
{
	static char permission_id[40];
	int before = told("permission.request", "");
	char json[1024];

	snprintf(json, sizeof json, question, raw_id);
	in_emit(json);
	UNTIL(told("permission.request", "") > before);
	sscanf(strstr(newest("permission.request"), "permissionId\":\"") + 15, "%36s", permission_id);
	return permission_id;
}

TEST(a_permission_request_is_told_with_what_may_be_answered)
{
	char expected[1024];
	const char *id;

	kit_start_ready();
	kit_run("p1", "one");
	id = ask("0");
	snprintf(expected, sizeof expected, "{\"permissionId\":\"%s\",\"toolCall\":{\"toolCallId\":\"t\","
		"\"title\":\"Run\"},"
	         "\"options\":[{\"optionId\":\"A\",\"kind\":\"allow_always\"},{\"optionId\":\"O\",\"kind\":"
		"\"allow_once\"},"
	         "{\"optionId\":\"R\",\"kind\":\"reject_once\"}],\"availableReplies\":[\"once\",\"always\","
		"\"reject\"],\"createdAt\":1795303334935,\"sessionId\":\"default\"}", id);
	assert_string_equal(newest("permission.request"), expected);
	kit_end();
}

/* [S42] */
TEST(the_first_answer_wins_and_is_logged_before_it_is_sent)
{
	struct troupe_call *call;
	const char *id;
	int posts;

	kit_start_ready();
	kit_run("p1", "one");
	id = ask("\"q-1\"");
	posts = in.posts;
	kit.holds_commits = true;
	call = kit_respond(id, "once");
	kit_settle();
	assert_int_equal(in.posts, posts);
	kit.holds_commits = false;
	UNTIL(in.posts == posts + 1);
	assert_int_equal(call->error, 0);
	assert_string_equal(in.last_post, "{\"jsonrpc\":\"2.0\",\"id\":\"q-1\",\"result\":{\"outcome\":{"
		"\"outcome\":\"selected\",\"optionId\":\"O\"}}}");
	assert_int_equal(events(in.last_post), 1);
	assert_int_equal(told("permission.resolved", "\"reply\":\"once\",\"by\":\"bob\""), 1);
	assert_int_equal(kit_respond(id, "reject")->error, TROUPE_ERESOLVED);
	kit_settle();
	assert_int_equal(kit_respond(id, "reject")->error, TROUPE_ERESOLVED);
	assert_int_equal(in.posts, posts + 1);
	kit_end();
}

TEST(an_answer_that_a_page_on_the_way_has_swallowed_is_said_again)
{
	int posts;
	const char *id;

	kit_start_ready();
	kit_run("p1", "one");
	id = ask("\"q-1\"");
	posts = in.posts;
	in.refuse_reply = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\nlog in";
	kit_respond(id, "once");
	UNTIL(in.posts == posts + 2);
	assert_non_null(strstr(in.last_post, "\"optionId\":\"O\""));
	kit_settle();
	assert_int_equal(in.posts, posts + 2);
	kit_end();
}

TEST(answers_that_do_not_fit_leave_the_request_open)
{
	const char *id;

	kit_start_ready();
	kit_run("p1", "one");
	in_emit("{\"id\":1,\"method\":\"session/request_permission\",\"params\":{\"options\":[{\"optionId\":"
		"\"A\",\"kind\":\"allow_always\"}]}}");
	UNTIL(told("permission.request", "\"toolCall\":null") == 1);
	assert_int_equal(told("permission.request", "\"availableReplies\":[\"always\"]"), 1);
	id = strdup(strstr(newest("permission.request"), "permissionId\":\"") + 15);
	((char *)(uintptr_t)id)[36] = '\0';
	assert_int_equal(kit_respond(id, "once")->error, TROUPE_EREPLY);
	assert_int_equal(kit_respond(id, "maybe")->error, TROUPE_EINVAL);
	assert_int_equal(kit_respond("no-such-id", "once")->error, TROUPE_EPERMISSION);
	assert_int_equal(kit_respond(id, "always")->error, 0);
	free((char *)(uintptr_t)id);
	kit_end();
}

TEST(a_request_without_a_usable_option_is_refused)
{
	kit_start_ready();
	kit_run("p1", "one");
	in_emit("{\"id\":1,\"method\":\"session/request_permission\",\"params\":{\"options\":[{\"optionId\":"
		"\"A\",\"kind\":\"other\"}]}}");
	UNTIL(strstr(in.last_post, "-32602") != NULL);
	in_emit("{\"id\":2,\"method\":\"session/request_permission\"}");
	UNTIL(strstr(in.last_post, "\"id\":2") != NULL);
	assert_int_equal(told("permission.request", ""), 0);
	kit_end();
}

TEST(requests_still_open_when_the_turn_ends_are_cancelled)
{
	struct troupe_call *call;

	kit_start_ready();
	call = kit_run("p1", "one");
	ask("5");
	in_finish("end_turn");
	UNTIL(call->answered && strstr(in.last_post, "\"id\":5"));
	assert_string_equal(in.last_post, "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{\"outcome\":{\"outcome\":"
		"\"cancelled\"}}}");
	assert_int_equal(told("permission.resolved", "\"reply\":\"cancelled\""), 1);
	kit_end();
}

/* [S11] */
TEST(an_agents_request_with_our_id_is_still_a_request)
{
	struct troupe_call *call;
	char json[1024];

	kit_start_ready();
	call = kit_run("p1", "one");
	snprintf(json, sizeof json, question, in.prompt_id);
	in_emit(json);
	UNTIL(told("permission.request", "") == 1);
	assert_false(call->answered);
	in_finish("end_turn");
	UNTIL(call->answered);
	kit_end();
}

/* ------------------------------------------------------------------ the list */

TEST(the_list_shows_what_is_open_and_outlives_a_restart)
{
	char first[40], expected[2048];

	kit_start_ready();
	assert_string_equal(kit_pending(), "{\"permissions\":[],\"more\":false}");
	kit_run("p1", "one");
	snprintf(first, sizeof first, "%s", ask("0"));
	ask("1");
	kit_respond(first, "once");
	snprintf(expected, sizeof expected, "{\"permissions\":[%.*s}],\"more\":false}",
	         (int)(strstr(newest("permission.request"), ",\"sessionId\"") - newest("permission.request")),
	         newest("permission.request"));
	assert_string_equal(kit_pending(), expected);
	kit_crash();
	kit_open();
	assert_string_equal(kit_pending(), expected);
	in_finish("end_turn");
	UNTIL(told("turn.state", "done") == 1);
	assert_string_equal(kit_pending(), "{\"permissions\":[],\"more\":false}");
	kit_end();
}

/* A request for something of this size. */
static void ask_for_much(int id, size_t size)
{
	char *json = malloc(size + 512);
	int used = snprintf(json, 512, "{\"id\":%d,\"method\":\"session/request_permission\",\"params\":{\"toolCall\":{"
	                    "\"toolCallId\":\"t\","
	                    "\"title\":\"Write \\\"it\\\"\",\"kind\":\"edit\",\"content\":\"", id);

	memset(json + used, 'x', size);
	strcpy(json + used + size, "\"},\"options\":[{\"optionId\":\"A\",\"kind\":\"allow_once\"}]}}");
	in_emit(json);
	free(json);
}

TEST(a_large_tool_call_is_told_whole_and_listed_by_its_title)
{
	kit_start_ready();
	kit_run("p1", "one");
	ask_for_much(1, 100000);
	UNTIL(told("permission.request", "xxxx") == 1);
	assert_non_null(strstr(kit_pending(), "\"toolCall\":{\"toolCallId\":\"t\",\"title\":\"Write \\\"it\\\"\",\"kind\":\"edit\","
		"\"truncated\":true,\"bytes\":1000"));
	kit_end();
}

TEST(a_list_that_would_be_too_long_says_that_there_are_more)
{
	kit_start_ready();
	kit_run("p1", "one");
	for (int i = 0; i < 40; i++)
		ask_for_much(i, 30000);
	UNTIL(told("permission.request", "") == 40);
	assert_non_null(strstr(kit_pending(), "],\"more\":true}"));
	assert_in_range(strlen(kit_pending()), 700 * 1024, 900 * 1024);
	kit_end();
}

/* ------------------------------------------------------------------ the clock */

TEST(who_does_not_answer_in_time_has_rejected)
{
	const char *id;

	kit_start();
	kit.permission_ms = 50;
	kit_open();
	kit_run("p1", "one");
	id = ask("7");
	assert_int_equal(told("permission.request", "\"createdAt\":1795303334935,\"expiresAt\":1795303334985"), 1);
	fake.later_ms = 50;
	UNTIL(told("permission.resolved", "\"reply\":\"reject\",\"by\":null,\"reason\":\"timeout\"") == 1);
	UNTIL(strstr(in.last_post, "\"id\":7,\"result\":{\"outcome\":{\"outcome\":\"selected\",\"optionId\":\"R\"}}") != NULL);
	assert_int_equal(kit_respond(id, "once")->error, TROUPE_ERESOLVED);
	kit_end();
}

TEST(what_cannot_be_rejected_is_cancelled_when_its_time_is_over)
{
	kit_start();
	kit.permission_ms = 50;
	kit_open();
	kit_run("p1", "one");
	in_emit("{\"id\":1,\"method\":\"session/request_permission\",\"params\":{\"options\":[{\"optionId\":\"A\",\"kind\":"
		"\"allow_once\"}]}}");
	UNTIL(told("permission.request", "") == 1);
	fake.later_ms = 60;
	UNTIL(told("permission.resolved", "\"reply\":\"cancelled\",\"by\":null,\"reason\":\"timeout\"") == 1);
	kit_end();
}

TEST(the_time_to_answer_goes_on_while_we_are_away)
{
	const char *id;

	kit_start();
	kit.permission_ms = 60000;
	kit_open();
	kit_run("p1", "one");
	id = ask("7");
	kit_crash();
	fake.later_ms = 60000;
	kit.permission_ms = 0; /* who was asked before keeps the time that was promised */
	kit_open();
	UNTIL(told("permission.resolved", "\"reason\":\"timeout\"") == 1);
	UNTIL(strstr(in.last_post, "\"optionId\":\"R\"") != NULL);
	assert_int_equal(kit_respond(id, "once")->error, TROUPE_ERESOLVED);
	kit_end();
}

/* Nothing is known yet of where the agent is: whoever is awake first may be a person. */
TEST(an_answer_that_is_given_before_the_sandbox_is_found_is_sent_when_it_is)
{
	const char *id;

	kit_start();
	kit_open();
	kit_run("p1", "one");
	id = ask("7");
	kit_crash();
	kit_open();
	assert_int_equal(kit_respond(id, "once")->error, 0);
	UNTIL(strstr(in.last_post, "\"optionId\":\"O\"") != NULL);
	kit_end();
}

/* ------------------------------------------------------------------ the policy */

static void ask_for(int id, const char *kind, const char *option)
{
	char json[512];

	snprintf(json, sizeof json, "{\"id\":%d,\"method\":\"session/request_permission\",\"params\":{\"toolCall\":{\"kind\":\"%s\"},"
	         "\"options\":[{\"optionId\":\"X\",\"kind\":\"%s\"}]}}", id, kind, option);
	in_emit(json);
}

TEST(kinds_of_tools_that_the_policy_allows_are_answered_once_and_never_more)
{
	kit_start();
	kit.auto_approve = "read,search";
	kit_open();
	kit_run("p1", "one");
	ask_for(1, "search", "allow_once");
	UNTIL(strstr(in.last_post, "\"id\":1,\"result\":{\"outcome\":{\"outcome\":\"selected\",\"optionId\":\"X\"}}") != NULL);
	assert_int_equal(told("permission.request", ""), 1);
	assert_int_equal(told("permission.resolved", "\"reply\":\"once\",\"by\":null,\"reason\":\"policy\""), 1);
	ask_for(2, "search", "allow_always");
	ask_for(3, "execute", "allow_once");
	ask_for(4, "searching", "allow_once");
	UNTIL(told("permission.request", "") == 4);
	kit_settle();
	assert_int_equal(told("permission.resolved", ""), 1);
	kit_end();
}

TEST(policies_that_are_none_are_refused)
{
	static const char *const bad[] = { "", "reading", "read,", ",read", "read, search", "*,x" };
	struct troupe_session *session;

	kit_start_ready();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(kit.ops->open(tr_sandbox_sessions(kit.sandbox)->ctx, &session, &fake,
		                               &(struct troupe_session_options){ .auto_approve = bad[i] }), TROUPE_EINVAL);
	kit_end();
}

TESTS(
	RUN(a_permission_request_is_told_with_what_may_be_answered),
	RUN(the_first_answer_wins_and_is_logged_before_it_is_sent),
	RUN(an_answer_that_a_page_on_the_way_has_swallowed_is_said_again),
	RUN(answers_that_do_not_fit_leave_the_request_open),
	RUN(a_request_without_a_usable_option_is_refused),
	RUN(requests_still_open_when_the_turn_ends_are_cancelled),
	RUN(an_agents_request_with_our_id_is_still_a_request),
	RUN(the_list_shows_what_is_open_and_outlives_a_restart),
	RUN(a_large_tool_call_is_told_whole_and_listed_by_its_title),
	RUN(a_list_that_would_be_too_long_says_that_there_are_more),
	RUN(who_does_not_answer_in_time_has_rejected),
	RUN(what_cannot_be_rejected_is_cancelled_when_its_time_is_over),
	RUN(the_time_to_answer_goes_on_while_we_are_away),
	RUN(an_answer_that_is_given_before_the_sandbox_is_found_is_sent_when_it_is),
	RUN(kinds_of_tools_that_the_policy_allows_are_answered_once_and_never_more),
	RUN(policies_that_are_none_are_refused))
