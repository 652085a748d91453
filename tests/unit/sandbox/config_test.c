/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent lets people choose, and which of it is current. */
#include "tests/kit/test.h"

#include <string.h>

#include "proto/json.h"
#include "runtime/base/limits.h"
#include "runtime/sandbox/session/config.h"
#include "tests/kit/text.h"

static const char result[] =
	"{\"sessionId\":\"s\",\"modes\":{\"currentModeId\":\"ask\",\"availableModes\":[{\"id\":\"ask\",\"name\":\"Ask\"},"
	"{\"id\":\"code\"},{\"name\":\"no id\"}]},\"configOptions\":["
	"{\"id\":\"m\",\"category\":\"model\",\"type\":\"select\",\"currentValue\":\"small\",\"options\":[{\"value\":\"small\"},"
	"{\"value\":\"large\"}]},"
	"{\"id\":\"md\",\"category\":\"mode\",\"type\":\"select\",\"currentValue\":\"ask\",\"options\":[{\"value\":\"ask\"},"
	"{\"value\":\"code\"}]},"
	"{\"id\":\"t\",\"category\":\"thought_level\",\"type\":\"select\",\"currentValue\":\"low\",\"options\":["
	"{\"group\":\"g\",\"options\":[{\"value\":\"low\"}]},{\"group\":\"h\",\"options\":[{\"value\":\"high\"}]}]},"
	"{\"id\":\"web\",\"type\":\"boolean\",\"currentValue\":false}]}";

static struct tr_config begun(const char *json)
{
	struct tr_config c = { 0 };

	tr_config_begin(&c, text(json));
	return c;
}

/* What the record says, as JSON. */
static const char *shown(const struct tr_config *c)
{
	static struct tr_bytes json;
	struct tr_bytes packed = { 0 };

	tr_bytes_free(&json);
	tr_put_map(&packed, 2);
	tr_config_put(c, &packed);
	assert_int_equal(tr_json_encode(&json, tr_bytes_value(&packed), TR_JSON_PLAIN), 0);
	tr_bytes_free(&packed);
	return tr_bytes_text(&json);
}

static struct troupe_value value_of(struct tr_bytes *into, const char *json)
{
	tr_bytes_clear(into);
	assert_int_equal(tr_json_decode(into, text(json), TR_JSON_PLAIN, 8, NULL), 0);
	return tr_bytes_value(into);
}

static void assert_current(const struct tr_config *c, const char *mode, const char *mode_option)
{
	struct troupe_value option, member;
	struct troupe_text current;

	assert_true(tr_config_current_mode(c, &current));
	assert_int_equal(current.size, strlen(mode));
	assert_memory_equal(current.data, mode, current.size);
	assert_true(tr_config_find(c, "category", "mode", &option));
	assert_true(tr_value_member(option, "currentValue", &member) && tr_value_text(member, &current));
	assert_int_equal(current.size, strlen(mode_option));
	assert_memory_equal(current.data, mode_option, current.size);
}

TEST(nothing_is_known_at_first)
{
	struct tr_config c = begun("{\"sessionId\":\"s\",\"modes\":null,\"configOptions\":{}}");
	struct troupe_value option;
	struct troupe_text mode;

	assert_int_equal(c.modes.size, 0);
	assert_int_equal(c.options.size, 0);
	assert_false(tr_config_current_mode(&c, &mode));
	assert_true(tr_config_has_mode(&c, text("any"), NULL));
	assert_false(tr_config_find(&c, "id", "m", &option));
	assert_false(tr_config_at(&c, 0, &option));
	tr_config_mode(&c, text("ask"));
	assert_string_equal(shown(&c), "{\"modes\":null,\"configOptions\":null}");
	tr_config_fini(&c);
}

TEST(what_is_not_in_a_new_answer_is_unknown_again)
{
	struct tr_config c = begun(result);

	assert_true(c.modes.size > 0 && c.options.size > 0);
	tr_config_begin(&c, text("{\"configOptions\":[]}"));
	assert_string_equal(shown(&c), "{\"modes\":null,\"configOptions\":[]}");
	tr_config_fini(&c);
}

TEST(the_mode_is_one_whoever_sets_it)
{
	struct tr_config c = begun(result);
	struct tr_bytes v = { 0 };

	tr_config_mode(&c, text("code"));
	assert_current(&c, "code", "code");
	tr_config_option(&c, "md", value_of(&v, "\"ask\""));
	assert_current(&c, "ask", "ask");
	assert_true(tr_config_take_options(&c, text("{\"configOptions\":[{\"id\":\"md\",\"category\":\"mode\","
		"\"currentValue\":\"code\",\"options\":[{\"value\":\"code\"}]}]}")));
	assert_current(&c, "code", "code");
	assert_true(tr_config_take_options(&c, text("{\"configOptions\":[{\"id\":\"md\",\"category\":\"mode\","
		"\"currentValue\":\"not a mode\",\"options\":[]}]}")));
	assert_current(&c, "code", "not a mode");
	tr_bytes_free(&v);
	tr_config_fini(&c);
}

