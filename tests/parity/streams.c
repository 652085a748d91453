/* SPDX-License-Identifier: Apache-2.0 */
/* Beyond the suite, for tests/e2e: answers in pieces. GET /events is a stream of server-sent events, which the action `say`
 * feeds; GET /numbers/N counts to N as fast as its reader reads. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

#define READERS_MAX 64

/* until 0: of events */
struct reader { struct troupe_call *call; int64_t next, until; };
struct streams { struct reader readers[READERS_MAX]; size_t count; };

struct said { const char *text; };
static const struct troupe_record said = TROUPE_RECORD(said,
	TROUPE_FIELD(said, text, "text"));

static struct reader *find(struct streams *self, const struct troupe_call *c)
{
	for (size_t i = 0; i < self->count; i++) {
		if (self->readers[i].call == c)
			return &self->readers[i];
	}
	abort();
}

static void end(struct streams *self, struct reader *r)
{
	troupe_respond_end(r->call);
	*r = self->readers[--self->count];
}

/* As many as there is room for; the rest when there is room again. */
static void count_on(struct streams *self, struct reader *r)
{
	char line[32];

	for (; r->next <= r->until; r->next++) {
		int size = snprintf(line, sizeof line, "%" PRId64 "\n", r->next);

		if (troupe_respond_write(r->call, line, (size_t)size) < 0)
			return;
	}
	end(self, r);
}

static int on_request(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq)
{
	struct streams *self = troupe_self(a);
	bool events = strcmp(rq->path, "/events") == 0;
	struct troupe_header headers[] = {
		{ "Content-Type", events ? "text/event-stream" : "text/plain" }, { "Cache-Control", "no-store" } };
	int64_t until = strncmp(rq->path, "/numbers/", 9) == 0 ? atoll(rq->path + 9) : 0;
	struct reader *r = &self->readers[self->count];
	int rc;

	if (!events && until < 1)
		return troupe_respond(c, 404, NULL, 0, NULL, 0);
	if (self->count == READERS_MAX)
		return troupe_fail(c, TROUPE_EOVERLOADED, NULL);
	rc = troupe_respond_begin(c, 200, headers, 2);
	if (rc < 0)
		return rc;
	*r = (struct reader){ .call = c, .next = 1, .until = until };
	self->count++;
	if (until > 0)
		count_on(self, r);
	else
		troupe_respond_write(c, ": welcome\n\n", 11);
	return TROUPE_LATER;
}

static void on_stream(struct troupe_actor *a, struct troupe_call *c, bool open)
{
	struct streams *self = troupe_self(a);
	struct reader *r = find(self, c);

	if (!open)
		end(self, r);
	else if (r->until > 0)
		count_on(self, r);
}

static int say(struct troupe_actor *a, struct troupe_call *c)
{
	struct streams *self = troupe_self(a);
	const struct said *in = troupe_args(c);
	char event[1024];
	int size = snprintf(event, sizeof event, "data: %.1000s\n\n", in->text);

	for (size_t i = 0; i < self->count; i++) {
		if (self->readers[i].until == 0)
			troupe_respond_write(self->readers[i].call, event, (size_t)size);
	}
	return troupe_reply_int(c, (int64_t)self->count);
}

static int hang_up(struct troupe_actor *a, struct troupe_call *c)
{
	struct streams *self = troupe_self(a);

	(void)c;
	while (self->count > 0)
		end(self, &self->readers[self->count - 1]);
	return 0;
}

static int break_off(struct troupe_actor *a, struct troupe_call *c)
{
	struct streams *self = troupe_self(a);

	(void)c;
	while (self->count > 0)
		troupe_fail(self->readers[--self->count].call, TROUPE_EINTERNAL, NULL);
	return 0;
}

static const struct troupe_action stream_actions[] = {
	{ .name = "say",      .run = say, .takes = &said, .positional = true },
	{ .name = "hangUp",   .run = hang_up },
	{ .name = "breakOff", .run = break_off },
	{ 0 }
};

const struct troupe_kind stream_kind = {
	.name    = "streamActor",
	.size    = sizeof(struct streams),
	.request = on_request,
	.stream  = on_stream,
	.actions = stream_actions,
};
