/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of what has been: an actor's sessions, a session's events (ports.h says what each answers). */
#ifndef TR_SESSION_LIST_H
#define TR_SESSION_LIST_H

#include "runtime/base/limits.h"
#include "runtime/troupe.h"

int tr_list_sessions(struct troupe_call *call, const char *cursor, uint32_t limit);
int tr_list_events(struct troupe_call *call, const char *session_id, uint64_t after, uint32_t limit);
int tr_list_missing(struct troupe_call *call, const char *session_id);
int tr_list_transcript(struct troupe_call *call, const char *session_id);
size_t tr_list_envelope_key(struct troupe_value event, char into[TR_ITEM_KEY_MAX]);

#endif
