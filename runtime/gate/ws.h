/* SPDX-License-Identifier: Apache-2.0 */
/* WebSockets: libwebsockets as the engine for frames, fragments, pongs and closes, inside the
 * worker's libevent loop; the outbox of each client is ours and bounded. The front desk hands
 * over sockets whose upgrade request it has read; from there on a connection is a peer of the
 * core (runtime/core/ports.h).
 *
 * What peers add to the contract there:
 * - close with a delay of exactly TR_REFUSAL_DELAY_MS is a refusal: the delay grows for an address
 *   that keeps coming back (refusals.h). Any other delay is taken as it is. During a delay nothing
 *   leaves, so an Error frame sent before is held with its Close frame (spec 9.4: the client
 *   connects again as soon as it sees either).
 * - tr_conn_drained comes from tr_ws_flush, each time that an outbox has emptied. Where somebody
 *   waited for it (the backlog was asked for, or was above half), another turn of the loop
 *   follows, so that what the core does about it is committed and sent.
 * - tr_conn_closed comes from the loop or from tr_ws_flush (then another turn follows, too), when
 *   the client sends its Close frame, breaks a rule of RFC 6455, or its socket is gone. */
#ifndef TR_GATE_WS_H
#define TR_GATE_WS_H

#include <event2/event.h>

#include "runtime/core/core.h"

struct tr_ws;

/* 0 or TROUPE_ENOMEM, with the reason in the log. The limit of open files should have been raised
 * before: lws takes no descriptors above what it is now. */
int tr_ws_new(struct tr_ws **ret, struct event_base *base, struct tr_core *core);
/* Drops what is still open (the core has heard tr_conn_closed of each by then). Not from inside a
 * callback. Takes NULL, returns NULL. */
struct tr_ws *tr_ws_free(struct tr_ws *ws);

/* An upgrade request, as the front desk read it. Everything is lent for the call. */
struct tr_ws_upgrade {
	struct troupe_text     key;       /* Sec-WebSocket-Key; the desk has checked the head */
	bool                   rivet;     /* offered subprotocol "rivet": it is answered */
	struct tr_conn_request request;   /* what to open once the handshake is out ... */
	int                    error;     /* ... or, when not 0: refuse, after 101 (spec 6.1), */
	const char            *message;   /* with this TROUPE_E code and sentence (NULL: the list's) */
	struct troupe_text     address;   /* the peer's, for throttling refusals and the log */
	const void            *rest;      /* bytes that came behind the head */
	size_t                 rest_size;
};

/* Takes the socket over, in every case (on failure it is closed). Non-blocking, TCP_NODELAY is
 * set here. tr_conn_open, or tr_conn_refuse, is called from inside. */
void tr_ws_adopt(struct tr_ws *ws, int fd, const struct tr_ws_upgrade *up);

/* Clients that are connected, as far as the core knows. */
size_t tr_ws_count(const struct tr_ws *ws);

/* How long a silent client is waited for; limits.h says what is so by default (TR_PING_MS,
 * TR_PONG_MS, TR_CLOSE_MS). For clients that come later. */
struct tr_ws_patience { int ping_ms, pong_ms, close_ms; };
void tr_ws_set_patience(struct tr_ws *ws, const struct tr_ws_patience *patience);

/* Frames that the core released in this turn leave now: call it after each tr_core_turn_end. */
void tr_ws_flush(struct tr_ws *ws);

#endif
