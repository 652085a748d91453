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
 * And under TR_SPACE_SESSIONS, by time and id, what listSessions tells of each.
 *
 * And, beside the sandbox's own item (place.c), under TR_OWED "agent/ID" an instance that was made and not
 * cleaned up: if the actor is destroyed, the server does that (debts.c).
 *
 * Everything under open/ is read when the actor wakes, so it is bounded; the rest is looked up one by one.
 * session/load.c reads them back. */
#include "runtime/sandbox/session/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/sandbox/debts.h"
#include "runtime/sandbox/items.h"
#include "runtime/sandbox/session/session.h"

static struct troupe_text key_in(const char *session_id, char into[TR_ITEM_KEY_MAX], const char *kind, const char *name)
{
	int size = snprintf(into, TR_ITEM_KEY_MAX, TR_SPACE_SESSION "%s/%s%s", session_id, kind, name);

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

struct troupe_text tr_store_open_prefix(const struct troupe_session *s, char into[TR_ITEM_KEY_MAX])
{
	return key_of(s, into, "open/", "");
}

struct troupe_text tr_store_done_key(const struct troupe_session *s, char into[TR_ITEM_KEY_MAX], const char *prompt_id)
{
	return key_of(s, into, "done/", prompt_id);
}

struct troupe_text tr_store_resolved_key(const struct troupe_session *s, char into[TR_ITEM_KEY_MAX], const char *permission_id)
{
	return key_of(s, into, "resolved/", permission_id);
}

/* ------------------------------------------------------------------ writing */

static void put_item(struct troupe_session *s, struct troupe_text key, struct tr_bytes *value)
{
	tr_actor_put(s->actor, key, value->data, value->size);
	tr_bytes_free(value);
}

static void store_main(struct troupe_session *s)
{
	const struct tr_instance *i = &s->instance;
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_put_map(&v, 14);
	tr_item_put_number(&v, "recorded", s->recorded);
	tr_item_put_number(&v, "destroyedAt", s->destroyed_at);
	tr_item_put_text(&v, "cwd", s->cwd);
	tr_item_put_text(&v, "agent", s->agent);
	tr_item_put_text(&v, "state", s->tell.state);
	tr_item_put_text(&v, "url", s->place.where);
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

static void store_at(struct troupe_session *s)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_put_map(&v, 5);
	tr_item_put_number(&v, "streamId", s->instance.bound ? (int64_t)s->stream.last : 0);
	tr_item_put_number(&v, "eventIndex", (int64_t)s->tell.event_index);
	tr_item_put_number(&v, "nextRequest", (int64_t)s->instance.next_request);
	tr_item_put_number(&v, "nextOrder", (int64_t)s->turns.next_order);
	tr_put_text(&v, "seqs");
	put_seqs(&v, s->tell.seqs, s->tell.event_index % TR_INDEX_BLOCK);
	put_item(s, tr_store_at_key(s->id, key), &v);
}

void tr_store_block(struct troupe_session *s)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	put_seqs(&v, s->tell.seqs, TR_INDEX_BLOCK);
	put_item(s, tr_store_block_key(s->id, key, s->tell.event_index / TR_INDEX_BLOCK - 1), &v);
}

static struct troupe_text record_key(const struct troupe_session *s, char into[TR_ITEM_KEY_MAX])
{
	int size = snprintf(into, TR_ITEM_KEY_MAX, TR_SPACE_SESSIONS "%020" PRId64 "/%s", s->created_at, s->id);

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
	s->dirty = (struct tr_dirty){ 0 };
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
	tr_item_put_text(out, "sandboxId", tr_place_name(&s->place.user));
	tr_put_text(out, "sessionInit");
	tr_put_map(out, 2);
	tr_item_put_text(out, "cwd", tr_session_cwd(s));
	tr_put_text(out, "mcpServers");
	tr_put_array(out, 0);
	tr_config_put(&s->settings.config, out);
}

static void store_record(struct troupe_session *s)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_store_put_record(s, &v);
	put_item(s, record_key(s, key), &v);
}

static void store_history(struct troupe_session *s)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_history_put(&s->history, &v);
	put_item(s, key_of(s, key, "open/", "history"), &v);
}

