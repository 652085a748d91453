/* SPDX-License-Identifier: Apache-2.0 */
/* The durable items of a session: packed maps under "session/ID/".
 *
 *	open/main        which instance is ours, and what outlives it
 *	open/at          where we are: the stream's last id, the newest event, the next request
 *	open/history     what was said lately
 *	open/config      what the agent lets people choose, and what is still to be set
 *	open/turn/N      a prompt that has not ended, by order of acceptance
 *	open/ask/ID      a permission request that is open, or whose answer may not have been sent
 *	open/family      the sandbox's processes when the newest instance was made
 *	done/ID          what a prompt came to, for ever: the same promptId is the same prompt
 *	resolved/ID      who answered a permission request, for ever
 *	big/N            an envelope that was too large for clients, by event index
 *	events/N         a block of the index: the seqs of TR_INDEX_BLOCK events
 *
 * And under "sessions/", by time and id, what listSessions tells of each.
 *
 * And, beside the sandbox's own item (place.c), under TR_OWED "agent/ID" an instance that was made and not cleaned up: if the actor
 * is destroyed, the server does that (debts.c).
 *
 * Everything under open/ is read when the actor wakes, so it is bounded; the rest is looked up one by one. */
#include "runtime/sandbox/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/debts.h"
#include "runtime/sandbox/items.h"

static struct troupe_text key_in(const char *session_id, char into[TR_ITEM_KEY_MAX], const char *kind, const char *name)
{
	int size = snprintf(into, TR_ITEM_KEY_MAX, "session/%s/%s%s", session_id, kind, name);

	return (struct troupe_text){ into, (size_t)size < TR_ITEM_KEY_MAX ? (size_t)size : TR_ITEM_KEY_MAX - 1 };
}

static struct troupe_text key_of(const struct troupe_session *s, char into[TR_ITEM_KEY_MAX], const char *kind, const char *name)
{
	return key_in(s->id, into, kind, name);
}

static struct troupe_text numbered_key(const char *session_id, char into[TR_ITEM_KEY_MAX], const char *kind, uint64_t n)
{
	char name[24];

	snprintf(name, sizeof name, "%020" PRIu64, n);
	return key_in(session_id, into, kind, name);
}

struct troupe_text tr_store_block_key(const char *session_id, char into[TR_ITEM_KEY_MAX], uint64_t block)
{
	return numbered_key(session_id, into, "events/", block);
}

struct troupe_text tr_store_main_key(const char *session_id, char into[TR_ITEM_KEY_MAX])
{
	return key_in(session_id, into, "open/", "main");
}

struct troupe_text tr_store_at_key(const char *session_id, char into[TR_ITEM_KEY_MAX])
{
	return key_in(session_id, into, "open/", "at");
}

struct troupe_text tr_store_big_key(const char *session_id, char into[TR_ITEM_KEY_MAX], uint64_t event_index)
{
	return numbered_key(session_id, into, "big/", event_index);
}

static void put_item(struct troupe_session *s, struct troupe_text key, struct tr_bytes *value)
{
	tr_actor_put(s->actor, key, value->data, value->size);
	tr_bytes_free(value);
}

/* ------------------------------------------------------------------ writing */

void tr_store_main(struct troupe_session *s)
{
	const struct tr_instance *i = &s->instance;
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_put_map(&v, 14);
	tr_item_put_number(&v, "recorded", s->recorded);
	tr_item_put_number(&v, "destroyedAt", s->destroyed_at);
	tr_item_put_text(&v, "cwd", s->cwd);
	tr_item_put_text(&v, "agent", s->agent);
	tr_item_put_text(&v, "state", s->told_state);
	tr_item_put_text(&v, "url", s->where);
	tr_item_put_number(&v, "createdAt", s->created_at);
	tr_item_put_text(&v, "serverId", i->server_id);
	tr_item_put_text(&v, "connectionId", i->connection_id);
	tr_item_put_text(&v, "agentSessionId", i->agent_session);
	tr_item_put_number(&v, "createdAtMs", i->created_ms);
	tr_item_put_number(&v, "epoch", (int64_t)i->epoch);
	tr_item_put_number(&v, "bound", i->bound);
	tr_item_put_number(&v, "replayDue", i->replay_due);
	put_item(s, tr_store_main_key(s->id, key), &v);
}

