// SPDX-License-Identifier: Apache-2.0
/* RivetKit's React hook in a real browser: pages as applications write and build them (react/), from another origin than
 * Troupe's, through restarts, and never loaded again. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import { wholeLog } from "./kit/client.mjs";
import { launch, openPage } from "./kit/page.mjs";
import { test } from "./kit/stage.mjs";
import { Watched } from "./kit/wait.mjs";
import { WAYS } from "./kit/ways.mjs";
import { Writer } from "./kit/writer.mjs";
import { buildSite, serveSite } from "./react/site.mjs";

const MODES = ["production", "development"];

const folder = mkdtempSync(path.join(tmpdir(), "troupe-react-"));
const sites = {};
let browser;

before(async () => {
	for (const mode of MODES) {
		await buildSite(path.join(folder, mode), mode);
		sites[mode] = await serveSite(path.join(folder, mode));
	}
	browser = await launch();
});

after(async () => {
	await browser?.close();
	for (const site of Object.values(sites))
		await site.close();
	rmSync(folder, { recursive: true, force: true });
});

/* ------------------------------------------------------------------ a window */

class Window extends Watched {
	sockets = []; /* { sent, received }: frames */
	#loads = 0;
	#troubles = [];

	static async open(stage, troupe, view, { strict = false } = {}) {
		const window = new Window(await openPage(stage, browser));
		const site = sites[strict ? "development" : "production"];

		await window.page.goto(`${site.url}?troupe=${troupe.url}&view=${view}${strict ? "&strict" : ""}`);
		return window;
	}

	constructor(page) {
		super();
		this.page = page;
		page.on("load", () => this.#loads++);
		page.on("pageerror", (error) => this.#troubles.push(error.stack));
		page.on("websocket", (socket) => this.#watch(socket));
	}

	#watch(socket) {
		const seen = { sent: [], received: [] };
		const note = (list, { payload }) => {
			list.push(payload);
			this.changed();
		};

		this.sockets.push(seen);
		socket.on("framesent", (frame) => note(seen.sent, frame));
		socket.on("framereceived", (frame) => note(seen.received, frame));
	}

	/** How often it was greeted by a server. */
	get connections() {
		return this.sockets.filter(({ received }) => received.length > 0).length;
	}

	click(name) {
		return this.page.getByRole("button", { name }).click();
	}

	/** Resolves when the page has it. */
	has(selector, text) {
		return this.page.locator(selector).filter({ hasText: text }).first().waitFor({ state: "attached" });
	}

	texts(selector) {
		return this.page.locator(selector).allTextContents();
	}

	assertUnharmed() {
		assert.equal(this.#loads, 1, "the page was loaded once");
		assert.deepEqual(this.#troubles, []);
	}
}

/** Resolves when each has one more connection than before `act`. */
async function reconnected(windows, act) {
	const before = windows.map(({ connections }) => connections);

	await act();
	for (const [i, window] of windows.entries())
		await window.until("a new connection", () => window.connections > before[i]);
}

/** What a page that speaks JSON asked of a socket, in order. */
function subscriptionsOf(socket) {
	return socket.sent.map((text) => JSON.parse(text).body)
		.filter(({ tag }) => tag === "SubscriptionRequest").map(({ val }) => val.subscribe);
}

/* ------------------------------------------------------------------ the document's component */

const MESSAGES = "#root > div > div";
const shown = async (window) => (await window.texts(MESSAGES)).map((text) => JSON.parse(text));

/** Clicks, and gives the session events that came of it. */
async function prompt(window, listener) {
	const events = () => listener.of("session.event");
	const turns = () => listener.of("turn.state").filter(({ state }) => state === "done").length;
	const before = { events: events().length, turns: turns() };

	await window.click("Send Prompt");
	await listener.until("the end of the turn", () => turns() > before.turns);
	return events().slice(before.events);
}

test("the document's component prompts, and every window shows what the agent does, before and after each restart", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const listener = stage.join(troupe, "my-session");
	const windows = [await Window.open(stage, troupe, "session"), await Window.open(stage, troupe, "session")];
	const bothPrompt = async () => {
		await prompt(windows[0], listener);
		const events = await prompt(windows[1], listener); /* by now both listen, since each has called */

		for (const window of windows) {
			await window.has(MESSAGES, new RegExp(`"seq":${events.at(-1).seq}\\b`));
			assert.deepEqual((await shown(window)).slice(-events.length), events);
		}
	};

	await bothPrompt();
	for (const [, restart] of WAYS) {
		await reconnected(windows, () => troupe.replaced(() => restart(troupe)));
		await bothPrompt();
	}
	assert.equal(listener.said, "You said: Build a login page.".repeat(2 * (1 + WAYS.length)));
	for (const window of windows) {
		const seqs = (await shown(window)).map(({ seq }) => seq);

		assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b), "in order, none twice");
		window.assertUnharmed();
	}
});

test("the older document's component, unmodified, posts messages and shows every agentEvent", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const ear = stage.listen((options) => stage.client(troupe).codingSession.getOrCreate(["my-session"], options), ["agentEvent"],
		{ since: 0 });
	const window = await Window.open(stage, troupe, "codingSession");
	const ends = () => ear.of("agentEvent").filter(({ data }) => data.result?.stopReason).length;
	const turn = async () => {
		const before = { ends: ends(), events: ear.of("agentEvent").length };

		await window.click("Send Prompt");
		await ear.until("the end of a turn", () => ends() > before.ends);
		return ear.of("agentEvent").slice(before.events);
	};

	await turn();
	const events = await turn(); /* by now it listens */

	await window.has(MESSAGES, new RegExp(`"sequence":${events.at(-1).sequence}\\b`));
	assert.deepEqual((await shown(window)).slice(-events.length), events);
	assert.deepEqual(await ear.conn.getTranscript(), ear.of("agentEvent"));
	window.assertUnharmed();
});

