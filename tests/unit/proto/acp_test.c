/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's envelopes: what is recognised in them, and every envelope that we write. */
#include "tests/kit/test.h"

#include "proto/acp.h"
#include "proto/json.h"
#include "proto/text.h"

static struct troupe_text text(const char *t)
{
	assert_int_equal(tr_json_check(tr_text_from(t), 127, NULL), 0);
	return tr_text_from(t);
}

static struct tr_acp read_envelope(const char *json)
{
	struct tr_acp e;

	tr_acp_read(&e, text(json));
	return e;
}

static void assert_raw(struct troupe_text got, const char *expected)
{
	assert_int_equal(got.size, strlen(expected));
	assert_memory_equal(got.data, expected, got.size);
}

TEST(the_four_kinds_of_envelope_are_told_apart)
{
	struct tr_acp e = read_envelope("{\"id\":0,\"jsonrpc\":\"2.0\",\"method\":"
		"\"session/request_permission\",\"params\":{\"x\":1}}");

	assert_int_equal(e.kind, TR_ACP_REQUEST);
	assert_string_equal(e.method, "session/request_permission");
	assert_raw(e.id, "0");
	assert_raw(e.params, "{\"x\":1}");
	e = read_envelope("{\"jsonrpc\":\"2.0\",\"method\":\"session\\/update\",\"params\":{}}");
	assert_int_equal(e.kind, TR_ACP_NOTIFICATION);
	assert_string_equal(e.method, "session/update");
	e = read_envelope("{\"id\":\"c1-1\",\"jsonrpc\":\"2.0\",\"result\":null,\"error\":null}");
	assert_int_equal(e.kind, TR_ACP_RESPONSE);
	assert_int_equal(e.error.size, 0);
	e = read_envelope("{\"error\":{\"code\":-32602},\"id\":\"c1-7\",\"jsonrpc\":\"2.0\"}");
	assert_int_equal(e.kind, TR_ACP_RESPONSE);
	assert_int_equal(tr_acp_integer(e.error, "code", 0), -32602);
	assert_int_equal(read_envelope("{\"hello\":\"world\"}").kind, TR_ACP_OTHER);
	assert_int_equal(read_envelope("{}").kind, TR_ACP_OTHER);
	assert_int_equal(read_envelope("[1,2,3]").kind, TR_ACP_ODD);
	assert_int_equal(read_envelope("\"str\"").kind, TR_ACP_ODD);
	assert_int_equal(read_envelope("7").kind, TR_ACP_ODD);
}

TEST(a_request_of_the_agent_is_one_even_with_our_id)
{
	struct tr_acp e = read_envelope("{\"id\":\"c1-1\",\"method\":\"x\",\"result\":1}");

	assert_int_equal(e.kind, TR_ACP_REQUEST);
	assert_false(tr_acp_answers(&e, "c1-1"));
}

TEST(an_endless_method_is_an_unknown_one)
{
	char json[400] = "{\"method\":\"";
	struct tr_acp e;

	memset(json + 11, 'm', 300);
	strcpy(json + 311, "\"}");
	e = read_envelope(json);
	assert_int_equal(e.kind, TR_ACP_NOTIFICATION);
	assert_string_equal(e.method, "");
}

TEST(responses_are_ours_by_type_and_value_of_the_id)
{
	struct tr_acp e = read_envelope("{\"id\":\"c1-1\",\"result\":{}}");

	assert_true(tr_acp_answers(&e, "c1-1"));
	assert_false(tr_acp_answers(&e, "c1-2"));
	assert_false(tr_acp_answers(&e, "c1-"));
	assert_false(tr_acp_answers(&e, ""));
	e = read_envelope("{\"id\":7,\"result\":{}}");
	assert_false(tr_acp_answers(&e, "7"));
	e = read_envelope("{\"id\":\"\",\"result\":{}}");
	assert_false(tr_acp_answers(&e, ""));
}

