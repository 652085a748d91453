/* SPDX-License-Identifier: Apache-2.0 */
/* Values, packed: the one form in which Troupe keeps what clients, actors and agents say.
 *
 * A packed value is one MessagePack item (msgpack-c writes it). JavaScript has more kinds of value than
 * MessagePack; these are extension types:
 *
 *   ext 1  undefined     no payload
 *   ext 2  BigInt        decimal text, "-" first when negative, no leading zeros
 *   ext 3  Date          float64, big endian: milliseconds since 1970
 *   ext 4  Set           a packed array
 *   ext 5  Map           a packed array: key, value, key, value ...
 *   ext 6  typed array   one byte, the CBOR tag (64..87 of RFC 8746), then the elements' bytes as that tag says
 *   ext 7  JSON text     one JSON text, already checked by tr_json_check with a depth of TR_JSON_KEPT_DEPTH or less:
 *                        kept to the byte, transcoded when needed
 *
 * Numbers: an integer item is a JavaScript number (|n| <= 2^53); whatever a double holds better is a float64.
 * Reading is by cursor, without allocation or recursion of ours, so nesting is bounded only by who reads.
 * spec/rivetkit-client.md 7.2 and 7.3 say what the wires do with each kind. */
#ifndef TR_PROTO_VALUE_H
#define TR_PROTO_VALUE_H

#include "proto/bytes.h"
#include "proto/troupe_record.h"

#define TR_JSON_KEPT_DEPTH 127

enum tr_kind {
	TR_NIL, TR_BOOL, TR_INT, TR_FLOAT, TR_STR, TR_BIN, TR_ARRAY, TR_MAP,
	TR_UNDEFINED, TR_BIGINT, TR_DATE, TR_SET, TR_JSMAP, TR_TYPED, TR_JSON
};

struct tr_item {
	enum tr_kind kind;
	bool         boolean; /* TR_BOOL */
	int64_t      integer; /* TR_INT */
	double       number;  /* TR_FLOAT; TR_DATE in milliseconds; TR_INT converted, too */
	uint32_t     count;   /* TR_ARRAY: elements that follow; TR_MAP: pairs that follow */
	uint8_t      tag;     /* TR_TYPED */
	const char  *data;    /* TR_STR, TR_BIN, TR_BIGINT, TR_TYPED, TR_JSON: bytes; TR_SET, TR_JSMAP: the packed array */
	size_t       size;
};

struct tr_cursor { const uint8_t *at, *end; };

struct tr_cursor tr_cursor(struct troupe_value v);

/* Reads one item's head (scalars: the whole item; arrays and maps: the elements follow in the same cursor).
 * 0, or TROUPE_EBADVALUE when the bytes are not a packed value (also: bad ext payload sizes, uint64 > 2^63-1, a BigInt
 * that is not canonical decimal). */
int tr_next(struct tr_cursor *c, struct tr_item *ret);

/* Steps over one whole item with all that it holds, and lends its bytes (ret may be NULL). */
int tr_skip(struct tr_cursor *c, struct troupe_value *ret);

/* The elements of a Set or Map (of that: keys and values in turn, so an even count), behind a cursor of their own. 0 or
 * TROUPE_EBADVALUE. What stands behind the array is for the caller to find. */
int tr_open_wrapped(const struct tr_item *set_or_jsmap, struct tr_cursor *elements, uint32_t *count);

/* Checks that v is exactly one well-formed item, nested at most `depth` (a scalar is 0 deep), strings UTF-8, map keys
 * strings, Maps even, kept JSON really JSON (nested at most TR_JSON_KEPT_DEPTH, whatever `depth` says). */
int tr_value_check(struct troupe_value v, unsigned depth);

/* The value of `name` in a packed map (the last of duplicates). False when v is no map or has no such name. */
bool tr_value_member(struct troupe_value v, const char *name, struct troupe_value *ret);
/* The value at `index` of a packed array. */
bool tr_value_element(struct troupe_value v, uint32_t index, struct troupe_value *ret);
/* Shortcuts: lend a string / read a number. False when it is something else. */
bool tr_value_text(struct troupe_value v, struct troupe_text *ret);
bool tr_value_integer(struct troupe_value v, int64_t *ret); /* TR_INT, or a TR_FLOAT without fraction, |n| <= 2^53 */

/* Can the elements of a typed array with this CBOR tag take up `size` bytes? False also for tags that JavaScript has
 * no array for (128-bit floats). */
bool tr_typed_fits(uint8_t tag, size_t size);

/* Writers, one item each; array and map are followed by their elements. */
void tr_put_nil(struct tr_bytes *b);
void tr_put_undefined(struct tr_bytes *b);
void tr_put_bool(struct tr_bytes *b, bool v);
void tr_put_int(struct tr_bytes *b, int64_t v); /* beyond 2^53 it is written as a double: see "Numbers" */
void tr_put_float(struct tr_bytes *b, double v); /* whole and |v| <= 2^53 (not -0): written as an integer */
void tr_put_str(struct tr_bytes *b, const char *data, size_t size);
void tr_put_text(struct tr_bytes *b, const char *text); /* NUL-terminated; NULL is written as nil */
/* Announces a string of `size` bytes and lends the place for them, to be filled before anything else is written. NULL
 * when that failed. */
char *tr_put_str_room(struct tr_bytes *b, size_t size);
void tr_put_bin(struct tr_bytes *b, const void *data, size_t size);
void tr_put_bigint(struct tr_bytes *b, const char *decimal, size_t size); /* canonical: see ext 2 */
void tr_put_date(struct tr_bytes *b, double ms);
void tr_put_typed(struct tr_bytes *b, uint8_t tag, const void *data, size_t size);
void tr_put_json(struct tr_bytes *b, const char *text, size_t size); /* must have passed tr_json_check */
void tr_put_array(struct tr_bytes *b, uint32_t count);
void tr_put_map(struct tr_bytes *b, uint32_t pairs);
void tr_put_value(struct tr_bytes *b, struct troupe_value v); /* copies the packed bytes */
/* An array or map whose count is known only at its end: open it, write the elements, close it with what
 * tr_put_open returned. The bytes are those of tr_put_array or tr_put_map. */
size_t tr_put_open(struct tr_bytes *b);
void tr_put_close_array(struct tr_bytes *b, size_t start, uint32_t count);
void tr_put_close_map(struct tr_bytes *b, size_t start, uint32_t pairs);
/* Makes what was written since b->size was `start` (one packed array) the payload of a Set or Map. */
void tr_put_wrap(struct tr_bytes *b, size_t start, enum tr_kind set_or_jsmap);

static inline struct troupe_value tr_bytes_value(const struct tr_bytes *b)
{
	return (struct troupe_value){ b->data, b->size };
}

#endif
