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
#include "runtime/sandbox/wire/ending.h"

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

static struct tr_http_request *run(struct troupe_session *s, enum tr_ending step, struct tr_ending_of of,
                                   void (*on_end)(void *arg, const struct tr_http_answer *answer))
{
	struct tr_ending_request r;

	of.run_ms = s->times->sweep_run_ms;
	tr_ending_ask(&r, step, &of);
	r.o.on_end = on_end;
	return tr_session_http(s, &r.o, r.path);
}

static void read_answer(const struct troupe_session *s, struct tr_ending_answer *ret, enum tr_ending step,
                        const struct tr_http_answer *answer)
{
	tr_ending_read(ret, step, &(struct tr_ending_of){ .sweeps = s->sweep.count, .hangs = s->sweep.must }, answer);
	if (ret->problem.kind != TR_PROBLEM_NONE)
		tr_warn("agent.sweep", "session=%s failed=\"%s\"", s->id, ret->problem.words);
}

/* ------------------------------------------------------------------ sweeping */

static void trouble(struct troupe_session *s, const char *why)
{
	tr_session_verdict(s, TR_TROUBLE, 0, NULL, why);
}

static void on_swept(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_ending_answer a;
	char words[64];

	s->sweep.request = NULL;
	read_answer(s, &a, TR_ENDING_SWEEP, answer);
	if (a.found.size > 0) {
		tr_words(words, sizeof words, (struct troupe_text){ (const char *)a.found.data, a.found.size });
		tr_info("agent.sweep", "session=%s signal=%s processes=\"%s\"", s->id,
		        tr_sweep_steps[s->sweep.count - 1].signal, words);
	}
	tr_sweep_add(&s->sweep.swept, &a.found);
	tr_bytes_free(&a.found);
	if (!a.heard)
		trouble(s, a.problem.words);
	else if (a.then_ms >= 0)
		tr_session_timer_set(s, s->sweep.timer, a.then_ms);
	else
		s->sweep.then(s);
}

static void sweep_step(void *arg)
{
	struct troupe_session *s = arg;

	s->sweep.count++;
	s->sweep.request = run(s, TR_ENDING_SWEEP, (struct tr_ending_of){
		.family = &s->sweep.swept, .sweeps = s->sweep.count }, on_swept);
}

void tr_sweep(struct troupe_session *s, bool some_hang, void (*then)(struct troupe_session *s))
{
	s->sweep.count = 0;
	s->sweep.must = some_hang;
	s->sweep.then = then;
	tr_bytes_free(&s->sweep.swept);
	tr_bytes_put(&s->sweep.swept, s->sweep.family.data, s->sweep.family.size);
	tr_session_timer_set(s, s->sweep.timer, tr_ending_grace_ms(&(struct tr_ending_of){ .hangs = some_hang }));
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
	struct tr_ending_answer a;

	s->sweep.family_request = NULL;
	read_answer(s, &a, TR_ENDING_LOOK, answer);
	if (a.found.size > 0)
		tr_session_turn(s, family_turn, &a.found);
	tr_bytes_free(&a.found);
}

void tr_family_note(struct troupe_session *s)
{
	s->sweep.family_request = tr_http_cancel(s->sweep.family_request);
	s->sweep.family_request = run(s, TR_ENDING_LOOK, (struct tr_ending_of){
		.created_ms = s->instance.created_ms }, on_family);
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
	struct tr_ending_answer a;

	s->sweep.request = NULL;
	read_answer(s, &a, TR_ENDING_LOOK, answer);
	look.found = a.found;
	if (!a.heard)
		trouble(s, a.problem.words);
	else if (look.found.size > 0)
		tr_session_turn(s, look_turn, &look);
	else /* the server is another one, or tells nothing: what was known before is all there is */
		s->sweep.then(s);
	tr_bytes_free(&look.found);
}

void tr_family_look(struct troupe_session *s, struct tr_left *left, void (*then)(struct troupe_session *s))
{
	s->sweep.looks++;
	s->sweep.looking_at = left;
	s->sweep.then = then;
	s->sweep.request = run(s, TR_ENDING_LOOK, (struct tr_ending_of){
		.created_ms = left->created_ms, .family = &s->sweep.family }, on_look);
}
