// SPDX-License-Identifier: Apache-2.0
/* The official client, unmodified, and one who listens with it. */

import assert from "node:assert/strict";
import "./quiet.mjs";
import { createClient } from "rivetkit/client";
import { Watched, within } from "./wait.mjs";

/** The client that @rivetkit/react brings along, an older one: spec/rivetkit-client.md 12. */
export const { createClient: createReactsClient } =
	await import("../node_modules/@rivetkit/react/node_modules/rivetkit/dist/tsup/client/mod.js");

/** For both: `for (const [version, create] of CLIENTS)` */
export const CLIENTS = [["2.3.19", createClient], ["2.3.11", createReactsClient]];

/** What the promise fails with. */
export const failureOf = (promise) => promise.then(() => assert.fail("it did not fail"), (error) => error);

export { createClient };
export const ENCODINGS = ["json", "cbor", "bare"];

/** What a workspace publishes: numbered, kept, told again to those who were away. */
export const PUBLISHED = [
	"chat.user", "session.event", "turn.state", "sandbox.state", "permission.request", "permission.resolved",
	"session.config", "session.state",
];

/** A connection and all that it heard. */
export class Ear extends Watched {
	heard = [];    /* { name, data }, in the order in which it came */
	statuses = [];
	errors = [];
	seq = 0;       /* the largest heard */

	/** handle: a function that is given getParams' options and gives a handle */
	constructor(handleWith, names, { params = {}, since } = {}) {
		super();
		this.seq = since ?? 0;
		this.conn = handleWith({
			getParams: async () => (since === undefined ? params : { ...params, since: this.seq }),
		}).connect();
		this.conn.onStatusChange((status) => this.#note(this.statuses, status));
		this.conn.onError((error) => this.#note(this.errors, error));
		for (const name of names)
			this.conn.on(name, (data) => this.#hear(name, data));
	}

	#note(list, what) {
		list.push(what);
		this.changed();
	}

	#hear(name, data) {
		this.seq = Math.max(this.seq, data?.seq ?? 0);
		this.#note(this.heard, { name, data });
	}

	get status() {
		return this.statuses.at(-1);
	}

	of(name) {
		return this.heard.filter((event) => event.name === name).map((event) => event.data);
	}

	get published() {
		return this.heard.filter(({ data }) => data?.seq !== undefined);
	}

	/** What the agent said, in one piece. */
	get said() {
		return this.of("session.event").map(({ payload }) => payload.params?.update)
			.filter((update) => update?.sessionUpdate === "agent_message_chunk")
			.map((update) => update.content.text).join("");
	}

	/** How many it has had. */
	get connections() {
		return this.statuses.filter((status) => status === "connected").length;
	}

	connected() {
		return this.until("a connection", () => this.status === "connected");
	}

	/** When a Close frame comes some time after an Error, the client goes from idle to disconnected, for good as well. */
	gaveUp() {
		return this.until("giving up", () => this.statuses.includes("idle"));
	}

	/** The data of the first event of this name that fits. */
	event(name, fits = () => true, what = "") {
		return this.until(`${name} ${what || fits}`, () => this.of(name).find(fits));
	}

	turn(promptId, ...states) {
		return this.event("turn.state", (turn) => turn.promptId === promptId && states.includes(turn.state),
			`${promptId} ${states.join(" or ")}`);
	}

	close() {
		return within("dispose()", this.conn.dispose());
	}
}

/** `act` ends the connections of all; resolves when each has another. Whoever kills a server again before that may cut off a
 * handshake, and then the official client gives up: no server can help it. */
export async function through(ears, act) {
	const before = ears.map((ear) => ear.connections);

	await act();
	for (const [i, ear] of ears.entries())
		await ear.until("another connection", () => ear.connections > before[i] && ear.status === "connected");
}

/** The whole log as getEvents tells it, page by page: [{ seq, name, data }]. */
export async function wholeLog(handle, limit = 50) {
	const events = [];

	for (;;) {
		const page = await handle.getEvents({ offset: events.at(-1)?.seq ?? 0, limit });

		events.push(...page.events);
		if (!page.more)
			return events;
	}
}
