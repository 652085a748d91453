/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of what has been, of sessions that need not be open: an actor's sessions, a session's events. Only
 * what is committed is told, and a page costs its own size, however much lies before and behind it.
 *
 * An actor's log holds the events of all its sessions, and others. Which of its seqs are a session's is in
 * the session's index (session/store.c), so a page reads its blocks of the index, and of the log the runs
 * of entries that they name. Events that were logged before there was an index are looked for in the log,
 * from where they cannot lie before.
 *
 * The store may answer at once or later: `advance` goes on as long as answers are there, without
 * recursion. */
#include "runtime/sandbox/session/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/text.h"
#include "runtime/core/actor.h"
#include "runtime/sandbox/session/read.h"
#include "runtime/sandbox/session/store.h"
#include "runtime/sandbox/session/tell.h"

#define RUN_SLACK   16  /* entries of others that are read along rather than read around */
#define WALK_EVENTS 256 /* read at once where there is no index */

struct found { struct found *next; struct troupe_value value; };

/* What an answer will hold. */
struct page {
	struct troupe_call *call;
	uint32_t            left; /* how many more are wanted */
	size_t              room; /* and how many bytes of them */
	bool                full;
	struct found       *first, **end;
	uint32_t            count;
};

static void page_init(struct page *p, struct troupe_call *call, uint32_t limit)
{
	*p = (struct page){ .call = call, .left = limit, .room = TR_GETEVENTS_BYTES, .end = &p->first };
}

/* False: the page is full, though it takes one at least. */
static bool page_add(struct page *p, struct troupe_value value)
{
	struct found *f;

	p->full = p->full || p->left == 0 || (value.size > p->room && p->count > 0);
	if (p->full)
		return false;
	f = tr_call_alloc(p->call, sizeof *f + value.size);
	memcpy(f + 1, value.data, value.size);
	f->value = (struct troupe_value){ f + 1, value.size };
	*p->end = f;
	p->end = &f->next;
	p->count++;
	p->left--;
	p->room -= value.size < p->room ? value.size : p->room;
	return true;
}

static void page_put(const struct page *p, struct tr_bytes *out)
{
	tr_put_array(out, p->count);
	for (const struct found *f = p->first; f; f = f->next)
		tr_put_value(out, f->value);
}

/* cursor NULL: there is no more. */
static void page_reply(const struct page *p, const char *cursor)
{
	struct tr_bytes out = { 0 };

	tr_put_map(&out, cursor ? 2 : 1);
	tr_put_text(&out, "items");
	page_put(p, &out);
	if (cursor) {
		tr_put_text(&out, "nextCursor");
		tr_put_text(&out, cursor);
	}
	troupe_reply_value(p->call, tr_bytes_value(&out));
	tr_bytes_free(&out);
}

/* ------------------------------------------------------------------ events */

struct reading {
	struct troupe_actor *actor;
	struct page          page;
	char                 session_id[65];
	bool                 whole;       /* a transcript: all or an error */
	uint64_t             next;        /* the event wanted next */
	uint64_t             newest;      /* of the session */
	uint64_t             given;       /* the newest event found */
	int64_t              recent[TR_INDEX_BLOCK]; /* of the block that is not full */
	int64_t              seqs[TR_INDEX_BLOCK];   /* of `block` */
	uint64_t             block;       /* UINT64_MAX: none is read */
	uint64_t             walked;      /* no event from `next` on lies before this seq */
	uint64_t             run_end;     /* the event behind the run that is being read; 0: the log is walked */
	bool                 advancing, answered;
};

static void advance(struct reading *r);

static void came_on(struct reading *r)
{
	r->answered = true;
	if (!r->advancing)
		advance(r);
}

static int refuse(struct troupe_call *call, int rc)
{
	return troupe_fail(call, rc, "%s", troupe_error_info(rc)->sentence);
}

/* ------------------------------------------------------------------ the answer */

static void reply_whole(const struct reading *r)
{
	struct tr_bytes out = { 0 };

	page_put(&r->page, &out);
	troupe_reply_value(r->page.call, tr_bytes_value(&out));
	tr_bytes_free(&out);
}

static void reply(struct reading *r)
{
	bool more = r->given < r->newest && r->next <= r->newest;
	char cursor[24];

	snprintf(cursor, sizeof cursor, "%" PRIu64, r->given);
	if (!r->whole)
		page_reply(&r->page, more ? cursor : NULL);
	else if (!more)
		reply_whole(r);
	else
		troupe_fail(r->page.call, TROUPE_EBIGOUT, "The transcript is larger than one answer. Page it with listEvents.");
}

static bool take(struct reading *r, struct troupe_value event)
{
	if (!page_add(&r->page, event))
		return false;
	r->given = r->next++;
	return true;
}

/* ------------------------------------------------------------------ the log */

static bool is_ours(const struct reading *r, struct troupe_value event)
{
	struct troupe_value member;
	struct troupe_text id;
	int64_t index;

	return tr_value_member(event, "eventIndex", &member) && tr_value_integer(member, &index) && (uint64_t)index == r->next
	       && tr_value_member(event, "sessionId", &member) && tr_value_text(member, &id)
	       && id.size == strlen(r->session_id) && memcmp(id.data, r->session_id, id.size) == 0;
}

