/* SPDX-License-Identifier: Apache-2.0 */
/* What a client gives along with its address: connection parameters (JSON in a header or in a subprotocol token) and
 * the input of a new actor (CBOR in base64). Each is unwrapped into scratch memory, then decoded. */
#include "proto/cbor.h"
#include "proto/client.h"
#include "proto/json.h"
#include "proto/key.h"
#include "proto/troupe_errors.h"

/* Decodes what is in `scratch`, and frees that. Parameters come from a plain JSON.stringify: no "$" forms. */
static int decode_json(struct tr_bytes *out, struct tr_bytes *scratch, unsigned depth)
{
	int error = scratch->failed ? TROUPE_ENOMEM : 0;

	if (!error)
		error = tr_json_decode(out, (struct troupe_text){ (const char *)scratch->data, scratch->size },
		                       TR_JSON_PLAIN, depth, NULL);
	tr_bytes_free(scratch);
	return error && error != TROUPE_ENOMEM ? TROUPE_EINVAL : error;
}

int tr_client_decode_params_header(struct tr_bytes *out, struct troupe_text latin1, unsigned depth)
{
	struct tr_bytes utf8 = { 0 };

	for (size_t i = 0; i < latin1.size; i++) {
		uint8_t c = (uint8_t)latin1.data[i];

		if (c >= 0x80) {
			tr_bytes_put_byte(&utf8, (uint8_t)(0xc0 | c >> 6));
			c = (c & 0x3f) | 0x80;
		}
		tr_bytes_put_byte(&utf8, c);
	}
	return decode_json(out, &utf8, depth);
}

/* 0 to 15, or -1. */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Only complete escapes are taken: encodeURIComponent writes no others. */
static bool percent_decode(struct tr_bytes *out, struct troupe_text text)
{
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = (uint8_t)text.data[i];

		if (c == '%') {
			int high = i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
			int low = high < 0 ? -1 : hex_digit(text.data[i + 2]);

			if (low < 0)
				return false;
			c = (uint8_t)(high << 4 | low);
			i += 2;
		}
		tr_bytes_put_byte(out, c);
	}
	return true;
}

int tr_client_decode_params_token(struct tr_bytes *out, struct troupe_text percent_encoded, unsigned depth)
{
	struct tr_bytes json = { 0 };

	if (percent_decode(&json, percent_encoded))
		return decode_json(out, &json, depth);
	tr_bytes_free(&json);
	return TROUPE_EINVAL;
}

int tr_client_decode_input(struct tr_bytes *out, struct troupe_text base64, bool url_alphabet, unsigned depth)
{
	struct tr_bytes cbor = { 0 };
	const char *why;
	int error = url_alphabet ? tr_base64url_decode(&cbor, base64) : tr_base64_decode(&cbor, base64);

	if (error) {
		tr_bytes_free(&cbor);
		return error == TROUPE_ENOMEM ? error : TROUPE_EBASE64;
	}
	error = tr_cbor_decode(out, cbor.data, cbor.size, TR_CBOR_COMPAT, depth, &why);
	tr_bytes_free(&cbor);
	return error && error != TROUPE_ENOMEM ? TROUPE_EINPUT : error;
}
