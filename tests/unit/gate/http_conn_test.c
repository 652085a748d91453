/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP connection over a real socket, with an owner that knows a few paths:
 *
 *	/now     is answered in on_head, whatever body it has
 *	/echo    is answered in on_body, with method, path and body
 *	/later   waits until the test answers it
 *	/pieces  has the head of an answer in pieces, and the first one
 *	/big     is answered with a megabyte
 *	/drop    is dropped in on_body
 *	/take    has its socket taken away */
#include "tests/kit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/gate/http_conn.h"
#include "runtime/gate/text.h"

#define BODY_MAX 100
#define BIG      (1024 * 1024)

struct world {
	struct event_base *base;
	struct tr_http_conn *conn; /* NULL: closed */
	struct tr_http_times times;
	int client;
	struct tr_bytes heard;
	bool waiting;              /* /later is to be answered */
	unsigned rooms;            /* how often all pieces had left */
	unsigned heads, bodies;
	int taken;                 /* the socket of /take, or -1 */
	struct tr_bytes rest;
};

static void answer(struct world *w, int status, const char *text)
{
	tr_http_conn_answer(w->conn, &(struct tr_http_answer){
		.status = status,
		.type = "text/plain",
		.body = text,
		.size = strlen(text),
	});
}

static uint64_t on_head(void *owner, const struct tr_http_head *head)
{
	struct world *w = owner;

	w->heads++;
	if (tr_text_is(head->path, "/now"))
		answer(w, 403, "no");
	return BODY_MAX;
}

static void echo(struct world *w, const struct tr_http_head *head, struct troupe_text body)
{
	struct tr_bytes text = { 0 };

	tr_bytes_printf(&text, "%.*s %.*s [%.*s]", (int)head->method.size, head->method.data, (int)head->path.size,
	                head->path.data, (int)body.size, body.data);
	answer(w, 200, tr_bytes_text(&text));
	tr_bytes_free(&text);
}

static void answer_big(struct world *w)
{
	char *text = malloc(BIG + 1);

	memset(text, 'x', BIG);
	text[BIG] = 0;
	answer(w, 200, text);
	free(text);
}

static void begin_pieces(struct world *w, int status)
{
	tr_http_conn_begin(w->conn, &(struct tr_http_answer){ .status = status, .type = "text/plain" });
	tr_http_conn_piece(w->conn, "one", 3);
}

static void on_body(void *owner, const struct tr_http_head *head, struct troupe_text body)
{
	struct world *w = owner;
	struct troupe_text rest;

	w->bodies++;
	if (tr_text_is(head->path, "/echo")) {
		echo(w, head, body);
	} else if (tr_text_is(head->path, "/big")) {
		answer_big(w);
	} else if (tr_text_is(head->path, "/pieces")) {
		begin_pieces(w, 200);
	} else if (tr_text_is(head->path, "/drop")) {
		tr_http_conn_close(w->conn);
	} else if (tr_text_is(head->path, "/take")) {
		w->taken = tr_http_conn_release(w->conn, &rest);
		tr_bytes_put(&w->rest, rest.data, rest.size);
	} else {
		w->waiting = true;
	}
}

static void on_bad(void *owner, const struct tr_http_head *head, int status, const char *sentence)
{
	struct world *w = owner;

	(void)head;
	tr_http_conn_answer(w->conn, &(struct tr_http_answer){
		.status = status,
		.body = sentence,
		.size = strlen(sentence),
		.close = true,
	});
}

static void on_room(void *owner)
{
	struct world *w = owner;

	w->rooms++;
}

static void on_closed(void *owner)
{
	struct world *w = owner;

	w->conn = NULL;
	w->waiting = false;
}

static const struct tr_http_ops ops = { on_head, on_body, on_bad, on_room, on_closed };

static struct world *begin_with(const struct tr_http_times *times)
{
	struct world *w = calloc(1, sizeof(*w));
	int pair[2], small = 4096;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	w->times = *times;
	w->taken = -1;
	w->client = pair[1];
	w->base = event_base_new();
	w->conn = tr_http_conn_new(w->base, pair[0], &ops, w, &w->times);
	return w;
}

