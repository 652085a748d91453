/* SPDX-License-Identifier: Apache-2.0 */
/* Replays what the official client and the official server said to each other (proto/vectors): every message of the
 * server must come out of our encoders byte for byte, every message of the client must be understood.
 *
 * Handshakes and Close frames are not ours to encode: skipped. */
#include "tests/unit/proto/recorded.h"

#include "proto/bare.h"
#include "proto/cbor.h"
#include "proto/client.h"

#define DEPTH 64

static const char *const replayed_messages[] = {
	"ToClient", "ToServer", "HttpActionRequest", "HttpActionResponse", "HttpResponseError", "HttpQueueSendRequest",
	"HttpQueueSendResponse",
};
static const char *const skipped_messages[] = { "WebSocket handshake", "Close frame" };

static bool is_one_of(const char *text, const char *const *list, size_t count)
{
	while (count--)
		if (!strcmp(text, *list++))
			return true;
	return false;
}

#define IS_ONE_OF(text, list) is_one_of(text, list, sizeof(list) / sizeof(*(list)))

static struct troupe_text text_of(json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return (struct troupe_text){ text, text ? strlen(text) : 0 };
}

/* The packed form of a member; in bare recordings the value lies beside the CBOR it was read from. */
static struct troupe_value payload(struct tr_bytes *out, enum tr_encoding e, json_t *object, const char *name, bool forms)
{
	json_t *v = json_object_get(object, name);

	if (v && e == TR_ENC_BARE && !json_is_null(v))
		v = json_object_get(v, "value");
	if (!v || (e == TR_ENC_BARE && json_is_null(json_object_get(object, name))))
		return (struct troupe_value){ NULL, 0 };
	recorded_put(out, v, forms);
	return tr_bytes_value(out);
}

/* ---- from the server */

static int encode_error(enum tr_encoding e, struct tr_bytes *out, json_t *val, bool frame)
{
	json_t *actor = json_object_get(val, "actor"), *id = json_object_get(val, "actionId");
	struct tr_bytes metadata = { 0 };
	struct tr_client_actor who = {
		.id         = text_of(actor, "actorId"),
		.generation = recorded_u64(json_object_get(actor, "generation")),
		.key        = text_of(actor, "key"),
	};
	struct tr_client_error err = {
		.group = text_of(val, "group"), .code = text_of(val, "code"), .message = text_of(val, "message"),
		.metadata      = payload(&metadata, e, val, "metadata", true),
		.has_action_id = id && !json_is_null(id),
		.action_id     = recorded_u64(id),
		.actor         = json_is_object(actor) ? &who : NULL,
	};
	int error = frame ? tr_client_encode_error(e, out, &err) : tr_client_encode_http_error(e, out, &err);

	tr_bytes_free(&metadata);
	return error;
}

static int encode_frame(enum tr_encoding e, struct tr_bytes *out, const char *tag, json_t *val)
{
	struct tr_bytes packed = { 0 };
	int error = -1;

	if (!strcmp(tag, "Init"))
		error = tr_client_encode_init(e, out, text_of(val, "actorId"), text_of(val, "connectionId"));
	else if (!strcmp(tag, "ActionResponse"))
		error = tr_client_encode_response(e, out, recorded_u64(json_object_get(val, "id")),
		                                  payload(&packed, e, val, "output", true));
	else if (!strcmp(tag, "Event"))
		error = tr_client_encode_event(e, out, text_of(val, "name"), payload(&packed, e, val, "args", true));
	else if (!strcmp(tag, "Error"))
		error = encode_error(e, out, val, true);
	tr_bytes_free(&packed);
	return error;
}

static void encode(enum tr_encoding e, struct tr_bytes *out, const char *message, json_t *decoded)
{
	struct tr_bytes packed = { 0 };
	json_t *body = json_object_get(decoded, "body");
	int error;

	if (!strcmp(message, "HttpActionResponse"))
		error = tr_client_encode_http_response(e, out, payload(&packed, e, decoded, "output", true));
	else if (!strcmp(message, "HttpQueueSendResponse"))
		error = tr_client_encode_http_sent(e, out, !strcmp(recorded_text(decoded, "status"), "completed"),
		                                   payload(&packed, e, decoded, "response", true));
	else if (!strcmp(message, "HttpResponseError"))
		error = encode_error(e, out, decoded, false);
	else if (e == TR_ENC_BARE)
		error = encode_frame(e, out, recorded_text(decoded, "tag"), decoded);
	else
		error = encode_frame(e, out, recorded_text(body, "tag"), json_object_get(body, "val"));
	assert_int_equal(error, 0);
	tr_bytes_free(&packed);
}

