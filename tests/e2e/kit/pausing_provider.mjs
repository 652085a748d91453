// SPDX-License-Identifier: Apache-2.0
/* A provider of one sandbox, a sandbox-agent that runs already, which it pauses by stopping its process. What it was asked is in a file. */
import { appendFileSync, existsSync } from "node:fs";

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/* pid: of the sandbox-agent. told: the file. gate: a file; while it is there, a pause takes its time. */
export default ({ url, pid, told, gate }) => {
	const tell = (what) => appendFileSync(told, `${what}\n`);

	return {
		name: "pausing",
		defaultCwd: "/tmp",
		create: async () => "one",
		getUrl: async () => url,
		async reconnect(id) {
			tell(`reconnect ${id}`);
			process.kill(pid, "SIGCONT");
		},
		ensureServer: async (id) => tell(`ensureServer ${id}`),
		async pause(id) {
			tell(`pause ${id}`);
			while (existsSync(gate))
				await pause(10);
			process.kill(pid, "SIGSTOP");
			tell(`paused ${id}`);
		},
		async destroy(id) {
			tell(`destroy ${id}`);
			process.kill(pid, "SIGCONT");
		},
	};
};