/* ------------------------------------------------------------------ a page that resumes */

const EVENTS = "#events li";
const upTo = (seq) => Array.from({ length: seq }, (_, i) => String(i + 1));

async function showsAll(window, log) {
	await window.has(EVENTS, new RegExp(`^${log.length}$`));
	assert.deepEqual(await window.texts(EVENTS), upTo(log.length));
	window.assertUnharmed();
}

test("with StrictMode and since, a page shows each event once through every kind of restart", async (stage) => {
	const troupe = await stage.troupe();
	const handle = stage.client(troupe).counter.getOrCreate(["log"]);
	const writer = new Writer(handle, { atATime: 1 });

	stage.atEnd(() => writer.end());
	await writer.another();
	const window = await Window.open(stage, troupe, "log", { strict: true });

	for (const [i, [, restart]] of WAYS.entries()) {
		await window.click("Append");
		await window.has(EVENTS, new RegExp(`^${await writer.another()}$`));
		await reconnected([window], () => troupe.replaced(() => restart(troupe)));
		await window.click("Append");
		await window.has(`#answers li:nth-child(${2 * i + 2})`, /^\d+$/);
	}
	await writer.end();
	await showsAll(window, await wholeLog(handle));
	assert.equal(window.sockets.length, 1 + WAYS.length, "one connection for each life of the server");
	assert.ok(window.sockets.some((socket) => String(subscriptionsOf(socket)) === "true,false,true"), "as the hook does it");
});

test("a listener that StrictMode mounts anew gets what it missed meanwhile, once", async (stage) => {
	const troupe = await stage.troupe();
	const handle = stage.client(troupe).counter.getOrCreate(["log"]);
	const window = await Window.open(stage, troupe, "log", { strict: true });
	const toggle = () => window.page.getByRole("checkbox").click();

	for (let i = 1; i <= 5; i++) {
		await window.click("Append");
		await window.has(EVENTS, new RegExp(`^${2 * i - 1}$`));
		await toggle();
		await window.until("to unsubscribe", () => subscriptionsOf(window.sockets[0]).at(-1) === false);
		await window.click("Append");
		await window.has(`#answers li:nth-child(${2 * i})`, String(2 * i));
		await toggle();
		await window.has(EVENTS, new RegExp(`^${2 * i}$`));
		assert.deepEqual(subscriptionsOf(window.sockets[0]).slice(-4), [false, true, false, true]);
	}
	await showsAll(window, await wholeLog(handle));
	assert.equal(window.sockets.length, 1);
});

test("a page comes back by itself from a server that was gone altogether", async (stage) => {
	const troupe = await stage.troupe();
	const handle = stage.client(troupe).counter.getOrCreate(["log"]);
	const window = await Window.open(stage, troupe, "log");

	await handle.append({});
	await window.has(EVENTS, /^1$/);
	await troupe.stop();
	await window.page.waitForEvent("console", (message) => /refused/i.test(message.text()));
	await troupe.start();
	await handle.append({});
	await showsAll(window, await wholeLog(handle));
});
