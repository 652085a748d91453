/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent lets people choose, from any JSON: whatever it says, its lists can be walked and set, and what is set is
 * current. The first line is an answer, the rest an update. */
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "runtime/sandbox/session/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct troupe_text checked(const void *data, size_t size)
{
	struct troupe_text json = { data, size };

	return tr_json_check(json, TR_JSON_KEPT_DEPTH, NULL) == 0 ? json : (struct troupe_text){ "{}", 2 };
}

/* Every option may be set to whatever it takes of its own values. */
static void set_all(struct tr_config *c)
{
	struct tr_bytes names = { 0 };
	struct troupe_value option, id, current, after;
	struct troupe_text text;

	for (uint32_t i = 0; i < 8 && tr_config_at(c, i, &option); i++) {
		char *name;

		if (!tr_value_member(option, "id", &id) || !tr_value_text(id, &text) || !tr_value_member(option, "currentValue", &current))
			continue;
		tr_option_takes(option, current, &names);
		name = strndup(text.data, text.size);
		if (strlen(name) == text.size && tr_config_find(c, "id", name, &after) && after.data == option.data) {
			tr_config_option(c, name, (struct troupe_value){ "\xc3", 1 });
			if (!tr_config_find(c, "id", name, &option) || !tr_value_member(option, "currentValue", &after)
			    || !tr_config_same(after, (struct troupe_value){ "\xc3", 1 }))
				abort();
		}
		free(name);
	}
	tr_config_names(c, "category", &names);
	tr_bytes_free(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t first = end ? (size_t)(end - data) : size;
	struct tr_bytes out = { 0 };
	struct tr_config c = { 0 };
	struct troupe_text mode;

	tr_config_begin(&c, checked(data, first));
	set_all(&c);
	if (end)
		tr_config_take_options(&c, checked(end + 1, size - first - 1));
	tr_config_mode(&c, (struct troupe_text){ "x", 1 });
	if (tr_config_current_mode(&c, &mode) && (mode.size != 1 || mode.data[0] != 'x'))
		abort();
	tr_config_has_mode(&c, (struct troupe_text){ "y", 1 }, &out);
	tr_bytes_clear(&out);
	tr_put_map(&out, 2);
	tr_config_put(&c, &out);
	if (tr_value_check(tr_bytes_value(&out), 64) != 0)
		abort();
	tr_bytes_free(&out);
	tr_config_fini(&c);
	return 0;
}
