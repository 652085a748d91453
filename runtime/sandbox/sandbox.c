/* SPDX-License-Identifier: Apache-2.0 */
/* What all sessions of a worker share: the outgoing HTTP, the providers, the places, the debts. */
#include "runtime/sandbox/session/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/debts.h"

struct tr_sandbox {
	struct event_base *base;
	struct tr_clock    clock;
	struct tr_http_port http;
	const struct tr_sandbox_times *times;
	struct tr_local   *local;
	char              *agent, *base_url, *token, *cwd, *auto_approve;
	bool               dispose, pause;
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

/* ------------------------------------------------------------------ the server's own sandbox */

static bool locate_own(void *arg, const char **url, const char **token)
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
	return locate_own(s, url, &token);
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

static struct tr_provider *provider_of_debt(void *arg, const char *name, const char *options)
{
	return find_provider(arg, name, options);
}

const char *tr_sandbox_offers(const struct tr_sandbox *s, size_t index)
{
	for (size_t i = 0; s->offered[i]; i++) {
		if (i == index)
			return s->offered[i];
	}
	return NULL;
}

static char **copy_names(const char *const *names)
{
	size_t count = 0;
	char **copy;

	while (names && names[count])
		count++;
	copy = tr_alloc((count + 1) * sizeof *copy);
	for (size_t i = 0; i < count; i++)
		copy[i] = tr_strdup(names[i]);
	return copy;
}

static bool offers_are_known(struct tr_sandbox *s)
{
	for (size_t i = 0; s->offered[i]; i++) {
		if (!find_provider(s, s->offered[i], NULL)) {
			tr_error("sandbox.provider", "name=%s reason=\"there is no such provider\"", s->offered[i]);
			return false;
		}
	}
	return true;
}

/* ------------------------------------------------------------------ life */

/* Without the slash at its end. */
static char *trimmed(const char *url)
{
	size_t size = url ? strlen(url) : 0;

	return url ? tr_strndup(url, size - (size > 0 && url[size - 1] == '/')) : NULL;
}

static void make_providers(struct tr_sandbox *s, const struct tr_sandbox_options *o)
{
	tr_sandbox_add_provider(s, tr_provider_url_new(s->clock, o->private_ok));
	s->own = tr_provider_own_new(s->clock, s->local ? TR_HTTP_THIS_HOST : TR_HTTP_ANYWHERE, s->local != NULL, locate_own, s);
	tr_sandbox_add_provider(s, s->own);
	if (!o->data_dir)
		return;
	s->boxes = tr_provider_local_new(&(struct tr_local_options){
		.base = s->base, .clock = s->clock, .data_dir = o->data_dir, .binary = o->binary });
	tr_sandbox_add_provider(s, s->boxes);
	s->bridge = tr_bridge_new(&(struct tr_bridge_options){
		.base = s->base, .clock = s->clock, .times = s->times,
		.data_dir = o->data_dir, .modules = o->provider_modules, .options = o->provider_options, .private_ok = o->private_ok });
}

int tr_sandbox_new(struct tr_sandbox **ret, const struct tr_sandbox_options *o)
{
	static const struct tr_sandbox_times usual = TR_SANDBOX_TIMES;
	struct tr_sandbox *s;

	if ((o->base_url && !tr_http_url_valid(o->base_url)) || !o->agent || !o->cwd)
		return TROUPE_EINVAL;
	s = tr_alloc(sizeof *s);
	s->base = o->base;
	s->clock = o->clock;
	s->http = o->http;
	s->times = o->times ? o->times : &usual;
	s->local = o->local;
	s->agent = tr_strdup(o->agent);
	s->base_url = trimmed(o->base_url);
	s->token = tr_strdup(o->token);
	s->cwd = tr_strdup(o->cwd);
	s->permission_ms = o->permission_ms;
	s->auto_approve = tr_strdup(o->auto_approve);
	s->dispose = o->dispose;
	s->pause = o->pause;
	s->cwd_given = o->cwd_given;
	s->offered = copy_names(o->providers);
	make_providers(s, o);
	s->debts = tr_debts_new(&(struct tr_debts_options){
		.clock = s->clock, .http = s->http, .times = s->times, .provider = provider_of_debt, .arg = s });
	s->places = tr_places_new(s->debts);
	s->sessions = (struct tr_sessions){ &tr_session_ops, s };
	if (!offers_are_known(s)) {
		tr_sandbox_free(s);
		return TROUPE_EINVAL;
	}
	*ret = s;
	return 0;
}

struct tr_sandbox *tr_sandbox_free(struct tr_sandbox *s)
{
	if (!s)
		return NULL;
	tr_places_free(s->places);
	tr_debts_free(s->debts);
	for (size_t i = 0; i < s->provider_count; i++) {
		s->providers[i].provider->ops->free(s->providers[i].provider);
		free(s->providers[i].options);
	}
	tr_bridge_free(s->bridge);
	for (size_t i = 0; s->offered[i]; i++)
		free(s->offered[i]);
	free(s->offered);
	free(s->agent);
	free(s->base_url);
	free(s->token);
	free(s->cwd);
	free(s->auto_approve);
	s->clock.ops->timer_free(s->stopped);
	free(s);
	return NULL;
}

static void on_part_stopped(void *arg)
{
	struct tr_sandbox *s = arg;

	if (--s->stopping == 0)
		s->on_stopped(s->stopped_arg);
}

void tr_sandbox_stop(struct tr_sandbox *s, bool keep, void (*then)(void *arg), void *arg)
{
	s->on_stopped = then;
	s->stopped_arg = arg;
	s->stopping = 1;
	s->stopped = s->clock.ops->timer_new(s->clock.ctx, on_part_stopped, s);
	s->clock.ops->timer_set(s->stopped, 0);
	if (!s->boxes)
		return;
	s->stopping += 2;
	tr_provider_local_stop(s->boxes, keep, on_part_stopped, s);
	tr_bridge_stop(s->bridge, on_part_stopped, s);
}

/* ------------------------------------------------------------------ for its sessions */

const struct tr_sessions *tr_sandbox_sessions(struct tr_sandbox *s)
{
	return &s->sessions;
}

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

const char *tr_sandbox_auto_approve(const struct tr_sandbox *s)
{
	return s->auto_approve;
}

const char *tr_sandbox_agent(const struct tr_sandbox *s)
{
	return s->agent;
}
