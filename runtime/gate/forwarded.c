/* SPDX-License-Identifier: Apache-2.0 */
/* X-Forwarded-For and X-Forwarded-Proto. See forwarded.h. */
#include "runtime/gate/forwarded.h"

#include <arpa/inet.h>
#include <string.h>

#include "runtime/gate/text.h"

static struct troupe_text last_of(const struct tr_http_head *head, const char *name)
{
	struct troupe_text rest = { NULL, 0 }, element, last = { NULL, 0 };
	size_t at = 0;

	while (tr_http_next_element(head, name, &at, &rest, &element))
		last = element;
	return last;
}

bool tr_forwarded_for(const struct tr_http_head *head, char to[TR_ADDRESS_TEXT_MAX])
{
	struct troupe_text last = last_of(head, "x-forwarded-for");
	char text[TR_ADDRESS_TEXT_MAX] = "";
	uint8_t bytes[16];
	int family;

	if (!last.size || last.size >= sizeof(text))
		return false;
	memcpy(text, last.data, last.size);
	family = strchr(text, ':') ? AF_INET6 : AF_INET;
	return inet_pton(family, text, bytes) == 1 && inet_ntop(family, bytes, to, TR_ADDRESS_TEXT_MAX);
}

bool tr_forwarded_tls(const struct tr_http_head *head)
{
	return tr_text_is_nocase(last_of(head, "x-forwarded-proto"), "https");
}
