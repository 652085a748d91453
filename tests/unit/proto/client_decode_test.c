/* SPDX-License-Identifier: Apache-2.0 */
/* What clients say, at its edges: what is taken and what is refused, in each encoding. What the official client says in
 * fact is replayed in client_vectors_test.c. */
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

#define NIL   PACKED("\xc0")
#define SEVEN PACKED("\x91\x07") /* [7] */

static struct tr_bytes arena; /* where the last message lies */

static int decode(enum tr_encoding e, const void *data, size_t size, struct tr_client_message *ret)
{
	const char *why = NULL;
	int error;

	tr_bytes_free(&arena);
	error = tr_client_decode(e, data, size, DEPTH, &arena, ret, &why);
	if (error) {
		assert_int_equal(error, TROUPE_EMESSAGE);
		assert_non_null(why);
		assert_true(*why);
		assert_int_equal(arena.size, 0);
	}
	return error;
}

static int decode_json(const char *message, struct tr_client_message *ret)
{
	return decode(TR_ENC_JSON, message, strlen(message), ret);
}

static int decode_hex(enum tr_encoding e, const char *hex, struct tr_client_message *ret)
{
	struct tr_bytes bytes = { 0 };
	int error;

	recorded_hex(&bytes, hex);
	error = decode(e, bytes.data, bytes.size, ret);
	tr_bytes_free(&bytes);
	return error;
}

static void is_action(const struct tr_client_message *m, uint64_t id, const char *name, struct troupe_value args)
{
	assert_int_equal(m->kind, TR_CLIENT_ACTION);
	assert_true(m->id == id);
	assert_same_bytes(m->name.data, m->name.size, name, strlen(name));
	assert_same_bytes(m->args.data, m->args.size, args.data, args.size);
	tr_bytes_free(&arena);
}

static void json_refused(const char *message)
{
	struct tr_client_message m;

	if (!decode_json(message, &m))
		fail_msg("taken: %s", message);
}

static void hex_refused(enum tr_encoding e, const char *hex)
{
	struct tr_client_message m;

	if (!decode_hex(e, hex, &m))
		fail_msg("taken: %s", hex);
}

/* ---- encodings */

TEST(encodings_are_known_by_name)
{
	enum tr_encoding e;

	for (int i = 0; i < TR_ENCODINGS; i++) {
		assert_true(tr_encoding_from_name(text(tr_encoding_name((enum tr_encoding)i)), &e));
		assert_int_equal(e, i);
	}
	assert_false(tr_encoding_from_name(text("JSON"), &e));
	assert_false(tr_encoding_from_name(text("jso"), &e));
	assert_false(tr_encoding_from_name(text("jsonx"), &e));
	assert_false(tr_encoding_from_name((struct troupe_text){ NULL, 0 }, &e));
}

/* ---- json from the client */

TEST(a_json_action_is_read_in_any_order_and_with_more_than_it_needs)
{
	struct tr_client_message m;

	assert_int_equal(decode_json("{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"3\"],"
	                             "\"name\":\"add\",\"args\":[7]}}}", &m), 0);
	is_action(&m, 3, "add", SEVEN);
	assert_int_equal(decode_json(" { \"x\" : [1,{}], \"body\" : { \"val\" : { \"args\" : [ 7 ] , \"y\":null,"
	                             "\"name\":\"\\u0061dd\", \"id\":3}, \"tag\":\"ActionRequest\" } } ", &m), 0);
	is_action(&m, 3, "add", SEVEN);
}

TEST(a_json_id_is_a_bigint_or_a_whole_number)
{
	static const struct { const char *id; uint64_t value; } rows[] = {
		{ "0", 0 }, { "5", 5 }, { "5.0", 5 }, { "-0", 0 }, { "9007199254740992", UINT64_C(9007199254740992) },
		{ "[\"$BigInt\",\"0\"]", 0 }, { "[\"$BigInt\",5]", 5 },
		{ "[\"$BigInt\",\"18446744073709551615\"]", UINT64_MAX },
	};
	static const char *const wrong[] = {
		"-1", "1.5", "1e300", "null", "\"5\"", "true", "[5]", "{}", "[\"$BigInt\",\"-1\"]", "[\"$BigInt\",\"x\"]",
		"[\"$BigInt\",\"18446744073709551616\"]", "[\"$BigInt\",\"99999999999999999999999\"]", "[\"$Undefined\",0]",
	};
	const char *form = "{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":%s,\"name\":\"add\",\"args\":[7]}}}";
	struct tr_client_message m;
	char message[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(message, sizeof(message), form, rows[i].id);
		assert_int_equal(decode_json(message, &m), 0);
		is_action(&m, rows[i].value, "add", SEVEN);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(message, sizeof(message), form, wrong[i]);
		json_refused(message);
	}
}

