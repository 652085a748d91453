/* SPDX-License-Identifier: Apache-2.0 */
/* Each debt is a small machine of its own, with one timer, one request and one errand:
 *
 *	a sandbox     destroy -> paid
 *	an instance   reach -> the end of an agent (wire/ending.h) -> paid
 *
 * An instance in a sandbox that is destroyed, with its actor or without, is paid with that. What fails waits and begins anew.
 *
 * What cannot be taken back waits for the commit of what must be remembered of it (keep_family). */
#include "runtime/sandbox/debts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"
#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/core/actor.h"
#include "runtime/sandbox/items.h"
#include "runtime/sandbox/wire/ending.h"

struct tr_debts {
	struct tr_debts_options o;
	struct tr_core *core;    /* NULL: not started */
	struct tr_list  list;
	size_t          count, running;
	bool            more;    /* there are others in the store */
	struct tr_timer *look;   /* for them */
};

/* A commit that a debt waits for; told when the debt is no more, too. */
struct kept { struct debt *debt; void (*then)(struct debt *d, int rc); };

struct debt {
	struct tr_list          link;
	struct kept            *kept;      /* NULL: it waits for none */
	struct tr_debts        *debts;
	char                   *key;
	char                   *server_id; /* NULL: it is a sandbox */
	char                   *provider, *raw_id, *seed, *token, *options, *close;
	char                   *url, *fresh_token; /* found; NULL: the provider names none */
	int64_t                 created_ms;
	struct tr_bytes         family;    /* of its server; then with whom this sweep has signalled */
	enum tr_ending          step;      /* that is under way, or waits for its time */
	enum tr_http_reach      reach;
	struct tr_timer        *timer;
	struct tr_errand       *errand;
	struct tr_http_request *request;
	bool                    runs;
	unsigned                tries, sweeps; /* sweeps: how often so far */
};

static void pay(struct debt *d);
static void ask(struct debt *d, enum tr_ending step);

/* ------------------------------------------------------------------ the list */

static void debt_free(struct debt *d)
{
	tr_list_remove(&d->link);
	d->debts->count--;
	d->debts->running -= d->runs;
	if (d->kept)
		d->kept->debt = NULL;
	tr_errand_leave(d->errand);
	tr_http_cancel(d->request);
	d->debts->o.clock.ops->timer_free(d->timer);
	free(d->key);
	free(d->server_id);
	free(d->provider);
	free(d->raw_id);
	free(d->seed);
	free(d->token);
	free(d->options);
	free(d->close);
	tr_bytes_free(&d->family);
	free(d->url);
	free(d->fresh_token);
	free(d);
}

static void set_timer(struct debt *d, int64_t ms)
{
	d->debts->o.clock.ops->timer_set(d->timer, ms);
}

static void look_later(struct tr_debts *all, int ms)
{
	all->o.clock.ops->timer_set(all->look, ms);
}

static void stop_running(struct debt *d)
{
	d->debts->running -= d->runs;
	d->runs = false;
}

static void paid(struct debt *d, const char *how)
{
	struct tr_debts *all = d->debts;

	tr_info("debt.paid", "key=%s sandbox=\"%s/%s\" how=%s tries=%u", d->key, d->provider, d->raw_id ? d->raw_id : "", how,
	        d->tries + 1);
	tr_core_delete(all->core, tr_text_from(d->key));
	debt_free(d);
	if (all->more && all->count == 0)
		look_later(all, 0);
}

/* One that must make room for others is found again with the rest. */
static void failed(struct debt *d, const char *why)
{
	struct tr_debts *all = d->debts;
	int64_t pause = TR_DEBT_PAUSE_MS;

	d->errand = NULL;
	d->request = NULL;
	d->step = TR_ENDING_CLOSE;
	stop_running(d);
	for (unsigned i = 0; i < d->tries && pause < TR_DEBT_PAUSE_MAX_MS; i++)
		pause *= 2;
	if (pause > TR_DEBT_PAUSE_MAX_MS)
		pause = TR_DEBT_PAUSE_MAX_MS;
	d->tries++;
	tr_warn("debt.unpaid", "key=%s sandbox=\"%s/%s\" tries=%u again_ms=%" PRId64 " reason=\"%s\"", d->key, d->provider,
	        d->raw_id ? d->raw_id : "", d->tries, pause, why ? why : "");
	if (all->more && all->count >= TR_DEBTS_MAX) {
		debt_free(d);
		look_later(all, TR_DEBT_PAUSE_MS);
	} else {
		set_timer(d, pause);
	}
}

