/* SPDX-License-Identifier: Apache-2.0 */
/* What the local sandbox has on disk, and what /proc says about its process. Inside of local.c; nothing here
 * keeps anything open. (tr_local_find_binary of local.h lives here as well.) */
#ifndef TR_SANDBOX_LOCAL_DISK_H
#define TR_SANDBOX_LOCAL_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TR_LOCAL_TOKEN_CHARACTERS 48 /* 24 random bytes, in hex */

/* ---- the note, DATA/sandbox.json: what the next server process needs to find the sandbox again */

struct tr_local_note {
	pid_t    pid;        /* 0: was about to be started, or was stopped */
	uint64_t start_time; /* of that process: field 22 of /proc/PID/stat */
	int      port;
	char     token[TR_LOCAL_TOKEN_CHARACTERS + 1];
};

/* False: there is none, or it is not one of ours. */
bool tr_local_note_read(const char *path, struct tr_local_note *ret);
/* Whole or not at all, on disk when it returns, readable by the owner only. False: errno says why. */
bool tr_local_note_write(const char *path, const struct tr_local_note *note);

/* ---- the process */

bool tr_local_start_time(pid_t pid, uint64_t *ret); /* false: there is no such process, or it has ended */
/* The process that was started with this token, the one of the note or, when it was not noted any more, any. 0: none. */
pid_t tr_local_find_process(const struct tr_local_note *note);

/* What runs in a local sandbox has TR_LOCAL_MARK=FOLDER in its environment, wherever it wandered. Kills all that has it
 * for this folder, and says how many processes that were. */
#define TR_LOCAL_MARK "TROUPE_SANDBOX_OF"
int tr_local_kill_marked(const char *folder);

/* ---- files */

/* The demonstration agent's agent.mjs: TROUPE_DEMO_AGENT, or beside the npm folder that has `binary`, or where
 * tr_local_find_binary would look for that folder. False: nowhere. */
bool tr_local_find_demo(const char *binary, char *into, unsigned size);
/* Makes HOME/sandbox-agent/bin/agent_processes/mock-acp a program that runs `agent_mjs`. False: errno says why. */
bool tr_local_install_demo(const char *home, const char *agent_mjs);
/* For appending, moved to PATH.1 before when it has grown over 8 MiB. Close-on-exec. Negative: errno says why. */
int  tr_local_open_log(const char *path);

#endif
