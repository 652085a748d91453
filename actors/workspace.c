/* SPDX-License-Identifier: Apache-2.0 */
/* A workspace is a room: its people, what they say, and the agent that they share.
 *
 * What everybody must have seen is published (chat.user, session.event, session.config, turn.state, sandbox.state,
 * permission.*): it is in the log, and whoever was away gets it when they come back. Who is here is only broadcast.
 *
 * Here is the kind, to be read from the form at its end: what it keeps, its life, its actions. It is large for a kind, so
 * what is behind them has files of its own, which workspace.h names. */
#include <stdlib.h>
#include <string.h>

#include "workspace.h"

static const struct troupe_record workspace = TROUPE_RECORD(workspace,
	TROUPE_OPTION(workspace, agent,      "agent"),
	TROUPE_OPTION(workspace, provider,   "provider"),
	TROUPE_OPTION(workspace, base_url,   "baseUrl"),
	TROUPE_OPTION(workspace, sandbox_id, "sandboxId"),
	TROUPE_OPTION(workspace, mode,       "mode"),
	TROUPE_OPTION(workspace, model,      "model"),
	TROUPE_OPTION(workspace, thought_level, "thoughtLevel"),
	TROUPE_OPTION(workspace, auto_approve, "autoApprove"),
	TROUPE_DEFAULT(workspace, permission_ms, "permissionMs", 0),
	TROUPE_DEFAULT(workspace, stall_ms,  "stallMs", 0),
	TROUPE_OPTION(workspace, when_lost,  "whenLost"),
	TROUPE_OPTION(workspace, living,     "sessions"));

static int workspace_wake(struct troupe_actor *a)
{
	struct workspace *ws = troupe_self(a);
	int rc;

	workspace_wake_people(a);
	rc = workspace_open_sessions(a);
	ws->no_sandbox = rc == TROUPE_ESANDBOX;
	return ws->no_sandbox ? 0 : rc; /* a room without an agent is still a room */
}

/* ------------------------------------------------------------------ actions */

static int no_session(struct troupe_call *call, const char *id)
{
	return troupe_fail_session(call, id ? id : DEFAULT_SESSION);
}

struct types { bool typing; };
static const struct troupe_record types = TROUPE_RECORD(types,
	TROUPE_FIELD(types, typing, "typing"));

static int workspace_typing(struct troupe_actor *a, struct troupe_call *call)
{
	const struct types *in = troupe_args(call);
	struct troupe_peer *p = troupe_caller(call);

	if (!p || !troupe_peer_connected(p) || !troupe_peer_param(p, "userId"))
		return troupe_fail(call, TROUPE_EINVAL, "typing: is for connections with the parameter userId");
	workspace_types(a, p, in->typing);
	return 0;
}

struct info {
	const char *workspace_id, *sandbox_id, *agent, *session_id, *status;
	struct troupe_value modes, config_options;
	int64_t seq;
	const char *epoch;
};
static const struct troupe_record info = TROUPE_RECORD(info,
	TROUPE_FIELD(info, workspace_id, "workspaceId"),
	TROUPE_FIELD(info, sandbox_id,   "sandboxId"),
	TROUPE_FIELD(info, agent,        "agent"),
	TROUPE_FIELD(info, session_id,   "sessionId"),
	TROUPE_FIELD(info, status,       "status"),
	TROUPE_FIELD(info, modes,        "modes"),
	TROUPE_FIELD(info, config_options, "configOptions"),
	TROUPE_FIELD(info, seq,          "seq"),
	TROUPE_FIELD(info, epoch,        "epoch"));

/* Which session is meant, and nothing else. */
struct which { const char *session_id; };
static const struct troupe_record which = TROUPE_RECORD(which,
	TROUPE_OPTION(which, session_id, "sessionId"));

static int workspace_get_session_info(struct troupe_actor *a, struct troupe_call *call)
{
	struct workspace *ws = troupe_self(a);
	const struct which *in = troupe_args(call);
	struct troupe_session *session = workspace_session(a, in->session_id);
	struct troupe_session_info s = { .status = "down" };

	if (session)
		troupe_session_info(session, &s);
	else if (!ws->no_sandbox)
		return no_session(call, in->session_id);
	return troupe_reply(call, &info, &(struct info){
		.workspace_id = troupe_key(a, 0),
		.sandbox_id   = s.sandbox_id,
		.agent        = s.agent,
		.session_id   = s.session_id,
		.status       = s.status,
		.modes          = s.modes,
		.config_options = s.config_options,
		.seq          = (int64_t)troupe_seq(a),
		.epoch        = troupe_epoch(a),
	});
}

