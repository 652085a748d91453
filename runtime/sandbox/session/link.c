/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the sandbox: is it there (health), is our instance in it (list), and what follows when one is
 * not.
 *
 *	down -> place -> health -> list -> clean -> boot -> up        up -> health again when the way breaks
 *	                                     `----(still bound)---> up
 *
 * Trying goes on with back-off as long as the session is open. After the first failure the sandbox's
 * provider is asked where it is now; after TR_HEALTH_TRIES those who wait are told, and the provider is
 * asked to start it. Whoever prompts next makes us try again at once. */
#include "runtime/sandbox/session/link.h"

#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "runtime/base/log.h"
#include "runtime/sandbox/session/boot.h"
#include "runtime/sandbox/session/clean.h"
#include "runtime/sandbox/session/permission.h"
#include "runtime/sandbox/session/place.h"
#include "runtime/sandbox/session/request.h"
#include "runtime/sandbox/session/say.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/settings.h"
#include "runtime/sandbox/session/stream.h"
#include "runtime/sandbox/session/tell.h"
#include "runtime/sandbox/session/turn.h"

static void ask_health(struct troupe_session *s);
static void ask_list(struct troupe_session *s);

/* ------------------------------------------------------------------ one timer, one request */

static void on_timer(void *arg)
{
	struct troupe_session *s = arg;

	s->link.then(s);
}

void tr_link_init(struct troupe_session *s)
{
	s->link.timer = tr_session_timer(s, on_timer, s);
}

void tr_link_fini(struct troupe_session *s)
{
	tr_session_timer_free(s, s->link.timer);
}

static void go_on_in(struct troupe_session *s, int ms, void (*then)(struct troupe_session *s))
{
	s->link.then = then;
	tr_session_timer_set(s, s->link.timer, ms);
}

void tr_link_close(struct troupe_session *s)
{
	s->link.request = tr_http_cancel(s->link.request);
	tr_session_timer_set(s, s->link.timer, -1);
	tr_clean_stop(s);
	tr_place_look_stop(s);
	s->link.state = TR_LINK_DOWN;
}

bool tr_link_is_up(const struct troupe_session *s)
{
	return s->link.state == TR_LINK_UP;
}

bool tr_link_is_down(const struct troupe_session *s)
{
	return s->link.state == TR_LINK_DOWN || (s->link.state != TR_LINK_UP && s->link.tries >= TR_HEALTH_TRIES);
}

/* ------------------------------------------------------------------ giving up */

/* Nothing is wrong with the agent: it listens. */
static bool ends_well(int error)
{
	return error == TROUPE_ERESTARTED || error == TROUPE_EDESTROYED || error == TROUPE_EDRAINING;
}

void tr_link_end_instance(struct troupe_session *s, int error, const char *reason, const char *message)
{
	tr_info("agent.end", "actor=%s session=%s server=%s reason=%s", troupe_id(s->actor), s->id, s->instance.server_id, reason);
	if (s->turns.running && s->instance.bound && !tr_stream_healthy(s))
		tr_stream_note_end(s);
	tr_stream_end(s);
	tr_boot_stop(s);
	tr_say_drop(s);
	tr_turn_agent_gone(s, error, reason, message);
	tr_settings_lost(s, error, message);
	tr_permissions_expire(s);
	tr_clean_add(s, s->instance.bound && ends_well(error));
	s->instance.bound = false;
	s->dirty.main = s->dirty.at = s->dirty.history = true;
}

/* One more instance has ended without having finished a turn. True: that is a loop. */
static bool crashes_too_often(struct troupe_session *s)
{
	int64_t now = tr_session_mono(s);

	if (s->link.finished != s->turns.finished)
		s->link.crash_count = 0;
	s->link.finished = s->turns.finished;
	memmove(s->link.crashes, s->link.crashes + 1, sizeof s->link.crashes - sizeof *s->link.crashes);
	s->link.crashes[TR_CRASHES_MAX - 1] = now;
	if (s->link.crash_count < TR_CRASHES_MAX)
		s->link.crash_count++;
	return s->link.crash_count == TR_CRASHES_MAX && now - s->link.crashes[0] < TR_CRASHES_MS;
}

int tr_link_give_up(struct troupe_session *s, int error, const char *message)
{
	if (s->link.state == TR_LINK_BOOT)
		tr_clean_add(s, false);
	tr_stream_close(s);
	tr_boot_stop(s);
	tr_link_close(s);
	tr_session_state(s, error == TROUPE_ESANDBOXLOST ? "lost" : "unhealthy", error, message);
	tr_turn_lost(s, error, "sandbox_lost", message);
	tr_settings_lost(s, error, message);
	tr_turn_fail_waiting(s, error, message);
	return error;
}

int tr_link_gone(struct troupe_session *s, int error, const char *reason, const char *message)
{
	bool booting = s->link.state == TR_LINK_BOOT, had_turn = s->turns.running != NULL;

	tr_link_end_instance(s, error, reason, message);
	tr_link_close(s);
	if (booting && !had_turn)
		tr_turn_fail_first(s, error, message);
	if (error == TROUPE_ELOST)
		tr_session_state(s, "lost", error, message);
	if (crashes_too_often(s)) {
		s->link.crash_count = 0;
		return tr_link_give_up(s, TROUPE_ECRASHLOOP, NULL);
	}
	if (s->turns.queued > 0 || error == TROUPE_ELOST) {
		tr_link_connect(s);
		return 0;
	}
	if (!booting)
		return 0;
	tr_session_state(s, "unhealthy", error, message);
	return error;
}

int tr_link_leave(struct troupe_session *s, int error, const char *reason, const char *message)
{
	tr_link_end_instance(s, error, reason, message);
	tr_link_close(s);
	if (s->turns.queued > 0)
		tr_link_connect(s);
	return 0;
}

int tr_link_restart(struct troupe_session *s, int error, const char *reason, const char *message)
{
	tr_link_end_instance(s, error, reason, message);
	tr_link_close(s);
	s->link.crash_count = 0;
	tr_link_connect(s);
	return 0;
}

int tr_session_renew(struct troupe_session *s)
{
	int rc = tr_place_renew(&s->place.user);

	if (rc < 0)
		return rc;
	tr_link_end_instance(s, TROUPE_ESANDBOXLOST, "sandbox_lost", "The sandbox was given up for another.");
	tr_link_close(s);
	tr_place_given_up(s);
	tr_session_state(s, "destroyed", 0, NULL);
	tr_link_connect(s);
	return 0;
}

/* ------------------------------------------------------------------ failing, and trying again */

/* Those who wait are told. */
static int unreachable(struct troupe_session *s, const char *why)
{
	tr_session_state(s, "unhealthy", TROUPE_ESANDBOX, why);
	tr_settings_lost(s, TROUPE_ESANDBOX, why);
	tr_turn_fail_waiting(s, TROUPE_ESANDBOX, why);
	if (s->turns.running && tr_session_mono(s) - s->link.failing_ms >= TR_LOST_AFTER_MS)
		tr_link_end_instance(s, TROUPE_ESANDBOX, "sandbox_lost", why);
	return TROUPE_ESANDBOX;
}

static void look(struct troupe_session *s, bool mend)
{
	s->link.state = TR_LINK_PLACE;
	tr_place_look(s, mend, ask_health);
}

/* Where it was does not answer: perhaps its provider can do something. */
static void mend(struct troupe_session *s)
{
	look(s, true);
}

static void find(struct troupe_session *s)
{
	look(s, false);
}

static int wait_ms(unsigned tries)
{
	int wait = TR_HEALTH_WAIT_MS;

	for (unsigned i = 1; i < tries && wait < TR_HEALTH_WAIT_MAX_MS; i++)
		wait *= 2;
	return wait < TR_HEALTH_WAIT_MAX_MS ? wait : TR_HEALTH_WAIT_MAX_MS;
}

int tr_link_trouble(struct troupe_session *s, const char *why)
{
	int error = 0;

	if (s->link.state == TR_LINK_BOOT)
		tr_clean_add(s, false);
	tr_link_close(s);
	tr_stream_close(s);
	tr_boot_stop(s);
	s->link.tries++;
	if (s->link.failing_ms == 0)
		s->link.failing_ms = tr_session_mono(s);
	tr_debug("sandbox.retry", "session=%s tries=%u reason=\"%s\"", s->id, s->link.tries, why);
	if (s->link.tries >= TR_HEALTH_TRIES)
		error = unreachable(s, why);
	s->link.state = TR_LINK_HEALTH;
	go_on_in(s, wait_ms(s->link.tries), !tr_place_known(s) || s->link.tries == 1 ? find
	         : s->link.tries % TR_HEALTH_TRIES == 0 ? mend : ask_health);
	return error;
}

/* The answer to a question about the sandbox is not what was hoped for. */
static void question_failed(struct troupe_session *s, const struct tr_problem *p)
{
	bool token = p->kind == TR_PROBLEM_TOKEN;

	if (token && tr_place_other_token(s)) /* the provider may know a newer one */
		mend(s);
	else if (token)
		tr_session_verdict(s, TR_GIVE_UP, TROUPE_ETOKEN, NULL, p->words);
	else
		tr_session_verdict(s, TR_TROUBLE, 0, NULL,
		                   p->kind == TR_PROBLEM_NONE ? "the answer is not a sandbox-agent's" : p->words);
}

/* ------------------------------------------------------------------ health */

static void on_health(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_problem p;
	char status[8];

	s->link.request = NULL;
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
	if (strcmp(s->tell.state, "ready") != 0 || !s->instance.bound)
		tr_session_state(s, "starting", 0, NULL);
}

static void ask_health(struct troupe_session *s)
{
	s->link.state = TR_LINK_HEALTH;
	if (s->link.tries == 0 && (!tr_session_turn(s, connecting_turn, NULL) || s->link.state != TR_LINK_HEALTH))
		return;
	tr_session_timer_set(s, s->link.timer, -1); /* whoever heard of that may have wanted it at once */
	s->link.request = tr_session_http(s, &(struct tr_http_options){
		.method = "GET", .time_ms = TR_HEALTH_MS, .body_max = 64 * 1024, .on_end = on_health,
	}, "/v1/health");
}

void tr_link_connect(struct troupe_session *s)
{
	bool waiting = s->link.state == TR_LINK_HEALTH && !s->link.request;

	if (s->stopped || s->refusal || (s->link.state != TR_LINK_DOWN && !waiting))
		return;
	s->link.state = TR_LINK_HEALTH;
	s->link.tries = 0;
	go_on_in(s, 0, tr_place_known(s) ? ask_health : find);
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

void tr_link_well(struct troupe_session *s)
{
	tr_place_well(s);
	s->link.tries = 0;
	s->link.failing_ms = 0;
}

/* The instance is bound, or found again: its stream is read. */
static void up(struct troupe_session *s)
{
	s->link.state = TR_LINK_UP;
	if (tr_stream_healthy(s))
		tr_link_well(s);
	else if (!tr_stream_asked(s))
		tr_stream_open(s);
}

static void on_clean(struct troupe_session *s)
{
	if (s->instance.bound) {
		up(s);
	} else {
		s->link.state = TR_LINK_BOOT;
		tr_boot_start(s, up);
	}
}

static void on_list(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_problem p;
	int64_t created;

	s->link.request = NULL;
	tr_problem_read(answer, &p);
	if (p.kind != TR_PROBLEM_NONE || tr_json_check(answer->body, TR_JSON_KEPT_DEPTH, NULL) < 0) {
		question_failed(s, &p);
		return;
	}
	created = tr_acp_listed(answer->body, s->instance.server_id);
	if ((s->instance.bound && created != s->instance.created_ms) || (!s->instance.bound && s->turns.running)) {
		if (!tr_session_turn(s, lost_turn, NULL) || s->link.state != TR_LINK_LIST)
			return;
	}
	s->link.state = TR_LINK_CLEAN;
	tr_clean_start(s, on_clean);
}

static void ask_list(struct troupe_session *s)
{
	s->link.state = TR_LINK_LIST;
	s->link.request = tr_session_http(s, &(struct tr_http_options){
		.method = "GET", .time_ms = TR_HEALTH_MS, .body_max = 4 * 1024 * 1024, .on_end = on_list,
	}, "/v1/acp");
}