/* Splits a bare frame that ends with a payload: what stands before its length, and its packed value. */
static size_t bare_split(const struct tr_bytes *frame, const char *message, struct tr_bytes *packed)
{
	struct tr_bare r = tr_bare(frame->data, frame->size);
	struct troupe_text data;
	size_t before;
	const char *why;

	tr_bare_u16(&r);
	if (!strcmp(message, "HttpQueueSendResponse")) {
		tr_bare_text(&r); /* the status */
		assert_true(tr_bare_bool(&r));
	} else if (strcmp(message, "HttpActionResponse") != 0) {
		assert_int_equal(tr_bare_u8(&r), 3); /* Event: the only frame here with such a payload */
		tr_bare_text(&r);
	}
	before = (size_t)(r.at - frame->data);
	data = tr_bare_data(&r);
	assert_true(tr_bare_done(&r));
	assert_int_equal(tr_cbor_decode(packed, data.data, data.size, TR_CBOR_COMPAT, DEPTH, &why), 0);
	return before;
}

/* A few recorded payloads were written by another CBOR encoder than the rest of the recordings (maps with 16-bit heads,
 * a half float). They must say the same in the same order, in an envelope that is the same byte for byte. */
static void assert_same_but_for_heads(enum tr_encoding e, const char *message, const struct tr_bytes *ours,
                                      const struct tr_bytes *recorded)
{
	struct tr_bytes a = { 0 }, b = { 0 };
	const char *why;

	if (e == TR_ENC_CBOR) {
		bool http = !strcmp(message, "HttpActionResponse");

		assert_int_equal(tr_cbor_decode(&a, ours->data, ours->size, TR_CBOR_NATIVE, DEPTH, &why), 0);
		assert_int_equal(tr_cbor_decode(&b, recorded->data, recorded->size, TR_CBOR_NATIVE, DEPTH, &why), 0);
		assert_memory_equal(ours->data, recorded->data, http ? 8 : 42); /* to the end of "output", of "args" */
	} else {
		size_t before = bare_split(ours, message, &a);

		assert_int_equal(bare_split(recorded, message, &b), before);
		assert_memory_equal(ours->data, recorded->data, before);
	}
	assert_same_bytes(a.data, a.size, b.data, b.size);
	tr_bytes_free(&a);
	tr_bytes_free(&b);
}

/* Returns whether it came out byte for byte. */
static bool replay_server(enum tr_encoding e, json_t *vector)
{
	const char *message = recorded_text(vector, "message");
	struct tr_bytes ours = { 0 }, recorded = { 0 };
	bool exact;

	recorded_hex(&recorded, recorded_text(vector, "hex"));
	encode(e, &ours, message, json_object_get(vector, "decoded"));
	exact = ours.size == recorded.size && !memcmp(ours.data, recorded.data, ours.size);
	if (!exact && e == TR_ENC_JSON)
		assert_string_equal(tr_bytes_text(&ours), tr_bytes_text(&recorded));
	if (!exact)
		assert_same_but_for_heads(e, message, &ours, &recorded);
	tr_bytes_free(&ours);
	tr_bytes_free(&recorded);
	return exact;
}

/* ---- from the client */

static void check_payload(enum tr_encoding e, json_t *object, const char *name, struct troupe_value said)
{
	struct tr_bytes expected = { 0 };
	struct troupe_value v = payload(&expected, e, object, name, e != TR_ENC_CBOR);

	assert_same_bytes(said.data, said.size, v.data, v.size);
	tr_bytes_free(&expected);
}

static void check_frame(enum tr_encoding e, json_t *vector, const struct tr_bytes *frame)
{
	json_t *body = e == TR_ENC_BARE ? NULL : json_object_get(json_object_get(vector, "decoded"), "body");
	json_t *val = body ? json_object_get(body, "val") : json_object_get(vector, "decoded");
	bool action = !strcmp(recorded_text(body ? body : val, "tag"), "ActionRequest");
	struct troupe_text name = text_of(val, action ? "name" : "eventName");
	struct tr_client_message m;
	struct tr_bytes arena = { 0 };
	const char *why;

	assert_int_equal(tr_client_decode(e, frame->data, frame->size, DEPTH, &arena, &m, &why), 0);
	assert_int_equal(m.kind, action ? TR_CLIENT_ACTION : TR_CLIENT_SUBSCRIPTION);
	assert_same_bytes(m.name.data, m.name.size, name.data, name.size);
	if (action) {
		assert_int_equal(m.id, recorded_u64(json_object_get(val, "id")));
		check_payload(e, val, "args", m.args);
	} else {
		assert_true(m.subscribe == json_is_true(json_object_get(val, "subscribe")));
	}
	tr_bytes_free(&arena);
}

