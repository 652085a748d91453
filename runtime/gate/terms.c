/* SPDX-License-Identifier: Apache-2.0 */
/* The terms on which every route takes a request: the method, and the token of a gate that asks for one. */
#include "runtime/gate/terms.h"

#include <string.h>

#include "runtime/gate/text.h"

bool tr_method_fits(struct tr_exchange *x, const struct tr_http_head *head, const char *method)
{
	bool get = !strcmp(method, "GET");
	const char *allowed = get ? "GET, HEAD" : method;

	if (tr_text_is(head->method, method) || (get && tr_text_is(head->method, "HEAD")))
		return true;
	tr_exchange_header(x, "Allow", tr_text_from(allowed));
	tr_exchange_fail(x, TROUPE_EMETHOD, NULL);
	return false;
}

static bool is_token(struct troupe_text shown, const char *token)
{
	return token && shown.data && tr_text_same_secret(shown, tr_text_from(token));
}

bool tr_token_fits(struct tr_exchange *x, struct troupe_text shown)
{
	const struct tr_gate_options *o = &x->client->gate->o;

	x->target.observes = is_token(shown, o->observer_token);
	return !o->token || x->target.observes || is_token(shown, o->token);
}
