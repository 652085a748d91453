// SPDX-License-Identifier: Apache-2.0
/* The agent asks before it does something: whoever is there sees it, or sees it when they come, and the first answer counts. */

import assert from "node:assert/strict";
import { failureOf } from "./kit/client.mjs";
import { test } from "./kit/stage.mjs";

const codeOf = ({ group, code }) => `${group}.${code}`;

/** ann and bob are there, ann's prompt makes the agent ask. */
async function asked(stage, text = "!perm", { input, args } = {}) {
	const troupe = await stage.troupe({ sandbox: "local", args });

	if (input)
		await stage.client(troupe).workspace.create(["w"], { input });
	const [ann, bob] = ["ann", "bob"].map((userId) => stage.join(troupe, "w", { userId }));

	await Promise.all([ann.connected(), bob.connected()]);
	const answer = ann.conn.prompt({ userId: "ann", text, promptId: "p" });

	answer.catch(() => {}); /* some tests kill the server */
	const request = await bob.event("permission.request");

	return { troupe, ann, bob, answer, request };
}

/** Which options the agent was told, as it says itself. */
const chosen = (ear) => [...ear.said.matchAll(/permission \d+: (\{.*?\})/g)].map(([, outcome]) => JSON.parse(outcome).optionId);

const reply = (ear, { permissionId }, word, userId) => ear.conn.respondPermission({ permissionId, reply: word, userId });

test("everybody sees what the agent asks, with the replies that it offers", async (stage) => {
	const { ann, request } = await asked(stage);

	assert.equal(request.toolCall.title, "Do thing 1");
	assert.deepEqual(request.options.map(({ kind }) => kind), ["allow_once", "allow_always", "reject_once"]);
	assert.deepEqual(request.availableReplies, ["once", "always", "reject"]);
	assert.deepEqual(await ann.event("permission.request"), request);
});

for (const [word, option] of [["once", "yes"], ["always", "ever"], ["reject", "no"]])
	test(`"${word}" reaches the agent as its option, everybody hears who said it, and the turn goes on`, async (stage) => {
		const { ann, bob, answer, request } = await asked(stage);

		assert.equal(await reply(bob, request, word, "bob"), undefined);
		const { permissionId, reply: said, by } = await ann.event("permission.resolved");

		assert.deepEqual({ permissionId, said, by }, { permissionId: request.permissionId, said: word, by: "bob" });
		assert.equal((await answer).stopReason, "end_turn");
		assert.deepEqual(chosen(ann), [option]);
		const replies = ann.of("session.event").filter(({ sender, payload }) => sender === "client" && payload.result?.outcome);

		assert.equal(replies.length, 1, "the reply is in the log");
	});

test("[S36, F29] the second answer is already_resolved, and changes nothing", async (stage) => {
	const { ann, bob, answer, request } = await asked(stage);
	const outcomes = await Promise.allSettled([reply(ann, request, "once", "ann"), reply(bob, request, "reject", "bob")]);
	const [refused] = outcomes.filter(({ status }) => status === "rejected");

	assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
	assert.equal(codeOf(refused.reason), "permission.already_resolved");
	assert.equal((await answer).stopReason, "end_turn");
	assert.equal(codeOf(await failureOf(reply(bob, request, "once", "bob"))), "permission.already_resolved");
	assert.equal(ann.of("permission.resolved").length, 1);
});

test("unknown requests and unknown replies are refused, and the request stays open", async (stage) => {
	const { ann, answer, request } = await asked(stage);

	assert.equal(codeOf(await failureOf(reply(ann, { permissionId: "nobody" }, "once"))), "permission.unknown");
	assert.equal(codeOf(await failureOf(reply(ann, request, "perhaps"))), "request.invalid");
	await reply(ann, request, "once");
	assert.equal((await answer).stopReason, "end_turn");
});

test("[S37, F28] a request waits while nobody is there; who comes late sees it and answers", async (stage) => {
	const { troupe, ann, bob, request } = await asked(stage);

	await Promise.all([ann.conn.dispose(), bob.conn.dispose()]);
	const late = stage.join(troupe, "w", { userId: "cyn" });

	assert.deepEqual(await late.event("permission.request"), request);
	await reply(late, request, "once", "cyn");
	await late.turn("p", "done");
	assert.deepEqual(chosen(late), ["yes"]);
});

test("[S38] a request outlives kill -9, and one answer has its effect", async (stage) => {
	const { troupe, ann, bob, request } = await asked(stage);

	await troupe.crash();
	await Promise.all([ann.connected(), bob.connected()]);
	await reply(bob, request, "once", "bob");
	await ann.turn("p", "done");
	assert.deepEqual(chosen(ann), ["yes"]);
	assert.equal(ann.of("permission.request").length, 1);
	assert.equal(ann.of("permission.resolved").length, 1);
});

test("an answer that was acknowledged has its effect even when the server is killed at once", async (stage) => {
	const { troupe, ann, request } = await asked(stage);

	await reply(ann, request, "once", "ann");
	await troupe.crash();
	await ann.turn("p", "done");
	assert.deepEqual(chosen(ann), ["yes"]);
});

