/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of request heads: what it reads, and all that it refuses. */
#include "tests/kit/test.h"

#include <stdlib.h>

#include "runtime/gate/http_head.h"
#include "runtime/gate/text.h"

static struct tr_http_head head;
static const char *why;

static int parse_sized(const char *text, size_t size)
{
	/* In memory of just that size, so that the sanitizer sees a step too far. */
	static char *copy;

	free(copy);
	copy = malloc(size ? size : 1);
	memcpy(copy, text, size);
	why = NULL;
	return tr_http_head_parse(&head, copy, size, &why);
}

static int parse(const char *text)
{
	return parse_sized(text, strlen(text));
}

#define assert_text(t, what) \
	do { \
		if (!tr_text_is((t), (what))) \
			fail_msg("\"%.*s\" is not \"%s\"", (int)(t).size, (t).data, (what)); \
	} while (0)

#define assert_refused(status, text) \
	do { \
		assert_int_equal(parse(text), (status)); \
		assert_non_null(why); \
	} while (0)

TEST(a_plain_request_is_read)
{
	assert_int_equal(parse("POST /gateway/w/action/add?a=1&b HTTP/1.1\r\nHost: h:6420\r\nX-Thing:  two words \t\r\n"
	                       "Content-Length: 12\r\n\r\n"), 0);
	assert_text(head.method, "POST");
	assert_text(head.path, "/gateway/w/action/add");
	assert_text(head.query, "a=1&b");
	assert_text(head.host, "h:6420");
	assert_int_equal(head.minor, 1);
	assert_int_equal(head.length, 12);
	assert_false(head.chunked);
	assert_true(head.keep_alive);
	assert_int_equal(head.count, 3);
	assert_text(tr_http_header(&head, "x-thing"), "two words");
	assert_null(tr_http_header(&head, "x-other").data);
}

