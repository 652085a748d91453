/* SPDX-License-Identifier: Apache-2.0 */
/* The front desk over real sockets, between a client that this test plays and a core, a WebSocket engine and a page that it
 * plays as well: they are defined here, so the real ones are not linked. */
#include "tests/kit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/gate/exchange.h"
#include "runtime/gate/page.h"
#include "runtime/gate/text.h"

/* ================================================================ the page that is played */

const struct tr_page_file tr_page_files[] = {
	{ "/", "text/html; charset=utf-8", "\"abc\"", "<html>", 6 },
	{ "/app.js", "text/javascript; charset=utf-8", "\"def\"", "1;", 2 },
	{ 0 }
};

/* ================================================================ the core that is played */

#define ROWS_MAX 8

static struct {
	struct tr_actor_row rows[ROWS_MAX];
	char texts[ROWS_MAX][3][256];     /* what the rows point to */
	size_t count;
	bool slow;                        /* resolve answers at core_wakes */
	tr_on_row *held_on_row[40];
	void *held_arg[40];
	unsigned held;
	struct troupe_value input;        /* of the last creation, copied */
	int fail;                         /* every look-up fails with this */

	/* The last action; one at a time. */
	struct tr_http_call *call;
	void (*on_answer)(void *, const struct tr_failure *, struct troupe_value, const struct tr_client_actor *);
	void *arg;
	char id[200], name[200], key[200], action[200];
	bool create;
	struct tr_bytes args, params;
	unsigned actions, abandoned;
} core;

static void copy(char to[200], struct troupe_text text)
{
	snprintf(to, 200, "%.*s", (int)text.size, text.data);
}

static struct tr_actor_row *add(const char *name, const char *key)
{
	struct tr_actor_row *row = &core.rows[core.count];
	char (*texts)[256] = core.texts[core.count];

	assert_true(core.count < ROWS_MAX);
	snprintf(texts[0], 256, "id%zu", ++core.count);
	snprintf(texts[1], 256, "%s", name);
	snprintf(texts[2], 256, "%s", key);
	*row = (struct tr_actor_row){ core.count, texts[0], texts[1], texts[2], 1700000000000 };
	return row;
}

static bool is(struct troupe_text text, const char *what)
{
	return tr_text_is(text, what);
}

static struct tr_actor_row *find(const struct tr_address *to)
{
	for (size_t i = 0; i < core.count; i++) {
		struct tr_actor_row *row = &core.rows[i];

		if (to->id.size ? is(to->id, row->id) && (!to->name.size || is(to->name, row->name))
		                : is(to->name, row->name) && is(to->key, row->key))
			return row;
	}
	return NULL;
}

static struct tr_failure failure_of(int error)
{
	const struct troupe_error_info *info = troupe_error_info(error);

	return (struct tr_failure){
		.error = error,
		.group = tr_text(info->group, strlen(info->group)),
		.code = tr_text(info->code, strlen(info->code)),
		.message = tr_text(info->sentence, strlen(info->sentence)),
		.status = info->status,
	};
}

static void give(tr_on_row *on_row, void *arg, int error, const struct tr_actor_row *row, bool created)
{
	struct tr_failure failure = failure_of(error);

	on_row(arg, error ? &failure : NULL, error ? NULL : row, created);
}

static const struct tr_actor_row *create(const struct tr_address *to)
{
	char name[200], key[200];

	copy(name, to->name);
	copy(key, to->key);
	core.input = to->input;
	return add(name, key);
}

void tr_core_resolve(struct tr_core *c, const struct tr_address *to, tr_on_row *on_row, void *arg)
{
	const struct tr_actor_row *row = find(to);
	bool known = to->id.size || is(to->name, "w") || is(to->name, "plain");

	(void)c;
	if (core.slow) {
		core.held_on_row[core.held] = on_row;
		core.held_arg[core.held++] = arg;
	} else if (core.fail || !known) {
		give(on_row, arg, core.fail ? core.fail : TROUPE_EKIND, NULL, false);
	} else if (!row && to->create) {
		give(on_row, arg, 0, create(to), true);
	} else {
		give(on_row, arg, row ? 0 : TROUPE_ENOTFOUND, row, false);
	}
}

static void core_wakes(int error)
{
	static const struct tr_actor_row row = { 7, "id7", "w", "/", 1700000000000 };

	for (unsigned i = 0; i < core.held; i++)
		give(core.held_on_row[i], core.held_arg[i], error, &row, false);
	core.held = 0;
	core.slow = false;
}

void tr_core_create(struct tr_core *c, const struct tr_address *to, tr_on_row *on_row, void *arg)
{
	struct tr_actor_row *row = find(to);
	struct tr_bytes metadata = { 0 };
	struct tr_failure failure = failure_of(TROUPE_EDUPLICATE);

	(void)c;
	if (!row) {
		give(on_row, arg, 0, create(to), true);
		return;
	}
	tr_put_map(&metadata, 2);
	tr_put_text(&metadata, "existing_actor_id");
	tr_put_text(&metadata, row->id);
	tr_put_text(&metadata, "key");
	tr_put_text(&metadata, row->key);
	failure.metadata = tr_bytes_value(&metadata);
	on_row(arg, &failure, NULL, false);
	tr_bytes_free(&metadata);
}

void tr_core_destroy(struct tr_core *c, struct troupe_text id, tr_on_row *on_row, void *arg)
{
	struct tr_actor_row *row = find(&(struct tr_address){ .id = id });

	(void)c;
	if (row)
		row->id = "";
	give(on_row, arg, row ? 0 : TROUPE_ENOTFOUND, row, false);
}

void tr_core_list(struct tr_core *c, struct troupe_text name, uint64_t after, unsigned limit, tr_on_row *on_row, void *arg)
{
	(void)c;
	for (size_t i = 0; i < core.count && limit; i++) {
		if (core.rows[i].num <= after || (name.size && !is(name, core.rows[i].name)))
			continue;
		give(on_row, arg, 0, &core.rows[i], false);
		limit--;
	}
	on_row(arg, NULL, NULL, false);
}

void tr_core_count(const struct tr_core *c, struct tr_core_counts *ret)
{
	(void)c;
	*ret = (struct tr_core_counts){ .actors = 3, .conns = 2, .calls = 1 };
}

struct tr_http_call *tr_core_action(struct tr_core *c, const struct tr_action_request *rq,
	void (*on_answer)(void *arg, const struct tr_failure *failure, struct troupe_value output,
	                  const struct tr_client_actor *actor), void *arg)
{
	(void)c;
	assert_null(core.call);
	core.call = (struct tr_http_call *)&core;
	core.on_answer = on_answer;
	core.arg = arg;
	copy(core.id, rq->to.id);
	copy(core.name, rq->to.name);
	copy(core.key, rq->to.key);
	copy(core.action, rq->action);
	core.create = rq->to.create;
	tr_bytes_clear(&core.args);
	tr_bytes_put(&core.args, rq->args.data, rq->args.size);
	tr_bytes_clear(&core.params);
	tr_bytes_put(&core.params, rq->params.data, rq->params.size);
	core.actions++;
	return core.call;
}

void tr_core_abandon(struct tr_http_call *call)
{
	assert_ptr_equal(call, core.call);
	core.call = NULL;
	core.abandoned++;
}

static const struct tr_client_actor the_actor = { { "id1", 3 }, 4, { "a/b", 3 } };

