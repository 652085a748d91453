/* SPDX-License-Identifier: Apache-2.0 */
/* What the sessions of a worker share, as they see it (sandbox.c). */
#ifndef TR_SANDBOX_WORKER_H
#define TR_SANDBOX_WORKER_H

#include "runtime/sandbox/place.h"
#include "runtime/sandbox/sandbox.h"

const struct tr_http_port *tr_sandbox_http(const struct tr_sandbox *sandbox);
struct tr_clock tr_sandbox_clock(const struct tr_sandbox *sandbox);
const struct tr_sandbox_times *tr_sandbox_times(const struct tr_sandbox *sandbox);
struct tr_places *tr_sandbox_places(struct tr_sandbox *sandbox);
struct tr_debts *tr_sandbox_debts(struct tr_sandbox *sandbox);
/* One more event was taken, of any session: how many were before. */
uint64_t tr_sandbox_took(struct tr_sandbox *sandbox);
/* provider_cwd: what the sandbox's provider suggests; NULL: nothing. */
const char *tr_sandbox_cwd(const struct tr_sandbox *sandbox, const char *provider_cwd);
/* The server's own sandbox: where, without a slash at its end, and what it is called. False: there is
 * none. Lends. */
bool tr_sandbox_own(struct tr_sandbox *sandbox, const char **url, const char **name);
bool tr_sandbox_own_is_local(const struct tr_sandbox *sandbox);
/* NULL: there is none of this name. options: JSON, for it alone; NULL: the server's. */
struct tr_provider *tr_sandbox_provider(struct tr_sandbox *sandbox, const char *name, const char *options);
void tr_sandbox_add_provider(struct tr_sandbox *sandbox, struct tr_provider *p); /* it is the sandbox's from here on */
const char *tr_sandbox_offers(const struct tr_sandbox *sandbox, size_t index); /* NULL: no more */
const char *tr_sandbox_agent(const struct tr_sandbox *sandbox);
int64_t tr_sandbox_permission_ms(const struct tr_sandbox *sandbox);
bool tr_sandbox_disposes(const struct tr_sandbox *sandbox); /* of agents whose actors sleep */
bool tr_sandbox_pauses(const struct tr_sandbox *sandbox);   /* while their actors sleep */
bool tr_sandbox_checks(const struct tr_sandbox *sandbox);   /* each turn is followed by asserts */
const char *tr_sandbox_auto_approve(const struct tr_sandbox *sandbox);

#endif
