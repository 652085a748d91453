/* SPDX-License-Identifier: Apache-2.0 */
/* The port's front, and what its addresses may look like. */
#include "runtime/sandbox/wire/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/mem.h"

struct tr_http_request *tr_http_start(const struct tr_http_port *h, const struct tr_http_options *o)
{
	struct tr_http_request *r = h->ops->start(h->ctx, o);

	r->ops = h->ops;
	return r;
}

bool tr_http_sent(const struct tr_http_request *r)
{
	return r->ops->sent(r);
}

struct tr_http_request *tr_http_cancel(struct tr_http_request *r)
{
	if (r)
		r->ops->cancel(r);
	return NULL;
}

struct tr_http_request *tr_http_leave(struct tr_http_request *r, int time_ms,
                                      void (*on_end)(void *arg, const struct tr_http_answer *answer))
{
	if (r)
		r->ops->leave(r, time_ms, on_end);
	return NULL;
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

bool tr_http_url_is_loopback(const char *url)
{
	char *host = url_part(url, CURLUPART_HOST);
	bool loopback = host && (strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0
	                         || strcmp(host, "[::1]") == 0);

	free(host);
	return loopback;
}
