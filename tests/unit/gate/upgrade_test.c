/* SPDX-License-Identifier: Apache-2.0 */
/* Upgrades: what is handed over to the WebSocket engine, and what is refused before (spec/rivetkit-client.md 6.1). */
#include "tests/unit/gate/desk_world.h"

#define UPGRADE "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void upgrade(struct world *w, const char *target, const char *headers, const char *rest)
{
	struct tr_bytes text = { 0 };

	if (ws.adopted) {
		close(ws.fd);
		close(w->client);
		w->client = dial(w);
		ws.adopted = 0;
	}
	tr_bytes_printf(&text, "GET %s HTTP/1.1\r\nHost: h:6420\r\n%s" UPGRADE "\r\n%s", target, headers, rest);
	say_sized(w, text.data, text.size);
	tr_bytes_free(&text);
	settle(w);
}

TEST(an_upgrade_is_handed_over)
{
	struct world *w = begin();
	struct troupe_value name;

	upgrade(w, "/gateway/w/connect" BY_KEY, "Sec-WebSocket-Protocol: rivet,rivet_encoding.bare\r\n"
	        "sec-websocket-protocol: rivet_conn_params.%7B%22name%22%3A%22ann%22%7D, rivet_test_ack_hook.x\r\n", "\x82\x01");
	assert_int_equal(ws.adopted, 1);
	assert_int_equal(ws.error, 0);
	assert_true(ws.rivet);
	assert_true(ws.create);
	assert_int_equal(ws.encoding, TR_ENC_BARE);
	assert_string_equal(ws.key, "dGhlIHNhbXBsZSBub25jZQ==");
	assert_string_equal(ws.name, "w");
	assert_string_equal(ws.actor_key, "a/b");
	assert_string_equal(ws.address, "127.0.0.1");
	assert_string_equal(ws.rest, "\x82\x01");
	assert_true(tr_value_member(tr_bytes_value(&ws.params), "name", &name));
	assert_int_equal(w->gate->count, 0);
	end(w);
}

TEST(an_upgrade_may_come_on_a_used_connection)
{
	struct world *w = begin();
	char byte;

	assert_int_equal(get(w, "/metadata"), 200);
	assert_int_equal(ask(w, "PUT", "/actors", "", "{\"name\":\"w\"}"), 200);
	upgrade(w, "/gateway/id1/connect?x=y", "Sec-WebSocket-Protocol: rivet\r\n", "frames");
	assert_int_equal(ws.adopted, 1);
	assert_int_equal(ws.error, 0);
	assert_string_equal(ws.id, "id1");
	assert_int_equal(ws.encoding, TR_ENC_JSON);
	assert_string_equal(ws.rest, "frames");
	assert_int_equal(ws.params.size, 0);
	/* It is the client's very socket. */
	assert_int_equal(send(ws.fd, "x", 1, 0), 1);
	assert_int_equal(recv(w->client, &byte, 1, 0), 1);
	end(w);
}

TEST(an_upgrade_names_its_actor_by_subprotocol)
{
	struct world *w = begin();

	upgrade(w, "/connect", "Sec-WebSocket-Protocol: rivet, rivet_target.actor, rivet_actor.id9, rivet_token.t\r\n", "");
	assert_int_equal(ws.error, 0);
	assert_string_equal(ws.id, "id9");
	upgrade(w, "/connect", "Sec-WebSocket-Protocol: rivet, rivet_target.actor\r\n", "");
	assert_int_equal(ws.error, TROUPE_EHEADER);
	upgrade(w, "/connect", "Sec-WebSocket-Protocol: rivet, rivet_target.planet, rivet_actor.id9\r\n", "");
	assert_int_equal(ws.error, TROUPE_EROUTE);
	upgrade(w, "/websocket/x?y=1", "Sec-WebSocket-Protocol: rivet, rivet_target.actor, rivet_actor.id9\r\n", "");
	assert_int_equal(ws.error, 0);
	assert_true(ws.plain);
	assert_string_equal(ws.path, "/websocket/x?y=1");
	end(w);
}

TEST(a_plain_websocket_keeps_its_path_and_query)
{
	struct world *w = begin();

	upgrade(w, "/gateway/id1/websocket/a%20b?x=1&y", "", "");
	assert_int_equal(ws.error, 0);
	assert_true(ws.plain);
	assert_string_equal(ws.path, "/websocket/a%20b?x=1&y");
	upgrade(w, "/gateway/id1/connect", "", "");
	assert_false(ws.plain);
	end(w);
}

