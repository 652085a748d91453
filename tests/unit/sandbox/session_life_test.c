/* SPDX-License-Identifier: Apache-2.0 */
/* How a session begins and ends: made new, opened again, destroyed, taken up once more; and what is left of one that was not. */
#include "tests/unit/sandbox/session_kit.h"

/* As a server does, which pays what sessions leave behind. */
static void start(void)
{
	kit_start();
	kit.ops->start(tr_sandbox_sessions(kit.sandbox)->ctx, (struct tr_core *)&fake);
}

static void start_ready(void)
{
	start();
	kit_open_ready();
}

static void start_new(const char *id)
{
	start();
	kit.id = id;
	kit.how = TROUPE_SESSION_NEW;
}

static const char *missing(const char *id)
{
	struct troupe_call *call = &kit.calls[63];

	fake_call_new(call);
	fake.depth++;
	kit.ops->missing(call, id);
	fake.depth--;
	assert_true(call->answered);
	return troupe_error_info(call->error)->name;
}

static bool owes_agents(void)
{
	for (size_t i = 0; i < fake.item_count; i++) {
		if (strstr(fake.items[i].key, "owed/") && strstr(fake.items[i].key, "agent/"))
			return true;
	}
	return false;
}

static int items_of(const char *prefix)
{
	int count = 0;

	for (size_t i = 0; i < fake.item_count; i++)
		count += strncmp(fake.items[i].key, prefix, strlen(prefix)) == 0;
	return count;
}

TEST(a_new_session_is_told_and_its_record_given)
{
	struct troupe_call *call;

	start_new("review");
	kit.cwd = "/work";
	kit_open();
	call = kit_await(NULL);
	assert_false(call->answered);
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	assert_non_null(strstr(fake.replied, "{\"id\":\"review\",\"agent\":\"mock\",\"agentSessionId\":\"agent-session-"));
	assert_non_null(strstr(fake.replied, "\"sessionInit\":{\"cwd\":\"/work\",\"mcpServers\":[]}"));
	assert_int_equal(told("session.state", "{\"state\":\"created\",\"agent\":\"mock\",\"sessionId\":\"review\"}"), 1);
	assert_int_equal(events("\"cwd\":\"/work\""), 1);
	call = kit_await(NULL);
	assert_true(call->answered);
	assert_int_equal(kit_await("codex")->error, TROUPE_EMISMATCH);
	kit_end();
}

TEST(where_its_agent_works_stays_so)
{
	start_new("review");
	kit.cwd = "/work";
	kit_open_ready();
	kit_close();
	in_restart();
	kit.cwd = NULL;
	kit.how = TROUPE_SESSION_OLD;
	kit_open();
	kit_prompt("p1", "go");
	UNTIL(in.prompt_id[0]);
	assert_int_equal(events("\"cwd\":\"/work\""), 2);
	kit_end();
}

TEST(a_new_session_must_not_exist)
{
	start_new("review");
	kit_open_ready();
	kit_close();
	kit_open();
	assert_int_equal(kit_await(NULL)->error, TROUPE_EEXISTS);
	UNTIL(fake.ended == 1);
	assert_int_equal(fake.end_error, TROUPE_EEXISTS);
	kit_close();
	kit.how = TROUPE_SESSION_OLD; /* it was left alone */
	kit_open();
	UNTIL(events("reattach") == 1);
	kit_end();
}

TEST(an_old_session_must_exist)
{
	struct troupe_call *call;

	start_new("review");
	kit.how = TROUPE_SESSION_OLD;
	kit_open();
	call = kit_await(NULL);
	assert_int_equal(call->error, TROUPE_ENOSESSION);
	UNTIL(fake.ended == 1);
	assert_int_equal(fake.end_error, TROUPE_ENOSESSION);
	assert_int_equal(in.posts, 0);
	kit_end();
}

