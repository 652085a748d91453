/* SPDX-License-Identifier: Apache-2.0 */
/* Actors that go to sleep: the suite's sleep.ts. Where its actors wait for a promise, before or in sleep, these let a timer
 * run and sleep when it has: no hook here takes time. */
#include <stdlib.h>
#include <string.h>

#include "kit.h"

#define IDLE_MS       1000 /* the suite's SLEEP_TIMEOUT */
#define BRIEF_IDLE_MS 100  /* RAW_WS_HANDLER_SLEEP_TIMEOUT and others */
#define HANDLER_MS    250  /* RAW_WS_HANDLER_DELAY */
#define SLOW_MS       2000 /* VARS_EXCEEDS_GRACE_DELAY */

/* One for all, so that one action shows what any of them has. */
struct sleeper {
	int64_t starts, sleeps, requests, sockets, waits;
	int64_t message_started, message_finished, close_started, close_finished, handler_started, handler_finished;
	bool wait_called, wait_completed;
	struct troupe_value observed; /* kept by one kind only */
	struct troupe_call *waiting; /* not kept */
};
static const struct troupe_record sleeper = TROUPE_RECORD(sleeper,
	TROUPE_FIELD(sleeper, starts, "startCount"),
	TROUPE_FIELD(sleeper, sleeps, "sleepCount"),
	TROUPE_FIELD(sleeper, requests, "requestCount"),
	TROUPE_FIELD(sleeper, sockets, "connectionCount"),
	TROUPE_FIELD(sleeper, waits, "waitUntilMessageCount"),
	TROUPE_FIELD(sleeper, message_started, "messageStarted"),
	TROUPE_FIELD(sleeper, message_finished, "messageFinished"),
	TROUPE_FIELD(sleeper, close_started, "closeStarted"),
	TROUPE_FIELD(sleeper, close_finished, "closeFinished"),
	TROUPE_FIELD(sleeper, handler_started, "handlerStarted"),
	TROUPE_FIELD(sleeper, handler_finished, "handlerFinished"),
	TROUPE_FIELD(sleeper, wait_called, "waitUntilCalled"),
	TROUPE_FIELD(sleeper, wait_completed, "waitUntilCompleted"),
	TROUPE_OPTION(sleeper, observed, "observed"));

static int count_start(struct troupe_actor *a)
{
	((struct sleeper *)troupe_self(a))->starts++;
	return 0;
}

static void count_sleep(struct troupe_actor *a)
{
	((struct sleeper *)troupe_self(a))->sleeps++;
	forget_answers(a);
}

static int get_counts(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply(call, &sleeper, troupe_self(a));
}

static int trigger_sleep(struct troupe_actor *a, struct troupe_call *call)
{
	(void)call;
	troupe_sleep(a);
	return 0;
}

/* Does something after a while, if the actor is awake then; until then it does not sleep by itself. */
static void after(struct troupe_actor *a, int64_t delay_ms, void (*run)(struct troupe_actor *a, void *arg), void *arg)
{
	troupe_timer_set(troupe_timer_new(a, run, arg), delay_ms);
}

static void fall_asleep(struct troupe_actor *a, void *arg)
{
	(void)arg;
	troupe_sleep(a);
}

/* For such a timer: counts in the actor's own struct. */
static void count(struct troupe_actor *a, void *counter)
{
	(void)a;
	(*(int64_t *)counter)++;
}

/* What their forms have in common. */
#define SLEEPER(wire_name, idle) .name = wire_name, .size = sizeof(struct sleeper), .state = &sleeper, .idle_ms = idle
#define COUNTED                  .wake = count_start, .sleep = count_sleep

static const struct troupe_action simple_actions[] = {
	{ .name = "triggerSleep", .run = trigger_sleep },
	{ .name = "getCounts",    .run = get_counts },
	{ .name = "getStatus",    .run = get_counts },
	{ 0 }
};

/* ------------------------------------------------------------------ sleep, sleepWithNoSleepOption */

struct delay { int64_t ms; };
static const struct troupe_record delay = TROUPE_RECORD(delay,
	TROUPE_FIELD(delay, ms, "ms"));

static int set_alarm(struct troupe_actor *a, struct troupe_call *call)
{
	const struct delay *in = troupe_args(call);

	return troupe_schedule(a, troupe_now_ms(a) + in->ms, "onAlarm", (struct troupe_value){ 0 }, NULL);
}

static int on_alarm(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	(void)call;
	return 0;
}

