/* SPDX-License-Identifier: Apache-2.0 */
/* Live connections, driven from one thread. Frames of the server are parsed where they were received; only a frame's
 * beginning is ever copied. */
#include "tests/bench/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/handshake.h"

enum {
	SILENCE_S     = 30,
	HANDSHAKES    = 200,         /* on their way at once */
	REQUEST_BYTES = 8192,
	IN_FLIGHT_MAX = 1024,
};

static uint8_t received[1 << 20];

/* ------------------------------------------------------------------ sending */

static void send_all(struct bench_client *c, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t sent = send(c->fd, at, size, MSG_NOSIGNAL);

		if (sent < 0)
			bench_fail("the server does not take what is sent: %m");
		at += sent;
		size -= (size_t)sent;
	}
}

/* A masked frame, as a browser's is. */
static void send_frame(struct bench_client *c, unsigned opcode, const char *text, size_t size)
{
	static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	uint8_t frame[REQUEST_BYTES + 8];
	size_t head = 2;

	frame[0] = (uint8_t)(0x80 | opcode);
	frame[1] = (uint8_t)(0x80 | (size < 126 ? size : 126));
	if (size >= 126) {
		frame[2] = (uint8_t)(size >> 8);
		frame[3] = (uint8_t)size;
		head = 4;
	}
	memcpy(frame + head, mask, sizeof mask);
	head += sizeof mask;
	for (size_t i = 0; i < size; i++)
		frame[head + i] = (uint8_t)text[i] ^ mask[i & 3];
	send_all(c, frame, head + size);
}

__attribute__((format(printf, 2, 3))) static void send_text(struct bench_client *c, const char *format, ...)
{
	char text[REQUEST_BYTES];
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (size < 0 || (size_t)size >= sizeof text)
		bench_fail("a request would be longer than %d bytes", REQUEST_BYTES);
	send_frame(c, 1, text, (size_t)size);
}

void bench_call(struct bench_client *c, const char *action, const char *args)
{
	send_text(c, "{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"%llu\"],\"name\":\"%s\",\"args\":%s}}}",
	          (unsigned long long)c->calls++, action, args);
}

void bench_subscribe(struct bench_client *c, const char *event)
{
	send_text(c, "{\"body\":{\"tag\":\"SubscriptionRequest\",\"val\":{\"eventName\":\"%s\",\"subscribe\":true}}}", event);
}

/* ------------------------------------------------------------------ hearing */

static void on_event(struct bench_client *c)
{
	struct bench_crowd *crowd = c->crowd;

	crowd->events++;
	c->events++;
	if (crowd->heard_from_ns && c->events == crowd->heard_mark)
		bench_sample(&crowd->heard, (double)(bench_now_ns() - crowd->heard_from_ns) / 1e3);
}

static void on_message(struct bench_client *c, const char *text, size_t size)
{
	static const char mark[] = "\"tag\":\"";
	const char *tag = memmem(text, size < 64 ? size : 64, mark, sizeof mark - 1);
	size_t left;

	tag = tag ? tag + sizeof mark - 1 : text + size;
	left = (size_t)(text + size - tag);
	if (left > 5 && memcmp(tag, "Event", 5) == 0)
		on_event(c);
	else if (left > 14 && memcmp(tag, "ActionResponse", 14) == 0)
		c->crowd->answers++;
	else if (left > 4 && memcmp(tag, "Init", 4) == 0)
		c->crowd->opened++;
	else
		bench_fail("the server says: %.*s", size < 300 ? (int)size : 300, text);
}

static void on_frame(struct bench_client *c, unsigned opcode, const char *text, size_t size)
{
	if (opcode == 1)
		on_message(c, text, size);
	else if (opcode == 9)
		send_frame(c, 10, text, size);
	else if (opcode == 8)
		bench_fail("the server closed a connection: %.*s", size > 2 ? (int)size - 2 : 0, text + 2);
	else
		bench_fail("the server sent a frame with opcode %u", opcode);
}

/* Bytes of the whole frames at the beginning. */
static size_t take_frames(struct bench_client *c, const uint8_t *in, size_t size)
{
	size_t at = 0;

	while (size - at >= 2) {
		const uint8_t *frame = in + at;
		size_t head = 2, length = frame[1] & 127;

		if (length == 127 || frame[1] & 128)
			bench_fail("the server sent a masked or an unexpectedly large frame");
		if (length == 126) {
			head = 4;
			if (size - at < head)
				break;
			length = (size_t)frame[2] << 8 | frame[3];
		}
		if (size - at < head + length)
			break;
		on_frame(c, frame[0] & 15, (const char *)frame + head, length);
		at += head + length;
	}
	return at;
}

/* Bytes of the answer to our upgrade; 0: it is not all there. */
static size_t take_handshake(struct bench_client *c, const char *in, size_t size)
{
	const char *end = memmem(in, size, "\r\n\r\n", 4);
	size_t head;

	if (!end)
		return 0;
	head = (size_t)(end - in) + 4;
	if (strncmp(in, "HTTP/1.1 101 ", 13) != 0 || !memmem(in, head, BENCH_WS_ACCEPT, strlen(BENCH_WS_ACCEPT)))
		bench_fail("the server refuses a connection: %.*s", size < 300 ? (int)size : 300, in);
	c->open = true;
	return head;
}

