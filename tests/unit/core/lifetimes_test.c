/* SPDX-License-Identifier: Apache-2.0 */
/* Who outlives whom: what was said is told after its speaker has gone, and told as a failure when it did not come
 * true. */
#include <stdlib.h>

#include "tests/kit/test.h"
#include "tests/kit/world.h"

#include "runtime/base/limits.h"
#include "runtime/base/mem.h"
#include "runtime/core/live.h"

static struct tr_world w;

/* ------------------------------------------------------------------ kinds */

static void sleepy_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)p;
	troupe_sleep(a);
}

static int just_in(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)a;
	(void)p;
	return 0;
}

static const struct troupe_kind sleepy = {
	.name = "sleepy", .visitors = true, .join = just_in, .leave = sleepy_leave,
};

struct count { int64_t count; };
static const struct troupe_record count_state = { .name = "count", .size = sizeof(struct count), .count = 1,
	.fields = (const struct troupe_field[]){ TROUPE_FIELD(count, count, "count") } };

static int add(struct troupe_actor *a, struct troupe_call *c)
{
	struct count *self = troupe_self(a);

	return troupe_reply_int(c, ++self->count);
}

static int log_of(struct troupe_actor *a, struct troupe_call *c)
{
	(void)a;
	return troupe_reply_events(c, 0, 10);
}

static int say(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	return (int)troupe_publish(a, "said", &count_state, troupe_self(a));
}

/* Something that the actor owes becomes the server's. */
static int hand_over(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	tr_actor_delete(a, (struct troupe_text){ "owed/mine", 9 });
	tr_actor_hand_over(a, (struct troupe_text){ "owed/theirs", 11 }, "x", 1);
	return 0;
}

static int hand_over_only(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	tr_actor_hand_over(a, (struct troupe_text){ "owed/theirs", 11 }, "x", 1);
	return 0;
}

static void counts_sleep(struct troupe_actor *a)
{
	((struct count *)troupe_self(a))->count++;
}

static bool refuses_late;

static int event_request(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq)
{
	(void)a;
	(void)rq;
	if (refuses_late) {
		troupe_respond_event(c, 1);
		return TROUPE_EFORBIDDEN;
	}
	return troupe_respond_event(c, 1);
}

static const struct troupe_action counter_actions[] = {
	{ .name = "add", .run = add }, { .name = "log", .run = log_of }, { .name = "say", .run = say },
	{ .name = "handOver", .run = hand_over }, { .name = "handOverOnly", .run = hand_over_only }, { 0 }
};
static const struct troupe_kind counter = {
	.name = "counter", .size = sizeof(struct count), .state = &count_state,
	.sleep = counts_sleep, .request = event_request, .actions = counter_actions,
};

/* A kind whose hooks end their actor while somebody is being let in. */
static bool admits_to_sleep;

static int ends(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)p;
	if (admits_to_sleep)
		troupe_sleep(a);
	else
		troupe_destroy(a);
	return 0;
}

static const struct troupe_kind ending = {
	.name = "ending", .size = sizeof(struct count), .state = &count_state, .admit = ends, .actions = counter_actions,
};

/* A kind that waits for a commit, and then refuses to be. */
static int after_rc;
static unsigned after_count;

static void after(void *arg, int rc)
{
	(void)arg;
	after_rc = rc;
	after_count++;
}

static int stillborn_wake(struct troupe_actor *a)
{
	tr_actor_after(a, after, NULL);
	return troupe_refuse(a, TROUPE_EINVAL, "not this one");
}

static const struct troupe_kind stillborn = { .name = "stillborn", .wake = stillborn_wake };

/* A kind that opens a session and never closes it. */
struct troupe_session { struct tr_session_base base; };

static unsigned opened, closed;
static bool closed_in_turn;

static int port_open(void *ctx, struct troupe_session **ret, struct troupe_actor *a,
                     const struct troupe_session_options *o)
{
	(void)ctx;
	(void)a;
	(void)o;
	*ret = tr_alloc(sizeof **ret);
	opened++;
	return 0;
}

static struct troupe_session *port_close(struct troupe_session *s)
{
	closed++;
	closed_in_turn = tr_actor_turning(s->base.actor);
	free(s);
	return NULL;
}

static size_t port_envelope_key(struct troupe_value event, char into[400])
{
	(void)event;
	(void)into;
	return 0;
}

