#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// A coding agent for tests: speaks the Agent Client Protocol as JSON lines on stdin and stdout, with nothing but Node. What
// it does is said by the text of the prompt, so a test reads as a play; see `acts` below.
//
// Environment:
//   AGENT_STORE=DIR    sessions are kept there and session/load is offered
//   AGENT_RESUME=1     session/resume is offered as well (wants AGENT_STORE)
//   AGENT_KEY=NAME     a login method of this id is offered; session/new wants it done
//   AGENT_CLOSED=FILE  session/close is offered; the ids of those that were closed are written there
//   AGENT_STUBBORN=1   lives on when its input ends, as real agents do
//   AGENT_DIE_IN=initialize | session/new    ends there, with code 9
//   AGENT_FAIL=METHOD  answers this method with an error
//   AGENT_PLAIN=1      offers no modes and no options
//   AGENT_NO_SET_MODE=1   has its mode as an option only
//   AGENT_BANNER=TEXT  prints this line first
//   AGENT_WROTE=DIR    every line that it prints is first written there, into one file for each process, as [line, is a replay]
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";

const env = process.env;
const kept = env.AGENT_WROTE ? fs.openSync(path.join(env.AGENT_WROTE, `${Date.now()}-${process.pid}.jsonl`), "a") : null;
let replaying = false;
const keepLines = (lines) => kept && fs.writeSync(kept, lines.map((line) => JSON.stringify([line, replaying]) + "\n").join(""));
const out = (...lines) => { // a pipe: written at once, whatever its size
  keepLines(lines);
  process.stdout.write(lines.join("\n") + "\n");
};
const send = (message) => out(JSON.stringify({ jsonrpc: "2.0", ...message }));
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

class Refusal extends Error {
  constructor(code, message, data) { super(message); this.code = code; this.data = data; }
}

// ---- sessions

const sessions = new Map();
let made = 0, loggedIn = !env.AGENT_KEY;

const fileOf = (id) => path.join(env.AGENT_STORE, `${id}.json`);
const keep = (session) => env.AGENT_STORE && fs.writeFileSync(fileOf(session.id), JSON.stringify(session.said));

function newSession(id, said) {
  const session = { id, said, cancel: null, mode: "ask", model: "small", effort: "low", web: false };
  sessions.set(id, session);
  return session;
}

function restoreSession(id) {
  if (!env.AGENT_STORE || !/^[\w.-]+$/.test(id) || !fs.existsSync(fileOf(id))) throw new Refusal(-32002, "Resource not found", { id });
  return newSession(id, JSON.parse(fs.readFileSync(fileOf(id), "utf8")));
}

const update = (session, sessionUpdate, fields) =>
  send({ method: "session/update", params: { sessionId: session.id, update: { sessionUpdate, ...fields } } });

function say(session, text) {
  session.said.push(["agent", text]);
  update(session, "agent_message_chunk", { content: { type: "text", text } });
}

// ---- what may be chosen; a new life begins with the defaults, as real agents do

const MODES = ["ask", "code", "plan"];
const named = (values) => values.map((value) => ({ value, name: value }));
const select = (id, category, currentValue, options) => ({ id, name: id, category, type: "select", currentValue, options });

const optionsOf = (session) => [
  select("model", "model", session.model, named(["small", "large"])),
  select("mode", "mode", session.mode, named(MODES)),
  select("effort", "thought_level", session.effort, [
    { group: "basic", name: "Basic", options: named(["low"]) }, { group: "more", name: "More", options: named(["high"]) }]),
  { id: "web", name: "web", type: "boolean", currentValue: session.web },
];

const chosen = (session) => (env.AGENT_PLAIN ? {} : {
  modes: { currentModeId: session.mode, availableModes: MODES.map((id) => ({ id, name: id })) },
  configOptions: optionsOf(session),
});

