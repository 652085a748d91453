/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox: order, bounds, references, and the bytes on the wire. */
#include "tests/kit/test.h"

#include <stdlib.h>

#include "runtime/base/limits.h"
#include "runtime/gate/outbox.h"

static struct tr_frame *frame_of(size_t size, char fill, bool text)
{
	char *payload = malloc(size + 1);
	struct tr_frame *f;

	memset(payload, fill, size);
	f = tr_frame_new(payload, size, text);
	free(payload);
	return f;
}

static void put_new(struct tr_outbox *o, size_t size, char fill, bool text)
{
	struct tr_frame *f = frame_of(size, fill, text);

	assert_int_equal(tr_outbox_put(o, f), 0);
	tr_frame_unref(f);
}

/* Takes one run with no scratch, so that frames come one by one. */
static void assert_wire(size_t size, bool text, const uint8_t *head, size_t head_size)
{
	struct tr_outbox o = { 0 };
	struct tr_run run;

	put_new(&o, size, 'p', text);
	assert_true(tr_outbox_take(&o, NULL, 0, &run));
	assert_non_null(run.frame);
	assert_int_equal(run.size, head_size + size);
	assert_memory_equal(run.data, head, head_size);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(run.data[head_size + i], 'p');
	tr_frame_unref(run.frame);
	assert_false(tr_outbox_take(&o, NULL, 0, &run));
}

TEST(headers_have_the_shortest_length_form)
{
	assert_wire(0, true, (const uint8_t[]){ 0x81, 0 }, 2);
	assert_wire(125, false, (const uint8_t[]){ 0x82, 125 }, 2);
	assert_wire(126, true, (const uint8_t[]){ 0x81, 126, 0, 126 }, 4);
	assert_wire(65535, true, (const uint8_t[]){ 0x81, 126, 0xff, 0xff }, 4);
	assert_wire(65536, false, (const uint8_t[]){ 0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0 }, 10);
	assert_wire(0x12345, true, (const uint8_t[]){ 0x81, 127, 0, 0, 0, 0, 0, 1, 0x23, 0x45 }, 10);
}

TEST(frames_leave_in_the_order_they_came)
{
	struct tr_outbox o = { 0 };
	struct tr_run run;
	unsigned in = 0, out = 0;

	/* Puts and takes interleaved, so that the ring wraps and grows while wrapped. */
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < 5; i++)
			put_new(&o, 1, (char)in++, true);
		for (int i = 0; i < 3; i++) {
			assert_true(tr_outbox_take(&o, NULL, 0, &run));
			assert_int_equal(run.data[2], (uint8_t)out++);
			tr_frame_unref(run.frame);
		}
		assert_int_equal(o.count, in - out);
		assert_int_equal(o.bytes, in - out);
	}
	while (tr_outbox_take(&o, NULL, 0, &run)) {
		assert_int_equal(run.data[2], (uint8_t)out++);
		tr_frame_unref(run.frame);
	}
	assert_int_equal(in, out);
}

TEST(several_frames_leave_as_one_run)
{
	struct tr_outbox o = { 0 };
	uint8_t scratch[64];
	struct tr_run run;

	put_new(&o, 3, 'a', true);
	put_new(&o, 2, 'b', false);
	put_new(&o, 50, 'c', true); /* 5 + 4 + 52 of 64 */
	put_new(&o, 2, 'd', true);
	assert_true(tr_outbox_take(&o, scratch, sizeof scratch, &run));
	assert_null(run.frame);
	assert_ptr_equal(run.data, scratch);
	assert_int_equal(run.size, 61);
	assert_memory_equal(scratch, "\x81\x03" "aaa" "\x82\x02" "bb" "\x81\x32" "cc", 13);
	assert_true(tr_outbox_take(&o, scratch, sizeof scratch, &run));
	assert_non_null(run.frame);
	assert_memory_equal(run.data, "\x81\x02" "dd", 4);
	tr_frame_unref(run.frame);
	assert_false(tr_outbox_take(&o, scratch, sizeof scratch, &run));
}

TEST(a_run_may_fill_the_scratch_to_its_last_byte)
{
	struct tr_outbox o = { 0 };
	uint8_t scratch[10];
	struct tr_run run;

	put_new(&o, 3, 'a', true);
	put_new(&o, 3, 'b', true);
	put_new(&o, 0, 'c', true);
	assert_true(tr_outbox_take(&o, scratch, sizeof scratch, &run));
	assert_int_equal(run.size, 10);
	assert_true(tr_outbox_take(&o, scratch, sizeof scratch, &run));
	assert_int_equal(run.size, 2);
	tr_frame_unref(run.frame);
}

TEST(a_frame_larger_than_the_scratch_is_lent)
{
	struct tr_outbox o = { 0 };
	uint8_t scratch[16];
	struct tr_run run;

	put_new(&o, 100, 'x', true);
	put_new(&o, 1, 'y', true);
	assert_true(tr_outbox_take(&o, scratch, sizeof scratch, &run));
	assert_non_null(run.frame);
	assert_int_equal(run.size, 102);
	tr_frame_unref(run.frame);
	tr_outbox_clear(&o);
}

