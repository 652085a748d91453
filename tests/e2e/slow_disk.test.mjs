// SPDX-License-Identifier: Apache-2.0
/* A disk that takes its time: while it syncs, whoever has nothing to write is served, and nobody hears what is not on disk.
 * tests/slow_disk.c holds the server's fdatasync until a FIFO lets it go. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, unlinkSync } from "node:fs";
import path from "node:path";
import { SANITIZED, TROUPE } from "./kit/process.mjs";
import { test } from "./kit/stage.mjs";
import { eventually } from "./kit/wait.mjs";

const SHIM = path.join(path.dirname(TROUPE), "slow_disk.so");

/** From `stick` on no sync returns; `stuck` resolves when one has begun. */
class Disk {
	#fifo;

	constructor(stage) {
		this.#fifo = stage.folder("fifo");
	}

	get env() {
		return {
			LD_PRELOAD: SHIM, STUCK_DISK: this.#fifo,
			...(SANITIZED ? { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:verify_asan_link_order=0` } : {}),
		};
	}

	stick() {
		execFileSync("mkfifo", [this.#fifo]);
	}

	/** Resolves with what lets the disk go. */
	async stuck() {
		const fd = await eventually("a sync has begun", () => this.#opened());

		return () => {
			unlinkSync(this.#fifo);
			closeSync(fd);
		};
	}

	#opened() {
		try {
			return openSync(this.#fifo, constants.O_WRONLY | constants.O_NONBLOCK);
		} catch (error) {
			if (error.code === "ENXIO") /* nobody is there to read */
				return null;
			throw error;
		}
	}
}

/** Two counters that are awake, and the disk. */
async function twoCounters(stage) {
	const disk = new Disk(stage);
	const troupe = await stage.troupe({ env: disk.env });
	const [ann, bob] = ["a", "b"].map((key) => stage.listen(
		(options) => stage.client(troupe).counter.getOrCreate([key], options), ["newCount"], {}));

	for (const { conn } of [ann, bob])
		assert.equal(await conn.increment(1), 1);
	disk.stick();
	return { disk, troupe, ann, bob };
}

/** What became of a promise so far. */
function watched(promise) {
	const state = { settled: false };

	state.promise = promise.finally(() => {
		state.settled = true;
	});
	return state;
}

test("while the disk syncs for one actor another answers, and what is to be durable is not answered", async (stage) => {
	const { disk, troupe, ann, bob } = await twoCounters(stage);
	const hers = watched(ann.conn.increment(1));
	const letGo = await disk.stuck();

	assert.equal(await bob.conn.echo("are you there?"), "are you there?");
	assert.equal(await bob.conn.getCount(), 1);
	assert.equal((await fetch(`${troupe.url}/health`)).status, 200);
	const his = watched(bob.conn.increment(1));
	const later = watched(bob.conn.echo("behind it")); /* what he says after a write waits for it */

	assert.equal((await fetch(`${troupe.url}/health`)).status, 200);
	assert.deepEqual([hers.settled, his.settled, later.settled], [false, false, false]);
	letGo();
	assert.deepEqual(await Promise.all([hers.promise, his.promise, later.promise]), [2, 2, "behind it"]);
});

test("a server that is told to end waits for the disk, and loses nothing", async (stage) => {
	const { disk, troupe, ann } = await twoCounters(stage);
	const hers = watched(ann.conn.increment(1));
	const letGo = await disk.stuck();
	const ended = watched(troupe.stop());

	await troupe.program.line(/server\.drain/);
	assert.equal(ended.settled, false);
	letGo();
	assert.deepEqual(await ended.promise, { code: 0, signal: null });
	await hers.promise.catch(() => {}); /* answered, or cut off after it was kept */
	await troupe.start();
	assert.equal(await stage.client(troupe).counter.getOrCreate(["a"]).getCount(), 2);
});
