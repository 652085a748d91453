/* SPDX-License-Identifier: Apache-2.0 */
/* A local sandbox: one supervised `sandbox-agent server` process on a free loopback port, in its own session and
 * process group, with a token (spec/sandbox-agent.md 6.2). What is needed to find it again after our own death (pid and
 * its start time, port, token) is kept in sandbox.json of its folder (mode 0600), so a server killed with -9 adopts the
 * sandbox that its predecessor started, and the agents in it go on.
 *
 * The server's own, shared by all who name no other, has the data directory for its folder; those of single actors have
 * folders of their own (provider_local.c). */
#ifndef TR_SANDBOX_LOCAL_H
#define TR_SANDBOX_LOCAL_H

#include <stdbool.h>

#include "runtime/core/ports.h"

struct event_base;
struct tr_local;

struct tr_local_options {
	struct event_base *base;      /* for what is heard of its process */
	struct tr_clock    clock;
	const char        *data_dir;
	const char        *folder;    /* in the data directory, relative: where its note and its log are. NULL: there */
	const char        *binary;    /* --sandbox-agent; NULL: searched as tr_local_find_binary does */
};

/* The sandbox-agent executable: `wanted`, SANDBOX_AGENT_BIN, PATH, or the project's npm folder (node_modules in
 * ../clients/demo or ../share/troupe/demo as seen from the running program, or in clients/demo of the working directory).
 * Never the npm package's JavaScript wrapper: the program itself. Writes the path to `into`; false: nowhere, and `into`
 * says in a sentence where it was looked for and what to do. */
bool tr_local_find_binary(const char *wanted, char *into, unsigned size);

/* Adopts or starts. 0; TROUPE_ENOAGENT when there is no binary (the log says what to do), TROUPE_ESTORE when the data
 * directory cannot be, TROUPE_ESANDBOX when there is no free port. Starting goes on in the background; when the process dies
 * it is started again with back-off (250 ms doubling to 10 s), on the same port and token.
 * Agents are installed in DATA/sandbox-home, or in TROUPE_SANDBOX_HOME when that is set (the process's XDG_DATA_HOME); the agent
 * `mock` there is made to be the demonstration agent (clients/demo/agent.mjs, or TROUPE_DEMO_AGENT). */
int tr_local_new(struct tr_local **ret, const struct tr_local_options *o);

/* Names of the folders below DATA/`below`/ whose local sandboxes have a process that runs, whoever started it. Each once. */
void tr_local_each_running(const char *data_dir, const char *below, void (*on_name)(void *arg, const char *name), void *arg);
/* Ends what still runs of a sandbox that nobody supervises, and removes its folder, which may be missing. */
void tr_local_remove(const char *data_dir, const char *folder);

/* Lends its URL and token; they never change for one tr_local. Whether it answers is for the caller to find out. */
const char *tr_local_url(const struct tr_local *l);
const char *tr_local_token(const struct tr_local *l);
const char *tr_local_sandbox_id(const struct tr_local *l); /* "local/127.0.0.1:PORT" */

/* Once. Ends it: SIGTERM to the process group, 5 s, SIGKILL; on_stopped comes from the loop. keep: it is left running for the
 * next process of this data directory to adopt. Then tr_local_free. */
void tr_local_stop(struct tr_local *l, bool keep, void (*on_stopped)(void *arg), void *arg);
struct tr_local *tr_local_free(struct tr_local *l);

#endif
