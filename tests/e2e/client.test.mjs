// SPDX-License-Identifier: Apache-2.0
/* What the official client does besides streaming: control routes, stateless actions, values, errors, status. All of it on the
 * smallest actor, the counter (actors/counter.c). */

import assert from "node:assert/strict";
import { ENCODINGS, createClient, failureOf } from "./kit/client.mjs";
import { test } from "./kit/stage.mjs";
import { within } from "./kit/wait.mjs";

/** The test once in each encoding: act(stage, client, encoding). */
function testEach(claim, act) {
	for (const encoding of ENCODINGS)
		test(`${claim} (${encoding})`, async (stage) => {
			const troupe = await stage.troupe();

			await act(stage, stage.client(troupe, { encoding }), troupe);
		});
}

/* ------------------------------------------------------------------ control routes */

test("[12] create makes an actor, and refuses a key that is taken with actor.duplicate_key", async (stage) => {
	const { counter } = stage.client(await stage.troupe());
	const made = await counter.create(["mine"]);
	const id = await made.resolve();
	const error = await failureOf(counter.create(["mine"]));

	assert.match(id, /^[0-9a-z]+$/);
	assert.equal(`${error.group}.${error.code}`, "actor.duplicate_key");
	assert.equal(error.metadata.existing_actor_id, id);
	assert.equal(await made.increment(2), 2);
});

test("[10] resolve, get, getOrCreate, getForId and create lead to one actor", async (stage) => {
	const { counter } = stage.client(await stage.troupe());
	const id = await counter.getOrCreate(["one"]).resolve();
	const handles = [
		counter.getOrCreate(["one"]), counter.getOrCreate("one"), counter.get(["one"]), counter.getForId(id),
	];

	for (const [n, handle] of handles.entries()) {
		assert.equal(await handle.resolve(), id);
		assert.equal(await handle.increment(), n + 1);
	}
	assert.notEqual(await counter.getOrCreate(["two"]).resolve(), id);
});

test("[11] get of an actor that nobody made is actor.not_found", async (stage) => {
	const { counter } = stage.client(await stage.troupe());
	const error = await failureOf(counter.get(["nobody"]).resolve());

	assert.equal(`${error.group}.${error.code}`, "actor.not_found");
});

test("[13, 18] keys with slashes, backslashes, empty parts, spaces and other scripts each name an actor of their own", async (stage) => {
	const { counter } = stage.client(await stage.troupe());
	const keys = [
		[], ["", ""], ["a/b", "c"], ["a", "b/c"], ["a\\", "b"], ["a\\/b"], ["\\0"], ["x y", "+"],
		["日本", "ünï"], ["%2F"], ["a@b"],
	];
	const ids = new Set();

	for (const key of keys) {
		const handle = counter.getOrCreate(key);
		const id = await handle.resolve();

		assert.equal(await handle.increment(), 1, `by name, for ${JSON.stringify(key)}`);
		assert.equal(await counter.getForId(id).increment(), 2, `by id, for ${JSON.stringify(key)}`);
		ids.add(id);
	}
	assert.equal(ids.size, keys.length);
});

test("a key in another namespace is another actor, and an id is found there only", async (stage) => {
	const troupe = await stage.troupe();
	const { counter: here } = stage.client(troupe);
	const { counter: there } = stage.client(troupe, { namespace: "there" });
	const id = await there.getOrCreate(["one"]).resolve();
	const rows = async (query) => (await (await fetch(`${troupe.url}/actors?${query}`)).json()).actors.map((row) => row.actor_id);

	assert.equal(await here.getOrCreate(["one"]).increment(5), 5);
	assert.equal(await there.getOrCreate(["one"]).increment(), 1);
	assert.notEqual(await here.get(["one"]).resolve(), id);
	assert.deepEqual(await rows(`actor_ids=${id}&namespace=there`), [id]);
	assert.deepEqual(await rows(`actor_ids=${id}`), []);
	assert.deepEqual(await rows("name=counter&namespace=there"), [id]);
	await troupe.stop();
	await troupe.start();
	assert.equal(await there.get(["one"]).increment(), 2);
	assert.equal(await here.get(["one"]).increment(), 6);
	const nowhere = await failureOf(stage.client(troupe, { namespace: "no where" }).counter.getOrCreate(["one"]).increment());

	assert.equal(`${nowhere.group}.${nowhere.code}`, "namespace.not_found");
});

