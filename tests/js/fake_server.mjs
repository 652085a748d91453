// SPDX-License-Identifier: Apache-2.0
/* An actor behind a WebSocket class, in memory: what the client's tests have for a world. It keeps a
 * log, resumes from `since` as the server does, and can be told to refuse, to break off or to fall
 * silent. Nothing here waits for a time: FakeClock moves when a test says so, and settle() lets
 * everything run that is ready. */

import { setImmediate } from "node:timers/promises";

export async function settle() {
	for (let i = 0; i < 5; i++)
		await setImmediate();
}

export class FakeClock {
	#now = 1_000_000;
	#timers = new Map();
	#nextId = 1;
	delays = [];      /* all that was ever asked for */
	randomValue = 1;  /* the longest wait */

	now = () => this.#now;
	random = () => this.randomValue;

	setTimeout = (fn, ms) => {
		this.delays.push(ms);
		this.#timers.set(this.#nextId, { fn, at: this.#now + ms });
		return this.#nextId++;
	};

	clearTimeout = (id) => this.#timers.delete(id);

	#earliest() {
		return [...this.#timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
	}

	async advance(ms) {
		const end = this.#now + ms;

		await settle();
		for (;;) {
			const [id, next] = this.#earliest();

			if (!next || next.at > end)
				break;
			this.#timers.delete(id);
			this.#now = next.at;
			next.fn();
			await settle();
		}
		this.#now = end;
		await settle();
	}
}

/* What the client sees as a WebSocket. */
class FakeSocket {
	names = new Set();
	replayFrom = null; /* names that subscribed and have not had their history yet */
	open = true;

	constructor(server, url, protocols) {
		const given = protocols.find((p) => p.startsWith("rivet_conn_params."));

		this.server = server;
		this.url = url;
		this.protocols = protocols;
		this.params = JSON.parse(decodeURIComponent(given.slice("rivet_conn_params.".length)));
		server.opened.push(this);
		queueMicrotask(() => this.open && server.accept(this));
	}

	send(text) {
		if (this.open)
			queueMicrotask(() => this.open && this.server.receive(this, JSON.parse(text)));
	}

	close(code, reason) {
		this.closeReason = reason;
		this.open = false;
		this.server.sockets.delete(this);
	}

	/* ---- the server's side */

	frame(tag, val) {
		if (this.open)
			this.onmessage({ data: JSON.stringify({ body: { tag, val } }) });
	}

	raw(data) {
		this.onmessage({ data });
	}

	breakOff(reason = "") {
		if (!this.open)
			return;
		this.open = false;
		this.server.sockets.delete(this);
		this.onclose({ reason });
	}
}

export class FakeServer {
	opened = [];           /* every socket that ever was */
	sockets = new Set();   /* those that have had Init */
	requests = [];         /* what came, in order: [tag, name] */
	log = [];
	epoch = "epoch-1";
	silent = false;
	mergesHistory = true;  /* false: each name's history comes on its own */
	actions = {
		getSessionInfo: () => ({ epoch: this.epoch, seq: this.log.length }),
		echo: (...args) => args,
	};
	onEvent = () => {};    /* before each event frame: a test may break the connection here */

	/* Replaced by tests that refuse. */
	accept = (socket) => this.init(socket);

	constructor() {
		const server = this;

		this.WebSocket = class {
			constructor(url, protocols) {
				return new FakeSocket(server, url, protocols);
			}
		};
	}

	get last() {
		return this.opened.at(-1);
	}

	init(socket) {
		this.sockets.add(socket);
		socket.frame("Init", { actorId: "a", connectionId: String(this.opened.length) });
		this.#tellLog(socket);
	}

	/* As proto/README.md has it. */
	#tellLog(socket) {
		const { since, epoch } = socket.params;
		const isForeign = since !== undefined && ((epoch && epoch !== this.epoch) || since > this.log.length);

		socket.since = isForeign ? 0 : since;
		if (isForeign || epoch !== this.epoch)
			socket.frame("Event", {
				name: isForeign ? "log.reset" : "log.epoch", args: [{ epoch: this.epoch, seq: this.log.length }],
			});
	}

	publish(name, data = {}) {
		const event = { name, data: { ...data, seq: this.log.length + 1 } };

		this.log.push(event);
		for (const socket of this.sockets)
			if (socket.names.has(name) && socket.replayFrom === null)
				this.#send(socket, event);
	}

	broadcast(name, data) {
		for (const socket of this.sockets)
			if (socket.names.has(name))
				socket.frame("Event", { name, args: [data] });
	}

	#send(socket, event) {
		this.onEvent(socket, event);
		socket.frame("Event", { name: event.name, args: [event.data] });
	}

	receive(socket, { body: { tag, val } }) {
		this.requests.push([tag, val.name ?? val.eventName, val.subscribe]);
		if (this.silent)
			return;
		if (tag === "SubscriptionRequest")
			this.#subscribe(socket, val);
		else if (tag === "ActionRequest")
			this.#run(socket, val);
	}

	#subscribe(socket, { eventName, subscribe }) {
		if (!subscribe) {
			socket.names.delete(eventName);
			return;
		}
		socket.names.add(eventName);
		if (socket.params.since === undefined)
			return;
		if (!this.mergesHistory)
			this.#replay(socket, [eventName]);
		else if (socket.replayFrom)
			socket.replayFrom.push(eventName);
		else
			this.#replayLater(socket, [eventName]);
	}

	async #replayLater(socket, names) {
		socket.replayFrom = names;
		await setImmediate();
		this.#replay(socket, names);
		socket.replayFrom = null;
	}

	#replay(socket, names) {
		for (const event of this.log)
			if (event.data.seq > socket.since && names.includes(event.name))
				this.#send(socket, event);
	}

	async #run(socket, { id, name, args }) {
		try {
			if (!this.actions[name])
				throw { group: "actor", code: "action_not_found", message: "There is none." };
			socket.frame("ActionResponse", { id, output: await this.actions[name](...args) });
		} catch (error) {
			socket.frame("Error", { actionId: id, metadata: null, ...error });
		}
	}
}
