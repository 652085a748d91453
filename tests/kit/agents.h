/* SPDX-License-Identifier: Apache-2.0 */
/* A session port whose agent does what a test says: it takes prompts, emits what it is told to, and ends turns. Nothing of it
 * is durable; what the actor makes of it is. */
#ifndef TR_TESTS_KIT_AGENTS_H
#define TR_TESTS_KIT_AGENTS_H

#include "runtime/core/ports.h"

const struct tr_sessions *tr_agents(void);

/* The session of the actor with this key that is open now; NULL: none is. */
struct troupe_session *tr_agent_of(const char *key);
/* An envelope (JSON) from the agent. */
void tr_agent_emits(struct troupe_session *s, const char *json);
/* The running prompt ends. False: none runs. */
bool tr_agent_finishes(struct troupe_session *s, const char *stop_reason);

#endif
