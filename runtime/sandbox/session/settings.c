/* SPDX-License-Identifier: Apache-2.0 */
/* Modes, models and other options: what people set, one after the other, and what has to be set again.
 *
 * The agent's own word on them is the record (config.h): its answers, its updates. A new instance begins
 * with the agent's defaults, so when one is bound, whatever the record has is put in line to be set again;
 * what is the same already, or is not offered any more, is passed over. All that waits is durable, and
 * setting is harmless to repeat: after a crash the first in line is simply asked again. While something is
 * in line, prompts wait: they are meant to run under it. */
#include "runtime/sandbox/session/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/session/request.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/tell.h"

static void on_setting_timer(void *arg);
static void on_response(struct troupe_session *s, struct troupe_text json, const struct tr_acp *e);
static void on_trouble(struct troupe_session *s, const struct tr_problem *p);
static void on_missing(struct troupe_session *s);

static void on_kept(struct troupe_session *s)
{
	tr_ask_proved(&s->settings.ask);
}

void tr_settings_init(struct troupe_session *s, const struct troupe_session_options *o)
{
	s->settings.first_mode = tr_strdup(o->mode);
	s->settings.first_model = tr_strdup(o->model);
	s->settings.first_thought = tr_strdup(o->thought_level);
	tr_list_init(&s->settings.line);
	tr_ask_init(&s->settings.ask, s);
	s->settings.ask.on_response = on_response;
	s->settings.ask.on_trouble = on_trouble;
	s->settings.ask.on_missing = on_missing;
	s->settings.ask.on_kept = on_kept;
	s->settings.timer = tr_session_timer(s, on_setting_timer, s);
}

/* ------------------------------------------------------------------ the line */

static struct tr_setting *first_of(const struct troupe_session *s)
{
	struct tr_list *first = tr_list_first(&s->settings.line);

	return first ? tr_container(first, struct tr_setting, link) : NULL;
}

static struct tr_setting *add(struct troupe_session *s, enum tr_setting_kind kind, const char *name, struct troupe_value value)
{
	struct tr_setting *w = tr_alloc(sizeof *w);

	w->kind = kind;
	w->name = tr_strdup(name);
	tr_bytes_put(&w->value, value.data, value.size);
	tr_list_push(&s->settings.line, &w->link);
	s->settings.count++;
	return w;
}

static void drop(struct troupe_session *s, struct tr_setting *w)
{
	tr_list_remove(&w->link);
	tr_bytes_free(&w->value);
	free(w->name);
	free(w);
	s->settings.count--;
}

static void stop_asking(struct troupe_session *s)
{
	tr_session_timer_set(s, s->settings.timer, -1);
	s->settings.listing = tr_http_cancel(s->settings.listing);
	tr_ask_drop(&s->settings.ask);
}

void tr_settings_unheard(struct troupe_session *s)
{
	for (struct tr_list *at = s->settings.line.next; at != &s->settings.line; at = at->next)
		tr_container(at, struct tr_setting, link)->call = NULL;
}

void tr_settings_silence(struct troupe_session *s)
{
	stop_asking(s);
}

static void drop_all(struct troupe_session *s)
{
	struct tr_setting *w;

	while ((w = first_of(s)))
		drop(s, w);
}

void tr_settings_fini(struct troupe_session *s)
{
	drop_all(s);
	tr_ask_fini(&s->settings.ask);
	tr_session_timer_free(s, s->settings.timer);
	tr_config_fini(&s->settings.config);
	free(s->settings.first_mode);
	free(s->settings.first_model);
	free(s->settings.first_thought);
}

void tr_settings_forget(struct troupe_session *s)
{
	drop_all(s);
	tr_config_fini(&s->settings.config);
}

bool tr_settings_waiting(const struct troupe_session *s)
{
	return s->settings.count > 0;
}

void tr_settings_read(struct troupe_session *s, enum tr_setting_kind kind, char *name, struct troupe_value value, bool first)
{
	add(s, kind, name, value)->first = first;
	free(name);
}

/* ------------------------------------------------------------------ telling */

static uint64_t digest(const struct tr_config *c)
{
	const struct tr_bytes *parts[] = { &c->modes, &c->options };
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	for (size_t p = 0; p < 2; p++) {
		for (size_t i = 0; i < parts[p]->size; i++)
			hash = (hash ^ parts[p]->data[i]) * 1099511628211u;
		hash = (hash ^ 0xff) * 1099511628211u;
	}
	return hash;
}

