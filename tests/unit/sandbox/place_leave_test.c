/* SPDX-License-Identifier: Apache-2.0 */
/* Who may be gone when: users of a place that leave while they are told something, or while a commit is
 * under way. */
#include "tests/unit/sandbox/session_kit.h"

#include "runtime/sandbox/place.h"
#include "runtime/sandbox/session/session.h"

static struct {
	struct tr_provider   base;
	char                 did[256];
	int                  reconnect_rc, create_rc;
	struct tr_errand    *slow;    /* create waits here */
	bool                 waits;
	struct tr_place_user users[2];
	int                  heard[2][TR_PLACE_FAILED + 1];
	enum tr_place_news   goes_at; /* who hears this takes all away */
	bool                 goes;
} t;

static void did(const char *what, const char *raw_id)
{
	size_t used = strlen(t.did);

	snprintf(t.did + used, sizeof t.did - used, "%s%s%s;", what, raw_id ? " " : "", raw_id ? raw_id : "");
}

static void fake_create(struct tr_provider *p, struct tr_errand *e)
{
	(void)p;
	did("create", NULL);
	if (t.waits)
		t.slow = e;
	else if (t.create_rc < 0)
		tr_errand_fail(e, t.create_rc, "no money");
	else
		tr_errand_end(e, &(struct tr_provider_answer){ .raw_id = "r" });
}

static void fake_reconnect(struct tr_provider *p, struct tr_errand *e)
{
	(void)p;
	did("reconnect", e->raw_id);
	tr_errand_end(e, &(struct tr_provider_answer){ .rc = t.reconnect_rc });
}

static void fake_ensure(struct tr_provider *p, struct tr_errand *e)
{
	(void)p;
	did("ensure", e->raw_id);
	tr_errand_end(e, &(struct tr_provider_answer){ 0 });
}

static void fake_reach(struct tr_provider *p, struct tr_errand *e)
{
	(void)p;
	did("reach", e->raw_id);
	tr_errand_end(e, &(struct tr_provider_answer){ .url = "http://127.0.0.1:1" });
}

static void fake_kept(struct tr_provider *p, const char *raw_id)
{
	(void)p;
	did("kept", raw_id);
}

static struct tr_provider *fake_free(struct tr_provider *p)
{
	if (p)
		tr_provider_fini(p);
	return NULL;
}

static const struct tr_provider_ops ops = {
	.create = fake_create, .reconnect = fake_reconnect, .ensure_server = fake_ensure, .reach = fake_reach,
	.kept = fake_kept, .free = fake_free,
};

static void leave_all(void)
{
	tr_place_leave(&t.users[0]);
	tr_place_leave(&t.users[1]);
}

static void on_news(struct tr_place_user *u, enum tr_place_news news, int error, const char *words)
{
	(void)error, (void)words;
	t.heard[u - t.users][news]++;
	if (t.goes && news == t.goes_at)
		leave_all();
}

static void join(int i)
{
	t.users[i].on_news = on_news;
	tr_place_join(tr_sandbox_places(kit.sandbox), &t.users[i], &fake,
	              &(struct tr_place_options){ .provider = &t.base });
}

static void begin(void)
{
	memset(&t, 0, sizeof t);
	kit_start();
	tr_provider_init(&t.base, &ops, tr_event_clock(kit.base), "fake");
	t.base.reach = TR_HTTP_THIS_HOST;
	tr_sandbox_add_provider(kit.sandbox, &t.base);
	join(0);
	join(1);
}

/* Both want to know; whoever hears this first takes both away. */
static void find_leaving_at(enum tr_place_news news)
{
	t.goes = true;
	t.goes_at = news;
	t.users[1].waits = true; /* asks as well: the first news may come before the call returns */
	tr_place_find(&t.users[0], false);
	fake_commit();
	UNTIL(t.heard[0][news] + t.heard[1][news] == 1);
	kit_settle();
	assert_int_equal(t.heard[0][news] + t.heard[1][news], 1);
	t.goes = false;
}

static void find(int i)
{
	tr_place_find(&t.users[i], false);
	fake_commit();
	UNTIL(t.heard[i][TR_PLACE_FOUND] == 1);
}

static void end(void)
{
	leave_all();
	kit_end();
}

/* One is made, and all have left. */
static void make(void)
{
	find(0);
	leave_all();
	memset(t.heard, 0, sizeof t.heard);
	t.did[0] = '\0';
	join(0);
	join(1);
}

TEST(who_leaves_when_one_is_about_to_be_made_has_none_made)
{
	begin();
	find_leaving_at(TR_PLACE_CREATING);
	assert_string_equal(t.did, "");
	assert_int_equal(fake.item_count, 0);
	assert_int_equal(fake.holds, 0);
	join(0);
	find(0);
	assert_string_equal(t.did, "create;kept r;reach r;");
	end();
}

TEST(who_leaves_when_it_was_just_made_finds_it_again)
{
	begin();
	find_leaving_at(TR_PLACE_STARTING);
	assert_string_equal(t.did, "create;kept r;");
	join(0);
	find(0);
	assert_string_equal(t.did, "create;kept r;reconnect r;ensure r;reach r;");
	end();
}

TEST(who_leaves_while_it_is_brought_up_asks_no_more)
{
	begin();
	make();
	find_leaving_at(TR_PLACE_STARTING);
	assert_string_equal(t.did, "reconnect r;");
	end();
}

