/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/1.x connection, what the client says: bytes wait until they are a head, then a body; and the state, whose
 * deadlines are the client's. */
#include "runtime/gate/http_conn_inner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

static void set_deadline(struct tr_http_conn *c, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	c->moved = 0;
	event_add(c->timer, &tv);
}

void tr_http_conn_enter(struct tr_http_conn *c, enum tr_http_state state)
{
	c->state = state;
	switch (state) {
	case TR_AT_IDLE:   set_deadline(c, c->times->idle_ms); break;
	case TR_AT_HEAD:   set_deadline(c, c->times->head_ms); break;
	case TR_AT_BODY:
	case TR_AT_SKIP:
	case TR_AT_STREAM:
	case TR_AT_SEND:   set_deadline(c, c->times->body_ms); break;
	case TR_AT_LINGER: set_deadline(c, c->times->close_ms); break;
	case TR_AT_WAIT:
	case TR_AT_DEAD:   event_del(c->timer); break;
	}
}

struct troupe_text tr_http_conn_waiting(const struct tr_http_conn *c)
{
	return c->in.size ? tr_text(c->in.data + c->used, c->in.size - c->used) : tr_text("", 0);
}

void tr_http_conn_consume(struct tr_http_conn *c, size_t size)
{
	c->used += size;
	if (c->used < c->in.size)
		return;
	tr_bytes_free(&c->in);
	c->used = 0;
}

void tr_http_conn_append(struct tr_http_conn *c, const void *data, size_t size)
{
	if (c->used) {
		memmove(c->in.data, c->in.data + c->used, c->in.size - c->used);
		c->in.size -= c->used;
		c->used = 0;
	}
	tr_bytes_put(&c->in, data, size);
	if (c->in.failed)
		tr_http_conn_enter(c, TR_AT_DEAD);
}

void tr_http_conn_refuse(struct tr_http_conn *c, int status, const char *why)
{
	c->closing = true;
	c->state = TR_AT_WAIT;
	c->ops->on_bad(c->owner, c->head, status, why);
	assert(c->state == TR_AT_SEND || c->state == TR_AT_DEAD);
}

static int take_head(struct tr_http_conn *c, size_t size, const char **why)
{
	tr_bytes_put(&c->head_bytes, tr_http_conn_waiting(c).data, size);
	if (c->head_bytes.failed)
		abort(); /* as tr_alloc does */
	tr_http_conn_consume(c, size);
	c->scan = (struct tr_http_scan){ 0 };
	c->head = tr_alloc(sizeof(*c->head));
	return tr_http_head_parse(c->head, (const char *)c->head_bytes.data, size, why);
}

static void start_body(struct tr_http_conn *c)
{
	uint64_t max;

	tr_http_conn_enter(c, TR_AT_WAIT);
	c->unread = c->head->chunked || c->head->length;
	c->served = true;
	max = c->ops->on_head(c->owner, c->head);
	if (c->state != TR_AT_WAIT)
		return;
	if (tr_http_body_start(&c->body, c->head, max)) {
		tr_http_conn_refuse(c, 413, "The body is too large.");
		return;
	}
	if (c->unread && c->head->expect && !tr_http_conn_waiting(c).size)
		tr_bytes_put_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	tr_http_conn_enter(c, TR_AT_BODY);
}

bool tr_http_conn_read_head(struct tr_http_conn *c)
{
	const char *why = "This is not HTTP.";
	struct troupe_text in = tr_http_conn_waiting(c);
	ssize_t size = tr_http_head_scan(&c->scan, in.data, in.size);
	int status = size < 0 ? 400 : 0;

	if (size > TR_HTTP_HEAD_BYTES_MAX || (!size && in.size > TR_HTTP_HEAD_BYTES_MAX)) {
		why = "The request's head is too large.";
		status = 431;
	} else if (size > 0) {
		status = take_head(c, (size_t)size, &why);
	}
	if (status) {
		free(c->head); /* what could not be parsed is not shown to anybody */
		c->head = NULL;
		tr_http_conn_refuse(c, status, why);
	} else if (size) {
		start_body(c);
	} else if (c->state == TR_AT_IDLE) {
		tr_http_conn_enter(c, TR_AT_HEAD);
	}
	return status || size;
}

int tr_http_conn_read_body(struct tr_http_conn *c, struct tr_bytes *into, const char **why)
{
	struct troupe_text in = tr_http_conn_waiting(c);
	size_t taken = 0;
	int outcome = tr_http_body_take(&c->body, in.data, in.size, &taken, into, why);

	tr_http_conn_consume(c, taken);
	c->moved += taken;
	if (into && into->failed) {
		*why = "The server is out of memory.";
		return 503;
	}
	if (outcome == TR_HTTP_BODY_MORE && c->moved >= TR_HTTP_PROGRESS_BYTES)
		tr_http_conn_enter(c, c->state);
	if (outcome == TR_HTTP_BODY_DONE)
		c->unread = false;
	return outcome;
}
