/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/1.x connection: a small machine that is run whenever something happened.
 *
 *	IDLE --byte--> HEAD --> BODY --on_body--> WAIT --answer--> SEND --> IDLE
 *	                 |                                          ^ |---> SKIP --> IDLE   (a body that nobody wants)
 *	                 `--------- an answer in on_head -----------' `---> LINGER --> gone
 *
 * An answer in pieces stays in STREAM, between WAIT and SEND, until its last piece is there.
 *
 * run() moves it on until it has to wait. Whatever is called from inside a callback only notes what is wanted; the
 * connection is freed in one place, at the end of the outermost call. */
#include "runtime/gate/http_conn_inner.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/mem.h"

const struct tr_http_times tr_http_times = {
	.head_ms  = TR_HTTP_HEAD_TIME_MS,
	.idle_ms  = TR_HTTP_IDLE_TIME_MS,
	.body_ms  = TR_HTTP_BODY_TIME_MS,
	.close_ms = TR_CLOSE_MS,
};

/* ---- beginning and end */

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_deadline(evutil_socket_t fd, short what, void *arg);

struct tr_http_conn *tr_http_conn_new(struct event_base *base, int fd, const struct tr_http_ops *ops, void *owner,
                                      const struct tr_http_times *times)
{
	struct tr_http_conn *c = tr_alloc(sizeof(*c));

	c->fd = fd;
	c->ops = ops;
	c->owner = owner;
	c->times = times;
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(base, fd, EV_WRITE, on_writable, c);
	c->timer = evtimer_new(base, on_deadline, c);
	if (!c->readable || !c->writable || !c->timer)
		abort(); /* as tr_alloc does */
	event_add(c->readable, NULL);
	c->reading = true;
	tr_http_conn_enter(c, TR_AT_IDLE);
	return c;
}

static void forget_request(struct tr_http_conn *c)
{
	free(c->head);
	c->head = NULL;
	tr_bytes_free(&c->head_bytes);
	tr_bytes_free(&c->content);
}

static void conn_free(struct tr_http_conn *c)
{
	c->ops->on_closed(c->owner);
	event_free(c->readable);
	event_free(c->writable);
	event_free(c->timer);
	if (c->fd >= 0)
		close(c->fd);
	forget_request(c);
	tr_bytes_free(&c->in);
	tr_bytes_free(&c->out);
	free(c);
}

/* ---- the machine */

static bool step_body(struct tr_http_conn *c)
{
	const char *why;
	int outcome = tr_http_conn_read_body(c, &c->content, &why);

	if (outcome == TR_HTTP_BODY_MORE)
		return false;
	if (outcome != TR_HTTP_BODY_DONE) {
		tr_http_conn_refuse(c, outcome, why);
		return true;
	}
	tr_http_conn_enter(c, TR_AT_WAIT);
	c->ops->on_body(c->owner, c->head, tr_text_of(&c->content));
	tr_bytes_free(&c->content);
	return true;
}

/* Everything of this request is done, and its answer is out. */
static void end_request(struct tr_http_conn *c)
{
	forget_request(c);
	tr_http_conn_enter(c, c->closing || c->draining ? TR_AT_LINGER : TR_AT_IDLE);
}

static bool step_skip(struct tr_http_conn *c)
{
	const char *why;
	int outcome = tr_http_conn_read_body(c, NULL, &why);

	if (outcome == TR_HTTP_BODY_MORE)
		return false;
	c->closing |= outcome != TR_HTTP_BODY_DONE;
	end_request(c);
	return true;
}

static bool step_send(struct tr_http_conn *c)
{
	if (!tr_http_conn_flush(c))
		return false;
	if (c->unread && !c->closing)
		tr_http_conn_enter(c, TR_AT_SKIP);
	else
		end_request(c);
	return true;
}

/* Nothing to send is no slowness of the client's. */
static bool step_stream(struct tr_http_conn *c)
{
	if (!c->out.size || !tr_http_conn_flush(c))
		return false;
	event_del(c->timer);
	c->ops->on_room(c->owner);
	return true;
}

/* Our half is closed; what the client still sends is dropped, so that no reset overtakes the answer. */
static bool step_linger(struct tr_http_conn *c)
{
	shutdown(c->fd, SHUT_WR);
	c->moved += tr_http_conn_waiting(c).size;
	tr_http_conn_consume(c, tr_http_conn_waiting(c).size);
	if (c->moved > TR_HTTP_UNWANTED_BYTES_MAX)
		tr_http_conn_enter(c, TR_AT_DEAD);
	return false;
}

