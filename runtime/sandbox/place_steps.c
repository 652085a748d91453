/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sandbox/place_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/debts.h"
#include "runtime/sandbox/place_item.h"

static void step(struct tr_place *p);

/* Nobody is here to whom it could matter. */
static bool left_alone(struct tr_place *p)
{
	p->errand = NULL;
	if (p->actor)
		return false;
	p->busy = false;
	tr_place_free_if_idle(p);
	return true;
}

static void start(struct tr_place *p, void (*run)(struct tr_provider *p, struct tr_errand *e),
                  void (*on_end)(void *arg, const struct tr_provider_answer *answer))
{
	p->errand = tr_errand_start(p->provider, run, p->raw_id, NULL, on_end, p);
}

/* ------------------------------------------------------------------ lost */

static void lost_turn(struct tr_place *p)
{
	tr_warn("sandbox.lost", "actor=%s sandbox=\"%s\"", troupe_id(p->actor), p->name);
	p->state = p->given ? TR_PLACE_MADE : p->ask ? TR_PLACE_GONE : TR_PLACE_NONE;
	if (p->state == TR_PLACE_NONE)
		tr_place_set(&p->raw_id, NULL);
	if (!p->given)
		tr_place_save(p);
	p->woken = false;
	tr_place_tell(p, TR_PLACE_LOST);
}

/* The provider says that it is no more. */
static void lost(struct tr_place *p)
{
	if (!tr_place_turn(p, lost_turn))
		return;
	if (p->state == TR_PLACE_NONE)
		step(p);
	else
		tr_place_end(p, TR_PLACE_FAILED, TROUPE_ESANDBOXLOST, NULL);
}

static void failed(struct tr_place *p, const struct tr_provider_answer *answer)
{
	if (answer->rc == TROUPE_ESANDBOXLOST)
		lost(p);
	else
		tr_place_end(p, TR_PLACE_FAILED, answer->rc, answer->words);
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

static void take_address(struct tr_place *p, const struct tr_provider_answer *answer)
{
	size_t size = strlen(answer->url);
	char *url = tr_strndup(answer->url, size - (answer->url[size - 1] == '/'));

	if (p->url && strcmp(p->url, url) != 0)
		tr_info("sandbox.moved", "sandbox=\"%s\"", p->name); /* the address itself may hold a secret */
	tr_place_set(&p->url, url);
	tr_place_set(&p->token, answer->token ? answer->token : p->given_token);
	tr_place_set(&p->cwd, answer->cwd);
	free(url);
}

static void on_reached(void *arg, const struct tr_provider_answer *answer)
{
	struct tr_place *p = arg;

	if (left_alone(p))
		return;
	if (answer->rc < 0) {
		failed(p, answer);
	} else if (!is_usable(answer)) {
		tr_place_end(p, TR_PLACE_FAILED, TROUPE_EPROVIDER, "The provider gave no usable address.");
	} else {
		take_address(p, answer);
		tr_place_end(p, TR_PLACE_FOUND, 0, NULL);
	}
}

static void reach(struct tr_place *p)
{
	start(p, p->provider->ops->reach, on_reached);
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
		tr_warn("sandbox.ensure", "sandbox=\"%s\" reason=\"%s\"", p->name,
		        answer->words ? answer->words : "");
	reach(p);
}

static void ensure(struct tr_place *p)
{
	if (tr_place_tell(p, TR_PLACE_STARTING))
		start(p, p->provider->ops->ensure_server, on_ensured);
	else
		tr_place_free_if_idle(p);
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

	tr_place_put_item(p, raw_id, &value);
	tr_warn("sandbox.unwanted", "sandbox=\"%s/%s\" reason=\"its actor has gone meanwhile; it is destroyed\"",
	        p->provider->name, raw_id);
	tr_debts_owe(p->all->debts, p->num, tr_bytes_value(&value));
	tr_bytes_free(&value);
}

/* Its provider keeps what is recorded, also for an actor that has gone to sleep meanwhile. */
static void made_durably(struct tr_place *p, const char *raw_id, int rc, bool here)
{
	if (rc < 0)
		made_for_nobody(p, raw_id);
	else if (p->provider->ops->kept)
		p->provider->ops->kept(p->provider, raw_id);
	if (here && rc == 0)
		reach(p);
	else if (here)
		p->busy = false;
}

static void made_turn(struct tr_place *p)
{
	p->state = TR_PLACE_MADE;
	p->woken = true;
	tr_place_set_names(p);
	tr_info("sandbox.made", "actor=%s sandbox=\"%s\"", troupe_id(p->actor), p->name);
	tr_place_save(p);
	tr_place_hold(p, false);
	tr_place_after(p, made_durably);
	tr_place_tell(p, TR_PLACE_STARTING);
}

static void not_made_turn(struct tr_place *p)
{
	tr_place_hold(p, false);
	tr_place_save(p);
}

static void say_unknown(const struct tr_place *p, const char *why)
{
	tr_warn("sandbox.unknown", "provider=%s actor_num=%" PRIu64 " begun_ms=%" PRId64 " reason=\"%s\""
	        " advice=\"a sandbox may have been made that nobody here knows: look for it at the provider\"",
	        p->provider->name, p->num, p->since_ms, why);
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
		tr_place_set(&p->raw_id, answer->raw_id);
		tr_place_turn(p, made_turn);
		return;
	}
	p->state = TR_PLACE_NONE;
	if (tr_place_turn(p, not_made_turn))
		tr_place_end(p, TR_PLACE_FAILED,
		             answer->rc < 0 && answer->rc != TROUPE_EPROVIDER ? answer->rc : TROUPE_ENOSANDBOX,
		             answer->words ? answer->words : "The provider made a sandbox without a name.");
}

