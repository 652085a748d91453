/* SPDX-License-Identifier: Apache-2.0 */
/* What ws.c (the engine, and what a client says), ws_out.c (what it gets) and ws_end.c (time, and how it ends) know of a
 * peer; each uses only those named after it. Its states are drawn at the head of ws.c. */
#ifndef TR_GATE_WS_INNER_H
#define TR_GATE_WS_INNER_H

#include <event2/event_struct.h>

#include "runtime/base/limits.h"
#include "runtime/base/list.h"
#include "runtime/gate/lws_loop.h"
#include "runtime/gate/outbox.h"
#include "runtime/gate/refusals.h"
#include "runtime/gate/ws.h"

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
	uint8_t                     scratch[TR_WS_WRITE_BYTES];
};

enum tr_ws_state { TR_WS_OPEN, TR_WS_HELD, TR_WS_CLOSING, TR_WS_SAID, TR_WS_GONE };

struct tr_ws_peer {
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
	enum tr_ws_state      state;
	bool                  plain;    /* a plain WebSocket: its messages may be larger */
	bool                  broken;   /* writing failed: flush drops it */
	bool                  pinged;   /* and has been silent since */
	bool                  watched;  /* the core asked for the backlog: it may wait for drained */
	bool                  above;    /* the backlog was half of the bound, or more */
};

/* ---- ws_end.c */

int64_t tr_ws_now(const struct tr_ws *ws); /* of the loop, in milliseconds */
/* One wait at a time: on_timer of ws.c comes after it. */
void tr_ws_wait(struct tr_ws_peer *p, int64_t ms);
/* The client is alive. */
void tr_ws_heard(struct tr_ws_peer *p);
/* flush looks at it, unless it is gone. */
void tr_ws_dirty(struct tr_ws_peer *p);
/* What was queued still leaves, then the Close frame. */
void tr_ws_close(struct tr_ws_peer *p, int code, const char *reason);
/* The same behind a delay: close of tr_peer_ops. */
void tr_ws_close_later(void *peer, int code, const char *reason, int delay_ms);
/* The core hears of it once, always from the loop. */
void tr_ws_gone(struct tr_ws_peer *p);
/* Without a word. lws calls back when it is done. */
void tr_ws_drop(struct tr_ws_peer *p);

/* ---- ws_out.c */

extern const struct tr_peer_ops tr_ws_peer_ops;
bool tr_ws_may_write(const struct tr_ws_peer *p);
/* May be called from inside the core, so that a failure is for flush to tell. */
void tr_ws_write(struct tr_ws_peer *p, uint8_t *data, size_t size);
/* lws has room again. */
void tr_ws_writable(struct tr_ws_peer *p);

#endif
