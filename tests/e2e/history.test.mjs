// SPDX-License-Identifier: Apache-2.0
/* What has been: pages of sessions and of their events, the transcript, and an event that no message can carry. */

import assert from "node:assert/strict";
import { test } from "./kit/stage.mjs";

async function room(stage, options) {
	const troupe = await stage.troupe({ sandbox: "local", ...options });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await ann.event("sandbox.state", ({ state }) => state === "ready");
	return { troupe, ann };
}

const unnumbered = (events) => events.map(({ seq, ...event }) => event);

async function allPages(conn, limit) {
	const items = [];
	let pages = 0, cursor;

	do {
		const page = await conn.listEvents({ sessionId: "default", limit, cursor });

		items.push(...page.items);
		cursor = page.nextCursor;
		pages++;
	} while (cursor !== undefined);
	return { items, pages };
}

test("a session's events come in pages, each as it was heard, also after restarts", async (stage) => {
	const { troupe, ann } = await room(stage);

	await ann.conn.prompt({ userId: "ann", text: "!chunks 150" });
	await troupe.crash();
	await ann.event("session.event", ({ payload }) => payload.params?.how === "reattach");
	await ann.until("a connection", () => ann.status === "connected");
	await ann.conn.prompt({ userId: "ann", text: "!chunks 20" });
	const heard = ann.of("session.event");
	const { items, pages } = await allPages(ann.conn, 30);

	assert.deepEqual(unnumbered(items), unnumbered(heard));
	assert.deepEqual(items.map(({ eventIndex }) => eventIndex), items.map((_, i) => i + 1));
	assert.equal(pages, Math.ceil(items.length / 30));
	assert.deepEqual(await ann.conn.getTranscript(), items);
	assert.deepEqual((await ann.conn.listEvents({ cursor: "100", limit: 2 })).items.map(({ eventIndex }) => eventIndex), [101, 102]);
	assert.deepEqual((await ann.conn.listEvents({ cursor: "nonsense", limit: 1 })).items[0].eventIndex, 1);
});

test("a session is listed with its agent, its choices and how it was opened", async (stage) => {
	const { ann } = await room(stage);

	await ann.conn.setModel({ model: "large" });
	const { items, nextCursor } = await ann.conn.listSessions({});
	const [{ agentSessionId, lastConnectionId, createdAt, sandboxId, configOptions, modes, sessionInit, ...rest }] = items;

	assert.equal(items.length, 1);
	assert.equal(nextCursor, undefined);
	assert.deepEqual(rest, { id: "default", agent: "mock" });
	assert.match(agentSessionId, /^s-/);
	assert.match(lastConnectionId, /^[0-9a-f-]{36}$/);
	assert.ok(Math.abs(createdAt - Date.now()) < 60_000);
	assert.match(sandboxId, /^local\//);
	assert.deepEqual(Object.keys(sessionInit).sort(), ["cwd", "mcpServers"]);
	assert.equal(modes.currentModeId, "ask");
	assert.equal(configOptions.find(({ id }) => id === "model").currentValue, "large");
});

test("what there is not is refused with its name", async (stage) => {
	const { ann } = await room(stage);
	const codeOf = (promise) => promise.then(() => "taken", ({ group, code }) => `${group}.${code}`);

	assert.equal(await codeOf(ann.conn.listEvents({ sessionId: "other" })), "session.unknown");
	assert.equal(await codeOf(ann.conn.getTranscript({ sessionId: "other" })), "session.unknown");
	assert.equal(await codeOf(ann.conn.listEvents({ limit: 1001 })), "request.invalid");
	await ann.conn.prompt({ userId: "ann", text: "!big 400000" });
	await ann.conn.prompt({ userId: "ann", text: "!big 400000" });
	assert.equal(await codeOf(ann.conn.getTranscript()), "message.outgoing_too_long");
	assert.equal((await allPages(ann.conn, 100)).items.length, ann.of("session.event").length);
});

test("an event larger than any message is fetched whole over HTTP, or in parts", async (stage) => {
	const { troupe, ann } = await room(stage);
	const handle = stage.client(troupe).workspace.getOrCreate(["w"]);

	await ann.conn.prompt({ userId: "ann", text: "!big 3000000" });
	const short = await ann.event("session.event", ({ payload }) => payload.truncated);
	const answer = await handle.fetch(`/events/${short.seq}`);
	const text = await answer.text();
	const { seq, name, data } = JSON.parse(text);

	assert.equal(answer.status, 200);
	assert.match(answer.headers.get("content-type"), /^application\/json/);
	assert.deepEqual([seq, name, data.id, data.eventIndex], [short.seq, "session.event", short.id, short.eventIndex]);
	assert.equal(data.payload.params.update.content.text, "x".repeat(3_000_000));
	assert.ok(text.includes('"sessionUpdate":"agent_message_chunk"'));

	const part = await handle.fetch(`/events/${short.seq}`, { headers: { Range: "bytes=1000000-1000009" } });

	assert.deepEqual([part.status, await part.text(), part.headers.get("content-range")],
		[206, "x".repeat(10), `bytes 1000000-1000009/${text.length}`]);
	const rest = await handle.fetch(`/events/${short.seq}`, { headers: { Range: `bytes=${text.length - 3}-` } });

	assert.deepEqual([rest.status, await rest.text()], [206, text.slice(-3)]);
	assert.equal((await handle.fetch(`/events/${short.seq}`, { headers: { Range: "bytes=9999999-" } })).status, 416);

	const first = await (await handle.fetch("/events/1")).json();

	assert.deepEqual(first, { seq: 1, name: ann.published[0].name, data: ann.published[0].data });
	assert.equal((await handle.fetch(`/events/${ann.seq + 1}`)).status, 404);
	assert.equal((await handle.fetch("/events/0")).status, 404);
	assert.equal((await handle.fetch("/events/x")).status, 404);
	assert.equal((await handle.fetch("/elsewhere")).status, 404);
	assert.equal((await handle.fetch("/events/1", { method: "POST", body: "" })).status, 405);
});
