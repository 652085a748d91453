/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and connections that fail: the suite's error-handling.ts, conn-error-serialization.ts and lifecycle-hooks.ts. */
#include <stdio.h>

#include "kit.h"

/* ------------------------------------------------------------------ errorHandlingActor */

struct journal { struct troupe_value log; };
static const struct troupe_record journal = TROUPE_RECORD(journal,
	TROUPE_OPTION(journal, log, "errorLog"));

static int throw_simple(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return troupe_fail_user(call, "user_error", "Simple error message", (struct troupe_value){ 0 });
}

static int throw_detailed(struct troupe_actor *a, struct troupe_call *call)
{
	struct pack p;
	int rc;

	pack_begin(&p);
	msgpack_pack_map(&p.out, 2);
	pack_text(&p, "reason");
	pack_text(&p, "test");
	pack_text(&p, "timestamp");
	msgpack_pack_int64(&p.out, troupe_now_ms(a));
	rc = troupe_fail_user(call, "detailed_error", "Detailed error message", pack_value(&p));
	pack_end(&p);
	return rc;
}

static int throw_internal(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	(void)call;
	return TROUPE_EINTERNAL;
}

static int successful(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text(call, "success");
}

static int time_out(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text_after(call, 10000, "This should not be reached if timeout works");
}

struct delay { int64_t ms; };
static const struct troupe_record delay = TROUPE_RECORD(delay,
	TROUPE_FIELD(delay, ms, "delayMs"));

static void delayed_finish(struct troupe_actor *a, struct troupe_call *call)
{
	const struct delay *in = troupe_args(call);
	char text[64];

	(void)a;
	snprintf(text, sizeof text, "Completed after %lldms", (long long)in->ms);
	reply_text(call, text);
}

static int delayed(struct troupe_actor *a, struct troupe_call *call)
{
	const struct delay *in = troupe_args(call);

	(void)a;
	return answer_after(call, in->ms, delayed_finish);
}

struct line { const char *text; };
static const struct troupe_record line = TROUPE_RECORD(line,
	TROUPE_FIELD(line, text, "error"));

static int get_log(struct troupe_actor *a, struct troupe_call *call)
{
	return reply_list(call, ((struct journal *)troupe_self(a))->log);
}

static int log_error(struct troupe_actor *a, struct troupe_call *call)
{
	const struct line *in = troupe_args(call);

	list_push_text(a, &((struct journal *)troupe_self(a))->log, in->text);
	return get_log(a, call);
}

static int clear_log(struct troupe_actor *a, struct troupe_call *call)
{
	struct pack p;

	troupe_set_value(a, &((struct journal *)troupe_self(a))->log, (struct troupe_value){ 0 });
	pack_begin(&p);
	msgpack_pack_true(&p.out);
	return pack_reply(&p, call);
}

#define LIMIT_MS 500
static const struct troupe_action error_handling_actions[] = {
	{ .name = "throwSimpleError",   .run = throw_simple,   .timeout_ms = LIMIT_MS },
	{ .name = "throwDetailedError", .run = throw_detailed, .timeout_ms = LIMIT_MS },
	{ .name = "throwInternalError", .run = throw_internal, .timeout_ms = LIMIT_MS },
	{ .name = "successfulAction",   .run = successful,     .timeout_ms = LIMIT_MS },
	{ .name = "timeoutAction",      .run = time_out,       .timeout_ms = LIMIT_MS },
	{ .name = "delayedAction",      .run = delayed,        .timeout_ms = LIMIT_MS, .takes = &delay, .positional = true },
	{ .name = "logError",           .run = log_error,      .timeout_ms = LIMIT_MS, .takes = &line,  .positional = true },
	{ .name = "getErrorLog",        .run = get_log,        .timeout_ms = LIMIT_MS },
	{ .name = "clearErrorLog",      .run = clear_log,      .timeout_ms = LIMIT_MS },
	{ 0 }
};

const struct troupe_kind error_handling_kind = {
	.name    = "errorHandlingActor",
	.size    = sizeof(struct journal),
	.state   = &journal,
	.sleep   = forget_answers,
	.destroy = forget_answers,
	.actions = error_handling_actions,
};

/* ------------------------------------------------------------------ customTimeoutActor */

static int custom_quick(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text_after(call, 50, "Quick action completed");
}

static int custom_slow(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text_after(call, 300, "Slow action completed");
}

const struct troupe_kind custom_timeout_kind = {
	.name    = "customTimeoutActor",
	.sleep   = forget_answers,
	.destroy = forget_answers,
	.actions = (const struct troupe_action[]){
		{ .name = "quickAction", .run = custom_quick, .timeout_ms = 200 },
		{ .name = "slowAction",  .run = custom_slow,  .timeout_ms = 200 },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ connErrorSerializationActor */

struct conn_error_params { bool fail; };
static const struct troupe_record conn_error_params = TROUPE_RECORD(conn_error_params,
	TROUPE_OPTION(conn_error_params, fail, "shouldThrow"));

static int conn_error_admit(struct troupe_actor *a, struct troupe_peer *p)
{
	struct conn_error_params params;

	read_params(a, p, &conn_error_params, &params);
	if (!params.fail)
		return 0;
	return troupe_refuse_as(a, "connection", "custom_error", "Test error from createConnState", (struct troupe_value){ 0 });
}

static int conn_error_get_value(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return troupe_reply_int(call, 0);
}

const struct troupe_kind conn_error_kind = {
	.name    = "connErrorSerializationActor",
	.admit   = conn_error_admit,
	.actions = (const struct troupe_action[]){
		{ .name = "getValue", .run = conn_error_get_value },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ beforeConnectRejectActor, beforeConnectGenericErrorActor */

struct door { bool reject, fail; };
static const struct troupe_record door = TROUPE_RECORD(door,
	TROUPE_OPTION(door, reject, "shouldReject"),
	TROUPE_OPTION(door, fail, "shouldFail"));

static int door_admit(struct troupe_actor *a, struct troupe_peer *p)
{
	struct door in;

	read_params(a, p, &door, &in);
	if (in.reject)
		return troupe_refuse(a, TROUPE_EUSER, "Connection rejected by policy");
	return in.fail ? TROUPE_EINTERNAL : 0;
}

static int door_ping(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text(call, "pong");
}

static const struct troupe_action door_actions[] = { { .name = "ping", .run = door_ping }, { 0 } };

const struct troupe_kind before_connect_reject_kind = {
	.name    = "beforeConnectRejectActor",
	.admit   = door_admit,
	.actions = door_actions,
};

const struct troupe_kind before_connect_generic_kind = {
	.name    = "beforeConnectGenericErrorActor",
	.admit   = door_admit,
	.actions = door_actions,
};
