/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers between text and doubles. The expected texts are what node prints, the expected doubles what strtod reads. */
#include "tests/kit/test.h"

#include <math.h>
#include <stdlib.h>

#include "proto/number.h"

static void prints(double v, const char *want)
{
	char text[TR_NUMBER_TEXT_MAX + 1];

	text[tr_double_print(text, v)] = 0;
	assert_string_equal(text, want);
}

static double read_all(const char *text, size_t size)
{
	struct tr_decimal d;

	assert_ptr_equal(tr_decimal_scan(text, text + size, &d), text + size);
	return tr_decimal_double(&d);
}

static void reads(const char *text, double want)
{
	double got = read_all(text, strlen(text));

	if (memcmp(&got, &want, sizeof(got)) != 0)
		fail_msg("%s is read as %.17g, is %.17g", text, got, want);
}

TEST(number_prints_as_javascript_does)
{
	prints(0.0, "0");
	prints(-0.0, "0");
	prints(1, "1");
	prints(-1.5, "-1.5");
	prints(0.1, "0.1");
	prints(0.1 + 0.2, "0.30000000000000004");
	prints(100, "100");
	prints(9007199254740992, "9007199254740992");
	prints(9007199254740994, "9007199254740994");
	prints(123456789012345680000.0, "123456789012345680000");
	prints(999999999999999900000.0, "999999999999999900000");
	prints(1e21, "1e+21");
	prints(-1.5e21, "-1.5e+21");
	prints(1e300, "1e+300");
	prints(0.000001, "0.000001");
	prints(0.0000012, "0.0000012");
	prints(1e-7, "1e-7");
	prints(1.25e-7, "1.25e-7");
	prints(1.7976931348623157e308, "1.7976931348623157e+308");
	prints(2.2250738585072014e-308, "2.2250738585072014e-308");
	prints(5e-324, "5e-324");
	prints(1e-323, "1e-323");
	prints(1700000000.123, "1700000000.123");
	prints(4.35, "4.35");
	prints(0.000123, "0.000123");
	prints(123456.789012, "123456.789012");
	prints(999999999999999.9, "999999999999999.9");
	prints(-(double)INFINITY, "null");
	prints((double)NAN, "null");
}

/* Two doubles that trap printers: the gap below a power of two is half of the one above it. */
TEST(number_finds_the_shortest_text_at_powers_of_two)
{
	prints(ldexp(1, -1017), "7.120236347223045e-307");
	prints(ldexp(1, -1007), "7.291122019556398e-304");
	prints(ldexp(1, -44), "5.684341886080802e-14");
	prints(ldexp(1, -24), "5.960464477539063e-8");
}

