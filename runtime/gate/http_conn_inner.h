/* SPDX-License-Identifier: Apache-2.0 */
/* What http_conn.c (the machine), http_conn_in.c (what the client says) and http_conn_out.c (what it gets) know of a
 * connection. The machine is above the other two, and those call only callbacks of the owner. */
#ifndef TR_GATE_HTTP_CONN_INNER_H
#define TR_GATE_HTTP_CONN_INNER_H

#include "runtime/gate/http_body.h"
#include "runtime/gate/http_conn.h"

/* Drawn at the head of http_conn.c. */
enum tr_http_state {
	TR_AT_IDLE, TR_AT_HEAD, TR_AT_BODY, TR_AT_WAIT, TR_AT_STREAM, TR_AT_SEND, TR_AT_SKIP, TR_AT_LINGER, TR_AT_DEAD
};

struct tr_http_conn {
	int fd;
	enum tr_http_state state;
	const struct tr_http_ops *ops;
	void *owner;
	const struct tr_http_times *times;
	struct event *readable, *writable, *timer;
	bool reading;             /* readable is added */
	bool running;             /* inside run(): callbacks find it so */
	bool ended;               /* the client will send nothing more */
	bool closing;             /* the answer in SEND is the last */
	bool draining;            /* tr_http_conn_drain was called */
	bool served;              /* a whole head has come */
	size_t moved;             /* since the deadline was set */
	struct tr_bytes in;       /* read; the first `used` bytes have been understood */
	size_t used;
	struct tr_bytes out;      /* of which `sent` bytes are out */
	size_t sent;
	bool chunked;             /* pieces go out so; else as they are, up to the end of the connection */
	bool silent;              /* pieces do not go out: HEAD, 204, 304 */
	struct tr_http_scan scan;
	struct tr_bytes head_bytes; /* what head's texts lie in */
	struct tr_http_head *head;  /* of the present request */
	struct tr_http_body body;
	struct tr_bytes content;
	bool unread;              /* the body has not been read to its end */
};

/* Its state from now on, with the deadline that goes with it. */
void tr_http_conn_enter(struct tr_http_conn *c, enum tr_http_state state);

/* ---- in. What was read and not yet understood waits. */

struct troupe_text tr_http_conn_waiting(const struct tr_http_conn *c);
void tr_http_conn_append(struct tr_http_conn *c, const void *data, size_t size);
void tr_http_conn_consume(struct tr_http_conn *c, size_t size);
/* Of the head that waits, once it is whole: on_head. True: it went on, or was refused. */
bool tr_http_conn_read_head(struct tr_http_conn *c);
/* Of the body that waits, into a buffer or (NULL) nowhere. The outcome of tr_http_body_take, or 503. */
int tr_http_conn_read_body(struct tr_http_conn *c, struct tr_bytes *into, const char **why);
/* on_bad, which answers. */
void tr_http_conn_refuse(struct tr_http_conn *c, int status, const char *why);

/* ---- out */

/* The request has its answer: is it the last, and what becomes of a body that nobody has read? */
void tr_http_conn_plan_end(struct tr_http_conn *c, const struct tr_http_answer *a);
void tr_http_conn_put_answer(struct tr_http_conn *c, const struct tr_http_answer *a);
/* Sends what the socket takes. True when nothing is left. */
bool tr_http_conn_flush(struct tr_http_conn *c);

#endif
