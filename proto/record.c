/* SPDX-License-Identifier: Apache-2.0 */
/* Records: structs to and from packed values, along their description.
 *
 * Decoding goes in two steps. First the value of each field is found, by name or by position; then each is checked
 * against its field's type and stored. The tables at the top say what a type wants and what a value is called. */
#include "proto/record.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/key.h"
#include "proto/text.h"
#include "proto/troupe_errors.h"

#define INTEGER_MAX ((int64_t)1 << 53) /* what JavaScript's numbers hold exactly */

static const char *const wants[] = {
	[TROUPE_BOOL]    = "true or false",
	[TROUPE_INT32]   = "a whole number from -2147483648 to 2147483647",
	[TROUPE_INT64]   = "a whole number from -9007199254740992 to 9007199254740992",
	[TROUPE_UINT32]  = "a whole number from 0 to 4294967295",
	[TROUPE_DOUBLE]  = "a number",
	[TROUPE_CSTRING] = "text",
	[TROUPE_TEXT]    = "text",
	[TROUPE_VALUE]   = "given", /* any value will do */
};

static const char *const kinds[] = {
	[TR_NIL] = "null", [TR_BOOL] = "a boolean", [TR_INT] = "a number", [TR_FLOAT] = "a number", [TR_STR] = "text",
	[TR_BIN] = "bytes", [TR_ARRAY] = "an array", [TR_MAP] = "an object", [TR_UNDEFINED] = "undefined",
	[TR_BIGINT] = "a BigInt", [TR_DATE] = "a Date", [TR_SET] = "a Set", [TR_JSMAP] = "a Map",
	[TR_TYPED] = "a typed array", [TR_JSON] = "JSON text",
};

/* Who decodes what: carried along for the sentence that says what is wrong. */
struct decoder {
	const struct troupe_record *record;
	const struct tr_arena      *arena;
	char                       *why;
	size_t                      why_size;
};

__attribute__((format(printf, 2, 3)))
static int complain(const struct decoder *d, const char *format, ...)
{
	va_list args;

	if (!d->why_size)
		return TROUPE_EINVAL;
	va_start(args, format);
	vsnprintf(d->why, d->why_size, format, args);
	va_end(args);
	return TROUPE_EINVAL;
}

static int mismatch(const struct decoder *d, const struct troupe_field *f, const char *got)
{
	return complain(d, "%s.%s: must be %s, got %s", d->record->name, f->name, wants[f->type], got);
}

static int damaged(const struct decoder *d)
{
	return complain(d, "%s: is not a packed value", d->record->name);
}

/* ---- storing one field */

static bool bigint_in_range(const struct tr_item *item, int64_t *ret)
{
	bool negative = item->size && *item->data == '-';
	int64_t n = 0;

	for (size_t i = negative; i < item->size; i++) {
		n = n * 10 + (item->data[i] - '0'); /* cannot overflow: it is checked below each time */
		if (n > INTEGER_MAX)
			return false;
	}
	*ret = negative ? -n : n;
	return true;
}

/* A whole number that JavaScript holds exactly. */
static bool whole(const struct tr_item *item, int64_t *ret)
{
	switch (item->kind) {
	case TR_INT:
		*ret = item->integer;
		return *ret >= -INTEGER_MAX && *ret <= INTEGER_MAX;
	case TR_FLOAT:
		if (!(item->number >= -(double)INTEGER_MAX && item->number <= (double)INTEGER_MAX))
			return false;
		*ret = (int64_t)item->number;
		return (double)*ret == item->number;
	case TR_BIGINT:
		return bigint_in_range(item, ret);
	default:
		return false;
	}
}

static bool in_range(enum troupe_type type, int64_t n)
{
	if (type == TROUPE_INT32)
		return n >= INT32_MIN && n <= INT32_MAX;
	return type == TROUPE_INT64 || (n >= 0 && n <= UINT32_MAX);
}

static int store_integer(const struct decoder *d, const struct troupe_field *f, void *at, const struct tr_item *item)
{
	char number[32];
	int64_t n;

	if (whole(item, &n) && in_range(f->type, n)) {
		if (f->type == TROUPE_INT32)
			*(int32_t *)at = (int32_t)n;
		else if (f->type == TROUPE_UINT32)
			*(uint32_t *)at = (uint32_t)n;
		else
			*(int64_t *)at = n;
		return 0;
	}
	if (item->kind != TR_INT && item->kind != TR_FLOAT)
		return mismatch(d, f, item->kind == TR_BIGINT ? "a BigInt out of that range" : kinds[item->kind]);
	if (item->kind == TR_INT)
		snprintf(number, sizeof(number), "%" PRId64, item->integer);
	else
		snprintf(number, sizeof(number), "%.16g", item->number);
	return mismatch(d, f, number);
}

