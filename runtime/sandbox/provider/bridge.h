/* SPDX-License-Identifier: Apache-2.0 */
/* Providers that the official SDK brings (daytona, e2b, docker, vercel, modal, cloudflare, computesdk, sprites), or somebody's own
 * module, run by a Node process beside us: bridge/main.mjs. It is started when it is first needed and again when it has
 * died; what was asked of it then fails, and is asked again by who wanted it. */
#ifndef TR_SANDBOX_BRIDGE_H
#define TR_SANDBOX_BRIDGE_H

#include "proto/troupe_record.h"
#include "runtime/sandbox/provider/provider.h"
#include "runtime/sandbox/times.h"

struct event_base;
struct tr_bridge;

struct tr_bridge_options {
	struct event_base *base;      /* for what is heard of its process */
	struct tr_clock    clock;
	const struct tr_sandbox_times *times;
	const char        *data_dir;  /* its output goes to DATA/bridge.log */
	const char        *modules;   /* the folder where npm installed the SDK and what its providers need; NULL: where we are */
	struct troupe_text options;   /* JSON, an object with one for each provider, as tr_bridge_options_check says; size 0: none */
	bool               private_ok; /* sandboxes may be at private addresses. Those of docker may be on this machine anyway */
};

/* Is this what --provider-options may hold: an object of objects? Else why not. */
const char *tr_bridge_options_check(struct troupe_text json);

struct tr_bridge *tr_bridge_new(const struct tr_bridge_options *o);
/* A provider of this name. options: JSON, instead of the bridge's; NULL: those. NULL: the SDK has none of this name, and the
 * options name no module for it. The caller frees it, before the bridge. */
struct tr_provider *tr_bridge_provider(struct tr_bridge *b, const char *name, const char *options);
/* Once. Lets it end: what is being made is destroyed first. on_stopped comes from the loop, after TR_BRIDGE_STOP_MS at the
 * latest; the process may go on with that when we have gone. */
void tr_bridge_stop(struct tr_bridge *b, void (*on_stopped)(void *arg), void *arg);
/* Takes NULL, returns NULL. */
struct tr_bridge *tr_bridge_free(struct tr_bridge *b);

#endif