struct prompt { const char *user_id, *text, *prompt_id, *session_id; struct troupe_value content; };
static const struct troupe_record prompt = TROUPE_RECORD(prompt,
	TROUPE_FIELD(prompt, user_id,    "userId"),
	TROUPE_FIELD(prompt, text,       "text"),
	TROUPE_OPTION(prompt, prompt_id, "promptId"),
	TROUPE_OPTION(prompt, content,   "content"),
	TROUPE_OPTION(prompt, session_id, "sessionId"));

static int workspace_prompt(struct troupe_actor *a, struct troupe_call *call)
{
	const struct prompt *in = troupe_args(call);
	struct troupe_session *s = workspace_session(a, in->session_id);

	if (!*in->text)
		return troupe_fail(call, TROUPE_EINVAL, "text: the prompt is empty");
	if (!s)
		return no_session(call, in->session_id);
	return troupe_session_prompt(s, call, &(struct troupe_prompt){
		.prompt_id = in->prompt_id ? in->prompt_id : troupe_uuid(a),
		.user_id   = in->user_id,
		.text      = in->text,
		.content   = in->content,
	});
}

struct cancel { const char *prompt_id, *user_id, *session_id; };
static const struct troupe_record cancel = TROUPE_RECORD(cancel,
	TROUPE_OPTION(cancel, prompt_id,  "promptId"),
	TROUPE_OPTION(cancel, user_id,    "userId"),
	TROUPE_OPTION(cancel, session_id, "sessionId"));

static int workspace_cancel(struct troupe_actor *a, struct troupe_call *call)
{
	const struct cancel *in = troupe_args(call);
	struct troupe_session *s = workspace_session(a, in->session_id);

	return s ? troupe_session_cancel(s, call, in->prompt_id, in->user_id) : no_session(call, in->session_id);
}

static int show(struct troupe_call *call, struct troupe_value v)
{
	if (v.size == 0)
		return troupe_fail(call, TROUPE_ERESTARTING, "The session is restarting. Try again in a moment.");
	return troupe_reply_value(call, v);
}

static int workspace_get_queue(struct troupe_actor *a, struct troupe_call *call)
{
	const struct which *in = troupe_args(call);
	struct troupe_session *s = workspace_session(a, in->session_id);

	return s ? show(call, troupe_session_queue(s)) : no_session(call, in->session_id);
}

static int workspace_get_pending_permissions(struct troupe_actor *a, struct troupe_call *call)
{
	const struct which *in = troupe_args(call);
	struct troupe_session *s = workspace_session(a, in->session_id);

	return s ? show(call, troupe_session_permissions(s)) : no_session(call, in->session_id);
}

struct restart { const char *user_id, *session_id; };
static const struct troupe_record restart = TROUPE_RECORD(restart,
	TROUPE_OPTION(restart, user_id,    "userId"),
	TROUPE_OPTION(restart, session_id, "sessionId"));

static int workspace_restart_agent(struct troupe_actor *a, struct troupe_call *call)
{
	const struct restart *in = troupe_args(call);
	struct troupe_session *s = workspace_session(a, in->session_id);

	return s ? troupe_session_restart(s, call, in->user_id) : no_session(call, in->session_id);
}

struct response { const char *permission_id, *reply, *user_id, *session_id; };
static const struct troupe_record response = TROUPE_RECORD(response,
	TROUPE_FIELD(response, permission_id, "permissionId"),
	TROUPE_FIELD(response, reply,         "reply"),
	TROUPE_OPTION(response, user_id,      "userId"),
	TROUPE_OPTION(response, session_id,   "sessionId"));

static int workspace_respond(struct troupe_actor *a, struct troupe_call *call)
{
	const struct response *in = troupe_args(call);
	struct troupe_session *s = workspace_session(a, in->session_id);

	if (!s)
		return no_session(call, in->session_id);
	return troupe_session_respond(s, call, in->permission_id, in->reply, in->user_id);
}

/* The files in it, and whatever runs there, are gone with it. */
static int workspace_renew_sandbox(struct troupe_actor *a, struct troupe_call *call)
{
	struct troupe_session *s = workspace_session(a, NULL);
	int rc;

	if (!s)
		return no_session(call, NULL);
	rc = troupe_session_renew(s);
	if (rc == TROUPE_EINVAL)
		return troupe_fail(call, rc, "This workspace's sandbox was not made for it: there is nothing to make anew.");
	if (rc == TROUPE_EOVERLOADED)
		return troupe_fail(call, rc, "The sandbox is being made just now.");
	return rc;
}

