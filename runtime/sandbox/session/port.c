/* SPDX-License-Identifier: Apache-2.0 */
/* The session port (runtime/core/ports.h): the roof of a session. Whatever people ask for comes in here,
 * in a turn of the actor, and the session is settled when it has been dealt with. */
#include "runtime/sandbox/session/port.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/debts.h"
#include "runtime/sandbox/session/cancel.h"
#include "runtime/sandbox/session/life.h"
#include "runtime/sandbox/session/link.h"
#include "runtime/sandbox/session/list.h"
#include "runtime/sandbox/session/load.h"
#include "runtime/sandbox/session/permission.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/settings.h"
#include "runtime/sandbox/session/settle.h"
#include "runtime/sandbox/session/take.h"
#include "runtime/sandbox/session/turn.h"

/* ------------------------------------------------------------------ its parts */

static void on_said(struct troupe_session *s, const struct tr_say *say)
{
	if (*say->permission_id)
		tr_permission_said(s, say->permission_id);
	if (say->cancels)
		tr_cancel_said(s);
}

/* The asks hear of the stream in this order: what makes the instance, its turn, its settings. */
static void init_parts(struct troupe_session *s, const struct troupe_session_options *o)
{
	int64_t people_ms = o->permission_ms > 0 ? o->permission_ms : tr_sandbox_permission_ms(s->sandbox);

	s->instance.next_request = 1;
	tr_history_init(&s->history, TR_REPLAY_TEXT_MAX);
	tr_stream_init(s, tr_take);
	tr_sweep_init(s);
	tr_clean_init(s);
	tr_link_init(s);
	tr_boot_init(s);
	tr_turns_init(s);
	tr_cancel_init(s, o->stall_ms > 0 ? o->stall_ms : TR_STALL_MS);
	tr_permissions_init(s, people_ms, o->auto_approve ? o->auto_approve : tr_sandbox_auto_approve(s->sandbox));
	tr_settings_init(s, o);
	tr_say_init(s, on_said);
	tr_life_init(s, o);
}

static void session_free(struct troupe_session *s)
{
	tr_life_fini(s);
	tr_say_fini(s);
	tr_settings_fini(s);
	tr_permissions_fini(s);
	tr_cancel_fini(s);
	tr_turns_fini(s);
	tr_boot_fini(s);
	tr_link_fini(s);
	tr_clean_fini(s);
	tr_sweep_fini(s);
	tr_stream_fini(s);
	tr_place_use_fini(s);
	tr_history_fini(&s->history);
	free(s->verdict.message);
	free(s->id);
	free(s->agent);
	free(s->cwd);
	free(s);
}

/* Everything that could call back ends here; nothing is said to the agent, which goes on. */
static void fall_silent(struct troupe_session *s)
{
	tr_link_close(s);
	tr_stream_close(s);
	tr_boot_stop(s);
	tr_turns_silence(s);
	tr_settings_silence(s);
	tr_say_drop(s);
	tr_cancel_silence(s);
	tr_permissions_silence(s);
	tr_life_silence(s);
}

/* ------------------------------------------------------------------ open and close */

static struct troupe_session *session_close(struct troupe_session *s)
{
	if (!s || !s->actor)
		return NULL;
	if (tr_actor_turning(s->actor))
		tr_life_slept(s);
	fall_silent(s);
	tr_reader_forget(&s->reader);
	tr_place_leave(&s->place.user);
	s->actor = NULL;
	tr_turns_forget(s);
	tr_debug("session.close", "session=%s", s->id);
	tr_session_unref(s);
	return NULL;
}

static void on_loaded(struct troupe_session *s, int rc)
{
	if (rc < 0) {
		tr_error("session.load", "session=%s actor=%s", s->id, troupe_id(s->actor));
		s->refusal = TROUPE_ESTORE;
	}
	s->loaded = true;
	s->stream.reattaching = s->instance.bound;
	tr_turns_restored(s);
	tr_watch_begin(s);
	tr_permissions_restored(s);
	tr_settings_restored(s);
	tr_life_loaded(s);
	tr_session_want(s);
}

static bool name_valid(const char *name, size_t max)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t size = strlen(name);

	return size > 0 && size <= max && strspn(name, good) == size;
}

/* 0, or why not, refused with a sentence. */
static int check_options(struct troupe_actor *a, const char *id, const struct troupe_session_options *o)
{
	if (!name_valid(id, 64))
		return troupe_refuse(a, TROUPE_EINVAL, "a session's id must be 1 to 64 of A-Z a-z 0-9 . _ -");
	if (o->agent && !name_valid(o->agent, 64))
		return troupe_refuse(a, TROUPE_EINVAL, "agent: must be 1 to 64 of A-Z a-z 0-9 . _ -");
	if (o->cwd && (o->cwd[0] != '/' || strlen(o->cwd) > TR_CWD_BYTES_MAX))
		return troupe_refuse(a, TROUPE_EINVAL, "cwd: must be an absolute path of at most %d bytes", TR_CWD_BYTES_MAX);
	if (o->auto_approve && !tr_acp_kinds_valid(o->auto_approve))
		return troupe_refuse(a, TROUPE_EINVAL, "autoApprove: must be kinds of tools, like \"read,search\", or \"*\"");
	return 0;
}