static void core_answers(const struct tr_failure *failure, struct troupe_value output)
{
	assert_non_null(core.call);
	core.call = NULL;
	core.on_answer(core.arg, failure, output, &the_actor);
}

static void core_answers_5(void)
{
	core_answers(NULL, (struct troupe_value){ "\x05", 1 });
}

/* ================================================================ the WebSockets that are played */

static struct {
	unsigned adopted, flushed;
	int fd, error;
	bool rivet, create;
	enum tr_encoding encoding;
	char key[200], id[200], name[200], actor_key[200], message[200], address[200], rest[200];
	struct tr_bytes params;
} ws;

int tr_ws_new(struct tr_ws **ret, struct event_base *base, struct tr_core *c)
{
	(void)base;
	(void)c;
	*ret = (struct tr_ws *)&ws;
	return 0;
}

struct tr_ws *tr_ws_free(struct tr_ws *w)
{
	(void)w;
	return NULL;
}

void tr_ws_adopt(struct tr_ws *w, int fd, const struct tr_ws_upgrade *up)
{
	(void)w;
	ws.adopted++;
	ws.fd = fd;
	ws.error = up->error;
	ws.rivet = up->rivet;
	ws.create = up->request.to.create;
	ws.encoding = up->request.encoding;
	copy(ws.key, up->key);
	copy(ws.id, up->request.to.id);
	copy(ws.name, up->request.to.name);
	copy(ws.actor_key, up->request.to.key);
	copy(ws.message, tr_text(up->message, up->message ? strlen(up->message) : 0));
	copy(ws.address, up->address);
	copy(ws.rest, tr_text(up->rest, up->rest_size));
	tr_bytes_clear(&ws.params);
	tr_bytes_put(&ws.params, up->request.params.data, up->request.params.size);
}

size_t tr_ws_count(const struct tr_ws *w)
{
	(void)w;
	return 0;
}

void tr_ws_flush(struct tr_ws *w)
{
	(void)w;
	ws.flushed++;
}

/* ================================================================ the client that is played */

struct world {
	struct event_base *base;
	struct tr_gate *gate;
	int listening, port, client;
	struct tr_bytes reply;  /* the last one, whole */
	int status;
	const char *body;       /* in it */
};

static int dial(const struct world *w)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)w->port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static struct world *begin_with(const char *token, const char *const *origins)
{
	struct world *w = calloc(1, sizeof(*w));
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);

	memset(&core, 0, sizeof(core));
	memset(&ws, 0, sizeof(ws));
	w->base = event_base_new();
	w->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->listening, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(w->listening, 64), 0);
	getsockname(w->listening, (struct sockaddr *)&at, &size);
	w->port = ntohs(at.sin_port);
	assert_int_equal(tr_gate_new(&w->gate, &(struct tr_gate_options){
		.base = w->base,
		.core = (struct tr_core *)&core,
		.listen_fd = w->listening,
		.version = "1.2.3",
		.origins = origins,
		.token = token,
	}), 0);
	w->client = dial(w);
	return w;
}

static struct world *begin(void)
{
	return begin_with(NULL, NULL);
}

static void end(struct world *w)
{
	tr_gate_free(w->gate);
	if (ws.adopted)
		close(ws.fd);
	close(w->client);
	close(w->listening);
	event_base_free(w->base);
	tr_bytes_free(&w->reply);
	tr_bytes_free(&core.args);
	tr_bytes_free(&core.params);
	tr_bytes_free(&ws.params);
	free(w);
}

static void settle(struct world *w)
{
	for (int i = 0; i < 10; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* The size that a whole reply has, 0 while its head is not whole. */
static size_t reply_size(struct world *w, bool head_only)
{
	const char *text = tr_bytes_text(&w->reply), *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");

	if (!end)
		return 0;
	return (size_t)(end - text) + 4 + (length && length < end && !head_only ? strtoul(length + 16, NULL, 10) : 0);
}

/* Reads one reply, running the loop meanwhile. status 0: the connection was closed instead. */
static int hear_on(struct world *w, int fd, bool head_only)
{
	size_t size = 0;

	tr_bytes_clear(&w->reply);
	while (!size || w->reply.size < size) {
		char buffer[65536];
		ssize_t n;

		event_base_loop(w->base, EVLOOP_NONBLOCK);
		n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (!n || (n < 0 && errno != EAGAIN))
			break;
		if (n > 0)
			tr_bytes_put(&w->reply, buffer, (size_t)n);
		size = reply_size(w, head_only);
	}
	w->status = w->reply.size > 12 ? atoi((char *)w->reply.data + 9) : 0;
	tr_bytes_text(&w->reply);
	w->body = size ? strstr((char *)w->reply.data, "\r\n\r\n") + 4 : "";
	return w->status;
}

static void say_sized(struct world *w, const void *data, size_t size)
{
	assert_int_equal(send(w->client, data, size, MSG_NOSIGNAL), size);
}

static void say(struct world *w, const char *text)
{
	say_sized(w, text, strlen(text));
}

/* Sends a request without waiting for its answer; headers: whole lines. */
static void start(struct world *w, const char *method, const char *target, const char *headers, const char *body, size_t size)
{
	struct tr_bytes text = { 0 };

	tr_bytes_printf(&text, "%s %s HTTP/1.1\r\nHost: h:6420\r\nContent-Length: %zu\r\n%s\r\n", method, target, size, headers);
	tr_bytes_put(&text, body, size);
	say_sized(w, text.data, text.size);
	tr_bytes_free(&text);
}

/* The status of the answer. */
static int ask(struct world *w, const char *method, const char *target, const char *headers, const char *body)
{
	start(w, method, target, headers, body, strlen(body));
	return hear_on(w, w->client, !strcmp(method, "HEAD"));
}

static int get(struct world *w, const char *target)
{
	return ask(w, "GET", target, "", "");
}

/* The value of a header of the last reply, NULL when there is none. */
static const char *header(struct world *w, const char *name)
{
	static char value[1000];
	struct troupe_text rest = tr_text(w->reply.data, (size_t)(w->body - (char *)w->reply.data)), line;

	while (tr_text_split(&rest, '\n', &line)) {
		if (!tr_text_skip_nocase(&line, name) || !tr_text_skip(&line, ": "))
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)line.size - 1, line.data);
		return value;
	}
	return NULL;
}

#define assert_header(w, name, what) \
	do { \
		const char *v_ = header((w), (name)); \
		assert_non_null(v_); \
		assert_string_equal(v_, (what)); \
	} while (0)

/* An error answer: its group and code stand in the body, and in x-rivet-error when no actor sent it. */
#define assert_error(w, status_, name) \
	do { \
		char code_[100], *dot_; \
		assert_int_equal((w)->status, (status_)); \
		assert_header((w), "content-type", "application/json"); \
		assert_non_null(header((w), "x-rivet-ray-id")); \
		assert_header((w), "x-rivet-error", (name)); \
		dot_ = strchr((name), '.'); \
		snprintf(code_, sizeof(code_), "\"code\":\"%s\",\"group\":\"%.*s\"", dot_ + 1, (int)(dot_ - (name)), (name)); \
		assert_non_null(strstr((w)->body, code_)); \
	} while (0)

/* ================================================================ what anybody may get */

TEST(metadata_names_the_runtime_and_never_an_endpoint)
{
	struct world *w = begin();

	assert_int_equal(get(w, "/metadata?namespace=default"), 200);
	assert_string_equal(w->body, "{\"runtime\":\"troupe\",\"version\":\"1.2.3\"}");
	assert_header(w, "content-type", "application/json");
	assert_null(header(w, "x-rivet-ray-id"));
	end(w);
}

