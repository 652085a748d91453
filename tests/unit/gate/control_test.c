/* SPDX-License-Identifier: Apache-2.0 */
/* The control routes: spec/rivetkit-client.md 3, and requests whose client goes before the core answers. */
#include "tests/unit/gate/desk_world.h"

TEST(put_gets_or_creates)
{
	struct world *w = begin();

	assert_int_equal(ask(w, "PUT", "/actors?namespace=default", "", "{\"name\":\"w\",\"key\":\"a\\\\/b/c,d\","
	                     "\"runner_name_selector\":\"default\",\"crash_policy\":\"sleep\"}"), 200);
	assert_string_equal(w->body, "{\"actor\":{\"actor_id\":\"id1\",\"name\":\"w\",\"key\":\"a\\\\/b/c/d\","
	                    "\"create_ts\":1700000000000,\"destroy_ts\":null},\"created\":true}");
	assert_int_equal(ask(w, "PUT", "/actors", "", "{\"name\":\"w\",\"key\":\"a\\\\/b/c/d\"}"), 200);
	assert_non_null(strstr(w->body, "\"created\":false"));
	assert_int_equal(core.count, 1);
	assert_int_equal(ask(w, "PUT", "/actors", "", "{\"name\":\"plain\",\"key\":null}"), 200);
	assert_non_null(strstr(w->body, "\"key\":\"/\""));
	ask(w, "PUT", "/actors", "", "{\"name\":\"unheard\",\"key\":\"x\"}");
	assert_error(w, 404, "actor.not_registered");
	end(w);
}

TEST(post_creates_once)
{
	struct world *w = begin();

	assert_int_equal(ask(w, "POST", "/actors?namespace=default", "", "{\"name\":\"w\",\"key\":\"k\"}"), 200);
	assert_string_equal(w->body, "{\"actor\":{\"actor_id\":\"id1\",\"name\":\"w\",\"key\":\"k\","
	                    "\"create_ts\":1700000000000,\"destroy_ts\":null}}");
	ask(w, "POST", "/actors?namespace=default", "", "{\"name\":\"w\",\"key\":\"k\"}");
	assert_error(w, 400, "actor.duplicate_key");
	assert_non_null(strstr(w->body, "\"metadata\":{\"existing_actor_id\":\"id1\",\"key\":\"k\"}"));
	end(w);
}

TEST(input_comes_in_standard_base64)
{
	struct world *w = begin();

	assert_int_equal(ask(w, "PUT", "/actors", "", "{\"name\":\"w\",\"key\":\"i\",\"input\":\"uQABYWEB\"}"), 200);
	assert_true(core.input.size > 0);
	assert_int_equal(ask(w, "PUT", "/actors", "", "{\"name\":\"w\",\"key\":\"j\",\"input\":null}"), 200);
	assert_int_equal(core.input.size, 0);
	ask(w, "PUT", "/actors", "", "{\"name\":\"w\",\"key\":\"k\",\"input\":\"_-\"}");
	assert_error(w, 400, "guard.query_invalid_base64_input");
	ask(w, "PUT", "/actors", "", "{\"name\":\"w\",\"key\":\"k\",\"input\":\"/w==\"}");
	assert_error(w, 400, "guard.query_invalid_cbor_input");
	assert_int_equal(core.count, 2);
	end(w);
}

TEST(bad_bodies_are_told_what_is_wrong)
{
	static const struct { const char *body, *hint; } cases[] = {
		{ "", "not JSON" }, { "{", "not JSON" }, { "[]", "name" }, { "{}", "name" }, { "{\"name\":\"\"}", "name" },
		{ "{\"name\":7}", "name" }, { "{\"name\":null}", "name" }, { "{\"name\":\"a\\u0000b\"}", "name" },
		{ "{\"name\":\"w\",\"key\":[\"a\"]}", "key" }, { "{\"name\":\"w\",\"key\":\"a\\u0000\"}", "U+0000" },
		{ "{\"name\":\"w\",\"input\":{}}", "input" },
	};
	struct world *w = begin();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ask(w, "PUT", "/actors", "", cases[i].body);
		assert_error(w, 400, "request.invalid");
		if (!strstr(w->body, cases[i].hint))
			fail_msg("%s gives %s", cases[i].body, w->body);
	}
	assert_int_equal(core.count, 0);
	end(w);
}

