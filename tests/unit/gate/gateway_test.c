/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to one actor: actions without a connection (spec/rivetkit-client.md 5), tokens, and what else there is (4.5). */
#include "tests/unit/gate/desk_world.h"

TEST(an_action_by_key_is_run)
{
	struct world *w = begin();

	start_action(w, "/gateway/w/action/weird%2Fname" BY_KEY, "x-rivet-encoding: json\r\n", "{\"args\":[5]}", 12);
	assert_int_equal(core.actions, 1);
	assert_string_equal(core.name, "w");
	assert_string_equal(core.key, "a/b");
	assert_string_equal(core.id, "");
	assert_string_equal(core.action, "weird/name");
	assert_true(core.create);
	assert_string_equal(core.method, "POST");
	assert_string_equal(core.path, "/action/weird%2Fname");
	assert_string_equal(core.address, "127.0.0.1");
	assert_string_equal(core.headers, "Host=h:6420;Content-Length=12;x-rivet-encoding=json;");
	assert_int_equal(core.args.size, 2);
	assert_memory_equal(core.args.data, "\x91\x05", 2);
	assert_int_equal(core.params.size, 0);
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_string_equal(w->body, "{\"output\":5}");
	assert_header(w, "content-type", "application/json");
	assert_header(w, "x-rivet-actor", "id1");
	assert_header(w, "x-rivet-actor-generation", "4");
	assert_header(w, "x-rivet-actor-key", "a/b");
	assert_header(w, "access-control-allow-origin", "*");
	end(w);
}

TEST(an_action_by_id_is_run)
{
	struct world *w = begin();

	start_action(w, "/gateway/id1@tok/action/add", "", "", 0);
	assert_string_equal(core.id, "id1");
	assert_false(core.create);
	assert_int_equal(core.args.size, 1); /* no body: no arguments */
	assert_memory_equal(core.args.data, "\x90", 1);
	core_answers(NULL, (struct troupe_value){ NULL, 0 });
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_string_equal(w->body, "{\"output\":[\"$Undefined\",0]}");
	end(w);
}

TEST(actions_speak_all_encodings)
{
	struct world *w = begin();

	start_action(w, "/gateway/id1/action/add", "X-Rivet-Encoding: bare\r\n", "\x04\x00\x02\x81\x05", 5);
	assert_memory_equal(core.args.data, "\x91\x05", 2);
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_header(w, "content-type", "application/octet-stream");
	assert_memory_equal(w->body, "\x04\x00\x01\x05", 4);
	start_action(w, "/gateway/id1/action/add", "x-rivet-encoding: cbor\r\nTransfer-Encoding: chunked\r\n", "", 0);
	hear_on(w, w->client, false);
	assert_int_equal(w->status, 400); /* with a length as well: start() always sends one */
	close(w->client);
	w->client = dial(w);
	start_action(w, "/gateway/id1/action/add", "x-rivet-encoding: cbor\r\n", "\xb9\x00\x01\x64\x61rgs\x81\x05", 10);
	assert_memory_equal(core.args.data, "\x91\x05", 2);
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_memory_equal(w->body, "\xa1\x66output\x05", 9);
	/* Unknown ones are JSON. */
	start_action(w, "/gateway/id1/action/add", "x-rivet-encoding: morse\r\n", "{\"args\":[]}", 11);
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_string_equal(w->body, "{\"output\":5}");
	end(w);
}

TEST(a_chunked_body_is_decoded)
{
	struct world *w = begin();

	say(w, "POST /gateway/id1/action/add HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\nx-rivet-encoding: json\r\n"
	       "transfer-encoding: chunked\r\n\r\nb\r\n{\"args\":[1]\r\n1\r\n}\r\n0\r\n\r\n");
	settle(w);
	assert_memory_equal(core.args.data, "\x91\x01", 2);
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	end(w);
}

