/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi interface on libevent. Two layers: below, curl's own callbacks, which only take notes (curl may not be
 * called from inside itself); above, settle(), which runs after curl has returned and tells what was noted.
 *
 * There is one multi handle, with its own pool of connections, for each reach: a connection to an address that one request may
 * use is never there for another that may not. */
#include "runtime/sandbox/wire/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/limits.h"
#include "runtime/base/list.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/wire/public_address.h"
#include "runtime/troupe.h"

#define CONNECT_MS   5000
#define BUFFER_BYTES (256 * 1024) /* one read of a socket, and so what a stream hands over at once */

/* The requests of one reach. */
struct pool {
	struct tr_http         *http;
	CURLM                  *multi;
	struct event           *timer;
};

struct tr_http {
	struct event_base      *base;
	char                   *ca;
	struct pool             pools[TR_HTTP_REACHES];
	struct tr_list          requests; /* all, by link */
	struct tr_list          noted;    /* those with something to tell, by noted_link */
	struct tr_http_request *telling;  /* whose callback is running */
};

struct tr_http_request {
	struct tr_http        *http;
	struct pool           *pool;
	struct tr_http_options o;
	CURL                  *easy;     /* NULL: could not be made */
	struct curl_slist     *headers;
	struct tr_bytes        body;     /* to be sent */
	struct tr_bytes        in;       /* received, not told yet */
	bool                   streams;  /* what comes is told piece by piece */
	bool                   opened;   /* on_open is due */
	bool                   too_big;
	bool                   forbidden; /* its name leads to an address that it may not use */
	bool                   ended;
	bool                   gone;     /* cancelled from inside its own callback */
	CURLcode               result;
	struct event          *leave_timer;
	struct tr_list         link, noted_link;
};

/* ------------------------------------------------------------------ below: called by curl, taking notes */

static void note(struct tr_http_request *r)
{
	tr_list_remove(&r->noted_link);
	tr_list_push(&r->http->noted, &r->noted_link);
}