static void store_config(struct troupe_session *s)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_put_map(&v, 3);
	tr_config_put(&s->settings.config, &v);
	tr_put_text(&v, "settings");
	tr_put_array(&v, (uint32_t)s->settings.count);
	for (struct tr_list *at = s->settings.line.next; at != &s->settings.line; at = at->next) {
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
	int size = snprintf(into, TR_ITEM_KEY_MAX, TR_OWED_AGENT "%s", server_id);

	return (struct troupe_text){ into, (size_t)size };
}

/* made: it goes with its sandbox, when the actor is destroyed. */
static void put_agent(const struct troupe_session *s, bool made, const char *close, int64_t created_ms, struct tr_bytes *out)
{
	struct tr_place_where where = tr_place_where(&s->place.user);

	tr_agent_item_put(out, &(struct tr_agent_item){
		s->id, where.provider, where.raw_id, where.token, where.options, *close ? close : NULL, made && where.made, created_ms,
		&s->sweep.family });
}

void tr_store_instance(struct troupe_session *s)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	put_agent(s, true, s->instance.closes ? s->instance.agent_session : "", s->instance.created_ms, &v);
	put_item(s, owed_key(key, s->instance.server_id), &v);
}

void tr_store_left(struct troupe_session *s, struct tr_left *left)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_bytes_free(&left->item);
	put_agent(s, true, left->close, left->created_ms, &v);
	put_item(s, owed_key(key, left->server_id), &v);
}

void tr_store_cleaned(struct troupe_session *s, const char *server_id)
{
	char key[TR_ITEM_KEY_MAX];

	tr_actor_delete(s->actor, owed_key(key, server_id));
	tr_actor_delete(s->actor, key_of(s, key, "open/left/", server_id)); /* as data of 0.1.0's first days has it */
}

void tr_store_hand_over_item(struct troupe_session *s, const char *server_id, struct troupe_value item)
{
	char name[TR_ITEM_KEY_MAX];

	snprintf(name, sizeof name, "agent/%s", server_id);
	tr_debts_hand_over(tr_sandbox_debts(s->sandbox), s->actor, name, item);
	tr_store_cleaned(s, server_id);
}

/* As it was read back, but for one thing: it does not go with its sandbox, which stays. */
static void put_read(struct troupe_value item, struct tr_bytes *out)
{
	static const char *const names[] = { "session", "provider", "rawId", "token", "options", "close" };
	char *texts[6];
	struct tr_bytes family = { 0 };

	for (size_t i = 0; i < 6; i++)
		texts[i] = tr_item_new_text(item, names[i]);
	tr_item_bytes(item, "family", &family);
	tr_agent_item_put(out, &(struct tr_agent_item){
		texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], false, tr_item_number(item, "created"), &family });
	for (size_t i = 0; i < 6; i++)
		free(texts[i]);
	tr_bytes_free(&family);
}

void tr_store_hand_over(struct troupe_session *s, const struct tr_left *left)
{
	struct tr_bytes item = { 0 };

	if (left->item.size > 0)
		put_read(tr_bytes_value(&left->item), &item);
	else
		put_agent(s, false, left->close, left->created_ms, &item);
	tr_store_hand_over_item(s, left->server_id, tr_bytes_value(&item));
	tr_bytes_free(&item);
}

void tr_store_family(struct troupe_session *s)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	if (s->sweep.family.size == 0) {
		tr_actor_delete(s->actor, key_of(s, key, "open/", "family"));
		return;
	}
	tr_put_map(&v, 1);
	tr_item_put_bytes(&v, "processes", &s->sweep.family);
	put_item(s, key_of(s, key, "open/", "family"), &v);
}

void tr_store_big(struct troupe_session *s, uint64_t event_index, struct troupe_text json)
{
	struct tr_bytes v = { 0 };
	char key[TR_ITEM_KEY_MAX];

	tr_put_json(&v, json.data, json.size);
	put_item(s, tr_store_big_key(s->id, key, event_index), &v);
}

void tr_store_save(struct troupe_session *s)
{
	if (s->created_at != 0 && (s->dirty.main || s->dirty.config || !s->recorded)) {
		store_record(s);
		s->dirty.main = s->dirty.main || !s->recorded;
		s->recorded = true;
	}
	if (s->dirty.main)
		store_main(s);
	if (s->dirty.at)
		store_at(s);
	if (s->dirty.history)
		store_history(s);
	if (s->dirty.config)
		store_config(s);
	s->dirty = (struct tr_dirty){ 0 };
}
