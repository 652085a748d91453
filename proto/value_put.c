/* SPDX-License-Identifier: Apache-2.0 */
/* Packed values, written: by msgpack-c's packer, which appends to a tr_bytes. Equal values get equal bytes. */
#include <assert.h>
#include <math.h>
#include <msgpack.h>
#include <string.h>

#include "proto/value.h"
#include "proto/value_ext.h"

#define EXT_HEAD_MAX 6

static int append(void *bytes, const char *data, size_t size)
{
	struct tr_bytes *b = bytes;

	tr_bytes_put(b, data, size);
	return b->failed ? -1 : 0;
}

static msgpack_packer packer(struct tr_bytes *b)
{
	msgpack_packer p;

	msgpack_packer_init(&p, b, append);
	return p;
}

/* MessagePack has no length beyond 32 bits. */
static bool packable(struct tr_bytes *b, size_t size)
{
	if (size > UINT32_MAX)
		b->failed = true;
	return !b->failed;
}

void tr_put_nil(struct tr_bytes *b)
{
	msgpack_packer p = packer(b);

	msgpack_pack_nil(&p);
}

static void put_ext(struct tr_bytes *b, int8_t type, const void *data, size_t size)
{
	msgpack_packer p = packer(b);

	if (!packable(b, size))
		return;
	msgpack_pack_ext(&p, size, type);
	msgpack_pack_ext_body(&p, data, size);
}

void tr_put_undefined(struct tr_bytes *b)
{
	put_ext(b, TR_EXT_UNDEFINED, NULL, 0);
}

void tr_put_bool(struct tr_bytes *b, bool v)
{
	msgpack_packer p = packer(b);

	if (v)
		msgpack_pack_true(&p);
	else
		msgpack_pack_false(&p);
}

void tr_put_int(struct tr_bytes *b, int64_t v)
{
	msgpack_packer p = packer(b);

	if (v >= -TR_SAFE_INTEGER_MAX && v <= TR_SAFE_INTEGER_MAX)
		msgpack_pack_int64(&p, v);
	else
		msgpack_pack_double(&p, (double)v);
}

void tr_put_float(struct tr_bytes *b, double v)
{
	msgpack_packer p = packer(b);

	if (fabs(v) <= (double)TR_SAFE_INTEGER_MAX && v == trunc(v) && !(v == 0 && signbit(v)))
		msgpack_pack_int64(&p, (int64_t)v);
	else
		msgpack_pack_double(&p, isnan(v) ? (double)NAN : v); /* one NaN, so that equal values have equal bytes */
}

void tr_put_str(struct tr_bytes *b, const char *data, size_t size)
{
	msgpack_packer p = packer(b);

	if (!packable(b, size))
		return;
	msgpack_pack_str(&p, size);
	msgpack_pack_str_body(&p, data, size);
}

char *tr_put_str_room(struct tr_bytes *b, size_t size)
{
	msgpack_packer p = packer(b);
	uint8_t *room;

	if (!packable(b, size))
		return NULL;
	msgpack_pack_str(&p, size);
	room = tr_bytes_reserve(b, size);
	if (room)
		b->size += size;
	return (char *)room;
}

void tr_put_text(struct tr_bytes *b, const char *text)
{
	if (text)
		tr_put_str(b, text, strlen(text));
	else
		tr_put_nil(b);
}

void tr_put_bin(struct tr_bytes *b, const void *data, size_t size)
{
	msgpack_packer p = packer(b);

	if (!packable(b, size))
		return;
	msgpack_pack_bin(&p, size);
	msgpack_pack_bin_body(&p, data, size);
}

void tr_put_bigint(struct tr_bytes *b, const char *decimal, size_t size)
{
	put_ext(b, TR_EXT_BIGINT, decimal, size);
}

void tr_put_date(struct tr_bytes *b, double ms)
{
	uint8_t payload[8];
	uint64_t bits;

	if (isnan(ms))
		ms = NAN;
	memcpy(&bits, &ms, sizeof(bits));
	for (int i = 0; i < 8; i++)
		payload[i] = (uint8_t)(bits >> (56 - 8 * i));
	put_ext(b, TR_EXT_DATE, payload, sizeof(payload));
}

void tr_put_typed(struct tr_bytes *b, uint8_t tag, const void *data, size_t size)
{
	msgpack_packer p = packer(b);

	if (size == SIZE_MAX || !packable(b, size + 1))
		return;
	msgpack_pack_ext(&p, size + 1, TR_EXT_TYPED);
	tr_bytes_put_byte(b, tag);
	tr_bytes_put(b, data, size);
}

void tr_put_json(struct tr_bytes *b, const char *text, size_t size)
{
	put_ext(b, TR_EXT_JSON, text, size);
}

void tr_put_array(struct tr_bytes *b, uint32_t count)
{
	msgpack_packer p = packer(b);

	msgpack_pack_array(&p, count);
}

void tr_put_map(struct tr_bytes *b, uint32_t pairs)
{
	msgpack_packer p = packer(b);

	msgpack_pack_map(&p, pairs);
}

void tr_put_value(struct tr_bytes *b, struct troupe_value v)
{
	tr_bytes_put(b, v.data, v.size);
}

/* ---- heads that are written after what they announce */

struct late_head { uint8_t bytes[EXT_HEAD_MAX]; size_t size; };

static int append_head(void *head, const char *data, size_t size)
{
	struct late_head *h = head;

	assert(size <= sizeof(h->bytes) - h->size);
	memcpy(h->bytes + h->size, data, size);
	h->size += size;
	return 0;
}

/* Puts the head in the place of the `replaced` bytes at `start`, and moves what follows to make them fit. */
static void insert_head(struct tr_bytes *b, size_t start, size_t replaced, const struct late_head *head)
{
	size_t content = b->size - start - replaced;

	if (head->size > replaced && !tr_bytes_reserve(b, head->size - replaced))
		return;
	if (head->size != replaced)
		memmove(b->data + start + head->size, b->data + start + replaced, content);
	memcpy(b->data + start, head->bytes, head->size);
	b->size = start + head->size + content;
}

size_t tr_put_open(struct tr_bytes *b)
{
	size_t start = b->size;

	tr_bytes_put_byte(b, 0x90); /* enough for 15 elements, as most have */
	return start;
}

void tr_put_close_array(struct tr_bytes *b, size_t start, uint32_t count)
{
	struct late_head head = { .size = 0 };
	msgpack_packer p;

	if (b->failed)
		return;
	msgpack_packer_init(&p, &head, append_head);
	msgpack_pack_array(&p, count);
	insert_head(b, start, 1, &head);
}

void tr_put_close_map(struct tr_bytes *b, size_t start, uint32_t pairs)
{
	struct late_head head = { .size = 0 };
	msgpack_packer p;

	if (b->failed)
		return;
	msgpack_packer_init(&p, &head, append_head);
	msgpack_pack_map(&p, pairs);
	insert_head(b, start, 1, &head);
}

void tr_put_wrap(struct tr_bytes *b, size_t start, enum tr_kind set_or_jsmap)
{
	struct late_head head = { .size = 0 };
	msgpack_packer p;

	if (b->failed || !packable(b, b->size - start))
		return;
	msgpack_packer_init(&p, &head, append_head);
	msgpack_pack_ext(&p, b->size - start, set_or_jsmap == TR_SET ? TR_EXT_SET : TR_EXT_JSMAP);
	insert_head(b, start, 0, &head);
}
