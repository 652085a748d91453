/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in an actor's queues: how they come, wait and go. Who gets them is in queue_work.c. */
#include "proto/text.h"
#include "runtime/core/part.h"
#include "runtime/core/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/record.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"

#define NUMBER_AT  (sizeof TR_SPACE_QUEUE - 1)
#define NAME_AT    (NUMBER_AT + 8)

/* ------------------------------------------------------------------ one message */

void tr_mail_key(struct tr_bytes *key, const struct tr_mail *mail)
{
	tr_bytes_clear(key);
	tr_bytes_put_text(key, TR_SPACE_QUEUE);
	for (int shift = 56; shift >= 0; shift -= 8)
		tr_bytes_put_byte(key, (uint8_t)(mail->m.number >> shift));
	tr_bytes_put_text(key, mail->queue->name);
}

static struct tr_mail *mail_new(struct troupe_actor *a, const struct troupe_queue *queue, uint64_t number)
{
	struct tr_queues *q = a->queues;
	struct tr_mail *mail = tr_alloc(sizeof *mail);
	struct tr_list *at = q->mail.prev;

	mail->m.number = number;
	mail->m.queue = queue->name;
	mail->queue = queue;
	mail->actor = a;
	tr_list_init(&mail->touched);
	while (at != &q->mail && tr_container(at, struct tr_mail, link)->m.number > number)
		at = at->prev;
	tr_list_push(at->next, &mail->link);
	q->count++;
	q->run_count += queue->run != NULL;
	return mail;
}

static void mail_free(struct tr_mail *mail)
{
	tr_list_remove(&mail->link);
	tr_list_remove(&mail->touched);
	tr_bytes_free(&mail->stored);
	tr_bytes_free(&mail->response);
	free(mail);
}

static void touch(struct tr_mail *mail)
{
	if (tr_list_empty(&mail->touched))
		tr_list_push(&mail->actor->queues->touched, &mail->touched);
}

/* What is counted of a message that waits. */
static void count(struct tr_mail *mail, bool waits)
{
	struct tr_queues *q = mail->actor->queues;
	size_t change = waits ? 1 : (size_t)-1;

	q->count += change;
	if (mail->queue->run)
		q->run_count += change;
	if (mail->taken)
		q->lent += change;
}

void tr_mail_remove(struct tr_mail *mail)
{
	struct troupe_actor *a = mail->actor;
	struct tr_bytes key = { 0 };

	assert(a->core->turning == a && !mail->gone);
	tr_mail_key(&key, mail);
	tr_actor_delete(a, (struct troupe_text){ (const char *)key.data, key.size });
	tr_bytes_free(&key);
	mail->gone = true;
	touch(mail);
	count(mail, false);
	if (mail->queue->run && a->queues->run_count == 0)
		tr_actor_release(a);
}

void tr_mail_return(struct tr_mail *mail)
{
	if (mail->taken)
		mail->actor->queues->lent--;
	mail->taken = mail->lent = mail->read = false;
	mail->take = NULL;
	mail->m.body = (struct troupe_value){ 0 };
	tr_bytes_free(&mail->stored);
	tr_queue_soon(mail->actor);
}

/* ------------------------------------------------------------------ the queues of an actor */

static uint64_t number_of(struct troupe_text key)
{
	uint64_t number = 0;

	for (size_t i = 0; i < 8; i++)
		number = number << 8 | (uint8_t)key.data[NUMBER_AT + i];
	return number;
}

/* A queue that the kind has no more keeps its messages, in case that it has it again. */
static void load(struct troupe_actor *a, uint64_t number, struct troupe_text name)
{
	const struct troupe_queue *queue = tr_kind_queue(a->kind, name);

	if (!queue) {
		tr_debug("queue.undeclared", "actor=%s queue=%.*s", a->row.id, (int)name.size, name.data);
		return;
	}
	mail_new(a, queue, number);
	a->queues->stored = number > a->queues->stored ? number : a->queues->stored;
}

/* Keys, each behind its size. */
void tr_queue_note(struct tr_bytes *keys, struct troupe_text key)
{
	if (key.size <= NAME_AT)
		return;
	tr_bytes_put(keys, &key.size, sizeof key.size);
	tr_bytes_put(keys, key.data, key.size);
}

