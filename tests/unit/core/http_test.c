/* SPDX-License-Identifier: Apache-2.0 */
/* Stateless actions and the control routes, as the gate uses them. */
#include "tests/kit/test.h"
#include "tests/kit/world.h"
#include "tests/unit/core/kinds.h"

#include "proto/json.h"
#include "proto/text.h"

static struct tr_world w;

/* ------------------------------------------------------------------ actions */

struct answer { bool came, failed, reached; char text[512]; };

static void on_answer(void *arg, const struct tr_failure *failure, struct troupe_value output, const struct tr_client_actor *actor)
{
	struct answer *a = arg;
	struct tr_bytes json = { 0 };

	assert_false(a->came);
	a->came = true;
	a->failed = failure;
	a->reached = actor && (!failure || failure->actor == actor);
	if (failure) {
		snprintf(a->text, sizeof a->text, "%.*s.%.*s", (int)failure->group.size, failure->group.data,
		         (int)failure->code.size, failure->code.data);
		return;
	}
	if (output.size > 0)
		assert_int_equal(tr_json_encode(&json, output, TR_JSON_COMPAT), 0);
	snprintf(a->text, sizeof a->text, "%s", tr_bytes_text(&json));
	tr_bytes_free(&json);
}

static struct tr_address probe_at(const char *key, bool create)
{
	return (struct tr_address){ .name = { "probe", 5 }, .key = { key, strlen(key) }, .create = create };
}

static struct tr_http_call *calls(struct answer *a, const char *key, bool create, const char *action, const char *params)
{
	struct tr_bytes packed = { 0 };
	struct tr_action_request rq = {
		.to = probe_at(key, create), .action = { action, strlen(action) }, .args = { "\x90", 1 },
	};
	struct tr_http_call *call;

	*a = (struct answer){ .came = false };
	if (params)
		tr_json_decode(&packed, tr_text_from(params), TR_JSON_PLAIN, 8, NULL);
	rq.params = tr_bytes_value(&packed);
	call = tr_core_action(w.core, &rq, on_answer, a);
	tr_bytes_free(&packed);
	assert_false(a->came); /* never from inside */
	return call;
}

TEST(an_action_is_answered_after_its_commit)
{
	struct answer a;

	tr_world_open(&w, probe_kinds, NULL);
	w.hold_commits = true;
	calls(&a, "x", true, "add", NULL);
	tr_world_turn(&w);
	assert_false(a.came);
	tr_world_commit(&w);
	assert_string_equal(a.text, "1");
	w.hold_commits = false;
	calls(&a, "x", true, "note", NULL);
	tr_world_turn(&w);
	assert_string_equal(a.text, "actor.validation_error");
	tr_world_close(&w);
}

TEST(what_cannot_be_called_is_refused)
{
	struct answer missing, unknown, stranger;

	tr_world_open(&w, probe_kinds, NULL);
	calls(&missing, "x", false, "add", NULL);
	calls(&unknown, "y", true, "nothing", NULL);
	calls(&stranger, "z", true, "add", "{\"who\":\"stranger\"}");
	tr_world_turn(&w);
	assert_string_equal(missing.text, "actor.not_found");
	assert_string_equal(unknown.text, "actor.action_not_found");
	assert_string_equal(stranger.text, "auth.forbidden");
	assert_true(!missing.reached && unknown.reached && stranger.reached);
	tr_world_close(&w);
}

TEST(observers_call_what_reads_and_nothing_else)
{
	struct tr_action_request rq = {
		.to = probe_at("x", false), .action = { "add", 3 }, .args = { "\x90", 1 },
	};
	struct answer made, by_token = { 0 }, by_word, wrongly, reads;

	tr_world_open(&w, probe_kinds, NULL);
	calls(&made, "x", true, "add", NULL);
	rq.to.observes = true;
	tr_core_action(w.core, &rq, on_answer, &by_token);
	calls(&by_word, "x", true, "note", "{\"role\":\"observer\"}"); /* before its arguments are looked at */
	calls(&wrongly, "x", true, "add", "{\"role\":\"observers\"}");
	calls(&reads, "x", true, "read", "{\"role\":\"observer\"}");
	tr_world_turn(&w);
	assert_string_equal(made.text, "1");
	assert_string_equal(by_token.text, "auth.forbidden");
	assert_string_equal(by_word.text, "auth.forbidden");
	assert_string_equal(wrongly.text, "2");
	assert_false(reads.failed);
	tr_world_close(&w);
}

