/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sandbox/place_item.h"

#include <stdlib.h>

#include "runtime/sandbox/items.h"

void tr_place_item_put(struct tr_bytes *out, const struct tr_place_item *item)
{
	tr_put_map(out, 5);
	tr_item_put_text(out, "provider", item->provider);
	tr_item_put_text(out, "rawId", item->raw_id);
	tr_item_put_text(out, "seed", item->seed);
	tr_item_put_text(out, "options", item->options);
	tr_item_put_number(out, "since", item->since_ms);
}

bool tr_place_item_read(struct troupe_value v, struct tr_place_item *ret)
{
	*ret = (struct tr_place_item){
		.provider = tr_item_new_text(v, "provider"), .raw_id = tr_item_new_text(v, "rawId"),
		.seed = tr_item_new_text(v, "seed"), .options = tr_item_new_text(v, "options"),
		.since_ms = tr_item_number(v, "since"),
	};
	if (ret->provider)
		return true;
	tr_place_item_fini(ret);
	return false;
}

void tr_place_item_fini(struct tr_place_item *item)
{
	free(item->provider);
	free(item->raw_id);
	free(item->seed);
	free(item->options);
}
