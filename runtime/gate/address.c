/* SPDX-License-Identifier: Apache-2.0 */
/* Gateway addressing. Two forms: /gateway/{id}[@{token}]/..., and /gateway/{name}/...?rvt-... where the query names the
 * key. The second is recognised by any parameter that begins with rvt-; all of those must be known, and come once. */
#include "runtime/gate/address.h"

#include <string.h>

#include "proto/key.h"
#include "runtime/base/limits.h"
#include "runtime/gate/text.h"

enum param { NAMESPACE, METHOD, RUNNER, POOL, KEY, INPUT, REGION, CRASH_POLICY, TOKEN, SKIP_READY_WAIT, PARAMS };

static const char *const param_names[PARAMS] = {
	[NAMESPACE]    = "rvt-namespace",
	[METHOD]       = "rvt-method",
	[RUNNER]       = "rvt-runner",
	[POOL]         = "rvt-pool",
	[KEY]          = "rvt-key",
	[INPUT]        = "rvt-input",
	[REGION]       = "rvt-region",
	[CRASH_POLICY] = "rvt-crash-policy",
	[TOKEN]        = "rvt-token",
	[SKIP_READY_WAIT] = "rvt-skip-ready-wait",
};

struct params {
	bool given[PARAMS];
	struct tr_bytes value[PARAMS]; /* decoded */
};

static int fail(const char **why, int error, const char *sentence)
{
	*why = sentence;
	return error;
}

/* ---- by key */

static int take_param(struct params *p, struct troupe_text name, struct troupe_text value, const char **why)
{
	for (int i = 0; i < PARAMS; i++) {
		if (!tr_text_is(name, param_names[i]))
			continue;
		if (p->given[i])
			return TROUPE_EDUPPARAM;
		p->given[i] = true;
		tr_text_percent_decode(&p->value[i], value, true);
		return p->value[i].failed ? TROUPE_ENOMEM : 0;
	}
	return fail(why, TROUPE_EQUERY, "A parameter that begins with rvt- is not known.");
}

static void keep_piece(struct tr_bytes *query, bool *first, struct troupe_text piece)
{
	if (!*first)
		tr_bytes_put_byte(query, '&');
	*first = false;
	tr_bytes_put(query, piece.data, piece.size);
}

/* Parts the query into gateway parameters and what is the actor's. */
static int split_query(struct params *p, struct tr_bytes *rest, struct troupe_text query, const char **why)
{
	struct troupe_text piece, name;
	bool first = true;
	int err = 0;

	while (!err && tr_text_split(&query, '&', &piece)) {
		struct troupe_text value = piece;

		tr_text_split(&value, '=', &name);
		if (tr_text_begins(name, "rvt-"))
			err = take_param(p, name, value, why);
		else
			keep_piece(rest, &first, piece);
	}
	return err;
}

static bool is_one_of(const struct tr_bytes *value, const char *const *choices)
{
	for (; *choices; choices++)
		if (tr_text_is(tr_text_of(value), *choices))
			return true;
	return false;
}

static int check_method(struct tr_target *t, const struct params *p, const char **why)
{
	struct troupe_text method = tr_text_of(&p->value[METHOD]);

	t->create = tr_text_is(method, "getOrCreate");
	if (!t->create && !tr_text_is(method, "get"))
		return fail(why, TROUPE_EQUERY, p->given[METHOD] ? "rvt-method is neither get nor getOrCreate."
		                                                 : "rvt-method is missing.");
	if (t->create)
		return p->given[RUNNER] || p->given[POOL] ? 0 : TROUPE_ENOPOOL;
	if (p->given[RUNNER] || p->given[POOL] || p->given[INPUT] || p->given[REGION] || p->given[CRASH_POLICY])
		return TROUPE_EGETPARAM;
	return 0;
}

static int check_params(struct tr_target *t, const struct params *p, const char **why)
{
	static const char *const policies[] = { "sleep", "restart", "destroy", NULL };
	static const char *const booleans[] = { "true", "1", "false", "0", NULL };

	if (!p->value[NAMESPACE].size)
		return fail(why, TROUPE_EQUERY, "rvt-namespace is missing.");
	if (!tr_name_plain(tr_text_of(&p->value[NAMESPACE]), TR_NAME_BYTES_MAX))
		return TROUPE_ENAMESPACE;
	if (p->given[CRASH_POLICY] && !is_one_of(&p->value[CRASH_POLICY], policies))
		return fail(why, TROUPE_EQUERY, "rvt-crash-policy is not one of sleep, restart, destroy.");
	if (p->given[SKIP_READY_WAIT] && !is_one_of(&p->value[SKIP_READY_WAIT], booleans))
		return fail(why, TROUPE_EQUERY, "rvt-skip-ready-wait is neither true nor false.");
	return check_method(t, p, why);
}

/* Fills in the target from parameters that go together. */
static int use_params(struct tr_target *t, struct params *p, const char **why)
{
	static const struct tr_key_limits limits = { TR_KEY_PART_BYTES_MAX, TR_KEY_BYTES_MAX };
	int err = tr_key_from_query(&t->key, tr_text_of(&p->value[KEY]), &limits);

	if (err)
		return fail(why, err, err == TROUPE_EINVAL ? "rvt-key is not UTF-8." : NULL);
	if (p->given[INPUT])
		err = tr_client_decode_input(&t->input, tr_text_of(&p->value[INPUT]), true, TR_DEPTH_MAX);
	t->has_token = p->given[TOKEN];
	t->token = p->value[TOKEN];
	t->namespace = p->value[NAMESPACE];
	p->value[TOKEN] = p->value[NAMESPACE] = (struct tr_bytes){ 0 };
	return err;
}

