/* SPDX-License-Identifier: Apache-2.0 */
/* An option is a row: its name, its words in the help, an example, and where its value goes. The help, the environment's names,
 * the complaints and the suggestions all come from the table. For the files options*.c alone. */
#ifndef TR_MAIN_OPTIONS_TABLE_H
#define TR_MAIN_OPTIONS_TABLE_H

#include <stddef.h>
#include <sys/socket.h>

#include "runtime/main/options.h"


enum tr_option_is { TR_OPTION_OWN, TR_OPTION_TEXT, TR_OPTION_FLAG, TR_OPTION_LIST };

struct tr_option {
	const char *name;    /* --name; TROUPE_NAME in the environment. NULL: a heading, which has help alone */
	const char *value;   /* what its value is called in the help; NULL: a flag */
	const char *help;    /* lines; each fits behind the column where help begins */
	const char *example; /* a value that would do */
	bool        secret;  /* the value is never printed */
	size_t      several; /* of a list: where in struct tr_options one from the environment is taken apart */
	enum tr_option_is is;
	size_t      at;      /* where in struct tr_options its text, flag or list is */
	const char *(*check)(const char *text);                    /* of a text, or of one in a list; NULL: any will do */
	const char *(*set)(struct tr_options *o, const char *text); /* of one that is its own: takes the value */
	                     /* Both: NULL, or what is wrong, as half a sentence */
};

/* ------------------------------------------------------------------ options_table.c */


/* Ends with a row without help. */
extern const struct tr_option tr_options_table[];

/* NULL: there is none of this name. */
const struct tr_option *tr_options_find(const char *name, size_t size);

/* ------------------------------------------------------------------ options_values.c */

/* Takes a value. NULL, or what is wrong with it, as half a sentence. */
const char *tr_options_set(struct tr_options *o, const struct tr_option *option, const char *value);

const char *tr_options_check_sandbox(const char *text);
const char *tr_options_check_provider(const char *text);
const char *tr_options_check_agent(const char *text);
const char *tr_options_check_token(const char *text);
const char *tr_options_check_origin(const char *text);
const char *tr_options_check_kinds(const char *text);

const char *tr_options_set_listen(struct tr_options *o, const char *text);
const char *tr_options_set_permission_time(struct tr_options *o, const char *text);
const char *tr_options_set_message_size(struct tr_options *o, const char *text);
const char *tr_options_set_agent_on_sleep(struct tr_options *o, const char *text);
const char *tr_options_set_proxy(struct tr_options *o, const char *text);
const char *tr_options_set_log_level(struct tr_options *o, const char *text);
const char *tr_options_set_log_format(struct tr_options *o, const char *text);

/* Of host and port. false: they are none. */
bool tr_options_address(const struct tr_options *o, struct sockaddr_storage *into);

/* ------------------------------------------------------------------ options_help.c */

/* These return what the program exits with. */
int tr_options_print_help(void);
int tr_options_print_version(void);
int tr_options_refuse(const struct tr_option *option, const char *value, bool environment, const char *wrong);
int tr_options_refuse_unknown(const char *argument);
int tr_options_refuse_silence(void); /* no command was given */

/* Its name in the environment. */
void tr_options_variable(const struct tr_option *option, char into[64]);

/* ------------------------------------------------------------------ options_together.c */

/* 0: these options go together. given: by row, those that the command line named. */
int tr_options_check_together(const struct tr_options *o, const bool given[]);

#endif
