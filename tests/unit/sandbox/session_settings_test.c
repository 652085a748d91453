/* SPDX-License-Identifier: Apache-2.0 */
/* Modes, models and other options: set by people, kept in step with the agent, set again in its next life. */
#include "tests/unit/sandbox/session_kit.h"

#include "runtime/base/limits.h"

#define MODES ",\"modes\":{\"currentModeId\":\"ask\",\"availableModes\":[{\"id\":\"ask\"},{\"id\":\"code\"}]}"
#define OPTION(id, category, current, options) \
	"{\"id\":\"" id "\",\"category\":\"" category "\",\"type\":\"select\",\"currentValue\":\"" current "\"," \
	"\"options\":[" options "]}"
#define MODEL(current) OPTION("m", "model", current, "{\"value\":\"small\"},{\"value\":\"large\"}")
#define THOUGHT(current) OPTION("t", "thought_level", current, \
	"{\"group\":\"g\",\"options\":[{\"value\":\"low\"},{\"value\":\"high\"}]}")
#define MODE(current) OPTION("md", "mode", current, "{\"value\":\"ask\"},{\"value\":\"code\"}")
#define OPTIONS ",\"configOptions\":[" MODEL("small") "," THOUGHT("low") "," MODE("ask") "]"

static void start_with(const char *says)
{
	kit_start();
	in.session_says = says;
	kit_open_ready();
}

static void start_offering(void)
{
	start_with(MODES OPTIONS);
}

/* What getSessionInfo would show, as JSON. */
static const char *config(void)
{
	static char json[8192];
	struct troupe_session_info info;
	struct tr_bytes out = { 0 };

	kit.ops->info(kit.session, &info);
	if (info.modes.size > 0)
		tr_json_encode(&out, info.modes, TR_JSON_PLAIN);
	if (info.config_options.size > 0)
		tr_json_encode(&out, info.config_options, TR_JSON_PLAIN);
	snprintf(json, sizeof json, "%s", tr_bytes_text(&out));
	tr_bytes_free(&out);
	return json;
}

TEST(what_may_be_chosen_is_told_and_shown)
{
	start_offering();
	assert_int_equal(told("session.config", "{\"modes\":{\"currentModeId\":\"ask\""), 1);
	assert_int_equal(told("session.config", "],\"sessionId\":\"default\"}"), 1);
	assert_int_equal(told("session.config", MODEL("small")), 1);
	assert_non_null(strstr(config(), "\"currentModeId\":\"ask\""));
	assert_non_null(strstr(config(), MODEL("small")));
	kit_end();
}

TEST(a_mode_is_set_and_its_option_follows)
{
	struct troupe_call *call;

	start_offering();
	call = kit_set(TROUPE_MODE, NULL, "\"code\"");
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	assert_int_equal(events("\"method\":\"session/set_mode\""), 1);
	assert_int_equal(events("\"modeId\":\"code\""), 1);
	assert_non_null(strstr(config(), "\"currentModeId\":\"code\""));
	assert_non_null(strstr(config(), MODE("code")));
	assert_int_equal(told("session.config", "\"currentModeId\":\"code\""), 1);
	kit_end();
}

TEST(a_model_is_set_by_what_it_is)
{
	struct troupe_call *call;

	start_offering();
	call = kit_set(TROUPE_MODEL, NULL, "\"large\"");
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	assert_int_equal(events("\"method\":\"session/set_config_option\""), 1);
	assert_int_equal(events("\"configId\":\"m\",\"value\":\"large\""), 1);
	assert_non_null(strstr(config(), MODEL("large")));
	call = kit_set(TROUPE_THOUGHT_LEVEL, NULL, "\"high\"");
	UNTIL(call->answered);
	assert_non_null(strstr(config(), THOUGHT("high")));
	kit_end();
}

TEST(the_agents_own_list_replaces_ours)
{
	struct troupe_call *call;

	start_offering();
	in.mute_settings = true;
	call = kit_set(TROUPE_OPTION_BY_ID, "m", "\"large\"");
	UNTIL(in.settings == 1);
	in_respond(in_newest(), in.setting_id, "\"result\":{\"configOptions\":[" MODEL("large") "," MODE("code") "]}");
	UNTIL(call->answered);
	assert_null(strstr(config(), THOUGHT("low")));
	assert_non_null(strstr(config(), MODEL("large")));
	assert_non_null(strstr(config(), "\"currentModeId\":\"code\""));
	kit_end();
}