TEST(short_members_are_unescaped_or_refused)
{
	char into[8];

	assert_true(tr_acp_short(text("{\"a\":\"x\\u0041\"}"), "a", into, sizeof into));
	assert_string_equal(into, "xA");
	assert_true(tr_acp_short(text("{\"a\":\"1234567\"}"), "a", into, sizeof into));
	assert_false(tr_acp_short(text("{\"a\":\"12345678\"}"), "a", into, sizeof into));
	assert_string_equal(into, "");
	assert_false(tr_acp_short(text("{\"a\":\"x\\u0000\"}"), "a", into, sizeof into));
	assert_false(tr_acp_short(text("{\"a\":5}"), "a", into, sizeof into));
	assert_false(tr_acp_short(text("[]"), "a", into, sizeof into));
}

TEST(integers_that_are_none_give_the_other_value)
{
	assert_int_equal(tr_acp_integer(text("{\"a\":-32603}"), "a", 5), -32603);
	assert_int_equal(tr_acp_integer(text("{\"a\":0}"), "a", 5), 0);
	assert_int_equal(tr_acp_integer(text("{\"a\":1.5}"), "a", 5), 5);
	assert_int_equal(tr_acp_integer(text("{\"a\":\"1\"}"), "a", 5), 5);
	assert_int_equal(tr_acp_integer(text("{\"a\":18446744073709551615}"), "a", 5), 5);
	assert_int_equal(tr_acp_integer(text("{}"), "a", 5), 5);
}

TEST(capabilities_of_agents)
{
	struct tr_acp_agent agent;

	tr_acp_read_agent(text("{\"agentCapabilities\":{\"loadSession\":true,\"sessionCapabilities\":{\"close\":{},\"resume\":{}}},"
	                       "\"protocolVersion\":1}"), &agent);
	assert_int_equal(agent.version, 1);
	assert_true(agent.load);
	assert_true(agent.resume);
	assert_true(agent.close);
	tr_acp_read_agent(text("{\"agentCapabilities\":{\"loadSession\":false,\"sessionCapabilities\":{"
		"\"resume\":null}}}"), &agent);
	assert_int_equal(agent.version, -1);
	assert_false(agent.load);
	assert_false(agent.resume);
	assert_false(agent.close);
	tr_acp_read_agent(text("{\"protocolVersion\":\"1\",\"agentCapabilities\":7}"), &agent);
	assert_int_equal(agent.version, -1);
	assert_false(agent.load);
}

TEST(only_api_key_logins_are_tried_in_the_agents_order)
{
	struct troupe_text result = text("{\"authMethods\":[{\"id\":\"chatgpt\"},{\"id\":\"openai-api-key\"},5,"
	                                 "{\"name\":\"x\"},{\"id\":\"codex-api-key\"}]}");
	struct tr_bytes names = { 0 };
	char method[64];

	assert_true(tr_acp_key_method(result, 0, method, sizeof method));
	assert_string_equal(method, "openai-api-key");
	assert_true(tr_acp_key_method(result, 1, method, sizeof method));
	assert_string_equal(method, "codex-api-key");
	assert_false(tr_acp_key_method(result, 2, method, sizeof method));
	assert_false(tr_acp_key_method(text("{}"), 0, method, sizeof method));
	tr_acp_login_methods(result, &names);
	assert_string_equal(tr_bytes_text(&names), "chatgpt, openai-api-key, codex-api-key");
	tr_bytes_clear(&names);
	tr_acp_login_methods(text("{\"code\":-32000,\"data\":{\"authMethods\":[{\"id\":\"a\"}]}}"), &names);
	assert_string_equal(tr_bytes_text(&names), "a");
	tr_bytes_free(&names);
}

static const char all_options[] = "[{\"kind\":\"allow_always\",\"optionId\":\"A\"},{\"kind\":"
	"\"reject_always\",\"optionId\":\"N\"},"
	"{\"kind\":\"allow_once\",\"optionId\":\"O\"},{\"kind\":\"reject_once\",\"optionId\":\"R\"}]";

static void assert_option(const char *options, const char *reply, const char *expected)
{
	char option[TR_ACP_SHORT_MAX];
	bool found = tr_acp_option(text(options), reply, option, sizeof option);

	assert_true(found == (expected != NULL));
	if (expected)
		assert_string_equal(option, expected);
}

