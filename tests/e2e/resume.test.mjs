// SPDX-License-Identifier: Apache-2.0
/* The server dies, drains or is replaced while people work: the official clients come back by themselves, and what each of
 * them saw, before and after, is the log, each event once. */

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { ENCODINGS, through, wholeLog } from "./kit/client.mjs";
import { test } from "./kit/stage.mjs";
import { Watched } from "./kit/wait.mjs";
import { wire } from "./kit/wire.mjs";

const CHUNKS = 40;
const ANSWER = Array.from({ length: CHUNKS }, (_, i) => `chunk ${i + 1} `).join("");

/* As a client has to do it: the same id is the same prompt, so one whose answer was cut off is just sent again. */
async function promptUntilAnswered(ear, prompt) {
	for (;;) {
		try {
			return await ear.conn.prompt(prompt);
		} catch (error) {
			if (["agent", "sandbox", "prompt", "request"].includes(error.group))
				throw error;
			await ear.connected();
		}
	}
}

/** What everybody heard is the log, each event once and in order, from the first to the newest. */
async function assertAllHeardTheLog(ears, handle) {
	const log = await wholeLog(handle);
	const newest = log.at(-1).seq;

	assert.deepEqual(log.map(({ seq }) => seq), Array.from({ length: newest }, (_, i) => i + 1));
	for (const ear of ears) {
		await ear.until(`event ${newest}`, () => ear.seq >= newest);
		const heard = ear.published.slice(0, newest); /* there may be more by now */

		assert.deepEqual(heard.map(({ data }) => data.seq), log.map(({ seq }) => seq));
		assert.deepEqual(heard, log.map(({ name, data }) => ({ name, data })));
	}
	return log;
}

const promptsSent = (log) => log.filter(({ data }) => data.payload?.method === "session/prompt").length;

/* When the server is killed: what ann has heard by then. In the moments of UNSURE the prompt may be on its way to the agent: when
 * it did not get there, the turn fails with agent.delivery_unknown, since to send it again might make it run twice. */
const UNSURE = ["when the prompt is queued", "when the turn begins"];
const MOMENTS = {
	"before the prompt is queued": () => true,
	"when the prompt is queued": (ear) => ear.of("turn.state").some(({ state }) => state === "queued"),
	"when the turn begins": (ear) => ear.of("turn.state").some(({ state }) => state === "running"),
	"at the first word": (ear) => ear.said.includes("chunk 1 "),
	"in the middle": (ear) => ear.said.includes("chunk 19 "),
	"near the end": (ear) => ear.said.includes(`chunk ${CHUNKS - 1} `),
	"when it is over": (ear) => ear.of("turn.state").some(({ state }) => state === "done"),
};

for (const [i, [moment, hasCome]] of Object.entries(MOMENTS).entries()) {
	const encoding = ENCODINGS[i % ENCODINGS.length];

	test(`after kill -9 ${moment} both clients have every event once, and the turn ends (${encoding})`, async (stage) => {
		const troupe = await stage.troupe({ sandbox: "local" });
		const [ann, bob] = ["ann", "bob"].map((userId) => stage.join(troupe, "w", { userId, encoding }));

		await Promise.all([ann.connected(), bob.connected()]);
		const answer = promptUntilAnswered(ann, { userId: "ann", text: `!chunks ${CHUNKS} 10`, promptId: "p" });

		await ann.until(moment, () => hasCome(ann));
		await troupe.crash();
		const ended = await answer.catch((error) => error);
		const log = await assertAllHeardTheLog([ann, bob], ann.conn);

		if (UNSURE.includes(moment) && ended instanceof Error) {
			assert.deepEqual([ended.group, ended.code], ["agent", "delivery_unknown"]);
			assert.equal(ann.said, "");
		} else {
			assert.deepEqual(ended, { promptId: "p", stopReason: "end_turn" });
			assert.equal(ann.said, ANSWER);
		}
		assert.equal(promptsSent(log), 1);
		assert.equal(log.filter(({ name }) => name === "chat.user").length, 1);
	});
}

