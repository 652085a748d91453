/* SPDX-License-Identifier: Apache-2.0 */
/* A stand-in for the sandbox-agent server, on a loopback port and the test's own loop: instances with a ring of messages,
 * POSTs that are held until the test answers them, streams that can be cut, skipped and doubled. The agents in it answer
 * `initialize` and the making of sessions by themselves; the rest is the test's to say. */
#ifndef TR_TESTS_STAND_IN_H
#define TR_TESTS_STAND_IN_H

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>

#include "proto/bytes.h"

#define IN_CONNS     64
#define IN_MESSAGES  20000
#define IN_INSTANCES 32

struct in_conn {
	struct bufferevent *bev;          /* NULL: free */
	char                server[160];  /* instance that a stream or a held POST belongs to */
	char                id[80];       /* raw id of a held POST */
	bool                stream, held;
	bool                deaf;         /* a stream that misses what is said */
	bool                waits;        /* a GET of a stream, for its answer */
	int                 from;         /* its Last-Event-ID */
};

struct in_instance {
	char    id[160];
	long    created;
	bool    dead;                     /* the agent exited: listed, but POSTs get 502 */
	char   *messages[IN_MESSAGES];    /* message n has stream id n + 1 */
	int     count, forgotten;         /* how many; how many of the oldest the ring has lost */
};

static struct {
	struct event_base      *base;
	struct evconnlistener  *listener;
	int                     port;
	struct in_conn          conns[IN_CONNS];
	struct in_instance     *instances[IN_INSTANCES];
	int                     instance_count;
	long                    clock;
	/* what the test wants of it */
	const char             *health;        /* raw answer instead of a healthy one */
	const char             *stream;        /* raw answer to whoever wants to read a stream */
	const char             *first_post;    /* the problem with POSTs that have ?agent= */
	const char             *capabilities;  /* agentCapabilities */
	const char             *fail_method;   /* answered with error -32002 */
	const char             *load_replays;  /* an envelope sent before the answer of session/load */
	const char             *session_says;  /* members of the answer to session/new, with a comma in front */
	const char             *restored_says; /* the answer to load and resume, without braces */
	const char             *offers;        /* answer to GET /v1/agents/AGENT; NULL: 404 */
	const char             *unknown_method; /* answered with error -32601 */
	bool                    mute_settings; /* session/set_... is the test's to answer */
	bool                    silent_posts;  /* answers come on the stream only */
	bool                    mute_prompts;  /* prompts are swallowed and never seen again */
	bool                    hold_streams;  /* who wants to read one waits for in_let_streams() */
	bool                    delete_hangs;
	bool                    mute_closes;   /* session/close is never answered */
	bool                    hold_cancels;  /* session/cancel is not answered ... */
	const char             *refuse_cancel; /* ... or with this raw answer, once */
	const char             *refuse_reply;  /* what an agent has asked is answered with this raw answer, once */
	bool                    mute_runs;     /* no script is ever run to its end */
	const char             *swept;         /* stdout of the next sweep */
	const char             *family;        /* of the server, when asked for */
	/* what it saw */
	int                     healths, gets, posts, deletes, sweeps, looks, listings, settings, cancels, closes;
	char                    last_event_id[32], last_post[4 * 1024 * 1024], prompt_id[80], setting_id[80], session[64], token[64];
	char                    last_sweep[16384], last_look[16384];
} in;

/* ------------------------------------------------------------------ answers */

static inline void in_close(struct in_conn *c)
{
	if (c->bev)
		bufferevent_free(c->bev);
	memset(c, 0, sizeof *c);
}

static inline void in_answer(struct in_conn *c, const char *status, const char *type, const char *body)
{
	evbuffer_add_printf(bufferevent_get_output(c->bev), "HTTP/1.1 %s\r\ncontent-type: %s\r\ncontent-length: "
		"%zu\r\n\r\n%s",
	                    status, type, strlen(body), body);
	c->held = false;
}

static inline void in_raw(struct in_conn *c, const char *raw)
{
	evbuffer_add(bufferevent_get_output(c->bev), raw, strlen(raw));
}

