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

/* When something has not happened, it hangs: said once, here, and so late that a machine that many use cannot be the reason.
 * It never says how fast anything has to be. TROUPE_TEST_PATIENCE=2 doubles it. */
export const HANGS_AFTER_S = 60 * Number(process.env.TROUPE_TEST_PATIENCE ?? 1);

/** The promise's outcome, or an error that says what hangs. times: for what takes long on a quiet machine, too. */
export async function within(what, promise, times = 1) {
	const seconds = times * HANGS_AFTER_S;
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`${what} hangs: it has taken ${seconds} s`)), seconds * 1000);
	});

	promise.catch?.(() => {}); /* it may fail after it was given up */
	try {
		return await Promise.race([promise, late]);
	} finally {
		clearTimeout(timer);
	}
}

/** The first truthy value of `look`, for what nobody tells of: the end of processes that are not our children. */
export async function eventually(what, look) {
	const end = performance.now() + HANGS_AFTER_S * 1000;

	for (;;) {
		const found = await look();

		if (found)
			return found;
		if (performance.now() > end)
			throw new Error(`${what}: not so after ${HANGS_AFTER_S} s`);
		await new Promise((done) => setTimeout(done, 20));
	}
}
