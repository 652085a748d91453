/* SPDX-License-Identifier: Apache-2.0 */
/* What anybody may send to the front desk: heads, bodies by length and in chunks, gateway addresses.
 *
 * What must hold: the same bytes mean the same however they are cut; nothing is lent from outside of them; no more is taken than
 * there is; and what would let two readers disagree on where a request ends is never accepted. The first byte says where to
 * cut. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/key.h"
#include "runtime/gate/address.h"
#include "runtime/gate/forwarded.h"
#include "runtime/gate/http_body.h"
#include "runtime/gate/text.h"

#define BODY_MAX 4096

static void check_forwarded(const struct tr_http_head *head)
{
	char address[TR_ADDRESS_TEXT_MAX];

	if (tr_forwarded_for(head, address))
		assert(*address && strspn(address, "0123456789abcdef.:") == strlen(address));
	tr_forwarded_tls(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(struct troupe_text t, const char *data, size_t size)
{
	return !t.size || (t.data >= data && t.data + t.size <= data + size);
}

static ssize_t scan(const char *data, size_t size, size_t cut)
{
	struct tr_http_scan s = { 0 };
	ssize_t end = tr_http_head_scan(&s, data, cut);

	return end ? end : tr_http_head_scan(&s, data, size);
}

static unsigned count_headers(const struct tr_http_head *head, const char *name)
{
	unsigned count = 0;

	for (size_t i = 0; i < head->count; i++)
		count += tr_text_is_nocase(head->headers[i].name, name);
	return count;
}

static void check_head(const struct tr_http_head *head, const char *data, size_t size)
{
	assert(tr_http_is_token(head->method) && lies_in(head->method, data, size));
	assert(tr_text_is(head->path, "/") || lies_in(head->path, data, size));
	assert(*head->path.data == '/' || tr_text_is(head->path, "*"));
	assert(lies_in(head->query, data, size) && lies_in(head->host, data, size));
	assert(!memchr(head->path.data, ' ', head->path.size));
	for (size_t i = 0; i < head->count; i++) {
		struct troupe_text value = head->headers[i].value;

		assert(tr_http_is_token(head->headers[i].name) && lies_in(value, data, size));
		assert(!value.size || (!memchr(value.data, '\r', value.size) && !memchr(value.data, '\n', value.size)));
	}
	assert(!head->chunked || (!head->length && head->minor && !count_headers(head, "content-length")));
	assert(head->chunked || !count_headers(head, "transfer-encoding"));
	assert(!head->minor || count_headers(head, "host") == 1);
}

/* The outcome; what was taken is appended. */
static int take(const struct tr_http_head *head, const char *data, size_t size, size_t cut, struct tr_bytes *content, size_t *used)
{
	struct tr_http_body body;
	const char *why = NULL;
	size_t taken = 0;
	int outcome = tr_http_body_start(&body, head, BODY_MAX);

	*used = 0;
	if (outcome)
		return outcome;
	outcome = tr_http_body_take(&body, data, cut, used, content, &why);
	assert(*used <= cut);
	if (outcome == TR_HTTP_BODY_MORE) {
		assert(*used == cut);
		outcome = tr_http_body_take(&body, data + cut, size - cut, &taken, content, &why);
		assert(taken <= size - cut);
		*used += taken;
	}
	assert(outcome < 400 || why);
	assert(content->size <= BODY_MAX);
	return outcome;
}

static void check_body(const struct tr_http_head *head, const char *data, size_t size, size_t cut)
{
	struct tr_bytes whole = { 0 }, parts = { 0 };
	size_t used_whole, used_parts;
	int outcome = take(head, data, size, size, &whole, &used_whole);

	assert(take(head, data, size, cut, &parts, &used_parts) == outcome);
	assert(used_whole == used_parts && whole.size == parts.size);
	assert(!whole.size || !memcmp(whole.data, parts.data, whole.size));
	assert(outcome != TR_HTTP_BODY_DONE || head->chunked || whole.size == head->length);
	tr_bytes_free(&whole);
	tr_bytes_free(&parts);
}

static void check_address(struct troupe_text path, struct troupe_text query)
{
	static const struct tr_key_limits limits = { TR_KEY_PART_BYTES_MAX, TR_KEY_BYTES_MAX };
	struct tr_target t = { .by_key = false };
	struct tr_bytes name = { 0 };
	const char *why = NULL;

	if (!tr_target_parse(&t, path, query, &why)) {
		struct tr_address to = tr_target_address(&t);

		assert(lies_in(t.path, path.data, path.size));
		assert(tr_text_clean(to.id) && tr_text_clean(to.name) && tr_text_clean(to.key));
		assert((to.id.size > 0) != t.by_key && (to.key.size > 0) == t.by_key);
		assert(t.query.size <= query.size);
		assert(!to.input.size || !tr_value_check(to.input, TR_DEPTH_MAX));
		if (t.by_key) { /* a canonical key is its own canonical form */
			struct tr_bytes again = { 0 };

			assert(!tr_key_from_control(&again, to.key, &limits));
			assert(tr_text_is(to.key, tr_bytes_text(&again)));
			tr_bytes_free(&again);
		}
		tr_wish_of(t.path, &name);
	}
	tr_bytes_free(&name);
	tr_target_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t input_size)
{
	static struct tr_http_head head;
	const char *why = NULL, *data;
	size_t size, cut;
	ssize_t end;
	int status;

	if (!input_size)
		return 0;
	data = (const char *)input + 1;
	size = input_size - 1;
	cut = size ? *input % (size + 1) : 0;
	end = scan(data, size, size);
	assert(scan(data, size, cut) == end);
	assert(end <= (ssize_t)size);
	status = tr_http_head_parse(&head, data, end > 0 ? (size_t)end : size, &why);
	assert(status == 0 || (status >= 400 && why));
	assert(status || end > 0); /* whole heads only */
	if (!status) {
		size_t behind = size - (size_t)end;

		check_head(&head, data, (size_t)end);
		check_body(&head, data + end, behind, cut <= behind ? cut : behind);
		check_address(head.path, head.query);
		check_forwarded(&head);
	} else {
		static const struct tr_http_head chunked = { .chunked = true };
		struct troupe_text rest = tr_text(data, size), path;

		/* Most inputs are no heads: let them be bodies and addresses, too. */
		check_body(&chunked, data, size, cut);
		if (tr_text_split(&rest, '?', &path))
			check_address(path, rest);
	}
	return 0;
}
