/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts that are stopped, and agents that do not react.
 *
 *	queued --> cancelled
 *	running --> cancelling --> done | cancelled | failed, when the agent says so
 *	                  `------> agent_unresponsive, after TR_CANCEL_MS; then the same, or a restart
 *
 * A cancel is an item before it is acknowledged, and said again whenever it may not have been heard, as
 * long as its turn runs: so it has its effect through any restart of ours. The agent takes one that
 * overtakes its prompt for nothing, and one that comes late for the next prompt's: it is said once the
 * prompt is known to have arrived, and the next waits for it. */
#include "runtime/sandbox/session/cancel.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/session/permission.h"
#include "runtime/sandbox/session/say.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/store.h"
#include "runtime/sandbox/session/stream.h"
#include "runtime/sandbox/session/tell.h"
#include "runtime/sandbox/session/turn.h"

/* ------------------------------------------------------------------ watching the turn */

/* How long from now; never less than a moment, or a timer that fires a little early would fire again and
 * again. */
static int64_t until(int64_t then_ms, int64_t now)
{
	return then_ms > now ? then_ms - now : 1;
}

/* There is another time to be watched. */
static void watch(struct troupe_session *s)
{
	const struct tr_prompt *p = s->turns.running;
	int64_t now = tr_session_mono(s), wait = INT64_MAX;

	if (!p) {
		tr_session_timer_set(s, s->watch.timer, -1);
		return;
	}
	if (p->cancel == TR_CANCEL_ASKED)
		wait = until(s->watch.cancel_ms + s->times->cancel_ms, now);
	if (!p->stalled && until(s->watch.heard_ms + s->watch.stall_ms, now) < wait)
		wait = until(s->watch.heard_ms + s->watch.stall_ms, now);
	if (wait < INT64_MAX)
		tr_session_timer_set(s, s->watch.timer, wait);
}

void tr_watch_begin(struct troupe_session *s)
{
	s->watch.heard_ms = s->watch.cancel_ms = tr_session_mono(s);
	s->watch.cancel_said = false;
	watch(s);
}

static void change(struct troupe_session *s)
{
	tr_store_prompt(s, s->turns.running);
	tr_turn_tell(s, s->turns.running);
}

void tr_watch_heard(struct troupe_session *s)
{
	s->watch.heard_ms = tr_session_mono(s);
	if (!s->turns.running || !s->turns.running->stalled)
		return;
	s->turns.running->stalled = false;
	change(s);
	watch(s);
}

/* An agent whose stream we cannot read, or that waits for an answer of people, is not to blame: its time
 * begins anew. */
static void see_overdue(struct troupe_session *s, struct tr_prompt *p)
{
	bool heard_of = s->instance.bound && tr_stream_healthy(s);
	int64_t now = tr_session_mono(s);
	bool ignored = p->cancel == TR_CANCEL_ASKED && now - s->watch.cancel_ms >= s->times->cancel_ms;
	bool silent = !p->stalled && now - s->watch.heard_ms >= s->watch.stall_ms;

	if (!ignored && !silent)
		return;
	if (ignored) {
		s->watch.cancel_ms = now;
		if (heard_of && p->delivered) {
			p->cancel = TR_CANCEL_IGNORED;
			change(s);
		}
	}
	if (silent) {
		s->watch.heard_ms = now;
		if (heard_of && !tr_permissions_open(s)) {
			p->stalled = true;
			change(s);
		}
	}
	watch(s);
}

/* What is overdue is seen when the turn settles. It may have been a little early: then there is nothing,
 * and it is set again. */
static void watch_turn(struct troupe_session *s, void *arg)
{
	(void)arg;
	watch(s);
}

static void on_watch(void *arg)
{
	tr_session_turn(arg, watch_turn, NULL);
}

void tr_cancel_init(struct troupe_session *s, int64_t stall_ms)
{
	s->watch.timer = tr_session_timer(s, on_watch, s);
	s->watch.stall_ms = stall_ms;
}

void tr_cancel_fini(struct troupe_session *s)
{
	tr_session_timer_free(s, s->watch.timer);
}

void tr_cancel_silence(struct troupe_session *s)
{
	tr_session_timer_set(s, s->watch.timer, -1);
}

/* ------------------------------------------------------------------ stopping */

struct stopped { const char *prompt_id, *state; };
static const struct troupe_record stopped_record = TROUPE_RECORD(stopped,
	TROUPE_FIELD(stopped, prompt_id, "promptId"),
	TROUPE_FIELD(stopped, state, "state"));

/* If the running turn's cancel is still to be said. */
static void say(struct troupe_session *s)
{
	const struct tr_prompt *p = s->turns.running;
	struct tr_bytes body = { 0 };

	if (!p || p->cancel == TR_CANCEL_NONE || !p->delivered || s->watch.cancel_said || tr_say_cancels(s))
		return;
	tr_acp_cancel(&body, s->instance.agent_session);
	tr_say_cancel(s, &body);
}

static void end_cancelled(struct troupe_session *s, struct tr_prompt *p)
{
	p->state = TR_CANCELLED;
	p->error = TROUPE_ECANCELLED;
	tr_turn_settle(s, p);
}

/* It was cancelled before the agent can have seen it. */
static void end_unsent(struct troupe_session *s)
{
	struct tr_bytes note = { 0 };

	tr_ask_drop(&s->turns.ask);
	tr_acp_note_lost(&note, s->turns.running->request_id, "cancelled", troupe_error_info(TROUPE_ECANCELLED)->sentence);
	tr_session_note(s, TR_SYNTHETIC, &note);
	end_cancelled(s, tr_turn_take(s));
}

static void stop_running(struct troupe_session *s)
{
	struct tr_bytes body = { 0 };

	if (tr_ask_never_sent(&s->turns.ask)) {
		end_unsent(s);
		return;
	}
	s->turns.running->cancel = TR_CANCEL_ASKED;
	s->watch.cancel_ms = tr_session_mono(s);
	tr_acp_cancel(&body, s->instance.agent_session);
	tr_session_note(s, TR_CLIENT, &body);
	change(s);
	say(s);
	tr_permissions_cancel(s, "cancel", s->turns.running->cancelled_by);
	watch(s);
}

static void stop_queued(struct troupe_session *s, struct tr_prompt *p)
{
	tr_list_remove(&p->link);
	s->turns.queued--;
	end_cancelled(s, p);
}

/* p waits or runs. */
static void stop(struct troupe_session *s, struct troupe_call *call, struct tr_prompt *p, const char *user_id)
{
	const char *state = tr_turn_state(p);

	if (p->cancel == TR_CANCEL_NONE) {
		bool sent = p == s->turns.running && !tr_ask_never_sent(&s->turns.ask);

		tr_info("prompt.cancel", "actor=%s session=%s prompt=\"%s\" state=%s", troupe_id(s->actor), s->id, p->prompt_id,
		        state);
		p->cancelled_by = tr_strdup(user_id);
		if (p == s->turns.running)
			stop_running(s);
		else
			stop_queued(s, p);
		state = sent ? "cancelling" : "cancelled";
	}
	if (call)
		troupe_reply(call, &stopped_record, &(struct stopped){ p->prompt_id, state });
}

static void on_looked_up(struct troupe_actor *a, void *arg, int rc, struct troupe_value value)
{
	struct tr_asked *asked = arg;
	struct troupe_session *s = asked->session;
	struct tr_prompt *p = tr_turn_find(s, asked->prompt_id);

	(void)a, (void)value;
	tr_session_enter(s);
	tr_list_remove(&asked->link);
	if (p && p->state <= TR_RUNNING)
		stop(s, asked->call, p, asked->user_id);
	else if (p || rc == 0)
		tr_session_fail(asked->call, TROUPE_EOVER, "The prompt is over already.");
	else if (rc != TROUPE_ENOTFOUND)
		tr_session_refuse(asked->call, rc);
	else
		tr_session_fail(asked->call, TROUPE_ENOPROMPT, "No prompt has this id.");
	tr_asked_free(asked);
	tr_session_leave(s);
}

static int look_up(struct troupe_session *s, struct troupe_call *call, const char *prompt_id, const char *user_id)
{
	struct tr_asked *asked = tr_alloc(sizeof *asked);

	asked->call = call;
	asked->prompt_id = tr_strdup(prompt_id);
	asked->user_id = tr_strdup(user_id);
	tr_asked_find(s, asked, on_looked_up);
	return TROUPE_LATER;
}

/* 0; or why nothing can be done now, the call failed with it. */
static int check(struct troupe_session *s, struct troupe_call *call, const char *user_id)
{
	if (s->stopped || !s->loaded)
		return tr_session_fail(call, TROUPE_ERESTARTING, "The session is restarting. Try again in a moment.");
	return tr_session_check_user(call, user_id);
}

int tr_turn_cancel(struct troupe_session *s, struct troupe_call *call, const char *prompt_id, const char *user_id)
{
	int rc = check(s, call, user_id);

	if (rc < 0)
		return rc;
	if (prompt_id && strlen(prompt_id) > TR_PROMPT_ID_BYTES_MAX)
		return tr_session_fail(call, TROUPE_ENOPROMPT, "No prompt has this id.");
	if (prompt_id)
		return look_up(s, call, prompt_id, user_id);
	if (!s->turns.running)
		return tr_session_fail(call, TROUPE_ENOPROMPT, "No prompt is running.");
	stop(s, call, s->turns.running, user_id);
	return TROUPE_LATER;
}

void tr_turn_stop(struct troupe_session *s)
{
	stop(s, NULL, s->turns.running, NULL);
}

void tr_cancel_said(struct troupe_session *s)
{
	s->watch.cancel_said = s->watch.cancel_said || s->turns.running;
}

void tr_cancel_settle(struct troupe_session *s)
{
	struct tr_prompt *p = s->turns.running;

	if (!p)
		return;
	if (p->cancel != TR_CANCEL_NONE && tr_ask_never_sent(&s->turns.ask)) {
		end_unsent(s);
		return;
	}
	see_overdue(s, p);
	say(s);
}

/* ------------------------------------------------------------------ another agent */

int tr_turn_restart(struct troupe_session *s, struct troupe_call *call, const char *user_id)
{
	bool mute = s->turns.running && (s->turns.running->cancel == TR_CANCEL_IGNORED || s->turns.running->stalled);
	int rc = check(s, call, user_id);
	char words[TR_USER_ID_BYTES_MAX + 40];

	if (rc < 0)
		return rc;
	if (s->refusal)
		return tr_session_refuse(call, s->refusal);
	tr_info("agent.restart", "actor=%s session=%s unresponsive=%d", troupe_id(s->actor), s->id, mute);
	snprintf(words, sizeof words, "%s restarted the agent.", user_id && *user_id ? user_id : "Somebody");
	if (mute)
		tr_session_verdict(s, TR_RESTART, TROUPE_EUNRESPONSIVE, "agent_unresponsive", words);
	else
		tr_session_verdict(s, TR_RESTART, TROUPE_ERESTARTED, "restarted", words);
	return 0;
}

/* ------------------------------------------------------------------ the queue, to look at */

/* The first `room` bytes of it, or a little less: no character is cut in two. */
static size_t cut(const char *text, size_t room)
{
	size_t size = strlen(text);

	if (size <= room)
		return size;
	while (room > 0 && ((unsigned char)text[room] & 0xc0) == 0x80)
		room--;
	return room;
}

static void put_prompt(struct tr_bytes *out, const struct tr_prompt *p, size_t room)
{
	size_t size = cut(p->text, room);
	bool truncated = p->text[size] != '\0', runs = p->state == TR_RUNNING;

	tr_put_map(out, 4 + truncated + 3 * runs);
	tr_put_text(out, "promptId");
	tr_put_text(out, p->prompt_id);
	tr_put_text(out, "userId");
	tr_put_text(out, p->user_id);
	tr_put_text(out, "text");
	tr_put_str(out, p->text, size);
	if (truncated) {
		tr_put_text(out, "truncated");
		tr_put_bool(out, true);
	}
	tr_put_text(out, "createdAt");
	tr_put_int(out, p->created_ms);
	if (!runs)
		return;
	tr_put_text(out, "since");
	tr_put_int(out, p->since_ms);
	tr_put_text(out, "state");
	tr_put_text(out, tr_turn_state(p));
	tr_put_text(out, "stalled");
	tr_put_bool(out, p->stalled);
}

void tr_turn_queue(const struct troupe_session *s, struct tr_bytes *out)
{
	size_t room = TR_QUEUE_TEXT_BYTES / (s->turns.queued + 1);

	if (!s->loaded)
		return;
	tr_put_map(out, 2);
	tr_put_text(out, "running");
	if (s->turns.running)
		put_prompt(out, s->turns.running, room);
	else
		tr_put_nil(out);
	tr_put_text(out, "queued");
	tr_put_array(out, (uint32_t)s->turns.queued);
	for (const struct tr_list *at = s->turns.queue.next; at != &s->turns.queue; at = at->next)
		put_prompt(out, tr_container(at, struct tr_prompt, link), room);
}
