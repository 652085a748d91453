/* SPDX-License-Identifier: Apache-2.0 */
/* The front desk over real sockets, between a client that a test plays and a core, a WebSocket engine and a page that are
 * played as well: they are defined here, so the real ones are not linked. For one test program to include. */
#ifndef TR_TESTS_DESK_WORLD_H
#define TR_TESTS_DESK_WORLD_H

#include "tests/kit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/gate/exchange.h"
#include "runtime/gate/page.h"
#include "runtime/gate/text.h"

/* ---- the page that is played */

const struct tr_page_file tr_page_files[] = {
	{ "/", "text/html; charset=utf-8", "\"abc\"", "<html>", 6 },
	{ "/app.js", "text/javascript; charset=utf-8", "\"def\"", "1;", 2 },
	{ 0 }
};

/* ---- the core that is played */

#define ROWS_MAX 8

static struct {
	struct tr_actor_row rows[ROWS_MAX];
	char texts[ROWS_MAX][4][256];     /* what the rows point to */
	size_t count;
	bool slow;                        /* resolve answers at core_wakes */
	unsigned sleeps;                  /* actors that were put to sleep */
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
	bool create, observes;
	struct tr_bytes args, params;
	unsigned actions, abandoned;
	void (*on_sent)(void *, const struct tr_failure *, bool, struct troupe_value, const struct tr_client_actor *);
	bool wait;                        /* of the last message, whose queue and body are action and args */
	int64_t timeout_ms;

	/* The last plain request, and what is answered to it from the loop; status 0: an empty 404. */
	struct event_base *base;
	char method[200], path[200], url[200], body[200], headers[2000], address[200];
	struct tr_raw_response response;
	const struct tr_response_ops *ops;
	unsigned flowing;                 /* how often it was told that all had left */
	unsigned requests;
} core;

static inline void copy(char to[200], struct troupe_text text)
{
	snprintf(to, 200, "%.*s", (int)text.size, text.data);
}

static inline struct tr_actor_row *add_in(const char *namespace, const char *name, const char *key)
{
	struct tr_actor_row *row = &core.rows[core.count];
	char (*texts)[256] = core.texts[core.count];

	assert_true(core.count < ROWS_MAX);
	snprintf(texts[0], 256, "id%zu", ++core.count);
	snprintf(texts[1], 256, "%s", name);
	snprintf(texts[2], 256, "%s", key);
	snprintf(texts[3], 256, "%s", namespace);
	*row = (struct tr_actor_row){ core.count, texts[0], texts[1], texts[2], texts[3], 1700000000000 };
	return row;
}

static inline struct tr_actor_row *add(const char *name, const char *key)
{
	return add_in("default", name, key);
}

static inline bool is(struct troupe_text text, const char *what)
{
	return tr_text_is(text, what);
}

static inline struct tr_actor_row *find(const struct tr_address *to)
{
	for (size_t i = 0; i < core.count; i++) {
		struct tr_actor_row *row = &core.rows[i];

		if (to->namespace.size && !is(to->namespace, row->namespace))
			continue;
		if (to->id.size ? is(to->id, row->id) && (!to->name.size || is(to->name, row->name))
		                : is(to->name, row->name) && is(to->key, row->key))
			return row;
	}
	return NULL;
}

static inline struct tr_failure failure_of(int error)
{
	const struct troupe_error_info *info = troupe_error_info(error);

	return (struct tr_failure){
		.error = error,
		.group = tr_text_from(info->group),
		.code = tr_text_from(info->code),
		.message = tr_text_from(info->sentence),
		.status = info->status,
	};
}

static inline void give(tr_on_row *on_row, void *arg, int error, const struct tr_actor_row *row, bool created)
{
	struct tr_failure failure = failure_of(error);

	on_row(arg, error ? &failure : NULL, error ? NULL : row, created);
}

