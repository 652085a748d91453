/* SPDX-License-Identifier: Apache-2.0 */
/* What a session tells: events, which are logged and numbered, and changes, which are only sent. All of it
 * in a turn. */
#ifndef TR_SESSION_TELL_H
#define TR_SESSION_TELL_H

#include "proto/bytes.h"
#include "runtime/base/limits.h"
#include "runtime/sandbox/wire/problem.h"
#include "runtime/troupe.h"

/* Where the events of a session lie in the actor's log: seqs, in blocks of so many. One item a block,
 * written when it is full; until then its seqs are part of open/at. */
#define TR_SEQ_NONE    0    /* was not published */
#define TR_SEQ_UNKNOWN (-1) /* logged before there was an index */

enum tr_sender { TR_CLIENT, TR_AGENT, TR_SYNTHETIC };

struct tr_tell {
	uint64_t event_index;          /* of the newest event */
	int64_t  seqs[TR_INDEX_BLOCK]; /* of the events of the block that is not full yet */
	char     state[16];            /* sandbox.state as last told, perhaps before we slept; "": nothing yet */
};

/* One envelope becomes a SessionEvent. json has passed tr_json_check. */
void tr_session_event(struct troupe_session *s, enum tr_sender sender, struct troupe_text json);
/* The same, of what was just built; frees it. */
void tr_session_note(struct troupe_session *s, enum tr_sender sender, struct tr_bytes *json);
/* Tells a change; value is a packed map, which is freed. */
void tr_session_change(struct troupe_session *s, const char *name, struct tr_bytes *value);
/* sandbox.state, when it is another than told last. error 0: none. */
void tr_session_state(struct troupe_session *s, const char *state, int error, const char *message);
/* session.state: created, resumed, destroyed. */
void tr_session_life(struct troupe_session *s, const char *state);
/* What an agent's own error is to people, its words, and to programs: appends { code, data }, of both what
 * there is. */
int tr_session_read_error(struct troupe_text error, char words[TR_PROBLEM_WORDS], struct tr_bytes *metadata);
/* Appends "error": { group, code, message, metadata }; metadata size 0: left out. */
void tr_session_put_error(struct tr_bytes *out, int error, const char *message, struct troupe_value metadata);

#endif
