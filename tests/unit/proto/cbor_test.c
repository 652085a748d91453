/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR to packed values: what the official client sends, and what nobody should. (Back: cbor_encode_test.c.) */
#include "tests/kit/test.h"

#include <math.h>

#include "proto/cbor.h"
#include "proto/json.h"
#include "proto/troupe_errors.h"
#include "tests/unit/proto/js.h"

#define DEPTH 8

/* The value's JSON, COMPAT, says what was read: BigInt, undefined and so on have forms there. */
static void reads_as(const char *hex, enum tr_cbor_mode mode, const char *want)
{
	struct tr_bytes cbor = { 0 }, packed = { 0 }, json = { 0 };
	const char *why = "";

	js_hex(&cbor, hex);
	if (tr_cbor_decode(&packed, cbor.data, cbor.size, mode, DEPTH, &why))
		fail_msg("%s is refused: %s", hex, why);
	assert_int_equal(tr_value_check(tr_bytes_value(&packed), DEPTH), 0);
	assert_int_equal(tr_json_encode(&json, tr_bytes_value(&packed), TR_JSON_COMPAT), 0);
	assert_string_equal(tr_bytes_text(&json), want);
	tr_bytes_free(&cbor);
	tr_bytes_free(&packed);
	tr_bytes_free(&json);
}

static void reads(const char *hex, const char *want)
{
	reads_as(hex, TR_CBOR_COMPAT, want);
}

static void refused(const char *hex, const char *reason)
{
	struct tr_bytes cbor = { 0 }, out = { 0 };
	const char *why = NULL;
	uint8_t *exact;

	js_hex(&cbor, hex);
	exact = malloc(cbor.size + !cbor.size); /* so that a sanitizer sees any byte read beyond */
	if (cbor.size)
		memcpy(exact, cbor.data, cbor.size);
	tr_put_text(&out, "before");
	if (tr_cbor_decode(&out, exact, cbor.size, TR_CBOR_COMPAT, DEPTH, &why) != TROUPE_EBADVALUE)
		fail_msg("%s is not refused", hex);
	assert_string_equal(why, reason);
	assert_int_equal(out.size, 7); /* nothing was added */
	assert_true(out.room <= 256);  /* and nothing prepared for what is claimed */
	free(exact);
	tr_bytes_free(&cbor);
	tr_bytes_free(&out);
}

TEST(cbor_decodes_numbers_as_javascript_does)
{
	reads("00", "0");
	reads("17", "23");
	reads("1818", "24");
	reads("1800", "0"); /* not the shortest form */
	reads("1affffffff", "4294967295");
	reads("20", "-1");
	reads("3affffffff", "-4294967296");
	reads("1b0000000000000005", "[\"$BigInt\",\"5\"]");
	reads("3b0000000000000004", "[\"$BigInt\",\"-5\"]");
	reads("1bffffffffffffffff", "[\"$BigInt\",\"18446744073709551615\"]");
	reads("3bffffffffffffffff", "[\"$BigInt\",\"-18446744073709551616\"]");
	reads("f93e00", "1.5");
	reads("f90001", "5.960464477539063e-8");
	reads("f9fbff", "-65504");
	reads("fa3fc00000", "1.5");
	reads("fb3fb999999999999a", "0.1");
	reads("fb4278bcfe5687b000", "1700000000123");
	reads("f97c00", "null"); /* JSON has no infinity */
}

TEST(cbor_keeps_infinity_nan_and_minus_zero)
{
	static const struct { const char *hex; double v; } cases[] = {
		{ "f97c00", (double)INFINITY }, { "faff800000", -(double)INFINITY }, { "f98000", -0.0 },
		{ "f97e00", (double)NAN }, { "fbfff8000000000001", (double)NAN },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tr_bytes cbor = { 0 }, got = { 0 }, want = { 0 };

		js_hex(&cbor, cases[i].hex);
		assert_int_equal(tr_cbor_decode(&got, cbor.data, cbor.size, TR_CBOR_NATIVE, 0, NULL), 0);
		tr_put_float(&want, cases[i].v);
		js_same(cases[i].hex, &got, &want);
		tr_bytes_free(&cbor);
		tr_bytes_free(&got);
		tr_bytes_free(&want);
	}
}