TEST(number_prints_integers)
{
	static const struct { int64_t n; const char *text; } cases[] = {
		{ 0, "0" }, { 9, "9" }, { 10, "10" }, { -1, "-1" }, { 9007199254740992, "9007199254740992" },
		{ INT64_MAX, "9223372036854775807" }, { INT64_MIN, "-9223372036854775808" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[TR_NUMBER_TEXT_MAX + 1];

		text[tr_integer_print(text, cases[i].n)] = 0;
		assert_string_equal(text, cases[i].text);
	}
}

TEST(number_reads_the_nearest_double)
{
	reads("0", 0.0);
	reads("-0", -0.0);
	reads("-0.0e5", -0.0);
	reads("17", 17);
	reads("0.1", 0.1);
	reads("1e22", 1e22);
	reads("1e23", 1e23);
	reads("9007199254740993", 9007199254740992.0);
	reads("9007199254740993.0000000000000000000000001", 9007199254740994.0);
	reads("9007199254740993.0001", 9007199254740994.0);
	reads("123456789012345678901234567890", 1.2345678901234568e29);
	reads("1000000000000000000000000", 1e24);
	reads("0.000000000000000000000000000000000000001", 1e-39);
	reads("2.2250738585072011e-308", 2.2250738585072011e-308);
	reads("4.9e-324", 4.9e-324);
	reads("2e-324", 0.0);
	reads("1e400", (double)INFINITY);
	reads("-1e400", -(double)INFINITY);
	reads("1e-400", 0.0);
	reads("0e99999999999999999999", 0.0);
	reads("1e99999999999999999999", (double)INFINITY);
	reads("1e-99999999999999999999", 0.0);
}

/* Halfway between two doubles, told apart only by a digit far behind: 2^53 + 1, written long. */
TEST(number_reads_digits_however_far_they_are)
{
	enum { SIZE = 3000 };
	char *text = calloc(1, SIZE + 8);

	memcpy(text, "9007199254740993.", 17);
	memset(text + 17, '0', SIZE - 17);
	assert_true(read_all(text, SIZE) == 9007199254740992.0);
	text[SIZE - 1] = '1';
	assert_true(read_all(text, SIZE) == 9007199254740994.0);
	memset(text, '7', SIZE);
	memcpy(text + SIZE, "e-2999", 6);
	assert_true(read_all(text, SIZE + 6) == 7.777777777777778);
	memset(text, '0', SIZE);
	memcpy(text, "0.", 2);
	memcpy(text + SIZE - 2, "15e2998", 7);
	assert_true(read_all(text, SIZE + 5) == 1.5e1);
	free(text);
}

TEST(number_agrees_with_strtod)
{
	uint64_t seed = 88172645463325252u;

	for (int i = 0; i < 200000; i++) {
		char text[64];
		double v;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		memcpy(&v, &seed, sizeof(v));
		if (!isfinite(v))
			continue;
		snprintf(text, sizeof(text), "%.*e", (int)(seed % 25), v);
		reads(text, strtod(text, NULL));
		snprintf(text, sizeof(text), "%u.%u", (unsigned)(seed >> 40), (unsigned)(seed % 100000));
		reads(text, strtod(text, NULL));
	}
}

TEST(number_reads_back_what_it_prints)
{
	uint64_t seed = 1234567890123456789u;

	for (int i = 0; i < 200000; i++) {
		char text[TR_NUMBER_TEXT_MAX];
		double v;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		memcpy(&v, &seed, sizeof(v));
		if (i % 2)
			v = (double)(seed >> 34) / 1e4;
		if (isfinite(v))
			assert_true(read_all(text, tr_double_print(text, v)) == v);
	}
}

TEST(number_refuses_what_json_does_not_write)
{
	static const char *const wrong[] = {
		"", "-", "+1", ".5", "-.5", "1.", "1.e5", "01", "-01", "00", "1e", "1e+", "1E-", "e5", "Infinity", "NaN", "--1",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct tr_decimal d;

		assert_null(tr_decimal_scan(wrong[i], wrong[i] + strlen(wrong[i]), &d));
	}
}

TEST(number_ends_where_it_ends)
{
	const char *text = "1.5e3,";
	struct tr_decimal d;

	assert_ptr_equal(tr_decimal_scan(text, text + 6, &d), text + 5);
	assert_ptr_equal(tr_decimal_scan(text, text + 3, &d), text + 3);
	assert_null(tr_decimal_scan(text, text + 2, &d));
}

static void big(const char *bytes, size_t size, bool complement, const char *want)
{
	char text[TR_BIGINT_TEXT_MAX + 1];

	text[tr_bigint_print(text, (const uint8_t *)bytes, size, complement)] = 0;
	assert_string_equal(text, want);
}

TEST(number_prints_integers_of_any_size)
{
	big("", 0, false, "0");
	big("", 0, true, "-1");
	big("\0\0\0", 3, false, "0");
	big("\x01", 1, true, "-2");
	big("\x3b\x9a\xca\x00", 4, false, "1000000000");
	big("\xff\xff\xff\xff\xff\xff\xff\xff", 8, false, "18446744073709551615");
	big("\xff\xff\xff\xff\xff\xff\xff\xff", 8, true, "-18446744073709551616");
	big("\x01\x8e\xe9\x0f\xf6\xc3\x73\xe0\xee\x4e\x3f\x0a\xd2", 13, false, "123456789012345678901234567890");
}

TEST(number_prints_the_largest_integer_within_its_bound)
{
	char text[TR_BIGINT_TEXT_MAX];
	uint8_t bytes[TR_BIGINT_BYTES_MAX];

	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(tr_bigint_print(text, bytes, sizeof(bytes), true), TR_BIGINT_TEXT_MAX);
	assert_memory_equal(text, "-10907481356194159294", 21); /* -(2^8192) */
	assert_int_equal(tr_bigint_print(text, bytes, sizeof(bytes), false), TR_BIGINT_TEXT_MAX - 1);
}

TEST(number_brings_integers_into_one_form)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "5", "5" }, { "-5", "-5" }, { "+5", "5" }, { "007", "7" }, { "-007", "-7" }, { "0", "0" }, { "-0", "0" },
		{ "000", "0" }, { "", NULL }, { "-", NULL }, { "+", NULL }, { "--5", NULL }, { "5n", NULL }, { " 5", NULL },
		{ "0x5", NULL }, { "1.0", NULL }, { "1e3", NULL },
	};
	char text[TR_BIGINT_TEXT_MAX + 1], long_text[TR_BIGINT_TEXT_MAX + 2];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = tr_bigint_normalise(text, cases[i].in, strlen(cases[i].in));

		text[size] = 0;
		assert_string_equal(text, cases[i].out ? cases[i].out : "");
	}
	memset(long_text, '1', sizeof(long_text));
	assert_int_equal(tr_bigint_normalise(text, long_text, TR_BIGINT_TEXT_MAX), TR_BIGINT_TEXT_MAX);
	assert_int_equal(tr_bigint_normalise(text, long_text, TR_BIGINT_TEXT_MAX + 1), 0);
}

TESTS(RUN(number_prints_as_javascript_does), RUN(number_finds_the_shortest_text_at_powers_of_two),
      RUN(number_prints_integers), RUN(number_reads_the_nearest_double),
      RUN(number_reads_digits_however_far_they_are), RUN(number_agrees_with_strtod),
      RUN(number_reads_back_what_it_prints), RUN(number_refuses_what_json_does_not_write),
      RUN(number_ends_where_it_ends), RUN(number_prints_integers_of_any_size),
      RUN(number_prints_the_largest_integer_within_its_bound), RUN(number_brings_integers_into_one_form))
