/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the agent. Its POST and the event stream both bring the response; the stream decides,
 * since it has the order, survives us, and comes when the server's POST does not (spec 2.5, 5.4). The
 * POST's copy is taken only when a healthy stream has not brought the response some seconds later. A POST
 * is not closed before its delivery is known, or the next message could be glued to half of it.
 *
 * What proves delivery: something of the turn is seen, or the server has had the whole POST for a while
 * and keeps it open. Without the second, an agent that thinks for long would lose its turn with each
 * restart of ours.
 *
 * A stream that seems healthy may be one that stalls somewhere on the way. So before its silence is
 * believed it is read again: the server's ring has what did not get through, and the response is the
 * newest of that. */
#include "runtime/sandbox/session/ask.h"

#include <stdio.h>
#include <string.h>

#include "proto/json.h"
#include "proto/value.h"
#include "runtime/base/log.h"
#include "runtime/sandbox/session/request.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/stream.h"

static void on_settle_timer(void *arg);
static void stream_opened(struct tr_stream_user *u);
static void stream_closed(struct tr_stream_user *u);

void tr_ask_init(struct tr_ask *ask, struct troupe_session *s)
{
	ask->session = s;
	ask->timer = tr_session_timer(s, on_settle_timer, ask);
	ask->stream.opened = stream_opened;
	ask->stream.closed = stream_closed;
	tr_stream_join(s, &ask->stream);
}

/* Something comes: the response is behind it, or in it. */
static bool comes(const struct troupe_session *s)
{
	return tr_stream_silent_ms(s) < s->times->settle_ms;
}

static void set_timer(const struct tr_ask *ask, int64_t ms)
{
	tr_session_timer_set(ask->session, ask->timer, ms);
}

/* ------------------------------------------------------------------ what only the POST's copy says */

/* What the agent wrote to stderr. */
static void log_stderr(const struct tr_acp *e)
{
	struct tr_bytes text = { 0 };
	char words[TR_PROBLEM_WORDS];

	if (e->error.size > 0 && tr_json_find_string(e->error, &text, "data", "agentStderr", NULL)) {
		tr_words(words, sizeof words, (struct troupe_text){ (const char *)text.data, text.size });
		tr_warn("agent.stderr", "request=%.*s text=\"%s\"", (int)e->id.size, e->id.data, words);
	}
	tr_bytes_free(&text);
}

/* The stream was sooner. */
static void on_late_copy(void *arg, const struct tr_http_answer *answer)
{
	struct tr_acp e;

	(void)arg;
	if (answer->end != TR_HTTP_DONE || answer->status != 200 || tr_json_check(answer->body, TR_JSON_KEPT_DEPTH, NULL) < 0)
		return;
	tr_acp_read(&e, answer->body);
	if (e.id.size <= TR_REQUEST_ID_MAX)
		log_stderr(&e);
}

static void clear(struct tr_ask *ask)
{
	set_timer(ask, -1);
	tr_bytes_free(&ask->copy);
	tr_bytes_free(&ask->body);
	ask->id[0] = '\0';
	ask->sent = 0;
	ask->unsent = ask->unsure = ask->proved = ask->reread = false;
}

void tr_ask_fini(struct tr_ask *ask)
{
	clear(ask);
	tr_list_remove(&ask->stream.link);
	ask->timer = tr_session_timer_free(ask->session, ask->timer);
}

void tr_ask_drop(struct tr_ask *ask)
{
	ask->post = tr_http_cancel(ask->post);
	clear(ask);
}

bool tr_ask_took(struct tr_ask *ask, const struct tr_acp *e)
{
	for (unsigned i = 0; i < TR_ANSWERED_MAX; i++) {
		if (tr_acp_answers(e, ask->answered[i])) {
			ask->answered[i][0] = '\0';
			return true;
		}
	}
	return false;
}

void tr_ask_forget_copies(struct tr_ask *ask)
{
	memset(ask->answered, 0, sizeof ask->answered);
}

void tr_ask_end(struct tr_ask *ask)
{
	ask->post = tr_http_leave(ask->post, TR_LINGER_MS, on_late_copy);
	clear(ask);
}

void tr_ask_set(struct tr_ask *ask, const char *id, struct tr_bytes *body)
{
	tr_ask_end(ask);
	snprintf(ask->id, sizeof ask->id, "%s", id);
	ask->unsure = body == NULL;
	if (body) {
		ask->body = *body;
		*body = (struct tr_bytes){ 0 };
	}
}

bool tr_ask_unsent_yet(const struct tr_ask *ask)
{
	return ask->sent == 0 && ask->body.size > 0;
}

bool tr_ask_never_sent(const struct tr_ask *ask)
{
	return ask->unsent || tr_ask_unsent_yet(ask);
}

