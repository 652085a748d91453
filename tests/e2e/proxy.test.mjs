// SPDX-License-Identifier: Apache-2.0
/* The official client in Chromium, from another origin, through nginx with TLS and HTTP/2: what a browser can do on HTTP/2 alone,
 * and everything else beside it. The page is plain/index.html, which lends its createClient to what is evaluated in it. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import { ENCODINGS } from "./kit/client.mjs";
import { proxyOf } from "./kit/nginx.mjs";
import { launch, openPage } from "./kit/page.mjs";
import { PARITY } from "./kit/process.mjs";
import { test } from "./kit/stage.mjs";
import { eventually } from "./kit/wait.mjs";
import { Wire } from "./kit/wire.mjs";
import { buildSite, serveSite } from "./react/site.mjs";

const folder = mkdtempSync(path.join(tmpdir(), "troupe-plain-"));
let site, browser;

before(async () => {
	await buildSite(folder, "production", "plain");
	site = await serveSite(folder);
	browser = await launch();
});

after(async () => {
	await browser?.close();
	await site?.close();
	rmSync(folder, { recursive: true, force: true });
});

/** Runs act({ endpoint, encoding, token }) in a page. Gives what it gave, and the protocols that requests went by: { "POST h2": 3 } */
async function inPage(stage, act, { endpoint, encoding = "bare", ...more }) {
	const page = await openPage(stage, browser, { ignoreHTTPSErrors: true });
	const protocols = {};
	const session = await page.context().newCDPSession(page);
	const methods = new Map();

	await session.send("Network.enable");
	session.on("Network.requestWillBeSent", ({ requestId, request }) => methods.set(requestId, request.method));
	session.on("Network.responseReceived", ({ requestId, response }) => {
		const what = `${methods.get(requestId)} ${response.protocol}`;

		if (response.url.startsWith(endpoint))
			protocols[what] = (protocols[what] ?? 0) + 1;
	});
	await page.goto(site.url);
	await page.waitForFunction(() => window.createClient);
	return { got: await page.evaluate(act, { endpoint, encoding, ...more }), protocols };
}

const through = async (stage, options = {}) => {
	const troupe = await stage.troupe({ program: PARITY, args: ["--trust-proxy", "127.0.0.1"], ...options });
	const proxy = await proxyOf(stage, troupe);

	return { troupe, proxy };
};

for (const encoding of ENCODINGS)
	test(`[6] calls without a connection, requests with bodies and a live connection work in a browser on HTTP/2 (${encoding})`, async (stage) => {
		const { proxy } = await through(stage);
		const { got, protocols } = await inPage(stage, async ({ endpoint, encoding }) => {
			const client = window.createClient({ endpoint, encoding });
			const handle = client.counter.getOrCreate(["k"]);
			const first = [await handle.increment(1), await handle.increment(2), await handle.getCount()];
			const raw = await client.rawHttpActor.getOrCreate(["k"]).fetch("/api/echo", {
				method: "POST", body: "words", headers: { "content-type": "text/plain" } });
			const failed = await client.doorActor.getOrCreate(["k"], { params: { refuse: "closed" } }).ran().catch((error) => error);
			const queue = client.queueActor.getOrCreate(["k"]);
			const conn = client.counter.getOrCreate(["k"]).connect();
			const heard = [];

			await queue.send("one", { some: "thing" });

			conn.on("newCount", (n) => heard.push(n));
			const live = await conn.increment(4);

			await handle.increment(1);
			await conn.getCount();
			await conn.dispose();
			return {
				first, live, heard, queued: (await queue.receiveOne("one")).body, words: await raw.text(), status: raw.status, id: await handle.resolve(),
				failed: [failed.group, failed.code, failed.metadata],
			};
		}, { endpoint: proxy.url, encoding });

		assert.match(got.id, /^[0-9a-z]{30}$/);
		assert.deepEqual({ ...got, id: 0 }, {
			first: [1, 3, 3], live: 7, heard: [7, 8], queued: { some: "thing" }, words: "words", status: 200, id: 0,
			failed: ["door", "closed", { until: "morning" }],
		});
		assert.ok(protocols["POST h2"] >= 5 && protocols["GET h2"] >= 1, JSON.stringify(protocols));
	});

test("through the proxy the actor sees who asks, and how, where the server trusts it", async (stage) => {
	const seen = async (options) => {
		const { proxy } = await through(stage, options);

		return (await inPage(stage, async ({ endpoint }) => {
			const answer = await window.createClient({ endpoint }).rawHttpRequestPropertiesActor.getOrCreate(["k"]).fetch("/a?b");

			return answer.json();
		}, { endpoint: proxy.url })).got;
	};
	const said = await seen();

	assert.deepEqual([said.url, said.headers["x-forwarded-for"], said.headers["x-forwarded-proto"]],
		["https://localhost/a?b", "127.0.0.1", "https"]);
	assert.equal((await seen({ args: [] })).url, "http://localhost/a?b");
});

test("an answer in pieces passes the proxy as it comes", async (stage) => {
	const { troupe, proxy } = await through(stage);
	const { streamActor } = stage.client(troupe);
	const listening = inPage(stage, async ({ endpoint }) => {
		const answer = await window.createClient({ endpoint }).streamActor.getOrCreate(["k"]).fetch("/events");
		const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
		let text = "";

		while (!text.includes("enough"))
			text += (await reader.read()).value;
		await reader.cancel();
		return text;
	}, { endpoint: proxy.url });
	let over = false;

	listening.finally(() => { over = true; }).catch(() => {});
	while (!over && await streamActor.getOrCreate(["k"]).say("something") < 1)
		await new Promise((soon) => setTimeout(soon, 20));
	await streamActor.getOrCreate(["k"]).say("enough");
	const { got } = await listening;

	assert.match(got, /^: welcome\n\n(data: something\n\n)*data: enough\n\n$/);
});

test("a live connection through the proxy outlives a hand-over of the server, and pages of other origins stay out", async (stage) => {
	const { troupe, proxy } = await through(stage);
	const address = `${proxy.url.replace("https", "wss")}/gateway/doorActor/connect?rvt-namespace=default&rvt-method=getOrCreate`
		+ "&rvt-runner=default&rvt-key=k";
	const foreign = new Wire(address, ["rivet", "rivet_encoding.json"],
		{ rejectUnauthorized: false, headers: { origin: "https://evil.example" } });

	stage.atEnd(() => foreign.socket.terminate());
	const page = inPage(stage, async ({ endpoint }) => {
		const conn = window.createClient({ endpoint }).counter.getOrCreate(["k"]).connect();
		const counts = [];

		await new Promise((done) => {
			conn.on("newCount", (n) => counts.push(n) && n >= 100 && done());
		});
		await conn.dispose();
		return counts;
	}, { endpoint: proxy.url });
	const { counter } = stage.client(troupe);
	let count = 0, over = false;

	page.finally(() => { over = true; }).catch(() => {});
	assert.equal((await foreign.closed()).reason.split("#")[0], "auth.forbidden");
	await eventually("one connection", async () => (await (await fetch(`${troupe.url}/health`)).json()).connections === 1);
	await troupe.replaced(() => troupe.program.signal("SIGHUP"));
	while (!over) {
		count = await counter.getOrCreate(["k"]).increment(50);
		await new Promise((soon) => setTimeout(soon, 20));
	}
	assert.ok((await page).got.at(-1) >= 100 && count >= 100);
});