TEST(a_query_may_be_empty_or_missing)
{
	assert_int_equal(parse("GET /? HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
	assert_non_null(head.query.data);
	assert_int_equal(head.query.size, 0);
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
	assert_null(head.query.data);
}

TEST(an_absolute_target_is_taken_apart)
{
	assert_int_equal(parse("GET HTTP://Example.org:80/a/b?c HTTP/1.1\r\nHost: other\r\n\r\n"), 0);
	assert_text(head.host, "Example.org:80");
	assert_text(head.path, "/a/b");
	assert_text(head.query, "c");
	assert_int_equal(parse("GET http://example.org HTTP/1.1\r\nHost: example.org\r\n\r\n"), 0);
	assert_text(head.path, "/");
	assert_int_equal(parse("GET http://example.org?q HTTP/1.1\r\nHost: example.org\r\n\r\n"), 0);
	assert_text(head.path, "/");
	assert_text(head.query, "q");
	assert_refused(400, "GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_refused(400, "GET http://user@h/x HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_refused(400, "GET ftp://h/x HTTP/1.1\r\nHost: h\r\n\r\n");
}

TEST(a_star_goes_with_options_only)
{
	assert_int_equal(parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
	assert_text(head.path, "*");
	assert_refused(400, "GET * HTTP/1.1\r\nHost: h\r\n\r\n");
}

TEST(empty_lines_in_front_are_passed_over)
{
	assert_int_equal(parse("\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
	assert_text(head.path, "/x");
}

TEST(keep_alive_follows_version_and_connection)
{
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n"), 0);
	assert_false(head.keep_alive);
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nconnection: upgrade , close\r\n\r\n"), 0);
	assert_false(head.keep_alive);
	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n"), 0);
	assert_false(head.keep_alive);
	assert_int_equal(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), 0);
	assert_true(head.keep_alive);
}

TEST(lists_are_one_over_several_headers)
{
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive,,\r\nX: y\r\nconnection:\r\n"
	                       "CONNECTION: a, UPGRADE\r\n\r\n"), 0);
	assert_true(tr_http_has_token(&head, "connection", "upgrade"));
	assert_true(tr_http_has_token(&head, "connection", "a"));
	assert_false(tr_http_has_token(&head, "connection", "keep"));
	assert_false(tr_http_has_token(&head, "connection", ""));
	assert_false(tr_http_has_token(&head, "x", "upgrade"));
}

TEST(request_lines_are_strict)
{
	assert_refused(400, "\r\n");
	assert_refused(400, "GET\r\n\r\n");
	assert_refused(400, "GET /\r\nHost: h\r\n\r\n");
	assert_refused(400, " GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_refused(400, "GET  / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_refused(400, "GET /  HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1 \r\nHost: h\r\n\r\n");
	assert_refused(400, "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_refused(400, "G(T / HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_refused(400, "GET x HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_refused(400, "GET /a\x01 HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_refused(400, "GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_refused(400, "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_refused(400, "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_refused(400, "GET / http/1.1\r\nHost: h\r\n\r\n");
	assert_refused(400, "GET / HTTP/11\r\nHost: h\r\n\r\n");
	assert_refused(505, "GET / HTTP/2.0\r\nHost: h\r\n\r\n");
	assert_refused(505, "GET / HTTP/1.2\r\nHost: h\r\n\r\n");
	assert_refused(400, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\nHost: h\r\n\r\n");
}

TEST(headers_are_strict)
{
	static const char with_nul[] = "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n";

	assert_refused(400, "GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost: h\r\n: y\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost: h\r\nnothing\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n folded\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\n Host: h\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost: h\r\nX: a\x7f\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost: h\r\nX\xc3\xa9: a\r\n\r\n");
	assert_int_equal(parse_sized(with_nul, sizeof(with_nul) - 1), 400);
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nX: a\tb \xfc\r\n\r\n"), 0);
	assert_text(tr_http_header(&head, "x"), "a\tb \xfc");
}

TEST(lines_end_with_cr_and_lf)
{
	assert_refused(400, "GET / HTTP/1.1\nHost: h\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost: h\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost: h\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost: h\r\n\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost: h\r\n\r\nX: y\r\n\r\n");
}

TEST(exactly_one_host_comes)
{
	assert_refused(400, "GET / HTTP/1.1\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n");
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 0);
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: [::1]:6420\r\n\r\n"), 0);
	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n"), 0);
}

TEST(a_length_is_one_number)
{
	assert_int_equal(parse("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n"), 0);
	assert_int_equal(head.length, 5);
	assert_refused(400, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n");
	assert_refused(400, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\n");
	assert_refused(400, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\n");
	assert_refused(400, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n");
	assert_refused(400, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\n");
	assert_refused(400, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n");
	assert_refused(400, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5 5\r\n\r\n");
	/* Beyond 64 bits: no small number by overflow. */
	assert_int_equal(parse("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551621\r\n\r\n"), 0);
	assert_true(head.length == UINT64_MAX);
	assert_int_equal(parse("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\n"), 0);
	assert_true(head.length == UINT64_MAX);
	assert_int_equal(parse("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 000007\r\n\r\n"), 0);
	assert_int_equal(head.length, 7);
}

TEST(chunked_is_the_only_coding)
{
	assert_int_equal(parse("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"), 0);
	assert_true(head.chunked);
	assert_refused(400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n");
	assert_refused(400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n");
	assert_refused(400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n");
	assert_refused(400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n");
	assert_refused(400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n\r\n");
	assert_refused(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
	assert_refused(501, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n");
	assert_refused(501, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n");
	assert_refused(501, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n");
	assert_refused(501, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked;q=1\r\n\r\n");
	assert_refused(400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding\t: chunked\r\n\r\n");
	assert_refused(400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0b" "chunked\r\n\r\n");
}

TEST(expect_is_100_continue_or_refused)
{
	assert_int_equal(parse("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n"), 0);
	assert_true(head.expect);
	assert_refused(417, "POST / HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\n\r\n");
	assert_int_equal(parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"), 0);
	assert_false(head.expect);
}

TEST(the_number_of_headers_is_bounded)
{
	struct tr_bytes text = { 0 };

	tr_bytes_put_text(&text, "GET / HTTP/1.1\r\nHost: h\r\n");
	for (int i = 1; i < TR_HTTP_HEADERS_MAX; i++)
		tr_bytes_put_text(&text, "X: y\r\n");
	tr_bytes_put_text(&text, "\r\n");
	assert_int_equal(parse_sized((const char *)text.data, text.size), 0);
	assert_int_equal(head.count, TR_HTTP_HEADERS_MAX);
	text.size -= 2;
	tr_bytes_put_text(&text, "X: y\r\n\r\n");
	assert_int_equal(parse_sized((const char *)text.data, text.size), 431);
	tr_bytes_free(&text);
}

/* ---- finding the end */

static ssize_t scan_in_pieces(const char *text, size_t size, size_t piece)
{
	struct tr_http_scan scan = { 0 };
	ssize_t end = 0;

	for (size_t seen = 0; !end && seen < size;) {
		char *copy;

		seen = seen + piece < size ? seen + piece : size;
		copy = malloc(seen);
		memcpy(copy, text, seen);
		end = tr_http_head_scan(&scan, copy, seen);
		free(copy);
	}
	return end;
}

TEST(the_end_is_found_however_the_bytes_come)
{
	static const char text[] = "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\nrest\r\n\r\n";
	ssize_t end = (ssize_t)(strstr(text, "rest") - text);

	for (size_t piece = 1; piece <= strlen(text); piece++)
		assert_int_equal(scan_in_pieces(text, strlen(text), piece), end);
	for (size_t size = 0; size < (size_t)end; size++)
		assert_int_equal(scan_in_pieces(text, size, size ? size : 1), 0);
}

TEST(what_is_no_http_is_told_early)
{
	struct tr_http_scan scan = { 0 };

	assert_int_equal(tr_http_head_scan(&scan, "\x16\x03\x01", 1), -1);
	assert_int_equal(scan_in_pieces("GET / HTTP/1.1\nHost: h\n\n", 24, 1), -1);
	assert_int_equal(scan_in_pieces("GET / HTTP/1.1\r\nHost: h\n\r\n", 26, 3), -1);
	assert_int_equal(scan_in_pieces("\nGET / HTTP/1.1\r\n\r\n", 19, 19), -1);
	assert_int_equal(scan_in_pieces("\r\n GET / HTTP/1.1\r\n\r\n", 21, 21), -1);
	assert_int_equal(scan_in_pieces("{}", 2, 2), -1);
}

TESTS(RUN(a_plain_request_is_read), RUN(a_query_may_be_empty_or_missing), RUN(an_absolute_target_is_taken_apart),
      RUN(a_star_goes_with_options_only), RUN(empty_lines_in_front_are_passed_over),
      RUN(keep_alive_follows_version_and_connection), RUN(lists_are_one_over_several_headers),
      RUN(request_lines_are_strict), RUN(headers_are_strict), RUN(lines_end_with_cr_and_lf), RUN(exactly_one_host_comes),
      RUN(a_length_is_one_number), RUN(chunked_is_the_only_coding), RUN(expect_is_100_continue_or_refused),
      RUN(the_number_of_headers_is_bounded), RUN(the_end_is_found_however_the_bytes_come),
      RUN(what_is_no_http_is_told_early))