const struct troupe_kind sleep_kind = {
	SLEEPER("sleep", IDLE_MS),
	COUNTED,
	.actions = (const struct troupe_action[]){
		{ .name = "triggerSleep", .run = trigger_sleep },
		{ .name = "getCounts",    .run = get_counts },
		{ .name = "setAlarm",     .run = set_alarm, .takes = &delay, .positional = true },
		{ .name = "onAlarm",      .run = on_alarm },
		{ 0 }
	},
};

const struct troupe_kind sleep_never_kind = {
	SLEEPER("sleepWithNoSleepOption", -1),
	COUNTED,
	.actions = simple_actions,
};

/* ------------------------------------------------------------------ sleepWithLongRpc */

static int long_rpc(struct troupe_actor *a, struct troupe_call *call)
{
	((struct sleeper *)troupe_self(a))->waiting = call;
	troupe_broadcast_value(a, "waiting", (struct troupe_value){ "\xc0", 1 });
	return TROUPE_LATER;
}

static int finish_long_rpc(struct troupe_actor *a, struct troupe_call *call)
{
	struct sleeper *self = troupe_self(a);

	(void)call;
	if (self->waiting)
		troupe_reply_value(self->waiting, (struct troupe_value){ 0 });
	self->waiting = NULL;
	return 0;
}

