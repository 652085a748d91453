/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds here share: values of other shapes than one struct, written with msgpack-c; kept lists; answers that take their
 * time. */
#ifndef PARITY_KIT_H
#define PARITY_KIT_H

#include <jansson.h>
#include <msgpack.h>
#include <troupe.h>

/* ---- values: begin, put, then answer with it (or take the bytes and free) */
struct pack { msgpack_sbuffer bytes; msgpack_packer out; };

void pack_begin(struct pack *p);
void pack_text(struct pack *p, const char *text); /* NULL: null */
void pack_packed(struct pack *p, struct troupe_value v); /* what is packed already; not none */
void pack_list(struct pack *p, struct troupe_value list); /* none: an empty one */
struct troupe_value pack_value(const struct pack *p); /* lent until the end */
void pack_end(struct pack *p);
int  pack_reply(struct pack *p, struct troupe_call *c); /* and the end */

int  reply_text(struct troupe_call *c, const char *text);

/* ---- plain WebSockets: sends an object, which it takes */
void socket_say(struct troupe_peer *p, json_t *message);

/* ---- what lifecycleObserver will tell. Elsewhere actors call it; here an actor cannot call another */
void observe(const struct troupe_actor *a, const char *event);

/* ---- lists: an array in a kept field */
void list_push(struct troupe_actor *a, struct troupe_value *list, struct troupe_value element);
void list_push_text(struct troupe_actor *a, struct troupe_value *list, const char *text);
void list_pop(struct troupe_actor *a, struct troupe_value *list); /* the newest */
int  reply_list(struct troupe_call *c, struct troupe_value list);

/* ---- answers later */
/* After a while, calls `finish` in a turn of the call's actor, which answers. Returns TROUPE_LATER. */
int  answer_after(struct troupe_call *c, int64_t delay_ms,
                  void (*finish)(struct troupe_actor *a, struct troupe_call *c));
int  reply_text_after(struct troupe_call *c, int64_t delay_ms, const char *text); /* text: a literal */
/* For sleep and destroy of every kind that answers later: what still waits is forgotten. */
void forget_answers(struct troupe_actor *a);

/* ---- connection parameters: fills `into`, with zeroes when there are none or they are others. Texts: turn-lived. */
void read_params(struct troupe_actor *a, const struct troupe_peer *p, const struct troupe_record *r, void *into);

#endif
