/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: both roads lead to one canonical text, and back to the parts. */
#include "tests/kit/test.h"

#include <jansson.h>

#include "proto/key.h"
#include "proto/troupe_errors.h"
#include "tests/kit/text.h"

static const struct tr_key_limits limits = { .part_max = 128, .key_max = 1024 };

static void control_gives(const char *serialised, const char *canonical)
{
	struct tr_bytes out = { 0 };

	assert_int_equal(tr_key_from_control(&out, text(serialised), &limits), 0);
	assert_string_equal(tr_bytes_text(&out), canonical);
	tr_bytes_free(&out);
}

static void query_gives(const char *value, const char *canonical)
{
	struct tr_bytes out = { 0 };

	assert_int_equal(tr_key_from_query(&out, text(value), &limits), 0);
	assert_string_equal(tr_bytes_text(&out), canonical);
	tr_bytes_free(&out);
}

TEST(the_empty_key_has_one_form)
{
	struct tr_bytes out = { 0 };

	control_gives("/", "/");
	control_gives("", "/");
	control_gives("\\0", "/");
	query_gives("", "/");
	assert_int_equal(tr_key_from_query(&out, (struct troupe_text){ NULL, 0 }, &limits), 0);
	assert_string_equal(tr_bytes_text(&out), "/");
	tr_bytes_free(&out);
}

TEST(control_texts_keep_their_escapes)
{
	control_gives("a\\/b/c", "a\\/b/c");
	control_gives("a\\\\b", "a\\\\b");
	control_gives("\\0/\\0", "\\0/\\0");
	control_gives("\\\\0", "\\\\0");
	control_gives("\\/", "\\/");
}

TEST(control_texts_nobody_would_write_are_read_like_the_official_client_reads_them)
{
	control_gives("\\a\\b", "ab");
	control_gives("a//b", "a/\\0/b");
	control_gives("a/", "a/\\0");
	control_gives("x\\0y/b", "\\0/b");
	control_gives("a\\", "a\\\\");
}

TEST(a_comma_splits_a_part_on_both_roads)
{
	control_gives("a,b", "a/b");
	control_gives("a,b/c,", "a/b/c/\\0");
	control_gives("\\,", "\\0/\\0");
	query_gives("a,b", "a/b");
	query_gives(",", "\\0/\\0");
	query_gives("a/b,c\\d", "a\\/b/c\\\\d");
}

TEST(parts_and_keys_over_their_limit_are_refused)
{
	struct tr_bytes out = { 0 };
	const struct tr_key_limits small = { .part_max = 3, .key_max = 8 };

	tr_bytes_put_text(&out, "before");
	assert_int_equal(tr_key_from_query(&out, text("abcd"), &small), TROUPE_EKEY);
	assert_int_equal(tr_key_from_control(&out, text("a/abcd"), &small), TROUPE_EKEY);
	assert_int_equal(tr_key_from_query(&out, text("abc,abc,a"), &small), TROUPE_EKEY);
	assert_string_equal(tr_bytes_text(&out), "before");
	assert_int_equal(tr_key_from_query(&out, text("abc,abc,"), &small), TROUPE_EKEY); /* abc/abc/\0 is 10 */
	assert_int_equal(tr_key_from_control(&out, text("///"), &small), TROUPE_EKEY); /* \0/\0/\0/\0 is 11 */
	assert_int_equal(tr_key_from_query(&out, text("abc,ab,a"), &small), 0);
	assert_string_equal(tr_bytes_text(&out), "beforeabc/ab/a");
	tr_bytes_free(&out);
}

TEST(what_is_no_text_is_refused)
{
	struct tr_bytes out = { 0 };

	assert_int_equal(tr_key_from_query(&out, text("\xff"), &limits), TROUPE_EINVAL);
	assert_int_equal(tr_key_from_control(&out, text("a/\xed\xa0\x80"), &limits), TROUPE_EINVAL);
	assert_int_equal(tr_key_from_query(&out, (struct troupe_text){ "a\0b", 3 }, &limits), TROUPE_EINVAL);
	assert_int_equal(tr_key_from_control(&out, (struct troupe_text){ "a\0b", 3 }, &limits), TROUPE_EINVAL);
	assert_int_equal(out.size, 0);
	tr_bytes_free(&out);
}

