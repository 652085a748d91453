/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8: what is text, and what becomes of bytes that are not. */
#include "tests/kit/test.h"

#include "proto/key.h"

static bool valid(const char *text)
{
	return tr_utf8_valid(text, strlen(text));
}

static void cleans_to(const char *text, size_t size, const char *expected)
{
	struct tr_bytes out = { 0 };

	tr_utf8_put_clean(&out, (struct troupe_text){ text, size });
	assert_string_equal(tr_bytes_text(&out), expected);
	assert_true(tr_utf8_valid((const char *)out.data, out.size));
	tr_bytes_free(&out);
}

TEST(texts_of_all_lengths_of_character_are_valid)
{
	assert_true(tr_utf8_valid(NULL, 0));
	assert_true(valid("plain and longer than eight"));
	assert_true(valid("\xc2\x80 \xdf\xbf"));
	assert_true(valid("\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf"));
	assert_true(valid("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"));
	assert_true(tr_utf8_valid("a\0b", 3));
}

TEST(overlong_forms_are_refused)
{
	assert_false(valid("\xc0\x80"));
	assert_false(valid("\xc1\xbf"));
	assert_false(valid("\xe0\x9f\xbf"));
	assert_false(valid("\xf0\x8f\xbf\xbf"));
}

TEST(surrogates_and_what_lies_above_unicode_are_refused)
{
	assert_false(valid("\xed\xa0\x80"));
	assert_false(valid("\xed\xbf\xbf"));
	assert_false(valid("\xf4\x90\x80\x80"));
	assert_false(valid("\xf5\x80\x80\x80"));
	assert_false(valid("\xff"));
}

TEST(characters_cut_short_are_refused_wherever_they_stand)
{
	const char *character = "\xf0\x9f\x8e\xad";

	for (size_t size = 1; size < 4; size++)
		assert_false(tr_utf8_valid(character, size));
	assert_true(tr_utf8_valid(character, 4));
	for (size_t before = 0; before < 20; before++) {
		char text[32];

		memset(text, 'a', sizeof(text));
		text[before] = '\x80';
		assert_false(tr_utf8_valid(text, sizeof(text)));
		assert_true(tr_utf8_valid(text, before));
	}
}

/* The expected texts are what `new TextDecoder().decode()` gives for the same bytes. */
TEST(cleaning_replaces_as_a_browser_does)
{
	cleans_to("h\xc3\xa9", 3, "h\xc3\xa9");
	cleans_to("", 0, "");
	cleans_to("a\xff" "b", 3, "a\xef\xbf\xbd" "b");
	cleans_to("\xf0\x9f\x8e", 3, "\xef\xbf\xbd");
	cleans_to("\xf0\x9f\x8ez", 4, "\xef\xbf\xbdz");
	cleans_to("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	cleans_to("\xc3\xc3\xa9", 3, "\xef\xbf\xbd\xc3\xa9");
	cleans_to("\x80", 1, "\xef\xbf\xbd");
}

TESTS(
	RUN(texts_of_all_lengths_of_character_are_valid),
	RUN(overlong_forms_are_refused),
	RUN(surrogates_and_what_lies_above_unicode_are_refused),
	RUN(characters_cut_short_are_refused_wherever_they_stand),
	RUN(cleaning_replaces_as_a_browser_does))
