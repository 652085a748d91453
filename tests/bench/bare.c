/* SPDX-License-Identifier: Apache-2.0 */
/* The barest server that can answer the bench's clients: what this machine's kernel costs, and next to nothing else.
 *
 * One thread, one epoll, no actors, no parser, no storage: it finds the few words it needs by searching for them. What is
 * written at one time to one client is one send(). It listens on descriptor 3, and trusts everybody. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/handshake.h"

enum { LISTENING = 3, IN_BYTES = 1 << 18 };

struct bytes { uint8_t *data; size_t size, room; };

struct client {
	struct client *next, *prev; /* those who listen to ticks */
	int          fd;
	bool         open, listens, choked;
	struct bytes in;            /* a request whose rest is on its way */
	struct bytes out;           /* what the kernel would not take yet */
};

static int poll_fd;
static struct client listeners = { .next = &listeners, .prev = &listeners };
static uint8_t in[IN_BYTES + 1];
static struct bytes burst, answers;

/* ------------------------------------------------------------------ bytes */

static uint8_t *grow(struct bytes *b, size_t more)
{
	if (b->room < b->size + more) {
		b->room = 2 * (b->size + more);
		b->data = realloc(b->data, b->room);
		if (!b->data)
			abort();
	}
	return b->data + b->size;
}

static void put(struct bytes *b, const void *bytes, size_t size)
{
	memcpy(grow(b, size), bytes, size);
	b->size += size;
}

static void drop(struct bytes *b)
{
	free(b->data);
	*b = (struct bytes){ 0 };
}

static void put_text_frame(struct bytes *b, const char *text, size_t size)
{
	uint8_t head[4] = { 0x81, (uint8_t)size };

	if (size >= 126) {
		head[1] = 126;
		head[2] = (uint8_t)(size >> 8);
		head[3] = (uint8_t)size;
	}
	put(b, head, size < 126 ? 2 : 4);
	put(b, text, size);
}

/* ------------------------------------------------------------------ clients */

