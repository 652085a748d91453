/* SPDX-License-Identifier: Apache-2.0 */
/* Events: published (logged under the next seq) or broadcast (only sent). Encoded once for each encoding that somebody
 * uses, when they are released, and shared by reference. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/record.h"
#include "proto/text.h"
#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/core/live.h"


struct tr_event {
	uint64_t         seq;  /* 0: broadcast */
	struct tr_frame *frames[TR_ENCODINGS];
	char            *name; /* points behind data */
	size_t           size;
	uint8_t          data[];
};

static struct tr_event *event_new(const char *name, uint64_t seq, struct troupe_value data)
{
	size_t name_size = strlen(name) + 1;
	struct tr_event *e = tr_alloc(sizeof *e + data.size + name_size);

	e->seq = seq;
	e->size = data.size;
	memcpy(e->data, data.data, data.size);
	e->name = (char *)e->data + data.size;
	memcpy(e->name, name, name_size);
	return e;
}

static void event_free(struct tr_event *e)
{
	for (size_t i = 0; i < TR_ENCODINGS; i++)
		tr_frame_unref(e->frames[i]);
	free(e);
}

/* ------------------------------------------------------------------ encoding */

static void put_truncated(struct tr_bytes *out, size_t bytes)
{
	tr_put_map(out, 2);
	tr_put_text(out, "truncated");
	tr_put_bool(out, true);
	tr_put_text(out, "bytes");
	tr_put_int(out, (int64_t)bytes);
}

void tr_event_shorten(struct tr_bytes *out, struct troupe_value data)
{
	struct tr_cursor c = tr_cursor(data);
	struct tr_item map;

	if (tr_next(&c, &map) < 0 || map.kind != TR_MAP) {
		put_truncated(out, data.size);
		return;
	}
	tr_put_map(out, map.count);
	for (uint32_t i = 0; i < map.count; i++) {
		struct troupe_value name = { 0 }, member = { 0 };

		tr_skip(&c, &name);
		tr_skip(&c, &member);
		tr_put_value(out, name);
		if (member.size > TR_EVENT_MEMBER_BYTES_MAX)
			put_truncated(out, member.size);
		else
			tr_put_value(out, member);
	}
}

static int encode(struct tr_core *core, enum tr_encoding e, struct troupe_text name, struct troupe_value data)
{
	struct tr_bytes args = { 0 };
	int rc;

	tr_put_array(&args, 1);
	tr_put_value(&args, data);
	tr_bytes_clear(&core->scratch);
	rc = tr_client_encode_event(e, &core->scratch, name, tr_bytes_value(&args));
	tr_bytes_free(&args);
	return rc;
}

struct tr_frame *tr_event_frame(struct tr_core *core, enum tr_encoding e, struct troupe_text name, struct troupe_value data)
{
	int rc = encode(core, e, name, data);

	if (rc == 0 && core->scratch.size > TR_MESSAGE_OUT_BYTES_MAX) {
		struct tr_bytes less = { 0 };

		tr_event_shorten(&less, data);
		rc = encode(core, e, name, tr_bytes_value(&less));
		tr_bytes_free(&less);
	}
	if (rc < 0) { /* values are checked before they become events */
		tr_error("event.encode", "name=%.*s failed=%s", (int)name.size, name.data, troupe_error_info(rc)->name);
		return NULL;
	}
	return tr_frame_new(core->scratch.data, core->scratch.size, e == TR_ENC_JSON);
}

static struct tr_frame *frame_for(struct tr_core *core, struct tr_event *e, enum tr_encoding encoding)
{
	struct tr_frame **f = &e->frames[encoding];

	if (!*f)
		*f = tr_event_frame(core, encoding, tr_text_from(e->name),
		                    (struct troupe_value){ e->data, e->size });
	return *f;
}

/* ------------------------------------------------------------------ fan-out */

static void fan_out(struct troupe_actor *a, struct tr_event *e)
{
	struct tr_topic *topic = tr_topic_find(a, e->name);

	if (e->seq > 0)
		a->released = e->seq;
	if (!topic)
		return;
	for (struct tr_list *at = topic->subs.next; at != &topic->subs; at = at->next) {
		struct tr_sub *s = tr_container(at, struct tr_sub, in_topic);
		struct tr_frame *f;

		if (!s->active || (e->seq > 0 && (!s->conn->live || e->seq < s->next)))
			continue; /* a connection that catches up reads it from the log */
		f = frame_for(a->core, e, s->conn->encoding);
		if (f)
			tr_conn_send(s->conn, f);
	}
}

/* ------------------------------------------------------------------ the log's entries */

static void put_logged(struct tr_bytes *out, const char *name, int64_t at_ms, struct troupe_value data)
{
	tr_put_array(out, 3);
	tr_put_text(out, name);
	tr_put_int(out, at_ms);
	tr_put_value(out, data);
}

struct tr_logged tr_event_read(const struct tr_log_entry *entry)
{
	struct tr_logged l = { 0 };
	struct tr_cursor c = tr_cursor(entry->value);
	struct tr_item item;

	if (tr_next(&c, &item) < 0 || item.kind != TR_ARRAY || item.count != 3)
		return l;
	if (tr_next(&c, &item) == 0 && item.kind == TR_STR)
		l.name = (struct troupe_text){ item.data, item.size };
	if (tr_next(&c, &item) == 0 && item.kind == TR_INT)
		l.at_ms = item.integer;
	tr_skip(&c, &l.data);
	return l;
}

