/* SPDX-License-Identifier: Apache-2.0 */
/* Encoded messages, counted by reference. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/core/ports.h"

struct tr_frame *tr_frame_new(const void *payload, size_t size, bool text)
{
	struct tr_frame *f = tr_realloc(NULL, sizeof *f + TR_FRAME_ROOM + size);

	f->refs = 1;
	f->text = text;
	f->size = size;
	if (size > 0)
		memcpy(tr_frame_payload(f), payload, size);
	return f;
}

struct tr_frame *tr_frame_ref(struct tr_frame *f)
{
	f->refs++;
	return f;
}

struct tr_frame *tr_frame_unref(struct tr_frame *f)
{
	if (!f)
		return NULL;
	assert(f->refs > 0);
	if (--f->refs == 0)
		free(f);
	return NULL;
}
