// SPDX-License-Identifier: Apache-2.0
/* Hostile, broken and slow clients: each gets the error that was specified, and the next one is served. The supervisor would
 * hide a server that dies of it, so these servers run alone. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { ENCODINGS, failureOf } from "./kit/client.mjs";
import { test } from "./kit/stage.mjs";
import { Tcp } from "./kit/tcp.mjs";
import { Wire, addressOf, wire } from "./kit/wire.mjs";

const serve = (stage, options) => stage.troupe({ supervised: false, ...options });

async function assertNextIsServed(stage, troupe) {
	const { counter } = stage.client(troupe);
	const ear = stage.listen((options) => counter.getOrCreate(["next"], options), []);

	assert.equal(await ear.conn.echo("served"), "served");
	assert.equal(await counter.getOrCreate(["next"]).echo("served"), "served");
}

/* ------------------------------------------------------------------ HTTP */

const HOST = "Host: x\r\n";
const ACTION = "/gateway/counter/action/echo?rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default&rvt-key=r";
const get = (path, headers = HOST) => `GET ${path} HTTP/1.1\r\n${headers}\r\n`;
const postTo = (path, headers, body = "") => `POST ${path} HTTP/1.1\r\n${HOST}${headers}\r\n${body}`;
const post = (body, headers = "") => postTo(ACTION, `Content-Length: ${body.length}\r\n${headers}`, body);
const EMPTY = "Content-Length: 0\r\n";
const CHUNKED = "Transfer-Encoding: chunked\r\n";
const WEBSOCKET = `${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n`;
const KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

