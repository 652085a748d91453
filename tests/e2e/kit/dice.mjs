// SPDX-License-Identifier: Apache-2.0
/* Chance that can be had again: the same seed throws the same. What is thrown in a test is printed with its seed, when it fails. */

/** A number of tests' own making, or what the variable says: TROUPE_SEED=7 make e2e T=upstream. */
export const seedOf = (n) => Number(process.env.TROUPE_SEED ?? n);

/** How often something is to be done: what the variable says, or a modest number. */
export const timesOf = (variable, modest) => Number(process.env[variable] ?? modest);

export class Dice {
	#state;

	constructor(seed) {
		this.seed = seed;
		this.#state = seed >>> 0;
	}

	/** From 0 up to 1. (mulberry32) */
	next() {
		this.#state = (this.#state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);

		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
	}

	below(n) {
		return Math.floor(this.next() * n);
	}

	pick(list) {
		return list[this.below(list.length)];
	}

	/** One of [[weight, make], …], made; nothing when the weights, which are hundredths, leave that. */
	draw(table) {
		let left = this.below(100);

		for (const [weight, make] of table) {
			if (left < weight)
				return make();
			left -= weight;
		}
		return {};
	}
}
