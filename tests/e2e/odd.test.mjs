// SPDX-License-Identifier: Apache-2.0
/* Agents that are odd, silent, too loud or dead: what they say is logged as it came, and the session goes on. */

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { assertFaithful } from "./kit/faithful.mjs";
import { SANITIZED, commandOf, kill, markedWith } from "./kit/process.mjs";
import { test } from "./kit/stage.mjs";
import { assertCalmThen, codeOf, eventsOf, outcome, upstream } from "./kit/upstream.mjs";
import { eventually } from "./kit/wait.mjs";

const agentsOf = (stage) => markedWith(stage.mark).filter((pid) => /agent\.mjs/.test(commandOf(pid)));
const failureOf = (promise) => promise.then((answer) => assert.fail(JSON.stringify(answer)), (error) => error);

/** A page of the log as the very text that is sent. */
async function logText(troupe) {
	const url = `${troupe.url}/gateway/workspace/action/getEvents?rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default&rvt-key=w`;
	const answer = await fetch(url, { method: "POST", headers: { "x-rivet-encoding": "json" }, body: JSON.stringify({ args: [{ limit: 100 }] }) });

	assert.equal(answer.status, 200, url);
	return answer.text();
}

/* ------------------------------------------------------------------ what they print */

test("[S5] payloads keep their bytes, from the agent to whoever asks for them", async (stage) => {
	const { troupe, ann } = await upstream(stage);

	assert.equal(await outcome(ann, "p", "!numbers"), "end_turn");
	assert.ok((await logText(troupe)).includes(`{"a":9007199254740993,"b":18446744073709551615,"c":-0.0,"d":1.1,"e":1000.0}`));
});

test("[S50, F20] whatever an agent prints leaves its session working, and stands in the log", async (stage) => {
	const { ann, wrote } = await upstream(stage);
	const words = ["!badjson", "!surrogate", "!infinity", "!deep 100", "!deep 126", "!deep 130", "!deep 5000", "!blank", "!unicode", "!numbers"];

	for (const word of words)
		assert.equal(await outcome(ann, word, word), "end_turn", word);
	await assertCalmThen(ann);
	const log = await eventsOf(ann);

	assert.deepEqual(assertFaithful(log, wrote), { lost: 0, missing: 0, instances: 1 });
	assert.equal(log.filter(({ payload }) => payload.method === "_troupe/odd").length, 2, "[1,2,3] and \"text\"");
});

test("[S52, F23] of two responses to one prompt the first counts, and the second is logged", async (stage) => {
	const { ann, wrote } = await upstream(stage);

	assert.equal(await outcome(ann, "p", "!dupresp"), "end_turn");
	await assertCalmThen(ann);
	const log = await eventsOf(ann);
	const [{ payload: { id } }] = log.filter(({ payload }) => payload.result?.first);

	assert.deepEqual(log.filter(({ payload }) => payload.id === id && payload.result).map(({ payload }) => payload.result.stopReason), ["end_turn", "refusal"]);
	assertFaithful(log, wrote);
});

test("[S15, F24] an agent's error reaches the caller with its words, is one event, and what it wrote to stderr is in our log", async (stage) => {
	const { troupe, ann } = await upstream(stage);
	const error = await failureOf(ann.conn.prompt({ userId: "ann", text: "!stderr the disk is on fire", promptId: "p" }));

	assert.equal(codeOf(error), "agent.failed");
	assert.match(error.message, /look at stderr/);
	await troupe.program.line(/agent\.stderr .*the disk is on fire/);
	assert.equal((await eventsOf(ann)).filter(({ payload }) => payload.error?.code === -32603).length, 1);
	assert.equal((await failureOf(ann.conn.prompt({ userId: "ann", text: "again", promptId: "p" }))).message, error.message);
});

