/* SPDX-License-Identifier: Apache-2.0 */
/* The gate's WebSockets over real sockets: this program is the front desk, the core, and all the clients, in one loop.
 * Clients speak raw bytes, so that they can be rude. Everything waits for events; a watchdog ends what hangs. */
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
	int                       messages, drained, closed;
	bool                      echo, count_only;
	void                    (*on_message)(struct tr_conn *c);
};

static struct event_base *base;
static struct tr_ws *ws;
static struct tr_conn conns[16]; /* in order of opening; further ones are only counted */
static int opened, closed, refused;
static struct tr_conn refused_conn;
static void (*on_open)(struct tr_conn *c);
static bool inside_ops;

static void send_bytes(struct tr_conn *c, const void *data, size_t size, bool text)
{
	struct tr_frame *f = tr_frame_new(data, size, text);

	inside_ops = true;
	c->ops->send(c->peer, f);
	inside_ops = false;
	tr_frame_unref(f);
}

static void send_text(struct tr_conn *c, const char *text)
{
	send_bytes(c, text, strlen(text), true);
}

static void shut(struct tr_conn *c, int code, const char *reason, int delay_ms)
{
	inside_ops = true;
	c->ops->close(c->peer, code, reason, delay_ms);
	inside_ops = false;
}

struct tr_conn *tr_conn_open(struct tr_core *core, const struct tr_conn_request *rq, const struct tr_peer_ops *ops, void *peer)
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

void tr_conn_drained(struct tr_conn *c)
{
	assert_false(inside_ops);
	c->drained++;
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

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	fail_msg("nothing happened for 20 seconds");
}

static void turn(void)
{
	struct timeval patience = { 20, 0 };

	tr_ws_flush(ws); /* a test speaks for the core outside the loop, too */
	event_add(watchdog, &patience);
	event_base_loop(base, EVLOOP_ONCE);
	tr_ws_flush(ws);
}

#define UNTIL(condition) while (!(condition)) turn()

#define COARSE_MS 20 /* libevent's clock may be that much early */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void begin(void)
{
	socklen_t size = sizeof address;

	memset(conns, 0, sizeof conns);
	opened = closed = refused = 0;
	on_open = NULL;
	base = event_base_new();
	watchdog = evtimer_new(base, on_watchdog, NULL);
	assert_int_equal(tr_ws_new(&ws, base, NULL), 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(listener, 1024), 0);
	getsockname(listener, (struct sockaddr *)&address, &size);
}

static void end(void)
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

static void on_client_readable(evutil_socket_t fd, short what, void *arg)
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

static void client_listen(struct client *c, bool on)
{
	if (on)
		event_add(c->readable, NULL);
	else
		event_del(c->readable);
}

/* Connects and has the socket adopted, with `rest` behind the head. */
static struct client *client_with(const struct tr_ws_upgrade *up)
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

static const struct tr_ws_upgrade plain = { .key = { KEY, sizeof KEY - 1 }, .rivet = true, .address = { "127.0.0.1", 9 } };

static struct client *client_with_rest(const void *rest, size_t size)
{
	struct tr_ws_upgrade up = plain;

	up.rest = rest;
	up.rest_size = size;
	return client_with(&up);
}

static void client_free(struct client *c)
{
	event_free(c->readable);
	close(c->fd);
	free(c->in);
	free(c);
}

static void eat(struct client *c, size_t size)
{
	memmove(c->in, c->in + size, c->size - size);
	c->size -= size;
}

/* Reads the handshake's answer away. */
static void shake(struct client *c)
{
	uint8_t *end_of_head;

	UNTIL((end_of_head = c->size ? memmem(c->in, c->size, "\r\n\r\n", 4) : NULL));
	assert_memory_equal(c->in, "HTTP/1.1 101 ", 13);
	eat(c, (size_t)(end_of_head + 4 - c->in));
}

static struct client *client_new(void)
{
	struct client *c = client_with(&plain);

	shake(c);
	return c;
}

static void say(struct client *c, const void *data, size_t size)
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
static uint8_t *frame(uint8_t first, const void *payload, size_t size, size_t *ret)
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

static void say_frame(struct client *c, uint8_t first, const void *payload, size_t size)
{
	size_t wire;
	uint8_t *f = frame(first, payload, size, &wire);

	say(c, f, wire);
	free(f);
}

static void say_text(struct client *c, const char *text)
{
	say_frame(c, 0x81, text, strlen(text));
}

/* The frame at the head of what came, if it is whole. */
struct seen { int opcode; const uint8_t *payload; size_t size, wire; };

static bool peek(const struct client *c, struct seen *s)
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

static void hears(struct client *c, int first, const void *payload, size_t size)
{
	struct seen s;

	UNTIL(peek(c, &s) || c->eof);
	assert_true(peek(c, &s));
	assert_int_equal(s.opcode, first);
	assert_int_equal(s.size, size);
	if (size)
		assert_memory_equal(s.payload, payload, size);
	eat(c, s.wire);
}

static void hears_text(struct client *c, const char *text)
{
	hears(c, 0x81, text, strlen(text));
}

static void hears_close(struct client *c, int code, const char *reason)
{
	char payload[126] = { (char)(code >> 8), (char)code };

	memcpy(payload + 2, reason, strlen(reason));
	hears(c, 0x88, payload, 2 + strlen(reason));
}

static void hears_end(struct client *c)
{
	UNTIL(c->eof);
	assert_int_equal(c->size, 0);
}

