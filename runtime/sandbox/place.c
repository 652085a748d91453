/* SPDX-License-Identifier: Apache-2.0 */
/* One thing at a time: a find goes through the steps below until it ends in news, and who asks meanwhile waits for the same
 * end.
 *
 *	item -> [create -> made] -> [reconnect ->] [ensure_server ->] reach -> found
 *
 * A place outlives its users while something of it is under way: a sandbox that is being made must be recorded, or
 * destroyed, whatever became of the actor. */
#include "runtime/sandbox/place.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/debts.h"
#include "runtime/sandbox/items.h"


enum state { NONE, INTENDED, MADE, LOST };

struct tr_places {
	struct tr_list   list;
	struct tr_debts *debts;
};

struct tr_place {
	struct tr_list       link, users;
	struct tr_places    *all;
	struct troupe_actor *actor;    /* NULL: all have left */
	uint64_t             num;      /* the actor's */
	struct tr_provider  *provider;
	char                *raw_id, *seed, *url, *token, *cwd, *given_token, *shown, *options;
	char                 name[TR_PLACE_NAME_MAX], identity[TR_PLACE_NAME_MAX];
	bool                 given, ask;
	enum state           state;
	int64_t              since_ms;
	bool                 read;     /* the item */
	bool                 busy;     /* on its way to an end */
	bool                 mend;
	bool                 woken;    /* reconnected in this life of the actor */
	bool                 held;     /* it keeps the actor awake */
	unsigned             pending;  /* callbacks that will come with it as argument */
	struct tr_errand    *errand;
};

static void step(struct tr_place *p);
static void begin_create(struct tr_place *p);
static void begin(struct tr_place *p);
static void after(struct tr_place *p, void (*then)(void *arg, int rc));
static struct tr_place_user *first_waiting(struct tr_place *p);

/* ------------------------------------------------------------------ life */

struct tr_places *tr_places_new(struct tr_debts *debts)
{
	struct tr_places *all = tr_alloc(sizeof *all);

	tr_list_init(&all->list);
	all->debts = debts;
	return all;
}

static void place_free(struct tr_place *p)
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

/* Nobody is here, and nothing is under way. */
static void free_if_idle(struct tr_place *p)
{
	if (!p->actor && !p->errand && p->pending == 0)
		place_free(p);
}

struct tr_places *tr_places_free(struct tr_places *all)
{
	struct tr_list *first;

	if (!all)
		return NULL;
	while ((first = tr_list_first(&all->list)))
		place_free(tr_container(first, struct tr_place, link));
	free(all);
	return NULL;
}

static void set(char **text, const char *value)
{
	char *copy = tr_strdup(value);

	free(*text);
	*text = copy;
}

static void set_names(struct tr_place *p)
{
	if (p->raw_id && !p->provider->ops->create) /* a URL */
		snprintf(p->identity, sizeof p->identity, "%s", p->raw_id);
	else
		snprintf(p->identity, sizeof p->identity, "%s/%s", p->provider->name, p->raw_id ? p->raw_id : "");
	snprintf(p->name, sizeof p->name, "%s", p->shown ? p->shown : p->raw_id ? p->identity : p->provider->name);
}

static struct tr_place *place_new(struct tr_places *all, uint64_t num, const struct tr_place_options *o)
{
	struct tr_place *p = tr_alloc(sizeof *p);

	p->all = all;
	p->num = num;
	p->provider = o->provider;
	p->given = o->raw_id != NULL;
	p->read = p->given;
	p->state = p->given ? MADE : NONE;
	p->ask = o->ask;
	set(&p->raw_id, o->raw_id);
	set(&p->given_token, o->token);
	set(&p->shown, o->shown);
	set(&p->options, o->options);
	tr_list_init(&p->users);
	tr_list_push(&all->list, &p->link);
	set_names(p);
	return p;
}

