/* SPDX-License-Identifier: Apache-2.0 */
/* The session port, and what all parts of a session use: turns with what they save, events, changes. */
#include "runtime/sandbox/session/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/json.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/debts.h"
#include "runtime/sandbox/items.h"

int64_t tr_mono_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------ lifetime */

static void session_free(struct troupe_session *s)
{
	tr_ask_fini(&s->ask);
	tr_ask_fini(&s->boot);
	tr_ask_fini(&s->setting);
	tr_config_fini(&s->config);
	tr_history_fini(&s->history);
	tr_bytes_free(&s->initialized);
	tr_bytes_free(&s->family);
	tr_bytes_free(&s->swept);
	event_free(s->link_timer);
	tr_stream_fini(s);
	event_free(s->boot_timer);
	event_free(s->setting_timer);
	event_free(s->watch);
	event_free(s->patience);
	free(s->auto_approve);
	free(s->id);
	free(s->agent);
	free(s->url);
	free(s->token);
	free(s->first_mode);
	free(s->first_model);
	free(s->first_thought);
	free(s->where);
	free(s->cwd);
	free(s->waiting);
	event_free(s->end_timer);
	free(s);
}

static void unref(struct troupe_session *s)
{
	if (--s->refs == 0)
		session_free(s);
}

/* Everything that could call back ends here; nothing is said to the agent, which goes on. */
static void fall_silent(struct troupe_session *s)
{
	tr_link_close(s);
	tr_stream_close(s);
	tr_boot_stop(s);
	tr_ask_drop(&s->ask);
	tr_settings_silence(s);
	tr_say_drop(s);
	evtimer_del(s->watch);
	evtimer_del(s->patience);
	tr_life_silence(s);
}

static void free_prompts(struct tr_list *list)
{
	struct tr_list *first;

	while ((first = tr_list_first(list)))
		tr_prompt_free(tr_container(first, struct tr_prompt, link));
}

static struct troupe_session *session_close(struct troupe_session *s)
{
	struct tr_list *first;

	if (!s || !s->actor)
		return NULL;
	if (tr_actor_turning(s->actor))
		tr_life_slept(s);
	fall_silent(s);
	tr_place_leave(&s->place);
	s->actor = NULL;
	while ((first = tr_list_first(&s->asked)))
		tr_asked_free(tr_container(first, struct tr_asked, link));
	while ((first = tr_list_first(&s->permissions)))
		tr_permission_free(s, tr_container(first, struct tr_permission, link));
	while ((first = tr_list_first(&s->left)))
		tr_left_free(tr_container(first, struct tr_left, link));
	tr_settings_free(s);
	free_prompts(&s->queue);
	free_prompts(&s->settled);
	if (s->turn)
		tr_prompt_free(s->turn);
	s->turn = NULL;
	tr_debug("session.close", "session=%s", s->id);
	unref(s);
	return NULL;
}

static bool name_valid(const char *name, size_t max)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t size = strlen(name);

	return size > 0 && size <= max && strspn(name, good) == size;
}

static void init_parts(struct troupe_session *s)
{
	tr_list_init(&s->left);
	tr_list_init(&s->held);
	tr_list_init(&s->asked);
	tr_list_init(&s->queue);
	tr_list_init(&s->settled);
	tr_list_init(&s->says);
	tr_list_init(&s->permissions);
	tr_history_init(&s->history, TR_REPLAY_TEXT_MAX);
	tr_ask_init(&s->ask, s);
	tr_ask_init(&s->boot, s);
	tr_link_init(s);
	tr_stream_init(s);
	tr_boot_init(s);
	tr_settings_init(s);
	tr_cancel_init(s);
	tr_permissions_init(s);
	tr_life_init(s);
	s->next_request = s->next_order = 1;
}

void tr_session_loaded(struct troupe_session *s, int rc)
{
	if (rc < 0) {
		tr_error("session.load", "session=%s actor=%s", s->id, troupe_id(s->actor));
		s->refusal = TROUPE_ESTORE;
	}
	s->loaded = true;
	s->reattaching = s->instance.bound;
	tr_turn_restored(s);
	tr_settings_restored(s);
	tr_life_loaded(s);
	tr_link_connect(s);
}

