/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as BARE: as a client's message, as the body of an action or of a queue send, and as a series of primitives. Every
 * value has one form only, so whatever the primitives' reader takes, the writer must give back byte for byte. */
#include "tests/fuzz/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads one primitive, and writes what was read. */
static void copy_one(struct tr_bare *r, struct tr_bytes *out, unsigned which)
{
	struct troupe_text data;
	size_t begun;

	switch (which % 6) {
	case 0: tr_bare_put_uint(out, tr_bare_uint(r)); break;
	case 1: tr_bytes_put_byte(out, tr_bare_u8(r)); break;
	case 2: tr_bare_put_u16(out, tr_bare_u16(r)); break;
	case 3: tr_bytes_put_byte(out, tr_bare_bool(r)); break;
	case 4: tr_bare_put_text(out, tr_bare_text(r)); break;
	case 5:
		data = tr_bare_data(r);
		begun = tr_bare_begin_data(out);
		tr_bytes_put(out, data.data, data.size);
		tr_bare_end_data(out, begun);
		break;
	}
}

/* The first byte says how many primitives there are, as many bytes after it say which. */
static void try_primitives(const uint8_t *data, size_t size)
{
	size_t count = size ? data[0] % 32 : 0;
	struct tr_bytes out = { 0 };
	struct tr_bare r;

	if (size < 1 + count)
		return;
	r = tr_bare(data + 1 + count, size - 1 - count);
	for (size_t i = 0; i < count && !r.failed; i++) {
		size_t before = out.size;

		copy_one(&r, &out, data[1 + i]);
		if (r.failed)
			out.size = before;
	}
	if (!r.failed)
		must(same(out.data, out.size, data + 1 + count, (size_t)(r.at - data) - 1 - count));
	must(!tr_bare_done(&r) || r.at == data + size);
	tr_bytes_free(&out);
}

static void try_message(const uint8_t *data, size_t size)
{
	struct tr_bytes arena = { 0 };
	struct tr_client_message m;
	const char *why = NULL;

	if (tr_client_decode(TR_ENC_BARE, data, size, DEPTH, &arena, &m, &why))
		must(why && !arena.size);
	else
		check_message(&arena, &m);
	tr_bytes_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	switch (*data % 4) {
	case 0: try_message(data + 1, size - 1); break;
	case 1: try_body(TR_ENC_BARE, data + 1, size - 1); break;
	case 2: try_primitives(data + 1, size - 1); break;
	case 3: try_send(TR_ENC_BARE, data + 1, size - 1); break;
	}
	return 0;
}