const REQUESTS = [
	["no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400],
	["HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400, 505]],
	["a request without version", "GET /\r\n\r\n", 400],
	["no Host", get("/", ""), 400],
	["two Hosts", get("/", `${HOST}Host: y\r\n`), 400],
	["a header without colon", get("/", `${HOST}nonsense\r\n`), 400],
	["a space before the colon", get("/", `${HOST}A : b\r\n`), 400],
	["a folded header", get("/", `${HOST}A: b\r\n c\r\n`), 400],
	["a NUL in a header", get("/", `${HOST}A: b\0c\r\n`), 400],
	["two lengths", postTo("/actors", "Content-Length: 1\r\nContent-Length: 2\r\n", "{}"), 400],
	["a length and chunks", postTo("/actors", `Content-Length: 1\r\n${CHUNKED}`, "0\r\n\r\n"), 400],
	["a negative length", postTo("/actors", "Content-Length: -1\r\n"), 400],
	["an endless length", postTo("/actors", "Content-Length: 99999999999999999999\r\n"), [400, 413]],
	["a chunk that is no number", postTo(ACTION, CHUNKED, "zz\r\n"), 400],
	["another coding", postTo(ACTION, "Transfer-Encoding: gzip\r\n"), 501],
	["a head of 70,000 bytes", get("/", `${HOST}A: ${"a".repeat(70_000)}\r\n`), 431],
	["two hundred headers", get("/", HOST + "A: b\r\n".repeat(200)), 431],
	["a body over 64 KiB", post(`{"args":["${"x".repeat(65_536)}"]}`), 400, "message.incoming_too_long"],
	["a body that is no JSON", post("{nonsense"), 400],
	["JSON that is no object", post("[1,2]"), 400],
	["arguments nested 100 deep", post(`{"args":[${"[".repeat(100)}${"]".repeat(100)}]}`), 400],
	["a body that is no CBOR", post("\xff\xff\xff", "x-rivet-encoding: cbor\r\n"), 400],
	["CBOR that claims 4 GiB", post("\xa1\x64args\x9a\xff\xff\xff\xff", "x-rivet-encoding: cbor\r\n"), 400],
	["BARE of another version", post("\x09\x00\x02\x81\x05", "x-rivet-encoding: bare\r\n"), 400],
	["parameters that are no JSON", post(`{"args":[]}`, "x-rivet-conn-params: {\r\n"), 400],
	["a path that is nowhere", get("/nowhere"), 404, "request.route_not_found"],
	["a path out of the page's folder", get("/../../etc/passwd"), [400, 404]],
	["an action by GET", get(ACTION), 405, "actor.method_not_allowed"],
	["a gateway without a method", postTo("/gateway/counter/action/x?rvt-namespace=default", EMPTY), 400, "guard.query_invalid_params"],
	["a gateway parameter twice", postTo(`${ACTION}&rvt-key=z`, EMPTY), 400, "guard.query_duplicate_param"],
	["an actor that is not there", postTo("/gateway/nobody/action/x", EMPTY), 404, "actor.not_found"],
	["a key of 2,000 bytes", postTo(ACTION + "k".repeat(2000), EMPTY), 400, "actor.key_too_large"],
	["control without a body", postTo("/actors?namespace=default", EMPTY), 400],
	["an upgrade without a key", get("/", `${WEBSOCKET}Sec-WebSocket-Version: 13\r\n`), 400],
	["an upgrade of version 8", get("/", `${WEBSOCKET}Sec-WebSocket-Version: 8\r\n${KEY}`), 426],
];

test("malformed and impossible requests get their status and an error in JSON, and the next is served", async (stage) => {
	const troupe = await serve(stage);

	for (const [what, bytes, status, code] of REQUESTS) {
		const tcp = new Tcp(troupe).write(bytes);
		const answer = await tcp.answer();
		const error = JSON.parse(answer.body || "{}");

		tcp.destroy();
		assert.ok([status].flat().includes(answer.status), `${what}: ${answer.status} ${answer.body}`);
		assert.ok(error.group && error.code && error.message, `${what}: ${answer.body}`);
		if (code)
			assert.equal(`${error.group}.${error.code}`, code, what);
	}
	await assertNextIsServed(stage, troupe);
});

test("a head that comes too slowly is 408, and keeps nobody waiting meanwhile", async (stage) => {
	const troupe = await serve(stage);
	const slow = Array.from({ length: 100 }, () => new Tcp(troupe).write("GET / HT"));
	const dripping = setInterval(() => slow.forEach((tcp) => tcp.ended || tcp.write("T")), 500);

	stage.atEnd(() => clearInterval(dripping));
	stage.atEnd(() => slow.forEach((tcp) => tcp.destroy()));
	const before = performance.now();

	await assertNextIsServed(stage, troupe);
	assert.ok(slow.every((tcp) => !tcp.ended), "before any of them is given up");
	for (const tcp of slow)
		assert.equal((await tcp.answer()).status, 408);
	assert.ok(performance.now() - before > 9_000, "not before its time");
	await assertNextIsServed(stage, troupe);
});

test("hundreds of sockets that say nothing, or half of something, keep nobody waiting", async (stage) => {
	const troupe = await serve(stage);
	const halves = ["", "\r\n", "POST", post(`{"args":[1]}`).slice(0, -3), postTo(ACTION, CHUNKED, '5\r\n{"ar')];
	const sockets = Array.from({ length: 500 }, (_, i) => new Tcp(troupe).write(halves[i % halves.length]));

	stage.atEnd(() => sockets.forEach((tcp) => tcp.destroy()));
	await assertNextIsServed(stage, troupe);
	sockets.forEach((tcp) => tcp.socket.resetAndDestroy());
	await assertNextIsServed(stage, troupe);
});

test("pipelined requests are answered in order, and rubbish behind them ends the connection after their answers", async (stage) => {
	const troupe = await serve(stage);
	const tcp = new Tcp(troupe).write([1, 2, 3].map((n) => post(`{"args":[${n}]}`)).join("") + "rubbish\r\n\r\n");

	await tcp.closed();
	assert.deepEqual([...tcp.heard.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status), ["200", "200", "200", "400"]);
	assert.deepEqual([...tcp.heard.matchAll(/"output":(\d)/g)].map(([, n]) => n), ["1", "2", "3"]);
});

/* ------------------------------------------------------------------ frames */

const json = (value) => JSON.stringify(value);
const request = (val) => json({ body: { tag: "ActionRequest", val } });
const bytes = (hex) => Buffer.from(hex.replaceAll(" ", ""), "hex");

/* Up to the map that is its val. */
const REQUEST = "b90001 64626f6479 b90002 63746167 6d416374696f6e52657175657374 6376616c";

/* 64-bit ids in CBOR; version 4 in BARE: as the client sends them. */
const FRAMES = {
	json: [
		"", "{", "null", "[]", "{}", json({ body: null }),
		json({ body: { tag: "Nonsense", val: {} } }), json({ body: { tag: "Init", val: {} } }),
		request({ name: "echo", args: [] }), request({ id: ["$BigInt", "-1"], name: "echo", args: [] }),
		request({ id: ["$BigInt", "0"], name: 7, args: [] }), request({ id: ["$BigInt", "x"], name: "echo", args: [] }),
		`{"body":{"tag":"ActionRequest","val":{"id":0,"name":"echo","args":[${"[".repeat(500)}${"]".repeat(500)}]}}}`,
		request({ id: ["$BigInt", "0"], name: "echo", args: [["$Nonsense", 1]] }),
		json({ body: { tag: "SubscriptionRequest", val: { eventName: 1, subscribe: true } } }),
	],
	cbor: [
		"", "ff", "f6", "a0", "a1 64626f6479", "9bffffffffffffffff", "5bffffffffffffffff", "a1 64626f6479 a1 63746167 6100",
		`${REQUEST} b90003 626964 f6 646e616d65 6161 6461726773 80`,
		`${REQUEST} b90002 626964 1b0000000000000000 646e616d65 6161 ff`,
		"81".repeat(2000) + "00",
	].map(bytes),
	bare: [
		"", "04", "0400", "0500 00 00 01 61 01 80", "0400 09 00 01 61 01 80", "0400 00 00 01 61 05 80", "0400 00 00 01 61 01 80 00",
		"0400 00 8000 01 61 01 80", "0400 00 00 ffffffffffffffffff01 61 01 80", "0400 00 00 01 ff 01 80", "0400 00 00 01 61 01 ff",
		"0400 01 01 61 02",
	].map(bytes),
};

for (const encoding of ENCODINGS)
	test(`a malformed message closes its connection with 1011 actor.invalid_request, and no other (${encoding})`, async (stage) => {
		const troupe = await serve(stage);
		const bystander = await wire(stage, troupe, "counter", "r", encoding);

		for (const message of FRAMES[encoding]) {
			const rude = await wire(stage, troupe, "counter", "r", encoding);

			rude.socket.send(message);
			const { code, reason } = await rude.closed();

			assert.deepEqual([code, reason.split("#")[0]], [1011, "actor.invalid_request"], message.toString("hex"));
			assert.equal(rude.frames.length, 1, "Init, and nothing else");
		}
		assert.equal(bystander.frames.length, 1);
		assert.equal(bystander.socket.readyState, 1);
		await assertNextIsServed(stage, troupe);
	});

test("a message over 64 KiB closes its connection with message.incoming_too_long", async (stage) => {
	const troupe = await serve(stage);

	for (const encoding of ENCODINGS) {
		const rude = await wire(stage, troupe, "counter", "r", encoding);

		rude.socket.send(Buffer.alloc(65_537, "x"), { binary: encoding !== "json" });
		const { code, reason } = await rude.closed();

		assert.deepEqual([code, reason.split("#")[0]], [1011, "message.incoming_too_long"]);
	}
	await assertNextIsServed(stage, troupe);
});

test("with --message-size it may be larger, by both ways, and a byte more than that is too much", async (stage) => {
	const troupe = await serve(stage, { args: ["--message-size", "1M"] });

	for (const encoding of ENCODINGS) {
		const handle = stage.client(troupe, { encoding }).counter.getOrCreate(["large"]);
		const conn = handle.connect(), text = "x".repeat(900_000);

		assert.equal(await handle.echo(text), text);
		assert.equal(await conn.echo(text), text);
		assert.equal((await failureOf(handle.echo("x".repeat(1_100_000)))).code, "incoming_too_long");
		const rude = await wire(stage, troupe, "counter", "r", encoding);

		rude.socket.send(Buffer.alloc(1_048_577, "x"), { binary: encoding !== "json" });
		assert.equal((await rude.closed()).reason.split("#")[0], "message.incoming_too_long");
		assert.equal(await conn.echo("still"), "still");
		await conn.dispose();
	}
	await assertNextIsServed(stage, troupe);
});

test("a message of exactly 64 KiB is taken", async (stage) => {
	const troupe = await serve(stage);
	const polite = await wire(stage, troupe, "counter", "r");
	const empty = request({ id: ["$BigInt", "0"], name: "echo", args: [""] });
	const text = "x".repeat(65_536 - empty.length);

	polite.socket.send(request({ id: ["$BigInt", "0"], name: "echo", args: [text] }));
	const { body: { val } } = JSON.parse(await polite.frame(1));

	assert.equal(val.output, text);
});

test("[32] every refused upgrade is answered 101, then closed with the reason", async (stage) => {
	const troupe = await serve(stage);
	const good = addressOf(troupe, "counter", "r");
	const missing = good.replace("getOrCreate&rvt-runner=default", "get").replace("rvt-key=r", "rvt-key=none");
	const refusals = [
		[addressOf(troupe, "nonsense", "r"), "rivet_encoding.json", "actor.not_registered"],
		[missing, "rivet_encoding.json", "actor.not_found"],
		[good, "rivet_encoding.xml", "actor.unsupported_websocket_encoding"],
		[good.replace("/connect", "/websocket/x"), "rivet_encoding.json", "request.route_not_found"],
		[good.replace("rvt-namespace=default&", ""), "rivet_encoding.json", "guard.query_invalid_params"],
		[`${troupe.url.replace("http", "ws")}/gateway/0000/connect`, "rivet_encoding.json", "actor.not_found"],
	];
	const wires = refusals.map(([address, encoding]) => new Wire(address, ["rivet", encoding]));

	stage.atEnd(() => wires.forEach(({ socket }) => socket.terminate()));
	for (const [i, wire] of wires.entries()) {
		await wire.opened();
		assert.equal(wire.socket.protocol, "rivet");
		assert.equal((await wire.closed()).reason?.split("#")[0], refusals[i][2]);
	}
	await assertNextIsServed(stage, troupe);
});

/* ------------------------------------------------------------------ below the frames */

const UPGRADE = get(addressOf({ url: "" }, "counter", "r"),
	`${WEBSOCKET}Sec-WebSocket-Version: 13\r\n${KEY}Sec-WebSocket-Protocol: rivet\r\n`);


/* Text "hi" is 81 82 and a mask of zeros. */
const BROKEN = [
	["a frame without a mask", "\x81\x02hi"],
	["an unknown kind of frame", "\x83\x82\0\0\0\0hi"],
	["a reserved bit", "\xc1\x82\0\0\0\0hi"],
	["a continuation of nothing", "\x80\x82\0\0\0\0hi"],
	["a ping of 126 bytes", `\x89\xfe\x00\x7e\0\0\0\0${"p".repeat(126)}`],
	["text that is no UTF-8", "\x81\x82\0\0\0\0\xff\xfe"],
	["a frame of 2^63 bytes", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"],
	["a Close of one byte", "\x88\x81\0\0\0\0\x03"],
];

test("what breaks the WebSocket protocol ends its connection, and the next client is served", async (stage) => {
	const troupe = await serve(stage);

	for (const [what, frame] of BROKEN) {
		const tcp = new Tcp(troupe).write(UPGRADE);

		await tcp.until("Init", () => /connectionId":"[^"]*"\}\}\}$/.test(tcp.heard));
		const init = tcp.heard.length;

		tcp.write(frame);
		await tcp.until(`a Close frame, or the end, after ${what}`, () => tcp.ended || tcp.heard[init] === "\x88");
		tcp.destroy();
	}
	await assertNextIsServed(stage, troupe);
});

test("random bytes, on fresh sockets and inside connections, do no harm", async (stage) => {
	const troupe = await serve(stage);
	const sockets = [];

	stage.atEnd(() => sockets.forEach((tcp) => tcp.destroy()));
	for (let i = 0; i < 200; i++) {
		const noise = randomBytes(1 + (i * 37) % 3000).toString("latin1");

		sockets.push(new Tcp(troupe).write(i % 2 ? UPGRADE + noise : noise));
	}
	for (let i = 0; i < 30; i++) {
		const rude = await wire(stage, troupe, "counter", "r", ENCODINGS[i % 3]);

		rude.socket.send(randomBytes(100));
		rude.socket.send(randomBytes(1000));
		await rude.closed();
	}
	await assertNextIsServed(stage, troupe);
});

/* ------------------------------------------------------------------ rude in another way */

test("more than 256 subscriptions close their connection", async (stage) => {
	const troupe = await serve(stage);
	const greedy = await wire(stage, troupe, "counter", "r");

	for (let i = 0; i < 300; i++)
		greedy.socket.send(json({ body: { tag: "SubscriptionRequest", val: { eventName: `e${i}`, subscribe: true } } }));
	assert.equal((await greedy.closed()).reason.split("#")[0], "actor.overloaded");
	await assertNextIsServed(stage, troupe);
});

test("a client that reads nothing is put off without hurting others, and with since it loses nothing", async (stage) => {
	const troupe = await serve(stage);
	const { counter } = stage.client(troupe);
	const ann = stage.listen((options) => counter.getOrCreate(["r"], options), ["appended"], { since: 0 });
	const slow = await wire(stage, troupe, "counter", "r");
	const subscribe = json({ body: { tag: "SubscriptionRequest", val: { eventName: "appended", subscribe: true } } });
	const text = "x".repeat(60_000);

	slow.socket.send(subscribe);
	slow.socket.pause();
	for (let i = 0; i < 400; i++)
		await ann.conn.append(text);
	slow.socket.resume();
	const { reason } = await slow.closed();
	const heard = slow.frames.slice(1).map((frame) => JSON.parse(frame).body.val.args[0].seq);
	const back = stage.listen((options) => counter.getOrCreate(["r"], options), ["appended"], { since: heard.at(-1) });

	assert.ok(reason === "" || reason.startsWith("message.backlog_full"), reason);
	assert.ok(heard.length < 400);
	assert.deepEqual(heard, heard.map((_, i) => i + 1), "no hole before the end");
	await back.until("the rest", () => back.seq === 400);
	assert.deepEqual([...heard, ...back.of("appended").map(({ seq }) => seq)], Array.from({ length: 400 }, (_, i) => i + 1));
	assert.deepEqual(ann.of("appended").map(({ seq }) => seq), Array.from({ length: 400 }, (_, i) => i + 1));
});
