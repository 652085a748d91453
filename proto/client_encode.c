/* SPDX-License-Identifier: Apache-2.0 */
/* What the server says, in the three encodings.
 *
 * The envelopes are fixed, so they are written as literals around what varies; byte for byte as the official server
 * writes them (proto/vectors). A client drops a frame that does not fit its schema without a word, and the call that
 * waits for it hangs: therefore texts are cleaned to UTF-8, ids have the one form that becomes a BigInt, absent
 * things are left out, and what fails halfway takes back what it wrote. */
#include <string.h>

#include "proto/bare.h"
#include "proto/cbor.h"
#include "proto/client.h"
#include "proto/json.h"
#include "proto/key.h"
#include "proto/text.h"
#include "proto/troupe_errors.h"

#define PUT(out, literal) tr_bytes_put(out, literal, sizeof(literal) - 1)

#define BARE_VERSION 4
enum { BARE_INIT, BARE_ERROR, BARE_RESPONSE, BARE_EVENT }; /* ToClient */

static enum tr_kind kind_of(struct troupe_value v)
{
	struct tr_cursor c = tr_cursor(v);
	struct tr_item item;

	return v.size && !tr_next(&c, &item) ? item.kind : TR_UNDEFINED;
}

/* Undefined metadata is none: as a member of an error it would only be noise. */
static bool has_metadata(const struct tr_client_error *err)
{
	return err->metadata.size && kind_of(err->metadata) != TR_UNDEFINED;
}

/* What was begun at `start` is kept only if all of it is right. */
static int finish(struct tr_bytes *out, size_t start, int error)
{
	if (!error && out->failed)
		error = TROUPE_ENOMEM;
	if (error)
		out->size = start;
	return error;
}

/* ---- json: members in alphabetical order */

static void json_decimal(struct tr_bytes *out, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	tr_bytes_put(out, digits + at, sizeof(digits) - at);
}

static void json_id(struct tr_bytes *out, uint64_t id)
{
	PUT(out, "[\"$BigInt\",\"");
	json_decimal(out, id);
	PUT(out, "\"]");
}

static int json_value(struct tr_bytes *out, struct troupe_value v)
{
	if (v.size)
		return tr_json_encode(out, v, TR_JSON_COMPAT);
	PUT(out, "[\"$Undefined\",0]");
	return 0;
}

static void json_actor(struct tr_bytes *out, const struct tr_client_actor *actor)
{
	PUT(out, "\"actor\":{\"actorId\":");
	tr_json_put_string(out, actor->id);
	PUT(out, ",\"generation\":");
	json_decimal(out, actor->generation);
	if (actor->key.data) {
		PUT(out, ",\"key\":");
		tr_json_put_string(out, actor->key);
	}
	PUT(out, "},");
}

/* The members of an error from "actor" to the last. */
static int json_error(struct tr_bytes *out, const struct tr_client_error *err)
{
	if (err->actor)
		json_actor(out, err->actor);
	PUT(out, "\"code\":");
	tr_json_put_string(out, err->code);
	PUT(out, ",\"group\":");
	tr_json_put_string(out, err->group);
	PUT(out, ",\"message\":");
	tr_json_put_string(out, err->message);
	if (!has_metadata(err))
		return 0;
	PUT(out, ",\"metadata\":");
	return tr_json_encode(out, err->metadata, TR_JSON_COMPAT);
}

static int json_event(struct tr_bytes *out, struct troupe_text name, struct troupe_value args)
{
	int error;

	PUT(out, "{\"body\":{\"tag\":\"Event\",\"val\":{\"args\":");
	error = json_value(out, args);
	PUT(out, ",\"name\":");
	tr_json_put_string(out, name);
	PUT(out, "}}}");
	return error;
}

static int json_response(struct tr_bytes *out, uint64_t id, struct troupe_value output)
{
	int error;

	PUT(out, "{\"body\":{\"tag\":\"ActionResponse\",\"val\":{\"id\":");
	json_id(out, id);
	PUT(out, ",\"output\":");
	error = json_value(out, output);
	PUT(out, "}}}");
	return error;
}

