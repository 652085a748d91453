/* SPDX-License-Identifier: Apache-2.0 */
/* Gateway addressing (spec/rivetkit-client.md 4): from the path and query of a request to the actor that it is for, and to
 * what it wants of it. Pure. */
#ifndef TR_GATE_ADDRESS_H
#define TR_GATE_ADDRESS_H

#include "runtime/core/core.h"

struct tr_target {
	bool by_key;                   /* name and key; else id */
	bool create;                   /* rvt-method=getOrCreate */
	bool has_token;
	bool observes;                 /* the token that was shown is the observers' */
	struct tr_bytes id, name, key; /* decoded; key is canonical */
	struct tr_bytes namespace;     /* checked. By id: size 0, any */
	struct tr_bytes input;         /* packed; size 0: none */
	struct tr_bytes token;         /* from @token or rvt-token */
	struct tr_bytes query;         /* what the actor may see of the query: all but rvt-..., to the byte */
	struct troupe_text path;       /* behind the prefix, still encoded: "" or begins with "/". Lies in what was parsed */
};

#define TR_TARGET_NONE 1 /* this is no gateway path */

/* path and query as they came (query.data NULL: none). 0; TR_TARGET_NONE; or a negative TROUPE_E with *why, a static sentence
 * (NULL: the list's). *ret is to be given to tr_target_fini in any case; it may be zero-initialised only. */
int tr_target_parse(struct tr_target *ret, struct troupe_text path, struct troupe_text query, const char **why);
/* Addressed by header or subprotocol (4.3): the id as it came, percent-encoded; all of the query is the actor's. 0 or
 * TROUPE_ENOTFOUND. */
int tr_target_by_id(struct tr_target *ret, struct troupe_text id, struct troupe_text path, struct troupe_text query);
void tr_target_fini(struct tr_target *t);

/* Lends from the target. */
struct tr_address tr_target_address(const struct tr_target *t);

/* What an actor path asks for (4.5). */
enum tr_wish {
	TR_WISH_NOTHING,
	TR_WISH_ACTION,    /* /action/{name}: the decoded name is appended to `name` */
	TR_WISH_QUEUE,     /* /queue/{name}: as well */
	TR_WISH_REQUEST,   /* /request and /request/... */
	TR_WISH_HEALTH,    /* /health */
	TR_WISH_METADATA,  /* /metadata */
	TR_WISH_CONNECT,   /* /connect */
	TR_WISH_WEBSOCKET  /* /websocket and /websocket/... */
};
enum tr_wish tr_wish_of(struct troupe_text path, struct tr_bytes *name);

#endif
