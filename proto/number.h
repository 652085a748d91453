/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as text, the way JavaScript reads and prints them. Independent of the locale. */
#ifndef TR_PROTO_NUMBER_H
#define TR_PROTO_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A JSON number taken apart: (-1)^negative * digits * 10^exponent. `digits` are the first 19 significant ones;
 * `longer` tells that there are more, then `text` has to be read again. Lends the text. */
struct tr_decimal {
	const char *text, *text_end;
	uint64_t    digits;
	int64_t     exponent;
	bool        negative;
	bool        longer;
};

/* Reads the JSON number at `at` and returns where it ends. NULL when there is none. */
const char *tr_decimal_scan(const char *at, const char *end, struct tr_decimal *ret);

/* The nearest double, ties to even; infinite when it is too large. */
double tr_decimal_double(const struct tr_decimal *d);

#define TR_NUMBER_TEXT_MAX 32

/* Both print into `to`, without a NUL, and return the size. A double as JSON.stringify prints it (fewest digits that
 * read back as the same double; NaN and infinities: "null"). */
size_t tr_double_print(char to[TR_NUMBER_TEXT_MAX], double v);
size_t tr_integer_print(char to[TR_NUMBER_TEXT_MAX], int64_t v);

/* The largest integer read from bytes, and the decimal text that it and its neighbour -1 - n can take. */
#define TR_BIGINT_BYTES_MAX 1024
#define TR_BIGINT_TEXT_MAX  2468

/* Prints the big endian integer n of at most TR_BIGINT_BYTES_MAX bytes, or -1 - n when `complement` is set. */
size_t tr_bigint_print(char to[TR_BIGINT_TEXT_MAX], const uint8_t *bytes, size_t size, bool complement);

/* Prints a decimal text, which may have a sign and leading zeros, in the one form that tr_put_bigint takes. 0 when it
 * is no integer or has more than TR_BIGINT_TEXT_MAX characters. */
size_t tr_bigint_normalise(char to[TR_BIGINT_TEXT_MAX], const char *text, size_t size);

#endif
