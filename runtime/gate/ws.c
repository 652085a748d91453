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
 * gone:    the core has been told; lws says its last words and lets go of the socket.
 *
 * Only tr_ws_flush writes (and an outbox that overflows within one turn). lws would make one
 * send() of each message, and two more system calls to be told that it may; so the messages get
 * their headers here, as many as are waiting are put together, and lws sends them as bytes that
 * it does not look into (LWS_WRITE_HTTP). What the kernel does not take stays with lws, in whole
 * and in order, and nothing more is written until lws has got rid of it: so frames of lws's own
 * (a pong) always come between two of ours. */
#include "runtime/gate/ws.h"

#include <assert.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/key.h"
#include "runtime/base/limits.h"
#include "runtime/base/list.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/gate/lws_loop.h"
#include "runtime/gate/outbox.h"
#include "runtime/gate/refusals.h"

#define SCRATCH_BYTES (64 * 1024)
#define READ_BYTES    1024 /* at once from one client; lws keeps a buffer of this size for each */

struct tr_ws {
	struct event_base          *base;
	struct tr_core             *core;
	struct tr_lws_loop         *loop;
	struct tr_refusals         *refusals;
	struct tr_ws_patience       patience;
	struct event               *again;    /* another turn of the loop is wanted */
	struct tr_list              dirty;    /* peers that flush should look at */
	size_t                      count;
	const struct tr_ws_upgrade *adopting; /* while tr_ws_adopt runs */
	uint8_t                     scratch[SCRATCH_BYTES];
};

enum state { OPEN, HELD, CLOSING, SAID, GONE };

struct peer {
	struct tr_ws         *ws;
	struct lws           *wsi;      /* NULL when lws has let go of the socket */
	struct tr_conn       *conn;     /* NULL: refused by the gate, or told to be gone */
	struct tr_list        dirty;
	struct tr_outbox      outbox;
	size_t                in_lws;   /* bytes written that the kernel has taken in part only */
	struct tr_bytes       part;     /* fragments of a message that has not come to its end */
	uint8_t              *bye;      /* the Close frame, from close() until it is sent */
	struct event          timer;    /* one wait at a time: what for depends on the state */
	int64_t               heard_ms;
	struct tr_refusal_key who;
	enum state            state;
	bool                  plain;    /* a plain WebSocket: its messages may be larger */
	bool                  broken;   /* writing failed: flush drops it */
	bool                  pinged;   /* and has been silent since */
	bool                  watched;  /* the core asked for the backlog: it may wait for drained */
	bool                  above;    /* the backlog was half of the bound, or more */
};

static void on_timer(evutil_socket_t fd, short what, void *arg);

/* ------------------------------------------------------------------ time */

static int64_t loop_ms(const struct tr_ws *ws)
{
	struct timeval tv;

	event_base_gettimeofday_cached(ws->base, &tv);
	return (int64_t)tv.tv_sec * 1000 + tv.tv_usec / 1000;
}

static int64_t mono_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void wait_ms(struct peer *p, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(&p->timer, &tv);
}

static void heard(struct peer *p)
{
	p->heard_ms = loop_ms(p->ws);
	p->pinged = false;
}

/* ------------------------------------------------------------------ endings */

/* The core hears of it once, always from the loop. */
static void gone(struct peer *p)
{
	struct tr_conn *conn = p->conn;

	if (p->state == GONE)
		return;
	p->state = GONE;
	p->conn = NULL;
	tr_list_remove(&p->dirty);
	tr_outbox_clear(&p->outbox);
	tr_bytes_free(&p->part);
	wait_ms(p, p->ws->patience.close_ms); /* for lws */
	p->ws->count--;
	if (conn)
		tr_conn_closed(conn);
}

