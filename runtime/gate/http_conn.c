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
#include "runtime/gate/http_conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/gate/http_body.h"
#include "runtime/gate/text.h"

#define READ_BYTES      16384
#define READ_AHEAD_MAX  TR_HTTP_HEAD_BYTES_MAX /* while an answer is due; then the socket is left alone */

const struct tr_http_times tr_http_times = {
	.head_ms  = TR_HTTP_HEAD_TIME_MS,
	.idle_ms  = TR_HTTP_IDLE_TIME_MS,
	.body_ms  = TR_HTTP_BODY_TIME_MS,
	.close_ms = TR_CLOSE_MS,
};

enum state { IDLE, HEAD, BODY, WAIT, STREAM, SEND, SKIP, LINGER, DEAD };

struct tr_http_conn {
	int fd;
	enum state state;
	const struct tr_http_ops *ops;
	void *owner;
	const struct tr_http_times *times;
	struct event *readable, *writable, *timer;
	bool reading;             /* readable is added */
	bool running;             /* inside run(): callbacks find it so */
	bool ended;               /* the client will send nothing more */
	bool closing;             /* the answer in SEND is the last */
	bool draining;            /* tr_http_conn_drain was called */
	bool served;              /* a whole head has come */
	size_t moved;             /* since the deadline was set */
	struct tr_bytes in;       /* read; the first `used` bytes have been understood */
	size_t used;
	struct tr_bytes out;      /* of which `sent` bytes are out */
	size_t sent;
	bool chunked;             /* pieces go out so; else as they are, up to the end of the connection */
	bool silent;              /* pieces do not go out: HEAD, 204, 304 */
	struct tr_http_scan scan;
	struct tr_bytes head_bytes; /* what head's texts lie in */
	struct tr_http_head *head;  /* of the present request */
	struct tr_http_body body;
	struct tr_bytes content;
	bool unread;              /* the body has not been read to its end */
};

/* ---- beginning and end */

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_deadline(evutil_socket_t fd, short what, void *arg);

static void set_deadline(struct tr_http_conn *c, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	c->moved = 0;
	event_add(c->timer, &tv);
}

static void enter(struct tr_http_conn *c, enum state state)
{
	c->state = state;
	switch (state) {
	case IDLE:   set_deadline(c, c->times->idle_ms); break;
	case HEAD:   set_deadline(c, c->times->head_ms); break;
	case BODY:
	case SKIP:
	case STREAM:
	case SEND:   set_deadline(c, c->times->body_ms); break;
	case LINGER: set_deadline(c, c->times->close_ms); break;
	case WAIT:
	case DEAD:   event_del(c->timer); break;
	}
}

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
	enter(c, IDLE);
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

/* ---- out */

static void put_head(struct tr_http_conn *c, const struct tr_http_answer *a, enum tr_http_extent extent)
{
	bool old = c->head && !c->head->minor;

	tr_http_answer_put_head(&c->out, a, extent, c->closing ? "close" : old ? "keep-alive" : NULL);
}

static bool asks_for_head(const struct tr_http_conn *c)
{
	return c->head && tr_text_is(c->head->method, "HEAD");
}

static void put_answer(struct tr_http_conn *c, const struct tr_http_answer *a)
{
	put_head(c, a, TR_HTTP_SIZED);
	if (tr_http_answer_has_content(a) && !asks_for_head(c))
		tr_bytes_put(&c->out, a->body, a->size);
	if (c->out.failed)
		enter(c, DEAD); /* half an answer would be worse than none */
}

