// SPDX-License-Identifier: Apache-2.0
/* The agent's side fails: the caller gets a clear error, everybody sees it, the next prompt tries again and works, and the
 * server never ends. These servers run alone, so that no supervisor can hide their end. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { commandOf, kill, markedWith } from "./kit/process.mjs";
import { freePort } from "./kit/ports.mjs";
import { test } from "./kit/stage.mjs";
import { eventually } from "./kit/wait.mjs";

async function room(stage, options) {
	const troupe = await stage.troupe({ supervised: false, ...options });
	const [ann, bob] = ["ann", "bob"].map((userId) => stage.join(troupe, "w", { userId }));

	await Promise.all([ann.connected(), bob.connected()]);
	return { troupe, ann, bob };
}

const codeOf = ({ group, code }) => `${group}.${code}`;
const failureOf = (promise) => promise.then((answer) => assert.fail(JSON.stringify(answer)), (error) => error);

/** The prompt fails so for its caller, and so for everybody. */
async function assertFails({ ann, bob }, prompt, code) {
	const error = await failureOf(ann.conn.prompt({ userId: "ann", ...prompt }));
	const seen = await bob.turn(prompt.promptId, "failed");

	assert.equal(codeOf(error), code, error.message);
	assert.equal(codeOf(seen.error), code);
	assert.equal(seen.error.message, error.message);
	assert.ok(error.message.length > 10, error.message);
	return error;
}

async function assertWorks({ ann, bob }, promptId = "works") {
	const before = bob.said.length;

	assert.equal((await ann.conn.prompt({ userId: "ann", text: "and now?", promptId })).stopReason, "end_turn");
	await bob.turn(promptId, "done");
	assert.equal(bob.said.slice(before), "You said: and now?.");
}

const agentsOf = (stage) => markedWith(stage.mark).filter((pid) => /agent\.mjs/.test(commandOf(pid)));
const noteOf = (troupe) => JSON.parse(readFileSync(path.join(troupe.data, "sandbox.json"), "utf8"));

/* ------------------------------------------------------------------ the agent */

test("[F13, S43] an agent that exits in mid-turn fails the turn with agent.exited, and the next prompt has a new one", async (stage) => {
	const people = await room(stage, { sandbox: "local" });

	await assertFails(people, { text: "!crash 3", promptId: "p" }, "agent.exited");
	await assertWorks(people);
});

test("an agent that is killed in mid-turn fails the turn with agent.exited, and the next prompt has a new one", async (stage) => {
	const people = await room(stage, { sandbox: "local" });
	const failed = assertFails(people, { text: "!hang", promptId: "p" }, "agent.exited");

	await people.bob.until("the agent's first word", () => people.bob.said.includes("hanging"));
	agentsOf(stage).forEach((pid) => kill(pid));
	await failed;
	await assertWorks(people);
});

test("an agent that is killed between turns is replaced without anybody noticing an error", async (stage) => {
	const people = await room(stage, { sandbox: "local" });

	await assertWorks(people, "before");
	agentsOf(stage).forEach((pid) => kill(pid));
	await people.troupe.program.line(/agent\.end/); /* a prompt sent before that is lost, and fails */
	await assertWorks(people, "after");
	assert.ok(!people.bob.of("turn.state").some(({ state }) => state === "failed"));
});

test("[S15] an agent's own error reaches the caller and everybody as agent.failed, with its words, its code and its data", async (stage) => {
	const people = await room(stage, { sandbox: "local" });
	const prompt = { text: "!error -32603", promptId: "p" };
	const error = await assertFails(people, prompt, "agent.failed");
	const said = { code: -32603, data: { asked: true } };

	assert.match(error.message, /asked to fail/);
	assert.deepEqual(error.metadata, said);
	assert.deepEqual((await people.bob.turn("p", "failed")).error.metadata, said);
	for (const encoding of ["json", "cbor", "bare"]) {
		const handle = stage.client(people.troupe, { encoding }).workspace.getOrCreate(["w"]);
		const conn = handle.connect();

		for (const by of [handle, conn]) { /* HTTP, WebSocket */
			const again = await failureOf(by.prompt({ userId: "bob", ...prompt }));

			assert.equal(codeOf(again), "agent.failed");
			assert.equal(again.message, error.message);
			assert.deepEqual(again.metadata, said, encoding);
		}
		await conn.dispose();
	}
	await assertWorks(people);
});

test("an agent's error with a text for data, and with none", async (stage) => {
	const people = await room(stage, { sandbox: "local" });
	const data = await assertFails(people, { text: "!error 7 why", promptId: "p" }, "agent.failed");
	const none = await assertFails(people, { text: "!refuse 8", promptId: "q" }, "agent.failed");

	assert.deepEqual(data.metadata, { code: 7, data: "why" });
	assert.deepEqual(none.metadata, { code: 8 });
});

test("an agent that dies at each start is given up with an error, and works once it lives", async (stage) => {
	const sandbox = await stage.sandbox({ AGENT_DIE_IN: "initialize" });

	await sandbox.start();
	const people = await room(stage, { sandbox: sandbox.url });
	const error = await failureOf(people.ann.conn.prompt({ userId: "ann", text: "hello", promptId: "p" }));

	assert.match(codeOf(error), /^agent\.(crash_loop|exited)$/);
	await sandbox.stop();
	delete sandbox.env.AGENT_DIE_IN;
	await sandbox.start();
	await assertWorks(people);
});

test("[F25] an agent that wants a login is agent.auth_required", async (stage) => {
	const sandbox = await stage.sandbox({ AGENT_KEY: "some-login-by-hand" });

	await sandbox.start();
	const people = await room(stage, { sandbox: sandbox.url });

	await assertFails(people, { text: "hello", promptId: "p" }, "agent.auth_required");
});

