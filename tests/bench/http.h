/* SPDX-License-Identifier: Apache-2.0 */
/* Plain requests to Troupe, one at a time on a kept-alive connection. */
#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

struct bench_http { int fd; };

void bench_http_open(struct bench_http *h, int port);
void bench_http_close(struct bench_http *h);

/* The counter with this key, made now if there is none. _send_... and _receive are the two halves of one request: between them
 * other connections may be asked. Whatever is not 200 fails the figure. */
void bench_http_send_create(struct bench_http *h, const char *key);
void bench_http_send_get_count(struct bench_http *h, const char *key);
void bench_http_send_health(struct bench_http *h);
void bench_http_receive(struct bench_http *h);

#endif
