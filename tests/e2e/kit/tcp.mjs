// SPDX-License-Identifier: Apache-2.0
/* Bytes to a server, and what it says to them. */

import { connect } from "node:net";
import { Watched } from "./wait.mjs";

export class Tcp extends Watched {
	#chunks = [];
	ended = false;

	constructor(troupe) {
		super();
		this.socket = connect(troupe.port, "127.0.0.1");
		this.socket.setNoDelay(true);
		this.socket.on("data", (chunk) => {
			this.#chunks.push(chunk);
			this.changed();
		});
		this.socket.on("error", () => {}); /* a reset is an end as well */
		this.socket.on("close", () => {
			this.ended = true;
			this.changed();
		});
	}

	/** All that came, a character for each byte. */
	get heard() {
		return Buffer.concat(this.#chunks).toString("latin1");
	}

	write(bytes) {
		this.socket.write(Buffer.from(bytes, "latin1"));
		return this;
	}

	/** { status, body } of the only answer, which has a length. */
	answer() {
		return this.until("an answer", () => {
			const found = /^HTTP\/1\.1 (\d+)[^]*?\r\ncontent-length: (\d+)\r\n[^]*?\r\n\r\n([^]*)$/i.exec(this.heard);

			if (!found && this.ended)
				return { status: 0, body: this.heard };
			return found?.[3].length >= found?.[2] && { status: Number(found[1]), body: found[3].slice(0, found[2]) };
		});
	}

	closed() {
		return this.until("the end of a socket", () => this.ended);
	}

	destroy() {
		this.socket.destroy();
	}
}