TEST(health_counts)
{
	struct world *w = begin();

	assert_int_equal(get(w, "/health"), 200);
	assert_string_equal(w->body, "{\"status\":\"ok\",\"actors\":3,\"connections\":2,\"calls\":1,\"http\":1}");
	end(w);
}

TEST(the_page_is_served)
{
	struct world *w = begin();

	assert_int_equal(get(w, "/"), 200);
	assert_string_equal(w->body, "<html>");
	assert_header(w, "content-type", "text/html; charset=utf-8");
	assert_header(w, "etag", "\"abc\"");
	assert_header(w, "cache-control", "no-cache");
	assert_header(w, "x-content-type-options", "nosniff");
	assert_non_null(strstr(header(w, "content-security-policy"), "default-src 'none'"));
	assert_int_equal(get(w, "/app.js?v=1"), 200);
	assert_header(w, "content-type", "text/javascript; charset=utf-8");
	assert_int_equal(ask(w, "HEAD", "/app.js", "", ""), 200);
	assert_header(w, "content-length", "2");
	assert_string_equal(w->body, "");
	get(w, "/nothing.js");
	assert_error(w, 404, "request.route_not_found");
	ask(w, "POST", "/app.js", "", "x");
	assert_error(w, 405, "actor.method_not_allowed");
	assert_header(w, "allow", "GET, HEAD");
	end(w);
}

TEST(a_page_that_did_not_change_is_not_sent_again)
{
	struct world *w = begin();

	assert_int_equal(ask(w, "GET", "/", "If-None-Match: \"x\", W/\"abc\"\r\n", ""), 304);
	assert_header(w, "etag", "\"abc\"");
	assert_null(header(w, "content-length"));
	assert_int_equal(ask(w, "GET", "/", "If-None-Match: *\r\n", ""), 304);
	assert_int_equal(ask(w, "GET", "/", "If-None-Match: \"abcd\"\r\n", ""), 200);
	end(w);
}

TEST(unknown_paths_are_no_missing_actors)
{
	struct world *w = begin();
	static const char *const paths[] = {
		"/x", "/actorsx", "/gateway", "/gateway/", "/gateway/@t/action/x", "/gateway/id//action/x", "/actors/a/b",
		"/devtools/mod.js", "/metadata/", "/ACTORS",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		get(w, paths[i]);
		assert_error(w, 404, "request.route_not_found");
	}
	end(w);
}

/* ================================================================ CORS */

TEST(preflights_are_answered_everywhere)
{
	struct world *w = begin();
	static const char *const paths[] = { "/metadata", "/actors", "/gateway/w/action/x?rvt-key=1", "/no/where", "*" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		assert_int_equal(ask(w, "OPTIONS", paths[i], "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: PUT\r\n"
		                     "Access-Control-Request-Headers: content-type,x-rivet-token\r\n", ""), 204);
		assert_header(w, "access-control-allow-origin", "http://localhost:3000");
		assert_header(w, "access-control-allow-credentials", "true");
		assert_header(w, "access-control-allow-methods", "GET, POST, PUT, DELETE, OPTIONS, PATCH");
		assert_header(w, "access-control-allow-headers", "content-type,x-rivet-token");
		assert_header(w, "access-control-max-age", "86400");
		assert_header(w, "vary", "Origin");
		assert_null(header(w, "content-length"));
	}
	end(w);
}

TEST(every_answer_carries_cors_headers)
{
	struct world *w = begin();
	static const char *const paths[] = { "/metadata", "/", "/actors?name=w&key=x", "/gateway/nobody/action/x", "/nothing" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		ask(w, "GET", paths[i], "Origin: https://h\r\n", "");
		assert_header(w, "access-control-allow-origin", "https://h");
		assert_header(w, "access-control-allow-credentials", "true");
		assert_header(w, "access-control-expose-headers", "*");
		assert_header(w, "vary", "Origin");
	}
	end(w);
}

TEST(other_origins_are_refused)
{
	static const char *const origins[] = { "https://app.example.org", NULL };
	struct world *w = begin_with(NULL, origins);

	ask(w, "GET", "/metadata", "Origin: https://evil.example.org\r\n", "");
	assert_error(w, 403, "auth.forbidden");
	assert_null(header(w, "access-control-allow-origin"));
	ask(w, "OPTIONS", "/actors", "Origin: https://evil.example.org\r\n", "");
	assert_int_equal(w->status, 403);
	ask(w, "PUT", "/actors", "Origin: null\r\n", "{\"name\":\"w\",\"key\":\"x\"}");
	assert_error(w, 403, "auth.forbidden");
	assert_int_equal(core.count, 0);
	assert_int_equal(ask(w, "GET", "/metadata", "Origin: https://app.example.org\r\n", ""), 200);
	end(w);
}

/* ================================================================ control routes */

TEST(put_gets_or_creates)
{
	struct world *w = begin();

	assert_int_equal(ask(w, "PUT", "/actors?namespace=default", "", "{\"name\":\"w\",\"key\":\"a\\\\/b/c,d\","
	                     "\"runner_name_selector\":\"default\",\"crash_policy\":\"sleep\"}"), 200);
	assert_string_equal(w->body, "{\"actor\":{\"actor_id\":\"id1\",\"name\":\"w\",\"key\":\"a\\\\/b/c/d\","
	                    "\"create_ts\":1700000000000,\"destroy_ts\":null},\"created\":true}");
	assert_int_equal(ask(w, "PUT", "/actors", "", "{\"name\":\"w\",\"key\":\"a\\\\/b/c/d\"}"), 200);
	assert_non_null(strstr(w->body, "\"created\":false"));
	assert_int_equal(core.count, 1);
	assert_int_equal(ask(w, "PUT", "/actors", "", "{\"name\":\"plain\",\"key\":null}"), 200);
	assert_non_null(strstr(w->body, "\"key\":\"/\""));
	ask(w, "PUT", "/actors", "", "{\"name\":\"unheard\",\"key\":\"x\"}");
	assert_error(w, 404, "actor.not_registered");
	end(w);
}

TEST(post_creates_once)
{
	struct world *w = begin();

	assert_int_equal(ask(w, "POST", "/actors?namespace=default", "", "{\"name\":\"w\",\"key\":\"k\"}"), 200);
	assert_string_equal(w->body, "{\"actor\":{\"actor_id\":\"id1\",\"name\":\"w\",\"key\":\"k\","
	                    "\"create_ts\":1700000000000,\"destroy_ts\":null}}");
	ask(w, "POST", "/actors?namespace=default", "", "{\"name\":\"w\",\"key\":\"k\"}");
	assert_error(w, 400, "actor.duplicate_key");
	assert_non_null(strstr(w->body, "\"metadata\":{\"existing_actor_id\":\"id1\",\"key\":\"k\"}"));
	end(w);
}

