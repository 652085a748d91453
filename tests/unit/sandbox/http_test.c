/* SPDX-License-Identifier: Apache-2.0 */
/* Outgoing HTTP against a server that says what the test tells it to, byte for byte. */
#include "tests/kit/test.h"
#include "tests/kit/until.h"

#include <assert.h>
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/in.h>

#include "runtime/sandbox/wire/curl.h"

static struct {
	struct event_base     *base;
	struct evconnlistener *listener;
	struct tr_curl        *curl;
	struct tr_http_port    http;
	char                   url[64];
	struct bufferevent    *conns[32];
	int                    accepted;
	const char            *answer;      /* to each whole request; NULL: none */
	bool                   hang_up;     /* after a request, instead */
	struct tr_bytes        got;         /* the newest request */
	/* what came back */
	int                    opened, ended, pieces;
	struct tr_bytes        data;
	struct tr_http_answer  end;
	struct tr_bytes        body;
	struct tr_http_request *request, *other;
} t;

static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(bev);
	struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
	size_t size = evbuffer_get_length(input), body = 0;
	const char *length;
	char *text;

	if (end.pos < 0)
		return;
	text = calloc(1, (size_t)end.pos + 1);
	evbuffer_copyout(input, text, (size_t)end.pos);
	length = strstr(text, "Content-Length: ");
	body = length ? strtoul(length + 16, NULL, 10) : 0;
	free(text);
	if (size < (size_t)end.pos + 4 + body)
		return;
	tr_bytes_clear(&t.got);
	evbuffer_remove(input, tr_bytes_reserve(&t.got, size), size);
	t.got.size = size;
	if (t.hang_up) {
		bufferevent_free(bev);
		t.conns[(intptr_t)arg] = NULL;
	} else if (t.answer) {
		evbuffer_add(bufferevent_get_output(bev), t.answer, strlen(t.answer));
	}
}

static void on_gone(struct bufferevent *bev, short what, void *arg)
{
	(void)what;
	bufferevent_free(bev);
	t.conns[(intptr_t)arg] = NULL;
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int size, void *arg)
{
	(void)l, (void)a, (void)size, (void)arg;
	assert(t.accepted < 32);
	t.conns[t.accepted] = bufferevent_socket_new(t.base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(t.conns[t.accepted], on_read, NULL, on_gone, (void *)(intptr_t)t.accepted);
	bufferevent_enable(t.conns[t.accepted], EV_READ | EV_WRITE);
	t.accepted++;
}

static void start(const char *answer)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;

	memset(&t, 0, sizeof t);
	t.base = event_base_new();
	t.curl = tr_curl_new(t.base, NULL);
	t.http = tr_curl_port(t.curl);
	t.answer = answer;
	t.listener = evconnlistener_new_bind(t.base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 8, (struct sockaddr *)&a, sizeof a);
	getsockname(evconnlistener_get_fd(t.listener), (struct sockaddr *)&a, &size);
	snprintf(t.url, sizeof t.url, "http://127.0.0.1:%d/x", ntohs(a.sin_port));
}

static void end(void)
{
	tr_curl_free(t.curl);
	for (int i = 0; i < t.accepted; i++) {
		if (t.conns[i])
			bufferevent_free(t.conns[i]);
	}
	evconnlistener_free(t.listener);
	event_base_free(t.base);
	tr_bytes_free(&t.got);
	tr_bytes_free(&t.data);
	tr_bytes_free(&t.body);
}

#define UNTIL(condition) UNTIL_BY(t.base, event_base_loop(t.base, EVLOOP_ONCE), condition)

/* Whatever can still happen without time going by. */
static void settle(void)
{
	for (int i = 0; i < 20; i++) {
		struct timeval a_bit = { 0, 1000 };

		event_base_loopexit(t.base, &a_bit);
		event_base_dispatch(t.base);
	}
}

static void on_open(void *arg)
{
	(void)arg;
	t.opened++;
}

static void on_data(void *arg, const void *data, size_t size)
{
	(void)arg;
	assert_int_equal(t.opened, 1);
	t.pieces++;
	tr_bytes_put(&t.data, data, size);
}

static void on_end(void *arg, const struct tr_http_answer *answer)
{
	(void)arg;
	t.ended++;
	t.request = NULL;
	t.end = *answer;
	tr_bytes_clear(&t.body);
	tr_bytes_put(&t.body, answer->body.data, answer->body.size);
}