TEST(cbor_decodes_the_other_scalars)
{
	reads("f4", "false");
	reads("f5", "true");
	reads("f6", "null");
	reads("f7", "[\"$Undefined\",0]");
	reads("60", "\"\"");
	reads("780161", "\"a\"");
	reads("7b000000000000000161", "\"a\"");
	reads("40", "[\"$Uint8Array\",\"\"]");
	reads("43010203", "[\"$Uint8Array\",\"AQID\"]");
}

TEST(cbor_decodes_containers_of_any_head)
{
	reads("80", "[]");
	reads("820182f6f5", "[1,[null,true]]");
	reads("9f01829f03ff04ff", "[1,[[3],4]]");
	reads("a0", "{}");
	reads("b90000", "{}");
	reads("b900026161016162b9000161638102", "{\"a\":1,\"b\":{\"c\":[2]}}");
	reads("ba00000001616101", "{\"a\":1}");
	reads("bf616101616202ff", "{\"a\":1,\"b\":2}");
	reads("9b000000000000000101", "[1]");
}

TEST(cbor_decodes_large_containers)
{
	struct tr_bytes cbor = { 0 }, got = { 0 }, want = { 0 };

	tr_cbor_put_head(&cbor, 4, 70000);
	tr_put_array(&want, 70000);
	for (int i = 0; i < 70000; i++) {
		tr_cbor_put_head(&cbor, 0, (uint64_t)i);
		tr_put_int(&want, i);
	}
	assert_int_equal(tr_cbor_decode(&got, cbor.data, cbor.size, TR_CBOR_COMPAT, 1, NULL), 0);
	js_same("70000", &got, &want);
	tr_bytes_free(&cbor);
	tr_bytes_free(&got);
	tr_bytes_free(&want);
}

TEST(cbor_keys_are_text_or_integers_that_become_text)
{
	reads("a1616101", "{\"a\":1}");
	reads("a10102", "{\"1\":2}");
	reads("a12002", "{\"-1\":2}");
	reads("a11bffffffffffffffff02", "{\"18446744073709551615\":2}");
	reads("a13bffffffffffffffff02", "{\"-18446744073709551616\":2}");
	refused("a1f602", "a map's key is neither text nor an integer");
	refused("a1416102", "a map's key is neither text nor an integer");
	refused("a1f93e0002", "a map's key is neither text nor an integer");
	refused("a18002", "a map's key is neither text nor an integer");
	refused("a11f02", "a map's key is neither text nor an integer");
	refused("bf6161ff", "a break where a value belongs"); /* half a pair */
}

/* cbor-x writes a lone surrogate of a short string as if it were a character. */
TEST(cbor_text_that_is_not_utf8_is_mended)
{
	reads("61ff", "\"\xef\xbf\xbd\"");
	reads("6561eda08062", "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" "b\"");
	reads("a161ff01", "{\"\xef\xbf\xbd\":1}");
}

TEST(cbor_decodes_tags_that_javascript_has_types_for)
{
	reads("c074323031332d30332d32315432303a30343a30305a", "\"2013-03-21T20:04:00.000Z\"");
	reads("c11a00000000", "\"1970-01-01T00:00:00.000Z\"");
	reads("c1fb41d954fc4007df3b", "\"2023-11-14T22:13:20.123Z\"");
	reads("c120", "\"1969-12-31T23:59:59.000Z\"");
	reads("c1f93800", "\"1970-01-01T00:00:00.500Z\"");
	reads("c11b00000000000003e8", "\"1970-01-01T00:16:40.000Z\"");
	reads("c1f97e00", "null"); /* the invalid date */
	reads("c1fb7e37e43c8800759c", "null");
	reads("c249010000000000000000", "[\"$BigInt\",\"18446744073709551616\"]");
	reads("c34101", "[\"$BigInt\",\"-2\"]");
	reads("c240", "[\"$BigInt\",\"0\"]");
	reads("c340", "[\"$BigInt\",\"-1\"]");
	reads("c243000001", "[\"$BigInt\",\"1\"]");
	reads("d84043010203", "[\"$Uint8Array\",\"AQID\"]");
	reads("d8454401000200", "[1,2]");
	reads("d855440000c03f", "[1.5]");
	reads("d9010282016178", "[\"$Set\",[1,\"x\"]]");
	reads("d90103a1616101", "[[\"a\",1]]");
	reads("d9d9f782d9d9f70102", "[1,2]");
}

