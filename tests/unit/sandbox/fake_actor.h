/* SPDX-License-Identifier: Apache-2.0 */
/* An actor in memory, in the place of the core: turns, items, commits, calls, and a log of all that the session told.
 * Nothing counts until fake_commit(): fake_crash() forgets what was not committed, as kill -9 does.
 *
 * It defines the core's functions that the session port uses, so a test that includes it links nothing of the core. */
#ifndef TR_TESTS_FAKE_ACTOR_H
#define TR_TESTS_FAKE_ACTOR_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "proto/json.h"
#include "proto/text.h"
#include "runtime/base/mem.h"
#include "runtime/core/actor.h"
#include "runtime/core/core.h"
#include "runtime/sandbox/sandbox.h"

#define FAKE_MAX 20000
#define FAKE_NOBODY "nobody/"

struct fake_item { char *key; struct tr_bytes value; };
struct fake_write { char *key; struct tr_bytes value; bool erase; };
struct fake_after { void (*then)(void *arg, int rc); void *arg; };
struct fake_told { char *name, *json; struct tr_bytes packed; };
struct fake_memory { struct fake_memory *next; max_align_t bytes[]; };

struct troupe_call {
	bool                answered;
	int                 error;
	char                text[1024], metadata[128]; /* of JSON, its beginning */
	struct tr_reader    reader;
	struct fake_memory *memory;
};

struct troupe_actor {
	bool              resting, leaving;
	struct fake_item  items[4096];
	size_t            item_count;
	struct fake_write writes[FAKE_MAX];
	size_t            write_count;
	struct fake_after afters[FAKE_MAX];
	size_t            after_count;
	struct fake_told  told[FAKE_MAX];
	size_t            told_count, told_committed;
	unsigned          turns, commits;
	int               depth;
	int               holds, holds_committed;
	int               commit_fails;      /* the next commit, with this error */
	int64_t           later_ms;          /* its clock stands still, but for this */
	bool              late;              /* reads are answered by fake_answer, in their order */
	char             *replied;           /* the newest answer, as JSON */
	int               ended, end_error;  /* on_end */
	unsigned          gets, scanned;     /* items read one by one, and by scans */
	unsigned          pages, entries;    /* of the log, read */
	/* in the place of what was written: a history that nobody had to write */
	bool            (*made_item)(const char *key, struct tr_bytes *into);
	bool            (*made_entry)(uint64_t seq, struct tr_bytes *into);
};

static struct troupe_actor fake;

/* ------------------------------------------------------------------ the core's functions */

int tr_actor_turn(struct troupe_actor *a, int (*run)(struct troupe_actor *a, void *arg), void *arg)
{
	int rc;

	a->depth++;
	a->turns++;
	rc = run(a, arg);
	a->depth--;
	assert(rc == 0);
	return rc;
}

static inline struct fake_write *fake_write(struct troupe_actor *a, struct troupe_text key, bool erase)
{
	struct fake_write *w = &a->writes[a->write_count++];

	assert(a->depth > 0 && a->write_count < FAKE_MAX && key.size <= 400);
	*w = (struct fake_write){ .key = tr_strndup(key.data, key.size), .erase = erase };
	return w;
}

void tr_actor_put(struct troupe_actor *a, struct troupe_text key, const void *value, size_t size)
{
	struct fake_write *w = fake_write(a, key, false);

	assert(tr_value_check((struct troupe_value){ value, size }, 10) == 0);
	tr_bytes_put(&w->value, value, size);
}

void tr_actor_delete(struct troupe_actor *a, struct troupe_text key)
{
	fake_write(a, key, true);
}

void tr_actor_hand_over(struct troupe_actor *a, struct troupe_text key, const void *value, size_t size)
{
	char name[410];

	snprintf(name, sizeof name, FAKE_NOBODY "%.*s", (int)key.size, key.data);
	tr_actor_put(a, tr_text_from(name), value, size);
}