TEST(a_session_keeps_its_agent)
{
	start_new("review");
	kit.agent = "codex";
	kit_open_ready();
	kit_close();
	kit.how = TROUPE_SESSION_OLD;
	kit.agent = NULL;
	kit_open();
	UNTIL(events("reattach") == 1);
	assert_int_equal(kit_await("codex")->error, 0);
	kit_close();
	kit.agent = "claude";
	kit_open();
	assert_int_equal(kit_await(NULL)->error, TROUPE_EMISMATCH);
	UNTIL(fake.ended == 1);
	assert_int_equal(fake.end_error, TROUPE_EMISMATCH);
	kit_end();
}

TEST(a_session_that_cannot_be_made_leaves_nothing)
{
	struct troupe_call *call;

	start_new("review");
	in.fail_method = "session/new";
	kit_open();
	call = kit_await(NULL);
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_EAGENT);
	UNTIL(fake.ended == 1);
	assert_int_equal(fake.end_error, TROUPE_EAGENT);
	assert_int_equal(events(""), 0);
	assert_int_equal(items_of("session/review/"), 0);
	assert_int_equal(items_of("sessions/"), 0);
	assert_string_equal(missing("review"), "ENOSESSION");
	kit_close();
	UNTIL(in.deletes == 1 && !owes_agents());
	kit_end();
}

TEST(a_sandbox_that_is_not_there_ends_the_making)
{
	struct troupe_call *call;

	start_new("review");
	in_stop_listening();
	kit_open();
	call = kit_await(NULL);
	UNTIL(call->answered && fake.ended == 1);
	assert_int_equal(call->error, TROUPE_ESANDBOX);
	kit_end();
}

TEST(one_that_cannot_be_as_it_is_wanted_is_destroyed)
{
	struct troupe_call *call;

	start_new("review");
	kit.mode = "fly";
	in.session_says = ",\"modes\":{\"currentModeId\":\"ask\",\"availableModes\":[{\"id\":\"ask\"}]},\"configOptions\":[]";
	kit_open();
	call = kit_await(NULL);
	UNTIL(call->answered && fake.ended == 1);
	assert_int_equal(call->error, TROUPE_ECHOICE);
	assert_string_equal(call->text, "There is no mode \"fly\". The agent has: ask.");
	assert_int_equal(told("session.state", "\"state\":\"destroyed\""), 1);
	assert_string_equal(missing("review"), "EDESTROYED");
	kit_close();
	UNTIL(in.deletes == 1);
	kit_end();
}

TEST(what_was_in_the_making_when_we_died_is_undone)
{
	start_new("review");
	kit_open();
	UNTIL(in.posts == 1); /* initialize: the instance is noted, and nothing else is */
	kit_crash();
	kit.how = TROUPE_SESSION_OLD;
	kit_open();
	UNTIL(fake.ended == 1);
	assert_int_equal(items_of("session/review/"), 0);
	kit_close();
	UNTIL(in.deletes == 1 && !owes_agents());
	kit_end();
}

/* ------------------------------------------------------------------ destroyed */

TEST(a_destroyed_session_ends_its_agent_and_refuses_prompts)
{
	struct troupe_call *call;

	start_ready();
	call = kit_destroy();
	assert_int_equal(call->error, 0);
	assert_non_null(strstr(fake.replied, "\"destroyedAt\":1795303334935"));
	assert_int_equal(told("session.state", "{\"state\":\"destroyed\",\"agent\":\"mock\",\"sessionId\":\"default\"}"), 1);
	assert_int_equal(kit_prompt("p1", "go")->error, TROUPE_EDESTROYED);
	assert_int_equal(kit_set(TROUPE_MODEL, NULL, "\"x\"")->error, TROUPE_EDESTROYED);
	UNTIL(fake.ended == 1);
	assert_int_equal(fake.end_error, 0);
	kit_close();
	assert_string_equal(missing("default"), "EDESTROYED");
	UNTIL(in.deletes == 1 && !owes_agents());
	kit_open();
	assert_int_equal(kit_prompt("p2", "go")->error, TROUPE_EDESTROYED);
	UNTIL(fake.ended == 2);
	assert_int_equal(told("session.state", "destroyed"), 1);
	kit_end();
}

