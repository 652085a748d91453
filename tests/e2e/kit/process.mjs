// SPDX-License-Identifier: Apache-2.0
/* Processes: what /proc tells of them, and where the programs are that the tests run. Everything that a test starts has a mark
 * in its environment, which its children inherit, wherever they wander: so whatever is left over is found. */

import { spawn } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Watched } from "./wait.mjs";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const MARK = "TROUPE_TEST_OF";

/* ------------------------------------------------------------------ programs */

const fromRoot = (file) => path.resolve(ROOT, file);

export const TROUPE = fromRoot(process.env.TROUPE_BINARY ?? "build/troupe");
export const SANITIZED = TROUPE.includes("-address/"); /* keeps freed memory for a while, 256 MB of it, and more about the rest */
export const PARITY = path.join(path.dirname(TROUPE), "parity"); /* with the kinds of tests/parity */
export const AGENT = fromRoot("tests/kit/agent.mjs");

export function sandboxAgent() {
	const scope = fromRoot("clients/demo/node_modules/@sandbox-agent");
	const folder = readdirSync(scope).find((name) => name.startsWith("cli-linux-"));

	return path.join(scope, folder, "bin/sandbox-agent");
}

/** Whatever runs the tests. */
export function node22() {
	const folder = fromRoot("tests/e2e/node_modules");
	const name = readdirSync(folder).find((entry) => entry.startsWith("node-linux-"));

	return path.join(folder, name, "bin/node");
}

export function chromium() {
	const names = ["chromium", "chromium-browser", "google-chrome"];
	const files = process.env.PATH.split(":").flatMap((folder) => names.map((name) => path.join(folder, name)));

	return files.find((file) => existsSync(file)) ?? "chromium";
}

/* ------------------------------------------------------------------ /proc */

/* It may be gone by now. */
function read(file) {
	try {
		return readFileSync(file, "utf8");
	} catch {
		return "";
	}
}

const pids = () => readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number);

/* Behind the name, which may hold anything: state, parent. */
const statOf = (pid) => read(`/proc/${pid}/stat`).replace(/^.*\) /s, "").split(" ");

export const commandOf = (pid) => read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();

export const isAlive = (pid) => !["", "Z"].includes(statOf(pid)[0]);

export const childrenOf = (parent) => pids().filter((pid) => statOf(pid)[1] === String(parent));

export const markedWith = (mark) =>
	pids().filter((pid) => pid !== process.pid && read(`/proc/${pid}/environ`).split("\0").includes(`${MARK}=${mark}`));

export function kill(pid, signal = "SIGKILL") {
	try {
		process.kill(pid, signal);
	} catch (error) {
		if (error.code !== "ESRCH")
			throw error;
	}
}

/* ------------------------------------------------------------------ a program that runs */

/** Its output as lines, and how it ended: { code, signal }. */
export class Program extends Watched {
	lines = [];
	ended = null;
	#child;

	constructor(file, args, options = {}) {
		super();
		this.#child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
		this.pid = this.#child.pid;
		for (const stream of [this.#child.stdout, this.#child.stderr])
			this.#readLines(stream);
		this.#child.on("error", (error) => this.#end({ code: error.message, signal: null }));
		this.#child.on("close", (code, signal) => this.#end({ code, signal }));
	}

	#readLines(stream) {
		let rest = "";

		stream.setEncoding("utf8");
		stream.on("data", (text) => {
			const lines = (rest + text).split("\n");

			rest = lines.pop();
			this.lines.push(...lines);
			this.changed();
		});
		stream.on("end", () => rest && this.lines.push(rest));
	}

	#end(how) {
		this.ended ??= how;
		this.changed();
	}

	get text() {
		return this.lines.join("\n");
	}

	signal(signal) {
		if (!this.ended)
			this.#child.kill(signal);
	}

	end() {
		return this.until(`the end of ${commandOf(this.pid) || "a program"}`, () => this.ended);
	}

	/** The match of the first line from `from` on that fits; fails when the program ends without one. */
	line(pattern, from = 0) {
		return this.until(`a line like ${pattern}`, () => {
			const found = this.lines.slice(from).map((line) => pattern.exec(line)).find(Boolean);

			if (!found && this.ended)
				throw new Error(`it ended (${JSON.stringify(this.ended)}) without a line like ${pattern}:\n${this.text}`);
			return found;
		});
	}
}