TEST(dollar_forms_in_json_arguments_are_revived)
{
	struct tr_client_message m;

	assert_int_equal(decode_json("{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"1\"],"
	                             "\"name\":\"n\",\"args\":[\"$$x\",[\"$Undefined\",0]]}}}", &m), 0);
	is_action(&m, 1, "n", PACKED("\x92\xa2$x\xc7\x00\x01"));
}

TEST(a_json_name_may_hold_anything_that_is_text)
{
	struct tr_client_message m;

	assert_int_equal(decode_json("{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"1\"],"
	                             "\"name\":\"\xc3\xbc\\\"\\u00fc\",\"args\":[]}}}", &m), 0);
	is_action(&m, 1, "\xc3\xbc\"\xc3\xbc", PACKED("\x90"));
	assert_int_equal(decode_json("{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"1\"],"
	                             "\"name\":\"\",\"args\":[]}}}", &m), 0);
	is_action(&m, 1, "", PACKED("\x90"));
}

TEST(the_last_of_duplicate_members_counts)
{
	struct tr_client_message m;

	assert_int_equal(decode_json("{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"1\"],"
	                             "\"name\":\"n\",\"args\":[1],\"args\":[7]}}}", &m), 0);
	is_action(&m, 1, "n", SEVEN);
	json_refused("{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":1,\"name\":\"n\",\"args\":[]}},"
	             "\"body\":{\"tag\":\"ActionRequest\",\"val\":{}}}");
}