static void get_within(enum tr_http_reach reach, struct tr_http_options o)
{
	o.reach = reach;
	o.method = o.method ? o.method : "GET";
	o.url = o.url ? o.url : t.url;
	o.on_end = o.on_end ? o.on_end : on_end;
	t.request = tr_http_start(&t.http, &o);
}

static void get(struct tr_http_options o)
{
	get_within(TR_HTTP_ANYWHERE, o);
}

static const char ok[] = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
static const char stream_head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\r\n";

TEST(an_answer_is_told_whole)
{
	start(ok);
	get((struct tr_http_options){ .token = "sesame", .last_event_id = "7" });
	UNTIL(t.ended == 1);
	assert_int_equal(t.end.end, TR_HTTP_DONE);
	assert_int_equal(t.end.status, 200);
	assert_string_equal(tr_bytes_text(&t.body), "{}");
	assert_non_null(strstr(tr_bytes_text(&t.got), "\r\nAuthorization: Bearer sesame\r\n"));
	assert_non_null(strstr(tr_bytes_text(&t.got), "\r\nLast-Event-ID: 7\r\n"));
	assert_non_null(strstr(tr_bytes_text(&t.got), "GET /x HTTP/1.1\r\n"));
	end();
}

TEST(nothing_is_told_before_the_loop_runs)
{
	start(ok);
	get((struct tr_http_options){ .url = "nonsense://x" });
	assert_int_equal(t.ended, 0);
	UNTIL(t.ended == 1);
	assert_int_equal(t.end.end, TR_HTTP_NOT_SENT);
	assert_int_equal(t.end.status, 0);
	end();
}

TEST(a_large_body_is_sent_whole_and_at_once)
{
	struct tr_bytes body = { 0 };

	start(ok);
	memset(tr_bytes_reserve(&body, 3000000), 'x', 3000000);
	body.size = 3000000;
	get((struct tr_http_options){ .method = "POST", .body = &body, .own_connection = true });
	assert_null(body.data);
	UNTIL(t.ended == 1);
	assert_null(strcasestr(tr_bytes_text(&t.got), "expect:"));
	assert_non_null(strstr(tr_bytes_text(&t.got), "\r\nContent-Type: application/json\r\n"));
	assert_int_equal(t.got.size - (size_t)(strstr(tr_bytes_text(&t.got), "\r\n\r\n") + 4 - (char *)t.got.data), 3000000);
	end();
}

TEST(a_stream_is_told_as_it_comes)
{
	start(stream_head);
	get((struct tr_http_options){ .accept = "text/event-stream", .on_open = on_open, .on_data = on_data });
	UNTIL(t.opened == 1);
	assert_int_equal(t.pieces, 0);
	bufferevent_write(t.conns[0], "one", 3);
	UNTIL(t.pieces == 1);
	bufferevent_write(t.conns[0], "two", 3);
	UNTIL(t.pieces == 2);
	assert_string_equal(tr_bytes_text(&t.data), "onetwo");
	bufferevent_free(t.conns[0]);
	t.conns[0] = NULL;
	UNTIL(t.ended == 1);
	assert_int_equal(t.end.end, TR_HTTP_DONE);
	assert_int_equal(t.body.size, 0);
	end();
}

TEST(what_is_no_event_stream_is_collected)
{
	start("HTTP/1.1 404 Not Found\r\ncontent-type: text/event-stream\r\ncontent-length: 4\r\n\r\ngone");
	get((struct tr_http_options){ .on_open = on_open, .on_data = on_data });
	UNTIL(t.ended == 1);
	assert_int_equal(t.end.status, 404);
	assert_string_equal(tr_bytes_text(&t.body), "gone");
	t.answer = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\npage";
	get((struct tr_http_options){ .on_open = on_open, .on_data = on_data });
	UNTIL(t.ended == 2);
	assert_int_equal(t.opened + t.pieces, 0);
	end();
}

TEST(how_a_request_failed_is_told_apart)
{
	char nobody[64];

	start(NULL);
	get((struct tr_http_options){ .time_ms = 30 });
	UNTIL(t.ended == 1);
	assert_int_equal(t.end.end, TR_HTTP_TIMED_OUT);
	t.hang_up = true;
	get((struct tr_http_options){ .own_connection = true });
	UNTIL(t.ended == 2);
	assert_int_equal(t.end.end, TR_HTTP_BROKEN);
	t.hang_up = false;
	t.answer = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789";
	get((struct tr_http_options){ .body_max = 5 });
	UNTIL(t.ended == 3);
	assert_int_equal(t.end.end, TR_HTTP_TOO_BIG);
	snprintf(nobody, sizeof nobody, "http://127.0.0.1:1/");
	get((struct tr_http_options){ .url = nobody });
	UNTIL(t.ended == 4);
	assert_int_equal(t.end.end, TR_HTTP_NOT_SENT);
	end();
}