void tr_settings_restored(struct troupe_session *s)
{
	s->settings.told = digest(&s->settings.config);
}

static bool restoring(const struct troupe_session *s)
{
	for (struct tr_list *at = s->settings.line.next; at != &s->settings.line; at = at->next) {
		if (!tr_container(at, struct tr_setting, link)->call)
			return true;
	}
	return false;
}

/* Not while a new instance is being brought to where the old one was: nothing has changed when it is
 * there. */
static void tell(struct troupe_session *s)
{
	struct tr_bytes value = { 0 };
	uint64_t now;

	if (restoring(s))
		return;
	now = digest(&s->settings.config);
	if (now == s->settings.told)
		return;
	s->settings.told = now;
	tr_put_map(&value, 2);
	tr_config_put(&s->settings.config, &value);
	tr_session_change(s, "session.config", &value);
}

/* ------------------------------------------------------------------ the end of one */

static void succeed(struct troupe_session *s, struct tr_setting *w)
{
	struct troupe_call *call = w->call;

	drop(s, w);
	s->dirty.config = true;
	tell(s);
	if (call)
		troupe_reply_value(call, (struct troupe_value){ 0 });
}

/* metadata: what the agent's error holds beside its words; size 0: nothing. */
static void fail_with(struct troupe_session *s, struct tr_setting *w, int error, const char *message, struct troupe_value metadata)
{
	struct troupe_call *call = w->call;
	bool first = w->first;

	if (!call)
		tr_warn("session.setting", "actor=%s session=%s failed=\"%s\"", troupe_id(s->actor), s->id, message);
	drop(s, w);
	s->dirty.config = true;
	if (call)
		troupe_fail_with(call, error, *message ? message : NULL, metadata);
	else
		tell(s);
	if (first) /* a new session that cannot be as it was wanted: there is none */
		tr_session_verdict(s, TR_UNMADE, error, "not_made", message);
}

static void fail(struct troupe_session *s, struct tr_setting *w, int error, const char *message)
{
	fail_with(s, w, error, message, (struct troupe_value){ 0 });
}

void tr_settings_lost(struct troupe_session *s, int error, const char *message)
{
	stop_asking(s);
	for (struct tr_list *at = s->settings.line.next, *next; at != &s->settings.line; at = next) {
		struct tr_setting *w = tr_container(at, struct tr_setting, link);

		next = at->next;
		if (w->call)
			fail(s, w, error, message && *message ? message : troupe_error_info(error)->sentence);
	}
}

/* ------------------------------------------------------------------ asking for one */

static void send_setting(struct troupe_session *s, uint64_t number)
{
	(void)number;
	if (*s->settings.ask.id && tr_ask_unsent_yet(&s->settings.ask))
		tr_ask_send(&s->settings.ask, false);
}

static void ask(struct troupe_session *s, const char *id, struct tr_bytes *body)
{
	tr_session_event(s, TR_CLIENT, (struct troupe_text){ (const char *)body->data, body->size });
	tr_ask_set(&s->settings.ask, id, body);
	tr_session_timer_set(s, s->settings.timer, TR_SETTING_MS);
	tr_session_after(s, send_setting, 0);
}

#define WORDS 80 /* of what somebody wrote, in a sentence */

static const char *words_of(const char *text, size_t size, char into[WORDS])
{
	tr_words(into, WORDS, (struct troupe_text){ text, size });
	return into;
}

static const char *wanted(const struct tr_setting *w, char into[WORDS])
{
	struct troupe_text text = { "a boolean", 9 };

	tr_value_text(tr_bytes_value(&w->value), &text);
	return words_of(text.data, text.size, into);
}

/* There is no such mode, option or value, says `sentence`, which ends with those there are. */
static void refuse(struct troupe_session *s, struct tr_setting *w, struct tr_bytes *sentence, struct tr_bytes *allowed)
{
	tr_bytes_put_text(sentence, allowed->size > 0 ? tr_bytes_text(allowed) : "none");
	tr_bytes_put_text(sentence, ".");
	fail(s, w, TROUPE_ECHOICE, tr_bytes_text(sentence));
	tr_bytes_free(sentence);
}

/* Each of these: false, it was not worth asking, and has ended. */

