// SPDX-License-Identifier: Apache-2.0
/* Troupe's client: a room is one actor, heard and called over a WebSocket that comes back by itself.
 *
 * The one idea: every published event carries a number, `seq`. The room remembers the last one it
 * delivered and names it when it connects again, so the server goes on from there and nothing is
 * missed or repeated. On the wire it is a RivetKit client in the json encoding (proto/README.md);
 * README.md beside this file tells how to use it.
 *
 *   connecting ──▶ connected ◀──▶ reconnecting      refused: the server said never; closed: you did */

const DEFAULTS = {
	namespace: "default",
	pool: "default",
	create: true,
	minDelayMs: 250,        /* the first wait before a reconnect; doubles */
	maxDelayMs: 15_000,
	stableMs: 5_000,        /* a connection that lived so long makes the next wait short again */
	openMs: 45_000,         /* a server may hold an upgrade for 30 s */
	quietMs: 45_000,        /* silence after which infoAction asks whether anybody is there */
	answerMs: 10_000,       /* what it has to answer that */
	waitingMax: 1_024,      /* calls that wait for a connection */
};

const REAL_CLOCK = {
	now: () => Date.now(),
	random: () => Math.random(),
	setTimeout: (fn, ms) => setTimeout(fn, ms),
	clearTimeout: (id) => clearTimeout(id),
};

/* Trying again cannot help here. Anything else may pass: a restart, a proxy, a train in a tunnel. */
const FINAL_BEFORE_INIT = new RegExp(
	"^(auth|request|user|namespace)\\.|^guard\\.(query_|missing_header)" +
	"|^actor\\.(not_registered|key_too_large|duplicate_key|unsupported_websocket_encoding)$");
const FINAL_AFTER_INIT = /^auth\./;

/** What the server, or this client (group "client"), has to say about a failure. */
export class TroupeError extends Error {
	constructor(group, code, message, { metadata, cause } = {}) {
		super(message || `${group}.${code}`, cause === undefined ? undefined : { cause });
		this.name = "TroupeError";
		this.group = group;
		this.code = code;
		this.metadata = metadata;
	}
}

/** Opens a room. Throws only for options that can never work. */
export function connect(options) {
	return new Room(options);
}

/* ------------------------------------------------------------------ values */

/** JSON text of a value, with the forms that JSON lacks: ["$BigInt","1"], ["$Uint8Array","…"]. */
export function pack(value) {
	return JSON.stringify(value, escapeValue);
}

/** The value of such a text. Throws on a `$` form that it does not know. */
export function unpack(text) {
	return revive(JSON.parse(text));
}

function isForm(v) {
	return Array.isArray(v) && v.length === 2 && typeof v[0] === "string" && v[0].startsWith("$");
}

/* `this` is the holder: a Node Buffer has been through its toJSON by the time it comes as v. */
function escapeValue(key, v) {
	const raw = this[key];

	if (typeof v === "bigint")
		return ["$BigInt", String(v)];
	if (raw instanceof Uint8Array)
		return ["$Uint8Array", toBase64(raw)];
	if (raw instanceof ArrayBuffer)
		return ["$ArrayBuffer", toBase64(new Uint8Array(raw))];
	return isForm(v) ? ["$" + v[0], v[1]] : v;
}

const FORMS = new Map([
	["$BigInt", (v) => BigInt(v)],
	["$Uint8Array", (v) => fromBase64(v)],
	["$ArrayBuffer", (v) => fromBase64(v).buffer],
	["$Undefined", () => undefined],
	["$Set", (v) => new Set(revive(v))],
]);

function revive(v) {
	if (isForm(v))
		return reviveForm(v[0], v[1]);
	if (v !== null && typeof v === "object")
		for (const key of Object.keys(v))
			v[key] = revive(v[key]);
	return v;
}

function reviveForm(name, v) {
	if (name.startsWith("$$"))
		return [name.slice(1), revive(v)];
	if (!FORMS.has(name))
		throw new TypeError(`unknown form ${name}`);
	return FORMS.get(name)(v);
}

function toBase64(bytes) {
	let text = "";

	for (const byte of bytes)
		text += String.fromCharCode(byte);
	return btoa(text);
}

