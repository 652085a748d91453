/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR to packed values: what cbor-x sends, and nothing that a hostile client could gain by.
 *
 * A head may claim any length. It is compared with the bytes that are there before anything is done about it, and every
 * element takes a byte at least; so the output grows with the input alone. */
#include <math.h>
#include <string.h>

#include "proto/cbor.h"
#include "proto/compat.h"
#include "proto/date.h"
#include "proto/key.h"
#include "proto/number.h"
#include "proto/troupe_errors.h"
#include "proto/typed.h"

enum major { UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };

#define BREAK           0xff
#define INFO_HALF       25
#define INFO_64_BIT     27
#define INFO_INDEFINITE 31

struct reader {
	const uint8_t   *at, *end;
	struct tr_bytes *out;
	bool             revive; /* "$" forms */
	const char      *why;
};

struct head {
	enum major major;
	unsigned   info;
	uint64_t   argument;
};

/* `literal`: an array here is no "$" form, whatever it starts with. */
static int read_item(struct reader *r, unsigned depth, bool literal);

static int fail(struct reader *r, const char *why)
{
	r->why = why;
	return TROUPE_EBADVALUE;
}

static int fail_too_deep(struct reader *r)
{
	return fail(r, "nested too deeply");
}

static size_t left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

static int read_head(struct reader *r, struct head *ret)
{
	unsigned more;

	if (!left(r))
		return fail(r, "the bytes end too early");
	ret->major = *r->at >> 5;
	ret->info = *r->at++ & 0x1f;
	ret->argument = ret->info;
	if (ret->info < 24 || ret->info == INFO_INDEFINITE)
		return 0;
	if (ret->info > INFO_64_BIT)
		return fail(r, "a head has a reserved length");
	more = 1u << (ret->info - 24);
	if (left(r) < more)
		return fail(r, "the bytes end too early");
	for (ret->argument = 0; more--;)
		ret->argument = ret->argument << 8 | *r->at++;
	return 0;
}

/* A definite run of bytes, for a text or byte string's head. */
static int read_run(struct reader *r, const struct head *h, const uint8_t **run)
{
	if (h->info == INFO_INDEFINITE)
		return fail(r, "a string of indefinite length");
	if (h->argument > left(r))
		return fail(r, "a string is longer than the bytes that are there");
	*run = r->at;
	r->at += h->argument;
	return 0;
}

/* ---- scalars */

enum as { AS_VALUE, AS_KEY };

/* Out of line, since the frames of a recursion are no place for its buffer. */
static __attribute__((noinline)) void put_big(struct tr_bytes *out, const uint8_t *bytes, size_t size, bool negative,
                                              enum as as)
{
	char text[TR_BIGINT_TEXT_MAX];
	size_t text_size = tr_bigint_print(text, bytes, size, negative);

	if (as == AS_KEY)
		tr_put_str(out, text, text_size);
	else
		tr_put_bigint(out, text, text_size);
}

static bool is_integer(const struct head *h)
{
	return (h->major == UNSIGNED || h->major == NEGATIVE) && h->info != INFO_INDEFINITE;
}

/* Of a head that is not 64 bits wide. */
static int64_t small_integer(const struct head *h)
{
	return h->major == NEGATIVE ? -1 - (int64_t)h->argument : (int64_t)h->argument;
}

/* JavaScript's rule: a 64-bit head is a BigInt, whatever the value. */
static int read_integer(struct reader *r, const struct head *h)
{
	if (!is_integer(h))
		return fail(r, "an integer of indefinite length");
	if (h->info == INFO_64_BIT)
		put_big(r->out, r->at - 8, 8, h->major == NEGATIVE, AS_VALUE);
	else
		tr_put_int(r->out, small_integer(h));
	return 0;
}

static int read_bytes(struct reader *r, const struct head *h)
{
	const uint8_t *run;
	int err = read_run(r, h, &run);

	if (!err)
		tr_put_bin(r->out, run, (size_t)h->argument);
	return err;
}

static int read_text(struct reader *r, const struct head *h)
{
	struct tr_bytes clean = { .size = 0 };
	const uint8_t *run;
	int err = read_run(r, h, &run);

	if (err)
		return err;
	if (tr_utf8_valid((const char *)run, (size_t)h->argument)) {
		tr_put_str(r->out, (const char *)run, (size_t)h->argument);
		return 0;
	}
	tr_utf8_put_clean(&clean, (struct troupe_text){ (const char *)run, (size_t)h->argument });
	r->out->failed |= clean.failed;
	tr_put_str(r->out, (const char *)clean.data, clean.size);
	tr_bytes_free(&clean);
	return 0;
}

static double float_of(const struct head *h)
{
	uint32_t half = (uint32_t)h->argument;
	double number;
	float single;

	if (h->info == INFO_HALF)
		return tr_half_double((uint16_t)half);
	if (h->info == 26) {
		memcpy(&single, &half, sizeof(single));
		return (double)single;
	}
	memcpy(&number, &h->argument, sizeof(number));
	return number;
}

