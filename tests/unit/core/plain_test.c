/* SPDX-License-Identifier: Apache-2.0 */
/* Plain HTTP and plain WebSockets: what reaches an actor's own handlers, and what comes back. */
#include "tests/kit/test.h"
#include "tests/kit/world.h"

#include "runtime/base/limits.h"
#include "runtime/core/actor.h"

static char heard[256]; /* by the actor's hooks, oldest first */

static void note(const char *what)
{
	snprintf(heard + strlen(heard), sizeof heard - strlen(heard), "%s;", what);
}

static int on_request(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq)
{
	struct troupe_header mine = { "X-Method", rq->method }, bad = { "X Bad", "1" };

	(void)a;
	if (strcmp(rq->path, "/silent") == 0)
		return 0;
	if (strcmp(rq->path, "/fails") == 0)
		return troupe_fail_user(c, "nope", "No.", (struct troupe_value){ 0 });
	assert_int_equal(troupe_respond(c, 99, NULL, 0, NULL, 0), TROUPE_EINVAL);
	assert_int_equal(troupe_respond(c, 200, &bad, 1, NULL, 0), TROUPE_EINVAL);
	assert_string_equal(troupe_request_header(rq, "x-own"), "yes");
	return troupe_respond(c, 201, &mine, 1, rq->body, rq->body_size);
}

static int on_socket(struct troupe_actor *a, struct troupe_peer *p, const char *path)
{
	note(path);
	troupe_socket_send(p, "welcome", 7, true);
	return strcmp(path, "/websocket/no") == 0 ? troupe_refuse(a, TROUPE_EFORBIDDEN, "no") : 0;
}

static void on_message(struct troupe_actor *a, struct troupe_peer *p, const void *data, size_t size, bool text)
{
	(void)a;
	if (size == 3 && memcmp(data, "bye", 3) == 0)
		troupe_socket_close(p, 4001, "as you wish");
	else
		troupe_socket_send(p, data, size, text);
}

static void on_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	const char *reason;
	char text[64];

	(void)a;
	snprintf(text, sizeof text, "left %d ", troupe_socket_closed(p, &reason));
	note(strncat(text, reason, 20));
}

static const struct troupe_kind plain = {
	.name = "plain", .request = on_request, .socket = on_socket, .message = on_message, .leave = on_leave,
};
static const struct troupe_kind mute = { .name = "mute" };
static const struct troupe_kind *const plain_kinds[] = { &plain, &mute, NULL };

static struct tr_world w;

static void begin(void)
{
	heard[0] = 0;
	tr_world_open(&w, plain_kinds, NULL);
}

/* ------------------------------------------------------------------ requests */

struct response { int status; char body[64], header[64], error[64]; };

static void on_response(void *arg, const struct tr_failure *failure, const struct tr_raw_response *r,
                        const struct tr_client_actor *actor)
{
	struct response *into = arg;

	(void)actor;
	if (failure) {
		snprintf(into->error, sizeof into->error, "%.*s", (int)failure->code.size, failure->code.data);
		return;
	}
	into->status = r->status;
	snprintf(into->body, sizeof into->body, "%.*s", (int)r->body_size, r->body ? (const char *)r->body : "");
	if (r->header_count > 0)
		snprintf(into->header, sizeof into->header, "%s=%s", r->headers[0].name, r->headers[0].value);
}

static const struct tr_response_ops response_ops = { .on_response = on_response };

static struct response asks(const char *kind, const char *path)
{
	struct response r = { .status = 0 };
	struct troupe_header own = { "X-Own", "yes" };
	struct troupe_request rq = { .method = "PUT", .path = path, .url = "http://h/", .headers = &own, .header_count = 1,
	                             .body = "hello", .body_size = 5 };
	struct tr_raw_request raw = {
		.to = { .name = { kind, strlen(kind) }, .key = { "x", 1 }, .create = true }, .request = &rq };

	tr_core_request(w.core, &raw, &response_ops, &r);
	assert_int_equal(r.status, 0);
	tr_world_turn(&w);
	return r;
}

