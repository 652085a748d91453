/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting: from the listening socket to one HTTP connection for each client, and from what HTTP says to the routes.
 *
 * Room is bounded, by us (TR_HTTP_CONNECTIONS_MAX) and by the process's descriptors. When it runs out, the connection that has
 * been idle for longest makes room; when none is idle, new ones wait in the listening socket. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/gate/routes.h"

/* ---- one client */

/* One connection of a proxy may carry the requests of many. */
static void identify(struct tr_client *client, const struct tr_http_head *head)
{
	const char *proxy = client->gate->o.proxy;
	bool trusted = proxy && !strcmp(client->peer, proxy);

	memcpy(client->address, client->peer, sizeof(client->address));
	client->tls = trusted && tr_forwarded_tls(head);
	if (trusted)
		tr_forwarded_for(head, client->address);
}

static uint64_t on_head(void *owner, const struct tr_http_head *head)
{
	struct tr_client *client = owner;

	identify(client, head);
	tr_list_remove(&client->link);
	tr_list_push(&client->gate->clients, &client->link);
	tr_route(tr_exchange_new(client, head), head);
	return client->exchange ? client->exchange->body_max : 0;
}

static void on_body(void *owner, const struct tr_http_head *head, struct troupe_text body)
{
	struct tr_client *client = owner;

	client->exchange->run(client->exchange, head, body);
}

static void on_bad(void *owner, const struct tr_http_head *head, int status, const char *sentence)
{
	struct tr_client *client = owner;
	struct tr_exchange *x = client->exchange ? client->exchange : tr_exchange_new(client, head);

	x->close = true;
	if (status == 413 && x->too_large)
		tr_exchange_fail(x, x->too_large, NULL);
	else
		tr_exchange_fail_http(x, status, sentence);
}

static void on_room(void *owner)
{
	struct tr_client *client = owner;

	if (client->exchange && client->exchange->call)
		tr_core_flowing(client->exchange->call);
}

static void resume(struct tr_gate *gate)
{
	if (!gate->paused || gate->stopped)
		return;
	gate->paused = false;
	event_add(gate->acceptable, NULL);
}

static void on_closed(void *owner)
{
	struct tr_client *client = owner;

	if (client->exchange)
		tr_exchange_desert(client->exchange);
	tr_list_remove(&client->link);
	client->gate->count--;
	resume(client->gate);
	free(client);
}

static const struct tr_http_ops http_ops = {
	.on_head   = on_head,
	.on_body   = on_body,
	.on_bad    = on_bad,
	.on_room   = on_room,
	.on_closed = on_closed,
};

static void print_address(char *to, size_t size, const struct sockaddr_storage *from)
{
	const struct sockaddr_in *v4 = (const void *)from;
	const struct sockaddr_in6 *v6 = (const void *)from;

	if (from->ss_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, to, (socklen_t)size);
	else if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], to, (socklen_t)size);
	else if (from->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &v6->sin6_addr, to, (socklen_t)size);
	else
		snprintf(to, size, "local");
}

/* Only TCP knows these; elsewhere they fail, which is fine. */
static void tune(int fd)
{
	int on = 1, idle_s = TR_KEEPALIVE_S;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
}

static void admit(struct tr_gate *gate, int fd, const struct sockaddr_storage *from)
{
	struct tr_client *client = tr_alloc(sizeof(*client));

	tune(fd);
	client->gate = gate;
	print_address(client->peer, sizeof(client->peer), from);
	memcpy(client->address, client->peer, sizeof(client->address));
	tr_list_push(&gate->clients, &client->link);
	gate->count++;
	client->conn = tr_http_conn_new(gate->o.base, fd, &http_ops, client, &tr_http_times);
}

/* ---- accepting */

/* Looks at some of those that were unseen for longest; who is busy goes to the end of the queue. */
static bool evict_idle(struct tr_gate *gate)
{
	for (int i = 0; i < TR_ACCEPT_LOOKS_MAX && !tr_list_empty(&gate->clients); i++) {
		struct tr_client *client = tr_container(tr_list_first(&gate->clients), struct tr_client, link);

		if (tr_http_conn_idle(client->conn)) {
			tr_http_conn_close(client->conn);
			return true;
		}
		tr_list_remove(&client->link);
		tr_list_push(&gate->clients, &client->link);
	}
	return false;
}

