// SPDX-License-Identifier: Apache-2.0
/* The official SDK's provider modules behind Troupe: Daytona with its own SDK against a service of ours on loopback, the SDK's `local`, and
 * a module of one's own. The sandbox-agents are real. */

import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Daytona } from "./kit/daytona.mjs";
import { Person } from "./kit/page.mjs";
import { ROOT, commandOf, isAlive, kill, markedWith, sandboxAgent } from "./kit/process.mjs";
import { freePort } from "./kit/ports.mjs";
import { Sandbox } from "./kit/sandbox.mjs";
import { putToSleep } from "./kit/sleep.mjs";
import { test } from "./kit/stage.mjs";
import { eventually } from "./kit/wait.mjs";

const MODULES = path.join(ROOT, "tests/providers");
const codeOf = ({ group, code }) => `${group}.${code}`;
const failureOf = (promise) => promise.then((answer) => assert.fail(JSON.stringify(answer)), (error) => error);
const bridges = (stage) => markedWith(stage.mark).filter((pid) => isAlive(pid) && /bridge\/main\.mjs/.test(commandOf(pid)));

function optionsFile(stage, options) {
	const file = stage.folder("providers.json");

	writeFileSync(file, JSON.stringify(options));
	return file;
}

async function withDaytona(stage, { args = ["--allow-private-sandboxes"], options = {}, keep = {} } = {}) {
	let number = 0;
	const daytona = await new Daytona(async () => new Sandbox({
		folder: stage.folder(`box${number++}`), mark: stage.mark, port: await freePort(), env: keep })).open();

	stage.atEnd(() => daytona.close());
	const troupe = stage.unstarted({
		sandbox: "none", env: daytona.env,
		args: [
			"--provider", "daytona", "--provider-modules", MODULES, "--cwd", "/tmp",
			"--provider-options", optionsFile(stage, { daytona: options }), ...args,
		],
	});

	return { daytona, troupe: await troupe.start() };
}

const prompt = (ear, text) => ear.conn.prompt({ userId: "ann", text });

async function destroy(stage, troupe, ear, key) {
	await ear.close();
	const id = await stage.client(troupe).workspace.get([key]).resolve();

	assert.equal((await fetch(`${troupe.url}/actors/${id}`, { method: "DELETE" })).status, 200);
}

test("a Daytona sandbox is made for a workspace, used, and deleted with it", async (stage) => {
	const { daytona, troupe } = await withDaytona(stage, { options: { create: { labels: { troupe: "made-{seed}" } } } });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	assert.equal((await prompt(ann, "hello")).stopReason, "end_turn");
	assert.equal(ann.said, "You said: hello.");
	assert.equal((await ann.conn.getSessionInfo()).sandboxId, "daytona/sb-1");
	assert.deepEqual(ann.of("sandbox.state").map(({ state }) => state), ["creating", "starting", "ready"]);
	assert.equal(daytona.created.length, 1);
	assert.match(daytona.created[0].labels.troupe, /^made-[0-9a-z]{38}$/);
	await destroy(stage, troupe, ann, "w");
	await troupe.program.line(/debt\.paid .*sandbox="daytona\/sb-1" how=destroyed/);
	assert.equal(daytona.count("DELETE /sandbox/sb-1"), 1);
	assert.ok(!troupe.program.text.includes("dtn_secret_key"), "a key in the log");
});

test("where an address of a service may not be private, it is not asked", async (stage) => {
	const { daytona, troupe } = await withDaytona(stage, { args: [] });
	const ann = stage.join(troupe, "w", { userId: "ann" });
	const error = await failureOf(prompt(ann, "hello"));

	assert.equal(codeOf(error), "sandbox.unreachable");
	assert.match(error.message, /--allow-private-sandboxes/);
	assert.equal(daytona.created.length, 1);
});

test("a sandbox that moved is found at its new address", async (stage) => {
	const { daytona, troupe } = await withDaytona(stage);
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await prompt(ann, "hello");
	const box = daytona.sandboxes.get("sb-1");

	await box.sandbox.stop();
	box.sandbox = new Sandbox({ ...box.sandbox, port: await freePort() });
	await box.sandbox.start();
	await troupe.program.line(/sandbox\.moved/);
	assert.equal((await prompt(ann, "are you there?")).stopReason, "end_turn");
	assert.equal(daytona.created.length, 1);
});

