/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out by the gate's WebSockets: frames, backlogs, closes, pings; and many clients at
 * once. */
#include "tests/unit/gate/ws_world.h"

/* ------------------------------------------------------------------ frames to the client */

TEST(frames_of_every_size_arrive_whole)
{
	static const size_t large[] = {
		0, 1, 125, 126, 65535, 65536, 70000, TR_OUTBOX_BYTES_MAX, TR_OUTBOX_BYTES_MAX + 1
	};
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
	end_with(c);
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
	end_with(c);
}

static size_t waiting(const struct tr_conn *c)
{
	return c->ops->backlog(c->peer);
}

/* Sends until the outbox keeps something, so that the client's socket is full. */
static void fill(struct tr_conn *c, struct tr_frame *f)
{
	do {
		c->ops->send(c->peer, f);
		tr_ws_flush(ws);
	} while (waiting(c) == 0);
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
	struct seen s = { 0 };
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
		assert_true(waiting(&conns[1]) <= TR_OUTBOX_BYTES_MAX + 64 * 1024);
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
	for (int i = 0; i < 100000 && waiting(&conns[0]) < TR_OUTBOX_BYTES_MAX / 2; i++) {
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
	while (waiting(&conns[0]) < TR_OUTBOX_BYTES_MAX * 3 / 4) {
		conns[0].ops->send(conns[0].peer, f);
		tr_ws_flush(ws);
	}
	conns[0].drained = 0;
	client_listen(c, true);
	UNTIL(conns[0].drained == 1);
	assert_true(waiting(&conns[0]) < TR_OUTBOX_BYTES_MAX / 2);
	if (waiting(&conns[0]) > 0) {
		UNTIL(waiting(&conns[0]) == 0);
		assert_int_equal(conns[0].drained, 2);
	}
	assert_int_equal(conns[0].closed, 0);
	client_free(c);
	tr_frame_unref(f);
	end();
}

static void send_more(struct tr_conn *c)
{
	if (c->drained < 5)
		send_text(c, "more");
}

/* As a replay does it: a page, and the next one when that has left. Nothing else keeps the loop
 * going. */
TEST(what_is_sent_when_drained_leaves_as_well)
{
	struct client *c;

	begin();
	c = client_new();
	conns[0].on_drained = send_more;
	client_listen(c, false);
	send_text(&conns[0], "first");
	UNTIL(conns[0].drained == 5);
	client_listen(c, true);
	hears_text(c, "first");
	for (int i = 1; i < 5; i++)
		hears_text(c, "more");
	end_with(c);
}

/* Pongs are lws's own frames: they must come between two of ours, however full the pipe is. */
TEST(pongs_do_not_land_inside_a_frame)
{
	struct tr_frame *f = frame_of(3000);
	struct client *c;
	struct seen s = { 0 };
	int frames = 0, pongs = 0, sent = 0;

	begin();
	c = client_new();
	for (int round = 0; round < 20; round++) {
		client_listen(c, false);
		do {
			conns[0].ops->send(conns[0].peer, f);
			sent++;
			tr_ws_flush(ws);
		} while (waiting(&conns[0]) == 0);
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
			assert_int_equal(s.opcode, s.opcode == 0x8a ? 0x8a : 0x81);
			assert_int_equal(s.size, s.opcode == 0x8a ? 4 : 3000);
			assert_int_equal(s.payload[s.size - 1], s.opcode == 0x8a ? 'g' : 'f');
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
	end_with(c);
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
	end_with(c);
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
	end_with(c);
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
	end_with(c);
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
	end_with(c);
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
	end_with(c);
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
	end_with(c);
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
	end_with(c);
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
	end_with(c);
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
	end_with(c);
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
	end_with(c);
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
	RUN(frames_of_every_size_arrive_whole),
	RUN(a_shared_frame_arrives_at_everyone),
	RUN(a_burst_in_one_turn_is_not_a_backlog),
	RUN(a_client_that_does_not_read_is_closed_and_hurts_nobody),
	RUN(a_client_that_never_reads_again_is_dropped),
	RUN(core_hears_when_there_is_room_again),
	RUN(what_is_sent_when_drained_leaves_as_well),
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
