/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP port on libcurl's multi interface, driven by libevent. */
#ifndef TR_SANDBOX_CURL_H
#define TR_SANDBOX_CURL_H

#include "runtime/sandbox/wire/http.h"

struct event_base;
struct tr_curl;

/* ca: a file of certificates (PEM), whose authorities count beside the system's; NULL: those alone. libcurl
 * takes one file, and in the place of its own: the system's count by their directory, which libcurl knows
 * unless it was built without one. Then only the file's count, and the log says so. base is lent for its
 * life.
 *
 * libcurl has a state that belongs to the process: the first of all these sets it up, on whichever thread,
 * and it stays until the process ends. Nothing else is shared between two of them. */
struct tr_curl *tr_curl_new(struct event_base *base, const char *ca);
/* Ends whatever was left; no callback comes any more. Takes NULL, returns NULL. */
struct tr_curl *tr_curl_free(struct tr_curl *c);
/* Lent for its life. */
struct tr_http_port tr_curl_port(struct tr_curl *c);

/* May ca be this file? NULL; or why not: static, or strerror's. */
const char *tr_curl_ca_check(const char *path);

#endif
