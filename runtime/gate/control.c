/* SPDX-License-Identifier: Apache-2.0 */
/* The control routes: /actors and below (spec/rivetkit-client.md 3). Always JSON. */
#include <stdio.h>
#include <string.h>

#include "proto/json.h"
#include "proto/key.h"
#include "runtime/gate/exchange.h"
#include "runtime/gate/text.h"

#define IDS_MAX       32
#define LIMIT_MAX     1000
#define LIMIT_DEFAULT 100

static const struct tr_key_limits key_limits = { TR_KEY_PART_BYTES_MAX, TR_KEY_BYTES_MAX };

/* ---- rows */

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

static void gather_row(struct tr_exchange *x, const struct tr_actor_row *row)
{
	tr_bytes_put_text(&x->out, x->rows++ ? "," : "{\"actors\":[");
	tr_put_row(&x->out, row);
	x->cursor = row->num;
}

/* Without a row: an empty list. A full page says where the next begins. */
static void answer_rows(struct tr_exchange *x)
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

/* ---- GET /actors */

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

/* Nobody there is an empty list, not an error (3.3). */
static bool is_missing(const struct tr_failure *failure)
{
	return failure && (failure->error == TROUPE_ENOTFOUND || failure->error == TROUPE_EKIND);
}

/* One answer of several (by id) or of one (by key). A row may be missing without harm. */
static void on_found(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	struct tr_exchange *x = arg;

	(void)created;
	if (!tr_exchange_paid(x))
		return;
	if (failure && !is_missing(failure))
		x->error = failure->error;
	else if (!failure)
		gather_row(x, row);
	if (x->owed)
		return;
	if (x->error)
		tr_exchange_fail(x, x->error, NULL);
	else
		answer_rows(x);
}

static void on_listed(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	struct tr_exchange *x = arg;

	(void)created;
	if (row && !failure) {
		if (x->client)
			gather_row(x, row);
		return;
	}
	if (!tr_exchange_paid(x))
		return;
	if (failure && !is_missing(failure))
		tr_exchange_failure(x, failure);
	else
		answer_rows(x);
}