test("a kind that nobody registered is actor.not_registered, by every way", async (stage) => {
	const { nonsense } = stage.client(await stage.troupe());

	for (const attempt of ["resolve", "hello", "create"]) {
		const place = attempt === "create" ? nonsense : nonsense.getOrCreate(["x"]);
		const error = await failureOf(place[attempt](["x"]));

		assert.equal(`${error.group}.${error.code}`, "actor.not_registered");
	}
});

test("a kind that nobody registered ends a live connection's attempt with actor.not_registered", async (stage) => {
	const { nonsense } = stage.client(await stage.troupe());
	const ear = stage.listen((options) => nonsense.getOrCreate(["x"], options), []);
	const error = await ear.until("an error", () => ear.errors[0]);

	assert.equal(`${error.group}.${error.code}`, "actor.not_registered");
	await ear.gaveUp();
});

/* ------------------------------------------------------------------ actions */

testEach("stateless actions run over HTTP", async (stage, { counter }) => {
	const handle = counter.getOrCreate(["stateless"]);

	assert.equal(await handle.increment(), 1);
	assert.equal(await handle.increment(5), 6);
	assert.equal(await handle.getCount(), 6);
	assert.equal(await handle.increment(-7), -1);
});

testEach("[39] actions run on a live connection, and their events come before their answers", async (stage, { counter }) => {
	const ear = stage.listen((options) => counter.getOrCreate(["live"], options), ["newCount"]);

	assert.equal(await ear.conn.increment(3), 3);
	assert.deepEqual(ear.of("newCount"), [3]);
	assert.deepEqual(await Promise.all([1, 1, 1].map((n) => ear.conn.increment(n))), [4, 5, 6]);
	assert.deepEqual(ear.of("newCount"), [3, 4, 5, 6]);
});

/* Not null alone: an action's argument that may be left out takes it for left out. */
const VALUES = [
	[null], true, false, 0, -1, 2 ** 31, 2 ** 32, -(2 ** 40), 1.7e12, Number.MAX_SAFE_INTEGER, 0.1, -1.5e-300,
	"", "snowman ☃ 🎭 \0",
	[], {}, [1, [2, [3]]], { a: { b: [{ c: null }] }, "": 1 }, ["$x", 1], ["$BigInt", "no number"], ["$", 2, 3],
	10n, -(2n ** 63n), 2n ** 64n - 1n, new Uint8Array([0, 1, 254, 255]),
];

testEach("every value comes back as it went, by HTTP and live", async (stage, { counter }) => {
	const handle = counter.getOrCreate(["values"]);
	const ear = stage.listen((options) => counter.getOrCreate(["values"], options), []);

	for (const value of VALUES) {
		assert.deepEqual(await handle.echo(value), value);
		assert.deepEqual(await ear.conn.echo(value), value);
		assert.deepEqual(await ear.conn.echo({ deep: [value] }), { deep: [value] });
	}
	assert.equal(await handle.echo(), undefined);
	assert.equal(await ear.conn.echo(), undefined);
});

testEach("an application's error comes with group, code, message and metadata, by HTTP and live", async (stage, { counter }) => {
	const handle = counter.getOrCreate(["fails"]);
	const ear = stage.listen((options) => counter.getOrCreate(["fails"], options), []);

	for (const place of [handle, ear.conn]) {
		const error = await failureOf(place.fail("not_your_turn", "Wait for bob.", { who: "bob", n: [1, 2] }));

		assert.deepEqual([error.group, error.code, error.message], ["user", "not_your_turn", "Wait for bob."]);
		assert.deepEqual(error.metadata, { who: "bob", n: [1, 2] });
	}
	assert.equal(await ear.conn.getCount(), 0, "the connection goes on");
});

testEach("an unknown action and a wrong argument fail that one call, in words", async (stage, { counter }) => {
	const handle = counter.getOrCreate(["wrong"]);
	const ear = stage.listen((options) => counter.getOrCreate(["wrong"], options), []);

	for (const place of [handle, ear.conn]) {
		const unknown = await failureOf(place.noSuchAction(1));
		const wrong = await failureOf(place.increment("many"));

		assert.equal(`${unknown.group}.${unknown.code}`, "actor.action_not_found");
		assert.equal(`${wrong.group}.${wrong.code}`, "actor.validation_error");
		assert.match(wrong.message, /\bn\b.*text/);
		assert.equal(await place.getCount(), 0);
	}
});