/* The server's own items lie among the actor's, under a name that the actor has not. */
void tr_core_put(struct tr_core *core, struct troupe_text key, const void *value, size_t size)
{
	(void)core;
	fake.depth++;
	tr_actor_hand_over(&fake, key, value, size);
	fake.depth--;
}

void tr_core_delete(struct tr_core *core, struct troupe_text key)
{
	char name[410];

	(void)core;
	snprintf(name, sizeof name, FAKE_NOBODY "%.*s", (int)key.size, key.data);
	fake.depth++;
	tr_actor_delete(&fake, tr_text_from(name));
	fake.depth--;
}

void tr_core_scan(struct tr_core *core, struct troupe_text prefix,
                  void (*on_item)(void *arg, int rc, struct troupe_text key, struct troupe_value value), void *arg)
{
	(void)core;
	for (size_t i = 0; i < fake.item_count; i++) {
		const char *name = fake.items[i].key;
		size_t skip = strlen(FAKE_NOBODY);

		if (strncmp(name, FAKE_NOBODY, skip) == 0 && strncmp(name + skip, prefix.data, prefix.size) == 0)
			on_item(arg, 0, tr_text_from(name + skip), tr_bytes_value(&fake.items[i].value));
	}
	on_item(arg, 0, (struct troupe_text){ 0 }, (struct troupe_value){ 0 });
}

/* What the actor owes becomes the server's. */
static inline void fake_destroy(struct troupe_actor *a)
{
	for (size_t i = 0; i < a->item_count; i++) {
		char *name = a->items[i].key, key[410];

		if (strncmp(name, TR_OWED, strlen(TR_OWED)) != 0)
			continue;
		snprintf(key, sizeof key, FAKE_NOBODY TR_OWED "%020d/%s", 1, name + strlen(TR_OWED));
		free(name);
		a->items[i].key = tr_strdup(key);
	}
}

static inline struct fake_item *fake_find(struct troupe_actor *a, const char *key)
{
	for (size_t i = 0; i < a->item_count; i++) {
		if (strcmp(a->items[i].key, key) == 0)
			return &a->items[i];
	}
	return NULL;
}

/* ------------------------------------------------------------------ reads */

/* One that was asked, and its answer: at once, or (late) when fake_answer comes to it. */
struct fake_read {
	struct tr_list   link, of_reader;
	bool             forgotten;
	void           (*answer)(struct troupe_actor *a, struct fake_read *r);
	void            *callback, *arg;
	char            *key, *after; /* or the prefix */
	uint64_t         seq;
	unsigned         limit;
	size_t           bytes;
};

static struct tr_list fake_reads = { &fake_reads, &fake_reads };

typedef void fake_on_value(struct troupe_actor *, void *, int, struct troupe_value);
typedef void fake_on_item(struct troupe_actor *, void *, int, struct troupe_text, struct troupe_value);
typedef void fake_on_page(struct troupe_actor *, void *, int, const struct tr_actor_event *, size_t, bool);

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

static inline void fake_forget_read(struct fake_read *r)
{
	r->forgotten = true;
	tr_list_remove(&r->of_reader);
}

void tr_reader_forget(struct tr_reader *r)
{
	struct tr_list *first;

	while ((first = tr_list_first(&r->reads)))
		fake_forget_read(tr_container(first, struct fake_read, of_reader));
	while ((first = tr_list_first(&r->parts)))
		tr_reader_forget(tr_container(first, struct tr_reader, part));
	tr_list_remove(&r->part);
}

static inline void fake_read_free(struct fake_read *r)
{
	tr_list_remove(&r->link);
	tr_list_remove(&r->of_reader);
	free(r->key);
	free(r->after);
	free(r);
}

static inline void fake_answer_read(struct fake_read *r)
{
	tr_list_remove(&r->link);
	fake.depth++;
	if (!r->forgotten)
		r->answer(&fake, r);
	fake.depth--;
	fake_read_free(r);
}

/* The oldest read is answered; nothing else happens. False: nothing waits. */
static inline bool fake_answer(void)
{
	struct tr_list *first = tr_list_first(&fake_reads);

	if (first)
		fake_answer_read(tr_container(first, struct fake_read, link));
	return first != NULL;
}

