/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of one server: live connections that speak JSON over WebSocket (proto/README.md), all on one epoll.
 *
 * They count what they hear. Whoever drives them calls, and waits until a count has been reached. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/meter.h"

struct bench_client {
	struct bench_crowd *crowd;
	int      fd;
	bool     open;           /* the handshake is done */
	uint64_t calls, events;  /* of this client */
	uint8_t *kept;           /* the beginning of a frame whose rest is on its way */
	size_t   kept_size;
};

struct bench_crowd {
	struct bench_client *clients;
	size_t   count;
	uint64_t opened, answers, events;  /* of all together */
	int      epoll;

	/* Set both, and the moment when a client has heard this many events since it connected is noted, in us since heard_from_ns. */
	uint64_t heard_mark, heard_from_ns;
	struct bench_samples heard;
};

/* Connects to the counter with this key; with `each`, to KEY-0, KEY-1, ... one for each client. All are open when it returns. */
void bench_crowd_open(struct bench_crowd *crowd, int port, size_t count, const char *key, bool each);
void bench_crowd_close(struct bench_crowd *crowd);

/* Takes what the server says until *counter (of this crowd) is at least until. Silence of 30 s, an error and a close fail the
 * figure. */
void bench_crowd_wait(struct bench_crowd *crowd, const uint64_t *counter, uint64_t until);

/* args: a JSON array. */
void bench_call(struct bench_client *c, const char *action, const char *args);
void bench_subscribe(struct bench_client *c, const char *event);

/* Calls in a pipeline: `total` of them, `window` in flight. Round trips in us go to `trips` unless that is NULL; they are
 * counted first in, first out, which is how a kind that answers at once answers. */
void bench_pipeline(struct bench_crowd *crowd, const char *action, const char *args, uint64_t total, uint64_t window,
                    struct bench_samples *trips);

#endif
