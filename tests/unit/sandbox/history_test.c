/* SPDX-License-Identifier: Apache-2.0 */
/* What a new agent session is told: joined messages, whole, the newest that fit, in the order of time. */
#include "tests/kit/test.h"

#include <stdlib.h>

#include "runtime/sandbox/session/history.h"
#include "tests/kit/text.h"

#define OPENING "This continues a conversation that you have no memory of. What was said before, oldest first:\n\n"
#define CLOSING "That was the earlier conversation. It is context, not a new request.\n"

static void assert_tells(const struct tr_history *h, const char *expected)
{
	struct tr_bytes out = { 0 };

	tr_history_text(h, &out);
	assert_string_equal(tr_bytes_text(&out), expected);
	tr_bytes_free(&out);
}

static size_t characters(const char *from, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += (from[i] & 0xc0) != 0x80;
	return count;
}

TEST(nothing_said_is_nothing_told)
{
	struct tr_history h;

	tr_history_init(&h, 1000);
	assert_tells(&h, "");
	tr_history_agent(&h, text(""));
	assert_tells(&h, "");
	tr_history_fini(&h);
}

TEST(pieces_are_joined_to_messages)
{
	struct tr_history h;

	tr_history_init(&h, 1000);
	tr_history_user(&h, "ann", "hello");
	tr_history_agent(&h, text("Hi "));
	tr_history_agent(&h, text("there."));
	tr_history_tool(&h, "t1", "Read a.txt", "pending");
	tr_history_agent(&h, text("Done."));
	tr_history_tool(&h, "t1", NULL, "completed");
	tr_history_user(&h, NULL, "thanks");
	assert_tells(&h, OPENING "User ann: hello\n\nAgent: Hi there.\n\nTool: Read a.txt (completed)\n\nAgent: Done.\n\n"
	             "User: thanks\n\n" CLOSING);
	tr_history_fini(&h);
}

TEST(updates_of_unknown_tools_are_passed_over)
{
	struct tr_history h;

	tr_history_init(&h, 1000);
	tr_history_tool(&h, "t1", NULL, "completed");
	assert_tells(&h, "");
	tr_history_tool(&h, "t1", "One", NULL);
	tr_history_tool(&h, "t1", "Other", NULL);
	assert_tells(&h, OPENING "Tool: Other\n\n" CLOSING);
	tr_history_fini(&h);
}

TEST(the_newest_whole_messages_are_kept)
{
	struct tr_history h;
	struct tr_bytes out = { 0 };
	char message[101], expected[32];

	tr_history_init(&h, 1000);
	for (int i = 0; i < 100; i++) {
		snprintf(message, sizeof message, "%02d%098d", i, 0);
		tr_history_user(&h, NULL, message);
	}
	tr_history_text(&h, &out);
	assert_true(out.size <= 1000);
	for (int i = 0; i < 100; i++) {
		snprintf(expected, sizeof expected, "User: %02d0", i);
		assert_true((strstr(tr_bytes_text(&out), expected) != NULL) == (i >= 93));
	}
	assert_true(strstr(tr_bytes_text(&out), "User: 980") < strstr(tr_bytes_text(&out), "User: 990"));
	tr_bytes_free(&out);
	tr_history_fini(&h);
}

TEST(only_a_newest_message_that_is_too_long_alone_is_cut)
{
	struct tr_history h;
	struct tr_bytes out = { 0 };
	char *large = malloc(30001);

	memset(large, 'x', 30000);
	memcpy(large + 29995, "end.", 5);
	tr_history_init(&h, 1000);
	tr_history_user(&h, NULL, "earlier words");
	tr_history_user(&h, NULL, large);
	tr_history_text(&h, &out);
	assert_int_equal(characters((char *)out.data, out.size), 1000);
	assert_non_null(strstr(tr_bytes_text(&out), "User: \xe2\x80\xa6" "xxx"));
	assert_non_null(strstr(tr_bytes_text(&out), "xend.\n\n" CLOSING));
	assert_null(strstr(tr_bytes_text(&out), "earlier words"));
	tr_bytes_clear(&out);
	tr_history_user(&h, NULL, "after");
	tr_history_text(&h, &out);
	assert_string_equal(tr_bytes_text(&out), OPENING "User: after\n\n" CLOSING);
	tr_bytes_free(&out);
	tr_history_fini(&h);
	free(large);
}

TEST(memory_is_bounded_whatever_is_said)
{
	struct tr_history h;
	struct tr_bytes packed = { 0 };
	char id[16];

	tr_history_init(&h, 1000);
	for (int i = 0; i < 100000; i++)
		tr_history_agent(&h, text("\xe2\x82\xac for ever and ever"));
	tr_history_put(&h, &packed);
	assert_true(packed.size < 10000);
	tr_bytes_clear(&packed);
	for (int i = 0; i < 10000; i++) {
		snprintf(id, sizeof id, "t%d", i);
		tr_history_tool(&h, id, "", NULL);
	}
	tr_history_put(&h, &packed);
	assert_true(packed.size < 10000);
	tr_bytes_free(&packed);
	tr_history_fini(&h);
}

TEST(cuts_never_split_a_character)
{
	struct tr_history h;
	struct tr_bytes out = { 0 };

	tr_history_init(&h, 500);
	for (int i = 0; i < 1000; i++)
		tr_history_agent(&h, text("\xf0\x9f\x98\x80"));
	tr_history_text(&h, &out);
	assert_int_equal(characters((char *)out.data, out.size), 500);
	assert_non_null(strstr(tr_bytes_text(&out), "Agent: \xe2\x80\xa6\xf0\x9f\x98\x80"));
	tr_bytes_free(&out);
	tr_history_fini(&h);
}

TEST(a_history_comes_back_from_its_item)
{
	struct tr_history h, back;
	struct tr_bytes packed = { 0 }, told = { 0 };

	tr_history_init(&h, 1000);
	tr_history_init(&back, 1000);
	tr_history_user(&h, "ann", "hello");
	tr_history_tool(&h, "t1", "Read", "pending");
	tr_history_agent(&h, text("Hi"));
	tr_history_put(&h, &packed);
	tr_history_user(&back, NULL, "is replaced");
	tr_history_read(&back, tr_bytes_value(&packed));
	tr_history_agent(&back, text(" again"));
	tr_history_tool(&back, "t1", NULL, "failed");
	tr_history_text(&back, &told);
	assert_string_equal(tr_bytes_text(&told), OPENING "User ann: hello\n\nTool: Read (failed)\n\nAgent: Hi again\n\n" CLOSING);
	tr_history_read(&back, (struct troupe_value){ "\xc0", 1 });
	assert_tells(&back, "");
	tr_bytes_free(&packed);
	tr_bytes_free(&told);
	tr_history_fini(&h);
	tr_history_fini(&back);
}

TESTS(
	RUN(nothing_said_is_nothing_told),
	RUN(pieces_are_joined_to_messages),
	RUN(updates_of_unknown_tools_are_passed_over),
	RUN(the_newest_whole_messages_are_kept),
	RUN(only_a_newest_message_that_is_too_long_alone_is_cut),
	RUN(memory_is_bounded_whatever_is_said),
	RUN(cuts_never_split_a_character),
	RUN(a_history_comes_back_from_its_item))
