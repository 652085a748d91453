/* SPDX-License-Identifier: Apache-2.0 */
/* Actor keys: two ways in (the control routes' serialised text, the gateway's comma-separated value), one canonical
 * text inside. Both are read character by character into a writer, which escapes and ends parts. */
#include <string.h>

#include "proto/key.h"
#include "proto/troupe_errors.h"

struct writer {
	struct tr_bytes *out;
	size_t start;     /* out->size before the key */
	size_t parts;     /* ended so far */
	size_t part_size; /* of the part being written, unescaped */
	size_t part_max;
	bool   too_large;
};

static void put_char(struct writer *w, char c)
{
	if (!w->part_size++ && w->parts)
		tr_bytes_put_byte(w->out, '/');
	if (c == '\\' || c == '/')
		tr_bytes_put_byte(w->out, '\\');
	tr_bytes_put_byte(w->out, (uint8_t)c);
}

static void end_part(struct writer *w)
{
	if (!w->part_size)
		tr_bytes_put_text(w->out, w->parts ? "/\\0" : "\\0");
	if (w->part_size > w->part_max)
		w->too_large = true;
	w->parts++;
	w->part_size = 0;
}

/* The characters of one part, which is split at each comma. */
static void put_split(struct writer *w, char c)
{
	if (c == ',')
		end_part(w);
	else
		put_char(w, c);
}

static int finish(struct writer *w, size_t key_max)
{
	size_t size = w->out->size - w->start;
	bool too_large = w->too_large || size > key_max;

	if (w->out->failed || too_large) {
		w->out->size = w->start;
		return too_large ? TROUPE_EKEY : TROUPE_ENOMEM;
	}
	if (w->parts == 1 && size == 2 && !memcmp(w->out->data + w->start, "\\0", 2)) { /* [""] is [] */
		w->out->size = w->start;
		tr_bytes_put_byte(w->out, '/');
	}
	return 0;
}

static bool acceptable(struct troupe_text text)
{
	return !text.size || (tr_utf8_valid(text.data, text.size) && !memchr(text.data, 0, text.size));
}

/* Where the part at `at` of a serialised key ends: at its "/" or at the end of the text. *empty says whether it is
 * marked as the empty part. */
static size_t part_end(struct troupe_text key, size_t at, bool *empty)
{
	*empty = false;
	while (at < key.size && key.data[at] != '/') {
		if (key.data[at] == '\\' && at + 1 < key.size)
			*empty |= key.data[++at] == '0';
		at++;
	}
	return at;
}

/* The next character of a part, unescaped. A backslash at the very end stands for itself. */
static char unescape(struct troupe_text key, size_t *at)
{
	if (key.data[*at] == '\\' && *at + 1 < key.size)
		(*at)++;
	return key.data[(*at)++];
}

static bool is_empty_key(struct troupe_text key)
{
	return !key.size || (key.size == 1 && *key.data == '/');
}

int tr_key_from_control(struct tr_bytes *out, struct troupe_text serialised, const struct tr_key_limits *limits)
{
	struct writer w = { .out = out, .start = out->size, .part_max = limits->part_max };
	size_t at = 0, end;
	bool empty;

	if (!acceptable(serialised))
		return TROUPE_EINVAL;
	if (is_empty_key(serialised))
		serialised.size = 0;
	do {
		end = part_end(serialised, at, &empty);
		while (!empty && at < end)
			put_split(&w, unescape(serialised, &at));
		end_part(&w);
		at = end + 1;
	} while (end < serialised.size);
	return finish(&w, limits->key_max);
}

int tr_key_from_query(struct tr_bytes *out, struct troupe_text value, const struct tr_key_limits *limits)
{
	struct writer w = { .out = out, .start = out->size, .part_max = limits->part_max };

	if (!acceptable(value))
		return TROUPE_EINVAL;
	for (size_t i = 0; i < value.size; i++)
		put_split(&w, value.data[i]);
	end_part(&w);
	return finish(&w, limits->key_max);
}

size_t tr_key_count(struct troupe_text canonical)
{
	size_t count = 0, at = 0;
	bool empty;

	if (is_empty_key(canonical))
		return 0;
	do {
		at = part_end(canonical, at, &empty) + 1;
		count++;
	} while (at <= canonical.size);
	return count;
}

bool tr_key_part(struct tr_bytes *out, struct troupe_text canonical, size_t index)
{
	size_t at = 0, end;
	bool empty;

	if (index >= tr_key_count(canonical))
		return false;
	while (index--)
		at = part_end(canonical, at, &empty) + 1;
	end = part_end(canonical, at, &empty);
	while (!empty && at < end)
		tr_bytes_put_byte(out, (uint8_t)unescape(canonical, &at));
	return true;
}

bool tr_name_plain(struct troupe_text name, size_t max)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && (!c || !strchr("._-", c)))
			return false;
	}
	return name.size > 0 && name.size <= max;
}
