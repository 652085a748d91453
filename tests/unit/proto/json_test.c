/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to packed values and back. (Kept JSON and finding: json_text_test.c.) */
#include "tests/kit/test.h"

#include <math.h>

#include "proto/json.h"
#include "proto/troupe_errors.h"
#include "tests/kit/text.h"
#include "tests/unit/proto/js.h"

#define DEPTH 8

static void decode(struct tr_bytes *out, const char *json, enum tr_json_mode mode)
{
	const char *why = "";

	if (tr_json_decode(out, text(json), mode, DEPTH, &why))
		fail_msg("%s is refused: %s", json, why);
	assert_int_equal(tr_value_check(tr_bytes_value(out), DEPTH), 0);
}

static void refused(const char *json, enum tr_json_mode mode, const char *reason)
{
	struct tr_bytes out = { 0 };
	const char *why = NULL;

	tr_put_text(&out, "before");
	if (tr_json_decode(&out, text(json), mode, DEPTH, &why) != TROUPE_EBADVALUE)
		fail_msg("%s is not refused", json);
	assert_string_equal(why, reason);
	assert_int_equal(out.size, 7); /* nothing was added */
	tr_bytes_free(&out);
}

static void encodes(const struct tr_bytes *packed, enum tr_json_mode mode, const char *want)
{
	struct tr_bytes out = { 0 };

	tr_bytes_put_text(&out, ">");
	assert_int_equal(tr_json_encode(&out, tr_bytes_value(packed), mode), 0);
	assert_string_equal(tr_bytes_text(&out) + 1, want);
	tr_bytes_free(&out);
}

/* In and out again. */
static void becomes(const char *json, enum tr_json_mode mode, const char *want)
{
	struct tr_bytes packed = { 0 };

	decode(&packed, json, mode);
	encodes(&packed, mode, want);
	tr_bytes_free(&packed);
}

static void stays(const char *json, enum tr_json_mode mode)
{
	becomes(json, mode, json);
}

/* ---- decoding */

TEST(json_decodes_into_the_values_it_says)
{
	struct tr_bytes got = { 0 }, want = { 0 };

	decode(&got, " {\"a\" : [1, -2.5,true , false,null],\r\n\t\"\":\"x\"} ", TR_JSON_PLAIN);
	tr_put_map(&want, 2);
	tr_put_text(&want, "a");
	tr_put_array(&want, 5);
	tr_put_int(&want, 1);
	tr_put_float(&want, -2.5);
	tr_put_bool(&want, true);
	tr_put_bool(&want, false);
	tr_put_nil(&want);
	tr_put_text(&want, "");
	tr_put_text(&want, "x");
	js_same("object", &got, &want);
	tr_bytes_free(&got);
	tr_bytes_free(&want);
}

TEST(json_decodes_numbers_as_javascript_does)
{
	static const struct { const char *json; double v; enum tr_kind kind; } cases[] = {
		{ "0", 0, TR_INT }, { "-0", -0.0, TR_FLOAT }, { "1.0", 1, TR_INT }, { "1e3", 1000, TR_INT },
		{ "9007199254740992", 9007199254740992.0, TR_INT }, { "9007199254740993", 9007199254740992.0, TR_INT },
		{ "-9007199254740992", -9007199254740992.0, TR_INT },
		{ "18446744073709551616", 18446744073709551616.0, TR_FLOAT }, { "0.1", 0.1, TR_FLOAT },
		{ "1e999", (double)INFINITY, TR_FLOAT }, { "100e-2", 1, TR_INT },
		{ "12e0", 12, TR_INT }, { "-0.0", -0.0, TR_FLOAT }, { "-7", -7, TR_INT },
		{ "9007199254740993000", 9007199254740993000.0, TR_FLOAT },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tr_bytes b = { 0 };
		struct tr_item item;
		struct tr_cursor c;

		decode(&b, cases[i].json, TR_JSON_PLAIN);
		c = tr_cursor(tr_bytes_value(&b));
		assert_int_equal(tr_next(&c, &item), 0);
		assert_int_equal(item.kind, cases[i].kind);
		assert_true(item.number == cases[i].v && signbit(item.number) == signbit(cases[i].v));
		tr_bytes_free(&b);
	}
}

