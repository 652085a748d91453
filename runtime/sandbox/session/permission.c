/* SPDX-License-Identifier: Apache-2.0 */
/* Permission requests are state, not a question to somebody: stored, told, answered by whoever is first
 * (spec 5.6). An answer stays stored until the sandbox has taken it; a second one is harmless, so it is
 * said again when in doubt. */
#include "runtime/sandbox/session/permission.h"

#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/text.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/session/read.h"
#include "runtime/sandbox/session/say.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/store.h"
#include "runtime/sandbox/session/tell.h"

/* ------------------------------------------------------------------ the list */

static void on_deadline(void *arg)
{
	tr_session_turn(arg, NULL, NULL); /* tr_permissions_overdue */
}

void tr_permissions_init(struct troupe_session *s, int64_t time_ms, const char *auto_approve)
{
	tr_list_init(&s->permissions.list);
	s->permissions.timer = tr_session_timer(s, on_deadline, s);
	s->permissions.time_ms = time_ms;
	s->permissions.auto_approve = tr_strdup(auto_approve);
}

static void forget(struct troupe_session *s, struct tr_permission *p)
{
	tr_list_remove(&p->link);
	tr_bytes_free(&p->request_id);
	tr_bytes_free(&p->options);
	tr_bytes_free(&p->tool_call);
	tr_bytes_free(&p->answer);
	free(p);
	s->permissions.count--;
}

static bool is_open(const struct tr_permission *p)
{
	return p->answer.size == 0;
}

static struct tr_permission *find(struct troupe_session *s, const char *id)
{
	for (struct tr_list *at = s->permissions.list.next; at != &s->permissions.list; at = at->next) {
		struct tr_permission *p = tr_container(at, struct tr_permission, link);

		if (strcmp(p->id, id) == 0)
			return p;
	}
	return NULL;
}

void tr_permissions_fini(struct troupe_session *s)
{
	struct tr_list *first;

	while ((first = tr_list_first(&s->permissions.list)))
		forget(s, tr_container(first, struct tr_permission, link));
	tr_session_timer_free(s, s->permissions.timer);
	free(s->permissions.auto_approve);
}

void tr_permissions_silence(struct troupe_session *s)
{
	tr_session_timer_set(s, s->permissions.timer, -1);
}

static struct troupe_text raw_of(const struct tr_bytes *b)
{
	return (struct troupe_text){ (const char *)b->data, b->size };
}

/* ------------------------------------------------------------------ resolved */

/* user_id NULL: nobody decided, and reason says why it ended. */
static void tell_resolved(struct troupe_session *s, const struct tr_permission *p, const char *reply, const char *user_id,
                          const char *reason)
{
	struct tr_bytes value = { 0 };

	tr_info("permission.resolved", "session=%s permission=%s reply=%s%s%s", s->id, p->id, reply, reason ? " reason=" : "",
	        reason ? reason : "");
	tr_put_map(&value, 3 + (reason != NULL));
	tr_put_text(&value, "permissionId");
	tr_put_text(&value, p->id);
	tr_put_text(&value, "reply");
	tr_put_text(&value, reply);
	tr_put_text(&value, "by");
	tr_put_text(&value, user_id);
	if (reason) {
		tr_put_text(&value, "reason");
		tr_put_text(&value, reason);
	}
	tr_session_change(s, "permission.resolved", &value);
}

/* option NULL: cancelled. The reply is logged and stored before it is sent. */
static void resolve(struct troupe_session *s, struct tr_permission *p, const char *option, const char *reply, const char *user_id,
                    const char *reason)
{
	struct tr_bytes body = { 0 };

	tr_acp_permission_reply(&p->answer, raw_of(&p->request_id), option);
	tr_bytes_free(&p->options);
	tr_bytes_free(&p->tool_call);
	tr_session_event(s, TR_CLIENT, raw_of(&p->answer));
	tr_store_permission(s, p);
	tr_store_resolved(s, p, reply, user_id);
	tell_resolved(s, p, reply, user_id, reason);
	tr_bytes_put(&body, p->answer.data, p->answer.size);
	tr_say(s, &body, p->id);
}

/* ------------------------------------------------------------------ deadlines */

/* The time that people had is over. */
static void reject(struct troupe_session *s, struct tr_permission *p)
{
	char option[TR_ACP_SHORT_MAX];

	if (tr_acp_option(raw_of(&p->options), "reject", option, sizeof option))
		resolve(s, p, option, "reject", NULL, "timeout");
	else
		resolve(s, p, NULL, "cancelled", NULL, "timeout");
}

