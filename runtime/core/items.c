/* SPDX-License-Identifier: Apache-2.0 */
/* What an actor has in the store beside its kept fields: items of its own, and its log to be read. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/core/live.h"
#include "runtime/core/part.h"

void tr_actor_put(struct troupe_actor *a, struct troupe_text key, const void *value, size_t size)
{
	assert(a->core->turning == a);
	tr_ledger_write(&a->core->ledger, TR_OP_PUT, a->row.num, 0, key.data, key.size, value, size);
	tr_overlay_wrote(a->core, a->written);
}

void tr_actor_delete(struct troupe_actor *a, struct troupe_text key)
{
	assert(a->core->turning == a);
	tr_ledger_write(&a->core->ledger, TR_OP_DELETE, a->row.num, 0, key.data, key.size, NULL, 0);
	tr_overlay_wrote(a->core, a->written);
}

void tr_actor_hand_over(struct troupe_actor *a, struct troupe_text key, const void *value, size_t size)
{
	assert(a->core->turning == a);
	tr_ledger_write(&a->core->ledger, TR_OP_PUT, TR_NOBODY, 0, key.data, key.size, value, size);
	tr_ledger_written_by(&a->core->ledger, &a->writer);
	tr_overlay_wrote(a->core, a->core->nobody);
}

/* ------------------------------------------------------------------ reading */

/* A read that has not come back finds nobody home when the actor has gone, or is about to, or its reader
 * was forgotten. */
struct pending {
	struct tr_read       read;      /* of items */
	struct tr_core      *core;
	struct tr_list       link;      /* among the actor's */
	struct tr_list       of_reader; /* and the reader's */
	struct troupe_actor *actor;
	void                *callback;  /* NULL: nobody waits for it */
	void                *arg;
	char                 keys[];
};

void tr_reader_init(struct tr_reader *r)
{
	tr_list_init(&r->reads);
	tr_list_init(&r->parts);
	tr_list_init(&r->part);
}

void tr_reader_join(struct tr_reader *r, struct tr_reader *whole)
{
	tr_list_push(&whole->parts, &r->part);
}

void tr_reader_forget(struct tr_reader *r)
{
	struct tr_list *first;

	while ((first = tr_list_first(&r->reads))) {
		struct pending *p = tr_container(first, struct pending, of_reader);

		p->callback = NULL;
		tr_list_remove(&p->of_reader);
	}
	while ((first = tr_list_first(&r->parts)))
		tr_reader_forget(tr_container(first, struct tr_reader, part));
	tr_list_remove(&r->part);
}

static bool is_home(const struct pending *p)
{
	return p->callback && p->actor && p->actor->life == TR_AWAKE;
}

#define KEYS_ROOM (2 * TR_ITEM_KEY_MAX)

/* Most are alone and answered at once: one is kept for the next. */
static struct pending *pending_new(struct troupe_actor *a, struct tr_reader *reader, size_t keys, void *callback,
                                   void *arg)
{
	struct pending *p = a->core->spare_read;

	if (p && keys <= KEYS_ROOM) {
		memset(p, 0, sizeof *p);
		a->core->spare_read = NULL;
	} else {
		p = tr_alloc(sizeof *p + (keys > KEYS_ROOM ? keys : KEYS_ROOM));
	}
	p->core = a->core;
	p->core->read_count++;
	p->actor = a;
	p->callback = callback;
	p->arg = arg;
	tr_list_push(&a->reads, &p->link);
	tr_list_init(&p->of_reader);
	if (reader)
		tr_list_push(&reader->reads, &p->of_reader);
	return p;
}

static struct pending *read_new(struct troupe_actor *a, struct tr_reader *reader, struct troupe_text prefix,
                                struct troupe_text after, tr_on_read *on_read, void *callback, void *arg)
{
	struct pending *p = pending_new(a, reader, prefix.size + after.size, callback, arg);

	if (prefix.size > 0)
		memcpy(p->keys, prefix.data, prefix.size);
	if (after.size > 0)
		memcpy(p->keys + prefix.size, after.data, after.size);
	p->read.prefix = (struct troupe_text){ p->keys, prefix.size };
	p->read.after = (struct troupe_text){ p->keys + prefix.size, after.size };
	p->read.on_read = on_read;
	p->read.arg = p;
	return p;
}

static void pending_free(struct pending *p)
{
	p->core->read_count--;
	tr_list_remove(&p->link);
	tr_list_remove(&p->of_reader);
	if (p->actor)
		tr_actor_touch(p->actor); /* it may have waited for nothing else */
	if (p->core->spare_read)
		free(p);
	else
		p->core->spare_read = p;
}

/* What the store found, on its way into a turn. */
struct found { struct pending *pending; int rc; struct troupe_text key; struct troupe_value value; };

typedef void on_value(struct troupe_actor *, void *, int, struct troupe_value);
typedef void on_item(struct troupe_actor *, void *, int, struct troupe_text, struct troupe_value);

