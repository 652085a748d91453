/* SPDX-License-Identifier: Apache-2.0 */
/* proto/README.md says what goes over the wire, byte for byte. Here the code says it again, and must find every word of it
 * there. Hex is looked for without the spaces that the page puts between its fields. */
#include "tests/kit/test.h"

#include <ctype.h>
#include <stdlib.h>

#include "proto/client.h"
#include "proto/json.h"
#include "proto/key.h"
#include "proto/troupe_errors.h"
#include "tests/kit/text.h"

static char *page;   /* as it is */
static char *dense;  /* without white space */

static char *without_space(const char *from)
{
	char *to = malloc(strlen(from) + 1), *at = to;

	for (; *from; from++)
		if (!isspace((unsigned char)*from))
			*at++ = *from;
	*at = 0;
	return to;
}

static int open_page(void **state)
{
	static char buffer[64 * 1024];
	FILE *file = fopen("proto/README.md", "r"); /* unit tests run at the root of the tree */
	size_t size;

	(void)state;
	if (!file)
		return -1;
	size = fread(buffer, 1, sizeof(buffer) - 1, file);
	fclose(file);
	buffer[size] = 0;
	page = buffer;
	dense = without_space(page);
	return 0;
}

static int close_page(void **state)
{
	(void)state;
	free(dense);
	return 0;
}

/* What was encoded stands on the page: json as it is, the others in hex. Empties `out`. */
static void stands_there(enum tr_encoding e, struct tr_bytes *out, int error)
{
	struct tr_bytes hex = { 0 };

	assert_int_equal(error, 0);
	if (e != TR_ENC_JSON) {
		for (size_t i = 0; i < out->size; i++)
			tr_bytes_printf(&hex, "%02x", out->data[i]);
		if (!strstr(dense, tr_bytes_text(&hex)))
			fail_msg("not in proto/README.md: %s %s", tr_encoding_name(e), tr_bytes_text(&hex));
	} else if (!strstr(page, tr_bytes_text(out))) {
		fail_msg("not in proto/README.md: %s", tr_bytes_text(out));
	}
	tr_bytes_free(&hex);
	tr_bytes_free(out);
}

static struct troupe_value value(struct tr_bytes *packed, const char *json)
{
	tr_bytes_clear(packed);
	assert_int_equal(tr_json_decode(packed, text(json), TR_JSON_COMPAT, 64, NULL), 0);
	return tr_bytes_value(packed);
}

TEST(every_error_is_in_the_table)
{
	struct tr_bytes row = { 0 };
	int count = 0;

#define CHECK(name, number, status, group, code, sentence) \
	tr_bytes_clear(&row); \
	tr_bytes_printf(&row, "| `%s.%s` | %d | %s |\n", group, code, status, sentence); \
	if (!strstr(page, tr_bytes_text(&row))) \
		fail_msg("not in proto/README.md: %s", tr_bytes_text(&row)); \
	count++;
	TROUPE_ERROR_MAP(CHECK)
#undef CHECK
	assert_true(count > 40);
	tr_bytes_free(&row);
}

TEST(frames_of_the_server_are_as_the_page_says)
{
	struct tr_bytes out = { 0 }, packed = { 0 };

	for (int i = 0; i < TR_ENCODINGS; i++) {
		enum tr_encoding e = (enum tr_encoding)i;

		stands_there(e, &out, tr_client_encode_init(e, &out, text("4x3tq8m1v0zc7e2n9b5kd6w1hs0ray"),
		                                            text("b8050531-51d2-4ece-8e76-5e6a70213b0d")));
		stands_there(e, &out, tr_client_encode_event(e, &out, text("chat.user"), value(&packed,
			"[{\"userId\":\"ann\",\"text\":\"hi\",\"createdAt\":1795300000000,\"seq\":7}]")));
		stands_there(e, &out, tr_client_encode_response(e, &out, 0, value(&packed, "5")));
		stands_there(e, &out, tr_client_encode_response(e, &out, 1, value(&packed, "[\"$Undefined\",0]")));
		stands_there(e, &out, tr_client_encode_http_response(e, &out, value(&packed, "5")));
		stands_there(e, &out, tr_client_encode_http_sent(e, &out, true, value(&packed, "{\"echo\":{\"x\":2}}")));
		stands_there(e, &out, tr_client_encode_http_sent(e, &out, true, (struct troupe_value){ NULL, 0 }));
		stands_there(e, &out, tr_client_encode_http_sent(e, &out, false, (struct troupe_value){ NULL, 0 }));
	}
	tr_bytes_free(&packed);
}

TEST(errors_of_the_server_are_as_the_page_says)
{
	struct tr_bytes out = { 0 }, packed = { 0 };
	const struct troupe_error_info *forbidden = troupe_error_info(TROUPE_EFORBIDDEN);
	const struct tr_client_actor actor = {
		.id = text("4x3tq8m1v0zc7e2n9b5kd6w1hs0ray"), .generation = 1, .key = text("workspace-42"),
	};
	const struct tr_client_error user = {
		.group = text("user"), .code = text("not_your_turn"), .message = text("Wait for bob."),
		.metadata = value(&packed, "{\"n\":1}"), .has_action_id = true, .action_id = 2, .actor = &actor,
	};
	const struct tr_client_error refusal = {
		.group = text(forbidden->group), .code = text(forbidden->code), .message = text(forbidden->sentence),
	};

	for (int i = 0; i < TR_ENCODINGS; i++) {
		enum tr_encoding e = (enum tr_encoding)i;

		stands_there(e, &out, tr_client_encode_error(e, &out, &user));
		stands_there(e, &out, tr_client_encode_error(e, &out, &refusal));
		stands_there(e, &out, tr_client_encode_http_error(e, &out, &user));
	}
	tr_bytes_free(&packed);
}

