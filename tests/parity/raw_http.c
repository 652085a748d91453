/* SPDX-License-Identifier: Apache-2.0 */
/* Plain HTTP: the suite's raw-http.ts and raw-http-request-properties.ts. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kit.h"

/* ------------------------------------------------------------------ what they share */

static const struct troupe_header json_header = { "Content-Type", "application/json" };

/* Takes over what it answers with. */
static int respond_json(struct troupe_call *c, int status, json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
	int rc;

	json_decref(body);
	if (!text)
		return TROUPE_EINTERNAL; /* a header whose bytes are not UTF-8 */
	rc = troupe_respond(c, status, &json_header, 1, text, strlen(text));
	free(text);
	return rc;
}

static int not_found(struct troupe_call *c)
{
	return troupe_respond(c, 404, NULL, 0, "Not Found", strlen("Not Found"));
}

static bool is_path(const struct troupe_request *rq, const char *path)
{
	size_t size = strcspn(rq->path, "?#");

	return strlen(path) == size && strncmp(rq->path, path, size) == 0;
}

static json_t *headers_of(const struct troupe_request *rq)
{
	json_t *headers = json_object();

	for (size_t i = 0; i < rq->header_count; i++) {
		char *name = strdup(rq->headers[i].name);

		if (!name)
			abort();
		for (char *c = name; *c; c++)
			*c = *c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c;
		json_object_set_new(headers, name, json_string(rq->headers[i].value));
		free(name);
	}
	return headers;
}

/* ------------------------------------------------------------------ rawHttpActor */

struct desk { int64_t requests; };
static const struct troupe_record desk = TROUPE_RECORD(desk,
	TROUPE_FIELD(desk, requests, "requestCount"));

static int raw_echo(struct troupe_call *c, const struct troupe_request *rq)
{
	const char *type = troupe_request_header(rq, "content-type");

	return troupe_respond(c, 200, &(struct troupe_header){ "Content-Type", type }, type ? 1 : 0, rq->body, rq->body_size);
}

static int raw_request(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq)
{
	struct desk *self = troupe_self(a);

	self->requests++;
	if (is_path(rq, "/api/hello"))
		return respond_json(c, 200, json_pack("{s:s}", "message", "Hello from actor!"));
	if (is_path(rq, "/api/echo") && strcmp(rq->method, "POST") == 0)
		return raw_echo(c, rq);
	if (is_path(rq, "/api/state"))
		return respond_json(c, 200, json_pack("{s:I}", "requestCount", (json_int_t)self->requests));
	if (is_path(rq, "/api/headers"))
		return respond_json(c, 200, headers_of(rq));
	return not_found(c);
}

const struct troupe_kind raw_http_kind = {
	.name    = "rawHttpActor",
	.size    = sizeof(struct desk),
	.state   = &desk,
	.request = raw_request,
};

const struct troupe_kind raw_http_no_handler_kind = {
	.name = "rawHttpNoHandlerActor",
};

/* ------------------------------------------------------------------ rawHttpVoidReturnActor: a handler that gives nothing */

static int void_request(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq)
{
	(void)a;
	(void)rq;
	return troupe_fail(c, TROUPE_EINTERNAL, "onRequest handler must return a Response");
}

const struct troupe_kind raw_http_void_kind = {
	.name    = "rawHttpVoidReturnActor",
	.request = void_request,
};

/* ------------------------------------------------------------------ rawHttpHonoActor: a small router */

static json_t *body_of(const struct troupe_request *rq)
{
	json_t *body = json_loadb(rq->body ? rq->body : "", rq->body_size, 0, NULL);

	return json_is_object(body) ? body : (json_decref(body), json_object());
}

static json_t *user_of(int id, json_t *fields)
{
	json_t *user = json_pack("{s:i}", "id", id);

	json_object_update(user, fields);
	json_decref(fields);
	return user;
}

static int users(struct troupe_call *c, const struct troupe_request *rq)
{
	if (strcmp(rq->method, "GET") == 0)
		return respond_json(c, 200, json_pack("[{s:i,s:s},{s:i,s:s}]", "id", 1, "name", "Alice", "id", 2, "name", "Bob"));
	if (strcmp(rq->method, "POST") == 0)
		return respond_json(c, 201, user_of(3, body_of(rq)));
	return not_found(c);
}

