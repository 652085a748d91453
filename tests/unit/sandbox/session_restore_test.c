/* SPDX-License-Identifier: Apache-2.0 */
/* A session over restarts: of ours (kill -9), of the server, of the agent. Everything is there once, in order. */
#include "tests/unit/sandbox/session_kit.h"

#include <time.h>

#include "runtime/sandbox/items.h"

/* ------------------------------------------------------------------ ours */

TEST(a_running_turn_goes_on_after_a_restart)
{
	kit_start_ready();
	kit_run("p1", "one");
	in_say("a");
	UNTIL(events("\"a\"") == 1);
	kit_crash();
	in_say("b");
	in_finish("end_turn");
	kit_open();
	assert_int_equal(fake.holds, 1);
	UNTIL(told("turn.state", "done") == 1);
	assert_string_equal(in.last_event_id, "3");
	assert_int_equal(in.instance_count, 1);
	assert_int_equal(events("\"a\""), 1);
	assert_int_equal(events("\"how\":\"reattach\""), 1);
	assert_true(place("session.event", "reattach") < place("session.event", "\"b\""));
	assert_int_equal(fake.holds, 0);
	assert_events_whole();
	kit_end();
}

TEST(whoever_asks_again_after_a_restart_gets_the_same_turn)
{
	struct troupe_call *waits, *late;

	kit_start_ready();
	kit_run("p1", "one");
	in_say("a");
	UNTIL(events("\"a\"") == 1);
	kit_crash();
	kit_open();
	waits = kit_prompt("p1", "one");
	UNTIL(in.gets == 2);
	in_finish("max_tokens");
	UNTIL(waits->answered);
	kit_crash();
	kit_open();
	late = kit_prompt("p1", "one");
	assert_true(late->answered);
	assert_string_equal(late->text, "promptId=p1 stopReason=max_tokens");
	assert_int_equal(told("chat.user", ""), 1);
	kit_end();
}

TEST(failures_are_remembered_as_well)
{
	struct troupe_call *late;

	kit_start_ready();
	kit_run("p1", "one");
	in_agent_exits(3);
	UNTIL(told("turn.state", "failed") == 1);
	kit_crash();
	kit_open();
	late = kit_prompt("p1", "one");
	assert_int_equal(late->error, TROUPE_EEXITED);
	assert_string_equal(late->text, "The agent's process ended with code 3.");
	kit_end();
}

/* The agent answers p1 with this error, which is stored; then we die. */
static void fails_before_a_crash(const char *error)
{
	kit_start_ready();
	kit_run("p1", "one");
	in_respond(in_newest(), in.prompt_id, error);
	UNTIL(told("turn.state", "failed") == 1);
	kit_crash();
}

static void is_busy_afterwards(const char *metadata)
{
	struct troupe_call *late;

	kit_open();
	late = kit_prompt("p1", "one");
	assert_int_equal(late->error, TROUPE_EAGENT);
	assert_string_equal(late->text, "busy");
	assert_string_equal(late->metadata, metadata);
	kit_end();
}

TEST(an_agents_error_is_told_whole_after_a_restart)
{
	fails_before_a_crash("\"error\":{\"code\":-32603,\"message\":\"busy\",\"data\":{\"retryAfter\":30}}");
	is_busy_afterwards("{\"code\":-32603,\"data\":{\"retryAfter\":30}}");
}

TEST(an_error_that_was_stored_without_metadata_is_told_so)
{
	struct tr_bytes *stored;

	fails_before_a_crash("\"error\":{\"code\":-32603,\"message\":\"busy\"}");
	stored = &fake_find(&fake, "session/default/done/p1")->value;
	tr_bytes_clear(stored);
	tr_put_map(stored, 4); /* as 0.1.0's first days wrote a failed one */
	tr_item_put_number(stored, "state", 3);
	tr_item_put_text(stored, "stopReason", "");
	tr_item_put_number(stored, "error", TROUPE_EAGENT);
	tr_item_put_text(stored, "message", "busy");
	is_busy_afterwards("");
}

TEST(queued_prompts_go_on_in_their_order)
{
	kit_start_ready();
	kit_run("p1", "one");
	kit_prompt("p2", "two");
	kit_prompt("p3", "three");
	in_say("a");
	UNTIL(events("\"a\"") == 1);
	kit_crash();
	kit_open();
	in_finish("end_turn");
	UNTIL(in.prompt_id[0]);
	assert_non_null(strstr(in.last_post, "two"));
	in_finish("end_turn");
	UNTIL(in.prompt_id[0]);
	assert_non_null(strstr(in.last_post, "three"));
	in_finish("end_turn");
	UNTIL(told("turn.state", "done") == 3);
	assert_int_equal(told("chat.user", ""), 3);
	assert_int_equal(events("session/prompt"), 3);
	kit_end();
}

