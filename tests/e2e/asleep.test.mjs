// SPDX-License-Identifier: Apache-2.0
/* What becomes of the agent while its workspace sleeps. */

import assert from "node:assert/strict";
import { commandOf, isAlive, markedWith } from "./kit/process.mjs";
import { putToSleep } from "./kit/sleep.mjs";
import { test } from "./kit/stage.mjs";
import { eventually } from "./kit/wait.mjs";

const agentsOf = (stage) => markedWith(stage.mark).filter((pid) => isAlive(pid) && /agent\.mjs/.test(commandOf(pid)));

async function asleep(stage, options) {
	const troupe = await stage.troupe({ sandbox: "local", ...options });
	const handle = stage.client(troupe).workspace.getOrCreate(["w"]);

	await handle.prompt({ userId: "ann", text: "the first words" });
	const [agent] = agentsOf(stage);

	await putToSleep(troupe, handle);
	return { troupe, handle, agent };
}

const howOf = async (handle) => (await handle.listEvents({ limit: 1000 })).items.map(({ payload }) => payload)
	.filter(({ method }) => method === "_troupe/restored").map(({ params }) => params.how);

async function said(handle) {
	await handle.prompt({ userId: "ann", text: "!said" });
	return (await handle.listEvents({ limit: 1000 })).items.map(({ payload }) => payload.params?.update?.content?.text ?? "").join("");
}

test("the agent is kept: waking finds the same process, which remembers", async (stage) => {
	const { handle, agent } = await asleep(stage);

	assert.deepEqual(agentsOf(stage), [agent]);
	assert.match(await said(handle), /\["user","the first words"\]/);
	assert.deepEqual(agentsOf(stage), [agent]);
	assert.deepEqual(await howOf(handle), ["reattach"]);
});

for (const [what, stubborn] of [["one that obeys", undefined], ["one that does not", "1"]])
	test(`--agent-on-sleep dispose ends the agent, also ${what}, and the next knows what was said`, async (stage) => {
		const { handle, agent } = await asleep(stage, {
			args: ["--agent-on-sleep", "dispose"], env: stubborn ? { AGENT_STUBBORN: stubborn } : {},
		});

		await eventually("the agent has ended", () => !isAlive(agent));
		assert.match(await said(handle), /the first words/);
		assert.deepEqual(await howOf(handle), ["replay"]);
		assert.equal(agentsOf(stage).length, 1);
	});

test("an agent that works while the server restarts is not ended", async (stage) => {
	const sandbox = await (await stage.sandbox()).start();
	const troupe = await stage.troupe({ sandbox: sandbox.url, args: ["--agent", "mock", "--agent-on-sleep", "dispose"] });
	const ann = stage.join(troupe, "w", { userId: "ann" });

	ann.conn.prompt({ userId: "ann", text: "!slow 3000", promptId: "p" }).catch(() => {});
	await ann.event("session.event", ({ payload }) => payload.params?.update?.content?.text === "begun ");
	await troupe.stop();
	await troupe.start();
	const bob = stage.join(troupe, "w", { userId: "bob" });

	await bob.turn("p", "done");
	assert.equal(bob.said, "begun ended");
});
