// SPDX-License-Identifier: Apache-2.0
/* Answers in pieces, read with the official client's fetch: tests/parity/streams.c writes them. */

import assert from "node:assert/strict";
import { PARITY } from "./kit/process.mjs";
import { test } from "./kit/stage.mjs";
import { Tcp } from "./kit/tcp.mjs";
import { Watched } from "./kit/wait.mjs";

/** A body as it comes. */
class Reading extends Watched {
	text = "";
	over = null; /* "end", or the error that it broke off with */

	constructor(answer) {
		super();
		this.#read(answer.body.pipeThrough(new TextDecoderStream()));
	}

	async #read(body) {
		try {
			for await (const piece of body) {
				this.text += piece;
				this.changed();
			}
			this.over = "end";
		} catch (error) {
			this.over = error;
		}
		this.changed();
	}

	ended() {
		return this.until("the end of a body", () => this.over);
	}
}

async function begin(stage) {
	const troupe = await stage.troupe({ program: PARITY });
	const handle = stage.client(troupe).streamActor.getOrCreate(["s"]);

	return { troupe, handle };
}

/** Listens to /events, from its welcome on. */
async function listen(handle, init) {
	const reading = new Reading(await handle.fetch("/events", init));

	await reading.until("a welcome", () => reading.text === ": welcome\n\n");
	return reading;
}

test("[46] server-sent events come when they are said, to each who listens, up to the end", async (stage) => {
	const { handle } = await begin(stage);
	const [ann, bob] = [await listen(handle), await listen(handle)];

	for (const word of ["one", "two", "three"])
		assert.equal(await handle.say(word), 2);
	await handle.hangUp();
	for (const reading of [ann, bob]) {
		assert.equal(await reading.ended(), "end");
		assert.equal(reading.text, ": welcome\n\ndata: one\n\ndata: two\n\ndata: three\n\n");
	}
});

test("status and headers of an answer in pieces arrive before it ends, HEAD gets nothing else", async (stage) => {
	const { handle } = await begin(stage);
	const answer = await handle.fetch("/events");

	assert.deepEqual([answer.status, answer.headers.get("content-type"), answer.headers.get("cache-control")],
		[200, "text/event-stream", "no-store"]);
	assert.equal(answer.headers.get("content-length"), null);
	const head = await handle.fetch("/events", { method: "HEAD" });

	assert.deepEqual([head.status, head.headers.get("content-type")], [200, "text/event-stream"]);
	await answer.body.cancel();
});

test("the actor hears that a listener has gone, and goes on with the others", async (stage) => {
	const { handle } = await begin(stage);
	const going = new AbortController();
	const [ann] = [await listen(handle), await listen(handle, { signal: going.signal })];
	let count;

	going.abort();
	do
		count = await handle.say("who is there?");
	while (count > 1); /* the news of the end travels beside the call */
	await ann.until("a question", () => ann.text.includes("who is there?"));
});

test("an answer larger than what may wait comes whole, however slowly it is read", async (stage) => {
	const { handle } = await begin(stage);
	const n = 1_000_000; /* 6.9 MB */
	const answer = await handle.fetch(`/numbers/${n}`);

	assert.equal(await handle.say("x"), 1); /* it waits, and keeps nobody else waiting */
	const text = await answer.text();

	assert.equal(text.length, 6_888_896);
	assert.ok(text.startsWith("1\n2\n3\n") && text.endsWith(`\n${n}\n`));
	assert.ok(text.split("\n").slice(0, -1).every((line, i) => Number(line) === i + 1));
});

test("an answer that its actor, or a server that drains, breaks off is an error to its reader, not an end", async (stage) => {
	const { troupe, handle } = await begin(stage);
	const broken = await listen(handle);

	await handle.breakOff();
	assert.ok(await broken.ended() instanceof Error);
	const drained = await listen(handle);

	await troupe.replaced(() => troupe.program.signal("SIGHUP"));
	assert.ok(await drained.ended() instanceof Error);
	await listen(handle);
});

test("HTTP/1.0 gets the pieces as they are, and the end of the connection", async (stage) => {
	const { troupe } = await begin(stage);
	const tcp = new Tcp(troupe).write("GET /gateway/streamActor/request/numbers/3?rvt-namespace=default&rvt-method=getOrCreate"
		+ "&rvt-runner=default&rvt-key=s HTTP/1.0\r\n\r\n");

	await tcp.closed();
	assert.ok(tcp.heard.endsWith("\r\n\r\n1\n2\n3\n"), tcp.heard);
});