static inline void fake_ask(struct troupe_actor *a, struct tr_reader *reader, const struct fake_read *from)
{
	struct fake_read *r = tr_alloc(sizeof *r);

	*r = *from;
	tr_list_push(&fake_reads, &r->link);
	tr_list_init(&r->of_reader);
	if (reader)
		tr_list_push(&reader->reads, &r->of_reader);
	if (!a->late)
		fake_answer_read(r);
}

static inline void fake_give_value(struct troupe_actor *a, struct fake_read *r)
{
	fake_on_value *on_value = (fake_on_value *)(uintptr_t)r->callback;
	struct fake_item *item = fake_find(a, r->key);
	struct tr_bytes made = { 0 };

	a->gets++;
	if (a->made_item && a->made_item(r->key, &made))
		on_value(a, r->arg, 0, tr_bytes_value(&made));
	else if (item)
		on_value(a, r->arg, 0, tr_bytes_value(&item->value));
	else
		on_value(a, r->arg, TROUPE_ENOTFOUND, (struct troupe_value){ 0 });
	tr_bytes_free(&made);
}

void tr_actor_get(struct troupe_actor *a, struct tr_reader *reader, struct troupe_text key,
                  void (*on_value)(struct troupe_actor *a, void *arg, int rc, struct troupe_value value), void *arg)
{
	fake_ask(a, reader, &(struct fake_read){
		.answer = fake_give_value, .callback = (void *)(uintptr_t)on_value, .arg = arg,
		.key = tr_strndup(key.data, key.size) });
}

static inline int fake_by_key(const void *a, const void *b)
{
	return strcmp(((const struct fake_item *)a)->key, ((const struct fake_item *)b)->key);
}

static inline void fake_give_items(struct troupe_actor *a, struct fake_read *r)
{
	fake_on_item *on_item = (fake_on_item *)(uintptr_t)r->callback;

	qsort(a->items, a->item_count, sizeof *a->items, fake_by_key);
	for (size_t i = 0; i < a->item_count && !r->forgotten; i++) {
		struct fake_item *item = &a->items[i];

		if (strncmp(item->key, r->key, strlen(r->key)) != 0 || strcmp(item->key, r->after) <= 0)
			continue;
		a->scanned++;
		on_item(a, r->arg, 0, tr_text_from(item->key), tr_bytes_value(&item->value));
		if (r->limit > 0 && --r->limit == 0)
			break;
	}
	if (!r->forgotten)
		on_item(a, r->arg, 0, (struct troupe_text){ 0 }, (struct troupe_value){ 0 });
}

void tr_actor_scan_after(struct troupe_actor *a, struct tr_reader *reader, struct troupe_text prefix,
                         struct troupe_text after, unsigned limit,
                         void (*on_item)(struct troupe_actor *a, void *arg, int rc, struct troupe_text key,
                                         struct troupe_value value), void *arg)
{
	fake_ask(a, reader, &(struct fake_read){
		.answer = fake_give_items, .callback = (void *)(uintptr_t)on_item, .arg = arg, .limit = limit,
		.key = tr_strndup(prefix.data, prefix.size),
		.after = tr_strndup(after.data ? after.data : "", after.size) });
}

void tr_actor_scan(struct troupe_actor *a, struct tr_reader *reader, struct troupe_text prefix,
                   void (*on_item)(struct troupe_actor *a, void *arg, int rc, struct troupe_text key,
                                   struct troupe_value value), void *arg)
{
	tr_actor_scan_after(a, reader, prefix, (struct troupe_text){ 0 }, 0, on_item, arg);
}

/* Everything that was told is the log: the n-th has seq n. */
uint64_t troupe_seq(const struct troupe_actor *a)
{
	return a->told_count;
}

static inline bool fake_entry(struct troupe_actor *a, uint64_t seq, struct tr_bytes *into)
{
	if (a->made_entry)
		return a->made_entry(seq, into);
	if (seq > a->told_committed)
		return false;
	tr_bytes_put(into, a->told[seq - 1].packed.data, a->told[seq - 1].packed.size);
	return true;
}