static int status_of(const struct tr_http_request *r)
{
	long status = 0;

	if (r->easy)
		curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

static bool is_event_stream(const struct tr_http_request *r)
{
	static const char wanted[] = "text/event-stream";
	char *type = NULL;

	curl_easy_getinfo(r->easy, CURLINFO_CONTENT_TYPE, &type);
	return type && strncasecmp(type, wanted, sizeof wanted - 1) == 0;
}

static size_t on_header(char *line, size_t one, size_t size, void *arg)
{
	struct tr_http_request *r = arg;
	bool head_ends = size * one == 2 && line[0] == '\r';

	if (head_ends && r->o.on_data && status_of(r) == 200 && is_event_stream(r)) {
		r->streams = r->opened = true;
		note(r);
	}
	return size * one;
}

static size_t on_body(char *data, size_t one, size_t size, void *arg)
{
	struct tr_http_request *r = arg;

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
		known = event_new(pool->http->base, fd, events, on_socket_ready, pool);
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

static bool may_reach(enum tr_http_reach reach, const struct sockaddr *address)
{
	switch (reach) {
	case TR_HTTP_PUBLIC:
		return tr_address_is_public(address);
	case TR_HTTP_THIS_HOST:
		return tr_address_is_loopback(address);
	case TR_HTTP_ANYWHERE:
		break;
	}
	return true;
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct tr_http_request *r = arg;

	(void)purpose;
	if (!may_reach(r->o.reach, &address->addr)) {
		r->forbidden = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ------------------------------------------------------------------ above: telling */

static void request_free(struct tr_http_request *r)
{
	tr_list_remove(&r->link);
	tr_list_remove(&r->noted_link);
	if (r->easy) {
		curl_multi_remove_handle(r->pool->multi, r->easy);
		curl_easy_cleanup(r->easy);
	}
	if (r->leave_timer)
		event_free(r->leave_timer);
	curl_slist_free_all(r->headers);
	tr_bytes_free(&r->body);
	tr_bytes_free(&r->in);
	free(r);
}

static enum tr_http_end end_of(const struct tr_http_request *r)
{
	long sent = 0;

	if (r->too_big)
		return TR_HTTP_TOO_BIG;
	if (r->easy)
		curl_easy_getinfo(r->easy, CURLINFO_REQUEST_SIZE, &sent);
	if (r->result == CURLE_OK)
		return TR_HTTP_DONE;
	if (sent == 0)
		return TR_HTTP_NOT_SENT;
	return r->result == CURLE_OPERATION_TIMEDOUT ? TR_HTTP_TIMED_OUT : TR_HTTP_BROKEN;
}

static const char *why_of(const struct tr_http_request *r)
{
	if (r->too_big)
		return "the answer is too large";
	if (r->result != CURLE_OK && r->forbidden)
		return r->o.reach == TR_HTTP_PUBLIC ? "its address is private (--allow-private-sandboxes would allow it)"
		                                    : "its address is not this machine's";
	return curl_easy_strerror(r->result);
}

/* r is gone after its callback, unless that was a mere piece of a stream. */
static void tell(struct tr_http_request *r)
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
			.end    = end_of(r),
			.status = status_of(r),
			.body   = { (const char *)r->in.data, r->in.size },
			.why    = why_of(r),
		};

		r->gone = true;
		if (r->o.on_end)
			r->o.on_end(r->o.arg, &answer);
	}
}

static void settle(struct pool *pool)
{
	struct tr_http *h = pool->http;
	CURLMsg *message;
	struct tr_list *first;
	int left;

	while ((message = curl_multi_info_read(pool->multi, &left))) {
		struct tr_http_request *r = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &r);
		r->result = message->data.result;
		r->ended = true;
		note(r);
	}
	while ((first = tr_list_first(&h->noted))) {
		struct tr_http_request *r = tr_container(first, struct tr_http_request, noted_link);

		tr_list_remove(first);
		h->telling = r;
		tell(r);
		h->telling = NULL;
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

/* ------------------------------------------------------------------ addresses */

static char *url_part(const char *url, CURLUPart part)
{
	CURLU *parts = curl_url();
	char *found = NULL, *copy;

	if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK)
		curl_url_get(parts, part, &found, 0);
	curl_url_cleanup(parts);
	copy = tr_strdup(found);
	curl_free(found);
	return copy;
}

static bool url_has(const char *url, CURLUPart part)
{
	char *found = url_part(url, part);
	bool has = found && *found;

	free(found);
	return has;
}

bool tr_http_url_valid(const char *url)
{
	if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
		return false;
	for (const char *c = url; *c; c++) {
		if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '?' || *c == '#')
			return false;
	}
	return url_has(url, CURLUPART_HOST) && !url_has(url, CURLUPART_USER) && !url_has(url, CURLUPART_PASSWORD);
}

static bool is_loopback(const char *url)
{
	char *host = url_part(url, CURLUPART_HOST);
	bool loopback = host && (strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0
	                         || strcmp(host, "[::1]") == 0);

	free(host);
	return loopback;
}

/* ------------------------------------------------------------------ starting and ending */

static void add_header(struct tr_http_request *r, const char *name, const char *value)
{
	struct tr_bytes line = { 0 };
	struct curl_slist *longer;

	tr_bytes_printf(&line, value ? "%s: %s" : "%s:", name, value);
	longer = curl_slist_append(r->headers, tr_bytes_text(&line));
	if (longer)
		r->headers = longer;
	tr_bytes_free(&line);
}

static void set_headers(struct tr_http_request *r, const struct tr_http_options *o)
{
	struct tr_bytes bearer = { 0 };

	if (o->token) {
		tr_bytes_printf(&bearer, "Bearer %s", o->token);
		add_header(r, "Authorization", tr_bytes_text(&bearer));
		tr_bytes_free(&bearer);
	}
	add_header(r, "Accept", o->accept ? o->accept : "*/*");
	if (o->last_event_id)
		add_header(r, "Last-Event-ID", o->last_event_id);
	if (o->body)
		add_header(r, "Content-Type", "application/json");
	add_header(r, "Expect", NULL); /* or curl waits for a 100 before a large body */
	curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
}

static void set_transport(struct tr_http_request *r, const struct tr_http_options *o)
{
	CURL *e = r->easy;

	curl_easy_setopt(e, CURLOPT_URL, o->url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "troupe/" TROUPE_VERSION);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)o->time_ms);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L); /* a POST may wait for hours: notice that its peer is gone */
	curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, 30L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, 15L);
	if (o->on_data)
		curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
	if (o->own_connection || o->on_data) {
		curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
	}
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	if (r->http->ca)
		curl_easy_setopt(e, CURLOPT_CAINFO, r->http->ca);
	if (o->reach != TR_HTTP_ANYWHERE || is_loopback(o->url))
		curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, r);
}

