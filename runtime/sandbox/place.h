/* SPDX-License-Identifier: Apache-2.0 */
/* Where an actor's sandbox is: found or made by a provider, remembered durably, asked for again when the way
 * to it breaks.
 *
 *	none --> intended --> made --> (lost) --> none, or it waits to be told
 *	           |
 *	           `-- we died here: whether one was made cannot be known. It is said, and another is made
 *
 * One actor has one place, however many sessions it opens. What was made for it is the item TR_OWED
 * "sandbox", written in the commit before it is used; so it is known to whoever pays what destroyed actors
 * owe (debts.c). A place that was given (a URL, the server's own sandbox, a sandbox's id) is nothing to
 * remember: it is given again at the next wake. */
#ifndef TR_SANDBOX_PLACE_H
#define TR_SANDBOX_PLACE_H

#include "runtime/base/limits.h"
#include "runtime/core/actor.h"
#include "runtime/sandbox/provider/provider.h"

struct tr_place;
struct tr_places; /* all of a worker */
struct tr_debts;

enum tr_place_news {
	TR_PLACE_CREATING, /* a sandbox is being made; goes on */
	TR_PLACE_STARTING, /* the provider brings it up; goes on */
	TR_PLACE_LOST,     /* it is no more; goes on, or FAILED with TROUPE_ESANDBOXLOST follows */
	TR_PLACE_FOUND,    /* the end: url and so on are there */
	TR_PLACE_FAILED    /* the end: error and words say why. TROUPE_EPROVIDER: another try may go well */
};

/* Embedded in whoever wants to know; who joined must leave. */
struct tr_place_user {
	struct tr_list   link;
	struct tr_place *place;
	bool             waits, rests, due; /* the place's; waits may be taken back by its user */
	/* From the loop, or in a turn of the actor. Whoever hears it may leave, and others of the place with it. */
	void           (*on_news)(struct tr_place_user *u, enum tr_place_news news, int error, const char *words);
};

struct tr_place_options {
	struct tr_provider *provider;
	const char *raw_id;   /* of one that is given; NULL: the actor's own, made when there is none */
	const char *token;    /* for one that is given, when its provider knows none */
	const char *shown;    /* what it is called; NULL: PROVIDER/RAW */
	const char *options;  /* the provider's, JSON, when they are the actor's own: whoever destroys it must know them. NULL: none */
	bool        ask;      /* when it is lost: wait for tr_place_renew. Else another is made */
};

/* debts: pays for what is given up; lent for its life. */
struct tr_places *tr_places_new(struct tr_debts *debts);
/* All have left. Takes NULL, returns NULL. */
struct tr_places *tr_places_free(struct tr_places *all);

/* An actor's place has the options of its first user. */
void tr_place_join(struct tr_places *all, struct tr_place_user *u, struct troupe_actor *a, const struct tr_place_options *o);
void tr_place_leave(struct tr_place_user *u);
/* In the turn in which an actor goes to sleep, before its user leaves: when the last one has left so, and
 * that is durable, a sandbox that was made for the actor is paused if its provider can do that; the next
 * find brings it back. That it is paused is not recorded: whoever finds it reconnects in any case, and one
 * that was not paused, because we died or it failed, goes on. */
void tr_place_rest(struct tr_place_user *u);

/* News follow, perhaps at once. mend: what was found before does not answer; its server is started if it can
 * be, and its URL is asked for again. */
void tr_place_find(struct tr_place_user *u, bool mend);
/* In a turn: what there is is given up, and destroyed in the background when it is the actor's own; the next
 * find makes another. TROUPE_EINVAL: it was given, there is nothing to make. */
int  tr_place_renew(struct tr_place_user *u);

/* Lent until the next news. */
const char *tr_place_url(const struct tr_place_user *u);   /* without a slash at its end */
const char *tr_place_token(const struct tr_place_user *u); /* NULL: none */
const char *tr_place_cwd(const struct tr_place_user *u);   /* NULL: the provider does not care */
const char *tr_place_name(const struct tr_place_user *u);  /* for people */
/* Which one this is: what has another identity is another sandbox. Its URL may change, this does not. */
const char *tr_place_identity(const struct tr_place_user *u);
enum tr_http_reach tr_place_reach(const struct tr_place_user *u);
/* For what must be paid there one day: provider, and raw id (NULL: not known yet). made: it goes with the
 * actor as a whole. */
struct tr_place_where { const char *provider, *raw_id, *token, *options; bool made; };
struct tr_place_where tr_place_where(const struct tr_place_user *u);

#endif
