/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts. Each is accepted once (its promptId is looked up first), waits in the open queue, runs alone, and is settled once:
 *
 *	asked -> queued -> running -> done | failed | cancelled
 *
 * Every step is an item in the commit that tells of it, so after any restart each prompt stands where it was last
 * told to stand. A prompt is sent after the commit that says so; whether it was sent when we died is then not known,
 * and decided by what the stream brings (spec 5.4). */
#include "proto/text.h"
#include "runtime/sandbox/session/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/items.h"

static const char *const state_names[] = { "queued", "running", "done", "failed", "cancelled" };

void tr_prompt_free(struct tr_prompt *p)
{
	tr_list_remove(&p->link);
	free(p->prompt_id);
	free(p->user_id);
	free(p->text);
	tr_bytes_free(&p->content);
	free(p->cancelled_by);
	free(p->message);
	tr_bytes_free(&p->metadata);
	free(p->waiters);
	free(p);
}

void tr_asked_free(struct tr_asked *asked)
{
	tr_list_remove(&asked->link);
	free(asked->prompt_id);
	free(asked->user_id);
	free(asked->text);
	tr_bytes_free(&asked->content);
	free(asked);
}

int tr_late_ms = TR_LATE_MS;

/* ------------------------------------------------------------------ answering */

struct outcome { const char *prompt_id, *stop_reason; };
static const struct troupe_record outcome_record = TROUPE_RECORD(outcome,
	TROUPE_FIELD(outcome, prompt_id, "promptId"),
	TROUPE_FIELD(outcome, stop_reason, "stopReason"));

static void answer(const struct tr_prompt *p, struct troupe_call *call)
{
	if (p->error)
		troupe_fail_with(call, p->error, p->message && *p->message ? p->message : NULL, tr_bytes_value(&p->metadata));
	else
		troupe_reply(call, &outcome_record, &(struct outcome){ p->prompt_id, p->stop_reason });
}

static void wait_for(struct tr_prompt *p, struct troupe_call *call)
{
	if (!call)
		return;
	if (p->state > TR_RUNNING) {
		answer(p, call);
		return;
	}
	p->waiters = tr_realloc(p->waiters, (p->waiter_count + 1) * sizeof(struct troupe_call *));
	p->waiters[p->waiter_count++] = call;
}

const char *tr_turn_state(const struct tr_prompt *p)
{
	if (p->state != TR_RUNNING || p->cancel == TR_CANCEL_NONE)
		return state_names[p->state];
	return p->cancel == TR_CANCEL_IGNORED ? "agent_unresponsive" : "cancelling";
}

static void put_member(struct tr_bytes *out, const char *name, const char *text)
{
	tr_put_text(out, name);
	tr_put_text(out, text);
}

void tr_turn_tell(struct troupe_session *s, const struct tr_prompt *p)
{
	bool stopped = p->stop_reason[0], failed = p->state == TR_FAILED, runs = p->state == TR_RUNNING;
	struct tr_bytes value = { 0 };

	tr_info("turn.state", "actor=%s session=%s prompt=\"%s\" state=%s%s%s%s", troupe_id(s->actor), s->id, p->prompt_id,
	        tr_turn_state(p), p->stalled ? " stalled=1" : "", failed ? " error=" : "",
	        failed ? troupe_error_info(p->error)->name : "");
	tr_put_map(&value, 4 + runs + (p->cancelled_by != NULL) + stopped + failed);
	put_member(&value, "promptId", p->prompt_id);
	put_member(&value, "state", tr_turn_state(p));
	put_member(&value, "userId", p->user_id);
	tr_put_text(&value, "position");
	tr_put_int(&value, p->state == TR_QUEUED ? (int64_t)s->queued : 0); /* told when it has just become the last */
	if (runs) {
		tr_put_text(&value, "stalled");
		tr_put_bool(&value, p->stalled);
	}
	if (p->cancelled_by)
		put_member(&value, "by", p->cancelled_by);
	if (stopped)
		put_member(&value, "stopReason", p->stop_reason);
	if (failed)
		tr_session_put_error(&value, p->error, p->message, tr_bytes_value(&p->metadata));
	tr_session_change(s, "turn.state", &value);
}

/* ------------------------------------------------------------------ staying awake */

static void hold_or_release(struct troupe_session *s)
{
	bool busy = s->turn || s->queued > 0;

	if (busy && !s->held_awake)
		tr_actor_hold(s->actor);
	if (!busy && s->held_awake)
		tr_actor_release(s->actor);
	s->held_awake = busy;
}

/* ------------------------------------------------------------------ settling */

static void forget_settled(struct troupe_session *s, uint64_t order)
{
	for (struct tr_list *at = s->settled.next; at != &s->settled; at = at->next) {
		struct tr_prompt *p = tr_container(at, struct tr_prompt, link);

		if (p->order == order) {
			tr_prompt_free(p);
			return;
		}
	}
}

