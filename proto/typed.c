/* SPDX-License-Identifier: Apache-2.0 */
/* Typed arrays. RFC 8746 packs all that there is to know into the tag's low bits: float, signed, little endian, and the
 * size as a power of two; only the clamped bytes and the two unused ones are exceptions. */
#include "proto/typed.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/value.h"

#define TAG_FIRST   64
#define TAG_LAST    87
#define TAG_CLAMPED 68 /* would be: unsigned bytes, little endian */
#define TAG_UNUSED  76 /* would be: signed bytes, little endian */

#define BIT_FLOAT  0x10
#define BIT_SIGNED 0x08
#define BIT_LITTLE 0x04
#define BITS_SIZE  0x03

unsigned tr_typed_element_size(uint8_t tag)
{
	unsigned size;

	if (tag < TAG_FIRST || tag > TAG_LAST || tag == TAG_UNUSED)
		return 0;
	size = 1u << (tag & BITS_SIZE);
	if (tag & BIT_FLOAT)
		size *= 2;
	return size <= 8 ? size : 0;
}

bool tr_typed_fits(uint8_t tag, size_t size)
{
	unsigned element = tr_typed_element_size(tag);

	return element && size % element == 0;
}

double tr_half_double(uint16_t half)
{
	int exponent = half >> 10 & 0x1f, fraction = half & 0x3ff;
	double size;

	if (exponent == 0x1f)
		size = fraction ? (double)NAN : (double)INFINITY;
	else
		size = exponent ? ldexp(fraction + 1024, exponent - 25) : ldexp(fraction, -24);
	return half & 0x8000 ? -size : size;
}

static double float_of(uint64_t bits, unsigned size)
{
	uint32_t low = (uint32_t)bits;
	double number;
	float single;

	if (size == 2)
		return tr_half_double((uint16_t)bits);
	if (size == 4) {
		memcpy(&single, &low, sizeof(single));
		return (double)single;
	}
	memcpy(&number, &bits, sizeof(number));
	return number;
}

static struct tr_typed_element integer(uint64_t bits, unsigned size, bool is_signed)
{
	struct tr_typed_element e = { .big = size == 8 };
	unsigned unused = 64 - 8 * size;
	int64_t n = (int64_t)(bits << unused) >> unused;

	e.number = is_signed ? (double)n : (double)bits;
	if (e.big)
		e.text_size = (size_t)(is_signed ? snprintf(e.text, sizeof(e.text), "%" PRId64, n)
		                                 : snprintf(e.text, sizeof(e.text), "%" PRIu64, bits));
	return e;
}

struct tr_typed_element tr_typed_element(uint8_t tag, const void *at)
{
	unsigned size = tr_typed_element_size(tag);
	const uint8_t *bytes = at;
	uint64_t bits = 0;

	for (unsigned i = 0; i < size; i++)
		bits = bits << 8 | bytes[tag & BIT_LITTLE ? size - 1 - i : i];
	if (tag & BIT_FLOAT)
		return (struct tr_typed_element){ .number = float_of(bits, size) };
	return integer(bits, size, tag & BIT_SIGNED && tag != TAG_CLAMPED);
}
