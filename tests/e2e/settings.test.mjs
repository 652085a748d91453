// SPDX-License-Identifier: Apache-2.0
/* Modes, models and other options of the agent: chosen by people, seen by all, the same again in each new life of the agent. */

import assert from "node:assert/strict";
import { test } from "./kit/stage.mjs";

const optionOf = ({ configOptions }, id) => configOptions.find((option) => option.id === id)?.currentValue;
const currents = (config) => [config.modes.currentModeId, ...["mode", "model", "effort", "web"].map((id) => optionOf(config, id))];

async function room(stage, options) {
	const troupe = await stage.troupe({ sandbox: "local", ...options });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await ann.event("session.config");
	return { troupe, ann };
}

const refused = (promise) => promise.then(() => assert.fail("it was taken"), ({ group, code, message }) => [`${group}.${code}`, message]);

async function saidBy(ann, promptId) {
	const before = ann.said.length;

	await ann.conn.prompt({ userId: "ann", text: "!chosen", promptId });
	return ann.said.slice(before);
}

test("what is chosen is set in the agent, shown by getSessionInfo and told to everybody", async (stage) => {
	const { troupe, ann } = await room(stage);
	const bob = stage.join(troupe, "w", { userId: "bob" });

	assert.deepEqual(currents(await ann.conn.getSessionInfo()), ["ask", "ask", "small", "low", false]);
	await ann.conn.setMode({ modeId: "plan" });
	await ann.conn.setModel({ model: "large", sessionId: "default" });
	await ann.conn.setThoughtLevel({ level: "high" });
	await ann.conn.setConfigOption({ configId: "web", value: true });
	const info = await ann.conn.getSessionInfo();

	assert.deepEqual(currents(info), ["plan", "plan", "large", "high", true]);
	assert.equal(await saidBy(ann, "p1"), "plan large high true");
	const told = await bob.event("session.config", (config) => optionOf(config, "web") === true);

	assert.deepEqual([told.modes, told.configOptions, told.sessionId], [info.modes, info.configOptions, "default"]);
	assert.equal(ann.of("session.config").length, 5);
});

test("[S20] an error names what may be chosen", async (stage) => {
	const { ann } = await room(stage);

	assert.deepEqual(await refused(ann.conn.setMode({ modeId: "fly" })),
		["agent.not_offered", 'There is no mode "fly". The agent has: ask, code, plan.']);
	assert.deepEqual(await refused(ann.conn.setModel({ model: "huge" })),
		["agent.not_offered", 'The option "model" cannot be "huge". The agent offers: small, large.']);
	assert.deepEqual(await refused(ann.conn.setThoughtLevel({ level: "none" })),
		["agent.not_offered", 'The option "effort" cannot be "none". The agent offers: low, high.']);
	assert.deepEqual(await refused(ann.conn.setConfigOption({ configId: "colour", value: "red" })),
		["agent.not_offered", 'The agent has no option of id "colour". It has: model, mode, effort, web.']);
	assert.deepEqual(await refused(ann.conn.setMode({ modeId: "code", sessionId: "other" })),
		["session.unknown", "There is no such session."]);
});

test("an agent's own error to a choice reaches whoever chose, with its words, its code and its data", async (stage) => {
	const { troupe, ann } = await room(stage, { env: { AGENT_FAIL: "session/set_config_option" } });
	const handle = stage.client(troupe).workspace.get(["w"]);

	for (const by of [ann.conn, handle]) /* WebSocket, HTTP */
		for (const choice of [by.setModel({ model: "large" }), by.setConfigOption({ configId: "web", value: true })]) {
			const error = await choice.then(() => assert.fail("it was taken"), (refusal) => refusal);

			assert.equal(`${error.group}.${error.code}`, "agent.failed");
			assert.match(error.message, /told to fail/);
			assert.deepEqual(error.metadata, { code: -32603, data: { method: "session/set_config_option" } });
		}
	await ann.conn.setMode({ modeId: "code" });
	assert.equal(await saidBy(ann, "p1"), "code small low false");
});

test("[S21] an agent that has its mode as an option only is told so", async (stage) => {
	const { ann } = await room(stage, { env: { AGENT_NO_SET_MODE: "1" } });

	await ann.conn.setMode({ modeId: "code" });
	assert.equal(await saidBy(ann, "p1"), "code small low false");
	assert.deepEqual(currents(await ann.conn.getSessionInfo()), ["code", "code", "small", "low", false]);
});

test("[S22] what the agent changes by itself is followed, in its mode and in its options", async (stage) => {
	const { ann } = await room(stage);

	await ann.conn.prompt({ userId: "ann", text: "!mode code" });
	await ann.conn.prompt({ userId: "ann", text: "!model large" });
	assert.deepEqual(currents(await ann.conn.getSessionInfo()), ["code", "code", "large", "low", false]);
});

test("an agent that offers nothing by itself is looked up in the sandbox", async (stage) => {
	const { ann } = await room(stage, { env: { AGENT_PLAIN: "1" } });
	const info = await ann.conn.getSessionInfo();

	assert.equal(info.modes, undefined);
	assert.deepEqual(info.configOptions.map(({ category }) => category), ["model", "mode", "thought_level"]);
	assert.deepEqual(await refused(ann.conn.setModel({ model: "mock-fast" })), ["agent.failed", "Method not found"]);
});

const LIVES = {
	"the end of the agent": async ({ ann }) => ann.conn.prompt({ userId: "ann", text: "!crash" }).catch(() => {}),
	"kill -9 of the server": async ({ troupe }) => troupe.crash(),
	"a restart of everything": async ({ troupe }) => { await troupe.stop(); await troupe.start(); },
};

for (const [what, end] of Object.entries(LIVES)) {
	test(`[S23] the choice survives ${what}`, async (stage) => {
		const { troupe, ann } = await room(stage);

		await ann.conn.setMode({ modeId: "code" });
		await ann.conn.setModel({ model: "large" });
		await ann.conn.setThoughtLevel({ level: "high" });
		await ann.conn.setConfigOption({ configId: "web", value: true });
		await end({ troupe, ann });
		const bob = stage.join(troupe, "w", { userId: "bob" });

		await bob.conn.prompt({ userId: "bob", text: "!chosen" });
		assert.ok(bob.said.endsWith("code large high true"), bob.said);
		assert.deepEqual(currents(await bob.conn.getSessionInfo()), ["code", "code", "large", "high", true]);
	});
}

test("the choice survives a restart of the sandbox", async (stage) => {
	const sandbox = await (await stage.sandbox()).start();
	const { ann } = await room(stage, { sandbox: sandbox.url, args: ["--agent", "mock"] });

	await ann.conn.setModel({ model: "large" });
	await sandbox.stop("SIGKILL");
	await sandbox.start();
	await ann.event("sandbox.state", ({ state }) => state === "lost");
	assert.equal(await saidBy(ann, "after"), "ask large low false");
});

test("[S19] a workspace begins as its creator wants it, or says why it cannot", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const { workspace } = stage.client(troupe);
	const good = workspace.getOrCreate(["good"], { createWithInput: { mode: "plan", model: "large", thoughtLevel: "high" } });
	const bad = workspace.getOrCreate(["bad"], { createWithInput: { model: "huge" } });

	await good.prompt({ userId: "ann", text: "hello" });
	assert.deepEqual(currents(await good.getSessionInfo()), ["plan", "plan", "large", "high", false]);
	assert.deepEqual(await refused(bad.prompt({ userId: "ann", text: "hello" })),
		["agent.not_offered", 'The option "model" cannot be "huge". The agent offers: small, large.']);
});