static const struct tr_session_ops port_ops = {
	.open = port_open, .close = port_close, .envelope_key = port_envelope_key,
};
static const struct tr_sessions port = { .ops = &port_ops };

static int careless_wake(struct troupe_actor *a)
{
	struct troupe_session *s;

	return troupe_session_open(&s, a, &(struct troupe_session_options){ 0 });
}

static const struct troupe_kind careless = {
	.name = "careless", .size = sizeof(struct count), .state = &count_state,
	.wake = careless_wake, .actions = counter_actions,
};

static const struct troupe_kind *const kinds[] = { &sleepy, &counter, &ending, &stillborn, &careless, NULL };

/* ------------------------------------------------------------------ who asks */

static struct tr_address at(const char *name)
{
	return (struct tr_address){ .name = { name, strlen(name) }, .key = { "x", 1 }, .create = true };
}

/* What was told of a row, or of an action. */
struct told { unsigned count; int error; char actor[31], output[16]; };

static void on_row(void *arg, const struct tr_failure *f, const struct tr_actor_row *row, bool created)
{
	struct told *t = arg;

	(void)row;
	(void)created;
	t->count++;
	t->error = f ? f->error : 0;
}

static void on_answer(void *arg, const struct tr_failure *f, struct troupe_value output,
                      const struct tr_client_actor *actor)
{
	struct told *t = arg;

	t->count++;
	t->error = f ? f->error : 0;
	if (output.size > 0 && output.size < sizeof t->output)
		memcpy(t->output, output.data, output.size);
	if (actor)
		snprintf(t->actor, sizeof t->actor, "%.*s", (int)actor->id.size, actor->id.data);
}

static void acts(struct told *t, const char *name, const char *action)
{
	struct tr_action_request rq = {
		.to = at(name), .action = { action, strlen(action) }, .args = { "\x90", 1 },
	};

	*t = (struct told){ 0 };
	tr_core_action(w.core, &rq, on_answer, t);
}

static void begin(void)
{
	tr_world_open(&w, kinds, &port);
	after_count = opened = closed = 0;
}

/* The world, with an actor in it. */
static void begin_with(const char *name)
{
	struct told t = { 0 };
	struct tr_address to = at(name);

	begin();
	tr_core_resolve(w.core, &to, on_row, &t);
	tr_world_turn(&w);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.error, 0);
}

/* ------------------------------------------------------------------ told after its actor has gone */

TEST(a_refusal_is_told_when_its_actor_has_gone_by_then)
{
	struct told t;

	begin();
	acts(&t, "sleepy", "none"); /* its visitor leaves, and the actor sleeps */
	assert_int_equal(t.count, 0);
	tr_world_turn(&w);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.error, TROUPE_EACTION);
	assert_int_equal(strlen(t.actor), 30);
	tr_world_close(&w);
}

static void is_answered_by_an_actor_that_ends(bool sleep)
{
	struct told t, again;

	begin();
	admits_to_sleep = sleep;
	acts(&t, "ending", "add");
	acts(&again, "ending", "add");
	tr_world_turn(&w);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.error, 0);
	assert_memory_equal(t.output, "\x01", 1);
	tr_world_turn(&w);
	assert_int_equal(again.count, 1);
	assert_int_equal(again.error, 0);
	assert_memory_equal(again.output, sleep ? "\x02" : "\x01", 1);
	tr_world_close(&w);
}

TEST(who_is_let_in_by_an_actor_that_wants_to_sleep_is_answered)
{
	is_answered_by_an_actor_that_ends(true);
}

TEST(who_is_let_in_by_an_actor_that_wants_to_be_destroyed_is_answered)
{
	is_answered_by_an_actor_that_ends(false);
}

TEST(a_session_that_its_kind_left_open_is_closed_in_the_last_turn)
{
	struct tr_address to = at("careless");
	struct told t = { 0 };

	begin_with("careless");
	w.hold_commits = true;
	tr_core_sleep(w.core, &to, on_row, &t);
	assert_int_equal(opened, 1);
	assert_int_equal(closed, 1); /* so nothing of it comes behind the actor's last word */
	assert_true(closed_in_turn);
	tr_world_close(&w);
}

