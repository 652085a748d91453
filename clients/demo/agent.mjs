// SPDX-License-Identifier: Apache-2.0
// Troupe's demonstration agent: what answers in a workspace when nobody has set up a real coding agent yet. It
// speaks the Agent Client Protocol on stdin and stdout, as real agents do, and shows all that a turn can have: a
// thought, a plan, tool calls that really happen, a permission that is really waited for, text that comes word by
// word, and a cancel. It is no model, says so, and does only what it says.
//
//	TROUPE_DEMO_STORE  folder in which sessions outlive the process (session/load); unset: they do not
//	TROUPE_DEMO_PACE   milliseconds for a word, 30 when unset; 0 for tests
import { AgentSideConnection, ndJsonStream, PROTOCOL_VERSION, RequestError } from "@agentclientprotocol/sdk";
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import fs from "node:fs/promises";
import path from "node:path";
import { Readable, Writable } from "node:stream";

const STORE = process.env.TROUPE_DEMO_STORE ?? "";
const PACE = Math.max(0, Number(process.env.TROUPE_DEMO_PACE ?? 30) || 0);
const NOTE = "troupe-demo.txt"; // the only file that it ever changes
const HISTORY_MAX = 400;        // updates that are kept of a session

const MODES = [
	{ id: "ask", name: "Ask", description: "Ask before a file is changed" },
	{ id: "auto", name: "Auto", description: "Change files without asking" },
];

class Cancelled extends Error {}
class Refused extends Error {}

// ---------------------------------------------------------------- sessions

/** Where it works, what was said (as updates, to be replayed), and the turn that runs. */
class Session {
	constructor(id, cwd) {
		this.id = id;
		this.cwd = cwd;
		this.mode = "ask";
		this.turns = 0;
		this.calls = 0;
		this.history = [];
		this.allowed = new Set();      // kinds of tool that somebody always allows
		this.abort = null;             // of the turn that runs
		this.last = Promise.resolve(); // prompts wait for one another
	}

	get file() {
		return path.join(STORE, `${this.id}.json`);
	}

	get modes() {
		return { currentModeId: this.mode, availableModes: MODES };
	}

	/** Keeps an update for session/load: chunks of one message become one, a tool call its last state. */
	remember(update) {
		const before = this.history.at(-1);

		if (update.sessionUpdate === "plan")
			return;
		if (update.sessionUpdate === "tool_call_update") {
			const call = this.history.find((kept) => kept.toolCallId === update.toolCallId);

			Object.assign(call ?? {}, update, { sessionUpdate: "tool_call" });
		} else if (update.sessionUpdate.endsWith("_chunk") && before?.sessionUpdate === update.sessionUpdate) {
			before.content.text += update.content.text;
		} else {
			this.history.push(structuredClone(update));
			this.history.splice(0, this.history.length - HISTORY_MAX);
		}
	}

	async save() {
		const { cwd, mode, turns, calls, history } = this;

		if (!STORE)
			return;
		await fs.mkdir(STORE, { recursive: true });
		await fs.writeFile(`${this.file}.new`, JSON.stringify({ cwd, mode, turns, calls, history }));
		await fs.rename(`${this.file}.new`, this.file);
	}

	static async load(id, cwd) {
		const session = new Session(id, cwd);

		if (!STORE || !/^demo-[0-9a-f-]{36}$/.test(id))
			throw RequestError.resourceNotFound(id);
		try {
			Object.assign(session, JSON.parse(await fs.readFile(session.file, "utf8")), { cwd });
		} catch {
			throw RequestError.resourceNotFound(id);
		}
		return session;
	}
}

// ---------------------------------------------------------------- one turn

const textContent = (text) => ({ type: "content", content: { type: "text", text } });

/** One prompt being answered. Whatever it does, it first looks whether it was cancelled. */
class Turn {
	constructor(connection, session, words) {
		this.connection = connection;
		this.session = session;
		this.words = words;
		this.plan = [];
		this.signal = session.abort.signal;
		this.cancelled = new Promise((resolve) => this.signal.addEventListener("abort", resolve, { once: true }));
	}

	check() {
		if (this.signal.aborted)
			throw new Cancelled();
	}

