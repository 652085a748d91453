// SPDX-License-Identifier: Apache-2.0
/* Sandboxes of single actors, and what becomes of what actors leave behind: a process for each workspace, ended with it, whatever
 * died in between; agents in a shared sandbox, ended with their workspace, now or when the sandbox is back. */

import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createServer, request } from "node:http";
import path from "node:path";
import { commandOf, isAlive, kill, markedWith } from "./kit/process.mjs";
import { freePort } from "./kit/ports.mjs";
import { putToSleep } from "./kit/sleep.mjs";
import { test } from "./kit/stage.mjs";
import { Gate } from "./kit/gate.mjs";
import { eventually } from "./kit/wait.mjs";

const LOCAL = { sandbox: "none", args: ["--provider", "local"] };
const codeOf = ({ group, code }) => `${group}.${code}`;
const failureOf = (promise) => promise.then((answer) => assert.fail(JSON.stringify(answer)), (error) => error);

const matching = (stage, pattern) => markedWith(stage.mark).filter((pid) => isAlive(pid) && pattern.test(commandOf(pid)));
const serversOf = (stage) => matching(stage, /sandbox-agent.* server /);
const agentsOf = (stage) => matching(stage, /agent\.mjs/);
const foldersOf = (troupe) => (existsSync(path.join(troupe.data, "sandboxes")) ? readdirSync(path.join(troupe.data, "sandboxes")) : []);

/* Whoever is connected would come back, and make it anew. */
async function destroy(stage, troupe, ear, key) {
	await ear.close();
	const id = await stage.client(troupe).workspace.get([key]).resolve();
	const answer = await fetch(`${troupe.url}/actors/${id}`, { method: "DELETE" });

	assert.equal(answer.status, 200, await answer.text());
}

const says = async (ear, text) => {
	const before = ear.said.length;
	const { stopReason } = await ear.conn.prompt({ userId: "ann", text });

	await ear.until(`the answer to ${text}`, () => ear.said.length > before);
	return stopReason;
};

/* ------------------------------------------------------------------ a process for each */

test("[S62] each workspace has a sandbox of its own, which goes with it; its neighbour's stays", async (stage) => {
	const troupe = await stage.troupe(LOCAL);
	const [one, two] = ["one", "two"].map((key) => stage.join(troupe, key, { userId: "ann" }));

	assert.deepEqual(await Promise.all([says(one, "hello"), says(two, "hello")]), ["end_turn", "end_turn"]);
	const infos = await Promise.all([one, two].map(({ conn }) => conn.getSessionInfo()));

	assert.match(infos[0].sandboxId, /^local\/[0-9a-z]{38}$/);
	assert.notEqual(infos[0].sandboxId, infos[1].sandboxId);
	assert.deepEqual(one.of("sandbox.state").map(({ state }) => state), ["creating", "starting", "ready"]);
	assert.equal(serversOf(stage).length, 2);
	assert.equal(foldersOf(troupe).length, 2);
	await destroy(stage, troupe, one, "one");
	await eventually("one sandbox is left", () => serversOf(stage).length === 1 && agentsOf(stage).length === 1 && foldersOf(troupe).length === 1);
	await troupe.program.line(/debt\.paid .*how=destroyed/);
	assert.equal(await says(two, "still here?"), "end_turn");
});

test("a server that was killed finds its sandboxes again, and the turns in them go on", async (stage) => {
	const troupe = await stage.troupe(LOCAL);
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await says(ann, "hello");
	const before = serversOf(stage);
	const prompt = ann.conn.prompt({ userId: "ann", text: "!slow 1500", promptId: "p" }).catch(() => {});

	await ann.until("the turn", () => ann.said.includes("begun"));
	await troupe.crash();
	await ann.turn("p", "done");
	await prompt;
	assert.match(ann.said, /begun ended$/);
	assert.deepEqual(serversOf(stage), before);
});

test("what a killed server left is ended by the next, even if nobody asks for it", async (stage) => {
	const troupe = await stage.troupe(LOCAL);
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await says(ann, "hello");
	await ann.close();
	await troupe.crash();
	assert.equal(serversOf(stage).length, 1);
	await troupe.stop();
	assert.deepEqual(serversOf(stage), []);
	assert.deepEqual(agentsOf(stage), []);
});

test("a sandbox that slept with its server comes back under its name, and the history with it", async (stage) => {
	const troupe = stage.unstarted(LOCAL);

	await troupe.start();
	const first = stage.join(troupe, "w", { userId: "ann" });

	await says(first, "remember me");
	const { sandboxId } = await first.conn.getSessionInfo();

	await first.close();
	await troupe.stop();
	assert.deepEqual(serversOf(stage), []);
	await troupe.start();
	const second = stage.join(troupe, "w", { userId: "ann" });

	assert.equal(await says(second, "and now?"), "end_turn");
	assert.equal((await second.conn.getSessionInfo()).sandboxId, sandboxId);
	assert.match(second.said, /You said: remember me\..*You said: and now\?\./s);
});

