/* SPDX-License-Identifier: Apache-2.0 */
/* Where connections are while their actor sleeps: their sockets stay open (spec/rivetkit-client.md 6.5), and who they are, what
 * they subscribed to and the struct that their kind keeps for each stay with them. The actor's next life finds them in
 * their places before its wake hook runs.
 *
 * From an actor's last turn until it is awake again nobody is there to hear a client. What it says meanwhile
 * waits (waiting.c) and wakes the actor; that it went is told to the actor then, too: it *parts*. */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/core/live.h"

static int by_num(const void *a, const void *b)
{
	uint64_t x = ((const struct tr_dorm *)a)->num, y = ((const struct tr_dorm *)b)->num;

	return (x > y) - (x < y);
}

static void dorm_free(struct tr_core *core, struct tr_dorm *d)
{
	tdelete(d, &core->dorms, by_num);
	free(d->id);
	free(d);
}

/* ------------------------------------------------------------------ in and out */

static void move_in(struct tr_dorm *d, struct tr_list *into, struct tr_list *from)
{
	while (!tr_list_empty(from)) {
		struct troupe_peer *p = tr_container(from->next, struct troupe_peer, link);

		tr_list_remove(&p->link);
		tr_list_push(into, &p->link);
		p->actor = NULL;
		p->conn->dorm = d;
	}
}

void tr_dorm_enter(struct troupe_actor *a)
{
	struct tr_dorm *d;

	if (tr_list_empty(&a->peers) && tr_list_empty(&a->sockets))
		return;
	d = tr_alloc(sizeof *d);
	d->num = a->row.num;
	d->id = tr_strdup(a->row.id);
	d->kind = a->kind;
	d->topics = a->topics;
	d->released = a->released;
	a->topics = NULL;
	tr_list_init(&d->peers);
	tr_list_init(&d->sockets);
	move_in(d, &d->peers, &a->peers);
	move_in(d, &d->sockets, &a->sockets);
	a->peer_count = a->socket_count = 0;
	tsearch(d, &a->core->dorms, by_num);
}

static size_t move_out(struct troupe_actor *a, struct tr_list *into, struct tr_list *from)
{
	size_t count = 0;

	for (; !tr_list_empty(from); count++) {
		struct troupe_peer *p = tr_container(from->next, struct troupe_peer, link);

		tr_list_remove(&p->link);
		tr_list_push(into, &p->link);
		p->actor = a;
		p->conn->dorm = NULL;
	}
	return count;
}

void tr_dorm_leave(struct troupe_actor *a)
{
	struct tr_dorm wanted = { .num = a->row.num }, **found = tfind(&wanted, &a->core->dorms, by_num);

	if (!found)
		return;
	a->topics = (*found)->topics;
	a->peer_count = move_out(a, &a->peers, &(*found)->peers);
	a->socket_count = move_out(a, &a->sockets, &(*found)->sockets);
	dorm_free(a->core, *found);
}

void tr_dorm_forget(struct tr_conn *c)
{
	struct tr_dorm *d = c->dorm;

	tr_replay_stop(c);
	tr_conn_unsubscribe_all(c);
	tr_list_remove(&c->peer.link);
	c->dorm = NULL;
	if (tr_list_empty(&d->peers) && tr_list_empty(&d->sockets))
		dorm_free(c->core, d);
}

/* ------------------------------------------------------------------ waking it */

bool tr_conn_sleeps(const struct tr_conn *c)
{
	const struct troupe_actor *a = c->peer.actor;

	return c->dorm || (a && a->life == TR_LEAVING && !a->writer.doomed);
}

static void wake(struct tr_conn *c);

static void part_now(struct tr_conn *c)
{
	c->parts = false;
	tr_conn_detach(c);
	if (!c->gate) /* else its Close is on the way */
		c->state = TR_CONN_CLOSING;
}

void tr_conn_deliver(struct tr_conn *c)
{
	while (c->waiting && !tr_conn_sleeps(c)) {
		struct tr_waiting *w = tr_waiting_next(c);
		bool parts = c->parts;

		c->parts = false; /* this was said before */
		tr_conn_message(c, w->data, w->size, w->text);
		c->parts = parts;
		free(w);
	}
	if (tr_conn_sleeps(c) && (c->waiting || c->parts))
		wake(c);
	else if (c->parts)
		part_now(c);
}

/* It cannot be woken. Who wanted something of it hears why; who has gone is not missed. */
static void stay_asleep(struct tr_conn *c, const struct tr_fault *fault)
{
	tr_debug("conn.wake", "connection=%s failed=%s", c->peer.id, troupe_error_info(fault->error)->name);
	tr_waiting_forget(c);
	if (c->parts)
		part_now(c);
	else
		tr_conn_refuse_with(c, fault);
}

static void on_awake(void *arg, struct tr_fault *fault, const struct tr_actor_row *row, struct troupe_actor *a, bool created)
{
	struct tr_conn *c = arg;

	(void)row;
	(void)a;
	(void)created;
	c->waking = false;
	if (fault)
		stay_asleep(c, fault);
	else
		tr_conn_deliver(c);
	tr_conn_unref(c);
}

static void wake(struct tr_conn *c)
{
	const char *id = c->dorm ? c->dorm->id : c->peer.actor->row.id;
	struct tr_address to = { .id = { id, strlen(id) } };

	if (c->waking)
		return;
	c->waking = true;
	tr_roster_seek(c->core, &to, TR_SEEK_WAKE, on_awake, tr_conn_ref(c));
}

void tr_conn_wait(struct tr_conn *c, const void *data, size_t size, bool text)
{
	const char *why = tr_waiting_add(c, data, size, text);

	if (why)
		tr_conn_shut(c, 1011, why, 0);
	else
		wake(c);
}

/* For leave it is woken; when nobody is to be told, or the server ends, it sleeps on. */
void tr_conn_part(struct tr_conn *c)
{
	const struct troupe_kind *kind = c->dorm ? c->dorm->kind : c->peer.actor->kind;

	if (c->core->draining || (!kind->leave && !c->waiting && !c->parts)) {
		tr_conn_detach(c);
		return;
	}
	c->parts = true;
	wake(c);
}