static void on_time(void *arg)
{
	struct debt *d = arg;

	if (d->step == TR_ENDING_SWEEP) {
		ask(d, TR_ENDING_SWEEP);
	} else if (d->debts->running >= TR_DEBTS_RUNNING_MAX) {
		set_timer(d, TR_DEBT_PAUSE_MS);
	} else {
		d->runs = true;
		d->debts->running++;
		pay(d);
	}
}

/* ------------------------------------------------------------------ paying */

static void on_kept(void *arg, int rc)
{
	struct kept *kept = arg;
	struct debt *d = kept->debt;

	if (d) {
		d->kept = NULL;
		kept->then(d, rc);
	}
	free(kept);
}

/* It goes on when what it has written is on disk, or is not. */
static void when_kept(struct debt *d, void (*then)(struct debt *d, int rc))
{
	d->kept = tr_alloc(sizeof *d->kept);
	*d->kept = (struct kept){ d, then };
	tr_core_after(d->debts->core, on_kept, d->kept);
}

static void family_kept(struct debt *d, int rc)
{
	if (rc < 0)
		failed(d, troupe_error_info(rc)->name);
	else
		ask(d, TR_ENDING_DELETE);
}

/* On disk before the DELETE is sent: whoever goes on after us could not look any more. */
static void keep_family(struct debt *d, struct tr_bytes *found)
{
	struct tr_bytes item = { 0 };

	tr_bytes_free(&d->family);
	d->family = *found;
	*found = (struct tr_bytes){ 0 };
	tr_agent_item_put(&item, &(struct tr_agent_item){
		NULL, d->provider, d->raw_id, d->token, d->options, d->close, false, d->created_ms, &d->family });
	tr_core_put(d->debts->core, tr_text_from(d->key), item.data, item.size);
	tr_bytes_free(&item);
	when_kept(d, family_kept);
}

/* We may be the second who pays it, and the one before us the one it hung on: so a sweep must have been heard. */
static struct tr_ending_of ending_of(struct debt *d)
{
	return (struct tr_ending_of){
		.server_id = d->server_id, .close = d->close, .created_ms = d->created_ms, .family = &d->family,
		.sweeps = d->sweeps, .hangs = true, .run_ms = d->debts->o.times->sweep_run_ms };
}

static void go_on(struct debt *d, struct tr_ending_answer *a)
{
	struct tr_ending_of of = ending_of(d);

	switch (d->step) {
	case TR_ENDING_CLOSE:
		ask(d, TR_ENDING_LOOK);
		break;
	case TR_ENDING_LOOK:
		if (a->found.size > 0)
			keep_family(d, &a->found);
		else
			ask(d, TR_ENDING_DELETE);
		break;
	case TR_ENDING_DELETE:
		d->step = TR_ENDING_SWEEP;
		d->sweeps = 0;
		set_timer(d, tr_ending_grace_ms(&of));
		break;
	case TR_ENDING_SWEEP:
		tr_sweep_add(&d->family, &a->found);
		if (a->then_ms >= 0)
			set_timer(d, a->then_ms);
		else
			paid(d, "swept");
		break;
	}
}

static void on_answer(void *arg, const struct tr_http_answer *answer)
{
	struct debt *d = arg;
	struct tr_ending_of of = ending_of(d);
	struct tr_ending_answer a;

	d->request = NULL;
	tr_ending_read(&a, d->step, &of, answer);
	if (a.heard)
		go_on(d, &a);
	else
		failed(d, a.problem.words);
	tr_bytes_free(&a.found);
}

static void ask(struct debt *d, enum tr_ending step)
{
	struct tr_ending_request r;
	struct tr_ending_of of;
	struct tr_bytes url = { 0 };

	d->step = step;
	d->sweeps += step == TR_ENDING_SWEEP;
	of = ending_of(d);
	tr_ending_ask(&r, step, &of);
	tr_bytes_printf(&url, "%s%s", d->url, r.path);
	r.o.url = tr_bytes_text(&url);
	r.o.token = d->fresh_token ? d->fresh_token : d->token;
	r.o.reach = d->reach;
	r.o.on_end = on_answer;
	r.o.arg = d;
	d->request = tr_http_start(&d->debts->o.http, &r.o);
	tr_bytes_free(&url);
}