TEST(lists_of_kinds_of_tools)
{
	assert_true(tr_acp_kinds_valid("read"));
	assert_true(tr_acp_kinds_valid("read,switch_mode,other"));
	assert_true(tr_acp_kinds_valid("*"));
	assert_false(tr_acp_kinds_valid(""));
	assert_false(tr_acp_kinds_valid(","));
	assert_false(tr_acp_kinds_valid("read,"));
	assert_false(tr_acp_kinds_valid("read,,edit"));
	assert_false(tr_acp_kinds_valid("rea"));
	assert_true(tr_acp_kinds_hold("read,edit", "edit"));
	assert_false(tr_acp_kinds_hold("read,edit", "ed"));
	assert_false(tr_acp_kinds_hold("read,edit", "edits"));
	assert_true(tr_acp_kinds_hold("*", "anything"));
	assert_false(tr_acp_kinds_hold("read", ""));
}

TEST(words_choose_options_as_the_specification_maps_them)
{
	assert_option(all_options, "once", "O");
	assert_option(all_options, "always", "A");
	assert_option(all_options, "reject", "R");
	assert_option(all_options, "sure", NULL);
	assert_option("[{\"kind\":\"allow_once\",\"optionId\":\"y\"},{\"kind\":\"reject_always\",\"optionId\":"
		"\"n\"}]", "always", "y");
	assert_option("[{\"kind\":\"allow_once\",\"optionId\":\"y\"},{\"kind\":\"reject_always\",\"optionId\":"
		"\"n\"}]", "reject", "n");
	assert_option("[{\"kind\":\"allow_always\",\"optionId\":\"y\"}]", "once", NULL);
	assert_option("{}", "once", NULL);
	assert_option("[1,{\"kind\":\"allow_once\"},{\"kind\":5,\"optionId\":\"x\"}]", "once", NULL);
}

TEST(available_replies_are_those_that_some_option_serves)
{
	assert_int_equal(tr_acp_replies(text(all_options)), TR_ACP_ONCE | TR_ACP_ALWAYS | TR_ACP_REJECT);
	assert_int_equal(tr_acp_replies(text("[{\"kind\":\"allow_once\",\"optionId\":"
		"\"y\"}]")), TR_ACP_ONCE | TR_ACP_ALWAYS);
	assert_int_equal(tr_acp_replies(text("[{\"kind\":\"allow_always\",\"optionId\":\"y\"}]")), TR_ACP_ALWAYS);
	assert_int_equal(tr_acp_replies(text("[]")), 0);
}

TEST(instances_are_found_in_the_list)
{
	struct troupe_text list = text("{\"servers\":[{\"agent\":\"mock\",\"createdAtMs\":1795303334935,"
		"\"serverId\":\"ws-1\"},"
	                               "{\"serverId\":\"ws-2\",\"createdAtMs\":7}]}");

	assert_int_equal(tr_acp_listed(list, "ws-1"), 1795303334935);
	assert_int_equal(tr_acp_listed(list, "ws-2"), 7);
	assert_int_equal(tr_acp_listed(list, "ws-3"), 0);
	assert_int_equal(tr_acp_listed(text("{}"), "ws-1"), 0);
}

/* ------------------------------------------------------------------ built */

static struct tr_bytes built;

static void assert_built(const char *expected)
{
	assert_string_equal(tr_bytes_text(&built), expected);
	text(expected);
	tr_bytes_free(&built);
}

TEST(content_blocks_are_objects_with_a_type)
{
	static const char *const bad[] = { "{}", "\"text\"", "[1]", "[{}]", "[{\"type\":1}]", "[{\"type\":\"text\"},null]" };
	struct tr_bytes v = { 0 };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		tr_bytes_clear(&v);
		tr_json_decode(&v, text(bad[i]), TR_JSON_PLAIN, 8, NULL);
		assert_false(tr_acp_blocks_valid(tr_bytes_value(&v)));
	}
	tr_bytes_free(&v);
}

