/* SPDX-License-Identifier: Apache-2.0 */
/* Instances that we left behind. */
#ifndef TR_SESSION_CLEAN_H
#define TR_SESSION_CLEAN_H

#include "proto/acp.h"
#include "proto/bytes.h"
#include "runtime/base/limits.h"
#include "runtime/base/list.h"
#include "runtime/sandbox/wire/ending.h"
#include "runtime/sandbox/wire/http.h"
#include "runtime/troupe.h"

/* close: its agent session, to be closed first; "": none. hung: its DELETE was not answered. item: as read
 * back. */
struct tr_left {
	struct tr_list    link;
	char              server_id[TR_SERVER_ID_MAX], close[TR_ACP_SHORT_MAX];
	int64_t           created_ms;
	enum tr_ending    step;    /* the next */
	bool              hung;
	struct tr_bytes   item;
};

struct tr_cleaning {
	struct tr_list          left;    /* tr_left */
	struct tr_http_request *request;
	void                  (*then)(struct troupe_session *s);
};

void tr_clean_init(struct troupe_session *s);
void tr_clean_fini(struct troupe_session *s);
/* One more is left behind, unless it was before. well: its agent listens, and is told if it wants to be. */
void tr_clean_add(struct troupe_session *s, bool well);
void tr_left_free(struct tr_left *left);
/* From the loop: ends what we left behind, then `then`. A broken way is noted as trouble instead. */
void tr_clean_start(struct troupe_session *s, void (*then)(struct troupe_session *s));
void tr_clean_stop(struct troupe_session *s); /* to be begun anew */
void tr_clean_hand_over(struct troupe_session *s); /* in a turn: the server's debts end all of them, without us */

#endif
