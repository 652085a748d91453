/* SPDX-License-Identifier: Apache-2.0 */
/* Structs described by troupe_record.h, to and from packed values. */
#ifndef TR_PROTO_RECORD_H
#define TR_PROTO_RECORD_H

#include "proto/value.h"

/* Where decoded texts and values are copied to. Memory comes from `alloc`, which must return zeroed, aligned memory
 * or NULL (then TROUPE_ENOMEM), and lives as long as its owner says. */
struct tr_arena { void *(*alloc)(void *owner, size_t size); void *owner; };

#define TR_RECORD_FIELDS_MAX 128 /* of one record; asserted */

/* Fills the struct at `into` from a packed map (unknown names are passed over, the last of duplicates counts) / from a
 * packed array whose elements are the fields in order (more elements than fields is an error). Only the described fields
 * are written. Absent, null or undefined optional fields get their fallback. Copied texts and values end in a NUL that
 * is not counted. 0; TROUPE_EINVAL with a sentence in `why` (of why_size bytes, cut to fit) naming the field and what
 * would do: "prompt.text: must be text, got a number"; TROUPE_ENOMEM. On failure `into` is unspecified. */
int tr_record_decode(const struct troupe_record *r, void *into, struct troupe_value map, const struct tr_arena *arena,
                     char *why, size_t why_size);
int tr_record_decode_list(const struct troupe_record *r, void *into, struct troupe_value array, const struct tr_arena *arena,
                          char *why, size_t why_size);

/* Appends the packed map. Absent texts and values (NULL, size 0) are left out, what is not UTF-8 in a text is written as
 * U+FFFD; `extra` more pairs are announced in the map's head, to be written by the caller right after. */
void tr_record_encode(const struct troupe_record *r, const void *from, uint32_t extra, struct tr_bytes *out);

#endif