TEST(json_messages_of_another_shape_are_refused)
{
	static const char *const wrong[] = {
		"", "null", "[]", "{}", "{\"body\":null}", "{\"body\":{}}", "{\"body\":{\"tag\":\"ActionRequest\"}}",
		"{\"body\":{\"tag\":\"ActionRequest\",\"val\":null}}",
		"{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"name\":\"n\",\"args\":[]}}}",
		"{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":1,\"args\":[]}}}",
		"{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":1,\"name\":7,\"args\":[]}}}",
		"{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":1,\"name\":\"n\"}}}",
		"{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":1,\"name\":\"n\",\"args\":{}}}}",
		"{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"1\"],\"name\":\"n\",\"args\":7}}}",
		"{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"1\"],\"name\":\"n\",\"args\":}}}",
		"{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"1\"],\"name\":\"n\",\"args\":[]}}}x",
		"{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"\"],\"name\":\"n\",\"args\":[]}}}",
		"{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":1,\"name\":\"n\",\"args\":[[\"$x\",1]]}}}",
		"{\"body\":{\"tag\":\"Init\",\"val\":{\"id\":1,\"name\":\"n\",\"args\":[]}}}",
		"{\"body\":{\"tag\":7,\"val\":{\"id\":1,\"name\":\"n\",\"args\":[]}}}",
		"{\"body\":{\"tag\":\"SubscriptionRequest\",\"val\":{\"eventName\":\"e\"}}}",
		"{\"body\":{\"tag\":\"SubscriptionRequest\",\"val\":{\"eventName\":\"e\",\"subscribe\":1}}}",
		"{\"body\":{\"tag\":\"SubscriptionRequest\",\"val\":{\"subscribe\":true}}}",
		"{\"body\":{\"tag\":\"SubscriptionRequest\",\"val\":{\"eventName\":null,\"subscribe\":true}}}",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		json_refused(wrong[i]);
}

/* ---- cbor from the client */

/* {"body":{"tag":"ActionRequest","val":{"id":ID,"name":"add","args":ARGS}}} */
#define CBOR_ACTION(id, args) "a164626f6479a2637461676d416374696f6e526571756573746376616ca3" \
	"626964" id "646e616d6563616464" "6461726773" args

TEST(a_cbor_id_may_be_any_whole_number)
{
	struct tr_client_message m;

	assert_int_equal(decode_hex(TR_ENC_CBOR, CBOR_ACTION("1b0000000000000003", "8107"), &m), 0);
	is_action(&m, 3, "add", SEVEN);
	assert_int_equal(decode_hex(TR_ENC_CBOR, CBOR_ACTION("03", "8107"), &m), 0);
	is_action(&m, 3, "add", SEVEN);
	assert_int_equal(decode_hex(TR_ENC_CBOR, CBOR_ACTION("1bffffffffffffffff", "8107"), &m), 0);
	is_action(&m, UINT64_MAX, "add", SEVEN);
	hex_refused(TR_ENC_CBOR, CBOR_ACTION("20", "8107"));
	hex_refused(TR_ENC_CBOR, CBOR_ACTION("3b0000000000000000", "8107"));
	hex_refused(TR_ENC_CBOR, CBOR_ACTION("fb3ff8000000000000", "8107"));
	hex_refused(TR_ENC_CBOR, CBOR_ACTION("6133", "8107"));
}

TEST(dollar_pairs_in_cbor_arguments_are_just_arrays)
{
	struct tr_client_message m;

	/* ["$x",1]: what a client in cbor sends for just that */
	assert_int_equal(decode_hex(TR_ENC_CBOR, CBOR_ACTION("03", "8182" "622478" "01"), &m), 0);
	is_action(&m, 3, "add", PACKED("\x91\x92\xa2$x\x01"));
}

TEST(cbor_messages_cut_short_or_too_long_are_refused)
{
	struct tr_bytes bytes = { 0 };
	struct tr_client_message m;

	recorded_hex(&bytes, CBOR_ACTION("03", "8107") "00");
	assert_int_equal(decode(TR_ENC_CBOR, bytes.data, bytes.size, &m), TROUPE_EMESSAGE);
	assert_int_equal(decode(TR_ENC_CBOR, bytes.data, bytes.size - 1, &m), 0);
	for (size_t size = 0; size + 1 < bytes.size; size++)
		assert_int_equal(decode(TR_ENC_CBOR, bytes.data, size, &m), TROUPE_EMESSAGE);
	tr_bytes_free(&bytes);
	tr_bytes_free(&arena);
}

/* ---- bare from the client */

TEST(bare_versions_1_to_4_are_taken_and_no_others)
{
	struct tr_client_message m;
	char hex[32];

	for (unsigned version = 1; version <= 4; version++) {
		snprintf(hex, sizeof(hex), "%02x00" "0003" "03616464" "028107", version);
		assert_int_equal(decode_hex(TR_ENC_BARE, hex, &m), 0);
		is_action(&m, 3, "add", SEVEN);
	}
	hex_refused(TR_ENC_BARE, "0000" "0003" "03616464" "028107");
	hex_refused(TR_ENC_BARE, "0500" "0003" "03616464" "028107");
	hex_refused(TR_ENC_BARE, "0401" "0003" "03616464" "028107");
}

TEST(bare_messages_cut_short_or_too_long_are_refused)
{
	static const char *const whole[] = { "0400" "0003" "03616464" "028107", "0400" "01" "03616464" "01" };
	struct tr_client_message m;

	for (int i = 0; i < 2; i++) {
		struct tr_bytes bytes = { 0 };

		recorded_hex(&bytes, whole[i]);
		assert_int_equal(decode(TR_ENC_BARE, bytes.data, bytes.size, &m), 0);
		for (size_t size = 0; size < bytes.size; size++)
			assert_int_equal(decode(TR_ENC_BARE, bytes.data, size, &m), TROUPE_EMESSAGE);
		tr_bytes_put_byte(&bytes, 0);
		assert_int_equal(decode(TR_ENC_BARE, bytes.data, bytes.size, &m), TROUPE_EMESSAGE);
		tr_bytes_free(&bytes);
	}
	tr_bytes_free(&arena);
}

TEST(bare_messages_not_in_their_one_form_are_refused)
{
	hex_refused(TR_ENC_BARE, "0400" "02" "03616464" "01");               /* an unknown tag */
	hex_refused(TR_ENC_BARE, "0400" "8100" "03616464" "01");             /* a tag with a surplus byte */
	hex_refused(TR_ENC_BARE, "0400" "00" "8300" "03616464" "028107");    /* an id with one */
	hex_refused(TR_ENC_BARE, "0400" "0003" "8300616464" "028107");       /* a length with one */
	hex_refused(TR_ENC_BARE, "0400" "01" "03616464" "02");               /* a bool that is none */
	hex_refused(TR_ENC_BARE, "0400" "01" "03ff6464" "01");               /* not UTF-8 */
	hex_refused(TR_ENC_BARE, "0400" "0003" "03616464" "0107");           /* args are 7 */
	hex_refused(TR_ENC_BARE, "0400" "0003" "03616464" "00");             /* no args at all */
	hex_refused(TR_ENC_BARE, "0400" "0003" "03616464" "03810707");       /* a byte behind the args */
	hex_refused(TR_ENC_BARE, "0400" "0003" "ffffffffffffffffff01" "61"); /* a length beyond all bounds */
	hex_refused(TR_ENC_BARE, "0400" "00" "ffffffffffffffffff02" "0161" "0180"); /* an id over 64 bits */
	hex_refused(TR_ENC_BARE, "0400" "00" "8080808080808080808001" "0161" "0180");
}

TEST(a_bare_id_has_64_bits)
{
	struct tr_client_message m;

	assert_int_equal(decode_hex(TR_ENC_BARE, "0400" "00" "ffffffffffffffffff01" "03616464" "028107", &m), 0);
	is_action(&m, UINT64_MAX, "add", SEVEN);
}

TEST(dollar_forms_in_bare_arguments_are_revived)
{
	struct tr_client_message m;

	assert_int_equal(decode_hex(TR_ENC_BARE, "0400" "0003" "03616464" "0e81826a24556e646566696e656400", &m), 0);
	is_action(&m, 3, "add", PACKED("\x91\xc7\x00\x01"));
}

TEST(a_bare_subscription_with_an_empty_name_has_a_place)
{
	struct tr_client_message m;

	assert_int_equal(decode_hex(TR_ENC_BARE, "0400" "01" "00" "01", &m), 0);
	assert_int_equal(m.kind, TR_CLIENT_SUBSCRIPTION);
	assert_non_null(m.name.data);
	assert_int_equal(m.name.size, 0);
	assert_true(m.subscribe);
	tr_bytes_free(&arena);
}

/* ---- all encodings from the client */

/* An ActionRequest whose args are [[[...]]], `depth` deep. */
static void put_nested(enum tr_encoding e, struct tr_bytes *out, unsigned depth)
{
	size_t i;

	if (e == TR_ENC_JSON)
		tr_bytes_put_text(out, "{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"1\"],"
		                       "\"name\":\"n\",\"args\":");
	else if (e == TR_ENC_CBOR)
		recorded_hex(out, CBOR_ACTION("03", ""));
	else
		recorded_hex(out, "0400" "0003" "0161");
	if (e == TR_ENC_BARE)
		tr_bytes_put_byte(out, (uint8_t)depth);
	for (i = 1; i < depth; i++)
		tr_bytes_put_byte(out, e == TR_ENC_JSON ? '[' : 0x81);
	tr_bytes_put_text(out, e == TR_ENC_JSON ? "[]" : "\x80");
	for (i = 1; i < depth && e == TR_ENC_JSON; i++)
		tr_bytes_put_byte(out, ']');
	if (e == TR_ENC_JSON)
		tr_bytes_put_text(out, "}}}");
}

TEST(arguments_are_nested_to_the_limit_and_no_deeper)
{
	struct tr_client_message m;

	for (int e = 0; e < TR_ENCODINGS; e++) {
		for (unsigned depth = 1; depth <= DEPTH + 2; depth++) {
			struct tr_bytes bytes = { 0 };

			put_nested((enum tr_encoding)e, &bytes, depth);
			assert_int_equal(decode((enum tr_encoding)e, bytes.data, bytes.size, &m),
			                 depth <= DEPTH ? 0 : TROUPE_EMESSAGE);
			if (depth <= DEPTH)
				assert_int_equal(tr_value_check(m.args, DEPTH), 0);
			tr_bytes_free(&bytes);
		}
	}
	tr_bytes_free(&arena);
}

TEST(the_usual_way_and_any_other_have_the_same_limit)
{
	struct tr_client_message m;
	struct tr_bytes bytes = { 0 };

	for (unsigned depth = DEPTH; depth <= DEPTH + 1; depth++) {
		tr_bytes_clear(&bytes);
		put_nested(TR_ENC_JSON, &bytes, depth);
		tr_bytes_put_byte(&bytes, ' '); /* the usual way ends with the last brace */
		assert_int_equal(decode(TR_ENC_JSON, bytes.data, bytes.size, &m), depth <= DEPTH ? 0 : TROUPE_EMESSAGE);
	}
	tr_bytes_free(&bytes);
	tr_bytes_free(&arena);
}

TEST(messages_gather_in_an_arena)
{
	struct tr_bytes both = { 0 };
	struct tr_client_message m;
	const char *why;
	size_t before;

	tr_bytes_put_text(&both, "before");
	assert_int_equal(tr_client_decode(TR_ENC_BARE, "\x04\0\1\1a\1", 6, DEPTH, &both, &m, &why), 0);
	assert_true(both.size > 6);
	before = both.size;
	assert_int_equal(tr_client_decode(TR_ENC_BARE, "\x04\0\0\0\1a\1\7", 8, DEPTH, &both, &m, &why), TROUPE_EMESSAGE);
	assert_int_equal(both.size, before);
	assert_memory_equal(both.data, "before", 6);
	tr_bytes_free(&both);
}

TEST(an_arena_that_is_full_is_told_apart_from_a_bad_message)
{
	static const char *const message =
		"{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"1\"],\"name\":\"n\",\"args\":[1,2,3]}}}";
	struct tr_bytes small = { .max = 3 };
	struct tr_client_message m;
	const char *why;

	assert_int_equal(tr_client_decode(TR_ENC_JSON, message, strlen(message), DEPTH, &small, &m, &why), TROUPE_ENOMEM);
	tr_bytes_free(&small);
	assert_int_equal(tr_client_decode(TR_ENC_BARE, "\x04\0\1\4abcd\1", 9, DEPTH, &small, &m, &why), TROUPE_ENOMEM);
	tr_bytes_free(&small);
}

/* ---- HTTP bodies */

static void body_gives(enum tr_encoding e, const void *data, size_t size, struct troupe_value args)
{
	struct tr_bytes out = { 0 };
	const char *why;

	tr_bytes_put_text(&out, "before");
	assert_int_equal(tr_client_decode_http_action(e, data, size, DEPTH, &out, &why), 0);
	assert_same_bytes(out.data + 6, out.size - 6, args.data, args.size);
	tr_bytes_free(&out);
}

static void body_refused(enum tr_encoding e, const void *data, size_t size)
{
	struct tr_bytes out = { 0 };
	const char *why = NULL;

	assert_int_equal(tr_client_decode_http_action(e, data, size, DEPTH, &out, &why), TROUPE_EMESSAGE);
	assert_non_null(why);
	assert_int_equal(out.size, 0);
	tr_bytes_free(&out);
}

TEST(an_empty_body_is_no_arguments)
{
	for (int e = 0; e < TR_ENCODINGS; e++)
		body_gives((enum tr_encoding)e, NULL, 0, PACKED("\x90"));
}

TEST(missing_null_and_undefined_arguments_are_none)
{
	body_gives(TR_ENC_JSON, "{}", 2, PACKED("\x90"));
	body_gives(TR_ENC_JSON, "{\"args\":null}", 13, PACKED("\x90"));
	body_gives(TR_ENC_JSON, "{\"args\":[\"$Undefined\",0]}", 25, PACKED("\x90"));
	body_gives(TR_ENC_CBOR, "\xa0", 1, PACKED("\x90"));
	body_gives(TR_ENC_CBOR, "\xa1\x64" "args\xf7", 7, PACKED("\x90"));
	body_gives(TR_ENC_BARE, "\x04\0\1\xf6", 4, PACKED("\x90"));
}

TEST(an_argument_that_is_no_array_is_wrapped_in_one)
{
	body_gives(TR_ENC_JSON, "{\"args\":7}", 10, SEVEN);
	body_gives(TR_ENC_JSON, "{\"args\":{\"a\":1}}", 16, PACKED("\x91\x81\xa1" "a\x01"));
	body_gives(TR_ENC_JSON, "{\"args\":[\"$BigInt\",\"5\"]}", 24, PACKED("\x91\xd4\x02" "5"));
	body_gives(TR_ENC_CBOR, "\xa1\x64" "args\x07", 7, SEVEN);
	body_gives(TR_ENC_BARE, "\x04\0\1\x07", 4, SEVEN);
}

TEST(bodies_of_another_shape_are_refused)
{
	body_refused(TR_ENC_JSON, "[1]", 3);
	body_refused(TR_ENC_JSON, "7", 1);
	body_refused(TR_ENC_JSON, " ", 1);
	body_refused(TR_ENC_JSON, "{\"args\":[}", 10);
	body_refused(TR_ENC_CBOR, "\x80", 1);
	body_refused(TR_ENC_CBOR, "\xa0\0", 2);
	body_refused(TR_ENC_BARE, "\x05\0\1\x80", 4);
	body_refused(TR_ENC_BARE, "\x04\0\1\x80\0", 5);
	body_refused(TR_ENC_BARE, "\x04\0\0", 3);
}

TEST(a_body_is_nested_to_the_limit_and_no_deeper)
{
	char body[512];

	for (unsigned depth = DEPTH - 1; depth <= DEPTH + 1; depth++) {
		for (int wrapped = 0; wrapped <= 1; wrapped++) { /* {"a":[[...]]} stands in an array that is added */
			struct tr_bytes out = { 0 };
			const char *why;
			int size = snprintf(body, sizeof(body), "{\"args\":%s", wrapped ? "{\"a\":" : "");
			unsigned brackets = depth - 2 * (unsigned)wrapped;

			memset(body + size, '[', brackets);
			memset(body + size + brackets, ']', brackets);
			strcpy(body + size + 2 * brackets, wrapped ? "}}" : "}");
			assert_int_equal(tr_client_decode_http_action(TR_ENC_JSON, body, strlen(body), DEPTH, &out, &why),
			                 depth <= DEPTH ? 0 : TROUPE_EMESSAGE);
			if (depth <= DEPTH)
				assert_int_equal(tr_value_check(tr_bytes_value(&out), depth), 0);
			tr_bytes_free(&out);
		}
	}
}

/* ---- bodies of queue sends */

struct sent { struct troupe_value body; bool wait; int64_t timeout_ms; /* negative: none */ };

static void send_gives(enum tr_encoding e, const void *data, size_t size, struct sent expected)
{
	struct tr_bytes out = { 0 };
	struct tr_client_send m;
	const char *why;

	tr_bytes_put_text(&out, "before");
	assert_int_equal(tr_client_decode_http_send(e, data, size, DEPTH, &out, &m, &why), 0);
	assert_same_bytes(m.body.data, m.body.size, expected.body.data, expected.body.size);
	assert_true(m.wait == expected.wait && m.has_timeout == (expected.timeout_ms >= 0));
	assert_true(!m.has_timeout || m.timeout_ms == (uint64_t)expected.timeout_ms);
	tr_bytes_free(&out);
}

static void send_refused(enum tr_encoding e, const void *data, size_t size)
{
	struct tr_bytes out = { 0 };
	struct tr_client_send m;
	const char *why = NULL;

	assert_int_equal(tr_client_decode_http_send(e, data, size, DEPTH, &out, &m, &why), TROUPE_EMESSAGE);
	assert_non_null(why);
	assert_int_equal(out.size, 0);
	tr_bytes_free(&out);
}

#define SEND(e, literal, ...) send_gives(e, literal, sizeof(literal) - 1, (struct sent){ __VA_ARGS__ })
#define NO_SEND(e, literal) send_refused(e, literal, sizeof(literal) - 1)
#define NOTHING { NULL, 0 }

TEST(what_a_queue_send_leaves_out_is_not_there)
{
	for (int e = 0; e < TR_ENCODINGS; e++)
		SEND((enum tr_encoding)e, "", NOTHING, false, -1);
	SEND(TR_ENC_JSON, "{}", NOTHING, false, -1);
	SEND(TR_ENC_JSON, "{\"body\":null,\"wait\":null,\"timeout\":null}", PACKED("\xc0"), false, -1);
	SEND(TR_ENC_JSON, "{\"name\":7,\"timeout\":[\"$Undefined\",0],\"body\":7}", PACKED("\x07"), false, -1);
	SEND(TR_ENC_CBOR, "\xa2\x64" "body\x07\x67" "timeout\xf7", PACKED("\x07"), false, -1);
	SEND(TR_ENC_BARE, "\x04\0\1\7\0\0\0", PACKED("\x07"), false, -1);
	SEND(TR_ENC_BARE, "\x03\0\1\7\1\1q\1\0\0", PACKED("\x07"), false, -1);
}

TEST(a_timeout_is_whole_and_bounded)
{
	SEND(TR_ENC_JSON, "{\"wait\":true,\"timeout\":0}", NOTHING, true, 0);
	SEND(TR_ENC_JSON, "{\"wait\":true,\"timeout\":50.9}", NOTHING, true, 50);
	SEND(TR_ENC_JSON, "{\"wait\":true,\"timeout\":1e300}", NOTHING, true, (int64_t)1 << 53);
	SEND(TR_ENC_BARE, "\x04\0\1\7\0\1\1\1\x2c\1\0\0\0\0\0\0", PACKED("\x07"), true, 300);
	SEND(TR_ENC_BARE, "\x04\0\1\7\0\1\1\1\xff\xff\xff\xff\xff\xff\xff\xff", PACKED("\x07"), true, (int64_t)1 << 53);
	NO_SEND(TR_ENC_JSON, "{\"timeout\":-1}");
	NO_SEND(TR_ENC_JSON, "{\"timeout\":\"1\"}");
	NO_SEND(TR_ENC_CBOR, "\xa1\x67" "timeout\xf9\x7e\x00"); /* NaN */
}

TEST(what_is_no_queue_send_is_refused)
{
	NO_SEND(TR_ENC_JSON, "7");
	NO_SEND(TR_ENC_JSON, "{\"body\":1");
	NO_SEND(TR_ENC_JSON, "{\"wait\":1}");
	NO_SEND(TR_ENC_CBOR, "\x80");
	NO_SEND(TR_ENC_BARE, "\x02\0\1\7\0\0\0");  /* queues came with version 3 */
	NO_SEND(TR_ENC_BARE, "\x05\0\1\7\0\0\0");
	NO_SEND(TR_ENC_BARE, "\x04\0\1\7\0\0");
	NO_SEND(TR_ENC_BARE, "\x04\0\1\7\0\0\0\0");
	NO_SEND(TR_ENC_BARE, "\x04\0\1\7\0\2\0");   /* no bool */
	NO_SEND(TR_ENC_BARE, "\x04\0\1\x82\0\0\0");  /* half an array */
}

/* ---- parameters and input */

static void params_give(int (*parse)(struct tr_bytes *, struct troupe_text, unsigned), const char *from,
                        struct troupe_value expected)
{
	struct tr_bytes out = { 0 };

	assert_int_equal(parse(&out, text(from), DEPTH), 0);
	assert_same_bytes(out.data, out.size, expected.data, expected.size);
	tr_bytes_free(&out);
}

static void params_refused(int (*parse)(struct tr_bytes *, struct troupe_text, unsigned), const char *from)
{
	struct tr_bytes out = { 0 };

	assert_int_equal(parse(&out, text(from), DEPTH), TROUPE_EINVAL);
	assert_int_equal(out.size, 0);
	tr_bytes_free(&out);
}

TEST(parameters_in_a_header_are_latin_1)
{
	params_give(tr_client_decode_params_header, "{\"name\":\"\xfcn\xef\"}", PACKED("\x81\xa4name\xa5\xc3\xbcn\xc3\xaf"));
	params_give(tr_client_decode_params_header, "null", NIL);
	params_give(tr_client_decode_params_header, "0", PACKED("\x00"));
	params_refused(tr_client_decode_params_header, "");
	params_refused(tr_client_decode_params_header, "{");
}

TEST(parameters_in_a_token_are_percent_encoded_utf8)
{
	params_give(tr_client_decode_params_token, "%7B%22name%22%3A%22%C3%bc+%22%7D", PACKED("\x81\xa4name\xa3\xc3\xbc+"));
	params_give(tr_client_decode_params_token, "7", PACKED("\x07"));
	params_refused(tr_client_decode_params_token, "");
	params_refused(tr_client_decode_params_token, "%7B%7D%");
	params_refused(tr_client_decode_params_token, "%7B%7");
	params_refused(tr_client_decode_params_token, "%7B%7G");
	params_refused(tr_client_decode_params_token, "%22%ff%22");
}

TEST(parameters_know_no_dollar_forms)
{
	params_give(tr_client_decode_params_header, "[\"$BigInt\",\"5\"]", PACKED("\x92\xa7$BigInt\xa1" "5"));
}

TEST(input_is_base64_of_cbor_with_dollar_forms)
{
	struct tr_bytes out = { 0 };

	/* recorded: {hello:"world"} */
	assert_int_equal(tr_client_decode_input(&out, text("uQABZWhlbGxvZXdvcmxk"), false, DEPTH), 0);
	assert_same_bytes(out.data, out.size, "\x81\xa5hello\xa5world", 13);
	tr_bytes_clear(&out);
	assert_int_equal(tr_client_decode_input(&out, text("gmckQmlnSW50YTU"), true, DEPTH), 0);
	assert_same_bytes(out.data, out.size, "\xd4\x02" "5", 3);
	tr_bytes_clear(&out);
	assert_int_equal(tr_client_decode_input(&out, text("gmckQmlnSW50YTU"), false, DEPTH), TROUPE_EBASE64);
	assert_int_equal(tr_client_decode_input(&out, text("gmckQmlnSW50YTU="), true, DEPTH), TROUPE_EBASE64);
	assert_int_equal(tr_client_decode_input(&out, text("AQ!"), true, DEPTH), TROUPE_EBASE64);
	assert_int_equal(tr_client_decode_input(&out, text(""), true, DEPTH), TROUPE_EINPUT);
	assert_int_equal(tr_client_decode_input(&out, text("_w"), true, DEPTH), TROUPE_EINPUT);
	assert_int_equal(out.size, 0);
	tr_bytes_free(&out);
}

TESTS(
	RUN(encodings_are_known_by_name),
	RUN(a_json_action_is_read_in_any_order_and_with_more_than_it_needs),
	RUN(a_json_id_is_a_bigint_or_a_whole_number),
	RUN(dollar_forms_in_json_arguments_are_revived),
	RUN(a_json_name_may_hold_anything_that_is_text),
	RUN(the_last_of_duplicate_members_counts),
	RUN(json_messages_of_another_shape_are_refused),
	RUN(a_cbor_id_may_be_any_whole_number),
	RUN(dollar_pairs_in_cbor_arguments_are_just_arrays),
	RUN(cbor_messages_cut_short_or_too_long_are_refused),
	RUN(bare_versions_1_to_4_are_taken_and_no_others),
	RUN(bare_messages_cut_short_or_too_long_are_refused),
	RUN(bare_messages_not_in_their_one_form_are_refused),
	RUN(a_bare_id_has_64_bits),
	RUN(dollar_forms_in_bare_arguments_are_revived),
	RUN(a_bare_subscription_with_an_empty_name_has_a_place),
	RUN(arguments_are_nested_to_the_limit_and_no_deeper),
	RUN(the_usual_way_and_any_other_have_the_same_limit),
	RUN(messages_gather_in_an_arena),
	RUN(an_arena_that_is_full_is_told_apart_from_a_bad_message),
	RUN(an_empty_body_is_no_arguments),
	RUN(missing_null_and_undefined_arguments_are_none),
	RUN(an_argument_that_is_no_array_is_wrapped_in_one),
	RUN(bodies_of_another_shape_are_refused),
	RUN(a_body_is_nested_to_the_limit_and_no_deeper),
	RUN(parameters_in_a_header_are_latin_1),
	RUN(parameters_in_a_token_are_percent_encoded_utf8),
	RUN(what_a_queue_send_leaves_out_is_not_there),
	RUN(a_timeout_is_whole_and_bounded),
	RUN(what_is_no_queue_send_is_refused),
	RUN(parameters_know_no_dollar_forms),
	RUN(input_is_base64_of_cbor_with_dollar_forms))
