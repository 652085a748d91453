// SPDX-License-Identifier: Apache-2.0
/* A workspace whose sandbox lies beyond a road that a test can make a bad one, and whose agents keep what they say. */

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { wholeLog } from "./client.mjs";

/* What holds whatever happens: a place in a stream is never asked of another instance, and no id is used for two requests. */
function assertRequests(road) {
	const ids = new Map();

	for (const { server, lastEventId } of road.of("stream"))
		assert.ok(lastEventId === undefined || road.of("post").some((post) => post.server === server), `${server} ${lastEventId}`);
	for (const server of new Set(road.of("stream").map((stream) => stream.server))) {
		const places = road.of("stream").filter((stream) => stream.server === server).map(({ lastEventId }) => Number(lastEventId ?? 0));

		assert.equal(places[0], 0, `the first reading of ${server} is from its begin`);
		assert.deepEqual(places, [...places].sort((a, b) => a - b), `${server} is never read again from before`);
	}
	for (const { rpc: { id, method, params } } of road.of("post").filter(({ rpc }) => rpc.method && rpc.id !== undefined)) {
		const said = JSON.stringify([method, params]);

		assert.equal(typeof id, "string");
		assert.equal(ids.get(id) ?? said, said, `${id} is two requests`);
		ids.set(id, said);
	}
}

/** A sandbox whose agents keep what they say, a road to it, and ann in a workspace. */
export async function upstream(stage, { env = {}, direct = false, ...options } = {}) {
	const wrote = stage.folder("wrote");

	mkdirSync(wrote);
	const sandbox = await stage.sandbox({ AGENT_WROTE: wrote, ...env });

	await sandbox.start();
	const road = await stage.road(sandbox);
	const troupe = await stage.troupe({ sandbox: direct ? sandbox.url : road.url, supervised: false, args: ["--log-level", "debug"], ...options });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await ann.connected();
	stage.atEnd(() => assertRequests(road));
	return { sandbox, road, troupe, ann, wrote };
}

export const eventsOf = async (ear) => (await wholeLog(ear.conn)).filter(({ name }) => name === "session.event").map(({ data }) => data);
export const codeOf = ({ group, code }) => `${group}.${code}`;

/* One whose answer was cut off is sent again: the same id is the same prompt. */
export async function outcome(ear, promptId, text) {
	for (;;) {
		try {
			return (await ear.conn.prompt({ userId: "ann", text, promptId })).stopReason;
		} catch (error) {
			if (["agent", "sandbox", "prompt", "storage"].includes(error.group))
				return codeOf(error);
			await ear.connected();
		}
	}
}

/* After all that happened the session works, and when it has answered, everything before has come: also what its agent says late. */
export async function assertCalmThen(ear) {
	for (let n = 1; await outcome(ear, `calm-${n}`, "!slow 100") !== "end_turn"; n++)
		assert.ok(n < 5, "the session works again");
}
