/* SPDX-License-Identifier: Apache-2.0 */
/* Packed values to CBOR, in the forms that every client takes. */
#include "tests/kit/test.h"

#include <math.h>

#include "proto/cbor.h"
#include "proto/troupe_errors.h"
#include "tests/unit/proto/js.h"

#define DEPTH 8

static void writes(const struct tr_bytes *packed, const char *hex)
{
	struct tr_bytes got = { 0 }, want = { 0 };

	js_hex(&want, hex);
	assert_int_equal(tr_cbor_encode(&got, tr_bytes_value(packed)), 0);
	js_same(hex, &got, &want);
	tr_bytes_free(&got);
	tr_bytes_free(&want);
}

TEST(cbor_encodes_integers_with_heads_of_32_bits_at_most)
{
	static const struct { int64_t n; const char *hex; } cases[] = {
		{ 0, "00" }, { 23, "17" }, { 24, "1818" }, { 255, "18ff" }, { 256, "190100" }, { 65536, "1a00010000" },
		{ 4294967295, "1affffffff" }, { 4294967296, "fb41f0000000000000" }, { 1700000000123, "fb4278bcfe5687b000" },
		{ -1, "20" }, { -24, "37" }, { -25, "3818" }, { -2147483648, "3a7fffffff" },
		{ -2147483649, "fbc1e0000000200000" }, { -4294967296, "fbc1f0000000000000" },
		{ -4294967297, "fbc1f0000000100000" }, { 9007199254740992, "fb4340000000000000" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tr_bytes b = { 0 };

		tr_put_int(&b, cases[i].n);
		writes(&b, cases[i].hex);
		tr_bytes_free(&b);
	}
}

TEST(cbor_encodes_what_every_client_understands)
{
	struct tr_bytes b = { 0 };
	size_t start;

	tr_put_map(&b, 6);
	tr_put_text(&b, "u");
	tr_put_undefined(&b);
	tr_put_text(&b, "n");
	tr_put_bigint(&b, "5", 1);
	tr_put_text(&b, "b");
	tr_put_bin(&b, "\1\2\xff", 3);
	tr_put_text(&b, "s");
	start = b.size;
	tr_put_array(&b, 2);
	tr_put_text(&b, "$x");
	tr_put_float(&b, 1.5);
	tr_put_wrap(&b, start, TR_SET);
	tr_put_text(&b, "m");
	start = b.size;
	tr_put_array(&b, 2);
	tr_put_int(&b, 1);
	tr_put_nil(&b);
	tr_put_wrap(&b, start, TR_JSMAP);
	tr_put_text(&b, "t");
	tr_put_typed(&b, 69, "\1\0", 2);
	writes(&b, "a6"
	           "6175826a24556e646566696e656400"
	           "616e826724426967496e746135"
	           "6162826b2455696e743841727261796441514c2f"
	           "617382642453657482622478fb3ff8000000000000"
	           "616dd90103a101f6"
	           "6174d845420100");
	tr_bytes_free(&b);
}

TEST(cbor_encodes_dates_in_seconds)
{
	static const struct { double ms; const char *hex; } cases[] = {
		{ 0, "c11a00000000" }, { 1700000000123, "c1fb41d954fc4007df3b" }, { 1700000000000, "c11a6553f100" },
		{ -1000, "c1fbbff0000000000000" }, { 4294967296000, "c1fb41f0000000000000" },
		{ (double)NAN, "c1fb7ff8000000000000" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tr_bytes b = { 0 };

		tr_put_date(&b, cases[i].ms);
		writes(&b, cases[i].hex);
		tr_bytes_free(&b);
	}
}

TEST(cbor_escapes_pairs_that_look_like_a_form)
{
	struct tr_bytes b = { 0 };

	tr_put_array(&b, 2);
	tr_put_text(&b, "$x");
	tr_put_array(&b, 2);
	tr_put_text(&b, "$");
	tr_put_array(&b, 3);
	tr_put_text(&b, "$y");
	tr_put_nil(&b);
	tr_put_nil(&b);
	writes(&b, "8263242478" "82622424" "83622479f6f6");
	tr_bytes_free(&b);
}

TEST(cbor_transcodes_kept_json)
{
	static const char first[] = "\"$\\u0061\"", second[] = "{ \"a\": [\"$x\", 1e1], \"b\":[\"$Undefined\",0] }";
	struct tr_bytes b = { 0 };

	tr_put_array(&b, 2);
	tr_put_json(&b, first, strlen(first));
	tr_put_json(&b, second, strlen(second));
	writes(&b, "8263242461" "a261618263242478" "0a" "6162826b2424556e646566696e656400");
	tr_bytes_free(&b);
}

TEST(cbor_transcodes_kept_json_as_deep_as_it_is_kept)
{
	struct tr_bytes json = { 0 }, b = { 0 }, out = { 0 };

	for (int i = 0; i < TR_JSON_KEPT_DEPTH; i++)
		tr_bytes_put_byte(&json, '[');
	for (int i = 0; i < TR_JSON_KEPT_DEPTH; i++)
		tr_bytes_put_byte(&json, ']');
	tr_put_json(&b, (const char *)json.data, json.size);
	assert_int_equal(tr_cbor_encode(&out, tr_bytes_value(&b)), 0);
	assert_int_equal(out.size, TR_JSON_KEPT_DEPTH);
	tr_bytes_clear(&json);
	tr_bytes_clear(&b);
	tr_bytes_clear(&out);
	for (int i = 0; i < 100000; i++)
		tr_bytes_put_byte(&json, '[');
	tr_put_json(&b, (const char *)json.data, json.size);
	assert_int_equal(tr_cbor_encode(&out, tr_bytes_value(&b)), TROUPE_EBADVALUE);
	assert_int_equal(out.size, 0);
	tr_bytes_free(&json);
	tr_bytes_free(&b);
	tr_bytes_free(&out);
}

static void not_encoded(const char *packed, size_t size)
{
	struct tr_bytes out = { 0 };

	tr_bytes_put_text(&out, "x");
	assert_int_equal(tr_cbor_encode(&out, (struct troupe_value){ packed, size }), TROUPE_EBADVALUE);
	assert_int_equal(out.size, 1);
	tr_bytes_free(&out);
}

TEST(cbor_does_not_encode_what_is_no_packed_value)
{
	struct tr_bytes b = { 0 };

	not_encoded("", 0);
	not_encoded("\x01\x01", 2);
	not_encoded("\x92\x01", 2);
	not_encoded("\x81\x01\x01", 3);
	not_encoded("\xd5\x05\x91\x01", 4);
	not_encoded("\xd5\x04\x90\x01", 4);
	not_encoded("\xd4\x04\x80", 3);
	not_encoded("\xd5\x07[1", 4);
	not_encoded("\x81\xa1k\xc1", 4);
	not_encoded("\x91\x92\x01", 3);
	not_encoded("\xd5\x04\x91\xc1", 4);
	not_encoded("\xc7\x03\x05\x92\x01\xc1", 6);
	not_encoded("\xc7\x03\x05\x92\xc1\x01", 6);
	for (int i = 0; i < 1000000; i++)
		tr_put_array(&b, 1);
	tr_put_nil(&b);
	not_encoded((const char *)b.data, b.size);
	tr_bytes_free(&b);
}

TEST(cbor_encodes_deeper_than_any_decoder_reads)
{
	struct tr_bytes b = { 0 }, out = { 0 }, back = { 0 };

	for (int i = 0; i < 200; i++) {
		tr_put_array(&b, 1);
		tr_put_map(&b, 1);
		tr_put_text(&b, "a");
	}
	tr_put_nil(&b);
	assert_int_equal(tr_cbor_encode(&out, tr_bytes_value(&b)), 0);
	assert_int_equal(tr_cbor_decode(&back, out.data, out.size, TR_CBOR_COMPAT, 400, NULL), 0);
	js_same("deep", &back, &b);
	tr_bytes_free(&b);
	tr_bytes_free(&out);
	tr_bytes_free(&back);
}

TEST(cbor_replaces_what_is_not_utf8)
{
	struct tr_bytes b = { 0 };

	tr_cbor_put_text(&b, (struct troupe_text){ "a\xff", 2 });
	assert_int_equal(b.size, 5);
	assert_memory_equal(b.data, "\x64" "a\xef\xbf\xbd", 5);
	tr_bytes_free(&b);
}

TEST(cbor_composes_heads)
{
	struct tr_bytes got = { 0 }, want = { 0 };

	tr_cbor_put_head(&got, 5, 3);
	tr_cbor_put_head(&got, 3, 24);
	tr_cbor_put_head(&got, 2, 65535);
	tr_cbor_put_head(&got, 4, 65536);
	tr_cbor_put_head(&got, 0, 4294967296);
	tr_cbor_put_u64(&got, 0);
	js_hex(&want, "a3" "7818" "59ffff" "9a00010000" "1b0000000100000000" "1b0000000000000000");
	js_same("heads", &got, &want);
	tr_bytes_free(&got);
	tr_bytes_free(&want);
}

TEST(cbor_keeps_every_recorded_value)
{
	json_t *file = js_load("proto/vectors/values-client-to-server.json"), *vector;
	size_t i;

	json_array_foreach(json_object_get(file, "vectors"), i, vector) {
		json_t *js = json_object_get(vector, "js");
		struct tr_bytes packed = { 0 }, cbor = { 0 }, again = { 0 };

		if (json_object_get(js, "$regexp") || json_object_get(js, "$error"))
			continue;
		js_put(&packed, js);
		assert_int_equal(tr_cbor_encode(&cbor, tr_bytes_value(&packed)), 0);
		assert_int_equal(tr_cbor_decode(&again, cbor.data, cbor.size, TR_CBOR_COMPAT, DEPTH, NULL), 0);
		js_same(json_string_value(json_object_get(vector, "name")), &again, &packed);
		tr_bytes_free(&packed);
		tr_bytes_free(&cbor);
		tr_bytes_free(&again);
	}
	json_decref(file);
}

TESTS(RUN(cbor_encodes_integers_with_heads_of_32_bits_at_most),
      RUN(cbor_encodes_what_every_client_understands), RUN(cbor_encodes_dates_in_seconds),
      RUN(cbor_escapes_pairs_that_look_like_a_form), RUN(cbor_transcodes_kept_json),
      RUN(cbor_transcodes_kept_json_as_deep_as_it_is_kept), RUN(cbor_does_not_encode_what_is_no_packed_value),
      RUN(cbor_encodes_deeper_than_any_decoder_reads), RUN(cbor_replaces_what_is_not_utf8),
      RUN(cbor_composes_heads), RUN(cbor_keeps_every_recorded_value))
