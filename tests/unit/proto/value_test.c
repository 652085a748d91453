/* SPDX-License-Identifier: Apache-2.0 */
/* Packed values: written, read back, looked into, and refused. msgpack-c is the oracle for both directions. */
#include "tests/kit/test.h"

#include <math.h>
#include <msgpack.h>
#include <stdlib.h>

#include "proto/troupe_errors.h"
#include "proto/value.h"

static struct tr_item only_item(const struct tr_bytes *b)
{
	struct tr_cursor c = tr_cursor(tr_bytes_value(b));
	struct tr_item item = { 0 };

	assert_int_equal(tr_next(&c, &item), 0);
	assert_ptr_equal(c.at, c.end);
	return item;
}

static int check(const void *data, size_t size, unsigned depth)
{
	return tr_value_check((struct troupe_value){ data, size }, depth);
}

#define CHECK(literal, depth) check(literal, sizeof(literal) - 1, depth)

/* One of everything, nested two deep. */
static void put_everything(struct tr_bytes *b)
{
	size_t start;

	tr_put_map(b, 3);
	tr_put_text(b, "scalars");
	tr_put_array(b, 9);
	tr_put_nil(b);
	tr_put_undefined(b);
	tr_put_bool(b, true);
	tr_put_int(b, -70000);
	tr_put_float(b, 0.1);
	tr_put_bigint(b, "-123456789012345678901", 22);
	tr_put_date(b, 1700000000123.0);
	tr_put_bin(b, "\0\xff", 2);
	tr_put_typed(b, 69, "\1\0\2\0", 4);
	tr_put_text(b, "set");
	start = b->size;
	tr_put_array(b, 2);
	tr_put_int(b, 1);
	tr_put_text(b, "x");
	tr_put_wrap(b, start, TR_SET);
	tr_put_text(b, "kept");
	tr_put_json(b, "{\"a\": [1]}", 10);
}