TEST(input_comes_in_standard_base64)
{
	struct world *w = begin();

	assert_int_equal(ask(w, "PUT", "/actors", "", "{\"name\":\"w\",\"key\":\"i\",\"input\":\"uQABYWEB\"}"), 200);
	assert_true(core.input.size > 0);
	assert_int_equal(ask(w, "PUT", "/actors", "", "{\"name\":\"w\",\"key\":\"j\",\"input\":null}"), 200);
	assert_int_equal(core.input.size, 0);
	ask(w, "PUT", "/actors", "", "{\"name\":\"w\",\"key\":\"k\",\"input\":\"_-\"}");
	assert_error(w, 400, "guard.query_invalid_base64_input");
	ask(w, "PUT", "/actors", "", "{\"name\":\"w\",\"key\":\"k\",\"input\":\"/w==\"}");
	assert_error(w, 400, "guard.query_invalid_cbor_input");
	assert_int_equal(core.count, 2);
	end(w);
}

TEST(bad_bodies_are_told_what_is_wrong)
{
	static const struct { const char *body, *hint; } cases[] = {
		{ "", "not JSON" }, { "{", "not JSON" }, { "[]", "name" }, { "{}", "name" }, { "{\"name\":\"\"}", "name" },
		{ "{\"name\":7}", "name" }, { "{\"name\":null}", "name" }, { "{\"name\":\"a\\u0000b\"}", "name" },
		{ "{\"name\":\"w\",\"key\":[\"a\"]}", "key" }, { "{\"name\":\"w\",\"key\":\"a\\u0000\"}", "U+0000" },
		{ "{\"name\":\"w\",\"input\":{}}", "input" },
	};
	struct world *w = begin();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ask(w, "PUT", "/actors", "", cases[i].body);
		assert_error(w, 400, "request.invalid");
		if (!strstr(w->body, cases[i].hint))
			fail_msg("%s gives %s", cases[i].body, w->body);
	}
	assert_int_equal(core.count, 0);
	end(w);
}

TEST(a_key_too_large_is_refused)
{
	struct world *w = begin();
	char body[400];

	snprintf(body, sizeof(body), "{\"name\":\"w\",\"key\":\"%0*d\"}", TR_KEY_PART_BYTES_MAX + 1, 0);
	ask(w, "PUT", "/actors", "", body);
	assert_error(w, 400, "actor.key_too_large");
	end(w);
}

TEST(actors_are_found_by_key)
{
	struct world *w = begin();

	add("w", "a b/c\\/d");
	assert_int_equal(get(w, "/actors?name=w&key=a%20b%2Fc%5C%2Fd&namespace=default"), 200);
	assert_string_equal(w->body, "{\"actors\":[{\"actor_id\":\"id1\",\"name\":\"w\",\"key\":\"a b/c\\\\/d\","
	                    "\"create_ts\":1700000000000,\"destroy_ts\":null}],\"pagination\":{\"cursor\":null}}");
	assert_int_equal(get(w, "/actors?name=w&key=missing"), 200);
	assert_string_equal(w->body, "{\"actors\":[],\"pagination\":{\"cursor\":null}}");
	assert_int_equal(get(w, "/actors?name=unheard&key=x"), 200);
	assert_string_equal(w->body, "{\"actors\":[],\"pagination\":{\"cursor\":null}}");
	get(w, "/actors?key=x");
	assert_error(w, 400, "request.invalid");
	core.fail = TROUPE_ESTORE;
	get(w, "/actors?name=w&key=missing");
	assert_error(w, 500, "storage.failed");
	end(w);
}

TEST(actors_are_found_by_id)
{
	struct world *w = begin();

	add("w", "a");
	add("w", "b");
	assert_int_equal(get(w, "/actors?actor_ids=id2,nobody,id1&namespace=default"), 200);
	assert_non_null(strstr(w->body, "id2"));
	assert_true(strstr(w->body, "id2") < strstr(w->body, "id1"));
	assert_int_equal(get(w, "/actors?actor_ids=nobody"), 200);
	assert_string_equal(w->body, "{\"actors\":[],\"pagination\":{\"cursor\":null}}");
	assert_int_equal(get(w, "/actors?actor_ids=id1&actor_ids=id2&name=w"), 200);
	assert_non_null(strstr(w->body, "id2"));
	assert_int_equal(get(w, "/actors?actor_ids=1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2"), 200);
	get(w, "/actors?actor_ids=1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3");
	assert_error(w, 400, "request.invalid");
	end(w);
}

TEST(lists_come_in_pages)
{
	static const char *const bad[] = { "limit=0", "limit=1001", "limit=x", "limit=-1", "cursor=x", "limit=99999999999999999999" };
	struct world *w = begin();

	add("w", "a");
	add("plain", "x");
	add("w", "b");
	add("w", "c");
	assert_int_equal(get(w, "/actors?name=w&limit=2"), 200);
	assert_non_null(strstr(w->body, "id1"));
	assert_null(strstr(w->body, "id4"));
	assert_non_null(strstr(w->body, "\"cursor\":\"3\""));
	assert_int_equal(get(w, "/actors?name=w&limit=2&cursor=3"), 200);
	assert_null(strstr(w->body, "id1"));
	assert_non_null(strstr(w->body, "id4"));
	assert_non_null(strstr(w->body, "\"cursor\":null"));
	assert_int_equal(get(w, "/actors"), 200);
	assert_non_null(strstr(w->body, "id2"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char url[100];

		snprintf(url, sizeof(url), "/actors?name=w&%s", bad[i]);
		get(w, url);
		assert_error(w, 400, "request.invalid");
	}
	end(w);
}

TEST(deleting_may_be_repeated)
{
	struct world *w = begin();

	add("w", "a");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ask(w, "DELETE", "/actors/id1?namespace=default", "", ""), 200);
		assert_string_equal(w->body, "{}");
	}
	assert_int_equal(ask(w, "DELETE", "/actors/", "", ""), 200); /* nobody has the empty id */
	ask(w, "GET", "/actors/id1", "", "");
	assert_error(w, 405, "actor.method_not_allowed");
	ask(w, "PATCH", "/actors", "", "");
	assert_error(w, 405, "actor.method_not_allowed");
	end(w);
}

TEST(a_client_that_goes_leaves_an_orphan_behind)
{
	struct world *w = begin();

	core.slow = true;
	start(w, "GET", "/actors?actor_ids=a,b", "", "", 0);
	settle(w);
	assert_int_equal(core.held, 2);
	shutdown(w->client, SHUT_RDWR);
	settle(w);
	assert_int_equal(w->gate->count, 0);
	assert_false(tr_list_empty(&w->gate->orphans));
	core_wakes(0);
	assert_true(tr_list_empty(&w->gate->orphans));
	end(w);
}

TEST(the_core_may_answer_after_the_gate_has_gone)
{
	struct world *w = begin();

	core.slow = true;
	start(w, "PUT", "/actors", "", "{\"name\":\"w\"}", 12);
	settle(w);
	end(w);
	assert_int_equal(core.held, 1);
	core_wakes(TROUPE_EDRAINING);
}

TEST(a_late_answer_arrives)
{
	struct world *w = begin();

	core.slow = true;
	start(w, "GET", "/actors?actor_ids=a,b", "", "", 0);
	settle(w);
	core_wakes(0);
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_non_null(strstr(w->body, "id7"));
	core.slow = true;
	start(w, "PUT", "/actors", "", "{\"name\":\"w\"}", 12);
	settle(w);
	core_wakes(TROUPE_EDRAINING);
	hear_on(w, w->client, false);
	assert_error(w, 503, "ws.going_away");
	end(w);
}

/* ================================================================ actions */

#define BY_KEY "?rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default&rvt-key=a%2Cb&rvt-crash-policy=sleep"

static void start_action(struct world *w, const char *target, const char *headers, const char *body, size_t size)
{
	start(w, "POST", target, headers, body, size);
	settle(w);
}

