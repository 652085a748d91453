// SPDX-License-Identifier: Apache-2.0
/* Is the log of a session what its agents said? The scripted agent keeps every line that it prints (AGENT_WROTE); the server
 * numbers them as it reads them; so line n of a process is message n of its stream, and the log must have each, in that order and
 * once, or a gap that names it. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";

/* Reasons for which an instance is left behind with what it may still say. */
const LEFT_BEHIND = ["delivery_unknown", "agent_unresponsive", "sandbox_lost"];

const parsed = (text) => {
	try {
		return { value: JSON.parse(text) };
	} catch {
		return null;
	}
};
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/* As it stands in the log, if the adapter takes it for JSON, which it does not for half characters, 1e999 and deep nesting. */
function logged(line) {
	const json = parsed(line);

	if (!json)
		return null;
	return isObject(json.value) ? json.value : { jsonrpc: "2.0", method: "_troupe/odd", params: { value: json.value } };
}

/** What the agents wrote, one list of [{ n, line, payload, replay }] for each, in the order of their starts. */
export function agentsOf(folder) {
	return readdirSync(folder).sort().map((file) => {
		const lines = readFileSync(path.join(folder, file), "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line));

		return lines.filter(([line]) => line.trim()).map(([line, replay], i) => ({ n: i + 1, line, payload: logged(line), replay }));
	});
}

/* Ours to an agent begin with the connection's id. */
const connectionOf = (lines) => /^(.{36})-1$/.exec(lines.find(({ payload }) => typeof payload?.id === "string")?.payload.id)?.[1];

/* Answers to initialize and authenticate belong to no session; what a load repeats is in the log already. */
function expected(lines, asked) {
	const ours = (payload) => typeof payload?.id === "string" && payload.method === undefined && /^.{36}-\d+$/.test(payload.id);

	return lines.filter(({ payload, replay }) => !replay && !(ours(payload) && !asked.has(payload.id)));
}

function assertIs(payload, { n, line, payload: wanted }, connection) {
	if (payload.method === "_adapter/invalid_stdout")
		assert.equal(payload.params.raw, line, `message ${n} of ${connection}`);
	else
		assert.deepEqual(payload, wanted, `message ${n} of ${connection}`);
}

/* Messages that are no line of the agent's. */
const fromElsewhere = ({ synthetic, payload }) =>
	(synthetic && payload.method !== "_troupe/odd") || payload.method === "_adapter/agent_exited";

/** Of one instance: its events against its agent's lines. Gives how many lines the log says are lost. */
function assertInstance(events, lines, connection) {
	let at = 0, lost = 0, missed = 0, open = false; /* the log says itself that there may be more */

	for (const event of events) {
		const { method, params, error } = event.payload;

		if (method === "_troupe/gap" && params.lost !== null) {
			const skipped = lines.slice(at).filter(({ n }) => n <= params.to);

			assert.ok(params.from <= (lines[at]?.n ?? Infinity), `a gap from ${params.from} after message ${lines[at - 1]?.n}`);
			assert.equal(params.lost, params.to - params.from + 1);
			at += skipped.length;
			lost += params.lost;
		} else if (method === "_troupe/gap" || LEFT_BEHIND.includes(error?.data?.reason)) {
			open = true;
		} else if (!fromElsewhere(event)) {
			if (open) { /* behind a gap whose end nobody knows: the response, say, whose POST was sooner than the stream */
				const passed = Math.max(0, lines.slice(at).findIndex(({ payload }) => isDeepStrictEqual(payload, event.payload)));

				at += passed;
				missed += passed;
			}
			assert.ok(lines[at], `${connection} has an event that its agent did not write: ${JSON.stringify(event.payload)}`);
			assertIs(event.payload, lines[at++], connection);
		}
	}
	return { missing: lines.length - at + missed, open, lost };
}

/** log: the session's events, as published. Gives { lost, missing, instances }: what gaps name, and how much of what agents wrote
 * the log does not have, which only instances may leave of which the log says so, and the newest, which may still be talking. */
export function assertFaithful(log, folder, { complete = true } = {}) {
	const asked = new Set(log.filter(({ sender }) => sender === "client").map(({ payload }) => payload.id));
	const agents = agentsOf(folder).map((lines) => ({ connection: connectionOf(lines), lines }));
	const connections = [...new Set(log.map(({ connectionId }) => connectionId))];
	const sums = { lost: 0, missing: 0, instances: connections.length };

	assert.deepEqual(log.map(({ eventIndex }) => eventIndex), log.map((_, i) => i + 1), "events are numbered without holes");
	assert.equal(new Set(log.map(({ id }) => id)).size, log.length, "and no two are one");
	for (const connection of connections) {
		const said = log.filter(({ connectionId, sender }) => connectionId === connection && sender === "agent");
		const lines = expected(agents.find((agent) => agent.connection === connection)?.lines ?? [], asked);
		const { missing, open, lost } = assertInstance(said, lines, connection);

		if (!open && (complete || connection !== connections.at(-1)))
			assert.equal(missing, 0, `${connection} has not the last ${missing} messages of its agent`);
		sums.lost += lost;
		sums.missing += missing;
	}
	return sums;
}

/** Each prompt that was sent got one end, of the agent's or of ours. */
export function assertEveryPromptEnds(log) {
	const ids = log.filter(({ payload, sender }) => sender === "client" && payload.method === "session/prompt").map(({ payload }) => payload.id);

	for (const id of ids) {
		const ends = log.filter(({ sender, payload }) => sender === "agent" && payload.id === id && payload.method === undefined);

		assert.equal(ends.length, 1, `prompt ${id} has ${ends.length} ends: ${JSON.stringify(ends.map(({ payload }) => payload))}`);
	}
	return ids.length;
}
