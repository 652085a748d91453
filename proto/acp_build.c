/* SPDX-License-Identifier: Apache-2.0 */
/* The envelopes that we write: requests, replies, and the notes that stand in the log where the agent said nothing. */
#include "proto/acp.h"

#include <string.h>

#include "proto/json.h"
#include "proto/text.h"

static void put_string(struct tr_bytes *out, const char *text)
{
	tr_json_put_string(out, tr_text_from(text));
}

/* `{"jsonrpc":"2.0","id":"...","method":"...","params":{`: the caller writes the params, then ends them. */
static void start_request(struct tr_bytes *out, const char *id, const char *method)
{
	tr_bytes_put_text(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	put_string(out, id);
	tr_bytes_printf(out, ",\"method\":\"%s\",\"params\":{", method);
}

static void start_note(struct tr_bytes *out, const char *method)
{
	tr_bytes_printf(out, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":{", method);
}

static void put_member(struct tr_bytes *out, const char *before, const char *text)
{
	tr_bytes_put_text(out, before);
	put_string(out, text);
}

static void end_params(struct tr_bytes *out)
{
	tr_bytes_put_text(out, "}}");
}

void tr_acp_initialize(struct tr_bytes *out, const char *id, const char *our_version)
{
	start_request(out, id, "initialize");
	tr_bytes_printf(out, "\"protocolVersion\":%d,\"clientInfo\":{\"name\":\"troupe\",\"version\":", TR_ACP_VERSION);
	put_string(out, our_version);
	tr_bytes_put_text(out, "},\"clientCapabilities\":{\"fs\":{\"readTextFile\":false,\"writeTextFile\":false},\"terminal\":false}");
	end_params(out);
}

void tr_acp_authenticate(struct tr_bytes *out, const char *id, const char *method)
{
	start_request(out, id, "authenticate");
	put_member(out, "\"methodId\":", method);
	end_params(out);
}

void tr_acp_new(struct tr_bytes *out, const char *id, const char *cwd)
{
	start_request(out, id, "session/new");
	put_member(out, "\"cwd\":", cwd);
	tr_bytes_put_text(out, ",\"mcpServers\":[]");
	end_params(out);
}

void tr_acp_restore(struct tr_bytes *out, const char *id, const char *method, const char *session, const char *cwd)
{
	start_request(out, id, method);
	put_member(out, "\"sessionId\":", session);
	put_member(out, ",\"cwd\":", cwd);
	tr_bytes_put_text(out, ",\"mcpServers\":[]");
	end_params(out);
}

bool tr_acp_blocks_valid(struct troupe_value content)
{
	struct tr_cursor c = tr_cursor(content);
	struct troupe_value block, type;
	struct troupe_text text;
	struct tr_item list;

	if (tr_next(&c, &list) < 0 || list.kind != TR_ARRAY)
		return false;
	while (list.count-- > 0) {
		if (tr_skip(&c, &block) < 0 || !tr_value_member(block, "type", &type) || !tr_value_text(type, &text))
			return false;
	}
	return true;
}

static void put_blocks(struct tr_bytes *out, struct troupe_value content)
{
	struct tr_cursor c = tr_cursor(content);
	struct troupe_value block;
	struct tr_item list;

	if (content.size == 0 || tr_next(&c, &list) < 0 || list.kind != TR_ARRAY)
		return;
	while (list.count-- > 0 && tr_skip(&c, &block) == 0) {
		tr_json_encode(out, block, TR_JSON_PLAIN);
		tr_bytes_put_text(out, ",");
	}
}

void tr_acp_prompt(struct tr_bytes *out, const char *id, const char *session, struct troupe_text replay,
                   struct troupe_value content, const char *text)
{
	start_request(out, id, "session/prompt");
	put_member(out, "\"sessionId\":", session);
	tr_bytes_put_text(out, ",\"prompt\":[");
	if (replay.size > 0) {
		tr_bytes_put_text(out, "{\"type\":\"text\",\"_meta\":{\"troupe\":\"replay\"},\"text\":");
		tr_json_put_string(out, replay);
		tr_bytes_put_text(out, "},");
	}
	put_blocks(out, content);
	put_member(out, "{\"type\":\"text\",\"text\":", text);
	tr_bytes_put_text(out, "}]");
	end_params(out);
}

void tr_acp_cancel(struct tr_bytes *out, const char *session)
{
	start_note(out, "session/cancel");
	put_member(out, "\"sessionId\":", session);
	end_params(out);
}

void tr_acp_close(struct tr_bytes *out, const char *id, const char *session)
{
	start_request(out, id, "session/close");
	put_member(out, "\"sessionId\":", session);
	end_params(out);
}

void tr_acp_set_mode(struct tr_bytes *out, const char *id, const char *session, struct troupe_text mode)
{
	start_request(out, id, "session/set_mode");
	put_member(out, "\"sessionId\":", session);
	tr_bytes_put_text(out, ",\"modeId\":");
	tr_json_put_string(out, mode);
	end_params(out);
}

void tr_acp_set_option(struct tr_bytes *out, const char *id, const char *session, const char *option, struct troupe_value value)
{
	struct tr_cursor c = tr_cursor(value);
	struct tr_item item;

	start_request(out, id, "session/set_config_option");
	put_member(out, "\"sessionId\":", session);
	put_member(out, ",\"configId\":", option);
	if (tr_next(&c, &item) == 0 && item.kind == TR_BOOL)
		tr_bytes_put_text(out, ",\"type\":\"boolean\"");
	tr_bytes_put_text(out, ",\"value\":");
	tr_json_encode(out, value, TR_JSON_PLAIN);
	end_params(out);
}

static void start_reply(struct tr_bytes *out, struct troupe_text raw_id)
{
	tr_bytes_put_text(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	tr_bytes_put(out, raw_id.data, raw_id.size);
}

void tr_acp_permission_reply(struct tr_bytes *out, struct troupe_text raw_id, const char *option)
{
	start_reply(out, raw_id);
	tr_bytes_put_text(out, ",\"result\":{\"outcome\":{\"outcome\":");
	if (option)
		put_member(out, "\"selected\",\"optionId\":", option);
	else
		tr_bytes_put_text(out, "\"cancelled\"");
	tr_bytes_put_text(out, "}}}");
}

void tr_acp_refuse(struct tr_bytes *out, struct troupe_text raw_id, int code, const char *message)
{
	start_reply(out, raw_id);
	tr_bytes_printf(out, ",\"error\":{\"code\":%d", code);
	put_member(out, ",\"message\":", message);
	end_params(out);
}

/* ------------------------------------------------------------------ notes */

void tr_acp_note_lost(struct tr_bytes *out, const char *id, const char *reason, const char *message)
{
	start_reply(out, (struct troupe_text){ 0 });
	put_string(out, id);
	put_member(out, ",\"error\":{\"code\":-32099,\"message\":", message);
	put_member(out, ",\"data\":{\"reason\":", reason);
	tr_bytes_put_text(out, "}}}");
}

void tr_acp_note_gap(struct tr_bytes *out, const char *server_id, int64_t created_ms, uint64_t from, uint64_t to)
{
	start_note(out, "_troupe/gap");
	put_member(out, "\"serverId\":", server_id);
	tr_bytes_printf(out, ",\"createdAtMs\":%lld,\"from\":%llu", (long long)created_ms, (unsigned long long)from);
	if (to > 0)
		tr_bytes_printf(out, ",\"to\":%llu,\"lost\":%llu", (unsigned long long)to, (unsigned long long)(to - from + 1));
	else
		tr_bytes_put_text(out, ",\"to\":null,\"lost\":null");
	end_params(out);
}

void tr_acp_note_restored(struct tr_bytes *out, const char *how, const char *session, unsigned replayed)
{
	start_note(out, "_troupe/restored");
	put_member(out, "\"how\":", how);
	put_member(out, ",\"agentSessionId\":", session);
	if (replayed > 0)
		tr_bytes_printf(out, ",\"replayed\":%u", replayed);
	end_params(out);
}

void tr_acp_note_oversize(struct tr_bytes *out, uint64_t stream_id, uint64_t bytes)
{
	start_note(out, "_troupe/oversize");
	tr_bytes_printf(out, "\"streamId\":%llu,\"bytes\":%llu", (unsigned long long)stream_id, (unsigned long long)bytes);
	end_params(out);
}

void tr_acp_note_expired(struct tr_bytes *out, const char *permission_id, struct troupe_text raw_id)
{
	start_note(out, "_troupe/permission_expired");
	put_member(out, "\"permissionId\":", permission_id);
	tr_bytes_put_text(out, ",\"requestId\":");
	tr_bytes_put(out, raw_id.data, raw_id.size);
	end_params(out);
}

void tr_acp_note_odd(struct tr_bytes *out, struct troupe_text value, bool json)
{
	start_note(out, "_troupe/odd");
	tr_bytes_put_text(out, "\"value\":");
	if (json)
		tr_bytes_put(out, value.data, value.size);
	else
		tr_json_put_string(out, value);
	end_params(out);
}

void tr_acp_note_truncated(struct tr_bytes *out, const struct tr_acp *e, uint64_t bytes)
{
	tr_bytes_put_byte(out, '{');
	if (e->id.size > 0 && e->id.size <= TR_ACP_SHORT_MAX) {
		tr_bytes_put_text(out, "\"id\":");
		tr_bytes_put(out, e->id.data, e->id.size);
		tr_bytes_put_byte(out, ',');
	}
	if (*e->method) {
		put_member(out, "\"method\":", e->method);
		tr_bytes_put_byte(out, ',');
	}
	tr_bytes_printf(out, "\"truncated\":true,\"bytes\":%llu}", (unsigned long long)bytes);
}
