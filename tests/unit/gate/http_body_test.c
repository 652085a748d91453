/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies by length and in chunks, cut anywhere. */
#include "tests/kit/test.h"

#include <stdlib.h>

#include "runtime/gate/http_body.h"
#include "runtime/gate/text.h"

static struct tr_bytes content;
static size_t used; /* of the wire */

/* Takes the wire in pieces of this size, each in memory of its own, until an outcome comes. */
static int take_cut(const struct tr_http_head *head, uint64_t max, const char *wire, size_t size, size_t piece)
{
	struct tr_http_body body;
	const char *why = NULL;
	int outcome = tr_http_body_start(&body, head, max);

	tr_bytes_free(&content);
	used = 0;
	if (outcome)
		return outcome;
	do {
		size_t n = size - used < piece ? size - used : piece, taken = 0;
		char *copy = malloc(n ? n : 1);

		memcpy(copy, wire + used, n);
		outcome = tr_http_body_take(&body, copy, n, &taken, &content, &why);
		free(copy);
		assert_true(taken <= n);
		assert_true(outcome != TR_HTTP_BODY_MORE || taken == n);
		used += taken;
	} while (outcome == TR_HTTP_BODY_MORE && used < size);
	assert_true(outcome < 400 || why);
	return outcome;
}

/* The outcome, which must be the same however the wire is cut. */
static int take(const struct tr_http_head *head, uint64_t max, const char *wire)
{
	int outcome = take_cut(head, max, wire, strlen(wire), strlen(wire) + 1);
	struct tr_bytes whole = content;
	size_t whole_used = used;

	content = (struct tr_bytes){ 0 };
	for (size_t piece = 1; piece <= strlen(wire); piece++) {
		assert_int_equal(take_cut(head, max, wire, strlen(wire), piece), outcome);
		assert_int_equal(used, whole_used);
		assert_int_equal(content.size, whole.size);
		if (whole.size)
			assert_memory_equal(content.data, whole.data, whole.size);
	}
	tr_bytes_free(&content);
	content = whole;
	return outcome;
}

static const struct tr_http_head chunked = { .chunked = true };

#define assert_content(text) assert_true(tr_text_is(tr_text_of(&content), (text)))

TEST(a_body_by_length_ends_there)
{
	struct tr_http_head five = { .length = 5 };

	assert_int_equal(take(&five, 5, "hello, world"), TR_HTTP_BODY_DONE);
	assert_content("hello");
	assert_int_equal(used, 5);
	assert_int_equal(take(&five, 5, "hell"), TR_HTTP_BODY_MORE);
	assert_int_equal(take(&five, 4, "hello"), 413);
}

TEST(no_body_is_over_at_once)
{
	struct tr_http_head none = { .length = 0 };

	assert_int_equal(take(&none, 0, "GET"), TR_HTTP_BODY_DONE);
	assert_int_equal(used, 0);
}

TEST(chunks_are_joined)
{
	static const char body[] = "5\r\nhello\r\n002\r\n, \r\n5;why=not;x=\"y\"\r\nworld\r\n0\r\n\r\n" "GET";

	assert_int_equal(take(&chunked, 100, body), TR_HTTP_BODY_DONE);
	assert_content("hello, world");
	assert_int_equal(used, strlen(body) - strlen("GET"));
}

TEST(hexadecimal_sizes_are_read_in_both_cases)
{
	assert_int_equal(take(&chunked, 100, "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n"), TR_HTTP_BODY_DONE);
	assert_content("01234567890123456789a");
}

TEST(an_empty_body_may_be_chunked)
{
	assert_int_equal(take(&chunked, 0, "0\r\n\r\n"), TR_HTTP_BODY_DONE);
	assert_int_equal(content.size, 0);
}

TEST(trailers_are_dropped)
{
	assert_int_equal(take(&chunked, 9, "1\r\nx\r\n0\r\nA: b\r\nContent-Length: 7\r\n\r\nrest"), TR_HTTP_BODY_DONE);
	assert_content("x");
	assert_int_equal(used, strlen("1\r\nx\r\n0\r\nA: b\r\nContent-Length: 7\r\n\r\n"));
}

TEST(what_is_no_chunk_is_refused)
{
	static const char *const wires[] = {
		"\r\n", "x\r\n", "-1\r\n", "+1\r\n", " 1\r\n", "1 \r\nx", "0x1\r\nx", ";a\r\n", "1\nx\r\n", "1\r\r\n", "1\r\nxy",
		"1\r\nx\n0\r\n\r\n", "1\r\nx\r\r", "1;a\nb\r\nx", "0\r\n\n", "0\r\nA: b\n\r\n", "0\r\n\rx", "1;\x01\r\nx",
		"11111111111111111\r\n", "00000000000000001\r\n", "0\r\nA\x7f: b\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(wires) / sizeof(*wires); i++)
		if (take(&chunked, 1000, wires[i]) != 400)
			fail_msg("accepted: %s", wires[i]);
}

TEST(the_sum_of_chunks_is_bounded)
{
	assert_int_equal(take(&chunked, 4, "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"), TR_HTTP_BODY_DONE);
	assert_int_equal(take(&chunked, 3, "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"), 413);
	assert_int_equal(take(&chunked, 4, "ffffffffffffffff\r\n"), 413);
	assert_int_equal(take(&chunked, 4, "2\r\nab\r\nffffffffffffffff\r\n"), 413);
	assert_int_equal(take(&chunked, UINT64_MAX, "2\r\nab\r\nffffffffffffffff\r\n"), 413);
}

TEST(extensions_and_trailers_are_bounded)
{
	struct tr_bytes wire = { 0 };

	for (int i = 0; i < 5000; i++)
		tr_bytes_put_text(&wire, "1;abc\r\nx\r\n");
	assert_int_equal(take_cut(&chunked, 100000, (const char *)wire.data, wire.size, 1000), 400);
	tr_bytes_clear(&wire);
	tr_bytes_put_text(&wire, "0\r\n");
	for (int i = 0; i < 5000; i++)
		tr_bytes_put_text(&wire, "A: b\r\n");
	assert_int_equal(take_cut(&chunked, 100000, (const char *)wire.data, wire.size, 1000), 400);
	tr_bytes_free(&wire);
}

TESTS(RUN(a_body_by_length_ends_there), RUN(no_body_is_over_at_once), RUN(chunks_are_joined),
      RUN(hexadecimal_sizes_are_read_in_both_cases), RUN(an_empty_body_may_be_chunked), RUN(trailers_are_dropped),
      RUN(what_is_no_chunk_is_refused), RUN(the_sum_of_chunks_is_bounded), RUN(extensions_and_trailers_are_bounded))
