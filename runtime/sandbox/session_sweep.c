/* SPDX-License-Identifier: Apache-2.0 */
/* Agent processes that real agents leave behind, ended by scripts that the sandbox runs (spec 2.7). Two sorts:
 *
 *	hung      children of the server that nobody writes to any more: their DELETE was given up
 *	orphans   children of a server that is no more. They hang under process 1, where the first script does not see them;
 *	          so the server's family, its pid and its children's with their start times, is noted after each
 *	          bootstrap, and when the server turns out to be another, those of the noted that still live are ended
 */
#include "runtime/sandbox/session.h"

#include "runtime/base/log.h"
#include "runtime/sandbox/sweep_script.h"

#define FAMILY_MAX  (16 * 1024)

static void sweep_step(struct troupe_session *s);

/* ------------------------------------------------------------------ running scripts */

static struct tr_http_request *run(struct troupe_session *s, struct tr_bytes *body,
                                   void (*on_end)(void *arg, const struct tr_http_answer *answer))
{
	return tr_session_http(s, &(struct tr_http_options){
		.method = "POST", .body = body, .time_ms = TR_SWEEP_RUN_MS, .body_max = 2 << 20, .on_end = on_end,
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
	struct tr_bytes pids = { 0 };
	struct tr_problem p;
	char words[64];
	bool some;

	s->link_request = NULL;
	output_of(s, answer, &p, &pids);
	some = pids.size > 0;
	if (some) {
		tr_words(words, sizeof words, (struct troupe_text){ (const char *)pids.data, pids.size });
		tr_info("agent.sweep", "session=%s signal=%s pids=\"%s\"", s->id, tr_sweep_steps[s->sweep].signal, words);
	}
	tr_bytes_free(&pids);
	if (p.kind == TR_PROBLEM_NOT_SENT || p.kind == TR_PROBLEM_UNSURE)
		tr_link_trouble(s, p.words);
	else if (some && s->sweep + 1 < TR_SWEEP_STEPS)
		tr_link_timer(s, tr_sweep_steps[s->sweep++].then_ms, sweep_step);
	else
		s->swept_then(s);
}

static void sweep_step(struct troupe_session *s)
{
	struct tr_bytes body = { 0 };

	if (s->sweeping == TR_SWEEP_HUNG)
		tr_sweep_hung(&body, tr_sweep_steps[s->sweep].signal);
	else
		tr_sweep_orphans(&body, tr_sweep_steps[s->sweep].signal, tr_bytes_text(&s->family));
	s->link_request = run(s, &body, on_swept);
}

void tr_sweep(struct troupe_session *s, enum tr_sweep what, int after_ms, void (*then)(struct troupe_session *s))
{
	s->sweeping = what;
	s->sweep = 0;
	s->swept_then = then;
	tr_link_timer(s, after_ms, sweep_step);
}

/* ------------------------------------------------------------------ the family */

static bool is_family(const struct tr_bytes *b)
{
	for (size_t i = 0; i < b->size; i++) {
		if ((b->data[i] < '0' || b->data[i] > '9') && b->data[i] != ':' && b->data[i] != '\n')
			return false;
	}
	return b->size > 0 && b->size <= FAMILY_MAX;
}

static void family_turn(struct troupe_session *s, void *arg)
{
	struct tr_bytes *found = arg;

	tr_bytes_free(&s->family);
	s->family = *found;
	*found = (struct tr_bytes){ 0 };
	tr_store_family(s);
}

static void on_family(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_bytes found = { 0 };
	struct tr_problem p;

	s->family_request = NULL;
	output_of(s, answer, &p, &found);
	if (is_family(&found))
		tr_session_turn(s, family_turn, &found);
	tr_bytes_free(&found);
}

void tr_family_note(struct troupe_session *s)
{
	struct tr_bytes body = { 0 };

	tr_family_drop(s);
	tr_sweep_family(&body);
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
