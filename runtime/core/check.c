/* SPDX-License-Identifier: Apache-2.0 */
/* What the drawings at the heads of live.h and queue.h promise, asserted: of an actor after each of its
 * turns, of every actor and connection at the end of each turn of the loop. A mistake of ours stops where
 * it is made. */
#include <assert.h>

#include "runtime/core/live.h"
#include "runtime/core/part.h"

size_t tr_check_list(const struct tr_list *list)
{
	size_t count = 0;

	for (const struct tr_list *at = list->next; at != list; at = at->next) {
		assert(at->next->prev == at && at->prev->next == at);
		count++;
	}
	return count;
}

/* ------------------------------------------------------------------ an actor */

static void check_peers(const struct troupe_actor *a, const struct tr_list *peers, size_t count, bool plain)
{
	assert(tr_check_list(peers) == count);
	for (const struct tr_list *at = peers->next; at != peers; at = at->next) {
		const struct troupe_peer *p = tr_container(at, struct troupe_peer, link);

		assert(p->actor == a && p->conn && !p->conn->dorm && p->conn->plain == plain);
	}
}

static void check_calls(const struct troupe_actor *a)
{
	size_t streams = 0;

	assert(tr_check_list(&a->calls) == a->call_count);
	for (const struct tr_list *at = a->calls.next; at != &a->calls; at = at->next) {
		const struct troupe_call *c = tr_container(at, struct troupe_call, link);

		assert(c->actor == a && !(c->told && c->streaming));
		assert(c->told == !c->caller.ops->tell && (c->told || c->caller.ops->told));
		streams += c->streaming;
	}
	assert(streams == a->stream_count);
}

void tr_actor_check(const struct troupe_actor *a)
{
	assert(a->life != TR_GONE && a->core->turning != a);
	assert(a->writer.num == a->row.num && a->writer.refs == a->writer.held + 1);
	assert(a->released <= a->seq);
	assert(a->busy || a->holds == 0 || a->life == TR_LEAVING);
	assert(!a->spent || (a->life == TR_LEAVING && a->session_count == 0));
	assert(!a->destroyed || a->spent);
	assert(tr_list_empty(&a->waiters) || a->life == TR_LEAVING);
	assert(tr_list_empty(&a->idle_link) ||
	       (a->life == TR_AWAKE && a->call_count == 0 && a->holds == 0 && a->timers_set == 0));
	check_peers(a, &a->peers, a->peer_count, false);
	check_peers(a, &a->sockets, a->socket_count, true);
	check_calls(a);
	for (const struct tr_part *const *p = a->core->parts; *p; p++) {
		if ((*p)->check)
			(*p)->check(a);
	}
}

/* ------------------------------------------------------------------ a connection */

static void check_subs(const struct tr_conn *c)
{
	unsigned count = 0;

	for (const struct tr_sub *s = c->subs; s; s = s->sibling, count++)
		assert(s->conn == c && !tr_list_empty(&s->topic->subs) && !tr_list_empty(&s->in_topic));
	assert(count == c->sub_count && (count == 0 || c->peer.actor || c->dorm));
}

static void check_waiting(const struct tr_conn *c)
{
	size_t bytes = 0;

	for (const struct tr_waiting *w = c->waiting; w; w = w->next)
		bytes += sizeof *w + w->size;
	assert(bytes == c->waiting_bytes);
}

void tr_conn_check(const struct tr_conn *c)
{
	assert(c->refs > 0 && c->peer.conn == c);
	assert(!c->dorm || !c->peer.actor); /* asleep, or awake */
	assert((c->dorm || c->peer.actor) == !tr_list_empty(&c->peer.link));
	assert(c->gate || c->state == TR_CONN_CLOSING || c->parts);
	assert(c->live || c->resumes); /* who does not resume has nothing to catch up with */
	assert(!c->pump || c->peer.actor || c->dorm);
	assert(!c->reading || c->refs > 1);
	check_subs(c);
	check_waiting(c);
}

/* ------------------------------------------------------------------ all of them */

static size_t named(const struct tr_ledger *l)
{
	size_t count = 0;

	for (size_t i = 0; i < l->count; i++)
		count += l->items[i].writer != NULL;
	return count;
}

void tr_core_check(const struct tr_core *core)
{
	size_t held = 0;

	assert(!core->turning && tr_check_list(&core->actors) == core->actor_count);
	assert(tr_check_list(&core->conns) == core->conn_count);
	for (const struct tr_list *at = core->actors.next; at != &core->actors; at = at->next) {
		const struct troupe_actor *a = tr_container(at, struct troupe_actor, link);

		tr_actor_check(a);
		held += a->writer.held;
	}
	for (const struct tr_list *at = core->conns.next; at != &core->conns; at = at->next)
		tr_conn_check(tr_container(at, struct tr_conn, link));
	assert(held <= named(&core->ledger) + named(&core->flight)); /* the rest speaks of those who have gone */
}
