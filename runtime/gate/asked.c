/* SPDX-License-Identifier: Apache-2.0 */
/* See asked.h. */
#include "runtime/gate/asked.h"

#include <string.h>

#include "runtime/gate/text.h"

#define ORIGINAL_URL  "x-rivet-internal-original-request-url"
#define SUBPROTOCOLS  "sec-websocket-protocol"

bool tr_header_is_ours(struct troupe_text name)
{
	static const char *const ours[] = { "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect",
		"proxy-connection", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "x-rivet-token",
		"x-rivet-target", "x-rivet-actor", ORIGINAL_URL };

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		if (tr_text_is_nocase(name, ours[i]))
			return true;
	}
	return false;
}

/* ---- copies. A head holds no NUL, so each ends in one. */

static size_t room_for(const struct tr_http_head *head)
{
	size_t size = head->method.size + 1;

	for (size_t i = 0; i < head->count; i++)
		size += head->headers[i].name.size + head->headers[i].value.size + 2;
	return size;
}

static const char *end_copy(struct tr_bytes *texts, size_t at)
{
	tr_bytes_put_byte(texts, 0);
	return texts->failed ? "" : (const char *)texts->data + at;
}

static const char *copy(struct tr_bytes *texts, struct troupe_text t)
{
	size_t at = texts->size;

	tr_bytes_put(texts, t.data, t.size);
	return end_copy(texts, at);
}

/* Ours hold parameters and tokens (spec/rivetkit-client.md 6.1). The one that says nothing to us is the actor's, as on Rivet. */
static bool protocol_is_ours(struct troupe_text protocol)
{
	if (tr_text_is(protocol, "rivet_skip_ready_wait"))
		return false;
	return !protocol.size || tr_text_is(protocol, "rivet") || tr_text_begins(protocol, "rivet_");
}

/* The subprotocols that are not for us. NULL: there are none. */
static const char *copy_protocols(struct tr_bytes *texts, struct troupe_text list)
{
	struct troupe_text protocol;
	size_t at = texts->size;

	while (tr_text_split(&list, ',', &protocol)) {
		protocol = tr_text_trim(protocol);
		if (protocol_is_ours(protocol))
			continue;
		if (texts->size > at)
			tr_bytes_put_byte(texts, ',');
		tr_bytes_put(texts, protocol.data, protocol.size);
	}
	return texts->size > at ? end_copy(texts, at) : NULL;
}

static void add_header(struct tr_asked *a, const struct tr_http_header *header)
{
	bool protocols = tr_text_is_nocase(header->name, SUBPROTOCOLS);
	struct troupe_header *h = &a->headers[a->request.header_count];

	if (tr_header_is_ours(header->name))
		return;
	h->value = protocols ? copy_protocols(&a->texts, header->value) : copy(&a->texts, header->value);
	if (!h->value)
		return;
	h->name = copy(&a->texts, header->name);
	a->request.header_count++;
}

/* ---- the address */

/* Plain HTTP is asked for behind "/request", everything else with its first word. */
static void put_path(struct tr_bytes *out, const struct tr_exchange *x)
{
	size_t skip = x->wish == TR_WISH_REQUEST ? strlen("/request") : 0;
	struct troupe_text path = tr_text(x->target.path.data + skip, x->target.path.size - skip);

	if (!path.size)
		tr_bytes_put_byte(out, '/');
	tr_bytes_put(out, path.data, path.size);
	if (x->target.query.size) {
		tr_bytes_put_byte(out, '?');
		tr_bytes_put(out, x->target.query.data, x->target.query.size);
	}
}

static void put_url(struct tr_bytes *out, const struct tr_http_head *head, bool tls, const struct tr_bytes *path)
{
	struct troupe_text original = tr_http_header(head, ORIGINAL_URL);
	const char *colon = memchr(head->host.data ? head->host.data : "", ':', head->host.size);

	if (original.data) {
		tr_bytes_put(out, original.data, original.size);
		return;
	}
	tr_bytes_put_text(out, tls ? "https://" : "http://");
	tr_bytes_put(out, head->host.data, colon ? (size_t)(colon - head->host.data) : head->host.size);
	tr_bytes_put(out, path->data, path->size);
}

/* ---- */

void tr_asked_init(struct tr_asked *ret, const struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body)
{
	struct troupe_request *rq = &ret->request;

	ret->texts = ret->path = ret->url = (struct tr_bytes){ 0 };
	*rq = (struct troupe_request){
		.headers = ret->headers, .body = body.data, .body_size = body.size, .address = x->client->address };
	tr_bytes_reserve(&ret->texts, room_for(head)); /* first, so that the copies stay where they are */
	put_path(&ret->path, x);
	put_url(&ret->url, head, x->client->tls, &ret->path);
	rq->method = copy(&ret->texts, head->method);
	for (size_t i = 0; i < head->count; i++)
		add_header(ret, &head->headers[i]);
	rq->path = tr_bytes_text(&ret->path);
	rq->url = tr_bytes_text(&ret->url);
}

void tr_asked_fini(struct tr_asked *a)
{
	tr_bytes_free(&a->texts);
	tr_bytes_free(&a->path);
	tr_bytes_free(&a->url);
}
