/* SPDX-License-Identifier: Apache-2.0 */
/* Which sandbox a session works in, and what its provider's news mean for the link. */
#include "runtime/sandbox/session/place.h"

#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/text.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/sweep.h"
#include "runtime/sandbox/session/tell.h"

/* ------------------------------------------------------------------ which */

static bool token_valid(const char *token)
{
	for (const char *c = token; c && *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	}
	return true;
}

/* A server that runs somewhere. */
static int given_url(struct troupe_session *s, const struct troupe_session_options *o, struct tr_place_options *p)
{
	if (o->provider && strcmp(o->provider, "url") != 0)
		return troupe_refuse(s->actor, TROUPE_EINVAL, "baseUrl and provider \"%s\" exclude one another", o->provider);
	if (!tr_http_url_valid(o->base_url) || !token_valid(o->token))
		return TROUPE_EINVAL;
	p->provider = tr_sandbox_provider(s->sandbox, "url", NULL);
	p->raw_id = o->base_url;
	p->token = o->token;
	p->shown = o->sandbox_id ? o->sandbox_id : "sandbox";
	return 0;
}

/* The server's own. */
static int given_own(struct troupe_session *s, const struct troupe_session_options *o, struct tr_place_options *p)
{
	const char *name;

	if (!tr_sandbox_own(s->sandbox, &p->raw_id, &name))
		return troupe_refuse(s->actor, TROUPE_ESANDBOX, "This server has no sandbox of its own (--sandbox none).");
	p->provider = tr_sandbox_provider(s->sandbox, "shared", NULL);
	p->shown = o->sandbox_id ? o->sandbox_id : name;
	return 0;
}

/* The actor's own options as JSON, NULL for none; false: they are no object, or too large. */
static bool options_text(struct troupe_value v, struct tr_bytes *into, const char **ret)
{
	*ret = NULL;
	if (v.size == 0)
		return true;
	if (tr_json_encode(into, v, TR_JSON_PLAIN) < 0 || into->data[0] != '{' || into->size > TR_PROVIDER_OPTIONS_BYTES_MAX)
		return false;
	*ret = tr_bytes_text(into);
	return true;
}

static int by_provider(struct troupe_session *s, const struct troupe_session_options *o, const char *name,
                       struct tr_bytes *options, struct tr_place_options *p)
{
	char prefix[TR_PROVIDER_NAME_MAX];

	if (!options_text(o->provider_options, options, &p->options))
		return troupe_refuse(s->actor, TROUPE_EINVAL, "providerOptions: must be an object of at most %d bytes",
		                     TR_PROVIDER_OPTIONS_BYTES_MAX);
	p->provider = tr_sandbox_provider(s->sandbox, name, p->options);
	p->ask = o->ask_when_lost;
	if (!p->provider || !p->provider->ops->create)
		return troupe_refuse(s->actor, TROUPE_EINVAL, "provider: \"%s\" makes no sandboxes here", name);
	if (!o->sandbox_id)
		return 0;
	if (!o->provider)
		return troupe_refuse(s->actor, TROUPE_EINVAL, "sandboxId: this server makes a sandbox for each; to use one that"
		                     " exists, name its provider as well");
	if (!tr_sandbox_id_split(o->sandbox_id, prefix, &p->raw_id) || strcmp(prefix, name) != 0)
		return troupe_refuse(s->actor, TROUPE_EINVAL, "sandboxId: must be %s/ID, is \"%s\"", name, o->sandbox_id);
	return 0;
}

int tr_session_place(struct troupe_session *s, const struct troupe_session_options *o)
{
	const char *name = o->provider ? o->provider : tr_sandbox_offers(s->sandbox, 0);
	struct tr_place_options p = { 0 };
	struct tr_bytes options = { 0 };
	int rc;

	if (name && strcmp(name, "url") == 0 && !o->base_url)
		name = o->provider; /* offered, and not chosen */
	if (!name && o->alone && !o->base_url && tr_sandbox_own_is_local(s->sandbox))
		name = "local";
	if (o->base_url)
		rc = given_url(s, o, &p);
	else if (name && strcmp(name, "shared") != 0)
		rc = by_provider(s, o, name, &options, &p);
	else
		rc = given_own(s, o, &p);
	if (rc == 0)
		tr_place_join(tr_sandbox_places(s->sandbox), &s->place.user, s->actor, &p);
	tr_bytes_free(&options);
	return rc;
}