static bool is_full(const struct tr_gate *gate)
{
	return gate->count + tr_ws_count(gate->ws) >= TR_HTTP_CONNECTIONS_MAX;
}

static void pause_accepting(struct tr_gate *gate, const char *reason)
{
	struct timeval tv = { 0, TR_ACCEPT_RETRY_MS * 1000 };

	if (!gate->complained)
		tr_warn("http.full", "connections=%zu websockets=%zu reason=\"%s\"", gate->count, tr_ws_count(gate->ws), reason);
	gate->complained = gate->paused = true;
	event_del(gate->acceptable);
	event_add(gate->retry, &tv);
}

/* Somebody must go, or everybody wait. True: try again. */
static bool make_room(struct tr_gate *gate, const char *reason)
{
	struct pollfd listening = { .fd = gate->o.listen_fd, .events = POLLIN };

	if (poll(&listening, 1, 0) <= 0)
		return false; /* nobody is there: accept looks for a free descriptor first */
	if (evict_idle(gate))
		return true;
	pause_accepting(gate, reason);
	return false;
}

/* False: no more for now. */
static bool accept_one(struct tr_gate *gate)
{
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	socklen_t size = sizeof(from);
	int fd;

	if (is_full(gate))
		return make_room(gate, "the limit is reached");
	fd = accept4(gate->o.listen_fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		gate->complained = false;
		admit(gate, fd, &from);
		return true;
	}
	if (errno == EAGAIN)
		return false;
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		return make_room(gate, strerror(errno));
	return true; /* of that one connection: accept(2) passes on what befell it */
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < TR_ACCEPTS_MAX && accept_one(arg); i++)
		;
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	resume(arg);
}

/* ---- the gate */

int tr_gate_new(struct tr_gate **ret, const struct tr_gate_options *o)
{
	struct tr_gate *gate = tr_alloc(sizeof(*gate));
	int flags = fcntl(o->listen_fd, F_GETFL), err;

	gate->o = *o;
	tr_list_init(&gate->clients);
	tr_list_init(&gate->orphans);
	err = tr_ws_new(&gate->ws, o->base, o->core);
	if (err) {
		free(gate);
		return err;
	}
	fcntl(o->listen_fd, F_SETFL, flags | O_NONBLOCK);
	gate->acceptable = event_new(o->base, o->listen_fd, EV_READ | EV_PERSIST, on_acceptable, gate);
	gate->retry = evtimer_new(o->base, on_retry, gate);
	if (!gate->acceptable || !gate->retry) {
		tr_gate_free(gate);
		return TROUPE_ENOMEM;
	}
	event_add(gate->acceptable, NULL);
	*ret = gate;
	return 0;
}

void tr_gate_stop(struct tr_gate *gate)
{
	gate->stopped = true;
	event_del(gate->acceptable);
	event_del(gate->retry);
}

bool tr_gate_quiet(const struct tr_gate *gate)
{
	for (struct tr_list *at = gate->clients.next; at != &gate->clients; at = at->next) {
		if (tr_http_conn_fresh(tr_container(at, struct tr_client, link)->conn))
			return false;
	}
	return true;
}

void tr_gate_drain(struct tr_gate *gate)
{
	struct tr_list *at = gate->clients.next, *next;

	for (; at != &gate->clients; at = next) {
		next = at->next;
		tr_http_conn_drain(tr_container(at, struct tr_client, link)->conn);
	}
}

static void forget_orphans(struct tr_gate *gate)
{
	struct tr_list *at;

	while ((at = tr_list_first(&gate->orphans)))
		tr_list_remove(at); /* freed when the core has called */
}

struct tr_gate *tr_gate_free(struct tr_gate *gate)
{
	struct tr_list *at;

	if (!gate)
		return NULL;
	gate->stopped = true;
	while ((at = tr_list_first(&gate->clients)))
		tr_http_conn_close(tr_container(at, struct tr_client, link)->conn);
	forget_orphans(gate);
	if (gate->acceptable)
		event_free(gate->acceptable);
	if (gate->retry)
		event_free(gate->retry);
	tr_ws_free(gate->ws);
	free(gate);
	return NULL;
}

void tr_gate_flush(struct tr_gate *gate)
{
	tr_ws_flush(gate->ws);
}