TEST(what_runs_is_cancelled_and_what_waits_fails)
{
	struct troupe_call *running, *waiting;

	start_ready();
	running = kit_run("p1", "one");
	in_say("begun");
	UNTIL(events("begun") == 1);
	waiting = kit_prompt("p2", "two");
	kit_destroy();
	assert_int_equal(waiting->error, TROUPE_EDESTROYED);
	assert_false(running->answered);
	UNTIL(strstr(in.last_post, "session/cancel"));
	in_finish("cancelled");
	UNTIL(running->answered && fake.ended == 1);
	assert_int_equal(told("turn.state", "\"state\":\"cancelled\""), 1);
	assert_int_equal(fake.holds, 0);
	kit_end();
}

TEST(an_agent_that_does_not_stop_is_ended_all_the_same)
{
	struct troupe_call *running;

	start_ready();
	running = kit_run("p1", "one");
	in_say("begun");
	UNTIL(events("begun") == 1);
	kit_destroy();
	UNTIL(running->answered && fake.ended == 1);
	assert_int_equal(running->error, TROUPE_EDESTROYED);
	kit_close();
	UNTIL(in.deletes == 1);
	kit_end();
}

#define CLOSES "{\"sessionCapabilities\":{\"close\":{}}}"

TEST(an_agent_that_wants_to_hear_of_its_end_does_and_then_it_is_ended)
{
	start();
	in.capabilities = CLOSES;
	kit_open_ready();
	kit_destroy();
	UNTIL(fake.ended == 1);
	kit_close();
	UNTIL(in.closes == 1);
	assert_non_null(strstr(in.last_post, "\"method\":\"session/close\",\"params\":{\"sessionId\":\"agent-session-"));
	assert_int_equal(in.deletes, 0);
	UNTIL(in.deletes == 1 && !owes_agents());
	assert_int_equal(in.closes, 1);
	kit_end();
}

TEST(an_agent_that_hears_of_its_end_and_says_nothing_is_ended_all_the_same)
{
	start();
	in.capabilities = CLOSES;
	in.mute_closes = true;
	kit_open_ready();
	kit_crash(); /* what it wants to hear is known to whoever comes next */
	kit_open();
	UNTIL(events("reattach") == 1);
	kit_destroy();
	UNTIL(in.closes == 1);
	UNTIL(in.deletes == 1 && !owes_agents());
	kit_end();
}

TEST(destroying_goes_on_after_a_crash)
{
	start_ready();
	kit_run("p1", "one");
	in_say("begun");
	UNTIL(events("begun") == 1);
	kit_destroy();
	kit_crash();
	kit_open();
	UNTIL(fake.ended == 1);
	assert_int_equal(told("turn.state", "\"state\":\"failed\""), 1);
	assert_int_equal(fake.holds, 0);
	kit_close();
	UNTIL(in.deletes == 1 && !owes_agents());
	kit_end();
}

TEST(a_destroyed_session_is_taken_up_again)
{
	struct troupe_call *call;

	start_ready();
	kit_run("p0", "remember this");
	in_finish("end_turn");
	UNTIL(told("turn.state", "done") == 1);
	kit_destroy();
	UNTIL(fake.ended == 1);
	kit_close();
	kit.how = TROUPE_SESSION_RESUME;
	kit_open();
	call = kit_await(NULL);
	UNTIL(call->answered);
	assert_int_equal(call->error, 0);
	assert_null(strstr(fake.replied, "destroyedAt"));
	assert_int_equal(told("session.state", "resumed"), 1);
	kit_prompt("p1", "go on");
	UNTIL(in.prompt_id[0]);
	assert_non_null(strstr(in.last_post, "remember this"));
	assert_events_whole();
	kit_end();
}

/* ------------------------------------------------------------------ sleep */

static void sleep_now(void)
{
	fake.depth++;
	kit.session = kit.ops->close(kit.session);
	fake.depth--;
	fake_commit();
}