void tr_ask_proved(struct tr_ask *ask)
{
	if (ask->copy.size == 0)
		set_timer(ask, -1);
	ask->unsure = ask->unsent = false;
	ask->proved = true;
}

/* ------------------------------------------------------------------ waiting for the stream */

static void arm(struct tr_ask *ask)
{
	if ((ask->copy.size > 0 || ask->unsure) && tr_stream_healthy(ask->session))
		set_timer(ask, ask->session->times->settle_ms);
}

static void stream_closed(struct tr_stream_user *u)
{
	struct tr_ask *ask = tr_container(u, struct tr_ask, stream);

	if (!ask->post)
		set_timer(ask, -1);
}

static void stream_opened(struct tr_stream_user *u)
{
	struct tr_ask *ask = tr_container(u, struct tr_ask, stream);

	if (ask->unsent)
		tr_ask_send(ask, false);
	else if (!ask->post)
		arm(ask);
}

void tr_ask_take_copy(struct tr_ask *ask)
{
	struct troupe_session *s = ask->session;
	struct tr_bytes copy = ask->copy;
	struct troupe_text json = { (const char *)copy.data, copy.size };
	struct tr_acp e;

	ask->copy = (struct tr_bytes){ 0 };
	tr_acp_read(&e, json);
	snprintf(ask->answered[ask->answered_next++ % TR_ANSWERED_MAX], TR_REQUEST_ID_MAX, "%s", ask->id);
	tr_ask_end(ask);
	ask->on_response(s, json, &e);
	tr_bytes_free(&copy);
}

static void copy_turn(struct troupe_session *s, void *arg)
{
	(void)s;
	tr_ask_take_copy(arg);
}

static void on_settle_timer(void *arg)
{
	struct tr_ask *ask = arg;
	bool reread = ask->reread;

	if (ask->post && !tr_http_sent(ask->post))
		set_timer(ask, TR_KEPT_MS);
	else if (ask->post)
		ask->on_kept(ask->session);
	else if (comes(ask->session))
		arm(ask);
	else if (ask->reread = true, !reread)
		tr_stream_open(ask->session);
	else if (ask->copy.size > 0)
		tr_session_turn(ask->session, copy_turn, ask);
	else if (ask->unsure)
		ask->on_missing(ask->session);
}

/* ------------------------------------------------------------------ the POST */

static bool keep_copy(struct tr_ask *ask, struct troupe_text body)
{
	struct tr_acp e;

	if (tr_json_check(body, TR_JSON_KEPT_DEPTH, NULL) < 0)
		return false;
	tr_acp_read(&e, body);
	if (!tr_acp_answers(&e, ask->id))
		return false;
	log_stderr(&e);
	tr_bytes_put(&ask->copy, body.data, body.size);
	return true;
}

static void on_end(void *arg, const struct tr_http_answer *answer)
{
	struct tr_ask *ask = arg;
	struct tr_problem p;

	ask->post = NULL;
	set_timer(ask, -1);
	tr_problem_read(answer, &p);
	switch (p.kind) {
	case TR_PROBLEM_WAIT:
		tr_bytes_free(&ask->body);
		return;
	case TR_PROBLEM_NONE:
		tr_bytes_free(&ask->body);
		if (!keep_copy(ask, answer->body))
			ask->unsure = !ask->proved;
		arm(ask);
		return;
	case TR_PROBLEM_UNSURE:
	case TR_PROBLEM_PATH:
		tr_bytes_free(&ask->body);
		ask->unsure = !ask->proved;
		arm(ask);
		break;
	case TR_PROBLEM_NOT_SENT:
	case TR_PROBLEM_REFUSED: /* also what a server says that does not know the instance any more: look, then once again */
		ask->unsent = ask->sent < 2 && p.status != 413 && p.status != 415;
		break;
	default:
		break;
	}
	ask->on_trouble(ask->session, &p);
}

void tr_ask_send(struct tr_ask *ask, bool first)
{
	struct troupe_session *s = ask->session;
	struct tr_bytes body = { 0 };
	char path[TR_PATH_MAX], whole[TR_PATH_MAX + 80];

	tr_session_path(s, path);
	snprintf(whole, sizeof whole, "%s%s%s", path, first ? "?agent=" : "", first ? s->agent : "");
	tr_bytes_put(&body, ask->body.data, ask->body.size);
	ask->sent++;
	ask->unsent = false;
	ask->post = tr_session_http(s, &(struct tr_http_options){
		.method = "POST", .accept = "application/json", .body = &body, .own_connection = true, .on_end = on_end, .arg = ask,
	}, whole);
	if (ask->on_kept)
		set_timer(ask, TR_KEPT_MS);
}
