/* SPDX-License-Identifier: Apache-2.0 */
/* One server process: the worker's loop with everything plugged in. */
#ifndef TR_MAIN_SERVE_H
#define TR_MAIN_SERVE_H

#include "runtime/main/options.h"
#include "runtime/troupe.h"

/* What the process exits with when its configuration or its data directory cannot be used: starting it again will not help,
 * so the supervisor does not (sysexits.h: EX_CONFIG). */
#define TR_EXIT_CONFIG 78

/* Serves on listen_fd (which stays the caller's) until SIGTERM or SIGINT: then it drains, stops its own sandbox and returns
 * 0. SIGHUP: the same, but the sandbox goes on for the next process. Returns the exit code. */
int tr_serve(const struct tr_options *o, int listen_fd, const struct troupe_kind *const *kinds);

#endif
