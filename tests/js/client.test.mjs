// SPDX-License-Identifier: Apache-2.0
/* What clients/js/troupe.js promises, one claim a test, against the server of fake_server.mjs. */

import { test } from "node:test";
import assert from "node:assert/strict";
import { connect, pack, unpack, TroupeError } from "../../clients/js/troupe.js";
import { FakeClock, FakeServer, settle } from "./fake_server.mjs";

function setUp(options = {}) {
	const server = new FakeServer();
	const clock = new FakeClock();
	const open = (more = {}) => connect({
		endpoint: "http://h:6420", actor: "workspace", key: ["42"],
		WebSocket: server.WebSocket, clock, ...options, ...more,
	});

	return { server, clock, open };
}

function listen(room, ...names) {
	const heard = [];

	for (const name of names)
		room.on(name, (data) => heard.push(data.seq));
	return heard;
}

const range = (n) => Array.from({ length: n }, (_, i) => i + 1);

/* ------------------------------------------------------------------ address */

test("the address and the parameters are those of the protocol", async () => {
	const { server, open } = setUp();

	const params = { userId: "Ann (work)" };

	open({ endpoint: "https://h/base/", key: ["a b", "ü/1"], params, since: 7 });
	await settle();
	const url = new URL(server.last.url);
	assert.equal(url.protocol, "wss:");
	assert.equal(url.pathname, "/base/gateway/workspace/connect");
	assert.deepEqual(Object.fromEntries(url.searchParams), {
		"rvt-namespace": "default", "rvt-method": "getOrCreate", "rvt-runner": "default",
		"rvt-crash-policy": "sleep", "rvt-key": "a b,ü/1",
	});
	assert.deepEqual(server.last.protocols.slice(0, 2), ["rivet", "rivet_encoding.json"]);
	assert.deepEqual(server.last.params, { userId: "Ann (work)", since: 7, epoch: "" });
	for (const protocol of server.last.protocols)
		assert.match(protocol, /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "a subprotocol is a token");
});

test("get sends no parameter that only getOrCreate may have", async () => {
	const { server, open } = setUp();

	open({ create: false, token: "t" });
	await settle();
	assert.deepEqual([...new URL(server.last.url).searchParams.keys()],
		["rvt-namespace", "rvt-method", "rvt-key", "rvt-token"]);
});

test("options that can never work are refused at once", () => {
	const { open } = setUp();

	assert.throws(() => open({ WebSocket: undefined }), /WebSocket/);
	assert.throws(() => open({ endpoint: "no url" }), /URL/);
	assert.throws(() => open({ actor: "" }), /actor/);
});

test("parameters may be a function, asked at each connection", async () => {
	const { server, clock, open } = setUp();
	let n = 0;

	open({ params: async () => ({ token: ++n }) });
	await settle();
	server.last.breakOff();
	await clock.advance(250);
	assert.deepEqual(server.opened.map((s) => s.params.token), [1, 2]);
});

/* ------------------------------------------------------------------ events */

test("history comes first, then what happens", async () => {
	const { server, open } = setUp();
	const room = open({ since: 0 });
	const heard = listen(room, "a", "b");

	for (const name of ["a", "b", "b", "a"])
		server.publish(name);
	await settle();
	server.publish("b");
	assert.deepEqual(heard, range(5));
	assert.equal(room.seq, 5);
});

test("without since only what happens from now on is heard", async () => {
	const { server, open } = setUp();

	server.publish("a");
	const heard = listen(open(), "a");
	await settle();
	server.publish("a");
	assert.deepEqual(heard, [2]);
});

test("an event that comes twice is delivered once", async () => {
	const { server, open } = setUp();
	const heard = listen(open({ since: 0 }), "a");

	await settle();
	server.publish("a");
	server.last.frame("Event", server.log.map(({ name, data }) => ({ name, args: [data] }))[0]);
	server.publish("a");
	assert.deepEqual(heard, [1, 2]);
});

test("broadcasts have no number and are all delivered", async () => {
	const { server, open } = setUp();
	const heard = [];

	open({ since: 0 }).on("presence", (data) => heard.push(data.n));
	await settle();
	server.broadcast("presence", { n: 1 });
	server.broadcast("presence", { n: 1 });
	assert.deepEqual(heard, [1, 1]);
});

test("after a disconnect it goes on behind the last event it delivered", async () => {
	const { server, clock, open } = setUp();
	const heard = listen(open({ since: 0 }), "a");

	await settle();
	server.publish("a");
	server.publish("a");
	server.last.breakOff();
	server.publish("a");
	await clock.advance(250);
	assert.deepEqual(server.opened.map((s) => s.params.since), [0, 2]);
	assert.deepEqual(heard, [1, 2, 3]);
});

