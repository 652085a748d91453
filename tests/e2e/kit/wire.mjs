// SPDX-License-Identifier: Apache-2.0
/* A live connection without a client library, to send what no client would and to see the very frames. */

import { WebSocket } from "ws";
import { Watched } from "./wait.mjs";

export const addressOf = (troupe, kind, key, query = "") =>
	`${troupe.url.replace("http", "ws")}/gateway/${kind}/connect?rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default`
	+ `&rvt-key=${encodeURIComponent(key)}${query}`;

export class Wire extends Watched {
	frames = []; /* text, or Buffers */
	#close = null;

	constructor(address, protocols, options) {
		super();
		this.socket = new WebSocket(address, protocols, options);
		this.socket.on("open", () => this.changed());
		this.socket.on("message", (data, isBinary) => {
			this.frames.push(isBinary ? data : String(data));
			this.changed();
		});
		this.socket.on("close", (code, reason) => this.#end({ code, reason: String(reason) }));
		this.socket.on("error", (error) => this.#end({ error: error.message }));
	}

	#end(how) {
		this.#close ??= how;
		this.changed();
	}

	opened() {
		return this.until("a WebSocket", () => this.socket.readyState === WebSocket.OPEN || this.#close);
	}

	frame(n = 0) {
		return this.until(`frame ${n}`, () => this.frames[n] || this.#close);
	}

	/** { code, reason } or { error } */
	closed() {
		return this.until("the end of a WebSocket", () => this.#close);
	}
}

/** One that has had its Init. */
export async function wire(stage, troupe, kind, key, encoding = "json") {
	const wire = new Wire(addressOf(troupe, kind, key), ["rivet", `rivet_encoding.${encoding}`]);

	stage.atEnd(() => wire.socket.terminate());
	await wire.frame();
	return wire;
}