/* The actor's own place; given ones are not shared, they cost nothing. */
static struct tr_place *find_own(struct tr_places *all, uint64_t num)
{
	for (struct tr_list *at = all->list.next; at != &all->list; at = at->next) {
		struct tr_place *p = tr_container(at, struct tr_place, link);

		if (p->num == num && !p->given)
			return p;
	}
	return NULL;
}

void tr_place_join(struct tr_places *all, struct tr_place_user *u, struct troupe_actor *a, const struct tr_place_options *o)
{
	struct tr_place *p = o->raw_id ? NULL : find_own(all, tr_actor_num(a));

	if (!p)
		p = place_new(all, tr_actor_num(a), o);
	p->actor = a;
	u->place = p;
	u->waits = u->rests = false;
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
	if (first_waiting(p)) /* it is wanted again */
		begin(p);
	else
		free_if_idle(p);
}

/* Its actor sleeps, or somebody was quicker and is back already. */
static void rests_durably(void *arg, int rc)
{
	struct tr_place *p = arg;

	p->pending--;
	if (rc == 0 && !p->actor && !p->busy) {
		p->busy = true;
		p->errand = tr_errand_start(p->provider, p->provider->ops->pause, p->raw_id, NULL, on_paused, p);
	}
	free_if_idle(p);
}

void tr_place_rest(struct tr_place_user *u)
{
	u->rests = true;
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
	if (u->rests && !p->given && !p->busy && p->state == MADE && p->provider->ops->pause)
		after(p, rests_durably);
	p->actor = NULL;
	p->held = p->woken = false;
	p->read = p->given; /* whoever comes next reads what is true then */
	if (!p->given && !p->errand)
		p->busy = false;
	free_if_idle(p);
}

/* ------------------------------------------------------------------ news */

static void tell(struct tr_place *p, enum tr_place_news news)
{
	for (struct tr_list *at = p->users.next, *next; at != &p->users; at = next) {
		struct tr_place_user *u = tr_container(at, struct tr_place_user, link);

		next = at->next;
		if (u->waits)
			u->on_news(u, news, 0, NULL);
	}
}

static struct tr_place_user *first_waiting(struct tr_place *p)
{
	for (struct tr_list *at = p->users.next; at != &p->users; at = at->next) {
		struct tr_place_user *u = tr_container(at, struct tr_place_user, link);

		if (u->waits)
			return u;
	}
	return NULL;
}

/* The end of what was asked. Whoever asks anew in its callback begins anew. */
static void end(struct tr_place *p, enum tr_place_news news, int error, const char *words)
{
	struct tr_place_user *u, *last = NULL;

	p->busy = p->mend = false;
	for (struct tr_list *at = p->users.next; at != &p->users; at = at->next) {
		u = tr_container(at, struct tr_place_user, link);
		if (u->waits)
			last = u;
	}
	while (last && (u = first_waiting(p))) {
		u->waits = false;
		u->on_news(u, news, error, words);
		if (u == last)
			break;
	}
}

/* ------------------------------------------------------------------ the item */

void tr_place_item_put(struct tr_bytes *out, const struct tr_place_item *item)
{
	tr_put_map(out, 5);
	tr_item_put_text(out, "provider", item->provider);
	tr_item_put_text(out, "rawId", item->raw_id);
	tr_item_put_text(out, "seed", item->seed);
	tr_item_put_text(out, "options", item->options);
	tr_item_put_number(out, "since", item->since_ms);
}

bool tr_place_item_read(struct troupe_value v, struct tr_place_item *ret)
{
	*ret = (struct tr_place_item){
		.provider = tr_item_new_text(v, "provider"), .raw_id = tr_item_new_text(v, "rawId"),
		.seed = tr_item_new_text(v, "seed"), .options = tr_item_new_text(v, "options"), .since_ms = tr_item_number(v, "since"),
	};
	if (ret->provider)
		return true;
	tr_place_item_fini(ret);
	return false;
}

void tr_place_item_fini(struct tr_place_item *item)
{
	free(item->provider);
	free(item->raw_id);
	free(item->seed);
	free(item->options);
}