TEST(json_decodes_strings_with_every_escape)
{
	static const struct { const char *json, *content; } cases[] = {
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
		{ "\"\\u0041\\u00e9\\u6F22\"", "A\xc3\xa9\xe6\xbc\xa2" },
		{ "\"\\u00ff\\uFFFD\\u09af\"", "\xc3\xbf\xef\xbf\xbd\xe0\xa6\xaf" },
		{ "\"\\ud83d\\ude00\\udbff\\udfff\\ud800\\udc00\"", "\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xf0\x90\x80\x80" },
		{ "\"\\ud83dx\"", "\xef\xbf\xbdx" },
		{ "\"\\ude00\"", "\xef\xbf\xbd" },
		{ "\"\\ud83d\\u0041\"", "\xef\xbf\xbd" "A" },
		{ "\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80" },
		{ "\"\\ud83d\\ndc00\"", "\xef\xbf\xbd\ndc00" },
		{ "\"\\ud83dxudc00\"", "\xef\xbf\xbdxudc00" },
		{ "\"h\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80\"", "h\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80" },
		{ "\"\x7f\xe2\x80\xa8\"", "\x7f\xe2\x80\xa8" },
		{ "\"0123456789abcdef\\n0123456789abcdef\"", "0123456789abcdef\n0123456789abcdef" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tr_bytes got = { 0 }, want = { 0 };

		decode(&got, cases[i].json, TR_JSON_PLAIN);
		tr_put_text(&want, cases[i].content);
		js_same(cases[i].json, &got, &want);
		tr_bytes_free(&got);
		tr_bytes_free(&want);
	}
}

TEST(json_decodes_u0000_into_a_byte)
{
	struct tr_bytes b = { 0 };
	struct troupe_text got;

	decode(&b, "\"a\\u0000b\"", TR_JSON_PLAIN);
	assert_true(tr_value_text(tr_bytes_value(&b), &got));
	assert_int_equal(got.size, 3);
	assert_memory_equal(got.data, "a\0b", 3);
	tr_bytes_free(&b);
}

TEST(json_refuses_what_is_not_json)
{
	static const struct { const char *json, *why; } cases[] = {
		{ "", "the text ends too early" },
		{ " ", "the text ends too early" },
		{ "nul", "an unknown word" },
		{ "[nulL]", "an unknown word" },
		{ "tru", "an unknown word" },
		{ "[falsy]", "an unknown word" },
		{ "True", "a number is not written as JSON wants it" },
		{ "'a'", "a number is not written as JSON wants it" },
		{ "01", "a number is not written as JSON wants it" },
		{ "1 2", "something follows the value" },
		{ "[1]]", "something follows the value" },
		{ "[1", "an array has no end" },
		{ "[1,", "the text ends too early" },
		{ "[1,]", "a number is not written as JSON wants it" },
		{ "[,1]", "a number is not written as JSON wants it" },
		{ "[1 2]", "an array has no end" },
		{ "{", "an object's member has no name in quotes" },
		{ "{\"a\"}", "a colon is missing in an object" },
		{ "{\"a\":}", "a number is not written as JSON wants it" },
		{ "{\"a\":1,}", "an object's member has no name in quotes" },
		{ "{a:1}", "an object's member has no name in quotes" },
		{ "{\"a\":1", "an object has no end" },
		{ "\"a", "a string has no end" },
		{ "\"a\\\"", "a string has no end" },
		{ "\"a\\", "a string holds an unknown escape" },
		{ "\"\\x\"", "a string holds an unknown escape" },
		{ "\"\\u12g4\"", "a string holds an unknown escape" },
		{ "\"\\u12\"", "a string holds an unknown escape" },
		{ "\"a\nb\"", "a string holds a control character" },
		{ "\"01234567\x1f\"", "a string holds a control character" },
		{ "\"\xff\"", "a string is not UTF-8" },
		{ "\"\xed\xa0\x80\"", "a string is not UTF-8" },
		{ "{\"\xc3\":1}", "a string is not UTF-8" },
		{ "\xef\xbb\xbf" "1", "a number is not written as JSON wants it" },
		{ "[1] // no", "something follows the value" },
		{ "NaN", "a number is not written as JSON wants it" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(cases[i].json, TR_JSON_PLAIN, cases[i].why);
}

TEST(json_refuses_a_nul_byte)
{
	static const struct troupe_text cases[] = { { "1\0", 2 }, { "\"\0\"", 3 }, { "\"0123456\0\"", 10 }, { NULL, 0 } };
	struct tr_bytes out = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(tr_json_decode(&out, cases[i], TR_JSON_PLAIN, DEPTH, NULL), TROUPE_EBADVALUE);
	tr_bytes_free(&out);
}

TEST(json_is_nested_as_deep_as_allowed_and_no_deeper)
{
	stays("[[[[[[[[]]]]]]]]", TR_JSON_PLAIN);
	stays("{\"a\":[{\"a\":[{\"a\":[{\"a\":[1]}]}]}]}", TR_JSON_COMPAT);
	refused("[[[[[[[[[]]]]]]]]]", TR_JSON_PLAIN, "nested too deeply");
	refused("[[[[[[[[{}]]]]]]]]", TR_JSON_COMPAT, "nested too deeply");
	refused("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":[]}}}}}}}}", TR_JSON_PLAIN, "nested too deeply");
	assert_int_equal(tr_json_check(text("1"), 0, NULL), 0);
	assert_int_equal(tr_json_check(text("[]"), 0, NULL), TROUPE_EBADVALUE);
}

