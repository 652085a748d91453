/* SPDX-License-Identifier: Apache-2.0 */
/* PUT /actors and POST /actors: a body says who is to be there (spec/rivetkit-client.md 3). */
#include <stdio.h>

#include "proto/json.h"
#include "proto/key.h"
#include "runtime/gate/control.h"
#include "runtime/gate/rows.h"
#include "runtime/gate/text.h"

static const struct tr_key_limits key_limits = { TR_KEY_PART_BYTES_MAX, TR_KEY_BYTES_MAX };

/* What such a body says. Lends from the packed body but for key and input. */
struct order { struct troupe_text name; struct tr_bytes key, input; };

/* False: it is there, but no text. Missing or null: data NULL. */
static bool read_text(struct troupe_value body, const char *name, struct troupe_text *ret)
{
	struct troupe_value value;
	struct tr_cursor c;
	struct tr_item item;

	*ret = tr_text(NULL, 0);
	if (!tr_value_member(body, name, &value) || tr_value_text(value, ret))
		return true;
	c = tr_cursor(value);
	return !tr_next(&c, &item) && item.kind == TR_NIL;
}

static int read_input(struct order *o, struct troupe_text input, const char **why)
{
	int err;

	*why = "input is longer than 4 MiB.";
	if (input.size > TR_INPUT_BYTES_MAX)
		return TROUPE_EINVAL;
	err = input.data ? tr_client_decode_input(&o->input, input, false, TR_DEPTH_MAX) : 0;
	*why = err == TROUPE_EBASE64 ? "input is not base64." : err == TROUPE_EINPUT ? "input is not valid CBOR." : NULL;
	return err;
}

static int read_order(struct order *o, struct troupe_value body, const char **why)
{
	struct troupe_text key, input;
	int err;

	*why = "name must be a text of 1 to 128 bytes.";
	if (!read_text(body, "name", &o->name) || !o->name.size || o->name.size > TR_NAME_BYTES_MAX || !tr_text_clean(o->name))
		return TROUPE_EINVAL;
	*why = "key and input must be texts, without U+0000, or be left out.";
	if (!read_text(body, "key", &key) || !read_text(body, "input", &input))
		return TROUPE_EINVAL;
	err = tr_key_from_control(&o->key, key, &key_limits);
	if (err == TROUPE_EKEY)
		*why = NULL;
	return err ? err : read_input(o, input, why);
}

/* more: what stands behind the row. */
static void answer_row(struct tr_exchange *x, const struct tr_failure *failure, const struct tr_actor_row *row, const char *more)
{
	if (!tr_exchange_paid(x))
		return;
	if (failure) {
		tr_exchange_failure(x, failure);
		return;
	}
	tr_bytes_put_text(&x->out, "{\"actor\":");
	tr_put_row(&x->out, row);
	tr_bytes_put_text(&x->out, more);
	tr_exchange_json(x, 200, &x->out);
}

static void on_put(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	answer_row(arg, failure, row, created ? ",\"created\":true}" : ",\"created\":false}");
}

static void on_post(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	(void)created;
	answer_row(arg, failure, row, "}");
}

void tr_control_create(struct tr_exchange *x, const struct tr_http_head *head, struct troupe_text body)
{
	struct tr_core *core = x->client->gate->o.core;
	struct order o = { .name = { NULL, 0 } };
	struct tr_bytes packed = { 0 };
	struct tr_address to = { .create = true };
	const char *why;
	char not_json[128];
	int err = tr_json_decode(&packed, body, TR_JSON_PLAIN, TR_DEPTH_MAX, &why);

	if (err) {
		snprintf(not_json, sizeof(not_json), "The body is not JSON: %s", why);
		why = not_json;
		err = TROUPE_EINVAL;
	} else {
		err = read_order(&o, tr_bytes_value(&packed), &why);
	}
	to.namespace = tr_text_of(&x->target.namespace);
	to.name      = o.name;
	to.key       = tr_text_of(&o.key);
	to.input     = tr_bytes_value(&o.input);
	x->owed = !err;
	if (err)
		tr_exchange_fail(x, err, why);
	else if (tr_text_is(head->method, "PUT"))
		tr_core_resolve(core, &to, on_put, x);
	else
		tr_core_create(core, &to, on_post, x);
	tr_bytes_free(&packed);
	tr_bytes_free(&o.key);
	tr_bytes_free(&o.input);
}
