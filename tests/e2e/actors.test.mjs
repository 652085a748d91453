// SPDX-License-Identifier: Apache-2.0
/* What an actor's own code gets beyond actions: the request of who comes, large messages of plain WebSockets, and values that
 * it keeps. With the official client and the kinds of tests/parity. */

import assert from "node:assert/strict";
import { ENCODINGS } from "./kit/client.mjs";
import { PARITY } from "./kit/process.mjs";
import { putToSleep } from "./kit/sleep.mjs";
import { test } from "./kit/stage.mjs";

const MIB = 1024 * 1024;
const parity = (stage, options) => stage.troupe({ program: PARITY, ...options });
const names = ({ requestHeaders }) => Object.keys(requestHeaders).map((name) => name.toLowerCase());

/* ------------------------------------------------------------------ who comes */

for (const encoding of ENCODINGS)
	test(`admit and join see the request of an action and of a connection, without what is ours (${encoding})`, async (stage) => {
		const token = "a-token-that-nobody-may-see";
		const troupe = await parity(stage, { args: ["--token", token] });
		const { requestAccessActor } = stage.client(troupe, { encoding, token, headers: { "X-Own": "mine" } });
		const actor = requestAccessActor.getOrCreate(["r"], { params: { trackRequest: true } });

		const { onBeforeConnect: called, createConnState: joined } = await actor.getRequestInfo();

		assert.deepEqual(called, joined);
		assert.equal(called.requestMethod, "POST");
		assert.match(called.requestUrl, /^http:\/\/127\.0\.0\.1\/action\/getRequestInfo$/);
		assert.equal(Object.entries(called.requestHeaders).find(([name]) => name.toLowerCase() === "x-own")[1], "mine");

		const { onBeforeConnect: connected } = await actor.connect().getRequestInfo();

		assert.equal(connected.requestMethod, "GET");
		assert.match(connected.requestUrl, /^http:\/\/127\.0\.0\.1\/connect$/);
		for (const seen of [called, connected]) {
			assert.ok(!JSON.stringify(seen).includes(token));
			assert.deepEqual(names(seen).filter((name) => /^(sec-websocket|connection|upgrade|transfer|x-rivet-token)/.test(name)), []);
		}

		await actor.fetch("users/7?full=1", { method: "DELETE" });
		const ws = await actor.webSocket("chat?a=1");

		await new Promise((resolve) => ws.addEventListener("message", resolve, { once: true }));
		const { onRequest, onWebSocket } = await requestAccessActor.getOrCreate(["r"]).getRequestInfo();

		assert.deepEqual([onRequest.requestMethod, new URL(onRequest.requestUrl).pathname], ["DELETE", "/users/7"]);
		assert.match(onWebSocket.requestUrl, /\/websocket\/chat\?a=1$/);
		ws.close();
	});

/* ------------------------------------------------------------------ plain WebSockets */

async function openSocket(handle) {
	const ws = await handle.webSocket();

	ws.binaryType = "arraybuffer";
	if (ws.readyState !== ws.OPEN)
		await new Promise((resolve) => ws.addEventListener("open", resolve, { once: true }));
	return ws;
}

/** What comes of a message: the answer, or how it ended. */
function said(ws, message) {
	return new Promise((resolve) => {
		ws.addEventListener("close", ({ reason }) => resolve(reason), { once: true });
		ws.addEventListener("message", ({ data }) => resolve(data), { once: true });
		ws.send(message);
	});
}

test("a plain WebSocket takes and gives messages of up to 32 MiB, and is closed for a larger one", async (stage) => {
	const ws = await openSocket(stage.client(await parity(stage)).rawWebSocketBinaryActor.getOrCreate(["large"]));

	for (const size of [65_537, 508_000, 5 * MIB, 32 * MIB]) {
		const message = new Uint8Array(size).map((_, i) => i * 31);
		const answer = new Uint8Array(await said(ws, message));

		assert.ok(Buffer.from(answer).equals(Buffer.from(message.reverse())), `${size} bytes come back`);
	}
	assert.match(await said(ws, new Uint8Array(32 * MIB + 1)), /^message\.incoming_too_long/);
});

/* ------------------------------------------------------------------ kept values */

for (const encoding of ENCODINGS)
	test(`an actor keeps a value of any kind through sleep and kill -9 (${encoding})`, async (stage) => {
		const troupe = await parity(stage);
		const { inputActor } = stage.client(troupe, { encoding });
		const input = {
			list: [1, -2.5, null, "ü", [[]]], bytes: new Uint8Array([0, 1, 255]), big: 2n ** 70n, yes: true, none: {},
		};
		const actor = inputActor.getOrCreate(["k"], { createWithInput: input });
		const kept = await actor.getInputs();

		assert.deepEqual(kept, { initialInput: input, onCreateInput: input });
		await putToSleep(troupe, actor);
		assert.deepEqual(await actor.getInputs(), kept);
		await troupe.crash();
		assert.deepEqual(await actor.getInputs(), kept);
	});
