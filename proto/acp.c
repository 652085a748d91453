/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into the agent's envelopes. Members are found in the text itself; only lists are decoded first. */
#include "proto/acp.h"

#include <stdlib.h>
#include <string.h>

#include "proto/json.h"

static bool is_string(struct troupe_text raw)
{
	return raw.size >= 2 && raw.data[0] == '"';
}

static bool is_null(struct troupe_text raw)
{
	return raw.size == 4 && memcmp(raw.data, "null", 4) == 0;
}

bool tr_acp_short(struct troupe_text object, const char *name, char *into, size_t room)
{
	struct tr_bytes text = { 0 };
	bool fits = tr_json_find_string(object, &text, name, NULL) && text.size < room && !text.failed
	            && (text.size == 0 || !memchr(text.data, 0, text.size));

	into[0] = '\0';
	if (fits && text.size > 0)
		memcpy(into, text.data, text.size);
	if (fits)
		into[text.size] = '\0';
	tr_bytes_free(&text);
	return fits;
}

static bool read_integer(struct troupe_text raw, int64_t *ret)
{
	int64_t n = 0;
	size_t at = raw.size > 0 && raw.data[0] == '-';

	if (raw.size == at || raw.size - at > 18)
		return false;
	for (size_t i = at; i < raw.size; i++) {
		if (raw.data[i] < '0' || raw.data[i] > '9')
			return false;
		n = n * 10 + (raw.data[i] - '0');
	}
	*ret = at ? -n : n;
	return true;
}

int64_t tr_acp_integer(struct troupe_text object, const char *name, int64_t otherwise)
{
	struct troupe_text raw;
	int64_t n;

	return tr_json_find(object, &raw, name, NULL) && read_integer(raw, &n) ? n : otherwise;
}

void tr_acp_read(struct tr_acp *ret, struct troupe_text json)
{
	static const struct troupe_text none = { "", 0 }; /* a text, so that one may look into it */
	struct troupe_text method;
	bool has_method, has_id;

	*ret = (struct tr_acp){ .kind = TR_ACP_ODD, .id = none, .params = none, .result = none, .error = none };
	if (json.size == 0 || json.data[0] != '{')
		return;
	has_method = tr_json_find(json, &method, "method", NULL) && is_string(method);
	has_id = tr_json_find(json, &ret->id, "id", NULL);
	tr_json_find(json, &ret->params, "params", NULL);
	tr_json_find(json, &ret->result, "result", NULL);
	tr_json_find(json, &ret->error, "error", NULL);
	if (is_null(ret->error))
		ret->error = none;
	if (has_method)
		tr_acp_short(json, "method", ret->method, sizeof ret->method);
	ret->kind = has_method ? (has_id ? TR_ACP_REQUEST : TR_ACP_NOTIFICATION)
	            : has_id ? TR_ACP_RESPONSE : TR_ACP_OTHER;
}

bool tr_acp_answers(const struct tr_acp *e, const char *our_id)
{
	size_t size = strlen(our_id);

	return e->kind == TR_ACP_RESPONSE && size > 0 && e->id.size == size + 2 && is_string(e->id)
	       && memcmp(e->id.data + 1, our_id, size) == 0;
}

/* ------------------------------------------------------------------ lists */

/* Walks the objects of a JSON array that stands in `json`; copies what each has under two names. */
struct walk {
	struct tr_bytes  packed;
	struct tr_cursor cursor;
	uint32_t         left;
};

static void walk_start(struct walk *w, struct troupe_text json)
{
	struct tr_item head;

	*w = (struct walk){ 0 };
	if (json.size == 0 || tr_json_decode(&w->packed, json, TR_JSON_PLAIN, TR_JSON_KEPT_DEPTH, NULL) < 0)
		return;
	w->cursor = tr_cursor(tr_bytes_value(&w->packed));
	if (tr_next(&w->cursor, &head) == 0 && head.kind == TR_ARRAY)
		w->left = head.count;
}

static bool walk_next(struct walk *w, struct troupe_value *ret)
{
	if (w->left == 0 || tr_skip(&w->cursor, ret) < 0)
		return false;
	w->left--;
	return true;
}

static void walk_end(struct walk *w)
{
	tr_bytes_free(&w->packed);
}

static bool member_text(struct troupe_value object, const char *name, char *into, size_t room)
{
	struct troupe_value member;
	struct troupe_text text;

	into[0] = '\0';
	if (!tr_value_member(object, name, &member) || !tr_value_text(member, &text) || text.size >= room
	    || (text.size > 0 && memchr(text.data, 0, text.size)))
		return false;
	memcpy(into, text.data, text.size);
	into[text.size] = '\0';
	return true;
}

/* ------------------------------------------------------------------ initialize, login */

static bool offers(struct troupe_text result, const char *capability)
{
	struct troupe_text raw;

	return tr_json_find(result, &raw, "agentCapabilities", "sessionCapabilities", capability, NULL) && !is_null(raw)
	       && !(raw.size == 5 && memcmp(raw.data, "false", 5) == 0);
}

void tr_acp_read_agent(struct troupe_text result, struct tr_acp_agent *ret)
{
	struct troupe_text raw;

	ret->version = tr_acp_integer(result, "protocolVersion", -1);
	ret->load = tr_json_find(result, &raw, "agentCapabilities", "loadSession", NULL) && raw.size == 4
	            && memcmp(raw.data, "true", 4) == 0;
	ret->resume = offers(result, "resume");
	ret->close = offers(result, "close");
}

