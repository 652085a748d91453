/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi interface on libevent. Two layers: below, curl's own callbacks, which only take notes
 * (curl may not be called from inside itself); above, settle(), which runs after curl has returned and tells
 * what was noted.
 *
 * There is one multi handle, with its own pool of connections, for each reach: a connection to an address
 * that one request may use is never there for another that may not. */
#include "runtime/sandbox/wire/curl.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "runtime/base/limits.h"
#include "runtime/base/list.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/wire/curl_transfer.h"

/* The requests of one reach. */
struct pool {
	struct tr_curl         *curl;
	CURLM                  *multi;
	struct event           *timer;
};

struct request;

struct tr_curl {
	struct event_base      *base;
	char                   *ca;
	struct pool             pools[TR_HTTP_REACHES];
	struct tr_list          requests; /* all, by link */
	struct tr_list          noted;    /* those with something to tell, by noted_link */
	struct request         *telling;  /* whose callback is running */
};

struct request {
	struct tr_http_request  base;
	struct tr_curl         *curl;
	struct pool            *pool;
	struct tr_http_options  o;
	struct tr_curl_transfer transfer;
	struct tr_bytes         in;       /* received, not told yet */
	bool                    streams;  /* what comes is told piece by piece */
	bool                    opened;   /* on_open is due */
	bool                    too_big;
	bool                    ended;
	bool                    gone;     /* cancelled from inside its own callback */
	struct event           *leave_timer;
	struct tr_list          link, noted_link;
};

static struct request *request_of(struct tr_http_request *r)
{
	return tr_container(r, struct request, base);
}

/* ------------------------------------------------------------------ below: called by curl, taking notes */

static void note(struct request *r)
{
	tr_list_remove(&r->noted_link);
	tr_list_push(&r->curl->noted, &r->noted_link);
}

static size_t on_header(char *line, size_t one, size_t size, void *arg)
{
	struct request *r = arg;
	bool head_ends = size * one == 2 && line[0] == '\r';

	if (head_ends && r->o.on_data && tr_curl_transfer_is_stream(&r->transfer)) {
		r->streams = r->opened = true;
		note(r);
	}
	return size * one;
}

static size_t on_body(char *data, size_t one, size_t size, void *arg)
{
	struct request *r = arg;

	size *= one;
	if (!r->streams && r->in.size + size > r->o.body_max) {
		r->too_big = true;
		return 0;
	}
	tr_bytes_put(&r->in, data, size);
	if (r->in.failed) {
		r->too_big = true;
		return 0;
	}
	if (r->streams)
		note(r);
	return size;
}

static void on_socket_ready(evutil_socket_t fd, short what, void *arg);

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct pool *pool = arg;
	short events = EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);

	(void)easy;
	if (known)
		event_free(known);
	known = NULL;
	if (what != CURL_POLL_REMOVE) {
		known = event_new(pool->curl->base, fd, events, on_socket_ready, pool);
		event_add(known, NULL);
	}
	curl_multi_assign(pool->multi, fd, known);
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
	struct pool *pool = arg;
	struct timeval in = { ms / 1000, ms % 1000 * 1000 };

	(void)multi;
	if (ms < 0)
		event_del(pool->timer);
	else
		event_add(pool->timer, &in);
	return 0;
}

/* ------------------------------------------------------------------ above: telling */

static void request_free(struct request *r)
{
	tr_list_remove(&r->link);
	tr_list_remove(&r->noted_link);
	if (r->transfer.easy)
		curl_multi_remove_handle(r->pool->multi, r->transfer.easy);
	tr_curl_transfer_fini(&r->transfer);
	if (r->leave_timer)
		event_free(r->leave_timer);
	tr_bytes_free(&r->in);
	free(r);
}

/* r is gone after its callback, unless that was a mere piece of a stream. */
static void tell(struct request *r)
{
	struct tr_bytes in = r->in;

	if (r->opened) {
		r->opened = false;
		if (r->o.on_open)
			r->o.on_open(r->o.arg);
	}
	if (r->streams && !r->gone && in.size > 0) {
		r->in = (struct tr_bytes){ 0 };
		if (r->o.on_data)
			r->o.on_data(r->o.arg, in.data, in.size);
		tr_bytes_clear(&in);
		r->in = in; /* nothing can have come meanwhile: curl was not called */
	}
	if (r->ended && !r->gone) {
		struct tr_http_answer answer = {
			.end    = r->too_big ? TR_HTTP_TOO_BIG : tr_curl_transfer_end(&r->transfer),
			.status = tr_curl_transfer_status(&r->transfer),
			.body   = { (const char *)r->in.data, r->in.size },
			.why    = r->too_big ? "the answer is too large" : tr_curl_transfer_why(&r->transfer),
		};

		r->gone = true;
		if (r->o.on_end)
			r->o.on_end(r->o.arg, &answer);
	}
}

static void settle(struct pool *pool)
{
	struct tr_curl *c = pool->curl;
	CURLMsg *message;
	struct tr_list *first;
	int left;

	while ((message = curl_multi_info_read(pool->multi, &left))) {
		struct request *r = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &r);
		r->transfer.result = message->data.result;
		r->ended = true;
		note(r);
	}
	while ((first = tr_list_first(&c->noted))) {
		struct request *r = tr_container(first, struct request, noted_link);

		tr_list_remove(first);
		c->telling = r;
		tell(r);
		c->telling = NULL;
		if (r->gone)
			request_free(r);
	}
}