static inline const struct tr_actor_row *create(const struct tr_address *to)
{
	char namespace[200], name[200], key[200];

	copy(namespace, to->namespace);
	copy(name, to->name);
	copy(key, to->key);
	core.input = to->input;
	return add_in(namespace, name, key);
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

static inline void core_wakes(int error)
{
	static const struct tr_actor_row row = { 7, "id7", "w", "/", "default", 1700000000000 };

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

void tr_core_destroy(struct tr_core *c, const struct tr_address *to, tr_on_row *on_row, void *arg)
{
	struct tr_actor_row *row = find(to);

	(void)c;
	if (row)
		row->id = "";
	give(on_row, arg, row ? 0 : TROUPE_ENOTFOUND, row, false);
}

void tr_core_sleep(struct tr_core *c, const struct tr_address *to, tr_on_row *on_row, void *arg)
{
	struct tr_actor_row *row = find(to);

	(void)c;
	core.sleeps += row != NULL;
	give(on_row, arg, row ? 0 : TROUPE_ENOTFOUND, row, false);
}

void tr_core_list(struct tr_core *c, struct troupe_text namespace, struct troupe_text name, uint64_t after, unsigned limit,
                  tr_on_row *on_row, void *arg)
{
	(void)c;
	for (size_t i = 0; i < core.count && limit; i++) {
		if (core.rows[i].num <= after || !is(namespace, core.rows[i].namespace) ||
		    (name.size && !is(name, core.rows[i].name)))
			continue;
		give(on_row, arg, 0, &core.rows[i], false);
		limit--;
	}
	on_row(arg, NULL, NULL, false);
}

size_t tr_core_message_size(const struct tr_core *c)
{
	(void)c;
	return TR_MESSAGE_IN_BYTES_MAX;
}

void tr_core_count(const struct tr_core *c, struct tr_core_counts *ret)
{
	(void)c;
	*ret = (struct tr_core_counts){ .actors = 3, .conns = 2, .calls = 1 };
}

static inline void put_headers(char to[2000], const struct troupe_request *rq)
{
	to[0] = 0;
	for (size_t i = 0; i < rq->header_count; i++) {
		size_t size = strlen(to);

		snprintf(to + size, 2000 - size, "%s=%s;", rq->headers[i].name, rq->headers[i].value);
	}
}

static inline void core_is_asked(const struct troupe_request *rq)
{
	copy(core.method, tr_text_from(rq->method));
	copy(core.path, tr_text_from(rq->path));
	copy(core.url, tr_text_from(rq->url));
	copy(core.address, tr_text_from(rq->address));
	put_headers(core.headers, rq);
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
	core.observes = rq->to.observes;
	core_is_asked(rq->request);
	tr_bytes_clear(&core.args);
	tr_bytes_put(&core.args, rq->args.data, rq->args.size);
	tr_bytes_clear(&core.params);
	tr_bytes_put(&core.params, rq->params.data, rq->params.size);
	core.actions++;
	return core.call;
}

struct tr_http_call *tr_core_send(struct tr_core *c, const struct tr_send_request *rq,
	void (*on_sent)(void *arg, const struct tr_failure *failure, bool completed, struct troupe_value response,
	                const struct tr_client_actor *actor), void *arg)
{
	core.on_sent = on_sent;
	core.wait = rq->wait;
	core.timeout_ms = rq->timeout_ms;
	return tr_core_action(c, &(struct tr_action_request){
		.to = rq->to, .action = rq->queue, .args = rq->body, .params = rq->params,
		.request = rq->request }, NULL, arg);
}

void tr_core_abandon(struct tr_http_call *call)
{
	assert_ptr_equal(call, core.call);
	core.call = NULL;
	core.abandoned++;
}

static const struct tr_client_actor the_actor = { { "id1", 3 }, 4, { "a/b", 3 } };

static void core_responds(evutil_socket_t fd, short what, void *arg)
{
	static const struct tr_raw_response nothing = { .status = 404 };

	(void)fd;
	(void)what;
	core.arg = arg;
	if (!core.response.pieces)
		core.call = NULL;
	core.ops->on_response(arg, NULL, core.response.status ? &core.response : &nothing, &the_actor);
}

struct tr_http_call *tr_core_request(struct tr_core *c, const struct tr_raw_request *rq, const struct tr_response_ops *ops,
                                     void *arg)
{
	const struct troupe_request *in = rq->request;

	(void)c;
	assert_null(core.call);
	core.call = (struct tr_http_call *)&core;
	core.ops = ops;
	copy(core.id, rq->to.id);
	core_is_asked(in);
	copy(core.body, tr_text(in->body, in->body_size));
	core.requests++;
	event_base_once(core.base, -1, EV_TIMEOUT, core_responds, arg, NULL);
	return core.call;
}

void tr_core_flowing(struct tr_http_call *call)
{
	assert_ptr_equal(call, core.call);
	core.flowing++;
}

static inline void core_ends(bool whole)
{
	core.call = NULL;
	core.ops->on_end(core.arg, whole);
}

static inline void core_answers(const struct tr_failure *failure, struct troupe_value output)
{
	assert_non_null(core.call);
	core.call = NULL;
	core.on_answer(core.arg, failure, output, &the_actor);
}

static inline void core_sent(const struct tr_failure *failure, bool completed, struct troupe_value response)
{
	assert_non_null(core.call);
	core.call = NULL;
	core.on_sent(core.arg, failure, completed, response, &the_actor);
}

static inline void core_answers_5(void)
{
	core_answers(NULL, (struct troupe_value){ "\x05", 1 });
}

/* ---- the WebSockets that are played */

static struct {
	unsigned adopted, flushed;
	int fd, error;
	bool rivet, create, observes;
	enum tr_encoding encoding;
	char key[200], id[200], name[200], actor_key[200], message[200], address[200], rest[200], path[200], url[200];
	char headers[2000];
	bool plain;
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
	ws.observes = up->request.to.observes;
	ws.encoding = up->request.encoding;
	ws.plain = up->request.plain;
	copy(ws.path, tr_text_from(up->request.request->path));
	copy(ws.url, tr_text_from(up->request.request->url));
	put_headers(ws.headers, up->request.request);
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

/* ---- the client that is played */

struct world {
	struct event_base *base;
	struct tr_gate *gate;
	int listening, port, client;
	struct tr_bytes reply;  /* the last one, whole */
	int status;
	const char *body;       /* in it */
};

static inline int dial(const struct world *w)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)w->port),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static inline struct world *begin_behind(const char *proxy, const char *token, const char *const *origins)
{
	struct world *w = calloc(1, sizeof(*w));
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);

	memset(&core, 0, sizeof(core));
	memset(&ws, 0, sizeof(ws));
	w->base = event_base_new();
	core.base = w->base;
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
		.observer_token = token ? "watch/er" : NULL,
		.proxy = proxy,
	}), 0);
	w->client = dial(w);
	return w;
}

