/* SPDX-License-Identifier: Apache-2.0 */
/* What an envelope means, once it stands in its place in the stream. Everything is logged, known or not,
 * with a turn running or not; what is known has a consequence besides. */
#include "runtime/sandbox/session/take.h"

#include <stdio.h>
#include <string.h>

#include "proto/json.h"
#include "runtime/base/log.h"
#include "runtime/sandbox/session/boot.h"
#include "runtime/sandbox/session/cancel.h"
#include "runtime/sandbox/session/permission.h"
#include "runtime/sandbox/session/say.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/settings.h"
#include "runtime/sandbox/session/tell.h"
#include "runtime/sandbox/session/turn.h"

static void agent_exited(struct troupe_session *s, const struct tr_acp *e)
{
	char message[80] = "The agent's process was killed.";
	int64_t code = tr_acp_integer(e->params, "code", -1);

	if (code >= 0)
		snprintf(message, sizeof message, "The agent's process ended with code %d.", (int)code);
	tr_session_verdict(s, TR_GONE, TROUPE_EEXITED, "agent_exited", message);
}

/* Text and tool calls, for the agent session that may have to be told of this one. */
static void remember(struct troupe_session *s, const struct tr_acp *e)
{
	struct troupe_text update, content;
	struct tr_bytes text = { 0 };
	char kind[32], tool[TR_ACP_SHORT_MAX], title[TR_ACP_SHORT_MAX], status[32];

	if (!tr_json_find(e->params, &update, "update", NULL) || !tr_acp_short(update, "sessionUpdate", kind, sizeof kind))
		return;
	if (strcmp(kind, "agent_message_chunk") == 0) {
		if (tr_json_find(update, &content, "content", NULL) && tr_json_find_string(content, &text, "text", NULL))
			tr_history_agent(&s->history, (struct troupe_text){ (const char *)text.data, text.size });
		tr_bytes_free(&text);
	} else if ((strcmp(kind, "tool_call") == 0 || strcmp(kind, "tool_call_update") == 0)
	           && tr_acp_short(update, "toolCallId", tool, sizeof tool)) {
		bool has_title = tr_acp_short(update, "title", title, sizeof title);
		bool has_status = tr_acp_short(update, "status", status, sizeof status);

		tr_history_tool(&s->history, tool, has_title ? title : NULL, has_status ? status : NULL);
	} else {
		tr_settings_seen(s, update, kind);
	}
}

static void take_request(struct troupe_session *s, const struct tr_acp *e)
{
	const struct tr_prompt *running = s->turns.running;

	tr_turn_seen(s);
	if (e->id.size > TR_ACP_SHORT_MAX) {
		tr_warn("agent.request", "session=%s reason=\"an id of %zu bytes is not answered\"", s->id, e->id.size);
	} else if (strcmp(e->method, "session/request_permission") == 0) {
		tr_permission_asked(s, e, running ? (struct tr_permission_turn){ running->cancel != TR_CANCEL_NONE, running->cancelled_by }
		                                  : (struct tr_permission_turn){ 0 });
	} else {
		tr_permission_refuse(s, e, -32601, "Method not found");
	}
}

static void take_bound(struct troupe_session *s, struct troupe_text json, const struct tr_acp *e)
{
	struct tr_ask *asks[] = { &s->turns.ask, &s->settings.ask };

	for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
		struct tr_ask *ask = asks[i];

		if (tr_acp_answers(e, ask->id)) {
			tr_ask_end(ask);
			ask->on_response(s, json, e);
			return;
		}
	}
	tr_session_event(s, TR_AGENT, json);
	if (e->kind == TR_ACP_REQUEST) {
		take_request(s, e);
	} else if (strcmp(e->method, "session/update") == 0) {
		tr_turn_seen(s);
		remember(s, e);
	} else if (strcmp(e->method, "_adapter/agent_exited") == 0) {
		agent_exited(s, e);
	}
}

static void take_json(struct troupe_session *s, struct troupe_text json)
{
	struct tr_acp e;

	tr_acp_read(&e, json);
	if (tr_ask_took(&s->turns.ask, &e) || tr_ask_took(&s->settings.ask, &e) || tr_ask_took(&s->boot.ask, &e))
		return;
	if (s->instance.bound)
		take_bound(s, json, &e);
	else
		tr_boot_take(s, json, &e);
}

/* What is no envelope is logged as one of ours. */
static void take_odd(struct troupe_session *s, const struct tr_sse_event *event, bool json)
{
	struct tr_bytes note = { 0 };

	if (event->oversize)
		tr_acp_note_oversize(&note, event->id, event->bytes);
	else
		tr_acp_note_odd(&note, event->data, json);
	if (s->instance.bound)
		tr_session_event(s, TR_SYNTHETIC, (struct troupe_text){ (const char *)note.data, note.size });
	else
		take_json(s, (struct troupe_text){ (const char *)note.data, note.size });
	tr_bytes_free(&note);
}

void tr_take(struct troupe_session *s, const struct tr_sse_event *event)
{
	bool json = !event->oversize && tr_json_check(event->data, TR_JSON_KEPT_DEPTH, NULL) == 0;

	tr_watch_heard(s);
	if (json && event->data.data[0] == '{')
		take_json(s, event->data);
	else
		take_odd(s, event, json);
	if (tr_say_overran(s))
		tr_session_verdict(s, TR_GONE, TROUPE_EUNRESPONSIVE, "agent_unresponsive", "The agent asks more than it lets be answered.");
}