/* The next echo comes through: the server and this client are well. */
static void assert_well(struct client *c)
{
	say_text(c, "well?");
	hears_text(c, "well?");
}

static void echo_all(struct tr_conn *c)
{
	c->echo = true;
}

/* ------------------------------------------------------------------ handshake */

/* libuv opens a pipe for signals once in a process, so this one is not asked to leave the same descriptors. */
TEST(the_gate_may_be_made_and_freed)
{
	begin();
	assert_int_equal(tr_ws_count(ws), 0);
	end();
}

TEST(handshake_answers_as_the_standard_says)
{
	struct client *c;

	begin();
	c = client_with(&plain);
	assert_int_equal(opened, 1); /* at once: what the request lends is good for the call only */
	UNTIL(c->size > 4 && memmem(c->in, c->size, "\r\n\r\n", 4));
	c->in[c->size] = 0;
	assert_non_null(strstr((char *)c->in, "HTTP/1.1 101 "));
	assert_non_null(strstr((char *)c->in, "\r\nSec-WebSocket-Accept: " ACCEPT "\r\n"));
	assert_non_null(strstr((char *)c->in, "\r\nSec-WebSocket-Protocol: rivet\r\n"));
	assert_null(strstr((char *)c->in, "Extensions"));
	assert_int_equal(tr_ws_count(ws), 1);
	client_free(c);
	UNTIL(closed == 1);
	assert_int_equal(tr_ws_count(ws), 0);
	end();
}

TEST(a_client_that_offers_no_subprotocol_is_told_none)
{
	struct tr_ws_upgrade up = plain;
	struct client *c;

	begin();
	up.rivet = false;
	c = client_with(&up);
	UNTIL(c->size > 4 && memmem(c->in, c->size, "\r\n\r\n", 4));
	c->in[c->size] = 0;
	assert_non_null(strstr((char *)c->in, ACCEPT));
	assert_null(strstr((char *)c->in, "Protocol:"));
	client_free(c);
	end();
}

static void greet(struct tr_conn *c)
{
	c->echo = true;
	send_text(c, "init");
}

TEST(what_is_sent_while_opening_comes_after_the_handshake)
{
	struct client *c;

	begin();
	on_open = greet;
	c = client_new();
	hears_text(c, "init");
	client_free(c);
	end();
}

/* A socket that is no good any more: nothing is left of it. */
TEST(a_client_that_has_gone_before_it_is_adopted_does_no_harm)
{
	struct linger now = { .l_onoff = 1 };
	int fd, client;

	begin();
	for (int i = 0; i < 20; i++) {
		client = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
		fd = accept(listener, NULL, NULL);
		setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		close(client); /* RST */
		tr_ws_adopt(ws, fd, &plain);
	}
	UNTIL(closed == opened);
	assert_int_equal(tr_ws_count(ws), 0);
	end();
}

/* ------------------------------------------------------------------ what comes behind the head */

TEST(bytes_behind_the_head_are_the_first_frames)
{
	uint8_t rest[300];
	size_t size = 0;
	struct client *c;

	begin();
	on_open = greet;
	for (int i = 0; i < 3; i++) {
		size_t wire;
		uint8_t *f = frame(0x81, &"abc"[i], 1, &wire);

		memcpy(rest + size, f, wire);
		size += wire;
		free(f);
	}
	c = client_with_rest(rest, size);
	shake(c);
	hears_text(c, "init");
	hears_text(c, "a");
	hears_text(c, "b");
	hears_text(c, "c");
	assert_well(c);
	client_free(c);
	end();
}

TEST(bytes_behind_the_head_may_end_anywhere)
{
	size_t wire;
	char payload[200];
	uint8_t *f;

	memset(payload, 'm', sizeof payload);
	f = frame(0x81, payload, sizeof payload, &wire);
	begin();
	on_open = echo_all;
	for (size_t cut = 0; cut <= wire; cut += cut < 16 ? 1 : 23) {
		struct client *c = client_with_rest(f, cut);

		shake(c);
		say(c, f + cut, wire - cut);
		hears(c, 0x81, payload, sizeof payload);
		client_free(c);
	}
	free(f);
	end();
}

/* More than lws takes at once: its buffer has 4 kB. */
TEST(bytes_behind_the_head_may_be_many)
{
	enum { COUNT = 3000 };
	char text[32], payload[50];
	uint8_t *rest = malloc(COUNT * 64);
	size_t size = 0;
	struct client *c;

	begin();
	on_open = echo_all;
	for (int i = 0; i < COUNT; i++) {
		size_t wire;
		uint8_t *f;

		snprintf(payload, sizeof payload, "message number %d", i);
		f = frame(0x81, payload, strlen(payload), &wire);
		memcpy(rest + size, f, wire);
		size += wire;
		free(f);
	}
	c = client_with_rest(rest, size);
	shake(c);
	for (int i = 0; i < COUNT; i++) {
		snprintf(text, sizeof text, "message number %d", i);
		hears_text(c, text);
	}
	assert_int_equal(conns[0].messages, COUNT);
	free(rest);
	client_free(c);
	end();
}

TEST(one_large_message_may_lie_behind_the_head)
{
	char *payload = malloc(TR_MESSAGE_IN_BYTES_MAX);
	size_t wire;
	uint8_t *f;
	struct client *c;

	memset(payload, 'L', TR_MESSAGE_IN_BYTES_MAX);
	f = frame(0x82, payload, TR_MESSAGE_IN_BYTES_MAX, &wire);
	begin();
	on_open = echo_all;
	c = client_with_rest(f, wire);
	shake(c);
	hears(c, 0x82, payload, TR_MESSAGE_IN_BYTES_MAX);
	assert_well(c);
	free(f);
	free(payload);
	client_free(c);
	end();
}

