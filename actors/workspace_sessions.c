/* SPDX-License-Identifier: Apache-2.0 */
/* The agents of a workspace: its default session and those that people made beside it. What they tell is published. */
#include <stdio.h>
#include <string.h>

#include "workspace.h"

static const char *id_of(const struct troupe_session *s)
{
	struct troupe_session_info info;

	troupe_session_info(s, &info);
	return info.session_id;
}

struct chat { const char *user_id, *text, *prompt_id, *session_id; int64_t created_at; struct troupe_value content; };
static const struct troupe_record chat = TROUPE_RECORD(chat,
	TROUPE_FIELD(chat, user_id,    "userId"),
	TROUPE_FIELD(chat, text,       "text"),
	TROUPE_FIELD(chat, created_at, "createdAt"),
	TROUPE_FIELD(chat, prompt_id,  "promptId"),
	TROUPE_FIELD(chat, session_id, "sessionId"),
	TROUPE_FIELD(chat, content,    "content"));

static void on_prompt(struct troupe_actor *a, struct troupe_session *s, const struct troupe_prompt *p)
{
	troupe_publish(a, "chat.user", &chat, &(struct chat){
		.user_id    = p->user_id,
		.text       = p->text,
		.created_at = troupe_now_ms(a),
		.prompt_id  = p->prompt_id,
		.session_id = id_of(s),
		.content    = p->content,
	});
}

static void on_event(struct troupe_actor *a, struct troupe_session *s, struct troupe_value event)
{
	(void)s;
	troupe_publish_value(a, "session.event", event);
}

static void on_change(struct troupe_actor *a, struct troupe_session *s, const char *name, struct troupe_value value)
{
	(void)s;
	troupe_publish_value(a, name, value);
}

/* ------------------------------------------------------------------ those that are open */

struct troupe_session *workspace_session(struct troupe_actor *a, const char *id)
{
	struct workspace *ws = troupe_self(a);

	for (size_t i = 0; i < ws->session_count; i++) {
		if (strcmp(id_of(ws->sessions[i]), id ? id : DEFAULT_SESSION) == 0)
			return ws->sessions[i];
	}
	return NULL;
}

/* Those that the next wake is to open again. */
static void keep_living(struct troupe_actor *a)
{
	struct workspace *ws = troupe_self(a);
	char living[SESSIONS_MAX * 66] = "";
	size_t used = 0;

	for (size_t i = 0; i < ws->session_count; i++) {
		const char *id = id_of(ws->sessions[i]);

		if (strcmp(id, DEFAULT_SESSION) != 0)
			used += (size_t)snprintf(living + used, sizeof living - used, "%s%s", used > 0 ? " " : "", id);
	}
	troupe_set_text(a, &ws->living, used > 0 ? living : NULL);
}

static void on_end(struct troupe_actor *a, struct troupe_session *s, int error)
{
	struct workspace *ws = troupe_self(a);

	(void)error;
	for (size_t i = 0; i < ws->session_count; i++) {
		if (ws->sessions[i] == s)
			ws->sessions[i] = ws->sessions[--ws->session_count];
	}
	troupe_session_close(s);
	keep_living(a);
}

static int open_session(struct troupe_actor *a, const struct workspace_opening *o, struct troupe_session **ret)
{
	struct workspace *ws = troupe_self(a);
	int rc;

	if (ws->session_count == SESSIONS_MAX)
		return troupe_refuse(a, TROUPE_EOVERLOADED, "a workspace has %d living sessions at most", SESSIONS_MAX);
	rc = troupe_session_open(ret, a, &(struct troupe_session_options){
		.id         = o->id,
		.how        = o->how,
		.agent      = o->agent,
		.cwd        = o->cwd,
		.provider   = ws->provider,
		.base_url   = ws->base_url,
		.sandbox_id = ws->sandbox_id,
		.mode       = o->mode,
		.model      = o->model,
		.thought_level = o->thought_level,
		.auto_approve  = ws->auto_approve,
		.permission_ms = ws->permission_ms,
		.stall_ms   = ws->stall_ms,
		.ask_when_lost = ws->when_lost && strcmp(ws->when_lost, "ask") == 0,
		.hooks      = { .on_prompt = on_prompt, .on_event = on_event, .on_change = on_change, .on_end = on_end },
	});
	if (rc == 0)
		ws->sessions[ws->session_count++] = *ret;
	return rc;
}

/* Opening one may end another, which changes the list: it is walked in a copy. */
static void open_living(struct troupe_actor *a)
{
	struct workspace *ws = troupe_self(a);
	char living[SESSIONS_MAX * 66], *id = living;
	struct troupe_session *s;

	snprintf(living, sizeof living, "%s", ws->living ? ws->living : "");
	while (*id) {
		size_t size = strcspn(id, " ");
		char *next = id + size + (id[size] == ' ');

		id[size] = '\0';
		open_session(a, &(struct workspace_opening){ .id = id, .how = TROUPE_SESSION_OLD }, &s);
		id = next;
	}
}

int workspace_open_sessions(struct troupe_actor *a)
{
	struct workspace *ws = troupe_self(a);
	struct troupe_session *s;
	int rc = open_session(a, &(struct workspace_opening){
		DEFAULT_SESSION, ws->agent, NULL, ws->mode, ws->model, ws->thought_level, TROUPE_SESSION_ANY }, &s);

	if (rc == 0)
		open_living(a);
	return rc;
}

void workspace_close_sessions(struct troupe_actor *a)
{
	struct workspace *ws = troupe_self(a);

	while (ws->session_count > 0)
		troupe_session_close(ws->sessions[--ws->session_count]);
}

/* Opened, and the call answered when it is ready. What comes of it is no failure of this turn: on_end tells. */
int workspace_open_for(struct troupe_actor *a, struct troupe_call *call, const struct workspace_opening *o)
{
	struct troupe_session *s;
	int rc = open_session(a, o, &s);

	if (rc < 0)
		return rc;
	keep_living(a);
	troupe_session_await(s, call, NULL);
	return TROUPE_LATER;
}