static int json_error_frame(struct tr_bytes *out, const struct tr_client_error *err)
{
	int error;

	PUT(out, "{\"body\":{\"tag\":\"Error\",\"val\":{\"actionId\":");
	if (err->has_action_id)
		json_id(out, err->action_id);
	else
		PUT(out, "null");
	PUT(out, ",");
	error = json_error(out, err);
	PUT(out, "}}}");
	return error;
}

/* ---- cbor: members in the order of the schema; HTTP errors alphabetical, with a short generation */

#define CBOR_BODY(tag_head, tag) "\xa1" "\x64" "body" "\xa2" "\x63" "tag" tag_head tag "\x63" "val"

static void cbor_text(struct tr_bytes *out, struct troupe_text text)
{
	struct tr_bytes clean = { 0 };

	if (tr_utf8_valid(text.data, text.size)) {
		tr_cbor_put_text(out, text);
		return;
	}
	tr_utf8_put_clean(&clean, text);
	out->failed |= clean.failed;
	tr_cbor_put_text(out, (struct troupe_text){ (const char *)clean.data, clean.size });
	tr_bytes_free(&clean);
}

static int cbor_value(struct tr_bytes *out, struct troupe_value v)
{
	if (v.size)
		return tr_cbor_encode(out, v);
	PUT(out, "\x82" "\x6a" "$Undefined" "\0");
	return 0;
}

static int cbor_metadata(struct tr_bytes *out, const struct tr_client_error *err)
{
	if (!has_metadata(err))
		return 0;
	PUT(out, "\x68" "metadata");
	return tr_cbor_encode(out, err->metadata);
}

static void cbor_actor(struct tr_bytes *out, const struct tr_client_actor *actor, bool short_generation)
{
	if (!actor)
		return;
	PUT(out, "\x65" "actor");
	tr_cbor_put_head(out, 5, actor->key.data ? 3 : 2);
	PUT(out, "\x67" "actorId");
	cbor_text(out, actor->id);
	PUT(out, "\x6a" "generation");
	if (short_generation)
		tr_cbor_put_head(out, 0, actor->generation);
	else
		tr_cbor_put_u64(out, actor->generation);
	if (!actor->key.data)
		return;
	PUT(out, "\x63" "key");
	cbor_text(out, actor->key);
}

static int cbor_event(struct tr_bytes *out, struct troupe_text name, struct troupe_value args)
{
	PUT(out, CBOR_BODY("\x65", "Event") "\xa2" "\x64" "name");
	cbor_text(out, name);
	PUT(out, "\x64" "args");
	return cbor_value(out, args);
}

static int cbor_response(struct tr_bytes *out, uint64_t id, struct troupe_value output)
{
	PUT(out, CBOR_BODY("\x6e", "ActionResponse") "\xa2" "\x62" "id");
	tr_cbor_put_u64(out, id);
	PUT(out, "\x66" "output");
	return cbor_value(out, output);
}

static int cbor_error_frame(struct tr_bytes *out, const struct tr_client_error *err)
{
	int error;

	PUT(out, CBOR_BODY("\x65", "Error"));
	tr_cbor_put_head(out, 5, 4u + has_metadata(err) + !!err->actor);
	PUT(out, "\x65" "group");
	cbor_text(out, err->group);
	PUT(out, "\x64" "code");
	cbor_text(out, err->code);
	PUT(out, "\x67" "message");
	cbor_text(out, err->message);
	error = cbor_metadata(out, err);
	cbor_actor(out, err->actor, false);
	PUT(out, "\x68" "actionId");
	if (err->has_action_id)
		tr_cbor_put_u64(out, err->action_id);
	else
		PUT(out, "\xf6");
	return error;
}

static int cbor_http_error(struct tr_bytes *out, const struct tr_client_error *err)
{
	tr_cbor_put_head(out, 5, 3u + has_metadata(err) + !!err->actor);
	cbor_actor(out, err->actor, true);
	PUT(out, "\x64" "code");
	cbor_text(out, err->code);
	PUT(out, "\x65" "group");
	cbor_text(out, err->group);
	PUT(out, "\x67" "message");
	cbor_text(out, err->message);
	return cbor_metadata(out, err);
}

