// SPDX-License-Identifier: Apache-2.0
/* `troupe serve` as a program: what it says to whoever starts it wrongly, what it serves to a browser, how it ends. */

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { Program, TROUPE, MARK, isAlive, kill } from "./kit/process.mjs";
import { freePort } from "./kit/ports.mjs";
import { test } from "./kit/stage.mjs";
import { Tcp } from "./kit/tcp.mjs";
import { eventually } from "./kit/wait.mjs";

/** Starts it with these arguments, and gives what it said and its exit code. */
async function ask(stage, args, env = {}) {
	const program = new Program(TROUPE, args, { env: { PATH: process.env.PATH, ...env, [MARK]: stage.mark } });
	const { code } = await program.end();

	return { code, text: program.text };
}

const serve = (stage, ...args) => ask(stage, ["serve", "--sandbox", "none", ...args]);

test("--help tells all options and ends with 0, --version tells the version", async (stage) => {
	const help = await ask(stage, ["--help"]);
	const same = await ask(stage, ["serve", "--help"]);
	const version = await ask(stage, ["--version"]);

	assert.equal(help.code, 0);
	for (const option of ["--listen", "--data", "--sandbox", "--agent", "--token", "--allow-origin", "--no-supervise"])
		assert.ok(help.text.includes(option), option);
	assert.deepEqual(same, help);
	assert.deepEqual([version.code, /^troupe \d+\.\d+\.\d+$/.test(version.text)], [0, true]);
});

test("wrong options end it with 2 and one sentence that helps", async (stage) => {
	const cases = [
		[["--lisen", "x"], /--listen/], [["--listen", "nonsense"], /127\.0\.0\.1:6420/], [["--listen", "127.0.0.1:99999"], /65535/],
		[["--sandbox", "ftp://x"], /http/], [["--data"], /--data/], [["--log-level", "loud"], /error, warn, info or debug/],
		[["--trust-proxy", "proxy.example"], /127\.0\.0\.1/],
	];

	for (const [args, words] of cases) {
		const { code, text } = await serve(stage, "--data", stage.folder("x"), ...args);

		assert.equal(code, 2, args.join(" "));
		assert.match(text, words);
		assert.ok(text.split("\n").length <= 3, text);
	}
});

test("addresses that other machines reach are refused without a token", async (stage) => {
	const { code, text } = await serve(stage, "--data", stage.folder("x"), "--listen", "0.0.0.0:0");

	assert.notEqual(code, 0);
	assert.match(text, /TROUPE_TOKEN/);
	assert.match(text, /--insecure/);
});

test("a second start on the same data directory is refused in words, and the first goes on", async (stage) => {
	const troupe = await stage.troupe({ port: 0 });

	for (const more of [[], ["--no-supervise"]]) {
		const { code, text } = await serve(stage, "--data", troupe.data, "--listen", "127.0.0.1:0", ...more);

		assert.notEqual(code, 0);
		assert.match(text, /is in use by another process \(\d+\)/);
	}
	assert.equal(await stage.client(troupe).counter.getOrCreate(["x"]).increment(), 1);
});

test("a taken port is refused in words", async (stage) => {
	const troupe = await stage.troupe();
	const { code, text } = await serve(stage, "--data", stage.folder("other"), "--listen", `127.0.0.1:${troupe.port}`);

	assert.notEqual(code, 0);
	assert.match(text, new RegExp(`port ${troupe.port} is taken`));
});

