/* SPDX-License-Identifier: Apache-2.0 */
/* Uncommitted items, and reads that see them. */
#include "runtime/core/overlay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/core/live.h"

/* ------------------------------------------------------------------ what was written */

void tr_overlay_wrote(struct tr_core *core, struct tr_written *owner)
{
	struct tr_ledger *l = &core->ledger;
	struct tr_written *w = &owner[core->batch & 1];

	if (l->write_count == l->write_room) {
		l->write_room = l->write_room ? l->write_room * 2 : 16;
		l->writes = tr_realloc(l->writes, l->write_room * sizeof *l->writes);
	}
	l->writes[l->write_count++] = (struct tr_item_write){
		.owner = w, .op = l->batch.count - 1, .older = w->batch == core->batch ? w->newest : 0,
	};
	*w = (struct tr_written){ core->batch, l->write_count };
}

void tr_overlay_undo(struct tr_core *core, size_t count)
{
	struct tr_ledger *l = &core->ledger;

	for (; l->write_count > count; l->write_count--) {
		const struct tr_item_write *w = &l->writes[l->write_count - 1];

		w->owner->newest = w->older; /* 0: it has written nothing in this batch */
	}
}

#define NO_OP SIZE_MAX

void tr_overlay_purge(struct tr_core *core, uint64_t writer)
{
	struct tr_ledger *l = &core->ledger;
	size_t gone = 0, op = 0;

	for (size_t i = 0; i < l->write_count; i++) {
		struct tr_item_write *w = &l->writes[i];

		if (w->op == NO_OP)
			continue;
		for (; op < w->op; op++)
			gone += l->batch.ops[op].writer == writer;
		w->op = l->batch.ops[op].writer == writer ? NO_OP : op - gone;
	}
}

/* From *at on, newest first. */
static const struct tr_op *next_write(const struct tr_ledger *l, size_t *at)
{
	while (*at > 0) {
		const struct tr_item_write *w = &l->writes[*at - 1];

		*at = w->older;
		if (w->op != NO_OP)
			return &l->batch.ops[w->op];
	}
	return NULL;
}

static size_t newest_of(const struct tr_written *owner, uint64_t batch)
{
	const struct tr_written *w = owner ? &owner[batch & 1] : NULL;

	return w && w->batch == batch ? w->newest : 0;
}

/* ------------------------------------------------------------------ what concerns a read */

/* A copy: what is being gathered moves when more is written. */
struct tr_item_change {
	struct tr_item_change *next;
	struct troupe_text     key;
	struct troupe_value    value;
	bool                   gone;
	size_t                 age;   /* 0: the newest */
	char                   bytes[];
};

static int compare(struct troupe_text a, struct troupe_text b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

	return order ? order : (a.size > b.size) - (a.size < b.size);
}

static bool concerns(const struct tr_read *r, struct troupe_text key)
{
	if (r->single)
		return compare(r->prefix, key) == 0;
	return key.size >= r->prefix.size && memcmp(key.data, r->prefix.data, r->prefix.size) == 0 &&
	       (r->after.size == 0 || compare(key, r->after) > 0);
}

static struct tr_item_change *change_of(const struct tr_read *r, const struct tr_batch *b, const struct tr_op *op)
{
	struct troupe_text key = { (const char *)b->bytes.data + op->key_at, op->key_size };
	struct tr_item_change *c;

	if (!concerns(r, key))
		return NULL;
	c = tr_alloc(sizeof *c + op->key_size + op->value_size);
	memcpy(c->bytes, key.data, key.size);
	if (op->value_size > 0)
		memcpy(c->bytes + key.size, b->bytes.data + op->value_at, op->value_size);
	c->key = (struct troupe_text){ c->bytes, key.size };
	c->value = (struct troupe_value){ c->bytes + key.size, op->value_size };
	c->gone = op->kind == TR_OP_DELETE;
	return c;
}

/* Whoever reads what actors have handed over acts on it where it cannot be taken back. */
static bool is_seen(const struct tr_op *op, bool on_disk)
{
	return on_disk || op->writer == op->actor;
}

/* Appends what a batch has for it, newest first. */
static struct tr_item_change **take(const struct tr_read *r, const struct tr_ledger *l, uint64_t batch, bool on_disk,
                                    struct tr_item_change **end)
{
	size_t at = newest_of(r->written, batch);
	const struct tr_op *op;

	while ((op = next_write(l, &at))) {
		*end = is_seen(op, on_disk) ? change_of(r, &l->batch, op) : NULL;
		end = *end ? &(*end)->next : end;
	}
	return end;
}

void tr_overlay_committed(struct tr_core *core)
{
	for (struct tr_list *at = core->reads.next; at != &core->reads; at = at->next) {
		struct tr_read *r = tr_container(at, struct tr_read, all);
		struct tr_item_change *older = r->since;

		r->since = NULL;
		*take(r, &core->flight, core->batch - 1, true, &r->since) = older;
	}
}

static void changes_free(struct tr_item_change *c)
{
	while (c) {
		struct tr_item_change *next = c->next;

		free(c);
		c = next;
	}
}

static int by_key(const void *a, const void *b)
{
	const struct tr_item_change *x = *(struct tr_item_change *const *)a, *y = *(struct tr_item_change *const *)b;
	int order = compare(x->key, y->key);

	return order ? order : (x->age > y->age) - (x->age < y->age);
}

/* What was kept for it may lie in front of where it goes on. */
static size_t lay(struct tr_read *r, struct tr_item_change *c, size_t count)
{
	for (; c; c = c->next) {
		if (!concerns(r, c->key))
			continue;
		c->age = count;
		r->over[count++] = c;
	}
	return count;
}