/* Sends what the socket takes. True when nothing is left. */
static bool flush(struct tr_http_conn *c)
{
	while (c->sent < c->out.size) {
		ssize_t n = send(c->fd, c->out.data + c->sent, c->out.size - c->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			enter(c, DEAD);
		if (n < 0)
			return false;
		c->sent += (size_t)n;
		c->moved += (size_t)n;
		if ((c->state == SEND || c->state == STREAM) && c->moved >= TR_HTTP_PROGRESS_BYTES)
			enter(c, c->state);
	}
	tr_bytes_free(&c->out);
	c->sent = 0;
	return true;
}

/* ---- in */

static struct troupe_text waiting(const struct tr_http_conn *c)
{
	return c->in.size ? tr_text(c->in.data + c->used, c->in.size - c->used) : tr_text("", 0);
}

static void consume(struct tr_http_conn *c, size_t size)
{
	c->used += size;
	if (c->used < c->in.size)
		return;
	tr_bytes_free(&c->in);
	c->used = 0;
}

static void append(struct tr_http_conn *c, const void *data, size_t size)
{
	if (c->used) {
		memmove(c->in.data, c->in.data + c->used, c->in.size - c->used);
		c->in.size -= c->used;
		c->used = 0;
	}
	tr_bytes_put(&c->in, data, size);
	if (c->in.failed)
		enter(c, DEAD);
}

static void refuse(struct tr_http_conn *c, int status, const char *why)
{
	c->closing = true;
	c->state = WAIT;
	c->ops->on_bad(c->owner, c->head, status, why);
	assert(c->state == SEND || c->state == DEAD);
}

static int take_head(struct tr_http_conn *c, size_t size, const char **why)
{
	tr_bytes_put(&c->head_bytes, waiting(c).data, size);
	if (c->head_bytes.failed)
		abort(); /* as tr_alloc does */
	consume(c, size);
	c->scan = (struct tr_http_scan){ 0 };
	c->head = tr_alloc(sizeof(*c->head));
	return tr_http_head_parse(c->head, (const char *)c->head_bytes.data, size, why);
}

/* Somebody has to read the body if the connection is to go on. Where the client waits for our word or the body is too
 * large for that, it does not. */
static void plan_skipping(struct tr_http_conn *c)
{
	if (c->head->expect || tr_http_body_start(&c->body, c->head, TR_HTTP_UNWANTED_BYTES_MAX))
		c->closing = true;
}

static void start_body(struct tr_http_conn *c)
{
	uint64_t max;

	enter(c, WAIT);
	c->unread = c->head->chunked || c->head->length;
	c->served = true;
	max = c->ops->on_head(c->owner, c->head);
	if (c->state != WAIT)
		return;
	if (tr_http_body_start(&c->body, c->head, max)) {
		refuse(c, 413, "The body is too large.");
		return;
	}
	if (c->unread && c->head->expect && !waiting(c).size)
		tr_bytes_put_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	enter(c, BODY);
}

/* True: it went on. */
static bool read_head(struct tr_http_conn *c)
{
	const char *why = "This is not HTTP.";
	struct troupe_text in = waiting(c);
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
		refuse(c, status, why);
	} else if (size) {
		start_body(c);
	} else if (c->state == IDLE) {
		enter(c, HEAD);
	}
	return status || size;
}

/* The outcome of tr_http_body_take, or 503. */
static int read_body(struct tr_http_conn *c, struct tr_bytes *into, const char **why)
{
	struct troupe_text in = waiting(c);
	size_t taken = 0;
	int outcome = tr_http_body_take(&c->body, in.data, in.size, &taken, into, why);

	consume(c, taken);
	c->moved += taken;
	if (into && into->failed) {
		*why = "The server is out of memory.";
		return 503;
	}
	if (outcome == TR_HTTP_BODY_MORE && c->moved >= TR_HTTP_PROGRESS_BYTES)
		enter(c, c->state);
	if (outcome == TR_HTTP_BODY_DONE)
		c->unread = false;
	return outcome;
}

/* ---- the machine */

static bool step_body(struct tr_http_conn *c)
{
	const char *why;
	int outcome = read_body(c, &c->content, &why);

	if (outcome == TR_HTTP_BODY_MORE)
		return false;
	if (outcome != TR_HTTP_BODY_DONE) {
		refuse(c, outcome, why);
		return true;
	}
	enter(c, WAIT);
	c->ops->on_body(c->owner, c->head, tr_text_of(&c->content));
	tr_bytes_free(&c->content);
	return true;
}

/* Everything of this request is done, and its answer is out. */
static void end_request(struct tr_http_conn *c)
{
	forget_request(c);
	enter(c, c->closing || c->draining ? LINGER : IDLE);
}

static bool step_skip(struct tr_http_conn *c)
{
	const char *why;
	int outcome = read_body(c, NULL, &why);

	if (outcome == TR_HTTP_BODY_MORE)
		return false;
	c->closing |= outcome != TR_HTTP_BODY_DONE;
	end_request(c);
	return true;
}

static bool step_send(struct tr_http_conn *c)
{
	if (!flush(c))
		return false;
	if (c->unread && !c->closing)
		enter(c, SKIP);
	else
		end_request(c);
	return true;
}

/* Nothing to send is no slowness of the client's. */
static bool step_stream(struct tr_http_conn *c)
{
	if (!c->out.size || !flush(c))
		return false;
	event_del(c->timer);
	c->ops->on_room(c->owner);
	return true;
}

/* Our half is closed; what the client still sends is dropped, so that no reset overtakes the answer. */
static bool step_linger(struct tr_http_conn *c)
{
	shutdown(c->fd, SHUT_WR);
	c->moved += waiting(c).size;
	consume(c, waiting(c).size);
	if (c->moved > TR_HTTP_UNWANTED_BYTES_MAX)
		enter(c, DEAD);
	return false;
}

