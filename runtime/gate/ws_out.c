/* SPDX-License-Identifier: Apache-2.0 */
/* A client's WebSocket: what it gets.
 *
 * Only tr_ws_flush writes (and an outbox that overflows within one turn). lws would make one
 * send() of each message, and two more system calls to be told that it may; so the messages get
 * their headers here, as many as are waiting are put together, and lws sends them as bytes that
 * it does not look into (LWS_WRITE_HTTP). What the kernel does not take stays with lws, in whole
 * and in order, and nothing more is written until lws has got rid of it: so frames of lws's own
 * (a pong) always come between two of ours. */
#include "runtime/gate/ws_inner.h"

#include <stdlib.h>

#include "runtime/base/log.h"

bool tr_ws_may_write(const struct tr_ws_peer *p)
{
	return p->in_lws == 0 && !p->broken;
}

void tr_ws_write(struct tr_ws_peer *p, uint8_t *data, size_t size)
{
	if (lws_write(p->wsi, data, size, LWS_WRITE_HTTP) < 0) {
		p->broken = true;
		tr_ws_dirty(p);
	} else if (lws_partial_buffered(p->wsi)) { /* it asked to be called when there is room */
		p->in_lws = size;
		tr_lws_loop_touch(p->ws->loop);
	}
}

static void write_outbox(struct tr_ws_peer *p)
{
	struct tr_run run;

	while (tr_ws_may_write(p) && tr_outbox_take(&p->outbox, p->ws->scratch, TR_WS_WRITE_BYTES, &run)) {
		tr_ws_write(p, run.data, run.size);
		tr_frame_unref(run.frame);
	}
}

static void write_close_frame(struct tr_ws_peer *p)
{
	uint8_t *bye = p->bye;

	p->bye = NULL;
	p->state = TR_WS_SAID;
	tr_ws_write(p, bye, 2u + bye[1]);
	tr_ws_wait(p, p->ws->patience.close_ms);
	free(bye);
}

static size_t backlog(const struct tr_ws_peer *p)
{
	return p->outbox.bytes + p->in_lws;
}

/* The outbox has emptied, or fell below half after having been above. */
static void tell_drained(struct tr_ws_peer *p)
{
	if (backlog(p) > 0 && !(p->above && backlog(p) < TR_OUTBOX_BYTES_MAX / 2))
		return;
	if (p->watched || p->above) /* who waited for this may do things that end a turn */
		event_active(p->ws->again, EV_TIMEOUT, 1);
	p->watched = p->above = false;
	if (p->conn)
		tr_conn_drained(p->conn);
}

static void flush_peer(struct tr_ws_peer *p)
{
	if (p->state == TR_WS_HELD || p->state == TR_WS_GONE)
		return;
	write_outbox(p);
	if (p->state == TR_WS_CLOSING && tr_ws_may_write(p) && p->outbox.count == 0)
		write_close_frame(p);
	if (p->broken) {
		event_active(p->ws->again, EV_TIMEOUT, 1); /* for what the core does about it */
		tr_ws_drop(p);
	} else if (p->state == TR_WS_OPEN) {
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
		flush_peer(tr_container(link, struct tr_ws_peer, dirty));
	}
	if (!tr_list_empty(&ws->dirty))
		event_active(ws->again, EV_TIMEOUT, 1);
}

static void on_peer_send(void *peer, struct tr_frame *f)
{
	struct tr_ws_peer *p = peer;

	if (p->state != TR_WS_OPEN)
		return;
	if (tr_outbox_put(&p->outbox, f) == TR_OUTBOX_FULL) {
		write_outbox(p); /* much in one turn is no backlog yet */
		if (tr_outbox_put(&p->outbox, f) == TR_OUTBOX_FULL) {
			tr_info("ws.backlog", "frames=%u bytes=%zu", p->outbox.count, backlog(p));
			tr_outbox_clear(&p->outbox);
			tr_ws_close(p, 1011, "message.backlog_full");
			return;
		}
	}
	if (backlog(p) >= TR_OUTBOX_BYTES_MAX / 2)
		p->above = true;
	if (p->in_lws == 0)
		tr_ws_dirty(p);
}

static size_t on_peer_backlog(void *peer)
{
	struct tr_ws_peer *p = peer;

	p->watched = true;
	return backlog(p);
}

const struct tr_peer_ops tr_ws_peer_ops = {
	.send    = on_peer_send,
	.backlog = on_peer_backlog,
	.close   = tr_ws_close_later,
};

void tr_ws_writable(struct tr_ws_peer *p)
{
	if (lws_partial_buffered(p->wsi))
		return;
	p->in_lws = 0;
	tr_ws_heard(p); /* it takes what we send */
	if (p->state == TR_WS_CLOSING)
		tr_ws_wait(p, p->ws->patience.close_ms);
	tr_ws_dirty(p);
}
