/* SPDX-License-Identifier: Apache-2.0 */
/* GET /actors: who is there (spec/rivetkit-client.md 3.3). */
#include <string.h>

#include "proto/key.h"
#include "runtime/gate/control.h"
#include "runtime/gate/rows.h"
#include "runtime/gate/text.h"

static const struct tr_key_limits key_limits = { TR_KEY_PART_BYTES_MAX, TR_KEY_BYTES_MAX };

struct query { struct tr_bytes name, key, ids, limit, cursor; };

static void query_fini(struct query *q)
{
	tr_bytes_free(&q->name);
	tr_bytes_free(&q->key);
	tr_bytes_free(&q->ids);
	tr_bytes_free(&q->limit);
	tr_bytes_free(&q->cursor);
}

/* Parameters that are not known are passed over; the last of a name counts, but ids add up. */
static void query_parse(struct query *q, struct troupe_text query)
{
	struct troupe_text value, name;

	while (tr_text_split(&query, '&', &value)) {
		struct tr_bytes *into;

		tr_text_split(&value, '=', &name);
		into = tr_text_is(name, "name") ? &q->name :
		       tr_text_is(name, "key") ? &q->key :
		       tr_text_is(name, "limit") ? &q->limit :
		       tr_text_is(name, "cursor") ? &q->cursor :
		       tr_text_is(name, "actor_ids") || tr_text_is(name, "actor_id") ? &q->ids : NULL;
		if (!into)
			continue;
		if (into != &q->ids)
			tr_bytes_clear(into);
		else if (into->size)
			tr_bytes_put_byte(into, ',');
		tr_text_percent_decode(into, value, true);
	}
}

/* A plain decimal number. Without one: what *ret was. */
static bool read_number(const struct tr_bytes *text, uint64_t *ret)
{
	uint64_t n = 0;

	if (!text->size)
		return true;
	for (size_t i = 0; i < text->size; i++) {
		unsigned digit = (unsigned)text->data[i] - '0';

		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*ret = n;
	return true;
}

/* One answer of several (by id) or of one (by key). A row may be missing without harm. */
static void on_found(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	struct tr_exchange *x = arg;

	(void)created;
	if (!tr_exchange_paid(x))
		return;
	if (failure && !tr_row_missing(failure))
		x->error = failure->error;
	else if (!failure)
		tr_rows_gather(x, row);
	if (x->owed)
		return;
	if (x->error)
		tr_exchange_fail(x, x->error, NULL);
	else
		tr_rows_answer(x);
}

static void on_listed(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	struct tr_exchange *x = arg;

	(void)created;
	if (row && !failure) {
		if (x->client)
			tr_rows_gather(x, row);
		return;
	}
	if (!tr_exchange_paid(x))
		return;
	if (failure && !tr_row_missing(failure))
		tr_exchange_failure(x, failure);
	else
		tr_rows_answer(x);
}

static void find_by_ids(struct tr_exchange *x, const struct query *q)
{
	struct troupe_text ids = tr_text_of(&q->ids), rest = ids, id;
	struct tr_core *core = x->client->gate->o.core;
	unsigned count = 0;

	while (tr_text_split(&rest, ',', &id))
		count++;
	if (count > TR_HTTP_IDS_MAX || !tr_text_clean(ids)) {
		tr_exchange_fail(x, TROUPE_EINVAL, "actor_ids are more than 32, or not text.");
		return;
	}
	/* The callbacks may come inside; the last of them answers. */
	x->owed = count;
	for (rest = ids; tr_text_split(&rest, ',', &id); )
		tr_core_resolve(core, &(struct tr_address){
			.id        = id,
			.namespace = tr_text_of(&x->target.namespace),
			.name      = tr_text_of(&q->name),
		}, on_found, x);
}

static void find_by_key(struct tr_exchange *x, const struct query *q)
{
	struct tr_bytes key = { 0 };
	int err = q->name.size ? tr_key_from_control(&key, tr_text_of(&q->key), &key_limits) : TROUPE_EINVAL;

	if (err) {
		tr_exchange_fail(x, err, err == TROUPE_EINVAL ? "With a key goes a name, and both are UTF-8." : NULL);
	} else {
		x->owed = 1;
		tr_core_resolve(x->client->gate->o.core, &(struct tr_address){
			.namespace = tr_text_of(&x->target.namespace),
			.name      = tr_text_of(&q->name),
			.key       = tr_text_of(&key),
		}, on_found, x);
	}
	tr_bytes_free(&key);
}

static void list(struct tr_exchange *x, const struct query *q)
{
	uint64_t limit = TR_HTTP_LIST_DEFAULT, after = 0;

	if (!read_number(&q->limit, &limit) || !limit || limit > TR_HTTP_LIST_MAX || !read_number(&q->cursor, &after)) {
		tr_exchange_fail(x, TROUPE_EINVAL, "limit is not a number from 1 to 1000, or cursor is not one of ours.");
		return;
	}
	x->limit = (unsigned)limit;
	x->owed = 1;
	tr_core_list(x->client->gate->o.core, tr_text_of(&x->target.namespace), tr_text_of(&q->name), after, x->limit, on_listed, x);
}

void tr_control_find(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body)
{
	struct query q = { .name = { 0 } };

	(void)body;
	query_parse(&q, head->query);
	if (q.name.size > TR_NAME_BYTES_MAX || !tr_text_clean(tr_text_of(&q.name)))
		tr_exchange_fail(x, TROUPE_EINVAL, "name is longer than 128 bytes, or not UTF-8.");
	else if (q.ids.size)
		find_by_ids(x, &q);
	else if (q.key.size)
		find_by_key(x, &q);
	else
		list(x, &q);
	query_fini(&q);
}
