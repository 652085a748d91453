// SPDX-License-Identifier: Apache-2.0
/* Nothing is lost from upstream: whatever happens on the way to the sandbox, to its server or to ours, the log of a session is
 * what its agents said, in their order, each message once, and where something is missing the log says so.
 *
 * More of it: UPSTREAM_SEEDS=50 UPSTREAM_KILLS=1000 make e2e T=upstream. One of them again: TROUPE_SEED=7. */

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { Dice, seedOf, timesOf } from "./kit/dice.mjs";
import { assertEveryPromptEnds, assertFaithful } from "./kit/faithful.mjs";
import { kill } from "./kit/process.mjs";
import { chaos } from "./kit/road.mjs";
import { test } from "./kit/stage.mjs";
import { assertCalmThen, eventsOf, outcome, upstream } from "./kit/upstream.mjs";

/* ------------------------------------------------------------------ the road */

const WORDS = ["hello", "!chunks 20 3", "!chunks 60", "!burst 300", "!tool", "!numbers", "!badjson", "!late 30", "!ask", "!big 60000", "!unicode"];

/* What may become of a prompt on such a road; it is never sent twice, so one that may have been lost fails. */
const ENDS = ["end_turn", "agent.delivery_unknown", "sandbox.unreachable", "agent.instance_lost"];

for (let n = 1; n <= timesOf("UPSTREAM_SEEDS", 2); n++)
	test(`[S16, F9, F32, F40] whatever the road does, the log is what the agent said, in order and once (seed ${seedOf(n)})`, async (stage) => {
		const dice = new Dice(seedOf(n));
		const { road, ann, wrote } = await upstream(stage);

		road.plan = chaos(dice);
		for (let i = 0; i < 12; i++) {
			const end = await outcome(ann, `p${i}`, dice.pick(WORDS));

			assert.ok(ENDS.includes(end), end);
		}
		road.plan = () => null;
		await assertCalmThen(ann);
		const log = await eventsOf(ann);

		assertFaithful(log, wrote);
		assertEveryPromptEnds(log);
		for (const { closed, fault } of road.asking("session/prompt"))
			assert.ok(closed !== "before" || "cutMs" in fault || "cutAt" in fault, "no POST is closed by us before its response came");
	}, { times: 2 });

test("[S46] a stream that is cut every 50 ms during 5,000 updates loses none, and tells none twice", async (stage) => {
	const { road, ann, wrote } = await upstream(stage);

	road.plan = ({ kind }) => kind === "stream" ? { cutMs: 50 } : null;
	assert.equal(await outcome(ann, "p", "!chunks 5000 1"), "end_turn");
	road.plan = () => null;
	await assertCalmThen(ann);
	const cuts = road.of("stream").length;
	const { lost, missing } = assertFaithful(await eventsOf(ann), wrote);

	assert.deepEqual({ lost, missing }, { lost: 0, missing: 0 });
	assert.ok(cuts > 20, `${cuts} streams`);
});

/* ------------------------------------------------------------------ the servers */

/** Something happens at random moments of turns, as often as said; between two it is quiet for as long as the dice say. */
async function disturbed(dice, times, ear, happens) {
	let over = false;
	const turns = (async () => {
		for (let n = 0; !over; n++)
			await outcome(ear, `p${n}`, dice.pick(["!chunks 40 5", "!chunks 10 20", "!burst 200", "hello", "!tool", "!slow 100"]));
	})();

	for (let n = 0; n < times; n++) {
		await new Promise((done) => setTimeout(done, dice.below(400)));
		await happens();
	}
	over = true;
	await turns;
}

const kills = timesOf("UPSTREAM_KILLS", 40);

test(`[S47, S10, F36] after kill -9 of ours at ${kills} random moments the log is what the agent said (seed ${seedOf(1)})`, async (stage) => {
	const dice = new Dice(seedOf(1));
	const { troupe, wrote } = await upstream(stage);
	const people = { conn: stage.client(troupe).workspace.getOrCreate(["w"]), connected: () => troupe.program.line(/server\.ready/) };

	await disturbed(dice, kills, people, async () => {
		kill(troupe.program.pid);
		await troupe.program.end();
		await troupe.start();
	});
	await assertCalmThen(people);
	const log = await eventsOf(people);
	const { lost } = assertFaithful(log, wrote);

	assert.equal(lost, 0, "the ring is long enough");
	assertEveryPromptEnds(log);
}, { times: 1 + kills / 40 });

for (const [mark, env] of [["[S48, F15, F16]", {}], ["[S48, S44]", { AGENT_STORE: true }]])
	test(`${mark} after kill -9 of the sandbox at random moments each turn ends once${env.AGENT_STORE ? ", and a load is not logged twice" : ""}`, async (stage) => {
		const dice = new Dice(seedOf(2));
		const store = stage.folder("store");

		mkdirSync(store);
		const { sandbox, ann, wrote } = await upstream(stage, { env: env.AGENT_STORE ? { AGENT_STORE: store } : {} });

		await disturbed(dice, timesOf("UPSTREAM_SANDBOX_KILLS", 6), ann, async () => {
			await sandbox.stop("SIGKILL");
			await sandbox.start();
			await ann.event("sandbox.state", () => ann.of("sandbox.state").at(-1).state === "ready", "ready again");
		});
		await assertCalmThen(ann);
		const log = await eventsOf(ann);

		assertFaithful(log, wrote);
		assertEveryPromptEnds(log);
		const restored = new Set(log.filter(({ payload }) => payload.method === "_troupe/restored").map(({ payload }) => payload.params.how));

		assert.ok(restored.has(env.AGENT_STORE ? "load" : "replay"), [...restored].join());
	});
