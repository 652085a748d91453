/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets an actor's messages. All of it is work done from the loop, a step at a time, each step a turn of the actor at most:
 * ends are told to those who wait, takes get what they asked for, queues with run are worked off. */
#include "proto/text.h"
#include "runtime/core/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"

void tr_queue_soon(struct troupe_actor *a)
{
	struct tr_queues *q = a->queues;

	if (!q->working)
		a->core->o.clock.ops->timer_set(q->timer, 0);
}

/* ------------------------------------------------------------------ bodies */

/* As write_mail wrote it. */
static void on_body(struct troupe_actor *a, void *arg, int rc, struct troupe_value value)
{
	struct tr_mail *mail = arg;
	struct troupe_value sent;

	mail->reading = false;
	mail->read = true;
	mail->rc = rc;
	if (rc == 0) {
		tr_bytes_put(&mail->stored, value.data, value.size);
		value = tr_bytes_value(&mail->stored);
		if (mail->stored.failed)
			mail->rc = TROUPE_ENOMEM;
		else if (!tr_value_element(value, 0, &sent) || !tr_value_integer(sent, &mail->m.sent_ms) ||
		         !tr_value_element(value, 1, &mail->m.body))
			mail->rc = TROUPE_ESTORE;
	}
	if (mail->rc < 0)
		tr_error("queue.read", "actor=%s number=%llu failed=%s", a->row.id, (unsigned long long)mail->m.number,
		         troupe_error_info(mail->rc)->name);
	tr_queue_soon(a);
}

static void read_body(struct tr_mail *mail)
{
	struct tr_bytes key = { 0 };

	mail->reading = true;
	tr_mail_key(&key, mail);
	tr_actor_get(mail->actor, NULL, (struct troupe_text){ (const char *)key.data, key.size }, on_body, mail);
	tr_bytes_free(&key);
}

static bool is_free(const struct tr_mail *mail)
{
	return mail->m.number <= mail->actor->queues->stored && !mail->lent && !mail->reading && !mail->take && !mail->fresh;
}

/* ------------------------------------------------------------------ who waits for a completion */

void tr_wait_end(struct tr_wait *w, int rc)
{
	struct tr_queues *q = w->actor->queues;

	w->actor->core->o.clock.ops->timer_set(w->timer, -1); /* it may be due now as well */
	w->rc = rc;
	w->mail->wait = NULL;
	w->mail = NULL;
	tr_list_remove(&w->link);
	tr_list_push(&q->ended, &w->link);
	tr_queue_soon(w->actor);
}

void tr_wait_free(struct tr_wait *w)
{
	if (w->mail)
		w->mail->wait = NULL;
	w->actor->core->o.clock.ops->timer_free(w->timer);
	w->actor->queues->wait_count--;
	tr_list_remove(&w->link);
	tr_bytes_free(&w->response);
	free(w);
}

static int done_turn(struct troupe_actor *a, void *arg)
{
	struct tr_wait *w = arg;

	return w->on_done(a, w->arg, w->rc, tr_bytes_value(&w->response)); /* empty, unless it ended well */
}

/* It is in no list while it is told: the turn may put everybody else to an end. */
static bool tell_end(struct troupe_actor *a)
{
	struct tr_list *first = tr_list_first(&a->queues->ended);
	struct tr_wait *w;

	if (!first)
		return false;
	w = tr_container(first, struct tr_wait, link);
	tr_list_remove(&w->link);
	tr_actor_turn(a, done_turn, w);
	tr_wait_free(w);
	return true;
}

void tr_queue_forget(struct troupe_actor *a, const void *arg)
{
	struct tr_list *lists[] = { &a->queues->waits, &a->queues->ended };

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		for (struct tr_list *at = lists[i]->next; at != lists[i]; at = at->next) {
			struct tr_wait *w = tr_container(at, struct tr_wait, link);

			if (w->arg != arg)
				continue;
			tr_wait_free(w);
			return;
		}
	}
}

