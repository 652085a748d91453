/* SPDX-License-Identifier: Apache-2.0 */
/* The durable items of a session, read back. */
#ifndef TR_SESSION_LOAD_H
#define TR_SESSION_LOAD_H

#include "runtime/troupe.h"

/* Reads the items; then comes in a turn, perhaps at once. rc: 0 or TROUPE_ESTORE. */
void tr_session_load(struct troupe_session *s, void (*then)(struct troupe_session *s, int rc));

#endif