static bool start_mode(struct troupe_session *s, struct tr_setting *w)
{
	struct tr_bytes allowed = { 0 }, sentence = { 0 }, body = { 0 };
	char id[TR_REQUEST_ID_MAX], words[WORDS];
	struct troupe_text mode = { 0 }, current;
	bool has;

	tr_value_text(tr_bytes_value(&w->value), &mode);
	has = tr_config_has_mode(&s->settings.config, mode, &allowed);
	if (!has) {
		tr_bytes_printf(&sentence, "There is no mode \"%s\". The agent has: ", wanted(w, words));
		refuse(s, w, &sentence, &allowed);
	}
	tr_bytes_free(&allowed);
	if (!has)
		return false;
	if (!w->call && tr_config_current_mode(&s->settings.config, &current) && current.size == mode.size
	    && memcmp(current.data, mode.data, mode.size) == 0) {
		succeed(s, w);
		return false;
	}
	tr_session_request_id(s, id);
	tr_acp_set_mode(&body, id, s->instance.agent_session, mode);
	ask(s, id, &body);
	return true;
}

static bool find_option(struct troupe_session *s, struct tr_setting *w, struct troupe_value *option)
{
	const char *by = w->kind == TR_SET_CATEGORY ? "category" : "id";
	struct tr_bytes names = { 0 }, sentence = { 0 };
	struct troupe_value member;
	struct troupe_text id;
	char words[WORDS];

	if (!tr_config_find(&s->settings.config, by, w->name, option) || !tr_value_member(*option, "id", &member)
	    || !tr_value_text(member, &id) || id.size == 0) {
		tr_config_names(&s->settings.config, by, &names);
		tr_bytes_printf(&sentence, "The agent has no option of %s \"%s\". It has: ", by, words_of(w->name, strlen(w->name), words));
		refuse(s, w, &sentence, &names);
		tr_bytes_free(&names);
		return false;
	}
	if (w->kind == TR_SET_CATEGORY) {
		free(w->name);
		w->name = tr_strndup(id.data, id.size);
		w->kind = TR_SET_OPTION;
		s->dirty.config = true;
	}
	return true;
}

static bool start_option(struct troupe_session *s, struct tr_setting *w)
{
	struct troupe_value option, current, value = tr_bytes_value(&w->value);
	struct tr_bytes allowed = { 0 }, sentence = { 0 }, body = { 0 };
	char id[TR_REQUEST_ID_MAX], words[WORDS], name[WORDS];
	bool takes;

	if (!find_option(s, w, &option))
		return false;
	takes = tr_option_takes(option, value, &allowed);
	if (!takes) {
		tr_bytes_printf(&sentence, "The option \"%s\" cannot be \"%s\". The agent offers: ",
		                words_of(w->name, strlen(w->name), name), wanted(w, words));
		refuse(s, w, &sentence, &allowed);
	}
	tr_bytes_free(&allowed);
	if (!takes)
		return false;
	if (!w->call && tr_value_member(option, "currentValue", &current) && tr_config_same(current, value)) {
		succeed(s, w);
		return false;
	}
	tr_session_request_id(s, id);
	tr_acp_set_option(&body, id, s->instance.agent_session, w->name, value);
	ask(s, id, &body);
	return true;
}

/* ------------------------------------------------------------------ what the agent offers, if it does not say so itself */

static void listed_turn(struct troupe_session *s, void *arg)
{
	const struct troupe_text *body = arg;

	if (s->settings.config.options.size == 0 && tr_config_take_options(&s->settings.config, *body))
		s->dirty.config = true;
	tell(s);
}

static void on_listed(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct troupe_text body = answer->body, none = { "{}", 2 };
	struct tr_problem p;

	s->settings.listing = NULL;
	tr_problem_read(answer, &p);
	if (p.kind != TR_PROBLEM_NONE || tr_json_check(body, TR_JSON_KEPT_DEPTH, NULL) < 0)
		body = none;
	tr_session_turn(s, listed_turn, &body);
}

static void ask_listing(struct troupe_session *s, uint64_t epoch)
{
	char path[TR_ACP_SHORT_MAX + 32];

	if (s->settings.listing || s->settings.listed || !s->instance.bound || s->instance.epoch != epoch)
		return;
	s->settings.listed = true;
	snprintf(path, sizeof path, "/v1/agents/%s?config=true", s->agent);
	s->settings.listing = tr_session_http(s, &(struct tr_http_options){
		.method = "GET", .time_ms = TR_LISTING_MS, .body_max = 4 * 1024 * 1024, .on_end = on_listed,
	}, path);
}

/* ------------------------------------------------------------------ going on */

/* What the agent offers is known, or not to be known. */
static bool offer_is_known(struct troupe_session *s)
{
	if (s->settings.listing)
		return false;
	if (s->settings.config.options.size > 0 || s->settings.listed)
		return true;
	tr_session_after(s, ask_listing, s->instance.epoch);
	return false;
}

