/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a place, from below to above:
 *
 *	place_users.c   its memory, its users and what they are told, its item, its turns
 *	place_steps.c   from asking to an end:
 *	                item -> [create -> made] -> [reconnect ->] [ensure_server ->] reach -> found
 *	place.c         what the others use (place.h)
 *
 * Who may be gone when:
 *
 *	A user may leave whenever it is told something, and may take other users of the place with it.
 *	tr_place_tell and tr_place_end keep the place until all have been told; whoever calls tr_place_tell asks it
 *	whether to go on.
 *
 *	A place outlives its users while something of it is under way (errand, pending): a sandbox that is being made
 *	must be recorded, or destroyed, whatever became of the actor. Users that come meanwhile are another *visit*:
 *	what waits for a commit on behalf of the one before does not go on for them, it only keeps its books. */
#ifndef TR_SANDBOX_PLACE_INSIDE_H
#define TR_SANDBOX_PLACE_INSIDE_H

#include "runtime/sandbox/place.h"

enum tr_place_state { TR_PLACE_NONE, TR_PLACE_INTENDED, TR_PLACE_MADE, TR_PLACE_GONE };

struct tr_places {
	struct tr_list   list;
	struct tr_debts *debts;
};

struct tr_place {
	struct tr_list       link, users;
	struct tr_places    *all;
	struct troupe_actor *actor;    /* NULL: all have left */
	unsigned             visit;    /* how often all have left */
	uint64_t             num;      /* the actor's */
	struct tr_provider  *provider;
	char                *raw_id, *seed, *url, *token, *cwd, *given_token, *shown, *options;
	char                 name[TR_PLACE_NAME_MAX], identity[TR_PLACE_NAME_MAX];
	bool                 given, ask;
	enum tr_place_state  state;
	int64_t              since_ms;
	bool                 read;     /* the item */
	bool                 busy;     /* on its way to an end */
	bool                 mend;
	bool                 woken;    /* reconnected in this life of the actor */
	bool                 held;     /* it keeps the actor awake */
	bool                 untried;  /* intended, and its provider was not asked yet with this seed */
	unsigned             pending;  /* commits that it waits for */
	unsigned             telling;  /* callbacks of users are running */
	struct tr_errand    *errand;
};

/* ---- place_users.c */

struct tr_place *tr_place_new(struct tr_places *all, uint64_t num, const struct tr_place_options *o);
/* The actor's own place; given ones are not shared, they cost nothing. NULL: it has none now. */
struct tr_place *tr_place_own(struct tr_places *all, uint64_t num);
void tr_place_free(struct tr_place *p);
/* If nobody is here, and nothing is under way. */
void tr_place_free_if_idle(struct tr_place *p);
void tr_place_set(char **text, const char *value); /* copies; NULL: none */
void tr_place_set_names(struct tr_place *p);

struct tr_place_user *tr_place_first_waiting(struct tr_place *p);
/* News on the way, to all who wait. False: all have left meanwhile, and it does not go on. */
bool tr_place_tell(struct tr_place *p, enum tr_place_news news);
/* The end of what was asked. Whoever asks anew in its callback begins anew. p may be gone then. */
void tr_place_end(struct tr_place *p, enum tr_place_news news, int error, const char *words);

extern const struct troupe_text tr_place_item_key;
void tr_place_put_item(const struct tr_place *p, const char *raw_id, struct tr_bytes *into);
void tr_place_save(struct tr_place *p); /* in a turn */
/* False: all have left in it; p may be gone. */
bool tr_place_turn(struct tr_place *p, void (*run)(struct tr_place *p));
void tr_place_hold(struct tr_place *p, bool on); /* in a turn: the actor stays awake */
/* In a turn: from the loop, once it is durable (rc 0) or has failed. raw_id: as it is now. here: the users
 * are still those that were here. p is freed behind it if it is idle. */
void tr_place_after(struct tr_place *p,
                    void (*then)(struct tr_place *p, const char *raw_id, int rc, bool here));

/* ---- place_steps.c */

/* Goes through the steps to an end, perhaps at once; p may be gone then. */
void tr_place_begin(struct tr_place *p);

#endif
