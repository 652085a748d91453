/* SPDX-License-Identifier: Apache-2.0 */
/* How a workspace begins: what its creator chose, checked and kept. */
#include <string.h>

#include "workspace.h"

struct input {
	const char *agent;
	struct troupe_value sandbox;
	const char *mode, *model, *thought_level, *auto_approve;
	int64_t permission_ms, stall_ms;
};
static const struct troupe_record input = TROUPE_RECORD(input,
	TROUPE_OPTION(input, agent,   "agent"),
	TROUPE_OPTION(input, sandbox, "sandbox"),
	TROUPE_OPTION(input, mode,    "mode"),
	TROUPE_OPTION(input, model,   "model"),
	TROUPE_OPTION(input, thought_level, "thoughtLevel"),
	TROUPE_OPTION(input, auto_approve, "autoApprove"),
	TROUPE_DEFAULT(input, permission_ms, "permissionMs", 0),
	TROUPE_DEFAULT(input, stall_ms, "stallMs", 0));

struct sandbox { const char *provider, *base_url, *sandbox_id, *when_lost; };
static const struct troupe_record sandbox = TROUPE_RECORD(sandbox,
	TROUPE_OPTION(sandbox, provider,   "provider"),
	TROUPE_OPTION(sandbox, base_url,   "baseUrl"),
	TROUPE_OPTION(sandbox, sandbox_id, "sandboxId"),
	TROUPE_OPTION(sandbox, when_lost,  "whenLost"));

/* Whoever creates a workspace may be any browser: it chooses among what the operator offers, and nothing else. */
static int check_sandbox(struct troupe_actor *a, const struct sandbox *in)
{
	const char *provider = in->base_url && !in->provider ? "url" : in->provider;

	if (provider && strcmp(provider, "shared") != 0 && !troupe_provider_offered(a, provider))
		return troupe_refuse(a, TROUPE_EFORBIDDEN, "input.sandbox: this server does not offer \"%s\"; its operator can, with"
		                     " --provider %s", provider, provider);
	if (provider && (strcmp(provider, "url") == 0) != (in->base_url != NULL))
		return troupe_refuse(a, TROUPE_EINVAL, "input.sandbox: provider \"url\" and baseUrl go together");
	if (in->sandbox_id && !in->base_url && !(provider && strcmp(provider, "shared") == 0))
		return troupe_refuse(a, TROUPE_EFORBIDDEN, "input.sandbox.sandboxId: another's sandbox cannot be chosen");
	if (in->when_lost && strcmp(in->when_lost, "recreate") != 0 && strcmp(in->when_lost, "ask") != 0)
		return troupe_refuse(a, TROUPE_EINVAL, "input.sandbox.whenLost: must be \"recreate\" or \"ask\"");
	return 0;
}

static int sandbox_from_input(struct troupe_actor *a, struct troupe_value given)
{
	struct workspace *ws = troupe_self(a);
	struct sandbox in = { 0 };
	int rc = given.size ? troupe_read(a, &sandbox, &in, given) : 0;

	if (rc == 0)
		rc = check_sandbox(a, &in);
	if (rc < 0)
		return rc;
	troupe_set_text(a, &ws->provider, in.provider);
	troupe_set_text(a, &ws->base_url, in.base_url);
	troupe_set_text(a, &ws->sandbox_id, in.sandbox_id);
	troupe_set_text(a, &ws->when_lost, in.when_lost);
	return 0;
}

int workspace_create(struct troupe_actor *a)
{
	struct workspace *ws = troupe_self(a);
	struct input in = { 0 };
	int rc;

	if (troupe_key_count(a) != 1)
		return troupe_refuse(a, TROUPE_EINVAL, "a workspace's key has one part, its id");
	rc = troupe_input(a).size ? troupe_read(a, &input, &in, troupe_input(a)) : 0;
	if (rc < 0)
		return rc;
	if (in.permission_ms < 0 || in.stall_ms < 0)
		return troupe_refuse(a, TROUPE_EINVAL, "input: permissionMs and stallMs must not be negative");
	troupe_set_text(a, &ws->agent, in.agent);
	troupe_set_text(a, &ws->mode, in.mode);
	troupe_set_text(a, &ws->model, in.model);
	troupe_set_text(a, &ws->thought_level, in.thought_level);
	troupe_set_text(a, &ws->auto_approve, in.auto_approve);
	ws->permission_ms = in.permission_ms;
	ws->stall_ms = in.stall_ms;
	return sandbox_from_input(a, in.sandbox);
}
