/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sandbox/provider/bridge_reply.h"

#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/troupe_errors.h"
#include "runtime/base/limits.h"
#include "runtime/sandbox/wire/problem.h"

static const struct { const char *code; int rc; } codes[] = {
	{ "sandbox_destroyed",    TROUPE_ESANDBOXLOST },
	{ "provider_unavailable", TROUPE_ENOPROVIDER },
	{ "provider_error",       TROUPE_EPROVIDER },
};

/* A non-negative integer as JavaScript prints it. */
static bool read_id(struct troupe_text json, uint64_t *ret)
{
	char digits[20];

	if (json.size == 0 || json.size >= sizeof digits)
		return false;
	memcpy(digits, json.data, json.size);
	digits[json.size] = '\0';
	if (strspn(digits, "0123456789") != json.size)
		return false;
	*ret = strtoull(digits, NULL, 10);
	return true;
}

/* "" when it is missing, or is no string. False: it would not do. */
static bool read_text(struct troupe_text object, const char *name, char *into, size_t room)
{
	struct tr_bytes text = { 0 };
	bool fits = true;

	into[0] = '\0';
	if (tr_json_find_string(object, &text, name, NULL)) {
		fits = !text.failed && text.size < room;
		for (size_t i = 0; fits && i < text.size; i++)
			fits = text.data[i] >= ' ' && text.data[i] != 0x7f;
		if (fits && text.size > 0)
			memcpy(into, text.data, text.size);
		into[fits ? text.size : 0] = '\0';
	}
	tr_bytes_free(&text);
	return fits;
}

static void read_error(struct troupe_text error, struct tr_bridge_reply *ret)
{
	struct tr_bytes message = { 0 };
	struct troupe_text unknown;
	char code[32];

	ret->rc = TROUPE_EPROVIDER;
	if (read_text(error, "code", code, sizeof code)) {
		for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
			if (strcmp(codes[i].code, code) == 0)
				ret->rc = codes[i].rc;
		}
	}
	ret->unknown = tr_json_find(error, &unknown, "unknown", NULL) && unknown.size == 4 && memcmp(unknown.data, "true", 4) == 0;
	if (tr_json_find_string(error, &message, "message", NULL))
		tr_words(ret->words, sizeof ret->words, (struct troupe_text){ (const char *)message.data, message.size });
	tr_bytes_free(&message);
}

bool tr_bridge_read(struct troupe_text line, struct tr_bridge_reply *ret)
{
	struct troupe_text id, result;

	memset(ret, 0, sizeof *ret);
	if (tr_json_check(line, TR_BRIDGE_DEPTH_MAX, NULL) < 0 || !tr_json_find(line, &id, "id", NULL) || !read_id(id, &ret->id))
		return false;
	if (tr_json_find(line, &result, "error", NULL)) {
		read_error(result, ret);
		return true;
	}
	return tr_json_find(line, &result, "result", NULL) &&
	       read_text(result, "rawId", ret->raw_id, sizeof ret->raw_id) && read_text(result, "url", ret->url, sizeof ret->url) &&
	       read_text(result, "token", ret->token, sizeof ret->token) && read_text(result, "cwd", ret->cwd, sizeof ret->cwd);
}
