/* SPDX-License-Identifier: Apache-2.0 */
/* The process at the other end of one socket, requests that wait for their answers, and the providers that send them.
 *
 * A provider is loaded by the first request of each life of the process; a request of a provider that is being loaded waits in line
 * behind that, since the process begins requests in their order and a load that fails fails those behind it. */
#include "runtime/sandbox/provider/bridge.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "proto/json.h"
#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/provider/bridge_reply.h"
#include "runtime/sandbox/provider/child.h"
#include "runtime/sandbox/provider/local_disk.h"
#include "runtime/troupe.h"

static const char *const sdk_names[] = {
	"daytona", "e2b", "docker", "vercel", "modal", "cloudflare", "computesdk", "sprites", NULL
};

struct tr_bridge {
	struct event_base  *base;
	struct tr_clock     clock;
	const struct tr_sandbox_times *times;
	char               *modules, *log_path, *script;
	struct tr_bytes     options;
	bool                private_ok, stopping;
	pid_t               pid;       /* 0: it does not run */
	unsigned            life;      /* how often it was started */
	int                 pidfd;
	struct event       *on_exit;
	struct tr_timer    *stop_timer;
	struct bufferevent *socket;
	struct tr_list      requests;
	uint64_t            next_id, next_handle;
	int64_t             started_ms, rest_until_ms;
	int                 rest_ms;
	void              (*on_stopped)(void *arg);
	void               *arg;
};

struct bridged {
	struct tr_provider base;
	struct tr_bridge  *bridge;
	char              *options; /* JSON; NULL: {} */
	char               handle[24];
	unsigned           loaded;  /* in which life */
};

struct request {
	struct tr_list    link;
	struct tr_bridge *bridge;
	struct bridged   *provider;
	struct tr_errand *errand; /* NULL: nobody waits */
	struct tr_timer  *timer;
	uint64_t          id;
	bool              create, load, late;
};

static int64_t now_ms(const struct tr_bridge *b)
{
	return b->clock.ops->mono_ms(b->clock.ctx);
}

/* ------------------------------------------------------------------ requests */

static void request_free(struct request *r)
{
	tr_list_remove(&r->link);
	r->bridge->clock.ops->timer_free(r->timer);
	free(r);
}

static struct request *find_request(struct tr_bridge *b, uint64_t id)
{
	for (struct tr_list *at = b->requests.next; at != &b->requests; at = at->next) {
		struct request *r = tr_container(at, struct request, link);

		if (r->id == id)
			return r;
	}
	return NULL;
}

static void fail(struct request *r, int rc, const char *words, bool unknown)
{
	if (r->errand)
		tr_errand_end(r->errand, &(struct tr_provider_answer){ .rc = rc, .words = words, .unknown = r->create && unknown });
	r->errand = NULL;
}

static void put_member(struct tr_bytes *out, const char *name, const char *text)
{
	tr_bytes_printf(out, "%s\"%s\":", out->data[out->size - 1] == '{' ? "" : ",", name);
	tr_json_put_string(out, (struct troupe_text){ text, strlen(text) });
}

/* One line; params follow as name and text, in pairs, then NULL. */
static void say(struct bridged *p, uint64_t id, const char *method, const char *name, const char *value, bool with_options)
{
	struct tr_bytes line = { 0 };

	tr_bytes_printf(&line, "{\"id\":%llu,\"method\":\"%s\",\"params\":{", (unsigned long long)id, method);
	put_member(&line, "handle", p->handle);
	if (name)
		put_member(&line, name, value);
	if (with_options)
		tr_bytes_printf(&line, ",\"options\":%s", p->options ? p->options : "{}");
	tr_bytes_put_text(&line, "}}\n");
	bufferevent_write(p->bridge->socket, line.data, line.size);
	tr_bytes_free(&line);
}

static void on_request_time(void *arg);

static struct request *request_new(struct bridged *p, struct tr_errand *e, int time_ms)
{
	const struct tr_clock *clock = &p->bridge->clock;
	struct request *r = tr_alloc(sizeof *r);

	r->bridge = p->bridge;
	r->provider = p;
	r->errand = e;
	r->id = ++p->bridge->next_id;
	r->timer = clock->ops->timer_new(clock->ctx, on_request_time, r);
	clock->ops->timer_set(r->timer, time_ms);
	tr_list_push(&p->bridge->requests, &r->link);
	return r;
}