test("a sandbox that was deleted behind our back is lost, and another is made", async (stage) => {
	const { daytona, troupe } = await withDaytona(stage);
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await prompt(ann, "remember the swordfish");
	const { sandbox } = daytona.sandboxes.get("sb-1");

	daytona.sandboxes.delete("sb-1");
	await sandbox.stop();
	await ann.event("sandbox.state", ({ state, sandboxId }) => state === "ready" && sandboxId === "daytona/sb-2");
	assert.equal((await prompt(ann, "!said")).stopReason, "end_turn");
	assert.match(ann.said, /swordfish[^]*swordfish/, "the new agent was told");
	assert.ok(ann.of("sandbox.state").some(({ state, sandboxId }) => state === "lost" && sandboxId === "daytona/sb-1"));
});

test("at the page, a workspace whose sandbox is lost waits for somebody to have a new one made", async (stage) => {
	const { daytona, troupe } = await withDaytona(stage);

	await stage.client(troupe).workspace.create(["w"], { input: { sandbox: { provider: "daytona", whenLost: "ask" } } });
	const ann = await Person.join(stage, troupe, "Ann", "w");

	await ann.say("hello");
	await ann.turnsEnd(1);
	const { sandbox } = daytona.sandboxes.get("sb-1");

	daytona.sandboxes.delete("sb-1");
	await sandbox.stop();
	await ann.at("banner-button").filter({ hasText: "Make a new one" }).waitFor();
	await ann.picture("desktop-sandbox-lost");
	assert.equal(daytona.sandboxes.size, 0, "nobody made one unasked");
	await ann.at("banner-button").click();
	await ann.say("and now?");
	await ann.turnsEnd(2);
	assert.deepEqual(ann.problems, []);
});

test("[S65] the bridge may be killed at any time", async (stage) => {
	const { daytona, troupe } = await withDaytona(stage);
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await prompt(ann, "hello");
	bridges(stage).forEach((pid) => kill(pid));
	await troupe.program.line(/bridge\.exit .*signal=9/);
	assert.equal((await prompt(ann, "still here?")).stopReason, "end_turn");
	await destroy(stage, troupe, ann, "w");
	await troupe.program.line(/debt\.paid .*how=destroyed/);
	assert.equal(daytona.sandboxes.size, 0);
});

test("what was being made when the server was killed does not stay", async (stage) => {
	const { daytona, troupe } = await withDaytona(stage);
	const ann = stage.join(troupe, "w", { userId: "ann" });

	daytona.holding = true;
	const lost = prompt(ann, "hello").catch(() => {});

	await daytona.until("a sandbox being made", () => daytona.created.length === 1);
	await troupe.crash();
	await daytona.until("another being made", () => daytona.created.length === 2);
	await troupe.program.line(/sandbox\.unknown .*provider=daytona/);
	daytona.release();
	await daytona.until("the first one's end", () => daytona.count("DELETE /sandbox/sb-1") === 1);
	await lost;
	assert.equal((await prompt(ann, "hello again")).stopReason, "end_turn");
	assert.deepEqual([...daytona.sandboxes.keys()], ["sb-2"]);
});

test("a service that is out of order when a workspace ends is asked again, by the next server", async (stage) => {
	const { daytona, troupe } = await withDaytona(stage);
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await prompt(ann, "hello");
	daytona.failing = true;
	await destroy(stage, troupe, ann, "w");
	await troupe.program.line(/debt\.unpaid .*out of order/);
	await troupe.crash();
	assert.equal(daytona.sandboxes.size, 1);
	daytona.failing = false;
	await troupe.program.line(/debt\.paid .*how=destroyed/);
	assert.equal(daytona.sandboxes.size, 0);
});

test("a service that refuses fails who waits with its words, and is asked again with the next prompt", async (stage) => {
	const { daytona, troupe } = await withDaytona(stage);
	const ann = stage.join(troupe, "w", { userId: "ann" });

	daytona.failing = true;
	const error = await failureOf(prompt(ann, "hello"));

	assert.equal(codeOf(error), "sandbox.not_created");
	assert.match(error.message, /out of order/);
	daytona.failing = false;
	assert.equal((await prompt(ann, "hello")).stopReason, "end_turn");
});

