/* SPDX-License-Identifier: Apache-2.0 */
/* A program that we start: in a session of its own, with nothing of ours but what it is given. */
#ifndef TR_SANDBOX_CHILD_H
#define TR_SANDBOX_CHILD_H

#include <sys/types.h>

struct tr_child_options {
	const char        *program;  /* a path, or a name to be looked for in PATH */
	char *const       *argv;
	const char        *dir;      /* NULL: where we are */
	int                in, out, err; /* negative: /dev/null */
	const char *const *with;     /* NAME=VALUE, besides our environment without our own secrets; ends with NULL */
};

/* 0 or an errno. */
int tr_child_start(pid_t *pid, const struct tr_child_options *o);

#endif