	/** What must be said even after a cancel. */
	async sendAtLast(update) {
		this.session.remember(update);
		await this.connection.sessionUpdate({ sessionId: this.session.id, update });
	}

	async send(update) {
		this.check();
		await this.sendAtLast(update);
	}

	async wait(ms) {
		let timer;

		this.check();
		await Promise.race([new Promise((resolve) => (timer = setTimeout(resolve, ms))), this.cancelled]);
		clearTimeout(timer);
		this.check();
	}

	/** Word by word, with a longer breath after a sentence. */
	async say(text, sessionUpdate = "agent_message_chunk") {
		for (const word of text.match(/\s*\S+\s*$|\s*\S+/g) ?? []) {
			await this.send({ sessionUpdate, content: { type: "text", text: word } });
			await this.wait(PACE * (0.7 + 0.6 * Math.random() + (/[.:!?]$/.test(word) ? 4 : 0)));
		}
	}

	think(text) {
		return this.say(text, "agent_thought_chunk");
	}

	/** The steps before `at` are done, that one is being done, the others wait. */
	async showPlan(at) {
		const status = (i) => (i < at ? "completed" : i === at ? "in_progress" : "pending");
		const entries = this.plan.map((content, i) => ({ content, priority: "medium", status: status(i) }));

		await this.send({ sessionUpdate: "plan", entries });
	}

	updateTool(call, fields) {
		return this.send({ sessionUpdate: "tool_call_update", toolCallId: call.toolCallId, ...fields });
	}

	/** Announces a tool call, has `act` do it, tells how it went. `act` gives what the call shows; so does this,
	 * or {error} when it failed. */
	async tool(fields, act) {
		const call = { toolCallId: `call_${++this.session.calls}`, ...fields };

		await this.send({ sessionUpdate: "tool_call", status: "pending", ...call });
		await this.wait(8 * PACE);
		try {
			const shown = await act(call);

			await this.updateTool(call, { status: "completed", ...shown });
			return shown;
		} catch (error) {
			const why = this.signal.aborted ? "Cancelled." : error.message;

			await this.sendAtLast({
				sessionUpdate: "tool_call_update", toolCallId: call.toolCallId,
				status: "failed", content: [textContent(why)],
			});
			this.check();
			return { error };
		}
	}

	async begin(call) {
		await this.updateTool(call, { status: "in_progress" });
		await this.wait(10 * PACE);
	}

	/** Waits until somebody answers, for as long as it takes; throws when it was not permitted. */
	async permission(call) {
		const { allowed, id, mode } = this.session;

		if (mode === "auto" || allowed.has(call.kind))
			return;
		const asked = this.connection.requestPermission({
			sessionId: id,
			toolCall: { ...call, status: "pending" },
			options: [
				{ optionId: "once", name: "Allow once", kind: "allow_once" },
				{ optionId: "always", name: "Always allow", kind: "allow_always" },
				{ optionId: "no", name: "Reject", kind: "reject_once" },
			],
		});

		asked.catch(() => {}); // an answer that comes after a cancel interests nobody
		const answer = await Promise.race([asked, this.cancelled]);

		this.check();
		const choice = answer.outcome.optionId;

		if (choice === "always")
			allowed.add(call.kind);
		if (choice !== "always" && choice !== "once")
			throw new Refused("It was not permitted.");
	}
}

// ---------------------------------------------------------------- what it can do

async function listFolder(turn) {
	const folder = turn.session.cwd;
	const fields = {
		title: `List ${folder}`, kind: "read",
		locations: [{ path: folder }], rawInput: { path: folder },
	};

	return turn.tool(fields, async (call) => {
		await turn.begin(call);
		const entries = await fs.readdir(folder, { withFileTypes: true });
		const names = entries.map((entry) => entry.name + (entry.isDirectory() ? "/" : "")).sort();
		const more = names.length > 20 ? `\n... and ${names.length - 20} more` : "";

		return {
			content: [textContent(names.slice(0, 20).join("\n") + more || "(nothing)")],
			rawOutput: { names: names.slice(0, 20), count: names.length, folders: names.filter(isFolder).length },
		};
	});
}

const isFolder = (name) => name.endsWith("/");