TEST(requests_are_built)
{
	struct troupe_text none = { 0 };
	struct tr_bytes blocks = { 0 };

	tr_acp_new(&built, "c-2", "/w \"x\"");
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":\"c-2\",\"method\":\"session/new\",\"params\":{\"cwd\":\"/w "
		"\\\"x\\\"\",\"mcpServers\":[]}}");
	tr_acp_restore(&built, "c-3", "session/load", "sess-1", "/w");
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":\"c-3\",\"method\":\"session/load\",\"params\":{\"sessionId\":"
		"\"sess-1\",\"cwd\":\"/w\",\"mcpServers\":[]}}");
	tr_acp_authenticate(&built, "c-4", "openai-api-key");
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":\"c-4\",\"method\":\"authenticate\",\"params\":{\"methodId\":"
		"\"openai-api-key\"}}");
	tr_acp_prompt(&built, "c-5", "sess-1", none, (struct troupe_value){ 0 }, "hi\n");
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":\"c-5\",\"method\":\"session/prompt\",\"params\":{"
		"\"sessionId\":\"sess-1\","
	             "\"prompt\":[{\"type\":\"text\",\"text\":\"hi\\n\"}]}}");
	tr_acp_prompt(&built, "c-5", "sess-1", (struct troupe_text){ "old", 3 }, (struct troupe_value){ 0 }, "hi");
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":\"c-5\",\"method\":\"session/prompt\",\"params\":{"
		"\"sessionId\":\"sess-1\","
	             "\"prompt\":[{\"type\":\"text\",\"_meta\":{\"troupe\":\"replay\"},\"text\":\"old\"},{"
		"\"type\":\"text\",\"text\":\"hi\"}]}}");
	tr_json_decode(&blocks, text("[{\"type\":\"image\",\"data\":\"AA==\",\"mimeType\":\"image/png\"},{\"type\":\"x\"}]"),
	               TR_JSON_PLAIN, 8, NULL);
	assert_true(tr_acp_blocks_valid(tr_bytes_value(&blocks)));
	tr_acp_prompt(&built, "c-5", "sess-1", none, tr_bytes_value(&blocks), "hi");
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":\"c-5\",\"method\":\"session/prompt\",\"params\":{\"sessionId\":\"sess-1\","
	             "\"prompt\":[{\"type\":\"image\",\"data\":\"AA==\",\"mimeType\":\"image/png\"},{\"type\":\"x\"},"
	             "{\"type\":\"text\",\"text\":\"hi\"}]}}");
	tr_bytes_free(&blocks);
	tr_acp_cancel(&built, "sess-1");
	assert_built("{\"jsonrpc\":\"2.0\",\"method\":\"session/cancel\",\"params\":{\"sessionId\":\"sess-1\"}}");
	tr_acp_close(&built, "c-5", "sess-1");
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":\"c-5\",\"method\":\"session/close\",\"params\":{\"sessionId\":\"sess-1\"}}");
	tr_acp_set_mode(&built, "c-6", "sess-1", (struct troupe_text){ "pl\"an", 5 });
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":\"c-6\",\"method\":\"session/set_mode\",\"params\":{"
		"\"sessionId\":\"sess-1\",\"modeId\":\"pl\\\"an\"}}");
	tr_acp_set_option(&built, "c-7", "sess-1", "model", (struct troupe_value){ "\xa5" "large", 6 });
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":\"c-7\",\"method\":\"session/set_config_option\",\"params\":{"
		"\"sessionId\":\"sess-1\",\"configId\":\"model\",\"value\":\"large\"}}");
	tr_acp_set_option(&built, "c-8", "sess-1", "web", (struct troupe_value){ "\xc3", 1 });
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":\"c-8\",\"method\":\"session/set_config_option\",\"params\":{"
		"\"sessionId\":\"sess-1\",\"configId\":\"web\",\"type\":\"boolean\",\"value\":true}}");
	tr_acp_initialize(&built, "c-1", "0.1.0");
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":\"c-1\",\"method\":\"initialize\",\"params\":{\"protocolVersion\":1,"
	             "\"clientInfo\":{\"name\":\"troupe\",\"version\":\"0.1.0\"},\"clientCapabilities\":{\"fs\":"
		"{\"readTextFile\":false,"
	             "\"writeTextFile\":false},\"terminal\":false}}}");
}

