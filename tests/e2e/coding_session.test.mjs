// SPDX-License-Identifier: Apache-2.0
/* The client's code of the "Manage Sessions" document, as it stands there, against the actor that it was written for; and what the document
 * promises: events are kept, in order, and who asks for those after the last one it has gets each once. */

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { createClient } from "./kit/client.mjs";
import { commandOf, isAlive, markedWith } from "./kit/process.mjs";
import { test } from "./kit/stage.mjs";
import { eventually } from "./kit/wait.mjs";

const DOCUMENT = `
import { createClient } from "rivetkit/client";

const client = createClient();
const session = client.codingSession.getOrCreate(["my-session"]);

const conn = session.connect();
conn.on("agentEvent", (event) => {
  console.log(event.type, event.data);
});

await conn.postMessage("Create a new React component for user profiles");

const transcript = await conn.getTranscript();
`;

/* What makes it a function, and the endpoint. */
function asFunction(code) {
	const AsyncFunction = (async () => {}).constructor;

	for (const [from, to] of [[`import { createClient } from "rivetkit/client";`, ""], ["createClient()", "createClient(endpoint)"]]) {
		assert.equal(code.split(from).length, 2, from);
		code = code.replace(from, to);
	}
	return new AsyncFunction("createClient", "console", "endpoint", `${code}\nreturn { conn, transcript };`);
}

const runDocument = asFunction(DOCUMENT);
const FIELDS = ["data", "eventId", "nativeSessionId", "seq", "sequence", "sessionId", "source", "synthetic", "time", "type"];
const serversOf = (stage) => markedWith(stage.mark).filter((pid) => isAlive(pid) && /sandbox-agent.* server /.test(commandOf(pid)));
const foldersOf = ({ data }) => (existsSync(path.join(data, "sandboxes")) ? readdirSync(path.join(data, "sandboxes")) : []);

test("the document's code runs: what it logs is what the transcript holds", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const logged = [];
	const { conn, transcript } = await runDocument(createClient, { log: (type, data) => logged.push({ type, data }) }, troupe.url);

	stage.atEnd(() => conn.dispose());
	assert.deepEqual(transcript.map(({ type, data }) => ({ type, data })).slice(-logged.length), logged);
	assert.ok(logged.some(({ type }) => type === "session/update"));
	assert.equal(transcript.at(-1).data.result.stopReason, "end_turn");
	assert.deepEqual(transcript.map(({ sequence }) => sequence), transcript.map((_, i) => i + 1));
	for (const event of transcript) {
		assert.deepEqual(Object.keys(event).filter((name) => name !== "nativeSessionId").sort(),
			FIELDS.filter((name) => name !== "nativeSessionId"));
		assert.equal(event.sessionId, "my-session");
		assert.equal(typeof event.synthetic, "boolean");
		assert.match(event.source, /^(agent|client)$/);
		assert.equal(new Date(event.time).toISOString(), event.time);
	}
	assert.ok(transcript.some(({ nativeSessionId }) => nativeSessionId));
	assert.equal(new Set(transcript.map(({ eventId }) => eventId)).size, transcript.length);
});

test("[S69] the document's way to poll gets every event once, whatever the pages and restarts", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const session = stage.client(troupe).codingSession.getOrCreate(["my-session"]);
	const stored = [];
	const pollOnce = async (limit) => {
		const { events } = await session.getEvents({ offset: stored.at(-1)?.sequence ?? 0, limit });

		stored.push(...events);
		return events.length;
	};

	assert.deepEqual(await session.getTranscript(), []);
	await session.postMessage("!chunks 30");
	for (const limit of [1, 2, 7])
		await pollOnce(limit);
	await troupe.crash();
	await session.postMessage("and now?");
	while (await pollOnce(10))
		;
	assert.deepEqual(stored, await session.getTranscript());
	assert.deepEqual(stored.map(({ sequence }) => sequence), stored.map((_, i) => i + 1));
	assert.equal(await pollOnce(100), 0);
});

test("a session has a sandbox of its own, which is deleted with it", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const session = stage.client(troupe).codingSession.getOrCreate(["my-session"]);

	await session.postMessage("hello");
	assert.equal(foldersOf(troupe).length, 1);
	assert.equal(serversOf(stage).length, 2, "its own, and the shared one");
	await session.destroy();
	await troupe.program.line(/debt\.paid .*how=destroyed/);
	await eventually("its sandbox is gone", () => foldersOf(troupe).length === 0 && serversOf(stage).length === 1);
});

test("a permission request of its agent is shown and answered", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const ear = stage.listen((options) => stage.client(troupe).codingSession.getOrCreate(["s"], options), ["permission.request"]);

	await ear.connected();
	const posted = ear.conn.postMessage("!perm 1");
	const { permissionId } = await ear.event("permission.request");
	const { permissions } = await ear.conn.getPendingPermissions();

	assert.equal(permissions[0].permissionId, permissionId);
	await ear.conn.respondPermission({ permissionId, reply: "once" });
	assert.equal((await posted).stopReason, "end_turn");
});

test("what is not offered is refused, and nothing is said to nobody", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "none" });
	const { codingSession } = stage.client(troupe);
	const failure = (promise) => promise.then((answer) => assert.fail(JSON.stringify(answer)), ({ group, code }) => `${group}.${code}`);

	assert.equal(await failure(codingSession.getOrCreate(["a"], { createWithInput: { provider: "daytona" } }).getTranscript()),
		"auth.forbidden");
	assert.equal(await failure(codingSession.getOrCreate(["b"]).postMessage("")), "request.invalid");
	assert.equal(await failure(codingSession.getOrCreate(["b"]).postMessage("hello")), "sandbox.unreachable");
	assert.deepEqual(await codingSession.getOrCreate(["b"]).getTranscript(), []);
});
