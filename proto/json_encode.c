/* SPDX-License-Identifier: Apache-2.0 */
/* Packed values to JSON, as JSON.stringify prints them; what JSON has no notation for goes out as a "$" form (COMPAT)
 * or as the nearest thing it has (PLAIN). proto/json.h lists both. */
#include <math.h>

#include "proto/compat.h"
#include "proto/date.h"
#include "proto/json.h"
#include "proto/json_scan.h"
#include "proto/key.h"
#include "proto/number.h"
#include "proto/troupe_errors.h"
#include "proto/typed.h"

#define DEPTH_MAX 512 /* nested deeper is no value that any decoder of ours has made */

struct writer {
	struct tr_bytes *out;
	bool             compat;
};

static int write_value(const struct writer *w, struct tr_cursor *c, unsigned depth);

/* ---- strings */

/* The two characters of a short escape, or nothing for a control character that has none. */
static const char *short_escape(char c)
{
	switch (c) {
	case '"':  return "\\\"";
	case '\\': return "\\\\";
	case '\b': return "\\b";
	case '\f': return "\\f";
	case '\n': return "\\n";
	case '\r': return "\\r";
	case '\t': return "\\t";
	}
	return NULL;
}

static void put_escape(struct tr_bytes *out, char c)
{
	static const char hex[] = "0123456789abcdef";
	const char *known = short_escape(c);
	char text[6] = { '\\', 'u', '0', '0', hex[c >> 4 & 0xf], hex[c & 0xf] };

	if (known)
		tr_bytes_put(out, known, 2);
	else
		tr_bytes_put(out, text, sizeof(text));
}

/* The inside of a string. *seen tells whether anything beyond ASCII went by. */
static void put_escaped(struct tr_bytes *out, const char *at, size_t size, uint64_t *seen)
{
	const char *end = at + size;

	while (at < end) {
		const char *run = at;

		at = tr_json_plain_run(at, end, seen);
		tr_bytes_put(out, run, (size_t)(at - run));
		if (at < end)
			put_escape(out, *at++);
	}
}

static void put_quoted(struct tr_bytes *out, const char *opening, struct troupe_text text)
{
	size_t before = out->size;
	uint64_t seen = 0;

	tr_bytes_put_text(out, opening);
	if (text.size)
		put_escaped(out, text.data, text.size, &seen);
	if ((seen & TR_EACH_BYTE(0x80)) && !tr_utf8_valid(text.data, text.size)) {
		struct tr_bytes clean = { .size = 0 };

		tr_utf8_put_clean(&clean, text);
		out->size = before;
		out->failed |= clean.failed;
		tr_bytes_put_text(out, opening);
		put_escaped(out, (const char *)clean.data, clean.size, &seen);
		tr_bytes_free(&clean);
	}
	tr_bytes_put_byte(out, '"');
}

void tr_json_put_string(struct tr_bytes *out, struct troupe_text text)
{
	put_quoted(out, "\"", text);
}

/* ---- scalars */

static void write_double(const struct writer *w, double v)
{
	char text[TR_NUMBER_TEXT_MAX];

	tr_bytes_put(w->out, text, tr_double_print(text, v));
}

static void write_integer(const struct writer *w, int64_t v)
{
	char text[TR_NUMBER_TEXT_MAX];

	tr_bytes_put(w->out, text, tr_integer_print(text, v));
}

static void write_bigint(const struct writer *w, const char *digits, size_t size)
{
	if (w->compat)
		tr_bytes_put_text(w->out, "[\"" TR_COMPAT_BIGINT "\",\"");
	tr_bytes_put(w->out, digits, size);
	if (w->compat)
		tr_bytes_put_text(w->out, "\"]");
}

static void write_bytes(const struct writer *w, const struct tr_item *item)
{
	tr_bytes_put_text(w->out, w->compat ? "[\"" TR_COMPAT_BYTES "\",\"" : "\"");
	tr_base64_encode(w->out, item->data, item->size);
	tr_bytes_put_text(w->out, w->compat ? "\"]" : "\"");
}

static void write_date(const struct writer *w, double ms)
{
	char text[TR_DATE_TEXT_MAX];
	size_t size = tr_date_print(text, ms);

	if (size)
		tr_json_put_string(w->out, (struct troupe_text){ text, size });
	else
		tr_bytes_put_text(w->out, "null");
}