TEST(an_actor_sees_of_an_upgrade_what_is_not_ours)
{
	struct world *w = begin();

	upgrade(w, "/gateway/w/connect" BY_KEY "&x=1", "Cookie: a=b\r\nOrigin: http://h:6420\r\n"
	        "Sec-WebSocket-Protocol: rivet, rivet_encoding.json, mine,rivet_token.t ,rivet_skip_ready_wait, yours\r\n"
	        "sec-websocket-protocol: rivet_conn_params.%7B%7D\r\nX-Rivet-Token: t\r\n", "");
	assert_int_equal(ws.error, 0);
	assert_string_equal(ws.path, "/connect?x=1");
	assert_string_equal(ws.url, "http://h/connect?x=1");
	assert_string_equal(ws.headers, "Host=h:6420;Cookie=a=b;Origin=http://h:6420;"
	                    "Sec-WebSocket-Protocol=mine,rivet_skip_ready_wait,yours;");
	end(w);
}

TEST(a_trusted_proxy_names_its_client)
{
	static const char forwarded[] = "X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\nX-Forwarded-Proto: https\r\n";
	struct world *w = begin();

	upgrade(w, "/gateway/id1/connect", forwarded, "");
	assert_string_equal(ws.address, "127.0.0.1"); /* anybody can write that */
	end(w);
	w = begin_behind("127.0.0.2", NULL, NULL);
	upgrade(w, "/gateway/id1/connect", forwarded, "");
	assert_string_equal(ws.address, "127.0.0.1");
	end(w);
	w = begin_behind("127.0.0.1", NULL, NULL);
	ask(w, "GET", "/gateway/id1/request/x", forwarded, "");
	assert_string_equal(core.url, "https://h/x");
	ask(w, "GET", "/gateway/id1/request/x", "", ""); /* on the same connection */
	assert_string_equal(core.url, "http://h/x");
	upgrade(w, "/gateway/id1/connect", forwarded, "");
	assert_string_equal(ws.address, "192.0.2.7");
	end(w);
}

