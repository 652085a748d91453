/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants to hear which name. A connection keeps its place (`next`) even while it is unsubscribed, so that React's
 * subscribe, unsubscribe, subscribe (spec/rivetkit-client.md 6.2) neither loses nor repeats an event. */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/core/live.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tr_topic *)a)->name, ((const struct tr_topic *)b)->name);
}

struct tr_topic *tr_topic_find(struct troupe_actor *a, const char *name)
{
	struct tr_topic wanted = { .name = (char *)(uintptr_t)name };
	struct tr_topic **found = tfind(&wanted, &a->topics, by_name);

	return found ? *found : NULL;
}

static struct tr_topic *topic_get(struct troupe_actor *a, const char *name)
{
	struct tr_topic *t = tr_topic_find(a, name);

	if (t)
		return t;
	t = tr_alloc(sizeof *t);
	t->name = tr_strdup(name);
	tr_list_init(&t->subs);
	tsearch(t, &a->topics, by_name);
	return t;
}

static void sub_free(void **topics, struct tr_sub *s)
{
	struct tr_topic *t = s->topic;

	tr_list_remove(&s->in_topic);
	free(s);
	if (!tr_list_empty(&t->subs))
		return;
	tdelete(t, topics, by_name);
	free(t->name);
	free(t);
}

static struct tr_sub *sub_find(struct tr_conn *c, const char *name)
{
	for (struct tr_sub *s = c->subs; s; s = s->sibling) {
		if (strcmp(s->topic->name, name) == 0)
			return s;
	}
	return NULL;
}

static void sub_on(struct tr_conn *c, const char *name)
{
	struct troupe_actor *a = c->peer.actor;
	struct tr_sub *s = sub_find(c, name);

	if (s && s->active)
		return;
	if (!s) {
		s = tr_alloc(sizeof *s);
		s->conn = c;
		s->topic = topic_get(a, name);
		tr_list_push(&s->topic->subs, &s->in_topic);
		s->sibling = c->subs;
		c->subs = s;
		c->sub_count++;
		s->next = (c->resumes ? c->since : a->released) + 1;
	}
	s->active = true;
	if (c->resumes && s->next <= a->seq)
		tr_replay_subscribed(c, s);
	else if (!c->resumes)
		s->next = a->released + 1;
}

struct wish { struct tr_conn *conn; const char *name; };

static int admit_turn(struct troupe_actor *a, void *arg)
{
	const struct wish *w = arg;

	return a->kind->subscribe(a, &w->conn->peer, w->name);
}

/* May it hear this? */
static int admitted(struct tr_conn *c, const char *name)
{
	struct troupe_actor *a = c->peer.actor;
	struct wish wish = { c, name };

	return a->kind->subscribe ? tr_actor_turn(a, admit_turn, &wish) : 0;
}

int tr_conn_subscribe(struct tr_conn *c, struct troupe_text name, bool on)
{
	char text[TR_NAME_BYTES_MAX + 1];
	struct tr_sub *s;
	int rc;

	if (name.size > TR_NAME_BYTES_MAX || memchr(name.data, 0, name.size))
		return TROUPE_EINVAL;
	memcpy(text, name.data, name.size);
	text[name.size] = 0;
	if (tr_replay_says(text)) /* is told without being asked */
		return 0;
	if (on) {
		if (c->sub_count >= TR_SUBSCRIPTIONS_MAX && !sub_find(c, text))
			return TROUPE_EOVERLOADED;
		rc = admitted(c, text);
		if (rc >= 0 && c->peer.actor) /* the hook may have ended the actor */
			sub_on(c, text);
		return rc < 0 ? rc : 0;
	}
	s = sub_find(c, text);
	if (s && s->active) {
		s->active = false;
		if (c->live && s->next <= c->peer.actor->released) /* it may have read more */
			s->next = c->peer.actor->released + 1;
	}
	return 0;
}

void tr_conn_unsubscribe_all(struct tr_conn *c)
{
	while (c->subs) {
		struct tr_sub *s = c->subs;

		c->subs = s->sibling;
		sub_free(c->dorm ? &c->dorm->topics : &c->peer.actor->topics, s);
	}
	c->sub_count = 0;
}