TEST(an_action_by_key_is_run)
{
	struct world *w = begin();

	start_action(w, "/gateway/w/action/weird%2Fname" BY_KEY, "x-rivet-encoding: json\r\n", "{\"args\":[5]}", 12);
	assert_int_equal(core.actions, 1);
	assert_string_equal(core.name, "w");
	assert_string_equal(core.key, "a/b");
	assert_string_equal(core.id, "");
	assert_string_equal(core.action, "weird/name");
	assert_true(core.create);
	assert_int_equal(core.args.size, 2);
	assert_memory_equal(core.args.data, "\x91\x05", 2);
	assert_int_equal(core.params.size, 0);
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_string_equal(w->body, "{\"output\":5}");
	assert_header(w, "content-type", "application/json");
	assert_header(w, "x-rivet-actor", "id1");
	assert_header(w, "x-rivet-actor-generation", "4");
	assert_header(w, "x-rivet-actor-key", "a/b");
	assert_header(w, "access-control-allow-origin", "*");
	end(w);
}

TEST(an_action_by_id_is_run)
{
	struct world *w = begin();

	start_action(w, "/gateway/id1@tok/action/add", "", "", 0);
	assert_string_equal(core.id, "id1");
	assert_false(core.create);
	assert_int_equal(core.args.size, 1); /* no body: no arguments */
	assert_memory_equal(core.args.data, "\x90", 1);
	core_answers(NULL, (struct troupe_value){ NULL, 0 });
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_string_equal(w->body, "{\"output\":[\"$Undefined\",0]}");
	end(w);
}

TEST(actions_speak_all_encodings)
{
	struct world *w = begin();

	start_action(w, "/gateway/id1/action/add", "X-Rivet-Encoding: bare\r\n", "\x04\x00\x02\x81\x05", 5);
	assert_memory_equal(core.args.data, "\x91\x05", 2);
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_header(w, "content-type", "application/octet-stream");
	assert_memory_equal(w->body, "\x04\x00\x01\x05", 4);
	start_action(w, "/gateway/id1/action/add", "x-rivet-encoding: cbor\r\nTransfer-Encoding: chunked\r\n", "", 0);
	hear_on(w, w->client, false);
	assert_int_equal(w->status, 400); /* with a length as well: start() always sends one */
	close(w->client);
	w->client = dial(w);
	start_action(w, "/gateway/id1/action/add", "x-rivet-encoding: cbor\r\n", "\xb9\x00\x01\x64\x61rgs\x81\x05", 10);
	assert_memory_equal(core.args.data, "\x91\x05", 2);
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_memory_equal(w->body, "\xa1\x66output\x05", 9);
	/* Unknown ones are JSON. */
	start_action(w, "/gateway/id1/action/add", "x-rivet-encoding: morse\r\n", "{\"args\":[]}", 11);
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_string_equal(w->body, "{\"output\":5}");
	end(w);
}

TEST(a_chunked_body_is_decoded)
{
	struct world *w = begin();

	say(w, "POST /gateway/id1/action/add HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\nx-rivet-encoding: json\r\n"
	       "transfer-encoding: chunked\r\n\r\nb\r\n{\"args\":[1]\r\n1\r\n}\r\n0\r\n\r\n");
	settle(w);
	assert_memory_equal(core.args.data, "\x91\x01", 2);
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	end(w);
}

TEST(an_actors_error_comes_in_the_encoding_of_the_request)
{
	struct world *w = begin();
	struct tr_failure failure = failure_of(TROUPE_EFORBIDDEN);

	failure.actor = &the_actor;
	start_action(w, "/gateway/id1/action/add", "x-rivet-encoding: json\r\n", "", 0);
	core_answers(&failure, (struct troupe_value){ NULL, 0 });
	assert_int_equal(hear_on(w, w->client, false), 403);
	assert_string_equal(w->body, "{\"actor\":{\"actorId\":\"id1\",\"generation\":4,\"key\":\"a/b\"},\"code\":\"forbidden\","
	                    "\"group\":\"auth\",\"message\":\"This is not allowed.\"}");
	assert_null(header(w, "x-rivet-error"));
	assert_non_null(header(w, "x-rivet-ray-id"));
	start_action(w, "/gateway/id1/action/add", "x-rivet-encoding: bare\r\n", "", 0);
	failure.actor = NULL;
	core_answers(&failure, (struct troupe_value){ NULL, 0 });
	assert_int_equal(hear_on(w, w->client, false), 403);
	assert_header(w, "content-type", "application/octet-stream");
	assert_header(w, "x-rivet-error", "auth.forbidden");
	assert_memory_equal(w->body, "\x04\x00\x04" "auth\x09" "forbidden\x14" "This is not allowed.\x00\x00", 2 + 5 + 10 + 21 + 2);
	end(w);
}

TEST(a_key_that_no_header_can_carry_is_left_out)
{
	struct world *w = begin();
	struct tr_client_actor actor = { { "id1", 3 }, 1, { "a\r\nSet-Cookie: x", 16 } };

	start_action(w, "/gateway/id1/action/add", "", "", 0);
	core.call = NULL;
	core.on_answer(core.arg, NULL, (struct troupe_value){ "\x05", 1 }, &actor);
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_null(header(w, "set-cookie"));
	assert_null(header(w, "x-rivet-actor-key"));
	assert_header(w, "x-rivet-actor", "id1");
	end(w);
}

TEST(parameters_come_as_latin1)
{
	struct world *w = begin();
	struct troupe_value name;
	struct troupe_text text;

	start_action(w, "/gateway/id1/action/add", "x-rivet-conn-params: {\"name\":\"\xfcn\xef\"}\r\n", "", 0);
	assert_int_equal(core.actions, 1);
	assert_true(tr_value_member(tr_bytes_value(&core.params), "name", &name));
	assert_true(tr_value_text(name, &text));
	assert_int_equal(text.size, 5);
	assert_memory_equal(text.data, "\xc3\xbcn\xc3\xaf", 5);
	core_answers_5();
	hear_on(w, w->client, false);
	ask(w, "POST", "/gateway/id1/action/add", "x-rivet-conn-params: {name\r\n", "");
	assert_error(w, 400, "request.invalid");
	assert_non_null(strstr(w->body, "x-rivet-conn-params"));
	end(w);
}

TEST(parameters_are_bounded)
{
	struct world *w = begin();
	struct tr_bytes line = { 0 };

	for (size_t size = TR_PARAMS_BYTES_MAX; size <= TR_PARAMS_BYTES_MAX + 1; size++) {
		tr_bytes_clear(&line);
		tr_bytes_put_text(&line, "x-rivet-conn-params: \"\xfc"); /* two bytes as UTF-8 */
		for (size_t i = 4; i < size; i++)
			tr_bytes_put_byte(&line, 'x');
		tr_bytes_put_text(&line, "\"\r\n");
		start_action(w, "/gateway/id1/action/add", tr_bytes_text(&line), "", 0);
		if (size > TR_PARAMS_BYTES_MAX)
			break;
		core_answers_5();
		assert_int_equal(hear_on(w, w->client, false), 200);
	}
	hear_on(w, w->client, false);
	assert_error(w, 400, "request.connection_params_too_large");
	tr_bytes_free(&line);
	end(w);
}

