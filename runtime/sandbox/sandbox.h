/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions with coding agents: the session port (runtime/core/ports.h) over the HTTP and event-stream wire of a
 * sandbox-agent server (spec/sandbox-agent.md). Time and HTTP are handed in; only processes
 * need the loop. */
#ifndef TR_SANDBOX_SANDBOX_H
#define TR_SANDBOX_SANDBOX_H

#include "runtime/core/ports.h"
#include "runtime/sandbox/provider/bridge.h"
#include "runtime/sandbox/provider/local.h"
#include "runtime/sandbox/times.h"
#include "runtime/sandbox/wire/http.h"

struct event_base;
struct tr_sandbox;

struct tr_sandbox_options {
	struct tr_clock     clock;
	struct tr_http_port http;       /* every request ends, or is left, before tr_sandbox_free returns */
	const struct tr_sandbox_times *times; /* lent for the sandbox's life; NULL: those of limits.h */
	struct event_base *base;      /* for processes, and their pipes; may be NULL without data_dir */
	const char        *agent;     /* for sessions that name none */
	struct tr_local   *local;     /* the server's own sandbox, for sessions that name none; NULL: base_url instead */
	const char        *base_url;  /* NULL: with local, or there is none */
	const char        *token;     /* for base_url; NULL: none */
	const char        *cwd;       /* working directory of agent sessions, absolute */
	bool               cwd_given; /* somebody chose it: it is for every sandbox, whatever its provider says */
	const char        *data_dir;  /* where sandboxes of single actors live; NULL: there are none */
	const char        *binary;    /* of sandbox-agent; NULL: searched for */
	const char *const *providers; /* names that people may choose; the first is that of sessions that name none. Ends with
	                                 NULL; NULL: none */
	struct troupe_text provider_options; /* JSON, as tr_bridge_options_check wants it; size 0: none */
	const char        *provider_modules; /* where npm installed the SDK; NULL: where we are */
	bool               private_ok; /* URLs of sandboxes may lead to private addresses, whoever named them */
	/* For sessions that say nothing else (struct troupe_session_options). */
	int64_t            permission_ms;
	const char        *auto_approve;
	bool               dispose;    /* agents end when their actors sleep */
	bool               checks;     /* what session/settle.c promises is asserted after each turn: for tests. Always on
	                                  where TR_CHECKS is defined, which is so in builds with sanitizers */
	bool               pause;      /* instead: their sandboxes are paused then, if they are the actors' own and can be */
};

/* TROUPE_EINVAL, with the reason in the log. Texts are copied. */
int tr_sandbox_new(struct tr_sandbox **ret, const struct tr_sandbox_options *o);
/* For tr_core_new; lent for the sandbox's life. */
const struct tr_sessions *tr_sandbox_sessions(struct tr_sandbox *s);
/* All sessions are closed. Once: ends the sandboxes that run on this machine, but for the server's own, or (keep) leaves them for
 * the next process of this data directory; on_stopped comes from the loop. Then tr_sandbox_free. */
void tr_sandbox_stop(struct tr_sandbox *s, bool keep, void (*on_stopped)(void *arg), void *arg);
/* All sessions are closed by then. Takes NULL, returns NULL. */
struct tr_sandbox *tr_sandbox_free(struct tr_sandbox *s);

#endif
