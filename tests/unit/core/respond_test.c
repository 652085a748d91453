/* SPDX-License-Identifier: Apache-2.0 */
/* Answers in pieces: what reaches a plain request's client, when, and what its actor hears of it. */
#include "tests/kit/test.h"
#include "tests/kit/world.h"

#include "runtime/base/limits.h"

struct streamer { int64_t count; };
static const struct troupe_record kept = { .name = "streamer", .size = sizeof(struct streamer), .count = 1,
	.fields = (const struct troupe_field[]){ TROUPE_FIELD(streamer, count, "count") } };

static struct troupe_call *open_call; /* kept by the handler */
static int said;                      /* what the last troupe_respond_... gave */
static char heard[256];               /* by the actor's hook, oldest first */

static void note(const char *what)
{
	snprintf(heard + strlen(heard), sizeof heard - strlen(heard), "%s;", what);
}

static int on_request(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq)
{
	struct troupe_header type = { "Content-Type", "text/event-stream" };

	(void)a;
	open_call = c;
	if (strcmp(rq->path, "/later") == 0)
		return TROUPE_LATER;
	assert_int_equal(troupe_respond_write(c, "x", 1), TROUPE_EINVAL);
	assert_int_equal(troupe_respond_begin(c, 99, NULL, 0), TROUPE_EINVAL);
	said = troupe_respond_begin(c, 200, &type, 1);
	if (said < 0)
		return TROUPE_LATER;
	assert_int_equal(troupe_respond_begin(c, 200, &type, 1), TROUPE_EINVAL);
	assert_int_equal(troupe_respond(c, 200, &type, 1, NULL, 0), TROUPE_EINVAL);
	troupe_respond_write(c, "first;", 6);
	if (strcmp(rq->path, "/fails") == 0)
		return troupe_fail(c, TROUPE_EFORBIDDEN, NULL);
	return strcmp(rq->path, "/short") == 0 ? 0 : TROUPE_LATER;
}

static void on_stream(struct troupe_actor *a, struct troupe_call *c, bool open)
{
	(void)a;
	assert_ptr_equal(c, open_call);
	note(open ? "room" : "gone");
	if (!open)
		assert_int_equal(troupe_respond_end(c), 0);
}

static int act_begin(struct troupe_actor *a, struct troupe_call *c)
{
	(void)a;
	assert_int_equal(troupe_respond_begin(c, 200, NULL, 0), TROUPE_EINVAL); /* an action has no such answer */
	said = troupe_respond_begin(open_call, 201, NULL, 0);
	return 0;
}

static int act_write(struct troupe_actor *a, struct troupe_call *c)
{
	(void)a;
	(void)c;
	said = troupe_respond_write(open_call, "more;", 5);
	return 0;
}

static int act_write_and_fail(struct troupe_actor *a, struct troupe_call *c)
{
	(void)a;
	troupe_respond_write(open_call, "never;", 6);
	return troupe_fail(c, TROUPE_EFORBIDDEN, NULL);
}

static int act_flood(struct troupe_actor *a, struct troupe_call *c)
{
	static const char big[TR_STREAM_BYTES_MAX + 1];

	(void)a;
	(void)c;
	assert_int_equal(troupe_respond_write(open_call, big, sizeof big), TROUPE_EBIGOUT);
	assert_int_equal(troupe_respond_write(open_call, big, TR_STREAM_BYTES_MAX), 0);
	assert_int_equal(troupe_respond_write(open_call, "", 0), 0);
	said = troupe_respond_write(open_call, "x", 1);
	return 0;
}

static int act_end(struct troupe_actor *a, struct troupe_call *c)
{
	(void)a;
	(void)c;
	assert_int_equal(troupe_respond_end(open_call), 0);
	assert_int_equal(troupe_respond_write(open_call, "x", 1), TROUPE_EINVAL);
	assert_int_equal(troupe_respond_end(open_call), TROUPE_EINVAL);
	return 0;
}

static int act_break(struct troupe_actor *a, struct troupe_call *c)
{
	(void)a;
	(void)c;
	troupe_fail(open_call, TROUPE_EFORBIDDEN, NULL);
	return 0;
}

static int act_count(struct troupe_actor *a, struct troupe_call *c)
{
	struct streamer *self = troupe_self(a);

	return troupe_reply_int(c, ++self->count);
}

static int act_destroy(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	troupe_destroy(a);
	return 0;
}

