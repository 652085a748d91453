/* SPDX-License-Identifier: Apache-2.0 */
/* What an actor sees of the request by which somebody comes: the suite's request-access.ts. */
#include <string.h>

#include "kit.h"

/* As one hook saw it. */
struct sight { bool seen; const char *url, *method; struct troupe_value headers; };
struct sights { struct sight before_connect, create_state, request, websocket; };

#define SIGHT(field, wire) \
	TROUPE_FIELD(sights, field.seen, wire ".hasRequest"), TROUPE_OPTION(sights, field.url, wire ".requestUrl"), \
	TROUPE_OPTION(sights, field.method, wire ".requestMethod"), TROUPE_OPTION(sights, field.headers, wire ".requestHeaders")
static const struct troupe_record sights = TROUPE_RECORD(sights,
	SIGHT(before_connect, "onBeforeConnect"),
	SIGHT(create_state, "createConnState"),
	SIGHT(request, "onRequest"),
	SIGHT(websocket, "onWebSocket"));

static int look(struct troupe_actor *a, struct sight *s, const struct troupe_request *rq)
{
	struct pack p;
	int rc;

	s->seen = rq != NULL;
	if (!rq)
		return 0;
	troupe_set_text(a, &s->url, rq->url);
	troupe_set_text(a, &s->method, rq->method);
	pack_begin(&p);
	msgpack_pack_map(&p.out, rq->header_count);
	for (size_t i = 0; i < rq->header_count; i++) {
		pack_text(&p, rq->headers[i].name);
		pack_text(&p, rq->headers[i].value);
	}
	rc = troupe_set_value(a, &s->headers, pack_value(&p));
	pack_end(&p);
	return rc;
}

struct wish { bool track; };
static const struct troupe_record wish = TROUPE_RECORD(wish,
	TROUPE_OPTION(wish, track, "trackRequest"));

static bool is_tracked(struct troupe_actor *a, const struct troupe_peer *p)
{
	struct wish in;

	read_params(a, p, &wish, &in);
	return in.track;
}

static int access_admit(struct troupe_actor *a, struct troupe_peer *p)
{
	return is_tracked(a, p) ? look(a, &((struct sights *)troupe_self(a))->before_connect, troupe_peer_request(p)) : 0;
}

static int access_join(struct troupe_actor *a, struct troupe_peer *p)
{
	return is_tracked(a, p) ? look(a, &((struct sights *)troupe_self(a))->create_state, troupe_peer_request(p)) : 0;
}

static void pack_sight(struct pack *p, const char *name, const struct sight *s)
{
	pack_text(p, name);
	msgpack_pack_map(&p->out, 4);
	pack_text(p, "hasRequest");
	(s->seen ? msgpack_pack_true : msgpack_pack_false)(&p->out);
	pack_text(p, "requestUrl");
	pack_text(p, s->url);
	pack_text(p, "requestMethod");
	pack_text(p, s->method);
	pack_text(p, "requestHeaders");
	pack_packed(p, s->headers.size ? s->headers : (struct troupe_value){ "\x80", 1 });
}

static int access_get(struct troupe_actor *a, struct troupe_call *call)
{
	const struct sights *self = troupe_self(a);
	struct pack p;

	pack_begin(&p);
	msgpack_pack_map(&p.out, 4);
	pack_sight(&p, "onBeforeConnect", &self->before_connect);
	pack_sight(&p, "createConnState", &self->create_state);
	pack_sight(&p, "onRequest", &self->request);
	pack_sight(&p, "onWebSocket", &self->websocket);
	return pack_reply(&p, call);
}

static int access_ping(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text(call, "pong");
}

static int access_request(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq)
{
	look(a, &((struct sights *)troupe_self(a))->request, rq);
	return troupe_respond(c, 200, NULL, 0, rq->url, strlen(rq->url));
}

static int access_socket(struct troupe_actor *a, struct troupe_peer *p, const char *path)
{
	look(a, &((struct sights *)troupe_self(a))->websocket, troupe_peer_request(p));
	return troupe_socket_send(p, path, strlen(path), true);
}

static void access_message(struct troupe_actor *a, struct troupe_peer *p, const void *data, size_t size, bool text)
{
	(void)a;
	troupe_socket_send(p, data, size, text);
}

const struct troupe_kind request_access_kind = {
	.name     = "requestAccessActor",
	.size     = sizeof(struct sights),
	.state    = &sights,
	.visitors = true,
	.admit    = access_admit,
	.join     = access_join,
	.request  = access_request,
	.socket   = access_socket,
	.message  = access_message,
	.actions  = (const struct troupe_action[]){
		{ .name = "ping",           .run = access_ping },
		{ .name = "getRequestInfo", .run = access_get },
		{ 0 }
	},
};
