/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is given back all at once: what a turn lends, what a call holds, a connection's parameters. */
#ifndef TR_CORE_ARENA_H
#define TR_CORE_ARENA_H

#include <stddef.h>

#include "proto/record.h"

struct tr_arena_chunk;
struct tr_pool { struct tr_arena_chunk *chunks; };

void *tr_pool_alloc(struct tr_pool *p, size_t size); /* zeroed, aligned for anything */
char *tr_pool_text(struct tr_pool *p, struct troupe_text text); /* a NUL-terminated copy */
struct troupe_value tr_pool_value(struct tr_pool *p, struct troupe_value v); /* a copy */
void  tr_pool_reset(struct tr_pool *p); /* everything is gone; one small chunk is kept for the next round */
void  tr_pool_free(struct tr_pool *p);

/* As record.h wants it. */
struct tr_arena tr_pool_arena(struct tr_pool *p);

#endif
