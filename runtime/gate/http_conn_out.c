/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/1.x connection, what the client gets: an answer whole, or in pieces; how much of it has left. */
#include "runtime/gate/http_conn_inner.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/gate/text.h"

/* Somebody has to read the body if the connection is to go on. Where the client waits for our word or the body is too
 * large for that, it does not. */
static void plan_skipping(struct tr_http_conn *c)
{
	if (c->head->expect || tr_http_body_start(&c->body, c->head, TR_HTTP_UNWANTED_BYTES_MAX))
		c->closing = true;
}

void tr_http_conn_plan_end(struct tr_http_conn *c, const struct tr_http_answer *a)
{
	assert(c->state == TR_AT_WAIT);
	if (a->close || c->draining || !c->head || !c->head->keep_alive)
		c->closing = true;
	if (c->unread && !c->closing)
		plan_skipping(c);
}

static void put_head(struct tr_http_conn *c, const struct tr_http_answer *a, enum tr_http_extent extent)
{
	bool old = c->head && !c->head->minor;

	tr_http_answer_put_head(&c->out, a, extent, c->closing ? "close" : old ? "keep-alive" : NULL);
}

static bool asks_for_head(const struct tr_http_conn *c)
{
	return c->head && tr_text_is(c->head->method, "HEAD");
}

void tr_http_conn_put_answer(struct tr_http_conn *c, const struct tr_http_answer *a)
{
	put_head(c, a, TR_HTTP_SIZED);
	if (tr_http_answer_has_content(a) && !asks_for_head(c))
		tr_bytes_put(&c->out, a->body, a->size);
	if (c->out.failed)
		tr_http_conn_enter(c, TR_AT_DEAD); /* half an answer would be worse than none */
}

bool tr_http_conn_flush(struct tr_http_conn *c)
{
	while (c->sent < c->out.size) {
		ssize_t n = send(c->fd, c->out.data + c->sent, c->out.size - c->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			tr_http_conn_enter(c, TR_AT_DEAD);
		if (n < 0)
			return false;
		c->sent += (size_t)n;
		c->moved += (size_t)n;
		if ((c->state == TR_AT_SEND || c->state == TR_AT_STREAM) && c->moved >= TR_HTTP_PROGRESS_BYTES)
			tr_http_conn_enter(c, c->state);
	}
	tr_bytes_free(&c->out);
	c->sent = 0;
	return true;
}

/* ---- in pieces */

/* What was put is sent from the loop, all of a turn at once. */
static void send_soon(struct tr_http_conn *c)
{
	if (c->out.failed)
		tr_http_conn_enter(c, TR_AT_DEAD);
	if (!c->running)
		event_active(c->writable, EV_WRITE, 0);
}

void tr_http_conn_begin(struct tr_http_conn *c, const struct tr_http_answer *head)
{
	c->chunked = c->head && c->head->minor;
	c->silent = asks_for_head(c) || !tr_http_answer_has_content(head);
	if (!c->chunked && !c->silent)
		c->closing = true;
	tr_http_conn_plan_end(c, head);
	tr_http_conn_enter(c, TR_AT_STREAM);
	put_head(c, head, c->chunked ? TR_HTTP_CHUNKED : TR_HTTP_TO_THE_END);
	send_soon(c);
}

void tr_http_conn_piece(struct tr_http_conn *c, const void *data, size_t size)
{
	assert(c->state == TR_AT_STREAM || c->state == TR_AT_DEAD);
	if (c->silent || !size || c->state == TR_AT_DEAD)
		return;
	if (!c->out.size)
		tr_http_conn_enter(c, TR_AT_STREAM); /* for its deadline */
	if (c->sent > c->out.size / 2) {
		memmove(c->out.data, c->out.data + c->sent, c->out.size - c->sent);
		c->out.size -= c->sent;
		c->sent = 0;
	}
	if (c->chunked)
		tr_bytes_printf(&c->out, "%zx\r\n", size);
	tr_bytes_put(&c->out, data, size);
	if (c->chunked)
		tr_bytes_put_text(&c->out, "\r\n");
	send_soon(c);
}

void tr_http_conn_finish(struct tr_http_conn *c, bool whole)
{
	if (whole && c->chunked && !c->silent)
		tr_bytes_put_text(&c->out, "0\r\n\r\n");
	if (c->state != TR_AT_DEAD)
		tr_http_conn_enter(c, whole ? TR_AT_SEND : TR_AT_DEAD);
	send_soon(c);
}

size_t tr_http_conn_backlog(const struct tr_http_conn *c)
{
	return c->out.size - c->sent;
}
