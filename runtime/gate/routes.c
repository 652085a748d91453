/* SPDX-License-Identifier: Apache-2.0 */
/* Where a request goes (spec/rivetkit-client.md 4.5): read tr_route from top to bottom. What needs no body and no actor is
 * answered here: preflights, the page, /metadata and /health. */
#include <string.h>

#include "runtime/gate/page.h"
#include "runtime/gate/routes.h"
#include "runtime/gate/rows.h"
#include "runtime/gate/terms.h"
#include "runtime/gate/text.h"

static void answer_metadata(struct tr_exchange *x)
{
	struct tr_bytes json = { 0 };

	tr_put_metadata(&json, x->client->gate, NULL);
	tr_exchange_json(x, 200, &json);
	tr_bytes_free(&json);
}

static void answer_health(struct tr_exchange *x)
{
	struct tr_gate *gate = x->client->gate;
	struct tr_bytes json = { 0 };
	struct tr_core_counts counts;

	tr_core_count(gate->o.core, &counts);
	tr_bytes_printf(&json, "{\"status\":\"%s\",\"actors\":%zu,\"connections\":%zu,\"calls\":%zu,\"http\":%zu}",
	                gate->stopped ? "draining" : "ok", counts.actors, counts.conns, counts.calls, gate->count);
	tr_exchange_json(x, 200, &json);
	tr_bytes_free(&json);
}

static void answer_file(struct tr_exchange *x, const struct tr_http_head *head, const struct tr_page_file *file)
{
	tr_bytes_put_text(&x->headers, tr_page_headers);
	tr_exchange_header(x, "ETag", tr_text_from(file->etag));
	if (tr_page_matches(file, tr_http_header(head, "if-none-match")))
		tr_exchange_answer(x, 304, NULL, NULL, 0);
	else
		tr_exchange_answer(x, 200, file->type, file->data, file->size);
}

/* Things that anybody may get. */
static bool route_public(struct tr_exchange *x, const struct tr_http_head *head)
{
	const struct tr_page_file *file = tr_page_find(head->path);
	bool metadata = tr_text_is(head->path, "/metadata"), health = tr_text_is(head->path, "/health");

	if (!file && !metadata && !health)
		return false;
	if (!tr_method_fits(x, head, "GET"))
		return true;
	if (metadata)
		answer_metadata(x);
	else if (health)
		answer_health(x);
	else
		answer_file(x, head, file);
	return true;
}

/* Named by header (4.3): raw HTTP only, which no kind of actor here handles. */
static void route_target_header(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text target)
{
	struct troupe_text id = tr_http_header(head, "x-rivet-actor");

	if (!tr_text_is(target, "actor") || tr_wish_of(head->path, &x->name) != TR_WISH_REQUEST)
		tr_exchange_fail(x, TROUPE_EROUTE, NULL);
	else if (!id.size)
		tr_exchange_fail(x, TROUPE_EHEADER, NULL);
	else if (tr_target_by_id(&x->target, id, head->path, head->query))
		tr_exchange_fail(x, TROUPE_ENOTFOUND, NULL);
	else
		tr_route_gateway(x, head);
}

void tr_route(struct tr_exchange *x, const struct tr_http_head *head)
{
	struct troupe_text target = tr_http_header(head, "x-rivet-target");
	const char *why;
	int err;

	if (tr_http_has_token(head, "upgrade", "websocket")) {
		tr_route_upgrade(x, head);
	} else if (!x->origin_allowed) {
		tr_exchange_fail(x, TROUPE_EFORBIDDEN, "Pages of this origin may not use this server (see --allow-origin).");
	} else if (tr_text_is(head->method, "OPTIONS")) {
		tr_exchange_answer(x, 204, NULL, NULL, 0);
	} else if ((err = tr_target_parse(&x->target, head->path, head->query, &why)) != TR_TARGET_NONE) {
		if (err)
			tr_exchange_fail(x, err, why);
		else
			tr_route_gateway(x, head);
	} else if (target.data) {
		route_target_header(x, head, target);
	} else if (!tr_route_control(x, head) && !route_public(x, head)) {
		tr_exchange_fail(x, TROUPE_EROUTE, NULL);
	}
}
