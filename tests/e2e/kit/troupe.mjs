// SPDX-License-Identifier: Apache-2.0
/* One `troupe serve`, with a data directory that outlives it: it can be stopped and started again, and its server process
 * killed under its supervisor. */

import { freePort } from "./ports.mjs";
import { MARK, AGENT, Program, TROUPE, childrenOf, kill } from "./process.mjs";
import { within } from "./wait.mjs";

/* Tests kill servers with SIGKILL, and with nothing else. */
const REPORT = new RegExp([
	/ERROR: (Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error:|Assertion .* failed/,
	/supervisor\.died (signal=(?!9\b)|code=(?!0\b))/,
].map(({ source }) => source).join("|"));

export class Troupe {
	lives = []; /* Programs, the last one may still run */
	#options;

	/** options: { data, mark, program = TROUPE, sandbox = "none", port, supervised = true, env, args } */
	constructor(options) {
		this.#options = options;
		this.port = options.port; /* or start finds one; 0: the system does */
	}

	get data() {
		return this.#options.data;
	}

	get url() {
		return `http://127.0.0.1:${this.port}`;
	}

	get program() {
		return this.lives.at(-1);
	}

	async start() {
		const { data, program: file = TROUPE, sandbox = "none", supervised = true, args = [] } = this.#options;

		this.port ??= await freePort();
		const program = new Program(file, [
			"serve", "--listen", `127.0.0.1:${this.port}`, "--data", data, "--sandbox", sandbox,
			...(supervised ? [] : ["--no-supervise"]), ...args,
		], { env: this.#environment() });

		this.lives.push(program);
		const [, port] = await program.line(/server\.ready url=http:\/\/127\.0\.0\.1:(\d+)\//);

		this.port = Number(port);
		return this;
	}

	/* Ours, without what would speak to Troupe; the scripted agent in the place of the demonstration. */
	#environment() {
		const own = Object.entries(process.env).filter(([name]) => !/^(TROUPE_|LISTEN_|SANDBOX_AGENT_)/.test(name));

		return { ...Object.fromEntries(own), TROUPE_DEMO_AGENT: AGENT, ...this.#options.env, [MARK]: this.#options.mark };
	}

	/** Of the process that serves: the supervisor's child, or the program itself. */
	get serverPid() {
		return this.#options.supervised === false ? this.program.pid : childrenOf(this.program.pid)[0];
	}

	/** Resolves when a server process is up that was not there before `act`. */
	async replaced(act) {
		const before = this.program.lines.length;

		await act();
		await this.program.line(/server\.ready/, before);
	}

	/** kill -9 of the server process; the supervisor starts the next one. */
	async crash() {
		const pid = this.serverPid;

		await this.replaced(() => kill(pid, "SIGKILL"));
	}

	/** Resolves with { code, signal }. */
	async stop(signal = "SIGTERM") {
		this.program.signal(signal);
		return within(`the end of troupe after ${signal}`, this.program.end());
	}

	/** At the end of a test, whatever became of it. Gives what is wrong, as sentences. */
	async clear() {
		const wrong = [];

		try {
			for (const life of this.lives.filter((program) => program.pid && !program.ended)) {
				life.signal("SIGTERM");
				await within("the end of troupe after SIGTERM", life.end());
			}
		} catch (error) {
			wrong.push(error.message);
		}
		for (const { code, signal } of this.lives.map(({ ended }) => ended ?? {}))
			if (code || (signal && signal !== "SIGKILL"))
				wrong.push(`troupe ended with ${signal ?? code}`);
		for (const line of this.lives.flatMap((program) => program.lines))
			if (REPORT.test(line))
				wrong.push(line);
		return wrong;
	}
}
