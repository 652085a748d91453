// SPDX-License-Identifier: Apache-2.0
/* Random values of every kind that the official client can send, from a seed; and what becomes of a value between two clients
 * that does not happen in Troupe: what the client itself loses when it sends, and what json has no form for
 * (spec/rivetkit-client.md 7.3). */

import assert from "node:assert/strict";

/* ------------------------------------------------------------------ chance */

/** Numbers from 0 to 1, the same for the same seed. */
export function chance(seed) {
	let state = seed >>> 0;

	return () => { /* mulberry32 */
		state = (state + 0x6d2b79f5) >>> 0;
		let t = Math.imul(state ^ (state >>> 15), state | 1);

		t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
}

const EDGES = [0, 1, 23, 24, 127, 128, 255, 256, 2 ** 15, 2 ** 16, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63, 2 ** 64];
const TEXTS = ["", "$", "$$", "$x", "$BigInt", "$Undefined", "$Set", "a", "é", "日本", "🎭", "\0", "\"\\/\n", "__x", "toString", "0", "17"];
const TYPED = [
	Uint8ClampedArray, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, BigUint64Array, BigInt64Array, Float32Array,
	Float64Array,
];

/** encoding: of who sends it. In json Maps, Sets and typed arrays are lost before they leave, so there are none. */
export class Values {
	constructor(seed, encoding) {
		this.random = chance(seed);
		this.scalars = [
			() => null, () => undefined, () => this.#bool(), () => this.#number(), () => this.#number(), () => this.#bigint(),
			() => this.text(), () => this.text(), () => this.#bytes(), () => this.#bytes().buffer, () => this.#date(),
		];
		this.containers = [(d) => this.#array(d), (d) => this.#array(d), (d) => this.#pair(d), (d) => this.#object(d), (d) => this.#object(d)];
		if (encoding === "json")
			return;
		this.scalars.push(() => this.#typed());
		this.containers.push((d) => new Set(this.#array(d)), (d) => new Map(this.#array(d).map((v) => [this.any(d - 1), v])));
	}

	#below(n) {
		return Math.floor(this.random() * n);
	}

	#one(list) {
		return list[this.#below(list.length)];
	}

	any(depth) {
		return depth > 0 && this.random() < 0.5 ? this.#one(this.containers)(depth) : this.#one(this.scalars)();
	}

	/** Containers in containers, to this depth. */
	nested(depth) {
		let value = this.#one(this.scalars)();

		for (let i = 0; i < depth; i++)
			value = this.random() < 0.5 ? [value] : { [this.text()]: value };
		return value;
	}

	#bool() {
		return this.random() < 0.5;
	}

	#number() {
		const edge = this.#one(EDGES) + this.#below(5) - 2;

		return this.#one([
			edge, -edge, edge / 3, -0, NaN, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE, this.random(),
			new Float64Array(new Uint32Array([this.random() * 2 ** 32, this.random() * 2 ** 32]).buffer)[0],
		]);
	}

	#bigint() {
		const value = BigInt(this.#one([8, 31, 32, 53, 63, 64, 65, 200]));

		return (this.#bool() ? 1n : -1n) * (2n ** value + BigInt(this.#below(5) - 2));
	}

	text() {
		if (this.#bool())
			return this.#one(TEXTS);
		return Array.from({ length: this.#below(30) }, () => this.#one([...TEXTS, "x".repeat(this.#below(300))])).join("");
	}

	#bytes() {
		return Uint8Array.from({ length: this.#one([0, 1, 2, 3, 23, 24, 255, 256, 1000]) }, () => this.#below(256));
	}

	#date() {
		return new Date(this.#one([0, 1, -1, 999, 1000, 1.7e12, 1.7e12 + 123, -62198755200000, 8.63e15, NaN]) + this.#below(1000) * 7);
	}

	#typed() {
		const Kind = this.#one(TYPED), big = Kind.name.startsWith("Big");

		return Kind.from({ length: this.#below(5) }, () => (big ? BigInt(this.#below(2 ** 31)) : this.#number()));
	}

	#array(depth) {
		return Array.from({ length: this.#below(5) }, () => this.any(depth - 1));
	}

	/* What looks like one of the client's own forms. */
	#pair(depth) {
		return [this.#one(["$x", "$", "$$y", "$BigInt", "$Uint8Array", "$Undefined", "$Set"]), this.any(depth - 1)];
	}

	#object(depth) {
		return Object.fromEntries(this.#array(depth).map((value) => [this.text(), value]));
	}
}

/* ------------------------------------------------------------------ what happens to them on the way */

const isObject = (value) => value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype;
const isTyped = (value) => ArrayBuffer.isView(value) && !(value instanceof Uint8Array);

/** The value with everything that holds no other values replaced by scalar(it). */
function mapped(value, scalar) {
	const inner = (v) => mapped(v, scalar);

	if (Array.isArray(value))
		return value.map(inner);
	if (value instanceof Set)
		return new Set([...value].map(inner));
	if (value instanceof Map)
		return new Map([...value].map((pair) => pair.map(inner)));
	if (isObject(value))
		return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, inner(v)]));
	return scalar(value);
}

/* What JSON has instead. */
function plain(value) {
	if (value instanceof Date)
		return value.toJSON();
	return typeof value === "number" && !Number.isFinite(value) ? null : value;
}

function withoutUndefined(value) {
	if (Array.isArray(value))
		return value.map((v) => withoutUndefined(v) ?? null);
	if (isObject(value))
		return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined).map(([k, v]) => [k, withoutUndefined(v)]));
	return value;
}

/** What a client lets go when it sends. Bytes of either kind come as a Uint8Array. */
export function sent(value, encoding) {
	const bytes = (v) => (v instanceof ArrayBuffer ? new Uint8Array(v) : v);
	const all = mapped(value, (v) => (Object.is(v, -0) ? 0 : bytes(v)));

	return encoding === "json" ? withoutUndefined(mapped(all, plain)) : all;
}

/** What a client gets of it: in json there is no NaN, no -0 (of a typed array), no Date, no typed array, and a Map comes as
 * what makes one. */
export function heard(value, encoding) {
	return encoding === "json" ? inJson(value) : value;
}

function inJson(value) {
	if (value instanceof Map)
		return [...value].map((pair) => pair.map(inJson));
	if (value instanceof Set)
		return new Set([...value].map(inJson));
	if (Array.isArray(value) || isTyped(value))
		return Array.from(value, inJson);
	if (isObject(value))
		return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, inJson(v)]));
	return Object.is(value, -0) ? 0 : plain(value);
}

/** The value as a text, which is the same for equal values only: what deepEqual says of Sets of NaN is not of use here. */
export function spelt(value) {
	const list = (values) => Array.from(values, spelt).join(",");
	const kind = value?.constructor?.name;

	if (Array.isArray(value))
		return `[${list(value)}]`;
	if (value instanceof Set || value instanceof Map || ArrayBuffer.isView(value))
		return `${kind}(${list(value)})`;
	if (value instanceof Date)
		return `Date(${value.getTime()})`;
	if (isObject(value))
		return `{${Object.keys(value).sort().map((k) => `${JSON.stringify(k)}:${spelt(value[k])}`).join(",")}}`;
	return typeof value === "string" ? JSON.stringify(value) : `${typeof value} ${Object.is(value, -0) ? "-0" : String(value)}`;
}

/** Shows of two large values where they begin to differ. */
export function assertSame(got, wanted, what) {
	const [a, b] = [spelt(got), spelt(wanted)];
	let at = 0;

	while (at < a.length && a[at] === b[at])
		at++;
	const around = (text) => text.slice(Math.max(at - 40, 0), at + 80);

	assert.ok(a === b, `${what}, at ${at}: got …${around(a)}…, not …${around(b)}…`);
}