/* ------------------------------------------------------------------ others */

test("the SDK's own local provider runs behind the bridge", async (stage) => {
	const home = new Sandbox({ folder: stage.folder("sdk"), mark: stage.mark, port: 0 });

	home.installAgent();
	const troupe = await stage.troupe({
		sandbox: "none",
		env: { SANDBOX_AGENT_BIN: sandboxAgent(), XDG_DATA_HOME: path.join(stage.folder("sdk"), "data") },
		args: [
			"--provider", "sdk", "--provider-modules", MODULES, "--cwd", "/tmp", "--provider-options",
			optionsFile(stage, { sdk: { module: "sandbox-agent/local", export: "local", log: "silent" } }),
		],
	});
	const ann = stage.join(troupe, "w", { userId: "ann" });

	assert.equal((await prompt(ann, "hello")).stopReason, "end_turn");
	assert.match((await ann.conn.getSessionInfo()).sandboxId, /^sdk\/127\.0\.0\.1:\d+$/);
	const servers = () => markedWith(stage.mark).filter((pid) => isAlive(pid) && /sandbox-agent server/.test(commandOf(pid)));

	assert.equal(servers().length, 1);
	await destroy(stage, troupe, ann, "w");
	await troupe.program.line(/debt\.paid/);
	await eventually("the sandbox has ended", () => servers().length === 0);
	markedWith(stage.mark).filter((pid) => /agent\.mjs/.test(commandOf(pid))).forEach((pid) => kill(pid)); /* it leaves them */
});

test("[S65] a provider that only gives a fetch function is reached through the bridge, streams included", async (stage) => {
	const sandbox = await stage.sandbox();

	await sandbox.start();
	const troupe = await stage.troupe({
		sandbox: "none",
		args: [
			"--provider", "tunnelled", "--provider-modules", MODULES, "--cwd", "/tmp", "--provider-options",
			optionsFile(stage, { tunnelled: { module: path.join(ROOT, "tests/e2e/kit/fetch_provider.mjs"), url: sandbox.url } }),
		],
	});
	const ann = stage.join(troupe, "w", { userId: "ann" });

	assert.equal((await prompt(ann, "!chunks 20 10")).stopReason, "end_turn");
	assert.equal(ann.said.match(/chunk/g).length, 20);
	assert.equal((await ann.conn.getSessionInfo()).sandboxId, "tunnelled/only/one");
	bridges(stage).forEach((pid) => kill(pid)); /* and the tunnel with it: another, with another secret */
	await troupe.program.line(/bridge\.exit/);
	assert.equal((await prompt(ann, "hello")).stopReason, "end_turn");
});

/* A workspace in a sandbox that is paused when it sleeps. pid: of the sandbox-agent. */
async function pausable(stage) {
	const sandbox = await (await stage.sandbox()).start();
	const told = stage.folder("told"), gate = stage.folder("gate");
	const [pid] = markedWith(stage.mark).filter((each) => /sandbox-agent.* server/.test(commandOf(each)));

	stage.atEnd(() => kill(pid, "SIGCONT"));
	const troupe = await stage.troupe({
		sandbox: "none",
		args: [
			"--provider", "pausing", "--provider-modules", MODULES, "--agent-on-sleep", "pause", "--provider-options",
			optionsFile(stage, { pausing: { module: path.join(ROOT, "tests/e2e/kit/pausing_provider.mjs"), url: sandbox.url, pid, told, gate } }),
		],
	});
	const handle = stage.client(troupe).workspace.getOrCreate(["w"]);

	await handle.prompt({ userId: "ann", text: "hello" });
	return { troupe, handle, pid, gate, asked: () => (existsSync(told) ? readFileSync(told, "utf8").trim().split("\n") : []) };
}

const isStopped = (pid) => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));

