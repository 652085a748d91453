/* SPDX-License-Identifier: Apache-2.0 */
/* JSON's strings, stepping over values, and finding members in text without taking it apart.
 *
 * The idea: most of any JSON is the inside of strings, and most strings have no escapes. So a string is looked
 * through once, eight bytes at a time, and its content is touched again only when it does have escapes. */
#include "proto/json_scan.h"

#include <stdarg.h>

#include "proto/json.h"
#include "proto/key.h"

#define REPLACEMENT 0xfffd

/* ---- escapes */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits of \uXXXX, or -1. */
static int hex_four(const char *at, const char *end)
{
	int n = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(at[i]);

		if (digit < 0)
			return -1;
		n = n * 16 + digit;
	}
	return n;
}

/* The character that follows a backslash at *at, which is moved behind it; -1 when it is no escape. Two escapes that
 * are a surrogate pair are one character; a surrogate alone is replaced, as UTF-8 cannot say it. */
static int32_t escape(const char **at, const char *end)
{
	static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *name;
	int32_t unit, low;

	if (*at == end)
		return -1;
	if (**at != 'u') {
		name = **at ? strchr(names, **at) : NULL;
		(*at)++;
		return name ? meanings[name - names] : -1;
	}
	unit = hex_four(*at + 1, end);
	if (unit < 0)
		return -1;
	*at += 5;
	if (unit < 0xd800 || unit > 0xdfff)
		return unit;
	if (unit > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
		return REPLACEMENT;
	low = hex_four(*at + 2, end);
	if (low < 0xdc00 || low > 0xdfff)
		return REPLACEMENT;
	*at += 6;
	return 0x10000 + (unit - 0xd800) * 0x400 + (low - 0xdc00);
}

static size_t utf8_size(int32_t c)
{
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static size_t put_utf8(char *to, int32_t c)
{
	static const uint8_t leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t size = utf8_size(c);

	if (size == 1) {
		*to = (char)c;
		return 1;
	}
	for (size_t i = size - 1; i > 0; i--, c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(leads[size] | c);
	return size;
}

/* ---- strings */

const char *tr_json_scan_string(const char *at, const char *end, struct tr_json_string *ret, const char **why)
{
	const char *start = at;
	uint64_t seen = 0;

	*ret = (struct tr_json_string){ .raw = at };
	for (;;) {
		const char *run = at;
		int32_t c;

		at = tr_json_plain_run(at, end, &seen);
		ret->size += (size_t)(at - run);
		if (at == end) {
			*why = "a string has no end";
			return NULL;
		}
		if (*at == '"')
			break;
		if (*at++ != '\\') {
			*why = "a string holds a control character";
			return NULL;
		}
		ret->escaped = true;
		c = escape(&at, end);
		if (c < 0) {
			*why = "a string holds an unknown escape";
			return NULL;
		}
		ret->size += utf8_size(c);
	}
	ret->raw_size = (size_t)(at - start);
	if ((seen & TR_EACH_BYTE(0x80)) && !tr_utf8_valid(start, ret->raw_size)) {
		*why = "a string is not UTF-8";
		return NULL;
	}
	return at + 1;
}

size_t tr_json_unescape_one(const char **at, const char *end, char to[4])
{
	if (**at != '\\') {
		*to = *(*at)++;
		return 1;
	}
	(*at)++;
	return put_utf8(to, escape(at, end));
}

void tr_json_unescape(const struct tr_json_string *s, char *to)
{
	const char *at = s->raw, *end = at + s->raw_size;

	while (at < end) {
		const char *backslash = memchr(at, '\\', (size_t)(end - at));
		size_t run = (size_t)((backslash ? backslash : end) - at);

		memcpy(to, at, run);
		to += run;
		at += run;
		if (at < end)
			to += tr_json_unescape_one(&at, end, to);
	}
}

/* ---- stepping */

const char *tr_json_skip_string(const char *at, const char *end, struct tr_json_string *ret)
{
	uint64_t seen = 0;

	*ret = (struct tr_json_string){ .raw = ++at };
	while ((at = tr_json_plain_run(at, end, &seen)) < end && *at != '"') {
		ret->escaped = true;
		at += end - at > 2 ? 2 : end - at;
	}
	ret->raw_size = (size_t)(at - ret->raw);
	return at < end ? at + 1 : end;
}

const char *tr_json_skip_value(const char *at, const char *end)
{
	struct tr_json_string unused;
	size_t depth = 0;

	do {
		if (at == end)
			return end;
		if (*at == '"') {
			at = tr_json_skip_string(at, end, &unused);
			continue;
		}
		if (*at == '[' || *at == '{')
			depth++;
		else if (*at == ']' || *at == '}')
			depth--;
		at++;
	} while (depth || (at < end && strchr(",:]} \t\r\n", *at) == NULL));
	return at;
}

/* ---- finding members */

static bool key_is(const struct tr_json_string *key, const char *name)
{
	const char *at = key->raw, *end = at + key->raw_size;
	size_t left = strlen(name), size;
	char piece[4];

	if (!key->escaped)
		return key->raw_size == left && memcmp(key->raw, name, left) == 0;
	while (at < end) {
		size = tr_json_unescape_one(&at, end, piece);
		if (size > left || memcmp(piece, name, size) != 0)
			return false;
		name += size;
		left -= size;
	}
	return left == 0;
}

/* Narrows *text from an object to the value of its last member of this name. */
static bool narrow(struct troupe_text *text, const char *name)
{
	const char *at = text->data, *end = at + text->size;
	bool found = false;

	if (!text->size || *at != '{')
		return false;
	at = tr_json_space(at + 1, end);
	while (at < end && *at == '"') {
		struct tr_json_string key;
		const char *value;

		at = tr_json_space(tr_json_skip_string(at, end, &key), end);
		if (at == end)
			return false;
		value = tr_json_space(at + 1, end); /* behind the colon */
		at = tr_json_skip_value(value, end);
		if (key_is(&key, name)) {
			*text = (struct troupe_text){ value, (size_t)(at - value) };
			found = true;
		}
		at = tr_json_space(at, end);
		if (at < end) /* the comma, or the end */
			at = tr_json_space(at + 1, end);
	}
	return found;
}

static bool find(struct troupe_text *text, va_list path)
{
	const char *name;

	while ((name = va_arg(path, const char *)))
		if (!narrow(text, name))
			return false;
	return true;
}

bool tr_json_find(struct troupe_text json, struct troupe_text *ret, ...)
{
	va_list path;
	bool found;

	va_start(path, ret);
	found = find(&json, path);
	va_end(path);
	if (found)
		*ret = json;
	return found;
}

bool tr_json_find_string(struct troupe_text json, struct tr_bytes *out, ...)
{
	struct tr_json_string s;
	uint8_t *room;
	const char *unused;
	va_list path;
	bool found;

	va_start(path, out);
	found = find(&json, path);
	va_end(path);
	if (!found || json.size < 2 || *json.data != '"' ||
	    !tr_json_scan_string(json.data + 1, json.data + json.size, &s, &unused))
		return false;
	room = tr_bytes_reserve(out, s.size);
	if (!room)
		return false;
	tr_json_unescape(&s, (char *)room);
	out->size += s.size;
	return true;
}
