/* SPDX-License-Identifier: Apache-2.0 */
/* The error list: looked up by code, and free of rows that would confuse a client. */
#include "tests/kit/test.h"

#include <stdlib.h>

#include "proto/troupe_errors.h"

static const int codes[] = {
#define CODE(name, number, ...) TROUPE_##name,
	TROUPE_ERROR_MAP(CODE)
#undef CODE
};
enum { COUNT = sizeof(codes) / sizeof(*codes) };

TEST(a_code_finds_its_row)
{
	const struct troupe_error_info *info = troupe_error_info(TROUPE_EFORBIDDEN);

	assert_int_equal(info->error, TROUPE_EFORBIDDEN);
	assert_string_equal(info->name, "EFORBIDDEN");
	assert_int_equal(info->status, 403);
	assert_string_equal(info->group, "auth");
	assert_string_equal(info->code, "forbidden");
	assert_string_equal(info->sentence, "This is not allowed.");
}

TEST(every_code_of_the_list_finds_itself)
{
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(troupe_error_info(codes[i])->error, codes[i]);
}

TEST(what_is_not_in_the_list_is_an_internal_error)
{
	assert_int_equal(troupe_error_info(0)->error, TROUPE_EINTERNAL);
	assert_int_equal(troupe_error_info(1)->error, TROUPE_EINTERNAL);
	assert_int_equal(troupe_error_info(-9999)->error, TROUPE_EINTERNAL);
}

TEST(codes_are_negative_and_no_two_rows_look_alike_to_a_client)
{
	for (int i = 0; i < COUNT; i++) {
		const struct troupe_error_info *a = troupe_error_info(codes[i]);

		assert_true(a->error < 0);
		for (int j = 0; j < i; j++) {
			const struct troupe_error_info *b = troupe_error_info(codes[j]);

			assert_int_not_equal(a->error, b->error);
			assert_false(!strcmp(a->group, b->group) && !strcmp(a->code, b->code));
		}
	}
}

/* A Close frame's reason is "group.code", at most 123 bytes, and split at "." and "#". */
TEST(group_and_code_fit_a_close_reason)
{
	for (int i = 0; i < COUNT; i++) {
		const struct troupe_error_info *info = troupe_error_info(codes[i]);

		assert_true(*info->group && *info->code && *info->sentence);
		assert_null(strpbrk(info->group, ".# "));
		assert_null(strpbrk(info->code, ".# "));
		assert_true(strlen(info->group) + 1 + strlen(info->code) <= 123);
		assert_true(info->status >= 400 && info->status <= 599);
	}
}

TESTS(
	RUN(a_code_finds_its_row),
	RUN(every_code_of_the_list_finds_itself),
	RUN(what_is_not_in_the_list_is_an_internal_error),
	RUN(codes_are_negative_and_no_two_rows_look_alike_to_a_client),
	RUN(group_and_code_fit_a_close_reason))
