// SPDX-License-Identifier: Apache-2.0
/* The turns on the page. Whatever changed since the last frame is drawn in one go; what did not change is not touched.
 *
 * Only a window of the newest turns has elements at all (and of a very long turn its newest parts), so a long history costs
 * what is shown of it. The window moves on while the reader is at the bottom, and stays where it is while they read. */

import { avatar, el, icon, onceAFrame } from "./dom.js";
import { newPartView } from "./parts.js";
import { TextView } from "./text.js";

const TURNS_SHOWN = 30;
const PARTS_SHOWN = 80;
const AT_BOTTOM_PX = 90;

const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

const STOPPED = {
	__proto__: null,
	max_tokens: "The agent reached its limit of tokens.",
	max_turn_requests: "The agent reached its limit of requests for one turn.",
	refusal: "The agent refused.",
	cancelled: "The turn was cancelled.",
};

export class Timeline {
	#root;        /* what scrolls */
	#list;        /* where the turns are */
	#earlier;     /* the button */
	#toBottom;
	#context;     /* { transcript, me, mayAct(), agent(), reply(), again(), discard(), cancel(), restart() } */
	#views = new Map();
	#first = 0;   /* index of the first turn that has elements */
	#isAtBottom = true;
	#draw = onceAFrame(() => this.drawNow());

