/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets of the client protocol share: checks of what was decoded, and a client's side of the protocol,
 * written for this, to say it again. */
#ifndef TR_TESTS_FUZZ_MESSAGES_H
#define TR_TESTS_FUZZ_MESSAGES_H

#include <stdlib.h>
#include <string.h>

#include "proto/bare.h"
#include "proto/cbor.h"
#include "proto/client.h"
#include "proto/key.h"

#define DEPTH 16
#define DEPTH_AGAIN (2 * DEPTH + 2) /* a Set is an array in an array, when it is written with "$" */

static inline void must(bool condition)
{
	if (!condition)
		abort();
}

static inline bool same(const void *a, size_t a_size, const void *b, size_t b_size)
{
	return a_size == b_size && (!a_size || !memcmp(a, b, a_size));
}

static inline bool lies_in(const struct tr_bytes *arena, const void *data, size_t size)
{
	const uint8_t *at = data;

	return at && at >= arena->data && at + size <= arena->data + arena->size;
}

/* As a client would send it, in bare: the one encoding that holds every value. */
static inline void say_again(struct tr_bytes *out, const struct tr_client_message *m)
{
	size_t begun;

	tr_bare_put_u16(out, 4);
	tr_bare_put_uint(out, m->kind == TR_CLIENT_ACTION ? 0 : 1);
	if (m->kind == TR_CLIENT_ACTION)
		tr_bare_put_uint(out, m->id);
	tr_bare_put_text(out, m->name);
	if (m->kind == TR_CLIENT_ACTION) {
		begun = tr_bare_begin_data(out);
		must(!tr_cbor_encode(out, m->args));
		tr_bare_end_data(out, begun);
	} else {
		tr_bytes_put_byte(out, m->subscribe);
	}
}

/* Said again, it is understood as the same: saying that once more gives the same bytes. */
static inline void check_again(const struct tr_client_message *m)
{
	struct tr_bytes first = { 0 }, second = { 0 }, arena = { 0 };
	struct tr_client_message again;
	const char *why;

	say_again(&first, m);
	must(!tr_client_decode(TR_ENC_BARE, first.data, first.size, DEPTH_AGAIN, &arena, &again, &why));
	must(again.kind == m->kind && again.id == m->id && again.subscribe == m->subscribe);
	must(same(again.name.data, again.name.size, m->name.data, m->name.size));
	say_again(&second, &again);
	must(same(first.data, first.size, second.data, second.size));
	tr_bytes_free(&first);
	tr_bytes_free(&second);
	tr_bytes_free(&arena);
}

/* What a decoded message promises. */
static inline void check_message(const struct tr_bytes *arena, const struct tr_client_message *m)
{
	must(lies_in(arena, m->name.data, m->name.size));
	must(tr_utf8_valid(m->name.data, m->name.size));
	if (m->kind == TR_CLIENT_ACTION) {
		struct tr_cursor c = tr_cursor(m->args);
		struct tr_item item;

		must(lies_in(arena, m->args.data, m->args.size));
		must(!tr_value_check(m->args, DEPTH));
		must(!tr_next(&c, &item) && item.kind == TR_ARRAY);
	}
	check_again(m);
}

/* The body of an HTTP action: taken, it is an array of arguments like any message's. */
static inline void try_body(enum tr_encoding e, const uint8_t *data, size_t size)
{
	struct tr_client_message m = { .kind = TR_CLIENT_ACTION, .name = { "n", 1 } };
	struct tr_bytes out = { 0 };
	const char *why = NULL;

	if (tr_client_decode_http_action(e, data, size, DEPTH, &out, &why)) {
		must(why && !out.size);
	} else {
		m.args = tr_bytes_value(&out);
		must(!tr_value_check(m.args, DEPTH));
		check_again(&m);
	}
	tr_bytes_free(&out);
}

/* The body of a queue send: taken, it says the same when it is said again in bare. */
static inline void try_send(enum tr_encoding e, const uint8_t *data, size_t size)
{
	struct tr_bytes arena = { 0 }, said = { 0 }, again = { 0 };
	struct tr_client_send m, back;
	const char *why = NULL;
	size_t begun;

	if (tr_client_decode_http_send(e, data, size, DEPTH, &arena, &m, &why)) {
		must(why && !arena.size);
	} else {
		if (!m.body.size)
			m.body = (struct troupe_value){ "\xc7\0\1", 3 }; /* undefined */
		must(!tr_value_check(m.body, DEPTH));
		tr_bare_put_u16(&said, 4);
		begun = tr_bare_begin_data(&said);
		must(!tr_cbor_encode(&said, m.body));
		tr_bare_end_data(&said, begun);
		tr_bytes_put_byte(&said, 0);
		tr_bytes_put_byte(&said, 1);
		tr_bytes_put_byte(&said, m.wait);
		tr_bytes_put_byte(&said, m.has_timeout);
		for (unsigned shift = 0; m.has_timeout && shift < 64; shift += 8)
			tr_bytes_put_byte(&said, (uint8_t)(m.timeout_ms >> shift));
		must(!tr_client_decode_http_send(TR_ENC_BARE, said.data, said.size, DEPTH_AGAIN, &again, &back, &why));
		must(back.wait == m.wait && back.has_timeout == m.has_timeout && back.timeout_ms == m.timeout_ms);
	}
	tr_bytes_free(&arena);
	tr_bytes_free(&said);
	tr_bytes_free(&again);
}

#endif
