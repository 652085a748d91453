// SPDX-License-Identifier: Apache-2.0
/* What the server keeps to itself towards sandboxes: its requests, where nobody has proved who answers, and its tokens, in its log. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:https";
import path from "node:path";
import { Program } from "./kit/process.mjs";
import { test } from "./kit/stage.mjs";

const failureOf = (promise) => promise.then((answer) => assert.fail(JSON.stringify(answer)), (error) => error);

/** An HTTPS server whose certificate nobody has signed but itself. */
async function selfSigned(stage) {
	const [key, cert] = ["key.pem", "cert.pem"].map((name) => stage.folder(name));
	const requests = [];

	await new Program("openssl", [
		"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
		"-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
	]).end();
	const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
		requests.push(request.url);
		response.end(`{"status":"ok"}`);
	});

	stage.atEnd(() => server.close());
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	return { url: `https://127.0.0.1:${server.address().port}`, requests };
}

test("a sandbox whose certificate nobody vouches for is told nothing", async (stage) => {
	const { url, requests } = await selfSigned(stage);
	const troupe = await stage.troupe({ sandbox: url, args: ["--sandbox-token", "hush-hush"] });
	const ann = stage.join(troupe, "w", { userId: "ann" });
	const error = await failureOf(ann.conn.prompt({ userId: "ann", text: "hello" }));

	assert.equal(`${error.group}.${error.code}`, "sandbox.unreachable");
	assert.match(error.message, /certificate|SSL/i);
	assert.deepEqual(requests, []);
});

test("no token of a sandbox is ever in the log", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local", args: ["--provider", "local", "--log-level", "debug"] });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await ann.conn.prompt({ userId: "ann", text: "hello" });
	const boxes = readdirSync(path.join(troupe.data, "sandboxes")).map((name) => path.join("sandboxes", name));
	const tokens = ["", ...boxes].map((box) => JSON.parse(readFileSync(path.join(troupe.data, box, "sandbox.json"), "utf8")).token);

	assert.equal(tokens.length, 2);
	await ann.close();
	await troupe.stop();
	for (const token of tokens) {
		assert.match(token, /^[0-9a-f]{48}$/);
		assert.ok(!troupe.program.text.includes(token));
	}
});