testEach("a failed action leaves no trace", async (stage, { counter }) => {
	const ear = stage.listen((options) => counter.getOrCreate(["undo"], options), ["newCount"]);

	await ear.conn.increment(2 ** 53);
	await failureOf(ear.conn.increment(1));
	assert.equal(await ear.conn.getCount(), 2 ** 53);
	assert.deepEqual(ear.of("newCount"), [2 ** 53]);
});

testEach("a page of the log ends before a frame would be too large, and has 1,000 events at most", async (stage, { counter }) => {
	const ear = stage.listen((options) => counter.getOrCreate(["big"], options), []);

	for (let i = 0; i < 40; i++)
		await ear.conn.append("x".repeat(60_000));
	const page = await ear.conn.getEvents({ limit: 1000 });

	assert.ok(page.more && page.events.length > 5 && page.events.length < 20, `${page.events.length} of 40`);
	assert.equal(page.nextOffset, page.events.length);
	const error = await failureOf(ear.conn.getEvents({ limit: 1001 }));

	assert.equal(`${error.group}.${error.code}`, "request.invalid");
});

/* ------------------------------------------------------------------ connections */

test("the status goes from connecting to connected to idle, and dispose returns at once", async (stage) => {
	const troupe = await stage.troupe();
	const conn = createClient({ endpoint: troupe.url }).counter.getOrCreate(["status"]).connect();
	const statuses = [conn.connStatus];

	conn.onStatusChange((status) => statuses.push(status));
	await conn.getCount();
	await within("dispose()", conn.dispose());
	assert.deepEqual(statuses.filter((status, i) => status !== statuses[i - 1]), ["connecting", "connected", "idle"]);
});

test("a listener that was removed hears no more, and one that came later hears from then on", async (stage) => {
	const { counter } = stage.client(await stage.troupe());
	const ear = stage.listen((options) => counter.getOrCreate(["ears"], options), ["newCount"]);
	const late = [];
	const once = [];
	const unsubscribe = ear.conn.on("newCount", (n) => late.push(n));

	ear.conn.once("newCount", (n) => once.push(n));
	await ear.conn.increment();
	unsubscribe();
	await ear.conn.increment();
	assert.deepEqual([ear.of("newCount"), late, once], [[1, 2], [1], [1]]);
});

test("a thousand events in a burst reach fifty connections in order", async (stage) => {
	const { counter } = stage.client(await stage.troupe());
	const ears = Array.from({ length: 50 }, () => stage.listen((options) => counter.getOrCreate(["burst"], options), ["tick"]));

	await Promise.all(ears.map((ear) => ear.conn.getCount())); /* so that each has subscribed */
	assert.equal(await ears[0].conn.blast(1000), 1000);
	for (const ear of ears) {
		await ear.until("1000 ticks", () => ear.heard.length >= 1000);
		assert.deepEqual(ear.of("tick").map(({ i }) => i), Array.from({ length: 1000 }, (_, i) => i));
	}
});

/* ------------------------------------------------------------------ what is kept */

test("state and log are there after a stop and a start", async (stage) => {
	const troupe = await stage.troupe();
	const before = stage.client(troupe).counter.getOrCreate(["kept"]);

	await before.increment(41);
	const id = await before.resolve();

	assert.equal(await before.append({ word: "kept" }), 1);
	assert.deepEqual(await troupe.stop(), { code: 0, signal: null });
	await troupe.start();
	const after = stage.client(troupe).counter.getOrCreate(["kept"]);

	assert.equal(await after.resolve(), id);
	assert.equal(await after.increment(), 42);
	assert.deepEqual((await after.getEvents()).events, [{ seq: 1, name: "appended", data: { word: "kept", seq: 1 } }]);
});

test("what was acknowledged is there after kill -9", async (stage) => {
	const troupe = await stage.troupe();
	const { counter } = stage.client(troupe);
	const handle = counter.getOrCreate(["killed"]);
	let acknowledged = 0;

	for (let round = 0; round < 3; round++) {
		const enough = acknowledged + 20;
		let killed = false;
		const appending = (async () => {
			while (!killed)
				acknowledged = await handle.append({ n: acknowledged });
		})().catch(() => {}); /* the one that was in flight */

		while (acknowledged < enough)
			await handle.getCount();
		await troupe.crash();
		killed = true;
		await appending;
		const { events } = await handle.getEvents({ limit: 1000 });

		assert.ok(events.length >= acknowledged, `${events.length} kept, ${acknowledged} acknowledged`);
		assert.deepEqual(events.map(({ seq }) => seq), events.map((_, i) => i + 1));
	}
});
