/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sandbox/place_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/sandbox/place_item.h"

/* ------------------------------------------------------------------ memory */

void tr_place_set(char **text, const char *value)
{
	char *copy = tr_strdup(value);

	free(*text);
	*text = copy;
}

void tr_place_set_names(struct tr_place *p)
{
	if (p->raw_id && !p->provider->ops->create) /* a URL */
		snprintf(p->identity, sizeof p->identity, "%s", p->raw_id);
	else
		snprintf(p->identity, sizeof p->identity, "%s/%s", p->provider->name, p->raw_id ? p->raw_id : "");
	snprintf(p->name, sizeof p->name, "%s",
	         p->shown ? p->shown : p->raw_id ? p->identity : p->provider->name);
}

struct tr_place *tr_place_new(struct tr_places *all, uint64_t num, const struct tr_place_options *o)
{
	struct tr_place *p = tr_alloc(sizeof *p);

	p->all = all;
	p->num = num;
	p->provider = o->provider;
	p->given = o->raw_id != NULL;
	p->read = p->given;
	p->state = p->given ? TR_PLACE_MADE : TR_PLACE_NONE;
	p->ask = o->ask;
	tr_place_set(&p->raw_id, o->raw_id);
	tr_place_set(&p->given_token, o->token);
	tr_place_set(&p->shown, o->shown);
	tr_place_set(&p->options, o->options);
	tr_list_init(&p->users);
	tr_list_push(&all->list, &p->link);
	tr_place_set_names(p);
	return p;
}

struct tr_place *tr_place_own(struct tr_places *all, uint64_t num)
{
	for (struct tr_list *at = all->list.next; at != &all->list; at = at->next) {
		struct tr_place *p = tr_container(at, struct tr_place, link);

		if (p->num == num && !p->given)
			return p;
	}
	return NULL;
}

void tr_place_free(struct tr_place *p)
{
	tr_errand_leave(p->errand);
	tr_list_remove(&p->link);
	free(p->raw_id);
	free(p->seed);
	free(p->url);
	free(p->token);
	free(p->cwd);
	free(p->given_token);
	free(p->shown);
	free(p->options);
	free(p);
}

void tr_place_free_if_idle(struct tr_place *p)
{
	if (!p->actor && !p->errand && p->pending == 0 && p->telling == 0)
		tr_place_free(p);
}

/* ------------------------------------------------------------------ news */

struct tr_place_user *tr_place_first_waiting(struct tr_place *p)
{
	for (struct tr_list *at = p->users.next; at != &p->users; at = at->next) {
		struct tr_place_user *u = tr_container(at, struct tr_place_user, link);

		if (u->waits)
			return u;
	}
	return NULL;
}

/* Who waits now is to be told; each callback may have changed the list, so the next is looked for from its
 * front. */
static void note_due(struct tr_place *p)
{
	for (struct tr_list *at = p->users.next; at != &p->users; at = at->next) {
		struct tr_place_user *u = tr_container(at, struct tr_place_user, link);

		u->due = u->waits;
	}
	p->telling++;
}

static struct tr_place_user *next_due(struct tr_place *p)
{
	for (struct tr_list *at = p->users.next; at != &p->users; at = at->next) {
		struct tr_place_user *u = tr_container(at, struct tr_place_user, link);

		if (u->due && u->waits) {
			u->due = false;
			return u;
		}
	}
	p->telling--;
	return NULL;
}

bool tr_place_tell(struct tr_place *p, enum tr_place_news news)
{
	unsigned visit = p->visit;
	struct tr_place_user *u;

	note_due(p);
	while ((u = next_due(p)))
		u->on_news(u, news, 0, NULL);
	return p->visit == visit;
}

void tr_place_end(struct tr_place *p, enum tr_place_news news, int error, const char *words)
{
	struct tr_place_user *u;

	p->busy = p->mend = false;
	note_due(p);
	while ((u = next_due(p))) {
		u->waits = false;
		u->on_news(u, news, error, words);
	}
	tr_place_free_if_idle(p);
}

/* ------------------------------------------------------------------ the item */

const struct troupe_text tr_place_item_key = { TR_OWED_SANDBOX, sizeof TR_OWED_SANDBOX - 1 };

void tr_place_put_item(const struct tr_place *p, const char *raw_id, struct tr_bytes *into)
{
	tr_place_item_put(into, &(struct tr_place_item){
		p->provider->name, (char *)(uintptr_t)raw_id, p->seed, p->options, p->since_ms });
}

void tr_place_save(struct tr_place *p)
{
	struct tr_bytes value = { 0 };

	if (p->state == TR_PLACE_NONE) {
		tr_actor_delete(p->actor, tr_place_item_key);
		return;
	}
	tr_place_put_item(p, p->raw_id, &value);
	tr_actor_put(p->actor, tr_place_item_key, value.data, value.size);
	tr_bytes_free(&value);
}

/* ------------------------------------------------------------------ turns */

struct turn { struct tr_place *place; void (*run)(struct tr_place *p); };

static int run_turn(struct troupe_actor *a, void *arg)
{
	struct turn *t = arg;

	(void)a;
	t->run(t->place);
	return 0;
}

bool tr_place_turn(struct tr_place *p, void (*run)(struct tr_place *p))
{
	unsigned visit = p->visit;

	p->telling++; /* it may tell */
	tr_actor_turn(p->actor, run_turn, &(struct turn){ p, run });
	p->telling--;
	if (p->visit == visit)
		return true;
	tr_place_free_if_idle(p);
	return false;
}

void tr_place_hold(struct tr_place *p, bool on)
{
	if (on && !p->held)
		tr_actor_hold(p->actor);
	else if (!on && p->held)
		tr_actor_release(p->actor);
	p->held = on;
}

struct after {
	struct tr_place *place;
	unsigned         visit;
	char            *raw_id;
	void           (*then)(struct tr_place *p, const char *raw_id, int rc, bool here);
};

static void on_after(void *arg, int rc)
{
	struct after *after = arg;
	struct tr_place *p = after->place;

	after->then(p, after->raw_id, rc, p->actor && p->visit == after->visit);
	p->pending--;
	tr_place_free_if_idle(p);
	free(after->raw_id);
	free(after);
}

void tr_place_after(struct tr_place *p,
                    void (*then)(struct tr_place *p, const char *raw_id, int rc, bool here))
{
	struct after *after = tr_alloc(sizeof *after);

	*after = (struct after){ p, p->visit, tr_strdup(p->raw_id), then };
	p->pending++;
	tr_actor_after(p->actor, on_after, after);
}