TEST(errors_name_what_may_be_chosen)
{
	static const struct { enum troupe_setting what; const char *id, *value, *sentence; } cases[] = {
		{ TROUPE_MODE, NULL, "\"plan\"", "There is no mode \"plan\". The agent has: ask, code." },
		{ TROUPE_MODEL, NULL, "\"huge\"", "The option \"m\" cannot be \"huge\". The agent offers: small, large." },
		{ TROUPE_THOUGHT_LEVEL, NULL, "\"max\"", "The option \"t\" cannot be \"max\". The agent offers: low, high." },
		{ TROUPE_OPTION_BY_ID, "x", "\"y\"", "The agent has no option of id \"x\". It has: m, t, md." },
		{ TROUPE_OPTION_BY_ID, "m", "true", "The option \"m\" cannot be \"a boolean\". The agent offers: small, large." },
	};

	start_offering();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct troupe_call *call = kit_set(cases[i].what, cases[i].id, cases[i].value);

		assert_int_equal(call->error, TROUPE_ECHOICE);
		assert_string_equal(call->text, cases[i].sentence);
	}
	assert_int_equal(in.settings, 0);
	assert_int_equal(kit_set(TROUPE_MODE, NULL, "true")->error, TROUPE_EINVAL);
	assert_int_equal(kit_set(TROUPE_OPTION_BY_ID, NULL, "\"x\"")->error, TROUPE_EINVAL);
	assert_int_equal(kit_set(TROUPE_MODEL, NULL, "{}")->error, TROUPE_EINVAL);
	kit_end();
}

TEST(an_agent_without_a_category_says_which_it_has)
{
	struct troupe_call *call;

	start_with(",\"configOptions\":[" MODE("ask") "]");
	call = kit_set(TROUPE_MODEL, NULL, "\"large\"");
	assert_int_equal(call->error, TROUPE_ECHOICE);
	assert_string_equal(call->text, "The agent has no option of category \"model\". It has: mode.");
	kit_end();
}

TEST(without_set_mode_the_option_is_set)
{
	struct troupe_call *call;

	start_offering();
	in.unknown_method = "set_mode";
	call = kit_set(TROUPE_MODE, NULL, "\"code\"");
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	assert_int_equal(events("\"configId\":\"md\",\"value\":\"code\""), 1);
	assert_non_null(strstr(config(), "\"currentModeId\":\"code\""));
	kit_end();
}

TEST(what_the_agent_refuses_is_told_in_its_words)
{
	struct troupe_call *call;

	start_offering();
	in.mute_settings = true;
	call = kit_set(TROUPE_MODEL, NULL, "\"large\"");
	UNTIL(in.settings == 1);
	in_respond(in_newest(), in.setting_id, "\"error\":{\"code\":-32603,\"message\":\"out of quota\",\"data\":{\"left\":0}}");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_EAGENT);
	assert_string_equal(call->text, "out of quota");
	assert_string_equal(call->metadata, "{\"code\":-32603,\"data\":{\"left\":0}}");
	assert_non_null(strstr(config(), MODEL("small")));
	kit_end();
}

static void ask_permission(const char *raw_id, char into[37])
{
	int before = told("permission.request", "");
	char json[256];

	snprintf(json, sizeof json, "{\"id\":%s,\"method\":\"session/request_permission\",\"params\":{\"options\":[{"
	         "\"optionId\":\"O\",\"kind\":\"allow_once\"}]}}", raw_id);
	in_emit(json);
	UNTIL(told("permission.request", "") > before);
	sscanf(strstr(newest("permission.request"), "permissionId\":\"") + 15, "%36s", into);
}