TEST(who_leaves_when_it_is_lost_has_no_other_made)
{
	begin();
	make();
	t.reconnect_rc = TROUPE_ESANDBOXLOST;
	find_leaving_at(TR_PLACE_LOST);
	assert_string_equal(t.did, "reconnect r;");
	end();
}

TEST(who_leaves_at_the_end_takes_the_others_along)
{
	begin();
	t.create_rc = TROUPE_EPROVIDER;
	find_leaving_at(TR_PLACE_FAILED);
	end();
	begin();
	find_leaving_at(TR_PLACE_FOUND);
	end();
}

TEST(one_that_stays_is_told_although_another_leaves)
{
	begin();
	tr_place_find(&t.users[0], false);
	tr_place_find(&t.users[1], false);
	tr_place_leave(&t.users[0]);
	fake_commit();
	UNTIL(t.heard[1][TR_PLACE_FOUND] == 1);
	assert_int_equal(t.heard[0][TR_PLACE_FOUND], 0);
	end();
}

/* The intention is not on disk yet; who comes next begins anew, and what was begun before does not go on for
 * it. */
TEST(who_comes_before_a_commit_is_told_has_one_sandbox_made)
{
	begin();
	t.waits = true;
	tr_place_find(&t.users[0], false);
	leave_all();
	join(0);
	tr_place_find(&t.users[0], false);
	fake_commit();
	UNTIL(t.slow);
	kit_settle();
	assert_string_equal(t.did, "create;");
	tr_errand_end(t.slow, &(struct tr_provider_answer){ .raw_id = "r" });
	UNTIL(t.heard[0][TR_PLACE_FOUND] == 1);
	end();
}

/* As a session that is closed by its actor, or with it. */
static void leave_all_in_a_turn(void)
{
	fake.depth++;
	leave_all();
	fake.depth--;
}

static void begin_making(void)
{
	begin();
	t.waits = true;
	tr_place_find(&t.users[0], false);
	fake_commit();
	UNTIL(t.slow);
	assert_int_equal(fake.holds, 1);
}

TEST(who_leaves_while_one_is_made_lets_its_actor_sleep)
{
	begin_making();
	leave_all_in_a_turn();
	assert_int_equal(fake.holds, 0);
	kit_end();
}

TEST(an_actor_that_goes_while_one_is_made_wakes_again)
{
	begin_making();
	fake.leaving = true;
	leave_all_in_a_turn();
	assert_int_equal(fake.holds, 1); /* its server ends: the next one wakes it */
	kit_end();
}

/* Nobody was asked to make one: there is nothing to look for. */
TEST(who_leaves_before_one_can_have_been_made_leaves_no_intention)
{
	begin();
	kit.holds_commits = true;
	tr_place_find(&t.users[0], false);
	leave_all_in_a_turn();
	fake_commit();
	kit.holds_commits = false;
	kit_settle();
	assert_string_equal(t.did, "");
	assert_int_equal(fake.item_count, 0);
	kit_end();
}

/* What was begun before may be there: from the same seed it is found. */
TEST(who_leaves_before_one_is_made_once_more_leaves_the_seed)
{
	begin();
	t.base.repeatable = true;
	t.waits = true;
	tr_place_find(&t.users[0], false);
	fake_commit();
	UNTIL(t.slow);
	leave_all();
	tr_errand_fail(t.slow, TROUPE_EPROVIDER, "perhaps");
	kit_settle();
	assert_int_equal(fake.item_count, 1);
	join(0);
	join(1);
	kit.holds_commits = true;
	tr_place_find(&t.users[0], false);
	leave_all_in_a_turn();
	fake_commit();
	assert_int_equal(fake.item_count, 1);
	kit_end();
}

/* What is recorded is kept by its provider, whoever is awake. */
TEST(one_whose_actor_sleeps_before_it_is_recorded_is_kept)
{
	begin();
	t.waits = true;
	tr_place_find(&t.users[0], false);
	fake_commit();
	UNTIL(t.slow);
	tr_errand_end(t.slow, &(struct tr_provider_answer){ .raw_id = "r" });
	kit.holds_commits = true;
	UNTIL(t.heard[0][TR_PLACE_STARTING] == 1);
	leave_all();
	kit.holds_commits = false;
	fake_commit();
	assert_string_equal(t.did, "create;kept r;");
	kit_end();
}

TESTS(
	RUN(who_leaves_when_one_is_about_to_be_made_has_none_made),
	RUN(who_leaves_when_it_was_just_made_finds_it_again),
	RUN(who_leaves_while_it_is_brought_up_asks_no_more),
	RUN(who_leaves_when_it_is_lost_has_no_other_made),
	RUN(who_leaves_at_the_end_takes_the_others_along),
	RUN(one_that_stays_is_told_although_another_leaves),
	RUN(who_comes_before_a_commit_is_told_has_one_sandbox_made),
	RUN(who_leaves_while_one_is_made_lets_its_actor_sleep),
	RUN(an_actor_that_goes_while_one_is_made_wakes_again),
	RUN(who_leaves_before_one_can_have_been_made_leaves_no_intention),
	RUN(who_leaves_before_one_is_made_once_more_leaves_the_seed),
	RUN(one_whose_actor_sleeps_before_it_is_recorded_is_kept)
)
