// SPDX-License-Identifier: Apache-2.0
/* Stands in the place of the suite's own file of this name: instead of an engine and a runtime in JavaScript, the tests get
 * Troupe with the kinds of tests/parity. Each test has a server of its own, on an empty data directory, which takes a few
 * milliseconds; with PARITY_ENDPOINT all share the server that listens there, each in a namespace of its own. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SERVE = process.env.PARITY_SERVE ?? "";
const PORT = Number(process.env.PARITY_PORT ?? 7750);
const PORTS = 40;

export const TOKEN = "dev";

let next = 0;

async function answers(endpoint: string): Promise<boolean> {
	try {
		return (await fetch(`${endpoint}/health`)).ok;
	} catch {
		return false;
	}
}

function ended(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null)
		return Promise.resolve();
	return new Promise((resolve) => child.once("exit", () => resolve()));
}

async function start() {
	const namespace = `driver-${crypto.randomUUID()}`;

	if (process.env.PARITY_ENDPOINT)
		return { endpoint: process.env.PARITY_ENDPOINT, namespace, runnerName: "default", cleanup: async () => {} };

	const port = PORT + (next++ % PORTS);
	const endpoint = `http://127.0.0.1:${port}`;
	const data = mkdtempSync(join(tmpdir(), "parity-"));
	const child = spawn(SERVE, [String(port), data], { stdio: ["ignore", "pipe", "pipe"] });
	let said = "";

	for (const stream of [child.stdout, child.stderr])
		stream.on("data", (chunk) => {
			said += chunk;
			if (process.env.PARITY_LOG)
				process.stderr.write(chunk);
		});
	const end = Date.now() + 10_000;

	while (!(await answers(endpoint))) {
		if (child.exitCode !== null || Date.now() > end) {
			child.kill("SIGKILL");
			throw new Error(`${SERVE} does not serve:\n${said}`);
		}
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
	return {
		endpoint,
		namespace,
		runnerName: "default",
		getRuntimeOutput: () => said,
		/* It must end well, too: a sanitizer's report fails the test. */
		cleanup: async () => {
			const late = setTimeout(() => child.kill("SIGKILL"), 10_000);

			child.kill("SIGTERM");
			await ended(child);
			clearTimeout(late);
			rmSync(data, { recursive: true, force: true });
			if (child.exitCode !== 0)
				throw new Error(`${SERVE} ended with ${child.exitCode ?? child.signalCode}:\n${said}`);
		},
	};
}

function config(runtime: string, options: any) {
	return {
		runtime,
		sqliteBackend: options.sqliteBackend ?? "remote",
		encoding: options.encoding,
		skip: options.skip,
		features: { hibernatableWebSocketProtocol: true, ...options.features },
		useRealTimers: true,
		start,
	};
}

export const createNativeDriverTestConfig = (options: any) => config("native", options);
export const createWasmDriverTestConfig = (options: any) => config("wasm", options);

export async function releaseSharedEngine(): Promise<void> {}

export async function getOrStartSharedEngine(): Promise<never> {
	throw new Error("There is no engine here: this test is about Rivet's own server.");
}
