/* SPDX-License-Identifier: Apache-2.0 */
/* What json_fuzz and cbor_fuzz share: a claim that ends the run when it is false, and what to expect of a value on its
 * way through an encoding. */
#ifndef TR_TESTS_FUZZ_VALUES_H
#define TR_TESTS_FUZZ_VALUES_H

#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/value.h"

#define CLAIM(what) \
	do { \
		if (!(what)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
			abort(); \
		} \
	} while (0)

#define DEPTH 24 /* within what msgpack-c's unpacker can follow */

static inline bool same(const struct tr_bytes *a, const struct tr_bytes *b)
{
	return a->size == b->size && (!a->size || memcmp(a->data, b->data, a->size) == 0);
}

static inline struct troupe_text text_of(const struct tr_bytes *b)
{
	return (struct troupe_text){ (const char *)b->data, b->size };
}

/* Does any item fulfil the predicate? The value is well-formed. */
static inline bool any_item(struct troupe_value v, bool (*predicate)(const struct tr_item *))
{
	struct tr_cursor c = tr_cursor(v);
	struct tr_item item;

	while (c.at < c.end) {
		CLAIM(tr_next(&c, &item) == 0);
		if (predicate(&item))
			return true;
		if ((item.kind == TR_SET || item.kind == TR_JSMAP) &&
		    any_item((struct troupe_value){ item.data, item.size }, predicate))
			return true;
	}
	return false;
}

/* Of these JSON keeps less: NaN and infinities become null, -0 becomes 0. */
static inline bool lost_in_json(const struct tr_item *item)
{
	return (item->kind == TR_FLOAT && (!isfinite(item->number) || item->number == 0)) ||
	       item->kind == TR_DATE || item->kind == TR_TYPED || item->kind == TR_JSMAP;
}

/* Beyond the year 100,000 a double's seconds do not tell every millisecond. */
static inline bool lost_in_cbor(const struct tr_item *item)
{
	return item->kind == TR_DATE && fabs(item->number) > 3e15;
}

/* msgpack-c reads the packed value to its end. */
static inline void claim_msgpack_reads(const struct tr_bytes *packed)
{
	msgpack_unpacked unpacked;
	size_t used = 0;

	msgpack_unpacked_init(&unpacked);
	CLAIM(msgpack_unpack_next(&unpacked, (const char *)packed->data, packed->size, &used) == MSGPACK_UNPACK_SUCCESS);
	CLAIM(used == packed->size);
	msgpack_unpacked_destroy(&unpacked);
}

#endif