static int session_open(void *ctx, struct troupe_session **ret, struct troupe_actor *a,
                        const struct troupe_session_options *o)
{
	const char *id = o->id ? o->id : "default";
	int rc = check_options(a, id, o);
	struct troupe_session *s;

	if (rc < 0)
		return rc;
	s = tr_alloc(sizeof *s);
	s->sandbox = ctx;
	s->clock = tr_sandbox_clock(ctx);
	s->times = tr_sandbox_times(ctx);
	s->actor = a;
	tr_reader_init(&s->reader);
	s->refs = 1;
	s->settle = tr_settle;
	s->silence = fall_silent;
	s->free = session_free;
	s->hooks = o->hooks;
	s->id = tr_strdup(id);
	s->agent = tr_strdup(o->agent ? o->agent : tr_sandbox_agent(ctx));
	s->cwd = tr_strdup(o->cwd);
	init_parts(s, o);
	rc = tr_session_place(s, o);
	if (rc < 0) {
		session_close(s);
		return rc;
	}
	*ret = s;
	tr_session_load(s, on_loaded);
	return 0;
}

/* ------------------------------------------------------------------ what people ask for */

/* A call that fails undoes the turn that it is in, with all that would follow from the session's state:
 * nothing does, then. Nothing has changed by it. */
static int leave(struct troupe_session *s, int rc)
{
	if (rc < 0)
		tr_session_leave_undone(s);
	else
		tr_session_leave(s);
	return rc;
}

static int prompt(struct troupe_session *s, struct troupe_call *call, const struct troupe_prompt *p)
{
	tr_session_enter(s);
	return leave(s, tr_turn_prompt(s, call, p));
}

static int respond(struct troupe_session *s, struct troupe_call *call, const char *permission_id, const char *reply,
                   const char *user_id)
{
	tr_session_enter(s);
	return leave(s, tr_permission_respond(s, call, permission_id, reply, user_id));
}

static int cancel(struct troupe_session *s, struct troupe_call *call, const char *prompt_id, const char *user_id)
{
	tr_session_enter(s);
	return leave(s, tr_turn_cancel(s, call, prompt_id, user_id));
}

static int restart(struct troupe_session *s, struct troupe_call *call, const char *user_id)
{
	int rc;

	tr_session_enter(s);
	rc = tr_turn_restart(s, call, user_id);
	tr_session_leave(s);
	if (rc < 0)
		return rc;
	if (call)
		troupe_reply_value(call, (struct troupe_value){ 0 });
	return TROUPE_LATER;
}

static int set(struct troupe_session *s, struct troupe_call *call, enum troupe_setting what, const char *config_id,
               struct troupe_value value)
{
	tr_session_enter(s);
	return leave(s, tr_settings_set(s, call, what, config_id, value));
}

static int await(struct troupe_session *s, struct troupe_call *call, const char *agent)
{
	tr_session_enter(s);
	return leave(s, tr_life_await(s, call, agent));
}

static int destroy(struct troupe_session *s, struct troupe_call *call)
{
	tr_session_enter(s);
	return leave(s, tr_life_destroy(s, call));
}

static int renew(struct troupe_session *s)
{
	tr_session_enter(s);
	return leave(s, tr_session_renew(s));
}

static const char *status(const struct troupe_session *s)
{
	if (s->destroyed_at)
		return "destroyed";
	if (s->stopped || s->refusal || (s->loaded && tr_link_is_down(s)))
		return "down";
	if (!tr_link_is_up(s))
		return "connecting";
	return s->turns.running ? "running" : "ready";
}

static void session_info(const struct troupe_session *s, struct troupe_session_info *ret)
{
	*ret = (struct troupe_session_info){
		.agent            = s->agent,
		.sandbox_id       = tr_place_name(&s->place.user),
		.session_id       = s->id,
		.agent_session_id = *s->instance.agent_session ? s->instance.agent_session : NULL,
		.status           = status(s),
		.queued           = (uint32_t)s->turns.queued,
		.modes            = tr_bytes_value(&s->settings.config.modes),
		.config_options   = tr_bytes_value(&s->settings.config.options),
	};
}

/* ------------------------------------------------------------------ what the core asks for */

static void session_start(void *ctx, struct tr_core *core)
{
	tr_debts_start(tr_sandbox_debts(ctx), core);
}

static void session_owed(void *ctx, uint64_t actor)
{
	tr_debts_owed(tr_sandbox_debts(ctx), actor);
}

static bool session_offers(void *ctx, const char *provider)
{
	const char *offered;

	for (size_t i = 0; (offered = tr_sandbox_offers(ctx, i)); i++) {
		if (!provider || strcmp(offered, provider) == 0)
			return true;
	}
	return false;
}

const struct tr_session_ops tr_session_ops = {
	.start         = session_start,
	.owed          = session_owed,
	.open          = session_open,
	.close         = session_close,
	.prompt        = prompt,
	.respond       = respond,
	.cancel        = cancel,
	.restart       = restart,
	.queue         = tr_turn_queue,
	.permissions   = tr_permissions_list,
	.set           = set,
	.await         = await,
	.destroy       = destroy,
	.missing       = tr_list_missing,
	.list_sessions = tr_list_sessions,
	.list_events   = tr_list_events,
	.transcript    = tr_list_transcript,
	.envelope_key  = tr_list_envelope_key,
	.info          = session_info,
	.renew         = renew,
	.offers        = session_offers,
};
