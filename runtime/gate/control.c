/* SPDX-License-Identifier: Apache-2.0 */
/* The control routes: /actors and below (spec/rivetkit-client.md 3). Always JSON. */
#include "runtime/gate/control.h"

#include <string.h>

#include "proto/key.h"
#include "runtime/gate/routes.h"
#include "runtime/gate/rows.h"
#include "runtime/gate/terms.h"
#include "runtime/gate/text.h"

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
	on_done(arg, failure && tr_row_missing(failure) ? NULL : failure, row, created);
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
	x->run = put ? tr_control_create : tr_control_find;
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
