/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of what an agent offers; only their current values are ever rewritten. */
#include "runtime/sandbox/session/config.h"

#include <string.h>

#include "proto/json.h"
#include "runtime/base/limits.h"
#include "runtime/sandbox/items.h"

#define NAMES_SHOWN 64 /* in a sentence */

void tr_config_fini(struct tr_config *c)
{
	tr_bytes_free(&c->modes);
	tr_bytes_free(&c->options);
}

/* ------------------------------------------------------------------ walking */

/* The elements of a packed array; anything else has none. */
struct list { struct tr_cursor cursor; uint32_t left; };

static struct list list_of(struct troupe_value v)
{
	struct list l = { .cursor = tr_cursor(v) };
	struct tr_item head;

	if (v.size > 0 && tr_next(&l.cursor, &head) == 0 && head.kind == TR_ARRAY)
		l.left = head.count;
	return l;
}

static bool list_next(struct list *l, struct troupe_value *ret)
{
	if (l->left == 0 || tr_skip(&l->cursor, ret) < 0)
		return false;
	l->left--;
	return true;
}

static struct troupe_value member(struct troupe_value object, const char *name)
{
	struct troupe_value v = { 0 };

	return tr_value_member(object, name, &v) ? v : (struct troupe_value){ 0 };
}

static bool member_text(struct troupe_value object, const char *name, struct troupe_text *ret)
{
	struct troupe_value v = member(object, name);

	return v.size > 0 && tr_value_text(v, ret);
}

static bool is_text(struct troupe_text text, const char *other)
{
	return text.size == strlen(other) && memcmp(text.data, other, text.size) == 0;
}

