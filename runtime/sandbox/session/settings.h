/* SPDX-License-Identifier: Apache-2.0 */
/* Modes, models and the like: set, and set again in a new instance. */
#ifndef TR_SESSION_SETTINGS_H
#define TR_SESSION_SETTINGS_H

#include "runtime/core/ports.h"
#include "runtime/sandbox/session/ask.h"
#include "runtime/sandbox/session/config.h"

enum tr_setting_kind { TR_SET_MODE, TR_SET_CATEGORY, TR_SET_OPTION };

/* One thing to be set. */
struct tr_setting {
	struct tr_list       link;
	enum tr_setting_kind kind;
	char                *name;   /* the category, or the option's id; NULL: a mode */
	struct tr_bytes      value;  /* packed: a text or a boolean */
	bool                 first;  /* of a new session: if it cannot be set there is to be no session */
	struct troupe_call  *call;   /* NULL: nobody waits */
};

struct tr_settings {
	struct tr_config        config;  /* as the agent last had it */
	struct tr_list          line;    /* still to be set, in order: tr_setting */
	size_t                  count;
	char                   *first_mode, *first_model, *first_thought; /* what a new session begins with; NULL: the agent's own */
	struct tr_ask           ask;     /* the first one's request */
	struct tr_timer *timer;
	struct tr_http_request *listing; /* of what the agent offers: it did not say so itself */
	bool                    listed;  /* that was asked, of this instance */
	uint64_t                told;    /* a digest of config, as last told */
};

void tr_settings_init(struct troupe_session *s, const struct troupe_session_options *o);
void tr_settings_fini(struct troupe_session *s);
void tr_settings_silence(struct troupe_session *s);  /* nothing may call back any more */
void tr_settings_read(struct troupe_session *s, enum tr_setting_kind kind, char *name, struct troupe_value value, bool first);
void tr_settings_restored(struct troupe_session *s); /* the items are read */

int  tr_settings_set(struct troupe_session *s, struct troupe_call *call, enum troupe_setting what, const char *config_id,
                     struct troupe_value value);
/* In a turn: the session is bound to a new instance, which gave this result; what the record has is to be
 * set again. first: it was made just now, and is to be as the options want it. */
void tr_settings_bound(struct troupe_session *s, struct troupe_text result, bool first);
void tr_settings_seen(struct troupe_session *s, struct troupe_text update, const char *kind); /* in a turn: it was changed */
void tr_settings_pump(struct troupe_session *s);     /* in a turn: the agent listens; sets the next, if there is one. settle.c */
bool tr_settings_waiting(const struct troupe_session *s); /* a prompt would not run as it was meant */
/* In a turn: the instance is gone. Those that somebody waits for fail; the others are set in the next one. */
void tr_settings_lost(struct troupe_session *s, int error, const char *message);
void tr_settings_unheard(struct troupe_session *s);  /* nobody waits for them any more */
void tr_settings_forget(struct troupe_session *s);   /* all of them, and what is known */

#endif
