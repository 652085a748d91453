/* SPDX-License-Identifier: Apache-2.0 */
/* Much comes at once, for many: a stream is read again before the server's queue for it has run over. */
#include "tests/unit/sandbox/session_kit.h"

#include "runtime/base/limits.h"
#include "runtime/sandbox/session/session.h"

/* A session that is ready, on a machine however busy. */
static void start(void)
{
	kit.times.flood_ms = 60000;
	kit_start_ready();
}

static void others_take(int count)
{
	while (count-- > 0)
		tr_sandbox_took(kit.sandbox);
}

static void say_many(int count)
{
	for (int i = 0; i < count; i++)
		in_say("word");
}

/* A session whose stream is being read a second time, a reading that the server has not answered yet. */
static void start_flood(void)
{
	start();
	in.hold_streams = true;
	others_take(2 * TR_FLOOD_EVENTS);
	say_many(TR_FLOOD_EVENTS + 8);
	UNTIL(events("word") == TR_FLOOD_EVENTS + 8 && in.gets == 2);
}

/* And what was being read until now has jumped. */
static void start_jump(void)
{
	start_flood();
	in_skip("{\"jsonrpc\":\"2.0\",\"method\":\"missed\"}");
	in_say("jump");
	UNTIL(in_streams() == 0);
}

TEST(a_lone_agent_is_read_by_one_get_however_fast_it_is)
{
	start();
	say_many(10 * TR_FLOOD_EVENTS);
	UNTIL(events("word") == 10 * TR_FLOOD_EVENTS);
	kit_settle();
	assert_int_equal(in.gets, 1);
	kit_end();
}

TEST(few_events_are_no_flood_whatever_others_get)
{
	start();
	others_take(10000);
	say_many(TR_FLOOD_EVENTS / 2);
	UNTIL(events("word") == TR_FLOOD_EVENTS / 2);
	kit_settle();
	assert_int_equal(in.gets, 1);
	kit_end();
}

TEST(in_a_flood_one_get_follows_the_other_and_nothing_comes_twice)
{
	start_flood();
	in_let_streams();
	say_many(10);
	UNTIL(events("word") == TR_FLOOD_EVENTS + 18);
	UNTIL(in_streams() == 1);
	others_take(2 * TR_FLOOD_EVENTS);
	say_many(TR_FLOOD_EVENTS);
	UNTIL(events("word") == 2 * TR_FLOOD_EVENTS + 18 && in.gets == 3);
	assert_int_equal(events("_troupe/gap"), 0);
	assert_events_whole();
	kit_end();
}

TEST(what_one_get_misses_in_a_flood_the_next_one_brings)
{
	start_flood();
	in_deafen();
	say_many(5);
	in_let_streams();
	UNTIL(events("word") == TR_FLOOD_EVENTS + 13);
	assert_int_equal(in.gets, 2);
	assert_int_equal(events("_troupe/gap"), 0);
	assert_events_whole();
	kit_end();
}

TEST(when_ids_jump_in_a_flood_the_next_get_is_on_its_way_already)
{
	start_jump();
	assert_int_equal(in.gets, 2);
	in_let_streams();
	UNTIL(events("jump") == 1);
	assert_int_equal(events("missed"), 1);
	assert_int_equal(in.gets, 2);
	assert_int_equal(events("_troupe/gap"), 0);
	assert_events_whole();
	kit_end();
}

TEST(a_jump_behind_what_was_had_already_is_read_again_before_it_is_a_gap)
{
	start_jump();
	in_let_streams();
	in_skip("{\"jsonrpc\":\"2.0\",\"method\":\"missed\"}");
	in_say("jump");
	UNTIL(events("jump") == 2);
	assert_int_equal(events("missed"), 2);
	assert_int_equal(in.gets, 3);
	assert_int_equal(events("_troupe/gap"), 0);
	assert_events_whole();
	kit_end();
}

TEST(a_get_that_begins_too_late_does_not_follow_one_that_may_still_bring_it)
{
	struct in_instance *i;

	start_flood();
	i = in_newest();
	in_deafen();
	say_many(5);
	i->forgotten = i->count - 1;
	in_let_streams();
	UNTIL(in_streams() == 1);
	assert_int_equal(events("word"), TR_FLOOD_EVENTS + 8);
	for (int n = 0; n < IN_CONNS; n++) {
		for (int m = i->count - 5; in.conns[n].stream && m < i->count; m++)
			in_send_event(&in.conns[n], i, m);
	}
	UNTIL(events("word") == TR_FLOOD_EVENTS + 13);
	assert_int_equal(events("_troupe/gap"), 0);
	assert_events_whole();
	kit_end();
}

TEST(what_both_gets_have_missed_is_one_gap)
{
	start_flood();
	for (int i = 0; i < 3; i++)
		in_skip("{\"jsonrpc\":\"2.0\",\"method\":\"lost\"}");
	in_newest()->forgotten = in_newest()->count;
	in_say("jump");
	UNTIL(in_streams() == 0);
	in_let_streams();
	UNTIL(events("jump") == 1);
	assert_int_equal(events("_troupe/gap"), 1);
	assert_int_equal(events("\"lost\":3}"), 1);
	assert_events_whole();
	kit_end();
}

TEST(a_next_get_that_is_refused_changes_nothing)
{
	start();
	in.stream = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
	others_take(2 * TR_FLOOD_EVENTS);
	say_many(TR_FLOOD_EVENTS);
	UNTIL(in.gets == 2);
	kit_settle();
	in_say("more");
	UNTIL(events("more") == 1);
	assert_int_equal(in_streams(), 1);
	assert_int_equal(told("sandbox.state", ""), told("sandbox.state", "starting") + told("sandbox.state", "ready"));
	assert_events_whole();
	kit_end();
}

TEST(a_stream_that_breaks_in_a_flood_is_read_on)
{
	start_flood();
	in_cut();
	in_skip("{\"jsonrpc\":\"2.0\",\"method\":\"missed\"}");
	in.hold_streams = false;
	UNTIL(events("missed") == 1);
	assert_int_equal(in_streams(), 1);
	assert_int_equal(events("_troupe/gap"), 0);
	assert_events_whole();
	kit_end();
}

TEST(both_gets_end_with_the_session)
{
	start_flood();
	in_let_streams();
	UNTIL(in_streams() == 2);
	kit_close();
	UNTIL(in_streams() == 0);
	kit_end();
}

TESTS(
	RUN(a_lone_agent_is_read_by_one_get_however_fast_it_is),
	RUN(few_events_are_no_flood_whatever_others_get),
	RUN(in_a_flood_one_get_follows_the_other_and_nothing_comes_twice),
	RUN(what_one_get_misses_in_a_flood_the_next_one_brings),
	RUN(when_ids_jump_in_a_flood_the_next_get_is_on_its_way_already),
	RUN(a_jump_behind_what_was_had_already_is_read_again_before_it_is_a_gap),
	RUN(a_get_that_begins_too_late_does_not_follow_one_that_may_still_bring_it),
	RUN(what_both_gets_have_missed_is_one_gap),
	RUN(a_next_get_that_is_refused_changes_nothing),
	RUN(a_stream_that_breaks_in_a_flood_is_read_on),
	RUN(both_gets_end_with_the_session))