test("after five kills in one turn everybody has every event once", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const ears = ENCODINGS.map((encoding) => stage.join(troupe, "w", { userId: encoding, encoding }));
	const [ann] = ears;

	await Promise.all(ears.map((ear) => ear.connected()));
	const answer = promptUntilAnswered(ann, { userId: "ann", text: "!chunks 150 20", promptId: "p" });

	for (let kills = 1; kills <= 5; kills++) {
		await Promise.all(ears.map((ear) => ear.until(`chunk ${kills * 15}`, () => ear.said.includes(`chunk ${kills * 15} `))));
		await through(ears, () => troupe.crash());
	}
	assert.equal((await answer).stopReason, "end_turn");
	await assertAllHeardTheLog(ears, ann.conn);
	assert.equal(ann.said, Array.from({ length: 150 }, (_, i) => `chunk ${i + 1} `).join(""));
});

test("a client that comes back while the log is long is told all it missed, then goes on live", async (stage) => {
	const troupe = await stage.troupe();
	const { counter } = stage.client(troupe);
	const listen = () => stage.listen((options) => counter.getOrCreate(["long"], options), ["appended"], { since: 0 });
	const early = listen();

	for (let batch = 0; batch < 3; batch++)
		await Promise.all(Array.from({ length: 1000 }, (_, n) => early.conn.append({ n })));
	await troupe.crash();
	const late = listen();

	await Promise.all(Array.from({ length: 300 }, (_, n) => late.conn.append({ n })));
	for (const ear of [early, late]) {
		await ear.until("3,300 events", () => ear.heard.length >= 3300);
		assert.deepEqual(ear.of("appended").map(({ seq }) => seq), Array.from({ length: 3300 }, (_, i) => i + 1));
	}
});

/* ------------------------------------------------------------------ another log */

/** The application of README.md: it keeps the last number, and the name of the log that the number is of. */
class Reader extends Watched {
	told = []; /* log.epoch and log.reset, as they came */
	heard = []; /* seqs, since the last reset */

