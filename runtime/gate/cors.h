/* SPDX-License-Identifier: Apache-2.0 */
/* Which browsers' pages may use this server, and the headers that tell a browser so (spec/rivetkit-client.md 10). */
#ifndef TR_GATE_CORS_H
#define TR_GATE_CORS_H

#include "proto/bytes.h"
#include "proto/troupe_record.h"

/* May a page of this origin (the header's value; data NULL: no browser's page, which is allowed) talk to us? Yes when it came
 * from the same host as `host` (the Host header; ports may differ), from this machine (localhost, 127.0.0.1, [::1], on any
 * port), or when it is in `origins` (ends with NULL; may be NULL; "*" allows all). */
bool tr_cors_allows(struct troupe_text origin, struct troupe_text host, const char *const *origins);

/* Append whole header lines: for every answer / for the answer to a preflight. `requested` is the value of
 * Access-Control-Request-Headers; data NULL: none. Both texts must come from a parsed head. */
void tr_cors_put(struct tr_bytes *out, struct troupe_text origin);
void tr_cors_put_preflight(struct tr_bytes *out, struct troupe_text origin, struct troupe_text requested);

#endif
