/* SPDX-License-Identifier: Apache-2.0 */
/* What a reverse proxy tells of its client. Anybody can write such headers: only a proxy that is trusted is believed. */
#ifndef TR_GATE_FORWARDED_H
#define TR_GATE_FORWARDED_H

#include "runtime/gate/http_head.h"

/* The last address of X-Forwarded-For, which the proxy itself put there, as inet_ntop prints it. False: there is none, and `to`
 * is as it was. */
bool tr_forwarded_for(const struct tr_http_head *head, char to[TR_ADDRESS_TEXT_MAX]);
/* Did the client come to it by TLS? */
bool tr_forwarded_tls(const struct tr_http_head *head);

#endif
