/* SPDX-License-Identifier: Apache-2.0 */
/* What a value must be, and taking it. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "proto/acp.h"
#include "runtime/base/limits.h"
#include "runtime/main/options_table.h"

/* ---------------------------------------------------------------- texts */

/* Without spaces and control characters: fit for a URL or a header. */
static bool plain(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

const char *tr_options_check_sandbox(const char *text)
{
	const char *host;

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

static bool is_name(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t size = strlen(text);

	return size > 0 && size <= TR_NAME_BYTES_MAX && strspn(text, letters) == size;
}

const char *tr_options_check_provider(const char *text)
{
	return is_name(text) ? NULL : "a provider's name has letters, digits, '.', '_' and '-'";
}

const char *tr_options_check_agent(const char *text)
{
	return is_name(text) ? NULL : "an agent's name has letters, digits, '.', '_' and '-'";
}

const char *tr_options_check_token(const char *text)
{
	if (!*text)
		return "the token is empty, and would protect nothing";
	return plain(text) ? NULL : "a token may hold printable ASCII characters only, without spaces";
}

const char *tr_options_check_origin(const char *text)
{
	const char *host = strstr(text, "://");

	if (!strcmp(text, "*"))
		return NULL;
	if (!host || host == text || !host[3] || !plain(text) || strpbrk(host + 3, "/?#@"))
		return "an origin is SCHEME://HOST or SCHEME://HOST:PORT, without a path; or *";
	return NULL;
}

const char *tr_options_check_kinds(const char *text)
{
	return tr_acp_kinds_valid(text) ? NULL : "it must be kinds of tools, like read,search, or *";
}

/* ---------------------------------------------------------------- the address to listen at */

static const char *set_port(struct tr_options *o, const char *text)
{
	size_t size = strlen(text);

	if (!size || size >= sizeof(o->port) || strspn(text, "0123456789") != size ||
	    atoi(text) > 65535)
		return "the port must be 1 to 65535, or 0 for any free one";
	memcpy(o->port, text, size + 1);
	return NULL;
}

bool tr_options_address(const struct tr_options *o, struct sockaddr_storage *into)
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

const char *tr_options_set_listen(struct tr_options *o, const char *text)
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
	    (!bracketed && !inet_pton(AF_INET, o->host, &v4)) || !tr_options_address(o, &address))
		return "the address must be in numbers, like 127.0.0.1, 0.0.0.0 or [::1]";
	return NULL;
}

/* ---------------------------------------------------------------- others of their own */

const char *tr_options_set_permission_time(struct tr_options *o, const char *text)
{
	char *end;
	long seconds = strtol(text, &end, 10);

	o->permission_s = seconds;
	return *text && !*end && seconds >= 0 && seconds <= 31536000 ? NULL : "it is a number of seconds, at most a year";
}

const char *tr_options_set_message_size(struct tr_options *o, const char *text)
{
	char *end;
	unsigned long bytes = strtoul(text, &end, 10);
	bool larger = *end == 'k' || *end == 'M';

	bytes = bytes > TR_MESSAGE_IN_BYTES_LIMIT ? 0 : bytes * (*end == 'k' ? 1024 : *end == 'M' ? 1024 * 1024 : 1);
	o->message_size = bytes;
	return *text != '-' && !end[larger] && bytes >= TR_MESSAGE_IN_BYTES_MAX && bytes <= TR_MESSAGE_IN_BYTES_LIMIT
	             ? NULL : "it is a number of bytes from 64k to 4M";
}

const char *tr_options_set_agent_on_sleep(struct tr_options *o, const char *text)
{
	o->dispose = strcmp(text, "dispose") == 0;
	o->pause = strcmp(text, "pause") == 0;
	return o->dispose || o->pause || strcmp(text, "keep") == 0 ? NULL : "it must be keep, dispose or pause";
}

const char *tr_options_set_proxy(struct tr_options *o, const char *text)
{
	uint8_t bytes[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, text, bytes) != 1 || !inet_ntop(family, bytes, o->proxy, sizeof(o->proxy)))
		return "it must be the address of one machine in numbers, like 127.0.0.1 or ::1";
	return NULL;
}

const char *tr_options_set_log_level(struct tr_options *o, const char *text)
{
	bool known = tr_log_level_from_name(text, &o->log_level);

	return known ? NULL : "it must be error, warn, info or debug";
}

const char *tr_options_set_log_format(struct tr_options *o, const char *text)
{
	o->log_json = !strcmp(text, "json");
	return o->log_json || !strcmp(text, "human") ? NULL : "it must be human or json";
}

/* ---------------------------------------------------------------- any of them */

/* What a flag says in the environment; on the command line it is just there. */
static const char *set_flag(bool *flag, const char *text)
{
	static const char *const words[] = { "0", "1", "false", "true", "no", "yes", "off", "on" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!strcmp(text, words[i])) {
			*flag = i % 2;
			return NULL;
		}
	}
	return "it must be 1 or 0";
}

static const char *add_to_list(const char **list, const char *text)
{
	size_t n = 0;

	while (list[n])
		n++;
	if (n == TR_OPTIONS_SEVERAL_MAX)
		return "there are more than 16 of them";
	list[n] = text;
	return NULL;
}

const char *tr_options_set(struct tr_options *o, const struct tr_option *option, const char *value)
{
	void *at = (char *)o + option->at;
	const char *wrong = option->check ? option->check(value) : NULL;

	if (wrong)
		return wrong;
	switch (option->is) {
	case TR_OPTION_TEXT: *(const char **)at = value; return NULL;
	case TR_OPTION_FLAG: return set_flag(at, value);
	case TR_OPTION_LIST: return add_to_list(at, value);
	case TR_OPTION_OWN:  break;
	}
	return option->set(o, value);
}
