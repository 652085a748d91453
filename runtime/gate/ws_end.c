/* SPDX-License-Identifier: Apache-2.0 */
/* A client's WebSocket: its time, and how it ends (drawn at the head of ws.c). */
#include "runtime/gate/ws_inner.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/mem.h"

int64_t tr_ws_now(const struct tr_ws *ws)
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

void tr_ws_wait(struct tr_ws_peer *p, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(&p->timer, &tv);
}

void tr_ws_heard(struct tr_ws_peer *p)
{
	p->heard_ms = tr_ws_now(p->ws);
	p->pinged = false;
}

void tr_ws_gone(struct tr_ws_peer *p)
{
	struct tr_conn *conn = p->conn;

	if (p->state == TR_WS_GONE)
		return;
	p->state = TR_WS_GONE;
	p->conn = NULL;
	tr_list_remove(&p->dirty);
	tr_outbox_clear(&p->outbox);
	tr_bytes_free(&p->part);
	tr_ws_wait(p, p->ws->patience.close_ms); /* for lws */
	p->ws->count--;
	if (conn)
		tr_conn_closed(conn);
}

void tr_ws_drop(struct tr_ws_peer *p)
{
	tr_ws_gone(p);
	if (p->wsi) {
		lws_set_timeout(p->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
		tr_lws_loop_touch(p->ws->loop);
	}
}

void tr_ws_dirty(struct tr_ws_peer *p)
{
	if (p->state != TR_WS_GONE && tr_list_empty(&p->dirty))
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

void tr_ws_close(struct tr_ws_peer *p, int code, const char *reason)
{
	if (p->state != TR_WS_OPEN)
		return;
	p->state = TR_WS_CLOSING;
	p->bye = close_frame(code, reason);
	tr_bytes_free(&p->part);
	tr_ws_wait(p, p->ws->patience.close_ms);
	tr_ws_dirty(p);
}

void tr_ws_close_later(void *peer, int code, const char *reason, int delay_ms)
{
	struct tr_ws_peer *p = peer;

	if (p->state != TR_WS_OPEN)
		return;
	tr_ws_close(p, code, reason);
	if (delay_ms == TR_REFUSAL_DELAY_MS)
		delay_ms = tr_refusals_delay(p->ws->refusals, p->who, mono_ms());
	if (delay_ms > 0) {
		p->state = TR_WS_HELD;
		tr_ws_wait(p, delay_ms);
	}
}