size_t troupe_queue_count(const struct troupe_actor *a)
{
	return a->queues ? a->queues->count : 0;
}

/* ------------------------------------------------------------------ sending */

static int refuse_full(struct troupe_actor *a, size_t limit)
{
	int rc = troupe_refuse(a, TROUPE_EQUEUEFULL, "Queue is full. Limit is %zu messages.", limit);

	tr_put_map(&a->refusal.metadata, 1);
	tr_put_text(&a->refusal.metadata, "limit");
	tr_put_int(&a->refusal.metadata, (int64_t)limit);
	return rc;
}

static int refuse_size(struct troupe_actor *a, size_t size, size_t limit)
{
	int rc = troupe_refuse(a, TROUPE_EQUEUESIZE, "Queue message too large (%zu bytes). Limit is %zu bytes.", size, limit);

	tr_put_map(&a->refusal.metadata, 2);
	tr_put_text(&a->refusal.metadata, "size");
	tr_put_int(&a->refusal.metadata, (int64_t)size);
	tr_put_text(&a->refusal.metadata, "limit");
	tr_put_int(&a->refusal.metadata, (int64_t)limit);
	return rc;
}

static int check_body(struct troupe_actor *a, const struct troupe_record *r, struct troupe_value body)
{
	struct tr_arena arena = tr_pool_arena(&a->core->turn_pool);
	char why[256];
	int rc;

	if (!r)
		return 0;
	rc = tr_record_decode(r, tr_pool_alloc(&a->core->turn_pool, r->size), body, &arena, why, sizeof why);
	return rc == TROUPE_EINVAL ? troupe_refuse(a, TROUPE_EARGS, "%s", why) : rc;
}

static int check(struct troupe_actor *a, const struct troupe_queue *queue, struct troupe_value body, bool waits)
{
	size_t bytes = a->kind->queue_bytes ? a->kind->queue_bytes : TR_QUEUE_BYTES_MAX;
	size_t messages = a->kind->queue_messages ? a->kind->queue_messages : TR_QUEUE_MESSAGES_MAX;
	int rc = check_body(a, queue->takes, body);

	if (rc < 0)
		return rc;
	if (body.size > bytes)
		return refuse_size(a, body.size, bytes);
	if (a->queues->count >= messages)
		return refuse_full(a, messages);
	if (!waits)
		return 0;
	if (a->queues->closing)
		return TROUPE_EABORTED;
	return a->queues->wait_count < TR_MAILBOX_MAX ? 0 : TROUPE_EOVERLOADED;
}

static void write_mail(struct troupe_actor *a, const struct tr_mail *mail, struct troupe_value body)
{
	struct tr_bytes key = { 0 }, value = { 0 };

	tr_mail_key(&key, mail);
	tr_put_array(&value, 2);
	tr_put_int(&value, a->core->now_ms);
	tr_put_value(&value, body);
	tr_actor_put(a, (struct troupe_text){ (const char *)key.data, key.size }, value.data, value.size);
	tr_bytes_free(&key);
	tr_bytes_free(&value);
}

static void on_time(void *arg)
{
	tr_wait_end(arg, TROUPE_ETIMEDOUT);
}

static void wait_for(struct tr_mail *mail, int64_t timeout_ms, tr_on_done *on_done, void *arg)
{
	const struct tr_clock *clock = &mail->actor->core->o.clock;
	struct tr_queues *q = mail->actor->queues;
	struct tr_wait *w = mail->wait = tr_alloc(sizeof *w);

	w->mail = mail;
	w->actor = mail->actor;
	w->on_done = on_done;
	w->arg = arg;
	w->timer = clock->ops->timer_new(clock->ctx, on_time, w);
	if (timeout_ms < 0 || timeout_ms > TR_QUEUE_WAIT_MAX_MS)
		timeout_ms = TR_QUEUE_WAIT_MAX_MS;
	clock->ops->timer_set(w->timer, timeout_ms);
	tr_list_push(&q->waits, &w->link);
	q->wait_count++;
}