/* ------------------------------------------------------------------ messages */

static const size_t sizes[] = { 0, 1, 2, 125, 126, 127, 1000, 1023, 1024, 1025, 2048, 4096, 65535, TR_MESSAGE_IN_BYTES_MAX };
#define SIZES (sizeof sizes / sizeof *sizes)

TEST(messages_of_every_size_come_whole)
{
	char *payload = malloc(TR_MESSAGE_IN_BYTES_MAX);
	struct client *c;

	for (size_t i = 0; i < TR_MESSAGE_IN_BYTES_MAX; i++)
		payload[i] = (char)('a' + i % 26);
	begin();
	on_open = echo_all;
	c = client_new();
	for (size_t i = 0; i < SIZES; i++) {
		say_frame(c, i & 1 ? 0x81 : 0x82, payload, sizes[i]);
		hears(c, i & 1 ? 0x81 : 0x82, payload, sizes[i]);
		assert_int_equal(conns[0].last_size, sizes[i]);
		assert_int_equal(conns[0].last_text, i & 1);
	}
	free(payload);
	client_free(c);
	end();
}

TEST(a_message_may_arrive_split_at_every_byte)
{
	char payload[140];
	size_t wire;
	uint8_t *f;
	struct client *c;

	memset(payload, 's', sizeof payload);
	f = frame(0x81, payload, sizeof payload, &wire);
	begin();
	on_open = echo_all;
	c = client_new();
	for (size_t cut = 1; cut < wire; cut++) {
		say(c, f, cut);
		turn();
		say(c, f + cut, wire - cut);
		hears(c, 0x81, payload, sizeof payload);
	}
	for (size_t i = 0; i < wire; i++) { /* and at all of them together */
		say(c, f + i, 1);
		turn();
	}
	hears(c, 0x81, payload, sizeof payload);
	assert_int_equal(conns[0].messages, (int)wire);
	free(f);
	client_free(c);
	end();
}

TEST(fragments_become_one_message)
{
	struct client *c;

	begin();
	on_open = echo_all;
	c = client_new();
	say_frame(c, 0x01, "Hel", 3);
	say_frame(c, 0x00, "", 0);
	say_frame(c, 0x00, "lo, ", 4);
	say_frame(c, 0x80, "all", 3);
	hears_text(c, "Hello, all");
	say_frame(c, 0x02, "", 0);
	say_frame(c, 0x80, "", 0);
	hears(c, 0x82, "", 0);
	say_frame(c, 0x01, "x", 1); /* the end of it may be empty */
	say_frame(c, 0x80, "", 0);
	hears_text(c, "x");
	assert_int_equal(conns[0].messages, 3);
	client_free(c);
	end();
}

TEST(a_large_message_may_come_in_many_fragments)
{
	char *payload = malloc(TR_MESSAGE_IN_BYTES_MAX);
	struct client *c;

	for (size_t i = 0; i < TR_MESSAGE_IN_BYTES_MAX; i++)
		payload[i] = (char)(i * 7);
	begin();
	on_open = echo_all;
	c = client_new();
	for (size_t at = 0; at < TR_MESSAGE_IN_BYTES_MAX; at += 1000) {
		size_t n = TR_MESSAGE_IN_BYTES_MAX - at < 1000 ? TR_MESSAGE_IN_BYTES_MAX - at : 1000;

		say_frame(c, (uint8_t)((at == 0 ? 2 : 0) | (at + n == TR_MESSAGE_IN_BYTES_MAX ? 0x80 : 0)), payload + at, n);
	}
	hears(c, 0x82, payload, TR_MESSAGE_IN_BYTES_MAX);
	free(payload);
	client_free(c);
	end();
}

TEST(pings_are_answered_even_between_fragments)
{
	static const char bytes[] = "\xff\xfe any bytes"; /* control frames are not text */
	struct client *c;

	begin();
	on_open = echo_all;
	c = client_new();
	say_frame(c, 0x89, "are you there", 13);
	hears(c, 0x8a, "are you there", 13);
	say_frame(c, 0x01, "one ", 4);
	say_frame(c, 0x89, bytes, sizeof bytes);
	hears(c, 0x8a, bytes, sizeof bytes);
	say_frame(c, 0x8a, bytes, sizeof bytes); /* a pong nobody asked for */
	say_frame(c, 0x80, "message", 7);
	hears_text(c, "one message");
	say_frame(c, 0x8a, bytes, sizeof bytes);
	assert_well(c);
	client_free(c);
	end();
}

TEST(text_across_fragments_may_be_split_inside_a_character)
{
	struct client *c;

	begin();
	on_open = echo_all;
	c = client_new();
	say_frame(c, 0x01, "\xe2\x82", 2);
	say_frame(c, 0x80, "\xac", 1);
	hears_text(c, "\xe2\x82\xac");
	client_free(c);
	end();
}

TEST(binary_is_not_asked_to_be_text)
{
	struct client *c;

	begin();
	on_open = echo_all;
	c = client_new();
	say_frame(c, 0x82, "\xff\xff\x00\x80", 4);
	hears(c, 0x82, "\xff\xff\x00\x80", 4);
	client_free(c);
	end();
}

/* ------------------------------------------------------------------ what clients must not do */

/* A second client that must stay well whatever the first does. */
static struct client *bystander;

