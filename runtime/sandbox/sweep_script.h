/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to an agent that is to be ended, what a sandbox is told to run to end agent processes that were left behind in it
 * (spec/sandbox-agent.md 2.7), and what it prints. Who runs it, and when: session_sweep.c for a session's own, debts.c for
 * those of actors that are gone. */
#ifndef TR_SANDBOX_SWEEP_SCRIPT_H
#define TR_SANDBOX_SWEEP_SCRIPT_H

#include "runtime/sandbox/http.h"
#include "runtime/sandbox/problem.h"

#define TR_GOODBYE_MS     2000  /* for an agent's answer to session/close: then it is ended all the same */
#define TR_DELETE_MS      1000  /* for an instance's DELETE: one that takes longer hangs on a living agent */
#define TR_SWEEP_GRACE_MS 500   /* for an agent that obeys the end of its input */
#define TR_SWEEP_RUN_MS   15000 /* for one run of a script */

/* Each is told TERM, looked at again, and told KILL. */
#define TR_SWEEP_STEPS 3
struct tr_sweep_step { const char *signal; int then_ms; };
extern const struct tr_sweep_step tr_sweep_steps[TR_SWEEP_STEPS];

/* Body for a POST to an instance: session/close. Its request id is a new one. */
void tr_sweep_close(struct tr_bytes *body, const char *agent_session);

/* Bodies for POST /v1/processes/run. Those that print, print the pids that they signal. */
void tr_sweep_hung(struct tr_bytes *body, const char *signal); /* children of the server that nobody writes to any more */
void tr_sweep_family(struct tr_bytes *body);                   /* prints the server and its children: PID:START lines */
void tr_sweep_orphans(struct tr_bytes *body, const char *signal, const char *family); /* children of a server that is no more */

/* What it printed; nothing, and p says why, if it could not be run. */
void tr_sweep_output(const struct tr_http_answer *answer, struct tr_problem *p, struct tr_bytes *out);

#endif
