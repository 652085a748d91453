// SPDX-License-Identifier: Apache-2.0
/* Providers of sandboxes that the official SDK brings, or somebody's own, for a server that is not written in JavaScript. One JSON
 * object a line on stdin and stdout; answers come as they are ready (runtime/sandbox/provider/bridge.c is the other side).
 *
 *	{ id, method: "load", params: { handle, provider, options } }     {} or an error; a handle is loaded once
 *	{ id, method: "create", params: { handle, seed } }                { rawId }
 *	{ id, method: "kept", params: { handle, rawId } }                 {}: somebody remembers it
 *	{ id, method: "reach", params: { handle, rawId } }                { url, token?, cwd? }
 *	{ id, method: "reconnect" | "ensureServer" | "pause" | "destroy", params: { handle, rawId } }    {}
 *
 *	{ id, result } or { id, error: { code, message, unknown? } }
 *
 * Without stdin this process ends: when the server dies, what it was having made and did not keep is destroyed first. The state of
 * this process is a cache; it may be killed and started again at will.
 *
 * It is run by a line of code whose working directory is where npm has installed the modules, so that names are resolved
 * from there: `importModule` is that line's import(). */

import { randomBytes } from "node:crypto";
import http from "node:http";
import path from "node:path";
import readline from "node:readline";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";

const HOP_BY_HOP = new Set([
	"connection", "content-length", "content-encoding", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "te",
	"trailer", "transfer-encoding", "upgrade",
]);

/* ------------------------------------------------------------------ failures */

class Refusal extends Error {
	constructor(code, message) {
		super(message);
		this.code = code;
	}
}

const statusOf = (error) => error?.statusCode ?? error?.status ?? error?.response?.status;

/* Each SDK has its own words for a sandbox that is no more. */
const isGone = (error) => /^SandboxDestroyedError$|NotFoundError$/.test(error?.name ?? "") || statusOf(error) === 404;

function failureOf(error, method) {
	const message = String(error?.message || error);

	if (error instanceof Refusal)
		return { code: error.code, message };
	if (method !== "create" && isGone(error))
		return { code: "sandbox_destroyed", message };
	const refused = statusOf(error) >= 400 && statusOf(error) < 500;

	return { code: "provider_error", message, unknown: method === "create" && !refused };
}

/* ------------------------------------------------------------------ providers */

/* In options, "{seed}" stands for the name of the sandbox that is being made: for a label by which a person finds it. */
function withSeed(options, seed) {
	const text = JSON.stringify(options ?? {});

	return text.includes("{seed}") ? JSON.parse(text.replaceAll("{seed}", seed)) : null;
}

class Providers {
	#importModule;
	#loaded = new Map(); /* handle: a promise of { provider, make, options, unkept, making } */

	constructor(importModule) {
		this.#importModule = importModule;
	}

	async #factory(name, { module, export: wanted } = {}) {
		const from = !module ? `sandbox-agent/${name}`
			: /^\.{0,2}\//.test(module) ? pathToFileURL(path.resolve(module)).href : module;

		try {
			const found = await this.#importModule(from);

			return found[wanted ?? name] ?? found.default;
		} catch (error) {
			if (error?.code === "ERR_MODULE_NOT_FOUND" || error?.code === "ERR_PACKAGE_PATH_NOT_EXPORTED")
				throw new Refusal("provider_unavailable", `${error.message}. Is it installed in ${process.cwd()}?`);
			throw error;
		}
	}

	async #load(name, { module, export: wanted, ...options } = {}) {
		const make = await this.#factory(name, { module, export: wanted });

		if (typeof make !== "function")
			throw new Refusal("provider_unavailable", `the module of provider "${name}" exports no function to make it with`);
		return { provider: await make(options), make, options, unkept: new Set(), making: new Set() };
	}

	/** What follows it may come before it is done, and waits for it. */
	async load({ handle, provider, options }) {
		const loading = this.#load(provider, options);

		this.#loaded.set(handle, loading);
		await loading;
		return {};
	}

	async of(handle) {
		const loaded = this.#loaded.get(handle);

		if (!loaded)
			throw new Refusal("not_loaded", "this provider is not loaded");
		return loaded;
	}

	async create({ handle, seed }) {
		const loaded = await this.of(handle);
		const options = withSeed(loaded.options, seed);
		const making = (async () => {
			const rawId = String(await (options ? await loaded.make(options) : loaded.provider).create());

			loaded.unkept.add(rawId);
			return rawId;
		})();

		loaded.making.add(making);
		try {
			return { rawId: await making };
		} finally {
			loaded.making.delete(making);
		}
	}

	/** Nobody is there any more to remember what is being made. */
	async undo() {
		for (const { value: loaded } of await Promise.allSettled(this.#loaded.values())) {
			await Promise.allSettled(loaded?.making ?? []);
			for (const rawId of loaded?.unkept ?? []) {
				console.error(`bridge: destroying ${rawId}, which nobody kept`);
				await end(loaded.provider, rawId).catch((error) => console.error(`bridge: ${rawId} is left: ${error?.message}`));
			}
		}
	}
}

/* What ends it for good: e2b's destroy only pauses. */
const end = async (provider, rawId) => (provider.kill ?? provider.destroy).call(provider, rawId);

/* ------------------------------------------------------------------ sandboxes without an address */

/* A loopback address for a provider that only gives a fetch function. The secret is a bearer token. */
class Tunnel {
	#fetch;
	#token;
	#secret = randomBytes(24).toString("hex");
	#server = http.createServer((request, response) => this.#pass(request, response));