static void has_parts(const char *canonical, json_t *parts)
{
	struct tr_bytes out = { 0 };
	size_t count = json_array_size(parts);

	assert_int_equal(tr_key_count(text(canonical)), count);
	for (size_t i = 0; i < count; i++) {
		tr_bytes_clear(&out);
		assert_true(tr_key_part(&out, text(canonical), i));
		assert_string_equal(tr_bytes_text(&out), json_string_value(json_array_get(parts, i)));
	}
	assert_false(tr_key_part(&out, text(canonical), count));
	tr_bytes_free(&out);
}

/* rvt-key of a recorded gateway URL, form-decoded. False: there is none. */
static bool recorded_query_key(const char *target, char *value)
{
	const char *at = strstr(target, "rvt-key=");

	if (!at)
		return false;
	for (at += strlen("rvt-key="); *at && *at != '&'; at++) {
		unsigned byte = *at == '+' ? ' ' : (unsigned char)*at;

		if (*at == '%') {
			assert_int_equal(sscanf(at + 1, "%2x", &byte), 1);
			at += 2;
		}
		*value++ = (char)byte;
	}
	*value = 0;
	return true;
}

/* The parts as the gateway sees them: split at commas, [""] as []. */
static json_t *normalised(json_t *key)
{
	json_t *parts = json_array(), *part;
	size_t i;

	json_array_foreach(key, i, part) {
		const char *at = json_string_value(part);
		size_t size;

		for (;; at += size + 1) {
			size = strcspn(at, ",");
			json_array_append_new(parts, json_stringn(at, size));
			if (!at[size])
				break;
		}
	}
	if (json_array_size(parts) == 1 && !*json_string_value(json_array_get(parts, 0)))
		json_array_clear(parts);
	return parts;
}

TEST(recorded_keys_reach_one_actor_on_both_roads)
{
	json_t *file = json_load_file("proto/vectors/keys-and-urls.json", 0, NULL), *row;
	size_t i, replayed = 0;

	assert_non_null(file); /* unit tests run at the root of the tree */
	json_array_foreach(json_object_get(file, "keys"), i, row) {
		struct tr_bytes control = { 0 }, query = { 0 };
		const char *serialised = json_string_value(json_object_get(row, "serialized"));
		const char *target = json_string_value(json_object_get(row, "gateway_target"));
		json_t *parts = normalised(json_object_get(row, "key"));
		char value[256] = "";

		assert_int_equal(tr_key_from_control(&control, text(serialised), &limits), 0);
		assert_true(recorded_query_key(target, value) || !json_array_size(parts));
		assert_int_equal(tr_key_from_query(&query, text(value), &limits), 0);
		assert_string_equal(tr_bytes_text(&control), tr_bytes_text(&query));
		has_parts(tr_bytes_text(&control), parts);
		if (!strchr(serialised, ',') && strcmp(serialised, "\\0"))
			assert_string_equal(tr_bytes_text(&control), serialised);
		tr_bytes_free(&control);
		tr_bytes_free(&query);
		json_decref(parts);
		replayed++;
	}
	assert_int_equal(replayed, 13);
	json_decref(file);
}

TEST(plain_names_are_bounded_and_of_few_characters)
{
	static const char *const good[] = { "a", "Z", "0", ".", "_-", "driver-0f.A" };
	static const char *const bad[] = { "", "a b", "a/b", "\xc3\xa9", "a\n", ":" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(tr_name_plain(text(good[i]), 11));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(tr_name_plain(text(bad[i]), 11));
	assert_false(tr_name_plain((struct troupe_text){ "a", 2 }, 11)); /* U+0000 */
	assert_false(tr_name_plain(text("driver-0f.AB"), 11));
}

TESTS(
	RUN(the_empty_key_has_one_form),
	RUN(control_texts_keep_their_escapes),
	RUN(control_texts_nobody_would_write_are_read_like_the_official_client_reads_them),
	RUN(a_comma_splits_a_part_on_both_roads),
	RUN(parts_and_keys_over_their_limit_are_refused),
	RUN(what_is_no_text_is_refused),
	RUN(plain_names_are_bounded_and_of_few_characters),
	RUN(recorded_keys_reach_one_actor_on_both_roads))
