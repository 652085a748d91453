/* SPDX-License-Identifier: Apache-2.0 */
/* Who speaks before its actor was found, and what is under way when the server drains. */
#include <stdlib.h>

#include "tests/kit/test.h"
#include "tests/kit/world.h"
#include "tests/unit/core/kinds.h"

#include "runtime/base/limits.h"

static struct tr_world w;
static struct tr_someone ann, bob;

static char said[256];

static int opens(struct troupe_actor *a, struct troupe_peer *p, const char *path)
{
	(void)p;
	return strcmp(path, "/websocket/closed") == 0 ? troupe_refuse(a, TROUPE_EFORBIDDEN, "closed") : 0;
}

static void hears(struct troupe_actor *a, struct troupe_peer *p, const void *data, size_t size, bool text)
{
	(void)a;
	(void)p;
	(void)text;
	snprintf(said + strlen(said), sizeof said - strlen(said), "%.*s;", (int)size, (const char *)data);
}

static void begin(void)
{
	static struct troupe_kind kind;
	static const struct troupe_kind *const kinds[] = { &kind, NULL };

	kind = probe_kind;
	kind.socket = opens;
	kind.message = hears;
	probe_life[0] = said[0] = 0;
	tr_world_open(&w, kinds, NULL);
	tr_world_turn(&w);
}

static int64_t count_of(const char *key)
{
	const char *answer, *output;
	struct tr_someone p;
	int64_t count;

	tr_someone_joins(&p, &w, "probe", key, NULL);
	tr_someone_calls(&p, "add", "[]");
	tr_world_turn(&w);
	answer = tr_someone_hears_tag(&p, "ActionResponse");
	assert_non_null(answer);
	output = strstr(answer, "\"output\":");
	assert_non_null(output);
	count = strtoll(output + strlen("\"output\":"), NULL, 10);
	tr_someone_leaves(&p);
	return count;
}

/* ------------------------------------------------------------------ early words */

