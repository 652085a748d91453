/* SPDX-License-Identifier: Apache-2.0 */
/* A growable run of bytes: what every encoder writes to.
 *
 * Failure is sticky: after the first allocation that fails, or the first write past `max`, nothing more is
 * written and `failed` stays set, so an encoder is written without a check at each step and asks once, at
 * the end. Zero-initialised is valid and empty. */
#ifndef TR_PROTO_BYTES_H
#define TR_PROTO_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tr_bytes {
	uint8_t *data; /* may be NULL while size is 0 */
	size_t   size;
	size_t   room; /* allocated */
	size_t   max;  /* never grow beyond this many bytes; 0: no bound */
	bool     failed;
};

/* `data` must not lie in `b` itself: growing may move it. */
void tr_bytes_put(struct tr_bytes *b, const void *data, size_t size);
void tr_bytes_put_byte(struct tr_bytes *b, uint8_t byte);
void tr_bytes_put_text(struct tr_bytes *b, const char *text); /* without its NUL */
void tr_bytes_printf(struct tr_bytes *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for `size` more bytes to be written by the caller at the returned place, who then adds to b->size.
 * NULL when that failed. */
uint8_t *tr_bytes_reserve(struct tr_bytes *b, size_t size);

/* Ends the content with a NUL that is not counted in size, and lends it as a C string ("" when empty). */
const char *tr_bytes_text(struct tr_bytes *b);

void tr_bytes_clear(struct tr_bytes *b); /* empty again, the allocation and max are kept, failed is reset */
void tr_bytes_free(struct tr_bytes *b);  /* empty, max kept; may be used again */

#endif