static int one_user(struct troupe_call *c, const struct troupe_request *rq, int id)
{
	if (strcmp(rq->method, "GET") == 0)
		return respond_json(c, 200, json_pack("{s:i,s:s}", "id", id, "name", id == 1 ? "Alice" : "Bob"));
	if (strcmp(rq->method, "PUT") == 0)
		return respond_json(c, 200, user_of(id, body_of(rq)));
	if (strcmp(rq->method, "DELETE") == 0)
		return respond_json(c, 200, json_pack("{s:o}", "message", json_sprintf("User %d deleted", id)));
	return not_found(c);
}

static int hono_request(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq)
{
	(void)a;
	if (is_path(rq, "/") && strcmp(rq->method, "GET") == 0)
		return respond_json(c, 200, json_pack("{s:s}", "message", "Welcome to Hono actor!"));
	if (is_path(rq, "/users"))
		return users(c, rq);
	if (strncmp(rq->path, "/users/", 7) == 0 && !strchr(rq->path + 7, '/'))
		return one_user(c, rq, atoi(rq->path + 7));
	return not_found(c);
}

const struct troupe_kind raw_http_hono_kind = {
	.name    = "rawHttpHonoActor",
	.request = hono_request,
};

/* ------------------------------------------------------------------ rawHttpRequestPropertiesActor: says what it was asked */

static int hex_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* As URLSearchParams decodes: + is a space, a % that escapes nothing is itself. */
static json_t *decoded(const char *text, size_t size)
{
	char *out = malloc(size + 1), *to = out;
	json_t *value;

	if (!out)
		abort();
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '%' && i + 2 < size && hex_of(text[i + 1]) >= 0 && hex_of(text[i + 2]) >= 0) {
			*to++ = (char)(hex_of(text[i + 1]) * 16 + hex_of(text[i + 2]));
			i += 2;
		} else {
			*to++ = text[i] == '+' ? ' ' : text[i];
		}
	}
	value = json_stringn(out, (size_t)(to - out));
	free(out);
	return value;
}

static json_t *search_params(const char *query)
{
	json_t *params = json_object();

	while (*query) {
		size_t size = strcspn(query, "&"), name_size = strcspn(query, "=&");
		json_t *name = decoded(query, name_size);

		if (size > 0)
			json_object_set_new(params, json_string_value(name), name_size < size ?
				decoded(query + name_size + 1, size - name_size - 1) : json_string(""));
		json_decref(name);
		query += size + (query[size] == '&');
	}
	return params;
}

static json_t *body_value(const struct troupe_request *rq)
{
	const char *type = troupe_request_header(rq, "content-type");
	json_t *body;

	if (!rq->body_size)
		return json_null();
	if (type && strcasestr(type, "application/json"))
		body = json_loadb(rq->body, rq->body_size, JSON_DECODE_ANY, NULL);
	else
		body = json_stringn(rq->body, rq->body_size);
	return body ? body : json_null();
}

static int describe(struct troupe_call *c, const struct troupe_request *rq)
{
	size_t size = strcspn(rq->path, "?");
	json_t *body = body_value(rq), *all;

	all = json_pack("{s:s, s:s%, s:s, s:o, s:s, s:s, s:o, s:O, s:o}",
		"url", rq->url,
		"pathname", rq->path, size,
		"search", rq->path[size] && rq->path[size + 1] ? rq->path + size : "",
		"searchParams", search_params(rq->path[size] ? rq->path + size + 1 : ""),
		"hash", "",
		"method", rq->method,
		"headers", headers_of(rq),
		"body", body,
		"bodyText", json_is_string(body) ? json_incref(body) : json_null());
	json_decref(body);
	return respond_json(c, 200, all);
}

static int properties_request(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq)
{
	(void)a;
	if (strcmp(rq->method, "HEAD") == 0)
		return troupe_respond(c, 200, NULL, 0, NULL, 0);
	if (strcmp(rq->method, "OPTIONS") == 0)
		return troupe_respond(c, 204, NULL, 0, NULL, 0);
	return describe(c, rq);
}

const struct troupe_kind raw_http_properties_kind = {
	.name    = "rawHttpRequestPropertiesActor",
	.request = properties_request,
};
