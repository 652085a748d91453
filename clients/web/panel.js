// SPDX-License-Identifier: Apache-2.0
/* Who is here, what the agent is doing, and how things stand: the side panel and the head of the page. */

import { avatar, byId, el, icon, setText } from "./dom.js";

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

	byId("people").replaceChildren(...people.map((user) => person(user, user.userId === me)));
	byId("faces").replaceChildren(...faces, unseen ? el("span", { class: "avatar more" }, `+${unseen}`) : "");
	byId("room").classList.toggle("stale", isStale);
	setText(byId("people-count"), isStale ? "" : String(people.length));
	setText(byId("panel-open-text"), `People and agent, ${people.length} here`);
}

function person({ userId, role }, isMe) {
	const watches = role === "observer";

	return el("li", { "data-user": userId, "data-role": role }, avatar(userId), el("span", { class: "name" }, userId),
		isMe && el("span", { class: "muted" }, "(you)"),
		watches && el("span", { class: "role muted", title: "Watches only" }, icon("eye"), "watching"));
}

/** "Ann and Bob are writing…" */
export function typingText(users) {
	if (users.length === 0)
		return "";
	if (users.length === 1)
		return `${users[0]} is writing…`;
	return users.length === 2 ? `${users[0]} and ${users[1]} are writing…` : `${users.length} people are writing…`;
}

export function drawConnection(status, { retryInMs } = {}) {
	const pill = byId("connection");

	pill.dataset.state = status;
	setText(byId("connection-text"), CONNECTION[status]);
	pill.title = retryInMs ? `The next attempt comes in ${(retryInMs / 1000).toFixed(1)} s` : "";
}

export function drawAgent({ info, sandbox, usage, running, queued }) {
	const state = sandbox?.state ?? "none";
	const work = running ? "working" : "idle";

	setText(byId("agent-name"), info?.agent ?? "Agent");
	setText(byId("agent-work"), queued ? `${work}, ${queued} queued` : work);
	byId("agent-work").dataset.state = work;
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

/* ------------------------------------------------------------------ what may be chosen */

let drawn = null; /* a menu that is open must not be replaced under the pointer */

/** mode, model and the agent's other options. choose(action, input) gives a promise. */
export function drawChoosers(config, mayAct, choose) {
	if (drawn?.config === config && drawn.mayAct === mayAct)
		return;
	drawn = { config, mayAct };
	byId("choosers").replaceChildren(...choices(config).map((choice) => chooser(choice, mayAct, choose)));
	setText(byId("choosers-error"), "");
}

/* An agent that has modes may show them as an option as well: once is enough. */
function choices({ modes, options }) {
	const known = options.filter((o) => typeof o?.id === "string" && !(modes && o.category === "mode"));

	return [
		...(Array.isArray(modes?.availableModes) ? [modeChoice(modes)] : []),
		...known.map(optionChoice),
	];
}

function modeChoice({ currentModeId, availableModes }) {
	return {
		id: "mode",
		name: "Mode",
		current: currentModeId,
		groups: [{ values: availableModes.map((m) => ({ value: m?.id, name: m?.name, description: m?.description })) }],
		action: "setMode",
		input: (modeId) => ({ modeId }),
	};
}

function optionChoice({ id, name, description, type, currentValue, options }) {
	const offered = type === "boolean"
		? [{ value: true, name: "on" }, { value: false, name: "off" }]
		: Array.isArray(options) ? options : [];
	const grouped = offered.filter((o) => Array.isArray(o?.options)).map((g) => ({ name: g.name, values: g.options }));

	return {
		id,
		name: name ?? id,
		description,
		current: currentValue,
		groups: grouped.length ? grouped : [{ values: offered }],
		action: "setConfigOption",
		input: (value) => ({ configId: id, value }),
	};
}

function chooser(choice, mayAct, choose) {
	const values = choice.groups.flatMap((g) => g.values);
	const menu = el("select", {
		"data-testid": `choose-${choice.id}`,
		title: choice.description,
		disabled: !mayAct,
		onchange: () => set(menu, choice, values[menu.selectedIndex].value, choose),
	}, ...choice.groups.map((group) => group.name
		? el("optgroup", { label: group.name }, ...group.values.map(menuOption))
		: group.values.map(menuOption)).flat());

	menu.selectedIndex = values.findIndex((v) => v?.value === choice.current);
	return el("label", {}, el("span", {}, String(choice.name)), menu);
}

function menuOption(v) {
	return el("option", { title: v?.description }, String(v?.name ?? v?.value));
}

/* The log tells what was set, to everybody. */
async function set(menu, choice, value, choose) {
	menu.disabled = true;
	setText(byId("choosers-error"), "");
	try {
		await choose(choice.action, choice.input(value));
	} catch (error) {
		setText(byId("choosers-error"), error.message);
		menu.selectedIndex = choice.groups.flatMap((g) => g.values).findIndex((v) => v?.value === choice.current);
	}
	menu.disabled = false;
}