/* ------------------------------------------------------------------ takes */

void tr_take_free(struct troupe_take *t)
{
	t->actor->core->o.clock.ops->timer_free(t->timer);
	t->actor->queues->take_count--;
	tr_list_remove(&t->link);
	free(t->queues);
	free(t->got);
	free(t);
}

static void take_end(struct troupe_take *t, int rc)
{
	t->over = true;
	t->rc = rc;
	tr_queue_soon(t->actor);
}

static void on_time(void *arg)
{
	take_end(arg, 0);
}

void troupe_take_cancel(struct troupe_take *t)
{
	take_end(t, TROUPE_EABORTED);
}

/* NULL: all without run. */
static int find_queues(struct troupe_actor *a, const char *const *names, const struct troupe_queue ***ret)
{
	size_t count = 0;

	while (names && names[count])
		count++;
	if (count == 0)
		return 0;
	*ret = tr_alloc((count + 1) * sizeof **ret);
	for (size_t i = 0; i < count; i++) {
		const struct troupe_queue *queue = tr_kind_queue(a->kind, tr_text_from(names[i]));

		if (!queue || queue->run) {
			free(*ret);
			return troupe_refuse(a, TROUPE_EINVAL, queue ? "the queue \"%s\" is worked off by its run"
			                                             : "there is no queue \"%s\"", names[i]);
		}
		(*ret)[i] = queue;
	}
	return 0;
}

static int may_take(const struct tr_queues *q)
{
	if (q->closing)
		return TROUPE_EABORTED;
	if (q->lent > 0)
		return TROUPE_EUNCOMPLETED;
	return q->take_count < TR_QUEUE_TAKES_MAX ? 0 : TROUPE_EOVERLOADED;
}

int troupe_queue_take(struct troupe_take **ret, struct troupe_actor *a, const struct troupe_take_options *o)
{
	const struct tr_clock *clock = &a->core->o.clock;
	const struct troupe_queue **queues = NULL;
	struct troupe_take *t;
	int rc;

	assert(a->core->turning == a);
	if (!a->queues)
		return troupe_refuse(a, TROUPE_EINVAL, "actors of the kind \"%s\" have no queues", a->kind->name);
	rc = may_take(a->queues);
	if (rc == 0)
		rc = find_queues(a, o->queues, &queues);
	if (rc < 0)
		return rc;
	t = tr_alloc(sizeof *t);
	t->actor = a;
	t->o = *o;
	t->o.count = o->count == 0 ? 1 : o->count < TR_QUEUE_TAKE_MAX ? o->count : TR_QUEUE_TAKE_MAX;
	t->queues = queues;
	t->fresh = true;
	t->timer = clock->ops->timer_new(clock->ctx, on_time, t);
	if (o->timeout_ms > 0)
		clock->ops->timer_set(t->timer, o->timeout_ms);
	tr_list_push(&a->queues->takes, &t->link);
	a->queues->take_count++;
	tr_queue_soon(a);
	if (ret)
		*ret = t;
	return 0;
}

static bool wants(const struct troupe_take *t, const struct tr_mail *mail)
{
	if (!is_free(mail) || mail->queue->run)
		return false;
	for (size_t i = 0; t->queues && t->queues[i]; i++) {
		if (t->queues[i] == mail->queue)
			return true;
	}
	return !t->queues;
}

static struct tr_mail *last_of(const struct troupe_take *t)
{
	return t->count > 0 ? t->got[t->count - 1] : NULL;
}

/* Reads one more message, if it wants one of those that are there. False: it has what it gets. */
static bool gather(struct troupe_take *t)
{
	struct tr_queues *q = t->actor->queues;
	struct tr_mail *last = last_of(t);

	if (t->count == t->o.count || t->bytes >= TR_QUEUE_TAKE_BYTES || (last && last->rc < 0))
		return false;
	for (struct tr_list *at = last ? last->link.next : q->mail.next; at != &q->mail; at = at->next) {
		struct tr_mail *mail = tr_container(at, struct tr_mail, link);

		if (!wants(t, mail))
			continue;
		if (!t->got)
			t->got = tr_alloc(t->o.count * sizeof *t->got);
		mail->take = t;
		t->got[t->count++] = mail;
		read_body(mail);
		return true;
	}
	return false;
}

