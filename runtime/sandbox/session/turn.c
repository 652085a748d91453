/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts. Each is accepted once (its promptId is looked up first), waits in the open queue, runs alone,
 * and is settled once:
 *
 *	asked -> queued -> running -> done | failed | cancelled
 *
 * When the next one starts is for settle.c to know; what is here is how.
 *
 * Every step is an item in the commit that tells of it, so after any restart each prompt stands where it
 * was last told to stand. A prompt is sent after the commit that says so; whether it was sent when we died
 * is then not known, and decided by what the stream brings (spec 5.4). */
#include "runtime/sandbox/session/turn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/text.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/session/read.h"
#include "runtime/sandbox/session/permission.h"
#include "runtime/sandbox/session/request.h"
#include "runtime/sandbox/session/say.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/store.h"
#include "runtime/sandbox/session/tell.h"

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
	tr_reader_forget(&asked->reader);
	tr_list_remove(&asked->link);
	free(asked->prompt_id);
	free(asked->user_id);
	free(asked->text);
	tr_bytes_free(&asked->content);
	free(asked);
}

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

/* 1: the next. */
static int64_t position_of(const struct troupe_session *s, const struct tr_prompt *p)
{
	int64_t position = 1;

	for (const struct tr_list *at = s->turns.queue.next; at != &p->link; at = at->next)
		position++;
	return position;
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
	tr_put_int(&value, p->state == TR_QUEUED ? position_of(s, p) : 0);
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
	bool busy = s->turns.running || s->turns.queued > 0;

	if (busy && !s->turns.held_awake)
		tr_actor_hold(s->actor);
	if (!busy && s->turns.held_awake)
		tr_actor_release(s->actor);
	s->turns.held_awake = busy;
}

/* ------------------------------------------------------------------ settling */

