/* SPDX-License-Identifier: Apache-2.0 */
/* Single items of a session, read back. Pure. */
#ifndef TR_SESSION_READ_H
#define TR_SESSION_READ_H

#include "proto/bytes.h"
#include "runtime/base/limits.h"
#include "runtime/troupe.h"

struct tr_prompt;

/* Where it is: the newest event's index, and the seqs of its block that is not full. */
uint64_t tr_store_read_at(struct troupe_value v, int64_t seqs[TR_INDEX_BLOCK]);
/* A full block; what is missing in front is unknown. */
void tr_store_read_seqs(struct troupe_value list, size_t count, int64_t seqs[TR_INDEX_BLOCK]);
/* An ended permission request: did its agent go away? */
bool tr_store_read_expired(struct troupe_value v);
/* What an ended prompt came to: fills state, error, message, metadata, stop_reason. False: it has not
 * ended. */
bool tr_store_read_done(struct troupe_value v, struct tr_prompt *ret);
/* A member as it stands there; nil and a missing one leave `into` as it is. */
void tr_store_read_packed(struct troupe_value v, const char *name, struct tr_bytes *into);

#endif