/* Without a word. lws calls back when it is done. */
static void drop(struct peer *p)
{
	gone(p);
	if (p->wsi) {
		lws_set_timeout(p->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
		tr_lws_loop_touch(p->ws->loop);
	}
}

static void dirty(struct peer *p)
{
	if (p->state != GONE && tr_list_empty(&p->dirty))
		tr_list_push(&p->ws->dirty, &p->dirty);
}

static uint8_t *close_frame(int code, const char *reason)
{
	size_t size = reason ? strnlen(reason, 123) : 0;
	uint8_t *f = tr_alloc(4 + size);

	f[0] = 0x88;
	f[1] = (uint8_t)(2 + size);
	f[2] = (uint8_t)(code >> 8);
	f[3] = (uint8_t)code;
	if (size > 0)
		memcpy(f + 4, reason, size);
	return f;
}

static void close_now(struct peer *p, int code, const char *reason)
{
	if (p->state != OPEN)
		return;
	p->state = CLOSING;
	p->bye = close_frame(code, reason);
	tr_bytes_free(&p->part);
	wait_ms(p, p->ws->patience.close_ms);
	dirty(p);
}

static void on_peer_close(void *peer, int code, const char *reason, int delay_ms)
{
	struct peer *p = peer;

	if (p->state != OPEN)
		return;
	close_now(p, code, reason);
	if (delay_ms == TR_REFUSAL_DELAY_MS)
		delay_ms = tr_refusals_delay(p->ws->refusals, p->who, mono_ms());
	if (delay_ms > 0) {
		p->state = HELD;
		wait_ms(p, delay_ms);
	}
}

/* ------------------------------------------------------------------ outgoing */

static bool may_write(const struct peer *p)
{
	return p->in_lws == 0 && !p->broken;
}

/* May be called from inside the core, so that a failure is for flush to tell. */
static void write_bytes(struct peer *p, uint8_t *data, size_t size)
{
	if (lws_write(p->wsi, data, size, LWS_WRITE_HTTP) < 0) {
		p->broken = true;
		dirty(p);
	} else if (lws_partial_buffered(p->wsi)) { /* it asked to be called when there is room */
		p->in_lws = size;
		tr_lws_loop_touch(p->ws->loop);
	}
}

static void write_outbox(struct peer *p)
{
	struct tr_run run;

	while (may_write(p) && tr_outbox_take(&p->outbox, p->ws->scratch, SCRATCH_BYTES, &run)) {
		write_bytes(p, run.data, run.size);
		tr_frame_unref(run.frame);
	}
}

static void write_close_frame(struct peer *p)
{
	uint8_t *bye = p->bye;

	p->bye = NULL;
	p->state = SAID;
	write_bytes(p, bye, 2u + bye[1]);
	wait_ms(p, p->ws->patience.close_ms);
	free(bye);
}

static size_t backlog(const struct peer *p)
{
	return p->outbox.bytes + p->in_lws;
}

/* The outbox has emptied, or fell below half after having been above. */
static void tell_drained(struct peer *p)
{
	if (backlog(p) > 0 && !(p->above && backlog(p) < TR_OUTBOX_BYTES_MAX / 2))
		return;
	if (p->watched || p->above) /* who waited for this may do things that end a turn */
		event_active(p->ws->again, EV_TIMEOUT, 1);
	p->watched = p->above = false;
	if (p->conn)
		tr_conn_drained(p->conn);
}

static void flush_peer(struct peer *p)
{
	if (p->state == HELD || p->state == GONE)
		return;
	write_outbox(p);
	if (p->state == CLOSING && may_write(p) && p->outbox.count == 0)
		write_close_frame(p);
	if (p->broken) {
		event_active(p->ws->again, EV_TIMEOUT, 1); /* for what the core does about it */
		drop(p);
	} else if (p->state == OPEN) {
		tell_drained(p);
	}
}

void tr_ws_flush(struct tr_ws *ws)
{
	struct tr_list now = ws->dirty;
	struct tr_list *link;

	if (tr_list_empty(&ws->dirty))
		return;
	/* Those that get dirty meanwhile are for the next turn. */
	now.next->prev = now.prev->next = &now;
	tr_list_init(&ws->dirty);
	while ((link = tr_list_first(&now))) {
		tr_list_remove(link);
		flush_peer(tr_container(link, struct peer, dirty));
	}
	if (!tr_list_empty(&ws->dirty))
		event_active(ws->again, EV_TIMEOUT, 1);
}

static void on_peer_send(void *peer, struct tr_frame *f)
{
	struct peer *p = peer;

	if (p->state != OPEN)
		return;
	if (tr_outbox_put(&p->outbox, f) == TR_OUTBOX_FULL) {
		write_outbox(p); /* much in one turn is no backlog yet */
		if (tr_outbox_put(&p->outbox, f) == TR_OUTBOX_FULL) {
			tr_info("ws.backlog", "frames=%u bytes=%zu", p->outbox.count, backlog(p));
			tr_outbox_clear(&p->outbox);
			close_now(p, 1011, "message.backlog_full");
			return;
		}
	}
	if (backlog(p) >= TR_OUTBOX_BYTES_MAX / 2)
		p->above = true;
	if (p->in_lws == 0)
		dirty(p);
}

static size_t on_peer_backlog(void *peer)
{
	struct peer *p = peer;

	p->watched = true;
	return backlog(p);
}

static const struct tr_peer_ops peer_ops = {
	.send    = on_peer_send,
	.backlog = on_peer_backlog,
	.close   = on_peer_close,
};

static void on_writable(struct peer *p)
{
	if (lws_partial_buffered(p->wsi))
		return;
	p->in_lws = 0;
	heard(p); /* it takes what we send */
	if (p->state == CLOSING)
		wait_ms(p, p->ws->patience.close_ms);
	dirty(p);
}

/* ------------------------------------------------------------------ waits */

static void check_silence(struct peer *p)
{
	static uint8_t ping[] = { 0x89, 1, '?' }; /* of an empty pong lws says nothing */
	int64_t silent_ms = loop_ms(p->ws) - p->heard_ms;

	if (silent_ms < 0) /* the clock was set back */
		silent_ms = 0;
	if (silent_ms < p->ws->patience.ping_ms) {
		wait_ms(p, p->ws->patience.ping_ms - silent_ms);
	} else if (!p->pinged) {
		p->pinged = true;
		wait_ms(p, p->ws->patience.pong_ms);
		if (may_write(p)) /* else it has enough to answer to */
			write_bytes(p, ping, sizeof ping);
	} else {
		drop(p);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;

	(void)fd;
	(void)what;
	switch (p->state) {
	case OPEN:
		check_silence(p);
		break;
	case HELD:
		p->state = CLOSING;
		wait_ms(p, p->ws->patience.close_ms);
		dirty(p);
		break;
	case CLOSING:
	case SAID:
	case GONE:
		drop(p);
		break;
	}
}

/* ------------------------------------------------------------------ incoming */

static void deliver(struct peer *p, const void *data, size_t size, bool text)
{
	if (text && size > 0 && !tr_utf8_valid(data, size))
		close_now(p, 1007, "actor.invalid_request");
	else
		tr_conn_message(p->conn, data, size, text);
}

/* lws gives messages in pieces: as they were read, and as the client made fragments. */
static void on_piece(struct peer *p, const void *data, size_t size)
{
	bool text = !lws_frame_is_binary(p->wsi), last = lws_is_final_fragment(p->wsi);
	size_t announced = size + lws_remaining_packet_payload(p->wsi);
	size_t max = p->plain ? TR_SOCKET_BYTES_MAX : tr_core_message_size(p->ws->core);

	heard(p);
	if (p->state != OPEN || !p->conn)
		return;
	if (announced > max - p->part.size) {
		close_now(p, 1011, "message.incoming_too_long");
		return;
	}
	if (last && p->part.size == 0) {
		deliver(p, data, size, text);
		return;
	}
	tr_bytes_put(&p->part, data, size);
	if (p->part.failed) {
		close_now(p, 1011, "actor.out_of_memory");
	} else if (last) {
		struct tr_bytes whole = p->part;

		p->part = (struct tr_bytes){ 0 };
		deliver(p, whole.data, whole.size, text);
		tr_bytes_free(&whole);
	}
}

/* 0: lws answers with the same Close frame and ends the connection. -1: it only ends it. */
static int on_client_close(struct peer *p, const char *payload, size_t size)
{
	bool good = size == 0 || size == 2 || (size > 2 && tr_utf8_valid(payload + 2, size - 2));
	bool answer = good && p->state < SAID;
	const unsigned char *code = (const unsigned char *)payload;

	if (p->conn && good)
		tr_conn_closing(p->conn, size < 2 ? 1005 : code[0] << 8 | code[1],
		                (struct troupe_text){ size > 2 ? payload + 2 : "", size > 2 ? size - 2 : 0 });
	gone(p);
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
	struct peer *p = tr_alloc(sizeof *p);

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
	heard(p);
	wait_ms(p, ws->patience.ping_ms);
	if (up->error)
		tr_conn_refuse(ws->core, up->request.encoding, up->error, up->message,
		               &peer_ops, p);
	else
		p->conn = tr_conn_open(ws->core, &up->request, &peer_ops, p);
}

static void peer_free(struct peer *p)
{
	gone(p);
	event_del(&p->timer);
	free(p->bye);
	free(p);
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                  void *in, size_t size)
{
	struct peer *p = user;

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
		heard(p);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		on_writable(p);
		return 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return on_client_close(p, in, size);
	case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL: /* lws begins to close */
	case LWS_CALLBACK_CLOSED:
		gone(p);
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
		.rx_buffer_size = READ_BYTES,
		.tx_packet_size = 16 * 1024 * 1024, /* of one send(); READ_BYTES if not set */
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