static void give_back(struct troupe_take *t, size_t from)
{
	for (size_t i = from; i < t->count; i++)
		tr_mail_return(t->got[i]);
	t->count = from;
}

/* What is left of it when it was cancelled, when others must be completed first, or when its last message
 * could not be read. */
static void trim(struct troupe_take *t)
{
	const struct tr_mail *last = last_of(t);

	if ((t->over && t->rc < 0) || t->actor->queues->lent > 0) {
		give_back(t, 0);
	} else if (last && last->rc < 0) {
		t->rc = last->rc;
		give_back(t, t->count - 1);
	}
}

static int take_turn(struct troupe_actor *a, void *arg)
{
	struct troupe_take *t = arg;
	const struct troupe_message **m = tr_pool_alloc(&a->core->turn_pool, (t->count + 1) * sizeof *m);

	for (size_t i = 0; i < t->count; i++) {
		struct tr_mail *mail = t->got[i];

		mail->take = NULL;
		mail->lent = true;
		mail->taken = t->o.completable;
		a->queues->lent += mail->taken;
		mail->m.attempt++;
		if (!mail->taken)
			tr_mail_remove(mail);
		m[i] = &mail->m;
	}
	return t->o.on_messages(a, t->o.arg, t->count > 0 ? 0 : t->rc, m, t->count);
}

/* Its end. */
static void tell_take(struct troupe_take *t)
{
	tr_list_remove(&t->link);
	if (tr_actor_turn(t->actor, take_turn, t) < 0) {
		for (size_t i = 0; i < t->count; i++) {
			if (t->got[i]->lent)
				tr_mail_return(t->got[i]);
		}
	}
	tr_take_free(t);
}

enum progress { WAITS, READS, IS_READY };

static enum progress progress(struct troupe_take *t)
{
	const struct tr_queues *q = t->actor->queues;
	const struct tr_mail *last = last_of(t);

	if (last && last->reading)
		return WAITS;
	if (t->over)
		return IS_READY;
	if (q->lent > 0) /* also when it has read already: somebody before it was faster */
		return t->o.timeout_ms == 0 ? IS_READY : WAITS;
	if (last)
		t->bytes += last->stored.size;
	if (gather(t))
		return READS;
	return t->count > 0 || t->o.timeout_ms == 0 ? IS_READY : WAITS;
}

/* The first take that can get on. Those behind one that waits are not kept from what only they want. */
static bool step_takes(struct troupe_actor *a)
{
	struct tr_queues *q = a->queues;

	for (struct tr_list *at = q->takes.next; at != &q->takes; at = at->next) {
		struct troupe_take *t = tr_container(at, struct troupe_take, link);
		enum progress p = progress(t);

		if (p == WAITS)
			continue;
		if (p == IS_READY) {
			trim(t);
			tell_take(t);
		}
		return true;
	}
	return false;
}

/* ------------------------------------------------------------------ queues with run */

static int run_turn(struct troupe_actor *a, void *arg)
{
	struct tr_mail *mail = arg;
	int rc;

	mail->lent = true;
	mail->m.attempt++;
	rc = mail->queue->run(a, &mail->m);
	if (rc == 0 && !mail->gone && mail->lent)
		tr_mail_remove(mail);
	return rc;
}

static void put_off(struct tr_mail *mail)
{
	const struct tr_clock *clock = &mail->actor->core->o.clock;
	int64_t pause_ms = TR_QUEUE_RETRY_MS;

	for (unsigned i = 1; i < mail->m.attempt && pause_ms < TR_QUEUE_RETRY_MAX_MS; i++)
		pause_ms *= 2;
	if (pause_ms > TR_QUEUE_RETRY_MAX_MS)
		pause_ms = TR_QUEUE_RETRY_MAX_MS;
	mail->not_before_ms = clock->ops->mono_ms(clock->ctx) + pause_ms;
	tr_mail_return(mail);
}

