/* SPDX-License-Identifier: Apache-2.0 */
/* `troupe serve`'s options, from the command line and from TROUPE_... in the environment (the command line wins). */
#ifndef TR_MAIN_OPTIONS_H
#define TR_MAIN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/limits.h"
#include "runtime/base/log.h"


struct tr_options {
	char              host[256];    /* --listen HOST:PORT, 127.0.0.1:6420 */
	char              port[6];
	const char       *data;         /* --data, ./data */
	const char       *sandbox;      /* --sandbox local|URL|none; "local" */
	const char       *sandbox_token;/* --sandbox-token; NULL */
	const char       *sandbox_ca;   /* --sandbox-ca FILE; NULL */
	const char       *sandbox_agent;/* --sandbox-agent PATH; NULL: searched */
	const char       *providers[TR_OPTIONS_SEVERAL_MAX + 1]; /* --provider, several; ends with NULL */
	const char       *provider_options; /* --provider-options FILE; NULL */
	const char       *provider_modules; /* --provider-modules DIR; NULL: the working directory */
	const char       *agent;        /* --agent NAME, "mock" */
	long              permission_s; /* --permission-time; 0: no limit */
	size_t            message_size; /* --message-size; 0: the usual */
	bool              dispose, pause; /* --agent-on-sleep dispose, pause */
	const char       *auto_approve; /* --auto-approve KINDS; NULL: none */
	const char       *cwd;          /* --cwd DIR, where agents work; NULL: DATA/work */
	const char       *token;        /* --token; NULL */
	const char       *observer_token; /* --observer-token; NULL */
	char              proxy[48];    /* --trust-proxy, as inet_ntop prints it; "" */
	const char       *origins[TR_OPTIONS_SEVERAL_MAX + 1]; /* --allow-origin, several; ends with NULL */
	enum tr_log_level log_level;
	bool              log_json;
	bool              insecure, no_supervise, show_errors;
	bool              private_sandboxes; /* --allow-private-sandboxes */
	char              origins_text[TR_OPTIONS_LIST_BYTES]; /* behind the lists */
	char              providers_text[TR_OPTIONS_LIST_BYTES];
};

enum tr_options_outcome { TR_OPTIONS_SERVE = 0, TR_OPTIONS_EXIT_OK = 1, TR_OPTIONS_EXIT_USAGE = 2 };

/* 0: serve with *ret (texts are lent from argv and the environment; those of lists lie in *ret, which must
 * not be copied). Else everything has been said (help and version on
 * stdout, complaints on stderr, naming the bad value and what would do) and the program exits with 0 or 2. */
int tr_options_parse(struct tr_options *ret, int argc, char **argv);

#endif
