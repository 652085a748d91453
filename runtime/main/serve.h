/* SPDX-License-Identifier: Apache-2.0 */
/* One server process: a server (server.h) and what a process has one of.
 *
 * Whoever puts several servers into one process shares these among them:
 *
 *	signals         SIGTERM, SIGINT and SIGHUP are tr_serve's, for its one server; others are told by
 *	                tr_server_end. SIGPIPE and SIGXFSZ are to be ignored by whoever does without tr_serve
 *	RLIMIT_NOFILE   is raised by tr_serve; all servers' connections count against it
 *	the log         one sink and one level, set before the first thread (base/log.h). A line is one write, so
 *	                lines of several do not mix
 *	lws' log level  set by each gate, always to the same; its lines go to the log
 *	libuv           has one pipe for signals, of which we give it none: made by the first gate, never closed
 *	libcurl         is initialised by the first sandbox, under libcurl's own lock, and stays so
 *	thread-locals   a pool of random bytes (base/mem.c), the text of the Date header (gate/http_answer.c)
 *
 * Nothing else is shared: whatever else of ours can be written is reached from a struct tr_server. */
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
