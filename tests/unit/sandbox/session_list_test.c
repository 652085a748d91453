/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of sessions and of their events: whole, in order, and at a cost that does not know how long the history is. */
#include "tests/unit/sandbox/session_kit.h"

#include "runtime/base/limits.h"

#define TR_INDEX_BLOCK 64 /* of session.h, which a fake actor cannot include */

#define DEFAULT_LIMIT 100

static const char *list_events(const char *session, uint64_t after, uint32_t limit)
{
	struct troupe_call *call = &kit.calls[63];

	fake_call_new(call);
	free(fake.replied);
	fake.replied = NULL;
	fake.gets = fake.pages = fake.entries = 0;
	fake.depth++;
	kit.ops->list_events(call, session, after, limit);
	fake.depth--;
	assert_true(call->answered);
	return fake.replied ? fake.replied : call->text;
}

static const char *list_sessions(const char *cursor, uint32_t limit)
{
	struct troupe_call *call = &kit.calls[63];

	fake_call_new(call);
	fake.depth++;
	kit.ops->list_sessions(call, cursor, limit);
	fake.depth--;
	assert_true(call->answered);
	return fake.replied;
}

/* The event indexes that stand in a page, in order, from first to last. */
static void assert_holds(const char *page, uint64_t first, uint64_t last)
{
	const char *at = page;

	assert_true(strncmp(page, "{\"items\":[", 10) == 0);
	for (uint64_t n = first; n <= last; n++) {
		at = strstr(at, "\"eventIndex\":");
		assert_non_null(at);
		at += 13;
		assert_int_equal(strtoull(at, NULL, 10), n);
	}
	assert_null(strstr(at, "\"eventIndex\":"));
}

static void assert_cursor(const char *page, uint64_t cursor)
{
	char part[64];

	snprintf(part, sizeof part, "],\"nextCursor\":\"%llu\"}", (unsigned long long)cursor);
	if (cursor > 0)
		assert_string_equal(page + strlen(page) - strlen(part), part);
	else
		assert_null(strstr(page, "nextCursor"));
}

static void start_with_events(int count)
{
	char text[16];

	kit_start_ready();
	for (int i = 0; i < count - 2; i++) { /* session/new and its answer are two */
		snprintf(text, sizeof text, "m%d", i);
		in_say(text);
	}
	if (count > 2)
		UNTIL(events(text) == 1);
	assert_int_equal(events(""), count);
}

TEST(events_come_in_pages_whole_and_in_order)
{
	uint64_t cursor = 0;
	int pages = 0;

	start_with_events(200);
	do {
		const char *page = list_events("default", cursor, 30);
		uint64_t last = cursor + 30 < 200 ? cursor + 30 : 200;

		assert_holds(page, cursor + 1, last);
		assert_cursor(page, last < 200 ? last : 0);
		cursor = last;
		pages++;
	} while (cursor < 200);
	assert_int_equal(pages, 7);
	assert_holds(list_events("default", 200, 30), 201, 200);
	assert_cursor(list_events("default", 200, 30), 0);
	assert_cursor(list_events("default", UINT64_MAX, 30), 0);
	kit_end();
}

TEST(a_page_ends_where_blocks_of_the_index_do_or_does_not)
{
	static const struct { uint64_t after; uint32_t limit; } pages[] = {
		{ 0, 64 }, { 63, 1 }, { 63, 2 }, { 64, 64 }, { 62, 100 }, { 127, 1 }, { 0, 128 }, { 128, 5 }, { 100, 1000 },
	};

	start_with_events(130);
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		uint64_t last = pages[i].after + pages[i].limit < 130 ? pages[i].after + pages[i].limit : 130;

		assert_holds(list_events("default", pages[i].after, pages[i].limit), pages[i].after + 1, last);
	}
	kit_end();
}

TEST(what_is_not_committed_is_not_told)
{
	start_with_events(3);
	kit.holds_commits = true;
	in_say("not yet");
	UNTIL(fake.told_count > fake.told_committed);
	assert_holds(list_events("default", 0, DEFAULT_LIMIT), 1, 3);
	kit.holds_commits = false;
	kit_settle();
	assert_holds(list_events("default", 0, DEFAULT_LIMIT), 1, 4);
	kit_end();
}

TEST(events_are_listed_after_a_restart_too)
{
	start_with_events(70);
	kit_crash();
	kit_open();
	UNTIL(events("reattach") == 1);
	in_say("later");
	UNTIL(events("later") == 1);
	assert_holds(list_events("default", 0, 1000), 1, 72);
	kit_end();
}