static int parse_by_key(struct tr_target *t, struct troupe_text segment, struct troupe_text query, const char **why)
{
	struct params p = { .given = { false } };
	int err;

	t->by_key = true;
	if (memchr(segment.data, '@', segment.size))
		return TROUPE_EATTOKEN;
	tr_text_percent_decode(&t->name, segment, false);
	if (t->name.size > TR_NAME_BYTES_MAX || !tr_text_clean(tr_text_of(&t->name)))
		return fail(why, TROUPE_EINVAL, "The actor's name is longer than 128 bytes, or not UTF-8.");
	err = split_query(&p, &t->query, query, why);
	if (!err)
		err = check_params(t, &p, why);
	if (!err)
		err = use_params(t, &p, why);
	for (int i = 0; i < PARAMS; i++)
		tr_bytes_free(&p.value[i]);
	return err;
}

/* ---- by id */

int tr_target_by_id(struct tr_target *ret, struct troupe_text id, struct troupe_text path, struct troupe_text query)
{
	ret->path = path;
	tr_bytes_put(&ret->query, query.data, query.size);
	tr_text_percent_decode(&ret->id, id, false);
	/* Nobody has an id that long, or one that is no text. */
	if (!ret->id.size || ret->id.size > TR_NAME_BYTES_MAX || !tr_text_clean(tr_text_of(&ret->id)))
		return TROUPE_ENOTFOUND;
	return 0;
}

static int parse_by_id(struct tr_target *t, struct troupe_text segment, struct troupe_text query)
{
	struct troupe_text id;

	tr_text_split(&segment, '@', &id);
	if (!id.size || (segment.data && !segment.size))
		return TR_TARGET_NONE;
	t->has_token = segment.data;
	tr_text_percent_decode(&t->token, segment, false);
	return tr_target_by_id(t, id, t->path, query);
}

/* ---- both */

static bool has_rvt(struct troupe_text query)
{
	struct troupe_text piece;

	while (tr_text_split(&query, '&', &piece))
		if (tr_text_begins(piece, "rvt-"))
			return true;
	return false;
}

int tr_target_parse(struct tr_target *ret, struct troupe_text path, struct troupe_text query, const char **why)
{
	struct troupe_text rest, segment;

	*ret = (struct tr_target){ .by_key = false };
	*why = NULL;
	if (memmem(path.data, path.size, "//", 2) || !tr_text_skip(&path, "/gateway/"))
		return TR_TARGET_NONE;
	rest = path;
	tr_text_split(&rest, '/', &segment);
	ret->path = tr_text(path.data + segment.size, path.size - segment.size);
	if (!segment.size)
		return TR_TARGET_NONE;
	return has_rvt(query) ? parse_by_key(ret, segment, query, why) : parse_by_id(ret, segment, query);
}

void tr_target_fini(struct tr_target *t)
{
	tr_bytes_free(&t->id);
	tr_bytes_free(&t->namespace);
	tr_bytes_free(&t->name);
	tr_bytes_free(&t->key);
	tr_bytes_free(&t->input);
	tr_bytes_free(&t->token);
	tr_bytes_free(&t->query);
}

struct tr_address tr_target_address(const struct tr_target *t)
{
	return (struct tr_address){
		.id     = tr_text_of(&t->id),
		.namespace = tr_text_of(&t->namespace),
		.name   = tr_text_of(&t->name),
		.key    = tr_text_of(&t->key),
		.create = t->create && !t->observes,
		.observes = t->observes,
		.input  = tr_bytes_value(&t->input),
	};
}

/* "/what" alone, or with more segments behind it. */
static bool is_under(struct troupe_text path, const char *what)
{
	return tr_text_begins(path, what) && (path.size == strlen(what) || path.data[strlen(what)] == '/');
}

/* "/what/" and one segment, which is appended to `name`, decoded. */
static bool is_named(struct troupe_text path, const char *what, struct tr_bytes *name)
{
	size_t size = strlen(what);

	if (!tr_text_begins(path, what) || path.size == size || memchr(path.data + size, '/', path.size - size))
		return false;
	tr_text_percent_decode(name, tr_text(path.data + size, path.size - size), false);
	return true;
}

enum tr_wish tr_wish_of(struct troupe_text path, struct tr_bytes *name)
{
	if (is_named(path, "/action/", name))
		return TR_WISH_ACTION;
	if (is_named(path, "/queue/", name))
		return TR_WISH_QUEUE;
	if (is_under(path, "/request"))
		return TR_WISH_REQUEST;
	if (is_under(path, "/websocket"))
		return TR_WISH_WEBSOCKET;
	if (tr_text_is(path, "/connect"))
		return TR_WISH_CONNECT;
	if (tr_text_is(path, "/health"))
		return TR_WISH_HEALTH;
	return tr_text_is(path, "/metadata") ? TR_WISH_METADATA : TR_WISH_NOTHING;
}
