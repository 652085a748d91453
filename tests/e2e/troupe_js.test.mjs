// SPDX-License-Identifier: Apache-2.0
/* Our own client, clients/js/troupe.js, against a real server: it comes back by itself from everything, also from what the
 * official one cannot survive. Its own tests (tests/js) have the rest. */

import assert from "node:assert/strict";
import { WebSocket } from "ws";
import { TroupeError, connect } from "../../clients/js/troupe.js";
import { PUBLISHED, wholeLog } from "./kit/client.mjs";
import { freePort } from "./kit/ports.mjs";
import { test } from "./kit/stage.mjs";
import { Watched } from "./kit/wait.mjs";

class Room extends Watched {
	heard = [];
	statuses = [];
	resets = 0;

	constructor(stage, troupe, options = {}) {
		super();
		this.room = connect({
			endpoint: troupe.url, actor: "workspace", key: "w", params: { userId: "ann" }, since: 0, infoAction: "getSessionInfo",
			WebSocket, onReset: () => this.resets++, ...options,
		});
		stage.atEnd(() => this.room.close());
		for (const name of PUBLISHED)
			this.room.on(name, (data) => this.#note(this.heard, { name, data }));
		this.room.onStatus((status) => this.#note(this.statuses, status));
	}

	#note(list, what) {
		list.push(what);
		this.changed();
	}

	get seqs() {
		return this.heard.map(({ data }) => data.seq);
	}

	get said() {
		return this.heard.map(({ data }) => data.payload?.params?.update?.content.text ?? "").join("");
	}

	status(wanted) {
		return this.until(wanted, () => this.room.status === wanted);
	}

	turn(promptId, state) {
		return this.until(`${promptId} ${state}`,
			() => this.heard.find(({ data }) => data.promptId === promptId && data.state === state));
	}
}

test("it hears the history, then what happens, and its calls are answered", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const ann = new Room(stage, troupe);

	const answer = await ann.room.actions.prompt({ userId: "ann", text: "one", promptId: "p1" });

	assert.deepEqual(answer, { promptId: "p1", stopReason: "end_turn" });
	const bob = new Room(stage, troupe, { params: { userId: "bob" } });

	await ann.room.call("prompt", { userId: "ann", text: "two", promptId: "p2" });
	await bob.turn("p2", "done");
	assert.deepEqual(bob.heard, ann.heard);
	assert.deepEqual(ann.seqs, ann.seqs.map((_, i) => i + 1));
	assert.equal(bob.room.seq, bob.seqs.at(-1));
});

test("after kill -9 in mid-turn it has every event once, and a prompt sent again is the same prompt", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const ann = new Room(stage, troupe);
	const prompt = { userId: "ann", text: "!chunks 40 15", promptId: "p" };
	const cutOff = ann.room.call("prompt", prompt);
	const lost = assert.rejects(cutOff, (error) => error instanceof TroupeError && error.code === "connection_lost");

	await ann.until("chunk 10", () => ann.said.includes("chunk 10 "));
	await troupe.crash();
	await lost;
	assert.deepEqual(await ann.room.call("prompt", prompt), { promptId: "p", stopReason: "end_turn" });
	assert.deepEqual(ann.seqs, ann.seqs.map((_, i) => i + 1));
	assert.equal(ann.said, Array.from({ length: 40 }, (_, i) => `chunk ${i + 1} `).join(""));
	assert.equal(ann.resets, 0);
});

test("it outlives a server that is gone for a while, and calls made meanwhile wait", async (stage) => {
	const troupe = await stage.troupe({ port: await freePort() });
	const ann = new Room(stage, troupe, { actor: "counter", infoAction: undefined });

	assert.equal(await ann.room.call("increment"), 1);
	await troupe.stop();
	await ann.status("reconnecting");
	const waiting = ann.room.call("increment");

	await troupe.start();
	assert.equal(await waiting, 2);
});

test("it notices that the server's log is another one, and is told everything from the beginning", async (stage) => {
	const port = await freePort();
	const first = await stage.troupe({ port, sandbox: "local" });
	const ann = new Room(stage, first);

	await ann.room.call("prompt", { userId: "ann", text: "old", promptId: "p1" });
	await first.stop();
	await ann.status("reconnecting");
	const second = await stage.troupe({ port, sandbox: "local" });

	await ann.room.call("prompt", { userId: "ann", text: "new", promptId: "p2" });
	await ann.turn("p2", "done");
	assert.equal(ann.resets, 1);
	const log = await wholeLog(stage.client(second).workspace.get(["w"]));
	const heard = ann.heard.slice(ann.seqs.lastIndexOf(1)); /* since the reset */

	assert.deepEqual(heard, log.map(({ name, data }) => ({ name, data })));
});

test("a refusal that is final ends it with the server's words", async (stage) => {
	const troupe = await stage.troupe();
	const lost = new Room(stage, troupe, { actor: "nonsense", infoAction: undefined });

	await lost.status("refused");
	await assert.rejects(lost.room.call("hello"), { group: "actor", code: "not_registered" });
});