/* ---- bare: fields in the order of the schema */

static void bare_frame(struct tr_bytes *out, uint64_t tag)
{
	tr_bare_put_u16(out, BARE_VERSION);
	tr_bare_put_uint(out, tag);
}

static int bare_value(struct tr_bytes *out, struct troupe_value v)
{
	size_t begun = tr_bare_begin_data(out);
	int error = cbor_value(out, v);

	tr_bare_end_data(out, begun);
	return error;
}

static void bare_actor(struct tr_bytes *out, const struct tr_client_actor *actor)
{
	tr_bytes_put_byte(out, actor != NULL);
	if (!actor)
		return;
	tr_bare_put_text(out, actor->id);
	tr_bare_put_uint(out, actor->generation);
	tr_bytes_put_byte(out, actor->key.data != NULL);
	if (actor->key.data)
		tr_bare_put_text(out, actor->key);
}

/* The fields of an error up to its metadata. */
static int bare_error(struct tr_bytes *out, const struct tr_client_error *err)
{
	tr_bare_put_text(out, err->group);
	tr_bare_put_text(out, err->code);
	tr_bare_put_text(out, err->message);
	tr_bytes_put_byte(out, has_metadata(err));
	return has_metadata(err) ? bare_value(out, err->metadata) : 0;
}

static int bare_event(struct tr_bytes *out, struct troupe_text name, struct troupe_value args)
{
	bare_frame(out, BARE_EVENT);
	tr_bare_put_text(out, name);
	return bare_value(out, args);
}

static int bare_response(struct tr_bytes *out, uint64_t id, struct troupe_value output)
{
	bare_frame(out, BARE_RESPONSE);
	tr_bare_put_uint(out, id);
	return bare_value(out, output);
}

static int bare_error_frame(struct tr_bytes *out, const struct tr_client_error *err)
{
	int error;

	bare_frame(out, BARE_ERROR);
	error = bare_error(out, err);
	tr_bytes_put_byte(out, err->has_action_id);
	if (err->has_action_id)
		tr_bare_put_uint(out, err->action_id);
	bare_actor(out, err->actor);
	return error;
}

/* ---- the messages, whatever the encoding */

int tr_client_encode_init(enum tr_encoding e, struct tr_bytes *out, struct troupe_text actor_id,
                          struct troupe_text connection_id)
{
	size_t start = out->size;

	switch (e) {
	case TR_ENC_JSON:
		PUT(out, "{\"body\":{\"tag\":\"Init\",\"val\":{\"actorId\":");
		tr_json_put_string(out, actor_id);
		PUT(out, ",\"connectionId\":");
		tr_json_put_string(out, connection_id);
		PUT(out, "}}}");
		break;
	case TR_ENC_CBOR:
		PUT(out, CBOR_BODY("\x64", "Init") "\xa2" "\x67" "actorId");
		cbor_text(out, actor_id);
		PUT(out, "\x6c" "connectionId");
		cbor_text(out, connection_id);
		break;
	case TR_ENC_BARE:
		bare_frame(out, BARE_INIT);
		tr_bare_put_text(out, actor_id);
		tr_bare_put_text(out, connection_id);
		break;
	}
	return finish(out, start, 0);
}

int tr_client_encode_response(enum tr_encoding e, struct tr_bytes *out, uint64_t action_id, struct troupe_value output)
{
	static int (*const encode[TR_ENCODINGS])(struct tr_bytes *, uint64_t, struct troupe_value) = {
		[TR_ENC_JSON] = json_response, [TR_ENC_CBOR] = cbor_response, [TR_ENC_BARE] = bare_response,
	};
	size_t start = out->size;

	return finish(out, start, encode[e](out, action_id, output));
}

