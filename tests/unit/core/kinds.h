/* SPDX-License-Identifier: Apache-2.0 */
/* A kind whose actions do one thing each, for tests of the core. */
#ifndef TR_TESTS_UNIT_CORE_KINDS_H
#define TR_TESTS_UNIT_CORE_KINDS_H

#include <string.h>

#include "runtime/core/actor.h"
#include "runtime/troupe.h"

struct probe {
	int64_t count;
	const char *note;
	struct troupe_call *kept[4];
	int kept_count;
	struct troupe_timer *timer;
};
struct probe_peer { int64_t calls; };
static const struct troupe_record probe_state = { .name = "probe", .size = sizeof(struct probe), .count = 2,
	.fields = (const struct troupe_field[]){ TROUPE_FIELD(probe, count, "count"), TROUPE_OPTION(probe, note, "note") } };

/* What the hooks did, oldest first: "create;wake;join;..." */
static char probe_life[1024];

static inline void probe_did(const char *what)
{
	strncat(probe_life, what, sizeof probe_life - strlen(probe_life) - 1);
	strncat(probe_life, ";", sizeof probe_life - strlen(probe_life) - 1);
}

struct probe_text { const char *text; };
static const struct troupe_record probe_text = { .name = "text", .size = sizeof(struct probe_text), .count = 1,
	.fields = (const struct troupe_field[]){ TROUPE_FIELD(probe_text, text, "text") } };

static int probe_add(struct troupe_actor *a, struct troupe_call *c)
{
	struct probe *p = troupe_self(a);

	return troupe_reply_int(c, ++p->count);
}

static int probe_note(struct troupe_actor *a, struct troupe_call *c)
{
	struct probe *p = troupe_self(a);
	const struct probe_text *in = troupe_args(c);

	troupe_set_text(a, &p->note, in->text);
	return 0;
}

static int probe_read(struct troupe_actor *a, struct troupe_call *c)
{
	const struct probe *p = troupe_self(a);

	return troupe_reply(c, &probe_state, p);
}

static int probe_say(struct troupe_actor *a, struct troupe_call *c)
{
	const struct probe_text *in = troupe_args(c);
	int64_t seq = troupe_publish(a, "said", &probe_text, in);

	return troupe_reply_int(c, seq);
}

static int probe_whisper(struct troupe_actor *a, struct troupe_call *c)
{
	troupe_broadcast(a, "whispered", &probe_text, troupe_args(c));
	return 0;
}

static int probe_other(struct troupe_actor *a, struct troupe_call *c)
{
	troupe_publish(a, "other", &probe_text, troupe_args(c));
	return 0;
}

/* Changes everything, then fails. */
static int probe_spoil(struct troupe_actor *a, struct troupe_call *c)
{
	struct probe *p = troupe_self(a);

	p->count += 1000;
	troupe_set_text(a, &p->note, "spoilt");
	troupe_publish(a, "said", &probe_text, &(struct probe_text){ "never" });
	troupe_broadcast(a, "whispered", &probe_text, &(struct probe_text){ "never" });
	troupe_reply_int(c, 1);
	tr_actor_hold(a);
	return TROUPE_EFORBIDDEN;
}

static int probe_keep(struct troupe_actor *a, struct troupe_call *c)
{
	struct probe *p = troupe_self(a);

	p->kept[p->kept_count++] = c;
	return TROUPE_LATER;
}

static int probe_let_go(struct troupe_actor *a, struct troupe_call *c)
{
	struct probe *p = troupe_self(a);

	troupe_reply_int(p->kept[--p->kept_count], 42);
	return troupe_reply_int(c, p->kept_count);
}

/* Answers a kept call, then fails: the other call must not be lost. */
static int probe_let_go_badly(struct troupe_actor *a, struct troupe_call *c)
{
	struct probe *p = troupe_self(a);

	(void)c;
	troupe_reply_int(p->kept[--p->kept_count], 42);
	return TROUPE_EFORBIDDEN;
}

static int probe_end(struct troupe_actor *a, struct troupe_call *c)
{
	troupe_destroy(a);
	return troupe_reply_int(c, 1);
}

static int probe_hold(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	tr_actor_hold(a);
	return 0;
}

static int probe_release(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	tr_actor_release(a);
	return 0;
}

static int probe_doze(struct troupe_actor *a, struct troupe_call *c)
{
	troupe_sleep(a);
	return troupe_reply_int(c, ((struct probe *)troupe_self(a))->count);
}

static int probe_greet(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	troupe_publish(a, "said", &probe_text, &(struct probe_text){ "hello" });
	return 0;
}

/* The same, with nothing to say. */
static int probe_slumber(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	troupe_sleep(a);
	return 0;
}

static int probe_doze_badly(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	troupe_sleep(a);
	return TROUPE_EFORBIDDEN;
}

static int probe_events(struct troupe_actor *a, struct troupe_call *c)
{
	(void)a;
	return troupe_reply_events(c, 0, 100);
}

