/* SPDX-License-Identifier: Apache-2.0 */
/* How patient sessions, debts and providers are, where a test must be less, or more. Whoever makes a sandbox
 * lends one of these for its life (sandbox.h); what is changed in it counts from the next look. limits.h
 * says what happens when each has passed. */
#ifndef TR_SANDBOX_TIMES_H
#define TR_SANDBOX_TIMES_H

#include "runtime/base/limits.h"

struct tr_sandbox_times {
	int settle_ms, silence_ms, flood_ms, late_ms; /* of a session's stream */
	int cancel_ms;
	int sweep_run_ms;
	int bridge_create_ms;
};

#define TR_SANDBOX_TIMES { \
	.settle_ms = TR_SETTLE_MS, .silence_ms = TR_SILENCE_MS, .flood_ms = TR_FLOOD_MS, .late_ms = TR_LATE_MS, \
	.cancel_ms = TR_CANCEL_MS, \
	.sweep_run_ms = TR_SWEEP_RUN_MS, \
	.bridge_create_ms = TR_BRIDGE_CREATE_MS, \
}

#endif
