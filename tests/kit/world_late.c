/* SPDX-License-Identifier: Apache-2.0 */
/* A store that answers later: what is asked waits in a queue until tr_world_answer asks the world's store. All arguments are
 * copied when it is asked, since they are lent for the call only; the copies are gone when it is answered. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "tests/kit/world_store.h"

enum asked { FIND, LIST, READ_LOG, GET, SCAN, KEYS, BUSY, ALARMS, DUE, COMMIT, CLEAN };

typedef void on_found(void *arg, int rc, const struct tr_actor_row *row, struct troupe_value state, uint64_t seq);
typedef void on_row(void *arg, int rc, const struct tr_actor_row *row);
typedef void on_page(void *arg, int rc, const struct tr_log_entry *entries, size_t count, bool more);
typedef void on_value(void *arg, int rc, struct troupe_value value);
typedef void on_item(void *arg, int rc, struct troupe_text key, struct troupe_value value);
typedef void on_key(void *arg, int rc, struct troupe_text key);
typedef void on_alarm(void *arg, int rc, uint64_t id, int64_t at_ms, struct troupe_value value);
typedef void on_due(void *arg, int rc, const struct tr_alarm_place *place, const struct tr_actor_row *row);
typedef void on_done(void *arg, int rc);
typedef void on_clean(void *arg, bool more);

struct tr_world_late {
	struct tr_world_late *next;
	enum asked   asked;
	char        *id, *namespace, *name, *key; /* NULL: not given */
	struct troupe_text prefix, after_key;     /* prefix: or the key */
	uint64_t     actor, after;
	unsigned     limit;
	size_t       max_bytes;
	struct tr_alarm_place place;
	const struct tr_batch *batch;             /* lent until it is done */
	union {
		on_found *found; on_row *row; on_page *page; on_value *value; on_item *item; on_key *key; on_alarm *alarm;
		on_due *due; on_done *done; on_clean *clean;
	} on;
	void        *arg;
	struct said *said;                        /* what it found when it was asked; NULL: it looks later */
};

/* ------------------------------------------------------------------ as it was when it was asked */

/* One call back of a read of items. */
struct said { struct said *next; int rc; struct tr_world_bytes key, value; };

static void say(void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	struct tr_world_late *l = arg;
	struct said *s = tr_alloc(sizeof *s), **end = &l->said;

	s->rc = rc;
	if (key.data)
		s->key = tr_world_copy(key.data, key.size);
	if (value.data)
		s->value = tr_world_copy(value.data, value.size);
	while (*end)
		end = &(*end)->next;
	*end = s;
}

static void say_value(void *arg, int rc, struct troupe_value value)
{
	say(arg, rc, (struct troupe_text){ 0 }, value);
}

static void say_key(void *arg, int rc, struct troupe_text key)
{
	say(arg, rc, key, (struct troupe_value){ 0 });
}

static void look(struct tr_world *w, struct tr_world_late *l)
{
	const struct tr_store_ops *ops = &tr_world_store_ops;

	if (!w->as_asked)
		return;
	if (l->asked == GET)
		ops->get(w, l->actor, l->prefix, say_value, l);
	else if (l->asked == SCAN)
		ops->scan(w, l->actor, l->prefix, l->after_key, l->limit, say, l);
	else
		ops->keys(w, l->actor, l->prefix, say_key, l);
}

static void tell(struct tr_world_late *l)
{
	while (l->said) {
		struct said *s = l->said;
		struct troupe_text key = { s->key.data, s->key.size };
		struct troupe_value value = { s->value.data, s->value.size };

		l->said = s->next;
		if (l->asked == GET)
			l->on.value(l->arg, s->rc, value);
		else if (l->asked == SCAN)
			l->on.item(l->arg, s->rc, key, value);
		else
			l->on.key(l->arg, s->rc, key);
		free(s->key.data);
		free(s->value.data);
		free(s);
	}
}

/* ------------------------------------------------------------------ asking */

static char *copy_text(const char *text)
{
	return text ? tr_strdup(text) : NULL;
}

static struct troupe_text copy_bytes(struct troupe_text t)
{
	return (struct troupe_text){ t.size > 0 ? tr_world_copy(t.data, t.size).data : NULL, t.size };
}