TEST(value_integers_come_back_in_their_shortest_form)
{
	static const struct { int64_t n; size_t size; } cases[] = {
		{ 0, 1 }, { 127, 1 }, { 128, 2 }, { 255, 2 }, { 256, 3 }, { 65535, 3 }, { 65536, 5 },
		{ 4294967295, 5 }, { 4294967296, 9 }, { 9007199254740992, 9 }, { -1, 1 }, { -32, 1 }, { -33, 2 },
		{ -128, 2 }, { -129, 3 }, { -32768, 3 }, { -32769, 5 }, { -2147483648, 5 }, { -2147483649, 9 },
		{ -9007199254740992, 9 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tr_bytes b = { 0 };
		struct tr_item item;

		tr_put_int(&b, cases[i].n);
		item = only_item(&b);
		assert_int_equal(b.size, cases[i].size);
		assert_int_equal(item.kind, TR_INT);
		assert_true(item.integer == cases[i].n && item.number == (double)cases[i].n);
		tr_bytes_free(&b);
	}
}

TEST(value_integers_that_javascript_cannot_count_to_are_doubles)
{
	struct tr_bytes b = { 0 };
	struct tr_item item;

	tr_put_int(&b, 9007199254740993);
	item = only_item(&b);
	assert_int_equal(item.kind, TR_FLOAT);
	assert_true(item.number == 9007199254740992.0);
	tr_bytes_clear(&b);
	tr_put_int(&b, INT64_MIN);
	item = only_item(&b);
	assert_int_equal(item.kind, TR_FLOAT);
	assert_true(item.number == -9223372036854775808.0);
	tr_bytes_free(&b);
}

TEST(value_whole_floats_are_integers_but_not_minus_zero)
{
	static const struct { double v; enum tr_kind kind; } cases[] = {
		{ 5.0, TR_INT }, { -5.0, TR_INT }, { 9007199254740992.0, TR_INT }, { 9007199254740994.0, TR_FLOAT },
		{ 0.0, TR_INT }, { -0.0, TR_FLOAT }, { 0.5, TR_FLOAT }, { INFINITY, TR_FLOAT }, { 1e300, TR_FLOAT },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tr_bytes b = { 0 };
		struct tr_item item;

		tr_put_float(&b, cases[i].v);
		item = only_item(&b);
		assert_int_equal(item.kind, cases[i].kind);
		assert_true(item.number == cases[i].v && signbit(item.number) == signbit(cases[i].v));
		tr_bytes_free(&b);
	}
}

TEST(value_has_one_nan)
{
	struct tr_bytes a = { 0 }, b = { 0 };

	tr_put_float(&a, NAN);
	tr_put_float(&b, -NAN);
	assert_int_equal(a.size, 9);
	assert_memory_equal(a.data, b.data, 9);
	assert_true(isnan(only_item(&a).number));
	tr_bytes_free(&a);
	tr_bytes_free(&b);
}

TEST(value_of_every_kind_comes_back)
{
	static const enum tr_kind kinds[] = {
		TR_MAP, TR_STR, TR_ARRAY, TR_NIL, TR_UNDEFINED, TR_BOOL, TR_INT, TR_FLOAT, TR_BIGINT, TR_DATE, TR_BIN,
		TR_TYPED, TR_STR, TR_SET, TR_STR, TR_JSON
	};
	struct tr_item items[sizeof(kinds) / sizeof(kinds[0])];
	struct tr_bytes b = { 0 };
	struct tr_cursor c;

	put_everything(&b);
	c = tr_cursor(tr_bytes_value(&b));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		assert_int_equal(tr_next(&c, &items[i]), 0);
		assert_int_equal(items[i].kind, kinds[i]);
	}
	assert_ptr_equal(c.at, c.end);
	assert_int_equal(items[0].count, 3);
	assert_int_equal(items[2].count, 9);
	assert_true(items[5].boolean);
	assert_int_equal(items[8].size, 22);
	assert_memory_equal(items[8].data, "-123456789012345678901", 22);
	assert_true(items[9].number == 1700000000123.0);
	assert_int_equal(items[10].size, 2);
	assert_int_equal(items[11].tag, 69);
	assert_memory_equal(items[11].data, "\1\0\2\0", 4);
	assert_memory_equal(items[13].data, "\x92\x01\xa1x", 4);
	assert_int_equal(items[13].size, 4);
	assert_memory_equal(items[15].data, "{\"a\": [1]}", 10);
	assert_int_equal(check(b.data, b.size, 2), 0);
	tr_bytes_free(&b);
}

TEST(value_cut_short_anywhere_is_refused)
{
	struct tr_bytes b = { 0 };

	put_everything(&b);
	for (size_t size = 0; size < b.size; size++) {
		uint8_t *exact = malloc(size + !size); /* so that a sanitizer sees any byte read beyond */
		struct tr_cursor c = { exact, exact + size };

		memcpy(exact, b.data, size);
		assert_int_equal(check(exact, size, 9), TROUPE_EBADVALUE);
		assert_int_equal(tr_skip(&c, NULL), TROUPE_EBADVALUE);
		free(exact);
	}
	tr_put_nil(&b);
	assert_int_equal(check(b.data, b.size, 9), TROUPE_EBADVALUE);
	tr_bytes_free(&b);
}