static int read_simple(struct reader *r, const struct head *h)
{
	switch (h->info) {
	case 20: case 21: tr_put_bool(r->out, h->info == 21); return 0;
	case 22: tr_put_nil(r->out); return 0;
	case 23: tr_put_undefined(r->out); return 0;
	case INFO_HALF: case 26: case INFO_64_BIT: tr_put_float(r->out, float_of(h)); return 0;
	case INFO_INDEFINITE: return fail(r, "a break where a value belongs");
	}
	return fail(r, "a simple value that JavaScript does not have");
}

/* ---- containers */

/* How many elements to expect; -1 when a break will end them. */
static int read_count(struct reader *r, const struct head *h, unsigned bytes_each, int64_t *ret)
{
	if (h->info != INFO_INDEFINITE && h->argument > left(r) / bytes_each)
		return fail(r, "more elements are claimed than there are bytes");
	*ret = h->info == INFO_INDEFINITE ? -1 : (int64_t)h->argument;
	return 0;
}

/* Is there another element? Takes the break when that is what comes. When the bytes are over, the element's reader will
 * say so. */
static bool more(struct reader *r, int64_t count, uint32_t read)
{
	if (count >= 0)
		return read < count;
	if (!left(r) || *r->at != BREAK)
		return true;
	r->at++;
	return false;
}

/* The array under "$Set" holds the Set's elements and is no form itself. Without a count it is taken on trust that there
 * is a Set; no client sends such arrays. */
static int read_array(struct reader *r, const struct head *h, unsigned depth, bool literal)
{
	size_t start = tr_put_open(r->out);
	bool revive = r->revive && !literal;
	uint32_t read = 0;
	int64_t count;
	int err = read_count(r, h, 1, &count);

	for (; !err && more(r, count, read); read++) {
		bool set = revive && read == 1 && count <= 2 && tr_compat_opens_set(r->out, start + 1);

		err = read_item(r, depth, set);
		if (!err && set && count < 0 && left(r) && *r->at != BREAK)
			err = fail(r, "a \"$Set\" of indefinite length is not an array of two");
	}
	if (err)
		return err;
	tr_put_close_array(r->out, start, read);
	return revive && read == 2 ? tr_compat_revive(r->out, start, &r->why) : 0;
}

/* Text; or an integer, which becomes text as a JavaScript object's key does. */
static int read_key(struct reader *r)
{
	char text[TR_NUMBER_TEXT_MAX];
	struct head h;
	int err = read_head(r, &h);

	if (err)
		return err;
	if (h.major == TEXT)
		return read_text(r, &h);
	if (!is_integer(&h))
		return fail(r, "a map's key is neither text nor an integer");
	if (h.info == INFO_64_BIT)
		put_big(r->out, r->at - 8, 8, h.major == NEGATIVE, AS_KEY);
	else
		tr_put_str(r->out, text, tr_integer_print(text, small_integer(&h)));
	return 0;
}

static int read_map(struct reader *r, const struct head *h, unsigned depth)
{
	size_t start = tr_put_open(r->out);
	uint32_t read = 0;
	int64_t count;
	int err = read_count(r, h, 2, &count);

	for (; !err && more(r, count, read); read++) {
		err = read_key(r);
		if (!err)
			err = read_item(r, depth, false);
	}
	if (!err)
		tr_put_close_map(r->out, start, read);
	return err;
}

/* ---- tags */

/* The byte string that several tags want. */
static int read_tagged_bytes(struct reader *r, const char *why, const uint8_t **run, size_t *size)
{
	struct head h;
	int err = read_head(r, &h);

	if (err)
		return err;
	if (h.major != BYTES)
		return fail(r, why);
	*size = (size_t)h.argument;
	return read_run(r, &h, run);
}

static int read_bignum(struct reader *r, bool negative)
{
	const uint8_t *run;
	size_t size;
	int err = read_tagged_bytes(r, "a big integer is not a byte string", &run, &size);

	if (err)
		return err;
	if (size > TR_BIGINT_BYTES_MAX)
		return fail(r, "an integer of more than 1,024 bytes");
	put_big(r->out, run, size, negative, AS_VALUE);
	return 0;
}

static int read_typed(struct reader *r, uint8_t tag)
{
	const uint8_t *run;
	size_t size;
	int err = read_tagged_bytes(r, "a typed array is not a byte string", &run, &size);

	if (err)
		return err;
	if (!tr_typed_fits(tag, size))
		return fail(r, "a typed array of an unknown type, or with a part of an element");
	if (tag == 64)
		tr_put_bin(r->out, run, size);
	else
		tr_put_typed(r->out, tag, run, size);
	return 0;
}

