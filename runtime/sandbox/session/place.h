/* SPDX-License-Identifier: Apache-2.0 */
/* Which sandbox a session works in, and where it is: what its place (../place.h) knows, and what its news
 * mean. */
#ifndef TR_SESSION_PLACE_H
#define TR_SESSION_PLACE_H

#include "runtime/sandbox/place.h"

struct tr_place_use {
	struct tr_place_user user;
	char                *url, *token; /* of its sandbox as last found; url NULL: not yet in this life */
	char                *where;       /* the sandbox's identity when we were last there; NULL: nowhere yet */
	bool                 asked_token; /* the provider, since the sandbox refused ours */
	void               (*then)(struct troupe_session *s);
};

/* In wake: which sandbox these options mean. 0, or why not, refused with a sentence. */
int  tr_session_place(struct troupe_session *s, const struct troupe_session_options *o);
void tr_place_use_fini(struct troupe_session *s);
/* From the loop: finds it, then `then`: url and token are good. mend: it was found, and does not answer.
 * When it cannot be found that is noted as a verdict. */
void tr_place_look(struct troupe_session *s, bool mend, void (*then)(struct troupe_session *s));
void tr_place_look_stop(struct troupe_session *s);
bool tr_place_known(const struct troupe_session *s);
void tr_place_given_up(struct troupe_session *s); /* where it was is nowhere any more */
/* The sandbox refused our token: is it to be asked for anew? Once, until tr_place_well. */
bool tr_place_other_token(struct troupe_session *s);
void tr_place_well(struct troupe_session *s);     /* the sandbox takes the token */

#endif