static void write_typed(const struct writer *w, const struct tr_item *item)
{
	unsigned size = tr_typed_element_size(item->tag);

	tr_bytes_put_byte(w->out, '[');
	for (size_t at = 0; at < item->size; at += size) {
		struct tr_typed_element e = tr_typed_element(item->tag, item->data + at);

		if (at)
			tr_bytes_put_byte(w->out, ',');
		if (e.big)
			write_bigint(w, e.text, e.text_size);
		else
			write_double(w, e.number);
	}
	tr_bytes_put_byte(w->out, ']');
}

/* ---- kept JSON */

/* `at` is the opening bracket of an array in checked text. When that has two elements and starts with a "$" string,
 * returns where the missing "$" belongs, else NULL. */
static const char *escape_place(const char *at, const char *end)
{
	const char *first = tr_json_space(at + 1, end);
	struct tr_json_string unused;

	if (!tr_compat_json_dollar(first, (size_t)(end - first)))
		return NULL;
	at = tr_json_space(tr_json_skip_string(first, end, &unused), end);
	if (at == end || *at != ',')
		return NULL;
	at = tr_json_skip_value(tr_json_space(at + 1, end), end);
	at = tr_json_space(at, end);
	return at < end && *at == ']' ? first + 1 : NULL;
}

static bool may_hold_dollar(const struct tr_item *item)
{
	return (memchr(item->data, '$', item->size) && memmem(item->data, item->size, "\"$", 2)) ||
	       memmem(item->data, item->size, "\"\\u0024", 7);
}

static void write_kept(const struct writer *w, const struct tr_item *item)
{
	const char *start = item->data, *at = start, *end = at + item->size, *place;
	struct tr_json_string unused;

	if (!w->compat || !may_hold_dollar(item))
		at = end;
	while (at < end) {
		if (*at == '"') {
			at = tr_json_skip_string(at, end, &unused);
			continue;
		}
		place = *at++ == '[' ? escape_place(at - 1, end) : NULL;
		if (!place)
			continue;
		tr_bytes_put(w->out, start, (size_t)(place - start));
		tr_bytes_put_byte(w->out, '$');
		start = place;
	}
	tr_bytes_put(w->out, start, (size_t)(end - start));
}

/* ---- containers */

/* The first of a pair that would be taken for a form: its string with one "$" more. */
static int write_escaped_first(const struct writer *w, struct tr_cursor *c)
{
	struct tr_item item;
	int err = tr_next(c, &item);

	if (err)
		return err;
	if (item.kind == TR_STR) {
		put_quoted(w->out, "\"$", (struct troupe_text){ item.data, item.size });
		return 0;
	}
	tr_bytes_put_text(w->out, "\"$"); /* kept JSON, which brings its quotes along */
	tr_bytes_put(w->out, item.data + 1, item.size - 1);
	return 0;
}

static int write_elements(const struct writer *w, struct tr_cursor *c, uint32_t count, unsigned depth)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < count; i++) {
		if (i)
			tr_bytes_put_byte(w->out, ',');
		err = write_value(w, c, depth);
	}
	return err;
}

static int write_array(const struct writer *w, struct tr_cursor *c, uint32_t count, unsigned depth)
{
	int err = 0;

	tr_bytes_put_byte(w->out, '[');
	if (w->compat && tr_compat_must_escape(*c, count)) {
		err = write_escaped_first(w, c);
		tr_bytes_put_byte(w->out, ',');
		count--;
	}
	if (!err)
		err = write_elements(w, c, count, depth);
	tr_bytes_put_byte(w->out, ']');
	return err;
}

/* JSON.stringify leaves out a property that is undefined. */
static bool left_out(const struct writer *w, struct tr_cursor c)
{
	struct tr_item item;

	return !w->compat && tr_next(&c, &item) == 0 && item.kind == TR_UNDEFINED;
}

