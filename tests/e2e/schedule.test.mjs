// SPDX-License-Identifier: Apache-2.0
/* Actions that actors have run later (troupe_schedule), through sleep, kill -9 and time without a server: tests/parity/schedule.c
 * is who schedules. */

import assert from "node:assert/strict";
import { PARITY } from "./kit/process.mjs";
import { actorsAwake, putToSleep } from "./kit/sleep.mjs";
import { test } from "./kit/stage.mjs";
import { eventually } from "./kit/wait.mjs";

const TASKS = 40;
const CRASHES = 6;

async function begin(stage) {
	const troupe = await stage.troupe({ program: PARITY });

	return { troupe, actor: stage.client(troupe).scheduled.getOrCreate(["s"]) };
}

/** Nobody asks for the actor: it is awake because something was due. */
async function wokenByItself(troupe) {
	return eventually("the actor is awake", async () => await actorsAwake(troupe) === 1);
}

test("what became due while no server ran runs at the next start, once, and nobody has to ask", async (stage) => {
	const { troupe, actor } = await begin(stage);

	await actor.scheduleTaskAfterWithId("first", 100);
	const { scheduledFor } = await actor.scheduleTaskAfterWithId("second", 150);

	await troupe.stop();
	await eventually("both are due", () => Date.now() > scheduledFor);
	await troupe.start();
	assert.ok(await wokenByItself(troupe));
	assert.deepEqual(await actor.getTaskHistory(), ["first", "second"]);
	await troupe.crash();
	assert.equal(await actor.getScheduledCount(), 2);
});

test("what is due after kill -9 runs in the next server, at its time", async (stage) => {
	const { troupe, actor } = await begin(stage);
	const { scheduledFor } = await actor.scheduleTaskAfterWithId("late", 1000);

	await troupe.crash();
	assert.ok(await wokenByItself(troupe));
	assert.deepEqual(await actor.getTaskHistory(), ["late"]);
	assert.ok(await actor.getLastRun() >= scheduledFor);
});

test(`${TASKS} tasks run once each and in order, through ${CRASHES} times kill -9`, async (stage) => {
	const { troupe, actor } = await begin(stage);
	const names = Array.from({ length: TASKS }, (_, i) => `task ${i}`);

	for (const [i, name] of names.entries())
		await actor.scheduleTaskAfterWithId(name, 100 + 50 * i);
	for (let i = 1; i <= CRASHES; i++) {
		const enough = Math.floor(TASKS * i / (CRASHES + 1));

		await eventually("enough have run", async () => (await actor.getTaskHistory()).length >= enough);
		await troupe.crash();
	}
	await eventually("all have run", async () => (await actor.getTaskHistory()).length >= TASKS);
	assert.deepEqual(await actor.getTaskHistory(), names);
	assert.equal(await actor.getScheduledCount(), TASKS);
});

test("it wakes an actor that sleeps, and who is connected hears it", async (stage) => {
	const { troupe, actor } = await begin(stage);
	const ann = stage.listen((options) => stage.client(troupe).scheduled.getOrCreate(["s"], options), ["scheduled"], {});

	await ann.conn.scheduleTaskAfter(1000);
	await putToSleep(troupe, actor);
	const { count } = await ann.event("scheduled");

	assert.equal(count, 1);
	assert.deepEqual(ann.errors, []);
});