/* ------------------------------------------------------------------ what an author asks */

static int name_check(struct troupe_actor *a, const char *name)
{
	size_t size = strlen(name);

	if (size == 0 || size > TR_NAME_BYTES_MAX)
		return troupe_refuse(a, TROUPE_EINVAL, "an event's name must have 1 to %d bytes", TR_NAME_BYTES_MAX);
	if (tr_replay_says(name))
		return troupe_refuse(a, TROUPE_EINVAL, "events named %s are the server's own", name);
	return 0;
}

static void release_event(const struct tr_release *r)
{
	fan_out(tr_container(r->writer, struct troupe_actor, writer), r->event);
	event_free(r->event);
}

static void drop_event(const struct tr_release *r)
{
	event_free(r->event);
}

static const struct tr_release_kind event_item = { .release = release_event, .drop = drop_event };

static void say(struct troupe_actor *a, const char *name, uint64_t seq, struct troupe_value data)
{
	tr_ledger_hold(&a->core->ledger, &event_item, &a->writer)->event = event_new(name, seq, data);
}

/* data holds the whole event, seq included. */
static int64_t publish(struct troupe_actor *a, const char *name, const struct tr_bytes *data)
{
	struct tr_bytes *entry = &a->core->scratch;

	tr_bytes_clear(entry);
	put_logged(entry, name, a->core->now_ms, tr_bytes_value(data));
	a->seq++;
	tr_ledger_write(&a->core->ledger, TR_OP_APPEND, a->row.num, a->seq, NULL, 0, entry->data, entry->size);
	say(a, name, a->seq, tr_bytes_value(data));
	return (int64_t)a->seq;
}

static void put_seq(struct tr_bytes *out, uint64_t seq)
{
	tr_put_text(out, "seq");
	tr_put_int(out, (int64_t)seq);
}

int64_t troupe_publish(struct troupe_actor *a, const char *name, const struct troupe_record *r, const void *from)
{
	struct tr_bytes data = { 0 };
	int64_t seq = name_check(a, name);

	assert(a->core->turning == a);
	if (seq < 0)
		return seq;
	tr_record_encode(r, from, 1, &data);
	put_seq(&data, a->seq + 1);
	seq = publish(a, name, &data);
	tr_bytes_free(&data);
	return seq;
}

/* An object's own members but `seq`, which is ours; anything else goes under `value`. */
static void put_with_seq(struct tr_bytes *out, struct troupe_value v, uint64_t seq)
{
	struct tr_cursor c = tr_cursor(v);
	struct troupe_value old;
	struct tr_item map;

	if (v.size == 0 || tr_next(&c, &map) < 0 || map.kind != TR_MAP) {
		tr_put_map(out, v.size == 0 ? 1 : 2);
		if (v.size > 0) {
			tr_put_text(out, "value");
			tr_put_value(out, v);
		}
		put_seq(out, seq);
		return;
	}
	if (!tr_value_member(v, "seq", &old)) {
		tr_put_map(out, map.count + 1);
		tr_put_value(out, (struct troupe_value){ c.at, (size_t)(c.end - c.at) });
	} else {
		uint32_t others = 0;
		struct tr_bytes kept = { 0 };

		for (uint32_t i = 0; i < map.count; i++) {
			struct troupe_value name = { 0 }, member = { 0 };
			struct troupe_text text = { 0 };

			tr_skip(&c, &name);
			tr_skip(&c, &member);
			if (tr_value_text(name, &text) && text.size == 3 && memcmp(text.data, "seq", 3) == 0)
				continue;
			others++;
			tr_put_value(&kept, name);
			tr_put_value(&kept, member);
		}
		tr_put_map(out, others + 1);
		tr_put_value(out, tr_bytes_value(&kept));
		tr_bytes_free(&kept);
	}
	put_seq(out, seq);
}

int64_t troupe_publish_value(struct troupe_actor *a, const char *name, struct troupe_value v)
{
	struct tr_bytes data = { 0 };
	int64_t seq = name_check(a, name);

	assert(a->core->turning == a);
	if (seq < 0)
		return seq;
	put_with_seq(&data, v, a->seq + 1);
	seq = publish(a, name, &data);
	tr_bytes_free(&data);
	return seq;
}

int troupe_broadcast_value(struct troupe_actor *a, const char *name, struct troupe_value v)
{
	int rc = name_check(a, name);

	assert(a->core->turning == a);
	if (rc == 0 && !a->core->draining && tr_topic_find(a, name))
		say(a, name, 0, v);
	return rc;
}

int troupe_broadcast(struct troupe_actor *a, const char *name, const struct troupe_record *r, const void *from)
{
	struct tr_bytes data = { 0 };
	int rc;

	tr_record_encode(r, from, 0, &data);
	rc = troupe_broadcast_value(a, name, tr_bytes_value(&data));
	tr_bytes_free(&data);
	return rc;
}

int troupe_send(struct troupe_peer *p, const char *name, const struct troupe_record *r, const void *from)
{
	struct tr_bytes data = { 0 };
	struct tr_frame *f;

	if (!p->actor || !p->conn)
		return 0; /* an HTTP call hears no events */
	tr_record_encode(r, from, 0, &data);
	f = tr_event_frame(p->actor->core, p->conn->encoding, tr_text_from(name), tr_bytes_value(&data));
	tr_bytes_free(&data);
	if (!f)
		return TROUPE_EINTERNAL;
	tr_conn_hold_frame(p->conn, f);
	return 0;
}
