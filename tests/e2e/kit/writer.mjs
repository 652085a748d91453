// SPDX-License-Identifier: Apache-2.0
/* Somebody who keeps a log growing, whatever becomes of the server. */

import { Watched } from "./wait.mjs";

/** Calls append({ n }) of a counter, n = 0, 1, 2 ..., a few at a time, until told to end. */
export class Writer extends Watched {
	acknowledged = []; /* { n, seq } */
	failures = 0;
	#next = 0;
	#over = false;
	#done;

	constructor(handle, { atATime = 4 } = {}) {
		super();
		this.#done = Promise.all(Array.from({ length: atATime }, () => this.#write(handle)));
	}

	async #write(handle) {
		while (!this.#over) {
			const n = this.#next++;

			try {
				this.acknowledged.push({ n, seq: await handle.append({ n }) });
			} catch {
				this.failures++; /* it was in flight: it is in the log, or it is not */
			}
			this.changed();
		}
	}

	/** The seq of one that is not even asked for yet. */
	another() {
		const from = this.#next;

		return this.until("an append", () => this.acknowledged.findLast(({ n }) => n >= from)?.seq);
	}

	end() {
		this.#over = true;
		return this.#done;
	}
}
