// SPDX-License-Identifier: Apache-2.0
/* Enough of a turn: the queue is there to be seen, what waits can be taken out of it, what runs is stopped, and an agent that
 * does not react is replaced, by anybody. */

import assert from "node:assert/strict";
import { commandOf, markedWith } from "./kit/process.mjs";
import { test } from "./kit/stage.mjs";
import { eventually } from "./kit/wait.mjs";

const failureOf = (promise) => promise.then((answer) => assert.fail(JSON.stringify(answer)), (error) => error);
const codeOf = ({ group, code }) => `${group}.${code}`;
const agentsOf = (stage) => markedWith(stage.mark).filter((pid) => /agent\.mjs/.test(commandOf(pid)));
const sentTexts = (ear) => ear.of("session.event").filter(({ payload }) => payload.method === "session/prompt")
	.map(({ payload }) => payload.params.prompt.at(-1).text);

/** ann and bob in one room; input as of the workspace. */
async function room(stage, { input, ...options } = {}) {
	const troupe = await stage.troupe({ sandbox: "local", ...options });

	if (input)
		await stage.client(troupe).workspace.create(["w"], { input });
	const [ann, bob] = ["ann", "bob"].map((userId) => stage.join(troupe, "w", { userId }));

	await Promise.all([ann.connected(), bob.connected()]);
	return { troupe, ann, bob };
}

/** ann's prompt; its failure is no failure of the test's. */
function prompt(ear, text, promptId) {
	const answer = ear.conn.prompt({ userId: "ann", text, promptId });

	answer.catch(() => {});
	return answer;
}

/** A turn "p" that the agent has begun and will not end; gives how its caller fares. */
async function hanging({ ann }, text = "!hang") {
	const answer = prompt(ann, text, "p");

	await ann.until("the agent's first word", () => /hanging|last words/.test(ann.said));
	return { answer };
}

async function assertWorks({ ann, bob }, promptId = "works") {
	assert.equal((await ann.conn.prompt({ userId: "ann", text: `now ${promptId}?`, promptId })).stopReason, "end_turn");
	await bob.turn(promptId, "done");
	assert.ok(bob.said.endsWith(`You said: now ${promptId}?.`), bob.said);
}

/* ------------------------------------------------------------------ the queue */

test("everybody sees what runs and what waits, also over plain HTTP", async (stage) => {
	const people = await room(stage);
	const { troupe, ann, bob } = people;

	assert.deepEqual(await bob.conn.getQueue(), { running: null, queued: [] });
	await hanging(people);
	prompt(ann, "second", "q1");
	prompt(ann, "third", "q2");
	await bob.turn("q2", "queued");
	const queue = await bob.conn.getQueue();

	assert.deepEqual([queue.running.promptId, queue.running.userId, queue.running.text], ["p", "ann", "!hang"]);
	assert.deepEqual([queue.running.state, queue.running.stalled], ["running", false]);
	assert.ok(queue.running.createdAt > 1.7e12 && queue.running.since >= queue.running.createdAt);
	assert.deepEqual(queue.queued.map(({ promptId, userId, text }) => [promptId, userId, text]),
		[["q1", "ann", "second"], ["q2", "ann", "third"]]);
	assert.deepEqual(bob.of("turn.state").filter(({ state }) => state === "queued").map(({ userId, position }) => [userId, position]),
		[["ann", 1], ["ann", 1], ["ann", 2]]);
	assert.deepEqual(await stage.client(troupe).workspace.getOrCreate(["w"]).getQueue(), queue);
	await troupe.crash();
	assert.deepEqual(await bob.conn.getQueue(), queue, "after kill -9");
});

