// SPDX-License-Identifier: Apache-2.0
/* The statements of spec/rivetkit-client.md 14 that no other test proves, by their numbers. With the official client; where it
 * shows too little, with the bytes that it sends (Tap) or with bytes of our own (Wire, Tcp, fetch). tests/js/checklist.test.mjs
 * sees to it that each number has a test. */

import assert from "node:assert/strict";
import { Agent, get } from "node:http";
import path from "node:path";
import { ENCODINGS, failureOf } from "./kit/client.mjs";
import { PARITY, Program, ROOT, kill, node22 } from "./kit/process.mjs";
import { test } from "./kit/stage.mjs";
import { Tap } from "./kit/tap.mjs";
import { Wire, addressOf, wire } from "./kit/wire.mjs";

const named = ({ group, code }) => `${group}.${code}`;
const parity = (stage, options) => stage.troupe({ program: PARITY, ...options });

/** The test once in each encoding: act(stage, client, encoding, troupe), with the kinds of tests/parity. */
function testEach(claim, act) {
	for (const encoding of ENCODINGS)
		test(`${claim} (${encoding})`, async (stage) => {
			const troupe = await parity(stage);

			await act(stage, stage.client(troupe, { encoding }), encoding, troupe);
		});
}

const QUERY = "rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default";
const actionAt = (troupe, kind, action, key = "k") => `${troupe.url}/gateway/${kind}/action/${action}?${QUERY}&rvt-key=${key}`;
const post = (url, { encoding, body, headers } = {}) =>
	fetch(url, { method: "POST", body, headers: { ...(encoding && { "x-rivet-encoding": encoding }), ...headers } });
const hexOf = async (response) => Buffer.from(await response.arrayBuffer()).toString("hex");

/* ------------------------------------------------------------------ transport */

testEach("[1] bodies come in chunks, on every route below the gateway", async (stage, _, encoding, troupe) => {
	const tap = await Tap.open(stage, troupe);
	const client = stage.client(tap, { encoding });
	const text = "x".repeat(60_000);
	const answer = await client.rawHttpActor.getOrCreate(["k"]).fetch("/api/echo", { method: "POST", body: text });

	assert.equal(await client.statelessActor.getOrCreate(["k"]).echo(text), text);
	assert.equal(await client.queueActor.getOrCreate(["k"]).send("one", text), undefined);
	assert.equal((await client.queueActor.getOrCreate(["k"]).receiveOne("one")).body, text);
	assert.equal(await answer.text(), text);
	const heads = tap.sent.match(/POST [^]*?\r\n\r\n/g);

	assert.equal(heads.length, 4);
	for (const head of heads)
		assert.match(head, /\r\ntransfer-encoding: chunked\r\n/i);
});

test("[2] a header of 60,000 bytes arrives whole", async (stage) => {
	const { rawHttpActor } = stage.client(await parity(stage));
	const value = "h".repeat(60_000);
	const answer = await rawHttpActor.getOrCreate(["k"]).fetch("/api/headers", { headers: { "x-long": value } });

	assert.equal((await answer.json())["x-long"], value);
});

testEach("[3] a WebSocket may begin on a connection that has served requests", async (stage, _, encoding, troupe) => {
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	let used = null;

	stage.atEnd(() => agent.destroy());
	for (let i = 0; i < 3; i++)
		await new Promise((done, fail) => {
			get(`${troupe.url}/metadata`, { agent }, (answer) => {
				used ??= answer.socket;
				assert.equal(answer.socket, used);
				answer.resume().on("end", done);
			}).on("error", fail);
		});
	const late = new Wire(addressOf(troupe, "doorActor", "k"), ["rivet", `rivet_encoding.${encoding}`], { agent });

	stage.atEnd(() => late.socket.terminate());
	await late.frame();
	assert.equal(late.socket._socket, used);
});

testEach("[3] Node.js 22 does so, and all is well", async (stage, _, encoding, troupe) => {
	const tap = await Tap.open(stage, troupe);
	const program = new Program(node22(), [path.join(ROOT, "tests/e2e/kit/node22.mjs"), tap.url, encoding]);
	const { code } = await program.end();
	const { version, ...came } = JSON.parse(program.lines.at(-1));

	assert.equal(code, 0, program.text);
	assert.match(version, /^22\./);
	assert.deepEqual(came, { counts: [1, 2, 3, 4, 5, 5], heard: [4, 5], failed: "actor.action_not_found", status: "idle" });
	assert.ok(tap.connections.some((sent) => /^(?!GET \/gateway)[^]*\r\nupgrade: websocket\r\n/i.test(sent)), "it began on a used connection");
});