static bool same_text(struct troupe_text a, struct troupe_text b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* One more name of a list in a sentence. */
static void put_name(struct tr_bytes *out, struct troupe_text name, unsigned *shown)
{
	if (!out || *shown > NAMES_SHOWN)
		return;
	tr_bytes_put_text(out, (*shown)++ ? ", " : "");
	if (*shown > NAMES_SHOWN)
		tr_bytes_put_text(out, "...");
	else
		tr_bytes_put(out, name.data, name.size);
}

bool tr_config_same(struct troupe_value a, struct troupe_value b)
{
	struct troupe_text x, y;

	if (tr_value_text(a, &x) && tr_value_text(b, &y))
		return same_text(x, y);
	return a.size > 0 && a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* ------------------------------------------------------------------ rewriting */

/* The object with another value under this name, which it has. */
static void put_replaced(struct tr_bytes *out, struct troupe_value object, const char *name, struct troupe_value value)
{
	struct tr_cursor c = tr_cursor(object);
	struct tr_item map;

	if (tr_next(&c, &map) < 0)
		return;
	tr_put_map(out, map.count);
	for (uint32_t i = 0; i < map.count; i++) {
		struct troupe_value key = { 0 }, old = { 0 };
		struct troupe_text text = { 0 };

		tr_skip(&c, &key);
		tr_skip(&c, &old);
		tr_put_value(out, key);
		tr_put_value(out, tr_value_text(key, &text) && is_text(text, name) ? value : old);
	}
}

static void swap_in(struct tr_bytes *into, struct tr_bytes *made)
{
	if (!made->failed) {
		struct tr_bytes old = *into;

		*into = *made;
		*made = old;
	}
	tr_bytes_free(made);
}

static void set_current_mode(struct tr_config *c, struct troupe_value mode)
{
	struct tr_bytes made = { 0 };

	if (member(tr_bytes_value(&c->modes), "currentModeId").size == 0)
		return;
	put_replaced(&made, tr_bytes_value(&c->modes), "currentModeId", mode);
	swap_in(&c->modes, &made);
}

/* Of the first option whose member `by` is this. */
static void set_current_value(struct tr_config *c, const char *by, const char *name, struct troupe_value value)
{
	struct list l = list_of(tr_bytes_value(&c->options));
	struct tr_bytes made = { 0 };
	struct troupe_value option;
	struct troupe_text text;
	bool found = false;

	tr_put_array(&made, l.left);
	while (list_next(&l, &option)) {
		bool is_it = !found && member_text(option, by, &text) && is_text(text, name) && member(option, "currentValue").size > 0;

		if (is_it)
			put_replaced(&made, option, "currentValue", value);
		else
			tr_put_value(&made, option);
		found = found || is_it;
	}
	if (found)
		swap_in(&c->options, &made);
	tr_bytes_free(&made);
}

void tr_config_mode(struct tr_config *c, struct troupe_text mode)
{
	struct tr_bytes value = { 0 };

	tr_put_str(&value, mode.data, mode.size);
	set_current_mode(c, tr_bytes_value(&value));
	set_current_value(c, "category", "mode", tr_bytes_value(&value));
	tr_bytes_free(&value);
}

/* The option knows the mode better than we do. */
static void mode_follows(struct tr_config *c)
{
	struct troupe_value option, value;
	struct troupe_text mode;

	if (!tr_config_find(c, "category", "mode", &option))
		return;
	value = member(option, "currentValue");
	if (value.size > 0 && tr_value_text(value, &mode) && tr_config_has_mode(c, mode, NULL))
		set_current_mode(c, value);
}

void tr_config_option(struct tr_config *c, const char *id, struct troupe_value value)
{
	set_current_value(c, "id", id, value);
	mode_follows(c);
}

/* ------------------------------------------------------------------ what the agent says */

static bool take(struct tr_bytes *into, struct troupe_text object, const char *name, enum tr_kind kind)
{
	struct tr_bytes packed = { .max = TR_CONFIG_BYTES_MAX };
	struct tr_cursor c;
	struct tr_item head;
	struct troupe_text json;
	bool taken = tr_json_find(object, &json, name, NULL)
	             && tr_json_decode(&packed, json, TR_JSON_PLAIN, TR_CONFIG_DEPTH_MAX, NULL) == 0 && !packed.failed;

	c = tr_cursor(tr_bytes_value(&packed));
	taken = taken && tr_next(&c, &head) == 0 && head.kind == kind;
	packed.max = 0;
	if (taken)
		swap_in(into, &packed);
	tr_bytes_free(&packed);
	return taken;
}

void tr_config_begin(struct tr_config *c, struct troupe_text result)
{
	tr_config_fini(c);
	take(&c->modes, result, "modes", TR_MAP);
	take(&c->options, result, "configOptions", TR_ARRAY);
}

bool tr_config_take_options(struct tr_config *c, struct troupe_text object)
{
	if (!take(&c->options, object, "configOptions", TR_ARRAY))
		return false;
	mode_follows(c);
	return true;
}

/* ------------------------------------------------------------------ looking */

bool tr_config_current_mode(const struct tr_config *c, struct troupe_text *ret)
{
	return c->modes.size > 0 && member_text(tr_bytes_value(&c->modes), "currentModeId", ret);
}

bool tr_config_has_mode(const struct tr_config *c, struct troupe_text mode, struct tr_bytes *allowed)
{
	struct list l = list_of(c->modes.size > 0 ? member(tr_bytes_value(&c->modes), "availableModes") : (struct troupe_value){ 0 });
	struct troupe_value each;
	struct troupe_text id;
	unsigned shown = 0;
	bool known = l.left > 0, found = false;

	while (list_next(&l, &each)) {
		if (!member_text(each, "id", &id))
			continue;
		found = found || same_text(id, mode);
		put_name(allowed, id, &shown);
	}
	return found || !known;
}

bool tr_config_find(const struct tr_config *c, const char *by, const char *name, struct troupe_value *ret)
{
	struct list l = list_of(tr_bytes_value(&c->options));
	struct troupe_text text;

	while (list_next(&l, ret)) {
		if (member_text(*ret, by, &text) && is_text(text, name))
			return true;
	}
	return false;
}

bool tr_config_at(const struct tr_config *c, uint32_t index, struct troupe_value *ret)
{
	return c->options.size > 0 && tr_value_element(tr_bytes_value(&c->options), index, ret);
}

void tr_config_names(const struct tr_config *c, const char *by, struct tr_bytes *out)
{
	struct list l = list_of(tr_bytes_value(&c->options));
	struct troupe_value option;
	struct troupe_text text;
	unsigned shown = 0;

	while (list_next(&l, &option)) {
		if (member_text(option, by, &text))
			put_name(out, text, &shown);
	}
}

/* In a list of { value }, and of { options: [ { value } ] }: groups. */
static bool among(struct list l, struct troupe_value value, struct tr_bytes *allowed, unsigned *shown, bool groups)
{
	struct troupe_value each;
	struct troupe_text text;
	bool found = false;

	while (list_next(&l, &each)) {
		struct troupe_value its = member(each, "value");

		if (its.size > 0 && tr_value_text(its, &text)) {
			found = found || tr_config_same(its, value);
			put_name(allowed, text, shown);
		} else if (groups) {
			found = among(list_of(member(each, "options")), value, allowed, shown, false) || found;
		}
	}
	return found;
}

bool tr_option_takes(struct troupe_value option, struct troupe_value value, struct tr_bytes *allowed)
{
	struct tr_cursor c = tr_cursor(value);
	struct tr_item item;
	struct troupe_text type;
	unsigned shown = 0;

	if (member_text(option, "type", &type) && is_text(type, "boolean")) {
		if (allowed)
			tr_bytes_put_text(allowed, "true, false");
		return tr_next(&c, &item) == 0 && item.kind == TR_BOOL;
	}
	return among(list_of(member(option, "options")), value, allowed, &shown, true);
}

void tr_config_put(const struct tr_config *c, struct tr_bytes *out)
{
	tr_item_put_packed(out, "modes", &c->modes);
	tr_item_put_packed(out, "configOptions", &c->options);
}
