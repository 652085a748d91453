// SPDX-License-Identifier: Apache-2.0
/* A real nginx in front of a Troupe, with the configuration that runtime/main/nginx.conf tells users to take, and a certificate
 * of this hour. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { MARK, Program, ROOT } from "./process.mjs";
import { freePort } from "./ports.mjs";

/* What a user's nginx.conf has around ours; all of it inside the test's folder. */
const around = (folder, server) => `${process.getuid() === 0 ? "user root;\n" : ""}daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log stderr info;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path ${folder}/body;
	proxy_temp_path ${folder}/proxy;
	fastcgi_temp_path ${folder}/fastcgi;
	uwsgi_temp_path ${folder}/uwsgi;
	scgi_temp_path ${folder}/scgi;
	${server}
}
`;

/** Gives { url, nginx: Program }. It ends with the test. */
export async function proxyOf(stage, troupe) {
	const port = await freePort(), folder = stage.folder(`nginx${port}`);
	const options = { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin`, [MARK]: stage.mark } }; /* nginx is there */
	const [key, certificate, config] = ["key.pem", "cert.pem", "nginx.conf"].map((name) => path.join(folder, name));

	mkdirSync(folder);
	await new Program("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "1",
		"-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], options).end();
	const ours = readFileSync(path.join(ROOT, "runtime/main/nginx.conf"), "utf8")
		.replace("127.0.0.1:6420", `127.0.0.1:${troupe.port}`).replace("listen 443", `listen 127.0.0.1:${port}`)
		.replace("/etc/ssl/troupe.pem", certificate).replace("/etc/ssl/troupe.key", key);

	writeFileSync(config, around(folder, ours));
	const nginx = new Program("nginx", ["-p", folder, "-c", config], options);

	stage.atEnd(() => {
		nginx.signal("SIGTERM");
		return nginx.end();
	});
	await nginx.line(/start worker process \d+/);
	return { url: `https://localhost:${port}`, nginx };
}
