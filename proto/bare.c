/* SPDX-License-Identifier: Apache-2.0 */
/* BARE, as much of it as the client protocol needs. Every value has exactly one form on the wire, and the reader takes
 * no other: what it took is what the writer would have written. */
#include <string.h>

#include "proto/bare.h"
#include "proto/key.h"

#define UINT_BYTES_MAX 10 /* of 2^64-1 */

struct tr_bare tr_bare(const void *data, size_t size)
{
	const uint8_t *at = data ? data : (const uint8_t *)"";

	return (struct tr_bare){ .at = at, .end = at + size };
}

static const uint8_t *take(struct tr_bare *r, size_t size)
{
	const uint8_t *at = r->at;

	if (r->failed || (size_t)(r->end - r->at) < size) {
		r->failed = true;
		return NULL;
	}
	r->at += size;
	return at;
}

uint64_t tr_bare_uint(struct tr_bare *r)
{
	uint64_t value = 0;
	const uint8_t *byte;

	for (unsigned i = 0; i < UINT_BYTES_MAX; i++) {
		byte = take(r, 1);
		if (!byte)
			return 0;
		if (i == UINT_BYTES_MAX - 1 && *byte > 1)
			break; /* more than 64 bits */
		value |= (uint64_t)(*byte & 0x7f) << (7 * i);
		if (*byte & 0x80)
			continue;
		if (!*byte && i)
			break; /* there is a shorter form */
		return value;
	}
	r->failed = true;
	return 0;
}

uint8_t tr_bare_u8(struct tr_bare *r)
{
	const uint8_t *byte = take(r, 1);

	return byte ? *byte : 0;
}

uint16_t tr_bare_u16(struct tr_bare *r)
{
	const uint8_t *bytes = take(r, 2);

	return bytes ? (uint16_t)(bytes[0] | bytes[1] << 8) : 0;
}

bool tr_bare_bool(struct tr_bare *r)
{
	uint8_t byte = tr_bare_u8(r);

	if (byte > 1)
		r->failed = true;
	return !r->failed && byte;
}

struct troupe_text tr_bare_data(struct tr_bare *r)
{
	uint64_t size = tr_bare_uint(r);
	const uint8_t *data;

	if (size > (size_t)(r->end - r->at))
		r->failed = true;
	data = take(r, (size_t)size);
	return data ? (struct troupe_text){ (const char *)data, (size_t)size } : (struct troupe_text){ NULL, 0 };
}

struct troupe_text tr_bare_text(struct tr_bare *r)
{
	struct troupe_text text = tr_bare_data(r);

	if (tr_utf8_valid(text.data, text.size))
		return text;
	r->failed = true;
	return (struct troupe_text){ NULL, 0 };
}

bool tr_bare_done(const struct tr_bare *r)
{
	return !r->failed && r->at == r->end;
}

static size_t uint_bytes(uint64_t value, uint8_t bytes[UINT_BYTES_MAX])
{
	size_t size = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[size++] = (uint8_t)(value | 0x80);
	bytes[size++] = (uint8_t)value;
	return size;
}

void tr_bare_put_uint(struct tr_bytes *out, uint64_t value)
{
	uint8_t bytes[UINT_BYTES_MAX];

	tr_bytes_put(out, bytes, uint_bytes(value, bytes));
}

void tr_bare_put_u16(struct tr_bytes *out, uint16_t value)
{
	tr_bytes_put(out, (uint8_t[]){ (uint8_t)value, (uint8_t)(value >> 8) }, 2);
}

void tr_bare_put_text(struct tr_bytes *out, struct troupe_text text)
{
	size_t begun = tr_bare_begin_data(out);

	tr_utf8_put_clean(out, text);
	tr_bare_end_data(out, begun);
}

/* One byte is kept free for the size, which most often is enough; a larger content moves up. */
size_t tr_bare_begin_data(struct tr_bytes *out)
{
	tr_bytes_put_byte(out, 0);
	return out->size;
}

void tr_bare_end_data(struct tr_bytes *out, size_t begun)
{
	uint8_t bytes[UINT_BYTES_MAX];
	size_t size, head;

	if (out->failed)
		return;
	size = out->size - begun;
	head = uint_bytes(size, bytes);
	if (head > 1) {
		if (!tr_bytes_reserve(out, head - 1))
			return;
		memmove(out->data + begun + head - 1, out->data + begun, size);
		out->size += head - 1;
	}
	memcpy(out->data + begun - 1, bytes, head);
}
