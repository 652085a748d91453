/* SPDX-License-Identifier: Apache-2.0 */
/* The actors under test: one session each, and all that it tells goes into the log. */
#include "tests/sim/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/actor.h"

struct house { struct troupe_session *session; };

struct asked { int64_t n; char *reply; };
static const struct troupe_record asked = TROUPE_RECORD(asked,
	TROUPE_FIELD(asked, n, "n"),
	TROUPE_FIELD(asked, reply, "reply"));

static void on_event(struct troupe_actor *a, struct troupe_session *s, struct troupe_value event)
{
	(void)s;
	troupe_publish_value(a, "session.event", event);
}

static void on_change(struct troupe_actor *a, struct troupe_session *s, const char *name,
                      struct troupe_value value)
{
	(void)s;
	troupe_publish_value(a, name, value);
}

static void on_end(struct troupe_actor *a, struct troupe_session *s, int error)
{
	(void)s;
	sim_fail("the session of %s is over: %d", troupe_id(a), error);
}

static int woke(struct troupe_actor *a)
{
	struct house *h = troupe_self(a);

	sim_note("  %s wakes", troupe_id(a));
	oracle_lives_count++;
	return troupe_session_open(&h->session, a, &(struct troupe_session_options){
		.id = "default", .hooks = { .on_event = on_event, .on_change = on_change,
		                           .on_end = on_end } });
}

static void slept(struct troupe_actor *a)
{
	struct house *h = troupe_self(a);

	sim_note("  %s sleeps", troupe_id(a));
	h->session = troupe_session_close(h->session);
}

/* ------------------------------------------------------------------ what people ask for */

static int prompt(struct troupe_actor *a, struct troupe_call *c)
{
	const struct asked *q = troupe_args(c);
	char id[24], text[32];

	snprintf(id, sizeof id, "p%u", (unsigned)q->n);
	snprintf(text, sizeof text, "run p%u.", (unsigned)q->n);
	return troupe_session_prompt(((struct house *)troupe_self(a))->session, c,
	                             &(struct troupe_prompt){ .prompt_id = id, .user_id = "ann",
	                                                     .text = text });
}

/* n 0: whatever runs. */
static int stop(struct troupe_actor *a, struct troupe_call *c)
{
	const struct asked *q = troupe_args(c);
	char id[24];

	snprintf(id, sizeof id, "p%u", (unsigned)q->n);
	return troupe_session_cancel(((struct house *)troupe_self(a))->session, c, q->n ? id : NULL, "bob");
}

static int respond(struct troupe_actor *a, struct troupe_call *c)
{
	const struct asked *q = troupe_args(c);

	return troupe_session_respond(((struct house *)troupe_self(a))->session, c, permissions[q->n].id,
	                              q->reply, "cy");
}

static int restart(struct troupe_actor *a, struct troupe_call *c)
{
	return troupe_session_restart(((struct house *)troupe_self(a))->session, c, "dan");
}

static int look(struct troupe_actor *a, struct troupe_call *c)
{
	(void)a;
	return troupe_reply_value(c, (struct troupe_value){ 0 });
}

static int go_to_sleep(struct troupe_actor *a, struct troupe_call *c)
{
	troupe_sleep(a);
	return look(a, c);
}

static int destroy(struct troupe_actor *a, struct troupe_call *c)
{
	troupe_destroy(a);
	return look(a, c);
}

#define TAKES .takes = &asked
static const struct troupe_action actions[] = {
	{ .name = "prompt", .run = prompt, TAKES, .slow = true },
	{ .name = "stop", .run = stop, TAKES, .slow = true },
	{ .name = "respond", .run = respond, TAKES, .slow = true },
	{ .name = "restart", .run = restart, TAKES, .slow = true },
	{ .name = "look", .run = look, TAKES },
	{ .name = "sleep", .run = go_to_sleep, TAKES },
	{ .name = "destroy", .run = destroy, TAKES },
	{ 0 }
};

static const struct troupe_kind house = { .name = "house", .size = sizeof(struct house), .actions = actions,
	.wake = woke, .sleep = slept, .idle_ms = -1 };

const struct troupe_kind *const house_kinds[] = { &house, NULL };
