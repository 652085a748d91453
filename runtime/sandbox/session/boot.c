/* SPDX-License-Identifier: Apache-2.0 */
/* A new instance, from its first request to a bound session (spec 5.2, 5.3):
 *
 *	initialize -> list (createdAtMs) -> login ... -> resume | load | new
 *
 * Until the session is bound nothing of the instance is durable but its name: what comes meanwhile is
 * held, and logged together with the answer that binds it. If we die before, the whole instance is cleaned
 * up and another made. */
#include "runtime/sandbox/session/boot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/session/request.h"
#include "runtime/sandbox/session/say.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/settings.h"
#include "runtime/sandbox/session/store.h"
#include "runtime/sandbox/session/stream.h"
#include "runtime/sandbox/session/sweep.h"

static void next_login(struct troupe_session *s);

static void on_boot_timer(void *arg);
static void on_response(struct troupe_session *s, struct troupe_text json, const struct tr_acp *e);
static void on_trouble(struct troupe_session *s, const struct tr_problem *p);
static void on_missing(struct troupe_session *s);

/* As the stream has to know it. */
static enum tr_unborn unborn(const struct troupe_session *s)
{
	if (s->boot.step != TR_BOOT_INITIALIZE)
		return TR_BORN;
	return s->boot.ask.post ? TR_IN_MAKING : TR_MADE;
}

void tr_boot_init(struct troupe_session *s)
{
	tr_list_init(&s->boot.held);
	s->boot.timer = tr_session_timer(s, on_boot_timer, s);
	s->stream.unborn = unborn;
	tr_ask_init(&s->boot.ask, s);
	s->boot.ask.on_response = on_response;
	s->boot.ask.on_trouble = on_trouble;
	s->boot.ask.on_missing = on_missing;
}

static void drop_held(struct troupe_session *s)
{
	struct tr_list *first;

	while ((first = tr_list_first(&s->boot.held))) {
		struct tr_held *held = tr_container(first, struct tr_held, link);

		tr_list_remove(first);
		tr_bytes_free(&held->json);
		free(held);
	}
	s->boot.held_count = s->boot.held_bytes = 0;
}

void tr_boot_stop(struct troupe_session *s)
{
	s->boot.step = TR_BOOT_NOT;
	s->boot.list = tr_http_cancel(s->boot.list);
	tr_session_timer_set(s, s->boot.timer, -1);
	tr_ask_drop(&s->boot.ask);
	drop_held(s);
	tr_bytes_free(&s->boot.initialized);
}

void tr_boot_fini(struct troupe_session *s)
{
	tr_ask_fini(&s->boot.ask);
	drop_held(s);
	tr_bytes_free(&s->boot.initialized);
	tr_session_timer_free(s, s->boot.timer);
}

/* Is it going on, and to go on? */
static bool goes_on(const struct troupe_session *s)
{
	return s->boot.step != TR_BOOT_NOT && !tr_session_doomed(s);
}

/* ------------------------------------------------------------------ failing */

static void give_up(struct troupe_session *s, int error, const char *message)
{
	tr_session_verdict(s, TR_GIVE_UP, error, NULL, message);
}

static void trouble(struct troupe_session *s, const char *why)
{
	tr_session_verdict(s, TR_TROUBLE, 0, NULL, why);
}

static void on_trouble(struct troupe_session *s, const struct tr_problem *p)
{
	switch (p->kind) {
	case TR_PROBLEM_TOKEN:
		give_up(s, TROUPE_ETOKEN, p->words);
		break;
	case TR_PROBLEM_AGENT:
		give_up(s, TROUPE_ENOAGENT, p->words);
		break;
	case TR_PROBLEM_DEAD:
		if (s->boot.step == TR_BOOT_INITIALIZE)
			give_up(s, TROUPE_ENOAGENT, p->words);
		else
			tr_session_verdict(s, TR_GONE, TROUPE_EEXITED, "agent_exited", p->words);
		break;
	case TR_PROBLEM_REFUSED:
		give_up(s, TROUPE_EAGENT, p->words);
		break;
	default:
		trouble(s, p->words);
		break;
	}
}

static void on_missing(struct troupe_session *s)
{
	trouble(s, "the agent's answer did not come");
}

