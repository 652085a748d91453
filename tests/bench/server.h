/* SPDX-License-Identifier: Apache-2.0 */
/* A server under test: a process of ours on a free port of 127.0.0.1, which does not outlive us.
 *
 * The bench makes the listening socket and hands it down as descriptor 3 (LISTEN_FDS), so no port is guessed, and a client
 * may connect before the server has begun: it is answered as soon as there is somebody to answer. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct bench_server {
	struct bench_server *next; /* running ones */
	pid_t    pid;
	int      port;
	uint64_t started_ns;       /* when its process was made */
	char     log[256];
};

/* argv[0] is the program; ends with NULL. What it says on stderr goes to the file log. */
void bench_server_start(struct bench_server *s, const char *const *argv, const char *log);
/* SIGTERM, and returns when it is gone. One that does not go within 30 s is killed and fails the figure. */
void bench_server_stop(struct bench_server *s);
/* The last lines that the running servers logged. */
void bench_server_logs(FILE *to);

#endif
