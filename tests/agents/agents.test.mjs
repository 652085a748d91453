// SPDX-License-Identifier: Apache-2.0
/* The rows of spec/sandbox-agent.md 10 that are marked R, with the real codex-acp and claude-agent-acp and a model of our own:
 * make test-agents. */

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { commandOf, kill, markedWith } from "../e2e/kit/process.mjs";
import { test } from "../e2e/kit/stage.mjs";
import { poll } from "../e2e/kit/wait.mjs";
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

const agentsOf = (stage) => markedWith(stage.mark).filter((pid) => /codex-acp|claude/.test(commandOf(pid)) && !/troupe serve/.test(commandOf(pid)));

async function room(stage, agent, env = {}) {
	const sandbox = await stage.sandbox(env);
	const model = await startModel();

	stage.atEnd(model.stop);
	stage.atEnd(() => agentsOf(stage).forEach((pid) => kill(pid))); /* they live on when their server ends */
	AGENTS[agent](path.join(sandbox.folder, "home"), path.join(sandbox.folder, "data/sandbox-agent/bin"), model.port);
	await sandbox.start();
	const troupe = await stage.troupe({ sandbox: sandbox.url, args: ["--agent", agent] });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await ann.connected();
	return { sandbox, troupe, ann };
}

const prompt = (ear, promptId, text) => ear.conn.prompt({ userId: "ann", text, promptId });
const restoredOf = (ear) => ear.of("session.event").filter(({ payload }) => payload.method === "_troupe/restored").map(({ payload }) => payload.params.how);

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
		const { sandbox, ann } = await room(stage, agent);

		assert.equal((await prompt(ann, "p", "remember this")).stopReason, "end_turn");
		await new Promise((done) => setTimeout(done, 3000)); /* for the sandbox to have told of its processes */
		const before = agentsOf(stage);

		await sandbox.stop("SIGKILL");
		await sandbox.start();
		assert.equal((await prompt(ann, "q", "and on")).stopReason, "end_turn");
		await ann.turn("q", "done");
		assert.deepEqual(restoredOf(ann), ["resume"]);
		assert.ok(await poll(10, () => agentsOf(stage).every((pid) => !before.includes(pid))), "[S59]");
	});

	test(`[S47] ${agent}: kill -9 of ours in mid-turn, and the turn goes on`, async (stage) => {
		const { troupe, ann } = await room(stage, agent);

		prompt(ann, "p", "one two three four five six seven eight nine ten SLOW: 300").catch(() => {});
		await ann.until("the first word", () => ann.said.length > 0);
		await troupe.crash();
		await ann.turn("p", "done");
		assert.match(ann.said, /nine ten/);
	});
}
