/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to an agent that is to be ended, what a sandbox is told to run to end agent processes that were left
 * behind in it (spec/sandbox-agent.md 2.7), and what it prints. In which order: ending.h. */
#ifndef TR_SANDBOX_SWEEP_SCRIPT_H
#define TR_SANDBOX_SWEEP_SCRIPT_H

#include "runtime/base/limits.h"
#include "runtime/sandbox/wire/http.h"
#include "runtime/sandbox/wire/problem.h"

/* Each is told TERM, looked at again, and told KILL. */
#define TR_SWEEP_STEPS 3
struct tr_sweep_step { const char *signal; int then_ms; };
extern const struct tr_sweep_step tr_sweep_steps[TR_SWEEP_STEPS];

/* Body for a POST to an instance: session/close. Its request id is a new one. */
void tr_sweep_close(struct tr_bytes *body, const char *agent_session);

/* A server's family, as its sandbox tells it: lines
 *
 *	PID:START        the server, first; then each child of it that reads from a pipe
 *	PID:START:PIPE   a child that is an agent of ours, by its age; and what is below it. PIPE: what that agent reads from
 *
 * PID and START together never mean another process, PIPE never another agent. False: it is none, or larger than
 * TR_FAMILY_BYTES_MAX. */
bool tr_sweep_is_family(const struct tr_bytes *lines);

/* Bodies for POST /v1/processes/run. family: as noted before; may be empty. */

/* Prints the family as it is now; what was noted as below an agent stays so, as long as it lives. created_ms: when the agent's
 * instance was made, createdAtMs; 0: known by the note alone. Prints nothing if the server is another than the noted one. */
void tr_sweep_family(struct tr_bytes *body, int64_t created_ms, const char *family);
/* Signals what nobody can reach any more: children of the server whose pipe it has closed (unless it is process 1), and those of
 * the family that are, or were, below an agent whose pipe it has closed, with all that is below them now. All of the family, if
 * its server is no more. Prints whom it signalled, lines to be added to the family for the next time: who loses its parent by that
 * is known by them. */
void tr_sweep_left(struct tr_bytes *body, const char *signal, const char *family);

/* Those that it signalled join the family, as long as there is room. */
void tr_sweep_add(struct tr_bytes *family, const struct tr_bytes *lines);

/* What it printed; nothing, and p says why, if it could not be run. */
void tr_sweep_output(const struct tr_http_answer *answer, struct tr_problem *p, struct tr_bytes *out);

#endif