TEST(value_extensions_with_a_wrong_payload_are_refused)
{
	assert_int_equal(CHECK("\xc7\x00\x01", 0), 0);              /* undefined */
	assert_int_equal(CHECK("\xd4\x01\x00", 0), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xd4\x02" "7", 0), 0);              /* BigInt */
	assert_int_equal(CHECK("\xd5\x02-7", 0), 0);
	assert_int_equal(CHECK("\xc7\x00\x02", 0), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xd4\x02-", 0), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xd4\x02" "0", 0), 0);
	assert_int_equal(CHECK("\xd5\x02" "07", 0), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xd5\x02-0", 0), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xd5\x02" "7\"", 0), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xd7\x03\0\0\0\0\0\0\0\0", 0), 0);  /* Date */
	assert_int_equal(CHECK("\xd6\x03\0\0\0\0", 0), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xd4\x04\x90", 1), 0);              /* Set */
	assert_int_equal(CHECK("\xd4\x04\x80", 1), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xd5\x04\x90\x01", 1), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xc7\x03\x05\x92\x01\x02", 1), 0);  /* Map */
	assert_int_equal(CHECK("\xd5\x05\x91\x01", 1), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xc7\x03\x06\x45\x01\x02", 0), 0);  /* typed array of 16 bits */
	assert_int_equal(CHECK("\xd5\x06\x45\x01", 0), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xd4\x06\x58", 0), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xd4\x06\x4c", 0), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xc7\x00\x06", 0), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xd5\x07[]", 0), 0);                /* JSON */
	assert_int_equal(CHECK("\xd5\x07[1", 0), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xd5\x07 1", 0), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\xd4\x08x", 0), TROUPE_EBADVALUE);  /* unknown */
	assert_int_equal(CHECK("\xd4\xffx", 0), TROUPE_EBADVALUE);
}

