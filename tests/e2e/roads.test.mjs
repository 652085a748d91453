// SPDX-License-Identifier: Apache-2.0
/* One fault of the way to the sandbox at a time, each with its clear end. upstream.test.mjs has them all at once. */

import assert from "node:assert/strict";
import { assertFaithful } from "./kit/faithful.mjs";
import { BAD_GATEWAY, GATEWAY_TIMEOUT, LOGIN_PAGE, REDIRECT, UNAVAILABLE } from "./kit/road.mjs";
import { test } from "./kit/stage.mjs";
import { assertCalmThen, eventsOf, outcome, upstream } from "./kit/upstream.mjs";

const burst = (count) => Array.from({ length: count }, (_, i) => `b${i + 1} `).join("");
const gapsOf = (log) => log.filter(({ payload }) => payload.method === "_troupe/gap").map(({ payload }) => payload.params);
const responsesOf = (log) => log.filter(({ sender, payload }) => sender === "agent" && payload.result?.stopReason);

/* ------------------------------------------------------------------ the stream */

test("[S7, F10] what a slow reader's server drops inside an open stream is read again, and nothing is missing", async (stage) => {
	const { road, ann, wrote } = await upstream(stage);
	let streams = 0;

	road.plan = ({ kind }) => kind === "stream" && streams++ === 0 ? { slow: { bytes: 60_000, ms: 4 } } : null;
	assert.equal(await outcome(ann, "p", "!burst 900 20000"), "end_turn");
	await assertCalmThen(ann);
	const log = await eventsOf(ann);

	assert.deepEqual(assertFaithful(log, wrote), { lost: 0, missing: 0, instances: 1 });
	assert.ok(road.of("stream").length > 1, "it had to be read again");
});

test("[S8, F11] away for more than the server keeps: one gap with exact numbers, and the turn still ends", async (stage) => {
	const { road, ann, wrote } = await upstream(stage);

	assert.equal(await outcome(ann, "before", "hello"), "end_turn");
	road.plan = ({ kind, rpc }) =>
		kind === "stream" ? { answer: UNAVAILABLE } : rpc?.method === "session/prompt" ? road.cutStreams() : null;
	const turn = outcome(ann, "p", "!burst 3000 100");

	await road.until("its answer on the POST", () => road.asking("session/prompt")[1]?.closed === "answered");
	road.plan = () => null;
	assert.equal(await turn, "end_turn");
	await assertCalmThen(ann);
	const log = await eventsOf(ann);
	const [gap, ...more] = gapsOf(log);
	const { lost, missing } = assertFaithful(log, wrote);

	assert.deepEqual(more, []);
	assert.equal(gap.lost, gap.to - gap.from + 1);
	assert.deepEqual({ lost, missing }, { lost: gap.lost, missing: 0 });
	assert.ok(gap.lost > 1000, `${gap.lost} of 3,000 are gone`);
});

test("a prompt is not sent while its stream cannot be read, and fails with sandbox.unreachable when that lasts", async (stage) => {
	const { road, ann } = await upstream(stage);

	assert.equal(await outcome(ann, "before", "hello"), "end_turn");
	road.plan = ({ kind }) => kind === "stream" ? { answer: UNAVAILABLE } : null;
	road.cutStreams();
	assert.equal(await outcome(ann, "p", "hello"), "sandbox.unreachable");
	assert.equal(road.asking("session/prompt").length, 1);
	road.plan = () => null;
	await assertCalmThen(ann);
});

test("[S12] a response that comes on the POST long before the stream has it is one event, after all updates", async (stage) => {
	const { road, ann, wrote } = await upstream(stage);

	road.plan = ({ kind }) => kind === "stream" ? { slow: { bytes: 500, ms: 2 } } : null;
	assert.equal(await outcome(ann, "p", "!burst 300"), "end_turn");
	const log = await eventsOf(ann);

	assert.equal(ann.said, burst(300));
	assert.deepEqual(assertFaithful(log, wrote), { lost: 0, missing: 0, instances: 1 });
	assert.equal(responsesOf(log).length, 1);
	assert.equal(log.at(-1), responsesOf(log)[0]);
});

test("a stream that stalls for ever is read again when the POST has the response, and all comes in its order", async (stage) => {
	const { road, ann, wrote } = await upstream(stage);
	let streams = 0;

	road.plan = ({ kind }) => kind === "stream" && streams++ === 0 ? { stallAt: 6000 } : null;
	assert.equal(await outcome(ann, "p", "!burst 300"), "end_turn");
	assert.equal(ann.said, burst(300));
	assert.deepEqual(assertFaithful(await eventsOf(ann), wrote), { lost: 0, missing: 0, instances: 1 });
});

test("events that come twice are logged once", async (stage) => {
	const { road, ann, wrote } = await upstream(stage);
	const always = { below: () => 0, pick: (list) => list[0] }; /* each is followed by the first of all */

	road.plan = ({ kind }) => kind === "stream" ? { twice: always } : null;
	assert.equal(await outcome(ann, "p", "!chunks 200"), "end_turn");
	assert.deepEqual(assertFaithful(await eventsOf(ann), wrote), { lost: 0, missing: 0, instances: 1 });
});

