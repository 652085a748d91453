// SPDX-License-Identifier: Apache-2.0
/* A bad road between Troupe and a real sandbox-agent: whatever a network or a proxy may do to a request, this does when told. What
 * goes wrong is decided for each request by `plan(request)`, which gives a fault, or nothing:
 *
 *	{ refuse: true }            the connection is dropped as soon as the request is there
 *	{ mute: true }              nothing is ever answered
 *	{ answer: BAD_GATEWAY }     this is answered, and the server never hears of it
 *	{ after: BAD_GATEWAY }      the server hears of it, and this is answered in the place of its answer
 *	{ delayMs: 50 }             everything comes so much later
 *	{ cutAt: 1000 }             the connection is dropped after so many bytes of the answer's body
 *	{ cutMs: 50 }               or after so long
 *	{ stallAt: 1000 }           from there on nothing comes, and the connection stays
 *	{ split: dice }             the body comes in pieces cut at odd places
 *	{ slow: { bytes, ms } }     so many bytes, then a wait, and so on
 *	{ twice: dice }             some events of a stream come twice, at once or later
 *
 * What was asked is kept, for tests that want to know it. */

import { Agent, createServer, request as ask } from "node:http";
import { Watched } from "./wait.mjs";

const page = (status, words) => ({ status, headers: { "content-type": "text/html" }, body: `<html><h1>${words}</h1></html>` });

export const BAD_GATEWAY = page(502, "Bad Gateway");
export const UNAVAILABLE = page(503, "Service Unavailable");
export const GATEWAY_TIMEOUT = page(504, "Gateway Time-out");
export const REDIRECT = { status: 302, headers: { location: "/elsewhere" }, body: "" };
export const LOGIN_PAGE = page(200, "Please log in");

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/* Or gone. */
const drained = (response) => new Promise((done) => {
	const end = () => {
		response.off("drain", end).off("close", end);
		done();
	};

	response.on("drain", end).on("close", end);
});

/* What a request is about. */
function kindOf(method, path) {
	const [, , what, server] = path.split("?")[0].split("/");

	if (what !== "acp")
		return what;
	return !server ? "list" : method === "GET" ? "stream" : method === "POST" ? "post" : "delete";
}

async function bodyOf(message) {
	const pieces = [];

	for await (const piece of message)
		pieces.push(piece);
	return Buffer.concat(pieces);
}

/* One may be late by as many events as the dice say. */
function* repeated(events, dice) {
	const kept = [];

	for (const event of events) {
		yield event;
		kept.push(event);
		if (dice.below(4) === 0)
			yield dice.pick(kept);
	}
}

export class Road extends Watched {
	requests = []; /* { kind, method, path, server, lastEventId, rpc, closed: how far its client waited } */
	answered = new Set(); /* ids of responses that passed on some stream */
	plan = () => null;
	#server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => this.#serve(request, response));
	#target;
	#agent = new Agent({ keepAlive: false });
	#sockets = new Set();
	#streams = new Set();