TEST(a_session_of_a_dropped_actor_is_closed_outside_of_a_turn)
{
	struct told t;

	begin_with("careless");
	w.next_commit = TROUPE_ESTORE;
	acts(&t, "careless", "add");
	tr_world_turn(&w);
	assert_int_equal(t.error, TROUPE_ESTORE);
	assert_int_equal(closed, 1);
	assert_false(closed_in_turn);
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ when the commit fails */

TEST(a_destroy_whose_commit_fails_is_told_as_a_failure)
{
	struct tr_address to = at("counter");
	struct told t = { 0 };

	begin_with("counter");
	w.next_commit = TROUPE_ESTORE;
	tr_core_destroy(w.core, &to, on_row, &t);
	tr_world_turn(&w);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.error, TROUPE_ESTORE);
	to.create = false; /* it is still there, and can be destroyed */
	tr_core_destroy(w.core, &to, on_row, &t);
	tr_world_turn(&w);
	assert_int_equal(t.count, 2);
	assert_int_equal(t.error, 0);
	tr_core_resolve(w.core, &to, on_row, &t);
	tr_world_turn(&w);
	assert_int_equal(t.error, TROUPE_ENOTFOUND);
	tr_world_close(&w);
}

TEST(a_sleep_whose_commit_fails_is_told_as_a_failure)
{
	struct tr_address to = at("counter");
	struct told t = { 0 };

	begin_with("counter");
	w.next_commit = TROUPE_ESTORE;
	tr_core_sleep(w.core, &to, on_row, &t);
	tr_world_turn(&w);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.error, TROUPE_ESTORE);
	tr_core_sleep(w.core, &to, on_row, &t); /* which it does by now, without its last words */
	tr_world_turn(&w);
	assert_int_equal(t.count, 2);
	assert_int_equal(t.error, 0);
	tr_world_close(&w);
}

TEST(who_waits_for_the_commit_of_a_stillborn_actor_hears_that_it_never_was)
{
	struct tr_address to = at("stillborn");
	struct told t = { 0 };

	begin();
	tr_core_resolve(w.core, &to, on_row, &t);
	assert_int_equal(after_count, 0); /* never from inside */
	tr_world_turn(&w);
	assert_int_equal(t.error, TROUPE_EINVAL);
	assert_int_equal(after_count, 1);
	assert_int_equal(after_rc, TROUPE_EINVAL);
	tr_world_close(&w);
}

TEST(a_stillborn_actor_is_let_be_when_the_commit_of_another_fails)
{
	struct tr_address to = at("stillborn"), good = at("counter");
	struct told t = { 0 }, other = { 0 };

	begin();
	w.next_commit = TROUPE_ESTORE;
	tr_core_resolve(w.core, &good, on_row, &other);
	tr_core_resolve(w.core, &to, on_row, &t);
	tr_world_turn(&w);
	assert_int_equal(other.error, TROUPE_ESTORE);
	assert_int_equal(after_count, 1);
	assert_int_equal(after_rc, TROUPE_EINVAL);
	tr_world_close(&w);
}

static struct told second;

static void on_answer_again(void *arg, const struct tr_failure *f, struct troupe_value output,
                            const struct tr_client_actor *actor)
{
	on_answer(arg, f, output, actor);
	acts(&second, "counter", "add");
}

TEST(who_asks_while_a_failure_is_told_is_answered_by_the_next_life)
{
	struct tr_action_request rq = { .to = at("counter"), .action = { "add", 3 }, .args = { "\x90", 1 } };
	struct told t = { 0 };

	begin_with("counter");
	w.next_commit = TROUPE_ESTORE;
	tr_core_action(w.core, &rq, on_answer_again, &t);
	tr_world_turn(&w);
	tr_world_turn(&w);
	assert_int_equal(t.error, TROUPE_ESTORE);
	assert_int_equal(second.count, 1);
	assert_int_equal(second.error, 0);
	assert_memory_equal(second.output, "\x01", 1);
	tr_world_close(&w);
}

/* What is told while an actor is dropped may say more than what is held has room for. */
static unsigned told_many;

static void on_answer_many(void *arg, const struct tr_failure *f, struct troupe_value output,
                           const struct tr_client_actor *actor)
{
	struct tr_address to = at("stillborn");

	(void)arg;
	(void)output;
	(void)actor;
	told_many += f != NULL;
	for (int i = 0; i < 100; i++)
		tr_core_resolve(w.core, &to, on_row, &second);
}