async function readIfThere(file) {
	try {
		return await fs.readFile(file, "utf8");
	} catch (error) {
		if (error.code === "ENOENT")
			return null;
		throw error;
	}
}

/** A change that really happens, so that there is something to permit. */
async function addToNote(turn) {
	const file = path.join(turn.session.cwd, NOTE);
	const line = `${new Date().toISOString()} ${turn.words.replace(/\s+/g, " ").slice(0, 200)}\n`;
	const fields = {
		title: `Add a line to ${NOTE}`, kind: "edit",
		locations: [{ path: file }], rawInput: { path: file, line },
	};

	return turn.tool(fields, async (call) => {
		const before = await readIfThere(file);
		const content = [{ type: "diff", path: file, oldText: before, newText: (before ?? "") + line }];

		await turn.permission({ ...call, content });
		await turn.begin(call);
		await fs.writeFile(file, line, {
			flag: constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW,
		});
		return { content };
	});
}

async function deleteNote(turn) {
	const file = path.join(turn.session.cwd, NOTE);
	const fields = {
		title: `Delete ${NOTE}`, kind: "delete",
		locations: [{ path: file }], rawInput: { path: file },
	};

	return turn.tool(fields, async (call) => {
		if (await readIfThere(file) === null)
			throw new Error(`there is no ${NOTE} here`);
		await turn.permission(call);
		await turn.begin(call);
		await fs.unlink(file);
		return { content: [textContent(`${NOTE} is gone.`)] };
	});
}

// ---------------------------------------------------------------- what it says

const HELLO = "Hello! I am Troupe's **demonstration agent**. There is no AI model behind me, "
	+ "but what you see me do is real. ";

const KEPT = "Everybody in this workspace saw these steps as they happened, and they are kept: "
	+ "reload the page and they are still here.\n\n";

const HELP = `Things to try:

- **look around**: I list the folder that I work in.
- **write a note**: I ask for permission, then add a line to \`${NOTE}\`. Any of you can answer.
- **delete the note**: I ask again.
- **count to 100**: a long turn. Say something else meanwhile: it waits for its turn.

For a real coding agent start Troupe with \`troupe serve --agent claude\` (or codex, opencode, amp) and that \
agent's account in the environment, for instance \`ANTHROPIC_API_KEY\`.`;

/** What a word in the prompt makes it do, besides looking around. The first that fits. */
const CHANGES = [
	{
		words: /\b(delete|remove|erase|clean)/i, act: deleteNote,
		plan: `Delete ${NOTE}, if that is permitted`, done: `I deleted \`${NOTE}\`. `,
	},
	{
		words: /\b(write|create|change|edit|add|append|update|save|make|note|fix)/i, act: addToNote,
		plan: `Add a line to ${NOTE}, if that is permitted`, done: `I added a line to \`${NOTE}\`. `,
	},
];

const number = (n, one) => (n ? [`${n} ${one}${n === 1 ? "" : "s"}`] : []);

function whatISaw({ error, rawOutput }, folder, then) {
	if (error)
		return `I could not list \`${folder}\`: ${error.message}. `;
	const { names, count, folders } = rawOutput;
	const some = names.slice(0, 3).map((name) => `\`${name}\``).join(", ") + (count > 3 ? " and others" : "");
	const kinds = [...number(count - folders, "file"), ...number(folders, "folder")].join(" and ");

	if (!count)
		return `The folder that I work in, \`${folder}\`, ${then ? "was" : "is"} still empty. `;
	return `The folder that I work in, \`${folder}\`, ${then ? "had" : "has"} ${kinds}: ${some}. `;
}

function howItWent({ error }, done) {
	if (!error)
		return done;
	if (error instanceof Refused)
		return "It was not permitted, so I changed nothing. ";
	return `That did not work: ${error.message}. `;
}

const THOUGHT = "I am no model and do not understand this: I only look for a few words in it. I will look at the folder.";

const THOUGHT_OF_CHANGE = "A word in this asks for a change. I will look at the folder first, and ask before I touch "
	+ "anything unless that is allowed already.";