/* Calls `ran`, whose answer is 0. */
const CALLS = {
	json: [`{"body":{"tag":"ActionRequest","val":{"id":["$BigInt","7"],"name":"ran","args":[]}}}`,
		`{"body":{"tag":"ActionResponse","val":{"id":["$BigInt","7"],"output":0}}}`],
	cbor: ["b90001 64626f6479 b90002 63746167 6d416374696f6e52657175657374 6376616c b90003 626964 1b0000000000000007"
		+ "646e616d65 63 72616e 6461726773 80",
		"a1 64626f6479 a2 63746167 6e416374696f6e526573706f6e7365 6376616c a2 626964 1b0000000000000007 666f7574707574 00"],
	bare: ["0400 00 07 03 72616e 01 80", "0400 02 07 01 00"],
};
const bytes = (encoding, text) => (encoding === "json" ? text : Buffer.from(text.replaceAll(" ", ""), "hex"));

/** Of its answers; the door greets each who comes with Init and welcome. */
async function answerTo(wire, encoding, n = 2) {
	assert.deepEqual(await wire.frame(n), bytes(encoding, CALLS[encoding][1]));
}

testEach("[4] messages in fragments are put together, and pings answered in between", async (stage, _, encoding, troupe) => {
	const raw = await wire(stage, troupe, "doorActor", "k", encoding);
	const message = bytes(encoding, CALLS[encoding][0]), binary = encoding !== "json";
	const pongs = [];

	raw.socket.on("pong", (data) => pongs.push(String(data)) && raw.changed());
	raw.socket.send(message.slice(0, 5), { fin: false, binary });
	raw.socket.ping("between");
	raw.socket.send(message.slice(5, 6), { fin: false, binary });
	raw.socket.send(message.slice(6), { fin: true, binary });
	await answerTo(raw, encoding);
	await raw.until("a pong", () => pongs.length > 0);
	assert.deepEqual(pongs, ["between"]);
});

testEach("[5] a client's Close is answered with the same", async (stage, client, encoding, troupe) => {
	for (const [code, reason] of [[1000, "Disposed"], [4000, "any"]]) {
		const raw = await wire(stage, troupe, "doorActor", "k", encoding);

		raw.socket.close(code, reason);
		assert.deepEqual(await raw.closed(), { code, reason });
	}
	const conn = client.doorActor.getOrCreate(["k"]).connect();

	await conn.ran();
	await conn.dispose();
	assert.equal(conn.connStatus, "idle");
});

testEach("[8] an empty body means no arguments", async (stage, _, encoding, troupe) => {
	const answer = await post(actionAt(troupe, "counter", "getCount"), { encoding });
	const output = { json: `{"output":0}`, cbor: bytes("cbor", "a1 66 6f7574707574 00"), bare: bytes("bare", "0400 01 00") };

	assert.equal(answer.status, 200);
	assert.deepEqual(Buffer.from(await answer.arrayBuffer()), Buffer.from(output[encoding]));
});

/* ------------------------------------------------------------------ start-up and control */

test("[9] /metadata is a JSON object, for pages of other origins and with their credentials as well", async (stage) => {
	const origin = "http://localhost:1234";
	const answer = await fetch(`${(await parity(stage)).url}/metadata?namespace=default`, { headers: { origin } });

	assert.equal(answer.status, 200);
	assert.equal(typeof (await answer.json()), "object");
	assert.equal(answer.headers.get("access-control-allow-origin"), origin);
	assert.equal(answer.headers.get("access-control-allow-credentials"), "true");
});

test("[10, 11] GET /actors finds by name and key and by ids, and what is missing is an empty list", async (stage) => {
	const troupe = await parity(stage);
	const id = await stage.client(troupe).counter.getOrCreate(["a/b", "c"]).resolve();
	const list = async (query) => {
		const answer = await fetch(`${troupe.url}/actors?namespace=default&${query}`);

		assert.equal(answer.status, 200);
		return (await answer.json()).actors;
	};
	const [row] = await list(`name=counter&key=${encodeURIComponent("a\\/b/c")}`);

	assert.deepEqual([row.actor_id, row.name, row.key], [id, "counter", "a\\/b/c"]);
	assert.deepEqual(await list(`actor_ids=${id}`), [row]);
	assert.deepEqual(await list("name=counter&key=nobody"), []);
	assert.deepEqual(await list("actor_ids=0000"), []);
});

testEach("[14, 18] a comma divides a part of a key, and [\"\"] is [], whichever way the actor is asked for", async (stage, { counter }) => {
	for (const [key, same] of [[["a,b"], ["a", "b"]], [[""], []], [["x y", "+", "%2C"], ["x y", "+", "%2C"]], [["é,", "ü"], ["é", "", "ü"]]]) {
		const id = await counter.getOrCreate(key).resolve();

		assert.equal(await counter.getOrCreate(same).resolve(), id);
		assert.deepEqual(await counter.getOrCreate(key).getKey(), same);
		assert.deepEqual(await counter.getForId(id).getKey(), same);
		assert.deepEqual(await counter.get(same).connect().getKey(), same);
	}
});

/* ------------------------------------------------------------------ gateway */