/* INT64_MAX: there is none. */
static int64_t next_deadline(const struct troupe_session *s)
{
	int64_t next = INT64_MAX;

	for (struct tr_list *at = s->permissions.list.next; at != &s->permissions.list; at = at->next) {
		struct tr_permission *p = tr_container(at, struct tr_permission, link);

		if (is_open(p) && p->deadline_ms > 0 && p->deadline_ms < next)
			next = p->deadline_ms;
	}
	return next;
}

static void watch(struct troupe_session *s)
{
	int64_t now = troupe_now_ms(s->actor), next = next_deadline(s);

	if (next < INT64_MAX)
		tr_session_timer_set(s, s->permissions.timer, next > now ? next - now : 1);
}

void tr_permissions_overdue(struct troupe_session *s)
{
	int64_t next = next_deadline(s), now = next < INT64_MAX ? troupe_now_ms(s->actor) : 0;

	if (next > now)
		return;
	for (struct tr_list *at = s->permissions.list.next, *after; at != &s->permissions.list; at = after) {
		struct tr_permission *p = tr_container(at, struct tr_permission, link);

		after = at->next;
		if (is_open(p) && p->deadline_ms > 0 && p->deadline_ms <= now)
			reject(s, p);
	}
	watch(s);
}

void tr_permissions_restored(struct troupe_session *s)
{
	watch(s);
}

/* ------------------------------------------------------------------ asked */

static struct tr_permission *add(struct troupe_session *s, const struct tr_acp *e)
{
	struct tr_permission *p = tr_alloc(sizeof *p);

	tr_random_uuid(p->id);
	tr_bytes_put(&p->request_id, e->id.data, e->id.size);
	tr_list_push(&s->permissions.list, &p->link);
	s->permissions.count++;
	return p;
}

static void put_json_member(struct tr_bytes *out, const char *name, struct troupe_text json)
{
	tr_put_text(out, name);
	if (json.size > 0)
		tr_put_json(out, json.data, json.size);
	else
		tr_put_nil(out);
}

static void put_replies(struct tr_bytes *out, unsigned replies)
{
	static const struct { unsigned bit; const char *word; } words[] = {
		{ TR_ACP_ONCE, "once" }, { TR_ACP_ALWAYS, "always" }, { TR_ACP_REJECT, "reject" },
	};
	uint32_t count = 0;

	for (size_t i = 0; i < 3; i++)
		count += (replies & words[i].bit) != 0;
	tr_put_text(out, "availableReplies");
	tr_put_array(out, count);
	for (size_t i = 0; i < 3; i++) {
		if (replies & words[i].bit)
			tr_put_text(out, words[i].word);
	}
}

static void put_request(struct tr_bytes *out, const struct tr_permission *p, struct troupe_text tool_call)
{
	tr_put_map(out, 5 + (p->deadline_ms > 0));
	tr_put_text(out, "permissionId");
	tr_put_text(out, p->id);
	put_json_member(out, "toolCall", tool_call);
	put_json_member(out, "options", raw_of(&p->options));
	put_replies(out, tr_acp_replies(raw_of(&p->options)));
	tr_put_text(out, "createdAt");
	tr_put_int(out, p->created_ms);
	if (p->deadline_ms > 0) {
		tr_put_text(out, "expiresAt");
		tr_put_int(out, p->deadline_ms);
	}
}

static void tell_request(struct troupe_session *s, const struct tr_permission *p, struct troupe_text tool_call)
{
	struct tr_bytes value = { 0 };

	put_request(&value, p, tool_call);
	tr_session_change(s, "permission.request", &value);
}

static void put_short_member(struct tr_bytes *json, struct troupe_text object, const char *name)
{
	char text[TR_ACP_SHORT_MAX];

	if (!tr_acp_short(object, name, text, sizeof text))
		return;
	tr_bytes_printf(json, "\"%s\":", name);
	tr_json_put_string(json, tr_text_from(text));
	tr_bytes_put_text(json, ",");
}

