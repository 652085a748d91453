/* SPDX-License-Identifier: Apache-2.0 */
/* What all sessions of a worker share, as they ask for it. */
#include "runtime/sandbox/worker.h"

#include <assert.h>
#include <string.h>

#include "proto/text.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/inside.h"

/* ------------------------------------------------------------------ the server's own sandbox */

bool tr_sandbox_locate(void *arg, const char **url, const char **token)
{
	struct tr_sandbox *s = arg;

	*url = s->local ? tr_local_url(s->local) : s->base_url;
	*token = s->local ? tr_local_token(s->local) : s->token;
	return *url != NULL;
}

bool tr_sandbox_own(struct tr_sandbox *s, const char **url, const char **name)
{
	const char *token;

	*name = s->local ? tr_local_sandbox_id(s->local) : "sandbox";
	return tr_sandbox_locate(s, url, &token);
}

bool tr_sandbox_own_is_local(const struct tr_sandbox *s)
{
	return s->local != NULL;
}

/* ------------------------------------------------------------------ providers */

static void add_provider(struct tr_sandbox *s, struct tr_provider *p, const char *options)
{
	assert(s->provider_count < TR_PROVIDERS_MAX);
	s->providers[s->provider_count].provider = p;
	s->providers[s->provider_count++].options = tr_strdup(options);
}

/* Those of the bridge come into being when they are first asked for. */
static struct tr_provider *find_provider(struct tr_sandbox *s, const char *name, const char *options)
{
	struct tr_provider *p;

	for (size_t i = 0; i < s->provider_count; i++) {
		if (strcmp(s->providers[i].provider->name, name) == 0 && tr_same_string(s->providers[i].options, options))
			return s->providers[i].provider;
	}
	if (!s->bridge || s->provider_count == TR_PROVIDERS_MAX)
		return NULL;
	p = tr_bridge_provider(s->bridge, name, options);
	if (p)
		add_provider(s, p, options);
	return p;
}

void tr_sandbox_add_provider(struct tr_sandbox *s, struct tr_provider *p)
{
	add_provider(s, p, NULL);
}

struct tr_provider *tr_sandbox_provider(struct tr_sandbox *s, const char *name, const char *options)
{
	return find_provider(s, name, options);
}

const char *tr_sandbox_offers(const struct tr_sandbox *s, size_t index)
{
	for (size_t i = 0; s->offered[i]; i++) {
		if (i == index)
			return s->offered[i];
	}
	return NULL;
}

/* ------------------------------------------------------------------ the rest */

const struct tr_http_port *tr_sandbox_http(const struct tr_sandbox *s)
{
	return &s->http;
}

struct tr_clock tr_sandbox_clock(const struct tr_sandbox *s)
{
	return s->clock;
}

const struct tr_sandbox_times *tr_sandbox_times(const struct tr_sandbox *s)
{
	return s->times;
}

struct tr_places *tr_sandbox_places(struct tr_sandbox *s)
{
	return s->places;
}

struct tr_debts *tr_sandbox_debts(struct tr_sandbox *s)
{
	return s->debts;
}

uint64_t tr_sandbox_took(struct tr_sandbox *s)
{
	return s->taken++;
}

struct event_base *tr_sandbox_base(struct tr_sandbox *s)
{
	return s->base;
}

const char *tr_sandbox_cwd(const struct tr_sandbox *s, const char *provider_cwd)
{
	return provider_cwd && !s->cwd_given ? provider_cwd : s->cwd;
}

int64_t tr_sandbox_permission_ms(const struct tr_sandbox *s)
{
	return s->permission_ms;
}

bool tr_sandbox_pauses(const struct tr_sandbox *s)
{
	return s->pause;
}

bool tr_sandbox_disposes(const struct tr_sandbox *s)
{
	return s->dispose;
}

bool tr_sandbox_checks(const struct tr_sandbox *s)
{
	return s->checks;
}

const char *tr_sandbox_auto_approve(const struct tr_sandbox *s)
{
	return s->auto_approve;
}

const char *tr_sandbox_agent(const struct tr_sandbox *s)
{
	return s->agent;
}
