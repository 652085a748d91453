/* SPDX-License-Identifier: Apache-2.0 */
/* The one place that plugs the ports together, and the worker's loop: take what is ready, run the turns,
 * commit once, release (design.md 2).
 *
 * Starting: data, sandbox, core, gate. Ending is the reverse: the gate takes no more, the core drains, the
 * sandbox is stopped or left for the next process, and everything is given back. */
#include "runtime/main/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/core/core.h"
#include "runtime/gate/gate.h"
#include "runtime/main/clock.h"
#include "runtime/sandbox/provider/local.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/sandbox/wire/curl.h"
#include "runtime/store/lmdb_store.h"


struct tr_server {
	const struct tr_options *o;
	struct event_base *base;
	struct event      *last_heads, *committed, *told;
	struct tr_lmdb    *store;
	struct tr_curl    *curl;
	struct tr_local   *local;
	struct tr_sandbox *sandbox;
	struct tr_core    *core;
	struct tr_gate    *gate;
	char               cwd[PATH_MAX];
	int                listen_fd; /* lent */
	int                waited_ms; /* for heads on their way */
	int                told_fd;   /* somebody says that it is to end */
	atomic_bool        keep_sandbox;
	bool               ending, drained, stopped;
};

/* ------------------------------------------------------------------ ending */

static void on_stopped(void *arg)
{
	struct tr_server *s = arg;

	s->stopped = true;
}

static void on_sandboxes_stopped(void *arg)
{
	struct tr_server *s = arg;

	if (s->local)
		tr_local_stop(s->local, s->keep_sandbox, on_stopped, s);
	else
		s->stopped = true;
}

static void on_drained(void *arg)
{
	struct tr_server *s = arg;

	s->drained = true;
	if (s->sandbox)
		tr_sandbox_stop(s->sandbox, s->keep_sandbox, on_sandboxes_stopped, s);
	else
		s->stopped = true;
}

/* Whoever has connected is about to ask: cut off now, the official client would never come back. */
static void on_last_heads(evutil_socket_t fd, short what, void *arg)
{
	struct tr_server *s = arg;

	(void)fd;
	(void)what;
	s->waited_ms += TR_HTTP_LAST_HEAD_STEP_MS;
	if (!tr_gate_quiet(s->gate) && s->waited_ms < TR_HTTP_LAST_HEAD_MS)
		return;
	evtimer_del(s->last_heads);
	tr_gate_drain(s->gate);
	tr_core_drain(s->core, on_drained, s);
}

static void on_told(evutil_socket_t fd, short what, void *arg)
{
	struct tr_server *s = arg;
	eventfd_t times;

	(void)what;
	eventfd_read(fd, &times);
	if (s->ending)
		return;
	s->ending = true;
	tr_info("server.drain", "keep_sandbox=%d", (int)s->keep_sandbox);
	tr_gate_stop(s->gate);
	event_add(s->last_heads, &(struct timeval){ .tv_usec = TR_HTTP_LAST_HEAD_STEP_MS * 1000 });
}

void tr_server_end(struct tr_server *s, bool keep_sandbox)
{
	s->keep_sandbox = keep_sandbox;
	eventfd_write(s->told_fd, 1);
}

/* ------------------------------------------------------------------ starting */

/* A data directory's own place for agents to work in, unless one was given. */
static int work_dir(struct tr_server *s)
{
	char wanted[PATH_MAX];

	if (s->o->cwd) {
		snprintf(wanted, sizeof wanted, "%s", s->o->cwd);
	} else {
		snprintf(wanted, sizeof wanted, "%s/work", s->o->data);
		mkdir(wanted, 0700); /* it may be there */
	}
	if (realpath(wanted, s->cwd))
		return 0;
	fprintf(stderr, "troupe: %s: %m. Agents need a directory to work in: make it, or name another with --cwd\n", wanted);
	return TROUPE_EINVAL;
}

static void on_committed(evutil_socket_t fd, short what, void *arg)
{
	struct tr_server *s = arg;

	(void)fd;
	(void)what;
	tr_lmdb_answer(s->store);
}