TEST(a_request_is_answered_by_its_handler)
{
	struct response r;

	begin();
	r = asks("plain", "/x");
	assert_int_equal(r.status, 201);
	assert_string_equal(r.body, "hello");
	assert_string_equal(r.header, "X-Method=PUT");
	assert_int_equal(asks("plain", "/silent").status, 204);
	assert_string_equal(asks("plain", "/fails").error, "nope");
	assert_int_equal(asks("mute", "/x").status, 404);
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ sockets */

TEST(messages_pass_both_ways_as_they_are)
{
	struct tr_someone ann;

	begin();
	tr_someone_opens(&ann, &w, "plain", "x", "/websocket/chat?a=1");
	tr_world_turn(&w);
	assert_string_equal(tr_someone_hears(&ann), "welcome");
	tr_someone_says(&ann, "any bytes");
	tr_world_turn(&w);
	assert_string_equal(tr_someone_hears(&ann), "any bytes");
	tr_conn_closing(ann.conn, 4000, (struct troupe_text){ "done", 4 });
	tr_someone_leaves(&ann);
	assert_string_equal(heard, "/websocket/chat?a=1;left 4000 done;");
	tr_world_close(&w);
}

/* Larger than what a live connection may say. */
TEST(messages_may_be_large)
{
	static char large[TR_MESSAGE_OUT_BYTES_MAX + 2], huge[TR_SOCKET_BYTES_MAX + 1];
	struct tr_someone ann;

	begin();
	tr_someone_opens(&ann, &w, "plain", "x", "/websocket/");
	tr_world_turn(&w);
	tr_someone_hears(&ann);
	memset(large, 'x', sizeof large - 1);
	tr_someone_says(&ann, large);
	tr_world_turn(&w);
	assert_string_equal(tr_someone_hears(&ann), large);
	tr_conn_message(ann.conn, huge, sizeof huge, false);
	tr_world_turn(&w);
	assert_string_equal(ann.close_reason, "message.incoming_too_long");
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TEST(an_actor_closes_with_its_own_code)
{
	struct tr_someone ann;

	begin();
	tr_someone_opens(&ann, &w, "plain", "x", "/websocket/");
	tr_someone_says(&ann, "bye");
	tr_world_turn(&w);
	tr_world_turn(&w);
	assert_int_equal(ann.close_code, 4001);
	assert_string_equal(ann.close_reason, "as you wish");
	tr_someone_leaves(&ann);
	tr_world_close(&w);
}

TEST(a_refused_socket_is_closed_without_a_frame)
{
	struct tr_someone ann, bob;

	begin();
	tr_someone_opens(&ann, &w, "plain", "x", "/websocket/no");
	tr_someone_opens(&bob, &w, "mute", "x", "/websocket/");
	tr_world_turn(&w);
	assert_null(tr_someone_hears(&ann));
	assert_string_equal(ann.close_reason, "auth.forbidden");
	assert_null(tr_someone_hears(&bob));
	assert_string_equal(bob.close_reason, "request.route_not_found");
	tr_someone_leaves(&ann);
	tr_someone_leaves(&bob);
	tr_world_close(&w);
}

TEST(a_socket_keeps_its_actor_awake)
{
	struct tr_someone ann;
	struct tr_core_counts counts;

	begin();
	tr_someone_opens(&ann, &w, "plain", "x", "/websocket/");
	tr_world_pass(&w, 100000);
	tr_core_count(w.core, &counts);
	assert_int_equal(counts.actors, 1);
	tr_someone_leaves(&ann);
	tr_world_pass(&w, 100000);
	tr_core_count(w.core, &counts);
	assert_int_equal(counts.actors, 0);
	tr_world_close(&w);
}

TESTS(RUN(a_request_is_answered_by_its_handler),
      RUN(messages_pass_both_ways_as_they_are),
      RUN(messages_may_be_large),
      RUN(an_actor_closes_with_its_own_code),
      RUN(a_refused_socket_is_closed_without_a_frame),
      RUN(a_socket_keeps_its_actor_awake))
