/* SPDX-License-Identifier: Apache-2.0 */
/* Single items of a session, read back, whether it is open or not. */
#include "runtime/sandbox/session/read.h"

#include <string.h>

#include "runtime/sandbox/items.h"
#include "runtime/sandbox/session/tell.h"
#include "runtime/sandbox/session/turn.h"

void tr_store_read_seqs(struct troupe_value list, size_t count, int64_t seqs[TR_INDEX_BLOCK])
{
	struct tr_cursor c = tr_cursor(list);
	struct tr_item item;
	size_t known = 0;

	if (list.size > 0 && tr_next(&c, &item) == 0 && item.kind == TR_ARRAY && item.count <= count)
		known = item.count;
	for (size_t i = 0; i < count; i++)
		seqs[i] = i >= count - known && tr_next(&c, &item) == 0 && item.kind == TR_INT ? item.integer : TR_SEQ_UNKNOWN;
}

uint64_t tr_store_read_at(struct troupe_value v, int64_t seqs[TR_INDEX_BLOCK])
{
	uint64_t newest = (uint64_t)tr_item_number(v, "eventIndex");
	struct troupe_value list = { 0 };

	tr_value_member(v, "seqs", &list);
	tr_store_read_seqs(list, newest % TR_INDEX_BLOCK, seqs);
	return newest;
}

void tr_store_read_packed(struct troupe_value v, const char *name, struct tr_bytes *into)
{
	struct troupe_value member;
	struct tr_cursor c;
	struct tr_item head;

	if (!tr_value_member(v, name, &member))
		return;
	c = tr_cursor(member);
	if (tr_next(&c, &head) == 0 && head.kind != TR_NIL)
		tr_bytes_put(into, member.data, member.size);
}

bool tr_store_read_expired(struct troupe_value v)
{
	char reply[16];

	tr_item_text(v, "reply", reply, sizeof reply);
	return strcmp(reply, "expired") == 0;
}

bool tr_store_read_done(struct troupe_value v, struct tr_prompt *ret)
{
	ret->state = (enum tr_prompt_state)tr_item_number(v, "state");
	ret->error = (int)tr_item_number(v, "error");
	ret->message = tr_item_new_text(v, "message");
	tr_store_read_packed(v, "metadata", &ret->metadata);
	tr_item_text(v, "stopReason", ret->stop_reason, sizeof ret->stop_reason);
	return ret->state > TR_RUNNING;
}
