// SPDX-License-Identifier: Apache-2.0
/* Clients that are just connecting when the server is replaced: a handshake that is cut off strands the official client for
 * ever, so the one that ends answers whoever has reached it, and the others wait in the socket for the next. */

import assert from "node:assert/strict";
import { test } from "./kit/stage.mjs";
import { Watched } from "./kit/wait.mjs";

const CLIENTS = 20;
const REPLACEMENTS = 10;

class Count extends Watched {
	connected = 0;
	idle = 0;

	another(status) {
		this[status]++;
		this.changed();
	}
}

/* Connects and goes, again and again; each connection either comes up or is stranded. */
async function comeAndGo(handle, count, over) {
	while (!over()) {
		const connection = handle.connect();

		count.another(await new Promise((first) => {
			connection.onStatusChange((status) => {
				if (status in count)
					first(status);
			});
			connection.onError(() => {});
		}));
		await connection.dispose();
	}
}

test("no client that is just connecting is stranded by a replacement", async (stage) => {
	const troupe = await stage.troupe();
	const handle = stage.client(troupe).counter.getOrCreate(["crowd"]);
	const count = new Count();
	let over = false;

	await handle.increment();
	const all = Array.from({ length: CLIENTS }, () => comeAndGo(handle, count, () => over));

	for (let i = 0; i < REPLACEMENTS; i++) {
		const before = count.connected;

		await troupe.replaced(() => troupe.program.signal("SIGHUP"));
		await count.until("all to have connected", () => count.connected >= before + CLIENTS || count.idle > 0);
	}
	over = true;
	await Promise.all(all);
	assert.deepEqual({ stranded: count.idle, some: count.connected >= REPLACEMENTS * CLIENTS }, { stranded: 0, some: true });
	console.log(`newcomers: ${count.connected} connections through ${REPLACEMENTS} replacements, none stranded`);
});