TEST(json_cut_short_anywhere_is_refused)
{
	const char *json = "{\"a\":[1.5,\"\\ud83d\\ude00\",true,{\"b\":null}],\"c\":[\"$Set\",[1]]}";
	size_t size = strlen(json);

	for (size_t cut = 0; cut < size; cut++) {
		char *exact = malloc(cut + !cut); /* so that a sanitizer sees any byte read beyond */
		struct tr_bytes out = { 0 };

		memcpy(exact, json, cut);
		assert_int_equal(tr_json_decode(&out, (struct troupe_text){ exact, cut }, TR_JSON_COMPAT, DEPTH, NULL),
		                 TROUPE_EBADVALUE);
		assert_int_equal(tr_json_check((struct troupe_text){ exact, cut }, DEPTH, NULL), TROUPE_EBADVALUE);
		tr_bytes_free(&out);
		free(exact);
	}
}

TEST(json_that_does_not_fit_is_an_error_of_its_own)
{
	struct tr_bytes out = { .max = 15 };
	const char *why;

	tr_put_int(&out, 1);
	assert_int_equal(tr_json_decode(&out, text("[\"0123456789\",\"0123456789\"]"), TR_JSON_PLAIN, DEPTH, &why),
	                 TROUPE_ENOMEM);
	assert_int_equal(out.size, 1);
	tr_bytes_clear(&out);
	assert_int_equal(tr_json_decode(&out, text("[\"$Uint8Array\",\"AQID\"]"), TR_JSON_COMPAT, DEPTH, &why),
	                 TROUPE_ENOMEM);
	tr_bytes_free(&out);
}

TEST(json_check_wants_exactly_one_text)
{
	assert_int_equal(tr_json_check(text("{\"a\": [1, 2]}"), 2, NULL), 0);
	assert_int_equal(tr_json_check(text(" 1"), 2, NULL), TROUPE_EBADVALUE);
	assert_int_equal(tr_json_check(text("1 "), 2, NULL), TROUPE_EBADVALUE);
	assert_int_equal(tr_json_check(text("[1] "), 2, NULL), TROUPE_EBADVALUE);
	assert_int_equal(tr_json_check(text(""), 2, NULL), TROUPE_EBADVALUE);
}

TEST(json_keeps_the_last_of_duplicate_names)
{
	struct tr_bytes b = { 0 };
	struct troupe_value member;
	int64_t n;

	decode(&b, "{\"a\":1,\"b\":2,\"\\u0061\":3}", TR_JSON_PLAIN);
	assert_true(tr_value_member(tr_bytes_value(&b), "a", &member));
	assert_true(tr_value_integer(member, &n) && n == 3);
	tr_bytes_free(&b);
}

TEST(json_arrays_and_objects_may_be_large)
{
	struct tr_bytes json = { 0 }, b = { 0 };
	struct troupe_value element;
	int64_t n;

	tr_bytes_put_text(&json, "[[0");
	for (int i = 1; i < 70000; i++)
		tr_bytes_printf(&json, ",%d", i);
	tr_bytes_put_text(&json, "],{\"k0\":0");
	for (int i = 1; i < 20; i++)
		tr_bytes_printf(&json, ",\"k%d\":%d", i, i);
	tr_bytes_put_text(&json, "}]");
	decode(&b, tr_bytes_text(&json), TR_JSON_COMPAT);
	assert_true(tr_value_element(tr_bytes_value(&b), 0, &element));
	assert_true(tr_value_element(element, 69999, &element));
	assert_true(tr_value_integer(element, &n) && n == 69999);
	assert_true(tr_value_element(tr_bytes_value(&b), 1, &element));
	assert_true(tr_value_member(element, "k19", &element));
	assert_true(tr_value_integer(element, &n) && n == 19);
	encodes(&b, TR_JSON_COMPAT, tr_bytes_text(&json));
	tr_bytes_free(&json);
	tr_bytes_free(&b);
}