static inline void in_problem(struct in_conn *c, const char *status, const char *type)
{
	char body[256];

	snprintf(body, sizeof body, "{\"type\":\"urn:sandbox-agent:error:%s\",\"title\":\"%s\",\"status\":"
		"%d}", type, type, atoi(status));
	in_answer(c, status, "application/problem+json", body);
}

/* ------------------------------------------------------------------ instances and streams */

static inline struct in_instance *in_find(const char *id)
{
	for (int i = 0; i < in.instance_count; i++) {
		if (in.instances[i] && strcmp(in.instances[i]->id, id) == 0)
			return in.instances[i];
	}
	return NULL;
}

/* The newest; what most tests talk about. */
static inline struct in_instance *in_newest(void)
{
	for (int i = in.instance_count - 1; i >= 0; i--) {
		if (in.instances[i])
			return in.instances[i];
	}
	return NULL;
}

static inline void in_send_event(struct in_conn *c, const struct in_instance *i, int index)
{
	evbuffer_add_printf(bufferevent_get_output(c->bev), "event: message\nid: %d\ndata: "
		"%s\n\n", index + 1, i->messages[index]);
}

static inline int in_keep(struct in_instance *i, const char *json)
{
	assert(i->count < IN_MESSAGES);
	i->messages[i->count] = strdup(json);
	return i->count++;
}

static inline void in_emit_to(struct in_instance *i, const char *json)
{
	int index = in_keep(i, json);

	for (int n = 0; n < IN_CONNS; n++) {
		if (in.conns[n].stream && !in.conns[n].deaf && strcmp(in.conns[n].server, i->id) == 0)
			in_send_event(&in.conns[n], i, index);
	}
}

/* The agent writes a line. */
static inline void in_emit(const char *json)
{
	in_emit_to(in_newest(), json);
}

/* The agent writes a line that the open streams miss. */
static inline void in_skip(const char *json)
{
	in_keep(in_newest(), json);
}

static inline void in_say(const char *text)
{
	char json[512];

	snprintf(json, sizeof json, "{\"jsonrpc\":\"2.0\",\"method\":\"session/update\",\"params\":{\"sessionId\":\"%s\","
	         "\"update\":{\"content\":{\"text\":\"%s\",\"type\":\"text\"},\"sessionUpdate\":"
		"\"agent_message_chunk\"}}}", in.session, text);
	in_emit(json);
}

static inline int in_streams(void)
{
	int count = 0;

	for (int n = 0; n < IN_CONNS; n++)
		count += in.conns[n].stream;
	return count;
}

/* What is said from now on is not for the streams that are open now. */
static inline void in_deafen(void)
{
	for (int n = 0; n < IN_CONNS; n++)
		in.conns[n].deaf = in.conns[n].stream;
}

/* Ends streams, as a broken connection does. */
static inline void in_cut(void)
{
	for (int n = 0; n < IN_CONNS; n++) {
		if (in.conns[n].stream)
			in_close(&in.conns[n]);
	}
}

static inline void in_answer_post(const char *raw_id, const char *json)
{
	for (int n = 0; n < IN_CONNS; n++) {
		if (in.conns[n].held && strcmp(in.conns[n].id, raw_id) == 0 && !in.silent_posts)
			in_answer(&in.conns[n], "200 OK", "application/json", json);
	}
}

/* The response to a request: on the stream, and on its POST if that is still held. */
static inline void in_respond(struct in_instance *i, const char *raw_id, const char *rest)
{
	char json[32768];

	snprintf(json, sizeof json, "{\"id\":%s,\"jsonrpc\":\"2.0\",%s}", raw_id, rest);
	in_emit_to(i, json);
	in_answer_post(raw_id, json);
}

/* The running prompt ends. */
static inline void in_finish(const char *stop_reason)
{
	char rest[128];

	snprintf(rest, sizeof rest, "\"result\":{\"stopReason\":\"%s\"}", stop_reason);
	in_respond(in_newest(), in.prompt_id, rest);
	in.prompt_id[0] = '\0';
}

/* The running prompt ends, and the open streams miss it. */
static inline void in_finish_aside(const char *stop_reason)
{
	char json[256];

	snprintf(json, sizeof json, "{\"id\":%s,\"jsonrpc\":\"2.0\",\"result\":{\"stopReason\":\"%s\"}}",
	         in.prompt_id, stop_reason);
	in_skip(json);
	in_answer_post(in.prompt_id, json);
	in.prompt_id[0] = '\0';
}