static void assert_refused(const void *bytes, size_t size, int code)
{
	struct client *c = client_new();
	struct tr_conn *conn = &conns[opened - 1];
	struct seen s;

	say(c, bytes, size);
	UNTIL(peek(c, &s) || c->eof);
	if (code) {
		assert_true(peek(c, &s));
		assert_int_equal(s.opcode, 0x88);
		assert_int_equal(s.payload[0] << 8 | s.payload[1], code);
		eat(c, s.wire);
		say_frame(c, 0x88, "\x03\xea", 2);
	}
	hears_end(c);
	assert_int_equal(conn->messages, 0);
	UNTIL(conn->closed == 1);
	assert_well(bystander);
	client_free(c);
}

#define ASSERT_REFUSED(bytes, code) assert_refused(bytes, sizeof bytes - 1, code)

TEST(frames_that_break_the_rules_end_the_connection)
{
	begin();
	on_open = echo_all;
	bystander = client_new();
	ASSERT_REFUSED("\xc1\x81\0\0\0\0x", 1002); /* reserved bits */
	ASSERT_REFUSED("\xa1\x81\0\0\0\0x", 1002);
	ASSERT_REFUSED("\x91\x81\0\0\0\0x", 1002);
	ASSERT_REFUSED("\x83\x81\0\0\0\0x", 1002); /* opcodes that mean nothing */
	ASSERT_REFUSED("\x87\x81\0\0\0\0x", 1002);
	ASSERT_REFUSED("\x8b\x81\0\0\0\0x", 1002);
	ASSERT_REFUSED("\x8f\x81\0\0\0\0x", 1002);
	ASSERT_REFUSED("\x09\x81\0\0\0\0x", 1002); /* a ping in fragments */
	ASSERT_REFUSED("\x80\x81\0\0\0\0x", 1002); /* the end of a message that did not begin */
	client_free(bystander);
	end();
}

TEST(control_frames_longer_than_125_bytes_end_the_connection)
{
	begin();
	on_open = echo_all;
	bystander = client_new();
	ASSERT_REFUSED("\x89\xfe\0\x7e\0\0\0\0", 0);
	ASSERT_REFUSED("\x88\xff\0\0\0\0\0\0\0\x7e\0\0\0\0", 0);
	client_free(bystander);
	end();
}

TEST(a_message_within_a_message_ends_the_connection)
{
	begin();
	on_open = echo_all;
	bystander = client_new();
	ASSERT_REFUSED("\x01\x81\0\0\0\0x\x81\x81\0\0\0\0y", 1002);
	client_free(bystander);
	end();
}

TEST(a_length_of_2_to_the_63_ends_the_connection)
{
	begin();
	on_open = echo_all;
	bystander = client_new();
	ASSERT_REFUSED("\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 0);
	ASSERT_REFUSED("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 0);
	client_free(bystander);
	end();
}

TEST(text_that_is_not_utf8_ends_the_connection)
{
	begin();
	on_open = echo_all;
	bystander = client_new();
	ASSERT_REFUSED("\x81\x81\0\0\0\0\xff", 1007);
	ASSERT_REFUSED("\x81\x82\0\0\0\0\xc0\x80", 1007);             /* overlong */
	ASSERT_REFUSED("\x81\x83\0\0\0\0\xed\xa0\x80", 1007);         /* a surrogate */
	ASSERT_REFUSED("\x81\x82\0\0\0\0\xe2\x82", 1007);             /* ends inside a character */
	ASSERT_REFUSED("\x01\x82\0\0\0\0\xe2\x82\x80\x80\0\0\0\0", 1007); /* so, and an empty last fragment */
	client_free(bystander);
	end();
}

static void hears_too_long(struct client *c)
{
	hears_close(c, 1011, "message.incoming_too_long");
	say_frame(c, 0x88, "\x03\xf3", 2);
	hears_end(c);
}

TEST(a_message_over_the_limit_is_refused_before_it_is_read)
{
	struct client *c;

	begin();
	on_open = echo_all;
	bystander = client_new();
	c = client_new();
	say(c, "\x82\xff\0\0\0\0\0\1\0\1\0\0\0\0", 14); /* 65537 */
	say(c, "first bytes", 11);
	hears_close(c, 1011, "message.incoming_too_long");
	client_free(c);
	c = client_new();
	say(c, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14); /* 2^63-1 */
	say(c, "first bytes", 11);
	hears_close(c, 1011, "message.incoming_too_long");
	client_free(c);
	assert_well(bystander);
	client_free(bystander);
	end();
}

TEST(a_message_over_the_limit_is_refused_when_it_comes_whole)
{
	char *payload = calloc(1, TR_MESSAGE_IN_BYTES_MAX + 1);
	struct client *c;

	begin();
	c = client_new();
	say_frame(c, 0x82, payload, TR_MESSAGE_IN_BYTES_MAX + 1);
	hears_too_long(c);
	assert_int_equal(conns[0].messages, 0);
	UNTIL(conns[0].closed);
	free(payload);
	client_free(c);
	end();
}

TEST(a_message_over_the_limit_is_refused_when_it_comes_in_fragments)
{
	char *payload = calloc(1, TR_MESSAGE_IN_BYTES_MAX);
	struct client *c;

	begin();
	c = client_new();
	say_frame(c, 0x02, payload, TR_MESSAGE_IN_BYTES_MAX);
	say_frame(c, 0x80, "x", 1);
	hears_too_long(c);
	assert_int_equal(conns[0].messages, 0);
	free(payload);
	client_free(c);
	end();
}

TEST(what_follows_a_refused_message_is_not_listened_to)
{
	struct client *c;

	begin();
	c = client_new();
	say_frame(c, 0x81, "\xff", 1);
	say_text(c, "hello?");
	say_frame(c, 0x01, "more", 4);
	hears_close(c, 1007, "actor.invalid_request");
	say_frame(c, 0x80, "hello?", 6);
	say_frame(c, 0x88, "\x03\xef", 2);
	hears_end(c);
	assert_int_equal(conns[0].messages, 0);
	client_free(c);
	end();
}

/* ------------------------------------------------------------------ frames to the client */

TEST(frames_of_every_size_arrive_whole)
{
	static const size_t large[] = { 0, 1, 125, 126, 65535, 65536, 70000, TR_OUTBOX_BYTES_MAX, TR_OUTBOX_BYTES_MAX + 1 };
	char *payload = malloc(TR_OUTBOX_BYTES_MAX + 1);
	struct client *c;

	for (size_t i = 0; i <= TR_OUTBOX_BYTES_MAX; i++)
		payload[i] = (char)(i * 31);
	begin();
	c = client_new();
	for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
		send_bytes(&conns[0], payload, large[i], false);
		hears(c, 0x82, payload, large[i]);
	}
	free(payload);
	client_free(c);
	end();
}

TEST(a_shared_frame_arrives_at_everyone)
{
	struct tr_frame *f = tr_frame_new("for all", 7, true);
	struct client *c[5];

	begin();
	for (int i = 0; i < 5; i++)
		c[i] = client_new();
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 5; i++)
			conns[i].ops->send(conns[i].peer, f);
	}
	assert_int_equal(f->refs, 16);
	for (int i = 0; i < 5; i++) {
		for (int round = 0; round < 3; round++)
			hears_text(c[i], "for all");
		client_free(c[i]);
	}
	assert_int_equal(f->refs, 1);
	tr_frame_unref(f);
	end();
}