void tr_settings_pump(struct troupe_session *s)
{
	struct tr_setting *w;

	while (!*s->settings.ask.id && !tr_session_doomed(s) && offer_is_known(s) && (w = first_of(s))) {
		if (w->kind == TR_SET_MODE ? start_mode(s, w) : start_option(s, w))
			return;
	}
}

/* ------------------------------------------------------------------ the answer */

static void take_answer(struct troupe_session *s, struct tr_setting *w, const struct tr_acp *e)
{
	struct troupe_text mode = { 0 };

	if (w->kind == TR_SET_MODE && tr_value_text(tr_bytes_value(&w->value), &mode))
		tr_config_mode(&s->settings.config, mode);
	if (!tr_config_take_options(&s->settings.config, e->result) && w->kind == TR_SET_OPTION)
		tr_config_option(&s->settings.config, w->name, tr_bytes_value(&w->value));
	succeed(s, w);
}

static void take_refusal(struct troupe_session *s, struct tr_setting *w, const struct tr_acp *e)
{
	struct tr_bytes metadata = { 0 };
	char words[TR_PROBLEM_WORDS];
	int error;

	if (w->kind == TR_SET_MODE && tr_acp_integer(e->error, "code", 0) == -32601) {
		w->kind = TR_SET_CATEGORY; /* it may have the mode as an option only */
		w->name = tr_strdup("mode");
		return;
	}
	error = tr_session_read_error(e->error, words, &metadata);
	fail_with(s, w, error, words, tr_bytes_value(&metadata));
	tr_bytes_free(&metadata);
}

static void on_response(struct troupe_session *s, struct troupe_text json, const struct tr_acp *e)
{
	struct tr_setting *w = first_of(s);

	tr_session_timer_set(s, s->settings.timer, -1);
	tr_session_event(s, TR_AGENT, json);
	if (e->error.size > 0)
		take_refusal(s, w, e);
	else
		take_answer(s, w, e);
}

struct failure { int error; const char *message; };

static void failed_turn(struct troupe_session *s, void *arg)
{
	const struct failure *f = arg;

	tr_session_timer_set(s, s->settings.timer, -1);
	tr_ask_end(&s->settings.ask);
	if (first_of(s))
		fail(s, first_of(s), f->error, f->message);
}

static void on_trouble(struct troupe_session *s, const struct tr_problem *p)
{
	struct failure f = { TROUPE_EAGENT, p->words };

	if (!tr_session_problem(s, p, s->settings.ask.unsent))
		tr_session_turn(s, failed_turn, &f);
}

static void on_missing(struct troupe_session *s)
{
	tr_session_turn(s, failed_turn, &(struct failure){ TROUPE_EAGENT, "The agent's answer did not come." });
}

static void on_setting_timer(void *arg)
{
	struct troupe_session *s = arg;

	if (s->settings.ask.proved || !s->settings.ask.post)
		tr_session_turn(s, failed_turn, &(struct failure){ TROUPE_EAGENT, "The agent does not answer." });
	else
		tr_session_verdict(s, TR_GONE, TROUPE_EAGENT, "agent_unresponsive", "The agent does not read what it is sent.");
}

/* ------------------------------------------------------------------ a new instance */

static void add_first(struct troupe_session *s, enum tr_setting_kind kind, const char *name, const char *value)
{
	struct tr_bytes packed = { 0 };

	if (!value)
		return;
	tr_put_text(&packed, value);
	add(s, kind, name, tr_bytes_value(&packed))->first = true;
	tr_bytes_free(&packed);
}

static bool in_line(const struct troupe_session *s, enum tr_setting_kind kind, const char *name)
{
	for (struct tr_list *at = s->settings.line.next; at != &s->settings.line; at = at->next) {
		struct tr_setting *w = tr_container(at, struct tr_setting, link);

		if (w->kind == kind && (!name || strcmp(w->name, name) == 0))
			return true;
	}
	return false;
}

static void restore_mode(struct troupe_session *s, const struct tr_config *before)
{
	struct tr_bytes value = { 0 };
	struct troupe_text mode;

	if (!tr_config_current_mode(before, &mode) || in_line(s, TR_SET_MODE, NULL))
		return;
	tr_put_str(&value, mode.data, mode.size);
	add(s, TR_SET_MODE, NULL, tr_bytes_value(&value));
	tr_bytes_free(&value);
}

