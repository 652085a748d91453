/* SPDX-License-Identifier: Apache-2.0 */
/* The event stream of our instance, and the rule by which it is read (spec 2.6): ids without a hole are
 * the only proof that nothing is missing. An id that jumps is not taken; the stream is read again from the
 * last one taken, which brings what the server's ring still has. What is missing even then is gone, and
 * the log says so.
 *
 * Events are taken in a turn of the actor, as many as one read brought, together with the new position:
 * one commit.
 *
 * Where many agents talk at once, the server is the one that falls behind: the queue that it has for our
 * GET (512) runs over while its threads wait for a processor, however fast we read, and its ring (1,024)
 * is past it before a GET made then is answered. But a GET is first given the ring, to which that queue
 * does not apply. So as long as there is a flood the stream is read again and again ahead of need: the
 * next GET takes the place of the present one as soon as it has something, and has what that missed. Not
 * for a lone agent, for whom the server has time: the second GET would only take it away from the first. */
#include "runtime/sandbox/session/stream.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/session/request.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/tell.h"

static void on_stream_timer(void *arg);

void tr_stream_init(struct troupe_session *s, void (*take)(struct troupe_session *s, const struct tr_sse_event *event))
{
	struct tr_stream *st = &s->stream;

	tr_list_init(&st->users);
	st->timer = tr_session_timer(s, on_stream_timer, s);
	st->now = &st->readings[0];
	st->next = &st->readings[1];
	st->now->session = st->next->session = s;
	st->take = take;
}

void tr_stream_fini(struct troupe_session *s)
{
	tr_session_timer_free(s, s->stream.timer);
	tr_sse_fini(&s->stream.now->sse);
	tr_sse_fini(&s->stream.next->sse);
}

void tr_stream_join(struct troupe_session *s, struct tr_stream_user *u)
{
	tr_list_push(&s->stream.users, &u->link);
}

bool tr_stream_asked(const struct troupe_session *s)
{
	return s->stream.now->get;
}

bool tr_stream_healthy(const struct troupe_session *s)
{
	return s->stream.now->get && s->stream.now->open;
}

static void set_timer(struct troupe_session *s, int64_t ms)
{
	tr_session_timer_set(s, s->stream.timer, ms);
}

static void tell_closed(struct troupe_session *s)
{
	for (struct tr_list *at = s->stream.users.next; at != &s->stream.users; at = at->next) {
		struct tr_stream_user *u = tr_container(at, struct tr_stream_user, link);

		u->closed(u);
	}
}

static void tell_opened(struct troupe_session *s)
{
	for (struct tr_list *at = s->stream.users.next; at != &s->stream.users; at = at->next) {
		struct tr_stream_user *u = tr_container(at, struct tr_stream_user, link);

		u->opened(u);
	}
}

static void reading_end(struct tr_reading *r)
{
	r->get = tr_http_cancel(r->get);
	r->open = false;
}

static void readings_end(struct troupe_session *s)
{
	reading_end(s->stream.now);
	reading_end(s->stream.next);
	s->stream.reads++;
}

void tr_stream_close(struct troupe_session *s)
{
	readings_end(s);
	s->stream.attempt = 0;
	tr_session_timer_set(s, s->stream.timer, -1);
	tell_closed(s);
}

void tr_stream_begin(struct troupe_session *s)
{
	s->stream.last = 0;
	s->stream.tried_after = s->stream.jumped = false;
}

void tr_stream_end(struct troupe_session *s)
{
	tr_stream_close(s);
	s->stream.reattaching = s->stream.ending = false;
}

/* ------------------------------------------------------------------ what comes */

static void note_gap(struct troupe_session *s, uint64_t next)
{
	struct tr_stream *st = &s->stream;
	struct tr_bytes note = { 0 };

	tr_warn("agent.gap", "actor=%s session=%s from=%" PRIu64 " to=%" PRIu64, troupe_id(s->actor), s->id, st->last + 1, next - 1);
	tr_acp_note_gap(&note, s->instance.server_id, s->instance.created_ms, st->last + 1, next - 1);
	tr_session_note(s, TR_SYNTHETIC, &note);
}

void tr_stream_note_end(struct troupe_session *s)
{
	struct tr_bytes note = { 0 };

	tr_warn("agent.gap", "actor=%s session=%s from=%" PRIu64, troupe_id(s->actor), s->id, s->stream.last + 1);
	tr_acp_note_gap(&note, s->instance.server_id, s->instance.created_ms, s->stream.last + 1, 0);
	tr_session_note(s, TR_SYNTHETIC, &note);
}

/* ------------------------------------------------------------------ one GET after the other */

static void reading_start(struct tr_reading *r);

static void follow(struct troupe_session *s)
{
	struct tr_stream *st = &s->stream;
	struct tr_reading *before = st->now;

	reading_end(before);
	st->now = st->next;
	st->next = before;
	st->reads++;
}

