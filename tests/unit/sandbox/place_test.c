/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes that a provider makes, loses and destroys: a provider that does what the test tells it to, in front of the stand-in. */
#include "tests/unit/sandbox/session_kit.h"

#include "runtime/sandbox/items.h"
#include "runtime/sandbox/session/session.h"

static struct {
	struct tr_provider base;
	char        did[1024];      /* "create;reach r1;" ... */
	int         made;           /* rawIds are r1, r2, ... */
	int         reconnect_rc, create_rc, reach_rc, destroy_rc;
	bool        unknown, slow;  /* create: its failure tells nothing; its answer, and pause's, waits */
	int         dead_reaches;   /* so many answers lead nowhere */
	struct tr_errand *waiting;
	char        seed[64];
	char        items[512];     /* what was durable when create and reach were called */
} p;

static void did(const char *what, const char *raw_id)
{
	size_t used = strlen(p.did);

	snprintf(p.did + used, sizeof p.did - used, "%s%s%s;", what, raw_id ? " " : "", raw_id ? raw_id : "");
}

static struct fake_item *item(const char *part)
{
	for (size_t i = 0; i < fake.item_count; i++) {
		if (strstr(fake.items[i].key, part))
			return &fake.items[i];
	}
	return NULL;
}

/* What the item says, as JSON; "": there is none. */
static const char *item_json(const char *part)
{
	static struct tr_bytes json;
	struct fake_item *found = item(part);

	tr_bytes_clear(&json);
	if (found)
		tr_json_encode(&json, tr_bytes_value(&found->value), TR_JSON_PLAIN);
	else
		tr_bytes_put_text(&json, "");
	return tr_bytes_text(&json);
}

static void finish_create(struct tr_errand *e)
{
	char raw_id[16];

	if (p.create_rc < 0) {
		tr_errand_end(e, &(struct tr_provider_answer){ .rc = p.create_rc, .words = "no money", .unknown = p.unknown });
		return;
	}
	snprintf(raw_id, sizeof raw_id, "r%d", ++p.made);
	tr_errand_end(e, &(struct tr_provider_answer){ .raw_id = raw_id });
}

static void fake_create(struct tr_provider *base, struct tr_errand *e)
{
	(void)base;
	did("create", NULL);
	snprintf(p.seed, sizeof p.seed, "%s", e->seed);
	snprintf(p.items, sizeof p.items, "%s", item_json("owed/sandbox"));
	if (p.slow)
		p.waiting = e;
	else
		finish_create(e);
}

static void answer(struct tr_errand *e, const char *what, int rc)
{
	did(what, e->raw_id);
	if (rc < 0)
		tr_errand_fail(e, rc, "so it is");
	else
		tr_errand_end(e, &(struct tr_provider_answer){ 0 });
}

static void fake_reconnect(struct tr_provider *base, struct tr_errand *e)
{
	(void)base;
	answer(e, "reconnect", p.reconnect_rc);
}

static void fake_ensure(struct tr_provider *base, struct tr_errand *e)
{
	(void)base;
	answer(e, "ensure", 0);
}

static void fake_pause(struct tr_provider *base, struct tr_errand *e)
{
	(void)base;
	did("pause", e->raw_id);
	if (p.slow)
		p.waiting = e;
	else
		tr_errand_end(e, &(struct tr_provider_answer){ 0 });
}

static void fake_destroyed(struct tr_provider *base, struct tr_errand *e)
{
	(void)base;
	answer(e, "destroy", p.destroy_rc);
}

static void fake_kept(struct tr_provider *base, const char *raw_id)
{
	(void)base;
	did("kept", raw_id);
	assert_non_null(strstr(item_json("owed/sandbox"), raw_id));
}