static void restore_option(struct troupe_session *s, struct troupe_value option)
{
	struct troupe_value id, value;
	struct troupe_text text;
	char *name;

	if (!tr_value_member(option, "id", &id) || !tr_value_text(id, &text) || text.size == 0
	    || !tr_value_member(option, "currentValue", &value) || s->settings.count >= TR_CONFIG_WAITING_MAX)
		return;
	name = tr_strndup(text.data, text.size);
	if (!in_line(s, TR_SET_OPTION, name))
		add(s, TR_SET_OPTION, name, value);
	free(name);
}

/* The model decides which thoughts there are, so it comes first; what else there is comes last. */
static void restore(struct troupe_session *s, const struct tr_config *before)
{
	static const char *const order[] = { "mode", "model", "thought_level" };
	struct troupe_value option;

	restore_mode(s, before);
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		if (tr_config_find(before, "category", order[i], &option))
			restore_option(s, option);
	}
	for (uint32_t i = 0; i < TR_CONFIG_WAITING_MAX && tr_config_at(before, i, &option); i++)
		restore_option(s, option);
}

void tr_settings_bound(struct troupe_session *s, struct troupe_text result, bool first)
{
	struct tr_config before = s->settings.config;

	s->settings.config = (struct tr_config){ 0 };
	tr_config_begin(&s->settings.config, result);
	s->settings.listed = false;
	s->dirty.config = true;
	if (first) {
		add_first(s, TR_SET_MODE, NULL, s->settings.first_mode);
		add_first(s, TR_SET_CATEGORY, "model", s->settings.first_model);
		add_first(s, TR_SET_CATEGORY, "thought_level", s->settings.first_thought);
	} else {
		restore(s, &before);
	}
	tr_config_fini(&before);
	tell(s);
}

void tr_settings_seen(struct troupe_session *s, struct troupe_text update, const char *kind)
{
	struct tr_bytes mode = { 0 };
	bool changed = false;

	if (strcmp(kind, "config_option_update") == 0) {
		changed = tr_config_take_options(&s->settings.config, update);
	} else if (strcmp(kind, "current_mode_update") == 0 && tr_json_find_string(update, &mode, "currentModeId", NULL)) {
		tr_config_mode(&s->settings.config, (struct troupe_text){ tr_bytes_text(&mode), mode.size });
		changed = true;
	}
	tr_bytes_free(&mode);
	s->dirty.config = s->dirty.config || changed;
	if (changed)
		tell(s);
}

/* ------------------------------------------------------------------ what people set */

static const char *invalid(enum troupe_setting what, const char *config_id, struct troupe_value value)
{
	struct tr_cursor c = tr_cursor(value);
	struct tr_item item;

	if (value.size == 0 || tr_next(&c, &item) < 0 || (item.kind != TR_STR && item.kind != TR_BOOL))
		return "The value must be a text or a boolean.";
	if (what != TROUPE_OPTION_BY_ID && item.kind != TR_STR)
		return "The value must be a text.";
	if (what == TROUPE_OPTION_BY_ID && (!config_id || !*config_id))
		return "configId is missing.";
	return NULL;
}

int tr_settings_set(struct troupe_session *s, struct troupe_call *call, enum troupe_setting what, const char *config_id,
                    struct troupe_value value)
{
	static const struct { enum tr_setting_kind kind; const char *name; } kinds[] = {
		[TROUPE_MODE]          = { TR_SET_MODE,     NULL },
		[TROUPE_MODEL]         = { TR_SET_CATEGORY, "model" },
		[TROUPE_THOUGHT_LEVEL] = { TR_SET_CATEGORY, "thought_level" },
		[TROUPE_OPTION_BY_ID]  = { TR_SET_OPTION,   NULL },
	};
	const char *why = invalid(what, config_id, value);

	if (s->stopped || !s->loaded)
		return tr_session_fail(call, TROUPE_ERESTARTING, "The session is restarting. Try again in a moment.");
	if (s->refusal)
		return tr_session_refuse(call, s->refusal);
	if (why)
		return tr_session_fail(call, TROUPE_EINVAL, why);
	if (s->settings.count >= TR_CONFIG_WAITING_MAX)
		return tr_session_fail(call, TROUPE_EOVERLOADED, "Too many settings are waiting for the agent.");
	add(s, kinds[what].kind, what == TROUPE_OPTION_BY_ID ? config_id : kinds[what].name, value)->call = call;
	s->dirty.config = true;
	tr_session_want(s);
	return TROUPE_LATER;
}
