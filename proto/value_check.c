/* SPDX-License-Identifier: Apache-2.0 */
/* Packed values, checked as a whole: once, where they come in; whoever reads them later may rely on it. */
#include "proto/json.h"
#include "proto/key.h"
#include "proto/troupe_errors.h"
#include "proto/value.h"

static int check_item(struct tr_cursor *c, unsigned depth);

static int check_array(struct tr_cursor *c, uint32_t count, unsigned depth)
{
	int err = depth ? 0 : TROUPE_EBADVALUE;

	while (!err && count--)
		err = check_item(c, depth - 1);
	return err;
}

static int check_map(struct tr_cursor *c, uint32_t pairs, unsigned depth)
{
	int err = depth ? 0 : TROUPE_EBADVALUE;

	while (!err && pairs--) {
		struct tr_cursor key = *c;
		struct tr_item item;

		err = tr_next(&key, &item);
		if (!err && item.kind != TR_STR)
			err = TROUPE_EBADVALUE;
		if (!err)
			err = check_item(c, depth - 1);
		if (!err)
			err = check_item(c, depth - 1);
	}
	return err;
}

/* A Set's or Map's payload: one array and nothing else. */
static int check_wrapped(const struct tr_item *item, unsigned depth)
{
	struct tr_cursor c;
	uint32_t count;
	int err = tr_open_wrapped(item, &c, &count);

	if (!err)
		err = check_array(&c, count, depth);
	return err || c.at != c.end ? TROUPE_EBADVALUE : 0;
}

static int check_item(struct tr_cursor *c, unsigned depth)
{
	struct tr_item item;
	int err = tr_next(c, &item);

	if (err)
		return err;
	switch (item.kind) {
	case TR_ARRAY: return check_array(c, item.count, depth);
	case TR_MAP:   return check_map(c, item.count, depth);
	case TR_STR:   return tr_utf8_valid(item.data, item.size) ? 0 : TROUPE_EBADVALUE;
	case TR_SET:
	case TR_JSMAP: return check_wrapped(&item, depth);
	case TR_JSON:  return tr_json_check((struct troupe_text){ item.data, item.size }, TR_JSON_KEPT_DEPTH, NULL);
	default:       return 0;
	}
}

int tr_value_check(struct troupe_value v, unsigned depth)
{
	struct tr_cursor c = tr_cursor(v);
	int err = check_item(&c, depth);

	return err || c.at != c.end ? TROUPE_EBADVALUE : 0;
}