static int open_store(struct tr_server *s)
{
	char why[1024];
	int rc = tr_lmdb_open(&s->store, s->o->data, why, sizeof why);

	if (rc < 0)
		fprintf(stderr, "troupe: %s\n", why);
	if (rc < 0)
		return rc;
	s->committed = event_new(s->base, tr_lmdb_fd(s->store), EV_READ | EV_PERSIST, on_committed, s);
	return s->committed && event_add(s->committed, NULL) == 0 ? 0 : TROUPE_ENOMEM;
}

/* The file of --provider-options, checked. False: that was said. */
static bool read_provider_options(const char *path, struct tr_bytes *ret)
{
	FILE *file = fopen(path, "re");
	const char *why = NULL;
	size_t size = 0;

	if (file) {
		char *room = (char *)tr_bytes_reserve(ret, TR_PROVIDER_OPTIONS_BYTES_MAX + 1);

		size = room ? fread(room, 1, TR_PROVIDER_OPTIONS_BYTES_MAX + 1, file) : 0;
		while (size > 0 && strchr(" \t\r\n", room[size - 1]))
			size--;
		ret->size = size;
		fclose(file);
	}
	if (!file)
		why = strerror(errno);
	else if (size > TR_PROVIDER_OPTIONS_BYTES_MAX)
		why = "it is larger than 64 KiB";
	else
		why = tr_bridge_options_check((struct troupe_text){ (const char *)ret->data, ret->size });
	if (why)
		fprintf(stderr, "troupe: --provider-options %s: %s\n", path, why);
	return why == NULL;
}

static bool ca_is_usable(const char *path)
{
	const char *why = path ? tr_curl_ca_check(path) : NULL;

	if (why)
		fprintf(stderr, "troupe: --sandbox-ca %s: %s\n", path, why);
	return why == NULL;
}

static int open_sandbox(struct tr_server *s)
{
	const char *where = s->o->sandbox;
	bool local = strcmp(where, "local") == 0, none = strcmp(where, "none") == 0;
	struct tr_sandbox_options o = {
		.base = s->base, .clock = tr_event_clock(s->base),
		.agent = s->o->agent, .cwd = s->cwd, .cwd_given = s->o->cwd != NULL, .data_dir = s->o->data,
		.binary = s->o->sandbox_agent, .providers = s->o->providers, .private_ok = s->o->private_sandboxes,
		.permission_ms = s->o->permission_s * (int64_t)1000, .auto_approve = s->o->auto_approve,
		.dispose = s->o->dispose, .pause = s->o->pause,
		.provider_modules = s->o->provider_modules,
	};
	struct tr_bytes options = { 0 };
	int rc = 0;

	if (!ca_is_usable(s->o->sandbox_ca))
		return TROUPE_EINVAL;
	if (none && !s->o->providers[0])
		return 0;
	if (local)
		rc = tr_local_new(&s->local, &(struct tr_local_options){
			.base = s->base, .clock = o.clock, .data_dir = s->o->data, .binary = s->o->sandbox_agent });
	if (rc < 0)
		return rc;
	s->curl = tr_curl_new(s->base, s->o->sandbox_ca);
	o.http = tr_curl_port(s->curl);
	o.local = s->local;
	o.base_url = local || none ? NULL : where;
	o.token = local || none ? NULL : s->o->sandbox_token;
	if (s->o->provider_options && !read_provider_options(s->o->provider_options, &options))
		rc = TROUPE_EINVAL;
	o.provider_options = (struct troupe_text){ (const char *)options.data, options.size };
	if (rc == 0)
		rc = tr_sandbox_new(&s->sandbox, &o);
	tr_bytes_free(&options);
	return rc;
}

static int open_core(struct tr_server *s, const struct troupe_kind *const *kinds)
{
	struct tr_core_options o = {
		.store = tr_lmdb_store(s->store),
		.clock = tr_event_clock(s->base),
		.sessions = s->sandbox ? tr_sandbox_sessions(s->sandbox) : NULL,
		.message_size = s->o->message_size,
		.show_internal = s->o->show_errors,
	};
	int rc = tr_core_new(&s->core, &o);

	for (; rc == 0 && *kinds; kinds++)
		rc = tr_core_register(s->core, *kinds);
	return rc;
}