/* Counts one event that was taken. */
static bool much_comes(struct troupe_session *s)
{
	struct tr_flood *f = &s->stream.flood;
	uint64_t all = tr_sandbox_took(s->sandbox);
	int64_t now = tr_session_mono(s);

	if (now - f->since_ms > (f->on ? TR_FLOOD_OVER_MS : s->times->flood_ms))
		*f = (struct tr_flood){ .since_ms = now, .all = all };
	f->events++;
	if (f->events < TR_FLOOD_EVENTS || all + 1 - f->all < f->events + 2 * TR_FLOOD_EVENTS)
		return false;
	*f = (struct tr_flood){ .since_ms = now, .all = all + 1, .on = true };
	return true;
}

/* Had its time, and never came to be `now`: it hangs, or the flood ended and there was nothing more to
 * say. */
static void end_old_next(struct troupe_session *s)
{
	struct tr_reading *next = s->stream.next;

	if (next->get && tr_session_mono(s) - next->asked_ms >= TR_OPEN_MS)
		reading_end(next);
}

static void read_ahead(struct troupe_session *s)
{
	end_old_next(s);
	if (!s->stream.next->get)
		reading_start(s->stream.next);
}

static void read_what_is_missing(struct troupe_session *s)
{
	if (!s->stream.next->get) {
		tr_stream_open(s);
	} else {
		follow(s);
		if (!tr_stream_healthy(s)) {
			tell_closed(s);
			set_timer(s, TR_OPEN_MS);
		}
	}
	s->stream.jumped = true;
}

/* ------------------------------------------------------------------ events */

/* In a turn. False: the rest of what came is not to be read, the stream is being read again. */
static bool read_event(struct troupe_session *s, const struct tr_sse_event *event)
{
	struct tr_stream *st = &s->stream;
	unsigned reads = st->reads;
	bool fresh = st->now->fresh;

	if (!event->has_id) {
		tr_warn("agent.event", "session=%s reason=\"an event without an id cannot be placed\"", s->id);
		return true;
	}
	st->now->fresh = false;
	if (event->id <= st->last)
		return true;
	if (event->id > st->last + 1) {
		if (!fresh || !st->jumped) {
			tr_info("agent.jump", "session=%s last=%" PRIu64 " id=%" PRIu64, s->id, st->last, event->id);
			read_what_is_missing(s);
			return false;
		}
		note_gap(s, event->id);
	}
	st->jumped = false;
	st->attempt = 0;
	st->last = event->id;
	s->dirty.at = s->dirty.at || s->instance.bound;
	st->take(s, event);
	if (tr_session_doomed(s))
		return false;
	if (st->reads == reads && much_comes(s))
		read_ahead(s);
	return st->reads == reads;
}

struct came { struct tr_reading *from; const char *at; size_t left; struct tr_sse_event event; };

static void read_turn(struct troupe_session *s, void *arg)
{
	struct came *c = arg;

	while (read_event(s, &c->event) && tr_sse_next(&c->from->sse, &c->at, &c->left, &c->event))
		;
}

static void on_data(void *arg, const void *data, size_t size)
{
	struct tr_reading *r = arg;
	struct troupe_session *s = r->session;
	struct came c = { .from = r, .at = data, .left = size };

	s->stream.heard_ms = tr_session_mono(s);
	/* a heartbeat, or a piece of an event, is no turn: the actor may go to sleep meanwhile */
	if (!tr_sse_next(&r->sse, &c.at, &c.left, &c.event))
		return;
	if (r == s->stream.next && c.event.id > s->stream.last + 1) {
		reading_end(r); /* of what the ring has lost meanwhile, `now` may still bring some */
		return;
	}
	if (r == s->stream.next)
		follow(s);
	tr_session_turn(s, read_turn, &c);
}

static void opened_turn(struct troupe_session *s, void *arg)
{
	struct tr_bytes note = { 0 };

	(void)arg;
	if (s->stream.reattaching) {
		s->stream.reattaching = false;
		tr_acp_note_restored(&note, "reattach", s->instance.agent_session, 0);
		tr_session_note(s, TR_SYNTHETIC, &note);
	}
	s->stream.opened = true;
}

bool tr_stream_take_opened(struct troupe_session *s)
{
	bool opened = s->stream.opened;

	s->stream.opened = false;
	return opened;
}

static int longest_silence(const struct troupe_session *s)
{
	return s->stream.ending ? s->times->settle_ms : s->times->silence_ms;
}

static void on_open(void *arg)
{
	struct tr_reading *r = arg;
	struct troupe_session *s = r->session;

	tr_sse_fini(&r->sse);
	tr_sse_init(&r->sse, TR_STREAM_EVENT_BYTES_MAX);
	r->open = true;
	s->stream.heard_ms = tr_session_mono(s);
	if (r == s->stream.next)
		return;
	set_timer(s, longest_silence(s));
	if (s->instance.bound && !tr_session_turn(s, opened_turn, NULL))
		return;
	if (tr_stream_healthy(s)) /* what followed from it has not closed it again */
		tell_opened(s);
}

/* ------------------------------------------------------------------ when it ends */