TEST(redirects_are_answers)
{
	start("HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n");
	get((struct tr_http_options){ 0 });
	UNTIL(t.ended == 1);
	assert_int_equal(t.end.status, 302);
	settle();
	assert_null(strstr(tr_bytes_text(&t.got), "elsewhere"));
	end();
}

TEST(an_address_out_of_reach_is_not_connected_to)
{
	char url[64];

	start(ok);
	get_within(TR_HTTP_PUBLIC, (struct tr_http_options){ 0 });
	UNTIL(t.ended == 1);
	assert_int_equal(t.end.end, TR_HTTP_NOT_SENT);
	assert_non_null(strstr(t.end.why, "--allow-private-sandboxes"));
	snprintf(url, sizeof url, "http://localhost:%s", strrchr(t.url, ':') + 1); /* a name, which is resolved first */
	get_within(TR_HTTP_PUBLIC, (struct tr_http_options){ .url = url });
	UNTIL(t.ended == 2);
	assert_int_equal(t.end.end, TR_HTTP_NOT_SENT);
	assert_non_null(strstr(t.end.why, "--allow-private-sandboxes"));
	assert_int_equal(t.accepted, 0);
	get_within(TR_HTTP_THIS_HOST, (struct tr_http_options){ .url = url });
	UNTIL(t.ended == 3);
	assert_int_equal(t.end.status, 200);
	get_within(TR_HTTP_THIS_HOST, (struct tr_http_options){ .url = "http://192.0.2.1/" });
	UNTIL(t.ended == 4);
	assert_int_equal(t.end.end, TR_HTTP_NOT_SENT);
	assert_string_equal(t.end.why, "its address is not this machine's");
	end();
}

TEST(a_connection_that_one_may_use_is_not_lent_to_another_who_may_not)
{
	start(ok);
	get((struct tr_http_options){ 0 });
	UNTIL(t.ended == 1);
	get_within(TR_HTTP_PUBLIC, (struct tr_http_options){ 0 });
	UNTIL(t.ended == 2);
	assert_int_equal(t.end.end, TR_HTTP_NOT_SENT);
	assert_int_equal(t.end.status, 0);
	end();
}

/* Whoever names the proxy would decide where we connect to. */
TEST(no_proxy_leads_out_of_reach)
{
	start(ok);
	setenv("http_proxy", t.url, 1);
	get_within(TR_HTTP_PUBLIC, (struct tr_http_options){ .url = "http://name.invalid/x" });
	UNTIL(t.ended == 1);
	assert_int_equal(t.end.end, TR_HTTP_NOT_SENT);
	get_within(TR_HTTP_THIS_HOST, (struct tr_http_options){ 0 });
	UNTIL(t.ended == 2);
	assert_int_equal(t.end.status, 200);
	assert_null(strstr(tr_bytes_text(&t.got), "GET http://")); /* as one asks a proxy */
	unsetenv("http_proxy");
	end();
}

TEST(a_request_of_its_own_connection_leaves_no_connection_behind)
{
	start(ok);
	get((struct tr_http_options){ 0 });
	UNTIL(t.ended == 1);
	get((struct tr_http_options){ 0 });
	UNTIL(t.ended == 2);
	assert_int_equal(t.accepted, 1);
	get((struct tr_http_options){ .own_connection = true });
	UNTIL(t.ended == 3);
	assert_int_equal(t.accepted, 2);
	get((struct tr_http_options){ .own_connection = true });
	UNTIL(t.ended == 4);
	assert_int_equal(t.accepted, 3);
	end();
}

static void cancel_both(void)
{
	t.request = tr_http_cancel(t.request);
	t.other = tr_http_cancel(t.other);
}

static void cancel_on_open(void *arg)
{
	(void)arg;
	t.opened++;
	cancel_both();
}

static void cancel_on_data(void *arg, const void *data, size_t size)
{
	(void)arg, (void)data, (void)size;
	t.pieces++;
	cancel_both();
}

static void restart_on_end(void *arg, const struct tr_http_answer *answer)
{
	on_end(arg, answer);
	t.other = tr_http_cancel(t.other);
	if (t.ended < 5)
		get((struct tr_http_options){ .on_end = restart_on_end });
}