/* Until this is durable a lookup of its id would not find it: it is kept. */
void tr_turn_settle(struct troupe_session *s, struct tr_prompt *p)
{
	tr_list_push(&s->settled, &p->link);
	tr_store_prompt(s, p);
	tr_turn_tell(s, p);
	for (size_t i = 0; i < p->waiter_count; i++)
		answer(p, p->waiters[i]);
	p->waiter_count = 0;
	hold_or_release(s);
	tr_session_after(s, forget_settled, p->order);
}

static void settle_failed(struct troupe_session *s, struct tr_prompt *p, int error, const char *message)
{
	p->state = TR_FAILED;
	p->error = error;
	p->message = tr_strdup(message);
	tr_turn_settle(s, p);
}

static struct tr_prompt *take_first(struct troupe_session *s)
{
	struct tr_list *first = tr_list_first(&s->queue);

	if (!first)
		return NULL;
	tr_list_remove(first);
	s->queued--;
	return tr_container(first, struct tr_prompt, link);
}

void tr_turn_fail_first(struct troupe_session *s, int error, const char *message)
{
	struct tr_prompt *p = take_first(s);

	if (p)
		settle_failed(s, p, error, message);
}

void tr_turn_fail_waiting(struct troupe_session *s, int error, const char *message)
{
	for (size_t waiting = s->queued; waiting > 0; waiting--) /* not those that a hook adds meanwhile */
		tr_turn_fail_first(s, error, message);
}

struct tr_prompt *tr_turn_take(struct troupe_session *s)
{
	struct tr_prompt *p = s->turn;

	s->turn = NULL;
	s->dirty_history = true;
	s->cancel_said = false;
	tr_say_forget_cancel(s);
	return p;
}

void tr_turn_lost(struct troupe_session *s, int error, const char *reason, const char *message)
{
	struct tr_bytes note = { 0 };

	if (!s->turn)
		return;
	tr_ask_drop(&s->ask);
	tr_acp_note_lost(&note, s->turn->request_id, reason, message ? message : troupe_error_info(error)->sentence);
	tr_session_note(s, TR_SYNTHETIC, &note);
	settle_failed(s, tr_turn_take(s), error, message);
}

/* ------------------------------------------------------------------ the response */

static void read_error(struct tr_prompt *p, const struct tr_acp *e)
{
	char words[TR_PROBLEM_WORDS];

	p->state = TR_FAILED;
	p->error = tr_session_read_error(e->error, words, &p->metadata);
	p->message = tr_strdup(words);
}

static void on_response(struct troupe_session *s, struct troupe_text json, const struct tr_acp *e)
{
	struct tr_prompt *p = tr_turn_take(s);

	s->ended_ms = tr_mono_ms();
	tr_session_event(s, TR_AGENT, json);
	tr_permissions_cancel(s, "turn_over", NULL);
	s->crash_count = 0;
	if (e->error.size > 0) {
		read_error(p, e);
	} else {
		if (!tr_acp_short(e->result, "stopReason", p->stop_reason, sizeof p->stop_reason))
			strcpy(p->stop_reason, "unknown");
		p->state = strcmp(p->stop_reason, "cancelled") == 0 ? TR_CANCELLED : TR_DONE;
		s->dirty_main = s->dirty_main || s->instance.replay_due;
		s->instance.replay_due = false;
	}
	tr_turn_settle(s, p);
	tr_turn_pump(s);
}

struct failure { int error; const char *reason, *message; };

static void lost_turn(struct troupe_session *s, void *arg)
{
	const struct failure *f = arg;

	tr_turn_lost(s, f->error, f->reason, f->message);
	tr_turn_pump(s);
}

static void unsent_turn(struct troupe_session *s, void *arg)
{
	(void)arg;
	if (s->turn && s->turn->cancel != TR_CANCEL_NONE)
		tr_cancel_unsent(s);
}

static void on_trouble(struct troupe_session *s, const struct tr_problem *p)
{
	struct failure f = { TROUPE_EAGENT, "refused", p->words };
	bool unsent = s->ask.unsent;

	if (unsent && !tr_session_turn(s, unsent_turn, NULL))
		return;
	if (tr_link_problem(s, p, unsent))
		return;
	if (p->kind == TR_PROBLEM_NOT_SENT)
		f = (struct failure){ TROUPE_ESANDBOX, "sandbox_lost", p->words };
	else if (p->status == 413)
		f.error = TROUPE_EPROMPTSIZE;
	tr_session_turn(s, lost_turn, &f);
}

/* Half of it may lie in the agent's input, where the next message would be glued to it; or it runs, and the next would run
 * beside it. So that instance is left behind. */