TEST(an_actors_error_comes_in_the_encoding_of_the_request)
{
	struct world *w = begin();
	struct tr_failure failure = failure_of(TROUPE_EFORBIDDEN);

	failure.actor = &the_actor;
	start_action(w, "/gateway/id1/action/add", "x-rivet-encoding: json\r\n", "", 0);
	core_answers(&failure, (struct troupe_value){ NULL, 0 });
	assert_int_equal(hear_on(w, w->client, false), 403);
	assert_string_equal(w->body, "{\"actor\":{\"actorId\":\"id1\",\"generation\":4,\"key\":\"a/b\"},\"code\":\"forbidden\","
	                    "\"group\":\"auth\",\"message\":\"This is not allowed.\"}");
	assert_null(header(w, "x-rivet-error"));
	assert_non_null(header(w, "x-rivet-ray-id"));
	start_action(w, "/gateway/id1/action/add", "x-rivet-encoding: bare\r\n", "", 0);
	failure.actor = NULL;
	core_answers(&failure, (struct troupe_value){ NULL, 0 });
	assert_int_equal(hear_on(w, w->client, false), 403);
	assert_header(w, "content-type", "application/octet-stream");
	assert_header(w, "x-rivet-error", "auth.forbidden");
	assert_memory_equal(w->body, "\x04\x00\x04" "auth\x09" "forbidden\x14" "This is not allowed.\x00\x00", 2 + 5 + 10 + 21 + 2);
	end(w);
}

TEST(a_key_that_no_header_can_carry_is_left_out)
{
	struct world *w = begin();
	struct tr_client_actor actor = { { "id1", 3 }, 1, { "a\r\nSet-Cookie: x", 16 } };

	start_action(w, "/gateway/id1/action/add", "", "", 0);
	core.call = NULL;
	core.on_answer(core.arg, NULL, (struct troupe_value){ "\x05", 1 }, &actor);
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_null(header(w, "set-cookie"));
	assert_null(header(w, "x-rivet-actor-key"));
	assert_header(w, "x-rivet-actor", "id1");
	end(w);
}

TEST(parameters_come_as_latin1)
{
	struct world *w = begin();
	struct troupe_value name;
	struct troupe_text text;

	start_action(w, "/gateway/id1/action/add", "x-rivet-conn-params: {\"name\":\"\xfcn\xef\"}\r\n", "", 0);
	assert_int_equal(core.actions, 1);
	assert_true(tr_value_member(tr_bytes_value(&core.params), "name", &name));
	assert_true(tr_value_text(name, &text));
	assert_int_equal(text.size, 5);
	assert_memory_equal(text.data, "\xc3\xbcn\xc3\xaf", 5);
	core_answers_5();
	hear_on(w, w->client, false);
	ask(w, "POST", "/gateway/id1/action/add", "x-rivet-conn-params: {name\r\n", "");
	assert_error(w, 400, "request.invalid");
	assert_non_null(strstr(w->body, "x-rivet-conn-params"));
	end(w);
}

TEST(parameters_are_bounded)
{
	struct world *w = begin();
	struct tr_bytes line = { 0 };

	for (size_t size = TR_PARAMS_BYTES_MAX; size <= TR_PARAMS_BYTES_MAX + 1; size++) {
		tr_bytes_clear(&line);
		tr_bytes_put_text(&line, "x-rivet-conn-params: \"\xfc"); /* two bytes as UTF-8 */
		for (size_t i = 4; i < size; i++)
			tr_bytes_put_byte(&line, 'x');
		tr_bytes_put_text(&line, "\"\r\n");
		start_action(w, "/gateway/id1/action/add", tr_bytes_text(&line), "", 0);
		if (size > TR_PARAMS_BYTES_MAX)
			break;
		core_answers_5();
		assert_int_equal(hear_on(w, w->client, false), 200);
	}
	hear_on(w, w->client, false);
	assert_error(w, 400, "request.connection_params_too_large");
	tr_bytes_free(&line);
	end(w);
}

TEST(a_body_of_64_kib_is_taken_and_a_byte_more_is_not)
{
	struct world *w = begin();
	static char body[TR_MESSAGE_IN_BYTES_MAX + 1];

	memset(body, ' ', sizeof(body));
	memcpy(body, "{\"args\":[]}", 11);
	start(w, "POST", "/gateway/id1/action/add", "", body, sizeof(body) - 1);
	settle(w);
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	start(w, "POST", "/gateway/id1/action/add", "", body, sizeof(body));
	hear_on(w, w->client, false);
	assert_error(w, 400, "message.incoming_too_long");
	assert_int_equal(core.actions, 1);
	end(w);
}

