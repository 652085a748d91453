/* SPDX-License-Identifier: Apache-2.0 */
/* Records: what a struct takes, what it refuses and in which words, and that it comes back as it went. */
#include "tests/kit/test.h"

#include <math.h>
#include <stdlib.h>

#include "proto/record.h"
#include "proto/troupe_errors.h"

struct all {
	int before;
	bool on;
	int32_t small;
	int64_t big;
	uint32_t count;
	double ratio;
	const char *name;
	struct troupe_text text;
	struct troupe_value any;
	int after;
};
static const struct troupe_record all = TROUPE_RECORD(all,
	TROUPE_FIELD(all, on, "on"),
	TROUPE_FIELD(all, small, "small"),
	TROUPE_FIELD(all, big, "big"),
	TROUPE_FIELD(all, count, "count"),
	TROUPE_FIELD(all, ratio, "ratio"),
	TROUPE_FIELD(all, name, "name"),
	TROUPE_FIELD(all, text, "text"),
	TROUPE_FIELD(all, any, "any"));

struct prompt { const char *text; int32_t times; };
static const struct troupe_record prompt = TROUPE_RECORD(prompt,
	TROUPE_FIELD(prompt, text, "text"),
	TROUPE_DEFAULT(prompt, times, "times", 3));

struct options {
	bool on;
	int64_t big;
	uint32_t count;
	double ratio;
	char *name;
	struct troupe_text text;
	struct troupe_value any;
};
static const struct troupe_record options = TROUPE_RECORD(options,
	TROUPE_DEFAULT(options, on, "on", true),
	TROUPE_DEFAULT(options, big, "big", -9007199254740992.0),
	TROUPE_DEFAULT(options, count, "count", 4294967295.0),
	TROUPE_DEFAULT(options, ratio, "ratio", 0.5),
	TROUPE_OPTION(options, name, "name"),
	TROUPE_OPTION(options, text, "text"),
	TROUPE_OPTION(options, any, "any"));

/* ---- memory that is all freed at once, and can run out */

struct heap { void *block[64]; size_t used, limit; };

static void *heap_alloc(void *owner, size_t size)
{
	struct heap *heap = owner;

	if (heap->used == heap->limit)
		return NULL;
	return heap->block[heap->used++] = calloc(1, size);
}

static void heap_free(struct heap *heap)
{
	while (heap->used)
		free(heap->block[--heap->used]);
}

/* ---- short hands */

static struct tr_bytes packed; /* what a test puts together */

static int decode(const struct troupe_record *r, void *into, struct heap *heap, char *why, size_t why_size)
{
	const struct tr_arena arena = { heap_alloc, heap };
	struct tr_cursor c = tr_cursor(tr_bytes_value(&packed));
	struct tr_item head;
	int error;

	heap->limit = heap->limit ? heap->limit : 64;
	if (!tr_next(&c, &head) && head.kind == TR_ARRAY)
		error = tr_record_decode_list(r, into, tr_bytes_value(&packed), &arena, why, why_size);
	else
		error = tr_record_decode(r, into, tr_bytes_value(&packed), &arena, why, why_size);
	tr_bytes_free(&packed);
	return error;
}

static void refused(const struct troupe_record *r, const char *sentence)
{
	union { struct all all; struct prompt prompt; struct options options; } into;
	struct heap heap = { 0 };
	char why[256] = "";

	assert_int_equal(decode(r, &into, &heap, why, sizeof(why)), TROUPE_EINVAL);
	assert_string_equal(why, sentence);
	heap_free(&heap);
}

/* Decodes {"text":"x","times":<what was put since>}. */
static void put_times(void)
{
	tr_put_map(&packed, 2);
	tr_put_text(&packed, "text");
	tr_put_text(&packed, "x");
	tr_put_text(&packed, "times");
}

static int32_t taken_times(void)
{
	struct heap heap = { 0 };
	struct prompt into = { 0 };

	assert_int_equal(decode(&prompt, &into, &heap, NULL, 0), 0);
	heap_free(&heap);
	return into.times;
}

static void put_pair(const char *name)
{
	tr_put_map(&packed, 1);
	tr_put_text(&packed, name);
}

/* ---- claims */