/* ---- the "$" forms */

TEST(json_forms_are_revived_at_every_depth)
{
	struct tr_bytes got = { 0 }, want = { 0 };
	size_t start;

	decode(&got, "{\"a\":[[\"$BigInt\",\"-12\"],[\"$Uint8Array\",\"AQL/\"]],\"b\":[\"$Set\",[[\"$Undefined\",0]]]}",
	       TR_JSON_COMPAT);
	tr_put_map(&want, 2);
	tr_put_text(&want, "a");
	tr_put_array(&want, 2);
	tr_put_bigint(&want, "-12", 3);
	tr_put_bin(&want, "\1\2\xff", 3);
	tr_put_text(&want, "b");
	start = want.size;
	tr_put_array(&want, 1);
	tr_put_undefined(&want);
	tr_put_wrap(&want, start, TR_SET);
	js_same("forms", &got, &want);
	tr_bytes_free(&got);
	tr_bytes_free(&want);
}

TEST(json_forms_come_back_as_they_were)
{
	stays("[\"$BigInt\",\"123456789012345678901234567890\"]", TR_JSON_COMPAT);
	stays("[\"$Uint8Array\",\"\"]", TR_JSON_COMPAT);
	stays("[\"$Undefined\",0]", TR_JSON_COMPAT);
	stays("{\"a\":[\"$Undefined\",0],\"b\":[\"$Set\",[]]}", TR_JSON_COMPAT);
	stays("[\"$$x\",[\"$$$y\",[\"$Set\",[[\"$$z\",1],2]]]]", TR_JSON_COMPAT);
	becomes("[\"$ArrayBuffer\",\"AQI\"]", TR_JSON_COMPAT, "[\"$Uint8Array\",\"AQI=\"]");
	becomes("[\"$BigInt\",5]", TR_JSON_COMPAT, "[\"$BigInt\",\"5\"]");
	becomes("[\"$BigInt\",-0]", TR_JSON_COMPAT, "[\"$BigInt\",\"0\"]");
	becomes("[\"$BigInt\",1e21]", TR_JSON_COMPAT, "[\"$BigInt\",\"1000000000000000000000\"]");
	becomes("[\"$BigInt\",\"-007\"]", TR_JSON_COMPAT, "[\"$BigInt\",\"-7\"]");
	becomes("[\"\\u0024Undefined\",0]", TR_JSON_COMPAT, "[\"$Undefined\",0]");
}

TEST(json_forms_are_only_pairs_that_start_with_a_dollar_string)
{
	static const char *const same[] = {
		"[\"$x\"]", "[\"$x\",1,2]", "[1,\"$x\"]", "\"$x\"", "{\"$x\":1}", "[[\"$x\"],1]", "[\"x$\",1]", "[\"\",1]",
	};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		stays(same[i], TR_JSON_COMPAT);
		stays(same[i], TR_JSON_PLAIN);
	}
	stays("[\"$x\",1]", TR_JSON_PLAIN);
	stays("[\"$BigInt\",\"5\"]", TR_JSON_PLAIN);
}

/* The official decoder maps over a Set's elements; the array that holds them it does not look at. */
TEST(json_set_elements_are_no_form_themselves)
{
	struct tr_bytes b = { 0 };

	stays("[\"$Set\",[\"$x\",1]]", TR_JSON_COMPAT);
	stays("[\"$Set\",[\"$BigInt\",\"5\"]]", TR_JSON_COMPAT);
	stays("[\"$Set\",[\"$Set\",[\"$BigInt\",\"5\"]]]", TR_JSON_COMPAT);
	decode(&b, "[\"$Set\",[\"$Set\",[\"$BigInt\",\"5\"]]]", TR_JSON_COMPAT);
	encodes(&b, TR_JSON_PLAIN, "[\"$Set\",5]");
	tr_bytes_free(&b);
	refused("[\"$Set\",[\"$x\",1],2]", TR_JSON_COMPAT, "an array of two starts with an unknown \"$\" name");
	becomes("[\"$Set\",[\"$BigInt\",\"05\"],2]", TR_JSON_COMPAT, "[\"$Set\",[\"$BigInt\",\"5\"],2]");
	stays("[\"$Set\",[\"$Set\",[\"$x\",6]],2]", TR_JSON_COMPAT); /* here the inner one is the Set */
	stays("[\"$Set\",[\"$Set\",[\"$Set\",6]],2]", TR_JSON_COMPAT);
	refused("[\"$Set\",[\"$Set\",[\"$Set\",6]]]", TR_JSON_COMPAT, "a $Set is not an array");
	refused("[\"$Set\",[\"$Set\",[\"$x\",6]]]", TR_JSON_COMPAT, "an array of two starts with an unknown \"$\" name");
	becomes("[\"$$Set\",[\"$BigInt\",\"05\"]]", TR_JSON_COMPAT, "[\"$$Set\",[\"$BigInt\",\"5\"]]");
}

