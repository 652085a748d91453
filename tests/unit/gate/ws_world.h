/* SPDX-License-Identifier: Apache-2.0 */
/* The gate's WebSockets over real sockets: this program is the front desk, the core, and all the
 * clients, in one loop. Clients speak raw bytes, so that they can be rude. Everything waits for
 * events; a watchdog ends what hangs. */
#ifndef TR_TESTS_UNIT_GATE_WS_WORLD_H
#define TR_TESTS_UNIT_GATE_WS_WORLD_H

#include "tests/kit/patience.h"
#include "tests/kit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "runtime/base/limits.h"
#include "runtime/base/list.h"
#include "runtime/gate/ws.h"

#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455, 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

/* ------------------------------------------------------------------ the core */

/* What the gate told the core about one connection, and by what it may answer. */
struct tr_conn {
	const struct tr_peer_ops *ops;
	void                     *peer;
	char                     *last; /* the last message */
	size_t                    last_size;
	bool                      last_text;
	int                       messages, drained, closed, closing_code;
	char                      closing_reason[124];
	bool                      echo, count_only;
	void                    (*on_message)(struct tr_conn *c);
	void                    (*on_drained)(struct tr_conn *c);
};

static struct event_base *base;
static struct tr_ws *ws;
static struct tr_conn conns[16]; /* in order of opening; further ones are only counted */
static int opened, closed, refused;
static struct tr_conn refused_conn;
static void (*on_open)(struct tr_conn *c);
static bool inside_ops;

static inline void send_bytes(struct tr_conn *c, const void *data, size_t size, bool text)
{
	struct tr_frame *f = tr_frame_new(data, size, text);

	inside_ops = true;
	c->ops->send(c->peer, f);
	inside_ops = false;
	tr_frame_unref(f);
}

static inline void send_text(struct tr_conn *c, const char *text)
{
	send_bytes(c, text, strlen(text), true);
}

static inline void shut(struct tr_conn *c, int code, const char *reason, int delay_ms)
{
	inside_ops = true;
	c->ops->close(c->peer, code, reason, delay_ms);
	inside_ops = false;
}

size_t tr_core_message_size(const struct tr_core *core)
{
	(void)core;
	return TR_MESSAGE_IN_BYTES_MAX;
}

struct tr_conn *tr_conn_open(struct tr_core *core, const struct tr_conn_request *rq,
                             const struct tr_peer_ops *ops, void *peer)
{
	struct tr_conn *c = opened < 16 ? &conns[opened] : calloc(1, sizeof *c);

	(void)core;
	(void)rq;
	c->count_only = opened++ >= 16;
	c->ops = ops;
	c->peer = peer;
	if (on_open)
		on_open(c);
	return c;
}

void tr_conn_refuse(struct tr_core *core, enum tr_encoding e, int error, const char *message,
                    const struct tr_peer_ops *ops, void *peer)
{
	(void)core;
	(void)message;
	assert_int_equal(e, TR_ENC_CBOR);
	assert_int_equal(error, TROUPE_EKIND);
	refused++;
	refused_conn = (struct tr_conn){ .ops = ops, .peer = peer };
	send_text(&refused_conn, "error");
	shut(&refused_conn, 1011, "actor.not_registered", TR_REFUSAL_DELAY_MS);
}

void tr_conn_message(struct tr_conn *c, const void *data, size_t size, bool text)
{
	assert_false(inside_ops);
	assert_int_equal(c->closed, 0);
	free(c->last);
	c->last = malloc(size + 1);
	if (size)
		memcpy(c->last, data, size);
	c->last[size] = 0;
	c->last_size = size;
	c->last_text = text;
	c->messages++;
	if (c->echo)
		send_bytes(c, data, size, text);
	if (c->on_message)
		c->on_message(c);
}

void tr_conn_closing(struct tr_conn *c, int code, struct troupe_text reason)
{
	c->closing_code = code;
	snprintf(c->closing_reason, sizeof(c->closing_reason), "%.*s", (int)reason.size, reason.data);
}