static void put_all(void)
{
	tr_put_text(&packed, "on");
	tr_put_bool(&packed, true);
	tr_put_text(&packed, "small");
	tr_put_int(&packed, -7);
	tr_put_text(&packed, "big");
	tr_put_int(&packed, 1700000000123);
	tr_put_text(&packed, "count");
	tr_put_int(&packed, 4294967295);
	tr_put_text(&packed, "ratio");
	tr_put_float(&packed, 0.25);
	tr_put_text(&packed, "name");
	tr_put_text(&packed, "ann");
	tr_put_text(&packed, "text");
	tr_put_str(&packed, "a\0b", 3);
	tr_put_text(&packed, "any");
	tr_put_array(&packed, 1);
	tr_put_nil(&packed);
}

TEST(every_type_is_read_from_a_map_and_nothing_else_is_touched)
{
	struct all into = { .before = 11, .after = 12 };
	struct heap heap = { 0 };

	tr_put_map(&packed, 9);
	tr_put_text(&packed, "unknown");
	tr_put_map(&packed, 1);
	tr_put_text(&packed, "on");
	tr_put_int(&packed, 5);
	put_all();
	assert_int_equal(decode(&all, &into, &heap, NULL, 0), 0);
	assert_int_equal(into.before, 11);
	assert_int_equal(into.after, 12);
	assert_true(into.on);
	assert_int_equal(into.small, -7);
	assert_int_equal(into.big, 1700000000123);
	assert_int_equal(into.count, 4294967295);
	assert_true(into.ratio == 0.25);
	assert_string_equal(into.name, "ann");
	assert_int_equal(into.text.size, 3);
	assert_memory_equal(into.text.data, "a\0b", 4); /* it ends in a NUL, too */
	assert_int_equal(into.any.size, 2);
	assert_memory_equal(into.any.data, "\x91\xc0", 2);
	heap_free(&heap);
}

TEST(a_record_comes_back_as_it_went)
{
	struct all from = {
		.on = true, .small = INT32_MIN, .big = -9007199254740992, .count = 4294967295, .ratio = 1e300,
		.name = "h\xc3\xa9", .text = { "a\0b", 3 }, .any = { "\x93\x01\x02\x03", 4 },
	}, into = { 0 };
	struct heap heap = { 0 };

	tr_record_encode(&all, &from, 0, &packed);
	assert_int_equal(tr_value_check(tr_bytes_value(&packed), 2), 0);
	assert_int_equal(decode(&all, &into, &heap, NULL, 0), 0);
	assert_true(into.on);
	assert_int_equal(into.small, from.small);
	assert_int_equal(into.big, from.big);
	assert_int_equal(into.count, from.count);
	assert_true(into.ratio == from.ratio);
	assert_string_equal(into.name, from.name);
	assert_int_equal(into.text.size, 3);
	assert_memory_equal(into.text.data, "a\0b", 3);
	assert_int_equal(into.any.size, 4);
	assert_memory_equal(into.any.data, "\x93\x01\x02\x03", 4);
	heap_free(&heap);
}

TEST(absent_texts_and_values_are_left_out)
{
	struct options from = { .on = false };
	struct troupe_value member;

	tr_record_encode(&options, &from, 0, &packed);
	assert_int_equal(tr_value_check(tr_bytes_value(&packed), 1), 0);
	assert_true(tr_value_member(tr_bytes_value(&packed), "count", &member));
	assert_false(tr_value_member(tr_bytes_value(&packed), "name", &member));
	assert_false(tr_value_member(tr_bytes_value(&packed), "text", &member));
	assert_false(tr_value_member(tr_bytes_value(&packed), "any", &member));
	tr_bytes_free(&packed);
}

TEST(an_empty_text_is_not_absent)
{
	struct options from = { .name = (char[]){ "" }, .text = { "", 0 } }, into = { 0 };
	struct heap heap = { 0 };

	tr_record_encode(&options, &from, 0, &packed);
	assert_int_equal(decode(&options, &into, &heap, NULL, 0), 0);
	assert_non_null(into.name);
	assert_string_equal(into.name, "");
	assert_non_null(into.text.data);
	assert_int_equal(into.text.size, 0);
	heap_free(&heap);
}

