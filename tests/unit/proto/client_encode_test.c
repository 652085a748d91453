/* SPDX-License-Identifier: Apache-2.0 */
/* What the server says, at its edges: no message goes out which a client would drop, and half a message never does.
 * What the official server says is replayed in client_vectors_test.c. */
#include "tests/kit/text.h"
#include "tests/unit/proto/recorded.h"

#include "proto/client.h"
#include "proto/troupe_errors.h"

#define DEPTH 64

static struct troupe_value packed(const char *bytes, size_t size)
{
	return (struct troupe_value){ bytes, size };
}
#define PACKED(literal) packed(literal, sizeof(literal) - 1)

#define NIL       PACKED("\xc0")
#define UNDEFINED PACKED("\xc7\x00\x01")
#define SEVEN     PACKED("\x91\x07") /* [7] */

static void came_out(struct tr_bytes *out, int error, const char *hex)
{
	struct tr_bytes expected = { 0 };

	assert_int_equal(error, 0);
	recorded_hex(&expected, hex);
	assert_same_bytes(out->data, out->size, expected.data, expected.size);
	tr_bytes_free(&expected);
	tr_bytes_free(out);
}

static void came_out_json(struct tr_bytes *out, int error, const char *json)
{
	assert_int_equal(error, 0);
	assert_string_equal(tr_bytes_text(out), json);
	tr_bytes_free(out);
}

TEST(no_output_is_said_as_undefined)
{
	struct troupe_value none = { NULL, 0 };
	struct tr_bytes out = { 0 };

	came_out_json(&out, tr_client_encode_response(TR_ENC_JSON, &out, 0, none),
	              "{\"body\":{\"tag\":\"ActionResponse\",\"val\":{\"id\":[\"$BigInt\",\"0\"],\"output\":[\"$Undefined\",0]}}}");
	came_out_json(&out, tr_client_encode_http_response(TR_ENC_JSON, &out, none), "{\"output\":[\"$Undefined\",0]}");
	came_out(&out, tr_client_encode_response(TR_ENC_BARE, &out, 1, none), "0400" "0201" "0d826a24556e646566696e656400");
	came_out(&out, tr_client_encode_http_response(TR_ENC_CBOR, &out, none), "a1666f7574707574826a24556e646566696e656400");
	came_out(&out, tr_client_encode_http_response(TR_ENC_BARE, &out, none), "0400" "0d826a24556e646566696e656400");
}

TEST(a_queue_answers_without_a_response_when_there_is_none)
{
	struct troupe_value none = { NULL, 0 };
	struct tr_bytes out = { 0 };

	came_out_json(&out, tr_client_encode_http_sent(TR_ENC_JSON, &out, true, none), "{\"status\":\"completed\"}");
	came_out_json(&out, tr_client_encode_http_sent(TR_ENC_JSON, &out, false, UNDEFINED), "{\"status\":\"timedOut\"}");
	came_out_json(&out, tr_client_encode_http_sent(TR_ENC_JSON, &out, true, NIL),
	              "{\"response\":null,\"status\":\"completed\"}");
	came_out(&out, tr_client_encode_http_sent(TR_ENC_CBOR, &out, false, none), "a1" "66737461747573" "6874696d65644f7574");
	came_out(&out, tr_client_encode_http_sent(TR_ENC_BARE, &out, true, none), "0400" "09636f6d706c65746564" "00");
	came_out(&out, tr_client_encode_http_sent(TR_ENC_BARE, &out, true, NIL), "0400" "09636f6d706c65746564" "0101f6");
}

TEST(ids_of_64_bits_go_out_whole)
{
	struct tr_bytes out = { 0 };

	came_out_json(&out, tr_client_encode_response(TR_ENC_JSON, &out, UINT64_MAX, NIL),
	              "{\"body\":{\"tag\":\"ActionResponse\",\"val\":"
	              "{\"id\":[\"$BigInt\",\"18446744073709551615\"],\"output\":null}}}");
	came_out(&out, tr_client_encode_response(TR_ENC_BARE, &out, UINT64_MAX, NIL), "0400" "02ffffffffffffffffff01" "01f6");
	came_out(&out, tr_client_encode_response(TR_ENC_CBOR, &out, UINT64_MAX, NIL),
	         "a164626f6479a2637461676e416374696f6e526573706f6e73656376616ca2" "6269641bffffffffffffffff" "666f7574707574f6");
}