static void check_body(enum tr_encoding e, json_t *vector, const struct tr_bytes *body)
{
	struct tr_bytes args = { 0 };
	const char *why;

	assert_int_equal(tr_client_decode_http_action(e, body->data, body->size, DEPTH, &args, &why), 0);
	check_payload(e, json_object_get(vector, "decoded"), "args", tr_bytes_value(&args));
	tr_bytes_free(&args);
}

static void check_send(enum tr_encoding e, json_t *vector, const struct tr_bytes *body)
{
	json_t *decoded = json_object_get(vector, "decoded"), *timeout = json_object_get(decoded, "timeout");
	struct tr_bytes arena = { 0 };
	struct tr_client_send m;
	const char *why;

	assert_int_equal(tr_client_decode_http_send(e, body->data, body->size, DEPTH, &arena, &m, &why), 0);
	check_payload(e, decoded, "body", m.body);
	assert_true(m.wait == json_is_true(json_object_get(decoded, "wait")));
	assert_true(m.has_timeout == (json_is_integer(timeout) || json_is_string(timeout)));
	if (m.has_timeout)
		assert_int_equal(m.timeout_ms, recorded_u64(timeout));
	tr_bytes_free(&arena);
}

static void replay_client(enum tr_encoding e, json_t *vector)
{
	struct tr_bytes bytes = { 0 };

	recorded_hex(&bytes, recorded_text(vector, "hex"));
	if (!strcmp(recorded_text(vector, "message"), "HttpActionRequest"))
		check_body(e, vector, &bytes);
	else if (!strcmp(recorded_text(vector, "message"), "HttpQueueSendRequest"))
		check_send(e, vector, &bytes);
	else
		check_frame(e, vector, &bytes);
	tr_bytes_free(&bytes);
}

/* ---- a whole file */

struct counts { int server, client, exact, skipped; };

static struct counts replay(enum tr_encoding e, const char *name)
{
	json_t *file = recorded_load(name), *vectors = json_object_get(file, "vectors"), *vector;
	struct counts n = { 0 };
	size_t i;

	assert_string_equal(recorded_text(file, "encoding"), tr_encoding_name(e));
	json_array_foreach(vectors, i, vector) {
		const char *message = recorded_text(vector, "message");

		if (IS_ONE_OF(message, skipped_messages)) {
			n.skipped++;
			continue;
		}
		if (!IS_ONE_OF(message, replayed_messages))
			fail_msg("%s: no idea what to do with a %s", name, message);
		if (!strcmp(recorded_text(vector, "direction"), "server_to_client")) {
			n.exact += replay_server(e, vector);
			n.server++;
		} else {
			replay_client(e, vector);
			n.client++;
		}
	}
	assert_int_equal(n.server + n.client + n.skipped, json_array_size(vectors));
	print_message("%s: %d of the server's messages (%d byte for byte), %d of the client's, %d skipped\n", name,
	              n.server, n.exact, n.client, n.skipped);
	json_decref(file);
	return n;
}

TEST(json_recordings_are_replayed_byte_for_byte)
{
	struct counts n = replay(TR_ENC_JSON, "json.json");

	assert_int_equal(n.server, 26);
	assert_int_equal(n.exact, n.server);
	assert_int_equal(n.client, 25);
}

TEST(cbor_recordings_are_replayed_byte_for_byte)
{
	struct counts n = replay(TR_ENC_CBOR, "cbor.json");

	assert_int_equal(n.server, 26);
	assert_int_equal(n.exact, n.server - 2); /* assert_same_but_for_heads */
	assert_int_equal(n.client, 25);
}

TEST(bare_recordings_are_replayed_byte_for_byte)
{
	struct counts n = replay(TR_ENC_BARE, "bare.json");

	assert_int_equal(n.server, 26);
	assert_int_equal(n.exact, n.server - 3); /* assert_same_but_for_heads */
	assert_int_equal(n.client, 25);
}

TESTS(
	RUN(json_recordings_are_replayed_byte_for_byte),
	RUN(cbor_recordings_are_replayed_byte_for_byte),
	RUN(bare_recordings_are_replayed_byte_for_byte))
