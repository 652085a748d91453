/* SPDX-License-Identifier: Apache-2.0 */
/* Dates: the texts are what node prints and reads. */
#include "tests/kit/test.h"

#include <math.h>

#include "proto/date.h"

static void prints(double ms, const char *want)
{
	char text[TR_DATE_TEXT_MAX + 1];

	text[tr_date_print(text, ms)] = 0;
	assert_string_equal(text, want);
}

static void reads(const char *text, double want)
{
	double ms;

	if (!tr_date_parse(text, strlen(text), &ms) || ms != want)
		fail_msg("%s is not read as %.0f", text, want);
}

TEST(date_prints_as_javascript_does)
{
	prints(0, "1970-01-01T00:00:00.000Z");
	prints(-1, "1969-12-31T23:59:59.999Z");
	prints(1700000000123, "2023-11-14T22:13:20.123Z");
	prints(951782400000, "2000-02-29T00:00:00.000Z");
	prints(4107542400000, "2100-03-01T00:00:00.000Z");
	prints(-62198755200000, "-000001-01-01T00:00:00.000Z");
	prints(-62167219200000, "0000-01-01T00:00:00.000Z");
	prints(253402300800000, "+010000-01-01T00:00:00.000Z");
	prints(8.64e15, "+275760-09-13T00:00:00.000Z");
	prints(-8.64e15, "-271821-04-20T00:00:00.000Z");
}

TEST(date_that_is_invalid_prints_nothing)
{
	prints(8.64e15 + 1, "");
	prints((double)NAN, "");
	prints(-(double)INFINITY, "");
}

TEST(date_reads_what_it_prints)
{
	for (double ms = -8.64e15; ms <= 8.64e15; ms += 7777777777777) {
		char text[TR_DATE_TEXT_MAX];
		double again;

		assert_true(tr_date_parse(text, tr_date_print(text, ms), &again));
		assert_true(again == ms);
	}
}

TEST(date_reads_every_day_of_a_cycle)
{
	for (int day = 0; day < 146097; day++) {
		char text[TR_DATE_TEXT_MAX];
		double again, ms = (double)day * 86400000 - 62135596800000;

		assert_true(tr_date_parse(text, tr_date_print(text, ms), &again));
		assert_true(again == ms);
	}
}

TEST(date_reads_the_forms_of_iso)
{
	reads("2013-03-21T20:04:00Z", 1363896240000);
	reads("2013-03-21T20:04Z", 1363896240000);
	reads("2013-03-21T22:04:00+02:00", 1363896240000);
	reads("2013-03-21T12:34:00.000-07:30", 1363896240000);
	reads("2013-03-21T20:04:00.1Z", 1363896240100);
	reads("2013-03-21T20:04:00.123456789Z", 1363896240123);
	reads("2013-03-21", 1363824000000);
	reads("2013-03", 1362096000000);
	reads("2013", 1356998400000);
	reads("2013-03-20T24:00:00Z", 1363824000000);
	reads("+275760-09-13T00:00:00Z", 8.64e15);
}

TEST(date_refuses_other_texts)
{
	static const char *const wrong[] = {
		"", "x", "2013-", "2013-13-01", "2013-00-01", "2013-02-29", "2013-03-32", "2013-03-00", "2013-3-21",
		"2013-03-21T",
		"2013-03-21T20:04:00", "2013-03-21T20Z", "2013-03-21T25:00Z", "2013-03-21T24:00:01Z", "2013-03-21T20:60Z",
		"2013-03-21T20:04:60Z", "2013-03-21T20:04:00.Z", "2013-03-21T20:04:00Zx", "2013-03-21 20:04:00Z",
		"2013-03-21T20:04:00+0200", "2013-03-21T20:04:00+02:60", "-000000-01-01", "+275760-09-14",
		"2013-03-21T20:04:00z",
	};
	double ms;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (tr_date_parse(wrong[i], strlen(wrong[i]), &ms))
			fail_msg("%s is read as a date", wrong[i]);
}

TESTS(RUN(date_prints_as_javascript_does), RUN(date_that_is_invalid_prints_nothing),
      RUN(date_reads_what_it_prints), RUN(date_reads_every_day_of_a_cycle), RUN(date_reads_the_forms_of_iso),
      RUN(date_refuses_other_texts))