static void start_disposing(const char *capabilities)
{
	struct tr_sandbox_options o;

	start();
	in.capabilities = capabilities;
	tr_sandbox_free(kit.sandbox);
	o = kit_sandbox_options();
	o.dispose = true;
	assert_int_equal(tr_sandbox_new(&kit.sandbox, &o), 0);
	kit.ops->start(tr_sandbox_sessions(kit.sandbox)->ctx, (struct tr_core *)&fake);
	kit_open_ready();
}

TEST(an_agent_is_kept_while_its_actor_sleeps)
{
	start_ready();
	sleep_now();
	kit_settle();
	assert_int_equal(in.deletes, 0);
	kit_open();
	UNTIL(events("reattach") == 1);
	assert_int_equal(in.instance_count, 1);
	kit_end();
}

TEST(an_agent_is_ended_when_its_actor_sleeps_if_that_is_wanted)
{
	start_disposing(NULL);
	kit_run("p0", "remember this");
	in_finish("end_turn");
	UNTIL(told("turn.state", "done") == 1);
	sleep_now();
	UNTIL(in.deletes == 1 && !owes_agents());
	kit_open();
	kit_prompt("p1", "go on");
	UNTIL(in.prompt_id[0]);
	assert_non_null(strstr(in.last_post, "remember this"));
	assert_int_equal(events("reattach"), 0);
	assert_events_whole();
	kit_end();
}

TEST(an_agent_that_is_ended_with_its_actors_sleep_hears_of_it)
{
	start_disposing(CLOSES);
	sleep_now();
	UNTIL(in.closes == 1 && in.deletes == 1 && !owes_agents());
	kit_end();
}

TEST(an_agent_that_works_is_not_ended)
{
	start_disposing(NULL);
	kit_run("p0", "long work");
	in_say("begun");
	UNTIL(events("begun") == 1);
	sleep_now(); /* the server restarts */
	kit_settle();
	assert_int_equal(in.deletes, 0);
	kit_open();
	UNTIL(events("reattach") == 1);
	in_finish("end_turn");
	UNTIL(told("turn.state", "done") == 1);
	kit_end();
}

TEST(destroying_twice_is_destroying_once)
{
	start_ready();
	kit_run("p1", "one");
	in_say("begun");
	UNTIL(events("begun") == 1);
	assert_int_equal(kit_destroy()->error, 0);
	assert_int_equal(kit_destroy()->error, 0);
	assert_int_equal(kit_await(NULL)->error, TROUPE_ERESTARTING);
	in_finish("cancelled");
	UNTIL(fake.ended == 1);
	assert_int_equal(told("session.state", "destroyed"), 1);
	kit_end();
}

TESTS(
	RUN(a_new_session_is_told_and_its_record_given),
	RUN(where_its_agent_works_stays_so),
	RUN(a_new_session_must_not_exist),
	RUN(an_old_session_must_exist),
	RUN(a_session_keeps_its_agent),
	RUN(a_session_that_cannot_be_made_leaves_nothing),
	RUN(a_sandbox_that_is_not_there_ends_the_making),
	RUN(one_that_cannot_be_as_it_is_wanted_is_destroyed),
	RUN(what_was_in_the_making_when_we_died_is_undone),
	RUN(a_destroyed_session_ends_its_agent_and_refuses_prompts),
	RUN(what_runs_is_cancelled_and_what_waits_fails),
	RUN(an_agent_that_does_not_stop_is_ended_all_the_same),
	RUN(an_agent_that_wants_to_hear_of_its_end_does_and_then_it_is_ended),
	RUN(an_agent_that_hears_of_its_end_and_says_nothing_is_ended_all_the_same),
	RUN(destroying_goes_on_after_a_crash),
	RUN(a_destroyed_session_is_taken_up_again),
	RUN(an_agent_is_kept_while_its_actor_sleeps),
	RUN(an_agent_is_ended_when_its_actor_sleeps_if_that_is_wanted),
	RUN(an_agent_that_is_ended_with_its_actors_sleep_hears_of_it),
	RUN(an_agent_that_works_is_not_ended),
	RUN(destroying_twice_is_destroying_once))
