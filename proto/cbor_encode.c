/* SPDX-License-Identifier: Apache-2.0 */
/* Packed values to CBOR, for the official client and anyone else.
 *
 * The client takes a 64-bit integer head for a BigInt, and it revives "$" forms in whatever it reads. So numbers beyond
 * 32 bits go out as doubles, arrays that look like a form are escaped, and undefined, BigInt, bytes and Set go out as
 * forms: the one notation that means the same in all three encodings. (A native Set, tag 258, would not do: the client
 * does not revive what is inside it.) Dates, Maps and typed arrays have tags. */
#include <math.h>
#include <string.h>

#include "proto/cbor.h"
#include "proto/compat.h"
#include "proto/date.h"
#include "proto/json.h"
#include "proto/key.h"
#include "proto/text.h"
#include "proto/troupe_errors.h"

#define DEPTH_MAX 512 /* nested deeper is no value that any decoder of ours has made */

#define TAG_DATE 1
#define TAG_MAP  259

static int write_value(struct tr_bytes *out, struct tr_cursor *c, unsigned depth);

/* ---- heads and scalars */

static void put_big_endian(struct tr_bytes *out, uint8_t first, uint64_t n, unsigned size)
{
	uint8_t bytes[9] = { first };

	for (unsigned i = 0; i < size; i++)
		bytes[1 + i] = (uint8_t)(n >> (8 * (size - 1 - i)));
	tr_bytes_put(out, bytes, 1 + size);
}

void tr_cbor_put_head(struct tr_bytes *out, unsigned major, uint64_t argument)
{
	uint8_t first = (uint8_t)(major << 5);

	if (argument < 24)
		tr_bytes_put_byte(out, first | (uint8_t)argument);
	else if (argument <= UINT8_MAX)
		put_big_endian(out, first | 24, argument, 1);
	else if (argument <= UINT16_MAX)
		put_big_endian(out, first | 25, argument, 2);
	else if (argument <= UINT32_MAX)
		put_big_endian(out, first | 26, argument, 4);
	else
		put_big_endian(out, first | 27, argument, 8);
}

void tr_cbor_put_u64(struct tr_bytes *out, uint64_t value)
{
	put_big_endian(out, 0x1b, value, 8);
}

void tr_cbor_put_text(struct tr_bytes *out, struct troupe_text text)
{
	struct tr_bytes clean = { .size = 0 };

	if (tr_utf8_valid(text.data, text.size)) {
		tr_cbor_put_head(out, 3, text.size);
		tr_bytes_put(out, text.data, text.size);
		return;
	}
	tr_utf8_put_clean(&clean, text);
	out->failed |= clean.failed;
	tr_cbor_put_head(out, 3, clean.size);
	tr_bytes_put(out, clean.data, clean.size);
	tr_bytes_free(&clean);
}

static void put_literal(struct tr_bytes *out, const char *text)
{
	tr_cbor_put_text(out, tr_text_from(text));
}

static void put_double(struct tr_bytes *out, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	put_big_endian(out, 0xfb, bits, 8);
}

/* Below -2^31 as a double, too: cbor-x 1.6.0 reads the 32-bit heads of these as other numbers. */
static void put_integer(struct tr_bytes *out, int64_t v)
{
	if (v >= 0 && v <= UINT32_MAX)
		tr_cbor_put_head(out, 0, (uint64_t)v);
	else if (v < 0 && v >= INT32_MIN)
		tr_cbor_put_head(out, 1, (uint64_t)(-1 - v));
	else
		put_double(out, (double)v);
}

/* Opens the form ["$name", ...]; its payload follows. */
static void put_form(struct tr_bytes *out, const char *name)
{
	tr_cbor_put_head(out, 4, 2);
	put_literal(out, name);
}

static void put_undefined(struct tr_bytes *out)
{
	put_form(out, TR_COMPAT_UNDEFINED);
	put_integer(out, 0);
}

static void put_bigint(struct tr_bytes *out, const struct tr_item *item)
{
	put_form(out, TR_COMPAT_BIGINT);
	tr_cbor_put_text(out, (struct troupe_text){ item->data, item->size });
}

static void put_bytes(struct tr_bytes *out, const struct tr_item *item)
{
	put_form(out, TR_COMPAT_BYTES);
	tr_cbor_put_head(out, 3, (item->size + 2) / 3 * 4);
	tr_base64_encode(out, item->data, item->size);
}

/* Seconds: whole ones as the official client writes them, others as a double. */
static void put_date(struct tr_bytes *out, double ms)
{
	double seconds = tr_date_clip(ms) / 1000;

	tr_cbor_put_head(out, 6, TAG_DATE);
	if (seconds >= 0 && seconds <= UINT32_MAX && seconds == trunc(seconds))
		put_big_endian(out, 0x1a, (uint64_t)seconds, 4);
	else
		put_double(out, seconds);
}

static void put_typed(struct tr_bytes *out, const struct tr_item *item)
{
	tr_cbor_put_head(out, 6, item->tag);
	tr_cbor_put_head(out, 2, item->size);
	tr_bytes_put(out, item->data, item->size);
}

/* ---- containers */

