/* SPDX-License-Identifier: Apache-2.0 */
/* What the providers' bridge says, line by line: any bytes. */
#include <stdlib.h>
#include <string.h>

#include "proto/troupe_errors.h"
#include "runtime/sandbox/provider/bridge_reply.h"

static void check_text(const char *text, size_t room)
{
	size_t size = strnlen(text, room);

	if (size == room)
		abort();
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			abort();
	}
}

static void check_line(const char *line, size_t size)
{
	struct tr_bridge_reply r;

	if (!tr_bridge_read((struct troupe_text){ line, size }, &r))
		return;
	if (r.rc != 0 && r.rc != TROUPE_ESANDBOXLOST && r.rc != TROUPE_ENOPROVIDER && r.rc != TROUPE_EPROVIDER)
		abort();
	if (r.rc == 0 && r.unknown)
		abort();
	check_text(r.words, sizeof r.words);
	check_text(r.raw_id, sizeof r.raw_id);
	check_text(r.url, sizeof r.url);
	check_text(r.token, sizeof r.token);
	check_text(r.cwd, sizeof r.cwd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;

	while (at < end) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((line ? line : end) - at);
		char *copy = malloc(length + 1); /* an end of its own, that the sanitizer watches */

		if (length > 0)
			memcpy(copy, at, length);
		check_line(copy, length);
		free(copy);
		at += length + 1;
	}
	return 0;
}
