/* SPDX-License-Identifier: Apache-2.0 */
/* The primitives of BARE that the client protocol uses (spec/rivetkit-client.md 7.1): reading by a cursor over bytes
 * that stay where they are, writing to tr_bytes. */
#ifndef TR_PROTO_BARE_H
#define TR_PROTO_BARE_H

#include "proto/bytes.h"
#include "proto/troupe_record.h"

/* Failure is sticky: after the first read past the end, or of a form that is not the only one allowed, every read
 * gives zero and `failed` stays set. A length is believed only as far as there are bytes. */
struct tr_bare { const uint8_t *at, *end; bool failed; };

struct tr_bare tr_bare(const void *data, size_t size);

uint64_t tr_bare_uint(struct tr_bare *r); /* LEB128, shortest form only, at most 2^64-1 */
uint8_t tr_bare_u8(struct tr_bare *r);
uint16_t tr_bare_u16(struct tr_bare *r);
bool tr_bare_bool(struct tr_bare *r);     /* 00 or 01, nothing else */
struct troupe_text tr_bare_data(struct tr_bare *r); /* lends the bytes; never NULL unless failed */
struct troupe_text tr_bare_text(struct tr_bare *r); /* the same, and must be UTF-8 */
bool tr_bare_done(const struct tr_bare *r);         /* nothing failed and nothing is left */

void tr_bare_put_uint(struct tr_bytes *out, uint64_t value);
void tr_bare_put_u16(struct tr_bytes *out, uint16_t value);
/* What is not UTF-8 goes out as U+FFFD: a client drops a frame with a text that is none. */
void tr_bare_put_text(struct tr_bytes *out, struct troupe_text text);

/* `data` whose size is not known yet: everything appended between the two is its content. */
size_t tr_bare_begin_data(struct tr_bytes *out);
void tr_bare_end_data(struct tr_bytes *out, size_t begun);

#endif