testEach("[16] skipReadyWait names the actor by header and by subprotocol", async (stage, client, encoding, troupe) => {
	const tap = await Tap.open(stage, troupe);
	const { rawHttpRequestPropertiesActor: http, rawWebSocketBinaryActor: socket, doorActor } =
		stage.client(tap, { encoding, gateway: { skipReadyWait: true } });
	const idOf = (kind) => client[kind].getOrCreate(["k"]).resolve();
	const request = http.getForId(await idOf("rawHttpRequestPropertiesActor"));
	const said = await (await request.fetch("/p?a=1&b", { method: "PUT", body: "words" })).json();

	assert.deepEqual([said.pathname, said.search, said.method, said.body], ["/p", "?a=1&b", "PUT", "words"]);
	assert.deepEqual(Object.keys(said.headers).filter((name) => name.startsWith("x-rivet")), ["x-rivet-skip-ready-wait"]);
	const door = doorActor.getForId(await idOf("doorActor"));

	assert.equal(await door.ran(), 0);
	assert.equal(await door.connect().ran(), 0);
	const raw = await socket.getForId(await idOf("rawWebSocketBinaryActor")).webSocket("x");

	raw.binaryType = "arraybuffer";
	const echo = new Promise((done) => { raw.onmessage = ({ data }) => done([...new Uint8Array(data)]); });

	await new Promise((done) => { raw.onopen = done; });
	raw.send(new Uint8Array([1, 2, 3]));
	assert.deepEqual(await echo, [3, 2, 1]);
	raw.close();
	for (const head of [/PUT \/request\/p\?a=1&b /, /x-rivet-target: actor/i, /GET \/connect /, /GET \/websocket\/x /, /rivet_target\.actor/])
		assert.match(tap.sent, head);
});

testEach("[17] a token in the path ends the id at the first @, and may hold anything", async (stage, _, encoding) => {
	const token = "t@k/e%n@";
	const troupe = await parity(stage, { args: ["--token", token] });
	const friend = stage.client(troupe, { encoding, token });
	const id = await friend.doorActor.getOrCreate(["k"]).resolve();
	const handle = friend.doorActor.getForId(id);

	assert.equal(await handle.ran(), 0);
	assert.equal(await handle.connect().ran(), 0);
	const failed = await failureOf(stage.client(troupe, { encoding, token: "t" }).doorActor.getForId(id).ran());

	assert.equal(named(failed), "auth.forbidden");
});

test("[19] the actor sees of the query what is its own, byte for byte", async (stage) => {
	const troupe = await parity(stage);
	const { rawHttpRequestPropertiesActor } = stage.client(troupe);
	const mine = "a=1&b=%20+&c&d=%zz&=&e=%2C,";
	const there = `${troupe.url}/gateway/rawHttpRequestPropertiesActor/request/p?a=1&rvt-namespace=default&b=%20+&rvt-method=getOrCreate`
		+ "&c&rvt-runner=default&d=%zz&=&rvt-key=k&e=%2C,";

	assert.equal((await (await fetch(there)).json()).search, `?${mine}`);
	for (const path of [`/p?${mine}`, `p?${mine}`])
		assert.equal((await (await rawHttpRequestPropertiesActor.getOrCreate(["k"]).fetch(path)).json()).url.split("/p")[1], `?${mine}`);
	assert.equal((await (await fetch(`${there.split("?")[0]}?${QUERY}&rvt-key=k`)).json()).search, "");
});

testEach("[20] an action's name may hold anything", async (stage, { doorActor }) => {
	const name = "odd/name %20 é?&=.";
	const handle = doorActor.getOrCreate(["k"]);

	assert.equal(await handle.action({ name, args: [] }), "hello");
	assert.equal(await handle.connect().action({ name, args: [] }), "hello");
});

testEach("[21] whoever asks first for an actor makes it, by HTTP and live, and get makes none", async (stage, { counter }) => {
	for (const [key, ask] of [["http", (handle) => handle.increment(1)], ["live", (handle) => handle.connect().increment(1)]]) {
		assert.equal(named(await failureOf(counter.get([key]).resolve())), "actor.not_found");
		assert.equal(await ask(counter.getOrCreate([key])), 1);
		assert.equal(await counter.get([key]).increment(1), 2);
	}
});

const BAD_QUERIES = [
	[`${QUERY}&rvt-colour=red`, "query_invalid_params"], [`${QUERY}&rvt-key=a&rvt-key=b`, "query_duplicate_param"],
	["rvt-method=getOrCreate&rvt-runner=default", "query_invalid_params"], ["rvt-namespace=default", "query_invalid_params"],
	["rvt-namespace=default&rvt-method=make", "query_invalid_params"], [`${QUERY}&rvt-crash-policy=weep`, "query_invalid_params"],
	["rvt-namespace=default&rvt-method=getOrCreate", "query_missing_pool"], [`${QUERY}&rvt-skip-ready-wait=maybe`, "query_invalid_params"],
	["rvt-namespace=default&rvt-method=get&rvt-runner=default", "query_get_disallowed_params"],
	[`${QUERY}&rvt-input=***`, "query_invalid_base64_input"], [`${QUERY}&rvt-input=_w`, "query_invalid_cbor_input"],
];

