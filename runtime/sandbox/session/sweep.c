/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that agents leave behind, ended by a script that the sandbox runs (spec 2.7): agents that nobody can reach any more,
 * because their DELETE was given up or because their server is no more; and what is below them.
 *
 * Those without a parent hang under process 1, where nothing tells whose they were. So the server's family is noted
 * (sweep_script.h) after each bootstrap, and once more before an instance is deleted; those of the noted that are still the same
 * processes are ended. */
#include "runtime/sandbox/session/session.h"

#include "runtime/base/log.h"
#include "runtime/sandbox/wire/sweep_script.h"

static void sweep_step(struct troupe_session *s);

/* ------------------------------------------------------------------ running scripts */

static struct tr_http_request *run(struct troupe_session *s, struct tr_bytes *body,
                                   void (*on_end)(void *arg, const struct tr_http_answer *answer))
{
	return tr_session_http(s, &(struct tr_http_options){
		.method = "POST", .body = body, .body_max = 2 << 20,
		.time_ms = tr_sandbox_times(s->sandbox)->sweep_run_ms,
		.on_end = on_end,
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

static void on_swept(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_bytes ended = { 0 };
	struct tr_problem p;
	char words[64];
	bool some;

	s->link_request = NULL;
	output_of(s, answer, &p, &ended);
	some = ended.size > 0;
	if (some) {
		tr_words(words, sizeof words, (struct troupe_text){ (const char *)ended.data, ended.size });
		tr_info("agent.sweep", "session=%s signal=%s processes=\"%s\"", s->id, tr_sweep_steps[s->sweep].signal, words);
	}
	tr_sweep_add(&s->swept, &ended);
	tr_bytes_free(&ended);
	if (tr_problem_unheard(&p) && (s->must_sweep || answer->end != TR_HTTP_TIMED_OUT))
		tr_link_trouble(s, p.words);
	else if (some && s->sweep + 1 < TR_SWEEP_STEPS)
		tr_link_timer(s, tr_sweep_steps[s->sweep++].then_ms, sweep_step);
	else
		s->swept_then(s);
}

static void sweep_step(struct troupe_session *s)
{
	struct tr_bytes body = { 0 };

	tr_sweep_left(&body, tr_sweep_steps[s->sweep].signal, tr_bytes_text(&s->swept));
	s->link_request = run(s, &body, on_swept);
}

void tr_sweep(struct troupe_session *s, bool some_hang, void (*then)(struct troupe_session *s))
{
	s->sweep = 0;
	s->must_sweep = some_hang;
	s->swept_then = then;
	tr_bytes_free(&s->swept);
	tr_bytes_put(&s->swept, s->family.data, s->family.size);
	tr_link_timer(s, some_hang ? TR_SWEEP_GRACE_MS : 0, sweep_step);
}

/* ------------------------------------------------------------------ the family */

static void take_family(struct troupe_session *s, struct tr_bytes *found)
{
	tr_bytes_free(&s->family);
	s->family = *found;
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

	s->family_request = NULL;
	output_of(s, answer, &p, &found);
	if (tr_sweep_is_family(&found))
		tr_session_turn(s, family_turn, &found);
	tr_bytes_free(&found);
}

void tr_family_note(struct troupe_session *s)
{
	struct tr_bytes body = { 0 };

	tr_family_drop(s);
	tr_sweep_family(&body, s->instance.created_ms, "");
	s->family_request = run(s, &body, on_family);
}

void tr_family_note_missing(struct troupe_session *s)
{
	if (s->family.size == 0 && !s->family_request)
		tr_family_note(s);
}

void tr_family_drop(struct troupe_session *s)
{
	s->family_request = tr_http_cancel(s->family_request);
}

void tr_family_forget(struct troupe_session *s)
{
	tr_bytes_free(&s->family);
	tr_store_family(s);
}

/* ------------------------------------------------------------------ looking once more */

static void looked(struct troupe_session *s, uint64_t look)
{
	if (s->link == TR_LINK_CLEAN && s->looks == look)
		s->looked_then(s);
}

struct look { struct tr_bytes found; struct tr_left *left; };

static void look_turn(struct troupe_session *s, void *arg)
{
	struct look *look = arg;

	take_family(s, &look->found);
	tr_store_left(s, look->left);
	tr_session_after(s, looked, s->looks);
}

static void on_look(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct look look = { .left = s->looking_at };
	struct tr_problem p;

	s->link_request = NULL;
	output_of(s, answer, &p, &look.found);
	if (tr_problem_unheard(&p) && answer->end != TR_HTTP_TIMED_OUT)
		tr_link_trouble(s, p.words);
	else if (tr_sweep_is_family(&look.found))
		tr_session_turn(s, look_turn, &look);
	else /* the server is another one, or tells nothing: what was known before is all there is */
		s->looked_then(s);
	tr_bytes_free(&look.found);
}

void tr_family_look(struct troupe_session *s, struct tr_left *left, void (*then)(struct troupe_session *s))
{
	struct tr_bytes body = { 0 };

	s->looks++;
	s->looking_at = left;
	s->looked_then = then;
	tr_sweep_family(&body, left->created_ms, tr_bytes_text(&s->family));
	s->link_request = run(s, &body, on_look);
}
