// SPDX-License-Identifier: Apache-2.0
/* Who is here, what the agent is doing, and how things stand: the side panel and the head of the page. */

import { avatar, byId, el, setText } from "./dom.js";

const AVATARS_SHOWN = 4;

const CONNECTION = {
	connecting: "Connecting…",
	connected: "Connected",
	reconnecting: "Reconnecting…",
	refused: "Refused",
	closed: "Left",
};

const SANDBOX = {
	__proto__: null,
	none: "not started",
	connecting: "connecting",
	creating: "being created",
	starting: "starting",
	ready: "ready",
	unreachable: "unreachable",
	unhealthy: "does not answer",
	paused: "paused",
	lost: "lost",
	destroyed: "destroyed",
};

/** isStale: the connection is gone, and nobody knows who left meanwhile. */
export function drawPeople(users, me, isStale) {
	const people = users.filter((u) => typeof u?.userId === "string");

	const faces = people.slice(0, AVATARS_SHOWN).map(({ userId }) => avatar(userId));
	const unseen = people.length - faces.length;

	byId("people").replaceChildren(...people.map(({ userId }) => person(userId, userId === me)));
	byId("faces").replaceChildren(...faces, unseen ? el("span", { class: "avatar more" }, `+${unseen}`) : "");
	byId("room").classList.toggle("stale", isStale);
	setText(byId("people-count"), isStale ? "" : String(people.length));
	setText(byId("panel-open-text"), `People and agent, ${people.length} here`);
}

function person(userId, isMe) {
	return el("li", { "data-user": userId }, avatar(userId), el("span", { class: "name" }, userId),
		isMe && el("span", { class: "muted" }, "(you)"));
}

export function drawConnection(status, { retryInMs } = {}) {
	const pill = byId("connection");

	pill.dataset.state = status;
	setText(byId("connection-text"), CONNECTION[status]);
	pill.title = retryInMs ? `The next attempt comes in ${(retryInMs / 1000).toFixed(1)} s` : "";
}

export function drawAgent({ info, sandbox, usage, mode, running, queued }) {
	const state = sandbox?.state ?? "none";
	const work = running ? "working" : "idle";

	setText(byId("agent-name"), info?.agent ?? "Agent");
	setText(byId("agent-work"), queued ? `${work}, ${queued} queued` : work);
	byId("agent-work").dataset.state = work;
	setText(byId("agent-mode"), mode ?? "");
	byId("agent-mode-row").hidden = !mode;
	byId("sandbox").dataset.state = state;
	setText(byId("sandbox-text"), SANDBOX[state] ?? String(state));
	setText(byId("sandbox-id"), info?.sandboxId ?? "");
	drawUsage(usage);
}

function drawUsage(usage) {
	const isKnown = usage?.size > 0 && usage?.used >= 0;

	byId("usage-row").hidden = !isKnown;
	if (!isKnown)
		return;
	byId("usage").max = usage.size;
	byId("usage").value = usage.used;
	setText(byId("usage-text"), `${thousands(usage.used)} of ${thousands(usage.size)} tokens`);
}

function thousands(n) {
	return n < 1000 ? String(n) : `${(n / 1000).toFixed(n < 10_000 ? 1 : 0)}k`;
}
