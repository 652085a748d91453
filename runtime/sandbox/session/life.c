/* SPDX-License-Identifier: Apache-2.0 */
/* How a session begins and ends for people: made new, opened again, destroyed, taken up once more (spec 5.3, 5.9).
 *
 *	opened --> ready --> destroyed --> over: close it
 *	     `---> over, when a new one cannot be made, or there is none to be opened
 *
 * Destroyed is an item before it is acknowledged: from then on the session refuses prompts, after any restart too. Its running
 * turn is cancelled and has TR_DESTROY_MS to end; then its agent's instance goes to the server's debts (debts.c), which
 * end it without us. So a session that is over has nothing left to do. With --agent-on-sleep dispose the same becomes of the
 * agent of a session that is closed while nothing runs or waits: what does goes on at the next start of the server. With
 * --agent-on-sleep pause the agent stays as it is, in a sandbox that stands still (place.h). */
#include "runtime/sandbox/session/session.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"

static void on_end_timer(evutil_socket_t fd, short what, void *arg);

void tr_life_init(struct troupe_session *s)
{
	s->end_timer = evtimer_new(tr_sandbox_base(s->sandbox), on_end_timer, s);
}

void tr_life_silence(struct troupe_session *s)
{
	evtimer_del(s->end_timer);
}

static void tell(struct troupe_session *s, const char *state)
{
	struct tr_bytes value = { 0 };

	tr_info("session.state", "actor=%s session=%s state=%s", troupe_id(s->actor), s->id, state);
	tr_put_map(&value, 2);
	tr_put_text(&value, "state");
	tr_put_text(&value, state);
	tr_put_text(&value, "agent");
	tr_put_text(&value, s->agent);
	tr_session_change(s, "session.state", &value);
}

/* ------------------------------------------------------------------ who waits for it to be ready */

static void reply_record(struct troupe_session *s, struct troupe_call *call)
{
	struct tr_bytes record = { 0 };

	tr_store_put_record(s, &record);
	troupe_reply_value(call, tr_bytes_value(&record));
	tr_bytes_free(&record);
}

static bool is_ready(const struct troupe_session *s)
{
	return s->instance.bound && s->link == TR_LINK_UP && !tr_settings_waiting(s);
}

void tr_life_ready(struct troupe_session *s)
{
	if (!is_ready(s) || s->destroyed_at)
		return;
	for (size_t i = 0; i < s->waiting_count; i++)
		reply_record(s, s->waiting[i]);
	s->waiting_count = 0;
}

static void fail_waiting(struct troupe_session *s, int error, const char *message)
{
	for (size_t i = 0; i < s->waiting_count; i++)
		tr_session_fail(s->waiting[i], error, message && *message ? message : troupe_error_info(error)->sentence);
	s->waiting_count = 0;
}

static void wait_ready(struct troupe_session *s, struct troupe_call *call)
{
	s->waiting = tr_realloc(s->waiting, (s->waiting_count + 1) * sizeof *s->waiting);
	s->waiting[s->waiting_count++] = call;
	tr_life_ready(s);
}

int tr_life_await(struct troupe_session *s, struct troupe_call *call, const char *agent)
{
	if (s->stopped || (s->destroyed_at && s->loaded))
		return tr_session_fail(call, TROUPE_ERESTARTING, "The session is being ended. Try again in a moment.");
	if (agent && strcmp(agent, s->agent) != 0)
		return tr_session_fail(call, TROUPE_EMISMATCH, troupe_error_info(TROUPE_EMISMATCH)->sentence);
	if (s->refusal && s->loaded)
		return tr_session_fail(call, s->refusal, troupe_error_info(s->refusal)->sentence);
	wait_ready(s, call);
	if (s->loaded)
		tr_link_connect(s);
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

static void hand_over_agents(struct troupe_session *s)
{
	struct tr_list *first;

	while ((first = tr_list_first(&s->left))) {
		struct tr_left *left = tr_container(first, struct tr_left, link);

		tr_store_hand_over(s, left);
		tr_left_free(left);
	}
}

static void finish(struct troupe_session *s, int error)
{
	s->ending = false;
	evtimer_del(s->end_timer);
	if (*s->instance.server_id)
		tr_link_end_instance(s, TROUPE_EDESTROYED, "destroyed", NULL);
	s->instance.server_id[0] = '\0';
	tr_link_close(s);
	hand_over_agents(s);
	tr_family_forget(s);
	over(s, error);
}

/* ------------------------------------------------------------------ destroyed */

static void finish_turn(struct troupe_session *s, void *arg)
{
	(void)arg;
	if (s->ending)
		finish(s, 0);
}

static void on_end_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	tr_session_turn(arg, finish_turn, NULL);
}

