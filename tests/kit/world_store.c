/* SPDX-License-Identifier: Apache-2.0 */
/* The world's store: arrays, and an answer before each call returns. */
#include "tests/kit/world_store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/limits.h"
#include "runtime/base/mem.h"

struct tr_world_bytes tr_world_copy(const void *data, size_t size)
{
	struct tr_world_bytes b = { tr_alloc(size), size };

	if (size > 0)
		memcpy(b.data, data, size);
	return b;
}

static struct troupe_value lend(const struct tr_world_bytes *b)
{
	return (struct troupe_value){ b->data, b->size };
}

struct tr_world_row *tr_world_row(struct tr_world *w, uint64_t num)
{
	if (num == TR_NOBODY) {
		w->nobody = w->nobody ? w->nobody : tr_alloc(sizeof *w->nobody);
		return w->nobody;
	}
	for (size_t i = 0; i < w->row_count; i++) {
		if (w->rows[i].row.num == num && !w->rows[i].destroyed)
			return &w->rows[i];
	}
	return NULL;
}

/* A late one has been asked what fails before (world_late.c). */
static int failing(struct tr_world *w)
{
	int rc = w->late ? 0 : w->next_read;

	if (!w->late)
		w->next_read = 0;
	return rc;
}

static bool is_at(const struct tr_actor_row *row, const char *namespace, const char *name, const char *key)
{
	return strcmp(row->namespace, namespace) == 0 && strcmp(row->name, name) == 0 && strcmp(row->key, key) == 0;
}

static void store_find(void *ctx, const char *id, const char *namespace, const char *name, const char *key,
                       void (*on_found)(void *arg, int rc, const struct tr_actor_row *row, struct troupe_value state, uint64_t seq),
                       void *arg)
{
	struct tr_world *w = ctx;
	int rc = w->next_find;

	w->next_find = 0;
	for (size_t i = 0; rc == 0 && i < w->row_count; i++) {
		struct tr_world_row *r = &w->rows[i];

		if (r->destroyed)
			continue;
		if (id ? strcmp(r->row.id, id) == 0 : is_at(&r->row, namespace, name, key)) {
			on_found(arg, 0, &r->row, lend(&r->state), r->log_count);
			return;
		}
	}
	on_found(arg, rc ? rc : TROUPE_ENOTFOUND, NULL, (struct troupe_value){ 0 }, 0);
}

static void store_list(void *ctx, const char *namespace, const char *name, uint64_t after, unsigned limit,
                       void (*on_row)(void *arg, int rc, const struct tr_actor_row *row), void *arg)
{
	struct tr_world *w = ctx;

	for (size_t i = 0; i < w->row_count && limit > 0; i++) {
		struct tr_world_row *r = &w->rows[i];

		if (r->destroyed || r->row.num <= after || strcmp(namespace, r->row.namespace) != 0 ||
		    (name && strcmp(name, r->row.name) != 0))
			continue;
		on_row(arg, 0, &r->row);
		limit--;
	}
	on_row(arg, 0, NULL);
}

static void store_read_log(void *ctx, uint64_t actor, uint64_t after, unsigned max_events, size_t max_bytes,
                           void (*on_page)(void *arg, int rc, const struct tr_log_entry *entries, size_t count, bool more),
                           void *arg)
{
	struct tr_world *w = ctx;
	struct tr_world_row *r = tr_world_row(w, actor);
	struct tr_log_entry entries[TR_GETEVENTS_MAX];
	size_t count = 0, bytes = 0, at = (size_t)after;

	w->log_reads++;
	for (; r && at < r->log_count && count < max_events; at++) {
		if (count > 0 && bytes + r->log[at].size > max_bytes)
			break;
		bytes += r->log[at].size;
		entries[count++] = (struct tr_log_entry){ at + 1, lend(&r->log[at]) };
	}
	on_page(arg, 0, entries, count, r && at < r->log_count);
}

/* One of both is wanted. */
struct tr_world_read {
	uint64_t     actor;
	struct tr_world_bytes key;
	void       (*on_value)(void *arg, int rc, struct troupe_value value);
	void       (*on_key)(void *arg, int rc, struct troupe_text key);
	void        *arg;
};

static void hold_read(struct tr_world *w, const struct tr_world_read *read, struct troupe_text key)
{
	w->reads = tr_realloc(w->reads, (w->read_count + 1) * sizeof *w->reads);
	w->reads[w->read_count] = *read;
	w->reads[w->read_count++].key = tr_world_copy(key.data, key.size);
}

static void read_item(struct tr_world *w, uint64_t actor, struct troupe_text key,
                      void (*on_value)(void *arg, int rc, struct troupe_value value), void *arg)
{
	struct tr_world_row *r = tr_world_row(w, actor);

	for (size_t i = 0; r && i < r->item_count; i++) {
		if (r->items[i].key_size == key.size && memcmp(r->items[i].key, key.data, key.size) == 0) {
			w->item_reads++;
			on_value(arg, 0, lend(&r->items[i].value));
			return;
		}
	}
	on_value(arg, TROUPE_ENOTFOUND, (struct troupe_value){ 0 });
}

static void store_get(void *ctx, uint64_t actor, struct troupe_text key,
                      void (*on_value)(void *arg, int rc, struct troupe_value value), void *arg)
{
	struct tr_world *w = ctx;

	if (w->hold_reads)
		hold_read(w, &(struct tr_world_read){ .actor = actor, .on_value = on_value, .arg = arg }, key);
	else
		read_item(w, actor, key, on_value, arg);
}