TEST(a_key_too_large_is_refused)
{
	struct world *w = begin();
	char body[400];

	snprintf(body, sizeof(body), "{\"name\":\"w\",\"key\":\"%0*d\"}", TR_KEY_PART_BYTES_MAX + 1, 0);
	ask(w, "PUT", "/actors", "", body);
	assert_error(w, 400, "actor.key_too_large");
	end(w);
}

TEST(actors_are_found_by_key)
{
	struct world *w = begin();

	add("w", "a b/c\\/d");
	assert_int_equal(get(w, "/actors?name=w&key=a%20b%2Fc%5C%2Fd&namespace=default"), 200);
	assert_string_equal(w->body, "{\"actors\":[{\"actor_id\":\"id1\",\"name\":\"w\",\"key\":\"a b/c\\\\/d\","
	                    "\"create_ts\":1700000000000,\"destroy_ts\":null}],\"pagination\":{\"cursor\":null}}");
	assert_int_equal(get(w, "/actors?name=w&key=missing"), 200);
	assert_string_equal(w->body, "{\"actors\":[],\"pagination\":{\"cursor\":null}}");
	assert_int_equal(get(w, "/actors?name=unheard&key=x"), 200);
	assert_string_equal(w->body, "{\"actors\":[],\"pagination\":{\"cursor\":null}}");
	get(w, "/actors?key=x");
	assert_error(w, 400, "request.invalid");
	core.fail = TROUPE_ESTORE;
	get(w, "/actors?name=w&key=missing");
	assert_error(w, 500, "storage.failed");
	end(w);
}

TEST(actors_are_found_by_id)
{
	struct world *w = begin();

	add("w", "a");
	add("w", "b");
	assert_int_equal(get(w, "/actors?actor_ids=id2,nobody,id1&namespace=default"), 200);
	assert_non_null(strstr(w->body, "id2"));
	assert_true(strstr(w->body, "id2") < strstr(w->body, "id1"));
	assert_int_equal(get(w, "/actors?actor_ids=nobody"), 200);
	assert_string_equal(w->body, "{\"actors\":[],\"pagination\":{\"cursor\":null}}");
	assert_int_equal(get(w, "/actors?actor_ids=id1&actor_ids=id2&name=w"), 200);
	assert_non_null(strstr(w->body, "id2"));
	assert_int_equal(get(w, "/actors?actor_ids=1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2"), 200);
	get(w, "/actors?actor_ids=1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3");
	assert_error(w, 400, "request.invalid");
	end(w);
}

TEST(lists_come_in_pages)
{
	static const char *const bad[] = { "limit=0", "limit=1001", "limit=x", "limit=-1", "cursor=x", "limit=99999999999999999999" };
	struct world *w = begin();

	add("w", "a");
	add("plain", "x");
	add("w", "b");
	add("w", "c");
	assert_int_equal(get(w, "/actors?name=w&limit=2"), 200);
	assert_non_null(strstr(w->body, "id1"));
	assert_null(strstr(w->body, "id4"));
	assert_non_null(strstr(w->body, "\"cursor\":\"3\""));
	assert_int_equal(get(w, "/actors?name=w&limit=2&cursor=3"), 200);
	assert_null(strstr(w->body, "id1"));
	assert_non_null(strstr(w->body, "id4"));
	assert_non_null(strstr(w->body, "\"cursor\":null"));
	assert_int_equal(get(w, "/actors"), 200);
	assert_non_null(strstr(w->body, "id2"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char url[100];

		snprintf(url, sizeof(url), "/actors?name=w&%s", bad[i]);
		get(w, url);
		assert_error(w, 400, "request.invalid");
	}
	end(w);
}

TEST(deleting_may_be_repeated)
{
	struct world *w = begin();

	add("w", "a");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ask(w, "DELETE", "/actors/id1?namespace=default", "", ""), 200);
		assert_string_equal(w->body, "{}");
	}
	assert_int_equal(ask(w, "DELETE", "/actors/", "", ""), 200); /* nobody has the empty id */
	ask(w, "GET", "/actors/id1", "", "");
	assert_error(w, 405, "actor.method_not_allowed");
	ask(w, "PATCH", "/actors", "", "");
	assert_error(w, 405, "actor.method_not_allowed");
	end(w);
}

