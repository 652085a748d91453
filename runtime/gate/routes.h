/* SPDX-License-Identifier: Apache-2.0 */
/* Where requests go: tr_route looks at the head and hands it to one of the others. Each answers, or sets the exchange's run
 * and what goes with it (exchange.h). */
#ifndef TR_GATE_ROUTES_H
#define TR_GATE_ROUTES_H

#include "runtime/gate/exchange.h"

void tr_route(struct tr_exchange *x, const struct tr_http_head *head);
/* /actors and below; false: this is none of it. */
bool tr_route_control(struct tr_exchange *x, const struct tr_http_head *head);
/* To one actor; x->target is filled in. */
void tr_route_gateway(struct tr_exchange *x, const struct tr_http_head *head);
/* A head that wants to upgrade to a WebSocket. */
void tr_route_upgrade(struct tr_exchange *x, const struct tr_http_head *head);

#endif