TEST(what_was_not_committed_did_not_happen)
{
	kit_start_ready();
	kit.holds_commits = true;
	kit_prompt("p1", "one");
	kit_settle();
	kit_crash();
	kit.holds_commits = false;
	kit_open();
	UNTIL(events("reattach") == 1);
	assert_int_equal(told("chat.user", ""), 0);
	assert_int_equal(events("session/prompt"), 0);
	kit_run("p1", "one");
	assert_int_equal(told("chat.user", ""), 1);
	assert_events_whole();
	kit_end();
}

TEST(a_prompt_that_was_committed_and_perhaps_not_sent_is_not_sent_again)
{
	kit_start_ready();
	kit.times.settle_ms = 50;
	kit_prompt("p1", "one"); /* committed; its POST has not left yet */
	kit_prompt("p2", "two");
	kit_crash();
	kit_open();
	UNTIL(told("turn.state", "delivery_unknown") == 1);
	assert_int_equal(told("turn.state", "{\"promptId\":\"p1\",\"state\":\"failed\""), 1);
	UNTIL(in.prompt_id[0]);
	assert_non_null(strstr(in.last_post, "two"));
	kit_end();
}

TEST(an_update_proves_that_it_was_sent)
{
	kit_start_ready();
	kit_run("p1", "one");
	kit_crash();
	kit.times.settle_ms = 50;
	in_say("a");
	kit_open();
	UNTIL(events("\"a\"") == 1);
	for (int i = 0; i < 10; i++)
		kit_settle();
	assert_int_equal(told("turn.state", "failed"), 0);
	in_finish("end_turn");
	UNTIL(told("turn.state", "done") == 1);
	kit_end();
}

TEST(open_permissions_are_answered_after_a_restart)
{
	char id[40];

	kit_start_ready();
	kit_run("p1", "one");
	in_emit("{\"id\":7,\"method\":\"session/request_permission\",\"params\":{\"options\":[{\"optionId\":"
		"\"A\",\"kind\":\"allow_once\"}]}}");
	UNTIL(told("permission.request", "") == 1);
	sscanf(strstr(newest("permission.request"), "permissionId\":\"") + 15, "%36s", id);
	kit_crash();
	kit_open();
	UNTIL(in.gets == 2);
	assert_int_equal(told("permission.request", ""), 1);
	assert_int_equal(kit_respond(id, "once")->error, 0);
	UNTIL(strstr(in.last_post, "\"optionId\":\"A\"") != NULL);
	kit_settle();
	kit_crash();
	kit_open();
	assert_int_equal(kit_respond(id, "once")->error, TROUPE_ERESOLVED);
	kit_end();
}

TEST(an_answer_that_was_committed_and_perhaps_not_sent_is_sent_again)
{
	char id[40];
	int posts;

	kit_start_ready();
	kit_run("p1", "one");
	in_emit("{\"id\":7,\"method\":\"session/request_permission\",\"params\":{\"options\":[{\"optionId\":"
		"\"A\",\"kind\":\"allow_once\"}]}}");
	UNTIL(told("permission.request", "") == 1);
	sscanf(strstr(newest("permission.request"), "permissionId\":\"") + 15, "%36s", id);
	posts = in.posts;
	kit_respond(id, "once");
	kit_crash();
	assert_int_equal(in.posts, posts);
	kit_open();
	UNTIL(in.posts == posts + 1);
	assert_string_equal(in.last_post, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"outcome\":{\"outcome\":"
		"\"selected\",\"optionId\":\"A\"}}}");
	assert_int_equal(events("\"optionId\":\"A\"}}}"), 1);
	kit_settle();
	kit_crash();
	kit_open();
	UNTIL(in.gets == 3);
	kit_settle();
	assert_int_equal(in.posts, posts + 1);
	kit_end();
}

TEST(an_instance_that_was_half_made_is_cleaned_up)
{
	kit_start();
	kit_open();
	UNTIL(in.posts == 1);
	kit_crash();
	kit_open_ready();
	assert_int_equal(in.deletes, 1);
	assert_int_equal(in.instance_count, 2);
	assert_int_equal(events("session/new"), 1);
	kit_end();
}

/* [S9, F16] */
TEST(another_instance_under_our_name_is_not_ours)
{
	kit_start_ready();
	kit_run("p1", "one");
	in_say("a");
	UNTIL(events("\"a\"") == 1);
	kit_crash();
	in_newest()->created++;
	kit_open();
	UNTIL(told("turn.state", "instance_lost") == 1);
	UNTIL(told("sandbox.state", "ready") == 2);
	assert_int_equal(in.instance_count, 2);
	kit_end();
}