test("a directory that holds something else is refused in words, and left as it is", async (stage) => {
	const folder = stage.folder("mine");

	mkdirSync(folder);
	writeFileSync(`${folder}/thesis.txt`, "years of work");
	const { code, text } = await serve(stage, "--data", folder, "--listen", "127.0.0.1:0");

	assert.notEqual(code, 0);
	assert.match(text, /holds other files \(thesis\.txt/);
});

test("a file in the place of the data directory, and a directory that cannot be made, are refused in words", async (stage) => {
	writeFileSync(stage.folder("file"), "");
	for (const [name, words] of [["file", /is not a directory/], ["no/such/parent", /does not exist/]]) {
		const { code, text } = await serve(stage, "--data", stage.folder(name), "--listen", "127.0.0.1:0");

		assert.notEqual(code, 0);
		assert.match(text, words);
	}
});

test("options come from the environment as well", async (stage) => {
	const { code, text } = await ask(stage, ["serve"], { TROUPE_LISTEN: "nonsense" });

	assert.equal(code, 2);
	assert.match(text, /TROUPE_LISTEN/);
});

test("with --token whoever does not show it is refused, and the official client that does is served", async (stage) => {
	const troupe = await stage.troupe({ args: ["--token", "s3cret/+ token".replace(" ", "-")] });
	const token = "s3cret/+-token";
	const friend = stage.client(troupe, { token });
	const ear = stage.listen((options) => friend.counter.getOrCreate(["x"], options), ["newCount"]);

	assert.equal(await ear.conn.increment(), 1);
	assert.equal(await friend.counter.getOrCreate(["x"]).increment(), 2);
	assert.match(await friend.counter.getOrCreate(["x"]).resolve(), /^[0-9a-z]+$/);
	for (const stranger of [stage.client(troupe), stage.client(troupe, { token: "wrong" })]) {
		for (const what of ["increment", "resolve"]) {
			const error = await stranger.counter.getOrCreate(["x"])[what]().then(() => assert.fail(what), (refusal) => refusal);

			assert.equal(`${error.group}.${error.code}`, "auth.forbidden");
		}
		const out = stage.listen((options) => stranger.counter.getOrCreate(["x"], options), []);

		assert.equal((await out.until("an error", () => out.errors[0])).code, "forbidden");
	}
	assert.ok(!troupe.program.text.includes("s3cret"), "not in the log");
});

test("the page, its parts, metadata and health are served, with headers that keep the page safe", async (stage) => {
	const troupe = await stage.troupe();
	const page = await fetch(`${troupe.url}/`);

	assert.match(await page.text(), /<title>Troupe<\/title>/);
	assert.ok(page.headers.get("content-security-policy"));
	assert.equal(page.headers.get("x-content-type-options"), "nosniff");
	for (const [file, type] of [["/troupe.js", /javascript/], ["/app.js", /javascript/], ["/style.css", /css/]]) {
		const answer = await fetch(troupe.url + file);

		assert.equal(answer.status, 200, file);
		assert.match(answer.headers.get("content-type"), type);
		assert.equal((await fetch(troupe.url + file, { headers: { "If-None-Match": answer.headers.get("etag") } })).status, 304);
	}
	assert.equal((await (await fetch(`${troupe.url}/metadata`)).json()).runtime, "troupe");
	assert.equal((await (await fetch(`${troupe.url}/health`)).json()).status, "ok");
});

test("pages of other sites may not use it, unless they were allowed", async (stage) => {
	const origin = "https://app.example.com";
	const ask = (troupe) => fetch(`${troupe.url}/actors?namespace=default&name=counter&key=x`, { headers: { Origin: origin } });
	const closed = await stage.troupe();
	const open = await stage.troupe({ args: ["--allow-origin", origin] });
	const allowed = await ask(open);

	assert.equal((await ask(closed)).status, 403);
	assert.equal(allowed.status, 200);
	assert.equal(allowed.headers.get("access-control-allow-origin"), origin);
	assert.equal(allowed.headers.get("access-control-allow-credentials"), "true");
});

test("when the supervisor is killed its server ends, and a new start takes over", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local", port: await freePort() });
	const ann = stage.join(troupe, "w", { userId: "ann" });
	const server = troupe.serverPid;

	await ann.conn.prompt({ userId: "ann", text: "hello", promptId: "p" });
	await ann.conn.dispose();
	kill(troupe.program.pid, "SIGKILL");
	await eventually("the server has ended", () => !isAlive(server));
	await troupe.start();
	const again = stage.join(troupe, "w", { userId: "ann" });

	await again.turn("p", "done");
	assert.equal((await again.conn.prompt({ userId: "ann", text: "hello again" })).stopReason, "end_turn");
});

test("a server that keeps dying is started again more and more slowly, while connections wait", async (stage) => {
	const troupe = await stage.troupe();

	await troupe.crash();
	await troupe.crash();
	kill(troupe.serverPid);
	const tcp = new Tcp(troupe).write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");

	assert.equal((await tcp.answer()).status, 200);
	tcp.destroy();
	const waits = [...troupe.program.text.matchAll(/supervisor\.died .*wait_ms=(\d+)/g)].map(([, ms]) => Number(ms));

	assert.equal(waits.length, 3);
	assert.ok(waits[0] === 0 && waits[1] < waits[2], waits.join(" "));
});
