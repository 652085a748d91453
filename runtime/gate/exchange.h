/* SPDX-License-Identifier: Apache-2.0 */
/* One request on its way through the gate, from its head to its answer: what the desk, which makes it, and the routes
 * (routes.h), which answer it, know of each other.
 *
 * An exchange is answered exactly once, and gone with that. When the client goes first, an action is abandoned; a control
 * request, which the core cannot take back, stays as an orphan until the core has called. */
#ifndef TR_GATE_EXCHANGE_H
#define TR_GATE_EXCHANGE_H

#include "runtime/base/list.h"
#include "runtime/gate/address.h"
#include "runtime/gate/forwarded.h"
#include "runtime/gate/gate.h"
#include "runtime/gate/http_conn.h"
#include "runtime/gate/ws.h"

struct tr_gate {
	struct tr_gate_options o;
	struct tr_ws *ws;
	struct event *acceptable, *retry;
	bool stopped;
	bool paused;            /* acceptable is not added, for want of room */
	bool complained;        /* about that, in the log */
	size_t count;           /* of clients */
	struct tr_list clients; /* struct tr_client, the longest unseen first */
	struct tr_list orphans; /* struct tr_exchange */
	char refused_origin[64]; /* the last one that was logged */
};

struct tr_client {
	struct tr_list link;
	struct tr_gate *gate;
	struct tr_http_conn *conn;
	struct tr_exchange *exchange; /* of the request that waits; NULL: none does */
	char peer[TR_ADDRESS_TEXT_MAX];    /* who is at the other end of the socket */
	char address[TR_ADDRESS_TEXT_MAX]; /* who asks: the same, or whom a trusted proxy names */
	bool tls;                          /* up to that proxy */
};

struct tr_exchange {
	struct tr_list link;          /* among the orphans, or in no list */
	struct tr_client *client;     /* NULL: it has gone */
	struct tr_bytes headers;      /* lines for the answer: CORS and more */
	bool origin_allowed;
	bool close;                   /* behind the answer */

	/* What tr_route decided: how to go on when the body is there. */
	void (*run)(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body);
	uint64_t body_max;
	int too_large;                /* the TROUPE_E code for a larger body; 0: 413 */
	enum tr_encoding encoding;    /* of the answer */
	struct tr_target target;
	enum tr_wish wish;
	struct tr_bytes name;         /* of the action */

	/* While the core is at work. */
	struct tr_http_call *call;
	unsigned owed;                /* calls of on_row to come */
	int error;                    /* of one of several look-ups; 0: none */
	struct tr_bytes out;          /* rows, as JSON */
	uint64_t cursor;
	unsigned rows, limit;
};

/* head NULL: there is none (it was malformed). */
struct tr_exchange *tr_exchange_new(struct tr_client *client, const struct tr_http_head *head);
/* The client has gone, or the gate goes. */
void tr_exchange_desert(struct tr_exchange *x);
/* For on_row: one of the owed calls has come. True when the client is still there to be answered; else the exchange is gone
 * with the last call. */
bool tr_exchange_paid(struct tr_exchange *x);

/* A line for the answer. A value that no header can carry is left out. */
void tr_exchange_header(struct tr_exchange *x, const char *name, struct troupe_text value);

/* Each of these answers the exchange, which is gone then. */
void tr_exchange_answer(struct tr_exchange *x, int status, const char *type, const void *body, size_t size);
/* In pieces: the head; the connection (http_conn.h) takes the pieces; the end answers the exchange. */
void tr_exchange_begin(struct tr_exchange *x, int status, const char *type);
void tr_exchange_finish(struct tr_exchange *x, bool whole);
void tr_exchange_json(struct tr_exchange *x, int status, const struct tr_bytes *json);
/* With an error of the list; message NULL: its sentence. A routing error: JSON, whatever the encoding. */
void tr_exchange_fail(struct tr_exchange *x, int error, const char *message);
/* With an error of HTTP itself, closing the connection. */
void tr_exchange_fail_http(struct tr_exchange *x, int status, const char *message);
/* With what the core said, in the exchange's encoding. */
void tr_exchange_failure(struct tr_exchange *x, const struct tr_failure *failure);

#endif