TEST(a_body_of_64_kib_is_taken_and_a_byte_more_is_not)
{
	struct world *w = begin();
	static char body[TR_HTTP_ACTION_BYTES_MAX + 1];

	memset(body, ' ', sizeof(body));
	memcpy(body, "{\"args\":[]}", 11);
	start(w, "POST", "/gateway/id1/action/add", "", body, sizeof(body) - 1);
	settle(w);
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	start(w, "POST", "/gateway/id1/action/add", "", body, sizeof(body));
	hear_on(w, w->client, false);
	assert_error(w, 400, "message.incoming_too_long");
	assert_int_equal(core.actions, 1);
	end(w);
}

TEST(an_answer_over_a_mebibyte_is_an_error)
{
	struct world *w = begin();
	struct tr_bytes output = { 0 };
	char *text = malloc(TR_MESSAGE_OUT_BYTES_MAX);

	memset(text, 'x', TR_MESSAGE_OUT_BYTES_MAX);
	for (size_t more = 0; more < 2; more++) {
		tr_bytes_clear(&output);
		tr_put_str(&output, text, TR_MESSAGE_OUT_BYTES_MAX - strlen("{\"output\":\"\"}") + more);
		start_action(w, "/gateway/id1/action/add", "", "", 0);
		core_answers(NULL, tr_bytes_value(&output));
		hear_on(w, w->client, false);
		if (!more)
			assert_int_equal(w->status, 200);
	}
	assert_error(w, 400, "message.outgoing_too_long");
	tr_bytes_free(&output);
	free(text);
	end(w);
}

TEST(bodies_that_cannot_be_decoded_are_refused)
{
	struct world *w = begin();

	ask(w, "POST", "/gateway/id1/action/add", "", "{\"args\":");
	assert_error(w, 400, "actor.invalid_request");
	ask(w, "POST", "/gateway/id1/action/add", "x-rivet-encoding: bare\r\n", "\x09");
	assert_error(w, 400, "actor.invalid_request");
	ask(w, "POST", "/gateway/id1/action/%ff", "", "");
	assert_error(w, 400, "request.invalid");
	assert_int_equal(core.actions, 0);
	end(w);
}

TEST(who_hangs_up_abandons_the_action)
{
	struct world *w = begin();

	start_action(w, "/gateway/id1/action/add", "", "", 0);
	shutdown(w->client, SHUT_RDWR);
	settle(w);
	assert_int_equal(core.abandoned, 1);
	assert_int_equal(w->gate->count, 0);
	end(w);
}

TEST(the_end_of_the_gate_abandons_actions)
{
	struct world *w = begin();

	start_action(w, "/gateway/id1/action/add", "", "", 0);
	end(w);
	assert_int_equal(core.abandoned, 1);
}

TEST(what_else_a_gateway_is_asked_for)
{
	struct world *w = begin();

	ask(w, "GET", "/gateway/id1/action/add", "", "");
	assert_error(w, 405, "actor.method_not_allowed");
	assert_header(w, "allow", "POST");
	ask(w, "PUT", "/gateway/id1/queue/q", "", "");
	assert_error(w, 405, "actor.method_not_allowed");
	ask(w, "POST", "/gateway/id1/queue/q", "", "{}");
	assert_error(w, 404, "request.route_not_found");
	assert_non_null(strstr(w->body, "queue"));
	assert_int_equal(ask(w, "POST", "/gateway/id1/request/a/b?x", "", "hello"), 404);
	assert_string_equal(w->body, "");
	assert_header(w, "content-length", "0");
	get(w, "/gateway/id1/connect");
	assert_error(w, 404, "request.route_not_found");
	get(w, "/gateway/id1");
	assert_error(w, 404, "request.route_not_found");
	get(w, "/gateway/w/action/x?rvt-key=1");
	assert_error(w, 400, "guard.query_invalid_params");
	get(w, "/gateway/w@t/action/x?rvt-key=1");
	assert_error(w, 400, "guard.query_path_token_syntax");
	end(w);
}

TEST(an_actors_health_needs_the_actor)
{
	struct world *w = begin();

	get(w, "/gateway/nobody/health");
	assert_error(w, 404, "actor.not_found");
	assert_int_equal(get(w, "/gateway/w/health" BY_KEY), 200);
	assert_string_equal(w->body, "ok");
	assert_int_equal(core.count, 1);
	assert_int_equal(get(w, "/gateway/id1/metadata"), 200);
	assert_non_null(strstr(w->body, "{\"runtime\":\"troupe\",\"version\":\"1.2.3\",\"actor\":{\"actor_id\":\"id1\""));
	end(w);
}

TEST(an_actor_may_be_named_by_header)
{
	struct world *w = begin();

	assert_int_equal(ask(w, "GET", "/request/x?y=1", "x-rivet-target: actor\r\nx-rivet-actor: id1\r\n", ""), 404);
	assert_string_equal(w->body, "");
	ask(w, "GET", "/request/x", "x-rivet-target: actor\r\n", "");
	assert_error(w, 400, "guard.missing_header");
	ask(w, "GET", "/request/x", "x-rivet-target: planet\r\nx-rivet-actor: id1\r\n", "");
	assert_error(w, 404, "request.route_not_found");
	ask(w, "GET", "/metadata", "x-rivet-target: actor\r\nx-rivet-actor: id1\r\n", "");
	assert_error(w, 404, "request.route_not_found");
	/* An address in the path comes first. */
	start_action(w, "/gateway/id1/action/add", "x-rivet-target: actor\r\nx-rivet-actor: other\r\n", "", 0);
	assert_string_equal(core.id, "id1");
	core_answers_5();
	hear_on(w, w->client, false);
	end(w);
}

/* ================================================================ the token */

TEST(without_the_token_only_public_things_are_had)
{
	struct world *w = begin_with("tok/en", NULL);
	static const struct { const char *method, *target, *headers; bool let_in; } cases[] = {
		{ "GET", "/metadata", "", true },
		{ "GET", "/health", "", true },
		{ "GET", "/", "", true },
		{ "OPTIONS", "/actors", "", true },
		{ "GET", "/actors", "", false },
		{ "GET", "/actors", "Authorization: Bearer tok/en\r\n", true },
		{ "GET", "/actors", "Authorization: bearer  tok/en\r\n", true },
		{ "GET", "/actors", "Authorization: Bearer tok/em\r\n", false },
		{ "GET", "/actors", "Authorization: Basic tok/en\r\n", false },
		{ "GET", "/actors", "x-rivet-token: tok/en\r\n", true },
		{ "PUT", "/actors", "", false },
		{ "DELETE", "/actors/x", "", false },
		{ "GET", "/gateway/id1/health", "", false },
		{ "GET", "/gateway/id1/health", "x-rivet-token: tok/en\r\n", true },
		{ "GET", "/gateway/id1/health", "x-rivet-token: tok/e\r\n", false },
		{ "GET", "/gateway/id1/health", "x-rivet-token: tok/enn\r\n", false },
		{ "GET", "/gateway/id1/health", "Authorization: Bearer tok/en\r\n", false },
		{ "GET", "/gateway/id1@tok%2Fen/health", "", true },
		{ "GET", "/gateway/id1@wrong/health", "x-rivet-token: tok/en\r\n", false }, /* the path wins */
		{ "GET", "/gateway/w/health" BY_KEY "&rvt-token=tok%2Fen", "", true },
		{ "GET", "/gateway/w/health" BY_KEY "&rvt-token=", "", false },
		{ "GET", "/request/x", "x-rivet-target: actor\r\nx-rivet-actor: id1\r\n", false },
		{ "GET", "/request/x", "x-rivet-target: actor\r\nx-rivet-actor: id1\r\nx-rivet-token: tok/en\r\n", true },
	};

	add("w", "x");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ask(w, cases[i].method, cases[i].target, cases[i].headers, "");
		if ((w->status == 403) == cases[i].let_in)
			fail_msg("%s %s %s gives %d", cases[i].method, cases[i].target, cases[i].headers, w->status);
		if (!cases[i].let_in)
			assert_error(w, 403, "auth.forbidden");
	}
	end(w);
}