#define IN_EXITED(code) "{\"jsonrpc\":\"2.0\",\"method\":\"_adapter/agent_exited\"," \
	"\"params\":{\"code\":" #code ",\"success\":false}}"

static inline void in_agent_exits(int code)
{
	char json[128];

	snprintf(json, sizeof json, "{\"jsonrpc\":\"2.0\",\"method\":\"_adapter/agent_exited\",\"params\":{"
		"\"code\":%d,\"success\":false}}", code);
	in_newest()->dead = true;
	in_emit(json);
}

static inline void in_free_instance(int n)
{
	for (int m = 0; in.instances[n] && m < in.instances[n]->count; m++)
		free(in.instances[n]->messages[m]);
	free(in.instances[n]);
	in.instances[n] = NULL;
}

/* The server dies and starts again: connections and instances are gone. */
static inline void in_restart(void)
{
	for (int n = 0; n < IN_CONNS; n++)
		in_close(&in.conns[n]);
	for (int n = 0; n < in.instance_count; n++)
		in_free_instance(n);
}

/* ------------------------------------------------------------------ requests */

static inline void in_member(const char *json, const char *name, char *into, size_t room)
{
	char quoted[64];
	const char *at, *end;

	into[0] = '\0';
	snprintf(quoted, sizeof quoted, "\"%s\":", name);
	at = strstr(json, quoted);
	if (!at)
		return;
	at += strlen(quoted);
	end = *at == '"' ? strchr(at + 1, '"') + 1 : at + strcspn(at, ",}");
	snprintf(into, room, "%.*s", (int)(end - at), at);
}

static inline void in_agent_hears(struct in_instance *i, const char *method, const char *raw_id, const char *body)
{
	char rest[4096];

	if (in.unknown_method && strstr(method, in.unknown_method)) {
		in_respond(i, raw_id, "\"error\":{\"code\":-32601,\"message\":\"Method not found\"}");
	} else if (in.fail_method && strstr(method, in.fail_method)) {
		in_respond(i, raw_id, "\"error\":{\"code\":-32002,\"message\":\"no\"}");
	} else if (strstr(method, "initialize")) {
		snprintf(rest, sizeof rest, "\"result\":{\"agentCapabilities\":%s,\"authMethods\":[],\"protocolVersion\":1}",
		         in.capabilities ? in.capabilities : "{}");
		in_respond(i, raw_id, rest);
	} else if (strstr(method, "session/new")) {
		snprintf(in.session, sizeof in.session, "agent-session-%ld", i->created);
		snprintf(rest, sizeof rest, "\"result\":{\"sessionId\":\"%s\"%s}", in.session, in.session_says ? in.session_says : "");
		in_respond(i, raw_id, rest);
	} else if (strstr(method, "session/load") || strstr(method, "session/resume")) {
		if (in.load_replays && strstr(method, "load"))
			in_emit_to(i, in.load_replays);
		snprintf(rest, sizeof rest, "\"result\":{%s}", in.restored_says ? in.restored_says : "");
		in_respond(i, raw_id, rest);
	} else if (strstr(method, "session/set_")) {
		in.settings++;
		snprintf(in.setting_id, sizeof in.setting_id, "%s", raw_id);
		if (!in.mute_settings)
			in_respond(i, raw_id, "\"result\":{}");
	} else if (strstr(method, "session/close")) {
		in.closes++;
		if (!in.mute_closes)
			in_respond(i, raw_id, "\"result\":{}");
	} else if (strstr(method, "session/prompt")) {
		snprintf(in.prompt_id, sizeof in.prompt_id, "%s", raw_id);
	}
	(void)body;
}