int tr_queue_send(struct troupe_actor *a, const struct troupe_queue *queue, struct troupe_value body, int64_t timeout_ms,
                  tr_on_done *on_done, void *arg)
{
	struct tr_queues *q = a->queues;
	struct tr_mail *mail;
	int rc;

	assert(a->core->turning == a);
	if (body.size == 0)
		body = TR_UNDEFINED_PACKED;
	rc = check(a, queue, body, on_done != NULL);
	if (rc < 0)
		return rc;
	mail = mail_new(a, queue, a->core->next_message++);
	mail->fresh = true;
	touch(mail);
	q->newest = mail->m.number;
	write_mail(a, mail, body);
	if (queue->run && q->run_count == 1)
		tr_actor_hold(a);
	if (on_done)
		wait_for(mail, timeout_ms, on_done, arg);
	return 0;
}

int troupe_queue_send_wait(struct troupe_actor *a, const char *name, struct troupe_value body, int64_t timeout_ms,
                           int (*on_done)(struct troupe_actor *a, void *arg, int rc, struct troupe_value response), void *arg)
{
	const struct troupe_queue *queue = tr_kind_queue(a->kind, tr_text_from(name));

	if (!queue)
		return troupe_refuse(a, TROUPE_EINVAL, "there is no queue \"%s\"", name);
	return tr_queue_send(a, queue, body, timeout_ms, on_done, arg);
}

int troupe_queue_send(struct troupe_actor *a, const char *name, struct troupe_value body)
{
	return troupe_queue_send_wait(a, name, body, 0, NULL, NULL);
}

/* ------------------------------------------------------------------ done with */

static struct tr_mail *mail_of(const struct troupe_message *m)
{
	return (struct tr_mail *)(uintptr_t)m; /* its first member */
}

int troupe_message_complete(struct troupe_actor *a, const struct troupe_message *m, struct troupe_value response)
{
	struct tr_mail *mail = mail_of(m);

	assert(mail->actor == a && mail->lent);
	if (mail->gone)
		return TROUPE_ECOMPLETED;
	if (response.size > TR_MESSAGE_OUT_BYTES_MAX)
		return TROUPE_EBIGOUT;
	if (mail->wait)
		tr_bytes_put(&mail->response, response.data, response.size);
	tr_mail_remove(mail);
	return 0;
}

/* ------------------------------------------------------------------ turns */

/* Numbers up to this one wait for a commit. */
struct storing { struct tr_core *core; uint64_t actor, number; };

static void on_stored(void *arg, int rc)
{
	struct storing *s = arg;
	struct troupe_actor *a = rc < 0 ? NULL : tr_roster_by_num(s->core, s->actor);

	if (a && a->queues && a->queues->stored < s->number) {
		a->queues->stored = s->number;
		tr_queue_soon(a);
	}
	free(s);
}

static void store_newest(struct troupe_actor *a)
{
	struct storing *s = tr_alloc(sizeof *s);

	*s = (struct storing){ a->core, a->row.num, a->queues->newest };
	tr_ledger_after(&a->core->ledger, &a->writer, on_stored, s);
}

/* It ended well. True: the message is new. */
static bool settle(struct tr_mail *mail)
{
	bool fresh = mail->fresh;

	mail->fresh = false;
	if (!mail->gone)
		return fresh;
	if (mail->wait) {
		struct tr_bytes response = mail->wait->response;

		mail->wait->response = mail->response;
		mail->response = response;
		tr_wait_end(mail->wait, 0);
	}
	tr_queue_soon(mail->actor); /* for those who waited behind it */
	mail_free(mail);
	return false;
}

static void undo(struct tr_mail *mail)
{
	if (mail->gone)
		count(mail, true);
	mail->gone = false;
	tr_bytes_clear(&mail->response);
	if (!mail->fresh)
		return;
	if (mail->wait)
		tr_wait_free(mail->wait);
	count(mail, false);
	mail_free(mail);
}

static void end_takes(struct tr_queues *q, bool well)
{
	for (struct tr_list *at = q->takes.next, *next; at != &q->takes; at = next) {
		struct troupe_take *t = tr_container(at, struct troupe_take, link);

		next = at->next;
		if (t->fresh && !well)
			tr_take_free(t);
		else
			t->fresh = false;
	}
}