TEST(arguments_that_look_like_a_dollar_form_are_escaped)
{
	struct troupe_value pair = PACKED("\x92\xa2$x\x01");
	struct tr_bytes out = { 0 };

	came_out_json(&out, tr_client_encode_event(TR_ENC_JSON, &out, text("e"), pair),
	              "{\"body\":{\"tag\":\"Event\",\"val\":{\"args\":[\"$$x\",1],\"name\":\"e\"}}}");
	came_out(&out, tr_client_encode_event(TR_ENC_CBOR, &out, text("e"), pair),
	         "a164626f6479a263746167654576656e746376616ca2646e616d6561656461726773" "82" "63242478" "01");
	came_out(&out, tr_client_encode_event(TR_ENC_BARE, &out, text("e"), pair), "0400" "030165" "06" "82" "63242478" "01");
}

TEST(an_event_takes_an_array_only)
{
	static const char not_arrays[][3] = { "\xc0", "\x07", "\x80", "\xc7\x00\x01" };
	struct tr_bytes out = { 0 };

	tr_bytes_put_text(&out, "before");
	for (int e = 0; e < TR_ENCODINGS; e++) {
		for (size_t i = 0; i < sizeof(not_arrays) / sizeof(*not_arrays); i++)
			assert_int_equal(tr_client_encode_event((enum tr_encoding)e, &out, text("e"), packed(not_arrays[i], 3)),
			                 TROUPE_EBADVALUE);
		assert_int_equal(tr_client_encode_event((enum tr_encoding)e, &out, text("e"), packed(NULL, 0)), TROUPE_EBADVALUE);
		assert_int_equal(tr_client_encode_event((enum tr_encoding)e, &out, text("e"), PACKED("\x91")), TROUPE_EBADVALUE);
	}
	assert_string_equal(tr_bytes_text(&out), "before");
	tr_bytes_free(&out);
}

TEST(what_is_no_packed_value_leaves_nothing_behind)
{
	struct troupe_value bad = PACKED("\x92\x01\xc1");
	struct tr_client_error err = { .group = text("g"), .code = text("c"), .message = text("m"), .metadata = bad };
	struct tr_bytes out = { 0 };

	for (int i = 0; i < TR_ENCODINGS; i++) {
		enum tr_encoding e = (enum tr_encoding)i;

		assert_int_equal(tr_client_encode_response(e, &out, 0, bad), TROUPE_EBADVALUE);
		assert_int_equal(tr_client_encode_http_response(e, &out, bad), TROUPE_EBADVALUE);
		assert_int_equal(tr_client_encode_http_sent(e, &out, true, bad), TROUPE_EBADVALUE);
		assert_int_equal(tr_client_encode_event(e, &out, text("e"), bad), TROUPE_EBADVALUE);
		assert_int_equal(tr_client_encode_error(e, &out, &err), TROUPE_EBADVALUE);
		assert_int_equal(tr_client_encode_http_error(e, &out, &err), TROUPE_EBADVALUE);
	}
	assert_int_equal(out.size, 0);
	tr_bytes_free(&out);
}

TEST(a_message_that_does_not_fit_leaves_nothing_behind)
{
	struct tr_bytes whole = { 0 };

	for (int i = 0; i < TR_ENCODINGS; i++) {
		enum tr_encoding e = (enum tr_encoding)i;
		struct troupe_value args = PACKED("\x92\xa3one\xa3two");

		tr_bytes_clear(&whole);
		assert_int_equal(tr_client_encode_event(e, &whole, text("event"), args), 0);
		for (size_t max = 1; max < whole.size; max++) {
			struct tr_bytes out = { .max = max };

			assert_int_equal(tr_client_encode_event(e, &out, text("event"), args), TROUPE_ENOMEM);
			assert_int_equal(out.size, 0);
			tr_bytes_free(&out);
		}
		struct tr_bytes out = { .max = whole.size };

		assert_int_equal(tr_client_encode_event(e, &out, text("event"), args), 0);
		tr_bytes_free(&out);
	}
	tr_bytes_free(&whole);
}