TEST(cbor_refuses_tags_in_the_wrong_place)
{
	refused("c001", "a date of tag 0 is not text");
	refused("c06161", "a date is not written as ISO 8601 wants it");
	refused("c07f6161ff", "a string of indefinite length");
	refused("c16161", "a date of tag 1 is not a number");
	refused("c1f5", "a date of tag 1 is not a number");
	refused("c11f", "a date of tag 1 is not a number");
	refused("c1c100", "a date of tag 1 is not a number");
	refused("c201", "a big integer is not a byte string");
	refused("c26101", "a big integer is not a byte string");
	refused("c25f4101ff", "a string of indefinite length");
	refused("c2", "the bytes end too early");
	refused("c0", "the bytes end too early");
	refused("c1", "the bytes end too early");
	refused("d90102", "the bytes end too early");
	refused("d90103", "the bytes end too early");
	refused("d84501", "a typed array is not a byte string");
	refused("d84543010002", "a typed array of an unknown type, or with a part of an element");
	refused("d84c4101", "a typed array of an unknown type, or with a part of an element");
	refused("d8535000000000000000000000000000000000", "a typed array of an unknown type, or with a part of an element");
	refused("d90102a0", "a Set is not an array");
	refused("d9010380", "a Map is not a map");
	refused("d81b82656572726f7261", "an Error or RegExp cannot be sent");
	refused("d903e701", "a tag that has no meaning here");
	refused("c482010a", "a tag that has no meaning here");
	refused("dbffffffffffffffff01", "a tag that has no meaning here");
	refused("df01", "a tag of indefinite length");
	refused("d9d9f7", "the bytes end too early");
}

TEST(cbor_integers_have_a_largest_size)
{
	struct tr_bytes cbor = { 0 }, out = { 0 };
	const char *why = NULL;

	tr_cbor_put_head(&cbor, 6, 2);
	tr_cbor_put_head(&cbor, 2, 1024);
	for (int i = 0; i < 1024; i++)
		tr_bytes_put_byte(&cbor, 0xff);
	assert_int_equal(tr_cbor_decode(&out, cbor.data, cbor.size, TR_CBOR_NATIVE, 0, NULL), 0);
	assert_int_equal(tr_value_check(tr_bytes_value(&out), 0), 0);
	tr_bytes_clear(&cbor);
	tr_cbor_put_head(&cbor, 6, 3);
	tr_cbor_put_head(&cbor, 2, 1025);
	for (int i = 0; i < 1025; i++)
		tr_bytes_put_byte(&cbor, 0);
	assert_int_equal(tr_cbor_decode(&out, cbor.data, cbor.size, TR_CBOR_NATIVE, 0, &why), TROUPE_EBADVALUE);
	assert_string_equal(why, "an integer of more than 1,024 bytes");
	tr_bytes_free(&cbor);
	tr_bytes_free(&out);
}

TEST(cbor_refuses_what_javascript_does_not_have)
{
	refused("", "the bytes end too early");
	refused("1c", "a head has a reserved length");
	refused("3e", "a head has a reserved length");
	refused("1f", "an integer of indefinite length");
	refused("3f", "an integer of indefinite length");
	refused("7f6161ff", "a string of indefinite length");
	refused("5f4101ff", "a string of indefinite length");
	refused("f0", "a simple value that JavaScript does not have");
	refused("f818", "a simple value that JavaScript does not have");
	refused("ff", "a break where a value belongs");
	refused("81ff", "a break where a value belongs");
	refused("a16161ff", "a break where a value belongs");
	refused("0105", "something follows the item");
	refused("9f01", "the bytes end too early");
	refused("bf616101", "the bytes end too early");
	refused("1a0000", "the bytes end too early");
}

