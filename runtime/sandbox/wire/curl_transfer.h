/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of curl.c: what one request is to libcurl, from its options; and what became of it. */
#ifndef TR_SANDBOX_CURL_TRANSFER_H
#define TR_SANDBOX_CURL_TRANSFER_H

#include <curl/curl.h>

#include "runtime/sandbox/wire/http.h"

struct tr_curl_transfer {
	CURL              *easy;      /* NULL: could not be made */
	struct curl_slist *headers;
	struct tr_bytes    body;      /* to be sent */
	enum tr_http_reach reach;
	bool               forbidden; /* its name leads to an address that it may not use */
	CURLcode           result;    /* set by whoever hears of its end */
};

/* All but how the answer comes in. ca: NULL: none. Must not move from here on. */
void tr_curl_transfer_init(struct tr_curl_transfer *t, const struct tr_http_options *o, const char *ca);
/* It is in no multi handle any more. */
void tr_curl_transfer_fini(struct tr_curl_transfer *t);

int  tr_curl_transfer_status(const struct tr_curl_transfer *t);    /* 0: no head came */
bool tr_curl_transfer_is_stream(const struct tr_curl_transfer *t); /* 200 and text/event-stream */
bool tr_curl_transfer_sent(const struct tr_curl_transfer *t);      /* head and body */
enum tr_http_end tr_curl_transfer_end(const struct tr_curl_transfer *t);
const char *tr_curl_transfer_why(const struct tr_curl_transfer *t);

#endif
