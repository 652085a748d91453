/* SPDX-License-Identifier: Apache-2.0 */
/* The ground of a session: turns, what is noted in them, time. */
#include "runtime/sandbox/session/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"

/* ------------------------------------------------------------------ lifetime */

void tr_session_unref(struct troupe_session *s)
{
	if (--s->refs == 0)
		s->free(s);
}

/* The actor will be dropped by the core, which then closes us. Until that, nothing more is taken from the
 * sandbox: its ring keeps what comes. */
static void stop(struct troupe_session *s)
{
	if (s->stopped || !s->actor)
		return;
	tr_warn("session.stop", "session=%s actor=%s", s->id, troupe_id(s->actor));
	s->stopped = true;
	s->silence(s);
}

/* ------------------------------------------------------------------ turns */

void tr_session_enter(struct troupe_session *s)
{
	s->refs++;
	s->depth++;
}

void tr_session_leave_undone(struct troupe_session *s)
{
	assert(s->depth > 0 && s->refs > 0);
	s->depth--;
	tr_session_unref(s);
}

void tr_session_leave(struct troupe_session *s)
{
	assert(s->depth > 0 && s->refs > 0);
	if (s->depth == 1 && s->actor) /* else its end was told, and whoever opened it has closed it */
		s->settle(s);
	s->depth--;
	tr_session_unref(s);
}

struct running { struct troupe_session *session; void (*run)(struct troupe_session *s, void *arg); void *arg; };

static int run_turn(struct troupe_actor *a, void *arg)
{
	struct running *r = arg;

	(void)a;
	tr_session_enter(r->session);
	if (r->run)
		r->run(r->session, r->arg);
	tr_session_leave(r->session);
	return 0;
}

bool tr_session_turn(struct troupe_session *s, void (*run)(struct troupe_session *s, void *arg), void *arg)
{
	struct running r = { s, run, arg };
	bool goes_on;

	if (!s->actor || s->stopped)
		return false;
	s->refs++;
	if (tr_actor_turn(s->actor, run_turn, &r) < 0)
		stop(s);
	goes_on = s->actor && !s->stopped;
	tr_session_unref(s);
	return goes_on;
}

struct after { struct troupe_session *session; void (*then)(struct troupe_session *s, uint64_t arg); uint64_t arg; };

static void on_durable(void *arg, int rc)
{
	struct after *after = arg;
	struct troupe_session *s = after->session;

	if (rc < 0)
		stop(s);
	if (s->actor && !s->stopped)
		after->then(s, after->arg);
	free(after);
	tr_session_unref(s);
}

void tr_session_after(struct troupe_session *s, void (*then)(struct troupe_session *s, uint64_t arg), uint64_t arg)
{
	struct after *after = tr_alloc(sizeof *after);

	*after = (struct after){ s, then, arg };
	s->refs++;
	tr_actor_after(s->actor, on_durable, after);
}

/* ------------------------------------------------------------------ what is noted in them */

bool tr_session_verdict(struct troupe_session *s, enum tr_verdict_kind kind, int error, const char *reason, const char *message)
{
	if (!s->actor || s->stopped)
		return false;
	if (s->verdict.kind <= TR_LAST_WORDS) {
		free(s->verdict.message);
		s->verdict = (struct tr_verdict){ kind, error, reason, tr_strdup(message) };
	}
	return s->depth > 0 || tr_session_turn(s, NULL, NULL);
}

bool tr_session_doomed(const struct troupe_session *s)
{
	return s->verdict.kind > TR_LAST_WORDS;
}

void tr_session_want(struct troupe_session *s)
{
	s->wanted = true;
}

/* ------------------------------------------------------------------ time */

int64_t tr_session_mono(const struct troupe_session *s)
{
	return s->clock.ops->mono_ms(s->clock.ctx);
}

struct tr_timer *tr_session_timer(struct troupe_session *s, void (*fire)(void *arg), void *arg)
{
	return s->clock.ops->timer_new(s->clock.ctx, fire, arg);
}

void tr_session_timer_set(const struct troupe_session *s, struct tr_timer *t, int64_t ms)
{
	s->clock.ops->timer_set(t, ms);
}

struct tr_timer *tr_session_timer_free(const struct troupe_session *s, struct tr_timer *t)
{
	return s->clock.ops->timer_free(t);
}

/* ------------------------------------------------------------------ small things */

const char *tr_session_cwd(const struct troupe_session *s)
{
	return s->cwd ? s->cwd : tr_sandbox_cwd(s->sandbox, tr_place_cwd(&s->place.user));
}

int tr_session_fail(struct troupe_call *call, int error, const char *message)
{
	return call ? troupe_fail(call, error, "%s", message) : error;
}

int tr_session_refuse(struct troupe_call *call, int error)
{
	return tr_session_fail(call, error, troupe_error_info(error)->sentence);
}

int tr_session_check_user(struct troupe_call *call, const char *user_id)
{
	if (!user_id || strlen(user_id) <= TR_USER_ID_BYTES_MAX)
		return 0;
	return tr_session_fail(call, TROUPE_EINVAL, "userId is longer than 256 bytes.");
}
