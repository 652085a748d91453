// SPDX-License-Identifier: Apache-2.0
/* As much of Daytona's service as the official @daytonaio/sdk asks for, on loopback. What its sandboxes run is real: to "execute" the
 * command that starts a sandbox-agent starts one. */

import { createServer } from "node:http";
import { Watched } from "./wait.mjs";

export class Daytona extends Watched {
	calls = [];      /* "POST /sandbox" ... */
	created = [];    /* bodies */
	sandboxes = new Map(); /* id: { sandbox, port } */
	failing = false; /* every answer is 500 */
	holding = false; /* creating waits for release() */
	#held = [];
	#newSandbox;
	#server = createServer((request, response) => this.#serve(request, response));

	/** newSandbox: gives a Sandbox that is not started. */
	constructor(newSandbox) {
		super();
		this.#newSandbox = newSandbox;
	}

	open() {
		return new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve(this)));
	}

	async close() {
		this.#server.closeAllConnections();
		this.#server.close();
		for (const { sandbox } of this.sandboxes.values())
			await sandbox.stop();
	}

	get env() {
		return { DAYTONA_API_KEY: "dtn_secret_key", DAYTONA_API_URL: `${this.#url}/api` };
	}

	get #url() {
		return `http://127.0.0.1:${this.#server.address().port}`;
	}

	release() {
		this.holding = false;
		this.#held.splice(0).forEach((go) => go());
	}

	count(call) {
		return this.calls.filter((one) => one === call).length;
	}

	#describe(id) {
		return {
			id, state: "started", organizationId: "o", target: "eu", user: "daytona", env: {}, labels: {}, public: false, cpu: 1,
			gpu: 0, memory: 1, disk: 1, networkBlockAll: false, toolboxProxyUrl: `${this.#url}/toolbox`,
		};
	}

	async #create(body) {
		const id = `sb-${this.created.push(body)}`;

		this.changed();
		if (this.holding)
			await new Promise((go) => this.#held.push(go));
		this.sandboxes.set(id, { sandbox: await this.#newSandbox() });
		return [200, this.#describe(id)];
	}

	async #execute(id, { command }) {
		const box = this.sandboxes.get(id);

		if (/sandbox-agent server/.test(command) && !box.started) {
			box.started = true;
			await box.sandbox.start();
		}
		return [200, { exitCode: 0, result: "" }];
	}

	async #remove(id) {
		const { sandbox } = this.sandboxes.get(id);

		this.sandboxes.delete(id);
		await sandbox.stop();
		return [200, this.#describe(id)];
	}

	async #answer(method, path, body) {
		const [, id, rest] = /^\/(?:api\/sandbox|toolbox)(?:\/([^/?]+))?([^?]*)/.exec(path) ?? [];

		if (this.failing)
			return [500, { statusCode: 500, message: "out of order" }];
		if (method === "POST" && path === "/api/sandbox")
			return this.#create(body);
		if (!this.sandboxes.has(id))
			return [404, { statusCode: 404, message: "Sandbox not found", error: "Not Found" }];
		if (method === "POST" && rest === "/process/execute")
			return this.#execute(id, body);
		if (method === "DELETE" && rest === "")
			return this.#remove(id);
		if (rest.endsWith("/signed-preview-url"))
			return [200, { sandboxId: id, port: 3000, token: "t", url: this.sandboxes.get(id).sandbox.url }];
		return [200, this.#describe(id)];
	}

	async #serve(request, response) {
		const text = (await request.setEncoding("utf8").toArray()).join("");
		const path = request.url;

		if (path.startsWith("/api/socket.io"))
			return response.writeHead(404).end();
		const [status, answer] = request.headers.authorization === "Bearer dtn_secret_key"
			? await this.#answer(request.method, path, text && JSON.parse(text)) : [401, { statusCode: 401, message: "Unauthorized" }];

		this.calls.push(`${request.method} ${path.replace(/^\/api|\?.*/g, "")}`);
		response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
		this.changed();
	}
}