TEST(extra_pairs_are_announced_for_the_caller_to_write)
{
	struct prompt from = { .text = "hi", .times = 2 };
	struct troupe_value member;
	int64_t seq;

	tr_record_encode(&prompt, &from, 1, &packed);
	tr_put_text(&packed, "seq");
	tr_put_int(&packed, 42);
	assert_int_equal(tr_value_check(tr_bytes_value(&packed), 1), 0);
	assert_true(tr_value_member(tr_bytes_value(&packed), "seq", &member));
	assert_true(tr_value_integer(member, &seq));
	assert_int_equal(seq, 42);
	tr_bytes_free(&packed);
}

TEST(texts_that_are_not_utf8_are_cleaned_when_encoded)
{
	struct prompt from = { .text = "a\xff" };
	struct troupe_value member;
	struct troupe_text text;

	tr_record_encode(&prompt, &from, 0, &packed);
	assert_int_equal(tr_value_check(tr_bytes_value(&packed), 1), 0);
	assert_true(tr_value_member(tr_bytes_value(&packed), "text", &member));
	assert_true(tr_value_text(member, &text));
	assert_int_equal(text.size, 4);
	assert_memory_equal(text.data, "a\xef\xbf\xbd", 4);
	tr_bytes_free(&packed);
}

TEST(absent_null_and_undefined_options_get_their_fallback)
{
	for (int round = 0; round < 3; round++) {
		struct options into;
		struct heap heap = { 0 };

		memset(&into, 0x5a, sizeof(into));
		tr_put_map(&packed, round ? (uint32_t)options.count : 0);
		for (size_t i = 0; round && i < options.count; i++) {
			tr_put_text(&packed, options.fields[i].name);
			if (round == 1)
				tr_put_nil(&packed);
			else
				tr_put_undefined(&packed);
		}
		assert_int_equal(decode(&options, &into, &heap, NULL, 0), 0);
		assert_true(into.on);
		assert_int_equal(into.big, -9007199254740992);
		assert_int_equal(into.count, 4294967295);
		assert_true(into.ratio == 0.5);
		assert_null(into.name);
		assert_null(into.text.data);
		assert_int_equal(into.any.size, round == 1); /* null is a value like any other */
		heap_free(&heap);
	}
}

TEST(a_missing_field_is_named)
{
	tr_put_map(&packed, 0);
	refused(&prompt, "prompt.text: must be text, is missing");
	tr_put_array(&packed, 0);
	refused(&prompt, "prompt.text: must be text, is missing");
	put_pair("name");
	tr_put_text(&packed, "x");
	refused(&prompt, "prompt.text: must be text, is missing");
}

TEST(a_wrong_kind_is_named_and_what_would_do)
{
	put_pair("text");
	tr_put_int(&packed, 1);
	refused(&prompt, "prompt.text: must be text, got a number");
	put_pair("text");
	tr_put_nil(&packed);
	refused(&prompt, "prompt.text: must be text, got null");
	put_pair("text");
	tr_put_bin(&packed, "x", 1);
	refused(&prompt, "prompt.text: must be text, got bytes");
	put_pair("on");
	tr_put_int(&packed, 1);
	refused(&options, "options.on: must be true or false, got a number");
	put_pair("ratio");
	tr_put_bigint(&packed, "1", 1);
	refused(&options, "options.ratio: must be a number, got a BigInt");
	put_pair("count");
	tr_put_text(&packed, "1");
	refused(&options, "options.count: must be a whole number from 0 to 4294967295, got text");
	put_pair("text");
	tr_put_map(&packed, 0);
	refused(&options, "options.text: must be text, got an object");
}

TEST(a_value_takes_anything_but_nothing)
{
	struct all into = { 0 };
	struct heap heap = { 0 };
	const char *name = "any";
	struct troupe_record any = all;

	any.fields = &all.fields[7];
	any.count = 1;
	put_pair(name);
	tr_put_nil(&packed);
	assert_int_equal(decode(&any, &into, &heap, NULL, 0), 0);
	assert_int_equal(into.any.size, 1);
	put_pair(name);
	tr_put_undefined(&packed);
	assert_int_equal(decode(&any, &into, &heap, NULL, 0), 0);
	assert_int_equal(into.any.size, 3);
	heap_free(&heap);
	tr_put_map(&packed, 0);
	refused(&any, "all.any: must be given, is missing");
}

