/* SPDX-License-Identifier: Apache-2.0 */
/* The body of an HTTP/1.x request, by length or in chunks (RFC 9112, 6 and 7), taken in pieces of any size. Strict, bounded,
 * without I/O. */
#ifndef TR_GATE_HTTP_BODY_H
#define TR_GATE_HTTP_BODY_H

#include "proto/bytes.h"
#include "runtime/gate/http_head.h"

enum tr_http_body_outcome { TR_HTTP_BODY_MORE = 0, TR_HTTP_BODY_DONE = 1 };

enum tr_http_body_state {
	TR_HTTP_BODY_LENGTH,    /* `left` bytes are to come, then it is over */
	TR_HTTP_BODY_SIZE,      /* in the digits of a chunk's size, `digits` of them read */
	TR_HTTP_BODY_EXTENSION, /* behind them, until CR */
	TR_HTTP_BODY_SIZE_LF,
	TR_HTTP_BODY_CHUNK,     /* `left` bytes are to come */
	TR_HTTP_BODY_CHUNK_CR,
	TR_HTTP_BODY_CHUNK_LF,
	TR_HTTP_BODY_TRAILER,   /* at the beginning of a trailer line or of the last, empty one */
	TR_HTTP_BODY_FIELD,     /* in a trailer line */
	TR_HTTP_BODY_FIELD_LF,
	TR_HTTP_BODY_LAST_LF,
	TR_HTTP_BODY_OVER
};

struct tr_http_body {
	enum tr_http_body_state state;
	uint64_t left;
	uint64_t size;    /* of what was taken or announced so far */
	uint64_t max;
	unsigned digits;
	size_t   padding; /* bytes of extensions and trailers, which nobody reads */
};

/* Begins a body of at most `max` bytes. 0, or 413 when its length is over that already. */
int tr_http_body_start(struct tr_http_body *b, const struct tr_http_head *head, uint64_t max);

/* Takes what belongs to the body from the front of `data` and appends its content to `out` (NULL: drops it). *taken says how
 * much that was; what lies behind the end is not touched. Returns a tr_http_body_outcome, or the HTTP status to refuse it
 * with, and *why as a static sentence: 400, 413. */
int tr_http_body_take(struct tr_http_body *b, const char *data, size_t size, size_t *taken, struct tr_bytes *out,
                      const char **why);

#endif
