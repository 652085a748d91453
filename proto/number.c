/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as JavaScript reads and prints them.
 *
 * The idea: short decimals, which is nearly all of them, need no more than one exact multiplication or division of
 * doubles. The rest goes through strtod and printf, always as digits and an exponent without a decimal point, so
 * that no locale has a say. */
#include "proto/number.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAFE_INTEGER      9007199254740992.0 /* 2^53 */
#define DIGITS_KEPT       19                 /* that many always fit 64 bits */
#define DIGITS_DECISIVE   800                /* a double's nearest half-way point never has more than 767 */
#define EXPONENT_SPOKEN   100000             /* an exponent this large says zero or infinity, whatever the digits */

static const double powers_of_ten[] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};
#define EXACT_POWER_MAX 22

/* ---- reading */

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes in a run of digits; *shift counts those that `digits` has no room for. */
static const char *scan_digits(const char *at, const char *end, struct tr_decimal *d, unsigned *kept, int64_t *shift)
{
	for (; at < end && is_digit(*at); at++) {
		if (*kept < DIGITS_KEPT) {
			d->digits = d->digits * 10 + (uint64_t)(*at - '0');
			*kept += d->digits != 0; /* leading zeros are not significant */
			continue;
		}
		d->longer |= *at != '0';
		(*shift)++;
	}
	return at;
}

static const char *scan_exponent(const char *at, const char *end, int64_t *exponent)
{
	bool negative = at < end && *at == '-';
	int64_t n = 0;

	if (at < end && (*at == '-' || *at == '+'))
		at++;
	if (at == end || !is_digit(*at))
		return NULL;
	for (; at < end && is_digit(*at); at++)
		if (n < INT32_MAX)
			n = n * 10 + (*at - '0');
	*exponent += negative ? -n : n;
	return at;
}

const char *tr_decimal_scan(const char *at, const char *end, struct tr_decimal *ret)
{
	struct tr_decimal d = { .text = at };
	const char *start;
	int64_t dropped = 0;
	unsigned kept = 0;

	d.negative = at < end && *at == '-';
	start = at += d.negative;
	at = scan_digits(at, end, &d, &kept, &d.exponent);
	if (at == start || (*start == '0' && at - start > 1))
		return NULL;
	if (at < end && *at == '.') {
		start = ++at;
		at = scan_digits(at, end, &d, &kept, &dropped);
		if (at == start)
			return NULL;
		d.exponent -= at - start - dropped;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		at = scan_exponent(at + 1, end, &d.exponent);
		if (!at)
			return NULL;
	}
	d.text_end = at;
	*ret = d;
	return at;
}

static int spoken_exponent(int64_t exponent)
{
	if (exponent > EXPONENT_SPOKEN)
		return EXPONENT_SPOKEN;
	return exponent < -EXPONENT_SPOKEN ? -EXPONENT_SPOKEN : (int)exponent;
}

static double scaled(uint64_t digits, int64_t exponent)
{
	char text[TR_NUMBER_TEXT_MAX];

	/* Both operands exact, one operation, so it is rounded once: the nearest double. */
	if (digits <= (uint64_t)SAFE_INTEGER && exponent >= -EXACT_POWER_MAX && exponent <= EXACT_POWER_MAX)
		return exponent < 0 ? (double)digits / powers_of_ten[-exponent]
		                    : (double)digits * powers_of_ten[exponent];
	snprintf(text, sizeof(text), "%" PRIu64 "e%d", digits, spoken_exponent(exponent));
	return strtod(text, NULL);
}

/* More digits than a double can tell apart: all that count, and one more that says that others followed. */
static double read_long(const struct tr_decimal *d)
{
	char text[DIGITS_DECISIVE + 1 + TR_NUMBER_TEXT_MAX];
	int64_t exponent = d->exponent;
	bool rest = false;
	size_t size = 0;
	unsigned significant = 0;

	for (const char *at = d->text; at < d->text_end && *at != 'e' && *at != 'E'; at++) {
		if (!is_digit(*at) || (*at == '0' && !significant))
			continue;
		significant++;
		if (size < DIGITS_DECISIVE)
			text[size++] = *at;
		else
			rest |= *at != '0';
		/* d->exponent belongs to the first DIGITS_KEPT digits; each digit more lowers it by one. */
		if (significant > DIGITS_KEPT && significant <= DIGITS_DECISIVE)
			exponent--;
	}
	if (rest) {
		text[size++] = '1';
		exponent--;
	}
	snprintf(text + size, TR_NUMBER_TEXT_MAX, "e%d", spoken_exponent(exponent));
	return strtod(text, NULL);
}