/* Its POST has it, and the stream was read again for it in vain; now it is away. */
TEST(a_response_is_not_taken_from_its_post_while_the_stream_is_away)
{
	char first[37], second[37], json[128];
	struct troupe_call *call;
	int posts;

	kit_start_with(true);
	in.session_says = MODES OPTIONS;
	kit_open_ready();
	ask_permission("1", first);
	ask_permission("2", second);
	in.mute_settings = true;
	call = kit_set(TROUPE_MODEL, NULL, "\"large\"");
	UNTIL(in.settings == 1);
	snprintf(json, sizeof json, "{\"id\":%s,\"jsonrpc\":\"2.0\",\"result\":{}}", in.setting_id);
	in_answer_post(in.setting_id, json);
	posts = in.posts;
	kit_respond(first, "once"); /* there and back: the answer before has come by then */
	UNTIL(in.posts == posts + 1);
	hand.now += kit.times.settle_ms;
	UNTIL(in.gets == 2);
	in_say("open");
	UNTIL(events("\"open\"") == 1);
	hand.now += kit.times.settle_ms - 50;

	in.hold_streams = true;
	in.refuse_reply = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\nlog in";
	kit_respond(second, "once"); /* not taken: so the stream is read again, after a moment */
	UNTIL(in_streams() == 0);
	hand.now += 50; /* since it was opened that is settle_ms */
	kit_step();
	assert_false(call->answered);
	hand.now += TR_REREAD_MS;
	UNTIL(in.gets == 3);

	in_skip(json);
	in_let_streams();
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	kit_end();
}

TEST(an_agent_that_wants_a_login_first_says_so)
{
	struct troupe_call *call;

	start_offering();
	in.mute_settings = true;
	call = kit_set(TROUPE_MODEL, NULL, "\"large\"");
	UNTIL(in.settings == 1);
	in_respond(in_newest(), in.setting_id, "\"error\":{\"code\":-32000,\"message\":\"\"}");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_EAUTH);
	assert_string_equal(call->metadata, "{\"code\":-32000}");
	kit_end();
}

TEST(what_the_agent_changes_by_itself_is_followed)
{
	start_offering();
	in_emit("{\"jsonrpc\":\"2.0\",\"method\":\"session/update\",\"params\":{\"update\":{\"sessionUpdate\":"
		"\"current_mode_update\",\"currentModeId\":\"code\"}}}");
	UNTIL(told("session.config", MODE("code")) == 1);
	assert_non_null(strstr(config(), "\"currentModeId\":\"code\""));
	in_emit("{\"jsonrpc\":\"2.0\",\"method\":\"session/update\",\"params\":{\"update\":{\"sessionUpdate\":"
		"\"config_option_update\",\"configOptions\":[" MODEL("large") "," MODE("ask") "]}}}");
	UNTIL(told("session.config", MODEL("large")) == 1);
	assert_non_null(strstr(config(), "\"currentModeId\":\"ask\""));
	kit_end();
}

TEST(what_has_not_changed_is_not_told_again)
{
	start_offering();
	in_emit("{\"jsonrpc\":\"2.0\",\"method\":\"session/update\",\"params\":{\"update\":{\"sessionUpdate\":"
		"\"current_mode_update\",\"currentModeId\":\"ask\"}}}");
	in_say("after");
	UNTIL(events("after") == 1);
	assert_int_equal(told("session.config", ""), 1);
	kit_close();
	kit_open();
	UNTIL(events("\"how\":\"reattach\"") == 1);
	kit_settle();
	assert_int_equal(told("session.config", ""), 1);
	kit_end();
}

TEST(an_agent_that_says_nothing_is_looked_up)
{
	struct troupe_call *call;

	kit_start();
	in.offers = "{\"id\":\"mock\",\"configOptions\":[" MODEL("small") "]}";
	kit_open();
	UNTIL(told("session.config", MODEL("small")) == 1);
	assert_int_equal(in.listings, 1);
	call = kit_set(TROUPE_MODEL, NULL, "\"large\"");
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	kit_end();
}

TEST(what_nobody_offers_cannot_be_set)
{
	struct troupe_call *call;

	kit_start_ready();
	call = kit_set(TROUPE_MODEL, NULL, "\"large\"");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_ECHOICE);
	assert_string_equal(call->text, "The agent has no option of category \"model\". It has: none.");
	assert_int_equal(in.listings, 1);
	kit_end();
}

