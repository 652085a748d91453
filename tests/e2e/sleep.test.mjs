// SPDX-License-Identifier: Apache-2.0
/* Actors that are put to sleep under their clients: the sockets stay open, and who is connected cannot tell
 * (spec/rivetkit-client.md 6.5, checklist 43). */

import assert from "node:assert/strict";
import { ENCODINGS, wholeLog } from "./kit/client.mjs";
import { putToSleep } from "./kit/sleep.mjs";
import { test } from "./kit/stage.mjs";

for (const encoding of ENCODINGS)
	test(`a connection stays through its actor's sleep, subscribed, and wakes it (${encoding})`, async (stage) => {
		const troupe = await stage.troupe();
		const counter = stage.client(troupe, { encoding }).counter.getOrCreate(["c"]);
		const ann = stage.listen((options) => stage.client(troupe, { encoding }).counter.getOrCreate(["c"], options),
			["newCount"], {});

		assert.equal(await ann.conn.increment(1), 1);
		await putToSleep(troupe, counter);
		assert.equal(await ann.conn.increment(1), 2); /* its own call wakes */
		await putToSleep(troupe, counter);
		assert.equal(await counter.increment(40), 42); /* somebody else's does */
		await ann.until("three counts", () => ann.heard.length === 3);
		assert.deepEqual(ann.of("newCount"), [1, 2, 42]);
		assert.deepEqual(ann.statuses.filter((status) => status === "connected").length, 1);
		assert.deepEqual(ann.errors, []);
	});

test("what was kept and what was logged is there after sleep, and the log goes on", async (stage) => {
	const troupe = await stage.troupe();
	const counter = stage.client(troupe).counter.getOrCreate(["c"]);

	for (let i = 1; i <= 3; i++) {
		assert.equal(await counter.increment(1), i);
		assert.equal(await counter.append({ i }), i);
		await putToSleep(troupe, counter);
	}
	assert.deepEqual((await wholeLog(counter)).map(({ seq, data }) => [seq, data.i]), [[1, 1], [2, 2], [3, 3]]);
	assert.equal(await counter.getCount(), 3);
});

test("who goes while a workspace sleeps is missed when it wakes; who stayed is still here", async (stage) => {
	const troupe = await stage.troupe();
	const [ann, bob] = ["ann", "bob"].map((userId) => stage.join(troupe, "w", { userId }));
	const here = ({ users }) => users.map(({ userId }) => userId).join();

	await ann.event("presence", (presence) => here(presence) === "ann,bob");
	await putToSleep(troupe, stage.client(troupe).workspace.getOrCreate(["w"]));
	await bob.close();
	await ann.until("bob to be missed", () => here(ann.of("presence").at(-1)) === "ann");
	assert.equal(ann.status, "connected");
});

test("a connection that slept through a restart comes back, resumes, and is woken again", async (stage) => {
	const troupe = await stage.troupe();
	const ann = stage.listen((options) => stage.client(troupe).counter.getOrCreate(["c"], options), ["appended"],
		{ since: 0 });
	const counter = stage.client(troupe).counter.getOrCreate(["c"]);

	await ann.conn.append({ i: 1 });
	await putToSleep(troupe, counter);
	await troupe.crash();
	await counter.append({ i: 2 });
	await ann.until("both", () => ann.seq === 2);
	await putToSleep(troupe, counter);
	await counter.append({ i: 3 });
	await ann.until("all three", () => ann.seq === 3);
	assert.deepEqual(ann.of("appended").map(({ i }) => i), [1, 2, 3]);
});

test("nobody who is not there can be put to sleep", async (stage) => {
	const troupe = await stage.troupe();
	const answer = await fetch(`${troupe.url}/actors/${"a".repeat(30)}/sleep`, { method: "POST", body: "{}" });
	const { group, code } = await answer.json();

	assert.deepEqual([answer.status, group, code], [404, "actor", "not_found"]);
});
