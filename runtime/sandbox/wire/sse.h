/* SPDX-License-Identifier: Apache-2.0 */
/* A parser of server-sent events, as the HTML standard has them: LF, CR or CRLF; comments; several data lines; a BOM. Pure: bytes
 * in pieces of any size go in, events come out; at most one event is in memory, and of that at most `data_max` bytes.
 *
 *	const char *at = piece; size_t left = size;
 *	while (tr_sse_next(&p, &at, &left, &event)) ...
 */
#ifndef TR_SANDBOX_SSE_H
#define TR_SANDBOX_SSE_H

#include "proto/bytes.h"
#include "proto/troupe_record.h"
#include "runtime/base/limits.h"

struct tr_sse_event {
	bool               has_id;  /* this event itself carried an id that is a decimal number below 2^63 */
	uint64_t           id;
	struct troupe_text type;    /* "message" when it named none */
	struct troupe_text data;    /* its lines joined by LF; empty when too large */
	bool               oversize; /* the data passed data_max: it was dropped, and counted */
	uint64_t           bytes;   /* of the data, with what was dropped */
};

struct tr_sse {
	struct tr_bytes data;
	size_t   data_max;
	uint64_t bytes;
	uint64_t id;
	bool     has_id, has_data, oversize;
	bool     after_cr;     /* an LF that follows belongs to the line end before it */
	bool     done;         /* an event was given out: forget it when asked for the next */
	unsigned bom;          /* bytes of a BOM seen at the very start; 3 and more: past it */
	enum { TR_SSE_LINE, TR_SSE_NAME, TR_SSE_SPACE, TR_SSE_VALUE } state; /* LINE: nothing of a line was read yet */
	enum { TR_SSE_OTHER, TR_SSE_DATA, TR_SSE_ID, TR_SSE_TYPE } field;
	char     name[TR_SSE_NAME_MAX], type[TR_SSE_NAME_MAX], value[TR_SSE_NAME_MAX];
	size_t   name_size, type_size, value_size; /* may count past the maximum: then it is none of ours */
};

void tr_sse_init(struct tr_sse *p, size_t data_max);
void tr_sse_fini(struct tr_sse *p);

/* Reads on from *at, moving *at and *left. True: an event is complete; what it lends lives until the next call. False:
 * all is read, more is needed. An event that the stream's end cuts off is none. */
bool tr_sse_next(struct tr_sse *p, const char **at, size_t *left, struct tr_sse_event *ret);

#endif
