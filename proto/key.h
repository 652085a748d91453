/* SPDX-License-Identifier: Apache-2.0 */
/* Actor keys (spec/rivetkit-client.md 4.4) and the two base64 alphabets.
 *
 * One canonical form inside: the serialised text of the control routes ("/" for the empty key), after the
 * normalisation of 4.4: every part is split again at ",", and [""] is []. So the control routes and the gateway reach
 * one actor. */
#ifndef TR_PROTO_KEY_H
#define TR_PROTO_KEY_H

#include "proto/bytes.h"
#include "proto/troupe_record.h"

struct tr_key_limits { size_t part_max, key_max; };

/* Append the canonical text. From the control routes' serialised form / from the decoded value of rvt-key (absent:
 * size 0 and data NULL). 0; TROUPE_EKEY when over a limit; TROUPE_EINVAL when it is not UTF-8 or holds U+0000. */
int tr_key_from_control(struct tr_bytes *out, struct troupe_text serialised, const struct tr_key_limits *limits);
int tr_key_from_query(struct tr_bytes *out, struct troupe_text value, const struct tr_key_limits *limits);

/* How many parts a canonical key has; the part at `index`, unescaped, appended to `out` (false: no such part). */
size_t tr_key_count(struct troupe_text canonical);
bool tr_key_part(struct tr_bytes *out, struct troupe_text canonical, size_t index);

/* 1 to `max` of [A-Za-z0-9._-]: what kinds and namespaces are called. */
bool tr_name_plain(struct troupe_text name, size_t max);

/* Standard alphabet, padded; and base64url without padding. Decoding accepts what its name says and nothing else;
 * tr_base64_decode_any takes both alphabets, padded or not. 0 or TROUPE_EBADVALUE. */
void tr_base64_encode(struct tr_bytes *out, const void *data, size_t size);
int tr_base64_decode(struct tr_bytes *out, struct troupe_text text);
int tr_base64url_decode(struct tr_bytes *out, struct troupe_text text);
int tr_base64_decode_any(struct tr_bytes *out, struct troupe_text text);

/* Valid UTF-8 (no surrogates, no overlong forms, at most U+10FFFF)? */
bool tr_utf8_valid(const char *data, size_t size);

/* Appends the text; what is not UTF-8 becomes U+FFFD, as a browser's decoder replaces it. */
void tr_utf8_put_clean(struct tr_bytes *out, struct troupe_text text);

#endif