TEST(refusals_are_handed_over_too)
{
	struct world *w = begin_with("tok/en", NULL);
	static const struct { const char *target, *headers; int error; } cases[] = {
		{ "/gateway/id1@tok%2Fen/connect", "", 0 },
		{ "/gateway/id1@wrong/connect", "", TROUPE_EFORBIDDEN },
		{ "/gateway/id1/connect", "", TROUPE_EFORBIDDEN },
		{ "/gateway/id1/connect", "Sec-WebSocket-Protocol: rivet,rivet_token.tok%2Fen\r\n", 0 },
		{ "/gateway/id1/connect", "Sec-WebSocket-Protocol: rivet,rivet_token.tok/en\r\n", 0 },
		{ "/gateway/id1/connect", "Sec-WebSocket-Protocol: rivet,rivet_token.tok\r\n", TROUPE_EFORBIDDEN },
		{ "/gateway/w/connect" BY_KEY "&rvt-token=tok/en", "", 0 },
		{ "/gateway/w/connect?rvt-key=1", "", TROUPE_EQUERY },
		{ "/gateway/w@t/connect" BY_KEY, "", TROUPE_EATTOKEN },
		{ "/gateway/id1@tok%2Fen/connect", "Sec-WebSocket-Protocol: rivet,rivet_encoding.morse\r\n", TROUPE_EENCODING },
		{ "/gateway/id1@tok%2Fen/connect", "Origin: http://evil.org\r\n", TROUPE_EFORBIDDEN },
		{ "/gateway/id1@tok%2Fen/connect", "Origin: http://h\r\n", 0 },
		{ "/gateway/id1@tok%2Fen/connect", "Sec-WebSocket-Protocol: rivet_conn_params.%7B\r\n", TROUPE_EINVAL },
		{ "/gateway/id1@tok%2Fen/websocket/x", "", 0 },
		{ "/gateway/id1@tok%2Fen/action/x", "", TROUPE_EROUTE },
		{ "/nowhere", "", TROUPE_EROUTE },
		{ "/gateway//x/connect", "", TROUPE_EROUTE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		upgrade(w, cases[i].target, cases[i].headers, "");
		assert_int_equal(ws.adopted, 1);
		if (ws.error != cases[i].error)
			fail_msg("%s %s gives %d", cases[i].target, cases[i].headers, ws.error);
	}
	end(w);
}

TEST(observers_are_known_by_their_token)
{
	struct world *w = begin_with("tok/en", NULL);
	static const struct { const char *target, *headers; bool observes; } cases[] = {
		{ "/gateway/w/connect" BY_KEY "&rvt-token=watch/er", "", true },
		{ "/gateway/w/connect" BY_KEY, "Sec-WebSocket-Protocol: rivet,rivet_token.watch%2Fer\r\n", true },
		{ "/gateway/w/connect" BY_KEY, "Sec-WebSocket-Protocol: rivet,rivet_token.watch/er\r\n", true },
		{ "/gateway/w/connect" BY_KEY, "Sec-WebSocket-Protocol: rivet,rivet_token.tok%2Fen\r\n", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		upgrade(w, cases[i].target, cases[i].headers, "");
		assert_int_equal(ws.error, 0);
		assert_int_equal(ws.observes, cases[i].observes);
		assert_int_equal(ws.create, !cases[i].observes);
	}
	end(w);
}

TEST(parameters_of_an_upgrade_are_bounded)
{
	struct world *w = begin();
	struct tr_bytes line = { 0 };

	for (size_t size = TR_PARAMS_BYTES_MAX; size <= TR_PARAMS_BYTES_MAX + 1; size++) {
		tr_bytes_clear(&line);
		tr_bytes_put_text(&line, "Sec-WebSocket-Protocol: rivet, rivet_conn_params.%22");
		for (size_t i = 2; i < size; i++)
			tr_bytes_put_text(&line, "%78");
		tr_bytes_put_text(&line, "%22\r\n");
		upgrade(w, "/gateway/id1/connect", tr_bytes_text(&line), "");
		assert_int_equal(ws.error, size > TR_PARAMS_BYTES_MAX ? TROUPE_EPARAMS : 0);
	}
	tr_bytes_free(&line);
	end(w);
}

TEST(what_is_no_upgrade_is_refused_by_http)
{
	static const struct { const char *text; int status; } cases[] = {
		{ "POST /gateway/i/connect HTTP/1.1\r\nHost: h\r\n" UPGRADE "\r\n", 400 },
		{ "GET /gateway/i/connect HTTP/1.0\r\n" UPGRADE "\r\n", 400 },
		{ "GET /gateway/i/connect HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n" UPGRADE "\r\nx", 400 },
		{ "GET /gateway/i/connect HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 400 },
		{ "GET /gateway/i/connect HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n\r\n", 400 },
		{ "GET /gateway/i/connect HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSE=!\r\n\r\n", 400 },
		{ "GET /gateway/i/connect HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Version: 13\r\n\r\n", 400 },
		{ "GET /gateway/i/connect HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 426 },
	};
	struct world *w = begin();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		say(w, cases[i].text);
		if (hear_on(w, w->client, false) != cases[i].status)
			fail_msg("%s gives %d", cases[i].text, w->status);
		assert_int_equal(ws.adopted, 0);
		if (cases[i].status == 426)
			assert_header(w, "sec-websocket-version", "13");
		close(w->client);
		w->client = dial(w);
	}
	/* Another protocol is none of our business: the request goes on as it is. */
	assert_int_equal(ask(w, "GET", "/health", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", ""), 200);
	end(w);
}

TEST(frames_leave_at_the_end_of_the_turn)
{
	struct world *w = begin();

	tr_gate_flush(w->gate);
	assert_int_equal(ws.flushed, 1);
	end(w);
}

TESTS(RUN(an_upgrade_is_handed_over), RUN(an_upgrade_may_come_on_a_used_connection),
      RUN(an_upgrade_names_its_actor_by_subprotocol), RUN(a_plain_websocket_keeps_its_path_and_query),
      RUN(an_actor_sees_of_an_upgrade_what_is_not_ours),
      RUN(a_trusted_proxy_names_its_client),
      RUN(refusals_are_handed_over_too), RUN(observers_are_known_by_their_token),
      RUN(parameters_of_an_upgrade_are_bounded), RUN(what_is_no_upgrade_is_refused_by_http),
      RUN(frames_leave_at_the_end_of_the_turn))