test("a prompt that waits is taken out by anybody: its caller fails, all hear it, the others keep their order", async (stage) => {
	const people = await room(stage);
	const { ann, bob } = people;

	await hanging(people);
	const [a, b, c] = ["a", "b", "c"].map((id) => prompt(ann, id, id));

	await bob.turn("c", "queued");
	assert.deepEqual(await bob.conn.cancel({ promptId: "b", userId: "bob" }), { promptId: "b", state: "cancelled" });
	assert.equal(codeOf(await failureOf(b)), "prompt.cancelled");
	assert.equal((await ann.turn("b", "cancelled")).by, "bob");
	assert.equal(codeOf(await failureOf(bob.conn.cancel({ promptId: "b" }))), "prompt.over");
	assert.equal(codeOf(await failureOf(bob.conn.cancel({ promptId: "nobody" }))), "prompt.unknown");
	await bob.conn.cancel({ userId: "bob" });
	await Promise.all([a, c]);
	assert.equal(codeOf(await failureOf(ann.conn.prompt({ userId: "ann", text: "b", promptId: "b" }))), "prompt.cancelled");
	assert.deepEqual(sentTexts(ann), ["!hang", "a", "c"]);
	assert.equal(codeOf(await failureOf(bob.conn.cancel())), "prompt.unknown");
});

/* ------------------------------------------------------------------ what runs */

test("the running turn is cancelled by anybody, past the queue, and ends as the agent says", async (stage) => {
	const people = await room(stage);
	const { ann, bob } = people;
	const { answer } = await hanging(people);
	const next = prompt(ann, "next", "q");

	assert.deepEqual(await bob.conn.cancel({ userId: "bob" }), { promptId: "p", state: "cancelling" });
	assert.deepEqual(await answer, { promptId: "p", stopReason: "cancelled" });
	assert.equal((await next).stopReason, "end_turn");
	const states = ann.of("turn.state").filter(({ promptId }) => promptId === "p").map(({ state, by }) => [state, by]);

	assert.deepEqual(states, [["queued", undefined], ["running", undefined], ["cancelling", "bob"], ["cancelled", "bob"]]);
	await ann.turn("q", "done");
	await bob.turn("q", "done");
	assert.deepEqual(ann.published, bob.published);
});

test("a prompt that is cancelled in the moment in which it is sent ends all the same", async (stage) => {
	const people = await room(stage);
	const { ann, bob } = people;

	for (const promptId of ["a", "b", "c", "d", "e"]) {
		const answer = prompt(ann, "!hang", promptId);
		const outcome = answer.then(({ stopReason }) => stopReason, codeOf);

		await bob.turn(promptId, "running");
		await bob.conn.cancel({ promptId });
		assert.ok(["cancelled", "prompt.cancelled"].includes(await outcome), await outcome);
	}
	await assertWorks(people);
});

test("[S30] a turn that asks is cancelled with its requests, one or several", async (stage) => {
	const people = await room(stage);
	const { ann, bob } = people;

	for (const [n, text] of ["!perm", "!perm 3 concurrent"].entries()) {
		const answer = prompt(ann, text, `p${n}`);
		const asked = () => bob.of("permission.request").length - bob.of("permission.resolved").length;

		await bob.until("its requests", () => asked() === (n === 0 ? 1 : 3));
		await bob.conn.cancel({ userId: "bob" });
		assert.ok((await answer).stopReason);
		await bob.until("their ends", () => asked() === 0);
	}
	assert.ok(ann.of("permission.resolved").every(({ reply }) => reply === "cancelled"));
	await assertWorks(people);
});

test("a cancel that was acknowledged has its effect through kill -9 of the server", async (stage) => {
	const people = await room(stage);
	const { troupe, ann, bob } = people;

	await hanging(people);
	for (const text of ["one", "two"])
		prompt(ann, text, text);
	await bob.turn("two", "queued");
	await Promise.all([bob.conn.cancel({ promptId: "one" }), bob.conn.cancel({ promptId: "p" })]);
	await troupe.crash();
	await ann.turn("p", "cancelled");
	const { state, error } = await ann.turn("two", "done", "failed"); /* it may have been on its way when the server died */

	assert.ok(state === "done" || codeOf(error) === "agent.delivery_unknown", codeOf(error ?? {}));
	assert.deepEqual(sentTexts(ann), ["!hang", "two"]);
	assert.equal(ann.of("session.event").filter(({ payload }) => payload.method === "session/cancel").length, 1);
});

