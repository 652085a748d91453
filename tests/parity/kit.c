/* SPDX-License-Identifier: Apache-2.0 */
/* See kit.h. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ values */

void pack_begin(struct pack *p)
{
	msgpack_sbuffer_init(&p->bytes);
	msgpack_packer_init(&p->out, &p->bytes, msgpack_sbuffer_write);
}

static void pack_part(struct pack *p, const char *text, size_t size)
{
	msgpack_pack_str(&p->out, size);
	msgpack_pack_str_body(&p->out, text, size);
}

void pack_text(struct pack *p, const char *text)
{
	if (text)
		pack_part(p, text, strlen(text));
	else
		msgpack_pack_nil(&p->out);
}

void pack_packed(struct pack *p, struct troupe_value v)
{
	msgpack_sbuffer_write(&p->bytes, v.data, v.size);
}

void pack_list(struct pack *p, struct troupe_value list)
{
	if (list.size)
		pack_packed(p, list);
	else
		msgpack_pack_array(&p->out, 0);
}

struct troupe_value pack_value(const struct pack *p)
{
	return (struct troupe_value){ p->bytes.data, p->bytes.size };
}

void pack_end(struct pack *p)
{
	msgpack_sbuffer_destroy(&p->bytes);
}

int pack_reply(struct pack *p, struct troupe_call *c)
{
	int rc = troupe_reply_value(c, pack_value(p));

	pack_end(p);
	return rc;
}

int reply_text(struct troupe_call *c, const char *text)
{
	struct pack p;

	pack_begin(&p);
	pack_text(&p, text);
	return pack_reply(&p, c);
}

/* ------------------------------------------------------------------ lists */

/* Its elements up to `count`, and what stands behind them (size 0: nothing), are the list from now on. */
static void list_set(struct troupe_actor *a, struct troupe_value *list, const msgpack_object_array *old, uint32_t count,
                     struct troupe_value more)
{
	struct pack p;

	pack_begin(&p);
	msgpack_pack_array(&p.out, count + (more.size > 0));
	for (uint32_t i = 0; i < count; i++)
		msgpack_pack_object(&p.out, old->ptr[i]);
	pack_packed(&p, more);
	if (troupe_set_value(a, list, pack_value(&p)) < 0)
		abort();
	pack_end(&p);
}

/* All elements but `drop`, and then one more. */
static void list_change(struct troupe_actor *a, struct troupe_value *list, uint32_t drop, struct troupe_value more)
{
	msgpack_unpacked got;
	size_t at = 0;

	msgpack_unpacked_init(&got);
	if (list->size && msgpack_unpack_next(&got, list->data, list->size, &at) == MSGPACK_UNPACK_SUCCESS &&
	    got.data.type == MSGPACK_OBJECT_ARRAY)
		list_set(a, list, &got.data.via.array, got.data.via.array.size - drop, more);
	else
		list_set(a, list, NULL, 0, more);
	msgpack_unpacked_destroy(&got);
}

void list_push(struct troupe_actor *a, struct troupe_value *list, struct troupe_value element)
{
	list_change(a, list, 0, element);
}

void list_push_text(struct troupe_actor *a, struct troupe_value *list, const char *text)
{
	struct pack p;

	pack_begin(&p);
	pack_text(&p, text);
	list_push(a, list, pack_value(&p));
	pack_end(&p);
}

void list_pop(struct troupe_actor *a, struct troupe_value *list)
{
	list_change(a, list, 1, (struct troupe_value){ 0 });
}

int reply_list(struct troupe_call *c, struct troupe_value list)
{
	struct pack p;

	pack_begin(&p);
	pack_list(&p, list);
	return pack_reply(&p, c);
}

/* ------------------------------------------------------------------ plain WebSockets */

void socket_say(struct troupe_peer *p, json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);

	json_decref(message);
	if (!text)
		return;
	troupe_socket_send(p, text, strlen(text), true);
	free(text);
}

/* ------------------------------------------------------------------ answers later */

/* All that wait, of whatever actor: a server has one thread. */
struct later {
	struct later        *next;
	struct troupe_actor *actor;
	struct troupe_call  *call;
	struct troupe_timer *timer;
	void               (*finish)(struct troupe_actor *a, struct troupe_call *c);
	const char          *text;
};

static struct later *waiting;

static void later_free(struct later *l)
{
	struct later **at = &waiting;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	troupe_timer_free(l->timer);
	free(l);
}

static void on_time(struct troupe_actor *a, void *arg)
{
	struct later *l = arg;

	if (l->finish)
		l->finish(a, l->call);
	else
		reply_text(l->call, l->text);
	later_free(l);
}

static int later(struct troupe_call *c, int64_t delay_ms, const struct later *what)
{
	struct later *l = malloc(sizeof *l);

	if (!l)
		abort();
	*l = *what;
	l->call = c;
	l->actor = troupe_call_actor(c);
	l->timer = troupe_timer_new(l->actor, on_time, l);
	l->next = waiting;
	waiting = l;
	troupe_timer_set(l->timer, delay_ms);
	return TROUPE_LATER;
}

int answer_after(struct troupe_call *c, int64_t delay_ms, void (*finish)(struct troupe_actor *, struct troupe_call *))
{
	return later(c, delay_ms, &(struct later){ .finish = finish });
}

int reply_text_after(struct troupe_call *c, int64_t delay_ms, const char *text)
{
	return later(c, delay_ms, &(struct later){ .text = text });
}

void forget_answers(struct troupe_actor *a)
{
	struct later *next;

	for (struct later *l = waiting; l; l = next) {
		next = l->next;
		if (l->actor == a)
			later_free(l);
	}
}

/* ------------------------------------------------------------------ connection parameters */

void read_params(struct troupe_actor *a, const struct troupe_peer *p, const struct troupe_record *r, void *into)
{
	struct troupe_value params = troupe_peer_params(p);

	memset(into, 0, r->size);
	if (params.size && troupe_read(a, r, into, params) < 0)
		memset(into, 0, r->size);
}
