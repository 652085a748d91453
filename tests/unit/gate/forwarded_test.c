/* SPDX-License-Identifier: Apache-2.0 */
/* What a proxy says of its client. */
#include "tests/kit/test.h"

#include "runtime/gate/forwarded.h"

/* A head with these headers. */
static const struct tr_http_head *head_of(const char *headers)
{
	static struct tr_http_head head;
	static char text[1024];
	const char *why;
	int size = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", headers);

	assert_int_equal(tr_http_head_parse(&head, text, (size_t)size, &why), 0);
	return &head;
}

static void assert_for(const char *headers, const char *expected)
{
	char address[TR_ADDRESS_TEXT_MAX] = "as it was";

	assert_int_equal(tr_forwarded_for(head_of(headers), address), strcmp(expected, "as it was") != 0);
	assert_string_equal(address, expected);
}

TEST(the_last_address_is_the_proxys_own_word)
{
	assert_for("X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7");
	assert_for("X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n", "192.0.2.7");
	assert_for("x-forwarded-for: 6.6.6.6\r\nX-FORWARDED-FOR:2001:DB8:0::7 ,\r\n", "2001:db8::7");
}

TEST(what_is_no_address_is_not_taken)
{
	assert_for("", "as it was");
	assert_for("X-Forwarded-For:\r\n", "as it was");
	assert_for("X-Forwarded-For: unknown\r\n", "as it was");
	assert_for("X-Forwarded-For: 192.0.2.7:80\r\n", "as it was");
	assert_for("X-Forwarded-For: 192.0.2.7, _hidden\r\n", "as it was");
	assert_for("X-Forwarded-For: 1111111111111111111111111111111111111111111111111111\r\n", "as it was");
}

TEST(tls_ends_where_the_last_proxy_says)
{
	assert_true(tr_forwarded_tls(head_of("X-Forwarded-Proto: https\r\n")));
	assert_true(tr_forwarded_tls(head_of("X-Forwarded-Proto: http, HTTPS\r\n")));
	assert_false(tr_forwarded_tls(head_of("X-Forwarded-Proto: https, http\r\n")));
	assert_false(tr_forwarded_tls(head_of("")));
}

TESTS(RUN(the_last_address_is_the_proxys_own_word), RUN(what_is_no_address_is_not_taken), RUN(tls_ends_where_the_last_proxy_says))
