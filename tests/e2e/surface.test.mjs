// SPDX-License-Identifier: Apache-2.0
/* The rest of the official client's surface, with both versions that an application may hold (spec/rivetkit-client.md 12): the
 * newest, and the one that @rivetkit/react brings along. */

import assert from "node:assert/strict";
import { CLIENTS, ENCODINGS, createClient, failureOf } from "./kit/client.mjs";
import { PARITY } from "./kit/process.mjs";
import { freePort } from "./kit/ports.mjs";
import { test } from "./kit/stage.mjs";
import { Tap } from "./kit/tap.mjs";
import { eventually } from "./kit/wait.mjs";

const named = ({ group, code }) => `${group}.${code}`;
const parity = (stage, options) => stage.troupe({ program: PARITY, ...options });

/** The test once with each version in each encoding: act(stage, client, tap, troupe) */
function testEach(claim, act) {
	for (const [version, create] of CLIENTS)
		for (const encoding of ENCODINGS)
			test(`${claim} (${version}, ${encoding})`, async (stage) => {
				const troupe = await parity(stage);
				const tap = await Tap.open(stage, troupe);

				await act(stage, create({ endpoint: tap.url, encoding }), { tap, troupe, version });
			});
}

/* ------------------------------------------------------------------ ways in */

testEach("every way in leads to one actor, and calls by each of them are answered", async (stage, { counter }, { tap, version }) => {
	assert.equal(await counter.getOrCreate(["first"]).increment(1), 1);
	assert.equal(tap.sent.includes("PUT /actors"), version === "2.3.11", "the older one asks for the id first");
	assert.equal(/\r\ntransfer-encoding: chunked\r\n/i.test(tap.sent), version !== "2.3.11", "and says how long its bodies are");
	const made = await counter.create(["k"]);
	const id = await made.resolve();

	for (const [i, handle] of [made, counter.getOrCreate(["k"]), counter.getOrCreate("k"), counter.get(["k"]), counter.getForId(id)].entries()) {
		assert.equal(await handle.increment(1), 2 * i + 1);
		assert.equal(await handle.connect().increment(1), 2 * i + 2);
		assert.equal(await handle.resolve(), id);
	}
	assert.deepEqual(await counter.getOrCreate().getKey(), []);
	assert.equal(named(await failureOf(counter.create(["k"]))), "actor.duplicate_key");
	assert.equal(named(await failureOf(counter.get(["nobody"]).increment(1))), "actor.not_found");
});

testEach("keys of many parts, of 128 bytes each, and in any script", async (stage, { counter }) => {
	const part = "x".repeat(128);

	for (const key of [[], ["a"], Array.from({ length: 40 }, (_, i) => String(i)), Array(7).fill(part), ["日本", "ünï", "🎭 \\ /"]]) {
		assert.deepEqual(await counter.getOrCreate(key).getKey(), key);
		assert.deepEqual(await counter.getOrCreate(key).connect().getKey(), key);
		assert.deepEqual(await counter.getForId(await counter.get(key).resolve()).getKey(), key);
	}
	for (const key of [[`${part}x`], Array(8).fill(part)]) {
		assert.equal(named(await failureOf(counter.getOrCreate(key).getKey())), "actor.key_too_large");
		assert.equal(named(await failureOf(counter.getOrCreate(key).resolve())), "actor.key_too_large");
	}
});

testEach("getGatewayUrl is where the actor is found", async (stage, { rawHttpActor }) => {
	for (const handle of [rawHttpActor.getOrCreate(["k"]), rawHttpActor.get(["k"]), rawHttpActor.getForId(await rawHttpActor.getOrCreate(["k"]).resolve())]) {
		const [address, query] = (await handle.getGatewayUrl()).split("?");
		const answer = await fetch(`${address}/request/api/hello${query ? `?${query}` : ""}`);

		assert.deepEqual(await answer.json(), { message: "Hello from actor!" });
	}
});