static struct tr_world_late *ask(struct tr_world *w, enum asked asked, void *arg)
{
	struct tr_world_late *l = tr_alloc(sizeof *l), **end = &w->asked;

	l->asked = asked;
	l->arg = arg;
	while (*end)
		end = &(*end)->next;
	*end = l;
	return l;
}

static void late_find(void *ctx, const char *id, const char *namespace, const char *name, const char *key, on_found *found,
                      void *arg)
{
	struct tr_world_late *l = ask(ctx, FIND, arg);

	l->id = copy_text(id);
	l->namespace = copy_text(namespace);
	l->name = copy_text(name);
	l->key = copy_text(key);
	l->on.found = found;
}

static void late_list(void *ctx, const char *namespace, const char *name, uint64_t after, unsigned limit, on_row *row, void *arg)
{
	struct tr_world_late *l = ask(ctx, LIST, arg);

	l->namespace = copy_text(namespace);
	l->name = copy_text(name);
	l->after = after;
	l->limit = limit;
	l->on.row = row;
}

static void late_read_log(void *ctx, uint64_t actor, uint64_t after, unsigned max_events, size_t max_bytes, on_page *page,
                          void *arg)
{
	struct tr_world_late *l = ask(ctx, READ_LOG, arg);

	l->actor = actor;
	l->after = after;
	l->limit = max_events;
	l->max_bytes = max_bytes;
	l->on.page = page;
}

static void late_get(void *ctx, uint64_t actor, struct troupe_text key, on_value *value, void *arg)
{
	struct tr_world_late *l = ask(ctx, GET, arg);

	l->actor = actor;
	l->prefix = copy_bytes(key);
	l->on.value = value;
	look(ctx, l);
}

static void late_scan(void *ctx, uint64_t actor, struct troupe_text prefix, struct troupe_text after, unsigned limit,
                      on_item *item, void *arg)
{
	struct tr_world_late *l = ask(ctx, SCAN, arg);

	l->actor = actor;
	l->prefix = copy_bytes(prefix);
	l->after_key = copy_bytes(after);
	l->limit = limit;
	l->on.item = item;
	look(ctx, l);
}

static void late_keys(void *ctx, uint64_t actor, struct troupe_text prefix, on_key *key, void *arg)
{
	struct tr_world_late *l = ask(ctx, KEYS, arg);

	l->actor = actor;
	l->prefix = copy_bytes(prefix);
	l->on.key = key;
	look(ctx, l);
}

static void late_busy(void *ctx, on_row *row, void *arg)
{
	ask(ctx, BUSY, arg)->on.row = row;
}

static void late_alarms(void *ctx, uint64_t actor, on_alarm *alarm, void *arg)
{
	struct tr_world_late *l = ask(ctx, ALARMS, arg);

	l->actor = actor;
	l->on.alarm = alarm;
}

static void late_due(void *ctx, const struct tr_alarm_place *after, unsigned limit, on_due *due, void *arg)
{
	struct tr_world_late *l = ask(ctx, DUE, arg);

	l->place = *after;
	l->limit = limit;
	l->on.due = due;
}

static void late_commit(void *ctx, const struct tr_batch *batch, on_done *done, void *arg)
{
	struct tr_world *w = ctx;
	struct tr_world_late *l;

	assert(!w->pending);
	for (l = w->asked; l; l = l->next)
		assert(l->asked != COMMIT); /* one commit at a time */
	l = ask(w, COMMIT, arg);
	l->batch = batch;
	l->on.done = done;
}

static void late_clean(void *ctx, on_clean *clean, void *arg)
{
	ask(ctx, CLEAN, arg)->on.clean = clean;
}

static uint64_t late_new_actor(void *ctx)
{
	return tr_world_store_ops.new_actor(ctx);
}

const struct tr_store_ops tr_world_late_ops = {
	.find = late_find, .list = late_list, .read_log = late_read_log, .get = late_get, .scan = late_scan, .keys = late_keys,
	.busy = late_busy, .alarms = late_alarms, .due = late_due, .commit = late_commit, .clean = late_clean,
	.new_actor = late_new_actor,
};

