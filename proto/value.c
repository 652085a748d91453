/* SPDX-License-Identifier: Apache-2.0 */
/* Packed values, read: with a cursor of our own. (Written: proto/value_put.c, with msgpack-c's packer. Checked as a
 * whole: proto/value_check.c.)
 *
 * Why our own: msgpack-c's unpacker builds a tree in allocated memory and stops at nesting 32, while here a value is
 * read in place, often only in part, and may be nested as deep as its reader allows. Both ends are held against
 * msgpack-c in tests/unit/proto/value_test.c. */
#include "proto/value.h"

#include <math.h>
#include <string.h>

#include "proto/troupe_errors.h"
#include "proto/value_ext.h"

struct tr_cursor tr_cursor(struct troupe_value v)
{
	const uint8_t *at = v.data;

	return (struct tr_cursor){ at, at ? at + v.size : at };
}

static size_t left(const struct tr_cursor *c)
{
	return (size_t)(c->end - c->at);
}

/* A big endian number of `size` bytes; the caller has seen that they are there. */
static uint64_t take(struct tr_cursor *c, unsigned size)
{
	uint64_t n = 0;

	while (size--)
		n = n << 8 | *c->at++;
	return n;
}

static int take_bytes(struct tr_cursor *c, struct tr_item *ret, enum tr_kind kind, uint64_t size)
{
	if (size > left(c))
		return TROUPE_EBADVALUE;
	ret->kind = kind;
	ret->data = (const char *)c->at;
	ret->size = (size_t)size;
	c->at += size;
	return 0;
}

static int take_integer(struct tr_item *ret, int64_t n)
{
	ret->kind = TR_INT;
	ret->integer = n;
	ret->number = (double)n;
	return 0;
}

static int take_double(struct tr_item *ret, enum tr_kind kind, uint64_t bits)
{
	ret->kind = kind;
	memcpy(&ret->number, &bits, sizeof(bits));
	return 0;
}

static int take_single(struct tr_item *ret, uint64_t bits)
{
	uint32_t half = (uint32_t)bits;
	float number;

	memcpy(&number, &half, sizeof(number));
	ret->kind = TR_FLOAT;
	ret->number = (double)number;
	return 0;
}

static int take_count(struct tr_item *ret, enum tr_kind kind, uint64_t count)
{
	ret->kind = kind;
	ret->count = (uint32_t)count;
	return 0;
}