TEST(a_call_before_the_actor_was_found_is_answered_behind_init)
{
	begin();
	tr_someone_joins(&ann, &w, "probe", "x", NULL);
	tr_someone_subscribes(&ann, "said", true);
	tr_someone_calls(&ann, "say", "[{\"text\":\"one\"}]");
	tr_someone_calls(&ann, "add", "[]");
	tr_world_turn(&w);
	assert_false(ann.closed);
	assert_non_null(strstr(tr_someone_hears(&ann), "\"Init\""));
	assert_non_null(strstr(tr_someone_hears(&ann), "\"one\""));
	assert_non_null(strstr(tr_someone_hears(&ann), "\"ActionResponse\""));
	assert_non_null(strstr(tr_someone_hears(&ann), "\"output\":1"));
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TEST(a_plain_socket_may_speak_before_its_actor_was_found)
{
	begin();
	tr_someone_opens(&ann, &w, "probe", "x", "/websocket/");
	tr_someone_says(&ann, "hello");
	tr_someone_says(&ann, "world");
	tr_world_turn(&w);
	assert_false(ann.closed);
	assert_string_equal(said, "hello;world;");
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TEST(what_was_said_is_heard_though_its_socket_has_gone_since)
{
	begin();
	tr_someone_joins(&ann, &w, "probe", "x", NULL);
	tr_someone_calls(&ann, "add", "[]");
	tr_someone_leaves(&ann);
	tr_world_turn(&w);
	assert_string_equal(probe_life, "create;wake;join;leave;");
	assert_int_equal(count_of("x"), 2);
	tr_someone_opens(&ann, &w, "probe", "x", "/websocket/");
	tr_someone_says(&ann, "bye");
	tr_someone_leaves(&ann);
	tr_world_turn(&w);
	assert_string_equal(said, "bye;");
	tr_world_close(&w);
}

TEST(early_words_of_who_is_refused_are_forgotten)
{
	begin();
	tr_someone_joins(&ann, &w, "probe", "x", "{\"who\":\"stranger\"}");
	tr_someone_calls(&ann, "add", "[]");
	tr_someone_opens(&bob, &w, "probe", "x", "/websocket/closed");
	tr_someone_says(&bob, "hello");
	tr_world_turn(&w);
	assert_true(ann.closed && bob.closed);
	assert_string_equal(said, "");
	tr_someone_leaves(&ann);
	tr_someone_leaves(&bob);
	assert_int_equal(count_of("x"), 1);
	tr_world_close(&w);
}

TEST(early_nonsense_closes_as_any_nonsense_does)
{
	begin();
	tr_someone_joins(&ann, &w, "probe", "x", NULL);
	tr_someone_calls(&ann, "add", "[]");
	tr_someone_says(&ann, "nonsense");
	tr_world_turn(&w);
	assert_int_equal(ann.close_code, 1011);
	assert_string_equal(ann.close_reason, "actor.invalid_request");
	assert_non_null(tr_someone_hears_tag(&ann, "ActionResponse")); /* what came before it counts */
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TEST(an_early_word_that_is_too_long_closes)
{
	static char large[TR_SOCKET_BYTES_MAX + 2];

	begin();
	memset(large, 'x', sizeof large - 1);
	tr_someone_opens(&bob, &w, "probe", "x", "/websocket/");
	tr_someone_says(&bob, large);
	large[TR_MESSAGE_IN_BYTES_MAX + 1] = 0;
	tr_someone_joins(&ann, &w, "probe", "x", NULL);
	tr_someone_says(&ann, large);
	tr_world_turn(&w);
	assert_string_equal(ann.close_reason, "message.incoming_too_long");
	assert_string_equal(bob.close_reason, "message.incoming_too_long");
	assert_string_equal(said, "");
	tr_someone_leaves(&ann);
	tr_someone_leaves(&bob);
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ the end of the server */

static void on_row(void *arg, const struct tr_failure *f, const struct tr_actor_row *row, bool created)
{
	int *told = arg;

	(void)created;
	if (f)
		*told = f->error;
	else if (*told == 0 || !row)
		*told = 1;
}

static void on_answer(void *arg, const struct tr_failure *f, struct troupe_value output,
                      const struct tr_client_actor *actor)
{
	(void)output;
	(void)actor;
	*(int *)arg = f ? f->error : 1;
}

static const struct tr_address to = { .name = { "probe", 5 }, .key = { "x", 1 }, .create = true };

static void calls(const char *action, int *told)
{
	struct tr_action_request rq = { .to = to, .action = { action, strlen(action) }, .args = { "\x90", 1 } };

	tr_core_action(w.core, &rq, on_answer, told);
}

static bool is_told(int told)
{
	return told == (tr_world_late ? TROUPE_EDRAINING : 1);
}

TEST(searches_under_way_when_the_server_drains_are_answered)
{
	int resolved = 0, made = 0, called = 0, destroyed = 0;

	begin();
	tr_core_resolve(w.core, &to, on_row, &resolved);
	calls("add", &called);
	tr_core_create(w.core, &(struct tr_address){ .name = to.name, .key = { "y", 1 } }, on_row, &made);
	tr_core_destroy(w.core, &(struct tr_address){ .name = to.name, .key = { "y", 1 } }, on_row, &destroyed);
	tr_someone_joins(&ann, &w, "probe", "x", NULL);
	tr_someone_calls(&ann, "add", "[]");
	tr_someone_leaves(&ann);
	tr_world_close(&w);
	assert_true(is_told(resolved) && is_told(made) && is_told(called) && is_told(destroyed));
}

TEST(reads_under_way_when_the_server_drains_are_answered)
{
	int listed = 0, page = 0;

	begin();
	assert_int_equal(count_of("x"), 1);
	tr_core_list(w.core, (struct troupe_text){ 0 }, (struct troupe_text){ 0 }, 0, 10, on_row, &listed);
	calls("events", &page);
	tr_world_close(&w);
	assert_int_equal(listed, 1);
	assert_true(page == 1 || page == TROUPE_EDRAINING);
}

TESTS(RUN(a_call_before_the_actor_was_found_is_answered_behind_init),
      RUN(a_plain_socket_may_speak_before_its_actor_was_found),
      RUN(what_was_said_is_heard_though_its_socket_has_gone_since),
      RUN(early_words_of_who_is_refused_are_forgotten),
      RUN(early_nonsense_closes_as_any_nonsense_does),
      RUN(an_early_word_that_is_too_long_closes),
      RUN(searches_under_way_when_the_server_drains_are_answered),
      RUN(reads_under_way_when_the_server_drains_are_answered))
