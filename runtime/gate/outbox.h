/* SPDX-License-Identifier: Apache-2.0 */
/* What waits to be sent to one client: references to frames that others wait for as well, never
 * copies, and never more than its bound or TR_OUTBOX_FRAMES_MAX. An empty outbox holds no
 * memory. */
#ifndef TR_GATE_OUTBOX_H
#define TR_GATE_OUTBOX_H

#include "runtime/core/ports.h"

/* Zero-initialised is empty. */
struct tr_outbox {
	size_t            max;   /* of bytes; 0: TR_OUTBOX_BYTES_MAX */
	struct tr_frame **ring;
	unsigned          room, first, count;
	size_t            bytes; /* payloads */
};

enum { TR_OUTBOX_FULL = 1 };

/* Takes a reference. 0; TR_OUTBOX_FULL: nothing was taken. A frame larger than the bound is taken
 * when the outbox is empty. */
int tr_outbox_put(struct tr_outbox *o, struct tr_frame *f);

/* Drops everything. */
void tr_outbox_clear(struct tr_outbox *o);

/* Bytes as they go on the wire, each frame with its WebSocket header. */
struct tr_run {
	uint8_t         *data;
	size_t           size;
	struct tr_frame *frame; /* holds data: unref it when that is sent. NULL: the scratch does */
};

/* Takes the oldest frames away: as many as fit into the scratch, which saves system calls; a
 * frame that is alone, or larger than the scratch, is lent as it is. False: the outbox was empty.
 */
bool tr_outbox_take(struct tr_outbox *o, uint8_t *scratch, size_t scratch_size, struct tr_run *ret);

#endif
