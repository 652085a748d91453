/* SPDX-License-Identifier: Apache-2.0 */
/* The queues of an actor under test: one is taken from by hand, two are worked off by themselves. */
#include "tests/sim/kind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/value.h"

/* ------------------------------------------------------------------ queues, as actions */

int subject_queue(struct troupe_actor *a, struct troupe_call *c)
{
	static const char *const names[] = { "jobs", "box", "jots" };
	const struct wish *w = troupe_args(c);
	int rc = troupe_queue_send(a, names[w->n % 3], troupe_int(a, w->op));

	return rc < 0 ? rc : troupe_reply_value(c, (struct troupe_value){ 0 });
}

static void forget_mail(struct subject *s, unsigned index)
{
	memmove(&s->mail[index], &s->mail[index + 1], (--s->mail_count - index) * sizeof *s->mail);
}

static int op_of(const struct troupe_message *m)
{
	int64_t op = 0;

	sim_expect(tr_value_integer(m->body, &op), "a message is no number");
	return (int)op;
}

static int on_messages(struct troupe_actor *a, void *arg, int rc, const struct troupe_message *const *m,
                       size_t count)
{
	struct subject *s = troupe_self(a);
	bool completable = arg != NULL;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (!completable)
			subject_tells(a, TOOK, op_of(m[i]));
	}
	if (!sim.settling && sim_once_in(5))
		return TROUPE_EFORBIDDEN; /* they wait again */
	for (size_t i = 0; rc == 0 && completable && i < count; i++)
		s->mail[s->mail_count++] = m[i];
	return 0;
}

int subject_take(struct troupe_actor *a, struct troupe_call *c)
{
	static char completable;
	const struct wish *w = troupe_args(c);
	int64_t times[] = { 0, 300, -1 };
	int rc = troupe_queue_take(NULL, a, &(struct troupe_take_options){
		.count = 1 + (unsigned)(w->n % 3), .timeout_ms = times[w->n % 7 % 3], .completable = w->n % 2,
		.on_messages = on_messages, .arg = w->n % 2 ? &completable : NULL });

	return rc < 0 ? rc : troupe_reply_value(c, (struct troupe_value){ 0 });
}

int subject_finish(struct troupe_actor *a, struct troupe_call *c)
{
	struct subject *s = troupe_self(a);
	const struct wish *w = troupe_args(c);

	while (s->mail_count > 0) {
		int64_t op = op_of(s->mail[0]);

		subject_tells(a, TOOK, op);
		troupe_message_complete(a, s->mail[0], troupe_int(a, op));
		forget_mail(s, 0);
	}
	return subject_replies(c, subject_tells(a, SAID, w->op));
}

int subject_give_back(struct troupe_actor *a, struct troupe_call *c)
{
	struct subject *s = troupe_self(a);
	const struct wish *w = troupe_args(c);

	while (s->mail_count > 0) {
		troupe_message_release(a, s->mail[0]);
		forget_mail(s, 0);
	}
	return subject_replies(c, subject_tells(a, SAID, w->op));
}

/* Whatever is kept here is let go, and whatever waits is taken. */
int subject_clear(struct troupe_actor *a, struct troupe_call *c)
{
	struct subject *s = troupe_self(a);

	while (subject_lets_go(a))
		;
	while (s->mail_count > 0) {
		troupe_message_release(a, s->mail[0]);
		forget_mail(s, 0);
	}
	troupe_queue_take(NULL, a, &(struct troupe_take_options){ .count = 100, .on_messages = on_messages });
	return subject_replies(c, subject_tells(a, SAID, ((const struct wish *)troupe_args(c))->op));
}

/* ------------------------------------------------------------------ queues that run */

static void job_done(struct troupe_actor *a, void *arg)
{
	struct subject *s = troupe_self(a);

	(void)arg;
	s->job_timer = troupe_timer_free(s->job_timer);
	if (!s->job)
		return;
	if (!sim.settling && sim_once_in(3)) {
		troupe_message_release(a, s->job);
	} else {
		int64_t op = op_of(s->job);

		subject_tells(a, RAN, op);
		troupe_message_complete(a, s->job, troupe_int(a, op));
	}
	s->job = NULL;
}

static int run(struct troupe_actor *a, const struct troupe_message *m)
{
	struct subject *s = troupe_self(a);
	uint64_t luck = sim.settling ? 0 : sim_below(8);

	if (luck == 1 && !s->job) {
		s->job = m;
		s->job_timer = troupe_timer_new(a, job_done, NULL);
		troupe_timer_set(s->job_timer, 50);
		return TROUPE_LATER;
	}
	subject_tells(a, RAN, op_of(m));
	if (luck == 2)
		return TROUPE_EFORBIDDEN; /* it is tried again */
	if (luck > 4)
		troupe_message_complete(a, m, m->body);
	return 0;
}

const struct troupe_queue sim_queues[] = { { .name = "jobs", .run = run }, { .name = "box" },
	{ .name = "jots", .run = run }, { 0 } };