TEST(whole_numbers_are_taken_in_every_form_they_come_in)
{
	put_times();
	tr_put_float(&packed, 12.0);
	assert_int_equal(taken_times(), 12);
	put_times();
	tr_bytes_put(&packed, "\xcb\xc0\x28\0\0\0\0\0\0", 9); /* -12 as a double */
	assert_int_equal(taken_times(), -12);
	put_times();
	tr_bytes_put(&packed, "\xcb\x80\0\0\0\0\0\0\0", 9); /* -0 */
	assert_int_equal(taken_times(), 0);
	put_times();
	tr_put_bigint(&packed, "-2147483648", 11);
	assert_int_equal(taken_times(), INT32_MIN);
}

TEST(numbers_out_of_range_are_refused)
{
	static const char *const range = "prompt.times: must be a whole number from -2147483648 to 2147483647, got ";
	char sentence[128];
	static const struct { double number; const char *said; } rows[] = {
		{ 1.5, "1.5" }, { 2147483648.0, "2147483648" }, { -2147483649.0, "-2147483649" }, { 1e300, "1e+300" },
		{ NAN, "nan" }, { -INFINITY, "-inf" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		put_times();
		tr_put_float(&packed, rows[i].number);
		snprintf(sentence, sizeof(sentence), "%s%s", range, rows[i].said);
		refused(&prompt, sentence);
	}
	put_times();
	tr_put_bigint(&packed, "99999999999999999999999999999999", 32);
	snprintf(sentence, sizeof(sentence), "%s%s", range, "a BigInt out of that range");
	refused(&prompt, sentence);
	put_pair("count");
	tr_put_int(&packed, -1);
	refused(&options, "options.count: must be a whole number from 0 to 4294967295, got -1");
	put_pair("count");
	tr_put_int(&packed, 4294967296);
	refused(&options, "options.count: must be a whole number from 0 to 4294967295, got 4294967296");
}

TEST(int64_ends_where_javascripts_numbers_do)
{
	static const struct { const char *digits; bool fits; } rows[] = {
		{ "9007199254740992", true }, { "-9007199254740992", true },
		{ "9007199254740993", false }, { "-9007199254740993", false }, { "9223372036854775808", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct options into = { 0 };
		struct heap heap = { 0 };

		put_pair("big");
		tr_put_bigint(&packed, rows[i].digits, strlen(rows[i].digits));
		assert_int_equal(decode(&options, &into, &heap, NULL, 0), rows[i].fits ? 0 : TROUPE_EINVAL);
		if (rows[i].fits)
			assert_int_equal(into.big, strtoll(rows[i].digits, NULL, 10));
	}
	put_pair("big");
	tr_bytes_put(&packed, "\xcf\x00\x20\0\0\0\0\0\x01", 9); /* 2^53 + 1 as an integer item */
	refused(&options, "options.big: must be a whole number from -9007199254740992 to 9007199254740992, "
	                  "got 9007199254740993");
}

TEST(a_c_string_takes_no_nul_and_a_text_does)
{
	struct options into = { 0 };
	struct heap heap = { 0 };

	put_pair("text");
	tr_put_str(&packed, "a\0b", 3);
	refused(&prompt, "prompt.text: must be text without U+0000");
	put_pair("text");
	tr_put_str(&packed, "a\0b", 3);
	assert_int_equal(decode(&options, &into, &heap, NULL, 0), 0);
	assert_int_equal(into.text.size, 3);
	heap_free(&heap);
}

TEST(a_list_fills_the_fields_in_order)
{
	struct prompt into = { 0 };
	struct heap heap = { 0 };

	tr_put_array(&packed, 2);
	tr_put_text(&packed, "hi");
	tr_put_int(&packed, 9);
	assert_int_equal(decode(&prompt, &into, &heap, NULL, 0), 0);
	assert_string_equal(into.text, "hi");
	assert_int_equal(into.times, 9);
	heap_free(&heap);
	tr_put_array(&packed, 1);
	tr_put_text(&packed, "hi");
	assert_int_equal(decode(&prompt, &into, &heap, NULL, 0), 0);
	assert_int_equal(into.times, 3);
	heap_free(&heap);
}

TEST(a_list_with_too_many_elements_says_how_many_are_taken)
{
	struct troupe_record one = prompt, none = prompt;

	one.count = 1;
	none.count = 0;
	tr_put_array(&packed, 3);
	for (int i = 0; i < 3; i++)
		tr_put_nil(&packed);
	refused(&prompt, "prompt: takes at most 2 arguments, got 3");
	tr_put_array(&packed, 2);
	tr_put_nil(&packed);
	tr_put_nil(&packed);
	refused(&one, "prompt: takes at most 1 argument, got 2");
	tr_put_array(&packed, 1);
	tr_put_nil(&packed);
	refused(&none, "prompt: takes no arguments, got 1");
}

TEST(the_last_of_duplicates_counts)
{
	struct prompt into = { 0 };
	struct heap heap = { 0 };

	tr_put_map(&packed, 3);
	tr_put_text(&packed, "text");
	tr_put_int(&packed, 1); /* wrong, but it does not count */
	tr_put_text(&packed, "times");
	tr_put_int(&packed, 5);
	tr_put_text(&packed, "text");
	tr_put_text(&packed, "second");
	assert_int_equal(decode(&prompt, &into, &heap, NULL, 0), 0);
	assert_string_equal(into.text, "second");
	assert_int_equal(into.times, 5);
	heap_free(&heap);
}

TEST(a_name_must_match_whole)
{
	tr_put_map(&packed, 3);
	tr_put_str(&packed, "text\0", 5);
	tr_put_text(&packed, "x");
	tr_put_text(&packed, "tex");
	tr_put_text(&packed, "x");
	tr_put_text(&packed, "texts");
	tr_put_text(&packed, "x");
	refused(&prompt, "prompt.text: must be text, is missing");
}

TEST(what_is_no_map_or_no_value_is_refused)
{
	tr_put_text(&packed, "x");
	refused(&prompt, "prompt: must be an object, got text");
	tr_bytes_put(&packed, "\x82\xa4text\xa1", 7);
	refused(&prompt, "prompt: is not a packed value");
	tr_bytes_put(&packed, "\xc1", 1);
	refused(&prompt, "prompt: is not a packed value");
	refused(&prompt, "prompt: is not a packed value"); /* no bytes at all */
}

TEST(sentences_are_cut_to_fit)
{
	struct prompt into;
	struct heap heap = { 0 };
	char why[12];

	tr_put_map(&packed, 0);
	assert_int_equal(decode(&prompt, &into, &heap, why, sizeof(why)), TROUPE_EINVAL);
	assert_string_equal(why, "prompt.text");
}

TEST(memory_that_runs_out_is_told)
{
	struct all into = { 0 };

	for (size_t limit = 1; limit <= 3; limit++) {
		struct heap heap = { .limit = limit };

		tr_put_map(&packed, 8);
		put_all();
		assert_int_equal(decode(&all, &into, &heap, NULL, 0), limit < 3 ? TROUPE_ENOMEM : 0);
		heap_free(&heap);
	}
}

TESTS(
	RUN(every_type_is_read_from_a_map_and_nothing_else_is_touched),
	RUN(a_record_comes_back_as_it_went),
	RUN(absent_texts_and_values_are_left_out),
	RUN(an_empty_text_is_not_absent),
	RUN(extra_pairs_are_announced_for_the_caller_to_write),
	RUN(texts_that_are_not_utf8_are_cleaned_when_encoded),
	RUN(absent_null_and_undefined_options_get_their_fallback),
	RUN(a_missing_field_is_named),
	RUN(a_wrong_kind_is_named_and_what_would_do),
	RUN(a_value_takes_anything_but_nothing),
	RUN(whole_numbers_are_taken_in_every_form_they_come_in),
	RUN(numbers_out_of_range_are_refused),
	RUN(int64_ends_where_javascripts_numbers_do),
	RUN(a_c_string_takes_no_nul_and_a_text_does),
	RUN(a_list_fills_the_fields_in_order),
	RUN(a_list_with_too_many_elements_says_how_many_are_taken),
	RUN(the_last_of_duplicates_counts),
	RUN(a_name_must_match_whole),
	RUN(what_is_no_map_or_no_value_is_refused),
	RUN(sentences_are_cut_to_fit),
	RUN(memory_that_runs_out_is_told))