/* More than an outbox holds, in one turn, to a client that reads: that is no backlog. */
TEST(a_burst_in_one_turn_is_not_a_backlog)
{
	enum { COUNT = 5 * TR_OUTBOX_FRAMES_MAX };
	struct client *c;
	char text[16];

	begin();
	c = client_new();
	for (int i = 0; i < COUNT; i++) {
		snprintf(text, sizeof text, "%d", i);
		send_text(&conns[0], text);
	}
	for (int i = 0; i < COUNT; i++) {
		snprintf(text, sizeof text, "%d", i);
		hears_text(c, text);
	}
	assert_int_equal(conns[0].closed, 0);
	client_free(c);
	end();
}

/* Sends until the outbox keeps something, so that the client's socket is full. */
static void fill(struct tr_conn *c, struct tr_frame *f)
{
	do {
		c->ops->send(c->peer, f);
		tr_ws_flush(ws);
	} while (c->ops->backlog(c->peer) == 0);
}

static struct tr_frame *frame_of(size_t size)
{
	char *payload = malloc(size);
	struct tr_frame *f;

	memset(payload, 'f', size);
	f = tr_frame_new(payload, size, true);
	free(payload);
	return f;
}

TEST(a_client_that_does_not_read_is_closed_and_hurts_nobody)
{
	struct tr_frame *f = frame_of(1000);
	struct client *c;
	struct seen s;
	int whole = 0;

	begin();
	on_open = echo_all;
	bystander = client_new();
	c = client_new();
	client_listen(c, false);
	fill(&conns[1], f);
	for (int i = 0; i < 5000; i++) {
		conns[1].ops->send(conns[1].peer, f);
		tr_ws_flush(ws);
		assert_true(f->refs <= 1 + TR_OUTBOX_FRAMES_MAX);
		assert_true(conns[1].ops->backlog(conns[1].peer) <= TR_OUTBOX_BYTES_MAX + 64 * 1024);
	}
	assert_int_equal(f->refs, 1); /* nothing waits for it any more */
	assert_well(bystander);
	client_listen(c, true); /* what it had been given, in whole frames, and then why it ends */
	for (;;) {
		UNTIL(peek(c, &s));
		if (s.opcode == 0x88)
			break;
		assert_int_equal(s.size, 1000);
		whole++;
		eat(c, s.wire);
	}
	assert_true(whole > 0);
	hears_close(c, 1011, "message.backlog_full");
	say_frame(c, 0x88, "\x03\xf3", 2);
	hears_end(c);
	UNTIL(conns[1].closed);
	assert_well(bystander);
	client_free(c);
	client_free(bystander);
	tr_frame_unref(f);
	end();
}

TEST(a_client_that_never_reads_again_is_dropped)
{
	struct tr_frame *f = frame_of(1000);
	struct client *c;

	begin();
	tr_ws_set_patience(ws, &(struct tr_ws_patience){ 20000, 20000, 100 });
	c = client_new();
	client_listen(c, false);
	for (int i = 0; i < 100000 && conns[0].ops->backlog(conns[0].peer) < TR_OUTBOX_BYTES_MAX / 2; i++) {
		conns[0].ops->send(conns[0].peer, f);
		tr_ws_flush(ws);
	}
	shut(&conns[0], 1000, "bye", 0);
	UNTIL(conns[0].closed);
	assert_int_equal(f->refs, 1);
	client_free(c);
	tr_frame_unref(f);
	end();
}

