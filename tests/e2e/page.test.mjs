// SPDX-License-Identifier: Apache-2.0
/* The page that Troupe serves, in headless Chromium, as people use it. Pictures of it are in build/e2e afterwards. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { DESKTOP, PHONE, Person } from "./kit/page.mjs";
import { ROOT } from "./kit/process.mjs";
import { test } from "./kit/stage.mjs";

const serve = (stage, options) => stage.troupe({ sandbox: "local", ...options });
const words = (count) => Array.from({ length: count }, (_, i) => `chunk ${i + 1}`).join(" ");
const fits = () => document.documentElement.scrollWidth <= window.innerWidth;

function assertNoProblems(...people) {
	for (const { name, problems } of people)
		assert.deepEqual(problems, [], `in ${name}'s page`);
}

for (const [device, looks] of Object.entries({ desktop: DESKTOP, phone: PHONE }))
	test(`two people see who is there, each other's words and the answer while it streams (${device})`, async (stage) => {
		const troupe = await serve(stage);
		const ann = await Person.join(stage, troupe, "Ann", "42", looks);
		const bob = await Person.join(stage, troupe, "Bob", "42", looks);

		await Promise.all([ann.present("Ann", "Bob"), bob.present("Ann", "Bob")]);
		const go = stage.folder("go");
		const prompt = `!chunks 60 25 ${go}`;

		await ann.say(prompt);
		await bob.sees((text) => document.querySelector("[data-testid=user-message]")?.innerText.includes(text), prompt);
		await bob.sees(() => document.querySelector(".said")?.innerText.includes("chunk 5 "));
		assert.ok(!(await bob.conversation())[0].said.includes("chunk 60"), "it is still streaming");
		assert.equal(await bob.at("working").count(), 1);
		await bob.picture(`${device}-streaming`);
		await bob.say("and I?");
		writeFileSync(go, "");
		await Promise.all([ann.turnsEnd(2), bob.turnsEnd(2)]);
		const told = [
			{ user: "Ann", text: prompt, said: words(60) },
			{ user: "Bob", text: "and I?", said: "You said: and I?." },
		];

		assert.deepEqual(await ann.conversation(), told);
		assert.deepEqual(await bob.conversation(), told);
		assert.ok(await ann.page.evaluate(fits), "nothing sticks out to the right");
		await ann.picture(`${device}-done`);
		await ann.at("leave-button").click();
		await bob.present("Bob");
		assertNoProblems(ann, bob);
	});

for (const [device, looks] of Object.entries({ desktop: DESKTOP, phone: PHONE }))
	test(`after kill -9 in mid-answer both pages come back, and nothing is missing or doubled (${device})`, async (stage) => {
		const troupe = await serve(stage);
		const [ann, bob] = await Promise.all(["Ann", "Bob"].map((name) => Person.join(stage, troupe, name, "42", looks)));

		await ann.say("first");
		await ann.turnsEnd(1);
		await ann.say("!chunks 60 25");
		await bob.sees(() => [...document.querySelectorAll(".said")].at(-1)?.innerText.includes("chunk 20 "));
		await troupe.crash();
		await Promise.all([ann.turnsEnd(2), bob.turnsEnd(2)]);
		for (const person of [ann, bob]) {
			await person.connected();
			await person.present("Ann", "Bob");
			assert.deepEqual(await person.conversation(), [
				{ user: "Ann", text: "first", said: "You said: first." },
				{ user: "Ann", text: "!chunks 60 25", said: words(60) },
			]);
		}
		await bob.say("still here?");
		await ann.turnsEnd(3);
		await ann.picture(`${device}-after-kill`);
		assertNoProblems(ann, bob);
	});

test("what is written while the server is gone goes out when it is back, once", async (stage) => {
	const troupe = await serve(stage);
	const ann = await Person.join(stage, troupe, "Ann", "42");

	await ann.say("before");
	await ann.turnsEnd(1);
	await troupe.stop();
	await ann.page.waitForSelector('[data-testid="connection-state"][data-state="reconnecting"]');
	await ann.say("meanwhile");
	await ann.picture("desktop-disconnected");
	await troupe.start();
	await ann.turnsEnd(2);
	assert.deepEqual((await ann.conversation()).map(({ text }) => text), ["before", "meanwhile"]);
	assertNoProblems(ann);
});

test("a permission is shown to everybody, anybody answers it, and everybody sees who did", async (stage) => {
	const troupe = await serve(stage);
	const [ann, bob] = await Promise.all(["Ann", "Bob"].map((name) => Person.join(stage, troupe, name, "42")));

	await ann.say("!perm");
	await ann.at("permission-once").waitFor();
	await bob.at("permission-once").waitFor();
	await bob.picture("desktop-permission");
	await bob.at("permission-once").click();
	await ann.sees(() => {
		const answered = document.querySelector('[data-testid="permission"][data-state="resolved"]');

		return /Bob\s+allowed it once/.test(answered?.innerText);
	});
	await ann.turnsEnd(1);
	assert.equal(await ann.at("permission-once").count(), 0);
	assertNoProblems(ann, bob);
});

test("who comes late, or reloads, sees the whole history and the open permission", async (stage) => {
	const troupe = await serve(stage);
	const ann = await Person.join(stage, troupe, "Ann", "42");

	await ann.say("one");
	await ann.turnsEnd(1);
	await ann.say("!perm");
	await ann.at("permission-reject").waitFor();
	const late = await Person.join(stage, troupe, "Cyn", "42", PHONE);

	await late.at("permission-reject").waitFor();
	assert.deepEqual(await late.conversation(), await ann.conversation());
	await ann.page.reload();
	await ann.at("permission-reject").waitFor();
	assert.equal(await ann.at("workspace-name").textContent(), "42");
	await late.at("permission-reject").click();
	await ann.turnsEnd(2);
	assertNoProblems(ann, late);
});

test("a message that is too long is not sent, and the page says how long one may be; with --message-size that is more", async (stage) => {
	for (const [args, tooLong] of [[[], true], [["--message-size", "1M"], false]]) {
		const ann = await Person.join(stage, await serve(stage, { args }), "Ann", "42");

		await ann.page.waitForLoadState("networkidle");
		await ann.say("x".repeat(70_000));
		if (tooLong)
			await ann.sees(() => /70002 bytes, and 60000 are the limit/.test(document.querySelector("#composer-hint").textContent));
		else
			await ann.turnsEnd(1);
		assert.equal((await ann.conversation()).length, tooLong ? 0 : 1);
		await ann.picture(tooLong ? "desktop-too-long" : "desktop-long");
		assertNoProblems(ann);
	}
});

test("what an agent says is text, never markup that runs", async (stage) => {
	const troupe = await serve(stage);
	const ann = await Person.join(stage, troupe, "Ann", "42");
	const deed = "document.title='owned'";
	const evil = `<img src=x onerror="${deed}"> [x](javascript:${deed}) <script>${deed}</script>`;

	await ann.say(evil);
	await ann.turnsEnd(1);
	assert.equal(await ann.page.locator(".messages img, .messages script, .messages a[href^=javascript]").count(), 0);
	assert.match(await ann.page.title(), /Troupe/);
	assertNoProblems(ann);
});

test("a failed turn and a sandbox that is away are told in words, and the next prompt works", async (stage) => {
	const sandbox = await stage.sandbox();
	const troupe = await serve(stage, { sandbox: sandbox.url });
	const ann = await Person.join(stage, troupe, "Ann", "42");

	await ann.say("anybody?");
	await ann.at("turn-error").waitFor();
	await ann.sees(() => !document.querySelector('[data-testid="banner"]').hidden);
	await ann.picture("desktop-sandbox-away");
	await sandbox.start();
	await ann.say("and now?");
	await ann.turnsEnd(1);
	await ann.sees(() => document.querySelector('[data-testid="banner"]').hidden);
	assertNoProblems(ann);
});

test("the demonstration agent looks around, asks, writes its note and tells what it did", async (stage) => {
	const troupe = await serve(stage, { env: { TROUPE_DEMO_AGENT: `${ROOT}clients/demo/agent.mjs`, TROUPE_DEMO_PACE: "1" } });
	const [ann, bob] = [await Person.join(stage, troupe, "Ann", "42"), await Person.join(stage, troupe, "Bob", "42", PHONE)];

	await ann.say("Please write a note");
	await bob.at("permission-once").waitFor();
	await bob.picture("phone-demo-permission");
	await bob.at("permission-once").click();
	await ann.turnsEnd(1);
	assert.match((await ann.conversation())[0].said, /demonstration agent.*I added a line to/s);
	assert.equal(await ann.at("tool").count(), 2);
	await ann.picture("desktop-demo");
	assertNoProblems(ann, bob);
});
