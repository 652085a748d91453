// SPDX-License-Identifier: Apache-2.0
/* Pages, those of React and others, built with Vite as an application would be, and served on a port of their own: to Troupe,
 * another origin. */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript" };

/** mode: "production", or "development", in which React's StrictMode does what it is for. from: a folder beside this one. */
export async function buildSite(folder, mode, from = "react") {
	await build({
		root: fileURLToPath(new URL(`../${from}/`, import.meta.url)),
		configFile: false,
		logLevel: "error",
		mode,
		define: { "process.env.NODE_ENV": JSON.stringify(mode) },
		build: { outDir: folder, emptyOutDir: true, minify: mode === "production" },
	});
}

/** Gives { url, close }. */
export async function serveSite(folder) {
	const server = createServer(async (request, response) => {
		const { pathname } = new URL(request.url, "http://site");
		const file = path.join(folder, pathname === "/" ? "index.html" : path.normalize(pathname));

		try {
			const body = await readFile(file);

			response.writeHead(200, { "content-type": TYPES[path.extname(file)] ?? "application/octet-stream" }).end(body);
		} catch {
			response.writeHead(404).end();
		}
	});

	await new Promise((done) => server.listen(0, "127.0.0.1", done));
	return {
		url: `http://127.0.0.1:${server.address().port}/`,
		close() {
			server.closeAllConnections();
			return new Promise((done) => server.close(done));
		},
	};
}
