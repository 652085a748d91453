// SPDX-License-Identifier: Apache-2.0
/* Much at once: twenty agents that stream, thirty whose sandbox restarts, and a disk that is full. */

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { execFileSync } from "node:child_process";
import { Ear, wholeLog } from "./kit/client.mjs";
import { assertEveryPromptEnds, assertFaithful } from "./kit/faithful.mjs";
import { SANITIZED, TROUPE, commandOf, markedWith } from "./kit/process.mjs";
import { test } from "./kit/stage.mjs";
import { assertCalmThen, eventsOf, outcome, upstream } from "./kit/upstream.mjs";
import { eventually } from "./kit/wait.mjs";

const each = (count, make) => Promise.all(Array.from({ length: count }, (_, i) => make(i)));
const peakOf = (pid) => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
const sessionOf = (log) => log.filter(({ name }) => name === "session.event").map(({ data }) => data);

/* 100,000 updates, as fast as twenty agents and one server can write them, which share this machine's processors with us. The server
 * keeps 1,024 of each agent, and queues 512 for each reader: while its threads wait for a processor it loses some before anybody
 * could read them, unless they are asked for ahead of need. Under a sanitizer, which makes us several times slower, no more is asked
 * than that the log says what was lost. */
test("twenty agents that stream 5,000 updates each at once: nothing is lost, and memory is bounded", async (stage) => {
	const { troupe, wrote } = await upstream(stage, { direct: true });
	const { workspace } = stage.client(troupe);
	const rooms = Array.from({ length: 20 }, (_, i) => workspace.getOrCreate([`flood-${i}`]));

	await each(20, (i) => rooms[i].prompt({ userId: "ann", text: "hello", promptId: "first" }));
	const before = peakOf(troupe.serverPid);

	await each(20, async (i) =>
		assert.equal((await rooms[i].prompt({ userId: "ann", text: "!stream 5000", promptId: "flood" })).stopReason, "end_turn"));
	const grown = peakOf(troupe.serverPid) - before;

	/* For each of them one read of its stream (64 KiB), as it came, of two GETs, as an envelope, as an event and as a row that is not
	 * yet on disk; what the allocator makes of it, twice. The pages of the store's map that were touched count as well: 40 MB of log. */
	const bound = 20 * 5 * 2 * (64 << 10) + (80 << 20);

	assert.ok(grown < (SANITIZED ? 3 * bound + (256 << 20) : bound), `${grown} bytes`);
	for (const room of rooms) {
		const log = sessionOf(await wholeLog(room, 1000));
		const { lost, missing } = assertFaithful(log, wrote);

		assert.equal(missing, 0, "nothing goes without a word");
		assert.equal(SANITIZED ? 0 : lost, 0);
		assert.ok(log.length + lost > 5000);
		assert.equal(assertEveryPromptEnds(log), 2);
	}
}, { times: 2 });

const actors = Number(process.env.FLOOD_ACTORS ?? 30);

test(`[S55] ${actors} actors, one restart of their sandbox: all recover, and do not come back in one moment`, async (stage) => {
	const { sandbox, road, troupe } = await upstream(stage);
	const { workspace } = stage.client(troupe);
	const people = (i) => ({ conn: workspace.getOrCreate([`room-${i}`]), connected: async () => {} });

	await each(actors, async (i) => assert.equal(await outcome(people(i), "before", "hello"), "end_turn"));
	const streams = road.of("stream").length;

	await sandbox.stop("SIGKILL");
	await road.until("all of them to try again", () => road.of("stream").length >= streams + actors);
	const moments = new Set(road.of("stream").slice(streams).map(({ at }) => at));

	await sandbox.start();
	await each(actors, async (i) => assert.equal(await outcome(people(i), "after", "hello"), "end_turn"));
	assert.ok(moments.size >= actors / 5, `${moments.size} moments`);
	await eventually("the scripts of the server that was killed have ended", () => markedWith(stage.mark).every((pid) => !commandOf(pid).startsWith("sh -c t()")));
}, { times: 2 });

/* ------------------------------------------------------------------ the disk */

/** A disk of 4 MiB for the data, in a mount namespace of that server's own; where that may not be, a limit on the size of files. */
function smallDisk(stage) {
	const program = stage.folder("on-a-small-disk"), data = stage.folder("data0");

	mkdirSync(data);
	try {
		execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", data], { stdio: "ignore" });
	} catch {
		return { program: undefined, fill: (pid) => limit(pid, statSync(path.join(data, "data.mdb")).size), free: (pid) => limit(pid, "unlimited") };
	}
	writeFileSync(program, `#!/bin/sh\nexec unshare -m sh -c 'mount -t tmpfs -o size=4m,mode=0700 tmpfs "$0" && exec "$@"' '${data}' '${TROUPE}' "$@"\n`);
	chmodSync(program, 0o755);
	const ballast = (pid) => `/proc/${pid}/root${data}/ballast`;

	return { program, fill: (pid) => fillUp(ballast(pid)), free: (pid) => rmSync(ballast(pid)) };
}

const limit = (pid, bytes) => execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:`]);

function fillUp(file) {
	for (const bytes of [1 << 20, 1 << 16, 1 << 12])
		try {
			for (;;)
				writeFileSync(file, Buffer.alloc(bytes), { flag: "a" });
		} catch (error) {
			assert.equal(error.code, "ENOSPC");
		}
}

test("[S53, F37] a full disk in mid-turn: nobody hears what is not stored, prompts are refused, and all goes on when there is room", async (stage) => {
	const { program, fill, free } = smallDisk(stage);
	const { troupe, ann, wrote } = await upstream(stage, { program });
	const turn = outcome(ann, "p", "!chunks 900 10");

	await ann.until("some words", () => ann.said.includes("chunk 50 "));
	fill(troupe.serverPid);
	await troupe.program.line(/store\.commit failed=EFULL/);
	const other = stage.client(troupe).counter.getOrCreate(["other"]);

	await assert.rejects(other.increment(1), ({ group, code }) => group === "storage" && code === "full");
	const heard = ann.published.length;
	const late = new Ear((options) => stage.client(troupe).counter.getOrCreate(["late"], options), []);

	assert.equal(await turn, "storage.full");
	await late.until("to be sent back", () => late.errors.some(({ group, code }) => group === "actor" && code === "restarting"));
	free(troupe.serverPid);
	assert.equal(await outcome(ann, "p", "!chunks 900 10"), "end_turn", "the same prompt, which went on");
	assert.equal(await other.increment(1), 1);
	await late.connected();
	assert.equal(await late.conn.increment(1), 1, "who came meanwhile is let in by coming back");
	await assertCalmThen(ann);
	const log = await wholeLog(ann.conn);

	await ann.until("all of it", () => ann.seq >= log.at(-1).seq);
	assert.deepEqual(ann.published.slice(0, log.length).map(({ data }) => data.seq), log.map(({ seq }) => seq));
	assert.deepEqual(ann.published.slice(0, heard), log.slice(0, heard).map(({ name, data }) => ({ name, data })), "what was heard then is kept");
	const { lost, missing } = assertFaithful(await eventsOf(ann), wrote);

	assert.deepEqual({ lost, missing }, { lost: 0, missing: 0 });
});
