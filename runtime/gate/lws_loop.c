/* SPDX-License-Identifier: Apache-2.0 */
/* libevent watches the epoll descriptor and the timers of a libuv loop, and lets that loop run
 * when one of them is due.
 *
 * libuv applies what its callbacks ask for (other events, closed handles, lws's idle work) in the
 * round after, so rounds are repeated until none is wanted: uv_backend_timeout() is 0 as long as
 * one is. Leaving that out makes connections hang until lws's next timer, up to half a minute. */
#include "runtime/gate/lws_loop.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "proto/troupe_errors.h"
#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"

struct tr_lws_loop {
	uv_loop_t           uv;
	struct lws_context *context;
	struct event       *readable; /* the libuv loop's epoll descriptor */
	struct event       *timer;    /* its nearest time-out */
	int                 descriptors; /* lws has places for those below */
	uint64_t            due;      /* when timer fires, on libuv's clock, while it is pending */
};

/* ------------------------------------------------------------------ a loop within a loop */

static void arm(struct tr_lws_loop *l, int timeout_ms)
{
	struct timeval tv = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
	uint64_t due = uv_now(&l->uv) + (uint64_t)timeout_ms;

	/* Firing too early costs one empty round; setting it again with each message costs more. */
	if (event_pending(l->timer, EV_TIMEOUT, NULL) && l->due <= due)
		return;
	l->due = due;
	event_add(l->timer, &tv);
}

/* Input that never ends must not keep the worker's other events waiting. A round reads once from every ready socket, so
 * its bound is also how much of a burst is seen together and shares one commit. */
static void run(struct tr_lws_loop *l)
{
	int timeout_ms, rounds = 0;

	do {
		uv_run(&l->uv, UV_RUN_NOWAIT);
		timeout_ms = uv_backend_timeout(&l->uv);
	} while (timeout_ms == 0 && ++rounds < TR_WS_ROUNDS_MAX);
	if (timeout_ms >= 0)
		arm(l, timeout_ms);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	run(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	run(arg);
}

void tr_lws_loop_touch(struct tr_lws_loop *loop)
{
	/* lws's own time-outs are looked at only after an event of some descriptor; this makes
	 * one. */
	lws_cancel_service(loop->context);
}

/* ------------------------------------------------------------------ lws's log */

static void on_log(int level, const char *line)
{
	int size = (int)strcspn(line, "\r\n");

	/* This it says of every adopted socket, as an error. */
	if (size == 0 || strstr(line, "adopt_socket_readbuf: calling service"))
		return;
	/* A client can cause lws's warnings with bad frames; what it calls an error may be ours
	 * to know. */
	if (level & LLL_ERR)
		tr_warn("lws.error", "text=\"%.*s\"", size, line);
	else
		tr_debug("lws.warning", "text=\"%.*s\"", size, line);
}

/* ------------------------------------------------------------------ life */

/* lws asks for the limit of open files only here, when it makes its tables. */
/* lws's tables have a place for every descriptor that may be open. Debian's build walks one of them at each close, so a
 * very high limit of open files would make closing slow (1 ms at a million). */
static struct lws_context *create_with_tables(const struct lws_context_creation_info *info,
                                              int *descriptors)
{
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY }, lower;
	struct lws_context *context;

	getrlimit(RLIMIT_NOFILE, &limit);
	lower = limit;
	if (lower.rlim_cur > TR_WS_DESCRIPTORS_MAX)
		lower.rlim_cur = TR_WS_DESCRIPTORS_MAX;
	setrlimit(RLIMIT_NOFILE, &lower);
	context = lws_create_context(info);
	setrlimit(RLIMIT_NOFILE, &limit);
	*descriptors = (int)lower.rlim_cur;
	return context;
}

/* lws pings by itself after five minutes; its list of such times takes longer the longer it is.
 * ws.c does it instead. */
static const lws_retry_bo_t no_keepalive;

static struct lws_context *create_context(struct tr_lws_loop *l,
                                          const struct lws_protocols *protocols, void *user)
{
	void *loops[] = { &l->uv };
	struct lws_context_creation_info info = {
		.port          = CONTEXT_PORT_NO_LISTEN,
		.protocols     = protocols,
		.user          = user,
		.foreign_loops = loops,
		.retry_and_idle_policy = &no_keepalive,
		.gid           = (gid_t)-1,
		.uid           = (uid_t)-1,
		.options       = LWS_SERVER_OPTION_LIBUV,
	};

	lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
	return create_with_tables(&info, &l->descriptors);
}

/* lws closes its handles over some rounds; when libuv has no handle left, a second call frees the
 * context. */
static void destroy_context(struct tr_lws_loop *l)
{
	lws_context_destroy(l->context);
	while (uv_run(&l->uv, UV_RUN_NOWAIT))
		;
	lws_context_destroy(l->context);
}

int tr_lws_loop_new(struct tr_lws_loop **ret, struct event_base *base,
                    const struct lws_protocols *protocols, void *user)
{
	struct tr_lws_loop *l = tr_alloc(sizeof *l);

	if (uv_loop_init(&l->uv) < 0) {
		tr_error("ws.start", "libuv gives no loop");
		free(l);
		return TROUPE_ENOMEM;
	}
	l->context = create_context(l, protocols, user);
	if (!l->context) {
		tr_error("ws.start", "lws does not start; is libwebsockets-evlib-uv installed?");
		uv_loop_close(&l->uv);
		free(l);
		return TROUPE_ENOMEM;
	}
	l->readable = event_new(base, uv_backend_fd(&l->uv), EV_READ | EV_PERSIST, on_readable, l);
	l->timer = evtimer_new(base, on_timer, l);
	event_add(l->readable, NULL);
	run(l); /* lws finishes its start in its loop */
	*ret = l;
	return 0;
}

struct tr_lws_loop *tr_lws_loop_free(struct tr_lws_loop *loop)
{
	if (!loop)
		return NULL;
	event_free(loop->readable);
	event_free(loop->timer);
	destroy_context(loop);
	uv_loop_close(&loop->uv);
	free(loop);
	return NULL;
}

struct lws_context *tr_lws_loop_context(const struct tr_lws_loop *loop)
{
	return loop->context;
}

bool tr_lws_loop_takes(const struct tr_lws_loop *loop, int fd)
{
	return fd < loop->descriptors;
}
