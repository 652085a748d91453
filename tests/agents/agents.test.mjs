// SPDX-License-Identifier: Apache-2.0
/* The rows of spec/sandbox-agent.md 10 that are marked R, with the real codex-acp and claude-agent-acp and a model of our own:
 * make test-agents. */

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { commandOf, isAlive, kill, markedWith } from "../e2e/kit/process.mjs";
import { putToSleep } from "../e2e/kit/sleep.mjs";
import { test } from "../e2e/kit/stage.mjs";
import { eventually } from "../e2e/kit/wait.mjs";
import { startModel } from "./model.mjs";

const MODULES = path.join(import.meta.dirname, "node_modules");

function script(file, ...lines) {
	mkdirSync(path.dirname(file), { recursive: true });
	writeFileSync(file, ["#!/bin/sh", ...lines, ""].join("\n"));
	chmodSync(file, 0o755);
}

/* How each is started, and told where its model is. */
const AGENTS = {
	codex(home, bin, port) {
		mkdirSync(path.join(home, ".codex"), { recursive: true });
		writeFileSync(path.join(home, ".codex/config.toml"), [
			`model = "fake-model"`, `model_provider = "fake"`, `approval_policy = "untrusted"`, `sandbox_mode = "danger-full-access"`,
			`check_for_update_on_startup = false`, `[model_providers.fake]`, `name = "Fake"`, `base_url = "http://127.0.0.1:${port}/v1"`,
			`wire_api = "responses"`, `env_key = "OPENAI_API_KEY"`, `request_max_retries = 0`, `stream_max_retries = 0`,
			`[analytics]`, `enabled = false`, ``,
		].join("\n"));
		script(path.join(bin, "codex"), "exit 0");
		script(path.join(bin, "agent_processes/codex-acp"), `export CODEX_HOME='${home}/.codex' OPENAI_API_KEY=sk-fake`,
			`exec '${MODULES}/@zed-industries/codex-acp-linux-x64/bin/codex-acp' "$@"`);
	},
	claude(home, bin, port) {
		script(path.join(bin, "claude"), "exit 0");
		script(path.join(bin, "agent_processes/claude-acp"),
			`export ANTHROPIC_BASE_URL=http://127.0.0.1:${port} ANTHROPIC_API_KEY=sk-ant-fake IS_SANDBOX=1 CLAUDE_CONFIG_DIR='${home}/.claude'`,
			`export CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_TELEMETRY=1 DISABLE_AUTOUPDATER=1`,
			`exec node '${MODULES}/@zed-industries/claude-agent-acp/dist/index.js' "$@"`);
	},
};

const agentsOf = (stage) => markedWith(stage.mark)
	.filter((pid) => isAlive(pid) && /codex-acp|claude/.test(commandOf(pid)) && !/troupe serve/.test(commandOf(pid)));
const areGone = (pids) => eventually("they are gone [S58]", () => !pids.some(isAlive));

async function destroy(troupe, id) {
	const answer = await fetch(`${troupe.url}/actors/${id}`, { method: "DELETE" });

	assert.equal(answer.status, 200, await answer.text());
}

/* Whatever a test did: with its workspaces go their agents. */
async function destroyAll(stage, troupe) {
	const { actors } = await (await fetch(`${troupe.url}/actors?name=workspace`)).json();

	for (const { actor_id } of actors)
		await destroy(troupe, actor_id);
	assert.ok(await areGone(agentsOf(stage)), `[S59] ${agentsOf(stage).map(commandOf)}`);
}

async function room(stage, agent, env = {}) {
	const sandbox = await stage.sandbox(env);
	const model = await startModel();

	stage.atEnd(model.stop);
	stage.atEnd(() => agentsOf(stage).forEach((pid) => kill(pid))); /* they live on when their server ends */
	AGENTS[agent](path.join(sandbox.folder, "home"), path.join(sandbox.folder, "data/sandbox-agent/bin"), model.port);
	await sandbox.start();
	const road = await stage.road(sandbox);
	const troupe = await stage.troupe({ sandbox: road.url, args: ["--agent", agent] });

	stage.atEnd(() => destroyAll(stage, troupe)); /* when all who listen, who would make them anew, have left */
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await ann.connected();
	return { sandbox, road, troupe, ann };
}

