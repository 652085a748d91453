/* SPDX-License-Identifier: Apache-2.0 */
/* What comes in by the gate's WebSockets: the handshake, messages, and what breaks the rules. */
#include "tests/unit/gate/ws_world.h"

/* ------------------------------------------------------------------ handshake */

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
	end_with(c);
}

TEST(what_is_sent_while_opening_comes_after_the_handshake)
{
	struct client *c;

	begin();
	on_open = greet;
	c = client_new();
	hears_text(c, "init");
	end_with(c);
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

/* lws makes its tables when it starts and would write past their end. */
TEST(a_descriptor_that_lws_has_no_place_for_is_closed)
{
	struct rlimit limit, lower;
	int pair[2], high;
	char byte;

	getrlimit(RLIMIT_NOFILE, &limit);
	lower = limit;
	lower.rlim_cur = 64;
	setrlimit(RLIMIT_NOFILE, &lower);
	begin();
	setrlimit(RLIMIT_NOFILE, &limit);
	on_open = echo_all;
	bystander = client_new();
	for (int fd = 63; fd < 66; fd++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		high = dup2(pair[0], fd);
		close(pair[0]);
		tr_ws_adopt(ws, high, &plain);
		assert_int_equal(recv(pair[1], &byte, 1, 0), fd < 64); /* an answer, or the end */
		close(pair[1]);
	}
	assert_well(bystander);
	end_with(bystander);
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
	end_with(c);
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
	end_with(c);
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
	end_with(c);
}

/* ------------------------------------------------------------------ messages */

static const size_t sizes[] = {
	0, 1, 2, 125, 126, 127, 1000, 1023, 1024, 1025, 2048, 4096, 65535, TR_MESSAGE_IN_BYTES_MAX
};
#define SIZES (sizeof sizes / sizeof *sizes)

TEST(messages_of_every_size_come_whole)
{
	char *payload = malloc(TR_MESSAGE_IN_BYTES_MAX);
	struct client *c;

	for (size_t i = 0; i < TR_MESSAGE_IN_BYTES_MAX; i++)
		payload[i] = (char)('a' + i % 26);
	c = begin_echo();
	for (size_t i = 0; i < SIZES; i++) {
		say_frame(c, i & 1 ? 0x81 : 0x82, payload, sizes[i]);
		hears(c, i & 1 ? 0x81 : 0x82, payload, sizes[i]);
		assert_int_equal(conns[0].last_size, sizes[i]);
		assert_int_equal(conns[0].last_text, i & 1);
	}
	free(payload);
	end_with(c);
}

TEST(a_message_may_arrive_split_at_every_byte)
{
	char payload[140];
	size_t wire;
	uint8_t *f;
	struct client *c;

	memset(payload, 's', sizeof payload);
	f = frame(0x81, payload, sizeof payload, &wire);
	c = begin_echo();
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
	end_with(c);
}

TEST(fragments_become_one_message)
{
	struct client *c = begin_echo();

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
	end_with(c);
}

TEST(a_large_message_may_come_in_many_fragments)
{
	char *payload = malloc(TR_MESSAGE_IN_BYTES_MAX);
	struct client *c;

	for (size_t i = 0; i < TR_MESSAGE_IN_BYTES_MAX; i++)
		payload[i] = (char)(i * 7);
	c = begin_echo();
	for (size_t at = 0; at < TR_MESSAGE_IN_BYTES_MAX; at += 1000) {
		size_t left = TR_MESSAGE_IN_BYTES_MAX - at, n = left < 1000 ? left : 1000;
		uint8_t opcode = at == 0 ? 2 : 0, fin = n == left ? 0x80 : 0;

		say_frame(c, fin | opcode, payload + at, n);
	}
	hears(c, 0x82, payload, TR_MESSAGE_IN_BYTES_MAX);
	free(payload);
	end_with(c);
}

TEST(pings_are_answered_even_between_fragments)
{
	static const char bytes[] = "\xff\xfe any bytes"; /* control frames are not text */
	struct client *c = begin_echo();

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
	end_with(c);
}

TEST(text_across_fragments_may_be_split_inside_a_character)
{
	struct client *c = begin_echo();

	say_frame(c, 0x01, "\xe2\x82", 2);
	say_frame(c, 0x80, "\xac", 1);
	hears_text(c, "\xe2\x82\xac");
	end_with(c);
}

TEST(binary_is_not_asked_to_be_text)
{
	struct client *c = begin_echo();

	say_frame(c, 0x82, "\xff\xff\x00\x80", 4);
	hears(c, 0x82, "\xff\xff\x00\x80", 4);
	end_with(c);
}

/* ------------------------------------------------------------------ what clients must not do */

static void assert_refused(const void *bytes, size_t size, int code)
{
	struct client *c = client_new();
	struct tr_conn *conn = &conns[opened - 1];
	struct seen s = { 0 };

	say(c, bytes, size);
	UNTIL(peek(c, &s) || c->eof);
	if (code) {
		assert_true(peek(c, &s));
		assert_int_equal(s.opcode, 0x88);
		assert_int_equal(s.payload[0] << 8 | s.payload[1], code);
		eat(c, s.wire);
	}
	hears_end(c); /* soon: begin_rude made the server impatient for the answer to its Close */
	assert_int_equal(conn->messages, 0);
	UNTIL(conn->closed == 1);
	assert_well(bystander);
	client_free(c);
}

static void begin_rude(void)
{
	begin();
	tr_ws_set_patience(ws, &(struct tr_ws_patience){ 20000, 20000, 100 });
	on_open = echo_all;
	bystander = client_new();
}

#define ASSERT_REFUSED(bytes, code) assert_refused(bytes, sizeof bytes - 1, code)

TEST(frames_that_break_the_rules_end_the_connection)
{
	begin_rude();
	ASSERT_REFUSED("\xc1\x81\0\0\0\0x", 1002); /* reserved bits */
	ASSERT_REFUSED("\xa1\x81\0\0\0\0x", 1002);
	ASSERT_REFUSED("\x91\x81\0\0\0\0x", 1002);
	ASSERT_REFUSED("\x83\x81\0\0\0\0x", 1002); /* opcodes that mean nothing */
	ASSERT_REFUSED("\x87\x81\0\0\0\0x", 1002);
	ASSERT_REFUSED("\x8b\x81\0\0\0\0x", 1002);
	ASSERT_REFUSED("\x8f\x81\0\0\0\0x", 1002);
	ASSERT_REFUSED("\x09\x81\0\0\0\0x", 1002); /* a ping in fragments */
	ASSERT_REFUSED("\x80\x81\0\0\0\0x", 1002); /* the end of a message that did not begin */
	end_with(bystander);
}

TEST(control_frames_longer_than_125_bytes_end_the_connection)
{
	begin_rude();
	ASSERT_REFUSED("\x89\xfe\0\x7e\0\0\0\0", 0);
	ASSERT_REFUSED("\x88\xff\0\0\0\0\0\0\0\x7e\0\0\0\0", 0);
	end_with(bystander);
}

TEST(a_message_within_a_message_ends_the_connection)
{
	begin_rude();
	ASSERT_REFUSED("\x01\x81\0\0\0\0x\x81\x81\0\0\0\0y", 1002);
	end_with(bystander);
}

TEST(a_length_of_2_to_the_63_ends_the_connection)
{
	begin_rude();
	ASSERT_REFUSED("\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 0);
	ASSERT_REFUSED("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 0);
	end_with(bystander);
}

TEST(text_that_is_not_utf8_ends_the_connection)
{
	begin_rude();
	ASSERT_REFUSED("\x81\x81\0\0\0\0\xff", 1007);
	ASSERT_REFUSED("\x81\x82\0\0\0\0\xc0\x80", 1007);             /* overlong */
	ASSERT_REFUSED("\x81\x83\0\0\0\0\xed\xa0\x80", 1007);         /* a surrogate */
	ASSERT_REFUSED("\x81\x82\0\0\0\0\xe2\x82", 1007);             /* ends inside a character */
	ASSERT_REFUSED("\x01\x82\0\0\0\0\xe2\x82\x80\x80\0\0\0\0", 1007); /* in two fragments */
	end_with(bystander);
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
	end_with(bystander);
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
	end_with(c);
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
	end_with(c);
}

static struct client *plain_socket(void)
{
	struct tr_ws_upgrade up = plain;
	struct client *c;

	up.request.plain = true;
	c = client_with(&up);
	shake(c);
	return c;
}

TEST(a_plain_socket_takes_and_gives_large_messages)
{
	enum { SIZE = 3 * 1000 * 1000 };
	char *payload = malloc(SIZE);
	struct client *c;

	for (size_t i = 0; i < SIZE; i++)
		payload[i] = (char)(i * 31);
	begin();
	on_open = echo_all;
	c = plain_socket();
	say_frame(c, 0x82, payload, SIZE);
	say_frame(c, 0x02, payload, SIZE / 2);
	say_frame(c, 0x80, payload + SIZE / 2, SIZE / 2);
	hears(c, 0x82, payload, SIZE);
	hears(c, 0x82, payload, SIZE);
	assert_well(c);
	free(payload);
	end_with(c);
}

/* Nothing of it need have come: its head says how large it would be. */
TEST(a_plain_sockets_message_over_its_limit_is_refused)
{
	static const uint8_t head[] = { 0x82, 0xff, 0, 0, 0, 0, TR_SOCKET_BYTES_MAX >> 24, 0, 0, 1, 'm', 'a', 's', 'k', 'x' };
	struct client *c;

	begin();
	c = plain_socket();
	say(c, head, sizeof head);
	hears_close(c, 1011, "message.incoming_too_long");
	assert_int_equal(conns[0].messages, 0);
	end_with(c);
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
	end_with(c);
}

TESTS(
	RUN(the_gate_may_be_made_and_freed),
	RUN(handshake_answers_as_the_standard_says),
	RUN(a_client_that_offers_no_subprotocol_is_told_none),
	RUN(what_is_sent_while_opening_comes_after_the_handshake),
	RUN(a_client_that_has_gone_before_it_is_adopted_does_no_harm),
	RUN(a_descriptor_that_lws_has_no_place_for_is_closed),
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
	RUN(a_plain_socket_takes_and_gives_large_messages),
	RUN(a_plain_sockets_message_over_its_limit_is_refused),
	RUN(what_follows_a_refused_message_is_not_listened_to))
