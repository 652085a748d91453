/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to one actor: its actions without a connection (spec/rivetkit-client.md 5), and what else may follow a gateway
 * prefix (4.5). */
#include <stdio.h>
#include <string.h>

#include "runtime/gate/asked.h"
#include "runtime/gate/routes.h"
#include "runtime/gate/rows.h"
#include "runtime/gate/terms.h"
#include "runtime/gate/text.h"

/* ---- actions */

static void put_actor(struct tr_exchange *x, const struct tr_client_actor *actor)
{
	char generation[24];
	int size = snprintf(generation, sizeof(generation), "%llu", (unsigned long long)actor->generation);

	tr_exchange_header(x, "x-rivet-actor", actor->id);
	tr_exchange_header(x, "x-rivet-actor-generation", tr_text(generation, (size_t)size));
	if (actor->key.data)
		tr_exchange_header(x, "x-rivet-actor-key", actor->key);
}

/* What every answer of an actor begins with. False: it is a failure, and was told. */
static bool begin_answer(struct tr_exchange *x, const struct tr_failure *failure, const struct tr_client_actor *actor)
{
	x->call = NULL;
	if (actor)
		put_actor(x, actor);
	if (failure)
		tr_exchange_failure(x, failure);
	return !failure;
}

/* err: of encoding the body. */
static void answer_body(struct tr_exchange *x, int err, const struct tr_bytes *body)
{
	if (err)
		tr_exchange_fail(x, err == TROUPE_ENOMEM ? TROUPE_EBIGOUT : TROUPE_EINTERNAL, NULL);
	else
		tr_exchange_answer(x, 200, x->encoding == TR_ENC_JSON ? "application/json" : "application/octet-stream",
		                   body->data, body->size);
}

static void on_answer(void *arg, const struct tr_failure *failure, struct troupe_value output,
                      const struct tr_client_actor *actor)
{
	struct tr_exchange *x = arg;
	struct tr_bytes body = { .max = TR_MESSAGE_OUT_BYTES_MAX };

	if (begin_answer(x, failure, actor))
		answer_body(x, tr_client_encode_http_response(x->encoding, &body, output), &body);
	tr_bytes_free(&body);
}

/* The size of Latin-1 text as UTF-8. */
static size_t utf8_size(struct troupe_text latin1)
{
	size_t size = latin1.size;

	for (size_t i = 0; i < latin1.size; i++)
		size += (unsigned char)latin1.data[i] >= 0x80;
	return size;
}

static int decode_params(const struct tr_http_head *head, struct tr_bytes *params, const char **why)
{
	struct troupe_text header = tr_http_header(head, "x-rivet-conn-params");
	int err = 0;

	if (!header.data)
		return 0;
	if (utf8_size(header) > TR_PARAMS_BYTES_MAX)
		return TROUPE_EPARAMS;
	err = tr_client_decode_params_header(params, header, TR_DEPTH_MAX);
	if (err == TROUPE_EINVAL)
		*why = "The header x-rivet-conn-params is not JSON.";
	return err;
}

static void run_action(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body)
{
	struct tr_bytes args = { 0 }, params = { 0 };
	struct tr_asked asked;
	const char *why = NULL;
	int err = decode_params(head, &params, &why);

	if (!err)
		err = tr_client_decode_http_action(x->encoding, body.data, body.size, TR_DEPTH_MAX, &args, &why);
	if (err) {
		tr_exchange_fail(x, err, why);
	} else {
		tr_asked_init(&asked, x, head, tr_text(NULL, 0));
		x->call = tr_core_action(x->client->gate->o.core, &(struct tr_action_request){
			.to      = tr_target_address(&x->target),
			.action  = tr_text_of(&x->name),
			.args    = tr_bytes_value(&args),
			.params  = tr_bytes_value(&params),
			.request = &asked.request,
		}, on_answer, x);
		tr_asked_fini(&asked);
	}
	tr_bytes_free(&args);
	tr_bytes_free(&params);
}

/* ---- queues */

static void on_sent(void *arg, const struct tr_failure *failure, bool completed, struct troupe_value response,
                    const struct tr_client_actor *actor)
{
	struct tr_exchange *x = arg;
	struct tr_bytes body = { .max = TR_MESSAGE_OUT_BYTES_MAX };

	if (begin_answer(x, failure, actor))
		answer_body(x, tr_client_encode_http_sent(x->encoding, &body, completed, response), &body);
	tr_bytes_free(&body);
}

static void run_send(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body)
{
	struct tr_bytes arena = { 0 }, params = { 0 };
	struct tr_client_send m = { .wait = false };
	struct tr_asked asked;
	const char *why = NULL;
	int err = decode_params(head, &params, &why);

	if (!err)
		err = tr_client_decode_http_send(x->encoding, body.data, body.size, TR_DEPTH_MAX, &arena, &m, &why);
	if (err) {
		tr_exchange_fail(x, err, why);
	} else {
		tr_asked_init(&asked, x, head, tr_text(NULL, 0));
		x->call = tr_core_send(x->client->gate->o.core, &(struct tr_send_request){
			.to         = tr_target_address(&x->target),
			.queue      = tr_text_of(&x->name),
			.body       = m.body,
			.params     = tr_bytes_value(&params),
			.request    = &asked.request,
			.wait       = m.wait,
			.timeout_ms = m.has_timeout ? (int64_t)m.timeout_ms : -1,
		}, on_sent, x);
		tr_asked_fini(&asked);
	}
	tr_bytes_free(&arena);
	tr_bytes_free(&params);
}

/* ---- both */