static const struct troupe_action actions[] = {
	{ .name = "begin", .run = act_begin }, { .name = "write", .run = act_write },
	{ .name = "writeAndFail", .run = act_write_and_fail }, { .name = "flood", .run = act_flood },
	{ .name = "end", .run = act_end }, { .name = "break", .run = act_break }, { .name = "destroy", .run = act_destroy },
	{ .name = "count", .run = act_count }, { 0 }
};
static const struct troupe_kind streamer = {
	.name = "streamer", .size = sizeof(struct streamer), .state = &kept, .request = on_request, .stream = on_stream,
	.actions = actions,
};
static const struct troupe_kind *const kinds[] = { &streamer, NULL };

static struct tr_world w;
static struct tr_someone ann; /* who makes the actor do things */

/* ------------------------------------------------------------------ the requester */

struct requester { int status; bool pieces; char error[64], body[256]; size_t bytes, backlog; int ends; bool whole; };

static void on_response(void *arg, const struct tr_failure *failure, const struct tr_raw_response *r,
                        const struct tr_client_actor *actor)
{
	struct requester *q = arg;

	(void)actor;
	if (failure) {
		snprintf(q->error, sizeof q->error, "%.*s", (int)failure->code.size, failure->code.data);
		return;
	}
	q->status = r->status;
	q->pieces = r->pieces;
}

static void on_piece(void *arg, const void *data, size_t size)
{
	struct requester *q = arg;

	assert_int_equal(q->ends, 0);
	q->bytes += size;
	strncat(q->body, data, size < 20 ? size : 20);
}

static void on_end(void *arg, bool whole)
{
	struct requester *q = arg;

	q->ends++;
	q->whole = whole;
}

static size_t backlog(void *arg)
{
	const struct requester *q = arg;

	return q->backlog;
}

static const struct tr_response_ops ops = { on_response, on_piece, on_end, backlog };

static struct tr_http_call *asks(struct requester *q, const char *path)
{
	struct troupe_request rq = { .method = "GET", .path = path, .url = "http://h/" };
	struct tr_raw_request raw = { .to = { .name = { "streamer", 8 }, .key = { "x", 1 }, .create = true }, .request = &rq };

	*q = (struct requester){ .status = 0 };
	return tr_core_request(w.core, &raw, &ops, q);
}

static void act(const char *action)
{
	tr_someone_calls(&ann, action, "[]");
	tr_world_turn(&w);
}

static void begin(void)
{
	heard[0] = 0;
	tr_world_open(&w, kinds, NULL);
	tr_someone_joins(&ann, &w, "streamer", "x", NULL);
	tr_world_turn(&w);
}

