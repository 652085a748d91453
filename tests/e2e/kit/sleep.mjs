// SPDX-License-Identifier: Apache-2.0
/* Putting actors to sleep from outside. */

import assert from "node:assert/strict";
import { eventually } from "./wait.mjs";

export async function actorsAwake(troupe) {
	return (await (await fetch(`${troupe.url}/health`)).json()).actors;
}

/** Puts the actor behind a handle to sleep, as the official driver tests do, and sees that none is awake. */
export async function putToSleep(troupe, handle) {
	const id = await handle.resolve();
	const answer = await fetch(`${troupe.url}/actors/${id}/sleep?namespace=default`, { method: "POST", body: "{}" });

	assert.equal(answer.status, 200);
	assert.deepEqual(await answer.json(), {});
	await eventually("no actor is awake", async () => await actorsAwake(troupe) === 0);
}
