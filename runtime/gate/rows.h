/* SPDX-License-Identifier: Apache-2.0 */
/* An actor's row as JSON: one, several as a page, and what the server says of itself (spec/rivetkit-client.md 3). */
#ifndef TR_GATE_ROWS_H
#define TR_GATE_ROWS_H

#include "runtime/gate/exchange.h"

/* One actor as the control routes show it (3.2). */
void tr_put_row(struct tr_bytes *json, const struct tr_actor_row *row);
/* {"runtime":"troupe","version":...}, with the actor's row when there is one. */
void tr_put_metadata(struct tr_bytes *json, const struct tr_gate *gate, const struct tr_actor_row *row);

/* Nobody there is an empty list, and no fault of deleting, not an error (3.3, 3.7). */
bool tr_row_missing(const struct tr_failure *failure);

/* A page, gathered in the exchange row by row, then answered; without a row it is an empty list. A full page says where the
 * next begins. */
void tr_rows_gather(struct tr_exchange *x, const struct tr_actor_row *row);
void tr_rows_answer(struct tr_exchange *x);

#endif
