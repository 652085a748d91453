// SPDX-License-Identifier: Apache-2.0
/* Several sessions in one workspace, each with an agent of its own: made, addressed, listed, destroyed, taken up again. */

import assert from "node:assert/strict";
import { test } from "./kit/stage.mjs";
import { eventually } from "./kit/wait.mjs";

async function room(stage, options) {
	const troupe = await stage.troupe({ sandbox: "local", ...options });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await ann.event("sandbox.state", ({ state }) => state === "ready");
	return { troupe, ann };
}

const refused = (promise) => promise.then(() => assert.fail("it was taken"), ({ group, code }) => `${group}.${code}`);
const saidIn = (ear, sessionId) => ear.of("session.event").filter((event) => event.sessionId === sessionId)
	.map(({ payload }) => payload.params?.update).filter((update) => update?.sessionUpdate === "agent_message_chunk")
	.map(({ content }) => content.text).join("");
const prompt = (ear, sessionId, text) => ear.conn.prompt({ userId: "ann", text, sessionId });

test("sessions of one workspace run side by side, and each knows only its own", async (stage) => {
	const { ann } = await room(stage);
	const record = await ann.conn.createSession({ sessionId: "review", mode: "plan", model: "large", cwd: "/tmp" });

	assert.deepEqual([record.id, record.agent, record.modes.currentModeId, record.sessionInit.cwd], ["review", "mock", "plan", "/tmp"]);
	const slow = prompt(ann, "review", "!slow 400");

	await ann.event("session.event", (event) => event.sessionId === "review" && event.payload.method === "session/prompt");
	await prompt(ann, undefined, "hello");
	assert.equal(saidIn(ann, "default"), "You said: hello.");
	await slow;
	assert.equal(saidIn(ann, "review"), "begun ended");
	assert.deepEqual(ann.of("chat.user").map(({ sessionId }) => sessionId), ["review", "default"]);
	assert.ok(ann.of("turn.state").every(({ sessionId }) => ["review", "default"].includes(sessionId)));
	for (const id of ["review", "default"]) {
		const { items } = await ann.conn.listEvents({ sessionId: id, limit: 1000 });

		assert.deepEqual(items.map(({ eventIndex }) => eventIndex), items.map((_, i) => i + 1));
		assert.ok(items.every(({ sessionId }) => sessionId === id));
		assert.equal(items.length, ann.of("session.event").filter(({ sessionId }) => sessionId === id).length);
	}
	assert.deepEqual((await ann.conn.listSessions({})).items.map(({ id }) => id), ["default", "review"]);
	const first = await ann.conn.listSessions({ limit: 1 });

	assert.deepEqual((await ann.conn.listSessions({ cursor: first.nextCursor })).items.map(({ id }) => id), ["review"]);
	assert.equal((await ann.conn.getSessionInfo({ sessionId: "review" })).modes.currentModeId, "plan");
	assert.equal((await ann.conn.getSessionInfo()).modes.currentModeId, "ask");
});

test("a session without a name gets one; what exists, or cannot be, is refused", async (stage) => {
	const { ann } = await room(stage);
	const { id } = await ann.conn.createSession();

	assert.match(id, /^[0-9a-f-]{36}$/);
	assert.equal(await refused(ann.conn.createSession({ sessionId: id })), "session.exists");
	assert.equal(await refused(ann.conn.createSession({ sessionId: "default" })), "session.exists");
	assert.equal(await refused(ann.conn.createSession({ sessionId: "a b" })), "request.invalid");
	assert.equal(await refused(ann.conn.createSession({ cwd: "relative" })), "request.invalid");
	assert.equal(await refused(ann.conn.createSession({ sessionId: "x", agent: "no-such-agent" })), "agent.not_available");
	assert.equal(await refused(ann.conn.createSession({ sessionId: "y", model: "huge" })), "agent.not_offered");
	assert.equal(await refused(prompt(ann, "x", "hello")), "session.unknown");
	assert.equal(await refused(prompt(ann, "y", "hello")), "session.destroyed");
	assert.equal(await refused(ann.conn.resumeSession({ sessionId: "x" })), "session.unknown");
	assert.equal(await refused(ann.conn.resumeSession({ sessionId: id, agent: "codex" })), "agent.mismatch");
	assert.equal((await ann.conn.resumeSession({ sessionId: id })).id, id);
	assert.deepEqual((await ann.conn.listSessions({})).items.map((session) => [session.id, Boolean(session.destroyedAt)]),
		[["default", false], [id, false], ["y", true]]);
});

