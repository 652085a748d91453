/* SPDX-License-Identifier: Apache-2.0 */
/* A request as the actor may see it: its own part of path and query, and the headers without what is between hops, or between
 * the client and us. */
#ifndef TR_GATE_ASKED_H
#define TR_GATE_ASKED_H

#include "runtime/gate/exchange.h"

struct tr_asked {
	struct troupe_request request; /* lends from what follows */
	struct troupe_header  headers[TR_HTTP_HEADERS_MAX];
	struct tr_bytes       texts, path, url;
};

/* x knows its target and what is wanted there. The body is lent, and *ret must stay where it is. */
void tr_asked_init(struct tr_asked *ret, const struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body);
void tr_asked_fini(struct tr_asked *a);

/* Headers that neither an actor nor its client gets from the other. */
bool tr_header_is_ours(struct troupe_text name);

#endif
