/* SPDX-License-Identifier: Apache-2.0 */
/* The event stream's parser: every line end, every split, and what a real server sent (tests/vectors/sandbox-agent). */
#include "tests/kit/test.h"

#include <jansson.h>
#include <stdlib.h>

#include "runtime/sandbox/wire/sse.h"

/* Events as lines "type id data|", "-" for no id: what a test compares. */
static void print_event(struct tr_bytes *out, const struct tr_sse_event *e)
{
	tr_bytes_put(out, e->type.data, e->type.size);
	if (e->has_id)
		tr_bytes_printf(out, " %llu ", (unsigned long long)e->id);
	else
		tr_bytes_put_text(out, " - ");
	if (e->oversize)
		tr_bytes_printf(out, "oversize %llu", (unsigned long long)e->bytes);
	tr_bytes_put(out, e->data.data, e->data.size);
	tr_bytes_put_text(out, "|");
}

static void parse_pieces(struct tr_bytes *out, size_t data_max, const char *text, size_t size, size_t first, size_t piece)
{
	struct tr_sse p;
	struct tr_sse_event event;

	tr_sse_init(&p, data_max);
	for (size_t at = 0; at < size; ) {
		size_t next = at == 0 && first ? first : piece;
		size_t left = next < size - at ? next : size - at;
		char *copy = malloc(left); /* so that reading past a piece is seen */
		const char *from = copy;

		memcpy(copy, text + at, left);
		at += left;
		while (tr_sse_next(&p, &from, &left, &event))
			print_event(out, &event);
		assert_int_equal(left, 0);
		free(copy);
	}
	tr_sse_fini(&p);
}

static void parses_to(const char *text, const char *expected)
{
	struct tr_bytes out = { 0 };
	size_t size = strlen(text);

	for (size_t split = 0; split <= size; split++) {
		tr_bytes_clear(&out);
		parse_pieces(&out, 1000, text, size, split, size ? size : 1);
		assert_string_equal(tr_bytes_text(&out), expected);
	}
	tr_bytes_clear(&out);
	parse_pieces(&out, 1000, text, size, 0, 1);
	assert_string_equal(tr_bytes_text(&out), expected);
	tr_bytes_free(&out);
}

TEST(an_event_as_the_server_sends_it)
{
	parses_to("event: message\nid: 4\ndata: {\"a\":1}\n\n", "message 4 {\"a\":1}|");
	parses_to("event: message\nid: 4\ndata: x\n\nevent: message\nid: 5\ndata: y\n\n", "message 4 x|message 5 y|");
}

/* [S4] */
TEST(all_line_ends_are_line_ends)
{
	parses_to("id: 1\r\ndata: x\r\n\r\nid: 2\rdata: y\r\rid: 3\ndata: z\n\n", "message 1 x|message 2 y|message 3 z|");
	parses_to("data: x\r\n\n", "message - x|");
	parses_to("data: x\n\r\n", "message - x|");
}

TEST(one_space_after_the_colon_belongs_to_it)
{
	parses_to("data:x\n\ndata:  y\n\ndata: \n\ndata:\n\ndata\n\n", "message - x|message -  y|message - "
		"|message - |message - |");
}

TEST(data_lines_are_joined)
{
	parses_to("data: a\ndata: b\ndata:\ndata: c\n\n", "message - a\nb\n\nc|");
}

TEST(comments_and_unknown_fields_are_passed_over)
{
	parses_to(": heartbeat\n\n", "");
	parses_to(": heartbeat\n\nid: 1\nretry: 5\ndatax: 1\ndat: 2\nfoo\ndata: x\n:data: y\n\n", "message 1 x|");
}

TEST(an_event_without_data_is_none_and_leaves_nothing_behind)
{
	parses_to("event: other\nid: 7\n\ndata: x\n\n", "message - x|");
}

TEST(types_are_kept_for_one_event)
{
	parses_to("event: a\ndata: x\n\ndata: y\n\nevent: a\nevent: b\ndata: z\n\n", "a - x|message - y|b - z|");
}

TEST(ids_are_decimal_numbers_or_none)
{
	parses_to("id: 18446744073709551616\ndata: x\n\nid: -1\ndata: y\n\nid: 1a\ndata: z\n\nid:\ndata: w\n\n",
	          "message - x|message - y|message - z|message - w|");
	parses_to("id: 999999999999999999\ndata: x\n\n", "message 999999999999999999 x|");
	parses_to("id: 1\nid: 2\ndata: x\n\n", "message 2 x|");
	parses_to("id: 000000000000000000000000000000000000000000000000000000000000001\ndata: x\n\n", "message - x|");
}