TEST(a_body_is_not_read_before_the_token_is_seen)
{
	struct world *w = begin_with("secret", NULL);

	say(w, "PUT /actors HTTP/1.1\r\nHost: h\r\nContent-Length: 6000000\r\n\r\n");
	hear_on(w, w->client, false);
	assert_error(w, 403, "auth.forbidden");
	end(w);
}

/* ================================================================ WebSockets */

#define UPGRADE "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void upgrade(struct world *w, const char *target, const char *headers, const char *rest)
{
	struct tr_bytes text = { 0 };

	if (ws.adopted) {
		close(ws.fd);
		close(w->client);
		w->client = dial(w);
		ws.adopted = 0;
	}
	tr_bytes_printf(&text, "GET %s HTTP/1.1\r\nHost: h:6420\r\n%s" UPGRADE "\r\n%s", target, headers, rest);
	say_sized(w, text.data, text.size);
	tr_bytes_free(&text);
	settle(w);
}

TEST(an_upgrade_is_handed_over)
{
	struct world *w = begin();
	struct troupe_value name;

	upgrade(w, "/gateway/w/connect" BY_KEY, "Sec-WebSocket-Protocol: rivet,rivet_encoding.bare\r\n"
	        "sec-websocket-protocol: rivet_conn_params.%7B%22name%22%3A%22ann%22%7D, rivet_test_ack_hook.x\r\n", "\x82\x01");
	assert_int_equal(ws.adopted, 1);
	assert_int_equal(ws.error, 0);
	assert_true(ws.rivet);
	assert_true(ws.create);
	assert_int_equal(ws.encoding, TR_ENC_BARE);
	assert_string_equal(ws.key, "dGhlIHNhbXBsZSBub25jZQ==");
	assert_string_equal(ws.name, "w");
	assert_string_equal(ws.actor_key, "a/b");
	assert_string_equal(ws.address, "127.0.0.1");
	assert_string_equal(ws.rest, "\x82\x01");
	assert_true(tr_value_member(tr_bytes_value(&ws.params), "name", &name));
	assert_int_equal(w->gate->count, 0);
	end(w);
}

TEST(an_upgrade_may_come_on_a_used_connection)
{
	struct world *w = begin();
	char byte;

	assert_int_equal(get(w, "/metadata"), 200);
	assert_int_equal(ask(w, "PUT", "/actors", "", "{\"name\":\"w\"}"), 200);
	upgrade(w, "/gateway/id1/connect?x=y", "Sec-WebSocket-Protocol: rivet\r\n", "frames");
	assert_int_equal(ws.adopted, 1);
	assert_int_equal(ws.error, 0);
	assert_string_equal(ws.id, "id1");
	assert_int_equal(ws.encoding, TR_ENC_JSON);
	assert_string_equal(ws.rest, "frames");
	assert_int_equal(ws.params.size, 0);
	/* It is the client's very socket. */
	assert_int_equal(send(ws.fd, "x", 1, 0), 1);
	assert_int_equal(recv(w->client, &byte, 1, 0), 1);
	end(w);
}

TEST(an_upgrade_names_its_actor_by_subprotocol)
{
	struct world *w = begin();

	upgrade(w, "/connect", "Sec-WebSocket-Protocol: rivet, rivet_target.actor, rivet_actor.id9, rivet_token.t\r\n", "");
	assert_int_equal(ws.error, 0);
	assert_string_equal(ws.id, "id9");
	upgrade(w, "/connect", "Sec-WebSocket-Protocol: rivet, rivet_target.actor\r\n", "");
	assert_int_equal(ws.error, TROUPE_EHEADER);
	upgrade(w, "/connect", "Sec-WebSocket-Protocol: rivet, rivet_target.planet, rivet_actor.id9\r\n", "");
	assert_int_equal(ws.error, TROUPE_EROUTE);
	upgrade(w, "/websocket/x", "Sec-WebSocket-Protocol: rivet, rivet_target.actor, rivet_actor.id9\r\n", "");
	assert_int_equal(ws.error, TROUPE_EROUTE);
	end(w);
}

