/* SPDX-License-Identifier: Apache-2.0 */
/* The front desk: what anybody may get, CORS, room for connections, and the end. */
#include "tests/unit/gate/desk_world.h"

#include <sys/resource.h>

/* ---- what anybody may get */

TEST(metadata_names_the_runtime_and_never_an_endpoint)
{
	struct world *w = begin();

	assert_int_equal(get(w, "/metadata?namespace=default"), 200);
	assert_string_equal(w->body, "{\"runtime\":\"troupe\",\"version\":\"1.2.3\",\"messageSize\":65536}");
	assert_header(w, "content-type", "application/json");
	assert_null(header(w, "x-rivet-ray-id"));
	end(w);
}

TEST(health_counts)
{
	struct world *w = begin();

	assert_int_equal(get(w, "/health"), 200);
	assert_string_equal(w->body, "{\"status\":\"ok\",\"actors\":3,\"connections\":2,\"calls\":1,\"http\":1}");
	end(w);
}

TEST(the_page_is_served)
{
	struct world *w = begin();

	assert_int_equal(get(w, "/"), 200);
	assert_string_equal(w->body, "<html>");
	assert_header(w, "content-type", "text/html; charset=utf-8");
	assert_header(w, "etag", "\"abc\"");
	assert_header(w, "cache-control", "no-cache");
	assert_header(w, "x-content-type-options", "nosniff");
	assert_non_null(strstr(header(w, "content-security-policy"), "default-src 'none'"));
	assert_int_equal(get(w, "/app.js?v=1"), 200);
	assert_header(w, "content-type", "text/javascript; charset=utf-8");
	assert_int_equal(ask(w, "HEAD", "/app.js", "", ""), 200);
	assert_header(w, "content-length", "2");
	assert_string_equal(w->body, "");
	get(w, "/nothing.js");
	assert_error(w, 404, "request.route_not_found");
	ask(w, "POST", "/app.js", "", "x");
	assert_error(w, 405, "actor.method_not_allowed");
	assert_header(w, "allow", "GET, HEAD");
	end(w);
}

TEST(a_page_that_did_not_change_is_not_sent_again)
{
	struct world *w = begin();

	assert_int_equal(ask(w, "GET", "/", "If-None-Match: \"x\", W/\"abc\"\r\n", ""), 304);
	assert_header(w, "etag", "\"abc\"");
	assert_null(header(w, "content-length"));
	assert_int_equal(ask(w, "GET", "/", "If-None-Match: *\r\n", ""), 304);
	assert_int_equal(ask(w, "GET", "/", "If-None-Match: \"abcd\"\r\n", ""), 200);
	end(w);
}

TEST(unknown_paths_are_no_missing_actors)
{
	struct world *w = begin();
	static const char *const paths[] = {
		"/x", "/actorsx", "/gateway", "/gateway/", "/gateway/@t/action/x", "/gateway/id//action/x", "/actors/a/b",
		"/devtools/mod.js", "/metadata/", "/ACTORS",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		get(w, paths[i]);
		assert_error(w, 404, "request.route_not_found");
	}
	end(w);
}

/* ---- CORS */

TEST(preflights_are_answered_everywhere)
{
	struct world *w = begin();
	static const char *const paths[] = { "/metadata", "/actors", "/gateway/w/action/x?rvt-key=1", "/no/where", "*" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		assert_int_equal(ask(w, "OPTIONS", paths[i], "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: PUT\r\n"
		                     "Access-Control-Request-Headers: content-type,x-rivet-token\r\n", ""), 204);
		assert_header(w, "access-control-allow-origin", "http://localhost:3000");
		assert_header(w, "access-control-allow-credentials", "true");
		assert_header(w, "access-control-allow-methods", "GET, POST, PUT, DELETE, OPTIONS, PATCH");
		assert_header(w, "access-control-allow-headers", "content-type,x-rivet-token");
		assert_header(w, "access-control-max-age", "86400");
		assert_header(w, "vary", "Origin");
		assert_null(header(w, "content-length"));
	}
	end(w);
}

TEST(every_answer_carries_cors_headers)
{
	struct world *w = begin();
	static const char *const paths[] = { "/metadata", "/", "/actors?name=w&key=x", "/gateway/nobody/action/x", "/nothing" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		ask(w, "GET", paths[i], "Origin: https://h\r\n", "");
		assert_header(w, "access-control-allow-origin", "https://h");
		assert_header(w, "access-control-allow-credentials", "true");
		assert_header(w, "access-control-expose-headers", "*");
		assert_header(w, "vary", "Origin");
	}
	end(w);
}

