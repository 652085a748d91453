/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes: cmocka with the headers it wants first, and TEST(), so that a test's name is a claim.
 *
 *	TEST(mailbox_refuses_when_full) { ... assert_int_equal(...); ... }
 *	TESTS(RUN(mailbox_refuses_when_full), RUN(another_claim))
 *
 * TESTS() is main(). It also fails the program when a test left more descriptors open than it found. A
 * program that uses the world (tests/kit/world.h) runs all of its tests twice: with a store that answers at
 * once, and with one that answers later. */
#ifndef TR_TESTS_KIT_TEST_H
#define TR_TESTS_KIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define TEST(claim) static void claim(void **state __attribute__((unused)))
#define RUN(claim) cmocka_unit_test_setup_teardown(claim, tr_test_count_descriptors, tr_test_same_descriptors)

static inline int tr_test_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static inline int tr_test_count_descriptors(void **state)
{
	*state = (void *)(intptr_t)tr_test_descriptors();
	return 0;
}

static inline int tr_test_same_descriptors(void **state)
{
	int before = (int)(intptr_t)*state, after = tr_test_descriptors();

	if (before == after)
		return 0;
	fprintf(stderr, "descriptors: %d before the test, %d after it\n", before, after);
	return -1;
}

extern bool tr_world_late __attribute__((weak)); /* no address: the program has no world */

#define TESTS(...) \
	int main(void) \
	{ \
		const struct CMUnitTest tests[] = { __VA_ARGS__ }; \
		int failed = cmocka_run_group_tests(tests, NULL, NULL); \
		if (!&tr_world_late) \
			return failed; \
		tr_world_late = true; \
		return failed + cmocka_run_group_tests_name("the store answers later", tests, NULL, NULL); \
	}

#endif