test("a sandbox that is killed is started again, and the next prompt works", async (stage) => {
	const troupe = await stage.troupe(LOCAL);
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await says(ann, "hello");
	serversOf(stage).forEach((pid) => kill(pid));
	await troupe.program.line(/sandbox\.exit/);
	assert.equal(await says(ann, "again"), "end_turn");
});

test("a session's agent is ended with it, though its sandbox stays; and with its workspace's sleep, if that is wanted", async (stage) => {
	const troupe = await stage.troupe({ ...LOCAL, args: [...LOCAL.args, "--agent-on-sleep", "dispose"], env: { AGENT_STUBBORN: "1" } });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await says(ann, "hello");
	const first = agentsOf(stage);

	await ann.conn.createSession({ sessionId: "review" });
	assert.equal(agentsOf(stage).length, 2);
	await ann.conn.destroySession({ sessionId: "review" });
	await eventually("one agent is left", () => agentsOf(stage).length === 1);
	assert.deepEqual(agentsOf(stage), first);
	await ann.close();
	await putToSleep(troupe, stage.client(troupe).workspace.get(["w"]));
	await eventually("no agent is left", () => agentsOf(stage).length === 0);
	assert.equal(serversOf(stage).length, 1);
	assert.equal(foldersOf(troupe).length, 1);
});

test("renewSandbox gives one sandbox up for another, and the agent is told what was said", async (stage) => {
	const troupe = await stage.troupe(LOCAL);
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await says(ann, "the word is swordfish");
	const before = serversOf(stage);

	await ann.conn.renewSandbox();
	await ann.event("sandbox.state", ({ state }) => state === "destroyed");
	assert.equal(await says(ann, "!said"), "end_turn");
	assert.match(ann.said, /swordfish[^]*swordfish/);
	await eventually("the old sandbox is gone", () => !before.some(isAlive));
	assert.equal(serversOf(stage).length, 1);
});

test("people choose among the providers that are offered, and nothing else", async (stage) => {
	const sandbox = await stage.sandbox();
	const troupe = await stage.troupe({ sandbox: `http://127.0.0.1:${await freePort()}`, args: ["--provider", "url"] });
	const choose = (key, fields) => stage.client(troupe).workspace.getOrCreate([key], { createWithInput: { sandbox: fields } });

	await sandbox.start();
	for (const fields of [
		{ provider: "local" }, { provider: "daytona" }, { provider: "url", baseUrl: sandbox.url, sandboxId: "x", extra: 1 },
	]) {
		const answer = await choose(`no-${fields.provider}`, fields).getSessionInfo().catch((error) => error);

		if (fields.provider === "url")
			assert.equal(answer.sandboxId, "x");
		else
			assert.equal(codeOf(answer), "auth.forbidden", JSON.stringify(fields));
	}
	/* offered, but it leads to this machine */
	const error = await failureOf(choose("near", { baseUrl: sandbox.url }).prompt({ userId: "ann", text: "hello" }));

	assert.equal(codeOf(error), "sandbox.unreachable");
	assert.match(error.message, /--allow-private-sandboxes/);
	for (const baseUrl of ["http://169.254.169.254/", "http://localhost:1/", "http://[::ffff:10.0.0.1]/", "http://0x7f000001/"]) {
		const refusal = await failureOf(choose(baseUrl, { baseUrl }).prompt({ userId: "ann", text: "hello" }));

		assert.match(refusal.message, /--allow-private-sandboxes/, baseUrl);
	}
});

/* ------------------------------------------------------------------ what is left in a shared one */

test("[S58, F33] the agent of a destroyed workspace is ended, though it does not obey; its neighbour's is not", async (stage) => {
	const troupe = await stage.troupe({ sandbox: "local", env: { AGENT_STUBBORN: "1" } });
	const [one, two] = ["one", "two"].map((key) => stage.join(troupe, key, { userId: "ann" }));

	await Promise.all([says(one, "hello"), says(two, "hello")]);
	assert.equal(agentsOf(stage).length, 2);
	await destroy(stage, troupe, one, "one");
	await troupe.program.line(/debt\.paid .*how=swept/);
	await eventually("one agent is left", () => agentsOf(stage).length === 1);
	assert.equal(await says(two, "still here?"), "end_turn");
});

