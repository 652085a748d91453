/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of what has been, of sessions that need not be open: an actor's sessions, a session's events. Only what is
 * committed is told, and a page costs its own size, however much lies before and behind it.
 *
 * An actor's log holds the events of all its sessions, and others. Which of its seqs are a session's is in the session's index
 * (session_store.c), so a page reads its blocks of the index, and of the log the runs of entries that they name. Events
 * that were logged before there was an index are looked for in the log, from where they cannot lie before.
 *
 * The store may answer at once or later: `advance` goes on as long as answers are there, without recursion. */
#include "runtime/sandbox/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"

#define RUN_SLACK   16  /* entries of others that are read along rather than read around */
#define WALK_EVENTS 256 /* read at once where there is no index */

struct found { struct found *next; struct troupe_value event; };

struct reading {
	struct troupe_actor *actor;
	struct troupe_call  *call;
	char                 session_id[65];
	bool                 whole;       /* a transcript: all or an error */
	uint64_t             next;        /* the event wanted next */
	uint64_t             newest;      /* of the session */
	uint32_t             left;        /* how many more are wanted */
	size_t               room;        /* and how many bytes of them */
	bool                 full;
	uint64_t             given;       /* the newest event found */
	struct found        *first, **end;
	uint32_t             count;
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

static void put_found(const struct reading *r, struct tr_bytes *out)
{
	tr_put_array(out, r->count);
	for (const struct found *f = r->first; f; f = f->next)
		tr_put_value(out, f->event);
}

static void put_cursor(struct tr_bytes *out, const char *cursor)
{
	tr_put_text(out, "nextCursor");
	tr_put_text(out, cursor);
}

static void reply(struct reading *r)
{
	bool more = r->given < r->newest && r->next <= r->newest;
	struct tr_bytes out = { 0 };
	char cursor[24];

	if (r->whole && more) {
		troupe_fail(r->call, TROUPE_EBIGOUT, "The transcript is larger than one answer. Page it with listEvents.");
		return;
	}
	if (!r->whole) {
		tr_put_map(&out, more ? 2 : 1);
		tr_put_text(&out, "items");
	}
	put_found(r, &out);
	if (!r->whole && more) {
		snprintf(cursor, sizeof cursor, "%" PRIu64, r->given);
		put_cursor(&out, cursor);
	}
	troupe_reply_value(r->call, tr_bytes_value(&out));
	tr_bytes_free(&out);
}

/* False: the page is full. */
static bool take(struct reading *r, struct troupe_value event)
{
	struct found *f;

	if (r->left == 0 || (event.size > r->room && r->count > 0)) {
		r->full = true;
		return false;
	}
	f = tr_call_alloc(r->call, sizeof *f + event.size);
	memcpy(f + 1, event.data, event.size);
	f->event = (struct troupe_value){ f + 1, event.size };
	*r->end = f;
	r->end = &f->next;
	r->count++;
	r->left--;
	r->room -= event.size < r->room ? event.size : r->room;
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

/* In a run: entries that the index names, in order. An entry that is missing is passed over: the log is not ours alone. */
static void take_run(struct reading *r, const struct tr_actor_event *events, size_t count)
{
	for (size_t i = 0; i < count && r->next < r->run_end && !r->full; i++) {
		while (r->next < r->run_end && seq_of(r, r->next) < (int64_t)events[i].seq)
			r->next++;
		if (r->next < r->run_end && seq_of(r, r->next) == (int64_t)events[i].seq)
			take(r, events[i].data);
	}
}

static void take_walked(struct reading *r, const struct tr_actor_event *events, size_t count)
{
	for (size_t i = 0; i < count && !r->full; i++) {
		if (!is_ours(r, events[i].data) || take(r, events[i].data))
			r->walked = events[i].seq + 1;
	}
}

static void on_page(struct troupe_actor *a, void *arg, int rc, const struct tr_actor_event *events, size_t count, bool more)
{
	struct reading *r = arg;

	(void)a;
	if (rc < 0) {
		refuse(r->call, rc);
		return;
	}
	if (r->run_end > 0)
		take_run(r, events, count);
	else
		take_walked(r, events, count);
	if (r->run_end > 0 && count == 0)
		r->next = r->run_end; /* there are no such entries */
	else if (r->run_end == 0 && !more && !r->full && r->left > 0)
		r->next = r->newest + 1;
	came_on(r);
}

/* As far as entries of others do not lie too thick between ours. */
static uint64_t run_from(const struct reading *r)
{
	uint64_t end = r->next + 1, block_end = (r->block + 1) * TR_INDEX_BLOCK + 1;
	int64_t first = seq_of(r, r->next);

	while (end <= r->newest && end < block_end && end - r->next < r->left && seq_of(r, end) > 0
	       && seq_of(r, end) - first <= 2 * (int64_t)(end - r->next) + RUN_SLACK)
		end++;
	return end;
}

static void read_run(struct reading *r)
{
	uint64_t first = (uint64_t)seq_of(r, r->next), last;

	r->run_end = run_from(r);
	last = (uint64_t)seq_of(r, r->run_end - 1);
	tr_actor_read_log(r->actor, first - 1, (unsigned)(last - first + 1), r->room, on_page, r);
}

static void walk(struct reading *r)
{
	r->run_end = 0;
	if (r->walked < r->next)
		r->walked = r->next; /* an event's seq is its index at least */
	tr_actor_read_log(r->actor, r->walked - 1, WALK_EVENTS, r->room, on_page, r);
}

/* ------------------------------------------------------------------ the index */

static void on_block(struct troupe_actor *a, void *arg, int rc, struct troupe_value value)
{
	struct reading *r = arg;

	(void)a;
	if (rc < 0 && rc != TROUPE_ENOTFOUND) {
		refuse(r->call, rc);
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
		tr_actor_get(r->actor, tr_store_block_key(r->session_id, key, block), on_block, r);
	}
}

/* ------------------------------------------------------------------ going on */

static bool is_over(const struct reading *r)
{
	return r->full || r->left == 0 || r->room == 0 || r->next > r->newest;
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
		troupe_fail(r->call, TROUPE_ENOSESSION, "There is no session with this id.");
		return;
	}
	if (rc < 0) {
		refuse(r->call, rc);
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
	r->call = call;
	snprintf(r->session_id, sizeof r->session_id, "%s", session_id);
	r->whole = whole;
	r->next = after < UINT64_MAX ? after + 1 : after;
	r->given = after;
	r->left = limit;
	r->room = TR_GETEVENTS_BYTES;
	r->end = &r->first;
	r->block = UINT64_MAX;
	tr_actor_get(r->actor, tr_store_at_key(r->session_id, key), on_at, r);
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

/* ------------------------------------------------------------------ sessions */

#define SESSIONS "sessions/"

/* Sessions by createdAt, then id: that is their keys' order, and a cursor is the key of the last one given. */
struct listing {
	struct troupe_call *call;
	uint32_t            left;
	size_t              room;
	struct found       *first, **end;
	uint32_t            count;
	bool                more;
	char                cursor[TR_ITEM_KEY_MAX];
};

static void reply_sessions(const struct listing *l)
{
	struct tr_bytes out = { 0 };

	tr_put_map(&out, l->more ? 2 : 1);
	tr_put_text(&out, "items");
	tr_put_array(&out, l->count);
	for (const struct found *f = l->first; f; f = f->next)
		tr_put_value(&out, f->event);
	if (l->more)
		put_cursor(&out, l->cursor);
	troupe_reply_value(l->call, tr_bytes_value(&out));
	tr_bytes_free(&out);
}

static void on_session(struct troupe_actor *a, void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	struct listing *l = arg;
	struct found *f;

	(void)a;
	if (rc < 0) {
		refuse(l->call, rc);
	} else if (!key.data) {
		reply_sessions(l);
	} else if (l->more || l->left == 0 || (value.size > l->room && l->count > 0)) {
		l->more = true;
	} else {
		f = tr_call_alloc(l->call, sizeof *f + value.size);
		memcpy(f + 1, value.data, value.size);
		f->event = (struct troupe_value){ f + 1, value.size };
		*l->end = f;
		l->end = &f->next;
		l->count++;
		l->left--;
		l->room -= value.size < l->room ? value.size : l->room;
		snprintf(l->cursor, sizeof l->cursor, "%.*s", (int)(key.size - strlen(SESSIONS)), key.data + strlen(SESSIONS));
	}
}

int tr_list_sessions(struct troupe_call *call, const char *cursor, uint32_t limit)
{
	char after[TR_ITEM_KEY_MAX];
	struct listing *l;
	int size;

	if (limit < 1 || limit > TR_GETEVENTS_MAX)
		return limit_wrong(call, limit);
	l = tr_call_alloc(call, sizeof *l);
	l->call = call;
	l->left = limit;
	l->room = TR_GETEVENTS_BYTES;
	l->end = &l->first;
	size = snprintf(after, sizeof after, SESSIONS "%.100s", cursor ? cursor : "");
	tr_actor_scan_after(troupe_call_actor(call), (struct troupe_text){ SESSIONS, strlen(SESSIONS) },
	                    (struct troupe_text){ after, (size_t)size }, limit + 1, on_session, l);
	return TROUPE_LATER;
}
