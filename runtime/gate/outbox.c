/* SPDX-License-Identifier: Apache-2.0 */
/* A ring that grows by doubling and is given back when it is empty, since most clients wait for
 * nothing most of the time. */
#include "runtime/gate/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/limits.h"
#include "runtime/base/mem.h"

#define ROOM_FIRST 8

static struct tr_frame **at(const struct tr_outbox *o, unsigned i)
{
	return &o->ring[(o->first + i) & (o->room - 1)];
}

static void grow(struct tr_outbox *o)
{
	struct tr_outbox larger = *o;

	larger.room = o->room ? o->room * 2 : ROOM_FIRST;
	larger.ring = tr_alloc(larger.room * sizeof *larger.ring);
	larger.first = 0;
	for (unsigned i = 0; i < o->count; i++)
		larger.ring[i] = *at(o, i);
	free(o->ring);
	*o = larger;
}

static void give_back(struct tr_outbox *o)
{
	assert(o->count == 0 && o->bytes == 0);
	free(o->ring);
	*o = (struct tr_outbox){ .max = o->max };
}

static struct tr_frame *pop(struct tr_outbox *o)
{
	struct tr_frame *f = *at(o, 0);

	o->first++;
	o->count--;
	o->bytes -= f->size;
	return f;
}

int tr_outbox_put(struct tr_outbox *o, struct tr_frame *f)
{
	if (o->count == TR_OUTBOX_FRAMES_MAX)
		return TR_OUTBOX_FULL;
	if (o->count > 0 && o->bytes + f->size > (o->max ? o->max : TR_OUTBOX_BYTES_MAX))
		return TR_OUTBOX_FULL;
	if (o->count == o->room)
		grow(o);
	*at(o, o->count++) = tr_frame_ref(f);
	o->bytes += f->size;
	return 0;
}

void tr_outbox_clear(struct tr_outbox *o)
{
	while (o->count > 0)
		tr_frame_unref(pop(o));
	give_back(o);
}

/* ------------------------------------------------------------------ onto the wire */

static size_t header_size(size_t payload_size)
{
	return payload_size < 126 ? 2 : payload_size < 65536 ? 4 : 10;
}

static size_t wire_size(const struct tr_frame *f)
{
	return header_size(f->size) + f->size;
}

/* Writes the header (RFC 6455, 5.2) in front of the payload, where the frame has room for it. It
 * comes out the same for every client, so it does not matter that they share the frame. */
static uint8_t *wire_bytes(struct tr_frame *f)
{
	size_t head = header_size(f->size);
	uint8_t *p = tr_frame_payload(f) - head;

	p[0] = f->text ? 0x81 : 0x82;
	p[1] = head == 2 ? (uint8_t)f->size : head == 4 ? 126 : 127;
	for (size_t i = 2; i < head; i++)
		p[i] = (uint8_t)((uint64_t)f->size >> 8 * (head - 1 - i));
	return p;
}

bool tr_outbox_take(struct tr_outbox *o, uint8_t *scratch, size_t scratch_size, struct tr_run *ret)
{
	if (o->count == 0)
		return false;
	if (o->count == 1 || wire_size(*at(o, 0)) + wire_size(*at(o, 1)) > scratch_size) {
		ret->frame = pop(o);
		ret->data = wire_bytes(ret->frame);
		ret->size = wire_size(ret->frame);
	} else {
		*ret = (struct tr_run){ .data = scratch };
		while (o->count > 0 && wire_size(*at(o, 0)) <= scratch_size - ret->size) {
			struct tr_frame *f = pop(o);

			memcpy(scratch + ret->size, wire_bytes(f), wire_size(f));
			ret->size += wire_size(f);
			tr_frame_unref(f);
		}
	}
	if (o->count == 0)
		give_back(o);
	return true;
}