static void on_reached(void *arg, const struct tr_provider_answer *answer)
{
	struct debt *d = arg;
	struct tr_ending_of of;
	size_t size;

	d->errand = NULL;
	if (answer->rc == TROUPE_ESANDBOXLOST) {
		paid(d, "lost");
		return;
	}
	if (answer->rc < 0 || !answer->url || !tr_http_url_valid(answer->url)) {
		failed(d, answer->words);
		return;
	}
	size = strlen(answer->url);
	free(d->url);
	d->url = tr_strndup(answer->url, size - (answer->url[size - 1] == '/'));
	free(d->fresh_token);
	d->fresh_token = tr_strdup(answer->token);
	of = ending_of(d);
	ask(d, tr_ending_first(&of));
}

/* With a sandbox have gone the instances in it. */
static void pay_what_was_in(const struct debt *sandbox)
{
	struct tr_debts *all = sandbox->debts;

	for (struct tr_list *at = all->list.next, *next; at != &all->list; at = next) {
		struct debt *d = tr_container(at, struct debt, link);

		next = at->next;
		if (d->server_id && tr_same_string(d->provider, sandbox->provider) && tr_same_string(d->raw_id, sandbox->raw_id)
		    && tr_same_string(d->options, sandbox->options))
			paid(d, "destroyed");
	}
}

static void on_destroyed(void *arg, const struct tr_provider_answer *answer)
{
	struct debt *d = arg;

	d->errand = NULL;
	if (answer->rc != 0 && answer->rc != TROUPE_ESANDBOXLOST) {
		failed(d, answer->words);
		return;
	}
	pay_what_was_in(d);
	paid(d, answer->rc == 0 ? "destroyed" : "lost");
}

static void pay(struct debt *d)
{
	struct tr_debts *all = d->debts;
	struct tr_provider *p = all->o.provider(all->o.arg, d->provider, d->options);

	if (!p) {
		failed(d, "this server has no such provider now");
		return;
	}
	d->reach = p->reach;
	if (d->server_id)
		d->errand = tr_errand_start(p, p->ops->reach, d->raw_id, NULL, on_reached, d);
	else
		d->errand = tr_errand_start(p, p->ops->destroy, d->raw_id, NULL, on_destroyed, d);
}

/* ------------------------------------------------------------------ what is owed */

void tr_agent_item_put(struct tr_bytes *out, const struct tr_agent_item *item)
{
	tr_put_map(out, 9);
	tr_item_put_text(out, "session", item->session);
	tr_item_put_text(out, "provider", item->provider);
	tr_item_put_text(out, "rawId", item->raw_id);
	tr_item_put_text(out, "token", item->token);
	tr_item_put_text(out, "options", item->options);
	tr_item_put_text(out, "close", item->close);
	tr_item_put_number(out, "made", item->made);
	tr_item_put_number(out, "created", item->created_ms);
	tr_item_put_bytes(out, "family", item->family);
}

static bool is_known(const struct tr_debts *all, const char *key)
{
	for (const struct tr_list *at = all->list.next; at != &all->list; at = at->next) {
		if (strcmp(tr_container(at, struct debt, link)->key, key) == 0)
			return true;
	}
	return false;
}

static struct debt *debt_new(struct tr_debts *all, const char *key, struct troupe_value v)
{
	const char *agent = strstr(key, "/agent/");
	struct debt *d = tr_alloc(sizeof *d);

	d->debts = all;
	d->key = tr_strdup(key);
	d->server_id = agent ? tr_strdup(agent + strlen("/agent/")) : NULL;
	d->provider = tr_item_new_text(v, "provider");
	d->raw_id = tr_item_new_text(v, "rawId");
	d->seed = tr_item_new_text(v, "seed");
	d->token = tr_item_new_text(v, "token");
	d->options = tr_item_new_text(v, "options");
	d->close = tr_item_new_text(v, "close");
	d->created_ms = tr_item_number(v, "created");
	tr_item_bytes(v, "family", &d->family);
	d->timer = all->o.clock.ops->timer_new(all->o.clock.ctx, on_time, d);
	tr_list_push(&all->list, &d->link);
	all->count++;
	return d;
}

/* Nothing of these can be done: that is said, once. */
static bool is_payable(struct debt *d, struct troupe_value v)
{
	struct tr_provider *p = d->provider ? d->debts->o.provider(d->debts->o.arg, d->provider, d->options) : NULL;

	if (!d->raw_id && p && p->repeatable) {
		d->raw_id = d->seed;
		d->seed = NULL;
	}
	if (!d->server_id && d->provider && !d->raw_id)
		tr_warn("sandbox.unknown", "provider=%s key=%s begun_ms=%" PRId64 " advice=\"a sandbox may have been made that nobody"
		        " here knows: look for it at the provider\"", d->provider, d->key, tr_item_number(v, "since"));
	else if (!d->provider || !d->raw_id)
		tr_error("debt.item", "key=%s reason=\"it names no sandbox\"", d->key);
	else
		return true;
	return false;
}

