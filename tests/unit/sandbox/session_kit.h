/* SPDX-License-Identifier: Apache-2.0 */
/* One session of an actor in memory with a stand-in sandbox, on one loop; and words for what tests do with them. */
#ifndef TR_TESTS_SESSION_KIT_H
#define TR_TESTS_SESSION_KIT_H

#include "tests/kit/test.h"

#include "proto/text.h"
#include "tests/kit/until.h"
#include "tests/unit/sandbox/fake_actor.h"
#include "tests/unit/sandbox/hand_clock.h"
#include "tests/unit/sandbox/stand_in.h"

#include "runtime/base/log.h"
#include "runtime/main/clock.h"
#include "runtime/sandbox/wire/curl.h"



static struct {
	struct event_base           *base;
	struct tr_curl              *curl;
	struct tr_sandbox_times      times;  /* may be changed at any time */
	struct tr_sandbox           *sandbox;
	const struct tr_session_ops *ops;
	struct troupe_session       *session;
	bool                         holds_commits;
	bool                         by_hand; /* time is the test's: hand_clock.h */
	struct troupe_call           calls[64];
	int                          call_count;
	const char                  *agent, *url, *token, *mode, *model, *thought_level, *provider, *sandbox_id, *auto_approve;
	const char                  *id, *cwd;
	enum troupe_session_how      how;
	int64_t                      stall_ms, permission_ms;
	bool                         asks;   /* when its sandbox is lost */
} kit;

static inline void kit_step(void)
{
	struct timeval a_bit = { 0, 1000 };

	if (kit.by_hand) { /* what is due does not wait for the loop, nor the loop for it */
		while (hand_fire())
			;
		event_base_loopexit(kit.base, &a_bit);
	}
	event_base_loop(kit.base, EVLOOP_ONCE);
	if (!kit.holds_commits)
		fake_commit();
}

#define UNTIL(condition) UNTIL_BY(kit.base, kit_step(), condition)

/* The loop runs dry: everything that can happen without time going by has happened. */
static inline void kit_settle(void)
{
	for (int quiet = 0; quiet < 20; quiet++) {
		struct timeval a_bit = { 0, 1000 };

		event_base_loopexit(kit.base, &a_bit);
		event_base_dispatch(kit.base);
		if (!kit.holds_commits)
			fake_commit();
	}
}

static inline void kit_open(void)
{
	char url[64];
	int rc;

	snprintf(url, sizeof url, "http://127.0.0.1:%d/", in.port);
	fake.depth++;
	rc = kit.ops->open(tr_sandbox_sessions(kit.sandbox)->ctx, &kit.session, &fake, &(struct troupe_session_options){
		.agent = kit.agent, .base_url = kit.provider ? NULL : kit.url ? kit.url : url, .token = kit.token,
		.provider = kit.provider, .sandbox_id = kit.sandbox_id, .ask_when_lost = kit.asks, .hooks = fake_hooks,
		.mode = kit.mode, .model = kit.model, .thought_level = kit.thought_level,
		.auto_approve = kit.auto_approve, .stall_ms = kit.stall_ms, .permission_ms = kit.permission_ms,
		.id = kit.id, .how = kit.how, .cwd = kit.cwd,
	});
	fake.depth--;
	assert_int_equal(rc, 0);
	fake_commit();
}

static inline struct tr_sandbox_options kit_sandbox_options(void)
{
	return (struct tr_sandbox_options){
		.base = kit.base, .http = tr_curl_port(kit.curl),
		.clock = kit.by_hand ? hand_clock() : tr_event_clock(kit.base),
		.checks = true, .times = &kit.times, .agent = "mock", .base_url = "http://127.0.0.1:1", .cwd = "/w", .private_ok = true };
}

static inline void kit_start_sandbox(void)
{
	struct tr_sandbox_options o = kit_sandbox_options();

	assert_int_equal(tr_sandbox_new(&kit.sandbox, &o), 0);
	kit.ops = tr_sandbox_sessions(kit.sandbox)->ops;
}

static inline void kit_start_with(bool by_hand)
{
	memset(&kit, 0, sizeof kit);
	kit.by_hand = by_hand;
	fake_reset(); /* of a test that failed */
	tr_log_setup(getenv("DEBUG") ? TR_LOG_DEBUG : TR_LOG_ERROR, false);
	kit.times = (struct tr_sandbox_times)TR_SANDBOX_TIMES;
	kit.base = event_base_new();
	kit.curl = tr_curl_new(kit.base, NULL);
	in_start(kit.base);
	kit_start_sandbox();
}

static inline void kit_start(void)
{
	kit_start_with(false);
}

static inline void kit_close(void)
{
	kit.session = kit.ops->close(kit.session);
	fake_commit();
}

static inline void kit_crash(void)
{
	kit.session = fake_crash(kit.ops, kit.session);
}

static inline void kit_end(void)
{
	kit.ops->close(kit.session);
	for (size_t i = 0; i < sizeof kit.calls / sizeof *kit.calls; i++)
		fake_call_end(&kit.calls[i]);
	fake_reset();
	tr_sandbox_free(kit.sandbox);
	tr_curl_free(kit.curl);
	in_end();
	event_base_free(kit.base);
}

/* ------------------------------------------------------------------ saying and hearing */