function setMode({ sessionId, modeId }) {
  if (env.AGENT_NO_SET_MODE || env.AGENT_PLAIN) throw new Refusal(-32601, "Method not found");
  if (!MODES.includes(modeId)) throw new Refusal(-32602, "Invalid params", { modeId });
  sessions.get(sessionId).mode = modeId;
  return {};
}

function setOption({ sessionId, configId, value }) {
  const session = sessions.get(sessionId);
  if (env.AGENT_PLAIN) throw new Refusal(-32601, "Method not found");
  if (!(configId in session)) throw new Refusal(-32602, "Invalid params", { configId });
  session[configId] = value;
  return { configOptions: optionsOf(session) };
}

// ---- asking the client

const asked = new Map();
let nextAsk = 0;

function ask(method, params) {
  const id = nextAsk++;
  send({ id, method, params });
  return new Promise((resolve) => asked.set(id, resolve));
}

const permissionOptions = [
  { optionId: "yes", name: "Yes", kind: "allow_once" },
  { optionId: "ever", name: "Always", kind: "allow_always" },
  { optionId: "no", name: "No", kind: "reject_once" },
];

async function permission(session, number, options = permissionOptions) {
  const toolCall = { toolCallId: `tool-${number}`, title: `Do thing ${number}`, kind: "execute", status: "pending" };
  const answer = await ask("session/request_permission", { sessionId: session.id, toolCall, options });
  say(session, `permission ${number}: ${JSON.stringify(answer.result?.outcome ?? answer.error)}`);
  return answer.result?.outcome;
}

// ---- what a prompt can make it do; each gets its words and a wait that ends early when the turn is cancelled