/* True: it went on, and there may be more to do. */
static bool step(struct tr_http_conn *c)
{
	switch (c->state) {
	case TR_AT_IDLE:
	case TR_AT_HEAD:   return c->in.size && tr_http_conn_read_head(c);
	case TR_AT_BODY:   return step_body(c);
	case TR_AT_SKIP:   return step_skip(c);
	case TR_AT_STREAM: return step_stream(c);
	case TR_AT_SEND:   return step_send(c);
	case TR_AT_LINGER: return step_linger(c);
	case TR_AT_WAIT:
	case TR_AT_DEAD:   break;
	}
	return false;
}

/* The client's end has come. An answer that is on its way it may still be reading. */
static void see_end(struct tr_http_conn *c)
{
	if (c->state != TR_AT_SEND)
		tr_http_conn_enter(c, TR_AT_DEAD);
	c->closing = true;
}

/* What the loop has to watch for. */
static void watch(struct tr_http_conn *c)
{
	bool read_on = !c->ended && (tr_http_conn_waiting(c).size < TR_HTTP_READ_AHEAD_MAX || c->state == TR_AT_HEAD);

	if (c->out.size)
		event_add(c->writable, NULL);
	if (read_on == c->reading)
		return;
	if (read_on)
		event_add(c->readable, NULL);
	else
		event_del(c->readable);
	c->reading = read_on;
}

static void run(struct tr_http_conn *c)
{
	c->running = true;
	while (step(c))
		;
	if (c->ended && c->state != TR_AT_DEAD)
		see_end(c);
	if (c->state == TR_AT_BODY)
		tr_http_conn_flush(c); /* 100 Continue */
	c->running = false;
	if (c->state == TR_AT_DEAD)
		conn_free(c);
	else
		watch(c);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct tr_http_conn *c = arg;
	uint8_t scratch[TR_HTTP_READ_BYTES];
	ssize_t n = recv(fd, scratch, sizeof(scratch), 0);

	(void)what;
	if (n > 0)
		tr_http_conn_append(c, scratch, (size_t)n);
	else if (n == 0)
		c->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		tr_http_conn_enter(c, TR_AT_DEAD);
	run(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	run(arg);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct tr_http_conn *c = arg;

	(void)fd;
	(void)what;
	c->running = true;
	if (c->state == TR_AT_HEAD)
		tr_http_conn_refuse(c, 408, "The request's head did not arrive in time.");
	else if (c->state == TR_AT_BODY)
		tr_http_conn_refuse(c, 408, "The request's body did not arrive in time.");
	else
		tr_http_conn_enter(c, TR_AT_DEAD);
	run(c);
}

/* ---- what the owner calls */

void tr_http_conn_answer(struct tr_http_conn *c, const struct tr_http_answer *a)
{
	tr_http_conn_plan_end(c, a);
	tr_http_conn_enter(c, TR_AT_SEND);
	tr_http_conn_put_answer(c, a);
	if (c->running)
		return;
	if (!tr_http_conn_waiting(c).size || c->closing) {
		run(c);
		return;
	}
	/* This may be called from deep inside the core, which must not meet the next request there: that is left to the
	 * loop. */
	if (c->state == TR_AT_SEND)
		tr_http_conn_flush(c);
	event_active(c->writable, EV_WRITE, 0);
}

int tr_http_conn_release(struct tr_http_conn *c, struct troupe_text *rest)
{
	int fd = c->fd;

	assert(c->state == TR_AT_WAIT && c->running && !c->out.size);
	event_del(c->readable);
	event_del(c->writable);
	*rest = tr_http_conn_waiting(c);
	c->fd = -1;
	tr_http_conn_enter(c, TR_AT_DEAD);
	return fd;
}

bool tr_http_conn_idle(const struct tr_http_conn *c)
{
	char byte;

	return c->state == TR_AT_IDLE && !c->running && recv(c->fd, &byte, 1, MSG_PEEK) <= 0;
}

bool tr_http_conn_fresh(const struct tr_http_conn *c)
{
	return !c->served;
}

void tr_http_conn_drain(struct tr_http_conn *c)
{
	c->draining = true;
	if (tr_http_conn_idle(c))
		conn_free(c);
}

void tr_http_conn_close(struct tr_http_conn *c)
{
	if (c->running)
		tr_http_conn_enter(c, TR_AT_DEAD);
	else
		conn_free(c);
}