TEST(core_hears_when_there_is_room_again)
{
	struct tr_frame *f = frame_of(1000);
	struct client *c;

	begin();
	c = client_new();
	client_listen(c, false);
	fill(&conns[0], f);
	while (conns[0].ops->backlog(conns[0].peer) < TR_OUTBOX_BYTES_MAX * 3 / 4) {
		conns[0].ops->send(conns[0].peer, f);
		tr_ws_flush(ws);
	}
	conns[0].drained = 0;
	client_listen(c, true);
	UNTIL(conns[0].drained == 1);
	assert_true(conns[0].ops->backlog(conns[0].peer) < TR_OUTBOX_BYTES_MAX / 2);
	if (conns[0].ops->backlog(conns[0].peer) > 0) {
		UNTIL(conns[0].ops->backlog(conns[0].peer) == 0);
		assert_int_equal(conns[0].drained, 2);
	}
	assert_int_equal(conns[0].closed, 0);
	client_free(c);
	tr_frame_unref(f);
	end();
}

/* Pongs are lws's own frames: they must come between two of ours, however full the pipe is. */
TEST(pongs_do_not_land_inside_a_frame)
{
	struct tr_frame *f = frame_of(3000);
	struct client *c;
	struct seen s;
	int frames = 0, pongs = 0, sent = 0;

	begin();
	c = client_new();
	for (int round = 0; round < 20; round++) {
		client_listen(c, false);
		do {
			conns[0].ops->send(conns[0].peer, f);
			sent++;
			tr_ws_flush(ws);
		} while (conns[0].ops->backlog(conns[0].peer) == 0);
		say_frame(c, 0x89, "ping", 4);
		for (int i = 0; i < 50; i++, sent++)
			conns[0].ops->send(conns[0].peer, f);
		client_listen(c, true);
		while (frames < sent || pongs <= round) {
			UNTIL(peek(c, &s));
			if (s.opcode == 0x8a)
				pongs++;
			else
				frames++;
			assert_true(s.opcode == 0x8a ? s.size == 4 : s.opcode == 0x81 && s.size == 3000 && s.payload[2999] == 'f');
			eat(c, s.wire);
		}
	}
	client_free(c);
	tr_frame_unref(f);
	end();
}

static void answer_much(struct tr_conn *c)
{
	for (int i = 0; i < 3000; i++)
		send_text(c, "much");
	shut(c, 1000, "enough", 0);
}

TEST(core_may_send_and_close_from_inside_a_message)
{
	struct client *c;

	begin();
	c = client_new();
	conns[0].on_message = answer_much;
	say_text(c, "go");
	say_text(c, "not heard");
	for (int i = 0; i < 3000; i++)
		hears_text(c, "much");
	hears_close(c, 1000, "enough");
	assert_int_equal(conns[0].messages, 1);
	client_free(c);
	end();
}

/* ------------------------------------------------------------------ closing */

TEST(clients_close_is_answered_at_once)
{
	struct client *c;

	begin();
	c = client_new();
	say_frame(c, 0x88, "\x03\xe8" "Disposed", 10);
	hears_close(c, 1000, "Disposed");
	hears_end(c);
	assert_int_equal(conns[0].closed, 1);
	client_free(c);
	c = client_new();
	say_frame(c, 0x88, "", 0);
	hears(c, 0x88, "", 0);
	hears_end(c);
	client_free(c);
	end();
}

TEST(clients_close_is_answered_while_frames_wait)
{
	struct client *c;

	begin();
	c = client_new();
	say_frame(c, 0x88, "\x03\xe8", 2);
	send_text(&conns[0], "late");
	hears_text(c, "late");
	hears(c, 0x88, "\x03\xe8", 2);
	hears_end(c);
	client_free(c);
	end();
}

TEST(a_close_that_breaks_the_rules_is_not_answered_in_kind)
{
	struct client *c;

	begin();
	c = client_new();
	say_frame(c, 0x88, "\x03", 1);
	hears_end(c);
	client_free(c);
	c = client_new();
	say_frame(c, 0x88, "\x03\xe8\xff", 3);
	hears_end(c);
	UNTIL(closed == 2);
	client_free(c);
	end();
}

TEST(our_close_comes_after_what_was_sent)
{
	struct client *c;

	begin();
	c = client_new();
	send_text(&conns[0], "last words");
	shut(&conns[0], 1011, "actor.restarting", 0);
	shut(&conns[0], 1000, "twice is once", 0);
	send_text(&conns[0], "too late");
	hears_text(c, "last words");
	hears_close(c, 1011, "actor.restarting");
	assert_int_equal(conns[0].closed, 0);
	say_frame(c, 0x88, "\x03\xf3", 2);
	hears_end(c);
	UNTIL(conns[0].closed == 1);
	client_free(c);
	end();
}

TEST(our_close_may_have_no_reason_and_never_too_long_a_one)
{
	char longer[300];
	struct client *c;

	begin();
	c = client_new();
	shut(&conns[0], 1000, NULL, 0);
	hears(c, 0x88, "\x03\xe8", 2);
	client_free(c);
	c = client_new();
	memset(longer, 'r', sizeof longer - 1);
	longer[299] = 0;
	shut(&conns[1], 1000, longer, 0);
	longer[123] = 0;
	hears_close(c, 1000, longer);
	client_free(c);
	end();
}

TEST(a_client_that_does_not_answer_our_close_is_dropped)
{
	struct client *c;

	begin();
	tr_ws_set_patience(ws, &(struct tr_ws_patience){ 20000, 20000, 50 });
	c = client_new();
	shut(&conns[0], 1000, "bye", 0);
	hears_close(c, 1000, "bye");
	hears_end(c);
	UNTIL(conns[0].closed);
	client_free(c);
	end();
}

