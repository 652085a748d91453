// SPDX-License-Identifier: Apache-2.0
/* A model for real coding agents: OpenAI's responses and Anthropic's messages as event streams, on loopback. It says what it was
 * told last; a line "RUN: command" makes it call the agent's shell first, "SLOW: ms" makes it wait that long between words, and
 * to "WHO" it says as which model it was asked. */

import { createServer } from "node:http";

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const wordsOf = (text) => text.match(/\S+\s*/g) ?? [];
const numberIn = (text, name) => Number(new RegExp(`${name}: ?(\\d+)`).exec(text)?.[1] ?? 0);
const commandIn = (text) => /RUN: ?(.+)$/m.exec(text)?.[1];

/* Both forms have content as a text, or as blocks of which some are text. */
const textOf = (content) => typeof content === "string" ? content
	: (content ?? []).filter(({ type }) => ["text", "input_text"].includes(type)).map(({ text }) => text).join("\n");

const answerTo = (text, model) => /WHO/.test(text) ? `I am ${model}.` : `You said: ${text.slice(-100)}`;

let count = 0;
const newId = (prefix) => `${prefix}_${++count}`;

class Answer {
	constructor(response) {
		this.response = response.writeHead(200, { "content-type": "text/event-stream" });
	}

	send(type, data) {
		this.response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
	}
}

/* ------------------------------------------------------------------ OpenAI */

const SHELLS = ["exec_command", "shell_command", "shell", "local_shell"];

function shellCall(tools, command) {
	const name = SHELLS.find((shell) => tools.includes(shell));
	const args = name === "exec_command" ? { cmd: command } : name === "shell" ? { command: ["sh", "-c", command] } : { command };

	return { type: "function_call", id: newId("fc"), call_id: newId("call"), name, arguments: JSON.stringify(args), status: "completed" };
}

async function say(answer, text, slow) {
	const item = { type: "message", id: newId("msg"), role: "assistant", status: "in_progress", content: [] };
	const at = { item_id: item.id, output_index: 0, content_index: 0 };
	const part = (said) => ({ type: "output_text", text: said, annotations: [] });

	answer.send("response.output_item.added", { output_index: 0, item });
	answer.send("response.content_part.added", { ...at, part: part("") });
	for (const delta of wordsOf(text)) {
		answer.send("response.output_text.delta", { ...at, delta });
		await pause(slow);
	}
	answer.send("response.output_text.done", { ...at, text });
	return { ...item, status: "completed", content: [part(text)] };
}

async function responses(response, { input, tools = [], model }) {
	const items = Array.isArray(input) ? input : [{ role: "user", content: input }];
	const text = textOf(items.findLast(({ role }) => role === "user")?.content);
	const ran = /_output$/.test(items.at(-1)?.type ?? "");
	const answer = new Answer(response), whole = { id: newId("resp"), object: "response", model };
	let item;

	answer.send("response.created", { response: { ...whole, status: "in_progress", output: [] } });
	if (commandIn(text) && !ran) {
		item = shellCall(tools.map(({ name, type }) => name ?? type), commandIn(text));
		answer.send("response.output_item.added", { output_index: 0, item: { ...item, arguments: "" } });
	} else {
		item = await say(answer, ran ? "It ran." : answerTo(text, model), numberIn(text, "SLOW"));
	}
	answer.send("response.output_item.done", { output_index: 0, item });
	answer.send("response.completed", { response: { ...whole, status: "completed", output: [item], usage: {
		input_tokens: 10, input_tokens_details: { cached_tokens: 0 }, output_tokens: 5, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 15,
	} } });
	response.end();
}

/* ------------------------------------------------------------------ Anthropic */

async function messages(response, { messages: said = [], tools = [], model, stream }) {
	const last = said.at(-1)?.content;
	const text = textOf(last), ran = Array.isArray(last) && last.some(({ type }) => type === "tool_result");
	const runs = commandIn(text) && !ran && tools.some(({ name }) => name === "Bash");
	const words = ran ? "It ran." : answerTo(text, model);
	const block = runs ? { type: "tool_use", id: newId("toolu"), name: "Bash", input: { command: commandIn(text), description: "a test" } }
		: { type: "text", text: words };
	const stop = runs ? "tool_use" : "end_turn";
	const message = { id: newId("msg"), type: "message", role: "assistant", model, content: [], stop_reason: null, stop_sequence: null,
		usage: { input_tokens: 10, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 5 } };

	if (!stream) {
		response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ ...message, content: [block], stop_reason: stop }));
		return;
	}
	const answer = new Answer(response);
	const delta = (what) => answer.send("content_block_delta", { index: 0, delta: what });

	answer.send("message_start", { message });
	answer.send("content_block_start", { index: 0, content_block: runs ? { ...block, input: {} } : { type: "text", text: "" } });
	if (runs)
		delta({ type: "input_json_delta", partial_json: JSON.stringify(block.input) });
	for (const word of runs ? [] : wordsOf(words)) {
		delta({ type: "text_delta", text: word });
		await pause(numberIn(text, "SLOW"));
	}
	answer.send("content_block_stop", { index: 0 });
	answer.send("message_delta", { delta: { stop_reason: stop, stop_sequence: null }, usage: { output_tokens: 5 } });
	answer.send("message_stop", {});
	response.end();
}

/* ------------------------------------------------------------------ both */

const json = (response, value) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));

const ROUTES = [
	[/\/responses$/, responses],
	[/\/count_tokens$/, (response) => json(response, { input_tokens: 10 })],
	[/\/messages$/, messages],
	[/\/models$/, (response) => json(response, { object: "list", data: [{ id: "fake-model", object: "model" }], models: [] })],
];

async function serve(request, response) {
	const pieces = [];

	for await (const piece of request)
		pieces.push(piece);
	const [, route] = ROUTES.find(([path]) => path.test(request.url.split("?")[0])) ?? [];

	if (route)
		await route(response, JSON.parse(Buffer.concat(pieces).toString() || "{}"));
	else
		response.writeHead(404, { "content-type": "application/json" }).end(`{"error":{"message":"not here"}}`);
}

/** Gives its port and how to stop it. */
export async function startModel() {
	const server = createServer((request, response) => serve(request, response).catch(() => response.destroy()));

	await new Promise((done) => server.listen(0, "127.0.0.1", done));
	return { port: server.address().port, stop: () => { server.closeAllConnections(); server.close(); } };
}