double tr_decimal_double(const struct tr_decimal *d)
{
	double v = d->longer ? read_long(d) : scaled(d->digits, d->exponent);

	return d->negative ? -v : v;
}

/* ---- printing */

/* Digits without leading or trailing zeros, and where the point stands: 0.d1d2d3... * 10^point. */
struct digits { char text[DIGITS_KEPT + 1]; unsigned count; int point; };

static unsigned print_u64(char to[20], uint64_t v)
{
	char reversed[20];
	unsigned size = 0;

	do
		reversed[size++] = (char)('0' + v % 10);
	while (v /= 10);
	for (unsigned i = 0; i < size; i++)
		to[i] = reversed[size - 1 - i];
	return size;
}

size_t tr_integer_print(char to[TR_NUMBER_TEXT_MAX], int64_t v)
{
	size_t sign = v < 0;

	if (sign)
		*to = '-';
	return sign + print_u64(to + sign, sign ? -(uint64_t)v : (uint64_t)v);
}

/* The decimals people write: up to 15 digits, up to 6 of them after the point. No shorter text can mean the same
 * double, since any two of at most 15 digits are different doubles. */
static bool short_digits(double v, struct digits *ret)
{
	for (int places = 1; places <= 6; places++) {
		double whole = rint(v * powers_of_ten[places]);

		if (!(whole < 1e15))
			return false;
		if (whole < 1 || whole / powers_of_ten[places] != v)
			continue;
		ret->count = print_u64(ret->text, (uint64_t)whole);
		ret->point = (int)ret->count - places;
		return true;
	}
	return false;
}

/* Below a power of two the doubles lie twice as close as above it: there, the nearest text of 16 digits, which is
 * below, may be another double while the next one above it is still this one. */
static bool next_above_fits(double v, int precision, uint64_t value, int exponent)
{
	int unused;

	return precision == 16 && frexp(v, &unused) == 0.5 && scaled(value + 1, exponent) == v;
}

/* v rounded to `precision` digits. True when that reads back as v. */
static bool try_digits(double v, int precision, struct digits *ret)
{
	char text[TR_NUMBER_TEXT_MAX], *rest;
	uint64_t value;
	int exponent;

	snprintf(text, sizeof(text), "%.*e", precision - 1, v);
	value = (uint64_t)(*text - '0');
	for (rest = text + 1; *rest != 'e'; rest++)
		if (is_digit(*rest)) /* what is none is the decimal point, whatever the locale makes of it */
			value = value * 10 + (uint64_t)(*rest - '0');
	exponent = atoi(rest + 1) + 1 - precision;
	if (scaled(value, exponent) != v) {
		if (!next_above_fits(v, precision, value, exponent))
			return false;
		value++;
	}
	ret->count = print_u64(ret->text, value);
	ret->point = exponent + (int)ret->count;
	while (ret->text[ret->count - 1] == '0')
		ret->count--;
	return true;
}

static void shortest_digits(double v, struct digits *ret)
{
	/* 15 digits survive the way through a normal double, so fewer need not be tried; a subnormal has less. */
	int precision = v < DBL_MIN ? 1 : 15;

	if (short_digits(v, ret))
		return;
	while (precision < 17 && !try_digits(v, precision, ret))
		precision++;
	if (precision == 17)
		try_digits(v, 17, ret);
}

static size_t put(char *to, const char *from, int count)
{
	memcpy(to, from, (size_t)count);
	return (size_t)count;
}

static size_t put_zeros(char *to, int count)
{
	memset(to, '0', (size_t)count);
	return (size_t)count;
}

/* ECMA-262, Number::toString. */
static size_t print_digits(char *to, const struct digits *d)
{
	int count = (int)d->count, point = d->point, exponent = point - 1;
	size_t size = 0;

	if (point >= count && point <= 21) {
		size += put(to, d->text, count);
		return size + put_zeros(to + size, point - count);
	}
	if (point > 0 && point < count) {
		size += put(to, d->text, point);
		to[size++] = '.';
		return size + put(to + size, d->text + point, count - point);
	}
	if (point > -6 && point <= 0) {
		size += put(to, "0.", 2);
		size += put_zeros(to + size, -point);
		return size + put(to + size, d->text, count);
	}
	to[size++] = d->text[0];
	if (count > 1) {
		to[size++] = '.';
		size += put(to + size, d->text + 1, count - 1);
	}
	to[size++] = 'e';
	to[size++] = exponent < 0 ? '-' : '+';
	return size + print_u64(to + size, (uint64_t)abs(exponent));
}