/* What a list shows of it, and what we keep. */
static void shorten(struct tr_bytes *json, struct troupe_text tool_call)
{
	if (tool_call.size <= TR_TOOL_CALL_BYTES_MAX) {
		tr_bytes_put(json, tool_call.data, tool_call.size);
		return;
	}
	tr_bytes_put_text(json, "{");
	put_short_member(json, tool_call, "toolCallId");
	put_short_member(json, tool_call, "title");
	put_short_member(json, tool_call, "kind");
	tr_bytes_printf(json, "\"truncated\":true,\"bytes\":%zu}", tool_call.size);
}

/* The agent waits for it: it is kept until it was said, as answers are. */
void tr_permission_refuse(struct troupe_session *s, const struct tr_acp *e, int code, const char *message)
{
	struct tr_bytes refusal = { 0 };
	struct tr_permission *p = NULL;

	tr_acp_refuse(&refusal, e->id, code, message);
	tr_session_event(s, TR_CLIENT, raw_of(&refusal));
	if (s->permissions.count < TR_PERMISSIONS_MAX) {
		p = add(s, e);
		tr_bytes_put(&p->answer, refusal.data, refusal.size);
		tr_store_permission(s, p);
	}
	tr_say(s, &refusal, p ? p->id : NULL);
}

/* Where nobody has to be asked: its turn is being cancelled, or the policy allows such tools. Once is
 * never more than once. */
static void answer_by_itself(struct troupe_session *s, struct tr_permission *p, struct troupe_text tool_call,
                             struct tr_permission_turn turn)
{
	const char *policy = s->permissions.auto_approve;
	char kind[32], option[TR_ACP_SHORT_MAX];

	if (turn.cancelling)
		resolve(s, p, NULL, "cancelled", turn.by, "cancel");
	else if (policy && tr_acp_short(tool_call, "kind", kind, sizeof kind) && tr_acp_kinds_hold(policy, kind)
	         && tr_acp_option(raw_of(&p->options), "once", option, sizeof option))
		resolve(s, p, option, "once", NULL, "policy");
}

void tr_permission_asked(struct troupe_session *s, const struct tr_acp *e, struct tr_permission_turn turn)
{
	struct troupe_text options = { 0 }, tool_call = { 0 };
	struct tr_permission *p;

	tr_json_find(e->params, &options, "options", NULL);
	tr_json_find(e->params, &tool_call, "toolCall", NULL);
	if (options.size > TR_OPTIONS_BYTES_MAX || tr_acp_replies(options) == 0) {
		tr_permission_refuse(s, e, -32602, "No option of this request can be chosen.");
		return;
	}
	if (s->permissions.count >= TR_PERMISSIONS_MAX) {
		tr_permission_refuse(s, e, -32603, "Too many permission requests are open.");
		return;
	}
	if (tool_call.size > TR_EVENT_CLIENT_BYTES_MAX - 2 * TR_OPTIONS_BYTES_MAX)
		tool_call.size = 0; /* it stands in the event before */
	p = add(s, e);
	tr_bytes_put(&p->options, options.data, options.size);
	shorten(&p->tool_call, tool_call);
	p->created_ms = troupe_now_ms(s->actor);
	p->deadline_ms = s->permissions.time_ms > 0 ? p->created_ms + s->permissions.time_ms : 0;
	tr_store_permission(s, p);
	tell_request(s, p, tool_call);
	answer_by_itself(s, p, tool_call, turn);
	watch(s);
}

/* ------------------------------------------------------------------ all of them */

bool tr_permissions_open(const struct troupe_session *s)
{
	for (struct tr_list *at = s->permissions.list.next; at != &s->permissions.list; at = at->next) {
		if (is_open(tr_container(at, struct tr_permission, link)))
			return true;
	}
	return false;
}

void tr_permissions_list(const struct troupe_session *s, struct tr_bytes *out)
{
	struct tr_bytes items = { 0 };
	uint32_t count = 0;
	bool more = false;

	if (!s->loaded)
		return;
	for (struct tr_list *at = s->permissions.list.next; at != &s->permissions.list && !more; at = at->next) {
		struct tr_permission *p = tr_container(at, struct tr_permission, link);

		if (!is_open(p))
			continue;
		more = count > 0 && items.size + p->options.size + p->tool_call.size > TR_GETEVENTS_BYTES;
		if (!more)
			put_request(&items, p, raw_of(&p->tool_call));
		count += !more;
	}
	tr_put_map(out, 2);
	tr_put_text(out, "permissions");
	tr_put_array(out, count);
	tr_bytes_put(out, items.data, items.size);
	tr_put_text(out, "more");
	tr_put_bool(out, more);
	tr_bytes_free(&items);
}