test("--agent-on-sleep pause pauses the sandbox with its workspace's sleep, and waking finds the same agent", async (stage) => {
	const { troupe, handle, pid, asked } = await pausable(stage);
	const agents = () => markedWith(stage.mark).filter((each) => isAlive(each) && /agent\.mjs/.test(commandOf(each)));
	const before = agents();

	await putToSleep(troupe, handle);
	await troupe.program.line(/sandbox\.paused .*pausing\/one/);
	await eventually("it is stopped", () => isStopped(pid)); /* a signal has no moment in which it has come */
	assert.deepEqual(asked(), ["pause one", "paused one"]);
	assert.equal((await handle.prompt({ userId: "ann", text: "and now?" })).stopReason, "end_turn");
	assert.deepEqual(asked().slice(2), ["reconnect one", "ensureServer one"]);
	assert.deepEqual(agents(), before);
	const { items } = await handle.listEvents({ limit: 1000 });

	assert.deepEqual(items.filter(({ payload }) => payload.method === "_troupe/restored").map(({ payload }) => payload.params.how), ["reattach"]);
});

test("who wakes a workspace while its sandbox is being paused waits for that; a server that ends pauses nothing", async (stage) => {
	const { troupe, handle, gate, asked } = await pausable(stage);

	writeFileSync(gate, "");
	await putToSleep(troupe, handle);
	await eventually("it is asked to pause", () => asked().includes("pause one"));
	const prompt = handle.prompt({ userId: "ann", text: "already back" });

	await troupe.program.line(/turn\.state .*state=queued/, troupe.program.lines.length);
	rmSync(gate);
	assert.equal((await prompt).stopReason, "end_turn");
	assert.deepEqual(asked(), ["pause one", "paused one", "reconnect one", "ensureServer one"]);
	await troupe.stop();
	await troupe.start();
	assert.equal((await handle.prompt({ userId: "ann", text: "again" })).stopReason, "end_turn");
	assert.deepEqual(asked().slice(4), ["reconnect one", "ensureServer one"]);
});

test("where a provider cannot pause, that is said, and the agent goes on", async (stage) => {
	const sandbox = await (await stage.sandbox()).start();
	const troupe = await stage.troupe({
		sandbox: "none",
		args: [
			"--provider", "tunnelled", "--provider-modules", MODULES, "--agent-on-sleep", "pause", "--provider-options",
			optionsFile(stage, { tunnelled: { module: path.join(ROOT, "tests/e2e/kit/fetch_provider.mjs"), url: sandbox.url } }),
		],
	});
	const handle = stage.client(troupe).workspace.getOrCreate(["w"]);

	await handle.prompt({ userId: "ann", text: "hello" });
	await putToSleep(troupe, handle);
	await troupe.program.line(/sandbox\.pause .*cannot pause/);
	assert.equal((await handle.prompt({ userId: "ann", text: "still here?" })).stopReason, "end_turn");
});

test("--agent-on-sleep pause ends a local sandbox with its workspace's sleep, and waking starts it again", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "none", args: ["--provider", "local", "--agent-on-sleep", "pause"] });
	const handle = stage.client(troupe).workspace.getOrCreate(["w"]);
	const servers = () => markedWith(stage.mark).filter((pid) => isAlive(pid) && /sandbox-agent.* server/.test(commandOf(pid)));

	await handle.prompt({ userId: "ann", text: "the first words" });
	assert.equal(servers().length, 1);
	await putToSleep(troupe, handle);
	await troupe.program.line(/sandbox\.paused/);
	assert.deepEqual(servers(), []);
	assert.equal((await handle.prompt({ userId: "ann", text: "!said" })).stopReason, "end_turn");
	const { items } = await handle.listEvents({ limit: 1000 });

	assert.match(items.map(({ payload }) => payload.params?.update?.content?.text ?? "").at(-2), /the first words/);
});

test("[S65] a provider whose package is not installed says which, and where it was looked for", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "none", args: ["--provider", "e2b", "--provider-modules", MODULES] });
	const ann = stage.join(troupe, "w", { userId: "ann" });
	const error = await failureOf(prompt(ann, "hello"));

	assert.equal(codeOf(error), "sandbox.provider_unavailable");
	assert.match(error.message, /@e2b\/code-interpreter/);
	assert.match(error.message, /tests\/providers/);
	assert.match(readFileSync(path.join(troupe.data, "bridge.log"), "utf8"), /^$/);
});
