/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sandbox/items.h"

#include <string.h>

#include "runtime/base/mem.h"

void tr_item_put_text(struct tr_bytes *out, const char *name, const char *text)
{
	tr_put_text(out, name);
	tr_put_text(out, text);
}

void tr_item_put_number(struct tr_bytes *out, const char *name, int64_t n)
{
	tr_put_text(out, name);
	tr_put_int(out, n);
}

void tr_item_put_packed(struct tr_bytes *out, const char *name, const struct tr_bytes *packed)
{
	tr_put_text(out, name);
	if (packed->size > 0)
		tr_put_value(out, tr_bytes_value(packed));
	else
		tr_put_nil(out);
}

void tr_item_put_bytes(struct tr_bytes *out, const char *name, const struct tr_bytes *b)
{
	tr_put_text(out, name);
	tr_put_str(out, (const char *)b->data, b->size);
}

static bool find_text(struct troupe_value v, const char *name, struct troupe_text *ret)
{
	struct troupe_value member;

	return tr_value_member(v, name, &member) && tr_value_text(member, ret);
}

void tr_item_text(struct troupe_value v, const char *name, char *into, size_t room)
{
	struct troupe_text text;

	into[0] = '\0';
	if (!find_text(v, name, &text) || text.size >= room)
		return;
	memcpy(into, text.data, text.size);
	into[text.size] = '\0';
}

char *tr_item_new_text(struct troupe_value v, const char *name)
{
	struct troupe_text text;

	return find_text(v, name, &text) ? tr_strndup(text.data, text.size) : NULL;
}

void tr_item_bytes(struct troupe_value v, const char *name, struct tr_bytes *into)
{
	struct troupe_text text;

	if (find_text(v, name, &text))
		tr_bytes_put(into, text.data, text.size);
}

int64_t tr_item_number(struct troupe_value v, const char *name)
{
	struct troupe_value member;
	int64_t n;

	return tr_value_member(v, name, &member) && tr_value_integer(member, &n) ? n : 0;
}
