/* SPDX-License-Identifier: Apache-2.0 */
/* Dates between milliseconds and ISO text. Days are counted from 1 March, which puts the leap day at the end of the
 * year; 146,097 days are 400 years, whatever the calendar does in between. */
#include "proto/date.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

#define MS_MAX       8.64e15
#define DAY_MS       86400000
#define DAYS_OF_ERA  146097
#define DAYS_TO_1970 719468 /* from 1 March of year 0 */

struct day { int64_t year; int month, day; };

static int64_t floor_div(int64_t n, int64_t by)
{
	return n / by - (n % by < 0);
}

static int64_t days_from_date(struct day d)
{
	int64_t year = d.month <= 2 ? d.year - 1 : d.year;
	int64_t era = floor_div(year, 400), of_era = year - era * 400;
	int64_t of_year = (153 * ((d.month + 9) % 12) + 2) / 5 + d.day - 1;

	return era * DAYS_OF_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
}

static struct day date_from_days(int64_t days)
{
	int64_t era = floor_div(days += DAYS_TO_1970, DAYS_OF_ERA), of_era = days - era * DAYS_OF_ERA;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (DAYS_OF_ERA - 1)) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int month = (int)((5 * of_year + 2) / 153);

	return (struct day){
		.year  = year + era * 400 + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day   = (int)(of_year - (153 * month + 2) / 5 + 1),
	};
}

double tr_date_clip(double ms)
{
	return fabs(ms) <= MS_MAX ? rint(ms) + 0.0 : (double)NAN; /* + 0.0: no -0 */
}

size_t tr_date_print(char to[TR_DATE_TEXT_MAX], double ms)
{
	char text[96]; /* more than needed, but the compiler cannot know the fields' ranges */
	int64_t whole, days;
	struct day d;
	int size, of_day;

	ms = tr_date_clip(ms);
	if (isnan(ms))
		return 0;
	whole = (int64_t)ms;
	days = floor_div(whole, DAY_MS);
	of_day = (int)(whole - days * DAY_MS);
	d = date_from_days(days);
	size = snprintf(text, sizeof(text), d.year >= 0 && d.year <= 9999 ? "%04d" : "%+07d", (int)d.year);
	size += snprintf(text + size, sizeof(text) - (size_t)size, "-%02d-%02dT%02d:%02d:%02d.%03dZ", d.month, d.day,
	                 of_day / 3600000, of_day / 60000 % 60, of_day / 1000 % 60, of_day % 1000);
	for (int i = 0; i < size; i++)
		to[i] = text[i];
	return (size_t)size;
}

/* ---- reading */

struct text { const char *at, *end; };

static bool read_char(struct text *t, char c)
{
	bool there = t->at < t->end && *t->at == c;

	t->at += there;
	return there;
}

/* Exactly `count` digits, at most `max` in value. */
static bool read_number(struct text *t, int count, int max, int *ret)
{
	int n = 0;

	if (t->end - t->at < count)
		return false;
	for (; count--; t->at++) {
		if (*t->at < '0' || *t->at > '9')
			return false;
		n = n * 10 + (*t->at - '0');
	}
	*ret = n;
	return n <= max;
}

static int days_of_month(int64_t year, int month)
{
	struct day next = month == 12 ? (struct day){ year + 1, 1, 1 } : (struct day){ year, month + 1, 1 };

	return (int)(days_from_date(next) - days_from_date((struct day){ year, month, 1 }));
}

static bool read_day(struct text *t, struct day *d)
{
	bool plus = read_char(t, '+'), minus = !plus && read_char(t, '-');
	int year;

	if (!read_number(t, plus || minus ? 6 : 4, 999999, &year) || (minus && !year))
		return false;
	d->year = minus ? -year : year;
	d->month = d->day = 1;
	if (read_char(t, '-') && (!read_number(t, 2, 12, &d->month) || !d->month))
		return false;
	if (read_char(t, '-') && (!read_number(t, 2, 31, &d->day) || !d->day))
		return false;
	return d->day <= days_of_month(d->year, d->month);
}

/* Seconds' fraction: milliseconds count, further digits are passed over. */
static bool read_fraction(struct text *t, int *ms)
{
	int scale = 100;

	*ms = 0;
	if (!read_char(t, '.'))
		return true;
	if (t->at == t->end || *t->at < '0' || *t->at > '9')
		return false;
	for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++, scale /= 10)
		*ms += (*t->at - '0') * scale;
	return true;
}

static bool read_offset(struct text *t, int *minutes)
{
	bool minus = t->at < t->end && *t->at == '-';
	int hour, minute;

	*minutes = 0;
	if (read_char(t, 'Z'))
		return true;
	if ((!read_char(t, '+') && !read_char(t, '-')) || !read_number(t, 2, 23, &hour) || !read_char(t, ':') ||
	    !read_number(t, 2, 59, &minute))
		return false;
	*minutes = (minus ? -1 : 1) * (hour * 60 + minute);
	return true;
}

static bool read_time(struct text *t, int64_t *ret)
{
	int hour, minute, second = 0, ms = 0, offset;

	if (!read_number(t, 2, 24, &hour) || !read_char(t, ':') || !read_number(t, 2, 59, &minute))
		return false;
	if (read_char(t, ':') && (!read_number(t, 2, 59, &second) || !read_fraction(t, &ms)))
		return false;
	if (!read_offset(t, &offset) || (hour == 24 && (minute || second || ms)))
		return false;
	*ret = ((hour * 60 + minute - offset) * 60 + second) * (int64_t)1000 + ms;
	return true;
}

bool tr_date_parse(const char *text, size_t size, double *ms)
{
	struct text t = { text, text + size };
	int64_t of_day = 0;
	struct day d;

	if (!read_day(&t, &d) || (read_char(&t, 'T') && !read_time(&t, &of_day)) || t.at != t.end)
		return false;
	*ms = tr_date_clip((double)(days_from_date(d) * DAY_MS + of_day));
	return !isnan(*ms);
}
