/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a client sends in json and cbor: messages, bodies of actions and queue sends, parameters, input. The first byte
 * chooses which. What is taken must keep the promises of proto/client.h, and must come back when it is written as a
 * message again. */
#include <stdlib.h>
#include <string.h>

#include "proto/client.h"
#include "proto/json.h"
#include "proto/key.h"
#include "tests/fuzz/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The usual way to write an action is read by code of its own, unless it ends with a space. */
static void check_other_way(const uint8_t *data, size_t size, const struct tr_client_message *m)
{
	struct tr_bytes spaced = { 0 }, arena = { 0 };
	struct tr_client_message other;
	const char *why;

	tr_bytes_put(&spaced, data, size);
	tr_bytes_put_byte(&spaced, ' ');
	must(!tr_client_decode(TR_ENC_JSON, spaced.data, spaced.size, DEPTH, &arena, &other, &why));
	must(m->kind == other.kind && m->id == other.id && m->subscribe == other.subscribe);
	must(same(m->name.data, m->name.size, other.name.data, other.name.size));
	must(same(m->args.data, m->args.size, other.args.data, other.args.size));
	tr_bytes_free(&spaced);
	tr_bytes_free(&arena);
}

static void try_message(enum tr_encoding e, const uint8_t *data, size_t size)
{
	struct tr_bytes arena = { 0 };
	struct tr_client_message m;
	const char *why = NULL;

	if (tr_client_decode(e, data, size, DEPTH, &arena, &m, &why)) {
		must(why && !arena.size);
	} else {
		check_message(&arena, &m);
		if (e == TR_ENC_JSON)
			check_other_way(data, size, &m);
	}
	tr_bytes_free(&arena);
}

static void check_value(const struct tr_bytes *out, int error)
{
	must(error ? !out->size : !tr_value_check(tr_bytes_value(out), DEPTH));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tr_bytes out = { 0 };
	struct troupe_text rest;

	if (!size)
		return 0;
	rest = (struct troupe_text){ (const char *)data + 1, size - 1 };
	switch (*data % 10) {
	case 0: try_message(TR_ENC_JSON, data + 1, size - 1); break;
	case 1: try_message(TR_ENC_CBOR, data + 1, size - 1); break;
	case 2: try_body(TR_ENC_JSON, data + 1, size - 1); break;
	case 3: try_body(TR_ENC_CBOR, data + 1, size - 1); break;
	case 4: check_value(&out, tr_client_decode_params_header(&out, rest, DEPTH)); break;
	case 5: check_value(&out, tr_client_decode_params_token(&out, rest, DEPTH)); break;
	case 6: check_value(&out, tr_client_decode_input(&out, rest, false, DEPTH)); break;
	case 7: check_value(&out, tr_client_decode_input(&out, rest, true, DEPTH)); break;
	case 8: try_send(TR_ENC_JSON, data + 1, size - 1); break;
	case 9: try_send(TR_ENC_CBOR, data + 1, size - 1); break;
	}
	tr_bytes_free(&out);
	return 0;
}