test("[S32, F31] an update after the response, and one without any turn, is logged and told", async (stage) => {
	const { ann, wrote } = await upstream(stage);

	assert.equal(await outcome(ann, "p", "!late 300"), "end_turn");
	await ann.until("a late word", () => ann.said === "late");
	assert.ok(ann.heard.findIndex(({ data }) => data.state === "done") < ann.heard.findIndex(({ data }) => data.payload?.params?.update?.content?.text === "late"));
	assertFaithful(await eventsOf(ann), wrote);
});

test("[F38] an update of 1 MiB, and one of 12, each whole in the log", async (stage) => {
	const { troupe, ann } = await upstream(stage);

	for (const bytes of [1 << 20, 12 << 20])
		assert.equal(await outcome(ann, `p${bytes}`, `!big ${bytes}`), "end_turn");
	await ann.turn(`p${12 << 20}`, "done");
	const cut = ann.heard.filter(({ data }) => JSON.stringify(data.payload ?? {}).includes(`"truncated":true`)).map(({ data }) => data);

	assert.equal(cut.length, 2);
	for (const [i, { seq }] of cut.entries()) {
		const { data } = await (await stage.client(troupe).workspace.getOrCreate(["w"]).fetch(`/events/${seq}`)).json();

		assert.equal(data.payload.params.update.content.text.length, [1 << 20, 12 << 20][i]);
	}
});

test("a line of 100 MB is dropped with its size in the log, and the server stays small", async (stage) => {
	const { troupe, ann } = await upstream(stage, { direct: true });

	assert.equal(await outcome(ann, "p", "!big 100000000"), "end_turn");
	await assertCalmThen(ann);
	const [{ payload: { params } }] = (await eventsOf(ann)).filter(({ payload }) => payload.method === "_troupe/oversize");

	assert.ok(params.bytes > 100_000_000);
	/* what may be kept of one event, twice while its buffer grows, and a server that does nothing. The sanitizer keeps what was
	 * freed for a while: all that the buffer has been while it grew, which is once more as much. */
	assert.ok(peakOf(troupe) < ((SANITIZED ? 4 : 2) * 64 + 64) << 20, `${peakOf(troupe)} bytes`);
});