/* [S25] */
TEST(waking_reads_nothing_of_the_history)
{
	unsigned scanned;

	start_with_events(10);
	kit_close();
	fake.scanned = 0;
	kit_open();
	scanned = fake.scanned;
	for (int i = 0; i < 500; i++)
		in_say("more");
	in_say("the last");
	UNTIL(events("the last") == 1);
	kit_close();
	fake.scanned = fake.gets = fake.pages = 0;
	kit_open();
	assert_int_equal(fake.scanned, scanned);
	assert_int_equal(fake.gets, 0);
	assert_int_equal(fake.pages, 0);
	kit_end();
}

TEST(there_is_no_page_of_a_session_that_is_none)
{
	kit_start_ready();
	list_events("other", 0, 10);
	assert_int_equal(kit.calls[63].error, TROUPE_ENOSESSION);
	list_events("a-name-that-is-longer-than-any-session-can-have-since-it-has-more-than-64", 0, 10);
	assert_int_equal(kit.calls[63].error, TROUPE_ENOSESSION);
	list_events("default", 0, 0);
	assert_int_equal(kit.calls[63].error, TROUPE_EINVAL);
	list_events("default", 0, TR_GETEVENTS_MAX + 1);
	assert_int_equal(kit.calls[63].error, TROUPE_EINVAL);
	kit_end();
}

TEST(large_events_make_short_pages)
{
	struct tr_bytes json = { 0 };
	const char *page;

	start_with_events(2);
	tr_bytes_put_text(&json, "{\"jsonrpc\":\"2.0\",\"method\":\"x/large\",\"params\":\"");
	for (int i = 0; i < 500 * 1024; i++)
		tr_bytes_put_byte(&json, 'x');
	tr_bytes_put_text(&json, "\"}");
	for (int i = 0; i < 3; i++)
		in_emit(tr_bytes_text(&json));
	in_say("after");
	UNTIL(events("after") == 1);
	assert_holds(list_events("default", 0, 100), 1, 3);
	page = list_events("default", 3, 100);
	assert_holds(page, 4, 4);
	assert_cursor(page, 4);
	assert_holds(list_events("default", 4, 100), 5, 6);
	tr_bytes_free(&json);
	kit_end();
}

TEST(a_transcript_is_all_or_an_error)
{
	struct troupe_call *call = &kit.calls[62];
	char text[300];

	start_with_events(100);
	fake_call_new(call);
	fake.depth++;
	kit.ops->transcript(call, "default");
	assert_int_equal(call->error, 0);
	assert_true(strncmp(fake.replied, "[{\"id\":\"", 8) == 0);
	assert_non_null(strstr(fake.replied, "\"eventIndex\":100,"));
	fake.depth--;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (int i = 0; i < 2500; i++)
		in_say(text);
	in_say("the end");
	UNTIL(events("the end") == 1);
	fake_call_new(call);
	fake.depth++;
	kit.ops->transcript(call, "default");
	fake.depth--;
	assert_int_equal(call->error, TROUPE_EBIGOUT);
	assert_non_null(strstr(call->text, "listEvents"));
	kit_end();
}

/* ------------------------------------------------------------------ a history that nobody had to write */

#define MILLION 1000000

static unsigned spread; /* every so many-th entry of the log is an event of ours */

static void put_event(struct tr_bytes *out, uint64_t index)
{
	tr_put_map(out, 3);
	tr_put_text(out, "sessionId");
	tr_put_text(out, "default");
	tr_put_text(out, "eventIndex");
	tr_put_int(out, (int64_t)index);
	tr_put_text(out, "payload");
	tr_put_text(out, "some hundred bytes of what an agent says, which is what makes up most of the log of a session");
}

static bool made_entry(uint64_t seq, struct tr_bytes *into)
{
	if (seq > (uint64_t)MILLION * spread)
		return false;
	if (seq % spread == 0)
		put_event(into, seq / spread);
	else
		tr_put_map(into, 0);
	return true;
}

static bool made_item(const char *key, struct tr_bytes *into)
{
	unsigned long long block;

	if (strcmp(key, "session/default/open/at") == 0) {
		tr_put_map(into, 1);
		tr_put_text(into, "eventIndex");
		tr_put_int(into, MILLION);
		return true;
	}
	if (sscanf(key, "session/default/events/%llu", &block) != 1 || spread == 0)
		return false;
	tr_put_array(into, TR_INDEX_BLOCK);
	for (unsigned i = 1; i <= TR_INDEX_BLOCK; i++)
		tr_put_int(into, (int64_t)((block * TR_INDEX_BLOCK + i) * spread));
	return true;
}