static int open_gate(struct tr_server *s, int listen_fd)
{
	return tr_gate_new(&s->gate, &(struct tr_gate_options){
		.base = s->base, .core = s->core, .listen_fd = listen_fd, .version = TROUPE_VERSION,
		.origins = s->o->origins, .token = s->o->token, .observer_token = s->o->observer_token,
		.proxy = *s->o->proxy ? s->o->proxy : NULL,
	});
}

static int open_events(struct tr_server *s)
{
	s->told_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (s->told_fd < 0)
		return TROUPE_ENOMEM;
	s->last_heads = event_new(s->base, -1, EV_PERSIST, on_last_heads, s);
	s->told = event_new(s->base, s->told_fd, EV_READ | EV_PERSIST, on_told, s);
	return s->last_heads && s->told && event_add(s->told, NULL) == 0 ? 0 : TROUPE_ENOMEM;
}

static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

static int server_open(struct tr_server *s, const struct troupe_kind *const *kinds)
{
	int rc;

	s->base = base_new();
	if (!s->base)
		return TROUPE_ENOMEM;
	if ((rc = open_store(s)) < 0 || (rc = work_dir(s)) < 0 || (rc = open_sandbox(s)) < 0)
		return rc;
	if ((rc = open_core(s, kinds)) < 0 || (rc = open_gate(s, s->listen_fd)) < 0)
		return rc;
	return open_events(s);
}

struct tr_server *tr_server_free(struct tr_server *s)
{
	if (!s)
		return NULL;
	if (s->told)
		event_free(s->told);
	if (s->told_fd >= 0)
		close(s->told_fd);
	if (s->last_heads)
		event_free(s->last_heads);
	if (s->committed)
		event_free(s->committed);
	tr_gate_free(s->gate);
	tr_core_free(s->core);
	tr_sandbox_free(s->sandbox);
	tr_curl_free(s->curl);
	tr_local_free(s->local);
	tr_lmdb_close(s->store);
	if (s->base)
		event_base_free(s->base);
	free(s);
	return NULL;
}

int tr_server_new(struct tr_server **ret, const struct tr_options *o, int listen_fd,
                  const struct troupe_kind *const *kinds)
{
	struct tr_server *s = tr_alloc(sizeof *s);
	int rc;

	s->o = o;
	s->listen_fd = listen_fd;
	s->told_fd = -1;
	rc = server_open(s, kinds);
	if (rc < 0)
		tr_server_free(s);
	else
		*ret = s;
	return rc;
}

struct event_base *tr_server_base(struct tr_server *s)
{
	return s->base;
}

/* ------------------------------------------------------------------ serving */

static void say_where(const struct tr_options *o, int listen_fd)
{
	struct sockaddr_storage at = { 0 };
	socklen_t size = sizeof at;
	unsigned port = 0;
	char url[300];
	bool six;

	getsockname(listen_fd, (struct sockaddr *)&at, &size);
	six = at.ss_family == AF_INET6;
	port = ntohs(six ? ((struct sockaddr_in6 *)(void *)&at)->sin6_port : ((struct sockaddr_in *)(void *)&at)->sin_port);
	snprintf(url, sizeof url, "http://%s%s%s:%u/", six ? "[" : "", o->host, six ? "]" : "", port);
	tr_info("server.ready", "url=%s data=%s sandbox=%s agent=%s", url, o->data, o->sandbox, o->agent);
	if (!o->log_json && isatty(STDERR_FILENO))
		fprintf(stderr, "\n  Troupe is ready. Open this address in two browsers:  %s\n\n", url);
}

void tr_server_run(struct tr_server *s)
{
	tr_core_start(s->core);
	say_where(s->o, s->listen_fd);
	while (!s->stopped || !tr_core_quiet(s->core)) { /* debts are paid, and written, to the end */
		if (event_base_loop(s->base, EVLOOP_ONCE) < 0)
			break;
		tr_core_turn_end(s->core);
		tr_gate_flush(s->gate);
	}
	tr_info("server.end", "drained=%d", s->drained);
}