static void set_up(struct tr_http_request *r, const struct tr_http_options *o)
{
	CURL *e = r->easy;

	set_transport(r, o);
	set_headers(r, o);
	curl_easy_setopt(e, CURLOPT_PRIVATE, r);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, r);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
	if (o->body) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.size);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body.data);
	}
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, o->method);
}

struct tr_http_request *tr_http_start(struct tr_http *h, const struct tr_http_options *o)
{
	struct tr_http_request *r = tr_alloc(sizeof *r);

	r->http = h;
	r->pool = &h->pools[o->reach];
	r->o = *o;
	r->o.url = r->o.token = r->o.accept = r->o.last_event_id = NULL; /* lent for this call only */
	r->o.body_max = o->body_max ? o->body_max : TR_HTTP_REPLY_BYTES_MAX;
	if (o->body) {
		r->body = *o->body;
		*o->body = (struct tr_bytes){ 0 };
	}
	tr_list_push(&h->requests, &r->link);
	tr_list_init(&r->noted_link);
	r->easy = curl_easy_init();
	if (r->easy) {
		set_up(r, o);
		if (curl_multi_add_handle(r->pool->multi, r->easy) == CURLM_OK)
			return r;
	}
	r->result = CURLE_FAILED_INIT;
	r->ended = true;
	note(r);
	on_timer(r->pool->multi, 0, r->pool);
	return r;
}

bool tr_http_sent(const struct tr_http_request *r)
{
	curl_off_t uploaded = 0;
	long head = 0;

	if (!r->easy)
		return false;
	curl_easy_getinfo(r->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
	curl_easy_getinfo(r->easy, CURLINFO_REQUEST_SIZE, &head);
	return head > 0 && (size_t)uploaded >= r->body.size;
}

struct tr_http_request *tr_http_cancel(struct tr_http_request *r)
{
	if (!r)
		return NULL;
	if (r->http->telling == r)
		r->gone = true; /* tell() is still using it */
	else
		request_free(r);
	return NULL;
}

static void on_leave_time(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	tr_http_cancel(arg);
}

struct tr_http_request *tr_http_leave(struct tr_http_request *r, int time_ms,
                                      void (*on_end)(void *arg, const struct tr_http_answer *answer))
{
	struct timeval in = { time_ms / 1000, time_ms % 1000 * 1000 };

	if (!r)
		return NULL;
	r->o.on_open = NULL;
	r->o.on_data = NULL;
	r->o.on_end = on_end;
	r->o.arg = NULL;
	r->leave_timer = evtimer_new(r->http->base, on_leave_time, r);
	evtimer_add(r->leave_timer, &in);
	return NULL;
}

static void pool_init(struct pool *pool, struct tr_http *h)
{
	pool->http = h;
	pool->timer = evtimer_new(h->base, on_time, pool);
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

const char *tr_http_ca_check(const char *path)
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

static bool knows_the_systems(void)
{
	const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);

	return curl->age >= CURLVERSION_SEVENTH && curl->capath;
}

struct tr_http *tr_http_new(struct event_base *base, const char *ca)
{
	struct tr_http *h = tr_alloc(sizeof *h);

	curl_global_init(CURL_GLOBAL_DEFAULT);
	h->base = base;
	h->ca = tr_strdup(ca);
	if (ca && !knows_the_systems())
		tr_warn("sandbox.ca", "file=\"%s\" reason=\"this libcurl has no directory of the system's authorities: only the file's"
		        " count\"", ca);
	tr_list_init(&h->requests);
	tr_list_init(&h->noted);
	for (size_t i = 0; i < TR_HTTP_REACHES; i++)
		pool_init(&h->pools[i], h);
	return h;
}

struct tr_http *tr_http_free(struct tr_http *h)
{
	struct tr_list *first;

	if (!h)
		return NULL;
	while ((first = tr_list_first(&h->requests)))
		request_free(tr_container(first, struct tr_http_request, link));
	for (size_t i = 0; i < TR_HTTP_REACHES; i++) {
		curl_multi_cleanup(h->pools[i].multi);
		event_free(h->pools[i].timer);
	}
	free(h->ca);
	free(h);
	return NULL;
}