TEST(texts_that_are_not_utf8_go_out_clean)
{
	struct tr_bytes out = { 0 };

	came_out_json(&out, tr_client_encode_event(TR_ENC_JSON, &out, text("a\xff"), SEVEN),
	              "{\"body\":{\"tag\":\"Event\",\"val\":{\"args\":[7],\"name\":\"a\xef\xbf\xbd\"}}}");
	came_out(&out, tr_client_encode_event(TR_ENC_CBOR, &out, text("a\xff"), SEVEN),
	         "a164626f6479a263746167654576656e746376616ca2646e616d65" "6461efbfbd" "6461726773" "8107");
	came_out(&out, tr_client_encode_event(TR_ENC_BARE, &out, text("a\xff"), SEVEN), "0400" "030461efbfbd" "028107");
}

TEST(an_error_leaves_out_what_it_has_not)
{
	struct tr_client_actor actor = { .id = text("a"), .generation = 1 };
	struct tr_client_error err = { .group = text("g"), .code = text("c"), .message = text("m") };
	struct tr_bytes out = { 0 };

	came_out(&out, tr_client_encode_http_error(TR_ENC_BARE, &out, &err),
	         "0400" "0167" "0163" "016d" "00" "00");
	came_out_json(&out, tr_client_encode_http_error(TR_ENC_JSON, &out, &err),
	              "{\"code\":\"c\",\"group\":\"g\",\"message\":\"m\"}");
	came_out(&out, tr_client_encode_http_error(TR_ENC_CBOR, &out, &err),
	         "a3" "64636f64656163" "6567726f75706167" "676d657373616765616d");
	err.actor = &actor;
	err.metadata = UNDEFINED;
	came_out_json(&out, tr_client_encode_error(TR_ENC_JSON, &out, &err),
	              "{\"body\":{\"tag\":\"Error\",\"val\":{\"actionId\":null,\"actor\":{\"actorId\":\"a\",\"generation\":1},"
	              "\"code\":\"c\",\"group\":\"g\",\"message\":\"m\"}}}");
	came_out(&out, tr_client_encode_error(TR_ENC_BARE, &out, &err),
	         "0400" "01" "0167" "0163" "016d" "00" "00" "01" "0161" "01" "00");
	came_out(&out, tr_client_encode_http_error(TR_ENC_CBOR, &out, &err),
	         "a4" "656163746f72" "a2" "676163746f7249646161" "6a67656e65726174696f6e01"
	         "64636f64656163" "6567726f75706167" "676d657373616765616d");
	err.metadata = NIL;
	came_out(&out, tr_client_encode_http_error(TR_ENC_BARE, &out, &err),
	         "0400" "0167" "0163" "016d" "0101f6" "01" "0161" "01" "00");
}

/* The length of a bare payload is written once it is known: at each size where it takes a byte more. */
TEST(bare_payloads_of_every_length_are_right)
{
	static const size_t sizes[] = { 0, 1, 120, 124, 125, 126, 127, 128, 200, 16375, 16376, 16377, 16384, 70000, 2097152 };
	static char big[2097152];

	memset(big, 'x', sizeof(big));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct tr_bytes value = { 0 }, out = { 0 }, back = { 0 };
		const char *why;

		tr_put_array(&value, 1);
		tr_put_str(&value, big, sizes[i]);
		assert_int_equal(tr_client_encode_http_response(TR_ENC_BARE, &out, tr_bytes_value(&value)), 0);
		/* HttpActionRequest has the same form, so our own decoder reads it back */
		assert_int_equal(tr_client_decode_http_action(TR_ENC_BARE, out.data, out.size, DEPTH, &back, &why), 0);
		assert_same_bytes(back.data, back.size, value.data, value.size);
		tr_bytes_free(&value);
		tr_bytes_free(&out);
		tr_bytes_free(&back);
	}
}

TESTS(
	RUN(no_output_is_said_as_undefined),
	RUN(a_queue_answers_without_a_response_when_there_is_none),
	RUN(ids_of_64_bits_go_out_whole),
	RUN(arguments_that_look_like_a_dollar_form_are_escaped),
	RUN(an_event_takes_an_array_only),
	RUN(what_is_no_packed_value_leaves_nothing_behind),
	RUN(a_message_that_does_not_fit_leaves_nothing_behind),
	RUN(texts_that_are_not_utf8_go_out_clean),
	RUN(an_error_leaves_out_what_it_has_not),
	RUN(bare_payloads_of_every_length_are_right))