static void on_boot_timer(void *arg)
{
	give_up(arg, TROUPE_EAGENT, "The agent does not answer.");
}

static struct troupe_text initialize_result(struct troupe_session *s)
{
	return (struct troupe_text){ tr_bytes_text(&s->boot.initialized), s->boot.initialized.size };
}

/* The agent's own words for why it would not. */
static void give_up_answered(struct troupe_session *s, const struct tr_acp *e)
{
	struct tr_bytes text = { 0 };
	char words[TR_PROBLEM_WORDS];
	bool login = tr_acp_integer(e->error, "code", 0) == -32000;

	if (login) {
		tr_bytes_put_text(&text, "The agent wants a login: ");
		tr_acp_login_methods(initialize_result(s), &text);
	} else {
		tr_json_find_string(e->error, &text, "message", NULL);
	}
	tr_words(words, sizeof words, (struct troupe_text){ (const char *)text.data, text.size });
	tr_bytes_free(&text);
	give_up(s, login ? TROUPE_EAUTH : TROUPE_EAGENT, words);
}

/* ------------------------------------------------------------------ held envelopes */

static void hold(struct troupe_session *s, enum tr_sender sender, struct troupe_text json)
{
	struct tr_held *held;

	if (s->boot.held_count >= TR_HELD_MAX || s->boot.held_bytes + json.size > TR_HELD_BYTES_MAX) {
		give_up(s, TROUPE_EAGENT, "The agent talks without end before its session is open.");
		return;
	}
	held = tr_alloc(sizeof *held);
	held->sender = sender;
	tr_bytes_put(&held->json, json.data, json.size);
	tr_list_push(&s->boot.held, &held->link);
	s->boot.held_count++;
	s->boot.held_bytes += json.size;
}

static void log_held(struct troupe_session *s)
{
	for (struct tr_list *at = s->boot.held.next; at != &s->boot.held; at = at->next) {
		struct tr_held *held = tr_container(at, struct tr_held, link);

		tr_session_event(s, held->sender, (struct troupe_text){ (const char *)held->json.data, held->json.size });
	}
	drop_held(s);
}

/* ------------------------------------------------------------------ the session */

static void bind_session(struct troupe_session *s, const char *how, struct troupe_text result)
{
	struct tr_bytes note = { 0 };

	bool first = s->created_at == 0;

	s->instance.bound = true;
	s->instance.closes = s->boot.caps.close;
	s->dirty.main = s->dirty.at = true;
	tr_store_instance(s);
	if (first)
		s->created_at = troupe_now_ms(s->actor);
	if (how) {
		tr_acp_note_restored(&note, how, s->instance.agent_session, s->boot.replayed);
		tr_session_note(s, TR_SYNTHETIC, &note);
	}
	tr_info("agent.ready", "actor=%s session=%s server=%s agent_session=%s how=%s", troupe_id(s->actor), s->id,
	        s->instance.server_id, s->instance.agent_session, how ? how : "new");
	if (first)
		tr_session_life(s, "created");
	tr_settings_bound(s, result, first);
	tr_boot_stop(s);
	tr_session_state(s, "ready", 0, NULL);
	s->boot.then(s);
	tr_family_note(s);
}

/* What is to be asked next, and how long we wait for it: minutes only where an agent may be installed
 * first. */
static void ask_step(struct troupe_session *s, enum tr_boot_step step, const char *id, struct tr_bytes *body)
{
	s->boot.step = step;
	tr_ask_set(&s->boot.ask, id, body);
	tr_session_timer_set(s, s->boot.timer, step == TR_BOOT_INITIALIZE ? TR_INSTALL_MS : TR_BOOT_STEP_MS);
}

static void send_restore(struct troupe_session *s, uint64_t epoch)
{
	if (goes_on(s) && s->instance.epoch == epoch && tr_ask_unsent_yet(&s->boot.ask))
		tr_ask_send(&s->boot.ask, false);
}

static void restore(struct troupe_session *s, enum tr_boot_step step)
{
	struct tr_bytes body = { 0 };
	char id[TR_REQUEST_ID_MAX];

	s->boot.replayed = 0;
	tr_session_request_id(s, id);
	tr_acp_restore(&body, id, step == TR_BOOT_RESUME ? "session/resume" : "session/load", s->instance.agent_session,
	               tr_session_cwd(s));
	tr_session_event(s, TR_CLIENT, (struct troupe_text){ (const char *)body.data, body.size });
	ask_step(s, step, id, &body);
	tr_session_after(s, send_restore, s->instance.epoch);
}