TEST(the_next_life_of_the_agent_has_them_again)
{
	struct troupe_call *call;
	int settings;

	start_offering();
	kit_set(TROUPE_THOUGHT_LEVEL, NULL, "\"high\"");
	kit_set(TROUPE_MODEL, NULL, "\"large\"");
	call = kit_set(TROUPE_MODE, NULL, "\"code\"");
	UNTIL(call->answered);
	settings = in.settings;
	in_agent_exits(1);
	UNTIL(events("agent_exited") == 1);
	call = kit_prompt("p1", "go");
	UNTIL(in.prompt_id[0]);
	assert_int_equal(in.settings, settings + 3);
	assert_true(place("session.event", "\"modeId\":\"code\"") < place("session.event", "\"value\":\"large\""));
	assert_true(place("session.event", "\"value\":\"large\"") < place("session.event", "\"value\":\"high\""));
	assert_true(place("session.event", "\"value\":\"high\"") < place("session.event", "session/prompt"));
	assert_non_null(strstr(config(), MODEL("large")));
	assert_non_null(strstr(config(), MODE("code")));
	in_finish("end_turn");
	UNTIL(call->answered);
	assert_int_equal(told("session.config", ""), 4);
	kit_end();
}

TEST(what_the_next_life_has_by_itself_is_not_set)
{
	struct troupe_call *call;

	start_offering();
	call = kit_set(TROUPE_MODEL, NULL, "\"large\"");
	UNTIL(call->answered);
	in.capabilities = "{\"loadSession\":true}";
	in.restored_says = "\"modes\":{\"currentModeId\":\"ask\",\"availableModes\":[{\"id\":\"ask\"}]},"
		"\"configOptions\":[" MODEL("large") "," THOUGHT("low") "," MODE("ask") "]";
	kit_close();
	in_restart();
	kit_open();
	kit_prompt("p1", "go");
	UNTIL(in.prompt_id[0]);
	assert_int_equal(events("\"how\":\"load\""), 1);
	assert_int_equal(in.settings, 1);
	kit_end();
}

TEST(what_is_not_offered_any_more_is_passed_over)
{
	struct troupe_call *call;

	start_offering();
	call = kit_set(TROUPE_MODEL, NULL, "\"large\"");
	UNTIL(call->answered);
	in.session_says = ",\"configOptions\":[" OPTION("m", "model", "tiny", "{\"value\":\"tiny\"}") "]";
	in_agent_exits(1);
	UNTIL(events("agent_exited") == 1);
	kit_prompt("p1", "go");
	UNTIL(in.prompt_id[0]);
	assert_int_equal(in.settings, 2); /* the mode: nothing says that this one has none */
	assert_non_null(strstr(config(), "tiny"));
	kit_end();
}

TEST(what_was_being_set_when_we_died_is_set)
{
	start_offering();
	in.mute_settings = true;
	kit_set(TROUPE_MODEL, NULL, "\"large\"");
	UNTIL(in.settings == 1);
	kit_crash();
	in.mute_settings = false;
	kit_open();
	UNTIL(told("session.config", MODEL("large")) == 1);
	assert_int_equal(in.settings, 2);
	kit_end();
}

TEST(who_sets_something_in_an_agent_that_ends_is_told)
{
	struct troupe_call *first, *second;

	start_offering();
	in.mute_settings = true;
	first = kit_set(TROUPE_MODEL, NULL, "\"large\"");
	second = kit_set(TROUPE_MODE, NULL, "\"code\"");
	UNTIL(in.settings == 1);
	in_agent_exits(3);
	UNTIL(first->answered && second->answered);
	assert_int_equal(first->error, TROUPE_EEXITED);
	assert_int_equal(second->error, TROUPE_EEXITED);
	kit_end();
}

TEST(prompts_run_under_what_was_set_before_them)
{
	start_offering();
	in.mute_settings = true;
	kit_set(TROUPE_MODEL, NULL, "\"large\"");
	UNTIL(in.settings == 1);
	kit_prompt("p1", "go");
	kit_settle();
	assert_int_equal(events("session/prompt"), 0);
	in_respond(in_newest(), in.setting_id, "\"result\":{}");
	UNTIL(in.prompt_id[0]);
	kit_end();
}

TEST(something_is_set_while_a_turn_runs)
{
	struct troupe_call *call;

	start_offering();
	kit_run("p1", "go");
	call = kit_set(TROUPE_MODE, NULL, "\"code\"");
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	in_finish("end_turn");
	UNTIL(told("turn.state", "done") == 1);
	kit_end();
}

TEST(nobody_waits_for_a_sandbox_that_is_not_there)
{
	struct troupe_call *call;

	kit_start();
	in_stop_listening();
	kit_open();
	call = kit_set(TROUPE_MODEL, NULL, "\"large\"");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_ESANDBOX);
	kit_end();
}