const struct troupe_kind sleep_long_rpc_kind = {
	SLEEPER("sleepWithLongRpc", IDLE_MS),
	COUNTED,
	.actions = (const struct troupe_action[]){
		{ .name = "getCounts",            .run = get_counts },
		{ .name = "longRunningRpc",       .run = long_rpc, .slow = true },
		{ .name = "finishLongRunningRpc", .run = finish_long_rpc },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ sleepWithWaitUntilMessage: a last word, then sleep */

static void last_word(struct troupe_actor *a, void *arg)
{
	struct sleeper *self = troupe_self(a);

	(void)arg;
	self->waits++;
	for (struct troupe_peer *p = NULL; (p = troupe_peer_next(a, p)); )
		troupe_send(p, "sleeping", &sleeper, self);
	troupe_sleep(a);
}

static int speak_and_sleep(struct troupe_actor *a, struct troupe_call *call)
{
	(void)call;
	after(a, 10, last_word, NULL);
	return 0;
}

const struct troupe_kind sleep_last_word_kind = {
	SLEEPER("sleepWithWaitUntilMessage", IDLE_MS),
	COUNTED,
	.actions = (const struct troupe_action[]){
		{ .name = "triggerSleep", .run = speak_and_sleep },
		{ .name = "getCounts",    .run = get_counts },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ sleepWithWaitUntilInOnWake, sleepWaitUntilVarsDuringGrace */

static void complete(struct troupe_actor *a, void *arg)
{
	(void)arg;
	((struct sleeper *)troupe_self(a))->wait_completed = true;
}

static int start_and_wait(struct troupe_actor *a)
{
	after(a, 0, complete, NULL);
	((struct sleeper *)troupe_self(a))->wait_called = true;
	return count_start(a);
}

const struct troupe_kind sleep_wait_in_wake_kind = {
	SLEEPER("sleepWithWaitUntilInOnWake", IDLE_MS),
	.wake    = start_and_wait,
	.sleep   = count_sleep,
	.actions = simple_actions,
};

/* Its own, since what it shows has another name. */
struct graceful { int64_t starts, sleeps, waits; };
static const struct troupe_record graceful = TROUPE_RECORD(graceful,
	TROUPE_FIELD(graceful, starts, "startCount"),
	TROUPE_FIELD(graceful, sleeps, "sleepCount"),
	TROUPE_FIELD(graceful, waits, "waitUntilStarted"));

static int graceful_wake(struct troupe_actor *a)
{
	((struct graceful *)troupe_self(a))->starts++;
	return 0;
}

static void graceful_sleep(struct troupe_actor *a)
{
	struct graceful *self = troupe_self(a);

	self->sleeps++;
	self->waits++;
}

static int graceful_get(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply(call, &graceful, troupe_self(a));
}

const struct troupe_kind sleep_graceful_kind = {
	.name    = "sleepWaitUntilVarsDuringGrace",
	.size    = sizeof(struct graceful),
	.state   = &graceful,
	.idle_ms = BRIEF_IDLE_MS,
	.wake    = graceful_wake,
	.sleep   = graceful_sleep,
	.actions = (const struct troupe_action[]){
		{ .name = "triggerSleep", .run = trigger_sleep },
		{ .name = "getStatus",    .run = graceful_get },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ counterWaitUntilProbe: there are no promises to wait for */

struct tally { int64_t count; };
static const struct troupe_record tally = TROUPE_RECORD(tally,
	TROUPE_FIELD(tally, count, "count"));

static int tally_up(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply_int(call, ++((struct tally *)troupe_self(a))->count);
}

static int tally_get(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply_int(call, ((struct tally *)troupe_self(a))->count);
}

const struct troupe_kind wait_until_probe_kind = {
	.name    = "counterWaitUntilProbe",
	.size    = sizeof(struct tally),
	.state   = &tally,
	.idle_ms = IDLE_MS,
	.actions = (const struct troupe_action[]){
		{ .name = "triggerWaitUntilVoid",       .run = tally_up },
		{ .name = "triggerWaitUntilWithValue",  .run = tally_up },
		{ .name = "triggerWaitUntilRejectVoid", .run = tally_up },
		{ .name = "triggerKeepAwakeVoid",       .run = tally_up },
		{ .name = "triggerKeepAwakeWithValue",  .run = tally_up },
		{ .name = "getCount",                   .run = tally_get },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ sleepWithRawHttp */

static void finish_request(struct troupe_actor *a, struct troupe_call *call)
{
	static const struct troupe_header json = { "Content-Type", "application/json" };

	(void)a;
	troupe_respond(call, 200, &json, 1, "{\"completed\":true}", strlen("{\"completed\":true}"));
}

static int raw_request(struct troupe_actor *a, struct troupe_call *call, const struct troupe_request *rq)
{
	static const char path[] = "/long-request?duration=";

	((struct sleeper *)troupe_self(a))->requests++;
	if (strncmp(rq->path, path, strlen(path)) != 0)
		return troupe_respond(call, 404, NULL, 0, "Not Found", strlen("Not Found"));
	return answer_after(call, strtol(rq->path + strlen(path), NULL, 10), finish_request);
}

const struct troupe_kind sleep_raw_http_kind = {
	SLEEPER("sleepWithRawHttp", IDLE_MS),
	COUNTED,
	.request = raw_request,
	.actions = simple_actions,
};

/* ------------------------------------------------------------------ plain WebSockets */

static int say_connected(struct troupe_actor *a, struct troupe_peer *p, const char *path)
{
	struct sleeper *self = troupe_self(a);

	(void)path;
	self->sockets++;
	socket_say(p, json_pack("{s:s,s:I}", "type", "connected", "connectionCount", (json_int_t)self->sockets));
	return 0;
}

static bool is(const void *data, size_t size, const char *text)
{
	return size == strlen(text) && memcmp(data, text, size) == 0;
}

static void count_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)p;
	((struct sleeper *)troupe_self(a))->sockets--;
}

static void answer_message(struct troupe_actor *a, struct troupe_peer *p, const void *data, size_t size, bool text)
{
	struct sleeper *self = troupe_self(a);

	(void)text;
	if (is(data, size, "{\"type\":\"getCounts\"}"))
		socket_say(p, json_pack("{s:s,s:I,s:I,s:I}", "type", "counts", "startCount", (json_int_t)self->starts,
			"sleepCount", (json_int_t)self->sleeps, "connectionCount", (json_int_t)self->sockets));
	else if (is(data, size, "{\"type\":\"keepAlive\"}"))
		socket_say(p, json_pack("{s:s}", "type", "ack"));
}

const struct troupe_kind sleep_raw_socket_kind = {
	SLEEPER("sleepWithRawWebSocket", IDLE_MS),
	COUNTED,
	.socket  = say_connected,
	.message = answer_message,
	.leave   = count_leave,
	.actions = simple_actions,
};

/* ---- sleepRawWsSendOnSleep, sleepRawWsDelayedSendOnSleep: sleep tells every socket; so they must be there still */

static void tell_sockets(struct troupe_actor *a)
{
	struct sleeper *self = troupe_self(a);

	count_sleep(a);
	for (struct troupe_peer *p = NULL; (p = troupe_socket_next(a, p)); )
		socket_say(p, json_pack("{s:s,s:I}", "type", "sleeping", "sleepCount", (json_int_t)self->sleeps));
}

const struct troupe_kind sleep_socket_told_kind = {
	SLEEPER("sleepRawWsSendOnSleep", IDLE_MS),
	.keep_sockets = true,
	.wake         = count_start,
	.sleep        = tell_sockets,
	.socket       = say_connected,
	.actions      = simple_actions,
};

static int trigger_sleep_later(struct troupe_actor *a, struct troupe_call *call)
{
	(void)call;
	after(a, 100, fall_asleep, NULL);
	return 0;
}

const struct troupe_kind sleep_socket_told_late_kind = {
	SLEEPER("sleepRawWsDelayedSendOnSleep", IDLE_MS),
	.keep_sockets = true,
	.wake         = count_start,
	.sleep        = tell_sockets,
	.socket       = say_connected,
	.actions      = (const struct troupe_action[]){
		{ .name = "triggerSleep", .run = trigger_sleep_later },
		{ .name = "getCounts",    .run = get_counts },
		{ 0 }
	},
};

/* ---- handlers that take their time keep it awake */

static void slow_message(struct troupe_actor *a, struct troupe_peer *p, const void *data, size_t size, bool text)
{
	struct sleeper *self = troupe_self(a);

	(void)text;
	if (!is(data, size, "track-message"))
		return;
	self->message_started++;
	socket_say(p, json_pack("{s:s}", "type", "message-started"));
	after(a, HANDLER_MS, count, &self->message_finished);
}

static void slow_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	struct sleeper *self = troupe_self(a);

	if (troupe_peer_connected(p)) { /* an action's visitor has nothing to close */
		self->close_started++;
		after(a, HANDLER_MS, count, &self->close_finished);
	}
}

#define SLOW_MESSAGE_KIND(kind, called) \
	const struct troupe_kind kind = { \
		SLEEPER(called, BRIEF_IDLE_MS), \
		COUNTED, \
		.socket  = say_connected, \
		.message = slow_message, \
		.actions = simple_actions, \
	}
#define SLOW_CLOSE_KIND(kind, called) \
	const struct troupe_kind kind = { \
		SLEEPER(called, BRIEF_IDLE_MS), \
		COUNTED, \
		.socket  = say_connected, \
		.leave   = slow_leave, \
		.actions = simple_actions, \
	}

SLOW_MESSAGE_KIND(sleep_message_listener_kind, "sleepRawWsAddEventListenerMessage");
SLOW_MESSAGE_KIND(sleep_message_property_kind, "sleepRawWsOnMessage");
SLOW_CLOSE_KIND(sleep_close_listener_kind, "sleepRawWsAddEventListenerClose");
SLOW_CLOSE_KIND(sleep_close_property_kind, "sleepRawWsOnClose");

/* ---- sleepRawWsVarsExceedsGrace: work that sleep does not wait for ends with it */

static void slow_work(struct troupe_actor *a, struct troupe_peer *p, const void *data, size_t size, bool text)
{
	struct sleeper *self = troupe_self(a);

	(void)text;
	if (!is(data, size, "slow-vars-work"))
		return;
	self->handler_started++;
	socket_say(p, json_pack("{s:s}", "type", "started"));
	after(a, SLOW_MS, count, &self->handler_finished);
}

const struct troupe_kind sleep_exceeds_grace_kind = {
	SLEEPER("sleepRawWsVarsExceedsGrace", BRIEF_IDLE_MS),
	COUNTED,
	.socket  = say_connected,
	.message = slow_work,
	.actions = simple_actions,
};

/* ------------------------------------------------------------------ sleepAbortListenerVarsActor: sleep finds wake's struct */

static int abort_wake(struct troupe_actor *a)
{
	list_push_text(a, &((struct sleeper *)troupe_self(a))->observed, "unset");
	return count_start(a);
}

/* The newest of the list becomes "object". */
static void abort_sleep(struct troupe_actor *a)
{
	struct sleeper *self = troupe_self(a);

	list_pop(a, &self->observed);
	list_push_text(a, &self->observed, "object");
	count_sleep(a);
}

static int abort_get(struct troupe_actor *a, struct troupe_call *call)
{
	struct sleeper *self = troupe_self(a);
	struct pack p;

	pack_begin(&p);
	msgpack_pack_map(&p.out, 3);
	pack_text(&p, "startCount");
	msgpack_pack_int64(&p.out, self->starts);
	pack_text(&p, "sleepCount");
	msgpack_pack_int64(&p.out, self->sleeps);
	pack_text(&p, "abortVarsSeenPerWake");
	pack_list(&p, self->observed);
	return pack_reply(&p, call);
}

const struct troupe_kind sleep_abort_kind = {
	SLEEPER("sleepAbortListenerVarsActor", IDLE_MS),
	.wake    = abort_wake,
	.sleep   = abort_sleep,
	.socket  = say_connected,
	.actions = (const struct troupe_action[]){
		{ .name = "triggerSleep", .run = trigger_sleep },
		{ .name = "getStatus",    .run = abort_get },
		{ 0 }
	},
};
