/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from a session's state. Each turn ends here, and nowhere else does anything begin because
 * something else has ended: whoever changes a state need not remember whom it concerns. In this order,
 * until nothing follows any more:
 *
 *	verdict    what a part has found out about the way, or the instance, is carried out
 *	opened     the stream is healthy (again): the sandbox is ready, and hears once more what it may not have heard
 *	expire     permission requests whose time is over are rejected
 *	cancels    the running turn's cancel is told, or not reacted to; one that never left ends
 *	settings   the next is set, when the agent listens
 *	turns      the next starts, when the agent listens and is as it is wanted; those that wait are told
 *	life       whoever waits for it to be ready is answered; one that was destroyed is over with its last turn
 *	connect    when somebody wants it
 *
 * The states of the way to the agent, with what is promised of each (tr_session_check):
 *
 *	link      DOWN ──▶ PLACE ──▶ HEALTH ──▶ LIST ──▶ CLEAN ──▶ BOOT ──▶ UP         any ──▶ HEALTH, DOWN
 *	                                                   └───── bound ────▶
 *	DOWN      nothing is asked of the sandbox, and nothing will be by itself
 *	PLACE     the provider is asked; the sandbox is not
 *	HEALTH, LIST, CLEAN   the stream is closed: what the instance says is not read
 *	BOOT      there is an instance, which is not bound: no turn runs, what it says is held
 *	UP        the instance is bound; its stream is open, being opened, or waits to be
 *
 *	turn      none ──▶ running, not sent ──commit──▶ sent ──▶ delivered ──▶ none
 *	none      the turn's request is not asked
 *	running   its actor is kept awake; its request has its id, until the response came
 *
 * Once over (destroyed_at with its turn ended, or refused), always over: nothing runs, waits or is asked. */
#include "runtime/sandbox/session/settle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sandbox/session/cancel.h"
#include "runtime/sandbox/session/life.h"
#include "runtime/sandbox/session/link.h"
#include "runtime/sandbox/session/permission.h"
#include "runtime/sandbox/session/say.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/settings.h"
#include "runtime/sandbox/session/store.h"
#include "runtime/sandbox/session/stream.h"
#include "runtime/sandbox/session/sweep.h"
#include "runtime/sandbox/session/tell.h"
#include "runtime/sandbox/session/turn.h"

/* ------------------------------------------------------------------ verdicts */

static void last_words(struct troupe_session *s)
{
	if (tr_stream_last_words(s) && tr_link_is_up(s))
		tr_stream_open(s);
}

static void carry_out(struct troupe_session *s)
{
	struct tr_verdict v = s->verdict;
	int error = 0; /* of those who wait for the session to be ready */

	s->verdict = (struct tr_verdict){ 0 };
	switch (v.kind) {
	case TR_NO_VERDICT:
		return;
	case TR_LAST_WORDS:
		last_words(s);
		break;
	case TR_TROUBLE:
		error = tr_link_trouble(s, v.message);
		break;
	case TR_LEAVE:
		error = tr_link_leave(s, v.error, v.reason, v.message);
		break;
	case TR_GONE:
		error = tr_link_gone(s, v.error, v.reason, v.message);
		break;
	case TR_RESTART:
		error = tr_link_restart(s, v.error, v.reason, v.message);
		break;
	case TR_GIVE_UP:
		error = tr_link_give_up(s, v.error, v.message);
		break;
	case TR_UNMADE:
		tr_life_unmade(s, v.error, v.message);
		break;
	}
	if (error) /* the words are of the verdict; what was made of it has its own sentence */
		tr_life_failed(s, error, error == v.error || v.kind == TR_TROUBLE ? v.message : NULL);
	free(v.message);
}

/* ------------------------------------------------------------------ one after the other */

static void opened(struct troupe_session *s)
{
	if (!tr_stream_take_opened(s) || !tr_stream_healthy(s) || !tr_link_is_up(s))
		return;
	tr_link_well(s);
	tr_session_state(s, "ready", 0, NULL);
	tr_family_note_missing(s);
	tr_permissions_say_again(s);
}

static bool listens(const struct troupe_session *s)
{
	return tr_link_is_up(s) && s->instance.bound && tr_stream_healthy(s);
}

static void turns(struct troupe_session *s)
{
	if (!s->turns.running && s->turns.queued > 0 && listens(s) && !tr_settings_waiting(s) && !tr_say_cancels(s)) {
		tr_turn_start(s);
		tr_watch_begin(s);
	}
	tr_turn_tell_waiting(s);
}

static void connect(struct troupe_session *s)
{
	if (!s->wanted)
		return;
	s->wanted = false;
	tr_link_connect(s);
}

void tr_settle(struct troupe_session *s)
{
	while (s->actor && s->loaded && !s->stopped) {
		carry_out(s);
		opened(s);
		tr_permissions_overdue(s);
		tr_cancel_settle(s);
		if (listens(s))
			tr_settings_pump(s);
		if (s->verdict.kind != TR_NO_VERDICT)
			continue;
		turns(s);
		tr_life_settle(s);
		connect(s);
		if (s->verdict.kind == TR_NO_VERDICT)
			break;
	}
	if (!s->actor)
		return;
	tr_store_save(s);
	if (tr_sandbox_checks(s->sandbox))
		tr_session_check(s);
}

/* ------------------------------------------------------------------ what is promised */

static size_t length(const struct tr_list *list)
{
	size_t n = 0;

	for (const struct tr_list *at = list->next; at != list; at = at->next)
		n++;
	return n;
}

static void check_link(const struct troupe_session *s)
{
	enum tr_link_state state = s->link.state;

	assert(!tr_stream_asked(s) || state == TR_LINK_UP || state == TR_LINK_BOOT);
	assert(state != TR_LINK_UP || s->instance.bound);
	assert(state != TR_LINK_BOOT || !s->instance.bound);
	assert((state == TR_LINK_BOOT) == (s->boot.step != TR_BOOT_NOT));
	assert(!s->link.request || state == TR_LINK_HEALTH || state == TR_LINK_LIST);
	assert(!s->clean.request || state == TR_LINK_CLEAN);
	assert(!s->instance.bound || *s->instance.server_id);
}

static void check_turns(const struct troupe_session *s)
{
	const struct tr_prompt *p = s->turns.running;

	assert(length(&s->turns.queue) == s->turns.queued);
	assert(p || !*s->turns.ask.id);
	assert(!p || p->state == TR_RUNNING);
	assert(!p || strcmp(p->request_id, s->turns.ask.id) == 0);
	assert(!p || s->link.state != TR_LINK_BOOT);
	assert(s->turns.held_awake == (p || s->turns.queued > 0));
}

static void check_counts(const struct troupe_session *s)
{
	assert(length(&s->settings.line) == s->settings.count);
	assert(length(&s->permissions.list) == s->permissions.count && s->permissions.count <= TR_PERMISSIONS_MAX);
	assert(length(&s->says.line) == s->says.count && s->says.count <= TR_SAYS_MAX);
	assert(length(&s->boot.held) == s->boot.held_count);
	assert(!s->says.post || s->says.count > 0);
	assert(!*s->settings.ask.id || s->settings.count > 0);
}

void tr_session_check(const struct troupe_session *s)
{
	if (!s->loaded || s->stopped)
		return;
	assert(s->verdict.kind == TR_NO_VERDICT && !s->wanted);
	check_link(s);
	check_turns(s);
	check_counts(s);
	assert(!s->destroyed_at || s->life.ending || s->link.state == TR_LINK_DOWN);
	assert(!s->life.ending || s->destroyed_at);
}
