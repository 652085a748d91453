/* SPDX-License-Identifier: Apache-2.0 */
/* What an actor sees of how its peers asked to be let in, and that nothing of it stays. */
#include "tests/kit/test.h"
#include "tests/kit/world.h"

#include "runtime/core/live.h"

static char seen[1024]; /* by the hooks, oldest first */

static void see(const char *where, const struct troupe_peer *p)
{
	const struct troupe_request *rq = troupe_peer_request(p);
	size_t size = strlen(seen);

	if (rq)
		snprintf(seen + size, sizeof seen - size, "%s %s %s of %s own=%s;", where, rq->method, rq->path, rq->address,
		         troupe_request_header(rq, "X-OWN"));
	else
		snprintf(seen + size, sizeof seen - size, "%s nothing;", where);
}

static int seer_admit(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)a;
	see("admit", p);
	return 0;
}

static int seer_join(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)a;
	see("join", p);
	return 0;
}

static int seer_socket(struct troupe_actor *a, struct troupe_peer *p, const char *path)
{
	see("socket", p);
	assert_string_equal(path, troupe_peer_request(p)->path);
	return strcmp(path, "/websocket/no") == 0 ? troupe_refuse(a, TROUPE_EFORBIDDEN, "no") : 0;
}

static void seer_message(struct troupe_actor *a, struct troupe_peer *p, const void *data, size_t size, bool text)
{
	(void)a;
	(void)data;
	(void)size;
	(void)text;
	see("message", p);
}

static void seer_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)a;
	see("leave", p);
}

static int seer_look(struct troupe_actor *a, struct troupe_call *c)
{
	(void)a;
	see("look", troupe_caller(c));
	return 0;
}

static int seer_end(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	troupe_destroy(a);
	return 0;
}

static int seer_request(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq)
{
	(void)a;
	assert_string_equal(rq->path, "/x?y");
	assert_string_equal(rq->address, "192.0.2.9");
	return troupe_respond(c, 200, NULL, 0, rq->body, rq->body_size);
}

static const struct troupe_kind seer = {
	.name = "seer", .admit = seer_admit, .join = seer_join, .leave = seer_leave, .socket = seer_socket,
	.message = seer_message, .request = seer_request, .visitors = true,
	.actions = (const struct troupe_action[]){ { .name = "look", .run = seer_look }, { .name = "end", .run = seer_end }, { 0 } },
};
static const struct troupe_kind *const seers[] = { &seer, NULL };

static struct tr_world w;
static const struct troupe_header own = { "x-own", "yes" };
static const struct tr_address to = { .name = { "seer", 4 }, .key = { "x", 1 }, .create = true };

static void begin(void)
{
	seen[0] = 0;
	tr_world_open(&w, seers, NULL);
}

TEST(an_upgrade_is_seen_until_it_has_joined)
{
	struct tr_someone ann;

	begin();
	tr_someone_joins(&ann, &w, "seer", "x", NULL);
	tr_someone_calls(&ann, "look", "[]");
	tr_world_turn(&w);
	assert_null(ann.conn->peer.request);
	tr_someone_leaves(&ann);
	assert_string_equal(seen, "admit GET /connect of 192.0.2.7 own=yes;join GET /connect of 192.0.2.7 own=yes;"
	                    "look nothing;leave nothing;");
	tr_world_close(&w);
}

TEST(a_plain_sockets_upgrade_is_seen_until_it_is_open)
{
	struct tr_someone ann, bob;

	begin();
	tr_someone_opens(&ann, &w, "seer", "x", "/websocket/a?b");
	tr_someone_says(&ann, "hello");
	tr_someone_opens(&bob, &w, "seer", "x", "/websocket/no");
	tr_world_turn(&w);
	assert_null(bob.conn->peer.request);
	tr_someone_leaves(&bob);
	tr_someone_leaves(&ann);
	assert_string_equal(seen, "admit GET /websocket/a?b of 192.0.2.7 own=yes;socket GET /websocket/a?b of 192.0.2.7 own=yes;"
	                    "message nothing;admit GET /websocket/no of 192.0.2.7 own=yes;"
	                    "socket GET /websocket/no of 192.0.2.7 own=yes;leave nothing;");
	tr_world_close(&w);
}

static void on_answer(void *arg, const struct tr_failure *failure, struct troupe_value output, const struct tr_client_actor *actor)
{
	(void)output;
	(void)actor;
	*(bool *)arg = !failure;
}

TEST(an_actions_request_is_seen_until_it_runs)
{
	struct troupe_request rq = { .method = "POST", .path = "/action/look", .url = "http://h/action/look", .headers = &own,
	                             .header_count = 1, .address = "192.0.2.9" };
	struct tr_action_request action = { .to = to, .action = { "look", 4 }, .args = { "\x90", 1 }, .request = &rq };
	bool well = false;

	begin();
	tr_core_action(w.core, &action, on_answer, &well);
	tr_world_turn(&w);
	assert_true(well);
	assert_string_equal(seen, "admit POST /action/look of 192.0.2.9 own=yes;join POST /action/look of 192.0.2.9 own=yes;"
	                    "look nothing;leave nothing;");
	tr_world_close(&w);
}

static void on_response(void *arg, const struct tr_failure *failure, const struct tr_raw_response *r,
                        const struct tr_client_actor *actor)
{
	(void)actor;
	assert_null(failure);
	assert_memory_equal(r->body, "hello", 5);
	*(bool *)arg = true;
}

TEST(a_plain_request_is_seen_whole)
{
	static const struct tr_response_ops ops = { .on_response = on_response };
	struct troupe_request rq = { .method = "PUT", .path = "/x?y", .url = "http://h/x?y", .headers = &own, .header_count = 1,
	                             .body = "hello", .body_size = 5, .address = "192.0.2.9" };
	bool well = false;

	begin();
	tr_core_request(w.core, &(struct tr_raw_request){ .to = to, .request = &rq }, &ops, &well);
	tr_world_turn(&w);
	assert_true(well);
	assert_non_null(strstr(seen, "admit PUT /request/x?y of 192.0.2.9 own=yes;join PUT /request/x?y"));
	tr_world_close(&w);
}

TEST(who_does_not_wait_leaves_nothing)
{
	struct tr_someone ann, bob;

	begin();
	tr_someone_joins(&bob, &w, "seer", "x", NULL);
	tr_someone_calls(&bob, "end", "[]");
	w.hold_commits = true;
	tr_world_turn(&w);
	tr_someone_joins(&ann, &w, "seer", "x", NULL); /* waits for the end of this one */
	assert_non_null(ann.conn->peer.request);
	tr_someone_leaves(&ann);
	w.hold_commits = false;
	tr_world_commit(&w);
	tr_someone_leaves(&bob);
	tr_world_close(&w); /* and nothing leaks */
}

TESTS(RUN(an_upgrade_is_seen_until_it_has_joined),
      RUN(a_plain_sockets_upgrade_is_seen_until_it_is_open),
      RUN(an_actions_request_is_seen_until_it_runs),
      RUN(a_plain_request_is_seen_whole),
      RUN(who_does_not_wait_leaves_nothing))