static void fake_reach(struct tr_provider *base, struct tr_errand *e)
{
	char url[64];

	(void)base;
	did("reach", e->raw_id);
	snprintf(p.items, sizeof p.items, "%s", item_json("owed/sandbox"));
	snprintf(url, sizeof url, "http://127.0.0.1:%d", p.dead_reaches > 0 ? 1 : in.port);
	p.dead_reaches -= p.dead_reaches > 0;
	if (p.reach_rc < 0)
		tr_errand_fail(e, p.reach_rc, "so it is");
	else
		tr_errand_end(e, &(struct tr_provider_answer){ .url = url, .cwd = "/home/box" });
}

static struct tr_provider *fake_free(struct tr_provider *base)
{
	if (base)
		tr_provider_fini(base);
	return NULL;
}

static const struct tr_provider_ops ops = {
	.create = fake_create, .reconnect = fake_reconnect, .ensure_server = fake_ensure, .reach = fake_reach,
	.pause = fake_pause, .destroy = fake_destroyed, .kept = fake_kept, .free = fake_free,
};

static void add_provider(void)
{
	tr_provider_init(&p.base, &ops, tr_event_clock(kit.base), "fake");
	p.base.reach = TR_HTTP_THIS_HOST;
	tr_sandbox_add_provider(kit.sandbox, &p.base);
}

static void begin(void)
{
	memset(&p, 0, sizeof p);
	kit_start();
	kit.provider = "fake";
	add_provider();
}

/* The server dies and another begins, with the same data. */
static void restart_server(void)
{
	if (kit.session)
		kit_crash();
	tr_sandbox_free(kit.sandbox);
	kit_start_sandbox();
	add_provider();
}

static void core_starts(void)
{
	kit.ops->start(tr_sandbox_sessions(kit.sandbox)->ctx, (struct tr_core *)&fake);
}

static void open_ready(void)
{
	kit_open();
	UNTIL(strstr(newest("sandbox.state"), "\"ready\""));
}

static void forget_did(void)
{
	p.did[0] = '\0';
}

/* With a sandbox that is made and ready, and is paused when its actor sleeps. */
static void begin_pausing(void)
{
	struct tr_sandbox_options o;

	begin();
	tr_sandbox_free(kit.sandbox);
	o = kit_sandbox_options();
	o.pause = true;
	assert_int_equal(tr_sandbox_new(&kit.sandbox, &o), 0);
	add_provider();
	open_ready();
	forget_did();
}

/* resting: its server goes on. */
static void sleep_now(bool resting)
{
	fake.depth++;
	fake.resting = resting;
	kit.session = kit.ops->close(kit.session);
	fake.depth--;
	fake.resting = false;
}

/* ------------------------------------------------------------------ making and finding */

TEST(a_sandbox_is_made_once_and_remembered_before_it_is_used)
{
	struct troupe_session_info info;

	begin();
	p.slow = true;
	kit_open();
	UNTIL(p.waiting);
	assert_string_equal(p.did, "create;");
	assert_non_null(strstr(p.items, "\"provider\":\"fake\",\"rawId\":null"));
	assert_int_equal(fake.holds_committed, 1); /* it must not sleep now */
	finish_create(p.waiting);
	UNTIL(told("sandbox.state", "\"ready\"") == 1);
	assert_string_equal(p.did, "create;kept r1;reach r1;");
	assert_non_null(strstr(p.items, "\"rawId\":\"r1\""));
	assert_int_equal(fake.holds_committed, 0);
	assert_true(place("sandbox.state", "creating") < place("sandbox.state", "starting"));
	assert_true(place("sandbox.state", "starting") < place("sandbox.state", "ready"));
	assert_non_null(strstr(newest("sandbox.state"), "\"sandboxId\":\"fake/r1\""));
	kit.ops->info(kit.session, &info);
	assert_string_equal(info.sandbox_id, "fake/r1");
	assert_int_equal(events("\"cwd\":\"/home/box\""), 1);
	kit_end();
}

