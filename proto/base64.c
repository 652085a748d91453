/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 in its two alphabets (RFC 4648), strict: no white space, padding only where it belongs, and no bits set that
 * belong to no byte, so that a text and its bytes are one to one. */
#include "proto/key.h"
#include "proto/troupe_errors.h"

enum alphabet { STANDARD = 1, URL = 2 };
enum padding { REQUIRED, FORBIDDEN, OPTIONAL };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void tr_base64_encode(struct tr_bytes *out, const void *data, size_t size)
{
	const uint8_t *in = data;
	uint8_t *to = tr_bytes_reserve(out, (size + 2) / 3 * 4);
	size_t i;

	if (!to)
		return;
	out->size += (size + 2) / 3 * 4;
	for (i = 0; i + 3 <= size; i += 3) {
		*to++ = digits[in[i] >> 2];
		*to++ = digits[(in[i] & 3) << 4 | in[i + 1] >> 4];
		*to++ = digits[(in[i + 1] & 15) << 2 | in[i + 2] >> 6];
		*to++ = digits[in[i + 2] & 63];
	}
	if (i == size)
		return;
	*to++ = digits[in[i] >> 2];
	*to++ = digits[(in[i] & 3) << 4 | (i + 1 < size ? in[i + 1] >> 4 : 0)];
	*to++ = i + 1 < size ? digits[(in[i + 1] & 15) << 2] : '=';
	*to++ = '=';
}

/* 0 to 63, or -1. */
static int value_of(char c, int alphabets)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if ((c == '+' && alphabets & STANDARD) || (c == '-' && alphabets & URL))
		return 62;
	if ((c == '/' && alphabets & STANDARD) || (c == '_' && alphabets & URL))
		return 63;
	return -1;
}

/* The text without its padding. False when the padding is not as wanted. */
static bool strip_padding(struct troupe_text *text, enum padding padding)
{
	size_t pads = 0;

	while (pads < 2 && pads < text->size && text->data[text->size - 1 - pads] == '=')
		pads++;
	if (pads && (padding == FORBIDDEN || text->size % 4))
		return false;
	if (padding == REQUIRED && text->size % 4)
		return false;
	text->size -= pads;
	return true;
}

static int decode(struct tr_bytes *out, struct troupe_text text, int alphabets, enum padding padding)
{
	uint8_t *start, *to;
	uint32_t bits = 0;
	unsigned held = 0;

	if (!strip_padding(&text, padding) || text.size % 4 == 1)
		return TROUPE_EBADVALUE;
	start = to = tr_bytes_reserve(out, text.size / 4 * 3 + 3);
	if (!start)
		return TROUPE_ENOMEM;
	for (size_t i = 0; i < text.size; i++) {
		int value = value_of(text.data[i], alphabets);

		if (value < 0)
			return TROUPE_EBADVALUE;
		bits = bits << 6 | (uint32_t)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			*to++ = (uint8_t)(bits >> held);
		}
	}
	if (bits & ((1u << held) - 1))
		return TROUPE_EBADVALUE;
	out->size += (size_t)(to - start);
	return 0;
}

int tr_base64_decode(struct tr_bytes *out, struct troupe_text text)
{
	return decode(out, text, STANDARD, REQUIRED);
}

int tr_base64url_decode(struct tr_bytes *out, struct troupe_text text)
{
	return decode(out, text, URL, FORBIDDEN);
}

int tr_base64_decode_any(struct tr_bytes *out, struct troupe_text text)
{
	return decode(out, text, STANDARD | URL, OPTIONAL);
}
