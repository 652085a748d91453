/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox-agent server, as far as sessions use it: instances with a ring of lines each, their POSTs,
 * their streams. */
#include "tests/sim/agent.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

#define LINES_MAX 40000

struct instance *instances[INSTANCES_MAX];
unsigned instance_count, server_ring;
static struct line *lines;
static uint64_t line_count;
static int64_t created;

void server_begin(void)
{
	static const unsigned rings[] = { 8, 40, 1024 };

	server_ring = rings[sim_below(3)];
	lines = tr_alloc(LINES_MAX * sizeof *lines);
	line_count = 1;
	instance_count = 0;
	created = 1000;
}

void server_end(void)
{
	for (uint64_t i = 1; i < line_count; i++)
		free(lines[i].json);
	free(lines);
	for (unsigned i = 0; i < instance_count; i++)
		free(instances[i]);
}

struct line *line_at(uint64_t mark)
{
	return mark > 0 && mark < line_count ? &lines[mark] : NULL;
}

uint64_t next_mark(void)
{
	return line_count;
}

static unsigned number_of(const struct instance *i)
{
	unsigned n = 0;

	while (instances[n] != i)
		n++;
	return n;
}

uint64_t say_line(struct instance *i, bool response, bool unlogged, const char *format, ...)
{
	struct line *l = &lines[line_count];
	struct tr_bytes json = { 0 };
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	sim_expect(line_count < LINES_MAX && i->count < sizeof i->lines / sizeof *i->lines,
	           "agents talk too much");
	tr_bytes_put_text(&json, text);
	*l = (struct line){ .json = tr_strdup(tr_bytes_text(&json)), .instance = number_of(i),
		.sid = i->count + 1, .response = response, .unlogged = unlogged };
	tr_bytes_free(&json);
	i->lines[i->count++] = line_count;
	sim_note("    instance %u says %llu: %.90s", l->instance, (unsigned long long)l->sid, l->json);
	return line_count++;
}

/* ------------------------------------------------------------------ requests */

static void problem(struct request *r, int status, const char *type)
{
	char body[200];

	snprintf(body, sizeof body,
	         "{\"type\":\"urn:sandbox-agent:error:%s\",\"title\":\"%s\",\"status\":%d}", type,
	         type, status);
	request_answer(r, status, body);
}

static int find(const char *id)
{
	for (unsigned i = 0; i < instance_count; i++) {
		if (!instances[i]->removed && strcmp(instances[i]->id, id) == 0)
			return (int)i;
	}
	return -1;
}

static void list(struct request *r)
{
	struct tr_bytes body = { 0 };
	unsigned shown = 0;

	tr_bytes_put_text(&body, "{\"servers\":[");
	for (unsigned i = 0; i < instance_count; i++) {
		if (!instances[i]->removed)
			tr_bytes_printf(&body,
			                "%s{\"agent\":\"mock\",\"createdAtMs\":%lld,\"serverId\":\"%s\"}",
			                shown++ ? "," : "", (long long)instances[i]->created, instances[i]->id);
	}
	tr_bytes_put_text(&body, "]}");
	request_answer(r, 200, tr_bytes_text(&body));
	tr_bytes_free(&body);
}

/* A member's value as it stands there, of the outermost object: ours are flat enough for that. */
static void member(const char *json, const char *name, char *into, size_t room)
{
	char quoted[64];
	const char *at, *end;

	into[0] = 0;
	snprintf(quoted, sizeof quoted, "\"%s\":", name);
	at = strstr(json, quoted);
	if (!at)
		return;
	at += strlen(quoted);
	end = *at == '"' ? strchr(at + 1, '"') + 1 : at + strcspn(at, ",}");
	snprintf(into, room, "%.*s", (int)(end - at), at);
}

static struct instance *make(const char *id)
{
	struct instance *i = tr_alloc(sizeof *i);

	sim_expect(instance_count < INSTANCES_MAX, "instances are made without end");
	snprintf(i->id, sizeof i->id, "%s", id);
	snprintf(i->actor, sizeof i->actor, "%.30s", id + 7); /* troupe-ACTOR- */
	i->created = ++created;
	instances[instance_count++] = i;
	return i;
}

static void post(struct request *r, char *id, bool first)
{
	const char *body = request_body(r);
	char method[64], raw_id[80];
	int at = find(id);
	struct instance *i;

	if (at < 0 && !first) {
		problem(r, 400, "invalid_request");
		return;
	}
	if (at < 0) {
		make(id);
		at = (int)instance_count - 1;
	}
	i = instances[at];
	if (i->dead) {
		problem(r, 502, "stream_error");
		return;
	}
	member(body, "method", method, sizeof method);
	member(body, "id", raw_id, sizeof raw_id);
	if (*method && *raw_id)
		request_hold(r, (unsigned)at, raw_id);
	else
		request_answer(r, 202, "");
	agent_hears(i, method, raw_id, body);
}

/* It is known no more; its agent is told by the end of its input, and obeys. */
static void delete(struct request *r, const char *id)
{
	int at = find(id);

	if (at >= 0) {
		instances[at]->removed = true;
		agent_exits(instances[at]);
		port_end_streams((unsigned)at);
	}
	request_answer(r, 204, "");
}

void server_hears(struct request *r)
{
	const char *method = request_method(r);
	char path[400], *id = path + strlen("/v1/acp/"), *query;
	int at;

	snprintf(path, sizeof path, "%s", request_path(r));
	query = strchr(path, '?');
	if (query)
		*query = 0;
	if (!sim.settling && !strstr(request_body(r), "session/prompt") && sim_once_in(60)) {
		request_answer(r, 503, "<html>the way is broken</html>");
	} else if (strcmp(path, "/v1/health") == 0) {
		request_answer(r, 200, "{\"status\":\"ok\"}");
	} else if (strcmp(path, "/v1/acp") == 0) {
		list(r);
	} else if (strcmp(path, "/v1/processes/run") == 0) {
		request_answer(r, 200, "{\"exitCode\":0,\"stdout\":\"\"}");
	} else if (strncmp(path, "/v1/acp/", 8) != 0) {
		problem(r, 400, "unsupported_agent");
	} else if (strcmp(method, "POST") == 0) {
		post(r, id, query != NULL);
	} else if (strcmp(method, "DELETE") == 0) {
		delete(r, id);
	} else if ((at = find(id)) < 0) {
		problem(r, 404, "session_not_found");
	} else {
		request_stream(r, (unsigned)at);
	}
}

/* All instances are lost, and every connection breaks. */
void server_restarts(void)
{
	sim_note("---- the sandbox's server restarts");
	for (unsigned i = 0; i < instance_count; i++)
		instances[i]->removed = instances[i]->dead = true;
	port_cut(false);
}