	constructor(stage, counter, key, { since = 0, epoch } = {}) {
		super();
		this.since = since;
		this.epoch = epoch;
		this.conn = counter.getOrCreate([key], { getParams: () => ({ since: this.since, epoch: this.epoch }) }).connect();
		stage.atEnd(() => this.conn.dispose());
		this.conn.on("log.epoch", (log) => this.#onLog("epoch", log));
		this.conn.on("log.reset", (log) => this.#onLog("reset", log));
		this.conn.on("appended", ({ seq }) => {
			this.heard.push(this.since = seq);
			this.changed();
		});
	}

	#onLog(what, log) {
		this.told.push([what, log.seq]);
		this.epoch = log.epoch;
		if (what === "reset")
			[this.since, this.heard] = [0, []];
		this.changed();
	}

	hears(...seqs) {
		return this.until(`events ${seqs}`, () => this.heard.join() === seqs.join());
	}
}

/* The next server begins with nothing. */
async function wipe(troupe) {
	rmSync(troupe.data, { recursive: true });
	await troupe.crash();
}

for (const encoding of ENCODINGS)
	test(`a client of a wiped data directory is told to start over, and then everything from 1 (${encoding})`, async (stage) => {
		const troupe = await stage.troupe();
		const { counter } = stage.client(troupe, { encoding });
		const ann = new Reader(stage, counter, "w");
		const append = async (...notes) => {
			for (const n of notes)
				await counter.getOrCreate(["w"]).append({ n });
		};

		await append(1, 2, 3);
		await ann.hears(1, 2, 3);
		await troupe.crash();
		await append(4);
		await ann.hears(1, 2, 3, 4);
		assert.deepEqual(ann.told, [["epoch", ann.told[0][1]]], "told once which log it is, it says so itself");
		const before = ann.epoch;

		await wipe(troupe);
		await append(1, 2);
		await ann.hears(1, 2);
		assert.equal(ann.told.length, 2);
		assert.equal(ann.told[1][0], "reset");
		assert.notEqual(ann.epoch, before);
		await append(3, 4, 5);
		await ann.hears(1, 2, 3, 4, 5);

		/* Who was away for long: its number is in this log too, and of another. */
		const late = new Reader(stage, counter, "w", { since: 4, epoch: before });

		await late.hears(1, 2, 3, 4, 5);
		assert.deepEqual(late.told, [["reset", 5]]);
		assert.equal(late.epoch, ann.epoch);
	});

test("an actor that was destroyed and made anew has another log, and its clients are told", async (stage) => {
	const troupe = await stage.troupe();
	const { counter } = stage.client(troupe);
	const handle = counter.getOrCreate(["d"]);
	const first = new Reader(stage, counter, "d");

	await handle.append({ n: 1 });
	await first.hears(1);
	await first.conn.dispose();
	assert.equal((await fetch(`${troupe.url}/actors/${await handle.resolve()}`, { method: "DELETE" })).status, 200);
	for (const n of [1, 2, 3])
		await counter.getOrCreate(["d"]).append({ n });
	const again = new Reader(stage, counter, "d", first);

	await again.hears(1, 2, 3);
	assert.deepEqual(again.told, [["reset", 3]]);
});

/* ------------------------------------------------------------------ planned ends */

test("a server that is asked to go closes its clients with ws.going_away, and they come back to the next", async (stage) => {
	const troupe = await stage.troupe();
	const { counter } = stage.client(troupe);
	const ear = stage.listen((options) => counter.getOrCreate(["drain"], options), ["appended"], { since: 0 });
	const raw = await wire(stage, troupe, "counter", "drain");

	await ear.conn.append({ n: 1 });
	await troupe.replaced(() => process.kill(troupe.serverPid, "SIGTERM"));
	assert.equal((await raw.closed()).reason.split("#")[0], "ws.going_away");
	assert.equal(await ear.conn.append({ n: 2 }), 2);
	assert.deepEqual(ear.of("appended").map(({ n }) => n), [1, 2]);
	assert.deepEqual(await troupe.stop(), { code: 0, signal: null });
});

test("SIGTERM ends supervisor and server with code 0, clients hear ws.going_away, and what was kept is kept", async (stage) => {
	const troupe = await stage.troupe();
	const raw = await wire(stage, troupe, "counter", "end");
	const handle = stage.client(troupe).counter.getOrCreate(["end"]);

	await handle.increment(7);
	const ended = troupe.stop();

	assert.equal((await raw.closed()).reason.split("#")[0], "ws.going_away");
	assert.deepEqual(await ended, { code: 0, signal: null });
	await troupe.start();
	assert.equal(await stage.client(troupe).counter.getOrCreate(["end"]).getCount(), 7);
});

test("SIGHUP replaces the server while the agent's turn goes on, and nobody misses or repeats anything", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const [ann, bob] = ["ann", "bob"].map((userId) => stage.join(troupe, "w", { userId }));

	await Promise.all([ann.connected(), bob.connected()]);
	const answer = promptUntilAnswered(ann, { userId: "ann", text: `!chunks ${CHUNKS} 20`, promptId: "p" });

	await ann.until("chunk 10", () => ann.said.includes("chunk 10 "));
	const before = troupe.serverPid;

	await troupe.replaced(() => process.kill(troupe.program.pid, "SIGHUP"));
	assert.notEqual(troupe.serverPid, before);
	assert.equal((await answer).stopReason, "end_turn");
	const log = await assertAllHeardTheLog([ann, bob], ann.conn);

	assert.equal(ann.said, ANSWER);
	assert.equal(promptsSent(log), 1);
	assert.match(troupe.program.text, /sandbox\.adopt/, "the same sandbox");
});

test("a server that runs alone ends with 0 on SIGTERM in mid-turn, and the next one has a new agent", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local", supervised: false });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await ann.connected();
	const prompted = ann.conn.prompt({ userId: "ann", text: "!hang", promptId: "p" }).catch((error) => error);

	await ann.until("the agent's first word", () => ann.said.includes("hanging"));
	assert.deepEqual(await troupe.stop(), { code: 0, signal: null });
	assert.ok(await prompted instanceof Error);
	await troupe.start();
	const again = stage.join(troupe, "w", { userId: "ann" });
	const ended = await again.turn("p", "failed");

	assert.equal(`${ended.error.group}.${ended.error.code}`, "agent.instance_lost");
	assert.equal((await again.conn.prompt({ userId: "ann", text: "still there?" })).stopReason, "end_turn");
	assert.match(again.said, /You said: still there\?\./);
});
