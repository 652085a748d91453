// SPDX-License-Identifier: Apache-2.0
/* Who is here, as what, and who is typing: told to all, kept nowhere. */

import assert from "node:assert/strict";
import { test } from "./kit/stage.mjs";

const failureOf = (promise) => promise.then((answer) => assert.fail(JSON.stringify(answer)), (error) => error);
const codeOf = ({ group, code }) => `${group}.${code}`;
const NAMES = ["presence", "typing"];

function enter(stage, troupe, params, options) {
	const { workspace } = stage.client(troupe, options);

	return stage.listen((more) => workspace.getOrCreate(["w"], more), NAMES, { params });
}

const typists = (ear) => (ear.of("typing").at(-1)?.users ?? []).join();
const becomes = (ear, users) => ear.until(`typing: ${users || "nobody"}`, () => ear.of("typing").length && typists(ear) === users);

test("everybody hears who comes and who goes, with their roles, and each person once", async (stage) => {
	const troupe = await stage.troupe();
	const ann = enter(stage, troupe, { userId: "ann" });

	await ann.event("presence", ({ users }) => users.length === 1);
	const bob = enter(stage, troupe, { userId: "bob", role: "observer" }, { encoding: "json" });
	const came = await ann.event("presence", ({ change }) => change === "join" && ann.of("presence").length > 1);

	assert.deepEqual([came.userId, came.role], ["bob", "observer"]);
	assert.deepEqual(came.users.map(({ userId, role }) => [userId, role]), [["ann", "controller"], ["bob", "observer"]]);
	assert.ok(came.users.every(({ since }) => since > 1.7e12));
	const window = enter(stage, troupe, { userId: "ann" }, { encoding: "cbor" });

	await window.event("presence");
	await window.close();
	await bob.until("ann's window to come and go", () => bob.of("presence").length >= 3);
	assert.ok(!bob.of("presence").some(({ change, userId }) => change && userId === "ann"), "another window is nobody new");
	await bob.close();
	const gone = await ann.event("presence", ({ change }) => change === "leave");

	assert.deepEqual([gone.userId, gone.users.map(({ userId }) => userId)], ["bob", ["ann"]]);
});

test("who types is seen by all, until they say so, leave, or fall silent", async (stage) => {
	const troupe = await stage.troupe();
	const [ann, bob, cyn] = ["ann", "bob", "cyn"].map((userId) => enter(stage, troupe, { userId }));

	await Promise.all([ann, bob, cyn].map((ear) => ear.event("presence", ({ users }) => users.length === 3)));
	await ann.conn.typing({ typing: true });
	await becomes(bob, "ann");
	await ann.conn.typing({ typing: false });
	await becomes(bob, "");
	await cyn.conn.typing({ typing: true });
	await becomes(bob, "cyn");
	await cyn.close();
	await becomes(bob, "");
	await ann.conn.typing({ typing: true });
	await becomes(bob, "ann");
	await becomes(bob, ""); /* she says nothing more */
	assert.ok(bob.of("typing").every(({ seq }) => seq === undefined), "it is in no log");
	const before = bob.of("typing").length, begun = Date.now();

	for (let i = 0; i < 200; i++) /* however often it is called */
		ann.conn.typing({ typing: i % 2 === 0 }).catch(() => {});
	await ann.conn.typing({ typing: false });
	await bob.conn.getSessionInfo();
	const told = bob.of("typing").length - before;

	assert.ok(told <= 2 + (Date.now() - begun) / 300, `told ${told} times`);
});

test("typing wants a connection with a name", async (stage) => {
	const troupe = await stage.troupe();
	const nobody = enter(stage, troupe, {});

	assert.equal(codeOf(await failureOf(nobody.conn.typing({ typing: true }))), "request.invalid");
	assert.equal(codeOf(await failureOf(stage.client(troupe).workspace.getOrCreate(["w"]).typing({ typing: true }))), "request.invalid");
	assert.equal(codeOf(await failureOf(nobody.conn.typing({ typing: "yes" }))), "actor.validation_error");
});
