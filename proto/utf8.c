/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, as the WHATWG's decoders take it: no surrogates, no overlong forms, nothing above U+10FFFF.
 *
 * One idea carries it: the first byte of a character says how many bytes follow and in which range the second one
 * must lie; with that, the rest are plain continuation bytes. */
#include <string.h>

#include "proto/key.h"

struct lead { uint8_t more, second_min, second_max; }; /* more 0: no such first byte */

static struct lead lead_of(uint8_t byte)
{
	if (byte >= 0xc2 && byte <= 0xdf)
		return (struct lead){ 1, 0x80, 0xbf };
	if (byte == 0xe0)
		return (struct lead){ 2, 0xa0, 0xbf }; /* below: overlong */
	if (byte == 0xed)
		return (struct lead){ 2, 0x80, 0x9f }; /* above: surrogates */
	if (byte >= 0xe1 && byte <= 0xef)
		return (struct lead){ 2, 0x80, 0xbf };
	if (byte == 0xf0)
		return (struct lead){ 3, 0x90, 0xbf };
	if (byte >= 0xf1 && byte <= 0xf3)
		return (struct lead){ 3, 0x80, 0xbf };
	if (byte == 0xf4)
		return (struct lead){ 3, 0x80, 0x8f };
	return (struct lead){ 0, 0, 0 };
}

/* How many bytes the character at `at` takes, and whether it is one. When it is not: how many bytes one U+FFFD
 * stands for, at least 1. `at` is below `end` and not ASCII. */
static size_t step(const uint8_t *at, const uint8_t *end, bool *valid)
{
	struct lead lead = lead_of(*at);
	size_t taken = 1;

	*valid = false;
	if (!lead.more || at + 1 == end || at[1] < lead.second_min || at[1] > lead.second_max)
		return taken;
	for (taken = 2; taken < 1u + lead.more; taken++)
		if (at + taken == end || (at[taken] & 0xc0) != 0x80)
			return taken;
	*valid = true;
	return taken;
}

static const uint8_t *skip_ascii(const uint8_t *at, const uint8_t *end)
{
	uint64_t eight;

	for (; end - at >= 8; at += 8) {
		memcpy(&eight, at, 8);
		if (eight & UINT64_C(0x8080808080808080))
			break;
	}
	while (at < end && *at < 0x80)
		at++;
	return at;
}

bool tr_utf8_valid(const char *data, size_t size)
{
	const uint8_t *at = (const uint8_t *)data, *end;
	bool valid = true;

	if (!size)
		return true;
	end = at + size;
	while (valid && (at = skip_ascii(at, end)) < end)
		at += step(at, end, &valid);
	return valid;
}

void tr_utf8_put_clean(struct tr_bytes *out, struct troupe_text text)
{
	const uint8_t *at = (const uint8_t *)text.data, *start = at, *end;
	bool valid;
	size_t taken;

	if (!text.size)
		return;
	end = at + text.size;
	while ((at = skip_ascii(at, end)) < end) {
		taken = step(at, end, &valid);
		if (!valid) {
			tr_bytes_put(out, start, (size_t)(at - start));
			tr_bytes_put(out, "\xef\xbf\xbd", 3);
			start = at + taken;
		}
		at += taken;
	}
	tr_bytes_put(out, start, (size_t)(end - start));
}