static inline struct troupe_call *kit_new_call(void)
{
	struct troupe_call *call = &kit.calls[kit.call_count++];

	assert_true(kit.call_count < 64);
	fake_call_new(call);
	return call;
}

static inline struct troupe_call *kit_prompt(const char *id, const char *text)
{
	struct troupe_call *call = kit_new_call();

	fake.depth++;
	kit.ops->prompt(kit.session, call, &(struct troupe_prompt){ .prompt_id = id, .user_id = "ann", .text = text });
	fake.depth--;
	if (!kit.holds_commits)
		fake_commit();
	return call;
}

static inline struct troupe_call *kit_respond(const char *permission_id, const char *reply)
{
	struct troupe_call *call = kit_new_call();

	fake.depth++;
	kit.ops->respond(kit.session, call, permission_id, reply, "bob");
	fake.depth--;
	if (!kit.holds_commits)
		fake_commit();
	return call;
}

/* Until it is ready. */
static inline struct troupe_call *kit_await(const char *agent)
{
	struct troupe_call *call = kit_new_call();

	fake.depth++;
	kit.ops->await(kit.session, call, agent);
	fake.depth--;
	if (!kit.holds_commits)
		fake_commit();
	return call;
}

static inline struct troupe_call *kit_destroy(void)
{
	struct troupe_call *call = kit_new_call();

	fake.depth++;
	kit.ops->destroy(kit.session, call);
	fake.depth--;
	if (!kit.holds_commits)
		fake_commit();
	return call;
}

/* value: as JSON. */
static inline struct troupe_call *kit_set(enum troupe_setting what, const char *config_id, const char *value)
{
	struct troupe_call *call = kit_new_call();
	struct tr_bytes packed = { 0 };

	assert_int_equal(tr_json_decode(&packed, tr_text_from(value), TR_JSON_PLAIN, 10, NULL), 0);
	fake.depth++;
	kit.ops->set(kit.session, call, what, config_id, tr_bytes_value(&packed));
	fake.depth--;
	tr_bytes_free(&packed);
	if (!kit.holds_commits)
		fake_commit();
	return call;
}

/* By "cy"; id NULL: whatever runs. */
static inline struct troupe_call *kit_cancel(const char *id)
{
	struct troupe_call *call = kit_new_call();

	fake.depth++;
	kit.ops->cancel(kit.session, call, id, "cy");
	fake.depth--;
	if (!kit.holds_commits)
		fake_commit();
	return call;
}

static inline struct troupe_call *kit_restart_agent(void)
{
	struct troupe_call *call = kit_new_call();

	fake.depth++;
	kit.ops->restart(kit.session, call, "cy");
	fake.depth--;
	fake_commit();
	return call;
}

/* What a look at the session shows, as JSON, until the next call. */
static inline const char *kit_look(void (*look)(const struct troupe_session *s, struct tr_bytes *out))
{
	static struct tr_bytes json;
	struct tr_bytes packed = { 0 };

	tr_bytes_free(&json);
	look(kit.session, &packed);
	if (packed.size > 0)
		assert_int_equal(tr_json_encode(&json, tr_bytes_value(&packed), TR_JSON_PLAIN), 0);
	tr_bytes_free(&packed);
	return tr_bytes_text(&json);
}

static inline const char *kit_queue(void)
{
	return kit_look(kit.ops->queue);
}

static inline const char *kit_pending(void)
{
	return kit_look(kit.ops->permissions);
}

/* How many of what was told, under this name and with this in it. Only what is committed counts. */
static inline int told(const char *name, const char *part)
{
	int count = 0;

	for (size_t i = 0; i < fake.told_committed; i++)
		count += strcmp(fake.told[i].name, name) == 0 && strstr(fake.told[i].json, part) != NULL;
	return count;
}

static inline int events(const char *part)
{
	return told("session.event", part);
}

/* Where the newest of these stands among all that was told; -1: nowhere. */
static inline int place(const char *name, const char *part)
{
	for (size_t i = fake.told_committed; i > 0; i--) {
		if (strcmp(fake.told[i - 1].name, name) == 0 && strstr(fake.told[i - 1].json, part))
			return (int)i - 1;
	}
	return -1;
}

static inline const char *newest(const char *name)
{
	int at = place(name, "");

	return at < 0 ? "" : fake.told[at].json;
}

/* Events are numbered 1, 2, 3 ... and no two have one id. */
static inline void assert_events_whole(void)
{
	long next = 1;

	for (size_t i = 0; i < fake.told_committed; i++) {
		if (strcmp(fake.told[i].name, "session.event") != 0)
			continue;
		assert_int_equal(strtol(strstr(fake.told[i].json, "\"eventIndex\":") + 13, NULL, 10), next);
		next++;
	}
}

/* A session that is ready, with nothing running. */
/* For the first time. */
static inline void kit_open_ready(void)
{
	kit_open();
	UNTIL(told("sandbox.state", "ready") == 1);
}

static inline void kit_start_ready(void)
{
	kit_start();
	kit_open_ready();
}

/* A prompt that runs, and that the agent has. */
static inline struct troupe_call *kit_run(const char *id, const char *text)
{
	struct troupe_call *call = kit_prompt(id, text);

	UNTIL(in.prompt_id[0]);
	return call;
}

#endif
