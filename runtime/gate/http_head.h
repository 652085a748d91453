/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP/1.x request, as RFC 9112 has it: strict, bounded, and without I/O.
 *
 * What others in front of us might read differently is refused, so that nobody can smuggle a request: a bare LF, a folded
 * line, a blank before a colon, a length and a transfer coding together, two lengths that differ, two Hosts. */
#ifndef TR_GATE_HTTP_HEAD_H
#define TR_GATE_HTTP_HEAD_H

#include <sys/types.h>

#include "proto/troupe_record.h"
#include "runtime/base/limits.h"

/* Looks for the end of a head in bytes that come bit by bit. Zero-initialised for each head; `data` may move between
 * calls, but begins at the same byte. */
struct tr_http_scan { size_t at, line; bool begun; };

/* The size of the head, its empty line included; 0: it goes on behind these bytes; -1: this is not HTTP. */
ssize_t tr_http_head_scan(struct tr_http_scan *s, const char *data, size_t size);

struct tr_http_header { struct troupe_text name, value; };

/* All texts lie in the bytes that were parsed, but "/" for an absolute target without a path. */
struct tr_http_head {
	struct troupe_text method;
	struct troupe_text path;   /* begins with "/", percent-encoded as it came; or "*", with OPTIONS only */
	struct troupe_text query;  /* behind the "?", as it came; data NULL: there is no "?" */
	struct troupe_text host;   /* name and port, from an absolute target or else from Host; size 0: none */
	unsigned minor;            /* of HTTP/1.minor: 0 or 1 */
	bool     keep_alive;       /* the client wants to go on after this request */
	bool     expect;           /* waits for 100 before it sends the body */
	bool     chunked;          /* body in chunks ... */
	uint64_t length;           /* ... or of this size */
	size_t   count;
	struct tr_http_header headers[TR_HTTP_HEADERS_MAX];
};

/* Parses a whole head, from the request line (or empty lines before it) to the empty line. 0; or the HTTP status to refuse it
 * with, and *why as a static sentence: 400, 417 (Expect), 431 (too many headers), 501 (transfer coding), 505. */
int tr_http_head_parse(struct tr_http_head *ret, const char *data, size_t size, const char **why);

/* The value of the first header of this name; data NULL: there is none. */
struct troupe_text tr_http_header(const struct tr_http_head *head, const char *name);
/* Is the token (without case) in the comma-separated list that all headers of this name make together? */
bool tr_http_has_token(const struct tr_http_head *head, const char *name, const char *token);
/* Walks the elements of that list: *at and *rest start zeroed. Empty elements are passed over. */
bool tr_http_next_element(const struct tr_http_head *head, const char *name, size_t *at, struct troupe_text *rest,
                          struct troupe_text *element);

/* What a method or a header's name is made of (RFC 9110, 5.6.2). */
bool tr_http_is_token(struct troupe_text t);

#endif