/* A copy that ends in a NUL, which is not counted. */
static void *keep(const struct decoder *d, const void *data, size_t size)
{
	char *copy = d->arena->alloc(d->arena->owner, size + 1);

	if (copy && size)
		memcpy(copy, data, size);
	return copy;
}

static int store_text(const struct decoder *d, const struct troupe_field *f, void *at, const struct tr_item *item)
{
	char *copy;

	if (f->type == TROUPE_CSTRING && memchr(item->data, 0, item->size))
		return complain(d, "%s.%s: must be text without U+0000", d->record->name, f->name);
	copy = keep(d, item->data, item->size);
	if (!copy)
		return TROUPE_ENOMEM;
	if (f->type == TROUPE_CSTRING)
		*(char **)at = copy;
	else
		*(struct troupe_text *)at = (struct troupe_text){ copy, item->size };
	return 0;
}

static int store_value(const struct decoder *d, void *at, struct troupe_value v)
{
	void *copy = keep(d, v.data, v.size);

	if (!copy)
		return TROUPE_ENOMEM;
	*(struct troupe_value *)at = (struct troupe_value){ copy, v.size };
	return 0;
}

static void store_absent(const struct troupe_field *f, void *at)
{
	switch (f->type) {
	case TROUPE_BOOL:    *(bool *)at = f->fallback != 0; break;
	case TROUPE_INT32:   *(int32_t *)at = (int32_t)f->fallback; break;
	case TROUPE_INT64:   *(int64_t *)at = (int64_t)f->fallback; break;
	case TROUPE_UINT32:  *(uint32_t *)at = (uint32_t)f->fallback; break;
	case TROUPE_DOUBLE:  *(double *)at = f->fallback; break;
	case TROUPE_CSTRING: *(const char **)at = NULL; break;
	case TROUPE_TEXT:    *(struct troupe_text *)at = (struct troupe_text){ NULL, 0 }; break;
	case TROUPE_VALUE:   *(struct troupe_value *)at = (struct troupe_value){ NULL, 0 }; break;
	}
}

static int store(const struct decoder *d, const struct troupe_field *f, void *at, struct troupe_value v)
{
	struct tr_cursor c = tr_cursor(v);
	struct tr_item item = { .kind = TR_UNDEFINED };

	if (v.size && tr_next(&c, &item))
		return damaged(d);
	if (f->optional && (item.kind == TR_UNDEFINED || (item.kind == TR_NIL && f->type != TROUPE_VALUE))) {
		store_absent(f, at);
		return 0;
	}
	if (!v.size)
		return complain(d, "%s.%s: must be %s, is missing", d->record->name, f->name, wants[f->type]);
	switch (f->type) {
	case TROUPE_BOOL:
		if (item.kind != TR_BOOL)
			break;
		*(bool *)at = item.boolean;
		return 0;
	case TROUPE_DOUBLE:
		if (item.kind != TR_INT && item.kind != TR_FLOAT)
			break;
		*(double *)at = item.number;
		return 0;
	case TROUPE_INT32:
	case TROUPE_INT64:
	case TROUPE_UINT32:
		return store_integer(d, f, at, &item);
	case TROUPE_CSTRING:
	case TROUPE_TEXT:
		if (item.kind != TR_STR)
			break;
		return store_text(d, f, at, &item);
	case TROUPE_VALUE:
		return store_value(d, at, v);
	}
	return mismatch(d, f, kinds[item.kind]);
}

static int store_all(const struct decoder *d, void *into, const struct troupe_value *found)
{
	int error;

	for (size_t i = 0; i < d->record->count; i++) {
		const struct troupe_field *f = &d->record->fields[i];

		error = store(d, f, (char *)into + f->offset, found[i]);
		if (error)
			return error;
	}
	return 0;
}

/* ---- finding the fields' values */

/* The field of this name, looked for from `likely` on: clients tend to keep the order. -1: none. */
static int field_named(const struct troupe_record *r, const struct tr_item *key, size_t likely)
{
	for (size_t n = 0; key->kind == TR_STR && n < r->count; n++) {
		size_t i = (likely + n) % r->count;

		if (strlen(r->fields[i].name) == key->size && !memcmp(r->fields[i].name, key->data, key->size))
			return (int)i;
	}
	return -1;
}

