/* SPDX-License-Identifier: Apache-2.0 */
/* What is owed, and when it may be paid: nothing that cannot be taken back is done before what is to be known
 * of it is on disk. */
#include "tests/unit/sandbox/session_kit.h"

#include "runtime/sandbox/debts.h"

#define KEY "owed/00000000000000000001/agent/s1"

/* An instance of the stand-in is owed, and the server has just started. */
static void begin(void)
{
	char url[64];
	struct tr_bytes item = { 0 }, family = { 0 };

	kit_start_with(true);
	in.family = "7:100:1";
	snprintf(url, sizeof url, "http://127.0.0.1:%d", in.port);
	tr_agent_item_put(&item, &(struct tr_agent_item){
		.provider = "url", .raw_id = url, .created_ms = 5, .family = &family });
	tr_core_put(NULL, tr_text_from(KEY), item.data, item.size);
	tr_bytes_free(&item);
	fake_commit();
	kit.ops->start(tr_sandbox_sessions(kit.sandbox)->ctx, (struct tr_core *)(void *)&fake);
}

static void end(void)
{
	kit.holds_commits = false;
	fake_reset();
	tr_sandbox_free(kit.sandbox);
	tr_curl_free(kit.curl);
	in_end();
	event_base_free(kit.base);
}

/* Whoever follows a process that was killed then finds who is below the agent. */
TEST(an_agent_is_deleted_when_what_is_below_it_is_on_disk)
{
	begin();
	kit.holds_commits = true;
	UNTIL(fake.write_count > 0);
	kit_settle();
	assert_int_equal(in.looks, 1);
	assert_int_equal(in.deletes, 0);
	kit.holds_commits = false;
	UNTIL(in.deletes == 1);
	end();
}

TEST(an_agent_is_not_deleted_when_what_is_below_it_could_not_be_kept)
{
	begin();
	kit.holds_commits = true;
	UNTIL(fake.write_count > 0);
	fake.commit_fails = TROUPE_EFULL;
	fake_commit();
	kit_settle();
	assert_int_equal(in.deletes, 0);
	kit.holds_commits = false;
	hand.now += TR_DEBT_PAUSE_MS; /* it is tried again, from the beginning */
	UNTIL(in.looks == 2 && in.deletes == 1);
	end();
}

TEST(a_debt_that_waits_for_its_commit_goes_with_the_rest)
{
	begin();
	kit.holds_commits = true;
	UNTIL(fake.write_count > 0);
	kit.sandbox = tr_sandbox_free(kit.sandbox);
	fake_commit();
	assert_int_equal(in.deletes, 0);
	kit_start_sandbox();
	end();
}

TESTS(
	RUN(an_agent_is_deleted_when_what_is_below_it_is_on_disk),
	RUN(an_agent_is_not_deleted_when_what_is_below_it_could_not_be_kept),
	RUN(a_debt_that_waits_for_its_commit_goes_with_the_rest)
)
