// SPDX-License-Identifier: Apache-2.0
/* Queues, with the official client's send (spec/rivetkit-client.md 5.1): the kinds of tests/parity/queues.c. */

import assert from "node:assert/strict";
import { ENCODINGS, failureOf } from "./kit/client.mjs";
import { PARITY, kill } from "./kit/process.mjs";
import { test } from "./kit/stage.mjs";
import { Values, assertSame, heard, sent } from "./kit/values.mjs";

const nameOf = ({ group, code }) => `${group}.${code}`;

/** The test once in each encoding: act(stage, client, troupe, encoding). */
function testEach(claim, act) {
	for (const encoding of ENCODINGS)
		test(`${claim} (${encoding})`, async (stage) => {
			const troupe = await stage.troupe({ program: PARITY });

			await act(stage, stage.client(troupe, { encoding }), troupe, encoding);
		});
}

/** All that waits, taken in pages. */
async function takeAll(handle) {
	const bodies = [];

	for (;;) {
		const page = await handle.tryReceiveMany({ count: 100 });

		if (page.length === 0)
			return bodies;
		bodies.push(...page.map(({ body }) => body));
	}
}

/* ------------------------------------------------------------------ sending */

testEach("[20] what a handle and a connection send is taken in the order in which it was sent", async (stage, { queueActor }) => {
	const handle = queueActor.getOrCreate(["order"]);
	const conn = handle.connect();

	assert.equal(await handle.send("one", "first"), undefined);
	assert.equal(await conn.send("two", "second"), undefined);
	await handle.send("one", "third");
	assert.deepEqual(await handle.receiveRequest({ count: 2 }), [{ name: "one", body: "first" }, { name: "two", body: "second" }]);
	assert.deepEqual(await handle.receiveOne("one"), { name: "one", body: "third" });
	assert.deepEqual(await handle.tryReceiveMany({}), []);
	await conn.dispose();
});

testEach("who waits gets the response, by handle and by connection, or hears that its time is up", async (stage, { queueActor }) => {
	const handle = queueActor.getOrCreate(["wait"]);
	const conn = handle.connect();

	for (const place of [handle, conn]) {
		const [result, taken] = await Promise.all([
			place.send("tasks", { value: 7 }, { wait: true, timeout: 30_000 }), handle.receiveAndComplete("tasks"),
		]);

		assert.deepEqual(result, { status: "completed", response: { echo: { value: 7 } } });
		assert.deepEqual(taken, { name: "tasks", body: { value: 7 } });
		assert.deepEqual(await place.send("timeout", 1, { wait: true, timeout: 20 }), { status: "timedOut" });
		assert.deepEqual(await place.send("timeout", 1, { wait: true, timeout: 0 }), { status: "timedOut" });
	}
	const [plain] = await Promise.all([handle.send("one", 1, { wait: true }), handle.receiveOne("one")]);

	assert.deepEqual(plain, { status: "completed" }, "taken for good, without a response");
	assert.equal((await takeAll(handle)).length, 4, "what nobody completed in time is still there");
	await conn.dispose();
});

testEach("a body of any value comes out as it went in, and so does a response", async (stage, { queueActor }, troupe, encoding) => {
	const handle = queueActor.getOrCreate(["values"]);
	const values = new Values(encoding.length, encoding);

	for (let n = 0; n < 60; n++) {
		const value = n < 55 ? values.any(3) : values.nested(60);
		const [result, taken] = await Promise.all([
			handle.send("tasks", value, { wait: true, timeout: 30_000 }), handle.receiveAndComplete("tasks"),
		]);
		const wanted = heard(sent(value, encoding), encoding);

		assertSame(taken.body, wanted, `body ${n}`);
		assertSame(result.response.echo, wanted, `response ${n}`);
	}
});

