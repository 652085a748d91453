// SPDX-License-Identifier: Apache-2.0
/* Something between a client and a server that passes every byte on, both ways, and remembers what the client sent. */

import { connect, createServer } from "node:net";

export class Tap {
	connections = []; /* what the client sent on each, a character for each byte */
	#server;

	static open(stage, troupe) {
		const tap = new Tap();

		tap.#server = createServer((client) => tap.#pass(client, connect(troupe.port, "127.0.0.1")));
		stage.atEnd(() => tap.#server.close());
		return new Promise((done) => {
			tap.#server.listen(0, "127.0.0.1", () => {
				tap.url = `http://127.0.0.1:${tap.#server.address().port}`;
				done(tap);
			});
		});
	}

	#pass(client, server) {
		const n = this.connections.push("") - 1;

		client.on("data", (bytes) => { this.connections[n] += bytes.toString("latin1"); });
		client.pipe(server).pipe(client);
		for (const [one, other] of [[client, server], [server, client]])
			one.on("error", () => {}).on("close", () => other.destroy());
	}

	get sent() {
		return this.connections.join("");
	}
}