static void watch(struct client *c, bool choked)
{
	struct epoll_event e = { .events = choked ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c };

	c->choked = choked;
	epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

static void write_to(struct client *c, const void *bytes, size_t size)
{
	ssize_t sent = c->choked ? 0 : send(c->fd, bytes, size, MSG_NOSIGNAL);

	if (sent < 0)
		sent = 0; /* if it is gone, reading will tell */
	if ((size_t)sent == size)
		return;
	put(&c->out, (const uint8_t *)bytes + sent, size - (size_t)sent);
	if (!c->choked)
		watch(c, true);
}

static void write_rest(struct client *c)
{
	struct bytes rest = c->out;

	c->out = (struct bytes){ 0 };
	watch(c, false);
	write_to(c, rest.data, rest.size);
	free(rest.data);
}

static void unlisten(struct client *c)
{
	if (!c->listens)
		return;
	c->next->prev = c->prev;
	c->prev->next = c->next;
	c->listens = false;
}

static void listen_to_ticks(struct client *c)
{
	unlisten(c);
	c->listens = true;
	c->next = &listeners;
	c->prev = listeners.prev;
	c->prev->next = c->next->prev = c;
}

static void goodbye(struct client *c)
{
	unlisten(c);
	close(c->fd);
	drop(&c->in);
	drop(&c->out);
	free(c);
}

/* ------------------------------------------------------------------ requests */

/* What follows the word in the text, or NULL. */
static const char *after(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	return at ? at + strlen(word) : NULL;
}

/* args: COUNT,"PAYLOAD" */
static void blast(const char *args)
{
	char *payload, text[2048];
	long count = strtol(args, &payload, 10);
	int payload_size = (int)strcspn(payload + 1, "]");

	burst.size = 0;
	for (long i = 0; i < count; i++) {
		int size = snprintf(text, sizeof text, "{\"body\":{\"tag\":\"Event\",\"val\":{\"name\":\"tick\","
			"\"args\":[{\"i\":%ld,\"payload\":%.*s}]}}}", i, payload_size, payload + 1);

		put_text_frame(&burst, text, (size_t)size < sizeof text ? (size_t)size : 0);
	}
	for (struct client *c = listeners.next; c != &listeners; c = c->next)
		write_to(c, burst.data, burst.size);
}

static void on_message(struct client *c, const char *text)
{
	const char *id = after(text, "\"$BigInt\",\""), *args = after(text, "\"args\":[");
	char answer[512];
	int size;

	if (strstr(text, "\"SubscriptionRequest\""))
		listen_to_ticks(c);
	if (!id || !args)
		return;
	if (strstr(text, "\"blast\""))
		blast(args);
	size = snprintf(answer, sizeof answer, "{\"body\":{\"tag\":\"ActionResponse\",\"val\":{\"id\":[\"$BigInt\",\"%.*s\"],"
	                "\"output\":%.*s}}}", (int)strcspn(id, "\""), id, (int)strcspn(args, ",]"), args);
	put_text_frame(&answers, answer, (size_t)size < sizeof answer ? (size_t)size : 0);
}

/* Bytes of the whole frames at the beginning of what was read. */
static size_t take_frames(struct client *c, uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (size - at >= 6) {
		uint8_t *frame = bytes + at, *mask, *text, behind;
		size_t length = frame[1] & 127, head = length == 126 ? 8 : 6;

		if (length == 126)
			length = (size_t)frame[2] << 8 | frame[3];
		if (size - at < head + length)
			break;
		text = frame + head;
		mask = text - 4;
		for (size_t i = 0; i < length; i++)
			text[i] ^= mask[i & 3];
		behind = text[length];
		text[length] = '\0';
		if ((frame[0] & 15) == 1)
			on_message(c, (const char *)text);
		text[length] = behind;
		at += head + length;
	}
	return at;
}

static size_t take_handshake(struct client *c, const uint8_t *bytes, size_t size)
{
	static const char accepted[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: " BENCH_WS_ACCEPT "\r\nSec-WebSocket-Protocol: rivet\r\n\r\n";
	static const char init[] = "{\"body\":{\"tag\":\"Init\",\"val\":{\"actorId\":\"bare\",\"connectionId\":\"bare\"}}}";

	if (!memmem(bytes, size, "\r\n\r\n", 4))
		return 0;
	c->open = true;
	put(&answers, accepted, sizeof accepted - 1);
	put_text_frame(&answers, init, sizeof init - 1);
	return size;
}

static void on_readable(struct client *c)
{
	size_t size = c->in.size, taken;
	ssize_t got;

	if (size > 0)
		memcpy(in, c->in.data, size);
	got = recv(c->fd, in + size, IN_BYTES - size, 0);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		goodbye(c);
		return;
	}
	size += (size_t)got;
	drop(&c->in);
	answers.size = 0;
	taken = c->open ? take_frames(c, in, size) : take_handshake(c, in, size);
	if (taken < size)
		put(&c->in, in + taken, size - taken);
	if (answers.size > 0)
		write_to(c, answers.data, answers.size);
}

/* ------------------------------------------------------------------ serving */

static void welcome(void)
{
	int fd, one = 1;

	while ((fd = accept4(LISTENING, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct client *c = calloc(1, sizeof *c);
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

		if (!c)
			abort();
		c->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e);
	}
}

int main(void)
{
	struct epoll_event ready[512], newcomers = { .events = EPOLLIN, .data.ptr = NULL };

	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (fcntl(LISTENING, F_SETFL, O_NONBLOCK) < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, LISTENING, &newcomers) < 0) {
		perror("bare: descriptor 3 must be a listening socket");
		return 1;
	}
	for (;;) {
		int count = epoll_wait(poll_fd, ready, 512, -1);

		for (int i = 0; i < count; i++) {
			struct client *c = ready[i].data.ptr;

			if (!c) {
				welcome();
				continue;
			}
			if (ready[i].events & EPOLLOUT && c->choked)
				write_rest(c);
			if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				on_readable(c);
		}
	}
}