TEST(who_has_gone_is_not_answered)
{
	struct answer a, b;

	tr_world_open(&w, probe_kinds, NULL);
	tr_core_abandon(calls(&a, "x", true, "add", NULL));
	tr_world_turn(&w);
	assert_false(a.came);
	calls(&b, "x", true, "add", NULL);
	tr_world_turn(&w);
	assert_string_equal(b.text, "2"); /* it ran all the same */
	tr_world_close(&w);
}

TEST(a_visitor_has_a_struct_of_its_own)
{
	struct answer a, b;

	tr_world_open(&w, probe_kinds, NULL);
	calls(&a, "x", true, "mine", NULL);
	calls(&b, "x", true, "mine", NULL);
	tr_world_turn(&w);
	assert_string_equal(a.text, "100");
	assert_string_equal(b.text, "100");
	tr_world_close(&w);
}

static int greet(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)a;
	probe_did(troupe_peer_connected(p) ? "joined" : "came");
	return 0;
}

static void part(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)a;
	(void)p;
	probe_did("left");
}

TEST(a_visitor_joins_and_leaves_where_the_kind_wants_it)
{
	const struct troupe_action actions[] = { { .name = "add", .run = probe_keep }, { .name = "go", .run = probe_let_go }, { 0 } };
	const struct troupe_kind kind = { .name = "probe", .size = sizeof(struct probe), .visitors = true, .join = greet,
	                                  .leave = part, .actions = actions };
	struct answer a, b, c;

	probe_life[0] = 0;
	tr_world_open(&w, (const struct troupe_kind *const []){ &kind, NULL }, NULL);
	calls(&a, "x", true, "add", NULL);
	tr_world_turn(&w);
	assert_string_equal(probe_life, "came;");
	calls(&b, "x", true, "go", NULL); /* answers a, then b */
	calls(&c, "x", true, "nothing", NULL);
	tr_world_turn(&w);
	assert_string_equal(probe_life, "came;came;came;left;left;left;");
	tr_world_close(&w);
}

TEST(a_failed_commit_fails_the_call)
{
	struct answer a;

	tr_world_open(&w, probe_kinds, NULL);
	w.next_commit = TROUPE_EFULL;
	calls(&a, "x", true, "add", NULL);
	tr_world_turn(&w);
	assert_string_equal(a.text, "storage.full");
	tr_world_close(&w);
}

static int fail_inside(struct troupe_actor *a, struct troupe_call *c)
{
	(void)a;
	return troupe_fail(c, TROUPE_EINTERNAL, "the password is %s", "secret");
}

static int fail_with_inside(struct troupe_actor *a, struct troupe_call *c)
{
	struct troupe_value said = troupe_args_value(c), metadata = { 0 };

	(void)a;
	tr_value_element(said, 0, &metadata);
	return troupe_fail_with(c, TROUPE_EAGENT, NULL, metadata);
}

