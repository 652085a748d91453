// SPDX-License-Identifier: Apache-2.0
/* Each row of spec/sandbox-agent.md 7 (faults, F1 to F40) and 10 (the checklist, S1 to S69) has a test that names it: "[S8, F11] away
 * for ..." in the name of an end-to-end test, or in the comment above a unit test. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";

const TABLES = { F: 40, S: 69 };
const FOLDER = new URL("../", import.meta.url);
const MARK = /\[([FS]\d+(?:, [FS]\d+)*)\]/g;

function* sources(folder) {
	for (const entry of readdirSync(folder, { withFileTypes: true })) {
		if (entry.isDirectory() && entry.name !== "node_modules")
			yield* sources(new URL(`${entry.name}/`, folder));
		else if (/\.(c|h|mjs)$/.test(entry.name) && entry.name !== "rows.test.mjs")
			yield readFileSync(new URL(entry.name, folder), "utf8");
	}
}

test("every row of the two tables has a test", () => {
	const named = new Set([...sources(FOLDER)].flatMap((text) => [...text.matchAll(MARK)].flatMap(([, rows]) => rows.split(", "))));
	const rows = Object.entries(TABLES).flatMap(([letter, count]) => Array.from({ length: count }, (_, i) => `${letter}${i + 1}`));

	assert.deepEqual(rows.filter((row) => !named.has(row)), [], "rows without a test");
	assert.deepEqual([...named].filter((row) => !rows.includes(row)), [], "rows that there are not");
});