/* A small generator: the seed is the test's name for a run. */
function random(seed) {
	return () => {
		seed = (seed * 1103515245 + 12345) % 2147483648;
		return seed / 2147483648;
	};
}

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8])
	test(`nothing is missed or repeated, seed ${seed}`, () => breakAtRandom(seed));

async function breakAtRandom(seed) {
	const { server, clock, open } = setUp({ infoAction: "getSessionInfo" });
	const roll = random(seed);
	const room = open({ since: 0 });
	const heard = listen(room, "a", "b", "c");
	let breaks = 0;

	server.onEvent = (socket) => {
		if (roll() < 0.05 && breaks++ < 60)
			socket.breakOff(roll() < 0.5 ? "ws.going_away" : "");
	};
	for (let i = 0; i < 400; i++) {
		server.publish("abc"[Math.floor(roll() * 3)]);
		if (roll() < 0.1)
			await clock.advance(Math.floor(roll() * 20_000));
	}
	server.onEvent = () => {};
	await clock.advance(60_000);
	assert.ok(breaks > 10, "the run broke the connection often");
	assert.deepEqual(heard, range(400));
	assert.equal(room.status, "connected");
}

test("the history of a name that the server sends after that of another is not lost", async () => {
	const { server, open } = setUp();

	server.mergesHistory = false;
	for (const name of ["b", "a", "b", "a"])
		server.publish(name);
	const heard = listen(open({ since: 0 }), "a", "b");
	await settle();
	assert.deepEqual(heard, [2, 4, 1, 3]);
});

test("a listener that comes later hears from then on", async () => {
	const { server, open } = setUp();
	const room = open({ since: 0 });

	server.publish("b");
	server.publish("a");
	listen(room, "a");
	await settle();
	const heard = listen(room, "b");
	await settle();
	server.publish("b");
	assert.deepEqual(heard, [3]);
});

test("the last listener that goes ends the subscription, and no other", async () => {
	const { server, open } = setUp();
	const room = open();
	const heard = [];
	const offs = [room.on("a", () => heard.push(1)), room.on("a", () => heard.push(2))];

	await settle();
	offs[0]();
	offs[0]();
	server.publish("a");
	assert.deepEqual(heard, [2]);
	offs[1]();
	await settle();
	assert.deepEqual(server.requests,
		[["SubscriptionRequest", "a", true], ["SubscriptionRequest", "a", false]]);
});

test("a listener that throws harms no other", async (t) => {
	const { server, open } = setUp();
	const room = open();
	const thrown = [];

	process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error.message));
	t.after(() => process.setUncaughtExceptionCaptureCallback(null));
	room.on("a", () => { throw new Error("mine"); });
	const heard = listen(room, "a");
	await settle();
	server.publish("a");
	server.publish("a");
	await settle();
	assert.deepEqual(heard, [1, 2]);
	assert.deepEqual(thrown, ["mine", "mine"]);
});

/* ------------------------------------------------------------------ store and epoch */

test("a store carries the position to the next visit", async () => {
	const { server, open } = setUp();
	const saved = [];
	const store = { load: async () => saved.at(-1) ?? null, save: (at) => saved.push(at) };

	const room = open({ since: 0, store });
	listen(room, "a");
	await settle();
	server.publish("a");
	server.publish("a");
	await settle();
	assert.deepEqual(saved, [{ seq: 2, epoch: "epoch-1" }], "one save for a burst");
	room.close();
	server.publish("a");
	const heard = listen(open({ since: 0, store }), "a");
	await settle();
	assert.equal(server.last.params.since, 2);
	assert.deepEqual(heard, [3]);
});

test("a server whose data were wiped is heard from its beginning", async () => {
	const { server, clock, open } = setUp();
	const resets = [];
	const room = open({ since: 0, onReset: (before, log) => resets.push([before, log]) });
	const heard = listen(room, "a");

	await settle();
	range(3).forEach(() => server.publish("a"));
	server.last.breakOff();
	server.log = [];
	server.epoch = "epoch-2";
	range(5).forEach(() => server.publish("a"));
	await clock.advance(250);
	assert.deepEqual(heard, [1, 2, 3, 1, 2, 3, 4, 5], "4 and 5 did not come behind the old 3");
	assert.deepEqual(resets, [[{ epoch: "epoch-1", seq: 3 }, { epoch: "epoch-2", seq: 5 }]]);
	assert.deepEqual(server.opened.map(({ params }) => [params.since, params.epoch]), [[0, ""], [3, "epoch-1"]]);
	assert.equal(room.epoch, "epoch-2");
});