bool tr_acp_key_method(struct troupe_text result, unsigned index, char *into, size_t room)
{
	static const char *const known[] = { "codex-api-key", "openai-api-key", "anthropic-api-key" };
	struct troupe_text methods;
	struct troupe_value method;
	struct walk w;
	bool found = false;

	if (!tr_json_find(result, &methods, "authMethods", NULL))
		return false;
	walk_start(&w, methods);
	while (!found && walk_next(&w, &method)) {
		bool is_known = false;

		if (!member_text(method, "id", into, room))
			continue;
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			is_known = is_known || strcmp(known[i], into) == 0;
		found = is_known && index-- == 0;
	}
	walk_end(&w);
	return found;
}

void tr_acp_login_methods(struct troupe_text object, struct tr_bytes *out)
{
	struct troupe_text methods;
	struct troupe_value method;
	char id[TR_ACP_SHORT_MAX];
	struct walk w;
	unsigned shown = 0;

	if (!tr_json_find(object, &methods, "authMethods", NULL)
	    && !tr_json_find(object, &methods, "data", "authMethods", NULL))
		return;
	walk_start(&w, methods);
	while (shown < 8 && walk_next(&w, &method)) {
		if (!member_text(method, "id", id, sizeof id))
			continue;
		tr_bytes_put_text(out, shown++ ? ", " : "");
		tr_bytes_put_text(out, id);
	}
	walk_end(&w);
}

/* ------------------------------------------------------------------ permissions */

/* The kinds of option that serve a word, best first (spec 3.6). */
static const struct { const char *reply; unsigned bit; const char *kinds[2]; } replies[] = {
	{ "once",   TR_ACP_ONCE,   { "allow_once", NULL } },
	{ "always", TR_ACP_ALWAYS, { "allow_always", "allow_once" } },
	{ "reject", TR_ACP_REJECT, { "reject_once", "reject_always" } },
};
#define REPLIES (sizeof replies / sizeof *replies)

static bool find_option(struct troupe_text options, const char *kind, char *into, size_t room)
{
	struct troupe_value option;
	char its_kind[32];
	struct walk w;
	bool found = false;

	walk_start(&w, options);
	while (!found && walk_next(&w, &option))
		found = member_text(option, "kind", its_kind, sizeof its_kind) && strcmp(its_kind, kind) == 0
		        && member_text(option, "optionId", into, room);
	walk_end(&w);
	return found;
}

bool tr_acp_option(struct troupe_text options, const char *reply, char *into, size_t room)
{
	for (size_t i = 0; i < REPLIES; i++) {
		if (strcmp(reply, replies[i].reply) != 0)
			continue;
		for (unsigned k = 0; k < 2 && replies[i].kinds[k]; k++) {
			if (find_option(options, replies[i].kinds[k], into, room))
				return true;
		}
	}
	return false;
}

unsigned tr_acp_replies(struct troupe_text options)
{
	char option[TR_ACP_SHORT_MAX];
	unsigned bits = 0;

	for (size_t i = 0; i < REPLIES; i++) {
		if (tr_acp_option(options, replies[i].reply, option, sizeof option))
			bits |= replies[i].bit;
	}
	return bits;
}

/* ------------------------------------------------------------------ the list of instances */

/* The next of a list; *at goes behind it. */
static struct troupe_text next_kind(const char **at)
{
	struct troupe_text kind = { *at, strcspn(*at, ",") };

	*at += kind.size + ((*at)[kind.size] == ',');
	return kind;
}

static bool is_text(struct troupe_text t, const char *text)
{
	return t.size == strlen(text) && memcmp(t.data, text, t.size) == 0;
}

bool tr_acp_kinds_valid(const char *list)
{
	static const char *const kinds[] = { "read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode",
		"other", "*" };
	size_t size = strlen(list);

	if (size == 0 || list[size - 1] == ',')
		return false;
	while (*list) {
		struct troupe_text kind = next_kind(&list);
		size_t i = 0;

		while (i < sizeof kinds / sizeof *kinds && !is_text(kind, kinds[i]))
			i++;
		if (i == sizeof kinds / sizeof *kinds)
			return false;
	}
	return true;
}

bool tr_acp_kinds_hold(const char *list, const char *kind)
{
	while (*list) {
		struct troupe_text each = next_kind(&list);

		if (is_text(each, kind) || is_text(each, "*"))
			return true;
	}
	return false;
}

int64_t tr_acp_listed(struct troupe_text list, const char *server_id)
{
	struct troupe_text servers;
	struct troupe_value server, created;
	char id[TR_ACP_SHORT_MAX];
	int64_t ms = 0;
	struct walk w;

	if (!tr_json_find(list, &servers, "servers", NULL))
		return 0;
	walk_start(&w, servers);
	while (walk_next(&w, &server)) {
		if (member_text(server, "serverId", id, sizeof id) && strcmp(id, server_id) == 0
		    && tr_value_member(server, "createdAtMs", &created) && !tr_value_integer(created, &ms))
			ms = 0;
	}
	walk_end(&w);
	return ms;
}
