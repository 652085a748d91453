// SPDX-License-Identifier: Apache-2.0
/* One view for each kind of part of a turn. A view is made once and draws again when its part has changed:
 *
 *   const view = newPartView(part, context); view.draw(part); … view.node
 *
 * context: { me, mayAct(), reply(permissionId, reply) } where reply gives a promise. What comes from an agent may have any shape. */

import { avatar, el, icon } from "./dom.js";
import { TextView } from "./text.js";
import { textOfBlock } from "./transcript.js";

const LONGEST_OUTPUT = 20_000;
const LONGEST_DIFF = 400; /* lines */

export function newPartView(part, context) {
	return new VIEWS[part.kind](context);
}

/* ------------------------------------------------------------------ what the agent says and thinks */

class Said {
	node = el("div", { class: "said prose" });
	#text = new TextView(this.node);

	draw({ text }) {
		this.#text.draw(text);
	}
}

class Thought {
	#body = el("div", { class: "prose" });
	#text = new TextView(this.#body);
	node = el("details", { class: "thought" }, el("summary", {}, icon("thought"), "Thinking"), this.#body);

	draw({ text }) {
		this.#text.draw(text);
	}
}

class Notice {
	node = el("p");

	draw({ level, text }) {
		this.node.className = `notice ${level}`;
		this.node.replaceChildren(icon(level === "bad" ? "alert" : "info"), text);
	}
}

/* ------------------------------------------------------------------ plan */

const PLAN_WORDS = { __proto__: null, completed: "done", in_progress: "in progress", pending: "to do" };

class Plan {
	node = el("div", { class: "plan", role: "group", "aria-label": "The agent's plan" });

	draw({ entries }) {
		const done = entries.filter((e) => e?.status === "completed").length;

		this.node.replaceChildren(
			el("h2", {}, icon("plan"), "Plan", el("span", { class: "muted" }, ` ${done} of ${entries.length} done`)),
			el("ol", {}, ...entries.map(planEntry)));
	}
}

function planEntry(entry) {
	const status = PLAN_WORDS[entry?.status] ? entry.status : "pending";

	return el("li", { class: status }, icon(status),
		el("span", { class: "visually-hidden" }, `${PLAN_WORDS[status]}: `), String(entry?.content ?? ""));
}

/* ------------------------------------------------------------------ tools */

const TOOL_WORDS = {
	__proto__: null,
	pending: "waiting",
	in_progress: "running",
	completed: "done",
	failed: "failed",
};

class Tool {
	#summary = el("summary");
	#body = el("div", { class: "tool-body" });
	#part = null;
	node = el("details", { class: "tool", "data-testid": "tool", ontoggle: () => this.#drawBody() },
		this.#summary, this.#body);

	draw(part) {
		const status = TOOL_WORDS[part.status] ? part.status : "pending";

		this.#part = part;
		this.node.dataset.status = status;
		this.#summary.replaceChildren(icon(status), el("span", { class: "tool-title" }, toolTitle(part)),
			el("span", { class: "tool-status" }, TOOL_WORDS[status]));
		this.#drawBody();
	}

	/* Nobody opens most of them, and outputs are large. */
	#drawBody() {
		if (this.node.open)
			this.#body.replaceChildren(...toolDetails(this.#part));
	}
}

function toolTitle({ title, toolCallId }) {
	return String(title || toolCallId || "Tool");
}

function toolDetails(tool) {
	const content = Array.isArray(tool.content) ? tool.content.map(toolContent) : [];
	const details = [
		locations(tool.locations),
		json("Input", tool.rawInput),
		...content,
		content.length ? null : json("Output", tool.rawOutput),
	].filter(Boolean);

	return details.length ? details : [el("p", { class: "muted" }, "The agent gave no details.")];
}

function locations(list) {
	if (!Array.isArray(list) || !list.length)
		return null;
	return el("p", { class: "locations" },
		list.map((l) => `${l?.path ?? ""}${Number.isInteger(l?.line) ? `:${l.line}` : ""}`).join(", "));
}

function json(label, value) {
	if (value === undefined)
		return null;
	return el("div", {}, el("p", { class: "label" }, label),
		output(typeof value === "string" ? value : JSON.stringify(value, null, 2)));
}

function output(text) {
	const more = text.length - LONGEST_OUTPUT;

	return el("pre", { class: "code", tabindex: "0" },
		more > 0 ? `${text.slice(0, LONGEST_OUTPUT)}\n… ${more} characters more` : text);
}

function toolContent(content) {
	if (content?.type === "diff")
		return diff(content);
	if (content?.type === "terminal")
		return el("p", { class: "muted" }, `Terminal ${content.terminalId ?? ""}`);
	return output(textOfBlock(content?.content));
}

function linesOf(text) {
	return text ? String(text).replace(/\n$/, "").split("\n") : [];
}

/* The lines between the equal beginning and the equal end: enough for what agents edit. */
function diff({ path, oldText, newText }) {
	const before = linesOf(oldText);
	const after = linesOf(newText);
	let start = 0;
	let end = 0;

	while (start < before.length && start < after.length && before[start] === after[start])
		start++;
	const endMax = Math.min(before.length, after.length) - start;

	while (end < endMax && before.at(-1 - end) === after.at(-1 - end))
		end++;
	const lines = [
		...before.slice(start, before.length - end).map((line) => el("del", {}, `- ${line}\n`)),
		...after.slice(start, after.length - end).map((line) => el("ins", {}, `+ ${line}\n`)),
	];
	return el("div", {}, el("p", { class: "label" }, String(path ?? "")),
		el("pre", { class: "code diff", tabindex: "0" }, ...lines.slice(0, LONGEST_DIFF),
			lines.length > LONGEST_DIFF && `… ${lines.length - LONGEST_DIFF} lines more`));
}

/* ------------------------------------------------------------------ permissions */

const REPLIES = {
	__proto__: null,
	once: { label: "Allow once", said: "allowed it once", option: /^allow_once$/, style: "primary" },
	always: { label: "Always allow", said: "always allows it", option: /^allow_always$/, style: "" },
	reject: { label: "Reject", said: "rejected it", option: /^reject/, style: "danger" },
};

const ENDED = {
	__proto__: null,
	policy: "was allowed, as the workspace's policy says",
	timeout: "was rejected, since nobody answered in time",
	cancel: "was cancelled with its turn",
	turn_over: "ended with its turn",
	agent_gone: "expired, since its agent is gone",
};

class Permission {
	node = el("div", {
		class: "permission",
		"data-testid": "permission",
		role: "group",
		"aria-label": "Permission request",
	});
	#context;
	#error = el("p", { class: "error", role: "alert" });