static void missing_turn(struct troupe_session *s, void *arg)
{
	(void)arg;
	tr_link_end_instance(s, TROUPE_EUNDELIVERED, "delivery_unknown", NULL);
	tr_link_close(s);
	if (s->queued > 0)
		tr_link_connect(s);
}

static void on_missing(struct troupe_session *s)
{
	tr_session_turn(s, missing_turn, NULL);
}

void tr_turn_seen(struct troupe_session *s)
{
	bool waits = s->ask.sent == 0 && s->ask.body.size > 0; /* for its commit: this belongs to the turn before */
	bool late = s->ended_ms && tr_mono_ms() - s->ended_ms < tr_late_ms; /* this may */

	if (!s->turn || !*s->ask.id || waits || (late && s->ask.unsure))
		return;
	if (!late && !s->ask.proved)
		tr_ask_proved(&s->ask);
	if (s->turn->delivered)
		return;
	s->turn->delivered = true;
	tr_store_prompt(s, s->turn);
	tr_cancel_say(s);
}

static void kept_turn(struct troupe_session *s, void *arg)
{
	(void)arg;
	tr_ask_proved(&s->ask);
	tr_turn_seen(s);
}

static void on_kept(struct troupe_session *s)
{
	tr_session_turn(s, kept_turn, NULL);
}

/* ------------------------------------------------------------------ running */

static void build(struct troupe_session *s, const struct tr_prompt *p, struct tr_bytes *out)
{
	struct tr_bytes replay = { 0 };

	if (s->instance.replay_due)
		tr_history_text(&s->history, &replay);
	tr_acp_prompt(out, p->request_id, s->instance.agent_session, (struct troupe_text){ (const char *)replay.data, replay.size },
	              tr_bytes_value(&p->content), p->text);
	tr_bytes_free(&replay);
	if (out->size <= TR_PROMPT_BYTES_MAX)
		return;
	tr_bytes_clear(out); /* the prompt itself was measured when it was accepted */
	tr_acp_prompt(out, p->request_id, s->instance.agent_session, (struct troupe_text){ 0 }, tr_bytes_value(&p->content), p->text);
}

static void send_prompt(struct troupe_session *s, uint64_t order)
{
	if (s->turn && s->turn->order == order && s->ask.sent == 0 && s->ask.body.size > 0)
		tr_ask_send(&s->ask, false);
}

static void start(struct troupe_session *s, struct tr_prompt *p)
{
	struct tr_bytes body = { 0 };

	s->turn = p;
	p->state = TR_RUNNING;
	p->since_ms = troupe_now_ms(s->actor);
	tr_session_request_id(s, p->request_id);
	build(s, p, &body);
	tr_history_user(&s->history, p->user_id, p->text);
	s->dirty_history = true;
	tr_store_prompt(s, p);
	tr_turn_tell(s, p);
	tr_session_event(s, TR_CLIENT, (struct troupe_text){ (const char *)body.data, body.size });
	tr_ask_set(&s->ask, p->request_id, &body);
	tr_watch_begin(s);
	tr_session_after(s, send_prompt, p->order);
}

void tr_turn_pump(struct troupe_session *s)
{
	tr_life_ready(s);
	tr_life_turn_over(s);
	if (!s->turn && s->queued > 0 && s->link == TR_LINK_UP && tr_stream_healthy(s) && !tr_settings_waiting(s) &&
	    !tr_say_cancels(s))
		start(s, take_first(s));
}

void tr_turn_restored(struct troupe_session *s)
{
	s->ask.on_response = on_response;
	s->ask.on_trouble = on_trouble;
	s->ask.on_missing = on_missing;
	s->ask.on_kept = on_kept;
	if (s->turn)
		tr_ask_set(&s->ask, s->turn->request_id, NULL);
	if (s->turn && s->turn->delivered)
		tr_ask_proved(&s->ask);
	tr_watch_begin(s);
	tr_permissions_watch(s);
	hold_or_release(s);
}

/* ------------------------------------------------------------------ accepting */

static struct tr_prompt *find_in(const struct tr_list *list, const char *prompt_id)
{
	for (struct tr_list *at = list->next; at != list; at = at->next) {
		struct tr_prompt *p = tr_container(at, struct tr_prompt, link);

		if (strcmp(p->prompt_id, prompt_id) == 0)
			return p;
	}
	return NULL;
}

struct tr_prompt *tr_turn_find(struct troupe_session *s, const char *prompt_id)
{
	struct tr_prompt *p = find_in(&s->queue, prompt_id);

	if (!p && s->turn && strcmp(s->turn->prompt_id, prompt_id) == 0)
		p = s->turn;
	return p ? p : find_in(&s->settled, prompt_id);
}

/* An undone turn would leave us with a prompt that nobody remembers: tr_session_after tells us of that. */
static void on_accepted(struct troupe_session *s, uint64_t order)
{
	(void)s, (void)order;
}

