// SPDX-License-Identifier: Apache-2.0
/* Making elements. Text given as a child becomes a text node; nothing here, or anywhere on the page, parses markup. */

const SVG = "http://www.w3.org/2000/svg";

/** el("button", { class: "plain", onclick: f }, "text", node): on… are listeners, false and undefined are left out. */
export function el(tag, props = {}, ...children) {
	const node = document.createElement(tag);

	for (const [name, value] of Object.entries(props)) {
		if (name.startsWith("on"))
			node.addEventListener(name.slice(2), value);
		else if (value === true)
			node.setAttribute(name, "");
		else if (value !== false && value !== undefined && value !== null && value !== "")
			node.setAttribute(name, value);
	}
	node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
	return node;
}

/** One of the symbols in index.html. Decoration: what it says must be said in words beside it. */
export function icon(name) {
	const svg = document.createElementNS(SVG, "svg");
	const use = document.createElementNS(SVG, "use");

	svg.setAttribute("class", "icon");
	svg.setAttribute("aria-hidden", "true");
	use.setAttribute("href", `#i-${name}`);
	svg.append(use);
	return svg;
}

export function byId(id) {
	return document.getElementById(id);
}

/** Writes only what is new: an unchanged text is not announced or laid out again. */
export function setText(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
}

/** A person's sign: an initial on one of eight colours, the same for everybody. */
export function avatar(userId) {
	const [initial = "?"] = userId.trim();
	let hash = 2166136261;

	for (const c of userId)
		hash = Math.imul(hash ^ c.codePointAt(0), 16777619);
	return el("span", { class: `avatar hue-${(hash >>> 13) % 8}`, "aria-hidden": "true" }, initial.toUpperCase());
}

/** draw, once, before the next frame, however often it was asked for. What has no hurry, or nobody to see it, comes a
 * few times a second. */
export function onceAFrame(draw) {
	let waiting = false;

	return (hasTime = false) => {
		if (waiting)
			return;
		waiting = true;
		const run = () => {
			waiting = false;
			draw();
		};
		if (hasTime || document.hidden)
			setTimeout(run, 300);
		else
			requestAnimationFrame(run);
	};
}