static void queue_turn_end(struct troupe_actor *a, bool well)
{
	struct tr_queues *q = a->queues;
	bool fresh = false;

	if (!q)
		return;
	while (!tr_list_empty(&q->touched)) {
		struct tr_mail *mail = tr_container(q->touched.next, struct tr_mail, touched);

		tr_list_remove(&mail->touched);
		if (well)
			fresh |= settle(mail);
		else
			undo(mail);
	}
	if (fresh)
		store_newest(a);
	end_takes(q, well);
}

/* ------------------------------------------------------------------ as a part of the actor */

static void adopt(struct troupe_actor *a, const struct tr_bytes *keys)
{
	struct tr_queues *q = a->queues;

	for (size_t at = 0, size; at < keys->size; at += sizeof size + size) {
		struct troupe_text key = { (const char *)keys->data + at + sizeof size, 0 };

		memcpy(&size, keys->data + at, sizeof size);
		load(a, number_of(key), (struct troupe_text){ key.data + NAME_AT, size - NAME_AT });
	}
	if (q->count > 0)
		tr_queue_soon(a);
}

static int queue_open(struct troupe_actor *a, const struct tr_stored *stored)
{
	const struct tr_clock *clock = &a->core->o.clock;
	size_t queues = 0;
	struct tr_queues *q;

	if (!a->kind->queues)
		return 0;
	while (a->kind->queues[queues].name)
		queues++;
	q = a->queues = tr_alloc(sizeof *q);
	q->seen = tr_alloc((queues + 1) * sizeof *q->seen);
	q->timer = clock->ops->timer_new(clock->ctx, tr_queue_work, a);
	tr_list_init(&q->mail);
	tr_list_init(&q->touched);
	tr_list_init(&q->takes);
	tr_list_init(&q->waits);
	tr_list_init(&q->ended);
	adopt(a, stored->mail);
	return 0;
}

static void queue_free(struct troupe_actor *a)
{
	struct tr_queues *q = a->queues;

	if (!q)
		return;
	while (!tr_list_empty(&q->takes))
		tr_take_free(tr_container(q->takes.next, struct troupe_take, link));
	while (!tr_list_empty(&q->waits))
		tr_wait_free(tr_container(q->waits.next, struct tr_wait, link));
	while (!tr_list_empty(&q->ended))
		tr_wait_free(tr_container(q->ended.next, struct tr_wait, link));
	while (!tr_list_empty(&q->mail))
		mail_free(tr_container(q->mail.next, struct tr_mail, link));
	a->core->o.clock.ops->timer_free(q->timer);
	free(q->seen);
	free(q);
	a->queues = NULL;
}

static void queue_woke(struct troupe_actor *a)
{
	if (a->queues && a->queues->run_count > 0)
		tr_actor_hold(a);
}

/* Not while the author has messages to complete. */
static bool queue_idle(const struct troupe_actor *a)
{
	return !a->queues || a->queues->lent == 0;
}

static void queue_check(const struct troupe_actor *a)
{
	const struct tr_queues *q = a->queues;
	size_t runs = 0, taken = 0;
	uint64_t last = 0;

	if (!q)
		return;
	assert(tr_list_empty(&q->touched) && tr_check_list(&q->mail) == q->count);
	assert(tr_check_list(&q->takes) <= q->take_count && tr_check_list(&q->waits) + tr_check_list(&q->ended) <= q->wait_count);
	for (const struct tr_list *at = q->mail.next; at != &q->mail; at = at->next) {
		const struct tr_mail *mail = tr_container(at, struct tr_mail, link);

		assert(!mail->fresh && !mail->gone && mail->m.number > last);
		assert(!mail->taken || mail->lent);
		last = mail->m.number;
		runs += mail->queue->run != NULL;
		taken += mail->taken;
	}
	assert(runs == q->run_count && taken == q->lent);
}

const struct tr_part tr_queues_part = {
	.open = queue_open, .woke = queue_woke, .turn_end = queue_turn_end, .idle = queue_idle,
	.leave = tr_queue_close, .free = queue_free, .check = queue_check,
};
