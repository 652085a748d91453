/* SPDX-License-Identifier: Apache-2.0 */
/* Kept fields: loaded when an actor wakes, saved at the end of each good turn that changed them, put back after a bad one.
 *
 * Texts and values are pointers, so the actor owns what they point to; whatever it owns it finds by its address. */
#include "proto/record.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/core/live.h"
#include "runtime/core/part.h"

/* ------------------------------------------------------------------ what the actor owns */

struct owned { struct tr_list link; char bytes[]; };

/* A copy, with a NUL behind it. */
static const void *own(struct troupe_actor *a, const void *data, size_t size)
{
	struct owned *o = tr_alloc(sizeof *o + size + 1);

	memcpy(o->bytes, data, size);
	tr_list_push(&a->owned, &o->link);
	return o->bytes;
}

/* NULL, and what it does not own, are passed over. */
static void disown(struct troupe_actor *a, const void *data)
{
	for (struct tr_list *at = a->owned.next; data && at != &a->owned; at = at->next) {
		struct owned *o = tr_container(at, struct owned, link);

		if (o->bytes == data) {
			tr_list_remove(&o->link);
			free(o);
			return;
		}
	}
}

void troupe_set_text(struct troupe_actor *a, const char **field, const char *text)
{
	const char *old = *field;

	*field = text ? own(a, text, strlen(text)) : NULL; /* first: text may be the old one */
	disown(a, old);
}

int troupe_set_value(struct troupe_actor *a, struct troupe_value *field, struct troupe_value value)
{
	const void *old = field->data;

	if (value.size > TR_KEPT_VALUE_BYTES_MAX)
		return TROUPE_EBIGSTATE;
	if (value.size > 0 && tr_value_check(value, TR_DEPTH_MAX) < 0)
		return TROUPE_EBADVALUE;
	field->data = value.size > 0 ? own(a, value.data, value.size) : NULL;
	field->size = value.size;
	disown(a, old);
	return 0;
}

/* ------------------------------------------------------------------ fields that point to something */

struct pointing { const void *data; size_t size; };

static struct pointing kept_get(const struct troupe_field *f, const void *at)
{
	const char *const *text = at;
	const struct troupe_value *value = at;

	if (f->type == TROUPE_CSTRING)
		return (struct pointing){ *text, *text ? strlen(*text) : 0 };
	if (f->type == TROUPE_VALUE && value->size > 0)
		return (struct pointing){ value->data, value->size };
	return (struct pointing){ 0 };
}

static void kept_put(const struct troupe_field *f, void *at, const void *data)
{
	if (f->type == TROUPE_CSTRING)
		*(const char **)at = data;
	else
		((struct troupe_value *)at)->data = data;
}

static void kept_drop(struct troupe_actor *a, const struct troupe_field *f, void *at)
{
	disown(a, kept_get(f, at).data);
	kept_put(f, at, NULL);
	if (f->type == TROUPE_VALUE)
		((struct troupe_value *)at)->size = 0;
}

static void kept_adopt(struct troupe_actor *a, const struct troupe_field *f, void *at)
{
	struct pointing p = kept_get(f, at);

	kept_put(f, at, own(a, p.data, p.size));
}

static void each_kept(struct troupe_actor *a, void (*what)(struct troupe_actor *a, const struct troupe_field *f, void *at))
{
	const struct troupe_record *r = a->kind->state;

	for (size_t i = 0; r && i < r->count; i++) {
		void *at = (char *)a->self + r->fields[i].offset;

		if (kept_get(&r->fields[i], at).data)
			what(a, &r->fields[i], at);
	}
}

/* ------------------------------------------------------------------ all of them */

/* From what is stored, or from kind->initial when nothing is. EINTERNAL: it is not the kind's. */
static int load(struct troupe_actor *a, struct troupe_value state)
{
	struct tr_pool pool = { 0 };
	struct tr_arena arena = tr_pool_arena(&pool);
	char why[256] = "";
	int rc = 0;

	each_kept(a, kept_drop);
	if (state.size == 0 && a->kind->initial)
		memcpy(a->self, a->kind->initial, a->kind->size);
	else if (state.size > 0 && a->kind->state)
		rc = tr_record_decode(a->kind->state, a->self, state, &arena, why, sizeof why);
	if (rc == 0)
		each_kept(a, kept_adopt);
	else
		tr_error("actor.state", "kind=%s id=%s reason=\"%s\"", a->kind->name, a->row.id, why);
	tr_pool_free(&pool);
	if (rc < 0)
		return TROUPE_EINTERNAL;
	tr_bytes_clear(&a->saved);
	tr_bytes_put(&a->saved, state.data, state.size);
	return 0;
}

/* The saved bytes are this turn's only if it ended well, so after a bad turn they are still the former. */
static void restore(struct troupe_actor *a)
{
	struct tr_bytes saved = a->saved;

	if (!a->kind->state || saved.size == 0)
		return;
	a->saved = (struct tr_bytes){ 0 };
	if (load(a, tr_bytes_value(&saved)) < 0)
		a->writer.doomed = true; /* our own bytes: a bug, told by load. A failed commit or sleep ends it */
	tr_bytes_free(&saved);
}

/* Are they other than when they were last saved? What they are now, in the core's scratch. */
static bool differ(struct troupe_actor *a)
{
	struct tr_bytes *now = &a->core->scratch;

	tr_bytes_clear(now);
	tr_record_encode(a->kind->state, a->self, 0, now);
	return now->size != a->saved.size || (now->size > 0 && memcmp(now->data, a->saved.data, now->size) != 0);
}

/* The author is told; saved they are already. */
static void tell_changed(struct troupe_actor *a)
{
	a->kind->changed(a);
	if (!differ(a))
		return;
	tr_warn("actor.changed", "kind=%s key=%s reason=\"what changed wrote to kept fields is put back\"", a->row.name, a->row.key);
	restore(a);
}

/* With the ledger, if they changed. */
static void save(struct troupe_actor *a)
{
	struct tr_core *core = a->core;
	bool first = a->saved.size == 0;

	if (!a->kind->state || !differ(a))
		return;
	tr_ledger_write(&core->ledger, TR_OP_STATE, a->row.num, 0, NULL, 0, core->scratch.data, core->scratch.size);
	tr_bytes_clear(&a->saved);
	tr_bytes_put(&a->saved, core->scratch.data, core->scratch.size);
	if (!first && a->kind->changed && a->life == TR_AWAKE)
		tell_changed(a);
}

static void state_free(struct troupe_actor *a)
{
	while (!tr_list_empty(&a->owned)) {
		struct owned *o = tr_container(a->owned.next, struct owned, link);

		tr_list_remove(&o->link);
		free(o);
	}
	tr_bytes_free(&a->saved);
}

/* ------------------------------------------------------------------ as a part of the actor */

static int state_open(struct troupe_actor *a, const struct tr_stored *stored)
{
	tr_list_init(&a->owned);
	return load(a, stored->state);
}

static void state_turn_end(struct troupe_actor *a, bool well)
{
	if (well)
		save(a);
	else
		restore(a);
}

const struct tr_part tr_state_part = { .open = state_open, .turn_end = state_turn_end, .free = state_free };
