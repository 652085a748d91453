/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to a session's sandbox, and what a failed one means for more than itself. */
#ifndef TR_SESSION_REQUEST_H
#define TR_SESSION_REQUEST_H

#include "runtime/base/limits.h"
#include "runtime/sandbox/wire/problem.h"
#include "runtime/troupe.h"

/* METHOD url+path; path begins with "/v1". arg is the session unless it is set. */
struct tr_http_request *tr_session_http(struct troupe_session *s, struct tr_http_options *o, const char *path);
/* "/v1/acp/SERVER" into `into`. */
const char *tr_session_path(const struct troupe_session *s, char into[TR_PATH_MAX]);
/* The next request id, never used before on this instance; in a turn. */
void tr_session_request_id(struct troupe_session *s, char into[TR_REQUEST_ID_MAX]);

/* From the loop: what came of a request to the agent means something for the way there, or for the
 * instance, and is noted as a verdict. unsent: it is to be sent once more. False: it concerns the request
 * alone. */
bool tr_session_problem(struct troupe_session *s, const struct tr_problem *p, bool unsent);

#endif
