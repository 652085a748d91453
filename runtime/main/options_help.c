/* SPDX-License-Identifier: Apache-2.0 */
/* What people are told about the options: the help, and what was wrong. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "runtime/main/options_table.h"
#include "runtime/troupe.h"

/* ---------------------------------------------------------------- help */

#define HELP_COLUMN 24

static const char about[] =
	"Troupe serves multiplayer actors: people share a workspace and its coding\n"
	"agent, and whatever happens is kept and told to all of them, in order.\n";

static const char usage[] =
	"Usage: troupe serve [OPTION]...\n"
	"       troupe --help | --version\n";

static const char closing[] =
	"\n"
	"Every option can be given in the environment as well: --log-level is\n"
	"TROUPE_LOG_LEVEL there, a flag is set by 1, several origins or providers are\n"
	"separated by spaces. The command line wins.\n"
	"\n"
	"Give tokens by TROUPE_TOKEN and TROUPE_SANDBOX_TOKEN rather than on the command\n"
	"line, which every user of this machine can read.\n";

static void print_option(const struct tr_option *option)
{
	const char *line = option->help;
	char head[64];

	snprintf(head, sizeof(head), "  --%s%s%s", option->name, option->value ? " " : "",
		 option->value ? option->value : "");
	printf("%-*s", HELP_COLUMN - 1, head);
	if (strlen(head) > HELP_COLUMN - 2)
		printf("\n%*s", HELP_COLUMN - 1, "");
	for (;;) {
		int size = (int)strcspn(line, "\n");

		printf(" %.*s\n", size, line);
		if (!line[size])
			return;
		printf("%*s", HELP_COLUMN - 1, "");
		line += size + 1;
	}
}

int tr_options_print_help(void)
{
	printf("%s\n%s", about, usage);
	for (const struct tr_option *o = tr_options_table; o->help; o++) {
		if (o->name)
			print_option(o);
		else
			printf("\n%s:\n", o->help);
	}
	fputs(closing, stdout);
	return TR_OPTIONS_EXIT_OK;
}

int tr_options_print_version(void)
{
	printf("troupe %s\n", TROUPE_VERSION);
	return TR_OPTIONS_EXIT_OK;
}

/* ---------------------------------------------------------------- complaints */

void tr_options_variable(const struct tr_option *option, char into[64])
{
	snprintf(into, 64, "TROUPE_%s", option->name);
	for (char *c = into; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

/* "troupe: --listen 1.2.3.4:x: the port must be ..., e.g. --listen 127.0.0.1:6420" */
int tr_options_refuse(const struct tr_option *option, const char *value, bool environment,
		  const char *wrong)
{
	char name[64], between = environment ? '=' : ' ';

	if (environment)
		tr_options_variable(option, name);
	else
		snprintf(name, sizeof(name), "--%s", option->name);
	fprintf(stderr, "troupe: %s", name);
	if (!option->secret)
		fprintf(stderr, "%c%s", between, value);
	fprintf(stderr, ": %s, e.g. %s%c%s\n", wrong, name, between, option->example);
	return TR_OPTIONS_EXIT_USAGE;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many characters must be put in, taken out or changed to make one of the other. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], width = strlen(b);

	if (width >= sizeof row / sizeof *row || strlen(a) >= sizeof row / sizeof *row)
		return SIZE_MAX;
	for (size_t j = 0; j <= width; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			size_t changed = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = least(changed, 1 + least(row[j], row[j - 1]));
		}
	}
	return row[width];
}

/* The option that was meant, perhaps: one that begins so, or is spelled alike. Returns NULL: no idea. */
static const char *meant(const char *name)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX;

	for (const struct tr_option *o = tr_options_table; o->help && *name; o++) {
		size_t d;

		if (!o->name)
			continue;
		d = strncmp(o->name, name, strlen(name)) ? distance(name, o->name) : 0;
		if (d < best_distance && d <= 1 + strlen(name) / 3) {
			best_distance = d;
			best = o->name;
		}
	}
	return best;
}

int tr_options_refuse_unknown(const char *argument)
{
	const char *name = argument + strspn(argument, "-"), *best;
	char bare[64];

	snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(name, "="), name);
	best = meant(bare);
	/* Without what follows a '=', which may be a secret. */
	fprintf(stderr, "troupe: there is no option %.*s.", (int)strcspn(argument, "="), argument);
	if (best)
		fprintf(stderr, " Did you mean --%s?", best);
	fputs(" `troupe serve --help` lists them all.\n", stderr);
	return TR_OPTIONS_EXIT_USAGE;
}

int tr_options_refuse_silence(void)
{
	fprintf(stderr, "%s\n%s\n`troupe serve` starts it; "
		"`troupe serve --help` tells what can be chosen.\n", about, usage);
	return TR_OPTIONS_EXIT_USAGE;
}