/* Those of this provider behind a load that failed would only be told that it is not loaded. */
static void fail_behind(struct request *load, int rc, const char *words)
{
	struct tr_bridge *b = load->bridge;

	for (struct tr_list *at = load->link.next; at != &b->requests; at = at->next) {
		struct request *r = tr_container(at, struct request, link);

		if (r->provider == load->provider)
			fail(r, rc, words, false);
	}
	load->provider->loaded = 0;
}

/* It may still be at it: what it makes later is given back. */
static void on_request_time(void *arg)
{
	static const char words[] = "The provider did not answer in time.";
	struct request *r = arg;

	fail(r, TROUPE_EPROVIDER, words, true);
	if (r->load)
		fail_behind(r, TROUPE_EPROVIDER, words);
	r->late = true;
	if (!r->create)
		request_free(r);
}

static void give_back(struct bridged *p, const char *raw_id)
{
	tr_warn("sandbox.unwanted", "sandbox=\"%s/%s\" reason=\"it was made too late; it is destroyed\"", p->base.name, raw_id);
	say(p, ++p->bridge->next_id, "destroy", "rawId", raw_id, false);
}

static void answered(struct request *r, const struct tr_bridge_reply *reply)
{
	if (r->load && reply->rc < 0) {
		tr_error("bridge.load", "provider=%s reason=\"%s\"", r->provider->base.name, reply->words);
		fail_behind(r, TROUPE_ENOPROVIDER, reply->words);
	} else if (r->create && r->late && reply->rc == 0 && reply->raw_id[0]) {
		give_back(r->provider, reply->raw_id);
	} else if (r->errand) {
		tr_errand_end(r->errand, &(struct tr_provider_answer){
			.rc = reply->rc, .unknown = reply->unknown, .words = reply->rc < 0 ? reply->words : NULL,
			.raw_id = reply->raw_id[0] ? reply->raw_id : NULL, .url = reply->url[0] ? reply->url : NULL,
			.token = reply->token[0] ? reply->token : NULL, .cwd = reply->cwd[0] ? reply->cwd : NULL });
	}
	request_free(r);
}

/* ------------------------------------------------------------------ the process */

static void stopped(struct tr_bridge *b)
{
	if (!b->stopping || !b->on_stopped)
		return;
	b->on_stopped(b->arg);
	b->on_stopped = NULL;
}

static void close_socket(struct tr_bridge *b)
{
	if (b->socket)
		bufferevent_free(b->socket);
	b->socket = NULL;
}

/* Nothing comes from it any more. */
static void fail_all(struct tr_bridge *b)
{
	struct tr_list *first;

	close_socket(b);
	while ((first = tr_list_first(&b->requests))) {
		struct request *r = tr_container(first, struct request, link);

		fail(r, TROUPE_EPROVIDER, "The process that runs the provider ended; DATA/bridge.log may say why.", true);
		request_free(r);
	}
}

