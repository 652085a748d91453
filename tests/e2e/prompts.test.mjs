// SPDX-License-Identifier: Apache-2.0
/* Several people, one agent: prompts wait for one another in the open, each runs once, and no turn hangs on its caller. */

import assert from "node:assert/strict";
import { wholeLog } from "./kit/client.mjs";
import { test } from "./kit/stage.mjs";

const PEOPLE = ["ann", "bob", "cyn", "dan"];

async function crowd(stage, options) {
	const troupe = await stage.troupe({ sandbox: "local", ...options });
	const ears = PEOPLE.map((userId) => stage.join(troupe, "w", { userId }));

	await Promise.all(ears.map((ear) => ear.connected()));
	return { troupe, ears };
}

const statesOf = (ear, promptId) => ear.of("turn.state").filter((turn) => turn.promptId === promptId).map(({ state }) => state);
const inState = (ear, wanted) => ear.of("turn.state").filter(({ state }) => state === wanted).map(({ promptId }) => promptId);
const sentTexts = (events) => events.filter(({ payload }) => payload.method === "session/prompt")
	.map(({ payload }) => payload.params.prompt.at(-1).text);

test("[S26, S27, F30] prompts of several people run one after the other, in the order in which they were accepted", async (stage) => {
	const { ears } = await crowd(stage);
	const prompt = (ear, userId, n) => ear.conn.prompt({ userId, text: `${userId} ${n}`, promptId: `${userId}-${n}` });
	const answers = await Promise.all([1, 2, 3].flatMap((n) => ears.map((ear, i) => prompt(ear, PEOPLE[i], n))));
	const [ann] = ears;

	await ann.until("twelve that are done", () => inState(ann, "done").length === 12);
	const accepted = ann.of("chat.user").map(({ promptId }) => promptId);

	assert.equal(accepted.length, 12);
	assert.ok(answers.every(({ stopReason }) => stopReason === "end_turn"));
	assert.deepEqual(inState(ann, "queued"), accepted);
	assert.deepEqual(inState(ann, "running"), accepted);
	assert.deepEqual(inState(ann, "done"), accepted);
	assert.deepEqual(sentTexts(ann.of("session.event")), ann.of("chat.user").map(({ text }) => text));
	assert.equal(ann.said, ann.of("chat.user").map(({ text }) => `You said: ${text}.`).join(""));
	/* One at a time: running and done take turns. */
	assert.deepEqual(ann.of("turn.state").map(({ state }) => state).filter((state) => state !== "queued"),
		accepted.flatMap(() => ["running", "done"]));
	for (const ear of ears) {
		await ear.until("the newest event", () => ear.seq >= ann.seq);
		assert.deepEqual(ear.published, ann.published);
	}
});

test("[S28] the same promptId is the same prompt: while it waits, while it runs, when it is done, and from anybody", async (stage) => {
	const { ears: [ann, bob, cyn] } = await crowd(stage);
	const first = ann.conn.prompt({ userId: "ann", text: "!slow 300", promptId: "one" });
	const again = bob.conn.prompt({ userId: "ann", text: "!slow 300", promptId: "one" });
	const queued = ann.conn.prompt({ userId: "ann", text: "second", promptId: "two" });

	await ann.turn("two", "queued");
	const queuedAgain = ann.conn.prompt({ userId: "ann", text: "second", promptId: "two" });

	assert.deepEqual(await first, { promptId: "one", stopReason: "end_turn" });
	assert.deepEqual(await again, await first);
	assert.deepEqual(await queuedAgain, await queued);
	assert.deepEqual(await cyn.conn.prompt({ userId: "ann", text: "!slow 300", promptId: "one" }), await first);
	await ann.until("all of it", () => ann.of("turn.state").length >= 6);
	assert.deepEqual(ann.of("chat.user").map(({ promptId }) => promptId), ["one", "two"]);
	assert.deepEqual(statesOf(ann, "one"), ["queued", "running", "done"]);
	assert.equal(sentTexts(ann.of("session.event")).length, 2);
});

test("a promptId that ran before a kill -9 never runs again", async (stage) => {
	const { troupe, ears: [ann] } = await crowd(stage);
	const prompt = { userId: "ann", text: "only once", promptId: "one" };

	await ann.conn.prompt(prompt);
	await troupe.crash();
	assert.deepEqual(await ann.conn.prompt(prompt), { promptId: "one", stopReason: "end_turn" });
	const log = await wholeLog(ann.conn);

	assert.equal(sentTexts(log.filter(({ name }) => name === "session.event").map(({ data }) => data)).length, 1);
});

test("the queue outlives kill -9, in order, and each of its prompts runs once", async (stage) => {
	const { troupe, ears: [ann] } = await crowd(stage);
	const ids = ["a", "b", "c", "d"];

	for (const promptId of ids)
		ann.conn.prompt({ userId: "ann", text: promptId === "a" ? "!slow 700" : promptId, promptId }).catch(() => {});
	await ann.until("four that wait", () => inState(ann, "queued").length === 4);
	await ann.until("the agent's first word", () => ann.said.includes("begun"));
	await troupe.crash();
	await ann.turn("d", "done");
	assert.deepEqual(inState(ann, "done"), ids);
	assert.deepEqual(sentTexts(ann.of("session.event")), ["!slow 700", "b", "c", "d"]);
});

