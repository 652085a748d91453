/* SPDX-License-Identifier: Apache-2.0 */
/* JSON <-> packed values, as JavaScript means it. Strict (RFC 8259, UTF-8) and bounded. Duplicate names are kept in
 * their order; who looks one up gets the last, as in JavaScript. */
#ifndef TR_PROTO_JSON_H
#define TR_PROTO_JSON_H

#include "proto/value.h"

enum tr_json_mode {
	TR_JSON_PLAIN,  /* arrays are arrays */
	TR_JSON_COMPAT  /* ["$BigInt","1"] and its kin are revived / escaped (spec/rivetkit-client.md 7.3) */
};

/* Appends the packed form of one JSON text (white space around it is allowed). Numbers become what JavaScript's
 * JSON.parse makes of them. A lone surrogate escape (\ud800) becomes U+FFFD. Returns 0; TROUPE_EBADVALUE with *why
 * (static sentence; why may be NULL) when it is not JSON, nested deeper than `depth`, or holds an unknown "$" form
 * in COMPAT mode; TROUPE_ENOMEM when `out` failed. On failure `out` keeps what it held before, nothing is added. */
int tr_json_decode(struct tr_bytes *out, struct troupe_text json, enum tr_json_mode mode, unsigned depth,
                   const char **why);

/* Appends the JSON of a packed value: shortest digits that JavaScript reads back as the same double, as
 * JSON.stringify prints them; NaN and infinities as null. COMPAT: undefined, BigInt, bytes, Set as their "$" forms,
 * arrays that would be mistaken for one get a "$" more. PLAIN: undefined as null (left out of maps), BigInt as digits,
 * bytes as base64 text, Set as an array. In both: a Map as an array of [key, value], a typed array as an array of
 * numbers, a date as ISO text (null when invalid). Kept JSON (ext 7) goes out to the byte, but for those escapes.
 * Returns 0, or TROUPE_EBADVALUE for bytes that are no packed value, or TROUPE_ENOMEM. */
int tr_json_encode(struct tr_bytes *out, struct troupe_value v, enum tr_json_mode mode);

/* Is this exactly one JSON text (no white space around it), UTF-8, nested at most `depth`? 0 or TROUPE_EBADVALUE. */
int tr_json_check(struct troupe_text json, unsigned depth, const char **why);

/* Lends the raw text of the member at a path of object keys: tr_json_find(t, &ret, "params", "update", NULL).
 * `json` must have passed tr_json_check. False when there is none. The last of duplicate keys counts. */
bool tr_json_find(struct troupe_text json, struct troupe_text *ret, ...) __attribute__((sentinel));
/* Like tr_json_find, for a string: its unescaped content is appended to `out`. */
bool tr_json_find_string(struct troupe_text json, struct tr_bytes *out, ...) __attribute__((sentinel));

/* Appends a JSON string, quotes included. Invalid UTF-8 is replaced by U+FFFD. */
void tr_json_put_string(struct tr_bytes *out, struct troupe_text text);

#endif