test("[22] what is wrong with the gateway's parameters is told, by HTTP and live", async (stage) => {
	const troupe = await parity(stage);
	const at = (what) => `${troupe.url.replace("http", what)}/gateway/counter`;
	const wires = BAD_QUERIES.map(([query]) => new Wire(`${at("ws")}/connect?${query}`, ["rivet", "rivet_encoding.json"]));

	stage.atEnd(() => wires.forEach(({ socket }) => socket.terminate()));
	for (const [i, [query, code]] of BAD_QUERIES.entries()) {
		const answer = await post(`${at("http")}/action/getCount?${query}`);

		assert.deepEqual([answer.status, named(await answer.json())], [400, `guard.${code}`], query);
		assert.equal(JSON.parse(await wires[i].frame()).body.val.code, code, query);
	}
});

/* ------------------------------------------------------------------ actions */

test("[23] the header says which encoding it is, and without one, or with another, it is json", async (stage) => {
	const troupe = await parity(stage);
	const url = actionAt(troupe, "counter", "increment");

	for (const [i, encoding] of [undefined, "json", "xml"].entries())
		assert.deepEqual(await (await post(url, { encoding, body: `{"args":[1]}` })).json(), { output: i + 1 });
	assert.equal(await hexOf(await post(url, { encoding: "cbor", body: bytes("cbor", "b90001 64 61726773 81 01") })), "a1666f757470757404");
	assert.equal(await hexOf(await post(url, { encoding: "bare", body: bytes("bare", "0400 02 81 01") })), "04000105");
});

testEach("[24] an action that says nothing has an output all the same: undefined", async (stage, { doorActor }, encoding, troupe) => {
	const handle = doorActor.getOrCreate(["k"]);
	const output = { json: /^\{"output":\["\$Undefined",0\]\}$/, cbor: /^.{0,3}foutput/s, bare: /^\x04\0\x0d\x82\x6a\$Undefined\0$/ };

	assert.equal(await handle.tellOthers("x"), undefined);
	assert.equal(await handle.connect().tellOthers("x"), undefined);
	const body = { json: `{"args":["x"]}`, cbor: bytes("cbor", "b90001 64 61726773 81 6178"), bare: bytes("bare", "0400 03 81 6178") };
	const answer = await post(actionAt(troupe, "doorActor", "tellOthers"), { encoding, body: body[encoding] });

	assert.match(Buffer.from(await answer.arrayBuffer()).toString("latin1"), output[encoding]);
});

test("[27] CBOR maps have 16-bit lengths, as the client sends them", async (stage) => {
	const troupe = await parity(stage);
	const tap = await Tap.open(stage, troupe);
	const { statelessActor } = stage.client(tap, { encoding: "cbor" });
	const value = { a: { b: {} } };

	assert.deepEqual(await statelessActor.getOrCreate(["k"]).echo(value), value);
	assert.ok(tap.sent.includes("\xb9\x00\x01\x64args\x81\xb9\x00\x01\x61a\xb9\x00\x01\x61b\xb9\x00\x00"));
});

testEach("[28] parameters come by header, in Latin-1, and none is none", async (stage, { doorActor }, encoding, troupe) => {
	for (const params of [undefined, null, 0, "ünï", { name: "ÿü", list: [1, { x: null }] }])
		assert.deepEqual(await doorActor.getOrCreate(["k"], { params }).params(), params);
	const bad = await post(actionAt(troupe, "doorActor", "params"), { encoding: "json", headers: { "x-rivet-conn-params": "{" } });

	assert.deepEqual([bad.status, (await bad.json()).group], [400, "request"]);
});

testEach("[29] each call over HTTP has to be let in", async (stage, { doorActor }) => {
	const refused = doorActor.getOrCreate(["k"], { params: { refuse: "closed" } });

	for (let i = 0; i < 3; i++) {
		const error = await failureOf(refused.failWith("x"));

		assert.deepEqual([named(error), error.message, error.metadata], ["door.closed", "The door is closed.", { until: "morning" }]);
	}
	assert.equal(named(await failureOf(doorActor.getOrCreate(["k"], { params: { refuse: "forbidden" } }).ran())), "auth.forbidden");
	assert.equal(await doorActor.getOrCreate(["k"]).ran(), 0, "none of them ran");
});