TEST(what_is_told_while_an_actor_is_dropped_may_say_more)
{
	struct tr_action_request rq = { .to = at("counter"), .action = { "add", 3 }, .args = { "\x90", 1 } };
	struct told t;

	begin_with("counter");
	second = (struct told){ 0 };
	told_many = 0;
	w.hold_commits = true;
	acts(&t, "counter", "add");
	tr_world_turn(&w); /* this commit will fail */
	for (int i = 0; i < 50; i++)
		tr_core_action(w.core, &rq, on_answer_many, NULL);
	w.hold_commits = false;
	w.next_commit = TROUPE_ESTORE;
	tr_world_commit(&w);
	tr_world_turn(&w);
	assert_int_equal(t.error, TROUPE_ESTORE);
	assert_int_equal(told_many, 50);
	assert_int_equal(second.count, 5000);
	assert_int_equal(after_count, 5000);
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ what is handed over */

static unsigned found;

static void on_item(void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	(void)arg;
	(void)rc;
	(void)value;
	found += key.data != NULL;
}

static unsigned owed_count(void)
{
	found = 0;
	tr_core_scan(w.core, (struct troupe_text){ "owed/", 5 }, on_item, NULL);
	tr_world_turn(&w);
	return found;
}

TEST(what_a_dropped_actor_handed_over_is_not_handed_over)
{
	struct told t, other;

	begin_with("counter");
	w.hold_commits = true;
	acts(&t, "counter", "add");
	tr_world_turn(&w);
	acts(&other, "counter", "handOver"); /* waits for the commit that fails */
	w.hold_commits = false;
	w.next_commit = TROUPE_ESTORE;
	tr_world_commit(&w);
	tr_world_turn(&w);
	assert_int_equal(t.error, TROUPE_ESTORE);
	assert_int_equal(other.error, TROUPE_ESTORE);
	assert_int_equal(owed_count(), 0);
	acts(&other, "counter", "handOver");
	tr_world_turn(&w);
	assert_int_equal(other.error, 0);
	assert_int_equal(owed_count(), 1);
	tr_world_close(&w);
}

TEST(who_handed_something_over_is_told_when_that_is_not_on_disk)
{
	struct told t;

	begin_with("counter");
	w.next_commit = TROUPE_ESTORE;
	acts(&t, "counter", "handOverOnly");
	tr_world_turn(&w);
	assert_int_equal(t.error, TROUPE_ESTORE);
	assert_int_equal(owed_count(), 0);
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ a log that answers late, or not */

typedef void on_page(void *arg, int rc, const struct tr_log_entry *entries, size_t count, bool more);

static struct tr_store_ops ops;
static struct { uint64_t actor, after; unsigned max; size_t max_bytes; on_page *on_page; void *arg; } held;

static void hold_log(void *ctx, uint64_t actor, uint64_t after_seq, unsigned max_events, size_t max_bytes,
                     on_page *done, void *arg)
{
	(void)ctx;
	held.actor = actor;
	held.after = after_seq;
	held.max = max_events;
	held.max_bytes = max_bytes;
	held.on_page = done;
	held.arg = arg;
}

static void fail_log(void *ctx, uint64_t actor, uint64_t after_seq, unsigned max_events, size_t max_bytes,
                     on_page *done, void *arg)
{
	(void)ctx;
	(void)actor;
	(void)after_seq;
	(void)max_events;
	(void)max_bytes;
	done(arg, TROUPE_ESTORE, NULL, 0, false);
}

static const struct tr_store_ops *usual;

static void log_by(void (*read_log)(void *ctx, uint64_t actor, uint64_t after_seq, unsigned max_events,
                                    size_t max_bytes, on_page *done, void *arg))
{
	usual = w.core->o.store.ops;
	ops = *usual;
	ops.read_log = read_log;
	w.core->o.store.ops = &ops;
}

static void log_comes(void)
{
	usual->read_log(&w, held.actor, held.after, held.max, held.max_bytes, held.on_page, held.arg);
}

TEST(a_page_that_comes_when_its_actor_has_been_destroyed_is_nobodys)
{
	struct tr_address to = at("counter");
	struct told t, end = { 0 };

	begin_with("counter");
	log_by(hold_log);
	acts(&t, "counter", "log");
	w.hold_commits = true;
	tr_core_destroy(w.core, &to, on_row, &end);
	tr_world_turn(&w);
	assert_int_equal(t.count, 0); /* not yet true */
	log_comes();
	tr_world_commit(&w);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.error, TROUPE_EDRAINING);
	assert_int_equal(end.error, 0);
	tr_world_close(&w);
}

static unsigned responses;

static void on_response(void *arg, const struct tr_failure *f, const struct tr_raw_response *r,
                        const struct tr_client_actor *actor)
{
	(void)r;
	(void)actor;
	responses++;
	*(int *)arg = f ? f->error : 0;
}

TEST(an_event_that_is_read_after_its_requester_was_told_of_a_timeout_is_nobodys)
{
	static const struct tr_response_ops response_ops = { .on_response = on_response };
	static const struct troupe_header range = { "range", "bytes=0-3" };
	struct troupe_request rq = {
		.method = "GET", .path = "/", .url = "http://world/", .headers = &range, .header_count = 1,
	};
	struct tr_raw_request raw = { .to = at("counter"), .request = &rq };
	struct told t;
	int error = 0;

	begin_with("counter");
	acts(&t, "counter", "say");
	tr_world_turn(&w);
	log_by(hold_log);
	responses = 0;
	tr_core_request(w.core, &raw, &response_ops, &error);
	tr_world_pass(&w, TR_ACTION_TIME_MS);
	assert_int_equal(responses, 1);
	assert_int_equal(error, TROUPE_ETIMEDOUT);
	log_comes();
	tr_world_turn(&w);
	assert_int_equal(responses, 1);
	tr_world_close(&w);
}

TEST(an_event_that_is_read_after_the_turn_that_wanted_it_failed_is_nobodys)
{
	static const struct tr_response_ops response_ops = { .on_response = on_response };
	struct troupe_request rq = { .method = "GET", .path = "/", .url = "http://world/" };
	struct tr_raw_request raw = { .to = at("counter"), .request = &rq };
	struct told t;
	int error = 0;

	begin_with("counter");
	acts(&t, "counter", "say");
	tr_world_turn(&w);
	log_by(hold_log);
	responses = 0;
	refuses_late = true;
	tr_core_request(w.core, &raw, &response_ops, &error);
	refuses_late = false;
	tr_world_turn(&w);
	assert_int_equal(responses, 1);
	assert_int_equal(error, TROUPE_EFORBIDDEN);
	log_comes();
	tr_world_turn(&w);
	assert_int_equal(responses, 1);
	tr_world_close(&w);
}

TEST(who_is_closed_since_its_log_cannot_be_read_runs_nothing_more)
{
	struct tr_someone ann;

	begin_with("counter");
	tr_someone_joins(&ann, &w, "counter", "x", NULL);
	tr_someone_calls(&ann, "say", "[]");
	tr_world_turn(&w);
	tr_someone_leaves(&ann);
	tr_someone_joins(&ann, &w, "counter", "x", "{\"since\":0}");
	tr_someone_subscribes(&ann, "said", true);
	tr_world_turn(&w);
	log_by(fail_log);
	tr_someone_calls(&ann, "add", "[]"); /* which is what makes it read */
	tr_world_turn(&w);
	assert_true(ann.closed);
	assert_int_equal(ann.close_code, 1011);
	assert_null(tr_someone_hears_tag(&ann, "ActionResponse"));
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TESTS(RUN(a_refusal_is_told_when_its_actor_has_gone_by_then),
      RUN(who_is_let_in_by_an_actor_that_wants_to_sleep_is_answered),
      RUN(who_is_let_in_by_an_actor_that_wants_to_be_destroyed_is_answered),
      RUN(an_event_that_is_read_after_the_turn_that_wanted_it_failed_is_nobodys),
      RUN(a_session_that_its_kind_left_open_is_closed_in_the_last_turn),
      RUN(a_session_of_a_dropped_actor_is_closed_outside_of_a_turn),
      RUN(a_destroy_whose_commit_fails_is_told_as_a_failure),
      RUN(a_sleep_whose_commit_fails_is_told_as_a_failure),
      RUN(who_waits_for_the_commit_of_a_stillborn_actor_hears_that_it_never_was),
      RUN(a_stillborn_actor_is_let_be_when_the_commit_of_another_fails),
      RUN(who_asks_while_a_failure_is_told_is_answered_by_the_next_life),
      RUN(what_is_told_while_an_actor_is_dropped_may_say_more),
      RUN(what_a_dropped_actor_handed_over_is_not_handed_over),
      RUN(who_handed_something_over_is_told_when_that_is_not_on_disk),
      RUN(a_page_that_comes_when_its_actor_has_been_destroyed_is_nobodys),
      RUN(an_event_that_is_read_after_its_requester_was_told_of_a_timeout_is_nobodys),
      RUN(who_is_closed_since_its_log_cannot_be_read_runs_nothing_more))
