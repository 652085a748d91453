/* SPDX-License-Identifier: Apache-2.0 */
/* A workspace is a room: its people, what they say, and the agent that they share.
 *
 * What everybody must have seen is published (chat.user, session.event, session.config, turn.state, sandbox.state,
 * permission.*): it is in the log, and whoever was away gets it when they come back. Who is here is only broadcast. */
#include <troupe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SESSION "default"
#define SESSIONS_MAX    16 /* living at once, each with an agent of its own; one more is refused */

struct workspace {
	const char *agent, *provider, *base_url, *sandbox_id, *when_lost; /* from the creator; absent: as the server has it */
	const char *mode, *model, *thought_level;  /* as well; absent: as the agent has it */
	const char *auto_approve;                  /* as well; absent: the server's */
	int64_t permission_ms, stall_ms;           /* 0: the server's, the runtime's */
	const char *living;                        /* ids of the sessions beside the default one, a blank between */
	struct troupe_session *sessions[SESSIONS_MAX]; /* from wake to sleep */
	size_t session_count;
	bool no_sandbox;                           /* this server has none */
	struct troupe_timer *typing;               /* somebody's time is up, or others are to be told */
	int64_t typing_told;
	bool typing_changed;                       /* since then */
};
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

/* ------------------------------------------------------------------ how it begins */

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

static int workspace_create(struct troupe_actor *a)
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

/* ------------------------------------------------------------------ what the agent's session tells */

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

/* ------------------------------------------------------------------ its sessions */

/* NULL: the default one. Returns NULL: no such session is open. */
static struct troupe_session *session_of(struct troupe_actor *a, const char *id)
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

struct opening { const char *id, *agent, *cwd, *mode, *model, *thought_level; enum troupe_session_how how; };

static int open_session(struct troupe_actor *a, const struct opening *o, struct troupe_session **ret)
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
		open_session(a, &(struct opening){ .id = id, .how = TROUPE_SESSION_OLD }, &s);
		id = next;
	}
}

static void on_typing(struct troupe_actor *a, void *arg);

static int workspace_wake(struct troupe_actor *a)
{
	struct workspace *ws = troupe_self(a);
	struct troupe_session *s;
	int rc = open_session(a, &(struct opening){
		DEFAULT_SESSION, ws->agent, NULL, ws->mode, ws->model, ws->thought_level, TROUPE_SESSION_ANY }, &s);

	ws->typing = troupe_timer_new(a, on_typing, NULL);
	ws->typing_changed = troupe_peer_count(a) > 0; /* they were here when the actor went to sleep */
	troupe_timer_set(ws->typing, ws->typing_changed ? 1 : -1);
	ws->no_sandbox = rc == TROUPE_ESANDBOX;
	if (rc == 0)
		open_living(a);
	return ws->no_sandbox ? 0 : rc; /* a room without an agent is still a room */
}

static void workspace_sleep(struct troupe_actor *a)
{
	struct workspace *ws = troupe_self(a);

	while (ws->session_count > 0)
		troupe_session_close(ws->sessions[--ws->session_count]);
}

/* ------------------------------------------------------------------ who is here */

struct user { const char *user_id; int64_t since; const char *role; };
static const struct troupe_record user = TROUPE_RECORD(user,
	TROUPE_FIELD(user, user_id, "userId"),
	TROUPE_FIELD(user, since,   "since"),
	TROUPE_FIELD(user, role,    "role"));

/* change: "join" or "leave", and who, when it was somebody's first window or the last one. */
struct presence { struct troupe_value users; const char *change, *user_id, *role; };
static const struct troupe_record presence = TROUPE_RECORD(presence,
	TROUPE_FIELD(presence, users,    "users"),
	TROUPE_OPTION(presence, change,  "change"),
	TROUPE_OPTION(presence, user_id, "userId"),
	TROUPE_OPTION(presence, role,    "role"));

static const char *role_of(const struct troupe_peer *p)
{
	return troupe_peer_observes(p) ? "observer" : "controller";
}

static int by_name_then_time(const void *left, const void *right)
{
	const struct user *x = left, *y = right;
	int order = strcmp(x->user_id, y->user_id);

	return order ? order : (x->since > y->since) - (x->since < y->since);
}

/* Each person once, however many windows they have open, since the first of them; who may do more with one of them, may. */
static struct troupe_value who_is_here(struct troupe_actor *a)
{
	struct user *users = calloc(troupe_peer_count(a) + 1, sizeof *users);
	struct troupe_value list;
	size_t count = 0, kept = 0;

