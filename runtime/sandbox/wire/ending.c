/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sandbox/wire/ending.h"

#include <assert.h>
#include <stdio.h>

#include "runtime/base/limits.h"

/* What must have been heard before it goes on. */
enum must { NOTHING, ANSWERED_OR_LATE, WELL_OR_LATE, ANSWERED_IF_IT_HANGS };

static const struct row {
	const char *method, *accept;
	bool        own_connection; /* to the instance, which is never asked twice; else a script is run */
	int         time_ms; /* 0: as long as a script may run */
	size_t      body_max;
	enum must   must;
} rows[] = {
	[TR_ENDING_CLOSE]  = { "POST",   "application/json", true, TR_GOODBYE_MS, TR_ENDING_BYTES_MAX, NOTHING },
	[TR_ENDING_LOOK]   = { "POST",   NULL, false, 0,            TR_ENDING_BYTES_MAX, ANSWERED_OR_LATE },
	[TR_ENDING_DELETE] = { "DELETE", NULL, true,  TR_DELETE_MS, TR_ENDING_BYTES_MAX, WELL_OR_LATE },
	[TR_ENDING_SWEEP]  = { "POST",   NULL, false, 0,            TR_ENDING_BYTES_MAX, ANSWERED_IF_IT_HANGS },
};

enum tr_ending tr_ending_first(const struct tr_ending_of *of)
{
	return of->close && *of->close ? TR_ENDING_CLOSE : TR_ENDING_LOOK;
}

int tr_ending_grace_ms(const struct tr_ending_of *of)
{
	return of->hangs ? TR_SWEEP_GRACE_MS : 0;
}

/* ------------------------------------------------------------------ asking */

static void put_body(struct tr_bytes *body, enum tr_ending step, const struct tr_ending_of *of)
{
	const char *family = of->family ? tr_bytes_text(of->family) : "";

	switch (step) {
	case TR_ENDING_CLOSE:
		tr_sweep_close(body, of->close);
		break;
	case TR_ENDING_LOOK:
		tr_sweep_family(body, of->created_ms, family);
		break;
	case TR_ENDING_SWEEP:
		assert(of->sweeps > 0 && of->sweeps <= TR_SWEEP_STEPS);
		tr_sweep_left(body, tr_sweep_steps[of->sweeps - 1].signal, family);
		break;
	case TR_ENDING_DELETE:
		break;
	}
}

void tr_ending_ask(struct tr_ending_request *ret, enum tr_ending step, const struct tr_ending_of *of)
{
	const struct row *row = &rows[step];

	*ret = (struct tr_ending_request){ .o = {
		.method = row->method, .accept = row->accept, .own_connection = row->own_connection,
		.time_ms = row->time_ms ? row->time_ms : of->run_ms, .body_max = row->body_max,
	} };
	put_body(&ret->body, step, of);
	if (ret->body.size > 0)
		ret->o.body = &ret->body;
	if (row->own_connection)
		snprintf(ret->path, sizeof ret->path, "/v1/acp/%s", of->server_id);
	else
		snprintf(ret->path, sizeof ret->path, "/v1/processes/run");
}

/* ------------------------------------------------------------------ hearing */

static bool is_heard(enum must must, const struct tr_problem *p, bool late, bool hangs)
{
	switch (must) {
	case NOTHING:
		return true;
	case ANSWERED_OR_LATE:
		return late || !tr_problem_unheard(p);
	case WELL_OR_LATE:
		return late || p->kind == TR_PROBLEM_NONE;
	case ANSWERED_IF_IT_HANGS:
		break;
	}
	return (late && !hangs) || !tr_problem_unheard(p);
}

void tr_ending_read(struct tr_ending_answer *ret, enum tr_ending step, const struct tr_ending_of *of,
                    const struct tr_http_answer *answer)
{
	bool late = answer->end == TR_HTTP_TIMED_OUT;

	*ret = (struct tr_ending_answer){ .then_ms = -1 };
	if (step == TR_ENDING_LOOK || step == TR_ENDING_SWEEP)
		tr_sweep_output(answer, &ret->problem, &ret->found);
	else
		tr_problem_read(answer, &ret->problem);
	ret->heard = is_heard(rows[step].must, &ret->problem, late, of->hangs);
	ret->hangs = step == TR_ENDING_DELETE && late;
	if (step == TR_ENDING_LOOK && !tr_sweep_is_family(&ret->found)) /* another server, or it tells nothing */
		tr_bytes_free(&ret->found);
	if (step == TR_ENDING_SWEEP && ret->heard && ret->found.size > 0 && of->sweeps < TR_SWEEP_STEPS)
		ret->then_ms = tr_sweep_steps[of->sweeps - 1].then_ms;
}