static inline void fake_give_page(struct troupe_actor *a, struct fake_read *r)
{
	struct tr_actor_event *events = calloc(r->limit + 1, sizeof *events);
	struct tr_bytes *values = calloc(r->limit + 1, sizeof *values);
	size_t count = 0, size = 0;

	a->pages++;
	while (count < r->limit && fake_entry(a, r->seq + count + 1, &values[count])) {
		size += values[count].size;
		if (count > 0 && size > r->bytes)
			break;
		events[count].seq = r->seq + count + 1;
		events[count].data = tr_bytes_value(&values[count]);
		count++;
	}
	a->entries += (unsigned)count;
	((fake_on_page *)(uintptr_t)r->callback)(a, r->arg, 0, events, count,
	                                         fake_entry(a, r->seq + count + 1, &values[r->limit]));
	for (size_t i = 0; i <= r->limit; i++)
		tr_bytes_free(&values[i]);
	free(values);
	free(events);
}

void tr_actor_read_log(struct troupe_actor *a, struct tr_reader *reader, uint64_t after, unsigned max_events,
                       size_t max_bytes,
                       void (*on_page)(struct troupe_actor *a, void *arg, int rc, const struct tr_actor_event *events,
                                       size_t count, bool more), void *arg)
{
	fake_ask(a, reader, &(struct fake_read){
		.answer = fake_give_page, .callback = (void *)(uintptr_t)on_page, .arg = arg, .seq = after,
		.limit = max_events, .bytes = max_bytes });
}

/* ------------------------------------------------------------------ calls */

/* Tests make a call of zeroes. */
static inline void fake_call_begin(struct troupe_call *c)
{
	if (!c->reader.reads.next)
		tr_reader_init(&c->reader);
}

static inline void fake_call_answered(struct troupe_call *c)
{
	assert(!c->answered);
	c->answered = true;
	fake_call_begin(c);
	tr_reader_forget(&c->reader);
}

/* It has gone, with an answer or without: its turn failed, or its actor went. */
static inline void fake_call_end(struct troupe_call *c)
{
	fake_call_begin(c);
	tr_reader_forget(&c->reader);
	while (c->memory) {
		struct fake_memory *m = c->memory;

		c->memory = m->next;
		free(m);
	}
}

/* For another call. */
static inline void fake_call_new(struct troupe_call *c)
{
	fake_call_end(c);
	memset(c, 0, sizeof *c);
}

void *tr_call_alloc(struct troupe_call *c, size_t size)
{
	struct fake_memory *m = calloc(1, sizeof *m + size);

	m->next = c->memory;
	c->memory = m;
	return m->bytes;
}

struct tr_reader *tr_call_reader(struct troupe_call *c)
{
	fake_call_begin(c);
	return &c->reader;
}

struct troupe_actor *troupe_call_actor(const struct troupe_call *c)
{
	(void)c;
	return &fake;
}

void tr_actor_after(struct troupe_actor *a, void (*then)(void *arg, int rc), void *arg)
{
	assert(a->depth > 0 && a->after_count < FAKE_MAX);
	a->afters[a->after_count++] = (struct fake_after){ then, arg };
}

void tr_core_after(struct tr_core *core, void (*then)(void *arg, int rc), void *arg)
{
	(void)core;
	fake.depth++;
	tr_actor_after(&fake, then, arg);
	fake.depth--;
}

void tr_actor_hold(struct troupe_actor *a)
{
	assert(a->depth > 0);
	a->holds++;
}

void tr_actor_release(struct troupe_actor *a)
{
	assert(a->depth > 0 && a->holds > 0);
	a->holds--;
}

bool tr_actor_turning(const struct troupe_actor *a)
{
	return a->depth > 0;
}

bool tr_actor_resting(const struct troupe_actor *a)
{
	return a->resting;
}

bool tr_actor_leaving(const struct troupe_actor *a)
{
	return a->leaving;
}

