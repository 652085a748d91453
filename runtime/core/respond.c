/* SPDX-License-Identifier: Apache-2.0 */
/* The answers of plain HTTP (spec/rivetkit-client.md 11.1): whole, or in pieces. Pieces are held in the ledger like everything
 * that a turn says, so the head and each piece wait for the commit of the turn that made them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/text.h"
#include "runtime/base/mem.h"
#include "runtime/core/live.h"

/* ------------------------------------------------------------------ a whole answer */

static bool header_ok(const struct troupe_header *h)
{
	return *h->name && !strpbrk(h->name, ": \t\r\n") && !strpbrk(h->value, "\r\n");
}

/* TROUPE_EINVAL: this is no head, or not the time for one. */
static int set_head(struct troupe_call *c, int status, const struct troupe_header *headers, size_t count)
{
	struct troupe_header *copies;

	if (!c->caller.ops->plain || c->answered || c->streaming || status < 200 || status > 599)
		return TROUPE_EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (!header_ok(&headers[i]))
			return TROUPE_EINVAL;
	}
	copies = tr_pool_alloc(&c->pool, (count + 1) * sizeof *copies);
	for (size_t i = 0; i < count; i++)
		copies[i] = (struct troupe_header){
			.name = tr_pool_text(&c->pool, tr_text_from(headers[i].name)),
			.value = tr_pool_text(&c->pool, tr_text_from(headers[i].value)),
		};
	c->response = (struct tr_raw_response){ .status = status, .headers = copies, .header_count = count };
	return 0;
}

int troupe_respond(struct troupe_call *c, int status, const struct troupe_header *headers, size_t header_count,
                   const void *body, size_t body_size)
{
	int rc = set_head(c, status, headers, header_count);

	if (rc < 0)
		return rc;
	if (body_size > TR_HTTP_RAW_OUT_BYTES_MAX)
		return troupe_fail(c, TROUPE_EBIGOUT, NULL);
	tr_bytes_put(&c->output, body, body_size);
	tr_call_hold_answer(c);
	return 0;
}

/* ------------------------------------------------------------------ in pieces */

static void release_piece(const struct tr_release *r)
{
	struct troupe_call *c = r->piece.call;

	c->waiting -= r->piece.size;
	if (r->piece.data)
		c->caller.ops->piece(c, r->piece.data, r->piece.size);
	else
		c->caller.ops->head(c);
	free(r->piece.data);
}

static void drop_piece(const struct tr_release *r)
{
	struct troupe_call *c = r->piece.call;

	c->waiting -= r->piece.size;
	if (!r->piece.data) {
		c->streaming = false;
		c->response.status = 0;
		c->actor->stream_count--;
	}
	free(r->piece.data);
}

static const struct tr_release_kind piece_item = { .release = release_piece, .drop = drop_piece };

static void hold_piece(struct troupe_call *c, void *data, size_t size)
{
	struct tr_release *r = tr_ledger_hold(&c->actor->core->ledger, &piece_item, &c->actor->writer);

	r->piece.call = c;
	r->piece.data = data;
	r->piece.size = size;
	c->waiting += size;
}

static bool listens(const struct troupe_call *c)
{
	return c->caller.ops->listens && c->caller.ops->listens(c);
}

int troupe_respond_begin(struct troupe_call *c, int status, const struct troupe_header *headers, size_t header_count)
{
	int rc = set_head(c, status, headers, header_count);

	if (rc < 0)
		return rc;
	if (!listens(c))
		return TROUPE_EGONE;
	if (c->actor->stream_count >= TR_STREAMS_MAX)
		return TROUPE_EOVERLOADED;
	c->response.pieces = c->streaming = true;
	c->actor->stream_count++;
	hold_piece(c, NULL, 0);
	return 0;
}

int troupe_respond_write(struct troupe_call *c, const void *data, size_t size)
{
	size_t waiting;

	if (!c->streaming || c->answered)
		return TROUPE_EINVAL;
	if (!listens(c))
		return TROUPE_EGONE;
	if (size > TR_STREAM_BYTES_MAX)
		return TROUPE_EBIGOUT;
	waiting = c->waiting + c->caller.ops->backlog(c);
	c->full = waiting + size > TR_STREAM_BYTES_MAX;
	if (c->full)
		return TROUPE_EBACKLOG;
	if (size > 0)
		hold_piece(c, tr_strndup(data, size), size);
	return 0;
}

int troupe_respond_end(struct troupe_call *c)
{
	if (!c->streaming || c->answered)
		return TROUPE_EINVAL;
	tr_call_hold_answer(c);
	return 0;
}

struct flow { struct troupe_call *call; bool open; };

static int flow_turn(struct troupe_actor *a, void *arg)
{
	const struct flow *flow = arg;

	a->kind->stream(a, flow->call, flow->open);
	return 0;
}

void tr_stream_turn(struct troupe_call *c, bool open)
{
	struct troupe_actor *a = c->actor;

	c->full = false;
	if (a->kind->stream && !c->answered && a->life == TR_AWAKE && !a->writer.doomed)
		tr_actor_turn(a, flow_turn, &(struct flow){ c, open });
}

/* ------------------------------------------------------------------ what was asked */

const char *troupe_request_header(const struct troupe_request *rq, const char *name)
{
	for (size_t i = 0; i < rq->header_count; i++) {
		if (strcasecmp(rq->headers[i].name, name) == 0)
			return rq->headers[i].value;
	}
	return NULL;
}