	constructor({ root, list, earlier, toBottom }) {
		this.#root = root;
		this.#list = list;
		this.#earlier = earlier;
		this.#toBottom = toBottom;
		earlier.addEventListener("click", () => this.#showEarlier());
		toBottom.addEventListener("click", () => this.scrollToBottom());
		root.addEventListener("scroll", () => this.#onScroll(), { passive: true });
		new ResizeObserver(() => this.#isAtBottom && this.#jump()).observe(root);
	}

	/** Shows another transcript, from its end. */
	show(context) {
		this.#context = context;
		this.#views.clear();
		this.#list.replaceChildren();
		this.#first = 0;
		this.scrollToBottom();
	}

	/** Something changed: it will be on the page with the next frame; history has time. */
	changed(isHistory = false) {
		this.#draw(isHistory);
	}

	scrollToBottom() {
		this.#isAtBottom = true;
		this.drawNow();
	}

	drawNow() {
		const { turns, pending } = this.#context.transcript;

		if (this.#isAtBottom)
			this.#first = Math.max(0, turns.length - TURNS_SHOWN);
		const shown = [...turns.slice(this.#first), ...pending];

		this.#forgetAllBut(new Set(shown));
		this.#earlier.hidden = this.#first === 0;
		this.#earlier.textContent = `Show earlier (${this.#first})`;
		this.#place(shown, turns[this.#first - 1]);
		this.#toBottom.hidden = this.#isAtBottom;
		if (this.#isAtBottom)
			this.#jump();
	}

	#forgetAllBut(turns) {
		for (const [turn, view] of this.#views)
			if (!turns.has(turn)) {
				view.node.remove();
				this.#views.delete(turn);
			}
	}

	/* Turns only ever come at the end or move there from `pending`: a node that is in its place is left alone. */
	#place(turns, before) {
		let next = this.#list.firstElementChild;
		let previous = before;

		for (const turn of turns) {
			if (!this.#views.has(turn))
				this.#views.set(turn, new TurnView(turn, this.#context, this.#draw));
			const view = this.#views.get(turn);

			view.draw(previous);
			if (view.node === next)
				next = next.nextElementSibling;
			else
				this.#list.insertBefore(view.node, next);
			previous = turn;
		}
	}

	/* What the reader looks at stays where it is. */
	#showEarlier() {
		const fromEnd = this.#root.scrollHeight - this.#root.scrollTop;

		this.#isAtBottom = false;
		this.#first = Math.max(0, this.#first - TURNS_SHOWN);
		this.drawNow();
		this.#root.scrollTop = this.#root.scrollHeight - fromEnd;
	}

	#onScroll() {
		const { scrollHeight, scrollTop, clientHeight } = this.#root;
		const isAtBottom = scrollHeight - scrollTop - clientHeight < AT_BOTTOM_PX;

		if (isAtBottom === this.#isAtBottom)
			return;
		this.#isAtBottom = isAtBottom;
		this.#toBottom.hidden = isAtBottom;
	}

	#jump() {
		this.#root.scrollTop = this.#root.scrollHeight;
	}
}

/* ------------------------------------------------------------------ one turn */

class TurnView {
	node;
	#turn;
	#context;
	#redraw;
	#drawn = 0;         /* the version that is on the page */
	#parts = new Map(); /* part: { view, drawn } */
	#showsAll = false;
	#state = el("p", { class: "turn-state", "data-testid": "turn-state" });
	#more = el("button", { type: "button", class: "earlier", hidden: true, onclick: () => this.#showAll() });
	#answer = el("div", { class: "answer" });
	#foot = el("div", { class: "turn-foot" });

	constructor(turn, context, redraw) {
		this.#turn = turn;
		this.#context = context;
		this.#redraw = redraw;
		this.node = el("article", { class: "turn" });
	}

	draw(previous) {
		if (this.#drawn === this.#turn.version)
			return;
		if (this.#drawn === 0)
			this.#build(previous);
		this.#drawn = this.#turn.version;
		this.node.dataset.state = this.#turn.state ?? "";
		this.#drawParts();
		this.#drawState();
	}

	#build(previous) {
		const { user } = this.#turn;
		const today = user?.at && day.format(user.at);

		if (today && (!previous?.user?.at || day.format(previous.user.at) !== today))
			this.node.append(el("p", { class: "day" }, today));
		if (user)
			this.node.append(this.#drawUser(user));
		this.node.append(el("div", { class: "agent" },
			el("div", { class: "agent-head" }, icon("troupe"), el("strong", {}, this.#context.agent())),
			this.#more, this.#answer, this.#foot));
	}

	#drawUser({ userId, text, at }) {
		const body = el("div", { class: "bubble prose" });
		const mine = userId === this.#context.me;
		const when = at && el("time", { datetime: new Date(at).toISOString() }, time.format(at));
		const head = el("p", { class: "user-head" },
			el("strong", {}, mine ? `${userId} (you)` : userId), when, this.#state);

		new TextView(body).draw(text);
		return el("div", { class: `user${mine ? " mine" : ""}`, "data-testid": "user-message", "data-user": userId },
			avatar(userId), el("div", { class: "user-body" }, head, body));
	}

	/* ---------------------------------------------------------- parts */

	#drawParts() {
		const { parts } = this.#turn;
		const hidden = this.#showsAll ? 0 : Math.max(0, parts.length - PARTS_SHOWN);
		const shown = parts.slice(hidden);
		let next = this.#answer.firstElementChild;

		for (const [part, { view }] of this.#parts)
			if (hidden && parts.indexOf(part) < hidden) {
				next = next === view.node ? next.nextElementSibling : next;
				view.node.remove();
				this.#parts.delete(part);
			}
		this.#more.hidden = hidden === 0;
		this.#more.textContent = `Show ${hidden} earlier steps`;
		for (const part of shown) {
			const { view } = this.#drawPart(part);

			if (view.node === next)
				next = next.nextElementSibling;
			else
				this.#answer.insertBefore(view.node, next);
		}
	}

	#drawPart(part) {
		const known = this.#parts.get(part) ?? { view: newPartView(part, this.#context), drawn: 0 };

		this.#parts.set(part, known);
		if (known.drawn === part.version)
			return known;
		known.drawn = part.version;
		try {
			known.view.draw(part);
		} catch (error) { /* what an agent sent is in the log for good: it must not break the page */
			console.warn("a part cannot be shown", part, error);
			known.view.node.replaceChildren(el("p", { class: "notice bad" }, "This cannot be shown."));
		}
		return known;
	}

	#showAll() {
		this.#showsAll = true;
		this.#drawn = -1;
		this.#redraw();
	}

	/* ---------------------------------------------------------- state */

	#drawState() {
		const { state, parts, by } = this.#turn;

		this.#state.replaceChildren(...userState(state, by), state === "queued" ? this.#cancelButton("Cancel") : "");
		this.node.classList.toggle("has-answer", parts.length > 0 || state === "running");
		this.#foot.replaceChildren(state === "running" ? this.#working() : this.#ending());
	}

	/* What the running turn waits for, and what one can do about it. */
	#working() {
		const { parts, phase, isStalled } = this.#turn;
		const isAsking = !phase && parts.some((p) => p.kind === "permission" && !p.resolved);
		const isStuck = phase === "agent_unresponsive" || (isStalled && !isAsking);
		const look = isStuck ? "stuck" : isAsking ? "asking" : "";

		return el("div", { class: `working ${look}`, "data-testid": "working", "data-phase": phase || look },
			isStuck ? icon("alert") : el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i")),
			el("span", {}, workingText(phase, isStalled, isAsking)),
			phase ? "" : this.#cancelButton("Stop"),
			isStuck && this.#context.mayAct() && el("button", {
				type: "button", "data-testid": "restart-button", onclick: (e) => this.#act(e.target, this.#context.restart()),
			}, "Restart the agent"));
	}

	#cancelButton(label) {
		return this.#context.mayAct() ? el("button", {
			type: "button", class: "small-button", "data-testid": "cancel-button",
			onclick: (e) => this.#act(e.target, this.#context.cancel(this.#turn.promptId)),
		}, icon(label === "Stop" ? "stop" : "close"), label) : "";
	}

	/* Until the log says what became of it. What was refused, it says itself. */
	async #act(button, done) {
		button.disabled = true;
		try {
			await done;
		} catch (error) {
			button.disabled = false;
			this.#foot.append(el("p", { class: "error", role: "alert" }, error.message));
		}
	}

	#ending() {
		const { state, stopReason, parts } = this.#turn;

		if (state === "failed")
			return this.#failure();
		if (state === "cancelled" && parts.length)
			return el("p", { class: "notice quiet" }, STOPPED.cancelled);
		if (state === "done" && STOPPED[stopReason])
			return el("p", { class: "notice quiet" }, STOPPED[stopReason]);
		return "";
	}

