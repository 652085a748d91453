// SPDX-License-Identifier: Apache-2.0
/* The browser code of the "Multiplayer" document, as it stands there, against Troupe: the reason why all this exists. */

import assert from "node:assert/strict";
import { ENCODINGS, createClient, wholeLog } from "./kit/client.mjs";
import { test } from "./kit/stage.mjs";
import { Watched } from "./kit/wait.mjs";

const DOCUMENT = `
import { createClient } from "rivetkit/client";
import type { registry } from "./actors";

const client = createClient<typeof registry>({
  endpoint: process.env.NEXT_PUBLIC_RIVET_ENDPOINT!,
});

const workspaceId = "workspace-42";
const room = client.workspace.getOrCreate([workspaceId]);
const conn = room.connect();

conn.on("chat.user", (event) => {
  console.log("user message", event);
});

conn.on("session.event", (event) => {
  console.log("sandbox event", event);
});

await conn.prompt({
  userId: "user-123",
  text: "Propose a refactor plan for auth middleware.",
});
`;

const TEXT = "Propose a refactor plan for auth middleware.";

/* What makes it JavaScript, and the endpoint. Each must be found. */
const CHANGES = [
	[`import { createClient } from "rivetkit/client";`, ""],
	[`import type { registry } from "./actors";`, ""],
	["<typeof registry>", ""],
	["endpoint: process.env.NEXT_PUBLIC_RIVET_ENDPOINT!,", "endpoint, encoding,"],
];

function asFunction(code) {
	const AsyncFunction = (async () => {}).constructor;

	for (const [from, to] of CHANGES) {
		assert.equal(code.split(from).length, 2, from);
		code = code.replace(from, to);
	}
	return new AsyncFunction("createClient", "console", "endpoint", "encoding", `${code}\nreturn conn;`);
}

const runDocument = asFunction(DOCUMENT);

/** What the code wrote to its console. */
class Console extends Watched {
	lines = []; /* { what, event } */

	log = (what, event) => {
		this.lines.push({ what, event });
		this.changed();
	};

	events(what) {
		return this.lines.filter((line) => line.what === what).map(({ event }) => event);
	}

	get seqs() {
		return this.lines.map(({ event }) => event.seq);
	}

	heard(seq) {
		return this.until(`event ${seq}`, () => this.seqs.at(-1) === seq);
	}
}

const isOfTheDocument = ({ name }) => name === "chat.user" || name === "session.event";

for (const encoding of ENCODINGS)
	test(`the document's code runs; two who run it and one who listens hear the same in one order (${encoding})`, async (stage) => {
		const troupe = await stage.troupe({ sandbox: "local" });
		const listener = stage.join(troupe, "workspace-42", { encoding });

		await listener.connected();
		const consoles = [new Console(), new Console()];
		const conns = await Promise.all(consoles.map((console) => runDocument(createClient, console, troupe.url, encoding)));

		conns.forEach((conn) => stage.atEnd(() => conn.dispose()));
		const { seq } = await stage.client(troupe, { encoding }).workspace.get(["workspace-42"]).getSessionInfo();

		await listener.until("the newest event", () => listener.seq >= seq);
		const told = listener.heard.filter(isOfTheDocument);
		const last = told.at(-1).data.seq;

		assert.deepEqual(told.filter(({ name }) => name === "chat.user").map(({ data }) => [data.userId, data.text]),
			[["user-123", TEXT], ["user-123", TEXT]]);
		assert.equal(listener.said, `You said: ${TEXT}.`.repeat(2));
		for (const console of consoles) {
			await console.heard(last);
			const from = console.seqs[0];
			const same = told.filter(({ data }) => data.seq >= from);

			assert.deepEqual(console.lines.map(({ event }) => event), same.map(({ data }) => data));
			assert.ok(console.events("user message").length >= 1);
			assert.ok(console.events("sandbox event").length >= 5, "prompt, three chunks, response");
		}
	});

const FIELDS = ["connectionId", "createdAt", "eventIndex", "id", "payload", "sender", "seq", "sessionId"];

test("a session.event has the document's fields, and the agent's envelope as it came", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const console = new Console();
	const before = Date.now();
	const conn = await runDocument(createClient, console, troupe.url, "json");

	stage.atEnd(() => conn.dispose());
	const [chat] = console.events("user message");
	const events = console.events("sandbox event");
	const prompt = events.find(({ payload }) => payload.method === "session/prompt");
	const answer = events.find(({ payload }) => payload.id === prompt.payload.id && payload.result);

	assert.ok(Math.abs(chat.createdAt - before) < 60_000);
	assert.deepEqual(prompt.payload.params.prompt, [{ type: "text", text: TEXT }]);
	assert.equal(answer.payload.result.stopReason, "end_turn");
	for (const event of events) {
		assert.deepEqual(Object.keys(event).sort(), FIELDS);
		assert.equal(event.sessionId, "default");
		assert.equal(event.payload.jsonrpc, "2.0");
		assert.equal(event.sender, event.payload.method === "session/update" || event.payload.result ? "agent" : "client");
	}
	assert.deepEqual(events.map(({ eventIndex }) => eventIndex), events.map((_, i) => events[0].eventIndex + i));
	assert.equal(new Set(events.map(({ id }) => id)).size, events.length);
});

test("a browser's prompt returns when the turn is over, with why it ended, after all that it caused", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await ann.connected();
	const answer = await ann.conn.prompt({ userId: "ann", text: "hello", promptId: "p1" });
	const names = ann.published.map(({ name, data }) => (name === "turn.state" ? data.state : name));

	assert.deepEqual(answer, { promptId: "p1", stopReason: "end_turn" });
	assert.equal(names.at(-1), "done");
	assert.ok(names.indexOf("chat.user") < names.indexOf("running"));
	assert.equal(ann.said, "You said: hello.");
	assert.deepEqual(ann.published.map(({ data }) => data.seq), ann.published.map((_, i) => i + 1));
	assert.deepEqual((await wholeLog(ann.conn)).map(({ name, data }) => ({ name, data })), ann.published);
});