size_t tr_double_print(char to[TR_NUMBER_TEXT_MAX], double v)
{
	struct digits digits;
	size_t sign = v < 0;

	if (!isfinite(v))
		return put(to, "null", 4);
	if (fabs(v) <= SAFE_INTEGER && v == trunc(v))
		return tr_integer_print(to, (int64_t)v);
	if (sign)
		*to = '-';
	shortest_digits(fabs(v), &digits);
	return sign + print_digits(to + sign, &digits);
}

/* ---- integers of any size */

#define CHUNK          1000000000u /* 10^9: the most that fits 32 bits */
#define CHUNK_DIGITS   9
#define CHUNKS_AT_ONCE 4
#define WORDS_MAX      (TR_BIGINT_BYTES_MAX / 4 + 1)

/* Least word first. Returns how many words there are, none for zero. */
static size_t to_words(uint32_t words[WORDS_MAX], const uint8_t *bytes, size_t size, bool add_one)
{
	uint64_t carry = add_one;
	size_t count = 0;

	for (size_t at = 0; at < size; at += 4) {
		uint32_t word = 0;

		for (size_t i = 0; i < 4 && at + i < size; i++)
			word |= (uint32_t)bytes[size - 1 - at - i] << (8 * i);
		carry += word;
		words[count++] = (uint32_t)carry;
		carry >>= 32;
	}
	if (carry)
		words[count++] = (uint32_t)carry;
	while (count && !words[count - 1])
		count--;
	return count;
}

/* Divides by CHUNK four times over, least rest first. In one go, as the four chains of divisions do not wait for one
 * another; and by a constant, as that needs no division instruction. */
static void take_chunks(uint32_t *words, size_t *count, uint64_t rests[CHUNKS_AT_ONCE])
{
	memset(rests, 0, CHUNKS_AT_ONCE * sizeof(*rests));
	for (size_t i = *count; i--;) {
		uint64_t quotient = words[i];

		for (int k = 0; k < CHUNKS_AT_ONCE; k++) {
			rests[k] = rests[k] << 32 | quotient;
			quotient = rests[k] / CHUNK;
			rests[k] %= CHUNK;
		}
		words[i] = (uint32_t)quotient;
	}
	while (*count && !words[*count - 1])
		(*count)--;
}

size_t tr_bigint_print(char to[TR_BIGINT_TEXT_MAX], const uint8_t *bytes, size_t size, bool complement)
{
	char text[TR_BIGINT_TEXT_MAX + CHUNKS_AT_ONCE * CHUNK_DIGITS];
	uint64_t rests[CHUNKS_AT_ONCE];
	uint32_t words[WORDS_MAX];
	size_t count = to_words(words, bytes, size, complement);
	size_t at = sizeof(text);

	do {
		take_chunks(words, &count, rests);
		for (int k = 0; k < CHUNKS_AT_ONCE; k++)
			for (int i = 0; i < CHUNK_DIGITS; i++, rests[k] /= 10)
				text[--at] = (char)('0' + rests[k] % 10);
	} while (count);
	while (at < sizeof(text) - 1 && text[at] == '0')
		at++;
	if (complement)
		text[--at] = '-';
	memcpy(to, text + at, sizeof(text) - at);
	return sizeof(text) - at;
}

size_t tr_bigint_normalise(char to[TR_BIGINT_TEXT_MAX], const char *text, size_t size)
{
	bool negative = size && *text == '-';

	if (negative || (size && *text == '+'))
		text++, size--;
	if (!size)
		return 0;
	for (size_t i = 0; i < size; i++)
		if (!is_digit(text[i]))
			return 0;
	while (size > 1 && *text == '0')
		text++, size--;
	if (*text == '0')
		negative = false;
	if (negative + size > TR_BIGINT_TEXT_MAX)
		return 0;
	if (negative)
		*to = '-';
	memcpy(to + negative, text, size);
	return negative + size;
}