static void find_by_ids(struct tr_exchange *x, const struct query *q)
{
	struct troupe_text ids = tr_text_of(&q->ids), rest = ids, id;
	struct tr_core *core = x->client->gate->o.core;
	unsigned count = 0;

	while (tr_text_split(&rest, ',', &id))
		count++;
	if (count > IDS_MAX || !tr_text_clean(ids)) {
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
	uint64_t limit = LIMIT_DEFAULT, after = 0;

	if (!read_number(&q->limit, &limit) || !limit || limit > LIMIT_MAX || !read_number(&q->cursor, &after)) {
		tr_exchange_fail(x, TROUPE_EINVAL, "limit is not a number from 1 to 1000, or cursor is not one of ours.");
		return;
	}
	x->limit = (unsigned)limit;
	x->owed = 1;
	tr_core_list(x->client->gate->o.core, tr_text_of(&x->target.namespace), tr_text_of(&q->name), after, x->limit, on_listed, x);
}

static void run_get(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body)
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

/* ---- PUT and POST /actors */

/* What such a body says. Lends from the packed body but for key and input. */
struct order { struct troupe_text name; struct tr_bytes key, input; };

/* False: it is there, but no text. Missing or null: data NULL. */
static bool read_text(struct troupe_value body, const char *name, struct troupe_text *ret)
{
	struct troupe_value value;
	struct tr_cursor c;
	struct tr_item item;

	*ret = tr_text(NULL, 0);
	if (!tr_value_member(body, name, &value) || tr_value_text(value, ret))
		return true;
	c = tr_cursor(value);
	return !tr_next(&c, &item) && item.kind == TR_NIL;
}

static int read_input(struct order *o, struct troupe_text input, const char **why)
{
	int err;

	*why = "input is longer than 4 MiB.";
	if (input.size > TR_INPUT_BYTES_MAX)
		return TROUPE_EINVAL;
	err = input.data ? tr_client_decode_input(&o->input, input, false, TR_DEPTH_MAX) : 0;
	*why = err == TROUPE_EBASE64 ? "input is not base64." : err == TROUPE_EINPUT ? "input is not valid CBOR." : NULL;
	return err;
}

static int read_order(struct order *o, struct troupe_value body, const char **why)
{
	struct troupe_text key, input;
	int err;

	*why = "name must be a text of 1 to 128 bytes.";
	if (!read_text(body, "name", &o->name) || !o->name.size || o->name.size > TR_NAME_BYTES_MAX || !tr_text_clean(o->name))
		return TROUPE_EINVAL;
	*why = "key and input must be texts, without U+0000, or be left out.";
	if (!read_text(body, "key", &key) || !read_text(body, "input", &input))
		return TROUPE_EINVAL;
	err = tr_key_from_control(&o->key, key, &key_limits);
	if (err == TROUPE_EKEY)
		*why = NULL;
	return err ? err : read_input(o, input, why);
}

/* more: what stands behind the row. */
static void answer_row(struct tr_exchange *x, const struct tr_failure *failure, const struct tr_actor_row *row, const char *more)
{
	if (!tr_exchange_paid(x))
		return;
	if (failure) {
		tr_exchange_failure(x, failure);
		return;
	}
	tr_bytes_put_text(&x->out, "{\"actor\":");
	tr_put_row(&x->out, row);
	tr_bytes_put_text(&x->out, more);
	tr_exchange_json(x, 200, &x->out);
}

static void on_put(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	answer_row(arg, failure, row, created ? ",\"created\":true}" : ",\"created\":false}");
}

static void on_post(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	(void)created;
	answer_row(arg, failure, row, "}");
}

static void run_create(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body)
{
	struct tr_core *core = x->client->gate->o.core;
	struct order o = { .name = { NULL, 0 } };
	struct tr_bytes packed = { 0 };
	struct tr_address to = { .create = true };
	const char *why;
	char not_json[128];
	int err = tr_json_decode(&packed, body, TR_JSON_PLAIN, TR_DEPTH_MAX, &why);

	if (err) {
		snprintf(not_json, sizeof(not_json), "The body is not JSON: %s", why);
		why = not_json;
		err = TROUPE_EINVAL;
	} else {
		err = read_order(&o, tr_bytes_value(&packed), &why);
	}
	to.namespace = tr_text_of(&x->target.namespace);
	to.name      = o.name;
	to.key       = tr_text_of(&o.key);
	to.input     = tr_bytes_value(&o.input);
	x->owed = !err;
	if (err)
		tr_exchange_fail(x, err, why);
	else if (tr_text_is(head->method, "PUT"))
		tr_core_resolve(core, &to, on_put, x);
	else
		tr_core_create(core, &to, on_post, x);
	tr_bytes_free(&packed);
	tr_bytes_free(&o.key);
	tr_bytes_free(&o.input);
}

/* ---- DELETE /actors/{id}, POST /actors/{id}/sleep */

static void on_done(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	struct tr_exchange *x = arg;

	(void)row;
	(void)created;
	if (!tr_exchange_paid(x))
		return;
	if (failure)
		tr_exchange_failure(x, failure);
	else
		tr_exchange_answer(x, 200, "application/json", "{}", 2);
}

/* 3.7: what is gone may be deleted again. */
static void on_deleted(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	on_done(arg, failure && is_missing(failure) ? NULL : failure, row, created);
}

static void run_delete(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body)
{
	struct tr_address to = tr_target_address(&x->target);

	(void)head;
	(void)body;
	x->owed = 1;
	tr_core_destroy(x->client->gate->o.core, &to, on_deleted, x);
}

static void run_sleep(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body)
{
	struct tr_address to = tr_target_address(&x->target);

	(void)head;
	(void)body;
	x->owed = 1;
	tr_core_sleep(x->client->gate->o.core, &to, on_done, x);
}

/* ---- */

static bool token_fits(struct tr_exchange *x, const struct tr_http_head *head)
{
	struct troupe_text shown = tr_http_header(head, "authorization");

	if (shown.data && tr_text_skip_nocase(&shown, "Bearer "))
		return tr_token_fits(x, tr_text_trim(shown));
	return tr_token_fits(x, tr_http_header(head, "x-rivet-token"));
}

static void route_actors(struct tr_exchange *x, const struct tr_http_head *head)
{
	bool put = tr_text_is(head->method, "PUT") || tr_text_is(head->method, "POST");

	if (!put && !tr_text_is(head->method, "GET") && !tr_text_is(head->method, "HEAD")) {
		tr_exchange_header(x, "Allow", tr_text("GET, HEAD, PUT, POST", 20));
		tr_exchange_fail(x, TROUPE_EMETHOD, NULL);
		return;
	}
	x->body_max = put ? TR_HTTP_CONTROL_BYTES_MAX : TR_HTTP_ASIDE_BYTES_MAX;
	x->run = put ? run_create : run_get;
}

static void route_actor(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text id)
{
	struct troupe_text rest = id;
	bool sleep;

	tr_text_split(&rest, '/', &id);
	sleep = tr_text_is(rest, "sleep");
	if (rest.data && !sleep) {
		tr_exchange_fail(x, TROUPE_EROUTE, NULL);
		return;
	}
	if (!tr_method_fits(x, head, sleep ? "POST" : "DELETE"))
		return;
	if (!tr_target_by_id(&x->target, id, tr_text("", 0), tr_text("", 0))) {
		x->body_max = TR_HTTP_ASIDE_BYTES_MAX;
		x->run = sleep ? run_sleep : run_delete;
	} else if (sleep) {
		tr_exchange_fail(x, TROUPE_ENOTFOUND, NULL);
	} else {
		tr_exchange_answer(x, 200, "application/json", "{}", 2); /* nobody ever had such an id */
	}
}

/* The last parameter of this name counts; without one it is the default namespace. */
static int find_namespace(struct tr_bytes *ret, struct troupe_text query)
{
	struct troupe_text value, name;

	tr_bytes_put_text(ret, TR_NAMESPACE_DEFAULT);
	while (tr_text_split(&query, '&', &value)) {
		tr_text_split(&value, '=', &name);
		if (!tr_text_is(name, "namespace"))
			continue;
		tr_bytes_clear(ret);
		tr_text_percent_decode(ret, value, true);
	}
	return tr_name_plain(tr_text_of(ret), TR_NAME_BYTES_MAX) ? 0 : TROUPE_ENAMESPACE;
}

bool tr_route_control(struct tr_exchange *x, const struct tr_http_head *head)
{
	bool all = tr_text_is(head->path, "/actors");
	struct troupe_text id = head->path;

	if (!all && !tr_text_skip(&id, "/actors/"))
		return false;
	if (!token_fits(x, head))
		tr_exchange_fail(x, TROUPE_EFORBIDDEN, "The token is missing or wrong.");
	else if (x->target.observes && !tr_text_is(head->method, "GET") && !tr_text_is(head->method, "HEAD"))
		tr_exchange_fail(x, TROUPE_EFORBIDDEN, "An observer may only watch.");
	else if (find_namespace(&x->target.namespace, head->query))
		tr_exchange_fail(x, TROUPE_ENAMESPACE, NULL);
	else if (all)
		route_actors(x, head);
	else
		route_actor(x, head, id);
	return true;
}