static void end(void)
{
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ */

TEST(pieces_come_as_they_are_written_and_then_the_end)
{
	struct requester q;

	begin();
	asks(&q, "/");
	assert_int_equal(q.status, 0); /* never from inside */
	tr_world_turn(&w);
	assert_int_equal(q.status, 200);
	assert_true(q.pieces);
	assert_string_equal(q.body, "first;");
	tr_world_pass(&w, 10 * TR_ACTION_TIME_MS); /* no time-out, no sleep */
	act("write");
	assert_int_equal(said, 0);
	assert_string_equal(q.body, "first;more;");
	assert_int_equal(q.ends, 0);
	act("end");
	assert_int_equal(q.ends, 1);
	assert_true(q.whole);
	end();
}

TEST(a_handler_that_returns_0_has_ended_its_answer)
{
	struct requester q;

	begin();
	asks(&q, "/short");
	tr_world_turn(&w);
	assert_string_equal(q.body, "first;");
	assert_true(q.ends == 1 && q.whole);
	end();
}

TEST(pieces_wait_for_the_commit)
{
	struct requester q;

	begin();
	w.hold_commits = true;
	tr_someone_calls(&ann, "count", "[]");
	asks(&q, "/");
	tr_world_turn(&w);
	assert_int_equal(q.status, 0);
	tr_world_commit(&w);
	assert_string_equal(q.body, "first;");
	w.hold_commits = false;
	end();
}

TEST(a_failed_turn_has_written_nothing)
{
	struct requester q, other;

	begin();
	asks(&q, "/fails");
	tr_world_turn(&w);
	assert_string_equal(q.error, "forbidden");
	assert_true(q.status == 0 && q.bytes == 0 && q.ends == 0);
	asks(&other, "/");
	tr_world_turn(&w);
	act("writeAndFail");
	act("write");
	assert_string_equal(other.body, "first;more;");
	act("end");
	end();
}

TEST(an_answer_may_begin_later)
{
	struct requester q, late;

	begin();
	asks(&q, "/later");
	tr_world_turn(&w);
	act("begin");
	assert_int_equal(q.status, 201);
	tr_world_pass(&w, 10 * TR_ACTION_TIME_MS);
	act("end");
	assert_true(q.ends == 1 && q.whole);
	asks(&late, "/later");
	tr_world_turn(&w);
	tr_world_pass(&w, 2 * TR_ACTION_TIME_MS);
	assert_string_equal(late.error, "action_timed_out");
	act("begin");
	assert_int_equal(said, TROUPE_EGONE);
	act("break");
	end();
}

TEST(who_reads_slowly_is_written_no_more_than_a_bound_until_there_is_room)
{
	struct requester q;
	struct tr_http_call *call;

	begin();
	call = asks(&q, "/");
	tr_world_turn(&w);
	act("flood");
	assert_int_equal(said, TROUPE_EBACKLOG);
	assert_int_equal(q.bytes, 6 + TR_STREAM_BYTES_MAX);
	q.backlog = TR_STREAM_BYTES_MAX; /* all of it waits for the client, now */
	act("write");
	assert_int_equal(said, TROUPE_EBACKLOG);
	assert_string_equal(heard, "");
	q.backlog = 0;
	tr_core_flowing(call);
	assert_string_equal(heard, "room;");
	tr_core_flowing(call); /* it did not ask again */
	assert_string_equal(heard, "room;");
	act("write");
	assert_int_equal(said, 0);
	act("end");
	end();
}

TEST(an_actor_hears_that_its_reader_has_gone)
{
	struct requester q;
	struct tr_http_call *call;

	begin();
	call = asks(&q, "/");
	tr_world_turn(&w);
	tr_core_abandon(call);
	assert_string_equal(heard, "gone;");
	tr_world_turn(&w);
	assert_int_equal(q.ends, 0);
	tr_core_abandon(asks(&q, "/")); /* before the head could leave */
	assert_string_equal(heard, "gone;gone;");
	tr_world_turn(&w);
	assert_int_equal(q.status, 0);
	end();
}

TEST(who_has_gone_before_the_beginning_is_gone)
{
	struct requester q;

	begin();
	tr_core_abandon(asks(&q, "/later"));
	tr_world_turn(&w);
	act("begin");
	assert_int_equal(said, TROUPE_EGONE);
	assert_string_equal(heard, ""); /* it has been told already */
	act("break");
	end();
}

TEST(an_answer_breaks_off_when_its_actor_fails_it_goes_or_cannot_store)
{
	struct requester q;

	begin();
	asks(&q, "/");
	tr_world_turn(&w);
	act("break");
	assert_true(q.ends == 1 && !q.whole);
	asks(&q, "/");
	tr_world_turn(&w);
	w.next_commit = TROUPE_EFULL;
	act("count");
	assert_true(q.ends == 1 && !q.whole);
	tr_someone_leaves(&ann);
	tr_someone_joins(&ann, &w, "streamer", "x", NULL);
	asks(&q, "/");
	tr_world_turn(&w);
	act("destroy");
	assert_true(q.ends == 1 && !q.whole);
	end();
}

TEST(a_head_whose_commit_failed_is_an_error)
{
	struct requester q;

	begin();
	w.hold_commits = true;
	tr_someone_calls(&ann, "count", "[]");
	asks(&q, "/");
	w.next_commit = TROUPE_EFULL;
	tr_world_turn(&w);
	tr_world_commit(&w);
	assert_string_equal(q.error, "full");
	assert_true(q.status == 0 && q.ends == 0);
	w.hold_commits = false;
	end();
}

TEST(draining_breaks_off_what_is_open)
{
	struct requester q;

	begin();
	asks(&q, "/");
	tr_world_turn(&w);
	end();
	assert_true(q.ends == 1 && !q.whole);
}

TEST(open_answers_are_bounded_apart_from_calls)
{
	static struct requester q[TR_STREAMS_MAX + 1];

	begin();
	for (size_t i = 0; i <= TR_STREAMS_MAX; i++) {
		asks(&q[i], "/");
		tr_world_turn(&w);
		assert_int_equal(said, i < TR_STREAMS_MAX ? 0 : TROUPE_EOVERLOADED);
	}
	act("count");
	assert_non_null(tr_someone_hears_tag(&ann, "ActionResponse"));
	act("break"); /* the one that has not begun */
	end();
}

TESTS(RUN(pieces_come_as_they_are_written_and_then_the_end), RUN(a_handler_that_returns_0_has_ended_its_answer),
      RUN(pieces_wait_for_the_commit), RUN(a_failed_turn_has_written_nothing), RUN(an_answer_may_begin_later),
      RUN(who_reads_slowly_is_written_no_more_than_a_bound_until_there_is_room), RUN(an_actor_hears_that_its_reader_has_gone),
      RUN(who_has_gone_before_the_beginning_is_gone),
      RUN(an_answer_breaks_off_when_its_actor_fails_it_goes_or_cannot_store), RUN(a_head_whose_commit_failed_is_an_error),
      RUN(draining_breaks_off_what_is_open), RUN(open_answers_are_bounded_apart_from_calls))
