/* SPDX-License-Identifier: Apache-2.0 */
/* How long a refused client is held before it hears so (spec/rivetkit-client.md 9.4): React's
 * hook connects again at once after a refusal, for ever. The delay doubles for an address that
 * keeps coming back to the same actor, and is forgotten after a quiet while. */
#ifndef TR_GATE_REFUSALS_H
#define TR_GATE_REFUSALS_H

#include <stdint.h>

#include "proto/troupe_record.h"

struct tr_refusals;

struct tr_refusals *tr_refusals_new(void);
struct tr_refusals *tr_refusals_free(struct tr_refusals *r); /* takes NULL, returns NULL */

/* Who a peer is here: its IPv4 address, or the first 64 bits of its IPv6 address (one subscriber
 * has them all). Text that is no address is an identity of its own, the same for all such. */
struct tr_refusal_key { uint64_t id; };
struct tr_refusal_key tr_refusal_key(const struct tr_refusals *r, struct troupe_text address);
/* The same, narrowed to a part of what it came for: who is refused here is no less welcome there. */
struct tr_refusal_key tr_refusal_key_for(struct tr_refusal_key who, struct troupe_text part);

/* Counts a refusal and says how many milliseconds to hold it: TR_REFUSAL_DELAY_MS at first,
 * doubling up to TR_REFUSAL_DELAY_MAX_MS with each one that comes after the last was told. Those
 * that come while one is being held share its delay: a page may well have ten connections. */
int tr_refusals_delay(struct tr_refusals *r, struct tr_refusal_key who, int64_t now_ms);

#endif
