/* SPDX-License-Identifier: Apache-2.0 */
/* Small messages to the agent that have no response: replies, notifications. In order, one POST at a time,
 * each after the commit that tells of it, and while the stream is open: else nobody may be there, or it is
 * not known where. Answers to the agent's requests, for which it waits, are durable and said again when it
 * is unknown whether they got through. An agent that does not take one in time reads no more: it is given
 * up. */
#include "runtime/sandbox/session/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/session/request.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/stream.h"

static void pump(struct troupe_session *s);

static void stream_opened(struct tr_stream_user *u)
{
	pump(tr_container(u, struct troupe_session, says.stream));
}

static void stream_closed(struct tr_stream_user *u)
{
	(void)u; /* what is under way may get there all the same */
}

void tr_say_init(struct troupe_session *s, void (*said)(struct troupe_session *s, const struct tr_say *say))
{
	tr_list_init(&s->says.line);
	s->says.said = said;
	s->says.stream.opened = stream_opened;
	s->says.stream.closed = stream_closed;
	tr_stream_join(s, &s->says.stream);
}

void tr_say_fini(struct troupe_session *s)
{
	tr_say_drop(s);
	tr_list_remove(&s->says.stream.link);
}

static void free_say(struct troupe_session *s, struct tr_say *say)
{
	tr_list_remove(&say->link);
	tr_bytes_free(&say->body);
	free(say);
	s->says.count--;
}

void tr_say_drop(struct troupe_session *s)
{
	struct tr_list *first;

	s->says.post = tr_http_cancel(s->says.post);
	while ((first = tr_list_first(&s->says.line)))
		free_say(s, tr_container(first, struct tr_say, link));
}

bool tr_say_waits(const struct troupe_session *s, const char *permission_id)
{
	for (struct tr_list *at = s->says.line.next; at != &s->says.line; at = at->next) {
		if (strcmp(tr_container(at, struct tr_say, link)->permission_id, permission_id) == 0)
			return true;
	}
	return false;
}

bool tr_say_cancels(const struct troupe_session *s)
{
	for (struct tr_list *at = s->says.line.next; at != &s->says.line; at = at->next) {
		if (tr_container(at, struct tr_say, link)->cancels)
			return true;
	}
	return false;
}

void tr_say_forget_cancel(struct troupe_session *s)
{
	for (struct tr_list *at = s->says.line.next, *next; at != &s->says.line; at = next) {
		struct tr_say *say = tr_container(at, struct tr_say, link);

		next = at->next;
		if (say->cancels && !(s->says.post && at == s->says.line.next))
			free_say(s, say);
	}
}

/* The next prompt may have waited for a cancel to be out of the way: settle.c. */
static void said_turn(struct troupe_session *s, void *arg)
{
	s->says.said(s, arg);
}

static void on_end(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_say *say = tr_container(tr_list_first(&s->says.line), struct tr_say, link), said = *say;
	bool matters = *said.permission_id || said.cancels;
	struct tr_problem p;

	s->says.post = NULL;
	free_say(s, say);
	tr_problem_read(answer, &p);
	if (p.kind == TR_PROBLEM_NONE && answer->status != 202) { /* the server says 202 (spec 2.5): somebody on the way did (F40) */
		p.kind = TR_PROBLEM_UNSURE;
		snprintf(p.words, sizeof p.words, "HTTP status %d instead of 202", answer->status);
	}
	if (answer->end == TR_HTTP_TIMED_OUT) {
		tr_session_verdict(s, TR_GONE, TROUPE_EUNRESPONSIVE, "agent_unresponsive", "The agent does not read what it is sent.");
		return;
	}
	if (p.kind == TR_PROBLEM_DEAD && s->instance.bound) {
		tr_session_verdict(s, TR_LAST_WORDS, 0, NULL, NULL);
		return;
	}
	if (p.kind == TR_PROBLEM_NONE) {
		if (matters && !tr_session_turn(s, said_turn, &said))
			return;
	} else {
		tr_warn("agent.say", "session=%s failed=\"%s\"", s->id, p.words);
		if (matters && s->instance.bound && tr_stream_asked(s))
			tr_stream_again(s); /* when it is open, what is still to be said is said again */
	}
	pump(s);
}

static void pump(struct troupe_session *s)
{
	struct tr_list *first = tr_list_first(&s->says.line);
	struct tr_say *say = first ? tr_container(first, struct tr_say, link) : NULL;
	char path[TR_PATH_MAX];

	if (s->says.post || !say || say->number > s->says.committed || !tr_stream_healthy(s))
		return;
	s->says.post = tr_session_http(s, &(struct tr_http_options){
		.method = "POST", .accept = "application/json", .body = &say->body, .time_ms = TR_SAY_MS, .body_max = 1 << 20,
		.on_end = on_end,
	}, tr_session_path(s, path));
}

static void on_committed(struct troupe_session *s, uint64_t number)
{
	s->says.committed = number;
	pump(s);
}

static struct tr_say *say_new(struct troupe_session *s, struct tr_bytes *body, const char *permission_id)
{
	struct tr_say *say;

	if (s->says.count >= TR_SAYS_MAX) {
		tr_bytes_free(body);
		s->says.overrun = true; /* take.c ends it */
		return NULL;
	}
	say = tr_alloc(sizeof *say);
	say->number = ++s->says.number;
	say->body = *body;
	*body = (struct tr_bytes){ 0 };
	snprintf(say->permission_id, sizeof say->permission_id, "%s", permission_id ? permission_id : "");
	tr_list_push(&s->says.line, &say->link);
	s->says.count++;
	tr_session_after(s, on_committed, say->number);
	return say;
}

void tr_say(struct troupe_session *s, struct tr_bytes *body, const char *permission_id)
{
	say_new(s, body, permission_id);
}

void tr_say_cancel(struct troupe_session *s, struct tr_bytes *body)
{
	struct tr_say *say = say_new(s, body, NULL);

	if (say)
		say->cancels = true;
}

bool tr_say_overran(struct troupe_session *s)
{
	bool overran = s->says.overrun;

	s->says.overrun = false;
	return overran;
}