/* MILLION is a multiple of a block, so the last block is full, and open/at has no seqs. */
static void check_costs(unsigned entries_max, unsigned pages_max)
{
	static const uint64_t places[] = { 0, 1, 63, 64, 1000, 499950, 777777, 999900 };

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		assert_holds(list_events("default", places[i], 100), places[i] + 1, places[i] + 100);
		assert_true(fake.gets <= 4); /* where it is, and three blocks at most */
		assert_true(fake.entries <= entries_max);
		assert_true(fake.pages <= pages_max);
	}
	assert_cursor(list_events("default", 999900, 100), 0);
	assert_cursor(list_events("default", 999800, 100), 999900);
}

/* [S24] */
TEST(a_page_of_a_million_events_costs_its_own_size)
{
	kit_start();
	assert_int_equal(MILLION % TR_INDEX_BLOCK, 0);
	fake.made_entry = made_entry;
	fake.made_item = made_item;
	spread = 1;
	check_costs(100, 3);
	spread = 2; /* as with prompts and turns between */
	check_costs(200, 3);
	spread = 1000; /* one of many sessions of a busy room */
	check_costs(100, 100); /* each by itself, and none of the others */
	kit_end();
}

/* Events of before the index are looked for in the log. */
static bool made_old_item(const char *key, struct tr_bytes *into)
{
	return strcmp(key, "session/default/open/at") == 0 && made_item(key, into);
}

TEST(events_from_before_the_index_are_found)
{
	kit_start();
	fake.made_entry = made_entry;
	fake.made_item = made_old_item;
	spread = 1;
	check_costs(256, 1);
	spread = 3;
	assert_holds(list_events("default", 0, 100), 1, 100);
	assert_holds(list_events("default", 5000, 100), 5001, 5100);
	kit_end();
}

/* ------------------------------------------------------------------ sessions */

TEST(a_session_is_listed_as_it_is)
{
	const char *page;

	kit_start();
	assert_string_equal(list_sessions(NULL, 100), "{\"items\":[]}");
	in.session_says = ",\"modes\":{\"currentModeId\":\"ask\"}";
	kit_open_ready();
	page = list_sessions(NULL, 100);
	assert_non_null(strstr(page, "{\"items\":[{\"id\":\"default\",\"agent\":\"mock\",\"agentSessionId\":\"agent-session-"));
	assert_non_null(strstr(page, "\"createdAt\":1795303334935,\"sandboxId\":\"sandbox\",\"sessionInit\":{\"cwd\":\"/w\","
		"\"mcpServers\":[]},\"modes\":{\"currentModeId\":\"ask\"},\"configOptions\":null}]}"));
	kit_end();
}

static void put_record(int64_t at, const char *id)
{
	struct tr_bytes v = { 0 };
	char key[100];
	int size = snprintf(key, sizeof key, "sessions/%020lld/%s", (long long)at, id);

	tr_put_text(&v, id);
	fake.depth++;
	tr_actor_put(&fake, (struct troupe_text){ key, (size_t)size }, v.data, v.size);
	fake.depth--;
	fake_commit();
	tr_bytes_free(&v);
}

TEST(sessions_come_in_pages_by_time_then_id)
{
	kit_start();
	put_record(20, "b");
	put_record(3, "z");
	put_record(20, "a");
	put_record(100, "c");
	assert_string_equal(list_sessions(NULL, 100), "{\"items\":[\"z\",\"a\",\"b\",\"c\"]}");
	assert_string_equal(list_sessions(NULL, 2), "{\"items\":[\"z\",\"a\"],\"nextCursor\":\"00000000000000000020/a\"}");
	assert_string_equal(list_sessions("00000000000000000020/a", 2), "{\"items\":[\"b\",\"c\"]}");
	assert_string_equal(list_sessions("00000000000000000100/c", 2), "{\"items\":[]}");
	fake.scanned = 0;
	list_sessions("", 1);
	assert_int_equal(fake.scanned, 2);
	kit_end();
}

TESTS(
	RUN(events_come_in_pages_whole_and_in_order),
	RUN(a_page_ends_where_blocks_of_the_index_do_or_does_not),
	RUN(what_is_not_committed_is_not_told),
	RUN(events_are_listed_after_a_restart_too),
	RUN(waking_reads_nothing_of_the_history),
	RUN(there_is_no_page_of_a_session_that_is_none),
	RUN(large_events_make_short_pages),
	RUN(a_transcript_is_all_or_an_error),
	RUN(a_page_of_a_million_events_costs_its_own_size),
	RUN(events_from_before_the_index_are_found),
	RUN(a_session_is_listed_as_it_is),
	RUN(sessions_come_in_pages_by_time_then_id))