/* ------------------------------------------------------------------ answering */

static bool may_fail(enum asked asked)
{
	return asked == LIST || asked == READ_LOG || asked == GET || asked == SCAN ||
	       asked == KEYS || asked == BUSY || asked == ALARMS || asked == DUE;
}

static void answer_badly(struct tr_world_late *l, int rc)
{
	const struct troupe_value none = { 0 };
	const struct troupe_text no_key = { 0 };

	switch (l->asked) {
	case LIST:     l->on.row(l->arg, rc, NULL); break;
	case READ_LOG: l->on.page(l->arg, rc, NULL, 0, false); break;
	case GET:      l->on.value(l->arg, rc, none); break;
	case SCAN:     l->on.item(l->arg, rc, no_key, none); break;
	case KEYS:     l->on.key(l->arg, rc, no_key); break;
	case BUSY:     l->on.row(l->arg, rc, NULL); break;
	case ALARMS:   l->on.alarm(l->arg, rc, 0, 0, none); break;
	case DUE:      l->on.due(l->arg, rc, NULL, NULL); break;
	default:       break; /* these do not fail so */
	}
}

static void look_now(struct tr_world *w, struct tr_world_late *l)
{
	const struct tr_store_ops *ops = &tr_world_store_ops;

	switch (l->asked) {
	case FIND:     ops->find(w, l->id, l->namespace, l->name, l->key, l->on.found, l->arg); break;
	case LIST:     ops->list(w, l->namespace, l->name, l->after, l->limit, l->on.row, l->arg); break;
	case READ_LOG: ops->read_log(w, l->actor, l->after, l->limit, l->max_bytes, l->on.page, l->arg); break;
	case GET:      ops->get(w, l->actor, l->prefix, l->on.value, l->arg); break;
	case SCAN:     ops->scan(w, l->actor, l->prefix, l->after_key, l->limit, l->on.item, l->arg); break;
	case KEYS:     ops->keys(w, l->actor, l->prefix, l->on.key, l->arg); break;
	case BUSY:     ops->busy(w, l->on.row, l->arg); break;
	case ALARMS:   ops->alarms(w, l->actor, l->on.alarm, l->arg); break;
	case DUE:      ops->due(w, &l->place, l->limit, l->on.due, l->arg); break;
	case COMMIT:   ops->commit(w, l->batch, l->on.done, l->arg); break;
	case CLEAN:    ops->clean(w, l->on.clean, l->arg); break;
	}
}

static void answer(struct tr_world *w, struct tr_world_late *l)
{
	int rc = may_fail(l->asked) && !l->said ? w->next_read : 0;

	if (l->said) {
		tell(l);
	} else if (rc < 0) {
		w->next_read = 0;
		answer_badly(l, rc);
	} else {
		look_now(w, l);
	}
	free(l->id);
	free(l->namespace);
	free(l->name);
	free(l->key);
	free((char *)(uintptr_t)l->prefix.data);
	free((char *)(uintptr_t)l->after_key.data);
	free(l);
}

static bool answer_at(struct tr_world *w, struct tr_world_late **at)
{
	struct tr_world_late *l = *at;

	if (!l)
		return false;
	*at = l->next;
	answer(w, l);
	return true;
}

size_t tr_world_waiting(const struct tr_world *w)
{
	size_t count = 0;

	for (const struct tr_world_late *l = w->asked; l; l = l->next)
		count++;
	return count;
}

const struct tr_batch *tr_world_late_batch(const struct tr_world *w)
{
	const struct tr_world_late *l = w->asked;

	while (l && l->asked != COMMIT)
		l = l->next;
	return l ? l->batch : NULL;
}

bool tr_world_answer(struct tr_world *w)
{
	return answer_at(w, &w->asked);
}

static bool answer_first(struct tr_world *w, bool commit)
{
	struct tr_world_late **at = &w->asked;

	while (*at && ((*at)->asked == COMMIT) != commit)
		at = &(*at)->next;
	return answer_at(w, at);
}

bool tr_world_answer_read(struct tr_world *w)
{
	return answer_first(w, false);
}

bool tr_world_answer_commit(struct tr_world *w)
{
	return answer_first(w, true);
}
