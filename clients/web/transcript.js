// SPDX-License-Identifier: Apache-2.0
/* What happened in the workspace, as something to show: events in, turns out. No DOM here.
 *
 * The one idea: a turn is one prompt and all that the agent did for it, and an event's place in the log is all that tells
 * its turn: what the agent sends belongs to the prompt that ran last. Prompts that wait in the queue stand below it.
 *
 *   sending ──▶ queued ──▶ running ──▶ done | failed | cancelled
 *   (ours only: until the log has it)   parts: text, thought, tool, plan, permission, notice
 *                                       phase: "", "cancelling", "agent_unresponsive"; stalled
 *
 * Turns and parts carry a `version` that grows with each change, so that whoever shows them knows what to draw again. */

export class Transcript {
	turns = [];      /* in order; those that are only ours (not in the log yet) are in `pending` */
	pending = [];
	people = [];
	sandbox = null;  /* the last sandbox.state */
	usage = null;    /* the last usage_update */
	config = { modes: null, options: [] }; /* what may be chosen, and what is */
	typing = [];     /* who writes just now */

	#byPrompt = new Map();
	#permissions = new Map(); /* id: { turn, part } */
	#target = null;           /* the turn that ran last: the agent's words go there */
	#nextId = 1;

	/** Takes one event. Returns the turn that changed, or null. Other sessions of the workspace are not shown. */
	apply(name, data) {
		const take = EVENTS[name];

		if (!take || data === null || typeof data !== "object" || (data.sessionId ?? SESSION) !== SESSION)
			return null;
		return take.call(this, data) ?? null;
	}

	/** Our own prompt, before the log has it. */
	send(promptId, userId, text) {
		const turn = this.#newTurn(promptId, { userId, text, at: Date.now() }, "sending");

		this.pending.push(turn);
		return turn;
	}

	/** Our own prompt was not taken. Once the log has it, the log tells what becomes of it. */
	reject(promptId, error) {
		this.#changePending(promptId, { state: "failed", error });
	}

	/** Our own prompt is sent once more. */
	sendAgain(promptId) {
		this.#changePending(promptId, { state: "sending", error: null });
	}

	discard(promptId) {
		this.pending = this.pending.filter((t) => t.promptId !== promptId);
	}

	/** The turn that runs now, if one does. */
	get running() {
		return this.#target?.state === "running" ? this.#target : null;
	}

	get queued() {
		return this.turns.filter((t) => t.state === "queued").length;
	}

	/* ---------------------------------------------------------- turns */

	#newTurn(promptId, user, state) {
		return {
			id: this.#nextId++, version: 1, promptId, user, state,
			phase: "", isStalled: false, by: null, stopReason: null, error: null, parts: [],
		};
	}

	#change(turn, fields = {}) {
		turn.version++;
		return Object.assign(turn, fields);
	}

	#changePending(promptId, fields) {
		const turn = this.pending.find((t) => t.promptId === promptId);

		if (turn)
			this.#change(turn, fields);
	}

	#addTurn(turn) {
		this.turns.push(turn);
		if (turn.promptId)
			this.#byPrompt.set(turn.promptId, turn);
		return turn;
	}

	/* The agent's words without a prompt: a log that begins in the middle. */
	#agentTurn() {
		this.#target ??= this.#addTurn(this.#newTurn(null, null, null));
		return this.#target;
	}

	onUser({ promptId, userId, text, createdAt }) {
		const at = Math.abs(createdAt) <= MAX_TIME ? createdAt : null;
		const user = { userId: textOf(userId), text: textOf(text), at };
		const ours = this.pending.find((t) => t.promptId === promptId);

		if (promptId && this.#byPrompt.has(promptId))
			return null;
		if (!ours)
			return this.#addTurn(this.#newTurn(promptId, user, "queued"));
		this.discard(promptId);
		return this.#addTurn(this.#change(ours, { user, state: "queued", error: null }));
	}

	/* A turn that is being stopped runs until the agent says that it ended. */
	onTurnState({ promptId, state, stalled, by, stopReason, error }) {
		const turn = this.#byPrompt.get(promptId);
		const phase = PHASES.includes(state) ? state : "";

		if (!turn)
			return null;
		if (phase || state === "running")
			this.#target = turn;
		return this.#change(turn, {
			state: phase ? "running" : state,
			phase,
			isStalled: stalled === true,
			by: by ? textOf(by) : null,
			stopReason: stopReason ?? null,
			error: error ?? null,
		});
	}

	/* ---------------------------------------------------------- parts */

	#addPart(turn, part) {
		part.version = 1;
		turn.parts.push(part);
		this.#change(turn);
		return part;
	}

	#changePart(turn, part, fields) {
		Object.assign(part, fields);
		part.version++;
		this.#change(turn);
	}

	onSessionEvent({ payload }) {
		const { method, params } = payload ?? {};

		if (method === "session/update")
			return this.#update(params?.update ?? {});
		return this.#notice(NOTICES[method]?.(params ?? {}));
	}

	#notice(notice) {
		const turn = notice ? this.#agentTurn() : null;

		if (turn)
			this.#addPart(turn, { kind: "notice", ...notice });
		return turn;
	}

	#update(update) {
		switch (update.sessionUpdate) {
		case "agent_message_chunk":
			return this.#appendText("text", update);
		case "agent_thought_chunk":
			return this.#appendText("thought", update);
		case "tool_call":
		case "tool_call_update":
			return this.#tool(update);
		case "plan":
			return this.#plan(update);
		case "usage_update":
			this.usage = update;
			return null;
		default:
			return null;
		}
	}

	/* Chunks of one message are joined; a tool call between two, or another message id, parts them. */
	#appendText(kind, { content, messageId }) {
		const turn = this.#agentTurn();
		const last = turn.parts.at(-1);
		const text = textOfBlock(content);

		if (!text)
			return null;
		if (last?.kind === kind && (messageId === undefined || last.messageId === messageId))
			this.#changePart(turn, last, { text: last.text + text });
		else
			this.#addPart(turn, { kind, text, messageId });
		return turn;
	}

	/* An update names only what changed, and may come for a tool that we never saw begin. */
	#tool(update) {
		const turn = this.#agentTurn();
		const { toolCallId } = update;
		const known = turn.parts.findLast((p) => p.kind === "tool" && p.toolCallId === toolCallId);
		const given = TOOL_FIELDS.filter((f) => update[f] !== undefined && update[f] !== null)
			.map((f) => [f, update[f]]);
		const fields = Object.fromEntries(given);

		if (known)
			this.#changePart(turn, known, fields);
		else
			this.#addPart(turn, { kind: "tool", toolCallId, status: "pending", ...fields });
		return turn;
	}

	/* A plan comes whole each time and keeps its place. */
	#plan({ entries }) {
		const turn = this.#agentTurn();
		const known = turn.parts.find((p) => p.kind === "plan");
		const fields = { entries: Array.isArray(entries) ? entries : [] };

		if (known)
			this.#changePart(turn, known, fields);
		else
			this.#addPart(turn, { kind: "plan", ...fields });
		return turn;
	}

	onPermissionRequest({ permissionId, toolCall, options, availableReplies }) {
		const turn = this.#agentTurn();
		const part = this.#addPart(turn, {
			kind: "permission",
			permissionId,
			toolCall: toolCall ?? {},
			options: Array.isArray(options) ? options : [],
			replies: Array.isArray(availableReplies) ? availableReplies : [],
			resolved: null,
		});

		this.#permissions.set(permissionId, { turn, part });
		return turn;
	}

	/* userId: what logs of an older server have in the place of `by` */
	onPermissionResolved({ permissionId, reply, by, userId, reason }) {
		const { turn, part } = this.#permissions.get(permissionId) ?? {};

		if (!part)
			return null;
		this.#changePart(turn, part, {
			resolved: { reply: textOf(reply), by: textOf(by ?? userId), reason: textOf(reason) },
		});
		return turn;
	}
}

