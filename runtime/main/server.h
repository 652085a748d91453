/* SPDX-License-Identifier: Apache-2.0 */
/* One server: a loop with everything plugged in. A value: a process may have several, each on a thread of its
 * own, with data, a port and a sandbox of its own. What they share all the same is the process's, and stands
 * in serve.h. */
#ifndef TR_MAIN_SERVER_H
#define TR_MAIN_SERVER_H

#include "runtime/main/options.h"
#include "runtime/troupe.h"

struct tr_server;
struct event_base;

/* Opens the data, the sandbox and the gate; o, listen_fd (which stays the caller's) and the kinds are lent
 * for its life. 0, or an error, which has been said: TROUPE_EFULL and TROUPE_ENOMEM may pass, others want
 * another configuration. */
int tr_server_new(struct tr_server **ret, const struct tr_options *o, int listen_fd,
                  const struct troupe_kind *const *kinds);
/* Serves, on the thread that calls it, until it has ended. Once. */
void tr_server_run(struct tr_server *s);
/* Any thread, any time of its life, also again (the last word about the sandbox counts): it drains, stops its
 * own sandbox or leaves it to whoever opens the same data next, and run returns. */
void tr_server_end(struct tr_server *s, bool keep_sandbox);
/* When it does not run. Takes NULL, returns NULL. */
struct tr_server *tr_server_free(struct tr_server *s);

/* For signals, which are the process's. */
struct event_base *tr_server_base(struct tr_server *s);

#endif