TEST(a_line_of_settings_is_bounded)
{
	start_offering();
	in.mute_settings = true;
	for (int i = 0; i < TR_CONFIG_WAITING_MAX; i++) {
		kit.call_count = i % 60;
		kit_set(TROUPE_MODEL, NULL, "\"large\"");
	}
	kit.call_count = 63 - 1;
	assert_int_equal(kit_set(TROUPE_MODEL, NULL, "\"large\"")->error, TROUPE_EOVERLOADED);
	kit_end();
}

/* ------------------------------------------------------------------ a new session */

TEST(a_new_session_begins_as_it_is_wanted)
{
	kit_start();
	in.session_says = MODES OPTIONS;
	kit.mode = "code";
	kit.model = "large";
	kit.thought_level = "high";
	kit_open();
	kit_prompt("p1", "go");
	UNTIL(in.prompt_id[0]);
	assert_true(place("session.event", "\"modeId\":\"code\"") < place("session.event", "\"value\":\"large\""));
	assert_true(place("session.event", "\"value\":\"large\"") < place("session.event", "\"value\":\"high\""));
	assert_true(place("session.event", "\"value\":\"high\"") < place("session.event", "session/prompt"));
	assert_int_equal(told("session.config", ""), 1);
	assert_int_equal(told("session.config", MODEL("large") "," THOUGHT("high") "," MODE("code")), 1);
	kit_end();
}

TEST(a_session_that_exists_keeps_what_was_chosen)
{
	struct troupe_call *call;

	kit_start();
	in.session_says = MODES OPTIONS;
	kit.model = "large";
	kit_open();
	UNTIL(told("session.config", MODEL("large")) == 1);
	call = kit_set(TROUPE_MODEL, NULL, "\"small\"");
	UNTIL(call->answered);
	kit_close();
	in_restart();
	kit_open();
	kit_prompt("p1", "go");
	UNTIL(in.prompt_id[0]);
	assert_non_null(strstr(config(), MODEL("small")));
	kit_end();
}

TEST(a_new_session_that_cannot_be_as_it_is_wanted_is_none)
{
	struct troupe_call *call;

	kit_start();
	in.session_says = MODES OPTIONS;
	kit.model = "huge";
	kit_open();
	call = kit_prompt("p1", "go");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_ECHOICE);
	assert_string_equal(call->text, "The option \"m\" cannot be \"huge\". The agent offers: small, large.");
	assert_int_equal(events("session/prompt"), 0);
	call = kit_prompt("p2", "again");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_ECHOICE);
	assert_int_equal(in.deletes, 1); /* the first one's, before the second was made */
	kit_end();
}

TESTS(
	RUN(what_may_be_chosen_is_told_and_shown),
	RUN(a_mode_is_set_and_its_option_follows),
	RUN(a_model_is_set_by_what_it_is),
	RUN(the_agents_own_list_replaces_ours),
	RUN(errors_name_what_may_be_chosen),
	RUN(an_agent_without_a_category_says_which_it_has),
	RUN(without_set_mode_the_option_is_set),
	RUN(what_the_agent_refuses_is_told_in_its_words),
	RUN(a_response_is_not_taken_from_its_post_while_the_stream_is_away),
	RUN(an_agent_that_wants_a_login_first_says_so),
	RUN(what_the_agent_changes_by_itself_is_followed),
	RUN(what_has_not_changed_is_not_told_again),
	RUN(an_agent_that_says_nothing_is_looked_up),
	RUN(what_nobody_offers_cannot_be_set),
	RUN(the_next_life_of_the_agent_has_them_again),
	RUN(what_the_next_life_has_by_itself_is_not_set),
	RUN(what_is_not_offered_any_more_is_passed_over),
	RUN(what_was_being_set_when_we_died_is_set),
	RUN(who_sets_something_in_an_agent_that_ends_is_told),
	RUN(prompts_run_under_what_was_set_before_them),
	RUN(something_is_set_while_a_turn_runs),
	RUN(nobody_waits_for_a_sandbox_that_is_not_there),
	RUN(a_line_of_settings_is_bounded),
	RUN(a_new_session_begins_as_it_is_wanted),
	RUN(a_session_that_exists_keeps_what_was_chosen),
	RUN(a_new_session_that_cannot_be_as_it_is_wanted_is_none))