	for (struct troupe_peer *p = NULL; users && (p = troupe_peer_next(a, p)); ) {
		const char *user_id = troupe_peer_param(p, "userId");

		if (user_id)
			users[count++] = (struct user){ user_id, troupe_peer_since_ms(p), role_of(p) };
	}
	if (count > 0)
		qsort(users, count, sizeof *users, by_name_then_time);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || strcmp(users[kept - 1].user_id, users[i].user_id) != 0)
			users[kept++] = users[i];
		else if (strcmp(users[i].role, "controller") == 0)
			users[kept - 1].role = users[i].role;
	}
	list = troupe_list(a, &user, users, kept);
	free(users);
	return list;
}

static bool has_other_window(struct troupe_actor *a, const struct troupe_peer *p, const char *user_id)
{
	for (struct troupe_peer *other = NULL; (other = troupe_peer_next(a, other)); ) {
		const char *name = other != p ? troupe_peer_param(other, "userId") : NULL;

		if (name && strcmp(name, user_id) == 0)
			return true;
	}
	return false;
}

static void tell_presence(struct troupe_actor *a, struct troupe_peer *p, const char *change)
{
	const char *user_id = troupe_peer_param(p, "userId");
	struct presence now = { .users = { 0 } };

	if (!user_id)
		return;
	now.users = who_is_here(a);
	if (!has_other_window(a, p, user_id)) {
		now.change = change;
		now.user_id = user_id;
		now.role = role_of(p);
	}
	troupe_broadcast(a, "presence", &presence, &now);
}

static int workspace_join(struct troupe_actor *a, struct troupe_peer *p)
{
	tell_presence(a, p, "join");
	return 0;
}

/* ------------------------------------------------------------------ who is typing */

#define TYPING_MS       6000 /* from when somebody said so last */
#define TYPING_EVERY_MS 300  /* others are told this often at most */

struct window { int64_t typing_until; }; /* of a connection; 0: nobody types there */

struct typing { struct troupe_value users; };
static const struct troupe_record typing = TROUPE_RECORD(typing,
	TROUPE_FIELD(typing, users, "users"));

static int by_name(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static size_t who_types(struct troupe_actor *a, struct troupe_value *ret)
{
	const char **names = calloc(troupe_peer_count(a) + 1, sizeof *names);
	size_t count = 0, kept = 0;

	for (struct troupe_peer *p = NULL; names && (p = troupe_peer_next(a, p)); ) {
		const struct window *w = troupe_peer_self(p);

		if (w->typing_until > 0)
			names[count++] = troupe_peer_param(p, "userId");
	}
	if (count > 0)
		qsort(names, count, sizeof *names, by_name);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
			names[kept++] = names[i];
	}
	*ret = troupe_texts(a, names, kept);
	free(names);
	return kept;
}

/* Tells what has changed, unless that was told a moment ago, and comes back when there is something to do. */
static void tell_typing(struct troupe_actor *a)
{
	struct workspace *ws = troupe_self(a);
	int64_t now = troupe_now_ms(a), next = INT64_MAX;
	struct typing users;

	if (ws->typing_changed && (now < ws->typing_told || now - ws->typing_told >= TYPING_EVERY_MS)) {
		who_types(a, &users.users);
		troupe_broadcast(a, "typing", &typing, &users);
		ws->typing_told = now;
		ws->typing_changed = false;
	}
	if (ws->typing_changed)
		next = ws->typing_told + TYPING_EVERY_MS;
	for (struct troupe_peer *p = NULL; (p = troupe_peer_next(a, p)); ) {
		const struct window *w = troupe_peer_self(p);

		if (w->typing_until > 0 && w->typing_until < next)
			next = w->typing_until;
	}
	troupe_timer_set(ws->typing, next == INT64_MAX ? -1 : next > now ? next - now : 1);
}

static void set_typing(struct troupe_actor *a, struct troupe_peer *p, int64_t until)
{
	struct workspace *ws = troupe_self(a);
	struct window *w = troupe_peer_self(p);

	ws->typing_changed = ws->typing_changed || (w->typing_until > 0) != (until > 0);
	w->typing_until = until;
}

static void on_typing(struct troupe_actor *a, void *arg)
{
	(void)arg;
	for (struct troupe_peer *p = NULL; (p = troupe_peer_next(a, p)); ) {
		const struct window *w = troupe_peer_self(p);

		if (w->typing_until > 0 && w->typing_until <= troupe_now_ms(a))
			set_typing(a, p, 0);
	}
	tell_typing(a);
}

