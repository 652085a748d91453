// SPDX-License-Identifier: Apache-2.0
/* Text of strangers as paragraphs, headings, lists and code, in the way of Markdown's simplest part. Every piece becomes
 * a text node, never markup, so nothing that a user or an agent writes can do more than be read.
 *
 * A text only ever grows at its end while it streams, so only its last blocks can change, and drawing starts there again. */

import { el } from "./dom.js";

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)[^`]*$/;
const HEADING = /^#{1,6}\s+(.+)$/;
const ITEM = /^\s{0,8}([-*•]|\d{1,3}[.)])\s+(.*)$/;
const INLINE = /`([^`\n]+)`|\*\*([^*\n]+)\*\*|(https?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:!?)\]*])/g;

/** The blocks of text[from..]: { kind: "p"|"code"|"heading"|"list", start, … }, start counted from 0 of text. */
export function parseBlocks(text, from = 0) {
	const blocks = [];
	let at = from;

	while (at < text.length) {
		const start = at;
		const { block, end } = readBlock(text, at);

		at = end;
		if (block)
			blocks.push({ ...block, start });
	}
	return blocks;
}

/** The blocks of a growing text. grow(text) gives { kept, blocks }: how many of the blocks given so far stand, and those
 * that follow them. Two are taken back each time: the last, and the one before it, which the last may turn out to
 * belong to once its line is complete ("-" is a paragraph, "- and" another item). */
export class GrowingBlocks {
	#starts = [];

	grow(text) {
		const kept = Math.max(0, this.#starts.length - 2);
		const blocks = parseBlocks(text, this.#starts[kept] ?? 0);

		this.#starts.length = kept;
		this.#starts.push(...blocks.map((b) => b.start));
		return { kept, blocks };
	}
}

/** A line in pieces: { kind: "text"|"code"|"strong"|"link", text }. */
export function parseInline(text) {
	const pieces = [];
	let at = 0;

	for (const match of text.matchAll(INLINE)) {
		if (match.index > at)
			pieces.push({ kind: "text", text: text.slice(at, match.index) });
		pieces.push(inlinePiece(match));
		at = match.index + match[0].length;
	}
	if (at < text.length)
		pieces.push({ kind: "text", text: text.slice(at) });
	return pieces;
}

function inlinePiece([, code, strong, link]) {
	if (code !== undefined)
		return { kind: "code", text: code };
	if (strong !== undefined)
		return { kind: "strong", text: strong };
	return { kind: "link", text: link };
}

/* ------------------------------------------------------------------ blocks */

function readLine(text, at) {
	const newline = text.indexOf("\n", at);
	const end = newline < 0 ? text.length : newline;

	return { line: text.slice(at, end), next: newline < 0 ? end : end + 1 };
}

function readBlock(text, at) {
	const { line, next } = readLine(text, at);
	const fence = FENCE.exec(line);
	const heading = HEADING.exec(line);

	if (!line.trim())
		return { block: null, end: next };
	if (fence)
		return readFence(text, next, fence);
	if (heading)
		return { block: { kind: "heading", text: heading[1] }, end: next };
	return ITEM.test(line) ? readList(text, at) : readParagraph(text, at);
}

/* To the closing fence; one that is still missing has not been streamed yet. */
function readFence(text, at, [, fence, lang]) {
	const lines = [];

	while (at < text.length) {
		const { line, next } = readLine(text, at);

		at = next;
		if (line.trim().startsWith(fence) && !line.trim().slice(fence.length).trim())
			break;
		lines.push(line);
	}
	return { block: { kind: "code", lang, text: lines.join("\n") }, end: at };
}

/* Of one kind: a numbered item ends a list of dots. What is indented below an item belongs to it. */
function readList(text, at) {
	const [, mark] = ITEM.exec(readLine(text, at).line);
	const first = Number.parseInt(mark, 10);
	const ordered = !Number.isNaN(first);
	const items = [];

	while (at < text.length) {
		const { line, next } = readLine(text, at);
		const item = ITEM.exec(line);

		if (item && /\d/.test(item[1]) === ordered)
			items.push(item[2]);
		else if (!item && /^\s+\S/.test(line))
			items[items.length - 1] += `\n${line.trim()}`;
		else
			break;
		at = next;
	}
	return { block: { kind: "list", ordered, first, items }, end: at };
}

function readParagraph(text, at) {
	const lines = [];

	while (at < text.length) {
		const { line, next } = readLine(text, at);

		if (!line.trim() || (lines.length && [FENCE, HEADING, ITEM].some((r) => r.test(line))))
			break;
		lines.push(line);
		at = next;
	}
	return { block: { kind: "p", text: lines.join("\n") }, end: at };
}

/* ------------------------------------------------------------------ drawing */

/** Shows a growing text inside `root`. */
export class TextView {
	#root;
	#blocks = new GrowingBlocks();

	constructor(root) {
		this.#root = root;
	}

	draw(text) {
		const { kept, blocks } = this.#blocks.grow(text);

		while (this.#root.childElementCount > kept)
			this.#root.lastElementChild.remove();
		this.#root.append(...blocks.map(drawBlock));
	}
}

function drawBlock(block) {
	switch (block.kind) {
	case "code":
		return el("pre", { class: "code", "data-lang": block.lang, tabindex: "0" }, el("code", {}, block.text));
	case "heading":
		return el("h2", { class: "heading" }, ...drawInline(block.text));
	case "list":
		return el(block.ordered ? "ol" : "ul", { start: block.first > 1 && String(block.first) },
			...block.items.map((item) => el("li", {}, ...drawInline(item))));
	default:
		return el("p", {}, ...drawInline(block.text));
	}
}

function drawInline(text) {
	return parseInline(text).map(({ kind, text: piece }) => {
		if (kind === "code")
			return el("code", {}, piece);
		if (kind === "strong")
			return el("strong", {}, piece);
		if (kind === "link")
			return el("a", { href: piece, target: "_blank", rel: "noopener noreferrer nofollow" }, piece);
		return piece;
	});
}