static int64_t seq_of(const struct reading *r, uint64_t event)
{
	return r->seqs[(event - 1) % TR_INDEX_BLOCK];
}

/* In a run: entries that the index names, in order. An entry that is missing is passed over: the log is
 * not ours alone. */
static void take_run(struct reading *r, const struct tr_actor_event *events, size_t count)
{
	for (size_t i = 0; i < count && r->next < r->run_end && !r->page.full; i++) {
		while (r->next < r->run_end && seq_of(r, r->next) < (int64_t)events[i].seq)
			r->next++;
		if (r->next < r->run_end && seq_of(r, r->next) == (int64_t)events[i].seq)
			take(r, events[i].data);
	}
}

static void take_walked(struct reading *r, const struct tr_actor_event *events, size_t count)
{
	for (size_t i = 0; i < count && !r->page.full; i++) {
		if (!is_ours(r, events[i].data) || take(r, events[i].data))
			r->walked = events[i].seq + 1;
	}
}

static void on_page(struct troupe_actor *a, void *arg, int rc, const struct tr_actor_event *events, size_t count, bool more)
{
	struct reading *r = arg;

	(void)a;
	if (rc < 0) {
		refuse(r->page.call, rc);
		return;
	}
	if (r->run_end > 0)
		take_run(r, events, count);
	else
		take_walked(r, events, count);
	if (r->run_end > 0 && count == 0)
		r->next = r->run_end; /* there are no such entries */
	else if (r->run_end == 0 && !more && !r->page.full && r->page.left > 0)
		r->next = r->newest + 1;
	came_on(r);
}

/* As far as entries of others do not lie too thick between ours. */
static uint64_t run_from(const struct reading *r)
{
	uint64_t end = r->next + 1, block_end = (r->block + 1) * TR_INDEX_BLOCK + 1;
	int64_t first = seq_of(r, r->next);

	while (end <= r->newest && end < block_end && end - r->next < r->page.left && seq_of(r, end) > 0
	       && seq_of(r, end) - first <= 2 * (int64_t)(end - r->next) + RUN_SLACK)
		end++;
	return end;
}

static void read_run(struct reading *r)
{
	uint64_t first = (uint64_t)seq_of(r, r->next), last;

	r->run_end = run_from(r);
	last = (uint64_t)seq_of(r, r->run_end - 1);
	tr_actor_read_log(r->actor, tr_call_reader(r->page.call), first - 1, (unsigned)(last - first + 1), r->page.room,
	                  on_page, r);
}

static void walk(struct reading *r)
{
	r->run_end = 0;
	if (r->walked < r->next)
		r->walked = r->next; /* an event's seq is its index at least */
	tr_actor_read_log(r->actor, tr_call_reader(r->page.call), r->walked - 1, WALK_EVENTS, r->page.room, on_page, r);
}

/* ------------------------------------------------------------------ the index */

static void on_block(struct troupe_actor *a, void *arg, int rc, struct troupe_value value)
{
	struct reading *r = arg;

	(void)a;
	if (rc < 0 && rc != TROUPE_ENOTFOUND) {
		refuse(r->page.call, rc);
		return;
	}
	tr_store_read_seqs(value, TR_INDEX_BLOCK, r->seqs);
	came_on(r);
}

static void read_block(struct reading *r, uint64_t block)
{
	char key[TR_ITEM_KEY_MAX];

	r->block = block;
	if (block == r->newest / TR_INDEX_BLOCK) {
		memcpy(r->seqs, r->recent, sizeof r->seqs);
		r->answered = true;
	} else {
		tr_actor_get(r->actor, tr_call_reader(r->page.call), tr_store_block_key(r->session_id, key, block),
		             on_block, r);
	}
}

/* ------------------------------------------------------------------ going on */

static bool is_over(const struct reading *r)
{
	return r->page.full || r->page.left == 0 || r->page.room == 0 || r->next > r->newest;
}

static void advance(struct reading *r)
{
	r->advancing = r->answered = true;
	while (r->answered && !is_over(r)) {
		uint64_t block = (r->next - 1) / TR_INDEX_BLOCK;

		r->answered = false;
		if (r->block != block) {
			read_block(r, block);
		} else if (seq_of(r, r->next) > 0) {
			read_run(r);
		} else if (seq_of(r, r->next) == TR_SEQ_UNKNOWN) {
			walk(r);
		} else {
			r->next++;
			r->answered = true;
		}
	}
	r->advancing = false;
	if (r->answered)
		reply(r);
}

static void on_at(struct troupe_actor *a, void *arg, int rc, struct troupe_value value)
{
	struct reading *r = arg;

	(void)a;
	if (rc == TROUPE_ENOTFOUND) {
		troupe_fail(r->page.call, TROUPE_ENOSESSION, "There is no session with this id.");
		return;
	}
	if (rc < 0) {
		refuse(r->page.call, rc);
		return;
	}
	r->newest = tr_store_read_at(value, r->recent);
	advance(r);
}

