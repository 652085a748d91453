// SPDX-License-Identifier: Apache-2.0
/* The page: joining, the connection, and who tells whom. What happened is in transcript.js; timeline.js draws the turns,
 * panel.js and events.js the rest.
 *
 * A visit is one join: it lasts until one leaves or joins elsewhere, over any number of connections. */

import { connect } from "./troupe.js";
import { byId, onceAFrame, setText } from "./dom.js";
import { EventList } from "./events.js";
import { drawAgent, drawChoosers, drawConnection, drawPeople, typingText } from "./panel.js";
import { Timeline } from "./timeline.js";
import { EVENT_NAMES, Transcript } from "./transcript.js";

const FRAME_BYTES = 5_536; /* of a message, for what is around a prompt */
const NAME_KEY = "troupe.name";
const WORKSPACE_KEY = "troupe.workspace";
const ROLE_KEY = "troupe.role";
const TYPING_MS = 3_000; /* how often one says that one still writes */

const timeline = new Timeline({
	root: byId("scroll"),
	list: byId("messages"),
	earlier: byId("earlier"),
	toBottom: byId("to-bottom"),
});
const events = new EventList({
	list: byId("raw-events"),
	count: byId("events-count"),
	filter: byId("events-filter"),
});

let visit = null;
let promptBytesMax = 60_000; /* until the server says how large a message may be */

/* ------------------------------------------------------------------ a visit */

class Visit {
	transcript = new Transcript();
	#room;
	#detail = {}; /* of the room's status */
	#unread = 0;
	#typedAt = 0; /* when that was last said; 0: not */
	#draw = onceAFrame(() => visit === this && this.#drawNow());

