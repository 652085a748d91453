// SPDX-License-Identifier: Apache-2.0
/* What clients/web/transcript.js makes of the events of a workspace, one claim a test. */

import { test } from "node:test";
import assert from "node:assert/strict";
import { Transcript } from "../../clients/web/transcript.js";

function said(t, promptId, text, userId = "ann") {
	t.apply("chat.user", { userId, text, createdAt: 1, promptId });
	t.apply("turn.state", { promptId, state: "queued" });
}

function state(t, promptId, name, more) {
	t.apply("turn.state", { promptId, state: name, ...more });
}

function update(t, sessionUpdate, fields) {
	const params = { sessionId: "s", update: { sessionUpdate, ...fields } };

	return t.apply("session.event", { sender: "agent", payload: { method: "session/update", params } });
}

function chunk(t, text, kind = "agent_message_chunk", more = {}) {
	return update(t, kind, { content: { type: "text", text }, ...more });
}

function running(promptId = "p1") {
	const t = new Transcript();

	said(t, promptId, "hi");
	state(t, promptId, "running");
	return t;
}

const partsOf = (turn) => turn.parts.map((p) => [p.kind, p.text]);

test("chunks of a message become one text, and a tool call between two parts them", () => {
	const t = running();

	["I ", "will ", "look."].forEach((text) => chunk(t, text));
	update(t, "tool_call", { toolCallId: "c", title: "Read", kind: "read" });
	chunk(t, "Done.");
	assert.deepEqual(partsOf(t.turns[0]), [["text", "I will look."], ["tool", undefined], ["text", "Done."]]);
});

test("thoughts are kept apart from what is said, and so are messages with ids of their own", () => {
	const t = running();

	chunk(t, "hm", "agent_thought_chunk");
	chunk(t, "a", "agent_message_chunk", { messageId: "1" });
	chunk(t, "b", "agent_message_chunk", { messageId: "1" });
	chunk(t, "c", "agent_message_chunk", { messageId: "2" });
	assert.deepEqual(partsOf(t.turns[0]), [["thought", "hm"], ["text", "ab"], ["text", "c"]]);
});

test("the agent's words go to the turn that runs, though others were queued meanwhile", () => {
	const t = running("p1");

	said(t, "p2", "and then?", "bob");
	chunk(t, "first");
	assert.equal(t.queued, 1);
	state(t, "p1", "done", { stopReason: "end_turn" });
	chunk(t, " and late");
	state(t, "p2", "running");
	chunk(t, "second");
	assert.deepEqual(t.turns.map(partsOf), [[["text", "first and late"]], [["text", "second"]]]);
	assert.equal(t.running, t.turns[1]);
});

test("words before any prompt have a turn of their own", () => {
	const t = new Transcript();

	chunk(t, "hello");
	said(t, "p1", "hi");
	assert.deepEqual(t.turns.map((turn) => turn.user?.text ?? null), [null, "hi"]);
});

test("a tool's updates change only what they name", () => {
	const t = running();

	update(t, "tool_call", { toolCallId: "c", title: "Read a", rawInput: { path: "a" }, status: "pending" });
	update(t, "tool_call_update", { toolCallId: "c", status: "completed", title: null });
	update(t, "tool_call_update", { toolCallId: "never seen", status: "failed" });
	const [tool, other] = t.turns[0].parts;
	assert.deepEqual([tool.title, tool.status, tool.rawInput], ["Read a", "completed", { path: "a" }]);
	assert.deepEqual([other.toolCallId, other.status], ["never seen", "failed"]);
});

test("a tool cannot overwrite what is ours", () => {
	const t = running();

	update(t, "tool_call", { toolCallId: "c", version: "x", kind: "permission", resolved: {} });
	assert.deepEqual(t.turns[0].parts[0], { kind: "tool", toolCallId: "c", status: "pending", version: 1 });
});

test("a plan is replaced where it stands", () => {
	const t = running();

	update(t, "plan", { entries: [{ content: "a", status: "pending" }] });
	chunk(t, "x");
	update(t, "plan", { entries: [{ content: "a", status: "completed" }] });
	assert.deepEqual(t.turns[0].parts.map((p) => p.kind), ["plan", "text"]);
	assert.equal(t.turns[0].parts[0].entries[0].status, "completed");
});

test("a permission shows who decided", () => {
	const t = running();
	const request = { permissionId: "q", toolCall: { title: "Run" }, options: [], availableReplies: ["once"] };

	t.apply("permission.request", request);
	const [part] = t.turns[0].parts;
	assert.equal(part.resolved, null);
	t.apply("permission.resolved", { permissionId: "q", reply: "once", by: "bob" });
	assert.deepEqual(part.resolved, { reply: "once", by: "bob", reason: "" });
	assert.equal(t.apply("permission.resolved", { permissionId: "unknown", reply: "once" }), null);
});

test("a turn that failed keeps the reason", () => {
	const t = running();

	state(t, "p1", "failed", { error: { group: "agent", code: "exited", message: "gone" } });
	assert.equal(t.turns[0].error.message, "gone");
	assert.equal(t.running, null);
});