/* ---- sessions */
struct new_session { const char *session_id, *agent, *cwd, *mode, *model, *thought_level; };
static const struct troupe_record new_session = TROUPE_RECORD(new_session,
	TROUPE_OPTION(new_session, session_id, "sessionId"),
	TROUPE_OPTION(new_session, agent,      "agent"),
	TROUPE_OPTION(new_session, cwd,        "cwd"),
	TROUPE_OPTION(new_session, mode,       "mode"),
	TROUPE_OPTION(new_session, model,      "model"),
	TROUPE_OPTION(new_session, thought_level, "thoughtLevel"));

static int workspace_create_session(struct troupe_actor *a, struct troupe_call *call)
{
	const struct new_session *in = troupe_args(call);
	const char *id = in->session_id ? in->session_id : troupe_uuid(a);

	if (workspace_session(a, id))
		return troupe_fail(call, TROUPE_EEXISTS, "A session with this id exists already.");
	return workspace_open_for(a, call, &(struct workspace_opening){
		id, in->agent, in->cwd, in->mode, in->model, in->thought_level, TROUPE_SESSION_NEW });
}

struct old_session { const char *session_id, *agent; };
static const struct troupe_record old_session = TROUPE_RECORD(old_session,
	TROUPE_OPTION(old_session, session_id, "sessionId"),
	TROUPE_OPTION(old_session, agent,      "agent"));

static int workspace_resume_session(struct troupe_actor *a, struct troupe_call *call)
{
	const struct old_session *in = troupe_args(call);
	struct troupe_session *s = workspace_session(a, in->session_id);

	if (s)
		return troupe_session_await(s, call, in->agent);
	return workspace_open_for(a, call, &(struct workspace_opening){
		.id = in->session_id ? in->session_id : DEFAULT_SESSION, .agent = in->agent, .how = TROUPE_SESSION_RESUME });
}

static int workspace_destroy_session(struct troupe_actor *a, struct troupe_call *call)
{
	const struct which *in = troupe_args(call);
	struct troupe_session *s = workspace_session(a, in->session_id);

	return s ? troupe_session_destroy(s, call) : no_session(call, in->session_id);
}

/* ---- what people choose of the agent */

struct choice { struct troupe_value value; const char *config_id, *session_id; };
static const struct troupe_record mode_choice = TROUPE_RECORD(choice,
	TROUPE_FIELD(choice, value,       "modeId"),
	TROUPE_OPTION(choice, session_id, "sessionId"));
static const struct troupe_record model_choice = TROUPE_RECORD(choice,
	TROUPE_FIELD(choice, value,       "model"),
	TROUPE_OPTION(choice, session_id, "sessionId"));
static const struct troupe_record thought_choice = TROUPE_RECORD(choice,
	TROUPE_FIELD(choice, value,       "level"),
	TROUPE_OPTION(choice, session_id, "sessionId"));
static const struct troupe_record option_choice = TROUPE_RECORD(choice,
	TROUPE_FIELD(choice, config_id,   "configId"),
	TROUPE_FIELD(choice, value,       "value"),
	TROUPE_OPTION(choice, session_id, "sessionId"));

static int choose(struct troupe_actor *a, struct troupe_call *call, enum troupe_setting what)
{
	const struct choice *in = troupe_args(call);
	struct troupe_session *s = workspace_session(a, in->session_id);

	return s ? troupe_session_set(s, call, what, in->config_id, in->value) : no_session(call, in->session_id);
}

static int workspace_set_mode(struct troupe_actor *a, struct troupe_call *call)
{
	return choose(a, call, TROUPE_MODE);
}

static int workspace_set_model(struct troupe_actor *a, struct troupe_call *call)
{
	return choose(a, call, TROUPE_MODEL);
}

static int workspace_set_thought_level(struct troupe_actor *a, struct troupe_call *call)
{
	return choose(a, call, TROUPE_THOUGHT_LEVEL);
}

static int workspace_set_config_option(struct troupe_actor *a, struct troupe_call *call)
{
	return choose(a, call, TROUPE_OPTION_BY_ID);
}

/* ---- the log */

struct page { int64_t offset; uint32_t limit; };
static const struct troupe_record page = TROUPE_RECORD(page,
	TROUPE_DEFAULT(page, offset, "offset", 0),
	TROUPE_DEFAULT(page, limit,  "limit",  100));

static int workspace_get_events(struct troupe_actor *a, struct troupe_call *call)
{
	const struct page *in = troupe_args(call);

	(void)a;
	if (in->offset < 0)
		return troupe_fail(call, TROUPE_EINVAL, "offset: must not be negative");
	return troupe_reply_events(call, (uint64_t)in->offset, in->limit);
}