/* So that a server that is killed has told before who its agents are. */
const toldOfProcesses = (road) => road.until("the sandbox's processes", () => road.of("processes").some(({ closed }) => closed === "answered"));

const prompt = (ear, promptId, text) => ear.conn.prompt({ userId: "ann", text, promptId });
const restoredOf = (ear) => ear.of("session.event").filter(({ payload }) => payload.method === "_troupe/restored").map(({ payload }) => payload.params.how);

/* What a person may choose, and what the model is then asked as. */
const CHOICES = { codex: ["gpt-5.4", /^gpt-5\.4\.$/], claude: ["haiku", /^claude-\S*haiku\S*\.$/] };

const LIVES = {
	"kill -9 of the sandbox": async ({ sandbox, road }) => { await toldOfProcesses(road); await sandbox.stop("SIGKILL"); await sandbox.start(); },
	"kill -9 of the agent": async ({ stage, ann }) => {
		agentsOf(stage).forEach((pid) => kill(pid));
		await ann.event("session.event", ({ payload }) => payload.method === "_adapter/agent_exited");
	},
	"sleep": async ({ stage, troupe, ann }) => { await ann.close(); await putToSleep(troupe, stage.client(troupe).workspace.get(["w"])); },
	"kill -9 of ours": async ({ troupe }) => troupe.crash(),
	"a restart of ours": async ({ troupe }) => { await troupe.stop(); await troupe.start(); },
};

async function modelOf(ear, promptId) {
	await prompt(ear, promptId, "WHO are you?");
	await ear.turn(promptId, "done");
	return ear.said.split("I am ").at(-1);
}

/* When ours is killed, as the road sees it: the agent's end is on its way, and the sandbox has forgotten it already or not yet. */
const MOMENTS = {
	"when its workspace is just destroyed": () => true,
	"while its DELETE hangs": (road) => road.of("delete").length > 0,
	"when its DELETE was given up": (road) => road.of("delete").some(({ closed }) => closed),
};

