/* SPDX-License-Identifier: Apache-2.0 */
/* An actor's sessions with coding agents: through the port, whoever stands behind it. */
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/core/live.h"
#include "runtime/core/part.h"

/* What every port's session begins with. */
static struct tr_session_base *base_of(struct troupe_session *s)
{
	return (struct tr_session_base *)(void *)s;
}

int troupe_session_open(struct troupe_session **ret, struct troupe_actor *a, const struct troupe_session_options *o)
{
	const struct tr_sessions *port = a->core->o.sessions;
	struct troupe_session *s;
	int rc;

	if (!port)
		return troupe_refuse(a, TROUPE_ESANDBOX, "This server runs without a sandbox (--sandbox none).");
	rc = port->ops->open(port->ctx, &s, a, o);
	if (rc < 0)
		return rc;
	a->sessions = tr_realloc(a->sessions, (a->session_count + 1) * sizeof *a->sessions);
	a->sessions[a->session_count++] = s;
	*base_of(s) = (struct tr_session_base){ .actor = a, .port = port };
	*ret = s;
	return 0;
}

struct troupe_session *troupe_session_close(struct troupe_session *s)
{
	struct troupe_actor *a;

	if (!s)
		return NULL;
	a = base_of(s)->actor;
	for (size_t i = 0; i < a->session_count; i++) {
		if (a->sessions[i] == s)
			a->sessions[i] = a->sessions[--a->session_count];
	}
	return base_of(s)->port->ops->close(s);
}

/* Those that their kind has left open. In the actor's last turn; outside of a turn when it is dropped. */
static void sessions_close(struct troupe_actor *a)
{
	while (a->session_count > 0)
		troupe_session_close(a->sessions[0]);
}

static void sessions_free(struct troupe_actor *a)
{
	sessions_close(a);
	free(a->sessions);
}

const struct tr_part tr_sessions_part = { .close = sessions_close, .free = sessions_free };

int troupe_session_prompt(struct troupe_session *s, struct troupe_call *call, const struct troupe_prompt *p)
{
	return base_of(s)->port->ops->prompt(s, call, p);
}

int troupe_session_respond(struct troupe_session *s, struct troupe_call *call, const char *permission_id,
                           const char *reply, const char *user_id)
{
	return base_of(s)->port->ops->respond(s, call, permission_id, reply, user_id);
}

int troupe_session_set(struct troupe_session *s, struct troupe_call *call, enum troupe_setting what, const char *config_id,
                       struct troupe_value value)
{
	return base_of(s)->port->ops->set(s, call, what, config_id, value);
}

int troupe_session_cancel(struct troupe_session *s, struct troupe_call *call, const char *prompt_id, const char *user_id)
{
	return base_of(s)->port->ops->cancel(s, call, prompt_id, user_id);
}

int troupe_session_restart(struct troupe_session *s, struct troupe_call *call, const char *user_id)
{
	return base_of(s)->port->ops->restart(s, call, user_id);
}

static struct troupe_value look(struct troupe_session *s, void (*put)(const struct troupe_session *s, struct tr_bytes *out))
{
	struct tr_bytes packed = { 0 };
	struct troupe_value copy;

	put(s, &packed);
	copy = tr_pool_value(&base_of(s)->actor->core->turn_pool, tr_bytes_value(&packed));
	tr_bytes_free(&packed);
	return copy;
}

struct troupe_value troupe_session_queue(struct troupe_session *s)
{
	return look(s, base_of(s)->port->ops->queue);
}

struct troupe_value troupe_session_permissions(struct troupe_session *s)
{
	return look(s, base_of(s)->port->ops->permissions);
}

int troupe_session_renew(struct troupe_session *s)
{
	return base_of(s)->port->ops->renew(s);
}

bool troupe_provider_offered(const struct troupe_actor *a, const char *name)
{
	const struct tr_sessions *port = a->core->o.sessions;

	return port && port->ops->offers && port->ops->offers(port->ctx, name);
}

static int no_port(struct troupe_call *call)
{
	return troupe_fail(call, TROUPE_ESANDBOX, "This server runs without a sandbox (--sandbox none).");
}

int troupe_session_await(struct troupe_session *s, struct troupe_call *call, const char *agent)
{
	return base_of(s)->port->ops->await(s, call, agent);
}

int troupe_session_destroy(struct troupe_session *s, struct troupe_call *call)
{
	return base_of(s)->port->ops->destroy(s, call);
}

int troupe_fail_session(struct troupe_call *call, const char *session_id)
{
	const struct tr_sessions *port = call->actor->core->o.sessions;

	return port ? port->ops->missing(call, session_id) : no_port(call);
}

int troupe_reply_sessions(struct troupe_call *call, const char *cursor, uint32_t limit)
{
	const struct tr_sessions *port = call->actor->core->o.sessions;

	return port ? port->ops->list_sessions(call, cursor, limit) : no_port(call);
}

int troupe_reply_session_events(struct troupe_call *call, const char *session_id, const char *cursor, uint32_t limit)
{
	const struct tr_sessions *port = call->actor->core->o.sessions;
	char *end = NULL;
	uint64_t after = cursor && *cursor >= '0' && *cursor <= '9' ? strtoull(cursor, &end, 10) : 0;

	if (end && *end)
		after = 0;
	return port ? port->ops->list_events(call, session_id, after, limit) : no_port(call);
}

int troupe_reply_transcript(struct troupe_call *call, const char *session_id)
{
	const struct tr_sessions *port = call->actor->core->o.sessions;

	return port ? port->ops->transcript(call, session_id) : no_port(call);
}

void troupe_session_info(const struct troupe_session *s, struct troupe_session_info *ret)
{
	((const struct tr_session_base *)(const void *)s)->port->ops->info(s, ret);
}