static void forget_settled(struct troupe_session *s, uint64_t order)
{
	for (struct tr_list *at = s->turns.settled.next; at != &s->turns.settled; at = at->next) {
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
	tr_list_push(&s->turns.settled, &p->link);
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
	struct tr_list *first = tr_list_first(&s->turns.queue);

	if (!first)
		return NULL;
	tr_list_remove(first);
	s->turns.queued--;
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
	for (size_t waiting = s->turns.queued; waiting > 0; waiting--) /* not those that a hook adds meanwhile */
		tr_turn_fail_first(s, error, message);
}

struct tr_prompt *tr_turn_take(struct troupe_session *s)
{
	struct tr_prompt *p = s->turns.running;

	s->turns.running = NULL;
	s->dirty.history = true;
	tr_say_forget_cancel(s);
	return p;
}

void tr_turn_lost(struct troupe_session *s, int error, const char *reason, const char *message)
{
	struct tr_bytes note = { 0 };

	if (!s->turns.running)
		return;
	tr_ask_drop(&s->turns.ask);
	tr_acp_note_lost(&note, s->turns.running->request_id, reason, message ? message : troupe_error_info(error)->sentence);
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

	s->turns.ended_ms = tr_session_mono(s);
	s->turns.finished++;
	tr_session_event(s, TR_AGENT, json);
	tr_permissions_cancel(s, "turn_over", NULL);
	if (e->error.size > 0) {
		read_error(p, e);
	} else {
		if (!tr_acp_short(e->result, "stopReason", p->stop_reason, sizeof p->stop_reason))
			strcpy(p->stop_reason, "unknown");
		p->state = strcmp(p->stop_reason, "cancelled") == 0 ? TR_CANCELLED : TR_DONE;
		s->dirty.main = s->dirty.main || s->instance.replay_due;
		s->instance.replay_due = false;
	}
	tr_turn_settle(s, p);
}

void tr_turn_agent_gone(struct troupe_session *s, int error, const char *reason, const char *message)
{
	if (s->turns.running && s->turns.ask.copy.size > 0) {
		tr_permissions_expire(s);
		tr_ask_take_copy(&s->turns.ask);
	}
	tr_turn_lost(s, error, reason, message);
	tr_ask_forget_copies(&s->turns.ask);
}

struct failure { int error; const char *reason, *message; };

static void lost_turn(struct troupe_session *s, void *arg)
{
	const struct failure *f = arg;

	tr_turn_lost(s, f->error, f->reason, f->message);
}

static void on_trouble(struct troupe_session *s, const struct tr_problem *p)
{
	struct failure f = { TROUPE_EAGENT, "refused", p->words };
	bool unsent = s->turns.ask.unsent;

	if (unsent && !tr_session_turn(s, NULL, NULL)) /* one that is being cancelled ends here: tr_cancel_settle */
		return;
	if (tr_session_problem(s, p, unsent))
		return;
	if (p->kind == TR_PROBLEM_NOT_SENT)
		f = (struct failure){ TROUPE_ESANDBOX, "sandbox_lost", p->words };
	else if (p->status == 413)
		f.error = TROUPE_EPROMPTSIZE;
	tr_session_turn(s, lost_turn, &f);
}

/* Half of it may lie in the agent's input, where the next message would be glued to it; or it runs, and
 * the next would run beside it. So that instance is left behind. */
static void on_missing(struct troupe_session *s)
{
	tr_session_verdict(s, TR_LEAVE, TROUPE_EUNDELIVERED, "delivery_unknown", NULL);
}

void tr_turn_seen(struct troupe_session *s)
{
	bool waits = tr_ask_unsent_yet(&s->turns.ask); /* for its commit: this belongs to the turn before */
	bool late = s->turns.ended_ms && tr_session_mono(s) - s->turns.ended_ms < s->times->late_ms; /* this may */

	if (!s->turns.running || !*s->turns.ask.id || waits || (late && s->turns.ask.unsure))
		return;
	if (!late && !s->turns.ask.proved)
		tr_ask_proved(&s->turns.ask);
	if (s->turns.running->delivered)
		return;
	s->turns.running->delivered = true;
	tr_store_prompt(s, s->turns.running);
}

static void kept_turn(struct troupe_session *s, void *arg)
{
	(void)arg;
	tr_ask_proved(&s->turns.ask);
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
	if (s->turns.running && s->turns.running->order == order && tr_ask_unsent_yet(&s->turns.ask))
		tr_ask_send(&s->turns.ask, false);
}

void tr_turn_start(struct troupe_session *s)
{
	struct tr_prompt *p = take_first(s);
	struct tr_bytes body = { 0 };

	s->turns.running = p;
	p->state = TR_RUNNING;
	p->untold = false;
	p->since_ms = troupe_now_ms(s->actor);
	tr_session_request_id(s, p->request_id);
	build(s, p, &body);
	tr_history_user(&s->history, p->user_id, p->text);
	s->dirty.history = true;
	tr_store_prompt(s, p);
	tr_turn_tell(s, p);
	tr_session_event(s, TR_CLIENT, (struct troupe_text){ (const char *)body.data, body.size });
	tr_ask_set(&s->turns.ask, p->request_id, &body);
	tr_session_after(s, send_prompt, p->order);
}

/* ------------------------------------------------------------------ its life */

void tr_turns_init(struct troupe_session *s)
{
	tr_list_init(&s->turns.asked);
	tr_list_init(&s->turns.queue);
	tr_list_init(&s->turns.settled);
	s->turns.next_order = 1;
	tr_ask_init(&s->turns.ask, s);
	s->turns.ask.on_response = on_response;
	s->turns.ask.on_trouble = on_trouble;
	s->turns.ask.on_missing = on_missing;
	s->turns.ask.on_kept = on_kept;
}

void tr_turns_silence(struct troupe_session *s)
{
	tr_ask_drop(&s->turns.ask);
}

static void free_prompts(struct tr_list *list)
{
	struct tr_list *first;

	while ((first = tr_list_first(list)))
		tr_prompt_free(tr_container(first, struct tr_prompt, link));
}

void tr_turns_forget(struct troupe_session *s)
{
	struct tr_list *first;

	while ((first = tr_list_first(&s->turns.asked)))
		tr_asked_free(tr_container(first, struct tr_asked, link));
	free_prompts(&s->turns.queue);
	free_prompts(&s->turns.settled);
	s->turns.queued = 0;
	if (s->turns.running)
		tr_prompt_free(s->turns.running);
	s->turns.running = NULL;
}

void tr_turns_fini(struct troupe_session *s)
{
	assert(tr_list_empty(&s->turns.asked) && tr_list_empty(&s->turns.queue) && !s->turns.running);
	tr_ask_fini(&s->turns.ask);
}

void tr_turns_restored(struct troupe_session *s)
{
	if (s->turns.running)
		tr_ask_set(&s->turns.ask, s->turns.running->request_id, NULL);
	if (s->turns.running && s->turns.running->delivered)
		tr_ask_proved(&s->turns.ask);
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
	struct tr_prompt *p = find_in(&s->turns.queue, prompt_id);

	if (!p && s->turns.running && strcmp(s->turns.running->prompt_id, prompt_id) == 0)
		p = s->turns.running;
	return p ? p : find_in(&s->turns.settled, prompt_id);
}

/* An undone turn would leave us with a prompt that nobody remembers: tr_session_after tells us of that. */
static void on_accepted(struct troupe_session *s, uint64_t order)
{
	(void)s, (void)order;
}

/* What it is told as, and whether it starts at once, is decided when the turn is at its end. */
static void take_in(struct troupe_session *s, struct tr_asked *asked)
{
	struct tr_prompt *p;

	if (s->turns.queued >= TR_PROMPTS_QUEUED_MAX) {
		tr_session_fail(asked->call, TROUPE_EOVERLOADED, "Too many prompts are waiting for the agent.");
		return;
	}
	p = tr_alloc(sizeof *p);
	tr_list_init(&p->link);
	p->order = s->turns.next_order++;
	p->prompt_id = tr_strdup(asked->prompt_id);
	p->user_id = tr_strdup(asked->user_id);
	p->text = tr_strdup(asked->text);
	p->content = asked->content;
	asked->content = (struct tr_bytes){ 0 };
	p->created_ms = troupe_now_ms(s->actor);
	s->dirty.at = true;
	if (s->hooks.on_prompt)
		s->hooks.on_prompt(s->actor, s, &(struct troupe_prompt){
			p->prompt_id, p->user_id, p->text, tr_bytes_value(&p->content) });
	wait_for(p, asked->call);
	p->untold = true;
	tr_list_push(&s->turns.queue, &p->link);
	s->turns.queued++;
	hold_or_release(s);
}

static struct tr_prompt *first_untold(const struct troupe_session *s)
{
	for (struct tr_list *at = s->turns.queue.next; at != &s->turns.queue; at = at->next) {
		struct tr_prompt *p = tr_container(at, struct tr_prompt, link);

		if (p->untold)
			return p;
	}
	return NULL;
}

void tr_turn_tell_waiting(struct troupe_session *s)
{
	struct tr_prompt *p;

	while ((p = first_untold(s))) { /* whoever hears of one may add and cancel others */
		p->untold = false;
		tr_session_after(s, on_accepted, p->order);
		tr_session_want(s);
		tr_store_prompt(s, p);
		tr_turn_tell(s, p);
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

/* If this turn is undone its call is no more, either. */
static void join(struct troupe_session *s, struct tr_prompt *p, struct troupe_call *call)
{
	if (call)
		tr_session_after(s, on_accepted, p->order);
	wait_for(p, call);
}

static void on_looked_up(struct troupe_actor *a, void *arg, int rc, struct troupe_value value)
{
	struct tr_asked *asked = arg;
	struct troupe_session *s = asked->session;
	struct tr_prompt *known = tr_turn_find(s, asked->prompt_id);

	(void)a;
	tr_session_enter(s);
	tr_list_remove(&asked->link); /* whoever hears of it may close the session */
	if (known)
		join(s, known, asked->call);
	else if (rc == 0)
		answer_known(value, asked);
	else if (rc != TROUPE_ENOTFOUND)
		tr_session_refuse(asked->call, rc);
	else if (s->refusal)
		tr_session_refuse(asked->call, s->refusal);
	else
		take_in(s, asked);
	tr_asked_free(asked);
	tr_session_leave(s);
}

/* Those whose calls failed with the turn that asked: what they wanted is not wanted. */
static void free_undone(struct troupe_session *s)
{
	for (struct tr_list *at = s->turns.asked.next, *next; at != &s->turns.asked; at = next) {
		struct tr_asked *asked = tr_container(at, struct tr_asked, link);

		next = at->next;
		if (tr_list_empty(&asked->reader.reads))
			tr_asked_free(asked);
	}
}

void tr_asked_find(struct troupe_session *s, struct tr_asked *asked,
                   void (*found)(struct troupe_actor *a, void *arg, int rc, struct troupe_value value))
{
	char key[TR_ITEM_KEY_MAX];

	free_undone(s);
	asked->session = s;
	tr_list_push(&s->turns.asked, &asked->link);
	tr_reader_init(&asked->reader);
	if (asked->call)
		tr_reader_join(&asked->reader, tr_call_reader(asked->call));
	tr_actor_get(s->actor, &asked->reader, tr_store_done_key(s, key, asked->prompt_id), found, asked);
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
	const char *id = p->prompt_id;
	char uuid[37];
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
	asked->call = call;
	asked->prompt_id = tr_strdup(id);
	asked->user_id = tr_strdup(p->user_id);
	asked->text = tr_strdup(p->text);
	tr_bytes_put(&asked->content, p->content.data, p->content.size);
	tr_asked_find(s, asked, on_looked_up);
	return TROUPE_LATER;
}
