/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox from inside: sandbox.c makes and ends it, worker.c shows it to its sessions; nobody else looks
 * in. */
#ifndef TR_SANDBOX_INSIDE_H
#define TR_SANDBOX_INSIDE_H

#include "runtime/sandbox/debts.h"
#include "runtime/sandbox/worker.h"

struct tr_sandbox {
	struct event_base *base;
	struct tr_clock    clock;
	struct tr_http_port http;
	const struct tr_sandbox_times *times;
	struct tr_local   *local;
	char              *agent, *base_url, *token, *cwd, *auto_approve;
	bool               dispose, pause, checks;
	int64_t            permission_ms;
	bool               cwd_given;
	char             **offered; /* ends with NULL */
	struct tr_provider *own, *boxes;   /* among providers; boxes NULL: no data directory */
	struct { struct tr_provider *provider; char *options; } providers[TR_PROVIDERS_MAX]; /* options NULL: the server's */
	size_t             provider_count;
	struct tr_bridge  *bridge;         /* NULL: no data directory */
	unsigned           stopping;       /* parts that have not stopped yet */
	struct tr_debts   *debts;
	struct tr_places  *places;
	struct tr_sessions sessions;
	uint64_t           taken;          /* events of all sessions */
	struct tr_timer   *stopped;
	void             (*on_stopped)(void *arg);
	void              *stopped_arg;
};

/* Where the server's own is, as tr_provider_own_new asks for it; arg: the sandbox. */
bool tr_sandbox_locate(void *arg, const char **url, const char **token);

#endif