	constructor(fetch, token) {
		this.#fetch = fetch;
		this.#token = token;
		/* A turn may take hours, and its request as long. */
		Object.assign(this.#server, { requestTimeout: 0, timeout: 0, keepAliveTimeout: 75_000 });
	}

	async open() {
		await new Promise((resolve, reject) => this.#server.on("error", reject).listen(0, "127.0.0.1", resolve));
		return { url: `http://127.0.0.1:${this.#server.address().port}`, token: this.#secret };
	}

	#headers(request) {
		const headers = Object.entries(request.headers)
			.filter(([name]) => !HOP_BY_HOP.has(name) && name !== "authorization" && name !== "expect");

		return { ...Object.fromEntries(headers), ...(this.#token ? { authorization: `Bearer ${this.#token}` } : {}) };
	}

	async #pass(request, response) {
		const gone = new AbortController();

		response.on("close", () => gone.abort());
		if (request.headers.authorization !== `Bearer ${this.#secret}`)
			return response.writeHead(403).end();
		try {
			const hasBody = !["GET", "HEAD"].includes(request.method);
			const answer = await this.#fetch(`http://sandbox${request.url}`, {
				method: request.method, headers: this.#headers(request), signal: gone.signal, redirect: "manual",
				...(hasBody ? { body: Buffer.concat(await request.toArray()) } : {}),
			});

			response.writeHead(answer.status, Object.fromEntries([...answer.headers].filter(([name]) => !HOP_BY_HOP.has(name))));
			response.flushHeaders();
			if (answer.body)
				Readable.fromWeb(answer.body).on("error", () => response.destroy()).pipe(response);
			else
				response.end();
		} catch (error) {
			this.#fail(response, error);
		}
	}

	/* What waited too long was sent all the same: its effect shows on the event stream. */
	#fail(response, error) {
		const late = /Timeout/.test(error?.cause?.name ?? error?.name ?? "");
		const problem = late
			? { type: "urn:sandbox-agent:error:timeout", title: "Timeout", status: 504 }
			: { type: "about:blank", title: "The provider's fetch failed", status: 502, detail: String(error?.message) };

		if (response.headersSent)
			return response.destroy();
		response.writeHead(problem.status, { "content-type": "application/problem+json" });
		response.end(JSON.stringify(problem));
	}
}

/* ------------------------------------------------------------------ methods */

function methods(providers) {
	const tunnels = new Map(); /* "handle rawId": a promise of { url, token } */

	async function tunnel(provider, handle, rawId, token) {
		const key = `${handle} ${rawId}`;

		if (!tunnels.has(key)) {
			const opening = (async () => new Tunnel(await provider.getFetch(rawId), token).open())();

			tunnels.set(key, opening);
			opening.catch(() => tunnels.delete(key));
		}
		return tunnels.get(key);
	}

	return {
		load: (params) => providers.load(params),
		create: (params) => providers.create(params),

		async kept({ handle, rawId }) {
			(await providers.of(handle)).unkept.delete(rawId);
			return {};
		},

		async reach({ handle, rawId }) {
			const { provider } = await providers.of(handle);
			const token = (await provider.getToken?.(rawId)) ?? undefined;
			const cwd = provider.defaultCwd;

			if (provider.getUrl)
				return { url: await provider.getUrl(rawId), token, cwd };
			if (provider.getFetch)
				return { ...await tunnel(provider, handle, rawId, token), cwd };
			throw new Refusal("provider_unavailable", "the provider tells no way to its sandboxes: it has neither getUrl nor getFetch");
		},

		async reconnect({ handle, rawId }) {
			await (await providers.of(handle)).provider.reconnect?.(rawId);
			return {};
		},

		async ensureServer({ handle, rawId }) {
			await (await providers.of(handle)).provider.ensureServer?.(rawId);
			return {};
		},

		async pause({ handle, rawId }) {
			const { provider } = await providers.of(handle);

			if (!provider.pause)
				throw new Refusal("provider_error", "the provider cannot pause a sandbox");
			await provider.pause(rawId);
			return {};
		},

		async destroy({ handle, rawId }) {
			const loaded = await providers.of(handle);

			await end(loaded.provider, rawId);
			loaded.unkept.delete(rawId);
			return {};
		},
	};
}

/* ------------------------------------------------------------------ the process */

/* Whatever providers print goes to stderr; stdout belongs to the protocol. */
function takeStdout() {
	const write = process.stdout.write.bind(process.stdout);

	process.stdout.write = process.stderr.write.bind(process.stderr);
	for (const name of ["log", "info", "debug", "warn"])
		console[name] = console.error;
	return write;
}

export function bridge(importModule) {
	const write = takeStdout();
	const say = (message) => write(`${JSON.stringify(message)}\n`);
	const providers = new Providers(importModule);
	const known = methods(providers);

	for (const event of ["uncaughtException", "unhandledRejection"])
		process.on(event, (error) => console.error(`bridge: ${event}:`, error));
	process.stdout.on("error", () => {}); /* nobody reads: stdin ends as well */

	readline.createInterface({ input: process.stdin }).on("line", async (line) => {
		let id = null, method;

		try {
			const request = JSON.parse(line);

			({ id, method } = request);
			if (!Object.hasOwn(known, method))
				throw new Refusal("unknown_method", `there is no method "${method}"`);
			say({ id, result: await known[method](request.params ?? {}) });
		} catch (error) {
			say({ id, error: failureOf(error, method) });
		}
	}).on("close", () => providers.undo().finally(() => process.exit(0)));
}
