/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sandbox/wire/curl_transfer.h"

#include <strings.h>

#include "runtime/base/limits.h"
#include "runtime/sandbox/wire/public_address.h"
#include "runtime/troupe.h"

/* ------------------------------------------------------------------ where it may lead */

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
	struct tr_curl_transfer *t = arg;

	(void)purpose;
	if (!may_reach(t->reach, &address->addr)) {
		t->forbidden = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ------------------------------------------------------------------ setting up */

static void add_header(struct tr_curl_transfer *t, const char *name, const char *value)
{
	struct tr_bytes line = { 0 };
	struct curl_slist *longer;

	tr_bytes_printf(&line, value ? "%s: %s" : "%s:", name, value);
	longer = curl_slist_append(t->headers, tr_bytes_text(&line));
	if (longer)
		t->headers = longer;
	tr_bytes_free(&line);
}

static void set_headers(struct tr_curl_transfer *t, const struct tr_http_options *o)
{
	struct tr_bytes bearer = { 0 };

	if (o->token) {
		tr_bytes_printf(&bearer, "Bearer %s", o->token);
		add_header(t, "Authorization", tr_bytes_text(&bearer));
		tr_bytes_free(&bearer);
	}
	add_header(t, "Accept", o->accept ? o->accept : "*/*");
	if (o->last_event_id)
		add_header(t, "Last-Event-ID", o->last_event_id);
	if (o->body)
		add_header(t, "Content-Type", "application/json");
	add_header(t, "Expect", NULL); /* or curl waits for a 100 before a large body */
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void set_connection(struct tr_curl_transfer *t, const struct tr_http_options *o)
{
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)TR_HTTP_CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)o->time_ms);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L); /* a POST may wait for hours: is its peer there? */
	curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, 30L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, 15L);
	if (o->on_data)
		curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)TR_SANDBOX_READ_BYTES);
	if (o->own_connection || o->on_data) {
		curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
	}
	if (o->reach != TR_HTTP_ANYWHERE || tr_http_url_is_loopback(o->url))
		curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
}

static void set_protocol(struct tr_curl_transfer *t, const struct tr_http_options *o, const char *ca)
{
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_URL, o->url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "troupe/" TROUPE_VERSION);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	if (ca)
		curl_easy_setopt(e, CURLOPT_CAINFO, ca);
}

static void set_body(struct tr_curl_transfer *t, const struct tr_http_options *o)
{
	if (o->body) {
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.size);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->body.data);
	}
	curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, o->method);
}

void tr_curl_transfer_init(struct tr_curl_transfer *t, const struct tr_http_options *o, const char *ca)
{
	*t = (struct tr_curl_transfer){ .easy = curl_easy_init(), .reach = o->reach };
	if (o->body) {
		t->body = *o->body;
		*o->body = (struct tr_bytes){ 0 };
	}
	if (!t->easy)
		return;
	set_protocol(t, o, ca);
	set_connection(t, o);
	set_headers(t, o);
	set_body(t, o);
}

void tr_curl_transfer_fini(struct tr_curl_transfer *t)
{
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	tr_bytes_free(&t->body);
}

/* ------------------------------------------------------------------ what became of it */

int tr_curl_transfer_status(const struct tr_curl_transfer *t)
{
	long status = 0;

	if (t->easy)
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

bool tr_curl_transfer_is_stream(const struct tr_curl_transfer *t)
{
	static const char wanted[] = "text/event-stream";
	char *type = NULL;

	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
	return tr_curl_transfer_status(t) == 200 && type && strncasecmp(type, wanted, sizeof wanted - 1) == 0;
}

static long head_sent(const struct tr_curl_transfer *t)
{
	long head = 0;

	if (t->easy)
		curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &head);
	return head;
}

bool tr_curl_transfer_sent(const struct tr_curl_transfer *t)
{
	curl_off_t uploaded = 0;

	if (t->easy)
		curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
	return head_sent(t) > 0 && (size_t)uploaded >= t->body.size;
}

enum tr_http_end tr_curl_transfer_end(const struct tr_curl_transfer *t)
{
	if (t->result == CURLE_OK)
		return TR_HTTP_DONE;
	if (head_sent(t) == 0)
		return TR_HTTP_NOT_SENT;
	return t->result == CURLE_OPERATION_TIMEDOUT ? TR_HTTP_TIMED_OUT : TR_HTTP_BROKEN;
}

const char *tr_curl_transfer_why(const struct tr_curl_transfer *t)
{
	if (t->result != CURLE_OK && t->forbidden)
		return t->reach == TR_HTTP_PUBLIC ? "its address is private (--allow-private-sandboxes would allow it)"
		                                  : "its address is not this machine's";
	return curl_easy_strerror(t->result);
}