function fromBase64(text) {
	return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

/* ------------------------------------------------------------------ address */

function gatewayUrl(o) {
	const url = new URL(o.endpoint ?? globalThis.location?.origin);
	const base = url.pathname.replace(/\/$/, "");
	const key = typeof o.key === "string" ? [o.key] : o.key ?? [];

	url.protocol = url.protocol.replace(/^http/, "ws");
	url.pathname = `${base}/gateway/${encodeURIComponent(o.actor)}/connect`;
	url.search = new URLSearchParams([
		["rvt-namespace", o.namespace],
		["rvt-method", o.create ? "getOrCreate" : "get"],
		...(o.create ? [["rvt-runner", o.pool], ["rvt-crash-policy", "sleep"]] : []),
		...(key.length ? [["rvt-key", key.join(",")]] : []),
		...(o.token ? [["rvt-token", o.token]] : []),
	]);
	return url.href;
}

/* A subprotocol is an HTTP token, and encodeURIComponent leaves brackets, which are none. */
function protocols(params) {
	const text = encodeURIComponent(pack(params)).replaceAll("(", "%28").replaceAll(")", "%29");

	return ["rivet", "rivet_encoding.json", `rivet_conn_params.${text}`];
}

function closeError(reason) {
	const match = /^([a-z0-9_]+)\.([a-z0-9_]+)(#.*)?$/i.exec(reason ?? "");

	if (!match)
		return new TroupeError("client", "disconnected", reason || "the connection broke");
	return new TroupeError(match[1], match[2], `the server closed the connection: ${match[0]}`);
}

function timeout(message) {
	return new TroupeError("client", "timeout", message);
}

/* ------------------------------------------------------------------ position */

/* How far we have heard. `seq` is the point to resume from (undefined: from now on); a mark for each
 * name refuses what was delivered before. Two, because a server may send the history of a name that
 * was subscribed a moment later after that of another: its numbers are lower, but they are news. */
class Position {
	#marks = new Map();

	constructor(seq) {
		this.seq = seq;
		this.epoch = undefined;
	}

	follow(name) {
		this.#marks.set(name, this.seq ?? 0);
	}

	accept(name, seq) {
		if (seq <= this.#marks.get(name))
			return false;
		this.#marks.set(name, seq);
		this.seq = seq;
		return true;
	}

	/* Which log the numbers belong to, and where it ends. */
	isTold({ epoch, seq }) {
		this.epoch = epoch;
		this.seq ??= seq;
	}

	/* It is another one than we knew: it is told from its beginning. */
	reset({ epoch }) {
		this.epoch = epoch;
		this.seq = 0;
		for (const name of this.#marks.keys())
			this.#marks.set(name, 0);
	}
}

/* ------------------------------------------------------------------ link */

/* One socket, from its opening to its end. Tells `gone` at most once and nothing after it, also where
 * the socket itself would take a minute to notice. */
class Link {
	#socket;
	#on;

	constructor(WebSocket, url, subprotocols, on) {
		this.#on = on;
		this.#socket = new WebSocket(url, subprotocols);
		this.#socket.binaryType = "arraybuffer";
		this.#socket.onmessage = (event) => this.#receive(event.data);
		this.#socket.onerror = () => {};
		this.#socket.onclose = (event) => this.drop(closeError(event.reason));
	}

	send(text) {
		this.#socket.send(text);
	}

	/* Ends it as a failure, by us or by the socket. */
	drop(error) {
		const on = this.#on;

		this.end();
		on?.gone(error);
	}

	/* Ends it without a word to `gone`. */
	end() {
		this.#on = null;
		this.#socket.close(1000, "Disposed");
	}

	#receive(data) {
		let tag, val;

		if (!this.#on)
			return;
		try {
			({ body: { tag, val: { ...val } } } = unpack(textOf(data)));
		} catch (cause) {
			this.#on.garbled(cause);
			return;
		}
		this.#on.message(tag, val);
	}
}

function textOf(data) {
	return typeof data === "string" ? data : new TextDecoder().decode(data);
}

/* ------------------------------------------------------------------ room */

class Room {
	#options;
	#clock;
	#url;
	#position;
	#loaded = false;
	#saving = false;
	#link = null;         /* from opening on */
	#initialised = false; /* Init has come */
	#calls = new Map();   /* in flight, by id */
	#waiting = new Set(); /* calls that no connection has taken yet, in order */
	#nextId = 0;
	#failures = 0;        /* in a row, for the wait */
	#connectedAt = 0;
	#heardAt = 0;
	#retryTimer = null;
	#linkTimer = null;    /* opening must end; later: the next look for silence */
	#listeners = new Map();
	#statusListeners = new Set();
	#errorListeners = new Set();
	#nudge = () => this.reconnect();
	#status = "connecting";
	#refusal = null;

	/** The last answer of infoAction, undefined before the first. */
	info = undefined;
	/** room.actions.prompt({…}) is room.call("prompt", {…}) */
	actions = new Proxy({}, {
		get: (_, name) => (isActionName(name) ? (...args) => this.call(name, ...args) : undefined),
	});

	constructor(options) {
		this.#options = { ...DEFAULTS, WebSocket: globalThis.WebSocket, ...options };
		this.#clock = this.#options.clock ?? REAL_CLOCK;
		if (typeof this.#options.WebSocket !== "function")
			throw new TypeError("there is no WebSocket here: pass one as options.WebSocket");
		if (typeof this.#options.actor !== "string" || !this.#options.actor)
			throw new TypeError("options.actor names the kind of actor");
		this.#url = gatewayUrl(this.#options);
		this.#position = new Position(this.#options.since);
		globalThis.addEventListener?.("online", this.#nudge);
		globalThis.document?.addEventListener("visibilitychange", this.#nudge);
		this.#open();
	}

	get status() {
		return this.#status;
	}

	/** The seq of the last event that was delivered; undefined while nothing is known. */
	get seq() {
		return this.#position.seq;
	}

	get epoch() {
		return this.#position.epoch;
	}

	/** Hears an event: fn gets its arguments. Returns what stops it. */
	on(name, fn) {
		const listener = { fn };

		if (!this.#listeners.has(name)) {
			this.#listeners.set(name, new Set());
			this.#position.follow(name);
			this.#subscribe(name, true);
		}
		this.#listeners.get(name).add(listener);
		return () => this.#off(name, listener);
	}

	#off(name, listener) {
		const set = this.#listeners.get(name);

		if (!set?.delete(listener) || set.size)
			return;
		this.#listeners.delete(name);
		this.#subscribe(name, false);
	}

	/** fn(status, { error?, retryInMs?, attempt? }) at each change. Returns what stops it. */
	onStatus(fn) {
		return addTo(this.#statusListeners, fn);
	}

	/** fn(error) for what no call can be told: the connection goes on. Returns what stops it. */
	onError(fn) {
		return addTo(this.#errorListeners, fn);
	}

	/** Calls an action. A trailing AbortSignal is not sent: it ends the wait, not the action. */
	call(name, ...args) {
		const signal = args.at(-1) instanceof AbortSignal ? args.pop() : undefined;

		return new Promise((resolve, reject) => {
			const onAbort = () => this.#take(call) && call.settle(reject, signal.reason);
			const call = {
				name,
				args: pack(args),
				resolve: (value) => call.settle(resolve, value),
				reject: (error) => call.settle(reject, error),
				settle(how, what) {
					signal?.removeEventListener("abort", onAbort);
					how(what);
				},
			};
			if (signal?.aborted) {
				reject(signal.reason);
				return;
			}
			signal?.addEventListener("abort", onAbort);
			this.#submit(call);
		});
	}

	/** Tries now instead of after the wait; asks a silent connection whether it is alive. */
	reconnect() {
		const quietMs = this.#clock.now() - this.#heardAt;

		if (this.#retryTimer !== null) {
			this.#clock.clearTimeout(this.#retryTimer);
			this.#retryTimer = null;
			this.#open();
		} else if (this.#status === "connected" && quietMs > this.#options.answerMs) {
			this.#askIfAlive();
		}
	}

	/** Leaves for good. What waits for an answer is rejected with the code "closed". */
	close() {
		this.#finish("closed", new TroupeError("client", "closed", "the room was closed"), {});
	}

	/* ---------------------------------------------------------- opening */

	async #open() {
		const { params } = this.#options;
		let given;

		try {
			await this.#load();
			given = await (typeof params === "function" ? params() : params);
			if (this.#isOver())
				return;
			this.#initialised = false;
			given = { ...given, since: this.#position.seq, epoch: this.#position.epoch ?? "" };
			this.#link = new Link(this.#options.WebSocket, this.#url, protocols(given), {
				message: (tag, val) => this.#receive(tag, val),
				garbled: (cause) => this.#report(
					new TroupeError("client", "malformed", "a message cannot be decoded", { cause })),
				gone: (error) => this.#lost(error),
			});
			this.#arm(this.#options.openMs, () => this.#link.drop(timeout("no answer")));
		} catch (error) {
			if (!this.#isOver())
				this.#lost(error);
		}
	}

	/* What the application kept of an earlier visit. */
	async #load() {
		if (this.#loaded)
			return;
		const kept = await this.#options.store?.load();

		this.#loaded = true;
		if (Number.isSafeInteger(kept?.seq)) {
			this.#position.seq = kept.seq;
			this.#position.epoch = kept.epoch;
		}
	}

	async #welcome() {
		this.#initialised = true;
		if (this.#options.infoAction && !(await this.#askInfo(this.#link)))
			return;
		for (const name of this.#listeners.keys())
			this.#link.send(subscription(name, true));
		this.#connectedAt = this.#clock.now();
		this.#arm(this.#options.quietMs, () => this.#watch());
		for (const call of this.#waiting)
			this.#transmit(call);
		this.#waiting.clear();
		this.#setStatus("connected", {});
	}

	/* Whether to go on with this link. False: it is gone. */
	async #askInfo(link) {
		let info;

		try {
			info = await this.#ask();
		} catch (error) {
			if (link === this.#link)
				this.#report(error);
		}
		this.info = info ?? this.info;
		return link === this.#link;
	}

	/* The server tells this behind Init, before any event: log.epoch when we did not say whose numbers ours are, log.reset when
	 * they are another log's, which it goes on to tell from the beginning. */
	#onLog(name, log) {
		const before = { epoch: this.#position.epoch, seq: this.#position.seq };

		if (name === "log.epoch") {
			this.#position.isTold(log);
			return;
		}
		this.#position.reset(log);
		this.#save();
		guard(this.#options.onReset, before, log);
	}

	/* ---------------------------------------------------------- ending */

	/* The link has gone, or could not be made. */
	#lost(error) {
		const { minDelayMs, maxDelayMs, stableMs } = this.#options;
		const final = this.#initialised ? FINAL_AFTER_INIT : FINAL_BEFORE_INIT;
		const wasConnected = this.#status === "connected";

		this.#closeLink(error);
		if (final.test(`${error.group}.${error.code}`)) {
			this.#finish("refused", error, { error });
			return;
		}
		if (wasConnected && this.#clock.now() - this.#connectedAt >= stableMs)
			this.#failures = 0;
		const delay = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(this.#failures, 30));
		const retryInMs = Math.round(delay * (0.5 + this.#clock.random() / 2));
		this.#failures += 1;
		this.#retryTimer = this.#clock.setTimeout(() => {
			this.#retryTimer = null;
			this.#open();
		}, retryInMs);
		this.#setStatus("reconnecting", { error, retryInMs, attempt: this.#failures });
	}

	/* Calls in flight are told: they may have run or not. */
	#closeLink(cause) {
		const link = this.#link;
		const calls = [...this.#calls.values()];
		const error = new TroupeError("client", "connection_lost",
			"the connection was lost before the answer: the action may have run or not", { cause });

		this.#link = null;
		this.#initialised = false;
		this.#calls.clear();
		this.#clock.clearTimeout(this.#linkTimer);
		link?.end();
		for (const call of calls)
			call.reject(error);
	}

	#finish(status, error, detail) {
		const waiting = [...this.#calls.values(), ...this.#waiting];

		if (this.#isOver())
			return;
		this.#refusal = error;
		this.#calls.clear();
		this.#waiting.clear();
		this.#clock.clearTimeout(this.#retryTimer);
		this.#retryTimer = null;
		globalThis.removeEventListener?.("online", this.#nudge);
		globalThis.document?.removeEventListener("visibilitychange", this.#nudge);
		this.#setStatus(status, detail);
		this.#closeLink();
		for (const call of waiting)
			call.reject(error);
	}

	#isOver() {
		return this.#refusal !== null;
	}

	/* ---------------------------------------------------------- silence */

	#arm(ms, fn) {
		this.#clock.clearTimeout(this.#linkTimer);
		this.#linkTimer = this.#clock.setTimeout(fn, ms);
	}

	/* A laptop that slept keeps a dead socket for minutes, and a page cannot ping. So ask after silence. */
	#watch() {
		const left = this.#options.quietMs - (this.#clock.now() - this.#heardAt);

		if (!this.#options.infoAction)
			return;
		if (left > 0)
			this.#arm(left, () => this.#watch());
		else
			this.#askIfAlive();
	}

	#askIfAlive() {
		const askedAt = this.#clock.now();

		if (!this.#options.infoAction)
			return;
		this.#ask().catch(() => {}); /* any answer will do, also an error */
		this.#arm(this.#options.answerMs, () => {
			if (this.#heardAt < askedAt)
				this.#link.drop(timeout("the server has fallen silent"));
			else
				this.#watch();
		});
	}

	/* ---------------------------------------------------------- messages */

	#receive(tag, val) {
		this.#heardAt = this.#clock.now();
		if (tag === "Event")
			this.#deliver(val.name, Array.isArray(val.args) ? val.args : []);
		else if (tag === "Init" && !this.#initialised)
			this.#welcome();
		else if (tag === "ActionResponse")
			this.#answer(val.id, (call) => call.resolve(val.output));
		else if (tag === "Error")
			this.#onErrorFrame(val);
	}

	#deliver(name, args) {
		if (name === "log.epoch" || name === "log.reset") {
			this.#onLog(name, args[0]);
			return;
		}
		const listeners = this.#listeners.get(name);
		const seq = args[0]?.seq;
		const published = Number.isSafeInteger(seq);

		if (!listeners || (published && !this.#position.accept(name, seq)))
			return;
		for (const listener of [...listeners])
			guard(listener.fn, ...args);
		if (published)
			this.#save();
	}

	#onErrorFrame({ group, code, message, metadata, actionId }) {
		const error = new TroupeError(group, code, message, { metadata });

		if (actionId !== null && actionId !== undefined)
			this.#answer(actionId, (call) => call.reject(error));
		else if (this.#initialised)
			this.#report(error);
		else
			this.#link.drop(error);
	}

	#answer(id, how) {
		const call = this.#calls.get(Number(id));

		this.#calls.delete(Number(id));
		if (call)
			how(call);
	}

	/* The store is told after the listeners, once for a burst: a page that dies between hears an
	 * event twice rather than never. */
	#save() {
		if (!this.#options.store || this.#saving)
			return;
		this.#saving = true;
		queueMicrotask(() => {
			this.#saving = false;
			guard(() => this.#options.store.save({ seq: this.seq, epoch: this.epoch }));
		});
	}

	/* ---------------------------------------------------------- calls */

	#submit(call) {
		if (this.#isOver())
			call.reject(this.#refusal);
		else if (this.#status === "connected")
			this.#transmit(call);
		else if (this.#waiting.size >= this.#options.waitingMax)
			call.reject(new TroupeError("client", "too_many_waiting", "too many calls wait"));
		else
			this.#waiting.add(call);
	}

	#transmit(call) {
		const id = this.#nextId++;

		this.#calls.set(id, call);
		this.#link.send(`{"body":{"tag":"ActionRequest","val":{"id":["$BigInt","${id}"],` +
			`"name":${JSON.stringify(call.name)},"args":${call.args}}}}`);
	}

	/* Past the queue, which waits for this answer. */
	#ask() {
		return new Promise((resolve, reject) => {
			this.#transmit({ name: this.#options.infoAction, args: "[]", resolve, reject });
		});
	}

	/* Forgets a call, wherever it is; its answer will be dropped. */
	#take(call) {
		for (const [id, other] of this.#calls)
			if (other === call)
				return this.#calls.delete(id);
		return this.#waiting.delete(call);
	}

	/* ---------------------------------------------------------- telling */

	#subscribe(name, subscribe) {
		if (this.#status === "connected")
			this.#link.send(subscription(name, subscribe));
	}

	#setStatus(status, detail) {
		this.#status = status;
		for (const { fn } of [...this.#statusListeners])
			guard(fn, status, detail);
	}

	#report(error) {
		for (const { fn } of [...this.#errorListeners])
			guard(fn, error);
	}
}

function subscription(eventName, subscribe) {
	return pack({ body: { tag: "SubscriptionRequest", val: { eventName, subscribe } } });
}

/* A promise looks for `then` in what it is given. */
function isActionName(name) {
	return typeof name === "string" && name !== "then";
}

function addTo(set, fn) {
	const listener = { fn };

	set.add(listener);
	return () => set.delete(listener);
}

/* A listener's fault is its own: it is thrown where none of us stands, and the next one hears too. */
function guard(fn, ...args) {
	try {
		fn?.(...args);
	} catch (error) {
		queueMicrotask(() => {
			throw error;
		});
	}
}