test("[F6] an agent that the sandbox does not have is agent.not_available, and works once it is there", async (stage) => {
	const sandbox = await stage.sandbox();

	await sandbox.start();
	sandbox.removeAgent();
	const people = await room(stage, { sandbox: sandbox.url });

	await assertFails(people, { text: "hello", promptId: "p" }, "agent.not_available");
	sandbox.installAgent();
	await assertWorks(people);
});

test("[F4] an agent that nobody knows is agent.not_available", async (stage) => {
	const sandbox = await stage.sandbox();

	await sandbox.start();
	const people = await room(stage, { sandbox: sandbox.url, args: ["--agent", "nonsense"] });
	const error = await assertFails(people, { text: "hello", promptId: "p" }, "agent.not_available");

	assert.match(error.message, /nonsense/);
});

test("lines of the agent that are no messages do not end its session", async (stage) => {
	const people = await room(stage, { sandbox: "local" });

	assert.equal((await people.ann.conn.prompt({ userId: "ann", text: "!badjson", promptId: "p" })).stopReason, "end_turn");
	await assertWorks(people);
});

/* ------------------------------------------------------------------ the sandbox */

test("a sandbox that is down is sandbox.unreachable to the caller and to all, and works once it is up", async (stage) => {
	const sandbox = await stage.sandbox();
	const people = await room(stage, { sandbox: sandbox.url });

	await assertFails(people, { text: "hello", promptId: "p" }, "sandbox.unreachable");
	await people.bob.event("sandbox.state", ({ state }) => state === "unhealthy");
	await sandbox.start();
	await assertWorks(people);
	await people.bob.event("sandbox.state", ({ state }) => state === "ready");
});

test("a server that was started without a sandbox says so to whoever prompts", async (stage) => {
	const { ann } = await room(stage);
	const error = await failureOf(ann.conn.prompt({ userId: "ann", text: "hello" }));

	assert.equal(codeOf(error), "sandbox.unreachable");
	assert.match(error.message, /--sandbox none/);
});

test("[F2, S2] a sandbox that wants a token it was not given is sandbox.token_invalid", async (stage) => {
	const local = await room(stage, { sandbox: "local" });

	await assertWorks(local);
	const sandbox = `http://127.0.0.1:${noteOf(local.troupe).port}`;
	const people = await room(stage, { sandbox, args: ["--sandbox-token", "wrong"] });

	await assertFails(people, { text: "hello", promptId: "p" }, "sandbox.token_invalid");
});

test("a sandbox that is killed in mid-turn fails the turn, is started again, and the next prompt works", async (stage) => {
	const people = await room(stage, { sandbox: "local" });
	const failed = assertFails(people, { text: "!hang", promptId: "p" }, "agent.instance_lost");

	await people.bob.until("the agent's first word", () => people.bob.said.includes("hanging"));
	const agents = agentsOf(stage);
	const { pid } = noteOf(people.troupe);

	kill(pid);
	await failed;
	await assertWorks(people);
	assert.notEqual(noteOf(people.troupe).pid, pid);
	await eventually("its agent is gone", () => agents.every((agent) => !agentsOf(stage).includes(agent)));
});

test("[F15] a sandbox elsewhere that is restarted in mid-turn fails the turn, and the next prompt works", async (stage) => {
	const sandbox = await stage.sandbox();

	await sandbox.start();
	const people = await room(stage, { sandbox: sandbox.url });
	const failed = assertFails(people, { text: "!hang", promptId: "p" }, "agent.instance_lost");

	await people.bob.until("the agent's first word", () => people.bob.said.includes("hanging"));
	await sandbox.stop("SIGKILL");
	await sandbox.start();
	await failed;
	await assertWorks(people);
});

test("a sandbox that cannot be started leaves a server that serves all the rest and says what is missing", async (stage) => {
	const { troupe, ann } = await room(stage, { sandbox: "local", args: ["--sandbox-agent", "/bin/false"] });
	const error = await failureOf(ann.conn.prompt({ userId: "ann", text: "hello" }));

	assert.match(codeOf(error), /^sandbox\./);
	assert.equal(await stage.client(troupe).counter.getOrCreate(["x"]).increment(), 1);
});

test("a workspace may name a sandbox where its server lets it", async (stage) => {
	const sandbox = await stage.sandbox();

	await sandbox.start();
	const { workspace } = stage.client(await stage.troupe({
		supervised: false, sandbox: `http://127.0.0.1:${await freePort()}`,
		args: ["--provider", "url", "--allow-private-sandboxes"],
	}));
	const choose = (key, fields) => workspace.getOrCreate([key], { createWithInput: { sandbox: { provider: "url", ...fields } } });
	const near = choose("near", { baseUrl: sandbox.url, sandboxId: "sbx_123" });

	assert.equal((await near.prompt({ userId: "ann", text: "hello" })).stopReason, "end_turn");
	assert.equal((await near.getSessionInfo()).sandboxId, "sbx_123");
	for (const baseUrl of ["http://127.0.0.1:80@example.com/", "file:///etc/passwd", "http:///", "http://x/?a=b"])
		assert.equal(codeOf(await failureOf(choose(baseUrl, { baseUrl }).getSessionInfo())), "request.invalid", baseUrl);
	const { workspace: closed } = stage.client(await stage.troupe({ supervised: false, sandbox: sandbox.url }));
	const refused = closed.getOrCreate(["far"], { createWithInput: { sandbox: { baseUrl: sandbox.url } } });

	assert.equal(codeOf(await failureOf(refused.getSessionInfo())), "auth.forbidden");
});