static int value_turn(struct troupe_actor *a, void *arg)
{
	const struct found *f = arg;

	((on_value *)(uintptr_t)f->pending->callback)(a, f->pending->arg, f->rc, f->value);
	return 0;
}

static int item_turn(struct troupe_actor *a, void *arg)
{
	const struct found *f = arg;

	((on_item *)(uintptr_t)f->pending->callback)(a, f->pending->arg, f->rc, f->key, f->value);
	return 0;
}

static void got_value(void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	struct found f = { .pending = arg, .rc = rc, .value = value };

	(void)key;
	if (is_home(f.pending))
		tr_actor_turn(f.pending->actor, value_turn, &f);
	pending_free(f.pending);
}

static void got_item(void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	struct found f = { .pending = arg, .rc = rc, .key = key, .value = value };

	if (is_home(f.pending))
		tr_actor_turn(f.pending->actor, item_turn, &f);
	if (!key.data)
		pending_free(f.pending);
}

void tr_actor_get(struct troupe_actor *a, struct tr_reader *reader, struct troupe_text key,
                  void (*callback)(struct troupe_actor *a, void *arg, int rc, struct troupe_value value), void *arg)
{
	const struct troupe_text none = { 0 };
	struct pending *p = read_new(a, reader, key, none, got_value, (void *)(uintptr_t)callback, arg);

	tr_read_get(a->core, &p->read, a->written, a->row.num);
}

void tr_actor_scan_after(struct troupe_actor *a, struct tr_reader *reader, struct troupe_text prefix,
                         struct troupe_text after, unsigned limit,
                         void (*callback)(struct troupe_actor *a, void *arg, int rc, struct troupe_text key,
                                          struct troupe_value value), void *arg)
{
	struct pending *p = read_new(a, reader, prefix, after, got_item, (void *)(uintptr_t)callback, arg);

	p->read.limit = limit;
	tr_read_scan(a->core, &p->read, a->written, a->row.num);
}

void tr_actor_scan(struct troupe_actor *a, struct tr_reader *reader, struct troupe_text prefix,
                   void (*callback)(struct troupe_actor *a, void *arg, int rc, struct troupe_text key,
                                    struct troupe_value value), void *arg)
{
	tr_actor_scan_after(a, reader, prefix, (struct troupe_text){ 0 }, 0, callback, arg);
}

/* ------------------------------------------------------------------ the log */

typedef void on_entries(struct troupe_actor *, void *, int, const struct tr_actor_event *, size_t, bool);

struct page { struct pending *pending; int rc; const struct tr_log_entry *entries; size_t count; bool more; };

static int page_turn(struct troupe_actor *a, void *arg)
{
	const struct page *p = arg;
	struct tr_actor_event *events = tr_alloc((p->count + 1) * sizeof *events);

	for (size_t i = 0; i < p->count; i++) {
		struct tr_logged l = tr_event_read(&p->entries[i]);

		events[i] = (struct tr_actor_event){ p->entries[i].seq, l.name, l.at_ms, l.data };
	}
	((on_entries *)(uintptr_t)p->pending->callback)(a, p->pending->arg, p->rc, events, p->count, p->more);
	free(events);
	return 0;
}

static void got_page(void *arg, int rc, const struct tr_log_entry *entries, size_t count, bool more)
{
	struct page p = { arg, rc, entries, count, more };

	if (is_home(p.pending))
		tr_actor_turn(p.pending->actor, page_turn, &p);
	pending_free(p.pending);
}

void tr_actor_read_log(struct troupe_actor *a, struct tr_reader *reader, uint64_t after, unsigned max_events,
                       size_t max_bytes,
                       void (*callback)(struct troupe_actor *a, void *arg, int rc, const struct tr_actor_event *events,
                                        size_t count, bool more), void *arg)
{
	struct tr_store *store = &a->core->o.store;

	store->ops->read_log(store->ctx, a->row.num, after, max_events, max_bytes, got_page,
	                     pending_new(a, reader, 0, (void *)(uintptr_t)callback, arg));
}

void *tr_call_alloc(struct troupe_call *c, size_t size)
{
	return tr_pool_alloc(&c->pool, size);
}

struct tr_reader *tr_call_reader(struct troupe_call *c)
{
	return &c->reader;
}

/* ------------------------------------------------------------------ as a part of the actor */

static int items_open(struct troupe_actor *a, const struct tr_stored *stored)
{
	(void)stored;
	tr_list_init(&a->reads);
	return 0;
}

static bool items_idle(const struct troupe_actor *a)
{
	return tr_list_empty(&a->reads);
}

/* It goes: nobody waits for what is being read. */
static void forget(struct troupe_actor *a)
{
	while (!tr_list_empty(&a->reads)) {
		struct pending *p = tr_container(a->reads.next, struct pending, link);

		p->actor = NULL;
		tr_read_forget(&p->read);
		tr_list_remove(&p->link);
		tr_list_remove(&p->of_reader);
	}
}

const struct tr_part tr_items_part = { .open = items_open, .idle = items_idle, .free = forget };