uint64_t tr_actor_num(const struct troupe_actor *a)
{
	(void)a;
	return 1;
}

const char *troupe_id(const struct troupe_actor *a)
{
	(void)a;
	return getenv("FAKE_ACTOR_ID") ? getenv("FAKE_ACTOR_ID") : "0123456789abcdefghijklmnopqrst";
}

int64_t troupe_now_ms(const struct troupe_actor *a)
{
	return 1795303334935 + a->later_ms;
}

int troupe_refuse(struct troupe_actor *a, int error, const char *format, ...)
{
	(void)a, (void)format;
	return error;
}

int troupe_fail(struct troupe_call *c, int error, const char *format, ...)
{
	va_list args;

	assert(error < 0);
	fake_call_answered(c);
	c->error = error;
	va_start(args, format);
	vsnprintf(c->text, sizeof c->text, format, args);
	va_end(args);
	return error;
}

int troupe_fail_with(struct troupe_call *c, int error, const char *message, struct troupe_value metadata)
{
	struct tr_bytes json = { 0 };

	if (metadata.size > 0)
		assert(tr_value_check(metadata, 10) == 0 && tr_json_encode(&json, metadata, TR_JSON_PLAIN) == 0);
	snprintf(c->metadata, sizeof c->metadata, "%s", tr_bytes_text(&json));
	tr_bytes_free(&json);
	return troupe_fail(c, error, "%s", message ? message : troupe_error_info(error)->sentence);
}

int troupe_reply_value(struct troupe_call *c, struct troupe_value v)
{
	struct tr_bytes json = { 0 };

	fake_call_answered(c);
	if (v.size == 0)
		return 0;
	assert(tr_value_check(v, 10) == 0 && tr_json_encode(&json, v, TR_JSON_PLAIN) == 0);
	free(fake.replied);
	fake.replied = tr_strdup(tr_bytes_text(&json));
	tr_bytes_free(&json);
	return 0;
}

/* The session replies with texts only. */
int troupe_reply(struct troupe_call *c, const struct troupe_record *r, const void *from)
{
	size_t used = 0;

	fake_call_answered(c);
	for (size_t i = 0; i < r->count; i++) {
		assert(r->fields[i].type == TROUPE_CSTRING);
		used += (size_t)snprintf(c->text + used, sizeof c->text - used, "%s%s=%s", i ? " " : "", r->fields[i].name,
		                         *(const char *const *)(const void *)((const char *)from + r->fields[i].offset));
	}
	return 0;
}

/* ------------------------------------------------------------------ what the session told */

static inline void fake_tell(struct troupe_actor *a, const char *name, struct troupe_value value)
{
	struct tr_bytes json = { 0 };

	assert(a->depth > 0 && a->told_count < FAKE_MAX);
	assert(tr_value_check(value, 10) == 0 && tr_json_encode(&json, value, TR_JSON_PLAIN) == 0);
	a->told[a->told_count] = (struct fake_told){ tr_strdup(name), tr_strdup(tr_bytes_text(&json)), { 0 } };
	tr_bytes_put(&a->told[a->told_count++].packed, value.data, value.size);
	tr_bytes_free(&json);
}

static inline void fake_on_prompt(struct troupe_actor *a, struct troupe_session *s, const struct troupe_prompt *p)
{
	(void)s;
	assert(a->depth > 0);
	a->told[a->told_count++] = (struct fake_told){ tr_strdup("chat.user"), tr_strdup(p->text), { 0 } };
}

static inline void fake_on_event(struct troupe_actor *a, struct troupe_session *s, struct troupe_value event)
{
	(void)s;
	fake_tell(a, "session.event", event);
}

static inline void fake_on_change(struct troupe_actor *a, struct troupe_session *s, const char *name, struct troupe_value value)
{
	(void)s;
	fake_tell(a, name, value);
}

static inline void fake_on_end(struct troupe_actor *a, struct troupe_session *s, int error)
{
	(void)s;
	assert(a->depth > 0);
	a->ended++;
	a->end_error = error;
}

