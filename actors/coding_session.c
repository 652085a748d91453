/* SPDX-License-Identifier: Apache-2.0 */
/* One coding agent in a sandbox of its own, by the names of the "Manage Sessions" document: people post messages, everything that
 * happens is an agentEvent, and the whole is the transcript. The sandbox is made with the actor and destroyed with it.
 *
 * Nothing else is published, so an event's sequence is its place in the log: whoever keeps the last sequence and asks for
 * what came after it gets every event once. */
#include <troupe.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SESSION "default"

struct coding_session {
	const char *agent, *provider;   /* from the creator; absent: as the server has it */
	struct troupe_session *session; /* from wake to sleep; NULL: this server has no sandbox */
};
static const struct troupe_record coding_session = TROUPE_RECORD(coding_session,
	TROUPE_OPTION(coding_session, agent,    "agent"),
	TROUPE_OPTION(coding_session, provider, "provider"));

/* ------------------------------------------------------------------ what the agent's session tells */

struct told { const char *id, *sender; int64_t index, created_at; bool synthetic; struct troupe_value payload; };
static const struct troupe_record told = TROUPE_RECORD(told,
	TROUPE_FIELD(told, id,             "id"),
	TROUPE_FIELD(told, index,          "eventIndex"),
	TROUPE_FIELD(told, created_at,     "createdAt"),
	TROUPE_FIELD(told, sender,         "sender"),
	TROUPE_DEFAULT(told, synthetic,    "synthetic", false),
	TROUPE_FIELD(told, payload,        "payload"));

struct envelope { const char *method; struct troupe_value params, error; };
static const struct troupe_record envelope = TROUPE_RECORD(envelope,
	TROUPE_OPTION(envelope, method, "method"),
	TROUPE_OPTION(envelope, params, "params"),
	TROUPE_OPTION(envelope, error,  "error"));

struct params { const char *session_id; };
static const struct troupe_record params = TROUPE_RECORD(params,
	TROUPE_OPTION(params, session_id, "sessionId"));

struct agent_event {
	const char *event_id, *session_id, *native_session_id, *time, *type, *source;
	int64_t sequence;
	bool synthetic;
	struct troupe_value data;
};
static const struct troupe_record agent_event = TROUPE_RECORD(agent_event,
	TROUPE_FIELD(agent_event, event_id,           "eventId"),
	TROUPE_FIELD(agent_event, session_id,         "sessionId"),
	TROUPE_OPTION(agent_event, native_session_id, "nativeSessionId"),
	TROUPE_FIELD(agent_event, sequence,           "sequence"),
	TROUPE_FIELD(agent_event, time,               "time"),
	TROUPE_FIELD(agent_event, type,               "type"),
	TROUPE_FIELD(agent_event, source,             "source"),
	TROUPE_FIELD(agent_event, synthetic,          "synthetic"),
	TROUPE_FIELD(agent_event, data,               "data"));

/* As JavaScript writes dates, and databases read them. */
static const char *iso_time(int64_t ms, char into[32])
{
	time_t seconds = (time_t)(ms / 1000);
	char day[24];

	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", gmtime(&seconds));
	snprintf(into, 32, "%s.%03dZ", day, (int)(ms % 1000));
	return into;
}

static void on_event(struct troupe_actor *a, struct troupe_session *s, struct troupe_value event)
{
	struct troupe_session_info info;
	struct envelope e = { 0 };
	struct params p = { 0 };
	struct told in;
	char time[32];

	if (troupe_read(a, &told, &in, event) < 0)
		return;
	troupe_read(a, &envelope, &e, in.payload);
	if (e.params.size > 0)
		troupe_read(a, &params, &p, e.params);
	troupe_session_info(s, &info);
	troupe_publish(a, "agentEvent", &agent_event, &(struct agent_event){
		.event_id          = in.id,
		.session_id        = troupe_key(a, 0),
		.native_session_id = p.session_id ? p.session_id : info.agent_session_id,
		.sequence          = in.index,
		.time              = iso_time(in.created_at, time),
		.type              = e.method ? e.method : e.error.size > 0 ? "error" : "result",
		.source            = in.sender,
		.synthetic         = in.synthetic,
		.data              = in.payload,
	});
}

static void on_change(struct troupe_actor *a, struct troupe_session *s, const char *name, struct troupe_value value)
{
	(void)s;
	troupe_broadcast_value(a, name, value);
}

/* ------------------------------------------------------------------ life */

struct input { const char *agent, *provider; };
static const struct troupe_record input = TROUPE_RECORD(input,
	TROUPE_OPTION(input, agent,    "agent"),
	TROUPE_OPTION(input, provider, "provider"));

