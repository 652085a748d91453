/* SPDX-License-Identifier: Apache-2.0 */
/* The recorded JavaScript values of proto/vectors/values-*.json, as packed values. jansson reads them, so nothing that
 * they test is in the way. Their notation: {"$bigint":"5"}, {"$bytes":"hex"}, {"$float":"NaN"}, {"$undefined":true},
 * {"$date_ms":n}, {"$set":[...]}, {"$map":[[k,v]...]}, {"$typedarray":name,"values":[...]}. */
#ifndef TR_TESTS_UNIT_PROTO_JS_H
#define TR_TESTS_UNIT_PROTO_JS_H

#include "tests/kit/test.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "proto/value.h"

static inline json_t *js_load(const char *path)
{
	json_error_t error;
	json_t *file = json_load_file(path, 0, &error);

	if (!file)
		fail_msg("%s: %s (unit tests run at the root of the tree)", path, error.text);
	return file;
}

static inline void js_hex(struct tr_bytes *out, const char *hex)
{
	unsigned byte;

	for (; *hex; hex += 2) {
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		tr_bytes_put_byte(out, (uint8_t)byte);
	}
}

static inline double js_float(const char *name)
{
	if (!strcmp(name, "NaN"))
		return (double)NAN;
	if (!strcmp(name, "-0"))
		return -0.0;
	return *name == '-' ? -(double)INFINITY : (double)INFINITY;
}

static inline void js_put(struct tr_bytes *out, json_t *v);

static inline void js_put_elements(struct tr_bytes *out, json_t *array, size_t each)
{
	size_t i, j;
	json_t *v;

	tr_put_array(out, (uint32_t)(json_array_size(array) * each));
	json_array_foreach(array, i, v) {
		if (each == 1)
			js_put(out, v);
		for (j = 0; each == 2 && j < 2; j++)
			js_put(out, json_array_get(v, j));
	}
}

static inline void js_put_typed(struct tr_bytes *out, const char *name, json_t *values)
{
	struct tr_bytes bytes = { 0 };
	bool floats = !strcmp(name, "Float32Array");
	size_t i;
	json_t *v;

	json_array_foreach(values, i, v) {
		uint16_t n = (uint16_t)json_number_value(v);
		float f = (float)json_number_value(v);

		if (floats) /* the recordings, like these tests, are of a little endian machine */
			tr_bytes_put(&bytes, &f, sizeof(f));
		else
			tr_bytes_put(&bytes, &n, sizeof(n));
	}
	tr_put_typed(out, floats ? 85 : 69, bytes.data, bytes.size);
	tr_bytes_free(&bytes);
}

/* False: an object that is no notation of the above. */
static inline bool js_put_special(struct tr_bytes *out, json_t *v)
{
	struct tr_bytes bytes = { 0 };
	size_t start = out->size;
	json_t *x;

	if ((x = json_object_get(v, "$bigint"))) {
		tr_put_bigint(out, json_string_value(x), json_string_length(x));
	} else if ((x = json_object_get(v, "$bytes")) || (x = json_object_get(v, "$arraybuffer"))) {
		js_hex(&bytes, json_string_value(x));
		tr_put_bin(out, bytes.data, bytes.size);
		tr_bytes_free(&bytes);
	} else if ((x = json_object_get(v, "$float"))) {
		tr_put_float(out, js_float(json_string_value(x)));
	} else if (json_object_get(v, "$undefined")) {
		tr_put_undefined(out);
	} else if ((x = json_object_get(v, "$date_ms"))) {
		tr_put_date(out, json_number_value(x));
	} else if ((x = json_object_get(v, "$set")) || json_object_get(v, "$map")) {
		js_put_elements(out, x ? x : json_object_get(v, "$map"), x ? 1 : 2);
		tr_put_wrap(out, start, x ? TR_SET : TR_JSMAP);
	} else if ((x = json_object_get(v, "$typedarray"))) {
		js_put_typed(out, json_string_value(x), json_object_get(v, "values"));
	} else {
		return false;
	}
	return true;
}

static inline void js_put(struct tr_bytes *out, json_t *v)
{
	const char *key;
	json_t *x;

	switch (json_typeof(v)) {
	case JSON_NULL:    tr_put_nil(out); break;
	case JSON_TRUE:
	case JSON_FALSE:   tr_put_bool(out, json_is_true(v)); break;
	case JSON_INTEGER: tr_put_int(out, json_integer_value(v)); break;
	case JSON_REAL:    tr_put_float(out, json_real_value(v)); break;
	case JSON_STRING:  tr_put_str(out, json_string_value(v), json_string_length(v)); break;
	case JSON_ARRAY:   js_put_elements(out, v, 1); break;
	case JSON_OBJECT:
		if (js_put_special(out, v))
			break;
		tr_put_map(out, (uint32_t)json_object_size(v));
		json_object_foreach(v, key, x) {
			tr_put_text(out, key);
			js_put(out, x);
		}
	}
}

static inline void js_same(const char *name, const struct tr_bytes *got, const struct tr_bytes *want)
{
	if (got->size == want->size && !memcmp(got->data, want->data, got->size))
		return;
	for (size_t i = 0; i < got->size; i++)
		print_error("%02x", got->data[i]);
	print_error(" instead of ");
	for (size_t i = 0; i < want->size; i++)
		print_error("%02x", want->data[i]);
	fail_msg(": %s", name);
}

#endif