/** Most that was ever in memory, in bytes. */
const peakOf = (troupe) => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${troupe.serverPid}/status`, "utf8"))[1]) * 1024;

/* ------------------------------------------------------------------ how they end */

for (const step of ["initialize", "session/new"])
	test(`[S43, F7] an agent that dies in ${step} fails the prompt at once, and the next one works`, async (stage) => {
		const { sandbox, ann } = await upstream(stage, { env: { AGENT_DIE_IN: step } });

		assert.match(await outcome(ann, "p", "hello"), /^agent\.(exited|crash_loop)$/);
		await sandbox.stop();
		delete sandbox.env.AGENT_DIE_IN;
		await sandbox.start();
		await assertCalmThen(ann);
	});

test("[S43, F13] an agent that is killed in mid-turn has all it said in the log, and the next prompt works", async (stage) => {
	const { ann, wrote } = await upstream(stage);
	const turn = outcome(ann, "p", "!chunks 500 5");

	await ann.until("some words", () => ann.said.includes("chunk 50 "));
	agentsOf(stage).forEach((pid) => kill(pid));
	assert.equal(await turn, "agent.exited");
	await assertCalmThen(ann);
	assertFaithful(await eventsOf(ann), wrote);
});

test("[S43, F14] an agent that died unnoticed, its stream being cut: its last words are in the log before it is replaced", async (stage) => {
	const { road, ann, wrote } = await upstream(stage);

	assert.equal(await outcome(ann, "before", "!then-crash 400"), "end_turn");
	road.plan = ({ kind }) => kind === "stream" ? { delayMs: 1500 } : null;
	road.cutStreams();
	await eventually("the agent has crashed", () => agentsOf(stage).length === 0);
	assert.match(await outcome(ann, "p", "hello"), /^(agent\.exited|end_turn)$/);
	road.plan = () => null;
	await assertCalmThen(ann);
	const log = await eventsOf(ann);

	assertFaithful(log, wrote);
	assert.equal(log.filter(({ payload }) => payload.method === "_adapter/agent_exited").length, 1);
});

test("[S49, F18] an agent that reads no more: its turn can be cancelled, it is replaced, and the next prompt works", async (stage) => {
	const { ann } = await upstream(stage, { args: ["--log-level", "debug", "--message-size", "1M"] });

	assert.equal(await outcome(ann, "before", "!freeze-after"), "end_turn");
	const turn = outcome(ann, "p", "x".repeat(400 * 1024));

	await ann.turn("p", "running");
	ann.conn.cancel({ promptId: "p" }).catch(() => {});
	await ann.turn("p", "agent_unresponsive");
	await ann.conn.restartAgent({});
	assert.equal(await turn, "agent.unresponsive");
	await assertCalmThen(ann);
});

/* ------------------------------------------------------------------ what they are told of the past */

test("[S45] after a restart of the sandbox the new agent is told the newest of what was said, once", async (stage) => {
	const { sandbox, ann } = await upstream(stage);

	for (let n = 1; n <= 3; n++) {
		assert.equal(await outcome(ann, `word-${n}`, `the word ${n}`), "end_turn");
		await sandbox.stop("SIGKILL");
		await sandbox.start();
		await ann.until("an agent again", () => ann.of("sandbox.state").filter(({ state }) => state === "ready").length > n);
	}
	const before = ann.said.length;

	assert.equal(await outcome(ann, "said", "!said"), "end_turn");
	const said = ann.said.slice(before);

	for (let n = 1; n <= 3; n++)
		assert.equal(said.split(`User ann: the word ${n}`).length, 2, `${n} once: ${said}`);
	assert.equal(said.split("This continues").length, 2, "no text of this kind inside of another");
});

test("[S59] an agent that lives on when its server is killed is ended before the next one begins", async (stage) => {
	const { sandbox, road, ann } = await upstream(stage, { env: { AGENT_STUBBORN: "1" } });

	await assertCalmThen(ann);
	await road.until("the sandbox's processes", () => road.of("processes").some(({ closed }) => closed === "answered"));
	const before = agentsOf(stage);

	await sandbox.stop("SIGKILL");
	assert.deepEqual(agentsOf(stage), before, "it lives on");
	await sandbox.start();
	assert.equal(await outcome(ann, "after", "hello"), "end_turn");
	assert.ok(agentsOf(stage).every((pid) => !before.includes(pid)));
	stage.atEnd(() => agentsOf(stage).forEach((pid) => kill(pid)));
});

/* ------------------------------------------------------------------ how they are not there */

test("[F5] an agent that is not installed is agent.not_available, in the server's words", async (stage) => {
	const { ann } = await upstream(stage, { env: { SANDBOX_AGENT_REQUIRE_PREINSTALL: "1" }, args: ["--agent", "codex"] });

	assert.equal(await outcome(ann, "p", "hello"), "agent.not_available");
});

test("[F5] an agent whose installation fails is agent.not_available, and nothing is tried by itself", async (stage) => {
	const nowhere = "http://127.0.0.1:1";
	const { road, ann } = await upstream(stage, { env: { HTTPS_PROXY: nowhere, https_proxy: nowhere, ALL_PROXY: nowhere }, args: ["--agent", "codex"] });

	assert.equal(await outcome(ann, "p", "hello"), "agent.not_available");
	assert.equal(road.asking("initialize").length, 1);
});

test("[F27] text with half of a character is not sent on as such", async (stage) => {
	const { ann } = await upstream(stage);
	const end = await outcome(ann, "p", "half \ud800 of it");

	assert.equal(end, "end_turn");
	assert.match(ann.said, /^You said: half \ufffd+ of it\.$/);
});
