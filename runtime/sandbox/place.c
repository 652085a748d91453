/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sandbox/place_inside.h"

#include <stdlib.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/debts.h"

/* ------------------------------------------------------------------ all of a worker */

struct tr_places *tr_places_new(struct tr_debts *debts)
{
	struct tr_places *all = tr_alloc(sizeof *all);

	tr_list_init(&all->list);
	all->debts = debts;
	return all;
}

struct tr_places *tr_places_free(struct tr_places *all)
{
	struct tr_list *first;

	if (!all)
		return NULL;
	while ((first = tr_list_first(&all->list)))
		tr_place_free(tr_container(first, struct tr_place, link));
	free(all);
	return NULL;
}

/* ------------------------------------------------------------------ coming and going */

void tr_place_join(struct tr_places *all, struct tr_place_user *u, struct troupe_actor *a,
                   const struct tr_place_options *o)
{
	struct tr_place *p = o->raw_id ? NULL : tr_place_own(all, tr_actor_num(a));

	if (!p)
		p = tr_place_new(all, tr_actor_num(a), o);
	p->actor = a;
	u->place = p;
	u->waits = u->rests = u->due = false;
	tr_list_push(&p->users, &u->link);
}

static void on_paused(void *arg, const struct tr_provider_answer *answer)
{
	struct tr_place *p = arg;

	p->errand = NULL;
	p->busy = false;
	if (answer->rc == 0)
		tr_info("sandbox.paused", "sandbox=\"%s\"", p->name);
	else
		tr_warn("sandbox.pause", "sandbox=\"%s\" failed=\"%s\"", p->name, answer->words ? answer->words : "");
	if (tr_place_first_waiting(p)) /* it is wanted again */
		tr_place_begin(p);
	else
		tr_place_free_if_idle(p);
}

/* Its actor sleeps, or somebody was quicker and is back already. */
static void rests_durably(struct tr_place *p, const char *raw_id, int rc, bool here)
{
	(void)here;
	if (rc < 0 || p->actor || p->busy)
		return;
	p->busy = true;
	p->errand = tr_errand_start(p->provider, p->provider->ops->pause, raw_id, NULL, on_paused, p);
}

void tr_place_rest(struct tr_place_user *u)
{
	u->rests = true;
}

/* Its last user goes in a turn. An actor that goes on is not to wait for what nobody wants; one that goes with
 * its server is woken again. */
static void put_away(struct tr_place *p)
{
	if (p->untried) {
		p->state = TR_PLACE_NONE;
		tr_place_save(p);
	}
	if (!tr_actor_leaving(p->actor))
		tr_place_hold(p, false);
}

void tr_place_leave(struct tr_place_user *u)
{
	struct tr_place *p = u->place;

	if (!p)
		return;
	tr_list_remove(&u->link);
	u->place = NULL;
	if (!tr_list_empty(&p->users))
		return;
	if (u->rests && !p->given && !p->busy && p->state == TR_PLACE_MADE && p->provider->ops->pause)
		tr_place_after(p, rests_durably);
	if (tr_actor_turning(p->actor))
		put_away(p);
	p->actor = NULL;
	p->visit++;
	p->held = p->woken = p->untried = false;
	p->read = p->given; /* whoever comes next reads what is true then */
	if (!p->errand)
		p->busy = false;
	tr_place_free_if_idle(p);
}

/* ------------------------------------------------------------------ asking */

void tr_place_find(struct tr_place_user *u, bool mend)
{
	struct tr_place *p = u->place;

	u->waits = true;
	p->mend = p->mend || mend;
	if (!p->busy)
		tr_place_begin(p);
}

int tr_place_renew(struct tr_place_user *u)
{
	struct tr_place *p = u->place;
	struct tr_bytes value = { 0 };

	if (p->given)
		return TROUPE_EINVAL;
	if (p->busy)
		return TROUPE_EOVERLOADED;
	if (p->state == TR_PLACE_MADE) {
		tr_place_put_item(p, p->raw_id, &value);
		tr_debts_hand_over(p->all->debts, p->actor, NULL, tr_bytes_value(&value));
		tr_bytes_free(&value);
	}
	p->state = TR_PLACE_NONE;
	p->woken = false;
	p->read = true;
	tr_place_set(&p->raw_id, NULL);
	tr_place_set_names(p);
	tr_place_save(p);
	return 0;
}

/* ------------------------------------------------------------------ what it is */

const char *tr_place_url(const struct tr_place_user *u)
{
	return u->place->url;
}

const char *tr_place_token(const struct tr_place_user *u)
{
	return u->place->token;
}

const char *tr_place_cwd(const struct tr_place_user *u)
{
	return u->place->cwd;
}

const char *tr_place_name(const struct tr_place_user *u)
{
	return u->place->name;
}

const char *tr_place_identity(const struct tr_place_user *u)
{
	return u->place->identity;
}

enum tr_http_reach tr_place_reach(const struct tr_place_user *u)
{
	return u->place->provider->reach;
}

struct tr_place_where tr_place_where(const struct tr_place_user *u)
{
	const struct tr_place *p = u->place;

	return (struct tr_place_where){ p->provider->name, p->raw_id, p->given_token, p->options, !p->given };
}