static inline struct world *begin_with(const char *token, const char *const *origins)
{
	return begin_behind(NULL, token, origins);
}

static inline struct world *begin(void)
{
	return begin_with(NULL, NULL);
}

static inline void end(struct world *w)
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

static inline void settle(struct world *w)
{
	for (int i = 0; i < 10; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* The size that a whole reply has, 0 while its head is not whole. */
static inline size_t reply_size(struct world *w, bool head_only)
{
	const char *text = tr_bytes_text(&w->reply), *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");

	if (!end)
		return 0;
	return (size_t)(end - text) + 4 + (length && length < end && !head_only ? strtoul(length + 16, NULL, 10) : 0);
}

/* Reads one reply, running the loop meanwhile. status 0: the connection was closed instead. */
static inline int hear_on(struct world *w, int fd, bool head_only)
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

static inline void say_sized(struct world *w, const void *data, size_t size)
{
	assert_int_equal(send(w->client, data, size, MSG_NOSIGNAL), size);
}

static inline void say(struct world *w, const char *text)
{
	say_sized(w, text, strlen(text));
}

/* Sends a request without waiting for its answer; headers: whole lines. */
static inline void start(struct world *w, const char *method, const char *target, const char *headers, const char *body,
                         size_t size)
{
	struct tr_bytes text = { 0 };

	tr_bytes_printf(&text, "%s %s HTTP/1.1\r\nHost: h:6420\r\nContent-Length: %zu\r\n%s\r\n", method, target, size, headers);
	tr_bytes_put(&text, body, size);
	say_sized(w, text.data, text.size);
	tr_bytes_free(&text);
}

/* The status of the answer. */
static inline int ask(struct world *w, const char *method, const char *target, const char *headers, const char *body)
{
	start(w, method, target, headers, body, strlen(body));
	return hear_on(w, w->client, !strcmp(method, "HEAD"));
}

static inline int get(struct world *w, const char *target)
{
	return ask(w, "GET", target, "", "");
}

#define BY_KEY "?rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default&rvt-key=a%2Cb&rvt-crash-policy=sleep"

/* Up to the core; the test gives its answer. */
static inline void start_action(struct world *w, const char *target, const char *headers, const char *body, size_t size)
{
	start(w, "POST", target, headers, body, size);
	settle(w);
}

/* The value of a header of the last reply, NULL when there is none. */
static inline const char *header(struct world *w, const char *name)
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

#endif
