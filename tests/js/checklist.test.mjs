// SPDX-License-Identifier: Apache-2.0
/* Each statement of spec/rivetkit-client.md 14 has an end-to-end test that names its number: "[34, 36] ids are ...". */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";

const STATEMENTS = 50;
const FOLDER = new URL("../e2e/", import.meta.url);
const CLAIM = /\btest(?:Each)?\(["`]\[([\d, ]+)\] /g;

test("every statement of the checklist has a test", () => {
	const files = readdirSync(FOLDER).filter((name) => name.endsWith(".test.mjs"));
	const claims = files.flatMap((name) => [...readFileSync(new URL(name, FOLDER), "utf8").matchAll(CLAIM)]);
	const proven = new Set(claims.flatMap(([, numbers]) => numbers.split(", ").map(Number)));
	const missing = Array.from({ length: STATEMENTS }, (_, i) => i + 1).filter((n) => !proven.has(n));

	assert.deepEqual(missing, []);
	assert.ok([...proven].every((n) => n >= 1 && n <= STATEMENTS), "there are no others");
});
