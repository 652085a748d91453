// SPDX-License-Identifier: Apache-2.0
/* What people do with the agent's turns at the page: stop them, cancel what waits, choose its mode, or only watch. */

import assert from "node:assert/strict";
import { PHONE, Person } from "./kit/page.mjs";
import { test } from "./kit/stage.mjs";

const serve = (stage, options) => stage.troupe({ sandbox: "local", ...options });

function assertNoProblems(...people) {
	for (const { name, problems } of people)
		assert.deepEqual(problems, [], `in ${name}'s page`);
}

test("a running turn is stopped by anybody, a waiting prompt cancelled, and everybody sees by whom", async (stage) => {
	const troupe = await serve(stage);
	const [ann, bob] = await Promise.all(["Ann", "Bob"].map((name) => Person.join(stage, troupe, name, "42")));

	await ann.say("!hang");
	await bob.sees(() => document.querySelector(".said")?.innerText.includes("hanging"));
	await ann.say("and then?");
	await bob.page.locator('.turn[data-state="queued"]').waitFor();
	await bob.picture("desktop-stop");
	await bob.page.locator('.turn[data-state="queued"]').getByTestId("cancel-button").click();
	await ann.sees(() => document.querySelector('.turn[data-state="cancelled"] .turn-state')?.innerText === "Cancelled by Bob");
	await bob.page.locator('.turn[data-state="running"]').getByTestId("cancel-button").click();
	await ann.sees(() => document.querySelectorAll('.turn[data-state="cancelled"]').length === 2);
	await ann.picture("desktop-stopped");
	await ann.say("still there?");
	await bob.turnsEnd(1);
	assert.equal(await bob.at("cancel-button").count(), 0);
	assertNoProblems(ann, bob);
});

test("an agent that does not react to being stopped can be replaced, and what waits goes on", async (stage) => {
	const troupe = await serve(stage);
	const ann = await Person.join(stage, troupe, "Ann", "42", PHONE);

	await ann.say("!hang-hard");
	await ann.sees(() => document.querySelector(".said")?.innerText.includes("hanging hard"));
	await ann.say("afterwards");
	await ann.page.locator('.turn[data-state="running"]').getByTestId("cancel-button").click();
	await ann.at("restart-button").waitFor();
	await ann.picture("phone-unresponsive");
	await ann.at("restart-button").click();
	await ann.turnsEnd(1);
	assert.equal((await ann.conversation())[1].said, "You said: afterwards.");
	await ann.picture("phone-restarted");
	assertNoProblems(ann);
});

test("a turn from which nothing comes is shown as stalled, until something does", async (stage) => {
	const troupe = await serve(stage);

	await stage.client(troupe).workspace.create(["42"], { input: { stallMs: 400 } });
	const ann = await Person.join(stage, troupe, "Ann", "42");

	await ann.say("!silent 6000");
	await ann.sees(() => document.querySelector('[data-testid="working"][data-phase="stuck"]'));
	await ann.picture("desktop-stalled");
	await ann.turnsEnd(1);
	assertNoProblems(ann);
});

test("anybody chooses the agent's mode and model, and everybody sees what is chosen", async (stage) => {
	const troupe = await serve(stage);
	const [ann, bob] = await Promise.all(["Ann", "Bob"].map((name) => Person.join(stage, troupe, name, "42")));

	await ann.say("hello");
	await ann.turnsEnd(1);
	await ann.at("choose-model").waitFor();
	await ann.picture("desktop-choosers");
	await ann.at("choose-model").selectOption({ label: "large" });
	await bob.sees(() => document.querySelector("[data-testid=choose-model]")?.selectedOptions[0].label === "large");
	await bob.at("choose-mode").selectOption({ index: 1 });
	await ann.sees(() => document.querySelector("[data-testid=choose-mode]")?.selectedIndex === 1);
	await bob.say("!chosen");
	await ann.turnsEnd(2);
	assert.match((await ann.conversation())[1].said, /large/);
	assertNoProblems(ann, bob);
});

test("who only watches sees everything, is shown as watching, and is offered nothing to do", async (stage) => {
	const troupe = await serve(stage);
	const ann = await Person.join(stage, troupe, "Ann", "42");
	const cyn = await Person.open(stage, troupe, "Cyn");

	await cyn.page.goto(troupe.url);
	await cyn.at("name-input").fill("Cyn");
	await cyn.at("workspace-input").fill("42");
	await cyn.at("watch-input").check();
	await cyn.picture("desktop-join-watching");
	await cyn.at("join-button").click();
	await cyn.connected();
	await ann.sees(() => document.querySelector('#people li[data-user="Cyn"]')?.dataset.role === "observer");
	await ann.say("!perm");
	await ann.at("permission-once").waitFor();
	await cyn.at("permission").waitFor();
	await cyn.picture("desktop-watching");
	for (const offer of ["permission-once", "cancel-button", "message-input"])
		assert.equal(await cyn.page.locator(`[data-testid=${offer}]:visible`).count(), 0, offer);
	assert.equal(await cyn.at("choose-model").isDisabled(), true);
	await ann.at("permission-once").click();
	await cyn.turnsEnd(1);
	assertNoProblems(ann, cyn);
});

test("who comes with the token of observers watches, whatever they asked for", async (stage) => {
	const troupe = await serve(stage, { args: ["--token", "play", "--observer-token", "watch"] });
	const [ann, cyn] = await Promise.all(["Ann", "Cyn"].map((name) => Person.open(stage, troupe, name)));

	for (const [person, token] of [[ann, "play"], [cyn, "watch"]]) {
		await person.page.goto(`${troupe.url}/#token=${token}`);
		await person.at("name-input").fill(person.name);
		await person.at("workspace-input").fill("42");
		await person.at("join-button").click();
		await person.connected();
	}
	await cyn.at("watching").waitFor();
	assert.equal(await cyn.at("message-input").isVisible(), false);
	await ann.say("!perm");
	await cyn.at("permission").waitFor();
	assert.equal(await cyn.at("permission-once").count(), 0);
	await ann.at("permission-once").click();
	await cyn.turnsEnd(1);
	assertNoProblems(ann, cyn);
});

test("everybody sees who is writing, until they send it or stop", async (stage) => {
	const troupe = await serve(stage);
	const [ann, bob] = await Promise.all(["Ann", "Bob"].map((name) => Person.join(stage, troupe, name, "42")));
	const typing = (text) => bob.sees((wanted) => document.querySelector("[data-testid=typing]").textContent === wanted, text);

	await ann.at("message-input").pressSequentially("shall we");
	await typing("Ann is writing…");
	await bob.picture("desktop-typing");
	await ann.at("message-input").press("Enter");
	await typing("");
	assertNoProblems(ann, bob);
});
