/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the sandbox: is it there (health), is our instance in it (list), and what follows when one is not.
 *
 *	down -> place -> health -> list -> clean -> boot -> up        up -> health again when the way breaks
 *	                                     `----(still bound)---> up
 *
 * Trying goes on with back-off as long as the session is open. After the first failure the sandbox's provider is asked where it is
 * now; after TR_HEALTH_TRIES those who wait are told, and the provider is asked to start it. Whoever prompts next makes us try
 * again at once. */
#include "runtime/sandbox/session/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"

#define FIRST_WAIT_MS 500

static void ask_health(struct troupe_session *s);
static void ask_list(struct troupe_session *s);

/* ------------------------------------------------------------------ one timer, one request */

static void on_link_timer(evutil_socket_t fd, short what, void *arg)
{
	struct troupe_session *s = arg;

	(void)fd, (void)what;
	s->link_then(s);
}

void tr_link_init(struct troupe_session *s)
{
	s->link_timer = evtimer_new(tr_sandbox_base(s->sandbox), on_link_timer, s);
}

void tr_link_timer(struct troupe_session *s, int ms, void (*then)(struct troupe_session *s))
{
	struct timeval in = { ms / 1000, ms % 1000 * 1000 };

	s->link_then = then;
	if (ms < 0)
		evtimer_del(s->link_timer);
	else
		evtimer_add(s->link_timer, &in);
}

void tr_link_close(struct troupe_session *s)
{
	s->link_request = tr_http_cancel(s->link_request);
	tr_family_drop(s);
	tr_link_timer(s, -1, NULL);
	s->place.waits = false;
	s->link = TR_LINK_DOWN;
}

struct tr_http_request *tr_session_http(struct troupe_session *s, struct tr_http_options *o, const char *path)
{
	struct tr_bytes url = { 0 };
	struct tr_http_request *r;

	tr_bytes_put_text(&url, s->url);
	tr_bytes_put_text(&url, path);
	o->url = tr_bytes_text(&url);
	o->reach = tr_place_reach(&s->place);
	o->token = s->token;
	if (!o->arg)
		o->arg = s;
	r = tr_http_start(tr_sandbox_http(s->sandbox), o);
	tr_bytes_free(&url);
	return r;
}

const char *tr_session_path(const struct troupe_session *s, char into[TR_SERVER_ID_MAX + 16])
{
	snprintf(into, TR_SERVER_ID_MAX + 16, "/v1/acp/%s", s->instance.server_id);
	return into;
}

/* ------------------------------------------------------------------ giving up */

/* What a turn has to write about a failure. */
struct failure { int error; const char *reason, *message; };

/* Nothing is wrong with the agent: it listens. */
static bool ends_well(int error)
{
	return error == TROUPE_ERESTARTED || error == TROUPE_EDESTROYED || error == TROUPE_EDRAINING;
}

/* Our instance is no more, or we want no more of it: to be cleaned up before the next is made. */
static void leave_instance(struct troupe_session *s, bool well)
{
	struct tr_left *left;

	if (!*s->instance.server_id)
		return;
	for (struct tr_list *at = s->left.next; at != &s->left; at = at->next) {
		if (strcmp(tr_container(at, struct tr_left, link)->server_id, s->instance.server_id) == 0)
			return;
	}
	left = tr_alloc(sizeof *left);
	snprintf(left->server_id, sizeof left->server_id, "%s", s->instance.server_id);
	left->created_ms = s->instance.created_ms;
	if (well && s->instance.closes)
		memcpy(left->close, s->instance.agent_session, sizeof left->close);
	tr_list_push(&s->left, &left->link);
}

void tr_link_end_instance(struct troupe_session *s, int error, const char *reason, const char *message)
{
	tr_info("agent.end", "actor=%s session=%s server=%s reason=%s", troupe_id(s->actor), s->id, s->instance.server_id, reason);
	if (s->turn && s->instance.bound && !tr_stream_healthy(s))
		tr_stream_note_end(s);
	tr_stream_close(s);
	tr_boot_stop(s);
	tr_say_drop(s);
	if (s->turn && s->ask.copy.size > 0) { /* we have its response: then it is not lost */
		tr_permissions_expire(s);
		tr_ask_take_copy(&s->ask);
	}
	tr_turn_lost(s, error, reason, message);
	tr_settings_lost(s, error, message);
	tr_permissions_expire(s);
	leave_instance(s, s->instance.bound && ends_well(error));
	s->ask.answered[0] = '\0';
	s->instance.bound = s->reattaching = s->stream.ending = false;
	s->dirty_main = s->dirty_at = s->dirty_history = true;
}

/* One more instance has ended without having finished a turn. True: that is a loop. */
static bool crashes_too_often(struct troupe_session *s)
{
	int64_t now = tr_mono_ms();

	memmove(s->crashes, s->crashes + 1, sizeof s->crashes - sizeof *s->crashes);
	s->crashes[TR_CRASHES_MAX - 1] = now;
	if (s->crash_count < TR_CRASHES_MAX)
		s->crash_count++;
	return s->crash_count == TR_CRASHES_MAX && now - s->crashes[0] < TR_CRASHES_MS;
}

void tr_link_gone(struct troupe_session *s, int error, const char *reason, const char *message)
{
	bool booting = s->link == TR_LINK_BOOT, had_turn = s->turn != NULL;

	tr_link_end_instance(s, error, reason, message);
	tr_link_close(s);
	if (booting && !had_turn)
		tr_turn_fail_first(s, error, message);
	if (error == TROUPE_ELOST)
		tr_session_state(s, "lost", error, message);
	if (crashes_too_often(s)) {
		s->crash_count = 0;
		tr_link_give_up(s, TROUPE_ECRASHLOOP, NULL);
	} else if (s->queued > 0 || error == TROUPE_ELOST) {
		tr_link_connect(s);
	} else if (booting) {
		tr_session_state(s, "unhealthy", error, message);
		tr_life_failed(s, error, message);
	}
}

void tr_link_restart(struct troupe_session *s, int error, const char *reason, const char *message)
{
	tr_link_end_instance(s, error, reason, message);
	tr_link_close(s);
	s->crash_count = 0;
	tr_link_connect(s);
}

void tr_link_give_up(struct troupe_session *s, int error, const char *message)
{
	if (s->link == TR_LINK_BOOT)
		leave_instance(s, false);
	tr_stream_close(s);
	tr_boot_stop(s);
	tr_link_close(s);
	tr_session_state(s, error == TROUPE_ESANDBOXLOST ? "lost" : "unhealthy", error, message);
	tr_turn_lost(s, error, "sandbox_lost", message);
	tr_settings_lost(s, error, message);
	tr_turn_fail_waiting(s, error, message);
	tr_life_failed(s, error, message);
}

static void give_up_turn(struct troupe_session *s, void *arg)
{
	const struct failure *f = arg;

	tr_link_give_up(s, f->error, f->message);
}

/* ------------------------------------------------------------------ failing, and trying again */

static void unreachable_turn(struct troupe_session *s, void *arg)
{
	const struct failure *f = arg;

	tr_session_state(s, "unhealthy", TROUPE_ESANDBOX, f->message);
	tr_settings_lost(s, TROUPE_ESANDBOX, f->message);
	tr_turn_fail_waiting(s, TROUPE_ESANDBOX, f->message);
	if (s->turn && tr_mono_ms() - s->failing_ms >= TR_LOST_AFTER_MS)
		tr_link_end_instance(s, TROUPE_ESANDBOX, "sandbox_lost", f->message);
	tr_life_failed(s, TROUPE_ESANDBOX, f->message);
}

/* Where it was does not answer: perhaps its provider can do something. */
static void mend(struct troupe_session *s)
{
	tr_link_place(s, true);
}

static void find(struct troupe_session *s)
{
	tr_link_place(s, false);
}

static void try_later(struct troupe_session *s, const char *why)
{
	struct failure f = { .message = why };
	int wait = FIRST_WAIT_MS;

	s->tries++;
	if (s->failing_ms == 0)
		s->failing_ms = tr_mono_ms();
	for (unsigned i = 1; i < s->tries && wait < TR_HEALTH_WAIT_MAX_MS; i++)
		wait *= 2;
	tr_debug("sandbox.retry", "session=%s tries=%u reason=\"%s\"", s->id, s->tries, why);
	if (s->tries >= TR_HEALTH_TRIES && (!tr_session_turn(s, unreachable_turn, &f) || s->refusal))
		return;
	s->link = TR_LINK_HEALTH;
	tr_link_timer(s, wait < TR_HEALTH_WAIT_MAX_MS ? wait : TR_HEALTH_WAIT_MAX_MS,
	              !s->url || s->tries == 1 ? find : s->tries % TR_HEALTH_TRIES == 0 ? mend : ask_health);
}

void tr_link_trouble(struct troupe_session *s, const char *why)
{
	if (s->link == TR_LINK_BOOT)
		leave_instance(s, false);
	tr_link_close(s);
	tr_stream_close(s);
	tr_boot_stop(s);
	try_later(s, why);
}

static void gone_turn(struct troupe_session *s, void *arg)
{
	const struct failure *f = arg;

	tr_link_gone(s, f->error, f->reason, f->message);
}

bool tr_link_problem(struct troupe_session *s, const struct tr_problem *p, bool unsent)
{
	struct failure f = { TROUPE_ETOKEN, NULL, p->words };

	switch (p->kind) {
	case TR_PROBLEM_UNSURE:
	case TR_PROBLEM_PATH:
		return true; /* the stream will tell */
	case TR_PROBLEM_TOKEN:
		tr_session_turn(s, give_up_turn, &f);
		return true;
	case TR_PROBLEM_DEAD:
		tr_stream_last_words(s);
		return true;
	case TR_PROBLEM_GONE:
		f = (struct failure){ TROUPE_ELOST, "instance_lost", p->words };
		tr_session_turn(s, gone_turn, &f);
		return true;
	default:
		if (unsent)
			tr_link_trouble(s, p->words); /* when the stream is open again it is sent once more */
		return unsent;
	}
}

/* The answer to a question about the sandbox is not what was hoped for. */
static void question_failed(struct troupe_session *s, const struct tr_problem *p)
{
	struct failure f = { TROUPE_ETOKEN, NULL, p->words };

	if (p->kind == TR_PROBLEM_TOKEN && !s->asked_token) {
		s->asked_token = true; /* the provider may know a newer one */
		tr_link_place(s, true);
	} else if (p->kind == TR_PROBLEM_TOKEN) {
		s->asked_token = false;
		tr_session_turn(s, give_up_turn, &f);
	} else {
		try_later(s, p->kind == TR_PROBLEM_NONE ? "the answer is not a sandbox-agent's" : p->words);
	}
}

/* ------------------------------------------------------------------ health */

static void on_health(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_problem p;
	char status[8];

	s->link_request = NULL;
	tr_problem_read(answer, &p);
	if (p.kind == TR_PROBLEM_NONE && tr_json_check(answer->body, TR_JSON_KEPT_DEPTH, NULL) == 0
	    && tr_acp_short(answer->body, "status", status, sizeof status) && strcmp(status, "ok") == 0)
		ask_list(s);
	else
		question_failed(s, &p);
}

/* One that was ready when we went to sleep is ready still until we learn otherwise. */
static void connecting_turn(struct troupe_session *s, void *arg)
{
	(void)arg;
	if (strcmp(s->told_state, "ready") != 0 || !s->instance.bound)
		tr_session_state(s, "starting", 0, NULL);
}

static void ask_health(struct troupe_session *s)
{
	s->link = TR_LINK_HEALTH;
	if (s->tries == 0 && !tr_session_turn(s, connecting_turn, NULL))
		return;
	s->link_request = tr_session_http(s, &(struct tr_http_options){
		.method = "GET", .time_ms = TR_HEALTH_MS, .body_max = 64 * 1024, .on_end = on_health,
	}, "/v1/health");
}

void tr_link_found(struct troupe_session *s)
{
	ask_health(s);
}

void tr_link_connect(struct troupe_session *s)
{
	bool waiting = s->link == TR_LINK_HEALTH && !s->link_request;

	if (s->stopped || s->refusal || (s->link != TR_LINK_DOWN && !waiting))
		return;
	s->link = TR_LINK_HEALTH;
	s->tries = 0;
	tr_link_timer(s, 0, s->url ? ask_health : find);
}

/* ------------------------------------------------------------------ is our instance there */

static void lost_turn(struct troupe_session *s, void *arg)
{
	static const char message[] = "The sandbox does not have this agent any more.";

	(void)arg;
	tr_link_end_instance(s, TROUPE_ELOST, "instance_lost", message);
	tr_session_state(s, "lost", TROUPE_ELOST, message);
	tr_session_state(s, "starting", 0, NULL);
}

static void on_clean(struct troupe_session *s)
{
	if (s->instance.bound)
		tr_link_up(s);
	else
		tr_boot_start(s);
}

static void on_list(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_problem p;
	int64_t created;

	s->link_request = NULL;
	tr_problem_read(answer, &p);
	if (p.kind != TR_PROBLEM_NONE || tr_json_check(answer->body, TR_JSON_KEPT_DEPTH, NULL) < 0) {
		question_failed(s, &p);
		return;
	}
	created = tr_acp_listed(answer->body, s->instance.server_id);
	if ((s->instance.bound && created != s->instance.created_ms) || (!s->instance.bound && s->turn)) {
		if (!tr_session_turn(s, lost_turn, NULL))
			return;
	}
	s->link = TR_LINK_CLEAN;
	tr_clean_start(s, on_clean);
}

static void ask_list(struct troupe_session *s)
{
	s->link = TR_LINK_LIST;
	s->link_request = tr_session_http(s, &(struct tr_http_options){
		.method = "GET", .time_ms = TR_HEALTH_MS, .body_max = 4 * 1024 * 1024, .on_end = on_list,
	}, "/v1/acp");
}

void tr_link_well(struct troupe_session *s)
{
	s->asked_token = false;
	s->tries = 0;
	s->failing_ms = 0;
}

void tr_link_up(struct troupe_session *s)
{
	s->link = TR_LINK_UP;
	if (tr_stream_healthy(s))
		tr_link_well(s);
	else if (!tr_stream_asked(s))
		tr_stream_open(s);
}