/* The page's text behind `head`, up to the end of its lines that begin with a space, as bytes. */
static void hex_after(const char *section, const char *head, struct tr_bytes *out)
{
	const char *at = strstr(page, section);
	unsigned byte;

	assert_non_null(at);
	at = strstr(at, head);
	assert_non_null(at);
	for (at += strlen(head); *at && !(at[0] == '\n' && at[1] != ' '); ) {
		if (isspace((unsigned char)*at)) {
			at++;
			continue;
		}
		assert_int_equal(sscanf(at, "%2x", &byte), 1);
		tr_bytes_put_byte(out, (uint8_t)byte);
		at += 2;
	}
}

/* What a section shows first in one encoding. */
static struct tr_bytes shown(const char *section, enum tr_encoding e)
{
	static const char *const heads[] = { "\njson  ", "\ncbor  ", "\nbare  " };
	struct tr_bytes bytes = { 0 };
	const char *at = strstr(page, section);

	assert_non_null(at);
	if (e == TR_ENC_JSON) {
		at = strstr(at, heads[e]) + strlen(heads[e]);
		tr_bytes_put(&bytes, at, strcspn(at, "\n"));
	} else {
		hex_after(section, heads[e], &bytes);
	}
	return bytes;
}

static void read_section(const char *section, enum tr_encoding e, struct tr_bytes *arena, struct tr_client_message *ret)
{
	struct tr_bytes bytes = shown(section, e);
	const char *why;

	tr_bytes_clear(arena);
	assert_int_equal(tr_client_decode(e, bytes.data, bytes.size, 64, arena, ret, &why), 0);
	tr_bytes_free(&bytes);
}

TEST(frames_of_clients_are_understood_as_the_page_shows_them)
{
	struct tr_bytes arena = { 0 };
	struct tr_client_message m;

	for (int i = 0; i < TR_ENCODINGS; i++) {
		read_section("### SubscriptionRequest", (enum tr_encoding)i, &arena, &m);
		assert_int_equal(m.kind, TR_CLIENT_SUBSCRIPTION);
		assert_int_equal(m.name.size, 9);
		assert_memory_equal(m.name.data, "chat.user", 9);
		assert_true(m.subscribe);
		read_section("### ActionRequest", (enum tr_encoding)i, &arena, &m);
		assert_int_equal(m.kind, TR_CLIENT_ACTION);
		assert_true(m.id == 0);
		assert_memory_equal(m.name.data, "add", 3);
		assert_int_equal(m.args.size, 2);
		assert_memory_equal(m.args.data, "\x91\x02", 2);
	}
	tr_bytes_free(&arena);
}

TEST(messages_for_queues_are_understood_as_the_page_shows_them)
{
	for (int e = 0; e < TR_ENCODINGS; e++) {
		struct tr_bytes bytes = shown("## A message for a queue", (enum tr_encoding)e), arena = { 0 };
		struct tr_client_send m;
		const char *why;

		assert_int_equal(tr_client_decode_http_send((enum tr_encoding)e, bytes.data, bytes.size, 64, &arena, &m, &why), 0);
		assert_true(m.wait && m.has_timeout && m.timeout_ms == 3000);
		assert_int_equal(m.body.size, 4);
		assert_memory_equal(m.body.data, "\x81\xa1x\x02", 4);
		tr_bytes_free(&bytes);
		tr_bytes_free(&arena);
	}
}

TEST(keys_are_as_the_page_says)
{
	static const char *const rows[][2] = { { "42", "42" }, { "a,b", "a/b" }, { "a/b", "a\\/b" }, { "a,", "a/\\0" } };
	const struct tr_key_limits limits = { 128, 1024 };
	struct tr_bytes key = { 0 }, row = { 0 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		tr_bytes_clear(&key);
		tr_bytes_clear(&row);
		assert_int_equal(tr_key_from_query(&key, text(rows[i][0]), &limits), 0);
		assert_string_equal(tr_bytes_text(&key), rows[i][1]);
		tr_bytes_printf(&row, "| `%s` | `%s` |\n", rows[i][0], rows[i][1]);
		assert_non_null(strstr(page, tr_bytes_text(&row)));
	}
	tr_bytes_free(&key);
	tr_bytes_free(&row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(every_error_is_in_the_table),
		RUN(frames_of_the_server_are_as_the_page_says),
		RUN(errors_of_the_server_are_as_the_page_says),
		RUN(frames_of_clients_are_understood_as_the_page_shows_them),
		RUN(messages_for_queues_are_understood_as_the_page_shows_them),
		RUN(keys_are_as_the_page_says),
	};

	return cmocka_run_group_tests(tests, open_page, close_page);
}
