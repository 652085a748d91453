/* SPDX-License-Identifier: Apache-2.0 */
/* JSON from anyone: what is accepted must be what jansson accepts, come back unchanged through both encodings, and find
 * the same members as text and as a value. */
#include <jansson.h>

#include "proto/cbor.h"
#include "proto/json.h"
#include "proto/troupe_errors.h"
#include "tests/fuzz/values.h"

static struct troupe_text trimmed(const uint8_t *data, size_t size)
{
	while (size && strchr(" \t\r\n", *data) && *data)
		data++, size--;
	while (size && strchr(" \t\r\n", data[size - 1]) && data[size - 1])
		size--;
	return (struct troupe_text){ (const char *)data, size };
}

static bool holds(struct troupe_text text, const char *piece)
{
	return memmem(text.data, text.size, piece, strlen(piece)) != NULL;
}

/* jansson is stricter than JavaScript: numbers beyond its types, lone surrogates, U+0000 in names. */
static bool jansson_may_refuse(struct troupe_text text, const json_error_t *error)
{
	enum json_error_code code = json_error_code(error);

	return code == json_error_numeric_overflow || code == json_error_null_byte_in_key || holds(text, "\\ud") ||
	       holds(text, "\\uD");
}

static void claim_jansson_agrees(struct troupe_text text, bool accepted, const char *why)
{
	json_error_t error;
	json_t *json = json_loadb(text.data, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

	if (accepted)
		CLAIM(json || jansson_may_refuse(text, &error));
	else /* and more lenient in this: it takes a NUL byte for the end */
		CLAIM(!json || strcmp(why, "nested too deeply") == 0 || memchr(text.data, 0, text.size));
	json_decref(json);
}

/* Out as JSON and back: the same value, and out again: the same text. */
static void claim_json_keeps(const struct tr_bytes *packed, enum tr_json_mode mode)
{
	struct tr_bytes text = { 0 }, again = { 0 }, text_again = { 0 };
	const char *why = NULL;

	CLAIM(tr_json_encode(&text, tr_bytes_value(packed), mode) == 0);
	CLAIM(tr_json_check(text_of(&text), DEPTH * 2, NULL) == 0);
	CLAIM(tr_json_decode(&again, text_of(&text), mode, DEPTH * 2, &why) == 0);
	CLAIM(tr_json_encode(&text_again, tr_bytes_value(&again), mode) == 0);
	CLAIM(same(&text, &text_again));
	CLAIM(same(packed, &again) || any_item(tr_bytes_value(packed), lost_in_json));
	tr_bytes_free(&text);
	tr_bytes_free(&again);
	tr_bytes_free(&text_again);
}

static void claim_cbor_keeps(const struct tr_bytes *packed)
{
	struct tr_bytes cbor = { 0 }, again = { 0 };
	const char *why = NULL;

	CLAIM(tr_cbor_encode(&cbor, tr_bytes_value(packed)) == 0);
	CLAIM(tr_cbor_decode(&again, cbor.data, cbor.size, TR_CBOR_COMPAT, DEPTH * 2, &why) == 0);
	CLAIM(same(packed, &again));
	tr_bytes_free(&cbor);
	tr_bytes_free(&again);
}

/* Kept JSON goes out to the byte; with escapes it means what it meant; as CBOR it is what its value would be. */
static void claim_kept(struct troupe_text text, const struct tr_bytes *packed)
{
	struct tr_bytes kept = { 0 }, out = { 0 }, back = { 0 };

	tr_put_json(&kept, text.data, text.size);
	CLAIM(tr_value_check(tr_bytes_value(&kept), 0) == 0);
	CLAIM(tr_json_encode(&out, tr_bytes_value(&kept), TR_JSON_PLAIN) == 0);
	CLAIM(out.size == text.size && memcmp(out.data, text.data, text.size) == 0);
	tr_bytes_clear(&out);
	CLAIM(tr_json_encode(&out, tr_bytes_value(&kept), TR_JSON_COMPAT) == 0);
	CLAIM(tr_json_decode(&back, text_of(&out), TR_JSON_COMPAT, DEPTH, NULL) == 0);
	CLAIM(same(&back, packed));
	tr_bytes_clear(&out);
	tr_bytes_clear(&back);
	CLAIM(tr_cbor_encode(&out, tr_bytes_value(&kept)) == 0);
	CLAIM(tr_cbor_encode(&back, tr_bytes_value(packed)) == 0);
	CLAIM(same(&out, &back));
	tr_bytes_free(&kept);
	tr_bytes_free(&out);
	tr_bytes_free(&back);
}

/* As the first of two, where a kept "$" string must be escaped from outside. */
static void claim_kept_first(struct troupe_text text, const struct tr_bytes *packed)
{
	struct tr_bytes pair = { 0 }, want = { 0 }, out = { 0 }, back = { 0 };

	tr_put_array(&pair, 2);
	tr_put_json(&pair, text.data, text.size);
	tr_put_nil(&pair);
	tr_put_array(&want, 2);
	tr_put_value(&want, tr_bytes_value(packed));
	tr_put_nil(&want);
	CLAIM(tr_json_encode(&out, tr_bytes_value(&pair), TR_JSON_COMPAT) == 0);
	CLAIM(tr_json_decode(&back, text_of(&out), TR_JSON_COMPAT, DEPTH + 1, NULL) == 0);
	CLAIM(same(&back, &want));
	tr_bytes_clear(&out);
	tr_bytes_clear(&back);
	CLAIM(tr_cbor_encode(&out, tr_bytes_value(&pair)) == 0);
	CLAIM(tr_cbor_decode(&back, out.data, out.size, TR_CBOR_COMPAT, DEPTH + 1, NULL) == 0);
	CLAIM(same(&back, &want));
	tr_bytes_free(&pair);
	tr_bytes_free(&want);
	tr_bytes_free(&out);
	tr_bytes_free(&back);
}

static void claim_finds(struct troupe_text text, const struct tr_bytes *packed)
{
	struct troupe_text found, string;
	struct troupe_value member;
	struct tr_bytes value = { 0 };
	bool there = tr_value_member(tr_bytes_value(packed), "a", &member) && tr_value_member(member, "", &member);

	CLAIM(tr_json_find(text, &found, "a", "", NULL) == there);
	if (there) {
		CLAIM(tr_json_check(found, DEPTH, NULL) == 0);
		CLAIM(tr_json_decode(&value, found, TR_JSON_PLAIN, DEPTH, NULL) == 0);
		CLAIM(value.size == member.size && memcmp(value.data, member.data, member.size) == 0);
	}
	tr_bytes_clear(&value);
	there = there && tr_value_text(member, &string);
	CLAIM(tr_json_find_string(text, &value, "a", "", NULL) == there);
	if (there)
		CLAIM(value.size == string.size && (!string.size || memcmp(value.data, string.data, string.size) == 0));
	tr_bytes_free(&value);
}

static void plain(struct troupe_text text, const uint8_t *data, size_t size)
{
	struct tr_bytes packed = { 0 };
	const char *why = NULL;
	int err = tr_json_decode(&packed, (struct troupe_text){ (const char *)data, size }, TR_JSON_PLAIN, DEPTH, &why);

	CLAIM(err == 0 || (err == TROUPE_EBADVALUE && why && !packed.size));
	CLAIM((tr_json_check(text, DEPTH, NULL) == 0) == (err == 0));
	claim_jansson_agrees(text, err == 0, why);
	if (!err) {
		CLAIM(tr_value_check(tr_bytes_value(&packed), DEPTH) == 0);
		claim_msgpack_reads(&packed);
		claim_json_keeps(&packed, TR_JSON_PLAIN);
		claim_cbor_keeps(&packed);
		claim_kept(text, &packed);
		claim_kept_first(text, &packed);
		claim_finds(text, &packed);
	}
	tr_bytes_free(&packed);
}

static void compat(struct troupe_text text)
{
	struct tr_bytes packed = { 0 };
	const char *why = NULL;
	int err = tr_json_decode(&packed, text, TR_JSON_COMPAT, DEPTH, &why);

	CLAIM(err == 0 || (err == TROUPE_EBADVALUE && why && !packed.size));
	if (!err) {
		CLAIM(tr_json_check(text, DEPTH, NULL) == 0);
		CLAIM(tr_value_check(tr_bytes_value(&packed), DEPTH) == 0);
		claim_json_keeps(&packed, TR_JSON_COMPAT);
		claim_cbor_keeps(&packed);
	}
	tr_bytes_free(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct troupe_text text = trimmed(data, size);

	plain(text, data, size);
	compat(text);
	return 0;
}
