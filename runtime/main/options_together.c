/* SPDX-License-Identifier: Apache-2.0 */
/* Which options go together: what no value shows when one looks at it alone. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/main/options_table.h"

static bool is_loopback(const struct tr_options *o)
{
	struct sockaddr_storage address = { 0 };
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&address)->sin6_addr;

	if (!tr_options_address(o, &address))
		return false;
	if (address.ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

static int check_who_comes_in(const struct tr_options *o)
{
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
	return 0;
}

static bool is_directory(const char *path)
{
	struct stat at;

	return stat(path, &at) == 0 && S_ISDIR(at.st_mode);
}

static int check_sandbox(const struct tr_options *o, bool token_given)
{
	bool local = !strcmp(o->sandbox, "local"), remote = !local && strcmp(o->sandbox, "none");

	if (!remote && token_given) {
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
	if (local && o->cwd && !is_directory(o->cwd)) {
		fprintf(stderr, "troupe: --cwd %s: this is no directory;"
			" make it first, or name another\n", o->cwd);
		return TR_OPTIONS_EXIT_USAGE;
	}
	return 0;
}

static bool is_known(const char *provider)
{
	static const char *const known[] = { "local", "url", "daytona", "e2b", "docker", "vercel", "modal",
		"cloudflare", "computesdk", "sprites" };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (!strcmp(provider, known[i]))
			return true;
	}
	return false;
}

static int check_providers(const struct tr_options *o)
{
	for (size_t n = 0; o->providers[n] && !o->provider_options; n++) {
		if (is_known(o->providers[n]))
			continue;
		fprintf(stderr, "troupe: --provider %s: nobody knows it; `troupe serve --help` names those there are,"
			" and --provider-options can name a module for one of your own\n", o->providers[n]);
		return TR_OPTIONS_EXIT_USAGE;
	}
	if (o->provider_modules && !is_directory(o->provider_modules)) {
		fprintf(stderr, "troupe: --provider-modules %s: this is no directory\n", o->provider_modules);
		return TR_OPTIONS_EXIT_USAGE;
	}
	return 0;
}

int tr_options_check_together(const struct tr_options *o, const bool given[])
{
	bool token_given = given[tr_options_find("sandbox-token", 13) - tr_options_table];
	int outcome;

	if ((outcome = check_who_comes_in(o)) || (outcome = check_sandbox(o, token_given)))
		return outcome;
	return check_providers(o);
}
