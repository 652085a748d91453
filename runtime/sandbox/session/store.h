/* SPDX-License-Identifier: Apache-2.0 */
/* The durable items of a session, as they are written (store.c has the list of them). All of it in a turn. */
#ifndef TR_SESSION_STORE_H
#define TR_SESSION_STORE_H

#include "proto/bytes.h"
#include "runtime/base/limits.h"
#include "runtime/troupe.h"

struct tr_prompt;
struct tr_permission;
struct tr_left;

/* What has changed, and is to be written at the end of the turn. */
struct tr_dirty { bool main, at, history, config; };

/* At a turn's end: writes what has changed. */
void tr_store_save(struct troupe_session *s);
void tr_store_put_record(const struct troupe_session *s, struct tr_bytes *out); /* as listSessions tells it */
void tr_store_forget(struct troupe_session *s);                 /* it was never made: its items go */
void tr_store_forget_record(struct troupe_session *s);          /* the same: it is not listed */
void tr_store_left(struct troupe_session *s, struct tr_left *left); /* with what is known of it now */
void tr_store_hand_over(struct troupe_session *s, const struct tr_left *left); /* the server ends it */
void tr_store_hand_over_item(struct troupe_session *s, const char *server_id, struct troupe_value item); /* the same */
void tr_store_block(struct troupe_session *s);                  /* of the index: it is full */
void tr_store_prompt(struct troupe_session *s, const struct tr_prompt *p); /* open: whole; ended: what it came to */
void tr_store_permission(struct troupe_session *s, const struct tr_permission *p);
void tr_store_resolved(struct troupe_session *s, const struct tr_permission *p, const char *reply, const char *user_id);
void tr_store_forget_permission(struct troupe_session *s, const char *permission_id);
void tr_store_instance(struct troupe_session *s);               /* it is, or is about to be: somebody must end it one day */
void tr_store_cleaned(struct troupe_session *s, const char *server_id);
void tr_store_family(struct troupe_session *s);
void tr_store_big(struct troupe_session *s, uint64_t event_index, struct troupe_text json);

/* ---- keys */

/* Of all that is read when the actor wakes. */
struct troupe_text tr_store_open_prefix(const struct troupe_session *s, char into[TR_ITEM_KEY_MAX]);
/* Of items that are looked up one by one. */
struct troupe_text tr_store_done_key(const struct troupe_session *s, char into[TR_ITEM_KEY_MAX], const char *prompt_id);
struct troupe_text tr_store_resolved_key(const struct troupe_session *s, char into[TR_ITEM_KEY_MAX], const char *permission_id);
/* Of sessions that are not open, perhaps: of a block of the index, of where it is. */
struct troupe_text tr_store_main_key(const char *session_id, char into[TR_ITEM_KEY_MAX]);
struct troupe_text tr_store_block_key(const char *session_id, char into[TR_ITEM_KEY_MAX], uint64_t block);
struct troupe_text tr_store_at_key(const char *session_id, char into[TR_ITEM_KEY_MAX]);
struct troupe_text tr_store_big_key(const char *session_id, char into[TR_ITEM_KEY_MAX], uint64_t event_index);

#endif
