/* SPDX-License-Identifier: Apache-2.0 */
/* The durable items of a session, read back: those that session/store.c writes. */
#include "runtime/sandbox/session/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/debts.h"
#include "runtime/sandbox/items.h"
#include "runtime/sandbox/session/clean.h"
#include "runtime/sandbox/session/read.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/settings.h"
#include "runtime/sandbox/session/store.h"
#include "runtime/sandbox/session/turn.h"

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
	free(s->place.where);
	s->place.where = tr_item_new_text(v, "url");
	tr_item_text(v, "state", s->tell.state, sizeof s->tell.state);
	tr_item_text(v, "serverId", i->server_id, sizeof i->server_id);
	tr_item_text(v, "connectionId", i->connection_id, sizeof i->connection_id);
	tr_item_text(v, "agentSessionId", i->agent_session, sizeof i->agent_session);
	tr_item_text(v, "agent", agent, sizeof agent);
	if (*i->agent_session && *agent && strcmp(agent, s->agent) != 0) { /* before it is made, another agent may be tried */
		if (s->life.agent_given)
			s->refusal = TROUPE_EMISMATCH;
		free(s->agent);
		s->agent = tr_strdup(agent);
	}
	i->created_ms = tr_item_number(v, "createdAtMs");
	i->epoch = (uint64_t)tr_item_number(v, "epoch");
	i->bound = tr_item_number(v, "bound") != 0;
	i->replay_due = tr_item_number(v, "replayDue") != 0;
}

static void read_at(struct troupe_session *s, struct troupe_value v)
{
	s->stream.last = (uint64_t)tr_item_number(v, "streamId");
	s->tell.event_index = tr_store_read_at(v, s->tell.seqs);
	s->instance.next_request = (uint64_t)tr_item_number(v, "nextRequest");
	s->turns.next_order = (uint64_t)tr_item_number(v, "nextOrder");
}

/* ------------------------------------------------------------------ what is open */

static void read_config(struct troupe_session *s, struct troupe_value v)
{
	struct troupe_value list, each, value;

	tr_store_read_packed(v, "modes", &s->settings.config.modes);
	tr_store_read_packed(v, "configOptions", &s->settings.config.options);
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
	tr_store_read_packed(v, "content", &p->content);
	p->state = (enum tr_prompt_state)tr_item_number(v, "state");
	tr_item_text(v, "requestId", p->request_id, sizeof p->request_id);
	p->delivered = tr_item_number(v, "delivered") != 0;
	p->created_ms = tr_item_number(v, "createdAt");
	p->since_ms = tr_item_number(v, "since");
	p->stalled = tr_item_number(v, "stalled") != 0;
	p->cancel = (enum tr_cancel)tr_item_number(v, "cancel");
	p->cancelled_by = tr_item_new_text(v, "cancelledBy");
	if (!p->prompt_id || !p->text || (p->state == TR_RUNNING && s->turns.running)) {
		tr_error("session.item", "session=%s reason=\"not a prompt\" order=%s", s->id, name);
		tr_prompt_free(p);
	} else if (p->state == TR_RUNNING) {
		s->turns.running = p;
	} else {
		tr_list_push(&s->turns.queue, &p->link);
		s->turns.queued++;
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
	tr_list_push(&s->permissions.list, &p->link);
	s->permissions.count++;
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
	tr_list_push(&s->clean.left, &left->link);
}

static bool member_is(struct troupe_value v, const char *name, const char *wanted)
{
	char *text = tr_item_new_text(v, name);
	bool same = text && wanted && strcmp(text, wanted) == 0;

	free(text);
	return same;
}

/* An instance in a sandbox that the session has left for another is not within our reach: the server ends
 * it. */
static void read_owed(struct troupe_session *s, const char *server_id, struct troupe_value v)
{
	struct tr_place_where where = tr_place_where(&s->place.user);

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
	for (struct tr_list *at = s->clean.left.next, *next; at != &s->clean.left; at = next) {
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
		tr_item_bytes(v, "processes", &s->sweep.family);
	else if (after_prefix(name, "turn/", &rest))
		read_prompt(s, rest, v);
	else if (after_prefix(name, "ask/", &rest))
		read_permission(s, rest, v);
	else if (after_prefix(name, "left/", &rest))
		add_left(s, rest, (struct troupe_value){ 0 });
}

static void loaded(struct troupe_session *s, int rc)
{
	void (*then)(struct troupe_session *s, int rc) = s->load_then;

	s->load_then = NULL;
	then(s, rc);
}

static void on_owed(struct troupe_actor *a, void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	const size_t skip = sizeof TR_OWED_AGENT - 1;
	struct troupe_session *s = arg;
	char name[TR_SERVER_ID_MAX];

	(void)a;
	tr_session_enter(s);
	if (rc < 0 || !key.data) {
		keep_ours(s);
		loaded(s, rc);
	} else if (key.size > skip && key.size - skip < sizeof name) {
		memcpy(name, key.data + skip, key.size - skip);
		name[key.size - skip] = '\0';
		read_owed(s, name, value);
	}
	tr_session_leave(s);
}

static void on_item(struct troupe_actor *a, void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	struct troupe_session *s = arg;
	char prefix[TR_ITEM_KEY_MAX], name[TR_ITEM_KEY_MAX];
	size_t skip = tr_store_open_prefix(s, prefix).size;

	(void)a;
	tr_session_enter(s);
	if (rc < 0) {
		loaded(s, rc);
	} else if (!key.data) {
		tr_actor_scan(s->actor, &s->reader, (struct troupe_text){ TR_OWED_AGENT, sizeof TR_OWED_AGENT - 1 }, on_owed, s);
	} else if (key.size > skip && key.size - skip < sizeof name) {
		memcpy(name, key.data + skip, key.size - skip);
		name[key.size - skip] = '\0';
		read_item(s, name, value);
	}
	tr_session_leave(s);
}

void tr_session_load(struct troupe_session *s, void (*then)(struct troupe_session *s, int rc))
{
	char key[TR_ITEM_KEY_MAX];

	s->load_then = then;
	tr_actor_scan(s->actor, &s->reader, tr_store_open_prefix(s, key), on_item, s);
}