TEST(a_shared_frame_is_referred_to_never_copied)
{
	struct tr_frame *f = frame_of(10, 'x', true);
	struct tr_outbox a = { 0 }, b = { 0 };
	struct tr_run run;

	tr_outbox_put(&a, f);
	tr_outbox_put(&b, f);
	tr_outbox_put(&b, f);
	assert_int_equal(f->refs, 4);
	tr_outbox_take(&a, NULL, 0, &run);
	assert_ptr_equal(run.frame, f);
	tr_frame_unref(run.frame);
	assert_int_equal(f->refs, 3);
	tr_outbox_clear(&b);
	assert_int_equal(f->refs, 1);
	tr_frame_unref(f);
}

TEST(outbox_is_full_at_its_number_of_frames)
{
	struct tr_frame *f = frame_of(1, 'x', true);
	struct tr_outbox o = { 0 };
	struct tr_run run;

	for (int i = 0; i < TR_OUTBOX_FRAMES_MAX; i++)
		assert_int_equal(tr_outbox_put(&o, f), 0);
	assert_int_equal(tr_outbox_put(&o, f), TR_OUTBOX_FULL);
	assert_int_equal(f->refs, 1 + TR_OUTBOX_FRAMES_MAX);
	tr_outbox_take(&o, NULL, 0, &run);
	tr_frame_unref(run.frame);
	assert_int_equal(tr_outbox_put(&o, f), 0);
	assert_int_equal(tr_outbox_put(&o, f), TR_OUTBOX_FULL);
	tr_outbox_clear(&o);
	assert_int_equal(f->refs, 1);
	tr_frame_unref(f);
}

TEST(outbox_is_full_at_its_number_of_bytes)
{
	struct tr_frame *half = frame_of(TR_OUTBOX_BYTES_MAX / 2, 'x', true);
	struct tr_frame *one = frame_of(1, 'y', true);
	struct tr_outbox o = { 0 };

	assert_int_equal(tr_outbox_put(&o, half), 0);
	assert_int_equal(tr_outbox_put(&o, half), 0);
	assert_int_equal(o.bytes, TR_OUTBOX_BYTES_MAX);
	assert_int_equal(tr_outbox_put(&o, one), TR_OUTBOX_FULL);
	assert_int_equal(one->refs, 1);
	tr_outbox_clear(&o);
	tr_frame_unref(half);
	tr_frame_unref(one);
}

TEST(a_frame_larger_than_the_bound_is_taken_when_it_is_alone)
{
	struct tr_frame *huge = frame_of(TR_OUTBOX_BYTES_MAX + 1, 'x', true);
	struct tr_frame *one = frame_of(1, 'y', true);
	struct tr_outbox o = { 0 };

	assert_int_equal(tr_outbox_put(&o, huge), 0);
	assert_int_equal(tr_outbox_put(&o, one), TR_OUTBOX_FULL);
	tr_outbox_clear(&o);
	assert_int_equal(tr_outbox_put(&o, one), 0);
	assert_int_equal(tr_outbox_put(&o, huge), TR_OUTBOX_FULL);
	tr_outbox_clear(&o);
	tr_frame_unref(huge);
	tr_frame_unref(one);
}

TEST(an_empty_outbox_holds_no_memory)
{
	struct tr_outbox o = { 0 };
	uint8_t scratch[1000];
	struct tr_run run;

	for (int i = 0; i < 100; i++)
		put_new(&o, 1, 'x', true);
	assert_non_null(o.ring);
	tr_outbox_take(&o, scratch, sizeof scratch, &run);
	assert_null(o.ring);
	tr_outbox_clear(&o);
}

TEST(a_bound_of_its_own_is_kept_when_it_has_been_empty)
{
	struct tr_frame *f = frame_of(TR_OUTBOX_BYTES_MAX / 2, 'x', true);
	struct tr_outbox o = { .max = TR_OUTBOX_BYTES_MAX * 2 };

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 4; i++)
			assert_int_equal(tr_outbox_put(&o, f), 0);
		assert_int_equal(tr_outbox_put(&o, f), TR_OUTBOX_FULL);
		tr_outbox_clear(&o);
	}
	tr_frame_unref(f);
}

TESTS(
	RUN(headers_have_the_shortest_length_form),
	RUN(frames_leave_in_the_order_they_came),
	RUN(several_frames_leave_as_one_run),
	RUN(a_run_may_fill_the_scratch_to_its_last_byte),
	RUN(a_frame_larger_than_the_scratch_is_lent),
	RUN(a_shared_frame_is_referred_to_never_copied),
	RUN(outbox_is_full_at_its_number_of_frames),
	RUN(outbox_is_full_at_its_number_of_bytes),
	RUN(a_frame_larger_than_the_bound_is_taken_when_it_is_alone),
	RUN(a_bound_of_its_own_is_kept_when_it_has_been_empty),
	RUN(an_empty_outbox_holds_no_memory))