for (const agent of Object.keys(AGENTS)) {
	test(`${agent}: a turn, with its words`, async (stage) => {
		const { ann } = await room(stage, agent);

		assert.equal((await prompt(ann, "p", "hello there")).stopReason, "end_turn");
		await ann.turn("p", "done");
		assert.match(ann.said, /You said: [^]*hello there/);
	});

	test(`[S13] ${agent}: a turn longer than the server holds its POST`, async (stage) => {
		const { ann } = await room(stage, agent, { SANDBOX_AGENT_ACP_REQUEST_TIMEOUT_MS: "1500" });

		assert.equal((await prompt(ann, "p", "one two three four five six seven eight SLOW: 400")).stopReason, "end_turn");
	});

	test(`[S27] ${agent}: a second prompt waits for the first, and both are answered`, async (stage) => {
		const { ann } = await room(stage, agent);
		const ends = await Promise.all([prompt(ann, "p1", "first of two SLOW: 200"), prompt(ann, "p2", "second of two")]);

		assert.deepEqual(ends.map(({ stopReason }) => stopReason), ["end_turn", "end_turn"]);
		const order = ann.of("turn.state").filter(({ state }) => state === "running" || state === "done").map(({ promptId, state }) => `${promptId} ${state}`);

		assert.deepEqual(order.slice(0, 4), ["p1 running", "p1 done", "p2 running", "p2 done"]);
	});

	test(`[S30] ${agent}: a running turn is cancelled, and the next prompt works`, async (stage) => {
		const { ann } = await room(stage, agent);
		const turn = prompt(ann, "p", "one two three four five six seven eight nine ten SLOW: 1000");

		turn.catch(() => {});
		await ann.until("the first word", () => ann.said.length > 0);
		await ann.conn.cancel({ promptId: "p" });
		await ann.turn("p", "cancelled");
		assert.equal((await prompt(ann, "q", "and now?")).stopReason, "end_turn");
	});

	test(`[S37] ${agent}: a permission waits for whoever comes, and is answered once`, async (stage) => {
		const { troupe, ann } = await room(stage, agent);

		prompt(ann, "p", `RUN: touch ${stage.folder("touched")}`).catch(() => {});
		await ann.event("permission.request");
		await ann.close();
		const late = stage.join(troupe, "w", { userId: "late" });
		const { permissionId } = await late.event("permission.request");

		await late.conn.respondPermission({ permissionId, reply: "once", userId: "late" });
		await late.turn("p", "done");
		assert.match(late.said, /It ran\./);
	});

	test(`[S44] ${agent}: after kill -9 of the sandbox its session is resumed, and the old process is gone`, async (stage) => {
		const { sandbox, road, ann } = await room(stage, agent);

		assert.equal((await prompt(ann, "p", "remember this")).stopReason, "end_turn");
		await toldOfProcesses(road);
		const before = agentsOf(stage);

		await sandbox.stop("SIGKILL");
		await sandbox.start();
		assert.equal((await prompt(ann, "q", "and on")).stopReason, "end_turn");
		await ann.turn("q", "done");
		assert.deepEqual(restoredOf(ann), ["resume"]);
		await eventually("[S59] the old ones are gone", () => agentsOf(stage).every((pid) => !before.includes(pid)));
	});

	test(`[S47] ${agent}: kill -9 of ours in mid-turn, and the turn goes on`, async (stage) => {
		const { troupe, ann } = await room(stage, agent);

		prompt(ann, "p", "one two three four five six seven eight nine ten SLOW: 300").catch(() => {});
		await ann.until("the first word", () => ann.said.length > 0);
		await troupe.crash();
		await ann.turn("p", "done");
		assert.match(ann.said, /nine ten/);
	});

	for (const [what, end] of Object.entries(LIVES))
		test(`[S23] ${agent}: the chosen model survives ${what}`, async (stage) => {
			const { ann, troupe, ...rest } = await room(stage, agent);
			const [model, asWhom] = CHOICES[agent];

			assert.doesNotMatch(await modelOf(ann, "before"), asWhom);
			await ann.conn.setModel({ model });
			assert.match(await modelOf(ann, "chosen"), asWhom);
			await end({ stage, ann, troupe, ...rest });
			const bob = stage.join(troupe, "w", { userId: "bob" });

			assert.match(await modelOf(bob, "after"), asWhom);
			const { configOptions } = await bob.conn.getSessionInfo();

			assert.equal(configOptions.find(({ category }) => category === "model").currentValue, model);
		});

	test(`[S58] ${agent}: the agent of a destroyed workspace is ended; its neighbour's works on`, async (stage) => {
		const { troupe, ann } = await room(stage, agent);

		assert.equal((await prompt(ann, "p", "hello")).stopReason, "end_turn");
		const its = agentsOf(stage);
		const bob = stage.join(troupe, "neighbour", { userId: "bob" });
		const turn = prompt(bob, "q", "one two three four five six seven eight nine ten SLOW: 500");

		await bob.until("the first word", () => bob.said.length > 0);
		const others = agentsOf(stage).filter((pid) => !its.includes(pid));

		assert.ok(its.length > 0 && others.length > 0);
		await ann.close();
		await destroy(troupe, await stage.client(troupe).workspace.get(["w"]).resolve());
		assert.ok(await areGone(its));
		assert.equal((await turn).stopReason, "end_turn");
		assert.match(bob.said, /nine ten/);
		assert.deepEqual(agentsOf(stage), others);
	});

	for (const [moment, hasCome] of Object.entries(MOMENTS))
		test(`[S59] ${agent}: kill -9 of ours ${moment}, and the agent is ended by the next`, async (stage) => {
			const { troupe, road, ann } = await room(stage, agent);

			assert.equal((await prompt(ann, "p", "hello")).stopReason, "end_turn");
			const its = agentsOf(stage);

			await ann.close();
			await destroy(troupe, await stage.client(troupe).workspace.get(["w"]).resolve());
			await road.until(moment, () => hasCome(road));
			await troupe.crash();
			await troupe.program.line(/debt\.paid/);
			assert.ok(await areGone(its));
		});
}
