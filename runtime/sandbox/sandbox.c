/* SPDX-License-Identifier: Apache-2.0 */
/* What all sessions of a worker share, made and ended: the providers, the places, the debts. */
#include "runtime/sandbox/sandbox.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/inside.h"
#include "runtime/sandbox/session/port.h"

static struct tr_provider *provider_of_debt(void *arg, const char *name, const char *options)
{
	return tr_sandbox_provider(arg, name, options);
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
		if (!tr_sandbox_provider(s, s->offered[i], NULL)) {
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
	s->own = tr_provider_own_new(s->clock, s->local ? TR_HTTP_THIS_HOST : TR_HTTP_ANYWHERE, s->local != NULL,
	                             tr_sandbox_locate, s);
	tr_sandbox_add_provider(s, s->own);
	if (!o->data_dir)
		return;
	s->boxes = tr_provider_local_new(&(struct tr_local_options){
		.base = s->base, .clock = s->clock, .data_dir = o->data_dir, .binary = o->binary });
	tr_sandbox_add_provider(s, s->boxes);
	s->bridge = tr_bridge_new(&(struct tr_bridge_options){
		.base = s->base, .clock = s->clock, .times = s->times,
		.data_dir = o->data_dir, .modules = o->provider_modules, .options = o->provider_options,
		.private_ok = o->private_ok });
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
	s->checks = o->checks;
#ifdef TR_CHECKS
	s->checks = true;
#endif
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

const struct tr_sessions *tr_sandbox_sessions(struct tr_sandbox *s)
{
	return &s->sessions;
}