TEST(the_same_one_is_found_at_the_next_wake)
{
	begin();
	open_ready();
	kit_close();
	forget_did();
	open_ready();
	UNTIL(strstr(p.did, "reach"));
	assert_string_equal(p.did, "reconnect r1;ensure r1;reach r1;");
	UNTIL(events("reattach") == 1);
	kit_end();
}

TEST(one_that_exists_is_used_under_its_name_and_not_remembered)
{
	begin();
	kit.sandbox_id = "fake/x/y";
	open_ready();
	assert_string_equal(p.did, "reconnect x/y;ensure x/y;reach x/y;");
	assert_null(item("owed/sandbox"));
	kit_end();
}

TEST(names_that_are_not_the_providers_are_refused)
{
	static const char *const names[] = { "other/x", "fake", "fake/", "/x", "x", "" };

	begin();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct troupe_session *s = NULL;

		fake.depth++;
		assert_int_equal(kit.ops->open(tr_sandbox_sessions(kit.sandbox)->ctx, &s, &fake, &(struct troupe_session_options){
			.provider = "fake", .sandbox_id = names[i] }), TROUPE_EINVAL);
		fake.depth--;
		assert_null(s);
	}
	kit_end();
}

/* [S66] */
TEST(sandbox_ids_are_split_at_the_first_slash)
{
	char provider[TR_PROVIDER_NAME_MAX];
	const char *raw;

	assert_true(tr_sandbox_id_split("fake/abc/def:1", provider, &raw));
	assert_string_equal(provider, "fake");
	assert_string_equal(raw, "abc/def:1");
	assert_false(tr_sandbox_id_split("fake", provider, &raw));
	assert_false(tr_sandbox_id_split("fake/", provider, &raw));
	assert_false(tr_sandbox_id_split("/x", provider, &raw));
	assert_false(tr_sandbox_id_split("", provider, &raw));
	assert_false(tr_sandbox_id_split("a23456789012345678901234567890123456789012345678901234567890123456/x", provider, &raw));
}

TEST(one_that_cannot_be_made_fails_who_waits_and_is_tried_again_when_somebody_asks)
{
	struct troupe_call *call;

	begin();
	p.create_rc = TROUPE_EPROVIDER;
	kit_open();
	call = kit_prompt("p", "hello");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_ENOSANDBOX);
	assert_string_equal(call->text, "no money");
	assert_non_null(strstr(newest("sandbox.state"), "not_created"));
	assert_null(item("owed/sandbox")); /* the provider says that there is none */
	assert_int_equal(fake.holds_committed, 0);
	kit_settle();
	assert_string_equal(p.did, "create;");
	p.create_rc = 0;
	kit_run("q", "hello");
	assert_int_equal(p.made, 1);
	kit_end();
}

/* Nobody can know whether one was made; another is. */
TEST(a_server_that_dies_while_one_is_made_makes_another)
{
	char seed[64];

	begin();
	p.slow = true;
	kit_open();
	UNTIL(p.waiting);
	snprintf(seed, sizeof seed, "%s", p.seed);
	restart_server();
	p.slow = false;
	open_ready();
	assert_string_not_equal(seed, p.seed);
	assert_string_equal(p.did, "create;create;kept r1;reach r1;");
	kit_end();
}

TEST(where_making_can_be_repeated_it_is)
{
	char seed[64];

	begin();
	p.base.repeatable = true;
	p.slow = true;
	kit_open();
	UNTIL(p.waiting);
	snprintf(seed, sizeof seed, "%s", p.seed);
	restart_server();
	p.base.repeatable = true;
	p.slow = false;
	open_ready();
	assert_string_equal(seed, p.seed);
	kit_end();
}

/* ------------------------------------------------------------------ when it goes */

