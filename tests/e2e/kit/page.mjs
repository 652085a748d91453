// SPDX-License-Identifier: Apache-2.0
/* People at Troupe's page, in headless Chromium: each has a browser context, so a memory, of their own. */

import { mkdirSync } from "node:fs";
import path from "node:path";
import { after } from "node:test";
import { chromium as browsers } from "playwright-core";
import { ROOT, chromium } from "./process.mjs";
import { HANGS_AFTER_S } from "./wait.mjs";

/* For root, on machines that reach nothing outside: what Chromium does by itself would try. */
const ARGS = [
	"--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
	"--disable-component-update", "--disable-sync",
];
export const launch = () => browsers.launch({ executablePath: chromium(), args: ARGS, timeout: HANGS_AFTER_S * 1000 });

/** A page in a memory of its own. */
export async function openPage(stage, browser, device) {
	const context = await browser.newContext(device);

	stage.atEnd(() => context.close());
	context.setDefaultTimeout(HANGS_AFTER_S * 1000);
	return context.newPage();
}

const PICTURES = path.join(ROOT, "build/e2e");

export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

let browser = null;

after(() => browser?.close());

export class Person {
	problems = []; /* what the page's code did wrong */

	static async open(stage, troupe, name, device = DESKTOP) {
		browser ??= await launch();
		const person = new Person();

		Object.assign(person, { name, troupe, page: await openPage(stage, browser, device) });
		person.page.on("pageerror", (error) => person.problems.push(error.message));
		return person;
	}

	/** One who has joined the workspace by the form. */
	static async join(stage, troupe, name, workspace, device) {
		const person = await Person.open(stage, troupe, name, device);

		await person.page.goto(troupe.url);
		await person.page.getByTestId("name-input").fill(name);
		await person.page.getByTestId("workspace-input").fill(workspace);
		await person.page.getByTestId("join-button").click();
		await person.connected();
		return person;
	}

	at(testId) {
		return this.page.getByTestId(testId);
	}

	connected() {
		return this.page.waitForSelector('[data-testid="connection-state"][data-state="connected"]');
	}

	async say(text) {
		await this.at("message-input").fill(text);
		await this.at("message-input").press("Enter");
	}

	/** Resolves when `look(argument)`, run in the page, gives something. */
	async sees(look, argument) {
		return (await this.page.waitForFunction(look, argument)).jsonValue();
	}

	/** How many turns came to their end. */
	turnsEnd(count) {
		return this.sees((n) => document.querySelectorAll('.turn[data-state="done"]').length === n, count);
	}

	present(...names) {
		return this.sees((wanted) => {
			const here = [...document.querySelectorAll("#people li")].map((li) => li.dataset.user);

			return JSON.stringify(here.sort()) === JSON.stringify(wanted) && here;
		}, names.sort());
	}

	/** The conversation as it stands on the page: [{ user, text, said }] */
	conversation() {
		return this.page.$$eval(".turn", (turns) => turns.map((turn) => ({
			user: turn.querySelector(".user-head strong")?.textContent.replace(" (you)", ""),
			text: turn.querySelector(".bubble")?.innerText,
			said: [...turn.querySelectorAll(".said")].map((said) => said.innerText.trim()).join("\n"),
		})));
	}

	async picture(name) {
		mkdirSync(PICTURES, { recursive: true });
		await this.page.screenshot({ path: path.join(PICTURES, `${name}.png`) });
	}
}