static void put_seqs(struct tr_bytes *out, const int64_t *seqs, size_t count)
{
	tr_put_array(out, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		tr_put_int(out, seqs[i]);
}

void tr_store_at(struct troupe_session *s)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_put_map(&v, 5);
	tr_item_put_number(&v, "streamId", s->instance.bound ? (int64_t)s->stream.last : 0);
	tr_item_put_number(&v, "eventIndex", (int64_t)s->event_index);
	tr_item_put_number(&v, "nextRequest", (int64_t)s->next_request);
	tr_item_put_number(&v, "nextOrder", (int64_t)s->next_order);
	tr_put_text(&v, "seqs");
	put_seqs(&v, s->seqs, s->event_index % TR_INDEX_BLOCK);
	put_item(s, tr_store_at_key(s->id, key), &v);
}

void tr_store_block(struct troupe_session *s)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	put_seqs(&v, s->seqs, TR_INDEX_BLOCK);
	put_item(s, tr_store_block_key(s->id, key, s->event_index / TR_INDEX_BLOCK - 1), &v);
}

static struct troupe_text record_key(const struct troupe_session *s, char into[TR_ITEM_KEY_MAX])
{
	int size = snprintf(into, TR_ITEM_KEY_MAX, "sessions/%020" PRId64 "/%s", s->created_at, s->id);

	return (struct troupe_text){ into, (size_t)size };
}

void tr_store_forget_record(struct troupe_session *s)
{
	char key[TR_ITEM_KEY_MAX];

	if (s->recorded)
		tr_actor_delete(s->actor, record_key(s, key));
	s->recorded = false;
}

void tr_store_forget(struct troupe_session *s)
{
	static const char *const items[] = { "main", "at", "history", "config", "family" };
	char key[TR_ITEM_KEY_MAX];

	for (size_t i = 0; i < sizeof items / sizeof *items; i++)
		tr_actor_delete(s->actor, key_of(s, key, "open/", items[i]));
	s->dirty_main = s->dirty_at = s->dirty_history = s->dirty_config = false;
}

void tr_store_put_record(const struct troupe_session *s, struct tr_bytes *out)
{
	tr_put_map(out, 9 + (s->destroyed_at != 0));
	tr_item_put_text(out, "id", s->id);
	tr_item_put_text(out, "agent", s->agent);
	tr_item_put_text(out, "agentSessionId", s->instance.agent_session);
	tr_item_put_text(out, "lastConnectionId", s->instance.connection_id);
	tr_item_put_number(out, "createdAt", s->created_at);
	if (s->destroyed_at)
		tr_item_put_number(out, "destroyedAt", s->destroyed_at);
	tr_item_put_text(out, "sandboxId", tr_place_name(&s->place));
	tr_put_text(out, "sessionInit");
	tr_put_map(out, 2);
	tr_item_put_text(out, "cwd", tr_session_cwd(s));
	tr_put_text(out, "mcpServers");
	tr_put_array(out, 0);
	tr_config_put(&s->config, out);
}

void tr_store_record(struct troupe_session *s)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_store_put_record(s, &v);
	put_item(s, record_key(s, key), &v);
}

void tr_store_history(struct troupe_session *s)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_history_put(&s->history, &v);
	put_item(s, key_of(s, key, "open/", "history"), &v);
}

void tr_store_config(struct troupe_session *s)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_put_map(&v, 3);
	tr_config_put(&s->config, &v);
	tr_put_text(&v, "settings");
	tr_put_array(&v, (uint32_t)s->settings_count);
	for (struct tr_list *at = s->settings.next; at != &s->settings; at = at->next) {
		struct tr_setting *w = tr_container(at, struct tr_setting, link);

		tr_put_map(&v, 4);
		tr_item_put_number(&v, "kind", w->kind);
		tr_item_put_text(&v, "name", w->name);
		tr_put_text(&v, "value");
		tr_put_value(&v, tr_bytes_value(&w->value));
		tr_item_put_number(&v, "first", w->first);
	}
	put_item(s, key_of(s, key, "open/", "config"), &v);
}

