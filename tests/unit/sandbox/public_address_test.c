/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses are the Internet's, at the borders of each range that is not. */
#include "tests/kit/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "runtime/sandbox/wire/public_address.h"

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage s = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&s;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&s;

	s.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(s.ss_family, text, s.ss_family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr), 1);
	return s;
}

static void assert_public(const char *text, bool wanted)
{
	struct sockaddr_storage s = address(text);

	if (tr_address_is_public((struct sockaddr *)&s) != wanted)
		fail_msg("%s should %sbe public", text, wanted ? "" : "not ");
}

TEST(these_are_public)
{
	static const char *const texts[] = {
		"1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111", "2a00::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
		"2002:808:808::1", "2001:200::1",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_public(texts[i], true);
}

TEST(these_are_not)
{
	static const char *const texts[] = {
		"0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.200", "100.127.255.255", "127.0.0.1",
		"127.255.255.255", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1",
		"198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::2", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:169.254.169.254", "64:ff9b::a00:1",
		"64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::", "fc00::1", "fd00:ec2::254",
		"fe80::1", "febf::1", "fec0::1", "ff02::1",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_public(texts[i], false);
}

TEST(what_is_no_ip_address_is_not_public)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = "/run/docker.sock" };

	assert_false(tr_address_is_public((struct sockaddr *)&path));
	assert_false(tr_address_is_loopback((struct sockaddr *)&path));
}

TEST(loopback_is_told_from_the_rest)
{
	static const struct { const char *text; bool loopback; } cases[] = {
		{ "127.0.0.1", true }, { "127.9.9.9", true }, { "::1", true }, { "::ffff:127.0.0.1", true }, { "126.0.0.1", false },
		{ "0.0.0.0", false }, { "::", false }, { "::2", false }, { "::ffff:10.0.0.1", false }, { "10.0.0.1", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sockaddr_storage s = address(cases[i].text);

		assert_int_equal(tr_address_is_loopback((struct sockaddr *)&s), cases[i].loopback);
	}
}

TESTS(
	RUN(these_are_public),
	RUN(these_are_not),
	RUN(what_is_no_ip_address_is_not_public),
	RUN(loopback_is_told_from_the_rest)
)
