/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR <-> packed values, in the dialect of spec/rivetkit-client.md 7.2. Strict and bounded: a length is believed only
 * as far as there are bytes; nothing is allocated for what a head claims. */
#ifndef TR_PROTO_CBOR_H
#define TR_PROTO_CBOR_H

#include "proto/value.h"

enum tr_cbor_mode {
	TR_CBOR_NATIVE, /* decode: "$" arrays are arrays. What a client in `cbor` encoding sends (7.3, last table row) */
	TR_CBOR_COMPAT  /* decode: "$" forms are revived. Payloads of `bare`, actor input */
};
/* Encoding is the same for both, as every client takes it ("Server -> client choices", 7.3): undefined, BigInt, bytes
 * and Set go as "$" forms, arrays that look like one are escaped; Map, dates and typed arrays have their tags;
 * integers below -2^31 or above 2^32 - 1 are doubles. */

/* Appends the packed form of exactly one item (trailing bytes are an error). 0, TROUPE_EBADVALUE with *why (which may
 * be NULL), or TROUPE_ENOMEM. On failure nothing is added to `out`. Text that is not UTF-8, which cbor-x makes of lone
 * surrogates, gets U+FFFD, as in JavaScript. */
int tr_cbor_decode(struct tr_bytes *out, const void *data, size_t size, enum tr_cbor_mode mode, unsigned depth,
                   const char **why);
/* The same for one item at the start of the data: *used says how many bytes it took. */
int tr_cbor_decode_prefix(struct tr_bytes *out, const void *data, size_t size, size_t *used, enum tr_cbor_mode mode,
                          unsigned depth, const char **why);

/* Appends the CBOR of a packed value. Kept JSON (ext 7) is transcoded. 0, TROUPE_EBADVALUE or TROUPE_ENOMEM. */
int tr_cbor_encode(struct tr_bytes *out, struct troupe_value v);

/* Heads, for who composes messages: major type 0..7 with its argument in the shortest form. */
void tr_cbor_put_head(struct tr_bytes *out, unsigned major, uint64_t argument);
/* 1b + 8 bytes, whatever the value: becomes a BigInt in JavaScript (7.5). */
void tr_cbor_put_u64(struct tr_bytes *out, uint64_t value);
void tr_cbor_put_text(struct tr_bytes *out, struct troupe_text text);

#endif