test("[S11] four requests in one turn are each answered, and the turn's end is logged", async (stage) => {
	const { ann, answer } = await asked(stage, "!perm 4");

	for (let n = 1; n <= 4; n++)
		await reply(ann, await ann.event("permission.request", ({ toolCall }) => toolCall.title === `Do thing ${n}`), "once");
	assert.equal((await answer).stopReason, "end_turn");
	await ann.turn("p", "done");
	assert.deepEqual(chosen(ann), ["yes", "yes", "yes", "yes"]);
});

test("[S40] a request expires when its agent dies: everybody hears it, and an answer comes too late", async (stage) => {
	const sandbox = await stage.sandbox();

	await sandbox.start();
	const troupe = await stage.troupe({ sandbox: sandbox.url });
	const ann = stage.join(troupe, "w", { userId: "ann" });
	const answer = failureOf(ann.conn.prompt({ userId: "ann", text: "!perm", promptId: "p" }));
	const request = await ann.event("permission.request");

	await sandbox.stop("SIGKILL");
	await sandbox.start();
	await answer;
	const { reply: said, by, reason } = await ann.event("permission.resolved");

	assert.deepEqual({ said, by, reason }, { said: "expired", by: null, reason: "agent_gone" });
	assert.equal(codeOf(await failureOf(reply(ann, request, "once"))), "permission.expired");
});

test("who comes without since, or over plain HTTP, can list what waits, also after kill -9", async (stage) => {
	const { troupe, ann, answer, request } = await asked(stage);
	const { seq, sessionId, ...listed } = request;
	const late = stage.listen((options) => stage.client(troupe).workspace.getOrCreate(["w"], options), [], { params: { userId: "cyn" } });

	assert.ok(seq > 0 && sessionId === "default");
	assert.deepEqual(await late.conn.getPendingPermissions(), { permissions: [listed], more: false });
	await troupe.crash();
	assert.deepEqual(await stage.client(troupe).workspace.getOrCreate(["w"]).getPendingPermissions(),
		{ permissions: [listed], more: false });
	await reply(late, request, "once", "cyn");
	assert.deepEqual(await late.conn.getPendingPermissions(), { permissions: [], more: false });
	await ann.turn("p", "done");
	await answer.catch(() => {});
});

test("[S41] three requests at once are answered in any order", async (stage) => {
	const { ann, bob, answer } = await asked(stage, "!perm 3 concurrent");
	const requestOf = (n) => ann.event("permission.request", ({ toolCall }) => toolCall.title === `Do thing ${n}`);

	await reply(bob, await requestOf(3), "reject", "bob");
	await reply(ann, await requestOf(1), "always", "ann");
	await reply(bob, await requestOf(2), "once", "bob");
	assert.equal((await answer).stopReason, "end_turn");
	await ann.turn("p", "done");
	assert.deepEqual(chosen(ann), ["no", "ever", "yes"]);
});

test("[S39] an answer that the agent does not offer is an error, and the request stays open", async (stage) => {
	const { ann, answer, request } = await asked(stage, "!perm-always");

	assert.deepEqual(request.availableReplies, ["always", "reject"]);
	assert.equal(codeOf(await failureOf(reply(ann, request, "once"))), "permission.reply_not_offered");
	assert.equal((await ann.conn.getPendingPermissions()).permissions.length, 1);
	await reply(ann, request, "always");
	assert.equal((await answer).stopReason, "end_turn");
	assert.deepEqual(chosen(ann), ["ever"]);
});

test("what nobody answers in time is rejected, also when the server was killed meanwhile", async (stage) => {
	const { troupe, ann, request } = await asked(stage, "!perm", { input: { permissionMs: 2500 } });

	assert.equal(request.expiresAt - request.createdAt, 2500);
	await troupe.crash();
	const { reply: said, by, reason } = await ann.event("permission.resolved");

	assert.deepEqual({ said, by, reason }, { said: "reject", by: null, reason: "timeout" });
	await ann.turn("p", "done");
	assert.deepEqual(chosen(ann), ["no"]);
	assert.equal(codeOf(await failureOf(reply(ann, request, "once"))), "permission.already_resolved");
});

test("kinds of tools that the server allows are answered once by themselves, and everybody sees it", async (stage) => {
	const { ann, answer, request } = await asked(stage, "!perm", { args: ["--auto-approve", "read,execute"] });

	assert.equal((await answer).stopReason, "end_turn");
	const { permissionId, reply: said, by, reason } = await ann.event("permission.resolved");

	assert.deepEqual({ permissionId, said, by, reason }, { permissionId: request.permissionId, said: "once", by: null, reason: "policy" });
	await ann.turn("p", "done");
	assert.deepEqual(chosen(ann), ["yes"]);
});

test("a workspace with a policy or a time that makes no sense is refused with the reason", async (stage) => {
	const { workspace } = stage.client(await stage.troupe({ sandbox: "local" }));

	for (const [key, input, reason] of [["a", { autoApprove: "everything" }, /autoApprove/], ["b", { permissionMs: -1 }, /permissionMs/]]) {
		const error = await failureOf(workspace.getOrCreate([key], { createWithInput: input }).getSessionInfo());

		assert.match(error.message, reason);
	}
});