static void store_open_prompt(struct troupe_session *s, const struct tr_prompt *p)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_put_map(&v, 12);
	tr_item_put_packed(&v, "content", &p->content);
	tr_item_put_text(&v, "id", p->prompt_id);
	tr_item_put_text(&v, "userId", p->user_id);
	tr_item_put_text(&v, "text", p->text);
	tr_item_put_number(&v, "state", p->state);
	tr_item_put_text(&v, "requestId", p->request_id);
	tr_item_put_number(&v, "delivered", p->delivered);
	tr_item_put_number(&v, "createdAt", p->created_ms);
	tr_item_put_number(&v, "since", p->since_ms);
	tr_item_put_number(&v, "stalled", p->stalled);
	tr_item_put_number(&v, "cancel", p->cancel);
	tr_item_put_text(&v, "cancelledBy", p->cancelled_by);
	put_item(s, numbered_key(s->id, key, "open/turn/", p->order), &v);
}

static void store_done_prompt(struct troupe_session *s, const struct tr_prompt *p)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_actor_delete(s->actor, numbered_key(s->id, key, "open/turn/", p->order));
	tr_put_map(&v, 5);
	tr_item_put_number(&v, "state", p->state);
	tr_item_put_text(&v, "stopReason", p->stop_reason);
	tr_item_put_number(&v, "error", p->error);
	tr_item_put_text(&v, "message", p->message);
	tr_item_put_packed(&v, "metadata", &p->metadata);
	put_item(s, tr_store_done_key(s, key, p->prompt_id), &v);
}

void tr_store_prompt(struct troupe_session *s, const struct tr_prompt *p)
{
	if (p->state <= TR_RUNNING)
		store_open_prompt(s, p);
	else
		store_done_prompt(s, p);
}

void tr_store_permission(struct troupe_session *s, const struct tr_permission *p)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_put_map(&v, 6);
	tr_item_put_bytes(&v, "requestId", &p->request_id);
	tr_item_put_bytes(&v, "options", &p->options);
	tr_item_put_bytes(&v, "answer", &p->answer);
	tr_item_put_bytes(&v, "toolCall", &p->tool_call);
	tr_item_put_number(&v, "createdAt", p->created_ms);
	tr_item_put_number(&v, "deadline", p->deadline_ms);
	put_item(s, key_of(s, key, "open/ask/", p->id), &v);
}

void tr_store_forget_permission(struct troupe_session *s, const char *permission_id)
{
	char key[TR_ITEM_KEY_MAX];

	tr_actor_delete(s->actor, key_of(s, key, "open/ask/", permission_id));
}

void tr_store_resolved(struct troupe_session *s, const struct tr_permission *p, const char *reply, const char *user_id)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_put_map(&v, 2);
	tr_item_put_text(&v, "reply", reply);
	tr_item_put_text(&v, "userId", user_id);
	put_item(s, tr_store_resolved_key(s, key, p->id), &v);
}

static struct troupe_text owed_key(char into[TR_ITEM_KEY_MAX], const char *server_id)
{
	int size = snprintf(into, TR_ITEM_KEY_MAX, TR_DEBT_AGENT "%s", server_id);

	return (struct troupe_text){ into, (size_t)size };
}

static void put_agent(const struct troupe_session *s, const char *close, int64_t created_ms, struct tr_bytes *out)
{
	struct tr_place_where where = tr_place_where(&s->place);

	tr_agent_item_put(out, &(struct tr_agent_item){
		s->id, where.provider, where.raw_id, where.token, where.options, *close ? close : NULL, where.made, created_ms,
		&s->family });
}

void tr_store_instance(struct troupe_session *s)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	put_agent(s, s->instance.closes ? s->instance.agent_session : "", s->instance.created_ms, &v);
	put_item(s, owed_key(key, s->instance.server_id), &v);
}

void tr_store_left(struct troupe_session *s, struct tr_left *left)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_bytes_free(&left->item);
	put_agent(s, left->close, left->created_ms, &v);
	put_item(s, owed_key(key, left->server_id), &v);
}

void tr_store_cleaned(struct troupe_session *s, const char *server_id)
{
	char key[TR_ITEM_KEY_MAX];

	tr_actor_delete(s->actor, owed_key(key, server_id));
	tr_actor_delete(s->actor, key_of(s, key, "open/left/", server_id)); /* as data of 0.1.0's first days has it */
}