void tr_permissions_cancel(struct troupe_session *s, const char *reason, const char *user_id)
{
	for (struct tr_list *at = s->permissions.list.next, *next; at != &s->permissions.list; at = next) {
		struct tr_permission *p = tr_container(at, struct tr_permission, link);

		next = at->next;
		if (is_open(p))
			resolve(s, p, NULL, "cancelled", user_id, reason);
	}
}

void tr_permissions_expire(struct troupe_session *s)
{
	struct tr_list *first;
	struct tr_bytes note = { 0 };

	while ((first = tr_list_first(&s->permissions.list))) {
		struct tr_permission *p = tr_container(first, struct tr_permission, link);

		if (is_open(p)) {
			tr_acp_note_expired(&note, p->id, raw_of(&p->request_id));
			tr_session_note(s, TR_SYNTHETIC, &note);
			tr_store_resolved(s, p, "expired", NULL);
			tell_resolved(s, p, "expired", NULL, "agent_gone");
		}
		tr_store_forget_permission(s, p->id);
		forget(s, p);
	}
}

void tr_permissions_say_again(struct troupe_session *s)
{
	for (struct tr_list *at = s->permissions.list.next; at != &s->permissions.list; at = at->next) {
		struct tr_permission *p = tr_container(at, struct tr_permission, link);
		struct tr_bytes body = { 0 };

		if (is_open(p) || tr_say_waits(s, p->id))
			continue;
		tr_bytes_put(&body, p->answer.data, p->answer.size);
		tr_say(s, &body, p->id);
	}
}

void tr_permission_said(struct troupe_session *s, const char *permission_id)
{
	struct tr_permission *p = find(s, permission_id);

	if (!p || is_open(p))
		return;
	tr_store_forget_permission(s, permission_id);
	forget(s, p);
}

/* ------------------------------------------------------------------ respond */

/* One that is not open any more: was there ever such a one? */
static void on_resolved(struct troupe_actor *a, void *arg, int rc, struct troupe_value value)
{
	struct troupe_call *call = arg;

	(void)a;
	if (rc == TROUPE_ENOTFOUND)
		troupe_fail(call, TROUPE_EPERMISSION, "No permission request has this id.");
	else if (rc < 0)
		troupe_fail(call, rc, "%s", troupe_error_info(rc)->sentence);
	else if (tr_store_read_expired(value))
		troupe_fail(call, TROUPE_EEXPIRED, "The agent that asked for this is gone.");
	else
		troupe_fail(call, TROUPE_ERESOLVED, "Somebody has answered this already.");
}

int tr_permission_respond(struct troupe_session *s, struct troupe_call *call, const char *permission_id,
                          const char *reply, const char *user_id)
{
	char option[TR_ACP_SHORT_MAX], key[TR_ITEM_KEY_MAX];
	struct tr_permission *p;

	if (s->stopped || !s->loaded)
		return tr_session_fail(call, TROUPE_ERESTARTING, "The session is restarting. Try again in a moment.");
	if (!permission_id || !reply || (strcmp(reply, "once") != 0 && strcmp(reply, "always") != 0 && strcmp(reply, "reject") != 0))
		return tr_session_fail(call, TROUPE_EINVAL, "reply must be once, always or reject");
	if (tr_session_check_user(call, user_id) < 0)
		return TROUPE_EINVAL;
	if (strlen(permission_id) > TR_PROMPT_ID_BYTES_MAX)
		return tr_session_fail(call, TROUPE_EPERMISSION, "No permission request has this id.");
	p = find(s, permission_id);
	if (p && !is_open(p))
		return tr_session_fail(call, TROUPE_ERESOLVED, "Somebody has answered this already.");
	if (!p) {
		if (!call)
			return TROUPE_EPERMISSION;
		tr_actor_get(s->actor, tr_call_reader(call), tr_store_resolved_key(s, key, permission_id), on_resolved,
		             call);
		return TROUPE_LATER;
	}
	if (!tr_acp_option(raw_of(&p->options), reply, option, sizeof option))
		return tr_session_fail(call, TROUPE_EREPLY, "The agent does not offer this reply.");
	resolve(s, p, option, reply, user_id, NULL);
	if (call)
		troupe_reply_value(call, (struct troupe_value){ 0 });
	return TROUPE_LATER;
}
