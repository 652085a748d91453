/* SPDX-License-Identifier: Apache-2.0 */
/* An actor's row as JSON: one, several as a page, and what the server says of itself (spec/rivetkit-client.md 3). */
#include "runtime/gate/rows.h"

#include "proto/json.h"

static void put_member(struct tr_bytes *json, const char *before, const char *text)
{
	tr_bytes_put_text(json, before);
	tr_json_put_string(json, tr_text_from(text));
}

void tr_put_row(struct tr_bytes *json, const struct tr_actor_row *row)
{
	put_member(json, "{\"actor_id\":", row->id);
	put_member(json, ",\"name\":", row->name);
	put_member(json, ",\"key\":", row->key);
	tr_bytes_printf(json, ",\"create_ts\":%lld,\"destroy_ts\":null}", (long long)row->created_ms);
}

void tr_put_metadata(struct tr_bytes *json, const struct tr_gate *gate, const struct tr_actor_row *row)
{
	put_member(json, "{\"runtime\":\"troupe\",\"version\":", gate->o.version);
	tr_bytes_printf(json, ",\"messageSize\":%zu", tr_core_message_size(gate->o.core));
	if (row) {
		tr_bytes_put_text(json, ",\"actor\":");
		tr_put_row(json, row);
	}
	tr_bytes_put_byte(json, '}');
}

bool tr_row_missing(const struct tr_failure *failure)
{
	return failure && (failure->error == TROUPE_ENOTFOUND || failure->error == TROUPE_EKIND);
}

void tr_rows_gather(struct tr_exchange *x, const struct tr_actor_row *row)
{
	tr_bytes_put_text(&x->out, x->rows++ ? "," : "{\"actors\":[");
	tr_put_row(&x->out, row);
	x->cursor = row->num;
}

void tr_rows_answer(struct tr_exchange *x)
{
	if (!x->rows)
		tr_bytes_put_text(&x->out, "{\"actors\":[");
	tr_bytes_put_text(&x->out, "],\"pagination\":{\"cursor\":");
	if (x->limit && x->rows == x->limit)
		tr_bytes_printf(&x->out, "\"%llu\"}}", (unsigned long long)x->cursor);
	else
		tr_bytes_put_text(&x->out, "null}}");
	tr_exchange_json(x, 200, &x->out);
}