test("[S33] what the agent ends a turn with reaches the caller and everybody", async (stage) => {
	const { ann, bob } = await room(stage);

	for (const word of ["refusal", "max_tokens"]) {
		assert.equal((await ann.conn.prompt({ userId: "ann", text: `!${word}`, promptId: word })).stopReason, word);
		assert.equal((await bob.turn(word, "done")).stopReason, word);
	}
});

/* ------------------------------------------------------------------ agents that do not react */

for (const [what, text] of [
	["ignores the cancel", "!hang-hard"], ["has closed its output", "!close-stdout"], ["said something that made the sandbox deaf", "!badutf8"],
])
	test(`[S31, S51, F17, F21, F22] an agent that ${what} is agent_unresponsive, and restartAgent replaces it`, async (stage) => {
		const people = await room(stage, { input: { stallMs: 500 } });
		const { ann, bob } = people;
		const { answer } = await hanging(people, text);
		const next = prompt(ann, "next", "q");

		await bob.event("turn.state", ({ stalled }) => stalled, "stalled");
		const before = agentsOf(stage);

		await bob.conn.cancel({ userId: "bob" });
		await bob.turn("p", "agent_unresponsive");
		assert.equal((await ann.conn.getQueue()).running.state, "agent_unresponsive");
		assert.deepEqual(agentsOf(stage), before, "nobody ends it unasked");
		assert.equal(await bob.conn.restartAgent({ userId: "bob" }), undefined);
		const error = await failureOf(answer);

		assert.equal(codeOf(error), "agent.unresponsive");
		assert.equal(error.message, "bob restarted the agent.");
		assert.equal((await ann.turn("p", "failed")).error.code, "unresponsive");
		assert.equal((await next).stopReason, "end_turn");
		await bob.turn("q", "done");
		await eventually("its process is gone", () => !agentsOf(stage).some((pid) => before.includes(pid)));
		await assertWorks(people);
	});

test("restartAgent in mid-turn fails the turn, and between turns nobody misses anything", async (stage) => {
	const people = await room(stage);
	const { ann, bob } = people;

	await hanging(people);
	const [before] = agentsOf(stage);

	await bob.conn.restartAgent({ userId: "bob" });
	assert.equal(codeOf((await ann.turn("p", "failed")).error), "agent.restarted");
	await assertWorks(people);
	assert.ok(!agentsOf(stage).includes(before));
	await bob.conn.restartAgent();
	await bob.until("three agents that were ready", () => bob.of("sandbox.state").filter(({ state }) => state === "ready").length === 3);
	await assertWorks(people, "again");
	assert.equal(agentsOf(stage).length, 1);
});

test("an agent that reads no more is given up when somebody cancels, and the next prompt works", async (stage) => {
	const people = await room(stage);
	const { ann, bob } = people;

	/* twice as large for the agent as for us, and larger than its input holds: half of it is written, and waits */
	await ann.conn.prompt({ userId: "ann", text: "!freeze-after", promptId: "freeze" });
	prompt(ann, '"'.repeat(60_000), "p");
	await bob.turn("p", "running");
	await bob.conn.cancel({ userId: "bob" });
	assert.equal(codeOf((await ann.turn("p", "failed")).error), "agent.unresponsive");
	await assertWorks(people);
});

test("[S54, F39] agents that die three times in a minute are given a rest, until somebody prompts again", async (stage) => {
	const people = await room(stage);
	const outcomes = await Promise.all(["a", "b", "c", "d"].map((promptId) => failureOf(prompt(people.ann, "!crash", promptId))));

	assert.deepEqual(outcomes.map(codeOf), ["agent.exited", "agent.exited", "agent.exited", "agent.crash_loop"]);
	await assertWorks(people);
});
