/* SPDX-License-Identifier: Apache-2.0 */
/* Upgrades to a WebSocket. A head that is no correct upgrade is refused by HTTP; any other is handed over, also when it is
 * to be refused, since the official client gives up for ever on an HTTP status (spec/rivetkit-client.md 6.1). */
#include <string.h>

#include "proto/key.h"
#include "runtime/gate/asked.h"
#include "runtime/gate/routes.h"
#include "runtime/gate/terms.h"
#include "runtime/gate/text.h"

#define KEY_TEXT_SIZE 24
#define KEY_SIZE      16

/* ---- is it an upgrade? */

static bool key_fits(struct troupe_text key)
{
	struct tr_bytes bytes = { 0 };
	bool fits = key.size == KEY_TEXT_SIZE && !tr_base64_decode(&bytes, key) && bytes.size == KEY_SIZE;

	tr_bytes_free(&bytes);
	return fits;
}

/* RFC 6455, 4.2.1. NULL, or what is wrong. */
static const char *fault_of(const struct tr_http_head *head)
{
	if (!tr_text_is(head->method, "GET") || !head->minor)
		return "A WebSocket begins with GET and HTTP/1.1.";
	if (!tr_http_has_token(head, "connection", "upgrade"))
		return "Connection does not say upgrade.";
	if (head->chunked || head->length)
		return "An upgrade has no body.";
	if (!key_fits(tr_http_header(head, "sec-websocket-key")))
		return "Sec-WebSocket-Key is not 16 bytes in base64.";
	return NULL;
}

/* ---- what the subprotocols say */

/* Each data NULL when it was not given; the first of a name counts. */
struct offer {
	bool rivet;
	struct troupe_text encoding, target, actor, token, params;
};

static void take_offer(struct troupe_text protocol, const char *prefix, struct troupe_text *into)
{
	if (!into->data && tr_text_skip(&protocol, prefix))
		*into = protocol;
}

static void read_offer(struct offer *o, const struct tr_http_head *head)
{
	struct troupe_text rest = { NULL, 0 }, protocol;
	size_t at = 0;

	while (tr_http_next_element(head, "sec-websocket-protocol", &at, &rest, &protocol)) {
		o->rivet |= tr_text_is(protocol, "rivet");
		take_offer(protocol, "rivet_encoding.", &o->encoding);
		take_offer(protocol, "rivet_target.", &o->target);
		take_offer(protocol, "rivet_actor.", &o->actor);
		take_offer(protocol, "rivet_token.", &o->token);
		take_offer(protocol, "rivet_conn_params.", &o->params);
	}
}

/* ---- is it for us? Each gives 0 or the error to refuse with. */

static int find_target(struct tr_exchange *x, const struct tr_http_head *head, const struct offer *o, const char **why)
{
	int err = tr_target_parse(&x->target, head->path, head->query, why);

	if (err != TR_TARGET_NONE)
		return err;
	if (!o->target.data || !tr_text_is(o->target, "actor"))
		return TROUPE_EROUTE;
	return o->actor.size ? tr_target_by_id(&x->target, o->actor, head->path, head->query) : TROUPE_EHEADER;
}

/* The offered token as it is, or percent-encoded: a subprotocol cannot hold every character. */
static bool token_fits(struct tr_exchange *x, const struct offer *o)
{
	struct tr_bytes decoded = { 0 };
	bool fits;

	if (x->target.has_token)
		return tr_token_fits(x, tr_text_of(&x->target.token));
	tr_text_percent_decode(&decoded, o->token, false);
	fits = tr_token_fits(x, o->token) || tr_token_fits(x, tr_text_of(&decoded));
	tr_bytes_free(&decoded);
	return fits;
}

static int decode_params(struct tr_bytes *params, const struct offer *o, const char **why)
{
	int err;

	if (!o->params.data)
		return 0;
	if (tr_text_percent_size(o->params) > TR_PARAMS_BYTES_MAX)
		return TROUPE_EPARAMS;
	err = tr_client_decode_params_token(params, o->params, TR_DEPTH_MAX);
	if (err == TROUPE_EINVAL)
		*why = "The connection parameters are not JSON.";
	return err;
}

static int judge(struct tr_exchange *x, const struct tr_http_head *head, const struct offer *o, struct tr_bytes *params,
                 const char **why)
{
	int err;

	*why = NULL;
	if (!x->origin_allowed)
		return TROUPE_EFORBIDDEN;
	if (o->encoding.data && !tr_encoding_from_name(o->encoding, &x->encoding))
		return TROUPE_EENCODING;
	err = find_target(x, head, o, why);
	if (err)
		return err;
	if (!token_fits(x, o)) {
		*why = "The token is missing or wrong.";
		return TROUPE_EFORBIDDEN;
	}
	x->wish = tr_wish_of(x->target.path, &x->name);
	if (x->wish != TR_WISH_CONNECT && x->wish != TR_WISH_WEBSOCKET)
		return TROUPE_EROUTE;
	return decode_params(params, o, why);
}

/* ---- handing over */

static void run_upgrade(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body)
{
	struct tr_client *client = x->client;
	struct offer offer = { .rivet = false };
	struct tr_bytes params = { 0 };
	struct troupe_text rest;
	struct tr_asked asked;
	int fd;
	struct tr_ws_upgrade up = { .key = tr_http_header(head, "sec-websocket-key") };

	(void)body;
	read_offer(&offer, head);
	up.error = judge(x, head, &offer, &params, &up.message);
	up.rivet = offer.rivet;
	up.request.to = tr_target_address(&x->target);
	up.request.encoding = x->encoding;
	up.request.params = tr_bytes_value(&params);
	up.request.plain = x->wish == TR_WISH_WEBSOCKET;
	tr_asked_init(&asked, x, head, tr_text(NULL, 0));
	up.request.request = &asked.request;
	up.address = tr_text_from(client->address);
	fd = tr_http_conn_release(client->conn, &rest);
	up.rest = rest.data;
	up.rest_size = rest.size;
	tr_ws_adopt(client->gate->ws, fd, &up);
	tr_bytes_free(&params);
	tr_asked_fini(&asked);
	tr_exchange_desert(x);
}

void tr_route_upgrade(struct tr_exchange *x, const struct tr_http_head *head)
{
	const char *fault = fault_of(head);

	if (fault) {
		tr_exchange_fail_http(x, 400, fault);
	} else if (!tr_text_is(tr_http_header(head, "sec-websocket-version"), "13")) {
		tr_exchange_header(x, "Sec-WebSocket-Version", tr_text("13", 2));
		tr_exchange_fail_http(x, 426, "Only version 13 of the WebSocket protocol is spoken here.");
	} else {
		x->run = run_upgrade;
	}
}