static struct world *begin(void)
{
	return begin_with(&tr_http_times);
}

static void end(struct world *w)
{
	if (w->conn)
		tr_http_conn_close(w->conn);
	assert_null(w->conn);
	if (w->taken >= 0)
		close(w->taken);
	close(w->client);
	tr_bytes_free(&w->heard);
	tr_bytes_free(&w->rest);
	event_base_free(w->base);
	free(w);
}

/* What has come to the client by now. */
static void listen_to(struct world *w)
{
	char buffer[65536];
	ssize_t n;

	while ((n = recv(w->client, buffer, sizeof(buffer), 0)) > 0)
		tr_bytes_put(&w->heard, buffer, (size_t)n);
}

static void settle(struct world *w)
{
	for (int i = 0; i < 10; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static void say_sized(struct world *w, const char *data, size_t size)
{
	while (size) {
		ssize_t n = send(w->client, data, size, MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
		settle(w);
		if (n < 0 && errno != EAGAIN)
			break;
	}
	settle(w);
}

static void say(struct world *w, const char *text)
{
	say_sized(w, text, strlen(text));
}

/* The client heard just this since the last time; lines with the date are passed over. */
static void assert_heard(struct world *w, const char *expected)
{
	struct tr_bytes plain = { 0 };
	struct troupe_text rest, line;

	listen_to(w);
	rest = tr_text(tr_bytes_text(&w->heard), w->heard.size);
	while (tr_text_split(&rest, '\n', &line)) {
		if (tr_text_begins(line, "Date: "))
			continue;
		tr_bytes_put(&plain, line.data, line.size);
		if (rest.data)
			tr_bytes_put_byte(&plain, '\n');
	}
	assert_string_equal(tr_bytes_text(&plain), expected);
	tr_bytes_free(&plain);
	tr_bytes_clear(&w->heard);
}

static bool heard(struct world *w, const char *part)
{
	listen_to(w);
	return strstr(tr_bytes_text(&w->heard), part);
}

/* Runs the loop until the connection has gone by itself. */
static void wait_closed(struct world *w)
{
	while (w->conn) {
		event_base_loop(w->base, EVLOOP_ONCE);
		listen_to(w);
	}
}

#define OK(size, body) "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " size "\r\n\r\n" body

TEST(a_request_is_answered)
{
	struct world *w = begin();

	say(w, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_heard(w, OK("12", "GET /echo []"));
	end(w);
}

TEST(answers_carry_the_date)
{
	struct world *w = begin();

	say(w, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_true(heard(w, "\r\nDate: "));
	assert_true(heard(w, " GMT\r\n"));
	end(w);
}

TEST(a_request_may_come_byte_by_byte)
{
	static const char text[] = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	                           "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
	struct world *w = begin();

	for (size_t i = 0; i < strlen(text); i++) {
		assert_int_equal(w->bodies, 0);
		say_sized(w, text + i, 1);
	}
	assert_heard(w, OK("16", "POST /echo [abc]"));
	assert_non_null(w->conn);
	end(w);
}

TEST(a_request_may_be_cut_anywhere)
{
	static const char text[] = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
	                           "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n";

	for (size_t cut = 1; cut < strlen(text); cut++) {
		struct world *w = begin();

		say_sized(w, text, cut);
		say_sized(w, text + cut, strlen(text) - cut);
		assert_heard(w, OK("16", "POST /echo [abc]") OK("12", "GET /echo []"));
		end(w);
	}
}

TEST(a_connection_serves_one_request_after_the_other)
{
	struct world *w = begin();

	for (int i = 0; i < 5; i++) {
		say(w, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
		assert_heard(w, OK("14", "PUT /echo [hi]"));
	}
	assert_int_equal(w->heads, 5);
	end(w);
}

TEST(pipelined_requests_are_answered_in_order)
{
	struct world *w = begin();

	say(w, "GET /later HTTP/1.1\r\nHost: h\r\n\r\nPOST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"
	       "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(w->heads, 1); /* the second is not looked at yet */
	assert_heard(w, "");
	w->waiting = false;
	answer(w, 200, "first");
	assert_int_equal(w->heads, 1); /* nor from inside the answer, which may come from deep in the core */
	settle(w);
	assert_heard(w, OK("5", "first") OK("14", "POST /echo [x]"));
	assert_true(w->waiting);
	answer(w, 200, "third");
	settle(w);
	assert_heard(w, OK("5", "third"));
	end(w);
}

TEST(head_gets_no_content)
{
	struct world *w = begin();

	say(w, "HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_heard(w, OK("13", "") OK("12", "GET /echo []"));
	end(w);
}

TEST(connection_close_is_obeyed)
{
	struct world *w = begin();

	say(w, "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	assert_heard(w, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\nConnection: close\r\n\r\n"
	                "GET /echo []");
	assert_int_equal(recv(w->client, &(char){ 0 }, 1, 0), 0); /* ours is closed, and waits for theirs */
	assert_non_null(w->conn);
	shutdown(w->client, SHUT_WR);
	settle(w);
	assert_null(w->conn);
	end(w);
}

TEST(http_1_0_closes_unless_asked_not_to)
{
	struct world *w = begin();

	say(w, "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_heard(w, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\nConnection: keep-alive\r\n\r\n"
	                "GET /echo []");
	say(w, "GET /echo HTTP/1.0\r\n\r\n");
	assert_true(heard(w, "Connection: close\r\n"));
	assert_int_equal(recv(w->client, &(char){ 0 }, 1, 0), 0);
	end(w);
}

TEST(a_client_that_waits_for_100_gets_it)
{
	struct world *w = begin();

	say(w, "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_heard(w, "HTTP/1.1 100 Continue\r\n\r\n");
	say(w, "abc");
	assert_heard(w, OK("16", "POST /echo [abc]"));
	/* Not when it did not wait. */
	say(w, "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
	assert_heard(w, OK("16", "POST /echo [abc]"));
	end(w);
}

TEST(who_is_refused_instead_of_100_is_closed)
{
	struct world *w = begin();

	/* Whether the body still comes cannot be known. */
	say(w, "POST /now HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_heard(w, "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
	end(w);
}

TEST(an_unwanted_body_is_passed_over)
{
	struct world *w = begin();
	char body[2000];

	memset(body, 'G', sizeof(body));
	say(w, "POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n");
	assert_heard(w, "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno");
	say_sized(w, body, sizeof(body));
	say(w, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_heard(w, OK("12", "GET /echo []"));
	say(w, "POST /now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n0\r\n\r\n"
	       "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_heard(w, "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno"
	                OK("12", "GET /echo []"));
	end(w);
}

TEST(a_huge_unwanted_body_ends_the_connection)
{
	struct world *w = begin();

	say(w, "POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n");
	assert_true(heard(w, "Connection: close\r\n"));
	end(w);
}

TEST(a_body_over_the_limit_is_refused)
{
	struct world *w = begin();

	say(w, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n");
	assert_heard(w, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 22\r\nConnection: close\r\n\r\nThe body is too large.");
	assert_int_equal(w->bodies, 0);
	end(w);
	w = begin();
	say(w, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n");
	assert_heard(w, "");
	for (int i = 0; i < 100; i++)
		say(w, "x");
	say(w, "\r\n1\r\n");
	assert_true(heard(w, "HTTP/1.1 413 "));
	assert_int_equal(w->bodies, 0);
	end(w);
}

TEST(malformed_requests_are_told_and_closed)
{
	static const char *const texts[] = {
		"\x16\x03\x01\x02", "GET / HTTP/1.1\n\n", "GET /\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
		"GET /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct world *w = begin();

		say(w, texts[i]);
		if (!heard(w, "HTTP/1.1 400 Bad Request\r\n") || !heard(w, "Connection: close\r\n"))
			fail_msg("%s: %s", texts[i], tr_bytes_text(&w->heard));
		shutdown(w->client, SHUT_WR);
		settle(w);
		assert_null(w->conn);
		end(w);
	}
}

/* What somebody in front of us might take for a body must never be a request here. */
#define FIRST  "POST /echo HTTP/1.1\r\nHost: h\r\n"
#define SECOND "GET /later HTTP/1.1\r\nHost: h\r\n\r\n"

TEST(nothing_is_smuggled)
{
	static const char *const texts[] = {
		FIRST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SECOND,
		FIRST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" SECOND,
		FIRST "Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" SECOND,
		FIRST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" SECOND,
		FIRST "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SECOND,
		FIRST "Content-Length: 0\r\nContent-Length: 40\r\n\r\n" SECOND,
		FIRST "X: y\nContent-Length: 40\r\n\r\n" SECOND,
		FIRST "Transfer-Encoding: chunked\r\n\r\n0\n\r\n" SECOND,
		FIRST "Transfer-Encoding: chunked\r\n\r\n0;\n" SECOND,
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct world *w = begin();

		say(w, texts[i]);
		if (w->waiting || w->heads > 1 || w->bodies)
			fail_msg("smuggled: %s", texts[i]);
		assert_true(heard(w, "HTTP/1.1 400 ") || heard(w, "HTTP/1.1 501 "));
		end(w);
	}
}

TEST(a_head_over_the_limit_is_refused)
{
	struct world *w = begin();
	char filler[1000];

	memset(filler, 'x', sizeof(filler));
	say(w, "GET /echo HTTP/1.1\r\nHost: h\r\nX: ");
	for (size_t sent = 0; sent < TR_HTTP_HEAD_BYTES_MAX - 2000; sent += sizeof(filler))
		say_sized(w, filler, sizeof(filler));
	say(w, "\r\n\r\n");
	assert_heard(w, OK("12", "GET /echo []"));
	say(w, "GET /echo HTTP/1.1\r\nHost: h\r\nX: ");
	for (size_t sent = 0; sent < TR_HTTP_HEAD_BYTES_MAX; sent += sizeof(filler))
		say_sized(w, filler, sizeof(filler));
	assert_true(heard(w, "HTTP/1.1 431 "));
	end(w);
}

/* ---- ends */

TEST(a_client_that_goes_away_while_it_waits_is_noticed)
{
	struct world *w = begin();

	say(w, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_true(w->waiting);
	shutdown(w->client, SHUT_WR);
	settle(w);
	assert_null(w->conn);
	end(w);
}

TEST(a_client_that_closes_its_half_still_gets_what_was_answered)
{
	struct world *w = begin();

	send(w->client, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\nGET /big HTTP/1.1\r\nHost: h\r\n\r\n", 61, 0);
	shutdown(w->client, SHUT_WR);
	wait_closed(w);
	assert_true(heard(w, "GET /echo []"));
	assert_true(w->heard.size > BIG);
	end(w);
}

TEST(half_a_request_goes_in_silence)
{
	struct world *w = begin();

	say(w, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
	shutdown(w->client, SHUT_WR);
	settle(w);
	assert_null(w->conn);
	assert_heard(w, "");
	end(w);
}

TEST(the_owner_may_drop_it)
{
	struct world *w = begin();

	say(w, "GET /drop HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_null(w->conn);
	assert_heard(w, "");
	end(w);
}

TEST(a_slow_reader_gets_all_and_holds_no_more_than_one_answer)
{
	struct world *w = begin();

	say(w, "GET /big HTTP/1.1\r\nHost: h\r\n\r\nGET /big HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(w->bodies, 1);
	for (int i = 0; i < 100000 && w->heard.size < 2 * BIG + 200; i++) {
		listen_to(w);
		settle(w);
	}
	assert_int_equal(w->bodies, 2);
	assert_true(w->heard.size > 2 * BIG);
	assert_true(tr_http_conn_idle(w->conn));
	end(w);
}

TEST(read_ahead_is_bounded)
{
	struct world *w = begin();
	static char flood[4 * TR_HTTP_HEAD_BYTES_MAX];
	size_t sent = 0;
	ssize_t n;

	say(w, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	memset(flood, '\r', sizeof(flood));
	for (int i = 0; i < 100; i++) {
		while (sent < 100 * sizeof(flood) && (n = send(w->client, flood, sizeof(flood), MSG_NOSIGNAL)) > 0)
			sent += (size_t)n;
		settle(w);
	}
	assert_true(sent < 20 * sizeof(flood)); /* what the sockets hold, and the bound */
	answer(w, 200, "late");
	settle(w);
	assert_true(heard(w, "late"));
	assert_true(heard(w, "HTTP/1.1 4")); /* CR after CR begins no request */
	end(w);
}

/* ---- deadlines */

TEST(a_head_that_drips_is_refused)
{
	struct tr_http_times times = tr_http_times;
	struct world *w;

	times.head_ms = 30;
	times.close_ms = 10;
	w = begin_with(&times);
	say(w, "GET /echo HTTP/1.1\r\n");
	while (w->conn && !heard(w, "\r\n\r\n")) {
		send(w->client, "X", 1, MSG_NOSIGNAL); /* each byte in time, the whole is not */
		event_base_loop(w->base, EVLOOP_ONCE);
	}
	assert_true(heard(w, "HTTP/1.1 408 Request Timeout\r\n"));
	wait_closed(w);
	end(w);
}

TEST(a_body_that_drips_is_refused)
{
	struct tr_http_times times = tr_http_times;
	struct world *w;

	times.body_ms = 30;
	times.close_ms = 10;
	w = begin_with(&times);
	say(w, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n");
	for (int sent = 0; !heard(w, "\r\n\r\n"); sent++) {
		assert_true(sent < 50); /* that would take 500 ms: each byte has bought time */
		send(w->client, "X", 1, MSG_NOSIGNAL);
		event_base_loopexit(w->base, &(struct timeval){ 0, 10000 });
		event_base_dispatch(w->base);
	}
	assert_true(heard(w, "HTTP/1.1 408 Request Timeout\r\n"));
	assert_int_equal(w->bodies, 0);
	wait_closed(w);
	end(w);
}

TEST(an_idle_connection_goes_in_silence)
{
	struct tr_http_times times = tr_http_times;
	struct world *w;

	times.idle_ms = 10;
	w = begin_with(&times);
	say(w, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
	wait_closed(w);
	assert_heard(w, OK("12", "GET /echo []"));
	end(w);
}

TEST(a_client_that_does_not_read_is_dropped)
{
	struct tr_http_times times = tr_http_times;
	struct world *w;

	times.body_ms = 10;
	w = begin_with(&times);
	say(w, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
	while (w->conn)
		event_base_loop(w->base, EVLOOP_ONCE);
	listen_to(w);
	assert_true(w->heard.size < BIG);
	end(w);
}

TEST(an_answer_may_take_its_time)
{
	struct tr_http_times times = { 5, 5, 5, 5 };
	struct world *w = begin_with(&times);
	struct timeval long_after = { 0, 30000 };

	say(w, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	event_base_loopexit(w->base, &long_after);
	event_base_dispatch(w->base);
	assert_non_null(w->conn);
	answer(w, 200, "at last");
	assert_true(heard(w, "at last"));
	end(w);
}

TEST(a_client_that_does_not_close_is_closed)
{
	struct tr_http_times times = tr_http_times;
	struct world *w;

	times.close_ms = 10;
	w = begin_with(&times);
	say(w, "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	assert_non_null(w->conn);
	wait_closed(w);
	end(w);
}

/* ---- handing over, ending */

TEST(an_upgrade_takes_the_socket_and_what_came_behind)
{
	struct world *w = begin();
	char buffer[16];

	say(w, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
	tr_bytes_clear(&w->heard);
	say(w, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
	tr_bytes_clear(&w->heard);
	listen_to(w);
	say(w, "GET /take HTTP/1.1\r\nHost: h\r\n\r\n\x81\x80leftover\r\n\r\n");
	assert_null(w->conn);
	assert_true(w->taken >= 0);
	assert_int_equal(w->rest.size, 14);
	assert_memory_equal(w->rest.data, "\x81\x80leftover\r\n\r\n", 14);
	/* The socket is as it was: open, and nobody else reads it. */
	assert_int_equal(send(w->client, "more", 4, 0), 4);
	settle(w);
	assert_int_equal(recv(w->taken, buffer, sizeof(buffer), 0), 4);
	assert_int_equal(send(w->taken, "back", 4, 0), 4);
	assert_int_equal(recv(w->client, buffer, sizeof(buffer), 0), 4);
	end(w);
}

TEST(an_upgrade_behind_other_requests_waits_for_their_answers)
{
	struct world *w = begin();

	say(w, "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /take HTTP/1.1\r\nHost: h\r\n\r\nrest");
	assert_int_equal(w->taken, -1);
	answer(w, 200, "first");
	settle(w);
	assert_true(w->taken >= 0);
	assert_heard(w, OK("5", "first"));
	assert_int_equal(w->rest.size, 4);
	end(w);
}

TEST(draining_closes_what_is_idle)
{
	struct world *w = begin();

	tr_http_conn_drain(w->conn);
	assert_null(w->conn);
	end(w);
}

TEST(draining_answers_what_has_come)
{
	struct world *w = begin();

	send(w->client, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 31, 0);
	tr_http_conn_drain(w->conn); /* it has not been read yet */
	assert_non_null(w->conn);
	settle(w);
	assert_true(heard(w, "Connection: close\r\n"));
	assert_true(heard(w, "GET /echo []"));
	end(w);
	w = begin();
	say(w, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	tr_http_conn_drain(w->conn);
	assert_non_null(w->conn);
	answer(w, 200, "last");
	settle(w);
	assert_true(heard(w, "Connection: close\r\n"));
	assert_true(heard(w, "last"));
	end(w);
}

/* ---- answers in pieces */

#define PIECES "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"

TEST(an_answer_may_come_in_pieces)
{
	struct world *w = begin();

	say(w, "GET /pieces HTTP/1.1\r\nHost: h\r\n\r\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_heard(w, PIECES);
	assert_int_equal(w->rooms, 1);
	tr_http_conn_piece(w->conn, "sixteen and more", 16);
	tr_http_conn_piece(w->conn, NULL, 0);
	assert_int_equal(tr_http_conn_backlog(w->conn), 22);
	settle(w);
	assert_int_equal(tr_http_conn_backlog(w->conn), 0);
	assert_heard(w, "10\r\nsixteen and more\r\n");
	assert_int_equal(w->bodies, 1);
	tr_http_conn_finish(w->conn, true);
	settle(w);
	assert_heard(w, "0\r\n\r\n" OK("12", "GET /echo []"));
	end(w);
}

TEST(an_answer_in_pieces_may_break_off)
{
	struct world *w = begin();

	say(w, "GET /pieces HTTP/1.1\r\nHost: h\r\n\r\n");
	tr_http_conn_finish(w->conn, false);
	settle(w);
	assert_heard(w, PIECES);
	assert_null(w->conn);
	end(w);
}

TEST(head_gets_the_head_of_an_answer_in_pieces)
{
	struct world *w = begin();

	say(w, "HEAD /pieces HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_heard(w, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n");
	tr_http_conn_finish(w->conn, true);
	settle(w);
	say(w, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
	begin_pieces(w, 204);
	tr_http_conn_finish(w->conn, true);
	settle(w);
	assert_heard(w, "HTTP/1.1 204 No Content\r\nContent-Type: text/plain\r\n\r\n");
	assert_true(tr_http_conn_idle(w->conn));
	end(w);
}

TEST(pieces_for_http_1_0_end_with_the_connection)
{
	struct world *w = begin();

	say(w, "GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	tr_http_conn_piece(w->conn, "two", 3);
	tr_http_conn_finish(w->conn, true);
	settle(w);
	assert_heard(w, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nonetwo");
	shutdown(w->client, SHUT_WR);
	settle(w);
	assert_null(w->conn);
	end(w);
}

TEST(a_client_that_goes_away_between_pieces_is_noticed)
{
	struct world *w = begin();

	say(w, "GET /pieces HTTP/1.1\r\nHost: h\r\n\r\n");
	shutdown(w->client, SHUT_WR);
	settle(w);
	assert_null(w->conn);
	end(w);
}

TEST(pieces_may_take_their_time_but_reading_them_may_not)
{
	struct tr_http_times times = { 5, 5, 5, 5 };
	struct world *w = begin_with(&times);
	struct timeval long_after = { 0, 30000 };
	char big[65536] = { 0 };

	say(w, "GET /pieces HTTP/1.1\r\nHost: h\r\n\r\n");
	event_base_loopexit(w->base, &long_after);
	event_base_dispatch(w->base);
	assert_non_null(w->conn);
	for (int i = 0; i < 100; i++)
		tr_http_conn_piece(w->conn, big, sizeof(big));
	while (w->conn)
		event_base_loop(w->base, EVLOOP_ONCE);
	end(w);
}

TEST(a_slow_reader_of_pieces_gets_all_of_them)
{
	struct world *w = begin();
	static char piece[50000];
	unsigned sent = 0;

	memset(piece, 'x', sizeof(piece));
	say(w, "GET /pieces HTTP/1.1\r\nHost: h\r\n\r\n");
	listen_to(w);
	tr_bytes_clear(&w->heard);
	for (int i = 0; i < 100000 && w->heard.size < 100 * (sizeof(piece) + 8); i++) {
		if (sent < 100 && tr_http_conn_backlog(w->conn) < 2 * sizeof(piece)) {
			tr_http_conn_piece(w->conn, piece, sizeof(piece));
			sent++;
		}
		event_base_loop(w->base, EVLOOP_NONBLOCK);
		listen_to(w);
	}
	assert_int_equal(w->heard.size, 100 * (sizeof(piece) + 8));
	for (size_t at = 0; at < w->heard.size; at += sizeof(piece) + 8)
		assert_memory_equal(w->heard.data + at, "c350\r\nx", 7);
	end(w);
}

TESTS(RUN(a_request_is_answered), RUN(answers_carry_the_date), RUN(a_request_may_come_byte_by_byte),
      RUN(a_request_may_be_cut_anywhere), RUN(a_connection_serves_one_request_after_the_other),
      RUN(pipelined_requests_are_answered_in_order), RUN(head_gets_no_content), RUN(connection_close_is_obeyed),
      RUN(http_1_0_closes_unless_asked_not_to), RUN(a_client_that_waits_for_100_gets_it),
      RUN(who_is_refused_instead_of_100_is_closed), RUN(an_unwanted_body_is_passed_over),
      RUN(a_huge_unwanted_body_ends_the_connection), RUN(a_body_over_the_limit_is_refused),
      RUN(malformed_requests_are_told_and_closed), RUN(nothing_is_smuggled), RUN(a_head_over_the_limit_is_refused),
      RUN(a_client_that_goes_away_while_it_waits_is_noticed), RUN(a_client_that_closes_its_half_still_gets_what_was_answered),
      RUN(half_a_request_goes_in_silence), RUN(the_owner_may_drop_it),
      RUN(a_slow_reader_gets_all_and_holds_no_more_than_one_answer), RUN(read_ahead_is_bounded),
      RUN(a_head_that_drips_is_refused), RUN(a_body_that_drips_is_refused), RUN(an_idle_connection_goes_in_silence),
      RUN(a_client_that_does_not_read_is_dropped), RUN(an_answer_may_take_its_time), RUN(a_client_that_does_not_close_is_closed),
      RUN(an_upgrade_takes_the_socket_and_what_came_behind), RUN(an_upgrade_behind_other_requests_waits_for_their_answers),
      RUN(draining_closes_what_is_idle), RUN(draining_answers_what_has_come),
      RUN(an_answer_may_come_in_pieces), RUN(an_answer_in_pieces_may_break_off),
      RUN(head_gets_the_head_of_an_answer_in_pieces), RUN(pieces_for_http_1_0_end_with_the_connection),
      RUN(a_client_that_goes_away_between_pieces_is_noticed), RUN(pieces_may_take_their_time_but_reading_them_may_not),
      RUN(a_slow_reader_of_pieces_gets_all_of_them))