static int session_open(void *ctx, struct troupe_session **ret, struct troupe_actor *a,
                        const struct troupe_session_options *o)
{
	const char *id = o->id ? o->id : "default";
	struct troupe_session *s;
	int rc;

	if (!name_valid(id, 64))
		return troupe_refuse(a, TROUPE_EINVAL, "a session's id must be 1 to 64 of A-Z a-z 0-9 . _ -");
	if (o->agent && !name_valid(o->agent, 64))
		return troupe_refuse(a, TROUPE_EINVAL, "agent: must be 1 to 64 of A-Z a-z 0-9 . _ -");
	if (o->cwd && (o->cwd[0] != '/' || strlen(o->cwd) > TR_CWD_BYTES_MAX))
		return troupe_refuse(a, TROUPE_EINVAL, "cwd: must be an absolute path of at most %d bytes", TR_CWD_BYTES_MAX);
	if (o->auto_approve && !tr_acp_kinds_valid(o->auto_approve))
		return troupe_refuse(a, TROUPE_EINVAL, "autoApprove: must be kinds of tools, like \"read,search\", or \"*\"");
	s = tr_alloc(sizeof *s);
	s->sandbox = ctx;
	s->actor = a;
	s->refs = 1;
	s->id = tr_strdup(id);
	s->agent = tr_strdup(o->agent ? o->agent : tr_sandbox_agent(ctx));
	s->agent_given = o->agent != NULL;
	s->how = o->how;
	s->cwd = tr_strdup(o->cwd);
	s->first_mode = tr_strdup(o->mode);
	s->first_model = tr_strdup(o->model);
	s->first_thought = tr_strdup(o->thought_level);
	s->hooks = o->hooks;
	s->stall_ms = o->stall_ms > 0 ? o->stall_ms : TR_STALL_MS;
	s->permission_ms = o->permission_ms > 0 ? o->permission_ms : tr_sandbox_permission_ms(ctx);
	s->auto_approve = tr_strdup(o->auto_approve ? o->auto_approve : tr_sandbox_auto_approve(ctx));
	init_parts(s);
	rc = tr_session_place(s, o);
	if (rc < 0) {
		session_close(s);
		return rc;
	}
	*ret = s;
	tr_session_load(s);
	return 0;
}

static void session_info(const struct troupe_session *s, struct troupe_session_info *ret)
{
	bool up = s->link == TR_LINK_UP && !s->stopped;

	*ret = (struct troupe_session_info){
		.agent      = s->agent,
		.sandbox_id = tr_place_name(&s->place),
		.session_id = s->id,
		.agent_session_id = *s->instance.agent_session ? s->instance.agent_session : NULL,
		.status     = s->destroyed_at ? "destroyed" : s->stopped || s->refusal || (s->loaded && s->link == TR_LINK_DOWN) ? "down"
		              : !up ? (s->tries >= TR_HEALTH_TRIES ? "down" : "connecting")
		              : s->turn ? "running" : "ready",
		.queued     = (uint32_t)s->queued,
		.modes          = tr_bytes_value(&s->config.modes),
		.config_options = tr_bytes_value(&s->config.options),
	};
}

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
	.start       = session_start,
	.owed        = session_owed,
	.open        = session_open,
	.close       = session_close,
	.prompt      = tr_turn_prompt,
	.respond     = tr_permission_respond,
	.cancel      = tr_turn_cancel,
	.restart     = tr_turn_restart,
	.queue       = tr_turn_queue,
	.permissions = tr_permissions_list,
	.set         = tr_settings_set,
	.await         = tr_life_await,
	.destroy       = tr_life_destroy,
	.missing       = tr_list_missing,
	.list_sessions = tr_list_sessions,
	.list_events   = tr_list_events,
	.transcript    = tr_list_transcript,
	.envelope_key  = tr_list_envelope_key,
	.info        = session_info,
	.renew       = tr_session_renew,
	.offers      = session_offers,
};

/* ------------------------------------------------------------------ turns */

/* The actor will be dropped by the core, which then closes us. Until that, nothing more is taken from the sandbox: its
 * ring keeps what comes. */
static void stop(struct troupe_session *s)
{
	if (s->stopped || !s->actor)
		return;
	tr_warn("session.stop", "session=%s actor=%s", s->id, troupe_id(s->actor));
	s->stopped = true;
	fall_silent(s);
}

