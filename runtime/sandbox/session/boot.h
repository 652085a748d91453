/* SPDX-License-Identifier: Apache-2.0 */
/* A new instance of the agent, from its first request to a bound session. */
#ifndef TR_SESSION_BOOT_H
#define TR_SESSION_BOOT_H

#include "runtime/sandbox/session/ask.h"
#include "runtime/sandbox/session/tell.h"

enum tr_boot_step {
	TR_BOOT_NOT, TR_BOOT_INITIALIZE, TR_BOOT_LIST, TR_BOOT_LOGIN, TR_BOOT_RESUME, TR_BOOT_LOAD, TR_BOOT_NEW
};

struct tr_held { struct tr_list link; enum tr_sender sender; struct tr_bytes json; };

struct tr_boot {
	enum tr_boot_step       step;
	struct tr_ask           ask;
	struct tr_http_request *list;
	struct tr_acp_agent     caps;
	struct tr_bytes         initialized;  /* initialize's result */
	unsigned                login;        /* methods tried */
	struct tr_timer *timer;
	struct tr_list          held;         /* came before the session was bound: tr_held */
	size_t                  held_count, held_bytes;
	unsigned                replayed;     /* updates that a load repeated */
	void                  (*then)(struct troupe_session *s); /* in a turn: it is bound */
};

void tr_boot_init(struct troupe_session *s);
void tr_boot_fini(struct troupe_session *s);
/* From the loop: makes one, then `then`. When that fails it notes a verdict. */
void tr_boot_start(struct troupe_session *s, void (*then)(struct troupe_session *s));
void tr_boot_stop(struct troupe_session *s);       /* whatever it was doing; frees what it held */
/* In a turn: an envelope of an instance that is not bound yet. */
void tr_boot_take(struct troupe_session *s, struct troupe_text json, const struct tr_acp *e);

#endif