struct sessions_page { const char *cursor; uint32_t limit; };
static const struct troupe_record sessions_page = TROUPE_RECORD(sessions_page,
	TROUPE_OPTION(sessions_page,  cursor, "cursor"),
	TROUPE_DEFAULT(sessions_page, limit,  "limit", 100));

static int workspace_list_sessions(struct troupe_actor *a, struct troupe_call *call)
{
	const struct sessions_page *in = troupe_args(call);

	(void)a;
	return troupe_reply_sessions(call, in->cursor, in->limit);
}

struct events_page { const char *session_id, *cursor; uint32_t limit; };
static const struct troupe_record events_page = TROUPE_RECORD(events_page,
	TROUPE_OPTION(events_page,  session_id, "sessionId"),
	TROUPE_OPTION(events_page,  cursor,     "cursor"),
	TROUPE_DEFAULT(events_page, limit,      "limit", 100));

static int workspace_list_events(struct troupe_actor *a, struct troupe_call *call)
{
	const struct events_page *in = troupe_args(call);

	(void)a;
	return troupe_reply_session_events(call, in->session_id ? in->session_id : DEFAULT_SESSION, in->cursor, in->limit);
}

static int workspace_get_transcript(struct troupe_actor *a, struct troupe_call *call)
{
	const struct which *in = troupe_args(call);

	(void)a;
	return troupe_reply_transcript(call, in->session_id ? in->session_id : DEFAULT_SESSION);
}

/* GET /events/SEQ */
static int workspace_request(struct troupe_actor *a, struct troupe_call *call, const struct troupe_request *rq)
{
	static const char path[] = "/events/";
	const char *digits = rq->path + sizeof path - 1;

	(void)a;
	if (strncmp(rq->path, path, sizeof path - 1) != 0 || !*digits || strlen(digits) > 15
	    || strspn(digits, "0123456789") != strlen(digits))
		return troupe_respond(call, 404, NULL, 0, NULL, 0);
	if (strcmp(rq->method, "GET") != 0)
		return troupe_respond(call, 405, NULL, 0, NULL, 0);
	return troupe_respond_event(call, strtoull(digits, NULL, 10));
}

/* ------------------------------------------------------------------ the form */

static const struct troupe_action workspace_actions[] = {
	{ .name = "getSessionInfo",    .run = workspace_get_session_info, .takes = &which, .reads = true },
	{ .name = "prompt",            .run = workspace_prompt,     .takes = &prompt, .slow = true },
	{ .name = "typing",            .run = workspace_typing,     .takes = &types },
	{ .name = "cancel",            .run = workspace_cancel,     .takes = &cancel },
	{ .name = "getQueue",          .run = workspace_get_queue,  .takes = &which, .reads = true },
	{ .name = "restartAgent",      .run = workspace_restart_agent, .takes = &restart },
	{ .name = "getPendingPermissions", .run = workspace_get_pending_permissions, .takes = &which, .reads = true },
	{ .name = "respondPermission", .run = workspace_respond,    .takes = &response },
	{ .name = "createSession",     .run = workspace_create_session,    .takes = &new_session,    .slow = true },
	{ .name = "resumeSession",     .run = workspace_resume_session,    .takes = &old_session,    .slow = true },
	{ .name = "destroySession",    .run = workspace_destroy_session,   .takes = &which },
	{ .name = "setMode",           .run = workspace_set_mode,          .takes = &mode_choice,    .slow = true },
	{ .name = "setModel",          .run = workspace_set_model,         .takes = &model_choice,   .slow = true },
	{ .name = "setThoughtLevel",   .run = workspace_set_thought_level, .takes = &thought_choice, .slow = true },
	{ .name = "setConfigOption",   .run = workspace_set_config_option, .takes = &option_choice,  .slow = true },
	{ .name = "renewSandbox",      .run = workspace_renew_sandbox },
	{ .name = "getEvents",         .run = workspace_get_events, .takes = &page, .reads = true },
	{ .name = "listSessions",      .run = workspace_list_sessions,  .takes = &sessions_page, .reads = true },
	{ .name = "listEvents",        .run = workspace_list_events,    .takes = &events_page, .reads = true },
	{ .name = "getTranscript",     .run = workspace_get_transcript, .takes = &which, .reads = true },
	{ 0 }
};

const struct troupe_kind workspace_kind = {
	.name      = "workspace",
	.size      = sizeof(struct workspace),
	.state     = &workspace,
	.create    = workspace_create,
	.wake      = workspace_wake,
	.sleep     = workspace_close_sessions,
	.destroy   = workspace_close_sessions,
	.peer_size = sizeof(struct workspace_window),
	.join      = workspace_join,
	.leave     = workspace_leave,
	.subscribe = workspace_subscribe,
	.request   = workspace_request,
	.actions   = workspace_actions,
};
