/* SPDX-License-Identifier: Apache-2.0 */
/* How a session begins and ends for people: made new, opened again, destroyed, taken up once more (spec
 * 5.3, 5.9).
 *
 *	opened --> ready --> destroyed --> over: close it
 *	     `---> over, when a new one cannot be made, or there is none to be opened
 *
 * Destroyed is an item before it is acknowledged: from then on the session refuses prompts, after any
 * restart too. Its running turn is cancelled and has TR_DESTROY_MS to end; then its agent's instance goes
 * to the server's debts (debts.c), which end it without us. So a session that is over has nothing left to
 * do. With --agent-on-sleep dispose the same becomes of the agent of a session that is closed while
 * nothing runs or waits: what does goes on at the next start of the server. With --agent-on-sleep pause
 * the agent stays as it is, in a sandbox that stands still (place.h). */
#include "runtime/sandbox/session/life.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/session/cancel.h"
#include "runtime/sandbox/session/clean.h"
#include "runtime/sandbox/session/link.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/settings.h"
#include "runtime/sandbox/session/store.h"
#include "runtime/sandbox/session/sweep.h"
#include "runtime/sandbox/session/tell.h"
#include "runtime/sandbox/session/turn.h"

static void on_timer(void *arg)
{
	tr_session_turn(arg, NULL, NULL); /* tr_life_settle */
}

void tr_life_init(struct troupe_session *s, const struct troupe_session_options *o)
{
	s->life.how = o->how;
	s->life.agent_given = o->agent != NULL;
	s->life.timer = tr_session_timer(s, on_timer, s);
}

void tr_life_fini(struct troupe_session *s)
{
	tr_session_timer_free(s, s->life.timer);
	free(s->life.waiting);
}

void tr_life_silence(struct troupe_session *s)
{
	tr_session_timer_set(s, s->life.timer, -1);
}

/* ------------------------------------------------------------------ who waits for it to be ready */

static void reply_record(struct troupe_session *s, struct troupe_call *call)
{
	struct tr_bytes record = { 0 };

	tr_store_put_record(s, &record);
	troupe_reply_value(call, tr_bytes_value(&record));
	tr_bytes_free(&record);
}

static void answer_ready(struct troupe_session *s)
{
	if (s->life.waiting_count == 0 || !tr_link_is_up(s) || tr_settings_waiting(s) || s->destroyed_at)
		return;
	for (size_t i = 0; i < s->life.waiting_count; i++)
		reply_record(s, s->life.waiting[i]);
	s->life.waiting_count = 0;
}

static void fail_waiting(struct troupe_session *s, int error, const char *message)
{
	for (size_t i = 0; i < s->life.waiting_count; i++)
		tr_session_fail(s->life.waiting[i], error, message && *message ? message : troupe_error_info(error)->sentence);
	s->life.waiting_count = 0;
}

static void wait_ready(struct troupe_session *s, struct troupe_call *call)
{
	s->life.waiting = tr_realloc(s->life.waiting, (s->life.waiting_count + 1) * sizeof *s->life.waiting);
	s->life.waiting[s->life.waiting_count++] = call;
}

int tr_life_await(struct troupe_session *s, struct troupe_call *call, const char *agent)
{
	if (s->stopped || (s->destroyed_at && s->loaded))
		return tr_session_fail(call, TROUPE_ERESTARTING, "The session is being ended. Try again in a moment.");
	if (agent && strcmp(agent, s->agent) != 0)
		return tr_session_refuse(call, TROUPE_EMISMATCH);
	if (s->refusal && s->loaded)
		return tr_session_refuse(call, s->refusal);
	wait_ready(s, call);
	tr_session_want(s);
	return TROUPE_LATER;
}

/* ------------------------------------------------------------------ over */

struct over { int error; };

static void over_turn(struct troupe_session *s, void *arg)
{
	if (s->hooks.on_end)
		s->hooks.on_end(s->actor, s, ((const struct over *)arg)->error);
}

static void tell_over(struct troupe_session *s, uint64_t error)
{
	tr_session_turn(s, over_turn, &(struct over){ -(int)error });
}

/* In a turn. error 0: it was destroyed. */
static void over(struct troupe_session *s, int error)
{
	s->refusal = error ? error : TROUPE_EDESTROYED;
	tr_session_after(s, tell_over, (uint64_t)-error);
}

static void finish(struct troupe_session *s, int error)
{
	s->life.ending = false;
	tr_session_timer_set(s, s->life.timer, -1);
	if (*s->instance.server_id)
		tr_link_end_instance(s, TROUPE_EDESTROYED, "destroyed", NULL);
	s->instance.server_id[0] = '\0';
	tr_link_close(s);
	tr_clean_hand_over(s);
	tr_family_forget(s);
	over(s, error);
}

/* ------------------------------------------------------------------ destroyed */