/* [S67, F34] */
TEST(a_lost_one_is_replaced_and_the_history_goes_on)
{
	begin();
	open_ready();
	kit_close();
	forget_did();
	p.reconnect_rc = TROUPE_ESANDBOXLOST;
	in_restart();
	kit_open();
	UNTIL(strstr(newest("sandbox.state"), "\"ready\"") && p.made == 2);
	assert_string_equal(p.did, "reconnect r1;create;kept r2;reach r2;");
	assert_int_equal(told("sandbox.state", "\"state\":\"lost\",\"sandboxId\":\"fake/r1\""), 1);
	assert_true(place("sandbox.state", "\"sandboxId\":\"fake/r1\"") < place("sandbox.state", "creating"));
	assert_events_whole();
	kit_end();
}

/* [S67] */
TEST(where_people_are_asked_a_lost_one_is_not_replaced_until_they_say_so)
{
	struct troupe_call *call;

	begin();
	kit.asks = true;
	open_ready();
	kit_close();
	p.reconnect_rc = TROUPE_ESANDBOXLOST;
	kit_open();
	UNTIL(told("sandbox.state", "\"state\":\"lost\"") == 1);
	call = kit_prompt("p", "hello");
	UNTIL(call->answered);
	assert_int_equal(call->error, TROUPE_ESANDBOXLOST);
	assert_int_equal(p.made, 1);
	fake.depth++;
	assert_int_equal(kit.ops->renew(kit.session), 0);
	fake.depth--;
	UNTIL(p.made == 2 && strstr(newest("sandbox.state"), "\"ready\""));
	assert_null(strstr(p.did, "destroy")); /* there was nothing to destroy */
	kit_end();
}

/* [S68, F35] */
TEST(an_address_that_changed_is_asked_for_again)
{
	begin();
	p.dead_reaches = 1;
	kit_open();
	UNTIL(told("sandbox.state", "\"ready\"") == 1);
	assert_string_equal(p.did, "create;kept r1;reach r1;reach r1;");
	assert_int_equal(told("sandbox.state", "unhealthy"), 0);
	kit_end();
}

/* [S1] */
TEST(a_server_that_stays_away_is_started_by_the_provider)
{
	begin();
	p.dead_reaches = 2;
	kit_open();
	UNTIL(told("sandbox.state", "\"ready\"") == 1);
	assert_string_equal(p.did, "create;kept r1;reach r1;reach r1;ensure r1;reach r1;");
	kit_end();
}

/* ------------------------------------------------------------------ what is owed */

static void destroy_actor(void)
{
	kit_close();
	fake_destroy(&fake);
	kit.ops->owed(tr_sandbox_sessions(kit.sandbox)->ctx, 1);
}

TEST(a_destroyed_actors_sandbox_is_destroyed_once)
{
	begin();
	core_starts();
	open_ready();
	forget_did();
	destroy_actor();
	UNTIL(!item("nobody/"));
	kit_settle();
	assert_string_equal(p.did, "destroy r1;"); /* and its agent's instance goes with it */
	kit_end();
}

TEST(a_sandbox_is_owed_until_it_is_destroyed_whoever_dies_meanwhile)
{
	begin();
	core_starts();
	open_ready();
	forget_did();
	p.destroy_rc = TROUPE_EPROVIDER;
	destroy_actor();
	UNTIL(strstr(p.did, "destroy r1;"));
	kit_settle();
	assert_non_null(item("nobody/"));
	restart_server();
	core_starts();
	UNTIL(strstr(p.did, "destroy r1;destroy r1;"));
	p.destroy_rc = 0;
	UNTIL(!item("nobody/"));
	assert_string_equal(p.did, "destroy r1;destroy r1;destroy r1;");
	kit_end();
}

TEST(one_that_is_made_after_its_actor_has_gone_is_destroyed)
{
	begin();
	core_starts();
	p.slow = true;
	kit_open();
	UNTIL(p.waiting);
	forget_did();
	destroy_actor();
	kit_settle();
	finish_create(p.waiting);
	UNTIL(strstr(p.did, "destroy r1;"));
	UNTIL(!item("nobody/"));
	kit_end();
}