TEST(refusals_are_handed_over_too)
{
	struct world *w = begin_with("tok/en", NULL);
	static const struct { const char *target, *headers; int error; } cases[] = {
		{ "/gateway/id1@tok%2Fen/connect", "", 0 },
		{ "/gateway/id1@wrong/connect", "", TROUPE_EFORBIDDEN },
		{ "/gateway/id1/connect", "", TROUPE_EFORBIDDEN },
		{ "/gateway/id1/connect", "Sec-WebSocket-Protocol: rivet,rivet_token.tok%2Fen\r\n", 0 },
		{ "/gateway/id1/connect", "Sec-WebSocket-Protocol: rivet,rivet_token.tok/en\r\n", 0 },
		{ "/gateway/id1/connect", "Sec-WebSocket-Protocol: rivet,rivet_token.tok\r\n", TROUPE_EFORBIDDEN },
		{ "/gateway/w/connect" BY_KEY "&rvt-token=tok/en", "", 0 },
		{ "/gateway/w/connect?rvt-key=1", "", TROUPE_EQUERY },
		{ "/gateway/w@t/connect" BY_KEY, "", TROUPE_EATTOKEN },
		{ "/gateway/id1@tok%2Fen/connect", "Sec-WebSocket-Protocol: rivet,rivet_encoding.morse\r\n", TROUPE_EENCODING },
		{ "/gateway/id1@tok%2Fen/connect", "Origin: http://evil.org\r\n", TROUPE_EFORBIDDEN },
		{ "/gateway/id1@tok%2Fen/connect", "Origin: http://h\r\n", 0 },
		{ "/gateway/id1@tok%2Fen/connect", "Sec-WebSocket-Protocol: rivet_conn_params.%7B\r\n", TROUPE_EINVAL },
		{ "/gateway/id1@tok%2Fen/websocket/x", "", TROUPE_EROUTE },
		{ "/gateway/id1@tok%2Fen/action/x", "", TROUPE_EROUTE },
		{ "/nowhere", "", TROUPE_EROUTE },
		{ "/gateway//x/connect", "", TROUPE_EROUTE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		upgrade(w, cases[i].target, cases[i].headers, "");
		assert_int_equal(ws.adopted, 1);
		if (ws.error != cases[i].error)
			fail_msg("%s %s gives %d", cases[i].target, cases[i].headers, ws.error);
	}
	end(w);
}

TEST(parameters_of_an_upgrade_are_bounded)
{
	struct world *w = begin();
	struct tr_bytes line = { 0 };

	for (size_t size = TR_PARAMS_BYTES_MAX; size <= TR_PARAMS_BYTES_MAX + 1; size++) {
		tr_bytes_clear(&line);
		tr_bytes_put_text(&line, "Sec-WebSocket-Protocol: rivet, rivet_conn_params.%22");
		for (size_t i = 2; i < size; i++)
			tr_bytes_put_text(&line, "%78");
		tr_bytes_put_text(&line, "%22\r\n");
		upgrade(w, "/gateway/id1/connect", tr_bytes_text(&line), "");
		assert_int_equal(ws.error, size > TR_PARAMS_BYTES_MAX ? TROUPE_EPARAMS : 0);
	}
	tr_bytes_free(&line);
	end(w);
}

TEST(what_is_no_upgrade_is_refused_by_http)
{
	static const struct { const char *text; int status; } cases[] = {
		{ "POST /gateway/i/connect HTTP/1.1\r\nHost: h\r\n" UPGRADE "\r\n", 400 },
		{ "GET /gateway/i/connect HTTP/1.0\r\n" UPGRADE "\r\n", 400 },
		{ "GET /gateway/i/connect HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n" UPGRADE "\r\nx", 400 },
		{ "GET /gateway/i/connect HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 400 },
		{ "GET /gateway/i/connect HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n\r\n", 400 },
		{ "GET /gateway/i/connect HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSE=!\r\n\r\n", 400 },
		{ "GET /gateway/i/connect HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Version: 13\r\n\r\n", 400 },
		{ "GET /gateway/i/connect HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
		  "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 426 },
	};
	struct world *w = begin();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		say(w, cases[i].text);
		if (hear_on(w, w->client, false) != cases[i].status)
			fail_msg("%s gives %d", cases[i].text, w->status);
		assert_int_equal(ws.adopted, 0);
		if (cases[i].status == 426)
			assert_header(w, "sec-websocket-version", "13");
		close(w->client);
		w->client = dial(w);
	}
	/* Another protocol is none of our business: the request goes on as it is. */
	assert_int_equal(ask(w, "GET", "/health", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", ""), 200);
	end(w);
}

TEST(frames_leave_at_the_end_of_the_turn)
{
	struct world *w = begin();

	tr_gate_flush(w->gate);
	assert_int_equal(ws.flushed, 1);
	end(w);
}

/* ================================================================ room, and the end */

TEST(malformed_requests_get_json)
{
	struct world *w = begin();

	say(w, "GET / HTTP/1.1\r\nHost: h\r\nbroken\r\n\r\n");
	hear_on(w, w->client, false);
	assert_error(w, 400, "request.invalid");
	assert_header(w, "connection", "close");
	end(w);
}

TEST(stopping_takes_no_more_but_answers_what_waits)
{
	struct world *w = begin();
	int other = dial(w), late;
	char byte;

	start_action(w, "/gateway/id1/action/add", "", "", 0);
	assert_int_equal(w->gate->count, 2);
	tr_gate_stop(w->gate);
	assert_int_equal(recv(other, &byte, 1, 0), 0); /* it was idle */
	late = dial(w);
	settle(w);
	assert_int_equal(w->gate->count, 1); /* it waits for the next process */
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	assert_header(w, "connection", "close");
	close(other);
	close(late);
	end(w);
}

/* No more descriptors than there are now, and `more`. Returns what it was. */
static rlim_t limit_descriptors(int more)
{
	struct rlimit limit;
	int lowest = dup(0);
	rlim_t before;

	close(lowest);
	getrlimit(RLIMIT_NOFILE, &limit);
	before = limit.rlim_cur;
	limit.rlim_cur = (rlim_t)(lowest + more);
	setrlimit(RLIMIT_NOFILE, &limit);
	return before;
}

static void unlimit_descriptors(rlim_t before)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = before;
	setrlimit(RLIMIT_NOFILE, &limit);
}

TEST(out_of_descriptors_the_idle_make_room)
{
	struct world *w = begin();
	int other = dial(w);
	rlim_t before = limit_descriptors(1);
	char byte;

	settle(w);
	assert_int_equal(recv(w->client, &byte, 1, 0), 0); /* the first to come was the first to go */
	send(other, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n", 33, 0);
	assert_int_equal(hear_on(w, other, false), 200);
	unlimit_descriptors(before);
	close(other);
	end(w);
}

TEST(out_of_descriptors_with_nobody_idle_the_rest_waits)
{
	struct world *w = begin();
	int other = dial(w), turns = 0;
	rlim_t before;
	struct timeval some_time = { 0, 50000 };

	send(other, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n", 33, 0);
	before = limit_descriptors(1);
	start_action(w, "/gateway/id1/action/add", "Connection: close\r\n", "", 0);
	assert_true(w->gate->paused);
	/* It does not spin: one turn at most while nothing happens. */
	event_base_loopexit(w->base, &some_time);
	for (; !event_base_got_exit(w->base) && turns < 100; turns++)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_true(turns <= 3);
	core_answers_5();
	assert_int_equal(hear_on(w, w->client, false), 200);
	shutdown(w->client, SHUT_RDWR);
	assert_int_equal(hear_on(w, other, false), 200);
	assert_false(w->gate->paused);
	unlimit_descriptors(before);
	close(other);
	end(w);
}

TESTS(RUN(metadata_names_the_runtime_and_never_an_endpoint), RUN(health_counts), RUN(the_page_is_served),
      RUN(a_page_that_did_not_change_is_not_sent_again), RUN(unknown_paths_are_no_missing_actors),
      RUN(preflights_are_answered_everywhere), RUN(every_answer_carries_cors_headers), RUN(other_origins_are_refused),
      RUN(put_gets_or_creates), RUN(post_creates_once), RUN(input_comes_in_standard_base64),
      RUN(bad_bodies_are_told_what_is_wrong), RUN(a_key_too_large_is_refused), RUN(actors_are_found_by_key),
      RUN(actors_are_found_by_id), RUN(lists_come_in_pages), RUN(deleting_may_be_repeated),
      RUN(a_client_that_goes_leaves_an_orphan_behind), RUN(the_core_may_answer_after_the_gate_has_gone), RUN(a_late_answer_arrives),
      RUN(an_action_by_key_is_run), RUN(an_action_by_id_is_run), RUN(actions_speak_all_encodings),
      RUN(a_chunked_body_is_decoded), RUN(an_actors_error_comes_in_the_encoding_of_the_request),
      RUN(a_key_that_no_header_can_carry_is_left_out), RUN(parameters_come_as_latin1), RUN(parameters_are_bounded),
      RUN(a_body_of_64_kib_is_taken_and_a_byte_more_is_not), RUN(an_answer_over_a_mebibyte_is_an_error),
      RUN(bodies_that_cannot_be_decoded_are_refused), RUN(who_hangs_up_abandons_the_action),
      RUN(the_end_of_the_gate_abandons_actions), RUN(what_else_a_gateway_is_asked_for), RUN(an_actors_health_needs_the_actor),
      RUN(an_actor_may_be_named_by_header), RUN(without_the_token_only_public_things_are_had),
      RUN(a_body_is_not_read_before_the_token_is_seen), RUN(an_upgrade_is_handed_over),
      RUN(an_upgrade_may_come_on_a_used_connection), RUN(an_upgrade_names_its_actor_by_subprotocol),
      RUN(refusals_are_handed_over_too), RUN(parameters_of_an_upgrade_are_bounded), RUN(what_is_no_upgrade_is_refused_by_http),
      RUN(frames_leave_at_the_end_of_the_turn), RUN(malformed_requests_get_json),
      RUN(stopping_takes_no_more_but_answers_what_waits), RUN(out_of_descriptors_the_idle_make_room),
      RUN(out_of_descriptors_with_nobody_idle_the_rest_waits))
