/* SPDX-License-Identifier: Apache-2.0 */
/* What control.c lets run once the body of a request to /actors is there (exchange.h: run). */
#ifndef TR_GATE_CONTROL_H
#define TR_GATE_CONTROL_H

#include "runtime/gate/exchange.h"

/* GET /actors: by id, by key, or a page of all (spec/rivetkit-client.md 3.3, 3.4). */
void tr_control_find(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body);
/* PUT and POST /actors: get or create, create (3.5, 3.6). */
void tr_control_create(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body);

#endif
