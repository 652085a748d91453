/* SPDX-License-Identifier: Apache-2.0 */
/* The server's problem documents, as one table. */
#include "proto/text.h"
#include "runtime/sandbox/wire/problem.h"

#include <stdio.h>
#include <string.h>

#include "proto/acp.h"
#include "proto/json.h"
#include "proto/key.h"

#define URN "urn:sandbox-agent:error:"

static const struct { const char *type; enum tr_problem_kind kind; } types[] = {
	{ "unsupported_agent",      TR_PROBLEM_AGENT },
	{ "agent_not_installed",    TR_PROBLEM_AGENT },
	{ "install_failed",         TR_PROBLEM_AGENT },
	{ "session_not_found",      TR_PROBLEM_GONE },
	{ "conflict",               TR_PROBLEM_CONFLICT },
	{ "agent_process_exited",   TR_PROBLEM_DEAD },
	{ "stream_error",           TR_PROBLEM_DEAD },
	{ "timeout",                TR_PROBLEM_WAIT },
	{ "invalid_request",        TR_PROBLEM_REFUSED },
	{ "not_acceptable",         TR_PROBLEM_REFUSED },
	{ "unsupported_media_type", TR_PROBLEM_REFUSED },
	{ "token_invalid",          TR_PROBLEM_TOKEN },
};

void tr_words(char *into, size_t room, struct troupe_text text)
{
	struct tr_bytes clean = { 0 };
	size_t size;

	if (text.size > 4 * room)
		text.size = 4 * room;
	tr_utf8_put_clean(&clean, text);
	size = clean.size < room ? clean.size : room - 1;
	while (size > 0 && size < clean.size && (clean.data[size] & 0xc0) == 0x80)
		size--;
	for (size_t i = 0; i < size; i++)
		into[i] = clean.data[i] < 0x20 || clean.data[i] == 0x7f ? ' ' : (char)clean.data[i];
	into[size] = '\0';
	tr_bytes_free(&clean);
}

static bool put_member_words(struct tr_problem *ret, struct troupe_text body, const char *name)
{
	struct tr_bytes text = { 0 };
	bool found = tr_json_find_string(body, &text, name, NULL) && text.size > 0;

	if (found)
		tr_words(ret->words, sizeof ret->words, (struct troupe_text){ (const char *)text.data, text.size });
	tr_bytes_free(&text);
	return found;
}

/* False: the body is no problem document of a sandbox-agent server. */
static bool read_document(struct troupe_text body, struct tr_problem *ret)
{
	char type[96];

	if (tr_json_check(body, TR_JSON_KEPT_DEPTH, NULL) < 0 || !tr_acp_short(body, "type", type, sizeof type)
	    || strncmp(type, URN, strlen(URN)) != 0)
		return false;
	if (!put_member_words(ret, body, "detail"))
		put_member_words(ret, body, "title");
	ret->kind = TR_PROBLEM_PATH;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (strcmp(type + strlen(URN), types[i].type) == 0)
			ret->kind = types[i].kind;
	}
	if (ret->status == 404 && ret->kind == TR_PROBLEM_REFUSED)
		ret->kind = TR_PROBLEM_PATH; /* "invalid_request" with 404 means an unknown path: not the server we think it is */
	return true;
}

void tr_problem_read(const struct tr_http_answer *answer, struct tr_problem *ret)
{
	*ret = (struct tr_problem){ .kind = TR_PROBLEM_NONE, .status = answer->status };
	if (answer->end != TR_HTTP_DONE) {
		ret->kind = answer->end == TR_HTTP_NOT_SENT ? TR_PROBLEM_NOT_SENT : TR_PROBLEM_UNSURE;
		tr_words(ret->words, sizeof ret->words, tr_text_from(answer->why));
		return;
	}
	if (answer->status >= 200 && answer->status <= 299)
		return;
	snprintf(ret->words, sizeof ret->words, "HTTP status %d", answer->status);
	if (read_document(answer->body, ret))
		return;
	ret->kind = answer->status == 401 ? TR_PROBLEM_TOKEN : answer->status == 413 ? TR_PROBLEM_REFUSED : TR_PROBLEM_PATH;
}

bool tr_problem_unheard(const struct tr_problem *p)
{
	return p->kind == TR_PROBLEM_NOT_SENT || p->kind == TR_PROBLEM_UNSURE;
}