TEST(a_byte_order_mark_is_skipped_once)
{
	parses_to("\xef\xbb\xbf" "data: x\n\n", "message - x|");
	parses_to("\xef\xbb\xbf\xef\xbb\xbf" "data: x\n\n", "");
	parses_to("\xef\xbb" "data: x\n\ndata: y\n\n", "message - y|");
}

TEST(an_unfinished_event_is_none)
{
	parses_to("data: x\n\ndata: y\n", "message - x|");
	parses_to("data: y", "");
	parses_to("", "");
}

/* [S4, F38] */
TEST(data_over_the_limit_is_dropped_and_counted_and_the_next_is_whole)
{
	struct tr_bytes out = { 0 };
	static const char text[] = "id: 1\ndata: 12345\n\nid: 2\ndata: 123456789\ndata: 0\n\nid: 3\ndata: "
		"12345\ndata:\n\nid: 4\ndata: 1\n\n";

	for (size_t piece = 1; piece < sizeof text; piece++) {
		tr_bytes_clear(&out);
		parse_pieces(&out, 5, text, sizeof text - 1, 0, piece);
		assert_string_equal(tr_bytes_text(&out), "message 1 12345|message 2 oversize 11|message 3 oversize "
			"6|message 4 1|");
	}
	tr_bytes_free(&out);
}

TEST(a_megabyte_in_one_line_is_one_event)
{
	size_t size = 1024 * 1024 + 40;
	char *text = malloc(size);
	struct tr_bytes out = { 0 };

	memset(text, 'x', size);
	memcpy(text, "id: 3\ndata: ", 12);
	memcpy(text + size - 2, "\n\n", 2);
	parse_pieces(&out, 2 * size, text, size, 0, 4096);
	assert_int_equal(out.size, size - 14 + strlen("message 3 |"));
	tr_bytes_free(&out);
	free(text);
}

/* ------------------------------------------------------------------ recorded streams */

/* The bytes of a stream, `raw`, must give the events that the recording lists beside them. */
static void check_recorded_stream(json_t *stream, size_t piece)
{
	const char *raw = json_string_value(json_object_get(stream, "raw"));
	json_t *events = json_object_get(stream, "events"), *event;
	struct tr_sse p;
	struct tr_sse_event got;
	size_t index, size = strlen(raw);
	const char *at = raw;

	tr_sse_init(&p, 1 << 20);
	json_array_foreach(events, index, event) {
		json_t *data;

		for (;;) {
			size_t left = size - (size_t)(at - raw) < piece ? size - (size_t)(at - raw) : piece;

			assert_int_not_equal(left, 0);
			if (tr_sse_next(&p, &at, &left, &got))
				break;
		}
		assert_true(got.has_id);
		assert_int_equal(got.id, json_integer_value(json_object_get(event, "id")));
		data = json_loadb(got.data.data, got.data.size, 0, NULL);
		assert_true(json_equal(data, json_object_get(event, "envelope")));
		json_decref(data);
	}
	tr_sse_fini(&p);
}

static void check_recording(const char *path)
{
	json_t *recording = json_load_file(path, 0, NULL), *streams, *stream;
	size_t index;

	assert_non_null(recording);
	streams = json_object_get(recording, "streams");
	assert_true(json_array_size(streams) > 0);
	json_array_foreach(streams, index, stream) {
		check_recorded_stream(stream, 1);
		check_recorded_stream(stream, 7);
		check_recorded_stream(stream, 1 << 20);
	}
	json_decref(recording);
}

TEST(recorded_streams_give_their_recorded_events)
{
	check_recording("tests/vectors/sandbox-agent/03-permission-turn.json");
	check_recording("tests/vectors/sandbox-agent/07-agent-crash-and-recovery.json");
	check_recording("tests/vectors/sandbox-agent/08-reattach.json");
	check_recording("tests/vectors/sandbox-agent/16-heartbeat.json");
	check_recording("tests/vectors/sandbox-agent/19-session-load.json");
}

TESTS(
	RUN(an_event_as_the_server_sends_it),
	RUN(all_line_ends_are_line_ends),
	RUN(one_space_after_the_colon_belongs_to_it),
	RUN(data_lines_are_joined),
	RUN(comments_and_unknown_fields_are_passed_over),
	RUN(an_event_without_data_is_none_and_leaves_nothing_behind),
	RUN(types_are_kept_for_one_event),
	RUN(ids_are_decimal_numbers_or_none),
	RUN(a_byte_order_mark_is_skipped_once),
	RUN(an_unfinished_event_is_none),
	RUN(data_over_the_limit_is_dropped_and_counted_and_the_next_is_whole),
	RUN(a_megabyte_in_one_line_is_one_event),
	RUN(recorded_streams_give_their_recorded_events))
