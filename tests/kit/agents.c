/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts are a queue of calls; a session is found by its actor's key. */
#include "tests/kit/agents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/core/actor.h"

#define QUEUE_MAX 16

struct troupe_session {
	struct tr_session_base base;
	struct troupe_session *next;
	struct troupe_session_hooks hooks;
	char key[64];
	struct { struct troupe_call *call; char *id; } queue[QUEUE_MAX];
	size_t queued;
};

static struct troupe_session *open_sessions;

static int agent_open(void *ctx, struct troupe_session **ret, struct troupe_actor *a, const struct troupe_session_options *o)
{
	struct troupe_session *s = tr_alloc(sizeof *s);

	(void)ctx;
	s->hooks = o->hooks;
	snprintf(s->key, sizeof s->key, "%s", troupe_key(a, 0));
	s->next = open_sessions;
	open_sessions = s;
	*ret = s;
	return 0;
}

static struct troupe_session *agent_close(struct troupe_session *s)
{
	struct troupe_session **at = &open_sessions;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	for (size_t i = 0; i < s->queued; i++)
		free(s->queue[i].id);
	free(s);
	return NULL;
}

static int agent_prompt(struct troupe_session *s, struct troupe_call *call, const struct troupe_prompt *p)
{
	if (s->queued == QUEUE_MAX)
		return troupe_fail(call, TROUPE_EOVERLOADED, NULL);
	s->hooks.on_prompt(s->base.actor, s, p);
	s->queue[s->queued].call = call;
	s->queue[s->queued++].id = tr_strdup(p->prompt_id);
	tr_actor_hold(s->base.actor);
	return TROUPE_LATER;
}

static int agent_respond(struct troupe_session *s, struct troupe_call *call, const char *permission_id, const char *reply,
                         const char *user_id)
{
	(void)s;
	(void)reply;
	(void)user_id;
	return troupe_fail(call, TROUPE_EPERMISSION, "%s: no such request", permission_id);
}

/* Takes one out of the queue; its call is the caller's to answer. */
static void forget(struct troupe_session *s, size_t index)
{
	free(s->queue[index].id);
	s->queued--;
	memmove(&s->queue[index], &s->queue[index + 1], (s->queued - index) * sizeof s->queue[0]);
	tr_actor_release(s->base.actor);
}

/* Who cancels is answered like respond: with nothing. */
static int agent_cancel(struct troupe_session *s, struct troupe_call *call, const char *prompt_id, const char *user_id)
{
	(void)user_id;
	for (size_t i = 0; i < s->queued; i++) {
		if (prompt_id && strcmp(s->queue[i].id, prompt_id) != 0)
			continue;
		troupe_fail(s->queue[i].call, TROUPE_ECANCELLED, NULL);
		forget(s, i);
		return troupe_reply_value(call, (struct troupe_value){ 0 });
	}
	return troupe_fail(call, TROUPE_ENOPROMPT, NULL);
}

static int agent_restart(struct troupe_session *s, struct troupe_call *call, const char *user_id)
{
	(void)user_id;
	if (s->queued > 0) {
		troupe_fail(s->queue[0].call, TROUPE_ERESTARTED, NULL);
		forget(s, 0);
	}
	return troupe_reply_value(call, (struct troupe_value){ 0 });
}

static void put_id(struct tr_bytes *out, const struct troupe_session *s, size_t index)
{
	tr_put_map(out, 1);
	tr_put_text(out, "promptId");
	tr_put_text(out, s->queue[index].id);
}

static void agent_queue(const struct troupe_session *s, struct tr_bytes *out)
{
	tr_put_map(out, 2);
	tr_put_text(out, "running");
	if (s->queued > 0)
		put_id(out, s, 0);
	else
		tr_put_nil(out);
	tr_put_text(out, "queued");
	tr_put_array(out, s->queued > 0 ? (uint32_t)s->queued - 1 : 0);
	for (size_t i = 1; i < s->queued; i++)
		put_id(out, s, i);
}

/* It asks nobody. */
static void agent_permissions(const struct troupe_session *s, struct tr_bytes *out)
{
	(void)s;
	tr_put_map(out, 2);
	tr_put_text(out, "permissions");
	tr_put_array(out, 0);
	tr_put_text(out, "more");
	tr_put_bool(out, false);
}

static void agent_info(const struct troupe_session *s, struct troupe_session_info *ret)
{
	*ret = (struct troupe_session_info){
		.agent = "scripted", .sandbox_id = "sbx_123", .session_id = "default",
		.status = s->queued > 0 ? "running" : "ready", .queued = s->queued > 1 ? (uint32_t)s->queued - 1 : 0,
	};
}

const struct tr_sessions *tr_agents(void)
{
	static const struct tr_session_ops ops = {
		.open = agent_open, .close = agent_close, .prompt = agent_prompt, .respond = agent_respond, .cancel = agent_cancel,
		.restart = agent_restart, .queue = agent_queue, .permissions = agent_permissions, .info = agent_info,
	};
	static const struct tr_sessions port = { .ops = &ops };

	return &port;
}

struct troupe_session *tr_agent_of(const char *key)
{
	struct troupe_session *s = open_sessions;

	while (s && strcmp(s->key, key) != 0)
		s = s->next;
	return s;
}

struct emission { struct troupe_session *session; const char *json; };

static int emit_turn(struct troupe_actor *a, void *arg)
{
	const struct emission *e = arg;
	struct tr_bytes event = { 0 };

	tr_put_map(&event, 2);
	tr_put_text(&event, "sender");
	tr_put_text(&event, "agent");
	tr_put_text(&event, "payload");
	tr_put_json(&event, e->json, strlen(e->json));
	e->session->hooks.on_event(a, e->session, tr_bytes_value(&event));
	tr_bytes_free(&event);
	return 0;
}

void tr_agent_emits(struct troupe_session *s, const char *json)
{
	tr_actor_turn(s->base.actor, emit_turn, &(struct emission){ s, json });
}

struct ending { const char *prompt_id, *stop_reason; };
static const struct troupe_record ending = { .name = "ending", .size = sizeof(struct ending), .count = 2,
	.fields = (const struct troupe_field[]){
		TROUPE_FIELD(ending, prompt_id, "promptId"), TROUPE_FIELD(ending, stop_reason, "stopReason") } };

static int finish_turn(struct troupe_actor *a, void *arg)
{
	const struct emission *e = arg;
	struct troupe_session *s = e->session;

	(void)a;
	troupe_reply(s->queue[0].call, &ending, &(struct ending){ s->queue[0].id, e->json });
	forget(s, 0);
	return 0;
}

bool tr_agent_finishes(struct troupe_session *s, const char *stop_reason)
{
	if (s->queued == 0)
		return false;
	tr_actor_turn(s->base.actor, finish_turn, &(struct emission){ s, stop_reason });
	return true;
}
