/* SPDX-License-Identifier: Apache-2.0 */
/* Which origins may come, and the header lines of spec/rivetkit-client.md 10. */
#include "tests/kit/test.h"

#include "runtime/gate/cors.h"
#include "runtime/gate/text.h"

static struct troupe_text t(const char *text)
{
	return tr_text(text, text ? strlen(text) : 0);
}

static bool allows(const char *origin, const char *host)
{
	static const char *const origins[] = { "https://app.example.org", "http://dev.example.org:3000", NULL };

	return tr_cors_allows(t(origin), t(host), origins);
}

TEST(who_sends_no_origin_is_no_page)
{
	assert_true(allows(NULL, "h:6420"));
}

TEST(pages_of_the_same_host_may_come)
{
	assert_true(allows("http://h:6420", "h:6420"));
	assert_true(allows("http://h:3000", "h:6420"));
	assert_true(allows("https://H", "h:6420"));
	assert_true(allows("https://[fe80::1]:443", "[fe80::1]:6420"));
	assert_false(allows("http://hh:6420", "h:6420"));
	assert_false(allows("http://h.evil.org", "h:6420"));
	assert_false(allows("http://[fe80::2]", "[fe80::1]"));
	assert_false(allows("http://", ""));
	assert_false(allows("ftp://h", "h"));
	assert_false(allows("", ""));
}

TEST(pages_of_this_machine_may_come)
{
	assert_true(allows("http://localhost:5173", "troupe.internal"));
	assert_true(allows("http://127.0.0.1", "troupe.internal"));
	assert_true(allows("http://[::1]:8080", "troupe.internal"));
	assert_false(allows("http://localhost.evil.org", "troupe.internal"));
	assert_false(allows("http://127.0.0.1.evil.org", "troupe.internal"));
	assert_false(allows("http://127.0.0.10", "troupe.internal"));
	assert_false(allows("null", "troupe.internal"));
}

TEST(listed_pages_may_come)
{
	static const char *const all[] = { "*", NULL };

	assert_true(allows("https://app.example.org", "h"));
	assert_true(allows("http://dev.example.org:3000", "h"));
	assert_false(allows("http://dev.example.org:3001", "h"));
	assert_false(allows("http://app.example.org", "h"));
	assert_true(tr_cors_allows(t("null"), t("h"), all));
	assert_true(tr_cors_allows(t("http://anything"), t("h"), all));
	assert_false(tr_cors_allows(t("http://anything"), t("h"), NULL));
}

static void assert_lines(struct tr_bytes *out, const char *lines)
{
	assert_string_equal(tr_bytes_text(out), lines);
	tr_bytes_free(out);
}

TEST(answers_echo_the_origin)
{
	struct tr_bytes out = { 0 };

	tr_cors_put(&out, t("http://h"));
	assert_lines(&out, "Access-Control-Allow-Origin: http://h\r\nAccess-Control-Allow-Credentials: true\r\n"
	                   "Vary: Origin\r\nAccess-Control-Expose-Headers: *\r\n");
}

TEST(preflights_echo_what_was_asked_for)
{
	struct tr_bytes out = { 0 };

	tr_cors_put_preflight(&out, t("http://h"), t("content-type,x-rivet-encoding"));
	assert_lines(&out, "Access-Control-Allow-Origin: http://h\r\nAccess-Control-Allow-Credentials: true\r\n"
	                   "Vary: Origin\r\nAccess-Control-Allow-Methods: GET, POST, PUT, DELETE, OPTIONS, PATCH\r\n"
	                   "Access-Control-Allow-Headers: content-type,x-rivet-encoding\r\nAccess-Control-Max-Age: 86400\r\n");
	tr_cors_put_preflight(&out, t(NULL), t(NULL));
	assert_lines(&out, "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n"
	                   "Vary: Origin\r\nAccess-Control-Allow-Methods: GET, POST, PUT, DELETE, OPTIONS, PATCH\r\n"
	                   "Access-Control-Allow-Headers: *\r\nAccess-Control-Max-Age: 86400\r\n");
}

TESTS(RUN(who_sends_no_origin_is_no_page), RUN(pages_of_the_same_host_may_come), RUN(pages_of_this_machine_may_come),
      RUN(listed_pages_may_come), RUN(answers_echo_the_origin), RUN(preflights_echo_what_was_asked_for))