const char *tr_session_cwd(const struct troupe_session *s)
{
	return s->cwd ? s->cwd : tr_sandbox_cwd(s->sandbox, tr_place_cwd(&s->place));
}

void tr_session_save(struct troupe_session *s)
{
	if (!s->actor) /* its end was told, and whoever opened it has closed it */
		return;
	if (s->created_at != 0 && (s->dirty_main || s->dirty_config || !s->recorded)) {
		tr_store_record(s);
		s->dirty_main = s->dirty_main || !s->recorded;
		s->recorded = true;
	}
	if (s->dirty_main)
		tr_store_main(s);
	if (s->dirty_at)
		tr_store_at(s);
	if (s->dirty_history)
		tr_store_history(s);
	if (s->dirty_config)
		tr_store_config(s);
	s->dirty_main = s->dirty_at = s->dirty_history = s->dirty_config = false;
}

struct running { struct troupe_session *session; void (*run)(struct troupe_session *s, void *arg); void *arg; };

static int run_turn(struct troupe_actor *a, void *arg)
{
	struct running *r = arg;

	(void)a;
	r->run(r->session, r->arg);
	tr_session_save(r->session);
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
	unref(s);
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
	unref(s);
}

void tr_session_after(struct troupe_session *s, void (*then)(struct troupe_session *s, uint64_t arg), uint64_t arg)
{
	struct after *after = tr_alloc(sizeof *after);

	*after = (struct after){ s, then, arg };
	s->refs++;
	tr_actor_after(s->actor, on_durable, after);
}

void tr_session_request_id(struct troupe_session *s, char into[TR_REQUEST_ID_MAX])
{
	snprintf(into, TR_REQUEST_ID_MAX, "%s-%llu", s->instance.connection_id, (unsigned long long)s->next_request++);
	s->dirty_at = true;
}

int tr_session_fail(struct troupe_call *call, int error, const char *message)
{
	return call ? troupe_fail(call, error, "%s", message) : error;
}

int tr_session_check_user(struct troupe_call *call, const char *user_id)
{
	if (!user_id || strlen(user_id) <= TR_USER_ID_BYTES_MAX)
		return 0;
	return tr_session_fail(call, TROUPE_EINVAL, "userId is longer than 256 bytes.");
}

/* ------------------------------------------------------------------ events and changes */

static void put_member(struct tr_bytes *out, const char *name, const char *text)
{
	tr_put_text(out, name);
	tr_put_text(out, text);
}

/* What clients get in the place of an envelope that would not fit into a frame; the envelope itself is kept. */
static void put_truncated(struct troupe_session *s, struct tr_bytes *out, struct troupe_text json)
{
	struct tr_bytes note = { 0 };
	struct tr_acp e;

	tr_acp_read(&e, json);
	tr_acp_note_truncated(&note, &e, json.size);
	tr_put_json(out, (const char *)note.data, note.size);
	tr_store_big(s, s->event_index, json);
	tr_bytes_free(&note);
}

void tr_session_event(struct troupe_session *s, enum tr_sender sender, struct troupe_text json)
{
	struct tr_bytes event = { 0 };
	uint64_t before;
	char uuid[37];

	tr_random_uuid(uuid);
	s->event_index++;
	s->dirty_at = true;
	tr_put_map(&event, sender == TR_SYNTHETIC ? 8 : 7);
	put_member(&event, "id", uuid);
	tr_put_text(&event, "eventIndex");
	tr_put_int(&event, (int64_t)s->event_index);
	put_member(&event, "sessionId", s->id);
	tr_put_text(&event, "createdAt");
	tr_put_int(&event, troupe_now_ms(s->actor));
	put_member(&event, "connectionId", s->instance.connection_id);
	put_member(&event, "sender", sender == TR_CLIENT ? "client" : "agent");
	if (sender == TR_SYNTHETIC) {
		tr_put_text(&event, "synthetic");
		tr_put_bool(&event, true);
	}
	tr_put_text(&event, "payload");
	if (json.size > TR_EVENT_CLIENT_BYTES_MAX)
		put_truncated(s, &event, json);
	else
		tr_put_json(&event, json.data, json.size);
	before = troupe_seq(s->actor);
	if (s->hooks.on_event)
		s->hooks.on_event(s->actor, s, tr_bytes_value(&event));
	s->seqs[(s->event_index - 1) % TR_INDEX_BLOCK] = troupe_seq(s->actor) > before ? (int64_t)before + 1 : TR_SEQ_NONE;
	if (s->event_index % TR_INDEX_BLOCK == 0)
		tr_store_block(s);
	tr_bytes_free(&event);
}

