/* SPDX-License-Identifier: Apache-2.0 */
/* Which browsers' pages may use this server. See cors.h. */
#include "runtime/gate/cors.h"

#include <string.h>

#include "runtime/gate/text.h"

/* "host:port" and "[::1]:port" without the port. */
static struct troupe_text without_port(struct troupe_text authority)
{
	const char *bracket = authority.size && *authority.data == '[' ? memchr(authority.data, ']', authority.size) : NULL;
	struct troupe_text name;

	if (bracket)
		return tr_text(authority.data, (size_t)(bracket + 1 - authority.data));
	tr_text_split(&authority, ':', &name);
	return name;
}

static bool is_loopback(struct troupe_text host)
{
	return tr_text_is_nocase(host, "localhost") || tr_text_is(host, "127.0.0.1") || tr_text_is(host, "[::1]");
}

static bool is_listed(struct troupe_text origin, const char *const *origins)
{
	for (; origins && *origins; origins++)
		if (!strcmp(*origins, "*") || tr_text_is_nocase(origin, *origins))
			return true;
	return false;
}

bool tr_cors_allows(struct troupe_text origin, struct troupe_text host, const char *const *origins)
{
	struct troupe_text page = origin;

	if (!origin.data || is_listed(origin, origins))
		return true;
	if (!tr_text_skip_nocase(&page, "http://") && !tr_text_skip_nocase(&page, "https://"))
		return false;
	page = without_port(page);
	return page.size && (is_loopback(page) || tr_text_same_nocase(page, without_port(host)));
}

static void put_line(struct tr_bytes *out, const char *name, struct troupe_text value)
{
	tr_bytes_put_text(out, name);
	tr_bytes_put(out, value.data, value.size);
	tr_bytes_put(out, "\r\n", 2);
}

static void put_origin(struct tr_bytes *out, struct troupe_text origin)
{
	put_line(out, "Access-Control-Allow-Origin: ", origin.size ? origin : tr_text("*", 1));
	tr_bytes_put_text(out, "Access-Control-Allow-Credentials: true\r\n");
	tr_bytes_put_text(out, "Vary: Origin\r\n");
}

void tr_cors_put(struct tr_bytes *out, struct troupe_text origin)
{
	put_origin(out, origin);
	tr_bytes_put_text(out, "Access-Control-Expose-Headers: *\r\n");
}

void tr_cors_put_preflight(struct tr_bytes *out, struct troupe_text origin, struct troupe_text requested)
{
	put_origin(out, origin);
	tr_bytes_put_text(out, "Access-Control-Allow-Methods: GET, POST, PUT, DELETE, OPTIONS, PATCH\r\n");
	put_line(out, "Access-Control-Allow-Headers: ", requested.size ? requested : tr_text("*", 1));
	tr_bytes_put_text(out, "Access-Control-Max-Age: 86400\r\n");
}