TEST(an_answer_over_a_mebibyte_is_an_error)
{
	struct world *w = begin();
	struct tr_bytes output = { 0 };
	char *text = malloc(TR_MESSAGE_OUT_BYTES_MAX);

	memset(text, 'x', TR_MESSAGE_OUT_BYTES_MAX);
	for (size_t more = 0; more < 2; more++) {
		tr_bytes_clear(&output);
		tr_put_str(&output, text, TR_MESSAGE_OUT_BYTES_MAX - strlen("{\"output\":\"\"}") + more);
		start_action(w, "/gateway/id1/action/add", "", "", 0);
		core_answers(NULL, tr_bytes_value(&output));
		hear_on(w, w->client, false);
		if (!more)
			assert_int_equal(w->status, 200);
	}
	assert_error(w, 400, "message.outgoing_too_long");
	tr_bytes_free(&output);
	free(text);
	end(w);
}

TEST(bodies_that_cannot_be_decoded_are_refused)
{
	struct world *w = begin();

	ask(w, "POST", "/gateway/id1/action/add", "", "{\"args\":");
	assert_error(w, 400, "actor.invalid_request");
	ask(w, "POST", "/gateway/id1/action/add", "x-rivet-encoding: bare\r\n", "\x09");
	assert_error(w, 400, "actor.invalid_request");
	ask(w, "POST", "/gateway/id1/action/%ff", "", "");
	assert_error(w, 400, "request.invalid");
	assert_int_equal(core.actions, 0);
	end(w);
}

TEST(a_message_is_sent_and_answered_in_all_encodings)
{
	static const char json[] = "{\"body\":5,\"name\":\"other\",\"wait\":false}";
	static const struct troupe_value none = { NULL, 0 };
	struct world *w = begin();

	start_action(w, "/gateway/w/queue/cmd.1%2Fx" BY_KEY, "x-rivet-conn-params: {\"a\":1}\r\n", json, sizeof(json) - 1);
	assert_string_equal(core.key, "a/b");
	assert_true(core.create && !core.wait && core.timeout_ms < 0);
	assert_string_equal(core.action, "cmd.1/x");
	assert_memory_equal(core.args.data, "\x05", 1);
	assert_int_equal(core.params.size, 4);
	core_sent(NULL, true, none);
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_string_equal(w->body, "{\"status\":\"completed\"}");
	assert_header(w, "access-control-allow-origin", "*");
	assert_header(w, "x-rivet-actor", "id1");
	start_action(w, "/gateway/id1/queue/q", "x-rivet-encoding: cbor\r\n", "\xa2\x64wait\xf5\x67timeout\x19\x01\x2c", 18);
	assert_true(core.wait && core.timeout_ms == 300);
	assert_int_equal(core.args.size, 0);
	core_sent(NULL, false, none);
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_memory_equal(w->body, "\xa1\x66status\x68timedOut", 17);
	start_action(w, "/gateway/id1/queue/q", "x-rivet-encoding: bare\r\n", "\x04\0\1\5\0\1\1\0", 8);
	assert_true(core.wait && core.timeout_ms < 0);
	core_sent(NULL, true, (struct troupe_value){ "\x05", 1 });
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_header(w, "content-type", "application/octet-stream");
	assert_memory_equal(w->body, "\x04\0\x09" "completed\x01\x01\x05", 15);
	end(w);
}

TEST(a_message_that_cannot_be_taken_is_refused)
{
	struct world *w = begin();
	static char body[TR_MESSAGE_IN_BYTES_MAX + 1];
	struct tr_failure failure = failure_of(TROUPE_EQUEUEFULL);

	ask(w, "POST", "/gateway/id1/queue/q", "", "{\"wait\":7}");
	assert_error(w, 400, "actor.invalid_request");
	ask(w, "POST", "/gateway/id1/queue/q", "x-rivet-encoding: bare\r\n", "\x02");
	assert_error(w, 400, "actor.invalid_request");
	ask(w, "POST", "/gateway/id1/queue/%ff", "", "");
	assert_error(w, 400, "request.invalid");
	assert_non_null(strstr(w->body, "queue"));
	ask(w, "POST", "/gateway/id1/queue/q", "x-rivet-conn-params: {name\r\n", "{}");
	assert_error(w, 400, "request.invalid");
	memset(body, ' ', sizeof(body));
	start(w, "POST", "/gateway/id1/queue/q", "", body, sizeof(body));
	hear_on(w, w->client, false);
	assert_error(w, 400, "message.incoming_too_long");
	assert_int_equal(core.actions, 0);
	close(w->client);
	w->client = dial(w);
	start_action(w, "/gateway/id1/queue/q", "x-rivet-encoding: json\r\n", "{}", 2);
	failure.actor = &the_actor;
	core_sent(&failure, false, (struct troupe_value){ NULL, 0 });
	hear_on(w, w->client, false);
	assert_int_equal(w->status, 400);
	assert_non_null(strstr(w->body, "\"code\":\"full\",\"group\":\"queue\""));
	end(w);
}