test("a log that became shorter is heard from its beginning", async () => {
	const { server, clock, open } = setUp();
	let resets = 0;
	const heard = listen(open({ since: 0, onReset: () => resets++ }), "a");

	await settle();
	range(3).forEach(() => server.publish("a"));
	server.last.breakOff();
	server.log.length = 1;
	await clock.advance(250);
	server.publish("a");
	assert.deepEqual(heard, [1, 2, 3, 1, 2]);
	assert.equal(resets, 1);
});

test("also a room without since misses nothing of a disconnect", async () => {
	const { server, clock, open } = setUp();

	server.publish("a");
	const heard = listen(open(), "a");
	await settle();
	server.last.breakOff();
	server.publish("a");
	await clock.advance(250);
	assert.deepEqual(heard, [2]);
});

test("an actor without the info action is heard all the same", async () => {
	const { server, open } = setUp({ infoAction: "noSuchAction" });
	const room = open({ since: 0 });
	const errors = [];
	const heard = listen(room, "a");

	room.onError((error) => errors.push(error.code));
	server.publish("a");
	await settle();
	assert.deepEqual(heard, [1]);
	assert.deepEqual(errors, ["action_not_found"]);
});

/* ------------------------------------------------------------------ reconnecting */

test("the wait doubles from 250 ms to 15 s, whatever the failure was", async () => {
	const { server, clock, open } = setUp();
	const reasons = ["", "free text. Really", "actor.restarting", "guard.service_unavailable#ray"];
	const waits = [];
	const room = open();

	server.accept = (socket) => socket.breakOff(reasons[server.opened.length % reasons.length]);
	room.onStatus((status, { retryInMs }) => waits.push([status, retryInMs]));
	await settle();
	await clock.advance(70_000);
	assert.deepEqual(waits.slice(0, 9), [250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]
		.map((ms) => ["reconnecting", ms]));
});

test("the wait has jitter: between a half and all of it", async () => {
	const { server, clock, open } = setUp();
	const waits = [];

	server.accept = (socket) => socket.breakOff();
	clock.randomValue = 0;
	open().onStatus((_, { retryInMs }) => waits.push(retryInMs));
	await settle();
	clock.randomValue = 0.5;
	await clock.advance(125);
	assert.deepEqual(waits, [125, 375]);
});

test("a stable connection makes the wait short again, a short one does not", async () => {
	const { server, clock, open } = setUp();
	const waits = [];
	const room = open();

	room.onStatus((status, { retryInMs }) => status === "reconnecting" && waits.push(retryInMs));
	await settle();
	for (const livedMs of [4_999, 4_999, 5_000, 10]) {
		await clock.advance(livedMs);
		server.last.breakOff();
		await clock.advance(waits.at(-1));
		assert.equal(room.status, "connected");
	}
	assert.deepEqual(waits, [250, 500, 250, 500]);
});

test("reconnect() does not wait", async () => {
	const { server, open } = setUp();
	const room = open();

	await settle();
	server.last.breakOff();
	room.reconnect();
	room.reconnect();
	await settle();
	assert.equal(server.opened.length, 2);
	assert.equal(room.status, "connected");
});

test("a server that accepts and then says nothing is left after a while", async () => {
	const { server, clock, open } = setUp();
	const room = open();

	server.accept = () => {};
	await clock.advance(44_999);
	assert.equal(server.opened.length, 1);
	await clock.advance(300);
	assert.equal(server.opened.length, 2);
	assert.equal(server.opened[0].open, false);
	assert.equal(room.status, "reconnecting");
});

test("a connection that fell silent is asked, and left when it does not answer", async () => {
	const { server, clock, open } = setUp({ infoAction: "getSessionInfo" });
	const room = open();

	await settle();
	await clock.advance(100_000);
	assert.equal(server.opened.length, 1, "it answered twice");
	assert.equal(server.requests.filter(([, name]) => name === "getSessionInfo").length, 3);
	server.silent = true;
	await clock.advance(44_000);
	assert.equal(room.status, "connected");
	server.silent = false;
	await clock.advance(12_000);
	assert.equal(server.opened.length, 2);
	assert.equal(room.status, "connected");
});

