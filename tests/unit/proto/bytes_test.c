/* SPDX-License-Identifier: Apache-2.0 */
/* A growable run of bytes: what it holds, and how it refuses. */
#include "tests/kit/test.h"

#include "proto/bytes.h"

TEST(bytes_keep_what_was_written_while_they_grow)
{
	struct tr_bytes b = { 0 };

	for (int i = 0; i < 10000; i++)
		tr_bytes_put_byte(&b, (uint8_t)(i * 7));
	assert_false(b.failed);
	assert_int_equal(b.size, 10000);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(b.data[i], (uint8_t)(i * 7));
	tr_bytes_free(&b);
}

TEST(bytes_take_text_without_its_nul)
{
	struct tr_bytes b = { 0 };

	tr_bytes_put_text(&b, "one");
	tr_bytes_put(&b, " two", 4);
	tr_bytes_put(&b, NULL, 0);
	assert_int_equal(b.size, 7);
	assert_string_equal(tr_bytes_text(&b), "one two");
	assert_int_equal(b.size, 7);
	tr_bytes_free(&b);
}

TEST(bytes_that_are_empty_lend_an_empty_text)
{
	struct tr_bytes b = { 0 };

	assert_string_equal(tr_bytes_text(&b), "");
	tr_bytes_free(&b);
}

TEST(bytes_reach_their_maximum_and_no_more)
{
	struct tr_bytes b = { .max = 8 };

	tr_bytes_put(&b, "12345678", 8);
	assert_false(b.failed);
	tr_bytes_put_byte(&b, '9');
	assert_true(b.failed);
	assert_int_equal(b.size, 8);
	assert_string_equal(tr_bytes_text(&b), "12345678");
	tr_bytes_free(&b);
}

TEST(bytes_write_nothing_more_after_a_failure)
{
	struct tr_bytes b = { .max = 4 };

	tr_bytes_put_text(&b, "abc");
	tr_bytes_put_text(&b, "de"); /* one too many: nothing of it is kept */
	tr_bytes_put_byte(&b, 'f');  /* would fit, but a part is missing before it */
	assert_null(tr_bytes_reserve(&b, 1));
	tr_bytes_printf(&b, "g");
	assert_true(b.failed);
	assert_int_equal(b.size, 3);
	tr_bytes_clear(&b);
	tr_bytes_put_text(&b, "ok");
	assert_false(b.failed);
	assert_string_equal(tr_bytes_text(&b), "ok");
	tr_bytes_free(&b);
}

TEST(bytes_print_up_to_their_maximum)
{
	struct tr_bytes b = { .max = 70 };

	tr_bytes_printf(&b, "%s-%d", "n", 5);
	assert_string_equal(tr_bytes_text(&b), "n-5");
	tr_bytes_printf(&b, "%067d", 7); /* the last byte, with no room for printf's NUL */
	assert_false(b.failed);
	assert_int_equal(b.size, 70);
	tr_bytes_printf(&b, "x");
	assert_true(b.failed);
	tr_bytes_free(&b);
}

TEST(bytes_reserve_a_place_for_the_caller_to_write)
{
	struct tr_bytes b = { 0 };
	uint8_t *place;

	tr_bytes_put_text(&b, "<");
	place = tr_bytes_reserve(&b, 1000);
	assert_non_null(place);
	memset(place, 'x', 1000);
	b.size += 1000;
	tr_bytes_put_text(&b, ">");
	assert_int_equal(b.size, 1002);
	assert_int_equal(b.data[0], '<');
	assert_int_equal(b.data[1000], 'x');
	assert_int_equal(b.data[1001], '>');
	tr_bytes_free(&b);
}

TEST(bytes_refuse_sizes_that_run_over)
{
	struct tr_bytes b = { 0 };

	tr_bytes_put_text(&b, "abc");
	assert_null(tr_bytes_reserve(&b, SIZE_MAX));
	assert_true(b.failed);
	assert_int_equal(b.size, 3);
	tr_bytes_free(&b);
}

TEST(bytes_may_be_used_again_after_they_were_freed)
{
	struct tr_bytes b = { .max = 3 };

	tr_bytes_put_text(&b, "abcd");
	tr_bytes_free(&b);
	assert_false(b.failed);
	assert_int_equal(b.max, 3);
	tr_bytes_put_text(&b, "abc");
	assert_false(b.failed);
	assert_string_equal(tr_bytes_text(&b), "abc");
	tr_bytes_free(&b);
}

TESTS(RUN(bytes_keep_what_was_written_while_they_grow), RUN(bytes_take_text_without_its_nul),
      RUN(bytes_that_are_empty_lend_an_empty_text), RUN(bytes_reach_their_maximum_and_no_more),
      RUN(bytes_write_nothing_more_after_a_failure), RUN(bytes_print_up_to_their_maximum),
      RUN(bytes_reserve_a_place_for_the_caller_to_write), RUN(bytes_refuse_sizes_that_run_over),
      RUN(bytes_may_be_used_again_after_they_were_freed))
