/* SPDX-License-Identifier: Apache-2.0 */
/* An answer of HTTP/1.1, and its head as it goes out. No state, no I/O. */
#ifndef TR_GATE_HTTP_ANSWER_H
#define TR_GATE_HTTP_ANSWER_H

#include "proto/text.h"

struct tr_http_answer {
	int                status;
	const char        *type;    /* Content-Type; NULL: there is no content */
	struct troupe_text headers; /* more lines, each with its CRLF */
	const void        *body;
	size_t             size;
	bool               close;   /* the connection ends behind it */
};

/* May an answer of this status have content at all? */
bool tr_http_answer_has_content(const struct tr_http_answer *a);

/* How the client sees where the content ends. */
enum tr_http_extent { TR_HTTP_SIZED, TR_HTTP_CHUNKED, TR_HTTP_TO_THE_END };

/* Appends the head, with the empty line behind it. connection: "close", "keep-alive"; NULL: as HTTP/1.1 has it. */
void tr_http_answer_put_head(struct tr_bytes *out, const struct tr_http_answer *a, enum tr_http_extent extent,
                             const char *connection);

#endif