static void on_process_end(evutil_socket_t fd, short what, void *arg)
{
	struct tr_bridge *b = arg;
	int status = 0;

	(void)fd, (void)what;
	waitpid(b->pid, &status, 0);
	event_free(b->on_exit);
	b->on_exit = NULL;
	close(b->pidfd);
	tr_info("bridge.exit", "pid=%d status=%d signal=%d", (int)b->pid, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
	        WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	b->pid = 0;
	b->rest_ms = now_ms(b) - b->started_ms >= TR_BRIDGE_LONG_LIFE_MS || b->rest_ms == 0 ? TR_BRIDGE_RESTART_MS : b->rest_ms * 2;
	if (b->rest_ms > TR_BRIDGE_RESTART_MAX_MS)
		b->rest_ms = TR_BRIDGE_RESTART_MAX_MS;
	b->rest_until_ms = now_ms(b) + b->rest_ms;
	fail_all(b);
	stopped(b);
}

static void on_lines(struct bufferevent *socket, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(socket);
	struct tr_bridge *b = arg;
	struct tr_bridge_reply reply;
	struct request *r;
	char *line;
	size_t size;

	while ((line = evbuffer_readln(in, &size, EVBUFFER_EOL_LF))) {
		if (!tr_bridge_read((struct troupe_text){ line, size }, &reply))
			tr_warn("bridge.line", "bytes=%zu reason=\"it is no answer\"", size);
		else if ((r = find_request(b, reply.id)))
			answered(r, &reply);
		free(line);
	}
	if (evbuffer_get_length(in) > TR_BRIDGE_LINE_MAX) {
		tr_error("bridge.line", "reason=\"a line without end: the process is ended\"");
		kill(-b->pid, SIGKILL);
		bufferevent_disable(socket, EV_READ);
		evbuffer_drain(in, evbuffer_get_length(in));
	}
}

/* Its end is told by the pidfd; if it has only closed its output, it is of no use. */
static void on_socket_event(struct bufferevent *socket, short what, void *arg)
{
	struct tr_bridge *b = arg;

	(void)socket, (void)what;
	close_socket(b);
	if (b->pid > 0 && !b->stopping)
		kill(-b->pid, SIGTERM);
}

static bool watch(struct tr_bridge *b, int fd)
{
	b->pidfd = pidfd_open(b->pid, 0);
	if (b->pidfd < 0) {
		tr_error("bridge.watch", "reason=\"%s\"", strerror(errno));
		kill(-b->pid, SIGKILL);
		waitpid(b->pid, NULL, 0);
		b->pid = 0;
		return false;
	}
	b->on_exit = event_new(b->base, b->pidfd, EV_READ, on_process_end, b);
	event_add(b->on_exit, NULL);
	evutil_make_socket_nonblocking(fd);
	b->socket = bufferevent_socket_new(b->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(b->socket, on_lines, NULL, on_socket_event, b);
	bufferevent_enable(b->socket, EV_READ | EV_WRITE);
	return true;
}

/* The line that runs the script: names are resolved from its working directory. */
static int spawn(struct tr_bridge *b, int fd)
{
	static const char line[] = "const { bridge } = await import(process.argv[1]); bridge((name) => import(name));";
	char url[PATH_MAX + 8];
	char *argv[] = { "node", "--input-type=module", "--eval", (char *)(uintptr_t)line, url, NULL };
	static const char *const with[] = { NULL };
	int log = tr_local_open_log(b->log_path), error;

	snprintf(url, sizeof url, "file://%s", b->script);
	error = tr_child_start(&b->pid, &(struct tr_child_options){
		.program = "node", .argv = argv, .dir = b->modules, .in = fd, .out = fd, .err = log, .with = with });
	if (log >= 0)
		close(log);
	return error;
}

/* 0, or why not, in a sentence. */
static const char *start(struct tr_bridge *b)
{
	int ends[2], error;

	if (b->socket)
		return NULL;
	if (b->stopping)
		return "The server is ending.";
	if (!b->script)
		return "The bridge's script (share/troupe/bridge/main.mjs) is not there; TROUPE_BRIDGE can name it.";
	if (b->pid > 0 || now_ms(b) < b->rest_until_ms)
		return "The process that runs the provider ended just now. Try again in a moment.";
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return "The process that runs the provider cannot be started.";
	error = spawn(b, ends[1]);
	close(ends[1]);
	if (error) {
		tr_error("bridge.start", "reason=\"%s\"", strerror(error));
		b->pid = 0;
		close(ends[0]);
		return error == ENOENT ? "There is no node, or no such folder of modules (--provider-modules)."
		                       : "The process that runs the provider cannot be started.";
	}
	if (!watch(b, ends[0])) {
		close(ends[0]);
		return "The process that runs the provider cannot be watched.";
	}
	b->life++;
	b->started_ms = now_ms(b);
	tr_info("bridge.start", "pid=%d modules=\"%s\"", (int)b->pid, b->modules ? b->modules : ".");
	return NULL;
}

/* ------------------------------------------------------------------ the provider */

static struct bridged *bridged_of(struct tr_provider *p)
{
	return tr_container(p, struct bridged, base);
}

static void load(struct bridged *p)
{
	struct request *r;

	if (p->loaded == p->bridge->life)
		return;
	p->loaded = p->bridge->life;
	r = request_new(p, NULL, TR_BRIDGE_MS);
	r->load = true;
	say(p, r->id, "load", "provider", p->base.name, true);
}

static void ask(struct tr_provider *base, struct tr_errand *e, const char *method, const char *name, const char *value, int time_ms)
{
	struct bridged *p = bridged_of(base);
	const char *why = start(p->bridge);
	struct request *r;

	if (why) {
		tr_errand_fail(e, p->bridge->script ? TROUPE_EPROVIDER : TROUPE_ENOPROVIDER, why);
		return;
	}
	load(p);
	r = request_new(p, e, time_ms);
	r->create = strcmp(method, "create") == 0;
	say(p, r->id, method, name, value, false);
}

static void bridge_create(struct tr_provider *p, struct tr_errand *e)
{
	ask(p, e, "create", "seed", e->seed, bridged_of(p)->bridge->times->bridge_create_ms);
}

static void bridge_reconnect(struct tr_provider *p, struct tr_errand *e)
{
	ask(p, e, "reconnect", "rawId", e->raw_id, TR_BRIDGE_MS);
}

static void bridge_ensure_server(struct tr_provider *p, struct tr_errand *e)
{
	ask(p, e, "ensureServer", "rawId", e->raw_id, TR_BRIDGE_MS);
}

static void bridge_reach(struct tr_provider *p, struct tr_errand *e)
{
	ask(p, e, "reach", "rawId", e->raw_id, TR_BRIDGE_MS);
}

static void bridge_pause(struct tr_provider *p, struct tr_errand *e)
{
	ask(p, e, "pause", "rawId", e->raw_id, TR_BRIDGE_MS);
}

static void bridge_destroy(struct tr_provider *p, struct tr_errand *e)
{
	ask(p, e, "destroy", "rawId", e->raw_id, TR_BRIDGE_MS);
}

/* A process that has died meanwhile has forgotten that it should be kept, and cannot destroy it either. */
static void bridge_kept(struct tr_provider *base, const char *raw_id)
{
	struct bridged *p = bridged_of(base);

	if (p->bridge->socket && p->loaded == p->bridge->life)
		say(p, ++p->bridge->next_id, "kept", "rawId", raw_id, false);
}

static struct tr_provider *bridged_free(struct tr_provider *base)
{
	struct bridged *p;

	if (!base)
		return NULL;
	p = bridged_of(base);
	for (struct tr_list *at = p->bridge->requests.next, *next; at != &p->bridge->requests; at = next) {
		struct request *r = tr_container(at, struct request, link);

		next = at->next;
		if (r->provider == p)
			request_free(r);
	}
	tr_provider_fini(base);
	free(p->options);
	free(p);
	return NULL;
}

static const struct tr_provider_ops bridged_ops = {
	.create = bridge_create, .reconnect = bridge_reconnect, .ensure_server = bridge_ensure_server, .reach = bridge_reach,
	.pause = bridge_pause, .destroy = bridge_destroy, .kept = bridge_kept, .free = bridged_free,
};

static bool is_of_sdk(const char *name)
{
	for (size_t i = 0; sdk_names[i]; i++) {
		if (strcmp(sdk_names[i], name) == 0)
			return true;
	}
	return false;
}

/* The server's options for it; NULL: none. */
static char *options_of(const struct tr_bridge *b, const char *name)
{
	struct troupe_text found;

	if (b->options.size == 0 ||
	    !tr_json_find((struct troupe_text){ (const char *)b->options.data, b->options.size }, &found, name, NULL))
		return NULL;
	return tr_strndup(found.data, found.size);
}

static bool names_module(const char *options)
{
	struct troupe_text found;

	return options && tr_json_find((struct troupe_text){ options, strlen(options) }, &found, "module", NULL);
}

struct tr_provider *tr_bridge_provider(struct tr_bridge *b, const char *name, const char *options)
{
	char *own = options ? tr_strdup(options) : options_of(b, name);
	struct bridged *p;

	if (strlen(name) >= TR_PROVIDER_NAME_MAX || (!is_of_sdk(name) && !names_module(own))) {
		free(own);
		return NULL;
	}
	p = tr_alloc(sizeof *p);
	tr_provider_init(&p->base, &bridged_ops, b->clock, name);
	/* what the operator's own module or docker names may be on this machine; what a service says may not */
	p->base.reach = b->private_ok || names_module(own) || strcmp(name, "docker") == 0 ? TR_HTTP_ANYWHERE
	                : strcmp(name, "cloudflare") == 0                                 ? TR_HTTP_THIS_HOST /* our own tunnel */
	                                                                                   : TR_HTTP_PUBLIC;
	p->bridge = b;
	p->options = own;
	snprintf(p->handle, sizeof p->handle, "%llu", (unsigned long long)++b->next_handle);
	return &p->base;
}

/* ------------------------------------------------------------------ life */

const char *tr_bridge_options_check(struct troupe_text json)
{
	struct tr_bytes packed = { 0 };
	struct tr_cursor c;
	struct tr_item head;
	const char *why = NULL;

	if (tr_json_check(json, TR_DEPTH_MAX, &why) < 0 || tr_json_decode(&packed, json, TR_JSON_PLAIN, TR_DEPTH_MAX, &why) < 0)
		return why ? why : "it is no JSON";
	c = tr_cursor(tr_bytes_value(&packed));
	if (tr_next(&c, &head) < 0 || head.kind != TR_MAP) {
		tr_bytes_free(&packed);
		return "it must be an object with one object for each provider";
	}
	for (uint32_t i = head.count; i > 0 && !why; i--) {
		struct troupe_value value;
		struct tr_cursor inner;

		tr_skip(&c, NULL);
		tr_skip(&c, &value);
		inner = tr_cursor(value);
		if (tr_next(&inner, &head) < 0 || head.kind != TR_MAP)
			why = "each provider's options must be an object";
	}
	tr_bytes_free(&packed);
	return why;
}

/* Seen from the program as it is built and as it is installed. */
static char *find_script(void)
{
	static const char *const from_program[] = { "../runtime/sandbox/provider/bridge", "../share/troupe/bridge" };
	const char *named = getenv("TROUPE_BRIDGE");
	char program[PATH_MAX], path[2 * PATH_MAX], found[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
	char *slash;

	if (named && *named)
		return realpath(named, found) ? tr_strdup(found) : NULL;
	program[size > 0 ? size : 0] = '\0';
	slash = strrchr(program, '/');
	for (size_t i = 0; slash && i < sizeof from_program / sizeof *from_program; i++) {
		snprintf(path, sizeof path, "%.*s/%s/main.mjs", (int)(slash - program), program, from_program[i]);
		if (realpath(path, found))
			return tr_strdup(found);
	}
	return NULL;
}

struct tr_bridge *tr_bridge_new(const struct tr_bridge_options *o)
{
	struct tr_bridge *b = tr_alloc(sizeof *b);
	char path[PATH_MAX], absolute[PATH_MAX];

	b->base = o->base;
	b->clock = o->clock;
	b->times = o->times;
	b->modules = o->modules && realpath(o->modules, absolute) ? tr_strdup(absolute) : tr_strdup(o->modules);
	b->private_ok = o->private_ok;
	tr_bytes_put(&b->options, o->options.data, o->options.size);
	snprintf(path, sizeof path, "%s/bridge.log", realpath(o->data_dir, absolute) ? absolute : o->data_dir);
	b->log_path = tr_strdup(path);
	b->script = find_script();
	tr_list_init(&b->requests);
	return b;
}

static void on_stop_time(void *arg)
{
	struct tr_bridge *b = arg;

	if (b->pid > 0)
		tr_warn("bridge.left", "pid=%d reason=\"it still destroys what it was making\"", (int)b->pid);
	stopped(b);
}

void tr_bridge_stop(struct tr_bridge *b, void (*on_stopped)(void *arg), void *arg)
{
	b->stopping = true;
	b->on_stopped = on_stopped;
	b->arg = arg;
	fail_all(b); /* the socket closes: that is how it hears of it */
	b->stop_timer = b->clock.ops->timer_new(b->clock.ctx, on_stop_time, b);
	b->clock.ops->timer_set(b->stop_timer, b->pid > 0 ? TR_BRIDGE_STOP_MS : 0);
}

struct tr_bridge *tr_bridge_free(struct tr_bridge *b)
{
	if (!b)
		return NULL;
	b->on_stopped = NULL;
	fail_all(b);
	if (b->on_exit) {
		event_free(b->on_exit);
		close(b->pidfd);
	}
	b->clock.ops->timer_free(b->stop_timer);
	tr_bytes_free(&b->options);
	free(b->modules);
	free(b->log_path);
	free(b->script);
	free(b);
	return NULL;
}