async function workAndTell(turn) {
	const { session } = turn;
	const change = CHANGES.find(({ words }) => words.test(turn.words));
	const first = session.turns === 1;

	await turn.think(change ? THOUGHT_OF_CHANGE : THOUGHT);
	turn.plan = ["Look at the folder", ...(change ? [change.plan] : []), "Tell what happened"];
	await turn.showPlan(0);
	const seen = await listFolder(turn);
	let told = (first ? HELLO : "") + whatISaw(seen, session.cwd, !!change);

	if (change) {
		await turn.showPlan(1);
		told += howItWent(await change.act(turn), change.done);
	}
	told += first ? KEPT + HELP : `This was turn ${session.turns} here; say *help* to see what I can do.`;
	await turn.showPlan(turn.plan.length - 1);
	await turn.say(told);
	await turn.showPlan(turn.plan.length);
}

async function countTo(turn, last) {
	await turn.think(`Counting to ${last}, slowly: this is a long turn on purpose.`);
	for (let n = 1; n <= last; n++) {
		await turn.say(`${n}${n === last ? "." : n % 10 ? ", " : ",\n"}`);
		await turn.wait(6 * PACE);
	}
	await turn.say("\n\nDone. Everyone here saw the same numbers in the same order.");
}

async function answer(turn) {
	const counting = /\bcount(?:\s+up)?\s+to\s+(\d{1,4})\b/i.exec(turn.words);

	if (counting)
		await countTo(turn, Math.max(1, Number(counting[1])));
	else if (/^\W*(help|what can you do)\b/i.test(turn.words))
		await turn.say(`I am Troupe's demonstration agent, not an AI model.\n\n${HELP}`);
	else
		await workAndTell(turn);
}

// ---------------------------------------------------------------- the protocol

class DemoAgent {
	constructor(connection) {
		this.connection = connection;
		this.sessions = new Map();
	}

	session(id) {
		const session = this.sessions.get(id);

		if (!session)
			throw RequestError.invalidParams({ reason: `there is no session ${id}` });
		return session;
	}

	async initialize() {
		return {
			protocolVersion: PROTOCOL_VERSION,
			agentInfo: { name: "troupe-demo", title: "Troupe's demonstration agent", version: "0.1.0" },
			agentCapabilities: { loadSession: !!STORE },
			authMethods: [],
		};
	}

	async authenticate() {
		return {};
	}

	async newSession({ cwd }) {
		const session = new Session(`demo-${randomUUID()}`, cwd);

		this.sessions.set(session.id, session);
		await session.save();
		return { sessionId: session.id, modes: session.modes };
	}

	async loadSession({ sessionId, cwd }) {
		const session = await Session.load(sessionId, cwd);

		this.sessions.set(sessionId, session);
		for (const update of session.history)
			await this.connection.sessionUpdate({ sessionId, update });
		return { modes: session.modes };
	}

	async setSessionMode({ sessionId, modeId }) {
		const session = this.session(sessionId);

		if (!MODES.some(({ id }) => id === modeId))
			throw RequestError.invalidParams({ reason: `there is no mode ${modeId}, only ask and auto` });
		session.mode = modeId;
		await session.save();
		return {};
	}

	async prompt({ sessionId, prompt }) {
		const session = this.session(sessionId);
		const mine = session.last.then(() => this.run(session, prompt));

		session.last = mine.catch(() => {});
		return mine;
	}

	async run(session, blocks) {
		/* The last text is what the user said; those before it are context, as a replayed history is. */
		const words = blocks.filter(({ type }) => type === "text").at(-1)?.text ?? "";

		session.turns++;
		session.abort = new AbortController();
		session.remember({ sessionUpdate: "user_message_chunk", content: { type: "text", text: words } });
		try {
			await answer(new Turn(this.connection, session, words));
			return { stopReason: "end_turn" };
		} catch (error) {
			if (error instanceof Cancelled)
				return { stopReason: "cancelled" };
			throw error;
		} finally {
			session.abort = null;
			await session.save();
		}
	}

	async cancel({ sessionId }) {
		this.sessions.get(sessionId)?.abort?.abort();
	}
}

new AgentSideConnection((connection) => new DemoAgent(connection),
	ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin)));
process.stdin.on("end", () => process.exit(0));