TEST(renewing_destroys_the_old_one_and_makes_another)
{
	begin();
	core_starts();
	open_ready();
	forget_did();
	fake.depth++;
	assert_int_equal(kit.ops->renew(kit.session), 0);
	fake.depth--;
	fake_commit();
	assert_non_null(strstr(item_json("nobody/"), "\"rawId\":\"r1\""));
	UNTIL(p.made == 2 && !item("nobody/") && strstr(newest("sandbox.state"), "\"ready\""));
	assert_non_null(strstr(p.did, "destroy r1;"));
	assert_null(strstr(p.did, "destroy r2;"));
	assert_int_equal(told("sandbox.state", "destroyed"), 1);
	kit_end();
}

TEST(a_destroyed_actors_instance_in_a_shared_sandbox_is_deleted)
{
	begin();
	kit.provider = NULL; /* base_url */
	core_starts();
	kit_open();
	UNTIL(told("sandbox.state", "\"ready\"") == 1);
	assert_int_equal(in.deletes, 0);
	destroy_actor();
	UNTIL(!item("nobody/"));
	assert_int_equal(in.deletes, 1);
	kit_end();
}

TEST(of_a_destroyed_actors_instance_it_is_known_what_to_sweep_whoever_dies_meanwhile)
{
	begin();
	kit.provider = NULL;
	in.capabilities = "{\"sessionCapabilities\":{\"close\":{}}}";
	in.family = "100:7\\n101:8:55\\n";
	core_starts();
	kit_open();
	UNTIL(fake_find(&fake, "session/default/open/family") != NULL);
	in_stop_listening();
	destroy_actor();
	in.family = ""; /* another server */
	restart_server();
	in_listen();
	core_starts();
	UNTIL(!item("nobody/"));
	assert_non_null(strstr(in.last_look, "\"100:7\",\"101:8:55\"]"));
	assert_non_null(strstr(in.last_sweep, "\"TERM\",\"100:7\",\"101:8:55\"]"));
	assert_int_equal(in.closes, 1);
	assert_int_equal(in.deletes, 1);
	kit_end();
}

TEST(an_instance_that_is_owed_since_before_more_was_noted_is_paid)
{
	static const char key[] = TR_OWED "00000000000000000007/agent/troupe-a-default-1-0badcafe";
	struct tr_bytes v = { 0 };
	char url[64];

	begin();
	snprintf(url, sizeof url, "http://127.0.0.1:%d", in.port);
	tr_put_map(&v, 6);
	tr_item_put_text(&v, "session", "default");
	tr_item_put_text(&v, "provider", "url");
	tr_item_put_text(&v, "rawId", url);
	tr_item_put_text(&v, "token", NULL);
	tr_item_put_text(&v, "options", NULL);
	tr_item_put_number(&v, "made", 0);
	tr_core_put((struct tr_core *)&fake, (struct troupe_text){ key, sizeof key - 1 }, v.data, v.size);
	tr_bytes_free(&v);
	fake_commit();
	assert_non_null(item("nobody/"));
	core_starts();
	UNTIL(!item("nobody/"));
	assert_int_equal(in.deletes, 1);
	assert_int_equal(in.closes, 0);
	assert_int_equal(in.sweeps, 1);
	kit_end();
}

TEST(an_instance_is_ended_though_its_sandbox_stays_and_is_paid_with_it_if_that_goes_first)
{
	begin();
	core_starts();
	open_ready();
	p.dead_reaches = 1000;
	kit_destroy();
	UNTIL(fake.ended == 1);
	kit_close();
	assert_non_null(strstr(item_json("nobody/"), "\"made\":0"));
	kit_settle();
	assert_non_null(item("nobody/"));
	destroy_actor();
	UNTIL(!item("nobody/"));
	assert_non_null(strstr(p.did, "destroy r1;"));
	assert_int_equal(in.deletes, 0);
	kit_end();
}

/* ------------------------------------------------------------------ pausing */