TEST(cbor_believes_no_claim)
{
	refused("9affffffff", "more elements are claimed than there are bytes");
	refused("9bffffffffffffffff01", "more elements are claimed than there are bytes");
	refused("baffffffff616101", "more elements are claimed than there are bytes");
	refused("bb7fffffffffffffff616101", "more elements are claimed than there are bytes");
	refused("a2616101", "more elements are claimed than there are bytes"); /* 3 bytes are no 2 pairs */
	refused("7affffffff61", "a string is longer than the bytes that are there");
	refused("5bffffffffffffffff61", "a string is longer than the bytes that are there");
	refused("c25affffffff01", "a string is longer than the bytes that are there");
	refused("d8459bffffffffffffffff", "a typed array is not a byte string");
	refused("d901029affffffff", "more elements are claimed than there are bytes");
	refused("d90103baffffffff", "more elements are claimed than there are bytes");
}

TEST(cbor_is_nested_as_deep_as_allowed_and_no_deeper)
{
	reads("8181818181818180", "[[[[[[[[]]]]]]]]");
	reads("a16161a16161a16161a16161a16161a16161a16161a0",
	      "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}");
	reads("81818181818181d9010281f6", "[[[[[[[[\"$Set\",[null]]]]]]]]]");
	reads("81818181818181d90103a1f6f6", "[[[[[[[[[null,null]]]]]]]]]");
	refused("a16161a16161a16161a16161a16161a16161a16161a16161a0", "nested too deeply");
	refused("81818181818181d901028180", "nested too deeply");
	refused("81818181818181d90103a180f6", "nested too deeply");
	refused("818181818181818180", "nested too deeply");
	refused("9f9f9f9f9f9f9f9f9fffffffffffffffffff", "nested too deeply");
	refused("8181818181818181a0", "nested too deeply");
	refused("8181818181818181d9010280", "nested too deeply");
	refused("8181818181818181d90103a0", "nested too deeply");
	refused("d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f701", "nested too deeply");
	reads("8181818181818181c11a00000000", "[[[[[[[[\"1970-01-01T00:00:00.000Z\"]]]]]]]]");
}

TEST(cbor_cut_short_anywhere_is_refused)
{
	struct tr_bytes cbor = { 0 };

	js_hex(&cbor, "b90004616e826724426967496e7461356175d84041ff6173d901028101616d"
	              "82d90103bf616b9f01ffffc1fb41d954fc4007df3b");
	for (size_t size = 0; size <= cbor.size; size++) {
		uint8_t *exact = malloc(size + !size);
		struct tr_bytes out = { 0 };
		int err;

		memcpy(exact, cbor.data, size);
		err = tr_cbor_decode(&out, exact, size, TR_CBOR_COMPAT, DEPTH, NULL);
		assert_int_equal(err, size < cbor.size ? TROUPE_EBADVALUE : 0);
		tr_bytes_free(&out);
		free(exact);
	}
	tr_bytes_free(&cbor);
}

TEST(cbor_prefix_says_how_much_it_took)
{
	struct tr_bytes out = { 0 };
	size_t used = 99;

	assert_int_equal(tr_cbor_decode_prefix(&out, "\x82\x01\x02\x03\x04", 5, &used, TR_CBOR_COMPAT, DEPTH, NULL), 0);
	assert_int_equal(used, 3);
	assert_int_equal(out.size, 3);
	assert_int_equal(tr_cbor_decode_prefix(&out, "\xff\x01", 2, &used, TR_CBOR_COMPAT, DEPTH, NULL), TROUPE_EBADVALUE);
	assert_int_equal(out.size, 3);
	tr_bytes_free(&out);
}