/* True: it went on, and there may be more to do. */
static bool step(struct tr_http_conn *c)
{
	switch (c->state) {
	case IDLE:
	case HEAD:   return c->in.size && read_head(c);
	case BODY:   return step_body(c);
	case SKIP:   return step_skip(c);
	case STREAM: return step_stream(c);
	case SEND:   return step_send(c);
	case LINGER: return step_linger(c);
	case WAIT:
	case DEAD:   break;
	}
	return false;
}

/* The client's end has come. An answer that is on its way it may still be reading. */
static void see_end(struct tr_http_conn *c)
{
	if (c->state != SEND)
		enter(c, DEAD);
	c->closing = true;
}

/* What the loop has to watch for. */
static void watch(struct tr_http_conn *c)
{
	bool read_on = !c->ended && (waiting(c).size < READ_AHEAD_MAX || c->state == HEAD);

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
	if (c->ended && c->state != DEAD)
		see_end(c);
	if (c->state == BODY)
		flush(c); /* 100 Continue */
	c->running = false;
	if (c->state == DEAD)
		conn_free(c);
	else
		watch(c);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct tr_http_conn *c = arg;
	uint8_t scratch[READ_BYTES];
	ssize_t n = recv(fd, scratch, sizeof(scratch), 0);

	(void)what;
	if (n > 0)
		append(c, scratch, (size_t)n);
	else if (n == 0)
		c->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		enter(c, DEAD);
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
	if (c->state == HEAD)
		refuse(c, 408, "The request's head did not arrive in time.");
	else if (c->state == BODY)
		refuse(c, 408, "The request's body did not arrive in time.");
	else
		enter(c, DEAD);
	run(c);
}

/* ---- what the owner calls */

static void plan_end(struct tr_http_conn *c, const struct tr_http_answer *a)
{
	assert(c->state == WAIT);
	if (a->close || c->draining || !c->head || !c->head->keep_alive)
		c->closing = true;
	if (c->unread && !c->closing)
		plan_skipping(c);
}

void tr_http_conn_answer(struct tr_http_conn *c, const struct tr_http_answer *a)
{
	plan_end(c, a);
	enter(c, SEND);
	put_answer(c, a);
	if (c->running)
		return;
	if (!waiting(c).size || c->closing) {
		run(c);
		return;
	}
	/* This may be called from deep inside the core, which must not meet the next request there: that is left to the
	 * loop. */
	if (c->state == SEND)
		flush(c);
	event_active(c->writable, EV_WRITE, 0);
}

/* What was put is sent from the loop, all of a turn at once. */
static void send_soon(struct tr_http_conn *c)
{
	if (c->out.failed)
		enter(c, DEAD);
	if (!c->running)
		event_active(c->writable, EV_WRITE, 0);
}

void tr_http_conn_begin(struct tr_http_conn *c, const struct tr_http_answer *head)
{
	c->chunked = c->head && c->head->minor;
	c->silent = asks_for_head(c) || !tr_http_answer_has_content(head);
	if (!c->chunked && !c->silent)
		c->closing = true;
	plan_end(c, head);
	enter(c, STREAM);
	put_head(c, head, c->chunked ? TR_HTTP_CHUNKED : TR_HTTP_TO_THE_END);
	send_soon(c);
}

void tr_http_conn_piece(struct tr_http_conn *c, const void *data, size_t size)
{
	assert(c->state == STREAM || c->state == DEAD);
	if (c->silent || !size || c->state == DEAD)
		return;
	if (!c->out.size)
		enter(c, STREAM); /* for its deadline */
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
	if (c->state != DEAD)
		enter(c, whole ? SEND : DEAD);
	send_soon(c);
}

size_t tr_http_conn_backlog(const struct tr_http_conn *c)
{
	return c->out.size - c->sent;
}

int tr_http_conn_release(struct tr_http_conn *c, struct troupe_text *rest)
{
	int fd = c->fd;

	assert(c->state == WAIT && c->running && !c->out.size);
	event_del(c->readable);
	event_del(c->writable);
	*rest = waiting(c);
	c->fd = -1;
	enter(c, DEAD);
	return fd;
}

bool tr_http_conn_idle(const struct tr_http_conn *c)
{
	char byte;

	return c->state == IDLE && !c->running && recv(c->fd, &byte, 1, MSG_PEEK) <= 0;
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
		enter(c, DEAD);
	else
		conn_free(c);
}