TEST(closing_may_wait_a_while_and_holds_back_what_was_sent)
{
	struct client *c;
	int64_t then = now_ms();

	begin();
	c = client_new();
	send_text(&conns[0], "error");
	shut(&conns[0], 1011, "actor.restarting", 300);
	say_text(c, "not heard");
	hears_text(c, "error");
	assert_true(now_ms() - then >= 300 - COARSE_MS);
	hears_close(c, 1011, "actor.restarting");
	assert_int_equal(conns[0].messages, 0);
	client_free(c);
	end();
}

TEST(a_client_may_leave_while_its_close_waits)
{
	struct client *c;

	begin();
	c = client_new();
	shut(&conns[0], 1011, "actor.restarting", 20000);
	say_frame(c, 0x88, "\x03\xe8", 2);
	hears(c, 0x88, "\x03\xe8", 2);
	hears_end(c);
	client_free(c);
	c = client_new();
	shut(&conns[1], 1011, "actor.restarting", 20000);
	client_free(c);
	UNTIL(closed == 2);
	end();
}

TEST(a_refused_upgrade_is_told_so_later)
{
	struct tr_ws_upgrade up = plain;
	struct client *c;
	int64_t then = now_ms();

	begin();
	up.error = TROUPE_EKIND;
	up.request.encoding = TR_ENC_CBOR;
	c = client_with(&up);
	shake(c);
	assert_true(now_ms() - then < TR_REFUSAL_DELAY_MS);
	hears_text(c, "error");
	hears_close(c, 1011, "actor.not_registered");
	assert_true(now_ms() - then >= TR_REFUSAL_DELAY_MS - COARSE_MS);
	assert_int_equal(refused, 1);
	assert_int_equal(opened, 0);
	say_frame(c, 0x88, "\x03\xf3", 2);
	hears_end(c);
	client_free(c);
	UNTIL(tr_ws_count(ws) == 0);
	end();
}

TEST(an_address_that_is_refused_again_waits_longer)
{
	struct client *c, *other;
	struct tr_ws_upgrade up = plain;
	int64_t then;

	begin();
	for (int i = 0; i < 2; i++) {
		then = now_ms();
		c = client_new();
		shut(&conns[opened - 1], 1011, "auth.forbidden", TR_REFUSAL_DELAY_MS);
		hears_close(c, 1011, "auth.forbidden");
		assert_true(now_ms() - then >= (TR_REFUSAL_DELAY_MS << i) - COARSE_MS);
		client_free(c);
	}
	up.address = (struct troupe_text){ "127.0.0.2", 9 };
	then = now_ms();
	other = client_with(&up);
	shake(other);
	shut(&conns[opened - 1], 1011, "auth.forbidden", TR_REFUSAL_DELAY_MS);
	hears_close(other, 1011, "auth.forbidden");
	assert_true(now_ms() - then < 2 * TR_REFUSAL_DELAY_MS);
	client_free(other);
	end();
}

TEST(a_reset_connection_is_told_once_whatever_waits)
{
	struct linger now = { .l_onoff = 1 };
	struct tr_frame *f = frame_of(1000);
	struct client *c;

	begin();
	on_open = echo_all;
	bystander = client_new();
	for (int i = 1; i < 6; i++) {
		c = client_new();
		client_listen(c, false);
		if (i & 1)
			fill(&conns[i], f);
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		client_free(c);
		conns[i].ops->send(conns[i].peer, f);
		tr_ws_flush(ws);
		conns[i].closed ? (void)0 : conns[i].ops->send(conns[i].peer, f);
		UNTIL(conns[i].closed == 1);
	}
	assert_well(bystander);
	assert_int_equal(f->refs, 1);
	client_free(bystander);
	tr_frame_unref(f);
	end();
}

TEST(half_a_message_and_gone_leaves_nothing)
{
	struct client *c;

	begin();
	c = client_new();
	say_frame(c, 0x01, "half a", 6);
	say(c, "\x80\x90\0\0", 4);
	turn();
	client_free(c);
	UNTIL(conns[0].closed);
	assert_int_equal(conns[0].messages, 0);
	end();
}

/* ------------------------------------------------------------------ silence */

TEST(a_silent_client_is_pinged_and_then_dropped)
{
	struct client *c;

	begin();
	tr_ws_set_patience(ws, &(struct tr_ws_patience){ 50, 50, 50 });
	c = client_new();
	hears(c, 0x89, "?", 1);
	hears_end(c);
	UNTIL(conns[0].closed);
	client_free(c);
	end();
}

TEST(a_client_that_answers_pings_stays)
{
	struct client *c;

	begin();
	on_open = echo_all;
	tr_ws_set_patience(ws, &(struct tr_ws_patience){ 30, 200, 50 });
	c = client_new();
	for (int i = 0; i < 5; i++) {
		hears(c, 0x89, "?", 1);
		say_frame(c, 0x8a, "?", 1);
	}
	assert_int_equal(conns[0].closed, 0);
	client_free(c);
	end();
}

TEST(a_client_that_talks_is_not_pinged)
{
	struct client *c;
	int64_t then = now_ms();

	begin();
	on_open = echo_all;
	tr_ws_set_patience(ws, &(struct tr_ws_patience){ 1000, 1000, 50 });
	c = client_new();
	while (now_ms() - then < 1500)
		assert_well(c); /* a ping would not be what it waits for */
	client_free(c);
	end();
}

