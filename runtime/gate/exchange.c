/* SPDX-License-Identifier: Apache-2.0 */
/* One request on its way through the gate: its life, and the form of its answers (spec/rivetkit-client.md 8 and 10). */
#include "runtime/gate/exchange.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/gate/cors.h"
#include "runtime/gate/text.h"

#define JSON_TYPE   "application/json"
#define BINARY_TYPE "application/octet-stream"
#define RAY_SIZE    30

/* ---- its life */

static void note_refused_origin(struct tr_gate *gate, struct troupe_text origin)
{
	char text[sizeof(gate->refused_origin)];

	snprintf(text, sizeof(text), "%.*s", (int)origin.size, origin.data);
	if (!strcmp(text, gate->refused_origin))
		return;
	memcpy(gate->refused_origin, text, sizeof(text));
	tr_warn("http.origin_refused", "origin=\"%s\" hint=\"--allow-origin would let it in\"", text);
}

static void judge_origin(struct tr_exchange *x, const struct tr_http_head *head)
{
	struct tr_gate *gate = x->client->gate;
	struct troupe_text origin = tr_http_header(head, "origin");

	x->origin_allowed = tr_cors_allows(origin, head->host, gate->o.origins);
	if (!x->origin_allowed)
		note_refused_origin(gate, origin);
	else if (tr_text_is(head->method, "OPTIONS"))
		tr_cors_put_preflight(&x->headers, origin, tr_http_header(head, "access-control-request-headers"));
	else
		tr_cors_put(&x->headers, origin);
}

struct tr_exchange *tr_exchange_new(struct tr_client *client, const struct tr_http_head *head)
{
	struct tr_exchange *x = tr_alloc(sizeof(*x));

	assert(!client->exchange);
	x->client = client;
	client->exchange = x;
	tr_list_init(&x->link);
	if (head)
		judge_origin(x, head);
	return x;
}

static void exchange_free(struct tr_exchange *x)
{
	tr_list_remove(&x->link);
	if (x->client)
		x->client->exchange = NULL;
	tr_target_fini(&x->target);
	tr_bytes_free(&x->headers);
	tr_bytes_free(&x->name);
	tr_bytes_free(&x->out);
	free(x);
}

void tr_exchange_desert(struct tr_exchange *x)
{
	if (x->call)
		tr_core_abandon(x->call);
	if (!x->owed) {
		exchange_free(x);
		return;
	}
	tr_list_push(&x->client->gate->orphans, &x->link);
	x->client->exchange = NULL;
	x->client = NULL;
}

bool tr_exchange_paid(struct tr_exchange *x)
{
	assert(x->owed);
	x->owed--;
	if (!x->client && !x->owed)
		exchange_free(x);
	else if (x->client)
		return true;
	return false;
}

/* ---- its answer */

void tr_exchange_header(struct tr_exchange *x, const char *name, struct troupe_text value)
{
	for (size_t i = 0; i < value.size; i++)
		if ((unsigned char)value.data[i] < ' ' || value.data[i] == 0x7f)
			return;
	tr_bytes_put_text(&x->headers, name);
	tr_bytes_put(&x->headers, ": ", 2);
	tr_bytes_put(&x->headers, value.data, value.size);
	tr_bytes_put(&x->headers, "\r\n", 2);
}

static struct tr_http_answer head_of(const struct tr_exchange *x, int status, const char *type)
{
	return (struct tr_http_answer){
		.status = status,
		.type = type,
		.headers = tr_text_of(&x->headers),
		.close = x->close,
	};
}

void tr_exchange_begin(struct tr_exchange *x, int status, const char *type)
{
	struct tr_http_answer head = head_of(x, status, type);

	tr_debug("http.answer", "peer=%s status=%d pieces=1", x->client->address, status);
	tr_http_conn_begin(x->client->conn, &head);
}

