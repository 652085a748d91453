/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer asked with, kept until its actor has let it in: the seek may take a while, and what was lent is gone by then. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/core/live.h"

static size_t text_room(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static size_t room_for(const struct troupe_request *rq, const char *before)
{
	size_t size = sizeof *rq + rq->header_count * sizeof *rq->headers + rq->body_size;

	size += text_room(rq->method) + text_room(before) + text_room(rq->path) + text_room(rq->url) + text_room(rq->address);
	for (size_t i = 0; i < rq->header_count; i++)
		size += text_room(rq->headers[i].name) + text_room(rq->headers[i].value);
	return size;
}

static const char *put(char **at, const char *text)
{
	size_t size = text_room(text);

	if (!text)
		return NULL;
	*at += size;
	return memcpy(*at - size, text, size);
}

struct troupe_request *tr_request_copy(const struct troupe_request *from, const char *before)
{
	struct troupe_request *rq;
	struct troupe_header *headers;
	char *at;

	if (!from)
		return NULL;
	rq = tr_alloc(room_for(from, before));
	headers = (struct troupe_header *)(rq + 1);
	at = (char *)(headers + from->header_count);
	*rq = *from;
	rq->headers = headers;
	for (size_t i = 0; i < from->header_count; i++)
		headers[i] = (struct troupe_header){ put(&at, from->headers[i].name), put(&at, from->headers[i].value) };
	rq->method = put(&at, from->method);
	rq->url = put(&at, from->url);
	rq->address = put(&at, from->address);
	rq->path = put(&at, before);
	at -= 1; /* the path goes on there */
	put(&at, from->path);
	if (from->body_size > 0)
		rq->body = memcpy(at, from->body, from->body_size);
	return rq;
}

const struct troupe_request *troupe_peer_request(const struct troupe_peer *p)
{
	return p->request;
}