int tr_client_encode_event(enum tr_encoding e, struct tr_bytes *out, struct troupe_text name, struct troupe_value args)
{
	static int (*const encode[TR_ENCODINGS])(struct tr_bytes *, struct troupe_text, struct troupe_value) = {
		[TR_ENC_JSON] = json_event, [TR_ENC_CBOR] = cbor_event, [TR_ENC_BARE] = bare_event,
	};
	size_t start = out->size;

	if (kind_of(args) != TR_ARRAY)
		return TROUPE_EBADVALUE;
	return finish(out, start, encode[e](out, name, args));
}

int tr_client_encode_error(enum tr_encoding e, struct tr_bytes *out, const struct tr_client_error *err)
{
	static int (*const encode[TR_ENCODINGS])(struct tr_bytes *, const struct tr_client_error *) = {
		[TR_ENC_JSON] = json_error_frame, [TR_ENC_CBOR] = cbor_error_frame, [TR_ENC_BARE] = bare_error_frame,
	};
	size_t start = out->size;

	return finish(out, start, encode[e](out, err));
}

int tr_client_encode_http_response(enum tr_encoding e, struct tr_bytes *out, struct troupe_value output)
{
	size_t start = out->size;
	int error = 0;

	switch (e) {
	case TR_ENC_JSON:
		PUT(out, "{\"output\":");
		error = json_value(out, output);
		PUT(out, "}");
		break;
	case TR_ENC_CBOR:
		PUT(out, "\xa1" "\x66" "output");
		error = cbor_value(out, output);
		break;
	case TR_ENC_BARE:
		tr_bare_put_u16(out, BARE_VERSION);
		error = bare_value(out, output);
		break;
	}
	return finish(out, start, error);
}

/* Queues: an undefined response is none. */
static int json_sent(struct tr_bytes *out, const char *status, struct troupe_value response)
{
	int error = 0;

	PUT(out, "{");
	if (kind_of(response) != TR_UNDEFINED) {
		PUT(out, "\"response\":");
		error = json_value(out, response);
		PUT(out, ",");
	}
	PUT(out, "\"status\":\"");
	tr_bytes_put_text(out, status);
	PUT(out, "\"}");
	return error;
}

static int cbor_sent(struct tr_bytes *out, const char *status, struct troupe_value response)
{
	bool has_response = kind_of(response) != TR_UNDEFINED;
	int error = 0;

	tr_cbor_put_head(out, 5, 1u + has_response);
	if (has_response) {
		PUT(out, "\x68" "response");
		error = cbor_value(out, response);
	}
	PUT(out, "\x66" "status");
	tr_cbor_put_text(out, tr_text_from(status));
	return error;
}

static int bare_sent(struct tr_bytes *out, const char *status, struct troupe_value response)
{
	bool has_response = kind_of(response) != TR_UNDEFINED;

	tr_bare_put_u16(out, BARE_VERSION);
	tr_bare_put_text(out, tr_text_from(status));
	tr_bytes_put_byte(out, has_response);
	return has_response ? bare_value(out, response) : 0;
}

int tr_client_encode_http_sent(enum tr_encoding e, struct tr_bytes *out, bool completed, struct troupe_value response)
{
	static int (*const encode[TR_ENCODINGS])(struct tr_bytes *, const char *, struct troupe_value) = {
		[TR_ENC_JSON] = json_sent, [TR_ENC_CBOR] = cbor_sent, [TR_ENC_BARE] = bare_sent,
	};
	size_t start = out->size;

	return finish(out, start, encode[e](out, completed ? "completed" : "timedOut", response));
}

int tr_client_encode_http_error(enum tr_encoding e, struct tr_bytes *out, const struct tr_client_error *err)
{
	size_t start = out->size;
	int error = 0;

	switch (e) {
	case TR_ENC_JSON:
		PUT(out, "{");
		error = json_error(out, err);
		PUT(out, "}");
		break;
	case TR_ENC_CBOR:
		error = cbor_http_error(out, err);
		break;
	case TR_ENC_BARE:
		tr_bare_put_u16(out, BARE_VERSION);
		error = bare_error(out, err);
		bare_actor(out, err->actor);
		break;
	}
	return finish(out, start, error);
}
