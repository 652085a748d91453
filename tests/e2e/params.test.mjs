// SPDX-License-Identifier: Apache-2.0
/* Connection parameters travel in the Sec-WebSocket-Protocol header of the upgrade, where common servers cut them at 128 bytes. */

import assert from "node:assert/strict";
import { ENCODINGS } from "./kit/client.mjs";
import { test } from "./kit/stage.mjs";
import { Wire, addressOf } from "./kit/wire.mjs";

/** Parameters whose JSON text has so many bytes. */
function paramsOf(bytes, filling = "x") {
	const sizeOf = (userId) => Buffer.byteLength(JSON.stringify({ userId }));
	const begin = filling.repeat((bytes - sizeOf("")) / (sizeOf(filling) - sizeOf("")));
	const userId = begin + "x".repeat(bytes - sizeOf(begin));

	assert.equal(sizeOf(userId), bytes);
	return { userId };
}

/** The parameters as the actor got them: the workspace tells everybody who is there by them. */
async function seenBy(ear) {
	const { users } = await ear.event("presence");

	return users.map(({ userId }) => userId);
}

for (const bytes of [20, 100, 1_000, 4_000, 15_000])
	for (const encoding of ENCODINGS)
		test(`[2] connection parameters of ${bytes} bytes arrive whole (${encoding})`, async (stage) => {
			const troupe = await stage.troupe();
			const { workspace } = stage.client(troupe, { encoding });
			const params = paramsOf(bytes);
			const ear = stage.listen((options) => workspace.getOrCreate(["w"], options), ["presence"], { params });

			assert.deepEqual(await seenBy(ear), [params.userId]);
		});

test("connection parameters of 4,000 bytes in other scripts arrive whole", async (stage) => {
	const { workspace } = stage.client(await stage.troupe());
	const params = paramsOf(4_000, "日ü🎭\"");
	const ear = stage.listen((options) => workspace.getOrCreate(["w"], options), ["presence"], { params });

	assert.deepEqual(await seenBy(ear), [params.userId]);
});

test("connection parameters of 20,000 bytes are refused with an error frame and a close, not a dead socket", async (stage) => {
	const troupe = await stage.troupe();
	const token = `rivet_conn_params.${encodeURIComponent(JSON.stringify(paramsOf(20_000)))}`;
	const raw = new Wire(addressOf(troupe, "workspace", "w"), ["rivet", "rivet_encoding.json", token]);
	const { body: { tag, val } } = JSON.parse(await raw.frame());
	const { reason } = await raw.closed();

	assert.equal(tag, "Error");
	assert.deepEqual([val.group, val.code, val.actionId], ["request", "connection_params_too_large", null]);
	assert.equal(reason.split("#")[0], "request.connection_params_too_large");
});

test("the official client hears that its 20,000 bytes are too many, and the next client is served", async (stage) => {
	const { workspace } = stage.client(await stage.troupe());
	const ear = stage.listen((options) => workspace.getOrCreate(["w"], options), ["presence"], { params: paramsOf(20_000) });
	const error = await ear.until("an error", () => ear.errors[0]);

	assert.equal(`${error.group}.${error.code}`, "request.connection_params_too_large");
	await ear.gaveUp();
	const next = stage.listen((options) => workspace.getOrCreate(["w"], options), ["presence"], { params: { userId: "ann" } });

	assert.deepEqual(await seenBy(next), ["ann"]);
});

test("parameters that are no JSON are refused in words", async (stage) => {
	const troupe = await stage.troupe();
	const raw = new Wire(addressOf(troupe, "workspace", "w"), ["rivet", "rivet_encoding.json", "rivet_conn_params.%7Bnonsense"]);
	const { body: { val } } = JSON.parse(await raw.frame());

	assert.match(val.message, /parameters/);
	assert.equal((await raw.closed()).reason.split("#")[0], `${val.group}.${val.code}`);
});

test("a function for the parameters is asked again at each connection", async (stage) => {
	const troupe = await stage.troupe();
	let asked = 0;
	const conn = stage.client(troupe).workspace.getOrCreate(["w"], {
		getParams: async () => ({ userId: `visit ${++asked}` }),
	}).connect();
	const seen = [];

	conn.on("presence", ({ users }) => seen.push(...users.map(({ userId }) => userId)));
	stage.atEnd(() => conn.dispose());
	await conn.getSessionInfo();
	await troupe.crash();
	await conn.getSessionInfo();
	assert.deepEqual(seen, ["visit 1", "visit 2"]);
});
