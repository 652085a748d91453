/* SPDX-License-Identifier: Apache-2.0 */
/* The "$" forms: one table, from a name to what makes the value of it. Each function finds the form at the end of
 * `out`, its own pieces still lying there, and leaves the value in its place. */
#include "proto/compat.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/key.h"
#include "proto/number.h"
#include "proto/troupe_errors.h"

struct form {
	const char *name;
	int       (*revive)(struct tr_bytes *out, size_t start, struct troupe_value payload, struct tr_item item);
	const char *why; /* it is refused */
};

static int revive_undefined(struct tr_bytes *out, size_t start, struct troupe_value payload, struct tr_item item)
{
	(void)payload, (void)item;
	out->size = start;
	tr_put_undefined(out);
	return 0;
}

/* Text, or a number without fraction as BigInt() takes it. */
static int revive_bigint(struct tr_bytes *out, size_t start, struct troupe_value payload, struct tr_item item)
{
	char text[TR_BIGINT_TEXT_MAX];
	size_t size = 0;

	(void)payload;
	if (item.kind == TR_STR)
		size = tr_bigint_normalise(text, item.data, item.size);
	else if (item.kind == TR_INT)
		size = tr_integer_print(text, item.integer);
	else if (item.kind == TR_FLOAT && item.number == 0) /* -0: there is only one BigInt zero */
		size = tr_integer_print(text, 0);
	else if (item.kind == TR_FLOAT && isfinite(item.number) && item.number == trunc(item.number))
		size = (size_t)snprintf(text, sizeof(text), "%.0f", item.number);
	if (!size)
		return TROUPE_EBADVALUE;
	out->size = start;
	tr_put_bigint(out, text, size);
	return 0;
}

static int revive_bytes(struct tr_bytes *out, size_t start, struct troupe_value payload, struct tr_item item)
{
	struct tr_bytes bytes = { .size = 0 };
	int err = TROUPE_EBADVALUE;

	(void)payload;
	if (item.kind == TR_STR)
		err = tr_base64_decode_any(&bytes, (struct troupe_text){ item.data, item.size });
	if (!err && bytes.failed)
		err = TROUPE_ENOMEM;
	if (!err) {
		out->size = start;
		tr_put_bin(out, bytes.data, bytes.size);
	}
	tr_bytes_free(&bytes);
	return err;
}

static int revive_set(struct tr_bytes *out, size_t start, struct troupe_value payload, struct tr_item item)
{
	if (item.kind != TR_ARRAY)
		return TROUPE_EBADVALUE;
	memmove(out->data + start, payload.data, payload.size);
	out->size = start + payload.size;
	tr_put_wrap(out, start, TR_SET);
	return 0;
}

/* ["$$x", v] is the plain array ["$x", v]. */
static int drop_dollar(struct tr_bytes *out, size_t start, struct troupe_value payload, const struct tr_item *name)
{
	struct tr_bytes front = { .size = 0 };
	int err = 0;

	tr_put_array(&front, 2);
	tr_put_str(&front, name->data + 1, name->size - 1);
	if (front.failed) {
		err = TROUPE_ENOMEM;
	} else {
		memmove(out->data + start + front.size, payload.data, payload.size);
		memcpy(out->data + start, front.data, front.size);
		out->size = start + front.size + payload.size;
	}
	tr_bytes_free(&front);
	return err;
}

static const struct form forms[] = {
	{ TR_COMPAT_BIGINT,    revive_bigint,    "a $BigInt is not a whole number, or too large" },
	{ TR_COMPAT_BYTES,     revive_bytes,     "a $Uint8Array is not base64" },
	{ TR_COMPAT_BUFFER,    revive_bytes,     "an $ArrayBuffer is not base64" },
	{ TR_COMPAT_UNDEFINED, revive_undefined, NULL },
	{ TR_COMPAT_SET,       revive_set,       "a $Set is not an array" },
};

static const struct form *form_named(const struct tr_item *name)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (name->size == strlen(forms[i].name) && memcmp(name->data, forms[i].name, name->size) == 0)
			return &forms[i];
	return NULL;
}

static struct tr_cursor cursor_from(const struct tr_bytes *out, size_t start)
{
	return (struct tr_cursor){ out->data + start, out->data + out->size };
}

int tr_compat_revive(struct tr_bytes *out, size_t start, const char **why)
{
	struct tr_item array, name, item;
	const struct form *form;
	struct troupe_value payload;
	struct tr_cursor c;
	int err;

	if (out->failed)
		return TROUPE_ENOMEM;
	c = cursor_from(out, start);
	if (tr_next(&c, &array) || array.kind != TR_ARRAY || !tr_compat_must_escape(c, array.count) ||
	    tr_next(&c, &name))
		return 0;
	payload = (struct troupe_value){ c.at, (size_t)(c.end - c.at) };
	if (name.size > 1 && name.data[1] == '$')
		return drop_dollar(out, start, payload, &name);
	form = form_named(&name);
	if (!form) {
		*why = "an array of two starts with an unknown \"$\" name";
		return TROUPE_EBADVALUE;
	}
	err = tr_next(&c, &item);
	if (!err)
		err = form->revive(out, start, payload, item);
	if (err == TROUPE_EBADVALUE)
		*why = form->why;
	return err;
}

bool tr_compat_opens_set(const struct tr_bytes *out, size_t start)
{
	struct tr_cursor c = cursor_from(out, start);
	struct tr_item item;

	return !out->failed && tr_next(&c, &item) == 0 && item.kind == TR_STR &&
	       item.size == strlen(TR_COMPAT_SET) && memcmp(item.data, TR_COMPAT_SET, item.size) == 0;
}

bool tr_compat_must_escape(struct tr_cursor c, uint32_t count)
{
	struct tr_item first;

	if (count != 2 || tr_next(&c, &first))
		return false;
	if (first.kind == TR_JSON)
		return tr_compat_json_dollar(first.data, first.size);
	return first.kind == TR_STR && first.size && *first.data == '$';
}

bool tr_compat_json_dollar(const char *text, size_t size)
{
	return (size >= 2 && memcmp(text, "\"$", 2) == 0) || (size >= 7 && memcmp(text, "\"\\u0024", 7) == 0);
}