TEST(requests_may_be_ended_and_begun_in_any_callback)
{
	start(stream_head);
	get((struct tr_http_options){ .on_open = cancel_on_open, .on_data = on_data });
	t.other = t.request;
	get((struct tr_http_options){ .on_open = cancel_on_open, .on_data = on_data });
	UNTIL(t.opened == 1);
	settle();
	assert_int_equal(t.opened, 1);
	get((struct tr_http_options){ .on_open = on_open, .on_data = cancel_on_data });
	UNTIL(t.opened == 2);
	bufferevent_write(t.conns[t.accepted - 1], "one", 3);
	UNTIL(t.pieces == 1);
	t.answer = NULL;
	tr_bytes_clear(&t.got);
	get((struct tr_http_options){ 0 });
	t.other = t.request;
	UNTIL(t.got.size > 0);
	t.answer = ok;
	get((struct tr_http_options){ .on_end = restart_on_end });
	UNTIL(t.ended == 5);
	settle();
	assert_int_equal(t.ended, 5);
	end();
}

TEST(a_cancelled_request_says_nothing_and_closes)
{
	start(NULL);
	get((struct tr_http_options){ .own_connection = true });
	UNTIL(t.got.size > 0);
	t.request = tr_http_cancel(t.request);
	UNTIL(t.conns[0] == NULL);
	assert_int_equal(t.ended, 0);
	assert_null(tr_http_cancel(NULL));
	end();
}

TEST(a_request_that_was_left_closes_after_its_time)
{
	start(NULL);
	get((struct tr_http_options){ .own_connection = true });
	UNTIL(t.got.size > 0);
	t.request = tr_http_leave(t.request, 500, NULL);
	settle();
	assert_non_null(t.conns[0]);
	UNTIL(t.conns[0] == NULL);
	assert_int_equal(t.ended, 0);
	end();
}

TEST(what_was_sent_whole_is_known)
{
	struct tr_bytes body = { 0 };

	start(NULL);
	memset(tr_bytes_reserve(&body, 8000000), 'x', 8000000);
	body.size = 8000000;
	get((struct tr_http_options){ .method = "POST", .body = &body });
	UNTIL(t.accepted == 1);
	bufferevent_disable(t.conns[0], EV_READ);
	settle();
	assert_false(tr_http_sent(t.request));
	bufferevent_enable(t.conns[0], EV_READ);
	UNTIL(t.got.size > 0);
	settle();
	assert_true(tr_http_sent(t.request));
	end(); /* with the request open: it is ended in silence */
	assert_int_equal(t.ended, 0);
}

TEST(addresses_are_http_with_a_host_and_nothing_hidden)
{
	assert_true(tr_http_url_valid("http://127.0.0.1:2468"));
	assert_true(tr_http_url_valid("https://box.example.com/prefix/"));
	assert_true(tr_http_url_valid("HTTP://[::1]:80"));
	assert_false(tr_http_url_valid(""));
	assert_false(tr_http_url_valid("http://"));
	assert_false(tr_http_url_valid("file:///etc/passwd"));
	assert_false(tr_http_url_valid("gopher://127.0.0.1/"));
	assert_false(tr_http_url_valid("127.0.0.1:80"));
	assert_false(tr_http_url_valid("http://u:p@127.0.0.1/"));
	assert_false(tr_http_url_valid("http://127.0.0.1/?a=b"));
	assert_false(tr_http_url_valid("http://127.0.0.1/#x"));
	assert_false(tr_http_url_valid("http://127.0.0.1/a b"));
	assert_false(tr_http_url_valid("http://127.0.0.1/\r\nx: y"));
}

TESTS(
	RUN(an_answer_is_told_whole),
	RUN(nothing_is_told_before_the_loop_runs),
	RUN(a_large_body_is_sent_whole_and_at_once),
	RUN(a_stream_is_told_as_it_comes),
	RUN(what_is_no_event_stream_is_collected),
	RUN(how_a_request_failed_is_told_apart),
	RUN(redirects_are_answers),
	RUN(an_address_out_of_reach_is_not_connected_to),
	RUN(a_connection_that_one_may_use_is_not_lent_to_another_who_may_not),
	RUN(no_proxy_leads_out_of_reach),
	RUN(a_request_of_its_own_connection_leaves_no_connection_behind),
	RUN(requests_may_be_ended_and_begun_in_any_callback),
	RUN(a_cancelled_request_says_nothing_and_closes),
	RUN(a_request_that_was_left_closes_after_its_time),
	RUN(what_was_sent_whole_is_known),
	RUN(addresses_are_http_with_a_host_and_nothing_hidden))