/* ------------------------------------------------------------------ many */

TEST(five_thousand_clients_come_and_go)
{
	enum { COUNT = 5000 };
	struct client **c = calloc(COUNT, sizeof *c);
	struct rlimit limit;
	struct tr_frame *f = tr_frame_new("to all", 6, true);

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < 2 * COUNT + 100)
		skip();
	begin();
	on_open = greet;
	for (int i = 0; i < COUNT; i++)
		c[i] = client_new();
	assert_int_equal(tr_ws_count(ws), COUNT);
	for (int i = 0; i < COUNT; i++)
		hears_text(c[i], "init");
	for (int i = 0; i < COUNT; i += 2)
		client_free(c[i]);
	UNTIL(closed == COUNT / 2);
	assert_int_equal(tr_ws_count(ws), COUNT / 2);
	for (int i = 1; i < COUNT; i += 500)
		assert_well(c[i]);
	for (int i = 1; i < COUNT; i += 2)
		client_free(c[i]);
	UNTIL(closed == COUNT);
	tr_frame_unref(f);
	free(c);
	end();
}

TEST(freeing_drops_whatever_is_open)
{
	struct tr_frame *f = frame_of(1000);
	struct client *c[6];

	begin();
	for (int i = 0; i < 6; i++)
		c[i] = client_new();
	client_listen(c[0], false);
	fill(&conns[0], f);                          /* its socket is full */
	conns[1].ops->send(conns[1].peer, f);        /* not flushed */
	shut(&conns[2], 1000, "bye", 0);             /* not yet said */
	shut(&conns[3], 1000, "bye", 10000);         /* waits */
	shut(&conns[4], 1000, "bye", 0);
	hears_close(c[4], 1000, "bye");              /* said, not answered */
	say_frame(c[5], 0x01, "half", 4);
	say_frame(c[5], 0x89, "p", 1);
	hears(c[5], 0x8a, "p", 1);
	ws = tr_ws_free(ws);
	assert_int_equal(closed, 6);
	assert_int_equal(f->refs, 1);
	for (int i = 0; i < 6; i++)
		client_free(c[i]);
	tr_frame_unref(f);
	end();
}

TESTS(
	cmocka_unit_test(the_gate_may_be_made_and_freed),
	RUN(handshake_answers_as_the_standard_says),
	RUN(a_client_that_offers_no_subprotocol_is_told_none),
	RUN(what_is_sent_while_opening_comes_after_the_handshake),
	RUN(a_client_that_has_gone_before_it_is_adopted_does_no_harm),
	RUN(bytes_behind_the_head_are_the_first_frames),
	RUN(bytes_behind_the_head_may_end_anywhere),
	RUN(bytes_behind_the_head_may_be_many),
	RUN(one_large_message_may_lie_behind_the_head),
	RUN(messages_of_every_size_come_whole),
	RUN(a_message_may_arrive_split_at_every_byte),
	RUN(fragments_become_one_message),
	RUN(a_large_message_may_come_in_many_fragments),
	RUN(pings_are_answered_even_between_fragments),
	RUN(text_across_fragments_may_be_split_inside_a_character),
	RUN(binary_is_not_asked_to_be_text),
	RUN(frames_that_break_the_rules_end_the_connection),
	RUN(control_frames_longer_than_125_bytes_end_the_connection),
	RUN(a_message_within_a_message_ends_the_connection),
	RUN(a_length_of_2_to_the_63_ends_the_connection),
	RUN(text_that_is_not_utf8_ends_the_connection),
	RUN(a_message_over_the_limit_is_refused_before_it_is_read),
	RUN(a_message_over_the_limit_is_refused_when_it_comes_whole),
	RUN(a_message_over_the_limit_is_refused_when_it_comes_in_fragments),
	RUN(what_follows_a_refused_message_is_not_listened_to),
	RUN(frames_of_every_size_arrive_whole),
	RUN(a_shared_frame_arrives_at_everyone),
	RUN(a_burst_in_one_turn_is_not_a_backlog),
	RUN(a_client_that_does_not_read_is_closed_and_hurts_nobody),
	RUN(a_client_that_never_reads_again_is_dropped),
	RUN(core_hears_when_there_is_room_again),
	RUN(pongs_do_not_land_inside_a_frame),
	RUN(core_may_send_and_close_from_inside_a_message),
	RUN(clients_close_is_answered_at_once),
	RUN(clients_close_is_answered_while_frames_wait),
	RUN(a_close_that_breaks_the_rules_is_not_answered_in_kind),
	RUN(our_close_comes_after_what_was_sent),
	RUN(our_close_may_have_no_reason_and_never_too_long_a_one),
	RUN(a_client_that_does_not_answer_our_close_is_dropped),
	RUN(closing_may_wait_a_while_and_holds_back_what_was_sent),
	RUN(a_client_may_leave_while_its_close_waits),
	RUN(a_refused_upgrade_is_told_so_later),
	RUN(an_address_that_is_refused_again_waits_longer),
	RUN(a_reset_connection_is_told_once_whatever_waits),
	RUN(half_a_message_and_gone_leaves_nothing),
	RUN(a_silent_client_is_pinged_and_then_dropped),
	RUN(a_client_that_answers_pings_stays),
	RUN(a_client_that_talks_is_not_pinged),
	RUN(five_thousand_clients_come_and_go),
	RUN(freeing_drops_whatever_is_open))
