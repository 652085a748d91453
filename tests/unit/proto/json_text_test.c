/* SPDX-License-Identifier: Apache-2.0 */
/* JSON that stays text: kept to the byte, but for the "$" that the client takes off; and searched where it lies. */
#include "tests/kit/test.h"

#include "proto/json.h"
#include "proto/value.h"
#include "tests/kit/text.h"

#define DEPTH 8

static void encodes(const struct tr_bytes *packed, enum tr_json_mode mode, const char *want)
{
	struct tr_bytes out = { 0 };

	tr_bytes_put_text(&out, ">");
	assert_int_equal(tr_json_encode(&out, tr_bytes_value(packed), mode), 0);
	assert_string_equal(tr_bytes_text(&out) + 1, want);
	tr_bytes_free(&out);
}

static void kept(const char *json, const char *want)
{
	struct tr_bytes b = { 0 };

	assert_int_equal(tr_json_check(text(json), TR_JSON_KEPT_DEPTH, NULL), 0);
	tr_put_json(&b, json, strlen(json));
	encodes(&b, TR_JSON_PLAIN, json);
	encodes(&b, TR_JSON_COMPAT, want);
	tr_bytes_free(&b);
}

TEST(json_kept_goes_out_to_the_byte)
{
	static const char *const same[] = {
		"{ \"a\" : 1.0, \"b\": [ 1e2 ] }", "\"\\u0041\"", "[\"$x\"]", "[\"$x\",1,2]", "\"$x\"", "[[\"$x\"],1]",
		"{\"$x\":1}", "[1,\"$x\"]", "\"[\\\"$x\\\",1]\"", "[\"\\\\u0024x\",1]", "{\"a\":\"$x\",\"b\":[\"$\"]}", "[]",
		"[\"a\",\"[\\\"$x\\\",1]\"]",
	};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		kept(same[i], same[i]);
}

TEST(json_kept_gets_the_dollar_that_the_client_takes_off)
{
	kept("[\"$x\",1]", "[\"$$x\",1]");
	kept("[\"$BigInt\",\"5\"]", "[\"$$BigInt\",\"5\"]");
	kept("[\"\\u0024x\",1]", "[\"$\\u0024x\",1]");
	kept("[ \"$x\" , 1 ]", "[ \"$$x\" , 1 ]");
	kept("{\"a\":[\"$x\",{\"b\":[[\"$y\",\"],\"],2]}]}", "{\"a\":[\"$$x\",{\"b\":[[\"$$y\",\"],\"],2]}]}");
	kept("[\"$x\",[\"$y\",[\"$z\",[]]]]", "[\"$$x\",[\"$$y\",[\"$$z\",[]]]]");
	kept("[[\"$x\",1],[\"$y\",1,2],[\"$z\",1]]", "[[\"$$x\",1],[\"$y\",1,2],[\"$$z\",1]]");
	kept("[\"$x\",-1.5e3]", "[\"$$x\",-1.5e3]");
	kept("[\"$x\",true]", "[\"$$x\",true]");
	kept("[\"$\",\"\"]", "[\"$$\",\"\"]");
}

TEST(json_kept_as_the_first_of_two_is_escaped_from_outside)
{
	struct tr_bytes b = { 0 };

	tr_put_array(&b, 2);
	tr_put_json(&b, "\"$x\"", 4);
	tr_put_json(&b, "[1]", 3);
	encodes(&b, TR_JSON_COMPAT, "[\"$$x\",[1]]");
	encodes(&b, TR_JSON_PLAIN, "[\"$x\",[1]]");
	tr_bytes_free(&b);
}

TEST(json_kept_may_be_nested_deeply_and_escaped_there)
{
	struct tr_bytes json = { 0 }, want = { 0 };

	for (int i = 0; i < TR_JSON_KEPT_DEPTH; i++) {
		tr_bytes_put_text(&json, "[\"$x\",");
		tr_bytes_put_text(&want, "[\"$$x\",");
	}
	tr_bytes_put_text(&json, "1");
	tr_bytes_put_text(&want, "1");
	for (int i = 0; i < TR_JSON_KEPT_DEPTH; i++) {
		tr_bytes_put_text(&json, "]");
		tr_bytes_put_text(&want, "]");
	}
	kept(tr_bytes_text(&json), tr_bytes_text(&want));
	tr_bytes_free(&json);
	tr_bytes_free(&want);
}