static void keep(struct bench_client *c, const uint8_t *rest, size_t size)
{
	if (size > 0) {
		c->kept = bench_resize(c->kept, size);
		memcpy(c->kept, rest, size);
	} else {
		free(c->kept);
		c->kept = NULL;
	}
	c->kept_size = size;
}

static void on_readable(struct bench_client *c)
{
	size_t size = c->kept_size, taken = 0;
	ssize_t got;

	if (size > 0)
		memcpy(received, c->kept, size);
	got = recv(c->fd, received + size, sizeof received - size, 0);
	if (got <= 0)
		bench_fail("a connection ended: %s", got < 0 ? strerror(errno) : "the server closed it without a word");
	size += (size_t)got;
	if (!c->open)
		taken = take_handshake(c, (const char *)received, size);
	if (c->open)
		taken += take_frames(c, received + taken, size - taken);
	if (c->kept_size > 0 || taken < size)
		keep(c, received + taken, size - taken);
}

static void take_some(struct bench_crowd *crowd)
{
	struct epoll_event ready[256];
	int count = epoll_wait(crowd->epoll, ready, 256, SILENCE_S * 1000);

	if (count == 0)
		bench_fail("nothing was heard for %d s (%llu of %zu open, %llu answers, %llu events)", SILENCE_S,
		           (unsigned long long)crowd->opened, crowd->count, (unsigned long long)crowd->answers,
		           (unsigned long long)crowd->events);
	for (int i = 0; i < count; i++)
		on_readable(ready[i].data.ptr);
}

void bench_crowd_wait(struct bench_crowd *crowd, const uint64_t *counter, uint64_t until)
{
	while (*counter < until)
		take_some(crowd);
}

/* ------------------------------------------------------------------ opening and closing */

static void client_open(struct bench_client *c, int port, const char *key)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
	                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event readable = { .events = EPOLLIN, .data.ptr = c };
	struct timeval patience = { .tv_sec = SILENCE_S };
	char request[1024];
	int one = 1, size;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0)
		bench_fail("no connection to port %d: %m", port);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	size = snprintf(request, sizeof request,
		"GET /gateway/counter/connect?rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default"
		"&rvt-key=%s&rvt-crash-policy=sleep HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " BENCH_WS_KEY "\r\n"
		"Sec-WebSocket-Protocol: rivet, rivet_encoding.json\r\n\r\n", key, port);
	send_all(c, request, (size_t)size);
	if (epoll_ctl(c->crowd->epoll, EPOLL_CTL_ADD, c->fd, &readable) < 0)
		bench_fail("epoll does not take a socket: %m");
}

void bench_crowd_open(struct bench_crowd *crowd, int port, size_t count, const char *key, bool each)
{
	*crowd = (struct bench_crowd){ .count = count, .epoll = epoll_create1(EPOLL_CLOEXEC) };
	crowd->clients = bench_resize(NULL, count * sizeof *crowd->clients);
	memset(crowd->clients, 0, count * sizeof *crowd->clients);
	for (size_t i = 0; i < count; i++) {
		char own[128];

		snprintf(own, sizeof own, "%s-%zu", key, i);
		crowd->clients[i].crowd = crowd;
		client_open(&crowd->clients[i], port, each ? own : key);
		if (i >= HANDSHAKES)
			bench_crowd_wait(crowd, &crowd->opened, i - HANDSHAKES);
	}
	bench_crowd_wait(crowd, &crowd->opened, count);
}

void bench_crowd_close(struct bench_crowd *crowd)
{
	for (size_t i = 0; i < crowd->count; i++) {
		close(crowd->clients[i].fd);
		free(crowd->clients[i].kept);
	}
	free(crowd->clients);
	close(crowd->epoll);
	bench_samples_free(&crowd->heard);
}

/* ------------------------------------------------------------------ many calls in flight */

void bench_pipeline(struct bench_crowd *crowd, const char *action, const char *args, uint64_t total, uint64_t window,
                    struct bench_samples *trips)
{
	uint64_t sent_ns[IN_FLIGHT_MAX], sent = 0, heard = 0, base = crowd->answers;

	if (window > IN_FLIGHT_MAX)
		bench_fail("at most %d calls may be in flight", IN_FLIGHT_MAX);
	while (heard < total) {
		uint64_t now;

		for (; sent < total && sent - heard < window; sent++) {
			sent_ns[sent % window] = bench_now_ns();
			bench_call(&crowd->clients[0], action, args);
		}
		bench_crowd_wait(crowd, &crowd->answers, base + heard + 1);
		now = bench_now_ns();
		for (; base + heard < crowd->answers; heard++)
			if (trips)
				bench_sample(trips, (double)(now - sent_ns[heard % window]) / 1e3);
	}
}
