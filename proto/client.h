/* SPDX-License-Identifier: Apache-2.0 */
/* The client protocol's messages (spec/rivetkit-client.md 5 to 8) in its three encodings, to and from packed values.
 * All encoders append one whole message (WebSocket payload or HTTP body) to `out`; 0, TROUPE_EBADVALUE for a value
 * that is no packed value, TROUPE_ENOMEM when `out` failed. On failure nothing is added. Texts that are not UTF-8 go
 * out with U+FFFD in place of what is not: no frame is one that the client would drop (spec 6.4). All decoders add
 * nothing on failure, and give TROUPE_ENOMEM, too, when their output failed.
 *
 * Envelopes are the official server's, byte for byte. One rule for each kind covers all recordings:
 *   json         members in alphabetical order
 *   cbor frames  members in the order of the schema, actionId last; id, actionId and generation as 1b + 8 bytes
 *   cbor bodies  (HTTP) members in alphabetical order; generation in its shortest form
 *   bare         fields in the order of the schema, version 4 */
#ifndef TR_PROTO_CLIENT_H
#define TR_PROTO_CLIENT_H

#include "proto/value.h"

enum tr_encoding { TR_ENC_JSON, TR_ENC_CBOR, TR_ENC_BARE };
#define TR_ENCODINGS 3

/* "json", "cbor", "bare". False for anything else. */
bool tr_encoding_from_name(struct troupe_text name, enum tr_encoding *ret);
const char *tr_encoding_name(enum tr_encoding e);

/* ---- from the client */

enum tr_client_kind { TR_CLIENT_ACTION, TR_CLIENT_SUBSCRIPTION };

struct tr_client_message {
	enum tr_client_kind kind;
	uint64_t            id;        /* action */
	struct troupe_text  name;      /* action or event name */
	struct troupe_value args;      /* action: a packed array */
	bool                subscribe; /* subscription */
};

/* One WebSocket message. Everything in *ret lies in `arena`, which the caller clears or frees when done (it is appended
 * to and must not be written to meanwhile). 0, or TROUPE_EMESSAGE with *why (static, never NULL) when it is not of the
 * schema or args are nested deeper than `depth`; then *ret is unspecified. id may be ["$BigInt","n"] (json), 1b + 8
 * bytes (cbor) or a plain number, up to 2^64-1. BARE: versions 1 to 4. */
int tr_client_decode(enum tr_encoding e, const void *data, size_t size, unsigned depth, struct tr_bytes *arena,
                     struct tr_client_message *ret, const char **why);

/* Body of POST .../action/{name}: appends the packed array of arguments. An empty body is []; missing or null args are [];
 * a value that is no array is wrapped (spec 5, 2.3). 0 or TROUPE_EMESSAGE. */
int tr_client_decode_http_action(enum tr_encoding e, const void *data, size_t size, unsigned depth, struct tr_bytes *out,
                                 const char **why);

/* Body of POST .../queue/{name}. BARE: versions 3 and 4. An empty body is a message that is undefined, not waited for. The name
 * that the body may repeat is not looked at: the path counts. timeout_ms: rounded down, at most 2^53. Everything else as in
 * tr_client_decode. */
struct tr_client_send {
	struct troupe_value body;        /* size 0: undefined */
	bool                wait;
	bool                has_timeout;
	uint64_t            timeout_ms;
};
int tr_client_decode_http_send(enum tr_encoding e, const void *data, size_t size, unsigned depth, struct tr_bytes *arena,
                               struct tr_client_send *ret, const char **why);

/* Connection parameters, JSON text to packed. From x-rivet-conn-params (Latin-1 bytes, spec 5) or from the
 * percent-encoded subprotocol token after "rivet_conn_params." (spec 6.1). 0 or TROUPE_EINVAL. */
int tr_client_decode_params_header(struct tr_bytes *out, struct troupe_text latin1, unsigned depth);
int tr_client_decode_params_token(struct tr_bytes *out, struct troupe_text percent_encoded, unsigned depth);

/* Actor input: base64 of CBOR with compat escapes (spec 3.5, 4.2). TROUPE_EBASE64 or TROUPE_EINPUT. */
int tr_client_decode_input(struct tr_bytes *out, struct troupe_text base64, bool url_alphabet, unsigned depth);

/* ---- to the client */

struct tr_client_actor { struct troupe_text id; uint64_t generation; struct troupe_text key; /* data NULL: left out */ };

struct tr_client_error {
	struct troupe_text            group, code, message;
	struct troupe_value           metadata; /* size 0 or undefined: left out */
	bool                          has_action_id;
	uint64_t                      action_id;
	const struct tr_client_actor *actor;    /* NULL: left out */
};

int tr_client_encode_init(enum tr_encoding e, struct tr_bytes *out, struct troupe_text actor_id, struct troupe_text connection_id);
/* output.size 0 is sent as undefined. */
int tr_client_encode_response(enum tr_encoding e, struct tr_bytes *out, uint64_t action_id, struct troupe_value output);
/* args: a packed array; TROUPE_EBADVALUE for anything else. */
int tr_client_encode_event(enum tr_encoding e, struct tr_bytes *out, struct troupe_text name, struct troupe_value args);
int tr_client_encode_error(enum tr_encoding e, struct tr_bytes *out, const struct tr_client_error *err);

int tr_client_encode_http_response(enum tr_encoding e, struct tr_bytes *out, struct troupe_value output);
/* How a queue message went: status `completed` or `timedOut`; response.size 0, or undefined: left out. */
int tr_client_encode_http_sent(enum tr_encoding e, struct tr_bytes *out, bool completed, struct troupe_value response);
/* The HTTP error body. action_id is not used. */
int tr_client_encode_http_error(enum tr_encoding e, struct tr_bytes *out, const struct tr_client_error *err);

#endif