test("parameters that cannot be had are asked for again", async () => {
	const { server, clock, open } = setUp();
	let n = 0;
	const room = open({ params: () => { if (n++ < 2) throw new Error("no token yet"); } });

	await settle();
	await clock.advance(750);
	assert.equal(n, 3);
	assert.equal(room.status, "connected");
	assert.equal(server.opened.length, 1);
});

/* ------------------------------------------------------------------ refusals */

const refusals = {
	"a close that says auth.forbidden": (s) => s.breakOff("auth.forbidden#ray"),
	"a close that says actor.not_registered": (s) => s.breakOff("actor.not_registered"),
	"an error frame": (s) => {
		s.frame("Error", { group: "user", code: "rejected", message: "Not you", actionId: null });
		s.breakOff("user.rejected");
	},
};

for (const [what, refuse] of Object.entries(refusals)) {
	test(`${what} before Init is final, and everybody is told`, async () => {
		const { server, clock, open } = setUp();
		const room = open();
		const statuses = [];
		const call = room.call("echo");

		call.catch(() => {});
		server.accept = refuse;
		room.onStatus((status, { error }) => statuses.push([status, error.code]));
		await settle();
		await clock.advance(100_000);
		assert.equal(server.opened.length, 1);
		assert.equal(room.status, "refused");
		assert.equal(statuses.length, 1);
		await assert.rejects(call, (e) => e instanceof TroupeError && e.code === statuses[0][1]);
		await assert.rejects(room.call("echo"), { code: statuses[0][1] });
	});
}

test("a connection that is closed with auth.forbidden later is refused too", async () => {
	const { server, clock, open } = setUp();
	const room = open();

	await settle();
	server.last.breakOff("auth.forbidden");
	await clock.advance(100_000);
	assert.equal(room.status, "refused");
	assert.equal(server.opened.length, 1);
});

test("an error without a call is reported, and the connection goes on", async () => {
	const { server, open } = setUp();
	const room = open();
	const errors = [];

	room.onError((error) => errors.push(`${error.group}.${error.code}`));
	await settle();
	server.last.frame("Error", { group: "auth", code: "forbidden", message: "no", actionId: null });
	for (const junk of ["{", "null", '{"body":{"tag":"Event"}}', '["$Odd",1]'])
		server.last.raw(junk);
	assert.deepEqual(errors, ["auth.forbidden", ...Array(4).fill("client.malformed")]);
	assert.deepEqual(await room.call("echo", 1), [1]);
});

/* ------------------------------------------------------------------ calls */

test("a call gets its answer, whatever the order", async () => {
	const { server, open } = setUp();
	const room = open();
	let release;

	server.actions.slow = () => new Promise((resolve) => { release = resolve; });
	const slow = room.call("slow");
	assert.deepEqual(await room.actions.echo("x", { y: 1 }), ["x", { y: 1 }]);
	release("late");
	assert.equal(await slow, "late");
});

test("a call that fails tells group, code, message and metadata", async () => {
	const { server, open } = setUp();
	const told = { group: "user", code: "full", message: "No room", metadata: { max: 2 } };

	server.actions.fail = () => { throw told; };
	await assert.rejects(open().call("fail"), (error) => {
		assert.ok(error instanceof TroupeError);
		for (const field of Object.keys(told))
			assert.deepEqual(error[field], told[field]);
		return true;
	});
});

test("calls in flight at a disconnect are rejected with the reason", async () => {
	const { server, open } = setUp();
	const room = open();

	server.actions.never = () => new Promise(() => {});
	const call = room.call("never");
	call.catch(() => {});
	await settle();
	server.last.breakOff("message.incoming_too_long");
	await assert.rejects(call,
		(e) => e.code === "connection_lost" && e.cause.code === "incoming_too_long");
});

test("calls made while disconnected wait, and follow the subscriptions in order", async () => {
	const { server, clock, open } = setUp();
	const room = open();

	listen(room, "a");
	await settle();
	server.last.breakOff();
	const answers = Promise.all([room.call("echo", 1), room.call("echo", 2)]);
	server.requests.length = 0;
	await settle();
	assert.deepEqual(server.requests, []);
	await clock.advance(250);
	assert.deepEqual(await answers, [[1], [2]]);
	assert.deepEqual(server.requests.map(([tag]) => tag),
		["SubscriptionRequest", "ActionRequest", "ActionRequest"]);
});

test("not more than so many calls wait", async () => {
	const { open } = setUp();
	const room = open({ waitingMax: 1 });

	room.call("echo").catch(() => {});
	await assert.rejects(room.call("echo"), { group: "client", code: "too_many_waiting" });
});