static size_t length(const struct tr_item_change *c)
{
	size_t count = 0;

	for (; c; c = c->next)
		count++;
	return count;
}

/* Everything that is laid over, in order, the newest of each key. */
static void get_ready(struct tr_read *r)
{
	struct tr_core *core = r->core;
	struct tr_item_change **end = &r->pending;
	size_t count;

	r->ready = true;
	if (!r->since && !newest_of(r->written, core->batch) &&
	    (!core->committing || !newest_of(r->written, core->batch - 1)))
		return;
	end = take(r, &core->ledger, core->batch, false, end);
	if (core->committing)
		take(r, &core->flight, core->batch - 1, false, end);
	count = length(r->pending) + length(r->since);
	if (count == 0)
		return;
	r->over = tr_alloc(count * sizeof *r->over);
	count = lay(r, r->pending, 0);
	count = lay(r, r->since, count);
	if (count == 0)
		return;
	qsort(r->over, count, sizeof *r->over, by_key);
	r->over_count = 1;
	for (size_t i = 1; i < count; i++) {
		if (compare(r->over[i]->key, r->over[r->over_count - 1]->key) != 0)
			r->over[r->over_count++] = r->over[i];
	}
}

/* ------------------------------------------------------------------ reading */

static void begin(struct tr_core *core, struct tr_read *r, const struct tr_written *owner, uint64_t num)
{
	r->core = core;
	r->written = owner;
	r->owner = num;
	tr_list_push(&core->reads, &r->all);
	core->read_count++;
}

static void end(struct tr_read *r, int rc, struct troupe_text key, struct troupe_value value)
{
	tr_on_read *on_read = r->on_read;
	struct tr_item_change *since = r->since, *pending = r->pending;
	void *over = r->over, *last = r->last;

	tr_list_remove(&r->all);
	r->core->read_count--;
	on_read(r->arg, rc, key, value); /* the memory of r is the caller's again; value may be a change's */
	changes_free(since);
	changes_free(pending);
	free(over);
	free(last);
}

void tr_read_forget(struct tr_read *r)
{
	r->written = NULL;
}

static void on_value(void *arg, int rc, struct troupe_value value)
{
	struct tr_read *r = arg;

	get_ready(r);
	if (r->over_count > 0) {
		rc = r->over[0]->gone ? TROUPE_ENOTFOUND : 0;
		value = r->over[0]->value; /* size 0: it is gone */
	}
	end(r, rc, r->prefix, value);
}

void tr_read_get(struct tr_core *core, struct tr_read *r, const struct tr_written *owner, uint64_t num)
{
	r->single = true;
	begin(core, r, owner, num);
	core->o.store.ops->get(core->o.store.ctx, num, r->prefix, on_value, r);
}

static void give(struct tr_read *r, struct troupe_text key, struct troupe_value value)
{
	if (r->limit > 0 && r->given == r->limit)
		return;
	r->given++;
	r->on_read(r->arg, 0, key, value);
}

/* Those of what is laid over that come before a key; data NULL: all. */
static void give_over(struct tr_read *r, struct troupe_text before)
{
	for (; r->over_at < r->over_count; r->over_at++) {
		const struct tr_item_change *c = r->over[r->over_at];

		if (before.data && compare(c->key, before) >= 0)
			return;
		if (!c->gone)
			give(r, c->key, c->value);
	}
}

static void scan(struct tr_read *r);

/* The store's newest key is where a scan goes on: it comes as the one, and is asked for as the other. */
static void note_last(struct tr_read *r, struct troupe_text key)
{
	if (!r->last)
		r->last = tr_alloc(2 * TR_ITEM_KEY_MAX);
	memcpy(r->last, key.data, key.size);
	r->last_size = key.size;
}

/* Others may stand behind those that are gone. What is laid over them by then is looked up again. */
static void go_on(struct tr_read *r)
{
	r->after = (struct troupe_text){ memcpy(r->last + TR_ITEM_KEY_MAX, r->last, r->last_size), r->last_size };
	free(r->over);
	changes_free(r->pending);
	r->over = NULL;
	r->pending = NULL;
	r->over_count = r->over_at = 0;
	r->ready = false;
	scan(r);
}

static void on_item(void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	struct tr_read *r = arg;
	const struct tr_item_change *c;

	if (!r->ready)
		get_ready(r);
	if (rc < 0) {
		end(r, rc, (struct troupe_text){ 0 }, (struct troupe_value){ 0 });
		return;
	}
	if (!key.data && r->over_count > 0 && r->came > 0 && r->came == r->asked && r->given < r->limit) {
		go_on(r);
		return;
	}
	give_over(r, key);
	if (!key.data) {
		end(r, 0, (struct troupe_text){ 0 }, (struct troupe_value){ 0 });
		return;
	}
	r->came++;
	if (r->asked > 0 && r->over_count > 0)
		note_last(r, key);
	c = r->over_at < r->over_count ? r->over[r->over_at] : NULL;
	if (!c || compare(c->key, key) != 0) {
		give(r, key, value);
		return;
	}
	r->over_at++;
	if (!c->gone)
		give(r, c->key, c->value);
}

static void scan(struct tr_read *r)
{
	struct tr_store *store = &r->core->o.store;

	r->came = 0;
	r->asked = r->limit > 0 ? r->limit - r->given : 0;
	store->ops->scan(store->ctx, r->owner, r->prefix, r->after, r->asked, on_item, r);
}

void tr_read_scan(struct tr_core *core, struct tr_read *r, const struct tr_written *owner, uint64_t num)
{
	begin(core, r, owner, num);
	scan(r);
}
