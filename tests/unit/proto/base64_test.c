/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, both alphabets: exact one way, strict the other. */
#include "tests/kit/test.h"

#include "proto/key.h"
#include "proto/troupe_errors.h"
#include "tests/kit/text.h"

static void gives(int decode(struct tr_bytes *, struct troupe_text), const char *from, const char *expected)
{
	struct tr_bytes out = { 0 };

	assert_int_equal(decode(&out, text(from)), 0);
	assert_int_equal(out.size, strlen(expected));
	assert_memory_equal(out.data, expected, out.size);
	tr_bytes_free(&out);
}

static void refuses(int decode(struct tr_bytes *, struct troupe_text), const char *from)
{
	struct tr_bytes out = { 0 };

	tr_bytes_put_text(&out, "before");
	assert_int_equal(decode(&out, text(from)), TROUPE_EBADVALUE);
	assert_string_equal(tr_bytes_text(&out), "before");
	tr_bytes_free(&out);
}

TEST(encoding_gives_the_examples_of_the_standard)
{
	static const char *const examples[][2] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }, { "\xfb\xef\xff", "++//" },
	};

	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		struct tr_bytes out = { 0 };

		tr_base64_encode(&out, examples[i][0], strlen(examples[i][0]));
		assert_string_equal(tr_bytes_text(&out), examples[i][1]);
		tr_bytes_free(&out);
		gives(tr_base64_decode, examples[i][1], examples[i][0]);
		gives(tr_base64_decode_any, examples[i][1], examples[i][0]);
	}
}

TEST(each_decoder_takes_its_own_alphabet)
{
	gives(tr_base64_decode, "++//", "\xfb\xef\xff");
	gives(tr_base64url_decode, "--__", "\xfb\xef\xff");
	gives(tr_base64_decode_any, "-+_/", "\xfb\xef\xff");
	refuses(tr_base64_decode, "--__");
	refuses(tr_base64url_decode, "++//");
}

TEST(padding_is_as_the_name_says)
{
	gives(tr_base64url_decode, "Zg", "f");
	gives(tr_base64url_decode, "Zm8", "fo");
	gives(tr_base64_decode_any, "Zg", "f");
	gives(tr_base64_decode_any, "Zm8=", "fo");
	refuses(tr_base64_decode, "Zg");
	refuses(tr_base64_decode, "Zg=");
	refuses(tr_base64url_decode, "Zg==");
	refuses(tr_base64_decode_any, "Zg=");
	refuses(tr_base64_decode_any, "Zm9v=");
	refuses(tr_base64_decode_any, "Zm9v====");
	refuses(tr_base64_decode_any, "=");
	refuses(tr_base64_decode_any, "====");
}

TEST(a_single_leftover_digit_is_refused)
{
	refuses(tr_base64url_decode, "Z");
	refuses(tr_base64_decode_any, "Zm9vZ");
	refuses(tr_base64_decode, "Z===");
}

TEST(bits_that_belong_to_no_byte_are_refused)
{
	refuses(tr_base64url_decode, "Zh");
	refuses(tr_base64_decode, "Zm9=");
}

TEST(anything_else_between_is_refused)
{
	refuses(tr_base64_decode, "Zm9v\n");
	refuses(tr_base64_decode, "Zm 9v");
	refuses(tr_base64_decode_any, "Zg=a");
	refuses(tr_base64_decode_any, "Zm9v\xc3\xa9");
}

TEST(all_bytes_come_back)
{
	uint8_t bytes[256];
	struct tr_bytes encoded = { 0 }, decoded = { 0 };

	for (int i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	for (size_t size = 250; size <= 256; size++) {
		tr_bytes_clear(&encoded);
		tr_bytes_clear(&decoded);
		tr_base64_encode(&encoded, bytes, size);
		assert_int_equal(tr_base64_decode(&decoded, text(tr_bytes_text(&encoded))), 0);
		assert_int_equal(decoded.size, size);
		assert_memory_equal(decoded.data, bytes, size);
	}
	tr_bytes_free(&encoded);
	tr_bytes_free(&decoded);
}

TESTS(
	RUN(encoding_gives_the_examples_of_the_standard),
	RUN(each_decoder_takes_its_own_alphabet),
	RUN(padding_is_as_the_name_says),
	RUN(a_single_leftover_digit_is_refused),
	RUN(bits_that_belong_to_no_byte_are_refused),
	RUN(anything_else_between_is_refused),
	RUN(all_bytes_come_back))