static void on_socket_ready(evutil_socket_t fd, short what, void *arg)
{
	struct pool *pool = arg;
	int flags = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
	int running;

	curl_multi_socket_action(pool->multi, fd, flags, &running);
	settle(pool);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	struct pool *pool = arg;
	int running;

	(void)fd, (void)what;
	curl_multi_socket_action(pool->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	settle(pool);
}

/* ------------------------------------------------------------------ the port */

static void receive_into(struct request *r)
{
	CURL *e = r->transfer.easy;

	curl_easy_setopt(e, CURLOPT_PRIVATE, r);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, r);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
}

static struct tr_http_request *start(void *ctx, const struct tr_http_options *o)
{
	struct request *r = tr_alloc(sizeof *r);
	struct tr_curl *c = ctx;

	r->curl = c;
	r->pool = &c->pools[o->reach];
	r->o = *o;
	r->o.url = r->o.token = r->o.accept = r->o.last_event_id = NULL; /* lent for this call only */
	r->o.body_max = o->body_max ? o->body_max : TR_HTTP_REPLY_BYTES_MAX;
	tr_list_push(&c->requests, &r->link);
	tr_list_init(&r->noted_link);
	tr_curl_transfer_init(&r->transfer, o, c->ca);
	if (r->transfer.easy) {
		receive_into(r);
		if (curl_multi_add_handle(r->pool->multi, r->transfer.easy) == CURLM_OK)
			return &r->base;
	}
	r->transfer.result = CURLE_FAILED_INIT;
	r->ended = true;
	note(r);
	on_timer(r->pool->multi, 0, r->pool);
	return &r->base;
}

static bool sent(const struct tr_http_request *r)
{
	return tr_curl_transfer_sent(&tr_container(r, const struct request, base)->transfer);
}

static void cancel(struct tr_http_request *base)
{
	struct request *r = request_of(base);

	if (r->curl->telling == r)
		r->gone = true; /* tell() is still using it */
	else
		request_free(r);
}

static void on_leave_time(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	cancel(arg);
}

static void leave(struct tr_http_request *base, int time_ms,
                  void (*on_end)(void *arg, const struct tr_http_answer *answer))
{
	struct timeval in = { time_ms / 1000, time_ms % 1000 * 1000 };
	struct request *r = request_of(base);

	r->o.on_open = NULL;
	r->o.on_data = NULL;
	r->o.on_end = on_end;
	r->o.arg = NULL;
	r->leave_timer = evtimer_new(r->curl->base, on_leave_time, base);
	evtimer_add(r->leave_timer, &in);
}

struct tr_http_port tr_curl_port(struct tr_curl *c)
{
	static const struct tr_http_ops ops = { .start = start, .sent = sent, .cancel = cancel, .leave = leave };

	return (struct tr_http_port){ &ops, c };
}

/* ------------------------------------------------------------------ life */

static void pool_init(struct pool *pool, struct tr_curl *c)
{
	pool->curl = c;
	pool->timer = evtimer_new(c->base, on_time, pool);
	pool->multi = curl_multi_init();
	if (!pool->multi || !pool->timer) {
		tr_error("http.start", "reason=\"no memory\"");
		abort();
	}
	curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
	curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
}

static bool knows_the_systems(void)
{
	const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);

	return curl->age >= CURLVERSION_SEVENTH && curl->capath;
}

/* Older libcurls must not be set up by two threads at once. */
static void set_up_process(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct tr_curl *tr_curl_new(struct event_base *base, const char *ca)
{
	static pthread_once_t process = PTHREAD_ONCE_INIT;
	struct tr_curl *c = tr_alloc(sizeof *c);

	pthread_once(&process, set_up_process);
	c->base = base;
	c->ca = tr_strdup(ca);
	if (ca && !knows_the_systems())
		tr_warn("sandbox.ca",
		        "file=\"%s\" reason=\"this libcurl has no directory of the system's authorities:"
		        " only the file's count\"", ca);
	tr_list_init(&c->requests);
	tr_list_init(&c->noted);
	for (size_t i = 0; i < TR_HTTP_REACHES; i++)
		pool_init(&c->pools[i], c);
	return c;
}

struct tr_curl *tr_curl_free(struct tr_curl *c)
{
	struct tr_list *first;

	if (!c)
		return NULL;
	while ((first = tr_list_first(&c->requests)))
		request_free(tr_container(first, struct request, link));
	for (size_t i = 0; i < TR_HTTP_REACHES; i++) {
		curl_multi_cleanup(c->pools[i].multi);
		event_free(c->pools[i].timer);
	}
	free(c->ca);
	free(c);
	return NULL;
}

const char *tr_curl_ca_check(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned count = 0;
	X509 *each;

	if (!file)
		return strerror(errno);
	while ((each = PEM_read_X509(file, NULL, NULL, NULL))) {
		X509_free(each);
		count++;
	}
	ERR_clear_error(); /* the end of the file is one */
	fclose(file);
	return count > 0 ? NULL : "it holds no certificate (PEM, with -----BEGIN CERTIFICATE-----)";
}
