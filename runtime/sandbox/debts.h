/* SPDX-License-Identifier: Apache-2.0 */
/* What actors that are gone owe to others: sandboxes to be destroyed, instances of agents to be ended. Each is an item of the
 * server's own (core.h) until it is paid, so it is paid by whichever process comes to it: tried at once, then again with
 * a pause that doubles up to TR_DEBT_PAUSE_MAX_MS, for ever. Paying twice is harmless.
 *
 * What an actor still alive owes is not here: its session pays that itself. */
#ifndef TR_SANDBOX_DEBTS_H
#define TR_SANDBOX_DEBTS_H

#include "runtime/core/core.h"
#include "runtime/sandbox/wire/http.h"
#include "runtime/sandbox/provider/provider.h"
#include "runtime/sandbox/times.h"

struct tr_debts;

struct tr_debts_options {
	struct tr_clock     clock;
	struct tr_http_port http;
	const struct tr_sandbox_times *times;
	/* The provider of this name, with these options (JSON; NULL: the server's); NULL: there is none now. */
	struct tr_provider *(*provider)(void *arg, const char *name, const char *options);
	void *arg;
};

struct tr_debts *tr_debts_new(const struct tr_debts_options *o);
/* Begins to pay what is there. Once. */
void tr_debts_start(struct tr_debts *d, struct tr_core *core);
/* This actor was destroyed. */
void tr_debts_owed(struct tr_debts *d, uint64_t actor);
/* From the loop, outside of turns: a sandbox that was made for this actor (a place's item) is owed. */
void tr_debts_owe(struct tr_debts *d, uint64_t actor, struct troupe_value item);
/* In a turn: the actor goes on, and gives this up. name: "agent/SERVER_ID"; NULL: it is a sandbox. */
void tr_debts_hand_over(struct tr_debts *d, struct troupe_actor *a, const char *name, struct troupe_value item);
/* How many are known and not paid. */
size_t tr_debts_count(const struct tr_debts *d);
/* What is under way is dropped: it is still owed. Takes NULL, returns NULL. */
struct tr_debts *tr_debts_free(struct tr_debts *d);

/* ---- the item of an instance: TR_OWED_AGENT "SERVER_ID" */

/* close: its agent session, that wants to hear session/close first; NULL: none does. created_ms: createdAtMs; 0: not known.
 * family: of its server (sweep_script.h); may be empty. */
struct tr_agent_item {
	const char            *session, *provider, *raw_id, *token, *options, *close;
	bool                   made;
	int64_t                created_ms;
	const struct tr_bytes *family;
};
void tr_agent_item_put(struct tr_bytes *out, const struct tr_agent_item *item);

#endif