void tr_store_family(struct troupe_session *s)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	if (s->family.size == 0) {
		tr_actor_delete(s->actor, key_of(s, key, "open/", "family"));
		return;
	}
	tr_put_map(&v, 1);
	tr_item_put_bytes(&v, "processes", &s->family);
	put_item(s, key_of(s, key, "open/", "family"), &v);
}

void tr_store_big(struct troupe_session *s, uint64_t event_index, struct troupe_text json)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_put_json(&v, json.data, json.size);
	put_item(s, tr_store_big_key(s->id, key, event_index), &v);
}

struct troupe_text tr_store_done_key(const struct troupe_session *s, char into[TR_ITEM_KEY_MAX], const char *prompt_id)
{
	return key_of(s, into, "done/", prompt_id);
}

struct troupe_text tr_store_resolved_key(const struct troupe_session *s, char into[TR_ITEM_KEY_MAX], const char *permission_id)
{
	return key_of(s, into, "resolved/", permission_id);
}

/* ------------------------------------------------------------------ reading */

static void read_main(struct troupe_session *s, struct troupe_value v)
{
	struct tr_instance *i = &s->instance;
	char agent[TR_ACP_SHORT_MAX];

	s->created_at = tr_item_number(v, "createdAt");
	s->recorded = tr_item_number(v, "recorded") != 0;
	s->destroyed_at = tr_item_number(v, "destroyedAt");
	if (!s->cwd)
		s->cwd = tr_item_new_text(v, "cwd");
	free(s->where);
	s->where = tr_item_new_text(v, "url");
	tr_item_text(v, "state", s->told_state, sizeof s->told_state);
	tr_item_text(v, "serverId", i->server_id, sizeof i->server_id);
	tr_item_text(v, "connectionId", i->connection_id, sizeof i->connection_id);
	tr_item_text(v, "agentSessionId", i->agent_session, sizeof i->agent_session);
	tr_item_text(v, "agent", agent, sizeof agent);
	if (*i->agent_session && *agent && strcmp(agent, s->agent) != 0) { /* before it is made, another agent may be tried */
		if (s->agent_given)
			s->refusal = TROUPE_EMISMATCH;
		free(s->agent);
		s->agent = tr_strdup(agent);
	}
	i->created_ms = tr_item_number(v, "createdAtMs");
	i->epoch = (uint64_t)tr_item_number(v, "epoch");
	i->bound = tr_item_number(v, "bound") != 0;
	i->replay_due = tr_item_number(v, "replayDue") != 0;
}

void tr_store_read_seqs(struct troupe_value list, size_t count, int64_t seqs[TR_INDEX_BLOCK])
{
	struct tr_cursor c = tr_cursor(list);
	struct tr_item item;
	size_t known = 0;

	if (list.size > 0 && tr_next(&c, &item) == 0 && item.kind == TR_ARRAY && item.count <= count)
		known = item.count;
	for (size_t i = 0; i < count; i++)
		seqs[i] = i >= count - known && tr_next(&c, &item) == 0 && item.kind == TR_INT ? item.integer : TR_SEQ_UNKNOWN;
}

uint64_t tr_store_read_at(struct troupe_value v, int64_t seqs[TR_INDEX_BLOCK])
{
	uint64_t newest = (uint64_t)tr_item_number(v, "eventIndex");
	struct troupe_value list = { 0 };

	tr_value_member(v, "seqs", &list);
	tr_store_read_seqs(list, newest % TR_INDEX_BLOCK, seqs);
	return newest;
}

static void read_at(struct troupe_session *s, struct troupe_value v)
{
	s->stream.last = (uint64_t)tr_item_number(v, "streamId");
	s->event_index = tr_store_read_at(v, s->seqs);
	s->next_request = (uint64_t)tr_item_number(v, "nextRequest");
	s->next_order = (uint64_t)tr_item_number(v, "nextOrder");
}

static void read_packed(struct troupe_value v, const char *name, struct tr_bytes *into)
{
	struct troupe_value member;
	struct tr_cursor c;
	struct tr_item head;

	if (!tr_value_member(v, name, &member))
		return;
	c = tr_cursor(member);
	if (tr_next(&c, &head) == 0 && head.kind != TR_NIL)
		tr_bytes_put(into, member.data, member.size);
}