testEach("[30, 50] an error has a status, a type, group, code, message and actor, and CORS headers", async (stage, client, encoding, troupe) => {
	const id = await client.doorActor.getOrCreate(["k"]).resolve();
	const origin = "http://localhost:1234";
	const body = { json: `{"args":["late_again"]}`, cbor: bytes("cbor", "b90001 64 61726773 81 6a6c6174655f616761696e"),
		bare: bytes("bare", "0400 0c 81 6a6c6174655f616761696e") };
	const answer = await post(actionAt(troupe, "doorActor", "failWith"), { encoding, body: body[encoding], headers: { origin } });
	const error = await failureOf(client.doorActor.getOrCreate(["k"]).failWith("late_again"));

	assert.equal(answer.status, 500);
	assert.equal(answer.headers.get("content-type"), encoding === "json" ? "application/json" : "application/octet-stream");
	assert.equal(answer.headers.get("access-control-allow-origin"), origin);
	assert.equal(answer.headers.get("access-control-allow-credentials"), "true");
	assert.equal(answer.headers.get("access-control-expose-headers"), "*");
	assert.match(answer.headers.get("vary"), /origin/i);
	assert.deepEqual([named(error), error.message, error.actor], ["user.late_again", "As you wish.", { actorId: id, generation: 1, key: "k" }]);
	assert.equal(error.rayId.length > 0, true);
	const missing = await fetch(`${troupe.url}/nowhere`, { headers: { origin } });

	assert.equal(missing.status, 404);
	assert.equal(missing.headers.get("access-control-allow-origin"), origin);
});

test("[30] each kind of failure has its status, and says whether an actor was reached", async (stage) => {
	const troupe = await parity(stage);
	const door = (action, args, headers) => [actionAt(troupe, "doorActor", action), { body: JSON.stringify({ args }), headers }];
	const refusing = (refuse) => ({ "x-rivet-conn-params": JSON.stringify({ refuse }) });
	const cases = [
		[403, "auth.forbidden", true, door("ran", [], refusing("forbidden"))], [500, "door.closed", true, door("ran", [], refusing("closed"))],
		[500, "rivetkit.internal_error", true, door("ran", [], refusing("internal"))], [404, "actor.action_not_found", true, door("nothing", [])],
		[400, "actor.validation_error", true, door("tellOthers", [7])], [500, "user.late_again", true, door("failWith", ["late_again"])],
		[500, "rivetkit.internal_error", true, door("failWith", ["internal"])], [408, "actor.action_timed_out", true, door("failWith", ["late"])],
		[400, "message.outgoing_too_long", null, door("failWith", ["big"])],
		[400, "message.incoming_too_long", null, door("tellOthers", ["x".repeat(70_000)])],
		[400, "actor.invalid_request", null, [actionAt(troupe, "doorActor", "ran"), { body: "{" }]],
		[404, "actor.not_found", false, [`${troupe.url}/gateway/0000/action/ran`]],
		[404, "actor.not_registered", false, [actionAt(troupe, "nobody", "ran")]],
		[404, "request.route_not_found", false, [`${troupe.url}/gateway/0000/elsewhere`]],
	];

	for (const [status, name, reached, [url, options]] of cases) {
		const answer = await post(url, options);
		const error = await answer.json();

		assert.deepEqual([answer.status, named(error)], [status, name], url);
		assert.ok(error.message.length > 0 && answer.headers.get("x-rivet-ray-id"), name);
		if (reached !== null)
			assert.deepEqual([Boolean(error.actor), answer.headers.get("x-rivet-error") === name], [reached, !reached], name);
	}
	assert.equal((await fetch(actionAt(troupe, "doorActor", "ran"))).status, 405);
});

testEach("[31] an action that ran is never asked for again, however it failed", async (stage, { doorActor }) => {
	const id = await doorActor.getOrCreate(["k"]).resolve();
	const handles = [doorActor.getOrCreate(["k"]), doorActor.get(["k"]), doorActor.getForId(id)];
	const failures = {
		restarting: "user.restarting", not_found: "user.not_found", internal: "rivetkit.internal_error", late: "actor.action_timed_out",
		big: "message.outgoing_too_long",
	};

	for (const handle of handles)
		for (const [how, what] of Object.entries(failures)) {
			assert.equal(named(await failureOf(handle.failWith(how))), what);
			assert.equal(await handle.ran(), 1, how);
			assert.equal(named(await failureOf(handle.connect().failWith(how))), what);
			assert.equal(await handle.ran(), 1, `${how}, live`);
		}
});

testEach("what is wrong inside is told to the log alone, unless the server is told otherwise", async (stage, client, encoding, troupe) => {
	const open = await parity(stage, { args: ["--show-errors"] });
	const messages = async (server) => {
		const handle = stage.client(server, { encoding }).doorActor.getOrCreate(["k"]);

		return [(await failureOf(handle.failWith("internal"))).message, (await failureOf(handle.connect().failWith("internal"))).message];
	};
	const secret = "the database password is wrong";

	assert.deepEqual(await messages(troupe), ["An internal error occurred", "An internal error occurred"]);
	await troupe.program.until("two lines in the log", () =>
		troupe.program.lines.filter((line) => /actor\.internal_error/.test(line) && line.includes(secret)).length === 2);
	assert.deepEqual(await messages(open), [secret, secret]);
});

/* ------------------------------------------------------------------ live connections */