testEach("raw requests and plain WebSockets reach the actor's own handlers", async (stage, { rawHttpActor, rawWebSocketBinaryActor }) => {
	const answer = await rawHttpActor.getOrCreate(["k"]).fetch("/api/echo", { method: "POST", body: "words" });
	const socket = await rawWebSocketBinaryActor.getOrCreate(["k"]).webSocket("x");

	assert.deepEqual([answer.status, await answer.text()], [200, "words"]);
	socket.binaryType = "arraybuffer";
	await new Promise((done) => { socket.onopen = done; });
	const back = new Promise((done) => { socket.onmessage = ({ data }) => done([...new Uint8Array(data)]); });

	socket.send(new Uint8Array([1, 2]));
	assert.deepEqual(await back, [2, 1]);
	socket.close();
});

test("calls that are made before the server is up wait for it", async (stage) => {
	const troupe = stage.unstarted({ program: PARITY, port: await freePort() });
	const early = CLIENTS.flatMap(([version, create]) => ENCODINGS.flatMap((encoding) => {
		const { counter } = create({ endpoint: troupe.url, encoding });
		const key = [version, encoding];

		return [counter.getOrCreate([...key, "http"]).increment(1), counter.getOrCreate([...key, "live"]).connect().increment(1)];
	}));

	await troupe.start();
	assert.deepEqual(await Promise.all(early), early.map(() => 1));
});

/* ------------------------------------------------------------------ errors */

testEach("errors come with group, code, message and metadata, by HTTP and live", async (stage, { errorHandlingActor, doorActor, nobody }) => {
	const handle = errorHandlingActor.getOrCreate(["k"]);

	for (const place of [handle, handle.connect()]) {
		const error = await failureOf(place.throwDetailedError());

		assert.deepEqual([error.group, error.code, error.message], ["user", "detailed_error", "Detailed error message"]);
		assert.equal(error.metadata.reason, "test");
		assert.equal(named(await failureOf(place.noSuchAction())), "actor.action_not_found");
		assert.equal(named(await failureOf(place.throwInternalError())), "rivetkit.internal_error");
		assert.equal(named(await failureOf(place.timeoutAction())), "actor.action_timed_out");
		assert.equal(await place.successfulAction(), "success");
	}
	assert.equal(named(await failureOf(nobody.getOrCreate(["k"]).hello())), "actor.not_registered");
	const refused = await failureOf(doorActor.getOrCreate(["k"], { params: { refuse: "closed" } }).ran());

	assert.deepEqual([named(refused), refused.message, refused.metadata], ["door.closed", "The door is closed.", { until: "morning" }]);
});

testEach("an actor with more unanswered calls than it may have refuses the next, and that one did not run", async (stage, { doorActor }) => {
	const handle = doorActor.getOrCreate(["k"]);
	const conn = handle.connect();
	const calls = Array.from({ length: 1100 }, () => conn.hang());
	const refused = await Promise.all(calls.slice(1024).map(failureOf)); /* nobody else calls meanwhile: 1,024 fit */

	assert.deepEqual(new Set(refused.map(named)), new Set(["actor.overloaded"]));
	calls.slice(0, 1024).forEach((call) => call.catch(() => {}));
	assert.equal(named(await failureOf(handle.failWith("told"))), "actor.overloaded");
	assert.equal(named(await failureOf(conn.ran())), "actor.overloaded");
	assert.equal(named(await failureOf(handle.ran())), "actor.overloaded");
	await conn.dispose();
});

testEach("a call that is given up is given up, and the next is answered", async (stage, { doorActor }) => {
	const handle = doorActor.getOrCreate(["k"]);
	const giving = new AbortController();
	const call = handle.action({ name: "hang", args: [], signal: giving.signal });

	await handle.ran();
	giving.abort();
	assert.ok(await failureOf(call) instanceof Error);
	assert.equal(await handle.ran(), 0);
});

/* ------------------------------------------------------------------ connections */

