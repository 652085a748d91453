// SPDX-License-Identifier: Apache-2.0
/* The ways in which a supervised server process comes to be replaced by the next: [name, act(troupe)], for troupe.replaced().
 * In this order, drains meet young servers, and the supervisor's back-off, which SIGHUP ends, stays short. */

import { kill } from "./process.mjs";

const handOver = ["SIGHUP to the supervisor", (troupe) => troupe.program.signal("SIGHUP")];
const drain = ["SIGTERM to the server", (troupe) => kill(troupe.serverPid, "SIGTERM")];
const crash = ["kill -9", (troupe) => kill(troupe.serverPid, "SIGKILL")];

export const WAYS = [handOver, crash, drain, crash];