const SESSION = "default"; /* the one that a workspace always has */
const MAX_TIME = 8.64e15; /* of a Date */
const PHASES = ["cancelling", "agent_unresponsive"];

const TOOL_FIELDS = ["title", "status", "content", "locations", "rawInput", "rawOutput"];

const EVENTS = {
	__proto__: null,
	"chat.user": Transcript.prototype.onUser,
	"turn.state": Transcript.prototype.onTurnState,
	"session.event": Transcript.prototype.onSessionEvent,
	"permission.request": Transcript.prototype.onPermissionRequest,
	"permission.resolved": Transcript.prototype.onPermissionResolved,
	"sandbox.state"(data) {
		this.sandbox = data;
	},
	"session.config"({ modes, configOptions }) {
		this.config = { modes: modes ?? null, options: Array.isArray(configOptions) ? configOptions : [] };
	},
	"presence"({ users }) {
		this.people = Array.isArray(users) ? users : [];
	},
	"typing"({ users }) {
		this.typing = Array.isArray(users) ? users.map(textOf) : [];
	},
};

/** What the page listens to. */
export const EVENT_NAMES = Object.keys(EVENTS);

/* What befell the agent, beside its own words. */
const NOTICES = {
	__proto__: null,
	"_adapter/agent_exited": ({ code }) => ({
		level: "bad",
		text: `The agent's process ended${code === undefined || code === null ? "" : ` (code ${code})`}.`,
	}),
	"_troupe/gap": ({ lost }) => ({
		level: "bad",
		text: `${Number.isInteger(lost) ? lost : "Some"} messages of the agent were lost here.`,
	}),
	"_troupe/oversize": ({ bytes }) => ({
		level: "bad",
		text: `A message of ${bytes} bytes was too large to keep.`,
	}),
	/* reattach: the agent was still there and nothing is missing, so its sentence is not cut in two. */
	"_troupe/restored": ({ how }) => how === "reattach" ? null : {
		level: "quiet",
		text: RESTORED[how] ?? "The session was restored.",
	},
};

const RESTORED = {
	__proto__: null,
	resume: "The agent resumed its session.",
	load: "The agent loaded its session again.",
	replay: "A new agent got the newest part of the conversation to read.",
};

function textOf(v) {
	return v === null || v === undefined ? "" : String(v);
}

/** The text of an ACP content block, or a word for what is not text. */
export function textOfBlock(block) {
	switch (block?.type) {
	case "text":
		return textOf(block.text);
	case "resource_link":
		return `[${textOf(block.title || block.name || block.uri)}]`;
	case "resource":
		return textOf(block.resource?.text ?? `[${textOf(block.resource?.uri)}]`);
	case "image":
	case "audio":
		return `[${block.type}]`;
	default:
		return "";
	}
}