static void take(struct tr_debts *all, const char *key, struct troupe_value v)
{
	struct debt *d;

	if (is_known(all, key))
		return;
	if (all->count >= TR_DEBTS_MAX) {
		all->more = true;
		return;
	}
	d = debt_new(all, key, v);
	if (is_payable(d, v) && !(d->server_id && tr_item_number(v, "made"))) {
		set_timer(d, 0);
		return;
	}
	tr_core_delete(all->core, (struct troupe_text){ key, strlen(key) });
	debt_free(d);
}

static void on_item(void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	struct tr_debts *all = arg;
	char name[TR_ITEM_KEY_MAX + 1];

	if (rc < 0)
		tr_error("debt.read", "failed=%s", troupe_error_info(rc)->name);
	if (rc < 0 || !key.data || key.size >= sizeof name)
		return;
	memcpy(name, key.data, key.size);
	name[key.size] = '\0';
	take(all, name, value);
}

static void look(struct tr_debts *all, const char *prefix)
{
	if (all->core)
		tr_core_scan(all->core, (struct troupe_text){ prefix, strlen(prefix) }, on_item, all);
}

static void on_look(void *arg)
{
	struct tr_debts *all = arg;

	all->more = false;
	look(all, TR_OWED);
}

static void prefix_of(uint64_t actor, char into[TR_ITEM_KEY_MAX + 1])
{
	snprintf(into, TR_ITEM_KEY_MAX + 1, TR_OWED "%020" PRIu64 "/", actor);
}

void tr_debts_owed(struct tr_debts *d, uint64_t actor)
{
	char prefix[TR_ITEM_KEY_MAX + 1];

	prefix_of(actor, prefix);
	look(d, prefix);
}

/* An actor may give up several sandboxes in its life. */
static struct troupe_text new_key(uint64_t actor, const char *name, char into[TR_ITEM_KEY_MAX + 1])
{
	char unique[sizeof "sandbox-" + 8] = "sandbox-";

	prefix_of(actor, into);
	tr_random_id(unique + strlen(unique), 8);
	snprintf(into + strlen(into), TR_ITEM_KEY_MAX + 1 - strlen(into), "%s", name ? name : unique);
	return (struct troupe_text){ into, strlen(into) };
}

void tr_debts_owe(struct tr_debts *d, uint64_t actor, struct troupe_value item)
{
	char key[TR_ITEM_KEY_MAX + 1];

	if (!d->core)
		return;
	tr_core_put(d->core, new_key(actor, NULL, key), item.data, item.size);
	take(d, key, item);
}

struct handed { struct tr_debts *debts; uint64_t actor; };

static void handed_over(void *arg, int rc)
{
	struct handed *h = arg;

	if (rc == 0)
		tr_debts_owed(h->debts, h->actor);
	free(h);
}

void tr_debts_hand_over(struct tr_debts *d, struct troupe_actor *a, const char *name, struct troupe_value item)
{
	struct handed *h = tr_alloc(sizeof *h);
	char key[TR_ITEM_KEY_MAX + 1];

	*h = (struct handed){ d, tr_actor_num(a) };
	tr_actor_hand_over(a, new_key(h->actor, name, key), item.data, item.size);
	tr_actor_after(a, handed_over, h);
}

/* ------------------------------------------------------------------ life */

struct tr_debts *tr_debts_new(const struct tr_debts_options *o)
{
	struct tr_debts *d = tr_alloc(sizeof *d);

	d->o = *o;
	tr_list_init(&d->list);
	d->look = o->clock.ops->timer_new(o->clock.ctx, on_look, d);
	return d;
}

void tr_debts_start(struct tr_debts *d, struct tr_core *core)
{
	d->core = core;
	look(d, TR_OWED);
}

size_t tr_debts_count(const struct tr_debts *d)
{
	return d->count;
}

struct tr_debts *tr_debts_free(struct tr_debts *d)
{
	struct tr_list *first;

	if (!d)
		return NULL;
	while ((first = tr_list_first(&d->list)))
		debt_free(tr_container(first, struct debt, link));
	d->o.clock.ops->timer_free(d->look);
	free(d);
	return NULL;
}
