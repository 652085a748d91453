/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's envelopes: JSON-RPC 2.0 as the Agent Client Protocol uses it (spec/sandbox-agent.md 3 and 4.4). What came is
 * looked into, never rewritten; what we send is built here. All texts that are looked into have passed tr_json_check. */
#ifndef TR_PROTO_ACP_H
#define TR_PROTO_ACP_H

#include "proto/bytes.h"
#include "proto/troupe_record.h"

/* ------------------------------------------------------------------ what came */

enum tr_acp_kind {
	TR_ACP_REQUEST,      /* method and id: the agent asks, whatever its id */
	TR_ACP_NOTIFICATION, /* method */
	TR_ACP_RESPONSE,     /* id, and no method */
	TR_ACP_OTHER,        /* an object with neither */
	TR_ACP_ODD           /* no object */
};

#define TR_ACP_METHOD_MAX 64
#define TR_ACP_SHORT_MAX  256 /* of ids and names that we keep: sessions, options, stop reasons */

struct tr_acp {
	enum tr_acp_kind   kind;
	char               method[TR_ACP_METHOD_MAX]; /* "": none, or one too long to be known */
	struct troupe_text id, params, result, error; /* raw JSON, lent; size 0: none */
};

/* Recognises an envelope. */
void tr_acp_read(struct tr_acp *ret, struct troupe_text json);

/* Is it the response to our request with this id (a string, as all of ours are)? */
bool tr_acp_answers(const struct tr_acp *e, const char *our_id);

/* Copies a string member, unescaped, with a NUL. False, and "": there is none, or it does not fit, or it holds U+0000. */
bool tr_acp_short(struct troupe_text object, const char *name, char *into, size_t room);
/* A whole number; `otherwise` when there is none. */
int64_t tr_acp_integer(struct troupe_text object, const char *name, int64_t otherwise);

/* What the result of `initialize` says. */
struct tr_acp_agent {
	int64_t version;      /* of the protocol; -1: none */
	bool    load, resume, close; /* offers session/load, session/resume, session/close */
};
void tr_acp_read_agent(struct troupe_text result, struct tr_acp_agent *ret);
/* The index-th of its login methods that want nothing but an API key in the agent's environment. False: no such. */
bool tr_acp_key_method(struct troupe_text result, unsigned index, char *into, size_t room);
/* Appends the names of all login methods that an error -32000 or a result offers: "a, b". */
void tr_acp_login_methods(struct troupe_text object, struct tr_bytes *out);

/* The options of a permission request, a JSON array. Which of the words "once", "always", "reject" does it serve? */
enum { TR_ACP_ONCE = 1, TR_ACP_ALWAYS = 2, TR_ACP_REJECT = 4 };
unsigned tr_acp_replies(struct troupe_text options);
/* The id of the option that a word chooses. False: the word is unknown or no option serves it. */
bool tr_acp_option(struct troupe_text options, const char *reply, char *into, size_t room);

/* Kinds of tools, as requests name them: "read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode",
 * "other". A list is "read,search"; "*" is all of them. */
bool tr_acp_kinds_valid(const char *list);
bool tr_acp_kinds_hold(const char *list, const char *kind);

/* createdAtMs of a server in the answer of GET /v1/acp; 0: it is not there. */
int64_t tr_acp_listed(struct troupe_text list, const char *server_id);

/* ------------------------------------------------------------------ what we send: each appends one envelope */

#define TR_ACP_VERSION 1

void tr_acp_initialize(struct tr_bytes *out, const char *id, const char *our_version);
void tr_acp_authenticate(struct tr_bytes *out, const char *id, const char *method);
void tr_acp_new(struct tr_bytes *out, const char *id, const char *cwd);
/* method: session/load or session/resume. */
void tr_acp_restore(struct tr_bytes *out, const char *id, const char *method, const char *session, const char *cwd);
/* replay: the text that a new agent session is told of the earlier one, as a first block that is marked
 * "_meta":{"troupe":"replay"}; size 0: none. */
/* content: a packed array of content blocks that goes in front of the text as it is; size 0: none. */
void tr_acp_prompt(struct tr_bytes *out, const char *id, const char *session, struct troupe_text replay,
                   struct troupe_value content, const char *text);
/* Are these content blocks, that is a packed array of objects each with a type (a text)? */
bool tr_acp_blocks_valid(struct troupe_value content);
void tr_acp_cancel(struct tr_bytes *out, const char *session);
void tr_acp_close(struct tr_bytes *out, const char *id, const char *session);
void tr_acp_set_mode(struct tr_bytes *out, const char *id, const char *session, struct troupe_text mode);
/* value: a packed text or boolean. */
void tr_acp_set_option(struct tr_bytes *out, const char *id, const char *session, const char *option, struct troupe_value value);
/* raw_id: the agent's id as it came. option NULL: cancelled. */
void tr_acp_permission_reply(struct tr_bytes *out, struct troupe_text raw_id, const char *option);
void tr_acp_refuse(struct tr_bytes *out, struct troupe_text raw_id, int code, const char *message);

/* ------------------------------------------------------------------ what we note in the log (4.4) */

/* A turn that will get no response. */
void tr_acp_note_lost(struct tr_bytes *out, const char *id, const char *reason, const char *message);
/* Messages from..to of the stream are gone; to 0: it is not known how many. */
void tr_acp_note_gap(struct tr_bytes *out, const char *server_id, int64_t created_ms, uint64_t from, uint64_t to);
void tr_acp_note_restored(struct tr_bytes *out, const char *how, const char *session, unsigned replayed);
void tr_acp_note_oversize(struct tr_bytes *out, uint64_t stream_id, uint64_t bytes);
void tr_acp_note_expired(struct tr_bytes *out, const char *permission_id, struct troupe_text raw_id);
/* Something that is no envelope; need not even be JSON. */
void tr_acp_note_odd(struct tr_bytes *out, struct troupe_text value, bool json);
/* In the place of an envelope that is too large for clients. */
void tr_acp_note_truncated(struct tr_bytes *out, const struct tr_acp *e, uint64_t bytes);

#endif
