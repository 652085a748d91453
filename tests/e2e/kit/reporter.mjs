// SPDX-License-Identifier: Apache-2.0
/* What a run looks like: a line for each test, and its error below a failed one. Above it stands what the test printed. */

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

function* failure({ details: { error } }) {
	const cause = error.cause ?? error;

	yield String(cause?.stack ?? cause).replace(/^/gm, "          ") + "\n";
}

export default async function* report(source) {
	for await (const { type, data } of source) {
		if (type === "test:stdout" || type === "test:stderr")
			yield data.message;
		if (type !== "test:pass" && type !== "test:fail")
			continue;
		const bad = type === "test:fail";

		yield `  ${bad ? "FAILED" : "ok    "}  ${data.name} (${seconds(data.details.duration_ms)})\n`;
		if (bad)
			yield* failure(data);
	}
}
