/* SPDX-License-Identifier: Apache-2.0 */
/* The terms on which every route takes a request: the method, and the token of a gate that asks for one. */
#ifndef TR_GATE_TERMS_H
#define TR_GATE_TERMS_H

#include "runtime/gate/exchange.h"

/* Answers 405 unless the method is this one; GET: or HEAD, whose answer loses its body further down. */
bool tr_method_fits(struct tr_exchange *x, const struct tr_http_head *head, const char *method);
/* Is this a token that the gate asks for, if it does? data NULL: none was shown. x->target.observes tells whether it is the
 * observers'. Where a token is shown is for each route to say. */
bool tr_token_fits(struct tr_exchange *x, struct troupe_text shown);

#endif