void tr_life_settle(struct troupe_session *s)
{
	answer_ready(s);
	if (s->life.ending && (!s->turns.running || tr_session_mono(s) >= s->life.end_ms))
		finish(s, 0);
	else if (s->life.ending) /* the timer may have been a little early */
		tr_session_timer_set(s, s->life.timer, s->life.end_ms - tr_session_mono(s));
}

static void mark_destroyed(struct troupe_session *s, int error, const char *message)
{
	s->destroyed_at = troupe_now_ms(s->actor);
	s->refusal = TROUPE_EDESTROYED;
	s->dirty.main = true;
	tr_session_life(s, "destroyed");
	fail_waiting(s, error, message);
	tr_settings_lost(s, error, message);
	tr_turn_fail_waiting(s, error, message);
}

static void begin_end(struct troupe_session *s)
{
	s->life.ending = true;
	s->life.end_ms = tr_session_mono(s) + TR_DESTROY_MS;
	if (s->turns.running)
		tr_turn_stop(s);
	if (!s->turns.running)
		finish(s, 0);
}

int tr_life_destroy(struct troupe_session *s, struct troupe_call *call)
{
	if (s->stopped || !s->loaded)
		return tr_session_fail(call, TROUPE_ERESTARTING, "The session is restarting. Try again in a moment.");
	if (!s->destroyed_at && s->created_at == 0 && s->life.how != TROUPE_SESSION_NEW)
		return tr_session_fail(call, TROUPE_ENOSESSION, "The session was not made yet.");
	if (!s->destroyed_at && s->created_at == 0)
		return tr_session_fail(call, TROUPE_ERESTARTING, "The session is being made. Try again in a moment.");
	if (!s->destroyed_at) {
		mark_destroyed(s, TROUPE_EDESTROYED, NULL);
		begin_end(s);
	}
	if (call)
		reply_record(s, call);
	return TROUPE_LATER;
}

/* Whoever called has had an answer by now. */
void tr_life_slept(struct troupe_session *s)
{
	if (tr_sandbox_pauses(s->sandbox) && tr_actor_resting(s->actor))
		tr_place_rest(&s->place.user);
	if (!tr_sandbox_disposes(s->sandbox) || !s->loaded || s->stopped || s->refusal || s->turns.running || s->turns.queued > 0
	    || !*s->instance.server_id)
		return;
	tr_settings_unheard(s);
	s->life.waiting_count = 0;
	tr_link_end_instance(s, TROUPE_EDRAINING, "slept", NULL);
	s->instance.server_id[0] = '\0';
	tr_clean_hand_over(s);
	tr_family_forget(s);
	tr_store_save(s);
}

/* ------------------------------------------------------------------ not made */

/* Who asked for it can be told that there is none; else there is to be one, and what made it may be asked
 * for again. */
void tr_life_unmade(struct troupe_session *s, int error, const char *message)
{
	if (s->life.how != TROUPE_SESSION_ANY && !s->destroyed_at) {
		mark_destroyed(s, error, message);
		finish(s, error);
		return;
	}
	tr_link_end_instance(s, error, "not_made", message);
	s->instance.agent_session[0] = '\0';
	tr_store_forget_record(s);
	s->created_at = 0;
	tr_settings_forget(s);
	tr_life_failed(s, tr_link_give_up(s, error, message), message);
}

void tr_life_failed(struct troupe_session *s, int error, const char *message)
{
	if (s->refusal)
		return;
	fail_waiting(s, error, message);
	if (s->life.how != TROUPE_SESSION_NEW || s->created_at != 0)
		return;
	finish(s, error);
	tr_store_forget(s);
}

/* ------------------------------------------------------------------ opened */

static void revive(struct troupe_session *s)
{
	s->destroyed_at = 0;
	s->dirty.main = true;
	tr_session_life(s, "resumed");
}

/* What was in the making when we died is nobody's. */
static void never_made(struct troupe_session *s)
{
	fail_waiting(s, TROUPE_ENOSESSION, NULL);
	s->instance.bound = false;
	tr_clean_hand_over(s);
	tr_store_forget(s);
	over(s, TROUPE_ENOSESSION);
}

static void not_ours(struct troupe_session *s, int error)
{
	fail_waiting(s, error, NULL);
	over(s, error);
}

void tr_life_loaded(struct troupe_session *s)
{
	bool exists = s->created_at != 0;

	if (s->refusal && s->life.how >= TROUPE_SESSION_NEW)
		not_ours(s, s->refusal);
	else if (s->refusal)
		return;
	else if (s->life.how == TROUPE_SESSION_NEW && exists)
		not_ours(s, TROUPE_EEXISTS);
	else if (s->life.how >= TROUPE_SESSION_OLD && !exists)
		never_made(s);
	else if (s->destroyed_at && s->life.how == TROUPE_SESSION_RESUME)
		revive(s);
	else if (s->destroyed_at)
		finish(s, 0);
}
