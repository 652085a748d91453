/* SPDX-License-Identifier: Apache-2.0 */
/* What an envelope means. */
#ifndef TR_SESSION_TAKE_H
#define TR_SESSION_TAKE_H

#include "runtime/sandbox/wire/sse.h"
#include "runtime/troupe.h"

/* In a turn: one event of the stream. */
void tr_take(struct troupe_session *s, const struct tr_sse_event *event);

#endif