test("[S29] a turn goes on when its caller leaves, and others see it end", async (stage) => {
	const { ears: [ann, bob] } = await crowd(stage);

	ann.conn.prompt({ userId: "ann", text: "!slow 500", promptId: "one" }).catch(() => {});
	await ann.until("the agent's first word", () => ann.said.includes("begun"));
	await ann.conn.dispose();
	await bob.turn("one", "done");
	assert.equal(bob.said, "begun ended");
});

test("a prompt without promptId gets one, and an empty or wrong prompt is refused without a trace", async (stage) => {
	const { ears: [ann] } = await crowd(stage);
	const { promptId } = await ann.conn.prompt({ userId: "ann", text: "hello" });
	const before = ann.seq;

	assert.match(promptId, /^[0-9a-f-]{36}$/);
	for (const [code, wrongs] of Object.entries({
		"actor.validation_error": [{ userId: "ann" }, { text: "x" }, { userId: 1, text: "x" }, "x", undefined],
		"request.invalid": [{ userId: "ann", text: "" }, { userId: "ann", text: "x", promptId: "p".repeat(129) }],
	})) {
		for (const wrong of wrongs) {
			const error = await ann.conn.prompt(wrong).then(() => assert.fail(JSON.stringify(wrong)), (refusal) => refusal);

			assert.equal(`${error.group}.${error.code}`, code, JSON.stringify(wrong));
		}
	}
	const { seq } = await ann.conn.getSessionInfo();

	assert.equal(seq, before);
});

test("one agent's answer of 3,000 chunks in a burst reaches everybody whole and in order", async (stage) => {
	const { ears } = await crowd(stage);

	await ears[0].conn.prompt({ userId: "ann", text: "!burst 3000", promptId: "one" });
	for (const ear of ears) {
		await ear.turn("one", "done");
		assert.equal(ear.said, Array.from({ length: 3000 }, (_, i) => `b${i + 1} `).join(""));
	}
});

test("an update of 900,000 bytes arrives whole, one that no frame can carry arrives shortened", async (stage) => {
	const { ears: [ann, bob] } = await crowd(stage);

	await ann.conn.prompt({ userId: "ann", text: "!big 900000", promptId: "one" });
	assert.equal(ann.said.length, 900_000);
	await ann.conn.prompt({ userId: "ann", text: "!big 3000000", promptId: "two" });
	await bob.turn("two", "done");
	assert.ok(bob.of("session.event").some((event) => JSON.stringify(event).includes(`"truncated":true`)));
	await ann.conn.prompt({ userId: "ann", text: "and on", promptId: "three" });
	await bob.turn("three", "done");
	assert.match(bob.said, /You said: and on\.$/);
});

test("workspaces do not hear one another, and their turns run side by side", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const [one, two] = ["one", "two"].map((key) => stage.join(troupe, key, { userId: "ann" }));

	one.conn.prompt({ userId: "ann", text: "!hang", promptId: "p" }).catch(() => {});
	await one.until("the agent's first word", () => one.said.includes("hanging"));
	assert.equal((await two.conn.prompt({ userId: "ann", text: "hello", promptId: "p" })).stopReason, "end_turn");
	assert.equal(one.said, "hanging");
	assert.equal(two.said, "You said: hello.");
});

test("getSessionInfo tells the document's fields, the agent, and where the log stands", async (stage) => {
	const { troupe, ears: [ann] } = await crowd(stage);

	await ann.conn.prompt({ userId: "ann", text: "hello" });
	const info = await ann.conn.getSessionInfo();

	assert.equal(info.workspaceId, "w");
	assert.match(info.sandboxId, /^local\/127\.0\.0\.1:\d+$/);
	assert.deepEqual([info.agent, info.sessionId, info.status, info.seq], ["mock", "default", "ready", ann.seq]);
	await troupe.crash();
	assert.equal((await ann.conn.getSessionInfo()).epoch, info.epoch, "the same log after kill -9");
});

test("[S35] content blocks reach the agent as they are, in front of the text, and everybody sees them", async (stage) => {
	const { ears: [ann, bob] } = await crowd(stage);
	const content = [
		{ type: "image", data: "iVBORw0KGgo=", mimeType: "image/png" },
		{ type: "resource_link", uri: "file:///work/a.txt", name: "a.txt", size: 12, _meta: { of: [null, 1.5] } },
		{ type: "text", text: "and \u{1F600}" },
	];

	await ann.conn.prompt({ userId: "ann", text: "look", promptId: "p", content });
	const { payload } = await bob.event("session.event", ({ payload }) => payload.method === "session/prompt");

	assert.deepEqual(payload.params.prompt, [...content, { type: "text", text: "look" }]);
	assert.deepEqual(bob.of("chat.user")[0].content, content);
	await assert.rejects(ann.conn.prompt({ userId: "ann", text: "look", content: [{ data: "no type" }] }), { code: "invalid" });
});

test("how a turn ended reaches the caller: refused, out of tokens, or without a login", async (stage) => {
	const { ears: [ann] } = await crowd(stage);

	for (const reason of ["refusal", "max_tokens"])
		assert.equal((await ann.conn.prompt({ userId: "ann", text: `!${reason}` })).stopReason, reason);
	await assert.rejects(ann.conn.prompt({ userId: "ann", text: "!error -32000" }), { group: "agent", code: "auth_required" });
});