testEach("each connection has its own parameters and state, and messages go to one, to all, or to all but one", async (stage, { connStateActor, doorActor }) => {
	const join = (username) => connStateActor.getOrCreate(["k"], { params: { username } }).connect();
	const [ann, bob] = [join("ann"), join("bob")];
	const heard = [];

	bob.on("directMessage", ({ message }) => heard.push(message));
	assert.equal((await ann.getConnectionState()).username, "ann");
	await Promise.all([ann.incrementConnCounter(2), bob.incrementConnCounter(5)]);
	assert.deepEqual([(await ann.getConnectionState()).counter, (await bob.getConnectionState()).counter], [2, 5]);
	assert.equal(await ann.sendToConnection((await bob.getConnectionState()).id, "for bob"), true);
	await bob.getConnectionState();
	assert.deepEqual(heard, ["for bob"]);
	const doors = [1, 2, 3].map(() => doorActor.getOrCreate(["k"]).connect());
	const told = doors.map(() => []);

	doors.forEach((conn, i) => conn.on("told", ({ text }) => told[i].push(text)));
	await Promise.all(doors.map((conn) => conn.ran()));
	await doors[1].tellOthers("news");
	await Promise.all(doors.map((conn) => conn.ran()));
	assert.deepEqual(told, [["news"], [], ["news"]]);
});

testEach("who is disconnected by the actor is back at once, and the actor hears who left", async (stage, { doorActor }) => {
	const left = [], welcomes = [], statuses = [];
	const watcher = doorActor.getOrCreate(["k"]).connect();
	const conn = doorActor.getOrCreate(["k"]).connect();

	watcher.on("left", (how) => left.push(how));
	conn.on("welcome", ({ text }) => welcomes.push(text));
	conn.onStatusChange((status) => statuses.push(status));
	await watcher.ran();
	await conn.ran();
	await conn.leaveMe("until soon");
	await eventually("a second welcome", () => welcomes.length === 2);
	assert.equal(await conn.ran(), 0);
	await watcher.ran();
	assert.equal(left.length, 1);
	assert.equal(new Set(welcomes).size, 2, "two connections");
	assert.deepEqual(statuses.filter((status) => status === "connected").length, 2);
	assert.ok(!statuses.includes("idle"));
});

testEach("a subscription that is not allowed ends its connection with auth.forbidden", async (stage, { doorActor }) => {
	const conn = doorActor.getOrCreate(["k"]).connect();
	const error = new Promise((done) => conn.onError(done));

	conn.on("secret", () => {});
	assert.equal(named(await error), "auth.forbidden");
	await conn.dispose();
});

testEach("a connection tells that it is ready, that it opens, and that it closes, through a restart of the server", async (stage, { counter }, { troupe }) => {
	const conn = counter.getOrCreate(["k"]).connect();
	const told = [];
	let back = null;

	conn.onOpen(() => {
		told.push("open");
		back?.();
	});
	conn.onClose(() => told.push("close"));
	await conn.ready;
	assert.equal(conn.isConnected, true);
	const again = new Promise((done) => { back = done; });

	await troupe.crash();
	await again;
	assert.equal(await conn.increment(1), 1);
	assert.deepEqual(told, ["open", "close", "open"]);
	await conn.dispose();
	assert.equal(conn.isConnected, false);
});

testEach("regions and pools are taken, and mean nothing here", async (stage, { counter }) => {
	assert.equal(await counter.getOrCreate(["k"], { createInRegion: "moon" }).increment(1), 1);
	assert.equal(await counter.getOrCreate(["k"], { createInRegion: "mars" }).connect().increment(1), 2);
	assert.equal(await (await counter.create(["l"], { region: "moon", poolName: "crew" })).increment(1), 1);
});

testEach("dispose of a client ends its connections", async (stage, client) => {
	const conns = [client.doorActor.getOrCreate(["k"]).connect(), client.counter.getOrCreate(["k"]).connect()];

	assert.equal(await conns[0].ran(), 0);
	await conns[1].getCount();
	await client.dispose();
	assert.deepEqual(conns.map(({ connStatus }) => connStatus), ["idle", "idle"]);
});

test("what is behind the endpoint's path, its headers and its namespace is passed on", async (stage) => {
	const troupe = await parity(stage);
	const tap = await Tap.open(stage, troupe);
	const client = createClient({ endpoint: tap.url, namespace: "elsewhere", headers: { "x-mine": "yes" } });
	const handle = client.rawHttpActor.getOrCreate(["k"]);

	assert.equal((await (await handle.fetch("/api/headers")).json())["x-mine"], "yes");
	assert.match(tap.sent, /GET \/metadata\?namespace=elsewhere[^]*rvt-namespace=elsewhere/);
	assert.notEqual(await handle.resolve(), await stage.client(troupe).rawHttpActor.getOrCreate(["k"]).resolve());
});