TEST(who_hangs_up_abandons_the_action)
{
	struct world *w = begin();

	start_action(w, "/gateway/id1/action/add", "", "", 0);
	shutdown(w->client, SHUT_RDWR);
	settle(w);
	assert_int_equal(core.abandoned, 1);
	assert_int_equal(w->gate->count, 0);
	end(w);
}

TEST(the_end_of_the_gate_abandons_actions)
{
	struct world *w = begin();

	start_action(w, "/gateway/id1/action/add", "", "", 0);
	end(w);
	assert_int_equal(core.abandoned, 1);
}

TEST(what_else_a_gateway_is_asked_for)
{
	struct world *w = begin();

	ask(w, "GET", "/gateway/id1/action/add", "", "");
	assert_error(w, 405, "actor.method_not_allowed");
	assert_header(w, "allow", "POST");
	ask(w, "PUT", "/gateway/id1/queue/q", "", "");
	assert_error(w, 405, "actor.method_not_allowed");
	assert_int_equal(ask(w, "POST", "/gateway/id1/request/a/b?x", "", "hello"), 404);
	assert_string_equal(w->body, "");
	assert_header(w, "content-length", "0");
	get(w, "/gateway/id1/connect");
	assert_error(w, 404, "request.route_not_found");
	get(w, "/gateway/id1");
	assert_error(w, 404, "request.route_not_found");
	get(w, "/gateway/w/action/x?rvt-key=1");
	assert_error(w, 400, "guard.query_invalid_params");
	get(w, "/gateway/w@t/action/x?rvt-key=1");
	assert_error(w, 400, "guard.query_path_token_syntax");
	end(w);
}

TEST(an_actors_health_needs_the_actor)
{
	struct world *w = begin();

	get(w, "/gateway/nobody/health");
	assert_error(w, 404, "actor.not_found");
	assert_int_equal(get(w, "/gateway/w/health" BY_KEY), 200);
	assert_string_equal(w->body, "ok");
	assert_int_equal(core.count, 1);
	assert_int_equal(get(w, "/gateway/id1/metadata"), 200);
	assert_non_null(strstr(w->body, "{\"runtime\":\"troupe\",\"version\":\"1.2.3\",\"messageSize\":65536,"
	                              "\"actor\":{\"actor_id\":\"id1\""));
	end(w);
}

TEST(a_plain_request_passes_through_both_ways)
{
	struct world *w = begin();
	const struct troupe_header answer[] = {
		{ "Content-Type", "text/x" }, { "X-Mine", "1" }, { "Content-Length", "999" }, { "Connection", "close" } };

	core.response = (struct tr_raw_response){ .status = 201, .headers = answer, .header_count = 4, .body = "made", .body_size = 4 };
	ask(w, "PATCH", "/gateway/w/request/users/a%20b?x=1&rvt-key=k&rvt-namespace=default&rvt-method=getOrCreate"
	    "&rvt-runner=default&y", "X-Own: yes\r\nx-rivet-token: t\r\n", "hello");
	assert_int_equal(w->status, 201);
	assert_string_equal(w->body, "made");
	assert_header(w, "content-type", "text/x");
	assert_header(w, "x-mine", "1");
	assert_header(w, "content-length", "4");
	assert_header(w, "x-rivet-actor", "id1");
	assert_string_equal(core.method, "PATCH");
	assert_string_equal(core.path, "/users/a%20b?x=1&y");
	assert_non_null(strstr(core.url, "/users/a%20b?x=1&y"));
	assert_string_equal(core.body, "hello");
	assert_non_null(strstr(core.headers, "X-Own=yes;"));
	assert_null(strstr(core.headers, "x-rivet-token"));
	ask(w, "GET", "/gateway/id1/request", "x-rivet-internal-original-request-url: https://app/there?z\r\n", "");
	assert_string_equal(core.path, "/");
	assert_string_equal(core.url, "https://app/there?z");
	assert_null(strstr(core.headers, "original"));
	end(w);
}