static int probe_kick(struct troupe_actor *a, struct troupe_call *c)
{
	(void)a;
	troupe_disconnect(troupe_caller(c), "enough");
	return 0;
}

static int probe_big(struct troupe_actor *a, struct troupe_call *c)
{
	static char text[2 * 1024 * 1024];

	memset(text, 'x', sizeof text - 1);
	troupe_publish(a, "said", &probe_text, &(struct probe_text){ text });
	return troupe_reply(c, &probe_text, &(struct probe_text){ text });
}

/* How often this connection, or this visitor, has called it. */
static int probe_mine(struct troupe_actor *a, struct troupe_call *c)
{
	struct probe_peer *mine = troupe_peer_self(troupe_caller(c));

	(void)a;
	mine->calls += troupe_peer_connected(troupe_caller(c)) ? 1 : 100;
	return troupe_reply_int(c, mine->calls);
}

static void probe_tick(struct troupe_actor *a, void *arg)
{
	struct probe *p = troupe_self(a);

	p->count++;
	troupe_publish(a, "said", &probe_text, &(struct probe_text){ arg });
	p->timer = troupe_timer_free(p->timer);
}

static int probe_alarm(struct troupe_actor *a, struct troupe_call *c)
{
	struct probe *p = troupe_self(a);

	(void)c;
	p->timer = troupe_timer_new(a, probe_tick, (void *)(uintptr_t)"tick");
	troupe_timer_set(p->timer, 100000);
	return 0;
}

static int probe_subscribe(struct troupe_actor *a, struct troupe_peer *p, const char *name)
{
	(void)p;
	return strcmp(name, "secret") == 0 ? troupe_refuse(a, TROUPE_EFORBIDDEN, "not for you") : 0;
}

static int probe_created(struct troupe_actor *a)
{
	probe_did("create");
	return troupe_key(a, 0) && strcmp(troupe_key(a, 0), "stillborn") == 0
		? troupe_refuse(a, TROUPE_EINVAL, "not this one") : 0;
}

static int probe_woke(struct troupe_actor *a)
{
	(void)a;
	probe_did("wake");
	return 0;
}

static void probe_slept(struct troupe_actor *a)
{
	(void)a;
	probe_did("sleep");
}

static void probe_destroyed(struct troupe_actor *a)
{
	(void)a;
	probe_did("destroy");
}

static int probe_admit(struct troupe_actor *a, struct troupe_peer *p)
{
	const char *who = troupe_peer_param(p, "who");

	if (who && strcmp(who, "friend") == 0)
		return troupe_refuse_as(a, "door", "later", "come back at nine", (struct troupe_value){ "\x09", 1 });
	return who && strcmp(who, "stranger") == 0 ? troupe_refuse(a, TROUPE_EFORBIDDEN, "no strangers") : 0;
}

static int probe_join(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)a;
	(void)p;
	probe_did("join");
	return 0;
}

static void probe_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	(void)a;
	(void)p;
	probe_did("leave");
}

static const struct troupe_action probe_actions[] = {
	{ .name = "add", .run = probe_add },
	{ .name = "note", .run = probe_note, .takes = &probe_text },
	{ .name = "read", .run = probe_read, .reads = true },
	{ .name = "say", .run = probe_say, .takes = &probe_text },
	{ .name = "whisper", .run = probe_whisper, .takes = &probe_text },
	{ .name = "other", .run = probe_other, .takes = &probe_text },
	{ .name = "spoil", .run = probe_spoil },
	{ .name = "keep", .run = probe_keep },
	{ .name = "keepBriefly", .run = probe_keep, .timeout_ms = 500 },
	{ .name = "mine", .run = probe_mine },
	{ .name = "alarm", .run = probe_alarm },
	{ .name = "keepSlow", .run = probe_keep, .slow = true },
	{ .name = "letGo", .run = probe_let_go },
	{ .name = "letGoBadly", .run = probe_let_go_badly },
	{ .name = "end", .run = probe_end },
	{ .name = "hold", .run = probe_hold },
	{ .name = "release", .run = probe_release },
	{ .name = "doze", .run = probe_doze },
	{ .name = "dozeBadly", .run = probe_doze_badly },
	{ .name = "slumber", .run = probe_slumber },
	{ .name = "greet", .run = probe_greet },
	{ .name = "events", .run = probe_events },
	{ .name = "kick", .run = probe_kick },
	{ .name = "big", .run = probe_big },
	{ 0 }
};
static const struct troupe_kind probe_kind = {
	.name = "probe", .size = sizeof(struct probe), .peer_size = sizeof(struct probe_peer), .state = &probe_state,
	.create = probe_created, .wake = probe_woke, .sleep = probe_slept, .destroy = probe_destroyed,
	.admit = probe_admit, .join = probe_join, .leave = probe_leave, .subscribe = probe_subscribe, .actions = probe_actions,
};
static const struct troupe_kind *const probe_kinds[] = { &probe_kind, NULL };

#endif
