/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts that are stopped, and agents that do not react.
 *
 *	queued --> cancelled
 *	running --> cancelling --> done | cancelled | failed, when the agent says so
 *	                  `------> agent_unresponsive, after TR_CANCEL_MS; then the same, or a restart
 *
 * A cancel is an item before it is acknowledged, and said again whenever it may not have been heard, as long as its turn runs:
 * so it has its effect through any restart of ours. The agent takes one that overtakes its prompt for nothing, and one that
 * comes late for the next prompt's: it is said once the prompt is known to have arrived, and the next waits for it. */
#include "runtime/sandbox/session/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"

int tr_cancel_ms = TR_CANCEL_MS;

/* ------------------------------------------------------------------ watching the turn */

/* How long from now; never less than a moment, or a timer that fires a little early would fire again and again. */
static int64_t until(int64_t then_ms, int64_t now)
{
	return then_ms > now ? then_ms - now : 1;
}

void tr_watch_turn(struct troupe_session *s)
{
	const struct tr_prompt *p = s->turn;
	int64_t now = tr_mono_ms(), wait = INT64_MAX;
	struct timeval in;

	if (!p) {
		evtimer_del(s->watch);
		return;
	}
	if (p->cancel == TR_CANCEL_ASKED)
		wait = until(s->cancel_ms + tr_cancel_ms, now);
	if (!p->stalled && until(s->heard_ms + s->stall_ms, now) < wait)
		wait = until(s->heard_ms + s->stall_ms, now);
	if (wait == INT64_MAX)
		return;
	in = (struct timeval){ wait / 1000, wait % 1000 * 1000 };
	evtimer_add(s->watch, &in);
}

void tr_watch_begin(struct troupe_session *s)
{
	s->heard_ms = s->cancel_ms = tr_mono_ms();
	tr_watch_turn(s);
}

static void change(struct troupe_session *s)
{
	tr_store_prompt(s, s->turn);
	tr_turn_tell(s, s->turn);
}

void tr_watch_heard(struct troupe_session *s)
{
	s->heard_ms = tr_mono_ms();
	if (!s->turn || !s->turn->stalled)
		return;
	s->turn->stalled = false;
	change(s);
	tr_watch_turn(s);
}

/* An agent whose stream we cannot read, or that waits for an answer of people, is not to blame: its time begins anew. */
static void overdue_turn(struct troupe_session *s, void *arg)
{
	struct tr_prompt *p = s->turn;
	int64_t now = tr_mono_ms();
	bool heard_of = tr_stream_healthy(s) && s->link == TR_LINK_UP;

	(void)arg;
	if (!p)
		return;
	if (p->cancel == TR_CANCEL_ASKED && now - s->cancel_ms >= tr_cancel_ms) {
		s->cancel_ms = now;
		if (heard_of && p->delivered) {
			p->cancel = TR_CANCEL_IGNORED;
			change(s);
		}
	}
	if (!p->stalled && now - s->heard_ms >= s->stall_ms) {
		s->heard_ms = now;
		if (heard_of && !tr_permissions_open(s)) {
			p->stalled = true;
			change(s);
		}
	}
	tr_watch_turn(s);
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	tr_session_turn(arg, overdue_turn, NULL);
}

void tr_cancel_init(struct troupe_session *s)
{
	s->watch = evtimer_new(tr_sandbox_base(s->sandbox), on_watch, s);
}

/* ------------------------------------------------------------------ stopping */

struct stopped { const char *prompt_id, *state; };
static const struct troupe_record stopped_record = TROUPE_RECORD(stopped,
	TROUPE_FIELD(stopped, prompt_id, "promptId"),
	TROUPE_FIELD(stopped, state, "state"));

void tr_cancel_say(struct troupe_session *s)
{
	struct tr_bytes body = { 0 };

	if (!s->turn || s->turn->cancel == TR_CANCEL_NONE || !s->turn->delivered || s->cancel_said || tr_say_cancels(s))
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

void tr_cancel_unsent(struct troupe_session *s)
{
	struct tr_bytes note = { 0 };

	tr_ask_drop(&s->ask);
	tr_acp_note_lost(&note, s->turn->request_id, "cancelled", troupe_error_info(TROUPE_ECANCELLED)->sentence);
	tr_session_note(s, TR_SYNTHETIC, &note);
	end_cancelled(s, tr_turn_take(s));
}

static bool never_sent(const struct tr_ask *ask)
{
	return ask->unsent || (ask->sent == 0 && ask->body.size > 0);
}

static void stop_running(struct troupe_session *s)
{
	struct tr_bytes body = { 0 };

	if (never_sent(&s->ask)) {
		tr_cancel_unsent(s);
		tr_turn_pump(s);
		return;
	}
	s->turn->cancel = TR_CANCEL_ASKED;
	s->cancel_ms = tr_mono_ms();
	tr_acp_cancel(&body, s->instance.agent_session);
	tr_session_note(s, TR_CLIENT, &body);
	change(s);
	tr_cancel_say(s);
	tr_permissions_cancel(s, "cancel", s->turn->cancelled_by);
	tr_watch_turn(s);
}

static void stop_queued(struct troupe_session *s, struct tr_prompt *p)
{
	tr_list_remove(&p->link);
	s->queued--;
	end_cancelled(s, p);
}

/* p waits or runs. */
static void stop(struct troupe_session *s, struct troupe_call *call, struct tr_prompt *p, const char *user_id)
{
	const char *state = tr_turn_state(p);

	if (p->cancel == TR_CANCEL_NONE) {
		bool sent = p == s->turn && !never_sent(&s->ask);

		tr_info("prompt.cancel", "actor=%s session=%s prompt=\"%s\" state=%s", troupe_id(s->actor), s->id, p->prompt_id,
		        state);
		p->cancelled_by = tr_strdup(user_id);
		if (p == s->turn)
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
	if (p && p->state <= TR_RUNNING)
		stop(s, asked->call, p, asked->user_id);
	else if (p || rc == 0)
		tr_session_fail(asked->call, TROUPE_EOVER, "The prompt is over already.");
	else if (rc != TROUPE_ENOTFOUND)
		tr_session_fail(asked->call, rc, troupe_error_info(rc)->sentence);
	else
		tr_session_fail(asked->call, TROUPE_ENOPROMPT, "No prompt has this id.");
	tr_asked_free(asked);
	tr_session_save(s);
}

static int look_up(struct troupe_session *s, struct troupe_call *call, const char *prompt_id, const char *user_id)
{
	struct tr_asked *asked = tr_alloc(sizeof *asked);
	char key[TR_ITEM_KEY_MAX];

	asked->session = s;
	asked->call = call;
	asked->prompt_id = tr_strdup(prompt_id);
	asked->user_id = tr_strdup(user_id);
	tr_list_push(&s->asked, &asked->link);
	tr_actor_get(s->actor, tr_store_done_key(s, key, prompt_id), on_looked_up, asked);
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
	if (!s->turn)
		return tr_session_fail(call, TROUPE_ENOPROMPT, "No prompt is running.");
	stop(s, call, s->turn, user_id);
	tr_session_save(s);
	return TROUPE_LATER;
}

void tr_turn_stop(struct troupe_session *s)
{
	stop(s, NULL, s->turn, NULL);
}

/* ------------------------------------------------------------------ another agent */

int tr_turn_restart(struct troupe_session *s, struct troupe_call *call, const char *user_id)
{
	bool mute = s->turn && (s->turn->cancel == TR_CANCEL_IGNORED || s->turn->stalled);
	int rc = check(s, call, user_id);
	char words[TR_USER_ID_BYTES_MAX + 40];

	if (rc < 0)
		return rc;
	if (s->refusal)
		return tr_session_fail(call, s->refusal, troupe_error_info(s->refusal)->sentence);
	tr_info("agent.restart", "actor=%s session=%s unresponsive=%d", troupe_id(s->actor), s->id, mute);
	snprintf(words, sizeof words, "%s restarted the agent.", user_id && *user_id ? user_id : "Somebody");
	if (mute)
		tr_link_restart(s, TROUPE_EUNRESPONSIVE, "agent_unresponsive", words);
	else
		tr_link_restart(s, TROUPE_ERESTARTED, "restarted", words);
	tr_session_save(s);
	if (call)
		troupe_reply_value(call, (struct troupe_value){ 0 });
	return TROUPE_LATER;
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
	size_t room = TR_QUEUE_TEXT_BYTES / (s->queued + 1);

	if (!s->loaded)
		return;
	tr_put_map(out, 2);
	tr_put_text(out, "running");
	if (s->turn)
		put_prompt(out, s->turn, room);
	else
		tr_put_nil(out);
	tr_put_text(out, "queued");
	tr_put_array(out, (uint32_t)s->queued);
	for (const struct tr_list *at = s->queue.next; at != &s->queue; at = at->next)
		put_prompt(out, tr_container(at, struct tr_prompt, link), room);
}