void tr_life_turn_over(struct troupe_session *s)
{
	if (s->ending && !s->turn)
		finish(s, 0);
}

static void mark_destroyed(struct troupe_session *s, int error, const char *message)
{
	s->destroyed_at = troupe_now_ms(s->actor);
	s->refusal = TROUPE_EDESTROYED;
	s->dirty_main = true;
	tell(s, "destroyed");
	fail_waiting(s, error, message);
	tr_settings_lost(s, error, message);
	tr_turn_fail_waiting(s, error, message);
}

static void begin_end(struct troupe_session *s)
{
	struct timeval in = { TR_DESTROY_MS / 1000, TR_DESTROY_MS % 1000 * 1000 };

	s->ending = true;
	if (s->turn)
		tr_turn_stop(s);
	if (!s->turn) {
		tr_life_turn_over(s);
		return;
	}
	evtimer_add(s->end_timer, &in);
}

int tr_life_destroy(struct troupe_session *s, struct troupe_call *call)
{
	if (s->stopped || !s->loaded)
		return tr_session_fail(call, TROUPE_ERESTARTING, "The session is restarting. Try again in a moment.");
	if (!s->destroyed_at && s->created_at == 0 && s->how != TROUPE_SESSION_NEW)
		return tr_session_fail(call, TROUPE_ENOSESSION, "The session was not made yet.");
	if (!s->destroyed_at && s->created_at == 0)
		return tr_session_fail(call, TROUPE_ERESTARTING, "The session is being made. Try again in a moment.");
	if (!s->destroyed_at) {
		mark_destroyed(s, TROUPE_EDESTROYED, NULL);
		begin_end(s);
	}
	if (call)
		reply_record(s, call);
	tr_session_save(s);
	return TROUPE_LATER;
}

/* Whoever called has had an answer by now. */
void tr_life_slept(struct troupe_session *s)
{
	if (tr_sandbox_pauses(s->sandbox) && tr_actor_resting(s->actor))
		tr_place_rest(&s->place);
	if (!tr_sandbox_disposes(s->sandbox) || !s->loaded || s->stopped || s->refusal || s->turn || s->queued > 0
	    || !*s->instance.server_id)
		return;
	tr_settings_unheard(s);
	s->waiting_count = 0;
	tr_link_end_instance(s, TROUPE_EDRAINING, "slept", NULL);
	s->instance.server_id[0] = '\0';
	hand_over_agents(s);
	tr_family_forget(s);
	tr_session_save(s);
}

/* ------------------------------------------------------------------ not made */

bool tr_life_unmade(struct troupe_session *s, int error, const char *message)
{
	if (s->how == TROUPE_SESSION_ANY || s->destroyed_at)
		return false;
	mark_destroyed(s, error, message);
	finish(s, error);
	return true;
}

void tr_life_failed(struct troupe_session *s, int error, const char *message)
{
	if (s->refusal)
		return;
	fail_waiting(s, error, message);
	if (s->how != TROUPE_SESSION_NEW || s->created_at != 0)
		return;
	finish(s, error);
	tr_store_forget(s);
}

/* ------------------------------------------------------------------ opened */

void tr_life_made(struct troupe_session *s)
{
	tell(s, "created");
}

static void revive(struct troupe_session *s)
{
	s->destroyed_at = 0;
	s->dirty_main = true;
	tell(s, "resumed");
}

/* What was in the making when we died is nobody's. */
static void never_made(struct troupe_session *s)
{
	fail_waiting(s, TROUPE_ENOSESSION, NULL);
	s->instance.bound = false;
	hand_over_agents(s);
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

	if (s->refusal && s->how >= TROUPE_SESSION_NEW)
		not_ours(s, s->refusal);
	else if (s->refusal)
		return;
	else if (s->how == TROUPE_SESSION_NEW && exists)
		not_ours(s, TROUPE_EEXISTS);
	else if (s->how >= TROUPE_SESSION_OLD && !exists)
		never_made(s);
	else if (s->destroyed_at && s->how == TROUPE_SESSION_RESUME)
		revive(s);
	else if (s->destroyed_at)
		finish(s, 0);
}
