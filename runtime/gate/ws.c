/* SPDX-License-Identifier: Apache-2.0 */
/* A peer: one client's WebSocket, between libwebsockets and the core.
 *
 *   open ──close()──▶ held ──delay──▶ closing ──outbox empty──▶ said ──client's Close──▶ gone
 *    │                                                                                     ▲
 *    └── the client closes, breaks a rule, goes silent; or a wait above is over ───────────┘
 *
 * open:    messages go to the core, frames to the client.
 * held:    a refusal that is told later (spec 9.4); nothing leaves until then.
 * closing: what was queued still leaves, then a Close frame. Messages are no longer listened to,
 *          from held on.
 * said:    our Close frame is out; the client has a while to answer it.
 * gone:    the core has been told; lws says its last words and lets go of the socket. */
#include "runtime/gate/ws_inner.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/key.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"

/* ------------------------------------------------------------------ waits */

static void check_silence(struct tr_ws_peer *p)
{
	uint8_t ping[] = { 0x89, 1, '?' }; /* of an empty pong lws says nothing */
	int64_t silent_ms = tr_ws_now(p->ws) - p->heard_ms;

	if (silent_ms < 0) /* the clock was set back */
		silent_ms = 0;
	if (silent_ms < p->ws->patience.ping_ms) {
		tr_ws_wait(p, p->ws->patience.ping_ms - silent_ms);
	} else if (!p->pinged) {
		p->pinged = true;
		tr_ws_wait(p, p->ws->patience.pong_ms);
		if (tr_ws_may_write(p)) /* else it has enough to answer to */
			tr_ws_write(p, ping, sizeof ping);
	} else {
		tr_ws_drop(p);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct tr_ws_peer *p = arg;

	(void)fd;
	(void)what;
	switch (p->state) {
	case TR_WS_OPEN:
		check_silence(p);
		break;
	case TR_WS_HELD:
		p->state = TR_WS_CLOSING;
		tr_ws_wait(p, p->ws->patience.close_ms);
		tr_ws_dirty(p);
		break;
	case TR_WS_CLOSING:
	case TR_WS_SAID:
	case TR_WS_GONE:
		tr_ws_drop(p);
		break;
	}
}

/* ------------------------------------------------------------------ incoming */

static void deliver(struct tr_ws_peer *p, const void *data, size_t size, bool text)
{
	if (text && size > 0 && !tr_utf8_valid(data, size))
		tr_ws_close(p, 1007, "actor.invalid_request");
	else
		tr_conn_message(p->conn, data, size, text);
}

/* lws gives messages in pieces: as they were read, and as the client made fragments. */
static void on_piece(struct tr_ws_peer *p, const void *data, size_t size)
{
	bool text = !lws_frame_is_binary(p->wsi), last = lws_is_final_fragment(p->wsi);
	size_t announced = size + lws_remaining_packet_payload(p->wsi);
	size_t max = p->plain ? TR_SOCKET_BYTES_MAX : tr_core_message_size(p->ws->core);

	tr_ws_heard(p);
	if (p->state != TR_WS_OPEN || !p->conn)
		return;
	if (announced > max - p->part.size) {
		tr_ws_close(p, 1011, "message.incoming_too_long");
		return;
	}
	if (last && p->part.size == 0) {
		deliver(p, data, size, text);
		return;
	}
	tr_bytes_put(&p->part, data, size);
	if (p->part.failed) {
		tr_ws_close(p, 1011, "actor.out_of_memory");
	} else if (last) {
		struct tr_bytes whole = p->part;

		p->part = (struct tr_bytes){ 0 };
		deliver(p, whole.data, whole.size, text);
		tr_bytes_free(&whole);
	}
}

/* 0: lws answers with the same Close frame and ends the connection. -1: it only ends it. */
static int on_client_close(struct tr_ws_peer *p, const char *payload, size_t size)
{
	bool good = size == 0 || size == 2 || (size > 2 && tr_utf8_valid(payload + 2, size - 2));
	bool answer = good && p->state < TR_WS_SAID;
	const unsigned char *code = (const unsigned char *)payload;

	if (p->conn && good)
		tr_conn_closing(p->conn, size < 2 ? 1005 : code[0] << 8 | code[1],
		                (struct troupe_text){ size > 2 ? payload + 2 : "", size > 2 ? size - 2 : 0 });
	tr_ws_gone(p);
	return answer ? 0 : -1;
}

/* ------------------------------------------------------------------ lives */

static struct tr_refusal_key who_comes(const struct tr_ws *ws, const struct tr_ws_upgrade *up)
{
	const struct tr_address *to = &up->request.to;
	const struct troupe_text parts[] = { to->id, to->namespace, to->name, to->key };
	struct tr_refusal_key who = tr_refusal_key(ws->refusals, up->address);

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		who = tr_refusal_key_for(who, parts[i]);
	return who;
}

static void peer_new(struct tr_ws *ws, struct lws *wsi)
{
	const struct tr_ws_upgrade *up = ws->adopting;
	struct tr_ws_peer *p = tr_alloc(sizeof *p);

	p->ws = ws;
	p->wsi = wsi;
	p->plain = up->request.plain;
	p->outbox.max = p->plain ? TR_SOCKET_BYTES_MAX : TR_OUTBOX_BYTES_MAX;
	p->who = who_comes(ws, up);
	tr_list_init(&p->dirty);
	evtimer_assign(&p->timer, ws->base, on_timer, p);
	lws_set_wsi_user(wsi, p);
	ws->count++;
	ws->adopting = NULL;
	tr_ws_heard(p);
	tr_ws_wait(p, ws->patience.ping_ms);
	if (up->error)
		tr_conn_refuse(ws->core, up->request.encoding, up->error, up->message,
		               &tr_ws_peer_ops, p);
	else
		p->conn = tr_conn_open(ws->core, &up->request, &tr_ws_peer_ops, p);
}

static void peer_free(struct tr_ws_peer *p)
{
	tr_ws_gone(p);
	event_del(&p->timer);
	free(p->bye);
	free(p);
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                  void *in, size_t size)
{
	struct tr_ws_peer *p = user;

	if (reason == LWS_CALLBACK_ESTABLISHED) {
		struct tr_ws *ws = lws_context_user(lws_get_context(wsi));

		if (!ws->adopting)
			return -1;
		peer_new(ws, wsi);
		return 0;
	}
	if (!p)
		return 0;
	switch (reason) {
	case LWS_CALLBACK_RECEIVE:
		on_piece(p, in, size);
		return 0;
	case LWS_CALLBACK_RECEIVE_PONG:
		tr_ws_heard(p);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		tr_ws_writable(p);
		return 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return on_client_close(p, in, size);
	case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL: /* lws begins to close */
	case LWS_CALLBACK_CLOSED:
		tr_ws_gone(p);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY: /* always comes, once, last */
		p->wsi = NULL;
		lws_set_wsi_user(wsi, NULL);
		peer_free(p);
		return 0;
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{
		.name           = "rivet",
		.callback       = on_lws,
		.rx_buffer_size = TR_WS_READ_BYTES,
		.tx_packet_size = TR_WS_SEND_BYTES, /* rx_buffer_size if not set */
	},
	{ 0 }
};

/* lws makes the handshake out of a request of our own: it takes 128 bytes of
 * Sec-WebSocket-Protocol only, and real ones carry kilobytes of parameters there. */
static void put_request(struct tr_bytes *b, const struct tr_ws_upgrade *up)
{
	const char *subprotocol = up->rivet ? "Sec-WebSocket-Protocol: rivet\r\n" : "";

	tr_bytes_printf(b, "GET / HTTP/1.1\r\nHost: troupe\r\n"
		"Connection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %.*s\r\n%s\r\n",
		(int)up->key.size, up->key.data, subprotocol);
	tr_bytes_put(b, up->rest, up->rest_size);
}

void tr_ws_adopt(struct tr_ws *ws, int fd, const struct tr_ws_upgrade *up)
{
	struct tr_bytes request = { 0 };
	struct lws *wsi;
	int on = 1;

	put_request(&request, up);
	if (request.failed || !tr_lws_loop_takes(ws->loop, fd)) {
		tr_warn("ws.full", "fd=%d clients=%zu", fd, ws->count);
		tr_bytes_free(&request);
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	ws->adopting = up;
	wsi = lws_adopt_socket_readbuf(tr_lws_loop_context(ws->loop), fd,
	                               (const char *)request.data, request.size);
	if (ws->adopting && wsi) { /* no WebSocket came of it */
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
		tr_warn("ws.handshake", "address=%.*s", (int)up->address.size, up->address.data);
	}
	ws->adopting = NULL;
	tr_lws_loop_touch(ws->loop);
	tr_bytes_free(&request);
}

size_t tr_ws_count(const struct tr_ws *ws)
{
	return ws->count;
}

void tr_ws_set_patience(struct tr_ws *ws, const struct tr_ws_patience *patience)
{
	ws->patience = *patience;
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

int tr_ws_new(struct tr_ws **ret, struct event_base *base, struct tr_core *core)
{
	struct tr_ws *ws = tr_alloc(sizeof *ws);
	int rc;

	ws->base = base;
	ws->core = core;
	ws->patience = (struct tr_ws_patience){ TR_PING_MS, TR_PONG_MS, TR_CLOSE_MS };
	ws->refusals = tr_refusals_new();
	ws->again = evtimer_new(base, on_again, NULL);
	tr_list_init(&ws->dirty);
	rc = tr_lws_loop_new(&ws->loop, base, protocols, ws);
	if (rc < 0) {
		tr_ws_free(ws);
		return rc;
	}
	*ret = ws;
	return 0;
}

struct tr_ws *tr_ws_free(struct tr_ws *ws)
{
	if (!ws)
		return NULL;
	ws->loop = tr_lws_loop_free(ws->loop);
	assert(ws->count == 0);
	tr_refusals_free(ws->refusals);
	event_free(ws->again);
	free(ws);
	return NULL;
}