test("an AbortSignal ends the wait, before sending and after", async () => {
	const { server, open } = setUp();
	const room = open();
	const unsent = new AbortController();
	const sent = new AbortController();
	let seen = 0;

	server.actions.never = () => { seen++; return new Promise(() => {}); };
	const first = room.call("never", unsent.signal);
	unsent.abort(new Error("changed my mind"));
	await assert.rejects(first, /changed my mind/);
	await settle();
	assert.equal(seen, 0, "it was never sent");
	const second = room.call("never", { a: 1 }, sent.signal);
	await settle();
	assert.equal(seen, 1);
	sent.abort();
	await assert.rejects(second, { name: "AbortError" });
	await assert.rejects(room.call("never", AbortSignal.abort()), { name: "AbortError" });
	assert.equal(seen, 1);
});

test("arguments that no JSON can hold reject the call", async () => {
	const loop = {};

	loop.loop = loop;
	await assert.rejects(setUp().open().call("echo", loop), TypeError);
});

test("close() rejects what waits, says goodbye and stays closed", async () => {
	const { server, clock, open } = setUp();
	const room = open();

	await settle();
	server.actions.never = () => new Promise(() => {});
	const call = room.call("never");
	call.catch(() => {});
	room.close();
	room.close();
	await assert.rejects(call, { code: "closed" });
	await assert.rejects(room.call("echo"), { code: "closed" });
	await clock.advance(100_000);
	assert.equal(room.status, "closed");
	assert.equal(server.opened.length, 1);
	assert.equal(server.last.closeReason, "Disposed");
});

test("close() right after connect() opens nothing", async () => {
	const { server, clock, open } = setUp();

	open().close();
	await clock.advance(100_000);
	assert.equal(server.opened.length, 0);
});

/* ------------------------------------------------------------------ values */

test("what JSON cannot hold is escaped as the protocol says", () => {
	for (const [value, text] of [
		[[12n, -3n], '[["$BigInt","12"],["$BigInt","-3"]]'],
		[new Uint8Array([1, 2, 255]), '["$Uint8Array","AQL/"]'],
		[Buffer.from([1, 2, 255]), '["$Uint8Array","AQL/"]'],
		[new Uint8Array([1, 2, 255]).buffer, '["$ArrayBuffer","AQL/"]'],
		[["$x", 1], '["$$x",1]'],
		[{ a: ["$$x", ["$y", 2n]] }, '{"a":["$$$x",["$$y",["$BigInt","2"]]]}'],
		[["$x"], '["$x"]'],
		[["$x", 1, 2], '["$x",1,2]'],
		[[undefined, NaN, { u: undefined }], "[null,null,{}]"],
		[new Date(0), '"1970-01-01T00:00:00.000Z"'],
	])
		assert.equal(pack(value), text);
});

test("escaped values come back at every depth", () => {
	const own = JSON.parse('{"__proto__":{"a":1}}', (_, v) => (v === 1 ? 1n : v));

	for (const [text, value] of [
		['{"n":["$BigInt","-12345678901234567890"]}', { n: -12345678901234567890n }],
		['["$BigInt",5]', 5n],
		['[["$Undefined",0],1]', [undefined, 1]],
		['["$Uint8Array","AQL/"]', new Uint8Array([1, 2, 255])],
		['["$ArrayBuffer","AQL/"]', new Uint8Array([1, 2, 255]).buffer],
		['["$Set",[1,["$BigInt","2"]]]', new Set([1, 2n])],
		['["$$x",["$BigInt","1"]]', ["$x", 1n]],
		['["$$BigInt","1"]', ["$BigInt", "1"]],
		['["$x"]', ["$x"]],
		['{"__proto__":{"a":["$BigInt","1"]}}', own],
	])
		assert.deepEqual(unpack(text), value);
	for (const text of ['["$Odd",1]', '["$BigInt","x"]', '[["$",1]]'])
		assert.throws(() => unpack(text));
});

test("escapes go both ways through a call", async () => {
	const { open } = setUp();
	const args = [10n ** 30n, new Uint8Array([0, 128]), ["$BigInt", "no"], { deep: [["$", 1n]] }];

	assert.deepEqual(await open().call("echo", ...args), args);
});

test("messages may come as bytes", async () => {
	const { server, open } = setUp();
	const heard = listen(open(), "a");

	await settle();
	server.last.raw(new TextEncoder().encode(
		'{"body":{"tag":"Event","val":{"name":"a","args":[{"seq":1}]}}}').buffer);
	assert.deepEqual(heard, [1]);
});