TEST(cbor_that_does_not_fit_is_an_error_of_its_own)
{
	struct tr_bytes out = { .max = 4 };

	assert_int_equal(tr_cbor_decode(&out, "\x65hello", 6, TR_CBOR_NATIVE, DEPTH, NULL), TROUPE_ENOMEM);
	assert_int_equal(out.size, 0);
	tr_bytes_free(&out);
}

TEST(cbor_forms_are_revived_in_compat_only)
{
	reads_as("826724426967496e746135", TR_CBOR_COMPAT, "[\"$BigInt\",\"5\"]");
	reads_as("826724426967496e746135", TR_CBOR_NATIVE, "[\"$$BigInt\",\"5\"]");
	reads_as("826324247801", TR_CBOR_COMPAT, "[\"$$x\",1]");
	reads_as("826324247801", TR_CBOR_NATIVE, "[\"$$$x\",1]");
	reads_as("a161619f6a24556e646566696e656400ff", TR_CBOR_COMPAT, "{\"a\":[\"$Undefined\",0]}");
	reads_as("8262247801", TR_CBOR_NATIVE, "[\"$$x\",1]");
	refused("8262247801", "an array of two starts with an unknown \"$\" name");
	refused("826724426967496e746178", "a $BigInt is not a whole number, or too large");
	reads_as("8362247801f6", TR_CBOR_COMPAT, "[\"$x\",1,null]");
}

TEST(cbor_set_elements_are_no_form_themselves)
{
	reads("826424536574826224780a", "[\"$Set\",[\"$x\",10]]");
	reads("9f64245365749f6224780affff", "[\"$Set\",[\"$x\",10]]");
	reads("8264245365748264245365748267" "24426967496e746135", "[\"$Set\",[\"$Set\",[\"$BigInt\",\"5\"]]]");
	reads("836424536574826424536574826224780af6", "[\"$Set\",[\"$Set\",[\"$x\",10]],null]");
	reads("9f6424536574d9d9f79fd9d9f7d9d9f7c11a00000000bf6161a0ffffff",
	      "[\"$Set\",[\"1970-01-01T00:00:00.000Z\",{\"a\":{}}]]");
	refused("9f6424536574826224780a", "the bytes end too early");
	reads("d90102826224780a", "[\"$Set\",[\"$x\",10]]");
	reads("d9010281826224780a", "[\"$Set\",[[\"$$x\",10]]]"); /* nothing in a native Set is revived */
	refused("836424536574826224780a01", "an array of two starts with an unknown \"$\" name");
	refused("9f6424536574826224780a01ff", "a \"$Set\" of indefinite length is not an array of two");
}

TEST(cbor_map_keys_of_any_kind_are_kept)
{
	reads("d90103a2616101026162", "[[\"a\",1],[2,\"b\"]]");
	reads("d90103bf61610182010261ffff", "[[\"a\",1],[[1,2],\"\xef\xbf\xbd\"]]");
	reads("d90103a1f6826724426967496e746135", "[[null,[\"$BigInt\",\"5\"]]]");
	reads("d90103a1826724426967496e746135f6", "[[[\"$BigInt\",\"5\"],null]]");
	reads("d90103a1622478f6", "[[\"$$x\",null]]");
}

/* ---- recordings */

/* The argument's CBOR out of a bare request: behind the version and the length. */
static void bare_payload(struct tr_bytes *b)
{
	size_t at = 2;

	while (b->data[at++] & 0x80)
		;
	memmove(b->data, b->data + at, b->size - at);
	b->size -= at;
}