/* ---- finding */

static void finds(const char *json, const char *first, const char *second, const char *want)
{
	struct troupe_text found = text("?");

	assert_int_equal(tr_json_check(text(json), DEPTH, NULL), 0);
	assert_int_equal(tr_json_find(text(json), &found, first, second, NULL), want != NULL);
	if (!want)
		want = "?";
	assert_int_equal(found.size, strlen(want));
	assert_memory_equal(found.data, want, found.size);
}

TEST(json_finds_members_by_path)
{
	const char *json = "{ \"params\" : {\"x\":[{\"update\":0}],\"update\" : {\"a\":\"}\\\"\"} , \"z\":1}, "
	                   "\"update\":2 }";

	finds(json, "params", "update", "{\"a\":\"}\\\"\"}");
	finds(json, "params", "z", "1");
	finds(json, "params", "x", "[{\"update\":0}]");
	finds(json, "update", NULL, "2");
	finds(json, "params", "y", NULL);
	finds(json, "update", "a", NULL);
	finds(json, NULL, NULL, json);
	finds("[1]", "0", NULL, NULL);
	finds("{}", "", NULL, NULL);
	finds("{\"\":{\"\": null}}", "", "", "null");
}

TEST(json_finds_the_last_of_duplicates)
{
	finds("{\"a\":{\"b\":1},\"a\":{\"c\":2}}", "a", "c", "2");
	finds("{\"a\":{\"b\":1},\"a\":{\"c\":2}}", "a", "b", NULL);
	finds("{\"a\":{\"b\":1,\"\\u0062\":3}}", "a", "b", "3");
}

TEST(json_finds_members_whose_names_are_escaped)
{
	finds("{\"\\u0070ara\\u006ds\":{\"\\/\":1}}", "params", "/", "1");
	finds("{\"\\ud83d\\ude00\":{\"\\ud800\":1}}", "\xf0\x9f\x98\x80", "\xef\xbf\xbd", "1");
	finds("{\"a\\u0000\":1}", "a", NULL, NULL);
	finds("{\"\\u0061b\":1}", "a", NULL, NULL);
	finds("{\"\\u0061\":1}", "ab", NULL, NULL);
}

TEST(json_finds_strings_and_takes_their_escapes_off)
{
	const char *json = "{\"a\":{\"s\":\"x\\n\\ud83d\\ude00\",\"e\":\"\",\"n\":1}}";
	struct tr_bytes b = { 0 };

	tr_bytes_put_text(&b, ">");
	assert_true(tr_json_find_string(text(json), &b, "a", "s", NULL));
	assert_string_equal(tr_bytes_text(&b), ">x\n\xf0\x9f\x98\x80");
	assert_true(tr_json_find_string(text(json), &b, "a", "e", NULL));
	assert_false(tr_json_find_string(text(json), &b, "a", "n", NULL));
	assert_false(tr_json_find_string(text(json), &b, "a", NULL));
	assert_false(tr_json_find_string(text(json), &b, "a", "q", NULL));
	assert_int_equal(b.size, 7);
	tr_bytes_free(&b);
}

TESTS(RUN(json_kept_goes_out_to_the_byte), RUN(json_kept_gets_the_dollar_that_the_client_takes_off),
      RUN(json_kept_as_the_first_of_two_is_escaped_from_outside),
      RUN(json_kept_may_be_nested_deeply_and_escaped_there), RUN(json_finds_members_by_path),
      RUN(json_finds_the_last_of_duplicates), RUN(json_finds_members_whose_names_are_escaped),
      RUN(json_finds_strings_and_takes_their_escapes_off))
