/* SPDX-License-Identifier: Apache-2.0 */
/* Agent processes that were left behind, and what is known of a server's processes: its family. */
#ifndef TR_SESSION_SWEEP_H
#define TR_SESSION_SWEEP_H

#include "proto/bytes.h"
#include "runtime/core/ports.h"
#include "runtime/sandbox/wire/http.h"

struct tr_left;

struct tr_sweep {
	struct tr_bytes         family;         /* of the server (sweep_script.h); empty: not known */
	struct tr_http_request *family_request; /* for that, in the background */
	struct tr_http_request *request;        /* of a sweep or a look, one at a time */
	struct tr_timer        *timer;          /* until the sweep's next signal */
	struct tr_bytes         swept;          /* the family, with whom this sweep has signalled */
	unsigned                count;          /* signals so far */
	bool                    must;
	struct tr_left         *looking_at;
	uint64_t                looks;          /* how many so far, and how many were given up */
	void                  (*then)(struct troupe_session *s);
};

void tr_sweep_init(struct troupe_session *s);
void tr_sweep_fini(struct troupe_session *s);
void tr_sweep_stop(struct troupe_session *s); /* whatever it was doing */

/* From the loop: ends such processes, then `then`. some_hang: they get a moment to end by themselves, and
 * must not stay; else a sandbox that does not run the script is left alone with what there may be. A
 * broken way is noted as trouble instead. */
void tr_sweep(struct troupe_session *s, bool some_hang, void (*then)(struct troupe_session *s));
/* From the loop: what is below this one's agent is noted durably, then `then`. */
void tr_family_look(struct troupe_session *s, struct tr_left *left, void (*then)(struct troupe_session *s));
/* Asks for the server's family, in the background. */
void tr_family_note(struct troupe_session *s);
void tr_family_note_missing(struct troupe_session *s); /* the same, unless it is known or asked for */
bool tr_family_known(const struct troupe_session *s);
void tr_family_forget(struct troupe_session *s); /* in a turn */

#endif