test("a stream byte by byte is the same stream", async (stage) => {
	const { road, ann, wrote } = await upstream(stage);

	road.plan = ({ kind }) => kind === "stream" ? { slow: { bytes: 1, ms: 0 } } : null;
	assert.equal(await outcome(ann, "p", "!unicode"), "end_turn");
	assert.deepEqual(assertFaithful(await eventsOf(ann), wrote), { lost: 0, missing: 0, instances: 1 });
});

/* ------------------------------------------------------------------ long turns */

test("[S13, F12] a turn longer than the server holds its POST ends by the stream, and the POST is closed then", async (stage) => {
	const { road, ann } = await upstream(stage, { env: { SANDBOX_AGENT_ACP_REQUEST_TIMEOUT_MS: "1500" } });

	assert.equal(await outcome(ann, "p", "!silent 4000"), "end_turn");
	const [prompt] = road.asking("session/prompt");

	await road.until("the POST's end", () => prompt.closed);
	assert.equal(prompt.closed, "after its response");
	assert.equal(responsesOf(await eventsOf(ann)).length, 1);
});

test("[F12] a 504 of an older server or of a proxy does not end the turn", async (stage) => {
	const { road, ann, wrote } = await upstream(stage);

	road.plan = ({ rpc }) => rpc?.method === "session/prompt" ? { answer: null, after: GATEWAY_TIMEOUT } : null;
	assert.equal(await outcome(ann, "p", "!chunks 30 20"), "end_turn");
	assert.deepEqual(assertFaithful(await eventsOf(ann), wrote), { lost: 0, missing: 0, instances: 1 });
});

/* With the server's own 120 s. UPSTREAM_LONG=1 make e2e T=roads */
if (process.env.UPSTREAM_LONG)
	test("[S14] a turn of ten minutes ends", async (stage) => {
		const { ann } = await upstream(stage);

		assert.equal(await outcome(ann, "p", "!silent 600000"), "end_turn");
	}, { times: 4 });

/* ------------------------------------------------------------------ who is there instead of the server */

for (const [what, fault] of Object.entries({
	"refused": { refuse: true }, "a proxy's 502": { answer: BAD_GATEWAY }, "a redirect": { answer: REDIRECT },
	"somebody's login page": { answer: LOGIN_PAGE },
}))
	test(`[F1, F40] when all that comes back is ${what}, prompts fail with sandbox.unreachable, and work when it is over`, async (stage) => {
		const { road, ann } = await upstream(stage);

		road.plan = () => fault;
		road.cutStreams();
		assert.equal(await outcome(ann, "p", "hello"), "sandbox.unreachable");
		await ann.event("sandbox.state", ({ state }) => state === "unhealthy");
		road.plan = () => null;
		await assertCalmThen(ann);
		assert.equal((await eventsOf(ann)).filter(({ payload }) => payload.method === "session/prompt").length, 1);
	});

test("[F3] a server that accepts and never answers is given up after three requests", async (stage) => {
	const { road, ann } = await upstream(stage);

	road.plan = () => ({ mute: true });
	road.cutStreams();
	assert.equal(await outcome(ann, "p", "hello"), "sandbox.unreachable");
	road.plan = () => null;
	await assertCalmThen(ann);
});

test("[F9] an answer whose body never ends does not hold up what it is not about", async (stage) => {
	const { road, ann } = await upstream(stage);

	road.plan = ({ kind }) => kind === "processes" ? { slow: { bytes: 1, ms: 1000 } } : null;
	assert.equal(await outcome(ann, "p", "hello"), "end_turn");
});

test("a reply to the agent that a proxy swallows is said again, or the agent would wait for ever", async (stage) => {
	const { road, ann, wrote } = await upstream(stage);
	let swallowed = 0;

	road.plan = ({ kind, rpc }) => kind === "post" && !rpc.method && swallowed++ < 3 ? { answer: GATEWAY_TIMEOUT } : null;
	assert.equal(await outcome(ann, "p", "!ask"), "end_turn");
	assert.match(ann.said, /-32601/);
	assert.deepEqual(assertFaithful(await eventsOf(ann), wrote), { lost: 0, missing: 0, instances: 1 });
});

/* ------------------------------------------------------------------ prompts on their way */

test("a prompt whose POST is cut once the server has it runs on, and is not sent again", async (stage) => {
	const { road, ann } = await upstream(stage);

	road.plan = ({ rpc }) => rpc?.method === "session/prompt" ? { cutMs: 20 } : null;
	assert.equal(await outcome(ann, "p", "!chunks 20 30"), "end_turn");
	assert.equal(road.asking("session/prompt").length, 1);
});

test("[F19] a prompt that may have been lost fails, is not sent again, and its instance is left for a new one", async (stage) => {
	const { road, ann, wrote } = await upstream(stage);

	road.plan = ({ rpc }) => rpc?.method === "session/prompt" ? { refuse: true } : null;
	assert.equal(await outcome(ann, "p", "hello"), "agent.delivery_unknown");
	assert.equal(road.asking("session/prompt").length, 1);
	road.plan = () => null;
	await assertCalmThen(ann);
	assert.equal(assertFaithful(await eventsOf(ann), wrote).instances, 2);
});