const INIT = {
	json: /^\{"body":\{"tag":"Init","val":\{"actorId":"[0-9a-z]{30}","connectionId":"[0-9a-f-]{36}"\}\}\}$/,
	cbor: /^\xa1dbody\xa2ctagdInitcval\xa2gactorIdx\x1e[0-9a-z]{30}lconnectionIdx\x24[0-9a-f-]{36}$/,
	bare: /^\x04\0\0\x1e[0-9a-z]{30}\x24[0-9a-f-]{36}$/,
};
const latin1 = (frame) => Buffer.from(frame).toString("latin1");

testEach("[33] Init comes first, then what the actor says to who has just come", async (stage, { doorActor }, encoding, troupe) => {
	const raw = await wire(stage, troupe, "doorActor", "k", encoding);

	assert.match(latin1(await raw.frame(0)), INIT[encoding]);
	assert.match(latin1(await raw.frame(1)), /welcome/);
	const ear = stage.listen((options) => doorActor.getOrCreate(["k"], options), ["welcome"]);
	const { text } = await ear.event("welcome");

	assert.match(text, /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
});

testEach("[34, 36] ids are 64-bit integers, and BARE has version 4 and takes 1 to 4", async (stage, _, encoding, troupe) => {
	const raw = await wire(stage, troupe, "doorActor", "k", encoding);
	const message = bytes(encoding, CALLS[encoding][0]);
	const versions = encoding === "bare" ? [4, 3, 2, 1] : [4];

	for (const [i, version] of versions.entries()) {
		if (encoding === "bare")
			message[0] = version;
		raw.socket.send(message);
		await answerTo(raw, encoding, 2 + i);
	}
});

const JSON_ERROR = (at, frame) => JSON.parse(frame).body.val[at];

testEach("[35] an Error says which call it is of, or none, and leaves out the actor that it has not", async (stage, _, encoding, troupe) => {
	const raw = await wire(stage, troupe, "doorActor", "k", encoding);
	const refused = refusedWire(stage, troupe, encoding, "closed");
	const unknown = latin1(bytes(encoding, CALLS[encoding][0])).replace("ran", "run"); /* a name as long */

	raw.socket.send(Buffer.from(unknown, "latin1"), { binary: encoding !== "json" });
	const [ofCall, ofNone] = [await raw.frame(2), await refused.frame()];

	if (encoding === "json") {
		assert.deepEqual([JSON_ERROR("actionId", ofCall), JSON_ERROR("code", ofCall)], [["$BigInt", "7"], "action_not_found"]);
		assert.deepEqual([JSON_ERROR("actionId", ofNone), JSON_ERROR("actor", ofNone)], [null, undefined]);
	} else if (encoding === "cbor") {
		assert.ok(latin1(ofCall).includes("hactionId\x1b\0\0\0\0\0\0\0\x07"));
		assert.ok(latin1(ofNone).includes("hactionId\xf6") && !latin1(ofNone).includes("eactor"));
	} else {
		assert.match(latin1(ofCall), /^\x04\0\x01\x05actor\x10action_not_found.*\0\x01\x07\x01\x1e/s);
		assert.match(latin1(ofNone), /\0\0$/);
	}
	await refused.closed();
});

testEach("[37] each call is answered once, in whatever order the actor does it", async (stage, { doorActor }, encoding, troupe) => {
	const ear = stage.listen((options) => doorActor.getOrCreate(["k"], options), []);
	const order = [];
	const calls = Array.from({ length: 16 }, (_, i) => ear.conn.gather().then((n) => order.push(i) && n));

	assert.deepEqual(await Promise.all(calls), Array.from({ length: 16 }, (_, i) => i));
	assert.deepEqual(order, Array.from({ length: 16 }, (_, i) => 15 - i));
	const raw = await wire(stage, troupe, "doorActor", "k", encoding);

	for (let i = 0; i < 20; i++)
		raw.socket.send(bytes(encoding, CALLS[encoding][0]));
	await raw.frame(21);
	await ear.conn.ran();
	assert.equal(raw.frames.length, 22, "Init, welcome, and twenty answers");
});

testEach("[38] subscribing and unsubscribing may be repeated, and may be of what nobody knows", async (stage, { counter }) => {
	const ear = stage.listen((options) => counter.getOrCreate(["k"], options), []);
	const heard = [];
	const hear = () => ear.conn.on("newCount", (n) => heard.push(n));

	for (const unsubscribe of [hear(), hear(), ear.conn.on("nobody knows this", hear)])
		unsubscribe();
	await ear.conn.increment(1);
	assert.deepEqual(heard, []);
	const [off] = [hear(), ear.conn.once("newCount", (n) => heard.push(n))];

	await ear.conn.increment(1);
	off();
	hear();
	await ear.conn.increment(1);
	assert.deepEqual(heard, [2, 2, 3]);
});

const REFUSALS = [["closed", "door.closed"], ["forbidden", "auth.forbidden"], ["internal", "rivetkit.internal_error"],
	["long", `door.${"x".repeat(200)}`]];

/** A WebSocket that the door refuses so. */
function refusedWire(stage, troupe, encoding, refuse) {
	const params = encodeURIComponent(JSON.stringify({ refuse }));
	const raw = new Wire(addressOf(troupe, "doorActor", "k"), ["rivet", `rivet_encoding.${encoding}`, `rivet_conn_params.${params}`]);

	stage.atEnd(() => raw.socket.terminate());
	return raw;
}

testEach("[40, 41, 42] who is refused hears why, in a reason of at most 123 bytes, and is closed", async (stage, client, encoding, troupe) => {
	const handle = (options) => client.doorActor.getOrCreate(["k"], options);
	const all = REFUSALS.map(([refuse, name]) => ({
		name, raw: refusedWire(stage, troupe, encoding, refuse), ear: stage.listen(handle, [], { params: { refuse } }) }));

	for (const { name, raw, ear } of all) {
		const { code, reason } = await raw.closed();
		const error = await ear.until("an error", () => ear.errors[0]);

		assert.equal(code, 1011);
		assert.ok(Buffer.byteLength(reason) <= 123 && name.startsWith(reason.split("#")[0]), reason);
		assert.equal(raw.frames.length, 1, "an Error, and no Init");
		assert.equal(named(error), name);
		assert.ok(!/password/.test(error.message), "what goes on inside is not told");
		await ear.gaveUp();
	}
});

testEach("[42] a normal end is 1000: the actor's own reason, or none when it is destroyed", async (stage, { doorActor }, encoding, troupe) => {
	const [ann, bob] = [await wire(stage, troupe, "doorActor", "k", encoding), doorActor.getOrCreate(["k"])];
	const parting = { json: JSON.stringify({ body: { tag: "ActionRequest", val: { id: 0, name: "leaveMe", args: ["so long"] } } }),
		cbor: "b90001 64626f6479 b90002 63746167 6d416374696f6e52657175657374 6376616c b90003 626964 1b0000000000000007"
			+ "646e616d65 67 6c656176654d65 6461726773 81 67 736f206c6f6e67",
		bare: "0400 00 07 07 6c656176654d65 09 81 67 736f206c6f6e67" };

	ann.socket.send(bytes(encoding, parting[encoding]));
	assert.deepEqual(await ann.closed(), { code: 1000, reason: "so long" });
	const cat = await wire(stage, troupe, "doorActor", "k", encoding);

	await bob.destroy();
	assert.deepEqual(await cat.closed(), { code: 1000, reason: "" });
});

testEach("[43] a connection stays open while its actor sleeps, and wakes it", async (stage, { counter }, encoding, troupe) => {
	const handle = counter.getOrCreate(["k"]);
	const ear = stage.listen((options) => counter.getOrCreate(["k"], options), ["newCount"]);

	await ear.conn.increment(1);
	assert.equal((await post(`${troupe.url}/actors/${await handle.resolve()}/sleep`, { body: "{}" })).status, 200);
	assert.equal(await handle.increment(1), 2);
	assert.equal(await ear.conn.increment(1), 3);
	assert.deepEqual([ear.of("newCount"), ear.statuses], [[1, 2, 3], ["connected"]]);
});

testEach("[44] who is refused waits for it, while others are served", async (stage, { doorActor }, encoding, troupe) => {
	const refused = refusedWire(stage, troupe, encoding, "closed");
	const ear = stage.listen((options) => doorActor.getOrCreate(["k"], options), []);

	await refused.opened();
	for (let i = 0; i < 5; i++)
		await ear.conn.ran();
	assert.equal(refused.frames.length, 0);
	assert.equal((await refused.closed()).reason.split("#")[0], "door.closed");
});

testEach("[45] a server that ends says going_away, and who comes meanwhile waits for the next", async (stage, { doorActor }, encoding, troupe) => {
	const raw = await wire(stage, troupe, "doorActor", "k", encoding);
	const ear = stage.listen((options) => doorActor.getOrCreate(["k"], options), []);
	let late;

	await ear.conn.ran();
	await troupe.replaced(async () => {
		troupe.program.signal("SIGHUP");
		assert.deepEqual(await raw.closed(), { code: 1001, reason: "ws.going_away" });
		late = new Wire(addressOf(troupe, "doorActor", "k"), ["rivet", `rivet_encoding.${encoding}`]);
	});
	stage.atEnd(() => late.socket.terminate());
	assert.match(latin1(await late.frame()), INIT[encoding]);
	assert.equal(await ear.conn.ran(), 0);
	assert.ok(!ear.statuses.includes("idle"), ear.statuses.join(" "));
	await troupe.replaced(() => kill(troupe.serverPid));
	assert.equal(await ear.conn.ran(), 0);
	assert.ok(!ear.statuses.includes("idle"), ear.statuses.join(" "));
});

/* ------------------------------------------------------------------ raw */

test("[46] every method passes with query, headers and body, and the answer's status, headers and body come back", async (stage) => {
	const { rawHttpRequestPropertiesActor, rawHttpHonoActor } = stage.client(await parity(stage));
	const handle = rawHttpRequestPropertiesActor.getOrCreate(["k"]);

	for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"]) {
		const body = method === "GET" ? undefined : `body of ${method}`;
		const said = await (await handle.fetch("/a/b?c=d", { method, body, headers: { "x-mine": "yes", "content-type": "text/plain" } })).json();

		assert.deepEqual([said.method, said.pathname, said.search, said.headers["x-mine"], said.body],
			[method, "/a/b", "?c=d", "yes", body ?? null]);
	}
	const head = await handle.fetch("/", { method: "HEAD" });

	assert.deepEqual([head.status, await head.text()], [200, ""]);
	const made = await rawHttpHonoActor.getOrCreate(["k"]).fetch("/users", { method: "POST", body: `{"name":"Cat"}` });

	assert.deepEqual([made.status, await made.json()], [201, { id: 3, name: "Cat" }]);
	assert.equal((await rawHttpHonoActor.getOrCreate(["k"]).fetch("/nowhere")).status, 404);
	const streamed = new ReadableStream({
		start(body) {
			["in ", "three ", "pieces"].forEach((piece) => body.enqueue(new TextEncoder().encode(piece)));
			body.close();
		},
	});

	assert.equal((await (await handle.fetch("/", { method: "POST", body: streamed, duplex: "half" })).json()).body, "in three pieces");
});

