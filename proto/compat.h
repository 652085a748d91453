/* SPDX-License-Identifier: Apache-2.0 */
/* The "$" forms (spec/rivetkit-client.md 7.3): how JSON, and CBOR inside bare, say what they have no notation for.
 *
 * A decoder makes a packed array of two from ["$BigInt","1"] like from any other array, and then has it replaced by
 * the value that it stands for. So the forms are known here and nowhere else. */
#ifndef TR_PROTO_COMPAT_H
#define TR_PROTO_COMPAT_H

#include "proto/value.h"

#define TR_COMPAT_UNDEFINED "$Undefined"
#define TR_COMPAT_BIGINT    "$BigInt"
#define TR_COMPAT_BYTES     "$Uint8Array"
#define TR_COMPAT_BUFFER    "$ArrayBuffer"
#define TR_COMPAT_SET       "$Set"

/* `out` ends with one packed array, which starts at `start` and whose elements are final. When it is a form, it is
 * replaced by its value. 0; TROUPE_EBADVALUE with *why for an unknown or wrong form; TROUPE_ENOMEM. */
int tr_compat_revive(struct tr_bytes *out, size_t start, const char **why);

/* `out` ends with the first of two elements, which starts at `start`: is it "$Set"? Then the second one, the array of
 * the Set's elements, is itself no form, whatever it starts with (its elements may be). */
bool tr_compat_opens_set(const struct tr_bytes *out, size_t start);

/* Encoders: must this array's first element get one "$" more? `c` stands behind the array's head. */
bool tr_compat_must_escape(struct tr_cursor c, uint32_t count);

/* Does this JSON text (checked) start a string with "$", written as it is or as an escape? */
bool tr_compat_json_dollar(const char *text, size_t size);

#endif