	constructor(userId, workspace, role) {
		this.userId = userId;
		this.workspace = workspace;
		this.role = role;
		this.#room = connect({
			actor: "workspace",
			key: workspace,
			params: { userId, role },
			token: token(),
			since: 0,
			infoAction: "getSessionInfo",
			onReset: () => this.#startOver(),
		});
		for (const name of EVENT_NAMES)
			this.#room.on(name, (data) => this.#onEvent(name, data));
		this.#room.onStatus((status, detail) => this.#onStatus(status, detail));
		this.#startOver();
		this.#onStatus("connecting", {});
	}

	leave() {
		this.#room.close();
		document.title = "Troupe";
	}

	/* The log's beginning: at first, and when the server's data are new. */
	#startOver() {
		this.transcript = new Transcript();
		events.clear();
		timeline.show({
			transcript: this.transcript,
			me: this.userId,
			mayAct: () => this.mayAct,
			agent: () => this.#room.info?.agent ?? "Agent",
			reply: (permissionId, reply) => this.#do("respondPermission", { permissionId, reply }),
			cancel: (promptId) => this.#do("cancel", { promptId }),
			restart: () => this.#do("restartAgent", {}),
			again: (promptId) => this.#sendAgain(promptId),
			discard: (promptId) => this.#discard(promptId),
		});
		this.#draw();
	}

	/* ---------------------------------------------------------- what comes */

	/* True while history is told: none of it is news. */
	get #isCatchingUp() {
		return this.#room.seq < this.#room.info?.seq;
	}

	#onEvent(name, data) {
		const turn = this.transcript.apply(name, data);

		events.add(name, data);
		if (name === "presence")
			this.#learnRole();
		if (turn)
			timeline.changed(this.#isCatchingUp);
		if (name !== "session.event" || !turn)
			this.#draw(this.#isCatchingUp);
		if (!this.#isCatchingUp)
			this.#announce(name, data);
	}

	/* The token may say that one only watches, whatever one has asked for. */
	#learnRole() {
		const me = this.transcript.people.find((u) => u?.userId === this.userId);

		if (me?.role === "observer" && this.mayAct) {
			this.role = "observer";
			drawRole(this.mayAct);
		}
	}

	/* For those who listen to the page: what people say and what became of it, not every word that streams. */
	#announce(name, data) {
		if (name === "chat.user" && data.userId !== this.userId)
			this.#say(`${data.userId} says: ${data.text}`);
		else if (name === "permission.request")
			this.#say("The agent asks for permission.");
		else if (name === "turn.state" && data.state === "done")
			this.#say("The agent has answered.");
		else if (name === "turn.state" && data.state === "failed")
			this.#say("The agent's turn failed.");
	}

	#say(text) {
		byId("announcer").textContent = text;
		if (document.hidden)
			this.#unread++;
		this.drawTitle();
	}

	#onStatus(status, detail) {
		this.#detail = detail;
		drawConnection(status, detail);
		this.#draw();
	}

	/* ---------------------------------------------------------- what goes */

	get mayAct() {
		return this.role !== "observer";
	}

	#do(action, input) {
		return this.#room.call(action, { ...input, userId: this.userId });
	}

	send(text) {
		const promptId = newId();

		this.transcript.send(promptId, this.userId, text);
		this.tellTyping(false);
		timeline.scrollToBottom();
		this.#draw();
		this.#deliver({ userId: this.userId, text, promptId });
	}

	/* The same id twice is the same prompt, so one that was cut off may simply be sent again. */
	async #deliver(prompt) {
		try {
			await this.#room.call("prompt", prompt);
		} catch (error) {
			if (error.code === "connection_lost")
				return this.#deliver(prompt);
			if (error.code !== "closed")
				this.transcript.reject(prompt.promptId, error);
			timeline.changed();
		}
	}

	#sendAgain(promptId) {
		const { user } = this.transcript.pending.find((t) => t.promptId === promptId);

		this.transcript.sendAgain(promptId);
		timeline.changed();
		this.#deliver({ userId: this.userId, text: user.text, promptId });
	}

	#discard(promptId) {
		this.transcript.discard(promptId);
		timeline.changed();
		this.#draw();
	}

	tryNow() {
		this.#room.reconnect();
	}

	/* What came of it is told by sandbox.state; what was refused, here. */
	async renewSandbox(button) {
		button.disabled = true;
		try {
			await this.#do("renewSandbox", {});
		} catch (error) {
			setText(byId("banner-text"), error.message);
		}
		button.disabled = false;
	}

	/* Said now and then while one writes; nobody must hear of it, so it never waits for a connection. */
	tellTyping(typing) {
		const now = Date.now();
		const isNews = typing ? now - this.#typedAt >= TYPING_MS : this.#typedAt > 0;

		if (!isNews || this.#room.status !== "connected")
			return;
		this.#typedAt = typing ? now : 0;
		this.#do("typing", { typing }).catch(() => {});
	}

	/* ---------------------------------------------------------- drawing */

	/* All that is small and not a turn. */
	#drawNow() {
		const { people, sandbox, usage, config, typing, running, queued, turns, pending } = this.transcript;
		const isConnected = this.#room.status === "connected";

		drawPeople(people, this.userId, !isConnected);
		drawAgent({ info: this.#room.info, sandbox, usage, running, queued });
		drawChoosers(config, this.mayAct && isConnected, (action, input) => this.#do(action, input));
		setText(byId("typing"), isConnected ? typingText(typing.filter((userId) => userId !== this.userId)) : "");
		drawBanner(this.#room.status, this.#detail, sandbox, this.mayAct);
		byId("empty").hidden = turns.length + pending.length > 0 || !isConnected || this.#isCatchingUp;
		this.drawTitle();
	}

	drawTitle() {
		if (!document.hidden)
			this.#unread = 0;
		document.title = `${this.#unread ? `(${this.#unread}) ` : ""}${this.workspace} · Troupe`;
	}
}

function drawRole(mayAct) {
	byId("composer").hidden = !mayAct;
	byId("watching").hidden = mayAct;
}

/* What its button does: the next attempt at once, or another sandbox in the place of a lost one. */
function drawBanner(status, { error, retryInMs }, sandbox, mayAct) {
	const text = trouble(status, error, sandbox);
	const isLost = status === "connected" && sandbox?.state === "lost" && mayAct;

	byId("banner").hidden = !text;
	byId("banner").dataset.state = status;
	byId("banner-button").hidden = !retryInMs && !isLost;
	byId("banner-button").dataset.does = isLost ? "renew" : "retry";
	setText(byId("banner-button"), isLost ? "Make a new one" : "Try now");
	setText(byId("banner-text"), text);
}

/* What keeps people from working here, if something does. */
function trouble(status, error, sandbox) {
	if (status === "reconnecting")
		return "The connection is lost. What you send now goes out when it is back.";
	if (status === "refused" && error.group === "auth")
		return `The server refused the connection: ${error.message} Open this page with #token=… behind its address.`;
	if (status === "refused")
		return `The server refused the connection: ${error.message}`;
	if (sandbox?.state === "unhealthy")
		return `The sandbox does not answer. ${sandbox.error?.message ?? ""}`;
	if (sandbox?.state === "lost")
		return `The sandbox is lost. ${sandbox.error?.message ?? ""}`;
	return "";
}

/* crypto.randomUUID is for secure pages only; a workspace on the local network is none. */
function newId() {
	const bytes = crypto.getRandomValues(new Uint8Array(16));

	return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/* ------------------------------------------------------------------ joining and leaving */

function join(userId, workspace, role) {
	localStorage.setItem(NAME_KEY, userId);
	localStorage.setItem(WORKSPACE_KEY, workspace);
	localStorage.setItem(ROLE_KEY, role);
	visit?.leave();
	byId("join").hidden = true;
	byId("room").hidden = false;
	setText(byId("workspace-name"), workspace);
	visit = new Visit(userId, workspace, role);
	drawRole(visit.mayAct);
	byId(visit.mayAct ? "message-input" : "scroll").focus();
}

function leave() {
	visit?.leave();
	visit = null;
	showDrawer(false);
	showPanel(false);
	byId("room").hidden = true;
	showJoin();
}

function showJoin() {
	const { name, workspace, role } = remembered();

	byId("join").hidden = false;
	byId("name-input").value = name;
	byId("watch-input").checked = role === "observer";
	byId("workspace-input").value = workspace || localStorage.getItem(WORKSPACE_KEY) || "";
	byId(name ? "workspace-input" : "name-input").focus();
}

/* A server that asks for a token is reached by a link with #token=…, which browsers keep to themselves. */
function token() {
	return new URLSearchParams(location.hash.slice(1)).get("token") ?? undefined;
}

function addressOf(workspace) {
	return `${location.pathname}?workspace=${encodeURIComponent(workspace)}${location.hash}`;
}

function remembered() {
	return {
		name: localStorage.getItem(NAME_KEY) ?? "",
		workspace: new URLSearchParams(location.search).get("workspace") ?? "",
		role: localStorage.getItem(ROLE_KEY) === "observer" ? "observer" : "controller",
	};
}

function joinProblem(name, workspace) {
	if (!name)
		return ["name-input", "Please give a name that the others will see."];
	if (!workspace)
		return ["workspace-input", "Please name a workspace."];
	if (workspace.includes(","))
		return ["workspace-input", "A workspace's name may hold no comma."];
	return null;
}

function onJoin(event) {
	const name = byId("name-input").value.trim();
	const workspace = byId("workspace-input").value.trim();
	const problem = joinProblem(name, workspace);

	event.preventDefault();
	setText(byId("join-error"), problem?.[1] ?? "");
	for (const id of ["name-input", "workspace-input"])
		byId(id).setAttribute("aria-invalid", String(problem?.[0] === id));
	if (problem) {
		byId(problem[0]).focus();
		return;
	}
	history.pushState(null, "", addressOf(workspace));
	join(name, workspace, byId("watch-input").checked ? "observer" : "controller");
}

/* The address decides: a reload or "back" brings what it names, a link from a friend asks for a name first. */
function followAddress() {
	const { name, workspace, role } = remembered();

	if (name && !joinProblem(name, workspace))
		join(name, workspace, role);
	else
		leave();
}

/* ------------------------------------------------------------------ writing */

function onSend(event) {
	const input = byId("message-input");
	const text = input.value.trim();

	event.preventDefault();
	input.focus();
	if (!text || isTooLong(text))
		return;
	input.value = "";
	fitInput();
	visit.send(text);
}

function isTooLong(text) {
	const bytes = new TextEncoder().encode(JSON.stringify(text)).length;
	const isLong = bytes > promptBytesMax;

	byId("composer").classList.toggle("too-long", isLong);
	setText(byId("composer-hint"), isLong
		? `This is too long to send: ${bytes} bytes, and ${promptBytesMax} are the limit.`
		: "Enter sends, Shift+Enter begins a new line.");
	return isLong;
}

async function learnLimits() {
	const { messageSize } = await (await fetch("/metadata")).json();

	promptBytesMax = messageSize - FRAME_BYTES;
}

/* Enter that ends a composition (Japanese, Chinese, ...) is not ours. */
function onKey(event) {
	if (event.key !== "Enter" || event.shiftKey || event.isComposing)
		return;
	event.preventDefault();
	byId("composer").requestSubmit();
}

function onInput() {
	fitInput();
	visit.tellTyping(byId("message-input").value.trim() !== "");
}

/* As tall as its text; style.css says how tall at most. */
function fitInput() {
	const input = byId("message-input");

	input.style.height = "auto";
	input.style.height = `${input.scrollHeight}px`;
	if (byId("composer").classList.contains("too-long"))
		isTooLong(input.value);
}

/* ------------------------------------------------------------------ drawers and buttons */

function showPanel(isOpen) {
	byId("panel").classList.toggle("open", isOpen);
	byId("panel-open").setAttribute("aria-expanded", String(isOpen));
	if (isOpen)
		byId("panel").focus();
}

function isPanelOpen() {
	return byId("panel").classList.contains("open");
}

function showDrawer(isOpen) {
	byId("events").hidden = !isOpen;
	byId("room").classList.toggle("with-events", isOpen);
	byId("events-button").setAttribute("aria-expanded", String(isOpen));
	events.setOpen(isOpen);
	if (isOpen)
		byId("events").focus();
}

function closeDrawers() {
	const openers = [!byId("events").hidden && "events-button", isPanelOpen() && "panel-open"].filter(Boolean);

	if (!openers.length)
		return;
	showDrawer(false);
	showPanel(false);
	byId(openers[0]).focus();
}

/* The clipboard is for secure pages only; elsewhere the link is shown, selected, to be copied by hand. */
async function share() {
	const link = `${location.origin}${addressOf(visit.workspace)}`;

	try {
		await navigator.clipboard.writeText(link);
	} catch {
		prompt("The link to this workspace:", link);
		return;
	}
	byId("announcer").textContent = "The link is copied.";
	setText(byId("share-text"), "Copied");
	byId("share-button").classList.add("done");
	setTimeout(() => {
		setText(byId("share-text"), "Share");
		byId("share-button").classList.remove("done");
	}, 2_000);
}

byId("join-form").addEventListener("submit", onJoin);
byId("composer").addEventListener("submit", onSend);
byId("message-input").addEventListener("keydown", onKey);
byId("message-input").addEventListener("input", onInput);
byId("message-input").addEventListener("blur", () => visit?.tellTyping(false));
byId("share-button").addEventListener("click", share);
byId("events-button").addEventListener("click", () => showDrawer(byId("events").hidden));
byId("panel-open").addEventListener("click", () => showPanel(!isPanelOpen()));
byId("banner-button").addEventListener("click", (event) =>
	event.currentTarget.dataset.does === "renew" ? visit.renewSandbox(event.currentTarget) : visit.tryNow());
byId("leave-button").addEventListener("click", () => {
	history.pushState(null, "", `${location.pathname}${location.hash}`);
	leave();
});
for (const button of document.querySelectorAll("[data-close]"))
	button.addEventListener("click", closeDrawers);
document.addEventListener("keydown", (event) => event.key === "Escape" && closeDrawers());
document.addEventListener("visibilitychange", () => visit?.drawTitle());
window.addEventListener("popstate", followAddress);
learnLimits().catch(() => {}); /* a server that is away is told of elsewhere */
followAddress();