static const struct troupe_session_hooks fake_hooks = { fake_on_prompt, fake_on_event, fake_on_change, fake_on_end };

/* ------------------------------------------------------------------ commits */

static inline void fake_forget_writes(struct troupe_actor *a)
{
	for (size_t i = 0; i < a->write_count; i++) {
		free(a->writes[i].key);
		tr_bytes_free(&a->writes[i].value);
	}
	a->write_count = 0;
	while (a->told_count > a->told_committed) {
		a->told_count--;
		free(a->told[a->told_count].name);
		free(a->told[a->told_count].json);
		tr_bytes_free(&a->told[a->told_count].packed);
	}
}

static inline void fake_apply(struct troupe_actor *a, struct fake_write *w)
{
	struct fake_item *item = fake_find(a, w->key);

	if (item) {
		free(item->key);
		tr_bytes_free(&item->value);
		*item = a->items[--a->item_count];
	}
	if (!w->erase) {
		a->items[a->item_count++] = (struct fake_item){ w->key, w->value };
		assert(a->item_count < 4096);
		w->key = NULL;
		w->value = (struct tr_bytes){ 0 };
	}
}

static inline void fake_tell_afters(struct troupe_actor *a, int rc)
{
	size_t count = a->after_count;
	struct fake_after *afters = malloc((count + 1) * sizeof *afters);

	memcpy(afters, a->afters, count * sizeof *afters);
	a->after_count = 0;
	for (size_t i = 0; i < count; i++)
		afters[i].then(afters[i].arg, rc);
	free(afters);
}

static inline void fake_commit(void)
{
	struct troupe_actor *a = &fake;
	int rc = a->commit_fails;

	if (a->write_count == 0 && a->after_count == 0 && a->told_count == a->told_committed)
		return;
	a->commits++;
	a->commit_fails = 0;
	if (rc == 0) {
		for (size_t i = 0; i < a->write_count; i++)
			fake_apply(a, &a->writes[i]);
		a->told_committed = a->told_count;
		a->holds_committed = a->holds;
	}
	fake_forget_writes(a);
	fake_tell_afters(a, rc);
}

/* Nobody is home for what is being read. */
static inline void fake_forget_reads(void)
{
	struct tr_list *first;

	while ((first = tr_list_first(&fake_reads)))
		fake_read_free(tr_container(first, struct fake_read, link));
}

/* The actor is dropped: outside of any turn; what was asked finds nobody any more. */
static inline struct troupe_session *fake_drop(const struct tr_session_ops *ops, struct troupe_session *s)
{
	s = ops->close(s);
	for (struct tr_list *at = fake_reads.next; at != &fake_reads; at = at->next)
		fake_forget_read(tr_container(at, struct fake_read, link));
	return s;
}

/* The process dies: the session's connections with it, and everything that was not committed. */
static inline struct troupe_session *fake_crash(const struct tr_session_ops *ops, struct troupe_session *s)
{
	ops->close(s);
	fake_forget_writes(&fake);
	fake_tell_afters(&fake, TROUPE_ESTORE);
	fake.holds = 0;
	fake_forget_reads();
	return NULL;
}

/* Everything, for the next test. */
static inline void fake_reset(void)
{
	fake.told_committed = 0;
	fake_forget_writes(&fake);
	fake_tell_afters(&fake, TROUPE_ESTORE);
	for (size_t i = 0; i < fake.item_count; i++) {
		free(fake.items[i].key);
		tr_bytes_free(&fake.items[i].value);
	}
	fake.item_count = 0;
	fake_forget_reads();
	fake.late = false;
	free(fake.replied);
	fake.replied = NULL;
	fake.gets = fake.scanned = fake.pages = fake.entries = 0;
	fake.ended = fake.end_error = 0;
	fake.made_item = NULL;
	fake.made_entry = NULL;
	fake.holds = fake.holds_committed = 0;
	fake.turns = fake.commits = 0;
	fake.depth = 0;
	fake.later_ms = 0;
	fake.leaving = false;
}

#endif
