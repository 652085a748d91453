/* SPDX-License-Identifier: Apache-2.0 */
/* A growable run of bytes. The one idea: failure is sticky, see bytes.h. */
#include "proto/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 64

static bool fail(struct tr_bytes *b)
{
	b->failed = true;
	return false;
}

/* Grows the allocation to hold `need` bytes: at least doubled, so that many small writes cost little. */
static bool grow(struct tr_bytes *b, size_t need)
{
	size_t room = b->room < SIZE_MAX / 2 ? b->room * 2 : need;
	uint8_t *data;

	if (room < ROOM_MIN)
		room = ROOM_MIN;
	if (b->max && room > b->max)
		room = b->max;
	if (room < need)
		room = need;
	data = realloc(b->data, room);
	if (!data)
		return fail(b);
	b->data = data;
	b->room = room;
	return true;
}

static inline bool make_room(struct tr_bytes *b, size_t size)
{
	if (b->failed)
		return false;
	if (size > SIZE_MAX - 1 - b->size || (b->max && b->size + size > b->max))
		return fail(b);
	if (b->room - b->size >= size && b->data)
		return true;
	return grow(b, b->size + size);
}

void tr_bytes_put(struct tr_bytes *b, const void *data, size_t size)
{
	if (!size || !make_room(b, size))
		return;
	memcpy(b->data + b->size, data, size);
	b->size += size;
}

void tr_bytes_put_byte(struct tr_bytes *b, uint8_t byte)
{
	if (make_room(b, 1))
		b->data[b->size++] = byte;
}

void tr_bytes_put_text(struct tr_bytes *b, const char *text)
{
	tr_bytes_put(b, text, strlen(text));
}

void tr_bytes_printf(struct tr_bytes *b, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0) {
		fail(b);
		return;
	}
	if (!make_room(b, (size_t)length))
		return;
	/* vsnprintf writes a NUL as well, which is not content and so not counted against max. */
	if (b->room - b->size == (size_t)length && !grow(b, b->size + (size_t)length + 1))
		return;
	va_start(args, format);
	vsnprintf((char *)b->data + b->size, (size_t)length + 1, format, args);
	va_end(args);
	b->size += (size_t)length;
}

uint8_t *tr_bytes_reserve(struct tr_bytes *b, size_t size)
{
	return make_room(b, size) ? b->data + b->size : NULL;
}

const char *tr_bytes_text(struct tr_bytes *b)
{
	if (b->room == b->size && !grow(b, b->size + 1))
		return "";
	b->data[b->size] = 0;
	return (const char *)b->data;
}

void tr_bytes_clear(struct tr_bytes *b)
{
	b->size = 0;
	b->failed = false;
}

void tr_bytes_free(struct tr_bytes *b)
{
	free(b->data);
	*b = (struct tr_bytes){ .max = b->max };
}