static void client_sends(json_t *vector, bool bare)
{
	const char *name = json_string_value(json_object_get(vector, "name"));
	json_t *js = json_object_get(vector, "js"), *sent = json_object_get(vector, bare ? "bare" : "cbor");
	struct tr_bytes cbor = { 0 }, got = { 0 }, want = { 0 };
	bool refuse = json_object_get(js, "$regexp") || json_object_get(js, "$error");
	int err;

	js_hex(&cbor, json_string_value(json_object_get(sent, "body_hex")));
	if (bare)
		bare_payload(&cbor);
	err = tr_cbor_decode(&got, cbor.data, cbor.size, bare ? TR_CBOR_COMPAT : TR_CBOR_NATIVE, DEPTH, NULL);
	assert_int_equal(err, refuse ? TROUPE_EBADVALUE : 0);
	if (!bare) {
		tr_put_map(&want, 1);
		tr_put_text(&want, "args");
	}
	tr_put_array(&want, 1);
	if (json_object_get(js, "$float") && !strcmp(json_string_value(json_object_get(js, "$float")), "-0"))
		tr_put_int(&want, 0); /* the client loses the sign */
	else
		js_put(&want, js);
	if (!refuse)
		js_same(name, &got, &want);
	tr_bytes_free(&cbor);
	tr_bytes_free(&got);
	tr_bytes_free(&want);
}

TEST(cbor_reads_what_the_official_client_sends)
{
	json_t *file = js_load("proto/vectors/values-client-to-server.json"), *vector;
	size_t i;

	json_array_foreach(json_object_get(file, "vectors"), i, vector) {
		client_sends(vector, false);
		client_sends(vector, true);
	}
	assert_true(i > 40);
	json_decref(file);
}

TEST(cbor_means_what_it_means_to_the_official_client)
{
	json_t *file = js_load("proto/vectors/values-server-to-client.json"), *vector;
	size_t i;

	json_array_foreach(json_object_get(file, "cbor"), i, vector) {
		json_t *js = json_object_get(json_object_get(vector, "bare"), "js");
		struct tr_bytes cbor = { 0 }, got = { 0 }, want = { 0 };
		bool refuse = !js || json_object_get(js, "$unknown_tag");
		const char *hex = json_string_value(json_object_get(vector, "cbor_hex"));
		int err;

		js_hex(&cbor, hex);
		err = tr_cbor_decode(&got, cbor.data, cbor.size, TR_CBOR_COMPAT, DEPTH, NULL);
		assert_int_equal(err, refuse ? TROUPE_EBADVALUE : 0);
		if (!refuse && !strcmp(hex, "a2616101616102")) { /* both duplicates are kept; who looks gets the last */
			struct troupe_value member;

			assert_true(tr_value_member(tr_bytes_value(&got), "a", &member));
			assert_int_equal(*(const uint8_t *)member.data, 2);
		} else if (!refuse) {
			js_put(&want, js);
			js_same(hex, &got, &want);
		}
		tr_bytes_free(&cbor);
		tr_bytes_free(&got);
		tr_bytes_free(&want);
	}
	assert_true(i > 40);
	json_decref(file);
}

TESTS(RUN(cbor_decodes_numbers_as_javascript_does), RUN(cbor_keeps_infinity_nan_and_minus_zero),
      RUN(cbor_decodes_the_other_scalars), RUN(cbor_decodes_containers_of_any_head),
      RUN(cbor_decodes_large_containers), RUN(cbor_keys_are_text_or_integers_that_become_text),
      RUN(cbor_text_that_is_not_utf8_is_mended), RUN(cbor_decodes_tags_that_javascript_has_types_for),
      RUN(cbor_refuses_tags_in_the_wrong_place), RUN(cbor_integers_have_a_largest_size),
      RUN(cbor_refuses_what_javascript_does_not_have), RUN(cbor_believes_no_claim),
      RUN(cbor_is_nested_as_deep_as_allowed_and_no_deeper), RUN(cbor_cut_short_anywhere_is_refused),
      RUN(cbor_prefix_says_how_much_it_took), RUN(cbor_that_does_not_fit_is_an_error_of_its_own),
      RUN(cbor_forms_are_revived_in_compat_only), RUN(cbor_set_elements_are_no_form_themselves),
      RUN(cbor_map_keys_of_any_kind_are_kept), RUN(cbor_reads_what_the_official_client_sends),
      RUN(cbor_means_what_it_means_to_the_official_client))
