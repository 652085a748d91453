/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR from anyone: what is accepted is a well-formed value that comes back unchanged through CBOR, that JSON can say
 * in both of its modes, and that msgpack-c can read. */
#include "proto/cbor.h"
#include "proto/json.h"
#include "proto/troupe_errors.h"
#include "tests/fuzz/values.h"

/* Out as CBOR, which escapes what it must, and back. */
static void claim_cbor_keeps(const struct tr_bytes *packed)
{
	struct tr_bytes cbor = { 0 }, again = { 0 };

	CLAIM(tr_cbor_encode(&cbor, tr_bytes_value(packed)) == 0);
	CLAIM(tr_cbor_decode(&again, cbor.data, cbor.size, TR_CBOR_COMPAT, DEPTH * 2, NULL) == 0);
	CLAIM(same(packed, &again) || any_item(tr_bytes_value(packed), lost_in_cbor));
	tr_bytes_free(&cbor);
	tr_bytes_free(&again);
}

static void claim_json_says(const struct tr_bytes *packed)
{
	struct tr_bytes text = { 0 }, again = { 0 };

	CLAIM(tr_json_encode(&text, tr_bytes_value(packed), TR_JSON_PLAIN) == 0);
	CLAIM(tr_json_check(text_of(&text), DEPTH * 2, NULL) == 0);
	tr_bytes_clear(&text);
	CLAIM(tr_json_encode(&text, tr_bytes_value(packed), TR_JSON_COMPAT) == 0);
	CLAIM(tr_json_decode(&again, text_of(&text), TR_JSON_COMPAT, DEPTH * 2, NULL) == 0);
	CLAIM(same(packed, &again) || any_item(tr_bytes_value(packed), lost_in_json));
	tr_bytes_free(&text);
	tr_bytes_free(&again);
}

/* The same item, with more bytes behind it. */
static void claim_prefix(const uint8_t *data, size_t size, enum tr_cbor_mode mode, const struct tr_bytes *packed)
{
	struct tr_bytes longer = { 0 }, again = { 0 };
	size_t used = 0;

	tr_bytes_put(&longer, data, size);
	tr_bytes_put(&longer, data, size);
	CLAIM(tr_cbor_decode_prefix(&again, longer.data, longer.size, &used, mode, DEPTH, NULL) == 0);
	CLAIM(used == size && same(&again, packed));
	tr_bytes_free(&longer);
	tr_bytes_free(&again);
}

static void decode(const uint8_t *data, size_t size, enum tr_cbor_mode mode)
{
	struct tr_bytes packed = { 0 };
	const char *why = NULL;
	int err = tr_cbor_decode(&packed, data, size, mode, DEPTH, &why);

	CLAIM(err == 0 || (err == TROUPE_EBADVALUE && why && !packed.size));
	/* The most that so few bytes can become is ["$BigInt", 1e308], 18 bytes, in a buffer that was just doubled. */
	CLAIM(packed.room <= 64 + size * 40);
	if (!err) {
		CLAIM(tr_value_check(tr_bytes_value(&packed), DEPTH) == 0);
		claim_msgpack_reads(&packed);
		claim_cbor_keeps(&packed);
		claim_json_says(&packed);
		claim_prefix(data, size, mode, &packed);
	}
	tr_bytes_free(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode(data, size, TR_CBOR_NATIVE);
	decode(data, size, TR_CBOR_COMPAT);
	return 0;
}
