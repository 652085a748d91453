/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions with coding agents: the session port (runtime/core/ports.h) over the HTTP and event-stream wire of a
 * sandbox-agent server (spec/sandbox-agent.md), with libcurl on the worker's libevent loop. */
#ifndef TR_SANDBOX_SANDBOX_H
#define TR_SANDBOX_SANDBOX_H

#include <event2/event.h>

#include "runtime/core/ports.h"
#include "runtime/sandbox/local.h"

struct tr_sandbox;

struct tr_sandbox_options {
	struct event_base *base;
	const char        *agent;    /* for sessions that name none */
	struct tr_local   *local;    /* the server's own sandbox, for sessions that name no URL; NULL: base_url instead */
	const char        *base_url; /* NULL with local */
	const char        *token;    /* for base_url; NULL: none */
	const char        *cwd;      /* working directory of agent sessions, absolute */
};

int tr_sandbox_new(struct tr_sandbox **ret, const struct tr_sandbox_options *o);
/* For tr_core_new; lent for the sandbox's life. */
const struct tr_sessions *tr_sandbox_sessions(struct tr_sandbox *s);
/* All sessions are closed by then. Takes NULL, returns NULL. */
struct tr_sandbox *tr_sandbox_free(struct tr_sandbox *s);

#endif