static bool heard(struct world *w, const char *part)
{
	char buffer[4096];
	ssize_t n;

	settle(w);
	while ((n = recv(w->client, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
		tr_bytes_put(&w->reply, buffer, (size_t)n);
	return strstr(tr_bytes_text(&w->reply), part);
}

TEST(an_answer_in_pieces_passes_through)
{
	struct world *w = begin();
	const struct troupe_header answer[] = { { "Content-Type", "text/x" }, { "Content-Length", "9" } };

	core.response = (struct tr_raw_response){ .status = 200, .headers = answer, .header_count = 2, .pieces = true };
	ask(w, "GET", "/gateway/id1/request/x", "", "");
	assert_int_equal(w->status, 200);
	assert_header(w, "content-type", "text/x");
	assert_header(w, "transfer-encoding", "chunked");
	assert_header(w, "x-rivet-actor", "id1");
	assert_non_null(core.call);
	core.ops->on_piece(core.arg, "piece", 5);
	assert_true(core.ops->backlog(core.arg) > 5);
	assert_true(heard(w, "5\r\npiece\r\n"));
	assert_int_equal(core.ops->backlog(core.arg), 0);
	assert_true(core.flowing > 0);
	core_ends(true);
	assert_true(heard(w, "\r\n0\r\n\r\n"));
	core.response.pieces = false;
	assert_int_equal(ask(w, "GET", "/gateway/id1/request/x", "", ""), 200);
	end(w);
}

TEST(who_hangs_up_abandons_an_answer_in_pieces)
{
	struct world *w = begin();

	core.response = (struct tr_raw_response){ .status = 200, .pieces = true };
	ask(w, "GET", "/gateway/id1/request/x", "", "");
	assert_int_equal(core.abandoned, 0);
	shutdown(w->client, SHUT_RDWR);
	settle(w);
	assert_int_equal(core.abandoned, 1);
	end(w);
}

TEST(an_actor_may_be_named_by_header)
{
	struct world *w = begin();

	assert_int_equal(ask(w, "GET", "/request/x?y=1", "x-rivet-target: actor\r\nx-rivet-actor: id1\r\n", ""), 404);
	assert_string_equal(w->body, "");
	assert_string_equal(core.path, "/x?y=1");
	ask(w, "GET", "/request/x", "x-rivet-target: actor\r\n", "");
	assert_error(w, 400, "guard.missing_header");
	ask(w, "GET", "/request/x", "x-rivet-target: planet\r\nx-rivet-actor: id1\r\n", "");
	assert_error(w, 404, "request.route_not_found");
	ask(w, "GET", "/metadata", "x-rivet-target: actor\r\nx-rivet-actor: id1\r\n", "");
	assert_error(w, 404, "request.route_not_found");
	/* An address in the path comes first. */
	start_action(w, "/gateway/id1/action/add", "x-rivet-target: actor\r\nx-rivet-actor: other\r\n", "", 0);
	assert_string_equal(core.id, "id1");
	core_answers_5();
	hear_on(w, w->client, false);
	end(w);
}

/* ---- the token */

TEST(without_the_token_only_public_things_are_had)
{
	struct world *w = begin_with("tok/en", NULL);
	static const struct { const char *method, *target, *headers; bool let_in; } cases[] = {
		{ "GET", "/metadata", "", true },
		{ "GET", "/health", "", true },
		{ "GET", "/", "", true },
		{ "OPTIONS", "/actors", "", true },
		{ "GET", "/actors", "", false },
		{ "GET", "/actors", "Authorization: Bearer tok/en\r\n", true },
		{ "GET", "/actors", "Authorization: bearer  tok/en\r\n", true },
		{ "GET", "/actors", "Authorization: Bearer tok/em\r\n", false },
		{ "GET", "/actors", "Authorization: Basic tok/en\r\n", false },
		{ "GET", "/actors", "x-rivet-token: tok/en\r\n", true },
		{ "PUT", "/actors", "", false },
		{ "DELETE", "/actors/x", "", false },
		{ "GET", "/gateway/id1/health", "", false },
		{ "GET", "/gateway/id1/health", "x-rivet-token: tok/en\r\n", true },
		{ "GET", "/gateway/id1/health", "x-rivet-token: tok/e\r\n", false },
		{ "GET", "/gateway/id1/health", "x-rivet-token: tok/enn\r\n", false },
		{ "GET", "/gateway/id1/health", "Authorization: Bearer tok/en\r\n", false },
		{ "GET", "/gateway/id1@tok%2Fen/health", "", true },
		{ "GET", "/gateway/id1@wrong/health", "x-rivet-token: tok/en\r\n", false }, /* the path wins */
		{ "GET", "/gateway/w/health" BY_KEY "&rvt-token=tok%2Fen", "", true },
		{ "GET", "/gateway/w/health" BY_KEY "&rvt-token=", "", false },
		{ "GET", "/request/x", "x-rivet-target: actor\r\nx-rivet-actor: id1\r\n", false },
		{ "GET", "/request/x", "x-rivet-target: actor\r\nx-rivet-actor: id1\r\nx-rivet-token: tok/en\r\n", true },
	};

	add("w", "x");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ask(w, cases[i].method, cases[i].target, cases[i].headers, "");
		if ((w->status == 403) == cases[i].let_in)
			fail_msg("%s %s %s gives %d", cases[i].method, cases[i].target, cases[i].headers, w->status);
		if (!cases[i].let_in)
			assert_error(w, 403, "auth.forbidden");
	}
	end(w);
}

/* The token of observers is "watch/er". */
TEST(observers_look_and_change_nothing)
{
	struct world *w = begin_with("tok/en", NULL);
	static const struct { const char *method, *target; bool let_in; } cases[] = {
		{ "GET", "/actors", true },
		{ "GET", "/gateway/id1/health", true },
		{ "PUT", "/actors", false },
		{ "POST", "/actors", false },
		{ "DELETE", "/actors/id1", false },
		{ "POST", "/actors/id1/sleep", false },
	};

	add("w", "x");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ask(w, cases[i].method, cases[i].target, "x-rivet-token: watch/er\r\n", "");
		if ((w->status == 403) == cases[i].let_in)
			fail_msg("%s %s gives %d", cases[i].method, cases[i].target, w->status);
	}
	start_action(w, "/gateway/w/action/get" BY_KEY, "x-rivet-token: watch/er\r\n", "", 0);
	assert_true(core.observes && !core.create); /* getOrCreate makes nothing for them */
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	start_action(w, "/gateway/w/action/get" BY_KEY, "x-rivet-token: tok/en\r\n", "", 0);
	assert_true(!core.observes && core.create);
	core_answers_5();
	end(w);
}

TEST(a_body_is_not_read_before_the_token_is_seen)
{
	struct world *w = begin_with("secret", NULL);

	say(w, "PUT /actors HTTP/1.1\r\nHost: h\r\nContent-Length: 6000000\r\n\r\n");
	hear_on(w, w->client, false);
	assert_error(w, 403, "auth.forbidden");
	end(w);
}

TESTS(RUN(an_action_by_key_is_run), RUN(an_action_by_id_is_run), RUN(actions_speak_all_encodings),
      RUN(a_chunked_body_is_decoded), RUN(an_actors_error_comes_in_the_encoding_of_the_request),
      RUN(a_key_that_no_header_can_carry_is_left_out), RUN(parameters_come_as_latin1),
      RUN(parameters_are_bounded), RUN(a_body_of_64_kib_is_taken_and_a_byte_more_is_not),
      RUN(an_answer_over_a_mebibyte_is_an_error), RUN(bodies_that_cannot_be_decoded_are_refused),
      RUN(a_message_is_sent_and_answered_in_all_encodings), RUN(a_message_that_cannot_be_taken_is_refused),
      RUN(who_hangs_up_abandons_the_action), RUN(the_end_of_the_gate_abandons_actions),
      RUN(what_else_a_gateway_is_asked_for), RUN(an_actors_health_needs_the_actor),
      RUN(a_plain_request_passes_through_both_ways),
      RUN(an_answer_in_pieces_passes_through), RUN(who_hangs_up_abandons_an_answer_in_pieces),
      RUN(an_actor_may_be_named_by_header), RUN(without_the_token_only_public_things_are_had),
      RUN(observers_look_and_change_nothing), RUN(a_body_is_not_read_before_the_token_is_seen))
