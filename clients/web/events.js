// SPDX-License-Identifier: Apache-2.0
/* The drawer with the raw events, for the curious: number, name and, on opening, the JSON. It keeps the newest ones only, and
 * draws only while it is open. */

import { el, onceAFrame, setText } from "./dom.js";

const KEPT = 500;
const AT_BOTTOM_PX = 40;

export class EventList {
	#list;
	#count;
	#filter;
	#rows = [];      /* { seq, name, summary, data, node? } */
	#total = 0;
	#isOpen = false;
	#draw = onceAFrame(() => this.#drawNow());

	constructor({ list, count, filter }) {
		this.#list = list;
		this.#count = count;
		this.#filter = filter;
		filter.addEventListener("input", () => this.#draw());
	}

	add(name, data) {
		this.#rows.push({ seq: data?.seq, name, summary: summaryOf(name, data), data });
		this.#total++;
		if (this.#rows.length > KEPT)
			this.#rows.shift().node?.remove();
		if (this.#isOpen)
			this.#draw();
	}

	clear() {
		this.#rows = [];
		this.#total = 0;
		this.#list.replaceChildren();
		this.#draw();
	}

	setOpen(isOpen) {
		this.#isOpen = isOpen;
		if (!isOpen)
			return;
		this.#drawNow();
		this.#list.scrollTop = this.#list.scrollHeight;
	}

	#drawNow() {
		const { scrollHeight, scrollTop, clientHeight } = this.#list;
		const isAtBottom = scrollHeight - scrollTop - clientHeight < AT_BOTTOM_PX;
		const wanted = this.#filter.value.trim().toLowerCase();

		for (const row of this.#rows) {
			if (!row.node)
				this.#list.append(row.node = drawRow(row));
			row.node.hidden = !`${row.seq ?? ""} ${row.name} ${row.summary}`.toLowerCase().includes(wanted);
		}
		setText(this.#count, this.#total > KEPT ? `the newest ${KEPT} of ${this.#total}` : String(this.#total));
		if (isAtBottom)
			this.#list.scrollTop = this.#list.scrollHeight;
	}
}

function drawRow({ seq, name, summary, data }) {
	const body = el("pre", { class: "code", tabindex: "0" });

	return el("details", {
		class: "event",
		"data-seq": seq === undefined ? undefined : String(seq),
		"data-name": name,
		ontoggle: () => { body.textContent = JSON.stringify(data, null, 2); },
	}, el("summary", {}, el("span", { class: "seq" }, seq === undefined ? "–" : `#${seq}`),
		el("span", { class: "name" }, name), el("span", { class: "muted" }, summary)), body);
}

/* One word or two on what is in it. */
function summaryOf(name, data) {
	const { method, params, result, error } = data?.payload ?? {};

	if (name === "session.event")
		return params?.update?.sessionUpdate ?? method ?? (error ? "error" : result ? "result" : "");
	return String(data?.state ?? data?.reply ?? data?.userId ?? "");
}