static void read_config(struct troupe_session *s, struct troupe_value v)
{
	struct troupe_value list, each, value;

	read_packed(v, "modes", &s->config.modes);
	read_packed(v, "configOptions", &s->config.options);
	if (!tr_value_member(v, "settings", &list))
		return;
	for (uint32_t i = 0; tr_value_element(list, i, &each); i++) {
		if (tr_value_member(each, "value", &value))
			tr_settings_read(s, (enum tr_setting_kind)tr_item_number(each, "kind"), tr_item_new_text(each, "name"), value,
			                 tr_item_number(each, "first") != 0);
	}
}

static void read_prompt(struct troupe_session *s, const char *name, struct troupe_value v)
{
	struct tr_prompt *p = tr_alloc(sizeof *p);

	tr_list_init(&p->link);
	p->order = strtoull(name, NULL, 10);
	p->prompt_id = tr_item_new_text(v, "id");
	p->user_id = tr_item_new_text(v, "userId");
	p->text = tr_item_new_text(v, "text");
	read_packed(v, "content", &p->content);
	p->state = (enum tr_prompt_state)tr_item_number(v, "state");
	tr_item_text(v, "requestId", p->request_id, sizeof p->request_id);
	p->delivered = tr_item_number(v, "delivered") != 0;
	p->created_ms = tr_item_number(v, "createdAt");
	p->since_ms = tr_item_number(v, "since");
	p->stalled = tr_item_number(v, "stalled") != 0;
	p->cancel = (enum tr_cancel)tr_item_number(v, "cancel");
	p->cancelled_by = tr_item_new_text(v, "cancelledBy");
	if (!p->prompt_id || !p->text || (p->state == TR_RUNNING && s->turn)) {
		tr_error("session.item", "session=%s reason=\"not a prompt\" order=%s", s->id, name);
		tr_prompt_free(p);
	} else if (p->state == TR_RUNNING) {
		s->turn = p;
	} else {
		tr_list_push(&s->queue, &p->link);
		s->queued++;
	}
}

static void read_permission(struct troupe_session *s, const char *name, struct troupe_value v)
{
	struct tr_permission *p = tr_alloc(sizeof *p);

	snprintf(p->id, sizeof p->id, "%.*s", (int)sizeof p->id - 1, name);
	tr_item_bytes(v, "requestId", &p->request_id);
	tr_item_bytes(v, "options", &p->options);
	tr_item_bytes(v, "answer", &p->answer);
	tr_item_bytes(v, "toolCall", &p->tool_call);
	p->created_ms = tr_item_number(v, "createdAt");
	p->deadline_ms = tr_item_number(v, "deadline");
	tr_list_push(&s->permissions, &p->link);
	s->permission_count++;
}

/* item size 0: it has none of its own. */
static void add_left(struct troupe_session *s, const char *server_id, struct troupe_value item)
{
	struct tr_left *left = tr_alloc(sizeof *left);

	tr_bytes_put(&left->item, item.data, item.size);
	tr_item_text(item, "close", left->close, sizeof left->close);
	left->created_ms = tr_item_number(item, "created");
	snprintf(left->server_id, sizeof left->server_id, "%.*s", (int)sizeof left->server_id - 1, server_id);
	tr_list_push(&s->left, &left->link);
}

static bool member_is(struct troupe_value v, const char *name, const char *wanted)
{
	char *text = tr_item_new_text(v, name);
	bool same = text && wanted && strcmp(text, wanted) == 0;

	free(text);
	return same;
}

static void hand_over(struct troupe_session *s, const char *server_id, struct troupe_value item)
{
	char name[TR_ITEM_KEY_MAX];

	snprintf(name, sizeof name, "agent/%s", server_id);
	tr_debts_hand_over(tr_sandbox_debts(s->sandbox), s->actor, name, item);
	tr_store_cleaned(s, server_id);
}

void tr_store_hand_over(struct troupe_session *s, const struct tr_left *left)
{
	struct tr_bytes made = { 0 };

	if (left->item.size == 0)
		put_agent(s, left->close, left->created_ms, &made);
	hand_over(s, left->server_id, tr_bytes_value(left->item.size > 0 ? &left->item : &made));
	tr_bytes_free(&made);
}

