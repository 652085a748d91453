// SPDX-License-Identifier: Apache-2.0
/* As the suite's own configuration: one file, one test at a time; `@` is the package's source. */

import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const src = (path: string) => resolve(__dirname, "src", path);

export default defineConfig({
	test: {
		fileParallelism: false,
		testTimeout: 30_000,
		hookTimeout: 30_000,
		minWorkers: 1,
		maxWorkers: 1,
		sequence: { concurrent: false },
	},
	resolve: {
		alias: [
			{ find: /^@\//, replacement: src("./") + "/" },
			{ find: /^rivetkit\/errors$/, replacement: src("actor/errors.ts") },
			{ find: /^rivetkit$/, replacement: src("mod.ts") },
		],
	},
});
