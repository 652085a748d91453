// SPDX-License-Identifier: Apache-2.0
/* How clients/web/text.js takes a text apart, one claim a test. */

import { test } from "node:test";
import assert from "node:assert/strict";
import { GrowingBlocks, parseBlocks, parseInline } from "../../clients/web/text.js";

const ALL_KINDS = `Some text
on two lines.

# A title
- one
- two
  goes on
1. first
2. second

\`\`\`ts
const a = 1;

# not a title
\`\`\`
after the code
~~~
\`\`\`
~~~
* last`;

const kindsOf = (text) => parseBlocks(text).map((b) => b.kind);
const linksOf = (text) => parseInline(text).filter((p) => p.kind === "link").map((p) => p.text);

test("paragraphs, titles, lists and code are told apart", () => {
	const blocks = parseBlocks(ALL_KINDS);

	assert.deepEqual(blocks.map((b) => b.kind), ["p", "heading", "list", "list", "code", "p", "code", "list"]);
	assert.equal(blocks[0].text, "Some text\non two lines.");
	assert.deepEqual([blocks[2].items, blocks[2].ordered], [["one", "two\ngoes on"], false]);
	assert.deepEqual([blocks[3].items, blocks[3].ordered], [["first", "second"], true]);
	assert.deepEqual([blocks[4].lang, blocks[4].text], ["ts", "const a = 1;\n\n# not a title"]);
	assert.equal(blocks[6].text, "```");
});

test("code whose end has not come yet is code all the same", () => {
	assert.deepEqual(kindsOf("```js\nlet a"), ["code"]);
	assert.deepEqual(kindsOf("```"), ["code"]);
});

test("three backticks with more on the line are no fence", () => {
	assert.deepEqual(kindsOf("```not` a fence"), ["p"]);
});

test("a list goes on counting where it began", () => {
	assert.deepEqual([parseBlocks("3. c\n4. d")[0].first, parseBlocks("3. c")[0].ordered], [3, true]);
});

test("a text without a line is no block", () => {
	assert.deepEqual(parseBlocks(""), []);
	assert.deepEqual(parseBlocks("\n \n\t\n"), []);
});

test("code, strong words and links are found in a line, and nothing of it is lost", () => {
	const line = "Use `a*b` and **all** of https://example.org/x?y=1, not `";

	assert.deepEqual(parseInline(line).map((p) => p.kind),
		["text", "code", "text", "strong", "text", "link", "text"]);
	assert.deepEqual(linksOf(line), ["https://example.org/x?y=1"]);
	assert.deepEqual(parseInline("`https://a.b` **x"), [{ kind: "code", text: "https://a.b" }, { kind: "text", text: " **x" }]);
});

test("only http and https become links", () => {
	for (const text of ["javascript:alert(1)", "[x](javascript:alert(1))", "data:text/html,x", "file:///etc/passwd", "http://"])
		assert.deepEqual(linksOf(text), []);
	assert.deepEqual(linksOf("[x](https://a.b/c)."), ["https://a.b/c"]);
});

test("a text that grows gives the same blocks as one that comes whole", () => {
	for (let step = 1; step <= 9; step++) {
		const growing = new GrowingBlocks();
		let drawn = [];

		for (let size = step; size < ALL_KINDS.length + step; size += step) {
			const text = ALL_KINDS.slice(0, size);
			const { kept, blocks } = growing.grow(text);

			drawn = [...drawn.slice(0, kept), ...blocks];
			assert.deepEqual(drawn, parseBlocks(text), `after ${text.length} characters, by ${step}`);
		}
	}
});

test("a long text that grows is not read from its beginning each time", () => {
	const growing = new GrowingBlocks();
	const text = "A paragraph.\n\n".repeat(1000);

	growing.grow(text);
	const { kept, blocks } = growing.grow(`${text}And`);
	assert.deepEqual([kept, blocks.length], [998, 3]);
});