	/* Only a prompt that the server never took can be sent again; one that failed is in the log for all to see. */
	#failure() {
		const { error, promptId } = this.#turn;
		const { transcript, again, discard } = this.#context;
		const wasNotTaken = transcript.pending.includes(this.#turn);

		return el("div", { class: "failure", "data-testid": "turn-error", role: "group" },
			icon("alert"),
			el("p", {}, el("strong", {}, "This did not work. "), failureText(error)),
			wasNotTaken && el("button", { type: "button", onclick: () => again(promptId) }, "Try again"),
			wasNotTaken && el("button", { type: "button", onclick: () => discard(promptId) }, "Discard"));
	}
}

function workingText(phase, isStalled, isAsking) {
	if (phase === "agent_unresponsive")
		return "The agent does not react to being stopped.";
	if (phase === "cancelling")
		return "Stopping";
	if (isAsking)
		return "Waiting for permission";
	return isStalled ? "Nothing has come from the agent for a while." : "Working";
}

function userState(state, by) {
	switch (state) {
	case "sending":
		return ["Sending…"];
	case "queued":
		return [icon("pending"), "Queued"];
	case "running":
		return [];
	case "cancelled":
		return [by ? `Cancelled by ${by}` : "Cancelled"];
	case "failed":
		return [icon("alert"), "Failed"];
	default:
		return [];
	}
}

function failureText(error) {
	return error?.message || [error?.group, error?.code].filter(Boolean).join(".") || "No reason was given.";
}
