// SPDX-License-Identifier: Apache-2.0
/* What the server keeps to itself towards sandboxes: its requests, where nobody has proved who answers, and its tokens, in its log. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { connect } from "node:net";
import path from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { MARK, Program, TROUPE } from "./kit/process.mjs";
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

/* ------------------------------------------------------------------ an authority of one's own */

const openssl = (...args) => new Program("openssl", args).end();

/** A file with an authority's certificate, and the key and certificate of a server at 127.0.0.1 that it vouches for. */
async function authority(stage, name) {
	const [caKey, ca, key, request, cert, extensions] = ["ca.key", "ca.pem", "key.pem", "csr.pem", "cert.pem", "ext"].map((end) => stage.folder(`${name}-${end}`));
	const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

	writeFileSync(extensions, "subjectAltName=IP:127.0.0.1\n");
	await openssl("req", "-x509", ...fresh, "-keyout", caKey, "-out", ca, "-days", "1", "-subj", `/CN=${name}`);
	await openssl("req", "-new", ...fresh, "-keyout", key, "-out", request, "-subj", "/CN=sandbox");
	await openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-days", "1", "-extfile", extensions, "-out", cert);
	return { ca, key: readFileSync(key), cert: readFileSync(cert) };
}

/** A real sandbox-agent behind TLS. */
async function behindTls(stage, { key, cert }) {
	const sandbox = await (await stage.sandbox()).start();
	const server = createTlsServer({ key, cert }, (socket) => {
		const up = connect(sandbox.port, "127.0.0.1");

		socket.on("error", () => up.destroy()).on("close", () => up.destroy());
		up.on("error", () => socket.destroy()).on("close", () => socket.destroy());
		socket.pipe(up).pipe(socket);
	});

	stage.atEnd(() => server.close());
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	return `https://127.0.0.1:${server.address().port}`;
}

test("--sandbox-ca: a sandbox that an authority of one's own vouches for is used; with another's it is told nothing", async (stage) => {
	const [ours, others] = await Promise.all([authority(stage, "ours"), authority(stage, "others")]);
	const url = await behindTls(stage, ours);
	const both = stage.folder("both.pem");

	writeFileSync(both, readFileSync(others.ca, "utf8") + readFileSync(ours.ca, "utf8"));
	for (const ca of [ours.ca, both]) {
		const troupe = await stage.troupe({ sandbox: url, args: ["--sandbox-ca", ca] });
		const ann = stage.join(troupe, "w", { userId: "ann" });

		assert.equal((await ann.conn.prompt({ userId: "ann", text: "hello" })).stopReason, "end_turn");
		assert.ok(!troupe.program.text.includes("sandbox.ca"), "the system's authorities count as well");
	}
	const troupe = await stage.troupe({ sandbox: url, args: ["--sandbox-ca", others.ca] });
	const ann = stage.join(troupe, "w", { userId: "ann" });
	const error = await failureOf(ann.conn.prompt({ userId: "ann", text: "hello" }));

	assert.equal(`${error.group}.${error.code}`, "sandbox.unreachable");
	assert.match(error.message, /certificate|SSL/i);
});

test("--sandbox-ca: a file that is not there, or holds no certificate, is named before anything is served", async (stage) => {
	const empty = stage.folder("empty.pem");

	writeFileSync(empty, "no certificate\n");
	for (const [file, why] of [[empty, /holds no certificate/], [stage.folder("missing.pem"), /No such file/], [stage.folder("."), /holds no certificate/]]) {
		const program = new Program(TROUPE, ["serve", "--data", stage.folder("data"), "--listen", "127.0.0.1:0", "--no-supervise", "--sandbox", "none", "--sandbox-ca", file], {
			env: { PATH: process.env.PATH, [MARK]: stage.mark } });

		await program.end();
		assert.notEqual(program.ended.code, 0);
		assert.ok(program.text.includes(`--sandbox-ca ${file}: `), program.text);
		assert.match(program.text, why);
	}
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
