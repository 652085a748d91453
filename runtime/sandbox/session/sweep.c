/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that agents leave behind, ended by a script that the sandbox runs (spec 2.7): agents that
 * nobody can reach any more, because their DELETE was given up or because their server is no more; and
 * what is below them.
 *
 * Those without a parent hang under process 1, where nothing tells whose they were. So the server's family
 * is noted (sweep_script.h) after each bootstrap, and once more before an instance is deleted; those of
 * the noted that are still the same processes are ended. */
#include "runtime/sandbox/session/sweep.h"

#include "runtime/base/log.h"
#include "runtime/sandbox/session/clean.h"
#include "runtime/sandbox/session/request.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/store.h"
#include "runtime/sandbox/wire/sweep_script.h"

static void sweep_step(void *arg);

void tr_sweep_init(struct troupe_session *s)
{
	s->sweep.timer = tr_session_timer(s, sweep_step, s);
}

void tr_sweep_stop(struct troupe_session *s)
{
	s->sweep.request = tr_http_cancel(s->sweep.request);
	s->sweep.family_request = tr_http_cancel(s->sweep.family_request);
	tr_session_timer_set(s, s->sweep.timer, -1);
	s->sweep.looks++; /* one that waits for its commit is for nobody */
}

void tr_sweep_fini(struct troupe_session *s)
{
	tr_session_timer_free(s, s->sweep.timer);
	tr_bytes_free(&s->sweep.family);
	tr_bytes_free(&s->sweep.swept);
}

/* ------------------------------------------------------------------ running scripts */

static struct tr_http_request *run(struct troupe_session *s, struct tr_bytes *body,
                                   void (*on_end)(void *arg, const struct tr_http_answer *answer))
{
	return tr_session_http(s, &(struct tr_http_options){
		.method = "POST", .body = body, .time_ms = s->times->sweep_run_ms, .body_max = 2 << 20, .on_end = on_end,
	}, "/v1/processes/run");
}

static void output_of(const struct troupe_session *s, const struct tr_http_answer *answer, struct tr_problem *p,
                      struct tr_bytes *out)
{
	tr_sweep_output(answer, p, out);
	if (p->kind != TR_PROBLEM_NONE)
		tr_warn("agent.sweep", "session=%s failed=\"%s\"", s->id, p->words);
}

/* ------------------------------------------------------------------ sweeping */

static void trouble(struct troupe_session *s, const char *why)
{
	tr_session_verdict(s, TR_TROUBLE, 0, NULL, why);
}

static void on_swept(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_bytes ended = { 0 };
	struct tr_problem p;
	char words[64];
	bool some;

	s->sweep.request = NULL;
	output_of(s, answer, &p, &ended);
	some = ended.size > 0;
	if (some) {
		tr_words(words, sizeof words, (struct troupe_text){ (const char *)ended.data, ended.size });
		tr_info("agent.sweep", "session=%s signal=%s processes=\"%s\"", s->id, tr_sweep_steps[s->sweep.count].signal, words);
	}
	tr_sweep_add(&s->sweep.swept, &ended);
	tr_bytes_free(&ended);
	if (tr_problem_unheard(&p) && (s->sweep.must || answer->end != TR_HTTP_TIMED_OUT))
		trouble(s, p.words);
	else if (some && s->sweep.count + 1 < TR_SWEEP_STEPS)
		tr_session_timer_set(s, s->sweep.timer, tr_sweep_steps[s->sweep.count++].then_ms);
	else
		s->sweep.then(s);
}

static void sweep_step(void *arg)
{
	struct troupe_session *s = arg;
	struct tr_bytes body = { 0 };

	tr_sweep_left(&body, tr_sweep_steps[s->sweep.count].signal, tr_bytes_text(&s->sweep.swept));
	s->sweep.request = run(s, &body, on_swept);
}

void tr_sweep(struct troupe_session *s, bool some_hang, void (*then)(struct troupe_session *s))
{
	s->sweep.count = 0;
	s->sweep.must = some_hang;
	s->sweep.then = then;
	tr_bytes_free(&s->sweep.swept);
	tr_bytes_put(&s->sweep.swept, s->sweep.family.data, s->sweep.family.size);
	tr_session_timer_set(s, s->sweep.timer, some_hang ? TR_SWEEP_GRACE_MS : 0);
}

/* ------------------------------------------------------------------ the family */

static void take_family(struct troupe_session *s, struct tr_bytes *found)
{
	tr_bytes_free(&s->sweep.family);
	s->sweep.family = *found;
	*found = (struct tr_bytes){ 0 };
	tr_store_family(s);
}

static void family_turn(struct troupe_session *s, void *arg)
{
	take_family(s, arg);
	if (s->instance.bound)
		tr_store_instance(s);
}

static void on_family(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_bytes found = { 0 };
	struct tr_problem p;

	s->sweep.family_request = NULL;
	output_of(s, answer, &p, &found);
	if (tr_sweep_is_family(&found))
		tr_session_turn(s, family_turn, &found);
	tr_bytes_free(&found);
}

void tr_family_note(struct troupe_session *s)
{
	struct tr_bytes body = { 0 };

	s->sweep.family_request = tr_http_cancel(s->sweep.family_request);
	tr_sweep_family(&body, s->instance.created_ms, "");
	s->sweep.family_request = run(s, &body, on_family);
}

void tr_family_note_missing(struct troupe_session *s)
{
	if (s->sweep.family.size == 0 && !s->sweep.family_request)
		tr_family_note(s);
}

bool tr_family_known(const struct troupe_session *s)
{
	return s->sweep.family.size > 0;
}

void tr_family_forget(struct troupe_session *s)
{
	tr_bytes_free(&s->sweep.family);
	tr_store_family(s);
}

/* ------------------------------------------------------------------ looking once more */

static void looked(struct troupe_session *s, uint64_t look)
{
	if (s->sweep.looks == look)
		s->sweep.then(s);
}

struct look { struct tr_bytes found; struct tr_left *left; };

static void look_turn(struct troupe_session *s, void *arg)
{
	struct look *look = arg;

	take_family(s, &look->found);
	tr_store_left(s, look->left);
	tr_session_after(s, looked, s->sweep.looks);
}

static void on_look(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct look look = { .left = s->sweep.looking_at };
	struct tr_problem p;

	s->sweep.request = NULL;
	output_of(s, answer, &p, &look.found);
	if (tr_problem_unheard(&p) && answer->end != TR_HTTP_TIMED_OUT)
		trouble(s, p.words);
	else if (tr_sweep_is_family(&look.found))
		tr_session_turn(s, look_turn, &look);
	else /* the server is another one, or tells nothing: what was known before is all there is */
		s->sweep.then(s);
	tr_bytes_free(&look.found);
}

void tr_family_look(struct troupe_session *s, struct tr_left *left, void (*then)(struct troupe_session *s))
{
	struct tr_bytes body = { 0 };

	s->sweep.looks++;
	s->sweep.looking_at = left;
	s->sweep.then = then;
	tr_sweep_family(&body, left->created_ms, tr_bytes_text(&s->sweep.family));
	s->sweep.request = run(s, &body, on_look);
}