/* An instance in a sandbox that the session has left for another is not within our reach: the server ends it. */
static void read_owed(struct troupe_session *s, const char *server_id, struct troupe_value v)
{
	struct tr_place_where where = tr_place_where(&s->place);

	if (!member_is(v, "session", s->id))
		return;
	if (where.made || strcmp(where.provider, "shared") == 0 ||
	    (member_is(v, "provider", where.provider) && member_is(v, "rawId", where.raw_id))) {
		add_left(s, server_id, v);
		return;
	}
	tr_info("session.moved", "session=%s server=%s", s->id, server_id);
	hand_over(s, server_id, v);
}

static bool after_prefix(const char *name, const char *prefix, const char **rest)
{
	size_t size = strlen(prefix);

	*rest = name + size;
	return strncmp(name, prefix, size) == 0;
}

static void read_item(struct troupe_session *s, const char *name, struct troupe_value v)
{
	const char *rest;

	if (strcmp(name, "main") == 0)
		read_main(s, v);
	else if (strcmp(name, "at") == 0)
		read_at(s, v);
	else if (strcmp(name, "history") == 0)
		tr_history_read(&s->history, v);
	else if (strcmp(name, "config") == 0)
		read_config(s, v);
	else if (strcmp(name, "family") == 0)
		tr_item_bytes(v, "processes", &s->family);
	else if (after_prefix(name, "turn/", &rest))
		read_prompt(s, rest, v);
	else if (after_prefix(name, "ask/", &rest))
		read_permission(s, rest, v);
	else if (after_prefix(name, "left/", &rest))
		add_left(s, rest, (struct troupe_value){ 0 });
}

/* The living instance is noted as one to clean up as well, from its birth; it is not left behind yet. */
static void keep_ours(struct troupe_session *s)
{
	for (struct tr_list *at = s->left.next, *next; at != &s->left; at = next) {
		struct tr_left *left = tr_container(at, struct tr_left, link);

		next = at->next;
		if (s->instance.bound && !s->destroyed_at && strcmp(left->server_id, s->instance.server_id) == 0) {
			s->instance.closes = *left->close != '\0';
			tr_left_free(left);
		}
	}
}

static void on_owed(struct troupe_actor *a, void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	const size_t skip = sizeof TR_DEBT_AGENT - 1;
	struct troupe_session *s = arg;
	char name[TR_SERVER_ID_MAX];

	(void)a;
	if (!s->actor)
		return;
	if (rc < 0 || !key.data) {
		keep_ours(s);
		tr_session_loaded(s, rc);
		tr_session_save(s);
	} else if (key.size > skip && key.size - skip < sizeof name) {
		memcpy(name, key.data + skip, key.size - skip);
		name[key.size - skip] = '\0';
		read_owed(s, name, value);
	}
}

static void on_item(struct troupe_actor *a, void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	struct troupe_session *s = arg;
	char prefix[TR_ITEM_KEY_MAX], name[TR_ITEM_KEY_MAX];
	size_t skip = key_of(s, prefix, "open/", "").size;

	(void)a;
	if (!s->actor)
		return;
	if (rc < 0) {
		tr_session_loaded(s, rc);
		return;
	}
	if (!key.data) {
		tr_actor_scan(s->actor, (struct troupe_text){ TR_DEBT_AGENT, sizeof TR_DEBT_AGENT - 1 }, on_owed, s);
		return;
	}
	if (key.size <= skip || key.size - skip >= sizeof name)
		return;
	memcpy(name, key.data + skip, key.size - skip);
	name[key.size - skip] = '\0';
	read_item(s, name, value);
}

void tr_session_load(struct troupe_session *s)
{
	char key[TR_ITEM_KEY_MAX];

	tr_actor_scan(s->actor, key_of(s, key, "open/", ""), on_item, s);
}

bool tr_store_read_expired(struct troupe_value v)
{
	char reply[16];

	tr_item_text(v, "reply", reply, sizeof reply);
	return strcmp(reply, "expired") == 0;
}

bool tr_store_read_done(struct troupe_value v, struct tr_prompt *ret)
{
	ret->state = (enum tr_prompt_state)tr_item_number(v, "state");
	ret->error = (int)tr_item_number(v, "error");
	ret->message = tr_item_new_text(v, "message");
	read_packed(v, "metadata", &ret->metadata);
	tr_item_text(v, "stopReason", ret->stop_reason, sizeof ret->stop_reason);
	return ret->state > TR_RUNNING;
}