const RESTARTS = {
	"kill -9 of the server": async (troupe) => troupe.crash(),
	"a restart of everything": async (troupe) => { await troupe.stop(); await troupe.start(); },
};

for (const [what, restart] of Object.entries(RESTARTS)) {
	test(`all living sessions go on after ${what}`, async (stage) => {
		const { troupe, ann } = await room(stage);

		await ann.conn.createSession({ sessionId: "one", model: "large" });
		await ann.conn.createSession({ sessionId: "two" });
		await prompt(ann, "one", "remember me");
		await ann.conn.destroySession({ sessionId: "two" });
		await restart(troupe);
		const bob = stage.join(troupe, "w", { userId: "bob" });

		await prompt(bob, "one", "!said");
		assert.match(saidIn(bob, "one"), /remember me/);
		await prompt(bob, "one", "!chosen");
		assert.match(saidIn(bob, "one"), /ask large low false$/);
		assert.equal(await refused(prompt(bob, "two", "hello")), "session.destroyed");
		await prompt(bob, "default", "hello");
	});
}

test("[S60] a destroyed session ends its agent, refuses prompts, stays in the list, and can be taken up again", async (stage) => {
	const { ann } = await room(stage);
	const agents = async () => (await ann.conn.listSessions({})).items;

	await ann.conn.createSession({ sessionId: "s" });
	await prompt(ann, "s", "the first words");
	const running = prompt(ann, "s", "!hang");

	await ann.event("session.event", ({ payload }) => payload.params?.update?.content?.text === "hanging");
	const waiting = refused(prompt(ann, "s", "never"));

	await ann.event("turn.state", ({ state, sessionId, position }) => sessionId === "s" && state === "queued" && position > 0);
	const { destroyedAt } = await ann.conn.destroySession({ sessionId: "s" });

	assert.ok(Math.abs(destroyedAt - Date.now()) < 60_000);
	assert.equal(await waiting, "session.destroyed");
	assert.equal((await running).stopReason, "cancelled");
	assert.equal(await refused(prompt(ann, "s", "again")), "session.destroyed");
	assert.equal((await agents()).find(({ id }) => id === "s").destroyedAt, destroyedAt);
	await ann.event("session.state", ({ state, sessionId }) => sessionId === "s" && state === "destroyed");
	assert.ok((await ann.conn.listEvents({ sessionId: "s" })).items.length > 5);
	await eventually("it is over, and resumed", () => ann.conn.resumeSession({ sessionId: "s" }).catch(() => null));
	await ann.event("session.state", ({ state, sessionId }) => sessionId === "s" && state === "resumed");
	await prompt(ann, "s", "!said");
	assert.match(saidIn(ann, "s"), /the first words/);
	assert.equal((await agents()).find(({ id }) => id === "s").destroyedAt, undefined);
});

test("the default session, too, can be destroyed and taken up again", async (stage) => {
	const { troupe, ann } = await room(stage);

	await ann.conn.destroySession();
	assert.equal(await refused(prompt(ann, undefined, "hello")), "session.destroyed");
	await troupe.crash();
	const bob = stage.join(troupe, "w", { userId: "bob" });

	await bob.connected();
	assert.equal(await refused(prompt(bob, undefined, "hello")), "session.destroyed");
	await bob.conn.resumeSession();
	assert.equal((await prompt(bob, undefined, "hello")).stopReason, "end_turn");
});

test("a workspace has sixteen living sessions at most", async (stage) => {
	const { ann } = await room(stage);
	const made = [];

	for (let i = 1; i < 16; i++)
		made.push(ann.conn.createSession({ sessionId: `s${i}` }));
	await Promise.all(made);
	assert.equal(await refused(ann.conn.createSession({ sessionId: "one-too-many" })), "actor.overloaded");
	await ann.conn.destroySession({ sessionId: "s3" });
	await eventually("room for another", () => ann.conn.createSession({ sessionId: "another" }).catch(() => null));
});
