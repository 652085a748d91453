/* SPDX-License-Identifier: Apache-2.0 */
/* Resuming: a connection that came with `since: N` gets every logged event after N of the names it subscribes to, oldest
 * first across all names, and then goes on live, in one step (design.md 4.3).
 *
 * The log is read forward from `cursor`, a page at a time, as the outbox has room. Each subscription knows the first seq
 * that it has not had (`next`), so a name that is subscribed later makes the cursor go back without repeating the others.
 * While it reads, the connection is not `live`: events that are released pass it by, since it will read them.
 * It goes live when a page ends the log and holds all that was released so far: what comes after will be
 * released after.
 *
 * Numbers belong to one log, so a client may say with `epoch` which one it means. Who means another, or a seq that this one
 * has not reached, hears log.reset and then everything; who says nothing hears log.epoch, to say it the next time. */
#include <string.h>

#include "runtime/core/live.h"

/* Is there somebody to read it, and somebody whose log it is? That can be read while the actor sleeps. */
static bool is_somebodys(const struct tr_conn *c)
{
	return c->gate && (c->peer.actor || c->dorm);
}

#define RESET "log.reset"
#define EPOCH "log.epoch"

struct told { const char *epoch; int64_t seq; };
static const struct troupe_record told = TROUPE_RECORD(told,
	TROUPE_FIELD(told, epoch, "epoch"),
	TROUPE_FIELD(told, seq, "seq"));

bool tr_replay_says(const char *name)
{
	return strcmp(name, RESET) == 0 || strcmp(name, EPOCH) == 0;
}

/* Negative: it does not resume. */
static int64_t since_of(const struct tr_conn *c)
{
	struct troupe_value v;
	int64_t seq;

	return tr_value_member(c->peer.params, "since", &v) && tr_value_integer(v, &seq) ? seq : -1;
}

/* data NULL: it does not ask either; size 0: it does not know yet. */
static struct troupe_text epoch_of(const struct tr_conn *c)
{
	struct troupe_text text = { NULL, 0 };
	struct troupe_value v;

	if (tr_value_member(c->peer.params, "epoch", &v))
		tr_value_text(v, &text);
	return text;
}

void tr_replay_begin(struct tr_conn *c)
{
	const struct troupe_actor *a = c->peer.actor;
	struct troupe_text epoch = epoch_of(c);
	int64_t since = since_of(c);
	bool knows = epoch.size == strlen(a->epoch) && memcmp(epoch.data, a->epoch, epoch.size) == 0;
	bool foreign = since >= 0 && ((epoch.size > 0 && !knows) || (uint64_t)since > a->seq);

	c->resumes = since >= 0;
	c->since = foreign || since < 0 ? 0 : (uint64_t)since;
	if (foreign || (!knows && (c->resumes || epoch.data)))
		troupe_send(&c->peer, foreign ? RESET : EPOCH, &told, &(struct told){ a->epoch, (int64_t)a->seq });
}

static struct tr_sub *sub_of(struct tr_conn *c, struct troupe_text name)
{
	for (struct tr_sub *s = c->subs; s; s = s->sibling) {
		if (strlen(s->topic->name) == name.size && memcmp(s->topic->name, name.data, name.size) == 0)
			return s;
	}
	return NULL;
}

/* A name that is not subscribed now but was: what passes it is not counted as had. */
static void deliver(struct tr_conn *c, const struct tr_log_entry *entry)
{
	struct tr_logged l = tr_event_read(entry);
	struct tr_sub *s = sub_of(c, l.name);
	struct tr_frame *f;

	if (!s || !s->active || entry->seq < s->next)
		return;
	s->next = entry->seq + 1;
	f = tr_event_frame(c->core, c->encoding, l.name, l.data);
	if (!f)
		return;
	tr_conn_send(c, f);
	tr_frame_unref(f);
}

static void go_live(struct tr_conn *c)
{
	c->live = true;
	for (struct tr_sub *s = c->subs; s; s = s->sibling) {
		if (s->active && s->next < c->cursor)
			s->next = c->cursor;
	}
}

/* One page for each turn of the loop: a long history must not keep the others waiting. */
static void read_soon(struct tr_conn *c)
{
	if (c->ops->backlog(c->gate) < TR_OUTBOX_BYTES_MAX / 2)
		c->core->o.clock.ops->timer_set(c->pump, 0);
}

static uint64_t released_of(const struct tr_conn *c)
{
	return c->dorm ? c->dorm->released : c->peer.actor->released;
}

static void take_page(struct tr_conn *c, const struct tr_log_entry *entries, size_t count, bool more)
{
	if (c->cursor < c->page_from) { /* a name was subscribed while this was read: it begins earlier */
		read_soon(c);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		deliver(c, &entries[i]);
		c->cursor = entries[i].seq + 1;
	}
	if (more || c->cursor <= released_of(c)) /* released since it was read, and passed this connection by */
		read_soon(c);
	else
		go_live(c);
}

static void on_page(void *arg, int rc, const struct tr_log_entry *entries, size_t count, bool more)
{
	struct tr_conn *c = arg;

	c->reading = false;
	c->core->read_count--;
	if (rc == 0 && is_somebodys(c))
		take_page(c, entries, count, more);
	else if (is_somebodys(c))
		tr_conn_shut(c, 1011, "actor.restarting", 0);
	tr_conn_unref(c);
}

static void read_page(struct tr_conn *c)
{
	struct tr_store *store = &c->core->o.store;

	c->settling = false;
	if (c->reading || c->live || !is_somebodys(c))
		return;
	c->reading = true;
	c->page_from = c->cursor;
	c->core->read_count++;
	tr_conn_ref(c);
	store->ops->read_log(store->ctx, c->dorm ? c->dorm->num : c->peer.actor->row.num, c->cursor - 1, TR_REPLAY_PAGE_EVENTS,
	                     TR_REPLAY_PAGE_BYTES, on_page, c);
}

static void on_pump(void *arg)
{
	read_page(arg);
}

/* What it has been sent so far, it has had. It may have read more than was released: what is on disk and about
 * to be. */
static void leave_live(struct tr_conn *c, struct tr_sub *newest)
{
	uint64_t next = c->peer.actor->released + 1;

	for (struct tr_sub *s = c->subs; s; s = s->sibling) {
		if (s != newest && s->active && s->next < next)
			s->next = next;
	}
	c->live = false;
	c->cursor = newest->next;
}

void tr_replay_subscribed(struct tr_conn *c, struct tr_sub *s)
{
	const struct tr_clock *clock = &c->core->o.clock;

	if (c->live)
		leave_live(c, s);
	else if (s->next < c->cursor)
		c->cursor = s->next;
	if (!c->pump)
		c->pump = clock->ops->timer_new(clock->ctx, on_pump, c);
	c->settling = true;
	clock->ops->timer_set(c->pump, TR_REPLAY_SETTLE_MS);
}

void tr_replay_start(struct tr_conn *c)
{
	if (!c->settling)
		return;
	c->core->o.clock.ops->timer_set(c->pump, -1);
	read_page(c);
}

void tr_replay_more(struct tr_conn *c)
{
	if (!c->live && !c->settling)
		read_page(c);
}

void tr_replay_stop(struct tr_conn *c)
{
	if (c->pump)
		c->pump = c->core->o.clock.ops->timer_free(c->pump);
}