testEach("a refusal comes in the official words", async (stage, client) => {
	const limited = client.queueLimitedActor.getOrCreate(["limited"]);
	const guarded = client.accessControlActor.getOrCreate(["guarded"]);
	const child = client.manyQueueChildActor.getOrCreate(["child"]);
	const large = await failureOf(limited.send("oversize", "a".repeat(200)));

	assert.deepEqual([nameOf(large), large.message, large.metadata],
		["queue.message_too_large", "Queue message too large (202 bytes). Limit is 64 bytes.", { size: 202, limit: 64 }]);
	await limited.send("message", 1);
	const full = await failureOf(limited.send("message", 2, { wait: true }));

	assert.deepEqual([nameOf(full), full.message, full.metadata],
		["queue.full", "Queue is full. Limit is 1 messages.", { limit: 1 }]);
	assert.equal(nameOf(await failureOf(guarded.send("blockedQueue", {}))), "auth.forbidden");
	assert.equal(nameOf(await failureOf(child.send("cmd.0", { index: "none" }))), "actor.validation_error");
	assert.equal(nameOf(await failureOf(child.send("cmd.0", "x".repeat(70_000)))), "message.incoming_too_long");
	assert.deepEqual(await guarded.send("nowhere", {}, { wait: true }), { status: "completed" }, "a queue that is not there");
});

test("1,000 messages wait, and one more does not", async (stage) => {
	const { queueActor } = stage.client(await stage.troupe({ program: PARITY }));
	const handle = queueActor.getOrCreate(["full"]);

	for (let n = 0; n < 1000; n += 50)
		await Promise.all(Array.from({ length: 50 }, (_, i) => handle.send("a", n + i)));
	assert.equal(nameOf(await failureOf(handle.send("b", 1))), "queue.full");
	const bodies = await takeAll(handle);

	assert.equal(new Set(bodies).size, 1000);
	await handle.send("b", 1);
});

/* ------------------------------------------------------------------ who goes away */

testEach("a sender that gives up changes nothing", async (stage, { queueActor }) => {
	const handle = queueActor.getOrCreate(["leaves"]);
	const leaving = new AbortController();
	const sending = handle.send("tasks", "kept", { wait: true, signal: leaving.signal }).catch(() => "gone");
	const first = await handle.receiveWithoutComplete("tasks"); /* so it has arrived */

	leaving.abort();
	assert.equal(await sending, "gone");
	assert.deepEqual(await handle.receiveAndComplete("tasks"), first);
	assert.deepEqual(await takeAll(handle), []);
});

testEach("what was acknowledged is there after kill -9, once and in order", async (stage, { queueActor }, troupe) => {
	const handle = queueActor.getOrCreate(["crash"]);
	const acknowledged = [];
	let sending = true;
	const sender = (async () => {
		for (let n = 0; sending; n++) {
			try {
				await handle.send("a", n);
				acknowledged.push(n);
			} catch { /* it died with the server: whether it is there is not known */ }
		}
	})();

	for (let crashes = 0; crashes < 3; crashes++) {
		const before = acknowledged.length;

		while (acknowledged.length < before + 40)
			await handle.tryReceiveMany({ names: ["b"] }).catch(() => {});
		await troupe.crash();
	}
	sending = false;
	await sender;
	const bodies = await takeAll(handle);

	assert.deepEqual(bodies, [...bodies].sort((x, y) => x - y), "in order");
	assert.equal(new Set(bodies).size, bodies.length, "once");
	assert.deepEqual(acknowledged.filter((n) => !bodies.includes(n)), [], "all of them");
});

testEach("what a queue's run did is done once, through kill -9", async (stage, { manyQueueChildActor }, troupe) => {
	const handle = manyQueueChildActor.getOrCreate(["crash"]);
	const names = Array.from({ length: 32 }, (_, n) => `cmd.${n}`);
	const sends = names.map((name, index) => handle.send(name, { index }).then(() => name, () => null));

	await Promise.any(sends);
	await troupe.crash();
	const acknowledged = (await Promise.all(sends)).filter(Boolean);

	/* Behind all that waits. */
	await handle.send(names[0], { index: 99 }, { wait: true, timeout: 30_000 });
	for (;;) {
		const { processed } = await handle.getSnapshot();
		const missing = acknowledged.filter((name) => !processed.includes(name));

		if (missing.length)
			continue;
		for (const name of names.slice(1))
			assert.ok(processed.filter((p) => p === name).length <= 1, `${name} once`);
		return;
	}
});

testEach("who waits when the server restarts hears at once that it waits no more; the message stays", async (stage, { queueActor }, troupe) => {
	const handle = queueActor.getOrCreate(["drain"]);
	const waiting = handle.send("tasks", "kept", { wait: true, timeout: 3_600_000 });

	await handle.receiveWithoutComplete("tasks");
	await troupe.replaced(() => kill(troupe.serverPid, "SIGTERM"));
	assert.deepEqual(await waiting, { status: "timedOut" });
	assert.deepEqual(await takeAll(handle), ["kept"]);
});
