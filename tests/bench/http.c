/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking sockets; answers have a Content-Length. */
#include "tests/bench/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/meter.h"

enum { PATIENCE_S = 30, ANSWER_BYTES = 16 * 1024 };

void bench_http_open(struct bench_http *h, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
	                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int one = 1;

	h->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (h->fd < 0 || connect(h->fd, (struct sockaddr *)&to, sizeof to) < 0)
		bench_fail("no connection to port %d: %m", port);
	setsockopt(h->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(h->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

void bench_http_close(struct bench_http *h)
{
	close(h->fd);
	h->fd = -1;
}

static void send_request(struct bench_http *h, const char *line, const char *body)
{
	char request[2048];
	int size = snprintf(request, sizeof request,
		"%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		line, strlen(body), body);

	if (size < 0 || (size_t)size >= sizeof request || send(h->fd, request, (size_t)size, MSG_NOSIGNAL) != size)
		bench_fail("a request cannot be sent: %m");
}

void bench_http_send_create(struct bench_http *h, const char *key)
{
	char body[512];

	snprintf(body, sizeof body, "{\"name\":\"counter\",\"key\":\"%s\",\"runner_name_selector\":\"default\","
	         "\"crash_policy\":\"sleep\"}", key);
	send_request(h, "PUT /actors?namespace=default", body);
}

void bench_http_send_get_count(struct bench_http *h, const char *key)
{
	char line[512];

	snprintf(line, sizeof line, "POST /gateway/counter/action/getCount?rvt-namespace=default&rvt-method=getOrCreate"
	         "&rvt-runner=default&rvt-key=%s", key);
	send_request(h, line, "{\"args\":[]}");
}

void bench_http_send_health(struct bench_http *h)
{
	send_request(h, "GET /health", "");
}

/* How many bytes a whole answer has that begins with this head. */
static size_t answer_size(const char *answer, const char *head_end)
{
	static const char name[] = "\r\ncontent-length:";
	const char *at = strcasestr(answer, name);

	if (!at || at > head_end)
		bench_fail("an answer has no Content-Length: %.300s", answer);
	return (size_t)(head_end - answer) + 4 + strtoul(at + sizeof name - 1, NULL, 10);
}

void bench_http_receive(struct bench_http *h)
{
	char answer[ANSWER_BYTES];
	size_t size = 0, whole = 0;

	while (whole == 0 || size < whole) {
		ssize_t got = recv(h->fd, answer + size, sizeof answer - 1 - size, 0);
		const char *end;

		if (got <= 0)
			bench_fail("no answer: %s", got < 0 ? strerror(errno) : "the server closed the connection");
		size += (size_t)got;
		answer[size] = '\0';
		end = whole ? NULL : strstr(answer, "\r\n\r\n");
		if (end)
			whole = answer_size(answer, end);
		if (whole >= sizeof answer)
			bench_fail("an answer of %zu bytes is too long", whole);
	}
	if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0)
		bench_fail("the server answers: %.600s", answer);
}