static void intended(struct tr_place *p, const char *raw_id, int rc, bool here)
{
	(void)raw_id;
	if (here)
		p->untried = false;
	if (here && rc == 0)
		p->errand = tr_errand_start(p->provider, p->provider->ops->create, NULL, p->seed, on_created, p);
	else if (here)
		p->busy = false;
}

/* What a provider makes from the same seed once more is the same. */
static void choose_seed(struct tr_place *p)
{
	char seed[41];

	if (p->state == TR_PLACE_INTENDED && p->provider->repeatable && p->seed)
		return;
	snprintf(seed, sizeof seed, "%.30s", troupe_id(p->actor));
	tr_random_id(seed + strlen(seed), 8);
	tr_place_set(&p->seed, seed);
	p->untried = true;
}

static void intend_turn(struct tr_place *p)
{
	tr_place_set(&p->raw_id, NULL);
	tr_place_set_names(p);
	if (!tr_place_tell(p, TR_PLACE_CREATING))
		return;
	choose_seed(p);
	p->state = TR_PLACE_INTENDED;
	p->since_ms = troupe_now_ms(p->actor);
	tr_place_save(p);
	tr_place_hold(p, true);
	tr_place_after(p, intended);
}

static void begin_create(struct tr_place *p)
{
	if (p->provider->ops->create)
		tr_place_turn(p, intend_turn);
	else
		tr_place_end(p, TR_PLACE_FAILED, TROUPE_ENOSANDBOX, "This provider makes no sandboxes.");
}

/* ------------------------------------------------------------------ one after the other */

static void step(struct tr_place *p)
{
	switch (p->state) {
	case TR_PLACE_INTENDED:
		if (!p->provider->repeatable)
			say_unknown(p, "the server ended while it was being made");
		begin_create(p);
		break;
	case TR_PLACE_NONE:
		begin_create(p);
		break;
	case TR_PLACE_MADE:
		if (!p->woken && p->provider->ops->reconnect)
			start(p, p->provider->ops->reconnect, on_reconnected);
		else if ((!p->woken || p->mend) && p->provider->ops->ensure_server)
			ensure(p);
		else
			reach(p);
		break;
	case TR_PLACE_GONE:
		tr_place_end(p, TR_PLACE_FAILED, TROUPE_ESANDBOXLOST, NULL);
		break;
	}
}

static void take_item(struct tr_place *p, struct troupe_value value)
{
	struct tr_place_item item = { 0 };

	if (!tr_place_item_read(value, &item))
		return;
	if (strcmp(item.provider, p->provider->name) == 0) {
		tr_place_set(&p->raw_id, item.raw_id);
		tr_place_set(&p->seed, item.seed);
		p->since_ms = item.since_ms;
		p->state = item.raw_id ? TR_PLACE_MADE : TR_PLACE_INTENDED;
		tr_place_set_names(p);
	} else if (item.raw_id) { /* another provider's, to destroy: we go on without */
		tr_debts_hand_over(p->all->debts, p->actor, NULL, value);
	}
	tr_place_item_fini(&item);
}

static void on_item(struct troupe_actor *a, void *arg, int rc, struct troupe_value value)
{
	struct tr_place *p = tr_place_own(arg, tr_actor_num(a));

	if (!p || !p->actor || !p->busy || p->read)
		return; /* who wanted to know has left, or has been told */
	if (rc < 0 && rc != TROUPE_ENOTFOUND) {
		tr_place_end(p, TR_PLACE_FAILED, rc, NULL);
		return;
	}
	p->read = true;
	p->state = TR_PLACE_NONE;
	if (rc == 0)
		take_item(p, value);
	step(p);
}

void tr_place_begin(struct tr_place *p)
{
	p->busy = true;
	if (p->read) {
		step(p);
		return;
	}
	tr_actor_get(p->actor, NULL, tr_place_item_key, on_item, p->all); /* may never come, so it holds no place */
}
