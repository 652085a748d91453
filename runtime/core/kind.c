/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds are checked once, when registered: whatever is wrong with a form is said then, not in the middle of a call. */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "proto/key.h"
#include "proto/text.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/core/live.h"

/* A tree node: its first member is what is compared. */
struct named { const char *name; const struct troupe_kind *kind; struct tr_core *core; struct tr_idlers idlers; };

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static bool name_ok(const char *name)
{
	return name && tr_name_plain(tr_text_from(name), TR_NAME_BYTES_MAX);
}

static const char *record_fault(const struct troupe_record *r, size_t struct_size)
{
	if (!r)
		return NULL;
	if (!r->fields && r->count > 0)
		return "a record has no fields";
	if (struct_size > 0 && r->size > struct_size)
		return "a record describes a larger struct than the kind has";
	for (size_t i = 0; i < r->count; i++) {
		if (!r->fields[i].name || !*r->fields[i].name)
			return "a field has no name";
		for (size_t k = 0; k < i; k++) {
			if (strcmp(r->fields[i].name, r->fields[k].name) == 0)
				return "two fields have the same name";
		}
	}
	return NULL;
}

static const char *state_fault(const struct troupe_kind *kind)
{
	const struct troupe_record *r = kind->state;

	if (!r)
		return NULL;
	if (r->size != kind->size)
		return "state must describe the kind's own struct";
	for (size_t i = 0; i < r->count; i++) {
		if (r->fields[i].type == TROUPE_TEXT)
			return "a kept field must be a number, a bool, a const char * or a struct troupe_value";
		if (r->fields[i].type == TROUPE_VALUE && !r->fields[i].optional)
			return "a kept struct troupe_value must be an option: it may be empty";
	}
	return record_fault(r, kind->size);
}

static const char *actions_fault(const struct troupe_kind *kind)
{
	const struct troupe_action *actions = kind->actions;

	for (size_t i = 0; actions && actions[i].name; i++) {
		const char *fault = record_fault(actions[i].takes, 0);

		if (fault)
			return fault;
		if (!actions[i].run)
			return "an action has no function";
		if (strlen(actions[i].name) > TR_NAME_BYTES_MAX)
			return "an action's name is too long";
		for (size_t k = 0; k < i; k++) {
			if (strcmp(actions[i].name, actions[k].name) == 0)
				return "two actions have the same name";
		}
	}
	return NULL;
}

static const char *queues_fault(const struct troupe_kind *kind)
{
	const struct troupe_queue *queues = kind->queues;

	for (size_t i = 0; queues && queues[i].name; i++) {
		const char *fault = record_fault(queues[i].takes, 0);

		if (fault)
			return fault;
		if (!*queues[i].name || strlen(queues[i].name) > TR_NAME_BYTES_MAX)
			return "a queue's name is empty or too long";
		for (size_t k = 0; k < i; k++) {
			if (strcmp(queues[i].name, queues[k].name) == 0)
				return "two queues have the same name";
		}
	}
	if (kind->queue_messages > TR_QUEUE_MESSAGES_LIMIT || kind->queue_bytes > TR_QUEUE_BYTES_LIMIT)
		return "its queues hold more, or larger messages, than there may be";
	return NULL;
}

static const char *kind_fault(struct tr_core *core, const struct troupe_kind *kind)
{
	const char *fault = NULL;

	if (!name_ok(kind->name))
		return "the name must be 1 to 128 of [A-Za-z0-9._-]";
	if (tr_kind_find(core, kind->name))
		return "another kind has this name";
	if ((kind->state || kind->initial) && kind->size == 0)
		return "it keeps state but has no struct";
	fault = state_fault(kind);
	if (!fault)
		fault = actions_fault(kind);
	return fault ? fault : queues_fault(kind);
}

int tr_kind_add(struct tr_core *core, const struct troupe_kind *kind)
{
	const char *fault = kind_fault(core, kind);
	const struct tr_clock *clock = &core->o.clock;
	struct named *e;

	if (fault) {
		tr_error("kind.refused", "name=%s reason=\"%s\"", kind->name ? kind->name : "", fault);
		return TROUPE_EINVAL;
	}
	e = tr_alloc(sizeof *e);
	e->name = kind->name;
	e->kind = kind;
	e->core = core;
	tr_list_init(&e->idlers.actors);
	e->idlers.timer = clock->ops->timer_new(clock->ctx, tr_roster_expire, &e->idlers);
	e->idlers.after_ms = kind->idle_ms ? kind->idle_ms : TR_IDLE_MS;
	tsearch(e, &core->kinds, by_name);
	return 0;
}

static struct named *find(struct tr_core *core, const char *name)
{
	struct named wanted = { .name = name };
	struct named **found = tfind(&wanted, &core->kinds, by_name);

	return found ? *found : NULL;
}

const struct troupe_kind *tr_kind_find(struct tr_core *core, const char *name)
{
	struct named *found = find(core, name);

	return found ? found->kind : NULL;
}

struct tr_idlers *tr_kind_idlers(struct tr_core *core, const struct troupe_kind *kind)
{
	return &find(core, kind->name)->idlers;
}

const struct troupe_action *tr_kind_action(const struct troupe_kind *kind, struct troupe_text name)
{
	for (const struct troupe_action *at = kind->actions; at && at->name; at++) {
		if (strlen(at->name) == name.size && memcmp(at->name, name.data, name.size) == 0)
			return at;
	}
	return NULL;
}

const struct troupe_queue *tr_kind_queue(const struct troupe_kind *kind, struct troupe_text name)
{
	for (const struct troupe_queue *at = kind->queues; at && at->name; at++) {
		if (strlen(at->name) == name.size && memcmp(at->name, name.data, name.size) == 0)
			return at;
	}
	return NULL;
}

const struct troupe_action *tr_kind_open_action(const struct troupe_kind *kind, struct troupe_text name)
{
	const struct troupe_action *action = tr_kind_action(kind, name);

	return action && !action->hidden ? action : NULL;
}

static void named_free(void *node)
{
	struct named *e = node;

	e->core->o.clock.ops->timer_free(e->idlers.timer);
	free(e);
}

void tr_kinds_free(struct tr_core *core)
{
	tdestroy(core->kinds, named_free);
	core->kinds = NULL;
}
