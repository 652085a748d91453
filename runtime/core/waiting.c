/* SPDX-License-Identifier: Apache-2.0 */
/* What a client says while there is nobody to hear it: its actor is still being sought, or sleeps. It waits
 * with the connection, in order, and is bounded. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/core/live.h"

const char *tr_waiting_add(struct tr_conn *c, const void *data, size_t size, bool text)
{
	struct tr_waiting *w, **end = &c->waiting;

	if (size > (c->plain ? TR_SOCKET_BYTES_MAX : c->core->o.message_size))
		return "message.incoming_too_long";
	if (c->waiting && c->waiting_bytes + sizeof *w + size > TR_WAITING_BYTES_MAX)
		return "actor.overloaded";
	w = tr_alloc(sizeof *w + size);
	w->size = size;
	w->text = text;
	memcpy(w->data, data, size);
	while (*end)
		end = &(*end)->next;
	*end = w;
	c->waiting_bytes += sizeof *w + size;
	return NULL;
}

struct tr_waiting *tr_waiting_next(struct tr_conn *c)
{
	struct tr_waiting *w = c->waiting;

	c->waiting = w->next;
	c->waiting_bytes -= sizeof *w + w->size;
	return w;
}

void tr_waiting_forget(struct tr_conn *c)
{
	while (c->waiting)
		free(tr_waiting_next(c));
}
