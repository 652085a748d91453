/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from a session's state, at the end of each turn: the only place where it does. */
#ifndef TR_SESSION_SETTLE_H
#define TR_SESSION_SETTLE_H

#include "runtime/troupe.h"

/* struct troupe_session's `settle`. */
void tr_settle(struct troupe_session *s);
/* What is promised of each state, asserted. */
void tr_session_check(const struct troupe_session *s);

#endif
