// SPDX-License-Identifier: Apache-2.0
/* Whatever one client says, in whichever encoding, all clients get equal, in theirs: as an answer, as an event, and out of the
 * log. TROUPE_TEST_VALUES is how many random values that is tried with, TROUPE_TEST_SEED where they come from. */

import assert from "node:assert/strict";
import { ENCODINGS, failureOf, wholeLog } from "./kit/client.mjs";
import { PARITY } from "./kit/process.mjs";
import { test } from "./kit/stage.mjs";
import { Values, assertSame, heard, sent } from "./kit/values.mjs";

const COUNT = Number(process.env.TROUPE_TEST_VALUES ?? 300);
const SEED = Number(process.env.TROUPE_TEST_SEED ?? Date.now() % 2 ** 32);
const DEEPEST = 63; /* what is appended is an object around it: 64 */

/** A listener in each encoding, and what it can call. */
async function listeners(stage) {
	const troupe = await stage.troupe();

	return ENCODINGS.map((encoding) => {
		const { counter } = stage.client(troupe, { encoding });
		const ear = stage.listen((options) => counter.getOrCreate(["values"], options), ["appended"]);

		return { encoding, ear, handle: counter.getOrCreate(["values"]) };
	});
}

async function goesThrough(all, from, value) {
	const said = sent({ v: value }, from.encoding).v, [argument] = sent([value], from.encoding);
	const seq = await from.place.append({ v: value });

	assertSame(await from.place.echo(value), heard(argument, from.encoding), `echo in ${from.encoding}`);
	for (const { encoding, ear } of all) {
		const event = await ear.event("appended", (e) => e.seq === seq, seq);

		assertSame(event.v, heard(said, encoding), `from ${from.encoding} to ${encoding}`);
	}
	return said;
}

async function isKept(all, said) {
	for (const { encoding, ear, handle } of all)
		for (const place of [handle, ear.conn]) {
			const log = await wholeLog(place);

			assert.equal(log.length, said.length);
			log.forEach(({ data }, i) => assertSame(data.v, heard(said[i], encoding), `the log in ${encoding}, ${i}`));
		}
}

test(`[25, 26, 27] ${COUNT} random values come from each encoding to each as they were (seed ${SEED})`, async (stage) => {
	const all = await listeners(stage);
	const values = all.map(({ encoding }, i) => new Values(SEED + i, encoding));
	const said = [];

	await Promise.all(all.map(({ ear }) => ear.conn.getCount()));
	for (let i = 0; i < COUNT; i++) {
		const { encoding, ear, handle } = all[i % 3];
		const value = i % 30 < 3 ? values[i % 3].nested(DEEPEST) : values[i % 3].any(5);

		said.push(await goesThrough(all, { encoding, place: i % 2 ? handle : ear.conn }, value));
	}
	await isKept(all, said);
}, { times: 1 + COUNT / 300 });

test(`[15] ${COUNT / 10} random values come as an actor's input, by the gateway and by create (seed ${SEED})`, async (stage) => {
	const troupe = await stage.troupe({ program: PARITY });
	const clients = ENCODINGS.map((encoding) => stage.client(troupe, { encoding, maxInputSize: 16_384 }).inputActor);
	const values = new Values(SEED, "bare");

	for (let i = 0; i < COUNT / 10; i++) {
		const input = values.nested(1 + (i % 5)), [maker, other] = [clients[i % 3], clients[(i + 1) % 3]];

		await maker.create([`created ${i}`], { input });
		await maker.getOrCreate([`called ${i}`], { createWithInput: input }).getInputs();
		for (const key of ["created", "called"]) {
			const got = await other.get([`${key} ${i}`]).getInputs();

			assertSame(got.initialInput, heard(sent(input, "bare"), ENCODINGS[(i + 1) % 3]), `the input of what was ${key}`);
		}
	}
}, { times: 1 + COUNT / 300 });

for (const encoding of ENCODINGS)
	test(`${COUNT / 10} random values come as an error's metadata, by HTTP and live (${encoding}, seed ${SEED})`, async (stage) => {
		const { counter } = stage.client(await stage.troupe(), { encoding });
		const ear = stage.listen((options) => counter.getOrCreate(["fails"], options), []);
		const values = new Values(SEED, encoding);

		for (let i = 0; i < COUNT / 10; i++) {
			const metadata = { v: values.any(4) };
			const place = i % 2 ? ear.conn : counter.getOrCreate(["fails"]);
			const error = await failureOf(place.fail("wrong", "It is wrong.", metadata));

			assert.equal(error.code, "wrong");
			assertSame(error.metadata, heard(sent(metadata, encoding), encoding), "metadata");
		}
	});
