/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the workspace share: workspace.c, the kind and its actions; workspace_input.c, how one begins;
 * workspace_sessions.c, its agents; workspace_people.c, who is in it. */
#ifndef WORKSPACE_H
#define WORKSPACE_H

#include <troupe.h>

#define DEFAULT_SESSION "default"
#define SESSIONS_MAX    16 /* living at once, each with an agent of its own; one more is refused */

struct workspace {
	const char *agent, *provider, *base_url, *sandbox_id, *when_lost; /* from the creator; absent: as the server has it */
	const char *mode, *model, *thought_level;  /* as well; absent: as the agent has it */
	const char *auto_approve;                  /* as well; absent: the server's */
	int64_t permission_ms, stall_ms;           /* 0: the server's, the runtime's */
	const char *living;                        /* ids of the sessions beside the default one, a blank between */
	struct troupe_session *sessions[SESSIONS_MAX]; /* from wake to sleep */
	size_t session_count;
	bool no_sandbox;                           /* this server has none */
	struct troupe_timer *typing;               /* somebody's time is up, or others are to be told */
	int64_t typing_told;
	bool typing_changed;                       /* since then */
};

struct workspace_window { int64_t typing_until; }; /* of a connection; 0: nobody types there */

/* ------------------------------------------------------------------ workspace_input.c */

/* Fills the fields from the creator's input, or refuses it. */
int workspace_create(struct troupe_actor *a);

/* ------------------------------------------------------------------ workspace_sessions.c */

struct workspace_opening {
	const char *id, *agent, *cwd, *mode, *model, *thought_level; /* all but id: NULL, as the server and the agent have it */
	enum troupe_session_how how;
};

/* From wake to sleep: the default session and those that lived. TROUPE_ESANDBOX: this server has no agents. */
int  workspace_open_sessions(struct troupe_actor *a);
void workspace_close_sessions(struct troupe_actor *a);

/* Opens one more, and answers the call when it is ready: returns TROUPE_LATER, or negative. */
int workspace_open_for(struct troupe_actor *a, struct troupe_call *call, const struct workspace_opening *o);

/* The one with this id; id NULL: the default one. Returns NULL: no such session is open. */
struct troupe_session *workspace_session(struct troupe_actor *a, const char *id);

/* ------------------------------------------------------------------ workspace_people.c */

/* Whoever was here when the actor went to sleep is here still. */
void workspace_wake_people(struct troupe_actor *a);

int  workspace_join(struct troupe_actor *a, struct troupe_peer *p);
int  workspace_subscribe(struct troupe_actor *a, struct troupe_peer *p, const char *name);
void workspace_leave(struct troupe_actor *a, struct troupe_peer *p);

/* p, who has a name, says that it types, or that it does not. */
void workspace_types(struct troupe_actor *a, struct troupe_peer *p, bool types);

#endif