test("[47] the actor sees the URL that its caller wrote, and not the header that brings it", async (stage) => {
	const { rawHttpRequestPropertiesActor } = stage.client(await parity(stage));
	const handle = rawHttpRequestPropertiesActor.getOrCreate(["k"]);

	for (const input of [new URL("https://app.example/x/y?z=1"), new Request("https://app.example/x/y?z=1", { headers: { "x-mine": "yes" } })]) {
		const said = await (await handle.fetch(input)).json();

		assert.equal(said.url, "https://app.example/x/y?z=1");
		assert.deepEqual(Object.keys(said.headers).filter((name) => name.startsWith("x-rivet")), []);
	}
	assert.match((await (await handle.fetch("/x?z=1")).json()).url, /^http:\/\/[^:/]+\/x\?z=1$/);
});

/** A plain WebSocket's messages and end, as they come. */
async function plain(stage, handle, path) {
	const socket = await handle.webSocket(path);
	const heard = [];
	let wake = () => {};
	const closed = new Promise((done) => { socket.onclose = ({ code, reason }) => done({ code, reason }); });

	socket.binaryType = "arraybuffer";
	socket.onmessage = ({ data }) => {
		heard.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
		wake();
	};
	stage.atEnd(() => socket.close());
	const next = async (n) => {
		while (heard.length < n)
			await new Promise((done) => { wake = done; });
		return heard[n - 1];
	};

	return { socket, next, closed };
}

