/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, as a table: an option is a row with its name, its words in the help, an example and
 * a function that takes its value or says what is wrong with it. The help, the environment's names, the
 * complaints and the suggestions all come from that table. */
#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "proto/acp.h"
#include "runtime/base/limits.h"
#include "runtime/main/options.h"
#include "runtime/troupe.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

enum {
	ORIGINS_MAX   = LENGTH(((struct tr_options *)0)->origins) - 1,
	PROVIDERS_MAX = LENGTH(((struct tr_options *)0)->providers) - 1
};

#define LIST_BYTES 4096
static char origins_text[LIST_BYTES], providers_text[LIST_BYTES];

struct option {
	const char *name;    /* --name; TROUPE_NAME in the environment */
	const char *value;   /* what its value is called in the help; NULL: a flag */
	const char *help;    /* lines; each fits behind HELP_COLUMN */
	const char *example; /* a value that would do */
	bool        secret;  /* the value is never printed */
	char       *several; /* may be given so: LIST_BYTES where a list from the environment is taken apart. Once in a
	                        process's life */
	/* NULL, or what is wrong, as half a sentence. */
	const char *(*set)(struct tr_options *o, const char *value);
};

/* ---------------------------------------------------------------- values */

/* Without spaces and control characters: fit for a URL or a header. */
static bool plain(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static const char *set_port(struct tr_options *o, const char *text)
{
	size_t size = strlen(text);

	if (!size || size >= sizeof(o->port) || strspn(text, "0123456789") != size ||
	    atoi(text) > 65535)
		return "the port must be 1 to 65535, or 0 for any free one";
	memcpy(o->port, text, size + 1);
	return NULL;
}

static bool address_of(const struct tr_options *o, struct sockaddr_storage *into)
{
	struct addrinfo hints = {
		.ai_flags    = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_family   = strchr(o->host, ':') ? AF_INET6 : AF_INET,
		.ai_socktype = SOCK_STREAM,
	}, *found;

	if (getaddrinfo(o->host, o->port, &hints, &found))
		return false;
	memcpy(into, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return true;
}

/* HOST without its brackets goes to o->host; the rest of the text, behind the colon, to *port. */
static const char *set_host(struct tr_options *o, const char *text, const char **port)
{
	const char *host = text, *end = strrchr(text, ':');

	if (!end)
		return "an address and a port are needed, HOST:PORT";
	*port = end + 1;
	if (*text == '[') {
		host++;
		end--;
		if (end < host || *end != ']')
			return "after the bracketed address come a colon and the port";
	} else if (memchr(text, ':', (size_t)(end - text))) {
		return "an IPv6 address is written in brackets, like [::1]:6420";
	}
	if (end == host)
		return "the address before the port is missing (0.0.0.0 is every one of this machine)";
	if ((size_t)(end - host) >= sizeof(o->host))
		return "the address is too long";
	memcpy(o->host, host, (size_t)(end - host));
	o->host[end - host] = '\0';
	return NULL;
}

static const char *set_listen(struct tr_options *o, const char *text)
{
	const char *port, *wrong;
	bool bracketed = *text == '[';
	struct sockaddr_storage address;
	struct in_addr v4;

	if ((wrong = set_host(o, text, &port)) || (wrong = set_port(o, port)))
		return wrong;
	if (!strcmp(o->host, "localhost"))
		strcpy(o->host, "127.0.0.1");
	/* getaddrinfo alone would take "1" for 0.0.0.1 */
	if (bracketed != !!strchr(o->host, ':') ||
	    (!bracketed && !inet_pton(AF_INET, o->host, &v4)) || !address_of(o, &address))
		return "the address must be in numbers, like 127.0.0.1, 0.0.0.0 or [::1]";
	return NULL;
}

static const char *set_data(struct tr_options *o, const char *text)
{
	o->data = text;
	return NULL;
}

static const char *set_sandbox(struct tr_options *o, const char *text)
{
	const char *host;

	o->sandbox = text;
	if (!strcmp(text, "local") || !strcmp(text, "none"))
		return NULL;
	host = strstr(text, "://");
	if (!host || (strncmp(text, "http://", 7) && strncmp(text, "https://", 8)))
		return "it must be local, none or a URL that begins with http:// or https://";
	host += 3;
	if (!plain(text) || strpbrk(text, "?#") || !strcspn(host, "/:"))
		return "the URL must have a host, and no spaces, ? or #";
	if (memchr(host, '@', strcspn(host, "/")))
		return "the URL must not hold a name or password (a token goes into --sandbox-token)";
	return NULL;
}

static const char *token_is_wrong(const char *text)
{
	if (!*text)
		return "the token is empty, and would protect nothing";
	return plain(text) ? NULL : "a token may hold printable ASCII characters only, without spaces";
}

static const char *set_sandbox_token(struct tr_options *o, const char *text)
{
	o->sandbox_token = text;
	return token_is_wrong(text);
}

static const char *set_sandbox_agent(struct tr_options *o, const char *text)
{
	o->sandbox_agent = text;
	return NULL;
}

static bool is_name(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t size = strlen(text);

	return size > 0 && size <= TR_NAME_BYTES_MAX && strspn(text, letters) == size;
}

static const char *add_provider(struct tr_options *o, const char *text)
{
	size_t n = 0;

	while (o->providers[n])
		n++;
	if (n == PROVIDERS_MAX)
		return "there are more than 16 providers";
	o->providers[n] = text;
	return is_name(text) ? NULL : "a provider's name has letters, digits, '.', '_' and '-'";
}

static const char *set_provider_options(struct tr_options *o, const char *text)
{
	o->provider_options = text;
	return NULL;
}

static const char *set_provider_modules(struct tr_options *o, const char *text)
{
	o->provider_modules = text;
	return NULL;
}

static const char *set_agent(struct tr_options *o, const char *text)
{
	o->agent = text;
	return is_name(text) ? NULL : "an agent's name has letters, digits, '.', '_' and '-'";
}

static const char *set_cwd(struct tr_options *o, const char *text)
{
	o->cwd = text;
	return NULL;
}

static const char *set_permission_time(struct tr_options *o, const char *text)
{
	char *end;
	long seconds = strtol(text, &end, 10);

	o->permission_s = seconds;
	return *text && !*end && seconds >= 0 && seconds <= 31536000 ? NULL : "it is a number of seconds, at most a year";
}

static const char *set_auto_approve(struct tr_options *o, const char *text)
{
	o->auto_approve = text;
	return tr_acp_kinds_valid(text) ? NULL : "it must be kinds of tools, like read,search, or *";
}

static const char *set_agent_on_sleep(struct tr_options *o, const char *text)
{
	o->dispose = strcmp(text, "dispose") == 0;
	return o->dispose || strcmp(text, "keep") == 0 ? NULL : "it must be keep or dispose";
}

static const char *set_token(struct tr_options *o, const char *text)
{
	o->token = text;
	return token_is_wrong(text);
}

static const char *set_observer_token(struct tr_options *o, const char *text)
{
	o->observer_token = text;
	return token_is_wrong(text);
}

static const char *add_origin(struct tr_options *o, const char *text)
{
	const char *host = strstr(text, "://");
	size_t n = 0;

	if (strcmp(text, "*") &&
	    (!host || host == text || !host[3] || !plain(text) || strpbrk(host + 3, "/?#@")))
		return "an origin is SCHEME://HOST or SCHEME://HOST:PORT, without a path; or *";
	while (o->origins[n])
		n++;
	if (n == ORIGINS_MAX)
		return "there are more than 16 origins";
	o->origins[n] = text;
	return NULL;
}

static const char *set_proxy(struct tr_options *o, const char *text)
{
	uint8_t bytes[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, text, bytes) != 1 || !inet_ntop(family, bytes, o->proxy, sizeof(o->proxy)))
		return "it must be the address of one machine in numbers, like 127.0.0.1 or ::1";
	return NULL;
}

static const char *set_log_level(struct tr_options *o, const char *text)
{
	bool known = tr_log_level_from_name(text, &o->log_level);

	return known ? NULL : "it must be error, warn, info or debug";
}

static const char *set_log_format(struct tr_options *o, const char *text)
{
	o->log_json = !strcmp(text, "json");
	return o->log_json || !strcmp(text, "human") ? NULL : "it must be human or json";
}

/* What a flag says in the environment; on the command line it is just there. */
static const char *set_flag(bool *flag, const char *text)
{
	static const char *const words[] = { "0", "1", "false", "true", "no", "yes", "off", "on" };

	for (size_t i = 0; i < LENGTH(words); i++) {
		if (!strcmp(text, words[i])) {
			*flag = i % 2;
			return NULL;
		}
	}
	return "it must be 1 or 0";
}

static const char *set_insecure(struct tr_options *o, const char *text)
{
	return set_flag(&o->insecure, text);
}

static const char *set_private_sandboxes(struct tr_options *o, const char *text)
{
	return set_flag(&o->private_sandboxes, text);
}

static const char *set_no_supervise(struct tr_options *o, const char *text)
{
	return set_flag(&o->no_supervise, text);
}

static const char *set_show_errors(struct tr_options *o, const char *text)
{
	return set_flag(&o->show_errors, text);
}

/* ---------------------------------------------------------------- the table */

#define HELP_COLUMN 24

/* A row with help alone is a heading. */
static const struct option table[] = {
	{ .help = "Where" },
	{ .name = "listen", .value = "HOST:PORT", .example = "127.0.0.1:6420", .set = set_listen,
	  .help = "Address to serve on (127.0.0.1:6420). IPv6 is written\n"
		  "[::1]:6420. With port 0 the system chooses one." },
	{ .name = "data", .value = "DIR", .example = "./data", .set = set_data,
	  .help = "Where everything is kept (./data). Made when missing." },

	{ .help = "Agents" },
	{ .name = "sandbox", .value = "WHERE", .example = "local", .set = set_sandbox,
	  .help = "Where coding agents run: local starts a sandbox-agent\n"
		  "on this machine, a URL uses one that runs already,\n"
		  "none does without (local)." },
	{ .name = "provider", .value = "NAME", .example = "local", .several = providers_text,
	  .set = add_provider,
	  .help = "Who makes a sandbox for each actor, and destroys it with\n"
		  "the actor: local is a sandbox-agent process of its own;\n"
		  "daytona, e2b, docker, vercel, modal, cloudflare,\n"
		  "computesdk and sprites are the sandbox-agent SDK's, run\n"
		  "under Node. May be given several times: the first is for\n"
		  "actors that choose none, people may choose among all.\n"
		  "url lets people name the address of a sandbox-agent." },
	{ .name = "provider-options", .value = "FILE", .example = "providers.json",
	  .set = set_provider_options,
	  .help = "What providers are given: a JSON object with an object\n"
		  "for each, by name. \"module\" in one names a module of\n"
		  "your own. Keys and tokens go into the environment." },
	{ .name = "provider-modules", .value = "DIR", .example = "/srv/providers",
	  .set = set_provider_modules,
	  .help = "Where npm has installed sandbox-agent and what those\n"
		  "providers need, like @daytonaio/sdk (.)." },
	{ .name = "allow-private-sandboxes", .example = "1", .set = set_private_sandboxes,
	  .help = "Addresses of sandboxes that actors, people or providers\n"
		  "name may lead to this machine and to private networks." },
	{ .name = "agent", .value = "NAME", .example = "claude", .set = set_agent,
	  .help = "The agent for sessions that name none: claude, codex,\n"
		  "opencode, amp, pi, cursor, or mock, a demonstration\n"
		  "that needs no account (mock)." },
	{ .name = "cwd", .value = "DIR", .example = "/home/me/project", .set = set_cwd,
	  .help = "Directory that agents work in (work, in the data\n"
		  "directory)." },
	{ .name = "sandbox-agent", .value = "PATH", .example = "/usr/local/bin/sandbox-agent",
	  .set = set_sandbox_agent,
	  .help = "The sandbox-agent program for --sandbox local\n"
		  "(searched for)." },
	{ .name = "sandbox-token", .value = "T", .example = "$(cat token)", .secret = true,
	  .set = set_sandbox_token,
	  .help = "Token of the sandbox-agent at --sandbox URL." },
	{ .name = "permission-time", .value = "SECONDS", .example = "600",
	  .set = set_permission_time,
	  .help = "For people to answer what an agent asks; then it is\n"
		  "rejected (0: for ever)." },
	{ .name = "agent-on-sleep", .value = "WHAT", .example = "dispose",
	  .set = set_agent_on_sleep,
	  .help = "When an actor sleeps, its agent goes on (keep), or\n"
		  "is ended, and another made at the next wake\n"
		  "(dispose)." },
	{ .name = "auto-approve", .value = "KINDS", .example = "read,search",
	  .set = set_auto_approve,
	  .help = "Kinds of tools that agents may use without asking\n"
		  "people: read, edit, delete, move, search, execute,\n"
		  "think, fetch, switch_mode, other, with commas between\n"
		  "them, or * (none). It is the agent that says of what\n"
		  "kind a tool is." },

	{ .help = "Who may come in" },
	{ .name = "token", .value = "T", .example = "$(openssl rand -hex 24)", .secret = true,
	  .set = set_token,
	  .help = "Token that clients must show (none)." },
	{ .name = "observer-token", .value = "T", .example = "$(openssl rand -hex 24)", .secret = true,
	  .set = set_observer_token,
	  .help = "Another one, for those who may only watch (none)." },
	{ .name = "allow-origin", .value = "SITE", .example = "https://app.example.com",
	  .set = add_origin, .several = origins_text,
	  .help = "Web site whose pages may use this server, besides\n"
		  "those of this machine, like https://app.example.com;\n"
		  "* stands for all. May be given several times." },
	{ .name = "trust-proxy", .value = "ADDRESS", .example = "127.0.0.1", .set = set_proxy,
	  .help = "Reverse proxy that is believed whose requests it\n"
		  "passes on (X-Forwarded-For and X-Forwarded-Proto)." },
	{ .name = "insecure", .example = "1", .set = set_insecure,
	  .help = "Serve other machines without a token." },

	{ .help = "Running" },
	{ .name = "log-level", .value = "LEVEL", .example = "info", .set = set_log_level,
	  .help = "error, warn, info or debug (info)." },
	{ .name = "log-format", .value = "FORMAT", .example = "human", .set = set_log_format,
	  .help = "human or json (human)." },
	{ .name = "show-errors", .example = "1", .set = set_show_errors,
	  .help = "Tell clients what internal errors say, which else only\n"
		  "the log does. For development." },
	{ .name = "no-supervise", .example = "1", .set = set_no_supervise,
	  .help = "Run the server alone, without the supervisor that keeps\n"
		  "the socket open and starts it again when it dies." },
};

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

static void print_option(const struct option *option)
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

static int print_help(void)
{
	printf("%s\n%s", about, usage);
	for (size_t i = 0; i < LENGTH(table); i++) {
		if (table[i].name)
			print_option(&table[i]);
		else
			printf("\n%s:\n", table[i].help);
	}
	fputs(closing, stdout);
	return TR_OPTIONS_EXIT_OK;
}

static int print_version(void)
{
	printf("troupe %s\n", TROUPE_VERSION);
	return TR_OPTIONS_EXIT_OK;
}

/* ---------------------------------------------------------------- complaints */

static void variable_name(const struct option *option, char into[64])
{
	snprintf(into, 64, "TROUPE_%s", option->name);
	for (char *c = into; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

/* "troupe: --listen 1.2.3.4:x: the port must be ..., e.g. --listen 127.0.0.1:6420" */
static int refuse(const struct option *option, const char *value, bool environment,
		  const char *wrong)
{
	char name[64], between = environment ? '=' : ' ';

	if (environment)
		variable_name(option, name);
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

	if (width >= LENGTH(row) || strlen(a) >= LENGTH(row))
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

static int refuse_unknown(const char *argument)
{
	const char *name = argument + strspn(argument, "-"), *best = NULL;
	char bare[64];
	size_t best_distance = SIZE_MAX;

	snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(name, "="), name);
	for (size_t i = 0; i < LENGTH(table) && *bare; i++) {
		size_t d;

		if (!table[i].name)
			continue;
		d = strncmp(table[i].name, bare, strlen(bare)) ? distance(bare, table[i].name) : 0;
		if (d < best_distance && d <= 1 + strlen(bare) / 3) {
			best_distance = d;
			best = table[i].name;
		}
	}
	/* Without what follows a '=', which may be a secret. */
	fprintf(stderr, "troupe: there is no option %.*s.", (int)strcspn(argument, "="), argument);
	if (best)
		fprintf(stderr, " Did you mean --%s?", best);
	fputs(" `troupe serve --help` lists them all.\n", stderr);
	return TR_OPTIONS_EXIT_USAGE;
}

/* ---------------------------------------------------------------- reading */

static const struct option *find(const char *name, size_t size)
{
	for (size_t i = 0; i < LENGTH(table); i++) {
		const char *known = table[i].name;

		if (known && strlen(known) == size && !memcmp(known, name, size))
			return &table[i];
	}
	return NULL;
}

static int take(struct tr_options *o, const struct option *option, const char *value,
		bool environment)
{
	const char *wrong = *value || option->secret ? option->set(o, value) : "the value is empty";

	return wrong ? refuse(option, value, environment, wrong) : 0;
}

/* One option of the command line, at argv[*at]; *at moves on when its value is the next argument. */
static int take_argument(struct tr_options *o, char **argv, int *at, bool given[])
{
	const char *argument = argv[*at], *name = argument + 2;
	size_t size = strcspn(name, "=");
	const struct option *option = find(name, size);
	const char *value = name[size] ? name + size + 1 : NULL;

	if (!option)
		return refuse_unknown(argument);
	given[option - table] = true;
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
			return print_help();
		if (!strcmp(argv[i], "--version"))
			return print_version();
		if (*argv[i] != '-') {
			fprintf(stderr, "troupe: serve takes options only, not '%s'."
				" `troupe serve --help` lists them.\n", argv[i]);
			return TR_OPTIONS_EXIT_USAGE;
		}
		outcome = strncmp(argv[i], "--", 2) ? refuse_unknown(argv[i])
						    : take_argument(o, argv, &i, given);
	}
	return outcome;
}

static int take_list(struct tr_options *o, const struct option *option, const char *value)
{
	char *rest = option->several, *one;

	if (strlen(value) >= LIST_BYTES)
		return refuse(option, "...", true, "the list is too long");
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
	for (size_t i = 0; i < LENGTH(table); i++) {
		const struct option *option = &table[i];
		const char *value;
		char name[64];
		int outcome;

		if (!option->name || given[i])
			continue;
		variable_name(option, name);
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

/* ---------------------------------------------------------------- together */

static bool is_loopback(const struct tr_options *o)
{
	struct sockaddr_storage address = { 0 };
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&address)->sin6_addr;

	if (!address_of(o, &address))
		return false;
	if (address.ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

static int check_providers(const struct tr_options *o)
{
	static const char *const known[] = { "local", "url", "daytona", "e2b", "docker", "vercel", "modal",
		"cloudflare", "computesdk", "sprites" };
	struct stat at;

	for (size_t n = 0, i; o->providers[n] && !o->provider_options; n++) {
		for (i = 0; i < LENGTH(known) && strcmp(o->providers[n], known[i]); i++)
			;
		if (i < LENGTH(known))
			continue;
		fprintf(stderr, "troupe: --provider %s: nobody knows it; `troupe serve --help` names those there are,"
			" and --provider-options can name a module for one of your own\n", o->providers[n]);
		return TR_OPTIONS_EXIT_USAGE;
	}
	if (o->provider_modules && (stat(o->provider_modules, &at) || !S_ISDIR(at.st_mode))) {
		fprintf(stderr, "troupe: --provider-modules %s: this is no directory\n", o->provider_modules);
		return TR_OPTIONS_EXIT_USAGE;
	}
	return 0;
}

static int check_together(const struct tr_options *o, const bool given[])
{
	bool local = !strcmp(o->sandbox, "local"), remote = !local && strcmp(o->sandbox, "none");
	struct stat at;

	if (!o->token && !o->insecure && !is_loopback(o)) {
		fprintf(stderr,
			"troupe: other machines can reach the address %s, and whoever reaches\n"
			"the server can have an agent run commands. Set a token that clients must show\n"
			"(TROUPE_TOKEN=...), or listen on 127.0.0.1, or say --insecure if something in\n"
			"front decides who comes in.\n", o->host);
		return TR_OPTIONS_EXIT_USAGE;
	}
	if (o->observer_token && !o->token) {
		fprintf(stderr, "troupe: --observer-token goes with --token: without one, whoever shows nothing"
			" may do everything\n");
		return TR_OPTIONS_EXIT_USAGE;
	}
	if (o->observer_token && !strcmp(o->observer_token, o->token)) {
		fprintf(stderr, "troupe: --observer-token: it is the same as --token\n");
		return TR_OPTIONS_EXIT_USAGE;
	}
	if (!remote && given[find("sandbox-token", 13) - table]) {
		fprintf(stderr, "troupe: --sandbox-token goes with --sandbox URL: %s\n",
			local ? "the local sandbox gets a token of its own"
			      : "there is no sandbox now");
		return TR_OPTIONS_EXIT_USAGE;
	}
	if (remote && o->cwd && *o->cwd != '/') {
		fprintf(stderr, "troupe: --cwd %s: for a sandbox elsewhere it must be absolute,"
			" e.g. --cwd /home/user\n", o->cwd);
		return TR_OPTIONS_EXIT_USAGE;
	}
	if (local && o->cwd && (stat(o->cwd, &at) || !S_ISDIR(at.st_mode))) {
		fprintf(stderr, "troupe: --cwd %s: this is no directory;"
			" make it first, or name another\n", o->cwd);
		return TR_OPTIONS_EXIT_USAGE;
	}
	return check_providers(o);
}

/* What comes before the options: `troupe serve`, or a question about the program. -1: it is serve. */
static int take_command(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : NULL;

	if (!command) {
		fprintf(stderr, "%s\n%s\n`troupe serve` starts it; "
			"`troupe serve --help` tells what can be chosen.\n", about, usage);
		return TR_OPTIONS_EXIT_USAGE;
	}
	if (!strcmp(command, "serve"))
		return -1;
	if (!strcmp(command, "--help") || !strcmp(command, "-h") || !strcmp(command, "help"))
		return print_help();
	if (!strcmp(command, "--version") || !strcmp(command, "version"))
		return print_version();
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
	struct tr_options o = {
		.host = "127.0.0.1", .port = "6420", .data = "./data",
		.sandbox = "local", .agent = "mock", .log_level = TR_LOG_INFO,
	};
	bool given[LENGTH(table)] = { false };
	int outcome = take_command(argc, argv);

	if (outcome >= 0)
		return outcome;
	if ((outcome = take_arguments(&o, argv, given)) ||
	    (outcome = take_environment(&o, given)) || (outcome = check_together(&o, given)))
		return outcome;
	*ret = o;
	return TR_OPTIONS_SERVE;
}