TEST(json_forms_that_are_wrong_are_refused)
{
	refused("[\"$x\",1]", TR_JSON_COMPAT, "an array of two starts with an unknown \"$\" name");
	refused("[\"$\",1]", TR_JSON_COMPAT, "an array of two starts with an unknown \"$\" name");
	refused("[[{\"a\":[\"$Map\",[]]}]]", TR_JSON_COMPAT, "an array of two starts with an unknown \"$\" name");
	refused("[\"$BigInt\",\"5x\"]", TR_JSON_COMPAT, "a $BigInt is not a whole number, or too large");
	refused("[\"$BigInt\",1.5]", TR_JSON_COMPAT, "a $BigInt is not a whole number, or too large");
	refused("[\"$BigInt\",1e999]", TR_JSON_COMPAT, "a $BigInt is not a whole number, or too large");
	refused("[\"$BigInt\",[]]", TR_JSON_COMPAT, "a $BigInt is not a whole number, or too large");
	refused("[\"$Uint8Array\",\"A\"]", TR_JSON_COMPAT, "a $Uint8Array is not base64");
	refused("[\"$Uint8Array\",1]", TR_JSON_COMPAT, "a $Uint8Array is not base64");
	refused("[\"$ArrayBuffer\",\"*\"]", TR_JSON_COMPAT, "an $ArrayBuffer is not base64");
	refused("[\"$Set\",1]", TR_JSON_COMPAT, "a $Set is not an array");
	refused("[\"$Set\",{}]", TR_JSON_COMPAT, "a $Set is not an array");
}

TEST(json_dollar_is_taken_off_strings_of_any_size)
{
	static const size_t sizes[] = { 2, 31, 32, 33, 255, 256, 257, 65535, 65536 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct tr_bytes json = { 0 }, got = { 0 }, want = { 0 };
		char *name = malloc(sizes[i]);

		memset(name, 'n', sizes[i]);
		name[0] = name[1] = '$';
		tr_bytes_put_text(&json, "[\"");
		tr_bytes_put(&json, name, sizes[i]);
		tr_bytes_put_text(&json, "\",{\"a\":\"b\"}]");
		decode(&got, tr_bytes_text(&json), TR_JSON_COMPAT);
		tr_put_array(&want, 2);
		tr_put_str(&want, name + 1, sizes[i] - 1);
		tr_put_map(&want, 1);
		tr_put_text(&want, "a");
		tr_put_text(&want, "b");
		js_same("escaped name", &got, &want);
		encodes(&got, TR_JSON_COMPAT, tr_bytes_text(&json));
		free(name);
		tr_bytes_free(&json);
		tr_bytes_free(&got);
		tr_bytes_free(&want);
	}
}

/* ---- encoding */

TEST(json_encodes_strings_as_javascript_does)
{
	struct tr_bytes b = { 0 };

	tr_put_str(&b, "\"\\/\b\f\n\r\t\0\x01\x1f\x7fh\xc3\xa9\xe2\x80\xa8", 18);
	encodes(&b, TR_JSON_PLAIN, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u0001\\u001f\x7fh\xc3\xa9\xe2\x80\xa8\"");
	tr_bytes_free(&b);
}

