/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation that succeeds or ends the process, and random names. */
#include "runtime/base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "runtime/base/log.h"

static void *or_abort(void *memory, size_t size)
{
	if (memory || size == 0)
		return memory;
	tr_error("memory.exhausted", "bytes=%zu", size);
	abort();
}

void *tr_alloc(size_t size)
{
	return or_abort(calloc(1, size ? size : 1), size);
}

void *tr_realloc(void *old, size_t size)
{
	return or_abort(realloc(old, size ? size : 1), size);
}

char *tr_strndup(const char *text, size_t size)
{
	char *copy = tr_alloc(size + 1);

	if (size > 0)
		memcpy(copy, text, size);
	return copy;
}

char *tr_strdup(const char *text)
{
	return text ? tr_strndup(text, strlen(text)) : NULL;
}

/* A pool, so that an id costs no system call of its own. */
void tr_random(void *into, size_t size)
{
	static _Thread_local uint8_t pool[512];
	static _Thread_local size_t left;
	uint8_t *at = into;

	while (size > 0) {
		size_t piece;

		if (left == 0) {
			if (getrandom(pool, sizeof pool, 0) != (ssize_t)sizeof pool) {
				tr_error("random.failed", "getrandom gave too little");
				abort();
			}
			left = sizeof pool;
		}
		piece = size < left ? size : left;
		memcpy(at, pool + sizeof pool - left, piece);
		memset(pool + sizeof pool - left, 0, piece);
		left -= piece;
		at += piece;
		size -= piece;
	}
}

void tr_random_uuid(char into[37])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t b[16];
	char *at = into;

	tr_random(b, sizeof b);
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof b; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = hex[b[i] >> 4];
		*at++ = hex[b[i] & 15];
	}
	*at = 0;
}

void tr_random_id(char *into, size_t characters)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	for (size_t i = 0; i < characters; i++) {
		uint8_t byte;

		do
			tr_random(&byte, 1);
		while (byte >= 252); /* 7 x 36: no digit is likelier than another */
		into[i] = digits[byte % 36];
	}
	into[characters] = 0;
}