static void run_one(struct troupe_actor *a, struct tr_mail *mail)
{
	int rc = mail->rc;

	tr_fault_clear(&a->refusal);
	if (rc == 0)
		rc = tr_actor_turn(a, run_turn, mail);
	if (rc >= 0)
		return; /* it may be gone */
	tr_warn("queue.failed", "actor=%s queue=%s number=%llu attempt=%u failed=%s", a->row.id, mail->queue->name,
	        (unsigned long long)mail->m.number, mail->m.attempt, troupe_error_info(rc)->name);
	put_off(mail);
}

/* The oldest message of each queue with run is looked at; one is read, or run. soonest_ms: when one that failed is to be
 * tried again, if there is one. */
static bool step_runs(struct troupe_actor *a, int64_t *soonest_ms)
{
	const struct tr_clock *clock = &a->core->o.clock;
	struct tr_queues *q = a->queues;
	int64_t now = clock->ops->mono_ms(clock->ctx);

	q->pass++;
	for (struct tr_list *at = q->mail.next; q->run_count > 0 && at != &q->mail; at = at->next) {
		struct tr_mail *mail = tr_container(at, struct tr_mail, link);
		uint32_t *seen = &q->seen[mail->queue - a->kind->queues];

		if (!mail->queue->run || *seen == q->pass)
			continue;
		*seen = q->pass;
		if (!is_free(mail))
			continue;
		if (mail->not_before_ms > now) {
			if (mail->not_before_ms < *soonest_ms)
				*soonest_ms = mail->not_before_ms;
		} else if (mail->read) {
			run_one(a, mail);
			return true;
		} else {
			read_body(mail);
			return true;
		}
	}
	return false;
}

/* ------------------------------------------------------------------ work */

void tr_queue_work(void *arg)
{
	struct troupe_actor *a = arg;
	const struct tr_clock *clock = &a->core->o.clock;
	struct tr_queues *q = a->queues;
	int64_t soonest_ms = INT64_MAX, now_ms;
	unsigned steps = 0;

	q->working = true;
	while (a->life == TR_AWAKE && !q->closing && steps < TR_QUEUE_WORK_MAX &&
	       (tell_end(a) || step_takes(a) || step_runs(a, &soonest_ms)))
		steps++;
	q->working = false;
	now_ms = clock->ops->mono_ms(clock->ctx);
	if (steps == TR_QUEUE_WORK_MAX)
		tr_queue_soon(a);
	else if (soonest_ms < INT64_MAX)
		clock->ops->timer_set(q->timer, soonest_ms > now_ms ? soonest_ms - now_ms : 0);
	tr_actor_touch(a);
}

void tr_queue_close(struct troupe_actor *a, bool destroy)
{
	struct tr_queues *q = a->queues;

	if (!q)
		return;
	q->closing = true;
	while (!tr_list_empty(&q->takes)) {
		struct troupe_take *t = tr_container(q->takes.next, struct troupe_take, link);

		give_back(t, 0);
		t->rc = TROUPE_EABORTED;
		tell_take(t);
	}
	while (!tr_list_empty(&q->waits))
		tr_wait_end(tr_container(q->waits.next, struct tr_wait, link), destroy ? TROUPE_EABORTED : TROUPE_EDRAINING);
	while (tell_end(a))
		;
}

void troupe_message_release(struct troupe_actor *a, const struct troupe_message *m)
{
	struct tr_mail *mail = (struct tr_mail *)(uintptr_t)m;

	assert(mail->actor == a && mail->lent && !mail->gone);
	if (mail->queue->run)
		put_off(mail);
	else
		tr_mail_return(mail);
}