static void take_in(struct troupe_session *s, struct tr_asked *asked)
{
	struct tr_prompt *p;

	if (s->queued >= TR_PROMPTS_QUEUED_MAX) {
		tr_session_fail(asked->call, TROUPE_EOVERLOADED, "Too many prompts are waiting for the agent.");
		return;
	}
	p = tr_alloc(sizeof *p);
	tr_list_init(&p->link);
	p->order = s->next_order++;
	p->prompt_id = tr_strdup(asked->prompt_id);
	p->user_id = tr_strdup(asked->user_id);
	p->text = tr_strdup(asked->text);
	p->content = asked->content;
	asked->content = (struct tr_bytes){ 0 };
	p->created_ms = troupe_now_ms(s->actor);
	s->dirty_at = true;
	if (s->hooks.on_prompt)
		s->hooks.on_prompt(s->actor, s, &(struct troupe_prompt){
			p->prompt_id, p->user_id, p->text, tr_bytes_value(&p->content) });
	wait_for(p, asked->call);
	tr_list_push(&s->queue, &p->link);
	s->queued++;
	hold_or_release(s);
	tr_turn_pump(s);
	if (p->state == TR_QUEUED) {
		tr_store_prompt(s, p);
		tr_turn_tell(s, p);
		tr_session_after(s, on_accepted, p->order);
		tr_link_connect(s);
	}
}

static void answer_known(struct troupe_value v, struct tr_asked *asked)
{
	struct tr_prompt p = { .prompt_id = asked->prompt_id };

	if (!tr_store_read_done(v, &p))
		tr_session_fail(asked->call, TROUPE_ESTORE, "The prompt's record cannot be read.");
	else if (asked->call)
		answer(&p, asked->call);
	free(p.message);
	tr_bytes_free(&p.metadata);
}

static void on_looked_up(struct troupe_actor *a, void *arg, int rc, struct troupe_value value)
{
	struct tr_asked *asked = arg;
	struct troupe_session *s = asked->session;
	struct tr_prompt *known = tr_turn_find(s, asked->prompt_id);

	(void)a;
	if (known)
		wait_for(known, asked->call);
	else if (rc == 0)
		answer_known(value, asked);
	else if (rc != TROUPE_ENOTFOUND)
		tr_session_fail(asked->call, rc, troupe_error_info(rc)->sentence);
	else if (s->refusal)
		tr_session_fail(asked->call, s->refusal, troupe_error_info(s->refusal)->sentence);
	else
		take_in(s, asked);
	tr_asked_free(asked);
	tr_session_save(s);
}

/* As the sandbox will see it; the envelope around it is small. */
static bool too_large(const char *text, struct troupe_value content)
{
	struct tr_bytes json = { .max = TR_PROMPT_BYTES_MAX };
	bool large;

	tr_json_put_string(&json, tr_text_from(text));
	if (content.size > 0)
		tr_json_encode(&json, content, TR_JSON_PLAIN);
	large = json.failed || json.size > TR_PROMPT_BYTES_MAX - 2048;
	tr_bytes_free(&json);
	return large;
}

int tr_turn_prompt(struct troupe_session *s, struct troupe_call *call, const struct troupe_prompt *p)
{
	char uuid[37], key[TR_ITEM_KEY_MAX];
	const char *id = p->prompt_id;
	struct tr_asked *asked;

	if (s->stopped)
		return tr_session_fail(call, TROUPE_ERESTARTING, "The session is restarting. Try again in a moment.");
	if (!p->text || !*p->text)
		return tr_session_fail(call, TROUPE_EINVAL, "The prompt is empty.");
	if (id && strlen(id) > TR_PROMPT_ID_BYTES_MAX)
		return tr_session_fail(call, TROUPE_EINVAL, "promptId is longer than 128 bytes.");
	if (p->content.size > 0 && !tr_acp_blocks_valid(p->content))
		return tr_session_fail(call, TROUPE_EINVAL, "content: must be a list of objects, each with a type.");
	if (too_large(p->text, p->content))
		return tr_session_fail(call, TROUPE_EPROMPTSIZE, "The prompt is larger than 2 MiB.");
	if (!id || !*id) {
		tr_random_uuid(uuid);
		id = uuid;
	}
	if (tr_session_check_user(call, p->user_id) < 0)
		return TROUPE_EINVAL;
	asked = tr_alloc(sizeof *asked);
	asked->session = s;
	asked->call = call;
	asked->prompt_id = tr_strdup(id);
	asked->user_id = tr_strdup(p->user_id);
	asked->text = tr_strdup(p->text);
	tr_bytes_put(&asked->content, p->content.data, p->content.size);
	tr_list_push(&s->asked, &asked->link);
	tr_actor_get(s->actor, tr_store_done_key(s, key, id), on_looked_up, asked);
	return TROUPE_LATER;
}