const ANSWERED = Symbol("the act has answered by itself");
const acts = {
  "!chunks": async (session, [count, ms, file], wait) => { // the last one when there is such a file
    for (let i = 1; i <= Number(count); i++) {
      while (file && i === Number(count) && !fs.existsSync(file)) await wait(20);
      say(session, `chunk ${i} `);
      if (ms) await wait(Number(ms));
    }
  },
  "!burst": async (session, [count, bytes = 0]) => { // as fast as the pipe takes them
    const text = (i) => `b${i} ` + "x".repeat(Number(bytes));

    out(...Array.from({ length: Number(count) }, (_, i) => JSON.stringify({ jsonrpc: "2.0", method: "session/update", params: {
      sessionId: session.id, update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text: text(i + 1) } } } })));
  },
  "!stream": async (session, [count, atOnce, ms]) => { // so many at once, then a moment, and so on
    for (let i = 1; i <= Number(count); i++) { say(session, `s${i} `); if (i % Number(atOnce) === 0) await pause(Number(ms)); }
  },
  "!big": async (session, [bytes]) => say(session, "x".repeat(Number(bytes))),
  "!perm": async (session, [count = 1, concurrent]) => {
    if (concurrent) { await Promise.all(Array.from({ length: Number(count) }, (_, i) => permission(session, i + 1))); return; }
    for (let i = 1; i <= Number(count); i++) if ((await permission(session, i))?.outcome === "cancelled") return "cancelled";
  },
  "!perm-always": async (session) => { await permission(session, 1, permissionOptions.filter(({ kind }) => kind !== "allow_once")); },
  "!slow": async (session, [ms], wait) => { say(session, "begun "); await wait(Number(ms)); say(session, "ended"); },
  "!silent": async (session, [ms], wait) => wait(Number(ms)),
  "!hang": async (session, words, wait) => { say(session, "hanging"); await wait(2 ** 30); },
  "!hang-hard": async (session) => { say(session, "hanging hard"); await pause(2 ** 30); }, // no cancel helps
  "!crash": async (session, [code = 3]) => { say(session, "crashing"); await pause(20); process.exit(Number(code)); },
  "!error": async (session, [code, data]) => { throw new Refusal(Number(code), "asked to fail", data ?? { asked: true }); },
  "!refuse": async (session, [code]) => { throw new Refusal(Number(code), "asked to refuse"); }, // no data
  "!badjson": async (session) => {
    out("this is not json {"); out("[1,2,3]"); out('"text"'); out('{"hello":"world"}');
    out('{"jsonrpc":"2.0","id":"nobody-asked","result":{}}');
  },
  "!dupresp": async (session, words, wait, id) => { // answers this prompt, and then once more
    send({ id, result: { stopReason: "end_turn", first: true } });
    send({ id, result: { stopReason: "refusal" } });
    return ANSWERED;
  },
  "!stderr": async (session, words) => {
    await new Promise((done) => process.stderr.write(words.join(" ") + "\n", done));
    await pause(50); // the server reads it beside the answer
    throw new Refusal(-32603, "look at stderr", { told: true });
  },
  "!deep": async (session, [depth]) => out(`{"jsonrpc":"2.0","method":"x/deep","params":${"[".repeat(depth)}${"]".repeat(depth)}}`),
  "!surrogate": async () => out(`{"jsonrpc":"2.0","method":"x/surrogate","params":{"text":"lone \\ud800 one"}}`),
  "!infinity": async () => out(`{"jsonrpc":"2.0","method":"x/infinity","params":{"v":1e999}}`),
  "!blank": async () => out("", "   ", `\t{"jsonrpc":"2.0","method":"x/padded","params":{}}  `),
  "!unicode": async (session) => say(session, "snowman \u2603 emoji \u{1F600} nul \u0000 ctl \u0007 ls \u2028 \"q\" \\ \r\n tab\t end"),
  "!child": async (session, [what = ""], wait) => { // has children that outlive it and do not obey; then hangs
    const stays = `trap "" TERM HUP; echo $$; exec 1>&-; while :; do sleep 1; done`;
    const script = what === "apart" ? `sh -c '${stays}' & wait` : stays; // its parent does obey
    const child = spawn("sh", ["-c", script], { detached: what === "apart", stdio: ["ignore", "pipe", "ignore"] });
    const [text] = await once(child.stdout, "data");

    say(session, `child ${String(text).trim()}.`);
    await wait(2 ** 30);
  },
  "!pid": async (session) => say(session, String(process.pid)),
  "!then-crash": async (session, [ms = 100]) => { setTimeout(() => process.exit(4), Number(ms)); },
  "!numbers": async (session) => out(`{"jsonrpc":"2.0","method":"x/numbers","params":{"a":9007199254740993,"b":18446744073709551615,"c":-0.0,"d":1.10,"e":1e3}}`),
  "!tool": async (session) => {
    update(session, "tool_call", { toolCallId: "t1", title: "Read a file", kind: "read", status: "pending" });
    update(session, "tool_call_update", { toolCallId: "t1", status: "completed" });
    say(session, "Read it.");
  },
  "!late": async (session, [ms]) => { setTimeout(() => say(session, "late"), Number(ms)); },
  "!ask": async (session) => say(session, JSON.stringify((await ask("fs/read_text_file", { sessionId: session.id, path: "/etc/hostname" })).error)),
  "!refusal": async () => "refusal",
  "!max_tokens": async (session) => { say(session, "and so on and"); return "max_tokens"; },
  "!close-stdout": async (session, words, wait) => { say(session, "last words"); await pause(50); fs.closeSync(1); await wait(2 ** 30); },
  "!badutf8": async (session, words, wait) => { say(session, "last words"); process.stdout.write(Buffer.from([0xff, 0xfe, 10])); await wait(2 ** 30); },
  "!freeze-after": async () => { setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)); }, // when the turn is over
  "!deaf": async (session) => { say(session, "reading no more"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); },
  "!mode": async (session, [mode]) => {
    session.mode = mode;
    update(session, "current_mode_update", { currentModeId: mode });
  },
  "!model": async (session, [model]) => {
    session.model = model;
    update(session, "config_option_update", { configOptions: optionsOf(session) });
  },
  "!chosen": async (session) => say(session, [session.mode, session.model, session.effort, session.web].join(" ")),
  "!said": async (session) => say(session, JSON.stringify(session.said)),
};