void tr_exchange_finish(struct tr_exchange *x, bool whole)
{
	tr_http_conn_finish(x->client->conn, whole);
	exchange_free(x);
}

void tr_exchange_answer(struct tr_exchange *x, int status, const char *type, const void *body, size_t size)
{
	struct tr_http_answer answer = head_of(x, status, type);

	answer.body = body;
	answer.size = size;
	tr_debug("http.answer", "peer=%s status=%d bytes=%zu", x->client->address, status, size);
	/* Not the request's any more: on_closed may come from inside. */
	x->client->exchange = NULL;
	tr_http_conn_answer(x->client->conn, &answer);
	x->client = NULL;
	exchange_free(x);
}

void tr_exchange_json(struct tr_exchange *x, int status, const struct tr_bytes *json)
{
	if (json->failed)
		tr_exchange_fail(x, TROUPE_ENOMEM, NULL);
	else
		tr_exchange_answer(x, status, JSON_TYPE, json->data, json->size);
}

static void put_ray(struct tr_exchange *x)
{
	char ray[RAY_SIZE + 1];

	tr_random_id(ray, RAY_SIZE);
	tr_exchange_header(x, "x-rivet-ray-id", tr_text(ray, RAY_SIZE));
}

static void put_error_name(struct tr_exchange *x, const struct tr_client_error *err)
{
	struct tr_bytes name = { 0 };

	tr_bytes_put(&name, err->group.data, err->group.size);
	tr_bytes_put_byte(&name, '.');
	tr_bytes_put(&name, err->code.data, err->code.size);
	tr_exchange_header(x, "x-rivet-error", tr_text_of(&name));
	tr_bytes_free(&name);
}

static void answer_error(struct tr_exchange *x, int status, enum tr_encoding encoding, struct tr_client_error *err)
{
	struct tr_bytes body = { .max = TR_MESSAGE_OUT_BYTES_MAX };

	put_ray(x);
	if (!err->actor)
		put_error_name(x, err);
	if (tr_client_encode_http_error(encoding, &body, err)) {
		/* Only metadata can be at fault: too much of it, or no packed value. */
		tr_bytes_clear(&body);
		err->metadata.size = 0;
		if (tr_client_encode_http_error(encoding, &body, err))
			tr_bytes_clear(&body);
	}
	tr_exchange_answer(x, status, encoding == TR_ENC_JSON ? JSON_TYPE : BINARY_TYPE, body.data, body.size);
	tr_bytes_free(&body);
}

void tr_exchange_fail(struct tr_exchange *x, int error, const char *message)
{
	const struct troupe_error_info *info = troupe_error_info(error);

	answer_error(x, info->status, TR_ENC_JSON, &(struct tr_client_error){
		.group = tr_text_from(info->group),
		.code = tr_text_from(info->code),
		.message = tr_text_from(message ? message : info->sentence),
	});
}

/* What goes wrong below the routes has codes of its own; a client's program never gets to see them. */
static const char *http_code(int status)
{
	switch (status) {
	case 408: return "timed_out";
	case 413: return "body_too_large";
	case 417: return "expectation_failed";
	case 426: return "upgrade_required";
	case 431: return "head_too_large";
	case 501: return "not_implemented";
	case 503: return "unavailable";
	case 505: return "version_not_supported";
	default:  return "invalid";
	}
}

void tr_exchange_fail_http(struct tr_exchange *x, int status, const char *message)
{
	x->close = true;
	answer_error(x, status, TR_ENC_JSON, &(struct tr_client_error){
		.group = tr_text_from("request"),
		.code = tr_text_from(http_code(status)),
		.message = tr_text_from(message),
	});
}

void tr_exchange_failure(struct tr_exchange *x, const struct tr_failure *failure)
{
	answer_error(x, failure->status, x->encoding, &(struct tr_client_error){
		.group = failure->group,
		.code = failure->code,
		.message = failure->message,
		.metadata = failure->metadata,
		.actor = failure->actor,
	});
}
