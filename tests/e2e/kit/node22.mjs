// SPDX-License-Identifier: Apache-2.0
/* A program for Node.js 22, whose WebSocket is its own and begins on connections that have served requests: the official client
 * calls, connects, hears, goes. Its arguments: endpoint, encoding. It prints what came of it as JSON. */

import "./quiet.mjs";
import { createClient } from "rivetkit/client";

const [endpoint, encoding] = process.argv.slice(2);
const handle = createClient({ endpoint, encoding }).counter.getOrCreate(["k"]);
const counts = [await handle.increment(1), await handle.increment(1), await handle.increment(1)];
const conn = handle.connect();
const heard = [];

conn.on("newCount", (n) => heard.push(n));
counts.push(await conn.increment(1), await handle.increment(1), await conn.getCount());
const failed = await conn.noSuchAction().catch(({ group, code }) => `${group}.${code}`);

await conn.dispose();
console.log(JSON.stringify({ version: process.versions.node, counts, heard, failed, status: conn.connStatus }));
