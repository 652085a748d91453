/* SPDX-License-Identifier: Apache-2.0 */
/* What was said lately, in bounded form: so that an agent session that had to begin anew can be told of
 * the old one without ever reading the log. Messages are joined from their pieces; the oldest go first,
 * whole. Pure. */
#ifndef TR_SANDBOX_HISTORY_H
#define TR_SANDBOX_HISTORY_H

#include "proto/value.h"
#include "runtime/base/list.h"

struct tr_history {
	struct tr_list messages; /* oldest first */
	size_t         characters, characters_max; /* of all; of the text that is made of them */
};

void tr_history_init(struct tr_history *h, size_t characters_max); /* 500 at least */
void tr_history_fini(struct tr_history *h);

/* who may be NULL. */
void tr_history_user(struct tr_history *h, const char *who, const char *text);
/* A piece of what the agent says: belongs to its message before, if nothing came between. */
void tr_history_agent(struct tr_history *h, struct troupe_text text);
/* A tool call, or an update of one: title and status may be NULL, then they stay as they are. An update of
 * a call that is not known any more is passed over. */
void tr_history_tool(struct tr_history *h, const char *tool_id, const char *title, const char *status);

/* Appends the text for a new agent session: at most characters_max characters, whole messages, the newest
 * of them, in the order of time. Only a newest message that alone is too long is cut, at its front.
 * Nothing when nothing was said. */
void tr_history_text(const struct tr_history *h, struct tr_bytes *out);

/* To and from an item: one packed value. Reading replaces what there is; what is no history is passed
 * over. */
void tr_history_put(const struct tr_history *h, struct tr_bytes *out);
void tr_history_read(struct tr_history *h, struct troupe_value v);

#endif