TEST(json_replaces_what_is_not_utf8)
{
	struct tr_bytes b = { 0 };

	tr_bytes_put_text(&b, "x");
	tr_json_put_string(&b, (struct troupe_text){ "a\"\xff" "b\xed\xa0\x80\xc3", 8 });
	assert_string_equal(tr_bytes_text(&b), "x\"a\\\"\xef\xbf\xbd" "b"
	                                       "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	tr_bytes_free(&b);
}

static void put_all_kinds(struct tr_bytes *b)
{
	size_t start;

	tr_put_map(b, 9);
	tr_put_text(b, "undefined");
	tr_put_undefined(b);
	tr_put_text(b, "bigint");
	tr_put_bigint(b, "-99", 3);
	tr_put_text(b, "bytes");
	tr_put_bin(b, "\1\2\xff", 3);
	tr_put_text(b, "date");
	tr_put_date(b, 1700000000123.0);
	tr_put_text(b, "set");
	start = b->size;
	tr_put_array(b, 2);
	tr_put_text(b, "$x");
	tr_put_undefined(b);
	tr_put_wrap(b, start, TR_SET);
	tr_put_text(b, "map");
	start = b->size;
	tr_put_array(b, 4);
	tr_put_text(b, "$k");
	tr_put_int(b, 1);
	tr_put_int(b, 2);
	tr_put_text(b, "v");
	tr_put_wrap(b, start, TR_JSMAP);
	tr_put_text(b, "typed");
	tr_put_typed(b, 77, "\xff\xff\2\0", 4);
	tr_put_text(b, "big");
	tr_put_typed(b, 75, "\xff\xff\xff\xff\xff\xff\xff\xfe", 8);
	tr_put_text(b, "pair");
	tr_put_array(b, 2);
	tr_put_text(b, "$p");
	tr_put_float(b, (double)NAN);
}

TEST(json_encodes_every_kind_in_compat)
{
	struct tr_bytes b = { 0 };

	put_all_kinds(&b);
	encodes(&b, TR_JSON_COMPAT,
	        "{\"undefined\":[\"$Undefined\",0],\"bigint\":[\"$BigInt\",\"-99\"],\"bytes\":[\"$Uint8Array\",\"AQL/\"],"
	        "\"date\":\"2023-11-14T22:13:20.123Z\",\"set\":[\"$Set\",[\"$x\",[\"$Undefined\",0]]],"
	        "\"map\":[[\"$$k\",1],[2,\"v\"]],\"typed\":[-1,2],\"big\":[[\"$BigInt\",\"-2\"]],\"pair\":[\"$$p\",null]}");
	tr_bytes_free(&b);
}

TEST(json_encodes_every_kind_plainly)
{
	struct tr_bytes b = { 0 };

	put_all_kinds(&b);
	encodes(&b, TR_JSON_PLAIN,
	        "{\"bigint\":-99,\"bytes\":\"AQL/\",\"date\":\"2023-11-14T22:13:20.123Z\",\"set\":[\"$x\",null],"
	        "\"map\":[[\"$k\",1],[2,\"v\"]],\"typed\":[-1,2],\"big\":[-2],\"pair\":[\"$p\",null]}");
	tr_bytes_free(&b);
}

TEST(json_encodes_typed_arrays_of_every_type)
{
	static const struct { uint8_t tag; const char *bytes; size_t size; const char *want; } cases[] = {
		{ 64, "\1\xff", 2, "[1,255]" }, { 68, "\xff", 1, "[255]" }, { 72, "\xff", 1, "[-1]" },
		{ 65, "\1\2", 2, "[258]" }, { 69, "\1\2", 2, "[513]" }, { 73, "\xff\xfe", 2, "[-2]" },
		{ 66, "\xff\xff\xff\xff", 4, "[4294967295]" }, { 78, "\xff\xff\xff\xff", 4, "[-1]" },
		{ 71, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "[18446744073709551615]" },
		{ 79, "\0\0\0\0\0\0\0\x80", 8, "[-9223372036854775808]" },
		{ 84, "\0\x3e", 2, "[1.5]" }, { 80, "\x7c\0", 2, "[null]" }, { 84, "\1\0", 2, "[5.960464477539063e-8]" },
		{ 85, "\0\0\xc0\x3f", 4, "[1.5]" }, { 81, "\x3f\xc0\0\0", 4, "[1.5]" },
		{ 86, "\x9a\x99\x99\x99\x99\x99\xb9\x3f", 8, "[0.1]" }, { 82, "\xbf\xf0\0\0\0\0\0\0", 8, "[-1]" },
		{ 64, "", 0, "[]" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tr_bytes b = { 0 };

		tr_put_typed(&b, cases[i].tag, cases[i].bytes, cases[i].size);
		encodes(&b, TR_JSON_PLAIN, cases[i].want);
		tr_bytes_free(&b);
	}
}

TEST(json_encodes_the_invalid_date_as_null)
{
	struct tr_bytes b = { 0 };

	tr_put_date(&b, (double)NAN);
	encodes(&b, TR_JSON_COMPAT, "null");
	tr_bytes_free(&b);
}

static void not_encoded(const char *packed, size_t size)
{
	struct tr_bytes out = { 0 };

	tr_bytes_put_text(&out, "x");
	assert_int_equal(tr_json_encode(&out, (struct troupe_value){ packed, size }, TR_JSON_COMPAT), TROUPE_EBADVALUE);
	assert_int_equal(out.size, 1);
	tr_bytes_free(&out);
}

TEST(json_does_not_encode_what_is_no_packed_value)
{
	not_encoded("", 0);
	not_encoded("\x01\x01", 2);
	not_encoded("\x92\x01", 2);
	not_encoded("\x81\x01\x01", 3);             /* a key that is no string */
	not_encoded("\xd5\x05\x91\x01", 4);         /* a Map with half a pair */
	not_encoded("\xd5\x04\x90\x01", 4);         /* a Set with something behind */
	not_encoded("\xd4\x04\x80", 3);             /* a Set of pairs */
	not_encoded("\x81\xa1k\xc1", 4);
	not_encoded("\x91\x92\x01", 3);
	not_encoded("\xd5\x04\x91\xc1", 4);
	not_encoded("\xc7\x03\x05\x92\x01\xc1", 6);
	not_encoded("\xc7\x03\x05\x92\xc1\x01", 6);
	not_encoded("\xc1", 1);
}

TEST(json_encodes_deeper_than_any_decoder_reads)
{
	struct tr_bytes b = { 0 }, out = { 0 };

	for (int i = 0; i < 200; i++) {
		tr_put_array(&b, 1);
		tr_put_map(&b, 1);
		tr_put_text(&b, "a");
	}
	tr_put_nil(&b);
	assert_int_equal(tr_json_encode(&out, tr_bytes_value(&b), TR_JSON_PLAIN), 0);
	assert_int_equal(tr_json_check((struct troupe_text){ (const char *)out.data, out.size }, 400, NULL), 0);
	tr_bytes_free(&b);
	tr_bytes_free(&out);
}

TEST(json_does_not_encode_without_end)
{
	struct tr_bytes b = { 0 }, out = { 0 };

	for (int i = 0; i < 1000000; i++)
		tr_put_array(&b, 1);
	tr_put_nil(&b);
	assert_int_equal(tr_json_encode(&out, tr_bytes_value(&b), TR_JSON_PLAIN), TROUPE_EBADVALUE);
	tr_bytes_free(&b);
	tr_bytes_free(&out);
}

TEST(json_that_finds_no_room_is_not_encoded)
{
	struct tr_bytes b = { 0 }, out = { .max = 5 };

	tr_put_text(&b, "0123456789");
	assert_int_equal(tr_json_encode(&out, tr_bytes_value(&b), TR_JSON_PLAIN), TROUPE_ENOMEM);
	assert_int_equal(out.size, 0);
	tr_bytes_free(&b);
	tr_bytes_free(&out);
}

/* ---- recordings and oracles */

TEST(json_reads_what_the_official_client_sends)
{
	json_t *file = js_load("proto/vectors/values-client-to-server.json"), *vector;
	size_t i;

	json_array_foreach(json_object_get(file, "vectors"), i, vector) {
		const char *body = json_string_value(json_object_get(json_object_get(vector, "json"), "body_text"));
		bool buffer = json_object_get(json_object_get(vector, "js"), "$arraybuffer");

		becomes(body, TR_JSON_COMPAT, buffer ? "{\"args\":[[\"$Uint8Array\",\"CQg=\"]]}" : body);
	}
	assert_true(i > 40);
	json_decref(file);
}

TEST(json_means_what_it_means_to_the_official_client)
{
	json_t *file = js_load("proto/vectors/values-server-to-client.json"), *vector;
	size_t i;

	json_array_foreach(json_object_get(file, "json"), i, vector) {
		const char *json = json_string_value(json_object_get(vector, "json_text"));
		struct tr_bytes got = { 0 }, want = { 0 };
		int err = tr_json_decode(&got, text(json), TR_JSON_COMPAT, DEPTH, NULL);

		assert_int_equal(err != 0, json_object_get(vector, "rejected") != NULL);
		if (!err) {
			js_put(&want, json_object_get(vector, "js"));
			js_same(json, &got, &want);
		}
		tr_bytes_free(&got);
		tr_bytes_free(&want);
	}
	assert_true(i > 15);
	json_decref(file);
}

static unsigned random_number(unsigned *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static json_t *random_document(unsigned *seed, unsigned depth)
{
	static const char *const texts[] = { "", "a", "$x", "$Set", "\n\"\\", "h\xc3\xa9", "\xf0\x9f\x98\x80",
	                                     "a longer text without anything special in it", "\x01 and \x7f" };
	unsigned size = random_number(seed) % 6;
	json_t *v;

	switch (random_number(seed) % (depth ? 8 : 6)) {
	case 0: return json_null();
	case 1: return json_boolean(size & 1);
	case 2: return json_integer((json_int_t)random_number(seed) - 8000000);
	case 3: return json_real((random_number(seed) - 8e6) / (1 + random_number(seed) % 1000));
	case 4:
	case 5: return json_string(texts[random_number(seed) % 9]);
	case 6:
		v = json_array();
		while (size--)
			json_array_append_new(v, random_document(seed, depth - 1));
		return v;
	default:
		v = json_object();
		while (size--)
			json_object_set_new(v, texts[random_number(seed) % 9], random_document(seed, depth - 1));
		return v;
	}
}

/* jansson knows no difference of 1.0 and 1, JavaScript none of them at all. */
static bool equal(json_t *a, json_t *b)
{
	const char *name;
	json_t *v;
	size_t i;

	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b);
	if (json_typeof(a) != json_typeof(b) || json_array_size(a) != json_array_size(b) ||
	    json_object_size(a) != json_object_size(b))
		return false;
	json_array_foreach(a, i, v)
		if (!equal(v, json_array_get(b, i)))
			return false;
	json_object_foreach(a, name, v)
		if (!json_object_get(b, name) || !equal(v, json_object_get(b, name)))
			return false;
	return json_is_array(a) || json_is_object(a) || json_equal(a, b);
}

TEST(json_keeps_what_jansson_reads_in_it)
{
	static const size_t styles[] = { JSON_COMPACT, JSON_INDENT(3), JSON_ENSURE_ASCII, JSON_ESCAPE_SLASH };

	for (unsigned seed = 1; seed <= 2000; seed++) {
		unsigned random = seed;
		json_t *want = random_document(&random, 5), *got;
		char *dump = json_dumps(want, JSON_ENCODE_ANY | styles[seed % 4]);
		struct tr_bytes packed = { 0 }, out = { 0 };

		decode(&packed, dump, TR_JSON_PLAIN);
		assert_int_equal(tr_json_encode(&out, tr_bytes_value(&packed), TR_JSON_PLAIN), 0);
		got = json_loadb((const char *)out.data, out.size, JSON_DECODE_ANY, NULL);
		assert_non_null(got);
		if (!equal(want, got))
			fail_msg("%s became %s", dump, tr_bytes_text(&out));
		json_decref(want);
		json_decref(got);
		free(dump);
		tr_bytes_free(&packed);
		tr_bytes_free(&out);
	}
}

TESTS(RUN(json_decodes_into_the_values_it_says), RUN(json_decodes_numbers_as_javascript_does),
      RUN(json_decodes_strings_with_every_escape), RUN(json_decodes_u0000_into_a_byte),
      RUN(json_refuses_what_is_not_json), RUN(json_refuses_a_nul_byte),
      RUN(json_is_nested_as_deep_as_allowed_and_no_deeper), RUN(json_cut_short_anywhere_is_refused),
      RUN(json_that_does_not_fit_is_an_error_of_its_own), RUN(json_check_wants_exactly_one_text),
      RUN(json_keeps_the_last_of_duplicate_names), RUN(json_arrays_and_objects_may_be_large),
      RUN(json_forms_are_revived_at_every_depth), RUN(json_forms_come_back_as_they_were),
      RUN(json_forms_are_only_pairs_that_start_with_a_dollar_string),
      RUN(json_set_elements_are_no_form_themselves), RUN(json_forms_that_are_wrong_are_refused),
      RUN(json_dollar_is_taken_off_strings_of_any_size), RUN(json_encodes_strings_as_javascript_does),
      RUN(json_replaces_what_is_not_utf8), RUN(json_encodes_every_kind_in_compat),
      RUN(json_encodes_every_kind_plainly), RUN(json_encodes_typed_arrays_of_every_type),
      RUN(json_encodes_the_invalid_date_as_null), RUN(json_does_not_encode_what_is_no_packed_value),
      RUN(json_encodes_deeper_than_any_decoder_reads), RUN(json_does_not_encode_without_end),
      RUN(json_that_finds_no_room_is_not_encoded), RUN(json_reads_what_the_official_client_sends),
      RUN(json_means_what_it_means_to_the_official_client), RUN(json_keeps_what_jansson_reads_in_it))