TEST(a_sandbox_is_paused_when_its_actors_sleep_is_durable_and_brought_back_at_the_next_wake)
{
	begin_pausing();
	sleep_now(true);
	assert_string_equal(p.did, "");
	fake_commit();
	kit_settle();
	assert_string_equal(p.did, "pause r1;");
	kit_open();
	UNTIL(events("reattach") == 1);
	assert_string_equal(p.did, "pause r1;reconnect r1;ensure r1;reach r1;");
	assert_int_equal(in.deletes, 0);
	kit_end();
}

TEST(who_wakes_while_it_is_being_paused_waits_for_that)
{
	begin_pausing();
	p.slow = true;
	sleep_now(true);
	fake_commit();
	UNTIL(p.waiting);
	kit_open();
	kit_settle();
	assert_string_equal(p.did, "pause r1;");
	tr_errand_fail(p.waiting, TROUPE_EPROVIDER, "not now");
	UNTIL(events("reattach") == 1);
	assert_string_equal(p.did, "pause r1;reconnect r1;ensure r1;reach r1;");
	kit_end();
}

TEST(a_sandbox_is_not_paused_when_its_server_ends_nor_when_somebody_is_back_already)
{
	begin_pausing();
	sleep_now(false);
	fake_commit();
	kit_settle();
	assert_string_equal(p.did, "");
	open_ready();
	UNTIL(events("reattach") == 1);
	forget_did();
	sleep_now(true);
	kit_open(); /* commits both */
	UNTIL(events("reattach") == 2);
	assert_null(strstr(p.did, "pause"));
	kit_end();
}

TEST(a_sandbox_that_was_given_is_never_paused)
{
	begin_pausing();
	kit_close();
	kit.sandbox_id = "fake/x/y";
	kit_open();
	UNTIL(strstr(newest("sandbox.state"), "\"ready\"") && in.instance_count > 0);
	forget_did();
	sleep_now(true);
	fake_commit();
	kit_settle();
	assert_string_equal(p.did, "");
	kit_end();
}

TESTS(
	RUN(a_sandbox_is_made_once_and_remembered_before_it_is_used),
	RUN(the_same_one_is_found_at_the_next_wake),
	RUN(one_that_exists_is_used_under_its_name_and_not_remembered),
	RUN(names_that_are_not_the_providers_are_refused),
	RUN(sandbox_ids_are_split_at_the_first_slash),
	RUN(one_that_cannot_be_made_fails_who_waits_and_is_tried_again_when_somebody_asks),
	RUN(a_server_that_dies_while_one_is_made_makes_another),
	RUN(where_making_can_be_repeated_it_is),
	RUN(a_lost_one_is_replaced_and_the_history_goes_on),
	RUN(where_people_are_asked_a_lost_one_is_not_replaced_until_they_say_so),
	RUN(an_address_that_changed_is_asked_for_again),
	RUN(a_server_that_stays_away_is_started_by_the_provider),
	RUN(a_destroyed_actors_sandbox_is_destroyed_once),
	RUN(a_sandbox_is_owed_until_it_is_destroyed_whoever_dies_meanwhile),
	RUN(one_that_is_made_after_its_actor_has_gone_is_destroyed),
	RUN(renewing_destroys_the_old_one_and_makes_another),
	RUN(a_destroyed_actors_instance_in_a_shared_sandbox_is_deleted),
	RUN(of_a_destroyed_actors_instance_it_is_known_what_to_sweep_whoever_dies_meanwhile),
	RUN(an_instance_that_is_owed_since_before_more_was_noted_is_paid),
	RUN(an_instance_is_ended_though_its_sandbox_stays_and_is_paid_with_it_if_that_goes_first),
	RUN(a_sandbox_is_paused_when_its_actors_sleep_is_durable_and_brought_back_at_the_next_wake),
	RUN(who_wakes_while_it_is_being_paused_waits_for_that),
	RUN(a_sandbox_is_not_paused_when_its_server_ends_nor_when_somebody_is_back_already),
	RUN(a_sandbox_that_was_given_is_never_paused)
)
