/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that outlive their actor's sleep: the suite's hibernation.ts and file-system-hibernation-cleanup.ts. */
#include <stdlib.h>
#include <string.h>

#include "kit.h"

struct counts { int64_t sleep_count, wake_count; struct troupe_value left_at; };
static const struct troupe_record counts = TROUPE_RECORD(counts,
	TROUPE_FIELD(counts, sleep_count, "sleepCount"),
	TROUPE_FIELD(counts, wake_count, "wakeCount"),
	TROUPE_OPTION(counts, left_at, "disconnectWakeCounts"));

struct guest { int64_t count, connect_count, disconnect_count; };
static const struct troupe_record guest = TROUPE_RECORD(guest,
	TROUPE_FIELD(guest, count, "count"),
	TROUPE_FIELD(guest, connect_count, "connectCount"),
	TROUPE_FIELD(guest, disconnect_count, "disconnectCount"));

static int count_wake(struct troupe_actor *a)
{
	((struct counts *)troupe_self(a))->wake_count++;
	return 0;
}

static void count_sleep(struct troupe_actor *a)
{
	((struct counts *)troupe_self(a))->sleep_count++;
}

static int trigger_sleep(struct troupe_actor *a, struct troupe_call *call)
{
	(void)call;
	troupe_sleep(a);
	return 0;
}

static int ping(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text(call, "pong");
}

static int get_counts(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply(call, &counts, troupe_self(a));
}

/* ------------------------------------------------------------------ hibernationActor */

static int guest_join(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)a;
	((struct guest *)troupe_peer_self(p))->connect_count++;
	return 0;
}

static void guest_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)a;
	((struct guest *)troupe_peer_self(p))->disconnect_count++;
}

static struct guest *caller(struct troupe_call *call)
{
	return troupe_peer_self(troupe_caller(call));
}

static int conn_increment(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return troupe_reply_int(call, ++caller(call)->count);
}

static int get_conn_count(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return troupe_reply_int(call, caller(call)->count);
}

static int get_lifecycle(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return troupe_reply(call, &guest, caller(call));
}

static int get_connection_ids(struct troupe_actor *a, struct troupe_call *call)
{
	struct pack p;

	pack_begin(&p);
	msgpack_pack_array(&p.out, troupe_peer_count(a));
	for (struct troupe_peer *at = NULL; (at = troupe_peer_next(a, at)); )
		pack_text(&p, troupe_peer_id(at));
	return pack_reply(&p, call);
}

const struct troupe_kind hibernation_kind = {
	.name      = "hibernationActor",
	.size      = sizeof(struct counts),
	.state     = &counts,
	.peer_size = sizeof(struct guest),
	.idle_ms   = 500,
	.hibernate = true,
	.wake      = count_wake,
	.sleep     = count_sleep,
	.join      = guest_join,
	.leave     = guest_leave,
	.actions   = (const struct troupe_action[]){
		{ .name = "ping",                   .run = ping },
		{ .name = "connIncrement",          .run = conn_increment },
		{ .name = "getConnCount",           .run = get_conn_count },
		{ .name = "getConnLifecycleCounts", .run = get_lifecycle },
		{ .name = "getConnectionIds",       .run = get_connection_ids },
		{ .name = "getActorCounts",         .run = get_counts },
		{ .name = "triggerSleep",           .run = trigger_sleep },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ hibernationSleepWindowActor: says when it goes */

static void tell_and_sleep(struct troupe_actor *a)
{
	count_sleep(a);
	troupe_broadcast_value(a, "sleeping", (struct troupe_value){ "\xc0", 1 });
}

const struct troupe_kind hibernation_window_kind = {
	.name      = "hibernationSleepWindowActor",
	.size      = sizeof(struct counts),
	.state     = &counts,
	.idle_ms   = 500,
	.hibernate = true,
	.wake      = count_wake,
	.sleep     = tell_and_sleep,
	.actions   = (const struct troupe_action[]){
		{ .name = "getActorCounts", .run = get_counts },
		{ .name = "triggerSleep",   .run = trigger_sleep },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ fileSystemHibernationCleanupActor */

static void note_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	struct counts *self = troupe_self(a);

	(void)p;
	list_push(a, &self->left_at, troupe_int(a, self->wake_count));
}

static int get_left_at(struct troupe_actor *a, struct troupe_call *call)
{
	return reply_list(call, ((struct counts *)troupe_self(a))->left_at);
}

const struct troupe_kind hibernation_cleanup_kind = {
	.name      = "fileSystemHibernationCleanupActor",
	.size      = sizeof(struct counts),
	.state     = &counts,
	.idle_ms   = 500,
	.hibernate = true,
	.wake      = count_wake,
	.sleep     = count_sleep,
	.leave     = note_leave,
	.actions   = (const struct troupe_action[]){
		{ .name = "ping",                    .run = ping },
		{ .name = "triggerSleep",            .run = trigger_sleep },
		{ .name = "getCounts",               .run = get_counts },
		{ .name = "getDisconnectWakeCounts", .run = get_left_at },
		{ 0 }
	},
};