TEST(a_change_while_we_slept_is_told)
{
	kit_start_ready();
	kit_close();
	in_stop_listening();
	kit_open();
	UNTIL(told("sandbox.state", "unhealthy") == 1);
	in_listen();
	UNTIL(told("sandbox.state", "ready") == 2);
	kit_end();
}

/* [S18] */
TEST(another_agent_than_the_sessions_is_an_error)
{
	struct troupe_call *call;

	kit_start_ready();
	kit_crash();
	kit.agent = "codex";
	kit_open();
	call = kit_prompt("p1", "one");
	assert_true(call->answered);
	assert_int_equal(call->error, TROUPE_EMISMATCH);
	kit_end();
}

TEST(before_the_first_session_another_agent_may_be_tried)
{
	struct troupe_call *call;

	kit_start();
	in.first_post = "unsupported_agent";
	kit.agent = "tpyo";
	kit_open();
	call = kit_prompt("p1", "one");
	UNTIL(call->answered);
	kit_crash();
	in.first_post = NULL;
	kit.agent = "codex";
	kit_open();
	kit_run("p2", "two");
	kit_end();
}

/* [S56] */
TEST(sleeping_and_waking_keeps_the_instance)
{
	kit_start_ready();
	kit_close();
	kit_open();
	UNTIL(events("reattach") == 1);
	assert_int_equal(told("sandbox.state", ""), 2);
	assert_int_equal(in.instance_count, 1);
	assert_int_equal(in.deletes, 0);
	kit_end();
}

/* ------------------------------------------------------------------ the agent's own memory */

/* Until that is in the log. */
static void agent_exits(int nth)
{
	in_agent_exits(1);
	UNTIL(events("_adapter/agent_exited") == nth);
}

TEST(an_agent_that_can_resume_is_asked_to)
{
	kit_start();
	in.capabilities = "{\"loadSession\":true,\"sessionCapabilities\":{\"resume\":{}}}";
	kit_open_ready();
	agent_exits(1);
	kit_run("p1", "one");
	assert_int_equal(events("\"method\":\"session/resume\",\"params\":{\"sessionId\":"
		"\"agent-session-1795303334001\",\"cwd\":\"/w\""), 1);
	assert_int_equal(events("\"how\":\"resume\""), 1);
	assert_int_equal(events("session/load"), 0);
	assert_null(strstr(in.last_post, "_meta"));
	kit_end();
}

TEST(a_load_is_not_logged_twice)
{
	kit_start();
	in.capabilities = "{\"loadSession\":true}";
	in.load_replays = "{\"jsonrpc\":\"2.0\",\"method\":\"session/update\",\"params\":{\"update\":{"
		"\"sessionUpdate\":\"agent_message_chunk\"}}}";
	kit_open_ready();
	agent_exits(1);
	kit_run("p1", "one");
	assert_int_equal(events("agent_message_chunk"), 0);
	assert_int_equal(events("\"how\":\"load\",\"agentSessionId\":\"agent-session-1795303334001\","
		"\"replayed\":1}"), 1);
	assert_true(place("session.event", "session/load") < place("session.event", "\"result\":{}"));
	assert_events_whole();
	kit_end();
}

TEST(an_agent_that_has_forgotten_gets_a_new_session)
{
	struct troupe_call *call;

	kit_start();
	in.capabilities = "{\"loadSession\":true}";
	in.fail_method = "session/load";
	kit_open();
	call = kit_run("p1", "my name is Ann");
	in_finish("end_turn");
	UNTIL(call->answered);
	agent_exits(1);
	kit_run("p2", "two");
	assert_int_equal(events("-32002"), 1);
	assert_int_equal(events("\"how\":\"replay\""), 1);
	assert_non_null(strstr(in.last_post, "my name is Ann"));
	kit_end();
}

TEST(a_replay_is_given_again_until_a_turn_with_it_has_ended)
{
	struct troupe_call *call;

	kit_start_ready();
	call = kit_run("p1", "my name is Ann");
	in_finish("end_turn");
	UNTIL(call->answered);
	agent_exits(1);
	kit_run("p2", "two");
	agent_exits(2);
	kit_crash();
	kit_open();
	in.prompt_id[0] = '\0';
	kit_run("p3", "three");
	assert_non_null(strstr(in.last_post, "my name is Ann"));
	assert_non_null(strstr(in.last_post, "User ann: two"));
	kit_end();
}

/* ------------------------------------------------------------------ anything at any time */

static uint64_t seed;

/* SEED=n runs the same again. */
static void start_random(void)
{
	seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
}

