// SPDX-License-Identifier: Apache-2.0
/* What a test has for a world. Whoever it puts on the stage is led off at its end, however it ends, and that is a test in
 * itself: servers must go on SIGTERM with code 0, sanitizers must have found nothing, and no process may be left.
 *
 *	test("a claim", async (stage) => {
 *		const troupe = await stage.troupe();
 *		const ann = stage.join(troupe, "42", { userId: "ann" });
 *		…
 *	}); */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test as nodeTest } from "node:test";
import { Ear, PUBLISHED, createClient } from "./client.mjs";
import { freePort } from "./ports.mjs";
import { commandOf, isAlive, kill, markedWith } from "./process.mjs";
import { Road } from "./road.mjs";
import { Sandbox } from "./sandbox.mjs";
import { Troupe } from "./troupe.mjs";
import { awaited, eventually, forgetWaits, within } from "./wait.mjs";

const LOG_LINES = 60;
const PLACE = path.basename(process.argv[1], ".test.mjs");

let waiting = 0; /* tests of this file that are not over */

/* The official client goes on asking for a server that is gone, for ever, and would keep this process. */
function leaveWhenAllIsOver() {
	if (--waiting === 0)
		setTimeout(() => process.exit(), 5000).unref();
}

/** times: how much longer than other tests it may take (wait.mjs). */
export function test(claim, act, { times = 1 } = {}) {
	waiting++;
	nodeTest(`${PLACE}: ${claim}`, async () => {
		const stage = new Stage();
		let failure = null;

		try {
			await within("the test", act(stage), 4 * times);
		} catch (error) {
			failure = error;
		}
		const waited = awaited();
		const wrong = await stage.clear();

		forgetWaits();
		leaveWhenAllIsOver();
		if (!failure && !wrong.length)
			return;
		console.log(stage.story(waited, wrong));
		throw failure ?? new Error(wrong.join("\n"));
	});
}

class Stage {
	#folder = mkdtempSync(path.join(tmpdir(), "troupe-e2e-"));
	#mark = path.basename(this.#folder);
	#troupes = [];
	#roads = [];
	#closing = []; /* functions, the last is called first */

	/** A folder of this test's own. */
	folder(name = "data") {
		return path.join(this.#folder, name);
	}

	get mark() {
		return this.#mark;
	}

	/** Called at the end. */
	atEnd(fn) {
		this.#closing.push(fn);
	}

	/** Serves already. Options as of the class. */
	troupe(options) {
		return this.unstarted(options).start();
	}

	/** One that is not started yet. */
	unstarted(options = {}) {
		const troupe = new Troupe({ data: this.folder(`data${this.#troupes.length}`), mark: this.#mark, ...options });

		this.#troupes.push(troupe);
		return troupe;
	}

	/** A sandbox-agent on a free port, not started yet. */
	async sandbox(env) {
		const sandbox = new Sandbox({ folder: this.folder("sandbox"), mark: this.#mark, port: await freePort(), env });

		this.atEnd(() => sandbox.stop());
		return sandbox;
	}

	/** A road to it that can be made a bad one. */
	async road(sandbox) {
		const road = await new Road(sandbox.port).start();

		this.#roads.push(road);
		this.atEnd(() => road.stop());
		return road;
	}

	client(troupe, options = {}) {
		return createClient({ endpoint: troupe.url, ...options });
	}

	/** Somebody in a workspace who hears all that is published. since: 0 is the whole log. */
	join(troupe, workspace, { userId, since = 0, encoding = "bare", names = [...PUBLISHED, "presence"] } = {}) {
		const { workspace: kind } = this.client(troupe, { encoding });

		return this.listen((options) => kind.getOrCreate([workspace], options), names,
			{ params: userId ? { userId } : {}, since });
	}

	/** Any actor: handleWith is given options and gives a handle. */
	listen(handleWith, names, options) {
		const ear = new Ear(handleWith, names, options);

		this.atEnd(() => ear.close());
		return ear;
	}

	/* ---------------------------------------------------------- the end */

	async clear() {
		const wrong = [];

		for (const close of this.#closing.reverse()) {
			try {
				await within("leaving", Promise.resolve(close()));
			} catch (error) {
				wrong.push(`at the end: ${error.message}`);
			}
		}
		for (const troupe of this.#troupes)
			wrong.push(...await troupe.clear());
		wrong.push(...await this.#killTheRest());
		rmSync(this.#folder, { recursive: true, force: true });
		return wrong;
	}

	/* Those who were told to end get a moment for it, and so do scripts that a sandbox was running when it was ended. */
	async #killTheRest() {
		let left = [];

		await eventually("no process is left", () => {
			left = markedWith(this.#mark).filter(isAlive);
			return left.length === 0;
		}).catch(() => {});
		const complaints = left.map((pid) => `a process is left: ${pid} ${commandOf(pid)}`);

		left.forEach((pid) => kill(pid));
		return complaints;
	}

	/** For whoever has to find out why a test failed. */
	story(waited, wrong) {
		const logs = this.#troupes.flatMap((troupe) => troupe.lives).map((program) =>
			["---- troupe's log", ...program.lines.slice(-LOG_LINES)].join("\n"));

		const roads = this.#roads.flatMap((road) => ["---- the road to the sandbox", ...road.story]);

		return [...waited.map((what) => `waited for: ${what}`), ...wrong.map((what) => `wrong: ${what}`), ...roads, ...logs].join("\n");
	}
}
