// SPDX-License-Identifier: Apache-2.0
/* Ports to listen on. Not those that the system gives out by itself, which begin at 32768: a server that is stopped and started
 * again would find that some connection has got its port meanwhile. */

import { createServer } from "node:net";

const COUNT = 100; /* for each process, since the files of tests run beside each other */
const FIRST = 20_000 + (process.pid % 120) * COUNT;
let given = 0;

const isFree = (port) => new Promise((resolve) => {
	const server = createServer().on("error", () => resolve(false)).listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
});

/** A loopback port that is free, and that no other test of this process was given lately. */
export async function freePort() {
	for (let tries = 0; tries < COUNT; tries++) {
		const port = FIRST + given++ % COUNT;

		if (await isFree(port))
			return port;
	}
	throw new Error(`no port from ${FIRST} to ${FIRST + COUNT - 1} is free`);
}