static void read_keys(struct tr_world *w, uint64_t actor, struct troupe_text prefix,
                      void (*on_key)(void *arg, int rc, struct troupe_text key), void *arg)
{
	struct tr_world_row *r = tr_world_row(w, actor);
	int rc = failing(w);

	for (size_t i = 0; rc == 0 && r && i < r->item_count; i++) {
		struct tr_world_item *it = &r->items[i];

		if (it->key_size >= prefix.size && memcmp(it->key, prefix.data, prefix.size) == 0)
			on_key(arg, 0, (struct troupe_text){ it->key, it->key_size });
	}
	on_key(arg, rc, (struct troupe_text){ 0 });
}

static void store_keys(void *ctx, uint64_t actor, struct troupe_text prefix,
                       void (*on_key)(void *arg, int rc, struct troupe_text key), void *arg)
{
	struct tr_world *w = ctx;

	if (w->hold_reads)
		hold_read(w, &(struct tr_world_read){ .actor = actor, .on_key = on_key, .arg = arg }, prefix);
	else
		read_keys(w, actor, prefix, on_key, arg);
}

void tr_world_read(struct tr_world *w)
{
	struct tr_world_read *reads = w->reads;
	size_t count = w->read_count;

	w->reads = NULL;
	w->read_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct troupe_text key = { reads[i].key.data, reads[i].key.size };

		if (reads[i].on_value)
			read_item(w, reads[i].actor, key, reads[i].on_value, reads[i].arg);
		else
			read_keys(w, reads[i].actor, key, reads[i].on_key, reads[i].arg);
		free(reads[i].key.data);
	}
	free(reads);
}

static bool is_after(const struct tr_world_item *it, struct troupe_text after)
{
	size_t size = it->key_size < after.size ? it->key_size : after.size;
	int order = size > 0 ? memcmp(it->key, after.data, size) : 0;

	return order > 0 || (order == 0 && (it->key_size > after.size || after.size == 0));
}

static void store_scan(void *ctx, uint64_t actor, struct troupe_text prefix, struct troupe_text after, unsigned limit,
                       void (*on_item)(void *arg, int rc, struct troupe_text key, struct troupe_value value), void *arg)
{
	struct tr_world_row *r = tr_world_row(ctx, actor);

	for (size_t i = 0; r && i < r->item_count; i++) {
		struct tr_world_item *it = &r->items[i];

		if (it->key_size < prefix.size || memcmp(it->key, prefix.data, prefix.size) != 0 || !is_after(it, after))
			continue;
		((struct tr_world *)ctx)->item_reads++;
		on_item(arg, 0, (struct troupe_text){ it->key, it->key_size }, lend(&it->value));
		if (limit > 0 && --limit == 0)
			break;
	}
	on_item(arg, 0, (struct troupe_text){ 0 }, (struct troupe_value){ 0 });
}

static void store_busy(void *ctx, void (*on_row)(void *arg, int rc, const struct tr_actor_row *row), void *arg)
{
	struct tr_world *w = ctx;
	int rc = failing(w);

	for (size_t i = 0; rc == 0 && i < w->row_count; i++) {
		if (w->rows[i].busy && !w->rows[i].destroyed)
			on_row(arg, 0, &w->rows[i].row);
	}
	on_row(arg, rc, NULL);
}

static void store_alarms(void *ctx, uint64_t actor,
                         void (*on_alarm)(void *arg, int rc, uint64_t id, int64_t at_ms, struct troupe_value value), void *arg)
{
	struct tr_world_row *r = tr_world_row(ctx, actor);

	for (size_t i = 0; r && i < r->alarm_count; i++)
		on_alarm(arg, 0, r->alarms[i].id, r->alarms[i].at_ms, lend(&r->alarms[i].value));
	on_alarm(arg, 0, 0, 0, (struct troupe_value){ 0 });
}

static bool is_before(const struct tr_alarm_place *a, const struct tr_alarm_place *b)
{
	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms;
	return a->actor != b->actor ? a->actor < b->actor : a->id < b->id;
}

/* The first alarm behind a place; NULL: none. */
static const struct tr_world_row *next_due(struct tr_world *w, const struct tr_alarm_place *after, struct tr_alarm_place *ret)
{
	const struct tr_world_row *first = NULL;

	for (size_t i = 0; i < w->row_count; i++) {
		const struct tr_world_row *r = &w->rows[i];

		for (size_t k = 0; !r->destroyed && k < r->alarm_count; k++) {
			struct tr_alarm_place place = { r->alarms[k].at_ms, r->row.num, r->alarms[k].id };

			if (!is_before(after, &place) || (first && is_before(ret, &place)))
				continue;
			first = r;
			*ret = place;
		}
	}
	return first;
}

static void store_due(void *ctx, const struct tr_alarm_place *after, unsigned limit,
                      void (*on_due)(void *arg, int rc, const struct tr_alarm_place *place, const struct tr_actor_row *row),
                      void *arg)
{
	struct tr_world *w = ctx;
	struct tr_alarm_place at = *after, next;
	const struct tr_world_row *r;

	w->due_reads++;
	for (; limit > 0 && (r = next_due(w, &at, &next)); limit--) {
		at = next;
		on_due(arg, 0, &at, &r->row);
	}
	on_due(arg, 0, NULL, NULL);
}

static void store_clean(void *ctx, void (*on_done)(void *arg, bool more), void *arg)
{
	(void)ctx;
	on_done(arg, false);
}

static uint64_t store_new_actor(void *ctx)
{
	return ++((struct tr_world *)ctx)->last_actor;
}

const struct tr_store_ops tr_world_store_ops = {
	.find = store_find, .list = store_list, .read_log = store_read_log, .get = store_get, .scan = store_scan,
	.keys = store_keys, .busy = store_busy, .alarms = store_alarms, .due = store_due, .commit = tr_world_store_commit,
	.clean = store_clean, .new_actor = store_new_actor,
};