async function prompt({ sessionId, prompt: blocks }, id) {
  const session = sessions.get(sessionId);
  if (!session) throw new Refusal(-32602, "Invalid params", { reason: "no such session" });
  const text = blocks.filter((b) => b.type === "text").map((b) => b.text);
  const [word, ...rest] = text[text.length - 1].split(" ");
  let cancelled = false;
  const wait = (ms) => new Promise((done, fail) => {
    const timer = setTimeout(done, ms);
    session.cancel = () => { clearTimeout(timer); cancelled = true; fail(new Refusal(-32800, "cancelled")); };
  });
  for (const t of text) session.said.push(["user", t]);
  try {
    const act = acts[word] ?? (async () => { for (const t of ["You said: ", text[text.length - 1], "."]) say(session, t); });
    const reason = await act(session, rest, wait, id);
    return reason === ANSWERED ? ANSWERED : { stopReason: reason ?? "end_turn" };
  } catch (error) {
    if (cancelled) return { stopReason: "cancelled" };
    throw error;
  } finally {
    session.cancel = null;
    keep(session);
  }
}

// ---- methods

const methods = {
  initialize: async () => ({
    protocolVersion: 1,
    agentInfo: { name: "test-agent", version: "1" },
    agentCapabilities: {
      loadSession: Boolean(env.AGENT_STORE),
      sessionCapabilities: { ...(env.AGENT_RESUME && { resume: {} }), ...(env.AGENT_CLOSED && { close: {} }) },
    },
    authMethods: env.AGENT_KEY ? [{ id: "by-hand", name: "By hand" }, { id: env.AGENT_KEY, name: "Key" }] : [],
  }),
  authenticate: async ({ methodId }) => { if (methodId === env.AGENT_KEY) loggedIn = true; return {}; },
  "session/new": async () => {
    if (!loggedIn) throw new Refusal(-32000, "Authentication required");
    const session = newSession(`s-${process.pid}-${++made}`, []);
    return { sessionId: session.id, ...chosen(session) };
  },
  "session/load": async ({ sessionId }) => {
    const session = restoreSession(sessionId);
    replaying = true;
    for (const [who, text] of session.said) update(session, `${who}_message_chunk`, { content: { type: "text", text } });
    replaying = false;
    return chosen(session);
  },
  "session/resume": async ({ sessionId }) => chosen(restoreSession(sessionId)),
  "session/close": async ({ sessionId }) => {
    if (!env.AGENT_CLOSED) throw new Refusal(-32601, "Method not found");
    sessions.get(sessionId)?.cancel?.();
    fs.appendFileSync(env.AGENT_CLOSED, `${sessionId}\n`);
    return {};
  },
  "session/set_mode": async (params) => setMode(params),
  "session/set_config_option": async (params) => setOption(params),
  "session/prompt": prompt,
  "session/cancel": async ({ sessionId }) => sessions.get(sessionId)?.cancel?.(),
};

async function serve(message) {
  const { id, method, params } = message;
  if (method === undefined) {
    asked.get(id)?.(message);
    asked.delete(id);
    return;
  }
  if (env.AGENT_DIE_IN === method) process.exit(9);
  try {
    if (!methods[method]) throw new Refusal(-32601, "Method not found");
    if (env.AGENT_FAIL === method) throw new Refusal(-32603, "told to fail", { method });
    const result = await methods[method](params, id);
    if (id !== undefined && result !== ANSWERED) send({ id, result });
  } catch (error) {
    if (id !== undefined) send({ id, error: { code: error.code ?? -32603, message: error.message, data: error.data } });
  }
}

process.stdout.on("error", () => {}); // it may have been closed
if (env.AGENT_BANNER) out(env.AGENT_BANNER);
const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => { if (line.trim()) serve(JSON.parse(line)); });
lines.on("close", () => { if (!env.AGENT_STUBBORN) process.exit(0); });
if (env.AGENT_STUBBORN) setInterval(() => {}, 1 << 30);