TEST(other_origins_are_refused)
{
	static const char *const origins[] = { "https://app.example.org", NULL };
	struct world *w = begin_with(NULL, origins);

	ask(w, "GET", "/metadata", "Origin: https://evil.example.org\r\n", "");
	assert_error(w, 403, "auth.forbidden");
	assert_null(header(w, "access-control-allow-origin"));
	ask(w, "OPTIONS", "/actors", "Origin: https://evil.example.org\r\n", "");
	assert_int_equal(w->status, 403);
	ask(w, "PUT", "/actors", "Origin: null\r\n", "{\"name\":\"w\",\"key\":\"x\"}");
	assert_error(w, 403, "auth.forbidden");
	assert_int_equal(core.count, 0);
	assert_int_equal(ask(w, "GET", "/metadata", "Origin: https://app.example.org\r\n", ""), 200);
	end(w);
}

/* ---- room, and the end */

TEST(malformed_requests_get_json)
{
	struct world *w = begin();

	say(w, "GET / HTTP/1.1\r\nHost: h\r\nbroken\r\n\r\n");
	hear_on(w, w->client, false);
	assert_error(w, 400, "request.invalid");
	assert_header(w, "connection", "close");
	end(w);
}

TEST(stopping_takes_no_more_but_answers_what_waits)
{
	struct world *w = begin();
	int other = dial(w), late;
	char byte;

	start_action(w, "/gateway/id1/action/add", "", "", 0);
	assert_int_equal(w->gate->count, 2);
	tr_gate_stop(w->gate);
	tr_gate_drain(w->gate);
	assert_int_equal(recv(other, &byte, 1, 0), 0); /* it was idle */
	late = dial(w);
	settle(w);
	assert_int_equal(w->gate->count, 1); /* it waits for the next process */
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_header(w, "connection", "close");
	close(other);
	close(late);
	end(w);
}

/* No more descriptors than there are now, and `more`. Returns what it was. */
static rlim_t limit_descriptors(int more)
{
	struct rlimit limit;
	int lowest = dup(0);
	rlim_t before;

	close(lowest);
	getrlimit(RLIMIT_NOFILE, &limit);
	before = limit.rlim_cur;
	limit.rlim_cur = (rlim_t)(lowest + more);
	setrlimit(RLIMIT_NOFILE, &limit);
	return before;
}

static void unlimit_descriptors(rlim_t before)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = before;
	setrlimit(RLIMIT_NOFILE, &limit);
}

TEST(out_of_descriptors_the_idle_make_room)
{
	struct world *w = begin();
	int other = dial(w);
	rlim_t before = limit_descriptors(1);
	char byte;

	settle(w);
	assert_int_equal(recv(w->client, &byte, 1, 0), 0); /* the first to come was the first to go */
	send(other, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n", 33, 0);
	assert_int_equal(hear_on(w, other, false), 200);
	unlimit_descriptors(before);
	close(other);
	end(w);
}

TEST(out_of_descriptors_with_nobody_idle_the_rest_waits)
{
	struct world *w = begin();
	int other = dial(w), turns = 0;
	rlim_t before;
	struct timeval some_time = { 0, 50000 };

	send(other, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n", 33, 0);
	before = limit_descriptors(1);
	start_action(w, "/gateway/id1/action/add", "Connection: close\r\n", "", 0);
	assert_true(w->gate->paused);
	/* It does not spin: one turn at most while nothing happens. */
	event_base_loopexit(w->base, &some_time);
	for (; !event_base_got_exit(w->base) && turns < 100; turns++)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_true(turns <= 3);
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	shutdown(w->client, SHUT_RDWR);
	settle(w);
	assert_false(w->gate->paused); /* at once */
	assert_int_equal(hear_on(w, other, false), 200);
	unlimit_descriptors(before);
	close(other);
	end(w);
}

TESTS(RUN(metadata_names_the_runtime_and_never_an_endpoint), RUN(health_counts), RUN(the_page_is_served),
      RUN(a_page_that_did_not_change_is_not_sent_again), RUN(unknown_paths_are_no_missing_actors),
      RUN(preflights_are_answered_everywhere), RUN(every_answer_carries_cors_headers),
      RUN(other_origins_are_refused), RUN(malformed_requests_get_json),
      RUN(stopping_takes_no_more_but_answers_what_waits), RUN(out_of_descriptors_the_idle_make_room),
      RUN(out_of_descriptors_with_nobody_idle_the_rest_waits))