TEST(value_other_nonsense_is_refused)
{
	assert_int_equal(CHECK("\xc1", 0), TROUPE_EBADVALUE);                               /* no such head */
	assert_int_equal(CHECK("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 0), 0);
	assert_int_equal(CHECK("\xcf\x80\x00\x00\x00\x00\x00\x00\x00", 0), TROUPE_EBADVALUE); /* 2^63 */
	assert_int_equal(CHECK("\xa1\xff", 0), TROUPE_EBADVALUE);                           /* not UTF-8 */
	assert_int_equal(CHECK("\x81\xa1\xff\x01", 1), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\x81\x01\x01", 1), TROUPE_EBADVALUE);                       /* key is no string */
	assert_int_equal(CHECK("\x81\xa1k\x01", 1), 0);
	assert_int_equal(CHECK("", 0), TROUPE_EBADVALUE);
	assert_int_equal(tr_value_check((struct troupe_value){ NULL, 0 }, 0), TROUPE_EBADVALUE);
}

TEST(value_depth_is_counted_in_containers)
{
	assert_int_equal(CHECK("\x01", 0), 0);
	assert_int_equal(CHECK("\x90", 0), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\x90", 1), 0);
	assert_int_equal(CHECK("\x91\x81\xa1k\x90", 2), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\x91\x81\xa1k\x90", 3), 0);
	assert_int_equal(CHECK("\x81\xa1k\x81\xa1k\x01", 1), TROUPE_EBADVALUE);
	assert_int_equal(CHECK("\x81\xa1k\x81\xa1k\x01", 2), 0);
	assert_int_equal(CHECK("\x91\xd4\x04\x90", 1), TROUPE_EBADVALUE); /* a Set is one, too */
	assert_int_equal(CHECK("\x91\xd4\x04\x90", 2), 0);
}

TEST(value_counts_are_not_believed)
{
	static const uint8_t array[] = { 0xdd, 0xff, 0xff, 0xff, 0xff, 1 }, map[] = { 0xdf, 0xff, 0xff, 0xff, 0xff, 1 };
	static const uint8_t text[] = { 0xdb, 0xff, 0xff, 0xff, 0xff, 1 }, ext[] = { 0xc9, 0xff, 0xff, 0xff, 0xff, 7, 1 };
	struct tr_cursor c = { array, array + sizeof(array) };

	assert_int_equal(tr_skip(&c, NULL), TROUPE_EBADVALUE);
	assert_int_equal(check(array, sizeof(array), 9), TROUPE_EBADVALUE);
	assert_int_equal(check(map, sizeof(map), 9), TROUPE_EBADVALUE);
	assert_int_equal(check(text, sizeof(text), 9), TROUPE_EBADVALUE);
	assert_int_equal(check(ext, sizeof(ext), 9), TROUPE_EBADVALUE);
}

TEST(value_skip_steps_over_one_item_however_deep)
{
	struct tr_bytes b = { 0 };
	struct troupe_value first;
	struct tr_cursor c;

	for (int i = 0; i < 100000; i++) /* deeper than any stack would like */
		tr_put_array(&b, 1);
	put_everything(&b);
	tr_put_int(&b, 7);
	c = tr_cursor(tr_bytes_value(&b));
	assert_int_equal(tr_skip(&c, &first), 0);
	assert_int_equal(first.size, b.size - 1);
	assert_int_equal(*c.at, 7);
	tr_bytes_free(&b);
}

TEST(value_members_are_found_and_the_last_of_duplicates_counts)
{
	struct tr_bytes b = { 0 };
	struct troupe_value member;
	struct troupe_text text;
	int64_t n;

	tr_put_map(&b, 4);
	tr_put_text(&b, "a");
	tr_put_int(&b, 1);
	tr_put_text(&b, "ab");
	tr_put_text(&b, "text");
	tr_put_text(&b, "a");
	tr_put_int(&b, 2);
	tr_put_text(&b, "");
	tr_put_float(&b, 1e300);
	assert_true(tr_value_member(tr_bytes_value(&b), "a", &member));
	assert_true(tr_value_integer(member, &n) && n == 2);
	assert_false(tr_value_text(member, &text));
	assert_true(tr_value_member(tr_bytes_value(&b), "ab", &member));
	assert_true(tr_value_text(member, &text) && text.size == 4 && !memcmp(text.data, "text", 4));
	assert_false(tr_value_integer(member, &n));
	assert_true(tr_value_member(tr_bytes_value(&b), "", &member));
	assert_false(tr_value_integer(member, &n)); /* beyond 2^53 */
	assert_false(tr_value_member(tr_bytes_value(&b), "b", &member));
	assert_false(tr_value_member(member, "a", &member));
	assert_false(tr_value_member((struct troupe_value){ "\x91\xa1" "a", 3 }, "a", &member));
	assert_false(tr_value_member((struct troupe_value){ NULL, 0 }, "a", &member));
	assert_false(tr_value_member((struct troupe_value){ b.data, b.size - 1 }, "a", &member));
	tr_bytes_free(&b);
}

TEST(value_elements_are_found_by_index)
{
	struct tr_bytes b = { 0 };
	struct troupe_value element;
	int64_t n;

	tr_put_array(&b, 3);
	tr_put_array(&b, 2);
	tr_put_int(&b, 8);
	tr_put_int(&b, 9);
	tr_put_float(&b, -2.0);
	tr_put_float(&b, 2.5);
	assert_true(tr_value_element(tr_bytes_value(&b), 1, &element));
	assert_true(tr_value_integer(element, &n) && n == -2);
	assert_true(tr_value_element(tr_bytes_value(&b), 2, &element));
	assert_false(tr_value_integer(element, &n));
	assert_true(tr_value_element(tr_bytes_value(&b), 0, &element));
	assert_true(tr_value_element(element, 1, &element));
	assert_true(tr_value_integer(element, &n) && n == 9);
	assert_false(tr_value_element(tr_bytes_value(&b), 3, &element));
	assert_false(tr_value_element(element, 0, &element));
	tr_bytes_free(&b);
}

TEST(value_heads_written_at_the_end_are_those_written_at_the_start)
{
	static const uint32_t counts[] = { 0, 1, 15, 16, 65535, 65536 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		for (int map = 0; map < 2; map++) {
			struct tr_bytes early = { 0 }, late = { 0 };
			size_t start;

			tr_put_text(&early, "before");
			tr_put_text(&late, "before");
			if (map)
				tr_put_map(&early, counts[i]);
			else
				tr_put_array(&early, counts[i]);
			start = tr_put_open(&late);
			for (uint32_t n = 0; n < counts[i]; n++) {
				tr_put_int(&early, n);
				tr_put_int(&late, n);
			}
			if (map)
				tr_put_close_map(&late, start, counts[i]);
			else
				tr_put_close_array(&late, start, counts[i]);
			assert_int_equal(early.size, late.size);
			assert_memory_equal(early.data, late.data, early.size);
			tr_bytes_free(&early);
			tr_bytes_free(&late);
		}
}

TEST(value_wraps_sets_and_maps_of_any_size)
{
	static const size_t sizes[] = { 0, 1, 2, 6, 14, 250, 300, 70000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct tr_bytes b = { 0 };
		struct tr_item item;
		char *text = calloc(1, sizes[i] + 1);

		memset(text, 'x', sizes[i]);
		tr_put_array(&b, 2);
		tr_put_int(&b, 1);
		tr_put_str(&b, text, sizes[i]);
		tr_put_wrap(&b, 0, i % 2 ? TR_SET : TR_JSMAP);
		item = only_item(&b);
		assert_int_equal(item.kind, i % 2 ? TR_SET : TR_JSMAP);
		assert_int_equal(check(b.data, b.size, 1), 0);
		assert_int_equal(*(const uint8_t *)item.data, 0x92);
		free(text);
		tr_bytes_free(&b);
	}
}

TEST(value_writers_stop_at_the_maximum)
{
	struct tr_bytes b = { .max = 20 };
	size_t start = tr_put_open(&b);

	for (int i = 0; i < 18; i++)
		tr_put_int(&b, i);
	tr_put_close_array(&b, start, 18); /* needs three bytes of head: 21 */
	assert_true(b.failed);
	tr_put_wrap(&b, start, TR_SET);
	assert_true(b.failed);
	assert_true(b.size <= 20);
	tr_bytes_free(&b);
}

/* ---- msgpack-c as the oracle */

static void same_as_msgpack(struct tr_cursor *c, const msgpack_object *o)
{
	struct tr_item item;

	assert_int_equal(tr_next(c, &item), 0);
	switch (o->type) {
	case MSGPACK_OBJECT_NIL:
		assert_int_equal(item.kind, TR_NIL);
		break;
	case MSGPACK_OBJECT_BOOLEAN:
		assert_true(item.kind == TR_BOOL && item.boolean == o->via.boolean);
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		assert_true(item.kind == TR_INT && (uint64_t)item.integer == o->via.u64);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		assert_true(item.kind == TR_INT && item.integer == o->via.i64);
		break;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		assert_true(item.kind == TR_FLOAT && item.number == o->via.f64);
		break;
	case MSGPACK_OBJECT_STR:
		assert_true(item.kind == TR_STR && item.size == o->via.str.size);
		assert_memory_equal(item.data, o->via.str.ptr, item.size);
		break;
	case MSGPACK_OBJECT_BIN:
		assert_true(item.kind == TR_BIN && item.size == o->via.bin.size);
		assert_memory_equal(item.data, o->via.bin.ptr, item.size);
		break;
	case MSGPACK_OBJECT_ARRAY:
		assert_true(item.kind == TR_ARRAY && item.count == o->via.array.size);
		for (uint32_t i = 0; i < item.count; i++)
			same_as_msgpack(c, &o->via.array.ptr[i]);
		break;
	case MSGPACK_OBJECT_MAP:
		assert_true(item.kind == TR_MAP && item.count == o->via.map.size);
		for (uint32_t i = 0; i < item.count; i++) {
			same_as_msgpack(c, &o->via.map.ptr[i].key);
			same_as_msgpack(c, &o->via.map.ptr[i].val);
		}
		break;
	case MSGPACK_OBJECT_EXT:
		assert_true(o->via.ext.type == 2 && item.kind == TR_BIGINT && item.size == o->via.ext.size);
		assert_memory_equal(item.data, o->via.ext.ptr, item.size);
		break;
	}
}

static uint32_t random_number(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void put_random(struct tr_bytes *b, uint32_t *seed, unsigned depth)
{
	static const char letters[300] = "0123456789";
	uint32_t kind = random_number(seed) % (depth ? 10 : 8), size = random_number(seed) % 20;
	uint64_t wide = (uint64_t)random_number(seed) << 40 ^ (uint64_t)random_number(seed) << 20;

	switch (kind) {
	case 0: tr_put_nil(b); break;
	case 1: tr_put_bool(b, size & 1); break;
	case 2: tr_put_int(b, (int64_t)(wide >> (random_number(seed) % 64))); break;
	case 3: tr_put_int(b, -(int64_t)(wide >> (1 + random_number(seed) % 63))); break;
	case 4: tr_put_float(b, (double)wide / 3e9); break;
	case 5: tr_put_str(b, letters, random_number(seed) % sizeof(letters)); break;
	case 6: tr_put_bin(b, letters, random_number(seed) % sizeof(letters)); break;
	case 7: tr_put_bigint(b, "1234567890123456789012", 1 + size); break;
	default:
		if (kind == 8)
			tr_put_array(b, size);
		else
			tr_put_map(b, size);
		for (uint32_t i = 0; i < size; i++) {
			if (kind == 9)
				tr_put_str(b, letters, i);
			put_random(b, seed, depth - 1);
		}
	}
}

TEST(value_reads_what_msgpack_reads)
{
	for (uint32_t seed = 1; seed <= 300; seed++) {
		struct tr_bytes b = { 0 };
		msgpack_unpacked unpacked;
		uint32_t random = seed;
		struct tr_cursor c;
		size_t used = 0;

		put_random(&b, &random, 4);
		msgpack_unpacked_init(&unpacked);
		assert_int_equal(msgpack_unpack_next(&unpacked, (const char *)b.data, b.size, &used), MSGPACK_UNPACK_SUCCESS);
		assert_int_equal(used, b.size);
		c = tr_cursor(tr_bytes_value(&b));
		same_as_msgpack(&c, &unpacked.data);
		assert_ptr_equal(c.at, c.end);
		assert_int_equal(check(b.data, b.size, 5), 0);
		msgpack_unpacked_destroy(&unpacked);
		tr_bytes_free(&b);
	}
}

TEST(value_reads_forms_that_it_does_not_write)
{
	struct tr_bytes b = { 0 };
	struct tr_item item;
	int64_t n;

	tr_bytes_put(&b, "\xca\x3f\xc0\x00\x00", 5); /* a single float */
	item = only_item(&b);
	assert_true(item.kind == TR_FLOAT && item.number == 1.5);
	tr_bytes_clear(&b);
	tr_bytes_put(&b, "\xca\xc0\x00\x00\x00", 5); /* and a whole one: an integer all the same */
	assert_true(tr_value_integer(tr_bytes_value(&b), &n) && n == -2);
	tr_bytes_clear(&b);
	tr_bytes_put(&b, "\xd3\xff\xff\xff\xff\xff\xff\xff\xfe", 9); /* -2 in 64 bits */
	item = only_item(&b);
	assert_true(item.kind == TR_INT && item.integer == -2);
	tr_bytes_clear(&b);
	tr_bytes_put(&b, "\xdb\x00\x00\x00\x01x", 6);
	item = only_item(&b);
	assert_true(item.kind == TR_STR && item.size == 1 && *item.data == 'x');
	tr_bytes_free(&b);
}

TESTS(RUN(value_integers_come_back_in_their_shortest_form),
      RUN(value_integers_that_javascript_cannot_count_to_are_doubles),
      RUN(value_whole_floats_are_integers_but_not_minus_zero), RUN(value_has_one_nan),
      RUN(value_of_every_kind_comes_back), RUN(value_cut_short_anywhere_is_refused),
      RUN(value_extensions_with_a_wrong_payload_are_refused), RUN(value_other_nonsense_is_refused),
      RUN(value_depth_is_counted_in_containers), RUN(value_counts_are_not_believed),
      RUN(value_skip_steps_over_one_item_however_deep),
      RUN(value_members_are_found_and_the_last_of_duplicates_counts), RUN(value_elements_are_found_by_index),
      RUN(value_heads_written_at_the_end_are_those_written_at_the_start),
      RUN(value_wraps_sets_and_maps_of_any_size), RUN(value_writers_stop_at_the_maximum),
      RUN(value_reads_what_msgpack_reads), RUN(value_reads_forms_that_it_does_not_write))