void tr_session_note(struct troupe_session *s, enum tr_sender sender, struct tr_bytes *json)
{
	tr_session_event(s, sender, (struct troupe_text){ (const char *)json->data, json->size });
	tr_bytes_free(json);
}

/* The map is told with the session's id. */
void tr_session_change(struct troupe_session *s, const char *name, struct tr_bytes *value)
{
	struct tr_cursor c = tr_cursor(tr_bytes_value(value));
	struct tr_bytes whole = { 0 };
	struct tr_item map;

	tr_next(&c, &map);
	tr_put_map(&whole, map.count + 1);
	tr_put_value(&whole, (struct troupe_value){ c.at, (size_t)(c.end - c.at) });
	put_member(&whole, "sessionId", s->id);
	if (s->hooks.on_change)
		s->hooks.on_change(s->actor, s, name, tr_bytes_value(&whole));
	tr_bytes_free(&whole);
	tr_bytes_free(value);
}

/* What programs can go by. */
static void read_metadata(struct tr_bytes *out, struct troupe_text error)
{
	int64_t code = tr_acp_integer(error, "code", INT64_MIN);
	bool has_code = code != INT64_MIN;
	struct troupe_text data;
	bool has_data = tr_json_find(error, &data, "data", NULL) && data.size <= TR_AGENT_ERROR_DATA_MAX;

	if (!has_code && !has_data)
		return;
	tr_put_map(out, (uint32_t)has_code + has_data);
	if (has_code)
		tr_item_put_number(out, "code", code);
	if (has_data) {
		tr_put_text(out, "data");
		tr_put_json(out, data.data, data.size);
	}
}

int tr_session_read_error(struct troupe_text error, char words[TR_PROBLEM_WORDS], struct tr_bytes *metadata)
{
	struct tr_bytes text = { 0 }, methods = { 0 };

	tr_json_find_string(error, &text, "message", NULL);
	tr_acp_login_methods(error, &methods);
	if (methods.size > 0)
		tr_bytes_printf(&text, ": %s", tr_bytes_text(&methods));
	tr_words(words, TR_PROBLEM_WORDS, (struct troupe_text){ (const char *)text.data, text.size });
	read_metadata(metadata, error);
	tr_bytes_free(&text);
	tr_bytes_free(&methods);
	return tr_acp_integer(error, "code", 0) == -32000 ? TROUPE_EAUTH : TROUPE_EAGENT;
}

void tr_session_put_error(struct tr_bytes *out, int error, const char *message, struct troupe_value metadata)
{
	const struct troupe_error_info *info = troupe_error_info(error);

	tr_put_text(out, "error");
	tr_put_map(out, 3 + (metadata.size > 0));
	put_member(out, "group", info->group);
	put_member(out, "code", info->code);
	put_member(out, "message", message && *message ? message : info->sentence);
	if (metadata.size > 0) {
		tr_put_text(out, "metadata");
		tr_put_value(out, metadata);
	}
}

void tr_session_state(struct troupe_session *s, const char *state, int error, const char *message)
{
	struct tr_bytes value = { 0 };

	if (strcmp(s->told_state, state) == 0)
		return;
	snprintf(s->told_state, sizeof s->told_state, "%s", state);
	s->dirty_main = true;
	tr_info("sandbox.state", "actor=%s session=%s state=%s reason=\"%s\"", troupe_id(s->actor), s->id, state,
	        message ? message : "");
	tr_put_map(&value, error ? 3 : 2);
	put_member(&value, "state", state);
	put_member(&value, "sandboxId", tr_place_name(&s->place));
	if (error)
		tr_session_put_error(&value, error, message, (struct troupe_value){ 0 });
	tr_session_change(s, "sandbox.state", &value);
}