static bool canonical_bigint(const char *text, size_t size)
{
	size_t sign = size && text[0] == '-';

	if (size == sign || (text[sign] == '0' && size > 1))
		return false;
	for (size_t i = sign; i < size; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

static int check_ext(struct tr_item *ret, uint8_t type)
{
	struct tr_cursor payload = { (const uint8_t *)ret->data, (const uint8_t *)ret->data + ret->size };

	switch (type) {
	case TR_EXT_UNDEFINED:
		ret->kind = TR_UNDEFINED;
		return ret->size ? TROUPE_EBADVALUE : 0;
	case TR_EXT_BIGINT:
		ret->kind = TR_BIGINT;
		return canonical_bigint(ret->data, ret->size) ? 0 : TROUPE_EBADVALUE;
	case TR_EXT_DATE:
		return ret->size == 8 ? take_double(ret, TR_DATE, take(&payload, 8)) : TROUPE_EBADVALUE;
	case TR_EXT_SET:
	case TR_EXT_JSMAP:
		ret->kind = type == TR_EXT_SET ? TR_SET : TR_JSMAP;
		return ret->size ? 0 : TROUPE_EBADVALUE;
	case TR_EXT_TYPED:
		if (!ret->size)
			return TROUPE_EBADVALUE;
		ret->kind = TR_TYPED;
		ret->tag = *(const uint8_t *)ret->data++;
		ret->size--;
		return tr_typed_fits(ret->tag, ret->size) ? 0 : TROUPE_EBADVALUE;
	case TR_EXT_JSON:
		ret->kind = TR_JSON;
		return ret->size ? 0 : TROUPE_EBADVALUE;
	}
	return TROUPE_EBADVALUE;
}

static int take_ext(struct tr_cursor *c, struct tr_item *ret, uint64_t size)
{
	uint8_t type;
	int err;

	if (!left(c))
		return TROUPE_EBADVALUE;
	type = *c->at++;
	err = take_bytes(c, ret, TR_JSON, size);
	return err ? err : check_ext(ret, type);
}

/* The heads c0 to df: a type byte with `argument` after it, as wide as the table below says. */
static int take_wide(struct tr_cursor *c, struct tr_item *ret, uint8_t head, uint64_t argument)
{
	switch (head) {
	case 0xc0: ret->kind = TR_NIL; return 0;
	case 0xc2: case 0xc3:
		ret->kind = TR_BOOL;
		ret->boolean = head & 1;
		return 0;
	case 0xc4: case 0xc5: case 0xc6: return take_bytes(c, ret, TR_BIN, argument);
	case 0xc7: case 0xc8: case 0xc9: return take_ext(c, ret, argument);
	case 0xca: return take_single(ret, argument);
	case 0xcb: return take_double(ret, TR_FLOAT, argument);
	case 0xcc: case 0xcd: case 0xce: case 0xcf:
		return argument <= INT64_MAX ? take_integer(ret, (int64_t)argument) : TROUPE_EBADVALUE;
	case 0xd0: return take_integer(ret, (int8_t)argument);
	case 0xd1: return take_integer(ret, (int16_t)argument);
	case 0xd2: return take_integer(ret, (int32_t)argument);
	case 0xd3: return take_integer(ret, (int64_t)argument);
	case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8:
		return take_ext(c, ret, (uint64_t)1 << (head - 0xd4));
	case 0xd9: case 0xda: case 0xdb: return take_bytes(c, ret, TR_STR, argument);
	case 0xdc: case 0xdd: return take_count(ret, TR_ARRAY, argument);
	case 0xde: case 0xdf: return take_count(ret, TR_MAP, argument);
	}
	return TROUPE_EBADVALUE;
}

int tr_next(struct tr_cursor *c, struct tr_item *ret)
{
	static const uint8_t widths[32] = {
		/* c0 */ 0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8,
		/* d0 */ 1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4
	};
	uint8_t head;

	if (!left(c))
		return TROUPE_EBADVALUE;
	head = *c->at++;
	if (head < 0x80 || head >= 0xe0)
		return take_integer(ret, (int8_t)head);
	if (head < 0x90)
		return take_count(ret, TR_MAP, head & 0x0f);
	if (head < 0xa0)
		return take_count(ret, TR_ARRAY, head & 0x0f);
	if (head < 0xc0)
		return take_bytes(c, ret, TR_STR, head & 0x1f);
	if (widths[head - 0xc0] > left(c))
		return TROUPE_EBADVALUE;
	return take_wide(c, ret, head, take(c, widths[head - 0xc0]));
}

int tr_open_wrapped(const struct tr_item *set_or_jsmap, struct tr_cursor *elements, uint32_t *count)
{
	struct tr_item array;
	int err;

	*elements = tr_cursor((struct troupe_value){ set_or_jsmap->data, set_or_jsmap->size });
	err = tr_next(elements, &array);
	if (err || array.kind != TR_ARRAY || (set_or_jsmap->kind == TR_JSMAP && array.count % 2))
		return TROUPE_EBADVALUE;
	*count = array.count;
	return 0;
}

int tr_skip(struct tr_cursor *c, struct troupe_value *ret)
{
	const uint8_t *start = c->at;
	uint64_t items = 1;
	struct tr_item item;

	while (items--) {
		int err = tr_next(c, &item);

		if (err)
			return err;
		if (item.kind == TR_ARRAY)
			items += item.count;
		else if (item.kind == TR_MAP)
			items += (uint64_t)item.count * 2;
		/* Each takes a byte at least. This also keeps the sum from running over. */
		if (items > left(c))
			return TROUPE_EBADVALUE;
	}
	if (ret)
		*ret = (struct troupe_value){ start, (size_t)(c->at - start) };
	return 0;
}

/* ---- looking up */

bool tr_value_member(struct troupe_value v, const char *name, struct troupe_value *ret)
{
	struct tr_cursor c = tr_cursor(v);
	size_t size = strlen(name);
	struct troupe_value member;
	struct tr_item map, key;
	bool found = false;

	if (tr_next(&c, &map) || map.kind != TR_MAP)
		return false;
	while (map.count--) {
		struct tr_cursor at_key = c;

		if (tr_skip(&c, NULL) || tr_next(&at_key, &key) || tr_skip(&c, &member))
			return false;
		if (key.kind != TR_STR || key.size != size || memcmp(key.data, name, size) != 0)
			continue;
		*ret = member;
		found = true;
	}
	return found;
}

bool tr_value_element(struct troupe_value v, uint32_t index, struct troupe_value *ret)
{
	struct tr_cursor c = tr_cursor(v);
	struct tr_item array;

	if (tr_next(&c, &array) || array.kind != TR_ARRAY || index >= array.count)
		return false;
	while (index--)
		if (tr_skip(&c, NULL))
			return false;
	return tr_skip(&c, ret) == 0;
}

bool tr_value_text(struct troupe_value v, struct troupe_text *ret)
{
	struct tr_cursor c = tr_cursor(v);
	struct tr_item item;

	if (tr_next(&c, &item) || item.kind != TR_STR)
		return false;
	*ret = (struct troupe_text){ item.data, item.size };
	return true;
}

bool tr_value_integer(struct troupe_value v, int64_t *ret)
{
	struct tr_cursor c = tr_cursor(v);
	struct tr_item item;

	if (tr_next(&c, &item))
		return false;
	if (item.kind != TR_INT && (item.kind != TR_FLOAT || item.number != trunc(item.number)))
		return false;
	if (!(fabs(item.number) <= (double)TR_SAFE_INTEGER_MAX))
		return false;
	*ret = item.kind == TR_INT ? item.integer : (int64_t)item.number;
	return true;
}