TEST(a_namespace_sees_its_own_actors_only)
{
	static const char *const bad[] = { "namespace=", "namespace=a%20b", "namespace=ok&namespace=%00" };
	struct world *w = begin();

	assert_int_equal(ask(w, "PUT", "/actors?namespace=one", "", "{\"name\":\"w\",\"key\":\"a\"}"), 200);
	assert_int_equal(ask(w, "PUT", "/actors?namespace=two", "", "{\"name\":\"w\",\"key\":\"a\"}"), 200);
	assert_int_equal(ask(w, "POST", "/actors", "", "{\"name\":\"w\",\"key\":\"a\"}"), 200);
	assert_int_equal(core.count, 3);
	assert_int_equal(get(w, "/actors?actor_ids=id1,id2,id3&namespace=two"), 200);
	assert_null(strstr(w->body, "id1"));
	assert_non_null(strstr(w->body, "id2"));
	assert_null(strstr(w->body, "id3"));
	assert_int_equal(get(w, "/actors?name=w&key=a&namespace=one"), 200);
	assert_non_null(strstr(w->body, "id1"));
	assert_int_equal(get(w, "/actors?name=w"), 200);
	assert_null(strstr(w->body, "id1"));
	assert_non_null(strstr(w->body, "id3"));
	assert_int_equal(ask(w, "DELETE", "/actors/id1?namespace=two", "", ""), 200);
	assert_string_equal(core.rows[0].id, "id1");
	assert_int_equal(ask(w, "DELETE", "/actors/id1?namespace=one", "", ""), 200);
	assert_string_equal(core.rows[0].id, "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char url[100];

		snprintf(url, sizeof(url), "/actors?name=w&%s", bad[i]);
		get(w, url);
		assert_error(w, 400, "namespace.not_found");
	}
	end(w);
}

TEST(an_actor_can_be_put_to_sleep)
{
	struct world *w = begin();

	add("w", "a");
	assert_int_equal(ask(w, "POST", "/actors/id1/sleep?namespace=default", "", "{}"), 200);
	assert_string_equal(w->body, "{}");
	assert_int_equal(core.sleeps, 1);
	ask(w, "POST", "/actors/id2/sleep", "", "{}");
	assert_error(w, 404, "actor.not_found");
	ask(w, "POST", "/actors//sleep", "", "{}");
	assert_error(w, 404, "actor.not_found");
	ask(w, "GET", "/actors/id1/sleep", "", "");
	assert_error(w, 405, "actor.method_not_allowed");
	ask(w, "POST", "/actors/id1/sleep/", "", "{}");
	assert_error(w, 404, "request.route_not_found");
	ask(w, "POST", "/actors/id1/wake", "", "{}");
	assert_error(w, 404, "request.route_not_found");
	assert_int_equal(core.sleeps, 1);
	end(w);
}

TEST(a_client_that_goes_leaves_an_orphan_behind)
{
	struct world *w = begin();

	core.slow = true;
	start(w, "GET", "/actors?actor_ids=a,b", "", "", 0);
	settle(w);
	assert_int_equal(core.held, 2);
	shutdown(w->client, SHUT_RDWR);
	settle(w);
	assert_int_equal(w->gate->count, 0);
	assert_false(tr_list_empty(&w->gate->orphans));
	core_wakes(0);
	assert_true(tr_list_empty(&w->gate->orphans));
	end(w);
}

TEST(the_core_may_answer_after_the_gate_has_gone)
{
	struct world *w = begin();

	core.slow = true;
	start(w, "PUT", "/actors", "", "{\"name\":\"w\"}", 12);
	settle(w);
	end(w);
	assert_int_equal(core.held, 1);
	core_wakes(TROUPE_EDRAINING);
}

TEST(a_late_answer_arrives)
{
	struct world *w = begin();

	core.slow = true;
	start(w, "GET", "/actors?actor_ids=a,b", "", "", 0);
	settle(w);
	core_wakes(0);
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_non_null(strstr(w->body, "id7"));
	core.slow = true;
	start(w, "PUT", "/actors", "", "{\"name\":\"w\"}", 12);
	settle(w);
	core_wakes(TROUPE_EDRAINING);
	hear_on(w, w->client, false);
	assert_error(w, 503, "ws.going_away");
	end(w);
}

TESTS(RUN(put_gets_or_creates), RUN(post_creates_once), RUN(input_comes_in_standard_base64),
      RUN(bad_bodies_are_told_what_is_wrong), RUN(a_key_too_large_is_refused), RUN(actors_are_found_by_key),
      RUN(actors_are_found_by_id), RUN(lists_come_in_pages), RUN(deleting_may_be_repeated),
      RUN(a_namespace_sees_its_own_actors_only),
      RUN(an_actor_can_be_put_to_sleep),
      RUN(a_client_that_goes_leaves_an_orphan_behind), RUN(the_core_may_answer_after_the_gate_has_gone),
      RUN(a_late_answer_arrives))