static unsigned random_below(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* Messages of the agent are numbered; whatever happens to the streams and to us, the log has each once and in order. */
TEST(every_message_is_logged_once_and_in_order_whatever_breaks)
{
	int said = 0, next = 0;
	char text[16];

	start_random();
	kit_start_ready();
	for (int i = 0; i < 200; i++) {
		char json[256];

		snprintf(json, sizeof json, "{\"jsonrpc\":\"2.0\",\"method\":\"session/update\",\"params\":{"
			"\"text\":\"m%d.\"}}", said++);
		if (random_below(6) == 0)
			in_skip(json);
		else
			in_emit(json);
		if (random_below(12) == 0)
			in_cut();
		if (random_below(4) == 0)
			kit_settle();
		if (random_below(20) == 0) {
			kit_crash();
			kit_open();
		}
	}
	in_say("the last");
	UNTIL(events("the last") == 1);
	for (size_t i = 0; i < fake.told_committed; i++) {
		if (strcmp(fake.told[i].name, "session.event") != 0 || !strstr(fake.told[i].json, "\"text\":\"m"))
			continue;
		snprintf(text, sizeof text, "\"m%d.\"", next++);
		assert_non_null(strstr(fake.told[i].json, text));
	}
	assert_int_equal(next, said);
	assert_int_equal(events("_troupe/gap"), 0);
	assert_int_equal(in.instance_count, 1);
	assert_events_whole();
	kit_end();
}

/* Every prompt ends once, whatever ends meanwhile. */
TEST(every_prompt_ends_once_whatever_breaks)
{
	static const char *const ends_of[] = { "done", "failed", "cancelled" };
	char id[16], part[64];

	start_random();
	kit_start_ready();
	kit.times.settle_ms = 20;
	for (int i = 0; i < 40; i++) {
		snprintf(id, sizeof id, "p%d", i);
		kit_prompt(id, "work");
		if (random_below(3) > 0)
			kit_settle();
		switch (random_below(8)) {
		case 0:
			kit_crash();
			kit_open();
			break;
		case 1:
			in.prompt_id[0] = '\0';
			in_restart();
			break;
		case 2:
			if (in_newest())
				in_agent_exits(1);
			in.prompt_id[0] = '\0';
			break;
		case 3:
			in_cut();
			break;
		default:
			if (in.prompt_id[0] && in_newest() && !in_newest()->dead)
				in_finish("end_turn");
			break;
		}
		if (i % 8 == 7)
			UNTIL(!in.prompt_id[0] || in_newest());
	}
	while (fake.holds > 0) {
		if (in.prompt_id[0] && in_newest() && !in_newest()->dead)
			in_finish("end_turn");
		kit_settle();
	}
	for (int i = 0; i < 40; i++) {
		int ends = 0;

		for (size_t s = 0; s < sizeof ends_of / sizeof *ends_of; s++) {
			snprintf(part, sizeof part, "{\"promptId\":\"p%d\",\"state\":\"%s\"", i, ends_of[s]);
			ends += told("turn.state", part);
		}
		assert_int_equal(ends, 1);
	}
	assert_events_whole();
	kit_end();
}

TESTS(
	RUN(a_running_turn_goes_on_after_a_restart),
	RUN(whoever_asks_again_after_a_restart_gets_the_same_turn),
	RUN(failures_are_remembered_as_well),
	RUN(an_agents_error_is_told_whole_after_a_restart),
	RUN(an_error_that_was_stored_without_metadata_is_told_so),
	RUN(queued_prompts_go_on_in_their_order),
	RUN(what_was_not_committed_did_not_happen),
	RUN(a_prompt_that_was_committed_and_perhaps_not_sent_is_not_sent_again),
	RUN(an_update_proves_that_it_was_sent),
	RUN(open_permissions_are_answered_after_a_restart),
	RUN(an_answer_that_was_committed_and_perhaps_not_sent_is_sent_again),
	RUN(an_instance_that_was_half_made_is_cleaned_up),
	RUN(another_instance_under_our_name_is_not_ours),
	RUN(a_change_while_we_slept_is_told),
	RUN(another_agent_than_the_sessions_is_an_error),
	RUN(before_the_first_session_another_agent_may_be_tried),
	RUN(sleeping_and_waking_keeps_the_instance),
	RUN(an_agent_that_can_resume_is_asked_to),
	RUN(a_load_is_not_logged_twice),
	RUN(an_agent_that_has_forgotten_gets_a_new_session),
	RUN(a_replay_is_given_again_until_a_turn_with_it_has_ended),
	RUN(every_message_is_logged_once_and_in_order_whatever_breaks),
	RUN(every_prompt_ends_once_whatever_breaks))
