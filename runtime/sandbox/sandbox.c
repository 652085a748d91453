/* SPDX-License-Identifier: Apache-2.0 */
/* What all sessions of a worker share: the outgoing HTTP, and where sessions go that name no sandbox of their own. */
#include "runtime/sandbox/session.h"

#include <stdlib.h>

#include "runtime/base/mem.h"

struct tr_sandbox {
	struct event_base *base;
	struct tr_local   *local;
	char              *agent, *base_url, *token, *cwd;
	struct tr_http    *http;
	struct tr_sessions sessions;
};

int tr_sandbox_new(struct tr_sandbox **ret, const struct tr_sandbox_options *o)
{
	struct tr_sandbox *s;

	if ((o->base_url && !tr_http_url_valid(o->base_url)) || !o->agent || !o->cwd)
		return TROUPE_EINVAL;
	s = tr_alloc(sizeof *s);
	s->base = o->base;
	s->local = o->local;
	s->agent = tr_strdup(o->agent);
	s->base_url = tr_strdup(o->base_url);
	s->token = tr_strdup(o->token);
	s->cwd = tr_strdup(o->cwd);
	s->http = tr_http_new(o->base);
	s->sessions = (struct tr_sessions){ &tr_session_ops, s };
	*ret = s;
	return 0;
}

struct tr_sandbox *tr_sandbox_free(struct tr_sandbox *s)
{
	if (!s)
		return NULL;
	tr_http_free(s->http);
	free(s->agent);
	free(s->base_url);
	free(s->token);
	free(s->cwd);
	free(s);
	return NULL;
}

const struct tr_sessions *tr_sandbox_sessions(struct tr_sandbox *s)
{
	return &s->sessions;
}

struct tr_http *tr_sandbox_http(struct tr_sandbox *s)
{
	return s->http;
}

struct event_base *tr_sandbox_base(struct tr_sandbox *s)
{
	return s->base;
}

const char *tr_sandbox_cwd(const struct tr_sandbox *s)
{
	return s->cwd;
}

const char *tr_sandbox_agent(const struct tr_sandbox *s)
{
	return s->agent;
}

bool tr_sandbox_default(const struct tr_sandbox *s, const char **url, const char **token, const char **sandbox_id)
{
	*url = s->local ? tr_local_url(s->local) : s->base_url;
	*token = s->local ? tr_local_token(s->local) : s->token;
	*sandbox_id = s->local ? tr_local_sandbox_id(s->local) : "sandbox";
	return *url != NULL;
}
