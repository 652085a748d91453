/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an agent: what its sandbox is asked, one after the other, with what bound, and what each answer
 * means.
 *
 *	[close ->] look -> delete -> (a moment) -> sweep, three times at most
 *
 *	close    session/close, if its agent wants to hear it. Whatever it thinks of it
 *	look     who is below it now. What is found is stored before the next step: whoever goes on after us could
 *	         not look any more
 *	delete   the DELETE of its instance. A living agent never answers it: it is closed, which is the end of
 *	         its input; one that takes longer *hangs*
 *	sweep    signals what is left: TERM, TERM, KILL, as long as there was somebody to signal
 *
 * An answer that was not heard begins all of it anew, later. None needs the agent's consent. Who stores what
 * in between, and waits: a session for its own (session/clean.c, session/sweep.c), debts.c for those of
 * actors that are gone. Pure. */
#ifndef TR_SANDBOX_ENDING_H
#define TR_SANDBOX_ENDING_H

#include "runtime/base/limits.h"
#include "runtime/sandbox/wire/sweep_script.h"

enum tr_ending { TR_ENDING_CLOSE, TR_ENDING_LOOK, TR_ENDING_DELETE, TR_ENDING_SWEEP };

/* Whose. All is lent. */
struct tr_ending_of {
	const char            *server_id;  /* NULL: a sweep is for several */
	const char            *close;      /* its agent session that wants to hear it; NULL or "": none */
	int64_t                created_ms; /* of its instance; 0: not known */
	struct tr_bytes       *family;     /* as known; behind a sweep with whom that has signalled */
	unsigned               sweeps;     /* this one and those before it */
	bool                   hangs;      /* some that it is about hang: a sweep must have been heard */
	int                    run_ms;     /* struct tr_sandbox_times */
};

/* The step to begin with, and the one behind it: where there is nothing to say, close is none. */
enum tr_ending tr_ending_first(const struct tr_ending_of *of);
/* How long an agent gets to obey the end of its input, before the first sweep. */
int tr_ending_grace_ms(const struct tr_ending_of *of);

/* To be started at its sandbox by whoever asks, with an on_end of its own; o.body is this one's. */
struct tr_ending_request {
	struct tr_http_options o;
	struct tr_bytes        body;
	char                   path[TR_ENDING_PATH_MAX];
};
void tr_ending_ask(struct tr_ending_request *ret, enum tr_ending step, const struct tr_ending_of *of);

struct tr_ending_answer {
	bool              heard;   /* false: begin anew, later; the problem says why */
	bool              hangs;   /* delete: it was not answered */
	int               then_ms; /* sweep: after so long once more; negative: that was all */
	struct tr_bytes   found;   /* look: the family, to be stored; empty: as known. sweep: whom it signalled */
	struct tr_problem problem;
};
/* found is to be freed. */
void tr_ending_read(struct tr_ending_answer *ret, enum tr_ending step, const struct tr_ending_of *of,
                    const struct tr_http_answer *answer);

#endif
