/* SPDX-License-Identifier: Apache-2.0 */
/* One event of the log over plain HTTP, whole: also one that is too large for any message, and then its envelope, which lies
 * beside the log (spec/sandbox-agent.md F38). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "runtime/base/limits.h"
#include "runtime/base/mem.h"
#include "runtime/core/live.h"

struct entry {
	struct troupe_call *call;
	uint64_t            seq;
	char               *name;
	struct troupe_value data;
};

/* ------------------------------------------------------------------ the answer */

/* NULL: it was not asked plainly, or has its answer. */
static const struct troupe_request *asked(const struct troupe_call *c)
{
	return c->caller.ops->request ? c->caller.ops->request(c) : NULL;
}

/* "bytes=A-B" or "bytes=A-", the only forms that are taken; anything else asks for all. */
static bool wanted_range(const struct troupe_call *c, size_t size, size_t *first, size_t *end)
{
	const struct troupe_request *rq = asked(c);
	const char *text = rq ? troupe_request_header(rq, "range") : NULL;
	unsigned long long from, to;
	int used = 0;

	*first = 0;
	*end = size;
	if (!text || sscanf(text, "bytes=%llu-%n", &from, &used) != 1 || used == 0)
		return false;
	if (text[used] && (sscanf(text + used, "%llu%n", &to, &used) != 1 || to < from))
		return false;
	*first = from < size ? (size_t)from : size;
	if (text[strlen(text) - 1] != '-' && to < size)
		*end = (size_t)to + 1;
	return true;
}

static int respond_json(struct troupe_call *c, const struct tr_bytes *json)
{
	size_t first, end;
	bool part = wanted_range(c, json->size, &first, &end);
	char range[80];
	struct troupe_header headers[] = {
		{ "content-type", "application/json" }, { "accept-ranges", "bytes" }, { "content-range", range },
	};

	if (part && first == end) {
		snprintf(range, sizeof range, "bytes */%zu", json->size);
		return troupe_respond(c, 416, headers + 1, 2, NULL, 0);
	}
	if (end - first > TR_HTTP_RAW_OUT_BYTES_MAX)
		return troupe_fail(c, TROUPE_EBIGOUT, "The event has %zu bytes. Ask for %d at most, with a Range header.", json->size,
		                   TR_HTTP_RAW_OUT_BYTES_MAX);
	snprintf(range, sizeof range, "bytes %zu-%zu/%zu", first, end - 1, json->size);
	return troupe_respond(c, part ? 206 : 200, headers, part ? 3 : 2, json->data + first, end - first);
}

/* The event with its envelope in place; size 0: it has its own. */
static void put_data(struct tr_bytes *out, struct troupe_value data, struct troupe_value envelope)
{
	struct tr_cursor c = tr_cursor(data);
	struct tr_item map;

	if (envelope.size == 0 || tr_next(&c, &map) < 0 || map.kind != TR_MAP) {
		tr_put_value(out, data);
		return;
	}
	tr_put_map(out, map.count);
	for (uint32_t i = 0; i < map.count; i++) {
		struct troupe_value key = { 0 }, member = { 0 };
		struct troupe_text name = { 0 };

		tr_skip(&c, &key);
		tr_skip(&c, &member);
		tr_put_value(out, key);
		tr_put_value(out, tr_value_text(key, &name) && name.size == 7 && memcmp(name.data, "payload", 7) == 0 ? envelope : member);
	}
}

static void respond(const struct entry *e, struct troupe_value envelope)
{
	struct tr_bytes packed = { 0 }, json = { 0 };

	tr_put_map(&packed, 3);
	tr_put_text(&packed, "seq");
	tr_put_int(&packed, (int64_t)e->seq);
	tr_put_text(&packed, "name");
	tr_put_text(&packed, e->name);
	tr_put_text(&packed, "data");
	put_data(&packed, e->data, envelope);
	if (tr_json_encode(&json, tr_bytes_value(&packed), TR_JSON_PLAIN) == 0)
		respond_json(e->call, &json);
	else
		troupe_fail(e->call, TROUPE_ENOMEM, NULL);
	tr_bytes_free(&packed);
	tr_bytes_free(&json);
}

/* ------------------------------------------------------------------ reading it */

static void on_envelope(struct troupe_actor *a, void *arg, int rc, struct troupe_value value)
{
	struct entry *e = arg;

	(void)a;
	if (rc < 0 && rc != TROUPE_ENOTFOUND)
		troupe_fail(e->call, rc, NULL);
	else
		respond(e, value);
}

static void on_entry(struct troupe_actor *a, void *arg, int rc, const struct tr_actor_event *events, size_t count, bool more)
{
	const struct tr_sessions *port = a->core->o.sessions;
	struct entry *e = arg;
	char key[TR_ITEM_KEY_MAX];
	size_t size;

	(void)more;
	if (rc < 0) {
		troupe_fail(e->call, rc, NULL);
		return;
	}
	if (count == 0 || events->seq != e->seq) {
		troupe_respond(e->call, 404, NULL, 0, NULL, 0);
		return;
	}
	e->name = tr_pool_text(&e->call->pool, events->name);
	e->data = tr_pool_value(&e->call->pool, events->data);
	size = port ? port->ops->envelope_key(e->data, key) : 0;
	if (size > 0)
		tr_actor_get(a, &e->call->reader, (struct troupe_text){ key, size }, on_envelope, e);
	else
		respond(e, (struct troupe_value){ 0 });
}

int troupe_respond_event(struct troupe_call *c, uint64_t seq)
{
	struct entry *e;

	if (!asked(c))
		return TROUPE_EINVAL;
	if (seq == 0)
		return troupe_respond(c, 404, NULL, 0, NULL, 0);
	e = tr_call_alloc(c, sizeof *e);
	e->call = c;
	e->seq = seq;
	tr_actor_read_log(c->actor, &c->reader, seq - 1, 1, 1, on_entry, e);
	return TROUPE_LATER;
}
