/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks, newest first; the newest is filled from the front. */
#include "runtime/core/arena.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/limits.h"
#include "runtime/base/mem.h"


struct tr_arena_chunk {
	struct tr_arena_chunk *older;
	size_t used, room;
	max_align_t memory[];
};

void *tr_pool_alloc(struct tr_pool *p, size_t size)
{
	struct tr_arena_chunk *c = p->chunks;
	void *memory;

	size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (!c || c->room - c->used < size) {
		size_t room = c ? TR_ARENA_NEXT_BYTES : TR_ARENA_FIRST_BYTES;

		if (room < size)
			room = size;
		c = tr_alloc(sizeof *c + room);
		c->room = room;
		c->older = p->chunks;
		p->chunks = c;
	}
	memory = (char *)c->memory + c->used;
	c->used += size;
	memset(memory, 0, size);
	return memory;
}

char *tr_pool_text(struct tr_pool *p, struct troupe_text text)
{
	char *copy = tr_pool_alloc(p, text.size + 1);

	if (text.size > 0)
		memcpy(copy, text.data, text.size);
	return copy;
}

struct troupe_value tr_pool_value(struct tr_pool *p, struct troupe_value v)
{
	void *copy;

	if (v.size == 0)
		return v;
	copy = tr_pool_alloc(p, v.size);
	memcpy(copy, v.data, v.size);
	return (struct troupe_value){ copy, v.size };
}

void tr_pool_reset(struct tr_pool *p)
{
	struct tr_arena_chunk *c = p->chunks;

	if (!c)
		return;
	while (c->older) {
		struct tr_arena_chunk *older = c->older;

		free(c);
		c = older;
	}
	if (c->room > TR_ARENA_NEXT_BYTES) {
		free(c);
		c = NULL;
	} else {
		c->used = 0;
	}
	p->chunks = c;
}

void tr_pool_free(struct tr_pool *p)
{
	while (p->chunks) {
		struct tr_arena_chunk *older = p->chunks->older;

		free(p->chunks);
		p->chunks = older;
	}
}

static void *arena_alloc(void *owner, size_t size)
{
	return tr_pool_alloc(owner, size);
}

struct tr_arena tr_pool_arena(struct tr_pool *p)
{
	return (struct tr_arena){ .alloc = arena_alloc, .owner = p };
}