test("[48] plain WebSockets pass text, bytes, paths and closes, both ways", async (stage) => {
	const { doorActor } = stage.client(await parity(stage));
	const handle = doorActor.getOrCreate(["k"]);
	const ear = stage.listen((options) => doorActor.getOrCreate(["k"], options), ["left"]);
	const ann = await plain(stage, handle, "rooms/7?as=ann");

	await ear.conn.ran();
	assert.equal(await ann.next(1), "/websocket/rooms/7?as=ann");
	ann.socket.send("text é");
	assert.equal(await ann.next(2), "text é");
	ann.socket.send(new Uint8Array([0, 255, 7]));
	assert.deepEqual(await ann.next(3), [0, 255, 7]);
	ann.socket.close(4002, "enough");
	assert.deepEqual(await ann.closed, { code: 4002, reason: "enough" });
	assert.deepEqual(await ear.event("left"), { code: 4002, reason: "enough" });
	const bob = await plain(stage, handle);

	assert.equal(await bob.next(1), "/websocket/");
	bob.socket.send("bye");
	assert.deepEqual(await bob.closed, { code: 4001, reason: "as you wish" });
	const cat = await plain(stage, handle, "closed");
	const { code, reason } = await cat.closed;

	assert.deepEqual([code, reason.split("#")[0]], [1011, "auth.forbidden"]);
});

/* ------------------------------------------------------------------ CORS */

test("[49] preflights echo origin and headers, list the methods, and allow credentials, on every path", async (stage) => {
	const troupe = await parity(stage);
	const origin = "http://localhost:1234", asked = "content-type,x-rivet-encoding,x-own";

	for (const path of ["/metadata", "/actors", "/gateway/x/action/y", "/gateway/x/request/z?a=1", "/nowhere"]) {
		const answer = await fetch(troupe.url + path, {
			method: "OPTIONS",
			headers: { origin, "access-control-request-method": "PUT", "access-control-request-headers": asked },
		});
		const said = (name) => answer.headers.get(`access-control-${name}`);

		assert.equal(answer.status, 204);
		assert.deepEqual([said("allow-origin"), said("allow-credentials"), said("allow-headers")], [origin, "true", asked]);
		assert.deepEqual(said("allow-methods").split(", ").sort(), ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"]);
		assert.match(answer.headers.get("vary"), /origin/i);
	}
});