/* ------------------------------------------------------------------ news */

struct news { const char *state; int error; const char *words; };

static void state_turn(struct troupe_session *s, void *arg)
{
	const struct news *n = arg;

	tr_session_state(s, n->state, n->error, n->words);
}

/* One that was ready when we went to sleep is ready still until we learn otherwise. */
static void starting_turn(struct troupe_session *s, void *arg)
{
	(void)arg;
	if (strcmp(s->tell.state, "ready") != 0 || !s->instance.bound)
		tr_session_state(s, "starting", 0, NULL);
}

/* Process numbers mean nothing in another sandbox. */
static void moved_turn(struct troupe_session *s, void *arg)
{
	(void)arg;
	tr_family_forget(s);
	s->dirty.main = true;
}

static void found(struct troupe_session *s)
{
	const char *identity = tr_place_identity(&s->place.user), *token = tr_place_token(&s->place.user);
	bool moved = s->place.where && strcmp(s->place.where, identity) != 0;

	if (s->place.asked_token && tr_same_string(token, s->place.token) && !moved) {
		s->place.asked_token = false;
		tr_session_verdict(s, TR_GIVE_UP, TROUPE_ETOKEN, NULL, NULL);
		return;
	}
	free(s->place.url);
	free(s->place.token);
	s->place.url = tr_strdup(tr_place_url(&s->place.user));
	s->place.token = tr_strdup(token);
	if (!s->place.where || moved) {
		free(s->place.where);
		s->place.where = tr_strdup(identity);
	}
	if (!moved || tr_session_turn(s, moved_turn, NULL))
		s->place.then(s);
}

static void on_news(struct tr_place_user *u, enum tr_place_news what, int error, const char *words)
{
	struct troupe_session *s = tr_container(u, struct troupe_session, place.user);
	struct news news = { what == TR_PLACE_CREATING ? "creating" : "lost", error, words };

	switch (what) {
	case TR_PLACE_LOST:
		news.error = TROUPE_ESANDBOXLOST;
		tr_session_turn(s, state_turn, &news);
		break;
	case TR_PLACE_CREATING:
		tr_session_turn(s, state_turn, &news);
		break;
	case TR_PLACE_STARTING:
		tr_session_turn(s, starting_turn, NULL);
		break;
	case TR_PLACE_FOUND:
		found(s);
		break;
	case TR_PLACE_FAILED:
		if (error == TROUPE_EPROVIDER)
			tr_session_verdict(s, TR_TROUBLE, 0, NULL, words ? words : "the provider failed");
		else
			tr_session_verdict(s, TR_GIVE_UP, error, NULL, words);
		break;
	}
}

void tr_place_look(struct troupe_session *s, bool mend, void (*then)(struct troupe_session *s))
{
	s->place.then = then;
	s->place.user.on_news = on_news;
	tr_place_find(&s->place.user, mend);
}

void tr_place_look_stop(struct troupe_session *s)
{
	s->place.user.waits = false;
}

bool tr_place_known(const struct troupe_session *s)
{
	return s->place.url != NULL;
}

void tr_place_given_up(struct troupe_session *s)
{
	free(s->place.url);
	s->place.url = NULL;
}

bool tr_place_other_token(struct troupe_session *s)
{
	bool first = !s->place.asked_token;

	s->place.asked_token = first;
	return first;
}

void tr_place_well(struct troupe_session *s)
{
	s->place.asked_token = false;
}

void tr_place_use_fini(struct troupe_session *s)
{
	free(s->place.url);
	free(s->place.token);
	free(s->place.where);
}