static int start(struct troupe_call *call, const char *session_id, uint64_t after, uint32_t limit, bool whole)
{
	struct reading *r;
	char key[TR_ITEM_KEY_MAX];

	if (strlen(session_id) >= sizeof r->session_id)
		return troupe_fail(call, TROUPE_ENOSESSION, "There is no session with this id.");
	r = tr_call_alloc(call, sizeof *r);
	r->actor = troupe_call_actor(call);
	page_init(&r->page, call, limit);
	snprintf(r->session_id, sizeof r->session_id, "%s", session_id);
	r->whole = whole;
	r->next = after < UINT64_MAX ? after + 1 : after;
	r->given = after;
	r->block = UINT64_MAX;
	tr_actor_get(r->actor, tr_call_reader(r->page.call), tr_store_at_key(r->session_id, key), on_at, r);
	return TROUPE_LATER;
}

static int limit_wrong(struct troupe_call *call, uint32_t limit)
{
	return troupe_fail(call, TROUPE_EINVAL, "limit: must be 1 to %d, is %u", TR_GETEVENTS_MAX, limit);
}

int tr_list_events(struct troupe_call *call, const char *session_id, uint64_t after, uint32_t limit)
{
	if (limit < 1 || limit > TR_GETEVENTS_MAX)
		return limit_wrong(call, limit);
	return start(call, session_id, after, limit, false);
}

int tr_list_transcript(struct troupe_call *call, const char *session_id)
{
	return start(call, session_id, 0, UINT32_MAX, true);
}

/* ------------------------------------------------------------------ one that is not open */

static void on_missing(struct troupe_actor *a, void *arg, int rc, struct troupe_value value)
{
	struct troupe_call *call = arg;

	(void)a, (void)value;
	if (rc == 0)
		refuse(call, TROUPE_EDESTROYED);
	else
		refuse(call, rc == TROUPE_ENOTFOUND ? TROUPE_ENOSESSION : rc);
}

int tr_list_missing(struct troupe_call *call, const char *session_id)
{
	char key[TR_ITEM_KEY_MAX];

	if (strlen(session_id) > 64)
		return refuse(call, TROUPE_ENOSESSION);
	tr_actor_get(troupe_call_actor(call), tr_call_reader(call), tr_store_main_key(session_id, key), on_missing,
	             call);
	return TROUPE_LATER;
}

/* ------------------------------------------------------------------ an envelope that was too large */

size_t tr_list_envelope_key(struct troupe_value event, char into[TR_ITEM_KEY_MAX])
{
	struct troupe_value member;
	struct troupe_text id, truncated;
	struct tr_cursor c;
	struct tr_item json;
	char session_id[65];
	int64_t index;

	if (!tr_value_member(event, "sessionId", &member) || !tr_value_text(member, &id) || id.size >= sizeof session_id
	    || !tr_value_member(event, "eventIndex", &member) || !tr_value_integer(member, &index) || index < 1
	    || !tr_value_member(event, "payload", &member))
		return 0;
	c = tr_cursor(member);
	if (tr_next(&c, &json) < 0 || json.kind != TR_JSON
	    || !tr_json_find((struct troupe_text){ json.data, json.size }, &truncated, "truncated", NULL))
		return 0;
	snprintf(session_id, sizeof session_id, "%.*s", (int)id.size, id.data);
	return tr_store_big_key(session_id, into, (uint64_t)index).size;
}

/* ------------------------------------------------------------------ sessions */


/* Sessions by createdAt, then id: that is their keys' order, and a cursor is the key of the last one
 * given. */
struct listing {
	struct page page;
	char        cursor[TR_ITEM_KEY_MAX];
};

static void on_session(struct troupe_actor *a, void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	struct listing *l = arg;

	(void)a;
	if (rc < 0)
		refuse(l->page.call, rc);
	else if (!key.data)
		page_reply(&l->page, l->page.full ? l->cursor : NULL);
	else if (page_add(&l->page, value))
		snprintf(l->cursor, sizeof l->cursor, "%.*s", (int)(key.size - strlen(TR_SPACE_SESSIONS)),
		         key.data + strlen(TR_SPACE_SESSIONS));
}

int tr_list_sessions(struct troupe_call *call, const char *cursor, uint32_t limit)
{
	char after[TR_ITEM_KEY_MAX];
	struct listing *l;
	int size;

	if (limit < 1 || limit > TR_GETEVENTS_MAX)
		return limit_wrong(call, limit);
	l = tr_call_alloc(call, sizeof *l);
	page_init(&l->page, call, limit);
	size = snprintf(after, sizeof after, TR_SPACE_SESSIONS "%.100s", cursor ? cursor : "");
	tr_actor_scan_after(troupe_call_actor(call), tr_call_reader(call), tr_text_from(TR_SPACE_SESSIONS),
	                    (struct troupe_text){ after, (size_t)size }, limit + 1, on_session, l);
	return TROUPE_LATER;
}
