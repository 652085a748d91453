/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the options, from the command line and then from the environment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/main/options_table.h"

static int take(struct tr_options *o, const struct tr_option *option, const char *value,
		bool environment)
{
	const char *wrong = *value || option->secret ? tr_options_set(o, option, value) : "the value is empty";

	return wrong ? tr_options_refuse(option, value, environment, wrong) : 0;
}

/* One option of the command line, at argv[*at]; *at moves on when its value is the next argument. */
static int take_argument(struct tr_options *o, char **argv, int *at, bool given[])
{
	const char *argument = argv[*at], *name = argument + 2;
	size_t size = strcspn(name, "=");
	const struct tr_option *option = tr_options_find(name, size);
	const char *value = name[size] ? name + size + 1 : NULL;

	if (!option)
		return tr_options_refuse_unknown(argument);
	given[option - tr_options_table] = true;
	if (!option->value) {
		if (!value)
			return take(o, option, "1", false);
		fprintf(stderr, "troupe: --%s is a flag and takes no value\n", option->name);
		return TR_OPTIONS_EXIT_USAGE;
	}
	if (!value && argv[*at + 1] && strncmp(argv[*at + 1], "--", 2))
		value = argv[++*at];
	if (value)
		return take(o, option, value, false);
	fprintf(stderr, "troupe: --%s: its value is missing, e.g. --%s %s\n", option->name,
		option->name, option->example);
	return TR_OPTIONS_EXIT_USAGE;
}

static int take_arguments(struct tr_options *o, char **argv, bool given[])
{
	int outcome = 0;

	for (int i = 2; argv[i] && !outcome; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return tr_options_print_help();
		if (!strcmp(argv[i], "--version"))
			return tr_options_print_version();
		if (*argv[i] != '-') {
			fprintf(stderr, "troupe: serve takes options only, not '%s'."
				" `troupe serve --help` lists them.\n", argv[i]);
			return TR_OPTIONS_EXIT_USAGE;
		}
		outcome = strncmp(argv[i], "--", 2) ? tr_options_refuse_unknown(argv[i])
						    : take_argument(o, argv, &i, given);
	}
	return outcome;
}

static int take_list(struct tr_options *o, const struct tr_option *option, const char *value)
{
	char *rest = (char *)o + option->several, *one;

	if (strlen(value) >= TR_OPTIONS_LIST_BYTES)
		return tr_options_refuse(option, "...", true, "the list is too long");
	strcpy(rest, value);
	while ((one = strsep(&rest, ", "))) {
		int outcome = *one ? take(o, option, one, true) : 0;

		if (outcome)
			return outcome;
	}
	return 0;
}

/* An empty variable counts as unset, as people write it in unit and compose files; but not an empty
 * token, whose writer believes that there is one. */
static int take_environment(struct tr_options *o, const bool given[])
{
	for (const struct tr_option *option = tr_options_table; option->help; option++) {
		const char *value;
		char name[64];
		int outcome;

		if (!option->name || given[option - tr_options_table])
			continue;
		tr_options_variable(option, name);
		value = getenv(name);
		if (!value || (!*value && !option->secret))
			continue;
		outcome = option->several ? take_list(o, option, value)
					  : take(o, option, value, true);
		if (outcome)
			return outcome;
	}
	return 0;
}

/* What comes before the options: `troupe serve`, or a question about the program. -1: it is serve. */
static int take_command(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : NULL;

	if (!command)
		return tr_options_refuse_silence();
	if (!strcmp(command, "serve"))
		return -1;
	if (!strcmp(command, "--help") || !strcmp(command, "-h") || !strcmp(command, "help"))
		return tr_options_print_help();
	if (!strcmp(command, "--version") || !strcmp(command, "version"))
		return tr_options_print_version();
	if (*command == '-')
		fprintf(stderr, "troupe: the command comes before the options: "
			"troupe serve --...\n");
	else
		fprintf(stderr, "troupe: there is no command '%s', only `troupe serve`."
			" `troupe --help` tells more.\n", command);
	return TR_OPTIONS_EXIT_USAGE;
}

int tr_options_parse(struct tr_options *ret, int argc, char **argv)
{
	static const struct tr_options usual = {
		.host = "127.0.0.1", .port = "6420", .data = "./data",
		.sandbox = "local", .agent = "mock", .log_level = TR_LOG_INFO,
	};
	bool given[TR_OPTIONS_ROWS_MAX] = { false };
	int outcome = take_command(argc, argv);

	if (outcome >= 0)
		return outcome;
	*ret = usual;
	if ((outcome = take_arguments(ret, argv, given)) ||
	    (outcome = take_environment(ret, given)) || (outcome = tr_options_check_together(ret, given)))
		return outcome;
	return TR_OPTIONS_SERVE;
}
