/* SPDX-License-Identifier: Apache-2.0 */
/* Making a text, which is lent with its size, of what one has; and C strings that may be missing. */
#ifndef TR_PROTO_TEXT_H
#define TR_PROTO_TEXT_H

#include <stdbool.h>
#include <string.h>

#include "proto/bytes.h"
#include "proto/troupe_record.h"

static inline struct troupe_text tr_text(const void *data, size_t size)
{
	return (struct troupe_text){ data, size };
}
static inline struct troupe_text tr_text_of(const struct tr_bytes *b)
{
	return (struct troupe_text){ (const char *)b->data, b->size };
}
/* A C string, without its NUL. */
static inline struct troupe_text tr_text_from(const char *s)
{
	return (struct troupe_text){ s, strlen(s) };
}
/* Both are NULL, or both are the same. */
static inline bool tr_same_string(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

#endif