static void route_named(struct tr_exchange *x, const struct tr_http_head *head)
{
	if (!tr_encoding_from_name(tr_http_header(head, "x-rivet-encoding"), &x->encoding))
		x->encoding = TR_ENC_JSON;
	if (!x->name.size || x->name.size > TR_NAME_BYTES_MAX || !tr_text_clean(tr_text_of(&x->name))) {
		tr_exchange_fail(x, TROUPE_EINVAL, x->wish == TR_WISH_QUEUE
		                                           ? "The queue's name is empty, longer than 128 bytes, or not UTF-8."
		                                           : "The action's name is empty, longer than 128 bytes, or not UTF-8.");
		return;
	}
	x->body_max = tr_core_message_size(x->client->gate->o.core);
	x->too_large = TROUPE_EBIGIN;
	x->run = x->wish == TR_WISH_QUEUE ? run_send : run_action;
}

/* ---- plain HTTP, for the actor's own handler (11.1) */

/* Gives the content type, which is said elsewhere; NULL: there is none. */
static const char *put_headers(struct tr_exchange *x, const struct tr_raw_response *r)
{
	const char *type = NULL;

	for (size_t i = 0; i < r->header_count; i++) {
		struct troupe_text name = tr_text_from(r->headers[i].name);

		if (tr_text_is_nocase(name, "content-type"))
			type = r->headers[i].value;
		else if (!tr_header_is_ours(name) && !tr_text_is_nocase(name, "content-length"))
			tr_exchange_header(x, r->headers[i].name, tr_text_from(r->headers[i].value));
	}
	return type;
}

static void on_response(void *arg, const struct tr_failure *failure, const struct tr_raw_response *r,
                        const struct tr_client_actor *actor)
{
	struct tr_exchange *x = arg;
	const char *type;

	if (failure || !r->pieces)
		x->call = NULL;
	if (actor)
		put_actor(x, actor);
	if (failure) {
		tr_exchange_failure(x, failure);
		return;
	}
	type = put_headers(x, r);
	if (r->pieces)
		tr_exchange_begin(x, r->status, type);
	else
		tr_exchange_answer(x, r->status, type, r->body, r->body_size);
}

static void on_piece(void *arg, const void *data, size_t size)
{
	struct tr_exchange *x = arg;

	tr_http_conn_piece(x->client->conn, data, size);
}

static void on_end(void *arg, bool whole)
{
	struct tr_exchange *x = arg;

	x->call = NULL;
	tr_exchange_finish(x, whole);
}

static size_t backlog(void *arg)
{
	const struct tr_exchange *x = arg;

	return tr_http_conn_backlog(x->client->conn);
}

static const struct tr_response_ops response_ops = {
	.on_response = on_response,
	.on_piece    = on_piece,
	.on_end      = on_end,
	.backlog     = backlog,
};

static void send_request(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body,
                         struct troupe_value params)
{
	struct tr_asked asked;

	tr_asked_init(&asked, x, head, body);
	x->call = tr_core_request(x->client->gate->o.core, &(struct tr_raw_request){
		.to = tr_target_address(&x->target), .request = &asked.request, .params = params }, &response_ops, x);
	tr_asked_fini(&asked);
}

static void run_request(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body)
{
	struct tr_bytes params = { 0 };
	const char *why = NULL;
	int err = decode_params(head, &params, &why);

	if (err)
		tr_exchange_fail(x, err, why);
	else
		send_request(x, head, body, tr_bytes_value(&params));
	tr_bytes_free(&params);
}

static void route_request(struct tr_exchange *x)
{
	x->encoding = TR_ENC_JSON; /* of errors: 8.1 */
	x->body_max = TR_HTTP_RAW_BYTES_MAX;
	x->run = run_request;
}

/* ---- health and metadata of an actor */

static void on_row(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	struct tr_exchange *x = arg;
	struct tr_bytes json = { 0 };

	(void)created;
	if (!tr_exchange_paid(x))
		return;
	if (failure) {
		tr_exchange_failure(x, failure);
	} else if (x->wish == TR_WISH_HEALTH) {
		tr_exchange_answer(x, 200, "text/plain; charset=utf-8", "ok", 2);
	} else {
		tr_put_metadata(&json, x->client->gate, row);
		tr_exchange_json(x, 200, &json);
	}
	tr_bytes_free(&json);
}

static void run_resolve(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body)
{
	struct tr_address to = tr_target_address(&x->target);

	(void)head;
	(void)body;
	x->owed = 1;
	tr_core_resolve(x->client->gate->o.core, &to, on_row, x);
}

/* ---- */

/* What was shown in the address comes before the header: 4.1. */
static bool token_fits(struct tr_exchange *x, const struct tr_http_head *head)
{
	struct troupe_text shown = x->target.has_token ? tr_text_of(&x->target.token) : tr_http_header(head, "x-rivet-token");

	return tr_token_fits(x, shown);
}

void tr_route_gateway(struct tr_exchange *x, const struct tr_http_head *head)
{
	if (!token_fits(x, head)) {
		tr_exchange_fail(x, TROUPE_EFORBIDDEN, "The token is missing or wrong.");
		return;
	}
	x->wish = tr_wish_of(x->target.path, &x->name);
	switch (x->wish) {
	case TR_WISH_ACTION:
	case TR_WISH_QUEUE:
		if (tr_method_fits(x, head, "POST"))
			route_named(x, head);
		break;
	case TR_WISH_HEALTH:
	case TR_WISH_METADATA:
		if (tr_method_fits(x, head, "GET"))
			x->run = run_resolve;
		break;
	case TR_WISH_REQUEST:
		route_request(x);
		break;
	case TR_WISH_CONNECT:
	case TR_WISH_WEBSOCKET:
		tr_exchange_fail(x, TROUPE_EROUTE, "This address is for a WebSocket.");
		break;
	case TR_WISH_NOTHING:
		tr_exchange_fail(x, TROUPE_EROUTE, NULL);
		break;
	}
}