static const struct troupe_text item_key = { TR_OWED_SANDBOX, sizeof TR_OWED_SANDBOX - 1 };

static void put_item(struct tr_place *p, struct tr_bytes *into)
{
	tr_place_item_put(into, &(struct tr_place_item){ p->provider->name, p->raw_id, p->seed, p->options, p->since_ms });
}

/* In a turn. */
static void save(struct tr_place *p)
{
	struct tr_bytes value = { 0 };

	if (p->state == NONE) {
		tr_actor_delete(p->actor, item_key);
		return;
	}
	put_item(p, &value);
	tr_actor_put(p->actor, item_key, value.data, value.size);
	tr_bytes_free(&value);
}

static void on_item(struct troupe_actor *a, void *arg, int rc, struct troupe_value value)
{
	struct tr_place *p = find_own(arg, tr_actor_num(a));
	struct tr_place_item item = { 0 };

	if (!p || !p->actor || !p->busy || p->read)
		return; /* who wanted to know has left, or has been told */
	if (rc < 0 && rc != TROUPE_ENOTFOUND) {
		end(p, TR_PLACE_FAILED, rc, NULL);
		return;
	}
	p->read = true;
	p->state = NONE;
	/* made by another provider than we have now: it is that one's to destroy, and we go on without */
	if (rc == 0 && tr_place_item_read(value, &item)) {
		if (strcmp(item.provider, p->provider->name) == 0) {
			set(&p->raw_id, item.raw_id);
			set(&p->seed, item.seed);
			p->since_ms = item.since_ms;
			p->state = item.raw_id ? MADE : INTENDED;
			set_names(p);
		} else if (item.raw_id) {
			tr_debts_hand_over(p->all->debts, p->actor, NULL, value);
		}
		tr_place_item_fini(&item);
	}
	step(p);
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

static void in_turn(struct tr_place *p, void (*run)(struct tr_place *p))
{
	tr_actor_turn(p->actor, run_turn, &(struct turn){ p, run });
}

/* In a turn. */
static void after(struct tr_place *p, void (*then)(void *arg, int rc))
{
	p->pending++;
	tr_actor_after(p->actor, then, p);
}

/* What follows a commit. False: it failed, or nobody is here any more. */
static bool goes_on(struct tr_place *p, int rc)
{
	p->pending--;
	if (rc == 0 && p->actor)
		return true;
	p->busy = false;
	free_if_idle(p);
	return false;
}

/* In a turn. */
static void hold(struct tr_place *p, bool on)
{
	if (on && !p->held)
		tr_actor_hold(p->actor);
	else if (!on && p->held)
		tr_actor_release(p->actor);
	p->held = on;
}

/* ------------------------------------------------------------------ reaching */

static bool is_usable(const struct tr_provider_answer *answer)
{
	if (!answer->url || !tr_http_url_valid(answer->url))
		return false;
	for (const char *c = answer->token; c && *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	}
	return true;
}

static void lost_turn(struct tr_place *p)
{
	tr_warn("sandbox.lost", "actor=%s sandbox=\"%s\"", troupe_id(p->actor), p->name);
	p->state = p->given ? MADE : p->ask ? LOST : NONE;
	if (p->state == NONE)
		set(&p->raw_id, NULL);
	if (!p->given)
		save(p);
	p->woken = false;
	tell(p, TR_PLACE_LOST);
}

/* The provider says that it is no more. */
static void lost(struct tr_place *p)
{
	in_turn(p, lost_turn);
	if (p->state == NONE && p->actor)
		step(p);
	else
		end(p, TR_PLACE_FAILED, TROUPE_ESANDBOXLOST, NULL);
}

static void failed(struct tr_place *p, const struct tr_provider_answer *answer)
{
	if (answer->rc == TROUPE_ESANDBOXLOST)
		lost(p);
	else
		end(p, TR_PLACE_FAILED, answer->rc, answer->words);
}

/* Nobody is here to whom it could matter. */
static bool left_alone(struct tr_place *p)
{
	p->errand = NULL;
	if (p->actor)
		return false;
	p->busy = false;
	free_if_idle(p);
	return true;
}

static void on_reached(void *arg, const struct tr_provider_answer *answer)
{
	struct tr_place *p = arg;
	size_t size;

	if (left_alone(p))
		return;
	if (answer->rc < 0) {
		failed(p, answer);
		return;
	}
	if (!is_usable(answer)) {
		end(p, TR_PLACE_FAILED, TROUPE_EPROVIDER, "The provider gave no usable address.");
		return;
	}
	size = strlen(answer->url);
	if (p->url && (strncmp(p->url, answer->url, strlen(p->url)) != 0))
		tr_info("sandbox.moved", "sandbox=\"%s\"", p->name); /* the address itself may hold a secret */
	free(p->url);
	p->url = tr_strndup(answer->url, size - (answer->url[size - 1] == '/'));
	set(&p->token, answer->token ? answer->token : p->given_token);
	set(&p->cwd, answer->cwd);
	end(p, TR_PLACE_FOUND, 0, NULL);
}

static void reach(struct tr_place *p)
{
	p->errand = tr_errand_start(p->provider, p->provider->ops->reach, p->raw_id, NULL, on_reached, p);
}

static void on_ensured(void *arg, const struct tr_provider_answer *answer)
{
	struct tr_place *p = arg;

	if (left_alone(p))
		return;
	if (answer->rc == TROUPE_ESANDBOXLOST) {
		lost(p);
		return;
	}
	if (answer->rc < 0) /* perhaps it runs all the same */
		tr_warn("sandbox.ensure", "sandbox=\"%s\" reason=\"%s\"", p->name, answer->words ? answer->words : "");
	reach(p);
}

static void ensure(struct tr_place *p)
{
	tell(p, TR_PLACE_STARTING);
	p->errand = tr_errand_start(p->provider, p->provider->ops->ensure_server, p->raw_id, NULL, on_ensured, p);
}

static void on_reconnected(void *arg, const struct tr_provider_answer *answer)
{
	struct tr_place *p = arg;

	if (left_alone(p))
		return;
	p->woken = answer->rc == 0;
	if (answer->rc < 0)
		failed(p, answer);
	else
		ensure(p);
}

/* ------------------------------------------------------------------ making */

/* It was made, and there is no actor any more that could remember it. */
static void made_for_nobody(struct tr_place *p, const char *raw_id)
{
	struct tr_bytes value = { 0 };

	set(&p->raw_id, raw_id);
	put_item(p, &value);
	tr_warn("sandbox.unwanted", "sandbox=\"%s/%s\" reason=\"its actor has gone meanwhile; it is destroyed\"", p->provider->name,
	        raw_id);
	tr_debts_owe(p->all->debts, p->num, tr_bytes_value(&value));
	tr_bytes_free(&value);
}

static void made_durably(void *arg, int rc)
{
	struct tr_place *p = arg;

	if (rc < 0 && p->raw_id)
		made_for_nobody(p, p->raw_id);
	if (!goes_on(p, rc))
		return;
	if (p->provider->ops->kept)
		p->provider->ops->kept(p->provider, p->raw_id);
	reach(p);
}

static void made_turn(struct tr_place *p)
{
	p->state = MADE;
	p->woken = true;
	set_names(p);
	tr_info("sandbox.made", "actor=%s sandbox=\"%s\"", troupe_id(p->actor), p->name);
	save(p);
	hold(p, false);
	tell(p, TR_PLACE_STARTING);
	after(p, made_durably);
}

static void not_made_turn(struct tr_place *p)
{
	hold(p, false);
	save(p);
}

static void say_unknown(const struct tr_place *p, const char *why)
{
	tr_warn("sandbox.unknown", "provider=%s actor_num=%" PRIu64 " begun_ms=%" PRId64 " reason=\"%s\" advice=\"a sandbox may"
	        " have been made that nobody here knows: look for it at the provider\"", p->provider->name, p->num, p->since_ms, why);
}

static void on_created(void *arg, const struct tr_provider_answer *answer)
{
	struct tr_place *p = arg;
	bool made = answer->rc == 0 && answer->raw_id && *answer->raw_id;

	if (!made && answer->unknown)
		say_unknown(p, answer->words ? answer->words : "");
	if (made && !p->actor && !p->provider->repeatable)
		made_for_nobody(p, answer->raw_id);
	if (left_alone(p))
		return;
	if (made) {
		set(&p->raw_id, answer->raw_id);
		in_turn(p, made_turn);
		return;
	}
	p->state = NONE;
	in_turn(p, not_made_turn);
	end(p, TR_PLACE_FAILED, answer->rc < 0 && answer->rc != TROUPE_EPROVIDER ? answer->rc : TROUPE_ENOSANDBOX,
	    answer->words ? answer->words : "The provider made a sandbox without a name.");
}

static void intended(void *arg, int rc)
{
	struct tr_place *p = arg;

	if (goes_on(p, rc))
		p->errand = tr_errand_start(p->provider, p->provider->ops->create, NULL, p->seed, on_created, p);
}

/* What a provider makes from the same seed once more is the same. */
static void choose_seed(struct tr_place *p)
{
	char seed[41];

	if (p->state == INTENDED && p->provider->repeatable && p->seed)
		return;
	snprintf(seed, sizeof seed, "%.30s", troupe_id(p->actor));
	tr_random_id(seed + strlen(seed), 8);
	set(&p->seed, seed);
}

static void intend_turn(struct tr_place *p)
{
	choose_seed(p);
	p->state = INTENDED;
	p->since_ms = troupe_now_ms(p->actor);
	set(&p->raw_id, NULL);
	set_names(p);
	save(p);
	hold(p, true);
	tell(p, TR_PLACE_CREATING);
	after(p, intended);
}

static void begin_create(struct tr_place *p)
{
	if (p->provider->ops->create)
		in_turn(p, intend_turn);
	else
		end(p, TR_PLACE_FAILED, TROUPE_ENOSANDBOX, "This provider makes no sandboxes.");
}

/* ------------------------------------------------------------------ finding */

static void step(struct tr_place *p)
{
	switch (p->state) {
	case INTENDED:
		if (!p->provider->repeatable)
			say_unknown(p, "the server ended while it was being made");
		begin_create(p);
		break;
	case NONE:
		begin_create(p);
		break;
	case MADE:
		if (!p->woken && p->provider->ops->reconnect)
			p->errand = tr_errand_start(p->provider, p->provider->ops->reconnect, p->raw_id, NULL, on_reconnected, p);
		else if ((!p->woken || p->mend) && p->provider->ops->ensure_server)
			ensure(p);
		else
			reach(p);
		break;
	case LOST:
		end(p, TR_PLACE_FAILED, TROUPE_ESANDBOXLOST, NULL);
		break;
	}
}

static void begin(struct tr_place *p)
{
	p->busy = true;
	if (p->read) {
		step(p);
		return;
	}
	tr_actor_get(p->actor, item_key, on_item, p->all); /* which may never come, so it holds no place */
}

void tr_place_find(struct tr_place_user *u, bool mend)
{
	struct tr_place *p = u->place;

	u->waits = true;
	p->mend = p->mend || mend;
	if (p->busy)
		return;
	begin(p);
}

int tr_place_renew(struct tr_place_user *u)
{
	struct tr_place *p = u->place;
	struct tr_bytes value = { 0 };

	if (p->given)
		return TROUPE_EINVAL;
	if (p->busy)
		return TROUPE_EOVERLOADED;
	if (p->state == MADE) {
		put_item(p, &value);
		tr_debts_hand_over(p->all->debts, p->actor, NULL, tr_bytes_value(&value));
		tr_bytes_free(&value);
	}
	p->state = NONE;
	p->woken = false;
	p->read = true;
	set(&p->raw_id, NULL);
	set_names(p);
	save(p);
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
