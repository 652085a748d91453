/* SPDX-License-Identifier: Apache-2.0 */
/* The event stream's parser on any bytes: in one piece and in pieces of any size it must find the same events. The first
 * byte chooses the size of the pieces, the second the limit of an event's data. */
#include <stdlib.h>
#include <string.h>

#include "runtime/sandbox/wire/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(struct tr_bytes *out, const uint8_t *data, size_t size, size_t piece, size_t data_max)
{
	struct tr_sse p;
	struct tr_sse_event event;

	tr_sse_init(&p, data_max);
	for (size_t at = 0; at < size; ) {
		size_t left = size - at < piece ? size - at : piece;
		const char *from = (const char *)data + at;

		at += left;
		while (tr_sse_next(&p, &from, &left, &event)) {
			tr_bytes_printf(out, "%d %llu %d %llu ", event.has_id, event.has_id ? (unsigned long long)event.id : 0,
			                event.oversize, (unsigned long long)event.bytes);
			tr_bytes_put(out, event.type.data, event.type.size);
			tr_bytes_put(out, event.data.data, event.data.size);
			tr_bytes_put_byte(out, 0);
			if (event.data.size > data_max || (event.oversize && event.data.size > 0))
				abort();
		}
		if (left != 0)
			abort();
	}
	tr_sse_fini(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tr_bytes whole = { 0 }, pieces = { 0 };

	if (size < 2)
		return 0;
	parse(&whole, data + 2, size - 2, size, data[1]);
	parse(&pieces, data + 2, size - 2, 1 + data[0] % 16, data[1]);
	if (whole.size != pieces.size || (whole.size > 0 && memcmp(whole.data, pieces.data, whole.size) != 0))
		abort();
	tr_bytes_free(&whole);
	tr_bytes_free(&pieces);
	return 0;
}