static void read_later(struct troupe_session *s)
{
	int ms = TR_REREAD_MS;
	uint8_t luck;

	for (unsigned i = 0; i < s->stream.attempt && ms < TR_REREAD_MAX_MS; i++)
		ms *= 2;
	if (ms > TR_REREAD_MAX_MS)
		ms = TR_REREAD_MAX_MS;
	s->stream.attempt++;
	tr_random(&luck, 1);
	set_timer(s, ms * (80 + luck % 41) / 100); /* or a hundred actors come back in one moment */
}

void tr_stream_again(struct troupe_session *s)
{
	readings_end(s);
	tell_closed(s);
	read_later(s);
}

/* While initialize is under way the instance comes into being at some moment of it; its answer may
 * overtake ours. */
static bool may_be_made_yet(struct troupe_session *s)
{
	enum tr_unborn unborn = s->stream.unborn ? s->stream.unborn(s) : TR_BORN;
	bool once_more = !s->stream.tried_after;

	if (unborn == TR_BORN)
		return false;
	s->stream.tried_after = unborn == TR_MADE;
	return unborn == TR_IN_MAKING || once_more;
}

static void read_when_made(struct troupe_session *s)
{
	static const int waits[] = { 25, 50, 100, 200, 500 };
	unsigned last = sizeof waits / sizeof *waits - 1;

	set_timer(s, waits[s->stream.attempt < last ? s->stream.attempt : last]);
	s->stream.attempt++;
}

static void on_end(void *arg, const struct tr_http_answer *answer)
{
	struct tr_reading *r = arg;
	struct troupe_session *s = r->session;
	bool was_open = r->open;
	struct tr_problem p;

	r->get = NULL;
	r->open = false;
	if (r == s->stream.next)
		return;
	reading_end(s->stream.next);
	tr_session_timer_set(s, s->stream.timer, -1);
	tell_closed(s);
	tr_problem_read(answer, &p);
	tr_debug("agent.stream", "session=%s opened=%d status=%d why=\"%s\"", s->id, was_open, p.status, answer->why);
	if (was_open)
		read_later(s);
	else if (p.kind == TR_PROBLEM_GONE && may_be_made_yet(s))
		read_when_made(s);
	else if (p.kind == TR_PROBLEM_GONE)
		tr_session_verdict(s, TR_GONE, TROUPE_ELOST, "instance_lost", "The sandbox does not have this agent any more.");
	else if (p.kind == TR_PROBLEM_TOKEN)
		tr_session_verdict(s, TR_GIVE_UP, TROUPE_ETOKEN, NULL, p.words);
	else if (s->instance.bound || s->stream.attempt >= TR_OPENS_MAX)
		tr_session_verdict(s, TR_TROUBLE, 0, NULL,
		                   p.kind == TR_PROBLEM_NONE ? "the answer is not an event stream" : p.words);
	else
		read_later(s);
}

static void reading_start(struct tr_reading *r)
{
	struct troupe_session *s = r->session;
	char last[24], path[TR_PATH_MAX];

	r->fresh = true;
	r->asked_ms = tr_session_mono(s);
	snprintf(last, sizeof last, "%" PRIu64, s->stream.last);
	r->get = tr_session_http(s, &(struct tr_http_options){
		.method = "GET", .accept = "text/event-stream", .last_event_id = s->stream.last > 0 ? last : NULL, .body_max = 64 * 1024,
		.on_open = on_open, .on_data = on_data, .on_end = on_end, .arg = r,
	}, tr_session_path(s, path));
}

void tr_stream_open(struct troupe_session *s)
{
	struct tr_stream *st = &s->stream;

	readings_end(s);
	tell_closed(s);
	reading_start(st->now);
	st->heard_ms = st->now->asked_ms;
	set_timer(s, TR_OPEN_MS);
}

bool tr_stream_last_words(struct troupe_session *s)
{
	bool news = !s->stream.ending;

	s->stream.ending = true;
	return news;
}

int64_t tr_stream_silent_ms(const struct troupe_session *s)
{
	return tr_session_mono(s) - s->stream.heard_ms;
}

static void on_stream_timer(void *arg)
{
	struct troupe_session *s = arg;
	int64_t silent = tr_stream_silent_ms(s);

	if (tr_stream_healthy(s) && silent < longest_silence(s)) {
		end_old_next(s);
		set_timer(s, longest_silence(s) - silent);
		return;
	}
	if (tr_stream_healthy(s) && s->stream.ending) {
		tr_session_verdict(s, TR_GONE, TROUPE_EEXITED, "agent_exited", NULL);
		return;
	}
	if (tr_stream_asked(s))
		tr_info("agent.silence", "session=%s opened=%d ms=%" PRId64, s->id, s->stream.now->open, silent);
	if (tr_stream_asked(s) && !s->stream.now->open && (s->instance.bound || ++s->stream.attempt > TR_OPENS_MAX))
		tr_session_verdict(s, TR_TROUBLE, 0, NULL, "the event stream does not open");
	else
		tr_stream_open(s);
}