TEST(an_error_of_the_list_may_have_metadata)
{
	const struct troupe_action actions[] = { { .name = "fail", .run = fail_with_inside }, { 0 } };
	const struct troupe_kind kind = { .name = "probe", .actions = actions };
	struct tr_someone ann;

	tr_world_open(&w, (const struct troupe_kind *const []){ &kind, NULL }, NULL);
	tr_someone_joins(&ann, &w, "probe", "x", NULL);
	tr_someone_calls(&ann, "fail", "[{\"code\":-32603}]");
	tr_world_turn(&w);
	assert_non_null(strstr(tr_someone_hears_tag(&ann, "Error"), "\"code\":\"failed\",\"group\":\"agent\","
		"\"message\":\"The agent answered with an error.\",\"metadata\":{\"code\":-32603}}"));
	tr_someone_calls(&ann, "fail", "[]");
	tr_world_turn(&w);
	assert_null(strstr(tr_someone_hears_tag(&ann, "Error"), "metadata"));
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

static int refuse_inside(struct troupe_actor *a, struct troupe_peer *p)
{
	return troupe_peer_param(p, "who") ? troupe_refuse(a, TROUPE_EINTERNAL, "the password is secret") : 0;
}

TEST(what_an_internal_error_says_is_for_the_log)
{
	const struct troupe_action actions[] = { { .name = "fail", .run = fail_inside }, { 0 } };
	const struct troupe_kind kind = { .name = "probe", .admit = refuse_inside, .actions = actions };
	struct tr_someone ann, bob;
	const char *error;

	tr_world_open(&w, (const struct troupe_kind *const []){ &kind, NULL }, NULL);
	tr_someone_joins(&ann, &w, "probe", "x", NULL);
	tr_someone_joins(&bob, &w, "probe", "x", "{\"who\":\"bob\"}");
	tr_someone_calls(&ann, "fail", "[]");
	tr_world_turn(&w);
	for (int i = 0; i < 2; i++) {
		error = tr_someone_hears_tag(i ? &bob : &ann, "Error");
		assert_non_null(error);
		assert_non_null(strstr(error, "An internal error occurred"));
		assert_null(strstr(error, "secret"));
	}
	tr_someone_leaves(&ann);
	tr_someone_leaves(&bob);
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ control */

struct rows { int count, ends; bool created; char error[64], id[31], existing[31]; };

static void on_row(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	struct rows *r = arg;
	struct troupe_value existing;
	struct troupe_text text;

	if (failure) {
		snprintf(r->error, sizeof r->error, "%.*s.%.*s", (int)failure->group.size, failure->group.data,
		         (int)failure->code.size, failure->code.data);
		if (tr_value_member(failure->metadata, "existing_actor_id", &existing) && tr_value_text(existing, &text))
			snprintf(r->existing, sizeof r->existing, "%.*s", (int)text.size, text.data);
	} else if (row) {
		r->count++;
		r->created = created;
		snprintf(r->id, sizeof r->id, "%s", row->id);
	} else {
		r->ends++;
	}
}

static struct rows resolve(const char *key, bool create)
{
	struct rows r = { .count = 0 };
	struct tr_address to = probe_at(key, create);

	tr_core_resolve(w.core, &to, on_row, &r);
	tr_world_turn(&w);
	return r;
}

TEST(resolving_makes_once_and_finds_ever_after)
{
	struct rows missing, made, found;

	tr_world_open(&w, probe_kinds, NULL);
	missing = resolve("x", false);
	made = resolve("x", true);
	found = resolve("x", true);
	assert_string_equal(missing.error, "actor.not_found");
	assert_true(made.created);
	assert_false(found.created);
	assert_string_equal(made.id, found.id);
	tr_world_pass(&w, 30000);
	found = resolve("x", false); /* asleep */
	assert_string_equal(made.id, found.id);
	tr_world_close(&w);
}

TEST(a_taken_key_names_who_has_it)
{
	struct rows first = { .count = 0 }, second = { .count = 0 };
	struct tr_address to = probe_at("x", true);

	tr_world_open(&w, probe_kinds, NULL);
	tr_core_create(w.core, &to, on_row, &first);
	tr_core_create(w.core, &to, on_row, &second);
	tr_world_turn(&w);
	assert_string_equal(second.error, "actor.duplicate_key");
	assert_string_equal(second.existing, first.id);
	tr_world_close(&w);
}

TEST(a_destroyed_actor_is_not_found_and_its_key_is_free)
{
	struct rows made, gone = { .count = 0 }, again = { .count = 0 };

	tr_world_open(&w, probe_kinds, NULL);
	made = resolve("x", true);
	tr_core_destroy(w.core, &(struct tr_address){ .id = { made.id, 30 } }, on_row, &gone);
	tr_world_turn(&w);
	assert_int_equal(gone.count, 1);
	tr_core_destroy(w.core, &(struct tr_address){ .id = { made.id, 30 } }, on_row, &again);
	tr_world_turn(&w);
	assert_string_equal(again.error, "actor.not_found");
	assert_true(resolve("x", true).created);
	tr_world_close(&w);
}

TEST(a_list_ends)
{
	struct rows all = { .count = 0 }, rest = { .count = 0 };

	tr_world_open(&w, probe_kinds, NULL);
	resolve("x", true);
	resolve("y", true);
	resolve("z", true);
	tr_core_list(w.core, (struct troupe_text){ 0 }, (struct troupe_text){ "probe", 5 }, 0, 100, on_row, &all);
	tr_core_list(w.core, (struct troupe_text){ 0 }, (struct troupe_text){ 0 }, 2, 100, on_row, &rest);
	tr_world_turn(&w);
	assert_int_equal(all.count, 3);
	assert_int_equal(all.ends, 1);
	assert_int_equal(rest.count, 1);
	tr_world_close(&w);
}

static struct tr_address probe_in(const char *namespace, const char *key)
{
	struct tr_address to = probe_at(key, true);

	to.namespace = tr_text_from(namespace);
	return to;
}

TEST(a_key_is_unique_within_its_namespace)
{
	struct tr_address here = probe_at("x", true), there = probe_in("there", "x"), elsewhere = { .id = { NULL, 30 } };
	struct rows a = { .count = 0 }, b = a, again = a, foreign = a, gone = a, listed = a;

	tr_world_open(&w, probe_kinds, NULL);
	tr_core_resolve(w.core, &here, on_row, &a);
	tr_core_resolve(w.core, &there, on_row, &b);
	tr_world_turn(&w);
	assert_true(a.created && b.created);
	assert_string_not_equal(a.id, b.id);
	tr_world_pass(&w, 30000); /* asleep: found in the store */
	tr_core_resolve(w.core, &there, on_row, &again);
	tr_world_turn(&w);
	assert_string_equal(b.id, again.id);
	elsewhere.id.data = b.id;
	elsewhere.namespace = (struct troupe_text){ "default", 7 };
	tr_core_resolve(w.core, &elsewhere, on_row, &foreign);
	tr_core_destroy(w.core, &elsewhere, on_row, &gone);
	tr_core_list(w.core, there.namespace, there.name, 0, 100, on_row, &listed);
	tr_world_turn(&w);
	assert_string_equal(foreign.error, "actor.not_found");
	assert_string_equal(gone.error, "actor.not_found");
	assert_int_equal(listed.count, 1);
	assert_string_equal(listed.id, b.id);
	elsewhere.namespace.size = 0; /* an id alone finds it anywhere */
	tr_core_resolve(w.core, &elsewhere, on_row, &again);
	tr_world_turn(&w);
	assert_int_equal(again.count, 2);
	tr_world_close(&w);
}

TEST(a_kind_that_is_not_filled_in_right_is_refused)
{
	static int (*const run)(struct troupe_actor *, struct troupe_call *) = probe_add;
	const struct troupe_action twice[] = { { .name = "a", .run = run }, { .name = "a", .run = run }, { 0 } };
	const struct troupe_action idle[] = { { .name = "a" }, { 0 } };
	const struct troupe_kind bad[] = {
		{ .name = "" }, { .name = "a b" }, { .name = "probe" },
		{ .name = "s", .state = &probe_state }, { .name = "t", .actions = twice }, { .name = "i", .actions = idle },
	};

	tr_world_open(&w, probe_kinds, NULL);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(tr_core_register(w.core, &bad[i]), TROUPE_EINVAL);
	tr_world_close(&w);
}

TESTS(RUN(an_action_is_answered_after_its_commit),
      RUN(what_cannot_be_called_is_refused),
      RUN(observers_call_what_reads_and_nothing_else),
      RUN(who_has_gone_is_not_answered),
      RUN(a_visitor_has_a_struct_of_its_own),
      RUN(a_visitor_joins_and_leaves_where_the_kind_wants_it),
      RUN(a_failed_commit_fails_the_call),
      RUN(an_error_of_the_list_may_have_metadata),
      RUN(what_an_internal_error_says_is_for_the_log),
      RUN(resolving_makes_once_and_finds_ever_after),
      RUN(a_taken_key_names_who_has_it),
      RUN(a_destroyed_actor_is_not_found_and_its_key_is_free),
      RUN(a_list_ends),
      RUN(a_key_is_unique_within_its_namespace),
      RUN(a_kind_that_is_not_filled_in_right_is_refused))