void tr_conn_drained(struct tr_conn *c)
{
	assert_false(inside_ops);
	c->drained++;
	if (c->on_drained)
		c->on_drained(c);
}

void tr_conn_closed(struct tr_conn *c)
{
	assert_false(inside_ops);
	assert_int_equal(c->closed++, 0);
	closed++;
	if (c->count_only) {
		free(c->last);
		free(c);
	}
}

/* ------------------------------------------------------------------ the loop */

static struct event *watchdog;
static int listener = -1;
static struct sockaddr_in address;

static inline void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	fail_msg("nothing happened for %d seconds", HANGS_AFTER_S);
}

static inline void turn(void)
{
	struct timeval patience = { HANGS_AFTER_S, 0 };

	event_add(watchdog, &patience);
	event_base_loop(base, EVLOOP_ONCE);
	tr_ws_flush(ws);
}

/* What a test did for the core, outside the loop, leaves first. */
#define UNTIL(condition) do { tr_ws_flush(ws); while (!(condition)) turn(); } while (0)

#define COARSE_MS 20 /* libevent's clock may be that much early */

static inline int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* libuv opens a pipe for signals once in a process: before descriptors are counted. */
__attribute__((constructor)) static void open_what_libuv_keeps(void)
{
	uv_loop_t loop;

	uv_loop_init(&loop);
	uv_loop_close(&loop);
}

static inline void begin(void)
{
	socklen_t size = sizeof address;

	memset(conns, 0, sizeof conns);
	opened = closed = refused = 0;
	on_open = NULL;
	base = event_base_new();
	watchdog = evtimer_new(base, on_watchdog, NULL);
	assert_int_equal(tr_ws_new(&ws, base, NULL), 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	address = (struct sockaddr_in){ .sin_family = AF_INET };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(listener, 1024), 0);
	getsockname(listener, (struct sockaddr *)&address, &size);
}

static inline void end(void)
{
	ws = tr_ws_free(ws);
	assert_int_equal(opened, closed);
	for (int i = 0; i < 16; i++)
		free(conns[i].last);
	close(listener);
	event_free(watchdog);
	event_base_free(base);
}

/* ------------------------------------------------------------------ clients */

struct client {
	int           fd;
	struct event *readable;
	uint8_t      *in;
	size_t        size, room;
	bool          eof;
};

static inline void on_client_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	ssize_t n;

	(void)what;
	if (c->room - c->size < 65536) {
		c->room = c->room * 2 + 65536;
		c->in = realloc(c->in, c->room);
	}
	n = recv(fd, c->in + c->size, c->room - c->size, 0);
	if (n > 0) {
		c->size += (size_t)n;
	} else {
		c->eof = true;
		event_del(c->readable);
	}
}

static inline void client_listen(struct client *c, bool on)
{
	if (on)
		event_add(c->readable, NULL);
	else
		event_del(c->readable);
}

/* Connects and has the socket adopted, with `rest` behind the head. */
static inline struct client *client_with(const struct tr_ws_upgrade *up)
{
	struct client *c = calloc(1, sizeof *c);
	int on = 1, fd;

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&address, sizeof address), 0);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	evutil_make_socket_nonblocking(c->fd);
	c->readable = event_new(base, c->fd, EV_READ | EV_PERSIST, on_client_readable, c);
	client_listen(c, true);
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	tr_ws_adopt(ws, fd, up);
	return c;
}

static const struct tr_ws_upgrade plain = {
	.key     = { KEY, sizeof KEY - 1 },
	.rivet   = true,
	.address = { "127.0.0.1", 9 },
};

static inline struct client *client_with_rest(const void *rest, size_t size)
{
	struct tr_ws_upgrade up = plain;

	up.rest = rest;
	up.rest_size = size;
	return client_with(&up);
}

static inline void client_free(struct client *c)
{
	event_free(c->readable);
	close(c->fd);
	free(c->in);
	free(c);
}

static inline void eat(struct client *c, size_t size)
{
	memmove(c->in, c->in + size, c->size - size);
	c->size -= size;
}

