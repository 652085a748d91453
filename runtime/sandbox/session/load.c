/* SPDX-License-Identifier: Apache-2.0 */
/* The durable items of a session, read back: those that session/store.c writes. */
#include "runtime/sandbox/session/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/debts.h"
#include "runtime/sandbox/items.h"

/* ------------------------------------------------------------------ where it is */

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

/* ------------------------------------------------------------------ what is open */

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

/* ------------------------------------------------------------------ instances that somebody must end */

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
	tr_store_hand_over_item(s, server_id, v);
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

/* ------------------------------------------------------------------ item by item */

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

static void on_owed(struct troupe_actor *a, void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	const size_t skip = sizeof TR_OWED_AGENT - 1;
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
	size_t skip = tr_store_open_prefix(s, prefix).size;

	(void)a;
	if (!s->actor)
		return;
	if (rc < 0) {
		tr_session_loaded(s, rc);
		return;
	}
	if (!key.data) {
		tr_actor_scan(s->actor, (struct troupe_text){ TR_OWED_AGENT, sizeof TR_OWED_AGENT - 1 }, on_owed, s);
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

	tr_actor_scan(s->actor, tr_store_open_prefix(s, key), on_item, s);
}

/* ------------------------------------------------------------------ what has ended */

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
