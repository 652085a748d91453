// SPDX-License-Identifier: Apache-2.0
/* Some only watch: because they say so, or because of the token that they were given. They see everything and change nothing. */

import assert from "node:assert/strict";
import { test } from "./kit/stage.mjs";

const failureOf = (promise) => promise.then((answer) => assert.fail(JSON.stringify(answer)), (error) => error);
const codeOf = ({ group, code }) => `${group}.${code}`;

const ALL = "let-me-in", WATCH = "let me watch / 100%";
const NAMES = ["chat.user", "session.event", "turn.state", "permission.request", "permission.resolved"];

/** Everything that changes something. */
const changes = (handle) => [
	handle.prompt({ userId: "eve", text: "hello" }), handle.cancel(), handle.cancel({ promptId: "p" }), handle.restartAgent(),
	handle.respondPermission({ permissionId: "x", reply: "once" }), handle.setMode({ modeId: "code" }),
	handle.setModel({ model: "m" }), handle.setConfigOption({ configId: "c", value: "v" }),
];

async function assertWatchesOnly(handle) {
	for (const failure of changes(handle).map(failureOf))
		assert.equal(codeOf(await failure), "auth.forbidden");
	assert.equal((await handle.getSessionInfo()).workspaceId, "w");
	assert.equal((await handle.getQueue()).running.promptId, "p");
	assert.ok((await handle.getEvents({ offset: 0, limit: 1 })).events.length === 1);
	assert.deepEqual((await handle.getPendingPermissions()).permissions.map(({ toolCall }) => toolCall.title), ["Do thing 1"]);
}

const prompting = (ann) => ann.conn.prompt({ userId: "ann", text: "!perm", promptId: "p" });

test("role: observer sees everything and changes nothing, over a connection and over plain HTTP", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local" });
	const { workspace } = stage.client(troupe);
	const room = (options) => workspace.getOrCreate(["w"], options);
	const ann = stage.join(troupe, "w", { userId: "ann" });
	const eve = stage.listen(room, NAMES, { params: { userId: "eve", role: "observer" }, since: 0 });
	const answer = prompting(ann);
	const request = await eve.event("permission.request");

	await assertWatchesOnly(eve.conn);
	await assertWatchesOnly(room({ params: { role: "observer" } }));
	await ann.conn.respondPermission({ permissionId: request.permissionId, reply: "once", userId: "ann" });
	assert.equal((await answer).stopReason, "end_turn");
	await eve.turn("p", "done");
	assert.equal(eve.said, ann.said);
});

test("who shows the observers' token only watches, whatever the parameters say", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local", args: ["--token", ALL, "--observer-token", WATCH.replaceAll(" ", "+")] });
	const roomFor = (token) => (options) => stage.client(troupe, { token }).workspace.getOrCreate(["w"], options);
	const ann = stage.listen(roomFor(ALL), NAMES, { params: { userId: "ann" }, since: 0 });
	const watch = WATCH.replaceAll(" ", "+");

	await ann.connected();
	const eve = stage.listen(roomFor(watch), NAMES, { params: { userId: "eve", role: "controller" }, since: 0 });
	const answer = prompting(ann);
	const request = await eve.event("permission.request");

	await assertWatchesOnly(eve.conn);
	await assertWatchesOnly(roomFor(watch)({ params: { role: "controller" } }));
	await ann.conn.respondPermission({ permissionId: request.permissionId, reply: "once" });
	assert.equal((await answer).stopReason, "end_turn");
	assert.equal(codeOf(await failureOf(roomFor("neither")().getSessionInfo())), "auth.forbidden");
});

test("the observers' token makes, ends and puts to sleep no actor", async (stage) => {
	const troupe = await stage.troupe({ args: ["--token", ALL, "--observer-token", "watch"] });
	const as = (token, method, path, body) => fetch(`${troupe.url}${path}`, {
		method, body: body && JSON.stringify(body), headers: { "x-rivet-token": token, "content-type": "application/json" },
	});
	const counter = stage.client(troupe, { token: ALL }).counter.getOrCreate(["c"]);

	assert.equal(await counter.increment(), 1);
	const id = await counter.resolve();

	for (const [method, path, body] of [
		["PUT", "/actors", { name: "counter", key: "other" }], ["POST", "/actors", { name: "counter", key: "other" }],
		["DELETE", `/actors/${id}`], ["POST", `/actors/${id}/sleep`],
	])
		assert.equal((await as("watch", method, path, body)).status, 403, `${method} ${path}`);
	const watching = stage.client(troupe, { token: "watch", maxRetries: 0 }).counter;

	assert.equal(await watching.get(["c"]).getCount(), 1);
	assert.equal(codeOf(await failureOf(watching.get(["c"]).increment())), "auth.forbidden");
	assert.equal((await (await as("watch", "GET", "/actors?name=counter&key=c")).json()).actors.length, 1);
	const found = await fetch(`${troupe.url}/gateway/counter/action/getCount?rvt-namespace=default&rvt-method=getOrCreate`
		+ "&rvt-runner=default&rvt-key=other", { method: "POST", headers: { "x-rivet-token": "watch" } });

	assert.equal(found.status, 404, "getOrCreate makes nothing for them");
	assert.equal((await (await as(ALL, "GET", "/actors?name=counter&key=other")).json()).actors.length, 0);
});