	constructor(context) {
		this.#context = context;
	}

	draw(part) {
		this.node.dataset.state = part.resolved ? "resolved" : "open";
		this.node.replaceChildren(...(part.resolved ? this.#answered(part) : this.#question(part)));
	}

	#question(part) {
		return [
			el("h2", {}, icon("shield"), "The agent asks for permission"),
			el("p", { class: "wanted" }, toolTitle(part.toolCall)),
			...permissionDetails(part.toolCall),
			this.#context.mayAct()
				? el("div", { class: "buttons" },
					...part.replies.filter((reply) => REPLIES[reply]).map((reply) => this.#button(part, reply)))
				: el("p", { class: "muted" }, "Those who take part may answer."),
			this.#error,
		];
	}

	#button({ permissionId, options }, reply) {
		const { label, option, style } = REPLIES[reply];
		const offered = options.find((o) => option.test(o?.kind));

		return el("button", {
			type: "button",
			class: style,
			"data-testid": `permission-${reply}`,
			title: offered ? `The agent calls this: ${offered.name}` : undefined,
			onclick: () => this.#choose(permissionId, reply),
		}, label);
	}

	async #choose(permissionId, reply) {
		const buttons = [...this.node.querySelectorAll("button")];

		buttons.forEach((b) => { b.disabled = true; });
		this.#error.textContent = "";
		try {
			await this.#context.reply(permissionId, reply);
		} catch (error) {
			this.#error.textContent = error.message;
			buttons.forEach((b) => { b.disabled = false; });
		}
	}

	#answered({ resolved: { reply, by, reason }, toolCall }) {
		const what = el("span", { class: "wanted" }, toolTitle(toolCall));
		const who = by === this.#context.me ? "You" : by || "Somebody";

		if (reason || !REPLIES[reply])
			return [el("p", {}, icon("shield"), `The request ${ENDED[reason] ?? "ended"}: `, what)];
		return [el("p", {}, avatar(by || "?"), el("strong", {}, who), ` ${REPLIES[reply].said}: `, what)];
	}
}

/* What is asked for, in full: nobody should have to allow a title. */
function permissionDetails(toolCall) {
	const details = toolDetails(toolCall);
	const given = toolCall.rawInput !== undefined || (Array.isArray(toolCall.content) && toolCall.content.length);

	return given ? [el("div", { class: "tool-body" }, ...details)] : [];
}

const VIEWS = { text: Said, thought: Thought, tool: Tool, plan: Plan, permission: Permission, notice: Notice };
