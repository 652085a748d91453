/* SPDX-License-Identifier: Apache-2.0 */
/* How long refused addresses are held. */
#include "tests/kit/test.h"

#include "proto/text.h"
#include "runtime/base/limits.h"
#include "runtime/gate/refusals.h"

static struct tr_refusal_key who(struct tr_refusals *r, const char *address)
{
	return tr_refusal_key(r, tr_text_from(address));
}

static int delay(struct tr_refusals *r, const char *address, int64_t now_ms)
{
	return tr_refusals_delay(r, who(r, address), now_ms);
}

/* Comes back each time as soon as it was told; returns when it was told last. */
static int64_t insist(struct tr_refusals *r, const char *address, int64_t now_ms, int times)
{
	for (int i = 0; i < times; i++)
		now_ms += delay(r, address, now_ms);
	return now_ms;
}

TEST(delay_doubles_for_an_address_that_keeps_coming_back)
{
	struct tr_refusals *r = tr_refusals_new();
	int64_t now = 1000;
	int expected = TR_REFUSAL_DELAY_MS;

	for (int i = 0; i < 12; i++) {
		int got = delay(r, "10.0.0.1", now);

		assert_int_equal(got, expected);
		now += got;
		expected *= 2;
		if (expected > TR_REFUSAL_DELAY_MAX_MS)
			expected = TR_REFUSAL_DELAY_MAX_MS;
	}
	tr_refusals_free(r);
}

TEST(refusals_that_overlap_share_one_delay)
{
	struct tr_refusals *r = tr_refusals_new();

	for (int i = 0; i < 20; i++)
		assert_int_equal(delay(r, "10.0.0.1", i), TR_REFUSAL_DELAY_MS);
	for (int now = TR_REFUSAL_DELAY_MS; now < TR_REFUSAL_DELAY_MS + 20; now++)
		assert_int_equal(delay(r, "10.0.0.1", now), 2 * TR_REFUSAL_DELAY_MS);
	tr_refusals_free(r);
}

TEST(delay_is_forgotten_after_a_quiet_while)
{
	struct tr_refusals *r = tr_refusals_new();
	int64_t now = insist(r, "10.0.0.1", 0, 6);

	assert_int_equal(delay(r, "10.0.0.1", now + 50000), TR_REFUSAL_DELAY_MAX_MS);
	now += 50000 + TR_REFUSAL_DELAY_MAX_MS;
	assert_int_equal(delay(r, "10.0.0.1", now + 60001), TR_REFUSAL_DELAY_MS);
	tr_refusals_free(r);
}

TEST(addresses_do_not_slow_one_another)
{
	struct tr_refusals *r = tr_refusals_new();
	int64_t now = insist(r, "10.0.0.1", 0, 6);

	assert_int_equal(delay(r, "10.0.0.2", now), TR_REFUSAL_DELAY_MS);
	assert_int_equal(delay(r, "2001:db8::1", now), TR_REFUSAL_DELAY_MS);
	tr_refusals_free(r);
}

TEST(who_is_refused_here_is_not_slowed_there)
{
	struct tr_refusals *r = tr_refusals_new();
	struct troupe_text a = { "a", 1 }, ab = { "ab", 2 }, b = { "b", 1 }, none = { NULL, 0 };
	struct tr_refusal_key here = tr_refusal_key_for(tr_refusal_key_for(who(r, "10.0.0.1"), a), b);
	struct tr_refusal_key there = tr_refusal_key_for(tr_refusal_key_for(who(r, "10.0.0.1"), ab), none);
	int64_t now = 0;

	for (int i = 0; i < 6; i++)
		now += tr_refusals_delay(r, here, now);
	assert_int_equal(tr_refusals_delay(r, there, now), TR_REFUSAL_DELAY_MS);
	assert_int_equal(tr_refusals_delay(r, here, now), TR_REFUSAL_DELAY_MAX_MS);
	tr_refusals_free(r);
}

TEST(an_ipv6_subscriber_is_one_address)
{
	struct tr_refusals *r = tr_refusals_new();

	assert_true(who(r, "2001:db8:1:2::1").id == who(r, "2001:db8:1:2:ffff:ffff:ffff:ffff").id);
	assert_false(who(r, "2001:db8:1:2::1").id == who(r, "2001:db8:1:3::1").id);
	tr_refusals_free(r);
}

TEST(ipv4_is_the_same_when_it_comes_through_an_ipv6_socket)
{
	struct tr_refusals *r = tr_refusals_new();

	assert_true(who(r, "10.1.2.3").id == who(r, "::ffff:10.1.2.3").id);
	assert_false(who(r, "10.1.2.3").id == who(r, "10.1.2.4").id);
	tr_refusals_free(r);
}

TEST(what_is_no_address_is_one_of_its_own)
{
	struct tr_refusals *r = tr_refusals_new();
	char longer[1000];

	memset(longer, '1', sizeof longer);
	assert_true(who(r, "").id == who(r, "unix").id);
	assert_true(who(r, "").id == tr_refusal_key(r, (struct troupe_text){ NULL, 0 }).id);
	assert_true(who(r, "").id == tr_refusal_key(r, (struct troupe_text){ longer, 1000 }).id);
	assert_false(who(r, "").id == who(r, "127.0.0.1").id);
	tr_refusals_free(r);
}

/* Many addresses push others out of the table; nobody waits longer for it than its own insisting
 * explains. */
TEST(a_flood_of_addresses_makes_nobody_wait_longer)
{
	struct tr_refusals *r = tr_refusals_new();
	int64_t now = insist(r, "10.0.0.1", 0, 3);

	for (int i = 0; i < 100000; i++) {
		char address[32];

		snprintf(address, sizeof address, "11.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
		assert_int_equal(delay(r, address, now), TR_REFUSAL_DELAY_MS);
	}
	assert_in_range(delay(r, "10.0.0.1", now), TR_REFUSAL_DELAY_MS, 8 * TR_REFUSAL_DELAY_MS);
	tr_refusals_free(r);
}

TEST(a_few_addresses_are_all_remembered)
{
	struct tr_refusals *r = tr_refusals_new();
	char address[32];

	for (int i = 0; i < 100; i++) {
		snprintf(address, sizeof address, "10.0.0.%d", i);
		delay(r, address, 0);
	}
	for (int i = 0, remembered = 0; i < 100; i++) {
		snprintf(address, sizeof address, "10.0.0.%d", i);
		remembered += delay(r, address, TR_REFUSAL_DELAY_MS) == 2 * TR_REFUSAL_DELAY_MS;
		if (i == 99)
			assert_true(remembered >= 95); /* a set may overflow by chance */
	}
	tr_refusals_free(r);
}

TESTS(
	RUN(delay_doubles_for_an_address_that_keeps_coming_back),
	RUN(refusals_that_overlap_share_one_delay),
	RUN(delay_is_forgotten_after_a_quiet_while),
	RUN(addresses_do_not_slow_one_another),
	RUN(who_is_refused_here_is_not_slowed_there),
	RUN(an_ipv6_subscriber_is_one_address),
	RUN(ipv4_is_the_same_when_it_comes_through_an_ipv6_socket),
	RUN(what_is_no_address_is_one_of_its_own),
	RUN(a_flood_of_addresses_makes_nobody_wait_longer),
	RUN(a_few_addresses_are_all_remembered))