/* Reads the handshake's answer away. */
static inline void shake(struct client *c)
{
	uint8_t *end_of_head;

	UNTIL((end_of_head = c->size ? memmem(c->in, c->size, "\r\n\r\n", 4) : NULL));
	assert_memory_equal(c->in, "HTTP/1.1 101 ", 13);
	eat(c, (size_t)(end_of_head + 4 - c->in));
}

static inline struct client *client_new(void)
{
	struct client *c = client_with(&plain);

	shake(c);
	return c;
}

static inline void say(struct client *c, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = send(c->fd, at, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			turn();
			continue;
		}
		if (n < 0)
			return; /* the server has closed: what it said is for the test to see */
		at += n;
		size -= (size_t)n;
	}
}

/* A masked frame; first is FIN, reserved bits and opcode. Malloced. */
static inline uint8_t *frame(uint8_t first, const void *payload, size_t size, size_t *ret)
{
	static const uint8_t mask[4] = { 0x12, 0x34, 0x56, 0x78 };
	uint8_t *f = malloc(size + 14);
	size_t head = 2;

	f[0] = first;
	f[1] = (uint8_t)(0x80 | (size < 126 ? size : size < 65536 ? 126 : 127));
	if (size >= 126) {
		head = size < 65536 ? 4 : 10;
		for (size_t i = 2; i < head; i++)
			f[i] = (uint8_t)((uint64_t)size >> 8 * (head - 1 - i));
	}
	memcpy(f + head, mask, 4);
	head += 4;
	for (size_t i = 0; i < size; i++)
		f[head + i] = ((const uint8_t *)payload)[i] ^ mask[i & 3];
	*ret = head + size;
	return f;
}

static inline void say_frame(struct client *c, uint8_t first, const void *payload, size_t size)
{
	size_t wire;
	uint8_t *f = frame(first, payload, size, &wire);

	say(c, f, wire);
	free(f);
}

static inline void say_text(struct client *c, const char *text)
{
	say_frame(c, 0x81, text, strlen(text));
}

/* The frame at the head of what came, if it is whole. */
struct seen { int opcode; const uint8_t *payload; size_t size, wire; };

static inline bool peek(const struct client *c, struct seen *s)
{
	size_t head = 2;

	if (c->size < 2)
		return false;
	s->size = c->in[1] & 127;
	if (s->size > 125)
		head = s->size == 126 ? 4 : 10;
	if (c->size < head)
		return false;
	if (head > 2) {
		s->size = 0;
		for (size_t i = 2; i < head; i++)
			s->size = s->size << 8 | c->in[i];
	}
	s->opcode = c->in[0];
	s->payload = c->in + head;
	s->wire = head + s->size;
	return c->size >= s->wire;
}

static inline void hears(struct client *c, int first, const void *payload, size_t size)
{
	struct seen s = { 0 };

	UNTIL(peek(c, &s) || c->eof);
	assert_true(peek(c, &s));
	assert_int_equal(s.opcode, first);
	assert_int_equal(s.size, size);
	if (size)
		assert_memory_equal(s.payload, payload, size);
	eat(c, s.wire);
}

static inline void hears_text(struct client *c, const char *text)
{
	hears(c, 0x81, text, strlen(text));
}

static inline void hears_close(struct client *c, int code, const char *reason)
{
	char payload[126] = { (char)(code >> 8), (char)code };

	memcpy(payload + 2, reason, strlen(reason));
	hears(c, 0x88, payload, 2 + strlen(reason));
}

static inline void hears_end(struct client *c)
{
	UNTIL(c->eof);
	assert_int_equal(c->size, 0);
}

/* The next echo comes through: the server and this client are well. */
static inline void assert_well(struct client *c)
{
	say_text(c, "well?");
	hears_text(c, "well?");
}

static inline void echo_all(struct tr_conn *c)
{
	c->echo = true;
}

static inline struct client *begin_echo(void)
{
	begin();
	on_open = echo_all;
	return client_new();
}

static inline void end_with(struct client *c)
{
	client_free(c);
	end();
}

static inline void greet(struct tr_conn *c)
{
	c->echo = true;
	send_text(c, "init");
}

/* A client that must stay well whatever the others do. */
static struct client *bystander;

#endif
