/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the recordings in proto/vectors without any code that they test: jansson parses them, and the values in them
 * become packed values here. Their notation: {"$bigint":"5"}, {"$undefined":true}, {"$float":"NaN"}, and, where the
 * recorded encoding has them, the "$" forms themselves. */
#ifndef TR_TESTS_UNIT_PROTO_RECORDED_H
#define TR_TESTS_UNIT_PROTO_RECORDED_H

#include "tests/kit/test.h"

#include <jansson.h>
#include <stdlib.h>

#include "proto/key.h"
#include "proto/text.h"
#include "proto/value.h"

/* Unit tests run at the root of the tree. */
static inline json_t *recorded_load(const char *name)
{
	char path[256];
	json_error_t error;
	json_t *file;

	snprintf(path, sizeof(path), "proto/vectors/%s", name);
	file = json_load_file(path, 0, &error);
	if (!file)
		fail_msg("%s: %s (unit tests run at the root of the tree)", path, error.text);
	return file;
}

static inline void recorded_hex(struct tr_bytes *out, const char *hex)
{
	unsigned byte;

	for (; *hex; hex += 2) {
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		tr_bytes_put_byte(out, (uint8_t)byte);
	}
}

static inline const char *recorded_text(json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* 5, "5", ["$BigInt","5"] or {"$bigint":"5"}: as the encodings write an id. */
static inline uint64_t recorded_u64(json_t *v)
{
	if (json_is_array(v))
		v = json_array_get(v, 1);
	if (json_is_object(v))
		v = json_object_get(v, "$bigint");
	return json_is_string(v) ? strtoull(json_string_value(v), NULL, 10) : (uint64_t)json_integer_value(v);
}

static inline void recorded_put(struct tr_bytes *out, json_t *v, bool forms);

/* False: the array is just an array. */
static inline bool recorded_put_form(struct tr_bytes *out, json_t *v)
{
	const char *tag = json_string_value(json_array_get(v, 0));
	const char *text = json_string_value(json_array_get(v, 1));

	if (json_array_size(v) != 2 || !tag || *tag != '$')
		return false;
	if (!strcmp(tag, "$Undefined")) {
		tr_put_undefined(out);
	} else if (!strcmp(tag, "$BigInt")) {
		tr_put_bigint(out, text, strlen(text));
	} else if (!strcmp(tag, "$Uint8Array")) {
		struct tr_bytes bytes = { 0 };

		assert_int_equal(tr_base64_decode(&bytes, tr_text_from(text)), 0);
		tr_put_bin(out, bytes.data, bytes.size);
		tr_bytes_free(&bytes);
	} else {
		assert_int_equal(tag[1], '$');
		tr_put_array(out, 2);
		tr_put_text(out, tag + 1);
		recorded_put(out, json_array_get(v, 1), true);
	}
	return true;
}

static inline void recorded_put_object(struct tr_bytes *out, json_t *v, bool forms)
{
	const char *name;
	json_t *member;

	if (json_object_get(v, "$undefined")) {
		tr_put_undefined(out);
		return;
	}
	if (json_object_get(v, "$bigint")) {
		tr_put_bigint(out, recorded_text(v, "$bigint"), strlen(recorded_text(v, "$bigint")));
		return;
	}
	tr_put_map(out, (uint32_t)json_object_size(v));
	json_object_foreach(v, name, member) {
		assert_int_not_equal(*name, '$'); /* a notation that is not known here */
		tr_put_text(out, name);
		recorded_put(out, member, forms);
	}
}

/* `forms`: the recorded encoding has "$" forms. */
static inline void recorded_put(struct tr_bytes *out, json_t *v, bool forms)
{
	size_t i;
	json_t *element;

	switch (json_typeof(v)) {
	case JSON_NULL:    tr_put_nil(out); break;
	case JSON_TRUE:    tr_put_bool(out, true); break;
	case JSON_FALSE:   tr_put_bool(out, false); break;
	case JSON_INTEGER: tr_put_int(out, json_integer_value(v)); break;
	case JSON_REAL:    tr_put_float(out, json_real_value(v)); break;
	case JSON_STRING:  tr_put_str(out, json_string_value(v), json_string_length(v)); break;
	case JSON_OBJECT:  recorded_put_object(out, v, forms); break;
	case JSON_ARRAY:
		if (forms && recorded_put_form(out, v))
			break;
		tr_put_array(out, (uint32_t)json_array_size(v));
		json_array_foreach(v, i, element)
			recorded_put(out, element, forms);
	}
}

static inline void assert_same_bytes(const void *a, size_t a_size, const void *b, size_t b_size)
{
	assert_int_equal(a_size, b_size);
	if (a_size)
		assert_memory_equal(a, b, a_size);
}

#endif