/* The scripted agent, when it is told that a session of its own is closed. */
async function roomThatCloses(stage) {
	const closed = stage.folder("closed");
	const sandbox = await stage.sandbox({ AGENT_STUBBORN: "1", AGENT_CLOSED: closed });
	const road = await stage.road(await sandbox.start());
	const troupe = await stage.troupe({ sandbox: road.url, args: ["--agent-on-sleep", "dispose"] });

	const read = () => (existsSync(closed) ? readFileSync(closed, "utf8").trim().split("\n") : []);

	return { road, troupe, ann: stage.join(troupe, "w", { userId: "ann" }), closed: read };
}

async function sleepOf({ stage, troupe, ann }) {
	await ann.close();
	await putToSleep(troupe, stage.client(troupe).workspace.get(["w"]));
}

const ENDS = {
	"its workspace is destroyed": ({ stage, troupe, ann }) => destroy(stage, troupe, ann, "w"),
	"its session is destroyed": ({ ann }) => ann.conn.destroySession({ sessionId: "default" }),
	"its workspace sleeps, and it is to end with that": sleepOf,
	"another takes its place": ({ ann }) => ann.conn.restartAgent({ userId: "ann" }),
};

for (const [what, end] of Object.entries(ENDS))
	test(`an agent hears session/close before it is ended, when ${what}`, async (stage) => {
		const { road, troupe, ann, closed } = await roomThatCloses(stage);

		await says(ann, "hello");
		const [agent] = agentsOf(stage);
		const { agentSessionId } = (await ann.conn.listSessions()).items[0];

		if (end !== sleepOf) { /* one whose turn runs does not sleep */
			ann.conn.prompt({ userId: "ann", text: "!hang" }).catch(() => {});
			await ann.until("the turn", () => ann.said.includes("hanging"));
		}
		await end({ stage, troupe, ann });
		await road.until("its DELETE", () => road.of("delete").length > 0);
		assert.deepEqual(closed(), [agentSessionId]);
		assert.equal(road.asking("session/close").length, 1);
		assert.ok(road.requests.findIndex(({ rpc }) => rpc?.method === "session/close") < road.requests.findIndex(({ kind }) => kind === "delete"));
		await eventually("the agent has ended", () => !isAlive(agent));
	});

/* Somebody whose agent has started something that outlives it, in the midst of a turn. Gives its pid. */
async function childOf(ear, what = "") {
	ear.conn.prompt({ userId: "ann", text: `!child ${what}` }).catch(() => {});
	await ear.until("the child", () => /child \d+\./.test(ear.said));
	return Number(/child (\d+)\./.exec(ear.said)[1]);
}

for (const [what, env] of Object.entries({ "obeys the end of its input": {}, "does not obey": { AGENT_STUBBORN: "1" } }))
	for (const how of ["", "apart"])
		test(`what an agent that ${what} has started ${how && "in a session of its own "}goes with it; another's does not`, async (stage) => {
			const sandbox = await stage.sandbox(env);
			const troupe = await stage.troupe({ sandbox: (await sandbox.start()).url });
			const [one, two] = ["one", "two"].map((key) => stage.join(troupe, key, { userId: "ann" }));
			const children = await Promise.all([childOf(one, how), childOf(two, how)]);

			await destroy(stage, troupe, one, "one");
			await troupe.program.line(/debt\.paid .*how=swept/);
			await eventually("what the agent started has ended", () => !isAlive(children[0]));
			assert.ok(isAlive(children[1]));
			await two.conn.cancel({});
			assert.equal(await says(two, "still here?"), "end_turn");
			assert.ok(isAlive(children[1]));
			await destroy(stage, troupe, two, "two");
			await eventually("what the other agent started has ended", () => !isAlive(children[1]));
		});

test("what an agent has started goes with it, when another takes its place and when ours is killed meanwhile", async (stage) => {
	const sandbox = await stage.sandbox();
	const road = await stage.road(await sandbox.start());
	const troupe = await stage.troupe({ sandbox: road.url });
	const ann = stage.join(troupe, "w", { userId: "ann" });
	const first = await childOf(ann);
	const [agent] = agentsOf(stage);

	await ann.conn.restartAgent({ userId: "ann" });
	await eventually("the first agent has ended", () => !isAlive(first));
	assert.equal(await says(ann, "hello"), "end_turn");
	const second = await childOf({ conn: ann.conn, until: (...words) => ann.until(...words), get said() { return ann.said.split("hello").at(-1); } });

	await ann.conn.restartAgent({ userId: "ann" });
	await road.until("its DELETE", () => road.of("delete").length > 1);
	await troupe.crash();
	await eventually("the second agent has ended", () => !isAlive(second));
	assert.ok(!isAlive(agent));
	assert.equal(await says(ann, "again"), "end_turn");
});

