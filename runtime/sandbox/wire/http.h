/* SPDX-License-Identifier: Apache-2.0 */
/* Outgoing HTTP/1.1: a port of four functions. Whoever makes a sandbox hands it in (sandbox.h); behind it is
 * libcurl (curl.h), or, in a test, the test.
 *
 * Callbacks come from the loop, and none from inside a function of this header; so each may start, cancel
 * and leave any request, its own included.
 *
 * Only http and https, TLS verified, no redirects, no proxy to loopback addresses. The token goes into the
 * Authorization header and nowhere else.
 *
 * Each request says which addresses its URL may lead to. The address is looked at when the socket to it is
 * made, after the name was resolved, and that very socket is used: no second look-up can lead elsewhere.
 * Connections are kept and used again only among requests of one reach. */
#ifndef TR_SANDBOX_HTTP_H
#define TR_SANDBOX_HTTP_H

#include "proto/bytes.h"
#include "proto/troupe_record.h"

enum tr_http_end {
	TR_HTTP_DONE,      /* an answer came, whole; its status may be anything */
	TR_HTTP_NOT_SENT,  /* nobody can have read anything of the request: no address, no connection, no TLS */
	TR_HTTP_BROKEN,    /* the connection failed after something had been sent */
	TR_HTTP_TIMED_OUT,
	TR_HTTP_TOO_BIG    /* the body passed its limit */
};

enum tr_http_reach {
	TR_HTTP_PUBLIC,    /* the Internet's addresses only. No proxy, which would resolve the name where we cannot see it */
	TR_HTTP_THIS_HOST, /* loopback addresses only */
	TR_HTTP_ANYWHERE
};
#define TR_HTTP_REACHES 3

struct tr_http_answer {
	enum tr_http_end   end;
	int                status; /* 0: no head came */
	struct troupe_text body;   /* what of it came; empty for a stream that was opened */
	const char        *why;    /* a few words for the log, static */
};

struct tr_http_options {
	const char      *method;         /* static */
	const char      *url;
	enum tr_http_reach reach;
	const char      *token;          /* NULL: none. The caller has checked that it has no control characters */
	const char      *accept;         /* NULL: anything */
	const char      *last_event_id;  /* NULL: none */
	struct tr_bytes *body;           /* JSON; taken over and emptied. NULL: none */
	bool             own_connection; /* never sent twice, which curl does by itself on a reused connection that died */
	int              time_ms;        /* for all of it; 0: no limit */
	size_t           body_max;       /* 0: TR_HTTP_REPLY_BYTES_MAX */

	/* An event stream: when the head has come with 200 and text/event-stream, and then its bytes as they come. An answer that is
	 * no event stream is collected, and both are not called. NULL: collect the body. */
	void (*on_open)(void *arg);
	void (*on_data)(void *arg, const void *data, size_t size);
	/* Once, from the loop; the request is gone then. The answer is lent. */
	void (*on_end)(void *arg, const struct tr_http_answer *answer);
	void *arg;
};

/* ---- the port */

struct tr_http_ops;

/* From start until on_end was called, or it was cancelled or left. Part of what an implementation has for
 * each. */
struct tr_http_request { const struct tr_http_ops *ops; };

/* As the functions below say; r is never NULL here. The texts of the options are lent for the call. */
struct tr_http_ops {
	struct tr_http_request *(*start)(void *ctx, const struct tr_http_options *o); /* who calls sets its ops */
	bool (*sent)(const struct tr_http_request *r);
	void (*cancel)(struct tr_http_request *r);
	void (*leave)(struct tr_http_request *r, int time_ms,
	              void (*on_end)(void *arg, const struct tr_http_answer *answer));
};

struct tr_http_port { const struct tr_http_ops *ops; void *ctx; };

/* ---- for those who use it */

/* Never fails: what cannot be started ends as NOT_SENT. */
struct tr_http_request *tr_http_start(const struct tr_http_port *h, const struct tr_http_options *o);
/* Was all of it, its body too, handed to the connection? */
bool tr_http_sent(const struct tr_http_request *r);
/* The connection is closed, on_end does not come. Takes NULL, returns NULL. */
struct tr_http_request *tr_http_cancel(struct tr_http_request *r);
/* It may end by itself within the time, else it is closed. Nobody is told any more but this on_end, with arg
 * NULL; NULL: nobody. Once. Takes NULL, returns NULL. */
struct tr_http_request *tr_http_leave(struct tr_http_request *r, int time_ms,
                                      void (*on_end)(void *arg, const struct tr_http_answer *answer));

/* Is this an address that requests may be sent to: http or https, a host, perhaps a port and a path, nothing
 * else? */
bool tr_http_url_valid(const char *url);
/* Does such a one name this machine, by its loopback address? A name that leads there says nothing. */
bool tr_http_url_is_loopback(const char *url);

#endif
