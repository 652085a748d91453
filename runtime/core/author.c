/* SPDX-License-Identifier: Apache-2.0 */
/* What an author asks of an actor in its turn: who it is, what time it is, values made and read, a refusal,
 * its end. */
#include <assert.h>
#include <stdarg.h>

#include "proto/json.h"
#include "proto/key.h"
#include "proto/record.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/core/live.h"

void *troupe_self(struct troupe_actor *a)
{
	return a->self;
}

const char *troupe_id(const struct troupe_actor *a)
{
	return a->row.id;
}

const char *troupe_namespace(const struct troupe_actor *a)
{
	return a->row.namespace;
}

size_t troupe_key_count(const struct troupe_actor *a)
{
	return tr_key_count(a->label.key);
}

const char *troupe_key(const struct troupe_actor *a, size_t index)
{
	struct tr_bytes part = { 0 };
	char *text = NULL;

	if (tr_key_part(&part, a->label.key, index))
		text = tr_pool_text(&a->core->turn_pool, (struct troupe_text){ (char *)part.data, part.size });
	tr_bytes_free(&part);
	return text;
}

int64_t troupe_now_ms(const struct troupe_actor *a)
{
	return a->core->now_ms;
}

uint64_t troupe_seq(const struct troupe_actor *a)
{
	return a->seq;
}

const char *troupe_epoch(const struct troupe_actor *a)
{
	return a->epoch;
}

const char *troupe_uuid(struct troupe_actor *a)
{
	char *uuid = tr_pool_alloc(&a->core->turn_pool, 37);

	tr_random_uuid(uuid);
	return uuid;
}

struct troupe_value troupe_input(const struct troupe_actor *a)
{
	return a->input;
}

/* An agent's envelope is kept as its JSON; here it becomes an object. */
static struct troupe_value unfolded(struct troupe_actor *a, struct troupe_value v)
{
	struct tr_bytes packed = { 0 };
	struct tr_cursor c = tr_cursor(v);
	struct tr_item item;

	if (tr_next(&c, &item) < 0 || item.kind != TR_JSON)
		return v;
	if (tr_json_decode(&packed, (struct troupe_text){ item.data, item.size }, TR_JSON_PLAIN, TR_JSON_KEPT_DEPTH, NULL) == 0)
		v = tr_pool_value(&a->core->turn_pool, tr_bytes_value(&packed));
	tr_bytes_free(&packed);
	return v;
}

int troupe_read(struct troupe_actor *a, const struct troupe_record *r, void *into, struct troupe_value object)
{
	struct tr_arena arena = tr_pool_arena(&a->core->turn_pool);
	char why[256];
	int rc = tr_record_decode(r, into, unfolded(a, object), &arena, why, sizeof why);

	return rc == TROUPE_EINVAL ? troupe_refuse(a, rc, "%s", why) : rc;
}

struct troupe_value troupe_list(struct troupe_actor *a, const struct troupe_record *r, const void *items, size_t count)
{
	struct tr_bytes packed = { 0 };
	struct troupe_value copy;

	tr_put_array(&packed, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		tr_record_encode(r, (const char *)items + i * r->size, 0, &packed);
	copy = tr_pool_value(&a->core->turn_pool, tr_bytes_value(&packed));
	tr_bytes_free(&packed);
	return copy;
}

struct troupe_value troupe_texts(struct troupe_actor *a, const char *const *texts, size_t count)
{
	struct tr_bytes packed = { 0 };
	struct troupe_value copy;

	tr_put_array(&packed, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		tr_put_text(&packed, texts[i]);
	copy = tr_pool_value(&a->core->turn_pool, tr_bytes_value(&packed));
	tr_bytes_free(&packed);
	return copy;
}

struct troupe_value troupe_int(struct troupe_actor *a, int64_t v)
{
	struct tr_bytes packed = { 0 };
	struct troupe_value copy;

	tr_put_int(&packed, v);
	copy = tr_pool_value(&a->core->turn_pool, tr_bytes_value(&packed));
	tr_bytes_free(&packed);
	return copy;
}

void tr_author_mask(const struct troupe_actor *a, struct tr_fault *fault)
{
	if (fault->error != TROUPE_EINTERNAL || !fault->message || a->core->o.show_internal)
		return;
	tr_error("actor.internal_error", "kind=%s key=%s reason=\"%s\"", a->row.name, a->row.key, fault->message);
	tr_fault_set(fault, TROUPE_EINTERNAL, NULL);
}

int troupe_refuse(struct troupe_actor *a, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tr_fault_vset(&a->refusal, error, format, args);
	va_end(args);
	tr_author_mask(a, &a->refusal);
	return error;
}

int troupe_refuse_as(struct troupe_actor *a, const char *group, const char *code, const char *message,
                     struct troupe_value metadata)
{
	tr_fault_set(&a->refusal, TROUPE_EUSER, "%s", message);
	a->refusal.user_group = tr_strdup(group);
	a->refusal.user_code = tr_strdup(code);
	tr_bytes_put(&a->refusal.metadata, metadata.data, metadata.size);
	return TROUPE_EUSER;
}

void troupe_destroy(struct troupe_actor *a)
{
	assert(a->core->turning == a);
	a->destroying = true;
}

void troupe_sleep(struct troupe_actor *a)
{
	assert(a->core->turning == a);
	a->sleeping = a->risen; /* while it wakes, somebody waits for it */
}
