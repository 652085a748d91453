// SPDX-License-Identifier: Apache-2.0
/* Two people and an observer, an afternoon long, with one agent: they write and stop and allow, while the server is killed and
 * replaced, the sandbox is killed and its agent dies. In the end all three have heard the same, which is what happened.
 *
 * TROUPE_SEED=7 for another afternoon, AFTERNOON_MISHAPS=200 for a longer one. */

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { through, wholeLog } from "./kit/client.mjs";
import { Dice, seedOf, timesOf } from "./kit/dice.mjs";
import { assertEveryPromptEnds, assertFaithful } from "./kit/faithful.mjs";
import { commandOf, kill, markedWith } from "./kit/process.mjs";
import { test } from "./kit/stage.mjs";
import { assertCalmThen, codeOf, eventsOf, outcome, upstream } from "./kit/upstream.mjs";

const MISHAPS = timesOf("AFTERNOON_MISHAPS", 10);
const WORDS = ["hello", "!chunks 30 10", "!burst 100", "!perm", "!tool", "!slow 150"];

/* What may become of a prompt on such an afternoon; a word of the agent's own is none of these. */
const ENDS = [
	"end_turn", "cancelled", "prompt.cancelled", "agent.exited", "agent.instance_lost", "agent.delivery_unknown",
	"sandbox.unreachable", "agent.restarted",
];

const agentsOf = (stage) => markedWith(stage.mark).filter((pid) => /agent\.mjs/.test(commandOf(pid)));

/* Whoever hears a request first answers it; that somebody else was sooner, or that it is over, is no mishap. */
function allows(ear, dice) {
	const seen = new Set();

	return async () => {
		for (const { permissionId } of ear.of("permission.request"))
			if (!seen.has(permissionId)) {
				seen.add(permissionId);
				await ear.conn.respondPermission({ permissionId, reply: dice.pick(["once", "reject"]), userId: "bob" })
					.catch((error) => error.group === "permission" || seen.delete(permissionId));
			}
	};
}

/* One mishap after the other, at moments that the dice say; meanwhile people look after what the agent asks. */
async function happenings({ stage, dice, troupe, sandbox, people }) {
	const [, bob] = people;
	const answer = allows(bob, dice);
	const befalls = [
		() => through(people, () => troupe.crash()),
		() => through(people, () => troupe.replaced(() => troupe.program.signal("SIGHUP"))),
		async () => { await sandbox.stop("SIGKILL"); await sandbox.start(); },
		() => agentsOf(stage).forEach((pid) => kill(pid)),
		() => bob.conn.cancel({ userId: "bob" }).catch(() => {}),
	];

	for (let n = 0; n < MISHAPS; n++) {
		for (let looks = 2 + dice.below(8); looks > 0; looks--) {
			await new Promise((done) => setTimeout(done, 60));
			await answer();
		}
		await befalls[n % befalls.length]();
	}
	return setInterval(answer, 60);
}

test(`an afternoon of ${MISHAPS} mishaps is the same for all, and is what happened (seed ${seedOf(3)})`, async (stage) => {
	const dice = new Dice(seedOf(3));
	const store = stage.folder("store");

	mkdirSync(store);
	const { troupe, sandbox, ann, wrote } = await upstream(stage, {
		direct: true, supervised: true, args: [], env: { AGENT_STORE: store },
	});
	const bob = stage.join(troupe, "w", { userId: "bob", encoding: "json" });
	const eve = stage.listen((options) => stage.client(troupe, { encoding: "cbor" }).workspace.getOrCreate(["w"], options),
		["chat.user", "session.event", "turn.state", "sandbox.state", "permission.request", "permission.resolved", "session.config",
			"session.state"], { params: { userId: "eve", role: "observer" }, since: 0 });

	await Promise.all([bob.connected(), eve.connected()]);
	const ended = [];
	let over = false;
	const writes = async (ear, name) => {
		for (let n = 0; !over; n++)
			ended.push(await outcome(ear, `${name}-${n}`, dice.pick(WORDS)));
	};
	const writing = Promise.all([writes(ann, "ann"), writes(bob, "bob")]);
	const answering = await happenings({ stage, dice, troupe, sandbox, people: [ann, bob, eve] });

	over = true;
	await writing;
	clearInterval(answering);
	await assertCalmThen(ann);
	assert.deepEqual(ended.filter((end) => !ENDS.includes(end)), [], "ends that nothing explains");
	assert.ok(ended.includes("end_turn"), ended.join());
	assert.equal(codeOf(await eve.conn.prompt({ userId: "eve", text: "me too" }).catch((error) => error)), "auth.forbidden");

	const log = await wholeLog(ann.conn);
	const told = log.map(({ seq, name }) => [seq, name]);

	for (const ear of [ann, bob, eve]) {
		await ear.until("the newest event", () => ear.seq >= log.at(-1).seq);
		const heard = ear.published.map(({ name, data }) => [data.seq, name]).slice(0, told.length);

		assert.deepEqual(heard, told, "everything, once, in order");
	}
	const events = await eventsOf(ann);

	assertFaithful(events, wrote);
	assertEveryPromptEnds(events);
}, { times: 1 + MISHAPS / 10 });
