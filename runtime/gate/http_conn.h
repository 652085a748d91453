/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/1.x connection on the loop: it reads requests one after the other, asks its owner what to do with each, and sends
 * the answers in the same order. It knows no routes, only HTTP.
 *
 *	on_head   a head has come. The owner answers it at once, or says how large its body may be and then gets
 *	on_body   all of it. The owner answers at once or later, or takes the socket away (an upgrade)
 *	on_bad    instead of either, when the request cannot be understood: the owner words the answer
 *	on_closed it is over, whoever ended it. A request that waits for its answer needs none any more
 *
 * The next request is not looked at before the last answer has left: a client that does not read gets no more to read. */
#ifndef TR_GATE_HTTP_CONN_H
#define TR_GATE_HTTP_CONN_H

#include <event2/event.h>

#include "runtime/gate/http_answer.h"
#include "runtime/gate/http_head.h"

struct tr_http_conn;

struct tr_http_ops {
	/* The head is lent until the request is answered. Returns the most bytes that the body may have; what it returns after
	 * having answered does not count. */
	uint64_t (*on_head)(void *owner, const struct tr_http_head *head);
	/* The body is lent for the call. */
	void (*on_body)(void *owner, const struct tr_http_head *head, struct troupe_text body);
	/* head NULL: it did not even have one; else it had on_head but its body went wrong. The sentence is static. To be answered at
	 * once, with `close`. */
	void (*on_bad)(void *owner, const struct tr_http_head *head, int status, const char *sentence);
	/* All that there is of an answer in pieces has left. From the loop. */
	void (*on_room)(void *owner);
	/* The connection's memory goes when this returns. */
	void (*on_closed)(void *owner);
};

/* Tests bring their own; what else there is comes from limits.h. */
struct tr_http_times {
	int head_ms;  /* from the first byte of a head to its last: 408 */
	int idle_ms;  /* nothing at all: closed in silence */
	int body_ms;  /* for each TR_HTTP_PROGRESS_BYTES of a body, either way: 408, or just closed */
	int close_ms; /* for the client to close, after us */
};
extern const struct tr_http_times tr_http_times;

/* Takes the connected socket over. ops, owner and times are lent until on_closed. */
struct tr_http_conn *tr_http_conn_new(struct event_base *base, int fd, const struct tr_http_ops *ops, void *owner,
                                      const struct tr_http_times *times);

/* Answers the request that waits. Everything is copied. Once for each on_head, on_body or on_bad; it may be called from inside
 * of them. The client's HEAD, keep-alive and unread body are taken care of. on_closed may come before it returns. */
void tr_http_conn_answer(struct tr_http_conn *c, const struct tr_http_answer *a);

/* In pieces instead: a head (body and size are not looked at), pieces, and the end; whole false: it breaks off, and the client
 * sees that it did. They leave from the loop, so nothing is called from inside. Pieces are copied, without a bound: it is for
 * the owner to look at the backlog, the bytes that wait. */
void tr_http_conn_begin(struct tr_http_conn *c, const struct tr_http_answer *head);
void tr_http_conn_piece(struct tr_http_conn *c, const void *data, size_t size);
void tr_http_conn_finish(struct tr_http_conn *c, bool whole);
size_t tr_http_conn_backlog(const struct tr_http_conn *c);

/* From inside on_body only: takes the socket away for another protocol. The bytes behind the request are lent until on_body
 * returns; on_closed follows then. */
int tr_http_conn_release(struct tr_http_conn *c, struct troupe_text *rest);

/* No request but the one that is there: the connection closes behind its answer, or now. on_closed may come before it
 * returns. */
void tr_http_conn_drain(struct tr_http_conn *c);
/* Its first head has not come whole yet: the client has connected and is about to ask. */
bool tr_http_conn_fresh(const struct tr_http_conn *c);
/* Between two requests, or before the first, and with nothing in the socket? Such a connection may be closed without harm. */
bool tr_http_conn_idle(const struct tr_http_conn *c);
/* Drops it; on_closed comes from inside, unless this is called from inside on_head, on_body or on_bad: then after them. */
void tr_http_conn_close(struct tr_http_conn *c);

#endif