int tr_record_decode(const struct troupe_record *r, void *into, struct troupe_value map, const struct tr_arena *arena,
                     char *why, size_t why_size)
{
	const struct decoder d = { r, arena, why, why_size };
	struct troupe_value found[TR_RECORD_FIELDS_MAX] = { { NULL, 0 } };
	struct tr_cursor c = tr_cursor(map);
	struct tr_item head, key;
	size_t likely = 0;

	assert(r->count <= TR_RECORD_FIELDS_MAX);
	if (tr_next(&c, &head))
		return damaged(&d);
	if (head.kind != TR_MAP)
		return complain(&d, "%s: must be an object, got %s", r->name, kinds[head.kind]);
	for (uint32_t i = 0; i < head.count; i++) {
		struct troupe_value value;
		int field;

		if (tr_next(&c, &key) || tr_skip(&c, &value))
			return damaged(&d);
		field = field_named(r, &key, likely);
		if (field < 0)
			continue;
		found[field] = value;
		likely = (size_t)field + 1;
	}
	return store_all(&d, into, found);
}

int tr_record_decode_list(const struct troupe_record *r, void *into, struct troupe_value array,
                          const struct tr_arena *arena, char *why, size_t why_size)
{
	const struct decoder d = { r, arena, why, why_size };
	struct troupe_value found[TR_RECORD_FIELDS_MAX] = { { NULL, 0 } };
	struct tr_cursor c = tr_cursor(array);
	struct tr_item head;

	assert(r->count <= TR_RECORD_FIELDS_MAX);
	if (tr_next(&c, &head))
		return damaged(&d);
	if (head.kind != TR_ARRAY)
		return complain(&d, "%s: must be an array, got %s", r->name, kinds[head.kind]);
	if (head.count && !r->count)
		return complain(&d, "%s: takes no arguments, got %u", r->name, (unsigned)head.count);
	if (head.count > r->count)
		return complain(&d, "%s: takes at most %zu argument%s, got %u", r->name, r->count,
		                r->count == 1 ? "" : "s", (unsigned)head.count);
	for (uint32_t i = 0; i < head.count; i++)
		if (tr_skip(&c, &found[i]))
			return damaged(&d);
	return store_all(&d, into, found);
}

/* ---- encoding */

static bool is_absent(const struct troupe_field *f, const void *at)
{
	switch (f->type) {
	case TROUPE_CSTRING: return !*(const char *const *)at;
	case TROUPE_TEXT:    return !((const struct troupe_text *)at)->data;
	case TROUPE_VALUE:   return !((const struct troupe_value *)at)->size;
	default:             return false;
	}
}

/* A packed value holds UTF-8 only, whatever the author's struct does. */
static void put_text(struct tr_bytes *out, struct troupe_text text)
{
	struct tr_bytes clean = { 0 };

	if (tr_utf8_valid(text.data, text.size)) {
		tr_put_str(out, text.data, text.size);
		return;
	}
	tr_utf8_put_clean(&clean, text);
	out->failed |= clean.failed;
	tr_put_str(out, (const char *)clean.data, clean.size);
	tr_bytes_free(&clean);
}

static void put_field(struct tr_bytes *out, const struct troupe_field *f, const void *at)
{
	const char *s;

	switch (f->type) {
	case TROUPE_BOOL:   tr_put_bool(out, *(const bool *)at); break;
	case TROUPE_INT32:  tr_put_int(out, *(const int32_t *)at); break;
	case TROUPE_INT64:  tr_put_int(out, *(const int64_t *)at); break;
	case TROUPE_UINT32: tr_put_int(out, *(const uint32_t *)at); break;
	case TROUPE_DOUBLE: tr_put_float(out, *(const double *)at); break;
	case TROUPE_CSTRING:
		s = *(const char *const *)at;
		put_text(out, tr_text_from(s));
		break;
	case TROUPE_TEXT:   put_text(out, *(const struct troupe_text *)at); break;
	case TROUPE_VALUE:  tr_put_value(out, *(const struct troupe_value *)at); break;
	}
}

void tr_record_encode(const struct troupe_record *r, const void *from, uint32_t extra, struct tr_bytes *out)
{
	uint32_t pairs = extra;

	for (size_t i = 0; i < r->count; i++)
		pairs += !is_absent(&r->fields[i], (const char *)from + r->fields[i].offset);
	tr_put_map(out, pairs);
	for (size_t i = 0; i < r->count; i++) {
		const struct troupe_field *f = &r->fields[i];
		const void *at = (const char *)from + f->offset;

		if (is_absent(f, at))
			continue;
		tr_put_text(out, f->name);
		put_field(out, f, at);
	}
}
