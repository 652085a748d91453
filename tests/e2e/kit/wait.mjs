// SPDX-License-Identifier: Apache-2.0
/* Waiting for things to happen, never for a time to pass: whatever a test watches says when it changed, and a test waits until
 * a look at it gives something. What is being waited for has words, so that a test that waits in vain can say for what. */

const waits = new Set();

/** What is waited for at this moment. */
export const awaited = () => [...waits].map((wait) => wait.what);
export const forgetWaits = () => waits.clear();

export class Watched {
	#waiting = new Set();

	changed() {
		for (const look of [...this.#waiting])
			look();
	}

	/** Resolves with the first truthy value of `look`, which is tried now and after each change. */
	until(what, look) {
		return new Promise((resolve, reject) => {
			const wait = { what };
			const attempt = () => {
				try {
					const found = look();

					if (!found)
						return;
					resolve(found);
				} catch (error) {
					reject(error);
				}
				this.#waiting.delete(attempt);
				waits.delete(wait);
			};

			waits.add(wait);
			this.#waiting.add(attempt);
			attempt();
		});
	}
}

/** The promise's outcome, or an error that says what did not happen in time. */
export async function within(seconds, what, promise) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`${what} took longer than ${seconds} s`)), seconds * 1000);
	});

	promise.catch?.(() => {}); /* it may fail after it was given up */
	try {
		return await Promise.race([promise, late]);
	} finally {
		clearTimeout(timer);
	}
}

/** For what nobody tells of: the end of processes that are not our children. */
export async function poll(seconds, look) {
	const end = Date.now() + seconds * 1000;

	for (;;) {
		const found = await look();

		if (found || Date.now() > end)
			return found;
		await new Promise((done) => setTimeout(done, 20));
	}
}