/* Kept JSON: its own "$" arrays are plain arrays, so it is read plainly and written with escapes. */
static int write_kept(struct tr_bytes *out, const struct tr_item *item, unsigned depth)
{
	struct tr_bytes packed = { .size = 0 };
	struct tr_cursor c;
	int err = tr_json_decode(&packed, (struct troupe_text){ item->data, item->size }, TR_JSON_PLAIN,
	                         TR_JSON_KEPT_DEPTH, NULL);

	if (!err) {
		c = tr_cursor(tr_bytes_value(&packed));
		err = write_value(out, &c, depth);
	}
	tr_bytes_free(&packed);
	return err;
}

/* The first of a pair that would be taken for a form: its string with one "$" more. */
static int write_escaped_first(struct tr_bytes *out, struct tr_cursor *c)
{
	struct tr_bytes text = { .size = 0 };
	struct tr_item item;
	int err = tr_next(c, &item);

	if (err)
		return err;
	tr_bytes_put_byte(&text, '$');
	if (item.kind == TR_STR)
		tr_bytes_put(&text, item.data, item.size);
	else /* kept JSON */
		tr_json_find_string((struct troupe_text){ item.data, item.size }, &text, (const char *)NULL);
	out->failed |= text.failed;
	tr_cbor_put_text(out, (struct troupe_text){ (const char *)text.data, text.size });
	tr_bytes_free(&text);
	return 0;
}

static int write_elements(struct tr_bytes *out, struct tr_cursor *c, uint32_t count, unsigned depth)
{
	int err = 0;

	while (!err && count--)
		err = write_value(out, c, depth);
	return err;
}

static int write_array(struct tr_bytes *out, struct tr_cursor *c, uint32_t count, unsigned depth)
{
	int err = 0;

	tr_cbor_put_head(out, 4, count);
	if (tr_compat_must_escape(*c, count)) {
		err = write_escaped_first(out, c);
		count--;
	}
	return err ? err : write_elements(out, c, count, depth);
}

static int write_map(struct tr_bytes *out, struct tr_cursor *c, uint32_t pairs, unsigned depth)
{
	int err = 0;

	tr_cbor_put_head(out, 5, pairs);
	while (!err && pairs--) {
		struct tr_item key;

		if (tr_next(c, &key) || key.kind != TR_STR)
			return TROUPE_EBADVALUE;
		tr_cbor_put_text(out, (struct troupe_text){ key.data, key.size });
		err = write_value(out, c, depth);
	}
	return err;
}

static int write_jsmap(struct tr_bytes *out, struct tr_cursor *c, uint32_t count, unsigned depth)
{
	tr_cbor_put_head(out, 6, TAG_MAP);
	tr_cbor_put_head(out, 5, count / 2);
	return write_elements(out, c, count, depth);
}

static int write_set(struct tr_bytes *out, struct tr_cursor *c, uint32_t count, unsigned depth)
{
	put_form(out, TR_COMPAT_SET);
	tr_cbor_put_head(out, 4, count);
	return write_elements(out, c, count, depth);
}

static int write_wrapped(struct tr_bytes *out, const struct tr_item *item, unsigned depth)
{
	struct tr_cursor c;
	uint32_t count;
	int err = tr_open_wrapped(item, &c, &count);

	if (!err)
		err = item->kind == TR_SET ? write_set(out, &c, count, depth) : write_jsmap(out, &c, count, depth);
	return !err && c.at != c.end ? TROUPE_EBADVALUE : err;
}

static int write_container(struct tr_bytes *out, struct tr_cursor *c, const struct tr_item *item, unsigned depth)
{
	if (!depth)
		return TROUPE_EBADVALUE;
	switch (item->kind) {
	case TR_ARRAY: return write_array(out, c, item->count, depth - 1);
	case TR_MAP:   return write_map(out, c, item->count, depth - 1);
	case TR_JSON:  return write_kept(out, item, depth - 1);
	default:       return write_wrapped(out, item, depth - 1);
	}
}

static int write_value(struct tr_bytes *out, struct tr_cursor *c, unsigned depth)
{
	struct tr_item item;
	int err = tr_next(c, &item);

	if (err)
		return err;
	switch (item.kind) {
	case TR_NIL:       tr_bytes_put_byte(out, 0xf6); break;
	case TR_BOOL:      tr_bytes_put_byte(out, item.boolean ? 0xf5 : 0xf4); break;
	case TR_INT:       put_integer(out, item.integer); break;
	case TR_FLOAT:     put_double(out, item.number); break;
	case TR_STR:       tr_cbor_put_text(out, (struct troupe_text){ item.data, item.size }); break;
	case TR_BIN:       put_bytes(out, &item); break;
	case TR_UNDEFINED: put_undefined(out); break;
	case TR_BIGINT:    put_bigint(out, &item); break;
	case TR_DATE:      put_date(out, item.number); break;
	case TR_TYPED:     put_typed(out, &item); break;
	case TR_ARRAY:
	case TR_MAP:
	case TR_SET:
	case TR_JSMAP:
	case TR_JSON:      return write_container(out, c, &item, depth);
	}
	return 0;
}

int tr_cbor_encode(struct tr_bytes *out, struct troupe_value v)
{
	struct tr_cursor c = tr_cursor(v);
	size_t before = out->size;
	int err = write_value(out, &c, DEPTH_MAX);

	if (!err && c.at != c.end)
		err = TROUPE_EBADVALUE;
	if (!err && out->failed)
		err = TROUPE_ENOMEM;
	if (err)
		out->size = before;
	return err;
}
