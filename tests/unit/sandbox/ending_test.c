/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked at the end of an agent, and what answers to it mean. */
#include "tests/kit/test.h"

#include <string.h>

#include "proto/text.h"
#include "runtime/base/limits.h"
#include "runtime/sandbox/wire/ending.h"

static struct tr_ending_answer read_as(enum tr_ending step, bool hangs, unsigned sweeps, enum tr_http_end end,
                                       int status, const char *body)
{
	struct tr_ending_answer a;

	tr_ending_read(&a, step, &(struct tr_ending_of){ .hangs = hangs, .sweeps = sweeps },
	               &(struct tr_http_answer){ end, status, tr_text_from(body), "so it is" });
	tr_bytes_free(&a.found);
	return a;
}

static bool heard(enum tr_ending step, bool hangs, enum tr_http_end end, int status)
{
	return read_as(step, hangs, 1, end, status, "").heard;
}

TEST(each_step_is_asked_with_its_bound)
{
	struct tr_bytes family = { 0 };
	struct tr_ending_of of = {
		.server_id = "s1", .close = "a1", .family = &family, .sweeps = 3, .run_ms = 77 };
	struct tr_ending_request r;
	static const struct { const char *method, *path; int time_ms; } wanted[] = {
		[TR_ENDING_CLOSE]  = { "POST",   "/v1/acp/s1",        TR_GOODBYE_MS },
		[TR_ENDING_LOOK]   = { "POST",   "/v1/processes/run", 77 },
		[TR_ENDING_DELETE] = { "DELETE", "/v1/acp/s1",        TR_DELETE_MS },
		[TR_ENDING_SWEEP]  = { "POST",   "/v1/processes/run", 77 },
	};

	for (enum tr_ending step = TR_ENDING_CLOSE; step <= TR_ENDING_SWEEP; step++) {
		tr_ending_ask(&r, step, &of);
		assert_string_equal(r.o.method, wanted[step].method);
		assert_string_equal(r.path, wanted[step].path);
		assert_int_equal(r.o.time_ms, wanted[step].time_ms);
		assert_int_equal(r.o.body != NULL, step != TR_ENDING_DELETE);
		if (step == TR_ENDING_SWEEP)
			assert_non_null(strstr(tr_bytes_text(&r.body), "\"KILL\""));
		tr_bytes_free(&r.body);
	}
	assert_int_equal(tr_ending_first(&of), TR_ENDING_CLOSE);
	of.close = "";
	assert_int_equal(tr_ending_first(&of), TR_ENDING_LOOK);
	assert_int_equal(tr_ending_grace_ms(&of), 0);
	of.hangs = true;
	assert_int_equal(tr_ending_grace_ms(&of), TR_SWEEP_GRACE_MS);
	tr_bytes_free(&family);
}

TEST(an_agent_need_not_agree_to_being_closed)
{
	assert_true(heard(TR_ENDING_CLOSE, false, TR_HTTP_NOT_SENT, 0));
	assert_true(heard(TR_ENDING_CLOSE, false, TR_HTTP_DONE, 500));
}

TEST(a_look_and_a_sweep_that_nobody_heard_begin_anew_and_a_late_one_only_if_some_hang)
{
	assert_false(heard(TR_ENDING_LOOK, false, TR_HTTP_BROKEN, 0));
	assert_true(heard(TR_ENDING_LOOK, true, TR_HTTP_TIMED_OUT, 0));
	assert_false(heard(TR_ENDING_SWEEP, false, TR_HTTP_BROKEN, 0));
	assert_true(heard(TR_ENDING_SWEEP, false, TR_HTTP_TIMED_OUT, 0));
	assert_false(heard(TR_ENDING_SWEEP, true, TR_HTTP_TIMED_OUT, 0));
	assert_true(heard(TR_ENDING_SWEEP, true, TR_HTTP_DONE, 404)); /* a sandbox that runs no scripts */
}

TEST(a_delete_is_answered_well_or_hangs)
{
	assert_true(heard(TR_ENDING_DELETE, false, TR_HTTP_DONE, 204));
	assert_false(heard(TR_ENDING_DELETE, false, TR_HTTP_DONE, 401));
	assert_false(heard(TR_ENDING_DELETE, false, TR_HTTP_BROKEN, 0));
	assert_true(heard(TR_ENDING_DELETE, false, TR_HTTP_TIMED_OUT, 0));
	assert_true(read_as(TR_ENDING_DELETE, false, 0, TR_HTTP_TIMED_OUT, 0, "").hangs);
	assert_false(read_as(TR_ENDING_DELETE, false, 0, TR_HTTP_DONE, 204, "").hangs);
}

TEST(a_sweep_comes_again_as_long_as_somebody_was_signalled_three_times_at_most)
{
	static const char some[] =
		"{\"exitCode\":0,\"stdout\":\"7:100:0\\n\",\"stderr\":\"\",\"timedOut\":false}";
	static const char nobody[] = "{\"exitCode\":0,\"stdout\":\"\",\"stderr\":\"\",\"timedOut\":false}";

	assert_int_equal(read_as(TR_ENDING_SWEEP, true, 1, TR_HTTP_DONE, 200, some).then_ms, TR_SWEEP_TERM_MS);
	assert_int_equal(read_as(TR_ENDING_SWEEP, true, 2, TR_HTTP_DONE, 200, some).then_ms, TR_SWEEP_KILL_MS);
	assert_int_equal(read_as(TR_ENDING_SWEEP, true, 3, TR_HTTP_DONE, 200, some).then_ms, -1);
	assert_int_equal(read_as(TR_ENDING_SWEEP, true, 1, TR_HTTP_DONE, 200, nobody).then_ms, -1);
}

TESTS(
	RUN(each_step_is_asked_with_its_bound),
	RUN(an_agent_need_not_agree_to_being_closed),
	RUN(a_look_and_a_sweep_that_nobody_heard_begin_anew_and_a_late_one_only_if_some_hang),
	RUN(a_delete_is_answered_well_or_hangs),
	RUN(a_sweep_comes_again_as_long_as_somebody_was_signalled_three_times_at_most)
)