test("[S59] an agent that does not obey is ended though ours is killed while it waits for that", async (stage) => {
	const sandbox = await stage.sandbox({ AGENT_STUBBORN: "1" });
	const road = await stage.road(await sandbox.start());
	const troupe = await stage.troupe({ sandbox: road.url });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await says(ann, "hello");
	await destroy(stage, troupe, ann, "w");
	await road.until("its DELETE", () => road.of("delete").length > 0);
	await troupe.crash();
	await troupe.program.line(/debt\.paid .*how=swept/);
	await eventually("no agent is left", () => agentsOf(stage).length === 0);
});

test("[S61] a sandbox that was away when its workspace was destroyed is cleaned up when it is back, by another server", async (stage) => {
	const sandbox = await stage.sandbox({ AGENT_STUBBORN: "1" });
	const gate = await new Gate(sandbox.port).open();

	stage.atEnd(() => gate.close());
	await sandbox.start();
	const troupe = await stage.troupe({ sandbox: gate.url });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await says(ann, "hello");
	gate.shut();
	await destroy(stage, troupe, ann, "w");
	await troupe.program.line(/debt\.unpaid/);
	await troupe.crash();
	assert.equal(agentsOf(stage).length, 1);
	const listed = async () => (await (await fetch(`${sandbox.url}/v1/acp`)).json()).servers.length;

	assert.equal(await listed(), 1);
	gate.reopen();
	await troupe.program.line(/debt\.paid/);
	assert.equal(await listed(), 0);
	await eventually("no agent is left", () => agentsOf(stage).length === 0);
});

test("an agent that another was to take the place of is ended though ours is killed while it waits for that", async (stage) => {
	const sandbox = await stage.sandbox({ AGENT_STUBBORN: "1" });
	const road = await stage.road(await sandbox.start());
	const troupe = await stage.troupe({ sandbox: road.url });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await says(ann, "hello");
	const [agent] = agentsOf(stage);

	await ann.conn.restartAgent({ userId: "ann" });
	await road.until("its DELETE", () => road.of("delete").length > 0);
	await troupe.crash();
	assert.equal(await says(ann, "again"), "end_turn");
	assert.ok(!isAlive(agent)); /* before the next was made */
	await destroy(stage, troupe, ann, "w");
	await eventually("no agent is left", () => agentsOf(stage).length === 0);
});

test("orphans of a sandbox that was killed are ended, though their workspaces were destroyed before it was back", async (stage) => {
	const sandbox = await stage.sandbox({ AGENT_STUBBORN: "1" });
	const road = await stage.road(await sandbox.start());
	const troupe = await stage.troupe({ sandbox: road.url });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	await says(ann, "hello");
	await road.until("the sandbox's processes", () => road.of("processes").some(({ closed }) => closed === "answered"));
	const orphans = agentsOf(stage);

	await sandbox.stop("SIGKILL");
	await destroy(stage, troupe, ann, "w");
	await troupe.program.line(/debt\.unpaid/);
	await troupe.crash();
	assert.deepEqual(agentsOf(stage), orphans);
	await sandbox.start();
	await troupe.program.line(/debt\.paid/);
	await eventually("no agent is left", () => agentsOf(stage).length === 0);
});

/* ------------------------------------------------------------------ a server that somebody else runs */

/** Passes on what comes for /box/7, and knows nothing else. Gives the paths that were asked for. */
async function behindAPath(stage, sandbox) {
	const asked = [];
	const server = createServer((rq, rs) => {
		asked.push(rq.url);
		if (!rq.url.startsWith("/box/7/v1/"))
			return rs.writeHead(404).end();
		const onward = request(`${sandbox.url}${rq.url.slice("/box/7".length)}`, { method: rq.method, headers: rq.headers }, (answer) => {
			rs.writeHead(answer.statusCode, answer.headers);
			answer.pipe(rs);
		});

		onward.on("error", () => rs.destroy());
		rs.on("close", () => onward.destroy());
		rq.pipe(onward);
	});

	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	stage.atEnd(() => {
		server.closeAllConnections();
		server.close();
	});
	return { asked, url: `http://127.0.0.1:${server.address().port}/box/7` };
}

test("[S64] a server behind a path is reached, with or without a slash at the end", async (stage) => {
	const sandbox = await stage.sandbox();

	await sandbox.start();
	const { asked, url } = await behindAPath(stage, sandbox);

	for (const end of ["", "/"]) {
		const troupe = await stage.troupe({ sandbox: `${url}${end}` });
		const ann = stage.join(troupe, "w", { userId: "ann" });

		assert.equal(await says(ann, "hello"), "end_turn");
	}
	assert.deepEqual(asked.filter((path) => !path.startsWith("/box/7/v1/")), []);
});
