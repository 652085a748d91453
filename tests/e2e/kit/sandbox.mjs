// SPDX-License-Identifier: Apache-2.0
/* The real sandbox-agent server on its own, for tests that want it to be down, or to lack an agent. */

import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { AGENT, MARK, Program, sandboxAgent } from "./process.mjs";
import { eventually } from "./wait.mjs";

export class Sandbox {
	#program = null;

	constructor({ folder, mark, port, env = {} }) {
		Object.assign(this, { folder, mark, port, env });
	}

	get url() {
		return `http://127.0.0.1:${this.port}`;
	}

	get #launcher() {
		return path.join(this.folder, "data/sandbox-agent/bin/agent_processes/mock-acp");
	}

	installAgent() {
		mkdirSync(path.dirname(this.#launcher), { recursive: true });
		writeFileSync(this.#launcher, `#!/bin/sh\nexec node '${AGENT}' "$@"\n`);
		chmodSync(this.#launcher, 0o755);
	}

	removeAgent() {
		rmSync(this.#launcher);
	}

	async start() {
		if (!existsSync(this.#launcher))
			this.installAgent();
		this.#program = new Program(sandboxAgent(),
			["server", "--no-telemetry", "--host", "127.0.0.1", "--port", String(this.port), "--no-token"], {
				env: {
					PATH: process.env.PATH, HOME: path.join(this.folder, "home"), SANDBOX_AGENT_LOG_STDOUT: "1",
					XDG_DATA_HOME: path.join(this.folder, "data"), ...this.env, [MARK]: this.mark,
				},
			});
		const up = await eventually("the sandbox is up", async () => this.#program.ended || (await fetch(this.url).catch(() => null))?.ok);

		if (up !== true)
			throw new Error(`the sandbox-agent did not start:\n${this.#program.text}`);
		return this;
	}

	async stop(signal = "SIGTERM") {
		this.#program?.signal(signal);
		await this.#program?.end();
	}
}
