/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of a sandbox that was made for an actor: TR_OWED "sandbox" while the actor lives
 * (place.h), and what debts.c pays when it has gone. */
#ifndef TR_SANDBOX_PLACE_ITEM_H
#define TR_SANDBOX_PLACE_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/bytes.h"
#include "proto/troupe_record.h"

struct tr_place_item {
	char   *provider, *raw_id, *seed, *options; /* raw_id NULL: it was about to be made, from this seed */
	int64_t since_ms;
};
void tr_place_item_put(struct tr_bytes *out, const struct tr_place_item *item);
bool tr_place_item_read(struct troupe_value v, struct tr_place_item *ret); /* false: it is none */
void tr_place_item_fini(struct tr_place_item *item);

#endif