	/** target: a port of this machine */
	constructor(target) {
		super();
		this.#target = target;
		this.#server.on("connection", (socket) => {
			this.#sockets.add(socket);
			socket.setNoDelay().on("error", () => {}).on("close", () => this.#sockets.delete(socket));
		});
	}

	async start() {
		await new Promise((done) => this.#server.listen(0, "127.0.0.1", done));
		this.port = this.#server.address().port;
		return this;
	}

	get url() {
		return `http://127.0.0.1:${this.port}`;
	}

	stop() {
		this.#sockets.forEach((socket) => socket.destroy());
		this.#agent.destroy();
		return new Promise((done) => this.#server.close(done));
	}

	/** Those that are being read now. Gives nothing, so that a plan can do it. */
	cutStreams() {
		[...this.#streams].forEach((response) => response.destroy());
	}

	of(kind) {
		return this.requests.filter((request) => request.kind === kind);
	}

	/** Those that asked this method of the agent. */
	asking(method) {
		return this.of("post").filter(({ rpc }) => rpc?.method === method);
	}

	/** For whoever has to find out what went wrong. */
	get story() {
		return this.requests.slice(-30).map(({ at, method, path, lastEventId, rpc, closed, fault }) =>
			`${new Date(at).toISOString()} ${method} ${path} ${lastEventId ?? ""} ${rpc?.method ?? ""} ${JSON.stringify(fault)} ${closed ?? "open"}`);
	}

	#note({ method, url, headers }, body) {
		const kind = kindOf(method, url);
		const noted = {
			kind, method, path: url, server: url.split("?")[0].split("/")[3], lastEventId: headers["last-event-id"],
			rpc: kind === "post" ? JSON.parse(body) : null, closed: null, at: Date.now(),
		};

		this.requests.push(noted);
		this.changed();
		return noted;
	}

	async #serve(request, response) {
		const body = await bodyOf(request).catch(() => null);

		if (body === null)
			return;
		const noted = this.#note(request, body);
		const fault = this.plan(noted) ?? {};

		noted.fault = fault;

		response.on("error", () => {});
		if (fault.delayMs)
			await pause(fault.delayMs);
		if (fault.refuse)
			request.socket.destroy();
		else if (fault.answer)
			this.#answer(response, fault.answer);
		else if (!fault.mute)
			this.#forward(request, body, response, noted, fault);
	}

	#answer(response, { status, headers, body }) {
		response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) }).end(body);
	}

	#forward({ method, url, headers }, body, response, noted, fault) {
		const up = ask({ host: "127.0.0.1", port: this.#target, method, path: url, headers, agent: this.#agent }, (answer) => {
			if (fault.after)
				this.#answer(response, fault.after);
			else
				this.#back(answer, response, noted, fault).catch(() => response.destroy());
		});

		up.on("error", () => response.destroy());
		response.on("close", () => {
			noted.closed = response.writableFinished ? "answered" : this.answered.has(noted.rpc?.id) ? "after its response" : "before";
			this.changed();
			up.destroy();
		});
		up.end(body);
	}

	async #back(answer, response, noted, fault) {
		let left = fault.cutAt ?? Infinity;

		if (noted.kind === "stream")
			this.#streams.add(response.on("close", () => this.#streams.delete(response)));
		response.writeHead(answer.statusCode, answer.headers);
		response.flushHeaders();
		if (fault.cutMs !== undefined)
			setTimeout(() => response.destroy(), fault.cutMs);
		for await (const piece of this.#pieces(answer, noted, fault)) {
			if (piece === null) /* stalls; its end comes with either side's */
				return;
			response.write(piece.subarray(0, left));
			left -= piece.length;
			if (left <= 0) {
				await pause(0); /* so that what is written leaves */
				response.destroy();
			}
			if (response.writableNeedDrain)
				await drained(response);
			if (response.destroyed)
				return;
		}
		response.end();
	}

	/* What goes on to the client, piece by piece; null: nothing more, ever. */
	async *#pieces(answer, noted, { stallAt = Infinity, split, slow, twice }) {
		const whole = noted.kind === "stream" ? this.#events(answer, twice) : answer;
		let passed = 0;

		for await (const piece of whole) {
			for (let at = 0; at < piece.length;) {
				const size = slow ? slow.bytes : split ? 1 + split.below(400) : piece.length;

				yield piece.subarray(at, at + size);
				at += size;
				if (slow)
					await pause(slow.ms);
				else if (split)
					await pause(0);
			}
			passed += piece.length;
			if (passed >= stallAt)
				yield null;
		}
	}

	/* A stream's events, whole, as many at a time as have come; with their responses noted. */
	async *#events(answer, twice) {
		let rest = []; /* pieces of an event that is not whole yet, which may be large */

		for await (const piece of answer.setEncoding("utf8")) {
			const seam = rest.at(-1)?.endsWith("\n") && piece.startsWith("\n") ? 1 : 0;
			const end = piece.lastIndexOf("\n\n") < 0 ? seam : piece.lastIndexOf("\n\n") + 2;

			if (end === 0) {
				rest.push(piece);
				continue;
			}
			const events = [...rest, piece.slice(0, end)].join("").split("\n\n").slice(0, -1);

			rest = [piece.slice(end)];
			for (const [, id] of events.join("\n").matchAll(/^data: \{"(?:error.*|id)":("[^"]*"),"jsonrpc"/gm))
				this.answered.add(JSON.parse(id));
			yield Buffer.from([...(twice ? repeated(events, twice) : events)].join("\n\n") + "\n\n");
		}
	}
}

/** A plan that does something of all this, by the dice. */
export function chaos(dice) {
	const wrong = () => ({ answer: dice.pick([BAD_GATEWAY, UNAVAILABLE, GATEWAY_TIMEOUT, REDIRECT, LOGIN_PAGE]) });
	const anything = [[8, () => ({ refuse: true })], [8, wrong], [15, () => ({ delayMs: dice.below(80) })]];
	const tables = {
		stream: [
			...anything,
			[15, () => ({ cutAt: dice.below(30_000) })], [15, () => ({ cutMs: dice.below(400) })],
			[3, () => ({ stallAt: dice.below(20_000), cutMs: 1000 })],
			[10, () => ({ split: dice })], [8, () => ({ twice: dice })], [5, () => ({ slow: { bytes: 2000, ms: 5 } })],
		],
		post: [
			[4, () => ({ refuse: true })], [4, wrong], [15, () => ({ delayMs: dice.below(80) })],
			[8, () => ({ cutMs: dice.below(200) })], [6, () => ({ after: GATEWAY_TIMEOUT })], [6, () => ({ cutAt: 0 })],
		],
	};

	return ({ kind }) => dice.draw(tables[kind] ?? anything);
}
