/* SPDX-License-Identifier: Apache-2.0 */
/* Gateway addressing: spec/rivetkit-client.md 4, and the URLs that the official client makes (proto/vectors). */
#include "tests/kit/test.h"

#include <jansson.h>
#include <stdlib.h>

#include "proto/key.h"
#include "runtime/base/limits.h"
#include "runtime/gate/address.h"
#include "runtime/gate/text.h"

static struct tr_target target;
static const char *why;

/* path?query in memory of its own. */
static int parse(const char *url)
{
	static char *copy;
	struct troupe_text query, path;

	free(copy);
	copy = strdup(url);
	query = tr_text_from(copy);
	tr_text_split(&query, '?', &path);
	tr_target_fini(&target);
	return tr_target_parse(&target, path, query, &why);
}

#define assert_text(t, what) \
	do { \
		if (!tr_text_is((t), (what))) \
			fail_msg("\"%.*s\" is not \"%s\"", (int)(t).size, (t).data, (what)); \
	} while (0)
#define assert_bytes(b, what) assert_text(tr_text_of(&(b)), (what))

#define GET "?rvt-namespace=default&rvt-method=get"
#define MAKE "?rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default"

TEST(an_id_is_found)
{
	assert_int_equal(parse("/gateway/abc123/action/add?a=1&b=%20"), 0);
	assert_false(target.by_key);
	assert_false(target.has_token);
	assert_false(target.create);
	assert_bytes(target.id, "abc123");
	assert_int_equal(tr_target_address(&target).namespace.size, 0);
	assert_text(target.path, "/action/add");
	assert_bytes(target.query, "a=1&b=%20");
	assert_int_equal(parse("/gateway/abc"), 0);
	assert_text(target.path, "");
}

TEST(the_first_at_parts_id_and_token)
{
	assert_int_equal(parse("/gateway/we%2Fird%40@t%2Fo@b/connect"), 0);
	assert_bytes(target.id, "we/ird@");
	assert_true(target.has_token);
	assert_bytes(target.token, "t/o@b");
	assert_text(target.path, "/connect");
}