static inline void in_post(struct in_conn *c, const char *server, bool first, const char *body)
{
	struct in_instance *i = in_find(server);
	char method[64], raw_id[80];

	in.posts++;
	snprintf(in.last_post, sizeof in.last_post, "%s", body);
	if (first && in.first_post) {
		in_problem(c, "400 Bad Request", in.first_post);
		return;
	}
	if (!i && !first) {
		in_problem(c, "400 Bad Request", "invalid_request");
		return;
	}
	if (!i) {
		assert(in.instance_count < IN_INSTANCES);
		i = in.instances[in.instance_count++] = calloc(1, sizeof *i);
		snprintf(i->id, sizeof i->id, "%s", server);
		i->created = 1795303334000 + ++in.clock;
	}
	if (i->dead) {
		in_problem(c, "502 Bad Gateway", "stream_error");
		return;
	}
	in_member(body, "method", method, sizeof method);
	in_member(body, "id", raw_id, sizeof raw_id);
	in.cancels += strstr(method, "session/cancel") != NULL;
	if (strstr(method, "session/cancel") && in.refuse_cancel) {
		in_raw(c, in.refuse_cancel);
		in.refuse_cancel = NULL;
		return;
	}
	if (strstr(method, "session/cancel") && in.hold_cancels) {
		c->held = true;
		snprintf(c->id, sizeof c->id, "cancel");
		return;
	}
	if (!*method && in.refuse_reply) {
		in_raw(c, in.refuse_reply);
		in.refuse_reply = NULL;
		return;
	}
	if (!*method || !*raw_id) {
		in_raw(c, "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
		return;
	}
	if (in.mute_prompts && strstr(method, "prompt")) {
		in_close(c);
		return;
	}
	c->held = true;
	snprintf(c->server, sizeof c->server, "%s", server);
	snprintf(c->id, sizeof c->id, "%s", raw_id);
	in_agent_hears(i, method, raw_id, body);
}

static inline void in_begin_stream(struct in_conn *c, const struct in_instance *i)
{
	in_raw(c, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: heartbeat\n\n");
	c->stream = true;
	c->waits = false;
	for (int n = c->from > i->forgotten ? c->from : i->forgotten; n < i->count; n++)
		in_send_event(c, i, n);
}

static inline void in_let_streams(void)
{
	in.hold_streams = false;
	for (int n = 0; n < IN_CONNS; n++) {
		if (in.conns[n].waits)
			in_begin_stream(&in.conns[n], in_find(in.conns[n].server));
	}
}

static inline void in_get_stream(struct in_conn *c, const char *server, const char *head)
{
	struct in_instance *i = in_find(server);
	const char *last = strcasestr(head, "\r\nlast-event-id: ");
	int from = last ? atoi(last + 17) : 0;

	in.gets++;
	snprintf(in.last_event_id, sizeof in.last_event_id, "%d", from);
	if (!i) {
		in_problem(c, "404 Not Found", "session_not_found");
		return;
	}
	if (in.stream) {
		in_raw(c, in.stream);
		return;
	}
	snprintf(c->server, sizeof c->server, "%s", server);
	c->from = from;
	c->waits = in.hold_streams;
	if (!c->waits)
		in_begin_stream(c, i);
}

static inline void in_list(struct in_conn *c)
{
	struct tr_bytes body = { 0 };

	tr_bytes_put_text(&body, "{\"servers\":[");
	for (int n = 0, shown = 0; n < in.instance_count; n++) {
		if (in.instances[n])
			tr_bytes_printf(&body, "%s{\"agent\":\"mock\",\"createdAtMs\":%ld,\"serverId\":\"%s\"}", shown++ ? "," : "",
			                in.instances[n]->created, in.instances[n]->id);
	}
	tr_bytes_put_text(&body, "]}");
	in_answer(c, "200 OK", "application/json", tr_bytes_text(&body));
	tr_bytes_free(&body);
}

static inline void in_delete(struct in_conn *c, const char *server)
{
	in.deletes++;
	for (int n = 0; n < in.instance_count; n++) {
		if (in.instances[n] && strcmp(in.instances[n]->id, server) == 0)
			in_free_instance(n);
	}
	if (!in.delete_hangs)
		in_raw(c, "HTTP/1.1 204 No Content\r\n\r\n");
}

static inline void in_run(struct in_conn *c, const char *command)
{
	char body[256];

	if (in.mute_runs)
		return;
	if (!strstr(command, "TERM") && !strstr(command, "KILL")) {
		in.looks++;
		snprintf(in.last_look, sizeof in.last_look, "%s", command);
		snprintf(body, sizeof body, "{\"exitCode\":0,\"stdout\":\"%s\"}", in.family ? in.family : "");
	} else {
		in.sweeps++;
		snprintf(in.last_sweep, sizeof in.last_sweep, "%s", command);
		snprintf(body, sizeof body, "{\"exitCode\":0,\"stdout\":\"%s\"}", in.swept ? in.swept : "");
		in.swept = NULL;
	}
	in_answer(c, "200 OK", "application/json", body);
}

static inline void in_serve(struct in_conn *c, const char *head, const char *body)
{
	char method[8], path[512], *server, *query;
	const char *token = strcasestr(head, "\r\nauthorization: ");

	sscanf(head, "%7s %511s", method, path);
	sscanf(token ? token + 17 : "none", "%63[^\r]", in.token);
	query = strchr(path, '?');
	server = strncmp(path, "/v1/acp/", 8) == 0 ? path + 8 : NULL;
	if (query)
		*query = '\0';
	if (strcmp(path, "/v1/health") == 0) {
		in.healths++;
		if (in.health)
			in_raw(c, in.health);
		else
			in_answer(c, "200 OK", "application/json", "{\"status\":\"ok\"}");
	} else if (strcmp(path, "/v1/acp") == 0) {
		in_list(c);
	} else if (strncmp(path, "/v1/agents/", 11) == 0) {
		in.listings++;
		if (in.offers)
			in_answer(c, "200 OK", "application/json", in.offers);
		else
			in_problem(c, "400 Bad Request", "unsupported_agent");
	} else if (strcmp(path, "/v1/processes/run") == 0) {
		in_run(c, body);
	} else if (strcmp(method, "POST") == 0) {
		in_post(c, server, query != NULL, body);
	} else if (strcmp(method, "DELETE") == 0) {
		in_delete(c, server);
	} else {
		in_get_stream(c, server, head);
	}
}

/* ------------------------------------------------------------------ connections */

static inline void in_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(bev);
	struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
	const char *length;
	size_t head_size, body_size;
	char *whole, *body;

	if (end.pos < 0)
		return;
	head_size = (size_t)end.pos + 4;
	whole = calloc(1, evbuffer_get_length(input) + 1);
	evbuffer_copyout(input, whole, evbuffer_get_length(input));
	length = strcasestr(whole, "\r\ncontent-length: ");
	body_size = length && length < whole + head_size ? strtoul(length + 18, NULL, 10) : 0;
	if (evbuffer_get_length(input) >= head_size + body_size) {
		evbuffer_drain(input, head_size + body_size);
		body = strndup(whole + head_size, body_size);
		whole[head_size] = '\0';
		in_serve(arg, whole, body);
		free(body);
	}
	free(whole);
}

static inline void in_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev, (void)what;
	in_close(arg);
}

