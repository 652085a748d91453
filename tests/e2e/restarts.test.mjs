// SPDX-License-Identifier: Apache-2.0
/* Restart after restart under a crowd of official clients, while somebody keeps appending to the log that they listen to. Each
 * remembers the newest seq that it heard and nothing else, and gives it as `since` when it comes back. RESTARTS=100 says how
 * many; the default is for every day.
 *
 * The next restart waits until all are connected again, since a client whose handshake is cut by kill -9 gives up by its own
 * rules, and no server can help it. It does not always wait until they have caught up. */

import assert from "node:assert/strict";
import { ENCODINGS, through, wholeLog } from "./kit/client.mjs";
import { test } from "./kit/stage.mjs";
import { WAYS } from "./kit/ways.mjs";
import { Writer } from "./kit/writer.mjs";

const RESTARTS = Number(process.env.RESTARTS ?? 20);
const CLIENTS = 50;


async function allHear(ears, seq) {
	for (const [i, ear] of ears.entries())
		await ear.until(`client ${i} to hear ${seq}`, () => ear.seq >= seq);
}

/* One line for a failure among thousands of events. */
function assertWholeAndInOrder(seqs, who) {
	const wrong = seqs.findIndex((seq, i) => seq !== i + 1);

	assert.equal(wrong, -1, `${who}: seq ${seqs[wrong]} came after ${seqs[wrong - 1] ?? "nothing"}`);
}

test(`[7] ${CLIENTS} official clients miss and repeat nothing in ${RESTARTS} restarts`, async (stage) => {
	const troupe = await stage.troupe();
	const clients = ENCODINGS.map((encoding) => stage.client(troupe, { encoding }));
	const ears = Array.from({ length: CLIENTS }, (_, i) => stage.listen(
		(options) => clients[i % clients.length].counter.getOrCreate(["log"], options), ["appended"], { since: 0 }));
	const handle = clients[0].counter.getOrCreate(["log"]);
	const writer = new Writer(handle);
	const counts = new Map();
	const started = performance.now();

	stage.atEnd(() => writer.end());
	await allHear(ears, await writer.another());
	for (let i = 0; i < RESTARTS; i++) {
		const [name, restart] = WAYS[i % WAYS.length];

		await through(ears, () => troupe.replaced(() => restart(troupe)));
		const seq = await writer.another();

		if (i % 3 > 0)
			await allHear(ears, seq);
		counts.set(name, (counts.get(name) ?? 0) + 1);
	}
	const seconds = (performance.now() - started) / 1000;

	await writer.end();
	const log = await wholeLog(handle);

	assertWholeAndInOrder(log.map(({ seq }) => seq), "the log");
	for (const { n, seq } of writer.acknowledged)
		assert.equal(log[seq - 1].data.n, n, "what was acknowledged is in the log");
	assert.equal(new Set(log.map(({ data }) => data.n)).size, log.length, "what was asked for once is in the log once");
	await allHear(ears, log.length);
	for (const [i, ear] of ears.entries()) {
		assertWholeAndInOrder(ear.of("appended").map(({ seq }) => seq), `client ${i}`);
		assert.deepEqual(ear.of("appended"), log.map(({ data }) => data), `client ${i} heard what the log holds`);
	}
	console.log(`restarts: ${RESTARTS} restarts (${[...counts].map(([name, n]) => `${n} by ${name}`).join(", ")}) in ${
		seconds.toFixed(1)} s, ${CLIENTS} clients, ${log.length} events each, ${writer.failures} appends cut off: no gap, no repeat`);
}, { times: 1 + RESTARTS / 40 });