static int write_map(const struct writer *w, struct tr_cursor *c, uint32_t pairs, unsigned depth)
{
	bool first = true;

	tr_bytes_put_byte(w->out, '{');
	while (pairs--) {
		struct tr_item key;
		int err = tr_next(c, &key);

		if (err || key.kind != TR_STR)
			return TROUPE_EBADVALUE;
		if (left_out(w, *c)) {
			tr_skip(c, NULL);
			continue;
		}
		if (!first)
			tr_bytes_put_byte(w->out, ',');
		first = false;
		tr_json_put_string(w->out, (struct troupe_text){ key.data, key.size });
		tr_bytes_put_byte(w->out, ':');
		err = write_value(w, c, depth);
		if (err)
			return err;
	}
	tr_bytes_put_byte(w->out, '}');
	return 0;
}

static int write_set(const struct writer *w, struct tr_cursor *c, uint32_t count, unsigned depth)
{
	int err;

	tr_bytes_put_text(w->out, w->compat ? "[\"" TR_COMPAT_SET "\",[" : "[");
	err = write_elements(w, c, count, depth);
	tr_bytes_put_text(w->out, w->compat ? "]]" : "]");
	return err;
}

/* As an array of [key, value], the form that `new Map(...)` takes. */
static int write_jsmap(const struct writer *w, struct tr_cursor *c, uint32_t count, unsigned depth)
{
	int err = 0;

	tr_bytes_put_byte(w->out, '[');
	for (uint32_t i = 0; !err && i < count; i += 2) {
		if (i)
			tr_bytes_put_byte(w->out, ',');
		err = write_array(w, c, 2, depth);
	}
	tr_bytes_put_byte(w->out, ']');
	return err;
}

static int write_wrapped(const struct writer *w, const struct tr_item *item, unsigned depth)
{
	struct tr_cursor c;
	uint32_t count;
	int err = tr_open_wrapped(item, &c, &count);

	if (!err)
		err = item->kind == TR_SET ? write_set(w, &c, count, depth) : write_jsmap(w, &c, count, depth);
	return !err && c.at != c.end ? TROUPE_EBADVALUE : err;
}

static int write_container(const struct writer *w, struct tr_cursor *c, const struct tr_item *item, unsigned depth)
{
	if (!depth)
		return TROUPE_EBADVALUE;
	if (item->kind == TR_ARRAY)
		return write_array(w, c, item->count, depth - 1);
	if (item->kind == TR_MAP)
		return write_map(w, c, item->count, depth - 1);
	return write_wrapped(w, item, depth - 1);
}

static int write_value(const struct writer *w, struct tr_cursor *c, unsigned depth)
{
	struct tr_item item;
	int err = tr_next(c, &item);

	if (err)
		return err;
	switch (item.kind) {
	case TR_NIL:    tr_bytes_put_text(w->out, "null"); break;
	case TR_BOOL:   tr_bytes_put_text(w->out, item.boolean ? "true" : "false"); break;
	case TR_INT:    write_integer(w, item.integer); break;
	case TR_FLOAT:  write_double(w, item.number); break;
	case TR_STR:    tr_json_put_string(w->out, (struct troupe_text){ item.data, item.size }); break;
	case TR_BIN:    write_bytes(w, &item); break;
	case TR_UNDEFINED:
		tr_bytes_put_text(w->out, w->compat ? "[\"" TR_COMPAT_UNDEFINED "\",0]" : "null");
		break;
	case TR_BIGINT: write_bigint(w, item.data, item.size); break;
	case TR_DATE:   write_date(w, item.number); break;
	case TR_TYPED:  write_typed(w, &item); break;
	case TR_JSON:   write_kept(w, &item); break;
	case TR_ARRAY:
	case TR_MAP:
	case TR_SET:
	case TR_JSMAP:  return write_container(w, c, &item, depth);
	}
	return 0;
}

int tr_json_encode(struct tr_bytes *out, struct troupe_value v, enum tr_json_mode mode)
{
	struct writer w = { out, mode == TR_JSON_COMPAT };
	struct tr_cursor c = tr_cursor(v);
	size_t before = out->size;
	int err = write_value(&w, &c, DEPTH_MAX);

	if (!err && c.at != c.end)
		err = TROUPE_EBADVALUE;
	if (!err && out->failed)
		err = TROUPE_ENOMEM;
	if (err)
		out->size = before;
	return err;
}