test("our prompt is shown at once, and becomes the log's when the log has it", () => {
	const t = new Transcript();
	const turn = t.send("mine", "ann", "hi");

	said(t, "other", "before", "bob");
	assert.deepEqual([t.turns.length, t.pending.length], [1, 1]);
	said(t, "mine", "hi");
	assert.deepEqual([t.turns.length, t.pending.length], [2, 0]);
	assert.equal(t.turns[1], turn);
	assert.equal(turn.state, "queued");
});

test("a prompt that was not taken says why, may be sent again, or discarded", () => {
	const t = new Transcript();
	const turn = t.send("mine", "ann", "hi");

	t.reject("mine", { message: "too large" });
	assert.deepEqual([turn.state, turn.error.message], ["failed", "too large"]);
	t.sendAgain("mine");
	assert.deepEqual([turn.state, turn.error], ["sending", null]);
	t.discard("mine");
	assert.equal(t.pending.length, 0);
});

test("what the log says goes before a late refusal of the call", () => {
	const t = new Transcript();

	t.send("mine", "ann", "hi");
	said(t, "mine", "hi");
	t.reject("mine", { message: "the call timed out" });
	assert.equal(t.turns[0].state, "queued");
});

test("each change can be seen by its version", () => {
	const t = running();
	const [turn] = t.turns;
	let before = turn.version;

	for (const change of [() => chunk(t, "a"), () => chunk(t, "b"), () => state(t, "p1", "done")]) {
		change();
		assert.ok(turn.version > before);
		before = turn.version;
	}
});

test("a turn that is being stopped runs until the agent has ended it", () => {
	const t = running();
	const [turn] = t.turns;

	for (const phase of ["cancelling", "agent_unresponsive"]) {
		state(t, "p1", phase, { stalled: false, by: "bob" });
		assert.deepEqual([t.running, turn.state, turn.phase, turn.by], [turn, "running", phase, "bob"]);
	}
	state(t, "p1", "cancelled", { by: "bob", stopReason: "cancelled" });
	assert.deepEqual([t.running, turn.state, turn.phase, turn.by], [null, "cancelled", "", "bob"]);
});

test("a silent turn is stalled until it is heard of again", () => {
	const t = running();

	state(t, "p1", "running", { stalled: true });
	assert.equal(t.turns[0].isStalled, true);
	state(t, "p1", "running", { stalled: false });
	assert.equal(t.turns[0].isStalled, false);
});

test("what may be chosen is what was told last", () => {
	const t = new Transcript();
	const modes = { currentModeId: "a", availableModes: [] };

	t.apply("session.config", { modes, configOptions: [{ id: "model" }] });
	assert.deepEqual(t.config, { modes, options: [{ id: "model" }] });
	t.apply("session.config", { modes: null, configOptions: "rubbish" });
	assert.deepEqual(t.config, { modes: null, options: [] });
});

test("what happens in another session of the workspace is not shown", () => {
	const t = running();

	t.apply("chat.user", { sessionId: "other", userId: "bob", text: "elsewhere", promptId: "p2", createdAt: 1 });
	t.apply("session.event", { sessionId: "other", payload: { method: "_adapter/agent_exited" } });
	t.apply("session.event", { sessionId: "default", payload: { method: "_adapter/agent_exited" } });
	assert.deepEqual([t.turns.length, t.turns[0].parts.length], [1, 1]);
});

test("what befell the agent is told in its turn", () => {
	const t = running();

	for (const [method, params] of [
		["_adapter/agent_exited", { code: 3 }],
		["_troupe/gap", { lost: 4 }],
		["_troupe/restored", { how: "load" }],
		["_troupe/restored", { how: "constructor" }],
	])
		t.apply("session.event", { payload: { method, params } });
	assert.deepEqual(t.turns[0].parts.map((p) => p.text), [
		"The agent's process ended (code 3).",
		"4 messages of the agent were lost here.",
		"The agent loaded its session again.",
		"The session was restored.",
	]);
});

test("a server that died and found the agent still there leaves no trace in the text", () => {
	const t = running();

	chunk(t, "1, 2, ");
	t.apply("session.event", { payload: { method: "_troupe/restored", params: { how: "reattach" } } });
	chunk(t, "3");
	assert.deepEqual(partsOf(t.turns[0]), [["text", "1, 2, 3"]]);
});

test("rubbish changes nothing and throws nothing", () => {
	const t = running();

	for (const name of ["chat.user", "turn.state", "session.event", "permission.resolved", "no.such.event", "toString"])
		for (const data of [null, undefined, 1, "x"])
			assert.equal(t.apply(name, data), null);
	for (const payload of [null, 1, { method: "constructor" }, { method: "session/update" },
		{ method: "session/update", params: { update: null } },
		{ method: "session/update", params: { update: { sessionUpdate: "agent_message_chunk", content: null } } }])
		assert.equal(t.apply("session.event", { payload }), null);
	t.apply("presence", { users: "nobody" });
	assert.deepEqual(t.people, []);
	assert.equal(t.turns[0].parts.length, 0);
});