TEST(some_paths_are_not_the_gateways)
{
	static const char *const paths[] = {
		"/gateway", "/gateway/", "/gateway//x", "/gateway/@t/connect", "/gateway/id@/connect", "/gateway/id//connect",
		"/gatewayx/id", "/", "/actors", "/x/gateway/id", "//gateway/id", "*", "/gateway/?rvt-method=get",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (parse(paths[i]) != TR_TARGET_NONE)
			fail_msg("%s was taken", paths[i]);
}

TEST(an_id_that_nobody_can_have_is_not_found)
{
	char url[400];

	assert_int_equal(parse("/gateway/%00/connect"), TROUPE_ENOTFOUND);
	assert_int_equal(parse("/gateway/%ff/connect"), TROUPE_ENOTFOUND);
	snprintf(url, sizeof(url), "/gateway/%0*d", TR_NAME_BYTES_MAX + 1, 1);
	assert_int_equal(parse(url), TROUPE_ENOTFOUND);
}

TEST(a_key_is_found)
{
	assert_int_equal(parse("/gateway/wor%6bspace/action/x" MAKE "&rvt-key=a%2Cb+c%2F%2B&rvt-region=eu"
	                       "&rvt-crash-policy=sleep&rvt-token=tok%2Fen&rvt-skip-ready-wait=true"), 0);
	assert_true(target.by_key);
	assert_true(target.create);
	assert_bytes(target.name, "workspace");
	assert_bytes(target.key, "a/b c\\/+");
	assert_text(tr_target_address(&target).namespace, "default");
	assert_true(target.has_token);
	assert_bytes(target.token, "tok/en");
	assert_int_equal(target.id.size, 0);
	assert_int_equal(target.query.size, 0);
	assert_int_equal(parse("/gateway/w/connect" GET), 0);
	assert_false(target.create);
	assert_bytes(target.key, "/");
	assert_int_equal(parse("/gateway/w/connect?rvt-pool=p&rvt-method=getOrCreate&rvt-namespace=n&rvt-key="), 0);
	assert_bytes(target.key, "/");
}

TEST(what_is_the_actors_of_the_query_stays_to_the_byte)
{
	assert_int_equal(parse("/gateway/w/request/x?a=1&rvt-namespace=n&b=%20+&rvt-method=get&c"), 0);
	assert_bytes(target.query, "a=1&b=%20+&c");
	assert_int_equal(parse("/gateway/w/request/x?&a&&rvt-namespace=n&rvt-method=get&"), 0);
	assert_bytes(target.query, "&a&&");
	assert_int_equal(parse("/gateway/w/request/x?xrvt-key=1&rvt-namespace=n&rvt-method=get&%72vt-key=2"), 0);
	assert_bytes(target.query, "xrvt-key=1&%72vt-key=2");
}

TEST(an_escape_that_is_none_is_kept)
{
	assert_int_equal(parse("/gateway/w/connect" GET "&rvt-key=%ZZ%4"), 0);
	assert_bytes(target.key, "%ZZ%4");
}

TEST(bad_parameters_are_named)
{
	static const struct { const char *query; int error; const char *hint; } cases[] = {
		{ "?rvt-method=get", TROUPE_EQUERY, "rvt-namespace" },
		{ "?rvt-namespace=&rvt-method=get", TROUPE_EQUERY, "rvt-namespace" },
		{ "?rvt-namespace=a%20b&rvt-method=get", TROUPE_ENAMESPACE, NULL },
		{ "?rvt-namespace=n", TROUPE_EQUERY, "rvt-method" },
		{ "?rvt-namespace=n&rvt-method=post", TROUPE_EQUERY, "neither" },
		{ "?rvt-namespace=n&rvt-method=GET", TROUPE_EQUERY, "neither" },
		{ GET "&rvt-what=1", TROUPE_EQUERY, "rvt-" },
		{ GET "&rvt-", TROUPE_EQUERY, "rvt-" },
		{ GET "&rvt-Key=1", TROUPE_EQUERY, "rvt-" },
		{ MAKE "&rvt-crash-policy=explode", TROUPE_EQUERY, "rvt-crash-policy" },
		{ GET "&rvt-skip-ready-wait=yes", TROUPE_EQUERY, "rvt-skip-ready-wait" },
		{ GET "&rvt-key=a&rvt-key=a", TROUPE_EDUPPARAM, NULL },
		{ GET "&rvt-runner=r", TROUPE_EGETPARAM, NULL },
		{ GET "&rvt-pool=r", TROUPE_EGETPARAM, NULL },
		{ GET "&rvt-input=9g", TROUPE_EGETPARAM, NULL },
		{ GET "&rvt-region=r", TROUPE_EGETPARAM, NULL },
		{ GET "&rvt-crash-policy=sleep", TROUPE_EGETPARAM, NULL },
		{ "?rvt-namespace=n&rvt-method=getOrCreate", TROUPE_ENOPOOL, NULL },
		{ MAKE "&rvt-input=!!", TROUPE_EBASE64, NULL },
		{ MAKE "&rvt-input=_w", TROUPE_EINPUT, NULL },
		{ GET "&rvt-key=%ff", TROUPE_EINVAL, "UTF-8" },
		{ GET "&rvt-key=%00", TROUPE_EINVAL, "rvt-key" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char url[200];

		snprintf(url, sizeof(url), "/gateway/w/connect%s", cases[i].query);
		if (parse(url) != cases[i].error)
			fail_msg("%s gives %d", url, parse(url));
		if (cases[i].hint && (!why || !strstr(why, cases[i].hint)))
			fail_msg("%s says %s", url, why);
	}
	assert_int_equal(parse("/gateway/w@t/connect" GET), TROUPE_EATTOKEN);
	assert_int_equal(parse("/gateway/%ff/connect" GET), TROUPE_EINVAL);
	assert_int_equal(parse("/gateway/%00/connect" GET), TROUPE_EINVAL);
}

TEST(keys_are_bounded)
{
	char url[2000];

	snprintf(url, sizeof(url), "/gateway/w/connect" GET "&rvt-key=%0*d", TR_KEY_PART_BYTES_MAX, 1);
	assert_int_equal(parse(url), 0);
	snprintf(url, sizeof(url), "/gateway/w/connect" GET "&rvt-key=%0*d", TR_KEY_PART_BYTES_MAX + 1, 1);
	assert_int_equal(parse(url), TROUPE_EKEY);
}

TEST(input_is_decoded)
{
	struct troupe_value member;
	int64_t n = 0;

	assert_int_equal(parse("/gateway/w/connect" MAKE "&rvt-input=uQABYWEB"), 0); /* {a: 1} */
	assert_true(tr_value_member(tr_target_address(&target).input, "a", &member));
	assert_true(tr_value_integer(member, &n));
	assert_int_equal(n, 1);
}

TEST(an_address_can_be_given_by_header)
{
	tr_target_fini(&target);
	target = (struct tr_target){ 0 };
	assert_int_equal(tr_target_by_id(&target, tr_text("a%2Fb", 5), tr_text("/request/x", 10), tr_text("a=%31", 5)), 0);
	assert_bytes(target.id, "a/b");
	assert_text(target.path, "/request/x");
	assert_bytes(target.query, "a=%31");
	assert_text(tr_target_address(&target).id, "a/b");
}

static enum tr_wish wish(const char *path, const char *name)
{
	struct tr_bytes decoded = { 0 };
	enum tr_wish w = tr_wish_of(tr_text_from(path), &decoded);

	assert_string_equal(tr_bytes_text(&decoded), name);
	tr_bytes_free(&decoded);
	return w;
}

TEST(the_actor_path_says_what_is_wanted)
{
	assert_int_equal(wish("/action/weird%2Fname%20%25", "weird/name %"), TR_WISH_ACTION);
	assert_int_equal(wish("/action/nested.inner.ping", "nested.inner.ping"), TR_WISH_ACTION);
	assert_int_equal(wish("/action/a+b", "a+b"), TR_WISH_ACTION);
	assert_int_equal(wish("/action/", ""), TR_WISH_NOTHING);
	assert_int_equal(wish("/action", ""), TR_WISH_NOTHING);
	assert_int_equal(wish("/action/a/b", ""), TR_WISH_NOTHING);
	assert_int_equal(wish("/queue/tasks", "tasks"), TR_WISH_QUEUE);
	assert_int_equal(wish("/request", ""), TR_WISH_REQUEST);
	assert_int_equal(wish("/request/a/b", ""), TR_WISH_REQUEST);
	assert_int_equal(wish("/requests", ""), TR_WISH_NOTHING);
	assert_int_equal(wish("/connect", ""), TR_WISH_CONNECT);
	assert_int_equal(wish("/connect/", ""), TR_WISH_NOTHING);
	assert_int_equal(wish("/websocket/x", ""), TR_WISH_WEBSOCKET);
	assert_int_equal(wish("/health", ""), TR_WISH_HEALTH);
	assert_int_equal(wish("/metadata", ""), TR_WISH_METADATA);
	assert_int_equal(wish("", ""), TR_WISH_NOTHING);
	assert_int_equal(wish("/", ""), TR_WISH_NOTHING);
}

/* ---- what the official client sends */

static const struct tr_key_limits limits = { TR_KEY_PART_BYTES_MAX, TR_KEY_BYTES_MAX };

static json_t *vectors(void)
{
	json_error_t error;
	json_t *all = json_load_file("proto/vectors/keys-and-urls.json", 0, &error);

	if (!all)
		fail_msg("proto/vectors/keys-and-urls.json: %s", error.text);
	return all;
}

/* The gateway's URL and the serialised form of one key lead to the same actor. */
TEST(recorded_keys_reach_one_actor_on_both_routes)
{
	json_t *all = vectors(), *key;
	size_t i;

	assert_true(json_array_size(json_object_get(all, "keys")) > 10);
	json_array_foreach(json_object_get(all, "keys"), i, key) {
		const char *serialised = json_string_value(json_object_get(key, "serialized"));
		struct tr_bytes canonical = { 0 };

		assert_int_equal(parse(json_string_value(json_object_get(key, "gateway_target"))), 0);
		assert_true(target.create);
		assert_bytes(target.name, "w");
		assert_int_equal(tr_key_from_control(&canonical, tr_text_from(serialised), &limits), 0);
		assert_bytes(target.key, tr_bytes_text(&canonical));
		tr_bytes_free(&canonical);
	}
	json_decref(all);
}

TEST(recorded_ids_are_found)
{
	json_t *all = vectors(), *id;
	size_t i;

	assert_true(json_array_size(json_object_get(all, "ids")) > 3);
	json_array_foreach(json_object_get(all, "ids"), i, id) {
		assert_int_equal(parse(json_string_value(json_object_get(id, "gateway_target"))), 0);
		assert_bytes(target.id, json_string_value(json_object_get(id, "actor_id")));
		assert_bytes(target.token, json_string_value(json_object_get(id, "token")));
	}
	json_decref(all);
}

TESTS(RUN(an_id_is_found), RUN(the_first_at_parts_id_and_token), RUN(some_paths_are_not_the_gateways),
      RUN(an_id_that_nobody_can_have_is_not_found), RUN(a_key_is_found),
      RUN(what_is_the_actors_of_the_query_stays_to_the_byte), RUN(an_escape_that_is_none_is_kept), RUN(bad_parameters_are_named),
      RUN(keys_are_bounded), RUN(input_is_decoded), RUN(an_address_can_be_given_by_header),
      RUN(the_actor_path_says_what_is_wanted), RUN(recorded_keys_reach_one_actor_on_both_routes), RUN(recorded_ids_are_found))
