/* SPDX-License-Identifier: Apache-2.0 */
/* How libwebsockets gets into a libevent loop. Debian's build of it has no libevent plug-in, so
 * it runs on a libuv loop of its own, and libevent watches that loop's epoll descriptor. Nobody
 * else needs to know that libuv is there. */
#ifndef TR_GATE_LWS_LOOP_H
#define TR_GATE_LWS_LOOP_H

#include <event2/event.h>
#include <libwebsockets.h>
#include <stdbool.h>

struct tr_lws_loop;

/* A context that serves adopted sockets only. Its first protocol is the default one; the list is
 * lent for the loop's life. lws_context_user() of the context is `user`. TROUPE_ENOMEM, with the
 * reason in the log. */
int tr_lws_loop_new(struct tr_lws_loop **ret, struct event_base *base,
                    const struct lws_protocols *protocols, void *user);
/* Closes every connection, which calls their callbacks, and waits until libuv and lws let go of
 * everything. Not from inside a callback. Takes NULL, returns NULL. */
struct tr_lws_loop *tr_lws_loop_free(struct tr_lws_loop *loop);

struct lws_context *tr_lws_loop_context(const struct tr_lws_loop *loop);

/* Has lws a place for this descriptor? It must not be given others: it writes past the end of its
 * tables. */
bool tr_lws_loop_takes(const struct tr_lws_loop *loop, int fd);

/* Call it after lws was given something to do from outside its callbacks (a socket, a time-out, a
 * wish to write): lws and libuv apply that in their next round, which would else come with the
 * next network event only. The round comes from the event loop. */
void tr_lws_loop_touch(struct tr_lws_loop *loop);

#endif