TEST(an_update_without_options_changes_nothing)
{
	struct tr_config c = begun(result);

	assert_false(tr_config_take_options(&c, text("{}")));
	assert_false(tr_config_take_options(&c, text("{\"configOptions\":\"none\"}")));
	assert_true(c.options.size > 0);
	tr_config_fini(&c);
}

TEST(what_may_be_chosen_is_named_groups_included)
{
	struct tr_config c = begun(result);
	struct tr_bytes v = { 0 }, names = { 0 };
	struct troupe_value option;

	assert_false(tr_config_has_mode(&c, text("plan"), &names));
	assert_string_equal(tr_bytes_text(&names), "ask, code");
	tr_bytes_clear(&names);
	assert_true(tr_config_find(&c, "category", "thought_level", &option));
	assert_true(tr_option_takes(option, value_of(&v, "\"high\""), NULL));
	assert_false(tr_option_takes(option, value_of(&v, "\"max\""), &names));
	assert_string_equal(tr_bytes_text(&names), "low, high");
	tr_bytes_clear(&names);
	tr_config_names(&c, "category", &names);
	assert_string_equal(tr_bytes_text(&names), "model, mode, thought_level");
	tr_bytes_free(&names);
	tr_bytes_free(&v);
	tr_config_fini(&c);
}

TEST(a_boolean_option_takes_booleans_only)
{
	struct tr_config c = begun(result);
	struct tr_bytes v = { 0 };
	struct troupe_value option, current;

	assert_true(tr_config_find(&c, "id", "web", &option));
	assert_true(tr_option_takes(option, value_of(&v, "true"), NULL));
	assert_false(tr_option_takes(option, value_of(&v, "\"true\""), NULL));
	tr_config_option(&c, "web", value_of(&v, "true"));
	assert_true(tr_config_find(&c, "id", "web", &option));
	assert_true(tr_value_member(option, "currentValue", &current));
	assert_true(tr_config_same(current, value_of(&v, "true")));
	assert_false(tr_config_same(current, value_of(&v, "false")));
	tr_bytes_free(&v);
	tr_config_fini(&c);
}

TEST(more_than_can_be_kept_counts_as_unknown)
{
	struct tr_bytes json = { 0 };
	struct tr_config c = { 0 };

	tr_bytes_put_text(&json, "{\"configOptions\":[\"");
	for (int i = 0; i <= TR_CONFIG_BYTES_MAX; i++)
		tr_bytes_put_byte(&json, 'x');
	tr_bytes_put_text(&json, "\"],\"modes\":{\"currentModeId\":\"ask\"}}");
	tr_config_begin(&c, (struct troupe_text){ (const char *)json.data, json.size });
	assert_int_equal(c.options.size, 0);
	assert_true(c.modes.size > 0);
	tr_bytes_free(&json);
	tr_config_fini(&c);
}

TEST(long_lists_are_cut_in_sentences)
{
	struct tr_bytes json = { 0 }, names = { 0 };
	struct tr_config c = { 0 };

	tr_bytes_put_text(&json, "{\"modes\":{\"availableModes\":[{\"id\":\"m\"}");
	for (int i = 0; i < 200; i++)
		tr_bytes_put_text(&json, ",{\"id\":\"m\"}");
	tr_bytes_put_text(&json, "]}}");
	tr_config_begin(&c, (struct troupe_text){ (const char *)json.data, json.size });
	assert_false(tr_config_has_mode(&c, text("x"), &names));
	assert_true(names.size < 300);
	assert_non_null(strstr(tr_bytes_text(&names), ", ..."));
	tr_bytes_free(&json);
	tr_bytes_free(&names);
	tr_config_fini(&c);
}

TESTS(
	RUN(nothing_is_known_at_first),
	RUN(what_is_not_in_a_new_answer_is_unknown_again),
	RUN(the_mode_is_one_whoever_sets_it),
	RUN(an_update_without_options_changes_nothing),
	RUN(what_may_be_chosen_is_named_groups_included),
	RUN(a_boolean_option_takes_booleans_only),
	RUN(more_than_can_be_kept_counts_as_unknown),
	RUN(long_lists_are_cut_in_sentences))