/* Its request is logged when it has succeeded: a session that was never made has no log (spec 4.3). */
static void begin_new(struct troupe_session *s)
{
	struct tr_bytes body = { 0 };
	char id[TR_REQUEST_ID_MAX];

	tr_session_request_id(s, id);
	tr_acp_new(&body, id, tr_session_cwd(s));
	hold(s, TR_CLIENT, (struct troupe_text){ (const char *)body.data, body.size });
	if (!goes_on(s)) {
		tr_bytes_free(&body);
		return;
	}
	ask_step(s, TR_BOOT_NEW, id, &body);
	tr_ask_send(&s->boot.ask, false);
}

static void choose(struct troupe_session *s, enum tr_boot_step after)
{
	bool known = *s->instance.agent_session;

	if (known && s->boot.caps.resume && after < TR_BOOT_RESUME)
		restore(s, TR_BOOT_RESUME);
	else if (known && s->boot.caps.load && after < TR_BOOT_LOAD)
		restore(s, TR_BOOT_LOAD);
	else
		begin_new(s);
}

static void restored(struct troupe_session *s, struct troupe_text json, const struct tr_acp *e)
{
	log_held(s);
	tr_session_event(s, TR_AGENT, json);
	if (e->error.size == 0)
		bind_session(s, s->boot.step == TR_BOOT_RESUME ? "resume" : "load", e->result);
	else if (tr_acp_integer(e->error, "code", 0) == -32000)
		give_up_answered(s, e);
	else
		choose(s, s->boot.step);
}

static void made(struct troupe_session *s, struct troupe_text json, const struct tr_acp *e)
{
	bool again = *s->instance.agent_session;
	char session[TR_ACP_SHORT_MAX];

	if (e->error.size > 0) {
		give_up_answered(s, e);
		return;
	}
	if (!tr_acp_short(e->result, "sessionId", session, sizeof session) || !*session) {
		give_up(s, TROUPE_EAGENT, "The agent's session has no id.");
		return;
	}
	memcpy(s->instance.agent_session, session, sizeof session);
	s->instance.replay_due = again;
	s->boot.replayed = 0;
	log_held(s);
	tr_session_event(s, TR_AGENT, json);
	bind_session(s, again ? "replay" : NULL, e->result);
}

/* ------------------------------------------------------------------ login */

static void login_turn(struct troupe_session *s, void *arg)
{
	(void)arg;
	next_login(s);
}

static void next_login(struct troupe_session *s)
{
	struct tr_bytes body = { 0 };
	char id[TR_REQUEST_ID_MAX], method[TR_ACP_SHORT_MAX];

	if (!tr_acp_key_method(initialize_result(s), s->boot.login++, method, sizeof method)) {
		choose(s, TR_BOOT_LOGIN);
		return;
	}
	tr_session_request_id(s, id);
	tr_acp_authenticate(&body, id, method);
	ask_step(s, TR_BOOT_LOGIN, id, &body);
	tr_ask_send(&s->boot.ask, false);
}

/* ------------------------------------------------------------------ initialize, and what the server calls it */

static void on_list(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_problem p;

	s->boot.list = NULL;
	tr_problem_read(answer, &p);
	if (p.kind == TR_PROBLEM_NONE && tr_json_check(answer->body, TR_JSON_KEPT_DEPTH, NULL) == 0)
		s->instance.created_ms = tr_acp_listed(answer->body, s->instance.server_id);
	if (p.kind == TR_PROBLEM_TOKEN)
		give_up(s, TROUPE_ETOKEN, p.words);
	else if (s->instance.created_ms == 0)
		trouble(s, p.kind == TR_PROBLEM_NONE ? "the new instance is not listed" : p.words);
	else
		tr_session_turn(s, login_turn, NULL);
}

