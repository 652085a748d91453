// SPDX-License-Identifier: Apache-2.0
/* A way to a TCP server that can be shut: then it refuses and cuts. */

import { connect, createServer } from "node:net";

export class Gate {
	#sockets = new Set();
	#isOpen = true;
	#server;

	constructor(port) {
		this.#server = createServer((client) => {
			if (!this.#isOpen)
				return client.resetAndDestroy();
			const server = connect(port, "127.0.0.1");

			for (const [from, to] of [[client, server], [server, client]]) {
				this.#sockets.add(from);
				from.pipe(to);
				from.on("error", () => to.destroy());
				from.on("close", () => {
					this.#sockets.delete(from);
					to.destroy();
				});
			}
		});
	}

	open() {
		return new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve(this)));
	}

	get url() {
		return `http://127.0.0.1:${this.#server.address().port}`;
	}

	shut() {
		this.#isOpen = false;
		this.#sockets.forEach((socket) => socket.destroy());
	}

	reopen() {
		this.#isOpen = true;
	}

	close() {
		this.shut();
		this.#server.close();
	}
}