TEST(replies_carry_the_agents_id_byte_for_byte)
{
	tr_acp_permission_reply(&built, (struct troupe_text){ "0", 1 }, "opt-once");
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"outcome\":{\"outcome\":\"selected\","
		"\"optionId\":\"opt-once\"}}}");
	tr_acp_permission_reply(&built, (struct troupe_text){ "\"a\\u0041\"", 9 }, NULL);
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":\"a\\u0041\",\"result\":{\"outcome\":{\"outcome\":\"cancelled\"}}}");
	tr_acp_refuse(&built, (struct troupe_text){ "1.5", 3 }, -32601, "Method not found");
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":1.5,\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}");
}

TEST(notes_are_built)
{
	struct tr_acp e = read_envelope("{\"id\":\"c-9\",\"result\":{}}");

	tr_acp_note_lost(&built, "c-1", "agent_exited", "It ended.");
	assert_built("{\"jsonrpc\":\"2.0\",\"id\":\"c-1\",\"error\":{\"code\":-32099,\"message\":\"It ended.\","
		"\"data\":{\"reason\":\"agent_exited\"}}}");
	tr_acp_note_gap(&built, "t-1", 1795303334935, 1001, 3980);
	assert_built("{\"jsonrpc\":\"2.0\",\"method\":\"_troupe/gap\",\"params\":{\"serverId\":\"t-1\","
		"\"createdAtMs\":1795303334935,"
	             "\"from\":1001,\"to\":3980,\"lost\":2980}}");
	tr_acp_note_gap(&built, "t-1", 1795303334935, 1001, 0);
	assert_built("{\"jsonrpc\":\"2.0\",\"method\":\"_troupe/gap\",\"params\":{\"serverId\":\"t-1\","
		"\"createdAtMs\":1795303334935,\"from\":1001,\"to\":null,\"lost\":null}}");
	tr_acp_note_restored(&built, "load", "s", 12);
	assert_built("{\"jsonrpc\":\"2.0\",\"method\":\"_troupe/restored\",\"params\":{\"how\":\"load\","
		"\"agentSessionId\":\"s\",\"replayed\":12}}");
	tr_acp_note_oversize(&built, 5, 70000000);
	assert_built("{\"jsonrpc\":\"2.0\",\"method\":\"_troupe/oversize\",\"params\":{\"streamId\":5,\"bytes\":"
		"70000000}}");
	tr_acp_note_expired(&built, "p", (struct troupe_text){ "3", 1 });
	assert_built("{\"jsonrpc\":\"2.0\",\"method\":\"_troupe/permission_expired\",\"params\":{"
		"\"permissionId\":\"p\",\"requestId\":3}}");
	tr_acp_note_odd(&built, (struct troupe_text){ "[1]", 3 }, true);
	assert_built("{\"jsonrpc\":\"2.0\",\"method\":\"_troupe/odd\",\"params\":{\"value\":[1]}}");
	tr_acp_note_odd(&built, (struct troupe_text){ "{\"", 2 }, false);
	assert_built("{\"jsonrpc\":\"2.0\",\"method\":\"_troupe/odd\",\"params\":{\"value\":\"{\\\"\"}}");
	tr_acp_note_truncated(&built, &e, 99);
	assert_built("{\"id\":\"c-9\",\"truncated\":true,\"bytes\":99}");
	e = read_envelope("{\"method\":\"session/update\"}");
	tr_acp_note_truncated(&built, &e, 99);
	assert_built("{\"method\":\"session/update\",\"truncated\":true,\"bytes\":99}");
}

TESTS(
	RUN(the_four_kinds_of_envelope_are_told_apart),
	RUN(a_request_of_the_agent_is_one_even_with_our_id),
	RUN(an_endless_method_is_an_unknown_one),
	RUN(responses_are_ours_by_type_and_value_of_the_id),
	RUN(short_members_are_unescaped_or_refused),
	RUN(integers_that_are_none_give_the_other_value),
	RUN(capabilities_of_agents),
	RUN(only_api_key_logins_are_tried_in_the_agents_order),
	RUN(lists_of_kinds_of_tools),
	RUN(words_choose_options_as_the_specification_maps_them),
	RUN(available_replies_are_those_that_some_option_serves),
	RUN(instances_are_found_in_the_list),
	RUN(content_blocks_are_objects_with_a_type),
	RUN(requests_are_built),
	RUN(replies_carry_the_agents_id_byte_for_byte),
	RUN(notes_are_built))