static void initialized(struct troupe_session *s, const struct tr_acp *e)
{
	if (e->error.size > 0) {
		give_up_answered(s, e);
		return;
	}
	tr_acp_read_agent(e->result, &s->boot.caps);
	if (s->boot.caps.version != TR_ACP_VERSION) {
		give_up(s, TROUPE_EAGENT, "The agent speaks another version of the protocol.");
		return;
	}
	tr_bytes_put(&s->boot.initialized, e->result.data, e->result.size);
	s->boot.login = 0;
	s->boot.step = TR_BOOT_LIST;
	s->boot.list = tr_session_http(s, &(struct tr_http_options){
		.method = "GET", .time_ms = TR_HEALTH_MS, .body_max = 4 * 1024 * 1024, .on_end = on_list,
	}, "/v1/acp");
}

static void on_response(struct troupe_session *s, struct troupe_text json, const struct tr_acp *e)
{
	tr_session_timer_set(s, s->boot.timer, -1);
	switch (s->boot.step) {
	case TR_BOOT_NOT:
	case TR_BOOT_INITIALIZE:
		initialized(s, e);
		break;
	case TR_BOOT_LOGIN: /* a login that fails may not have been needed: the session's answer tells */
		next_login(s);
		break;
	case TR_BOOT_RESUME:
	case TR_BOOT_LOAD:
		restored(s, json, e);
		break;
	case TR_BOOT_NEW:
		made(s, json, e);
		break;
	case TR_BOOT_LIST:
		break;
	}
}

/* ------------------------------------------------------------------ beginning */

static void send_initialize(struct troupe_session *s, uint64_t epoch)
{
	if (!goes_on(s) || s->instance.epoch != epoch)
		return;
	tr_ask_send(&s->boot.ask, true);
	tr_stream_open(s);
}

static void start_turn(struct troupe_session *s, void *arg)
{
	struct tr_instance *i = &s->instance;
	struct tr_bytes body = { 0 };
	char id[TR_REQUEST_ID_MAX];

	(void)arg;
	i->epoch++;
	tr_random_uuid(i->connection_id);
	/* the last part makes it new even to a server that knew us before our data was put back from a backup */
	snprintf(i->server_id, sizeof i->server_id, "troupe-%.30s-%s-%llu-%.8s", troupe_id(s->actor), s->id,
	         (unsigned long long)i->epoch, i->connection_id);
	i->created_ms = 0;
	i->next_request = 1;
	tr_stream_begin(s);
	s->dirty.main = s->dirty.at = true;
	i->closes = false;
	tr_store_instance(s);
	tr_session_state(s, "starting", 0, NULL);
	tr_session_request_id(s, id);
	tr_acp_initialize(&body, id, TROUPE_VERSION);
	ask_step(s, TR_BOOT_INITIALIZE, id, &body);
	tr_session_after(s, send_initialize, i->epoch);
}

void tr_boot_start(struct troupe_session *s, void (*then)(struct troupe_session *s))
{
	s->boot.then = then;
	s->boot.step = TR_BOOT_INITIALIZE;
	tr_bytes_free(&s->boot.initialized);
	tr_session_turn(s, start_turn, NULL);
}

/* ------------------------------------------------------------------ what comes meanwhile */

static bool loading(const struct troupe_session *s)
{
	return s->boot.step == TR_BOOT_LOAD || s->boot.step == TR_BOOT_RESUME;
}

void tr_boot_take(struct troupe_session *s, struct troupe_text json, const struct tr_acp *e)
{
	struct tr_bytes refusal = { 0 };

	if (tr_acp_answers(e, s->boot.ask.id)) {
		tr_ask_end(&s->boot.ask);
		on_response(s, json, e);
	} else if (e->kind == TR_ACP_NOTIFICATION && strcmp(e->method, "_adapter/agent_exited") == 0) {
		tr_session_verdict(s, TR_GONE, TROUPE_EEXITED, "agent_exited", "The agent ended while it started.");
	} else if (e->kind == TR_ACP_NOTIFICATION && strcmp(e->method, "session/update") == 0 && loading(s)) {
		s->boot.replayed++; /* it is in the log already */
	} else {
		hold(s, TR_AGENT, json);
		if (e->kind != TR_ACP_REQUEST || e->id.size > TR_ACP_SHORT_MAX || !goes_on(s))
			return;
		tr_acp_refuse(&refusal, e->id, -32601, "Method not found");
		hold(s, TR_CLIENT, (struct troupe_text){ (const char *)refusal.data, refusal.size });
		tr_say(s, &refusal, NULL);
	}
}