/* Who joins is told with its subscription, not before: else it would miss who came in between. */
static int workspace_subscribe(struct troupe_actor *a, struct troupe_peer *p, const char *name)
{
	struct typing users;

	if (strcmp(name, "presence") == 0)
		return troupe_send(p, "presence", &presence, &(struct presence){ .users = who_is_here(a) });
	if (strcmp(name, "typing") == 0 && who_types(a, &users.users) > 0)
		return troupe_send(p, "typing", &typing, &users);
	return 0;
}

static void workspace_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	tell_presence(a, p, "leave");
	set_typing(a, p, 0);
	tell_typing(a);
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
	set_typing(a, p, in->typing ? troupe_now_ms(a) + TYPING_MS : 0);
	tell_typing(a);
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
	struct troupe_session *session = session_of(a, in->session_id);
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
	struct troupe_session *s = session_of(a, in->session_id);

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
	struct troupe_session *s = session_of(a, in->session_id);

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
	struct troupe_session *s = session_of(a, in->session_id);

	return s ? show(call, troupe_session_queue(s)) : no_session(call, in->session_id);
}

static int workspace_get_pending_permissions(struct troupe_actor *a, struct troupe_call *call)
{
	const struct which *in = troupe_args(call);
	struct troupe_session *s = session_of(a, in->session_id);

	return s ? show(call, troupe_session_permissions(s)) : no_session(call, in->session_id);
}

struct restart { const char *user_id, *session_id; };
static const struct troupe_record restart = TROUPE_RECORD(restart,
	TROUPE_OPTION(restart, user_id,    "userId"),
	TROUPE_OPTION(restart, session_id, "sessionId"));

static int workspace_restart_agent(struct troupe_actor *a, struct troupe_call *call)
{
	const struct restart *in = troupe_args(call);
	struct troupe_session *s = session_of(a, in->session_id);

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
	struct troupe_session *s = session_of(a, in->session_id);

	if (!s)
		return no_session(call, in->session_id);
	return troupe_session_respond(s, call, in->permission_id, in->reply, in->user_id);
}

/* The files in it, and whatever runs there, are gone with it. */
static int workspace_renew_sandbox(struct troupe_actor *a, struct troupe_call *call)
{
	struct troupe_session *s = session_of(a, NULL);
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

/* Opened, and the call answered when it is ready. What comes of it is no failure of this turn: on_end tells. */
static int open_for(struct troupe_actor *a, struct troupe_call *call, const struct opening *o)
{
	struct troupe_session *s;
	int rc = open_session(a, o, &s);

	if (rc < 0)
		return rc;
	keep_living(a);
	troupe_session_await(s, call, NULL);
	return TROUPE_LATER;
}

static int workspace_create_session(struct troupe_actor *a, struct troupe_call *call)
{
	const struct new_session *in = troupe_args(call);
	const char *id = in->session_id ? in->session_id : troupe_uuid(a);

	if (session_of(a, id))
		return troupe_fail(call, TROUPE_EEXISTS, "A session with this id exists already.");
	return open_for(a, call, &(struct opening){
		id, in->agent, in->cwd, in->mode, in->model, in->thought_level, TROUPE_SESSION_NEW });
}

struct old_session { const char *session_id, *agent; };
static const struct troupe_record old_session = TROUPE_RECORD(old_session,
	TROUPE_OPTION(old_session, session_id, "sessionId"),
	TROUPE_OPTION(old_session, agent,      "agent"));

static int workspace_resume_session(struct troupe_actor *a, struct troupe_call *call)
{
	const struct old_session *in = troupe_args(call);
	struct troupe_session *s = session_of(a, in->session_id);

	if (s)
		return troupe_session_await(s, call, in->agent);
	return open_for(a, call, &(struct opening){
		.id = in->session_id ? in->session_id : DEFAULT_SESSION, .agent = in->agent, .how = TROUPE_SESSION_RESUME });
}

static int workspace_destroy_session(struct troupe_actor *a, struct troupe_call *call)
{
	const struct which *in = troupe_args(call);
	struct troupe_session *s = session_of(a, in->session_id);

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
	struct troupe_session *s = session_of(a, in->session_id);

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
	.sleep     = workspace_sleep,
	.destroy   = workspace_sleep,
	.peer_size = sizeof(struct window),
	.join      = workspace_join,
	.leave     = workspace_leave,
	.subscribe = workspace_subscribe,
	.request   = workspace_request,
	.actions   = workspace_actions,
};
