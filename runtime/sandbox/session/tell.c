/* SPDX-License-Identifier: Apache-2.0 */
/* What a session tells: its events, which stand in the actor's log and are numbered, and changes. */
#include "runtime/sandbox/session/tell.h"

#include <stdio.h>
#include <string.h>

#include "proto/acp.h"
#include "proto/json.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/items.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/store.h"

static void put_member(struct tr_bytes *out, const char *name, const char *text)
{
	tr_put_text(out, name);
	tr_put_text(out, text);
}

/* What clients get in the place of an envelope that would not fit into a frame; the envelope itself is
 * kept. */
static void put_truncated(struct troupe_session *s, struct tr_bytes *out, struct troupe_text json)
{
	struct tr_bytes note = { 0 };
	struct tr_acp e;

	tr_acp_read(&e, json);
	tr_acp_note_truncated(&note, &e, json.size);
	tr_put_json(out, (const char *)note.data, note.size);
	tr_store_big(s, s->tell.event_index, json);
	tr_bytes_free(&note);
}

void tr_session_event(struct troupe_session *s, enum tr_sender sender, struct troupe_text json)
{
	struct tr_bytes event = { 0 };
	uint64_t before;
	char uuid[37];

	tr_random_uuid(uuid);
	s->tell.event_index++;
	s->dirty.at = true;
	tr_put_map(&event, sender == TR_SYNTHETIC ? 8 : 7);
	put_member(&event, "id", uuid);
	tr_put_text(&event, "eventIndex");
	tr_put_int(&event, (int64_t)s->tell.event_index);
	put_member(&event, "sessionId", s->id);
	tr_put_text(&event, "createdAt");
	tr_put_int(&event, troupe_now_ms(s->actor));
	put_member(&event, "connectionId", s->instance.connection_id);
	put_member(&event, "sender", sender == TR_CLIENT ? "client" : "agent");
	if (sender == TR_SYNTHETIC) {
		tr_put_text(&event, "synthetic");
		tr_put_bool(&event, true);
	}
	tr_put_text(&event, "payload");
	if (json.size > TR_EVENT_CLIENT_BYTES_MAX)
		put_truncated(s, &event, json);
	else
		tr_put_json(&event, json.data, json.size);
	before = troupe_seq(s->actor);
	if (s->hooks.on_event)
		s->hooks.on_event(s->actor, s, tr_bytes_value(&event));
	s->tell.seqs[(s->tell.event_index - 1) % TR_INDEX_BLOCK] = troupe_seq(s->actor) > before ? (int64_t)before + 1 : TR_SEQ_NONE;
	if (s->tell.event_index % TR_INDEX_BLOCK == 0)
		tr_store_block(s);
	tr_bytes_free(&event);
}

void tr_session_note(struct troupe_session *s, enum tr_sender sender, struct tr_bytes *json)
{
	tr_session_event(s, sender, (struct troupe_text){ (const char *)json->data, json->size });
	tr_bytes_free(json);
}

/* The map is told with the session's id. */
void tr_session_change(struct troupe_session *s, const char *name, struct tr_bytes *value)
{
	struct tr_cursor c = tr_cursor(tr_bytes_value(value));
	struct tr_bytes whole = { 0 };
	struct tr_item map;

	tr_next(&c, &map);
	tr_put_map(&whole, map.count + 1);
	tr_put_value(&whole, (struct troupe_value){ c.at, (size_t)(c.end - c.at) });
	put_member(&whole, "sessionId", s->id);
	if (s->hooks.on_change)
		s->hooks.on_change(s->actor, s, name, tr_bytes_value(&whole));
	tr_bytes_free(&whole);
	tr_bytes_free(value);
}

/* What programs can go by. */
static void read_metadata(struct tr_bytes *out, struct troupe_text error)
{
	int64_t code = tr_acp_integer(error, "code", INT64_MIN);
	bool has_code = code != INT64_MIN;
	struct troupe_text data;
	bool has_data = tr_json_find(error, &data, "data", NULL) && data.size <= TR_AGENT_ERROR_DATA_MAX;

	if (!has_code && !has_data)
		return;
	tr_put_map(out, (uint32_t)has_code + has_data);
	if (has_code)
		tr_item_put_number(out, "code", code);
	if (has_data) {
		tr_put_text(out, "data");
		tr_put_json(out, data.data, data.size);
	}
}

int tr_session_read_error(struct troupe_text error, char words[TR_PROBLEM_WORDS], struct tr_bytes *metadata)
{
	struct tr_bytes text = { 0 }, methods = { 0 };

	tr_json_find_string(error, &text, "message", NULL);
	tr_acp_login_methods(error, &methods);
	if (methods.size > 0)
		tr_bytes_printf(&text, ": %s", tr_bytes_text(&methods));
	tr_words(words, TR_PROBLEM_WORDS, (struct troupe_text){ (const char *)text.data, text.size });
	read_metadata(metadata, error);
	tr_bytes_free(&text);
	tr_bytes_free(&methods);
	return tr_acp_integer(error, "code", 0) == -32000 ? TROUPE_EAUTH : TROUPE_EAGENT;
}

void tr_session_put_error(struct tr_bytes *out, int error, const char *message, struct troupe_value metadata)
{
	const struct troupe_error_info *info = troupe_error_info(error);

	tr_put_text(out, "error");
	tr_put_map(out, 3 + (metadata.size > 0));
	put_member(out, "group", info->group);
	put_member(out, "code", info->code);
	put_member(out, "message", message && *message ? message : info->sentence);
	if (metadata.size > 0) {
		tr_put_text(out, "metadata");
		tr_put_value(out, metadata);
	}
}

void tr_session_state(struct troupe_session *s, const char *state, int error, const char *message)
{
	struct tr_bytes value = { 0 };

	if (strcmp(s->tell.state, state) == 0)
		return;
	snprintf(s->tell.state, sizeof s->tell.state, "%s", state);
	s->dirty.main = true;
	tr_info("sandbox.state", "actor=%s session=%s state=%s reason=\"%s\"", troupe_id(s->actor), s->id, state,
	        message ? message : "");
	tr_put_map(&value, error ? 3 : 2);
	put_member(&value, "state", state);
	put_member(&value, "sandboxId", tr_place_name(&s->place.user));
	if (error)
		tr_session_put_error(&value, error, message, (struct troupe_value){ 0 });
	tr_session_change(s, "sandbox.state", &value);
}

void tr_session_life(struct troupe_session *s, const char *state)
{
	struct tr_bytes value = { 0 };

	tr_info("session.state", "actor=%s session=%s state=%s", troupe_id(s->actor), s->id, state);
	tr_put_map(&value, 2);
	put_member(&value, "state", state);
	put_member(&value, "agent", s->agent);
	tr_session_change(s, "session.state", &value);
}