static int coding_session_create(struct troupe_actor *a)
{
	struct coding_session *self = troupe_self(a);
	struct input in = { 0 };
	int rc;

	if (troupe_key_count(a) != 1)
		return troupe_refuse(a, TROUPE_EINVAL, "a coding session's key has one part, its id");
	rc = troupe_input(a).size ? troupe_read(a, &input, &in, troupe_input(a)) : 0;
	if (rc < 0)
		return rc;
	if (in.provider && !troupe_provider_offered(a, in.provider))
		return troupe_refuse(a, TROUPE_EFORBIDDEN, "input.provider: this server does not offer \"%s\"", in.provider);
	troupe_set_text(a, &self->agent, in.agent);
	troupe_set_text(a, &self->provider, in.provider);
	return 0;
}

static int coding_session_wake(struct troupe_actor *a)
{
	struct coding_session *self = troupe_self(a);
	int rc = troupe_session_open(&self->session, a, &(struct troupe_session_options){
		.id       = SESSION,
		.agent    = self->agent,
		.provider = self->provider,
		.alone    = true,
		.hooks    = { .on_event = on_event, .on_change = on_change },
	});

	return rc == TROUPE_ESANDBOX ? 0 : rc; /* its transcript can be read all the same */
}

static void coding_session_sleep(struct troupe_actor *a)
{
	struct coding_session *self = troupe_self(a);

	self->session = troupe_session_close(self->session);
}

/* ------------------------------------------------------------------ actions */

static int no_sandbox(struct troupe_call *call)
{
	return troupe_fail(call, TROUPE_ESANDBOX, "This server runs without a sandbox (--sandbox none).");
}

struct message { const char *text; };
static const struct troupe_record message = TROUPE_RECORD(message,
	TROUPE_FIELD(message, text, "message"));

static int coding_session_post_message(struct troupe_actor *a, struct troupe_call *call)
{
	struct coding_session *self = troupe_self(a);
	const struct message *in = troupe_args(call);

	if (!*in->text)
		return troupe_fail(call, TROUPE_EINVAL, "message: it is empty");
	if (!self->session)
		return no_sandbox(call);
	return troupe_session_prompt(self->session, call, &(struct troupe_prompt){
		.prompt_id = troupe_uuid(a), .text = in->text });
}

static int coding_session_get_transcript(struct troupe_actor *a, struct troupe_call *call)
{
	if (troupe_seq(a) == 0)
		return troupe_reply_value(call, troupe_list(a, &message, NULL, 0)); /* nothing has happened yet */
	return troupe_reply_transcript(call, SESSION);
}

struct page { int64_t offset; uint32_t limit; };
static const struct troupe_record page = TROUPE_RECORD(page,
	TROUPE_DEFAULT(page, offset, "offset", 0),
	TROUPE_DEFAULT(page, limit,  "limit",  100));

static int coding_session_get_events(struct troupe_actor *a, struct troupe_call *call)
{
	const struct page *in = troupe_args(call);

	(void)a;
	if (in->offset < 0)
		return troupe_fail(call, TROUPE_EINVAL, "offset: must not be negative");
	return troupe_reply_event_data(call, (uint64_t)in->offset, in->limit);
}

struct response { const char *permission_id, *reply; };
static const struct troupe_record response = TROUPE_RECORD(response,
	TROUPE_FIELD(response, permission_id, "permissionId"),
	TROUPE_FIELD(response, reply,         "reply"));

static int coding_session_respond(struct troupe_actor *a, struct troupe_call *call)
{
	struct coding_session *self = troupe_self(a);
	const struct response *in = troupe_args(call);

	if (!self->session)
		return no_sandbox(call);
	return troupe_session_respond(self->session, call, in->permission_id, in->reply, "");
}

static int coding_session_permissions(struct troupe_actor *a, struct troupe_call *call)
{
	struct coding_session *self = troupe_self(a);
	struct troupe_value open;

	if (!self->session)
		return no_sandbox(call);
	open = troupe_session_permissions(self->session);
	if (open.size == 0)
		return troupe_fail(call, TROUPE_ERESTARTING, "The session is restarting. Try again in a moment.");
	return troupe_reply_value(call, open);
}

static int coding_session_destroy(struct troupe_actor *a, struct troupe_call *call)
{
	(void)call;
	troupe_destroy(a);
	return 0;
}

/* ------------------------------------------------------------------ the form */

static const struct troupe_action coding_session_actions[] = {
	{ .name = "postMessage",           .run = coding_session_post_message, .takes = &message, .positional = true, .slow = true },
	{ .name = "getTranscript",         .run = coding_session_get_transcript, .reads = true },
	{ .name = "getEvents",             .run = coding_session_get_events,   .takes = &page, .reads = true },
	{ .name = "respondPermission",     .run = coding_session_respond,      .takes = &response },
	{ .name = "getPendingPermissions", .run = coding_session_permissions, .reads = true },
	{ .name = "destroy",               .run = coding_session_destroy },
	{ 0 }
};

const struct troupe_kind coding_session_kind = {
	.name    = "codingSession",
	.size    = sizeof(struct coding_session),
	.state   = &coding_session,
	.create  = coding_session_create,
	.wake    = coding_session_wake,
	.sleep   = coding_session_sleep,
	.destroy = coding_session_sleep,
	.actions = coding_session_actions,
};
