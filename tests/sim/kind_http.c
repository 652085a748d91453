/* SPDX-License-Identifier: Apache-2.0 */
/* Plain HTTP to an actor under test: an answer in one piece, and one in five. */
#include "tests/sim/kind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/value.h"

static void write_piece(struct troupe_actor *a, struct subject *s)
{
	char piece[32];

	int rc;

	snprintf(piece, sizeof piece, "%" PRId64 "\n", subject_tells(a, HOOK, 0));
	rc = troupe_respond_write(s->stream, piece, strlen(piece));
	if (rc == TROUPE_EBACKLOG)
		return; /* the next is written when there is room */
	sim_expect(rc == 0 || rc == TROUPE_EGONE, "a piece is not taken: %d", rc);
	if (++s->pieces < 5)
		return;
	troupe_respond_end(s->stream);
	s->stream = NULL;
}

static void stream_more(struct troupe_actor *a, void *arg)
{
	struct subject *s = troupe_self(a);

	(void)arg;
	if (s->stream)
		write_piece(a, s);
	if (s->stream)
		troupe_timer_set(s->timer, 40);
	else
		s->timer = troupe_timer_free(s->timer);
}

void subject_streams(struct troupe_actor *a, struct troupe_call *c, bool open)
{
	struct subject *s = troupe_self(a);

	if (c != s->stream)
		return;
	if (open) {
		write_piece(a, s);
		return;
	}
	troupe_respond_end(c);
	s->stream = NULL;
}

int subject_requested(struct troupe_actor *a, struct troupe_call *c, const struct troupe_request *rq)
{
	struct subject *s = troupe_self(a);
	uint64_t op = strtoull(rq->path + strcspn(rq->path, "0123456789"), NULL, 10);
	char body[32];
	int rc;

	if (strncmp(rq->path, "/say/", 5) == 0) {
		snprintf(body, sizeof body, "%" PRId64, subject_tells(a, SAID, (int64_t)op));
		return troupe_respond(c, 200, NULL, 0, body, strlen(body));
	}
	if (s->stream || s->timer)
		return TROUPE_EOVERLOADED;
	rc = troupe_respond_begin(c, 200, NULL, 0);
	if (rc < 0)
		return rc;
	s->stream = c;
	s->pieces = 0;
	write_piece(a, s);
	s->timer = troupe_timer_new(a, stream_more, NULL);
	troupe_timer_set(s->timer, 40);
	return TROUPE_LATER;
}
