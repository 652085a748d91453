/* SPDX-License-Identifier: Apache-2.0 */
/* The front desk: one listening socket, HTTP/1.1 on it, and the way from a request to the core.
 * Plain requests are answered here by way of the core; upgrades are handed to ws.h, socket and all. The gate makes and
 * owns the tr_ws that it hands them to. */
#ifndef TR_GATE_GATE_H
#define TR_GATE_GATE_H

#include <event2/event.h>

#include "runtime/core/core.h"

struct tr_gate;

struct tr_gate_options {
	struct event_base *base;
	struct tr_core    *core;
	int                listen_fd; /* bound and listening; stays the caller's, but is made non-blocking */
	const char        *version;   /* for /metadata */
	/* Values of Origin that may use this server from a browser besides the same host and loopback; a list that ends with
	 * NULL; may be NULL; "*" allows all. Lent, as is token, for the gate's life. */
	const char *const *origins;
	const char        *proxy;     /* the address (as inet_ntop prints it) of a reverse proxy that is believed what it tells of its
	                                 clients (X-Forwarded-For, -Proto); NULL: nobody is. Lent as well */
	const char        *token;     /* clients must show it (x-rivet-token, @token, rvt-token, rivet_token., Authorization:
	                                 Bearer on control routes); NULL: no token is asked for */
	const char        *observer_token; /* who shows this one instead may only watch; NULL: there is none. Only with token */
};

/* 0, TROUPE_ENOMEM, or what tr_ws_new returned. */
int tr_gate_new(struct tr_gate **ret, const struct tr_gate_options *o);
/* Ending, in two steps. First: no new connections; they wait in the listening socket for the next process. Those that are there
 * are served as before, so that a client whose upgrade is on its way gets its 101: without it, it would give up for ever
 * (spec/rivetkit-client.md 9.2). */
void tr_gate_stop(struct tr_gate *gate);
/* Has everyone who connected asked for something by now? */
bool tr_gate_quiet(const struct tr_gate *gate);
/* Then: connections close behind the answer that they wait for, or now. */
void tr_gate_drain(struct tr_gate *gate);
struct tr_gate *tr_gate_free(struct tr_gate *gate);
/* Call after each tr_core_turn_end: what the core released to WebSockets leaves now. */
void tr_gate_flush(struct tr_gate *gate);

#endif