static inline void in_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int size, void *arg)
{
	(void)l, (void)a, (void)size, (void)arg;
	for (int n = 0; n < IN_CONNS; n++) {
		if (in.conns[n].bev)
			continue;
		in.conns[n].bev = bufferevent_socket_new(in.base, fd, BEV_OPT_CLOSE_ON_FREE);
		bufferevent_setcb(in.conns[n].bev, in_read, NULL, in_event, &in.conns[n]);
		bufferevent_enable(in.conns[n].bev, EV_READ | EV_WRITE);
		return;
	}
	assert(!"too many connections");
}

static inline void in_listen(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)in.port),
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;

	in.listener = evconnlistener_new_bind(in.base, in_accept, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 16,
	                                      (struct sockaddr *)&a, sizeof a);
	assert(in.listener);
	getsockname(evconnlistener_get_fd(in.listener), (struct sockaddr *)&a, &size);
	in.port = ntohs(a.sin_port);
}

/* Nobody answers at the address any more. */
static inline void in_stop_listening(void)
{
	for (int n = 0; n < IN_CONNS; n++)
		in_close(&in.conns[n]);
	if (in.listener)
		evconnlistener_free(in.listener);
	in.listener = NULL;
}

static inline void in_start(struct event_base *base)
{
	memset(&in, 0, sizeof in);
	in.base = base;
	in_listen();
}

static inline void in_end(void)
{
	in_restart();
	in_stop_listening();
}

#endif