static int read_text_date(struct reader *r)
{
	const uint8_t *run;
	struct head h;
	double ms;
	int err = read_head(r, &h);

	if (err)
		return err;
	if (h.major != TEXT)
		return fail(r, "a date of tag 0 is not text");
	err = read_run(r, &h, &run);
	if (err)
		return err;
	if (!tr_date_parse((const char *)run, (size_t)h.argument, &ms))
		return fail(r, "a date is not written as ISO 8601 wants it");
	tr_put_date(r->out, ms);
	return 0;
}

static int read_number_date(struct reader *r)
{
	struct head h;
	double seconds;
	int err = read_head(r, &h);

	if (err)
		return err;
	if (is_integer(&h))
		seconds = h.major == NEGATIVE ? -1 - (double)h.argument : (double)h.argument;
	else if (h.major == SIMPLE && h.info >= INFO_HALF && h.info <= INFO_64_BIT)
		seconds = float_of(&h);
	else
		return fail(r, "a date of tag 1 is not a number");
	tr_put_date(r->out, tr_date_clip(seconds * 1000));
	return 0;
}

/* Its elements stay as they are, as the official server takes them: no form in them is revived. */
static int read_set(struct reader *r, unsigned depth)
{
	size_t start = r->out->size;
	bool revive = r->revive;
	struct head h;
	int err = read_head(r, &h);

	if (err)
		return err;
	if (h.major != ARRAY)
		return fail(r, "a Set is not an array");
	r->revive = false;
	err = read_array(r, &h, depth, true);
	r->revive = revive;
	if (!err)
		tr_put_wrap(r->out, start, TR_SET);
	return err;
}

static int read_jsmap(struct reader *r, unsigned depth)
{
	size_t start = tr_put_open(r->out);
	uint32_t read = 0;
	int64_t count = 0;
	struct head h;
	int err = read_head(r, &h);

	if (!err && h.major != MAP)
		err = fail(r, "a Map is not a map");
	if (!err)
		err = read_count(r, &h, 2, &count);
	for (; !err && more(r, count, read / 2); read += 2) {
		err = read_item(r, depth, false);
		if (!err)
			err = read_item(r, depth, false);
	}
	if (err)
		return err;
	tr_put_close_array(r->out, start, read);
	tr_put_wrap(r->out, start, TR_JSMAP);
	return 0;
}

static int read_tag(struct reader *r, const struct head *h, unsigned depth, bool literal)
{
	if (h->info == INFO_INDEFINITE)
		return fail(r, "a tag of indefinite length");
	if (h->argument >= 64 && h->argument <= 87)
		return read_typed(r, (uint8_t)h->argument);
	switch (h->argument) {
	case 0:     return read_text_date(r);
	case 1:     return read_number_date(r);
	case 2:     return read_bignum(r, false);
	case 3:     return read_bignum(r, true);
	case 27:    return fail(r, "an Error or RegExp cannot be sent");
	case 258:   return depth ? read_set(r, depth - 1) : fail_too_deep(r);
	case 259:   return depth ? read_jsmap(r, depth - 1) : fail_too_deep(r);
	case 55799: return depth ? read_item(r, depth - 1, literal) : fail_too_deep(r); /* says only: this is CBOR */
	}
	return fail(r, "a tag that has no meaning here");
}

static int read_item(struct reader *r, unsigned depth, bool literal)
{
	struct head h;
	int err = read_head(r, &h);

	if (err)
		return err;
	switch (h.major) {
	case UNSIGNED:
	case NEGATIVE: return read_integer(r, &h);
	case BYTES:    return read_bytes(r, &h);
	case TEXT:     return read_text(r, &h);
	case SIMPLE:   return read_simple(r, &h);
	case ARRAY:    return depth ? read_array(r, &h, depth - 1, literal) : fail_too_deep(r);
	case MAP:      return depth ? read_map(r, &h, depth - 1) : fail_too_deep(r);
	case TAG:      return read_tag(r, &h, depth, literal);
	}
	return 0;
}

int tr_cbor_decode_prefix(struct tr_bytes *out, const void *data, size_t size, size_t *used, enum tr_cbor_mode mode,
                          unsigned depth, const char **why)
{
	const uint8_t *at = data ? data : (const uint8_t *)"";
	struct reader r = { at, at + size, out, mode == TR_CBOR_COMPAT, "there is no memory left" };
	size_t before = out->size;
	int err = size > INT32_MAX ? fail(&r, "the bytes are too many") : read_item(&r, depth, false);

	if (!err && out->failed)
		err = TROUPE_ENOMEM;
	if (err)
		out->size = before;
	else
		*used = (size_t)(r.at - at);
	if (err && why)
		*why = r.why;
	return err;
}

int tr_cbor_decode(struct tr_bytes *out, const void *data, size_t size, enum tr_cbor_mode mode, unsigned depth,
                   const char **why)
{
	size_t before = out->size, used;
	int err = tr_cbor_decode_prefix(out, data, size, &used, mode, depth, why);

	if (err || used == size)
		return err;
	out->size = before;
	if (why)
		*why = "something follows the item";
	return TROUPE_EBADVALUE;
}
