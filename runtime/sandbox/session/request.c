/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to a session's sandbox, and what a failed one means for the way there. */
#include "runtime/sandbox/session/request.h"

#include <stdio.h>

#include "runtime/sandbox/session/session.h"

struct tr_http_request *tr_session_http(struct troupe_session *s, struct tr_http_options *o, const char *path)
{
	struct tr_bytes url = { 0 };
	struct tr_http_request *r;

	tr_bytes_put_text(&url, s->place.url);
	tr_bytes_put_text(&url, path);
	o->url = tr_bytes_text(&url);
	o->reach = tr_place_reach(&s->place.user);
	o->token = s->place.token;
	if (!o->arg)
		o->arg = s;
	r = tr_http_start(tr_sandbox_http(s->sandbox), o);
	tr_bytes_free(&url);
	return r;
}

const char *tr_session_path(const struct troupe_session *s, char into[TR_PATH_MAX])
{
	snprintf(into, TR_PATH_MAX, "/v1/acp/%s", s->instance.server_id);
	return into;
}

void tr_session_request_id(struct troupe_session *s, char into[TR_REQUEST_ID_MAX])
{
	snprintf(into, TR_REQUEST_ID_MAX, "%s-%llu", s->instance.connection_id, (unsigned long long)s->instance.next_request++);
	s->dirty.at = true;
}

bool tr_session_problem(struct troupe_session *s, const struct tr_problem *p, bool unsent)
{
	switch (p->kind) {
	case TR_PROBLEM_UNSURE:
	case TR_PROBLEM_PATH:
		return true; /* the stream will tell */
	case TR_PROBLEM_TOKEN:
		tr_session_verdict(s, TR_GIVE_UP, TROUPE_ETOKEN, NULL, p->words);
		return true;
	case TR_PROBLEM_DEAD:
		tr_session_verdict(s, TR_LAST_WORDS, 0, NULL, NULL);
		return true;
	case TR_PROBLEM_GONE:
		tr_session_verdict(s, TR_GONE, TROUPE_ELOST, "instance_lost", p->words);
		return true;
	default:
		if (unsent)
			tr_session_verdict(s, TR_TROUBLE, 0, NULL, p->words); /* when the stream is open again it is sent once more */
		return unsent;
	}
}
